/*
 * test_codec_limits.c -- the decoder takes every count, width and place up to the limit
 * that README.md of libhist/codec names, and one more is damage.
 */
/* cmocka.h wants the four before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "tests/support/codec_bytes.h"

/* A block or shared section that is right but for one number, n, where that is beyond its limit. */
typedef void limit_make(cb_bytes *b, uint32_t n);

typedef struct limit {
    const char *name;
    limit_make *make;
    hist_type type;
    uint32_t rows; /* 0: n */
    uint32_t least;
    uint32_t most;
    uint64_t last; /* Row, with the most. */
} limit;

/* ---- integer streams -------------------------------------------------------------------- */

static void make_rows(cb_bytes *b, uint32_t n)
{
    (void)n;
    cb_u8(b, HI_ENC_CONST);
    cb_svarint(b, 4);
}

static void make_nulls(cb_bytes *b, uint32_t n)
{
    (void)n;
    cb_u8(b, HI_ENC_NULLS);
}

static void make_list(cb_bytes *b, uint32_t n)
{
    cb_u8(b, HI_ENC_INT);
    cb_u8(b, 5);
    for (uint32_t i = 0; i < n; i++) {
        cb_svarint(b, i);
    }
}

static void make_zeros(cb_bytes *b, uint32_t n)
{
    cb_u8(b, HI_ENC_INT);
    cb_u8(b, 2);
    cb_u8(b, n);
    cb_svarint(b, 1);
    cb_svarint(b, 0);
}

/* Jumps as far apart as the first is from the start; each is -1, or all ones of `width` bits. */
static void put_jumps(cb_bytes *b, uint32_t jumps, uint32_t gap_width, uint32_t gap, uint32_t width)
{
    cb_u8(b, HI_ENC_INT);
    cb_u8(b, 1);
    cb_svarint(b, 0); /* start */
    cb_svarint(b, 1); /* step */
    cb_u8(b, jumps);
    cb_u8(b, gap_width);
    cb_varint(b, gap);
    cb_u8(b, width);
    cb_svarint(b, width == 0 ? -1 : 0);
    cb_fill(b, 0, (jumps * gap_width + 7) / 8);
    cb_fill(b, 0xff, (jumps * width + 7) / 8);
}

static void make_jumps(cb_bytes *b, uint32_t n)
{
    put_jumps(b, n, 0, 1, 0);
}

static void make_jump_width(cb_bytes *b, uint32_t n)
{
    put_jumps(b, 1, 0, 1, n);
}

static void make_jump_place(cb_bytes *b, uint32_t n)
{
    put_jumps(b, 1, 0, n, 0);
}

static void make_jump_gap(cb_bytes *b, uint32_t n)
{
    put_jumps(b, 1, n, 1, 0);
}

/* Head of the only vector of a block, whose size is 12 + what follows. */
static void put_vector(cb_bytes *b, unsigned flags, unsigned width, size_t follows)
{
    cb_u8(b, HI_ENC_INT);
    cb_u8(b, 0);
    cb_u16(b, (unsigned)(3 + follows));
    cb_u8(b, flags);
    cb_u8(b, width);
    cb_svarint(b, 0); /* base */
}

static void make_width_short(cb_bytes *b, uint32_t n)
{
    put_vector(b, 0, n, n);
    cb_fill(b, 0xff, n); /* 8 rows */
}

static void make_width_lanes(cb_bytes *b, uint32_t n)
{
    const size_t words = (16 * (size_t)n + 63) / 64; /* 256 rows */

    put_vector(b, 0, n, 128 * words);
    cb_fill(b, 0xff, 128 * words);
}

static void make_shift(cb_bytes *b, uint32_t n)
{
    put_vector(b, 2, 0, 2);
    cb_svarint(b, -1); /* slope */
    cb_u8(b, n);
}

/* The last n values of a quarter; 256 are 0 in a byte. */
static void make_exceptions(cb_bytes *b, uint32_t n)
{
    put_vector(b, 8, 0, 5 + 2 * (size_t)n);
    cb_fill(b, 0, 3);
    cb_u8(b, n);
    cb_u8(b, 1);
    for (uint32_t i = 0; i < n; i++) {
        cb_u8(b, 256 - n + i);
    }
    cb_fill(b, 0x80, n);
}

