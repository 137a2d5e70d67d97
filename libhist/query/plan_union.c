/* plan_union.c -- planning union: every leg is projected to the columns of all. */
#include "query/plan_union.h"

#include <string.h>

#include "query/op_join.h"
#include "query/plan.h"
#include "query/plan_ops.h"

hist_status hi_plan_legs_add(hi_plan *p, plan_legs *legs, hi_op *op, const char *name)
{
    if (legs->count == legs->capacity) {
        const uint32_t capacity = legs->capacity == 0 ? 8 : legs->capacity * 2;
        plan_leg *list = HI_NEW_ARRAY(p->x->arena, plan_leg, capacity);

        if (list == NULL) {
            return hi_plan_no_memory(p);
        }
        if (legs->count > 0) {
            memcpy(list, legs->list, legs->count * sizeof(list[0]));
        }
        legs->list = list;
        legs->capacity = capacity;
    }
    if (name == NULL) {
        name = hi_arena_printf(p->x->arena, "%s%u", legs->prefix, legs->count);
        if (name == NULL) {
            return hi_plan_no_memory(p);
        }
    }
    legs->list[legs->count++] = (plan_leg){op, name};
    return HIST_OK;
}

/* All views of the text whose names match a pattern. */
static hist_status legs_views(hi_plan *p, const hi_ast_expr *e, plan_legs *legs)
{
    for (const hi_scope *s = p->b.scope; s != NULL; s = s->outer) {
        for (const hi_name *n = s->names; n != NULL; n = n->next) {
            const char *name = hi_plan_name(p, n->name);
            const hi_ast_expr use = {
                .kind = HI_AST_NAME, .span = e->span, .op_span = e->span, .name = n->name};
            hi_op *op;

            if (name == NULL) {
                return hi_plan_no_memory(p);
            }
            if (n->kind == HI_NAME_LAMBDA && n->lambda->is_view &&
                hi_plan_wild_match(e->name, name)) {
                HI_TRY(hi_plan_sub(p, &use, NULL, &op));
                HI_TRY(hi_plan_legs_add(p, legs, op, name));
            }
        }
    }
    return HIST_OK;
}

/* All tables whose names match a pattern. */
static hist_status legs_wild(hi_plan *p, hist_str pattern, plan_legs *legs)
{
    hi_table_def *tables;
    uint32_t count = 0;

    if (p->database == 0) {
        return HIST_OK;
    }
    HI_TRY(hi_catalog_tables(p->x->catalog, p->database, p->x->arena, &tables, &count, p->x->err));
    for (uint32_t i = 0; i < count; i++) {
        hi_op *op;

        if (!hi_plan_wild_match(pattern, tables[i].name)) {
            continue;
        }
        HI_TRY(hi_plan_made(p, hi_op_scan(p->x, &tables[i]), &op));
        HI_TRY(hi_plan_legs_add(p, legs, op, tables[i].name));
    }
    return HIST_OK;
}

/* The name rows of this leg are shown with: of the table, or of the last `as`. NULL: none. */
static const char *legs_name(hi_plan *p, const hi_ast_expr *e)
{
    if (e->kind == HI_AST_MEMBER ||
        (e->kind == HI_AST_NAME && hi_scope_find(p->b.scope, e->name) == NULL)) {
        return hi_plan_name(p, e->name);
    }
    if (e->kind != HI_AST_PIPE) {
        return NULL;
    }
    for (uint32_t i = e->op_count; i > 0; i--) {
        if (e->ops[i - 1].kind == HI_OP_AS) {
            return hi_plan_name(p, e->ops[i - 1].names[0].text);
        }
    }
    return e->ops[0].kind == HI_OP_TABLE ? legs_name(p, e->ops[0].expr) : NULL;
}

hist_status hi_plan_legs_item(hi_plan *p, const hi_ast_expr *e, bool fuzzy, plan_legs *legs)
{
    hi_op *op;

    if (e->kind == HI_AST_WILD) {
        HI_TRY(legs_views(p, e, legs));
        return legs_wild(p, e->name, legs);
    }
    const hist_status status = hi_plan_sub(p, e, NULL, &op);
    if (fuzzy && status == HIST_ESEMANTIC) {
        return HIST_OK;
    }
    if (status != HIST_OK) {
        return status;
    }
    return hi_plan_legs_add(p, legs, op, legs_name(p, e));
}

/* ---- columns ---- */

static bool legs_have(const plan_legs *legs, const hi_field *f)
{
    for (uint32_t i = 0; i < legs->count; i++) {
        const hi_schema *schema = &legs->list[i].op->schema;
        const int32_t c = hi_schema_find(schema, (hist_str){f->name, strlen(f->name)});

        if (c < 0 || schema->fields[c].type != f->type) {
            return false;
        }
    }
    return true;
}

