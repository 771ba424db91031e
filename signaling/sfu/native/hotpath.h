/* The compiled hot path, as Python sees it: library.py reads this file too, so only what cffi understands may stand
 * here.  What each structure means is said once, beside the Python class that it mirrors. */
#pragma once
#include <stdint.h>

#define HOT_SLOTS 64
#define HOT_SLOT_BYTES 2048
#define HOT_NAME_BYTES 28
/* A header extension element with its own byte in front (RFC 8285). */
#define HOT_MID_BYTES 17
/* MAX_PACKET_BYTES of dtls_adapter.py, before protection. */
#define HOT_PACKET_BYTES 1600
/* MAX_RUN of fastpath.py. */
#define HOT_RUN 32
/* KEEP_PACKETS and KEEP_MS of store.py. */
#define HOT_KEEP_PACKETS 64
#define HOT_KEEP_MS 2000
#define HOT_MAX_SIBLINGS 3
/* SILENT_FRAMES and SILENT_MS of layers.py. */
#define HOT_SILENT_FRAMES 3
#define HOT_SILENT_MS 350
/* MAX_DROPOUT of sequence.py. */
#define HOT_MAX_DROPOUT 3000
/* Louder than any level: none was heard. */
#define HOT_NO_LEVEL 128
/* SSRCs of one peer: MAX_SSRCS of uplink.py. */
#define HOT_MAX_SSRCS 64
/* Proven addresses of one socket; more are served by Python. */
#define HOT_MAX_ROUTES 16384
/* Captured packets that wait for the record to take them; then Python hands them over one by one. */
#define HOT_CAPTURE_BYTES 262144

/* hot_stream.kind */
#define HOT_AUDIO 0
#define HOT_VP8 1
#define HOT_H264 2

/* hot_socket.odd: why a datagram is Python's: it was not touched, or it is a plain RTP packet now. */
#define HOT_DATAGRAM 0
#define HOT_PLAIN 1
/* It was taken; those of its subscribers that go the plain way are left. */
#define HOT_TAKEN 2

/* One packet kept for retransmission: stream.py, Media. */
struct hot_cached {
    int64_t number;
    int64_t arrived_ns;
    uint8_t *body;
    uint32_t timestamp;
    int32_t size;
    int32_t room;
    int32_t payload_at;
    int32_t marker;
    int32_t picture_at;
    int32_t picture_id;
    int32_t long_picture_id;
    int32_t tl0_at;
    int32_t tl0;
};

/* Captured packets, each behind the kind 1, the time of arrival (ns) and the length, big-endian: capture.py. */
struct hot_capture {
    uint8_t *data;
    int64_t used, room, count, first_ns, last_ns;
    struct hot_capture *next;
};

/* rate.py, Arrivals. */
struct hot_arrivals {
    int64_t sent_units, heard_ns, packets;
    double sent_ns, least_ns;
};

struct hot_own;
struct hot_worker;

/* The first rows are store.py's StreamState; the rest Python sets before it lends the stream. */
struct hot_stream {
    int64_t highest, cycle, suspect;
    int64_t base, received, bytes, jitter, transit;
    int64_t last_packet_ns, sibling_frames, stopped;
    int64_t hot_packets, hot_octets, hot_ns, hot_number;
    int64_t level;
    int32_t lent;
    int32_t kind, clock_rate, payload_type, out_payload_type, frames_end;
    int32_t send_time_id, orientation_id, level_id;
    int32_t temporal_layers, slow;
    int32_t siblings_count;
    struct hot_stream *siblings[HOT_MAX_SIBLINGS];
    struct hot_capture *capture;
    struct hot_own *own;
};

/* What one peer sends: its keys (0 while there are none), its streams by SSRC. */
struct hot_ingress {
    uintptr_t context;
    int64_t heard_ns;
    struct hot_arrivals arrivals;
    int32_t count;
    uint32_t ssrcs[HOT_MAX_SSRCS];
    struct hot_stream *streams[HOT_MAX_SSRCS];
    struct hot_worker *worker;
    struct hot_ingress *next;
};

struct hot_socket {
    uint8_t *slots;
    uint8_t *names;
    int32_t sizes[HOT_SLOTS];
    int32_t count, odd, odd_size;
    int32_t segmentation;
    int64_t dropped, forged;
};

const char *hot_source(void);

struct hot_worker *hot_worker_new(uintptr_t protect, uintptr_t unprotect, int32_t send_time_id, int32_t orientation_id,
                                  int32_t level_id);
void hot_worker_free(struct hot_worker *worker);
void hot_overloaded(struct hot_worker *worker, int32_t overloaded);
void hot_flush(struct hot_worker *worker);
void hot_send(struct hot_worker *worker);

struct hot_socket *hot_socket_new(struct hot_worker *worker, int32_t fd, int32_t name_bytes, int32_t segmentation);
void hot_socket_close(struct hot_socket *sock);
int32_t hot_bind(struct hot_socket *sock, const uint8_t *name, struct hot_ingress *ingress);
void hot_unbind(struct hot_socket *sock, const uint8_t *name);
int32_t hot_turn(struct hot_socket *sock, int64_t now_ns);
int32_t hot_go_on(struct hot_socket *sock, int32_t from, int64_t now_ns);

struct hot_ingress *hot_ingress_new(struct hot_worker *worker);
void hot_ingress_free(struct hot_ingress *ingress);
int32_t hot_ingress_add(struct hot_ingress *ingress, uint32_t ssrc, struct hot_stream *stream);
void hot_ingress_remove(struct hot_ingress *ingress, uint32_t ssrc);

struct hot_stream *hot_stream_new(struct hot_worker *worker, int32_t cache_packets);
void hot_stream_free(struct hot_stream *stream);
int32_t hot_claim(struct hot_stream *stream, int64_t number);
int32_t hot_keep(struct hot_stream *stream, const struct hot_cached *packet);
const struct hot_cached *hot_find(struct hot_stream *stream, int64_t number);
int32_t hot_subscribe(struct hot_stream *stream, struct hot_socket *sock, uintptr_t context, uintptr_t name,
                      uint32_t ssrc, uint32_t delta, uint32_t timestamp_delta, uint32_t picture_delta,
                      uint32_t tl0_delta, const uint8_t *mid, int32_t mid_size, int64_t named_below);
void hot_unsubscribe(struct hot_stream *stream);
int32_t hot_push(struct hot_stream *stream, int64_t number, int64_t now_ns);
void hot_write(struct hot_stream *stream);

struct hot_capture *hot_capture_new(struct hot_worker *worker);
void hot_capture_free(struct hot_worker *worker, struct hot_capture *capture);
