/*
 * count_body.c -- what the encoder asks before it chooses: values sorted, how many need more than so many bits, how many are
 * in a window; compiled once per CPU variant.
 */
#include <string.h>

#include "codec/codec.h"
#include "codec/kern.h"

#ifndef HI_VARIANT
#define HI_VARIANT base
#endif
#define COUNT_GLUE2(a, b) a##b
#define COUNT_GLUE(a, b)  COUNT_GLUE2(a, b)

enum { COUNT_FEW = 32 };

/* ---- sorting ------------------------------------------------------------------------------ */

/* A few values near each other, the number of each behind it: all are different, and four bytes are enough. */
static void count_sort_near(int64_t *x, uint32_t count, int64_t min)
{
    int64_t all[COUNT_FEW];
    int32_t key[COUNT_FEW];
    int32_t rank[COUNT_FEW] = {0};

    for (uint32_t i = 0; i < COUNT_FEW; i++) {
        all[i] = i < count ? x[i] : min;
        key[i] =
            i < count ? (int32_t)(((uint64_t)x[i] - (uint64_t)min) * COUNT_FEW + i) : INT32_MAX;
    }
    for (uint32_t j = 0; j < COUNT_FEW; j++) {
        const int32_t v = key[j];

        for (uint32_t i = 0; i < COUNT_FEW; i++) {
            rank[i] += v < key[i] ? 1 : 0;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        x[rank[i]] = all[i];
    }
}

/* A few values by how many are smaller, which takes no branch and no dependency at all. */
static void count_sort_few(int64_t *x, uint32_t count)
{
    int64_t all[COUNT_FEW];
    uint64_t rank[COUNT_FEW] = {0};
    uint8_t set[COUNT_FEW] = {0};
    int64_t min = x[0];
    int64_t max = x[0];

    for (uint32_t i = 0; i < count; i++) {
        min = x[i] < min ? x[i] : min;
        max = x[i] > max ? x[i] : max;
    }
    if ((uint64_t)max - (uint64_t)min < INT32_MAX / COUNT_FEW) {
        count_sort_near(x, count, min);
        return;
    }
    for (uint32_t i = 0; i < COUNT_FEW; i++) {
        all[i] = i < count ? x[i] : INT64_MAX;
    }
    for (uint32_t j = 0; j < COUNT_FEW; j++) {
        const int64_t v = all[j];

        for (uint32_t i = 0; i < COUNT_FEW; i++) {
            rank[i] += v < all[i] ? UINT64_C(1) : UINT64_C(0);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        x[rank[i]] = all[i];
        set[rank[i]] = 1;
    }
    for (uint32_t i = 1; i < count; i++) { /* Equal values had one rank. */
        x[i] = set[i] ? x[i] : x[i - 1];
    }
}

/* Merges x[0..left) and x[left..count), both ascending, to `to`; no branch depends on a value. */
static void count_merge(const int64_t *x, uint32_t left, uint32_t count, int64_t *to)
{
    uint32_t a = 0;
    uint32_t b = left;
    uint32_t at = 0;

    while (a < left && b < count) {
        const bool second = x[b] < x[a];

        to[at++] = second ? x[b] : x[a];
        b += second;
        a += !second;
    }
    memcpy(to + at, x + a, (left - a) * sizeof(*to));
    memcpy(to + at + (left - a), x + b, (count - b) * sizeof(*to));
}

/* Pieces of a few, which are then merged two by two. */
static void count_sort(int64_t *x, uint32_t count)
{
    int64_t other[HI_SORT_MAX];

    for (uint32_t i = 0; i < count; i += COUNT_FEW) {
        count_sort_few(x + i, count - i < COUNT_FEW ? count - i : COUNT_FEW);
    }
    for (uint32_t size = COUNT_FEW; size < count; size *= 2) {
        for (uint32_t i = 0; i < count; i += 2 * size) {
            const uint32_t rows = count - i < 2 * size ? count - i : 2 * size;

            count_merge(x + i, size < rows ? size : rows, rows, other + i);
        }
        memcpy(x, other, count * sizeof(*x));
    }
}

/* ---- counting ----------------------------------------------------------------------------- */

/* Eight limits in one pass over the values, which are of `type`: the narrower, the more at a time. */
#define COUNT_OVER(type, value)                                                 \
    do {                                                                        \
        type limit[HI_WIDTHS];                                                  \
        type n0 = 0, n1 = 0, n2 = 0, n3 = 0, n4 = 0, n5 = 0, n6 = 0, n7 = 0;    \
        for (unsigned w = 0; w < HI_WIDTHS; w++) {                              \
            limit[w] = (type)count_limit(from + w);                             \
        }                                                                       \
        for (uint32_t i = 0; i < count; i++) {                                  \
            const type v = (value);                                             \
            n0 = (type)(n0 + (v > limit[0] ? 1 : 0));                           \
            n1 = (type)(n1 + (v > limit[1] ? 1 : 0));                           \
            n2 = (type)(n2 + (v > limit[2] ? 1 : 0));                           \
            n3 = (type)(n3 + (v > limit[3] ? 1 : 0));                           \
            n4 = (type)(n4 + (v > limit[4] ? 1 : 0));                           \
            n5 = (type)(n5 + (v > limit[5] ? 1 : 0));                           \
            n6 = (type)(n6 + (v > limit[6] ? 1 : 0));                           \
            n7 = (type)(n7 + (v > limit[7] ? 1 : 0));                           \
        }                                                                       \
        over[0] = (uint32_t)n0, over[1] = (uint32_t)n1, over[2] = (uint32_t)n2; \
        over[3] = (uint32_t)n3, over[4] = (uint32_t)n4, over[5] = (uint32_t)n5; \
        over[6] = (uint32_t)n6, over[7] = (uint32_t)n7;                         \
    } while (0)

/* The largest number of so many bits. */
static uint64_t count_limit(unsigned width)
{
    return width == 0 ? 0 : width > 63 ? ~UINT64_C(0) : ~UINT64_C(0) >> (64 - width);
}

/* How many of x take more than from, from + 1, ... bits. */
static void count_over_16(const uint16_t *x, uint32_t count, unsigned from, uint32_t *over)
{
    COUNT_OVER(uint16_t, x[i]);
}

static void count_over_32(const uint32_t *x, uint32_t count, unsigned from, uint32_t *over)
{
    COUNT_OVER(uint32_t, x[i]);
}

/* The same of values, at most a vector of them: what has more bits than matter is cut down first. */
#define COUNT_OVER_ANY(value, from, over)                                \
    do {                                                                 \
        if ((from) + HI_WIDTHS <= 16) {                                  \
            uint16_t narrow[HI_VECTOR_ROWS + 1];                         \
            narrow[0] = 0;                                               \
            for (uint32_t i = 0; i < count; i++) {                       \
                const uint64_t v = (value);                              \
                narrow[i] = (uint16_t)(v > UINT16_MAX ? UINT16_MAX : v); \
            }                                                            \
            count_over_16(narrow, count, from, over);                    \
        } else if ((from) + HI_WIDTHS <= 32) {                           \
            uint32_t narrow[HI_VECTOR_ROWS + 1];                         \
            narrow[0] = 0;                                               \
            for (uint32_t i = 0; i < count; i++) {                       \
                const uint64_t v = (value);                              \
                narrow[i] = (uint32_t)(v > UINT32_MAX ? UINT32_MAX : v); \
            }                                                            \
            count_over_32(narrow, count, from, over);                    \
        } else {                                                         \
            COUNT_OVER(uint64_t, value);                                 \
        }                                                                \
    } while (0)

static void count_over(const uint64_t *x, uint32_t count, uint64_t base, unsigned from,
                       uint32_t *over)
{
    COUNT_OVER_ANY(x[i] - base, from, over);
}

/* Of v or ~v, whichever is positive. */
static void count_over_shifted(const uint64_t *x, uint32_t count, uint64_t base, unsigned from,
                               uint32_t *over)
{
    COUNT_OVER_ANY((x[i] - base) ^ (uint64_t)((int64_t)(x[i] - base) >> 63), from, over);
}

/* v needs one bit more than v or ~v, whichever is positive, needs without a sign; zero needs none,
   which only matters for the first width. */
static void count_over_signed(const uint64_t *x, uint32_t count, uint64_t base, unsigned from,
                              uint32_t *over)
{
    uint32_t shifted[HI_WIDTHS];
    uint64_t not_zero = 0;

    count_over_shifted(x, count, base, from == 0 ? 0 : from - 1, shifted);
    if (from > 0) {
        for (unsigned w = 0; w < HI_WIDTHS; w++) {
            over[w] = shifted[w];
        }
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        not_zero += x[i] != base ? UINT64_C(1) : UINT64_C(0);
    }
    over[0] = (uint32_t)not_zero;
    for (unsigned w = 1; w < HI_WIDTHS; w++) {
        over[w] = shifted[w - 1];
    }
}

static void count_near(const uint64_t *restrict x, uint32_t count, uint64_t base,
                       uint16_t *restrict out)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i] = (uint16_t)(x[i] - base);
    }
}

