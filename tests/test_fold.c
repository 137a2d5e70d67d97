/*
 * test_fold.c -- folds, comparisons and bins of encoded blocks against loops over the decoded values, for every shape
 * of column, pattern of nulls, range of rows and CPU variant; damaged blocks too.
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
#include "codec/fold_kern.h"
#include "tests/support/codec_columns.h"

__extension__ typedef __int128 wide;

enum { WORDS_MAX = HI_BLOCK_ROWS_MAX / 64 };

static const hist_type types[] = {HIST_TYPE_REAL, HIST_TYPE_LONG, HIST_TYPE_DATETIME,
                                  HIST_TYPE_INT};
enum { TYPES = sizeof(types) / sizeof(types[0]) };

/* ---- slow models ------------------------------------------------------------------------ */

/* The decoded block. */
typedef struct model {
    hist_type type;
    uint32_t rows;
    const uint64_t *valid;
    const void *data;
} model;

static uint64_t model_word(const model *m, uint32_t row)
{
    return m->type == HIST_TYPE_INT ? ((const uint32_t *)m->data)[row]
                                    : ((const uint64_t *)m->data)[row];
}

/* Whether real a sorts before b, -0.0 before 0.0. */
static bool model_before(uint64_t a, uint64_t b, bool real)
{
    if (!real) {
        return (int64_t)a < (int64_t)b;
    }
    const double x = hi_double_of(a);
    const double y = hi_double_of(b);

    return x == y ? a >> 63 > b >> 63 : x < y;
}

static hi_fold model_fold(const model *m, uint32_t first, uint32_t count)
{
    const bool real = m->type == HIST_TYPE_REAL;
    double lanes[16] = {0};
    double sum = 0;
    hi_fold f = {.count = 0};
    wide whole = 0;
    uint32_t at = 0;
    bool any = false;

    for (uint32_t i = 0; i < first + count; i++) {
        if (!hist_bit_get(m->valid, i)) {
            continue;
        }
        const uint64_t v = model_word(m, i);
        const uint32_t lane = at++ % 16;
        if (i < first) {
            continue;
        }
        f.count++;
        if (real && hi_double_of(v) != hi_double_of(v)) {
            f.nans++;
            continue;
        }
        if (real) {
            lanes[lane] += hi_double_of(v);
        } else {
            whole += (int64_t)v;
        }
        f.min = !any || model_before(v, f.min, real) ? v : f.min;
        f.max = !any || model_before(f.max, v, real) ? v : f.max;
        any = true;
    }
    for (int l = 0; l < 16; l++) {
        sum += lanes[l];
    }
    f.sum_lo = (uint64_t)whole;
    if (real) {
        f.sum_lo = sum != sum ? UINT64_C(0x7ff8000000000000) : hi_bits_of(sum);
    }
    f.sum_hi = real ? 0 : (uint64_t)(whole >> 64);
    return f;
}

#define MODEL_COMPARE(x, a, b, op)        \
    ((op) == HI_COMPARE_EQ   ? (x) == (a) \
     : (op) == HI_COMPARE_NE ? (x) != (a) \
     : (op) == HI_COMPARE_LT ? (x) < (a)  \
     : (op) == HI_COMPARE_LE ? (x) <= (a) \
     : (op) == HI_COMPARE_GT ? (x) > (a)  \
     : (op) == HI_COMPARE_GE ? (x) >= (a) \
                             : (x) >= (a) && (x) <= (b))

static bool model_compare(const model *m, uint32_t row, const hi_compare *c)
{
    const uint64_t v = model_word(m, row);

    if (!hist_bit_get(m->valid, row)) {
        return false;
    }
    if (m->type == HIST_TYPE_REAL) {
        return MODEL_COMPARE(hi_double_of(v), hi_double_of(c->a), hi_double_of(c->b), c->op);
    }
    return MODEL_COMPARE((int64_t)v, (int64_t)c->a, (int64_t)c->b, c->op);
}

static int64_t model_bin(int64_t t, int64_t origin, int64_t width)
{
    wide past = ((wide)t - origin) % width;

    past += past < 0 ? width : 0;
    return (wide)t - past < INT64_MIN ? INT64_MIN : (int64_t)((wide)t - past);
}

