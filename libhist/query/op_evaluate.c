/*
 * op_evaluate.c -- evaluate: the plugins bag_unpack, narrow, pivot and rolling_percentile. Know first: which columns
 * bag_unpack and pivot give depends on the rows, so their input runs while the query is planned (bag_unpack only when
 * no schema is declared). pivot and rolling_percentile are other operators, written as text and planned from there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query/parse.h"
#include "query/plan.h"
#include "query/plan_ops.h"

/* Columns that rows may spread to. */
#define EVALUATE_COLUMNS_MAX 1000

/* Runs the input; *out gives its rows again. */
static hist_status evaluate_run(hi_plan *p, const hi_ast_op *op, hi_op *in, hist_batch *rows,
                                hi_op **out)
{
    if (p->implicit != NULL) {
        return PLAN_FAIL(p, op->op_span,
                         "evaluate %.*s: inside of another operator its columns must be declared: "
                         "evaluate %.*s(...) : (name:type, ...)",
                         (int)op->expr->name.size, op->expr->name.data, (int)op->expr->name.size,
                         op->expr->name.data);
    }
    HI_TRY(hi_plan_run(p, in, rows));
    HI_TRY(hi_plan_made(p, hi_op_rows(p->x, &in->schema, rows), out));
    (*out)->serialized = in->serialized;
    return HIST_OK;
}

static hist_status evaluate_args(hi_plan *p, const hi_ast_op *op, uint32_t least, uint32_t most)
{
    const uint32_t n = op->expr->arg_count;

    if (n < least || n > most) {
        return PLAN_FAIL(p, op->expr->span, "%.*s() takes %u to %u arguments, not %u",
                         (int)op->expr->name.size, op->expr->name.data, least, most, n);
    }
    return HIST_OK;
}

/* ---- bag_unpack ---- */

typedef struct bag_key {
    hist_str name;
    hist_type type;
} bag_key;

typedef struct bag_keys {
    bag_key *list;
    uint32_t count;
} bag_keys;

/* The type of values of both types. */
static hist_type bag_common(hist_type a, hist_type b)
{
    if (a == b) {
        return a;
    }
    if (a == 0 || b == 0) {
        return a == 0 ? b : a;
    }
    if ((a == HIST_TYPE_LONG && b == HIST_TYPE_REAL) ||
        (a == HIST_TYPE_REAL && b == HIST_TYPE_LONG)) {
        return HIST_TYPE_REAL;
    }
    return HIST_TYPE_DYNAMIC;
}

static hist_status bag_add(hi_plan *p, const hi_ast_op *op, bag_keys *keys, hist_str name,
                           hi_dyn value)
{
    const hist_type type = hi_dyn_is_null(value) ? 0 : hi_value_of_dyn(value).type;

    for (uint32_t i = 0; i < keys->count; i++) {
        if (keys->list[i].name.size == name.size &&
            memcmp(keys->list[i].name.data, name.data, name.size) == 0) {
            keys->list[i].type = bag_common(keys->list[i].type, type);
            return HIST_OK;
        }
    }
    if (keys->count == EVALUATE_COLUMNS_MAX) {
        return PLAN_FAIL(p, op->op_span, "bag_unpack: more than %d different keys",
                         EVALUATE_COLUMNS_MAX);
    }
    keys->list[keys->count++] = (bag_key){name, type};
    return HIST_OK;
}

static int bag_compare(const void *a, const void *b)
{
    const hist_str x = ((const bag_key *)a)->name;
    const hist_str y = ((const bag_key *)b)->name;
    const int order = memcmp(x.data, y.data, x.size < y.size ? x.size : y.size);

    return order != 0 ? order : (x.size > y.size) - (x.size < y.size);
}

/* The keys of all bags, by name. */
static hist_status bag_collect(hi_plan *p, const hi_ast_op *op, const hist_column *bags,
                               bag_keys *keys)
{
    keys->list = HI_NEW_ARRAY(p->x->arena, bag_key, EVALUATE_COLUMNS_MAX);
    if (keys->list == NULL) {
        return hi_plan_no_memory(p);
    }
    for (uint32_t i = 0; i < bags->length; i++) {
        hi_dyn bag;

        if (!hi_col_dyn(p->x->arena, bags, i, &bag)) {
            return hi_plan_no_memory(p);
        }
        hi_dyn_iter it = hi_dyn_iter_of(bag);
        while (hi_dyn_tag_of(bag) == HI_DYN_BAG && hi_dyn_next(&it)) {
            HI_TRY(bag_add(p, op, keys, it.key, it.value));
        }
    }
    if (keys->count > 0) {
        qsort(keys->list, keys->count, sizeof(bag_key), bag_compare);
    }
    return HIST_OK;
}

