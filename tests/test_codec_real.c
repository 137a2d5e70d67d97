/* test_codec_real.c -- real columns come back bit for bit and small, where they are at hand. */
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
#include <zstd.h>

#include "base/bytes.h"
#include "codec/codec.h"
#include "tests/support/codec_columns.h"

enum {
    TAR_BLOCK = 512,
    PAGE_ROWS = 65536,
    COLUMN_BYTES_MAX = 16 << 20,
    COLUMNS_DEFAULT = 150, /* HIST_LONG=1: all. */
};

/* A tar file inside a zstd frame, read from front to end. */
typedef struct tar {
    FILE *file;
    ZSTD_DStream *zstd;
    uint8_t chunk[1 << 16];
    ZSTD_inBuffer in;
} tar;

static bool tar_read(tar *t, void *to, size_t size)
{
    ZSTD_outBuffer out = {to, size, 0};

    while (out.pos < size) {
        if (t->in.pos == t->in.size) {
            t->in = (ZSTD_inBuffer){t->chunk, fread(t->chunk, 1, sizeof(t->chunk), t->file), 0};
            if (t->in.size == 0) {
                return false;
            }
        }
        if (ZSTD_isError(ZSTD_decompressStream(t->zstd, &out, &t->in))) {
            return false;
        }
    }
    return true;
}

/* Reads the next file into data, padded size in *size_out; false at the end. */
static bool tar_next(tar *t, char *name, uint8_t *data, size_t *size_out)
{
    char head[TAR_BLOCK];

    if (!tar_read(t, head, sizeof(head)) || head[0] == 0) {
        return false;
    }
    head[135] = 0;
    *size_out = strtoul(head + 124, NULL, 8);
    const size_t padded = (*size_out + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
    memcpy(name, head, 100);
    name[100] = 0;
    return padded <= COLUMN_BYTES_MAX && tar_read(t, data, padded);
}

static hist_type column_type(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;

    return strncmp(name, "f64__", 5) == 0   ? HIST_TYPE_REAL
           : strncmp(name, "i64__", 5) == 0 ? HIST_TYPE_LONG
           : strncmp(name, "ts__", 4) == 0  ? HIST_TYPE_DATETIME
                                            : HIST_TYPE_STRING;
}

/* Encodes one page of rows, checks what comes back, and returns its size. */
static size_t check_rows(hist_type type, const uint8_t *data, uint32_t rows, const cc_room *got,
                         hi_profile profile)
{
    const hi_values values = {.type = type, .rows = rows, .data = data};
    cc_page p;
    size_t at = 0;
    hi_decoded d;

    cc_page_cut(&p, rows, HI_BLOCK_ROWS_MAX);
    hi_buf_init(&p.bytes, &cc_mem, SIZE_MAX / 2);
    assert_int_equal(hi_page_encode(cc_encoder, &values, profile, p.block_rows, p.block_count,
                                    &p.bytes, p.blocks, &p.shared_size),
                     HIST_OK);
    const size_t size = p.bytes.size;
    assert_non_null(hi_buf_reserve(&p.bytes, HI_CODEC_PAD));
    for (uint32_t b = 0; b < p.block_count; b++) {
        const uint8_t *src = (const uint8_t *)p.bytes.data + p.blocks[b].offset;
        const size_t bytes = (size_t)p.block_rows[b] * 8;

        assert_int_equal(
            hi_block_decode(type, src, p.blocks[b].size, p.block_rows[b], NULL, &got->r, &d),
            HIST_OK);
        assert_memory_equal(got->data, data + at, bytes);
        at += bytes;
    }
    hi_buf_free(&p.bytes);
    return size;
}

/* The files are little-endian. */
static void column_words(uint8_t *data, size_t size)
{
    for (size_t at = 0; at + 8 <= size; at += 8) {
        const uint64_t word = hi_get_u64(data + at);

        memcpy(data + at, &word, sizeof(word));
    }
}

static void real_columns_come_back_bit_for_bit(void **state)
{
    const char *shared = getenv("HIST_SHARED");
    const int most = getenv("HIST_LONG") == NULL ? COLUMNS_DEFAULT : INT32_MAX;
    tar t = {.in = {NULL, 0, 0}};
    char path[1024];
    char name[101];
    size_t size = 0;
    size_t raw = 0;
    size_t made = 0;
    int columns = 0;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/data/columns.tar.zst",
                   shared == NULL ? "../shared" : shared);
    t.file = fopen(path, "rb");
    if (t.file == NULL) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    t.zstd = ZSTD_createDStream();
    uint8_t *data = malloc(COLUMN_BYTES_MAX);
    cc_room got = cc_room_new(0);
    while (columns < most && tar_next(&t, name, data, &size)) {
        const hist_type type = column_type(name);

        column_words(data, size);
        for (size_t at = 0; type != HIST_TYPE_STRING && at + 8 <= size; at += PAGE_ROWS * 8) {
            const size_t left = (size - at) / 8;
            const uint32_t rows = (uint32_t)(left < PAGE_ROWS ? left : PAGE_ROWS);

            made += check_rows(type, data + at, rows, &got,
                               columns % 8 == 7 ? HI_PROFILE_COLD : HI_PROFILE_WARM);
            raw += (size_t)rows * 8;
        }
        columns += type != HIST_TYPE_STRING;
    }
    print_message("%d columns, %zu bytes made %zu\n", columns, raw, made);
    assert_true(columns > 0 && made < raw / 2);
    cc_room_free(&got);
    free(data);
    ZSTD_freeDStream(t.zstd);
    (void)fclose(t.file);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(real_columns_come_back_bit_for_bit),
};

CC_MAIN(tests)
