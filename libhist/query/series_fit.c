/*
 * series_fit.c -- least squares: a line, two lines, a polynomial; see series.h.
 *
 * x counts from 1. Sums are taken around the means, so that a large level does
 * not eat the digits of a small slope.
 */
#include <math.h>
#include <string.h>

#include "query/series.h"

/* ---- a line ---- */

/* The line through v[0..n) whose first element has x = first. */
static hi_series_line fit_line_of(const double *v, size_t n, double first)
{
    const double mean_x = first + (double)(n - 1) / 2;
    hi_series_line line = {.valid = true};
    double mean = 0;
    double xy = 0;
    double xx = 0;
    double yy = 0;
    double rr = 0;

    for (size_t i = 0; i < n; i++) {
        mean += v[i];
    }
    mean /= (double)n;
    for (size_t i = 0; i < n; i++) {
        const double dx = first + (double)i - mean_x;
        const double dy = v[i] - mean;

        xy += dx * dy;
        xx += dx * dx;
        yy += dy * dy;
    }
    line.slope = n > 1 ? xy / xx : 0;
    line.interception = mean - line.slope * mean_x;
    for (size_t i = 0; i < n; i++) {
        const double r = v[i] - (line.interception + line.slope * (first + (double)i));
        rr += r * r;
    }
    line.variance = n > 1 ? yy / (double)(n - 1) : 0;
    line.rvariance = n > 1 ? rr / (double)(n - 1) : 0;
    line.rsquare = line.variance > 0 ? 1 - line.rvariance / line.variance : 1;
    return line;
}

static void fit_draw(const hi_series_line *line, size_t from, size_t to, double *fit)
{
    for (size_t i = from; fit != NULL && i < to; i++) {
        fit[i] = line->interception + line->slope * (double)(i + 1);
    }
}

hi_series_line hi_series_fit_line(const hi_series *s, double *fit)
{
    if (s->n == 0 || !hi_series_complete(s)) {
        return (hi_series_line){0};
    }
    const hi_series_line line = fit_line_of(s->v, s->n, 1);
    fit_draw(&line, 0, s->n, fit);
    return line;
}

/* ---- two lines ---- */

/* Sums over the elements before an index, around the means. */
typedef struct fit_sums {
    double x;
    double y;
    double xx;
    double xy;
    double yy;
} fit_sums;

/* Squared error of the line through the elements between two sums. */
static double fit_error(const fit_sums *from, const fit_sums *to, double n)
{
    const double x = to->x - from->x;
    const double y = to->y - from->y;
    const double xx = to->xx - from->xx - x * x / n;
    const double xy = to->xy - from->xy - x * y / n;
    const double yy = to->yy - from->yy - y * y / n;

    return yy - xy * xy / xx;
}

static void fit_prefix(const hi_series *s, fit_sums *sums)
{
    const double mean_x = (double)(s->n - 1) / 2;
    double mean = 0;

    for (size_t i = 0; i < s->n; i++) {
        mean += s->v[i];
    }
    mean /= (double)s->n;
    sums[0] = (fit_sums){0};
    for (size_t i = 0; i < s->n; i++) {
        const double x = (double)i - mean_x;
        const double y = s->v[i] - mean;

        sums[i + 1] = (fit_sums){sums[i].x + x, sums[i].y + y, sums[i].xx + x * x,
                                 sums[i].xy + x * y, sums[i].yy + y * y};
    }
}

/* Each side has two points at least. */
static size_t fit_best_split(const fit_sums *sums, size_t n)
{
    double best = (double)INFINITY;
    size_t split = 2;

    for (size_t k = 2; k + 2 <= n; k++) {
        const double error = fit_error(&sums[0], &sums[k], (double)k) +
                             fit_error(&sums[k], &sums[n], (double)(n - k));
        if (error < best) {
            best = error;
            split = k;
        }
    }
    return split;
}

