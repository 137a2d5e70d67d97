/* decimal.c -- see decimal.h. All work is done in 128-bit integers; products and quotients go through 256 bits. */
#include "query/decimal.h"

#include <math.h>

__extension__ typedef __int128 dec_int;
__extension__ typedef unsigned __int128 dec_uint;

#define DEC_MAX ((dec_int)(~(dec_uint)0 >> 1))

static dec_int dec_of(hist_decimal v)
{
    return (dec_int)(((dec_uint)(uint64_t)v.hi << 64) | v.lo);
}

static hist_decimal dec_to(dec_int v)
{
    return (hist_decimal){.lo = (uint64_t)v, .hi = (int64_t)(v >> 64)};
}

static dec_uint dec_abs(dec_int v)
{
    return v < 0 ? (dec_uint)0 - (dec_uint)v : (dec_uint)v;
}

/* False when it does not fit. */
static bool dec_signed(dec_uint v, bool negative, hist_decimal *out)
{
    if (v > (dec_uint)DEC_MAX) {
        return false;
    }
    *out = dec_to(negative ? -(dec_int)v : (dec_int)v);
    return true;
}

int hi_decimal_compare(hist_decimal a, hist_decimal b)
{
    const dec_int x = dec_of(a);
    const dec_int y = dec_of(b);

    return (x > y) - (x < y);
}

hist_decimal hi_decimal_of_i64(int64_t v)
{
    return dec_to((dec_int)v * HI_DECIMAL_ONE);
}

bool hi_decimal_of_real(double v, hist_decimal *out)
{
    if (!isfinite(v) || fabs(v) > 1.7e20) {
        return false;
    }
    /* Whole and fraction apart keep all 53 bits. */
    const double whole = trunc(v);
    const double fraction = nearbyint((v - whole) * 1e18);
    *out = dec_to((dec_int)whole * HI_DECIMAL_ONE + (dec_int)fraction);
    return true;
}

double hi_decimal_to_real(hist_decimal v)
{
    const dec_int x = dec_of(v);
    const dec_int whole = x / HI_DECIMAL_ONE;
    const dec_int rest = x % HI_DECIMAL_ONE;

    if (rest == 0) {
        return (double)whole;
    }
    return (double)((long double)x / (long double)HI_DECIMAL_ONE);
}

bool hi_decimal_to_i64(hist_decimal v, int64_t *out)
{
    const dec_int whole = dec_of(v) / HI_DECIMAL_ONE;

    if (whole > INT64_MAX || whole < INT64_MIN) {
        return false;
    }
    *out = (int64_t)whole;
    return true;
}

bool hi_decimal_add(hist_decimal a, hist_decimal b, hist_decimal *out)
{
    dec_int sum;

    if (__builtin_add_overflow(dec_of(a), dec_of(b), &sum)) {
        return false;
    }
    *out = dec_to(sum);
    return true;
}

bool hi_decimal_sub(hist_decimal a, hist_decimal b, hist_decimal *out)
{
    dec_int rest;

    if (__builtin_sub_overflow(dec_of(a), dec_of(b), &rest)) {
        return false;
    }
    *out = dec_to(rest);
    return true;
}

/* a * b in 256 bits. */
static void dec_wide_mul(dec_uint a, dec_uint b, dec_uint *high, dec_uint *low)
{
    const dec_uint mask = (dec_uint)UINT64_MAX;
    const dec_uint a0 = a & mask;
    const dec_uint a1 = a >> 64;
    const dec_uint b0 = b & mask;
    const dec_uint b1 = b >> 64;
    const dec_uint p00 = a0 * b0;
    const dec_uint p01 = a0 * b1;
    const dec_uint p10 = a1 * b0;
    const dec_uint middle = (p00 >> 64) + (p01 & mask) + (p10 & mask);

    *low = (p00 & mask) | (middle << 64);
    *high = a1 * b1 + (p01 >> 64) + (p10 >> 64) + (middle >> 64);
}

/* (high:low) / d, bit by bit; false when the quotient passes 128 bits. */
static bool dec_wide_div(dec_uint high, dec_uint low, dec_uint d, dec_uint *quotient,
                         dec_uint *rest)
{
    if (high >= d) {
        return false;
    }
    dec_uint r = high;
    dec_uint q = 0;
    for (int bit = 127; bit >= 0; bit--) {
        const bool carry = (r >> 127) != 0;

        r = (r << 1) | ((low >> bit) & 1);
        q <<= 1;
        if (carry || r >= d) {
            r -= d;
            q |= 1;
        }
    }
    *quotient = q;
    *rest = r;
    return true;
}

