/* block_fold.c -- count, sum, min and max of some rows of a block; see fold.h. */
#include "base/fpenv.h"
#include "base/wide.h"
#include "codec/fold_walk.h"

/* Integers n of decimals are below this, either sign. */
#define FOLD_WHOLE_MAX (INT64_C(1) << 51)
/* Wider words could overflow a sum of 1024 of them, or a decimal's n. */
enum { FOLD_FRAME_WIDTH_MAX = 50 };
/* Sums of integers up to here are exact in a double. */
#define FOLD_EXACT_MAX (INT64_C(1) << 53)

typedef struct fold_task {
    const hi_fold_walk *walk;
    hi_fold_state s;
    hi_wide sum;   /* Integers of frames. */
    double power;  /* Decimals; 0: integers. */
    bool sum_only; /* Integers: min and max are not asked for. */
} fold_task;

static const hi_fold_state fold_nothing = {.min = INT64_MAX, .max = INT64_MIN};

static uint64_t fold_bits_of_key(int64_t key)
{
    return (uint64_t)key ^ ((uint64_t)(key >> 63) & INT64_MAX);
}

static int64_t fold_key_of_bits(uint64_t bits)
{
    return (int64_t)(bits ^ ((uint64_t)((int64_t)bits >> 63) & INT64_MAX));
}

/* ---- integers --------------------------------------------------------------------------- */

static void fold_put_wide(hi_wide sum, hi_fold *out)
{
    out->sum_lo = sum.low;
    out->sum_hi = (uint64_t)sum.high;
}

static void fold_regular(const hi_fold_walk *walk, int64_t start, int64_t step, hi_fold *out)
{
    const int64_t n = walk->end - walk->at;
    const int64_t last = start + step * (n - 1);

    out->min = (uint64_t)(step < 0 ? last : start);
    out->max = (uint64_t)(step < 0 ? start : last);
    fold_put_wide(hi_wide_add(hi_wide_product(start, (uint32_t)n),
                              hi_wide_product(step, (uint32_t)(n * (n - 1) / 2))),
                  out);
}

static hist_status fold_take_ints(void *arg, const uint64_t *x, uint32_t at, uint32_t count)
{
    fold_task *t = arg;

    (void)at;
    if (t->sum_only) {
        const hi_kern_sums sums = t->walk->block.kern->int_sums(x, count);

        t->s.low += sums.low;
        t->s.high += sums.high;
        return HIST_OK;
    }
    t->walk->kern->ints(x, count, &t->s);
    return HIST_OK;
}

/* ---- streams ---------------------------------------------------------------------------- */

static hist_status fold_take_decimals(void *arg, const uint64_t *n, uint32_t at, uint32_t count)
{
    fold_task *t = arg;

    t->walk->kern->decimals(n, at, count, t->power, &t->s);
    return HIST_OK;
}

static void fold_frame(fold_task *t, const hi_frame *f, uint32_t rows)
{
    const uint32_t groups = rows / HI_LANES;
    uint64_t min = 0;
    uint64_t max = 0;

    if (t->power != 0) {
        t->walk->kern->frame_decimals(f->packed, f->width, groups, (uint64_t)f->base, t->power,
                                      &t->s);
        return;
    }
    const uint64_t sum = t->walk->kern->frame_ints(f->packed, f->width, groups, &min, &max);
    t->sum = hi_wide_add(t->sum, hi_wide_product(f->base, rows));
    t->sum = hi_wide_add(t->sum, (hi_wide){.low = sum});
    t->s.min = f->base + (int64_t)min < t->s.min ? f->base + (int64_t)min : t->s.min;
    t->s.max = f->base + (int64_t)max > t->s.max ? f->base + (int64_t)max : t->s.max;
}