/* What to do when a key is called like a column: "error", "replace_source", "keep_source". */
static hist_status bag_clash(hi_plan *p, const hi_ast_op *op, hist_str how, plan_cols *cols,
                             const char *name, const hi_expr *e)
{
    const int32_t c = hi_plan_find(cols, name);

    if (c < 0) {
        return hi_plan_cols_add(p, cols, name, e);
    }
    if (hi_str_is(how, "replace_source")) {
        cols->fields[c].type = e->type;
        cols->exprs[c] = e;
        return HIST_OK;
    }
    if (hi_str_is(how, "keep_source")) {
        return HIST_OK;
    }
    return PLAN_FAIL(p, op->op_span,
                     "bag_unpack: there is a column '%s' already; give a prefix, or "
                     "\"replace_source\" or \"keep_source\" as the third argument",
                     name);
}

static hist_status bag_column(hi_plan *p, const hi_ast_op *op, const hi_expr *bag,
                              const bag_key *key, const hist_str options[2], plan_cols *cols)
{
    const hi_value v = {.type = HIST_TYPE_STRING, .str = key->name};
    const hi_expr *args[2] = {bag, hi_expr_const(p->x->arena, &v, HIST_TYPE_STRING, op->op_span)};
    const char *name = hi_arena_printf(p->x->arena, "%.*s%.*s", (int)options[0].size,
                                       options[0].data, (int)key->name.size, key->name.data);
    hi_expr *e;

    if (args[1] == NULL || name == NULL) {
        return hi_plan_no_memory(p);
    }
    HI_TRY(hi_plan_call(p, "$member", op->op_span, args, 2, &e));
    if (key->type != 0 && key->type != HIST_TYPE_DYNAMIC) {
        HI_TRY(hi_plan_cast(p, e, key->type, &e));
    }
    return bag_clash(p, op, options[1], cols, name, e);
}

/* The declared columns as keys; with the prefix taken off. */
static hist_status bag_declared(hi_plan *p, const hi_ast_op *op, const hi_op *in, hist_str prefix,
                                bag_keys *keys)
{
    keys->list = HI_NEW_ARRAY(p->x->arena, bag_key, (size_t)op->decl_count + 1);
    if (keys->list == NULL) {
        return hi_plan_no_memory(p);
    }
    for (uint32_t i = 0; i < op->decl_count; i++) {
        hist_str name = op->decls[i].name.text;

        if (hi_schema_find(&in->schema, name) >= 0) {
            continue;
        }
        if (prefix.size > 0 && name.size > prefix.size &&
            memcmp(name.data, prefix.data, prefix.size) == 0) {
            name = (hist_str){name.data + prefix.size, name.size - prefix.size};
        }
        keys->list[keys->count++] = (bag_key){name, op->decls[i].type};
    }
    return HIST_OK;
}

static hist_status bag_option(hi_plan *p, const hi_ast_op *op, uint32_t i, hist_str *out)
{
    hi_value v;

    *out = (hist_str){"", 0};
    if (i >= op->expr->arg_count) {
        return HIST_OK;
    }
    HI_TRY(hi_plan_const(p, op->expr->args[i], "this argument", &v));
    if (v.type != HIST_TYPE_STRING) {
        return PLAN_FAIL(p, op->expr->args[i]->span, "bag_unpack: a string is needed here");
    }
    *out = v.str;
    return HIST_OK;
}

