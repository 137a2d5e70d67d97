/* codec_columns.c -- see codec_columns.h. */
#include "tests/support/codec_columns.h"

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

const hist_type cc_types[CC_TYPES] = {HIST_TYPE_BOOL,   HIST_TYPE_LONG,     HIST_TYPE_REAL,
                                      HIST_TYPE_STRING, HIST_TYPE_DATETIME, HIST_TYPE_INT};

hi_mem cc_mem;
hi_encoder *cc_encoder;

/* ---- deterministic noise ---------------------------------------------------------------- */

uint64_t cc_seed;

uint64_t cc_noise(void)
{
    uint64_t z = (cc_seed += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int64_t cc_noise_below(uint64_t n)
{
    return (int64_t)(cc_noise() % n);
}

/* Around zero with standard deviation near `scale`. */
static int64_t noise_normal(int64_t scale)
{
    int64_t sum = 0;

    for (int i = 0; i < 4; i++) {
        sum += cc_noise_below(2001) - 1000;
    }
    return sum * scale / 1155;
}

/* ---- the columns ------------------------------------------------------------------------ */

cc_column cc;

static const uint64_t odd_reals[] = {
    UINT64_C(0x0000000000000000), UINT64_C(0x8000000000000000), UINT64_C(0x7ff0000000000000),
    UINT64_C(0xfff0000000000000), UINT64_C(0x7ff8000000000000), UINT64_C(0x7ff0000000000001),
    UINT64_C(0xfff7ffffffffffff), UINT64_C(0x7fffffffffffffff), UINT64_C(0xffffffffffffffff),
    UINT64_C(0x0000000000000001), UINT64_C(0x800fffffffffffff), UINT64_C(0x0010000000000000),
    UINT64_C(0x7fefffffffffffff), UINT64_C(0xffefffffffffffff), UINT64_C(0x3ff0000000000001),
    UINT64_C(0x4320000000000000), UINT64_C(0x4330000000000001), UINT64_C(0xc320000000000000),
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

static uint64_t curve_step;

static uint64_t curve_next(uint64_t before)
{
    curve_step += (uint64_t)noise_normal(2);
    return before + curve_step;
}

enum { PHRASE_WORDS = 16, PHRASES = 40, WORDS = 500 };

static uint64_t phrase;

/* A word: the next of the phrase. */
static uint64_t phrase_next(uint32_t i)
{
    phrase = i % PHRASE_WORDS == 0 ? cc_noise() % PHRASES : phrase;
    return (phrase * PHRASE_WORDS + i % PHRASE_WORDS) * 7919 % WORDS;
}

static uint64_t amount_next(void)
{
    const uint64_t amount = cc_noise() % 100000000;

    return cc_noise_below(3) == 0 ? amount : amount - amount % 100;
}

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
        return cc_noise_below(500) == 0 ? 0 : before + (uint64_t)cc_noise_below(1000);
    case SHAPE_RUNS:
        return cc_noise_below(20) == 0 ? cc_noise() % 7 : before;
    case SHAPE_CLOCK:
        return UINT64_C(1700000000000000000) + i * UINT64_C(10000000000);
    case SHAPE_CLOCK_GAPS:
        return before +
               UINT64_C(1000000000) * (cc_noise_below(200) == 0 ? 1 + cc_noise() % 100 : 1);
    case SHAPE_CLOCK_JITTER:
        return UINT64_C(1700000000000000000) + i * UINT64_C(10000000000) + cc_noise() % 40000000;
    case SHAPE_NOISE:
        return cc_noise();
    case SHAPE_EXTREMES:
        return odd_ints[cc_noise() % (sizeof(odd_ints) / sizeof(*odd_ints))];
    case SHAPE_SPIKES_ENDS:
        return i % 1024 == 0 || i % 1024 == 1023 ? (uint64_t)INT64_MIN + cc_noise() % 9
                                                 : 1000 + cc_noise() % 16;
    case SHAPE_LEVELS: /* Few values, far apart, no common factor. */
        return (cc_noise() % 300 + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 3;
    case SHAPE_MANY_LEVELS:
        return (cc_noise() % 2500 + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 3;
    case SHAPE_RUN_LEVELS:
        return cc_noise_below(8) == 0 ? (cc_noise() % 90 + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 3
                                      : before;
    case SHAPE_CURVE:
        return curve_next(before);
    case SHAPE_PHRASES:
        return (phrase_next(i) + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 3;
    case SHAPE_AMOUNTS:
        return amount_next();
    case SHAPE_SCALED:
        return (uint64_t)-77 + 12500 * (cc_noise() % 1000);
    default:
        return cc_noise() % 2 == 0 ? before : before + 1;
    }
}

/* Bits of a double, up to two ulps beside it. */
static uint64_t beside(double v)
{
    return hi_bits_of(v) + (cc_noise() % 4 == 0 ? cc_noise() % 5 - 2 : 0);
}

static uint64_t shape_real(int shape, uint32_t i, uint64_t *walk)
{
    uint64_t mantissa = 0;
    float narrow = 0;

    *walk = shape_int(shape, i, *walk);
    switch (shape) {
    case SHAPE_FLOATS:
        *walk = *walk - *walk % 2 + 3000 + cc_noise() % 90 - *walk / 4;
        narrow = (float)*walk / 1000.0F; /* s390x divides in double until it is stored. */
        return hi_bits_of((double)narrow);
    case SHAPE_FLOAT_NOISE: {
        union {
            uint32_t u;
            float f;
        } v = {.u = UINT32_C(0x3f800000) + (uint32_t)cc_noise() % 0x4000000};
        return hi_bits_of((double)v.f);
    }
    case SHAPE_PRODUCTS:
        *walk = 1000 + cc_noise() % 900;
        return beside((double)*walk * 0.00031415926535);
    case SHAPE_RATIOS:
        *walk = 4000000 + cc_noise() % 2000;
        return hi_bits_of((double)*walk / 8052423.0);
    case SHAPE_ULPS:
        *walk = 5000 + cc_noise() % 700;
        return beside((double)*walk / 100);
    case SHAPE_SMOOTH:
        *walk += (uint64_t)noise_normal(1000);
        return hi_bits_of(1.0 + (double)(int64_t)*walk / 1e9) ^ cc_noise() % 8;
    case SHAPE_FEW_LEFT:
        mantissa = cc_noise() & UINT64_C(0xfffffffffffff);
        return cc_noise_below(90) == 0 ? cc_noise() : (0x3fe + cc_noise() % 3) << 52 | mantissa;
    case SHAPE_DECIMAL:
    case SHAPE_RUNS:
    case SHAPE_HALVES:
    case SHAPE_AMOUNTS:
        return hi_bits_of((double)(int64_t)*walk / 100);
    case SHAPE_DECIMAL_ODD:
        return cc_noise_below(50) == 0
                   ? odd_reals[cc_noise() % (sizeof(odd_reals) / sizeof(*odd_reals))]
                   : hi_bits_of((double)(int64_t)*walk / 1000);
    case SHAPE_EXTREMES:
        return odd_reals[cc_noise() % (sizeof(odd_reals) / sizeof(*odd_reals))];
    case SHAPE_SPIKES_ENDS:
        return i % 1024 == 0 || i % 1024 == 1023 ? odd_reals[cc_noise() % 18]
                                                 : hi_bits_of((double)(cc_noise() % 99) / 10);
    case SHAPE_NOISE:
    case SHAPE_LEVELS:
    case SHAPE_MANY_LEVELS:
    case SHAPE_RUN_LEVELS:
    case SHAPE_PHRASES:
        return *walk;
    case SHAPE_SCALED:
        return hi_bits_of((double)(int64_t)*walk * 0.37); /* No decimals, mostly. */
    default:
        return hi_bits_of((double)(int64_t)*walk);
    }
}

static void column_nulls(int nulls, uint32_t rows)
{
    cc.v.valid = nulls == NULLS_NONE ? NULL : cc.valid;
    for (uint32_t i = 0; i < rows; i++) {
        const bool null = nulls == NULLS_ALL || (nulls == NULLS_ALTERNATE && i % 2 == 0) ||
                          (nulls == NULLS_FEW && cc_noise_below(30) == 0) ||
                          (nulls == NULLS_LONG && i / 700 % 2 == 0);
        const uint64_t bit = UINT64_C(1) << (i & 63);
        cc.valid[i / 64] = null ? cc.valid[i / 64] & ~bit : cc.valid[i / 64] | bit;
    }
}

static void column_text(int shape, uint32_t rows)
{
    int32_t at = 0;

    for (uint32_t i = 0; i < rows; i++) {
        const uint64_t kinds = shape == SHAPE_NOISE ? UINT64_MAX : shape == SHAPE_CONST ? 1 : 40;
        const uint64_t kind =
            shape == SHAPE_PHRASES ? 40 + phrase_next(i) * 12345 : cc_noise() % kinds;
        const int32_t size = (int32_t)(kind % 23);

        cc.offsets[i] = at;
        for (int32_t b = 0; b < size; b++) {
            cc.bytes[at + b] = (char)(kind >> (b % 8 * 7)); /* NUL bytes among them. */
        }
        at += size;
    }
    cc.offsets[rows] = at;
    cc.v.offsets = cc.offsets;
    cc.v.bytes = cc.bytes;
}

size_t cc_variants(const hi_codec_kernels *list[CC_VARIANTS_MAX])
{
    size_t count = 0;

    list[count++] = &hi_codec_kernels_base;
#if defined(__x86_64__)
    if (hi_codec_kernels_pick() != &hi_codec_kernels_base) {
        list[count++] = &hi_codec_kernels_avx2;
    }
    if (hi_codec_kernels_pick() == &hi_codec_kernels_avx512) {
        list[count++] = &hi_codec_kernels_avx512;
    }
#endif
    return count;
}

void cc_fill(hist_type type, int shape, int nulls, uint32_t rows)
{
    uint64_t walk = 1000;
    curve_step = 100000;
    uint32_t *ids = (uint32_t *)cc.data;

    cc.v = (hi_values){.type = type, .rows = rows, .data = cc.data};
    memset(cc.data, 0, ((size_t)rows + 1) * sizeof(*cc.data));
    for (uint32_t i = 0; i < rows; i++) {
        if (type == HIST_TYPE_REAL) {
            cc.data[i] = shape_real(shape, i, &walk);
        } else if (type == HIST_TYPE_BOOL) {
            walk = shape_int(shape, i, walk);
            cc.data[i / 64] |= (walk & 1) << (i & 63);
        } else if (type == HIST_TYPE_INT) {
            walk = shape_int(shape, i, walk);
            ids[i] = (uint32_t)walk;
        } else {
            walk = shape_int(shape, i, walk);
            cc.data[i] = walk;
        }
    }
    if (type == HIST_TYPE_STRING) {
        column_text(shape, rows);
    }
    column_nulls(nulls, rows);
}

/* ---- encode, decode, compare ------------------------------------------------------------ */

void cc_page_cut(cc_page *p, uint32_t rows, uint32_t each)
{
    p->block_count = 0;
    while (rows > 0) {
        const uint32_t here = rows < each ? rows : each;

        p->block_rows[p->block_count++] = here;
        rows -= here;
    }
}

void cc_page_encode(cc_page *p, hi_profile profile)
{
    hi_buf_init(&p->bytes, &cc_mem, SIZE_MAX / 2);
    assert_int_equal(hi_page_encode(cc_encoder, &cc.v, profile, p->block_rows, p->block_count,
                                    &p->bytes, p->blocks, &p->shared_size),
                     HIST_OK);
}

cc_room cc_room_new(size_t text)
{
    cc_room made = {.r = {.bytes_size = text}};

    made.r.valid = malloc(HI_BLOCK_ROWS_MAX / 8);
    made.r.data = malloc(8 * HI_BLOCK_ROWS_MAX + HI_CODEC_PAD);
    made.r.offsets = malloc((HI_BLOCK_ROWS_MAX + 1) * sizeof(int32_t));
    made.r.bytes = malloc(text == 0 ? 1 : text);
    made.data = made.r.data;
    memset(made.r.data, 0xa5, 8 * HI_BLOCK_ROWS_MAX + HI_CODEC_PAD);
    return made;
}

void cc_room_free(cc_room *r)
{
    free(r->r.valid);
    free(r->r.data);
    free(r->r.offsets);
    free(r->r.bytes);
}

uint8_t *cc_padded_copy(const uint8_t *from, size_t size)
{
    uint8_t *copy = malloc(size + HI_CODEC_PAD);

    memcpy(copy, from, size);
    memset(copy + size, 0xee, HI_CODEC_PAD);
    return copy;
}

int cc_close(void)
{
    hi_encoder_free(cc_encoder);
    if (cc_mem.used != 0) {
        (void)fprintf(stderr, "%llu bytes were not freed\n", (unsigned long long)cc_mem.used);
        return 1;
    }
    return 0;
}
