/* test_codec_damage.c -- damaged bytes give an error or values, and nothing is touched outside. */
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

/* ---- damage ----------------------------------------------------------------------------- */

/* Rooms of exact size, so that ASan sees a byte read or written too much. */
typedef struct victim {
    cc_room got;
    hi_page_shared shared;
    uint32_t rows;
} victim;

static void victim_decode(const victim *v, const uint8_t *bytes, size_t size)
{
    uint8_t *src = cc_padded_copy(bytes, size);
    hi_decoded d;
    size_t text = 0;
    hist_status status = hi_block_decode(cc.v.type, src, size, v->rows, &v->shared, &v->got.r, &d);

    assert_true(status == HIST_OK || status == HIST_ECORRUPT || status == HIST_EINVAL);
    if (status == HIST_OK && d.codes) {
        for (uint32_t i = 0; i < v->rows; i++) {
            assert_true(((const uint32_t *)v->got.r.data)[i] < v->shared.dict.count);
        }
    } else if (status == HIST_OK && cc.v.type == HIST_TYPE_STRING) {
        for (uint32_t i = 0; i < v->rows; i++) {
            assert_true(v->got.r.offsets[i] <= v->got.r.offsets[i + 1]);
        }
        assert_true((size_t)v->got.r.offsets[v->rows] <= v->got.r.bytes_size);
    }
    if (cc.v.type == HIST_TYPE_STRING) {
        status = hi_block_text_size(src, size, v->rows, &text);
    } else if (cc.v.type != HIST_TYPE_BOOL) {
        status = hi_block_decode_vectors(cc.v.type, src, size, v->rows, &v->shared,
                                         (v->rows - 1) / HI_VECTOR_ROWS, 1, &v->got.r, &d);
    }
    assert_true(status == HIST_OK || status == HIST_ECORRUPT || status == HIST_EINVAL);
    free(src);
}

static void damage_shared(uint8_t *section, size_t size)
{
    hi_page_shared shared;

    for (size_t i = 0; i < size; i++) {
        const uint8_t was = section[i];

        section[i] = (uint8_t)cc_noise();
        const hist_status status = hi_page_shared_open(&cc_mem, cc.v.type, section, size, 1 << 20, &shared);
        assert_true(status == HIST_OK || status == HIST_ECORRUPT);
        hi_page_shared_free(&cc_mem, &shared);
        section[i] = was;
        uint8_t *cut = cc_padded_copy(section, i);
        assert_int_equal(hi_page_shared_open(&cc_mem, cc.v.type, cut, i, 1 << 20, &shared),
                         i == 0 ? HIST_OK : HIST_ECORRUPT);
        hi_page_shared_free(&cc_mem, &shared);
        free(cut);
    }
}

static void damage_block(const victim *v, const uint8_t *block, size_t size)
{
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    uint8_t *copy = cc_padded_copy(block, size);
    const size_t step = size < 700 || getenv("HIST_LONG") != NULL ? 1 : size / 350;

    for (size_t i = 0; i < size; i += i < 128 ? 1 : step) {
        for (size_t m = 0; m < sizeof(masks); m++) {
            copy[i] = block[i] ^ masks[m];
            victim_decode(v, copy, size);
        }
        copy[i] = block[i];
        victim_decode(v, copy, i);
    }
    for (int round = 0; round < 100; round++) {
        const size_t at = (size_t)(cc_noise() % size);
        const size_t other = (size_t)(cc_noise() % (size < 64 ? size : 64));

        copy[at] = (uint8_t)cc_noise();
        copy[other] = (uint8_t)cc_noise();
        victim_decode(v, copy, size);
        copy[at] = block[at];
        copy[other] = block[other];
    }
    free(copy);
}

static void damage(hist_type type, int shape, int nulls, uint32_t rows, hi_profile profile)
{
    cc_page p;
    victim v = {.rows = rows};

    cc_fill(type, shape, nulls, rows);
    cc_page_cut(&p, rows, rows);
    cc_page_encode(&p, profile);
    uint8_t *shared = cc_padded_copy((uint8_t *)p.bytes.data, p.shared_size);
    assert_int_equal(hi_page_shared_open(&cc_mem, cc.v.type, shared, p.shared_size, 1 << 20, &v.shared), HIST_OK);
    damage_shared(shared, p.shared_size);
    v.got = cc_room_new(type == HIST_TYPE_STRING ? (size_t)cc.offsets[rows] : 0);
    damage_block(&v, (const uint8_t *)p.bytes.data + p.blocks[0].offset, p.blocks[0].size);
    cc_room_free(&v.got);
    hi_page_shared_free(&cc_mem, &v.shared);
    free(shared);
    hi_buf_free(&p.bytes);
}

