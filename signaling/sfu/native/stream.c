/* One received stream: its packets kept for retransmission, its subscribers, and what waits to be sent to them.
 * store.py and fastpath.py are the reference. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define CAPTURE_HEAD_BYTES 13
#define CAPTURE_ROOM_BYTES 16384
#define BODY_ROOM_BYTES 64
#define BLOCK_HEAD_BYTES 4

struct hot_stream *hot_stream_new(struct hot_worker *worker, int32_t cache_packets) {
    struct hot_stream *stream = calloc(1, sizeof *stream);
    struct hot_own *own = calloc(1, sizeof *own);
    struct hot_cached *slots = calloc((size_t)cache_packets, sizeof *slots);
    if (!stream || !own || !slots) {
        free(stream);
        free(own);
        free(slots);
        return NULL;
    }
    for (int32_t i = 0; i < cache_packets; i++) slots[i].number = -1;
    own->worker = worker;
    own->slots = slots;
    own->mask = cache_packets - 1;
    own->next = worker->streams;
    worker->streams = stream;
    stream->own = own;
    return stream;
}

static void forget_dirty(struct hot_worker *worker, const struct hot_stream *stream) {
    struct hot_stream *last = NULL;
    for (struct hot_stream **at = &worker->first_dirty; *at;) {
        if (*at == stream) {
            *at = stream->own->next_dirty;
        } else {
            last = *at;
            at = &last->own->next_dirty;
        }
    }
    worker->last_dirty = last;
}

void hot_stream_free(struct hot_stream *stream) {
    struct hot_own *own = stream->own;
    struct hot_worker *worker = own->worker;
    if (own->dirty) forget_dirty(worker, stream);
    for (struct hot_stream **at = &worker->streams; *at; at = &(*at)->own->next) {
        if (*at == stream) {
            *at = own->next;
            break;
        }
    }
    for (struct hot_stream *other = worker->streams; other; other = other->own->next)
        for (int32_t i = 0; i < other->siblings_count; i++)
            if (other->siblings[i] == stream) other->siblings[i--] = other->siblings[--other->siblings_count];
    for (struct hot_ingress *ingress = worker->ingresses; ingress; ingress = ingress->next)
        for (int32_t i = ingress->count - 1; i >= 0; i--)
            if (ingress->streams[i] == stream) hot_ingress_remove(ingress, ingress->ssrcs[i]);
    for (int64_t i = 0; i <= own->mask; i++) free(own->slots[i].body);
    free(own->slots);
    free(own->subscribers);
    free(own);
    free(stream);
}

/* --- packets kept ------------------------------------------------------------------------ */

struct hot_cached *hot_slot(struct hot_stream *stream, int64_t number) {
    return &stream->own->slots[number & stream->own->mask];
}

static void drop_body(struct hot_cached *slot) {
    free(slot->body);
    slot->body = NULL;
    slot->room = slot->size = 0;
}

int hot_reserve(struct hot_cached *slot, int32_t size) {
    if (slot->room >= size && slot->room <= 2 * size + BODY_ROOM_BYTES) return 1;
    uint8_t *body = malloc((size_t)size);
    if (!body) return 0;
    free(slot->body);
    slot->body = body;
    slot->room = size;
    return 1;
}

void hot_expire(struct hot_stream *stream, int64_t number, int64_t now_ns) {
    struct hot_own *own = stream->own;
    if (own->oldest < number - own->mask) own->oldest = number - own->mask;
    for (; own->oldest < number - HOT_KEEP_PACKETS; own->oldest++) {
        struct hot_cached *slot = hot_slot(stream, own->oldest);
        if (slot->number != own->oldest || !slot->size) continue;
        if (now_ns - slot->arrived_ns <= (int64_t)HOT_KEEP_MS * NS_PER_MS) return;
        drop_body(slot);
    }
}

/* A slot is used anew: what still waits in it leaves first. */
static void let_go(struct hot_stream *stream, const struct hot_cached *slot) {
    for (int32_t i = 0; i < stream->own->run_count; i++)
        if (stream->own->run[i] == slot) {
            hot_write(stream);
            return;
        }
}

int32_t hot_claim(struct hot_stream *stream, int64_t number) {
    struct hot_cached *slot = hot_slot(stream, number);
    if (number < 0 || slot->number >= number) return 0;
    let_go(stream, slot);
    slot->number = number;
    slot->size = 0;
    return 1;
}

int32_t hot_keep(struct hot_stream *stream, const struct hot_cached *packet) {
    struct hot_cached *slot = hot_slot(stream, packet->number);
    if (slot->number != packet->number || packet->size < 1) return 0;
    let_go(stream, slot);
    if (!hot_reserve(slot, packet->size)) return 0;
    uint8_t *body = slot->body;
    int32_t room = slot->room;
    *slot = *packet;
    slot->body = body;
    slot->room = room;
    memcpy(body, packet->body, (size_t)packet->size);
    hot_expire(stream, packet->number, packet->arrived_ns);
    return 1;
}

