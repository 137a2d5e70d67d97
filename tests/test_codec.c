/* test_codec.c -- every value comes back bit for bit, from every CPU variant, and small. */
/* cmocka.h wants the four before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/wide.h"
#include "codec/encoder.h"
#include "tests/support/codec_columns.h"

static hist_str row_text(const cc_room *got, const hi_decoded *d, const hi_dict *dict, uint32_t i)
{
    if (d->codes) {
        const int32_t code = ((const int32_t *)got->r.data)[i];

        assert_in_range(code, 0, dict->count - 1);
        return (hist_str){dict->bytes + dict->offsets[code],
                          (size_t)(dict->offsets[code + 1] - dict->offsets[code])};
    }
    return (hist_str){got->r.bytes + got->r.offsets[i],
                      (size_t)(got->r.offsets[i + 1] - got->r.offsets[i])};
}

static uint64_t row_word(hist_type type, const void *data, uint32_t i)
{
    if (type == HIST_TYPE_BOOL) {
        return hist_bit_get(data, i);
    }
    return type == HIST_TYPE_INT ? ((const uint32_t *)data)[i] : ((const uint64_t *)data)[i];
}

static void check_row(const cc_room *got, const hi_decoded *d, const hi_page_shared *shared,
                      uint32_t row, uint32_t i)
{
    const bool valid = cc.v.valid == NULL || hist_bit_get(cc.v.valid, row);

    assert_int_equal(hist_bit_get(got->r.valid, i), valid);
    if (cc.v.type == HIST_TYPE_STRING) {
        const hist_str text = row_text(got, d, &shared->dict, i);
        const int32_t from = cc.offsets[row];
        const size_t size = valid ? (size_t)(cc.offsets[row + 1] - from) : 0;

        if (valid || !d->codes) {
            assert_int_equal(text.size, size);
            assert_true(size == 0 || memcmp(text.data, cc.bytes + from, size) == 0);
        }
        return;
    }
    const uint64_t want = valid ? row_word(cc.v.type, cc.data, row) : 0;
    if (row_word(cc.v.type, got->r.data, i) != want) {
        fail_msg("row %u (%u in the block) is %016llx, not %016llx", row, i,
                 (unsigned long long)row_word(cc.v.type, got->r.data, i), (unsigned long long)want);
    }
}

static void check_block(const cc_page *p, uint32_t b, uint32_t first, const hi_page_shared *shared,
                        const hi_codec_kernels *kern)
{
    const hi_block_info *info = &p->blocks[b];
    uint8_t *src = cc_padded_copy((uint8_t *)p->bytes.data + info->offset, info->size);
    size_t text = 0;
    hi_decoded d;

    if (cc.v.type == HIST_TYPE_STRING) {
        assert_int_equal(hi_block_text_size(src, info->size, info->rows, &text), HIST_OK);
    }
    cc_room got = cc_room_new(text);
    assert_int_equal(
        hi_block_decode_with(kern, cc.v.type, src, info->size, info->rows, shared, &got.r, &d),
        HIST_OK);
    assert_int_equal(d.nulls, info->stats.nulls);
    for (uint32_t i = 0; i < info->rows; i++) {
        check_row(&got, &d, shared, first + i, i);
    }
    if ((info->rows & 63) != 0) {
        assert_int_equal(got.r.valid[info->rows / 64] >> (info->rows & 63), 0);
    }
    cc_room_free(&got);
    free(src);
}

static void check_page(const cc_page *p, const hi_codec_kernels *kern)
{
    uint32_t first = 0;
    hi_page_shared shared;

    uint8_t *section = cc_padded_copy((uint8_t *)p->bytes.data, p->shared_size);
    assert_int_equal(
        hi_page_shared_open(&cc_mem, cc.v.type, section, p->shared_size, 1 << 26, &shared),
        HIST_OK);
    for (uint32_t b = 0; b < p->block_count; b++) {
        assert_int_equal(p->blocks[b].rows, p->block_rows[b]);
        check_block(p, b, first, &shared, kern);
        first += p->block_rows[b];
    }
    hi_page_shared_free(&cc_mem, &shared);
    free(section);
}

static uint64_t raw_bits(void)
{
    const uint64_t rows = cc.v.rows;
    const uint64_t nulls = cc.v.valid == NULL ? 0 : rows;

    switch (cc.v.type) {
    case HIST_TYPE_BOOL:
        return rows + nulls;
    case HIST_TYPE_INT:
        return 32 * rows + nulls;
    case HIST_TYPE_STRING:
        return 32 * rows + 8 * (uint64_t)cc.offsets[rows] + nulls;
    default:
        return 64 * rows + nulls;
    }
}

static void round_trip(uint32_t rows, uint32_t each, hi_profile profile)
{
    for (size_t t = 0; t < CC_TYPES; t++) {
        for (int shape = 0; shape < SHAPE_COUNT; shape++) {
            for (int nulls = 0; nulls < NULLS_COUNT; nulls++) {
                cc_page p;

                if (rows > 2000 && (shape + nulls) % 3 != 0) {
                    continue; /* A third of them is enough where it costs most. */
                }
                cc_fill(cc_types[t], shape, nulls, rows);
                cc_page_cut(&p, rows, each);
                cc_page_encode(&p, profile);
                check_page(&p, hi_codec_kernels_pick());
                if ((uint64_t)p.bytes.size * 8 > raw_bits() + rows / 2 + 512 * p.block_count) {
                    fail_msg("type %d shape %d nulls %d: %zu bytes for %llu raw", cc_types[t],
                             shape, nulls, p.bytes.size, (unsigned long long)raw_bits() / 8);
                }
                hi_buf_free(&p.bytes);
            }
        }
    }
}

