/*
 * kern.h -- the loops that expressions spend their time in, built once for each CPU variant.
 *
 * An operand is a vector of n elements or, with `constant`, one element for all rows. Results of
 * comparisons are bits, whole words at a time. Kernels compute under nulls too: whatever is
 * there must not trap.
 */
#ifndef HI_QUERY_KERN_H
#define HI_QUERY_KERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct hi_operand {
    const void *data;
    bool constant;
} hi_operand;

typedef enum hi_kern_cmp {
    HI_KERN_EQ = 0,
    HI_KERN_NE,
    HI_KERN_LT,
    HI_KERN_LE,
    HI_KERN_GT,
    HI_KERN_GE,
} hi_kern_cmp;

typedef void (*hi_kern_binary_i64)(int64_t *out, hi_operand a, hi_operand b, uint32_t n);
typedef void (*hi_kern_binary_f64)(double *out, hi_operand a, hi_operand b, uint32_t n);
typedef void (*hi_kern_compare)(uint64_t *bits, hi_operand a, hi_operand b, uint32_t n);

typedef struct hi_query_kernels {
    const char *name;
    /* Wrapping. */
    hi_kern_binary_i64 add_i64, sub_i64, mul_i64;
    /* The same; true when some row overflowed. */
    bool (*add_over_i64)(int64_t *out, hi_operand a, hi_operand b, uint32_t n);
    bool (*sub_over_i64)(int64_t *out, hi_operand a, hi_operand b, uint32_t n);
    hi_kern_binary_f64 add_f64, sub_f64, mul_f64, div_f64;
    hi_kern_compare compare_i64[6]; /* By hi_kern_cmp. */
    hi_kern_compare compare_f64[6];
    /* low <= v <= high */
    void (*between_i64)(uint64_t *bits, hi_operand v, int64_t low, int64_t high, uint32_t n);
    void (*between_f64)(uint64_t *bits, hi_operand v, double low, double high, uint32_t n);
    /* out[i] = bit i of mask ? a : b; 8-byte elements */
    void (*select_64)(uint64_t *out, const uint64_t *mask, hi_operand a, hi_operand b, uint32_t n);
    /* Towards zero; divisor != 0. false: some |v| or the divisor is 2^52 or more, nothing was written. */
    bool (*div_small_i64)(int64_t *out, const int64_t *v, int64_t divisor, uint32_t n);
    /* floor((v - phase) / width) * width + phase, wrapping; width > 0, 0 <= phase < width */
    void (*bin_i64)(int64_t *out, const int64_t *v, int64_t width, int64_t phase, uint32_t n);
    void (*bin_f64)(double *out, const double *v, double width, uint32_t n);
    void (*neg_i64)(int64_t *out, const int64_t *v, uint32_t n);
    void (*neg_f64)(double *out, const double *v, uint32_t n);
    void (*abs_i64)(int64_t *out, const int64_t *v, uint32_t n);
    void (*abs_f64)(double *out, const double *v, uint32_t n);
    void (*sqrt_f64)(double *out, const double *v, uint32_t n);
    void (*f64_of_i64)(double *out, const int64_t *v, uint32_t n);
    void (*i64_of_i32)(int64_t *out, const int32_t *v, uint32_t n);
    /* NaN? / finite? / infinite? */
    void (*is_nan)(uint64_t *bits, const double *v, uint32_t n);
    void (*is_finite)(uint64_t *bits, const double *v, uint32_t n);
    /* Rows whose bit is set, ascending; returns how many. */
    uint32_t (*rows_of_bits)(uint32_t *rows, const uint64_t *bits, uint32_t n);
} hi_query_kernels;

/* The best variant this machine can run. */
const hi_query_kernels *hi_query_kernels_get(void);

#endif
