/*
 * func_arith.c -- + - * / % and unary minus. Know first: what to compute is decided from the stored
 * types of the columns at run time, so that a dynamic column that holds longs is as fast as a long
 * column; a tagged mixture goes row by row through arith_values().
 */
#include <math.h>
#include <string.h>

#include "base/timefmt.h"
#include "query/decimal.h"
#include "query/eval.h"

/* ---- types ---- */

static bool arith_is_int(hist_type t)
{
    return t == HIST_TYPE_INT || t == HIST_TYPE_LONG;
}

static bool arith_is_time(hist_type t)
{
    return t == HIST_TYPE_DATETIME || t == HIST_TYPE_TIMESPAN;
}

static hist_type arith_numbers(hist_type a, hist_type b)
{
    if (a == HIST_TYPE_REAL || b == HIST_TYPE_REAL) {
        return HIST_TYPE_REAL;
    }
    return a == HIST_TYPE_DECIMAL || b == HIST_TYPE_DECIMAL ? HIST_TYPE_DECIMAL : HIST_TYPE_LONG;
}

/* Type of `a op b` when a timespan or datetime takes part; 0: makes no sense. */
static hist_type arith_times(char op, hist_type a, hist_type b)
{
    const bool span_a = a == HIST_TYPE_TIMESPAN;
    const bool span_b = b == HIST_TYPE_TIMESPAN;

    switch (op) {
    case '+':
        if (span_a && span_b) {
            return HIST_TYPE_TIMESPAN;
        }
        return (span_a || span_b) && arith_is_time(a) && arith_is_time(b) ? HIST_TYPE_DATETIME
                                                                          : (hist_type)0;
    case '-':
        if (a == b) {
            return HIST_TYPE_TIMESPAN;
        }
        return a == HIST_TYPE_DATETIME && span_b ? HIST_TYPE_DATETIME : (hist_type)0;
    case '*':
        return (span_a && hi_type_is_number(b)) || (span_b && hi_type_is_number(a))
                   ? HIST_TYPE_TIMESPAN
                   : (hist_type)0;
    case '/':
        if (span_a && span_b) {
            return HIST_TYPE_REAL;
        }
        return span_a && hi_type_is_number(b) ? HIST_TYPE_TIMESPAN : (hist_type)0;
    default:
        return (span_a && span_b) || (a == HIST_TYPE_DATETIME && span_b) ? HIST_TYPE_TIMESPAN
                                                                         : (hist_type)0;
    }
}

/* 0: the operator is not defined for these types. */
static hist_type arith_type(char op, hist_type a, hist_type b)
{
    if (hi_type_is_number(a) && hi_type_is_number(b)) {
        return arith_numbers(a, b);
    }
    return arith_is_time(a) || arith_is_time(b) ? arith_times(op, a, b) : (hist_type)0;
}

/* ---- one value ---- */

static int64_t arith_mod(int64_t a, int64_t b)
{
    if (b == -1) {
        return 0;
    }
    const int64_t r = a % b;
    return r < 0 ? (b < 0 ? r - b : r + b) : r;
}

static double arith_mod_real(double a, double b)
{
    const double r = fmod(a, b);

    return r < 0 ? r + fabs(b) : r;
}

/* False: null. */
static bool arith_longs(char op, int64_t a, int64_t b, int64_t *out)
{
    switch (op) {
    case '+':
        *out = (int64_t)((uint64_t)a + (uint64_t)b);
        return true;
    case '-':
        *out = (int64_t)((uint64_t)a - (uint64_t)b);
        return true;
    case '*':
        *out = (int64_t)((uint64_t)a * (uint64_t)b);
        return true;
    case '/':
        if (b == 0) {
            return false;
        }
        *out = b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
        return true;
    default:
        if (b == 0) {
            return false;
        }
        *out = arith_mod(a, b);
        return true;
    }
}

static double arith_reals(char op, double a, double b)
{
    switch (op) {
    case '+':
        return a + b;
    case '-':
        return a - b;
    case '*':
        return a * b;
    case '/':
        return a / b;
    default:
        return arith_mod_real(a, b);
    }
}

static bool arith_decimals(char op, hist_decimal a, hist_decimal b, hist_decimal *out)
{
    switch (op) {
    case '+':
        return hi_decimal_add(a, b, out);
    case '-':
        return hi_decimal_sub(a, b, out);
    case '*':
        return hi_decimal_mul(a, b, out);
    case '/':
        return hi_decimal_div(a, b, out);
    default:
        return hi_decimal_mod(a, b, out);
    }
}

