/* test_num.c -- numbers as text and back, against printf and strtod. */
/* clang-format off */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
/* clang-format on */

#include "base/bytes.h"
#include "base/num.h"
#include "base/num_pow10.h"

static uint64_t test_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int test_rounds(int usual)
{
    return getenv("HIST_LONG") != NULL ? usual * 50 : usual;
}

static void test_prints(double v, const char *want)
{
    char text[HI_NUM_DOUBLE_SIZE + 1] = {0};

    text[hi_num_print_double(text, v)] = '\0';
    assert_string_equal(text, want);
}

static void real_text_is_plain_with_a_fraction(void **state)
{
    (void)state;
    test_prints(1.0, "1.0");
    test_prints(100000000000.0, "100000000000.0");
    test_prints(-0.0, "-0.0");
    test_prints(0.0, "0.0");
    test_prints(-3.25, "-3.25");
    test_prints(0.1 + 0.2, "0.30000000000000004");
    test_prints(0.0001, "0.0001");
    test_prints(0.00012345678901234567, "0.00012345678901234567");
    test_prints(9007199254740992.0, "9007199254740992.0");
    test_prints(123.456, "123.456");
    test_prints(5.477225575051661, "5.477225575051661");
}

static void real_text_is_scientific_outside_of_the_plain_range(void **state)
{
    (void)state;
    test_prints(1e16, "1e+16");
    test_prints(1e20, "1e+20");
    test_prints(9.223372036854775807e18, "9.223372036854776e+18");
    test_prints(1e-5, "1e-05");
    test_prints(1.5e-7, "1.5e-07");
    test_prints(5e-324, "5e-324");
    test_prints(2.2250738585072014e-308, "2.2250738585072014e-308");
    test_prints(1.7976931348623157e308, "1.7976931348623157e+308");
    test_prints(1e23, "1e+23");
    test_prints(9007199254740992e4, "9.007199254740992e+19");
    test_prints((double)NAN, "NaN");
    test_prints(-(double)INFINITY, "-inf");
    test_prints((double)INFINITY, "inf");
}

static int test_significant(const char *text)
{
    int count = 0;
    int zeros = 0;
    bool started = false;

    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text < '0' || *text > '9') {
            continue;
        }
        started = started || *text != '0';
        if (started && *text == '0') {
            zeros++;
        } else if (started) {
            count += zeros + 1;
            zeros = 0;
        }
    }
    return count;
}

/* The fewest digits of %.{1..17}g that read back. */
static int test_fewest(double v)
{
    char text[64];

    for (int digits = 1; digits < 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v) {
            return test_significant(text);
        }
    }
    return 17;
}

static void test_round_trip(double v, bool shortest)
{
    char text[HI_NUM_DOUBLE_SIZE + 8] = {0};
    double back = 0;
    const size_t size = hi_num_print_double(text, v);

    text[size] = '\0';
    assert_true(size <= HI_NUM_DOUBLE_SIZE);
    if (hi_bits_of(strtod(text, NULL)) != hi_bits_of(v)) {
        print_error("%a printed as %s\n", v, text);
        fail();
    }
    assert_true(hi_num_parse_double(text, size, &back));
    if (hi_bits_of(back) != hi_bits_of(v)) {
        print_error("%a printed as %s read as %a\n", v, text, back);
        fail();
    }
    if (shortest && test_significant(text) > test_fewest(v)) {
        print_error("%a printed as %s, not shortest\n", v, text);
        fail();
    }
}

static void every_double_reads_back_to_the_same_bits(void **state)
{
    (void)state;
    uint64_t seed = 1;

    for (int i = 0; i < test_rounds(400000); i++) {
        const double v = hi_double_of(test_next(&seed));

        if (isfinite(v)) {
            test_round_trip(v, i % 8 == 0);
        }
    }
}

static void sensor_like_doubles_read_back_and_are_short(void **state)
{
    (void)state;
    uint64_t seed = 2;

    for (int i = 0; i < test_rounds(200000); i++) {
        const uint64_t r = test_next(&seed);
        const double n = (double)(int64_t)(r >> (12 + r % 40));
        double v = n;

        for (uint64_t k = (r >> 6) % 12; k > 0; k--) {
            v /= 10;
        }
        test_round_trip(v, i % 8 == 0);
    }
}

static void every_power_of_two_and_its_neighbours_read_back(void **state)
{
    (void)state;
    for (int e = -1074; e <= 1023; e++) {
        const double v = ldexp(1.0, e);

        test_round_trip(v, true);
        test_round_trip(nextafter(v, 0), true);
        if (e < 1023) {
            test_round_trip(nextafter(v, (double)INFINITY), true);
        }
    }
}