static void every_value_comes_back_bit_for_bit(void **state)
{
    static const uint32_t sizes[] = {1,   2,   3,   15,   16,   17,   63,   64,   65,
                                     255, 256, 257, 1023, 1024, 1025, 2049, 8191, 8192};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        cc_seed = 100 + i;
        round_trip(sizes[i], sizes[i], HI_PROFILE_WARM);
        if (i % 4 == 1) {
            round_trip(sizes[i], sizes[i], HI_PROFILE_COLD);
        }
    }
}

static void a_page_of_blocks_at_odd_rows_comes_back(void **state)
{
    (void)state;
    cc_seed = 7;
    round_trip(9001, 1777, HI_PROFILE_WARM);
    round_trip(9001, 997, HI_PROFILE_COLD);
}

/* ---- vectors ---------------------------------------------------------------------------- */

static void check_vectors(const cc_page *p, uint32_t b)
{
    const hi_block_info *info = &p->blocks[b];
    const uint32_t vectors = (info->rows + HI_VECTOR_ROWS - 1) / HI_VECTOR_ROWS;
    uint8_t *src = cc_padded_copy((uint8_t *)p->bytes.data + info->offset, info->size);
    cc_room whole = cc_room_new(0);
    cc_room part = cc_room_new(0);
    hi_page_shared shared;
    hi_decoded d;

    assert_int_equal(hi_page_shared_open(&cc_mem, cc.v.type, (uint8_t *)p->bytes.data,
                                         p->shared_size, 0, &shared),
                     HIST_OK);
    assert_int_equal(hi_block_decode(cc.v.type, src, info->size, info->rows, &shared, &whole.r, &d),
                     HIST_OK);
    for (uint32_t first = 0; first < vectors; first++) {
        for (uint32_t count = 1; count <= vectors - first; count++) {
            const uint32_t start = first * HI_VECTOR_ROWS;
            const uint32_t end = start + count * HI_VECTOR_ROWS;
            const uint32_t rows = (end < info->rows ? end : info->rows) - start;
            uint32_t nulls = 0;

            assert_int_equal(hi_block_decode_vectors(cc.v.type, src, info->size, info->rows,
                                                     &shared, first, count, &part.r, &d),
                             HIST_OK);
            for (uint32_t i = 0; i < rows; i++) {
                const bool valid = hist_bit_get(whole.r.valid, start + i);
                assert_int_equal(hist_bit_get(part.r.valid, i), valid);
                assert_true(row_word(cc.v.type, part.r.data, i) ==
                            row_word(cc.v.type, whole.r.data, start + i));
                nulls += !valid;
            }
            assert_int_equal(d.nulls, nulls);
        }
    }
    assert_int_equal(hi_block_decode_vectors(cc.v.type, src, info->size, info->rows, &shared,
                                             vectors, 1, &part.r, &d),
                     HIST_EINVAL);
    hi_page_shared_free(&cc_mem, &shared);
    cc_room_free(&whole);
    cc_room_free(&part);
    free(src);
}