static void make_exception_bytes(cb_bytes *b, uint32_t n)
{
    put_vector(b, 8, 0, 6 + (size_t)n);
    cb_u8(b, 1);
    cb_fill(b, 0, 3);
    cb_u8(b, n);
    cb_u8(b, 1); /* place */
    cb_fill(b, 0xfe, n);
}

/* In the second quarter of 300 rows. */
static void make_exception_place(cb_bytes *b, uint32_t n)
{
    put_vector(b, 8, 0, 7);
    cb_u8(b, 0);
    cb_u8(b, 1);
    cb_fill(b, 0, 2);
    cb_u8(b, 1);
    cb_u8(b, n);
    cb_u8(b, 5);
}

/* ---- models ----------------------------------------------------------------------------- */

/* Of 8192 values. */
static void make_runs(cb_bytes *b, uint32_t n)
{
    cb_u8(b, HI_ENC_RLE);
    cb_varint(b, n);
    cb_first(b, n, 8192 - n); /* lengths, less one */
    cb_u8(b, HI_ENC_CONST);
    cb_svarint(b, 7);
}

static void make_entries(cb_bytes *b, uint32_t n)
{
    cb_u8(b, HI_ENC_DICT);
    cb_varint(b, n);
    cb_regular(b, (int64_t)n - 1, 0); /* codes */
    cb_u8(b, HI_ENC_CONST);
    cb_svarint(b, 9);
}

/* Code n of four entries. */
static void make_code(cb_bytes *b, uint32_t n)
{
    cb_u8(b, HI_ENC_DICT);
    cb_varint(b, 4);
    cb_regular(b, n, 0);
    cb_u8(b, HI_ENC_INT);
    cb_regular(b, 50, 1);
}

static void make_digits(cb_bytes *b, uint32_t n)
{
    cb_u8(b, HI_ENC_NUM);
    cb_u8(b, 0); /* form */
    cb_u8(b, n);
    cb_regular(b, 1, 0);
}

static void put_rd(cb_bytes *b, unsigned cut, unsigned patterns)
{
    cb_u8(b, HI_ENC_RD);
    cb_u8(b, 0); /* form */
    cb_u8(b, cut);
    cb_u8(b, patterns);
    for (unsigned i = 0; i < patterns && i < 8; i++) {
        cb_u16(b, i + 1);
    }
    cb_regular(b, (int64_t)patterns - 1, 0); /* codes, taken modulo 8 */
    cb_regular(b, 0, 0);
}

static void make_rd_cut(cb_bytes *b, uint32_t n)
{
    put_rd(b, n, 1);
}

static void make_rd_patterns(cb_bytes *b, uint32_t n)
{
    put_rd(b, 48, n);
}

/* In the second vector, of 26 values; the first has one exception. */
static void make_real_place(cb_bytes *b, uint32_t n)
{
    cb_u8(b, HI_ENC_NUM);
    cb_u8(b, 16); /* patched */
    cb_u8(b, 0);
    cb_u16(b, 1);
    cb_u16(b, 1);
    cb_u16(b, 1023);
    cb_u16(b, n);
    cb_u64(b, 11);
    cb_u64(b, 22);
    cb_regular(b, 0, 0);
}

static void make_bool(cb_bytes *b, uint32_t n)
{
    cb_u8(b, HI_ENC_CONST);
    cb_u8(b, n);
}

/* One run, whose bit is the lowest of n. */
static void make_bool_runs_first(cb_bytes *b, uint32_t n)
{
    cb_u8(b, HI_ENC_RLE);
    cb_varint(b, n);
    cb_regular(b, 99, 0);
}

/* Of 100 values. */
static void make_bool_runs(cb_bytes *b, uint32_t n)
{
    cb_u8(b, HI_ENC_RLE);
    cb_varint(b, 2 * n);
    cb_first(b, n, 100 - n);
}

/* ---- cold streams ----------------------------------------------------------------------- */

/* One table with one symbol: 22 bits of form, all 0. */
static void put_form(cb_bytes *b, unsigned head)
{
    cb_u8(b, head);
    cb_svarint(b, 0); /* first */
    cb_fill(b, 0, 3);
}

/* 2^16 in each of four lanes. */
static void put_states(cb_bytes *b)
{
    cb_fill(b, 0, 10);
}

