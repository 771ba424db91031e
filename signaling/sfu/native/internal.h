/* What the files of the hot path share with each other and nobody else sees. */
#pragma once
#define _GNU_SOURCE
#include "hotpath.h"

#define NS_PER_S 1000000000
#define NS_PER_MS 1000000
#define HEADER_BYTES 12

/* rtp.py, RtpPacket: offsets into the datagram. */
struct packet {
    const uint8_t *data;
    int32_t size;
    uint32_t timestamp, ssrc;
    uint16_t sequence;
    uint8_t marker, payload_type;
    int32_t profile, extension_at, extension_end, payload_at, payload_end;
};

/* A header extension element; no bytes if it is absent. */
struct element {
    const uint8_t *data;
    int32_t size;
};

/* vp8.py, Vp8Descriptor, as far as it is needed here. */
struct vp8 {
    int32_t keyframe, picture_at, picture_id, long_picture_id, tl0_at, tl0, temporal_layer;
};

/* fastpath.py, HotEntry. */
struct subscriber {
    struct hot_socket *sock;
    void *context;
    uint8_t name[HOT_NAME_BYTES];
    uint32_t ssrc, timestamp_delta;
    uint16_t delta, picture_delta;
    uint8_t tl0_delta;
    uint8_t mid[HOT_MID_BYTES];
    int32_t mid_size;
    int64_t named_below;
};

struct hot_own {
    struct hot_worker *worker;
    struct hot_stream *next, *next_dirty;
    struct hot_cached *slots;
    int64_t mask, oldest;
    struct subscriber *subscribers;
    int32_t subscribers_count, subscribers_room;
    struct hot_cached *run[HOT_RUN];
    int32_t run_count, dirty;
};

typedef int (*crypt_function)(void *context, void *packet, int *size);

struct hot_worker {
    crypt_function protect, unprotect;
    int32_t send_time_id, orientation_id, level_id, overloaded;
    struct hot_stream *streams, *first_dirty, *last_dirty;
    struct hot_ingress *ingresses;
    struct hot_capture *captures;
    struct socket *sockets;
};

/* rtp.c */
int hot_parse(const uint8_t *data, int32_t size, struct packet *packet);
void hot_elements(const struct packet *packet, const int32_t *ids, struct element *found, int32_t count);
int hot_vp8(const uint8_t *data, int32_t at, int32_t end, struct vp8 *found);
int hot_h264_starts_keyframe(const uint8_t *data, int32_t at, int32_t end);

/* stream.c */
struct hot_cached *hot_slot(struct hot_stream *stream, int64_t number);
int hot_reserve(struct hot_cached *slot, int32_t size);
void hot_expire(struct hot_stream *stream, int64_t number, int64_t now_ns);
int hot_capture_reserve(struct hot_capture *capture, int32_t size);
void hot_capture_add(struct hot_capture *capture, const uint8_t *data, int32_t size, int64_t now_ns);
void hot_push_slot(struct hot_stream *stream, struct hot_cached *slot, int64_t now_ns);

/* take.c: HOT_PLAIN if nothing was changed and the packet is Python's, HOT_TAKEN if some subscribers are, else 0. */
int hot_take(struct hot_ingress *ingress, const uint8_t *data, int32_t size, int64_t now_ns);

/* socket.c: messages that wait to be sent. */
int hot_outbox_full(struct hot_socket *sock);
uint8_t *hot_outbox_at(struct hot_socket *sock);
void hot_outbox_add(struct hot_socket *sock, const uint8_t *name, int32_t size, int32_t segment);
void hot_outbox_send(struct hot_socket *sock);
void hot_socket_free(struct hot_socket *sock);
void hot_sockets_send(struct hot_worker *worker);
void hot_sockets_forget(struct hot_worker *worker, const struct hot_ingress *ingress);