static hist_status evaluate_bag(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    hist_str options[2];
    bag_keys keys = {0};
    hist_batch rows;
    plan_cols cols;
    uint32_t c;

    HI_TRY(evaluate_args(p, op, 1, 3));
    HI_TRY(hi_plan_column_named(p, in, op->expr->args[0], &c));
    if (in->schema.fields[c].type != HIST_TYPE_DYNAMIC) {
        return PLAN_FAIL(p, op->expr->args[0]->span,
                         "bag_unpack: a dynamic column is needed, '%s' is a %s",
                         in->schema.fields[c].name, hist_type_name(in->schema.fields[c].type));
    }
    HI_TRY(bag_option(p, op, 1, &options[0]));
    HI_TRY(bag_option(p, op, 2, &options[1]));
    *out = in;
    if (op->has_decls) {
        HI_TRY(bag_declared(p, op, in, options[0], &keys));
    } else {
        HI_TRY(evaluate_run(p, op, in, &rows, out));
        HI_TRY(bag_collect(p, op, &rows.columns[c], &keys));
    }
    HI_TRY(hi_plan_cols_init(p, &cols, in->schema.count + keys.count));
    for (uint32_t i = 0; i < in->schema.count; i++) {
        if (i != c) {
            HI_TRY(hi_plan_cols_add(p, &cols, in->schema.fields[i].name, hi_plan_column(p, in, i)));
        }
    }
    const hi_expr *bag = hi_plan_column(p, in, c);
    if (bag == NULL) {
        return hi_plan_no_memory(p);
    }
    for (uint32_t i = 0; i < keys.count; i++) {
        HI_TRY(bag_column(p, op, bag, &keys.list[i], options, &cols));
    }
    return hi_plan_project(p, *out, &cols, out);
}

/* ---- narrow ---- */

typedef struct op_narrow {
    hi_op base;
    int64_t row;
} op_narrow;

static hist_status narrow_open(hi_op *op)
{
    ((op_narrow *)op)->row = 0;
    return HIST_OK;
}

/* The columns of the child are strings. */
static hist_status narrow_next(hi_op *op, hist_batch *out)
{
    op_narrow *self = (op_narrow *)op;
    const hi_schema *from = &op->child[0]->schema;
    hist_batch in;
    hi_col_builder cb[3];

    HI_TRY(hi_op_next(op->child[0], &in));
    if (in.row_count == 0) {
        return HIST_OK;
    }
    const uint64_t rows = (uint64_t)in.row_count * from->count;
    if (rows > INT32_MAX) {
        return hi_fail(op->x->err, HIST_ELIMIT, "narrow: more than %d rows", INT32_MAX);
    }
    for (int c = 0; c < 3; c++) {
        HI_OP_TRY_MEM(self,
                      hi_cb_init(&cb[c], &op->arena, op->schema.fields[c].type, (uint32_t)rows));
    }
    for (uint32_t i = 0; i < in.row_count; i++) {
        for (uint32_t c = 0; c < from->count; c++) {
            const hist_str v = hist_column_str(&in.columns[c], i);

            hi_cb_i64(&cb[0], self->row);
            hi_cb_str(&cb[1], from->fields[c].name, strlen(from->fields[c].name));
            hi_cb_str(&cb[2], v.data, v.size);
        }
        self->row++;
    }
    hist_column *columns = hi_op_batch(op, (uint32_t)rows, out);
    HI_OP_TRY_MEM(self, columns != NULL);
    for (int c = 0; c < 3; c++) {
        HI_OP_TRY_MEM(self, hi_cb_done(&cb[c], op->schema.fields[c].type, &columns[c]));
    }
    return HIST_OK;
}

static const hi_op_type op_narrow_type = {"narrow", narrow_open, narrow_next, NULL, NULL};

static hist_status evaluate_narrow(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    static const hi_field fields[3] = {
        {"Row", HIST_TYPE_LONG}, {"Column", HIST_TYPE_STRING}, {"Value", HIST_TYPE_STRING}};
    plan_cols cols;
    hi_op *texts;

    HI_TRY(evaluate_args(p, op, 0, 0));
    HI_TRY(hi_plan_cols_init(p, &cols, in->schema.count));
    for (uint32_t c = 0; c < in->schema.count; c++) {
        const hi_expr *column = hi_plan_column(p, in, c);
        hi_expr *text;

        if (column == NULL) {
            return hi_plan_no_memory(p);
        }
        HI_TRY(hi_plan_cast(p, column, HIST_TYPE_STRING, &text));
        HI_TRY(hi_plan_cols_add(p, &cols, in->schema.fields[c].name, text));
    }
    HI_TRY(hi_plan_project(p, in, &cols, &texts));
    op_narrow *self = hi_op_new(p->x, &op_narrow_type, sizeof(op_narrow), texts);
    if (self == NULL) {
        return hi_plan_no_memory(p);
    }
    self->base.schema = (hi_schema){3, fields};
    *out = &self->base;
    return HIST_OK;
}