/* One value of n low bits. */
static void make_cold_width(cb_bytes *b, uint32_t n)
{
    cb_u8(b, HI_ENC_INT);
    cb_u8(b, 3);
    cb_u8(b, 0);      /* flags */
    cb_fill(b, 0, 2); /* turns, words */
    put_form(b, n);
    cb_fill(b, 0xff, 16 * (((size_t)n + 7) / 8)); /* 16 lanes */
    put_states(b);
}

/* Starts are zeroes, as are all ten values. */
static void make_cold_predictor(cb_bytes *b, uint32_t n)
{
    cb_u8(b, HI_ENC_INT);
    cb_u8(b, 3);
    cb_u8(b, n);
    cb_fill(b, 0, n == 4 ? 3 : n);
    cb_fill(b, 0, 2);
    put_form(b, 0);
    put_states(b);
}

/* One bin, one value of all its n bits. */
static void make_bin_bits(cb_bytes *b, uint32_t n)
{
    cb_u8(b, HI_ENC_INT);
    cb_u8(b, 3);
    cb_fill(b, 0, 3);
    cb_u8(b, 0x80); /* BINS */
    cb_svarint(b, 0);
    hi_bit_writer w = {b->at + b->size, 0};
    hi_put_bits(&w, 0, 22);
    hi_put_bits(&w, 3, 2);
    hi_put_bits(&w, n, 6);
    b->size += hi_bits_bytes(&w);
    cb_varint(b, (n + 7) / 8);
    cb_fill(b, 0xff, (n + 7) / 8);
    put_states(b);
}

static void make_cold_shift(cb_bytes *b, uint32_t n)
{
    cb_u8(b, HI_ENC_INT);
    cb_u8(b, 3);
    cb_u8(b, 4); /* flags: LINE */
    cb_svarint(b, -1);
    cb_u8(b, n);
    cb_svarint(b, 0);
    cb_fill(b, 0, 2);
    put_form(b, 0);
    put_states(b);
}

/* ---- blocks ----------------------------------------------------------------------------- */

static const limit limits[] = {
    {"rows of a block", make_rows, HIST_TYPE_LONG, 0, 1, 8192, 4},
    {"rows of nulls", make_nulls, HIST_TYPE_LONG, 0, 1, 8192, 0},
    {"values of a list", make_list, HIST_TYPE_LONG, 0, 1, 32, 31},
    {"zeros of a regular stream", make_zeros, HIST_TYPE_LONG, 3, 0, 18, 1000000000000000000},
    {"jumps", make_jumps, HIST_TYPE_LONG, 100, 1, 64, 99 - 64},
    {"bits of a jump", make_jump_width, HIST_TYPE_LONG, 100, 0, 64, 98},
    {"place of a jump", make_jump_place, HIST_TYPE_LONG, 100, 1, 99, 98},
    {"bits of a gap between jumps", make_jump_gap, HIST_TYPE_LONG, 100, 0, 13, 98},
    {"width of a short vector", make_width_short, HIST_TYPE_LONG, 8, 0, 64, UINT64_MAX},
    {"width of a vector in lanes", make_width_lanes, HIST_TYPE_LONG, 256, 0, 64, UINT64_MAX},
    {"shift of a line", make_shift, HIST_TYPE_LONG, 8, 0, 63, UINT64_MAX},
    {"exceptions of a quarter", make_exceptions, HIST_TYPE_LONG, 1024, 1, 255, (uint64_t)-128},
    {"bytes of an exception", make_exception_bytes, HIST_TYPE_LONG, 2, 1, 8,
     UINT64_C(0xfefefefefefefefe)},
    {"place of an exception", make_exception_place, HIST_TYPE_LONG, 300, 0, 43, 5},
    {"runs", make_runs, HIST_TYPE_LONG, 8192, 1, 6144, 7},
    {"entries of a dictionary", make_entries, HIST_TYPE_LONG, 8192, 1, 8192, 9},
    {"code of an entry", make_code, HIST_TYPE_LONG, 10, 0, 3, 53},
    {"digits of a decimal", make_digits, HIST_TYPE_REAL, 3, 0, 22, UINT64_C(0x3b5e392010175ee6)},
    {"cut of a real in two", make_rd_cut, HIST_TYPE_REAL, 3, 48, 63, UINT64_C(1) << 63},
    {"patterns of a real in two", make_rd_patterns, HIST_TYPE_REAL, 3, 1, 8, UINT64_C(8) << 48},
    {"place of an exceptional real", make_real_place, HIST_TYPE_REAL, 1050, 0, 25, 22},
    {"a bool", make_bool, HIST_TYPE_BOOL, 9, 0, 1, 1},
    {"the first of runs of bools", make_bool_runs_first, HIST_TYPE_BOOL, 100, 2, 3, 1},
    {"runs of bools", make_bool_runs, HIST_TYPE_BOOL, 100, 1, 100, 1},
    {"low bits of a cold stream", make_cold_width, HIST_TYPE_LONG, 1, 0, 57,
     (UINT64_C(1) << 57) - 1},
    {"bits of a bin", make_bin_bits, HIST_TYPE_LONG, 1, 0, 57, (UINT64_C(1) << 57) - 1},
    {"predictor of a cold stream", make_cold_predictor, HIST_TYPE_LONG, 10, 0, 4, 0},
    {"shift of a cold line", make_cold_shift, HIST_TYPE_LONG, 1, 0, 63, 0},
};

