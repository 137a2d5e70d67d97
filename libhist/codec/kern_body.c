/*
 * kern_body.c -- the codec's hot loops; compiled once per CPU variant.
 *
 * Loops are written so that the compiler vectorises them without reordering any
 * floating-point operation: where a sum runs in lanes, the lanes are in the
 * source. That is why all variants give the same bits.
 */
#include <string.h>

#include "codec/kern.h"

#ifndef HI_VARIANT
#define HI_VARIANT base
#endif
#define KERN_GLUE2(a, b) a##b
#define KERN_GLUE(a, b)  KERN_GLUE2(a, b)
#define KERN_TEXT2(a)    #a
#define KERN_TEXT(a)     KERN_TEXT2(a)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "packed words are read in place");

/* A little-endian word at any address. */
typedef uint64_t kern_word __attribute__((aligned(1), may_alias));

typedef union kern_cell {
    uint64_t u;
    double d;
} kern_cell;

static void kern_fill(uint64_t *x, uint32_t count, uint64_t value)
{
    for (uint32_t i = 0; i < count; i++) {
        x[i] = value;
    }
}

static void kern_progression(uint64_t *x, uint32_t count, uint64_t start, uint64_t step)
{
    uint64_t v = start;

    for (uint32_t i = 0; i < count; i++) {
        x[i] = v;
        v += step;
    }
}

static void kern_unpack(const uint8_t *restrict in, unsigned width, uint32_t groups, uint64_t base,
                        uint64_t *restrict out)
{
    if (width == 0) {
        kern_fill(out, groups * HI_LANES, base);
        return;
    }
    const uint64_t mask = ~UINT64_C(0) >> (64 - width);
    for (uint32_t g = 0; g < groups; g++) {
        const uint32_t bit = g * width;
        const unsigned low = bit & 63;
        const kern_word *word = (const kern_word *)(in + (size_t)(bit >> 6) * 128);
        uint64_t *to = out + (size_t)g * HI_LANES;

        if (low + width <= 64) {
            for (int l = 0; l < HI_LANES; l++) {
                to[l] = ((word[l] >> low) & mask) + base;
            }
        } else {
            const unsigned high = 64 - low;
            for (int l = 0; l < HI_LANES; l++) {
                to[l] = (((word[l] >> low) | (word[HI_LANES + l] << high)) & mask) + base;
            }
        }
    }
}

static void kern_pack(const uint64_t *restrict in, unsigned width, uint32_t groups,
                      uint8_t *restrict out)
{
    if (width == 0) {
        return;
    }
    const uint64_t mask = ~UINT64_C(0) >> (64 - width);
    uint64_t open[HI_LANES] = {0};
    unsigned used = 0;
    kern_word *to = (kern_word *)out;

    for (uint32_t g = 0; g < groups; g++) {
        const uint64_t *from = in + (size_t)g * HI_LANES;

        for (int l = 0; l < HI_LANES; l++) {
            open[l] |= (from[l] & mask) << used;
        }
        used += width;
        if (used >= 64) {
            for (int l = 0; l < HI_LANES; l++) {
                to[l] = open[l];
            }
            to += HI_LANES;
            used -= 64;
            /* What did not fit; two shifts, because one by 64 is undefined. */
            const unsigned gone = width - used;
            for (int l = 0; l < HI_LANES; l++) {
                open[l] = ((from[l] & mask) >> (gone >> 1)) >> (gone - (gone >> 1));
            }
        }
    }
    if (used > 0) {
        for (int l = 0; l < HI_LANES; l++) {
            to[l] = open[l];
        }
    }
}

static void kern_prefix(uint64_t *x, uint32_t count)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        sum += x[i];
        x[i] = sum;
    }
}

static void kern_line(uint64_t *x, uint32_t count, uint64_t slope, unsigned shift)
{
    for (uint32_t i = 0; i < count; i++) {
        x[i] += (uint64_t)((int64_t)(slope * i) >> shift);
    }
}

