/* test_series.c -- numbers, filling, filters, transforms and fits of series, against recorded and slow answers. */
#include "tests/support/series_near.h"

/* ---- numbers ---- */

static void stats_are_those_recorded(void **state)
{
    (void)state;
    static const double v[] = {23, 46, 23, 87, 4, 8, 3, 75, 2, 56, 13, 75, 32, 16, 29};
    const hi_series s = hi_series_of(v, COUNT(v));
    const hi_series_stats r = hi_series_stats_of(&s, false);

    assert_true(r.valid);
    assert_true(r.min == 2 && r.min_idx == 8 && r.max == 87 && r.max_idx == 3);
    assert_true(r.avg == 32.8 && r.sum == 492 && r.len == 15);
    test_near(r.stdev, 28.50363385354827, 1e-15);
    test_near(r.variance, 812.4571428571429, 1e-15);
}

static void stats_of_few_and_of_missing_values(void **state)
{
    (void)state;
    static const double v[] = {NIL, 5, (double)INFINITY, 3, 5};
    uint64_t bits[1];
    const hi_series empty = hi_series_of(v, 0);
    const hi_series one = hi_series_of(v + 1, 1);
    const hi_series s = test_nulls(v, COUNT(v), bits);
    const hi_series nan = hi_series_of(v, 2);

    assert_false(hi_series_stats_of(&empty, false).valid);
    assert_false(hi_series_stats_of(&empty, true).valid);
    hi_series_stats r = hi_series_stats_of(&one, false);
    assert_true(r.valid && r.avg == 5 && r.variance == 0 && r.stdev == 0);
    assert_false(hi_series_stats_of(&s, false).valid);
    assert_false(hi_series_stats_of(&nan, false).valid);
    r = hi_series_stats_of(&s, true);
    assert_true(r.valid && r.len == 3 && r.min_idx == 3 && r.max_idx == 1 && r.sum == 13);
}

static void variance_survives_a_large_level(void **state)
{
    (void)state;
    double v[1000];
    const hi_series s = hi_series_of(v, COUNT(v));

    for (size_t i = 0; i < COUNT(v); i++) {
        v[i] = 1e9 + (double)(i % 2);
    }
    test_near(hi_series_stats_of(&s, false).variance, 0.25 * 1000 / 999, 1e-9);
}

static void sums_products_and_similarities_are_those_recorded(void **state)
{
    (void)state;
    static const double a[] = {1, 2, 3, 4};
    static const double b[] = {.1, .2, .1, .2};
    static const double c[] = {.11, .2, .11, .21};
    static const double d[] = {1, 2, 3, 4, 5};
    static const double e[] = {2, 4, 6, 8, 10};
    const hi_series sa = hi_series_of(a, 4);
    const hi_series sb = hi_series_of(b, 4);
    const hi_series sc = hi_series_of(c, 4);
    const hi_series sd = hi_series_of(d, 5);
    const hi_series se = hi_series_of(e, 5);
    double r = 0;

    assert_true(hi_series_sum(&sa, &r) && r == 10);
    assert_true(hi_series_product(&sa, &r) && r == 24);
    assert_true(hi_series_magnitude(&sa, &r) && r == 5.477225575051661);
    assert_true(hi_series_dot(&sa, &sa, &r) && r == 30);
    assert_true(hi_series_pearson(&sd, &se, &r) && r == 0.9999999999999998);
    assert_true(hi_series_cosine(&sb, &sc, &r));
    test_near(r, 0.9993534382550399, 1e-15);
    assert_true(hi_series_cosine(&sb, &sa, &r));
    test_near(r, 0.9237604307034012, 1e-15);
    assert_false(hi_series_dot(&sa, &sd, &r));
    assert_false(hi_series_pearson(&sa, &sd, &r));
}

/* ---- filling ---- */

static const double fill_gaps[] = {NIL, 111.0, NIL,  36.0, 41.0, NIL,
                                   NIL, 16.0,  61.0, 33.0, NIL,  NIL};

static void test_fill(hi_fill_linear options, const double *v, const double *want, size_t n)
{
    uint64_t bits[1];
    uint64_t missing[1];
    uint64_t valid[1];
    double out[12];
    const hi_series s = test_nulls(v, n, bits);

    (void)hi_series_missing(&s, NULL, missing);
    hi_series_fill_linear(&s, missing, options, out, valid);
    test_with_nulls(out, valid, want, n);
}

