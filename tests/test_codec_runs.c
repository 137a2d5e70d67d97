/*
 * test_codec_runs.c -- runs of a whole page: what encoders make of them, and what decoders take.
 * Numbers of the format are literals here, as in codec_bytes.h.
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
#include "tests/support/fuzz_codec.h"

enum { PAGE_RUNS = 12, PAGE_FLAG = 4, TYPES = 4 };

static const hist_type types[TYPES] = {HIST_TYPE_LONG, HIST_TYPE_REAL, HIST_TYPE_DATETIME,
                                       HIST_TYPE_INT};
static const hi_profile profiles[2] = {HI_PROFILE_WARM, HI_PROFILE_COLD};

/* ---- pages ------------------------------------------------------------------------------ */

static uint64_t column_word(uint32_t i)
{
    return cc.v.type == HIST_TYPE_INT ? ((const uint32_t *)cc.v.data)[i] : cc.data[i];
}

static void column_set(uint32_t i, uint64_t value)
{
    if (cc.v.type == HIST_TYPE_INT) {
        ((uint32_t *)cc.data)[i] = (uint32_t)value;
    } else {
        cc.data[i] = cc.v.type == HIST_TYPE_REAL ? hi_bits_of((double)(int64_t)value / 8) : value;
    }
}

/* `runs` runs of `length` rows, the last one of what is left. Neighbours differ. */
static void fill_runs(hist_type type, int nulls, uint32_t rows, uint32_t runs, uint32_t length)
{
    uint64_t value = 0;

    cc_fill(type, SHAPE_CONST, nulls, rows);
    for (uint32_t i = 0; i < rows; i++) {
        if (i % length == 0 && i / length < runs) {
            value = (value + 1 + cc_noise() % 30) % 100;
        }
        column_set(i, value);
    }
}

static void check_block(const cc_page *p, uint32_t b, uint32_t first, const hi_page_shared *shared,
                        const hi_codec_kernels *kern)
{
    const hi_block_info *info = &p->blocks[b];
    uint8_t *src = cc_padded_copy((uint8_t *)p->bytes.data + info->offset, info->size);
    cc_room got = cc_room_new(0);
    hi_decoded d;

    assert_int_equal(
        hi_block_decode_with(kern, cc.v.type, src, info->size, info->rows, shared, &got.r, &d),
        HIST_OK);
    for (uint32_t i = 0; i < info->rows; i++) {
        const bool valid = cc.v.valid == NULL || hist_bit_get(cc.v.valid, first + i);
        const uint64_t word =
            cc.v.type == HIST_TYPE_INT ? ((const uint32_t *)got.r.data)[i] : got.data[i];

        assert_int_equal(hist_bit_get(got.r.valid, i), valid);
        if (word != (valid ? column_word(first + i) : 0)) {
            fail_msg("type %d, block %u, row %u", cc.v.type, b, i);
        }
    }
    cc_room_free(&got);
    free(src);
}

static uint32_t last_run_count; /* Of the page last checked. */

/* Everything comes back, with every variant. Returns how many blocks are of the page's runs. */
static uint32_t check_page(const cc_page *p)
{
    const fz_variants *here = fz_variants_here();
    uint8_t *section = cc_padded_copy((uint8_t *)p->bytes.data, p->shared_size);
    hi_page_shared shared;
    uint32_t of_page = 0;

    assert_int_equal(hi_page_shared_open(&cc_mem, cc.v.type, section, p->shared_size, 0, &shared),
                     HIST_OK);
    for (uint32_t k = 0; k < here->count; k++) {
        uint32_t first = 0;

        of_page = 0;
        for (uint32_t b = 0; b < p->block_count; first += p->block_rows[b++]) {
            check_block(p, b, first, &shared, here->kern[k]);
            of_page += p->blocks[b].encoding == PAGE_RUNS;
        }
    }
    assert_int_equal(shared.run_count > 0, of_page > 0);
    last_run_count = shared.run_count;
    hi_page_shared_free(&cc_mem, &shared);
    free(section);
    return of_page;
}