/* ---- checks ----------------------------------------------------------------------------- */

static void check_fold(const hi_codec_kernels *kern, const hi_block_bytes *b, const model *m,
                       uint32_t first, uint32_t count)
{
    const hi_fold expected = model_fold(m, first, count);
    hi_fold got;

    memset(&got, 0x5a, sizeof(got));
    assert_int_equal(hi_block_fold_with(kern, b, first, count, &got), HIST_OK);
    assert_int_equal(got.count, expected.count);
    assert_int_equal(got.nans, expected.nans);
    if (got.count == got.nans) {
        return;
    }
    assert_true(got.min == expected.min && got.max == expected.max);
    assert_true(got.sum_lo == expected.sum_lo && got.sum_hi == expected.sum_hi);
    memset(&got, 0x5a, sizeof(got));
    assert_int_equal(hi_block_sum_with(kern, b, first, count, &got), HIST_OK);
    assert_true(got.count == expected.count && got.nans == expected.nans);
    assert_true(got.sum_lo == expected.sum_lo && got.sum_hi == expected.sum_hi);
}

static void check_compare(const hi_codec_kernels *kern, const hi_block_bytes *b, const model *m,
                          uint32_t first, uint32_t count, const hi_compare *c)
{
    uint64_t bits[WORDS_MAX];
    uint64_t *exact = malloc(((size_t)count + 63) / 64 * 8 + 1); /* ASan sees a word too much. */

    memset(exact, 0x5a, ((size_t)count + 63) / 64 * 8);
    assert_int_equal(hi_block_compare_with(kern, b, first, count, c, exact), HIST_OK);
    memset(bits, 0, sizeof(bits));
    for (uint32_t i = 0; i < count; i++) {
        bits[i / 64] |= (uint64_t)model_compare(m, first + i, c) << (i % 64);
    }
    assert_memory_equal(bits, exact, ((size_t)count + 63) / 64 * 8);
    free(exact);
}

static void check_bins(const hi_codec_kernels *kern, const hi_block_bytes *b, const model *m,
                       uint32_t first, uint32_t count, int64_t origin, int64_t width)
{
    hi_bin_run *runs = malloc(((size_t)count + 1) * sizeof(*runs));
    uint32_t run_count = 0;
    uint32_t n = 0;
    uint32_t row = first;

    assert_int_equal(hi_block_bin_runs_with(kern, b, first, count, origin, width, runs, &run_count),
                     HIST_OK);
    while (row < first + count) {
        if (!hist_bit_get(m->valid, row)) {
            row++;
            continue;
        }
        const int64_t start = model_bin((int64_t)model_word(m, row), origin, width);
        uint32_t end = row + 1;
        while (end < first + count && hist_bit_get(m->valid, end) &&
               model_bin((int64_t)model_word(m, end), origin, width) == start) {
            end++;
        }
        assert_true(n < run_count);
        assert_true(runs[n].start == start && runs[n].first == row && runs[n].rows == end - row);
        n++;
        row = end;
    }
    assert_int_equal(n, run_count);
    free(runs);
}

/* A constant that lies somewhere in the data, next to it, or at an end of all there is. */
static uint64_t constant(const model *m)
{
    static const uint64_t reals[] = {0,
                                     UINT64_C(1) << 63,
                                     UINT64_C(0x7ff0000000000000),
                                     UINT64_C(0xfff0000000000000),
                                     UINT64_C(0x7ff8000000000001),
                                     1};
    static const uint64_t ints[] = {0, UINT64_C(1) << 63, INT64_MAX, UINT64_MAX, 1, UINT32_MAX};
    const uint64_t v = model_word(m, (uint32_t)(cc_noise() % m->rows));

    switch (cc_noise() % 6) {
    case 0:
        return m->type == HIST_TYPE_REAL ? reals[cc_noise() % 6] : ints[cc_noise() % 6];
    case 1:
        return v + 1;
    case 2:
        return v - 1;
    case 3:
        return m->type == HIST_TYPE_REAL ? hi_bits_of(hi_double_of(v) * 1.5)
                                         : v + cc_noise() % 1000;
    default:
        return v;
    }
}

