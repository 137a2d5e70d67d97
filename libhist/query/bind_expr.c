/*
 * bind_expr.c -- binding scalar expressions; see bind_expr.h. Know first: operators become calls of functions named like
 * the operator, and calls of user functions are bound in place with their arguments as names.
 */
#include "query/bind_expr.h"

#include <assert.h>
#include <string.h>

#include "query/nearest.h"

static hist_status bind_no_memory(hi_binder *b)
{
    return hi_no_memory(b->err, "a bound expression");
}

#define BIND_FAIL(b, span, ...) \
    hi_fail_at((b)->err, HIST_ESEMANTIC, (b)->ctx->text, (span), __VA_ARGS__)

static hist_str bind_text(const char *text)
{
    return (hist_str){text, strlen(text)};
}

static hist_status bind_function(hi_binder *b, const char *name, hi_ast_span span,
                                 const hi_expr **args, uint32_t count, hi_expr **out)
{
    const hi_func *func = hi_func_find(bind_text(name));

    if (func == NULL) {
        return BIND_FAIL(b, span, "'%s' is not supported", name);
    }
    return hi_func_call(b->arena, b->ctx, func, span, args, count, out, b->err);
}

/* ---- names ---- */

const hi_name *hi_scope_find(const hi_scope *scope, hist_str name)
{
    for (; scope != NULL; scope = scope->outer) {
        for (const hi_name *n = scope->names; n != NULL; n = n->next) {
            if (n->name.size == name.size && memcmp(n->name.data, name.data, name.size) == 0) {
                return n;
            }
        }
    }
    return NULL;
}

hi_name *hi_scope_add(hi_arena *arena, hi_scope *scope, hist_str name, hi_name_kind kind)
{
    hi_name *n = HI_NEW(arena, hi_name);

    if (n != NULL) {
        n->name = name;
        n->kind = kind;
        n->next = scope->names;
        scope->names = n;
    }
    return n;
}

/* A node of its own at the place of use, so that errors point there. */
static hist_status bind_copy(hi_binder *b, const hi_expr *e, hi_ast_span span, hi_expr **out)
{
    *out = HI_NEW(b->arena, hi_expr);
    if (*out == NULL) {
        return bind_no_memory(b);
    }
    **out = *e;
    (*out)->span = span;
    return HIST_OK;
}

#define BIND_CANDIDATES 512

static const char *bind_nearest_column(hi_binder *b, hist_str name)
{
    const char **names = HI_NEW_ARRAY(b->arena, const char *, BIND_CANDIDATES);
    size_t n = 0;

    if (names == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; b->schema != NULL && i < b->schema->count && n < BIND_CANDIDATES; i++) {
        names[n++] = b->schema->fields[i].name;
    }
    for (const hi_scope *s = b->scope; s != NULL; s = s->outer) {
        for (const hi_name *m = s->names; m != NULL && n < BIND_CANDIDATES; m = m->next) {
            const char *text = hi_arena_strdup(b->arena, m->name.data, m->name.size);

            if (m->kind == HI_NAME_SCALAR && text != NULL) {
                names[n++] = text;
            }
        }
    }
    return hi_nearest(name, names, n);
}

static hist_status bind_unknown_name(hi_binder *b, const hi_ast_expr *e)
{
    const char *near = bind_nearest_column(b, e->name);

    if (near != NULL) {
        return BIND_FAIL(b, e->span, "there is no column or value '%.*s' here; did you mean '%s'?",
                         (int)e->name.size, e->name.data, near);
    }
    return BIND_FAIL(b, e->span, "there is no column or value '%.*s' here", (int)e->name.size,
                     e->name.data);
}

