/* plan_source.c -- where rows come from: tables, datatable, print, range. */
#include <string.h>

#include "query/nearest.h"
#include "query/plan.h"
#include "query/plan_ops.h"

/* ---- tables of the store ---- */

static hist_status source_unknown(hi_plan *p, uint32_t database, hist_str name, hi_ast_span span)
{
    hi_table_def *tables = NULL;
    uint32_t count = 0;
    const char *near = NULL;

    if (database != 0) {
        HI_TRY(hi_catalog_tables(p->x->catalog, database, p->x->arena, &tables, &count, p->x->err));
    }
    const char **names = HI_NEW_ARRAY(p->x->arena, const char *, (size_t)count + 1);
    if (names == NULL) {
        return hi_plan_no_memory(p);
    }
    for (uint32_t i = 0; i < count; i++) {
        names[i] = tables[i].name;
    }
    near = hi_nearest(name, names, count);
    if (near != NULL) {
        return PLAN_FAIL(p, span, "there is no table '%.*s'; did you mean '%s'?", (int)name.size,
                         name.data, near);
    }
    return PLAN_FAIL(p, span, "there is no table '%.*s'", (int)name.size, name.data);
}

static hist_status source_database(hi_plan *p, hist_str name, hi_ast_span span, uint32_t *out)
{
    *out = p->database;
    if (name.data == NULL || (strlen(p->database_name) == name.size &&
                              memcmp(p->database_name, name.data, name.size) == 0)) {
        return HIST_OK;
    }
    *out = hi_catalog_database(p->x->catalog, name);
    if (*out == 0) {
        return PLAN_FAIL(p, span, "there is no database '%.*s'", (int)name.size, name.data);
    }
    return HIST_OK;
}

hist_status hi_plan_table_name(hi_plan *p, hist_str database, hist_str name, hi_ast_span span,
                               hi_op **out)
{
    uint32_t id;
    hi_table_def *def = HI_NEW(p->x->arena, hi_table_def);

    if (def == NULL) {
        return hi_plan_no_memory(p);
    }
    HI_TRY(source_database(p, database, span, &id));
    const hist_status status =
        id == 0 ? HIST_ENOTFOUND : hi_catalog_table(p->x->catalog, id, name, p->x->arena, def);
    if (status == HIST_ENOTFOUND) {
        return source_unknown(p, id, name, span);
    }
    if (status != HIST_OK) {
        return hi_plan_no_memory(p);
    }
    return hi_plan_made(p, hi_op_scan(p->x, def), out);
}

/* ---- datatable ---- */

static hist_status source_cell(hi_plan *p, const hi_ast_expr *e, hist_type type, hi_col_builder *to)
{
    hi_value v;
    hi_value as;

    HI_TRY(hi_plan_const(p, e, "a cell of datatable", &v));
    if (v.type == type || type == HIST_TYPE_DYNAMIC) {
        hi_cb_value(to, &v);
        return HIST_OK;
    }
    if (v.null ||
        (v.type == HIST_TYPE_DYNAMIC && hi_dyn_is_null(hi_dyn_of(v.str.data, v.str.size)))) {
        hi_cb_null(to);
        return HIST_OK;
    }
    if (!hi_value_convert(p->x->arena, &v, type, &as)) {
        return hi_plan_no_memory(p);
    }
    if (as.null) {
        hi_cb_null(to);
    } else {
        hi_cb_value(to, &as);
    }
    return HIST_OK;
}

static hist_status source_cells(hi_plan *p, const hi_ast_op *op, hi_col_builder *builders)
{
    for (uint32_t i = 0; i < op->item_count; i++) {
        const uint32_t c = i % op->decl_count;

        HI_TRY(source_cell(p, op->items[i].expr, op->decls[c].type, &builders[c]));
    }
    return HIST_OK;
}

static hist_status source_datatable(hi_plan *p, const hi_ast_op *op, hi_op **out)
{
    const uint32_t n = op->decl_count;
    hi_arena *arena = p->x->arena;

    if (n == 0 || op->item_count % n != 0) {
        return PLAN_FAIL(p, op->op_span, "datatable: %u values do not fill rows of %u columns",
                         op->item_count, n);
    }
    const uint32_t rows = op->item_count / n;
    hi_col_builder *builders = HI_NEW_ARRAY(arena, hi_col_builder, n);
    hist_column *columns = HI_NEW_ARRAY(arena, hist_column, n);
    hi_field *fields = HI_NEW_ARRAY(arena, hi_field, n);
    if (builders == NULL || columns == NULL || fields == NULL) {
        return hi_plan_no_memory(p);
    }
    for (uint32_t c = 0; c < n; c++) {
        if (op->decls[c].type == 0) {
            return PLAN_FAIL(p, op->decls[c].span, "datatable: the column needs a type");
        }
        fields[c] = (hi_field){hi_plan_name(p, op->decls[c].name.text), op->decls[c].type};
        if (fields[c].name == NULL || !hi_cb_init(&builders[c], arena, fields[c].type, rows)) {
            return hi_plan_no_memory(p);
        }
    }
    HI_TRY(source_cells(p, op, builders));
    for (uint32_t c = 0; c < n; c++) {
        hist_column made;

        if (!hi_cb_done(&builders[c], fields[c].type, &made) ||
            !hi_col_untag(arena, &made, &columns[c])) {
            return hi_plan_no_memory(p);
        }
        if (fields[c].type != HIST_TYPE_DYNAMIC) {
            columns[c] = made;
        }
    }
    const hist_batch batch = {
        .column_count = n, .row_count = rows, .sel_count = rows, .columns = columns};
    const hi_schema schema = {n, fields};
    HI_TRY(hi_plan_made(p, hi_op_rows(p->x, &schema, &batch), out));
    (*out)->serialized = false;
    return HIST_OK;
}

