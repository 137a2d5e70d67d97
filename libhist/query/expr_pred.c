/*
 * expr_pred.c -- what a planner asks of a bound predicate: is it a condition on one column that storage can decide?
 * Know first: a hi_pred is exactly as true as its expression for every row, or there is none; a time range
 * may say less than the expression, and then *exact is false.
 */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "query/func.h"

static bool pred_calls(const hi_expr *e, const char *name)
{
    return e->kind == HI_EXPR_CALL && strcmp(e->u.call.func->name, name) == 0;
}

static const hi_expr *pred_arg(const hi_expr *e, uint32_t i)
{
    return e->u.call.args[i];
}

static bool pred_is_integer(hist_type t)
{
    return t == HIST_TYPE_INT || t == HIST_TYPE_LONG;
}

/* A constant that a column of this type can be compared with as it is. */
static bool pred_fits(hist_type column, const hi_value *v)
{
    if (v->null) {
        return false;
    }
    if (v->type == HIST_TYPE_REAL && isnan(v->real)) {
        return false;
    }
    if (pred_is_integer(column)) {
        return pred_is_integer(v->type) || v->type == HIST_TYPE_REAL;
    }
    if (column == HIST_TYPE_REAL) {
        return v->type == HIST_TYPE_REAL || pred_is_integer(v->type);
    }
    return column == v->type && column != HIST_TYPE_DYNAMIC;
}

/* The column under casts that change no order: int to long, long to real in a comparison with a real. */
static bool pred_column(const hi_expr *e, uint32_t *column, hist_type *type)
{
    if (e->kind != HI_EXPR_COLUMN) {
        return false;
    }
    *column = e->u.column;
    *type = e->type;
    return true;
}

/* -1 none, else a hi_pred_op for EQ and NE or a direction: '<', 'l', '>', 'g'. */
static char pred_symbol(const hi_expr *e)
{
    static const char *const names[] = {"==", "!=", "<", "<=", ">", ">="};
    static const char symbols[] = "=!<l>g";

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (pred_calls(e, names[i])) {
            return symbols[i];
        }
    }
    return 0;
}

static char pred_turned(char symbol)
{
    switch (symbol) {
    case '<':
        return '>';
    case '>':
        return '<';
    case 'l':
        return 'g';
    case 'g':
        return 'l';
    default:
        return symbol;
    }
}

static bool pred_one_value(hi_arena *arena, const hi_value *v, hi_pred *out)
{
    hi_value *values = HI_NEW(arena, hi_value);

    if (values == NULL) {
        return false;
    }
    *values = *v;
    out->values = values;
    out->value_count = 1;
    return true;
}

static bool pred_of_symbol(hi_arena *arena, char symbol, const hi_value *v, hi_pred *out)
{
    switch (symbol) {
    case '=':
    case '!':
        out->op = symbol == '=' ? HI_PRED_EQ : HI_PRED_NE;
        return pred_one_value(arena, v, out);
    case '<':
    case 'l':
        out->op = HI_PRED_RANGE;
        out->has_high = true;
        out->high_open = symbol == '<';
        out->high = *v;
        return true;
    default:
        out->op = HI_PRED_RANGE;
        out->has_low = true;
        out->low_open = symbol == '>';
        out->low = *v;
        return true;
    }
}

/* ---- bin(column, width) <cmp> constant ---- */

/* floor to the bin that v is in, for a datetime column; INT64_MIN when that is out of range. */
static int64_t pred_bin_start(int64_t v, int64_t width, int64_t origin)
{
    int64_t rest = v % width - origin % width;
    int64_t start;

    rest %= width;
    rest += rest < 0 ? width : 0;
    return __builtin_sub_overflow(v, rest, &start) ? INT64_MIN : start;
}

/* Start of the first bin that begins in the range of times. */
static int64_t pred_first_bin(int64_t width, int64_t origin)
{
    int64_t rest = INT64_MIN % width - origin % width;

    rest %= width;
    rest += rest < 0 ? width : 0;
    return rest == 0 ? INT64_MIN : INT64_MIN + (width - rest);
}

/* bin(c, w) >= k is c >= the first bin start not before k; < k is its opposite; == k a whole bin. */
static bool pred_of_bin(const hi_expr *bin, char symbol, const hi_value *v, hi_pred *out)
{
    int64_t width;
    int64_t origin;
    int64_t next;

    if (v->null || v->type != HIST_TYPE_DATETIME ||
        !hi_expr_time_bin(bin, &out->column, &width, &origin)) {
        return false;
    }
    int64_t start = pred_bin_start(v->i64, width, origin);
    if (start == INT64_MIN || __builtin_add_overflow(start, width, &next)) {
        return false;
    }
    const bool exact = start == v->i64;
    out->op = HI_PRED_RANGE;
    out->low = *v;
    out->high = *v;
    switch (symbol) {
    case '=':
        out->has_low = true;
        out->has_high = true;
        out->low.i64 = start;
        out->high.i64 = exact ? next : start; /* Empty when k is no start of a bin. */
        out->high_open = true;
        return true;
    case '<':
    case 'l':
        out->has_high = true;
        out->high_open = true;
        out->high.i64 = exact && symbol == '<' ? start : next;
        /* Before the first whole bin there is, bin() is null. */
        out->has_low = true;
        out->low.i64 = pred_first_bin(width, origin);
        return true;
    case '>':
    case 'g':
        out->has_low = true;
        out->low.i64 = exact && symbol == 'g' ? start : next;
        return true;
    default:
        return false;
    }
}

