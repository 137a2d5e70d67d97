/*
 * seeds.c FOLDER -- inputs for the codec's fuzz targets, made by the encoder: FOLDER/TARGET/NUMBER.
 * `make fuzz-corpus` reduces them to the corpora that are kept.
 */
/* cmocka.h, which codec_columns.c needs, wants the four before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/support/codec_columns.h"
#include "tests/support/fuzz_codec.h"
#include "tests/support/fuzz_values.h"

enum {
    SEED_BYTES_MAX = 2048, /* Larger ones are not written. */
    SEED_BLOCKS = 3,
    SEED_STREAMS = 4,
    SEED_ROWS_MAX = 2100,
    SEED_GIVEN = 2 * CC_TYPES, /* fuzz_block.c: a shared section is in the input. */
    SEED_FORMS = 4,            /* fuzz_body.c: so is a set of forms. */
    SEED_RANS_FORM = 4,        /* fuzz_rans.c: a form. */
};

static const uint32_t seed_rows[] = {1, 3, 17, 40, 300, 1100, SEED_ROWS_MAX};
static const char *seed_folder;
static const hi_codec_kernels *seed_kern;

/* ---- files ------------------------------------------------------------------------------ */

/* An input in work. */
typedef struct seed {
    uint8_t bytes[SEED_BYTES_MAX];
    size_t size;
    bool large;
} seed;

static void seed_add(seed *s, const void *bytes, size_t size)
{
    s->large = s->large || size > SEED_BYTES_MAX - s->size;
    if (!s->large && size > 0) {
        memcpy(s->bytes + s->size, bytes, size);
        s->size += size;
    }
}

static void seed_u8(seed *s, unsigned v)
{
    const uint8_t byte = (uint8_t)v;

    seed_add(s, &byte, 1);
}

static void seed_u16(seed *s, uint32_t v)
{
    uint8_t bytes[2];

    hi_put_u16(bytes, (uint16_t)v);
    seed_add(s, bytes, sizeof(bytes));
}

static void seed_varint(seed *s, uint64_t v)
{
    uint8_t bytes[HI_VARINT_SIZE_MAX];

    seed_add(s, bytes, hi_put_varint(bytes, v));
}

