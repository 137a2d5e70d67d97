/*
 * test_codec_kern.c -- the encoder's counting and sorting kernels, every CPU variant against loops that are obvious. What
 * they say decides sizes only, so no round trip would show that it is wrong.
 */
/* cmocka.h wants the four before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>
#include <string.h>

#include "tests/support/codec_columns.h"

enum { ROWS = 1024, ROUNDS = 300 };

static const hi_codec_kernels *variants[CC_VARIANTS_MAX];
static size_t variant_count;

static uint64_t random_state = 1;

static uint64_t random_word(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Numbers of up to `bits` bits above `base`. */
static void fill(uint64_t *x, uint32_t count, uint64_t base, unsigned bits)
{
    for (uint32_t i = 0; i < count; i++) {
        x[i] = base + (bits == 0 ? 0 : random_word() >> (64 - bits) >> random_word() % bits);
    }
}

/* Bits of v as two's complement, none for zero. */
static unsigned signed_bits(int64_t v)
{
    return v == 0 ? 0 : hi_bit_length((uint64_t)(v < 0 ? ~v : v)) + 1;
}

static uint32_t count_over(const uint64_t *x, uint32_t count, uint64_t base, bool around,
                           unsigned width)
{
    uint32_t over = 0;

    for (uint32_t i = 0; i < count; i++) {
        over += (around ? signed_bits((int64_t)(x[i] - base)) : hi_bit_length(x[i] - base)) > width;
    }
    return over;
}

static void counts_of_widths_are_exact(void **state)
{
    uint64_t x[ROWS];
    uint16_t near[ROWS];

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        const uint32_t count = 1 + (uint32_t)(random_word() % ROWS);
        const unsigned bits = (unsigned)(random_word() % 16);
        const uint64_t min = random_word();
        const uint64_t base = min + (bits == 0 ? 0 : random_word() >> (64 - bits));
        const unsigned from = (unsigned)(random_word() % 15);

        fill(x, count, min, bits);
        for (uint32_t v = 0; v < variant_count; v++) {
            for (int around = 0; around < 2; around++) {
                uint32_t over[HI_WIDTHS];
                uint32_t near_over[HI_WIDTHS];

                if (around) {
                    variants[v]->count->over_signed(x, count, base, from, over);
                } else {
                    variants[v]->count->over(x, count, base, from, over);
                }
                variants[v]->count->near(x, count, min, near);
                variants[v]->count->over_near(near, count, (uint16_t)(base - min), around != 0,
                                              from, near_over);
                for (unsigned w = 0; w < HI_WIDTHS; w++) {
                    const uint32_t expected = count_over(x, count, base, around != 0, from + w);

                    assert_int_equal(over[w], expected);
                    assert_true(from + w > 15 || near_over[w] == expected);
                }
            }
        }
    }
}

static void what_does_not_fit_is_counted_and_set_to_zero(void **state)
{
    uint64_t x[ROWS];
    uint64_t out[ROWS];

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        const uint32_t count = 1 + (uint32_t)(random_word() % ROWS);
        const uint64_t base = random_word();
        const unsigned width = (unsigned)(random_word() % 65);

        fill(x, count, base, (unsigned)(random_word() % 65));
        for (uint32_t v = 0; v < variant_count; v++) {
            const uint32_t expected = count_over(x, count, base, false, width);

            assert_int_equal(variants[v]->count->outside(x, count, base, width), expected);
            assert_int_equal(variants[v]->fit(x, count, base, width, out), expected);
            for (uint32_t i = 0; i < count; i++) {
                assert_true(out[i] == (hi_bit_length(x[i] - base) > width ? 0 : x[i] - base));
            }
        }
    }
}

static void the_densest_window_is_found(void **state)
{
    int16_t sums[2 * HI_DENSEST];

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        const uint32_t window = 1U << random_word() % 7;
        int16_t most = 0;

        sums[0] = 0;
        for (uint32_t i = 1; i < 2 * HI_DENSEST; i++) {
            sums[i] = (int16_t)(sums[i - 1] +
                                (random_word() % 8 == 0 ? (int16_t)(random_word() % 100) : 0));
        }
        for (uint32_t i = 0; i < HI_DENSEST; i++) {
            most = sums[i + window] - sums[i] > most ? (int16_t)(sums[i + window] - sums[i]) : most;
        }
        for (uint32_t v = 0; v < variant_count; v++) {
            assert_int_equal(variants[v]->count->densest(sums, window), most);
        }
    }
}

static int ascending(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* Ranges on both sides of what four bytes hold, with duplicates, at both ends of int64. */
static void a_few_are_sorted(void **state)
{
    static const int64_t spans[] = {
        0, 1, 40, INT32_MAX / 32 - 1, INT32_MAX / 32, INT32_MAX / 32 + 1, INT64_MAX};
    int64_t given[HI_SORT_MAX];
    int64_t expected[HI_SORT_MAX];
    int64_t x[HI_SORT_MAX];

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        const uint32_t count = 1 + (uint32_t)(random_word() % HI_SORT_MAX);
        const int64_t span = spans[(size_t)round % (sizeof(spans) / sizeof(spans[0]))];
        const int64_t low = round % 3 == 0   ? INT64_MIN
                            : round % 3 == 1 ? INT64_MAX - span
                                             : -span / 2;

        for (uint32_t i = 0; i < count; i++) {
            const uint64_t above =
                random_word() % 4 == 0 ? (uint64_t)span : random_word() % ((uint64_t)span + 1);

            given[i] = (int64_t)((uint64_t)low + (i == 0 ? 0 : above));
        }
        memcpy(expected, given, count * sizeof(*expected));
        qsort(expected, count, sizeof(*expected), ascending);
        for (uint32_t v = 0; v < variant_count; v++) {
            memcpy(x, given, count * sizeof(*x));
            variants[v]->count->sort(x, count);
            assert_memory_equal(x, expected, count * sizeof(*x));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_of_widths_are_exact),
        cmocka_unit_test(what_does_not_fit_is_counted_and_set_to_zero),
        cmocka_unit_test(the_densest_window_is_found),
        cmocka_unit_test(a_few_are_sorted),
    };

    variant_count = cc_variants(variants);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