const struct hot_cached *hot_find(struct hot_stream *stream, int64_t number) {
    const struct hot_cached *slot = hot_slot(stream, number);
    return number >= 0 && slot->number == number ? slot : NULL;
}

/* --- subscribers --------------------------------------------------------------------------- */

int32_t hot_subscribe(struct hot_stream *stream, struct hot_socket *sock, uintptr_t context, uintptr_t name,
                      uint32_t ssrc, uint32_t delta, uint32_t timestamp_delta, uint32_t picture_delta,
                      uint32_t tl0_delta, const uint8_t *mid, int32_t mid_size, int64_t named_below) {
    struct hot_own *own = stream->own;
    if (mid_size < 0 || mid_size > HOT_MID_BYTES) return 0;
    if (own->subscribers_count == own->subscribers_room) {
        int32_t room = own->subscribers_room ? own->subscribers_room * 2 : 8;
        struct subscriber *more = realloc(own->subscribers, (size_t)room * sizeof *more);
        if (!more) return 0;
        own->subscribers = more;
        own->subscribers_room = room;
    }
    struct subscriber *one = &own->subscribers[own->subscribers_count++];
    one->sock = sock;
    one->context = (void *)context;
    memcpy(one->name, (const void *)name, HOT_NAME_BYTES);
    one->ssrc = ssrc;
    one->delta = (uint16_t)delta;
    one->timestamp_delta = timestamp_delta;
    one->picture_delta = (uint16_t)picture_delta;
    one->tl0_delta = (uint8_t)tl0_delta;
    memcpy(one->mid, mid, (size_t)mid_size);
    one->mid_size = mid_size;
    one->named_below = mid_size ? named_below : 0;
    return 1;
}

void hot_unsubscribe(struct hot_stream *stream) {
    stream->lent = 0;
    stream->own->subscribers_count = 0;
    stream->own->run_count = 0;
}

/* --- out ----------------------------------------------------------------------------------- */

void hot_push_slot(struct hot_stream *stream, struct hot_cached *slot, int64_t now_ns) {
    struct hot_own *own = stream->own;
    stream->hot_packets++;
    stream->hot_octets += slot->size - slot->payload_at;
    stream->hot_ns = now_ns;
    stream->hot_number = slot->number;
    if (slot->size > HOT_PACKET_BYTES - HEADER_BYTES) return;
    if (!own->dirty) {
        struct hot_worker *worker = own->worker;
        own->dirty = 1;
        own->next_dirty = NULL;
        if (worker->last_dirty)
            worker->last_dirty->own->next_dirty = stream;
        else
            worker->first_dirty = stream;
        worker->last_dirty = stream;
    }
    own->run[own->run_count++] = slot;
    if (own->run_count == HOT_RUN) hot_write(stream);
}

int32_t hot_push(struct hot_stream *stream, int64_t number, int64_t now_ns) {
    struct hot_cached *slot = hot_slot(stream, number);
    if (slot->number != number || !slot->size || !stream->own->subscribers_count) return 0;
    hot_push_slot(stream, slot, now_ns);
    return 1;
}

static void put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value) {
    put16(at, value >> 16);
    put16(at + 2, value);
}

/* The bytes of the extension block as this subscriber gets it. */
static int32_t block_size(const struct hot_cached *packet, const struct subscriber *to) {
    if (packet->number >= to->named_below) return packet->payload_at;
    int32_t elements = packet->payload_at ? packet->payload_at - BLOCK_HEAD_BYTES : 0;
    return BLOCK_HEAD_BYTES + ((elements + to->mid_size + 3) & ~3);
}

static int32_t whole_size(const struct hot_cached *packet, const struct subscriber *to) {
    return HEADER_BYTES + block_size(packet, to) + packet->size - packet->payload_at;
}

/* rtp.py, extended: one element more in the block. */
static void write_named_block(uint8_t *out, const struct hot_cached *packet, const struct subscriber *to, int32_t size) {
    int32_t elements = packet->payload_at ? packet->payload_at - BLOCK_HEAD_BYTES : 0;
    memset(out, 0, (size_t)size);
    put16(out, 0xBEDE);
    put16(out + 2, (uint32_t)(size - BLOCK_HEAD_BYTES) / 4);
    memcpy(out + BLOCK_HEAD_BYTES, packet->body + packet->payload_at - elements, (size_t)elements);
    memcpy(out + BLOCK_HEAD_BYTES + elements, to->mid, (size_t)to->mid_size);
}