static double arith_real_of(const hi_value *v)
{
    if (v->type == HIST_TYPE_REAL) {
        return v->real;
    }
    return v->type == HIST_TYPE_DECIMAL ? hi_decimal_to_real(v->decimal) : (double)v->i64;
}

static bool arith_span_of_real(double v, int64_t *out)
{
    if (!(v >= -9223372036854775808.0 && v < 9223372036854775808.0)) {
        return false;
    }
    *out = (int64_t)v;
    return true;
}

/* timespan * number, number * timespan, timespan / number */
static bool arith_scale(char op, const hi_value *a, const hi_value *b, int64_t *out)
{
    const hi_value *span = a->type == HIST_TYPE_TIMESPAN ? a : b;
    const hi_value *number = span == a ? b : a;

    if (arith_is_int(number->type)) {
        if (op == '*') {
            return !__builtin_mul_overflow(span->i64, number->i64, out);
        }
        return arith_longs('/', span->i64, number->i64, out);
    }
    const double x = arith_real_of(number);
    return arith_span_of_real(op == '*' ? (double)span->i64 * x : (double)span->i64 / x, out);
}

/* datetime % timespan counts from 0001-01-01, as bin() does. */
static int64_t arith_time_mod(int64_t time, int64_t width)
{
    const int64_t w = width < 0 ? -width : width;
    const int64_t days = (HI_NS_PER_DAY % w) * 1;
    int64_t origin = 0;

    /* 719162 days modulo w without leaving 64 bits. */
    for (int bit = 20; bit >= 0; bit--) {
        origin = (int64_t)(((uint64_t)origin * 2) % (uint64_t)w);
        if ((HI_DAYS_1970 >> bit) & 1) {
            origin = (int64_t)(((uint64_t)origin + (uint64_t)days) % (uint64_t)w);
        }
    }
    return (int64_t)(((uint64_t)arith_mod(time, w) + (uint64_t)origin) % (uint64_t)w);
}

static bool arith_time_values(char op, const hi_value *a, const hi_value *b, hi_value *out)
{
    const bool two_spans = a->type == HIST_TYPE_TIMESPAN && b->type == HIST_TYPE_TIMESPAN;

    if (op == '+') {
        return !__builtin_add_overflow(a->i64, b->i64, &out->i64);
    }
    if (op == '-') {
        return !__builtin_sub_overflow(a->i64, b->i64, &out->i64);
    }
    if (op == '/' && two_spans) {
        out->real = (double)a->i64 / (double)b->i64;
        return true;
    }
    if (op == '%') {
        if (b->i64 == 0 || b->i64 == INT64_MIN) {
            return false;
        }
        out->i64 = two_spans ? arith_mod(a->i64, b->i64) : arith_time_mod(a->i64, b->i64);
        return true;
    }
    return arith_scale(op, a, b, &out->i64);
}

static hist_decimal arith_decimal_of(const hi_value *v)
{
    return v->type == HIST_TYPE_DECIMAL ? v->decimal : hi_decimal_of_i64(v->i64);
}

/* Null for what has no meaning, as everything that dynamic values may bring. */
static hi_value arith_values(char op, const hi_value *a, const hi_value *b)
{
    hi_value out = {.type = arith_type(op, a->type, b->type)};
    bool ok = true;

    if (a->null || b->null || out.type == 0) {
        return (hi_value){.type = HIST_TYPE_DYNAMIC, .null = true};
    }
    if (arith_is_time(a->type) || arith_is_time(b->type)) {
        ok = arith_time_values(op, a, b, &out);
    } else if (out.type == HIST_TYPE_REAL) {
        out.real = arith_reals(op, arith_real_of(a), arith_real_of(b));
    } else if (out.type == HIST_TYPE_DECIMAL) {
        ok = arith_decimals(op, arith_decimal_of(a), arith_decimal_of(b), &out.decimal);
    } else {
        ok = arith_longs(op, a->i64, b->i64, &out.i64);
    }
    out.null = !ok;
    return out;
}

/* ---- vectors ---- */

typedef struct arith_job {
    hi_eval *ev;
    const hi_expr *call;
    char op;
    uint32_t rows;
} arith_job;