static void limit_check(const limit *l, uint32_t n, hist_status want)
{
    static cb_bytes b;
    uint64_t last = 0;

    b.size = 0;
    l->make(&b, n);
    const hist_status status = cb_decode(&b, l->type, l->rows == 0 ? n : l->rows, NULL, 0, &last);
    if (status != want) {
        fail_msg("%s, %u: status %d, not %d", l->name, n, status, want);
    }
    if (want == HIST_OK && n == l->most && last != l->last) {
        fail_msg("%s, %u: the last row is %llx", l->name, n, (unsigned long long)last);
    }
}

static void blocks_decode_up_to_every_limit_and_not_beyond(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        limit_check(&limits[i], limits[i].least, HIST_OK);
        limit_check(&limits[i], limits[i].most, HIST_OK);
        limit_check(&limits[i], limits[i].most + 1, HIST_ECORRUPT);
        if (limits[i].least > 0) {
            limit_check(&limits[i], limits[i].least - 1, HIST_ECORRUPT);
        }
    }
}

/* ---- shared sections -------------------------------------------------------------------- */

static void make_page_entries(cb_bytes *b, uint32_t n)
{
    cb_u8(b, 1); /* dictionary */
    cb_varint(b, n);
    for (uint32_t at = 0; at < n; at += 8192) {
        cb_u8(b, HI_ENC_CONST);
        cb_svarint(b, at);
    }
}

/* n strings, 3 bytes of text in all, where there are any. */
static void make_text_entries(cb_bytes *b, uint32_t n)
{
    cb_u8(b, 1);
    cb_varint(b, n);
    if (n == 0) {
        cb_fill(b, 0, 3);
        return;
    }
    cb_varint(b, 3);
    cb_u8(b, 5);
    for (uint32_t i = 0; i < n; i++) {
        cb_svarint(b, n == 1 ? 3 : n == 2 ? 3 * i : n == 3 ? i : i + 3 >= n);
    }
    cb_u8(b, 0); /* raw */
    cb_varint(b, 3);
    cb_fill(b, 'a', 3);
}

static void make_text_bytes(cb_bytes *b, uint32_t n)
{
    cb_u8(b, 1);
    cb_varint(b, 1);
    cb_varint(b, n);
    cb_regular(b, n, 0);
    cb_u8(b, 0);
    cb_varint(b, n);
    cb_fill(b, 'a', n);
}

static void make_forms(cb_bytes *b, uint32_t n)
{
    cb_u8(b, 2); /* set */
    cb_u8(b, n);
    for (uint32_t i = 0; i < n; i++) {
        put_form(b, 0);
    }
}

static void make_page_runs(cb_bytes *b, uint32_t n)
{
    cb_u8(b, 4); /* runs */
    cb_varint(b, n);
    cb_regular(b, 3, 0); /* lengths, less one */
    cb_u8(b, HI_ENC_CONST);
    cb_svarint(b, 7);
}

static const limit shared_limits[] = {
    {"numbers of a page's dictionary", make_page_entries, HIST_TYPE_LONG, 0, 1, 32768, 0},
    {"strings for 3 bytes", make_text_entries, HIST_TYPE_STRING, 0, 1, 4, 0},
    {"bytes of text where 100 are wanted", make_text_bytes, HIST_TYPE_STRING, 0, 0, 100, 0},
    {"forms of a set", make_forms, HIST_TYPE_LONG, 0, 0, 4, 0},
    {"runs of a page", make_page_runs, HIST_TYPE_LONG, 0, 1, 4096, 0},
};