static hist_status bind_name(hi_binder *b, const hi_ast_expr *e, hi_expr **out)
{
    const int32_t column = b->schema != NULL ? hi_schema_find(b->schema, e->name) : -1;

    if (column >= 0) {
        *out = hi_expr_column(b->arena, (uint32_t)column, b->schema->fields[column].type, e->span);
        return *out != NULL ? HIST_OK : bind_no_memory(b);
    }
    if (b->hooks != NULL && b->hooks->name != NULL) {
        bool handled = false;

        HI_TRY(b->hooks->name(b->hooks->arg, b, e, out, &handled));
        if (handled) {
            return HIST_OK;
        }
    }
    const hi_name *n = hi_scope_find(b->scope, e->name);
    if (n == NULL) {
        return bind_unknown_name(b, e);
    }
    if (n->kind == HI_NAME_SCALAR) {
        return bind_copy(b, n->scalar, e->span, out);
    }
    if (n->kind == HI_NAME_LAMBDA) {
        return BIND_FAIL(b, e->span, "'%.*s' is a function: call it with its arguments in ()",
                         (int)e->name.size, e->name.data);
    }
    return BIND_FAIL(b, e->span,
                     "'%.*s' is a table, but a single value is needed; toscalar() takes its first",
                     (int)e->name.size, e->name.data);
}

/* ---- literals ---- */

static hist_status bind_literal(hi_binder *b, const hi_ast_expr *e, hi_expr **out)
{
    const hi_ast_literal *l = &e->literal;
    hi_value v = {.type = l->type, .null = l->is_null};

    switch (l->type) {
    case HIST_TYPE_REAL:
        v.real = l->real;
        break;
    case HIST_TYPE_DECIMAL:
        v.decimal = l->decimal;
        break;
    case HIST_TYPE_STRING:
    case HIST_TYPE_DYNAMIC:
        v.str = l->str;
        break;
    case HIST_TYPE_GUID:
        if (!l->is_null) {
            memcpy(v.guid, l->str.data, 16);
        }
        break;
    default:
        v.i64 = l->i64;
        break;
    }
    *out = hi_expr_const(b->arena, &v, l->type, e->span);
    if (*out == NULL) {
        return bind_no_memory(b);
    }
    (*out)->u.constant.clamped = l->clamped;
    return HIST_OK;
}

static hist_status bind_const_str(hi_binder *b, hist_str s, hi_ast_span span, hi_expr **out)
{
    const hi_value v = {.type = HIST_TYPE_STRING, .str = s};

    *out = hi_expr_const(b->arena, &v, HIST_TYPE_STRING, span);
    return *out != NULL ? HIST_OK : bind_no_memory(b);
}

/* ---- operators ---- */

static hist_status bind_args(hi_binder *b, const hi_ast_expr *e, const hi_expr ***out)
{
    const hi_expr **args = HI_NEW_ARRAY(b->arena, const hi_expr *, (size_t)e->arg_count + 1);

    if (args == NULL) {
        return bind_no_memory(b);
    }
    for (uint32_t i = 0; i < e->arg_count; i++) {
        hi_expr *arg;

        HI_TRY(hi_bind_expr(b, e->args[i], &arg));
        args[i] = arg;
    }
    *out = args;
    return HIST_OK;
}

static hist_status bind_negate(hi_binder *b, hi_ast_span span, hi_expr **inout)
{
    const hi_expr *arg = *inout;

    return bind_function(b, "not", span, &arg, 1, inout);
}

/* `* has "x"`: some column, as text, has it. */
static hist_status bind_any_column(hi_binder *b, const hi_ast_expr *e, hi_expr **out)
{
    const hi_expr *any[2] = {NULL, NULL};
    const hi_expr *pair[2];
    hi_expr *right;

    HI_TRY(hi_bind_expr(b, e->args[1], &right));
    pair[1] = right;
    for (uint32_t i = 0; b->schema != NULL && i < b->schema->count; i++) {
        const hi_expr *column = hi_expr_column(b->arena, i, b->schema->fields[i].type, e->span);
        hi_expr *one;

        if (column == NULL) {
            return bind_no_memory(b);
        }
        HI_TRY(bind_function(b, "tostring", e->op_span, &column, 1, &one));
        pair[0] = one;
        HI_TRY(bind_function(b, hi_ast_operator_name(e->op), e->op_span, pair, 2, &one));
        any[1] = one;
        if (any[0] != NULL) {
            HI_TRY(bind_function(b, "or", e->op_span, any, 2, &one));
        }
        any[0] = one;
    }
    if (any[0] == NULL) {
        return BIND_FAIL(b, e->args[0]->span, "there are no columns here");
    }
    return bind_copy(b, any[0], e->span, out);
}

static bool bind_is_star(const hi_ast_expr *e)
{
    return e->kind == HI_AST_WILD && hi_str_is(e->name, "*");
}

