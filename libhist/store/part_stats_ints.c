/*
 * part_stats_ints.c -- bounds and sums of integers and times in a directory; see part_stats.h and part.md.
 *
 * Times are often whole seconds, so a power of ten that divides all numbers of a page is taken out. A sum
 * is written as its distance from that many values in the middle of the range: zero for a regular clock.
 * Of the time column the runs know the ends of every series; only where a block is cut inside a run do
 * bounds have to be written, as their distance from a regular clock.
 */
#include <assert.h>

#include "base/wide.h"
#include "store/part_stats_impl.h"

/* ---- sums ---- */

/* Sum less as many times min. */
static hi_wide ints_above(const hi_stats_work *work, uint32_t i)
{
    const hi_block_stats *s = work->of[i];
    const hi_wide sum = {s->sum_lo, (int64_t)s->sum_hi};

    return hi_wide_subtract(sum, hi_wide_product((int64_t)s->min, work->values[i]));
}

static hi_wide ints_times(hi_wide v, uint32_t by)
{
    const uint64_t bottom = (v.low & UINT32_MAX) * by;
    const uint64_t top = (v.low >> 32) * by + (bottom >> 32);

    return (hi_wide){top << 32 | (bottom & UINT32_MAX),
                     (int64_t)((uint64_t)v.high * by + (top >> 32))};
}

/* 10^power of them, modulo 2^128. */
static hi_wide ints_of_units(uint64_t units, unsigned power)
{
    const unsigned half = power / 2; /* Either half of a power up to 18 fits in 32 bits. */
    const hi_wide v = ints_times((hi_wide){units, 0}, (uint32_t)hi_tens(half));

    return ints_times(v, (uint32_t)hi_tens(power - half));
}

/* As many values in the middle of the range, less min each, in units. */
static uint64_t ints_middle(const hi_stats_work *work, uint32_t i, unsigned power)
{
    const uint64_t range = (work->of[i]->max - work->of[i]->min) / (uint64_t)hi_tens(power);

    return range * work->values[i] / 2;
}

/* The sum less as many times min in units; false: it is not whole ones, or too many. */
static bool ints_units(const hi_stats_work *work, uint32_t i, unsigned power, uint64_t *units_out)
{
    const hi_wide above = ints_above(work, i);
    const unsigned half = power / 2;
    const int64_t part = hi_wide_quotient(above, (uint32_t)hi_tens(half));
    const uint64_t units = (uint64_t)part / (uint64_t)hi_tens(power - half);
    const hi_wide again = ints_of_units(units, power);

    *units_out = units;
    return again.low == above.low && again.high == above.high;
}

/* The largest power up to `power` of whose tens all sums are; false: they are too large for any. */
static bool ints_tens_of_sums(const hi_stats_work *work, unsigned power, unsigned *power_out)
{
    for (unsigned p = power + 1; p-- > 0;) {
        bool whole = true;

        for (uint32_t i = 0; i < work->count && whole; i++) {
            uint64_t units = 0;

            whole = ints_units(work, i, p, &units);
        }
        if (whole) {
            *power_out = p;
            return true;
        }
    }
    *power_out = power;
    return false;
}

static void ints_put_sums(const hi_stats_work *work, hi_line_writer *w, bool whole, unsigned power)
{
    uint64_t low[HI_PART_BLOCKS_MAX];
    uint64_t high[HI_PART_BLOCKS_MAX];

    for (uint32_t i = 0; i < work->count; i++) {
        const hi_wide above = ints_above(work, i);

        low[i] = above.low;
        high[i] = (uint64_t)above.high;
        if (whole) {
            (void)ints_units(work, i, power, &low[i]);
            low[i] = hi_zigzag((int64_t)(low[i] - ints_middle(work, i, power)));
        }
    }
    hi_line_bits(w, whole, 1);
    hi_line_put(w, low, work->count);
    if (!whole) {
        hi_line_put(w, high, work->count);
    }
}

static void ints_get_sums(const hi_stats_work *work, hi_bit_reader *r, unsigned power)
{
    uint64_t low[HI_PART_BLOCKS_MAX];
    uint64_t high[HI_PART_BLOCKS_MAX] = {0};
    const bool whole = hi_get_bits(r, 1) != 0;

    hi_line_get(r, low, work->count);
    if (!whole) {
        hi_line_get(r, high, work->count);
    }
    for (uint32_t i = 0; i < work->count; i++) {
        hi_block_stats *s = work->of[i];
        hi_wide above = {low[i], (int64_t)high[i]};

        if (whole) {
            const uint64_t units = (uint64_t)hi_unzigzag(low[i]) + ints_middle(work, i, power);

            above = ints_of_units(units, power);
        }
        const hi_wide sum = hi_wide_add(above, hi_wide_product((int64_t)s->min, work->values[i]));
        s->sum_lo = sum.low;
        s->sum_hi = (uint64_t)sum.high;
    }
}

/* ---- bounds of any column ---- */

static uint64_t ints_base(const hi_stats_work *work)
{
    return work->page->type == HIST_TYPE_DATETIME ? (uint64_t)work->page->base_ns : 0;
}

