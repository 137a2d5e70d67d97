/* op_top_nested_plan.c -- planning top-nested. */
#include <string.h>

#include "query/op_top_nested.h"
#include "query/plan.h"
#include "query/plan_agg.h"
#include "query/plan_ops.h"

/* No name in a text can be spelled like this. */
#define NESTED_GROUP "$group"

/* The child's columns and the group, as the rows a grouping operator reads. */
static hist_status nested_source(hi_plan *p, const hi_op *in, hi_op **out)
{
    const uint32_t n = in->schema.count;
    hi_field *fields = HI_NEW_ARRAY(p->x->arena, hi_field, (size_t)n + 1);

    if (fields == NULL) {
        return hi_plan_no_memory(p);
    }
    memcpy(fields, in->schema.fields, n * sizeof(hi_field));
    fields[n] = (hi_field){NESTED_GROUP, HIST_TYPE_LONG};
    const hi_schema schema = {n + 1, fields};
    return hi_plan_made(p, hi_op_rows(p->x, &schema, NULL), out);
}

static hist_status nested_group(hi_plan *p, const hi_ast_item *measure, hi_op *source, hi_op **out)
{
    hi_ast_expr name = {.kind = HI_AST_NAME,
                        .span = measure->span,
                        .op_span = measure->span,
                        .height = 1,
                        .name = {NESTED_GROUP, strlen(NESTED_GROUP)}};
    const hi_ast_item by = {.span = measure->span, .expr = &name};
    plan_aggs aggs;
    plan_cols cols;

    HI_TRY(hi_plan_aggs_begin(p, source, &by, 1, &aggs));
    hi_plan_aggs_keys_done(&aggs);
    HI_TRY(hi_plan_cols_init(p, &cols, 2));
    HI_TRY(hi_plan_cols_add(p, &cols, NESTED_GROUP, hi_plan_aggs_key(p, &aggs, 0)));
    HI_TRY(hi_plan_aggs_item(p, &aggs, measure, &cols));
    HI_TRY(hi_plan_aggs_op(p, &aggs, out));
    return hi_plan_project(p, *out, &cols, out);
}

/* The names of the two columns of a level. */
static hist_status nested_names(hi_plan *p, const hi_ast_op *level, plan_cols *cols,
                                const hi_top_level *l)
{
    const hi_ast_item *of = &level->items[0];
    const hi_ast_item *measure = &level->by[0];
    const char *key =
        of->name_count > 0 ? hi_plan_name(p, of->names[0].text) : hi_expr_name(&p->b, of->expr);
    const hi_expr *e =
        hi_expr_column(p->x->arena, 0, l->group->schema.fields[1].type, measure->span);

    HI_TRY(hi_plan_cols_add(p, cols, key, l->key));
    const char *name =
        measure->name_count > 0
            ? hi_plan_name(p, measure->names[0].text)
            : hi_arena_printf(p->x->arena, "aggregated_%s", cols->fields[cols->count - 1].name);
    return hi_plan_cols_add(p, cols, name, e);
}

static hist_status nested_level(hi_plan *p, const hi_ast_op *level, hi_op *in, plan_cols *cols,
                                hi_top_level *l)
{
    hi_expr *key;
    hi_expr *others;

    *l = (hi_top_level){.rows = UINT64_MAX};
    HI_TRY(hi_plan_expr(p, in, level->items[0].expr, &key));
    l->key = key;
    if (level->expr != NULL) {
        HI_TRY(hi_plan_rows(p, level->expr, "the number of groups", &l->rows));
    }
    l->ascending = level->by[0].order == HI_ORDER_ASC || level->by[0].order == HI_ORDER_GRANNY_ASC;
    l->has_others = level->value != NULL;
    if (l->has_others) {
        HI_TRY(hi_plan_expr(p, NULL, level->value, &others));
        HI_TRY(hi_plan_cast(p, others, key->type, &others));
        if (!hi_expr_is_const(others)) {
            return PLAN_FAIL(p, level->value->span,
                             "top-nested: what stands for the others must be a constant");
        }
        l->others = hi_expr_value(others);
    }
    HI_TRY(nested_source(p, in, &l->source));
    HI_TRY(nested_group(p, &level->by[0], l->source, &l->group));
    return nested_names(p, level, cols, l);
}

hist_status hi_plan_top_nested(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    plan_cols cols;
    hi_top_level *levels = HI_NEW_ARRAY(p->x->arena, hi_top_level, (size_t)op->sub_count + 1);

    if (levels == NULL) {
        return hi_plan_no_memory(p);
    }
    HI_TRY(hi_plan_cols_init(p, &cols, op->sub_count * 2));
    for (uint32_t i = 0; i < op->sub_count; i++) {
        HI_TRY(nested_level(p, &op->subs[i], in, &cols, &levels[i]));
    }
    return hi_plan_made(
        p, hi_op_top_nested(p->x, in, (hi_schema){cols.count, cols.fields}, levels, op->sub_count),
        out);
}
