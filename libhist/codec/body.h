/*
 * body.h -- what a block holds after its head: a model and its fields, for
 * numbers (body_read.c, body_write.c, real_write.c) and for bits (bits.c).
 */
#ifndef HI_CODEC_BODY_H
#define HI_CODEC_BODY_H

#include "codec/stream.h"

enum {
    HI_NUM_DECIMAL = 0, /* Operation of NUM: n / 10^k. Other numbers are free. */
    HI_DECIMAL_MAX = 22,
    HI_ENTRIES_MAX = HI_VECTOR_ROWS, /* Of a block's dictionary of numbers: one vector. */
    HI_DICT_SLOTS = 4 * HI_ENTRIES_MAX,
    HI_SEARCH_MAX = 15, /* The encoder tries k up to this. */
};

/* How a value becomes the 64-bit word that models see. */
typedef enum hi_kind {
    HI_KIND_INT = 0,  /* u32, zero extended. */
    HI_KIND_LONG = 1, /* int64 */
    HI_KIND_TIME = 2, /* int64; lines are tried */
    HI_KIND_REAL = 3, /* Bits of a double. */
} hi_kind;

static inline uint32_t hi_kind_bytes(hi_kind kind)
{
    return kind == HI_KIND_INT ? 4 : 8;
}

static inline hi_kind hi_kind_of(hist_type type)
{
    switch (type) {
    case HIST_TYPE_REAL:
        return HI_KIND_REAL;
    case HIST_TYPE_DATETIME:
        return HI_KIND_TIME;
    case HIST_TYPE_INT:
        return HI_KIND_INT;
    default:
        return HI_KIND_LONG;
    }
}

double hi_power_of_ten(unsigned k); /* 0 to HI_DECIMAL_MAX; exact. */

/* ---- decoding --------------------------------------------------------------------------- */

/* Doubles that are no decimals, by vector. */
typedef struct hi_patch_view {
    uint32_t start[HI_BLOCK_VECTORS_MAX + 1]; /* Exceptions before vector v. */
    const uint8_t *places;                    /* u16 within the vector. */
    const uint8_t *values;                    /* 8 bytes. */
} hi_patch_view;

/* A model of which any vector can be decoded alone. */
typedef struct hi_flat_view {
    hi_encoding model; /* CONST, RAW, INT or NUM. */
    hi_kind kind;
    uint32_t count;
    uint64_t constant;
    const uint8_t *raw;
    hi_stream_view ints;
    unsigned decimals;
    hi_patch_view patches;
} hi_flat_view;

typedef enum hi_shape {
    HI_SHAPE_FLAT = 0,
    HI_SHAPE_RUNS = 1, /* flat has one value a run, index the lengths less one. */
    HI_SHAPE_DICT = 2, /* flat has the entries, index the codes. */
} hi_shape;

typedef struct hi_body_view {
    hi_shape shape;
    uint32_t count;
    hi_stream_view index;
    hi_flat_view flat;
} hi_body_view;

/* Takes the body of `model` with `count` values (1 to HI_BLOCK_ROWS_MAX) from the reader. */
hist_status hi_body_open(hi_reader *r, unsigned model, hi_kind kind, uint32_t count,
                         hi_body_view *view_out);
/* Vectors [first, first + vectors) to out, HI_VECTOR_ROWS values apart; there is room for whole
   vectors. Not for runs. */
hist_status hi_body_vectors(const hi_codec_kernels *kern, const hi_body_view *view, uint32_t first,
                            uint32_t vectors, uint64_t *out);
/* Everything; writes up to HI_CODEC_PAD bytes more than count values. */
hist_status hi_body_all(const hi_codec_kernels *kern, const hi_body_view *view, uint64_t *out);

/* Bits of `count` rows to whole words, zero beyond count. */
hist_status hi_bits_read(const hi_codec_kernels *kern, hi_reader *r, unsigned model, uint32_t count,
                         uint64_t *out);

/* ---- encoding --------------------------------------------------------------------------- */

typedef struct hi_body_scratch {
    hi_stream_scratch stream;
    uint64_t run_values[HI_BLOCK_ROWS_MAX + HI_LANES];
    uint64_t run_lengths[HI_BLOCK_ROWS_MAX + HI_LANES];
    uint64_t decimals[HI_BLOCK_ROWS_MAX + HI_LANES];
    uint64_t not_decimal[HI_VECTOR_ROWS];
    uint8_t rival[HI_BODY_BYTES_MAX]; /* The other way to write it. */
    uint16_t places[HI_BLOCK_ROWS_MAX];
    uint64_t entries[HI_ENTRIES_MAX + 1];
    uint16_t slots[HI_DICT_SLOTS]; /* Number of an entry, plus one. */
    uint16_t ranks[HI_ENTRIES_MAX + 1];
} hi_body_scratch;

/* A body was made: its model and bytes. */
typedef struct hi_body {
    hi_encoding model;
    size_t size;
} hi_body;

/* Writes `count` (1 to HI_BLOCK_ROWS_MAX) words to `to` (room: HI_BODY_BYTES_MAX). */
hi_body hi_body_encode(const hi_codec_kernels *kern, hi_body_scratch *scratch, hi_kind kind,
                       const uint64_t *x, uint32_t count, uint8_t *to);
/* NUM where it is smaller than raw, else RAW. */
hi_body hi_real_encode(const hi_codec_kernels *kern, hi_body_scratch *scratch, const uint64_t *bits,
                       uint32_t count, uint8_t *to);
hi_body hi_raw_encode(hi_kind kind, const uint64_t *x, uint32_t count, uint8_t *to);
/* Bits: CONST, RLE or BITMAP. Bits beyond count are zero. */
hi_body hi_bits_encode(const hi_codec_kernels *kern, hi_body_scratch *scratch,
                       const uint64_t *words, uint32_t count, uint8_t *to);

#endif
