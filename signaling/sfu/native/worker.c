/* What one worker has: its streams, its peers, its sockets; made and freed on the worker's own thread only. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#ifndef HOT_SOURCE
#define HOT_SOURCE ""
#endif

/* The hash of the sources that this was built from. */
const char *hot_source(void) { return HOT_SOURCE; }

struct hot_worker *hot_worker_new(uintptr_t protect, uintptr_t unprotect, int32_t send_time_id, int32_t orientation_id,
                                  int32_t level_id) {
    struct hot_worker *worker = calloc(1, sizeof *worker);
    if (!worker) return NULL;
    memcpy(&worker->protect, &protect, sizeof protect);
    memcpy(&worker->unprotect, &unprotect, sizeof unprotect);
    worker->send_time_id = send_time_id;
    worker->orientation_id = orientation_id;
    worker->level_id = level_id;
    return worker;
}

void hot_worker_free(struct hot_worker *worker) {
    while (worker->sockets) hot_socket_free((struct hot_socket *)worker->sockets);
    while (worker->ingresses) hot_ingress_free(worker->ingresses);
    while (worker->captures) hot_capture_free(worker, worker->captures);
    while (worker->streams) hot_stream_free(worker->streams);
    free(worker);
}

void hot_overloaded(struct hot_worker *worker, int32_t overloaded) { worker->overloaded = overloaded; }

void hot_send(struct hot_worker *worker) { hot_sockets_send(worker); }

void hot_flush(struct hot_worker *worker) {
    while (worker->first_dirty) {
        struct hot_stream *stream = worker->first_dirty;
        worker->first_dirty = stream->own->next_dirty;
        if (!worker->first_dirty) worker->last_dirty = NULL;
        stream->own->dirty = 0;
        hot_write(stream);
    }
    hot_sockets_send(worker);
}

struct hot_ingress *hot_ingress_new(struct hot_worker *worker) {
    struct hot_ingress *ingress = calloc(1, sizeof *ingress);
    if (!ingress) return NULL;
    ingress->arrivals.least_ns = INFINITY;
    ingress->worker = worker;
    ingress->next = worker->ingresses;
    worker->ingresses = ingress;
    return ingress;
}

void hot_ingress_free(struct hot_ingress *ingress) {
    hot_sockets_forget(ingress->worker, ingress);
    for (struct hot_ingress **at = &ingress->worker->ingresses; *at; at = &(*at)->next) {
        if (*at == ingress) {
            *at = ingress->next;
            break;
        }
    }
    free(ingress);
}

int32_t hot_ingress_add(struct hot_ingress *ingress, uint32_t ssrc, struct hot_stream *stream) {
    hot_ingress_remove(ingress, ssrc);
    if (ingress->count == HOT_MAX_SSRCS) return 0;
    ingress->ssrcs[ingress->count] = ssrc;
    ingress->streams[ingress->count++] = stream;
    return 1;
}

void hot_ingress_remove(struct hot_ingress *ingress, uint32_t ssrc) {
    for (int32_t i = 0; i < ingress->count; i++) {
        if (ingress->ssrcs[i] != ssrc) continue;
        ingress->count--;
        ingress->ssrcs[i] = ingress->ssrcs[ingress->count];
        ingress->streams[i] = ingress->streams[ingress->count];
        return;
    }
}
