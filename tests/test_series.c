/* test_series.c -- the arithmetic of the series functions, against recorded and slow answers. */
/* clang-format off */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
/* clang-format on */

#include "base/dyn.h"
#include "query/series.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NIL          ((double)NAN)

typedef struct test_series {
    hi_mem mem;
    hi_arena arena;
} test_series;

static int test_setup(void **state)
{
    test_series *t = (test_series *)calloc(1, sizeof(*t));

    if (t == NULL) {
        return -1;
    }
    hi_mem_init(&t->mem, NULL, NULL, 0);
    hi_arena_init(&t->arena, &t->mem);
    *state = t;
    return 0;
}

static int test_teardown(void **state)
{
    test_series *t = (test_series *)*state;

    hi_arena_free(&t->arena);
    const bool leaked = t->mem.used != 0;
    free(t);
    return leaked ? -1 : 0;
}

static double test_random(uint64_t *seed)
{
    uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static void test_near(double got, double want, double tolerance)
{
    if (isinf(want) ? got != want : !(fabs(got - want) <= tolerance * fmax(1, fabs(want)))) {
        print_error("got %.17g, want %.17g\n", got, want);
        fail();
    }
}

static void test_all_near(const double *got, const double *want, size_t n, double tolerance)
{
    for (size_t i = 0; i < n; i++) {
        if (!(fabs(got[i] - want[i]) <= tolerance * fmax(1, fabs(want[i])))) {
            print_error("element %zu: got %.17g, want %.17g\n", i, got[i], want[i]);
            fail();
        }
    }
}

/* A series in which NaN stands for null. */
static hi_series test_nulls(const double *v, size_t n, uint64_t *bits)
{
    memset(bits, 0, hi_series_words(n) * sizeof(*bits));
    for (size_t i = 0; i < n; i++) {
        if (!isnan(v[i])) {
            bits[i / 64] |= UINT64_C(1) << (i % 64);
        }
    }
    return (hi_series){v, bits, n};
}

static bool test_bit(const uint64_t *bits, size_t i)
{
    return ((bits[i / 64] >> (i % 64)) & 1) != 0;
}

/* got has a value exactly where want is not NaN, and that value. */
static void test_with_nulls(const double *got, const uint64_t *valid, const double *want, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(test_bit(valid, i), !isnan(want[i]));
        if (!isnan(want[i])) {
            test_near(got[i], want[i], 0);
        }
    }
}

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)

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
        TEST(selection_agrees_with_sorting),
        TEST(outlier_scores_are_those_recorded),
        TEST(tukey_scores_are_distances_in_widths),
        TEST(nulls_ignored_and_equal_values_score_zero),
        TEST(week_in_half_days_is_found),
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
