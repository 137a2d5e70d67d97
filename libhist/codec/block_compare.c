/*
 * block_compare.c -- which rows of a block compare with a constant; see fold.h.
 *
 * Every comparison is a range [low, high] of integers that keep the order of the values (the values themselves, or keys
 * of doubles), or what is outside of it. For decimals the range is one of n: the quotient never falls while n grows,
 * so its ends are found by halving.
 */
#include "base/fpenv.h"
#include "codec/fold_walk.h"

#define COMPARE_WHOLE_MAX ((INT64_C(1) << 51) - 1)

/* The range that is wanted: none of it where low > high. */
typedef struct compare_range {
    int64_t low;
    int64_t high;
    bool keys;    /* Of doubles. */
    bool outside; /* What is not in the range is wanted. */
} compare_range;

static int64_t compare_key(double v)
{
    const uint64_t bits = hi_bits_of(v);

    return (int64_t)(bits ^ ((uint64_t)((int64_t)bits >> 63) & INT64_MAX));
}

/* Of the values from a to b; least and most are the ends of all there are. */
static void compare_set(compare_range *r, hi_compare_op op, int64_t a, int64_t b, int64_t least,
                        int64_t most)
{
    static const compare_range none = {.low = 1, .high = 0};
    const bool keys = r->keys;

    *r = (compare_range){.low = least, .high = most, .keys = keys};
    switch (op) {
    case HI_COMPARE_LT:
        r->high = a - (a == INT64_MIN ? 0 : 1);
        break;
    case HI_COMPARE_LE:
        r->high = b;
        break;
    case HI_COMPARE_GT:
        r->low = b + (b == INT64_MAX ? 0 : 1);
        break;
    case HI_COMPARE_GE:
        r->low = a;
        break;
    default:
        r->low = a;
        r->high = b;
        break;
    }
    if ((op == HI_COMPARE_LT && a == INT64_MIN) || (op == HI_COMPARE_GT && b == INT64_MAX)) {
        *r = none;
        r->keys = keys;
    }
    r->outside = op == HI_COMPARE_NE;
}

/* Keys of a real constant: two for zero. */
static compare_range compare_reals(const hi_compare *c)
{
    const double a = hi_double_of(c->a);
    const double b = c->op == HI_COMPARE_BETWEEN ? hi_double_of(c->b) : a;
    const double infinite = hi_double_of(UINT64_C(0x7ff0000000000000));
    compare_range r = {.low = 1, .high = 0, .keys = true, .outside = c->op == HI_COMPARE_NE};

    if (a == a && b == b) {
        compare_set(&r, c->op, a == 0 ? compare_key(-0.0) : compare_key(a),
                    b == 0 ? compare_key(0.0) : compare_key(b), compare_key(-infinite),
                    compare_key(infinite));
    }
    return r;
}

static compare_range compare_range_of(hi_kind kind, const hi_compare *c)
{
    compare_range r = {.keys = false};

    if (kind == HI_KIND_REAL) {
        return compare_reals(c);
    }
    compare_set(&r, c->op, (int64_t)c->a, (int64_t)(c->op == HI_COMPARE_BETWEEN ? c->b : c->a),
                INT64_MIN, INT64_MAX);
    return r;
}

/* ---- decimals --------------------------------------------------------------------------- */

/* The double that n stands for, as kern.h has it. */
static double compare_value(const hi_num *num, int64_t n)
{
    const double v = num->op == HI_NUM_MULTIPLY ? (double)n * num->param : (double)n / num->param;

    return num->to_float ? (double)(float)v : v;
}