static uint32_t encode_and_check(uint32_t rows, uint32_t each, hi_profile profile)
{
    cc_page p;

    cc_page_cut(&p, rows, each);
    cc_page_encode(&p, profile);
    const uint32_t of_page = check_page(&p);
    hi_buf_free(&p.bytes);
    return of_page;
}

/* Runs of 700 rows in blocks of 1024: nearly every block ends within one. */
static void runs_that_cross_blocks_come_back(void **state)
{
    (void)state;
    cc_seed = 201;
    for (size_t t = 0; t < TYPES; t++) {
        for (int nulls = 0; nulls < NULLS_COUNT; nulls++) {
            for (size_t i = 0; i < 2; i++) {
                fill_runs(types[t], nulls, 16384, 100, 700);
                const uint32_t of_page = encode_and_check(16384, 1024, profiles[i]);

                if (nulls == NULLS_NONE) {
                    assert_int_equal(of_page, 16);
                    assert_int_equal(last_run_count, (16384 + 699) / 700);
                } else if (nulls == NULLS_ALL) {
                    assert_int_equal(of_page, 0);
                }
            }
        }
    }
}

static void blocks_of_a_row_come_back(void **state)
{
    (void)state;
    cc_seed = 202;
    for (size_t t = 0; t < TYPES; t++) {
        for (int nulls = 0; nulls < NULLS_COUNT; nulls++) {
            for (size_t i = 0; i < 2; i++) {
                fill_runs(types[t], nulls, CC_BLOCKS_MAX, 3, 30);
                (void)encode_and_check(CC_BLOCKS_MAX, 1, profiles[i]);
            }
        }
    }
    fill_runs(HIST_TYPE_REAL, NULLS_NONE, CC_BLOCKS_MAX, 3, 30);
    assert_int_equal(encode_and_check(CC_BLOCKS_MAX, 1, HI_PROFILE_WARM), CC_BLOCKS_MAX);
}

static void a_page_of_one_block_has_no_runs_of_its_own(void **state)
{
    (void)state;
    cc_seed = 203;
    for (size_t t = 0; t < TYPES; t++) {
        for (size_t i = 0; i < 2; i++) {
            fill_runs(types[t], NULLS_NONE, 8000, 100, 80);
            assert_int_equal(encode_and_check(8000, 8000, profiles[i]), 0);
        }
    }
}

/* 20000 rows are enough for 4097 runs of 3, in blocks of RLE. */
static void a_page_has_up_to_4096_runs(void **state)
{
    (void)state;
    cc_seed = 204;
    for (uint32_t runs = 4095; runs <= 4097; runs++) {
        fill_runs(HIST_TYPE_LONG, NULLS_NONE, CC_ROWS_MAX, runs, 4);
        assert_int_equal(encode_and_check(CC_ROWS_MAX, 4000, HI_PROFILE_COLD),
                         runs <= 4096 ? 5 : 0);
    }
}

/* Every fourth block is noise. */
static void blocks_of_other_models_keep_them(void **state)
{
    (void)state;
    cc_seed = 205;
    for (size_t t = 0; t < TYPES; t++) {
        for (size_t i = 0; i < 2; i++) {
            fill_runs(types[t], i == 0 ? NULLS_NONE : NULLS_FEW, 16384, 200, 85);
            for (uint32_t row = 0; row < 16384; row++) {
                if (row / 1024 % 4 == 2) {
                    column_set(row, cc_noise() % 5000);
                }
            }
            assert_int_equal(encode_and_check(16384, 1024, profiles[i]), 12);
        }
    }
}

/* Constant blocks that are all alike would not gain a byte. */
static void integers_that_never_change_stay_as_they_are(void **state)
{
    (void)state;
    cc_seed = 206;
    fill_runs(HIST_TYPE_LONG, NULLS_NONE, 16384, 1, 16384);
    assert_int_equal(encode_and_check(16384, 1024, HI_PROFILE_WARM), 0);
    assert_int_equal(encode_and_check(16384, 1024, HI_PROFILE_COLD), 0);
}

