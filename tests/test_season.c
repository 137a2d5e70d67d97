/* test_season.c -- outliers, periods and decomposition of series, against recorded answers. */
#include <stdio.h>

#include "base/dyn.h"
#include "tests/support/series_near.h"

/* ---- outliers ---- */

static int test_by_value(const void *pa, const void *pb)
{
    const double a = *(const double *)pa;
    const double b = *(const double *)pb;

    return (a > b) - (a < b);
}

static void selection_agrees_with_sorting(void **state)
{
    (void)state;
    uint64_t seed = 7;

    for (int round = 0; round < 3000; round++) {
        const size_t n = 1 + (size_t)(test_random(&seed) * 60);
        const double values = round % 3 == 0 ? 3 : 1000;
        double v[64];
        double sorted[64];

        for (size_t i = 0; i < n; i++) {
            v[i] = floor(test_random(&seed) * values);
            if (round % 5 == 0) {
                v[i] = (double)(i % 7 < 4 ? i : n - i);
            }
            sorted[i] = v[i];
        }
        qsort(sorted, n, sizeof(double), test_by_value);
        const size_t k = (size_t)(test_random(&seed) * (double)n);
        assert_true(hi_series_select(v, n, k) == sorted[k]);
        for (size_t i = 0; i < n; i++) {
            assert_true(i < k ? v[i] <= sorted[k] : v[i] >= sorted[k]);
        }
        const double percent = floor(test_random(&seed) * 101);
        const double h = (double)(n - 1) * percent / 100;
        const size_t at = (size_t)h;
        const double next = at + 1 < n ? sorted[at + 1] : sorted[at];
        test_near(hi_series_percentile(v, n, percent),
                  sorted[at] + (h - (double)at) * (next - sorted[at]), 0);
        test_near(hi_series_median(v, n), (sorted[(n - 1) / 2] + sorted[n / 2]) / 2, 1e-15);
    }
}

static void outlier_scores_are_those_recorded(void **state)
{
    test_series *t = (test_series *)*state;
    static const double v[] = {-3, 2.4, 15, 3.9, 5, 6, 4.5, 5.2, 3, 4, 5, 16, 7, 5, 5, 4};
    static const double want[] = {-1.9040785483608571,
                                  -0.10021466044004519,
                                  1.3361954725339347,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  1.6702443406674186,
                                  0,
                                  0,
                                  0,
                                  0};
    const hi_series s = hi_series_of(v, 16);
    double score[16];
    bool valid = false;

    assert_int_equal(hi_series_outliers(&t->arena, &s,
                                        (hi_outliers){.low_percent = 10, .high_percent = 90}, score,
                                        &valid),
                     HIST_OK);
    assert_true(valid);
    test_all_near(score, want, 16, 1e-15);
}

static void tukey_scores_are_distances_in_widths(void **state)
{
    test_series *t = (test_series *)*state;
    static const double v[] = {0, 1, 2, 3, 4, 10};
    const hi_series s = hi_series_of(v, 6);
    double score[6];
    bool valid = false;

    /* Quartiles 1.25 and 3.75. */
    assert_int_equal(hi_series_outliers(&t->arena, &s,
                                        (hi_outliers){.low_percent = 25, .high_percent = 75}, score,
                                        &valid),
                     HIST_OK);
    test_near(score[5], 6.25 / 2.5, 1e-14);
    test_near(score[0], -1.25 / 2.5, 1e-14);
    /* The exact quantile of another percentile: z(95) = 1.6448536269514722. */
    assert_int_equal(hi_series_outliers(&t->arena, &s,
                                        (hi_outliers){.low_percent = 5, .high_percent = 95}, score,
                                        &valid),
                     HIST_OK);
    const double factor = 3 * 1.6448536269514722 / (2.7 - 1.6448536269514722);
    test_near(score[5], factor * (10 - 8.5) / (8.5 - 0.25), 1e-12);
    assert_int_equal(hi_series_outliers(&t->arena, &s,
                                        (hi_outliers){.low_percent = 60, .high_percent = 90}, score,
                                        &valid),
                     HIST_OK);
    assert_false(valid);
    assert_int_equal(hi_series_outliers(&t->arena, &s,
                                        (hi_outliers){.low_percent = 0.1, .high_percent = 99.9},
                                        score, &valid),
                     HIST_OK);
    assert_false(valid);
}