/* Differences are not summed up where only the sum of the values is asked for: difference i is in 1024 - i of them. */
static hist_status fold_deltas(fold_task *t, uint32_t v, bool *done)
{
    const hi_fold_walk *walk = t->walk;
    const int64_t rows = HI_VECTOR_ROWS;
    hi_deltas d;

    HI_TRY(hi_stream_deltas(&walk->block.body.flat.ints.warm, v, &d, done));
    if (*done) {
        const int64_t packed =
            d.width == 0 ? 0 : (int64_t)walk->kern->frame_deltas(d.packed, d.width);

        t->sum = hi_wide_add(
            t->sum, hi_wide_of(rows * d.first + rows * (rows - 1) / 2 * d.base + packed + d.moved));
    }
    return HIST_OK;
}

/* A stream of integers: whole frames never leave the registers. */
static hist_status fold_stream(fold_task *t)
{
    const hi_fold_walk *walk = t->walk;
    const hi_stream_view *stream = &walk->block.body.flat.ints.warm;
    const hi_fold_take_fn take = t->power != 0 ? fold_take_decimals : fold_take_ints;
    uint64_t x[HI_VECTOR_ROWS];

    for (uint32_t v = walk->at / HI_VECTOR_ROWS; v * HI_VECTOR_ROWS < walk->end; v++) {
        hi_frame f;
        uint32_t from;
        uint32_t to;

        hi_fold_clip(walk, v, &from, &to);
        if (to - from == HI_VECTOR_ROWS && hi_stream_frame(stream, v, &f) && f.width > 0 &&
            f.width <= FOLD_FRAME_WIDTH_MAX) {
            fold_frame(t, &f, HI_VECTOR_ROWS);
            continue;
        }
        bool done = false;
        if (t->sum_only && to - from == HI_VECTOR_ROWS) {
            HI_TRY(fold_deltas(t, v, &done));
        }
        if (done) {
            continue;
        }
        HI_TRY(hi_stream_vector(walk->block.kern, stream, v, x));
        HI_TRY(take(t, x + from, v * HI_VECTOR_ROWS + from, to - from));
    }
    return HIST_OK;
}

/* ---- runs ------------------------------------------------------------------------------- */

/* Runs that were seen: values count times `rows`. */
typedef struct fold_runs {
    hi_wide sum;
    int64_t weight; /* Reals: the sum without signs; exact below FOLD_EXACT_MAX. */
    int64_t min;    /* Keys of reals. */
    int64_t max;
} fold_runs;

/* A real is added as an integer if it is one. */
static bool fold_run(fold_runs *runs, hi_kind kind, uint64_t value, uint32_t rows)
{
    int64_t whole = (int64_t)value;
    int64_t key = whole;

    if (kind == HI_KIND_REAL) {
        const double v = hi_double_of(value);

        if (!(v > -(double)FOLD_EXACT_MAX && v < (double)FOLD_EXACT_MAX)) {
            return false;
        }
        whole = (int64_t)v;
        key = fold_key_of_bits(value);
        runs->weight += (whole < 0 ? -whole : whole) > FOLD_EXACT_MAX / rows
                            ? FOLD_EXACT_MAX
                            : (whole < 0 ? -whole : whole) * rows;
        if ((double)whole != v || runs->weight >= FOLD_EXACT_MAX) {
            return false;
        }
    }
    runs->sum = hi_wide_add(runs->sum, hi_wide_product(whole, rows));
    runs->min = key < runs->min ? key : runs->min;
    runs->max = key > runs->max ? key : runs->max;
    return true;
}

static void fold_put_runs(const fold_runs *runs, hi_kind kind, hi_fold *out)
{
    if (kind == HI_KIND_REAL) {
        out->min = fold_bits_of_key(runs->min);
        out->max = fold_bits_of_key(runs->max);
        out->sum_lo = hi_bits_of(hi_wide_to_double(runs->sum));
        out->sum_hi = 0;
    } else {
        out->min = (uint64_t)runs->min;
        out->max = (uint64_t)runs->max;
        fold_put_wide(runs->sum, out);
    }
}