static hist_status bind_binary(hi_binder *b, const hi_ast_expr *e, hi_expr **out)
{
    const hi_expr **args;

    if (bind_is_star(e->args[0])) {
        HI_TRY(bind_any_column(b, e, out));
        return e->negated ? bind_negate(b, e->op_span, out) : HIST_OK;
    }
    HI_TRY(bind_args(b, e, &args));
    HI_TRY(bind_function(b, hi_ast_operator_name(e->op), e->op_span, args, e->arg_count, out));
    return e->negated ? bind_negate(b, e->op_span, out) : HIST_OK;
}

static hist_status bind_unary(hi_binder *b, const hi_ast_expr *e, hi_expr **out)
{
    const hi_expr **args;

    HI_TRY(bind_args(b, e, &args));
    if (e->op == HI_OPR_POS) {
        return bind_copy(b, args[0], e->span, out);
    }
    return bind_function(b, "-", e->op_span, args, 1, out);
}

static hist_status bind_between(hi_binder *b, const hi_ast_expr *e, hi_expr **out)
{
    const hi_expr **args;

    HI_TRY(bind_args(b, e, &args));
    return bind_function(b, e->negated ? "!between" : "between", e->op_span, args, 3, out);
}

/* The values of a tabular right side as one constant array. */
static hist_status bind_in_values(hi_binder *b, const hi_ast_expr *e, hi_expr **out)
{
    hist_column values;
    hi_buf buf;
    hi_dyn_writer w;

    HI_TRY(b->hooks->in_table(b->hooks->arg, b, e, &values));
    hi_buf_init(&buf, b->ctx->mem, INT32_MAX);
    hi_dyn_writer_init(&w, &buf);
    hi_dyn_begin_array(&w);
    bool ok = true;
    for (uint32_t i = 0; ok && i < values.length; i++) {
        hi_value v;

        ok = hi_col_value(b->arena, &values, i, &v);
        if (ok) {
            hi_dyn_put_value(&w, &v);
        }
    }
    hi_dyn_end_array(&w);
    *out = NULL;
    if (ok && hi_dyn_writer_ok(&w) && hi_buf_ok(&buf)) {
        const hi_value v = {.type = HIST_TYPE_DYNAMIC, .str = {buf.data, buf.size}};

        *out = hi_expr_const(b->arena, &v, HIST_TYPE_DYNAMIC, e->span);
    }
    hi_buf_free(&buf);
    return *out != NULL ? HIST_OK : bind_no_memory(b);
}

static bool bind_is_table(hi_binder *b, const hi_ast_expr *e)
{
    if (b->hooks != NULL && b->hooks->is_table != NULL) {
        return b->hooks->is_table(b->hooks->arg, b, e);
    }
    return e->kind == HI_AST_PIPE;
}

static hist_status bind_in(hi_binder *b, const hi_ast_expr *e, hi_expr **out)
{
    static const char *const names[4][2] = {
        {"in", "!in"}, {"in~", "!in~"}, {"has_any", NULL}, {"has_all", NULL}};
    const char *const *name = names[e->op - HI_OPR_IN];
    const bool by_name = e->negated && name[1] != NULL;
    const hi_expr **args = HI_NEW_ARRAY(b->arena, const hi_expr *, (size_t)e->arg_count + 1);

    if (args == NULL) {
        return bind_no_memory(b);
    }
    for (uint32_t i = 0; i < e->arg_count; i++) {
        hi_expr *arg;

        if (i != 0 && bind_is_table(b, e->args[i])) {
            if (b->hooks == NULL || b->hooks->in_table == NULL) {
                return BIND_FAIL(b, e->args[i]->span, "a table cannot be used here");
            }
            HI_TRY(bind_in_values(b, e->args[i], &arg));
        } else {
            HI_TRY(hi_bind_expr(b, e->args[i], &arg));
        }
        args[i] = arg;
    }
    HI_TRY(bind_function(b, by_name ? name[1] : name[0], e->op_span, args, e->arg_count, out));
    return e->negated && !by_name ? bind_negate(b, e->op_span, out) : HIST_OK;
}

static hist_status bind_member(hi_binder *b, const hi_ast_expr *e, hi_expr **out)
{
    hi_expr *object;
    hi_expr *key;

    HI_TRY(hi_bind_expr(b, e->args[0], &object));
    HI_TRY(bind_const_str(b, e->name, e->op_span, &key));
    const hi_expr *args[2] = {object, key};
    return bind_function(b, "$member", e->span, args, 2, out);
}

