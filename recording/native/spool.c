/* One turn of the thread that writes the record: chunks of several files are chained, written and made durable in one
 * call, in which the interpreter is nobody's to wait for.  spool.py's SegmentSeries is the reference. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <sys/uio.h>
#include <unistd.h>

#include "internal.h"

/* Head, records and hash of a chunk. */
#define PIECES_OF_CHUNK 3
#define CHUNKS_AT_ONCE (IOV_MAX / PIECES_OF_CHUNK)

/* All of the pieces, from where the file stands; an errno, or 0. */
static int32_t write_pieces(int32_t file, struct iovec *pieces, int count) {
    while (count) {
        ssize_t written = writev(file, pieces, count);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return written ? errno : EIO;
        for (; count && (size_t)written >= pieces->iov_len; pieces++, count--) written -= (ssize_t)pieces->iov_len;
        if (written) {
            pieces->iov_base = (uint8_t *)pieces->iov_base + written;
            pieces->iov_len -= (size_t)written;
        }
    }
    return 0;
}

static int32_t write_chunks(const struct rec_spooled *one, int32_t head_bytes, const uint8_t *heads,
                            const uint8_t *const *records, const int64_t *sizes, const uint8_t *digests) {
    struct iovec pieces[CHUNKS_AT_ONCE * PIECES_OF_CHUNK];
    if (lseek(one->file, one->at, SEEK_SET) < 0) return errno;
    for (int32_t i = one->first, end = i + one->count; i < end;) {
        int count = 0;
        for (; i < end && count < CHUNKS_AT_ONCE * PIECES_OF_CHUNK; i++) {
            pieces[count++] = (struct iovec){(void *)(heads + i * head_bytes), (size_t)head_bytes};
            pieces[count++] = (struct iovec){(void *)records[i], (size_t)sizes[i]};
            pieces[count++] = (struct iovec){(void *)(digests + i * REC_DIGEST_BYTES), REC_DIGEST_BYTES};
        }
        int32_t error = write_pieces(one->file, pieces, count);
        if (error) return error;
    }
    return 0;
}

/* All are written before the first is waited for: what the file system has to say of them then, it says once. */
void rec_spool(struct rec_spooled *files, int32_t count, int32_t head_bytes, const uint8_t *heads,
               const uint8_t *const *records, const int64_t *sizes, uint8_t *digests) {
    for (int32_t i = 0; i < count; i++) {
        struct rec_spooled *one = &files[i];
        rec_chain(one->segment, one->count, head_bytes, heads + one->first * head_bytes, records + one->first,
                  sizes + one->first, digests + one->first * REC_DIGEST_BYTES);
        one->error = write_chunks(one, head_bytes, heads, records, sizes, digests);
    }
    for (int32_t i = 0; i < count; i++)
        if (!files[i].error && fdatasync(files[i].file) != 0) files[i].error = errno;
}
