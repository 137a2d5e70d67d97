/*
 * func_math.c -- numbers: roots, powers, rounding, bin, random. Know first: functions of one real are one loop over
 * a pointer to the C function; bin() counts from the type's zero, which for datetime is 0001-01-01.
 */
#include <math.h>
#include <string.h>

#include "base/timefmt.h"
#include "query/decimal.h"
#include "query/eval.h"

/* ---- functions of one real ---- */

typedef struct math_real_fn {
    double (*fn)(double);
} math_real_fn;

static double math_exp10(double x)
{
    return pow(10.0, x);
}

static double math_cot(double x)
{
    return 1.0 / tan(x);
}

static double math_degrees(double x)
{
    return x * (180.0 / 3.14159265358979323846);
}

static double math_radians(double x)
{
    return x * (3.14159265358979323846 / 180.0);
}

static double math_gamma(double x)
{
    return tgamma(x);
}

static double math_loggamma(double x)
{
    return lgamma(x);
}

#define MATH_FN(name_, fn_) static const math_real_fn math_##name_##_fn = {fn_}
MATH_FN(exp, exp);
MATH_FN(exp2, exp2);
MATH_FN(exp10, math_exp10);
MATH_FN(log, log);
MATH_FN(log2, log2);
MATH_FN(log10, log10);
MATH_FN(sin, sin);
MATH_FN(cos, cos);
MATH_FN(tan, tan);
MATH_FN(asin, asin);
MATH_FN(acos, acos);
MATH_FN(atan, atan);
MATH_FN(cot, math_cot);
MATH_FN(degrees, math_degrees);
MATH_FN(radians, math_radians);
MATH_FN(gamma, math_gamma);
MATH_FN(loggamma, math_loggamma);
MATH_FN(erf, erf);
MATH_FN(erfc, erfc);

/* A fresh real column over the rows of args[0] spread out. */
static bool math_unary(hi_eval *ev, const hist_column *in, uint32_t rows, hist_column *flat,
                       hist_column *out, double **data)
{
    void *raw;

    if (!hi_col_flatten(ev->arena, in, flat) ||
        !hi_col_new(ev->arena, HIST_TYPE_REAL, rows, out, &raw)) {
        return false;
    }
    out->valid = flat->valid;
    *data = raw;
    return true;
}

static hist_status math_real(hi_eval *ev, const hi_expr *call, const hist_column *args,
                             uint32_t rows, hist_column *out)
{
    const math_real_fn *f = call->u.call.func->data;
    hist_column flat;
    double *data;

    if (!math_unary(ev, &args[0], rows, &flat, out, &data)) {
        return hi_eval_no_memory(ev, call);
    }
    const double *v = flat.data;
    for (uint32_t i = 0; i < rows; i++) {
        data[i] = f->fn(v[i]);
    }
    return HIST_OK;
}

/* Logarithms of negative numbers are null, not NaN. */
static hist_status math_log(hi_eval *ev, const hi_expr *call, const hist_column *args,
                            uint32_t rows, hist_column *out)
{
    hist_column flat;
    uint64_t *valid = NULL;

    HI_TRY(math_real(ev, call, args, rows, out));
    if (!hi_col_flatten(ev->arena, &args[0], &flat)) {
        return hi_eval_no_memory(ev, call);
    }
    const double *v = flat.data;
    for (uint32_t i = 0; i < rows; i++) {
        if (v[i] >= 0 || isnan(v[i])) {
            continue;
        }
        if (valid == NULL) {
            valid = hi_bits_new(ev->arena, rows, true);
            if (valid == NULL) {
                return hi_eval_no_memory(ev, call);
            }
            if (out->valid != NULL) {
                memcpy(valid, out->valid, hi_bits_words(rows) * 8);
            }
        }
        hi_bit_clear(valid, i);
    }
    if (valid != NULL) {
        out->valid = valid;
    }
    return HIST_OK;
}

static hist_status math_sqrt(hi_eval *ev, const hi_expr *call, const hist_column *args,
                             uint32_t rows, hist_column *out)
{
    hist_column flat;
    double *data;

    if (!math_unary(ev, &args[0], rows, &flat, out, &data)) {
        return hi_eval_no_memory(ev, call);
    }
    hi_query_kernels_get()->sqrt_f64(data, flat.data, rows);
    return HIST_OK;
}

/* ---- functions that keep the type ---- */

