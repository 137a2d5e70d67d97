/* func_series.c -- the frame of the series functions (func_series.h) and those that fill and count. */
#include "query/func_series.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* ---- arguments ---- */

static bool ser_is_number(hist_type t)
{
    return t == HIST_TYPE_INT || t == HIST_TYPE_LONG || t == HIST_TYPE_REAL ||
           t == HIST_TYPE_DECIMAL || t == HIST_TYPE_BOOL;
}

static void ser_add(hi_list_builder *lb, const hi_value *v, uint8_t *flags)
{
    hi_value real;

    if (v->null || !ser_is_number(v->type)) {
        hi_cb_null(&lb->child);
        return;
    }
    if (v->type == HIST_TYPE_REAL || v->type == HIST_TYPE_DECIMAL) {
        *flags &= (uint8_t)~HI_SER_INTS;
    }
    (void)hi_value_convert(NULL, v, HIST_TYPE_REAL, &real);
    hi_cb_value(&lb->child, &real);
}

/* A tagged row: an array of anything, or one number. */
static void ser_load_row(hi_list_builder *lb, hi_dyn d, uint8_t *flags)
{
    const hi_dyn_tag tag = hi_dyn_tag_of(d);
    const hi_value one = hi_value_of_dyn(d);

    *flags = HI_SER_INTS;
    if (tag == HI_DYN_ARRAY) {
        hi_dyn_iter it = hi_dyn_iter_of(d);

        while (hi_dyn_next(&it)) {
            const hi_value v = hi_value_of_dyn(it.value);

            ser_add(lb, &v, flags);
        }
        hi_lb_end(lb);
    } else if (!one.null && ser_is_number(one.type)) {
        ser_add(lb, &one, flags);
        *flags |= HI_SER_SCALAR;
        hi_lb_end(lb);
    } else {
        *flags |= HI_SER_NULL;
        hi_lb_null(lb);
    }
}

static bool ser_load(hi_arena *arena, const hist_column *arg, hi_ser_in *in)
{
    hist_column column = *arg;
    hist_column tagged;
    hi_list_builder lb;
    bool ints;

    in->constant = arg->layout == HIST_LAYOUT_CONST;
    if (in->constant) {
        column = hi_col_resize_const(arg, 1);
    }
    in->flags = hi_arena_calloc(arena, (size_t)column.length + 1, 1);
    if (in->flags == NULL) {
        return false;
    }
    if (column.layout == HIST_LAYOUT_LIST) {
        if (!hi_col_to_reals(arena, &column, &in->list, &ints)) {
            return false;
        }
        memset(in->flags, ints ? HI_SER_INTS : 0, column.length);
        return true;
    }
    if (!hi_col_to_tagged(arena, &column, &tagged) ||
        !hi_lb_init(&lb, arena, HIST_TYPE_REAL, column.length)) {
        return false;
    }
    for (uint32_t i = 0; i < tagged.length; i++) {
        const bool valid = hist_column_valid(&tagged, i);
        const hist_str s = valid ? hist_column_str(&tagged, i) : (hist_str){NULL, 0};

        ser_load_row(&lb, hi_dyn_of(s.data, s.size), &in->flags[i]);
    }
    return hi_lb_done(&lb, &in->list);
}

/* Bits [from, from + n) moved to the front. */
static uint64_t *ser_bits_at(hi_ser_call *c, const uint64_t *bits, uint32_t from, uint32_t n)
{
    uint64_t *to = hi_ser_bits(c, n);

    for (uint32_t i = 0; to != NULL && i < n; i++) {
        if (hist_bit_get(bits, from + i)) {
            hi_bit_set(to, i);
        }
    }
    return to;
}

bool hi_ser_get(hi_ser_call *c, uint32_t i, hi_series *out, uint8_t *flags)
{
    const hi_ser_in *in = &c->in[i];
    const uint32_t row = in->constant ? 0 : c->row;
    const hist_column *child = in->list.child;

    if (in->list.valid != NULL && !hist_bit_get(in->list.valid, row)) {
        return false;
    }
    const uint32_t from = (uint32_t)in->list.offsets[row];
    const uint32_t n = (uint32_t)in->list.offsets[row + 1] - from;
    *out = hi_series_of((const double *)child->data + from, n);
    if (child->valid != NULL) {
        out->valid = ser_bits_at(c, child->valid, from, n);
        if (out->valid == NULL) {
            return false;
        }
    }
    if (flags != NULL) {
        *flags = in->flags[row];
    }
    return true;
}

