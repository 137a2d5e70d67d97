/*
 * func_array.c -- making and rearranging arrays. Know first: a row function reads its arrays with hi_dyn_iter and writes
 * the result with the builder's dynamic writer; random access goes over a table of views (arr_views).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "query/eval.h"

#define ARR_LENGTH_MAX 1048576

static bool arr_is(hi_dyn d)
{
    return hi_dyn_tag_of(d) == HI_DYN_ARRAY;
}

/* The elements of argument i, in the row's scratch; NULL when it is no array (or memory is short). */
static hi_dyn *arr_views(hi_row *r, uint32_t i, uint32_t *count)
{
    const hi_dyn d = hi_row_dyn(r, i);
    uint32_t n = 0;

    *count = 0;
    if (!arr_is(d)) {
        return NULL;
    }
    hi_dyn *views = HI_NEW_ARRAY(r->scratch, hi_dyn, (size_t)hi_dyn_count(d) + 1);
    hi_dyn_iter it = hi_dyn_iter_of(d);
    if (views == NULL) {
        r->out->failed = true;
        return NULL;
    }
    while (hi_dyn_next(&it) && n < hi_dyn_count(d)) {
        views[n++] = it.value;
    }
    *count = n;
    return views;
}

static void arr_put_range(hi_dyn_writer *w, const hi_dyn *views, int64_t from, int64_t end)
{
    hi_dyn_begin_array(w);
    for (int64_t i = from; i < end; i++) {
        hi_dyn_put(w, views[i]);
    }
    hi_dyn_end_array(w);
}

/* ---- parts ---- */

/* array_slice(a, start[, end]): end inclusive, negatives count from the end. */
static void arr_row_slice(hi_row *r)
{
    uint32_t n;
    const hi_dyn *views = arr_views(r, 0, &n);
    int64_t from = hi_row_i64(r, 1);
    int64_t end = hi_row_i64_or(r, 2, -1);

    if (views == NULL) {
        return;
    }
    from = from < 0 ? from + n : from;
    end = end < 0 ? end + n : end;
    from = from < 0 ? 0 : from;
    end = end >= (int64_t)n ? (int64_t)n - 1 : end;
    arr_put_range(hi_cb_begin(r->out), views, from, end + 1 < from ? from : end + 1);
    hi_cb_end(r->out);
}

/* array_split(a, index or indices) */
static void arr_row_split(hi_row *r)
{
    uint32_t n;
    uint32_t cuts = 1;
    const hi_dyn *views = arr_views(r, 0, &n);
    const hi_value *by = &r->args[1];
    const hi_dyn *indices = NULL;

    if (views == NULL) {
        return;
    }
    if (by->type == HIST_TYPE_DYNAMIC && arr_is(hi_row_dyn(r, 1))) {
        indices = arr_views(r, 1, &cuts);
    }
    const int64_t only = by->type == HIST_TYPE_DYNAMIC ? hi_dyn_i64(hi_row_dyn(r, 1)) : by->i64;
    hi_dyn_writer *w = hi_cb_begin(r->out);
    int64_t from = 0;
    hi_dyn_begin_array(w);
    for (uint32_t i = 0; i < cuts; i++) {
        int64_t at = indices != NULL ? hi_dyn_i64(indices[i]) : only;

        at = at < 0 ? at + n : at;
        at = at < from ? from : at > (int64_t)n ? (int64_t)n : at;
        arr_put_range(w, views, from, at);
        from = at;
    }
    arr_put_range(w, views, from, n);
    hi_dyn_end_array(w);
    hi_cb_end(r->out);
}

static void arr_row_concat(hi_row *r)
{
    hi_dyn_writer *w;
    bool any = false;

    for (uint32_t i = 0; i < r->arg_count; i++) {
        any |= arr_is(hi_row_dyn(r, i));
    }
    if (!any) {
        return;
    }
    w = hi_cb_begin(r->out);
    hi_dyn_begin_array(w);
    for (uint32_t i = 0; i < r->arg_count; i++) {
        if (!arr_is(hi_row_dyn(r, i))) {
            continue; /* Null adds nothing. */
        }
        hi_dyn_iter it = hi_dyn_iter_of(hi_row_dyn(r, i));

        while (hi_dyn_next(&it)) {
            hi_dyn_put(w, it.value);
        }
    }
    hi_dyn_end_array(w);
    hi_cb_end(r->out);
}

