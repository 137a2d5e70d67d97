/* func_series_model.c -- lines, seasons, outliers and anomalies of series: thin wrappers over series.h. */
#include <math.h>
#include <string.h>

#include "query/func_series.h"

static bool mod_get(hi_ser_call *c, hi_series *s)
{
    uint8_t flags;

    return hi_ser_get(c, 0, s, &flags) && (flags & HI_SER_SCALAR) == 0;
}

static void mod_put_field(hi_dyn_writer *w, const char *name, double v)
{
    hi_dyn_put_key(w, name, strlen(name));
    hi_dyn_put_real(w, v);
}

static void mod_put_series(hi_dyn_writer *w, const char *name, const double *v, size_t n)
{
    hi_dyn_put_key(w, name, strlen(name));
    hi_dyn_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        hi_dyn_put_real(w, v[i]);
    }
    hi_dyn_end_array(w);
}

/* ---- lines ---- */

/* data: as one bag. */
static void mod_row_fit_line(hi_ser_call *c)
{
    hi_series s;

    if (!mod_get(c, &s)) {
        return;
    }
    double *fit = hi_ser_doubles(c, s.n);
    if (fit == NULL) {
        return;
    }
    const hi_series_line l = hi_series_fit_line(&s, fit);
    if (!l.valid) {
        return;
    }
    if (c->data == NULL) {
        hi_ser_put_real(c, 0, l.rsquare);
        hi_ser_put_real(c, 1, l.slope);
        hi_ser_put_real(c, 2, l.variance);
        hi_ser_put_real(c, 3, l.rvariance);
        hi_ser_put_real(c, 4, l.interception);
        hi_ser_put(c, 5, fit, NULL, s.n, false);
        return;
    }
    hi_dyn_writer *w = hi_cb_begin(&c->out[0].cb);
    hi_dyn_begin_bag(w);
    mod_put_field(w, "rsquare", l.rsquare);
    mod_put_field(w, "slope", l.slope);
    mod_put_field(w, "variance", l.variance);
    mod_put_field(w, "rvariance", l.rvariance);
    mod_put_field(w, "interception", l.interception);
    mod_put_series(w, "line_fit", fit, s.n);
    hi_dyn_end_bag(w);
    hi_cb_end(&c->out[0].cb);
}

static void mod_put_side(hi_ser_call *c, uint32_t at, const hi_series_line *l)
{
    hi_ser_put_real(c, at, l->rsquare);
    hi_ser_put_real(c, at + 1, l->slope);
    hi_ser_put_real(c, at + 2, l->interception);
    hi_ser_put_real(c, at + 3, l->variance);
    hi_ser_put_real(c, at + 4, l->rvariance);
}

static void mod_put_side_bag(hi_dyn_writer *w, const char *name, const hi_series_line *l)
{
    hi_dyn_put_key(w, name, strlen(name));
    hi_dyn_begin_bag(w);
    mod_put_field(w, "rsquare", l->rsquare);
    mod_put_field(w, "slope", l->slope);
    mod_put_field(w, "interception", l->interception);
    mod_put_field(w, "variance", l->variance);
    mod_put_field(w, "rvariance", l->rvariance);
    hi_dyn_end_bag(w);
}

static void mod_put_lines_bag(hi_ser_call *c, const hi_series_lines *l, const double *fit, size_t n)
{
    hi_dyn_writer *w = hi_cb_begin(&c->out[0].cb);

    hi_dyn_begin_bag(w);
    mod_put_field(w, "rsquare", l->rsquare);
    hi_dyn_put_key(w, "split_idx", 9);
    hi_dyn_put_long(w, l->split);
    mod_put_field(w, "variance", l->variance);
    mod_put_field(w, "rvariance", l->rvariance);
    mod_put_series(w, "line_fit", fit, n);
    mod_put_side_bag(w, "right", &l->right);
    mod_put_side_bag(w, "left", &l->left);
    hi_dyn_end_bag(w);
    hi_cb_end(&c->out[0].cb);
}

