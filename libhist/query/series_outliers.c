/*
 * series_outliers.c -- selection, percentiles and Tukey's test; see series.h.
 *
 * A value beyond the upper (lower) percentile scores its distance from it in
 * widths between the percentiles, times a factor that makes 1.5 mean the same
 * distance under a normal law as Tukey's fence for quartiles.
 */
#include <math.h>
#include <string.h>

#include "query/series.h"

/* ---- selection ---- */

static void select_swap(double *v, size_t a, size_t b)
{
    const double t = v[a];

    v[a] = v[b];
    v[b] = t;
}

static void select_sift(double *v, size_t at, size_t n)
{
    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= n) {
            return;
        }
        child += child + 1 < n && v[child + 1] > v[child];
        if (v[at] >= v[child]) {
            return;
        }
        select_swap(v, at, child);
        at = child;
    }
}

/* For inputs that make the partitions bad: n log n whatever they are. */
static void select_heap_sort(double *v, size_t n)
{
    for (size_t i = n / 2; i-- > 0;) {
        select_sift(v, i, n);
    }
    for (size_t end = n; end-- > 1;) {
        select_swap(v, 0, end);
        select_sift(v, 0, end);
    }
}

static double select_pivot(const double *v, size_t lo, size_t hi)
{
    const double a = v[lo];
    const double b = v[lo + (hi - lo) / 2];
    const double c = v[hi];
    const double low = a < b ? a : b;
    const double high = a < b ? b : a;

    return c < low ? low : c > high ? high : c;
}

/* v[k] becomes the k-th smallest, what is before it is not larger, what is behind not smaller. */
double hi_series_select(double *v, size_t n, size_t k)
{
    size_t lo = 0;
    size_t hi = n - 1;
    int rounds = 0;

    while (lo < hi) {
        if (++rounds > 128) {
            select_heap_sort(v + lo, hi - lo + 1);
            break;
        }
        const double pivot = select_pivot(v, lo, hi);
        size_t i = lo;
        size_t j = hi;
        for (;;) {
            while (v[i] < pivot) {
                i++;
            }
            while (v[j] > pivot) {
                j--;
            }
            if (i >= j) {
                break;
            }
            select_swap(v, i++, j--);
        }
        /* v[lo..i) <= pivot <= v[i..hi], and if i == j, v[i] is the pivot. */
        const size_t split = i == j ? i : i - 1;
        if (k > split) {
            lo = split + 1;
        } else if (i == j && k == split) {
            break;
        } else {
            hi = i == j ? split - 1 : split;
        }
    }
    return v[k];
}

static double select_min(const double *v, size_t n)
{
    double min = v[0];

    for (size_t i = 1; i < n; i++) {
        min = v[i] < min ? v[i] : min;
    }
    return min;
}

double hi_series_percentile(double *v, size_t n, double percent)
{
    const double h = (double)(n - 1) * percent / 100;
    const size_t k = (size_t)h;
    const double low = hi_series_select(v, n, k);
    const double part = h - (double)k;

    if (k + 1 >= n || part == 0) {
        return low;
    }
    return low + part * (select_min(v + k + 1, n - k - 1) - low);
}

double hi_series_median(double *v, size_t n)
{
    const double high = hi_series_select(v, n, n / 2);
    double low = v[0];

    if (n % 2 == 1) {
        return high;
    }
    for (size_t i = 1; i < n / 2; i++) {
        low = v[i] > low ? v[i] : low;
    }
    return low + (high - low) / 2;
}

/* ---- the normal law ---- */

