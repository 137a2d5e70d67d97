/*
 * fold_body.c -- loops over decoded vectors that stay in the first-level cache; compiled once per CPU variant.
 *
 * Sums of reals run in the lanes that fold.h defines, and no operation is reordered: all variants give the same bits.
 */
#include <string.h>

#include "base/bytes.h"
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

/* Registers as wide as the variant has them; the 16 lanes are FOLD_REGS of them. Without AVX2 there is no comparison of
   64-bit integers in registers: one by one is faster. */
#if defined(__AVX512F__)
#define FOLD_BYTES 64
#elif defined(__AVX2__)
#define FOLD_BYTES 32
#else
#define FOLD_BYTES 8
#endif
enum { FOLD_WIDE = FOLD_BYTES / 8, FOLD_REGS = HI_LANES / FOLD_WIDE };

typedef double fold_d __attribute__((vector_size(FOLD_BYTES)));
typedef int64_t fold_i __attribute__((vector_size(FOLD_BYTES)));
typedef uint64_t fold_u __attribute__((vector_size(FOLD_BYTES)));

/* The figures of each lane. */
typedef struct fold_lanes {
    fold_d sum[FOLD_REGS];
    fold_i min[FOLD_REGS];
    fold_i max[FOLD_REGS];
} fold_lanes;

static inline fold_i fold_load(const uint64_t *from)
{
    fold_i v;

    memcpy(&v, from, sizeof(v));
    return v;
}

/* Where the mask is set a, else b. */
static inline fold_i fold_select(fold_i mask, fold_i a, fold_i b)
{
    return (a & mask) | (b & ~mask);
}

static inline void fold_extremes(fold_i v, fold_i *min, fold_i *max)
{
    *min = fold_select(v < *min, v, *min);
    *max = fold_select(v > *max, v, *max);
}

static inline void fold_start(const hi_fold_state *s, fold_lanes *lanes)
{
    for (int r = 0; r < FOLD_REGS; r++) {
        memcpy(&lanes->sum[r], s->lanes + r * FOLD_WIDE, sizeof(fold_d));
        lanes->min[r] = (fold_i){0} + s->min;
        lanes->max[r] = (fold_i){0} + s->max;
    }
}

static inline void fold_join(const fold_lanes *lanes, hi_fold_state *s)
{
    for (int r = 0; r < FOLD_REGS; r++) {
        memcpy(s->lanes + r * FOLD_WIDE, &lanes->sum[r], sizeof(fold_d));
        for (int l = 0; l < FOLD_WIDE; l++) {
            s->min = lanes->min[r][l] < s->min ? lanes->min[r][l] : s->min;
            s->max = lanes->max[r][l] > s->max ? lanes->max[r][l] : s->max;
        }
    }
}

/* Values up to the first one of lane 0. */
static uint32_t fold_head(uint32_t at, uint32_t count)
{
    const uint32_t head = (HI_LANES - at % HI_LANES) % HI_LANES;

    return head < count ? head : count;
}

static bool fold_is_nan(uint64_t bits)
{
    return (bits & INT64_MAX) > FOLD_INFINITY;
}

/* One by one; NaNs are counted and left out. */
static void fold_few_reals(const uint64_t *bits, uint32_t at, uint32_t count, hi_fold_state *s)
{
    for (uint32_t i = 0; i < count; i++) {
        const fold_cell v = {.u = bits[i]};
        const int64_t key = (int64_t)(v.u ^ ((uint64_t)((int64_t)v.u >> 63) & INT64_MAX));

        if (fold_is_nan(v.u)) {
            s->nans++;
            continue;
        }
        s->lanes[(at + i) % HI_LANES] += v.d;
        s->min = key < s->min ? key : s->min;
        s->max = key > s->max ? key : s->max;
    }
}

/* Whole rounds of the lanes; false, and nothing done, when there is a NaN. */
static bool fold_many_reals(const uint64_t *bits, uint32_t count, hi_fold_state *s)
{
    fold_lanes t;
    fold_i nans = {0};

    fold_start(s, &t);
    for (uint32_t i = 0; i < count; i += HI_LANES) {
        for (int r = 0; r < FOLD_REGS; r++) {
            const fold_i v = fold_load(bits + i + r * FOLD_WIDE);

            nans |= (v & INT64_MAX) > (int64_t)FOLD_INFINITY;
            t.sum[r] += (fold_d)v;
            fold_extremes(v ^ ((v >> 63) & INT64_MAX), &t.min[r], &t.max[r]);
        }
    }
    for (int l = 0; l < FOLD_WIDE; l++) {
        if (nans[l] != 0) {
            return false;
        }
    }
    fold_join(&t, s);
    return true;
}