static unsigned ints_tens_of_bounds(const hi_stats_work *work, unsigned power)
{
    const uint64_t base = ints_base(work);

    for (uint32_t i = 0; power > 0 && i < work->count; i++) {
        const hi_block_stats *s = work->of[i];

        power = hi_tens_of((int64_t)(s->min - base), power);
        power = hi_tens_of((int64_t)(s->max - base), power);
        power = hi_tens_of((int64_t)(s->first - base), power);
        power = hi_tens_of((int64_t)(s->last - base), power);
    }
    return power;
}

static void ints_put_bounds(hi_stats_work *work, hi_line_writer *w, int64_t unit)
{
    const uint64_t base = ints_base(work);

    for (uint32_t i = 0; i < work->count; i++) {
        const hi_block_stats *s = work->of[i];

        work->min[i] = (uint64_t)((int64_t)(s->min - base) / unit);
        work->max[i] = (uint64_t)((int64_t)(s->max - base) / unit);
        work->first[i] = (uint64_t)((int64_t)(s->first - base) / unit);
        work->last[i] = (uint64_t)((int64_t)(s->last - base) / unit);
    }
    hi_stats_put_bounds(work, w);
}

static void ints_get_bounds(hi_stats_work *work, hi_bit_reader *r, uint64_t unit)
{
    const uint64_t base = ints_base(work);

    hi_stats_get_bounds(work, r);
    for (uint32_t i = 0; i < work->count; i++) {
        hi_block_stats *s = work->of[i];

        s->min = work->min[i] * unit + base;
        s->max = work->max[i] * unit + base;
        s->first = work->first[i] * unit + base;
        s->last = work->last[i] * unit + base;
    }
}

/* ---- bounds of the time column ---- */

/* Where a block is cut out of runs. */
typedef struct ints_cut {
    uint32_t first_run;
    uint32_t last_run;
    bool begins_inside; /* Not with the first row of first_run. */
    bool ends_inside;
} ints_cut;

static uint32_t ints_run_end(const hi_run *run)
{
    return run->first_row + run->rows;
}

static void ints_find_cuts(const hi_stats_page *page, ints_cut *cuts)
{
    uint32_t run = 0;

    for (uint32_t b = 0; b < page->block_count; b++) {
        const uint32_t first = page->block_first[b];
        const uint32_t end = page->block_first[b + 1];

        while (ints_run_end(&page->runs[run]) <= first) {
            run++;
        }
        cuts[b].first_run = run;
        cuts[b].begins_inside = page->runs[run].first_row != first;
        while (ints_run_end(&page->runs[run]) < end) {
            run++;
        }
        cuts[b].last_run = run;
        cuts[b].ends_inside = ints_run_end(&page->runs[run]) != end;
    }
}

/* Units from the first time of a run to its row, were its times a regular clock. */
static uint64_t ints_clock(const hi_run *run, uint32_t row, uint64_t unit)
{
    const uint64_t span = ((uint64_t)run->last_ns - (uint64_t)run->first_ns) / unit;
    const uint64_t steps = run->rows - 1;
    const uint64_t at = row - run->first_row;

    assert(steps >= 1);
    return span / steps * at + span % steps * at / steps;
}

/* min and max of a block whose first and last time are known. */
static void ints_close_block(const hi_stats_page *page, const ints_cut *cut, hi_block_stats *s)
{
    int64_t min = (int64_t)s->first;
    int64_t max = (int64_t)s->last;

    for (uint32_t r = cut->first_run; r < cut->last_run; r++) {
        min = page->runs[r + 1].first_ns < min ? page->runs[r + 1].first_ns : min;
        max = page->runs[r].last_ns > max ? page->runs[r].last_ns : max;
    }
    s->min = (uint64_t)min;
    s->max = (uint64_t)max;
}

/* Whether the runs say all but the times at cuts. */
static bool ints_runs_know(const hi_stats_work *work, ints_cut *cuts)
{
    const hi_stats_page *page = work->page;

    if (!page->times || work->count < page->block_count) {
        return false;
    }
    ints_find_cuts(page, cuts);
    for (uint32_t b = 0; b < page->block_count; b++) {
        const hi_block_stats *s = work->of[b];
        const hi_run *first = &page->runs[cuts[b].first_run];
        const hi_run *last = &page->runs[cuts[b].last_run];
        hi_block_stats known = {.first = s->first, .last = s->last};

        ints_close_block(page, &cuts[b], &known);
        if ((!cuts[b].begins_inside && (int64_t)s->first != first->first_ns) ||
            (!cuts[b].ends_inside && (int64_t)s->last != last->last_ns) || s->min != known.min ||
            s->max != known.max) {
            return false;
        }
    }
    return true;
}

static uint64_t ints_from_run(const hi_run *run, uint64_t time)
{
    return time - (uint64_t)run->first_ns;
}