static void any_vector_decodes_as_in_the_whole_block(void **state)
{
    static const hist_type numbers[] = {HIST_TYPE_LONG, HIST_TYPE_REAL, HIST_TYPE_INT,
                                        HIST_TYPE_DATETIME};

    (void)state;
    cc_seed = 11;
    for (int t = 0; t < 4; t++) {
        for (int shape = 0; shape < SHAPE_COUNT; shape++) {
            for (int nulls = 0; nulls < NULLS_COUNT; nulls++) {
                cc_page p;

                cc_fill(numbers[t], shape, nulls, 7000);
                cc_page_cut(&p, 7000, 3500);
                cc_page_encode(&p, nulls % 2 == 0 ? HI_PROFILE_WARM : HI_PROFILE_COLD);
                check_vectors(&p, 0);
                check_vectors(&p, 1);
                hi_buf_free(&p.bytes);
            }
        }
    }
}

/* ---- CPU variants ----------------------------------------------------------------------- */

static void check_variants(hi_profile profile)
{
    const hi_codec_kernels *list[3];
    const size_t count = cc_variants(list);
    cc_page first;
    cc_page other;

    cc_page_cut(&first, cc.v.rows, 2100);
    other = first;
    hi_encoder_use(cc_encoder, list[0]);
    cc_page_encode(&first, profile);
    for (size_t i = 0; i < count; i++) {
        check_page(&first, list[i]);
    }
    for (size_t i = 1; i < count; i++) {
        hi_encoder_use(cc_encoder, list[i]);
        cc_page_encode(&other, profile);
        assert_int_equal(other.bytes.size, first.bytes.size);
        assert_memory_equal(other.bytes.data, first.bytes.data, first.bytes.size);
        assert_memory_equal(other.blocks, first.blocks, sizeof(*first.blocks) * first.block_count);
        hi_buf_free(&other.bytes);
    }
    hi_encoder_use(cc_encoder, hi_codec_kernels_pick());
    hi_buf_free(&first.bytes);
}

/* Equal input, equal bytes: whatever an encoder did before. */
static void a_new_encoder_writes_what_a_used_one_writes(void **state)
{
    hi_encoder *used = cc_encoder;

    (void)state;
    cc_seed = 23;
    for (size_t i = 0; i < CC_TYPES * SHAPE_COUNT; i++) {
        const hi_profile profile = i % 2 == 0 ? HI_PROFILE_WARM : HI_PROFILE_COLD;
        cc_page before;
        cc_page fresh;

        cc_fill(cc_types[i % CC_TYPES], (int)(i / CC_TYPES), NULLS_FEW, 3000);
        cc_page_cut(&before, cc.v.rows, 2100);
        fresh = before;
        cc_page_encode(&before, profile);
        cc_encoder = hi_encoder_new(&cc_mem);
        cc_page_encode(&fresh, profile);
        hi_encoder_free(cc_encoder);
        cc_encoder = used;
        assert_int_equal(fresh.shared_size, before.shared_size);
        assert_int_equal(fresh.bytes.size, before.bytes.size);
        assert_memory_equal(fresh.bytes.data, before.bytes.data, before.bytes.size);
        hi_buf_free(&before.bytes);
        hi_buf_free(&fresh.bytes);
    }
}

static void every_cpu_variant_writes_the_same_bytes_and_reads_them(void **state)
{
    (void)state;
    cc_seed = 21;
    for (size_t t = 0; t < CC_TYPES; t++) {
        for (int shape = 0; shape < SHAPE_COUNT; shape++) {
            cc_fill(cc_types[t], shape, shape % NULLS_ALL, 4300);
            check_variants(shape % 2 == 0 ? HI_PROFILE_WARM : HI_PROFILE_COLD);
        }
    }
}

static void check_quotients(const hi_codec_kernels *kern, unsigned k)
{
    uint64_t n[1024];
    uint64_t got[1024];

    for (int i = 0; i < 1024; i++) {
        const uint64_t bound = UINT64_C(1) << (1 + cc_noise() % 51);
        n[i] = cc_noise() % bound - (cc_noise() % 2) * (bound - 1);
    }
    n[0] = 0;
    n[1] = (UINT64_C(1) << 51) - 1;
    n[2] = 0 - n[1];
    memcpy(got, n, sizeof(n));
    kern->from_num(got, 1024, &(hi_num){HI_NUM_DECIMAL, false, hi_power_of_ten(k)});
    for (int i = 0; i < 1024; i++) {
        const double want = (double)(int64_t)n[i] / hi_power_of_ten(k);
        if (got[i] != hi_bits_of(want)) {
            fail_msg("%s: %lld / 10^%u", kern->name, (long long)n[i], k);
        }
    }
}

