/* The root of a Merkle tree (RFC 6962 §2.1) over the hashes of a stored segment. */
#include <string.h>

#include "internal.h"

static void hash_into(uint8_t *target, uint8_t sign, const uint8_t *data, int64_t size) {
    struct rec_sha sha;
    rec_sha_begin(&sha);
    rec_sha_add(&sha, &sign, 1);
    rec_sha_add(&sha, data, size);
    rec_sha_end(&sha, target);
}

void rec_sha_tree(uint8_t *hashes, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        hash_into(hashes + i * REC_DIGEST_BYTES, 0, hashes + i * REC_DIGEST_BYTES, REC_DIGEST_BYTES);
    while (count > 1) {
        for (int64_t i = 0; i < count / 2; i++)
            hash_into(hashes + i * REC_DIGEST_BYTES, 1, hashes + 2 * i * REC_DIGEST_BYTES, 2 * REC_DIGEST_BYTES);
        /* One that is left over goes up as it is. */
        if (count & 1)
            memmove(hashes + count / 2 * REC_DIGEST_BYTES, hashes + (count - 1) * REC_DIGEST_BYTES, REC_DIGEST_BYTES);
        count = (count + 1) / 2;
    }
}