static void arr_row_reverse(hi_row *r)
{
    uint32_t n;
    const hi_dyn *views = arr_views(r, 0, &n);

    if (views == NULL) {
        return;
    }
    hi_dyn_writer *w = hi_cb_begin(r->out);
    hi_dyn_begin_array(w);
    while (n-- > 0) {
        hi_dyn_put(w, views[n]);
    }
    hi_dyn_end_array(w);
    hi_cb_end(r->out);
}

/* data: "l" or "r" */
static void arr_row_rotate(hi_row *r)
{
    uint32_t n;
    const hi_dyn *views = arr_views(r, 0, &n);
    int64_t by = hi_row_i64(r, 1);

    if (views == NULL) {
        return;
    }
    by = n == 0 ? 0 : by % (int64_t)n;
    by = *(const char *)r->data == 'l' ? by : -by;
    by = by < 0 ? by + n : by;
    hi_dyn_writer *w = hi_cb_begin(r->out);
    hi_dyn_begin_array(w);
    for (uint32_t i = 0; i < n; i++) {
        hi_dyn_put(w, views[(i + (uint64_t)by) % n]);
    }
    hi_dyn_end_array(w);
    hi_cb_end(r->out);
}

static void arr_row_shift(hi_row *r)
{
    uint32_t n;
    const hi_dyn *views = arr_views(r, 0, &n);
    const int64_t by = *(const char *)r->data == 'l' ? hi_row_i64(r, 1) : -hi_row_i64(r, 1);

    if (views == NULL) {
        return;
    }
    hi_dyn_writer *w = hi_cb_begin(r->out);
    hi_dyn_begin_array(w);
    for (int64_t i = 0; i < (int64_t)n; i++) {
        const int64_t at = i + by;

        if (at >= 0 && at < (int64_t)n) {
            hi_dyn_put(w, views[at]);
        } else if (r->arg_count > 2) {
            hi_dyn_put_value(w, &r->args[2]);
        } else {
            hi_dyn_put_null(w);
        }
    }
    hi_dyn_end_array(w);
    hi_cb_end(r->out);
}

/* ---- searching ---- */

static bool arr_same(hi_dyn element, const hi_value *v)
{
    const hi_value e = hi_value_of_dyn(element);

    return hi_value_compare(&e, v) == 0;
}

/* array_index_of(a, value[, start[, length[, occurrence]]]) */
static void arr_row_index_of(hi_row *r)
{
    uint32_t n;
    const hi_dyn *views = arr_views(r, 0, &n);
    int64_t start = hi_row_i64_or(r, 2, 0);
    const int64_t length = hi_row_i64_or(r, 3, -1);
    int64_t occurrence = hi_row_i64_or(r, 4, 1);

    if (views == NULL) {
        return;
    }
    start = start < 0 ? start + n : start;
    const int64_t end = length < 0 || length > (int64_t)n - start ? (int64_t)n : start + length;
    for (int64_t i = start < 0 ? 0 : start; i < end; i++) {
        if (arr_same(views[i], &r->args[1]) && --occurrence == 0) {
            hi_cb_i64(r->out, i);
            return;
        }
    }
    hi_cb_i64(r->out, -1);
}

static void arr_row_has_element(hi_row *r)
{
    hi_dyn_iter it = hi_dyn_iter_of(hi_row_dyn(r, 0));
    bool has = false;

    while (!has && hi_dyn_next(&it)) {
        has = arr_same(it.value, &r->args[1]);
    }
    hi_cb_i64(r->out, has);
}

/* ---- choosing ---- */

static bool arr_true(hi_dyn d)
{
    double v;

    return hi_dyn_number(d, &v) && v != 0;
}

/* Element i of an argument that may be an array or one value for all. */
static void arr_put_choice(hi_row *r, hi_dyn_writer *w, uint32_t arg, uint32_t i)
{
    const hi_value *v = &r->args[arg];

    if (v->null) {
        hi_dyn_put_null(w);
    } else if (v->type == HIST_TYPE_DYNAMIC && arr_is(hi_row_dyn(r, arg))) {
        hi_dyn_put(w, i < hi_dyn_count(hi_row_dyn(r, arg)) ? hi_dyn_at(hi_row_dyn(r, arg), i)
                                                           : (hi_dyn){NULL, 0});
    } else {
        hi_dyn_put_value(w, v);
    }
}