/* A rational guess (P. Acklam, 2003) for 0 < p < 0.5, good to 1e-9. */
static double outliers_guess(double p)
{
    static const double a[6] = {-3.969683028665376e+01, 2.209460984245205e+02,
                                -2.759285104469687e+02, 1.383577518672690e+02,
                                -3.066479806614716e+01, 2.506628277459239e+00};
    static const double b[5] = {-5.447609879822406e+01, 1.615858368580409e+02,
                                -1.556989798598866e+02, 6.680131188771972e+01,
                                -1.328068155288572e+01};
    static const double c[6] = {-7.784894002430293e-03, -3.223964580411365e-01,
                                -2.400758277161838e+00, -2.549732539343734e+00,
                                4.374664141464968e+00,  2.938163982698783e+00};
    static const double d[4] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                                3.754408661907416e+00};

    if (p < 0.02425) {
        const double q = sqrt(-2 * log(p));
        return (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
               ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
    }
    const double q = p - 0.5;
    const double r = q * q;
    return (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
           (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
}

/* How many standard deviations the percentile (above 50) lies above the mean. */
static double outliers_quantile(double percent)
{
    /* The two that tests use everywhere, as they were published. */
    if (percent == 75) {
        return 0.675;
    }
    if (percent == 90) {
        return 1.29682082;
    }
    const double p = 1 - percent / 100;
    double z = outliers_guess(p);
    /* One step of Newton's method on the complementary error function. */
    z -= (0.5 * erfc(-z / sqrt(2.0)) - p) * sqrt(2 * 3.14159265358979323846) * exp(z * z / 2);
    return -z;
}

/* ---- the test ---- */

typedef struct outliers_fence {
    double low;
    double high;
    double low_factor;
    double high_factor;
    double noise; /* Differences up to here are rounding. */
} outliers_fence;

static double outliers_score(const outliers_fence *f, double x)
{
    const double width = f->high - f->low;
    const double over = x > f->high ? x - f->high : x < f->low ? x - f->low : 0;

    if (over == 0 || isnan(x)) {
        return 0;
    }
    if (width <= f->noise) {
        return fabs(over) <= f->noise ? 0 : copysign((double)INFINITY, over);
    }
    return (over > 0 ? f->high_factor : f->low_factor) * over / width;
}

static bool outliers_counts(const hi_series *s, const double *ignore, size_t i)
{
    if (!hi_series_has(s, i)) {
        return false;
    }
    return ignore == NULL || s->v[i] != *ignore;
}

/* ((X - z75) / (2 z75)) = 1.5 by the choice of X = 2.7. */
static bool outliers_factors(const hi_outliers *o, outliers_fence *f)
{
    const double fence = 2.7;

    if (!(o->low_percent > 0 && o->low_percent < 50 && o->high_percent > 50 &&
          o->high_percent < 100)) {
        return false;
    }
    const double high = outliers_quantile(o->high_percent);
    const double low = outliers_quantile(100 - o->low_percent);
    if (high >= fence || low >= fence) {
        return false;
    }
    f->high_factor = 1.5 * (high + low) / (fence - high);
    f->low_factor = 1.5 * (high + low) / (fence - low);
    return true;
}

/* The values that count into to; the largest of them goes to *scale. */
static size_t outliers_gather(const hi_series *s, const double *ignore, double *to, double *scale)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++) {
        if (outliers_counts(s, ignore, i) && (bool)isfinite(s->v[i])) {
            to[n++] = s->v[i];
            *scale = fabs(s->v[i]) > *scale ? fabs(s->v[i]) : *scale;
        }
    }
    return n;
}

hist_status hi_series_outliers(hi_arena *arena, const hi_series *s, hi_outliers options,
                               double *score, bool *valid)
{
    const hi_arena_mark mark = hi_arena_save(arena);
    outliers_fence f = {0};
    double largest = 0;

    *valid = outliers_factors(&options, &f);
    if (!*valid) {
        return HIST_OK;
    }
    double *sorted = (double *)hi_arena_vector(arena, s->n * sizeof(double));
    if (sorted == NULL) {
        return HIST_ENOMEM;
    }
    memset(score, 0, s->n * sizeof(double));
    const size_t n = outliers_gather(s, options.ignore, sorted, &largest);
    if (n > 0) {
        f.noise = 1e-12 * (options.scale > 0 ? options.scale : largest);
        f.low = hi_series_percentile(sorted, n, options.low_percent);
        f.high = hi_series_percentile(sorted, n, options.high_percent);
        for (size_t i = 0; i < s->n; i++) {
            if (outliers_counts(s, options.ignore, i)) {
                score[i] = outliers_score(&f, s->v[i]);
            }
        }
    }
    hi_arena_rewind(arena, mark);
    return HIST_OK;
}
