/* func_series_math.c -- series functions element by element, and sums and products over them. */
#include <math.h>
#include <string.h>

#include "query/func_series.h"

/* ---- one series ---- */

typedef struct ser_unary {
    double (*fn)(double);
    bool ints; /* Integers stay integers. */
} ser_unary;

static double ser_sign(double x)
{
    return (x > 0 ? 1.0 : 0.0) - (x < 0 ? 1.0 : 0.0);
}

static void ser_row_unary(hi_ser_call *c)
{
    const ser_unary *u = c->data;
    hi_series s;
    uint8_t flags;

    if (!hi_ser_get(c, 0, &s, &flags)) {
        return;
    }
    double *v = hi_ser_doubles(c, s.n);
    for (size_t i = 0; v != NULL && i < s.n; i++) {
        v[i] = u->fn(s.v[i]);
    }
    if (v != NULL) {
        hi_ser_put(c, 0, v, s.valid, s.n, u->ints && (flags & HI_SER_INTS) != 0);
    }
}

/* ---- two series, or a series and a number ---- */

typedef struct ser_binary {
    char op;
    bool ints;
} ser_binary;

static double ser_apply(char op, double a, double b)
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
    case '^':
        return pow(a, b);
    case '>':
        return a > b;
    case 'g':
        return a >= b;
    case '<':
        return a < b;
    case 'l':
        return a <= b;
    case '=':
        return a == b;
    case '!':
    default:
        return a != b;
    }
}

static void ser_row_binary(hi_ser_call *c)
{
    const ser_binary *op = c->data;
    hi_series s[2];
    uint8_t f[2];

    if (!hi_ser_get(c, 0, &s[0], &f[0]) || !hi_ser_get(c, 1, &s[1], &f[1])) {
        return;
    }
    const bool one[2] = {(f[0] & HI_SER_SCALAR) != 0, (f[1] & HI_SER_SCALAR) != 0};
    const size_t n = one[0] ? s[1].n : one[1] ? s[0].n : s[0].n > s[1].n ? s[0].n : s[1].n;
    double *v = hi_ser_doubles(c, n);
    uint64_t *valid = hi_ser_bits(c, n);
    if (v == NULL || valid == NULL || (one[0] && one[1])) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const size_t a = one[0] ? 0 : i;
        const size_t b = one[1] ? 0 : i;

        if (a < s[0].n && b < s[1].n && hi_series_has(&s[0], a) && hi_series_has(&s[1], b)) {
            v[i] = ser_apply(op->op, s[0].v[a], s[1].v[b]);
            hi_bit_set(valid, (uint32_t)i);
        }
    }
    hi_ser_put(c, 0, v, valid, n, op->ints && (f[0] & f[1] & HI_SER_INTS) != 0);
}

/* ---- to one number ---- */

typedef struct ser_reduce {
    bool (*one)(const hi_series *s, double *out);
    bool (*two)(const hi_series *a, const hi_series *b, double *out);
} ser_reduce;

static void ser_row_reduce(hi_ser_call *c)
{
    const ser_reduce *f = c->data;
    hi_series a;
    hi_series b;
    double v;

    if (!hi_ser_get(c, 0, &a, NULL)) {
        return;
    }
    if (f->one != NULL) {
        if (f->one(&a, &v)) {
            hi_ser_put_real(c, 0, v);
        }
        return;
    }
    if (hi_ser_get(c, 1, &b, NULL) && f->two(&a, &b, &v)) {
        hi_ser_put_real(c, 0, v);
    }
}

/* series_dot_product() takes a number on either side too. */
static void ser_row_dot(hi_ser_call *c)
{
    hi_series s[2];
    uint8_t f[2];
    double v;

    if (!hi_ser_get(c, 0, &s[0], &f[0]) || !hi_ser_get(c, 1, &s[1], &f[1])) {
        return;
    }
    for (int i = 0; i < 2; i++) {
        const size_t n = s[1 - i].n;

        if ((f[i] & HI_SER_SCALAR) != 0 && n != 1) {
            double *same = hi_ser_doubles(c, n);

            for (size_t k = 0; same != NULL && k < n; k++) {
                same[k] = s[i].v[0];
            }
            if (same == NULL) {
                return;
            }
            s[i] = hi_series_of(same, n);
        }
    }
    if (hi_series_dot(&s[0], &s[1], &v)) {
        hi_ser_put_real(c, 0, v);
    }
}

/* ---- statistics ---- */

static void ser_row_stats(hi_ser_call *c)
{
    hi_series s;

    if (!hi_ser_get(c, 0, &s, NULL)) {
        return;
    }
    const hi_series_stats st = hi_series_stats_of(&s, hi_ser_bool(c, 1, false));
    if (!st.valid) {
        return;
    }
    hi_ser_put_real(c, 0, st.min);
    hi_ser_put_long(c, 1, st.min_idx);
    hi_ser_put_real(c, 2, st.max);
    hi_ser_put_long(c, 3, st.max_idx);
    hi_ser_put_real(c, 4, st.avg);
    hi_ser_put_real(c, 5, st.stdev);
    hi_ser_put_real(c, 6, st.variance);
}

