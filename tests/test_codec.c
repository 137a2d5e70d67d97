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

/* ---- vectors ---------------------------------------------------------------------------- */

static void check_vectors(const page *p, uint32_t b)
{
    const hi_block_info *info = &p->blocks[b];
    const uint32_t vectors = (info->rows + HI_VECTOR_ROWS - 1) / HI_VECTOR_ROWS;
    uint8_t *src = padded_copy((uint8_t *)p->bytes.data + info->offset, info->size);
    room whole = room_new(0);
    room part = room_new(0);
    hi_decoded d;

    assert_int_equal(hi_block_decode(col.v.type, src, info->size, info->rows, NULL, &whole.r, &d),
                     HIST_OK);
    for (uint32_t first = 0; first < vectors; first++) {
        for (uint32_t count = 1; count <= vectors - first; count++) {
            const uint32_t start = first * HI_VECTOR_ROWS;
            const uint32_t end = start + count * HI_VECTOR_ROWS;
            const uint32_t rows = (end < info->rows ? end : info->rows) - start;
            uint32_t nulls = 0;

            assert_int_equal(hi_block_decode_vectors(col.v.type, src, info->size, info->rows, first,
                                                     count, &part.r, &d),
                             HIST_OK);
            for (uint32_t i = 0; i < rows; i++) {
                const bool valid = hist_bit_get(whole.r.valid, start + i);
                assert_int_equal(hist_bit_get(part.r.valid, i), valid);
                assert_true(row_word(col.v.type, part.r.data, i) ==
                            row_word(col.v.type, whole.r.data, start + i));
                nulls += !valid;
            }
            assert_int_equal(d.nulls, nulls);
        }
    }
    assert_int_equal(
        hi_block_decode_vectors(col.v.type, src, info->size, info->rows, vectors, 1, &part.r, &d),
        HIST_EINVAL);
    room_free(&whole);
    room_free(&part);
    free(src);
}

static void any_vector_decodes_as_in_the_whole_block(void **state)
{
    static const hist_type numbers[] = {HIST_TYPE_LONG, HIST_TYPE_REAL, HIST_TYPE_INT,
                                        HIST_TYPE_DATETIME};

    (void)state;
    seed_state = 11;
    for (int t = 0; t < 4; t++) {
        for (int shape = 0; shape < SHAPE_COUNT; shape++) {
            for (int nulls = 0; nulls < NULLS_COUNT; nulls++) {
                page p;

                column_fill(numbers[t], shape, nulls, 3500);
                page_cut(&p, 3500, 3500);
                page_encode(&p, nulls % 2 == 0 ? HI_PROFILE_WARM : HI_PROFILE_COLD);
                check_vectors(&p, 0);
                hi_buf_free(&p.bytes);
            }
        }
    }
}

/* ---- CPU variants ----------------------------------------------------------------------- */

static size_t variants(const hi_codec_kernels **list)
{
    size_t count = 0;

    list[count++] = &hi_codec_kernels_base;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("bmi2")) {
        list[count++] = &hi_codec_kernels_avx2;
    }
    if (hi_codec_kernels_pick() == &hi_codec_kernels_avx512) {
        list[count++] = &hi_codec_kernels_avx512;
    }
#endif
    return count;
}

static void check_variants(hi_profile profile)
{
    const hi_codec_kernels *list[3];
    const size_t count = variants(list);
    page first;
    page other;

    page_cut(&first, col.v.rows, 2100);
    other = first;
    hi_encoder_use(encoder, list[0]);
    page_encode(&first, profile);
    for (size_t i = 0; i < count; i++) {
        check_page(&first, list[i]);
    }
    for (size_t i = 1; i < count; i++) {
        hi_encoder_use(encoder, list[i]);
        page_encode(&other, profile);
        assert_int_equal(other.bytes.size, first.bytes.size);
        assert_memory_equal(other.bytes.data, first.bytes.data, first.bytes.size);
        assert_memory_equal(other.blocks, first.blocks, sizeof(*first.blocks) * first.block_count);
        hi_buf_free(&other.bytes);
    }
    hi_encoder_use(encoder, hi_codec_kernels_pick());
    hi_buf_free(&first.bytes);
}

static void every_cpu_variant_writes_the_same_bytes_and_reads_them(void **state)
{
    (void)state;
    seed_state = 21;
    for (size_t t = 0; t < sizeof(types) / sizeof(*types); t++) {
        for (int shape = 0; shape < SHAPE_COUNT; shape++) {
            column_fill(types[t], shape, shape % NULLS_ALL, 4300);
            check_variants(shape % 2 == 0 ? HI_PROFILE_WARM : HI_PROFILE_COLD);
        }
    }
}

