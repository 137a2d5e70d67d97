/* test_codec.c -- every value comes back bit for bit, and no damage goes further than an error. */
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
#include "base/mem.h"
#include "codec/codec.h"
#include "codec/encoder.h"

#define ROWS_MAX   20000
#define BLOCKS_MAX 64

static hi_mem mem;
static hi_encoder *encoder;

/* ---- deterministic noise ---------------------------------------------------------------- */

static uint64_t seed_state;

static uint64_t noise(void)
{
    uint64_t z = (seed_state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int64_t noise_below(uint64_t n)
{
    return (int64_t)(noise() % n);
}

/* Around zero with standard deviation near `scale`. */
static int64_t noise_normal(int64_t scale)
{
    int64_t sum = 0;

    for (int i = 0; i < 12; i++) {
        sum += noise_below(2001) - 1000;
    }
    return sum * scale / 2000;
}

/* ---- the columns ------------------------------------------------------------------------ */

typedef struct column {
    hi_values v;
    uint64_t valid[ROWS_MAX / 64 + 2];
    uint64_t data[ROWS_MAX + 16];
    int32_t offsets[ROWS_MAX + 1];
    char bytes[ROWS_MAX * 24];
} column;

static column col;

static const uint64_t odd_reals[] = {
    UINT64_C(0x0000000000000000), UINT64_C(0x8000000000000000), UINT64_C(0x7ff0000000000000),
    UINT64_C(0xfff0000000000000), UINT64_C(0x7ff8000000000000), UINT64_C(0x7ff0000000000001),
    UINT64_C(0xfff7ffffffffffff), UINT64_C(0x7fffffffffffffff), UINT64_C(0xffffffffffffffff),
    UINT64_C(0x0000000000000001), UINT64_C(0x800fffffffffffff), UINT64_C(0x0010000000000000),
    UINT64_C(0x7fefffffffffffff), UINT64_C(0xffefffffffffffff), UINT64_C(0x3ff0000000000001),
    UINT64_C(0x4320000000000000), UINT64_C(0x4330000000000001), UINT64_C(0xc320000000000000),
};

enum {
    SHAPE_CONST,
    SHAPE_WALK,
    SHAPE_DECIMAL,
    SHAPE_DECIMAL_ODD,
    SHAPE_COUNTER,
    SHAPE_RUNS,
    SHAPE_CLOCK,
    SHAPE_CLOCK_GAPS,
    SHAPE_CLOCK_JITTER,
    SHAPE_NOISE,
    SHAPE_EXTREMES,
    SHAPE_SPIKES_ENDS,
    SHAPE_SCALED,
    SHAPE_HALVES,
    SHAPE_COUNT,
};

static const uint64_t odd_ints[] = {
    0,
    1,
    UINT64_MAX,
    UINT64_C(1) << 63,
    INT64_MAX,
    (UINT64_C(1) << 63) + 1,
    UINT64_C(1) << 51,
    UINT64_C(1) << 62,
    255,
    256,
};

static uint64_t shape_int(int shape, uint32_t i, uint64_t before)
{
    switch (shape) {
    case SHAPE_CONST:
        return 42;
    case SHAPE_WALK:
    case SHAPE_DECIMAL:
    case SHAPE_DECIMAL_ODD:
        return before + (uint64_t)noise_normal(5);
    case SHAPE_COUNTER:
        return noise_below(500) == 0 ? 0 : before + (uint64_t)noise_below(1000);
    case SHAPE_RUNS:
        return noise_below(20) == 0 ? noise() % 7 : before;
    case SHAPE_CLOCK:
        return UINT64_C(1700000000000000000) + i * UINT64_C(10000000000);
    case SHAPE_CLOCK_GAPS:
        return before + UINT64_C(1000000000) * (noise_below(200) == 0 ? 1 + noise() % 100 : 1);
    case SHAPE_CLOCK_JITTER:
        return UINT64_C(1700000000000000000) + i * UINT64_C(10000000000) + noise() % 40000000;
    case SHAPE_NOISE:
        return noise();
    case SHAPE_EXTREMES:
        return odd_ints[noise() % (sizeof(odd_ints) / sizeof(*odd_ints))];
    case SHAPE_SPIKES_ENDS:
        return i % 1024 == 0 || i % 1024 == 1023 ? (uint64_t)INT64_MIN + noise() % 9
                                                 : 1000 + noise() % 16;
    case SHAPE_SCALED:
        return (uint64_t)-77 + 12500 * (noise() % 1000);
    default:
        return noise() % 2 == 0 ? before : before + 1;
    }
}

static uint64_t shape_real(int shape, uint32_t i, uint64_t *walk)
{
    *walk = shape_int(shape, i, *walk);
    switch (shape) {
    case SHAPE_DECIMAL:
    case SHAPE_RUNS:
    case SHAPE_HALVES:
        return hi_bits_of((double)(int64_t)*walk / 100);
    case SHAPE_DECIMAL_ODD:
        return noise_below(50) == 0 ? odd_reals[noise() % (sizeof(odd_reals) / sizeof(*odd_reals))]
                                    : hi_bits_of((double)(int64_t)*walk / 1000);
    case SHAPE_EXTREMES:
        return odd_reals[noise() % (sizeof(odd_reals) / sizeof(*odd_reals))];
    case SHAPE_SPIKES_ENDS:
        return i % 1024 == 0 || i % 1024 == 1023 ? odd_reals[noise() % 18]
                                                 : hi_bits_of((double)(noise() % 99) / 10);
    case SHAPE_NOISE:
        return *walk;
    case SHAPE_SCALED:
        return hi_bits_of((double)(int64_t)*walk * 0.37); /* No decimals, mostly. */
    default:
        return hi_bits_of((double)(int64_t)*walk);
    }
}

enum { NULLS_NONE, NULLS_FEW, NULLS_ALTERNATE, NULLS_LONG, NULLS_ALL, NULLS_COUNT };

static void column_nulls(int nulls, uint32_t rows)
{
    col.v.valid = nulls == NULLS_NONE ? NULL : col.valid;
    for (uint32_t i = 0; i < rows; i++) {
        const bool null = nulls == NULLS_ALL || (nulls == NULLS_ALTERNATE && i % 2 == 0) ||
                          (nulls == NULLS_FEW && noise_below(30) == 0) ||
                          (nulls == NULLS_LONG && i / 700 % 2 == 0);
        const uint64_t bit = UINT64_C(1) << (i & 63);
        col.valid[i / 64] = null ? col.valid[i / 64] & ~bit : col.valid[i / 64] | bit;
    }
}

static void column_text(int shape, uint32_t rows)
{
    int32_t at = 0;

    for (uint32_t i = 0; i < rows; i++) {
        const uint64_t kinds = shape == SHAPE_NOISE ? UINT64_MAX : shape == SHAPE_CONST ? 1 : 40;
        const uint64_t kind = noise() % kinds;
        const int32_t size = (int32_t)(kind % 23);

        col.offsets[i] = at;
        for (int32_t b = 0; b < size; b++) {
            col.bytes[at + b] = (char)(kind >> (b % 8 * 7)); /* NUL bytes among them. */
        }
        at += size;
    }
    col.offsets[rows] = at;
    col.v.offsets = col.offsets;
    col.v.bytes = col.bytes;
}

static void column_fill(hist_type type, int shape, int nulls, uint32_t rows)
{
    uint64_t walk = 1000;
    uint32_t *ids = (uint32_t *)col.data;

    col.v = (hi_values){.type = type, .rows = rows, .data = col.data};
    memset(col.data, 0, sizeof(col.data));
    for (uint32_t i = 0; i < rows; i++) {
        if (type == HIST_TYPE_REAL) {
            col.data[i] = shape_real(shape, i, &walk);
        } else if (type == HIST_TYPE_BOOL) {
            walk = shape_int(shape, i, walk);
            col.data[i / 64] |= (walk & 1) << (i & 63);
        } else if (type == HIST_TYPE_INT) {
            walk = shape_int(shape, i, walk);
            ids[i] = (uint32_t)walk;
        } else {
            walk = shape_int(shape, i, walk);
            col.data[i] = walk;
        }
    }
    if (type == HIST_TYPE_STRING) {
        column_text(shape, rows);
    }
    column_nulls(nulls, rows);
}

/* ---- encode, decode, compare ------------------------------------------------------------ */

typedef struct page {
    hi_buf bytes;
    hi_block_info blocks[BLOCKS_MAX];
    uint32_t block_rows[BLOCKS_MAX];
    uint32_t block_count;
    uint32_t shared_size;
} page;

static void page_cut(page *p, uint32_t rows, uint32_t each)
{
    p->block_count = 0;
    while (rows > 0) {
        const uint32_t here = rows < each ? rows : each;

        p->block_rows[p->block_count++] = here;
        rows -= here;
    }
}

static void page_encode(page *p, hi_profile profile)
{
    hi_buf_init(&p->bytes, &mem, SIZE_MAX / 2);
    assert_int_equal(hi_page_encode(encoder, &col.v, profile, p->block_rows, p->block_count,
                                    &p->bytes, p->blocks, &p->shared_size),
                     HIST_OK);
}

typedef struct room {
    hi_room r;
    uint64_t *data;
} room;

/* Every room is exactly as large as promised, so that ASan sees a byte too much. */
static room room_new(size_t text)
{
    room made = {.r = {.bytes_size = text}};

    made.r.valid = malloc(HI_BLOCK_ROWS_MAX / 8);
    made.r.data = malloc(8 * HI_BLOCK_ROWS_MAX + HI_CODEC_PAD);
    made.r.offsets = malloc((HI_BLOCK_ROWS_MAX + 1) * sizeof(int32_t));
    made.r.bytes = malloc(text == 0 ? 1 : text);
    made.data = made.r.data;
    memset(made.r.data, 0xa5, 8 * HI_BLOCK_ROWS_MAX + HI_CODEC_PAD);
    return made;
}

static void room_free(room *r)
{
    free(r->r.valid);
    free(r->r.data);
    free(r->r.offsets);
    free(r->r.bytes);
}

static uint8_t *padded_copy(const uint8_t *from, size_t size)
{
    uint8_t *copy = malloc(size + HI_CODEC_PAD);

    memcpy(copy, from, size);
    memset(copy + size, 0xee, HI_CODEC_PAD);
    return copy;
}

static hist_str row_text(const room *got, const hi_decoded *d, const hi_dict *dict, uint32_t i)
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

static void check_row(const room *got, const hi_decoded *d, const hi_dict *dict, uint32_t row,
                      uint32_t i)
{
    const bool valid = col.v.valid == NULL || hist_bit_get(col.v.valid, row);

    assert_int_equal(hist_bit_get(got->r.valid, i), valid);
    if (col.v.type == HIST_TYPE_STRING) {
        const hist_str text = row_text(got, d, dict, i);
        const int32_t from = col.offsets[row];
        const size_t size = valid ? (size_t)(col.offsets[row + 1] - from) : 0;

        if (valid || !d->codes) {
            assert_int_equal(text.size, size);
            assert_true(size == 0 || memcmp(text.data, col.bytes + from, size) == 0);
        }
        return;
    }
    const uint64_t want = valid ? row_word(col.v.type, col.data, row) : 0;
    if (row_word(col.v.type, got->r.data, i) != want) {
        fail_msg("row %u (%u in the block) is %016llx, not %016llx", row, i,
                 (unsigned long long)row_word(col.v.type, got->r.data, i),
                 (unsigned long long)want);
    }
}

static void check_block(const page *p, uint32_t b, uint32_t first, const hi_dict *dict,
                        const hi_codec_kernels *kern)
{
    const hi_block_info *info = &p->blocks[b];
    uint8_t *src = padded_copy((uint8_t *)p->bytes.data + info->offset, info->size);
    size_t text = 0;
    hi_decoded d;

    if (col.v.type == HIST_TYPE_STRING) {
        assert_int_equal(hi_block_text_size(src, info->size, info->rows, &text), HIST_OK);
    }
    room got = room_new(text);
    assert_int_equal(
        hi_block_decode_with(kern, col.v.type, src, info->size, info->rows, dict, &got.r, &d),
        HIST_OK);
    assert_int_equal(d.nulls, info->stats.nulls);
    for (uint32_t i = 0; i < info->rows; i++) {
        check_row(&got, &d, dict, first + i, i);
    }
    if ((info->rows & 63) != 0) {
        assert_int_equal(got.r.valid[info->rows / 64] >> (info->rows & 63), 0);
    }
    room_free(&got);
    free(src);
}

static void check_page(const page *p, const hi_codec_kernels *kern)
{
    uint32_t first = 0;
    hi_dict dict;

    /* No pad after the shared section: a reader may have just that. */
    uint8_t *shared = malloc(p->shared_size == 0 ? 1 : p->shared_size);
    if (p->shared_size > 0) {
        memcpy(shared, p->bytes.data, p->shared_size);
    }
    assert_int_equal(hi_dict_open(&mem, shared, p->shared_size, 1 << 26, &dict), HIST_OK);
    for (uint32_t b = 0; b < p->block_count; b++) {
        assert_int_equal(p->blocks[b].rows, p->block_rows[b]);
        check_block(p, b, first, &dict, kern);
        first += p->block_rows[b];
    }
    hi_dict_free(&mem, &dict);
    free(shared);
}

static size_t raw_bits(void)
{
    const uint64_t rows = col.v.rows;
    const uint64_t nulls = col.v.valid == NULL ? 0 : rows;

    switch (col.v.type) {
    case HIST_TYPE_BOOL:
        return rows + nulls;
    case HIST_TYPE_INT:
        return 32 * rows + nulls;
    case HIST_TYPE_STRING:
        return 32 * rows + 8 * (uint64_t)col.offsets[rows] + nulls;
    default:
        return 64 * rows + nulls;
    }
}

static const hist_type types[] = {HIST_TYPE_BOOL,   HIST_TYPE_LONG,     HIST_TYPE_REAL,
                                  HIST_TYPE_STRING, HIST_TYPE_DATETIME, HIST_TYPE_INT};

static void round_trip(uint32_t rows, uint32_t each, hi_profile profile)
{
    for (size_t t = 0; t < sizeof(types) / sizeof(*types); t++) {
        for (int shape = 0; shape < SHAPE_COUNT; shape++) {
            for (int nulls = 0; nulls < NULLS_COUNT; nulls++) {
                page p;

                column_fill(types[t], shape, nulls, rows);
                page_cut(&p, rows, each);
                page_encode(&p, profile);
                check_page(&p, hi_codec_kernels_pick());
                if (p.bytes.size * 8 > raw_bits() + rows / 2 + 512 * p.block_count) {
                    fail_msg("type %d shape %d nulls %d: %zu bytes for %zu raw", types[t], shape,
                             nulls, p.bytes.size, raw_bits() / 8);
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
        seed_state = 100 + i;
        round_trip(sizes[i], sizes[i], HI_PROFILE_WARM);
        round_trip(sizes[i], sizes[i], HI_PROFILE_COLD);
    }
}

static void a_page_of_blocks_at_odd_rows_comes_back(void **state)
{
    (void)state;
    seed_state = 7;
    round_trip(9001, 1777, HI_PROFILE_WARM);
    round_trip(9001, 997, HI_PROFILE_COLD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_comes_back_bit_for_bit),
        cmocka_unit_test(a_page_of_blocks_at_odd_rows_comes_back),
    };

    hi_mem_init(&mem, NULL, NULL, 0);
    encoder = hi_encoder_new(&mem);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    hi_encoder_free(encoder);
    if (mem.used != 0) {
        printf("%llu bytes were not freed\n", (unsigned long long)mem.used);
        return 1;
    }
    return failed;
}