static void linear_fill_is_that_recorded(void **state)
{
    (void)state;
    static const double all[] = {111, 111, 73.5, 36, 41, 32.66666666666667, 24.333333333333336,
                                 16,  61,  33,   33, 33};
    static const double inner[] = {NIL, 111, 73.5, 36,  41, 32.66666666666667, 24.333333333333336,
                                   16,  61,  33,   NIL, NIL};
    static const double whole[] = {111, 111, 73, 36, 41, 32, 24, 16, 61, 33, 33, 33};
    static const double none[] = {NIL, NIL, NIL};
    static const double pi[] = {3.14159, 3.14159, 3.14159};

    test_fill((hi_fill_linear){.edges = true}, fill_gaps, all, 12);
    test_fill((hi_fill_linear){.edges = false}, fill_gaps, inner, 12);
    test_fill((hi_fill_linear){.edges = true, .integers = true}, fill_gaps, whole, 12);
    test_fill((hi_fill_linear){.edges = true, .constant = 3.14159}, none, pi, 3);
    test_fill((hi_fill_linear){.edges = true, .constant_null = true}, none, none, 3);
    test_fill((hi_fill_linear){.edges = true}, none, none, 0);
}

static void forward_and_backward_fill_leave_the_far_edge(void **state)
{
    (void)state;
    static const int64_t forward[] = {-1, 1, 1, 3, 4, 4, 4, 7, 8, 9, 9, 9};
    static const int64_t backward[] = {1, 1, 3, 3, 4, 7, 7, 7, 8, 9, -1, -1};
    uint64_t bits[1];
    uint64_t missing[1];
    int64_t from[12];
    const hi_series s = test_nulls(fill_gaps, 12, bits);

    assert_int_equal(hi_series_missing(&s, NULL, missing), 6);
    hi_series_fill_from(missing, 12, true, from);
    assert_memory_equal(from, forward, sizeof(from));
    hi_series_fill_from(missing, 12, false, from);
    assert_memory_equal(from, backward, sizeof(from));
}

static void placeholders_are_missing_values(void **state)
{
    (void)state;
    static const double v[] = {0, 1, NIL, 0};
    const hi_series s = hi_series_of(v, 4);
    const double zero = 0;
    const double nan = NIL;
    uint64_t missing[1];

    assert_int_equal(hi_series_missing(&s, &zero, missing), 2);
    assert_int_equal(missing[0], 9);
    assert_int_equal(hi_series_missing(&s, &nan, missing), 1);
    assert_int_equal(hi_series_missing(&s, NULL, missing), 0);
}

/* ---- filters ---- */

static bool test_fir(const hi_series *s, const hi_series *f, hi_fir options, double *out,
                     uint64_t *valid, bool *normalized)
{
    const bool ok = hi_series_fir(s, f, &options, out, valid);

    *normalized = options.normalized;
    return ok;
}

static void fir_is_that_recorded(void **state)
{
    (void)state;
    static const double v[] = {0,   0,  0,  0,  0, 0, 0, 0, 0, 10, 20, 40,
                               100, 40, 20, 10, 0, 0, 0, 0, 0, 0,  0,  0};
    static const double want[] = {0,  0,  0,  0,  0,  0,  0, 0, 0, 2, 6, 14,
                                  34, 42, 44, 42, 34, 14, 6, 2, 0, 0, 0, 0};
    static const double ones[] = {1, 1, 1, 1, 1};
    static const double steps[] = {0, 0, 0, 0, 2, 2, 2, 2, 3, 3, 3, 3};
    static const double diffs[] = {0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0};
    static const double diff[] = {1, -1};
    const hi_series s = hi_series_of(v, 24);
    const hi_series f = hi_series_of(ones, 5);
    const hi_series s2 = hi_series_of(steps, 12);
    const hi_series f2 = hi_series_of(diff, 2);
    double out[24];
    uint64_t valid[1];
    bool normalized = false;

    assert_true(test_fir(&s, &f, (hi_fir){HI_FIR_DEFAULT, false, false}, out, valid, &normalized));
    assert_true(normalized);
    test_all_near(out, want, 24, 0);
    assert_true(test_fir(&s, &f, (hi_fir){HI_FIR_YES, true, false}, out, valid, &normalized));
    test_all_near(out, want + 2, 22, 0);
    assert_true(out[22] == 0 && out[23] == 0);
    assert_true(
        test_fir(&s2, &f2, (hi_fir){HI_FIR_DEFAULT, false, false}, out, valid, &normalized));
    assert_false(normalized);
    test_all_near(out, diffs, 12, 0);
    assert_false(test_fir(&s2, &f2, (hi_fir){HI_FIR_YES, false, false}, out, valid, &normalized));
}

