/*
 * part_stats.c -- statistics of the blocks of a page to bits and back; see part_stats.h and part.md.
 *
 * Nulls and NaNs come first, as a block without a value has no other figure. Integers and reals have
 * files of their own; here are booleans, whose count of ones says nearly all, and M2.
 */
#include "store/part_stats.h"

#include <assert.h>

#include "base/fpenv.h"
#include "store/part_stats_impl.h"

/* ---- clean ---- */

static bool stats_has_numbers(hist_type type)
{
    return type != HIST_TYPE_STRING;
}

void hi_block_stats_clean(hi_block_stats *stats, hist_type type, uint32_t rows)
{
    if (type != HIST_TYPE_REAL) {
        stats->nans = 0;
    }
    if (!stats_has_numbers(type) || stats->nulls >= rows) {
        stats->first = 0;
        stats->last = 0;
    }
    if (!stats_has_numbers(type) || stats->nulls + stats->nans >= rows) {
        stats->min = 0;
        stats->max = 0;
        stats->sum_lo = 0;
        stats->sum_hi = 0;
        stats->m2 = 0;
    }
    if (type == HIST_TYPE_REAL) {
        stats->sum_hi = 0;
    }
    if (type == HIST_TYPE_DATETIME) {
        stats->m2 = 0; /* Nobody asks how far times are spread. */
    }
}

static bool stats_same_real(uint64_t a, uint64_t b)
{
    const double x = hi_double_of(a);
    const double y = hi_double_of(b);

    return a == b || (x != x && y != y);
}

bool hi_block_stats_same(const hi_block_stats *a, const hi_block_stats *b, hist_type type)
{
    const bool sums = type == HIST_TYPE_REAL ? stats_same_real(a->sum_lo, b->sum_lo)
                                             : a->sum_lo == b->sum_lo && a->sum_hi == b->sum_hi;

    return sums && a->nulls == b->nulls && a->nans == b->nans && a->min == b->min &&
           a->max == b->max && a->first == b->first && a->last == b->last &&
           stats_same_real(hi_bits_of(a->m2), hi_bits_of(b->m2));
}

/* ---- bounds ---- */

static void stats_differences(uint64_t *to, const uint64_t *a, const uint64_t *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        to[i] = a[i] - b[i];
    }
}

static bool stats_all_zero(const uint64_t *numbers, uint32_t count)
{
    uint64_t all = 0;

    for (uint32_t i = 0; i < count; i++) {
        all |= numbers[i];
    }
    return all == 0;
}

void hi_stats_put_bounds(const hi_stats_work *work, hi_line_writer *w)
{
    const uint32_t n = work->count;
    uint64_t lines[3][HI_PART_BLOCKS_MAX] = {{0}};
    bool constant = true;

    for (uint32_t i = 0; i < n; i++) {
        lines[0][i] = hi_zigzag((int64_t)(work->min[i] - (i == 0 ? 0 : work->min[i - 1])));
    }
    hi_line_put(w, lines[0], 1);
    hi_line_put(w, lines[0] + 1, n - 1);
    stats_differences(lines[0], work->max, work->min, n);
    stats_differences(lines[1], work->first, work->min, n);
    stats_differences(lines[2], work->max, work->last, n);
    for (int line = 0; line < 3; line++) {
        constant = constant && stats_all_zero(lines[line], n);
    }
    hi_line_bits(w, constant, 1);
    for (int line = 0; line < 3 && !constant; line++) {
        hi_line_put(w, lines[line], n);
    }
}

void hi_stats_get_bounds(hi_stats_work *work, hi_bit_reader *r)
{
    const uint32_t n = work->count;
    uint64_t lines[3][HI_PART_BLOCKS_MAX] = {{0}};

    hi_line_get(r, work->min, 1);
    hi_line_get(r, work->min + 1, n - 1);
    for (uint32_t i = 0; i < n; i++) {
        work->min[i] = (uint64_t)hi_unzigzag(work->min[i]) + (i == 0 ? 0 : work->min[i - 1]);
    }
    const bool constant = hi_get_bits(r, 1) != 0;
    for (int line = 0; line < 3 && !constant; line++) {
        hi_line_get(r, lines[line], n);
    }
    for (uint32_t i = 0; i < n; i++) {
        work->max[i] = work->min[i] + lines[0][i];
        work->first[i] = work->min[i] + lines[1][i];
        work->last[i] = work->max[i] - lines[2][i];
    }
}

/* ---- booleans: how many ones there are, and the ends where there are zeroes too ---- */