static void ser_put_field(hi_dyn_writer *w, const char *name, double v)
{
    hi_dyn_put_key(w, name, strlen(name));
    hi_dyn_put_real(w, v);
}

static void ser_put_count(hi_dyn_writer *w, const char *name, int64_t v)
{
    hi_dyn_put_key(w, name, strlen(name));
    hi_dyn_put_long(w, v);
}

static void ser_row_stats_dynamic(hi_ser_call *c)
{
    hi_series s;

    if (!hi_ser_get(c, 0, &s, NULL)) {
        return;
    }
    const hi_series_stats st = hi_series_stats_of(&s, hi_ser_bool(c, 1, false));
    if (!st.valid) {
        return;
    }
    hi_dyn_writer *w = hi_cb_begin(&c->out[0].cb);
    hi_dyn_begin_bag(w);
    ser_put_field(w, "min", st.min);
    ser_put_count(w, "min_idx", st.min_idx);
    ser_put_field(w, "max", st.max);
    ser_put_count(w, "max_idx", st.max_idx);
    ser_put_field(w, "avg", st.avg);
    ser_put_field(w, "stdev", st.stdev);
    ser_put_field(w, "variance", st.variance);
    ser_put_field(w, "sum", st.sum);
    ser_put_count(w, "len", st.len);
    hi_dyn_end_bag(w);
    hi_cb_end(&c->out[0].cb);
}

/* ---- filters ---- */

/* series_fir(s, filter[, normalize[, center = false]]) */
static void ser_row_fir(hi_ser_call *c)
{
    hi_series s;
    hi_series f;
    uint8_t fs;
    uint8_t ff;
    hi_fir options = {.center = hi_ser_bool(c, 3, false)};

    if (!hi_ser_get(c, 0, &s, &fs) || !hi_ser_get(c, 1, &f, &ff)) {
        return;
    }
    options.normalize = !hi_ser_has(c, 2)          ? HI_FIR_DEFAULT
                        : hi_ser_bool(c, 2, false) ? HI_FIR_YES
                                                   : HI_FIR_NO;
    double *v = hi_ser_doubles(c, s.n);
    uint64_t *valid = hi_ser_bits(c, s.n);
    if (v == NULL || valid == NULL || !hi_series_fir(&s, &f, &options, v, valid)) {
        return;
    }
    hi_ser_put(c, 0, v, valid, s.n, (fs & ff & HI_SER_INTS) != 0 && !options.normalized);
}

/* The third argument of series_iir() as a series. */
static bool ser_third(hi_ser_call *c, hi_series *out)
{
    hist_column one;
    hist_column list;
    bool ints;

    if (!hi_col_repeat(c->scratch, &c->args[2], c->row, 1, &one) ||
        !hi_col_to_reals(c->scratch, &one, &list, &ints)) {
        c->status = hi_eval_no_memory(c->ev, c->call);
        return false;
    }
    if (!hist_column_valid(&list, 0)) {
        return false;
    }
    *out = (hi_series){list.child->data, list.child->valid, (size_t)list.offsets[1]};
    return true;
}

static void ser_row_iir(hi_ser_call *c)
{
    hi_series s;
    hi_series b;
    hi_series a;

    if (!hi_ser_get(c, 0, &s, NULL) || !hi_ser_get(c, 1, &b, NULL) || !ser_third(c, &a)) {
        return;
    }
    double *v = hi_ser_doubles(c, s.n);
    uint64_t *valid = hi_ser_bits(c, s.n);
    if (v != NULL && valid != NULL && hi_series_iir(&s, &b, &a, v, valid)) {
        hi_ser_put(c, 0, v, valid, s.n, false);
    }
}

static void ser_row_fft(hi_ser_call *c)
{
    hi_series re;
    hi_series im = {0};

    if (!hi_ser_get(c, 0, &re, NULL) || !hi_series_complete(&re)) {
        return;
    }
    if (c->arg_count > 1 && (!hi_ser_get(c, 1, &im, NULL) || im.n != re.n)) {
        return;
    }
    double *out_re = hi_ser_doubles(c, re.n);
    double *out_im = hi_ser_doubles(c, re.n);
    if (out_re == NULL || out_im == NULL) {
        return;
    }
    memcpy(out_re, re.v, re.n * sizeof(double));
    if (im.v != NULL) {
        memcpy(out_im, im.v, re.n * sizeof(double));
    }
    if (!hi_ser_ok(c, hi_series_fft(c->scratch, out_re, out_im, re.n, c->data != NULL))) {
        return;
    }
    hi_ser_put(c, 0, out_re, NULL, re.n, false);
    hi_ser_put(c, 1, out_im, NULL, re.n, false);
}