static void fir_agrees_with_its_definition_and_spreads_nulls(void **state)
{
    (void)state;
    uint64_t seed = 3;

    for (int round = 0; round < 2000; round++) {
        const size_t n = (size_t)(test_random(&seed) * 30);
        const size_t length = 1 + (size_t)(test_random(&seed) * 12);
        const bool center = test_random(&seed) < 0.5;
        const ptrdiff_t shift = center ? (ptrdiff_t)(length - 1) / 2 : 0;
        double v[32];
        double f[16];
        double out[32];
        double want[32];
        uint64_t bits[1] = {0};
        uint64_t valid[1] = {0};
        bool normalized = false;

        for (size_t i = 0; i < n; i++) {
            v[i] = test_random(&seed) < 0.1 ? NIL : floor(test_random(&seed) * 100);
        }
        for (size_t k = 0; k < length; k++) {
            f[k] = floor(test_random(&seed) * 9) - 4;
        }
        for (size_t i = 0; i < n; i++) {
            want[i] = 0;
            for (size_t k = 0; k < length; k++) {
                const ptrdiff_t at = (ptrdiff_t)i - (ptrdiff_t)k + shift;
                want[i] += at < 0 || at >= (ptrdiff_t)n ? 0 : f[k] * v[at];
            }
        }
        const hi_series s = test_nulls(v, n, bits);
        const hi_series filter = hi_series_of(f, length);
        assert_true(
            test_fir(&s, &filter, (hi_fir){HI_FIR_NO, center, false}, out, valid, &normalized));
        test_with_nulls(out, valid, want, n);
    }
}

static void iir_sums_up_and_stops_at_a_null(void **state)
{
    (void)state;
    static const double v[] = {10, 30, 0, NIL, 5};
    static const double one[] = {1};
    static const double a[] = {1, -1};
    static const double two[] = {2};
    static const double want[] = {10, 40, 40, NIL, NIL};
    static const double halves[] = {5, 15, 0, NIL, NIL};
    const hi_series fb = hi_series_of(one, 1);
    const hi_series fa = hi_series_of(a, 2);
    const hi_series f2 = hi_series_of(two, 1);
    const hi_series none = hi_series_of(one, 0);
    uint64_t bits[1];
    uint64_t valid[1];
    double out[5];
    const hi_series s = test_nulls(v, 5, bits);

    assert_true(hi_series_iir(&s, &fb, &fa, out, valid));
    test_with_nulls(out, valid, want, 5);
    assert_true(hi_series_iir(&s, &fb, &f2, out, valid));
    test_with_nulls(out, valid, halves, 5);
    assert_false(hi_series_iir(&s, &fb, &none, out, valid));
}

/* ---- Fourier ---- */

static void fft_of_any_length_agrees_with_the_sum(void **state)
{
    test_series *t = (test_series *)*state;
    uint64_t seed = 4;
    double re[70];
    double im[70];
    double fr[70];
    double fi[70];

    for (size_t n = 0; n < 70; n++) {
        for (size_t i = 0; i < n; i++) {
            re[i] = test_random(&seed) - 0.5;
            im[i] = test_random(&seed) - 0.5;
            fr[i] = re[i];
            fi[i] = im[i];
        }
        assert_int_equal(hi_series_fft(&t->arena, fr, fi, n, false), HIST_OK);
        for (size_t k = 0; k < n; k++) {
            double r = 0;
            double m = 0;
            for (size_t i = 0; i < n; i++) {
                const double angle = -2 * 3.14159265358979323846 * (double)(k * i % n) / (double)n;
                r += re[i] * cos(angle) - im[i] * sin(angle);
                m += re[i] * sin(angle) + im[i] * cos(angle);
            }
            test_near(fr[k], r, 1e-12);
            test_near(fi[k], m, 1e-12);
        }
        assert_int_equal(hi_series_fft(&t->arena, fr, fi, n, true), HIST_OK);
        test_all_near(fr, re, n, 1e-14);
        test_all_near(fi, im, n, 1e-14);
    }
}

