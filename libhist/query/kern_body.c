/*
 * kern_body.c -- the loops of kern.h. Know first: everything goes in blocks of 64 rows, and a constant
 * operand is a block filled once, so that one loop body serves vectors and constants and the compiler sees plain
 * loops of known length.
 */
#include <math.h>
#include <string.h>

#include "query/kern.h"

#define BLOCK 64

/* Where the rows of block `at` of an operand are; `fill` holds the constant. */
#define KERN_OPERAND(type, x)                \
    type x##_fill[BLOCK];                    \
    const type *x##_data = (x).data;         \
    if ((x).constant) {                      \
        for (int k_ = 0; k_ < BLOCK; k_++) { \
            x##_fill[k_] = x##_data[0];      \
        }                                    \
        x##_data = x##_fill;                 \
    }                                        \
    const size_t x##_step = (x).constant ? 0 : 1

#define KERN_BINARY(name, type, expression)                             \
    static void name(type *out, hi_operand a, hi_operand b, uint32_t n) \
    {                                                                   \
        KERN_OPERAND(type, a);                                          \
        KERN_OPERAND(type, b);                                          \
        uint32_t i = 0;                                                 \
        for (; i + BLOCK <= n; i += BLOCK) {                            \
            const type *restrict p = a_data + i * a_step;               \
            const type *restrict q = b_data + i * b_step;               \
            type *restrict o = out + i;                                 \
            for (int k = 0; k < BLOCK; k++) {                           \
                const type x = p[k];                                    \
                const type y = q[k];                                    \
                o[k] = expression;                                      \
            }                                                           \
        }                                                               \
        for (uint32_t k = 0; i + k < n; k++) {                          \
            const type x = a_data[(i + k) * a_step];                    \
            const type y = b_data[(i + k) * b_step];                    \
            out[i + k] = expression;                                    \
        }                                                               \
    }

KERN_BINARY(kern_add_i64, int64_t, (int64_t)((uint64_t)x + (uint64_t)y))
KERN_BINARY(kern_sub_i64, int64_t, (int64_t)((uint64_t)x - (uint64_t)y))
KERN_BINARY(kern_mul_i64, int64_t, (int64_t)((uint64_t)x *(uint64_t)y))
KERN_BINARY(kern_add_f64, double, x + y)
KERN_BINARY(kern_sub_f64, double, x - y)
KERN_BINARY(kern_mul_f64, double, x *y)
KERN_BINARY(kern_div_f64, double, x / y)

/* Overflow shows in the sign bit of `sign`. */
#define KERN_OVER(name, op, sign)                                          \
    static bool name(int64_t *out, hi_operand a, hi_operand b, uint32_t n) \
    {                                                                      \
        KERN_OPERAND(int64_t, a);                                          \
        KERN_OPERAND(int64_t, b);                                          \
        int64_t over = 0;                                                  \
        for (uint32_t i = 0; i < n; i += BLOCK) {                          \
            const uint32_t m = n - i < BLOCK ? n - i : BLOCK;              \
            const int64_t *restrict p = a_data + i * a_step;               \
            const int64_t *restrict q = b_data + i * b_step;               \
            int64_t *restrict o = out + i;                                 \
            for (uint32_t k = 0; k < m; k++) {                             \
                const int64_t x = p[k];                                    \
                const int64_t y = q[k];                                    \
                const int64_t r = (int64_t)((uint64_t)x op(uint64_t) y);   \
                o[k] = r;                                                  \
                over |= sign;                                              \
            }                                                              \
        }                                                                  \
        return over < 0;                                                   \
    }

KERN_OVER(kern_add_over_i64, +, ((x ^ r) & (y ^ r)))
KERN_OVER(kern_sub_over_i64, -, ((x ^ y) & (x ^ r)))

