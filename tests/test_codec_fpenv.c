/*
 * test_codec_fpenv.c -- bytes, values and statistics do not depend on the floating-point modes of
 * the caller, who finds them as they were.
 */
/* cmocka.h wants the four before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <fenv.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fpenv.h"
#include "tests/support/codec_columns.h"

enum {
    BLOCKS = 2,
    BLOCK_ROWS = 2600,
    ROWS = BLOCKS * BLOCK_ROWS,
    SHAPE_TINY = SHAPE_COUNT, /* Denormals, which an arithmetic that flushes takes for zero. */
    SHAPE_STEPS,              /* Few decimals: the blocks share a dictionary of them. */
    SHAPES,
};

typedef struct fp_case {
    int round;
    bool flush; /* Denormals to zero, operands and results. */
    bool trap;  /* Every exception is a signal. */
} fp_case;

static const fp_case cases[] = {
    {FE_TONEAREST, false, false},  {FE_UPWARD, false, false},   {FE_DOWNWARD, false, false},
    {FE_TOWARDZERO, false, false}, {FE_TONEAREST, true, false}, {FE_UPWARD, true, false},
    {FE_TONEAREST, false, true},   {FE_DOWNWARD, true, true},
};

/* ---- modes ------------------------------------------------------------------------------ */

static void modes_set(const fp_case *c)
{
    assert_int_equal(fesetround(c->round), 0);
#if defined(__x86_64__)
    hi_fp_write((hi_fp_read() & ~UINT64_C(0x3f)) | (c->flush ? UINT64_C(0x8040) : UINT64_C(0)));
    hi_fp_write(hi_fp_read() & ~(c->trap ? UINT64_C(0x1f80) : UINT64_C(0)));
#elif defined(__aarch64__) || defined(__arm__)
    hi_fp_write(hi_fp_read() | (c->flush ? UINT64_C(1) << 24 : UINT64_C(0)));
#endif
}

/* Back to the usual ones; false when they were no longer those of the case. */
static bool modes_end(const fp_case *c)
{
    bool kept = fegetround() == c->round;

#if defined(__x86_64__)
    const uint64_t want = (c->flush ? 0x8040U : 0U) | (c->trap ? 0U : 0x1f80U);
    kept = kept && (hi_fp_read() & UINT64_C(0x9fc0)) == want;
    hi_fp_write(HI_FP_USUAL);
#elif defined(__aarch64__) || defined(__arm__)
    kept = kept && (hi_fp_read() >> 24 & 1) == (c->flush ? 1 : 0);
    hi_fp_write(HI_FP_USUAL);
#else
    (void)fesetenv(FE_DFL_ENV);
#endif
    return kept;
}

/* ---- what the codec makes of a column ---------------------------------------------------- */

typedef struct outcome {
    cc_page page;
    hi_block_stats stats;
    cc_room all[BLOCKS];
    cc_room part; /* Of the last block: the second vector and the third. */
} outcome;

/* Stats are compared as bytes. */
static void outcome_init(outcome *o)
{
    memset(o, 0, sizeof(*o));
    cc_page_cut(&o->page, ROWS, BLOCK_ROWS);
    hi_buf_init(&o->page.bytes, &cc_mem, SIZE_MAX / 2);
    for (int b = 0; b < BLOCKS; b++) {
        o->all[b] = cc_room_new(0);
    }
    o->part = cc_room_new(0);
}

static void outcome_free(outcome *o)
{
    hi_buf_free(&o->page.bytes);
    for (int b = 0; b < BLOCKS; b++) {
        cc_room_free(&o->all[b]);
    }
    cc_room_free(&o->part);
}

/* The page at `from` (bytes and their pad) as `like` says to the rooms of o. */
static bool outcome_decode(outcome *o, const cc_page *like, const uint8_t *from)
{
    hi_page_shared shared;
    hi_decoded d;
    bool good =
        hi_page_shared_open(&cc_mem, cc.v.type, from, like->shared_size, 0, &shared) == HIST_OK;

    for (int b = 0; b < BLOCKS; b++) {
        const hi_block_info *info = &like->blocks[b];
        const uint8_t *block = from + info->offset;

        good = good && hi_block_decode(cc.v.type, block, info->size, info->rows, &shared,
                                       &o->all[b].r, &d) == HIST_OK;
        good = good && hi_block_decode_vectors(cc.v.type, block, info->size, info->rows, &shared, 1,
                                               2, &o->part.r, &d) == HIST_OK;
    }
    hi_page_shared_free(&cc_mem, &shared);
    return good;
}

/* Encodes, and decodes what `like` has at `from`, with the modes of the case. No assertion and no
   arithmetic in between. */