/* Constant blocks of 9 bytes against 14 for all and 3 for each but the first: a shared section has to
   save more than the 9 bytes it takes elsewhere. */
static void a_shared_section_saves_more_than_its_checksum(void **state)
{
    (void)state;
    cc_seed = 210;
    for (uint32_t blocks = 2; blocks < 9; blocks++) {
        fill_runs(HIST_TYPE_REAL, NULLS_NONE, blocks * 1000, 1, blocks * 1000);
        assert_int_equal(encode_and_check(blocks * 1000, 1000, HI_PROFILE_WARM),
                         blocks < 4 ? 0 : blocks);
    }
}

static void pages_of_runs_are_the_same_on_every_cpu(void **state)
{
    const fz_variants *here = fz_variants_here();

    (void)state;
    for (uint32_t k = 0; k < here->count; k++) {
        static cc_page p[2];

        cc_seed = 207;
        fill_runs(HIST_TYPE_REAL, NULLS_FEW, 16384, 300, 55);
        for (int turn = 0; turn < 2; turn++) {
            hi_encoder_use(cc_encoder, turn == 0 ? here->kern[k] : hi_codec_kernels_pick());
            cc_page_cut(&p[turn], 16384, 2048);
            cc_page_encode(&p[turn], HI_PROFILE_COLD);
        }
        assert_int_equal(p[0].bytes.size, p[1].bytes.size);
        assert_memory_equal(p[0].bytes.data, p[1].bytes.data, p[0].bytes.size);
        hi_buf_free(&p[0].bytes);
        hi_buf_free(&p[1].bytes);
    }
}

/* ---- strings ---------------------------------------------------------------------------- */

static const char *const states[] = {"idle", "run", "", "fault"};

static void fill_states(int nulls, uint32_t rows)
{
    cc_fill(HIST_TYPE_STRING, SHAPE_CONST, nulls, rows);
    cc.offsets[0] = 0;
    for (uint32_t i = 0; i < rows; i++) {
        const char *word = states[i / 97 * 5 % 7 % 4];

        memcpy(cc.bytes + cc.offsets[i], word, strlen(word));
        cc.offsets[i + 1] = cc.offsets[i] + (int32_t)strlen(word);
    }
}

/* Codes of a block are those of the words. */
static void check_states(const cc_page *p, uint32_t b, uint32_t first, const hi_page_shared *shared)
{
    const hi_block_info *info = &p->blocks[b];
    uint8_t *src = cc_padded_copy((uint8_t *)p->bytes.data + info->offset, info->size);
    cc_room got = cc_room_new(0);
    hi_decoded d;

    assert_int_equal(hi_block_decode(cc.v.type, src, info->size, info->rows, shared, &got.r, &d),
                     HIST_OK);
    assert_true(d.codes);
    for (uint32_t i = 0; i < info->rows; i++) {
        const int32_t code = ((const int32_t *)got.r.data)[i];
        const int32_t *from = shared->dict.offsets + code;
        const uint32_t row = first + i;
        const int32_t length = cc.offsets[row + 1] - cc.offsets[row];

        if (cc.v.valid == NULL || hist_bit_get(cc.v.valid, row)) {
            assert_int_equal(from[1] - from[0], length);
            assert_memory_equal(shared->dict.bytes + from[0], cc.bytes + cc.offsets[row],
                                (size_t)length);
        }
    }
    cc_room_free(&got);
    free(src);
}

