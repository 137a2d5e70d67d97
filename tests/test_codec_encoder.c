/*
 * test_codec_encoder.c -- what the encoder does where the format ends: one jump, exception or
 * stream too many; and what it must not keep from one page to the next.
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

#include "base/bytes.h"
#include "codec/encoder.h"
#include "codec/real.h"
#include "tests/support/codec_columns.h"

enum {
    ROWS = HI_BLOCK_ROWS_MAX,
    PAGE_ROWS = 17 * HI_BLOCK_ROWS_MAX,
    STREAM_JUMPS = 1,
    STREAM_COLD = 3,
    STREAM_LIST = 5,
    VECTOR_PATCHED = 8,
};

static uint64_t column[PAGE_ROWS];
static uint8_t made[HI_BODY_BYTES_MAX];

/* ---- warm streams ----------------------------------------------------------------------- */

/* Encodes the first `count` of the column and looks whether they come back. Returns the kind. */
static unsigned stream_kind(uint32_t count)
{
    const hi_codec_kernels *kern = hi_codec_kernels_pick();
    static hi_stream_scratch scratch;
    static uint64_t got[ROWS + HI_CODEC_PAD / 8];
    hi_stream_view view;
    const size_t size = hi_stream_encode(kern, &scratch, column, count, true, made);
    uint8_t *src = cc_padded_copy(made, size);
    hi_reader r = hi_reader_of(src, size);

    assert_int_equal(hi_stream_open(&r, count, &view), HIST_OK);
    assert_int_equal(hi_reader_left(&r), 0);
    for (uint32_t v = 0; v < hi_vectors_of(count); v++) {
        assert_int_equal(hi_stream_vector(kern, &view, v, got + (size_t)v * HI_VECTOR_ROWS),
                         HIST_OK);
    }
    assert_memory_equal(got, column, count * sizeof(*got));
    free(src);
    return made[0] & HI_STREAM_KIND;
}

static void a_clock_has_up_to_64_jumps(void **state)
{
    (void)state;
    for (uint32_t jumps = 63; jumps <= 66; jumps++) {
        for (uint32_t i = 0; i < ROWS; i++) {
            column[i] = i * 10 + 7 * (i / 100 < jumps ? i / 100 : jumps);
        }
        assert_int_equal(stream_kind(ROWS) == STREAM_JUMPS, jumps <= 64);
    }
}

/* What it returns to takes no bits: a place a jump is all there is. */
static void a_counter_that_starts_again_is_a_progression_too(void **state)
{
    (void)state;
    for (uint32_t i = 0, cycle = 0, at = 0; i < ROWS; i++, at++) {
        if (at == 140 + cycle * 37 % 90) {
            at = 0;
            cycle++;
        }
        column[i] = 7 + at;
    }
    assert_int_equal(stream_kind(ROWS), STREAM_JUMPS);
    assert_int_equal(made[4] & HI_JUMPS_RETURN, HI_JUMPS_RETURN);
    for (uint32_t i = 0; i < ROWS; i++) {
        column[i] = i < 100 || i > 8000 ? i : i - 100; /* Forth and back. */
    }
    assert_int_equal(stream_kind(ROWS), STREAM_JUMPS);
}

static void a_list_has_up_to_32_values(void **state)
{
    (void)state;
    cc_seed = 5;
    for (uint32_t count = 30; count <= 34; count++) {
        for (uint32_t i = 0; i < count; i++) {
            column[i] = i % 4 == 0 ? cc_noise() : cc_noise() % 50;
        }
        assert_int_equal(stream_kind(count) == STREAM_LIST, count <= 32);
    }
}

/* Exceptions are counted in a byte for each quarter of a vector. */
static void a_quarter_has_up_to_255_exceptions(void **state)
{
    (void)state;
    cc_seed = 6;
    for (uint32_t exceptions = 254; exceptions <= 256; exceptions++) {
        for (uint32_t i = 0; i < HI_VECTOR_ROWS; i++) {
            column[i] = i >= 256 && i < 256 + exceptions ? cc_noise() : 7;
        }
        assert_int_not_equal(stream_kind(HI_VECTOR_ROWS), STREAM_JUMPS);
        /* After the kind and the only vector's size. */
        assert_int_equal((made[3] & VECTOR_PATCHED) != 0, exceptions <= 255);
    }
}

/* ---- doubles ---------------------------------------------------------------------------- */