static void test_reads(const char *text)
{
    double v = 0;

    assert_true(hi_num_parse_double(text, strlen(text), &v));
    if (hi_bits_of(v) != hi_bits_of(strtod(text, NULL))) {
        print_error("%s read as %a, is %a\n", text, v, strtod(text, NULL));
        fail();
    }
}

static void hard_texts_are_rounded_correctly(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "-0",
        "1",
        "1.",
        ".5",
        "+.5e1",
        "00001.5000",
        "1e22",
        "1e23",
        "9007199254740993",
        "9007199254740992.9999999999999999999999",
        "9007199254740993.0000000000000000000000001",
        "2.4703282292062327208e-324",
        "2.4703282292062328e-324",
        "2.4703282292062327e-324",
        "4.9406564584124654e-324",
        "2.2250738585072011e-308",
        "2.2250738585072012e-308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "1e309",
        "1e-400",
        "1e99999999999999",
        "0e99999999999999",
        "1e-99999999999999",
        "7.2057594037927933e16",
        "6.631236871469758276785396630275967e-4",
        "3.237883913302901289588352412501532174863e-66",
        "8.533e+68",
        "179769313486231580793e289",
        "0.000000000000000000000000000000000000000000000000000000000000000123456789012345678901234567890",
        "123456789012345678901234567890123456789012345678901234567890",
        "100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000e-50",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        test_reads(texts[i]);
    }
}

/* Exactly half way between two doubles, and one digit to either side far behind. */
static void ties_go_to_even_however_many_digits_follow(void **state)
{
    (void)state;
    uint64_t seed = 3;
    char text[1400];

    for (int i = 0; i < test_rounds(3000); i++) {
        const double v = fabs(hi_double_of(test_next(&seed) >> (i % 8 == 0 ? 12 : 0)));

        if (!isfinite(v) || v > 1e308) {
            continue;
        }
        /* long double has 64 bits of mantissa here, so the midpoint is exact. */
        const long double mid = ((long double)v + (long double)nextafter(v, (double)INFINITY)) / 2;
        int size = snprintf(text, sizeof(text) - 2, "%.1100Le", mid);

        assert_in_range(size, 1, (int)sizeof(text) - 3);
        test_reads(text);
        char *e = strchr(text, 'e');
        char tail[16];
        (void)snprintf(tail, sizeof(tail), "%s", e);
        (void)snprintf(e, 32, "1%s", tail);
        test_reads(text);
    }
}

static void random_decimal_texts_read_as_strtod_reads_them(void **state)
{
    (void)state;
    uint64_t seed = 4;
    char text[128];

    for (int i = 0; i < test_rounds(300000); i++) {
        const uint64_t a = test_next(&seed);
        const uint64_t b = test_next(&seed);
        const int e = (int)(b % 700) - 350;

        switch (i % 4) {
        case 0:
            (void)snprintf(text, sizeof(text), "%llu.%llue%d", (unsigned long long)(a >> (b % 64)),
                           (unsigned long long)(b >> 20), e);
            break;
        case 1:
            (void)snprintf(text, sizeof(text), "%llue%d", (unsigned long long)a, e);
            break;
        case 2:
            (void)snprintf(text, sizeof(text), "-%llu%llu%llue%d", (unsigned long long)a,
                           (unsigned long long)b, (unsigned long long)a, e - 40);
            break;
        default:
            (void)snprintf(text, sizeof(text), "0.%0*llu", (int)(b % 60),
                           (unsigned long long)(a >> (b % 60)));
            break;
        }
        test_reads(text);
    }
}

static void text_that_is_no_number_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",     "+",   "-",   ".",    "e5",   "1e",  "1e+",
                                        "1.5x", " 1",  "1 ",  "0x10", "inf",  "nan", "1..2",
                                        "1e5.", "--1", "+-1", "1,5",  "1_000"};
    double v = 0;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_false(hi_num_parse_double(texts[i], strlen(texts[i]), &v));
    }
}