/* Row by row, for the rare pairs of types and for mixtures; result of stored type `type`. */
static hist_status arith_rows(const arith_job *job, const hist_column *a, const hist_column *b,
                              hist_type type, hist_column *out)
{
    hi_arena *arena = job->ev->arena;
    hi_col_builder cb;
    bool ok = hi_cb_init(&cb, arena, type, job->rows);

    for (uint32_t i = 0; ok && i < job->rows; i++) {
        hi_value x;
        hi_value y;

        ok = hi_col_value(arena, a, i, &x) && hi_col_value(arena, b, i, &y);
        if (!ok) {
            break;
        }
        if (x.type == HIST_TYPE_DYNAMIC && !x.null) {
            x = hi_value_of_dyn(hi_dyn_of(x.str.data, x.str.size));
        }
        if (y.type == HIST_TYPE_DYNAMIC && !y.null) {
            y = hi_value_of_dyn(hi_dyn_of(y.str.data, y.str.size));
        }
        const hi_value v = arith_values(job->op, &x, &y);
        hi_cb_value(&cb, &v);
    }
    return ok && hi_cb_done(&cb, job->call->type, out) ? HIST_OK
                                                       : hi_eval_no_memory(job->ev, job->call);
}

static hist_status arith_reals_vector(const arith_job *job, const hist_column *ab,
                                      const hi_query_kernels *k, hist_column *out)
{
    double *data;
    void *raw;

    if (!hi_col_new(job->ev->arena, HIST_TYPE_REAL, job->rows, out, &raw) ||
        !hi_valid_all(job->ev->arena, ab, 2, job->rows, &out->valid)) {
        return hi_eval_no_memory(job->ev, job->call);
    }
    data = raw;
    const hi_operand a = hi_operand_of(&ab[0]);
    const hi_operand b = hi_operand_of(&ab[1]);
    switch (job->op) {
    case '+':
        k->add_f64(data, a, b, job->rows);
        break;
    case '-':
        k->sub_f64(data, a, b, job->rows);
        break;
    case '*':
        k->mul_f64(data, a, b, job->rows);
        break;
    case '/':
        k->div_f64(data, a, b, job->rows);
        break;
    default:
        for (uint32_t i = 0; i < job->rows; i++) {
            data[i] = arith_mod_real(((const double *)a.data)[a.constant ? 0 : i],
                                     ((const double *)b.data)[b.constant ? 0 : i]);
        }
        break;
    }
    return HIST_OK;
}

/* / and % by a constant of values a double holds; false: not of that kind. */
static bool arith_divide_small(const arith_job *job, const hist_column *ab, int64_t *data)
{
    const int64_t *x = ab[0].data;
    const int64_t divisor = *(const int64_t *)ab[1].data;

    if (ab[0].layout == HIST_LAYOUT_CONST || ab[1].layout != HIST_LAYOUT_CONST || divisor == 0 ||
        !hi_query_kernels_get()->div_small_i64(data, x, divisor, job->rows)) {
        return false;
    }
    const int64_t width = divisor < 0 ? -divisor : divisor;
    for (uint32_t i = 0; job->op == '%' && i < job->rows; i++) {
        const int64_t rest = x[i] - data[i] * divisor;

        data[i] = rest + (rest < 0 ? width : 0);
    }
    return true;
}

/* / and %: rows with a zero divisor become null. */
static hist_status arith_divide(const arith_job *job, const hist_column *ab, int64_t *data,
                                hist_column *out)
{
    const int64_t *x = ab[0].data;
    const int64_t *y = ab[1].data;
    const uint32_t step_x = ab[0].layout == HIST_LAYOUT_CONST ? 0 : 1;
    const uint32_t step_y = ab[1].layout == HIST_LAYOUT_CONST ? 0 : 1;
    uint64_t *valid = NULL;

    if (arith_divide_small(job, ab, data)) {
        return HIST_OK;
    }
    for (uint32_t i = 0; i < job->rows; i++) {
        data[i] = 0;
        if (arith_longs(job->op, x[(size_t)i * step_x], y[(size_t)i * step_y], &data[i])) {
            continue;
        }
        if (valid == NULL) {
            valid = hi_bits_new(job->ev->arena, job->rows, true);
            if (valid == NULL) {
                return hi_eval_no_memory(job->ev, job->call);
            }
        }
        hi_bit_clear(valid, i);
    }
    if (valid != NULL) {
        for (size_t w = 0; out->valid != NULL && w < hi_bits_words(job->rows); w++) {
            valid[w] &= out->valid[w];
        }
        out->valid = valid;
    }
    return HIST_OK;
}

