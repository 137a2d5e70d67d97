/*
 * op_fold.h -- blocks, and large pieces of them, into groups by their figures, without a row of values.
 * Know first: summarize plans this when what it reads is a scan, perhaps with other columns; the scan then
 * offers its blocks, and one is taken when all its rows are of one group and every aggregate knows its
 * result (agg_fold.c). The figures of whole blocks are their statistics; those of pieces are folded from
 * the encoded bytes.
 */
#ifndef HI_QUERY_OP_FOLD_H
#define HI_QUERY_OP_FOLD_H

#include "query/agg.h"

typedef struct hi_fold hi_fold;

/* For summarize `op`, after its child knows which columns are needed; NULL: values are needed, or no memory for less. */
hi_fold *hi_fold_plan(hi_op *op, const hi_expr *const *keys, uint32_t key_count, const hi_agg *aggs,
                      uint32_t agg_count);
/* Before the first row: where blocks go. */
void hi_fold_begin(hi_fold *fold, hi_agg_run *runs, hi_grouper *grouper);

#endif