static void math_row_abs(hi_row *r)
{
    hi_value v = r->args[0];

    switch (v.type) {
    case HIST_TYPE_REAL:
        v.real = fabs(v.real);
        break;
    case HIST_TYPE_DECIMAL:
        if (v.decimal.hi < 0) {
            v.null = !hi_decimal_sub((hist_decimal){0, 0}, v.decimal, &v.decimal);
        }
        break;
    default:
        v.i64 = v.i64 < 0 ? (int64_t)(0 - (uint64_t)v.i64) : v.i64;
        break;
    }
    hi_cb_value(r->out, &v);
}

static hist_status math_abs(hi_eval *ev, const hi_expr *call, const hist_column *args,
                            uint32_t rows, hist_column *out)
{
    const hi_query_kernels *k = hi_query_kernels_get();
    const hist_type t = args[0].stored;
    void *data;

    if (args[0].layout != HIST_LAYOUT_FLAT || hi_type_size(t) != 8) {
        return hi_eval_rows(ev, call, args, rows, out);
    }
    if (!hi_col_new(ev->arena, t, rows, out, &data)) {
        return hi_eval_no_memory(ev, call);
    }
    if (t == HIST_TYPE_REAL) {
        k->abs_f64(data, args[0].data, rows);
    } else {
        k->abs_i64(data, args[0].data, rows);
    }
    out->valid = args[0].valid;
    return HIST_OK;
}

static hist_status math_bind_abs(hi_bind_call *c)
{
    if (c->args[0]->type != HIST_TYPE_TIMESPAN) {
        HI_TRY(hi_bind_arg(c, 0, 'n'));
    }
    if (c->args[0]->type == HIST_TYPE_INT) {
        HI_TRY(hi_bind_cast(c, 0, HIST_TYPE_LONG));
    }
    c->type = c->args[0]->type;
    c->eval = math_abs;
    return HIST_OK;
}

static void math_row_sign(hi_row *r)
{
    const hi_value *v = &r->args[0];
    hi_value out = {.type = v->type};

    if (v->type == HIST_TYPE_REAL) {
        out.real = (v->real > 0 ? 1.0 : 0.0) - (v->real < 0 ? 1.0 : 0.0);
    } else if (v->type == HIST_TYPE_DECIMAL) {
        const int c = hi_decimal_compare(v->decimal, (hist_decimal){0, 0});

        out.decimal = hi_decimal_of_i64(c);
    } else {
        out.i64 = (v->i64 > 0) - (v->i64 < 0);
    }
    hi_cb_value(r->out, &out);
}

/* ceiling(): whole numbers stay what they are. */
static void math_row_ceiling(hi_row *r)
{
    hi_value v = r->args[0];

    if (v.type == HIST_TYPE_REAL) {
        v.real = ceil(v.real);
    } else if (v.type == HIST_TYPE_DECIMAL) {
        hist_decimal rest;
        const hist_decimal one = hi_decimal_of_i64(1);

        if (hi_decimal_mod(v.decimal, one, &rest) && (rest.lo != 0 || rest.hi != 0)) {
            v.null = !hi_decimal_sub(v.decimal, rest, &v.decimal) ||
                     !hi_decimal_add(v.decimal, one, &v.decimal);
        }
    }
    hi_cb_value(r->out, &v);
}

/* round(x[, digits]): halves away from zero; digits may be negative. */
static double math_round(double x, int64_t digits)
{
    if (!isfinite(x) || digits > 300) {
        return x;
    }
    if (digits == 0) {
        return round(x);
    }
    if (digits < -300) {
        return 0.0;
    }
    const double scale = pow(10.0, fabs((double)digits));
    if (digits < 0) {
        return round(x / scale) * scale;
    }
    const double scaled = x * scale;
    return isfinite(scaled) ? round(scaled) / scale : x;
}

static void math_row_round(hi_row *r)
{
    const int64_t digits = hi_row_i64_or(r, 1, 0);
    const hi_value *v = &r->args[0];

    if (v->type == HIST_TYPE_REAL) {
        hi_cb_real(r->out, math_round(v->real, digits));
    } else if (digits >= 0) {
        hi_cb_value(r->out, v);
    } else {
        hi_cb_i64(r->out, (int64_t)math_round((double)v->i64, digits));
    }
}

static hist_status math_bind_round(hi_bind_call *c)
{
    HI_TRY(hi_bind_arg(c, 0, 'n'));
    if (c->args[0]->type == HIST_TYPE_DECIMAL) {
        HI_TRY(hi_bind_cast(c, 0, HIST_TYPE_REAL));
    }
    if (c->arg_count > 1) {
        HI_TRY(hi_bind_arg(c, 1, 'l'));
    }
    c->type = c->args[0]->type;
    c->eval = hi_eval_rows;
    return HIST_OK;
}

