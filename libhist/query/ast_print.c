/* ast_print.c -- the syntax tree as an s-expression; tests compare it, people read it. */
#include "base/dyn.h"
#include "base/num.h"
#include "base/timefmt.h"
#include "query/ast.h"

static void print_text(hi_buf *to, const char *text)
{
    hi_buf_append(to, text, strlen(text));
}

static void print_str(hi_buf *to, hist_str s)
{
    hi_buf_append(to, s.data, s.size);
}

static void print_value(hi_buf *to, const hi_ast_literal *v)
{
    char room[HI_DECIMAL_SIZE > HI_TIME_SIZE ? HI_DECIMAL_SIZE : HI_TIME_SIZE];

    switch (v->type) {
    case HIST_TYPE_BOOL:
        print_text(to, v->i64 != 0 ? "true" : "false");
        break;
    case HIST_TYPE_INT:
    case HIST_TYPE_LONG:
        hi_buf_append(to, room, hi_num_print_i64(room, v->i64));
        break;
    case HIST_TYPE_REAL:
        hi_buf_append(to, room, hi_num_print_double(room, v->real));
        break;
    case HIST_TYPE_DECIMAL:
        hi_buf_append(to, room, hi_decimal_print(room, v->decimal));
        break;
    case HIST_TYPE_STRING:
        hi_json_string(to, v->str.data, v->str.size);
        break;
    case HIST_TYPE_DATETIME:
        hi_buf_append(to, room, hi_time_print(room, v->i64, HI_TIME_KQL_SHORT));
        break;
    case HIST_TYPE_TIMESPAN:
        hi_buf_append(to, room, hi_span_print(room, v->i64));
        break;
    case HIST_TYPE_GUID:
        hi_guid_print(room, (const uint8_t *)v->str.data);
        hi_buf_append(to, room, 36);
        break;
    case HIST_TYPE_DYNAMIC:
        hi_dyn_to_json(to, hi_dyn_of(v->str.data, v->str.size));
        break;
    }
}

/* Bare for the types whose text says what they are, else with the type before it. */
static void print_literal(hi_buf *to, const hi_ast_literal *v)
{
    const bool bare = v->type == HIST_TYPE_BOOL || v->type == HIST_TYPE_LONG ||
                      v->type == HIST_TYPE_REAL || v->type == HIST_TYPE_STRING;

    if (bare && !v->is_null) {
        print_value(to, v);
        return;
    }
    print_text(to, hist_type_name(v->type));
    hi_buf_byte(to, ':');
    if (v->clamped != 0) {
        print_text(to, v->clamped < 0 ? "low" : "high");
    } else if (v->is_null) {
        print_text(to, "null");
    } else {
        print_value(to, v);
    }
}

static void print_op(hi_buf *to, const hi_ast_op *op);
static void print_stmt(hi_buf *to, const hi_ast_stmt *stmt);

static void print_after_blank(hi_buf *to, const hi_ast_expr *e)
{
    hi_buf_byte(to, ' ');
    hi_ast_print_expr(to, e);
}

/* (name:type=default ...) */
static void print_decls(hi_buf *to, const hi_ast_decl *decls, uint32_t count, bool open)
{
    hi_buf_byte(to, '(');
    for (uint32_t i = 0; i < count; i++) {
        print_text(to, i == 0 ? "" : " ");
        print_str(to, decls[i].name.text);
        if (decls[i].is_table) {
            hi_buf_byte(to, ':');
            print_decls(to, decls[i].columns, decls[i].column_count, decls[i].open);
        } else if (decls[i].type != 0) {
            hi_buf_printf(to, ":%s", hist_type_name(decls[i].type));
        }
        if (decls[i].value != NULL) {
            hi_buf_byte(to, '=');
            hi_ast_print_expr(to, decls[i].value);
        }
    }
    print_text(to, !open ? ")" : count == 0 ? "*)" : " *)");
}

static void print_args(hi_buf *to, const hi_ast_expr *e)
{
    for (uint32_t i = 0; i < e->arg_count; i++) {
        hi_buf_byte(to, ' ');
        if (e->arg_names != NULL && e->arg_names[i].text.size > 0) {
            print_str(to, e->arg_names[i].text);
            hi_buf_byte(to, '=');
        }
        hi_ast_print_expr(to, e->args[i]);
    }
    hi_buf_byte(to, ')');
}

static void print_name(hi_buf *to, const hi_ast_expr *e)
{
    print_text(to, e->quoted ? "['" : "");
    print_str(to, e->name);
    print_text(to, e->quoted ? "']" : "");
}

static void print_call(hi_buf *to, const hi_ast_expr *e)
{
    print_text(to, "(call ");
    if (e->object != NULL) {
        hi_ast_print_expr(to, e->object);
        hi_buf_byte(to, '.');
    }
    print_str(to, e->name);
    print_args(to, e);
}

static void print_pipe(hi_buf *to, const hi_ast_expr *e)
{
    print_text(to, e->implicit ? "(block" : "(pipe");
    for (uint32_t i = 0; i < e->op_count; i++) {
        hi_buf_byte(to, ' ');
        print_op(to, &e->ops[i]);
    }
    hi_buf_byte(to, ')');
}

static void print_lambda(hi_buf *to, const hi_ast_expr *e)
{
    print_text(to, e->is_view ? "(view " : "(lambda ");
    print_decls(to, e->decls, e->decl_count, false);
    for (uint32_t i = 0; i < e->body_count; i++) {
        hi_buf_byte(to, ' ');
        print_stmt(to, &e->body[i]);
    }
    hi_buf_byte(to, ')');
}

