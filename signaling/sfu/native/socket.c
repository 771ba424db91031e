/* Datagrams in and out of one socket, in batches: mmsg.py is the reference. */
#include "internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#define SEND_MESSAGES 256
#define SEND_BYTES (512 * 1024)
#define MAX_MESSAGE_BYTES 65000
#define BUCKETS 4096

struct route {
    struct route *next;
    struct hot_ingress *ingress;
    uint8_t name[HOT_NAME_BYTES];
};

struct control {
    _Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
};

struct socket {
    struct hot_socket seen;
    struct hot_worker *worker;
    struct socket *next;
    int fd;
    size_t name_bytes;
    struct mmsghdr in[HOT_SLOTS];
    struct iovec in_iov[HOT_SLOTS];
    struct mmsghdr out[SEND_MESSAGES];
    struct iovec out_iov[SEND_MESSAGES];
    struct control control[SEND_MESSAGES];
    uint16_t segments[SEND_MESSAGES];
    uint8_t out_names[SEND_MESSAGES][HOT_NAME_BYTES];
    uint8_t *out_bytes;
    int32_t count, used, routes;
    struct route *buckets[BUCKETS];
};

static struct socket *own(struct hot_socket *sock) { return (struct socket *)sock; }

struct hot_socket *hot_socket_new(struct hot_worker *worker, int32_t fd, int32_t name_bytes, int32_t segmentation) {
    struct socket *sock = calloc(1, sizeof *sock);
    if (!sock) return NULL;
    sock->seen.slots = calloc(HOT_SLOTS, HOT_SLOT_BYTES);
    sock->seen.names = calloc(HOT_SLOTS, HOT_NAME_BYTES);
    sock->out_bytes = malloc(SEND_BYTES);
    if (!sock->seen.slots || !sock->seen.names || !sock->out_bytes || name_bytes > HOT_NAME_BYTES) {
        free(sock->seen.slots);
        free(sock->seen.names);
        free(sock->out_bytes);
        free(sock);
        return NULL;
    }
    sock->seen.segmentation = segmentation;
    sock->worker = worker;
    sock->fd = fd;
    sock->name_bytes = (size_t)name_bytes;
    for (int i = 0; i < HOT_SLOTS; i++) {
        sock->in_iov[i] = (struct iovec){sock->seen.slots + i * HOT_SLOT_BYTES, HOT_SLOT_BYTES};
        sock->in[i].msg_hdr.msg_name = sock->seen.names + i * HOT_NAME_BYTES;
        sock->in[i].msg_hdr.msg_iov = &sock->in_iov[i];
        sock->in[i].msg_hdr.msg_iovlen = 1;
    }
    for (int i = 0; i < SEND_MESSAGES; i++) {
        sock->out[i].msg_hdr.msg_name = sock->out_names[i];
        sock->out[i].msg_hdr.msg_namelen = (socklen_t)name_bytes;
        sock->out[i].msg_hdr.msg_iov = &sock->out_iov[i];
        sock->out[i].msg_hdr.msg_iovlen = 1;
        struct cmsghdr *control = (struct cmsghdr *)sock->control[i].bytes;
        control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
        control->cmsg_level = SOL_UDP;
        control->cmsg_type = UDP_SEGMENT;
    }
    sock->next = worker->sockets;
    worker->sockets = sock;
    return &sock->seen;
}

/* What is still sent to it is dropped; its memory goes with the worker's. */
void hot_socket_close(struct hot_socket *sock) { own(sock)->fd = -1; }

void hot_socket_free(struct hot_socket *given) {
    struct socket *sock = own(given);
    for (struct socket **at = &sock->worker->sockets; *at; at = &(*at)->next) {
        if (*at == sock) {
            *at = sock->next;
            break;
        }
    }
    for (struct hot_stream *stream = sock->worker->streams; stream; stream = stream->own->next)
        for (int32_t i = 0; i < stream->own->subscribers_count; i++)
            if (stream->own->subscribers[i].sock == given) hot_unsubscribe(stream);
    for (int i = 0; i < BUCKETS; i++)
        for (struct route *route = sock->buckets[i], *next; route; route = next) {
            next = route->next;
            free(route);
        }
    free(sock->seen.slots);
    free(sock->seen.names);
    free(sock->out_bytes);
    free(sock);
}

/* --- who sends from where ------------------------------------------------------------------ */

static struct route **route_of(struct socket *sock, const uint8_t *name) {
    uint32_t hash = 2166136261u; /* FNV-1a; only addresses that proved a password are in the table */
    for (size_t i = 0; i < sock->name_bytes; i++) hash = (hash ^ name[i]) * 16777619u;
    struct route **at = &sock->buckets[(hash ^ hash >> 16) % BUCKETS];
    while (*at && memcmp((*at)->name, name, sock->name_bytes)) at = &(*at)->next;
    return at;
}

int32_t hot_bind(struct hot_socket *given, const uint8_t *name, struct hot_ingress *ingress) {
    struct socket *sock = own(given);
    struct route **at = route_of(sock, name);
    if (!*at) {
        struct route *route = sock->routes < HOT_MAX_ROUTES ? calloc(1, sizeof *route) : NULL;
        if (!route) return 0;
        memcpy(route->name, name, sock->name_bytes);
        *at = route;
        sock->routes++;
    }
    (*at)->ingress = ingress;
    return 1;
}

void hot_unbind(struct hot_socket *given, const uint8_t *name) {
    struct socket *sock = own(given);
    struct route **at = route_of(sock, name), *route = *at;
    if (!route) return;
    *at = route->next;
    sock->routes--;
    free(route);
}