static void mod_row_fit_2lines(hi_ser_call *c)
{
    hi_series s;
    hi_series_lines l;

    if (!mod_get(c, &s)) {
        return;
    }
    double *fit = hi_ser_doubles(c, s.n);
    if (fit == NULL || !hi_ser_ok(c, hi_series_fit_2lines(c->scratch, &s, fit, &l)) || !l.valid) {
        return;
    }
    if (c->data != NULL) {
        mod_put_lines_bag(c, &l, fit, s.n);
        return;
    }
    hi_ser_put_real(c, 0, l.rsquare);
    hi_ser_put_long(c, 1, l.split);
    hi_ser_put_real(c, 2, l.variance);
    hi_ser_put_real(c, 3, l.rvariance);
    hi_ser_put(c, 4, fit, NULL, s.n, false);
    mod_put_side(c, 5, &l.right);
    mod_put_side(c, 10, &l.left);
}

/* series_fit_poly(y[, x[, degree = 1]]) */
static void mod_row_fit_poly(hi_ser_call *c)
{
    hi_series y;
    hi_series x;
    hi_series_poly p;
    const bool with_x = hi_ser_has(c, 1);
    const int64_t degree = hi_ser_long(c, 2, 1);

    if (!mod_get(c, &y) || (with_x && !hi_ser_get(c, 1, &x, NULL)) || degree < 1 ||
        degree > HI_SERIES_DEGREE_MAX || (with_x && x.n != y.n)) {
        return;
    }
    double *fit = hi_ser_doubles(c, y.n);
    if (fit == NULL ||
        !hi_ser_ok(c,
                   hi_series_fit_poly(c->scratch, &y, with_x ? &x : NULL, (int)degree, fit, &p)) ||
        !p.valid) {
        return;
    }
    hi_ser_put_real(c, 0, p.rsquare);
    hi_ser_put(c, 1, p.coefficients, NULL, (size_t)degree + 1, false);
    hi_ser_put_real(c, 2, p.variance);
    hi_ser_put_real(c, 3, p.rvariance);
    hi_ser_put(c, 4, fit, NULL, y.n, false);
}

/* ---- outliers ---- */

/* series_outliers(s[, kind = 'ctukey'[, ignore_val[, min_percentile[, max_percentile]]]]) */
static void mod_row_outliers(hi_ser_call *c)
{
    hi_series s;
    bool valid;
    const hist_str kind = hi_ser_str(c, 1, "ctukey");
    const bool tukey = hi_str_is(kind, "tukey");
    const bool ignored = hi_ser_has(c, 2);
    const double ignore = hi_ser_real(c, 2, 0);

    if (!tukey && !hi_str_is(kind, "ctukey")) {
        c->status = hi_eval_fail(c->ev, c->call, HIST_ESEMANTIC,
                                 "series_outliers: the kind is 'ctukey' or 'tukey', not '%.*s'",
                                 (int)kind.size, kind.data);
        return;
    }
    if (!mod_get(c, &s)) {
        return;
    }
    const hi_outliers options = {.low_percent = hi_ser_real(c, 3, tukey ? 25 : 10),
                                 .high_percent = hi_ser_real(c, 4, tukey ? 75 : 90),
                                 .ignore = ignored ? &ignore : NULL};
    double *score = hi_ser_doubles(c, s.n);
    if (score == NULL ||
        !hi_ser_ok(c, hi_series_outliers(c->scratch, &s, options, score, &valid)) || !valid) {
        return;
    }
    hi_ser_put(c, 0, score, NULL, s.n, false);
}

/* ---- seasons ---- */

static bool mod_trend(hi_ser_call *c, uint32_t arg, const char *otherwise, hi_trend *out)
{
    const hist_str s = hi_ser_str(c, arg, otherwise);

    if (hi_str_is(s, "avg")) {
        *out = HI_TREND_AVG;
    } else if (hi_str_is(s, "linefit")) {
        *out = HI_TREND_LINE;
    } else if (hi_str_is(s, "none")) {
        *out = HI_TREND_NONE;
    } else {
        c->status = hi_eval_fail(c->ev, c->call, HIST_ESEMANTIC,
                                 "the trend is 'avg', 'linefit' or 'none', not '%.*s'", (int)s.size,
                                 s.data);
        return false;
    }
    return true;
}

/* Seasonality at `at`, trend, test points, threshold behind it. */
static bool mod_options(hi_ser_call *c, uint32_t at, const char *trend, hi_decompose *out)
{
    const int64_t points = hi_ser_long(c, at + 2, 0);

    out->seasonality = hi_ser_real(c, at, -1);
    out->test_points = points > 0 ? (size_t)points : 0;
    return mod_trend(c, at + 1, trend, &out->trend);
}

