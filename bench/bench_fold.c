/*
 * bench_fold.c -- answers from encoded blocks (codec/fold.h) beside decoding them first; one line a figure.
 *
 * Values per second of one core, the best of several rounds, for each CPU variant. "two passes" decodes a block to
 * 64 KiB and folds that with the same kernel; "by vectors" is hi_block_fold(), which never leaves the first-level
 * cache. Compare is with the first value of the column, bins are of a minute.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/made.h"
#include "codec/encoder.h"
#include "codec/fold_kern.h"

enum {
    ROWS = 65536,
    BLOCKS = ROWS / HI_BLOCK_ROWS_MAX,
    ROUNDS = 60,
};

/* Noise around a level: frames of reference, no differences. */
static uint64_t shape_level(uint64_t *state, uint64_t i, int64_t *walk)
{
    (void)i;
    (void)walk;
    return hi_bits_of((double)(2000 + (int64_t)(bench_random(state) % 1024)) / 10);
}

static uint64_t shape_noise(uint64_t *state, uint64_t i, int64_t *walk)
{
    (void)i;
    (void)walk;
    return bench_random(state) % 5000;
}

typedef struct bench {
    hi_mem mem;
    hi_encoder *encoder;
    hi_buf out;
    hi_block_info blocks[BLOCKS];
    hi_page_shared shared;
    hist_type type;
    const hi_codec_kernels *kern;
    uint64_t data[ROWS];
    uint64_t valid[HI_BLOCK_ROWS_MAX / 64];
    uint64_t room[HI_BLOCK_ROWS_MAX + HI_CODEC_PAD / 8];
    uint64_t bits[HI_BLOCK_ROWS_MAX / 64];
    hi_bin_run runs[HI_BLOCK_ROWS_MAX];
    uint64_t seen; /* So that no work is left out. */
} bench;

static bool bench_encode(bench *b, hist_type type, bench_shape shape)
{
    uint32_t rows[BLOCKS];
    uint32_t shared = 0;
    uint64_t state = 1;
    int64_t walk = 50;
    const hi_values values = {.type = type, .rows = ROWS, .data = b->data};

    for (uint64_t i = 0; i < ROWS; i++) {
        b->data[i] = shape(&state, i, &walk);
    }
    for (int i = 0; i < BLOCKS; i++) {
        rows[i] = HI_BLOCK_ROWS_MAX;
    }
    b->type = type;
    hi_buf_clear(&b->out);
    return hi_page_encode(b->encoder, &values, HI_PROFILE_WARM, rows, BLOCKS, &b->out, b->blocks,
                          &shared) == HIST_OK &&
           hi_buf_reserve(&b->out, HI_CODEC_PAD) &&
           hi_page_shared_open(&b->mem, type, (const uint8_t *)b->out.data, shared, 1 << 20,
                               &b->shared) == HIST_OK;
}

typedef bool (*bench_work)(bench *b, const hi_block_bytes *block);

static bool work_decode(bench *b, const hi_block_bytes *block)
{
    const hi_room room = {.valid = b->valid, .data = b->room};
    hi_decoded decoded;

    return hi_block_decode_with(b->kern, b->type, block->src, block->size, block->rows,
                                block->shared, &room, &decoded) == HIST_OK;
}

static bool work_two_passes(bench *b, const hi_block_bytes *block)
{
    const hi_fold_kernels *fold = hi_fold_kernels_of(b->kern);
    hi_fold_state s = {.min = INT64_MAX, .max = INT64_MIN};

    if (!work_decode(b, block)) {
        return false;
    }
    if (b->type == HIST_TYPE_REAL) {
        fold->reals(b->room, 0, block->rows, &s);
    } else {
        fold->ints(b->room, block->rows, &s);
    }
    b->seen += s.low + (uint64_t)s.min + hi_bits_of(s.lanes[0]);
    return true;
}

static bool work_fold(bench *b, const hi_block_bytes *block)
{
    hi_fold f;
    const bool ok = hi_block_fold_with(b->kern, block, 0, block->rows, &f) == HIST_OK;

    b->seen += f.sum_lo + f.min;
    return ok;
}

