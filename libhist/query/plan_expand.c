/* plan_expand.c -- planning mv-expand and mv-apply. */
#include <string.h>

#include "query/op_apply.h"
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
    for (uint32_t i = 0; i < op->item_count; i++) {
        HI_TRY(expand_item(p, in, &op->items[i], &e));
    }
    if (index.size > 0) {
        HI_TRY(expand_column(p, &e, hi_plan_name(p, index), HIST_TYPE_LONG, &e.spec.index_column));
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

/* ---- mv-apply ---- */

/* Whether an item of the operator takes the place of a column of the source. */
static bool apply_replaces(const hi_ast_op *op, const char *name)
{
    for (uint32_t i = 0; i < op->item_count; i++) {
        const hi_ast_item *item = &op->items[i];
        const hist_str text = item->name_count > 0 ? item->names[0].text : item->expr->name;

        if ((item->name_count > 0 || item->expr->kind == HI_AST_NAME) && hi_str_is(text, name)) {
            return true;
        }
    }
    return false;
}

/* Columns of the source that the inner pipe does not give, then what it gives. */
static hist_status apply_columns(hi_plan *p, const hi_ast_op *op, const hi_op *in, hi_apply *spec)
{
    const hi_schema *inner = &spec->inner->schema;
    uint32_t *sources = HI_NEW_ARRAY(p->x->arena, uint32_t, (size_t)in->schema.count + 1);
    hi_field *fields =
        HI_NEW_ARRAY(p->x->arena, hi_field, (size_t)in->schema.count + inner->count + 1);
    uint32_t n = 0;

    if (sources == NULL || fields == NULL) {
        return hi_plan_no_memory(p);
    }
    for (uint32_t c = 0; c < in->schema.count; c++) {
        const hi_field *f = &in->schema.fields[c];

        if (hi_schema_find(inner, (hist_str){f->name, strlen(f->name)}) < 0 &&
            !apply_replaces(op, f->name)) {
            sources[n] = c;
            fields[n++] = *f;
        }
    }
    memcpy(fields + n, inner->fields, inner->count * sizeof(hi_field));
    spec->sources = sources;
    spec->source_count = n;
    spec->schema = (hi_schema){n + inner->count, fields};
    return HIST_OK;
}

hist_status hi_plan_apply(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    hi_apply spec = {0};
    hi_op *expanded;

    HI_TRY(hi_plan_made(p, hi_op_rows(p->x, &in->schema, NULL), &spec.rows));
    HI_TRY(hi_plan_expand(p, op, spec.rows, &expanded));
    HI_TRY(hi_plan_sub(p, op->table, expanded, &spec.inner));
    HI_TRY(apply_columns(p, op, in, &spec));
    return hi_plan_made(p, hi_op_apply(p->x, in, &spec), out);
}
