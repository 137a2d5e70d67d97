/*
 * codec.h -- columns of values to bytes and back, exact to the bit.
 *
 * A page is one column of one row group. Its rows are cut into blocks of up to
 * HI_BLOCK_ROWS_MAX rows (the caller says where), and a block holds vectors of
 * HI_VECTOR_ROWS rows. A page may have a shared section (dictionary, tables) that
 * its blocks refer to. Bytes carry no checksum and no statistics: the part file
 * keeps both (store/README.md). README.md in this folder specifies every byte.
 *
 * Every decoder treats its input as hostile: nothing outside src[0..size) is
 * read, nothing outside the given room is written, nothing is allocated, and
 * damage is HIST_ECORRUPT (without message: the caller knows file and offset).
 * Equal input gives equal bytes on every machine and CPU variant.
 */
#ifndef HI_CODEC_H
#define HI_CODEC_H

#include "base/buf.h"

enum {
    HI_BLOCK_ROWS_MAX = 8192,
    HI_VECTOR_ROWS = 1024,
    HI_CODEC_PAD = 64, /* Rooms to decode into have this many spare bytes at their end. */
    /* Stack that decoding needs, at most: warm blocks, those with text, cold ones. */
    HI_DECODE_STACK_WARM = 120 << 10,
    HI_DECODE_STACK_TEXT = 140 << 10,
    HI_DECODE_STACK_COLD = 352 << 10,
};

typedef enum hi_profile {
    HI_PROFILE_WARM = 0, /* Decodes at memory speed. */
    HI_PROFILE_COLD = 1, /* Smaller; entropy coded where that helps. */
} hi_profile;

/*
 * Values of one column to encode. type is BOOL, LONG, REAL, STRING, DATETIME or INT
 * (u32 ids: series). Null rows (bit clear in valid) may hold anything.
 */
typedef struct hi_values {
    hist_type type;
    uint32_t rows;
    const uint64_t *valid;  /* NULL: every row has a value. Bit order as in hist_batch.h. */
    const void *data;       /* LONG, DATETIME: int64_t. REAL: double. BOOL: bits. INT: uint32_t. */
    const int32_t *offsets; /* STRING: rows + 1 offsets into bytes. */
    const char *bytes;
} hi_values;

/* Statistics of one block; all of it is kept in the directory and nowhere else. */
typedef struct hi_block_stats {
    uint32_t nulls;
    uint32_t nans; /* REAL. They count in no other figure. */
    /* Of the values that are neither null nor NaN; meaningless when there are none. REAL: IEEE
       bits; BOOL: 0, 1; others: the int64. STRING: unused. -0.0 < +0.0 for min and max. */
    uint64_t min;
    uint64_t max;
    uint64_t first; /* First and last row with a value (NaN included). */
    uint64_t last;
    uint64_t
        sum_lo; /* REAL: IEEE bits of the sum, in the lanes of fold.h. Integers, bool: low half of int128. */
    uint64_t sum_hi; /* Integers: high half. */
    double m2;       /* Sum of squared deviations from the mean (README.md, Statistics). */
} hi_block_stats;

/* What encoding a block made of its rows. */
typedef struct hi_block_info {
    uint32_t offset; /* From the start of the page's bytes. */
    uint32_t size;
    uint32_t rows;
    uint8_t encoding; /* hi_encoding of the outermost model, for `info` and tests. */
    hi_block_stats stats;
} hi_block_info;

typedef enum hi_encoding {
    HI_ENC_RAW = 0,
    HI_ENC_CONST = 1,
    HI_ENC_RLE = 2,
    HI_ENC_NUM = 3, /* Real as integer / 10^k, / d or * c. */
    HI_ENC_INT = 4, /* Integer stream: FOR, DELTA, LIN by vector. */
    HI_ENC_DICT = 5,
    HI_ENC_BITMAP = 6,
    HI_ENC_NULLS = 8,      /* Every row is null. */
    HI_ENC_TEXT = 9,       /* Strings of a page without dictionary. */
    HI_ENC_BITS = 10,      /* Real as integer of the same order. */
    HI_ENC_RD = 11,        /* Real in two: few left parts, right parts as they are. */
    HI_ENC_PAGE_RUNS = 12, /* Numbers and codes: part of the runs of the page. */
} hi_encoding;

/* Scratch memory of an encoder; one thread at a time. */
typedef struct hi_encoder hi_encoder;
hi_encoder *hi_encoder_new(hi_mem *mem); /* NULL: no memory. */
void hi_encoder_free(hi_encoder *encoder);
/* Gives back what it took as it went (dictionaries, cold forms, zstd's context) and takes from `mem`
   from now on: an encoder that is lent is charged to whoever works with it. */
