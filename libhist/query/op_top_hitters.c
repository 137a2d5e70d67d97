/*
 * op_top_hitters.c -- operators that are other operators in short: top-hitters (summarize, then top), sample-distinct
 * (distinct, then take) and project-by-names (project).
 */
#include <string.h>

#include "query/plan.h"
#include "query/plan_ops.h"

/* ---- syntax made here ---- */

static hi_ast_expr *hitters_name(hi_plan *p, const char *name, hi_ast_span span)
{
    hi_ast_expr *e = HI_NEW(p->x->arena, hi_ast_expr);

    if (e != NULL && name != NULL) {
        *e = (hi_ast_expr){.kind = HI_AST_NAME,
                           .span = span,
                           .op_span = span,
                           .height = 1,
                           .name = {name, strlen(name)}};
    }
    return name != NULL ? e : NULL;
}

/* function(arg), or function() when arg is NULL. */
static hi_ast_expr *hitters_call(hi_plan *p, const char *function, hi_ast_expr *arg,
                                 hi_ast_span span)
{
    hi_ast_expr *e = hitters_name(p, function, span);
    hi_ast_expr **args = HI_NEW_ARRAY(p->x->arena, hi_ast_expr *, 1);

    if (e == NULL || args == NULL) {
        return NULL;
    }
    args[0] = arg;
    e->kind = HI_AST_CALL;
    e->height = (uint16_t)(arg != NULL ? arg->height + 1 : 1);
    e->args = args;
    e->arg_count = arg != NULL;
    return e;
}

/* ---- top-hitters ---- */

/* approximate_count_e = count(), or approximate_sum_w = sum(w) */
static hist_status hitters_measure(hi_plan *p, const hi_ast_op *op, hi_ast_item *item,
                                   hi_ast_name *name)
{
    hi_ast_expr *of = op->has_by ? op->by[0].expr : NULL;
    const char *what =
        hi_expr_name(&p->b, of != NULL ? of : op->items[0].expr); /* "" when it has none. */
    const char *full = hi_arena_printf(p->x->arena, "approximate_%s_%s",
                                       of != NULL ? "sum" : "count", what != NULL ? what : "");

    if (full == NULL) {
        return hi_plan_no_memory(p);
    }
    *name = (hi_ast_name){.text = {full, strlen(full)}, .span = op->op_span};
    *item = (hi_ast_item){.span = op->op_span,
                          .names = name,
                          .name_count = 1,
                          .expr = hitters_call(p, of != NULL ? "sum" : "count", of, op->op_span)};
    return item->expr != NULL ? HIST_OK : hi_plan_no_memory(p);
}

hist_status hi_plan_top_hitters(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    hi_ast_item measure;
    hi_ast_name name;

    HI_TRY(hitters_measure(p, op, &measure, &name));
    const hi_ast_op group = {.kind = HI_OP_SUMMARIZE,
                             .span = op->span,
                             .op_span = op->op_span,
                             .items = &measure,
                             .item_count = 1,
                             .by = op->items,
                             .by_count = 1,
                             .has_by = true};
    HI_TRY(hi_plan_summarize(p, &group, in, out));
    hi_ast_item key = {.span = op->op_span,
                       .expr = hitters_name(p, name.text.data, op->op_span),
                       .order = HI_ORDER_DESC};
    if (key.expr == NULL) {
        return hi_plan_no_memory(p);
    }
    const hi_ast_op top = {.kind = HI_OP_TOP,
                           .span = op->span,
                           .op_span = op->op_span,
                           .expr = op->expr,
                           .items = &key,
                           .item_count = 1};
    return hi_plan_sort(p, &top, *out, out);
}

/* ---- sample-distinct ---- */

hist_status hi_plan_sample_distinct(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    const hi_ast_op distinct = {.kind = HI_OP_DISTINCT,
                                .span = op->span,
                                .op_span = op->op_span,
                                .items = op->items,
                                .item_count = 1};
    const hi_ast_op sample = {
        .kind = HI_OP_SAMPLE, .span = op->span, .op_span = op->op_span, .expr = op->expr};

    HI_TRY(hi_plan_distinct(p, &distinct, in, out));
    return hi_plan_sample(p, &sample, *out, out);
}

/* ---- project-by-names ---- */

/* Columns that a name or a pattern means, which are not there yet; names of no column are passed over. */
static hist_status names_add(hi_plan *p, const hi_op *in, hist_str pattern, plan_cols *cols)
{
    for (uint32_t c = 0; c < in->schema.count; c++) {
        const char *name = in->schema.fields[c].name;

        if (hi_plan_wild_match(pattern, name) && hi_plan_find(cols, name) < 0) {
            HI_TRY(hi_plan_cols_add(p, cols, name, hi_plan_column(p, in, c)));
        }
    }
    return HIST_OK;
}

static hist_status names_value(hi_plan *p, const hi_op *in, const hi_ast_expr *e, plan_cols *cols)
{
    hi_value v;

    HI_TRY(hi_plan_const(p, e, "the name of a column", &v));
    if (v.type == HIST_TYPE_STRING) {
        return names_add(p, in, v.str, cols);
    }
    const hi_dyn d = hi_dyn_of(v.str.data, v.str.size);
    if (v.type != HIST_TYPE_DYNAMIC || v.null || hi_dyn_tag_of(d) != HI_DYN_ARRAY) {
        return PLAN_FAIL(p, e->span,
                         "project-by-names: a string or an array of strings is needed here");
    }
    hi_dyn_iter it = hi_dyn_iter_of(d);
    while (hi_dyn_next(&it)) {
        if (hi_dyn_tag_of(it.value) == HI_DYN_STRING) {
            HI_TRY(names_add(p, in, hi_dyn_str(it.value), cols));
        }
    }
    return HIST_OK;
}

hist_status hi_plan_project_by_names(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    plan_cols cols;

    HI_TRY(hi_plan_cols_init(p, &cols, in->schema.count));
    for (uint32_t i = 0; i < op->item_count; i++) {
        HI_TRY(names_value(p, in, op->items[i].expr, &cols));
    }
    return hi_plan_project(p, in, &cols, out);
}