hist_status hi_series_fit_2lines(hi_arena *arena, const hi_series *s, double *fit,
                                 hi_series_lines *out)
{
    *out = (hi_series_lines){0};
    if (s->n < 4 || !hi_series_complete(s)) {
        return HIST_OK;
    }
    const hi_arena_mark mark = hi_arena_save(arena);
    fit_sums *sums = HI_NEW_ARRAY(arena, fit_sums, s->n + 1);
    if (sums == NULL) {
        return HIST_ENOMEM;
    }
    fit_prefix(s, sums);
    const size_t split = fit_best_split(sums, s->n);
    hi_arena_rewind(arena, mark);
    const hi_series_line whole = fit_line_of(s->v, s->n, 1);
    out->valid = true;
    out->split = (int64_t)split;
    out->left = fit_line_of(s->v, split, 1);
    out->right = fit_line_of(s->v + split, s->n - split, (double)(split + 1));
    out->variance = whole.variance;
    out->rvariance = (out->left.rvariance * (double)(split - 1) +
                      out->right.rvariance * (double)(s->n - split - 1)) /
                     (double)(s->n - 1);
    out->rsquare = out->variance > 0 ? 1 - out->rvariance / out->variance : 1;
    fit_draw(&out->left, 0, split, fit);
    fit_draw(&out->right, split, s->n, fit);
    return HIST_OK;
}

/* ---- a polynomial ---- */

/*
 * Polynomials that are orthogonal over the points (G. Forsythe, 1957) in t = (x - center) / scale,
 * which runs over -1..1: p[j+1] = (t - alpha) p[j] - beta p[j-1]. Their coefficients in t are
 * kept beside them.
 */
typedef struct fit_poly {
    size_t n;
    const double *y;
    double *t;
    double *now;    /* p[j] at each point */
    double *before; /* p[j-1] */
    double *fit;
    double now_t[HI_SERIES_DEGREE_MAX + 2];
    double before_t[HI_SERIES_DEGREE_MAX + 2];
    double sum_t[HI_SERIES_DEGREE_MAX + 2]; /* The fit so far, lowest power first. */
    double norm;
} fit_poly;

/* Takes p[j]'s part of y. false: p[j] is zero at all points. */
static bool fit_poly_take(fit_poly *p, int degree)
{
    double norm = 0;
    double part = 0;

    for (size_t i = 0; i < p->n; i++) {
        norm += p->now[i] * p->now[i];
        part += p->now[i] * (p->y[i] - p->fit[i]);
    }
    if (!(norm > 1e-24 * (double)p->n)) {
        return false;
    }
    const double c = part / norm;
    for (size_t i = 0; i < p->n; i++) {
        p->fit[i] += c * p->now[i];
    }
    for (int k = 0; k <= degree; k++) {
        p->sum_t[k] += c * p->now_t[k];
    }
    p->norm = norm;
    return true;
}

/* p[j-1], p[j] -> p[j], p[j+1] */
static void fit_poly_next(fit_poly *p, double norm_before, int degree)
{
    double alpha = 0;

    for (size_t i = 0; i < p->n; i++) {
        alpha += p->t[i] * p->now[i] * p->now[i];
    }
    alpha /= p->norm;
    const double beta = norm_before > 0 ? p->norm / norm_before : 0;
    for (size_t i = 0; i < p->n; i++) {
        const double next = (p->t[i] - alpha) * p->now[i] - beta * p->before[i];
        p->before[i] = p->now[i];
        p->now[i] = next;
    }
    for (int k = degree + 1; k >= 0; k--) {
        const double shifted = k > 0 ? p->now_t[k - 1] : 0;
        const double next = shifted - alpha * p->now_t[k] - beta * p->before_t[k];
        p->before_t[k] = p->now_t[k];
        p->now_t[k] = next;
        /* now_t[k - 1] is still the old one: k goes down. */
    }
}