static void a_decimal_is_the_quotient_of_the_divide_instruction(void **state)
{
    const hi_codec_kernels *list[3];
    const size_t count = cc_variants(list);
    const int rounds = getenv("HIST_LONG") == NULL ? 40 : 20000;

    (void)state;
    cc_seed = 31;
    for (int round = 0; round < rounds; round++) {
        for (unsigned k = 0; k <= HI_DECIMAL_MAX; k++) {
            check_quotients(list[(size_t)round % count], k);
        }
    }
}

/* ---- statistics against a slow model ---------------------------------------------------- */

static double as_real(hist_type type, uint64_t word)
{
    return type == HIST_TYPE_REAL ? hi_double_of(word) : (double)(int64_t)word;
}

static bool is_less(hist_type type, uint64_t a, uint64_t b)
{
    if (type != HIST_TYPE_REAL) {
        return (int64_t)a < (int64_t)b;
    }
    if (hi_double_of(a) == hi_double_of(b)) {
        return a >> 63 > b >> 63; /* -0.0 before +0.0 */
    }
    return hi_double_of(a) < hi_double_of(b);
}

typedef struct model {
    hi_block_stats s;
    uint32_t seen;
    uint32_t counted;
    double lanes[16];
    hi_wide total;
    double mean;
    double m2;
} model;

static void model_take(model *m, hist_type type, uint64_t word)
{
    const double v = as_real(type, word);

    m->s.first = m->seen == 0 ? word : m->s.first;
    m->s.last = word;
    m->seen++;
    if (type == HIST_TYPE_REAL && v != v) {
        m->s.nans++;
        return;
    }
    m->s.min = m->counted == 0 || is_less(type, word, m->s.min) ? word : m->s.min;
    m->s.max = m->counted == 0 || is_less(type, m->s.max, word) ? word : m->s.max;
    m->counted++;
    m->lanes[(m->seen - 1) % 16] += v;
    m->total = hi_wide_add(m->total, hi_wide_of((int64_t)word));
    const double delta = v - m->mean;
    m->mean += delta / m->counted;
    m->m2 += delta * (v - m->mean);
}

static double model_sum(const model *m)
{
    double sum = 0;

    for (int l = 0; l < 16; l++) {
        sum += m->lanes[l];
    }
    return sum;
}

static model model_of(uint32_t first, uint32_t rows)
{
    model m = {.seen = 0};

    for (uint32_t i = first; i < first + rows; i++) {
        if (cc.v.valid != NULL && !hist_bit_get(cc.v.valid, i)) {
            m.s.nulls++;
        } else if (cc.v.type != HIST_TYPE_STRING) {
            model_take(&m, cc.v.type, row_word(cc.v.type, cc.data, i));
        }
    }
    return m;
}

static void check_stats(uint32_t first, uint32_t rows)
{
    const model m = model_of(first, rows);
    hi_block_stats s;

    hi_block_stats_of(&cc.v, first, rows, &s);
    assert_int_equal(s.nulls, m.s.nulls);
    assert_int_equal(s.nans, m.s.nans);
    assert_true(m.seen == 0 || (s.first == m.s.first && s.last == m.s.last));
    if (m.counted == 0) {
        return;
    }
    assert_true(s.min == m.s.min && s.max == m.s.max);
    if (cc.v.type == HIST_TYPE_REAL) {
        const double sum = model_sum(&m);

        assert_true(s.sum_lo == hi_bits_of(sum) ||
                    (sum != sum && s.sum_lo == UINT64_C(0x7ff8000000000000)));
    } else {
        assert_true(s.sum_lo == m.total.low && s.sum_hi == (uint64_t)m.total.high);
    }
    const double off = s.m2 - m.m2;
    const double size = m.m2 + m.mean * m.mean * 1e-9;
    if (m.m2 == m.m2 && m.m2 < 1e300 && !(off <= 1e-6 * size && -off <= 1e-6 * size)) {
        fail_msg("M2 is %g, not %g (type %d)", s.m2, m.m2, cc.v.type);
    }
}