void hi_ast_print_expr(hi_buf *to, const hi_ast_expr *e)
{
    switch (e->kind) {
    case HI_AST_LITERAL:
        print_literal(to, &e->literal);
        return;
    case HI_AST_NAME:
    case HI_AST_WILD:
        print_name(to, e);
        return;
    case HI_AST_UNARY:
    case HI_AST_BINARY:
    case HI_AST_IN:
        hi_buf_printf(to, "(%s%s", e->negated ? "!" : "", hi_ast_operator_name(e->op));
        print_args(to, e);
        return;
    case HI_AST_BETWEEN:
        print_text(to, e->negated ? "(!between" : "(between");
        print_args(to, e);
        return;
    case HI_AST_CALL:
        print_call(to, e);
        return;
    case HI_AST_MEMBER:
        print_text(to, "(. ");
        hi_ast_print_expr(to, e->args[0]);
        hi_buf_byte(to, ' ');
        print_name(to, e);
        hi_buf_byte(to, ')');
        return;
    case HI_AST_INDEX:
        print_text(to, "(index");
        print_args(to, e);
        return;
    case HI_AST_TYPEOF:
        hi_buf_printf(to, "(typeof %s)", hist_type_name(e->type));
        return;
    case HI_AST_PIPE:
        print_pipe(to, e);
        return;
    case HI_AST_LAMBDA:
        print_lambda(to, e);
        return;
    }
}

/* ---- operators ---- */

static void print_item_names(hi_buf *to, const hi_ast_item *item)
{
    print_text(to, item->tuple ? "(" : "");
    for (uint32_t i = 0; i < item->name_count; i++) {
        print_text(to, i == 0 ? "" : " ");
        print_str(to, item->names[i].text);
    }
    print_text(to, item->tuple ? ")" : "");
}

static void print_item(hi_buf *to, const hi_ast_item *item)
{
    static const char *const orders[] = {"", " asc", " desc", " granny-asc", " granny-desc"};
    static const char *const nulls[] = {"", " nulls-first", " nulls-last"};

    print_item_names(to, item);
    if (item->expr != NULL) {
        print_text(to, item->name_count > 0 ? "=" : "");
        hi_ast_print_expr(to, item->expr);
    }
    if (item->type != 0) {
        hi_buf_printf(to, ":%s", hist_type_name(item->type));
    }
    if (item->value != NULL) {
        print_text(to, " default=");
        hi_ast_print_expr(to, item->value);
    }
    print_text(to, orders[item->order]);
    print_text(to, nulls[item->nulls]);
}

static void print_items(hi_buf *to, const hi_ast_item *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        hi_buf_byte(to, ' ');
        print_item(to, &items[i]);
    }
}

static void print_field(hi_buf *to, const char *name, const hi_ast_expr *e)
{
    if (e != NULL) {
        hi_buf_printf(to, " %s:", name);
        hi_ast_print_expr(to, e);
    }
}

static void print_op_head(hi_buf *to, const hi_ast_op *op)
{
    hi_buf_printf(to, "(%s", hi_ast_op_name(op->kind));
    for (uint32_t i = 0; i < op->name_count; i++) {
        hi_buf_byte(to, ' ');
        print_str(to, op->names[i].text);
    }
    print_text(to, op->optional ? " optional" : "");
    for (uint32_t i = 0; i < op->prop_count; i++) {
        hi_buf_byte(to, ' ');
        print_str(to, op->props[i].name.text);
        hi_buf_byte(to, '=');
        hi_ast_print_expr(to, op->props[i].value);
    }
    if (op->decl_count > 0 || op->has_decls) {
        hi_buf_byte(to, ' ');
        print_decls(to, op->decls, op->decl_count, op->open);
    }
}

static void print_op(hi_buf *to, const hi_ast_op *op)
{
    print_op_head(to, op);
    if (op->expr != NULL) {
        print_after_blank(to, op->expr);
    }
    if (op->table != NULL) {
        print_after_blank(to, op->table);
    }
    print_items(to, op->items, op->item_count);
    print_field(to, "others", op->value);
    print_text(to, op->in_range ? " in-range" : "");
    print_field(to, "from", op->from);
    print_field(to, "to", op->to);
    print_field(to, "step", op->step);
    if (op->by_count > 0) {
        print_text(to, op->find_project ? " project:" : " by:");
        print_items(to, op->by, op->by_count);
    }
    for (uint32_t i = 0; i < op->sub_count; i++) {
        hi_buf_byte(to, ' ');
        print_op(to, &op->subs[i]);
    }
    hi_buf_byte(to, ')');
}

static void print_stmt(hi_buf *to, const hi_ast_stmt *stmt)
{
    switch (stmt->kind) {
    case HI_STMT_QUERY:
        hi_ast_print_expr(to, stmt->expr);
        return;
    case HI_STMT_LET:
        print_text(to, "(let ");
        break;
    case HI_STMT_SET:
        print_text(to, "(set ");
        break;
    case HI_STMT_DECLARE:
        print_text(to, "(declare ");
        print_decls(to, stmt->decls, stmt->decl_count, false);
        break;
    }
    print_str(to, stmt->name.text);
    if (stmt->expr != NULL) {
        print_after_blank(to, stmt->expr);
    }
    hi_buf_byte(to, ')');
}

void hi_ast_print(hi_buf *to, const hi_ast_query *query)
{
    print_text(to, "(query");
    for (uint32_t i = 0; i < query->stmt_count; i++) {
        hi_buf_byte(to, ' ');
        print_stmt(to, &query->stmts[i]);
    }
    hi_buf_byte(to, ')');
}