static const int64_t widths[] = {1,
                                 7,
                                 60,
                                 1000000007,
                                 INT64_C(60000000000),
                                 INT64_C(3600000000000),
                                 INT64_C(86400000000000),
                                 INT64_MAX / 2,
                                 INT64_MAX};
enum { WIDTHS = sizeof(widths) / sizeof(widths[0]) };

/* Everything over one range of rows. */
static void check_range(const hi_codec_kernels *kern, const hi_block_bytes *b, const model *m,
                        uint32_t first, uint32_t count)
{
    check_fold(kern, b, m, first, count);
    for (int op = HI_COMPARE_EQ; op <= HI_COMPARE_BETWEEN; op++) {
        const hi_compare c = {(hi_compare_op)op, constant(m), constant(m)};

        check_compare(kern, b, m, first, count, &c);
    }
    if (m->type == HIST_TYPE_DATETIME) {
        const int64_t width = widths[cc_noise() % WIDTHS];
        const int64_t origin = cc_noise() % 3 == 0 ? (int64_t)cc_noise() : 0;

        check_bins(kern, b, m, first, count, origin, width);
    }
}

static void check_block(const hi_codec_kernels *kern, const hi_block_bytes *b, const model *m)
{
    check_range(kern, b, m, 0, m->rows);
    check_range(kern, b, m, m->rows, 0);
    for (int round = 0; round < 3; round++) {
        const uint32_t first = (uint32_t)(cc_noise() % m->rows);

        check_range(kern, b, m, first, (uint32_t)(cc_noise() % (m->rows - first + 1)));
    }
}

/* All blocks of the column in cc; returns how many are parts of the page's runs. */
static uint32_t check_column(const hi_codec_kernels *kern, uint32_t rows, uint32_t each,
                             hi_profile profile)
{
    cc_page p;
    hi_page_shared shared;
    cc_room got = cc_room_new(0);
    uint32_t of_page = 0;
    hi_decoded d;

    cc_page_cut(&p, rows, each);
    cc_page_encode(&p, profile);
    const uint8_t *bytes = (const uint8_t *)p.bytes.data;
    assert_int_equal(
        hi_page_shared_open(&cc_mem, cc.v.type, bytes, p.shared_size, 1 << 20, &shared), HIST_OK);
    for (uint32_t i = 0; i < p.block_count; i++) {
        const hi_block_info *info = &p.blocks[i];
        uint8_t *src = cc_padded_copy(bytes + info->offset, info->size);
        const hi_block_bytes b = {cc.v.type, src, info->size, info->rows, &shared};
        const model m = {cc.v.type, info->rows, got.r.valid, got.r.data};

        assert_int_equal(
            hi_block_decode(cc.v.type, src, info->size, info->rows, &shared, &got.r, &d), HIST_OK);
        check_block(kern, &b, &m);
        of_page += info->encoding == HI_ENC_PAGE_RUNS;
        free(src);
    }
    hi_page_shared_free(&cc_mem, &shared);
    cc_room_free(&got);
    hi_buf_free(&p.bytes);
    return of_page;
}

static void every_column_gives_what_its_decoded_values_give(void **state)
{
    const hi_codec_kernels *list[3];
    const size_t count = cc_variants(list);

    (void)state;
    cc_seed = 5;
    for (size_t t = 0; t < TYPES; t++) {
        for (int shape = 0; shape < SHAPE_COUNT; shape++) {
            for (int nulls = 0; nulls < NULLS_COUNT; nulls++) {
                const uint32_t rows = 1 + (uint32_t)(cc_noise() % 12000);

                cc_fill(types[t], shape, nulls, rows);
                for (size_t k = 0; k < count; k++) {
                    check_column(list[k], rows, HI_BLOCK_ROWS_MAX,
                                 (shape + nulls) % 3 == 0 ? HI_PROFILE_COLD : HI_PROFILE_WARM);
                }
            }
        }
    }
}

static void short_blocks_too(void **state)
{
    (void)state;
    cc_seed = 6;
    for (size_t t = 0; t < TYPES; t++) {
        for (int shape = 0; shape < SHAPE_COUNT; shape++) {
            cc_fill(types[t], shape, shape % NULLS_COUNT, 900);
            check_column(hi_codec_kernels_pick(), 900, 1 + (uint32_t)(cc_noise() % 300) + 20,
                         HI_PROFILE_WARM);
        }
    }
}

