/*
 * test_codec_flaws.c -- bytes that README.md of libhist/codec does not define are damage: each
 * block here differs in one thing from one that decodes.
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

#include "tests/support/codec_bytes.h"

/* ---- one byte that is wrong ------------------------------------------------------------- */

/* A block that decodes and, byte by byte, what makes damage of it. Comments at the end of lines are
   the places of bytes. */
typedef void flaw_make(cb_bytes *b);

typedef struct flaw {
    const char *name;
    flaw_make *make;
    hist_type type;
    uint32_t rows;
    size_t at;
    uint8_t value; /* Instead of the one that is there. */
} flaw;

static void make_vector(cb_bytes *b)
{
    cb_u8(b, HI_ENC_INT);
    cb_u8(b, 0); /* 1: kind */
    cb_u16(b, 16);
    cb_u8(b, 8); /* 4: flags */
    cb_u8(b, 8); /* 5: width */
    cb_svarint(b, 0);
    cb_u8(b, 2); /* 7: exceptions of each quarter */
    cb_fill(b, 0, 3);
    cb_u8(b, 1);
    cb_u8(b, 1); /* 12: places */
    cb_u8(b, 2); /* 13 */
    cb_fill(b, 5, 2);
    cb_fill(b, 0, 4);
}

static void make_jumps(cb_bytes *b)
{
    cb_u8(b, HI_ENC_INT);
    cb_u8(b, 1);
    cb_svarint(b, 0);
    cb_svarint(b, 1);
    cb_u8(b, 2);
    cb_u8(b, 4);      /* 5: bits of a gap */
    cb_u8(b, 1);      /* 6: the least */
    cb_u8(b, 8);      /* 7: bits of a jump */
    cb_svarint(b, 0); /* 8 */
    cb_u8(b, 0x12);   /* 9: gaps of 3 and 2 */
    cb_fill(b, 9, 2);
}

static void put_num(cb_bytes *b, unsigned form, double param)
{
    cb_u8(b, HI_ENC_NUM);
    cb_u8(b, form);               /* 1 */
    cb_u64(b, hi_bits_of(param)); /* 2 to 9 */
    cb_regular(b, 3, 0);
}

static void make_ratio(cb_bytes *b)
{
    put_num(b, 1, 1.0);
}

static void make_ratio_odd(cb_bytes *b)
{
    put_num(b, 1, 1.5);
}

static void make_ratio_small(cb_bytes *b)
{
    put_num(b, 1, 1.0 / (1 << 15)); /* All bytes but the last are 0. */
}

static void make_product(cb_bytes *b)
{
    put_num(b, 2, 1.0);
}

static void make_product_odd(cb_bytes *b)
{
    put_num(b, 2, 1.5);
}

static void make_product_small(cb_bytes *b)
{
    put_num(b, 2, 1.0 / (1 << 15));
}

/* 1030 values: two exceptions in the first vector, one in the second. */
static void put_patches(cb_bytes *b)
{
    cb_u16(b, 2);
    cb_u16(b, 1);
    cb_u16(b, 1);
    cb_u16(b, 2);
    cb_u16(b, 3);
    for (unsigned i = 0; i < 3; i++) {
        cb_u64(b, i);
    }
}

static void make_num_patched(cb_bytes *b)
{
    cb_u8(b, HI_ENC_NUM);
    cb_u8(b, 16);   /* 1: form */
    cb_u8(b, 0);    /* 2: digits */
    put_patches(b); /* 3, 5: counts; 7, 9, 11: places */
    cb_regular(b, 3, 0);
}

static void make_rd_patched(cb_bytes *b)
{
    cb_u8(b, HI_ENC_RD);
    cb_u8(b, 16); /* 1: form */
    cb_u8(b, 48);
    cb_u8(b, 1);
    cb_u16(b, 7);
    put_patches(b); /* 6, 8: counts; 10, 12, 14: places */
    cb_regular(b, 0, 0);
    cb_regular(b, 0, 0);
}

/* 16 bytes that are two raw values, and a run of four values as well. */
static void put_values_or_runs(cb_bytes *b)
{
    static const uint8_t one_run[] = {0x81, 0x80, 0x80, 0x80, 0}; /* A long way to say 1. */

    memcpy(b->at + b->size, one_run, sizeof(one_run));
    b->size += sizeof(one_run);
    cb_u8(b, 5);
    cb_svarint(b, 3); /* The length, less one. */
    cb_u8(b, HI_ENC_RAW);
    cb_u64(b, 77);
}

