/*
 * kern_body.c -- the codec's hot loops; compiled once per CPU variant.
 *
 * Loops are written so that the compiler vectorises them without reordering any
 * floating-point operation: where a sum runs in lanes, the lanes are in the
 * source. That is why all variants give the same bits.
 */
#include <string.h>

#include "base/bytes.h"
#include "codec/kern.h"
#include "codec/rans.h"

#ifndef HI_VARIANT
#define HI_VARIANT base
#endif
#define KERN_GLUE2(a, b) a##b
#define KERN_GLUE(a, b)  KERN_GLUE2(a, b)
#define KERN_TEXT2(a)    #a
#define KERN_TEXT(a)     KERN_TEXT2(a)

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

/* Registers as wide as the variant has them; the 16 lanes are KERN_REGS of them. Compilers make poor
   ones of a loop over lanes. */
#if defined(__AVX512F__)
#define KERN_BYTES 64
#elif defined(__AVX2__)
#define KERN_BYTES 32
#else
#define KERN_BYTES 16
#endif
enum { KERN_WIDE = KERN_BYTES / 8, KERN_REGS = HI_LANES / KERN_WIDE };

typedef uint64_t kern_reg __attribute__((vector_size(KERN_BYTES)));

static inline kern_reg kern_load_le(const uint8_t *from)
{
    kern_reg v;

    memcpy(&v, from, sizeof(v));
    for (int l = 0; l < KERN_WIDE && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__; l++) {
        v[l] = hi_le64(v[l]);
    }
    return v;
}

static void kern_unpack(const uint8_t *restrict in, unsigned width, uint32_t groups, uint64_t base,
                        uint64_t *restrict out)
{
    if (width == 0) {
        kern_fill(out, groups * HI_LANES, base);
        return;
    }
    const uint64_t mask = ~UINT64_C(0) >> (64 - width);
    for (uint32_t g = 0; g < groups; g++, out += HI_LANES) {
        const uint32_t bit = g * width;
        const unsigned low = bit & 63;
        const uint8_t *from = in + (size_t)(bit >> 6) * 128;
        const bool split = low + width > 64;

#pragma GCC unroll 8
        for (int r = 0; r < KERN_REGS; r++, from += KERN_BYTES) {
            kern_reg v = kern_load_le(from) >> low;

            if (split) {
                v |= kern_load_le(from + 128) << (64 - low);
            }
            v = (v & mask) + base;
            memcpy(out + r * KERN_WIDE, &v, sizeof(v));
        }
    }
}

static inline void kern_store_le(uint8_t *to, kern_reg v)
{
    for (int l = 0; l < KERN_WIDE && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__; l++) {
        v[l] = hi_le64(v[l]);
    }
    memcpy(to, &v, sizeof(v));
}

static void kern_pack(const uint64_t *restrict in, unsigned width, uint32_t groups,
                      uint8_t *restrict out)
{
    if (width == 0) {
        return;
    }
    const uint64_t mask = ~UINT64_C(0) >> (64 - width);
    kern_reg open[KERN_REGS] = {{0}};
    unsigned used = 0;

    for (uint32_t g = 0; g < groups; g++, in += HI_LANES) {
        const unsigned at = used;
        const bool full = at + width >= 64;

        used = full ? at + width - 64 : at + width;
        /* What does not fit; two shifts, because one by 64 is undefined. */
        const unsigned gone = full ? width - used : 0;
#pragma GCC unroll 8
        for (int r = 0; r < KERN_REGS; r++) {
            kern_reg v;

            memcpy(&v, in + r * KERN_WIDE, sizeof(v));
            v &= mask;
            open[r] |= v << at;
            if (full) {
                kern_store_le(out + r * KERN_BYTES, open[r]);
                open[r] = (v >> (gone >> 1)) >> (gone - (gone >> 1));
            }
        }
        out += full ? 8 * HI_LANES : 0;
    }
    for (int r = 0; r < KERN_REGS && used > 0; r++) {
        kern_store_le(out + r * KERN_BYTES, open[r]);
    }
}

#if defined(__AVX512F__)
/* Eight values in a register: three steps of shift and add, then what came before. The sum to carry
   does not wait for the steps of the next eight. */
typedef uint64_t kern_eight __attribute__((vector_size(64)));

static void kern_prefix(uint64_t *x, uint32_t count)
{
    const kern_eight zero = {0};
    kern_eight carry = zero;
    uint32_t i = 0;

    for (; i + 8 <= count; i += 8) {
        kern_eight v;

        memcpy(&v, x + i, sizeof(v));
        v += __builtin_shufflevector(zero, v, 0, 8, 9, 10, 11, 12, 13, 14);
        v += __builtin_shufflevector(zero, v, 0, 1, 8, 9, 10, 11, 12, 13);
        v += __builtin_shufflevector(zero, v, 0, 1, 2, 3, 8, 9, 10, 11);
        const kern_eight sums = v + carry;
        carry += __builtin_shufflevector(v, v, 7, 7, 7, 7, 7, 7, 7, 7);
        memcpy(x + i, &sums, sizeof(sums));
    }
    for (uint64_t sum = carry[0]; i < count; i++) {
        sum += x[i];
        x[i] = sum;
    }
}
#else
static void kern_prefix(uint64_t *x, uint32_t count)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        sum += x[i];
        x[i] = sum;
    }
}
#endif

