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
        const hist_status status =
            hi_page_shared_open(&cc_mem, cc.v.type, section, size, 1 << 20, &shared);
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
    assert_int_equal(
        hi_page_shared_open(&cc_mem, cc.v.type, shared, p.shared_size, 1 << 20, &v.shared),
        HIST_OK);
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
        assert_int_equal(hi_page_shared_open(&cc_mem, cc.v.type, (uint8_t *)p.bytes.data,
                                             p.shared_size, 1 << 20, &shared),
                         HIST_OK);
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

/* More entries than memory has addresses, where size_t has 32 bits. */
static void a_dictionary_that_counts_more_than_memory_holds_is_refused(void **state)
{
    uint8_t shared[64 + HI_CODEC_PAD] = {HI_SHARED_DICT};
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

/* An n that makes an infinity of the adding trick, after one that does not matter. */
static void numbers_out_of_range_are_damage_on_every_cpu(void **state)
{
    const hi_codec_kernels *const kernels[] = {&hi_codec_kernels_base, hi_codec_kernels_pick()};
    static cb_bytes b;

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        uint64_t last = 0;

        b.size = 0;
        cb_u8(&b, HI_ENC_NUM);
        cb_u8(&b, 0);
        cb_u8(&b, 1);
        cb_u8(&b, 5);
        cb_svarint(&b, 3);
        cb_svarint(&b, (int64_t)(UINT64_C(0x7ff0000000000000) - UINT64_C(0x4338000000000000)));
        assert_int_equal(cb_decode_with(kernels[k], &b, HIST_TYPE_REAL, 2, NULL, 0, &last),
                         HIST_ECORRUPT);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(numbers_out_of_range_are_damage_on_every_cpu),
    cmocka_unit_test(damaged_blocks_give_errors_or_values_and_never_reach_outside),
    cmocka_unit_test(a_block_cut_short_or_continued_is_damage),
    cmocka_unit_test(a_dictionary_that_counts_more_than_memory_holds_is_refused),
};

CC_MAIN(tests)
