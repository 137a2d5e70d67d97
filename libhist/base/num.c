/*
 * num.c -- printing numbers; see num.h. Reading is in num_parse.c.
 *
 * A double that is n / 10^k with at most 15 digits (most sensor readings) is
 * found by trying, in double arithmetic that is exact enough to be proven. All
 * others go through Schubfach (R. Giulietti, "The Schubfach way to render
 * doubles", 2020), which picks the shortest decimal in the rounding interval.
 */
#include "base/num.h"

#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "base/num_pow10.h"

static const char num_pairs[201] = "00010203040506070809101112131415161718192021222324"
                                   "25262728293031323334353637383940414243444546474849"
                                   "50515253545556575859606162636465666768697071727374"
                                   "75767778798081828384858687888990919293949596979899";

static const uint64_t num_pow10_u64[20] = {
    1u,
    10u,
    100u,
    1000u,
    10000u,
    100000u,
    1000000u,
    10000000u,
    100000000u,
    1000000000u,
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
    UINT64_C(100000000000000000),
    UINT64_C(1000000000000000000),
    UINT64_C(10000000000000000000),
};

static int num_digit_count(uint64_t v)
{
    const int bits = 64 - __builtin_clzll(v | 1);
    const int guess = (bits * 1233) >> 12; /* floor(bits * log10(2)) */

    return guess + (guess < 20 && v >= num_pow10_u64[guess]) + (v == 0);
}

void hi_num_print_fixed(char *to, uint64_t v, int width)
{
    int at = width;

    while (at >= 2) {
        at -= 2;
        memcpy(to + at, num_pairs + 2 * (v % 100), 2);
        v /= 100;
    }
    if (at == 1) {
        to[0] = (char)('0' + v % 10);
    }
}

size_t hi_num_print_u64(char *to, uint64_t v)
{
    const int count = num_digit_count(v);

    hi_num_print_fixed(to, v, count);
    return (size_t)count;
}

size_t hi_num_print_i64(char *to, int64_t v)
{
    if (v >= 0) {
        return hi_num_print_u64(to, (uint64_t)v);
    }
    to[0] = '-';
    return 1 + hi_num_print_u64(to + 1, 0 - (uint64_t)v);
}

/* ---- shortest decimal ---- */

/* A decimal: value * 10^exponent. */
typedef struct num_decimal {
    uint64_t value;
    int exponent;
} num_decimal;

/*
 * Tries v = n / 10^k for growing k while n has at most 15 digits. Then n / 10^k in doubles is
 * correctly rounded (both are exact), so equality means that the text reads back to v; no other
 * decimal of 15 digits does; and v * 10^k is off by less than a quarter, so rounding finds n.
 */