/* ---- plugins that are other operators ---- */

/* A string literal, or with ['...'] a name. */
static void text_quoted(hi_buf *to, hist_str s, bool name)
{
    hi_buf_printf(to, name ? "['" : "'");
    for (size_t i = 0; i < s.size; i++) {
        const char c = s.data[i];

        if ((unsigned char)c < 0x20) {
            hi_buf_printf(to, "\\u%04x", (unsigned)c);
            continue;
        }
        if (c == '\'' || c == '\\') {
            hi_buf_byte(to, '\\');
        }
        hi_buf_byte(to, (uint8_t)c);
    }
    hi_buf_printf(to, name ? "']" : "'");
}

static void text_name(hi_buf *to, const char *name)
{
    text_quoted(to, (hist_str){name, strlen(name)}, true);
}

/* As it stands in the query. */
static void text_expr(const hi_plan *p, hi_buf *to, const hi_ast_expr *e)
{
    hi_buf_append(to, p->x->ctx->text.data + e->span.offset, e->span.length);
}

/* Plans what is in `text` after a source; errors are placed at `op`. */
static hist_status text_plan(hi_plan *p, const hi_ast_op *op, const hi_buf *text, hi_op *in,
                             hi_op **out)
{
    char message[HIST_ERROR_MESSAGE_SIZE];
    hi_ast_query *query;
    char *copy = hi_buf_ok(text) ? hi_arena_strdup(p->x->arena, text->data, text->size) : NULL;

    if (copy == NULL) {
        return hi_plan_no_memory(p);
    }
    hist_status status = hi_kql_parse(p->x->arena, copy, strlen(copy), &query, p->x->err);
    if (status == HIST_OK) {
        const hi_ast_expr *pipe = query->stmts[0].expr;

        status = hi_plan_ops(p, pipe->ops + 1, pipe->op_count - 1, in, out);
    }
    if ((status == HIST_ESEMANTIC || status == HIST_ESYNTAX) && p->x->err != NULL) {
        (void)snprintf(message, sizeof(message), "%s", p->x->err->message);
        return PLAN_FAIL(p, op->expr->span, "%s", message);
    }
    return status;
}

#define TEXT_SOURCE "datatable(x:long)[] | "

/* ---- pivot ---- */

/* The function that takes a condition as its second argument; NULL: there is none. */
static const char *pivot_if(hist_str name)
{
    static const char *const pairs[][2] = {
        {"count", "countif"},
        {"sum", "sumif"},
        {"avg", "avgif"},
        {"min", "minif"},
        {"max", "maxif"},
        {"dcount", "dcountif"},
        {"make_list", "make_list_if"},
        {"make_set", "make_set_if"},
        {"make_bag", "make_bag_if"},
        {"stdev", "stdevif"},
        {"variance", "varianceif"},
        {"take_any", "take_anyif"},
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (hi_str_is(name, pairs[i][0])) {
            return pairs[i][1];
        }
    }
    return NULL;
}

/* The different values of the column, as texts. */
static hist_status pivot_values(hi_plan *p, const hi_ast_op *op, const hist_column *column,
                                bag_keys *keys)
{
    keys->list = HI_NEW_ARRAY(p->x->arena, bag_key, EVALUATE_COLUMNS_MAX);
    if (keys->list == NULL) {
        return hi_plan_no_memory(p);
    }
    for (uint32_t i = 0; i < column->length; i++) {
        hi_value v;
        hi_value text = {.str = {"", 0}};

        if (!hi_col_value(p->x->arena, column, i, &v)) {
            return hi_plan_no_memory(p);
        }
        if (!v.null && !hi_value_convert(p->x->arena, &v, HIST_TYPE_STRING, &text)) {
            return hi_plan_no_memory(p);
        }
        HI_TRY(bag_add(p, op, keys, text.str, (hi_dyn){NULL, 0}));
    }
    if (keys->count > 0) {
        qsort(keys->list, keys->count, sizeof(bag_key), bag_compare);
    }
    return HIST_OK;
}

