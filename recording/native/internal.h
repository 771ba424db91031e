/* What the files of the library share. */
#pragma once

#include <stddef.h>

#include "record.h"

#define NS_PER_S 1000000000LL
#define NS_PER_MS 1000000LL
/* content.py STALL_NS */
#define REC_STALL_NS NS_PER_S
#define REC_FACTS 0
#define REC_AUDIO 1
#define REC_VIDEO 2

/* Where the bytes of a slice are. */
static inline const uint8_t *slice_data(const struct rec_batch *batch, const struct rec_slice *slice) {
    return (slice->lent ? batch->segment : batch->data) + slice->at;
}

/* Makes room for `wanted` elements; 0 if there is no memory. */
int rec_grow(void **data, int64_t *room, int64_t wanted, size_t each);
void rec_batch_clear(struct rec_batch *batch);
/* Adds a unit with all its bytes, in one slice of the batch's own; 0 if there is no memory. */
int rec_batch_copy(struct rec_batch *batch, const struct rec_batch *from, const struct rec_unit *unit);
/* The units of a batch from one on, each in one slice of its own; it takes the memory of `spare` for them and leaves it
 * its own, so that neither is asked for anew.  0 if there is no memory; then the batch is empty. */
int rec_batch_move(struct rec_batch *batch, int64_t from, struct rec_batch *spare);

/* Rounds down, as Python does. */
static inline int64_t floor_div(int64_t value, int64_t by) {
    int64_t quotient = value / by;
    return quotient - (value % by < 0);
}