static void integers_print_as_printf_prints_them(void **state)
{
    (void)state;
    uint64_t seed = 5;
    char want[32];
    char text[32];

    for (int i = 0; i < test_rounds(200000); i++) {
        const uint64_t r = test_next(&seed) >> (i % 64);
        int64_t back = 0;
        uint64_t uback = 0;

        (void)snprintf(want, sizeof(want), "%lld", (long long)(int64_t)(0 - r));
        text[hi_num_print_i64(text, (int64_t)(0 - r))] = '\0';
        assert_string_equal(text, want);
        assert_true(hi_num_parse_i64(text, strlen(text), &back) && back == (int64_t)(0 - r));
        (void)snprintf(want, sizeof(want), "%llu", (unsigned long long)r);
        text[hi_num_print_u64(text, r)] = '\0';
        assert_string_equal(text, want);
        assert_true(hi_num_parse_u64(text, strlen(text), &uback) && uback == r);
    }
    text[hi_num_print_u64(text, 0)] = '\0';
    assert_string_equal(text, "0");
}

static void integers_at_powers_of_ten_have_the_right_length(void **state)
{
    (void)state;
    char want[32];
    char text[32];
    uint64_t p = 1;

    for (int k = 0; k < 20; k++) {
        for (int d = -1; d <= 1; d++) {
            const uint64_t v = d < 0 ? p - 1 : p + (uint64_t)d;

            (void)snprintf(want, sizeof(want), "%llu", (unsigned long long)v);
            text[hi_num_print_u64(text, v)] = '\0';
            assert_string_equal(text, want);
        }
        p *= 10;
    }
}

static void integers_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    int64_t i = 0;
    uint64_t u = 0;

    assert_true(hi_num_parse_i64("-9223372036854775808", 20, &i) && i == INT64_MIN);
    assert_true(hi_num_parse_i64("+9223372036854775807", 20, &i) && i == INT64_MAX);
    assert_false(hi_num_parse_i64("9223372036854775808", 19, &i));
    assert_false(hi_num_parse_i64("-9223372036854775809", 20, &i));
    assert_true(hi_num_parse_u64("18446744073709551615", 20, &u) && u == UINT64_MAX);
    assert_false(hi_num_parse_u64("18446744073709551616", 20, &u));
    assert_false(hi_num_parse_u64("99999999999999999999", 20, &u));
    assert_false(hi_num_parse_u64("-1", 2, &u));
    assert_false(hi_num_parse_i64("", 0, &i));
    assert_false(hi_num_parse_i64("-", 1, &i));
    assert_false(hi_num_parse_i64("-+1", 3, &i));
    assert_false(hi_num_parse_i64("1a", 2, &i));
    assert_false(hi_num_parse_i64("1/", 2, &i));
}

static void fixed_width_digits_have_leading_zeroes(void **state)
{
    (void)state;
    char text[20] = {0};

    hi_num_print_fixed(text, 42, 7);
    assert_string_equal(text, "0000042");
    hi_num_print_fixed(text, 12345, 3);
    assert_memory_equal(text, "345", 3);
}

/* 10^(k+1) = 10 * 10^k within one unit of the last place. */
static void table_of_powers_is_consistent(void **state)
{
    __extension__ typedef unsigned __int128 wide;

    (void)state;
    for (int k = HI_POW10_MIN; k < HI_POW10_MAX; k++) {
        const hi_pow10 a = hi_pow10_of(k);
        const hi_pow10 b = hi_pow10_of(k + 1);
        const int shift = hi_log2_of_pow10(k + 1) - hi_log2_of_pow10(k);
        const wide va = ((wide)a.hi << 64) | a.lo;
        const wide vb = ((wide)b.hi << 64) | b.lo;
        const wide from = (va >> shift) * 10;

        if (k >= 0 && k < HI_POW10_EXACT_MAX && k < 38) {
            assert_true(vb == from);
        }
        assert_true(vb >= from && vb - from < 32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_text_is_plain_with_a_fraction),
        cmocka_unit_test(real_text_is_scientific_outside_of_the_plain_range),
        cmocka_unit_test(every_double_reads_back_to_the_same_bits),
        cmocka_unit_test(sensor_like_doubles_read_back_and_are_short),
        cmocka_unit_test(every_power_of_two_and_its_neighbours_read_back),
        cmocka_unit_test(hard_texts_are_rounded_correctly),
        cmocka_unit_test(ties_go_to_even_however_many_digits_follow),
        cmocka_unit_test(random_decimal_texts_read_as_strtod_reads_them),
        cmocka_unit_test(text_that_is_no_number_is_refused),
        cmocka_unit_test(integers_print_as_printf_prints_them),
        cmocka_unit_test(integers_at_powers_of_ten_have_the_right_length),
        cmocka_unit_test(integers_that_do_not_fit_are_refused),
        cmocka_unit_test(fixed_width_digits_have_leading_zeroes),
        cmocka_unit_test(table_of_powers_is_consistent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