static void outcome_make(outcome *o, const fp_case *c, hi_profile profile, const cc_page *like,
                         const uint8_t *from)
{
    modes_set(c);
    const hist_status status =
        hi_page_encode(cc_encoder, &cc.v, profile, o->page.block_rows, BLOCKS, &o->page.bytes,
                       o->page.blocks, &o->page.shared_size);
    hi_block_stats_of(&cc.v, 3, ROWS - 3, &o->stats);
    const bool decoded = from == NULL || outcome_decode(o, like, from);
    const bool kept = modes_end(c);
    assert_true(kept);
    assert_true(status == HIST_OK && decoded);
}

static void fill(hist_type type, int shape)
{
    cc_fill(type, shape < SHAPE_COUNT ? shape : SHAPE_NOISE,
            shape % 2 == 0 ? NULLS_NONE : NULLS_FEW, ROWS);
    for (uint32_t i = 0; shape == SHAPE_TINY && i < ROWS; i++) {
        cc.data[i] &= UINT64_C(0x800fffffffffffff);
    }
    for (uint32_t i = 0; shape == SHAPE_STEPS && i < ROWS; i++) {
        const uint64_t n = (cc.data[i] % 300 + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 32;
        cc.data[i] = type == HIST_TYPE_REAL ? hi_bits_of((double)n / 1000) : n;
    }
}

static void check_outcome(const outcome *usual, const outcome *other)
{
    assert_int_equal(other->page.shared_size, usual->page.shared_size);
    assert_int_equal(other->page.bytes.size, usual->page.bytes.size);
    assert_memory_equal(other->page.bytes.data, usual->page.bytes.data, usual->page.bytes.size);
    for (int b = 0; b < BLOCKS; b++) {
        assert_memory_equal(&other->page.blocks[b].stats, &usual->page.blocks[b].stats,
                            sizeof(hi_block_stats));
    }
    assert_memory_equal(&other->stats, &usual->stats, sizeof(hi_block_stats));
    for (uint32_t r = 0; r < ROWS; r++) {
        const bool valid = cc.v.valid == NULL || hist_bit_get(cc.v.valid, r);
        assert_true(other->all[r / BLOCK_ROWS].data[r % BLOCK_ROWS] == (valid ? cc.data[r] : 0));
    }
    assert_memory_equal(other->part.data, other->all[BLOCKS - 1].data + HI_VECTOR_ROWS,
                        (BLOCK_ROWS - HI_VECTOR_ROWS) * sizeof(uint64_t));
}

/* Whether the blocks of the page share something. */
static bool check_column(hist_type type, int shape, hi_profile profile)
{
    outcome usual;

    fill(type, shape);
    outcome_init(&usual);
    outcome_make(&usual, &cases[0], profile, NULL, NULL);
    uint8_t *page = cc_padded_copy((const uint8_t *)usual.page.bytes.data, usual.page.bytes.size);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        outcome other;

        outcome_init(&other);
        outcome_make(&other, &cases[i], profile, &usual.page, page);
        check_outcome(&usual, &other);
        outcome_free(&other);
    }
    const bool shared = usual.page.shared_size > 0;
    free(page);
    outcome_free(&usual);
    return shared;
}

static void neither_bytes_nor_values_nor_statistics_depend_on_the_modes_of_the_caller(void **state)
{
    static const hist_type types[] = {HIST_TYPE_REAL, HIST_TYPE_LONG, HIST_TYPE_DATETIME};
    int shared = 0;

    (void)state;
    cc_seed = 91;
    for (size_t t = 0; t < sizeof(types) / sizeof(*types); t++) {
        for (int shape = 0; shape < SHAPES; shape++) {
            shared += check_column(types[t], shape, HI_PROFILE_WARM) ? 1 : 0;
            shared += check_column(types[t], shape, HI_PROFILE_COLD) ? 1 : 0;
        }
    }
    assert_true(shared > 0);
}

/* The test above would prove nothing where the modes do nothing. */
static void the_modes_are_real(void **state)
{
    volatile double third = 3;
    volatile double one = 1;
    volatile double tiny = 0x1p-1074;
    const double nearest = one / third;

    (void)state;
    modes_set(&cases[1]);
    const double above = one / third;
    assert_true(modes_end(&cases[1]));
    assert_true(above > nearest);
#if defined(__x86_64__) || defined(__aarch64__) || defined(__arm__)
    modes_set(&cases[4]);
    const double flushed = tiny * third;
    assert_true(modes_end(&cases[4]));
    assert_true(hi_bits_of(flushed) == 0 && hi_bits_of(tiny * third) == 3);
#else
    assert_true(hi_bits_of(tiny * third) == 3);
#endif
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_modes_are_real),
    cmocka_unit_test(neither_bytes_nor_values_nor_statistics_depend_on_the_modes_of_the_caller),
};

CC_MAIN(tests)
