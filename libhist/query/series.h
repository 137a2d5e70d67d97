/*
 * series.h -- the arithmetic of the series functions over arrays of doubles.
 *
 * A series is n values with an optional bitmap: bit i % 64 of word i / 64 is set
 * when element i has a value (NULL: all have one); what v holds at the others
 * does not matter. NaN and infinities are values. Who calls reads the array out
 * of the batch and puts integers back where the language keeps integers.
 *
 * Functions that have no answer (an element is null or not finite, too few
 * points) say so with `valid` false in their result and leave the rest alone.
 * Outputs are given by the caller, scratch comes from an arena and is given
 * back; the only failure is HIST_ENOMEM. Nothing depends on threads or locale.
 */
#ifndef HI_SERIES_H
#define HI_SERIES_H

#include <stdbool.h>

#include "hist_error.h"

#include "base/arena.h"

typedef struct hi_series {
    const double *v;
    const uint64_t *valid; /* NULL: every element has a value. */
    size_t n;
} hi_series;

static inline hi_series hi_series_of(const double *v, size_t n)
{
    return (hi_series){v, NULL, n};
}
static inline bool hi_series_has(const hi_series *s, size_t i)
{
    return s->valid == NULL || ((s->valid[i >> 6] >> (i & 63)) & 1) != 0;
}
/* Words of a bitmap for n elements. */
static inline size_t hi_series_words(size_t n)
{
    return (n + 63) / 64;
}
/* Whether every element has a finite value. */
bool hi_series_complete(const hi_series *s);

/* ---- numbers (series_stats.c) ---- */

typedef struct hi_series_stats {
    bool valid; /* false: empty, or an element is null or not finite and these do not count out. */
    double min;
    double max;
    double avg;
    double stdev; /* Sample; 0 for one element. */
    double variance;
    double sum;
    int64_t min_idx; /* First on ties. */
    int64_t max_idx;
    int64_t len; /* Elements that counted. */
} hi_series_stats;

hi_series_stats hi_series_stats_of(const hi_series *s, bool ignore_nonfinite);
/* Nulls make these invalid; an empty series has sum 0, product 1, magnitude 0. */
bool hi_series_sum(const hi_series *s, double *out);
bool hi_series_product(const hi_series *s, double *out);
bool hi_series_magnitude(const hi_series *s, double *out);
/* Of two series of the same length; false when they differ in length or have nulls. */
bool hi_series_dot(const hi_series *a, const hi_series *b, double *out);
bool hi_series_pearson(const hi_series *a, const hi_series *b, double *out);
bool hi_series_cosine(const hi_series *a, const hi_series *b, double *out);

/* ---- missing values (series_fill.c) ---- */

/*
 * missing (hi_series_words(n) words) gets a bit for each element that is null or equals the
 * placeholder (NULL: none; a NaN placeholder means NaN). Returns how many.
 */
size_t hi_series_missing(const hi_series *s, const double *placeholder, uint64_t *missing);
/* from[i]: the element to copy to i, or -1 when there is none before (after) it. Any element type. */
void hi_series_fill_from(const uint64_t *missing, size_t n, bool forward, int64_t *from);
typedef struct hi_fill_linear {
    bool edges;    /* Fill before the first and after the last value. */
    bool integers; /* Cut what is computed to integers. */
    bool constant_null;
    double constant; /* For a series of missing values only. */
} hi_fill_linear;
/* out[n]; valid_out (hi_series_words(n) words) says which elements have a value afterwards. */
void hi_series_fill_linear(const hi_series *s, const uint64_t *missing, hi_fill_linear options,
                           double *out, uint64_t *valid_out);

/* ---- filters (series_filter.c) ---- */

typedef enum hi_fir_normalize {
    HI_FIR_DEFAULT, /* Normalise unless a coefficient is negative. */
    HI_FIR_YES,     /* With a negative coefficient there is no answer. */
    HI_FIR_NO,
} hi_fir_normalize;

typedef struct hi_fir {
    hi_fir_normalize normalize;
    bool center;     /* Shift the result left by half of the filter's length. */
    bool normalized; /* Result: whether it was divided by the sum of the filter. */
} hi_fir;

/*
 * y[i] = sum of f[k] * x[i - k], zero outside; out[n]. An element whose window holds a null is null:
 * valid_out, hi_series_words(n) words. false: no answer (nulls in the filter, an empty filter,
 * negatives with HI_FIR_YES).
 */
bool hi_series_fir(const hi_series *s, const hi_series *filter, hi_fir *options, double *out,
                   uint64_t *valid_out);
/* y[i] = (sum b[k] x[i-k] - sum a[k>=1] y[i-k]) / a[0]; from the first null on all is null. */
bool hi_series_iir(const hi_series *s, const hi_series *b, const hi_series *a, double *out,
                   uint64_t *valid_out);

/* ---- Fourier (series_fft.c) ---- */

/*
 * In place: the sum of x[t] e^(-2 pi i k t / n) over t for each k (inverse: e^+, divided by n); any n,
 * O(n log n). im must be given: zeroes for a real series.
 */
hist_status hi_series_fft(hi_arena *arena, double *re, double *im, size_t n, bool inverse);
/* out[k] = sum of x[i] * x[i + k] for k < lags <= n. */
hist_status hi_series_autocorrelate(hi_arena *arena, const double *x, size_t n, size_t lags,
                                    double *out);

/* ---- fits (series_fit.c) ---- */

