/*
 * agg_body.c -- the loops of agg_kern.h. Know first: lanes are in the source, so that the compiler need not reorder
 * anything to use wide registers, and all variants give the same bits.
 */
#include "query/agg_kern.h"

#ifndef HI_VARIANT
#define HI_VARIANT base
#endif

/* Of extremes: any number of lanes gives the same result. */
enum { AGG_LANES = 16 };

static uint64_t agg_sum_i64(const int64_t *v, uint32_t n)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++) {
        sum += (uint64_t)v[i];
    }
    return sum;
}

static void agg_sums_i64(const int64_t *v, uint32_t n, uint64_t *low, int64_t *high)
{
    uint64_t below = 0;
    int64_t above = 0;

    for (uint32_t i = 0; i < n; i++) {
        below += (uint64_t)v[i] & UINT64_C(0xffffffff);
        above += v[i] >> 32;
    }
    *low = below;
    *high = above;
}

static int64_t agg_min_i64(const int64_t *v, uint32_t n)
{
    int64_t best = v[0];

    for (uint32_t i = 1; i < n; i++) {
        best = v[i] < best ? v[i] : best;
    }
    return best;
}

static int64_t agg_max_i64(const int64_t *v, uint32_t n)
{
    int64_t best = v[0];

    for (uint32_t i = 1; i < n; i++) {
        best = v[i] > best ? v[i] : best;
    }
    return best;
}

static void agg_sum_f64(const double *v, uint32_t n, double *lanes)
{
    double sum[HI_SUM_LANES];

    for (int l = 0; l < HI_SUM_LANES; l++) {
        sum[l] = lanes[l];
    }
    for (uint32_t i = 0; i < n; i += HI_SUM_LANES) {
        for (int l = 0; l < HI_SUM_LANES; l++) {
            sum[l] += v[i + (uint32_t)l];
        }
    }
    for (int l = 0; l < HI_SUM_LANES; l++) {
        lanes[l] = sum[l];
    }
}

#define AGG_EXTREME(name, op)                                   \
    static bool name(const double *v, uint32_t n, double *best) \
    {                                                           \
        double lane[AGG_LANES];                                 \
        double one = *best;                                     \
        uint64_t nan = 0;                                       \
        uint32_t i = 0;                                         \
        for (int l = 0; l < AGG_LANES; l++) {                   \
            lane[l] = one;                                      \
        }                                                       \
        for (; i + AGG_LANES <= n; i += AGG_LANES) {            \
            for (uint32_t l = 0; l < AGG_LANES; l++) {          \
                const double x = v[i + l];                      \
                nan |= x != x ? UINT64_C(1) : UINT64_C(0);      \
                lane[l] = x op lane[l] ? x : lane[l];           \
            }                                                   \
        }                                                       \
        for (; i < n; i++) {                                    \
            nan |= v[i] != v[i] ? UINT64_C(1) : UINT64_C(0);    \
            one = v[i] op one ? v[i] : one;                     \
        }                                                       \
        for (int l = 0; l < AGG_LANES; l++) {                   \
            one = lane[l] op one ? lane[l] : one;               \
        }                                                       \
        *best = nan != 0 ? *best : one;                         \
        return nan == 0;                                        \
    }

AGG_EXTREME(agg_min_f64, <)
AGG_EXTREME(agg_max_f64, >)

#define AGG_JOIN_(a, b) a##b
#define AGG_JOIN(a, b)  AGG_JOIN_(a, b)

const hi_agg_kernels AGG_JOIN(hi_agg_kernels_, HI_VARIANT) = {
    .sum_i64 = agg_sum_i64,
    .sums_i64 = agg_sums_i64,
    .min_i64 = agg_min_i64,
    .max_i64 = agg_max_i64,
    .sum_f64 = agg_sum_f64,
    .min_f64 = agg_min_f64,
    .max_f64 = agg_max_f64,
};
