/*
 * fold_body.c -- loops over decoded vectors that stay in the first-level cache; compiled once per CPU variant.
 *
 * Sums of reals run in the lanes that fold.h defines, and no operation is reordered: all variants give the same bits.
 */
#include "codec/fold_kern.h"

#ifndef HI_VARIANT
#define HI_VARIANT base
#endif
#define FOLD_GLUE2(a, b) a##b
#define FOLD_GLUE(a, b)  FOLD_GLUE2(a, b)
#define FOLD_TEXT2(a)    #a
#define FOLD_TEXT(a)     FOLD_TEXT2(a)

typedef union fold_cell {
    uint64_t u;
    double d;
} fold_cell;

#define FOLD_INFINITY UINT64_C(0x7ff0000000000000)
/* See kern_body.c: 1.5 * 2^52, and its bits. */
#define FOLD_MAGIC      6755399441055744.0
#define FOLD_MAGIC_BITS UINT64_C(0x4338000000000000)

static void fold_ints(const uint64_t *x, uint32_t count, hi_fold_state *s)
{
    uint64_t low = 0;
    int64_t high = 0;
    int64_t min = s->min;
    int64_t max = s->max;

    for (uint32_t i = 0; i < count; i++) {
        const int64_t v = (int64_t)x[i];

        low += x[i] & UINT64_C(0xffffffff);
        high += v >> 32;
        min = v < min ? v : min;
        max = v > max ? v : max;
    }
    s->low += low;
    s->high += high;
    s->min = min;
    s->max = max;
}

static inline void fold_real(uint64_t v, double *lane, int64_t *min, int64_t *max, uint64_t *nans)
{
    const uint64_t key = v ^ ((uint64_t)((int64_t)v >> 63) & INT64_MAX);
    const uint64_t nan = (uint64_t)((int64_t)(FOLD_INFINITY - (v & INT64_MAX)) >> 63);
    const int64_t low = (int64_t)((key & ~nan) | (nan & INT64_MAX));
    const int64_t high = (int64_t)((key & ~nan) | (nan & (UINT64_C(1) << 63)));
    const fold_cell cell = {.u = v & ~nan};

    *lane += cell.d;
    *min = low < *min ? low : *min;
    *max = high > *max ? high : *max;
    *nans += nan & 1;
}

/* The figures of each lane, joined at the end. */
typedef struct fold_lanes {
    double sum[HI_LANES];
    int64_t min[HI_LANES];
    int64_t max[HI_LANES];
    uint64_t nans[HI_LANES];
} fold_lanes;

static void fold_start(const hi_fold_state *s, fold_lanes *lanes)
{
    for (int l = 0; l < HI_LANES; l++) {
        lanes->sum[l] = s->lanes[l];
        lanes->min[l] = s->min;
        lanes->max[l] = s->max;
        lanes->nans[l] = 0;
    }
}

static void fold_join(const fold_lanes *lanes, hi_fold_state *s)
{
    for (int l = 0; l < HI_LANES; l++) {
        s->lanes[l] = lanes->sum[l];
        s->min = lanes->min[l] < s->min ? lanes->min[l] : s->min;
        s->max = lanes->max[l] > s->max ? lanes->max[l] : s->max;
        s->nans += lanes->nans[l];
    }
}

/* Values up to the first one of lane 0. */
static uint32_t fold_head(uint32_t at, uint32_t count)
{
    const uint32_t head = (HI_LANES - at % HI_LANES) % HI_LANES;

    return head < count ? head : count;
}