static void kern_prefix2(uint64_t *x, uint32_t count, uint64_t first)
{
    kern_prefix(x, count);
    x[0] = first;
    kern_prefix(x, count);
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

/* One loop for each operation, with and without rounding to float. */
#define KERN_FROM_NUM(expression)                       \
    for (uint32_t i = 0; i < count; i++) {              \
        kern_cell cell = {.u = x[i] + KERN_MAGIC_BITS}; \
        const double n = cell.d - KERN_MAGIC;           \
        double z;                                       \
        wide |= KERN_ABOVE_N(x[i]);                     \
        expression;                                     \
        cell.d = z;                                     \
        x[i] = cell.u;                                  \
    }

#define KERN_DECIMAL KERN_QUOTIENT(z, n, param, inverse)
#define KERN_DIVIDE  z = n / param
#define KERN_TIMES   z = n * param
#define KERN_FLOAT   z = (double)(float)z

/* Bits above the 52 lowest where |n| is not below 2^51, the smaller end included. */
#define KERN_ABOVE_N(n) (((n) + (UINT64_C(1) << 51)) | ((n) + ((UINT64_C(1) << 51) - 1)))

static bool kern_from_num(uint64_t *x, uint32_t count, const hi_num *num)
{
    const double param = num->param;
    const double inverse = 1.0 / param;
    uint64_t wide = 0;

    switch (num->op * 2 + (num->to_float ? 1 : 0)) {
    case HI_NUM_DECIMAL * 2:
        KERN_FROM_NUM(KERN_DECIMAL)
        break;
    case HI_NUM_DECIMAL * 2 + 1:
        KERN_FROM_NUM(KERN_DECIMAL; KERN_FLOAT)
        break;
    case HI_NUM_DIVIDE * 2:
        KERN_FROM_NUM(KERN_DIVIDE)
        break;
    case HI_NUM_DIVIDE * 2 + 1:
        KERN_FROM_NUM(KERN_DIVIDE; KERN_FLOAT)
        break;
    case HI_NUM_MULTIPLY * 2:
        KERN_FROM_NUM(KERN_TIMES)
        break;
    default:
        KERN_FROM_NUM(KERN_TIMES; KERN_FLOAT)
        break;
    }
    return wide >> 52 == 0;
}

/* All ones where a > b, else zero; both below 2^63. Masks instead of choices: they vectorise. */
#define KERN_ABOVE(a, b) ((uint64_t)((int64_t)((b) - (a)) >> 63))

#define KERN_TO_NUM(expression)                                                         \
    for (uint32_t i = 0; i < count; i++) {                                              \
        const kern_cell v = {.u = bits[i]};                                             \
        const kern_cell scaled = {.d = v.d * scale};                                    \
        const kern_cell moved = {.d = scaled.d + KERN_MAGIC};                           \
        const double n = moved.d - KERN_MAGIC;                                          \
        double z;                                                                       \
        kern_cell back;                                                                 \
        expression;                                                                     \
        back.d = z;                                                                     \
        const uint64_t outside = KERN_ABOVE(scaled.u & INT64_MAX, bound);               \
        const uint64_t rest = ((v.u - back.u) & ~outside) | (HI_NUM_OUTSIDE & outside); \
        whole[i] = moved.u - KERN_MAGIC_BITS;                                           \
        off[i] = rest;                                                                  \
        total += rest != 0 ? UINT64_C(1) : UINT64_C(0);                                 \
    }

static uint32_t kern_to_num(const uint64_t *restrict bits, uint32_t count, const hi_num *num,
                            uint64_t *restrict whole, uint64_t *restrict off)
{
    const double param = num->param;
    const double inverse = 1.0 / param;
    const double scale = num->op == HI_NUM_MULTIPLY ? inverse : param;
    const uint64_t bound =
        UINT64_C(0x431ffffffffffffd); /* The last double that rounds below 2^51. */
    uint64_t total = 0;

    switch (num->op * 2 + (num->to_float ? 1 : 0)) {
    case HI_NUM_DECIMAL * 2:
        KERN_TO_NUM(KERN_DECIMAL)
        break;
    case HI_NUM_DECIMAL * 2 + 1:
        KERN_TO_NUM(KERN_DECIMAL; KERN_FLOAT)
        break;
    case HI_NUM_DIVIDE * 2:
        KERN_TO_NUM(KERN_DIVIDE)
        break;
    case HI_NUM_DIVIDE * 2 + 1:
        KERN_TO_NUM(KERN_DIVIDE; KERN_FLOAT)
        break;
    case HI_NUM_MULTIPLY * 2:
        KERN_TO_NUM(KERN_TIMES)
        break;
    default:
        KERN_TO_NUM(KERN_TIMES; KERN_FLOAT)
        break;
    }
    return (uint32_t)total;
}

static uint32_t kern_beyond(const uint64_t *restrict x, uint32_t count, uint64_t limit,
                            uint64_t *restrict bad)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < count; i++) {
        const uint64_t out = x[i] + limit > 2 * limit ? UINT64_C(1) : UINT64_C(0);
        bad[i] = out;
        total += out;
    }
    return (uint32_t)total;
}

