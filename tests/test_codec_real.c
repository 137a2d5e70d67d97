/*
 * test_codec_real.c -- real columns come back bit for bit and small, where they are at hand.
 *
 * Every column of columns.tar.zst, warm and cold, in pages of one block and of eight, by every CPU
 * variant of this machine: all write the same bytes and read each other's. Of most long columns the
 * first rows only; HIST_LONG=1 takes all. HIST_DATA is the folder of the archive.
 */
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

#include "bench/columns/real_column.h"
#include "tests/support/codec_columns.h"

enum {
    TAR_BLOCK = 512,
    COLUMN_BYTES_MAX = 16 << 20,
    ROWS_DEFAULT = 2 * HI_BLOCK_ROWS_MAX + 1500, /* Of a column: three blocks. */
    WHOLE_EVERY = 8,                             /* One of so many columns is taken whole. */
    PAGES_MAX = COLUMN_BYTES_MAX / HI_BLOCK_ROWS_MAX,
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

/* ---- one column ---- */

typedef struct coded {
    hi_buf bytes;
    real_page pages[PAGES_MAX];
    uint32_t page_count;
} coded;

static coded first;
static coded other;

static void column_encode(coded *p, const real_column *c, hi_profile profile, uint32_t page_rows,
                          const hi_codec_kernels *kern)
{
    hi_encoder_use(cc_encoder, kern);
    hi_buf_clear(&p->bytes);
    p->page_count = 0;
    for (uint32_t row = 0; row < c->rows; row += page_rows) {
        real_page *page = &p->pages[p->page_count++];

        memset(page, 0, sizeof(*page));
        page->first = row;
        page->rows = c->rows - row < page_rows ? c->rows - row : page_rows;
        assert_int_equal(real_page_encode(cc_encoder, c, profile, page, &p->bytes), HIST_OK);
    }
    assert_non_null(hi_buf_reserve(&p->bytes, HI_CODEC_PAD));
}

/* All variants write the bytes in `first`, so who reads them reads what each other wrote. */
static void column_check_variants(const real_column *c, hi_profile profile, uint32_t page_rows,
                                  const char *name)
{
    const hi_codec_kernels *list[REAL_VARIANTS_MAX];
    const size_t count = real_variants(list);
    hi_room room;

    assert_true(real_room_new(&room, c->text_size));
    column_encode(&first, c, profile, page_rows, list[0]);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            column_encode(&other, c, profile, page_rows, list[i]);
            if (other.bytes.size != first.bytes.size ||
                memcmp(other.bytes.data, first.bytes.data, first.bytes.size) != 0 ||
                memcmp(other.pages, first.pages, first.page_count * sizeof(*first.pages)) != 0) {
                fail_msg("%s: %s writes other bytes than %s", name, list[i]->name, list[0]->name);
            }
        }
        for (uint32_t p = 0; p < first.page_count; p++) {
            const hist_status status = real_page_decode(list[i], &cc_mem, c->type, &first.pages[p],
                                                        first.bytes.data, &room, c);
            if (status != HIST_OK) {
                fail_msg("%s, page %u, read by %s: %s", name, p, list[i]->name,
                         status == HIST_EINTERNAL ? "other values" : hist_status_name(status));
            }
        }
    }
    real_room_free(&room);
}

static uint64_t column_check(const real_column *c, const char *name)
{
    uint64_t made = 0;

    for (int profile = HI_PROFILE_WARM; profile <= HI_PROFILE_COLD; profile++) {
        column_check_variants(c, (hi_profile)profile, REAL_PAGE_BLOCKS * HI_BLOCK_ROWS_MAX, name);
        made += profile == HI_PROFILE_WARM ? first.bytes.size : 0;
        if (c->rows > HI_BLOCK_ROWS_MAX) { /* Else the pages are the same. */
            column_check_variants(c, (hi_profile)profile, HI_BLOCK_ROWS_MAX, name);
        }
    }
    return made;
}

/* ---- all of them ---- */

static void archive_path(char *path, size_t size)
{
    const char *data = getenv("HIST_DATA");
    const char *shared = getenv("HIST_SHARED");

    (void)snprintf(path, size, "%s%s/columns.tar.zst",
                   data != NULL     ? data
                   : shared != NULL ? shared
                                    : "../shared",
                   data != NULL ? "" : "/data");
}

/* NULL for what is no column: the index, folders. */
static const char *column_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;

    return strstr(name, "__") == NULL ? NULL : name;
}

static void check_archive(tar *t)
{
    const bool all = getenv("HIST_LONG") != NULL;
    uint8_t *data = malloc(COLUMN_BYTES_MAX);
    char path[101];
    size_t size = 0;
    uint64_t raw = 0;
    uint64_t made = 0;
    int columns = 0;

    while (tar_next(t, path, data, &size)) {
        const char *name = column_name(path);
        real_column c;

        if (name == NULL) {
            continue;
        }
        assert_true(real_column_parse(&c, real_column_type(name), data, size));
        if (!all && columns % WHOLE_EVERY != 0 && c.rows > ROWS_DEFAULT) {
            c.rows = ROWS_DEFAULT;
        }
        made += column_check(&c, name);
        raw += c.type == HIST_TYPE_STRING || c.type == HIST_TYPE_BOOL ? 0 : (uint64_t)c.rows * 8;
        columns++;
        real_column_free(&c);
    }
    print_message("%d columns, %llu bytes of numbers; all made %llu\n", columns,
                  (unsigned long long)raw, (unsigned long long)made);
    assert_true(columns > 0 && made < raw / 2);
    free(data);
}

static void real_columns_come_back_bit_for_bit(void **state)
{
    tar t = {.in = {NULL, 0, 0}};
    char path[1024];

    (void)state;
    archive_path(path, sizeof(path));
    t.file = fopen(path, "rb");
    if (t.file == NULL) {
        print_message("skipped: no %s (set HIST_DATA)\n", path);
        skip();
    }
    t.zstd = ZSTD_createDStream();
    hi_buf_init(&first.bytes, &cc_mem, SIZE_MAX / 2);
    hi_buf_init(&other.bytes, &cc_mem, SIZE_MAX / 2);
    check_archive(&t);
    hi_encoder_use(cc_encoder, hi_codec_kernels_pick());
    hi_buf_free(&first.bytes);
    hi_buf_free(&other.bytes);
    ZSTD_freeDStream(t.zstd);
    (void)fclose(t.file);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(real_columns_come_back_bit_for_bit),
};

CC_MAIN(tests)
