/* plan_search.c -- planning search and find: a bare text in the condition is looked for in every column. */
#include <string.h>

#include "query/plan.h"
#include "query/plan_ops.h"
#include "query/plan_union.h"

/* Which operator a pattern with stars asks for. */
static const char *search_operator(hist_str *text, bool exact)
{
    const bool front = text->size > 0 && text->data[0] == '*';
    const bool back = text->size > (size_t)front && text->data[text->size - 1] == '*';

    text->data += front;
    text->size -= (size_t)front + (size_t)back;
    if (front && back) {
        return exact ? "contains_cs" : "contains";
    }
    if (back) {
        return exact ? "hasprefix_cs" : "hasprefix";
    }
    if (front) {
        return exact ? "hassuffix_cs" : "hassuffix";
    }
    return exact ? "has_cs" : "has";
}

static hist_status search_or(hi_plan *p, hi_ast_span span, hi_expr *more, hi_expr **all)
{
    const hi_expr *both[2] = {*all, more};

    if (*all == NULL) {
        *all = more;
        return HIST_OK;
    }
    return hi_plan_call(p, "or", span, both, 2, all);
}

static hist_status search_false(hi_plan *p, hi_ast_span span, hi_expr **out)
{
    const hi_value v = {.type = HIST_TYPE_BOOL};

    *out = hi_expr_const(p->x->arena, &v, HIST_TYPE_BOOL, span);
    return *out != NULL ? HIST_OK : hi_plan_no_memory(p);
}

/* The literal in any column of text or dynamic values. */
static hist_status search_term(hi_plan *p, const hi_op *in, const hi_ast_expr *e, bool exact,
                               hi_expr **out)
{
    hi_expr *all = NULL;
    hi_expr *text;
    hi_expr *bound;

    HI_TRY(hi_plan_expr(p, NULL, e, &bound));
    HI_TRY(hi_plan_cast(p, bound, HIST_TYPE_STRING, &text));
    hi_value v = hi_expr_value(text);
    if (hi_str_is(v.str, "*")) {
        v = (hi_value){.type = HIST_TYPE_BOOL, .i64 = 1};
        *out = hi_expr_const(p->x->arena, &v, HIST_TYPE_BOOL, e->span);
        return *out != NULL ? HIST_OK : hi_plan_no_memory(p);
    }
    const char *how = search_operator(&v.str, exact);
    hi_expr *needle = hi_expr_const(p->x->arena, &v, HIST_TYPE_STRING, e->span);
    for (uint32_t c = 0; needle != NULL && c < in->schema.count; c++) {
        hi_expr *one;

        const hist_type type = in->schema.fields[c].type;

        if (strcmp(in->schema.fields[c].name, "$table") == 0 ||
            (type != HIST_TYPE_STRING && type != HIST_TYPE_DYNAMIC)) {
            continue;
        }
        HI_TRY(hi_plan_cast(p, hi_plan_column(p, in, c), HIST_TYPE_STRING, &one));
        const hi_expr *args[2] = {one, needle};
        HI_TRY(hi_plan_call(p, how, e->span, args, 2, &one));
        HI_TRY(search_or(p, e->span, one, &all));
    }
    *out = all;
    return all != NULL ? HIST_OK : search_false(p, e->span, out);
}

static hist_status search_bind(hi_plan *p, const hi_op *in, const hi_ast_expr *e, bool exact,
                               hi_expr **out)
{
    hi_expr *sides[2];
    const bool binary = e->kind == HI_AST_BINARY && (e->op == HI_OPR_AND || e->op == HI_OPR_OR);

    if (e->kind == HI_AST_LITERAL && e->literal.type != HIST_TYPE_BOOL) {
        return search_term(p, in, e, exact, out);
    }
    if (binary) {
        HI_TRY(search_bind(p, in, e->args[0], exact, &sides[0]));
        HI_TRY(search_bind(p, in, e->args[1], exact, &sides[1]));
        const hi_expr *args[2] = {sides[0], sides[1]};
        return hi_plan_call(p, e->op == HI_OPR_AND ? "and" : "or", e->op_span, args, 2, out);
    }
    if (e->kind == HI_AST_CALL && hi_str_is(e->name, "not") && e->arg_count == 1) {
        HI_TRY(search_bind(p, in, e->args[0], exact, &sides[0]));
        const hi_expr *args[1] = {sides[0]};
        return hi_plan_call(p, "not", e->op_span, args, 1, out);
    }
    return hi_plan_predicate(p, in, e, out);
}

static hist_status search_legs(hi_plan *p, const hi_ast_op *op, hi_op *in, plan_legs *legs)
{
    const hi_ast_expr all = {.kind = HI_AST_WILD, .span = op->op_span, .name = {"*", 1}};

    if (in != NULL) {
        HI_TRY(hi_plan_legs_add(p, legs, in, p->input_name));
    }
    for (uint32_t i = 0; i < op->item_count; i++) {
        HI_TRY(hi_plan_legs_item(p, op->items[i].expr, false, legs));
    }
    if (in == NULL && op->item_count == 0) {
        HI_TRY(hi_plan_legs_item(p, &all, false, legs));
    }
    if (legs->count == 0) {
        return PLAN_FAIL(p, op->op_span, "%s: there is no table to read", hi_ast_op_name(op->kind));
    }
    return HIST_OK;
}

hist_status hi_plan_search(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    plan_legs legs = {.prefix = "search_arg"};
    hi_op *all;
    hi_expr *predicate;
    const hist_str kind = hi_plan_prop(op, "kind");

    HI_TRY(search_legs(p, op, in, &legs));
    HI_TRY(hi_plan_legs_union(p, &legs, false, "$table", &all));
    HI_TRY(search_bind(p, all, op->expr, hi_str_is(kind, "case_sensitive"), &predicate));
    return hi_plan_where(p, predicate, all, out);
}

/* find: the rows of all tables, with their table's name first; project chooses columns. */
hist_status hi_plan_find_op(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    plan_legs legs = {.prefix = "find_arg"};
    plan_cols cols;
    hi_op *all;
    hi_expr *predicate;
    const hist_str source = hi_plan_prop(op, "withsource");
    const char *name = source.size > 0 ? hi_plan_name(p, source) : "source_";

    HI_TRY(search_legs(p, op, in, &legs));
    HI_TRY(hi_plan_legs_union(p, &legs, false, name, &all));
    HI_TRY(search_bind(p, all, op->expr, false, &predicate));
    HI_TRY(hi_plan_where(p, predicate, all, out));
    if (!op->find_project) {
        return HIST_OK;
    }
    HI_TRY(hi_plan_cols_init(p, &cols, op->by_count + 1));
    HI_TRY(hi_plan_cols_add(p, &cols, name, hi_plan_column(p, *out, 0)));
    for (uint32_t i = 0; i < op->by_count; i++) {
        HI_TRY(hi_plan_item(p, *out, &op->by[i], &cols));
    }
    return hi_plan_project(p, *out, &cols, out);
}