static void fold_reals(const uint64_t *bits, uint32_t at, uint32_t count, hi_fold_state *s)
{
    const uint32_t head = fold_head(at, count);
    const uint32_t many = (count - head) / HI_LANES * HI_LANES;
    const uint32_t tail = head + many;

    fold_few_reals(bits, at, head, s);
    if (!fold_many_reals(bits + head, many, s)) {
        fold_few_reals(bits + head, at + head, many, s);
    }
    fold_few_reals(bits + tail, at + tail, count - tail, s);
}

/* The quotient as kern_body.c has it. */
static double fold_quotient(uint64_t n, double power)
{
    const fold_cell moved = {.u = n + FOLD_MAGIC_BITS};

    return (moved.d - FOLD_MAGIC) / power;
}

static void fold_few_decimals(const uint64_t *n, uint32_t at, uint32_t count, double power,
                              hi_fold_state *s)
{
    for (uint32_t i = 0; i < count; i++) {
        const int64_t v = (int64_t)n[i];

        s->lanes[(at + i) % HI_LANES] += fold_quotient(n[i], power);
        s->min = v < s->min ? v : s->min;
        s->max = v > s->max ? v : s->max;
    }
}

static inline fold_d fold_quotients(fold_i n, double power)
{
    const fold_d whole = (fold_d)((fold_u)n + FOLD_MAGIC_BITS) - FOLD_MAGIC;
#if defined(__FMA__)
    const double inverse = 1.0 / power;
    const fold_d q = whole * inverse;
    fold_d z;

    for (int l = 0; l < FOLD_WIDE; l++) {
        z[l] = __builtin_fma(__builtin_fma(-q[l], power, whole[l]), inverse, q[l]);
    }
    return z;
#else
    return whole / power;
#endif
}

/* Whole rounds of the lanes. */
static void fold_many_decimals(const uint64_t *n, uint32_t count, double power, hi_fold_state *s)
{
    fold_lanes t;

    fold_start(s, &t);
    for (uint32_t i = 0; i < count; i += HI_LANES) {
        for (int r = 0; r < FOLD_REGS; r++) {
            const fold_i v = fold_load(n + i + r * FOLD_WIDE);

            t.sum[r] += fold_quotients(v, power);
            fold_extremes(v, &t.min[r], &t.max[r]);
        }
    }
    fold_join(&t, s);
}

static void fold_decimals(const uint64_t *n, uint32_t at, uint32_t count, double power,
                          hi_fold_state *s)
{
    const uint32_t head = fold_head(at, count);
    const uint32_t many = (count - head) / HI_LANES * HI_LANES;
    const uint32_t tail = head + many;

    fold_few_decimals(n, at, head, power, s);
    fold_many_decimals(n + head, many, power, s);
    fold_few_decimals(n + tail, at + tail, count - tail, power, s);
}

/* ---- packed vectors: unpacked as kern_body.c does, and folded in the same registers ---- */

/* Words of a packed vector. */
static inline __attribute__((always_inline)) fold_u fold_words(const uint8_t *from)
{
    fold_u words;

    memcpy(&words, from, sizeof(words));
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    for (int l = 0; l < FOLD_WIDE; l++) {
        words[l] = hi_le64(words[l]);
    }
#endif
    return words;
}

/* The values of one group, without the base. */
static inline __attribute__((always_inline)) void fold_unpack(const uint8_t *in, unsigned width,
                                                              uint32_t group, fold_i *v)
{
    const int64_t mask = (int64_t)(~UINT64_C(0) >> (64 - width));
    const uint32_t bit = group * width;
    const unsigned low = bit & 63;
    const uint8_t *word = in + (size_t)(bit >> 6) * 8 * HI_LANES;

    for (int r = 0; r < FOLD_REGS; r++) {
        v[r] = (fold_i)(fold_words(word + r * FOLD_BYTES) >> low);
    }
    for (int r = 0; r < FOLD_REGS && low + width > 64; r++) {
        v[r] |= (fold_i)(fold_words(word + 8 * HI_LANES + r * FOLD_BYTES) << (64 - low));
    }
    for (int r = 0; r < FOLD_REGS; r++) {
        v[r] &= mask;
    }
}

