/*
 * func_stat.c -- beta distribution, Welch's test, around(). Know first: all stand on the regularised incomplete beta
 * function, computed by its continued fraction (Lentz's method; Press et al., Numerical Recipes, 6.4).
 */
#include <math.h>

#include "query/eval.h"

/* The continued fraction of the incomplete beta function. */
static double stat_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1;
    double d = 1 - (a + b) * x / (a + 1);

    d = 1 / (fabs(d) < tiny ? tiny : d);
    double h = d;
    for (int m = 1; m < 500; m++) {
        const double two = 2.0 * m;
        double step = m * (b - m) * x / ((a + two - 1) * (a + two));

        for (int half = 0; half < 2; half++) {
            d = 1 + step * d;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = 1 + step / c;
            c = fabs(c) < tiny ? tiny : c;
            h *= d * c;
            step = -(a + m) * (a + b + m) * x / ((a + two) * (a + two + 1));
        }
        if (fabs(d * c - 1) < 1e-16) {
            break;
        }
    }
    return h;
}

/* I_x(a, b), 0 <= x <= 1 */
static double stat_beta(double x, double a, double b)
{
    if (x <= 0 || x >= 1) {
        return x <= 0 ? 0 : 1;
    }
    const double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2)) {
        return front * stat_fraction(a, b, x) / a;
    }
    return 1 - front * stat_fraction(b, a, 1 - x) / b;
}

static bool stat_shape(const hi_row *r)
{
    return r->args[1].real > 0 && r->args[2].real > 0;
}

static void stat_row_cdf(hi_row *r)
{
    const double x = r->args[0].real;

    if (!stat_shape(r) || !(x >= 0 && x <= 1)) {
        hi_cb_real(r->out, (double)NAN);
        return;
    }
    hi_cb_real(r->out, stat_beta(x, r->args[1].real, r->args[2].real));
}

static void stat_row_pdf(hi_row *r)
{
    const double x = r->args[0].real;
    const double a = r->args[1].real;
    const double b = r->args[2].real;

    if (!stat_shape(r) || !(x >= 0 && x <= 1)) {
        hi_cb_real(r->out, (double)NAN);
        return;
    }
    hi_cb_real(r->out,
               exp(lgamma(a + b) - lgamma(a) - lgamma(b)) * pow(x, a - 1) * pow(1 - x, b - 1));
}

/* By halving: the function grows with x. */
static void stat_row_inv(hi_row *r)
{
    const double p = r->args[0].real;
    double low = 0;
    double high = 1;

    if (!stat_shape(r)) {
        hi_cb_real(r->out, (double)NAN);
        return;
    }
    if (!(p > 0 && p <= 1)) {
        return;
    }
    for (int i = 0; i < 200 && low < high; i++) {
        const double middle = low + (high - low) / 2;

        if (middle == low || middle == high) {
            break;
        }
        if (stat_beta(middle, r->args[1].real, r->args[2].real) < p) {
            low = middle;
        } else {
            high = middle;
        }
    }
    hi_cb_real(r->out, high);
}

/* welch_test(mean1, variance1, count1, mean2, variance2, count2): the two-sided p-value. */
static void stat_row_welch(hi_row *r)
{
    const double v1 = r->args[1].real / r->args[2].real;
    const double v2 = r->args[4].real / r->args[5].real;
    const double n1 = r->args[2].real;
    const double n2 = r->args[5].real;
    const double difference = r->args[0].real - r->args[3].real;
    const double sum = v1 + v2;

    if (!(n1 > 1 && n2 > 1 && sum > 0)) {
        return;
    }
    const double t2 = difference * difference / sum;
    const double freedom = sum * sum / (v1 * v1 / (n1 - 1) + v2 * v2 / (n2 - 1));
    hi_cb_real(r->out, stat_beta(freedom / (freedom + t2), freedom / 2, 0.5));
}

/* around(value, center, delta): center - delta <= value <= center + delta */
static void stat_row_around(hi_row *r)
{
    const hi_value *v = &r->args[0];

    if (v->type == HIST_TYPE_REAL) {
        hi_cb_i64(r->out, fabs(v->real - r->args[1].real) <= r->args[2].real);
        return;
    }
    int64_t low;
    int64_t high;
    const int64_t center = hi_row_i64(r, 1);
    const int64_t delta = hi_row_i64(r, 2);
    low = __builtin_sub_overflow(center, delta, &low) ? INT64_MIN : low;
    high = __builtin_add_overflow(center, delta, &high) ? INT64_MAX : high;
    hi_cb_i64(r->out, v->i64 >= low && v->i64 <= high);
}

static hist_status stat_bind_around(hi_bind_call *c)
{
    const hist_type t = c->args[0]->type;
    const bool time = t == HIST_TYPE_DATETIME || t == HIST_TYPE_TIMESPAN;
    hist_type common = t;

    c->type = HIST_TYPE_BOOL;
    c->eval = hi_eval_rows;
    if (time) {
        HI_TRY(hi_bind_cast(c, 1, t));
        return hi_bind_cast(c, 2, HIST_TYPE_TIMESPAN);
    }
    for (uint32_t i = 0; i < 3; i++) {
        HI_TRY(hi_bind_arg(c, i, 'n'));
    }
    HI_TRY(hi_bind_common(c, 0, &common));
    if (common == HIST_TYPE_DECIMAL) {
        for (uint32_t i = 0; i < 3; i++) {
            HI_TRY(hi_bind_cast(c, i, HIST_TYPE_REAL));
        }
    }
    return HIST_OK;
}

static const hi_func stat_funcs[] = {
    {.name = "beta_cdf", .signature = "rrr>r", .row = stat_row_cdf},
    {.name = "beta_pdf", .signature = "rrr>r", .row = stat_row_pdf},
    {.name = "beta_inv", .signature = "rrr>r", .row = stat_row_inv},
    {.name = "welch_test", .signature = "rrrrrr>r", .row = stat_row_welch},
    {.name = "around", .signature = "aaa", .bind = stat_bind_around, .row = stat_row_around},
};

const hi_func_table hi_funcs_stat = HI_FUNC_TABLE(stat_funcs);