static void kern_scale(uint64_t *x, uint32_t count, uint64_t factor, uint64_t offset)
{
    for (uint32_t i = 0; i < count; i++) {
        x[i] = x[i] * factor + offset;
    }
}

/* Adding 1.5 * 2^52 moves an integer below 2^51 into the low bits of a double, and back. */
#define KERN_MAGIC      6755399441055744.0
#define KERN_MAGIC_BITS UINT64_C(0x4338000000000000)
#define KERN_BOUND      2251799813685248.0 /* 2^51 */

/*
 * The double nearest to n / power. With a fused multiply-add the quotient is n * (1 / power),
 * corrected once; README.md proves that it is the correctly rounded one for every |n| < 2^51 and
 * power up to 10^22, so it equals the divide instruction of the other variants.
 */
#if defined(__FMA__)
#define KERN_QUOTIENT(z, n, power, inverse)                 \
    do {                                                    \
        const double q_ = (n) * (inverse);                  \
        const double e_ = __builtin_fma(-q_, (power), (n)); \
        (z) = __builtin_fma(e_, (inverse), q_);             \
    } while (0)
#else
#define KERN_QUOTIENT(z, n, power, inverse) \
    do {                                    \
        (void)(inverse);                    \
        (z) = (n) / (power);                \
    } while (0)
#endif

static void kern_from_decimal(uint64_t *x, uint32_t count, double power)
{
    const double inverse = 1.0 / power;

    for (uint32_t i = 0; i < count; i++) {
        kern_cell cell = {.u = x[i] + KERN_MAGIC_BITS};
        const double n = cell.d - KERN_MAGIC;

        KERN_QUOTIENT(cell.d, n, power, inverse);
        x[i] = cell.u;
    }
}

static uint32_t kern_to_decimal(const uint64_t *restrict bits, uint32_t count, double power,
                                uint64_t *restrict n, uint64_t *restrict bad)
{
    const double inverse = 1.0 / power;
    uint64_t total = 0;

    for (uint32_t i = 0; i < count; i++) {
        const kern_cell v = {.u = bits[i]};
        const double scaled = v.d * power;
        const kern_cell moved = {.d = scaled + KERN_MAGIC};
        const double rounded = moved.d - KERN_MAGIC;
        kern_cell back;

        KERN_QUOTIENT(back.d, rounded, power, inverse);
        const uint64_t outside =
            scaled > -KERN_BOUND && scaled < KERN_BOUND ? UINT64_C(0) : UINT64_C(1);
        const uint64_t differs = back.u == v.u ? UINT64_C(0) : UINT64_C(1);
        n[i] = moved.u - KERN_MAGIC_BITS;
        bad[i] = outside | differs;
        total += outside | differs;
    }
    return (uint32_t)total;
}

static void kern_narrow(const uint64_t *restrict in, uint32_t count, uint32_t *restrict out)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i] = (uint32_t)in[i];
    }
}

static uint64_t kern_largest(const uint64_t *x, uint32_t count)
{
    uint64_t max = 0;

    for (uint32_t i = 0; i < count; i++) {
        max = x[i] > max ? x[i] : max;
    }
    return max;
}

static void kern_range(const uint64_t *x, uint32_t count, int64_t *min, int64_t *max)
{
    int64_t lo = (int64_t)x[0];
    int64_t hi = lo;

    for (uint32_t i = 1; i < count; i++) {
        const int64_t v = (int64_t)x[i];
        lo = v < lo ? v : lo;
        hi = v > hi ? v : hi;
    }
    *min = lo;
    *max = hi;
}

static hi_kern_scan kern_scan(const uint64_t *x, uint32_t count)
{
    hi_kern_scan scan = {.changes = 0};
    const uint64_t step = count > 1 ? x[1] - x[0] : 0;
    uint64_t uneven = 0;
    uint64_t changes = 0;

    kern_range(x, count, &scan.min, &scan.max);
    for (uint32_t i = 1; i < count; i++) {
        const uint64_t delta = x[i] - x[i - 1];
        changes += delta != 0 ? UINT64_C(1) : UINT64_C(0);
        uneven |= delta ^ step;
    }
    scan.changes = changes;
    scan.regular = uneven == 0;
    return scan;
}