static hist_status arith_longs_vector(const arith_job *job, const hist_column *ab,
                                      const hi_query_kernels *k, hist_column *out)
{
    void *data;

    if (!hi_col_new(job->ev->arena, HIST_TYPE_LONG, job->rows, out, &data) ||
        !hi_valid_all(job->ev->arena, ab, 2, job->rows, &out->valid)) {
        return hi_eval_no_memory(job->ev, job->call);
    }
    const hi_operand a = hi_operand_of(&ab[0]);
    const hi_operand b = hi_operand_of(&ab[1]);
    switch (job->op) {
    case '+':
        k->add_i64(data, a, b, job->rows);
        return HIST_OK;
    case '-':
        k->sub_i64(data, a, b, job->rows);
        return HIST_OK;
    case '*':
        k->mul_i64(data, a, b, job->rows);
        return HIST_OK;
    default:
        return arith_divide(job, ab, data, out);
    }
}

/* Times: + and - by the kernel; when a row leaves the range, once more row by row, which makes it null. */
static hist_status arith_times_vector(const arith_job *job, const hist_column *ab, hist_type type,
                                      const hi_query_kernels *k, hist_column *out)
{
    void *data;

    if (job->op != '+' && job->op != '-') {
        return arith_rows(job, &ab[0], &ab[1], type, out);
    }
    if (!hi_col_new(job->ev->arena, type, job->rows, out, &data) ||
        !hi_valid_all(job->ev->arena, ab, 2, job->rows, &out->valid)) {
        return hi_eval_no_memory(job->ev, job->call);
    }
    const hi_operand a = hi_operand_of(&ab[0]);
    const hi_operand b = hi_operand_of(&ab[1]);
    const bool over = job->op == '+' ? k->add_over_i64(data, a, b, job->rows)
                                     : k->sub_over_i64(data, a, b, job->rows);
    return over ? arith_rows(job, &ab[0], &ab[1], type, out) : HIST_OK;
}

static hist_status arith_eval(hi_eval *ev, const hi_expr *call, const hist_column *args,
                              uint32_t rows, hist_column *out)
{
    const hi_query_kernels *k = hi_query_kernels_get();
    const arith_job job = {ev, call, *(const char *)call->u.call.func->data, rows};
    const hist_type type = args[0].layout == HIST_LAYOUT_LIST || args[1].layout == HIST_LAYOUT_LIST
                               ? (hist_type)0
                               : arith_type(job.op, args[0].stored, args[1].stored);
    hist_column ab[2];
    hist_status status;

    if (type == 0 || type == HIST_TYPE_DECIMAL) {
        return arith_rows(&job, &args[0], &args[1], type == 0 ? HIST_TYPE_DYNAMIC : type, out);
    }
    const bool times = arith_is_time(args[0].stored) || arith_is_time(args[1].stored);
    for (int i = 0; i < 2; i++) {
        ab[i] = args[i];
        ab[i].type = args[i].stored;
        if (!times && args[i].stored != type) {
            const hist_column in = ab[i];

            HI_TRY(hi_col_convert(ev, &in, type, &ab[i]));
        }
    }
    if (times) {
        status = arith_times_vector(&job, ab, type, k, out);
    } else if (type == HIST_TYPE_REAL) {
        status = arith_reals_vector(&job, ab, k, out);
    } else {
        status = arith_longs_vector(&job, ab, k, out);
    }
    out->type = call->type;
    return status;
}

/* ---- unary minus ---- */

static hi_value arith_negated(const hi_value *v)
{
    hi_value out = *v;

    switch (v->type) {
    case HIST_TYPE_REAL:
        out.real = -v->real;
        break;
    case HIST_TYPE_DECIMAL:
        out.null = out.null || !hi_decimal_sub((hist_decimal){0, 0}, v->decimal, &out.decimal);
        break;
    case HIST_TYPE_INT:
        out.type = HIST_TYPE_LONG;
        out.i64 = -v->i64;
        break;
    case HIST_TYPE_LONG:
    case HIST_TYPE_TIMESPAN:
        out.i64 = (int64_t)(0 - (uint64_t)v->i64);
        break;
    default:
        out.null = true;
        break;
    }
    return out;
}

