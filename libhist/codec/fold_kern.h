/*
 * fold_kern.h -- the hot loops of fold.h, one table of functions per CPU variant (fold_body.c), and the same calls
 * with the variant given.
 */
#ifndef HI_CODEC_FOLD_KERN_H
#define HI_CODEC_FOLD_KERN_H

#include "codec/fold.h"
#include "codec/kern.h"

/* What was folded so far. */
typedef struct hi_fold_state {
    double lanes[HI_LANES];
    uint64_t low; /* Integers: sums as in hi_kern_sums. */
    int64_t high;
    int64_t min; /* REAL: keys, see kern.h. */
    int64_t max;
    uint64_t nans;
} hi_fold_state;

typedef struct hi_fold_kernels {
    const char *name;
    void (*ints)(const uint64_t *x, uint32_t count, hi_fold_state *s);
    /* at: which value of the block the first one is. */
    void (*reals)(const uint64_t *bits, uint32_t at, uint32_t count, hi_fold_state *s);
    /* Decimals: integers n, |n| < 2^51, to be divided by the power. min and max are of n. */
    void (*decimals)(const uint64_t *n, uint32_t at, uint32_t count, double power,
                     hi_fold_state *s);
    /* bits (whole words, zero beyond count) of the values that are, as signed, in [low, low + span]; of their keys
       where `keys`. */
    void (*within)(const uint64_t *x, uint32_t count, int64_t low, uint64_t span, bool keys,
                   uint64_t *bits);
    /* How many values from the first on are in [low, low + span). */
    uint32_t (*leading)(const uint64_t *x, uint32_t count, int64_t low, uint64_t span);
    /* The same from packed words (width 1 to 50), in one pass. */
    void (*frame_decimals)(const uint8_t *in, unsigned width, uint32_t groups, uint64_t base,
                           double power, hi_fold_state *s);
    /* Sum, smallest and largest of packed words (width 1 to 50, up to 1024 of them). */
    uint64_t (*frame_ints)(const uint8_t *in, unsigned width, uint32_t groups, uint64_t *min,
                           uint64_t *max);
    /* Sum of (1024 - i) times packed word i, i from 1 on: what differences add to the sum of 1024 values. */
    uint64_t (*frame_deltas)(const uint8_t *in, unsigned width);
} hi_fold_kernels;

extern const hi_fold_kernels hi_fold_kernels_base;
#if defined(__x86_64__)
extern const hi_fold_kernels hi_fold_kernels_avx2;
extern const hi_fold_kernels hi_fold_kernels_avx512;
#endif

/* The sum of reals: lanes 0 to 15, in order. */
static inline double hi_fold_lanes_sum(const hi_fold_state *s)
{
    double sum = 0;

    for (int l = 0; l < HI_LANES; l++) {
        sum += s->lanes[l];
    }
    return sum;
}

/* The table of the same variant. */
const hi_fold_kernels *hi_fold_kernels_of(const hi_codec_kernels *kern);

hist_status hi_block_fold_with(const hi_codec_kernels *kern, const hi_block_bytes *block,
                               uint32_t first, uint32_t count, hi_fold *fold_out);
hist_status hi_block_sum_with(const hi_codec_kernels *kern, const hi_block_bytes *block,
                              uint32_t first, uint32_t count, hi_fold *fold_out);
hist_status hi_block_compare_with(const hi_codec_kernels *kern, const hi_block_bytes *block,
                                  uint32_t first, uint32_t count, const hi_compare *compare,
                                  uint64_t *bits);
hist_status hi_block_bin_runs_with(const hi_codec_kernels *kern, const hi_block_bytes *block,
                                   uint32_t first, uint32_t count, int64_t origin, int64_t width,
                                   hi_bin_run *runs_out, uint32_t *run_count_out);

#endif
