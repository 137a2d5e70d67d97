/*
 * num_parse.c -- reading numbers; see num.h.
 *
 * Three ways to a double, each correctly rounded or refusing: up to 2^53 and a
 * power of ten that is exact (one multiplication or division); 64 bits times
 * a 128-bit power of ten (after D. Lemire, "Number parsing at a gigabyte per
 * second", 2021); and exact comparison with the midpoint in big integers.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "base/num.h"
#include "base/num_pow10.h"

/* Digits beyond this many cannot change the result but by not being zero. */
#define NUM_DIGITS_MAX 800

/* The parts of a number's text. Value: digits without their point * 10^exponent. */
typedef struct num_text {
    bool negative;
    bool cut;       /* More significant digits than in `value`. */
    uint64_t value; /* The first 19 significant digits. */
    int value_digits;
    int exponent;      /* Of `value`. */
    const char *first; /* First significant digit ... */
    const char *end;   /* ... and the end of the digits (a point may be between). */
} num_text;

static bool num_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- scanning ---- */

/* Digits up to the first other byte; counts those that do not fit `value` in *dropped. */
static const char *num_scan_digits(const char *p, const char *end, num_text *t, int *dropped)
{
    for (; p < end && num_is_digit(*p); p++) {
        if (t->value_digits < 19) {
            t->value = t->value * 10 + (uint64_t)(*p - '0');
            t->value_digits += t->value != 0;
            if (t->value != 0 && t->first == NULL) {
                t->first = p;
            }
        } else {
            t->cut = t->cut || *p != '0';
            *dropped += *dropped < 100000000;
        }
    }
    return p;
}

/* [+-]digits after 'e', clamped; NULL when there are none. */
static const char *num_scan_exponent(const char *p, const char *end, int *out)
{
    bool negative = false;
    int e = 0;

    if (p < end && (*p == '+' || *p == '-')) {
        negative = *p++ == '-';
    }
    if (p == end || !num_is_digit(*p)) {
        return NULL;
    }
    for (; p < end && num_is_digit(*p); p++) {
        e = e < 100000000 ? e * 10 + (*p - '0') : e;
    }
    *out = negative ? -e : e;
    return p;
}

static bool num_scan(const char *text, size_t size, num_text *t)
{
    const char *p = text;
    const char *const end = text + size;
    int dropped = 0;
    int ignored = 0;
    int exponent = 0;

    *t = (num_text){0};
    if (p < end && (*p == '+' || *p == '-')) {
        t->negative = *p++ == '-';
    }
    const char *start = p;
    p = num_scan_digits(p, end, t, &dropped);
    size_t digits = (size_t)(p - start);
    t->end = p;
    ptrdiff_t fraction = 0;
    if (p < end && *p == '.') {
        start = ++p;
        p = num_scan_digits(p, end, t, &ignored);
        digits += (size_t)(p - start);
        fraction = p - start;
        t->end = p;
    }
    if (digits == 0 || fraction > 100000000) {
        return false;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p = num_scan_exponent(p + 1, end, &exponent);
    }
    t->exponent = exponent + dropped - ((int)fraction - ignored);
    return p == end;
}

/* ---- the usual case ---- */