static void autocorrelation_agrees_with_the_sum(void **state)
{
    test_series *t = (test_series *)*state;
    uint64_t seed = 5;
    double v[300];
    double out[300];

    for (size_t n = 1; n < 300; n += 7) {
        const size_t lags = 1 + (size_t)(test_random(&seed) * (double)(n - 1));

        for (size_t i = 0; i < n; i++) {
            v[i] = test_random(&seed) - 0.3;
        }
        assert_int_equal(hi_series_autocorrelate(&t->arena, v, n, lags, out), HIST_OK);
        for (size_t k = 0; k < lags; k++) {
            double sum = 0;
            for (size_t i = 0; i + k < n; i++) {
                sum += v[i] * v[i + k];
            }
            test_near(out[k], sum, 1e-13);
        }
    }
}

/* ---- fits ---- */

static void line_fit_is_that_recorded(void **state)
{
    (void)state;
    static const double v[] = {2, 5, 6, 8, 11, 15, 17, 18, 25, 26, 30, 30};
    static const double want[] = {1.0641025641025592, 3.7948717948717903, 6.525641025641022,
                                  9.256410256410252,  11.987179487179482, 14.717948717948715,
                                  17.448717948717945, 20.179487179487175, 22.910256410256405,
                                  25.641025641025635, 28.37179487179487,  31.102564102564102};
    const hi_series s = hi_series_of(v, 12);
    const double four[] = {1, 2, 4, 8};
    const hi_series s4 = hi_series_of(four, 4);
    double fit[12];
    const hi_series_line r = hi_series_fit_line(&s, fit);

    assert_true(r.valid);
    test_near(r.rsquare, 0.982900730884447, 1e-14);
    test_near(r.slope, 2.730769230769231, 1e-14);
    test_near(r.variance, 98.62878787878789, 1e-14);
    test_near(r.rvariance, 1.686480186480187, 1e-13);
    test_near(r.interception, -1.6666666666666716, 1e-14);
    test_all_near(fit, want, 12, 1e-14);
    test_near(hi_series_fit_line(&s4, NULL).rsquare, 0.92, 1e-14);
}

static void line_fit_of_little_data(void **state)
{
    (void)state;
    static const double v[] = {7, 7, NIL};
    const hi_series empty = hi_series_of(v, 0);
    const hi_series one = hi_series_of(v, 1);
    const hi_series flat = hi_series_of(v, 2);
    const hi_series nan = hi_series_of(v, 3);

    assert_false(hi_series_fit_line(&empty, NULL).valid);
    assert_false(hi_series_fit_line(&nan, NULL).valid);
    assert_true(hi_series_fit_line(&one, NULL).interception == 7);
    const hi_series_line r = hi_series_fit_line(&flat, NULL);
    assert_true(r.valid && r.slope == 0 && r.rsquare == 1 && r.variance == 0);
}

static void two_lines_split_where_recorded(void **state)
{
    test_series *t = (test_series *)*state;
    static const double v[] = {1, 2.2, 2.5, 4.7, 5, 12, 10.3, 10.3, 9, 8.3, 6.2};
    static const double want[] = {0.98,
                                  2.03,
                                  3.08,
                                  4.13,
                                  5.18,
                                  11.942857142857143,
                                  10.905714285714286,
                                  9.868571428571428,
                                  8.831428571428571,
                                  7.794285714285714,
                                  6.757142857142857};
    const hi_series s = hi_series_of(v, 11);
    double fit[11];
    hi_series_lines r;

    assert_int_equal(hi_series_fit_2lines(&t->arena, &s, fit, &r), HIST_OK);
    assert_true(r.valid && r.split == 5);
    test_all_near(fit, want, 11, 1e-14);
    test_near(r.left.slope, 1.05, 1e-13);
    test_near(r.right.slope, -1.0371428571428571, 1e-13);
    assert_true(r.rsquare > 0.9 && r.rsquare < 1);
    const hi_series three = hi_series_of(v, 3);
    assert_int_equal(hi_series_fit_2lines(&t->arena, &three, fit, &r), HIST_OK);
    assert_false(r.valid);
}