/* What is below the base wraps to 2^15 and more, which no width holds that is asked for. */
static void count_over_base(const uint16_t *x, uint32_t count, uint16_t base, unsigned from,
                            uint32_t *over)
{
    COUNT_OVER(uint16_t, (uint16_t)(x[i] - base));
}

/* Of v or ~v, whichever is positive. */
static void count_over_around(const uint16_t *x, uint32_t count, uint16_t base, unsigned from,
                              uint32_t *over)
{
    COUNT_OVER(uint16_t, (uint16_t)((x[i] - base) ^ ((int16_t)(x[i] - base) >> 15)));
}

static void count_over_near(const uint16_t *x, uint32_t count, uint16_t base, bool around,
                            unsigned from, uint32_t *over)
{
    uint32_t shifted[HI_WIDTHS];
    uint32_t not_zero = 0;

    if (!around) {
        count_over_base(x, count, base, from, over);
        return;
    }
    if (from > 0) {
        count_over_around(x, count, base, from - 1, over);
        return;
    }
    count_over_around(x, count, base, 0, shifted);
    for (uint32_t i = 0; i < count; i++) {
        not_zero += x[i] != base ? 1U : 0U;
    }
    over[0] = not_zero;
    memcpy(over + 1, shifted, (HI_WIDTHS - 1) * sizeof(*over));
}