static void seed_write(const char *target, const seed *s)
{
    static unsigned number;
    char path[4096];

    if (s->large) {
        return;
    }
    (void)snprintf(path, sizeof(path), "%s/%s", seed_folder, target);
    (void)mkdir(path, 0777);
    (void)snprintf(path, sizeof(path), "%s/%s/%u", seed_folder, target, number++);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(s->bytes, 1, s->size, file) != s->size || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

/* ---- pages ------------------------------------------------------------------------------ */

static unsigned seed_type_code(hist_type type)
{
    unsigned code = 0;

    while (cc_types[code] != type) {
        code++;
    }
    return code;
}

static void seed_block(const cc_page *p, uint32_t b)
{
    const hi_block_info *info = &p->blocks[b];
    seed s = {.size = 0};

    seed_u8(&s, seed_type_code(cc.v.type) + (p->shared_size > 0 ? SEED_GIVEN : 0));
    seed_u16(&s, fz_rows_code(info->rows));
    seed_u8(&s, b);
    if (p->shared_size > 0) {
        seed_varint(&s, p->shared_size);
        seed_add(&s, p->bytes.data, p->shared_size);
    }
    seed_add(&s, p->bytes.data + info->offset, info->size);
    seed_write("block", &s);
}

/* Numbers without nulls, where no dictionary of the page is asked for. */
static void seed_body(const cc_page *p, uint32_t b)
{
    const hi_block_info *info = &p->blocks[b];
    const uint8_t *bytes = (const uint8_t *)p->bytes.data;
    const bool forms = p->shared_size > 0;
    seed s = {.size = 0};

    if ((bytes[info->offset] & HI_HEAD_NULLS) != 0 || bytes[info->offset] == HI_ENC_NULLS ||
        (forms && bytes[0] != HI_SHARED_FORMS)) {
        return;
    }
    seed_u8(&s, (unsigned)hi_kind_of(cc.v.type) | (forms ? SEED_FORMS : 0));
    seed_u8(&s, bytes[info->offset]);
    seed_u16(&s, fz_rows_code(info->rows));
    seed_u8(&s, b);
    seed_add(&s, bytes + 1, forms ? p->shared_size - 1 : 0);
    seed_add(&s, bytes + info->offset + 1, info->size - 1);
    seed_write("body", &s);
}

/* For answers straight from the block; the constants are the first value and a bin's width. */
static void seed_fold(const cc_page *p, uint32_t b)
{
    static const unsigned codes[CC_TYPES] = {0, 0, 1, 0, 2, 3};
    static unsigned turn;
    const hi_block_info *info = &p->blocks[b];
    seed s = {.size = 0};

    if (p->shared_size > 0) {
        return;
    }
    seed_u8(&s, codes[seed_type_code(cc.v.type)] + 4 * (turn % 7) + 0x80);
    seed_u16(&s, fz_rows_code(info->rows));
    seed_u16(&s, turn % 3 == 0 ? 0 : turn * 37);
    seed_u16(&s, turn % 3 == 0 ? info->rows : turn * 101);
    seed_varint(&s, hi_zigzag((int64_t)info->stats.first));
    seed_varint(&s, hi_zigzag((int64_t)(info->stats.last - info->stats.first) / 5 + 1));
    seed_add(&s, p->bytes.data + info->offset, info->size);
    seed_write("fold", &s);
    turn++;
}

static void seed_bits(const cc_page *p, uint32_t b)
{
    const hi_block_info *info = &p->blocks[b];
    const uint8_t *bytes = (const uint8_t *)p->bytes.data + info->offset;
    seed s = {.size = 0};

    seed_u8(&s, (bytes[0] & HI_HEAD_NULLS) != 0 ? bytes[1] : bytes[0]);
    seed_u16(&s, fz_rows_code(info->rows));
    seed_add(&s, bytes + 1, info->size - 1);
    seed_write("bits", &s);
}

static void seed_text(const cc_page *p, uint32_t b)
{
    const hi_block_info *info = &p->blocks[b];
    const uint8_t *bytes = (const uint8_t *)p->bytes.data;
    const bool dict = p->shared_size > 0 && bytes[0] == HI_SHARED_DICT;
    seed s = {.size = 0};

    seed_u8(&s, dict ? 1 : 0);
    seed_u16(&s, fz_rows_code(info->rows));
    if (dict) {
        seed_add(&s, bytes + 1, p->shared_size - 1);
    } else {
        seed_add(&s, bytes + info->offset + 1, info->size - 1);
    }
    seed_write("text", &s);
}

static void seed_shared(const cc_page *p)
{
    seed s = {.size = 0};

    seed_u8(&s, seed_type_code(cc.v.type));
    seed_add(&s, p->bytes.data, p->shared_size);
    seed_write("shared", &s);
}

static void seed_page(hist_type type, int shape, int nulls, uint32_t rows, uint32_t blocks,
                      hi_profile profile)
{
    cc_page p;

    cc_fill(type, shape, nulls, rows);
    cc_page_cut(&p, rows, (rows + blocks - 1) / blocks);
    cc_page_encode(&p, profile);
    if (p.shared_size > 0) {
        seed_shared(&p);
    }
    for (uint32_t b = 0; b < p.block_count; b += 2) {
        seed_block(&p, b);
        if (type == HIST_TYPE_BOOL) {
            seed_bits(&p, b);
        } else if (type == HIST_TYPE_STRING) {
            seed_text(&p, b);
        } else {
            seed_body(&p, b);
            seed_fold(&p, b);
        }
    }
    hi_buf_free(&p.bytes);
}

static void seed_pages(void)
{
    for (size_t t = 0; t < CC_TYPES; t++) {
        for (int shape = 0; shape < SHAPE_COUNT; shape++) {
            for (size_t i = 0; i < sizeof(seed_rows) / sizeof(*seed_rows); i++) {
                for (int way = 0; way < 4; way++) {
                    const int nulls = way == 0 ? NULLS_NONE : ((int)i + way) % NULLS_COUNT;

                    seed_page(cc_types[t], shape, nulls, seed_rows[i], way < 2 ? 1 : SEED_BLOCKS,
                              way % 2 == 0 ? HI_PROFILE_WARM : HI_PROFILE_COLD);
                }
            }
        }
    }
}

/* ---- runs of a page --------------------------------------------------------------------- */

/* Blocks that are parts of the runs there always are, for each target that knows those. */
static void seed_part(unsigned type, uint32_t from, uint32_t rows)
{
    static const unsigned fold_codes[CC_TYPES] = {0, 0, 1, 0, 2, 3};
    seed s = {.size = 0};

    seed_u8(&s, type + CC_TYPES);
    seed_u16(&s, fz_rows_code(rows));
    seed_u8(&s, from);
    seed_u8(&s, HI_ENC_PAGE_RUNS);
    seed_varint(&s, from);
    seed_write("block", &s);
    s.size = 0;
    seed_u8(&s, (unsigned)hi_kind_of(cc_types[type]));
    seed_u8(&s, HI_ENC_PAGE_RUNS);
    seed_u16(&s, fz_rows_code(rows));
    seed_u8(&s, from);
    seed_varint(&s, from);
    seed_write("body", &s);
    s.size = 0;
    seed_u8(&s, fold_codes[type] + 4 * (from % 7));
    seed_u16(&s, fz_rows_code(rows));
    seed_u16(&s, from % 5);
    seed_u16(&s, rows);
    seed_varint(&s, hi_zigzag(1000));
    seed_varint(&s, hi_zigzag(1 << 20));
    seed_u8(&s, HI_ENC_PAGE_RUNS);
    seed_varint(&s, from);
    seed_write("fold", &s);
}

/* Pages whose runs go on from block to block. */
static void seed_run_pages(unsigned type, uint32_t length, int nulls, hi_profile profile)
{
    const unsigned words = cc_types[type] == HIST_TYPE_INT ? 4 : 8;
    uint64_t value = 0;
    cc_page p;

    cc_fill(cc_types[type], SHAPE_CONST, nulls, SEED_ROWS_MAX);
    for (uint32_t i = 0; i < SEED_ROWS_MAX; i++) {
        value = i % length == 0 ? cc_noise() % 40 : value;
        const uint64_t word = cc_types[type] == HIST_TYPE_REAL ? hi_bits_of((double)value) : value;
        memcpy((uint8_t *)cc.data + (size_t)words * i, &word, words);
    }
    cc_page_cut(&p, SEED_ROWS_MAX, SEED_ROWS_MAX / 6);
    cc_page_encode(&p, profile);
    if (p.shared_size > 0) {
        seed_shared(&p);
    }
    for (uint32_t b = 0; b < p.block_count; b += 2) {
        seed_block(&p, b);
    }
    hi_buf_free(&p.bytes);
}

static void seed_runs(void)
{
    for (unsigned type = 1; type < CC_TYPES; type++) {
        for (uint32_t i = 0; i < 8; i++) {
            seed_part(type, i * 7, 1 + i * i * 30);
        }
        for (uint32_t i = 0; i < 8 && cc_types[type] != HIST_TYPE_STRING; i++) {
            seed_run_pages(type, i < 4 ? 33 : 170, i % 2 == 0 ? NULLS_NONE : NULLS_FEW,
                           i % 4 < 2 ? HI_PROFILE_WARM : HI_PROFILE_COLD);
        }
    }
}

/* ---- streams ---------------------------------------------------------------------------- */

static void seed_stream(const uint64_t *x, uint32_t rows)
{
    static hi_stream_scratch scratch;
    static uint8_t bytes[HI_STREAM_BYTES_MAX];
    seed s = {.size = 0};

    seed_u16(&s, fz_rows_code(rows));
    seed_add(&s, bytes, hi_stream_encode(seed_kern, &scratch, x, rows, true, bytes));
    seed_write("stream", &s);
}

static void seed_form(const hi_cold_form *form)
{
    static uint8_t bytes[HI_COLD_FORM_BYTES_MAX];
    static const uint8_t ones[16] = {1, 1, 1, 1};
    seed s = {.size = 0};

    seed_u8(&s, SEED_RANS_FORM);
    seed_u16(&s, fz_rows_code(3));
    seed_u16(&s, 0);
    seed_u16(&s, 0);
    seed_u8(&s, 1);
    seed_add(&s, bytes, hi_cold_form_put(form, bytes));
    seed_add(&s, ones, sizeof(ones));
    seed_write("rans", &s);
}

/* Streams of one shape, alone and by what they share. */
static void seed_cold(int shape, uint32_t rows)
{
    static hi_cold_scratch scratch;
    static hi_cold_set set;
    static hi_cold_plan plans[SEED_STREAMS];
    static uint64_t x[SEED_STREAMS][SEED_ROWS_MAX];
    static uint8_t bytes[HI_STREAM_BYTES_MAX];
    static uint8_t set_bytes[HI_COLD_SET_BYTES_MAX];
    const uint64_t *of[SEED_STREAMS];

    for (unsigned i = 0; i < SEED_STREAMS; i++) {
        cc_fill(HIST_TYPE_LONG, shape, NULLS_NONE, rows);
        memcpy(x[i], cc.data, rows * sizeof(**x));
        of[i] = x[i];
        hi_cold_plan_make(seed_kern, &scratch, x[i], rows, &plans[i]);
        seed_form(&plans[i].form);
    }
    hi_cold_share(seed_kern, &scratch, plans, of, SEED_STREAMS, &set);
    const size_t set_size = hi_cold_set_put(&set, set_bytes);
    for (unsigned way = 0; way < 2; way++) {
        seed s = {.size = 0};

        seed_u8(&s, way);
        seed_u16(&s, fz_rows_code(rows));
        seed_add(&s, set_bytes, way == 0 ? 0 : set_size);
        seed_add(&s, bytes,
                 hi_cold_write(seed_kern, &scratch, plans, way == 0 ? NULL : &set, x[0],
                               HI_STREAM_BYTES_MAX, bytes));
        seed_write("cold", &s);
    }
}

/* Two streams of numbers of 1, 2, 4 or 8 bytes. */
static void seed_coldtrip(int shape, unsigned log_bytes)
{
    enum { ROWS = 60 };
    seed s = {.size = 0};

    seed_u8(&s, 1 + 4 * log_bytes);
    cc_fill(HIST_TYPE_LONG, shape, NULLS_NONE, 2 * ROWS);
    for (uint32_t i = 0; i < 2 * ROWS; i++) {
        uint8_t bytes[8];

        hi_put_u64(bytes, cc.data[i]);
        seed_add(&s, bytes, (size_t)1 << log_bytes);
    }
    seed_write("coldtrip", &s);
}

static void seed_rans(uint32_t rows, unsigned alphabet, unsigned tables, uint64_t bits)
{
    static uint8_t symbols[SEED_ROWS_MAX];
    static uint16_t room[HI_BLOCK_ROWS_MAX];
    static hi_rans_freqs freqs[HI_RANS_TABLES_MAX];
    uint32_t counts[HI_RANS_SYMBOLS] = {0};
    uint8_t map[HI_RANS_SEGMENTS_MAX];
    uint8_t bytes[1 + HI_RANS_TABLES_MAX * HI_RANS_FREQS_BYTES_MAX];
    hi_rans_coded coded;
    seed s = {.size = 0};

    for (uint32_t i = 0; i < rows; i++) {
        symbols[i] = (uint8_t)(cc_noise() % (1 + cc_noise() % alphabet));
        counts[symbols[i]]++;
    }
    hi_bit_writer w = {bytes, 0};
    hi_put_bits(&w, HI_RANS_SYMBOLS - 1, 8);
    for (unsigned t = 0; t < tables; t++) {
        counts[0] += t * rows;
        hi_rans_normalise(counts, HI_RANS_SYMBOLS, &freqs[t]);
        hi_rans_freqs_put(&w, &freqs[t]);
    }
    for (uint32_t i = 0; i < HI_RANS_SEGMENTS_MAX; i++) {
        map[i] = (uint8_t)(i % tables);
    }
    hi_rans_encode(freqs, map, symbols, rows, bits, room, &coded);
    seed_u8(&s, coded.lanes_code | (tables - 1) << 3);
    seed_u16(&s, fz_rows_code(rows));
    seed_u16(&s, coded.turns);
    seed_u16(&s, coded.words);
    seed_u8(&s, 1);
    seed_add(&s, bytes, hi_bits_bytes(&w));
    seed_add(&s, coded.states, coded.states_size);
    for (uint32_t i = 0; i < coded.words; i++) {
        seed_u16(&s, coded.word[i]);
    }
    seed_write("rans", &s);
}

static void seed_streams(void)
{
    static const unsigned alphabets[] = {1, 2, 5, 40, 256};

    for (size_t i = 0; i < sizeof(seed_rows) / sizeof(*seed_rows); i++) {
        for (int shape = 0; shape < SHAPE_COUNT; shape++) {
            cc_fill(HIST_TYPE_LONG, shape, NULLS_NONE, seed_rows[i]);
            seed_stream(cc.data, seed_rows[i]);
            seed_cold(shape, seed_rows[i]);
        }
        for (int shape = 0; shape < SHAPE_COUNT; shape++) {
            seed_coldtrip(shape, (unsigned)i % 4);
        }
        for (unsigned tables = 1; tables <= HI_RANS_TABLES_MAX; tables++) {
            for (size_t a = 0; a < sizeof(alphabets) / sizeof(*alphabets); a++) {
                seed_rans(seed_rows[i], alphabets[a], tables, UINT64_C(100) << (4 * a));
            }
        }
    }
}

/* ---- the others ------------------------------------------------------------------------- */

static void seed_squeezed(hi_squeezer *squeezer, hi_profile profile, uint32_t rows)
{
    static uint8_t frame[1 << 18];
    seed text = {.size = 0};
    seed s = {.size = 0};
    size_t made = 0;

    for (uint32_t i = 0; i < 8 * rows; i++) {
        seed_u8(&text, (unsigned)(97 + cc_noise() % (1 + i / 64 % 8)));
    }
    assert_int_equal(
        hi_squeeze(squeezer, profile, text.bytes, text.size, frame, sizeof(frame), &made), HIST_OK);
    seed_u8(&s, 0);
    seed_u16(&s, fz_rows_code(rows));
    seed_add(&s, frame, made);
    seed_write("squeeze", &s);
    s.size = 0;
    seed_u8(&s, profile == HI_PROFILE_COLD ? 3 : 1);
    seed_u16(&s, 0);
    seed_add(&s, text.bytes, text.size);
    seed_write("squeeze", &s);
}

static void seed_squeezes(void)
{
    hi_squeezer squeezer = {.mem = &cc_mem};

    for (uint32_t rows = 1; rows <= SEED_BYTES_MAX / 8; rows += 1 + rows / 3) {
        seed_squeezed(&squeezer, HI_PROFILE_WARM, rows);
        seed_squeezed(&squeezer, HI_PROFILE_COLD, rows);
    }
    hi_squeezer_free(&squeezer);
}

/* Parameters of fuzz_roundtrip.c and fv_make(). */
static void seed_roundtrip(unsigned type, unsigned profile, unsigned shape, unsigned real,
                           unsigned turn)
{
    static const uint8_t widths[] = {3, 0, 9, 64, 20, 1, 6, 44};
    static const uint8_t times[] = {0, 0, 0, 254, 0, 0, 255};
    uint8_t step[8];
    seed s = {.size = 0};

    seed_u8(&s, type + CC_TYPES * profile);
    seed_u8(&s, turn * 11);
    seed_u8(&s, times[turn % sizeof(times)]);
    seed_u8(&s, turn % 15);
    seed_u8(&s, shape);
    seed_u8(&s, real);
    seed_u8(&s, turn * 5);
    seed_u8(&s, widths[turn % sizeof(widths)]);
    seed_u8(&s, turn % 12);
    seed_u8(&s, 3 + turn * 7);
    seed_varint(&s, hi_zigzag((int64_t)(cc_noise() >> (turn * 9 % 64))));
    seed_varint(&s, real == FV_MULTIPLY ? hi_zigzag((int64_t)hi_bits_of(0.0031415926))
                                        : hi_zigzag((int64_t)(1 + turn * turn * turn)));
    for (int i = 0; i < 3; i++) {
        hi_put_u64(step, cc_noise());
        seed_add(&s, step, sizeof(step));
    }
    seed_write("roundtrip", &s);
}

static void seed_roundtrips(void)
{
    unsigned turn = 0;

    for (unsigned type = 0; type < CC_TYPES; type++) {
        const unsigned reals = cc_types[type] == HIST_TYPE_REAL ? FV_REALS : 1;

        for (unsigned shape = 0; shape < FV_SHAPES; shape++) {
            for (unsigned real = 0; real < reals; real++) {
                for (unsigned i = 0; i < 8; i++) {
                    seed_roundtrip(type, i % 2, shape, real, turn++);
                }
            }
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: seeds FOLDER\n");
        return 2;
    }
    seed_folder = argv[1];
    seed_kern = hi_codec_kernels_pick();
    (void)mkdir(seed_folder, 0777);
    hi_mem_init(&cc_mem, NULL, NULL, 0);
    cc_encoder = hi_encoder_new(&cc_mem);
    cc_seed = 1;
    seed_pages();
    seed_runs();
    seed_streams();
    seed_squeezes();
    seed_roundtrips();
    return cc_close();
}
