/*
 * stats.c -- exact statistics of a block, made 1024 values at a time.
 *
 * The sum of doubles runs in 16 lanes, as that of a fold does (fold.h). M2 is made in two passes a chunk (about
 * the mean, then deviations in 16 lanes) and chunks are joined by Chan's formula: a fixed order, so every CPU
 * gives the same bits.
 */
#include <math.h>

#include "base/fpenv.h"
#include "base/wide.h"
#include "codec/encoder.h"
#include "codec/fold_kern.h"

typedef struct stats_state {
    const hi_codec_kernels *kern;
    hi_block_stats *out;
    hi_kind kind;
    bool any;       /* A value that is not null was seen. */
    uint32_t count; /* Values in min, max, sum and M2. */
    int64_t min;
    int64_t max;
    hi_fold_state reals; /* REAL: sum, smallest and largest so far, */
    uint32_t taken;      /* of so many values, NaNs included. */
    hi_wide wide;
    int64_t origin; /* Integers: means are kept relative to the first value. */
    double mean;
    double m2;
} stats_state;

static uint64_t stats_canonical(double v)
{
    return isnan(v) ? UINT64_C(0x7ff8000000000000) : hi_bits_of(v);
}

/* Chan, Golub, LeVeque 1979: join M2 of what was seen with that of a chunk. */
static void stats_join(stats_state *s, uint32_t count, double mean, double m2)
{
    if (s->count == 0) {
        s->count = count;
        s->mean = mean;
        s->m2 = m2;
        return;
    }
    const double before = (double)s->count;
    const double now = (double)count;
    const double delta = mean - s->mean;

    s->m2 += m2 + delta * delta * (before * now / (before + now));
    s->mean += delta * (now / (before + now));
    s->count += count;
}

/* Takes the NaNs out; returns how many values are left. */
static uint32_t stats_without_nans(const uint64_t *x, uint32_t count, uint64_t *to)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        if ((x[i] & INT64_MAX) <= UINT64_C(0x7ff0000000000000)) {
            to[kept++] = x[i];
        }
    }
    return kept;
}

/* About the mean of a chunk that took the sum from `before` to `after`: deviations put it right, but not where
   the sum is beyond doubles. */
static double stats_near_mean(const uint64_t *x, uint32_t count, double before, double after)
{
    const double near = (after - before) / (double)count;
    double sum = 0;

    if (isfinite(near)) {
        return near;
    }
    for (uint32_t i = 0; i < count; i++) {
        sum += hi_double_of(x[i]);
    }
    return sum / (double)count;
}

static void stats_chunk_real(stats_state *s, const uint64_t *x, uint32_t count)
{
    uint64_t kept[HI_VECTOR_ROWS];
    const double before = hi_fold_lanes_sum(&s->reals);
    const uint64_t nans = s->reals.nans;

    hi_fold_kernels_of(s->kern)->reals(x, s->taken, count, &s->reals);
    s->taken += count;
    if (s->reals.nans > nans) {
        count = stats_without_nans(x, count, kept);
        x = kept;
    }
    if (count == 0) {
        return;
    }
    const double near = stats_near_mean(x, count, before, hi_fold_lanes_sum(&s->reals));
    const hi_kern_moments moments = s->kern->real_m2(x, count, near);
    stats_join(s, count, near + moments.rest / (double)count, moments.m2);
}

/* Integers whose range is too wide to subtract: their deviations are taken as doubles. */
static double stats_m2_of_wide(const stats_state *s, const uint64_t *x, uint32_t count, double mean)
{
    uint64_t reals[HI_VECTOR_ROWS];

    for (uint32_t i = 0; i < count; i++) {
        const hi_wide v = hi_wide_subtract(hi_wide_of((int64_t)x[i]), hi_wide_of(s->origin));
        reals[i] = hi_bits_of(hi_wide_to_double(v));
    }
    return s->kern->real_m2(reals, count, mean).m2;
}

static void stats_chunk_int(stats_state *s, const uint64_t *x, uint32_t count)
{
    int64_t min = 0;
    int64_t max = 0;
    s->kern->range(x, count, &min, &max);
    const hi_kern_sums sums = s->kern->int_sums(x, count);
    const hi_wide sum = hi_wide_join(sums.high, sums.low);

    s->wide = hi_wide_add(s->wide, sum);
    s->min = min < s->min ? min : s->min;
    s->max = max > s->max ? max : s->max;
    if (s->count == 0) {
        s->origin = (int64_t)x[0];
    }
    const hi_wide from_origin = hi_wide_subtract(sum, hi_wide_product(s->origin, count));
    const double mean = hi_wide_to_double(from_origin) / (double)count;
    const double m2 = ((uint64_t)max - (uint64_t)min) >> 62 == 0
                          ? s->kern->int_m2(x, count, hi_wide_quotient(sum, count))
                          : stats_m2_of_wide(s, x, count, mean);
    stats_join(s, count, mean, m2);
}

