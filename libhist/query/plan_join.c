/* plan_join.c -- planning join and lookup. */
#include <string.h>

#include "query/op_join.h"
#include "query/plan.h"
#include "query/plan_ops.h"

static const struct {
    const char *name;
    hi_join_kind kind;
} join_kinds[] = {
    {"innerunique", HI_JOIN_INNERUNIQUE}, {"inner", HI_JOIN_INNER},
    {"leftouter", HI_JOIN_LEFTOUTER},     {"rightouter", HI_JOIN_RIGHTOUTER},
    {"fullouter", HI_JOIN_FULLOUTER},     {"leftsemi", HI_JOIN_LEFTSEMI},
    {"semi", HI_JOIN_LEFTSEMI},           {"leftanti", HI_JOIN_LEFTANTI},
    {"anti", HI_JOIN_LEFTANTI},           {"leftantisemi", HI_JOIN_LEFTANTI},
    {"rightsemi", HI_JOIN_RIGHTSEMI},     {"rightanti", HI_JOIN_RIGHTANTI},
    {"rightantisemi", HI_JOIN_RIGHTANTI},
};

static hist_status join_kind(hi_plan *p, const hi_ast_op *op, hi_join_kind *out)
{
    const hist_str kind = hi_plan_prop(op, "kind");

    *out = op->kind == HI_OP_LOOKUP ? HI_JOIN_LEFTOUTER : HI_JOIN_INNERUNIQUE;
    if (kind.size == 0) {
        return HIST_OK;
    }
    for (size_t i = 0; i < sizeof(join_kinds) / sizeof(join_kinds[0]); i++) {
        if (hi_str_is(kind, join_kinds[i].name)) {
            *out = join_kinds[i].kind;
            return HIST_OK;
        }
    }
    return PLAN_FAIL(p, op->op_span, "%s: there is no kind '%.*s'", hi_ast_op_name(op->kind),
                     (int)kind.size, kind.data);
}

typedef struct plan_join {
    hi_op *left;
    hi_op *right;
    const hi_expr **left_keys;
    const hi_expr **right_keys;
    uint32_t count;
} plan_join;

/* $left.x: 0, $right.x: 1, anything else: -1. */
static int join_side(const hi_ast_expr *e)
{
    if (e->kind != HI_AST_MEMBER || e->args[0]->kind != HI_AST_NAME) {
        return -1;
    }
    return hi_str_is(e->args[0]->name, "$left")    ? 0
           : hi_str_is(e->args[0]->name, "$right") ? 1
                                                   : -1;
}

static hist_status join_member(hi_plan *p, const hi_op *of, const hi_ast_expr *e, hi_expr **out)
{
    const hi_ast_expr name = {
        .kind = HI_AST_NAME, .span = e->op_span, .op_span = e->op_span, .name = e->name};

    return hi_plan_expr(p, of, &name, out);
}

/* One condition of `on`: a name on both sides, or $left.a == $right.b. */
static hist_status join_condition(hi_plan *p, plan_join *j, const hi_ast_expr *e)
{
    hi_expr *keys[2];

    if (e->kind == HI_AST_BINARY && e->op == HI_OPR_AND) {
        HI_TRY(join_condition(p, j, e->args[0]));
        return join_condition(p, j, e->args[1]);
    }
    if (e->kind == HI_AST_NAME) {
        HI_TRY(hi_plan_expr(p, j->left, e, &keys[0]));
        HI_TRY(hi_plan_expr(p, j->right, e, &keys[1]));
    } else if (e->kind == HI_AST_BINARY && e->op == HI_OPR_EQ && join_side(e->args[0]) >= 0 &&
               join_side(e->args[0]) + join_side(e->args[1]) == 1) {
        const int first = join_side(e->args[0]);

        HI_TRY(join_member(p, first == 0 ? j->left : j->right, e->args[0], &keys[first]));
        HI_TRY(join_member(p, first == 0 ? j->right : j->left, e->args[1], &keys[1 - first]));
    } else {
        return PLAN_FAIL(p, e->span,
                         "join: write a column that both sides have, or $left.a == $right.b");
    }
    if (keys[0]->type != keys[1]->type) {
        if (!hi_type_is_number(keys[0]->type) || !hi_type_is_number(keys[1]->type)) {
            return PLAN_FAIL(p, e->span, "join: the left key is a %s, the right one a %s",
                             hist_type_name(keys[0]->type), hist_type_name(keys[1]->type));
        }
        const bool real = keys[0]->type == HIST_TYPE_REAL || keys[1]->type == HIST_TYPE_REAL;

        for (int i = 0; i < 2; i++) {
            HI_TRY(hi_plan_cast(p, keys[i], real ? HIST_TYPE_REAL : HIST_TYPE_LONG, &keys[i]));
        }
    }
    j->left_keys[j->count] = keys[0];
    j->right_keys[j->count++] = keys[1];
    return HIST_OK;
}

