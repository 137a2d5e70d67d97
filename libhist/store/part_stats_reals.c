/*
 * part_stats_reals.c -- bounds and sums of reals in a directory; see part_stats.h and part.md.
 *
 * Where all bounds of a page are n / 10^k with small n, the n are written, else the IEEE bits without
 * the zeroes at their end, in an order in which near values have near numbers. A sum of doubles is
 * not exact; what rounding did to it is a few units in the last place of something that is known.
 */
#include <assert.h>
#include <math.h>

#include "store/part_stats_impl.h"

enum {
    REALS_TENS_MAX = 15,
    REALS_TENS_BITS = 4,
    REALS_SHIFT_BITS = 6,
};

#define REALS_BOUND_MAX (INT64_C(1) << 51)
#define REALS_SUM_MAX   (INT64_C(1) << 53)
#define REALS_SIGN      (UINT64_C(1) << 63)

/* Ascends with the value, -0.0 below +0.0; its own inverse. */
static uint64_t reals_key(uint64_t bits)
{
    return bits ^ ((uint64_t)((int64_t)bits >> 63) & INT64_MAX);
}

static double reals_of(int64_t n, unsigned tens)
{
    return (double)n / (double)hi_tens(tens);
}

/* The integer nearest to v * 10^tens; false: not less than `most`, or v is no number. */
static bool reals_nearest(double v, unsigned tens, int64_t most, int64_t *n_out)
{
    const double scaled = v * (double)hi_tens(tens);

    if (!(fabs(scaled) < (double)most)) {
        return false;
    }
    *n_out = (int64_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    return true;
}

static bool reals_is_decimal(uint64_t bits, unsigned tens, uint64_t *n_out)
{
    int64_t n = 0;
    const bool fits = reals_nearest(hi_double_of(bits), tens, REALS_BOUND_MAX, &n) &&
                      n < REALS_BOUND_MAX && n > -REALS_BOUND_MAX &&
                      hi_bits_of(reals_of(n, tens)) == bits;

    *n_out = (uint64_t)n;
    return fits;
}

static bool reals_fill_decimals(hi_stats_work *work, unsigned tens)
{
    bool fits = true;

    for (uint32_t i = 0; i < work->count && fits; i++) {
        const hi_block_stats *s = work->of[i];

        fits = reals_is_decimal(s->min, tens, &work->min[i]) &&
               reals_is_decimal(s->max, tens, &work->max[i]) &&
               reals_is_decimal(s->first, tens, &work->first[i]) &&
               reals_is_decimal(s->last, tens, &work->last[i]);
    }
    return fits;
}

/* The smallest power that fits all of them. */
static bool reals_find_tens(hi_stats_work *work, unsigned *tens_out)
{
    for (unsigned tens = 0; tens <= REALS_TENS_MAX; tens++) {
        if (reals_fill_decimals(work, tens)) {
            *tens_out = tens;
            return true;
        }
    }
    return false;
}

/* ---- as bits ---- */

static unsigned reals_zeroes(const hi_stats_work *work)
{
    uint64_t all = REALS_SIGN;

    for (uint32_t i = 0; i < work->count; i++) {
        const hi_block_stats *s = work->of[i];

        all |= s->min | s->max | s->first | s->last;
    }
    return (unsigned)__builtin_ctzll(all);
}

static uint64_t reals_cut(uint64_t bits, unsigned zeroes)
{
    const uint64_t size = (bits & INT64_MAX) >> zeroes;

    return (bits & REALS_SIGN) != 0 ? ~size : size;
}

static uint64_t reals_uncut(uint64_t v, unsigned zeroes)
{
    const bool negative = (v & REALS_SIGN) != 0;
    const uint64_t size = (negative ? ~v : v) << zeroes & INT64_MAX;

    return negative ? size | REALS_SIGN : size;
}

static void reals_fill_bits(hi_stats_work *work, unsigned zeroes)
{
    for (uint32_t i = 0; i < work->count; i++) {
        const hi_block_stats *s = work->of[i];

        work->min[i] = reals_cut(s->min, zeroes);
        work->max[i] = reals_cut(s->max, zeroes);
        work->first[i] = reals_cut(s->first, zeroes);
        work->last[i] = reals_cut(s->last, zeroes);
    }
}

/* ---- sums ---- */

/* What a sum is likely near: as many values in the middle of the range. */
static uint64_t reals_guess(const hi_stats_work *work, uint32_t i)
{
    const hi_block_stats *s = work->of[i];
    const double middle = hi_double_of(s->min) * 0.5 + hi_double_of(s->max) * 0.5;
    const double guess = middle * (double)work->values[i];

    return reals_key(guess == guess ? hi_bits_of(guess)
                                    : 0); /* Not every machine's NaN is the same. */
}

/* The same for bounds that are integers; only a guess, so it may wrap. */
static uint64_t reals_guess_whole(const hi_stats_work *work, uint32_t i)
{
    return (uint64_t)((int64_t)((work->min[i] + work->max[i]) * work->values[i]) >> 1);
}

/* Sums as an integer / 10^tens and what is missing; false: one is too large for that. */
static bool reals_split_sums(const hi_stats_work *work, unsigned tens, uint64_t *whole,
                             uint64_t *rest)
{
    for (uint32_t i = 0; i < work->count; i++) {
        const uint64_t sum = work->of[i]->sum_lo;
        int64_t n = 0;

        if (!reals_nearest(hi_double_of(sum), tens, REALS_SUM_MAX, &n)) {
            return false;
        }
        whole[i] = hi_zigzag((int64_t)((uint64_t)n - reals_guess_whole(work, i)));
        rest[i] = hi_zigzag((int64_t)(reals_key(sum) - reals_key(hi_bits_of(reals_of(n, tens)))));
    }
    return true;
}

static void reals_put_sums(const hi_stats_work *work, hi_line_writer *w, bool decimal,
                           unsigned tens)
{
    uint64_t plain[HI_PART_BLOCKS_MAX];
    uint64_t whole[HI_PART_BLOCKS_MAX];
    uint64_t rest[HI_PART_BLOCKS_MAX];
    const uint32_t n = work->count;

    for (uint32_t i = 0; i < n; i++) {
        plain[i] = hi_zigzag((int64_t)(reals_key(work->of[i]->sum_lo) - reals_guess(work, i)));
    }
    const bool split = decimal && reals_split_sums(work, tens, whole, rest) &&
                       hi_line_cost(whole, n) + hi_line_cost(rest, n) < hi_line_cost(plain, n);
    if (decimal) {
        hi_line_bits(w, split, 1);
    }
    if (split) {
        hi_line_put(w, whole, n);
        hi_line_put(w, rest, n);
    } else {
        hi_line_put(w, plain, n);
    }
}

static void reals_get_sums(const hi_stats_work *work, hi_bit_reader *r, bool decimal, unsigned tens)
{
    uint64_t whole[HI_PART_BLOCKS_MAX];
    uint64_t rest[HI_PART_BLOCKS_MAX];
    const bool split = decimal && hi_get_bits(r, 1) != 0;

    if (split) {
        hi_line_get(r, whole, work->count);
    }
    hi_line_get(r, rest, work->count);
    for (uint32_t i = 0; i < work->count; i++) {
        uint64_t near = 0;

        if (split) {
            const uint64_t n = (uint64_t)hi_unzigzag(whole[i]) + reals_guess_whole(work, i);

            near = reals_key(hi_bits_of(reals_of((int64_t)n, tens)));
        } else {
            near = reals_guess(work, i);
        }
        work->of[i]->sum_lo = reals_key(near + (uint64_t)hi_unzigzag(rest[i]));
    }
}

/* ---- all of it ---- */

void hi_stats_put_reals(hi_stats_work *work, hi_line_writer *w)
{
    unsigned tens = 0;
    const bool decimal = reals_find_tens(work, &tens);

    hi_line_bits(w, decimal, 1);
    if (decimal) {
        hi_line_bits(w, tens, REALS_TENS_BITS);
    } else {
        const unsigned zeroes = reals_zeroes(work);

        hi_line_bits(w, zeroes, REALS_SHIFT_BITS);
        reals_fill_bits(work, zeroes);
    }
    hi_stats_put_bounds(work, w);
    reals_put_sums(work, w, decimal, tens);
}

static uint64_t reals_back(uint64_t v, bool decimal, unsigned shift)
{
    return decimal ? hi_bits_of(reals_of((int64_t)v, shift)) : reals_uncut(v, shift);
}

void hi_stats_get_reals(hi_stats_work *work, hi_bit_reader *r)
{
    const bool decimal = hi_get_bits(r, 1) != 0;
    const unsigned shift = (unsigned)hi_get_bits(r, decimal ? REALS_TENS_BITS : REALS_SHIFT_BITS);

    hi_stats_get_bounds(work, r);
    for (uint32_t i = 0; i < work->count; i++) {
        hi_block_stats *s = work->of[i];

        s->min = reals_back(work->min[i], decimal, shift);
        s->max = reals_back(work->max[i], decimal, shift);
        s->first = reals_back(work->first[i], decimal, shift);
        s->last = reals_back(work->last[i], decimal, shift);
    }
    reals_get_sums(work, r, decimal, shift);
}
