/* num_pow10.h -- powers of ten to 128 bits, for num.c and num_parse.c only. */
#ifndef HI_NUM_POW10_H
#define HI_NUM_POW10_H

#include <stdint.h>

#define HI_POW10_MIN (-342)
#define HI_POW10_MAX 324
/* Powers from 0 to this one are exact. */
#define HI_POW10_EXACT_MAX 55

/* 10^k / 2^(floor(log2(10^k)) - 127), cut to an integer: the top bit of hi is set. */
typedef struct hi_pow10 {
    uint64_t hi;
    uint64_t lo;
} hi_pow10;

extern const hi_pow10 hi_pow10_table[HI_POW10_MAX - HI_POW10_MIN + 1];

static inline hi_pow10 hi_pow10_of(int k)
{
    return hi_pow10_table[k - HI_POW10_MIN];
}

/* The 128 bits of a * b: returns the low half. */
static inline uint64_t hi_mul_wide(uint64_t a, uint64_t b, uint64_t *hi)
{
#ifdef __SIZEOF_INT128__
    __extension__ typedef unsigned __int128 wide;
    const wide all = (wide)a * b;

    *hi = (uint64_t)(all >> 64);
    return (uint64_t)all;
#else
    const uint64_t low = (a & UINT32_MAX) * (b & UINT32_MAX);
    const uint64_t mid = (a >> 32) * (b & UINT32_MAX) + (low >> 32);
    const uint64_t mid2 = (a & UINT32_MAX) * (b >> 32) + (mid & UINT32_MAX);

    *hi = (a >> 32) * (b >> 32) + (mid >> 32) + (mid2 >> 32);
    return (mid2 << 32) | (low & UINT32_MAX);
#endif
}

/* floor(g * x / 2^64), 128 bits. */
static inline hi_pow10 hi_pow10_mul(hi_pow10 g, uint64_t x)
{
    uint64_t carry = 0;
    hi_pow10 out;

    (void)hi_mul_wide(g.lo, x, &carry);
    out.lo = hi_mul_wide(g.hi, x, &out.hi);
    out.lo += carry;
    out.hi += out.lo < carry;
    return out;
}

/* floor(k * log2(10)) for |k| <= 1233. */
static inline int hi_log2_of_pow10(int k)
{
    return (int)(((int64_t)k * 1741647) >> 19);
}

#endif
