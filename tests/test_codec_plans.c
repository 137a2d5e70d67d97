/*
 * test_codec_plans.c -- what the encoder guesses and what holds all the same: rooms, sizes, and that nothing of one page
 * reaches the next. Choices are made by parts of the values, so the values here are made to mislead them.
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
#include "codec/real.h"

enum { ROWS = HI_BLOCK_ROWS_MAX, BLOCKS = 8, PAGES = 1500, SMALL_ROWS = 160 };

static uint64_t values[ROWS * BLOCKS];
static uint64_t random_state;

static uint64_t random_word(void)
{
    uint64_t z = (random_state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* ---- rooms ------------------------------------------------------------------------------ */

/* Residuals of a vector that are looked at before a width is chosen: 8 runs of 64 and every 32nd. */
static bool is_looked_at(uint32_t i)
{
    const uint32_t at = i % HI_VECTOR_ROWS;

    return (at % 137 < 64 && at / 137 < 8) || at % 32 == 0;
}

/* What is looked at fits in `width` bits around `middle`; the rest needs all `all` bits. */
static uint64_t misleading(uint32_t i, unsigned width, unsigned all, uint64_t middle)
{
    const uint64_t near = random_word() >> (65 - width);
    const uint64_t far = (random_word() >> (67 - all)) | UINT64_C(1) << (all - 1);

    if (i % 32 == 0) {
        const uint32_t k = i % HI_VECTOR_ROWS / 32;

        return k == 16 ? middle : k % 2 != 0 ? middle + near : middle - near;
    }
    if (is_looked_at(i)) {
        return random_word() % 2 != 0 ? middle + near : middle - near;
    }
    return random_word() % 2 != 0 ? middle + far : middle - far;
}

/* What is looked at is near an end of all integers, or both; the rest is anywhere. */
static uint64_t misleading_ring(uint32_t i, unsigned width, int mode)
{
    const uint32_t at = i % HI_VECTOR_ROWS;
    const uint64_t low = UINT64_C(1) << 63;
    const uint64_t near = random_word() >> (64 - width);
    const bool above = mode == 0 || (mode == 2 && random_word() % 2 != 0);

    if (at == 65 || at == 66) {
        return at == 65 ? low : low - 1;
    }
    if (!is_looked_at(i)) {
        return random_word();
    }
    return above ? low + near : low - 1 - near;
}

static void room_check(void)
{
    static hi_stream_scratch scratch;
    static uint8_t to[4 * HI_STREAM_BYTES_MAX];

    assert_true(hi_stream_encode(hi_codec_kernels_pick(), &scratch, values, ROWS, false, to) <=
                HI_STREAM_BYTES_MAX);
}

static void a_stream_keeps_to_its_room(void **state)
{
    (void)state;
    for (unsigned width = 8; width <= 62; width++) {
        for (uint32_t i = 0; i < ROWS; i++) {
            values[i] = misleading(i, width, 63, 0);
        }
        room_check();
        for (int mode = 0; mode < 3; mode++) {
            for (uint32_t i = 0; i < ROWS; i++) {
                values[i] = misleading_ring(i, width, mode);
            }
            room_check();
        }
    }
}

/* A model of left and right parts of which half the values are exceptions, and right parts that mislead. */
static void a_body_keeps_to_its_room(void **state)
{
    static hi_body_scratch scratch;
    static uint8_t to[2 * HI_BODY_BYTES_MAX];
    hi_real_model model = {.encoding = HI_ENC_RD, .cut = 60, .patterns = HI_RD_PATTERNS};

    (void)state;
    for (uint16_t p = 0; p < HI_RD_PATTERNS; p++) {
        model.left[p] = p;
    }
    for (unsigned width = 40; width <= 59; width++) {
        for (uint32_t i = 0; i < ROWS; i++) {
            const bool exception = i % 2 != 0 && i % HI_VECTOR_ROWS != HI_VECTOR_ROWS - 1;
            const uint64_t right =
                misleading(i, width, 60, UINT64_C(1) << 59) % (UINT64_C(1) << 60);
            const uint64_t left = random_word() % HI_RD_PATTERNS;

            values[i] = exception ? (8 + left) << 60 | random_word() >> 4 : left << 60 | right;
        }
        memset(to, 0, sizeof(to));
        (void)hi_real_encode(hi_codec_kernels_pick(), &scratch, &model, values, ROWS, to);
        for (size_t i = HI_BODY_BYTES_MAX; i < sizeof(to); i++) {
            assert_int_equal(to[i], 0);
        }
    }
}

/* ---- pages ------------------------------------------------------------------------------ */

typedef struct page {
    hi_profile profile;
    hist_type type;
    uint32_t block_rows[BLOCKS];
    uint32_t blocks;
    uint32_t rows;
} page;

static hi_mem mem;

