/*
 * func_window.c -- prev, next, row_number, row_cumsum, row_rank_..., row_window_session. Know first: they are computed over
 * the whole serialized input as one batch, so a row may look at any other.
 */
#include <math.h>
#include <string.h>

#include "query/eval.h"

/* prev(c[, n[, default]]), next(c[, n[, default]]) */
static hist_status win_shift(hi_eval *ev, const hi_expr *call, const hist_column *args,
                             uint32_t rows, hist_column *out)
{
    const bool next = call->u.call.func->data != NULL;
    const uint32_t count = call->u.call.arg_count;
    uint32_t *from = hi_arena_vector(ev->arena, (size_t)rows * sizeof(uint32_t) + 4);
    hist_column column = args[0];
    int64_t n = 1;

    if (from == NULL) {
        return hi_eval_no_memory(ev, call);
    }
    if (count > 1 && rows != 0 && hist_column_valid(&args[1], 0)) {
        n = hist_column_i64(&args[1], 0);
    }
    n = next ? n : -n;
    const bool fill = count > 2;
    for (uint32_t i = 0; i < rows; i++) {
        const int64_t at = (int64_t)i + n;
        const bool there = at >= 0 && at < (int64_t)rows;

        from[i] = there ? (uint32_t)at : fill ? rows : HI_ROW_NONE;
    }
    if (fill) { /* The default is one more row at the end. */
        hist_column one;
        const hist_column parts[2] = {args[0], args[2]};
        hist_column two[2] = {parts[0], parts[1]};

        if (!hi_col_repeat(ev->arena, &args[2], 0, 1, &one)) {
            return hi_eval_no_memory(ev, call);
        }
        two[1] = one;
        two[1].type = two[0].type;
        if (!hi_col_concat(ev->arena, two, 2, &column)) {
            return hi_eval_no_memory(ev, call);
        }
    }
    return hi_col_gather(ev->arena, &column, from, rows, out) ? HIST_OK
                                                              : hi_eval_no_memory(ev, call);
}

static hist_status win_bind_shift(hi_bind_call *c)
{
    c->type = c->args[0]->type;
    c->eval = win_shift;
    if (c->arg_count > 1) {
        HI_TRY(hi_bind_arg(c, 1, 'l'));
    }
    for (uint32_t i = 1; i < c->arg_count; i++) {
        if (!hi_expr_is_const(c->args[i])) {
            return hi_bind_fail_arg(c, i, "must be a constant");
        }
    }
    return c->arg_count > 2 ? hi_bind_cast(c, 2, c->type) : HIST_OK;
}

/* Whether the optional bool argument says that row begins anew. */
static bool win_restart(const hi_expr *call, const hist_column *args, uint32_t arg, uint32_t row)
{
    return arg < call->u.call.arg_count && hist_column_valid(&args[arg], row) &&
           hist_column_i64(&args[arg], row) != 0;
}

/* row_number([start[, restart]]) */
static hist_status win_number(hi_eval *ev, const hi_expr *call, const hist_column *args,
                              uint32_t rows, hist_column *out)
{
    int64_t start = 1;
    void *raw;

    if (!hi_col_new(ev->arena, HIST_TYPE_LONG, rows, out, &raw)) {
        return hi_eval_no_memory(ev, call);
    }
    if (call->u.call.arg_count > 0 && rows != 0 && hist_column_valid(&args[0], 0)) {
        start = hist_column_i64(&args[0], 0);
    }
    int64_t *data = raw;
    int64_t at = start;
    for (uint32_t i = 0; i < rows; i++) {
        at = win_restart(call, args, 1, i) ? start : at;
        data[i] = at++;
    }
    return HIST_OK;
}

/* row_cumsum(x[, restart]): nulls add nothing. */
static hist_status win_cumsum(hi_eval *ev, const hi_expr *call, const hist_column *args,
                              uint32_t rows, hist_column *out)
{
    const bool real = args[0].stored == HIST_TYPE_REAL;
    void *raw;
    int64_t whole = 0;
    double sum = 0;

    if (!hi_col_new(ev->arena, args[0].stored, rows, out, &raw)) {
        return hi_eval_no_memory(ev, call);
    }
    for (uint32_t i = 0; i < rows; i++) {
        const bool valid = hist_column_valid(&args[0], i);

        if (win_restart(call, args, 1, i)) {
            whole = 0;
            sum = 0;
        }
        if (real) {
            sum += valid ? hist_column_f64(&args[0], i) : 0;
            ((double *)raw)[i] = sum;
        } else {
            const int64_t v = valid ? hist_column_i64(&args[0], i) : 0;

            whole = (int64_t)((uint64_t)whole + (uint64_t)v);
            ((int64_t *)raw)[i] = whole;
        }
    }
    return HIST_OK;
}