static void nulls_ignored_and_equal_values_score_zero(void **state)
{
    test_series *t = (test_series *)*state;
    static const double v[] = {5, NIL, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, -1, 99};
    static const double want[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, 1};
    uint64_t bits[1];
    const hi_series s = test_nulls(v, 14, bits);
    const double minus = -1;
    double score[14];
    bool valid = false;
    hi_outliers options = {.low_percent = 10, .high_percent = 90};

    assert_int_equal(hi_series_outliers(&t->arena, &s, options, score, &valid), HIST_OK);
    for (size_t i = 0; i < 14; i++) {
        test_near(score[i], want[i] == 0 ? 0 : want[i] * (double)INFINITY, 0);
    }
    options.ignore = &minus;
    assert_int_equal(hi_series_outliers(&t->arena, &s, options, score, &valid), HIST_OK);
    assert_true(score[12] == 0 && isinf(score[13]));
    const hi_series empty = hi_series_of(v, 0);
    assert_int_equal(hi_series_outliers(&t->arena, &empty, options, score, &valid), HIST_OK);
    assert_true(valid);
}

/* ---- periods ---- */

static const double period_docs[] = {80, 139, 87,  110, 68,  54,  50,  51,  53,  133, 86,  141,
                                     97, 156, 94,  149, 95,  140, 77,  61,  50,  54,  47,  133,
                                     72, 152, 94,  148, 105, 162, 101, 160, 87,  63,  53,  55,
                                     54, 151, 103, 189, 108, 183, 113, 175, 113, 178, 90,  71,
                                     62, 62,  65,  165, 109, 181, 115, 182, 121, 178, 114, 170};

static void week_in_half_days_is_found(void **state)
{
    test_series *t = (test_series *)*state;
    const hi_series s = hi_series_of(period_docs, 60);
    const double asked[] = {14, 10, 3, 40, -1, NIL};
    double scores[6];
    hi_period found[2];
    size_t count = 0;

    assert_int_equal(hi_series_periods(&t->arena, &s, (hi_period_range){0, 50, 2}, found, &count),
                     HIST_OK);
    assert_int_equal(count, 1); /* 28 is a multiple. */
    assert_true(found[0].period == 14 && found[0].score > 0.83 && found[0].score < 0.86);
    assert_int_equal(hi_series_validate(&t->arena, &s, asked, 6, scores), HIST_OK);
    assert_true(scores[0] == found[0].score);
    for (size_t i = 1; i < 6; i++) {
        assert_true(scores[i] == 0);
    }
    assert_int_equal(hi_series_periods(&t->arena, &s, (hi_period_range){15, 50, 2}, found, &count),
                     HIST_OK);
    assert_true(count >= 1 && found[0].period == 28);
}

static void a_period_must_fit_more_than_twice(void **state)
{
    test_series *t = (test_series *)*state;
    double v[41];
    double scores[1];
    const double asked[] = {20};
    hi_series s = hi_series_of(v, 40);

    for (size_t i = 0; i < 41; i++) {
        v[i] = fabs((double)(i % 20) - 9) + (i % 20 == 3 ? 4 : 0);
    }
    assert_int_equal(hi_series_validate(&t->arena, &s, asked, 1, scores), HIST_OK);
    assert_true(scores[0] == 0);
    s.n = 41;
    assert_int_equal(hi_series_validate(&t->arena, &s, asked, 1, scores), HIST_OK);
    assert_true(scores[0] > 0.5);
}

