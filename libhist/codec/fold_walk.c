/* fold_walk.c -- the values of some rows of a block; see fold_walk.h. */
#include "codec/fold_walk.h"

#include "codec/encoder.h"

const hi_fold_kernels *hi_fold_kernels_of(const hi_codec_kernels *kern)
{
#if defined(__x86_64__)
    if (kern == &hi_codec_kernels_avx512) {
        return &hi_fold_kernels_avx512;
    }
    if (kern == &hi_codec_kernels_avx2) {
        return &hi_fold_kernels_avx2;
    }
#endif
    (void)kern;
    return &hi_fold_kernels_base;
}

/* Values in the first `rows` rows. */
static uint32_t walk_values_before(const hi_block_view *block, uint32_t rows)
{
    const uint32_t whole = rows / 64 * 64;

    if (block->count == block->rows) {
        return rows;
    }
    const uint64_t rest = whole < rows ? block->valid[whole / 64] << (63 - (rows - 1) % 64) : 0;
    return hi_valid_count(block->valid, whole) + (uint32_t)__builtin_popcountll(rest);
}

hist_status hi_fold_open(const hi_codec_kernels *kern, const hi_block_bytes *block, uint32_t first,
                         uint32_t rows, hi_fold_walk *walk_out)
{
    HI_TRY(hi_block_open(kern, block->type, block->src, block->size, block->rows, block->shared,
                         &walk_out->block));
    if (first > block->rows || rows > block->rows - first) {
        return HIST_EINVAL;
    }
    walk_out->kern = hi_fold_kernels_of(kern);
    walk_out->first = first;
    walk_out->rows = rows;
    walk_out->at = walk_values_before(&walk_out->block, first);
    walk_out->end = walk_values_before(&walk_out->block, first + rows);
    return HIST_OK;
}

/* Ids are u32, whatever the bytes say. */
static hist_status walk_give(const hi_fold_walk *walk, hi_fold_take_fn take, void *arg,
                             const uint64_t *x, uint32_t at, uint32_t count)
{
    const hi_block_view *b = &walk->block;

    if (b->kind == HI_KIND_INT && b->kern->largest(x, count) > UINT32_MAX) {
        return HIST_ECORRUPT;
    }
    return take(arg, x, at, count);
}

/* Runs, dictionaries of the block and cold streams are decoded as a whole. */
static hist_status walk_whole(const hi_fold_walk *walk, hi_fold_take_fn take, void *arg)
{
    uint64_t all[HI_BLOCK_ROWS_MAX + HI_CODEC_PAD / 8];

    HI_TRY(hi_body_all(walk->block.kern, &walk->block.body, all));
    return walk_give(walk, take, arg, all + walk->at, walk->at, walk->end - walk->at);
}

hist_status hi_fold_values(const hi_fold_walk *walk, hi_fold_take_fn take, void *arg)
{
    const hi_body_view *body = &walk->block.body;
    uint64_t x[HI_VECTOR_ROWS + HI_CODEC_PAD / 8];

    if (walk->at == walk->end) {
        return HIST_OK;
    }
    if (body->is_cold || body->runs > 0 || (body->entries > 0 && body->table == NULL)) {
        return walk_whole(walk, take, arg);
    }
    for (uint32_t v = walk->at / HI_VECTOR_ROWS; v * HI_VECTOR_ROWS < walk->end; v++) {
        uint32_t from;
        uint32_t to;

        hi_fold_clip(walk, v, &from, &to);
        HI_TRY(hi_body_vectors(walk->block.kern, body, v, 1, x));
        HI_TRY(walk_give(walk, take, arg, x + from, v * HI_VECTOR_ROWS + from, to - from));
    }
    return HIST_OK;
}

bool hi_fold_is_stream(const hi_fold_walk *walk, hi_encoding model)
{
    const hi_body_view *body = &walk->block.body;

    return walk->at < walk->end && !body->is_cold && body->runs == 0 && body->entries == 0 &&
           body->flat.model == model;
}

bool hi_fold_is_page_runs(const hi_fold_walk *walk)
{
    return hi_fold_is_stream(walk, HI_ENC_PAGE_RUNS);
}

hi_fold_page_runs hi_fold_page_runs_of(const hi_fold_walk *walk)
{
    const hi_flat_view *flat = &walk->block.body.flat;
    const uint32_t first = hi_page_run_at(flat->page, flat->from + walk->at);
    const uint32_t last = hi_page_run_at(flat->page, flat->from + walk->end - 1);

    return (hi_fold_page_runs){.values = flat->page->run_values + first,
                               .starts = flat->page->run_starts + first,
                               .count = last - first + 1,
                               .first = flat->from + walk->at,
                               .end = flat->from + walk->end};
}

bool hi_fold_is_regular(const hi_fold_walk *walk, int64_t *start, int64_t *step)
{
    const hi_stream_view *s = &walk->block.body.flat.ints.warm;
    int64_t span = 0;
    int64_t last = 0;

    if (hi_fold_is_stream(walk, HI_ENC_CONST) && walk->block.kind != HI_KIND_REAL) {
        *start = (int64_t)walk->block.body.flat.constant;
        *step = 0;
        return walk->block.kind != HI_KIND_INT;
    }
    if (!hi_fold_is_stream(walk, HI_ENC_INT) || s->kind != HI_STREAM_REGULAR ||
        walk->block.kind == HI_KIND_INT) {
        return false;
    }
    const uint64_t factor = s->scaled ? s->factor : 1;
    const uint64_t offset = s->scaled ? s->offset : 0;
    *start = (int64_t)((s->start + walk->at * s->step) * factor + offset);
    *step = (int64_t)(s->step * factor);
    return !__builtin_mul_overflow(*step, (int64_t)(walk->end - walk->at - 1), &span) &&
           !__builtin_add_overflow(*start, span, &last);
}