static void statistics_are_those_of_a_row_by_row_model(void **state)
{
    (void)state;
    cc_seed = 41;
    for (size_t t = 0; t < CC_TYPES; t++) {
        for (int shape = 0; shape < SHAPE_COUNT; shape++) {
            for (int nulls = 0; nulls < NULLS_COUNT; nulls++) {
                cc_fill(cc_types[t], shape, nulls, 6000);
                check_stats(0, 1);
                check_stats(5, 3000);
                check_stats(1023, 4977);
            }
        }
    }
}

/* ---- what a shape costs ----------------------------------------------------------------- */

static void expect_size_of(hist_type type, int shape, hi_profile profile, hi_encoding encoding,
                           size_t bytes_max)
{
    cc_page p;

    cc_seed = 51;
    cc_fill(type, shape, NULLS_NONE, HI_BLOCK_ROWS_MAX);
    cc_page_cut(&p, HI_BLOCK_ROWS_MAX, HI_BLOCK_ROWS_MAX);
    cc_page_encode(&p, profile);
    if (p.blocks[0].encoding != encoding || p.bytes.size > bytes_max) {
        fail_msg("type %d shape %d: encoding %u, %zu bytes", type, shape, p.blocks[0].encoding,
                 p.bytes.size);
    }
    hi_buf_free(&p.bytes);
}

static void expect_size(hist_type type, int shape, hi_encoding encoding, size_t bytes_max)
{
    expect_size_of(type, shape, HI_PROFILE_WARM, encoding, bytes_max);
}

/* Two blocks with a dictionary of their own, against one for the page. */
static void blocks_of_a_page_share_a_dictionary(void **state)
{
    static const hist_type types[] = {HIST_TYPE_REAL, HIST_TYPE_LONG, HIST_TYPE_DATETIME};

    (void)state;
    for (int t = 0; t < 6; t++) {
        cc_page p;

        cc_seed = 61;
        cc_fill(types[t / 2], SHAPE_MANY_LEVELS, NULLS_FEW, 16384);
        cc_page_cut(&p, 16384, 8192);
        cc_page_encode(&p, t % 2 == 0 ? HI_PROFILE_WARM : HI_PROFILE_COLD);
        assert_in_range(p.shared_size, 500, 2600 * 8);
        assert_true(p.bytes.data[0] & HI_SHARED_DICT);
        assert_in_range(p.blocks[0].size, 1000, 8192 * 12 / 8 + 800);
        assert_in_range(p.blocks[1].size, 1000, 8192 * 12 / 8 + 800);
        check_page(&p, hi_codec_kernels_pick());
        hi_buf_free(&p.bytes);
    }
}