static void stats_put_bools(const hi_stats_work *work, hi_line_writer *w)
{
    uint64_t ones[HI_PART_BLOCKS_MAX];
    uint64_t zeroes[HI_PART_BLOCKS_MAX];

    for (uint32_t i = 0; i < work->count; i++) {
        ones[i] = work->of[i]->sum_lo;
        zeroes[i] = work->values[i] - ones[i];
    }
    const bool fewer = hi_line_cost(zeroes, work->count) < hi_line_cost(ones, work->count);
    hi_line_bits(w, fewer, 1);
    hi_line_put(w, fewer ? zeroes : ones, work->count);
    for (uint32_t i = 0; i < work->count; i++) {
        if (ones[i] > 0 && zeroes[i] > 0) {
            hi_line_bits(w, work->of[i]->first, 1);
            hi_line_bits(w, work->of[i]->last, 1);
        }
    }
}

static bool stats_get_bools(const hi_stats_work *work, hi_bit_reader *r)
{
    uint64_t counts[HI_PART_BLOCKS_MAX];
    const bool fewer = hi_get_bits(r, 1) != 0;

    hi_line_get(r, counts, work->count);
    for (uint32_t i = 0; i < work->count; i++) {
        hi_block_stats *s = work->of[i];
        const uint32_t values = work->values[i];

        if (counts[i] > values) {
            return false;
        }
        const uint32_t ones = fewer ? values - (uint32_t)counts[i] : (uint32_t)counts[i];
        const bool mixed = ones > 0 && ones < values;
        s->min = ones == values;
        s->max = ones > 0;
        s->first = mixed ? hi_get_bits(r, 1) : s->min;
        s->last = mixed ? hi_get_bits(r, 1) : s->min;
        s->sum_lo = ones;
        s->m2 = (double)ones * (double)(values - ones) / (double)values;
    }
    return true;
}

/* ---- M2: its exponent from that of the range, and the rest as it is ---- */

enum { STATS_FRACTION_BITS = 52, STATS_EXPONENTS = 4096 /* With the sign. */ };

static unsigned stats_bits_of(uint64_t v)
{
    return v == 0 ? 0 : 64 - (unsigned)__builtin_clzll(v);
}

/* M2 is at most values * (range / 2)^2; the exponent of that, or a little more. */
static uint64_t stats_exponent(const hi_stats_work *work, uint32_t i)
{
    const hi_block_stats *s = work->of[i];
    const uint64_t values = stats_bits_of(work->values[i]);
    const uint64_t bias = 1023;

    if (work->page->type == HIST_TYPE_REAL) {
        const double range = hi_double_of(s->max) - hi_double_of(s->min);
        const uint64_t exponent = hi_bits_of(range) << 1 >> (STATS_FRACTION_BITS + 1);

        return 2 * (exponent - bias + 1) + values - 3 + bias;
    }
    return 2 * stats_bits_of(s->max - s->min) + values - 3 + bias;
}

/* Whether `constants`, too: min equal to max gives no M2 but what rounding left. Fills which[]. */
static uint32_t stats_spread(const hi_stats_work *work, bool constants, uint32_t *which)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < work->count; i++) {
        if (work->values[i] > 0 && (constants || work->of[i]->min != work->of[i]->max)) {
            which[count++] = i;
        }
    }
    return count;
}

static bool stats_constants_have_m2(const hi_stats_work *work)
{
    bool any = false;

    for (uint32_t i = 0; i < work->count; i++) {
        any = any || (work->of[i]->min == work->of[i]->max && hi_bits_of(work->of[i]->m2) != 0);
    }
    return any;
}

static void stats_put_m2(const hi_stats_work *work, hi_line_writer *w)
{
    uint64_t exponents[HI_PART_BLOCKS_MAX];
    uint32_t which[HI_PART_BLOCKS_MAX];
    const bool constants = stats_constants_have_m2(work);
    const uint32_t count = stats_spread(work, constants, which);

    hi_line_bits(w, constants, 1);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t exponent = hi_bits_of(work->of[which[i]]->m2) >> STATS_FRACTION_BITS;

        exponents[i] = (stats_exponent(work, which[i]) - exponent) % STATS_EXPONENTS;
    }
    hi_line_put(w, exponents, count);
    for (uint32_t i = 0; i < count; i++) {
        hi_line_bits(w, hi_bits_of(work->of[which[i]]->m2), STATS_FRACTION_BITS);
    }
}

static void stats_get_m2(const hi_stats_work *work, hi_bit_reader *r)
{
    uint64_t exponents[HI_PART_BLOCKS_MAX];
    uint32_t which[HI_PART_BLOCKS_MAX];
    const uint32_t count = stats_spread(work, hi_get_bits(r, 1) != 0, which);

    hi_line_get(r, exponents, count);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t exponent = (stats_exponent(work, which[i]) - exponents[i]) % STATS_EXPONENTS;

        work->of[which[i]]->m2 =
            hi_double_of(exponent << STATS_FRACTION_BITS | hi_get_bits(r, STATS_FRACTION_BITS));
    }
}

