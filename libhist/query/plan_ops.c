/* plan_ops.c -- which function plans which operator. */
#include "query/plan_ops.h"

hist_status hi_plan_op(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    static const struct {
        hi_ast_op_kind kind;
        hi_plan_op_fn plan;
    } table[] = {
        {HI_OP_WHERE, hi_plan_filter},
        {HI_OP_PROJECT, hi_plan_project_op},
        {HI_OP_EXTEND, hi_plan_extend},
        {HI_OP_PROJECT_AWAY, hi_plan_away},
        {HI_OP_PROJECT_KEEP, hi_plan_away},
        {HI_OP_PROJECT_RENAME, hi_plan_rename},
        {HI_OP_PROJECT_REORDER, hi_plan_reorder},
        {HI_OP_TAKE, hi_plan_take},
        {HI_OP_COUNT, hi_plan_count},
        {HI_OP_SORT, hi_plan_sort},
        {HI_OP_TOP, hi_plan_sort},
        {HI_OP_SERIALIZE, hi_plan_serialize},
        {HI_OP_AS, hi_plan_as},
        {HI_OP_SUMMARIZE, hi_plan_summarize},
        {HI_OP_DISTINCT, hi_plan_distinct},
        {HI_OP_MAKE_SERIES, hi_plan_make_series},
        {HI_OP_MV_EXPAND, hi_plan_expand},
        {HI_OP_MV_APPLY, hi_plan_apply},
        {HI_OP_JOIN, hi_plan_join},
        {HI_OP_LOOKUP, hi_plan_join},
        {HI_OP_UNION, hi_plan_union},
        {HI_OP_SEARCH, hi_plan_search},
        {HI_OP_FIND, hi_plan_find_op},
        {HI_OP_RENDER, hi_plan_render},
        {HI_OP_GETSCHEMA, hi_plan_getschema},
        {HI_OP_PARSE, hi_plan_parse},
        {HI_OP_PARSE_WHERE, hi_plan_parse},
        {HI_OP_PARSE_KV, hi_plan_parse_kv},
        {HI_OP_PARTITION, hi_plan_partition},
        {HI_OP_SCAN, hi_plan_scan},
        {HI_OP_TOP_NESTED, hi_plan_top_nested},
        {HI_OP_EVALUATE, hi_plan_evaluate},
        {HI_OP_FORK, hi_plan_fork},
        {HI_OP_FACET, hi_plan_facet},
        {HI_OP_CONSUME, hi_plan_consume},
        {HI_OP_SAMPLE, hi_plan_sample},
        {HI_OP_SAMPLE_DISTINCT, hi_plan_sample_distinct},
        {HI_OP_INVOKE, hi_plan_invoke},
        {HI_OP_TOP_HITTERS, hi_plan_top_hitters},
        {HI_OP_PROJECT_BY_NAMES, hi_plan_project_by_names},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].kind == op->kind) {
            return table[i].plan(p, op, in, out);
        }
    }
    return PLAN_FAIL(p, op->op_span, "operator '%s' is not supported", hi_ast_op_name(op->kind));
}
