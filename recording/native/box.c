/* Frames and packets in order of time become the clusters of a WebM file; media/remux.py and media/webm.py are the
 * reference.  Clusters are made in `out`, the last one open, which goes to the file from `position` on; the first `closed`
 * bytes are complete.  The first `begun` of these were so before: they wait for the rest of their block of the disk, and so
 * that the disk may take blocks from where they are, `out` is aligned to one.
 * What is to be decoded for its peak gathers in `peaks`; of packets that say how loud they are the peaks are in `levels`,
 * from that of period `levels_from` on. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define AUDIO_SLACK_NS (20 * NS_PER_MS)
#define SILENCE_LAG_NS (200 * NS_PER_MS)
#define FILL_STEP_NS NS_PER_S
#define BLACK_EVERY_MS 5000
#define STALE_MS 500
#define LENGTH_LIMIT_NS (36 * 3600 * NS_PER_S)
#define SPAN_MERGE_MS 1000
#define VIDEO_SPAN_MERGE_MS 5000
#define CLUSTER_MS 5000
#define CLUSTER_LEAST_MS 1000
#define CLUSTER_BYTES (4 * 1024 * 1024)
#define BLOCK_BYTES 4096
#define OUT_LEAST_BYTES (16 * BLOCK_BYTES)
#define OPUS_RATE 48000
#define OPUS_LONGEST_SAMPLES 5760
#define PEAK_PACKETS 8
#define PEAK_PERIOD_MS 500
/* An open cluster begins with its name and the room of a length below 2 MiB, which nearly every one has. */
#define CLUSTER_ID_BYTES 4
#define CLUSTER_LENGTH_BYTES 3
#define CLUSTER_HEAD_BYTES (CLUSTER_ID_BYTES + CLUSTER_LENGTH_BYTES)

#define VIDEO 1
#define AUDIO 2

static const uint8_t SILENCE[] = {0xF8, 0xFF, 0xFE};
static const uint8_t LONG_SILENCE[] = {0xFB, 0x06, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF, 0xFE};

struct rec_box *rec_box_new(const uint8_t *black, int32_t black_size, const uint8_t *loudness, int64_t position) {
    struct rec_box *box = calloc(1, sizeof *box);
    if (!box) return NULL;
    box->video_ms = -1;
    box->black = black;
    box->black_size = black_size;
    box->loudness = loudness;
    box->position = position;
    return box;
}

void rec_box_free(struct rec_box *box) {
    rec_batch_clear(&box->waiting);
    free(box->video_spans.spans);
    free(box->audio_spans.spans);
    free(box->out.data);
    free(box->peak_data.data);
    free(box->levels.data);
    free(box->cues);
    free(box->peaks);
    free(box->sorting);
    free(box);
}

static void put(struct rec_box *box, struct rec_bytes *bytes, const uint8_t *data, int64_t size) {
    if (box->failed || !rec_grow((void **)&bytes->data, &bytes->room, bytes->used + size, 1)) {
        box->failed = 1;
        return;
    }
    if (size) memcpy(bytes->data + bytes->used, data, (size_t)size);
    bytes->used += size;
}

static int grow_out(struct rec_box *box, int64_t wanted) {
    struct rec_bytes *out = &box->out;
    if (wanted <= out->room) return 1;
    int64_t more = out->room ? out->room : OUT_LEAST_BYTES;
    while (more < wanted) more *= 2;
    uint8_t *grown = aligned_alloc(BLOCK_BYTES, (size_t)more);
    if (!grown) return 0;
    if (out->used) memcpy(grown, out->data, (size_t)out->used);
    free(out->data);
    out->data = grown;
    out->room = more;
    return 1;
}

static void put_out(struct rec_box *box, const uint8_t *data, int64_t size) {
    if (box->failed || !grow_out(box, box->out.used + size)) {
        box->failed = 1;
        return;
    }
    if (size) memcpy(box->out.data + box->out.used, data, (size_t)size);
    box->out.used += size;
}

/* --- the container (RFC 8794, RFC 9559) --------------------------------------------------- */

/* How many bytes the shortest EBML length of a value has. */
static int size_length(uint64_t value) {
    int length = 1;
    while (value >= ((uint64_t)1 << 7 * length) - 1) length++;
    return length;
}

static int put_size(uint8_t *at, uint64_t value) {
    int length = size_length(value);
    value |= (uint64_t)1 << 7 * length;
    for (int i = length - 1; i >= 0; i--) *at++ = (uint8_t)(value >> 8 * i);
    return length;
}