/* 64 bytes of 0 or 1 to a word: eight at a time by a multiplication that gathers their low bits. */
static inline uint64_t kern_pack(const uint8_t flags[BLOCK])
{
    uint64_t word = 0;

    for (int j = 0; j < 8; j++) {
        uint64_t eight;

        memcpy(&eight, flags + j * 8, 8);
        word |= ((eight * UINT64_C(0x0102040810204080)) >> 56) << (j * 8);
    }
    return word;
}

#define KERN_COMPARE(name, type, op)                                             \
    static void name(uint64_t *bits, hi_operand a, hi_operand b, uint32_t n)     \
    {                                                                            \
        KERN_OPERAND(type, a);                                                   \
        KERN_OPERAND(type, b);                                                   \
        uint8_t flags[BLOCK];                                                    \
        uint32_t i = 0;                                                          \
        for (; i + BLOCK <= n; i += BLOCK) {                                     \
            const type *restrict p = a_data + i * a_step;                        \
            const type *restrict q = b_data + i * b_step;                        \
            for (int k = 0; k < BLOCK; k++) {                                    \
                flags[k] = p[k] op q[k];                                         \
            }                                                                    \
            bits[i / 64] = kern_pack(flags);                                     \
        }                                                                        \
        if (i < n) {                                                             \
            memset(flags, 0, sizeof(flags));                                     \
            for (uint32_t k = 0; i + k < n; k++) {                               \
                flags[k] = a_data[(i + k) * a_step] op b_data[(i + k) * b_step]; \
            }                                                                    \
            bits[i / 64] = kern_pack(flags);                                     \
        }                                                                        \
    }

KERN_COMPARE(kern_eq_i64, int64_t, ==)
KERN_COMPARE(kern_ne_i64, int64_t, !=)
KERN_COMPARE(kern_lt_i64, int64_t, <)
KERN_COMPARE(kern_le_i64, int64_t, <=)
KERN_COMPARE(kern_gt_i64, int64_t, >)
KERN_COMPARE(kern_ge_i64, int64_t, >=)
KERN_COMPARE(kern_eq_f64, double, ==)
KERN_COMPARE(kern_ne_f64, double, !=)
KERN_COMPARE(kern_lt_f64, double, <)
KERN_COMPARE(kern_le_f64, double, <=)
KERN_COMPARE(kern_gt_f64, double, >)
KERN_COMPARE(kern_ge_f64, double, >=)

/* Bits of a condition on one vector. `setup` declares what the condition needs beside v. */
#define KERN_TEST_BODY(type, data, condition)  \
    uint8_t flags[BLOCK];                      \
    uint32_t i = 0;                            \
    for (; i + BLOCK <= n; i += BLOCK) {       \
        const type *restrict p = (data) + i;   \
        for (int k = 0; k < BLOCK; k++) {      \
            const type x = p[k];               \
            flags[k] = (uint8_t)(condition);   \
        }                                      \
        bits[i / 64] = kern_pack(flags);       \
    }                                          \
    if (i < n) {                               \
        memset(flags, 0, sizeof(flags));       \
        for (uint32_t k = 0; i + k < n; k++) { \
            const type x = (data)[i + k];      \
            flags[k] = (uint8_t)(condition);   \
        }                                      \
        bits[i / 64] = kern_pack(flags);       \
    }

static void kern_fill_bits(uint64_t *bits, bool ones, uint32_t n)
{
    memset(bits, ones ? 0xff : 0, ((size_t)n + 63) / 64 * 8);
}

static void kern_between_i64(uint64_t *bits, hi_operand v, int64_t low, int64_t high, uint32_t n)
{
    const int64_t *data = v.data;

    if (v.constant) {
        kern_fill_bits(bits, data[0] >= low && data[0] <= high, n);
        return;
    }
    KERN_TEST_BODY(int64_t, data, (x >= low) & (x <= high))
}