/* The first n whose value has a key of at least (above: more than) `key`; COMPARE_WHOLE_MAX + 1: none. */
static int64_t compare_first(const hi_num *num, int64_t key, bool above)
{
    int64_t low = -COMPARE_WHOLE_MAX;
    int64_t high = COMPARE_WHOLE_MAX + 1;

    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const int64_t k = compare_key(compare_value(num, middle));

        if (k < key || (above && k == key)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Whether n keeps the order of the values. */
static bool compare_is_scaled(const hi_fold_walk *walk)
{
    const hi_flat_view *flat = &walk->block.body.flat;

    return hi_fold_is_stream(walk, HI_ENC_NUM) && flat->num.param > 0 &&
           (flat->form & (HI_FORM_OFF | HI_FORM_PATCHED)) == 0;
}

static compare_range compare_scale(const hi_num *num, const compare_range *keys)
{
    compare_range r = {.low = 1, .high = 0, .outside = keys->outside};

    if (keys->low <= keys->high) {
        r.low = compare_first(num, keys->low, false);
        r.high = compare_first(num, keys->high, true) - 1;
    }
    return r;
}

/* ---- answers ---------------------------------------------------------------------------- */

typedef struct compare_task {
    const hi_fold_walk *walk;
    compare_range range;
    uint64_t *bits; /* Of values; value walk->at is bit 0. */
    bool beyond;    /* Some n is not below 2^51. */
} compare_task;

/* ORs `count` answers to the bits from `at` on. */
static void compare_put(uint64_t *bits, uint32_t at, const uint64_t *words, uint32_t count)
{
    const unsigned shift = at % 64;

    for (uint32_t w = 0; w * 64 < count; w++) {
        bits[at / 64 + w] |= words[w] << shift;
        if (shift != 0 && words[w] >> (64 - shift) != 0) {
            bits[at / 64 + w + 1] |= words[w] >> (64 - shift);
        }
    }
}

static hist_status compare_take(void *arg, const uint64_t *x, uint32_t at, uint32_t count)
{
    compare_task *t = arg;
    const compare_range *r = &t->range;
    uint64_t words[HI_BLOCK_ROWS_MAX / 64];

    if (r->low <= r->high) {
        t->walk->kern->within(x, count, r->low, (uint64_t)r->high - (uint64_t)r->low, r->keys,
                              words);
        compare_put(t->bits, at - t->walk->at, words, count);
    }
    return HIST_OK;
}

static hist_status compare_take_whole(void *arg, const uint64_t *n, uint32_t at, uint32_t count)
{
    compare_task *t = arg;
    int64_t min = 0;
    int64_t max = 0;

    t->walk->block.kern->range(n, count, &min, &max);
    t->beyond |= min < -COMPARE_WHOLE_MAX || max > COMPARE_WHOLE_MAX;
    return compare_take(arg, n, at, count);
}

static void compare_ones(uint64_t *bits, uint32_t at, uint32_t count)
{
    for (; count > 0 && at % 64 != 0; at++, count--) {
        bits[at / 64] |= UINT64_C(1) << (at % 64);
    }
    for (; count >= 64; at += 64, count -= 64) {
        bits[at / 64] = UINT64_MAX;
    }
    for (; count > 0; at++, count--) {
        bits[at / 64] |= UINT64_C(1) << (at % 64);
    }
}

/* A stream of integers: what its vectors cannot leave may decide without decoding them. */
static hist_status compare_stream(compare_task *t, hi_fold_take_fn take)
{
    const hi_fold_walk *walk = t->walk;
    const hi_stream_view *stream = &walk->block.body.flat.ints.warm;
    const compare_range *r = &t->range;
    uint64_t x[HI_VECTOR_ROWS];

    for (uint32_t v = walk->at / HI_VECTOR_ROWS; v * HI_VECTOR_ROWS < walk->end; v++) {
        hi_frame f;
        uint32_t from;
        uint32_t to;

        hi_fold_clip(walk, v, &from, &to);
        const uint32_t at = v * HI_VECTOR_ROWS + from;
        const bool known =
            hi_stream_frame(stream, v, &f) &&
            (take == compare_take || (f.base >= -COMPARE_WHOLE_MAX && f.max <= COMPARE_WHOLE_MAX));

        if (known && (f.max < r->low || f.base > r->high)) {
            continue;
        }
        if (known && f.base >= r->low && f.max <= r->high) {
            compare_ones(t->bits, at - walk->at, to - from);
            continue;
        }
        HI_TRY(hi_stream_vector(walk->block.kern, stream, v, x));
        HI_TRY((known ? compare_take : take)(t, x + from, at, to - from));
    }
    return HIST_OK;
}

/* A part of the page's runs: each run is compared once. */
static void compare_page_runs(compare_task *t)
{
    const hi_fold_page_runs page = hi_fold_page_runs_of(t->walk);
    const compare_range *r = &t->range;
    uint64_t words[HI_PAGE_RUNS_MAX / 64];
    uint32_t at = 0;

    if (r->low > r->high) {
        return;
    }
    t->walk->kern->within(page.values, page.count, r->low, (uint64_t)r->high - (uint64_t)r->low,
                          r->keys, words);
    for (uint32_t i = 0; i < page.count; i++) {
        const uint32_t rows = hi_fold_run_rows(&page, i);

        compare_ones(t->bits, at, hist_bit_get(words, i) ? rows : 0);
        at += rows;
    }
}

/* Bits of the values: in the range or not. */
static hist_status compare_values(const hi_fold_walk *walk, const compare_range *range,
                                  uint64_t *bits)
{
    compare_task t = {.walk = walk, .range = *range, .bits = bits};

    if (compare_is_scaled(walk)) {
        t.range = compare_scale(&walk->block.body.flat.num, range);
        HI_TRY(compare_stream(&t, compare_take_whole));
        return t.beyond ? HIST_ECORRUPT : HIST_OK;
    }
    if (hi_fold_is_stream(walk, HI_ENC_INT) && walk->block.kind != HI_KIND_INT) {
        return compare_stream(&t, compare_take);
    }
    if (hi_fold_is_page_runs(walk)) {
        compare_page_runs(&t);
        return HIST_OK;
    }
    return hi_fold_values(walk, compare_take, &t);
}

/* Turns the bits over where that is wanted, and moves them to rows. */
static void compare_rows(const hi_fold_walk *walk, bool outside, const uint64_t *values,
                         uint64_t *bits)
{
    const hi_block_view *b = &walk->block;
    uint32_t at = 0;

    for (uint32_t i = 0; i < walk->rows; i++) {
        if (b->count == b->rows || hist_bit_get(b->valid, walk->first + i)) {
            const uint64_t bit = hist_bit_get(values, at) != outside ? UINT64_C(1) : UINT64_C(0);

            bits[i / 64] |= bit << (i % 64);
            at++;
        }
    }
}

/* Every row has a value: the bits stay where they are. */
static void compare_all_rows(uint32_t rows, bool outside, const uint64_t *values, uint64_t *bits)
{
    const uint32_t words = (rows + 63) / 64;

    for (uint32_t w = 0; w < words; w++) {
        bits[w] = outside ? ~values[w] : values[w];
    }
    if (rows % 64 != 0) {
        bits[words - 1] &= (UINT64_C(1) << (rows % 64)) - 1;
    }
}

static HI_FP_GUARDED hist_status compare_block(const hi_codec_kernels *kern,
                                               const hi_block_bytes *block, uint32_t first,
                                               uint32_t count, const hi_compare *compare,
                                               uint64_t *bits)
{
    uint64_t values[HI_BLOCK_ROWS_MAX / 64 + 1] = {0};
    hi_fold_walk walk;

    HI_TRY(hi_fold_open(kern, block, first, count, &walk));
    memset(bits, 0, ((size_t)count + 63) / 64 * sizeof(*bits));
    if (walk.at == walk.end) {
        return HIST_OK;
    }
    const compare_range range = compare_range_of(walk.block.kind, compare);
    HI_TRY(compare_values(&walk, &range, values));
    if (walk.block.count == walk.block.rows) {
        compare_all_rows(count, range.outside, values, bits);
    } else {
        compare_rows(&walk, range.outside, values, bits);
    }
    return HIST_OK;
}

hist_status hi_block_compare_with(const hi_codec_kernels *kern, const hi_block_bytes *block,
                                  uint32_t first, uint32_t count, const hi_compare *compare,
                                  uint64_t *bits)
{
    const hi_fp_modes modes = hi_fp_enter();
    const hist_status status = compare_block(kern, block, first, count, compare, bits);

    hi_fp_leave(modes);
    return status;
}

hist_status hi_block_compare(const hi_block_bytes *block, uint32_t first, uint32_t count,
                             const hi_compare *compare, uint64_t *bits)
{
    return hi_block_compare_with(hi_codec_kernels_pick(), block, first, count, compare, bits);
}