static bool work_sum(bench *b, const hi_block_bytes *block)
{
    hi_fold f;
    const bool ok = hi_block_sum_with(b->kern, block, 0, block->rows, &f) == HIST_OK;

    b->seen += f.sum_lo;
    return ok;
}

static bool work_compare(bench *b, const hi_block_bytes *block)
{
    const hi_compare c = {HI_COMPARE_GT, b->data[0], 0};

    return hi_block_compare_with(b->kern, block, 0, block->rows, &c, b->bits) == HIST_OK;
}

static bool work_bins(bench *b, const hi_block_bytes *block)
{
    uint32_t n = 0;

    return hi_block_bin_runs_with(b->kern, block, 0, block->rows, 0, INT64_C(60000000000), b->runs,
                                  &n) == HIST_OK;
}

static void bench_say(bench *b, const char *column, const char *what, bench_work work)
{
    double best = 1e9;

    for (int round = 0; round < ROUNDS; round++) {
        const double start = bench_seconds();

        for (int i = 0; i < BLOCKS; i++) {
            const hi_block_bytes block = {b->type,
                                          (const uint8_t *)b->out.data + b->blocks[i].offset,
                                          b->blocks[i].size, HI_BLOCK_ROWS_MAX, &b->shared};
            if (!work(b, &block)) {
                printf("fold %s %s failed\n", column, what);
                return;
            }
        }
        const double took = bench_seconds() - start;
        best = took < best ? took : best;
    }
    printf("fold %-8s %-14s %-8s %9.1f M values/s\n", column, what, b->kern->name,
           ROWS / best / 1e6);
}

static void bench_column(bench *b, const char *name, hist_type type, bench_shape shape)
{
    if (!bench_encode(b, type, shape)) {
        printf("fold %s failed\n", name);
        return;
    }
    bench_say(b, name, "decode", work_decode);
    bench_say(b, name, "two-passes", work_two_passes);
    bench_say(b, name, "by-vectors", work_fold);
    bench_say(b, name, "sum", work_sum);
    bench_say(b, name, "compare", work_compare);
    if (type == HIST_TYPE_DATETIME) {
        bench_say(b, name, "bins", work_bins);
    }
    hi_page_shared_free(&b->mem, &b->shared);
}

static void bench_variant(bench *b, const hi_codec_kernels *kern)
{
    b->kern = kern;
    bench_column(b, "gauge", HIST_TYPE_REAL, shape_gauge);
    bench_column(b, "level", HIST_TYPE_REAL, shape_level);
    bench_column(b, "float", HIST_TYPE_REAL, shape_full_precision);
    bench_column(b, "percent", HIST_TYPE_LONG, shape_percent);
    bench_column(b, "noise", HIST_TYPE_LONG, shape_noise);
    bench_column(b, "states", HIST_TYPE_LONG, shape_states);
    bench_column(b, "clock", HIST_TYPE_DATETIME, shape_clock);
    bench_column(b, "jitter", HIST_TYPE_DATETIME, shape_clock_jitter);
}

int main(void)
{
    bench *b = calloc(1, sizeof(*b));

    if (b == NULL) {
        return 1;
    }
    hi_mem_init(&b->mem, NULL, NULL, 0);
    b->encoder = hi_encoder_new(&b->mem);
    hi_buf_init(&b->out, &b->mem, 1 << 24);
    if (b->encoder == NULL) {
        return 1;
    }
    const hi_codec_kernels *best = hi_codec_kernels_pick();
    bench_variant(b, best);
#if defined(__x86_64__)
    if (best == &hi_codec_kernels_avx512) {
        bench_variant(b, &hi_codec_kernels_avx2);
    }
    if (best != &hi_codec_kernels_base) {
        bench_variant(b, &hi_codec_kernels_base);
    }
#endif
    hi_encoder_free(b->encoder);
    hi_buf_free(&b->out);
    free(b);
    return 0;
}
