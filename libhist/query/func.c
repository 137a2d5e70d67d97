/*
 * func.c -- finding, binding and folding calls of scalar functions; see func.h. Operators and casts come the same
 * way as named functions.
 */
#include "query/func.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "query/eval.h"
#include "query/func_series.h"
#include "query/nearest.h"

static const hi_func_table *const func_tables[] = {
    &hi_funcs_arith,        &hi_funcs_compare, &hi_funcs_cond,    &hi_funcs_math,
    &hi_funcs_convert,      &hi_funcs_string,  &hi_funcs_match,   &hi_funcs_regex,
    &hi_funcs_time,         &hi_funcs_timefmt, &hi_funcs_dynamic, &hi_funcs_array,
    &hi_funcs_bag,          &hi_funcs_window,  &hi_funcs_series,  &hi_funcs_series_math,
    &hi_funcs_series_model, &hi_funcs_codec,   &hi_funcs_bits,    &hi_funcs_units,
    &hi_funcs_parse,        &hi_funcs_ip,      &hi_funcs_stat,
};

#define FUNC_TABLES    (sizeof(func_tables) / sizeof(func_tables[0]))
#define FUNC_NAMES_MAX 1024

const hi_func *hi_func_find(hist_str name)
{
    for (size_t t = 0; t < FUNC_TABLES; t++) {
        for (size_t i = 0; i < func_tables[t]->count; i++) {
            if (hi_str_is(name, func_tables[t]->funcs[i].name)) {
                return &func_tables[t]->funcs[i];
            }
        }
    }
    return NULL;
}

const char *hi_func_nearest(hi_arena *arena, hist_str name)
{
    const char **names = HI_NEW_ARRAY(arena, const char *, FUNC_NAMES_MAX);
    size_t n = 0;

    if (names == NULL) {
        return NULL;
    }
    for (size_t t = 0; t < FUNC_TABLES; t++) {
        for (size_t i = 0; i < func_tables[t]->count && n < FUNC_NAMES_MAX; i++) {
            if ((func_tables[t]->funcs[i].flags & HI_FUNC_HIDDEN) == 0) {
                names[n++] = func_tables[t]->funcs[i].name;
            }
        }
    }
    return hi_nearest(name, names, n);
}

/* ---- errors ---- */

hist_status hi_bind_fail(hi_bind_call *c, const char *fmt, ...)
{
    char text[HIST_ERROR_MESSAGE_SIZE];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return hi_fail_at(c->err, HIST_ESEMANTIC, c->ctx->text, c->span, "%s: %s", c->func->name, text);
}

hist_status hi_bind_fail_arg(hi_bind_call *c, uint32_t i, const char *fmt, ...)
{
    char text[HIST_ERROR_MESSAGE_SIZE];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return hi_fail_at(c->err, HIST_ESEMANTIC, c->ctx->text, c->args[i]->span, "%s: argument %u %s",
                      c->func->name, i + 1, text);
}

/* ---- implicit conversions ---- */

/* The bare word null, or dynamic(null), which fits everywhere. */
static bool func_is_null_literal(const hi_expr *e)
{
    return hi_expr_is_const(e) && e->type == HIST_TYPE_DYNAMIC && hi_expr_value(e).null;
}

/* Whether the language widens `from` to `to` by itself. */
static bool func_widens(hist_type from, hist_type to)
{
    if (from == HIST_TYPE_DYNAMIC || to == HIST_TYPE_DYNAMIC) {
        return true;
    }
    switch (to) {
    case HIST_TYPE_LONG:
        return from == HIST_TYPE_INT;
    case HIST_TYPE_INT:
        return from == HIST_TYPE_LONG;
    case HIST_TYPE_DECIMAL:
        return from == HIST_TYPE_INT || from == HIST_TYPE_LONG;
    case HIST_TYPE_REAL:
        return hi_type_is_number(from);
    default:
        return false;
    }
}

hist_status hi_bind_cast(hi_bind_call *c, uint32_t i, hist_type type)
{
    const hi_expr *e = c->args[i];
    hi_expr *cast;

    if (e->type == type) {
        return HIST_OK;
    }
    if (func_is_null_literal(e)) {
        const hi_value null = {.type = type, .null = true};

        c->args[i] = hi_expr_const(c->arena, &null, type, e->span);
        return c->args[i] != NULL ? HIST_OK : hi_no_memory(c->err, c->func->name);
    }
    if (!func_widens(e->type, type)) {
        return hi_bind_fail_arg(c, i, "is a %s where a %s is needed; convert it with to%s()",
                                hist_type_name(e->type), hist_type_name(type),
                                hist_type_name(type));
    }
    HI_TRY(hi_func_cast(c->arena, c->ctx, e, type, &cast, c->err));
    c->args[i] = cast;
    return HIST_OK;
}