static void damaged_blocks_give_errors_or_values_and_never_reach_outside(void **state)
{
    (void)state;
    cc_seed = 61;
    for (size_t t = 0; t < CC_TYPES; t++) {
        for (int shape = 0; shape < SHAPE_COUNT; shape++) {
            const uint32_t rows = shape % 3 == 0 ? 1100 : 90;
            damage(cc_types[t], shape, shape % 3, rows,
                   shape % 4 == 3 ? HI_PROFILE_COLD : HI_PROFILE_WARM);
        }
    }
}

static void a_block_cut_short_or_continued_is_damage(void **state)
{
    (void)state;
    cc_seed = 71;
    for (size_t t = 0; t < CC_TYPES; t++) {
        cc_page p;
        hi_decoded d;
        hi_page_shared shared;

        cc_fill(cc_types[t], SHAPE_WALK, NULLS_FEW, 2000);
        cc_page_cut(&p, 2000, 2000);
        cc_page_encode(&p, HI_PROFILE_WARM);
        cc_room got = cc_room_new((size_t)cc.v.rows * 24);
        assert_int_equal(
            hi_page_shared_open(&cc_mem, cc.v.type, (uint8_t *)p.bytes.data, p.shared_size, 1 << 20, &shared), HIST_OK);
        const size_t size = p.blocks[0].size;
        uint8_t *src = cc_padded_copy((uint8_t *)p.bytes.data + p.blocks[0].offset, size);
        assert_int_equal(hi_block_decode(cc_types[t], src, size - 1, 2000, &shared, &got.r, &d),
                         HIST_ECORRUPT);
        assert_int_equal(hi_block_decode(cc_types[t], src, size + 1, 2000, &shared, &got.r, &d),
                         HIST_ECORRUPT);
        assert_int_equal(hi_block_decode(cc_types[t], src, size, 8193, &shared, &got.r, &d),
                         HIST_ECORRUPT);
        assert_int_equal(hi_block_decode(cc_types[t], src, 0, 2000, &shared, &got.r, &d),
                         HIST_ECORRUPT);
        cc_room_free(&got);
        hi_page_shared_free(&cc_mem, &shared);
        free(src);
        hi_buf_free(&p.bytes);
    }
}

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
    cb_u8(b, 1);
    cb_u16(b, 3); /* 6: places */
    cb_u16(b, 5); /* 8 */
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

