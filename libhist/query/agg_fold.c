/*
 * agg_fold.c -- aggregates of whole blocks from their statistics. Know first: the result is that of the
 * values, to the bit, but for sums of reals: there the sum of a block is one term, in the lane of the
 * block's first value. Where statistics cannot say what the values would give (NaNs, sums that are not
 * finite), the block is refused and its values are read.
 */
#include <math.h>

#include "base/bytes.h"
#include "query/agg_state.h"

/* ---- count ---- */

static void fold_count(void *state, uint32_t values, const hi_block_stats *stats)
{
    (void)stats;
    *(int64_t *)state += values;
}

/* ---- whole numbers and times ---- */

static void fold_sum_int(void *state, uint32_t values, const hi_block_stats *stats)
{
    (void)values;
    *(uint64_t *)state += stats->sum_lo; /* Wraps, as the sum of values does. */
}

static void fold_avg_int(void *state, uint32_t values, const hi_block_stats *stats)
{
    num_avg *g = state;

    /* Unsigned, as nothing keeps a damaged directory from sums that no values have. */
    g->sum = (num_wide)((num_uwide)g->sum + ((num_uwide)stats->sum_hi << 64) + stats->sum_lo);
    g->n += values;
}

static void fold_min_int(void *state, uint32_t values, const hi_block_stats *stats)
{
    num_int_best *g = state;
    const int64_t v = (int64_t)stats->min;

    if (values > 0 && (!g->has || v < g->v)) {
        *g = (num_int_best){v, true};
    }
}

static void fold_max_int(void *state, uint32_t values, const hi_block_stats *stats)
{
    num_int_best *g = state;
    const int64_t v = (int64_t)stats->max;

    if (values > 0 && (!g->has || v > g->v)) {
        *g = (num_int_best){v, true};
    }
}

/* ---- reals ---- */

static bool fold_knows_sum(const hi_block_stats *stats)
{
    return stats->nans == 0 && isfinite(hi_double_of(stats->sum_lo));
}

static void fold_sum_real(void *state, uint32_t values, const hi_block_stats *stats)
{
    num_real *g = state;

    g->lanes[g->n % HI_SUM_LANES] += hi_double_of(stats->sum_lo);
    g->n += values;
}

static bool fold_knows_best(const hi_block_stats *stats)
{
    return stats->nans == 0;
}

/* -0.0 is below +0.0, in the statistics too. */
static void fold_min_real(void *state, uint32_t values, const hi_block_stats *stats)
{
    num_real_best *g = state;
    const double v = hi_double_of(stats->min);

    if (values > 0 && (!g->has || v < g->v || (v == g->v && signbit(v)))) {
        *g = (num_real_best){v, true};
    }
}

static void fold_max_real(void *state, uint32_t values, const hi_block_stats *stats)
{
    num_real_best *g = state;
    const double v = hi_double_of(stats->max);

    if (values > 0 && (!g->has || v > g->v || (v == g->v && !signbit(v)))) {
        *g = (num_real_best){v, true};
    }
}

static const hi_agg_fold agg_folds[] = {
    {&hi_agg_count, NULL, fold_count, false},
    {&hi_agg_sum_long, NULL, fold_sum_int, false},
    {&hi_agg_avg_long, NULL, fold_avg_int, false},
    {&hi_agg_avg_time, NULL, fold_avg_int, false},
    {&hi_agg_min_int, NULL, fold_min_int, true},
    {&hi_agg_max_int, NULL, fold_max_int, true},
    {&hi_agg_sum_real, fold_knows_sum, fold_sum_real, false},
    {&hi_agg_avg_real, fold_knows_sum, fold_sum_real, false},
    {&hi_agg_min_real, fold_knows_best, fold_min_real, true},
    {&hi_agg_max_real, fold_knows_best, fold_max_real, true},
};

const hi_agg_fold *hi_agg_fold_of(const hi_agg_kind *kind)
{
    for (size_t i = 0; i < sizeof(agg_folds) / sizeof(agg_folds[0]); i++) {
        if (agg_folds[i].kind == kind) {
            return &agg_folds[i];
        }
    }
    return NULL;
}