static hist_status bind_index(hi_binder *b, const hi_ast_expr *e, hi_expr **out)
{
    const hi_expr **args;

    HI_TRY(bind_args(b, e, &args));
    if (hi_expr_outputs(args[0]) > 1 && hi_expr_is_const(args[1]) &&
        args[1]->type == HIST_TYPE_LONG) { /* f()[1]: the second of several results. */
        const hi_value v = hi_expr_value(args[1]);

        if (!v.null && v.i64 >= 0 && v.i64 < (int64_t)hi_expr_outputs(args[0])) {
            *out = hi_expr_output(b->arena, args[0], (uint32_t)v.i64);
            return *out != NULL ? HIST_OK : bind_no_memory(b);
        }
    }
    return bind_function(b, "$member", e->span, args, 2, out);
}

/* ---- calls ---- */

static hist_status bind_unknown_call(hi_binder *b, const hi_ast_expr *e)
{
    const char *near = hi_func_nearest(b->arena, e->name);

    if (near != NULL) {
        return BIND_FAIL(b, e->op_span, "there is no function '%.*s'; did you mean '%s'?",
                         (int)e->name.size, e->name.data, near);
    }
    return BIND_FAIL(b, e->op_span, "there is no function '%.*s'", (int)e->name.size, e->name.data);
}

static hist_status bind_toscalar(hi_binder *b, const hi_ast_expr *e, hi_expr **out)
{
    if (e->arg_count != 1) {
        return BIND_FAIL(b, e->span, "toscalar: takes 1 argument, %u given", e->arg_count);
    }
    if (!bind_is_table(b, e->args[0])) {
        return hi_bind_expr(b, e->args[0], out);
    }
    if (b->hooks == NULL || b->hooks->toscalar == NULL) {
        return BIND_FAIL(b, e->span, "toscalar() of a table cannot be used here");
    }
    return b->hooks->toscalar(b->hooks->arg, b, e->args[0], out);
}

/* column_ifexists("name", default) */
static hist_status bind_if_exists(hi_binder *b, const hi_ast_expr *e, hi_expr **out)
{
    hi_value name;

    if (e->arg_count != 2) {
        return BIND_FAIL(b, e->span, "column_ifexists: takes 2 arguments, %u given", e->arg_count);
    }
    HI_TRY(hi_bind_const(b, e->args[0], "the column name of column_ifexists", &name));
    if (name.type != HIST_TYPE_STRING) {
        return BIND_FAIL(b, e->args[0]->span, "column_ifexists: the name must be a string");
    }
    const int32_t column = b->schema != NULL ? hi_schema_find(b->schema, name.str) : -1;
    if (column < 0) {
        return hi_bind_expr(b, e->args[1], out);
    }
    *out = hi_expr_column(b->arena, (uint32_t)column, b->schema->fields[column].type, e->span);
    return *out != NULL ? HIST_OK : bind_no_memory(b);
}

/* pack_all([ignore_null_empty]): a bag of all columns. */
static hist_status bind_pack_all(hi_binder *b, const hi_ast_expr *e, hi_expr **out)
{
    const uint32_t n = b->schema != NULL ? b->schema->count : 0;
    const hi_expr **args = HI_NEW_ARRAY(b->arena, const hi_expr *, (size_t)n * 2 + 1);
    hi_value ignore = {.type = HIST_TYPE_BOOL};

    if (args == NULL) {
        return bind_no_memory(b);
    }
    if (e->arg_count > 0) {
        HI_TRY(hi_bind_const(b, e->args[0], "the argument of pack_all", &ignore));
    }
    for (uint32_t i = 0; i < n; i++) {
        const hi_field *f = &b->schema->fields[i];
        hi_expr *key;

        HI_TRY(bind_const_str(b, bind_text(f->name), e->span, &key));
        args[2 * i] = key;
        args[2 * i + 1] = hi_expr_column(b->arena, i, f->type, e->span);
        if (args[2 * i + 1] == NULL) {
            return bind_no_memory(b);
        }
    }
    const bool drop = ignore.type == HIST_TYPE_BOOL && !ignore.null && ignore.i64 != 0;
    return bind_function(b, drop ? "$bag_pack_nonempty" : "bag_pack", e->span, args, n * 2, out);
}