static void kern_deltas(const uint64_t *restrict x, uint32_t count, uint64_t *restrict out)
{
    for (uint32_t i = 0; i + 1 < count; i++) {
        out[i] = x[i + 1] - x[i];
    }
}

/* Four tables, so that equal lengths in a row do not wait for each other's store. */
#define KERN_HISTOGRAM(counts, count, length_of)                                 \
    do {                                                                         \
        uint32_t table[4][HI_LENGTHS + 3] = {{0}};                               \
        uint32_t i_ = 0;                                                         \
        for (; i_ + 4 <= (count); i_ += 4) {                                     \
            table[0][length_of(i_)]++;                                           \
            table[1][length_of(i_ + 1)]++;                                       \
            table[2][length_of(i_ + 2)]++;                                       \
            table[3][length_of(i_ + 3)]++;                                       \
        }                                                                        \
        for (; i_ < (count); i_++) {                                             \
            table[0][length_of(i_)]++;                                           \
        }                                                                        \
        for (uint32_t b = 0; b < HI_LENGTHS; b++) {                              \
            (counts)[b] = table[0][b] + table[1][b] + table[2][b] + table[3][b]; \
        }                                                                        \
    } while (0)

/* Without a branch, which noise would make hard to foresee. */
static inline unsigned kern_length(uint64_t v)
{
    return (64 - (unsigned)__builtin_clzll(v | 1)) - (v == 0);
}

static void kern_lengths(const uint64_t *x, uint32_t count, uint64_t base, uint32_t *counts)
{
#define KERN_LENGTH(i) kern_length(x[i] - base)
    KERN_HISTOGRAM(counts, count, KERN_LENGTH);
#undef KERN_LENGTH
}

static inline unsigned kern_signed_length(uint64_t v)
{
    return kern_length(v ^ (uint64_t)((int64_t)v >> 63)) + (v != 0);
}

static void kern_centred(const uint64_t *x, uint32_t count, uint64_t base, uint32_t *counts)
{
#define KERN_LENGTH(i) kern_signed_length(x[i] - base)
    KERN_HISTOGRAM(counts, count, KERN_LENGTH);
#undef KERN_LENGTH
}

static bool kern_divide(const uint64_t *restrict x, uint32_t count, uint64_t base, uint64_t inverse,
                        unsigned twos, uint64_t limit, uint64_t *restrict out)
{
    uint64_t wrong = 0;

    /* Rotating puts a remainder's low bits on top, where they fail the limit. */
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t q = (x[i] - base) * inverse;
        const uint64_t r = (q >> twos) | ((q << 1) << (63 - twos));
        wrong |= r > limit ? UINT64_C(1) : UINT64_C(0);
        out[i] = r;
    }
    return wrong == 0;
}

static uint32_t kern_fit(const uint64_t *restrict x, uint32_t count, uint64_t base, unsigned width,
                         uint64_t *restrict out, uint64_t *restrict bad)
{
    const uint64_t mask = width == 0 ? 0 : ~UINT64_C(0) >> (64 - width);
    uint64_t total = 0;

    for (uint32_t i = 0; i < count; i++) {
        const uint64_t v = x[i] - base;
        const uint64_t over = v > mask ? UINT64_C(1) : UINT64_C(0);
        out[i] = over ? 0 : v;
        bad[i] = over;
        total += over;
    }
    return (uint32_t)total;
}

