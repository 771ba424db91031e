/* Records of a chunk become frames and packets, as long as nothing is missing, late or foreign.
 * content.py, media/rtp.py, media/vp8.py and media/frames.py are the reference. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define RECORD_BYTES 13
#define KIND_RTP 1
#define RTP_BYTES 12
#define FRAME_LIMIT_BYTES (8 * 1024 * 1024)
#define LATEST_NS ((int64_t)1 << 62)

struct packet {
    int64_t next, arrival_ns;
    const uint8_t *payload;
    int32_t size, payload_size;
    uint32_t timestamp;
    int marker;
};

struct descriptor {
    int32_t length, tl0, temporal;
    int starts, sync;
};

static uint32_t u16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }
static uint32_t u32(const uint8_t *at) { return u16(at) << 16 | u16(at + 2); }

const char *rec_source(void) { return REC_SOURCE; }

struct rec_batch *rec_batch_new(void) { return calloc(1, sizeof(struct rec_batch)); }

void rec_batch_clear(struct rec_batch *batch) {
    free(batch->units);
    free(batch->data);
}

void rec_batch_free(struct rec_batch *batch) {
    rec_batch_clear(batch);
    free(batch);
}

int rec_grow(void **data, int64_t *room, int64_t wanted, size_t each) {
    if (wanted <= *room) return 1;
    int64_t more = *room ? *room : 64;
    while (more < wanted) more *= 2;
    void *grown = realloc(*data, (size_t)more * each);
    if (!grown) return 0;
    *data = grown;
    *room = more;
    return 1;
}

static int add_data(struct rec_batch *batch, const uint8_t *data, int64_t size) {
    if (!rec_grow((void **)&batch->data, &batch->data_room, batch->used + size, 1)) return 0;
    if (size) memcpy(batch->data + batch->used, data, (size_t)size);
    batch->used += size;
    return 1;
}

static int add_unit(struct rec_batch *batch, const struct rec_unit *unit) {
    if (!rec_grow((void **)&batch->units, &batch->room, batch->count + 1, sizeof *unit)) return 0;
    batch->units[batch->count++] = *unit;
    return 1;
}

int32_t rec_batch_add(struct rec_batch *batch, const struct rec_unit *unit, const uint8_t *data) {
    struct rec_unit added = *unit;
    added.at = batch->used;
    return add_data(batch, data, unit->size) && add_unit(batch, &added);
}

/* The record at `at`, if it is the RTP packet that is expected; `next` is where the one after it begins. */
static int read_packet(const struct rec_walk *walk, const uint8_t *data, int64_t size, int64_t at, int32_t sequence,
                       int64_t last_ns, struct packet *packet) {
    if (size - at < RECORD_BYTES || data[at] != KIND_RTP) return 0;
    uint64_t mono_ns = (uint64_t)u32(data + at + 1) << 32 | u32(data + at + 5);
    int64_t length = u32(data + at + 9);
    if (mono_ns > (uint64_t)LATEST_NS || size - at - RECORD_BYTES < length || length < RTP_BYTES) return 0;
    const uint8_t *rtp = data + at + RECORD_BYTES;
    int64_t start = RTP_BYTES + 4 * (rtp[0] & 15), end = length;
    if (rtp[0] >> 6 != 2 || (rtp[1] & 0x7F) != walk->payload_type) return 0;
    if ((int32_t)u16(rtp + 2) != sequence || u32(rtp + 8) != walk->ssrc) return 0;
    if ((int64_t)mono_ns - last_ns > REC_STALL_NS) return 0;
    if (rtp[0] & 0x10) {
        if (start + 4 > length) return 0;
        start += 4 + 4 * (int64_t)u16(rtp + start + 2);
    }
    if (rtp[0] & 0x20) end -= rtp[length - 1];
    if (start > end) return 0;
    packet->next = at + RECORD_BYTES + length;
    packet->arrival_ns = (int64_t)mono_ns;
    packet->payload = rtp + start;
    packet->size = (int32_t)length;
    packet->payload_size = (int32_t)(end - start);
    packet->timestamp = u32(rtp + 4);
    packet->marker = rtp[1] >> 7;
    return 1;
}

/* RFC 7741 §4.2. */
static int read_descriptor(const uint8_t *data, int32_t size, struct descriptor *found) {
    int32_t at = 1;
    *found = (struct descriptor){0, -1, -1, 0, 0};
    if (size < 1) return 0;
    uint8_t first = data[0];
    if (first & 0x80) {
        if (at >= size) return 0;
        uint8_t flags = data[at++];
        if (flags & 0x80) {
            if (at >= size) return 0;
            if (data[at++] & 0x80) {
                if (at >= size) return 0;
                at++;
            }
        }
        if (flags & 0x40) {
            if (at >= size) return 0;
            found->tl0 = data[at++];
        }
        if (flags & 0x30) {
            if (flags & 0x20) {
                if (at >= size) return 0;
                found->temporal = data[at] >> 6;
                found->sync = data[at] >> 5 & 1;
            }
            at++;
        }
    }
    if (at > size) return 0;
    found->length = at;
    found->starts = first & 0x10 && !(first & 0x07);
    return 1;
}