static bool num_exact(const num_text *t, double *out)
{
    static const double pow10[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

    if (t->cut || t->value > (UINT64_C(1) << 53) || t->exponent < -22 || t->exponent > 22) {
        return false;
    }
    const double v = (double)t->value;
    *out = t->exponent < 0 ? v / pow10[-t->exponent] : v * pow10[t->exponent];
    return true;
}

/* ---- 64 bits times 128 bits ---- */

/*
 * Cuts w * 10^e (w > 0) to a double near it. *sure: the result is the correctly rounded one
 * (no carry from the cut bits can reach the rounding bit, and it is no tie).
 */
static double num_product(uint64_t w, int e, bool *sure)
{
    const int zeros = __builtin_clzll(w);
    const hi_pow10 g = hi_pow10_of(e);
    const uint64_t x = w << zeros;
    const hi_pow10 all = hi_pow10_mul(g, x);
    const int top = (int)(all.hi >> 63);
    const uint64_t m = all.hi >> (9 + top); /* 54 bits: one to round with. */
    const uint64_t rest = (all.hi << (55 - top)) | (all.lo >> (9 + top));
    /* w * 10^e = all * 2^exponent */
    const int exponent = hi_log2_of_pow10(e) - 127 - zeros + 64;
    const int result = exponent + 64 + 9 + top + 53; /* Exponent of the leading bit of m. */

    if (result > 1023) {
        *sure = true;
        return HUGE_VAL;
    }
    /* The table is cut, so all is too small by less than 2 units of its lowest 64 bits. */
    *sure = result >= -1021 && rest > 4 && rest < UINT64_MAX - 4;
    return ldexp((double)((m + 1) >> 1), exponent + 64 + 9 + top + 1);
}

/* ---- big integers ---- */

#define NUM_BIG_WORDS 160

/* Little-endian words; 10240 bits hold every product below. */
typedef struct num_big {
    int count;
    uint64_t word[NUM_BIG_WORDS];
} num_big;

static void num_big_mul_add(num_big *b, uint64_t by, uint64_t add)
{
    uint64_t carry = add;

    for (int i = 0; i < b->count; i++) {
        uint64_t high = 0;
        const uint64_t low = hi_mul_wide(b->word[i], by, &high) + carry;

        carry = high + (low < carry);
        b->word[i] = low;
    }
    if (carry != 0) {
        assert(b->count < NUM_BIG_WORDS);
        b->word[b->count++] = carry;
    }
}

static void num_big_mul_pow5(num_big *b, int power)
{
    for (; power >= 27; power -= 27) {
        num_big_mul_add(b, UINT64_C(7450580596923828125), 0); /* 5^27 */
    }
    for (; power > 0; power--) {
        num_big_mul_add(b, 5, 0);
    }
}

static void num_big_shift(num_big *b, int bits)
{
    for (; bits >= 32; bits -= 32) {
        num_big_mul_add(b, UINT64_C(1) << 32, 0);
    }
    num_big_mul_add(b, UINT64_C(1) << bits, 0);
}

static int num_big_compare(const num_big *a, const num_big *b)
{
    if (a->count != b->count) {
        return a->count < b->count ? -1 : 1;
    }
    for (int i = a->count - 1; i >= 0; i--) {
        if (a->word[i] != b->word[i]) {
            return a->word[i] < b->word[i] ? -1 : 1;
        }
    }
    return 0;
}

/* All digits of the text as an integer; returns the exponent that goes with it. */
static int num_big_digits(const num_text *t, num_big *out)
{
    int taken = 0;
    bool sticky = false;

    out->count = 0;
    for (const char *p = t->first; p < t->end; p++) {
        if (*p == '.') {
            continue;
        }
        if (taken < NUM_DIGITS_MAX) {
            num_big_mul_add(out, 10, (uint64_t)(*p - '0'));
            taken++;
        } else {
            sticky = sticky || *p != '0';
        }
    }
    /* t->exponent belongs to the first value_digits digits. */
    const int exponent = t->exponent - (taken - t->value_digits);
    if (sticky) {
        num_big_mul_add(out, 10, 1);
        return exponent - 1;
    }
    return exponent;
}

/* Compares digits * 10^e with m * 2^q. */
static int num_compare(const num_big *digits, int e, uint64_t m, int q)
{
    num_big left = *digits;
    num_big right = {.count = m != 0, .word = {m}};

    if (e >= 0) {
        num_big_mul_pow5(&left, e);
    } else {
        num_big_mul_pow5(&right, -e);
    }
    if (e >= q) {
        num_big_shift(&left, e - q);
    } else {
        num_big_shift(&right, q - e);
    }
    return num_big_compare(&left, &right);
}

/* Walks from a double near the value to the one that rounding to nearest, ties to even, gives. */
static double num_settle(const num_text *t, double guess)
{
    num_big digits;
    const int e = num_big_digits(t, &digits);
    uint64_t bits = isinf(guess) ? UINT64_C(0x7fefffffffffffff) : hi_bits_of(guess);

    for (;;) {
        const int exponent = (int)(bits >> 52);
        const uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
        const uint64_t m = exponent == 0 ? fraction : fraction | (UINT64_C(1) << 52);
        const int q = (exponent == 0 ? 1 : exponent) - 1075;
        /* Below a power of two the step is half as wide; 4m-1 says so in quarters. */
        const bool narrow = fraction == 0 && exponent > 1;
        const int above = num_compare(&digits, e, 2 * m + 1, q - 1);
        if (above > 0 || (above == 0 && (bits & 1) != 0)) {
            bits++;
            if (bits == UINT64_C(0x7ff0000000000000)) {
                return HUGE_VAL;
            }
            continue;
        }
        if (bits == 0) {
            return 0;
        }
        const int below = narrow ? num_compare(&digits, e, 4 * m - 1, q - 2)
                                 : num_compare(&digits, e, 2 * m - 1, q - 1);
        if (below > 0 || (below == 0 && (bits & 1) == 0)) {
            return hi_double_of(bits);
        }
        bits--;
    }
}

static double num_magnitude(const num_text *t)
{
    double v = 0;
    bool sure = false;

    if (t->value == 0) {
        return 0;
    }
    if (num_exact(t, &v)) {
        return v;
    }
    if (t->exponent + t->value_digits > 309) { /* At least 1e309. */
        return HUGE_VAL;
    }
    if (t->exponent + t->value_digits < -323) { /* Below half of the smallest double. */
        return 0;
    }
    const double low = num_product(t->value, t->exponent, &sure);
    if (sure && t->cut) { /* The value lies between two neighbours of 19 digits. */
        const double high = num_product(t->value + 1, t->exponent, &sure);
        sure = sure && high == low;
    }
    return sure ? low : num_settle(t, low);
}

bool hi_num_parse_double(const char *text, size_t size, double *out)
{
    num_text t;

    if (!num_scan(text, size, &t)) {
        return false;
    }
    const double v = num_magnitude(&t);
    *out = t.negative ? -v : v;
    return true;
}

/* ---- integers ---- */

bool hi_num_parse_u64(const char *text, size_t size, uint64_t *out)
{
    size_t at = size > 0 && text[0] == '+';
    uint64_t v = 0;

    if (at == size) {
        return false;
    }
    for (; at < size; at++) {
        const uint64_t digit = (uint64_t)(unsigned char)text[at] - '0';

        if (digit > 9) {
            return false;
        }
        if (v >= UINT64_MAX / 10 && (v > UINT64_MAX / 10 || digit > UINT64_MAX % 10)) {
            return false;
        }
        v = v * 10 + digit;
    }
    *out = v;
    return true;
}

bool hi_num_parse_i64(const char *text, size_t size, int64_t *out)
{
    const bool negative = size > 0 && text[0] == '-';
    uint64_t v = 0;

    if (negative && size > 1 && text[1] == '+') {
        return false;
    }
    if (!hi_num_parse_u64(text + negative, size - negative, &v)) {
        return false;
    }
    if (v > (uint64_t)INT64_MAX + negative) {
        return false;
    }
    *out = (int64_t)(negative ? 0 - v : v);
    return true;
}
