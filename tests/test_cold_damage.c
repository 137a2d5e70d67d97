/*
 * test_cold_damage.c -- damaged cold streams and sets give an error or values, and nothing is touched
 * outside.
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

#include "codec/cold.h"
#include "tests/support/codec_columns.h"

enum { STREAMS = 6, ROWS_MAX = 600, ROOM = HI_STREAM_BYTES_MAX };

static hi_cold_scratch scratch;
static hi_cold_set set;
static hi_cold_set damaged_set;
static uint64_t x[STREAMS][ROWS_MAX];
static hi_cold_plan plans[STREAMS];
static uint8_t stream[ROOM];
static uint8_t set_bytes[HI_COLD_SET_BYTES_MAX];

enum { SMALL_WALK, WIDE_WALK, TAILS, LEVELS, CLOCK, SPIKES, CURVE, SHAPES };

static uint64_t damage_value(int shape, uint32_t i, uint64_t before)
{
    const uint64_t noise = cc_noise();

    switch (shape) {
    case SMALL_WALK:
        return before + noise % 4 - noise / 4 % 4;
    case WIDE_WALK:
        return before + noise % 100000 - 50000;
    case TAILS:
        return noise >> (cc_noise() % 57);
    case LEVELS:
        return noise % 5 * 100000 + cc_noise() % 20;
    case CLOCK:
        return (i * UINT64_C(10000) + noise % 41) * 1000000;
    case SPIKES:
        return noise % 40 == 0 ? cc_noise() : noise % 1000;
    default:
        return i * UINT64_C(70) * i + noise % 8;
    }
}

/* Planned streams of one shape, shared where that pays. */
static void damage_fill(int shape, uint32_t rows)
{
    const hi_codec_kernels *kern = hi_codec_kernels_pick();
    const uint64_t *of[STREAMS];

    for (int s = 0; s < STREAMS; s++) {
        of[s] = x[s];
        for (uint32_t i = 0; i < rows; i++) {
            x[s][i] = damage_value(shape, i, i == 0 ? 1000 : x[s][i - 1]);
        }
        hi_cold_plan_make(kern, &scratch, x[s], rows, &plans[s]);
    }
    hi_cold_share(kern, &scratch, plans, of, STREAMS, &set);
    const size_t size = hi_cold_set_put(&set, set_bytes);
    hi_reader r = hi_reader_of(set_bytes, size);
    assert_int_equal(hi_cold_set_open(kern, &r, &set), HIST_OK);
}

/* Rooms of exact size, so that ASan sees a byte too much. */
static void victim_decode(const hi_cold_set *with, const uint8_t *bytes, size_t size,
                          uint32_t rows)
{
    uint8_t *src = cc_padded_copy(bytes, size);
    uint64_t *out = malloc((size_t)rows * 8 + HI_CODEC_PAD);
    hi_reader r = hi_reader_of(src, size);
    static hi_cold_view view;

    assert_non_null(out);
    hist_status status = hi_cold_open(&r, rows, with, &view);
    if (status == HIST_OK) {
        status = hi_cold_decode(hi_codec_kernels_pick(), &view, out);
        assert_int_equal(hi_cold_decode(&hi_codec_kernels_base, &view, out), status);
    }
    assert_true(status == HIST_OK || status == HIST_ECORRUPT);
    free(out);
    free(src);
}

static void damage_stream(const hi_cold_set *with, size_t size, uint32_t rows)
{
    const size_t step = size < 400 || getenv("HIST_LONG") != NULL ? 1 : size / 200;

    for (size_t i = 0; i < size; i += i < 160 ? 1 : step) {
        const uint8_t was = stream[i];

        for (unsigned bit = 0; bit < 8; bit++) {
            stream[i] = (uint8_t)(was ^ 1U << bit);
            victim_decode(with, stream, size, rows);
        }
        stream[i] = (uint8_t)cc_noise();
        victim_decode(with, stream, size, rows);
        stream[i] = was;
        victim_decode(with, stream, i, rows);
        victim_decode(with, stream, size, 1 + (uint32_t)(cc_noise() % HI_BLOCK_ROWS_MAX));
    }
}

static void damaged_streams_give_errors_or_values_and_never_reach_outside(void **state)
{
    static const uint32_t rows[] = {1, 40, ROWS_MAX};
    const hi_codec_kernels *kern = hi_codec_kernels_pick();

    (void)state;
    for (int shape = 0; shape < SHAPES; shape++) {
        for (size_t c = 0; c < sizeof(rows) / sizeof(*rows); c++) {
            damage_fill(shape, rows[c]);
            size_t size = hi_cold_write(kern, &scratch, &plans[0], NULL, x[0], ROOM, stream);
            damage_stream(NULL, size, rows[c]);
            size = hi_cold_write(kern, &scratch, &plans[0], &set, x[0], ROOM, stream);
            damage_stream(&set, size, rows[c]);
        }
    }
}