static void check_quotients(const hi_codec_kernels *kern, unsigned k)
{
    uint64_t n[1024];
    uint64_t got[1024];

    for (int i = 0; i < 1024; i++) {
        const uint64_t bound = UINT64_C(1) << (1 + noise() % 51);
        n[i] = noise() % bound - (noise() % 2) * (bound - 1);
    }
    n[0] = 0;
    n[1] = (UINT64_C(1) << 51) - 1;
    n[2] = 0 - n[1];
    memcpy(got, n, sizeof(n));
    kern->from_decimal(got, 1024, hi_power_of_ten(k));
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
    const size_t count = variants(list);
    const int rounds = getenv("HIST_LONG") == NULL ? 40 : 20000;

    (void)state;
    seed_state = 31;
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

__extension__ typedef __int128 wide;

typedef struct model {
    hi_block_stats s;
    uint32_t seen;
    uint32_t counted;
    double sum;
    wide total;
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
    m->sum += v;
    m->total += (int64_t)word;
    const double delta = v - m->mean;
    m->mean += delta / m->counted;
    m->m2 += delta * (v - m->mean);
}

static model model_of(uint32_t first, uint32_t rows)
{
    model m = {.seen = 0};

    for (uint32_t i = first; i < first + rows; i++) {
        if (col.v.valid != NULL && !hist_bit_get(col.v.valid, i)) {
            m.s.nulls++;
        } else if (col.v.type != HIST_TYPE_STRING) {
            model_take(&m, col.v.type, row_word(col.v.type, col.data, i));
        }
    }
    return m;
}

static void check_stats(uint32_t first, uint32_t rows)
{
    const model m = model_of(first, rows);
    hi_block_stats s;

    hi_block_stats_of(&col.v, first, rows, &s);
    assert_int_equal(s.nulls, m.s.nulls);
    assert_int_equal(s.nans, m.s.nans);
    assert_true(m.seen == 0 || (s.first == m.s.first && s.last == m.s.last));
    if (m.counted == 0) {
        return;
    }
    assert_true(s.min == m.s.min && s.max == m.s.max);
    if (col.v.type == HIST_TYPE_REAL) {
        assert_true(s.sum_lo == hi_bits_of(m.sum) ||
                    (m.sum != m.sum && s.sum_lo << 1 >> 53 == 0x7ff));
    } else {
        assert_true(s.sum_lo == (uint64_t)m.total && s.sum_hi == (uint64_t)(m.total >> 64));
    }
    const double off = s.m2 - m.m2;
    const double size = m.m2 + m.mean * m.mean * 1e-9;
    if (m.m2 == m.m2 && m.m2 < 1e300 && !(off <= 1e-6 * size && -off <= 1e-6 * size)) {
        fail_msg("M2 is %g, not %g (type %d)", s.m2, m.m2, col.v.type);
    }
}

static void statistics_are_those_of_a_row_by_row_model(void **state)
{
    (void)state;
    seed_state = 41;
    for (size_t t = 0; t < sizeof(types) / sizeof(*types); t++) {
        for (int shape = 0; shape < SHAPE_COUNT; shape++) {
            for (int nulls = 0; nulls < NULLS_COUNT; nulls++) {
                column_fill(types[t], shape, nulls, 6000);
                check_stats(0, 1);
                check_stats(5, 3000);
                check_stats(1023, 4977);
            }
        }
    }
}

/* ---- what a shape costs ----------------------------------------------------------------- */

static void expect_size(hist_type type, int shape, hi_encoding encoding, size_t bytes_max)
{
    page p;

    seed_state = 51;
    column_fill(type, shape, NULLS_NONE, HI_BLOCK_ROWS_MAX);
    page_cut(&p, HI_BLOCK_ROWS_MAX, HI_BLOCK_ROWS_MAX);
    page_encode(&p, HI_PROFILE_WARM);
    if (p.blocks[0].encoding != encoding || p.bytes.size > bytes_max) {
        fail_msg("type %d shape %d: encoding %u, %zu bytes", type, shape, p.blocks[0].encoding,
                 p.bytes.size);
    }
    hi_buf_free(&p.bytes);
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
    expect_size(HIST_TYPE_STRING, SHAPE_RUNS, HI_ENC_DICT, 8192 * 6 / 8 + 1200);
    expect_size(HIST_TYPE_STRING, SHAPE_NOISE, HI_ENC_TEXT, 8192 * 24);
    expect_size(HIST_TYPE_BOOL, SHAPE_NOISE, HI_ENC_BITMAP, 1030);
    expect_size(HIST_TYPE_BOOL, SHAPE_CONST, HI_ENC_CONST, 4);
}

/* ---- damage ----------------------------------------------------------------------------- */

/* Rooms of exact size, so that ASan sees a byte read or written too much. */
typedef struct victim {
    room got;
    hi_dict dict;
    uint32_t rows;
} victim;

static void victim_decode(const victim *v, const uint8_t *bytes, size_t size)
{
    uint8_t *src = padded_copy(bytes, size);
    hi_decoded d;
    size_t text = 0;
    hist_status status = hi_block_decode(col.v.type, src, size, v->rows, &v->dict, &v->got.r, &d);

    assert_true(status == HIST_OK || status == HIST_ECORRUPT || status == HIST_EINVAL);
    if (status == HIST_OK && d.codes) {
        for (uint32_t i = 0; i < v->rows; i++) {
            assert_true(((const uint32_t *)v->got.r.data)[i] < v->dict.count);
        }
    } else if (status == HIST_OK && col.v.type == HIST_TYPE_STRING) {
        for (uint32_t i = 0; i < v->rows; i++) {
            assert_true(v->got.r.offsets[i] <= v->got.r.offsets[i + 1]);
        }
        assert_true((size_t)v->got.r.offsets[v->rows] <= v->got.r.bytes_size);
    }
    if (col.v.type == HIST_TYPE_STRING) {
        status = hi_block_text_size(src, size, v->rows, &text);
    } else if (col.v.type != HIST_TYPE_BOOL) {
        status = hi_block_decode_vectors(col.v.type, src, size, v->rows,
                                         (v->rows - 1) / HI_VECTOR_ROWS, 1, &v->got.r, &d);
    }
    assert_true(status == HIST_OK || status == HIST_ECORRUPT || status == HIST_EINVAL);
    free(src);
}

static void damage_shared(uint8_t *shared, size_t size)
{
    hi_dict dict;

    for (size_t i = 0; i < size; i++) {
        const uint8_t was = shared[i];

        shared[i] = (uint8_t)noise();
        const hist_status status = hi_dict_open(&mem, shared, size, 1 << 20, &dict);
        assert_true(status == HIST_OK || status == HIST_ECORRUPT);
        hi_dict_free(&mem, &dict);
        shared[i] = was;
        uint8_t *cut = malloc(i + 1);
        memcpy(cut, shared, i);
        assert_int_equal(hi_dict_open(&mem, cut, i, 1 << 20, &dict),
                         i == 0 ? HIST_OK : HIST_ECORRUPT);
        hi_dict_free(&mem, &dict);
        free(cut);
    }
}

static void damage_block(const victim *v, const uint8_t *block, size_t size)
{
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    uint8_t *copy = padded_copy(block, size);
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
        const size_t at = noise() % size;
        const size_t other = noise() % (size < 64 ? size : 64);

        copy[at] = (uint8_t)noise();
        copy[other] = (uint8_t)noise();
        victim_decode(v, copy, size);
        copy[at] = block[at];
        copy[other] = block[other];
    }
    free(copy);
}

