/* plan_agg.h -- binding aggregates: what summarize, make-series and their kin share. */
#ifndef HI_QUERY_PLAN_AGG_H
#define HI_QUERY_PLAN_AGG_H

#include "query/agg.h"
#include "query/plan.h"

/* Aggregates found while binding. Outside of aggregates only the keys are in sight. */
typedef struct plan_aggs {
    hi_op *in;
    hi_agg *list;
    uint32_t count;
    uint32_t capacity;
    uint32_t columns; /* Keys and outputs so far: the next output's column. */
    plan_cols keys;
    hi_schema key_schema;
} plan_aggs;

hist_status hi_plan_aggregate_hook(void *arg, hi_binder *b, const hi_ast_expr *e, hi_expr **out,
                                   bool *handled);
/* Keys of `by`; more may be added to aggs->keys before the first item. */
hist_status hi_plan_aggs_begin(hi_plan *p, hi_op *in, const hi_ast_item *by, uint32_t by_count,
                               plan_aggs *aggs);
/* After the last key, before the first item. */
void hi_plan_aggs_keys_done(plan_aggs *aggs);
/* The columns of one item over the grouped rows. */
hist_status hi_plan_aggs_item(hi_plan *p, plan_aggs *aggs, const hi_ast_item *item,
                              plan_cols *cols);
/* The grouping operator: keys, then outputs. */
hist_status hi_plan_aggs_op(hi_plan *p, plan_aggs *aggs, hi_op **out);
/* Column c of the grouped rows. */
hi_expr *hi_plan_aggs_key(hi_plan *p, const plan_aggs *aggs, uint32_t c);

#endif
