/* Feeds the compiled hot path whatever bytes: test_hot_path.py builds this with the address sanitizer and runs it.
 *
 *     hot_path ROUNDS SEED FILE...
 *
 * Each file is one plain RTP packet; they are damaged and sent to streams that are lent, whose counters, subscribers and
 * neighbours change in between. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define MAX_FILES 256
#define STREAMS 4
#define TRAILER_BYTES 16

static uint64_t state;

static uint32_t chance(uint32_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 33) % below;
}

/* In the place of libsrtp: writes as far as it would. */
static int protect(void *context, void *packet, int *size) {
    (void)context;
    memset((uint8_t *)packet + *size, 0x5A, TRAILER_BYTES);
    *size += TRAILER_BYTES;
    return chance(50) == 0;
}

static int unprotect(void *context, void *packet, int *size) {
    (void)context;
    (void)packet;
    *size -= (int)chance(3);
    return *size < 0;
}

static void shuffle(struct hot_stream **streams, struct hot_socket *sock, struct hot_capture *capture) {
    struct hot_stream *stream = streams[chance(STREAMS)];
    static const uint8_t name[HOT_NAME_BYTES];
    stream->lent = chance(8) != 0;
    stream->kind = (int32_t)chance(3);
    stream->payload_type = chance(4) ? 96 : (int32_t)chance(128);
    stream->clock_rate = chance(2) ? 90000 : 48000;
    stream->send_time_id = (int32_t)chance(16);
    stream->orientation_id = (int32_t)chance(16);
    stream->level_id = (int32_t)chance(300);
    stream->temporal_layers = 1 + (int32_t)chance(4);
    stream->frames_end = (int32_t)chance(2);
    stream->slow = (int32_t)chance(2);
    stream->capture = chance(2) ? capture : NULL;
    if (chance(4) == 0) capture->used = capture->count = 0;
    if (chance(3) == 0) hot_unsubscribe(stream);
    if (chance(3) == 0) stream->lent = 1;
    while (chance(3))
        hot_subscribe(stream, sock, 1, (uintptr_t)name, chance(99), chance(65536), chance(1u << 31), chance(32768),
                      chance(256), name, (int32_t)chance(HOT_MID_BYTES + 1), (int64_t)chance(1u << 20));
    stream->siblings_count = (int32_t)chance(HOT_MAX_SIBLINGS + 1);
    for (int32_t i = 0; i < stream->siblings_count; i++) stream->siblings[i] = streams[chance(STREAMS)];
    if (chance(6) == 0) stream->highest = chance(3) ? (int64_t)chance(1u << 20) : -1;
    sock->segmentation = (int32_t)chance(2);
}

/* What Python does with a packet that is its own. */
static void as_python(struct hot_stream *stream, int64_t now_ns) {
    uint8_t body[2000] = {0};
    int64_t number = stream->highest < 0 ? 65536 : stream->highest + chance(600);
    if (!hot_claim(stream, number)) return;
    stream->highest = number;
    struct hot_cached packet = {.number = number, .arrived_ns = now_ns, .body = body, .picture_at = -1, .tl0_at = -1};
    packet.size = (int32_t)chance(1590);
    packet.payload_at = packet.size > 12 && chance(2) ? 12 : 0;
    if (hot_keep(stream, &packet)) hot_push(stream, number, now_ns);
}

int main(int count, char **arguments) {
    static uint8_t files[MAX_FILES][HOT_SLOT_BYTES];
    int sizes[MAX_FILES], stored = 0, taken = 0, rounds = atoi(arguments[1]);
    state = strtoull(arguments[2], NULL, 10) * 2654435761u + 88172645463325252u;
    for (int i = 3; i < count && stored < MAX_FILES; i++) {
        FILE *file = fopen(arguments[i], "rb");
        if (!file) return 2;
        sizes[stored] = (int)fread(files[stored], 1, HOT_SLOT_BYTES, file);
        fclose(file);
        stored++;
    }
    struct hot_worker *worker = hot_worker_new((uintptr_t)protect, (uintptr_t)unprotect, 2, 3, 1);
    struct hot_socket *sock = hot_socket_new(worker, -1, 16, 1);
    struct hot_capture *capture = hot_capture_new(worker);
    struct hot_ingress *ingress = hot_ingress_new(worker);
    struct hot_stream *streams[STREAMS];
    const uint8_t name[HOT_NAME_BYTES] = {0};
    for (int i = 0; i < STREAMS; i++) {
        streams[i] = hot_stream_new(worker, i ? 128 : 512);
        streams[i]->highest = -1;
        hot_ingress_add(ingress, (uint32_t)i, streams[i]);
    }
    ingress->context = 1;
    hot_bind(sock, name, ingress);
    int64_t now_ns = 1000;
    for (int round = 0; round < rounds; round++) {
        now_ns += chance(20) * NS_PER_MS;
        if (chance(20) == 0) hot_overloaded(worker, (int32_t)chance(2));
        if (chance(10) == 0) shuffle(streams, sock, capture);
        int slots = 1 + (int)chance(HOT_SLOTS);
        for (int i = 0; i < slots; i++) {
            int chosen = (int)chance((uint32_t)stored), size = sizes[chosen];
            /* Of exactly its size, so that a read past its end is seen. */
            uint8_t *data = malloc(size ? (size_t)size : 1);
            memcpy(data, files[chosen], (size_t)size);
            struct hot_stream *stream = streams[chance(STREAMS)];
            if (size >= HEADER_BYTES && chance(8)) {
                uint32_t ssrc = 0, number = (uint32_t)(stream->highest + 1);
                while (streams[ssrc] != stream) ssrc++;
                data[1] = (uint8_t)((data[1] & 0x80) | (stream->payload_type & 0x7F));
                data[2] = (uint8_t)(number >> 8);
                data[3] = (uint8_t)number;
                memset(data + 8, 0, 3);
                data[11] = (uint8_t)ssrc;
            }
            while (size > HEADER_BYTES && chance(3) == 0) data[HEADER_BYTES + (int)chance((uint32_t)size - 12)] = (uint8_t)chance(256);
            if (size > HEADER_BYTES && chance(6) == 0) data[0] = (uint8_t)(0x80 | chance(64));
            if (chance(12) == 0) size = (int)chance((uint32_t)size + 1);
            uint8_t *exact = malloc(size ? (size_t)size : 1);
            memcpy(exact, data, (size_t)size);
            taken += hot_take(ingress, exact, size, now_ns) != HOT_PLAIN;
            memcpy(sock->slots + i * HOT_SLOT_BYTES, data, (size_t)size);
            sock->sizes[i] = size;
            free(exact);
            free(data);
            if (chance(30) == 0) as_python(stream, now_ns);
        }
        sock->count = slots;
        for (int at = 0; at < slots; at++) at = hot_go_on(sock, at, now_ns);
        if (chance(3)) hot_flush(worker);
        if (chance(200) == 0) {
            int i = (int)chance(STREAMS);
            hot_stream_free(streams[i]);
            streams[i] = hot_stream_new(worker, 128);
            streams[i]->highest = -1;
            hot_ingress_add(ingress, (uint32_t)i, streams[i]);
        }
        if (chance(500) == 0) {
            hot_capture_free(worker, capture);
            capture = hot_capture_new(worker);
        }
    }
    hot_worker_free(worker);
    printf("%d taken\n", taken);
    return 0;
}