/* The same with a dictionary of one entry. */
static void put_values_or_dictionary(cb_bytes *b)
{
    static const uint8_t one_entry[] = {0x81, 0x80, 0};

    memcpy(b->at + b->size, one_entry, sizeof(one_entry));
    b->size += sizeof(one_entry);
    cb_regular(b, 0, 0);
    cb_u8(b, HI_ENC_RAW);
    cb_u64(b, 77);
}

static void make_runs(cb_bytes *b)
{
    cb_u8(b, HI_ENC_RLE);
    cb_varint(b, 2);
    cb_regular(b, 1, 0);  /* 4: lengths, less one */
    cb_u8(b, HI_ENC_RAW); /* 6 */
    put_values_or_runs(b);
}

static void make_bool_runs(cb_bytes *b)
{
    cb_u8(b, HI_ENC_RLE);
    cb_varint(b, 2 * 2 + 1);
    cb_regular(b, 4, 0); /* 4: lengths, less one */
}

static void put_dictionary(cb_bytes *b)
{
    cb_u8(b, HI_ENC_DICT);
    cb_varint(b, 2);
    cb_regular(b, 1, 0);
    cb_u8(b, HI_ENC_RAW); /* 6 */
}

static void make_dictionary(cb_bytes *b)
{
    put_dictionary(b);
    put_values_or_dictionary(b);
}

static void make_dictionary_of_runs(cb_bytes *b)
{
    put_dictionary(b);
    put_values_or_runs(b);
}

/* Two strings. size and stored: what is said of the text, of which there are `bytes`. */
static void put_text(cb_bytes *b, uint64_t size, int64_t first, int64_t second, uint64_t stored,
                     size_t bytes)
{
    cb_u8(b, HI_ENC_TEXT);
    cb_varint(b, size);
    cb_u8(b, 5);
    cb_svarint(b, first);
    cb_svarint(b, second);
    cb_u8(b, HI_TEXT_RAW); /* 5 */
    cb_varint(b, stored);
    cb_fill(b, 'a', bytes);
}

static void make_text(cb_bytes *b)
{
    put_text(b, 3, 1, 2, 3, 3);
}

static void make_nulls(cb_bytes *b)
{
    cb_u8(b, HI_ENC_NULLS);
}

/* One symbol that takes no bits: the lanes end as they begin. */
static void make_cold(cb_bytes *b)
{
    cb_u8(b, HI_ENC_INT);
    cb_u8(b, 3);
    cb_fill(b, 0, 3);  /* 2: flags, 3: turns, 4: words */
    cb_fill(b, 0, 5);  /* 5: form */
    cb_fill(b, 0, 10); /* 10: states */
}