static void season_is_that_recorded(void **state)
{
    test_series *t = (test_series *)*state;
    static const double six[] = {2, 5, 3, 4, 3, 2, 1, 2, 3, 4, 3, 2, 1,
                                 2, 3, 4, 3, 2, 1, 2, 3, 4, 3, 2, 1};
    static const double want6[] = {1, 2, 3, 4, 3, 2};
    static const double five[] = {8,  12, 14, 12, 10, 10, 12, 14, 12, 10,
                                  10, 12, 14, 12, 10, 10, 12, 14, 12, 10};
    static const double want5[] = {10, 12, 14, 12, 10};
    static const double twelve[] = {1, 3, 5, 2, 4, 6, 1, 3, 5, 2, 4, 6};
    static const double nine[] = {1, 3, 5, 1, 3, 5, 2, 4, 6};
    double out[25];
    bool valid = false;
    hi_series s = hi_series_of(six, 25);

    assert_int_equal(hi_series_seasonal(&t->arena, &s, -1, out, &valid), HIST_OK);
    for (size_t i = 0; i < 25; i++) {
        test_near(out[i], want6[i % 6], 0);
    }
    s = hi_series_of(five, 20);
    assert_int_equal(hi_series_seasonal(&t->arena, &s, -1, out, &valid), HIST_OK);
    for (size_t i = 0; i < 20; i++) {
        test_near(out[i], want5[i % 5], 0);
    }
    s = hi_series_of(twelve, 12);
    assert_int_equal(hi_series_seasonal(&t->arena, &s, -1, out, &valid), HIST_OK);
    for (size_t i = 0; i < 12; i++) {
        assert_true(out[i] == 0); /* Too short to be sure. */
    }
    assert_int_equal(hi_series_seasonal(&t->arena, &s, 3, out, &valid), HIST_OK);
    for (size_t i = 0; i < 12; i++) {
        assert_true(out[i] == 1.5 + 2 * (double)(i % 3));
    }
    s = hi_series_of(nine, 9);
    assert_int_equal(hi_series_seasonal(&t->arena, &s, 3, out, &valid), HIST_OK);
    for (size_t i = 0; i < 9; i++) {
        assert_true(out[i] == 1 + 2 * (double)(i % 3));
    }
}

static void series_without_a_season_have_none(void **state)
{
    test_series *t = (test_series *)*state;
    double v[500];
    uint64_t seed = 8;
    hi_period found[4];
    size_t count = 0;
    const hi_series s = hi_series_of(v, 500);
    const hi_series empty = hi_series_of(v, 0);
    const hi_series few = hi_series_of(v, 8);

    for (size_t i = 0; i < 500; i++) {
        v[i] = 20.1;
    }
    assert_int_equal(hi_series_periods(&t->arena, &s, (hi_period_range){0, 500, 4}, found, &count),
                     HIST_OK);
    assert_int_equal(count, 0);
    for (size_t i = 0; i < 500; i++) {
        v[i] = 0.1 * (double)i + 7;
    }
    assert_int_equal(hi_series_periods(&t->arena, &s, (hi_period_range){0, 500, 4}, found, &count),
                     HIST_OK);
    assert_int_equal(count, 0);
    for (size_t i = 0; i < 500; i++) {
        v[i] = test_random(&seed);
    }
    assert_int_equal(hi_series_periods(&t->arena, &s, (hi_period_range){0, 500, 1}, found, &count),
                     HIST_OK);
    assert_true(count == 0 || found[0].score < 0.4);
    assert_int_equal(
        hi_series_periods(&t->arena, &empty, (hi_period_range){0, 500, 4}, found, &count), HIST_OK);
    assert_int_equal(count, 0);
    assert_int_equal(
        hi_series_periods(&t->arena, &few, (hi_period_range){0, 500, 4}, found, &count), HIST_OK);
    assert_int_equal(count, 0);
}

/* ---- decomposition ---- */

/* Season of 24 over a slope, with noise and one spike. */
static void test_make(double *v, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        v[i] = 50 + 0.02 * (double)i +
               10 * sin(2 * 3.14159265358979323846 * (double)(i % 24) / 24) +
               0.2 * (test_random(&seed) - 0.5);
    }
}

static void decomposition_adds_up(void **state)
{
    test_series *t = (test_series *)*state;
    double v[480];
    double baseline[480];
    double seasonal[480];
    double trend[480];
    double residual[480];
    hi_decomposed r = {baseline, seasonal, trend, residual, 0, false};
    const hi_series s = hi_series_of(v, 480);

    test_make(v, 480, 9);
    for (int kind = HI_TREND_AVG; kind <= HI_TREND_NONE; kind++) {
        const hi_decompose options = {.seasonality = -1, .trend = (hi_trend)kind, .threshold = 0.6};

        assert_int_equal(hi_series_decompose(&t->arena, &s, options, &r), HIST_OK);
        assert_true(r.valid && r.period == 24);
        for (size_t i = 0; i < 480; i++) {
            assert_true(baseline[i] == seasonal[i] + trend[i] && residual[i] == v[i] - baseline[i]);
            assert_true(i < 24 || seasonal[i] == seasonal[i - 24]);
        }
    }
    assert_true(trend[100] == 0);
}