static hist_type func_letter_type(char letter)
{
    static const char letters[] = "bilrmsdtgy";
    static const hist_type types[] = {HIST_TYPE_BOOL,     HIST_TYPE_INT,      HIST_TYPE_LONG,
                                      HIST_TYPE_REAL,     HIST_TYPE_DECIMAL,  HIST_TYPE_STRING,
                                      HIST_TYPE_DATETIME, HIST_TYPE_TIMESPAN, HIST_TYPE_GUID,
                                      HIST_TYPE_DYNAMIC};
    const char *at = strchr(letters, letter);

    assert(at != NULL && letter != '\0');
    return types[at - letters];
}

hist_status hi_bind_arg(hi_bind_call *c, uint32_t i, char letter)
{
    const hi_expr *e = c->args[i];

    if (letter == 'a') {
        return HIST_OK;
    }
    if (letter == 'S') {
        hi_expr *text;

        HI_TRY(hi_func_cast(c->arena, c->ctx, e, HIST_TYPE_STRING, &text, c->err));
        c->args[i] = text;
        return HIST_OK;
    }
    if (letter != 'n') {
        return hi_bind_cast(c, i, func_letter_type(letter));
    }
    if (hi_type_is_number(e->type)) {
        return HIST_OK;
    }
    if (e->type == HIST_TYPE_DYNAMIC) {
        return hi_bind_cast(c, i, HIST_TYPE_REAL);
    }
    return hi_bind_fail_arg(c, i, "is a %s where a number is needed", hist_type_name(e->type));
}

static hist_type func_wider(hist_type a, hist_type b)
{
    if (a == b) {
        return a;
    }
    if (!hi_type_is_number(a) || !hi_type_is_number(b)) {
        return (hist_type)0;
    }
    if (a == HIST_TYPE_REAL || b == HIST_TYPE_REAL) {
        return HIST_TYPE_REAL;
    }
    if (a == HIST_TYPE_DECIMAL || b == HIST_TYPE_DECIMAL) {
        return HIST_TYPE_DECIMAL;
    }
    return HIST_TYPE_LONG;
}

hist_status hi_bind_common(hi_bind_call *c, uint32_t first, hist_type *type)
{
    hist_type common = (hist_type)0;

    for (uint32_t i = first; i < c->arg_count; i++) {
        const hist_type t = c->args[i]->type;

        if (func_is_null_literal(c->args[i])) {
            continue;
        }
        if (common == 0) {
            common = t;
        } else if (common == HIST_TYPE_DYNAMIC || t == HIST_TYPE_DYNAMIC) {
            common = HIST_TYPE_DYNAMIC;
        } else {
            const hist_type wider = func_wider(common, t);

            if (wider == 0) {
                return hi_bind_fail_arg(c, i, "is a %s while those before it are %s",
                                        hist_type_name(t), hist_type_name(common));
            }
            common = wider;
        }
    }
    *type = common == 0 ? HIST_TYPE_DYNAMIC : common;
    for (uint32_t i = first; i < c->arg_count; i++) {
        HI_TRY(hi_bind_cast(c, i, *type));
    }
    return HIST_OK;
}

hist_status hi_bind_const_str(hi_bind_call *c, uint32_t i, hist_str *out)
{
    if (c->args[i]->type != HIST_TYPE_STRING || !hi_expr_is_const(c->args[i])) {
        return hi_bind_fail_arg(c, i, "must be a constant string");
    }
    *out = hi_expr_value(c->args[i]).str;
    return HIST_OK;
}

/* ---- signatures ---- */

/* Least and most arguments; UINT32_MAX: no limit. */
static void func_arity(const char *signature, uint32_t *least, uint32_t *most)
{
    uint32_t n = 0;
    bool optional = false;
    bool open = false;

    *least = 0;
    for (const char *s = signature; *s != '\0' && *s != '>'; s++) {
        if (*s == '|') {
            optional = true;
        } else if (*s == '*') {
            open = true;
        } else {
            n++;
            *least += optional ? 0 : 1;
        }
    }
    *most = open ? UINT32_MAX : n;
}

static hist_status func_check_arity(hi_bind_call *c)
{
    uint32_t least;
    uint32_t most;

    if (c->func->signature == NULL) {
        return HIST_OK;
    }
    func_arity(c->func->signature, &least, &most);
    if (c->arg_count >= least && c->arg_count <= most) {
        return HIST_OK;
    }
    if (least == most) {
        return hi_bind_fail(c, "takes %u argument%s, %u given", least, least == 1 ? "" : "s",
                            c->arg_count);
    }
    if (most == UINT32_MAX) {
        return hi_bind_fail(c, "takes at least %u argument%s, %u given", least,
                            least == 1 ? "" : "s", c->arg_count);
    }
    return hi_bind_fail(c, "takes %u to %u arguments, %u given", least, most, c->arg_count);
}

hist_status hi_bind_signature(hi_bind_call *c)
{
    const char *s = c->func->signature;
    char letter = 'a';

    for (uint32_t i = 0; i < c->arg_count; i++) {
        if (*s == '|') {
            s++;
        }
        if (*s != '*' && *s != '>') {
            letter = *s++;
        }
        HI_TRY(hi_bind_arg(c, i, letter));
    }
    const char *result = strchr(c->func->signature, '>');
    assert(result != NULL);
    c->type = result[1] == 'A' ? c->args[0]->type : func_letter_type(result[1]);
    c->eval = c->func->eval != NULL ? c->func->eval : hi_eval_rows;
    return HIST_OK;
}