static void arr_row_iff(hi_row *r)
{
    hi_dyn_iter it = hi_dyn_iter_of(hi_row_dyn(r, 0));
    hi_dyn_writer *w;
    uint32_t i = 0;

    if (!arr_is(hi_row_dyn(r, 0))) {
        return;
    }
    w = hi_cb_begin(r->out);
    hi_dyn_begin_array(w);
    for (; hi_dyn_next(&it); i++) {
        if (hi_dyn_is_null(it.value)) {
            hi_dyn_put_null(w);
        } else {
            arr_put_choice(r, w, arr_true(it.value) ? 1 : 2, i);
        }
    }
    hi_dyn_end_array(w);
    hi_cb_end(r->out);
}

/* ---- making ---- */

static void arr_row_pack(hi_row *r)
{
    hi_dyn_writer *w = hi_cb_begin(r->out);

    hi_dyn_begin_array(w);
    for (uint32_t i = 0; i < r->arg_count; i++) {
        hi_dyn_put_value(w, &r->args[i]);
    }
    hi_dyn_end_array(w);
    hi_cb_end(r->out);
}

static void arr_row_repeat(hi_row *r)
{
    const int64_t n = r->args[1].null ? 0 : hi_row_i64(r, 1);
    hi_dyn_writer *w = hi_cb_begin(r->out);

    hi_dyn_begin_array(w);
    for (int64_t i = 0; i < n && i < ARR_LENGTH_MAX; i++) {
        hi_dyn_put_value(w, &r->args[0]);
    }
    hi_dyn_end_array(w);
    hi_cb_end(r->out);
}

static void arr_range_reals(hi_row *r, hi_dyn_writer *w)
{
    const double from = r->args[0].real;
    const double to = r->args[1].real;
    const double step = r->arg_count > 2 ? r->args[2].real : 1;

    for (int64_t i = 0; i < ARR_LENGTH_MAX && step != 0; i++) {
        const double v = from + (double)i * step;

        if (!(step > 0 ? v <= to : v >= to)) {
            break;
        }
        hi_dyn_put_real(w, v);
    }
}

static void arr_range_longs(hi_row *r, hi_dyn_writer *w)
{
    const bool times =
        r->args[0].type == HIST_TYPE_DATETIME || r->args[0].type == HIST_TYPE_TIMESPAN;
    const int64_t to = hi_row_i64(r, 1);
    const int64_t step = hi_row_i64_or(r, 2, times ? INT64_C(3600000000000) : 1);
    hi_value v = r->args[0];

    for (int64_t i = 0; i < ARR_LENGTH_MAX && step != 0; i++) {
        if (step > 0 ? v.i64 > to : v.i64 < to) {
            break;
        }
        hi_dyn_put_value(w, &v);
        if (__builtin_add_overflow(v.i64, step, &v.i64)) {
            break;
        }
    }
}

static void arr_row_range(hi_row *r)
{
    hi_dyn_writer *w = hi_cb_begin(r->out);

    hi_dyn_begin_array(w);
    if (r->args[0].type == HIST_TYPE_REAL) {
        arr_range_reals(r, w);
    } else {
        arr_range_longs(r, w);
    }
    hi_dyn_end_array(w);
    hi_cb_end(r->out);
}

static hist_status arr_bind_range(hi_bind_call *c)
{
    const hist_type t = c->args[0]->type;
    hist_type common;

    c->type = HIST_TYPE_DYNAMIC;
    c->eval = hi_eval_rows;
    if (t == HIST_TYPE_DATETIME || t == HIST_TYPE_TIMESPAN) {
        HI_TRY(hi_bind_cast(c, 1, t));
        return c->arg_count > 2 ? hi_bind_cast(c, 2, HIST_TYPE_TIMESPAN) : HIST_OK;
    }
    for (uint32_t i = 0; i < c->arg_count; i++) {
        if (c->args[i]->type == HIST_TYPE_DYNAMIC) {
            HI_TRY(hi_bind_cast(c, i, HIST_TYPE_LONG));
        }
        HI_TRY(hi_bind_arg(c, i, 'n'));
    }
    HI_TRY(hi_bind_common(c, 0, &common));
    if (common == HIST_TYPE_INT || common == HIST_TYPE_LONG) {
        return HIST_OK;
    }
    for (uint32_t i = 0; i < c->arg_count; i++) {
        HI_TRY(hi_bind_cast(c, i, HIST_TYPE_REAL));
    }
    return HIST_OK;
}

