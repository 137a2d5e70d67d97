/* expr.c -- nodes of bound expressions, walking and copying them; see expr.h. What a planner asks is in expr_pred.c. */
#include "query/expr.h"

#include <string.h>

#include "query/func.h"

int32_t hi_schema_find(const hi_schema *schema, hist_str name)
{
    for (uint32_t i = 0; i < schema->count; i++) {
        if (hi_str_is(name, schema->fields[i].name)) {
            return (int32_t)i;
        }
    }
    return -1;
}

hi_expr *hi_expr_const(hi_arena *arena, const hi_value *value, hist_type type, hi_ast_span span)
{
    hi_expr *e = HI_NEW(arena, hi_expr);

    if (e == NULL || !hi_col_const(arena, type, 1, value, &e->u.constant.value)) {
        return NULL;
    }
    e->kind = HI_EXPR_CONST;
    e->type = type;
    e->span = span;
    return e;
}

hi_expr *hi_expr_column(hi_arena *arena, uint32_t column, hist_type type, hi_ast_span span)
{
    hi_expr *e = HI_NEW(arena, hi_expr);

    if (e != NULL) {
        *e = (hi_expr){.kind = HI_EXPR_COLUMN, .type = type, .span = span, .u.column = column};
    }
    return e;
}

hi_expr *hi_expr_output(hi_arena *arena, const hi_expr *call, uint32_t index)
{
    hi_expr *e = HI_NEW(arena, hi_expr);

    if (e == NULL) {
        return NULL;
    }
    if (hi_expr_outputs(call) == 1) {
        *e = *call;
        return e;
    }
    e->kind = HI_EXPR_OUTPUT;
    e->type = call->u.call.outputs[index].type;
    e->span = call->span;
    e->u.output.call = call;
    e->u.output.index = index;
    return e;
}

/* ---- walking ---- */

void hi_expr_columns(const hi_expr *e, uint64_t *used)
{
    if (e->kind == HI_EXPR_COLUMN) {
        hi_bit_set(used, e->u.column);
    } else if (e->kind == HI_EXPR_OUTPUT) {
        hi_expr_columns(e->u.output.call, used);
    } else if (e->kind == HI_EXPR_CALL) {
        for (uint32_t i = 0; i < e->u.call.arg_count; i++) {
            hi_expr_columns(e->u.call.args[i], used);
        }
    }
}

/* Whether the expression calls a function with one of these flags. */
static bool expr_has_flags(const hi_expr *e, unsigned flags)
{
    if (e->kind == HI_EXPR_OUTPUT) {
        return expr_has_flags(e->u.output.call, flags);
    }
    if (e->kind != HI_EXPR_CALL) {
        return false;
    }
    bool has = (e->u.call.func->flags & flags) != 0;
    for (uint32_t i = 0; !has && i < e->u.call.arg_count; i++) {
        has = expr_has_flags(e->u.call.args[i], flags);
    }
    return has;
}

bool hi_expr_is_window(const hi_expr *e)
{
    return expr_has_flags(e, HI_FUNC_WINDOW);
}

bool hi_expr_is_pure(const hi_expr *e)
{
    return !expr_has_flags(e, HI_FUNC_WINDOW | HI_FUNC_IMPURE);
}

static hi_expr *remap_call(hi_arena *arena, const hi_expr *e, const uint32_t *map)
{
    hi_expr *copy = HI_NEW(arena, hi_expr);
    const hi_expr **args = HI_NEW_ARRAY(arena, const hi_expr *, e->u.call.arg_count);

    if (copy == NULL || args == NULL) {
        return NULL;
    }
    *copy = *e;
    for (uint32_t i = 0; i < e->u.call.arg_count; i++) {
        args[i] = hi_expr_remap(arena, e->u.call.args[i], map);
        if (args[i] == NULL) {
            return NULL;
        }
    }
    copy->u.call.args = args;
    return copy;
}

hi_expr *hi_expr_remap(hi_arena *arena, const hi_expr *e, const uint32_t *map)
{
    if (e->kind == HI_EXPR_CALL) {
        return remap_call(arena, e, map);
    }
    hi_expr *copy = HI_NEW(arena, hi_expr);
    if (copy == NULL) {
        return NULL;
    }
    *copy = *e;
    if (e->kind == HI_EXPR_COLUMN) {
        copy->u.column = map[e->u.column];
    } else if (e->kind == HI_EXPR_OUTPUT) {
        copy->u.output.call = hi_expr_remap(arena, e->u.output.call, map);
        return copy->u.output.call == NULL ? NULL : copy;
    }
    return copy;
}

static bool expr_same_call(const hi_expr *a, const hi_expr *b)
{
    if (a->u.call.func != b->u.call.func || a->u.call.eval != b->u.call.eval ||
        a->u.call.arg_count != b->u.call.arg_count || a->type != b->type) {
        return false;
    }
    for (uint32_t i = 0; i < a->u.call.arg_count; i++) {
        if (!hi_expr_same(a->u.call.args[i], b->u.call.args[i])) {
            return false;
        }
    }
    return hi_expr_is_pure(a);
}

bool hi_expr_same(const hi_expr *a, const hi_expr *b)
{
    if (a->kind != b->kind || a->type != b->type) {
        return false;
    }
    switch (a->kind) {
    case HI_EXPR_CONST:
        return hi_col_equal(&a->u.constant.value, 0, &b->u.constant.value, 0);
    case HI_EXPR_COLUMN:
        return a->u.column == b->u.column;
    case HI_EXPR_OUTPUT:
        return a->u.output.index == b->u.output.index &&
               hi_expr_same(a->u.output.call, b->u.output.call);
    case HI_EXPR_CALL:
    default:
        return expr_same_call(a, b);
    }
}

static bool expr_is_and(const hi_expr *e)
{
    return e->kind == HI_EXPR_CALL && strcmp(e->u.call.func->name, "and") == 0;
}

uint32_t hi_expr_conjuncts(const hi_expr *e, const hi_expr **parts, uint32_t max)
{
    if (max < 2 || !expr_is_and(e)) {
        parts[0] = e;
        return 1;
    }
    uint32_t n = 0;
    const uint32_t count = e->u.call.arg_count;
    if (count > max) {
        parts[0] = e;
        return 1;
    }
    for (uint32_t i = 0; i < count; i++) {
        /* Each argument still to come needs one place. */
        n += hi_expr_conjuncts(e->u.call.args[i], parts + n, max - n - (count - 1 - i));
    }
    return n;
}

hi_expr *hi_expr_and(hi_arena *arena, const hi_expr *const *parts, uint32_t count)
{
    const hi_func *func = hi_func_find((hist_str){"and", 3});
    hi_expr *e = HI_NEW(arena, hi_expr);

    if (e == NULL) {
        return NULL;
    }
    *e = *parts[0];
    for (uint32_t i = 1; i < count; i++) {
        const hi_expr **args = HI_NEW_ARRAY(arena, const hi_expr *, 2);
        hi_expr *both = HI_NEW(arena, hi_expr);

        if (args == NULL || both == NULL) {
            return NULL;
        }
        args[0] = e;
        args[1] = parts[i];
        both->kind = HI_EXPR_CALL;
        both->type = HIST_TYPE_BOOL;
        both->span = parts[i]->span;
        both->u.call.func = func;
        both->u.call.eval = func->eval;
        both->u.call.args = args;
        both->u.call.arg_count = 2;
        both->u.call.output_count = 1;
        e = both;
    }
    return e;
}