/* ---- calls ---- */

static bool func_takes_clamped(const hi_func *func)
{
    static const char *const names[] = {"==", "!=",      "<",        "<=", ">",
                                        ">=", "between", "!between", "in", "!in"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(func->name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* A time literal outside of the range was cut to it: fine to compare with, wrong to calculate with. */
static hist_status func_check_clamped(hi_bind_call *c)
{
    for (uint32_t i = 0; i < c->arg_count; i++) {
        const hi_expr *e = c->args[i];

        if (hi_expr_is_const(e) && e->u.constant.clamped != 0 && !func_takes_clamped(c->func)) {
            return hi_bind_fail_arg(c, i,
                                    "is outside of the range of times, 1677-09-21 to 2262-04-11 "
                                    "(timespans: about 292 years); it can only be compared");
        }
    }
    return HIST_OK;
}

static hist_status func_fold(hi_bind_call *c, const hi_expr *call, hi_expr **out)
{
    hist_column *args = HI_NEW_ARRAY(c->arena, hist_column, c->arg_count);
    hi_expr *e = HI_NEW(c->arena, hi_expr);
    hi_eval ev;

    if (args == NULL || e == NULL) {
        return hi_no_memory(c->err, c->func->name);
    }
    HI_TRY(hi_eval_init(&ev, c->ctx, c->arena, c->err));
    for (uint32_t i = 0; i < c->arg_count; i++) {
        args[i] = c->args[i]->u.constant.value;
    }
    hist_column result = {0};
    hist_status status = hi_eval_call(&ev, call, args, 1, &result);
    if (status == HIST_OK && !hi_col_repeat(c->arena, &result, 0, 1, &e->u.constant.value)) {
        status = hi_no_memory(c->err, c->func->name);
    }
    hi_eval_free(&ev);
    HI_TRY(status);
    e->kind = HI_EXPR_CONST;
    e->type = call->type;
    e->span = call->span;
    e->u.constant.value.type = call->type;
    *out = e;
    return HIST_OK;
}

static bool func_can_fold(const hi_bind_call *c)
{
    bool fold = (c->func->flags & (HI_FUNC_IMPURE | HI_FUNC_WINDOW)) == 0 && c->output_count == 1;

    for (uint32_t i = 0; fold && i < c->arg_count; i++) {
        fold = hi_expr_is_const(c->args[i]);
    }
    return fold;
}

hist_status hi_func_call(hi_arena *arena, hi_qctx *ctx, const hi_func *func, hi_ast_span span,
                         const hi_expr **args, uint32_t arg_count, hi_expr **out, hist_error *err)
{
    hi_bind_call c = {.arena = arena,
                      .err = err,
                      .ctx = ctx,
                      .func = func,
                      .span = span,
                      .args = HI_NEW_ARRAY(arena, const hi_expr *, (size_t)arg_count + 1),
                      .arg_count = arg_count,
                      .eval = func->eval,
                      .output_count = 1};
    hi_expr *e = HI_NEW(arena, hi_expr);

    if (e == NULL || c.args == NULL) {
        return hi_no_memory(err, func->name);
    }
    if (arg_count != 0) {
        memcpy(c.args, args, arg_count * sizeof(*args));
    }
    HI_TRY(func_check_arity(&c));
    HI_TRY(func_check_clamped(&c));
    HI_TRY(func->bind != NULL ? func->bind(&c) : hi_bind_signature(&c));
    e->kind = HI_EXPR_CALL;
    e->type = c.output_count > 1 ? c.outputs[0].type : c.type;
    e->span = span;
    e->u.call.func = func;
    e->u.call.eval = c.eval != NULL ? c.eval : hi_eval_rows;
    e->u.call.args = c.args;
    e->u.call.state = c.state;
    e->u.call.outputs = c.outputs;
    e->u.call.arg_count = c.arg_count;
    e->u.call.output_count = c.output_count;
    if (func_can_fold(&c)) {
        return func_fold(&c, e, out);
    }
    *out = e;
    return HIST_OK;
}

hist_status hi_func_cast(hi_arena *arena, hi_qctx *ctx, const hi_expr *e, hist_type type,
                         hi_expr **out, hist_error *err)
{
    static const char *const names[] = {NULL,         "tobool",    "toint",    "tolong",
                                        "toreal",     "todecimal", "tostring", "todatetime",
                                        "totimespan", "toguid",    "$dynamic"};

    if (e->type == type) {
        *out = HI_NEW(arena, hi_expr);
        if (*out == NULL) {
            return hi_no_memory(err, "an expression");
        }
        **out = *e;
        return HIST_OK;
    }
    const hi_func *func = hi_func_find((hist_str){names[type], strlen(names[type])});
    assert(func != NULL);
    return hi_func_call(arena, ctx, func, e->span, &e, 1, out, err);
}