bool hi_ser_has(const hi_ser_call *c, uint32_t arg)
{
    return arg < c->arg_count && hist_column_valid(&c->args[arg], c->row);
}

double hi_ser_real(const hi_ser_call *c, uint32_t arg, double otherwise)
{
    return hi_ser_has(c, arg) ? hist_column_f64(&c->args[arg], c->row) : otherwise;
}

int64_t hi_ser_long(const hi_ser_call *c, uint32_t arg, int64_t otherwise)
{
    return hi_ser_has(c, arg) ? hist_column_i64(&c->args[arg], c->row) : otherwise;
}

bool hi_ser_bool(const hi_ser_call *c, uint32_t arg, bool otherwise)
{
    return hi_ser_has(c, arg) ? hist_column_i64(&c->args[arg], c->row) != 0 : otherwise;
}

hist_str hi_ser_str(const hi_ser_call *c, uint32_t arg, const char *otherwise)
{
    return arg < c->arg_count ? hist_column_str(&c->args[arg], c->row)
                              : (hist_str){otherwise, strlen(otherwise)};
}

/* ---- scratch ---- */

double *hi_ser_doubles(hi_ser_call *c, size_t n)
{
    double *v = hi_arena_calloc(c->scratch, n + 1, sizeof(double));

    if (v == NULL) {
        c->status = hi_eval_no_memory(c->ev, c->call);
    }
    return v;
}

uint64_t *hi_ser_bits(hi_ser_call *c, size_t n)
{
    uint64_t *bits = hi_arena_calloc(c->scratch, hi_series_words(n) + 1, sizeof(uint64_t));

    if (bits == NULL) {
        c->status = hi_eval_no_memory(c->ev, c->call);
    }
    return bits;
}

bool hi_ser_ok(hi_ser_call *c, hist_status status)
{
    if (status != HIST_OK) {
        c->status = hi_eval_no_memory(c->ev, c->call);
    }
    return c->status == HIST_OK;
}

/* ---- outputs ---- */

/* Rows written so far. */
static uint32_t ser_out_rows(const hi_ser_out *o)
{
    const bool list = strchr("sibL", o->kind) != NULL && !o->tagged;

    return list ? o->lb.rows : o->cb.rows;
}

static void ser_out_null(hi_ser_out *o)
{
    if (strchr("sibL", o->kind) != NULL && !o->tagged) {
        hi_lb_null(&o->lb);
    } else {
        hi_cb_null(&o->cb);
    }
}

void hi_ser_put_long(hi_ser_call *c, uint32_t out, int64_t v)
{
    hi_cb_i64(&c->out[out].cb, v);
}

void hi_ser_put_real(hi_ser_call *c, uint32_t out, double v)
{
    hi_cb_real(&c->out[out].cb, v);
}

static void ser_put_tagged(hi_ser_out *o, const double *v, const uint64_t *valid, size_t n,
                           bool ints)
{
    hi_dyn_writer *w = hi_cb_begin(&o->cb);

    hi_dyn_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        if (valid != NULL && !hist_bit_get(valid, (uint32_t)i)) {
            hi_dyn_put_null(w);
        } else if (ints) {
            hi_dyn_put_long(w, (int64_t)v[i]);
        } else {
            hi_dyn_put_real(w, v[i]);
        }
    }
    hi_dyn_end_array(w);
    hi_cb_end(&o->cb);
}

void hi_ser_put(hi_ser_call *c, uint32_t out, const double *v, const uint64_t *valid, size_t n,
                bool ints)
{
    hi_ser_out *o = &c->out[out];

    if (o->tagged) {
        ser_put_tagged(o, v, valid, n, ints);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (valid != NULL && !hist_bit_get(valid, (uint32_t)i)) {
            hi_cb_null(&o->lb.child);
        } else if (o->lb.child.type == HIST_TYPE_REAL) {
            hi_cb_real(&o->lb.child, v[i]);
        } else {
            hi_cb_i64(&o->lb.child, (int64_t)v[i]);
        }
    }
    hi_lb_end(&o->lb);
}