/* ---- print, range ---- */

/* Names of print: print_N by place unless the expression has one of its own. */
static hist_status source_print_item(hi_plan *p, const hi_op *one, const hi_ast_item *item,
                                     uint32_t place, plan_cols *cols)
{
    const uint32_t before = cols->count;

    HI_TRY(hi_plan_item(p, one, item, cols));
    if (item->name_count == 0 && cols->count == before + 1 && item->expr->kind != HI_AST_WILD) {
        const char *name = hi_arena_printf(p->x->arena, "print_%u", place);

        if (name == NULL) {
            return hi_plan_no_memory(p);
        }
        cols->fields[before].name = name;
    }
    return HIST_OK;
}

static hist_status source_print(hi_plan *p, const hi_ast_op *op, hi_op **out)
{
    plan_cols cols;
    hi_op *one;
    const hi_schema none = {0, NULL};
    const hist_batch row = {.row_count = 1, .sel_count = 1};

    HI_TRY(hi_plan_made(p, hi_op_rows(p->x, &none, &row), &one));
    HI_TRY(hi_plan_cols_init(p, &cols, op->item_count));
    for (uint32_t i = 0; i < op->item_count; i++) {
        HI_TRY(source_print_item(p, one, &op->items[i], i, &cols));
    }
    return hi_plan_project(p, one, &cols, out);
}

static hist_status source_range(hi_plan *p, const hi_ast_op *op, hi_op **out)
{
    const hi_ast_expr *asts[3] = {op->from, op->to, op->step};
    hi_expr *exprs[3];
    hi_range_spec spec = {0};
    hi_value *values[3] = {&spec.from, &spec.to, &spec.step};

    for (int i = 0; i < 3; i++) {
        HI_TRY(hi_plan_expr(p, NULL, asts[i], &exprs[i]));
        if (!hi_expr_is_const(exprs[i])) {
            return PLAN_FAIL(p, asts[i]->span, "range: this must be a constant");
        }
    }
    spec.type = exprs[0]->type;
    if (spec.type == HIST_TYPE_INT) {
        spec.type = HIST_TYPE_LONG;
    }
    if (spec.type == HIST_TYPE_LONG &&
        (exprs[1]->type == HIST_TYPE_REAL || exprs[2]->type == HIST_TYPE_REAL)) {
        spec.type = HIST_TYPE_REAL;
    }
    if (spec.type != HIST_TYPE_LONG && spec.type != HIST_TYPE_REAL &&
        spec.type != HIST_TYPE_DATETIME && spec.type != HIST_TYPE_TIMESPAN) {
        return PLAN_FAIL(p, op->from->span,
                         "range: a number, datetime or timespan is needed, not a %s",
                         hist_type_name(spec.type));
    }
    for (int i = 0; i < 3; i++) {
        const hist_type type =
            i == 2 && spec.type == HIST_TYPE_DATETIME ? HIST_TYPE_TIMESPAN : spec.type;
        hi_expr *as;

        HI_TRY(hi_plan_cast(p, exprs[i], type, &as));
        *values[i] = hi_expr_value(as);
    }
    const char *name = hi_plan_name(p, op->names[0].text);
    return hi_plan_made(p, name == NULL ? NULL : hi_op_range(p->x, name, &spec), out);
}

hist_status hi_plan_source(hi_plan *p, const hi_ast_op *op, hi_op **out)
{
    switch (op->kind) {
    case HI_OP_TABLE:
        return hi_plan_table(p, op->expr, out);
    case HI_OP_DATATABLE:
        return source_datatable(p, op, out);
    case HI_OP_PRINT:
        return source_print(p, op, out);
    case HI_OP_COMMAND:
        return hi_plan_command(p, op, out);
    case HI_OP_RANGE:
        return source_range(p, op, out);
    default:
        return hi_plan_op(p, op, NULL, out);
    }
}