/* Columns that take the ways no shape above does for sure. */
enum {
    WAY_FRAMES,     /* Noise around a level: whole vectors of frames. */
    WAY_FRAMES_FAR, /* The same near an end of the integers, or large decimals. */
    WAY_WRAPPING,   /* A regular step that overflows. */
    WAY_RUNS_LARGE, /* Runs of values whose sums are not exact. */
    WAY_RUNS_PARTS, /* Runs of values that are no integers. */
    WAY_RUNS_EXACT, /* Runs of small ones, zeroes of both signs among them. */
    WAY_BACKWARDS,  /* A clock that runs backwards. */
    WAY_STEPS,      /* Small steps, with exceptions of all sizes: differences. */
    WAY_STEPS_FAR,  /* The same from ever larger values on, up to the end of the integers. */
    WAY_COUNT,
};

/* Exceptions of a vector are of one size, larger from one to the next; so are its first values. Some steps are wide. */
static uint64_t way_step(bool far, uint32_t i, uint64_t last)
{
    const uint64_t noise = cc_noise();
    const uint64_t size = UINT64_C(1) << (10 + i / HI_VECTOR_ROWS * 4 % 53);
    const uint64_t step = !far && i / HI_VECTOR_ROWS % 4 == 3 ? noise >> 18 : noise % 16 - 3;

    if (i % HI_VECTOR_ROWS == 0) {
        return (i / HI_VECTOR_ROWS % 2 == 0 ? 1 : -UINT64_C(1)) *
               ((UINT64_C(1) << (far ? 46 + i / HI_VECTOR_ROWS : 10)) - 900);
    }
    return last + (noise / 64 % 100 == 0 ? (noise % 32 < 16 ? size : -size) : step);
}

static uint64_t way_integer(int way, uint32_t i, uint64_t *run)
{
    const uint64_t noise = cc_noise();

    if (way == WAY_STEPS || way == WAY_STEPS_FAR) {
        return *run = way_step(way == WAY_STEPS_FAR, i, *run);
    }
    *run = cc_noise() % 50 == 0 ? noise : *run;
    switch (way) {
    case WAY_FRAMES:
        return UINT64_C(1700000000000) + noise % 5000;
    case WAY_FRAMES_FAR:
        return (UINT64_C(1) << 63) + noise % 1000;
    case WAY_WRAPPING:
        return i * (UINT64_C(1) << 61) + 5;
    case WAY_RUNS_LARGE:
        return *run;
    case WAY_BACKWARDS:
        return UINT64_C(1700000000000000000) - i * UINT64_C(9000000000);
    default:
        return *run % 7;
    }
}

static uint64_t way_real(int way, uint32_t i, uint64_t *run)
{
    const uint64_t noise = cc_noise();

    *run = cc_noise() % 50 == 0 ? noise : *run;
    switch (way) {
    case WAY_FRAMES:
        return hi_bits_of((double)(2000 + (int64_t)(noise % 1024)) / 10);
    case WAY_FRAMES_FAR:
        return hi_bits_of((double)((INT64_C(1) << 50) + (int64_t)(noise % 4096)) / 1000);
    case WAY_WRAPPING:
        return hi_bits_of((double)i * 0.25 - 1e3);
    case WAY_RUNS_LARGE:
        return hi_bits_of((double)(INT64_C(1) << 50) + (double)(*run % 1000));
    case WAY_RUNS_PARTS:
        return hi_bits_of((double)(*run % 100) / 7);
    default:
        return *run % 7 == 0 ? UINT64_C(1) << 63 : hi_bits_of((double)(*run % 7));
    }
}

