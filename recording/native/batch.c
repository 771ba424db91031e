/* What waits of a track or a file: units, whose bytes are slices of the segment at hand or of memory of their own. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct rec_batch *rec_batch_new(void) { return calloc(1, sizeof(struct rec_batch)); }

void rec_batch_clear(struct rec_batch *batch) {
    free(batch->units);
    free(batch->slices);
    free(batch->data);
}

void rec_batch_free(struct rec_batch *batch) {
    rec_batch_clear(batch);
    free(batch);
}

int rec_grow(void **data, int64_t *room, int64_t wanted, size_t each) {
    if (wanted <= *room) return 1;
    int64_t more = *room ? *room : 64;
    while (more < wanted) more *= 2;
    void *grown = realloc(*data, (size_t)more * each);
    if (!grown) return 0;
    *data = grown;
    *room = more;
    return 1;
}

/* Makes room for a unit of `size` bytes in one slice of the batch's own, and answers where the bytes go. */
static uint8_t *add(struct rec_batch *batch, const struct rec_unit *unit) {
    if (!rec_grow((void **)&batch->units, &batch->room, batch->count + 1, sizeof *unit) ||
        !rec_grow((void **)&batch->slices, &batch->slices_room, batch->slices_count + 1, sizeof *batch->slices) ||
        !rec_grow((void **)&batch->data, &batch->data_room, batch->used + unit->size, 1))
        return NULL;
    struct rec_unit *added = &batch->units[batch->count++];
    *added = *unit;
    added->slice = batch->slices_count;
    added->slices = 1;
    batch->slices[batch->slices_count++] = (struct rec_slice){batch->used, unit->size, 0};
    batch->used += unit->size;
    return batch->data + batch->used - unit->size;
}

int32_t rec_batch_add(struct rec_batch *batch, const struct rec_unit *unit, const uint8_t *data) {
    uint8_t *at = add(batch, unit);
    if (!at) return 0;
    if (unit->size) memcpy(at, data, (size_t)unit->size);
    return 1;
}

int rec_batch_copy(struct rec_batch *batch, const struct rec_batch *from, const struct rec_unit *unit) {
    uint8_t *at = add(batch, unit);
    if (!at) return 0;
    const struct rec_slice *slice = from->slices + unit->slice, *end = slice + unit->slices;
    for (; slice < end; slice++) {
        if (slice->size) memcpy(at, slice_data(from, slice), (size_t)slice->size);
        at += slice->size;
    }
    return 1;
}

int rec_batch_move(struct rec_batch *batch, int64_t from, struct rec_batch *spare) {
    int done = 1;
    spare->count = spare->slices_count = spare->used = 0;
    for (int64_t i = from; i < batch->count && done; i++) done = rec_batch_copy(spare, batch, &batch->units[i]);
    if (!done) spare->count = spare->slices_count = spare->used = 0;
    struct rec_batch before = *batch;
    *batch = *spare;
    *spare = before;
    batch->segment = spare->segment = NULL;
    return done;
}

/* The segment goes: what is still in it becomes the batch's own.  0 if there is no memory; then nothing waits. */
int32_t rec_batch_keep(struct rec_batch *batch, struct rec_batch *spare) {
    return !batch->segment || rec_batch_move(batch, 0, spare);
}