static size_t encode(hi_encoder *encoder, const page *p, hi_buf *out)
{
    const hi_values v = {.type = p->type, .rows = p->rows, .data = values};
    hi_block_info info[BLOCKS];
    uint32_t shared = 0;

    hi_buf_clear(out);
    assert_int_equal(
        hi_page_encode(encoder, &v, p->profile, p->block_rows, p->blocks, out, info, &shared),
        HIST_OK);
    return out->size;
}

/* Values of few rows in every way that makes streams of many kinds: noise of some bits, runs, steps, few values. */
static void fill(page *p)
{
    const uint64_t shape = random_word() % 6;
    const unsigned bits = 1 + (unsigned)(random_word() % 63);
    uint64_t walk = random_word() >> bits;

    for (uint32_t i = 0; i < p->rows; i++) {
        const uint64_t noise = random_word() >> (64 - bits);

        switch (shape) {
        case 0:
            walk = noise;
            break;
        case 1:
            walk += noise - (UINT64_C(1) << (bits - 1));
            break;
        case 2:
            walk = random_word() % 4 == 0 ? noise : walk;
            break;
        case 3:
            walk = (random_word() % (3 + bits) + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 3;
            break;
        case 4:
            walk = random_word() % 20 == 0 ? noise : random_word() % 16;
            break;
        default:
            walk = random_word() % 200 == 0 ? noise : walk + 7;
            break;
        }
        values[i] = p->type == HIST_TYPE_REAL && shape < 3
                        ? hi_bits_of((double)(int64_t)(walk % 100000) / 100)
                        : walk;
    }
}

static page small_page(void)
{
    page p = {.profile = random_word() % 4 == 0 ? HI_PROFILE_WARM : HI_PROFILE_COLD,
              .type = random_word() % 2 == 0 ? HIST_TYPE_REAL : HIST_TYPE_LONG,
              .blocks = 1 + (uint32_t)(random_word() % BLOCKS)};
    const uint32_t rows = 16 + (uint32_t)(random_word() % (SMALL_ROWS - 16));

    for (uint32_t b = 0; b < p.blocks; b++) {
        p.block_rows[b] = rows;
        p.rows += rows;
    }
    fill(&p);
    return p;
}

static void nothing_of_a_page_reaches_the_next(void **state)
{
    hi_encoder *old = hi_encoder_new(&mem);
    hi_buf first;
    hi_buf second;

    (void)state;
    random_state = 1;
    hi_buf_init(&first, &mem, SIZE_MAX / 2);
    hi_buf_init(&second, &mem, SIZE_MAX / 2);
    for (int i = 0; i < PAGES; i++) {
        const page p = small_page();
        hi_encoder *new = hi_encoder_new(&mem);
        const size_t size = encode(old, &p, &first);

        assert_int_equal(encode(new, &p, &second), size);
        assert_memory_equal(first.data, second.data, size);
        hi_encoder_free(new);
    }
    hi_encoder_free(old);
    hi_buf_free(&first);
    hi_buf_free(&second);
}

/* Blocks of jitter around lines with a value at an end of all integers for "none": the residuals of lines wrap. `seed` is one
   of thousands of such pages. */
static page page_of_lines(uint64_t seed)
{
    static const uint64_t steps[] = {10, 100, 1000, 50, 125};
    page p = {.profile = HI_PROFILE_COLD, .type = HIST_TYPE_LONG, .blocks = 6};

    random_state = seed * 1000003;
    const uint32_t rows = 200 + (uint32_t)(random_word() % 1500);
    const uint64_t step = steps[random_word() % 5];
    const uint64_t every = 3 + random_word() % 100;
    const uint64_t none = random_word() % 4;
    const uint64_t odd = 3 + random_word() % 8;
    const uint64_t line = random_word() % 3;
    const uint64_t sign = random_word() & 1 ? 1 : UINT64_MAX;
    const unsigned wide = 30 + (unsigned)(random_word() % 33);
    const uint64_t common = sign * (random_word() % (UINT64_C(1) << wide));

    for (uint32_t b = 0; b < p.blocks; b++) {
        uint64_t start = common;
        uint64_t slope = 0;

        if (random_word() % 2 == 0) {
            const uint64_t turn = random_word() & 1 ? 1 : UINT64_MAX;
            const unsigned bits = 30 + (unsigned)(random_word() % 33);

            start = turn * (random_word() % (UINT64_C(1) << bits));
        }
        if (line == 1) {
            slope = random_word() % 3 - 1;
        } else if (line != 0) {
            const uint64_t turn = random_word() & 1 ? 1 : UINT64_MAX;

            slope = turn * (random_word() % 10000) * 10;
        }
        for (uint32_t i = 0; i < rows; i++) {
            uint64_t jitter = random_word() % 1000 * step;

            if (random_word() % odd == 0) {
                jitter = random_word() % (1000 * step);
            }
            values[p.rows + i] = start + slope * i + jitter;
            if (none < 3 && random_word() % every == 0) {
                const bool low = none == 0 || (none == 2 && (random_word() & 1));

                values[p.rows + i] =
                    low ? (UINT64_C(1) << 63) + (none == 2 ? random_word() % 3 : 0)
                        : INT64_MAX - (none == 2 ? random_word() % 1000 * step : 0);
            }
        }
        p.block_rows[b] = rows;
        p.rows += rows;
    }
    return p;
}

static void lines_that_wrap_come_back(void **state)
{
    static uint64_t valid[HI_BLOCK_ROWS_MAX / 64];
    static uint64_t data[HI_BLOCK_ROWS_MAX + HI_CODEC_PAD / 8];
    const hi_room room = {.valid = valid, .data = data};
    hi_encoder *encoder = hi_encoder_new(&mem);
    hi_buf out;

    (void)state;
    hi_buf_init(&out, &mem, SIZE_MAX / 2);
    for (uint64_t seed = 3092 - 50; seed < 3092 + 50;
         seed++) { /* 3092 had bins that began at one place. */
        const page p = page_of_lines(seed);
        const hi_values v = {.type = p.type, .rows = p.rows, .data = values};
        hi_block_info info[BLOCKS];
        uint32_t shared_size = 0;
        hi_page_shared shared;
        hi_decoded decoded;
        uint32_t at = 0;

        hi_buf_clear(&out);
        assert_int_equal(hi_page_encode(encoder, &v, p.profile, p.block_rows, p.blocks, &out, info,
                                        &shared_size),
                         HIST_OK);
        assert_non_null(hi_buf_reserve(&out, HI_CODEC_PAD));
        const uint8_t *bytes = (const uint8_t *)out.data;
        assert_int_equal(hi_page_shared_open(&mem, p.type, bytes, shared_size, 0, &shared),
                         HIST_OK);
        for (uint32_t b = 0; b < p.blocks; at += p.block_rows[b++]) {
            assert_int_equal(hi_block_decode(p.type, bytes + info[b].offset, info[b].size,
                                             p.block_rows[b], &shared, &room, &decoded),
                             HIST_OK);
            assert_memory_equal(data, values + at, p.block_rows[b] * sizeof(*data));
        }
        hi_page_shared_free(&mem, &shared);
    }
    hi_encoder_free(encoder);
    hi_buf_free(&out);
}

/* codec.h: raw values, half a bit a value and 64 bytes a block. */
static void no_page_is_larger_than_promised(void **state)
{
    hi_encoder *encoder = hi_encoder_new(&mem);
    hi_buf out;

    (void)state;
    random_state = 2;
    hi_buf_init(&out, &mem, SIZE_MAX / 2);
    for (int i = 0; i < PAGES; i++) {
        const page p = small_page();

        assert_true(encode(encoder, &p, &out) <=
                    (size_t)p.rows * 8 + (size_t)p.rows / 16 + (size_t)64 * p.blocks);
    }
    hi_encoder_free(encoder);
    hi_buf_free(&out);
}

/* Noise in the first half of a page is no reason to do without a dictionary in the second one. */
static void a_dictionary_is_found_behind_noise(void **state)
{
    static const hist_type types[] = {HIST_TYPE_LONG, HIST_TYPE_REAL};
    page p = {.blocks = BLOCKS, .rows = ROWS * BLOCKS};
    hi_encoder *encoder = hi_encoder_new(&mem);
    hi_buf out;

    (void)state;
    random_state = 3;
    hi_buf_init(&out, &mem, SIZE_MAX / 2);
    for (uint32_t i = 0; i < p.rows; i++) {
        const uint64_t level = random_word() % 40 + 1 + i / ROWS * 40;

        values[i] = i < p.rows / 2 + 32 ? random_word() : level * UINT64_C(0x9e3779b97f4a7c15) >> 3;
        p.block_rows[i / ROWS] = ROWS;
    }
    for (int profile = 0; profile < 2; profile++) {
        for (int t = 0; t < 2; t++) {
            p.profile = profile == 0 ? HI_PROFILE_WARM : HI_PROFILE_COLD;
            p.type = types[t];
            assert_true(encode(encoder, &p, &out) < (size_t)p.rows * 4 + (size_t)p.rows);
        }
    }
    hi_encoder_free(encoder);
    hi_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_keeps_to_its_room),
        cmocka_unit_test(a_body_keeps_to_its_room),
        cmocka_unit_test(nothing_of_a_page_reaches_the_next),
        cmocka_unit_test(lines_that_wrap_come_back),
        cmocka_unit_test(no_page_is_larger_than_promised),
        cmocka_unit_test(a_dictionary_is_found_behind_noise),
    };

    hi_mem_init(&mem, NULL, NULL, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