static void kern_between_f64(uint64_t *bits, hi_operand v, double low, double high, uint32_t n)
{
    const double *data = v.data;

    if (v.constant) {
        kern_fill_bits(bits, data[0] >= low && data[0] <= high, n);
        return;
    }
    KERN_TEST_BODY(double, data, (x >= low) & (x <= high))
}

static void kern_is_nan(uint64_t *bits, const double *v, uint32_t n)
{
    KERN_TEST_BODY(double, v, x != x)
}

static void kern_is_finite(uint64_t *bits, const double *v, uint32_t n)
{
    KERN_TEST_BODY(double, v, x - x == 0)
}

static void kern_select_64(uint64_t *out, const uint64_t *mask, hi_operand a, hi_operand b,
                           uint32_t n)
{
    KERN_OPERAND(uint64_t, a);
    KERN_OPERAND(uint64_t, b);

    for (uint32_t i = 0; i < n; i += BLOCK) {
        const uint32_t m = n - i < BLOCK ? n - i : BLOCK;
        const uint64_t *restrict p = a_data + i * a_step;
        const uint64_t *restrict q = b_data + i * b_step;
        uint64_t *restrict o = out + i;
        const uint64_t word = mask[i / 64];

        for (uint32_t k = 0; k < m; k++) {
            const uint64_t take = (uint64_t)0 - ((word >> k) & 1);

            o[k] = (p[k] & take) | (q[k] & ~take);
        }
    }
}

#define KERN_SMALL (INT64_C(1) << 52)

/* Whether all values are below 2^52, where a double is exact and so is its quotient cut to an integer. */
static bool kern_are_small(const int64_t *v, uint32_t n)
{
    uint64_t any = 0;

    for (uint32_t i = 0; i < n; i++) {
        any |= (uint64_t)v[i] + (uint64_t)KERN_SMALL;
    }
    return any < (uint64_t)KERN_SMALL * 2;
}

static bool kern_div_small_i64(int64_t *restrict out, const int64_t *restrict v, int64_t divisor,
                               uint32_t n)
{
    const double d = (double)divisor;

    if (divisor >= KERN_SMALL || divisor <= -KERN_SMALL || !kern_are_small(v, n)) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        out[i] = (int64_t)((double)v[i] / d);
    }
    return true;
}

/* A block of small values: no division of integers. */
static void kern_bin_small(int64_t *restrict out, const int64_t *restrict v, int64_t width,
                           int64_t phase, uint32_t n)
{
    const double w = (double)width;

    for (uint32_t i = 0; i < n; i++) {
        const int64_t x = v[i] - phase;

        out[i] = (int64_t)floor((double)x / w) * width + phase;
    }
}

typedef struct kern_bin {
    uint64_t low; /* Of the bin of the last row. */
    uint64_t size;
} kern_bin;

/* Rows of one bin usually follow each other, so the division is only done when a row leaves the last bin. */
static void kern_bin_runs(kern_bin *bin, int64_t *out, const int64_t *v, int64_t width,
                          int64_t phase, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if ((uint64_t)v[i] - bin->low >= bin->size) {
            int64_t rest = v[i] % width - phase;

            rest += rest < 0 ? width : 0;
            rest += rest < 0 ? width : 0;
            bin->low = (uint64_t)v[i] - (uint64_t)rest;
            /* A bin that begins before the range has wrapped: no other row is in it. */
            bin->size = (int64_t)bin->low <= v[i] ? (uint64_t)width : 0;
        }
        out[i] = (int64_t)bin->low;
    }
}

static void kern_bin_i64(int64_t *out, const int64_t *v, int64_t width, int64_t phase, uint32_t n)
{
    kern_bin bin = {0, 0};
    const bool small = width < KERN_SMALL / 2;

    for (uint32_t i = 0; i < n; i += BLOCK) {
        const uint32_t m = n - i < BLOCK ? n - i : BLOCK;

        if (small && kern_are_small(v + i, m)) {
            kern_bin_small(out + i, v + i, width, phase, m);
        } else {
            kern_bin_runs(&bin, out + i, v + i, width, phase, m);
        }
    }
}