static void damage(hist_type type, int shape, int nulls, uint32_t rows, hi_profile profile)
{
    page p;
    victim v = {.rows = rows};

    column_fill(type, shape, nulls, rows);
    page_cut(&p, rows, rows);
    page_encode(&p, profile);
    uint8_t *shared = malloc(p.shared_size + 1);
    memcpy(shared, p.bytes.data, p.shared_size);
    assert_int_equal(hi_dict_open(&mem, shared, p.shared_size, 1 << 20, &v.dict), HIST_OK);
    damage_shared(shared, p.shared_size);
    v.got = room_new(type == HIST_TYPE_STRING ? (size_t)col.offsets[rows] : 0);
    damage_block(&v, (const uint8_t *)p.bytes.data + p.blocks[0].offset, p.blocks[0].size);
    room_free(&v.got);
    hi_dict_free(&mem, &v.dict);
    free(shared);
    hi_buf_free(&p.bytes);
}

static void damaged_blocks_give_errors_or_values_and_never_reach_outside(void **state)
{
    (void)state;
    seed_state = 61;
    for (size_t t = 0; t < sizeof(types) / sizeof(*types); t++) {
        for (int shape = 0; shape < SHAPE_COUNT; shape++) {
            const uint32_t rows = shape % 3 == 0 ? 1100 : 90;
            damage(types[t], shape, shape % 3, rows,
                   shape % 4 == 3 ? HI_PROFILE_COLD : HI_PROFILE_WARM);
        }
    }
}

