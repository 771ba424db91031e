/* Records of a track become frames and packets, as long as nothing is missing, late or foreign.
 * content.py, media/rtp.py, media/vp8.py and media/frames.py are the reference. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define RECORD_BYTES 13
#define KIND_RTP 1
#define KIND_RTCP 2
#define RTP_BYTES 12
#define KEY_HEAD_BYTES 10
#define FRAME_LIMIT_BYTES (8 * 1024 * 1024)
#define LATEST_NS ((int64_t)1 << 62)

struct packet {
    int64_t next, arrival_ns, payload_at;
    const uint8_t *payload;
    int32_t size, payload_size;
    uint32_t timestamp;
    int marker, level;
};

struct descriptor {
    int32_t length, tl0, temporal;
    int starts, sync;
};

static uint32_t u16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }
static uint32_t u32(const uint8_t *at) { return u16(at) << 16 | u16(at + 2); }

const char *rec_source(void) { return REC_SOURCE; }

static int add_slice(struct rec_batch *batch, int64_t at, int32_t size) {
    if (!rec_grow((void **)&batch->slices, &batch->slices_room, batch->slices_count + 1, sizeof *batch->slices)) return 0;
    batch->slices[batch->slices_count++] = (struct rec_slice){at, size, 1};
    return 1;
}

static int add_unit(struct rec_batch *batch, const struct rec_unit *unit) {
    if (!rec_grow((void **)&batch->units, &batch->room, batch->count + 1, sizeof *unit)) return 0;
    batch->units[batch->count++] = *unit;
    return 1;
}

/* The level among the header extensions (RFC 8285 §4.2, §4.3; RFC 6464 §3), or -1. */
static int read_level(const uint8_t *at, const uint8_t *end, uint32_t profile, int32_t id) {
    int two = (profile & 0xFFF0) == 0x1000;
    if (!two && profile != 0xBEDE) return -1;
    while (at < end) {
        int found, length;
        if (!*at) {
            at++;
            continue;
        }
        if (two) {
            if (end - at < 2) return -1;
            found = at[0];
            length = at[1];
            at += 2;
        } else {
            found = at[0] >> 4;
            length = (at[0] & 15) + 1;
            at++;
            if (found == 15) return -1;
        }
        if (length > end - at) return -1;
        if (found == id && length) return at[0] & 0x7F;
        at += length;
    }
    return -1;
}

/* Goes on to the next chunk where one ends; 0 at the end of all, or where a chunk holds other than it says. */
static int at_record(struct rec_walk *walk) {
    while (walk->at == walk->chunks[walk->chunk].end) {
        if (walk->seen != walk->chunks[walk->chunk].count || walk->chunk + 1 == walk->chunks_count) return 0;
        walk->chunk++;
        walk->at = walk->chunks[walk->chunk].at;
        walk->seen = 0;
    }
    return 1;
}

/* Takes the RTCP packets that come next, for who called; 0 if then no record follows, or something is left to them. */
static int pass_reports(struct rec_walk *walk, const uint8_t *data) {
    for (;;) {
        if (!at_record(walk)) return 0;
        const uint8_t *record = data + walk->at;
        int64_t left = walk->chunks[walk->chunk].end - walk->at;
        if (left < RECORD_BYTES) return 0;
        if (record[0] != KIND_RTCP) return 1;
        uint64_t mono_ns = (uint64_t)u32(record + 1) << 32 | u32(record + 5);
        int64_t length = u32(record + 9);
        if (mono_ns > (uint64_t)LATEST_NS || left - RECORD_BYTES < length) return 0;
        if (walk->reports_count == walk->reports_room) return 0;
        walk->reports[walk->reports_count++] =
            (struct rec_report){walk->at + RECORD_BYTES, (int64_t)mono_ns, (int32_t)length};
        walk->at += RECORD_BYTES + length;
        walk->seen++;
        walk->records++;
    }
}

/* The record at hand, if it is the RTP packet that is expected; `next` is where the one after it begins. */
static int read_packet(const struct rec_walk *walk, const uint8_t *data, struct packet *packet) {
    int64_t at = walk->at, left = walk->chunks[walk->chunk].end - at;
    if (left < RECORD_BYTES || data[at] != KIND_RTP) return 0;
    uint64_t mono_ns = (uint64_t)u32(data + at + 1) << 32 | u32(data + at + 5);
    int64_t length = u32(data + at + 9);
    if (mono_ns > (uint64_t)LATEST_NS || left - RECORD_BYTES < length || length < RTP_BYTES) return 0;
    const uint8_t *rtp = data + at + RECORD_BYTES;
    int64_t start = RTP_BYTES + 4 * (rtp[0] & 15), end = length;
    if (rtp[0] >> 6 != 2 || (rtp[1] & 0x7F) != walk->payload_type) return 0;
    if ((int32_t)u16(rtp + 2) != walk->sequence || u32(rtp + 8) != walk->ssrc) return 0;
    if ((int64_t)mono_ns - walk->last_ns > REC_STALL_NS) return 0;
    packet->level = -1;
    if (rtp[0] & 0x10) {
        if (start + 4 > length) return 0;
        int64_t from = start + 4;
        start += 4 + 4 * (int64_t)u16(rtp + start + 2);
        if (walk->level_id && start <= length)
            packet->level = read_level(rtp + from, rtp + start, u16(rtp + from - 4), walk->level_id);
    }
    if (rtp[0] & 0x20) end -= rtp[length - 1];
    if (start > end) return 0;
    packet->next = at + RECORD_BYTES + length;
    packet->arrival_ns = (int64_t)mono_ns;
    packet->payload_at = at + RECORD_BYTES + start;
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
    walk->records++;
    walk->seen++;
}