/* Runs of one vector of them; *row is where the first begins. */
static hist_status fold_run_vector(const hi_fold_walk *walk, uint32_t v, uint32_t *row,
                                   fold_runs *runs, bool *exact)
{
    const hi_body_view *body = &walk->block.body;
    uint64_t lengths[HI_VECTOR_ROWS];
    uint64_t values[HI_VECTOR_ROWS];

    HI_TRY(hi_stream_vector(walk->block.kern, &body->lengths.warm, v, lengths));
    HI_TRY(hi_body_vectors(walk->block.kern, body, v, 1, values));
    for (uint32_t i = 0; i < hi_vector_rows(body->runs, v); i++) {
        if (lengths[i] >= body->count - *row) {
            return HIST_ECORRUPT;
        }
        const uint32_t end = *row + (uint32_t)lengths[i] + 1;
        const uint32_t from = *row > walk->at ? *row : walk->at;
        const uint32_t to = end < walk->end ? end : walk->end;

        *row = end;
        if (from < to && *exact) {
            *exact = fold_run(runs, walk->block.kind, values[i], to - from);
        }
    }
    return HIST_OK;
}

/* Value times length where that is what adding in lanes gives: integers, and reals as long as every sum is an
   integer below 2^53. *done false: it is not. */
static hist_status fold_by_runs(const hi_fold_walk *walk, hi_fold *out, bool *done)
{
    const hi_body_view *body = &walk->block.body;
    fold_runs runs = {.min = INT64_MAX, .max = INT64_MIN};
    uint32_t row = 0;

    *done = true;
    for (uint32_t v = 0; v < hi_vectors_of(body->runs); v++) {
        HI_TRY(fold_run_vector(walk, v, &row, &runs, done));
    }
    if (row != body->count) {
        return HIST_ECORRUPT;
    }
    fold_put_runs(&runs, walk->block.kind, out);
    return HIST_OK;
}

/* The same for a part of the page's runs; false: it is not what adding in lanes gives. */
static bool fold_by_page_runs(const hi_fold_walk *walk, hi_fold *out)
{
    const hi_fold_page_runs page = hi_fold_page_runs_of(walk);
    fold_runs runs = {.min = INT64_MAX, .max = INT64_MIN};

    for (uint32_t i = 0; i < page.count; i++) {
        if (!fold_run(&runs, walk->block.kind, page.values[i], hi_fold_run_rows(&page, i))) {
            return false;
        }
    }
    fold_put_runs(&runs, walk->block.kind, out);
    return true;
}

/* ---- reals ------------------------------------------------------------------------------ */

static hist_status fold_take_reals(void *arg, const uint64_t *bits, uint32_t at, uint32_t count)
{
    fold_task *t = arg;

    t->walk->kern->reals(bits, at, count, &t->s);
    return HIST_OK;
}

static void fold_put_reals(const hi_fold_state *s, hi_fold *out)
{
    const double sum = hi_fold_lanes_sum(s);

    out->nans = (uint32_t)s->nans;
    out->min = fold_bits_of_key(s->min);
    out->max = fold_bits_of_key(s->max);
    out->sum_lo = sum != sum ? UINT64_C(0x7ff8000000000000) : hi_bits_of(sum);
    out->sum_hi = 0;
}

/* Decimals are divided and added in one pass; smallest and largest are those of n, as dividing keeps
   the order. */
static hist_status fold_decimals(fold_task *t, hi_fold *out)
{
    t->power = t->walk->block.body.flat.num.param;
    HI_TRY(fold_stream(t));
    if (t->s.min <= -FOLD_WHOLE_MAX || t->s.max >= FOLD_WHOLE_MAX) {
        return HIST_ECORRUPT;
    }
    t->s.min = fold_key_of_bits(hi_bits_of((double)t->s.min / t->power));
    t->s.max = fold_key_of_bits(hi_bits_of((double)t->s.max / t->power));
    fold_put_reals(&t->s, out);
    return HIST_OK;
}

static bool fold_is_decimal(const hi_fold_walk *walk)
{
    const hi_flat_view *flat = &walk->block.body.flat;

    return hi_fold_is_stream(walk, HI_ENC_NUM) && flat->num.op == HI_NUM_DECIMAL &&
           !flat->num.to_float && (flat->form & (HI_FORM_OFF | HI_FORM_PATCHED)) == 0;
}