static unsigned ints_tens_of_cuts(const hi_stats_work *work, const ints_cut *cuts, unsigned power)
{
    for (uint32_t b = 0; b < work->count; b++) {
        const hi_run *first = &work->page->runs[cuts[b].first_run];
        const hi_run *last = &work->page->runs[cuts[b].last_run];

        if (cuts[b].begins_inside) {
            power = hi_tens_of((int64_t)ints_from_run(first, work->of[b]->first), power);
        }
        if (cuts[b].ends_inside) {
            power = hi_tens_of((int64_t)ints_from_run(last, work->of[b]->last), power);
        }
    }
    return power;
}

/* Units by which a time is later than on a regular clock. */
static uint64_t ints_off_clock(const hi_run *run, uint32_t row, uint64_t time, int64_t unit)
{
    const uint64_t units = (uint64_t)((int64_t)ints_from_run(run, time) / unit);

    return units - ints_clock(run, row, (uint64_t)unit);
}

static uint64_t ints_on_clock(const hi_run *run, uint32_t row, uint64_t off, uint64_t unit)
{
    return (uint64_t)run->first_ns + (off + ints_clock(run, row, unit)) * unit;
}

/* A block that begins inside a run follows one that ends there: its first time is off the clock about as
   far as the last time before it. */
static void ints_put_cuts(const hi_stats_work *work, hi_line_writer *w, const ints_cut *cuts,
                          int64_t unit)
{
    const hi_stats_page *page = work->page;
    uint64_t ends[HI_PART_BLOCKS_MAX];
    uint64_t begins[HI_PART_BLOCKS_MAX];
    uint32_t count = 0;

    for (uint32_t b = 1; b < page->block_count; b++) {
        const hi_run *run = &page->runs[cuts[b].first_run];
        const uint32_t row = page->block_first[b];

        if (cuts[b].begins_inside) {
            const uint64_t end = ints_off_clock(run, row - 1, work->of[b - 1]->last, unit);

            begins[count] =
                hi_zigzag((int64_t)(ints_off_clock(run, row, work->of[b]->first, unit) - end));
            ends[count++] = hi_zigzag((int64_t)end);
        }
    }
    hi_line_put(w, ends, count);
    hi_line_put(w, begins, count);
}

static void ints_get_cuts(const hi_stats_work *work, hi_bit_reader *r, const ints_cut *cuts,
                          uint64_t unit)
{
    const hi_stats_page *page = work->page;
    uint64_t ends[HI_PART_BLOCKS_MAX];
    uint64_t begins[HI_PART_BLOCKS_MAX];
    uint32_t count = 0;

    for (uint32_t b = 0; b < page->block_count; b++) {
        work->of[b]->first = (uint64_t)page->runs[cuts[b].first_run].first_ns;
        work->of[b]->last = (uint64_t)page->runs[cuts[b].last_run].last_ns;
        count += cuts[b].begins_inside;
    }
    hi_line_get(r, ends, count);
    hi_line_get(r, begins, count);
    count = 0;
    for (uint32_t b = 1; b < page->block_count; b++) {
        const hi_run *run = &page->runs[cuts[b].first_run];
        const uint32_t row = page->block_first[b];

        if (cuts[b].begins_inside) {
            const uint64_t end = (uint64_t)hi_unzigzag(ends[count]);
            const uint64_t begin = (uint64_t)hi_unzigzag(begins[count++]) + end;

            work->of[b - 1]->last = ints_on_clock(run, row - 1, end, unit);
            work->of[b]->first = ints_on_clock(run, row, begin, unit);
        }
    }
    for (uint32_t b = 0; b < page->block_count; b++) {
        ints_close_block(page, &cuts[b], work->of[b]);
    }
}

/* ---- all of it ---- */

void hi_stats_put_ints(hi_stats_work *work, hi_line_writer *w)
{
    ints_cut cuts[HI_PART_BLOCKS_MAX];
    const bool known = ints_runs_know(work, cuts);
    unsigned power =
        known ? ints_tens_of_cuts(work, cuts, HI_TENS_MAX) : ints_tens_of_bounds(work, HI_TENS_MAX);
    const bool whole = ints_tens_of_sums(work, power, &power);

    if (work->page->times) {
        hi_line_bits(w, known, 1);
    }
    hi_line_bits(w, power, HI_TENS_BITS);
    if (known) {
        ints_put_cuts(work, w, cuts, hi_tens(power));
    } else {
        ints_put_bounds(work, w, hi_tens(power));
    }
    ints_put_sums(work, w, whole, power);
}

bool hi_stats_get_ints(hi_stats_work *work, hi_bit_reader *r)
{
    const hi_stats_page *page = work->page;
    ints_cut cuts[HI_PART_BLOCKS_MAX];
    const bool known = page->times && hi_get_bits(r, 1) != 0;
    const unsigned power = (unsigned)hi_get_bits(r, HI_TENS_BITS);

    if (power > HI_TENS_MAX || (known && work->count < page->block_count)) {
        return false;
    }
    if (known) {
        ints_find_cuts(page, cuts);
        ints_get_cuts(work, r, cuts, (uint64_t)hi_tens(power));
    } else {
        ints_get_bounds(work, r, (uint64_t)hi_tens(power));
    }
    ints_get_sums(work, r, power);
    return true;
}