static void fold_frame_decimals(const uint8_t *in, unsigned width, uint32_t groups, uint64_t base,
                                double power, hi_fold_state *s)
{
    fold_lanes t;
    fold_i v[FOLD_REGS];

    fold_start(s, &t);
    for (uint32_t g = 0; g < groups; g++) {
        fold_unpack(in, width, g, v);
        for (int r = 0; r < FOLD_REGS; r++) {
            const fold_i n = (fold_i)((fold_u)v[r] + base);

            t.sum[r] += fold_quotients(n, power);
            fold_extremes(n, &t.min[r], &t.max[r]);
        }
    }
    fold_join(&t, s);
}

static uint64_t fold_frame_ints(const uint8_t *in, unsigned width, uint32_t groups, uint64_t *min,
                                uint64_t *max)
{
    const hi_fold_state nothing = {.min = INT64_MAX, .max = 0};
    hi_fold_state s = nothing;
    fold_lanes t;
    fold_i sums[FOLD_REGS] = {{0}};
    fold_i v[FOLD_REGS];
    uint64_t sum = 0;

    fold_start(&nothing, &t);
    for (uint32_t g = 0; g < groups; g++) {
        fold_unpack(in, width, g, v);
        for (int r = 0; r < FOLD_REGS; r++) {
            sums[r] += v[r];
            fold_extremes(v[r], &t.min[r], &t.max[r]);
        }
    }
    fold_join(&t, &s);
    for (int r = 0; r < FOLD_REGS; r++) {
        for (int l = 0; l < FOLD_WIDE; l++) {
            sum += (uint64_t)sums[r][l];
        }
    }
    *min = (uint64_t)s.min;
    *max = (uint64_t)s.max;
    return sum;
}

/* Lane l of W and S: the sum over groups of the words so far, and of the words. Word i = 16 j + l is in W
   64 - j times, so 16 W - l S has it 1024 - i times. */
static uint64_t fold_frame_deltas(const uint8_t *in, unsigned width)
{
    fold_i sums[FOLD_REGS] = {{0}};
    fold_i weighted[FOLD_REGS] = {{0}};
    fold_i v[FOLD_REGS];
    uint64_t sum = 0;

    fold_unpack(in, width, 0, v);
    v[0][0] = 0;
    for (uint32_t g = 1; g <= HI_VECTOR_ROWS / HI_LANES; g++) {
        for (int r = 0; r < FOLD_REGS; r++) {
            sums[r] += v[r];
            weighted[r] += sums[r];
        }
        if (g < HI_VECTOR_ROWS / HI_LANES) {
            fold_unpack(in, width, g, v);
        }
    }
    for (int r = 0; r < FOLD_REGS; r++) {
        for (int l = 0; l < FOLD_WIDE; l++) {
            const uint64_t lane = (uint64_t)(r * FOLD_WIDE + l);

            sum += HI_LANES * (uint64_t)weighted[r][l] - lane * (uint64_t)sums[r][l];
        }
    }
    return sum;
}

/* 64 answers: each lane collects the bits of its values. */
static inline uint64_t fold_word(const uint64_t *x, uint64_t low, uint64_t span, bool keys)
{
    fold_u bit = {0};
    fold_u bits = {0};
    uint64_t word = 0;

    for (int l = 0; l < FOLD_WIDE; l++) {
        bit[l] = UINT64_C(1) << l;
    }
    for (int i = 0; i < 64; i += FOLD_WIDE) {
        fold_i v = fold_load(x + i);

        v = keys ? v ^ ((v >> 63) & INT64_MAX) : v;
        bits |= (fold_u)((fold_u)v - low <= span) & bit;
        bit <<= FOLD_WIDE;
    }
    for (int l = 0; l < FOLD_WIDE; l++) {
        word |= bits[l];
    }
    return word;
}

static void fold_within(const uint64_t *x, uint32_t count, int64_t low, uint64_t span, bool keys,
                        uint64_t *bits)
{
    uint64_t rest[64] = {0};
    const uint32_t left = count % 64;

    for (uint32_t w = 0; w < count / 64; w++) {
        bits[w] = keys ? fold_word(x + (size_t)w * 64, (uint64_t)low, span, true)
                       : fold_word(x + (size_t)w * 64, (uint64_t)low, span, false);
    }
    if (left > 0) {
        memcpy(rest, x + (count - left), left * sizeof(*x));
        bits[count / 64] = fold_word(rest, (uint64_t)low, span, keys) & ((UINT64_C(1) << left) - 1);
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
    .frame_decimals = fold_frame_decimals,
    .frame_ints = fold_frame_ints,
    .frame_deltas = fold_frame_deltas,
};