static void open_cluster(struct rec_box *box, int64_t time_ms) {
    uint8_t head[CLUSTER_HEAD_BYTES + 10] = {0x1F, 0x43, 0xB6, 0x75}, *time = head + CLUSTER_HEAD_BYTES;
    int length = 1;
    while (time_ms >> 8 * length) length++;
    time[0] = 0xE7;
    time[1] = (uint8_t)(0x80 | length);
    for (int i = 0; i < length; i++) time[2 + i] = (uint8_t)(time_ms >> 8 * (length - 1 - i));
    box->opened_at = box->out.used;
    put_out(box, head, CLUSTER_HEAD_BYTES + 2 + length);
    box->in_cluster = 1;
    box->cluster_ms = time_ms;
    box->blocks_size = 0;
}

static void flush(struct rec_box *box) {
    if (!box->in_cluster || box->failed) return;
    int64_t begin = box->opened_at + CLUSTER_HEAD_BYTES, size = box->out.used - begin;
    int off = size_length((uint64_t)size) - CLUSTER_LENGTH_BYTES;
    if (!rec_grow((void **)&box->cues, &box->cues_room, box->cues_count + 1, sizeof *box->cues) ||
        !grow_out(box, box->out.used + (off > 0 ? off : 0))) {
        box->failed = 1;
        return;
    }
    if (off) memmove(box->out.data + begin + off, box->out.data + begin, (size_t)size);
    put_size(box->out.data + box->opened_at + CLUSTER_ID_BYTES, (uint64_t)size);
    box->cues[box->cues_count++] =
        (struct rec_cue){box->cluster_ms, box->position + box->opened_at, box->cluster_tracks};
    box->closed = box->out.used += off;
    box->in_cluster = 0;
}

/* A block's head; its `size` bytes are put behind it. */
static void write_head(struct rec_box *box, int track, int64_t time_ms, int32_t size, int key) {
    if (box->in_cluster) {
        int64_t age = time_ms - box->cluster_ms;
        int opens = key && track == VIDEO && (age >= CLUSTER_LEAST_MS || !(box->cluster_tracks & VIDEO));
        if (opens || age >= CLUSTER_MS || box->blocks_size >= CLUSTER_BYTES) flush(box);
    }
    if (!box->in_cluster) {
        open_cluster(box, time_ms);
        box->cluster_tracks = key ? track : 0;
    } else if (track == AUDIO) {
        box->cluster_tracks |= AUDIO;
    }
    uint8_t head[16] = {0xA3};
    int at = 1 + put_size(head + 1, (uint64_t)size + 4);
    uint16_t relative = (uint16_t)(time_ms - box->cluster_ms);
    head[at++] = (uint8_t)(0x80 | track);
    head[at++] = (uint8_t)(relative >> 8);
    head[at++] = (uint8_t)relative;
    head[at++] = key ? 0x80 : 0;
    put_out(box, head, at);
    box->blocks_size += size + 16;
    if (time_ms > box->box_end_ms) box->box_end_ms = time_ms;
    box->used |= track;
    if (time_ms + 20 > box->end_ms) box->end_ms = time_ms + 20;
}

static void write_block(struct rec_box *box, int track, int64_t time_ms, const uint8_t *data, int32_t size, int key) {
    write_head(box, track, time_ms, size, key);
    put_out(box, data, size);
}

static void write_slices(struct rec_box *box, int track, int64_t time_ms, const struct rec_unit *unit) {
    const struct rec_slice *slice = box->waiting.slices + unit->slice, *end = slice + unit->slices;
    write_head(box, track, time_ms, unit->size, unit->key);
    for (; slice < end; slice++) put_out(box, slice_data(&box->waiting, slice), slice->size);
}

/* --- one time line of picture and sound ---------------------------------------------------- */

static void extend(struct rec_box *box, struct rec_spans *spans, int64_t start_ms, int64_t end_ms, int64_t merge_ms) {
    struct rec_span *last = spans->count ? &spans->spans[spans->count - 1] : NULL;
    if (last && start_ms - last->end_ms <= merge_ms) {
        if (end_ms > last->end_ms) last->end_ms = end_ms;
        return;
    }
    if (!rec_grow((void **)&spans->spans, &spans->room, spans->count + 1, sizeof *spans->spans)) {
        box->failed = 1;
        return;
    }
    spans->spans[spans->count++] = (struct rec_span){start_ms, end_ms};
}

static void fill_with(struct rec_box *box, int64_t place_ns, const uint8_t *packet, int32_t size, int64_t samples) {
    int64_t length_ns = samples * NS_PER_S / OPUS_RATE;
    while (place_ns - box->audio_ns >= length_ns) {
        write_block(box, AUDIO, box->audio_ns / NS_PER_MS, packet, size, 1);
        box->audio_ns += length_ns;
        box->silence_ms += length_ns / NS_PER_MS;
    }
}

static void fill(struct rec_box *box, int64_t place_ns) {
    fill_with(box, place_ns, LONG_SILENCE, sizeof LONG_SILENCE, OPUS_LONGEST_SAMPLES);
    fill_with(box, place_ns, SILENCE, sizeof SILENCE, OPUS_LONGEST_SAMPLES / 6);
}