/* Hundredths, one of them so many units in the last place off: is it an exception? */
static bool off_is_exception(int64_t off)
{
    const hi_real_model model = {
        .encoding = HI_ENC_NUM, .num = {HI_NUM_DECIMAL, false, 100}, .digits = 2, .off = true};
    cc_room got = cc_room_new(0);
    hi_decoded d;

    for (uint32_t i = 0; i < 1000; i++) {
        column[i] = hi_bits_of((double)(5000 + i) / 100) + (i == 500 ? (uint64_t)off : 0);
    }
    made[0] = HI_ENC_NUM;
    const hi_body body =
        hi_real_encode(hi_codec_kernels_pick(), &cc_encoder->body, &model, column, 1000, made + 1);
    assert_int_equal(body.model, HI_ENC_NUM);
    uint8_t *src = cc_padded_copy(made, body.size + 1);
    assert_int_equal(hi_block_decode(HIST_TYPE_REAL, src, body.size + 1, 1000, NULL, &got.r, &d),
                     HIST_OK);
    assert_memory_equal(got.data, column, 1000 * sizeof(*column));
    free(src);
    cc_room_free(&got);
    return (made[1] & HI_FORM_PATCHED) != 0;
}

static void a_difference_of_bits_is_up_to_2_to_the_15(void **state)
{
    (void)state;
    assert_false(off_is_exception(1 << 15));
    assert_false(off_is_exception(-(1 << 15)));
    assert_true(off_is_exception((1 << 15) + 1));
    assert_true(off_is_exception(-(1 << 15) - 1));
}

/* ---- pages ------------------------------------------------------------------------------ */

/* A page of the column: all comes back. */
static void page_encode(hi_encoder *encoder, hist_type type, hi_profile profile, uint32_t rows,
                        uint32_t each, cc_page *p)
{
    const hi_values values = {.type = type, .rows = rows, .data = column};
    cc_room got = cc_room_new(0);
    hi_page_shared shared;
    uint32_t at = 0;

    cc_page_cut(p, rows, each);
    hi_buf_init(&p->bytes, &cc_mem, SIZE_MAX / 2);
    assert_int_equal(hi_page_encode(encoder, &values, profile, p->block_rows, p->block_count,
                                    &p->bytes, p->blocks, &p->shared_size),
                     HIST_OK);
    uint8_t *section = cc_padded_copy((uint8_t *)p->bytes.data, p->shared_size);
    assert_int_equal(hi_page_shared_open(&cc_mem, type, section, p->shared_size, 0, &shared),
                     HIST_OK);
    for (uint32_t b = 0; b < p->block_count; at += p->block_rows[b++]) {
        const hi_block_info *info = &p->blocks[b];
        uint8_t *src = cc_padded_copy((uint8_t *)p->bytes.data + info->offset, info->size);
        hi_decoded d;

        assert_int_equal(hi_block_decode(type, src, info->size, info->rows, &shared, &got.r, &d),
                         HIST_OK);
        assert_memory_equal(got.data, column + at, info->rows * sizeof(*column));
        free(src);
    }
    hi_page_shared_free(&cc_mem, &shared);
    free(section);
    cc_room_free(&got);
}

static size_t page_size(hist_type type, hi_profile profile, uint32_t rows, uint32_t each)
{
    cc_page p;

    page_encode(cc_encoder, type, profile, rows, each, &p);
    const size_t size = p.bytes.size;
    hi_buf_free(&p.bytes);
    return size;
}

/* The sample of 8 times 32 values has one digit, all others have four. */
static void a_column_with_more_digits_than_its_sample_is_written_with_them(void **state)
{
    (void)state;
    cc_seed = 7;
    for (uint32_t i = 0; i < ROWS; i++) {
        column[i] = hi_bits_of((double)(cc_noise() % 1000000) / 10000);
    }
    const size_t even = page_size(HIST_TYPE_REAL, HI_PROFILE_WARM, ROWS, ROWS);
    assert_in_range(even, ROWS * 20 / 8, ROWS * 21 / 8);
    for (uint32_t i = 0; i < ROWS; i++) {
        if (i % ((ROWS - 32) / 7) < 32) {
            column[i] = hi_bits_of((double)(cc_noise() % 1000) / 10);
        }
    }
    assert_in_range(page_size(HIST_TYPE_REAL, HI_PROFILE_WARM, ROWS, ROWS), 1, even + even / 50);
}

/* Runs are tried where there are fewer than three for four values: 6144, which is the most there
   may be, are not. */