static void shared_check(const limit *l, uint32_t n, hist_status want)
{
    static cb_bytes b;

    b.size = 0;
    l->make(&b, n);
    const hist_status status = cb_open(&b, l->type, 100);
    if (status != want) {
        fail_msg("%s, %u: status %d, not %d", l->name, n, status, want);
    }
}

static void shared_sections_open_up_to_every_limit_and_not_beyond(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(shared_limits) / sizeof(*shared_limits); i++) {
        const limit *l = &shared_limits[i];

        shared_check(l, l->least, HIST_OK);
        shared_check(l, l->most, HIST_OK);
        shared_check(l, l->most + 1, HIST_ECORRUPT);
        if (l->least > 0) {
            shared_check(l, l->least - 1, HIST_ECORRUPT);
        }
    }
}

/* ---- n of scaled integers --------------------------------------------------------------- */

static void put_scaled(cb_bytes *b, unsigned op, unsigned form)
{
    cb_u8(b, HI_ENC_NUM);
    cb_u8(b, op | form);
    if (op == HI_NUM_DECIMAL) {
        cb_u8(b, 3);
    } else {
        cb_u64(b, hi_bits_of(0.125));
    }
}

/* Nine values, the one at `place` is n. */
static void scaled_check(unsigned op, unsigned form, uint32_t place, int64_t n, hist_status want)
{
    const hi_codec_kernels *const kernels[] = {&hi_codec_kernels_base, hi_codec_kernels_pick()};
    static cb_bytes b;
    uint64_t last = 0;

    b.size = 0;
    put_scaled(&b, op, form);
    cb_u8(&b, 5);
    for (uint32_t i = 0; i < 9; i++) {
        cb_svarint(&b, i == place ? n : 1 - 2 * (int64_t)(i % 2));
    }
    for (size_t k = 0; k < sizeof(kernels) / sizeof(*kernels); k++) {
        const hist_status status =
            cb_decode_with(kernels[k], &b, HIST_TYPE_REAL, 9, NULL, 0, &last);
        if (status != want) {
            fail_msg("%s: operation %u, form %u, n %lld at %u: status %d", kernels[k]->name, op,
                     form, (long long)n, place, status);
        }
    }
}

static void scaled_integers_are_below_2_to_the_51(void **state)
{
    const int64_t beyond = INT64_C(1) << 51;

    (void)state;
    for (unsigned op = 0; op < 3; op++) {
        for (unsigned form = 0; form <= HI_FORM_FLOAT; form += HI_FORM_FLOAT) {
            for (uint32_t place = 0; place < 9; place += 4) {
                scaled_check(op, form, place, beyond - 1, HIST_OK);
                scaled_check(op, form, place, 1 - beyond, HIST_OK);
                scaled_check(op, form, place, beyond, HIST_ECORRUPT);
                scaled_check(op, form, place, -beyond, HIST_ECORRUPT);
                scaled_check(op, form, place, INT64_MAX, HIST_ECORRUPT);
                scaled_check(op, form, place, INT64_MIN, HIST_ECORRUPT);
            }
        }
    }
}

/* ---- numbers of 32 bits, codes of strings ----------------------------------------------- */

/* An id or a code that is a list of one. */
static hist_status id_decode(hist_type type, const hi_page_shared *shared, int64_t id)
{
    static cb_bytes b;
    uint64_t last = 0;

    b.size = 0;
    if (type == HIST_TYPE_STRING) {
        cb_u8(&b, HI_ENC_DICT);
    }
    cb_u8(&b, HI_ENC_INT);
    cb_u8(&b, 5);
    cb_svarint(&b, id);
    const hist_status status = cb_decode(&b, type, 1, shared, 0, &last);
    assert_true(status != HIST_OK || type == HIST_TYPE_STRING || last == (uint64_t)id);
    return status;
}

static void ids_have_32_bits(void **state)
{
    const int64_t most = UINT32_MAX;

    (void)state;
    assert_int_equal(id_decode(HIST_TYPE_INT, NULL, 0), HIST_OK);
    assert_int_equal(id_decode(HIST_TYPE_INT, NULL, most), HIST_OK);
    assert_int_equal(id_decode(HIST_TYPE_INT, NULL, most + 1), HIST_ECORRUPT);
    assert_int_equal(id_decode(HIST_TYPE_INT, NULL, -1), HIST_ECORRUPT);
}

