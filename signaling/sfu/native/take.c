/* A plain packet in order, from the door to the subscribers and the record: what Producer.on_rtp does with it.
 *
 * Everything is looked at before anything is changed, so that whatever is unusual can be left to Python whole. */
#include <string.h>

#include "internal.h"

#define VIDEO_BLOCK_BYTES 8
#define TURNED_BLOCK_BYTES 12
#define LEVEL_BLOCK_BYTES 8

static void measure_jitter(struct hot_stream *stream, uint32_t timestamp, int64_t now_ns) {
    int64_t clock = now_ns / NS_PER_S * stream->clock_rate + now_ns % NS_PER_S * stream->clock_rate / NS_PER_S;
    int64_t transit = clock - timestamp;
    if (stream->transit != INT64_MIN) {
        int64_t difference = transit - stream->transit;
        difference = (difference < 0 ? -difference : difference) & 0xFFFFFFFF;
        if (difference < (int64_t)stream->clock_rate * 10) stream->jitter += difference - ((stream->jitter + 8) >> 4);
    }
    stream->transit = transit;
}

/* rate.py, UplinkEstimate.add */
static void note_arrival(struct hot_arrivals *arrivals, const uint8_t *sent, int64_t now_ns) {
    int64_t units = (int64_t)sent[0] << 16 | sent[1] << 8 | sent[2];
    int64_t step = (units - arrivals->sent_units) & 0xFFFFFF;
    if (step >= 0x800000) step -= 0x1000000;
    arrivals->sent_units = units;
    arrivals->sent_ns += (double)step * ((double)NS_PER_S / (1 << 18));
    arrivals->heard_ns = now_ns;
    arrivals->packets++;
    double delay = (double)now_ns - arrivals->sent_ns;
    if (delay < arrivals->least_ns) arrivals->least_ns = delay;
}

static int a_sibling_has_stopped(const struct hot_stream *stream, int64_t now_ns) {
    for (int32_t i = 0; i < stream->siblings_count; i++) {
        const struct hot_stream *other = stream->siblings[i];
        if (other->last_packet_ns < 0 || other->stopped) continue;
        if (other->sibling_frames + 1 >= HOT_SILENT_FRAMES &&
            now_ns - other->last_packet_ns > (int64_t)HOT_SILENT_MS * NS_PER_MS)
            return 1;
    }
    return 0;
}

static void count_frame(struct hot_stream *stream) {
    for (int32_t i = 0; i < stream->siblings_count; i++) {
        struct hot_stream *other = stream->siblings[i];
        if (other->last_packet_ns >= 0 && !other->stopped) other->sibling_frames++;
    }
}

/* producer.py, video_block */
static void write_video_block(const struct hot_worker *worker, uint8_t *out, const struct element *orientation,
                              int64_t now_ns) {
    uint64_t now = (uint64_t)now_ns;
    uint64_t sent = (now / NS_PER_S << 18) + (now % NS_PER_S << 18) / NS_PER_S;
    const uint8_t head[] = {0xBE, 0xDE, 0, orientation->size ? 2 : 1, (uint8_t)(worker->send_time_id << 4 | 2)};
    memcpy(out, head, sizeof head);
    out[5] = (uint8_t)(sent >> 16);
    out[6] = (uint8_t)(sent >> 8);
    out[7] = (uint8_t)sent;
    if (orientation->size) {
        const uint8_t tail[] = {(uint8_t)(worker->orientation_id << 4), orientation->data[0], 0, 0};
        memcpy(out + VIDEO_BLOCK_BYTES, tail, sizeof tail);
    }
}

static void write_level_block(const struct hot_worker *worker, uint8_t *out, uint8_t level) {
    const uint8_t block[] = {0xBE, 0xDE, 0, 1, (uint8_t)(worker->level_id << 4), level, 0, 0};
    memcpy(out, block, sizeof block);
}

/* What there is to know of a packet before it is taken. */
struct found {
    struct packet packet;
    struct element sent, orientation, level;
    struct vp8 vp8;
    int64_t number;
    int32_t block, payload, ends_frame;
};

/* The number after the newest; of an overloaded worker also one beyond a gap, as nobody is asked for what it lost. */
static int is_next(const struct hot_stream *stream, struct found *found) {
    if (stream->highest < 0) return 0;
    int64_t step = (found->packet.sequence - stream->highest) & 0xFFFF;
    found->number = stream->highest + step;
    return step == 1 || (step && step <= HOT_MAX_DROPOUT && stream->own->worker->overloaded);
}