/* 16 bytes that are two raw values, and a run of two values as well. */
static void put_values_or_runs(cb_bytes *b)
{
    static const uint8_t one_run[] = {0x81, 0x80, 0x80, 0x80, 0}; /* A long way to say 1. */

    memcpy(b->at + b->size, one_run, sizeof(one_run));
    b->size += sizeof(one_run);
    cb_u8(b, 5);
    cb_svarint(b, 1); /* The length, less one. */
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
    cb_regular(b, 1, 0);
    cb_u8(b, HI_ENC_RAW); /* 6 */
    put_values_or_runs(b);
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

static void make_text(cb_bytes *b)
{
    cb_u8(b, HI_ENC_TEXT);
    cb_varint(b, 3);
    cb_u8(b, 5);
    cb_svarint(b, 1);      /* 3: lengths */
    cb_svarint(b, 2);      /* 4 */
    cb_u8(b, HI_TEXT_RAW); /* 5 */
    cb_varint(b, 3);       /* 6 */
    cb_fill(b, 'a', 3);
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
    {"places of jumps equal", make_jumps, HIST_TYPE_LONG, 10, 8, 3},
    {"places of jumps descending", make_jumps, HIST_TYPE_LONG, 10, 8, 2},
    {"place of a jump outside", make_jumps, HIST_TYPE_LONG, 10, 8, 10},
    {"jump at the first value", make_jumps, HIST_TYPE_LONG, 10, 6, 0},
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
    {"lengths beyond the text", make_text, HIST_TYPE_STRING, 2, 4, 6},
    {"lengths below the text", make_text, HIST_TYPE_STRING, 2, 4, 2},
    {"length below 0", make_text, HIST_TYPE_STRING, 2, 3, 1},
    {"unknown kind of text", make_text, HIST_TYPE_STRING, 2, 5, 2},
    {"text beyond the block", make_text, HIST_TYPE_STRING, 2, 6, 4},
    {"text that is not all", make_text, HIST_TYPE_STRING, 2, 6, 2},
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

/* Symbols in pairs: the first of a pair (1 of 4096 slots) takes a word that lets the second (256
   slots) end where the next pair begins. All is tail; its words are `left` words, then what the
   states of lanes 1 to 3 hold. */
static void put_pairs(cb_bytes *b, unsigned pairs, unsigned left)
{
    hi_cold_form form = {.symbols = 3, .escape = HI_COLD_NO_ESCAPE, .tables = 1};
    uint16_t word[8] = {0};

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
            static cb_bytes b;
            uint64_t last = 0;

            b.size = 0;
            put_pairs(&b, pairs, left);
            assert_int_equal(stack_clear(), 0);
            assert_int_equal(cb_decode(&b, HIST_TYPE_LONG, 2 * pairs, NULL, 0, &last),
                             left + 3 >= pairs && left <= pairs ? HIST_OK : HIST_ECORRUPT);
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

/* More entries than memory has addresses, where size_t has 32 bits. */
static void a_dictionary_that_counts_more_than_memory_holds_is_refused(void **state)
{
    uint8_t shared[64] = {HI_SHARED_DICT};
    size_t at = 1;
    hi_page_shared opened;

    (void)state;
    at += hi_put_varint(shared + at, UINT64_C(1) << 30);
    at += hi_put_varint(shared + at, UINT64_C(1) << 30);
    for (int i = 0; i < 4; i++) {
        memcpy(shared + at, "\2\0\0", 3); /* 8192 empty texts. */
        at += 3;
    }
    const hist_status status =
        hi_page_shared_open(&cc_mem, HIST_TYPE_STRING, shared, at, INT32_MAX, &opened);
    assert_true(status == HIST_ECORRUPT || status == HIST_ENOMEM);
}

/* |n| >= 2^51 has no meaning in NUM: damage, or at least the same value on every CPU. */
static void numbers_out_of_range_are_the_same_on_every_cpu(void **state)
{
    const hi_codec_kernels *const kernels[] = {&hi_codec_kernels_base, hi_codec_kernels_pick()};
    /* 0.1 * n, twice; n makes an infinity of the adding trick. */
    uint8_t block[32] = {HI_ENC_NUM, 0, 1, 5};
    size_t at = 4;
    uint64_t first[2] = {0};
    hist_status statuses[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        at += hi_put_varint(block + at, hi_zigzag((int64_t)(UINT64_C(0x7ff0000000000000) -
                                                            UINT64_C(0x4338000000000000))));
    }
    for (size_t k = 0; k < 2; k++) {
        cc_room got = cc_room_new(0);
        uint8_t *src = cc_padded_copy(block, at);
        hi_decoded d;

        statuses[k] =
            hi_block_decode_with(kernels[k], HIST_TYPE_REAL, src, at, 2, NULL, &got.r, &d);
        memcpy(&first[k], got.r.data, sizeof(first[k]));
        free(src);
        cc_room_free(&got);
    }
    assert_int_equal(statuses[0], statuses[1]);
    assert_true(statuses[0] != HIST_OK || first[0] == first[1]);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(numbers_out_of_range_are_the_same_on_every_cpu),
    cmocka_unit_test(damaged_blocks_give_errors_or_values_and_never_reach_outside),
    cmocka_unit_test(a_block_cut_short_or_continued_is_damage),
    cmocka_unit_test(one_byte_that_the_format_does_not_have_is_damage),
    cmocka_unit_test(models_of_another_type_are_damage),
    cmocka_unit_test(second_differences_of_one_value_are_damage),
    cmocka_unit_test(validity_without_any_value_is_damage),
    cmocka_unit_test(a_tail_that_lacks_words_is_damage),
    cmocka_unit_test(shared_sections_with_unknown_flags_or_bytes_left_are_damage),
    cmocka_unit_test(a_dictionary_that_counts_more_than_memory_holds_is_refused),
};

CC_MAIN(tests)