static hist_status fold_reals(const hi_fold_walk *walk, hi_fold *out)
{
    fold_task t = {.walk = walk, .s = fold_nothing};

    if (fold_is_decimal(walk)) {
        return fold_decimals(&t, out);
    }
    HI_TRY(hi_fold_values(walk, fold_take_reals, &t));
    fold_put_reals(&t.s, out);
    return HIST_OK;
}

/* ---- a block ---------------------------------------------------------------------------- */

static hist_status fold_ints(const hi_fold_walk *walk, bool sum_only, hi_fold *out)
{
    fold_task t = {.walk = walk, .s = fold_nothing, .sum_only = sum_only};
    int64_t start = 0;
    int64_t step = 0;

    if (hi_fold_is_regular(walk, &start, &step)) {
        fold_regular(walk, start, step, out);
        return HIST_OK;
    }
    if (hi_fold_is_stream(walk, HI_ENC_INT) && walk->block.kind != HI_KIND_INT) {
        HI_TRY(fold_stream(&t));
    } else {
        HI_TRY(hi_fold_values(walk, fold_take_ints, &t));
    }
    out->min = (uint64_t)t.s.min;
    out->max = (uint64_t)t.s.max;
    fold_put_wide(hi_wide_add(t.sum, hi_wide_join(t.s.high, t.s.low)), out);
    return HIST_OK;
}

static HI_FP_GUARDED hist_status fold_block(const hi_codec_kernels *kern,
                                            const hi_block_bytes *block, uint32_t first,
                                            uint32_t count, bool sum_only, hi_fold *out)
{
    hi_fold_walk walk;
    bool done = false;

    *out = (hi_fold){.count = 0};
    HI_TRY(hi_fold_open(kern, block, first, count, &walk));
    out->count = walk.end - walk.at;
    if (out->count == 0) {
        return HIST_OK;
    }
    const hi_body_view *body = &walk.block.body;
    if (body->runs > 0 && !body->is_cold && body->entries == 0 && walk.block.kind != HI_KIND_INT) {
        HI_TRY(fold_by_runs(&walk, out, &done));
    } else if (hi_fold_is_page_runs(&walk)) {
        done = fold_by_page_runs(&walk, out);
    }
    if (done) {
        return HIST_OK;
    }
    return walk.block.kind == HI_KIND_REAL ? fold_reals(&walk, out)
                                           : fold_ints(&walk, sum_only, out);
}

hist_status hi_block_fold_with(const hi_codec_kernels *kern, const hi_block_bytes *block,
                               uint32_t first, uint32_t count, hi_fold *fold_out)
{
    const hi_fp_modes modes = hi_fp_enter();
    const hist_status status = fold_block(kern, block, first, count, false, fold_out);

    hi_fp_leave(modes);
    return status;
}

hist_status hi_block_sum_with(const hi_codec_kernels *kern, const hi_block_bytes *block,
                              uint32_t first, uint32_t count, hi_fold *fold_out)
{
    const hi_fp_modes modes = hi_fp_enter();
    const hist_status status = fold_block(kern, block, first, count, true, fold_out);

    hi_fp_leave(modes);
    return status;
}

hist_status hi_block_fold(const hi_block_bytes *block, uint32_t first, uint32_t count,
                          hi_fold *fold_out)
{
    return hi_block_fold_with(hi_codec_kernels_pick(), block, first, count, fold_out);
}

hist_status hi_block_sum(const hi_block_bytes *block, uint32_t first, uint32_t count,
                         hi_fold *fold_out)
{
    return hi_block_sum_with(hi_codec_kernels_pick(), block, first, count, fold_out);
}

/* So many runs are as quick to look at as a vector. */
enum { FOLD_FEW_RUNS = 256 };

bool hi_block_folds_whole(const hi_block_bytes *block)
{
    hi_fold_walk walk;

    if (hi_fold_open(hi_codec_kernels_pick(), block, 0, 0, &walk) != HIST_OK) {
        return false;
    }
    const hi_body_view *body = &walk.block.body;
    return body->is_cold || body->runs > FOLD_FEW_RUNS ||
           (body->entries > 0 && body->table == NULL);
}
