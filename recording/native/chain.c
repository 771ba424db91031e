/* SHA-256 (FIPS 180-4) of a segment that grows and of its chunks, both in one pass over the bytes.
 *
 * Every byte of a segment is hashed twice.  One hash at a time leaves the processor's SHA unit half idle, as each step
 * waits for the one before; two at a time take little longer than one.  The files that two people's media grow into are
 * hashed side by side for the same reason. */
#include <string.h>

#include "internal.h"

#define BLOCK_BYTES 64
#define LENGTH_BYTES 8

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#define WITH_SHA __attribute__((target("sha,sse4.1,ssse3")))

static const uint32_t START[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static const uint32_t ROUND[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* The state as the instructions want it: words a, b, e, f and c, d, g, h, the first the highest. */
struct lane {
    __m128i abef, cdgh;
};

WITH_SHA static struct lane lane_of(const struct rec_sha *sha) {
    const uint32_t *s = sha->state;
    struct lane lane;
    lane.abef = _mm_set_epi32((int)s[0], (int)s[1], (int)s[4], (int)s[5]);
    lane.cdgh = _mm_set_epi32((int)s[2], (int)s[3], (int)s[6], (int)s[7]);
    return lane;
}

WITH_SHA static void put_back(struct rec_sha *sha, const struct lane *lane) {
    uint32_t high[4], low[4];
    _mm_storeu_si128((__m128i *)high, lane->abef);
    _mm_storeu_si128((__m128i *)low, lane->cdgh);
    const uint32_t state[8] = {high[3], high[2], low[3], low[2], high[1], high[0], low[1], low[0]};
    memcpy(sha->state, state, sizeof state);
}

WITH_SHA static inline __m128i words_at(const uint8_t *data) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)data), big_endian);
}

/* The words of the message schedule after `a`, `b`, `c`, `d`, of which each holds four. */
WITH_SHA static inline __m128i words_after(__m128i a, __m128i b, __m128i c, __m128i d) {
    return _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(a, b), _mm_alignr_epi8(d, c, 4)), d);
}

WITH_SHA static inline void four_rounds(struct lane *lane, __m128i words, int group) {
    __m128i sum = _mm_add_epi32(words, _mm_load_si128((const __m128i *)(ROUND + 4 * group)));
    lane->cdgh = _mm_sha256rnds2_epu32(lane->cdgh, lane->abef, sum);
    lane->abef = _mm_sha256rnds2_epu32(lane->abef, lane->cdgh, _mm_shuffle_epi32(sum, 0x0E));
}

WITH_SHA static void take_blocks(struct rec_sha *sha, const uint8_t *data, int64_t blocks) {
    struct lane lane = lane_of(sha);
    for (; blocks > 0; blocks--, data += BLOCK_BYTES) {
        const struct lane before = lane;
        __m128i w[4];
#pragma GCC unroll 16
        for (int group = 0; group < 16; group++) {
            const int i = group & 3;
            w[i] = group < 4 ? words_at(data + 16 * group)
                             : words_after(w[i], w[(i + 1) & 3], w[(i + 2) & 3], w[(i + 3) & 3]);
            four_rounds(&lane, w[i], group);
        }
        lane.abef = _mm_add_epi32(lane.abef, before.abef);
        lane.cdgh = _mm_add_epi32(lane.cdgh, before.cdgh);
    }
    put_back(sha, &lane);
}

WITH_SHA static void take_blocks_of_two(struct rec_sha *first, const uint8_t *data, struct rec_sha *second,
                                        const uint8_t *other, int64_t blocks) {
    struct lane one = lane_of(first), two = lane_of(second);
    for (; blocks > 0; blocks--, data += BLOCK_BYTES, other += BLOCK_BYTES) {
        const struct lane one_before = one, two_before = two;
        __m128i w[4], v[4];
#pragma GCC unroll 16
        for (int group = 0; group < 16; group++) {
            const int i = group & 3;
            w[i] = group < 4 ? words_at(data + 16 * group)
                             : words_after(w[i], w[(i + 1) & 3], w[(i + 2) & 3], w[(i + 3) & 3]);
            v[i] = group < 4 ? words_at(other + 16 * group)
                             : words_after(v[i], v[(i + 1) & 3], v[(i + 2) & 3], v[(i + 3) & 3]);
            four_rounds(&one, w[i], group);
            four_rounds(&two, v[i], group);
        }
        one.abef = _mm_add_epi32(one.abef, one_before.abef);
        one.cdgh = _mm_add_epi32(one.cdgh, one_before.cdgh);
        two.abef = _mm_add_epi32(two.abef, two_before.abef);
        two.cdgh = _mm_add_epi32(two.cdgh, two_before.cdgh);
    }
    put_back(first, &one);
    put_back(second, &two);
}