static void kern_bin_f64(double *out, const double *v, double width, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        out[i] = floor(v[i] / width) * width;
    }
}

#define KERN_UNARY(name, to, from, expression)                             \
    static void name(to *restrict out, const from *restrict v, uint32_t n) \
    {                                                                      \
        for (uint32_t i = 0; i < n; i++) {                                 \
            const from x = v[i];                                           \
            out[i] = expression;                                           \
        }                                                                  \
    }

KERN_UNARY(kern_neg_i64, int64_t, int64_t, (int64_t)(0 - (uint64_t)x))
KERN_UNARY(kern_neg_f64, double, double, -x)
KERN_UNARY(kern_abs_i64, int64_t, int64_t, x < 0 ? (int64_t)(0 - (uint64_t)x) : x)
KERN_UNARY(kern_abs_f64, double, double, fabs(x))
KERN_UNARY(kern_sqrt_f64, double, double, sqrt(x))
KERN_UNARY(kern_f64_of_i64, double, int64_t, (double)x)
KERN_UNARY(kern_i64_of_i32, int64_t, int32_t, x)

static uint32_t kern_rows_of_bits(uint32_t *rows, const uint64_t *bits, uint32_t n)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < n; i += 64) {
        uint64_t word = bits[i / 64];

        if (n - i < 64) {
            word &= (UINT64_C(1) << (n - i)) - 1;
        }
        if (word == ~UINT64_C(0)) {
            for (uint32_t k = 0; k < 64; k++) {
                rows[count + k] = i + k;
            }
            count += 64;
            continue;
        }
        while (word != 0) {
            rows[count++] = i + (uint32_t)__builtin_ctzll(word);
            word &= word - 1;
        }
    }
    return count;
}

#define KERN_JOIN_(a, b) a##b
#define KERN_JOIN(a, b)  KERN_JOIN_(a, b)
#define KERN_TEXT_(a)    #a
#define KERN_TEXT(a)     KERN_TEXT_(a)

extern const hi_query_kernels KERN_JOIN(hi_query_kernels_, HI_VARIANT);

const hi_query_kernels KERN_JOIN(hi_query_kernels_, HI_VARIANT) = {
    .name = KERN_TEXT(HI_VARIANT),
    .add_i64 = kern_add_i64,
    .sub_i64 = kern_sub_i64,
    .mul_i64 = kern_mul_i64,
    .add_over_i64 = kern_add_over_i64,
    .sub_over_i64 = kern_sub_over_i64,
    .add_f64 = kern_add_f64,
    .sub_f64 = kern_sub_f64,
    .mul_f64 = kern_mul_f64,
    .div_f64 = kern_div_f64,
    .compare_i64 = {kern_eq_i64, kern_ne_i64, kern_lt_i64, kern_le_i64, kern_gt_i64, kern_ge_i64},
    .compare_f64 = {kern_eq_f64, kern_ne_f64, kern_lt_f64, kern_le_f64, kern_gt_f64, kern_ge_f64},
    .between_i64 = kern_between_i64,
    .between_f64 = kern_between_f64,
    .select_64 = kern_select_64,
    .div_small_i64 = kern_div_small_i64,
    .bin_i64 = kern_bin_i64,
    .bin_f64 = kern_bin_f64,
    .neg_i64 = kern_neg_i64,
    .neg_f64 = kern_neg_f64,
    .abs_i64 = kern_abs_i64,
    .abs_f64 = kern_abs_f64,
    .sqrt_f64 = kern_sqrt_f64,
    .f64_of_i64 = kern_f64_of_i64,
    .i64_of_i32 = kern_i64_of_i32,
    .is_nan = kern_is_nan,
    .is_finite = kern_is_finite,
    .rows_of_bits = kern_rows_of_bits,
};