static void kern_add(uint64_t *restrict x, const uint64_t *restrict y, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        x[i] += y[i];
    }
}

static void kern_fold(const uint64_t *in, uint32_t count, uint64_t *out)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i] = in[i] ^ ((uint64_t)((int64_t)in[i] >> 63) & INT64_MAX);
    }
}

static bool kern_join(uint64_t *restrict x, const uint64_t *restrict codes, uint32_t count,
                      const uint64_t *restrict left, unsigned cut)
{
    uint64_t wide = 0;

    for (uint32_t i = 0; i < count; i++) {
        wide |= x[i];
        x[i] |= left[codes[i] & (HI_RD_PATTERNS - 1)] << cut;
    }
    return wide >> cut == 0;
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

static uint32_t kern_uneven(const uint64_t *x, uint32_t count, uint64_t step)
{
    uint64_t total = 0;

    for (uint32_t i = 1; i < count; i++) {
        total += x[i] - x[i - 1] != step ? UINT64_C(1) : UINT64_C(0);
    }
    return (uint32_t)total;
}

static void kern_deltas(const uint64_t *restrict x, uint32_t count, uint64_t *restrict out)
{
    for (uint32_t i = 0; i + 1 < count; i++) {
        out[i] = x[i + 1] - x[i];
    }
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
                         uint64_t *restrict out)
{
    const uint64_t mask = width == 0 ? 0 : ~UINT64_C(0) >> (64 - width);
    uint64_t total = 0;

    for (uint32_t i = 0; i < count; i++) {
        const uint64_t v = x[i] - base;
        const uint64_t over = v > mask ? UINT64_C(1) : UINT64_C(0);
        out[i] = over ? 0 : v;
        total += over;
    }
    return (uint32_t)total;
}

/* Sum of squares of d, less what an inexact mean adds: always lane by lane, then lane 0 to 15. */
static hi_kern_moments kern_moments(const double *sums, const double *squares, uint32_t count)
{
    double sum = 0;
    double square = 0;

    for (int l = 0; l < HI_LANES; l++) {
        sum += sums[l];
        square += squares[l];
    }
    const double m2 = square - sum * sum / (double)count;
    return (hi_kern_moments){.rest = sum, .m2 = m2 < 0 ? 0 : m2};
}

static hi_kern_moments kern_real_m2(const uint64_t *bits, uint32_t count, double near_mean)
{
    double sums[HI_LANES] = {0};
    double squares[HI_LANES] = {0};
    uint32_t i = 0;

    for (; i + HI_LANES <= count; i += HI_LANES) {
        for (uint32_t l = 0; l < HI_LANES; l++) {
            const kern_cell v = {.u = bits[i + l]};
            const double d = v.d - near_mean;
            sums[l] += d;
            squares[l] += d * d;
        }
    }
    for (uint32_t l = 0; i + l < count; l++) {
        const kern_cell v = {.u = bits[i + l]};
        const double d = v.d - near_mean;
        sums[l] += d;
        squares[l] += d * d;
    }
    return kern_moments(sums, squares, count);
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
    return kern_moments(sums, squares, count).m2;
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
    .prefix2 = kern_prefix2,
    .from_num = kern_from_num,
    .to_num = kern_to_num,
    .beyond = kern_beyond,
    .add = kern_add,
    .fold = kern_fold,
    .join = kern_join,
    .narrow = kern_narrow,
    .largest = kern_largest,
    .range = kern_range,
    .uneven = kern_uneven,
    .deltas = kern_deltas,
    .divide = kern_divide,
    .fit = kern_fit,
    .real_m2 = kern_real_m2,
    .int_sums = kern_int_sums,
    .int_m2 = kern_int_m2,
    .count = &KERN_GLUE(hi_count_kernels_, HI_VARIANT),
    .expand = &KERN_GLUE(hi_expand_kernels_, HI_VARIANT),
    .rans = &KERN_GLUE(hi_rans_kernels_, HI_VARIANT),
};