static hist_status math_bind_same(hi_bind_call *c)
{
    HI_TRY(hi_bind_arg(c, 0, 'n'));
    c->type = c->args[0]->type;
    c->eval = hi_eval_rows;
    return HIST_OK;
}

/* ---- powers ---- */

static void math_row_pow(hi_row *r)
{
    hi_cb_real(r->out, pow(r->args[0].real, r->args[1].real));
}

static void math_row_atan2(hi_row *r)
{
    hi_cb_real(r->out, atan2(r->args[0].real, r->args[1].real));
}

static void math_row_pi(hi_row *r)
{
    hi_cb_real(r->out, 3.14159265358979323846);
}

/* ---- bin ---- */

/* 0001-01-01 modulo the width, as ns: where bins of a datetime begin. */
static int64_t math_bin_phase(int64_t width)
{
    uint64_t phase = 0;
    const uint64_t w = (uint64_t)width;
    const uint64_t day = (uint64_t)HI_NS_PER_DAY % w;

    for (int bit = 20; bit >= 0; bit--) {
        phase = phase * 2 % w;
        if ((HI_DAYS_1970 >> bit) & 1) {
            phase = (phase + day) % w;
        }
    }
    return phase == 0 ? 0 : (int64_t)(w - phase);
}

/* floor((v - at) / w) * w + at; false: w <= 0 or outside of the range. */
static bool math_bin_one(int64_t v, int64_t w, int64_t at, int64_t *out)
{
    if (w <= 0) {
        return false;
    }
    int64_t a = v % w;
    int64_t b = at % w;
    a += a < 0 ? w : 0;
    b += b < 0 ? w : 0;
    const int64_t rest = a >= b ? a - b : a - b + w;
    return !__builtin_sub_overflow(v, rest, out);
}

static double math_bin_real(double v, double w)
{
    return floor(v / w) * w;
}

/* bin(v, w) of values of one type, w > 0 for all. */
static void math_row_bin(hi_row *r)
{
    const hi_value *v = &r->args[0];
    const hi_value *w = &r->args[1];
    hi_value out = {.type = v->type};

    if (v->type == HIST_TYPE_REAL) {
        out.real = math_bin_real(v->real, w->real);
        out.null = !(w->real > 0);
    } else if (v->type == HIST_TYPE_DECIMAL) {
        hist_decimal rest;
        const bool positive = hi_decimal_compare(w->decimal, (hist_decimal){0, 0}) > 0;

        out.null = !positive || !hi_decimal_mod(v->decimal, w->decimal, &rest) ||
                   !hi_decimal_sub(v->decimal, rest, &out.decimal);
    } else {
        const int64_t phase =
            v->type == HIST_TYPE_DATETIME && w->i64 > 0 ? math_bin_phase(w->i64) : 0;

        out.null = !math_bin_one(v->i64, w->i64, phase, &out.i64);
    }
    hi_cb_value(r->out, &out);
}

/* Bins that would begin before the range of times are null. */
static bool math_bin_range(hi_eval *ev, const hist_column *in, uint32_t rows, hist_column *out)
{
    uint64_t *valid = hi_bits_new(ev->arena, rows, true);
    const hist_column three[2] = {*in, {.layout = HIST_LAYOUT_FLAT, .valid = valid}};
    const hi_operand a = {out->data, false};
    const hi_operand b = {in->data, false};
    bool all = true;

    if (valid == NULL) {
        return false;
    }
    hi_query_kernels_get()->compare_i64[HI_KERN_LE](valid, a, b, rows);
    all = hi_bits_count(valid, rows) == rows;
    return all || hi_valid_all(ev->arena, three, 2, rows, &out->valid);
}

static hist_status math_bin(hi_eval *ev, const hi_expr *call, const hist_column *args,
                            uint32_t rows, hist_column *out)
{
    const hi_query_kernels *k = hi_query_kernels_get();
    const hist_type t = args[0].stored;
    void *data;

    if (args[0].layout != HIST_LAYOUT_FLAT || args[1].layout != HIST_LAYOUT_CONST ||
        hi_const_is_null(&args[1]) || hi_type_size(t) != 8) {
        return hi_eval_rows(ev, call, args, rows, out);
    }
    const hi_value w = hi_col_const_value(&args[1]);
    if (t == HIST_TYPE_REAL ? !(w.real > 0) : w.i64 <= 0) {
        return hi_col_nulls(ev->arena, t, rows, out) ? HIST_OK : hi_eval_no_memory(ev, call);
    }
    if (!hi_col_new(ev->arena, t, rows, out, &data)) {
        return hi_eval_no_memory(ev, call);
    }
    out->valid = args[0].valid;
    if (t == HIST_TYPE_REAL) {
        k->bin_f64(data, args[0].data, w.real, rows);
        return HIST_OK;
    }
    k->bin_i64(data, args[0].data, w.i64, t == HIST_TYPE_DATETIME ? math_bin_phase(w.i64) : 0,
               rows);
    return math_bin_range(ev, &args[0], rows, out) ? HIST_OK : hi_eval_no_memory(ev, call);
}

