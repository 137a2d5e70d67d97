/*
 * series_decompose.c -- season, trend and what is left; see series.h.
 *
 * The season is the median of all training points of the same phase (it carries
 * the level), the trend is the mean or the line of what remains, and the
 * baseline is their sum. Test points are predicted, not learnt from.
 */
#include <math.h>
#include <string.h>

#include "query/series.h"

/* seasonal[n] from the medians over the first `train` points. */
static hist_status decompose_season(hi_arena *arena, const double *v, size_t train, size_t n,
                                    size_t period, double *seasonal)
{
    double *phase = (double *)hi_arena_vector(arena, (train / period + 1) * sizeof(double));

    if (phase == NULL) {
        return HIST_ENOMEM;
    }
    for (size_t p = 0; p < period && p < n; p++) {
        size_t count = 0;

        for (size_t i = p; i < train; i += period) {
            phase[count++] = v[i];
        }
        const double median = count > 0 ? hi_series_median(phase, count) : 0;
        for (size_t i = p; i < n; i += period) {
            seasonal[i] = median;
        }
    }
    return HIST_OK;
}

/* Rounded to whole elements; 0 when there are not two periods to learn from. */
static size_t decompose_given_period(double period, size_t train)
{
    if (!(period >= 1.5 && period <= (double)train / 2)) {
        return 0;
    }
    return (size_t)(period + 0.5) <= train / 2 ? (size_t)(period + 0.5) : train / 2;
}

static hist_status decompose_period(hi_arena *arena, const hi_series *training, double seasonality,
                                    double threshold, size_t *period)
{
    hi_period best;
    size_t found = 0;

    *period = 0;
    if (seasonality >= 0) {
        *period = decompose_given_period(seasonality, training->n);
        return HIST_OK;
    }
    const hist_status status = hi_series_periods(
        arena, training, (hi_period_range){0, (double)training->n, 1}, &best, &found);
    if (status == HIST_OK && found > 0 && best.score >= threshold) {
        *period = (size_t)best.period;
    }
    return status;
}

/* trend[n] from the first `train` elements of rest. */
static void decompose_trend(const double *rest, size_t train, size_t n, hi_trend kind,
                            double *trend)
{
    const hi_series learnt = hi_series_of(rest, train);
    hi_series_line line = {0};

    if (kind == HI_TREND_LINE) {
        line = hi_series_fit_line(&learnt, NULL);
    } else if (kind == HI_TREND_AVG) {
        (void)hi_series_sum(&learnt, &line.interception);
        line.interception /= (double)train;
    }
    for (size_t i = 0; i < n; i++) {
        trend[i] = line.interception + line.slope * (double)(i + 1);
    }
}

static hist_status decompose_parts(hi_arena *arena, const hi_series *s, const hi_decompose *options,
                                   hi_decomposed *out)
{
    const size_t n = s->n;
    const size_t train = n - options->test_points;
    const hi_series training = hi_series_of(s->v, train);
    double *seasonal = HI_NEW_ARRAY(arena, double, n);
    double *trend = HI_NEW_ARRAY(arena, double, n);
    double *rest = HI_NEW_ARRAY(arena, double, n);

    if (seasonal == NULL || trend == NULL || rest == NULL) {
        return HIST_ENOMEM;
    }
    hist_status status =
        decompose_period(arena, &training, options->seasonality, options->threshold, &out->period);
    if (status == HIST_OK && out->period > 0) {
        status = decompose_season(arena, s->v, train, n, out->period, seasonal);
    }
    if (status != HIST_OK) {
        return status;
    }
    for (size_t i = 0; i < n; i++) {
        rest[i] = s->v[i] - seasonal[i];
    }
    decompose_trend(rest, train, n, options->trend, trend);
    for (size_t i = 0; i < n; i++) {
        const double baseline = seasonal[i] + trend[i];

        if (out->baseline != NULL) {
            out->baseline[i] = baseline;
        }
        if (out->residual != NULL) {
            out->residual[i] = s->v[i] - baseline;
        }
    }
    if (out->seasonal != NULL) {
        memcpy(out->seasonal, seasonal, n * sizeof(double));
    }
    if (out->trend != NULL) {
        memcpy(out->trend, trend, n * sizeof(double));
    }
    return HIST_OK;
}

hist_status hi_series_decompose(hi_arena *arena, const hi_series *s, hi_decompose options,
                                hi_decomposed *out)
{
    out->period = 0;
    out->valid = options.test_points < s->n && hi_series_complete(s);
    if (!out->valid) {
        return HIST_OK;
    }
    const hi_arena_mark mark = hi_arena_save(arena);
    const hist_status status = decompose_parts(arena, s, &options, out);
    hi_arena_rewind(arena, mark);
    return status;
}

hist_status hi_series_seasonal(hi_arena *arena, const hi_series *s, double period, double *out,
                               bool *valid)
{
    const hi_arena_mark mark = hi_arena_save(arena);
    size_t length = 0;

    *valid = s->n > 0 && hi_series_complete(s);
    if (!*valid) {
        return HIST_OK;
    }
    memset(out, 0, s->n * sizeof(double));
    hist_status status = decompose_period(arena, s, period, 0.7, &length);
    if (status == HIST_OK && length > 0) {
        status = decompose_season(arena, s->v, s->n, s->n, length, out);
    }
    hi_arena_rewind(arena, mark);
    return status;
}

static double decompose_largest(const hi_series *s)
{
    double largest = 0;

    for (size_t i = 0; i < s->n; i++) {
        largest = fabs(s->v[i]) > largest ? fabs(s->v[i]) : largest;
    }
    return largest;
}

hist_status hi_series_anomalies(hi_arena *arena, const hi_series *s, hi_decompose options,
                                double threshold, bool tukey, hi_anomalies *out)
{
    const hi_arena_mark mark = hi_arena_save(arena);
    double *residual = HI_NEW_ARRAY(arena, double, s->n);
    hi_decomposed parts = {.baseline = out->baseline, .residual = residual};

    out->valid = false;
    if (residual == NULL) {
        return HIST_ENOMEM;
    }
    hist_status status = hi_series_decompose(arena, s, options, &parts);
    if (status == HIST_OK && parts.valid) {
        const hi_series rest = hi_series_of(residual, s->n);
        const hi_outliers test = {.low_percent = tukey ? 25 : 10,
                                  .high_percent = tukey ? 75 : 90,
                                  .scale = decompose_largest(s)};
        status = hi_series_outliers(arena, &rest, test, out->score, &out->valid);
    }
    for (size_t i = 0; status == HIST_OK && out->valid && i < s->n; i++) {
        out->flag[i] = (int8_t)((out->score[i] > threshold) - (out->score[i] < -threshold));
    }
    hi_arena_rewind(arena, mark);
    return status;
}