static void a_block_cut_short_or_continued_is_damage(void **state)
{
    (void)state;
    seed_state = 71;
    for (size_t t = 0; t < sizeof(types) / sizeof(*types); t++) {
        page p;
        hi_decoded d;
        hi_dict dict;

        column_fill(types[t], SHAPE_WALK, NULLS_FEW, 2000);
        page_cut(&p, 2000, 2000);
        page_encode(&p, HI_PROFILE_WARM);
        room got = room_new((size_t)col.v.rows * 24);
        assert_int_equal(hi_dict_open(&mem, (uint8_t *)p.bytes.data, p.shared_size, 1 << 20, &dict),
                         HIST_OK);
        const size_t size = p.blocks[0].size;
        uint8_t *src = padded_copy((uint8_t *)p.bytes.data + p.blocks[0].offset, size);
        assert_int_equal(hi_block_decode(types[t], src, size - 1, 2000, &dict, &got.r, &d),
                         HIST_ECORRUPT);
        assert_int_equal(hi_block_decode(types[t], src, size + 1, 2000, &dict, &got.r, &d),
                         HIST_ECORRUPT);
        assert_int_equal(hi_block_decode(types[t], src, size, 8193, &dict, &got.r, &d),
                         HIST_ECORRUPT);
        assert_int_equal(hi_block_decode(types[t], src, 0, 2000, &dict, &got.r, &d), HIST_ECORRUPT);
        room_free(&got);
        hi_dict_free(&mem, &dict);
        free(src);
        hi_buf_free(&p.bytes);
    }
}

static void an_unknown_model_or_scheme_is_damage(void **state)
{
    static const uint8_t future_model[] = {17, 0, 0, 0, 0};
    static const uint8_t future_stream[] = {HI_ENC_INT, 9, 0, 0, 0};
    static const uint8_t future_scheme[] = {HI_ENC_INT, 0, 3, 0, 5, 0, 0};
    static const uint8_t future_number[] = {HI_ENC_NUM, 1, 0, 0, 2, 0, 0};
    static const uint8_t wide_vector[] = {HI_ENC_INT, 0, 3, 0, 0, 65, 0};
    static const uint8_t runs_of_runs[] = {HI_ENC_RLE, 1, 2, 2, 0, HI_ENC_RLE, 1, 2, 0, 0, 1, 0};
    static const struct {
        const uint8_t *bytes;
        size_t size;
    } cases[] = {
        {future_model, sizeof(future_model)},   {future_stream, sizeof(future_stream)},
        {future_scheme, sizeof(future_scheme)}, {future_number, sizeof(future_number)},
        {wide_vector, sizeof(wide_vector)},     {runs_of_runs, sizeof(runs_of_runs)},
    };
    room got = room_new(0);
    hi_decoded d;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        for (int t = 0; t < 2; t++) {
            uint8_t *src = padded_copy(cases[i].bytes, cases[i].size);
            assert_int_equal(hi_block_decode(t == 0 ? HIST_TYPE_REAL : HIST_TYPE_LONG, src,
                                             cases[i].size, 2, NULL, &got.r, &d),
                             HIST_ECORRUPT);
            free(src);
        }
    }
    room_free(&got);
}

/* ---- memory ----------------------------------------------------------------------------- */

static void without_memory_encoding_fails_and_gives_everything_back(void **state)
{
    uint32_t failures = 0;

    (void)state;
    seed_state = 81;
    for (uint64_t limit = 1000; limit < (4 << 20); limit += 60000) {
        hi_mem small;
        page p;

        hi_mem_init(&small, NULL, NULL, limit);
        column_fill(HIST_TYPE_STRING, limit % 120000 < 60000 ? SHAPE_WALK : SHAPE_NOISE, NULLS_FEW,
                    6000);
        page_cut(&p, 6000, 3000);
        hi_encoder *own = hi_encoder_new(&small);
        hi_buf_init(&p.bytes, &small, SIZE_MAX / 2);
        if (own != NULL) {
            const hist_status status =
                hi_page_encode(own, &col.v, HI_PROFILE_COLD, p.block_rows, p.block_count, &p.bytes,
                               p.blocks, &p.shared_size);
            assert_true(status == HIST_OK || status == HIST_ENOMEM);
            failures += status == HIST_ENOMEM;
        }
        hi_encoder_free(own);
        hi_buf_free(&p.bytes);
        assert_int_equal(small.used, 0);
    }
    assert_true(failures > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_comes_back_bit_for_bit),
        cmocka_unit_test(a_page_of_blocks_at_odd_rows_comes_back),
        cmocka_unit_test(any_vector_decodes_as_in_the_whole_block),
        cmocka_unit_test(every_cpu_variant_writes_the_same_bytes_and_reads_them),
        cmocka_unit_test(a_decimal_is_the_quotient_of_the_divide_instruction),
        cmocka_unit_test(statistics_are_those_of_a_row_by_row_model),
        cmocka_unit_test(each_shape_gets_the_model_made_for_it),
        cmocka_unit_test(damaged_blocks_give_errors_or_values_and_never_reach_outside),
        cmocka_unit_test(a_block_cut_short_or_continued_is_damage),
        cmocka_unit_test(an_unknown_model_or_scheme_is_damage),
        cmocka_unit_test(without_memory_encoding_fails_and_gives_everything_back),
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