int32_t rec_sha_usable(void) {
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

void rec_sha_begin(struct rec_sha *sha) {
    memcpy(sha->state, START, sizeof START);
    sha->bytes = 0;
}

/* Completes the block that was begun; how many bytes that took. */
static int64_t top_up(struct rec_sha *sha, const uint8_t *data, int64_t size) {
    const int64_t begun = (int64_t)(sha->bytes % BLOCK_BYTES);
    if (!begun) return 0;
    const int64_t taken = size < BLOCK_BYTES - begun ? size : BLOCK_BYTES - begun;
    memcpy(sha->begun + begun, data, (size_t)taken);
    if (begun + taken == BLOCK_BYTES) take_blocks(sha, sha->begun, 1);
    return taken;
}

/* Whole blocks from `at` on, of which `blocks` were taken, and the rest for later. */
static void take_rest(struct rec_sha *sha, const uint8_t *data, int64_t size, int64_t at, int64_t blocks) {
    const int64_t whole = (size - at) / BLOCK_BYTES, end = at + whole * BLOCK_BYTES;
    if (whole > blocks) take_blocks(sha, data + at + blocks * BLOCK_BYTES, whole - blocks);
    if (size > end) memcpy(sha->begun, data + end, (size_t)(size - end));
    sha->bytes += (uint64_t)size;
}

void rec_sha_add(struct rec_sha *sha, const uint8_t *data, int64_t size) {
    take_rest(sha, data, size, top_up(sha, data, size), 0);
}

void rec_sha_add_two(struct rec_sha *first, const uint8_t *data, int64_t size, struct rec_sha *second,
                     const uint8_t *other, int64_t other_size) {
    const int64_t from = top_up(first, data, size), other_from = top_up(second, other, other_size);
    const int64_t left = size - from, other_left = other_size - other_from;
    const int64_t blocks = (left < other_left ? left : other_left) / BLOCK_BYTES;
    take_blocks_of_two(first, data + from, second, other + other_from, blocks);
    take_rest(first, data, size, from, blocks);
    take_rest(second, other, other_size, other_from, blocks);
}

static void put_big_endian(uint8_t *out, uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; i--, value >>= 8) out[i] = (uint8_t)value;
}

void rec_sha_end(const struct rec_sha *sha, uint8_t *digest) {
    static const uint8_t padding[BLOCK_BYTES] = {0x80};
    struct rec_sha last = *sha;
    uint8_t length[LENGTH_BYTES];
    put_big_endian(length, sha->bytes * 8, LENGTH_BYTES);
    const int64_t begun = (int64_t)((sha->bytes + LENGTH_BYTES) % BLOCK_BYTES);
    rec_sha_add(&last, padding, BLOCK_BYTES - begun);
    rec_sha_add(&last, length, LENGTH_BYTES);
    for (int i = 0; i < 8; i++) put_big_endian(digest + 4 * i, last.state[i], 4);
}

void rec_sha_chunk(struct rec_sha *segment, const uint8_t *data, int64_t size, uint8_t *digest) {
    struct rec_sha chunk;
    rec_sha_begin(&chunk);
    rec_sha_add_two(&chunk, data, size, segment, data, size);
    rec_sha_end(&chunk, digest);
}

void rec_chain(struct rec_sha *segment, int32_t count, int32_t head_bytes, const uint8_t *heads,
               const uint8_t *const *records, const int64_t *sizes, uint8_t *digests) {
    for (int32_t i = 0; i < count; i++) {
        struct rec_sha chunk;
        uint8_t *digest = digests + i * REC_DIGEST_BYTES;
        rec_sha_begin(&chunk);
        rec_sha_add_two(&chunk, heads + i * head_bytes, head_bytes, segment, heads + i * head_bytes, head_bytes);
        rec_sha_add_two(&chunk, records[i], sizes[i], segment, records[i], sizes[i]);
        rec_sha_end(&chunk, digest);
        rec_sha_add(segment, digest, REC_DIGEST_BYTES);
    }
}

#else

/* Elsewhere Python's own hashes are used. */
int32_t rec_sha_usable(void) { return 0; }
void rec_sha_begin(struct rec_sha *sha) { (void)sha; }
void rec_sha_add(struct rec_sha *sha, const uint8_t *data, int64_t size) { (void)sha, (void)data, (void)size; }
void rec_sha_end(const struct rec_sha *sha, uint8_t *digest) { (void)sha, (void)digest; }
void rec_sha_add_two(struct rec_sha *first, const uint8_t *data, int64_t size, struct rec_sha *second,
                     const uint8_t *other, int64_t other_size) {
    (void)first, (void)data, (void)size, (void)second, (void)other, (void)other_size;
}
void rec_sha_chunk(struct rec_sha *segment, const uint8_t *data, int64_t size, uint8_t *digest) {
    (void)segment, (void)data, (void)size, (void)digest;
}
void rec_chain(struct rec_sha *segment, int32_t count, int32_t head_bytes, const uint8_t *heads,
               const uint8_t *const *records, const int64_t *sizes, uint8_t *digests) {
    (void)segment, (void)count, (void)head_bytes, (void)heads, (void)records, (void)sizes, (void)digests;
}

#endif