/* The same where only some vectors are asked for. */
static void ids_of_a_vector_have_32_bits(void **state)
{
    (void)state;
    for (int beyond = 0; beyond < 2; beyond++) {
        static cb_bytes b;
        cc_room got = cc_room_new(0);
        hi_decoded d;

        b.size = 0;
        cb_u8(&b, HI_ENC_INT);
        cb_regular(&b, (int64_t)UINT32_MAX - 2047 + beyond, 1); /* 2048 rows. */
        uint8_t *src = cc_padded_copy(b.at, b.size);
        assert_int_equal(
            hi_block_decode_vectors(HIST_TYPE_INT, src, b.size, 2048, NULL, 0, 1, &got.r, &d),
            HIST_OK);
        assert_int_equal(
            hi_block_decode_vectors(HIST_TYPE_INT, src, b.size, 2048, NULL, 1, 1, &got.r, &d),
            beyond ? HIST_ECORRUPT : HIST_OK);
        free(src);
        cc_room_free(&got);
    }
}

static void codes_are_below_the_strings_there_are(void **state)
{
    static const int32_t offsets[] = {0, 1, 2, 3};
    const hi_page_shared shared = {.dict = {.count = 3, .offsets = offsets, .bytes = "abc"}};

    (void)state;
    assert_int_equal(id_decode(HIST_TYPE_STRING, &shared, 2), HIST_OK);
    assert_int_equal(id_decode(HIST_TYPE_STRING, &shared, 3), HIST_ECORRUPT);
    assert_int_equal(id_decode(HIST_TYPE_STRING, NULL, 2), HIST_ECORRUPT);
}

/* A block of two values whose codes are text: `bytes` of them, a dictionary of `entries`. */
static hist_status codes_decode(uint32_t entries, const char *text, size_t bytes, uint32_t *last)
{
    static const int32_t offsets[300];
    const hi_page_shared shared = {.dict = {.count = entries, .offsets = offsets, .bytes = ""}};
    static cb_bytes b;
    cc_room got = cc_room_new(0);
    hi_decoded d;

    b.size = 0;
    cb_u8(&b, HI_ENC_DICT);
    cb_u8(&b, HI_ENC_TEXT);
    cb_u8(&b, 0); /* As it is. */
    cb_u8(&b, (uint8_t)bytes);
    for (size_t i = 0; i < bytes; i++) {
        cb_u8(&b, (uint8_t)text[i]);
    }
    uint8_t *src = cc_padded_copy(b.at, b.size);
    const hist_status status =
        hi_block_decode(HIST_TYPE_STRING, src, b.size, 2, &shared, &got.r, &d);
    *last = ((const uint32_t *)got.r.data)[1];
    free(src);
    cc_room_free(&got);
    return status;
}

static void codes_as_text_have_a_byte_for_256_strings_and_two_for_more(void **state)
{
    uint32_t last = 0;

    (void)state;
    assert_int_equal(codes_decode(256, "\0\377", 2, &last), HIST_OK);
    assert_int_equal(last, 255);
    assert_int_equal(codes_decode(255, "\0\377", 2, &last), HIST_ECORRUPT);
    assert_int_equal(codes_decode(256, "\0\0\0", 3, &last), HIST_ECORRUPT);
    assert_int_equal(codes_decode(256, "\0\0\0\0", 4, &last), HIST_ECORRUPT);
    assert_int_equal(codes_decode(257, "\0\0", 2, &last), HIST_ECORRUPT);
    assert_int_equal(codes_decode(257, "\0\0\0\1", 4, &last), HIST_OK);
    assert_int_equal(last, 256);
    assert_int_equal(codes_decode(257, "\0\1\0\1", 4, &last), HIST_ECORRUPT);
}

/* ---- what the caller asks for ----------------------------------------------------------- */

