/*
 * codec_bytes.h -- blocks and shared sections written byte by byte, as README.md of
 * libhist/codec has them, and what the decoder says of them. Numbers of the format are
 * literals here and in the tests that use this: an encoder's constant that changes must
 * not change what they expect. Include cmocka.h first.
 */
#ifndef TESTS_CODEC_BYTES_H
#define TESTS_CODEC_BYTES_H

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "codec/encoder.h"
#include "codec/fold.h"
#include "tests/support/codec_columns.h"

typedef struct cb_bytes {
    size_t size;
    uint8_t at[80000];
} cb_bytes;

static inline void cb_fill(cb_bytes *b, uint8_t value, size_t count)
{
    memset(b->at + b->size, value, count);
    b->size += count;
}

static inline void cb_u8(cb_bytes *b, unsigned value)
{
    b->at[b->size++] = (uint8_t)value;
}

static inline void cb_u16(cb_bytes *b, unsigned value)
{
    hi_put_u16(b->at + b->size, (uint16_t)value);
    b->size += 2;
}

static inline void cb_u64(cb_bytes *b, uint64_t value)
{
    hi_put_u64(b->at + b->size, value);
    b->size += 8;
}

static inline void cb_varint(cb_bytes *b, uint64_t value)
{
    b->size += hi_put_varint(b->at + b->size, value);
}

static inline void cb_svarint(cb_bytes *b, int64_t value)
{
    cb_varint(b, hi_zigzag(value));
}

/* A regular stream, which may have any number of values: start, start + step, ... */
static inline void cb_regular(cb_bytes *b, int64_t start, int64_t step)
{
    cb_u8(b, 2);
    cb_u8(b, 0); /* zeros */
    cb_svarint(b, start);
    cb_svarint(b, step);
}

/* A stream of zeroes but for its first value: vectors of width 0, the first with an exception. */
static inline void cb_first(cb_bytes *b, uint32_t count, uint64_t first)
{
    cb_u8(b, 0);
    for (uint32_t v = 0; v < (count + 1023) / 1024; v++) {
        cb_u16(b, v == 0 ? 17 : 3);
    }
    for (uint32_t v = 0; v < (count + 1023) / 1024; v++) {
        cb_u8(b, v == 0 ? 8 : 0); /* FOR */
        cb_u8(b, 0);              /* width */
        cb_svarint(b, 0);         /* base */
        if (v == 0) {
            cb_u8(b, 1); /* Exceptions of each quarter. */
            cb_fill(b, 0, 3);
            cb_u8(b, 8);
            cb_u8(b, 0); /* place */
            cb_u64(b, first);
        }
    }
}

/* Folds and comparisons of all rows have the same to say of a block of numbers as decoding has. */
static inline void cb_check_folds(const cb_bytes *b, const hi_block_bytes *block,
                                  hist_status decoded)
{
    static uint64_t bits[HI_BLOCK_ROWS_MAX / 64];
    const hi_compare compare = {.op = HI_COMPARE_LT};
    hi_fold fold;

    if (block->type == HIST_TYPE_STRING || block->type == HIST_TYPE_BOOL) {
        return;
    }
    const hist_status folded = hi_block_fold(block, 0, block->rows, &fold);
    const hist_status summed = hi_block_sum(block, 0, block->rows, &fold);
    const hist_status compared = hi_block_compare(block, 0, block->rows, &compare, bits);
    if (folded != decoded || summed != decoded || compared != decoded) {
        fail_msg("block of model %u: decoding says %d, a fold %d, a sum %d, a comparison %d",
                 b->at[0], decoded, folded, summed, compared);
    }
}

/* Decodes into rooms of exact size. last_out: the last row, of types of 64 bits and INT. */
static inline hist_status cb_decode_with(const hi_codec_kernels *kern, const cb_bytes *b,
                                         hist_type type, uint32_t rows,
                                         const hi_page_shared *shared, size_t text,
                                         uint64_t *last_out)
{
    uint8_t *src = cc_padded_copy(b->at, b->size);
    cc_room got = cc_room_new(text);
    hi_decoded d;
    const hist_status status =
        hi_block_decode_with(kern, type, src, b->size, rows, shared, &got.r, &d);

    *last_out = 0;
    if (status == HIST_OK && type == HIST_TYPE_INT) {
        *last_out = ((const uint32_t *)got.r.data)[rows - 1];
    } else if (status == HIST_OK && type == HIST_TYPE_BOOL) {
        *last_out = got.data[(rows - 1) / 64] >> ((rows - 1) & 63);
    } else if (status == HIST_OK && type != HIST_TYPE_STRING) {
        *last_out = got.data[rows - 1];
    }
    cb_check_folds(b, &(hi_block_bytes){type, src, b->size, rows, shared}, status);
    cc_room_free(&got);
    free(src);
    return status;
}

static inline hist_status cb_decode(const cb_bytes *b, hist_type type, uint32_t rows,
                                    const hi_page_shared *shared, size_t text, uint64_t *last_out)
{
    return cb_decode_with(hi_codec_kernels_pick(), b, type, rows, shared, text, last_out);
}

/* Opens a shared section; text_max bounds its text. */
static inline hist_status cb_open(const cb_bytes *b, hist_type type, size_t text_max)
{
    hi_page_shared shared;
    uint8_t *section = cc_padded_copy(b->at, b->size);
    const hist_status status =
        hi_page_shared_open(&cc_mem, type, section, b->size, text_max, &shared);
    hi_page_shared_free(&cc_mem, &shared);
    free(section);
    return status;
}

#endif