static bool pred_compare(hi_arena *arena, const hi_expr *e, char symbol, hi_pred *out)
{
    const hi_expr *a = pred_arg(e, 0);
    const hi_expr *b = pred_arg(e, 1);
    hist_type type;

    if (hi_expr_is_const(a)) {
        const hi_expr *c = a;

        a = b;
        b = c;
        symbol = pred_turned(symbol);
    }
    if (!hi_expr_is_const(b)) {
        return false;
    }
    const hi_value v = hi_expr_value(b);
    if (pred_column(a, &out->column, &type)) {
        return pred_fits(type, &v) && pred_of_symbol(arena, symbol, &v, out);
    }
    return pred_of_bin(a, symbol, &v, out);
}

static bool pred_between(const hi_expr *e, hi_pred *out)
{
    hist_type type;

    if (!pred_column(pred_arg(e, 0), &out->column, &type) || !hi_expr_is_const(pred_arg(e, 1)) ||
        !hi_expr_is_const(pred_arg(e, 2))) {
        return false;
    }
    out->op = HI_PRED_RANGE;
    out->has_low = true;
    out->has_high = true;
    out->low = hi_expr_value(pred_arg(e, 1));
    out->high = hi_expr_value(pred_arg(e, 2));
    return pred_fits(type, &out->low) && pred_fits(type, &out->high);
}

/* ---- in ---- */

typedef struct pred_list {
    hi_arena *arena;
    hist_type type;
    hi_value *values;
    uint32_t count;
    uint32_t capacity;
    bool failed;
} pred_list;

/* Values that cannot be equal are left out, as `in` itself does. */
static void pred_add(pred_list *list, const hi_value *v)
{
    if (!pred_fits(list->type, v)) {
        /* A bool among numbers and the like: let the expression decide. */
        list->failed |= !v->null && v->type != HIST_TYPE_REAL;
        return;
    }
    if (list->count == list->capacity) {
        const uint32_t capacity = list->capacity * 2 + 16;
        hi_value *grown = HI_NEW_ARRAY(list->arena, hi_value, capacity);

        if (grown == NULL) {
            list->failed = true;
            return;
        }
        if (list->count != 0) {
            memcpy(grown, list->values, list->count * sizeof(hi_value));
        }
        list->values = grown;
        list->capacity = capacity;
    }
    list->values[list->count++] = *v;
}

static void pred_add_const(pred_list *list, const hi_expr *e)
{
    const hi_value v = hi_expr_value(e);
    const hi_dyn d = v.type == HIST_TYPE_DYNAMIC && !v.null ? hi_dyn_of(v.str.data, v.str.size)
                                                            : (hi_dyn){NULL, 0};
    hi_dyn_iter it = hi_dyn_iter_of(d);

    if (v.type != HIST_TYPE_DYNAMIC) {
        pred_add(list, &v);
        return;
    }
    if (hi_dyn_tag_of(d) != HI_DYN_ARRAY) {
        const hi_value one = hi_value_of_dyn(d);

        pred_add(list, &one);
        return;
    }
    while (hi_dyn_next(&it)) {
        const hi_value element = hi_value_of_dyn(it.value);

        pred_add(list, &element);
    }
}

static bool pred_in(hi_arena *arena, const hi_expr *e, bool negated, hi_pred *out)
{
    pred_list list = {.arena = arena};

    if (!pred_column(pred_arg(e, 0), &out->column, &list.type) || list.type == HIST_TYPE_DYNAMIC) {
        return false;
    }
    for (uint32_t i = 1; i < e->u.call.arg_count; i++) {
        if (!hi_expr_is_const(pred_arg(e, i))) {
            return false;
        }
        pred_add_const(&list, pred_arg(e, i));
    }
    out->op = negated ? HI_PRED_NOT_IN : HI_PRED_IN;
    out->values = list.values;
    out->value_count = list.count;
    return !list.failed;
}

/* ---- isnull and kin ---- */

static bool pred_question(hi_arena *arena, const hi_expr *e, hi_pred *out)
{
    const bool empty = pred_calls(e, "isempty");
    const bool not_empty = pred_calls(e, "isnotempty") || pred_calls(e, "notempty");
    const bool null = pred_calls(e, "isnull");
    const hi_value none = {.type = HIST_TYPE_STRING, .str = {"", 0}};
    hist_type type;

    if (!null && !empty && !not_empty && !pred_calls(e, "isnotnull") && !pred_calls(e, "notnull")) {
        return false;
    }
    if (!pred_column(pred_arg(e, 0), &out->column, &type) || type == HIST_TYPE_DYNAMIC) {
        return false;
    }
    if (type == HIST_TYPE_STRING) { /* Strings are never null. */
        out->op = empty ? HI_PRED_EQ : HI_PRED_NE;
        return (empty || not_empty) && pred_one_value(arena, &none, out);
    }
    out->op = null || empty ? HI_PRED_IS_NULL : HI_PRED_NOT_NULL;
    return true;
}

