/* part_stats_impl.h -- what part_stats.c, part_stats_ints.c and part_stats_reals.c share. */
#ifndef HI_PART_STATS_IMPL_H
#define HI_PART_STATS_IMPL_H

#include "store/part_stats.h"

/* The blocks of a page that have a value, and their bounds as integers. */
typedef struct hi_stats_work {
    const hi_stats_page *page;
    uint32_t count;
    hi_block_stats *of[HI_PART_BLOCKS_MAX];
    uint32_t values[HI_PART_BLOCKS_MAX]; /* Neither null nor NaN. */
    uint64_t min[HI_PART_BLOCKS_MAX];
    uint64_t max[HI_PART_BLOCKS_MAX];
    uint64_t first[HI_PART_BLOCKS_MAX];
    uint64_t last[HI_PART_BLOCKS_MAX];
} hi_stats_work;

/* min, max, first and last of all blocks, differences modulo 2^64. */
void hi_stats_put_bounds(const hi_stats_work *work, hi_line_writer *w);
void hi_stats_get_bounds(hi_stats_work *work, hi_bit_reader *r);

/* LONG and DATETIME but for M2. */
void hi_stats_put_ints(hi_stats_work *work, hi_line_writer *w);
bool hi_stats_get_ints(hi_stats_work *work, hi_bit_reader *r);

/* REAL but for nulls, NaNs and M2. Only with the usual modes of floating point (fpenv.h). */
void hi_stats_put_reals(hi_stats_work *work, hi_line_writer *w);
void hi_stats_get_reals(hi_stats_work *work, hi_bit_reader *r);

#endif