#define SER_UNARY(name_, fn_, ints_)                                                           \
    {                                                                                          \
        .name = (name_), .signature = "y>y", .bind = hi_ser_bind, .data = &(const hi_ser_spec) \
        {                                                                                      \
            ser_row_unary, (ints_) ? "i" : "s", NULL, 1, false, &(const ser_unary)             \
            {                                                                                  \
                fn_, ints_                                                                     \
            }                                                                                  \
        }                                                                                      \
    }
#define SER_BINARY(name_, op_, ints_, outs_)                                                    \
    {                                                                                           \
        .name = (name_), .signature = "yy>y", .bind = hi_ser_bind, .data = &(const hi_ser_spec) \
        {                                                                                       \
            ser_row_binary, outs_, NULL, 2, false, &(const ser_binary)                          \
            {                                                                                   \
                op_, ints_                                                                      \
            }                                                                                   \
        }                                                                                       \
    }
#define SER_REDUCE(name_, sig_, one_, two_, series_)                                            \
    {                                                                                           \
        .name = (name_), .signature = (sig_), .bind = hi_ser_bind, .data = &(const hi_ser_spec) \
        {                                                                                       \
            ser_row_reduce, "r", NULL, series_, false, &(const ser_reduce)                      \
            {                                                                                   \
                one_, two_                                                                      \
            }                                                                                   \
        }                                                                                       \
    }
#define SER(row_, outs_, names_, series_, data_)   \
    &(const hi_ser_spec)                           \
    {                                              \
        row_, outs_, names_, series_, false, data_ \
    }

static const hi_func ser_math_funcs[] = {
    SER_UNARY("series_abs", fabs, true),
    SER_UNARY("series_sign", ser_sign, true),
    SER_UNARY("series_floor", floor, false),
    SER_UNARY("series_ceiling", ceil, false),
    SER_UNARY("series_exp", exp, false),
    SER_UNARY("series_log", log, false),
    SER_UNARY("series_sin", sin, false),
    SER_UNARY("series_cos", cos, false),
    SER_UNARY("series_tan", tan, false),
    SER_UNARY("series_asin", asin, false),
    SER_UNARY("series_acos", acos, false),
    SER_UNARY("series_atan", atan, false),
    SER_BINARY("series_add", '+', true, "i"),
    SER_BINARY("series_subtract", '-', true, "i"),
    SER_BINARY("series_multiply", '*', true, "i"),
    SER_BINARY("series_divide", '/', false, "s"),
    SER_BINARY("series_pow", '^', false, "s"),
    SER_BINARY("series_greater", '>', false, "b"),
    SER_BINARY("series_greater_equals", 'g', false, "b"),
    SER_BINARY("series_less", '<', false, "b"),
    SER_BINARY("series_less_equals", 'l', false, "b"),
    SER_BINARY("series_equals", '=', false, "b"),
    SER_BINARY("series_not_equals", '!', false, "b"),
    SER_REDUCE("series_sum", "y>r", hi_series_sum, NULL, 1),
    SER_REDUCE("series_product", "y>r", hi_series_product, NULL, 1),
    SER_REDUCE("series_magnitude", "y>r", hi_series_magnitude, NULL, 1),
    SER_REDUCE("series_pearson_correlation", "yy>r", NULL, hi_series_pearson, 2),
    SER_REDUCE("series_cosine_similarity", "yy|rr>r", NULL, hi_series_cosine, 2),
    {.name = "series_dot_product",
     .signature = "yy>r",
     .bind = hi_ser_bind,
     .data = SER(ser_row_dot, "r", NULL, 2, NULL)},
    {.name = "series_stats",
     .signature = "y|b>y",
     .bind = hi_ser_bind,
     .data = SER(ser_row_stats, "rlrlrrr", "min min_idx max max_idx avg stdev variance", 1, NULL)},
    {.name = "series_stats_dynamic",
     .signature = "y|b>y",
     .bind = hi_ser_bind,
     .data = SER(ser_row_stats_dynamic, "y", NULL, 1, NULL)},
    {.name = "series_fir",
     .signature = "yy|bb>y",
     .bind = hi_ser_bind,
     .flags = HI_FUNC_NAME_ARG,
     .data = SER(ser_row_fir, "i", NULL, 2, NULL)},
    {.name = "series_iir",
     .signature = "yyy>y",
     .bind = hi_ser_bind,
     .flags = HI_FUNC_NAME_ARG,
     .data = SER(ser_row_iir, "s", NULL, 2, NULL)},
    {.name = "series_fft",
     .signature = "y|y>y",
     .bind = hi_ser_bind,
     .data = SER(ser_row_fft, "ss", "real imag", 2, NULL)},
    {.name = "series_ifft",
     .signature = "y|y>y",
     .bind = hi_ser_bind,
     .data = SER(ser_row_fft, "ss", "real imag", 2, "inverse")},
};

const hi_func_table hi_funcs_series_math = HI_FUNC_TABLE(ser_math_funcs);