/* Whether another leg has the name with another type. */
static bool legs_clash(const plan_legs *legs, const hi_field *f)
{
    for (uint32_t i = 0; i < legs->count; i++) {
        const hi_schema *schema = &legs->list[i].op->schema;
        const int32_t c = hi_schema_find(schema, (hist_str){f->name, strlen(f->name)});

        if (c >= 0 && schema->fields[c].type != f->type) {
            return true;
        }
    }
    return false;
}

/* The name of a leg's column in the result: x, or x_long where types differ. */
static const char *legs_column(hi_plan *p, const plan_legs *legs, const hi_field *f)
{
    return legs_clash(legs, f)
               ? hi_arena_printf(p->x->arena, "%s_%s", f->name, hist_type_name(f->type))
               : f->name;
}

static hi_expr *legs_null(hi_plan *p, hist_type type)
{
    const hi_value v = {.type = type, .null = true};

    return hi_expr_const(p->x->arena, &v, type, (hi_ast_span){0, 0});
}

static hist_status legs_schema(hi_plan *p, const plan_legs *legs, bool inner, const char *source,
                               plan_cols *cols)
{
    HI_TRY(hi_plan_cols_init(p, cols, 16));
    if (source != NULL) {
        HI_TRY(hi_plan_cols_add(p, cols, source, legs_null(p, HIST_TYPE_STRING)));
    }
    for (uint32_t i = 0; i < legs->count; i++) {
        const hi_schema *schema = &legs->list[i].op->schema;

        for (uint32_t c = 0; c < schema->count; c++) {
            const char *name = legs_column(p, legs, &schema->fields[c]);

            if (name == NULL) {
                return hi_plan_no_memory(p);
            }
            if ((!inner || legs_have(legs, &schema->fields[c])) && hi_plan_find(cols, name) < 0) {
                HI_TRY(hi_plan_cols_add(p, cols, name, legs_null(p, schema->fields[c].type)));
            }
        }
    }
    return HIST_OK;
}

static hist_status legs_project(hi_plan *p, const plan_legs *legs, uint32_t i, bool source,
                                const plan_cols *all, hi_op **out)
{
    hi_op *op = legs->list[i].op;
    const hi_expr **exprs = HI_NEW_ARRAY(p->x->arena, const hi_expr *, (size_t)all->count + 1);

    if (exprs == NULL) {
        return hi_plan_no_memory(p);
    }
    memcpy(exprs, all->exprs, all->count * sizeof(exprs[0]));
    if (source) {
        const hi_value v = {.type = HIST_TYPE_STRING,
                            .str = {legs->list[i].name, strlen(legs->list[i].name)}};

        exprs[0] = hi_expr_const(p->x->arena, &v, HIST_TYPE_STRING, (hi_ast_span){0, 0});
    }
    for (uint32_t c = 0; c < op->schema.count; c++) {
        const char *name = legs_column(p, legs, &op->schema.fields[c]);
        const int32_t to = name == NULL ? -1 : hi_plan_find(all, name);

        if (to >= 0) {
            exprs[to] = hi_plan_column(p, op, c);
        }
    }
    return hi_plan_made(p, hi_op_project(p->x, op, (hi_schema){all->count, all->fields}, exprs),
                        out);
}

hist_status hi_plan_legs_union(hi_plan *p, const plan_legs *legs, bool inner, const char *source,
                               hi_op **out)
{
    plan_cols all;
    hi_op **ops = HI_NEW_ARRAY(p->x->arena, hi_op *, (size_t)legs->count + 1);

    if (ops == NULL) {
        return hi_plan_no_memory(p);
    }
    HI_TRY(legs_schema(p, legs, inner, source, &all));
    for (uint32_t i = 0; i < legs->count; i++) {
        HI_TRY(legs_project(p, legs, i, source != NULL, &all, &ops[i]));
    }
    return hi_plan_made(p, hi_op_union(p->x, ops, legs->count), out);
}

hist_status hi_plan_union(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    plan_legs legs = {.prefix = "union_arg"};
    const hist_str kind = hi_plan_prop(op, "kind");
    const hist_str source = hi_plan_prop(op, "withsource");
    const hi_ast_prop *fuzzy = hi_ast_prop_find(op, "isfuzzy");
    const bool is_fuzzy =
        fuzzy != NULL && fuzzy->value->kind == HI_AST_LITERAL && fuzzy->value->literal.i64 != 0;

    if (in != NULL) {
        HI_TRY(hi_plan_legs_add(p, &legs, in, p->input_name));
    }
    for (uint32_t i = 0; i < op->item_count; i++) {
        HI_TRY(hi_plan_legs_item(p, op->items[i].expr, is_fuzzy, &legs));
    }
    if (legs.count == 0) {
        return PLAN_FAIL(p, op->op_span, "union: there is no table to read");
    }
    return hi_plan_legs_union(p, &legs, hi_str_is(kind, "inner"),
                              source.size == 0 ? NULL : hi_plan_name(p, source), out);
}