static void test_points_are_predicted_not_learnt(void **state)
{
    test_series *t = (test_series *)*state;
    double v[480];
    double full[480];
    double again[480];
    hi_decomposed r = {.baseline = full};
    const hi_series s = hi_series_of(v, 480);
    const hi_decompose options = {
        .seasonality = -1, .trend = HI_TREND_LINE, .test_points = 48, .threshold = 0.6};

    test_make(v, 480, 10);
    assert_int_equal(hi_series_decompose(&t->arena, &s, options, &r), HIST_OK);
    assert_true(r.valid && r.period == 24);
    for (size_t i = 432; i < 480; i++) {
        assert_true(fabs(full[i] - v[i]) < 1);
        v[i] = -1e6;
    }
    r.baseline = again;
    assert_int_equal(hi_series_decompose(&t->arena, &s, options, &r), HIST_OK);
    assert_memory_equal(full, again, sizeof(full));
}

static void decomposition_of_little_or_damaged_data(void **state)
{
    test_series *t = (test_series *)*state;
    static const double v[] = {3, 3, 3, NIL};
    double baseline[4];
    hi_decomposed r = {.baseline = baseline};
    hi_decompose options = {.seasonality = -1, .threshold = 0.6};
    hi_series s = hi_series_of(v, 0);

    assert_int_equal(hi_series_decompose(&t->arena, &s, options, &r), HIST_OK);
    assert_false(r.valid);
    s = hi_series_of(v, 4);
    assert_int_equal(hi_series_decompose(&t->arena, &s, options, &r), HIST_OK);
    assert_false(r.valid);
    s = hi_series_of(v, 1);
    assert_int_equal(hi_series_decompose(&t->arena, &s, options, &r), HIST_OK);
    assert_true(r.valid && baseline[0] == 3);
    s = hi_series_of(v, 3);
    options.seasonality = 2; /* Not two periods. */
    assert_int_equal(hi_series_decompose(&t->arena, &s, options, &r), HIST_OK);
    assert_true(r.valid && r.period == 0 && baseline[2] == 3);
    options.test_points = 3;
    assert_int_equal(hi_series_decompose(&t->arena, &s, options, &r), HIST_OK);
    assert_false(r.valid);
}

static void spikes_are_flagged_and_rounding_is_not(void **state)
{
    test_series *t = (test_series *)*state;
    double v[240];
    double score[240];
    double baseline[240];
    int8_t flag[240];
    hi_anomalies r = {.score = score, .baseline = baseline, .flag = flag};
    const hi_series s = hi_series_of(v, 240);
    const hi_decompose options = {.seasonality = 24, .trend = HI_TREND_AVG, .threshold = 0.6};

    test_make(v, 240, 11);
    for (size_t i = 0; i < 240; i++) {
        v[i] -= 0.02 * (double)i;
    }
    v[100] += 8;
    v[200] -= 8;
    assert_int_equal(hi_series_anomalies(&t->arena, &s, options, 3, false, &r), HIST_OK);
    assert_true(r.valid);
    for (size_t i = 0; i < 240; i++) {
        assert_int_equal(flag[i], i == 100 ? 1 : i == 200 ? -1 : 0);
    }
    for (size_t i = 0; i < 240; i++) {
        v[i] = 0.1 * (double)(i % 24) + 1e-14 * (double)(i % 5 == 0);
    }
    assert_int_equal(hi_series_anomalies(&t->arena, &s, options, 1.5, false, &r), HIST_OK);
    for (size_t i = 0; i < 240; i++) {
        assert_int_equal(flag[i], 0);
    }
}

static void no_memory_is_reported(void **state)
{
    (void)state;
    double v[480];
    double baseline[480];
    double score[480];
    int8_t flag[480];
    const hi_series s = hi_series_of(v, 480);
    const hi_decompose options = {.seasonality = -1, .trend = HI_TREND_LINE, .threshold = 0.6};
    int failed = 0;

    test_make(v, 480, 12);
    for (uint64_t limit = 1; limit < 300000; limit += 4001) {
        hi_mem mem;
        hi_arena arena;
        hi_anomalies r = {.score = score, .baseline = baseline, .flag = flag};

        hi_mem_init(&mem, NULL, NULL, limit);
        hi_arena_init(&arena, &mem);
        const hist_status status = hi_series_anomalies(&arena, &s, options, 1.5, false, &r);
        assert_true(status == HIST_OK || status == HIST_ENOMEM);
        failed += status == HIST_ENOMEM;
        hi_arena_free(&arena);
        assert_int_equal(mem.used, 0);
    }
    assert_true(failed > 0);
}

/* ---- a recorded run ---- */

