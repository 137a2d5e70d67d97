/* test_wide.c -- 128-bit sums: known results, and those of the compiler where it has the type. */
/* cmocka.h wants the four before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/bytes.h"
#include "base/wide.h"

static void expect_double(int64_t high, uint64_t low, double want)
{
    const hi_wide v = {low, high};

    assert_true(hi_bits_of(hi_wide_to_double(v)) == hi_bits_of(want));
    assert_true(high == INT64_MIN ||
                hi_bits_of(hi_wide_to_double(hi_wide_negate(v))) == hi_bits_of(0 - want));
}

static void the_nearest_double_is_taken_and_ties_go_to_even(void **state)
{
    (void)state;
    expect_double(0, 0, 0.0);
    expect_double(0, UINT64_MAX, 0x1p64);
    expect_double(1, 0, 0x1p64);
    expect_double(1, 1 << 11, 0x1p64);                     /* A tie, down to even. */
    expect_double(1, (1 << 11) + 1, 0x1.0000000000001p64); /* Just above it. */
    expect_double(1, 3 << 11, 0x1.0000000000002p64);       /* A tie, up to even. */
    expect_double(INT64_MAX, 0, 0x1p127);
    expect_double(INT64_MIN, 0, -0x1p127);
    expect_double(INT64_C(1) << 52, UINT64_C(1) << 63, 0x1p116); /* A tie again. */
    expect_double(INT64_C(1) << 52, (UINT64_C(1) << 63) + 1, 0x1.0000000000001p116);
}

static void quotients_go_towards_zero(void **state)
{
    (void)state;
    assert_int_equal(hi_wide_quotient(hi_wide_of(7), 2), 3);
    assert_int_equal(hi_wide_quotient(hi_wide_of(-7), 2), -3);
    for (uint32_t n = 1; n < 1025; n += 31) {
        assert_true(hi_wide_quotient(hi_wide_product(INT64_MIN, n), n) == INT64_MIN);
        assert_true(hi_wide_quotient(hi_wide_product(INT64_MAX, n), n) == INT64_MAX);
    }
    assert_true(hi_wide_quotient(hi_wide_product(INT64_MAX, UINT32_MAX), UINT32_MAX) == INT64_MAX);
}

#ifdef __SIZEOF_INT128__
__extension__ typedef __int128 wide;

static uint64_t noise_state;

static uint64_t noise(void)
{
    noise_state = noise_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (noise_state >> 29) ^ (noise_state << 31);
}

static wide native(hi_wide v)
{
    return (wide)v.high * ((wide)1 << 64) + v.low;
}

/* Of every magnitude. */
static int64_t noise_any(void)
{
    const unsigned shift = (unsigned)(noise() >> 13) % 64;

    return (int64_t)noise() >> shift;
}

static void every_operation_is_that_of_the_compiler(void **state)
{
    (void)state;
    for (int i = 0; i < 200000; i++) {
        const int64_t a = noise_any();
        const int64_t b = noise_any();
        const uint64_t low = noise() >> (noise() >> 13) % 64;
        const uint32_t n = (uint32_t)(noise() >> 20) % 1024 + 1;
        const hi_wide sum = hi_wide_join(a >> 10, low);

        assert_true(native(sum) == (wide)(a >> 10) * ((wide)1 << 32) + low);
        assert_true(native(hi_wide_product(b, n)) == (wide)b * n);
        assert_true(native(hi_wide_add(sum, hi_wide_of(b))) == native(sum) + b);
        assert_true(native(hi_wide_subtract(sum, hi_wide_product(b, n))) ==
                    native(sum) - (wide)b * n);
        assert_true(hi_wide_quotient(sum, n) == (int64_t)(native(sum) / n));
        assert_true(hi_bits_of(hi_wide_to_double(sum)) == hi_bits_of((double)native(sum)));
        const hi_wide large = {low, a};
        assert_true(hi_bits_of(hi_wide_to_double(large)) == hi_bits_of((double)native(large)));
    }
}
#endif

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_nearest_double_is_taken_and_ties_go_to_even),
    cmocka_unit_test(quotients_go_towards_zero),
#ifdef __SIZEOF_INT128__
    cmocka_unit_test(every_operation_is_that_of_the_compiler),
#endif
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
