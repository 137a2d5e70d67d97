/* fold_walk.h -- inside of fold.h: the values of some rows of a block, vector by vector. */
#ifndef HI_CODEC_FOLD_WALK_H
#define HI_CODEC_FOLD_WALK_H

#include "codec/block.h"
#include "codec/fold_kern.h"

typedef struct hi_fold_walk {
    hi_block_view block;
    const hi_fold_kernels *kern;
    uint32_t first; /* Rows. */
    uint32_t rows;
    uint32_t at;  /* The first value of these rows, */
    uint32_t end; /* and the one behind the last. */
} hi_fold_walk;

/* HIST_EINVAL where the rows are not in the block. */
hist_status hi_fold_open(const hi_codec_kernels *kern, const hi_block_bytes *block, uint32_t first,
                         uint32_t rows, hi_fold_walk *walk_out);

/* `count` values from value `at` of the block on. */
typedef hist_status (*hi_fold_take_fn)(void *arg, const uint64_t *x, uint32_t at, uint32_t count);

/* Calls `take` for all values in order. */
hist_status hi_fold_values(const hi_fold_walk *walk, hi_fold_take_fn take, void *arg);

/* Whether the body is one stream of integers that can be read by vectors: INT, or NUM for the n of reals. */
bool hi_fold_is_stream(const hi_fold_walk *walk, hi_encoding model);

/* Whether the values are start + i * step without overflow, as int64; i counts from value walk->at. */
bool hi_fold_is_regular(const hi_fold_walk *walk, int64_t *start, int64_t *step);

/* Whether the block is a part of the runs of its page. */
bool hi_fold_is_page_runs(const hi_fold_walk *walk);

/* Runs of the page that the walk goes through, the first and the last one in part. */
typedef struct hi_fold_page_runs {
    const uint64_t *values; /* One a run. */
    const uint32_t *starts; /* One a run, and one more. */
    uint32_t count;
    uint32_t first; /* Values in the runs of the page before the walk, */
    uint32_t end;   /* and up to its end. */
} hi_fold_page_runs;

hi_fold_page_runs hi_fold_page_runs_of(const hi_fold_walk *walk);

/* Values of run i that are the walk's. */
static inline uint32_t hi_fold_run_rows(const hi_fold_page_runs *runs, uint32_t i)
{
    const uint32_t from = runs->starts[i] > runs->first ? runs->starts[i] : runs->first;
    const uint32_t to = runs->starts[i + 1] < runs->end ? runs->starts[i + 1] : runs->end;

    return to - from;
}

/* The part of vector v that belongs to the walk: values [*from, *to) of it. */
static inline void hi_fold_clip(const hi_fold_walk *walk, uint32_t v, uint32_t *from, uint32_t *to)
{
    const uint32_t first = v * HI_VECTOR_ROWS;

    *from = walk->at > first ? walk->at - first : 0;
    *to = walk->end - first < HI_VECTOR_ROWS ? walk->end - first : HI_VECTOR_ROWS;
}

#endif