void hi_encoder_use_mem(hi_encoder *encoder, hi_mem *mem);

/*
 * hi_page_encode -- append one page to `out`: the shared section (perhaps empty), then the blocks.
 *   block_rows   Rows of each block, 1 to HI_BLOCK_ROWS_MAX; they sum up to values->rows.
 *   blocks_out   block_count entries; offsets count from where the page starts in `out`.
 *   shared_size_out  Bytes of the shared section, which starts the page.
 * Errors  HIST_ENOMEM. The result is never larger than the raw values by more than 0.5 bit a
 *         value plus 64 bytes a block.
 */
hist_status hi_page_encode(hi_encoder *encoder, const hi_values *values, hi_profile profile,
                           const uint32_t *block_rows, uint32_t block_count, hi_buf *out,
                           hi_block_info *blocks_out, uint32_t *shared_size_out);

/* Statistics alone, of rows [first, first + rows) of values. */
void hi_block_stats_of(const hi_values *values, uint32_t first, uint32_t rows,
                       hi_block_stats *stats_out);

/* Room a block is decoded into. The caller owns all of it. */
typedef struct hi_room {
    /* In what follows `rows` are those of the block, up to whole vectors. */
    uint64_t *valid;   /* rows / 64 words; always written. */
    void *data;        /* 8 * rows bytes + HI_CODEC_PAD. STRING: int32_t codes or unused. BOOL:
                             bits. */
    int32_t *offsets;  /* STRING only: rows + 1. */
    char *bytes;       /* STRING only. */
    size_t bytes_size; /* Room in bytes; hi_block_text_size() tells what is needed. */
} hi_room;

typedef struct hi_decoded {
    uint32_t nulls;
    bool codes; /* STRING: data holds int32_t codes into the page's dictionary, not text. */
} hi_decoded;

/* A page's dictionary, opened once a page. */
typedef struct hi_dict {
    uint32_t count;
    const int32_t *offsets; /* count + 1 */
    const char *bytes;
} hi_dict;

/* What the blocks of a page share, opened once a page and read by any number of threads. */
typedef struct hi_page_shared {
    hi_dict dict;          /* STRING */
    uint32_t number_count; /* Numbers: entries of the page's dictionary. */
    uint64_t *numbers;
    uint32_t run_count;        /* Runs of the page; 0: none. */
    uint64_t *run_values;      /* One a run. */
    uint32_t *run_starts;      /* run_count + 1: values in the runs before. */
    struct hi_cold_set *forms; /* Of cold streams; NULL: none. */
} hi_page_shared;

/*
 * hi_page_shared_open -- decode the shared section of a page of `type`. At least HI_CODEC_PAD bytes after
 * it must be readable (any value). Memory comes from `mem`; free with hi_page_shared_free().
 * text_bytes_max bounds the text of a dictionary. shared_size 0: nothing is shared.
 * Errors  HIST_ECORRUPT, HIST_ENOMEM.
 */
hist_status hi_page_shared_open(hi_mem *mem, hist_type type, const uint8_t *shared,
                                size_t shared_size, size_t text_bytes_max,
                                hi_page_shared *shared_out);
void hi_page_shared_free(hi_mem *mem, hi_page_shared *shared);

/* STRING blocks that are not codes: bytes of text hi_block_decode() will write (0 for codes). */
hist_status hi_block_text_size(const uint8_t *src, size_t size, uint32_t rows, size_t *size_out);

/*
 * hi_block_decode -- all rows of a block. Null rows get value 0 (empty string, code 0).
 *   src, size  The block's bytes; at least HI_CODEC_PAD bytes after them must be readable (any value).
 *   shared     What the page shares; codes are checked against it. NULL: nothing.
 * Nothing is allocated; HI_DECODE_STACK_COLD bytes of stack are enough for every block. A text that does
 * not fit room->bytes_size is HIST_EINVAL.
 */
hist_status hi_block_decode(hist_type type, const uint8_t *src, size_t size, uint32_t rows,
                            const hi_page_shared *shared, const hi_room *room,
                            hi_decoded *decoded_out);

/*
 * hi_block_decode_vectors -- rows [first_vector * 1024, ...) of `vector_count` vectors of a block
 * of numbers (not STRING, not BOOL), written to the start of the room. Reads only those vectors
 * where the encoding allows it, else decodes all.
 */
hist_status hi_block_decode_vectors(hist_type type, const uint8_t *src, size_t size, uint32_t rows,
                                    const hi_page_shared *shared, uint32_t first_vector,
                                    uint32_t vector_count, const hi_room *room,
                                    hi_decoded *decoded_out);

#endif