/* Whether all (*all) or some rows (*any) of the inputs are of integers. */
static void ser_survey_ints(const hi_ser_call *c, uint32_t series, bool *all, bool *any)
{
    *all = true;
    *any = false;
    for (uint32_t i = 0; i < c->rows; i++) {
        bool ints = true;

        for (uint32_t k = 0; k < series; k++) {
            ints &= (c->in[k].flags[c->in[k].constant ? 0 : i] & HI_SER_INTS) != 0;
        }
        *all &= ints;
        *any |= ints;
    }
}

static bool ser_out_init(hi_ser_call *c, uint32_t index, char kind, uint32_t series)
{
    hi_ser_out *o = &c->out[index];
    hi_arena *arena = c->ev->arena;
    bool all = false;
    bool any = false;

    *o = (hi_ser_out){.kind = kind};
    switch (kind) {
    case 'l':
        return hi_cb_init(&o->cb, arena, HIST_TYPE_LONG, c->rows);
    case 'r':
        return hi_cb_init(&o->cb, arena, HIST_TYPE_REAL, c->rows);
    case 'y':
        return hi_cb_init(&o->cb, arena, HIST_TYPE_DYNAMIC, c->rows);
    case 'b':
        return hi_lb_init(&o->lb, arena, HIST_TYPE_BOOL, c->rows);
    case 'L':
        return hi_lb_init(&o->lb, arena, HIST_TYPE_LONG, c->rows);
    case 's':
        return hi_lb_init(&o->lb, arena, HIST_TYPE_REAL, c->rows);
    default:
        ser_survey_ints(c, series, &all, &any);
        o->tagged = any; /* Integers in some rows may still give reals: see the function. */
        return o->tagged ? hi_cb_init(&o->cb, arena, HIST_TYPE_DYNAMIC, c->rows)
                         : hi_lb_init(&o->lb, arena, HIST_TYPE_REAL, c->rows);
    }
}

static bool ser_out_done(hi_ser_call *c, uint32_t index, hist_column *out)
{
    hi_ser_out *o = &c->out[index];
    hist_column tagged;

    if (strchr("sibL", o->kind) != NULL && !o->tagged) {
        return hi_lb_done(&o->lb, out);
    }
    if (o->kind == 'i') {
        return hi_cb_done(&o->cb, HIST_TYPE_DYNAMIC, &tagged) &&
               hi_col_untag(c->ev->arena, &tagged, out);
    }
    return hi_cb_done(&o->cb, o->cb.type, out);
}

/* ---- the frame ---- */

static const hi_ser_spec *ser_spec_of(const hi_expr *call)
{
    return call->u.call.func->data;
}

static bool ser_begin(hi_ser_call *c, const hi_ser_spec *spec)
{
    const uint32_t series = spec->series < c->arg_count ? spec->series : c->arg_count;

    for (uint32_t i = 0; i < series; i++) {
        if (!ser_load(c->ev->arena, &c->args[i], &c->in[i])) {
            return false;
        }
    }
    for (uint32_t k = 0; k < strlen(spec->outs); k++) {
        if (!ser_out_init(c, k, spec->outs[k], series)) {
            return false;
        }
    }
    return !spec->views || hi_col_to_tagged(c->ev->arena, &c->args[0], &c->tagged);
}