/* Values of rows [first, first + rows) that are not null, as words; returns how many. */
static uint32_t stats_gather(const hi_values *values, uint32_t first, uint32_t rows, uint64_t *to)
{
    const uint32_t *ids = values->data;
    const uint64_t *words = values->data;
    const bool narrow = values->type == HIST_TYPE_INT;
    uint32_t count = 0;

    for (uint32_t i = first; i < first + rows; i++) {
        to[count] = narrow ? ids[i] : words[i];
        count += values->valid == NULL || hist_bit_get(values->valid, i);
    }
    return count;
}

static void stats_numbers(stats_state *s, const hi_values *values, uint32_t first, uint32_t rows)
{
    uint64_t gathered[HI_VECTOR_ROWS];

    for (uint32_t at = 0; at < rows; at += HI_VECTOR_ROWS) {
        const uint32_t here = rows - at < HI_VECTOR_ROWS ? rows - at : HI_VECTOR_ROWS;
        const uint64_t *x = gathered;
        uint32_t count = here;

        if (values->valid == NULL && values->type != HIST_TYPE_INT) {
            x = (const uint64_t *)values->data + first + at;
        } else {
            count = stats_gather(values, first + at, here, gathered);
        }
        s->out->nulls += here - count;
        if (count == 0) {
            continue;
        }
        s->out->first = s->any ? s->out->first : x[0];
        s->out->last = x[count - 1];
        s->any = true;
        if (s->kind == HI_KIND_REAL) {
            stats_chunk_real(s, x, count);
        } else {
            stats_chunk_int(s, x, count);
        }
    }
}

static uint64_t stats_key_to_bits(int64_t key)
{
    return (uint64_t)(key ^ ((key >> 63) & INT64_MAX));
}

static void stats_finish(stats_state *s)
{
    hi_block_stats *out = s->out;

    out->nans = (uint32_t)s->reals.nans;
    if (s->count == 0) {
        return;
    }
    out->m2 = hi_double_of(stats_canonical(s->m2));
    if (s->kind == HI_KIND_REAL) {
        out->min = stats_key_to_bits(s->reals.min);
        out->max = stats_key_to_bits(s->reals.max);
        out->sum_lo = stats_canonical(hi_fold_lanes_sum(&s->reals));
        return;
    }
    out->min = (uint64_t)s->min;
    out->max = (uint64_t)s->max;
    out->sum_lo = s->wide.low;
    out->sum_hi = (uint64_t)s->wide.high;
}

static void stats_bools(const hi_values *values, uint32_t first, uint32_t rows, hi_block_stats *out)
{
    const uint64_t *bits = values->data;
    uint32_t count = 0;
    uint32_t ones = 0;

    for (uint32_t i = first; i < first + rows; i++) {
        if (values->valid != NULL && !hist_bit_get(values->valid, i)) {
            continue;
        }
        const uint32_t bit = hist_bit_get(bits, i);
        out->first = count == 0 ? bit : out->first;
        out->last = bit;
        ones += bit;
        count++;
    }
    out->nulls = rows - count;
    if (count > 0) {
        out->min = ones == count;
        out->max = ones > 0;
        out->sum_lo = ones;
        out->m2 = (double)ones * (double)(count - ones) / (double)count;
    }
}

HI_FP_GUARDED void hi_block_stats_with(const hi_codec_kernels *kern, const hi_values *values,
                                       uint32_t first, uint32_t rows, hi_block_stats *stats_out)
{
    stats_state s = {.kern = kern,
                     .out = stats_out,
                     .min = INT64_MAX,
                     .max = INT64_MIN,
                     .reals = {.min = INT64_MAX, .max = INT64_MIN}};

    *stats_out = (hi_block_stats){.nulls = 0};
    switch (values->type) {
    case HIST_TYPE_BOOL:
        stats_bools(values, first, rows, stats_out);
        return;
    case HIST_TYPE_STRING:
        for (uint32_t i = first; values->valid != NULL && i < first + rows; i++) {
            stats_out->nulls += !hist_bit_get(values->valid, i);
        }
        return;
    case HIST_TYPE_REAL:
        s.kind = HI_KIND_REAL;
        break;
    default:
        s.kind = HI_KIND_LONG;
        break;
    }
    stats_numbers(&s, values, first, rows);
    stats_finish(&s);
}

void hi_block_stats_of(const hi_values *values, uint32_t first, uint32_t rows,
                       hi_block_stats *stats_out)
{
    const hi_fp_modes modes = hi_fp_enter();

    hi_block_stats_with(hi_codec_kernels_pick(), values, first, rows, stats_out);
    hi_fp_leave(modes);
}