/* The first bytes of a frame, zeros after its end. */
static void read_begin(const struct rec_batch *batch, const struct rec_unit *unit, const uint8_t *data, uint8_t *begin,
                       int32_t wanted) {
    const struct rec_slice *slice = batch->slices + unit->slice, *end = slice + unit->slices;
    memset(begin, 0, (size_t)wanted);
    for (; slice < end && wanted; slice++) {
        int32_t size = slice->size < wanted ? slice->size : wanted;
        memcpy(begin, data + slice->at, (size_t)size);
        begin += size;
        wanted -= size;
    }
}

/* One whole frame from its first packet on; 0: leave it, and all of `walk`, as it was; -1: no memory. */
static int take_frame(struct rec_walk *walk, struct rec_batch *batch, const uint8_t *data) {
    struct rec_walk tried = *walk;
    struct rec_unit unit = {0};
    struct descriptor head = {0};
    struct packet packet;
    int64_t first = batch->slices_count, size = 0;
    uint8_t begin[KEY_HEAD_BYTES];
    int begun = 0;
    do {
        struct descriptor here;
        if (!pass_reports(&tried, data) || !read_packet(&tried, data, &packet)) goto leave;
        took(&tried, &packet);
        packet.marker = packet.marker && packet.payload_size;
        if (!packet.payload_size) continue;
        if (!read_descriptor(packet.payload, packet.payload_size, &here)) goto leave;
        if (!begun) {
            if (!here.starts) goto leave;
            head = here;
            begun = 1;
            unit = (struct rec_unit){.arrival_ns = packet.arrival_ns, .slice = first, .timestamp = packet.timestamp,
                                     .ssrc = walk->ssrc, .level = -1, .video = 1};
        }
        if (packet.timestamp != unit.timestamp) goto leave;
        int32_t length = packet.payload_size - here.length;
        if (!add_slice(batch, packet.payload_at + here.length, length)) return -1;
        size += length;
        if (size > FRAME_LIMIT_BYTES) goto leave;
    } while (!packet.marker);
    if (!size) goto leave;
    unit.size = (int32_t)size;
    unit.slices = (int32_t)(batch->slices_count - first);
    read_begin(batch, &unit, data, begin, sizeof begin);
    unit.key = !(begin[0] & 1);
    if (unit.key) {
        if (unit.size < KEY_HEAD_BYTES || begin[3] != 0x9D || begin[4] != 0x01 || begin[5] != 0x2A) goto leave;
        unit.width = (begin[6] | begin[7] << 8) & 0x3FFF;
        unit.height = (begin[8] | begin[9] << 8) & 0x3FFF;
    }
    *walk = tried;
    if (keeps(walk, &head, unit.key, walk->after_loss)) {
        if (!add_unit(batch, &unit)) return -1;
    } else {
        batch->slices_count = first;
        walk->dropped++;
    }
    walk->after_loss = 0;
    return 1;
leave:
    batch->slices_count = first;
    return 0;
}

static int take_sound(const struct rec_walk *walk, struct rec_batch *batch, const struct packet *packet) {
    struct rec_unit unit = {.arrival_ns = packet->arrival_ns, .slice = batch->slices_count, .slices = 1,
                            .size = packet->payload_size, .timestamp = packet->timestamp, .ssrc = walk->ssrc,
                            .level = (int16_t)packet->level, .key = 1};
    return add_slice(batch, packet->payload_at, packet->payload_size) && add_unit(batch, &unit);
}

/* Takes records of a track from `at` on, chunk after chunk, as long as they are what is expected; 0 if there is no memory.
 *
 * Given: `chunks`, `chunk` and `at` where to begin, `seen` records of that chunk before, `reports` with room for RTCP,
 * `ssrc`, `sequence` (expected next), `payload_type`, `last_ns` (arrival of the packet before), `kind` (REC_FACTS: packets
 * are only counted), `level_id` of the header extension that has the level, or 0, and the state of frames.py.  Answered:
 * the same after the run, `records` in all, `packets` of RTP and their `bytes`, `reports`, and `dropped` frames.  A frame
 * is taken whole or not at all.  It ends before a record that it does not take, or at the end of a chunk that is the last
 * or holds other than it says. */
int32_t rec_walk(struct rec_walk *walk, struct rec_batch *batch, const uint8_t *segment) {
    walk->records = walk->packets = walk->dropped = walk->reports_count = 0;
    walk->bytes = 0;
    if (batch) batch->segment = segment;
    for (;;) {
        struct packet packet;
        if (!pass_reports(walk, segment) || !read_packet(walk, segment, &packet)) return 1;
        if (walk->kind == REC_VIDEO && packet.payload_size) {
            int taken = take_frame(walk, batch, segment);
            if (taken < 1) return taken + 1;
            continue;
        }
        if (walk->kind == REC_AUDIO && packet.payload_size && !take_sound(walk, batch, &packet)) return 0;
        took(walk, &packet);
    }
}
