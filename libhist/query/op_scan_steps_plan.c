/* op_scan_steps_plan.c -- planning scan. Know first: `step.column` becomes a column of that very name. */
#include <string.h>

#include "query/op_scan_steps.h"
#include "query/plan.h"
#include "query/plan_ops.h"

typedef struct plan_scan {
    const hi_ast_op *op;
    const hi_op *in;
    plan_cols cols; /* Child and declared. */
    uint32_t declared;
    hi_value *defaults;
    hi_op *seen; /* What expressions are bound over. */
} plan_scan;

/* ---- declared columns ---- */

static hist_status scan_default(hi_plan *p, const hi_ast_decl *decl, hi_value *out)
{
    hi_expr *e;

    *out = (hi_value){.type = decl->type, .null = true};
    if (decl->value == NULL) {
        out->null = decl->type != HIST_TYPE_STRING;
        out->str = (hist_str){"", 0};
        return HIST_OK;
    }
    HI_TRY(hi_plan_expr(p, NULL, decl->value, &e));
    HI_TRY(hi_plan_cast(p, e, decl->type, &e));
    if (!hi_expr_is_const(e)) {
        return PLAN_FAIL(p, decl->value->span, "scan: the default of a column must be a constant");
    }
    *out = hi_expr_value(e);
    return HIST_OK;
}

static hist_status scan_declare(hi_plan *p, plan_scan *s)
{
    const hi_ast_op *op = s->op;

    s->declared = op->decl_count;
    s->defaults = HI_NEW_ARRAY(p->x->arena, hi_value, (size_t)op->decl_count + 1);
    if (s->defaults == NULL) {
        return hi_plan_no_memory(p);
    }
    HI_TRY(hi_plan_cols_init(p, &s->cols, s->in->schema.count + op->decl_count + 1));
    for (uint32_t c = 0; c < s->in->schema.count; c++) {
        HI_TRY(hi_plan_cols_add(p, &s->cols, s->in->schema.fields[c].name,
                                hi_plan_column(p, s->in, c)));
    }
    for (uint32_t d = 0; d < op->decl_count; d++) {
        const hi_ast_decl *decl = &op->decls[d];
        const char *name = hi_plan_name(p, decl->name.text);

        if (decl->type == 0) {
            return PLAN_FAIL(p, decl->span, "scan: the column needs a type, such as %s:long",
                             name != NULL ? name : "");
        }
        if (name != NULL && hi_plan_find(&s->cols, name) >= 0) {
            return PLAN_FAIL(p, decl->span, "scan: there is a column '%s' already", name);
        }
        HI_TRY(scan_default(p, decl, &s->defaults[d]));
        HI_TRY(hi_plan_cols_add(p, &s->cols, name,
                                hi_expr_column(p->x->arena, 0, decl->type, decl->span)));
    }
    return HIST_OK;
}

/* ---- what expressions see ---- */

static hist_status scan_seen(hi_plan *p, plan_scan *s)
{
    const uint32_t width = s->cols.count;
    const uint32_t steps = s->op->sub_count;
    hi_field *fields = HI_NEW_ARRAY(p->x->arena, hi_field, (size_t)width * (steps + 1));

    if (fields == NULL) {
        return hi_plan_no_memory(p);
    }
    for (uint32_t i = 0; i < width * (steps + 1); i++) {
        fields[i] = s->cols.fields[i % width];
        if (i >= width) {
            const hist_str step = s->op->subs[i / width - 1].names[0].text;

            fields[i].name =
                hi_arena_printf(p->x->arena, "%.*s.%s", (int)step.size, step.data, fields[i].name);
        }
        if (fields[i].name == NULL) {
            return hi_plan_no_memory(p);
        }
    }
    const hi_schema schema = {width * (steps + 1), fields};
    s->seen = hi_op_rows(p->x, &schema, NULL);
    if (s->seen == NULL) {
        return hi_plan_no_memory(p);
    }
    s->seen->serialized = false;
    return HIST_OK;
}

static bool scan_is_step(const plan_scan *s, const hi_ast_expr *e)
{
    for (uint32_t i = 0; e->kind == HI_AST_NAME && i < s->op->sub_count; i++) {
        const hist_str step = s->op->subs[i].names[0].text;

        if (step.size == e->name.size && memcmp(step.data, e->name.data, step.size) == 0) {
            return true;
        }
    }
    return false;
}