/* Powers of t to powers of x, highest first. */
static void fit_poly_expand(const fit_poly *p, int degree, double center, double scale, double *out)
{
    double r[HI_SERIES_DEGREE_MAX + 1] = {0}; /* Lowest power of x first. */

    r[0] = p->sum_t[degree];
    for (int j = degree - 1; j >= 0; j--) { /* r = r * (x - center) / scale + sum_t[j] */
        for (int k = degree; k >= 0; k--) {
            const double shifted = k > 0 ? r[k - 1] : 0;
            r[k] = (shifted - center * r[k]) / scale;
        }
        r[0] += p->sum_t[j];
    }
    for (int k = 0; k <= degree; k++) {
        out[k] = r[degree - k];
    }
}

static void fit_poly_variances(const hi_series *y, const double *fit, hi_series_poly *out)
{
    const hi_series_stats stats = hi_series_stats_of(y, false);
    double rr = 0;

    for (size_t i = 0; i < y->n; i++) {
        rr += (y->v[i] - fit[i]) * (y->v[i] - fit[i]);
    }
    out->variance = stats.variance;
    out->rvariance = rr / (double)(y->n - 1);
    out->rsquare = out->variance > 0 ? 1 - out->rvariance / out->variance : 1;
}

static void fit_poly_scale(const hi_series *x, size_t n, double *center, double *scale)
{
    double min = x == NULL ? 1 : x->v[0];
    double max = x == NULL ? (double)n : x->v[0];

    for (size_t i = 0; x != NULL && i < n; i++) {
        min = x->v[i] < min ? x->v[i] : min;
        max = x->v[i] > max ? x->v[i] : max;
    }
    *center = (min + max) / 2;
    *scale = (max - min) / 2;
}

static bool fit_poly_run(fit_poly *p, int degree)
{
    double norm_before = 0;

    p->now_t[0] = 1;
    for (size_t i = 0; i < p->n; i++) {
        p->now[i] = 1;
    }
    for (int j = 0; j <= degree; j++) {
        if (!fit_poly_take(p, j)) {
            return false;
        }
        const double norm = p->norm;
        if (j < degree) {
            fit_poly_next(p, norm_before, j);
        }
        norm_before = norm;
    }
    return true;
}

hist_status hi_series_fit_poly(hi_arena *arena, const hi_series *y, const hi_series *x, int degree,
                               double *fit, hi_series_poly *out)
{
    const size_t n = y->n;
    double center = 0;
    double scale = 0;

    *out = (hi_series_poly){0};
    if (degree < 1 || degree > HI_SERIES_DEGREE_MAX || n <= (size_t)degree ||
        !hi_series_complete(y) || (x != NULL && (x->n != n || !hi_series_complete(x)))) {
        return HIST_OK;
    }
    fit_poly_scale(x, n, &center, &scale);
    if (!(scale > 0)) {
        return HIST_OK;
    }
    const hi_arena_mark mark = hi_arena_save(arena);
    fit_poly p = {.n = n, .y = y->v};
    p.t = HI_NEW_ARRAY(arena, double, n);
    p.now = HI_NEW_ARRAY(arena, double, n);
    p.before = HI_NEW_ARRAY(arena, double, n);
    p.fit = HI_NEW_ARRAY(arena, double, n);
    if (p.t == NULL || p.now == NULL || p.before == NULL || p.fit == NULL) {
        hi_arena_rewind(arena, mark);
        return HIST_ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        p.t[i] = ((x == NULL ? (double)(i + 1) : x->v[i]) - center) / scale;
    }
    if (fit_poly_run(&p, degree)) {
        out->valid = true;
        fit_poly_expand(&p, degree, center, scale, out->coefficients);
        fit_poly_variances(y, p.fit, out);
        if (fit != NULL) {
            memcpy(fit, p.fit, n * sizeof(double));
        }
    }
    hi_arena_rewind(arena, mark);
    return HIST_OK;
}