static const flaw flaws[] = {
    {"unknown model", make_vector, HIST_TYPE_LONG, 4, 0, 7},
    {"unknown model", make_vector, HIST_TYPE_LONG, 4, 0, 17},
    {"unknown stream", make_vector, HIST_TYPE_LONG, 4, 1, 6},
    {"unknown scheme", make_vector, HIST_TYPE_LONG, 4, 4, 8 | 4},
    {"unknown vector flag", make_vector, HIST_TYPE_LONG, 4, 4, 8 | 16},
    {"unknown vector flag", make_vector, HIST_TYPE_LONG, 4, 4, 8 | 32},
    {"unknown vector flag", make_vector, HIST_TYPE_LONG, 4, 4, 8 | 64},
    {"unknown vector flag", make_vector, HIST_TYPE_LONG, 4, 4, 8 | 128},
    {"bytes left in a vector", make_vector, HIST_TYPE_LONG, 4, 5, 6},
    {"places of exceptions equal", make_vector, HIST_TYPE_LONG, 4, 13, 1},
    {"places of exceptions descending", make_vector, HIST_TYPE_LONG, 4, 13, 0},
    {"place of an exception outside", make_vector, HIST_TYPE_LONG, 4, 13, 4},
    {"place of a jump outside", make_jumps, HIST_TYPE_LONG, 10, 9, 0x19},
    {"place of the second jump outside", make_jumps, HIST_TYPE_LONG, 10, 9, 0x62},
    {"places of jumps that may be equal", make_jumps, HIST_TYPE_LONG, 10, 6, 0},
    {"unknown form bit of jumps", make_jumps, HIST_TYPE_LONG, 10, 5, 4 | 16},
    {"unknown form bit of jumps", make_jumps, HIST_TYPE_LONG, 10, 5, 4 | 32},
    {"unknown form bit of jumps", make_jumps, HIST_TYPE_LONG, 10, 5, 4 | 64},
    {"bits of a jump", make_jumps, HIST_TYPE_LONG, 10, 7, 65},
    {"no jumps", make_jumps, HIST_TYPE_LONG, 10, 4, 0},
    {"unknown operation", make_ratio, HIST_TYPE_REAL, 2, 1, 3},
    {"unknown form bit", make_ratio, HIST_TYPE_REAL, 2, 1, 1 | 32},
    {"unknown form bit", make_ratio, HIST_TYPE_REAL, 2, 1, 1 | 64},
    {"unknown form bit", make_ratio, HIST_TYPE_REAL, 2, 1, 1 | 128},
    {"over infinity", make_ratio, HIST_TYPE_REAL, 2, 9, 0x7f},
    {"over -infinity", make_ratio, HIST_TYPE_REAL, 2, 9, 0xff},
    {"over NaN", make_ratio_odd, HIST_TYPE_REAL, 2, 9, 0x7f},
    {"over 0", make_ratio_small, HIST_TYPE_REAL, 2, 9, 0},
    {"over -0", make_ratio_small, HIST_TYPE_REAL, 2, 9, 0x80},
    {"times infinity", make_product, HIST_TYPE_REAL, 2, 9, 0x7f},
    {"times NaN", make_product_odd, HIST_TYPE_REAL, 2, 9, 0x7f},
    {"times 0", make_product_small, HIST_TYPE_REAL, 2, 9, 0},
    {"times -0", make_product_small, HIST_TYPE_REAL, 2, 9, 0x80},
    {"places of exceptional reals equal", make_num_patched, HIST_TYPE_REAL, 1030, 9, 1},
    {"places of exceptional reals descending", make_num_patched, HIST_TYPE_REAL, 1030, 9, 0},
    {"place of an exceptional real outside", make_num_patched, HIST_TYPE_REAL, 1030, 11, 6},
    {"place beyond any vector", make_num_patched, HIST_TYPE_REAL, 1030, 10, 4},
    {"places of reals in two equal", make_rd_patched, HIST_TYPE_REAL, 1030, 12, 1},
    {"place of a real in two outside", make_rd_patched, HIST_TYPE_REAL, 1030, 14, 6},
    {"unknown form bit of a real in two", make_rd_patched, HIST_TYPE_REAL, 1030, 1, 16 | 1},
    {"unknown form bit of a real in two", make_rd_patched, HIST_TYPE_REAL, 1030, 1, 16 | 32},
    {"runs of runs", make_runs, HIST_TYPE_LONG, 4, 6, HI_ENC_RLE},
    {"dictionary of a dictionary", make_dictionary, HIST_TYPE_LONG, 4, 6, HI_ENC_DICT},
    {"dictionary of runs", make_dictionary_of_runs, HIST_TYPE_LONG, 4, 6, HI_ENC_RLE},
    {"runs that are too long", make_runs, HIST_TYPE_LONG, 4, 4, 4},
    {"runs that are too short", make_runs, HIST_TYPE_LONG, 4, 4, 0},
    {"runs of bools that are too long", make_bool_runs, HIST_TYPE_BOOL, 10, 4, 10},
    {"runs of bools that are too short", make_bool_runs, HIST_TYPE_BOOL, 10, 4, 6},
    {"unknown kind of text", make_text, HIST_TYPE_STRING, 2, 5, 2},
    {"nulls with a validity section", make_nulls, HIST_TYPE_LONG, 9, 0, 0x80 | HI_ENC_NULLS},
    {"lane that ends elsewhere", make_cold, HIST_TYPE_LONG, 1, 10, 0x10},
};

static void one_byte_that_the_format_does_not_have_is_damage(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(flaws) / sizeof(*flaws); i++) {
        const flaw *f = &flaws[i];
        static cb_bytes b;
        uint64_t last = 0;

        b.size = 0;
        f->make(&b);
        if (cb_decode(&b, f->type, f->rows, NULL, 3, &last) != HIST_OK) {
            fail_msg("%s: it does not decode without", f->name);
        }
        assert_int_not_equal(b.at[f->at], f->value);
        b.at[f->at] = f->value;
        if (cb_decode(&b, f->type, f->rows, NULL, 3, &last) != HIST_ECORRUPT) {
            fail_msg("%s, byte %zu is %u: no damage", f->name, f->at, f->value);
        }
    }
}