static hist_status ser_eval(hi_eval *ev, const hi_expr *call, const hist_column *args,
                            uint32_t rows, hist_column *outs)
{
    const hi_ser_spec *spec = ser_spec_of(call);
    const uint32_t count = (uint32_t)strlen(spec->outs);
    hi_ser_call *c = HI_NEW(ev->arena, hi_ser_call);
    hi_arena scratch;

    if (c == NULL) {
        return hi_eval_no_memory(ev, call);
    }
    hi_arena_init(&scratch, ev->ctx->mem);
    *c = (hi_ser_call){.ev = ev,
                       .call = call,
                       .args = args,
                       .data = spec->data,
                       .arg_count = call->u.call.arg_count,
                       .rows = rows,
                       .scratch = &scratch};
    bool ok = ser_begin(c, spec);
    for (uint32_t i = 0; ok && i < rows && c->status == HIST_OK; i++) {
        const hi_arena_mark mark = hi_arena_save(&scratch);

        c->row = i;
        spec->row(c);
        for (uint32_t k = 0; k < count; k++) {
            if (ser_out_rows(&c->out[k]) == i) {
                ser_out_null(&c->out[k]);
            }
        }
        hi_arena_rewind(&scratch, mark);
        if (c->status == HIST_OK) {
            c->status = hi_qctx_check(ev->ctx, ev->err);
        }
    }
    hi_arena_free(&scratch);
    HI_TRY(c->status);
    for (uint32_t k = 0; ok && k < count; k++) {
        ok = ser_out_done(c, k, &outs[k]);
    }
    return ok ? HIST_OK : hi_eval_no_memory(ev, call);
}

static hist_type ser_out_type(char kind)
{
    return kind == 'l' ? HIST_TYPE_LONG : kind == 'r' ? HIST_TYPE_REAL : HIST_TYPE_DYNAMIC;
}

hist_status hi_ser_bind(hi_bind_call *c)
{
    const hi_ser_spec *spec = c->func->data;
    const uint32_t count = (uint32_t)strlen(spec->outs);

    assert(count <= HI_SER_OUTS);
    HI_TRY(hi_bind_signature(c));
    c->eval = ser_eval;
    c->type = ser_out_type(spec->outs[0]);
    c->output_count = count;
    if (count == 1) {
        return HIST_OK;
    }
    hi_field *outputs = HI_NEW_ARRAY(c->arena, hi_field, count);
    const char *name = spec->names;
    for (uint32_t k = 0; outputs != NULL && k < count; k++) {
        const size_t size = strcspn(name, " ");

        outputs[k] = (hi_field){hi_arena_strdup(c->arena, name, size), ser_out_type(spec->outs[k])};
        if (outputs[k].name == NULL) {
            outputs = NULL;
            break;
        }
        name += size + (name[size] == ' ' ? 1 : 0);
    }
    c->outputs = outputs;
    return outputs != NULL ? HIST_OK : hi_no_memory(c->err, c->func->name);
}

/* ---- filling: elements keep their types, so these work on the tagged values ---- */

static hi_dyn ser_tagged_row(const hi_ser_call *c)
{
    const hist_column *t = &c->tagged;

    if (!hist_column_valid(t, c->row)) {
        return (hi_dyn){NULL, 0};
    }
    const hist_str s = hist_column_str(t, c->row);
    return hi_dyn_of(s.data, s.size);
}

/* The elements, and which are missing: null, or equal to argument `placeholder`. */
static hi_dyn *ser_missing(hi_ser_call *c, uint32_t placeholder, uint32_t *n, uint64_t **missing)
{
    const hi_dyn d = ser_tagged_row(c);
    const bool given = hi_ser_has(c, placeholder);
    hi_value mark = {.null = true};
    hi_dyn_iter it = hi_dyn_iter_of(d);

    *n = hi_dyn_count(d);
    *missing = hi_ser_bits(c, *n);
    hi_dyn *views = HI_NEW_ARRAY(c->scratch, hi_dyn, (size_t)*n + 1);
    if (hi_dyn_tag_of(d) != HI_DYN_ARRAY || *missing == NULL || views == NULL) {
        return NULL;
    }
    if (given && !hi_col_value(c->scratch, &c->args[placeholder], c->row, &mark)) {
        return NULL;
    }
    for (uint32_t i = 0; i < *n && hi_dyn_next(&it); i++) {
        const hi_value v = hi_value_of_dyn(it.value);

        views[i] = it.value;
        if (v.null || (!mark.null && hi_value_compare(&v, &mark) == 0)) {
            hi_bit_set(*missing, i);
        }
    }
    return views;
}