/* name = sumif(x, tostring(column) == 'value') */
static void pivot_item(const hi_plan *p, hi_buf *text, const hi_ast_expr *call, const char *column,
                       hist_str value)
{
    if (value.size > 0) {
        text_quoted(text, value, true);
        hi_buf_printf(text, " = ");
    }
    hi_buf_printf(text, "%s(", call != NULL ? pivot_if(call->name) : "countif");
    if (call != NULL && call->arg_count > 0) {
        text_expr(p, text, call->args[0]);
        hi_buf_printf(text, ", ");
    }
    hi_buf_printf(text, "tostring(");
    text_name(text, column);
    hi_buf_printf(text, ") == ");
    text_quoted(text, value, false);
    for (uint32_t i = 1; call != NULL && i < call->arg_count; i++) {
        hi_buf_printf(text, ", ");
        text_expr(p, text, call->args[i]);
    }
    hi_buf_printf(text, ")");
}

/* Columns to group by: those given, or all that are neither spread nor aggregated. */
static hist_status pivot_by(hi_plan *p, const hi_ast_op *op, const hi_op *in, uint32_t column,
                            const hi_ast_expr *call, uint64_t *by)
{
    const hi_ast_expr *e = op->expr;
    const uint32_t first = call != NULL ? 2 : 1;
    uint32_t c;

    for (uint32_t i = first; i < e->arg_count; i++) {
        HI_TRY(hi_plan_column_named(p, in, e->args[i], &c));
        hi_bit_set(by, c);
    }
    if (e->arg_count > first) {
        return HIST_OK;
    }
    uint64_t *used = hi_bits_new(p->x->arena, in->schema.count, false);
    if (used == NULL) {
        return hi_plan_no_memory(p);
    }
    for (uint32_t i = 0; call != NULL && i < call->arg_count; i++) {
        hi_expr *arg;

        HI_TRY(hi_plan_expr(p, in, call->args[i], &arg));
        hi_expr_columns(arg, used);
    }
    hi_bit_set(used, column);
    for (c = 0; c < in->schema.count; c++) {
        if (!hist_bit_get(used, c)) {
            hi_bit_set(by, c);
        }
    }
    return HIST_OK;
}

static void pivot_text(const hi_plan *p, hi_buf *text, const hi_op *in, const bag_keys *values,
                       const hi_ast_expr *call, uint32_t column, const uint64_t *by)
{
    const char *before = " by ";

    hi_buf_printf(text, TEXT_SOURCE "summarize ");
    for (uint32_t i = 0; i < values->count; i++) {
        hi_buf_printf(text, i > 0 ? ", " : "");
        pivot_item(p, text, call, in->schema.fields[column].name, values->list[i].name);
    }
    for (uint32_t c = 0; c < in->schema.count; c++) {
        if (hist_bit_get(by, c)) {
            hi_buf_printf(text, "%s", before);
            text_name(text, in->schema.fields[c].name);
            before = ", ";
        }
    }
}

static hist_status evaluate_pivot(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    const hi_ast_expr *e = op->expr;
    const hi_ast_expr *call =
        e->arg_count > 1 && e->args[1]->kind == HI_AST_CALL ? e->args[1] : NULL;
    hist_batch rows;
    bag_keys values = {0};
    hi_buf text;
    uint32_t c;

    HI_TRY(evaluate_args(p, op, 1, EVALUATE_COLUMNS_MAX));
    HI_TRY(hi_plan_column_named(p, in, e->args[0], &c));
    if (call != NULL && pivot_if(call->name) == NULL) {
        return PLAN_FAIL(p, call->span,
                         "pivot: '%.*s' cannot be used here; there are count, sum, avg, min, max, "
                         "dcount, make_list, make_set, make_bag, stdev, variance, take_any",
                         (int)call->name.size, call->name.data);
    }
    uint64_t *by = hi_bits_new(p->x->arena, in->schema.count, false);
    if (by == NULL) {
        return hi_plan_no_memory(p);
    }
    HI_TRY(pivot_by(p, op, in, c, call, by));
    HI_TRY(evaluate_run(p, op, in, &rows, out));
    HI_TRY(pivot_values(p, op, &rows.columns[c], &values));
    hi_buf_init(&text, p->x->ctx->mem, HI_KQL_TEXT_MAX);
    pivot_text(p, &text, in, &values, call, c, by);
    const hist_status status = text_plan(p, op, &text, *out, out);
    hi_buf_free(&text);
    return status;
}

