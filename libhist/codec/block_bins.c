/* block_bins.c -- rows of a block of times by bins; see fold.h. A bin's start is found by one division a run. */
#include "codec/fold_walk.h"

enum { BINS_SHORT = 8 }; /* Rows of a run that are compared one by one before the loop for many. */

typedef struct bins_task {
    const hi_fold_walk *walk;
    int64_t phase; /* Of the origin: 0 to width - 1. */
    int64_t width;
    int64_t low;   /* The bin at hand: times in [low, low + span). */
    uint64_t span; /* 0: none. */
    hi_bin_run *runs;
    uint32_t count;
    uint32_t row; /* The next one. */
    bool open;    /* The last run ends at the row before. */
} bins_task;

/* The bin of `t`, cut off at the ends of the range of times. Mostly it is the next one. */
static void bins_find(bins_task *b, int64_t t)
{
    const uint64_t width = (uint64_t)b->width;
    const uint64_t ahead = (uint64_t)t - (uint64_t)b->low - width;

    if (b->span == width && t > b->low && ahead < width && t < INT64_MAX - b->width) {
        b->low += b->width;
        return;
    }
    int64_t past = t % b->width;
    int64_t start = 0;
    int64_t end = 0;

    past = (past < 0 ? past + b->width : past) - b->phase;
    past = past < 0 ? past + b->width : past;
    if (__builtin_sub_overflow(t, past, &start)) {
        start = INT64_MIN;
    }
    const int64_t left = b->width - past; /* From t to the end of the bin. */
    if (__builtin_add_overflow(t, left - 1, &end)) {
        end = INT64_MAX;
    }
    b->low = start;
    b->span = (uint64_t)end - (uint64_t)start + 1;
}

/* `rows` more rows in the bin at hand. */
static void bins_put(bins_task *b, uint32_t rows)
{
    if (b->open && b->runs[b->count - 1].start == b->low) {
        b->runs[b->count - 1].rows += rows;
    } else {
        b->runs[b->count++] = (hi_bin_run){.start = b->low, .first = b->row, .rows = rows};
    }
    b->row += rows;
    b->open = true;
}

static bool bins_has(const bins_task *b, uint64_t t)
{
    return t - (uint64_t)b->low < b->span;
}

/* Values of rows that follow each other. */
static void bins_take_rows(bins_task *b, const uint64_t *x, uint32_t count)
{
    for (uint32_t i = 0; i < count;) {
        const uint32_t few = count - i < BINS_SHORT ? count - i : BINS_SHORT;
        uint32_t n = 0;

        if (!bins_has(b, x[i])) {
            bins_find(b, (int64_t)x[i]);
        }
        while (n < few && bins_has(b, x[i + n])) {
            n++;
        }
        if (n == BINS_SHORT) {
            n += b->walk->kern->leading(x + i + n, count - i - n, b->low, b->span);
        }
        bins_put(b, n);
        i += n;
    }
}

static hist_status bins_take(void *arg, const uint64_t *x, uint32_t at, uint32_t count)
{
    bins_task *b = arg;
    const hi_block_view *block = &b->walk->block;

    (void)at;
    if (block->count == block->rows) {
        bins_take_rows(b, x, count);
        return HIST_OK;
    }
    for (uint32_t i = 0; i < count; i++) {
        for (; !hist_bit_get(block->valid, b->row); b->row++) {
            b->open = false;
        }
        bins_take_rows(b, x + i, 1);
    }
    return HIST_OK;
}

/* Rows until `t`, which moves by step a row, leaves the bin at hand. */
static uint32_t bins_reach(const bins_task *b, int64_t t, int64_t step, uint32_t left)
{
    const uint64_t past = (uint64_t)t - (uint64_t)b->low;
    uint64_t rows = left;

    if (step > 0) {
        rows = (b->span - past - 1) / (uint64_t)step + 1;
    } else if (step < 0) {
        rows = past / -(uint64_t)step + 1;
    }
    return rows < left ? (uint32_t)rows : left;
}

static void bins_regular(bins_task *b, int64_t start, int64_t step)
{
    uint32_t left = b->walk->rows;

    for (int64_t t = start; left > 0;) {
        bins_find(b, t);
        const uint32_t rows = bins_reach(b, t, step, left);

        bins_put(b, rows);
        left -= rows;
        t = (int64_t)((uint64_t)t + rows * (uint64_t)step);
    }
}

/* A part of the page's runs, all of whose rows have a value. */
static void bins_page_runs(bins_task *b)
{
    const hi_fold_page_runs page = hi_fold_page_runs_of(b->walk);

    for (uint32_t i = 0; i < page.count; i++) {
        if (!bins_has(b, page.values[i])) {
            bins_find(b, (int64_t)page.values[i]);
        }
        bins_put(b, hi_fold_run_rows(&page, i));
    }
}

hist_status hi_block_bin_runs_with(const hi_codec_kernels *kern, const hi_block_bytes *block,
                                   uint32_t first, uint32_t count, int64_t origin, int64_t width,
                                   hi_bin_run *runs_out, uint32_t *run_count_out)
{
    hi_fold_walk walk;
    bins_task b = {.walk = &walk, .width = width, .runs = runs_out, .row = first};
    int64_t start = 0;
    int64_t step = 0;

    *run_count_out = 0;
    if (block->type != HIST_TYPE_DATETIME || width <= 0) {
        return HIST_EINVAL;
    }
    HI_TRY(hi_fold_open(kern, block, first, count, &walk));
    if (walk.at == walk.end) {
        return HIST_OK;
    }
    b.phase = origin % width;
    b.phase += b.phase < 0 ? width : 0;
    if (walk.block.count == walk.block.rows && hi_fold_is_regular(&walk, &start, &step)) {
        bins_regular(&b, start, step);
    } else if (walk.block.count == walk.block.rows && hi_fold_is_page_runs(&walk)) {
        bins_page_runs(&b);
    } else {
        HI_TRY(hi_fold_values(&walk, bins_take, &b));
    }
    *run_count_out = b.count;
    return HIST_OK;
}

hist_status hi_block_bin_runs(const hi_block_bytes *block, uint32_t first, uint32_t count,
                              int64_t origin, int64_t width, hi_bin_run *runs_out,
                              uint32_t *run_count_out)
{
    return hi_block_bin_runs_with(hi_codec_kernels_pick(), block, first, count, origin, width,
                                  runs_out, run_count_out);
}