/* bag_pack_columns(a, b, ...): each argument under its own name. */
static hist_status bind_pack_columns(hi_binder *b, const hi_ast_expr *e, hi_expr **out)
{
    const hi_expr **args = HI_NEW_ARRAY(b->arena, const hi_expr *, (size_t)e->arg_count * 2 + 1);

    if (args == NULL) {
        return bind_no_memory(b);
    }
    for (uint32_t i = 0; i < e->arg_count; i++) {
        const char *name = hi_expr_name(b, e->args[i]);
        hi_expr *key;
        hi_expr *value;

        if (name == NULL) {
            return bind_no_memory(b);
        }
        HI_TRY(bind_const_str(b, bind_text(name), e->span, &key));
        HI_TRY(hi_bind_expr(b, e->args[i], &value));
        args[2 * i] = key;
        args[2 * i + 1] = value;
    }
    return bind_function(b, "bag_pack", e->span, args, e->arg_count * 2, out);
}

static hist_status bind_window_check(hi_binder *b, const hi_func *func, const hi_ast_expr *e)
{
    if ((func->flags & HI_FUNC_WINDOW) == 0 || !b->windows_checked || b->serialized) {
        return HIST_OK;
    }
    return BIND_FAIL(b, e->op_span,
                     "%s() needs rows in a known order: put 'sort by' or 'serialize' before it",
                     func->name);
}

static hist_status bind_builtin(hi_binder *b, const hi_ast_expr *e, hi_expr **out)
{
    const hi_func *func = hi_func_find(e->name);
    const hi_expr **args;
    bool handled = false;

    if (func == NULL || (func->flags & HI_FUNC_HIDDEN) != 0) {
        if (b->hooks != NULL && b->hooks->call != NULL) {
            HI_TRY(b->hooks->call(b->hooks->arg, b, e, out, &handled));
        }
        return handled ? HIST_OK : bind_unknown_call(b, e);
    }
    HI_TRY(bind_window_check(b, func, e));
    HI_TRY(bind_args(b, e, &args));
    return hi_func_call(b->arena, b->ctx, func, e->span, args, e->arg_count, out, b->err);
}

static hist_status bind_user_call(hi_binder *b, const hi_name *fn, const hi_ast_expr *e,
                                  hi_expr **out)
{
    hi_scope *scope;
    const hi_ast_expr *body;
    bool handled = false;

    HI_TRY(hi_bind_lambda(b, fn, e, out, &scope, &body));
    if (*out != NULL) {
        return HIST_OK;
    }
    if (b->hooks != NULL && b->hooks->call != NULL) {
        HI_TRY(b->hooks->call(b->hooks->arg, b, e, out, &handled));
    }
    if (handled) {
        return HIST_OK;
    }
    return BIND_FAIL(
        b, e->span,
        "'%.*s' gives a table, but a single value is needed; toscalar() takes its first",
        (int)e->name.size, e->name.data);
}

static hist_status bind_call(hi_binder *b, const hi_ast_expr *e, hi_expr **out)
{
    bool handled = false;

    if (e->object != NULL) {
        return BIND_FAIL(b, e->span, "a function of another place cannot be called here");
    }
    const hi_name *fn = hi_scope_find(b->scope, e->name);
    if (fn != NULL && fn->kind == HI_NAME_LAMBDA) {
        return bind_user_call(b, fn, e, out);
    }
    if (b->hooks != NULL && b->hooks->aggregate != NULL) {
        HI_TRY(b->hooks->aggregate(b->hooks->arg, b, e, out, &handled));
        if (handled) {
            return HIST_OK;
        }
    }
    if (hi_str_is(e->name, "toscalar")) {
        return bind_toscalar(b, e, out);
    }
    if (hi_str_is(e->name, "column_ifexists") || hi_str_is(e->name, "columnifexists")) {
        return bind_if_exists(b, e, out);
    }
    if (hi_str_is(e->name, "pack_all")) {
        return bind_pack_all(b, e, out);
    }
    if (hi_str_is(e->name, "bag_pack_columns")) {
        return bind_pack_columns(b, e, out);
    }
    return bind_builtin(b, e, out);
}

/* ---- user functions ---- */