static bool mod_decompose(hi_ser_call *c, const hi_series *s, const hi_decompose *options,
                          hi_decomposed *d)
{
    d->baseline = hi_ser_doubles(c, s->n);
    d->seasonal = hi_ser_doubles(c, s->n);
    d->trend = hi_ser_doubles(c, s->n);
    d->residual = hi_ser_doubles(c, s->n);
    return c->status == HIST_OK && hi_ser_ok(c, hi_series_decompose(c->scratch, s, *options, d)) &&
           d->valid;
}

/* series_decompose(s[, seasonality[, trend[, test_points[, threshold]]]]) */
static void mod_row_decompose(hi_ser_call *c)
{
    hi_series s;
    hi_decomposed d = {0};
    hi_decompose options = {.threshold = hi_ser_real(c, 4, 0.6)};

    if (!mod_get(c, &s) || !mod_options(c, 1, "avg", &options) ||
        !mod_decompose(c, &s, &options, &d)) {
        return;
    }
    hi_ser_put(c, 0, d.baseline, NULL, s.n, false);
    hi_ser_put(c, 1, d.seasonal, NULL, s.n, false);
    hi_ser_put(c, 2, d.trend, NULL, s.n, false);
    hi_ser_put(c, 3, d.residual, NULL, s.n, false);
}

/* series_decompose_forecast(s, points[, seasonality[, trend = 'linefit'[, threshold]]]) */
static void mod_row_forecast(hi_ser_call *c)
{
    hi_series s;
    hi_decomposed d = {0};
    hi_decompose options = {.threshold = hi_ser_real(c, 4, 0.6),
                            .seasonality = hi_ser_real(c, 2, -1)};
    const int64_t points = hi_ser_long(c, 1, 0);

    options.test_points = points > 0 ? (size_t)points : 0;
    if (!mod_get(c, &s) || !mod_trend(c, 3, "linefit", &options.trend) ||
        !mod_decompose(c, &s, &options, &d)) {
        return;
    }
    hi_ser_put(c, 0, d.baseline, NULL, s.n, false);
}

static void mod_put_flags(hi_ser_call *c, const int8_t *flag, size_t n)
{
    hi_list_builder *lb = &c->out[0].lb;

    for (size_t i = 0; i < n; i++) {
        hi_cb_i64(&lb->child, flag[i]);
    }
    hi_lb_end(lb);
}

/* series_decompose_anomalies(s[, threshold[, seasonality[, trend[, test_points[, method[, threshold]]]]]]) */
static void mod_row_anomalies(hi_ser_call *c)
{
    hi_series s;
    hi_decompose options = {.threshold = hi_ser_real(c, 6, 0.6)};
    hi_anomalies a = {0};
    const hist_str method = hi_ser_str(c, 5, "ctukey");
    const bool tukey = hi_str_is(method, "tukey");

    if (!tukey && !hi_str_is(method, "ctukey")) {
        c->status = hi_eval_fail(c->ev, c->call, HIST_ESEMANTIC,
                                 "the method is 'ctukey' or 'tukey', not '%.*s'", (int)method.size,
                                 method.data);
        return;
    }
    if (!mod_get(c, &s) || !mod_options(c, 2, "avg", &options)) {
        return;
    }
    a.score = hi_ser_doubles(c, s.n);
    a.baseline = hi_ser_doubles(c, s.n);
    a.flag = hi_arena_calloc(c->scratch, s.n + 1, 1);
    if (a.flag == NULL || c->status != HIST_OK ||
        !hi_ser_ok(
            c, hi_series_anomalies(c->scratch, &s, options, hi_ser_real(c, 1, 1.5), tukey, &a)) ||
        !a.valid) {
        return;
    }
    mod_put_flags(c, a.flag, s.n);
    hi_ser_put(c, 1, a.score, NULL, s.n, false);
    hi_ser_put(c, 2, a.baseline, NULL, s.n, false);
}

/* ---- periods ---- */

#define MOD_PERIODS_MAX 16

