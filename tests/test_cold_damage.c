/*
 * test_cold_damage.c -- damaged cold streams and sets give an error or values,
 * and nothing is touched outside.
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

enum { STREAMS = 6, ROWS_MAX = 900, ROOM = HI_STREAM_BYTES_MAX };

static hi_cold_scratch scratch;
static hi_cold_set set;
static hi_cold_set damaged_set;
static uint64_t x[STREAMS][ROWS_MAX];
static hi_cold_plan plans[STREAMS];
static uint8_t stream[ROOM];
static uint8_t set_bytes[HI_COLD_SET_BYTES_MAX];

enum { SMALL_WALK, WIDE_WALK, TAILS, LEVELS, CLOCK, SPIKES, CURVE, RESTS, AMOUNTS, SHAPES };

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
    case RESTS:
        return i / 150 % 2 == 0 ? noise % 2 : noise % 200;
    case AMOUNTS:
        return noise % 5 == 0 ? cc_noise() % 100000 : cc_noise() % 1000 * 100;
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
    assert_int_equal(hi_cold_set_open(&r, &set), HIST_OK);
}

/* Rooms of exact size, so that ASan sees a byte too much. */
static void victim_decode(const hi_cold_set *with, const uint8_t *bytes, size_t size, uint32_t rows)
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
            if (hi_cold_set_open(&r, &damaged_set) == HIST_OK) {
                victim_decode(&damaged_set, stream, made, ROWS_MAX);
            }
            r = hi_reader_of(bytes, i / 9);
            (void)hi_cold_set_open(&r, &damaged_set);
            free(bytes);
        }
    }
    assert_in_range(sets, 3, SHAPES);
}

/* One value in the simplest form: kind, flags, turns, words, head, first, frequencies. The states
   are zeroes, and what follows is long enough for whatever is misread. */
static void what_the_format_does_not_have_is_damage(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } bad[] = {
        {0, 2},    {0, 4},    {0, 5}, /* kind; no set */
        {1, 5},    {1, 7},            /* predictor */
        {1, 0x30}, {1, 0x40},         /* lanes; a form's number with a form inside */
        {1, 1},                       /* nothing left to predict */
        {2, 1},    {3, 2},            /* turns, words */
        {4, 0x3a}, {4, 0x82},         /* width; bins with one */
        {4, 0x81},                    /* steps, but of 0 */
        {7, 4},                       /* the largest frequency's symbol */
    };
    uint64_t out[1 + HI_CODEC_PAD / 8];
    hi_cold_view view;

    (void)state;
    for (size_t i = 0; i <= sizeof(bad) / sizeof(*bad); i++) {
        uint8_t copy[256] = {3};
        const bool whole = i == sizeof(bad) / sizeof(*bad);
        if (!whole) {
            copy[bad[i].at] = bad[i].value;
        }
        hi_reader r = hi_reader_of(copy, sizeof(copy) - HI_RANS_SLACK);
        const hist_status status = hi_cold_open(&r, 1, NULL, &view);
        assert_int_equal(status, whole ? HIST_OK : HIST_ECORRUPT);
        if (whole) {
            assert_int_equal(hi_cold_decode(&hi_codec_kernels_base, &view, out), HIST_OK);
        }
    }
}

/* ---- streams that only a liar writes ------------------------------------------------------ */

typedef struct lie {
    hi_cold_form form;
    uint8_t map;     /* Of the first segments. */
    uint8_t escapes; /* As listed. */
    uint8_t escape_bytes;
    uint8_t low;   /* Bytes of BINS. */
    uint8_t extra; /* Words that nothing reads. */
    uint8_t kind;
    uint8_t flags;
    bool opened; /* Set by lie_read(). */
} lie;