static void a_cold_block_of_short_runs_comes_back(void **state)
{
    (void)state;
    for (uint32_t runs = ROWS / 4 * 3 - 2; runs <= ROWS / 4 * 3; runs++) {
        cc_page p;

        cc_seed = 8;
        for (uint32_t i = 0; i < ROWS; i++) {
            column[i] = i % 4 != 3 && (i < 4 || i - i / 4 < runs) ? cc_noise() : column[i - 1];
        }
        page_encode(cc_encoder, HIST_TYPE_LONG, HI_PROFILE_COLD, ROWS, ROWS, &p);
        assert_int_equal(p.blocks[0].encoding == HI_ENC_RLE, runs < ROWS / 4 * 3);
        hi_buf_free(&p.bytes);
    }
}

/* ---- cold streams ----------------------------------------------------------------------- */

/* What planning a cold page noted. */
static void cold_noted(uint32_t rows, uint32_t each, uint32_t streams, uint32_t noted)
{
    (void)page_size(HIST_TYPE_LONG, HI_PROFILE_COLD, rows, each);
    assert_int_equal(cc_encoder->body.ints.cold->notes->streams, streams);
    assert_int_equal(cc_encoder->body.ints.cold->notes->rows, noted);
}

static void up_to_48_streams_and_128_ki_values_are_noted(void **state)
{
    (void)state;
    cc_seed = 9;
    for (uint32_t i = 0; i < PAGE_ROWS; i++) {
        column[i] = cc_noise() % 50;
    }
    cold_noted(47 * 60, 60, 47, 47 * 60);
    cold_noted(48 * 60, 60, 48, 48 * 60);
    cold_noted(49 * 60, 60, 48, 48 * 60);
    cold_noted(60 * 60, 60, 48, 48 * 60);
    cold_noted(16 * ROWS, ROWS, 16, 16 * ROWS);
    cold_noted(16 * ROWS + 100, ROWS, 16, 16 * ROWS);
    cold_noted(17 * ROWS, ROWS, 16, 16 * ROWS);
}

/* Two heaps far from each other and from 0: warm has to take the whole way for each, in a vector
   as well as in a list. */
static void a_cold_stream_has_at_least_32_values(void **state)
{
    static hi_ints_scratch scratch;
    hi_cold_page *page = hi_cold_page_new(&cc_mem);

    (void)state;
    assert_non_null(page);
    cc_seed = 10;
    for (uint32_t i = 0; i < 34; i++) {
        column[i] = (1 + cc_noise() % 2) * (UINT64_C(1) << 60) + cc_noise() % 64;
    }
    scratch.mode = HI_INTS_COLD;
    scratch.cold = page;
    for (uint32_t count = 30; count <= 34; count++) {
        assert_int_equal(hi_cold_page_begin(page, 1), HIST_OK);
        assert_true(hi_ints_encode(hi_codec_kernels_pick(), &scratch, column, count, false, made) >
                    20);
        assert_int_equal(made[0] == STREAM_COLD, count >= 32);
    }
    hi_cold_page_free(page);
}

/* ---- dictionaries of pages -------------------------------------------------------------- */