void hot_sockets_forget(struct hot_worker *worker, const struct hot_ingress *ingress) {
    for (struct socket *sock = worker->sockets; sock; sock = sock->next)
        for (int i = 0; i < BUCKETS; i++)
            for (struct route **at = &sock->buckets[i]; *at;) {
                struct route *route = *at;
                if (route->ingress == ingress) {
                    *at = route->next;
                    sock->routes--;
                    free(route);
                } else {
                    at = &route->next;
                }
            }
}

/* --- in -------------------------------------------------------------------------------------- */

/* `count` is -1 for the error of an earlier send. */
static void receive(struct socket *sock) {
    for (int i = 0; i < HOT_SLOTS; i++) sock->in[i].msg_hdr.msg_namelen = (socklen_t)sock->name_bytes;
    int count = recvmmsg(sock->fd, sock->in, HOT_SLOTS, MSG_DONTWAIT, NULL);
    if (count < 0) count = errno == EAGAIN || errno == EINTR || errno == EBADF ? 0 : -1;
    for (int i = 0; i < count; i++) sock->seen.sizes[i] = (int32_t)sock->in[i].msg_len;
    sock->seen.count = count;
}

/* Whether the datagram is done with; if not, `odd` says what Python gets. */
static int take_slot(struct socket *sock, int32_t i, int64_t now_ns) {
    uint8_t *data = sock->seen.slots + i * HOT_SLOT_BYTES;
    int size = sock->seen.sizes[i];
    sock->seen.odd = HOT_DATAGRAM;
    if (size < 2 || data[0] < 128 || data[0] > 191 || (data[1] >= 192 && data[1] <= 223)) return 0;
    const struct route *route = *route_of(sock, sock->seen.names + i * HOT_NAME_BYTES);
    if (!route || !route->ingress->context) return 0;
    struct hot_ingress *ingress = route->ingress;
    if (sock->worker->unprotect((void *)ingress->context, data, &size)) {
        sock->seen.forged++;
        return 1;
    }
    ingress->heard_ns = now_ns;
    sock->seen.odd = hot_take(ingress, data, size, now_ns);
    sock->seen.odd_size = size;
    return !sock->seen.odd;
}

int32_t hot_go_on(struct hot_socket *given, int32_t from, int64_t now_ns) {
    for (int32_t i = from < 0 ? 0 : from; i < given->count && i < HOT_SLOTS; i++)
        if (!take_slot(own(given), i, now_ns)) return i;
    return given->count;
}

/* Reads a batch and takes it up to the first datagram that is Python's; without one, what was taken is sent. */
int32_t hot_turn(struct hot_socket *given, int64_t now_ns) {
    receive(own(given));
    int32_t at = hot_go_on(given, 0, now_ns);
    if (at >= given->count) hot_flush(own(given)->worker);
    return at;
}

/* --- out ------------------------------------------------------------------------------------- */

int hot_outbox_full(struct hot_socket *given) {
    return own(given)->count >= SEND_MESSAGES || own(given)->used > SEND_BYTES - MAX_MESSAGE_BYTES;
}

uint8_t *hot_outbox_at(struct hot_socket *given) { return own(given)->out_bytes + own(given)->used; }

void hot_outbox_add(struct hot_socket *given, const uint8_t *name, int32_t size, int32_t segment) {
    struct socket *sock = own(given);
    int32_t i = sock->count++;
    struct msghdr *head = &sock->out[i].msg_hdr;
    sock->out_iov[i] = (struct iovec){sock->out_bytes + sock->used, (size_t)size};
    memcpy(sock->out_names[i], name, HOT_NAME_BYTES);
    sock->segments[i] = (uint16_t)segment;
    memcpy(CMSG_DATA((struct cmsghdr *)sock->control[i].bytes), &sock->segments[i], sizeof sock->segments[i]);
    head->msg_control = segment ? sock->control[i].bytes : NULL;
    head->msg_controllen = segment ? CMSG_SPACE(sizeof(uint16_t)) : 0;
    sock->used += (size + 7) & ~7;
}

/* The kernel refused a message of several datagrams: they go one by one, and no more are made. */
static void send_pieces(struct socket *sock, int32_t i) {
    struct mmsghdr *message = &sock->out[i];
    struct iovec *piece = &sock->out_iov[i];
    size_t left = piece->iov_len, segment = sock->segments[i];
    message->msg_hdr.msg_control = NULL;
    message->msg_hdr.msg_controllen = 0;
    while (left) {
        piece->iov_len = left < segment ? left : segment;
        if (sendmmsg(sock->fd, message, 1, MSG_DONTWAIT) < 1) sock->seen.dropped++;
        left -= piece->iov_len;
        piece->iov_base = (uint8_t *)piece->iov_base + piece->iov_len;
    }
}

void hot_outbox_send(struct hot_socket *given) {
    struct socket *sock = own(given);
    int32_t count = sock->count;
    sock->count = sock->used = 0;
    for (int32_t at = 0; at < count;) {
        int sent = sendmmsg(sock->fd, sock->out + at, (unsigned)(count - at), MSG_DONTWAIT);
        if (sent > 0) {
            at += sent;
        } else if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) {
            sock->seen.dropped += count - at;
            return;
        } else {
            if (sock->segments[at] &&
                (errno == EINVAL || errno == EIO || errno == EMSGSIZE || errno == EOPNOTSUPP)) {
                sock->seen.segmentation = 0;
                send_pieces(sock, at);
            } else {
                sock->seen.dropped++;
            }
            at++;
        }
    }
}

void hot_sockets_send(struct hot_worker *worker) {
    for (struct socket *sock = worker->sockets; sock; sock = sock->next)
        if (sock->count) hot_outbox_send(&sock->seen);
}
