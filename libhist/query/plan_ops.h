/* plan_ops.h -- one planning function an operator of the language; see plan.h. */
#ifndef HI_QUERY_PLAN_OPS_H
#define HI_QUERY_PLAN_OPS_H

#include "query/plan.h"

/* Any operator. */
hist_status hi_plan_op(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);

/* Each plans its operator over `in`. */
typedef hist_status (*hi_plan_op_fn)(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);

/* plan_row.c */
hist_status hi_plan_filter(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_take(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_count(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_sort(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_serialize(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_as(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_getschema(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
/* plan_project.c */
hist_status hi_plan_project_op(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_extend(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_away(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_rename(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_reorder(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);

/* plan_agg.c */
hist_status hi_plan_summarize(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_distinct(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
/* plan_series.c, plan_expand.c */
hist_status hi_plan_make_series(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_expand(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_apply(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
/* plan_join.c, plan_union.c */
hist_status hi_plan_join(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_union(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
/* op_*.c of their own */
hist_status hi_plan_parse(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_parse_kv(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_partition(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_scan(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_top_nested(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_evaluate(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_fork(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_facet(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_consume(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_sample(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_sample_distinct(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_invoke(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_top_hitters(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_project_by_names(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
/* plan_search.c, render.c */
hist_status hi_plan_search(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_find_op(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
hist_status hi_plan_render(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out);
/* show.c */
hist_status hi_plan_command(hi_plan *p, const hi_ast_op *op, hi_op **out);

#endif
