/* test_agg_kern.c -- the loops of aggregates against plain loops, for every CPU variant. */
/* clang-format off */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
/* clang-format on */

#include "query/agg_kern.h"

enum { ROWS_MAX = 300, ROUNDS = 20 };

static uint64_t next_random(void)
{
    static uint64_t state = 11;
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint32_t variants(const hi_agg_kernels **list)
{
    uint32_t count = 0;

    list[count++] = &hi_agg_kernels_base;
#if defined(__x86_64__)
    if (hi_agg_kernels_get() != &hi_agg_kernels_base) {
        list[count++] = &hi_agg_kernels_avx2;
    }
    if (hi_agg_kernels_get() == &hi_agg_kernels_avx512) {
        list[count++] = &hi_agg_kernels_avx512;
    }
#endif
    return count;
}

static void check_integers(const hi_agg_kernels *k, const int64_t *v, uint32_t n)
{
    uint64_t sum = 0;
    __extension__ __int128 wide = 0;
    int64_t min = v[0];
    int64_t max = v[0];
    uint64_t low;
    int64_t high;

    for (uint32_t i = 0; i < n; i++) {
        sum += (uint64_t)v[i];
        wide += v[i];
        min = v[i] < min ? v[i] : min;
        max = v[i] > max ? v[i] : max;
    }
    assert_true(k->sum_i64(v, n) == sum);
    k->sums_i64(v, n, &low, &high);
    wide -= low;
    assert_true(wide % ((int64_t)1 << 32) == 0 && wide / ((int64_t)1 << 32) == high);
    assert_true(k->min_i64(v, n) == min && k->max_i64(v, n) == max);
}

static void integers_agree_with_plain_loops(void **state)
{
    const hi_agg_kernels *list[3];
    const uint32_t count = variants(list);
    int64_t v[ROWS_MAX];

    (void)state;
    for (uint32_t n = 1; n <= ROWS_MAX; n++) {
        const unsigned shift = (unsigned)(next_random() % 64);

        for (uint32_t i = 0; i < n; i++) {
            v[i] = (int64_t)next_random() >> shift;
        }
        for (uint32_t k = 0; k < count; k++) {
            check_integers(list[k], v, n);
        }
    }
}

static void check_reals(const hi_agg_kernels *k, const double *v, uint32_t n)
{
    double lanes[HI_SUM_LANES] = {1, -2, 0.1, 0};
    double sums[HI_SUM_LANES] = {1, -2, 0.1, 0};
    const double from = v[n / 2];
    double min = from;
    double max = from;
    double got = from;
    bool nan = false;

    for (uint32_t i = 0; i < n / HI_SUM_LANES * HI_SUM_LANES; i++) {
        sums[i % HI_SUM_LANES] += v[i];
    }
    k->sum_f64(v, n / HI_SUM_LANES * HI_SUM_LANES, lanes);
    for (int l = 0; l < HI_SUM_LANES; l++) {
        assert_true(memcmp(&lanes[l], &sums[l], sizeof(double)) == 0 ||
                    (isnan(lanes[l]) && isnan(sums[l])));
    }
    for (uint32_t i = 0; i < n; i++) {
        nan |= isnan(v[i]);
        min = v[i] < min ? v[i] : min;
        max = v[i] > max ? v[i] : max;
    }
    assert_true(k->min_f64(v, n, &got) == !nan);
    assert_true(nan ? memcmp(&got, &from, sizeof(got)) == 0 : got == min);
    got = from;
    assert_true(k->max_f64(v, n, &got) == !nan);
    assert_true(nan ? memcmp(&got, &from, sizeof(got)) == 0 : got == max);
}

static void reals_agree_with_plain_loops(void **state)
{
    static const double odd[] = {NAN, INFINITY, -INFINITY, -0.0, 0.0};
    const hi_agg_kernels *list[3];
    const uint32_t count = variants(list);
    double v[ROWS_MAX];

    (void)state;
    for (uint32_t n = 1; n <= ROWS_MAX; n++) {
        for (int round = 0; round < ROUNDS; round++) {
            for (uint32_t i = 0; i < n; i++) {
                v[i] = (double)(int64_t)next_random() / 7e15;
                if (round % 4 != 0 && next_random() % 100 == 0) {
                    v[i] = odd[next_random() % (round % 4 == 1 ? 5 : 4) + (round % 4 == 1 ? 0 : 1)];
                }
            }
            for (uint32_t k = 0; k < count; k++) {
                check_reals(list[k], v, n);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_agree_with_plain_loops),
        cmocka_unit_test(reals_agree_with_plain_loops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