static hist_status arith_negate_rows(hi_eval *ev, const hi_expr *call, const hist_column *in,
                                     hist_column *out)
{
    hi_col_builder cb;
    bool ok = hi_cb_init(&cb, ev->arena, call->type, in->length);

    for (uint32_t i = 0; ok && i < in->length; i++) {
        hi_value v;

        ok = hi_col_value(ev->arena, in, i, &v);
        if (ok && !v.null && v.type == HIST_TYPE_DYNAMIC) {
            v = hi_value_of_dyn(hi_dyn_of(v.str.data, v.str.size));
        }
        const hi_value negated = ok && !v.null ? arith_negated(&v) : (hi_value){.null = true};
        hi_cb_value(&cb, &negated);
    }
    return ok && hi_cb_done(&cb, call->type, out) ? HIST_OK : hi_eval_no_memory(ev, call);
}

static hist_status arith_negate(hi_eval *ev, const hi_expr *call, const hist_column *args,
                                uint32_t rows, hist_column *out)
{
    const hi_query_kernels *k = hi_query_kernels_get();
    const hist_type stored = args[0].stored;
    void *data;

    if (args[0].layout == HIST_LAYOUT_CONST || args[0].layout == HIST_LAYOUT_LIST ||
        (stored != HIST_TYPE_LONG && stored != HIST_TYPE_REAL && stored != HIST_TYPE_TIMESPAN)) {
        return arith_negate_rows(ev, call, &args[0], out);
    }
    if (!hi_col_new(ev->arena, stored, rows, out, &data)) {
        return hi_eval_no_memory(ev, call);
    }
    if (stored == HIST_TYPE_REAL) {
        k->neg_f64(data, args[0].data, rows);
    } else {
        k->neg_i64(data, args[0].data, rows);
    }
    out->type = call->type;
    out->valid = args[0].valid;
    return HIST_OK;
}

/* ---- binding ---- */

static hist_status arith_bind_negate(hi_bind_call *c)
{
    const hist_type t = c->args[0]->type;

    if (!hi_type_is_number(t) && t != HIST_TYPE_TIMESPAN && t != HIST_TYPE_DYNAMIC) {
        return hi_bind_fail(c, "a %s has no negative", hist_type_name(t));
    }
    c->type = t == HIST_TYPE_INT ? HIST_TYPE_LONG : t;
    c->eval = arith_negate;
    return HIST_OK;
}

/* null + 1: the null takes the type of the other side. */
static hist_status arith_bind_nulls(hi_bind_call *c)
{
    for (uint32_t i = 0; i < 2; i++) {
        const hi_expr *e = c->args[i];
        const hist_type other = c->args[1 - i]->type;

        if (hi_expr_is_const(e) && e->type == HIST_TYPE_DYNAMIC && hi_expr_value(e).null &&
            other != HIST_TYPE_DYNAMIC) {
            HI_TRY(hi_bind_cast(c, i, other == HIST_TYPE_DATETIME ? HIST_TYPE_TIMESPAN : other));
        }
    }
    return HIST_OK;
}

static hist_status arith_bind(hi_bind_call *c)
{
    const char op = *(const char *)c->func->data;

    if (c->arg_count == 1) {
        return arith_bind_negate(c);
    }
    HI_TRY(arith_bind_nulls(c));
    const hist_type a = c->args[0]->type;
    const hist_type b = c->args[1]->type;
    c->eval = arith_eval;
    if (a == HIST_TYPE_DYNAMIC || b == HIST_TYPE_DYNAMIC) {
        c->type = HIST_TYPE_DYNAMIC;
        return HIST_OK;
    }
    c->type = arith_type(op, a, b);
    if (c->type == 0 && a == HIST_TYPE_STRING && op == '+') {
        return hi_bind_fail(c, "strings are joined with strcat()");
    }
    if (c->type == 0) {
        return hi_bind_fail(c, "is not defined for %s and %s", hist_type_name(a),
                            hist_type_name(b));
    }
    return HIST_OK;
}

static const hi_func arith_funcs[] = {
    {.name = "+", .signature = "aa", .bind = arith_bind, .data = "+", .flags = HI_FUNC_HIDDEN},
    {.name = "-", .signature = "a|a", .bind = arith_bind, .data = "-", .flags = HI_FUNC_HIDDEN},
    {.name = "*", .signature = "aa", .bind = arith_bind, .data = "*", .flags = HI_FUNC_HIDDEN},
    {.name = "/", .signature = "aa", .bind = arith_bind, .data = "/", .flags = HI_FUNC_HIDDEN},
    {.name = "%", .signature = "aa", .bind = arith_bind, .data = "%", .flags = HI_FUNC_HIDDEN},
};

const hi_func_table hi_funcs_arith = HI_FUNC_TABLE(arith_funcs);