/* Type of the result; both arguments are brought to what the row function wants. */
static hist_status math_bind_bin_types(hi_bind_call *c)
{
    const hist_type v = c->args[0]->type;
    const hist_type w = c->args[1]->type;

    if (v == HIST_TYPE_DYNAMIC) {
        const hist_type as = w == HIST_TYPE_TIMESPAN  ? HIST_TYPE_DATETIME
                             : w == HIST_TYPE_DYNAMIC ? HIST_TYPE_REAL
                                                      : w;

        HI_TRY(hi_bind_cast(c, 0, as));
        return math_bind_bin_types(c);
    }
    if (v == HIST_TYPE_DATETIME || v == HIST_TYPE_TIMESPAN) {
        c->type = v;
        return hi_bind_cast(c, 1, HIST_TYPE_TIMESPAN);
    }
    HI_TRY(hi_bind_arg(c, 0, 'n'));
    HI_TRY(hi_bind_arg(c, 1, 'n'));
    hist_type type = HIST_TYPE_LONG;
    if (v == HIST_TYPE_REAL || c->args[1]->type == HIST_TYPE_REAL) {
        type = HIST_TYPE_REAL;
    } else if (v == HIST_TYPE_DECIMAL || c->args[1]->type == HIST_TYPE_DECIMAL) {
        type = HIST_TYPE_DECIMAL;
    }
    HI_TRY(hi_bind_cast(c, 0, type));
    HI_TRY(hi_bind_cast(c, 1, type));
    c->type = type;
    return HIST_OK;
}

static hist_status math_bind_bin(hi_bind_call *c)
{
    HI_TRY(math_bind_bin_types(c));
    c->eval = math_bin;
    return HIST_OK;
}

static void math_row_bin_at(hi_row *r)
{
    const hi_value *v = &r->args[0];
    hi_value out = {.type = v->type};

    if (v->type == HIST_TYPE_REAL) {
        const double at = r->args[2].real;

        out.real = at + math_bin_real(v->real - at, r->args[1].real);
        out.null = !(r->args[1].real > 0);
    } else {
        out.null = !math_bin_one(v->i64, hi_row_i64(r, 1), hi_row_i64(r, 2), &out.i64);
    }
    hi_cb_value(r->out, &out);
}

static hist_status math_bin_at(hi_eval *ev, const hi_expr *call, const hist_column *args,
                               uint32_t rows, hist_column *out)
{
    const hist_type t = args[0].stored;
    void *data;

    if (args[0].layout != HIST_LAYOUT_FLAT || args[1].layout != HIST_LAYOUT_CONST ||
        args[2].layout != HIST_LAYOUT_CONST || hi_const_is_null(&args[1]) ||
        hi_const_is_null(&args[2]) || hi_type_size(t) != 8 || t == HIST_TYPE_REAL ||
        hi_col_const_value(&args[1]).i64 <= 0) {
        return hi_eval_rows(ev, call, args, rows, out);
    }
    const int64_t width = hi_col_const_value(&args[1]).i64;
    int64_t phase = hi_col_const_value(&args[2]).i64 % width;
    phase += phase < 0 ? width : 0;
    if (!hi_col_new(ev->arena, t, rows, out, &data)) {
        return hi_eval_no_memory(ev, call);
    }
    out->valid = args[0].valid;
    hi_query_kernels_get()->bin_i64(data, args[0].data, width, phase, rows);
    return math_bin_range(ev, &args[0], rows, out) ? HIST_OK : hi_eval_no_memory(ev, call);
}

static hist_status math_bind_bin_at(hi_bind_call *c)
{
    HI_TRY(math_bind_bin_types(c));
    if (c->type == HIST_TYPE_DECIMAL ||
        (c->type == HIST_TYPE_LONG && c->args[2]->type == HIST_TYPE_REAL)) {
        c->type = HIST_TYPE_REAL;
        HI_TRY(hi_bind_cast(c, 0, HIST_TYPE_REAL));
        HI_TRY(hi_bind_cast(c, 1, HIST_TYPE_REAL));
    }
    HI_TRY(hi_bind_cast(c, 2, c->type));
    c->eval = math_bin_at;
    return HIST_OK;
}

