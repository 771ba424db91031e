/* Reading packets as rtp.py, vp8.py and h264.py do; every offset is checked before it is read. */
#include "internal.h"

#define ONE_BYTE_PROFILE 0xBEDE
#define TWO_BYTE_PROFILE 0x1000
#define H264_SPS 7
#define H264_STAP_A 24
#define H264_FU_A 28

static uint32_t u16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }
static uint32_t u32(const uint8_t *at) { return u16(at) << 16 | u16(at + 2); }

int hot_parse(const uint8_t *data, int32_t size, struct packet *packet) {
    if (size < HEADER_BYTES || data[0] >> 6 != 2) return 0;
    int32_t at = HEADER_BYTES + (data[0] & 15) * 4, end = size;
    packet->profile = 0;
    packet->extension_at = packet->extension_end = at;
    if (data[0] & 0x10) {
        if (at + 4 > size) return 0;
        packet->profile = (int32_t)u16(data + at);
        packet->extension_at = at + 4;
        at += 4 + (int32_t)u16(data + at + 2) * 4;
        packet->extension_end = at;
    }
    if (data[0] & 0x20) {
        if (at >= size || !data[size - 1]) return 0;
        end -= data[size - 1];
    }
    if (at > end) return 0;
    packet->data = data;
    packet->size = size;
    packet->marker = data[1] & 0x80;
    packet->payload_type = data[1] & 0x7F;
    packet->sequence = (uint16_t)u16(data + 2);
    packet->timestamp = u32(data + 4);
    packet->ssrc = u32(data + 8);
    packet->payload_at = at;
    packet->payload_end = end;
    return 1;
}

/* The last element of each id counts, as in a dictionary. */
static void note(const uint8_t *data, int32_t number, int32_t size, const int32_t *ids, struct element *found,
                 int32_t count) {
    for (int32_t i = 0; i < count; i++)
        if (ids[i] == number) found[i] = (struct element){data, size};
}

void hot_elements(const struct packet *packet, const int32_t *ids, struct element *found, int32_t count) {
    const uint8_t *data = packet->data;
    int32_t at = packet->extension_at, end = packet->extension_end;
    for (int32_t i = 0; i < count; i++) found[i] = (struct element){data, 0};
    if (packet->profile == ONE_BYTE_PROFILE) {
        while (at < end) {
            uint8_t byte = data[at++];
            if (!byte) continue;
            int32_t number = byte >> 4, size = (byte & 15) + 1;
            if (number == 0 || number == 15 || at + size > end) return;
            note(data + at, number, size, ids, found, count);
            at += size;
        }
    } else if ((packet->profile & 0xFFF0) == TWO_BYTE_PROFILE) {
        while (at < end) {
            int32_t number = data[at++];
            if (!number) continue;
            if (at >= end || at + 1 + data[at] > end) return;
            note(data + at + 1, number, data[at], ids, found, count);
            at += 1 + data[at];
        }
    }
}

int hot_vp8(const uint8_t *data, int32_t at, int32_t end, struct vp8 *found) {
    int32_t start = at;
    *found = (struct vp8){0, -1, -1, 0, -1, -1, 0};
    if (at >= end) return 0;
    uint8_t first = data[at++];
    if (first & 0x80) {
        if (at >= end) return 0;
        uint8_t flags = data[at++];
        if (flags & 0x80) {
            if (at >= end) return 0;
            found->picture_at = at - start;
            found->picture_id = data[at] & 0x7F;
            if (data[at] & 0x80) {
                if (at + 1 >= end) return 0;
                found->long_picture_id = 1;
                found->picture_id = found->picture_id << 8 | data[++at];
            }
            at++;
        }
        if (flags & 0x40) {
            if (at >= end) return 0;
            found->tl0_at = at - start;
            found->tl0 = data[at++];
        }
        if (flags & 0x30) {
            if (at >= end) return 0;
            if (flags & 0x20) found->temporal_layer = data[at] >> 6;
            at++;
        }
    }
    if (at >= end) return 0;
    found->keyframe = (first & 0x17) == 0x10 && !(data[at] & 1);
    return 1;
}

int hot_h264_starts_keyframe(const uint8_t *data, int32_t at, int32_t end) {
    if (at >= end) return 0;
    int32_t kind = data[at] & 0x1F;
    if (kind == H264_SPS) return 1;
    if (kind == H264_FU_A) return end - at > 1 && data[at + 1] & 0x80 && (data[at + 1] & 0x1F) == H264_SPS;
    if (kind != H264_STAP_A) return 0;
    for (at++; at + 2 < end;) {
        int32_t size = (int32_t)u16(data + at);
        if ((data[at + 2] & 0x1F) == H264_SPS && size && at + 2 + size <= end) return 1;
        at += 2 + size;
    }
    return 0;
}