/* The argument for parameter number i: by name, else by position, else the default; NULL: none. */
static const hi_ast_expr *lambda_argument(const hi_ast_expr *call, const hi_ast_decl *decl,
                                          uint32_t i, bool *is_default)
{
    *is_default = false;
    for (uint32_t k = 0; call->arg_names != NULL && k < call->arg_count; k++) {
        const hist_str name = call->arg_names[k].text;

        if (name.size != 0 && name.size == decl->name.text.size &&
            memcmp(name.data, decl->name.text.data, name.size) == 0) {
            return call->args[k];
        }
    }
    const bool positional =
        i < call->arg_count && (call->arg_names == NULL || call->arg_names[i].text.size == 0);
    if (positional) {
        return call->args[i];
    }
    *is_default = true;
    return decl->value;
}

static hist_status lambda_scalar(hi_binder *b, const hi_ast_decl *decl, const hi_ast_expr *arg,
                                 hi_name *name)
{
    hi_expr *value;
    hi_expr *cast;

    HI_TRY(hi_bind_expr(b, arg, &value));
    if (decl->type == 0 || value->type == decl->type) {
        name->scalar = value;
        return HIST_OK;
    }
    const bool numbers = hi_type_is_number(value->type) && hi_type_is_number(decl->type);
    if (!numbers && value->type != HIST_TYPE_DYNAMIC && decl->type != HIST_TYPE_DYNAMIC) {
        return BIND_FAIL(b, arg->span, "parameter '%.*s' is a %s, but a %s is given",
                         (int)decl->name.text.size, decl->name.text.data,
                         hist_type_name(decl->type), hist_type_name(value->type));
    }
    HI_TRY(hi_func_cast(b->arena, b->ctx, value, decl->type, &cast, b->err));
    name->scalar = cast;
    return HIST_OK;
}

static hist_status lambda_parameters(hi_binder *b, const hi_name *fn, const hi_ast_expr *call,
                                     hi_scope *scope)
{
    const hi_ast_expr *lambda = fn->lambda;

    if (call->arg_count > lambda->decl_count) {
        return BIND_FAIL(b, call->span, "%.*s: takes %u arguments, %u given", (int)fn->name.size,
                         fn->name.data, lambda->decl_count, call->arg_count);
    }
    for (uint32_t i = 0; i < lambda->decl_count; i++) {
        const hi_ast_decl *decl = &lambda->decls[i];
        bool is_default;
        const hi_ast_expr *arg = lambda_argument(call, decl, i, &is_default);

        if (arg == NULL) {
            return BIND_FAIL(b, call->span, "%.*s: argument '%.*s' is missing", (int)fn->name.size,
                             fn->name.data, (int)decl->name.text.size, decl->name.text.data);
        }
        hi_name *name = hi_scope_add(b->arena, scope, decl->name.text,
                                     decl->is_table ? HI_NAME_TABLE : HI_NAME_SCALAR);
        if (name == NULL) {
            return bind_no_memory(b);
        }
        if (decl->is_table) {
            name->table_expr = arg;
            name->table_scope = b->scope;
        } else {
            HI_TRY(lambda_scalar(b, decl, arg, name));
        }
    }
    return HIST_OK;
}

hist_status hi_bind_let(hi_binder *b, hi_scope *scope, const hi_ast_stmt *stmt)
{
    hi_expr *value = NULL;
    hi_name *name;

    if (stmt->kind != HI_STMT_LET) {
        return HIST_OK;
    }
    if (stmt->expr->kind == HI_AST_LAMBDA) {
        name = hi_scope_add(b->arena, scope, stmt->name.text, HI_NAME_LAMBDA);
        if (name == NULL) {
            return bind_no_memory(b);
        }
        name->lambda = stmt->expr;
        name->lambda_scope = scope;
        return HIST_OK;
    }
    const bool table = bind_is_table(b, stmt->expr);
    if (!table) {
        HI_TRY(hi_bind_expr(b, stmt->expr, &value));
    }
    const hi_scope *seen = scope;
    name = hi_scope_add(b->arena, scope, stmt->name.text, table ? HI_NAME_TABLE : HI_NAME_SCALAR);
    if (name == NULL) {
        return bind_no_memory(b);
    }
    name->scalar = value;
    name->table_expr = table ? stmt->expr : NULL;
    name->table_scope = table ? seen : NULL;
    return HIST_OK;
}