static void count_bins(const uint64_t *x, uint32_t count, uint64_t first, unsigned shift,
                       uint8_t most, uint8_t *out)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t bin = (x[i] - first) >> shift;
        out[i] = (uint8_t)(bin < most ? bin : most);
    }
}

static int16_t count_densest(const int16_t *sums, uint32_t window)
{
    const int16_t *ends = sums + window;
    int16_t most = 0;

    for (uint32_t i = 0; i < HI_DENSEST; i++) {
        const int16_t here = (int16_t)(ends[i] - sums[i]);

        most = here > most ? here : most;
    }
    return most;
}

static uint32_t count_outside(const uint64_t *x, uint32_t count, uint64_t base, unsigned width)
{
    const uint64_t mask = width == 0 ? 0 : ~UINT64_C(0) >> (64 - width);
    uint64_t total = 0;

    for (uint32_t i = 0; i < count; i++) {
        total += x[i] - base > mask ? UINT64_C(1) : UINT64_C(0);
    }
    return (uint32_t)total;
}

const hi_count_kernels COUNT_GLUE(hi_count_kernels_, HI_VARIANT) = {
    .sort = count_sort,
    .over = count_over,
    .over_signed = count_over_signed,
    .near = count_near,
    .over_near = count_over_near,
    .bins = count_bins,
    .densest = count_densest,
    .outside = count_outside,
};