static uint32_t join_count(const hi_ast_expr *e)
{
    if (e->kind == HI_AST_BINARY && e->op == HI_OPR_AND) {
        return join_count(e->args[0]) + join_count(e->args[1]);
    }
    return 1;
}

static hist_status join_keys(hi_plan *p, const hi_ast_op *op, plan_join *j)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < op->item_count; i++) {
        n += join_count(op->items[i].expr);
    }
    j->left_keys = HI_NEW_ARRAY(p->x->arena, const hi_expr *, (size_t)n + 1);
    j->right_keys = HI_NEW_ARRAY(p->x->arena, const hi_expr *, (size_t)n + 1);
    if (j->left_keys == NULL || j->right_keys == NULL) {
        return hi_plan_no_memory(p);
    }
    for (uint32_t i = 0; i < op->item_count; i++) {
        HI_TRY(join_condition(p, j, op->items[i].expr));
    }
    return HIST_OK;
}

/* lookup leaves out the keys of the right side. */
static bool join_drops(const hi_ast_op *op, const plan_join *j, uint32_t c)
{
    for (uint32_t k = 0; op->kind == HI_OP_LOOKUP && k < j->count; k++) {
        const hi_expr *e = j->right_keys[k];

        if (e->kind == HI_EXPR_COLUMN && e->u.column == c) {
            return true;
        }
    }
    return false;
}

static hist_status join_columns(hi_plan *p, const hi_ast_op *op, const plan_join *j, hi_join *spec)
{
    plan_cols cols;
    const bool left = spec->kind != HI_JOIN_RIGHTSEMI && spec->kind != HI_JOIN_RIGHTANTI;
    const bool right = spec->kind != HI_JOIN_LEFTSEMI && spec->kind != HI_JOIN_LEFTANTI;
    uint32_t *places = HI_NEW_ARRAY(p->x->arena, uint32_t, (size_t)j->right->schema.count + 1);

    if (places == NULL) {
        return hi_plan_no_memory(p);
    }
    HI_TRY(hi_plan_cols_init(p, &cols, j->left->schema.count + j->right->schema.count));
    for (uint32_t c = 0; left && c < j->left->schema.count; c++) {
        HI_TRY(hi_plan_cols_add(p, &cols, j->left->schema.fields[c].name,
                                hi_plan_column(p, j->left, c)));
    }
    spec->left_count = cols.count;
    for (uint32_t c = 0; right && c < j->right->schema.count; c++) {
        if (!join_drops(op, j, c)) {
            HI_TRY(hi_plan_cols_add(p, &cols, j->right->schema.fields[c].name,
                                    hi_plan_column(p, j->right, c)));
            places[spec->right_count++] = c;
        }
    }
    spec->right = places;
    spec->schema = (hi_schema){cols.count, cols.fields};
    return HIST_OK;
}

hist_status hi_plan_join(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    plan_join j = {.left = in};
    hi_join spec = {0};
    const char *visualization = p->visualization;

    HI_TRY(join_kind(p, op, &spec.kind));
    HI_TRY(hi_plan_sub(p, op->table, NULL, &j.right));
    p->visualization = visualization;
    HI_TRY(join_keys(p, op, &j));
    spec.left_keys = j.left_keys;
    spec.right_keys = j.right_keys;
    spec.key_count = j.count;
    spec.reverse = op->kind == HI_OP_LOOKUP;
    HI_TRY(join_columns(p, op, &j, &spec));
    return hi_plan_made(p, hi_op_join(p->x, in, j.right, &spec), out);
}