bool hi_expr_pred(hi_arena *arena, const hi_expr *e, hi_pred *out)
{
    const char symbol = pred_symbol(e);

    *out = (hi_pred){0};
    if (symbol != 0) {
        return pred_compare(arena, e, symbol, out);
    }
    if (pred_calls(e, "between")) {
        return pred_between(e, out);
    }
    if (pred_calls(e, "in") || pred_calls(e, "!in")) {
        return pred_in(arena, e, pred_calls(e, "!in"), out);
    }
    return e->kind == HI_EXPR_CALL && e->u.call.arg_count == 1 && pred_question(arena, e, out);
}

/* ---- time ---- */

#define PRED_PARTS 64

/* Cuts [*from, *to) to what the predicate leaves; false: it says more than a range can. */
static bool pred_narrow(const hi_pred *p, int64_t *from, int64_t *to)
{
    if (p->op == HI_PRED_EQ) {
        const int64_t v = p->values[0].i64;

        *from = v > *from ? v : *from;
        if (v != INT64_MAX && v + 1 < *to) {
            *to = v + 1;
        }
        return v != INT64_MAX;
    }
    if (p->op == HI_PRED_NOT_NULL) {
        return true; /* A time that is stored is not null. */
    }
    if (p->op != HI_PRED_RANGE) {
        return false;
    }
    if (p->has_low) {
        const int64_t v = p->low.i64;
        const int64_t low = p->low_open && v != INT64_MAX ? v + 1 : v;

        *from = low > *from ? low : *from;
    }
    if (p->has_high) {
        const int64_t v = p->high.i64;
        const int64_t high = p->high_open || v == INT64_MAX ? v : v + 1;

        *to = high < *to ? high : *to;
    }
    /* The last instant there is cannot be told from "open" on this side. */
    return !(p->has_high && p->high.i64 == INT64_MAX && p->high_open);
}

void hi_expr_time_range(hi_arena *arena, const hi_expr *e, uint32_t column, int64_t *from,
                        int64_t *to, bool *exact)
{
    const hi_expr *parts[PRED_PARTS];
    const uint32_t n = hi_expr_conjuncts(e, parts, PRED_PARTS);

    *exact = true;
    for (uint32_t i = 0; i < n; i++) {
        hi_pred p;

        if (!hi_expr_pred(arena, parts[i], &p) || p.column != column) {
            *exact = false;
        } else if (p.op == HI_PRED_RANGE || p.op == HI_PRED_EQ || p.op == HI_PRED_NOT_NULL) {
            *exact &= pred_narrow(&p, from, to);
        } else {
            *exact = false;
        }
    }
}

/* 0001-01-01 (or 1970) modulo the width. */
static int64_t pred_origin(int64_t width, int64_t days)
{
    uint64_t phase = 0;
    const uint64_t w = (uint64_t)width;
    const uint64_t day = UINT64_C(86400000000000) % w;

    for (int bit = 20; bit >= 0; bit--) {
        phase = phase * 2 % w;
        if ((days >> bit) & 1) {
            phase = (phase + day) % w;
        }
    }
    return phase == 0 ? 0 : (int64_t)(w - phase);
}

bool hi_expr_time_bin(const hi_expr *e, uint32_t *column, int64_t *width_ns, int64_t *origin_ns)
{
    const int64_t days_1970 = 719162;
    const int64_t day = INT64_C(86400000000000);
    hist_type type;

    if (e->kind != HI_EXPR_CALL || e->u.call.arg_count == 0 ||
        !pred_column(pred_arg(e, 0), column, &type) || type != HIST_TYPE_DATETIME) {
        return false;
    }
    if (pred_calls(e, "startofday") && e->u.call.arg_count == 1) {
        *width_ns = day;
        *origin_ns = 0;
        return true;
    }
    if (pred_calls(e, "startofweek") && e->u.call.arg_count == 1) {
        *width_ns = 7 * day;
        *origin_ns = 3 * day; /* 1970-01-04 was a Sunday. */
        return true;
    }
    const bool at = pred_calls(e, "bin_at");
    if ((!at && !pred_calls(e, "bin") && !pred_calls(e, "floor")) ||
        !hi_expr_is_const(pred_arg(e, 1)) || (at && !hi_expr_is_const(pred_arg(e, 2)))) {
        return false;
    }
    const hi_value width = hi_expr_value(pred_arg(e, 1));
    if (width.null || width.i64 <= 0) {
        return false;
    }
    *width_ns = width.i64;
    *origin_ns = 0;
    if (at) {
        const hi_value origin = hi_expr_value(pred_arg(e, 2));

        *origin_ns = origin.null ? 0 : origin.i64 % width.i64;
        *origin_ns += *origin_ns < 0 ? width.i64 : 0;
        return !origin.null;
    }
    *origin_ns = pred_origin(width.i64, days_1970);
    return true;
}
