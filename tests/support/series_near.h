/* series_near.h -- what the tests of series functions share: an arena, nulls, comparison with a tolerance. */
#ifndef TESTS_SERIES_NEAR_H
#define TESTS_SERIES_NEAR_H

/* clang-format off */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
/* clang-format on */

#include "query/series.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NIL          ((double)NAN)

typedef struct test_series {
    hi_mem mem;
    hi_arena arena;
} test_series;

static inline int test_setup(void **state)
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

static inline int test_teardown(void **state)
{
    test_series *t = (test_series *)*state;

    hi_arena_free(&t->arena);
    const bool leaked = t->mem.used != 0;
    free(t);
    return leaked ? -1 : 0;
}

static inline double test_random(uint64_t *seed)
{
    uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static inline void test_near(double got, double want, double tolerance)
{
    if (isinf(want) ? got != want : !(fabs(got - want) <= tolerance * fmax(1, fabs(want)))) {
        print_error("got %.17g, want %.17g\n", got, want);
        fail();
    }
}

static inline void test_all_near(const double *got, const double *want, size_t n, double tolerance)
{
    for (size_t i = 0; i < n; i++) {
        if (!(fabs(got[i] - want[i]) <= tolerance * fmax(1, fabs(want[i])))) {
            print_error("element %zu: got %.17g, want %.17g\n", i, got[i], want[i]);
            fail();
        }
    }
}

/* A series in which NaN stands for null. */
static inline hi_series test_nulls(const double *v, size_t n, uint64_t *bits)
{
    memset(bits, 0, hi_series_words(n) * sizeof(*bits));
    for (size_t i = 0; i < n; i++) {
        if (!isnan(v[i])) {
            bits[i / 64] |= UINT64_C(1) << (i % 64);
        }
    }
    return (hi_series){v, bits, n};
}

static inline bool test_bit(const uint64_t *bits, size_t i)
{
    return ((bits[i / 64] >> (i % 64)) & 1) != 0;
}

/* got has a value exactly where want is not NaN, and that value. */
static inline void test_with_nulls(const double *got, const uint64_t *valid, const double *want,
                                   size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(test_bit(valid, i), !isnan(want[i]));
        if (!isnan(want[i])) {
            test_near(got[i], want[i], 0);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)

#endif