typedef struct hi_series_line {
    bool valid;     /* false: empty, or an element is null or not finite. */
    double rsquare; /* 1 for a constant series. */
    double slope;
    double variance;     /* Of y, sample. */
    double rvariance;    /* Of the residuals, over n - 1. */
    double interception; /* At x = 0 where the first element is x = 1. */
} hi_series_line;

/* fit[n] gets the line (NULL: not wanted). */
hi_series_line hi_series_fit_line(const hi_series *s, double *fit);

typedef struct hi_series_lines {
    bool valid; /* false: fewer than 4 points too. */
    double rsquare;
    double variance;
    double rvariance;
    int64_t split; /* First element of the right line. */
    hi_series_line left;
    hi_series_line right;
} hi_series_lines;

hist_status hi_series_fit_2lines(hi_arena *arena, const hi_series *s, double *fit,
                                 hi_series_lines *out);

#define HI_SERIES_DEGREE_MAX 16

typedef struct hi_series_poly {
    bool valid; /* false: not more points than the degree, or equal x. */
    double rsquare;
    double variance;
    double rvariance;
    double coefficients[HI_SERIES_DEGREE_MAX + 1]; /* Highest power first, degree + 1 of them. */
} hi_series_poly;

/* x NULL: 1..n. 1 <= degree <= HI_SERIES_DEGREE_MAX. */
hist_status hi_series_fit_poly(hi_arena *arena, const hi_series *y, const hi_series *x, int degree,
                               double *fit, hi_series_poly *out);

/* ---- outliers (series_outliers.c) ---- */

/* The k-th smallest (from 0) of v[n]; reorders v. No NaN. */
double hi_series_select(double *v, size_t n, size_t k);
/* Linear interpolation at h = (n - 1) * percent / 100; reorders v. No NaN, n > 0. */
double hi_series_percentile(double *v, size_t n, double percent);
/* Mean of the middle two when n is even; reorders v. n > 0. */
double hi_series_median(double *v, size_t n);

typedef struct hi_outliers {
    double low_percent; /* 10 and 90 for 'ctukey', 25 and 75 for 'tukey'. */
    double high_percent;
    const double *ignore; /* Elements equal to it score 0 and do not count; NULL: none. */
    double scale;         /* Differences below 1e-12 of it are rounding; 0: the largest |x|. */
} hi_outliers;

/*
 * score[n]. Nulls, NaN and ignored values score 0. When the percentiles coincide, everything but
 * that value scores +-infinity. *valid false: 0 <= low < 50 < high <= 100 does not hold, or a
 * percentile is so far out that the test has no scale (beyond 0.35 and 99.65).
 */
hist_status hi_series_outliers(hi_arena *arena, const hi_series *s, hi_outliers options,
                               double *score, bool *valid);

/* ---- periods (series_period.c) ---- */

/*
 * Our own measure of how periodic a series is at a lag: the series without its line and with
 * its extremes clipped is correlated with itself; a lag counts when it is a local maximum, 4 <= lag <
 * n / 2; the score is the correlation times sqrt(1 - lag / n).
 */
typedef struct hi_period {
    double period; /* In elements. */
    double score;
} hi_period;

typedef struct hi_period_range {
    double min;
    double max;
    size_t count; /* Most to find; never more than HI_PERIODS_MAX are. */
} hi_period_range;

#define HI_PERIODS_MAX 256

/*
 * Best first; out has room for min(count, HI_PERIODS_MAX), *found are written. Multiples of a better
 * shorter period are left out.
 */
hist_status hi_series_periods(hi_arena *arena, const hi_series *s, hi_period_range range,
                              hi_period *out, size_t *found);
/* scores[count] of given periods; 0 where there is none. */
hist_status hi_series_validate(hi_arena *arena, const hi_series *s, const double *periods,
                               size_t count, double *scores);

/* ---- decomposition (series_decompose.c) ---- */

typedef enum hi_trend {
    HI_TREND_AVG,
    HI_TREND_LINE,
    HI_TREND_NONE,
} hi_trend;

typedef struct hi_decompose {
    double seasonality; /* -1: find it; 0: none; else the period in elements. */
    hi_trend trend;
    size_t test_points; /* The last points that take no part in learning. */
    double threshold;   /* Score that a found period needs; 0.6 is usual. */
} hi_decompose;

/* Each of n elements, given by the caller; NULL: not wanted. */
typedef struct hi_decomposed {
    double *baseline;
    double *seasonal;
    double *trend;
    double *residual;
    size_t period; /* Result: 0 when there is no season. */
    bool
        valid; /* Result: false when an element is null or not finite, or none is left to learn from. */
} hi_decomposed;

hist_status hi_series_decompose(hi_arena *arena, const hi_series *s, hi_decompose options,
                                hi_decomposed *out);
/* series_seasonal(): period -1 finds one with a score of 0.7 or more; out is all 0 without one. */
hist_status hi_series_seasonal(hi_arena *arena, const hi_series *s, double period, double *out,
                               bool *valid);

typedef struct hi_anomalies {
    double *score; /* n each, given by the caller. */
    double *baseline;
    int8_t *flag; /* 1 above the threshold, -1 below its negative. */
    bool valid;   /* Result. */
} hi_anomalies;

hist_status hi_series_anomalies(hi_arena *arena, const hi_series *s, hi_decompose options,
                                double threshold, bool tukey, hi_anomalies *out);

#endif
