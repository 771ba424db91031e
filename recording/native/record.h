/* The compiled part of making records: declared once, for the compiler and for cffi (library.py). */
#include <stdint.h>

/* A frame of picture or a packet of sound: `size` bytes in `slices` slices of its batch, from `slice` on.  `level` is how
 * loud the packet says it is (RFC 6464, -dBov), or -1. */
struct rec_unit {
    int64_t time_ns;
    int64_t arrival_ns;
    int64_t slice;
    int32_t slices;
    int32_t size;
    uint32_t timestamp;
    uint32_t ssrc;
    int32_t width;
    int32_t height;
    int16_t level;
    uint8_t video;
    uint8_t key;
};

/* Bytes of the segment that is walked through (`lent`), or of the batch's own data. */
struct rec_slice {
    int64_t at;
    int32_t size;
    int32_t lent;
};

/* `segment` is there only until rec_batch_keep or rec_box_keep. */
struct rec_batch {
    struct rec_unit *units;
    int64_t count, room;
    struct rec_slice *slices;
    int64_t slices_count, slices_room;
    uint8_t *data;
    int64_t used, data_room;
    const uint8_t *segment;
};

/* The records of a chunk: where they are in the segment, and how many it says they are. */
struct rec_chunk {
    int64_t at, end, count;
};

/* An RTCP packet: `size` bytes at `at` of the segment. */
struct rec_report {
    int64_t at, arrival_ns;
    int32_t size;
};

/* A run of packets in order.  What is given and what is answered: see rec_walk. */
struct rec_walk {
    const struct rec_chunk *chunks;
    struct rec_report *reports;
    int64_t chunks_count, chunk, at, seen;
    int64_t last_ns;
    int64_t bytes;
    int32_t reports_count, reports_room;
    int32_t records;
    int32_t packets;
    int32_t dropped;
    int32_t level_id;
    uint32_t ssrc;
    uint32_t kept_ssrc;
    int32_t payload_type;
    int32_t sequence;
    int32_t kind;
    int32_t tl0;
    uint8_t has_kept;
    uint8_t need_key;
    uint8_t need_sync;
    uint8_t after_loss;
};

struct rec_span {
    int64_t start_ms, end_ms;
};

struct rec_spans {
    struct rec_span *spans;
    int64_t count, room;
};

/* `tracks`: bit 0 for the picture, bit 1 for the sound. */
struct rec_cue {
    int64_t time_ms, position;
    int32_t tracks;
};

struct rec_bytes {
    uint8_t *data;
    int64_t used, room;
};

/* A packet of sound whose peak is wanted: `size` bytes at `at` of the peaks' data. */
struct rec_peak {
    int64_t time_ms, at;
    int32_t size, turn;
};

struct rec_box {
    int64_t start_ns, written_ns, newest_ns, audio_ns, filled_ns;
    int64_t end_ms, box_end_ms, video_ms, cluster_ms, blocks_size, position;
    int64_t next, opened_at, closed, begun, levels_from;
    int64_t silence_ms, packets_left_out, frames_left_out, late_left_out;
    int32_t width, height, used, cluster_tracks, peak_turn;
    uint8_t started, in_cluster, failed;
    struct rec_spans video_spans, audio_spans;
    struct rec_batch waiting;
    struct rec_bytes out, peak_data, levels;
    struct rec_cue *cues;
    int64_t cues_count, cues_room;
    struct rec_peak *peaks;
    int64_t peaks_count, peaks_room;
    struct rec_unit *sorting;
    int64_t sorting_room;
    const uint8_t *black, *loudness;
    int32_t black_size;
};

/* A SHA-256 that goes on: chain.c. */
#define REC_DIGEST_BYTES 32
struct rec_sha {
    uint64_t bytes;
    uint32_t state[8];
    uint8_t begun[64];
};

/* Chunks of one file, from `first` on, which are to be written `at` this place: spool.c. */
struct rec_spooled {
    struct rec_sha *segment;
    int64_t at;
    int32_t file, first, count;
    int32_t error; /* errno, or 0 */
};

struct rec_clock;

const char *rec_source(void);

struct rec_batch *rec_batch_new(void);
void rec_batch_free(struct rec_batch *batch);
int32_t rec_batch_add(struct rec_batch *batch, const struct rec_unit *unit, const uint8_t *data);
int32_t rec_batch_keep(struct rec_batch *batch, struct rec_batch *spare);
int32_t rec_walk(struct rec_walk *walk, struct rec_batch *batch, const uint8_t *segment);

struct rec_clock *rec_clock_new(int32_t rate);
void rec_clock_free(struct rec_clock *clock);
int32_t rec_clock_report(struct rec_clock *clock, int64_t at_ns, int64_t ntp_ns, uint32_t timestamp, int64_t offset);
int32_t rec_place(struct rec_clock *clock, struct rec_batch *batch, uint32_t ssrc, int64_t wall_minus_mono_ns);

struct rec_box *rec_box_new(const uint8_t *black, int32_t black_size, const uint8_t *loudness, int64_t position);
void rec_box_free(struct rec_box *box);
int32_t rec_box_take(struct rec_box *box, struct rec_batch *batch);
int32_t rec_box_sort(struct rec_box *box);
int32_t rec_box_write(struct rec_box *box, int64_t horizon_ns);
int32_t rec_box_flush(struct rec_box *box);
void rec_box_written(struct rec_box *box, int64_t written);
int32_t rec_box_keep(struct rec_box *box, struct rec_batch *spare);

/* Nothing of these may be called unless the first says yes. */
int32_t rec_sha_usable(void);
void rec_sha_begin(struct rec_sha *sha);
void rec_sha_add(struct rec_sha *sha, const uint8_t *data, int64_t size);
void rec_sha_add_two(struct rec_sha *first, const uint8_t *data, int64_t size, struct rec_sha *second,
                     const uint8_t *other, int64_t other_size);
void rec_sha_end(const struct rec_sha *sha, uint8_t *digest);
/* The hash of a chunk, whose bytes go into the segment's too. */
void rec_sha_chunk(struct rec_sha *segment, const uint8_t *data, int64_t size, uint8_t *digest);
/* The hashes of chunks, each of `head_bytes` of head and its records; with them the chunks go into the segment's. */
/* The root of the Merkle tree (RFC 6962) whose leaves hold these hashes, into the first of them; all are written over. */
void rec_sha_tree(uint8_t *hashes, int64_t count);
void rec_chain(struct rec_sha *segment, int32_t count, int32_t head_bytes, const uint8_t *heads,
               const uint8_t *const *records, const int64_t *sizes, uint8_t *digests);
/* The same of several files, with each chunk written to its file and made durable. */
void rec_spool(struct rec_spooled *files, int32_t count, int32_t head_bytes, const uint8_t *heads,
               const uint8_t *const *records, const int64_t *sizes, uint8_t *digests);