/* Decodable.keeps of frames.py. */
static int keeps(struct rec_walk *walk, const struct descriptor *head, int key, int after_loss) {
    if (key) {
        walk->has_kept = 1;
        walk->kept_ssrc = walk->ssrc;
        walk->tl0 = head->tl0;
        walk->need_key = walk->need_sync = 0;
        return 1;
    }
    if (walk->need_key || !walk->has_kept || walk->kept_ssrc != walk->ssrc) return 0;
    if (head->temporal < 0 || head->tl0 < 0 || walk->tl0 < 0) {
        walk->need_key = (uint8_t)after_loss;
        return !after_loss;
    }
    if (head->temporal == 0) {
        if (after_loss) {
            walk->need_key = head->tl0 != ((walk->tl0 + 1) & 0xFF);
            walk->need_sync = 1;
        }
        walk->tl0 = head->tl0;
        return !walk->need_key;
    }
    if (after_loss) walk->need_sync = 1;
    if (head->tl0 != walk->tl0) return 0;
    if (walk->need_sync && !head->sync) return 0;
    walk->need_sync = 0;
    return 1;
}

static void took(struct rec_walk *walk, const struct packet *packet) {
    walk->at = packet->next;
    walk->last_ns = packet->arrival_ns;
    walk->sequence = (walk->sequence + 1) & 0xFFFF;
    walk->bytes += packet->size;
    walk->packets++;
}

/* One whole frame from its first packet on; 0: leave it, and all of `walk`, as it was; -1: no memory. */
static int take_frame(struct rec_walk *walk, struct rec_batch *batch, const uint8_t *data, int64_t size) {
    struct rec_walk tried = *walk;
    struct rec_unit unit = {0};
    struct descriptor head = {0};
    struct packet packet;
    int64_t begin = batch->used;
    int begun = 0;
    do {
        struct descriptor here;
        if (!read_packet(&tried, data, size, tried.at, tried.sequence, tried.last_ns, &packet)) goto leave;
        took(&tried, &packet);
        packet.marker = packet.marker && packet.payload_size;
        if (!packet.payload_size) continue;
        if (!read_descriptor(packet.payload, packet.payload_size, &here)) goto leave;
        if (!begun) {
            if (!here.starts) goto leave;
            head = here;
            begun = 1;
            unit = (struct rec_unit){.arrival_ns = packet.arrival_ns, .at = begin, .timestamp = packet.timestamp,
                                     .ssrc = walk->ssrc, .video = 1};
        }
        if (packet.timestamp != unit.timestamp) goto leave;
        if (!add_data(batch, packet.payload + here.length, packet.payload_size - here.length)) return -1;
        if (batch->used - begin > FRAME_LIMIT_BYTES) goto leave;
    } while (!packet.marker);
    unit.size = (int32_t)(batch->used - begin);
    if (!unit.size) goto leave;
    const uint8_t *frame = batch->data + begin;
    unit.key = !(frame[0] & 1);
    if (unit.key) {
        if (unit.size < 10 || frame[3] != 0x9D || frame[4] != 0x01 || frame[5] != 0x2A) goto leave;
        unit.width = (frame[6] | frame[7] << 8) & 0x3FFF;
        unit.height = (frame[8] | frame[9] << 8) & 0x3FFF;
    }
    *walk = tried;
    if (keeps(walk, &head, unit.key, walk->after_loss)) {
        if (!add_unit(batch, &unit)) return -1;
    } else {
        batch->used = begin;
        walk->dropped++;
    }
    walk->after_loss = 0;
    return 1;
leave:
    batch->used = begin;
    return 0;
}

/* Takes records from `at` on as long as they are what is expected; 0 if there is no memory.
 *
 * Given: `at`, `ssrc`, `sequence` (expected next), `payload_type`, `last_ns` (arrival of the packet before), `kind`
 * (REC_FACTS: packets are only counted) and the state of frames.py.  Answered: the same after the run, `packets`,
 * `bytes`, and `dropped` frames.  A frame is taken whole or not at all. */
int32_t rec_walk(struct rec_walk *walk, struct rec_batch *batch, const uint8_t *data, int64_t size) {
    walk->packets = walk->dropped = 0;
    walk->bytes = 0;
    for (;;) {
        struct packet packet;
        if (!read_packet(walk, data, size, walk->at, walk->sequence, walk->last_ns, &packet)) return 1;
        if (walk->kind == REC_VIDEO && packet.payload_size) {
            int taken = take_frame(walk, batch, data, size);
            if (taken < 1) return taken + 1;
            continue;
        }
        if (walk->kind == REC_AUDIO && packet.payload_size) {
            struct rec_unit unit = {.arrival_ns = packet.arrival_ns, .size = packet.payload_size,
                                    .timestamp = packet.timestamp, .ssrc = walk->ssrc, .key = 1};
            if (!rec_batch_add(batch, &unit, packet.payload)) return 0;
        }
        took(walk, &packet);
    }
}