static void states_in_words_come_back(void **state)
{
    (void)state;
    cc_seed = 208;
    for (int way = 0; way < 4; way++) {
        cc_page p;
        hi_page_shared shared;
        uint32_t first = 0;

        fill_states(way % 2 == 0 ? NULLS_NONE : NULLS_LONG, 9000);
        cc_page_cut(&p, 9000, 1000);
        cc_page_encode(&p, profiles[way / 2]);
        uint8_t *section = cc_padded_copy((uint8_t *)p.bytes.data, p.shared_size);
        assert_int_equal(
            hi_page_shared_open(&cc_mem, cc.v.type, section, p.shared_size, 1000, &shared),
            HIST_OK);
        assert_true(shared.run_count > 0);
        assert_int_equal(shared.dict.count, 4);
        for (uint32_t b = 0; b < p.block_count; first += p.block_rows[b++]) {
            assert_true(p.blocks[b].encoding == HI_ENC_DICT ||
                        p.blocks[b].encoding == HI_ENC_NULLS);
            check_states(&p, b, first, &shared);
        }
        hi_page_shared_free(&cc_mem, &shared);
        free(section);
        hi_buf_free(&p.bytes);
    }
}

/* ---- bytes ------------------------------------------------------------------------------ */

/* Three runs, of 3, 4 and 5 values: 50, 60, 70. */
static void put_section(cb_bytes *b)
{
    b->size = 0;
    cb_u8(b, PAGE_FLAG);
    cb_varint(b, 3);
    cb_regular(b, 2, 1);
    cb_u8(b, HI_ENC_INT);
    cb_regular(b, 50, 10);
}

static hist_status decode_from(const hi_page_shared *shared, hist_type type, uint64_t from,
                               uint32_t rows, uint64_t *last)
{
    static cb_bytes b;

    b.size = 0;
    cb_u8(&b, PAGE_RUNS);
    cb_varint(&b, from);
    return cb_decode(&b, type, rows, shared, 0, last);
}

static void a_block_is_within_the_runs(void **state)
{
    static cb_bytes b;
    hi_page_shared shared;
    uint64_t last = 0;

    (void)state;
    put_section(&b);
    uint8_t *section = cc_padded_copy(b.at, b.size);
    assert_int_equal(hi_page_shared_open(&cc_mem, HIST_TYPE_LONG, section, b.size, 0, &shared),
                     HIST_OK);
    for (uint32_t from = 0; from <= 14; from++) {
        for (uint32_t rows = 1; rows <= 14; rows++) {
            const uint32_t end = from + rows;

            assert_int_equal(decode_from(&shared, HIST_TYPE_LONG, from, rows, &last),
                             end <= 12 ? HIST_OK : HIST_ECORRUPT);
            if (end <= 12) {
                assert_int_equal(last, end <= 3 ? 50 : end <= 7 ? 60 : 70);
            }
        }
    }
    for (unsigned bit = 4; bit < 64; bit++) {
        assert_int_equal(decode_from(&shared, HIST_TYPE_LONG, UINT64_C(1) << bit, 1, &last),
                         HIST_ECORRUPT);
        assert_int_equal(decode_from(&shared, HIST_TYPE_LONG, 0 - (UINT64_C(1) << bit), 1, &last),
                         HIST_ECORRUPT);
    }
    hi_page_shared_free(&cc_mem, &shared);
    free(section);
}

static void a_block_needs_runs_of_its_page(void **state)
{
    const hi_page_shared nothing = {.number_count = 0};
    uint64_t last = 0;

    (void)state;
    assert_int_equal(decode_from(&nothing, HIST_TYPE_LONG, 0, 1, &last), HIST_ECORRUPT);
    assert_int_equal(decode_from(NULL, HIST_TYPE_LONG, 0, 1, &last), HIST_ECORRUPT);
    assert_int_equal(decode_from(&nothing, HIST_TYPE_BOOL, 0, 1, &last), HIST_ECORRUPT);
    assert_int_equal(decode_from(&nothing, HIST_TYPE_STRING, 0, 1, &last), HIST_ECORRUPT);
}