static void two_lines_are_the_best_of_all_splits(void **state)
{
    test_series *t = (test_series *)*state;
    uint64_t seed = 6;
    double v[40];

    for (int round = 0; round < 200; round++) {
        const size_t n = 4 + (size_t)(test_random(&seed) * 30);
        const hi_series s = hi_series_of(v, n);
        hi_series_lines r;
        double best = (double)INFINITY;

        for (size_t i = 0; i < n; i++) {
            v[i] = 1000 + test_random(&seed) * 10 + (i > n / 3 ? 20 : 0);
        }
        assert_int_equal(hi_series_fit_2lines(&t->arena, &s, NULL, &r), HIST_OK);
        for (size_t k = 2; k + 2 <= n; k++) {
            const hi_series left = hi_series_of(v, k);
            const hi_series right = hi_series_of(v + k, n - k);
            const double error = hi_series_fit_line(&left, NULL).rvariance * (double)(k - 1) +
                                 hi_series_fit_line(&right, NULL).rvariance * (double)(n - k - 1);
            best = fmin(best, error);
        }
        test_near(r.rvariance * (double)(n - 1), best, 1e-9);
    }
}

static void polynomials_are_found_again(void **state)
{
    test_series *t = (test_series *)*state;
    double v[50];
    double x[50];
    double fit[50];
    hi_series_poly r;
    const hi_series s = hi_series_of(v, 50);
    const hi_series sx = hi_series_of(x, 50);

    for (size_t i = 0; i < 50; i++) {
        const double k = (double)(i + 1);
        v[i] = 3 * k * k * k - 2 * k * k + 5;
    }
    assert_int_equal(hi_series_fit_poly(&t->arena, &s, NULL, 3, fit, &r), HIST_OK);
    assert_true(r.valid);
    const double want[] = {3, -2, 0, 5};
    test_all_near(r.coefficients, want, 4, 1e-7);
    test_all_near(fit, v, 50, 1e-10);
    test_near(r.rsquare, 1, 1e-12);
    for (size_t i = 0; i < 50; i++) {
        x[i] = (double)i / 10 - 2;
        v[i] = -x[i] * x[i] + 0.5 * x[i];
    }
    assert_int_equal(hi_series_fit_poly(&t->arena, &s, &sx, 2, fit, &r), HIST_OK);
    const double want2[] = {-1, 0.5, 0};
    test_all_near(r.coefficients, want2, 3, 1e-12);
}

static void polynomial_of_degree_one_is_the_line(void **state)
{
    test_series *t = (test_series *)*state;
    static const double v[] = {2, 5, 6, 8, 11, 15, 17, 18, 25, 26, 30, 30};
    const hi_series s = hi_series_of(v, 12);
    const hi_series_line line = hi_series_fit_line(&s, NULL);
    hi_series_poly r;

    assert_int_equal(hi_series_fit_poly(&t->arena, &s, NULL, 1, NULL, &r), HIST_OK);
    test_near(r.coefficients[0], line.slope, 1e-14);
    test_near(r.coefficients[1], line.interception, 1e-13);
    test_near(r.rsquare, line.rsquare, 1e-14);
    test_near(r.rvariance, line.rvariance, 1e-13);
    assert_int_equal(hi_series_fit_poly(&t->arena, &s, NULL, 12, NULL, &r), HIST_OK);
    assert_false(r.valid);
    assert_int_equal(hi_series_fit_poly(&t->arena, &s, &s, 11, NULL, &r), HIST_OK);
    assert_false(r.valid); /* x has the value 30 twice. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stats_are_those_recorded),
        TEST(stats_of_few_and_of_missing_values),
        TEST(variance_survives_a_large_level),
        TEST(sums_products_and_similarities_are_those_recorded),
        TEST(linear_fill_is_that_recorded),
        TEST(forward_and_backward_fill_leave_the_far_edge),
        TEST(placeholders_are_missing_values),
        TEST(fir_is_that_recorded),
        TEST(fir_agrees_with_its_definition_and_spreads_nulls),
        TEST(iir_sums_up_and_stops_at_a_null),
        TEST(fft_of_any_length_agrees_with_the_sum),
        TEST(autocorrelation_agrees_with_the_sum),
        TEST(line_fit_is_that_recorded),
        TEST(line_fit_of_little_data),
        TEST(two_lines_split_where_recorded),
        TEST(two_lines_are_the_best_of_all_splits),
        TEST(polynomials_are_found_again),
        TEST(polynomial_of_degree_one_is_the_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