/* ---- random ---- */

static double math_uniform(hi_eval *ev)
{
    return (double)(hi_eval_random(ev) >> 11) * 0x1p-53;
}

/* rand(): [0, 1); rand(n): 0..n-1. */
static void math_row_rand(hi_row *r)
{
    const double u = math_uniform(r->ev);

    if (r->arg_count == 0) {
        hi_cb_real(r->out, u);
    } else {
        hi_cb_i64(r->out, (int64_t)(u * (double)hi_row_i64(r, 0)));
    }
}

static hist_status math_bind_rand(hi_bind_call *c)
{
    c->type = HIST_TYPE_REAL;
    if (c->arg_count == 1) {
        HI_TRY(hi_bind_arg(c, 0, 'l'));
        c->type = HIST_TYPE_LONG;
    }
    c->eval = hi_eval_rows;
    return HIST_OK;
}

static void math_row_new_guid(hi_row *r)
{
    const uint64_t words[2] = {hi_eval_random(r->ev), hi_eval_random(r->ev)};
    uint8_t guid[16];

    memcpy(guid, words, 16);
    guid[6] = (uint8_t)((guid[6] & 0x0f) | 0x40); /* RFC 4122, version 4. */
    guid[8] = (uint8_t)((guid[8] & 0x3f) | 0x80);
    hi_cb_16(r->out, guid);
}

#define MATH(name_, eval_)                                                               \
    {                                                                                    \
        .name = #name_, .signature = "r>r", .eval = (eval_), .data = &math_##name_##_fn, \
        .flags = HI_FUNC_NAME_ARG                                                        \
    }

static const hi_func math_funcs[] = {
    MATH(exp, math_real),
    MATH(exp2, math_real),
    MATH(exp10, math_real),
    MATH(log, math_log),
    MATH(log2, math_log),
    MATH(log10, math_log),
    MATH(sin, math_real),
    MATH(cos, math_real),
    MATH(tan, math_real),
    MATH(asin, math_real),
    MATH(acos, math_real),
    MATH(atan, math_real),
    MATH(cot, math_real),
    MATH(degrees, math_real),
    MATH(radians, math_real),
    MATH(gamma, math_real),
    MATH(loggamma, math_real),
    MATH(erf, math_real),
    MATH(erfc, math_real),
    {.name = "sqrt", .signature = "r>r", .eval = math_sqrt, .flags = HI_FUNC_NAME_ARG},
    {.name = "abs",
     .signature = "a",
     .bind = math_bind_abs,
     .row = math_row_abs,
     .flags = HI_FUNC_NAME_ARG},
    {.name = "sign", .signature = "n", .bind = math_bind_same, .row = math_row_sign},
    {.name = "ceiling",
     .signature = "n",
     .bind = math_bind_same,
     .row = math_row_ceiling,
     .flags = HI_FUNC_NAME_ARG},
    {.name = "round",
     .signature = "n|l",
     .bind = math_bind_round,
     .row = math_row_round,
     .flags = HI_FUNC_NAME_ARG},
    {.name = "pow", .signature = "rr>r", .row = math_row_pow, .flags = HI_FUNC_NAME_ARG},
    {.name = "atan2", .signature = "rr>r", .row = math_row_atan2},
    {.name = "pi", .signature = ">r", .row = math_row_pi},
    {.name = "bin",
     .signature = "aa",
     .bind = math_bind_bin,
     .row = math_row_bin,
     .flags = HI_FUNC_NAME_ARG},
    {.name = "floor",
     .signature = "aa",
     .bind = math_bind_bin,
     .row = math_row_bin,
     .flags = HI_FUNC_NAME_ARG},
    {.name = "bin_at",
     .signature = "aaa",
     .bind = math_bind_bin_at,
     .row = math_row_bin_at,
     .flags = HI_FUNC_NAME_ARG},
    {.name = "rand",
     .signature = "|l",
     .bind = math_bind_rand,
     .row = math_row_rand,
     .flags = HI_FUNC_IMPURE},
    {.name = "new_guid", .signature = ">g", .row = math_row_new_guid, .flags = HI_FUNC_IMPURE},
};

const hi_func_table hi_funcs_math = HI_FUNC_TABLE(math_funcs);