static uint64_t level(uint64_t i)
{
    return (i + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 3;
}

static void a_dictionary_for_a_page_has_up_to_32768_entries(void **state)
{
    (void)state;
    for (uint32_t different = 32767; different <= 32769; different++) {
        const hi_values values = {.type = HIST_TYPE_LONG, .rows = PAGE_ROWS, .data = column};
        hi_page_dict dict = {.count = 0};

        for (uint32_t i = 0; i < PAGE_ROWS; i++) {
            column[i] = level(i % different);
        }
        assert_int_equal(hi_page_dict_collect(&dict, &cc_mem, HI_KIND_LONG, &values, PAGE_ROWS),
                         HIST_OK);
        assert_int_equal(dict.count, different <= 32768 ? different : 0);
        hi_page_dict_free(&dict, &cc_mem);
    }
}

/* The first block of the second page has no dictionary of its own, though one for that page would
   pay: what the page before had must not matter. */
static void a_page_does_not_know_the_dictionary_of_the_page_before(void **state)
{
    hi_encoder *fresh = hi_encoder_new(&cc_mem);
    cc_page after;
    cc_page alone;

    (void)state;
    cc_seed = 11;
    for (uint32_t i = 0; i < ROWS; i++) {
        column[i] = level(cc_noise() % 4000);
    }
    page_encode(cc_encoder, HIST_TYPE_LONG, HI_PROFILE_WARM, ROWS, ROWS, &after);
    assert_int_equal(after.blocks[0].encoding, HI_ENC_DICT);
    hi_buf_free(&after.bytes);
    for (uint32_t i = 0; i < 4 * ROWS; i++) {
        column[i] = i < ROWS ? cc_noise() : column[i * 5 % ROWS];
    }
    page_encode(cc_encoder, HIST_TYPE_LONG, HI_PROFILE_WARM, 4 * ROWS, ROWS, &after);
    page_encode(fresh, HIST_TYPE_LONG, HI_PROFILE_WARM, 4 * ROWS, ROWS, &alone);
    assert_int_equal(after.shared_size, alone.shared_size);
    assert_int_equal(after.bytes.size, alone.bytes.size);
    assert_memory_equal(after.bytes.data, alone.bytes.data, alone.bytes.size);
    hi_buf_free(&after.bytes);
    hi_buf_free(&alone.bytes);
    hi_encoder_free(fresh);
}

/* ---- strings ---------------------------------------------------------------------------- */

/* Codes of phrases are text, cold: not so those that follow no other. */
static void phrases_of_strings_are_text_when_cold(void **state)
{
    (void)state;
    cc_seed = 12;
    for (int t = 0; t < 4; t++) {
        cc_page p;

        cc_fill(HIST_TYPE_STRING, t < 2 ? SHAPE_PHRASES : SHAPE_LEVELS, NULLS_NONE, ROWS);
        cc_page_cut(&p, ROWS, ROWS);
        cc_page_encode(&p, t % 2 == 0 ? HI_PROFILE_COLD : HI_PROFILE_WARM);
        assert_int_equal(p.blocks[0].encoding, HI_ENC_DICT);
        const uint8_t model = (uint8_t)p.bytes.data[p.blocks[0].offset + 1];
        assert_int_equal(model == HI_ENC_TEXT, t == 0);
        hi_buf_free(&p.bytes);
    }
}

/* "c" comes first and least often, "a" and "b" are as frequent. */
static void the_most_frequent_string_has_code_0(void **state)
{
    static const char order[] = "cababdddd";
    static int32_t offsets[sizeof(order)];
    static hi_block_info block;
    const uint32_t rows = sizeof(order) - 1;
    hi_page_shared shared;
    hi_buf out;
    uint32_t size = 0;

    (void)state;
    for (uint32_t i = 0; i <= rows; i++) {
        offsets[i] = (int32_t)i;
    }
    const hi_values values = {
        .type = HIST_TYPE_STRING, .rows = rows, .offsets = offsets, .bytes = order};
    hi_buf_init(&out, &cc_mem, SIZE_MAX);
    assert_int_equal(
        hi_page_encode(cc_encoder, &values, HI_PROFILE_WARM, &rows, 1, &out, &block, &size),
        HIST_OK);
    uint8_t *section = cc_padded_copy((const uint8_t *)out.data, size);
    assert_int_equal(hi_page_shared_open(&cc_mem, HIST_TYPE_STRING, section, size, rows, &shared),
                     HIST_OK);
    assert_int_equal(shared.dict.count, 4);
    assert_memory_equal(shared.dict.bytes, "dabc", 4);
    hi_page_shared_free(&cc_mem, &shared);
    free(section);
    hi_buf_free(&out);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_clock_has_up_to_64_jumps),
    cmocka_unit_test(a_counter_that_starts_again_is_a_progression_too),
    cmocka_unit_test(a_list_has_up_to_32_values),
    cmocka_unit_test(a_quarter_has_up_to_255_exceptions),
    cmocka_unit_test(a_difference_of_bits_is_up_to_2_to_the_15),
    cmocka_unit_test(a_column_with_more_digits_than_its_sample_is_written_with_them),
    cmocka_unit_test(a_cold_block_of_short_runs_comes_back),
    cmocka_unit_test(up_to_48_streams_and_128_ki_values_are_noted),
    cmocka_unit_test(a_cold_stream_has_at_least_32_values),
    cmocka_unit_test(a_dictionary_for_a_page_has_up_to_32768_entries),
    cmocka_unit_test(a_page_does_not_know_the_dictionary_of_the_page_before),
    cmocka_unit_test(phrases_of_strings_are_text_when_cold),
    cmocka_unit_test(the_most_frequent_string_has_code_0),
};

CC_MAIN(tests)