static void every_short_cut_gives_what_decoding_gives(void **state)
{
    const hi_codec_kernels *list[3];
    const size_t count = cc_variants(list);

    (void)state;
    cc_seed = 7;
    for (size_t t = 0; t < TYPES; t++) {
        for (int way = 0; way < WAY_COUNT; way++) {
            const uint32_t rows = 2 * HI_BLOCK_ROWS_MAX;
            uint64_t run = 1;

            cc_fill(types[t], SHAPE_WALK, NULLS_NONE, rows);
            for (uint32_t i = 0; i < rows && types[t] != HIST_TYPE_INT; i++) {
                cc.data[i] =
                    types[t] == HIST_TYPE_REAL ? way_real(way, i, &run) : way_integer(way, i, &run);
            }
            for (size_t k = 0; k < count; k++) {
                check_column(list[k], rows, HI_BLOCK_ROWS_MAX, HI_PROFILE_WARM);
            }
        }
    }
}

/* Damage with a right form: decimals of integers that have no place in a double. The last integer that
   has one decodes. */
static void decimals_of_huge_integers_are_damage(void **state)
{
    static const int64_t starts[] = {INT64_C(1) << 51, -(INT64_C(1) << 51), (INT64_C(1) << 51) - 40,
                                     INT64_MAX,        INT64_MIN,           INT64_C(0x4338) << 48};
    cc_room got = cc_room_new(0);
    uint64_t answer[HI_BLOCK_ROWS_MAX / 64];
    hi_decoded d;
    hi_fold f;

    (void)state;
    cc_seed = 9;
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        uint8_t bytes[32] = {HI_ENC_NUM, 0, 2, HI_STREAM_REGULAR, 0};
        size_t size = 5;

        size += hi_put_svarint(bytes + size, (uint64_t)starts[i]);
        size += hi_put_svarint(bytes + size, 1);
        uint8_t *src = cc_padded_copy(bytes, size);
        const hi_block_bytes b = {HIST_TYPE_REAL, src, size, 100, NULL};
        assert_int_equal(hi_block_decode(HIST_TYPE_REAL, src, size, 100, NULL, &got.r, &d),
                         HIST_ECORRUPT);
        assert_int_equal(hi_block_fold(&b, 0, 100, &f), HIST_ECORRUPT);
        assert_int_equal(hi_block_compare(&b, 0, 100, &(hi_compare){.op = HI_COMPARE_LT}, answer),
                         HIST_ECORRUPT);
        free(src);
    }
    cc_room_free(&got);
}

/* Values at the ends of the range of times, where bins are cut off. */
static void bins_at_the_ends_of_time_are_cut_off(void **state)
{
    (void)state;
    cc_seed = 8;
    for (int round = 0; round < 40; round++) {
        const uint32_t rows = 300;
        int64_t *t = (int64_t *)cc.data;

        cc_fill(HIST_TYPE_DATETIME, SHAPE_WALK, NULLS_NONE, rows);
        for (uint32_t i = 0; i < rows; i++) {
            const int64_t near = (int64_t)(cc_noise() % 100);
            t[i] = round % 3 == 0 ? INT64_MIN + near + i : round % 3 == 1 ? INT64_MAX - near : t[i];
            t[i] = round % 5 == 0 ? INT64_MIN + (int64_t)i * 7 : t[i]; /* A regular clock. */
            t[i] = round % 7 == 0 ? INT64_MAX - (int64_t)i * 9 : t[i]; /* Backwards. */
        }
        check_column(hi_codec_kernels_pick(), rows, rows, HI_PROFILE_WARM);
    }
}

