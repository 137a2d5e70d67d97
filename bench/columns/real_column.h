/*
 * real_column.h -- a column of the real data sets, cut in pages, encoded and decoded.
 *
 * The files are what data/columns.tar.zst holds: f64__GROUP__NAME and i64__, ts__ are
 * little-endian 8-byte values, bool__ one byte a value, str__ u32 length and bytes.
 * real_page_encode() and real_page_decode() are the only calls of the codec;
 * bench/bench_columns.c measures them, tests/test_codec_real.c tests them.
 */
#ifndef BENCH_COLUMNS_REAL_COLUMN_H
#define BENCH_COLUMNS_REAL_COLUMN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "codec/codec.h"
#include "codec/encoder.h"

enum {
    REAL_PAGE_BLOCKS = 8, /* Of the largest page: 64 Ki rows. */
    REAL_VARIANTS_MAX = 3,
};

typedef struct real_column {
    hist_type type;
    uint32_t rows;
    uint64_t raw_bytes; /* Of its file. */
    void *data;         /* Numbers; bool: bits. */
    int32_t *offsets;   /* Strings. */
    char *bytes;
    size_t text_size;
} real_column;

/* ---- reading ---- */

static inline hist_type real_column_type(const char *kind)
{
    return strncmp(kind, "f64", 3) == 0    ? HIST_TYPE_REAL
           : strncmp(kind, "i64", 3) == 0  ? HIST_TYPE_LONG
           : strncmp(kind, "ts", 2) == 0   ? HIST_TYPE_DATETIME
           : strncmp(kind, "bool", 4) == 0 ? HIST_TYPE_BOOL
                                           : HIST_TYPE_STRING;
}

static inline void real_column_free(real_column *c)
{
    free(c->data);
    free(c->offsets);
    free(c->bytes);
    memset(c, 0, sizeof(*c));
}

static inline bool real_column_parse_bits(real_column *c, const uint8_t *from, size_t size)
{
    uint64_t *bits = calloc(size / 64 + 1, sizeof(*bits));

    c->data = bits;
    if (bits == NULL) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        bits[i / 64] |= (uint64_t)(from[i] != 0) << (i % 64);
    }
    c->rows = (uint32_t)size;
    return true;
}

static inline bool real_column_parse_text(real_column *c, const uint8_t *from, size_t size)
{
    c->offsets = malloc((size / 4 + 1) * sizeof(*c->offsets));
    c->bytes = malloc(size + 1);
    if (c->offsets == NULL || c->bytes == NULL) {
        return false;
    }
    for (size_t at = 0; at < size;) {
        if (size - at < 4 || hi_get_u32(from + at) > size - at - 4) {
            return false;
        }
        const uint32_t length = hi_get_u32(from + at);

        c->offsets[c->rows++] = (int32_t)c->text_size;
        memcpy(c->bytes + c->text_size, from + at + 4, length);
        c->text_size += length;
        at += 4 + (size_t)length;
    }
    c->offsets[c->rows] = (int32_t)c->text_size;
    return true;
}

/* A column from the bytes of its file (less than 2 GiB); false: no memory, or they are none. */
static inline bool real_column_parse(real_column *c, hist_type type, const uint8_t *from,
                                     size_t size)
{
    *c = (real_column){.type = type, .raw_bytes = size};
    if (type == HIST_TYPE_BOOL) {
        return real_column_parse_bits(c, from, size);
    }
    if (type == HIST_TYPE_STRING) {
        return real_column_parse_text(c, from, size);
    }
    c->data = malloc(size + 1);
    if (c->data == NULL || size % 8 != 0) {
        return false;
    }
    hi_get_le64s(c->data, from, size);
    c->rows = (uint32_t)(size / 8);
    return true;
}

/* Rows [first, first + rows); first is a multiple of 64. */
static inline hi_values real_column_rows(const real_column *c, uint32_t first, uint32_t rows)
{
    hi_values v = {.type = c->type, .rows = rows, .bytes = c->bytes};

    if (c->type == HIST_TYPE_STRING) {
        v.offsets = c->offsets + first;
    } else {
        v.data = (const uint64_t *)c->data + (c->type == HIST_TYPE_BOOL ? first / 64 : first);
    }
    return v;
}

/* ---- comparing ---- */

static inline bool real_column_same_bits(const uint64_t *a, const uint64_t *b, uint32_t count)
{
    const uint32_t words = count / 64;
    const uint64_t last = count % 64 == 0 ? 0 : (a[words] ^ b[words]) << (64 - count % 64);

    return memcmp(a, b, words * sizeof(*a)) == 0 && last == 0;
}

