/* plan_items.c -- expressions of operators bound to columns with names. */
#include <string.h>

#include "query/nearest.h"
#include "query/plan.h"

/* ---- expressions ---- */

hist_status hi_plan_expr(hi_plan *p, const hi_op *in, const hi_ast_expr *e, hi_expr **out)
{
    const hi_schema *schema = p->b.schema;
    const bool serialized = p->b.serialized;

    p->b.schema = in != NULL ? &in->schema : NULL;
    p->b.serialized = in != NULL && in->serialized;
    const hist_status status = hi_bind_expr(&p->b, e, out);
    p->b.schema = schema;
    p->b.serialized = serialized;
    return status;
}

hist_status hi_plan_predicate(hi_plan *p, const hi_op *in, const hi_ast_expr *e, hi_expr **out)
{
    const hi_schema *schema = p->b.schema;
    const bool serialized = p->b.serialized;

    p->b.schema = in != NULL ? &in->schema : NULL;
    p->b.serialized = in != NULL && in->serialized;
    const hist_status status = hi_bind_predicate(&p->b, e, out);
    p->b.schema = schema;
    p->b.serialized = serialized;
    return status;
}

hist_status hi_plan_const(hi_plan *p, const hi_ast_expr *e, const char *what, hi_value *out)
{
    hi_expr *bound;

    HI_TRY(hi_plan_expr(p, NULL, e, &bound));
    if (!hi_expr_is_const(bound)) {
        return PLAN_FAIL(p, e->span, "%s must be a constant", what);
    }
    *out = hi_expr_value(bound);
    return HIST_OK;
}

hist_status hi_plan_rows(hi_plan *p, const hi_ast_expr *e, const char *what, uint64_t *out)
{
    hi_value v;

    HI_TRY(hi_plan_const(p, e, what, &v));
    if ((v.type != HIST_TYPE_LONG && v.type != HIST_TYPE_INT) || v.null) {
        return PLAN_FAIL(p, e->span, "%s must be a whole number", what);
    }
    if (v.i64 < 0) {
        return PLAN_FAIL(p, e->span, "%s must not be negative", what);
    }
    *out = (uint64_t)v.i64;
    return HIST_OK;
}

hi_expr *hi_plan_column(hi_plan *p, const hi_op *in, uint32_t c)
{
    return hi_expr_column(p->x->arena, c, in->schema.fields[c].type, (hi_ast_span){0, 0});
}

hist_status hi_plan_column_named(hi_plan *p, const hi_op *in, const hi_ast_expr *e, uint32_t *out)
{
    hi_expr *bound;

    if (e->kind != HI_AST_NAME) {
        return PLAN_FAIL(p, e->span, "the name of a column is needed here");
    }
    const int32_t c = hi_schema_find(&in->schema, e->name);
    if (c < 0) {
        HI_TRY(hi_plan_expr(p, in, e, &bound)); /* Says what is near. */
        return PLAN_FAIL(p, e->span, "'%.*s' is not a column", (int)e->name.size, e->name.data);
    }
    *out = (uint32_t)c;
    return HIST_OK;
}

hist_status hi_plan_call(hi_plan *p, const char *func, hi_ast_span span, const hi_expr **args,
                         uint32_t count, hi_expr **out)
{
    const hi_func *f = hi_func_find((hist_str){func, strlen(func)});

    if (f == NULL) {
        return PLAN_FAIL(p, span, "%s() is not supported", func);
    }
    return hi_func_call(p->x->arena, p->x->ctx, f, span, args, count, out, p->x->err);
}

hist_status hi_plan_cast(hi_plan *p, const hi_expr *e, hist_type type, hi_expr **out)
{
    return hi_func_cast(p->x->arena, p->x->ctx, e, type, out, p->x->err);
}

/* ---- names ---- */

const char *hi_plan_name(hi_plan *p, hist_str text)
{
    return hi_arena_strdup(p->x->arena, text.data, text.size);
}

int32_t hi_plan_find(const plan_cols *cols, const char *name)
{
    for (uint32_t i = 0; i < cols->count; i++) {
        if (strcmp(cols->fields[i].name, name) == 0) {
            return (int32_t)i;
        }
    }
    return -1;
}

const char *hi_plan_unique(hi_plan *p, const plan_cols *cols, const char *name)
{
    const char *tried = name;

    for (uint32_t n = 1; tried != NULL && hi_plan_find(cols, tried) >= 0; n++) {
        tried = hi_arena_printf(p->x->arena, "%s%u", name, n);
    }
    return tried;
}