static bool num_short_decimal(double v, num_decimal *out)
{
    static const double pow10[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

    if (!(v >= 1e-5 && v < 1e15)) {
        return false;
    }
    for (int k = 0; k <= 19; k++) {
        const double scaled = v * pow10[k];

        if (scaled >= 1e15) {
            return false;
        }
        const int64_t n = (int64_t)(scaled + 0.5);
        const double off = scaled - (double)n;
        if (fabs(off) <= scaled * 0x1p-51 && (double)n / pow10[k] == v) {
            *out = (num_decimal){(uint64_t)n, -k};
            return true;
        }
    }
    return false;
}

/* The upper 64 bits of g * x / 2^64, with the lowest bit set when anything below was cut. */
static uint64_t num_round_to_odd(hi_pow10 g, uint64_t x)
{
    const hi_pow10 all = hi_pow10_mul(g, x);

    return all.hi | (all.lo > 1);
}

/* 10^k to 128 bits, rounded up. */
static hi_pow10 num_pow10_above(int k)
{
    hi_pow10 g = hi_pow10_of(k);

    if (k < 0 || k > HI_POW10_EXACT_MAX) {
        g.lo++;
        g.hi += g.lo == 0;
    }
    return g;
}

/*
 * v = c * 2^q. Everything is scaled by 4 * 10^-k, so that the rounding interval holds at least
 * one and at most a few integers; its ends belong to it when c is even.
 */
static num_decimal num_schubfach(uint64_t c, int q, bool lower_is_closer)
{
    const int k = (q * 1262611 - (lower_is_closer ? 524031 : 0)) >> 22; /* floor(log10(..2^q)) */
    const int h = q + hi_log2_of_pow10(-k) + 1;
    const hi_pow10 g = num_pow10_above(-k);
    const uint64_t odd = c & 1;
    const uint64_t mid = num_round_to_odd(g, (4 * c) << h);
    const uint64_t lower = num_round_to_odd(g, (4 * c - 2 + lower_is_closer) << h) + odd;
    const uint64_t upper = num_round_to_odd(g, (4 * c + 2) << h) - odd;
    const uint64_t s = mid / 4;

    if (s >= 10) { /* One digit less, if exactly one such number is inside. */
        const uint64_t t = s / 10;
        const bool down = lower <= 40 * t;
        const bool up = 40 * t + 40 <= upper;
        if (down != up) {
            return (num_decimal){t + up, k + 1};
        }
    }
    const bool down = lower <= 4 * s;
    const bool up = 4 * s + 4 <= upper;
    if (down != up) {
        return (num_decimal){s + up, k};
    }
    const uint64_t half = 4 * s + 2;
    return (num_decimal){s + (mid > half || (mid == half && (s & 1) != 0)), k};
}

/* v finite and > 0. */
static num_decimal num_shortest(double v)
{
    num_decimal d;

    if (num_short_decimal(v, &d)) {
        return d;
    }
    const uint64_t bits = hi_bits_of(v);
    const uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    const int exponent = (int)(bits >> 52) & 0x7ff;

    if (exponent == 0) {
        d = num_schubfach(fraction, -1074, false);
    } else {
        d = num_schubfach(fraction | (UINT64_C(1) << 52), exponent - 1075,
                          fraction == 0 && exponent > 1);
    }
    while (d.value % 10 == 0) {
        d.value /= 10;
        d.exponent++;
    }
    return d;
}

int hi_num_digits(double v, char digits[17], int *point)
{
    num_decimal d = num_shortest(v);

    while (d.value % 10 == 0) {
        d.value /= 10;
        d.exponent++;
    }
    const int count = num_digit_count(d.value);
    hi_num_print_fixed(digits, d.value, count);
    *point = count + d.exponent;
    return count;
}

/* ---- text ---- */

static size_t num_print_scientific(char *to, const char *digits, int count, int exponent)
{
    size_t at = 0;
    const int size = exponent < 0 ? -exponent : exponent;

    to[at++] = digits[0];
    if (count > 1) {
        to[at++] = '.';
        memcpy(to + at, digits + 1, (size_t)count - 1);
        at += (size_t)count - 1;
    }
    to[at++] = 'e';
    to[at++] = exponent < 0 ? '-' : '+';
    const int width = size < 100 ? 2 : 3;
    hi_num_print_fixed(to + at, (uint64_t)size, width);
    return at + (size_t)width;
}

/* point: how many of the digits are before the decimal point; -3..16 here. */
static size_t num_print_plain(char *to, const char *digits, int count, int point)
{
    size_t at = 0;

    if (point <= 0) {
        memcpy(to, "0.000", 5);
        at = 2 + (size_t)-point;
        memcpy(to + at, digits, (size_t)count);
        return at + (size_t)count;
    }
    if (count <= point) {
        memcpy(to, digits, (size_t)count);
        memset(to + count, '0', (size_t)(point - count));
        memcpy(to + point, ".0", 2);
        return (size_t)point + 2;
    }
    memcpy(to, digits, (size_t)point);
    to[point] = '.';
    memcpy(to + point + 1, digits + point, (size_t)(count - point));
    return (size_t)count + 1;
}

static size_t num_print_text(char *to, const char *text)
{
    const size_t size = strlen(text);

    memcpy(to, text, size);
    return size;
}

size_t hi_num_print_double(char *to, double v)
{
    char digits[17];
    int point = 0;

    if (isnan(v)) {
        return num_print_text(to, "NaN");
    }
    if (signbit(v)) {
        to[0] = '-';
        return 1 + hi_num_print_double(to + 1, -v);
    }
    if (isinf(v)) {
        return num_print_text(to, "inf");
    }
    if (v == 0) {
        return num_print_text(to, "0.0");
    }
    const int count = hi_num_digits(v, digits, &point);
    if (point < -3 || point > 16) {
        return num_print_scientific(to, digits, count, point - 1);
    }
    return num_print_plain(to, digits, count, point);
}