/* Integers have no models of reals, and reals none of integers. */
static void models_of_another_type_are_damage(void **state)
{
    static const hist_type types[] = {HIST_TYPE_LONG, HIST_TYPE_REAL, HIST_TYPE_DATETIME,
                                      HIST_TYPE_INT};

    (void)state;
    for (size_t t = 0; t < sizeof(types) / sizeof(*types); t++) {
        const bool real = types[t] == HIST_TYPE_REAL;
        static cb_bytes b;
        uint64_t last = 0;

        b.size = 0;
        make_jumps(&b);
        assert_int_equal(cb_decode(&b, types[t], 10, NULL, 0, &last),
                         real ? HIST_ECORRUPT : HIST_OK);
        b.at[0] = HI_ENC_BITS;
        assert_int_equal(cb_decode(&b, types[t], 10, NULL, 0, &last),
                         real ? HIST_OK : HIST_ECORRUPT);
        b.size = 0;
        make_num_patched(&b);
        assert_int_equal(cb_decode(&b, types[t], 1030, NULL, 0, &last),
                         real ? HIST_OK : HIST_ECORRUPT);
        b.size = 0;
        make_rd_patched(&b);
        assert_int_equal(cb_decode(&b, types[t], 1030, NULL, 0, &last),
                         real ? HIST_OK : HIST_ECORRUPT);
    }
}

static void second_differences_of_one_value_are_damage(void **state)
{
    (void)state;
    for (uint32_t rows = 1; rows <= 2; rows++) {
        static cb_bytes b;
        uint64_t last = 0;

        b.size = 0;
        cb_u8(&b, HI_ENC_INT);
        cb_u8(&b, 0);
        cb_u16(&b, 5);
        cb_u8(&b, 3); /* DOD */
        cb_u8(&b, 0);
        cb_svarint(&b, 0);
        cb_svarint(&b, 20);
        cb_svarint(&b, 3);
        assert_int_equal(cb_decode(&b, HIST_TYPE_LONG, rows, NULL, 0, &last),
                         rows == 1 ? HIST_ECORRUPT : HIST_OK);
        assert_int_equal(last, rows == 1 ? 0 : 23);
    }
}

/* A bitmap of three rows. Where it says that none has a value, nothing follows it. */
static void validity_without_any_value_is_damage(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 8; bits++) {
        static cb_bytes b;
        uint64_t last = 0;

        b.size = 0;
        cb_u8(&b, HI_HEAD_NULLS | HI_ENC_CONST);
        cb_u8(&b, HI_ENC_BITMAP);
        cb_u8(&b, bits);
        if (bits != 0) {
            cb_svarint(&b, 6);
        }
        assert_int_equal(cb_decode(&b, HIST_TYPE_LONG, 3, NULL, 0, &last),
                         bits == 0 ? HIST_ECORRUPT : HIST_OK);
        assert_int_equal(last, bits >= 4 ? 6 : 0);
    }
}

static void text_is_what_its_lengths_say(void **state)
{
    static const struct {
        uint64_t size;
        int64_t first;
        int64_t second;
        uint64_t stored;
        size_t bytes;
        hist_status want;
    } cases[] = {
        {3, 1, 2, 3, 3, HIST_OK},        {0, 0, 0, 0, 0, HIST_OK},
        {3, 1, 3, 3, 3, HIST_ECORRUPT},  {3, 1, 1, 3, 3, HIST_ECORRUPT}, /* lengths */
        {3, -1, 4, 3, 3, HIST_ECORRUPT},                                 /* below 0 */
        {3, 4, -1, 3, 3, HIST_ECORRUPT},                                 /* and back */
        {3, 1, 2, 2, 2, HIST_ECORRUPT},  {3, 1, 2, 4, 4, HIST_ECORRUPT}, /* stored */
        {3, 1, 2, 3, 2, HIST_ECORRUPT},  {3, 1, 2, 3, 4, HIST_ECORRUPT}, /* cut, left */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        static cb_bytes b;
        uint64_t last = 0;

        b.size = 0;
        put_text(&b, cases[i].size, cases[i].first, cases[i].second, cases[i].stored,
                 cases[i].bytes);
        if (cb_decode(&b, HIST_TYPE_STRING, 2, NULL, 10, &last) != cases[i].want) {
            fail_msg("text %zu", i);
        }
    }
}