/* The file of recorded answers, or NULL. */
static FILE *test_recorded(void)
{
    char path[4096];
    const char *root = getenv("HIST_SHARED");

    (void)snprintf(path, sizeof(path), "%s/conformance/kql.jsonl",
                   root == NULL ? "../shared" : root);
    return fopen(path, "re");
}

static hi_dyn test_get(hi_dyn v, const char *key)
{
    return hi_dyn_get(v, key, strlen(key));
}

/* Numbers of an array into out; returns how many. */
static size_t test_numbers(hi_dyn array, double *out, size_t max)
{
    size_t n = 0;

    for (hi_dyn_iter it = hi_dyn_iter_of(array); n < max && hi_dyn_next(&it); n++) {
        assert_true(hi_dyn_number(it.value, &out[n]));
    }
    return n;
}

static void test_recorded_run(test_series *t, hi_dyn item, hi_buf *input)
{
    static double v[2000];
    static double want_flag[2000];
    static double want_score[2000];
    static double want_baseline[2000];
    static double score[2000];
    static double baseline[2000];
    static int8_t flag[2000];
    const hist_str query = hi_dyn_str(test_get(item, "query"));
    const char *open = (const char *)memchr(query.data, '[', query.size);
    const char *shut = (const char *)memchr(query.data, ']', query.size);
    const hi_dyn row = hi_dyn_at(test_get(item, "rows"), 0);
    hi_anomalies r = {.score = score, .baseline = baseline, .flag = flag};

    assert_non_null(open);
    assert_non_null(shut);
    assert_int_equal(hi_dyn_from_json(input, open, (size_t)(shut + 1 - open), NULL), HIST_OK);
    const size_t n = test_numbers(hi_dyn_of(input->data, input->size), v, 2000);
    assert_int_equal(test_numbers(hi_dyn_at(row, 0), want_flag, 2000), n);
    (void)test_numbers(hi_dyn_at(row, 1), want_score, 2000);
    (void)test_numbers(hi_dyn_at(row, 2), want_baseline, 2000);
    const hi_series s = hi_series_of(v, n);
    const hi_decompose options = {.seasonality = -1, .trend = HI_TREND_LINE, .threshold = 0.6};
    assert_int_equal(hi_series_anomalies(&t->arena, &s, options, 2.5, false, &r), HIST_OK);
    assert_true(r.valid);
    test_all_near(baseline, want_baseline, n, 1e-13);
    test_all_near(score, want_score, n, 1e-12);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(flag[i], (int)want_flag[i]);
    }
}

static void recorded_anomalies_are_found_again(void **state)
{
    test_series *t = (test_series *)*state;
    FILE *file = test_recorded();
    char *line = NULL;
    size_t capacity = 0;
    hi_buf json;
    hi_buf input;
    int runs = 0;

    if (file == NULL) {
        print_message("skipped: no recorded answers in ../shared/conformance (or HIST_SHARED)\n");
        skip();
    }
    hi_buf_init(&json, &t->mem, SIZE_MAX);
    hi_buf_init(&input, &t->mem, SIZE_MAX);
    for (ssize_t size = 0; (size = getline(&line, &capacity, file)) > 0;) {
        if (strstr(line, "series_decompose_anomalies(y, 2.5, -1, 'linefit')") == NULL) {
            continue;
        }
        hi_buf_clear(&json);
        hi_buf_clear(&input);
        assert_int_equal(hi_dyn_from_json(&json, line, (size_t)size, NULL), HIST_OK);
        test_recorded_run(t, hi_dyn_of(json.data, json.size), &input);
        runs++;
    }
    free(line);
    (void)fclose(file);
    hi_buf_free(&json);
    hi_buf_free(&input);
    assert_true(runs > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(selection_agrees_with_sorting),
        TEST(outlier_scores_are_those_recorded),
        TEST(tukey_scores_are_distances_in_widths),
        TEST(nulls_ignored_and_equal_values_score_zero),
        TEST(week_in_half_days_is_found),
        TEST(a_period_must_fit_more_than_twice),
        TEST(season_is_that_recorded),
        TEST(series_without_a_season_have_none),
        TEST(decomposition_adds_up),
        TEST(test_points_are_predicted_not_learnt),
        TEST(decomposition_of_little_or_damaged_data),
        TEST(spikes_are_flagged_and_rounding_is_not),
        TEST(no_memory_is_reported),
        TEST(recorded_anomalies_are_found_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