static inline bool real_column_same_text(const hi_values *want, const hi_dict *dict,
                                         const hi_room *room, const hi_decoded *got)
{
    const int32_t *codes = room->data;

    for (uint32_t i = 0; i < want->rows; i++) {
        const uint32_t at = got->codes ? (uint32_t)codes[i] : i;
        const int32_t *offsets = got->codes ? dict->offsets : room->offsets;
        const char *bytes = got->codes ? dict->bytes : room->bytes;
        const int32_t size = want->offsets[i + 1] - want->offsets[i];

        if ((got->codes && at >= dict->count) || offsets[at + 1] - offsets[at] != size ||
            memcmp(bytes + offsets[at], want->bytes + want->offsets[i], (size_t)size) != 0) {
            return false;
        }
    }
    return true;
}

/* Whether a decoded block is rows [first, first + rows) of the column, to the bit. */
static inline bool real_column_same(const real_column *c, uint32_t first, uint32_t rows,
                                    const hi_dict *dict, const hi_room *room, const hi_decoded *got)
{
    const hi_values want = real_column_rows(c, first, rows);

    if (got->nulls != 0 || hi_valid_count(room->valid, rows) != rows) {
        return false;
    }
    switch (c->type) {
    case HIST_TYPE_STRING:
        return real_column_same_text(&want, dict, room, got);
    case HIST_TYPE_BOOL:
        return real_column_same_bits(want.data, room->data, rows);
    default:
        return memcmp(want.data, room->data, (size_t)rows * 8) == 0;
    }
}

/* ---- pages ---- */

typedef struct real_page {
    uint32_t first; /* Row of the column. */
    uint32_t rows;
    size_t at; /* In the bytes it was appended to. */
    size_t size;
    uint32_t shared_size;
    uint32_t block_count;
    hi_block_info blocks[REAL_PAGE_BLOCKS];
} real_page;

/* Encodes rows [page->first, page->first + page->rows) and appends them to `out`. */
static inline hist_status real_page_encode(hi_encoder *encoder, const real_column *c,
                                           hi_profile profile, real_page *page, hi_buf *out)
{
    const hi_values values = real_column_rows(c, page->first, page->rows);
    uint32_t block_rows[REAL_PAGE_BLOCKS];

    page->block_count = 0;
    for (uint32_t row = 0; row < page->rows; row += HI_BLOCK_ROWS_MAX) {
        const uint32_t left = page->rows - row;

        block_rows[page->block_count++] = left < HI_BLOCK_ROWS_MAX ? left : HI_BLOCK_ROWS_MAX;
    }
    page->at = out->size;
    const hist_status status =
        hi_page_encode(encoder, &values, profile, block_rows, page->block_count, out, page->blocks,
                       &page->shared_size);
    page->size = out->size - page->at;
    return status;
}

/* Opens what the blocks share and decodes all of them, one after another, into the same room. Where
   expect is not NULL they are compared with it: HIST_EINTERNAL when a bit differs. */
static inline hist_status real_page_decode(const hi_codec_kernels *kern, hi_mem *mem,
                                           hist_type type, const real_page *page, const char *bytes,
                                           const hi_room *room, const real_column *expect)
{
    const uint8_t *src = (const uint8_t *)bytes + page->at;
    hist_status status = HIST_OK;
    uint32_t row = page->first;
    hi_page_shared shared;
    hi_decoded got;

    HI_TRY(hi_page_shared_open(mem, type, src, page->shared_size, SIZE_MAX / 2, &shared));
    for (uint32_t b = 0; b < page->block_count && status == HIST_OK; b++) {
        const hi_block_info *block = &page->blocks[b];

        status = hi_block_decode_with(kern, type, src + block->offset, block->size, block->rows,
                                      &shared, room, &got);
        if (status == HIST_OK && expect != NULL &&
            !real_column_same(expect, row, block->rows, &shared.dict, room, &got)) {
            status = HIST_EINTERNAL;
        }
        row += block->rows;
    }
    hi_page_shared_free(mem, &shared);
    return status;
}

/* Room for any block of columns with up to text_size bytes of text; false: no memory. */
static inline bool real_room_new(hi_room *room, size_t text_size)
{
    *room = (hi_room){
        .valid = malloc(HI_BLOCK_ROWS_MAX / 8),
        .data = malloc(8 * HI_BLOCK_ROWS_MAX + HI_CODEC_PAD),
        .offsets = malloc((HI_BLOCK_ROWS_MAX + 1) * sizeof(int32_t)),
        .bytes = malloc(text_size + HI_CODEC_PAD),
        .bytes_size = text_size,
    };
    return room->valid != NULL && room->data != NULL && room->offsets != NULL &&
           room->bytes != NULL;
}

static inline void real_room_free(hi_room *room)
{
    free(room->valid);
    free(room->data);
    free(room->offsets);
    free(room->bytes);
}

/* The CPU variants this machine can run, slowest first; how many. */
static inline size_t real_variants(const hi_codec_kernels *list[REAL_VARIANTS_MAX])
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

#endif