/* Codes into a dictionary of the page, with a body behind that could be a block's own entries. */
static void codes_of_a_page_without_dictionary_are_damage(void **state)
{
    uint64_t numbers[HI_VECTOR_ROWS] = {44};
    const hi_page_shared with = {.number_count = 1, .numbers = numbers};
    const hi_page_shared without = {.number_count = 0};

    (void)state;
    for (int behind = 0; behind < 2; behind++) {
        static cb_bytes b;
        uint64_t last = 0;

        b.size = 0;
        cb_u8(&b, HI_ENC_DICT);
        cb_varint(&b, 0);
        cb_regular(&b, 0, 0);
        if (behind) {
            cb_u8(&b, HI_ENC_CONST);
            cb_svarint(&b, 4);
        }
        assert_int_equal(cb_decode(&b, HIST_TYPE_LONG, 7, &with, 0, &last),
                         behind ? HIST_ECORRUPT : HIST_OK);
        assert_int_equal(last, behind ? 0 : 44);
        assert_int_equal(cb_decode(&b, HIST_TYPE_LONG, 7, &without, 0, &last), HIST_ECORRUPT);
        assert_int_equal(cb_decode(&b, HIST_TYPE_LONG, 7, NULL, 0, &last), HIST_ECORRUPT);
    }
}

/* Symbols in pairs: the first of a pair (1 of 4096 slots) takes a word that lets the second (256
   slots) end where the next pair begins. All is tail; its words are `left` words, then what the
   states of lanes 1 to 3 hold. */
static void put_pairs(cb_bytes *b, unsigned pairs, unsigned left)
{
    hi_cold_form form = {.symbols = 3, .escape = HI_COLD_NO_ESCAPE, .tables = 1};
    uint16_t word[64] = {0};

    form.freqs[0] = (hi_rans_freqs){.symbols = 3, .freq = {256, 1, 4096 - 257}};
    for (unsigned i = 0; i + 1 < pairs; i++) {
        word[i] = 1 << 12;
    }
    cb_u8(b, HI_ENC_INT);
    cb_u8(b, 3);
    cb_u8(b, 0);
    cb_varint(b, 2 * pairs / 4); /* turns of four lanes */
    cb_varint(b, left);
    b->size += hi_cold_form_put(&form, b->at + b->size);
    hi_bit_writer w = {b->at + b->size, 0};
    for (unsigned lane = 0; lane < 4; lane++) {
        hi_put_bits(&w, 0, 4);
        hi_put_bits(&w, lane == 0 ? 256 : word[left + lane - 1], 16);
    }
    b->size += hi_bits_bytes(&w);
    for (unsigned i = 0; i < left; i++) {
        cb_u16(b, word[i]);
    }
}

/* Two symbols a pair. */
static hist_status pairs_decode(unsigned pairs, unsigned left)
{
    static cb_bytes b;
    uint64_t last = 0;

    b.size = 0;
    put_pairs(&b, pairs, left);
    return cb_decode(&b, HIST_TYPE_LONG, 2 * pairs, NULL, 0, &last);
}

/* Zeroes where the decoder's words will be: as if the missing word were there by chance. */
static __attribute__((noinline)) unsigned stack_clear(void)
{
    volatile uint8_t zeroes[200 << 10];

    for (size_t i = 0; i < sizeof(zeroes); i++) {
        zeroes[i] = 0;
    }
    return zeroes[cc_noise() % sizeof(zeroes)];
}

static void a_tail_that_lacks_words_is_damage(void **state)
{
    (void)state;
    for (unsigned pairs = 2; pairs <= 5; pairs++) {
        for (unsigned left = 0; left <= 4; left++) {
            assert_int_equal(stack_clear(), 0);
            assert_int_equal(pairs_decode(pairs, left),
                             left + 3 >= pairs && left <= pairs ? HIST_OK : HIST_ECORRUPT);
        }
    }
}

static void a_tail_that_leaves_more_than_32_words_is_damage(void **state)
{
    (void)state;
    assert_int_equal(pairs_decode(35, 32), HIST_OK);
    assert_int_equal(pairs_decode(36, 33), HIST_ECORRUPT);
}