static void write_packet(uint8_t *out, const struct hot_cached *packet, const struct subscriber *to,
                         int32_t payload_type) {
    int32_t block = block_size(packet, to);
    out[0] = block ? 0x90 : 0x80;
    out[1] = (uint8_t)(packet->marker | payload_type);
    put16(out + 2, (uint32_t)packet->number + to->delta);
    put32(out + 4, packet->timestamp + to->timestamp_delta);
    put32(out + 8, to->ssrc);
    uint8_t *payload = out + HEADER_BYTES + block;
    if (packet->number < to->named_below) {
        write_named_block(out + HEADER_BYTES, packet, to, block);
        memcpy(payload, packet->body + packet->payload_at, (size_t)(packet->size - packet->payload_at));
    } else {
        memcpy(out + HEADER_BYTES, packet->body, (size_t)packet->size);
    }
    if (to->picture_delta && packet->picture_at >= 0) {
        uint32_t picture = (uint32_t)packet->picture_id + to->picture_delta;
        if (packet->long_picture_id)
            put16(payload + packet->picture_at, 0x8000 | (picture & 0x7FFF));
        else
            payload[packet->picture_at] = picture & 0x7F;
    }
    if (to->tl0_delta && packet->tl0_at >= 0) payload[packet->tl0_at] = (uint8_t)(packet->tl0 + to->tl0_delta);
}

/* Packets of equal size go as one message; the last of them may be shorter (udp(7)). */
static int32_t part_end(struct hot_cached *const *run, int32_t from, int32_t count, const struct subscriber *to) {
    int32_t end = from + 1, size = whole_size(run[from], to);
    for (int closed = !to->sock->segmentation; end < count && !closed; end++) {
        int32_t next = whole_size(run[end], to);
        if (next > size) break;
        closed = next < size;
    }
    return end;
}

static void write_part(struct hot_stream *stream, const struct subscriber *to, int32_t from, int32_t end) {
    struct hot_own *own = stream->own;
    if (hot_outbox_full(to->sock)) hot_outbox_send(to->sock);
    uint8_t *out = hot_outbox_at(to->sock);
    int32_t used = 0, segment = 0;
    for (int32_t i = from; i < end; i++) {
        int size = whole_size(own->run[i], to);
        write_packet(out + used, own->run[i], to, stream->out_payload_type);
        if (own->worker->protect(to->context, out + used, &size)) break;
        if (!segment) segment = size;
        used += size;
    }
    if (used) hot_outbox_add(to->sock, to->name, used, end - from > 1 ? segment : 0);
}

void hot_write(struct hot_stream *stream) {
    struct hot_own *own = stream->own;
    int32_t count = own->run_count;
    own->run_count = 0;
    for (int32_t i = 0; i < own->subscribers_count; i++) {
        const struct subscriber *to = &own->subscribers[i];
        for (int32_t from = 0, end; from < count; from = end) {
            end = from + 1;
            if (whole_size(own->run[from], to) > HOT_PACKET_BYTES) continue;
            end = part_end(own->run, from, count, to);
            write_part(stream, to, from, end);
        }
    }
}

/* --- the record ---------------------------------------------------------------------------- */

struct hot_capture *hot_capture_new(struct hot_worker *worker) {
    struct hot_capture *capture = calloc(1, sizeof *capture);
    if (!capture) return NULL;
    capture->next = worker->captures;
    worker->captures = capture;
    return capture;
}

void hot_capture_free(struct hot_worker *worker, struct hot_capture *capture) {
    for (struct hot_stream *stream = worker->streams; stream; stream = stream->own->next)
        if (stream->capture == capture) {
            stream->capture = NULL;
            stream->lent = 0;
        }
    for (struct hot_capture **at = &worker->captures; *at; at = &(*at)->next) {
        if (*at == capture) {
            *at = capture->next;
            break;
        }
    }
    free(capture->data);
    free(capture);
}

int hot_capture_reserve(struct hot_capture *capture, int32_t size) {
    int64_t need = capture->used + CAPTURE_HEAD_BYTES + size;
    if (need <= capture->room) return 1;
    int64_t room = capture->room ? capture->room : CAPTURE_ROOM_BYTES;
    while (room < need) room *= 2;
    if (room > HOT_CAPTURE_BYTES) return 0;
    uint8_t *data = realloc(capture->data, (size_t)room);
    if (!data) return 0;
    capture->data = data;
    capture->room = room;
    return 1;
}

void hot_capture_add(struct hot_capture *capture, const uint8_t *data, int32_t size, int64_t now_ns) {
    uint8_t *at = capture->data + capture->used;
    at[0] = 1;
    put32(at + 1, (uint32_t)((uint64_t)now_ns >> 32));
    put32(at + 5, (uint32_t)now_ns);
    put32(at + 9, (uint32_t)size);
    memcpy(at + CAPTURE_HEAD_BYTES, data, (size_t)size);
    capture->used += CAPTURE_HEAD_BYTES + size;
    if (!capture->count++) capture->first_ns = now_ns;
    capture->last_ns = now_ns;
}