/* A stream that names a form, read with whatever became of the set. */
static void damaged_sets_are_refused_or_read(void **state)
{
    const hi_codec_kernels *kern = hi_codec_kernels_pick();
    uint32_t sets = 0;

    (void)state;
    for (int shape = 0; shape < SHAPES; shape++) {
        damage_fill(shape, ROWS_MAX);
        const size_t size = hi_cold_set_put(&set, set_bytes);
        const size_t made = hi_cold_write(kern, &scratch, &plans[0], &set, x[0], ROOM, stream);
        sets += set.count > 0;
        for (size_t i = 0; i < size * 9; i++) {
            uint8_t *bytes = malloc(size);
            assert_non_null(bytes);
            memcpy(bytes, set_bytes, size);
            const uint8_t flipped = (uint8_t)(bytes[i / 9] ^ 1U << i % 9);
            bytes[i / 9] = i % 9 == 8 ? (uint8_t)cc_noise() : flipped;
            hi_reader r = hi_reader_of(bytes, size);
            if (hi_cold_set_open(kern, &r, &damaged_set) == HIST_OK) {
                victim_decode(&damaged_set, stream, made, ROWS_MAX);
            }
            r = hi_reader_of(bytes, i / 9);
            (void)hi_cold_set_open(kern, &r, &damaged_set);
            free(bytes);
        }
    }
    assert_in_range(sets, 3, SHAPES);
}

static void what_the_format_does_not_have_is_damage(void **state)
{
    static const uint8_t good[] = {3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const struct {
        size_t at;
        uint8_t value;
    } bad[] = {
        {0, 2},    {0, 4},    {0, 5},           /* kind; no set */
        {1, 5},    {1, 7},                      /* predictor */
        {1, 0x30}, {1, 0x40},                   /* lanes; a form's number with a form inside */
        {1, 1},                                 /* nothing left to predict */
        {2, 1},    {3, 2},                      /* turns, words */
        {4, 0x3a}, {4, 0x81},                   /* width; bins with one */
        {7, 1},                                 /* the largest frequency's symbol */
    };
    uint64_t out[1 + HI_CODEC_PAD / 8];
    hi_cold_view view;

    (void)state;
    for (size_t i = 0; i <= sizeof(bad) / sizeof(*bad); i++) {
        uint8_t copy[sizeof(good) + HI_RANS_SLACK] = {0};
        const bool whole = i == sizeof(bad) / sizeof(*bad);
        memcpy(copy, good, sizeof(good));
        if (!whole) {
            copy[bad[i].at] = bad[i].value;
        }
        hi_reader r = hi_reader_of(copy, 4 + 2 + 3 + 10);
        const hist_status status = hi_cold_open(&r, 1, NULL, &view);
        assert_int_equal(status, whole ? HIST_OK : HIST_ECORRUPT);
        if (whole) {
            assert_int_equal(hi_cold_decode(&hi_codec_kernels_base, &view, out), HIST_OK);
        }
    }
}

/* Frequencies must leave something for the largest. */
static void frequencies_that_do_not_sum_up_are_damage(void **state)
{
    uint8_t bytes[HI_RANS_FREQS_BYTES_MAX + 8];
    hi_rans_freqs freqs = {.symbols = 4};

    (void)state;
    for (uint32_t given = 4080; given <= 4100; given++) {
        memset(freqs.freq, 0, sizeof(freqs.freq));
        freqs.freq[0] = 1 << 11;
        freqs.freq[1] = 1 << 10;
        freqs.freq[2] = (uint16_t)(given - (1 << 11) - (1 << 10));
        hi_bit_writer w = {bytes, 0};
        /* The last is the largest for the writer, who leaves it out. */
        freqs.freq[3] = 4000;
        hi_rans_freqs_put(&w, &freqs);
        hi_bit_reader r = {bytes, hi_bits_bytes(&w), 0, false};
        assert_int_equal(hi_rans_freqs_read(&r, &freqs), given < HI_RANS_SUM);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(damaged_streams_give_errors_or_values_and_never_reach_outside),
    cmocka_unit_test(damaged_sets_are_refused_or_read),
    cmocka_unit_test(what_the_format_does_not_have_is_damage),
    cmocka_unit_test(frequencies_that_do_not_sum_up_are_damage),
};

CC_MAIN(tests)