static void write_black(struct rec_box *box, int64_t now_ms) {
    int64_t time_ms = box->video_ms < 0 ? 0 : box->video_ms + BLACK_EVERY_MS;
    while (time_ms < now_ms || box->video_ms < 0) {
        box->video_ms = time_ms;
        write_block(box, VIDEO, time_ms, box->black, box->black_size, 1);
        time_ms += BLACK_EVERY_MS;
    }
}

static void fill_to(struct rec_box *box, int64_t place_ns) {
    if (place_ns > box->filled_ns) box->filled_ns = place_ns;
    if (!box->video_spans.count) write_black(box, floor_div(place_ns, NS_PER_MS));
    if (place_ns - box->audio_ns >= 2 * SILENCE_LAG_NS) fill(box, place_ns - SILENCE_LAG_NS);
}

static void write_video(struct rec_box *box, const struct rec_unit *unit) {
    int64_t time_ms = floor_div(unit->time_ns - box->start_ns, NS_PER_MS);
    if (time_ms <= box->video_ms) {
        if (box->video_ms - time_ms > STALE_MS) {
            box->late_left_out++;
            return;
        }
        time_ms = box->video_ms + 1;
    }
    box->video_ms = time_ms;
    if ((int64_t)unit->width * unit->height > (int64_t)box->width * box->height) {
        box->width = unit->width;
        box->height = unit->height;
    }
    write_slices(box, VIDEO, time_ms, unit);
    extend(box, &box->video_spans, time_ms, time_ms, VIDEO_SPAN_MERGE_MS);
}

/* RFC 6716 §3.1, table 2; in samples. */
static int64_t opus_samples(const uint8_t *packet, int32_t size) {
    static const int16_t frames[] = {480, 960, 1920, 2880, 480, 960, 1920, 2880, 480, 960, 1920, 2880, 480, 960, 480, 960,
                                     120, 240, 480,  960,  120, 240, 480,  960,  120, 240, 480,  960,  120, 240, 480, 960};
    if (!size) return 0;
    int code = packet[0] & 3;
    int64_t count = code == 0 ? 1 : code < 3 ? 2 : size > 1 ? packet[1] & 0x3F : 0;
    int64_t total = frames[packet[0] >> 3] * count;
    return total <= OPUS_LONGEST_SAMPLES ? total : 0;
}

static void grow_levels(struct rec_box *box, int64_t index, uint8_t loudness) {
    if (!box->levels.used) box->levels_from = index;
    index -= box->levels_from;
    if (!rec_grow((void **)&box->levels.data, &box->levels.room, index + 1, 1)) {
        box->failed = 1;
        return;
    }
    while (box->levels.used <= index) box->levels.data[box->levels.used++] = 0;
    if (loudness > box->levels.data[index]) box->levels.data[index] = loudness;
}

static void want_peak(struct rec_box *box, int64_t time_ms, const struct rec_unit *unit, const uint8_t *data) {
    if (unit->level >= 0) {
        grow_levels(box, time_ms / PEAK_PERIOD_MS, box->loudness[unit->level & 0x7F]);
        return;
    }
    int32_t turn = box->peak_turn;
    box->peak_turn = (turn + 1) % PEAK_PACKETS;
    if (turn > 1) return;
    if (!rec_grow((void **)&box->peaks, &box->peaks_room, box->peaks_count + 1, sizeof *box->peaks)) {
        box->failed = 1;
        return;
    }
    box->peaks[box->peaks_count++] = (struct rec_peak){time_ms, box->peak_data.used, unit->size, turn};
    put(box, &box->peak_data, data, unit->size);
}

/* Sound is one slice. */
static void write_audio(struct rec_box *box, const struct rec_unit *unit) {
    const uint8_t *data = slice_data(&box->waiting, box->waiting.slices + unit->slice);
    int64_t length_ns = opus_samples(data, unit->size) * NS_PER_S / OPUS_RATE;
    if (!length_ns) return;
    int64_t place_ns = unit->time_ns - box->start_ns;
    if (place_ns - box->audio_ns < -AUDIO_SLACK_NS) {
        box->packets_left_out++;
        return;
    }
    fill(box, place_ns);
    int64_t time_ms = box->audio_ns / NS_PER_MS;
    box->audio_ns += length_ns;
    write_block(box, AUDIO, time_ms, data, unit->size, 1);
    want_peak(box, time_ms, unit, data);
    extend(box, &box->audio_spans, time_ms, box->audio_ns / NS_PER_MS, SPAN_MERGE_MS);
}

