/*
 * fold.h -- answers straight from an encoded block of numbers: sums, comparisons, bins of time. Nothing is decoded
 * beyond a vector or so at a time, and only the vectors that hold the rows asked for.
 *
 * Types are REAL, LONG, DATETIME and INT. Rows are [first, first + count), inside the block. Bytes are as hostile
 * as to hi_block_decode(), with the same errors; results mean nothing after one. Shared is what the page shares.
 * All CPU variants give the same bits. Runs, dictionaries and cold blocks take 64 KiB of stack more than to decode.
 */
#ifndef HI_CODEC_FOLD_H
#define HI_CODEC_FOLD_H

#include "codec/codec.h"

/* A block as encoded. */
typedef struct hi_block_bytes {
    hist_type type;
    const uint8_t *src; /* HI_CODEC_PAD bytes after it can be read. */
    size_t size;
    uint32_t rows;
    const hi_page_shared *shared;
} hi_block_bytes;

/*
 * Figures of some rows. min and max are as in hi_block_stats, meaningless without a value. The sum of integers is exact, in
 * 128 bits. The sum of reals runs in 16 lanes from +0.0: value i of the block (nulls not counted) is added to
 * lane i mod 16, in order, NaNs left out; then lanes 0 to 15 are added up in order. A NaN sum is
 * 0x7ff8000000000000.
 */
typedef struct hi_fold {
    uint32_t count; /* Rows with a value, */
    uint32_t nans;  /* and NaNs among them, which count in no other figure. */
    uint64_t min;
    uint64_t max;
    uint64_t sum_lo;
    uint64_t sum_hi;
} hi_fold;

hist_status hi_block_fold(const hi_block_bytes *block, uint32_t first, uint32_t count,
                          hi_fold *fold_out);

/* The same where nobody asks for min and max, which then mean nothing: integers by differences take half of the
   time. */
hist_status hi_block_sum(const hi_block_bytes *block, uint32_t first, uint32_t count,
                         hi_fold *fold_out);

/* Whether figures of some rows take about as long as those of all (cold blocks, dictionaries, many runs). false too where
   the block is damaged. */
bool hi_block_folds_whole(const hi_block_bytes *block);

typedef enum hi_compare_op {
    HI_COMPARE_EQ,
    HI_COMPARE_NE,
    HI_COMPARE_LT,
    HI_COMPARE_LE,
    HI_COMPARE_GT,
    HI_COMPARE_GE,
    HI_COMPARE_BETWEEN, /* Both ends are in. */
} hi_compare_op;

/* a and b are as stored: int64, or bits of a double. b is for BETWEEN. */
typedef struct hi_compare {
    hi_compare_op op;
    uint64_t a;
    uint64_t b;
} hi_compare;

/*
 * hi_block_compare -- bit i of `bits` (whole words, zero beyond count) for row first + i: it has a value, and value op
 * constant is true. Reals compare as IEEE says: -0.0 is 0.0; with a NaN on either side only NE is true.
 */
hist_status hi_block_compare(const hi_block_bytes *block, uint32_t first, uint32_t count,
                             const hi_compare *compare, uint64_t *bits);

/* Consecutive rows with a time in one bin. */
typedef struct hi_bin_run {
    int64_t start;  /* Of the bin; INT64_MIN where it begins before that. */
    uint32_t first; /* Row of the block. */
    uint32_t rows;
} hi_bin_run;

/*
 * hi_block_bin_runs -- rows of a DATETIME block by bins [origin + i * width, origin + (i + 1) * width), width > 0.
 * Times may come in any order. Rows without a value are in no run, and end the run before them. runs_out has room for
 * `count` runs.
 */
hist_status hi_block_bin_runs(const hi_block_bytes *block, uint32_t first, uint32_t count,
                              int64_t origin, int64_t width, hi_bin_run *runs_out,
                              uint32_t *run_count_out);

#endif