/* series_periods_detect(s, min, max, count) */
static void mod_row_detect(hi_ser_call *c)
{
    hi_series s;
    hi_period found[MOD_PERIODS_MAX];
    double periods[MOD_PERIODS_MAX] = {0};
    double scores[MOD_PERIODS_MAX] = {0};
    const int64_t wanted = hi_ser_long(c, 3, 1);
    const size_t n = wanted < 1 ? 1 : wanted > MOD_PERIODS_MAX ? MOD_PERIODS_MAX : (size_t)wanted;
    size_t count;

    if (!mod_get(c, &s)) {
        return;
    }
    const hi_period_range range = {
        .min = hi_ser_real(c, 1, 4), .max = hi_ser_real(c, 2, (double)s.n / 2), .count = n};
    if (!hi_ser_ok(c, hi_series_periods(c->scratch, &s, range, found, &count))) {
        return;
    }
    for (size_t i = 0; i < count && i < n; i++) {
        periods[i] = found[i].period;
        scores[i] = found[i].score;
    }
    hi_ser_put(c, 0, periods, NULL, n, false);
    hi_ser_put(c, 1, scores, NULL, n, false);
}

static void mod_row_validate(hi_ser_call *c)
{
    hi_series s;
    double periods[MOD_PERIODS_MAX];
    double scores[MOD_PERIODS_MAX] = {0};
    const uint32_t n = c->arg_count - 1;

    for (uint32_t i = 0; i < n; i++) {
        periods[i] = hi_ser_real(c, i + 1, 0);
    }
    if (!mod_get(c, &s) || !hi_ser_ok(c, hi_series_validate(c->scratch, &s, periods, n, scores))) {
        return;
    }
    hi_ser_put(c, 0, periods, NULL, n, false);
    hi_ser_put(c, 1, scores, NULL, n, false);
}

static void mod_row_seasonal(hi_ser_call *c)
{
    hi_series s;
    bool valid;

    if (!mod_get(c, &s)) {
        return;
    }
    double *v = hi_ser_doubles(c, s.n);
    if (v == NULL ||
        !hi_ser_ok(c, hi_series_seasonal(c->scratch, &s, hi_ser_real(c, 1, -1), v, &valid)) ||
        !valid) {
        return;
    }
    hi_ser_put(c, 0, v, NULL, s.n, false);
}

#define MOD(name_, sig_, row_, outs_, names_, series_, data_)                                   \
    {                                                                                           \
        .name = (name_), .signature = (sig_), .bind = hi_ser_bind, .data = &(const hi_ser_spec) \
        {                                                                                       \
            row_, outs_, names_, series_, false, data_                                          \
        }                                                                                       \
    }

static const hi_func mod_funcs[] = {
    MOD("series_fit_line", "y>y", mod_row_fit_line, "rrrrrs",
        "rsquare slope variance rvariance interception line_fit", 1, NULL),
    MOD("series_fit_line_dynamic", "y>y", mod_row_fit_line, "y", NULL, 1, "bag"),
    MOD("series_fit_2lines", "y>y", mod_row_fit_2lines, "rlrrsrrrrrrrrrr",
        "rsquare split_idx variance rvariance line_fit right_rsquare right_slope "
        "right_interception right_variance right_rvariance left_rsquare left_slope "
        "left_interception left_variance left_rvariance",
        1, NULL),
    MOD("series_fit_2lines_dynamic", "y>y", mod_row_fit_2lines, "y", NULL, 1, "bag"),
    MOD("series_fit_poly", "y|yl>y", mod_row_fit_poly, "rsrrs",
        "rsquare coefficients variance rvariance poly_fit", 2, NULL),
    {.name = "series_outliers",
     .signature = "y|srrr>y",
     .bind = hi_ser_bind,
     .flags = HI_FUNC_NAME_ARG,
     .data = &(const hi_ser_spec){mod_row_outliers, "s", NULL, 1, false, NULL}},
    MOD("series_decompose", "y|rslr>y", mod_row_decompose, "ssss",
        "baseline seasonal trend residual", 1, NULL),
    MOD("series_decompose_forecast", "yl|rsr>y", mod_row_forecast, "s", NULL, 1, NULL),
    MOD("series_decompose_anomalies", "y|rrslsr>y", mod_row_anomalies, "Lss",
        "ad_flag ad_score baseline", 1, NULL),
    MOD("series_periods_detect", "yrrl>y", mod_row_detect, "ss", "periods scores", 1, NULL),
    MOD("series_periods_validate", "yr|rrrrrrrrrrrrrrr>y", mod_row_validate, "ss", "periods scores",
        1, NULL),
    MOD("series_seasonal", "y|r>y", mod_row_seasonal, "s", NULL, 1, NULL),
};

const hi_func_table hi_funcs_series_model = HI_FUNC_TABLE(mod_funcs);