/* ---- counts that are right but for their upper bits ------------------------------------- */

static void make_wide_runs(cb_bytes *b, uint64_t above)
{
    cb_u8(b, HI_ENC_RLE);
    cb_varint(b, above + 1);
    cb_regular(b, 9, 0);
    cb_u8(b, HI_ENC_CONST);
    cb_svarint(b, 7);
}

static void make_wide_entries(cb_bytes *b, uint64_t above)
{
    cb_u8(b, HI_ENC_DICT);
    cb_varint(b, above + 1);
    cb_regular(b, 0, 0);
    cb_u8(b, HI_ENC_CONST);
    cb_svarint(b, 7);
}

static void make_wide_code(cb_bytes *b, uint64_t above)
{
    cb_u8(b, HI_ENC_DICT);
    cb_varint(b, 1);
    cb_regular(b, (int64_t)above, 0);
    cb_u8(b, HI_ENC_CONST);
    cb_svarint(b, 7);
}

static void make_wide_length(cb_bytes *b, uint64_t above)
{
    cb_u8(b, HI_ENC_RLE);
    cb_varint(b, 1);
    cb_regular(b, (int64_t)(above + 9), 0);
    cb_u8(b, HI_ENC_CONST);
    cb_svarint(b, 7);
}

static void make_wide_bool_runs(cb_bytes *b, uint64_t above)
{
    cb_u8(b, HI_ENC_RLE);
    cb_varint(b, above + 2 * 1 + 1);
    cb_regular(b, 9, 0);
}

static void make_wide_bool_length(cb_bytes *b, uint64_t above)
{
    cb_u8(b, HI_ENC_RLE);
    cb_varint(b, 2 * 1 + 1);
    cb_regular(b, (int64_t)(above + 9), 0);
}

/* The only symbol is the escape. */
static void make_wide_escapes(cb_bytes *b, uint64_t above)
{
    cb_u8(b, HI_ENC_INT);
    cb_u8(b, 3);
    cb_fill(b, 0, 3);
    cb_u8(b, 0x40); /* A form of one symbol. */
    cb_fill(b, 0, 4);
    cb_u8(b, 8);
    cb_varint(b, above + 10);
    cb_fill(b, 5, 80);
    cb_fill(b, 0, 10); /* states */
}

static const struct {
    const char *name;
    void (*make)(cb_bytes *b, uint64_t above);
    hist_type type;
} wide[] = {
    {"runs", make_wide_runs, HIST_TYPE_LONG},
    {"length of a run", make_wide_length, HIST_TYPE_LONG},
    {"entries", make_wide_entries, HIST_TYPE_LONG},
    {"code", make_wide_code, HIST_TYPE_LONG},
    {"runs of bools", make_wide_bool_runs, HIST_TYPE_BOOL},
    {"length of a run of bools", make_wide_bool_length, HIST_TYPE_BOOL},
    {"escapes", make_wide_escapes, HIST_TYPE_LONG},
};

/* Ten rows. */
static void counts_are_not_cut_to_32_bits(void **state)
{
    static const uint64_t above[] = {0, UINT64_C(1) << 16, UINT64_C(1) << 32, UINT64_C(1) << 61,
                                     UINT64_C(1) << 63};

    (void)state;
    for (size_t i = 0; i < sizeof(wide) / sizeof(*wide); i++) {
        for (size_t a = 0; a < sizeof(above) / sizeof(*above); a++) {
            static cb_bytes b;
            uint64_t last = 0;

            b.size = 0;
            wide[i].make(&b, above[a]);
            if (cb_decode(&b, wide[i].type, 10, NULL, 10, &last) !=
                (above[a] == 0 ? HIST_OK : HIST_ECORRUPT)) {
                fail_msg("%s: %llx more", wide[i].name, (unsigned long long)above[a]);
            }
        }
    }
}

/* ---- shared sections -------------------------------------------------------------------- */