/* A copy of e in which step.column is one name. Trees are at most HI_AST_HEIGHT_MAX high. */
static hist_status scan_rewrite(hi_plan *p, const plan_scan *s, const hi_ast_expr *e,
                                hi_ast_expr **out)
{
    hi_ast_expr *copy = HI_NEW(p->x->arena, hi_ast_expr);

    if (copy == NULL) {
        return hi_plan_no_memory(p);
    }
    *copy = *e;
    *out = copy;
    if (e->kind == HI_AST_MEMBER && scan_is_step(s, e->args[0])) {
        const hist_str step = e->args[0]->name;
        const char *name = hi_arena_printf(p->x->arena, "%.*s.%.*s", (int)step.size, step.data,
                                           (int)e->name.size, e->name.data);
        if (name == NULL) {
            return hi_plan_no_memory(p);
        }
        *copy = (hi_ast_expr){.kind = HI_AST_NAME,
                              .span = e->span,
                              .op_span = e->op_span,
                              .height = 1,
                              .name = {name, strlen(name)}};
        return HIST_OK;
    }
    if (e->arg_count == 0) {
        return HIST_OK;
    }
    copy->args = HI_NEW_ARRAY(p->x->arena, hi_ast_expr *, e->arg_count);
    if (copy->args == NULL) {
        return hi_plan_no_memory(p);
    }
    for (uint32_t i = 0; i < e->arg_count; i++) {
        HI_TRY(scan_rewrite(p, s, e->args[i], &copy->args[i]));
    }
    return HIST_OK;
}

/* ---- steps ---- */

static hist_status scan_assign(hi_plan *p, const plan_scan *s, const hi_ast_item *item,
                               const hi_expr **assign)
{
    hi_ast_expr *ast;
    hi_expr *e;

    if (item->name_count != 1) {
        return PLAN_FAIL(p, item->span, "scan: write column = expression after =>");
    }
    const char *name = hi_plan_name(p, item->names[0].text);
    const int32_t c = name != NULL ? hi_plan_find(&s->cols, name) : -1;
    const int32_t d = c - (int32_t)s->in->schema.count;
    if (c < 0 || d < 0) {
        return PLAN_FAIL(p, item->names[0].span,
                         "scan: only columns of declare can be set; '%.*s' is none of them",
                         (int)item->names[0].text.size, item->names[0].text.data);
    }
    HI_TRY(scan_rewrite(p, s, item->expr, &ast));
    HI_TRY(hi_plan_expr(p, s->seen, ast, &e));
    const hist_type type = s->cols.fields[c].type;
    if (e->type != type && e->type != HIST_TYPE_DYNAMIC &&
        !(hi_type_is_number(e->type) && hi_type_is_number(type))) {
        return PLAN_FAIL(p, item->expr->span, "scan: '%s' is a %s, this is a %s", name,
                         hist_type_name(type), hist_type_name(e->type));
    }
    HI_TRY(hi_plan_cast(p, e, type, &e));
    assign[d] = e;
    return HIST_OK;
}

static hist_status scan_output(hi_plan *p, const hi_ast_op *step, hi_step_output *out)
{
    const hist_str output = hi_plan_prop(step, "output");

    *out = HI_STEP_ALL;
    if (hi_str_is(output, "last")) {
        *out = HI_STEP_LAST;
    } else if (hi_str_is(output, "none")) {
        *out = HI_STEP_NONE;
    } else if (output.size > 0 && !hi_str_is(output, "all")) {
        return PLAN_FAIL(p, step->op_span,
                         "scan: there is no output '%.*s'; there are all, last and none",
                         (int)output.size, output.data);
    }
    return HIST_OK;
}

static hist_status scan_step(hi_plan *p, const plan_scan *s, const hi_ast_op *step, hi_step *out)
{
    hi_ast_expr *ast;
    hi_expr *condition;
    const hi_expr **assign = HI_NEW_ARRAY(p->x->arena, const hi_expr *, (size_t)s->declared + 1);

    if (assign == NULL) {
        return hi_plan_no_memory(p);
    }
    HI_TRY(scan_output(p, step, &out->output));
    HI_TRY(scan_rewrite(p, s, step->expr, &ast));
    HI_TRY(hi_plan_predicate(p, s->seen, ast, &condition));
    for (uint32_t i = 0; i < step->item_count; i++) {
        HI_TRY(scan_assign(p, s, &step->items[i], assign));
    }
    out->condition = condition;
    out->assign = assign;
    out->optional = step->optional;
    return HIST_OK;
}

hist_status hi_plan_scan(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    plan_scan s = {.op = op, .in = in};
    const hist_str match_id = hi_plan_prop(op, "with_match_id");
    hi_step *steps = HI_NEW_ARRAY(p->x->arena, hi_step, (size_t)op->sub_count + 1);

    if (steps == NULL) {
        return hi_plan_no_memory(p);
    }
    HI_TRY(scan_declare(p, &s));
    HI_TRY(scan_seen(p, &s));
    for (uint32_t i = 0; i < op->sub_count; i++) {
        HI_TRY(scan_step(p, &s, &op->subs[i], &steps[i]));
    }
    if (match_id.size > 0) {
        HI_TRY(hi_plan_cols_add(p, &s.cols, hi_plan_name(p, match_id),
                                hi_expr_column(p->x->arena, 0, HIST_TYPE_LONG, op->op_span)));
    }
    const hi_steps spec = {.schema = {s.cols.count, s.cols.fields},
                           .declared = s.declared,
                           .defaults = s.defaults,
                           .match_id = match_id.size > 0,
                           .steps = steps,
                           .count = op->sub_count};
    return hi_plan_made(p, hi_op_steps(p->x, in, &spec), out);
}