/* ---- all of a page ---- */

static uint32_t stats_rows(const hi_stats_page *page, uint32_t block)
{
    return page->block_first[block + 1] - page->block_first[block];
}

/* Blocks with a value; false: more nulls and NaNs than rows. */
static bool stats_collect(const hi_stats_page *page, hi_stats_work *work)
{
    work->page = page;
    work->count = 0;
    assert(page->block_count <= HI_PART_BLOCKS_MAX);
    for (uint32_t i = 0; i < page->block_count; i++) {
        hi_block_stats *s = &page->blocks[i].stats;
        const uint32_t rows = stats_rows(page, i);

        if (s->nulls > rows || s->nans > rows - s->nulls) {
            return false;
        }
        if (s->nulls < rows) {
            work->of[work->count] = s;
            work->values[work->count++] = rows - s->nulls - s->nans;
        }
    }
    return true;
}

static HI_FP_GUARDED void stats_put(const hi_stats_page *page, hi_stats_work *work,
                                    hi_line_writer *w)
{
    switch (page->type) {
    case HIST_TYPE_BOOL:
        stats_put_bools(work, w);
        break;
    case HIST_TYPE_REAL:
        hi_stats_put_reals(work, w);
        stats_put_m2(work, w);
        break;
    case HIST_TYPE_LONG:
        hi_stats_put_ints(work, w);
        stats_put_m2(work, w);
        break;
    default:
        hi_stats_put_ints(work, w);
        break;
    }
}

static void stats_put_counts(const hi_stats_page *page, hi_line_writer *w)
{
    uint64_t nulls[HI_PART_BLOCKS_MAX];
    uint64_t nans[HI_PART_BLOCKS_MAX];

    for (uint32_t i = 0; i < page->block_count; i++) {
        nulls[i] = page->blocks[i].stats.nulls;
        nans[i] = page->blocks[i].stats.nans;
    }
    hi_line_put(w, nulls, page->block_count);
    if (page->type == HIST_TYPE_REAL) {
        hi_line_put(w, nans, page->block_count);
    }
}

void hi_stats_put(const hi_stats_page *page, hi_line_writer *w)
{
    hi_stats_work work;
    const bool sound = stats_collect(page, &work);

    assert(sound);
    (void)sound;
    if (!page->plain) {
        stats_put_counts(page, w);
    }
    if (stats_has_numbers(page->type) && work.count > 0) {
        const hi_fp_modes modes = hi_fp_enter();

        stats_put(page, &work, w);
        hi_fp_leave(modes);
    }
}

static HI_FP_GUARDED bool stats_get(const hi_stats_page *page, hi_stats_work *work,
                                    hi_bit_reader *r)
{
    switch (page->type) {
    case HIST_TYPE_BOOL:
        return stats_get_bools(work, r);
    case HIST_TYPE_REAL:
        hi_stats_get_reals(work, r);
        stats_get_m2(work, r);
        return true;
    case HIST_TYPE_LONG:
        if (!hi_stats_get_ints(work, r)) {
            return false;
        }
        stats_get_m2(work, r);
        return true;
    default:
        return hi_stats_get_ints(work, r);
    }
}

static bool stats_get_counts(const hi_stats_page *page, hi_bit_reader *r)
{
    uint64_t nulls[HI_PART_BLOCKS_MAX] = {0};
    uint64_t nans[HI_PART_BLOCKS_MAX] = {0};

    if (!page->plain) {
        hi_line_get(r, nulls, page->block_count);
    }
    if (!page->plain && page->type == HIST_TYPE_REAL) {
        hi_line_get(r, nans, page->block_count);
    }
    for (uint32_t i = 0; i < page->block_count; i++) {
        if (nulls[i] > UINT32_MAX || nans[i] > UINT32_MAX) {
            return false;
        }
        page->blocks[i].stats =
            (hi_block_stats){.nulls = (uint32_t)nulls[i], .nans = (uint32_t)nans[i]};
    }
    return true;
}

bool hi_stats_get(const hi_stats_page *page, hi_bit_reader *r)
{
    hi_stats_work work;

    if (!stats_get_counts(page, r) || !stats_collect(page, &work)) {
        return false;
    }
    if (!stats_has_numbers(page->type) || work.count == 0) {
        return true;
    }
    const hi_fp_modes modes = hi_fp_enter();
    const bool sound = stats_get(page, &work, r);
    hi_fp_leave(modes);
    return sound;
}