/* ---- rolling_percentile ---- */

/* Every row counts in its bin and in the bins after it that look back so far. */
static void rolling_text(const hi_plan *p, hi_buf *text, const hi_ast_expr *e, const char *index,
                         const hi_value *bins)
{
    hi_buf_printf(text, TEXT_SOURCE "mv-expand ['$bin'] = range(0, %lld, 1) to typeof(long) | ",
                  (long long)bins->i64 - 1);
    hi_buf_printf(text, "extend ");
    text_name(text, index);
    hi_buf_printf(text, " = bin(");
    text_name(text, index);
    hi_buf_printf(text, ", ");
    text_expr(p, text, e->args[3]);
    hi_buf_printf(text, ") + ['$bin'] * (");
    text_expr(p, text, e->args[3]);
    hi_buf_printf(text, ") | summarize ['rolling_%lld_percentile_", (long long)bins->i64);
    text_expr(p, text, e->args[0]);
    hi_buf_printf(text, "_");
    text_expr(p, text, e->args[1]);
    hi_buf_printf(text, "'] = percentile(");
    text_expr(p, text, e->args[0]);
    hi_buf_printf(text, ", ");
    text_expr(p, text, e->args[1]);
    hi_buf_printf(text, ") by ");
    for (uint32_t i = 5; i < e->arg_count; i++) {
        text_expr(p, text, e->args[i]);
        hi_buf_printf(text, ", ");
    }
    text_name(text, index);
    hi_buf_printf(text, " | sort by ");
    for (uint32_t i = 5; i < e->arg_count; i++) {
        text_expr(p, text, e->args[i]);
        hi_buf_printf(text, " asc, ");
    }
    text_name(text, index);
    hi_buf_printf(text, " asc");
}

static hist_status evaluate_rolling(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    const hi_ast_expr *e = op->expr;
    hi_value bins;
    hi_buf text;
    uint32_t index;
    uint32_t c;

    HI_TRY(evaluate_args(p, op, 5, EVALUATE_COLUMNS_MAX));
    HI_TRY(hi_plan_column_named(p, in, e->args[0], &c));
    HI_TRY(hi_plan_column_named(p, in, e->args[2], &index));
    HI_TRY(hi_plan_const(p, e->args[4], "the number of bins", &bins));
    if ((bins.type != HIST_TYPE_LONG && bins.type != HIST_TYPE_INT) || bins.null || bins.i64 < 1 ||
        bins.i64 > 10000) {
        return PLAN_FAIL(p, e->args[4]->span, "rolling_percentile: 1 to 10000 bins in a window");
    }
    for (uint32_t i = 5; i < e->arg_count; i++) {
        HI_TRY(hi_plan_column_named(p, in, e->args[i], &c));
    }
    hi_buf_init(&text, p->x->ctx->mem, HI_KQL_TEXT_MAX);
    rolling_text(p, &text, e, in->schema.fields[index].name, &bins);
    const hist_status status = text_plan(p, op, &text, in, out);
    hi_buf_free(&text);
    return status;
}

/* ---- evaluate ---- */

hist_status hi_plan_evaluate(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    static const struct {
        const char *name;
        hi_plan_op_fn plan;
    } plugins[] = {
        {"bag_unpack", evaluate_bag},
        {"narrow", evaluate_narrow},
        {"pivot", evaluate_pivot},
        {"rolling_percentile", evaluate_rolling},
    };

    for (size_t i = 0; i < sizeof(plugins) / sizeof(plugins[0]); i++) {
        if (hi_str_is(op->expr->name, plugins[i].name)) {
            return plugins[i].plan(p, op, in, out);
        }
    }
    return PLAN_FAIL(p, op->expr->op_span,
                     "there is no plugin '%.*s'; there are bag_unpack, narrow, pivot and "
                     "rolling_percentile",
                     (int)op->expr->name.size, op->expr->name.data);
}
