/*
 * wide.h -- 128-bit signed integers for sums, on machines whose compiler has none too.
 *
 * Two's complement in two halves; only what sums of int64 need.
 */
#ifndef HI_WIDE_H
#define HI_WIDE_H

#include <stdint.h>

typedef struct hi_wide {
    uint64_t low;
    int64_t high;
} hi_wide;

static inline hi_wide hi_wide_of(int64_t v)
{
    return (hi_wide){.low = (uint64_t)v, .high = v < 0 ? -1 : 0};
}

static inline hi_wide hi_wide_add(hi_wide a, hi_wide b)
{
    const uint64_t low = a.low + b.low;
    const uint64_t carry = low < a.low ? 1 : 0;

    return (hi_wide){low, (int64_t)((uint64_t)a.high + (uint64_t)b.high + carry)};
}

static inline hi_wide hi_wide_negate(hi_wide v)
{
    const uint64_t carry = v.low == 0 ? 1 : 0;

    return (hi_wide){0 - v.low, (int64_t)(~(uint64_t)v.high + carry)};
}

static inline hi_wide hi_wide_subtract(hi_wide a, hi_wide b)
{
    return hi_wide_add(a, hi_wide_negate(b));
}

/* high * 2^32 + low */
static inline hi_wide hi_wide_join(int64_t high, uint64_t low)
{
    const hi_wide shifted = {(uint64_t)high << 32, high >> 32};

    return hi_wide_add(shifted, (hi_wide){low, 0});
}

static inline hi_wide hi_wide_product(int64_t a, uint32_t b)
{
    return hi_wide_join((a >> 32) * (int64_t)b, ((uint64_t)a & UINT32_MAX) * b);
}

/* v / by towards zero, modulo 2^64: digit by digit of 32 bits. */
static inline int64_t hi_wide_quotient(hi_wide v, uint32_t by)
{
    const hi_wide size = v.high < 0 ? hi_wide_negate(v) : v;
    const uint64_t top = (uint64_t)size.high % by;
    const uint64_t middle = (top << 32) | (size.low >> 32);
    const uint64_t bottom = (middle % by << 32) | (size.low & UINT32_MAX);
    const uint64_t quotient = (middle / by << 32) + bottom / by;

    return (int64_t)(v.high < 0 ? 0 - quotient : quotient);
}

/* The nearest double, ties to even. */
static inline double hi_wide_to_double(hi_wide v)
{
    const hi_wide size = v.high < 0 ? hi_wide_negate(v) : v;
    double nearest = (double)size.low;

    if (size.high != 0) {
        /* 64 leading bits; what is cut off only tells a tie from more than a tie. */
        const unsigned cut = 64 - (unsigned)__builtin_clzll((uint64_t)size.high);
        const uint64_t lost = size.low << (64 - cut) != 0 ? 1 : 0;
        const uint64_t lead =
            cut == 64 ? (uint64_t)size.high : (uint64_t)size.high << (64 - cut) | size.low >> cut;
        double power = 1;
        for (unsigned i = 0; i < cut; i++) {
            power *= 2;
        }
        nearest = (double)(lead | lost) * power;
    }
    return v.high < 0 ? -nearest : nearest;
}

#endif
