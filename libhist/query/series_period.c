/*
 * series_period.c -- how periodic a series is, and at which lags; see series.h.
 *
 * The measure is our own. The series loses its line, then its extremes (they
 * are clipped to 1.5 robust standard deviations around the median), then its line again; what is
 * left is correlated with itself at every lag by way of a Fourier transform.
 */
#include <math.h>
#include <string.h>

#include "query/series.h"

#define PERIOD_MIN 4

/* Correlation at lags 0 .. lags - 1; none when the series is a line but for rounding. */
typedef struct period_curve {
    double *r;
    size_t lags;
    size_t n;
} period_curve;

static void period_detrend(double *d, size_t n)
{
    const hi_series s = hi_series_of(d, n);
    const hi_series_line line = hi_series_fit_line(&s, NULL);

    for (size_t i = 0; i < n; i++) {
        d[i] -= line.interception + line.slope * (double)(i + 1);
    }
}

static void period_clip(double *d, size_t n, double *scratch)
{
    memcpy(scratch, d, n * sizeof(double));
    const double median = hi_series_median(scratch, n);
    for (size_t i = 0; i < n; i++) {
        scratch[i] = fabs(d[i] - median);
    }
    const double width = 1.5 * 1.4826 * hi_series_median(scratch, n);
    if (!(width > 0)) { /* Most are equal: clipping would leave nothing. */
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const double v = d[i] - median;
        d[i] = median + (v > width ? width : v < -width ? -width : v);
    }
}

static double period_largest(const double *v, size_t n)
{
    double largest = 0;

    for (size_t i = 0; i < n; i++) {
        largest = fabs(v[i]) > largest ? fabs(v[i]) : largest;
    }
    return largest;
}

/*
 * Pearson's correlation of d[0..n-k) and d[k..n): the products come from the transform, means
 * and variances of both windows from running sums. c->r holds the products and gets the result.
 */
static void period_normalize(const double *d, period_curve *c)
{
    double head_sum = 0; /* Over d[0..n-k). */
    double head_squares = 0;
    double tail_sum = 0; /* Over d[k..n). */
    double tail_squares = 0;

    for (size_t i = 0; i < c->n; i++) {
        head_sum += d[i];
        head_squares += d[i] * d[i];
    }
    tail_sum = head_sum;
    tail_squares = head_squares;
    const double least = 1e-12 * head_squares;
    for (size_t k = 0; k < c->lags; k++) {
        const double m = (double)(c->n - k);
        const double head = head_squares - head_sum * head_sum / m;
        const double tail = tail_squares - tail_sum * tail_sum / m;
        const double both = c->r[k] - head_sum * tail_sum / m;

        c->r[k] = head > least && tail > least ? both / sqrt(head * tail) : 0;
        head_sum -= d[c->n - 1 - k];
        head_squares -= d[c->n - 1 - k] * d[c->n - 1 - k];
        tail_sum -= d[k];
        tail_squares -= d[k] * d[k];
    }
}

/* c->lags is 0 when nothing can be found. */
static hist_status period_correlate(hi_arena *arena, const hi_series *s, period_curve *c)
{
    const size_t n = s->n;

    *c = (period_curve){.n = n};
    if (n <= 2 * PERIOD_MIN || !hi_series_complete(s)) {
        return HIST_OK;
    }
    const size_t lags = n / 2 + 3;
    double *d = (double *)hi_arena_vector(arena, n * sizeof(double));
    double *scratch = (double *)hi_arena_vector(arena, n * sizeof(double));
    c->r = (double *)hi_arena_vector(arena, lags * sizeof(double));
    if (d == NULL || scratch == NULL || c->r == NULL) {
        return HIST_ENOMEM;
    }
    memcpy(d, s->v, n * sizeof(double));
    const double noise = 1e-12 * period_largest(d, n);
    period_detrend(d, n);
    if (period_largest(d, n) <= noise) {
        return HIST_OK;
    }
    period_clip(d, n, scratch);
    period_detrend(d, n);
    const hist_status status = hi_series_autocorrelate(arena, d, n, lags, c->r);
    if (status == HIST_OK) {
        c->lags = lags;
        period_normalize(d, c);
    }
    return status;
}

/* 0 when the lag is no period. */
static double period_score(const period_curve *c, size_t k)
{
    if (c->lags == 0 || k < PERIOD_MIN || 2 * k >= c->n) {
        return 0;
    }
    const double *r = c->r;
    if (!(r[k] > 0 && r[k] > r[k - 1] && r[k] > r[k + 1] && r[k] > r[k - 2] && r[k] > r[k + 2])) {
        return 0;
    }
    return r[k] * sqrt(1 - (double)k / (double)c->n);
}

/* Whether `period` is a multiple of a found one, give or take what a blurred peak is off. */
static bool period_is_multiple(const hi_period *found, size_t count, double period)
{
    for (size_t i = 0; i < count; i++) {
        const double base = found[i].period;
        const double times = round(period / base);

        if (times >= 2 && fabs(period - times * base) <= floor(base / 16)) {
            return true;
        }
    }
    return false;
}

/* A heap of candidates, best at the front. */
static void period_sift(hi_period *heap, size_t at, size_t n)
{
    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= n) {
            return;
        }
        child += child + 1 < n && heap[child + 1].score > heap[child].score;
        if (heap[at].score >= heap[child].score) {
            return;
        }
        const hi_period t = heap[at];
        heap[at] = heap[child];
        heap[child] = t;
        at = child;
    }
}

/* The best `count` of the candidates, those that are multiples of a better one left out. */
static size_t period_pick(hi_period *heap, size_t n, hi_period *out, size_t count)
{
    size_t found = 0;

    for (size_t i = n / 2; i-- > 0;) {
        period_sift(heap, i, n);
    }
    while (n > 0 && found < count && found < HI_PERIODS_MAX) {
        if (!period_is_multiple(out, found, heap[0].period)) {
            out[found++] = heap[0];
        }
        heap[0] = heap[--n];
        period_sift(heap, 0, n);
    }
    return found;
}

hist_status hi_series_periods(hi_arena *arena, const hi_series *s, hi_period_range range,
                              hi_period *out, size_t *found)
{
    const hi_arena_mark mark = hi_arena_save(arena);
    period_curve c;

    *found = 0;
    hist_status status = period_correlate(arena, s, &c);
    if (status == HIST_OK && c.lags > 0) {
        hi_period *heap = HI_NEW_ARRAY(arena, hi_period, c.lags);
        size_t n = 0;

        for (size_t k = PERIOD_MIN; heap != NULL && 2 * k < c.n; k++) {
            const double score = period_score(&c, k);
            if (score > 0 && (double)k >= range.min && (double)k <= range.max) {
                heap[n++] = (hi_period){(double)k, score};
            }
        }
        status = heap == NULL ? HIST_ENOMEM : HIST_OK;
        *found = heap == NULL ? 0 : period_pick(heap, n, out, range.count);
    }
    hi_arena_rewind(arena, mark);
    return status;
}

hist_status hi_series_validate(hi_arena *arena, const hi_series *s, const double *periods,
                               size_t count, double *scores)
{
    const hi_arena_mark mark = hi_arena_save(arena);
    period_curve c;
    const hist_status status = period_correlate(arena, s, &c);

    for (size_t i = 0; status == HIST_OK && i < count; i++) {
        const double p = periods[i];
        const bool fits = p >= PERIOD_MIN && p <= (double)s->n / 2;
        scores[i] = fits ? period_score(&c, (size_t)(p + 0.5)) : 0;
    }
    hi_arena_rewind(arena, mark);
    return status;
}
