/*
 * part_stats.h -- statistics of the blocks of a page: cleaned, compared, to bits and back.
 *
 * Every figure comes back to the bit. They are written as differences from what is likely (the block
 * before, the middle of the range, the run a time belongs to), so that ordinary columns take few
 * bytes; what is unlikely only takes more. part.md specifies the bits.
 */
#ifndef HI_PART_STATS_H
#define HI_PART_STATS_H

#include "store/part_bits.h"
#include "store/part_dir.h"

/* The blocks of a page, to be written or to be filled in. */
typedef struct hi_stats_page {
    hist_type type;
    bool times;      /* The time column: runs know most of it. */
    bool plain;      /* No nulls and no NaNs, and nothing says so again. */
    int64_t base_ns; /* Start of the partition. */
    const hi_run *runs;
    uint32_t run_count;
    const uint32_t *block_first; /* block_count + 1 */
    uint32_t block_count;        /* At most HI_PART_BLOCKS_MAX. */
    hi_part_block *blocks;
} hi_stats_page;

/* Statistics must be clean. */
void hi_stats_put(const hi_stats_page *page, hi_line_writer *w);
/* Fills stats of every block; false: they make no sense. The reader's failure is the caller's to see. */
bool hi_stats_get(const hi_stats_page *page, hi_bit_reader *r);

#endif