static void each_shape_gets_the_model_made_for_it(void **state)
{
    (void)state;
    expect_size(HIST_TYPE_LONG, SHAPE_CONST, HI_ENC_CONST, 4);
    expect_size(HIST_TYPE_DATETIME, SHAPE_CLOCK, HI_ENC_INT, 24);
    expect_size(HIST_TYPE_DATETIME, SHAPE_CLOCK_GAPS, HI_ENC_INT, 500);
    expect_size(HIST_TYPE_DATETIME, SHAPE_CLOCK_JITTER, HI_ENC_INT, 8192 * 26 / 8 + 400);
    expect_size(HIST_TYPE_LONG, SHAPE_WALK, HI_ENC_INT, 8192 * 6 / 8 + 400);
    expect_size(HIST_TYPE_LONG, SHAPE_SCALED, HI_ENC_INT, 8192 * 10 / 8 + 100);
    expect_size(HIST_TYPE_LONG, SHAPE_SPIKES_ENDS, HI_ENC_INT, 8192 * 4 / 8 + 400);
    expect_size(HIST_TYPE_LONG, SHAPE_RUNS, HI_ENC_RLE, 800);
    expect_size(HIST_TYPE_REAL, SHAPE_DECIMAL, HI_ENC_NUM, 8192 * 6 / 8 + 400);
    expect_size(HIST_TYPE_REAL, SHAPE_NOISE, HI_ENC_RAW, 8 * 8192 + 64);
    expect_size(HIST_TYPE_REAL, SHAPE_LEVELS, HI_ENC_DICT, 8192 * 9 / 8 + 2600);
    expect_size(HIST_TYPE_LONG, SHAPE_LEVELS, HI_ENC_DICT, 8192 * 9 / 8 + 2600);
    expect_size(HIST_TYPE_LONG, SHAPE_CURVE, HI_ENC_INT, 8192 * 5 / 8 + 400);
    expect_size(HIST_TYPE_REAL, SHAPE_FLOATS, HI_ENC_NUM, 8192 * 13 / 8 + 400);
    expect_size(HIST_TYPE_REAL, SHAPE_FLOAT_NOISE, HI_ENC_BITS, 8192 * 26 / 8 + 400);
    expect_size(HIST_TYPE_REAL, SHAPE_PRODUCTS, HI_ENC_NUM, 8192 * 13 / 8 + 800);
    expect_size(HIST_TYPE_REAL, SHAPE_RATIOS, HI_ENC_NUM, 8192 * 11 / 8 + 400);
    expect_size(HIST_TYPE_REAL, SHAPE_ULPS, HI_ENC_NUM, 8192 * 13 / 8 + 800);
    expect_size(HIST_TYPE_REAL, SHAPE_SMOOTH, HI_ENC_BITS, 8192 * 46 / 8 + 400);
    expect_size(HIST_TYPE_REAL, SHAPE_FEW_LEFT, HI_ENC_RD, 8192 * 56 / 8 + 400);
    expect_size(HIST_TYPE_REAL, SHAPE_MANY_LEVELS, HI_ENC_DICT, 8192 * 12 / 8 + 2500 * 8 + 400);
    expect_size(HIST_TYPE_REAL, SHAPE_RUN_LEVELS, HI_ENC_RLE, 8192 * 2 / 8 + 1000);
    expect_size(HIST_TYPE_STRING, SHAPE_RUNS, HI_ENC_DICT, 8192 * 6 / 8 + 1200);
    expect_size(HIST_TYPE_STRING, SHAPE_NOISE, HI_ENC_TEXT, 8192 * 24);
    /* A phrase of 16 words is a few bytes; by themselves the words would take 8 bits each. */
    expect_size_of(HIST_TYPE_STRING, SHAPE_PHRASES, HI_PROFILE_COLD, HI_ENC_DICT, 4800);
    expect_size(HIST_TYPE_BOOL, SHAPE_NOISE, HI_ENC_BITMAP, 1030);
    expect_size(HIST_TYPE_BOOL, SHAPE_CONST, HI_ENC_CONST, 4);
}

/* ---- memory ----------------------------------------------------------------------------- */

static void without_memory_encoding_fails_and_gives_everything_back(void **state)
{
    uint32_t failures = 0;

    (void)state;
    cc_seed = 81;
    for (uint64_t limit = 1000; limit < (4 << 20); limit += 60000) {
        hi_mem small;
        cc_page p;

        hi_mem_init(&small, NULL, NULL, limit);
        cc_fill(HIST_TYPE_STRING, limit % 120000 < 60000 ? SHAPE_WALK : SHAPE_NOISE, NULLS_FEW,
                6000);
        cc_page_cut(&p, 6000, 3000);
        hi_encoder *own = hi_encoder_new(&small);
        hi_buf_init(&p.bytes, &small, SIZE_MAX / 2);
        hi_buf_append(&p.bytes, "before", 6);
        const size_t before = p.bytes.size;
        if (own != NULL) {
            const hist_status status =
                hi_page_encode(own, &cc.v, HI_PROFILE_COLD, p.block_rows, p.block_count, &p.bytes,
                               p.blocks, &p.shared_size);
            assert_true(status == HIST_OK || status == HIST_ENOMEM);
            failures += status == HIST_ENOMEM;
            assert_true(status == HIST_OK ? p.bytes.size > before : p.bytes.size == before);
        }
        hi_encoder_free(own);
        hi_buf_free(&p.bytes);
        assert_int_equal(small.used, 0);
    }
    assert_true(failures > 3);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_value_comes_back_bit_for_bit),
    cmocka_unit_test(a_page_of_blocks_at_odd_rows_comes_back),
    cmocka_unit_test(any_vector_decodes_as_in_the_whole_block),
    cmocka_unit_test(a_new_encoder_writes_what_a_used_one_writes),
    cmocka_unit_test(every_cpu_variant_writes_the_same_bytes_and_reads_them),
    cmocka_unit_test(a_decimal_is_the_quotient_of_the_divide_instruction),
    cmocka_unit_test(statistics_are_those_of_a_row_by_row_model),
    cmocka_unit_test(each_shape_gets_the_model_made_for_it),
    cmocka_unit_test(blocks_of_a_page_share_a_dictionary),
    cmocka_unit_test(without_memory_encoding_fails_and_gives_everything_back),
};

CC_MAIN(tests)
