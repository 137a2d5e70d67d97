/* series_stats.c -- numbers of one series and of two; see series.h. */
#include <math.h>
#include <string.h>

#include "query/series.h"

bool hi_series_complete(const hi_series *s)
{
    bool finite = true;

    for (size_t i = 0; i < s->n; i++) {
        finite &= (bool)isfinite(s->v[i]) && hi_series_has(s, i);
    }
    return finite;
}

static bool stats_counts(const hi_series *s, size_t i)
{
    return hi_series_has(s, i) && (bool)isfinite(s->v[i]);
}

/* Sum, extremes and count of the elements that count. */
static void stats_first_pass(const hi_series *s, hi_series_stats *out)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!stats_counts(s, i)) {
            continue;
        }
        const double v = s->v[i];
        if (out->len == 0 || v < out->min) {
            out->min = v;
            out->min_idx = (int64_t)i;
        }
        if (out->len == 0 || v > out->max) {
            out->max = v;
            out->max_idx = (int64_t)i;
        }
        out->sum += v;
        out->len++;
    }
}

hi_series_stats hi_series_stats_of(const hi_series *s, bool ignore_nonfinite)
{
    hi_series_stats out = {0};
    double squares = 0;
    double rest = 0; /* What rounding of the mean left over. */

    stats_first_pass(s, &out);
    if (out.len == 0 || (!ignore_nonfinite && (size_t)out.len < s->n)) {
        return (hi_series_stats){0};
    }
    out.valid = true;
    out.avg = out.sum / (double)out.len;
    for (size_t i = 0; i < s->n; i++) {
        if (stats_counts(s, i)) {
            const double d = s->v[i] - out.avg;
            squares += d * d;
            rest += d;
        }
    }
    if (out.len > 1) {
        out.variance = (squares - rest * rest / (double)out.len) / (double)(out.len - 1);
        out.stdev = sqrt(out.variance);
    }
    return out;
}

static bool stats_no_nulls(const hi_series *s)
{
    for (size_t i = 0; s->valid != NULL && i < s->n; i++) {
        if (!hi_series_has(s, i)) {
            return false;
        }
    }
    return true;
}

bool hi_series_sum(const hi_series *s, double *out)
{
    double sum = 0;

    for (size_t i = 0; i < s->n; i++) {
        sum += s->v[i];
    }
    *out = sum;
    return stats_no_nulls(s);
}

bool hi_series_product(const hi_series *s, double *out)
{
    double product = 1;

    for (size_t i = 0; i < s->n; i++) {
        product *= s->v[i];
    }
    *out = product;
    return stats_no_nulls(s);
}

static double stats_dot(const double *a, const double *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

bool hi_series_magnitude(const hi_series *s, double *out)
{
    *out = sqrt(stats_dot(s->v, s->v, s->n));
    return stats_no_nulls(s);
}

static bool stats_pair(const hi_series *a, const hi_series *b)
{
    return a->n == b->n && stats_no_nulls(a) && stats_no_nulls(b);
}

bool hi_series_dot(const hi_series *a, const hi_series *b, double *out)
{
    if (!stats_pair(a, b)) {
        return false;
    }
    *out = stats_dot(a->v, b->v, a->n);
    return true;
}

bool hi_series_pearson(const hi_series *a, const hi_series *b, double *out)
{
    double mean_a = 0;
    double mean_b = 0;
    double ab = 0;
    double aa = 0;
    double bb = 0;

    if (!stats_pair(a, b) || a->n == 0) {
        return false;
    }
    (void)hi_series_sum(a, &mean_a);
    (void)hi_series_sum(b, &mean_b);
    mean_a /= (double)a->n;
    mean_b /= (double)b->n;
    for (size_t i = 0; i < a->n; i++) {
        const double da = a->v[i] - mean_a;
        const double db = b->v[i] - mean_b;

        ab += da * db;
        aa += da * da;
        bb += db * db;
    }
    *out = ab / (sqrt(aa) * sqrt(bb));
    return true;
}

bool hi_series_cosine(const hi_series *a, const hi_series *b, double *out)
{
    if (!stats_pair(a, b)) {
        return false;
    }
    const double sizes = sqrt(stats_dot(a->v, a->v, a->n)) * sqrt(stats_dot(b->v, b->v, b->n));
    *out = stats_dot(a->v, b->v, a->n) / sizes;
    return true;
}