static void vectors_are_of_numbers_and_of_the_block(void **state)
{
    static const struct {
        hist_type type;
        uint32_t first;
        uint32_t count;
        hist_status want;
    } cases[] = {
        {HIST_TYPE_LONG, 0, 2, HIST_OK},       {HIST_TYPE_LONG, 1, 1, HIST_OK},
        {HIST_TYPE_LONG, 0, 0, HIST_EINVAL},   {HIST_TYPE_LONG, 2, 1, HIST_EINVAL},
        {HIST_TYPE_LONG, 1, 2, HIST_EINVAL},   {HIST_TYPE_LONG, 1, UINT32_MAX, HIST_EINVAL},
        {HIST_TYPE_LONG, 3, 1, HIST_EINVAL},   {HIST_TYPE_LONG, UINT32_MAX, 1, HIST_EINVAL},
        {HIST_TYPE_STRING, 0, 1, HIST_EINVAL}, {HIST_TYPE_BOOL, 0, 1, HIST_EINVAL},
    };
    static const uint8_t block[] = {HI_ENC_CONST, 1}; /* As a bool it is whole, too. */
    cc_room got = cc_room_new(0);
    uint8_t *src = cc_padded_copy(block, sizeof(block));
    hi_decoded d;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(hi_block_decode_vectors(cases[i].type, src, sizeof(block), 1025, NULL,
                                                 cases[i].first, cases[i].count, &got.r, &d),
                         cases[i].want);
    }
    free(src);
    cc_room_free(&got);
}

static void text_that_the_room_has_no_space_for_is_the_callers_mistake(void **state)
{
    static cb_bytes b;
    uint64_t last = 0;

    (void)state;
    b.size = 0;
    cb_u8(&b, HI_ENC_TEXT);
    cb_varint(&b, 6);
    cb_regular(&b, 3, 0);
    cb_u8(&b, 0);
    cb_varint(&b, 6);
    cb_fill(&b, 'a', 6);
    assert_int_equal(cb_decode(&b, HIST_TYPE_STRING, 2, NULL, 6, &last), HIST_OK);
    assert_int_equal(cb_decode(&b, HIST_TYPE_STRING, 2, NULL, 5, &last), HIST_EINVAL);
}

static void a_byte_behind_a_text_is_damage(void **state)
{
    static cb_bytes b;
    uint64_t last = 0;

    (void)state;
    b.size = 0;
    cb_u8(&b, HI_ENC_TEXT);
    cb_varint(&b, 6);
    cb_regular(&b, 3, 0);
    cb_u8(&b, 0);
    cb_varint(&b, 6);
    cb_fill(&b, 'a', 6);
    assert_int_equal(cb_decode(&b, HIST_TYPE_STRING, 2, NULL, 6, &last), HIST_OK);
    cb_u8(&b, 'a');
    assert_int_equal(cb_decode(&b, HIST_TYPE_STRING, 2, NULL, 6, &last), HIST_ECORRUPT);
}

/* Sections of numbers, strings and runs, each with a byte more. */
static void a_byte_behind_a_shared_section_is_damage(void **state)
{
    static const struct {
        limit_make *make;
        hist_type type;
    } cases[] = {{make_page_entries, HIST_TYPE_LONG},
                 {make_text_entries, HIST_TYPE_STRING},
                 {make_page_runs, HIST_TYPE_LONG},
                 {make_forms, HIST_TYPE_LONG}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        static cb_bytes b;

        b.size = 0;
        cases[i].make(&b, 3);
        assert_int_equal(cb_open(&b, cases[i].type, 100), HIST_OK);
        cb_u8(&b, 0);
        assert_int_equal(cb_open(&b, cases[i].type, 100), HIST_ECORRUPT);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(blocks_decode_up_to_every_limit_and_not_beyond),
    cmocka_unit_test(shared_sections_open_up_to_every_limit_and_not_beyond),
    cmocka_unit_test(scaled_integers_are_below_2_to_the_51),
    cmocka_unit_test(ids_have_32_bits),
    cmocka_unit_test(ids_of_a_vector_have_32_bits),
    cmocka_unit_test(codes_are_below_the_strings_there_are),
    cmocka_unit_test(codes_as_text_have_a_byte_for_256_strings_and_two_for_more),
    cmocka_unit_test(vectors_are_of_numbers_and_of_the_block),
    cmocka_unit_test(text_that_the_room_has_no_space_for_is_the_callers_mistake),
    cmocka_unit_test(a_byte_behind_a_text_is_damage),
    cmocka_unit_test(a_byte_behind_a_shared_section_is_damage),
};

CC_MAIN(tests)