static void arr_row_zip(hi_row *r)
{
    uint32_t longest = 0;
    hi_dyn_writer *w;
    hi_dyn **views = HI_NEW_ARRAY(r->scratch, hi_dyn *, r->arg_count);
    uint32_t *counts = HI_NEW_ARRAY(r->scratch, uint32_t, r->arg_count);

    if (views == NULL || counts == NULL) {
        r->out->failed = true;
        return;
    }
    for (uint32_t i = 0; i < r->arg_count; i++) {
        views[i] = arr_views(r, i, &counts[i]);
        longest = counts[i] > longest ? counts[i] : longest;
    }
    w = hi_cb_begin(r->out);
    hi_dyn_begin_array(w);
    for (uint32_t k = 0; k < longest; k++) {
        hi_dyn_begin_array(w);
        for (uint32_t i = 0; i < r->arg_count; i++) {
            hi_dyn_put(w, k < counts[i] ? views[i][k] : (hi_dyn){NULL, 0});
        }
        hi_dyn_end_array(w);
    }
    hi_dyn_end_array(w);
    hi_cb_end(r->out);
}

/* ---- sorting ---- */

typedef struct arr_key {
    hi_dyn value;
    uint32_t at;
    bool descending, nulls_first;
} arr_key;

static int arr_order(const void *left, const void *right)
{
    const arr_key *a = left;
    const arr_key *b = right;
    const bool null_a = hi_dyn_is_null(a->value);
    const bool null_b = hi_dyn_is_null(b->value);
    int c;

    if (null_a || null_b) {
        c = (null_a ? 1 : 0) - (null_b ? 1 : 0);
        c = a->nulls_first ? -c : c;
    } else {
        c = hi_dyn_compare(a->value, b->value);
        c = a->descending ? -c : c;
    }
    return c != 0 ? c : (a->at > b->at) - (a->at < b->at);
}

typedef struct arr_sort {
    hi_eval *ev;
    const hi_expr *call;
    const hist_column *args; /* Tagged. */
    uint32_t arrays;
    bool descending;
    bool nulls_last;
    hi_col_builder *out;
} arr_sort;

static hi_dyn arr_dyn_row(const hist_column *c, uint32_t row)
{
    if (!hist_column_valid(c, row)) {
        return (hi_dyn){NULL, 0};
    }
    const hist_str s = hist_column_str(c, row);
    return hi_dyn_of(s.data, s.size);
}

/* Writes the other arrays in the order of the first. */
static bool arr_sort_others(const arr_sort *s, uint32_t row, const arr_key *keys, uint32_t n)
{
    for (uint32_t k = 0; k < s->arrays; k++) {
        const hi_dyn d = arr_dyn_row(&s->args[k], row);
        hi_dyn *views = HI_NEW_ARRAY(s->ev->arena, hi_dyn, (size_t)n + 1);
        hi_dyn_iter it = hi_dyn_iter_of(d);

        if (views == NULL) {
            return false;
        }
        if (!arr_is(d) || hi_dyn_count(d) != n) {
            hi_cb_null(&s->out[k]);
            continue;
        }
        for (uint32_t i = 0; i < n && hi_dyn_next(&it); i++) {
            views[i] = it.value;
        }
        hi_dyn_writer *w = hi_cb_begin(&s->out[k]);
        hi_dyn_begin_array(w);
        for (uint32_t i = 0; i < n; i++) {
            hi_dyn_put(w, views[keys[i].at]);
        }
        hi_dyn_end_array(w);
        hi_cb_end(&s->out[k]);
    }
    return true;
}

static bool arr_sort_row(const arr_sort *s, uint32_t row)
{
    const hi_dyn first = arr_dyn_row(&s->args[0], row);
    const uint32_t n = arr_is(first) ? hi_dyn_count(first) : 0;
    arr_key *keys = HI_NEW_ARRAY(s->ev->arena, arr_key, (size_t)n + 1);
    hi_dyn_iter it = hi_dyn_iter_of(first);

    if (keys == NULL) {
        return false;
    }
    if (!arr_is(first)) {
        for (uint32_t k = 0; k < s->arrays; k++) {
            hi_cb_null(&s->out[k]);
        }
        return true;
    }
    for (uint32_t i = 0; i < n && hi_dyn_next(&it); i++) {
        keys[i] = (arr_key){it.value, i, s->descending, !s->nulls_last};
    }
    qsort(keys, n, sizeof(keys[0]), arr_order);
    return arr_sort_others(s, row, keys, n);
}