/* The body in the new scope: its lets, then its value. */
static hist_status lambda_body(hi_binder *b, const hi_ast_expr *lambda, hi_scope *scope,
                               hi_expr **out, const hi_ast_expr **body)
{
    *out = NULL;
    *body = NULL;
    for (uint32_t i = 0; i < lambda->body_count; i++) {
        const hi_ast_stmt *stmt = &lambda->body[i];

        if (stmt->kind == HI_STMT_LET) {
            HI_TRY(hi_bind_let(b, scope, stmt));
        } else if (stmt->kind == HI_STMT_QUERY) {
            *body = stmt->expr;
        }
    }
    assert(*body != NULL);
    return bind_is_table(b, *body) ? HIST_OK : hi_bind_expr(b, *body, out);
}

hist_status hi_bind_lambda(hi_binder *b, const hi_name *fn, const hi_ast_expr *call, hi_expr **out,
                           hi_scope **scope, const hi_ast_expr **body)
{
    const hi_binder saved = *b;

    if (b->depth >= HI_BIND_DEPTH_MAX) {
        return BIND_FAIL(b, call->span, "functions call each other more than %d deep",
                         HI_BIND_DEPTH_MAX);
    }
    *scope = HI_NEW(b->arena, hi_scope);
    if (*scope == NULL) {
        return bind_no_memory(b);
    }
    (*scope)->outer = fn->lambda_scope;
    HI_TRY(lambda_parameters(b, fn, call, *scope));
    b->depth++;
    b->schema = NULL; /* A body sees its parameters, not the columns of whoever calls it. */
    b->scope = *scope;
    const hist_status status = lambda_body(b, fn->lambda, *scope, out, body);
    b->depth = saved.depth;
    b->schema = saved.schema;
    b->scope = saved.scope;
    return status;
}

/* ---- expressions ---- */

hist_status hi_bind_expr(hi_binder *b, const hi_ast_expr *e, hi_expr **out)
{
    switch (e->kind) {
    case HI_AST_LITERAL:
        return bind_literal(b, e, out);
    case HI_AST_NAME:
        return bind_name(b, e, out);
    case HI_AST_UNARY:
        return bind_unary(b, e, out);
    case HI_AST_BINARY:
        return bind_binary(b, e, out);
    case HI_AST_IN:
        return bind_in(b, e, out);
    case HI_AST_BETWEEN:
        return bind_between(b, e, out);
    case HI_AST_CALL:
        return bind_call(b, e, out);
    case HI_AST_MEMBER:
        return bind_member(b, e, out);
    case HI_AST_INDEX:
        return bind_index(b, e, out);
    case HI_AST_TYPEOF:
        return bind_const_str(b, bind_text(hist_type_name(e->type)), e->span, out);
    case HI_AST_WILD:
        return BIND_FAIL(b, e->span, "'%.*s' cannot be used here; name a column", (int)e->name.size,
                         e->name.data);
    case HI_AST_PIPE:
        return BIND_FAIL(b, e->span,
                         "a table cannot be used as a single value; toscalar() takes its first");
    case HI_AST_LAMBDA:
    default:
        return BIND_FAIL(b, e->span, "a function cannot be used as a value");
    }
}

hist_status hi_bind_predicate(hi_binder *b, const hi_ast_expr *e, hi_expr **out)
{
    HI_TRY(hi_bind_expr(b, e, out));
    if ((*out)->type == HIST_TYPE_BOOL) {
        return HIST_OK;
    }
    if ((*out)->type == HIST_TYPE_DYNAMIC) {
        const hi_expr *any = *out;

        return hi_func_cast(b->arena, b->ctx, any, HIST_TYPE_BOOL, out, b->err);
    }
    return BIND_FAIL(b, e->span, "a condition (bool) is needed here, this is a %s",
                     hist_type_name((*out)->type));
}

hist_status hi_bind_const(hi_binder *b, const hi_ast_expr *e, const char *what, hi_value *out)
{
    hi_expr *bound;

    HI_TRY(hi_bind_expr(b, e, &bound));
    if (!hi_expr_is_const(bound)) {
        return BIND_FAIL(b, e->span, "%s must be a constant", what);
    }
    *out = hi_expr_value(bound);
    return HIST_OK;
}