static void fold_reals(const uint64_t *bits, uint32_t at, uint32_t count, hi_fold_state *s)
{
    const uint32_t head = fold_head(at, count);
    fold_lanes t;
    uint32_t i = 0;

    fold_start(s, &t);
    for (; i < head; i++) {
        const uint32_t l = (at + i) % HI_LANES;
        fold_real(bits[i], &t.sum[l], &t.min[l], &t.max[l], &t.nans[l]);
    }
    for (; i + HI_LANES <= count; i += HI_LANES) {
        for (uint32_t l = 0; l < HI_LANES; l++) {
            fold_real(bits[i + l], &t.sum[l], &t.min[l], &t.max[l], &t.nans[l]);
        }
    }
    for (uint32_t l = 0; i < count; i++, l++) {
        fold_real(bits[i], &t.sum[l], &t.min[l], &t.max[l], &t.nans[l]);
    }
    fold_join(&t, s);
}

/* The quotient as kern_body.c has it. */
static inline void fold_decimal(uint64_t n, double power, double inverse, double *lane, int64_t *min,
                                int64_t *max)
{
    const fold_cell moved = {.u = n + FOLD_MAGIC_BITS};
    const double whole = moved.d - FOLD_MAGIC;
    const int64_t v = (int64_t)n;
#if defined(__FMA__)
    const double q = whole * inverse;
    const double e = __builtin_fma(-q, power, whole);

    *lane += __builtin_fma(e, inverse, q);
#else
    (void)inverse;
    *lane += whole / power;
#endif
    *min = v < *min ? v : *min;
    *max = v > *max ? v : *max;
}

static void fold_decimals(const uint64_t *n, uint32_t at, uint32_t count, double power,
                          hi_fold_state *s)
{
    const double inverse = 1.0 / power;
    const uint32_t head = fold_head(at, count);
    fold_lanes t;
    uint32_t i = 0;

    fold_start(s, &t);
    for (; i < head; i++) {
        const uint32_t l = (at + i) % HI_LANES;
        fold_decimal(n[i], power, inverse, &t.sum[l], &t.min[l], &t.max[l]);
    }
    for (; i + HI_LANES <= count; i += HI_LANES) {
        for (uint32_t l = 0; l < HI_LANES; l++) {
            fold_decimal(n[i + l], power, inverse, &t.sum[l], &t.min[l], &t.max[l]);
        }
    }
    for (uint32_t l = 0; i < count; i++, l++) {
        fold_decimal(n[i], power, inverse, &t.sum[l], &t.min[l], &t.max[l]);
    }
    fold_join(&t, s);
}

/* One word of answers. */
#define FOLD_WORD(value)                                                                    \
    for (uint32_t i = 0; i < n; i++) {                                                      \
        word |= (uint64_t)((value) - (uint64_t)low <= span ? UINT64_C(1) : UINT64_C(0)) << i; \
    }

static void fold_within(const uint64_t *x, uint32_t count, int64_t low, uint64_t span, bool keys,
                        uint64_t *bits)
{
    for (uint32_t w = 0; w * 64 < count; w++, x += 64) {
        const uint32_t n = count - w * 64 < 64 ? count - w * 64 : 64;
        uint64_t word = 0;

        if (keys) {
            FOLD_WORD(x[i] ^ ((uint64_t)((int64_t)x[i] >> 63) & INT64_MAX))
        } else {
            FOLD_WORD(x[i])
        }
        bits[w] = word;
    }
}

static uint32_t fold_leading(const uint64_t *x, uint32_t count, int64_t low, uint64_t span)
{
    uint32_t i = 0;

    for (; i + HI_LANES <= count; i += HI_LANES) {
        uint64_t out = 0;

        for (uint32_t l = 0; l < HI_LANES; l++) {
            out |= x[i + l] - (uint64_t)low < span ? UINT64_C(0) : UINT64_C(1);
        }
        if (out != 0) {
            break;
        }
    }
    while (i < count && x[i] - (uint64_t)low < span) {
        i++;
    }
    return i;
}

const hi_fold_kernels FOLD_GLUE(hi_fold_kernels_, HI_VARIANT) = {
    .name = FOLD_TEXT(HI_VARIANT),
    .ints = fold_ints,
    .reals = fold_reals,
    .decimals = fold_decimals,
    .within = fold_within,
    .leading = fold_leading,
};