static bool wild_match(const char *pattern, size_t size, const char *name)
{
    size_t star = SIZE_MAX;
    size_t i = 0;
    const char *from = name;

    while (*name != '\0') {
        if (i < size && pattern[i] == '*') {
            star = i++;
            from = name;
        } else if (i < size && pattern[i] == *name) {
            i++;
            name++;
        } else if (star != SIZE_MAX) {
            i = star + 1;
            name = ++from;
        } else {
            return false;
        }
    }
    while (i < size && pattern[i] == '*') {
        i++;
    }
    return i == size;
}

bool hi_plan_wild_match(hist_str pattern, const char *name)
{
    return wild_match(pattern.data, pattern.size, name);
}

hist_str hi_plan_prop(const hi_ast_op *op, const char *name)
{
    const hi_ast_prop *prop = hi_ast_prop_find(op, name);

    if (prop == NULL || prop->value == NULL) {
        return (hist_str){"", 0};
    }
    return prop->value->kind == HI_AST_LITERAL ? prop->value->literal.str : prop->value->name;
}

/* ---- columns ---- */

hist_status hi_plan_cols_init(hi_plan *p, plan_cols *cols, uint32_t capacity)
{
    capacity = capacity < 8 ? 8 : capacity;
    *cols = (plan_cols){.capacity = capacity};
    cols->fields = HI_NEW_ARRAY(p->x->arena, hi_field, capacity);
    cols->exprs = HI_NEW_ARRAY(p->x->arena, const hi_expr *, capacity);
    return cols->fields != NULL && cols->exprs != NULL ? HIST_OK : hi_plan_no_memory(p);
}

static hist_status cols_grow(hi_plan *p, plan_cols *cols)
{
    plan_cols more;

    HI_TRY(hi_plan_cols_init(p, &more, cols->capacity * 2));
    memcpy(more.fields, cols->fields, cols->count * sizeof(cols->fields[0]));
    memcpy(more.exprs, cols->exprs, cols->count * sizeof(cols->exprs[0]));
    more.count = cols->count;
    more.unnamed = cols->unnamed;
    *cols = more;
    return HIST_OK;
}

hist_status hi_plan_cols_add(hi_plan *p, plan_cols *cols, const char *name, const hi_expr *e)
{
    if (cols->count == cols->capacity) {
        HI_TRY(cols_grow(p, cols));
    }
    if (name == NULL || name[0] == '\0') {
        name = hi_arena_printf(p->x->arena, "Column%u", ++cols->unnamed);
    }
    if (name == NULL || e == NULL) {
        return hi_plan_no_memory(p);
    }
    name = hi_plan_unique(p, cols, name);
    if (name == NULL) {
        return hi_plan_no_memory(p);
    }
    cols->fields[cols->count] = (hi_field){name, e->type};
    cols->exprs[cols->count++] = e;
    return HIST_OK;
}

/* f() with several results and no or several names. */
static hist_status item_outputs(hi_plan *p, const hi_ast_item *item, const hi_expr *e,
                                plan_cols *cols)
{
    const uint32_t n = hi_expr_outputs(e);

    if (item->tuple && item->name_count > n) {
        return PLAN_FAIL(p, item->span, "%u names for %u results", item->name_count, n);
    }
    const uint32_t count = item->tuple ? item->name_count : n;
    for (uint32_t i = 0; i < count; i++) {
        const char *name = item->tuple ? hi_plan_name(p, item->names[i].text)
                                       : hi_expr_output_name(&p->b, item->expr, e, i);

        HI_TRY(hi_plan_cols_add(p, cols, name, hi_expr_output(p->x->arena, e, i)));
    }
    return HIST_OK;
}

hist_status hi_plan_item(hi_plan *p, const hi_op *in, const hi_ast_item *item, plan_cols *cols)
{
    hi_expr *e;
    const uint32_t before = cols->count;

    HI_TRY(hi_plan_expr(p, in, item->expr, &e));
    if (item->tuple || (item->name_count == 0 && hi_expr_outputs(e) > 1)) {
        return item_outputs(p, item, e, cols);
    }
    if (hi_expr_outputs(e) > 1) {
        e = hi_expr_output(p->x->arena, e, 0);
    }
    const char *name = item->name_count > 0 ? hi_plan_name(p, item->names[0].text)
                                            : hi_expr_name(&p->b, item->expr);
    HI_TRY(hi_plan_cols_add(p, cols, name, e));
    if (item->name_count > 0 && strcmp(cols->fields[before].name, name) != 0) {
        return PLAN_FAIL(p, item->names[0].span, "there are two columns called '%s'", name);
    }
    return HIST_OK;
}

hist_status hi_plan_project(hi_plan *p, hi_op *in, const plan_cols *cols, hi_op **out)
{
    return hi_plan_made(
        p, hi_op_project(p->x, in, (hi_schema){cols->count, cols->fields}, cols->exprs), out);
}
