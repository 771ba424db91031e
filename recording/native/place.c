/* From RTP timestamps to the writer's clock; media/clocks.py is the reference.
 *
 * A sender may let its timestamps leap as it likes, so that a track's media time may leave 64 bits: 128 are used. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define WINDOW_NS (60 * NS_PER_S)
#define SLEW_PPM 500
#define STEP_NS NS_PER_S
#define DISBELIEF_NS (2 * NS_PER_S)
#define REPORTS_KEPT 512

typedef __int128 wide;

struct sample {
    wide offset;
    int64_t at_ns;
};

struct report {
    int64_t at_ns, ntp_ns, offset;
    uint32_t timestamp;
};

struct rec_clock {
    wide value;
    struct sample *samples; /* from first to last: rising */
    int64_t first, last, room;
    int64_t at_ns;
    int64_t unwrapped;
    int32_t rate;
    int32_t reports_count;
    uint32_t last_timestamp;
    int has_value, has_at, has_timestamp;
    struct report reports[REPORTS_KEPT + 1];
};

struct rec_clock *rec_clock_new(int32_t rate) {
    struct rec_clock *clock = calloc(1, sizeof *clock);
    if (clock) clock->rate = rate;
    return clock;
}

void rec_clock_free(struct rec_clock *clock) {
    free(clock->samples);
    free(clock);
}

int32_t rec_clock_report(struct rec_clock *clock, int64_t at_ns, int64_t ntp_ns, uint32_t timestamp, int64_t offset) {
    clock->reports[clock->reports_count++] = (struct report){at_ns, ntp_ns, offset, timestamp};
    if (clock->reports_count > REPORTS_KEPT) {
        int32_t gone = REPORTS_KEPT / 2;
        clock->reports_count -= gone;
        memmove(clock->reports, clock->reports + gone, (size_t)clock->reports_count * sizeof *clock->reports);
    }
    return clock->reports_count;
}

static wide media_ns(struct rec_clock *clock, uint32_t timestamp) {
    if (clock->has_timestamp)
        clock->unwrapped += (int32_t)(timestamp - clock->last_timestamp);
    else
        clock->unwrapped = timestamp;
    clock->has_timestamp = 1;
    clock->last_timestamp = timestamp;
    wide scaled = (wide)clock->unwrapped * NS_PER_S;
    return scaled / clock->rate - (scaled % clock->rate < 0);
}

static void prime(struct rec_clock *clock, wide sample) {
    wide less = clock->value - sample;
    if (!clock->has_value || (less > 0 && less < STEP_NS)) clock->value = sample;
    clock->has_value = 1;
}

static int push(struct rec_clock *clock, wide sample, int64_t at_ns) {
    wide away = sample - clock->value;
    if (!clock->has_value || away > STEP_NS || away < -(wide)STEP_NS) {
        clock->value = sample;
        clock->at_ns = at_ns;
        clock->has_value = clock->has_at = 1;
        clock->first = clock->last = 0;
    }
    while (clock->last > clock->first && clock->samples[clock->last - 1].offset >= sample) clock->last--;
    if (clock->last == clock->room && clock->first > clock->room / 2) {
        clock->last -= clock->first;
        memmove(clock->samples, clock->samples + clock->first, (size_t)clock->last * sizeof *clock->samples);
        clock->first = 0;
    }
    if (!rec_grow((void **)&clock->samples, &clock->room, clock->last + 1, sizeof *clock->samples)) return 0;
    clock->samples[clock->last++] = (struct sample){sample, at_ns};
    while (clock->samples[clock->first].at_ns < at_ns - WINDOW_NS) clock->first++;
    int64_t elapsed_ns = clock->has_at && at_ns > clock->at_ns ? at_ns - clock->at_ns : 0;
    wide room = (wide)elapsed_ns * SLEW_PPM / 1000000;
    wide wanted = clock->samples[clock->first].offset - clock->value;
    clock->value += wanted > room ? room : wanted < -room ? -room : wanted;
    clock->at_ns = at_ns;
    clock->has_at = 1;
    return 1;
}

/* How many reports came at or before this moment. */
static int32_t reports_until(const struct rec_clock *clock, int64_t at_ns) {
    int32_t low = 0, high = clock->reports_count;
    while (low < high) {
        int32_t middle = (low + high) / 2;
        if (at_ns < clock->reports[middle].at_ns)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static int map(struct rec_clock *clock, const struct rec_unit *unit, int64_t *mono_ns) {
    wide media = media_ns(clock, unit->timestamp);
    if (!push(clock, unit->arrival_ns - media, unit->arrival_ns)) return 0;
    *mono_ns = (int64_t)(media + clock->value);
    if (!clock->reports_count) return 1;
    int32_t at = reports_until(clock, unit->arrival_ns);
    const struct report *report = &clock->reports[at ? at - 1 : 0];
    int64_t ahead = (int32_t)(unit->timestamp - report->timestamp);
    wide mapped = (wide)report->ntp_ns + floor_div(ahead * NS_PER_S, clock->rate) + report->offset;
    wide away = mapped - unit->arrival_ns;
    if (away <= DISBELIEF_NS && away >= -(wide)DISBELIEF_NS) *mono_ns = (int64_t)mapped;
    return 1;
}

/* The times of all units of one source; 0 if there is no memory. */
int32_t rec_place(struct rec_clock *clock, struct rec_batch *batch, uint32_t ssrc, int64_t wall_minus_mono_ns) {
    struct rec_unit *end = batch->units + batch->count;
    for (struct rec_unit *unit = batch->units; unit < end; unit++)
        if (unit->ssrc == ssrc) prime(clock, unit->arrival_ns - media_ns(clock, unit->timestamp));
    for (struct rec_unit *unit = batch->units; unit < end; unit++) {
        int64_t mono_ns;
        if (unit->ssrc != ssrc) continue;
        if (!map(clock, unit, &mono_ns)) return 0;
        unit->time_ns = mono_ns + wall_minus_mono_ns;
    }
    return 1;
}