/* What is below, in a page that has runs of 12 values. */
static void no_model_is_made_of_runs_of_the_page(void **state)
{
    static cb_bytes b;
    hi_page_shared shared;
    uint64_t last = 0;

    (void)state;
    put_section(&b);
    uint8_t *section = cc_padded_copy(b.at, b.size);
    assert_int_equal(hi_page_shared_open(&cc_mem, HIST_TYPE_LONG, section, b.size, 0, &shared),
                     HIST_OK);
    for (unsigned model = HI_ENC_INT; model <= PAGE_RUNS; model += PAGE_RUNS - HI_ENC_INT) {
        for (int dict = 0; dict < 2; dict++) {
            b.size = 0;
            cb_u8(&b, dict ? HI_ENC_DICT : HI_ENC_RLE);
            cb_varint(&b, 2);
            cb_regular(&b, dict ? 0 : 2, 0); /* Codes, or 2 runs of 3. */
            cb_u8(&b, model);
            if (model == PAGE_RUNS) {
                cb_varint(&b, 0);
            } else {
                cb_regular(&b, 8, 1);
            }
            assert_int_equal(cb_decode(&b, HIST_TYPE_LONG, 6, &shared, 0, &last),
                             model == PAGE_RUNS ? HIST_ECORRUPT : HIST_OK);
        }
    }
    hi_page_shared_free(&cc_mem, &shared);
    free(section);
}

/* Runs of a page are of a dictionary or flat. */
static void runs_of_a_page_are_not_of_runs(void **state)
{
    static const unsigned models[] = {HI_ENC_CONST, HI_ENC_RLE, PAGE_RUNS};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        static cb_bytes b;

        b.size = 0;
        cb_u8(&b, PAGE_FLAG);
        cb_varint(&b, 2);
        cb_regular(&b, 5, 0);
        cb_u8(&b, models[i]);
        if (models[i] == HI_ENC_RLE) {
            cb_varint(&b, 1);
            cb_regular(&b, 1, 0);
            cb_u8(&b, HI_ENC_CONST);
        }
        cb_svarint(&b, 0);
        assert_int_equal(cb_open(&b, HIST_TYPE_LONG, 0), i == 0 ? HIST_OK : HIST_ECORRUPT);
    }
}

/* Two runs, the first of `length` values, the second of one more. */
static hist_status open_lengths(uint64_t length)
{
    static cb_bytes b;

    b.size = 0;
    cb_u8(&b, PAGE_FLAG);
    cb_varint(&b, 2);
    cb_regular(&b, (int64_t)(length - 1), 1);
    cb_u8(&b, HI_ENC_CONST);
    cb_svarint(&b, 1);
    return cb_open(&b, HIST_TYPE_LONG, 0);
}

static void runs_of_a_page_are_below_2_to_the_32_values(void **state)
{
    (void)state;
    assert_int_equal(open_lengths(1), HIST_OK);
    assert_int_equal(open_lengths(0x7fffffff), HIST_OK);
    assert_int_equal(open_lengths(0x80000000), HIST_ECORRUPT);
    assert_int_equal(open_lengths(0xffffffff), HIST_ECORRUPT);
    assert_int_equal(open_lengths(UINT64_C(1) << 32), HIST_ECORRUPT);
    assert_int_equal(open_lengths((UINT64_C(1) << 63) + 5), HIST_ECORRUPT);
    assert_int_equal(open_lengths(0), HIST_ECORRUPT);
}

static void runs_of_ids_have_32_bits(void **state)
{
    static cb_bytes b;

    (void)state;
    for (unsigned beyond = 0; beyond < 2; beyond++) {
        b.size = 0;
        cb_u8(&b, PAGE_FLAG);
        cb_varint(&b, 2);
        cb_regular(&b, 5, 0);
        cb_u8(&b, HI_ENC_INT);
        cb_regular(&b, (int64_t)UINT32_MAX - 1 + beyond, 1);
        assert_int_equal(cb_open(&b, HIST_TYPE_LONG, 0), HIST_OK);
        assert_int_equal(cb_open(&b, HIST_TYPE_INT, 0), beyond ? HIST_ECORRUPT : HIST_OK);
    }
}