static void shared_sections_with_unknown_flags_or_bytes_left_are_damage(void **state)
{
    static const uint8_t forms[] = {HI_SHARED_FORMS, 0};
    static const uint8_t numbers[] = {HI_SHARED_DICT, 1, HI_ENC_CONST, 4};
    static const uint8_t strings[] = {HI_SHARED_DICT, 1, 0, 5, 0, HI_TEXT_RAW, 0};
    static const struct {
        hist_type type;
        const uint8_t *bytes;
        size_t size;
    } cases[] = {{HIST_TYPE_LONG, forms, sizeof(forms)},
                 {HIST_TYPE_STRING, forms, sizeof(forms)},
                 {HIST_TYPE_LONG, numbers, sizeof(numbers)},
                 {HIST_TYPE_STRING, strings, sizeof(strings)}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        static cb_bytes b;

        b.size = cases[i].size;
        memcpy(b.at, cases[i].bytes, b.size);
        assert_int_equal(cb_open(&b, cases[i].type, 10), HIST_OK);
        assert_int_equal(cb_open(&b, HIST_TYPE_BOOL, 10), HIST_ECORRUPT);
        for (unsigned bit = 2; bit < 8; bit++) {
            b.at[0] = (uint8_t)(cases[i].bytes[0] | 1U << bit);
            assert_int_equal(cb_open(&b, cases[i].type, 10), HIST_ECORRUPT);
        }
        b.at[0] = cases[i].bytes[0];
        cb_u8(&b, 0);
        assert_int_equal(cb_open(&b, cases[i].type, 10), HIST_ECORRUPT);
        b.at[0] = 0; /* No flag, nothing behind. */
        b.size = 1;
        assert_int_equal(cb_open(&b, cases[i].type, 10), HIST_ECORRUPT);
    }
}

/* A million strings in the name of a few bytes: damage before memory is asked for. */
static void a_dictionary_asks_for_memory_for_what_its_bytes_can_say(void **state)
{
    uint8_t shared[64 + HI_CODEC_PAD] = {HI_SHARED_DICT};
    size_t at = 1;
    hi_page_shared opened;
    hi_mem small;

    (void)state;
    at += hi_put_varint(shared + at, 1 << 20);
    at += hi_put_varint(shared + at, 1 << 20);
    hi_mem_init(&small, NULL, NULL, 1 << 16);
    assert_int_equal(
        hi_page_shared_open(&small, HIST_TYPE_STRING, shared, at + 20, INT32_MAX, &opened),
        HIST_ECORRUPT);
}

/* Validity is runs or a bitmap, a right part is below 2^cut, and exceptions are said to be there only
   when some are. Each was taken for good once. */
static void bytes_without_a_meaning_are_damage(void **state)
{
    static const uint8_t validity[] = {HI_HEAD_NULLS | HI_ENC_CONST, HI_ENC_CONST, 1, 2};
    static const uint8_t right[] = {HI_ENC_RD, 0,    48,   1,    0,    0,    5,    0,    0, 5, 0xfe,
                                    0xff,      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2};
    static const uint8_t patched[] = {HI_ENC_NUM, HI_FORM_PATCHED, 1, 0, 0, 5, 2, 4};
    static const struct {
        hist_type type;
        const uint8_t *bytes;
        size_t size;
    } cases[] = {{HIST_TYPE_LONG, validity, sizeof(validity)},
                 {HIST_TYPE_REAL, right, sizeof(right)},
                 {HIST_TYPE_REAL, patched, sizeof(patched)}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        cc_room got = cc_room_new(0);
        uint8_t *src = cc_padded_copy(cases[i].bytes, cases[i].size);
        hi_decoded d;

        assert_int_equal(hi_block_decode(cases[i].type, src, cases[i].size, 2, NULL, &got.r, &d),
                         HIST_ECORRUPT);
        free(src);
        cc_room_free(&got);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(bytes_without_a_meaning_are_damage),
    cmocka_unit_test(one_byte_that_the_format_does_not_have_is_damage),
    cmocka_unit_test(models_of_another_type_are_damage),
    cmocka_unit_test(second_differences_of_one_value_are_damage),
    cmocka_unit_test(validity_without_any_value_is_damage),
    cmocka_unit_test(text_is_what_its_lengths_say),
    cmocka_unit_test(codes_of_a_page_without_dictionary_are_damage),
    cmocka_unit_test(a_tail_that_lacks_words_is_damage),
    cmocka_unit_test(a_tail_that_leaves_more_than_32_words_is_damage),
    cmocka_unit_test(a_dictionary_asks_for_memory_for_what_its_bytes_can_say),
    cmocka_unit_test(counts_are_not_cut_to_32_bits),
    cmocka_unit_test(shared_sections_with_unknown_flags_or_bytes_left_are_damage),
};

CC_MAIN(tests)