static void ser_row_fill_const(hi_ser_call *c)
{
    uint32_t n;
    uint64_t *missing;
    const hi_dyn *views = ser_missing(c, 2, &n, &missing);
    hi_value with;

    if (views == NULL || !hi_col_value(c->scratch, &c->args[1], c->row, &with)) {
        return;
    }
    hi_dyn_writer *w = hi_cb_begin(&c->out[0].cb);
    hi_dyn_begin_array(w);
    for (uint32_t i = 0; i < n; i++) {
        if (hist_bit_get(missing, i)) {
            hi_dyn_put_value(w, &with);
        } else {
            hi_dyn_put(w, views[i]);
        }
    }
    hi_dyn_end_array(w);
    hi_cb_end(&c->out[0].cb);
}

static void ser_row_fill_from(hi_ser_call *c)
{
    uint32_t n;
    uint64_t *missing;
    const hi_dyn *views = ser_missing(c, 1, &n, &missing);
    int64_t *from = HI_NEW_ARRAY(c->scratch, int64_t, (size_t)n + 1);

    if (views == NULL || from == NULL) {
        return;
    }
    hi_series_fill_from(missing, n, c->data != NULL, from);
    hi_dyn_writer *w = hi_cb_begin(&c->out[0].cb);
    hi_dyn_begin_array(w);
    for (uint32_t i = 0; i < n; i++) {
        hi_dyn_put(w, from[i] >= 0 ? views[from[i]] : (hi_dyn){NULL, 0});
    }
    hi_dyn_end_array(w);
    hi_cb_end(&c->out[0].cb);
}

/* series_fill_linear(s[, placeholder[, fill_edges = true[, constant = 0]]]) */
static void ser_row_fill_linear(hi_ser_call *c)
{
    hi_series s;
    uint8_t flags;

    if (!hi_ser_get(c, 0, &s, &flags) || (flags & HI_SER_SCALAR) != 0) {
        return;
    }
    const bool marked = hi_ser_has(c, 1);
    const double mark = hi_ser_real(c, 1, 0);
    uint64_t *missing = hi_ser_bits(c, s.n);
    uint64_t *valid = hi_ser_bits(c, s.n);
    double *v = hi_ser_doubles(c, s.n);
    if (missing == NULL || valid == NULL || v == NULL) {
        return;
    }
    const size_t gaps = hi_series_missing(&s, marked ? &mark : NULL, missing);
    const bool ints = (flags & HI_SER_INTS) != 0 && gaps < s.n;
    const hi_fill_linear options = {.edges = hi_ser_bool(c, 2, true),
                                    .integers = ints,
                                    .constant_null = c->arg_count > 3 && !hi_ser_has(c, 3),
                                    .constant = hi_ser_real(c, 3, 0)};
    hi_series_fill_linear(&s, missing, options, v, valid);
    hi_ser_put(c, 0, v, valid, s.n, ints);
}

#define SER(row_, outs_, names_, series_, views_, data_) \
    &(const hi_ser_spec)                                 \
    {                                                    \
        row_, outs_, names_, series_, views_, data_      \
    }

static const hi_func ser_funcs[] = {
    {.name = "series_fill_const",
     .signature = "ya|a>y",
     .bind = hi_ser_bind,
     .flags = HI_FUNC_NAME_ARG,
     .data = SER(ser_row_fill_const, "y", NULL, 0, true, NULL)},
    {.name = "series_fill_forward",
     .signature = "y|a>y",
     .bind = hi_ser_bind,
     .flags = HI_FUNC_NAME_ARG,
     .data = SER(ser_row_fill_from, "y", NULL, 0, true, "forward")},
    {.name = "series_fill_backward",
     .signature = "y|a>y",
     .bind = hi_ser_bind,
     .flags = HI_FUNC_NAME_ARG,
     .data = SER(ser_row_fill_from, "y", NULL, 0, true, NULL)},
    {.name = "series_fill_linear",
     .signature = "y|rbr>y",
     .bind = hi_ser_bind,
     .flags = HI_FUNC_NAME_ARG,
     .data = SER(ser_row_fill_linear, "i", NULL, 1, false, NULL)},
};

const hi_func_table hi_funcs_series = HI_FUNC_TABLE(ser_funcs);
