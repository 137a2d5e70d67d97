/* bind_expr_name.c -- what a result column is called after its expression; see bind_expr.h. */
#include <string.h>

#include "query/bind_expr.h"

static const char *name_join(hi_binder *b, const char *a, hist_str with)
{
    if (a == NULL || a[0] == '\0') {
        return a;
    }
    return hi_arena_printf(b->arena, "%s_%.*s", a, (int)with.size, with.data);
}

static const char *name_of_index(hi_binder *b, const hi_ast_expr *e)
{
    const hi_ast_expr *index = e->args[1];
    const char *base = hi_expr_name(b, e->args[0]);

    if (index->kind != HI_AST_LITERAL || base == NULL || base[0] == '\0') {
        return "";
    }
    if (index->literal.type == HIST_TYPE_STRING) {
        return name_join(b, base, index->literal.str);
    }
    return hi_arena_printf(b->arena, "%s_%lld", base, (long long)index->literal.i64);
}

static const char *name_of_call(hi_binder *b, const hi_ast_expr *e)
{
    const hi_func *func = hi_func_find(e->name);

    if (hi_str_is(e->name, "column_ifexists") && e->arg_count > 0 &&
        e->args[0]->kind == HI_AST_LITERAL) {
        const hist_str s = e->args[0]->literal.str;

        return hi_arena_strdup(b->arena, s.data, s.size);
    }
    if (func == NULL || e->arg_count == 0 ||
        (func->name_prefix == NULL && (func->flags & HI_FUNC_NAME_ARG) == 0)) {
        return "";
    }
    const char *arg = hi_expr_name(b, e->args[0]);
    if (arg == NULL || func->name_prefix == NULL || arg[0] == '\0') {
        return arg;
    }
    return hi_arena_printf(b->arena, "%s%s", func->name_prefix, arg);
}

const char *hi_expr_name(hi_binder *b, const hi_ast_expr *e)
{
    switch (e->kind) {
    case HI_AST_NAME:
        return hi_arena_strdup(b->arena, e->name.data, e->name.size);
    case HI_AST_MEMBER:
        return name_join(b, hi_expr_name(b, e->args[0]), e->name);
    case HI_AST_INDEX:
        return name_of_index(b, e);
    case HI_AST_CALL:
        return name_of_call(b, e);
    default:
        return "";
    }
}

const char *hi_expr_output_name(hi_binder *b, const hi_ast_expr *e, const hi_expr *call,
                                uint32_t index)
{
    const bool call_of_args = e->kind == HI_AST_CALL && e->arg_count > 0;
    const bool sorted = strncmp(call->u.call.func->name, "array_sort_", 11) == 0;
    const uint32_t which = sorted && call_of_args && index < e->arg_count ? index : 0;
    const char *arg = call_of_args ? hi_expr_name(b, e->args[which]) : "";

    if (arg == NULL) {
        return NULL;
    }
    if (sorted) { /* Each output belongs to one argument. */
        return hi_arena_printf(b->arena, "%s_sorted", arg);
    }
    return hi_arena_printf(b->arena, "%s_%s_%s", call->u.call.func->name, arg,
                           call->u.call.outputs[index].name);
}