static void write_unit(struct rec_box *box, const struct rec_unit *unit) {
    if (!box->started) box->start_ns = unit->time_ns;
    box->started = 1;
    int64_t place_ns = unit->time_ns - box->start_ns;
    if (place_ns > LENGTH_LIMIT_NS) {
        box->late_left_out++;
        return;
    }
    if (unit->time_ns > box->written_ns) box->written_ns = unit->time_ns;
    while (place_ns - box->filled_ns > FILL_STEP_NS) fill_to(box, box->filled_ns + FILL_STEP_NS);
    fill_to(box, place_ns);
    if (unit->video)
        write_video(box, unit);
    else
        write_audio(box, unit);
}

/* --- what waits ------------------------------------------------------------------------------ */

/* Takes over all of a batch, which is empty then; 0 if there is no memory.  Both have the same segment at hand. */
int32_t rec_box_take(struct rec_box *box, struct rec_batch *batch) {
    struct rec_batch *waiting = &box->waiting;
    if (batch->segment) waiting->segment = batch->segment;
    if (!batch->count) return 1;
    if (!rec_grow((void **)&waiting->units, &waiting->room, waiting->count + batch->count, sizeof *waiting->units) ||
        !rec_grow((void **)&waiting->slices, &waiting->slices_room, waiting->slices_count + batch->slices_count,
                  sizeof *waiting->slices) ||
        !rec_grow((void **)&waiting->data, &waiting->data_room, waiting->used + batch->used, 1))
        return 0;
    for (int64_t i = 0; i < batch->count; i++) {
        struct rec_unit *unit = &waiting->units[waiting->count + i];
        *unit = batch->units[i];
        unit->slice += waiting->slices_count;
    }
    for (int64_t i = 0; i < batch->slices_count; i++) {
        struct rec_slice *slice = &waiting->slices[waiting->slices_count + i];
        *slice = batch->slices[i];
        if (!slice->lent) slice->at += waiting->used;
    }
    if (batch->used) memcpy(waiting->data + waiting->used, batch->data, (size_t)batch->used);
    waiting->count += batch->count;
    waiting->slices_count += batch->slices_count;
    waiting->used += batch->used;
    batch->count = batch->slices_count = batch->used = 0;
    batch->segment = NULL;
    return 1;
}

/* What waits in order of time, equals as they came (merge sort); 0 if there is no memory. */
int32_t rec_box_sort(struct rec_box *box) {
    int64_t count = box->waiting.count;
    struct rec_unit *from = box->waiting.units;
    if (!rec_grow((void **)&box->sorting, &box->sorting_room, count, sizeof *from)) return 0;
    struct rec_unit *into = box->sorting;
    for (int64_t width = 1; width < count; width *= 2) {
        for (int64_t low = 0; low < count; low += 2 * width) {
            int64_t middle = low + width < count ? low + width : count;
            int64_t high = middle + width < count ? middle + width : count;
            int64_t left = low, right = middle;
            for (int64_t at = low; at < high; at++) {
                int first = left < middle && (right >= high || from[left].time_ns <= from[right].time_ns);
                into[at] = from[first ? left++ : right++];
            }
        }
        struct rec_unit *swap = from;
        from = into;
        into = swap;
    }
    if (from != box->waiting.units) memcpy(box->waiting.units, from, (size_t)count * sizeof *from);
    if (count && box->waiting.units[count - 1].time_ns > box->newest_ns)
        box->newest_ns = box->waiting.units[count - 1].time_ns;
    return 1;
}

/* Writes what waits, in order, until a cluster is complete, or up to this time; 0 if there is no memory. */
int32_t rec_box_write(struct rec_box *box, int64_t horizon_ns) {
    struct rec_batch *waiting = &box->waiting;
    while (box->closed == box->begun && box->next < waiting->count && waiting->units[box->next].time_ns <= horizon_ns)
        write_unit(box, &waiting->units[box->next++]);
    return !box->failed;
}

/* Ends the cluster that is open; 0 if there is no memory. */
int32_t rec_box_flush(struct rec_box *box) {
    flush(box);
    return !box->failed;
}

/* So many bytes of what is closed were written, the rest of it is known, and the peaks were seen to. */
void rec_box_written(struct rec_box *box, int64_t written) {
    box->position += written;
    box->out.used -= written;
    box->opened_at -= written;
    if (written && box->out.used) memmove(box->out.data, box->out.data + written, (size_t)box->out.used);
    box->begun = box->closed -= written;
    box->peaks_count = box->peak_data.used = box->levels.used = 0;
}

/* Lets go of what was written; what still waits becomes the box's own, as the segment goes.  0 if there is no memory;
 * then nothing waits. */
int32_t rec_box_keep(struct rec_box *box, struct rec_batch *spare) {
    if (!box->next && !box->waiting.segment) return 1;
    int64_t from = box->next;
    box->next = 0;
    return rec_batch_move(&box->waiting, from, spare);
}