/* 100 symbols of one number, as a stream that says what the lie says. */
static hist_status lie_read(lie *l, uint8_t symbol, const hi_cold_set *with)
{
    static const uint8_t map[1] = {0};
    static hi_rans_coded coded;
    static hi_cold_view view;
    uint8_t symbols[100];
    uint8_t bytes[4000] = {l->kind, l->flags};
    uint64_t *out = malloc(sizeof(symbols) * 8 + HI_CODEC_PAD);

    memset(symbols, symbol, sizeof(symbols));
    hi_rans_encode(l->form.freqs, map, symbols, sizeof(symbols), 0, scratch.words, &coded);
    bytes[2] = (uint8_t)coded.turns;
    bytes[3] = (uint8_t)(coded.words + l->extra);
    size_t at = 4;
    at += l->kind == HI_STREAM_COLD ? hi_cold_form_put(&l->form, bytes + at) : 0;
    if (l->form.tables > 1) {
        bytes[at++] = l->map;
    }
    if (l->form.escape != HI_COLD_NO_ESCAPE) {
        bytes[at++] = l->escape_bytes;
        bytes[at++] = l->escapes;
        at += (size_t)l->escape_bytes * l->escapes;
    }
    if (l->form.bins) {
        bytes[at++] = l->low;
        at += l->low;
    }
    memcpy(bytes + at, coded.states, coded.states_size);
    at += coded.states_size;
    for (uint32_t i = 0; i < coded.words; i++, at += 2) {
        hi_put_u16(bytes + at, coded.word[i]);
    }
    at += (size_t)2 * l->extra;
    uint8_t *src = cc_padded_copy(bytes, at);
    hi_reader r = hi_reader_of(src, at);
    hist_status status = hi_cold_open(&r, sizeof(symbols), with, &view);
    l->opened = status == HIST_OK;
    if (status == HIST_OK) {
        status = hi_cold_decode(hi_codec_kernels_pick(), &view, out);
    }
    free(src);
    free(out);
    return status;
}

/* Two symbols of equal frequency. */
static lie lie_of(bool bins, bool escape, uint32_t tables)
{
    lie l = {.kind = HI_STREAM_COLD, .low = 13, .escapes = 100, .escape_bytes = 8};

    l.form.bins = bins;
    l.form.symbols = 2;
    l.form.escape = escape ? 1 : HI_COLD_NO_ESCAPE;
    l.form.tables = tables;
    for (uint32_t t = 0; t < tables; t++) {
        l.form.freqs[t] = (hi_rans_freqs){.symbols = 2, .freq = {2048, 2048}};
    }
    l.form.lower[1] = bins ? 1 : 0;
    l.form.bits[0] = bins ? 1 : 0;
    return l;
}

static void parts_that_do_not_fit_the_symbols_are_damage(void **state)
{
    (void)state;
    lie l = lie_of(false, true, 1);
    assert_int_equal(lie_read(&l, 1, NULL), HIST_OK);
    for (l.escapes = 0; l.escapes < 100; l.escapes = (uint8_t)(l.escapes + 1)) {
        assert_int_equal(lie_read(&l, 1, NULL), HIST_ECORRUPT);
    }
    l.escapes = 100;
    for (l.escape_bytes = 0; l.escape_bytes < 30; l.escape_bytes++) {
        const bool known = l.escape_bytes > 0 && l.escape_bytes <= 8;
        assert_int_equal(lie_read(&l, 1, NULL), known ? HIST_OK : HIST_ECORRUPT);
    }
    l.escapes = 1;
    l.escape_bytes = 8;
    assert_int_equal(lie_read(&l, 0, NULL), HIST_ECORRUPT);

    l = lie_of(false, false, 1);
    assert_int_equal(lie_read(&l, 0, NULL), HIST_OK);
    for (l.extra = 1; l.extra < 40; l.extra++) {
        assert_int_equal(lie_read(&l, 0, NULL), HIST_ECORRUPT);
    }

    l = lie_of(true, false, 1);
    assert_int_equal(lie_read(&l, 0, NULL), HIST_OK);
    for (l.low = 0; l.low < 13; l.low++) {
        assert_int_equal(lie_read(&l, 0, NULL), HIST_ECORRUPT);
    }
    l.low = 14;
    assert_int_equal(lie_read(&l, 0, NULL), HIST_ECORRUPT);
}