static hist_status win_bind_cumsum(hi_bind_call *c)
{
    const hist_type t = c->args[0]->type;

    if (t == HIST_TYPE_INT) {
        HI_TRY(hi_bind_cast(c, 0, HIST_TYPE_LONG));
    } else if (t == HIST_TYPE_DECIMAL || t == HIST_TYPE_DYNAMIC) {
        HI_TRY(hi_bind_cast(c, 0, HIST_TYPE_REAL));
    } else if (t != HIST_TYPE_TIMESPAN) {
        HI_TRY(hi_bind_arg(c, 0, 'n'));
    }
    if (c->arg_count > 1) {
        HI_TRY(hi_bind_arg(c, 1, 'b'));
    }
    c->type = c->args[0]->type;
    c->eval = win_cumsum;
    return HIST_OK;
}

/* row_rank_dense and (data) row_rank_min of sorted rows. */
static hist_status win_rank(hi_eval *ev, const hi_expr *call, const hist_column *args,
                            uint32_t rows, hist_column *out)
{
    const bool min = call->u.call.func->data != NULL;
    int64_t rank = 0;
    int64_t place = 0;
    void *raw;

    if (!hi_col_new(ev->arena, HIST_TYPE_LONG, rows, out, &raw)) {
        return hi_eval_no_memory(ev, call);
    }
    for (uint32_t i = 0; i < rows; i++) {
        if (i == 0 || win_restart(call, args, 1, i)) {
            rank = 1;
            place = 1;
        } else {
            place++;
            if (!hi_col_equal(&args[0], i - 1, &args[0], i)) {
                rank = min ? place : rank + 1;
            }
        }
        ((int64_t *)raw)[i] = rank;
    }
    return HIST_OK;
}

/* row_window_session(t, max_from_first, max_between[, restart]): start of the session each row is in. */
static hist_status win_session(hi_eval *ev, const hi_expr *call, const hist_column *args,
                               uint32_t rows, hist_column *out)
{
    hi_col_builder cb;
    bool open = false;
    int64_t first = 0;
    int64_t before = 0;

    if (!hi_cb_init(&cb, ev->arena, HIST_TYPE_DATETIME, rows)) {
        return hi_eval_no_memory(ev, call);
    }
    for (uint32_t i = 0; i < rows; i++) {
        if (!hist_column_valid(&args[0], i)) {
            hi_cb_null(&cb);
            open = false;
            continue;
        }
        const int64_t t = hist_column_i64(&args[0], i);
        const int64_t reach = hist_column_valid(&args[1], i) ? hist_column_i64(&args[1], i) : 0;
        const int64_t gap = hist_column_valid(&args[2], i) ? hist_column_i64(&args[2], i) : 0;
        if (!open || win_restart(call, args, 3, i) || t - first >= reach || t - before >= gap) {
            first = t;
        }
        open = true;
        before = t;
        hi_cb_i64(&cb, first);
    }
    return hi_cb_done(&cb, HIST_TYPE_DATETIME, out) ? HIST_OK : hi_eval_no_memory(ev, call);
}

static const hi_func win_funcs[] = {
    {.name = "prev", .signature = "a|aa", .bind = win_bind_shift, .flags = HI_FUNC_WINDOW},
    {.name = "next",
     .signature = "a|aa",
     .bind = win_bind_shift,
     .data = "next",
     .flags = HI_FUNC_WINDOW},
    {.name = "row_number", .signature = "|lb>l", .eval = win_number, .flags = HI_FUNC_WINDOW},
    {.name = "row_cumsum", .signature = "a|b", .bind = win_bind_cumsum, .flags = HI_FUNC_WINDOW},
    {.name = "row_rank_dense", .signature = "a|b>l", .eval = win_rank, .flags = HI_FUNC_WINDOW},
    {.name = "row_rank_min",
     .signature = "a|b>l",
     .eval = win_rank,
     .data = "min",
     .flags = HI_FUNC_WINDOW},
    {.name = "row_window_session",
     .signature = "dtt|b>d",
     .eval = win_session,
     .flags = HI_FUNC_WINDOW},
};

const hi_func_table hi_funcs_window = HI_FUNC_TABLE(win_funcs);
