/*
 * part_runs.h -- the runs of a row group in its directory, and where its blocks are cut.
 *
 * Bytes in, bytes out. part.md specifies both.
 */
#ifndef HI_PART_RUNS_H
#define HI_PART_RUNS_H

#include "store/part_bits.h"
#include "store/part_dir.h"

/* Runs lie between the first and last time of the group, which the footer has. */
void hi_part_runs_put(hi_buf *to, const hi_run *runs, uint32_t count);
/* Fills runs[count]; false: damage. count is not more than the rows of the group. */
bool hi_part_runs_get(hi_reader *r, const hi_part_group *group, hi_run *runs, uint32_t count);

#endif