static void numbers_of_what_is_not_there_are_damage(void **state)
{
    (void)state;
    lie l = lie_of(false, false, 3);
    assert_int_equal(lie_read(&l, 0, NULL), HIST_OK);
    for (unsigned table = 0; table < 4; table++) {
        l.map = (uint8_t)table;
        assert_int_equal(lie_read(&l, 0, NULL), table < 3 ? HIST_OK : HIST_ECORRUPT);
        assert_int_equal(l.opened, table < 3);
    }

    l = lie_of(false, false, 1);
    l.kind = HI_STREAM_COLD_SHARED;
    set.count = 2;
    set.form[0] = l.form;
    set.form[1] = l.form;
    set.form[2] = l.form;
    for (unsigned form = 0; form < 4; form++) {
        l.flags = (uint8_t)(form << 6);
        assert_int_equal(lie_read(&l, 0, &set), form < 2 ? HIST_OK : HIST_ECORRUPT);
        assert_int_equal(l.opened, form < 2);
        assert_int_equal(lie_read(&l, 0, NULL), HIST_ECORRUPT);
    }
}

static hist_status steps_open(const uint8_t *bytes, size_t size)
{
    static hi_cold_form form;
    hi_reader r = hi_reader_of(bytes, size);

    return hi_cold_form_open(&r, &form);
}

/* Of three bins one or two may be coarse: head, first, step, how many, where the fine ones begin. */
static void steps_out_of_bounds_are_damage(void **state)
{
    static const uint32_t steps[] = {0, 1, 2, HI_COLD_STEP_MAX, HI_COLD_STEP_MAX + 1U, UINT32_MAX};
    lie l = lie_of(true, false, 1);
    uint8_t bytes[200];

    (void)state;
    l.form.symbols = 3;
    l.form.freqs[0] = (hi_rans_freqs){.symbols = 3, .freq = {2048, 1024, 1024}};
    l.form.lower[2] = 2;
    l.form.coarse = 1;
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        l.form.step = steps[i];
        const size_t size = hi_cold_form_put(&l.form, bytes);
        const bool known = steps[i] >= 2 && steps[i] <= HI_COLD_STEP_MAX;
        assert_int_equal(steps_open(bytes, size), known ? HIST_OK : HIST_ECORRUPT);
        assert_int_equal(steps_open(bytes, 4), HIST_ECORRUPT);
    }
    l.form.step = 2;
    const size_t size = hi_cold_form_put(&l.form, bytes);
    for (unsigned coarse = 0; coarse < 128; coarse++) {
        uint8_t *copy = cc_padded_copy(bytes, size + 1);
        copy[3] = (uint8_t)coarse;
        copy[size] = 0; /* Another order of distances may take more bits. */
        const bool known = coarse == 1 || coarse == 2;
        assert_int_equal(steps_open(copy, size + 1), known ? HIST_OK : HIST_ECORRUPT);
        free(copy);
    }
    bytes[0] |= 0x40; /* The third symbol is the escape. */
    bytes[3] = 2;
    assert_int_equal(steps_open(bytes, size), HIST_ECORRUPT);
}

/* Low bits end where they are said to. */
static void steps_without_their_low_bits_are_damage(void **state)
{
    (void)state;
    lie l = lie_of(true, false, 1);
    l.form.coarse = 1;
    l.form.step = 10;
    for (l.low = 0; l.low < 20; l.low++) {
        assert_int_equal(lie_read(&l, 0, NULL), l.low == 13 ? HIST_OK : HIST_ECORRUPT);
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
        assert_int_equal(hi_rans_freqs_read(&r, 4, &freqs), given < HI_RANS_SUM);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(damaged_streams_give_errors_or_values_and_never_reach_outside),
    cmocka_unit_test(damaged_sets_are_refused_or_read),
    cmocka_unit_test(what_the_format_does_not_have_is_damage),
    cmocka_unit_test(parts_that_do_not_fit_the_symbols_are_damage),
    cmocka_unit_test(numbers_of_what_is_not_there_are_damage),
    cmocka_unit_test(steps_out_of_bounds_are_damage),
    cmocka_unit_test(steps_without_their_low_bits_are_damage),
    cmocka_unit_test(frequencies_that_do_not_sum_up_are_damage),
};

CC_MAIN(tests)
