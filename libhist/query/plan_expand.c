/* plan_expand.c -- planning mv-expand. */
#include <string.h>

#include "query/op_expand.h"
#include "query/plan.h"
#include "query/plan_ops.h"

typedef struct plan_expand {
    hi_expand spec;
    hi_field *fields;
    uint32_t *sources;
    hi_expand_item *items;
    uint32_t count; /* Of columns. */
} plan_expand;

static int32_t expand_find(const plan_expand *e, const char *name)
{
    const hi_schema schema = {e->count, e->fields};

    return hi_schema_find(&schema, (hist_str){name, strlen(name)});
}

/* A column of the result called `name`: the one there is, or a new one at the end. */
static hist_status expand_column(hi_plan *p, plan_expand *e, const char *name, hist_type type,
                                 uint32_t *out)
{
    if (name == NULL) {
        return hi_plan_no_memory(p);
    }
    int32_t c = expand_find(e, name);
    if (c < 0) {
        c = (int32_t)e->count++;
        e->fields[c].name = name;
    }
    e->fields[c].type = type;
    e->sources[c] = UINT32_MAX;
    *out = (uint32_t)c;
    return HIST_OK;
}

static hist_status expand_item(hi_plan *p, const hi_op *in, const hi_ast_item *item, plan_expand *e)
{
    hi_expr *expr;
    hi_expand_item *to = &e->items[e->spec.item_count++];

    HI_TRY(hi_plan_expr(p, in, item->expr, &expr));
    if (expr->type != HIST_TYPE_DYNAMIC) {
        return PLAN_FAIL(p, item->expr->span, "mv-expand: a dynamic value is needed, this is a %s",
                         hist_type_name(expr->type));
    }
    const char *name = item->name_count > 0 ? hi_plan_name(p, item->names[0].text)
                                            : hi_expr_name(&p->b, item->expr);
    if (name != NULL && name[0] == '\0') {
        name = hi_arena_printf(p->x->arena, "Column%u", e->spec.item_count);
    }
    to->expr = expr;
    to->type = item->type;
    return expand_column(p, e, name, item->type != 0 ? item->type : HIST_TYPE_DYNAMIC, &to->column);
}

static hist_status expand_begin(hi_plan *p, const hi_ast_op *op, const hi_op *in, plan_expand *e)
{
    const size_t room = (size_t)in->schema.count + op->item_count + 1;

    *e = (plan_expand){.spec = {.index_column = UINT32_MAX, .limit = INT32_MAX}};
    e->fields = HI_NEW_ARRAY(p->x->arena, hi_field, room);
    e->sources = HI_NEW_ARRAY(p->x->arena, uint32_t, room);
    e->items = HI_NEW_ARRAY(p->x->arena, hi_expand_item, (size_t)op->item_count + 1);
    if (e->fields == NULL || e->sources == NULL || e->items == NULL) {
        return hi_plan_no_memory(p);
    }
    e->count = in->schema.count;
    for (uint32_t c = 0; c < e->count; c++) {
        e->fields[c] = in->schema.fields[c];
        e->sources[c] = c;
    }
    return HIST_OK;
}

hist_status hi_plan_expand(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    plan_expand e;
    const hist_str kind = hi_plan_prop(op, "kind");
    const hist_str bags = hi_plan_prop(op, "bagexpansion");
    const hist_str index = hi_plan_prop(op, "with_itemindex");

    HI_TRY(expand_begin(p, op, in, &e));
    if (index.size > 0) {
        HI_TRY(expand_column(p, &e, hi_plan_name(p, index), HIST_TYPE_LONG, &e.spec.index_column));
    }
    for (uint32_t i = 0; i < op->item_count; i++) {
        HI_TRY(expand_item(p, in, &op->items[i], &e));
    }
    if (op->expr != NULL) {
        HI_TRY(hi_plan_rows(p, op->expr, "the limit", &e.spec.limit));
    }
    e.spec.limit = e.spec.limit > INT32_MAX ? INT32_MAX : e.spec.limit;
    e.spec.pairs = hi_str_is(kind, "array") || hi_str_is(bags, "array");
    e.spec.schema = (hi_schema){e.count, e.fields};
    e.spec.items = e.items;
    e.spec.sources = e.sources;
    return hi_plan_made(p, hi_op_mv_expand(p->x, in, &e.spec), out);
}