static hist_status arr_eval_sort(hi_eval *ev, const hi_expr *call, const hist_column *args,
                                 uint32_t rows, hist_column *outs)
{
    const uint32_t count = call->u.call.output_count;
    const bool flag = call->u.call.arg_count > count;
    hist_column *tagged = HI_NEW_ARRAY(ev->arena, hist_column, count);
    hi_col_builder *cbs = HI_NEW_ARRAY(ev->arena, hi_col_builder, count);
    arr_sort s = {ev,   call, tagged, count, *(const char *)call->u.call.func->data == 'd',
                  true, cbs};
    bool ok = tagged != NULL && cbs != NULL;

    for (uint32_t k = 0; ok && k < count; k++) {
        ok = hi_col_to_tagged(ev->arena, &args[k], &tagged[k]) &&
             hi_cb_init(&cbs[k], ev->arena, HIST_TYPE_DYNAMIC, rows);
    }
    if (flag && hist_column_valid(&args[count], 0)) {
        s.nulls_last = hist_column_i64(&args[count], 0) != 0;
    }
    for (uint32_t i = 0; ok && i < rows; i++) {
        ok = arr_sort_row(&s, i);
    }
    for (uint32_t k = 0; ok && k < count; k++) {
        ok = hi_cb_done(&cbs[k], HIST_TYPE_DYNAMIC, &outs[k]);
    }
    return ok ? HIST_OK : hi_eval_no_memory(ev, call);
}

static hist_status arr_bind_sort(hi_bind_call *c)
{
    uint32_t arrays = c->arg_count;
    hi_field *outputs;

    if (arrays > 1 && c->args[arrays - 1]->type == HIST_TYPE_BOOL) {
        arrays--;
    }
    for (uint32_t i = 0; i < arrays; i++) {
        HI_TRY(hi_bind_arg(c, i, 'y'));
    }
    c->type = HIST_TYPE_DYNAMIC;
    c->eval = arr_eval_sort;
    c->output_count = arrays;
    outputs = HI_NEW_ARRAY(c->arena, hi_field, arrays);
    if (outputs == NULL) {
        return hi_no_memory(c->err, c->func->name);
    }
    for (uint32_t i = 0; i < arrays; i++) {
        outputs[i] = (hi_field){"sorted", HIST_TYPE_DYNAMIC};
    }
    c->outputs = outputs;
    return HIST_OK;
}

static const hi_func arr_funcs[] = {
    {.name = "array_slice", .signature = "yl|l>y", .row = arr_row_slice},
    {.name = "array_split", .signature = "ya>y", .row = arr_row_split},
    {.name = "array_concat", .signature = "yy*>y", .row = arr_row_concat, .flags = HI_FUNC_NULLS},
    {.name = "array_reverse", .signature = "y>y", .row = arr_row_reverse},
    {.name = "array_rotate_left", .signature = "yl>y", .row = arr_row_rotate, .data = "l"},
    {.name = "array_rotate_right", .signature = "yl>y", .row = arr_row_rotate, .data = "r"},
    {.name = "array_shift_left", .signature = "yl|a>y", .row = arr_row_shift, .data = "l"},
    {.name = "array_shift_right", .signature = "yl|a>y", .row = arr_row_shift, .data = "r"},
    {.name = "array_index_of", .signature = "ya|lll>l", .row = arr_row_index_of},
    {.name = "set_has_element", .signature = "ya>b", .row = arr_row_has_element},
    {.name = "array_iff", .signature = "yaa>y", .row = arr_row_iff, .flags = HI_FUNC_NULLS},
    {.name = "array_iif", .signature = "yaa>y", .row = arr_row_iff, .flags = HI_FUNC_NULLS},
    {.name = "pack_array", .signature = "|a*>y", .row = arr_row_pack, .flags = HI_FUNC_NULLS},
    {.name = "repeat", .signature = "al>y", .row = arr_row_repeat, .flags = HI_FUNC_NULLS},
    {.name = "range", .signature = "aa|a", .bind = arr_bind_range, .row = arr_row_range},
    {.name = "zip", .signature = "yy*>y", .row = arr_row_zip, .flags = HI_FUNC_NULLS},
    {.name = "array_sort_asc", .signature = "a*", .bind = arr_bind_sort, .data = "a"},
    {.name = "array_sort_desc", .signature = "a*", .bind = arr_bind_sort, .data = "d"},
};

const hi_func_table hi_funcs_array = HI_FUNC_TABLE(arr_funcs);