static void rows_outside_and_other_types_are_refused(void **state)
{
    static const uint8_t constant_block[] = {HI_ENC_CONST, 2};
    uint8_t *src = cc_padded_copy(constant_block, sizeof(constant_block));
    hi_block_bytes b = {HIST_TYPE_LONG, src, sizeof(constant_block), 10, NULL};
    const hi_compare c = {HI_COMPARE_EQ, 1, 1};
    hi_bin_run runs[10];
    uint64_t bits[1];
    uint32_t n;
    hi_fold f;

    (void)state;
    assert_int_equal(hi_block_fold(&b, 0, 10, &f), HIST_OK);
    assert_true(f.count == 10 && f.min == 1 && f.max == 1 && f.sum_lo == 10);
    assert_int_equal(hi_block_fold(&b, 0, 11, &f), HIST_EINVAL);
    assert_int_equal(hi_block_fold(&b, 11, 0, &f), HIST_EINVAL);
    assert_int_equal(hi_block_fold(&b, 2, UINT32_MAX, &f), HIST_EINVAL);
    assert_int_equal(hi_block_compare(&b, 10, 1, &c, bits), HIST_EINVAL);
    assert_int_equal(hi_block_bin_runs(&b, 0, 10, 0, 10, runs, &n), HIST_EINVAL);
    b.type = HIST_TYPE_DATETIME;
    assert_int_equal(hi_block_bin_runs(&b, 0, 10, 0, 10, runs, &n), HIST_OK);
    assert_true(n == 1 && runs[0].start == 0 && runs[0].rows == 10);
    assert_int_equal(hi_block_bin_runs(&b, 0, 10, 0, 0, runs, &n), HIST_EINVAL);
    b.type = HIST_TYPE_STRING;
    assert_int_equal(hi_block_fold(&b, 0, 10, &f), HIST_EINVAL);
    b.type = HIST_TYPE_LONG;
    b.rows = HI_BLOCK_ROWS_MAX + 1;
    assert_int_equal(hi_block_fold(&b, 0, 10, &f), HIST_ECORRUPT);
    b.rows = 0;
    assert_int_equal(hi_block_fold(&b, 0, 0, &f), HIST_ECORRUPT);
    free(src);
}

/* ---- damage ----------------------------------------------------------------------------- */

/* What can be decoded must give the same answers; what cannot, an error or any answer. */
static void victim_check(const uint8_t *bytes, size_t size, uint32_t rows,
                         const hi_page_shared *shared, const cc_room *room)
{
    uint8_t *src = cc_padded_copy(bytes, size);
    const hi_block_bytes b = {cc.v.type, src, size, rows, shared};
    const model m = {cc.v.type, rows, room->r.valid, room->r.data};
    const uint32_t first = (uint32_t)(cc_noise() % rows);
    const hi_compare c = {(hi_compare_op)(cc_noise() % 7), cc.data[0], cc.data[1]};
    uint64_t bits[WORDS_MAX];
    hi_bin_run *runs = malloc(rows * sizeof(*runs));
    uint32_t n = 0;
    hi_decoded d;
    hi_fold f;

    if (hi_block_decode(cc.v.type, src, size, rows, shared, &room->r, &d) == HIST_OK) {
        check_range(hi_codec_kernels_pick(), &b, &m, first, rows - first);
    } else {
        hist_status status = hi_block_fold(&b, first, rows - first, &f);
        assert_true(status == HIST_OK || status == HIST_ECORRUPT);
        status = hi_block_sum(&b, first, rows - first, &f);
        assert_true(status == HIST_OK || status == HIST_ECORRUPT);
        status = hi_block_compare(&b, first, rows - first, &c, bits);
        assert_true(status == HIST_OK || status == HIST_ECORRUPT);
        status = hi_block_bin_runs(&b, first, rows - first, 0, 1000, runs, &n);
        assert_true(status == HIST_OK || status == HIST_ECORRUPT || status == HIST_EINVAL);
        assert_true(n <= rows - first);
    }
    free(runs);
    free(src);
}

static void damage(hist_type type, int shape, int nulls, uint32_t rows, hi_profile profile)
{
    cc_page p;
    hi_page_shared shared;
    cc_room got = cc_room_new(0);

    cc_fill(type, shape, nulls, rows);
    cc_page_cut(&p, rows, rows);
    cc_page_encode(&p, profile);
    const uint8_t *bytes = (const uint8_t *)p.bytes.data;
    assert_int_equal(
        hi_page_shared_open(&cc_mem, cc.v.type, bytes, p.shared_size, 1 << 20, &shared), HIST_OK);
    const size_t size = p.blocks[0].size;
    uint8_t *copy = cc_padded_copy(bytes + p.blocks[0].offset, size);
    const size_t step = size < 200 || getenv("HIST_LONG") != NULL ? 1 : size / 60;

    for (size_t i = 0; i < size; i += i < 64 ? 1 : step) {
        const uint8_t was = copy[i];

        copy[i] = (uint8_t)(cc_noise() % 2 == 0 ? cc_noise() : was ^ 0x80);
        victim_check(copy, size, rows, &shared, &got);
        copy[i] = was;
        victim_check(copy, i, rows, &shared, &got);
    }
    free(copy);
    hi_page_shared_free(&cc_mem, &shared);
    cc_room_free(&got);
    hi_buf_free(&p.bytes);
}