static void runs_of_codes_stand_beside_a_dictionary(void **state)
{
    static cb_bytes b;

    (void)state;
    for (int dict = 0; dict < 2; dict++) {
        b.size = 0;
        cb_u8(&b, PAGE_FLAG | (dict ? 1 : 0));
        if (dict) {
            cb_varint(&b, 1);
            cb_varint(&b, 1);
            cb_regular(&b, 1, 0);
            cb_u8(&b, 0);
            cb_varint(&b, 1);
            cb_u8(&b, 'x');
        }
        cb_varint(&b, 1);
        cb_regular(&b, 5, 0);
        cb_u8(&b, HI_ENC_CONST);
        cb_svarint(&b, 0);
        assert_int_equal(cb_open(&b, HIST_TYPE_STRING, 9), dict ? HIST_OK : HIST_ECORRUPT);
        assert_int_equal(cb_open(&b, HIST_TYPE_BOOL, 9), HIST_ECORRUPT);
    }
}

/* ---- damage ----------------------------------------------------------------------------- */

/* Sections with a byte changed, or cut short, open or do not; blocks of those that do decode to an
   error or to anything, which folds and comparisons agree with. */
static void damage_section(cc_page *p, uint8_t *section, size_t size, const cb_bytes *block)
{
    hi_page_shared shared;
    uint64_t last = 0;

    if (hi_page_shared_open(&cc_mem, cc.v.type, section, size, 0, &shared) == HIST_OK) {
        const hist_status status = cb_decode(block, cc.v.type, p->block_rows[1], &shared, 0, &last);

        assert_true(status == HIST_OK || status == HIST_ECORRUPT);
    }
    hi_page_shared_free(&cc_mem, &shared);
}

static void damaged_runs_of_a_page_are_errors_or_values(void **state)
{
    (void)state;
    cc_seed = 209;
    for (size_t t = 0; t < 2 * TYPES; t++) {
        static cb_bytes block;
        cc_page p;

        fill_runs(types[t / 2], NULLS_NONE, 6000, 200, 35);
        cc_page_cut(&p, 6000, 2000);
        cc_page_encode(&p, profiles[t % 2]);
        assert_int_equal(p.blocks[1].encoding, PAGE_RUNS);
        block.size = p.blocks[1].size;
        memcpy(block.at, p.bytes.data + p.blocks[1].offset, block.size);
        uint8_t *section = cc_padded_copy((uint8_t *)p.bytes.data, p.shared_size);
        for (size_t i = 0; i < p.shared_size; i++) {
            const uint8_t was = section[i];

            section[i] = (uint8_t)(i % 2 == 0 ? cc_noise() : was ^ 1U << cc_noise() % 8);
            damage_section(&p, section, p.shared_size, &block);
            section[i] = was;
            uint8_t *cut = cc_padded_copy(section, i);
            damage_section(&p, cut, i, &block);
            free(cut);
        }
        free(section);
        hi_buf_free(&p.bytes);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(runs_that_cross_blocks_come_back),
    cmocka_unit_test(blocks_of_a_row_come_back),
    cmocka_unit_test(a_page_of_one_block_has_no_runs_of_its_own),
    cmocka_unit_test(a_page_has_up_to_4096_runs),
    cmocka_unit_test(blocks_of_other_models_keep_them),
    cmocka_unit_test(integers_that_never_change_stay_as_they_are),
    cmocka_unit_test(a_shared_section_saves_more_than_its_checksum),
    cmocka_unit_test(pages_of_runs_are_the_same_on_every_cpu),
    cmocka_unit_test(states_in_words_come_back),
    cmocka_unit_test(a_block_is_within_the_runs),
    cmocka_unit_test(a_block_needs_runs_of_its_page),
    cmocka_unit_test(no_model_is_made_of_runs_of_the_page),
    cmocka_unit_test(runs_of_a_page_are_not_of_runs),
    cmocka_unit_test(runs_of_a_page_are_below_2_to_the_32_values),
    cmocka_unit_test(runs_of_ids_have_32_bits),
    cmocka_unit_test(runs_of_codes_stand_beside_a_dictionary),
    cmocka_unit_test(damaged_runs_of_a_page_are_errors_or_values),
};

CC_MAIN(tests)
