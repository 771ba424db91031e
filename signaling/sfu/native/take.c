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

int hot_take(struct hot_ingress *ingress, const uint8_t *data, int32_t size, int64_t now_ns) {
    struct packet packet;
    if (!hot_parse(data, size, &packet)) return HOT_PLAIN;
    struct hot_stream *stream = NULL;
    for (int32_t i = 0; i < ingress->count && !stream; i++)
        if (ingress->ssrcs[i] == packet.ssrc) stream = ingress->streams[i];
    if (!stream || !stream->lent || packet.payload_type != stream->payload_type) return HOT_PLAIN;
    int64_t number = stream->highest + 1;
    int32_t payload = packet.payload_end - packet.payload_at;
    if (stream->highest < 0 || packet.sequence != (number & 0xFFFF) || !payload) return HOT_PLAIN;

    int video = stream->kind != HOT_AUDIO;
    const int32_t ids[] = {stream->send_time_id, stream->orientation_id, stream->level_id};
    struct element found[3];
    hot_elements(&packet, ids, found, 3);
    const struct element *sent = &found[0], *orientation = &found[1], *level = &found[2];

    const struct vp8 none = {0, -1, -1, 0, -1, -1, 0};
    struct vp8 vp8 = none;
    if (stream->kind == HOT_VP8) {
        if (!hot_vp8(data, packet.payload_at, packet.payload_end, &vp8)) vp8 = none;
        if (vp8.keyframe || vp8.temporal_layer >= stream->temporal_layers) return HOT_PLAIN;
    } else if (video && hot_h264_starts_keyframe(data, packet.payload_at, packet.payload_end)) {
        return HOT_PLAIN;
    }
    int ends_frame = packet.marker && stream->frames_end;
    if (ends_frame && a_sibling_has_stopped(stream, now_ns)) return HOT_PLAIN;

    int32_t block = video ? (orientation->size ? TURNED_BLOCK_BYTES : VIDEO_BLOCK_BYTES) : level->size ? LEVEL_BLOCK_BYTES : 0;
    struct hot_cached *slot = hot_slot(stream, number);
    struct hot_own *own = stream->own;
    if (block + payload > HOT_PACKET_BYTES - HEADER_BYTES || slot->number >= number) return HOT_PLAIN;
    if (own->run_count && number - own->run[0]->number > own->mask) hot_write(stream);
    if (stream->capture && !hot_capture_reserve(stream->capture, size)) return HOT_PLAIN;
    if (!hot_reserve(slot, block + payload)) return HOT_PLAIN;

    stream->highest = number;
    stream->suspect = -1;
    stream->last_packet_ns = now_ns;
    stream->sibling_frames = 0;
    stream->stopped = 0;
    stream->bytes += size;
    stream->received++;
    measure_jitter(stream, packet.timestamp, now_ns);
    if (video) {
        if (sent->size == 3) note_arrival(&ingress->arrivals, sent->data, now_ns);
        write_video_block(own->worker, slot->body, orientation, now_ns);
    } else if (level->size) {
        write_level_block(own->worker, slot->body, level->data[0]);
        if ((level->data[0] & 0x7F) < stream->level) stream->level = level->data[0] & 0x7F;
    }
    memcpy(slot->body + block, data + packet.payload_at, (size_t)payload);
    slot->number = number;
    slot->arrived_ns = now_ns;
    slot->timestamp = packet.timestamp;
    slot->size = block + payload;
    slot->payload_at = block;
    slot->marker = packet.marker;
    slot->picture_at = vp8.picture_at;
    slot->picture_id = vp8.picture_id;
    slot->long_picture_id = vp8.long_picture_id;
    slot->tl0_at = vp8.tl0_at;
    slot->tl0 = vp8.tl0;
    hot_expire(stream, number, now_ns);
    if (own->subscribers_count) hot_push_slot(stream, slot, now_ns);
    if (stream->capture) hot_capture_add(stream->capture, data, size, now_ns);
    if (ends_frame) count_frame(stream);
    return stream->slow ? HOT_TAKEN : 0;
}