static void damaged_blocks_give_errors_or_what_decoding_gives(void **state)
{
    (void)state;
    cc_seed = 63;
    for (size_t t = 0; t < TYPES; t++) {
        for (int shape = 0; shape < SHAPE_COUNT; shape++) {
            damage(types[t], shape, shape % 3, shape % 3 == 0 ? 1100 : 90,
                   shape % 4 == 3 ? HI_PROFILE_COLD : HI_PROFILE_WARM);
        }
    }
}

/* ---- runs of a page --------------------------------------------------------------------- */

static void fill_runs(hist_type type, int way, int nulls, uint32_t rows)
{
    uint64_t run = 1;

    cc_fill(type, SHAPE_CONST, nulls, rows);
    for (uint32_t i = 0; i < rows; i++) {
        if (type == HIST_TYPE_INT) {
            ((uint32_t *)cc.data)[i] = (uint32_t)way_integer(way, i, &run);
        } else {
            cc.data[i] =
                type == HIST_TYPE_REAL ? way_real(way, i, &run) : way_integer(way, i, &run);
        }
    }
}

static void parts_of_a_pages_runs_give_what_decoding_gives(void **state)
{
    const hi_codec_kernels *list[3];
    const size_t count = cc_variants(list);

    (void)state;
    cc_seed = 64;
    for (size_t t = 0; t < TYPES; t++) {
        for (int way = WAY_RUNS_LARGE; way <= WAY_RUNS_EXACT; way++) {
            for (int nulls = NULLS_NONE; nulls < NULLS_ALL; nulls++) {
                fill_runs(types[t], way, nulls, 14000);
                for (size_t k = 0; k < count; k++) {
                    const uint32_t of_page =
                        check_column(list[k], 14000, 1000 + (uint32_t)k * 517,
                                     way % 2 == 0 ? HI_PROFILE_COLD : HI_PROFILE_WARM);
                    assert_true(of_page > 0 || k > 0); /* Blocks of 1000 rows gain for sure. */
                }
            }
        }
    }
}

static void damaged_parts_of_a_pages_runs_are_told(void **state)
{
    (void)state;
    cc_seed = 65;
    for (size_t t = 0; t < TYPES; t++) {
        cc_page p;
        hi_page_shared shared;
        cc_room got = cc_room_new(0);

        fill_runs(types[t], WAY_RUNS_EXACT, NULLS_NONE, 8000);
        cc_page_cut(&p, 8000, 2000);
        cc_page_encode(&p, HI_PROFILE_COLD);
        const uint8_t *bytes = (const uint8_t *)p.bytes.data;
        assert_int_equal(hi_page_shared_open(&cc_mem, cc.v.type, bytes, p.shared_size, 0, &shared),
                         HIST_OK);
        for (uint32_t from = 0; from <= 8000; from += 40) {
            const uint8_t block[] = {HI_ENC_PAGE_RUNS, (uint8_t)((from & 0x7f) | 0x80),
                                     (uint8_t)(from >> 7)};
            const hist_status want = from <= 6000 ? HIST_OK : HIST_ECORRUPT;
            hi_fold f;

            victim_check(block, sizeof(block), 2000, &shared, &got);
            uint8_t *src = cc_padded_copy(block, sizeof(block));
            const hi_block_bytes b = {cc.v.type, src, sizeof(block), 2000, &shared};
            assert_int_equal(hi_block_fold(&b, 0, 1, &f), want);
            free(src);
        }
        hi_page_shared_free(&cc_mem, &shared);
        cc_room_free(&got);
        hi_buf_free(&p.bytes);
    }
}