/* a * b / d, rounded to the nearest. */
static bool dec_mul_div(dec_int a, dec_int b, dec_uint d, bool negative, hist_decimal *out)
{
    dec_uint high;
    dec_uint low;
    dec_uint q;
    dec_uint r;

    dec_wide_mul(dec_abs(a), dec_abs(b), &high, &low);
    if (!dec_wide_div(high, low, d, &q, &r)) {
        return false;
    }
    if (r >= d - r) {
        q++;
    }
    return dec_signed(q, negative, out);
}

bool hi_decimal_mul(hist_decimal a, hist_decimal b, hist_decimal *out)
{
    const dec_int x = dec_of(a);
    const dec_int y = dec_of(b);

    return dec_mul_div(x, y, HI_DECIMAL_ONE, (x < 0) != (y < 0), out);
}

bool hi_decimal_div(hist_decimal a, hist_decimal b, hist_decimal *out)
{
    const dec_int x = dec_of(a);
    const dec_int y = dec_of(b);

    return y != 0 && dec_mul_div(x, HI_DECIMAL_ONE, dec_abs(y), (x < 0) != (y < 0), out);
}

bool hi_decimal_mod(hist_decimal a, hist_decimal b, hist_decimal *out)
{
    const dec_int y = dec_of(b);

    if (y == 0 || y == -1) {
        *out = dec_to(0);
        return y != 0;
    }
    dec_int r = dec_of(a) % y;
    if (r < 0) {
        r += (dec_int)dec_abs(y);
    }
    *out = dec_to(r);
    return true;
}

/* ---- text ---- */

static bool dec_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

typedef struct dec_text {
    const char *at;
    const char *end;
    dec_uint value;
    int fraction; /* Digits after the point, less the exponent. */
    bool any;
    bool overflow;
} dec_text;

static void dec_digits(dec_text *t, bool fraction)
{
    for (; t->at < t->end && dec_is_digit(*t->at); t->at++) {
        t->any = true;
        if (t->value > ((dec_uint)DEC_MAX - 9) / 10) {
            t->overflow |= !fraction;
            continue;
        }
        t->value = t->value * 10 + (dec_uint)(unsigned char)(*t->at - '0');
        t->fraction += fraction ? 1 : 0;
    }
}

static bool dec_exponent(dec_text *t)
{
    if (t->at == t->end || (*t->at != 'e' && *t->at != 'E')) {
        return true;
    }
    t->at++;
    const bool negative = t->at < t->end && *t->at == '-';
    if (t->at < t->end && (*t->at == '-' || *t->at == '+')) {
        t->at++;
    }
    int e = 0;
    const char *start = t->at;
    for (; t->at < t->end && dec_is_digit(*t->at); t->at++) {
        e = e < 10000 ? e * 10 + (*t->at - '0') : e;
    }
    t->fraction += negative ? e : -e;
    return t->at > start;
}

/* value * 10^(18 - fraction). */
static bool dec_scale(dec_uint value, int fraction, bool negative, hist_decimal *out)
{
    int shift = 18 - fraction;

    for (; shift > 0 && value != 0; shift--) {
        if (value > (dec_uint)DEC_MAX / 10) {
            return false;
        }
        value *= 10;
    }
    for (; shift < 0 && value != 0; shift++) {
        value = shift == -1 ? (value + 5) / 10 : value / 10;
    }
    return dec_signed(value, negative, out);
}

bool hi_decimal_parse(const char *text, size_t size, hist_decimal *out)
{
    dec_text t = {.at = text, .end = text + size};

    while (t.at < t.end && (*t.at == ' ' || *t.at == '\t')) {
        t.at++;
    }
    while (t.end > t.at && (t.end[-1] == ' ' || t.end[-1] == '\t')) {
        t.end--;
    }
    const bool negative = t.at < t.end && *t.at == '-';
    if (t.at < t.end && (*t.at == '-' || *t.at == '+')) {
        t.at++;
    }
    dec_digits(&t, false);
    if (t.at < t.end && *t.at == '.') {
        t.at++;
        dec_digits(&t, true);
    }
    if (!t.any || t.overflow || !dec_exponent(&t) || t.at != t.end) {
        return false;
    }
    return dec_scale(t.value, t.fraction, negative, out);
}
