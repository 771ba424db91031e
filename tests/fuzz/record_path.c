/* Feeds the record's compiled path whatever bytes: test_record_path.py builds this with the address sanitizer.
 *
 *     record_path ROUNDS SEED FILE...
 *
 * Each file is the payload of a chunk; they are damaged, walked through, placed and put into a file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define MAX_FILES 64
#define MAX_CHUNKS 40

static uint64_t state;

static uint32_t chance(uint32_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 33) % below;
}

static uint32_t u32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Told as if the first packet that looks like one had been expected. */
static void aim(struct rec_walk *walk, const uint8_t *data) {
    for (; walk->chunk < walk->chunks_count; walk->at = walk->chunks[++walk->chunk].at, walk->seen = 0) {
        int64_t end = walk->chunks[walk->chunk].end;
        for (int64_t at = walk->at; end - at >= 13 + 12; at += 13 + (int64_t)u32(data + at + 9)) {
            if (data[at] != 1) continue;
            walk->at = at;
            walk->payload_type = data[at + 14] & 0x7F;
            walk->sequence = data[at + 15] << 8 | data[at + 16];
            walk->ssrc = u32(data + at + 21);
            walk->last_ns = (int64_t)((uint64_t)(u32(data + at + 1) & 0x7FFFFFFF) << 32 | u32(data + at + 5));
            return;
        }
    }
}

/* Chunks one after the other, with some bytes in between, and the number of records that they hold, or another. */
static int64_t cut(struct rec_chunk *chunks, const uint8_t *data, int64_t size) {
    int64_t count = 0, at = 0;
    while (count < MAX_CHUNKS && at < size) {
        int64_t begin = at, records = 0, wanted = 1 + chance(60);
        while (records < wanted && size - at >= 13 && size - at - 13 >= (int64_t)u32(data + at + 9)) {
            at += 13 + (int64_t)u32(data + at + 9);
            records++;
        }
        if (records < wanted && chance(2)) at = size;
        chunks[count++] = (struct rec_chunk){begin, at, records + !chance(8)};
        if (!records) break;
    }
    return count;
}

int main(int count, char **arguments) {
    static uint8_t *files[MAX_FILES];
    static long sizes[MAX_FILES];
    static const uint8_t black[100], loudness[128];
    static struct rec_report reports[4];
    long rounds = atol(arguments[1]), taken = 0, written = 0;
    int known = 0;
    state = 88172645463325252ull + (uint64_t)atol(arguments[2]);
    for (int i = 3; i < count && known < MAX_FILES; i++) {
        FILE *file = fopen(arguments[i], "rb");
        fseek(file, 0, SEEK_END);
        sizes[known] = ftell(file);
        rewind(file);
        files[known] = malloc((size_t)sizes[known] + 1);
        if (fread(files[known], 1, (size_t)sizes[known], file) != (size_t)sizes[known]) return 2;
        fclose(file);
        known++;
    }
    struct rec_batch *batch = rec_batch_new(), *spare = rec_batch_new();
    struct rec_clock *clock = rec_clock_new(90000);
    struct rec_box *box = rec_box_new(black, sizeof black, loudness, 65536);
    for (long round = 0; round < rounds; round++) {
        uint32_t chosen = chance((uint32_t)known);
        int64_t size = sizes[chosen] - (chance(4) ? 0 : chance((uint32_t)sizes[chosen]));
        uint8_t *data = malloc((size_t)size + 1); /* its own, so that a byte too far is seen */
        memcpy(data, files[chosen], (size_t)size);
        for (uint32_t left = chance(6); left && size; left--) data[chance((uint32_t)size)] = (uint8_t)chance(256);
        struct rec_chunk chunks[MAX_CHUNKS + 1] = {0};
        struct rec_walk walk = {.chunks = chunks, .reports = reports, .reports_room = (int32_t)chance(5),
                                .kind = (int32_t)chance(3), .tl0 = (int32_t)chance(257) - 1,
                                .level_id = (int32_t)chance(2) * (1 + (int32_t)chance(15))};
        walk.chunks_count = cut(chunks, data, size);
        walk.at = chunks[0].at;
        walk.has_kept = walk.need_key = (uint8_t)chance(2);
        walk.after_loss = (uint8_t)chance(2);
        while (walk.chunk < walk.chunks_count) {
            aim(&walk, data);
            if (walk.chunk >= walk.chunks_count) break;
            walk.kept_ssrc = walk.ssrc;
            int64_t before = walk.at;
            if (!rec_walk(&walk, walk.kind ? batch : NULL, data)) return 3;
            if (walk.chunk >= walk.chunks_count || walk.at > chunks[walk.chunk].end) return 4;
            taken += walk.packets;
            if (walk.at != before) continue;
            if (walk.at < chunks[walk.chunk].end) walk.at += 13 + (int64_t)u32(data + walk.at + 9);
            else walk.at = chunks[++walk.chunk].at;
        }
        int aside = !chance(3);
        if (aside && !rec_batch_keep(batch, spare)) return 9;
        if (aside) free(data);
        if (aside) continue;
        if (chance(2)) rec_clock_report(clock, chance(1u << 31), (int64_t)chance(1u << 31) << 31, chance(1u << 31), -(int64_t)chance(9));
        for (int64_t i = 0; i < batch->count; i++)
            if (!rec_place(clock, batch, batch->units[i].ssrc, (int64_t)chance(1u << 31) << 20)) return 5;
        if (!rec_box_take(box, batch) || !rec_box_sort(box)) return 6;
        int64_t horizon_ns = box->newest_ns - (int64_t)chance(4) * NS_PER_S, closed;
        do {
            if (!rec_box_write(box, horizon_ns)) return 7;
            written += closed = box->closed - box->begun;
            rec_box_written(box, box->closed - (chance(2) ? 0 : box->closed % 4096));
        } while (closed);
        if (!rec_box_keep(box, spare)) return 10;
        free(data);
        if (chance(40) == 0) {
            rec_box_free(box);
            rec_clock_free(clock);
            clock = rec_clock_new(chance(2) ? 90000 : 48000);
            box = rec_box_new(black, sizeof black, loudness, 65536);
        }
    }
    if (!rec_box_flush(box)) return 8;
    rec_box_free(box);
    rec_clock_free(clock);
    rec_batch_free(batch);
    rec_batch_free(spare);
    for (int i = 0; i < known; i++) free(files[i]);
    printf("%ld packets, %ld bytes\n", taken, written);
    return 0;
}