/* A vector of steps of `width` bits and exceptions, in which one byte after the other is another. */
static void damage_steps(unsigned width)
{
    const uint32_t rows = HI_VECTOR_ROWS;
    const hi_page_shared shared = {.number_count = 0};
    cc_page p;
    cc_room got = cc_room_new(0);
    hi_decoded d;
    hi_fold f;

    cc_fill(HIST_TYPE_LONG, SHAPE_WALK, NULLS_NONE, rows);
    for (uint32_t i = 1; i < rows; i++) {
        const uint64_t noise = cc_noise();
        const uint64_t jump = noise % 64 == 0 ? UINT64_C(1) << 33 : 0;

        cc.data[i] = cc.data[i - 1] + (noise >> (64 - width)) + jump;
    }
    cc_page_cut(&p, rows, rows);
    cc_page_encode(&p, HI_PROFILE_WARM);
    const size_t size = p.blocks[0].size;
    uint8_t *copy = cc_padded_copy((const uint8_t *)p.bytes.data + p.blocks[0].offset, size);
    const hi_block_bytes b = {HIST_TYPE_LONG, copy, size, rows, &shared};
    for (size_t i = 0; i < 2 * size; i++) {
        const uint8_t was = copy[i / 2];

        copy[i / 2] = i % 2 == 0 ? 0 : (uint8_t)cc_noise();
        const hist_status status =
            hi_block_decode(HIST_TYPE_LONG, copy, size, rows, &shared, &got.r, &d);
        assert_int_equal(hi_block_sum(&b, 0, rows, &f), status);
        if (status == HIST_OK) {
            const model m = {HIST_TYPE_LONG, rows, got.r.valid, got.r.data};
            check_fold(hi_codec_kernels_pick(), &b, &m, 0, rows);
        }
        copy[i / 2] = was;
    }
    free(copy);
    cc_room_free(&got);
    hi_buf_free(&p.bytes);
}

static void sums_of_damaged_differences_are_those_of_decoding(void **state)
{
    (void)state;
    cc_seed = 64;
    for (unsigned width = 1; width < 24; width++) {
        damage_steps(width);
    }
}

/* Steps near `base` from near `first` on: what the bounds of sums without values let through, and what not. */
static void sum_of_steps(uint64_t base, uint64_t first)
{
    const uint32_t rows = HI_VECTOR_ROWS;
    const hi_page_shared shared = {.number_count = 0};
    uint64_t valid[HI_VECTOR_ROWS / 64];
    const model m = {HIST_TYPE_LONG, rows, valid, cc.data};
    cc_page p;

    memset(valid, 0xff, sizeof(valid));
    cc_fill(HIST_TYPE_LONG, SHAPE_CONST, NULLS_NONE, rows);
    cc.data[0] = first;
    for (uint32_t i = 1; i < rows; i++) {
        cc.data[i] = cc.data[i - 1] + base + cc_noise() % 8;
    }
    cc_page_cut(&p, rows, rows);
    cc_page_encode(&p, HI_PROFILE_WARM);
    uint8_t *src =
        cc_padded_copy((const uint8_t *)p.bytes.data + p.blocks[0].offset, p.blocks[0].size);
    const hi_block_bytes b = {HIST_TYPE_LONG, src, p.blocks[0].size, rows, &shared};
    check_fold(hi_codec_kernels_pick(), &b, &m, 0, rows);
    free(src);
    hi_buf_free(&p.bytes);
}

static void sums_of_steps_of_any_size(void **state)
{
    (void)state;
    cc_seed = 66;
    for (unsigned bits = 36; bits < 64; bits++) {
        const uint64_t large = UINT64_C(1) << bits;

        sum_of_steps(large, 0);
        sum_of_steps(0 - large, 0);
        sum_of_steps(3, large);
        sum_of_steps(3, 0 - large);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_column_gives_what_its_decoded_values_give),
    cmocka_unit_test(short_blocks_too),
    cmocka_unit_test(every_short_cut_gives_what_decoding_gives),
    cmocka_unit_test(decimals_of_huge_integers_are_damage),
    cmocka_unit_test(bins_at_the_ends_of_time_are_cut_off),
    cmocka_unit_test(rows_outside_and_other_types_are_refused),
    cmocka_unit_test(damaged_blocks_give_errors_or_what_decoding_gives),
    cmocka_unit_test(parts_of_a_pages_runs_give_what_decoding_gives),
    cmocka_unit_test(damaged_parts_of_a_pages_runs_are_told),
    cmocka_unit_test(sums_of_damaged_differences_are_those_of_decoding),
    cmocka_unit_test(sums_of_steps_of_any_size),
};

CC_MAIN(tests)