static uint32_t kern_real_range(const uint64_t *bits, uint32_t count, int64_t *min, int64_t *max)
{
    int64_t lo = INT64_MAX;
    int64_t hi = INT64_MIN;
    uint64_t nans = 0;

    for (uint32_t i = 0; i < count; i++) {
        const int64_t v = (int64_t)bits[i];
        const int64_t magnitude = v & INT64_MAX;
        const int64_t key = v ^ ((v >> 63) & INT64_MAX);
        const bool nan = magnitude > INT64_C(0x7ff0000000000000);
        const int64_t below = nan ? INT64_MAX : key;
        const int64_t above = nan ? INT64_MIN : key;
        nans += nan ? UINT64_C(1) : UINT64_C(0);
        lo = below < lo ? below : lo;
        hi = above > hi ? above : hi;
    }
    *min = lo;
    *max = hi;
    return (uint32_t)nans;
}

/* Sum of squares of d, less what an inexact mean adds: always lane by lane, then lane 0 to 15. */
static double kern_lanes_m2(const double *sums, const double *squares, uint32_t count)
{
    double sum = 0;
    double square = 0;

    for (int l = 0; l < HI_LANES; l++) {
        sum += sums[l];
        square += squares[l];
    }
    const double m2 = square - sum * sum / (double)count;
    return m2 < 0 ? 0 : m2;
}

static double kern_real_m2(const uint64_t *bits, uint32_t count, double mean)
{
    double sums[HI_LANES] = {0};
    double squares[HI_LANES] = {0};
    uint32_t i = 0;

    for (; i + HI_LANES <= count; i += HI_LANES) {
        for (uint32_t l = 0; l < HI_LANES; l++) {
            const kern_cell v = {.u = bits[i + l]};
            const double d = v.d - mean;
            sums[l] += d;
            squares[l] += d * d;
        }
    }
    for (uint32_t l = 0; i + l < count; l++) {
        const kern_cell v = {.u = bits[i + l]};
        const double d = v.d - mean;
        sums[l] += d;
        squares[l] += d * d;
    }
    return kern_lanes_m2(sums, squares, count);
}

static hi_kern_sums kern_int_sums(const uint64_t *x, uint32_t count)
{
    uint64_t low = 0;
    int64_t high = 0;

    for (uint32_t i = 0; i < count; i++) {
        low += x[i] & UINT64_C(0xffffffff);
        high += (int64_t)x[i] >> 32;
    }
    return (hi_kern_sums){.low = low, .high = high};
}

/* The subtraction wraps; callers see to it that the range is below 2^63. */
static double kern_int_m2(const uint64_t *x, uint32_t count, int64_t near_mean)
{
    double sums[HI_LANES] = {0};
    double squares[HI_LANES] = {0};
    uint32_t i = 0;

    for (; i + HI_LANES <= count; i += HI_LANES) {
        for (uint32_t l = 0; l < HI_LANES; l++) {
            const double d = (double)(int64_t)(x[i + l] - (uint64_t)near_mean);
            sums[l] += d;
            squares[l] += d * d;
        }
    }
    for (uint32_t l = 0; i + l < count; l++) {
        const double d = (double)(int64_t)(x[i + l] - (uint64_t)near_mean);
        sums[l] += d;
        squares[l] += d * d;
    }
    return kern_lanes_m2(sums, squares, count);
}

const hi_codec_kernels KERN_GLUE(hi_codec_kernels_, HI_VARIANT) = {
    .name = KERN_TEXT(HI_VARIANT),
    .unpack = kern_unpack,
    .pack = kern_pack,
    .prefix = kern_prefix,
    .line = kern_line,
    .scale = kern_scale,
    .fill = kern_fill,
    .progression = kern_progression,
    .from_decimal = kern_from_decimal,
    .to_decimal = kern_to_decimal,
    .narrow = kern_narrow,
    .largest = kern_largest,
    .scan = kern_scan,
    .range = kern_range,
    .deltas = kern_deltas,
    .lengths = kern_lengths,
    .centred = kern_centred,
    .divide = kern_divide,
    .fit = kern_fit,
    .real_range = kern_real_range,
    .real_m2 = kern_real_m2,
    .int_sums = kern_int_sums,
    .int_m2 = kern_int_m2,
};