/* Whether it is the stream's next packet and needs nobody's decision. */
static int is_plain_sailing(const struct hot_stream *stream, struct found *found, int64_t now_ns) {
    const struct packet *packet = &found->packet;
    found->payload = packet->payload_end - packet->payload_at;
    if (!stream->lent || packet->payload_type != stream->payload_type) return 0;
    if (!is_next(stream, found) || !found->payload) return 0;

    const int32_t ids[] = {stream->send_time_id, stream->orientation_id, stream->level_id};
    struct element elements[3];
    hot_elements(packet, ids, elements, 3);
    found->sent = elements[0];
    found->orientation = elements[1];
    found->level = elements[2];

    const struct vp8 none = {0, -1, -1, 0, -1, -1, 0};
    found->vp8 = none;
    if (stream->kind == HOT_AUDIO) {
        found->block = found->level.size ? LEVEL_BLOCK_BYTES : 0;
    } else {
        found->block = found->orientation.size ? TURNED_BLOCK_BYTES : VIDEO_BLOCK_BYTES;
        if (stream->kind == HOT_VP8) {
            if (!hot_vp8(packet->data, packet->payload_at, packet->payload_end, &found->vp8)) found->vp8 = none;
            if (found->vp8.keyframe || found->vp8.temporal_layer >= stream->temporal_layers) return 0;
        } else if (hot_h264_starts_keyframe(packet->data, packet->payload_at, packet->payload_end)) {
            return 0;
        }
    }
    found->ends_frame = packet->marker && stream->frames_end;
    if (found->ends_frame && a_sibling_has_stopped(stream, now_ns)) return 0;
    return found->block + found->payload <= HOT_PACKET_BYTES - HEADER_BYTES;
}

/* stream.py, MediaStream.accept */
static void count_in(struct hot_stream *stream, const struct found *found, int64_t now_ns) {
    const struct packet *packet = &found->packet;
    stream->highest = found->number;
    stream->suspect = -1;
    stream->last_packet_ns = now_ns;
    stream->sibling_frames = 0;
    stream->stopped = 0;
    stream->bytes += packet->size;
    stream->received++;
    measure_jitter(stream, packet->timestamp, now_ns);
}

/* store.py, PacketStore.keep */
static void keep(struct hot_stream *stream, struct hot_cached *slot, const struct found *found, int64_t now_ns) {
    const struct packet *packet = &found->packet;
    if (stream->kind != HOT_AUDIO)
        write_video_block(stream->own->worker, slot->body, &found->orientation, now_ns);
    else if (found->block)
        write_level_block(stream->own->worker, slot->body, found->level.data[0]);
    memcpy(slot->body + found->block, packet->data + packet->payload_at, (size_t)found->payload);
    slot->number = found->number;
    slot->arrived_ns = now_ns;
    slot->timestamp = packet->timestamp;
    slot->size = found->block + found->payload;
    slot->payload_at = found->block;
    slot->marker = packet->marker;
    slot->picture_at = found->vp8.picture_at;
    slot->picture_id = found->vp8.picture_id;
    slot->long_picture_id = found->vp8.long_picture_id;
    slot->tl0_at = found->vp8.tl0_at;
    slot->tl0 = found->vp8.tl0;
    hot_expire(stream, found->number, now_ns);
}

int hot_take(struct hot_ingress *ingress, const uint8_t *data, int32_t size, int64_t now_ns) {
    struct found found;
    if (!hot_parse(data, size, &found.packet)) return HOT_PLAIN;
    struct hot_stream *stream = NULL;
    for (int32_t i = 0; i < ingress->count && !stream; i++)
        if (ingress->ssrcs[i] == found.packet.ssrc) stream = ingress->streams[i];
    if (!stream || !is_plain_sailing(stream, &found, now_ns)) return HOT_PLAIN;

    struct hot_own *own = stream->own;
    struct hot_cached *slot = hot_slot(stream, found.number);
    if (slot->number >= found.number) return HOT_PLAIN;
    if (own->run_count && found.number - own->run[0]->number > own->mask) hot_write(stream); /* it waits in this slot */
    if (stream->capture && !hot_capture_reserve(stream->capture, size)) return HOT_PLAIN;
    if (!hot_reserve(slot, found.block + found.payload)) return HOT_PLAIN;

    count_in(stream, &found, now_ns);
    if (stream->kind != HOT_AUDIO) {
        if (found.sent.size == 3) note_arrival(&ingress->arrivals, found.sent.data, now_ns);
    } else if (found.level.size && (found.level.data[0] & 0x7F) < stream->level) {
        stream->level = found.level.data[0] & 0x7F;
    }
    keep(stream, slot, &found, now_ns);
    if (own->subscribers_count) hot_push_slot(stream, slot, now_ns);
    if (stream->capture) hot_capture_add(stream->capture, data, size, now_ns);
    if (found.ends_frame) count_frame(stream);
    return stream->slow ? HOT_TAKEN : 0;
}
