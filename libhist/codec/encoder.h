/* encoder.h -- inside of hi_encoder, and the pieces of a page encoder. */
#ifndef HI_CODEC_ENCODER_H
#define HI_CODEC_ENCODER_H

#include "codec/body.h"
#include "codec/squeeze.h"

enum {
    HI_HEAD_MODEL = 0x7f,
    HI_HEAD_NULLS = 0x80, /* A validity section follows the head. */
    HI_TEXT_RAW = 0,
    HI_TEXT_ZSTD = 1,
    HI_SHARED_DICT = 1,  /* Flags at the start of a shared section: dictionary, */
    HI_SHARED_FORMS = 2, /* forms of cold streams, */
    HI_SHARED_RUNS = 4,  /* runs of the page. */
};

/* The dictionary of the page in work; arrays have `rows` (slots: slot_count) entries. */
typedef struct hi_text_index {
    uint32_t rows;       /* Room. */
    uint32_t slot_count; /* Power of two. */
    uint32_t mask;       /* Of the slots this page uses. */
    uint64_t *slots;     /* High half of the hash, code + 1; 0: free. */
    uint32_t *codes;     /* By row. */
    uint32_t *entries;   /* Row where code first appeared. */
    uint32_t count;      /* Codes in use. */
    bool dict;           /* false: the page's blocks are text. */
} hi_text_index;

/* Runs of the blocks of a page so far that are made of runs. */
typedef struct hi_page_runs_seen {
    uint32_t blocks;
    uint32_t count;
    bool full; /* There are more than HI_PAGE_RUNS_MAX. */
} hi_page_runs_seen;

typedef struct hi_page_runs {
    hi_page_runs_seen seen;
    uint64_t values[HI_PAGE_RUNS_MAX];
    uint64_t lengths[HI_PAGE_RUNS_MAX]; /* Less one. */
} hi_page_runs;

struct hi_encoder {
    hi_mem *own_mem; /* Where the encoder itself is. */
    hi_mem *mem;     /* What it takes as it goes; see hi_encoder_use_mem(). */
    const hi_codec_kernels *kern;
    hi_squeezer squeezer;
    hi_text_index index;
    hi_buf text; /* Text gathered before it is compressed. */
    hi_body_scratch body;
    hi_page_runs runs;
    uint64_t values[HI_BLOCK_ROWS_MAX + HI_LANES]; /* Without nulls. */
    uint64_t valid[HI_BLOCK_ROWS_MAX / 64 + 1];
    uint64_t bits[HI_BLOCK_ROWS_MAX / 64 + 1];
    uint8_t block[HI_BODY_BYTES_MAX + HI_BLOCK_ROWS_MAX];
};

/* Tests: use these kernels whatever the CPU is. */
void hi_encoder_use(hi_encoder *encoder, const hi_codec_kernels *kern);

/* A range of rows of a column with its nulls taken out. */
typedef struct hi_slice {
    const hi_values *values;
    uint32_t first;
    uint32_t rows;
    uint32_t count; /* Not null. */
} hi_slice;

static inline bool hi_slice_valid(const hi_slice *slice, uint32_t i)
{
    return slice->values->valid == NULL || hist_bit_get(slice->values->valid, slice->first + i);
}

/* The page as it is to be encoded. */
typedef struct hi_page_work {
    const hi_values *values;
    hi_profile profile;
    const uint32_t *block_rows;
    uint32_t block_count;
    size_t start; /* In the buffer. */
    hi_block_info *blocks;
    uint32_t shared_size;
    uint32_t forms_size; /* Of the shared section: what is between flags and dictionary. */
} hi_page_work;

/* Adds the runs of the body last encoded, where it is made of runs. */
void hi_page_runs_add(hi_encoder *encoder, hi_encoding model);
/* After the last block: the page with its runs in the shared section, where that is smaller. */
hist_status hi_page_runs_try(hi_encoder *encoder, hi_page_work *w, hi_buf *out);

/* bits [first, first + count) of `from` to `to`, zero beyond. to has (count + 63) / 64 words. */
void hi_bits_copy(const uint64_t *from, uint32_t first, uint32_t count, uint64_t *to);
uint32_t hi_valid_count(const uint64_t *bits, uint32_t count);

/* Takes a dictionary of text from the reader. */
hist_status hi_dict_open(hi_mem *mem, hi_reader *r, size_t text_bytes_max, hi_dict *dict_out);
void hi_dict_free(hi_mem *mem, hi_dict *dict);

/* Bytes of a page's numbers in memory: whole vectors. */
static inline size_t hi_page_shared_numbers_size(const hi_page_shared *shared)
{
    return (size_t)hi_vectors_of(shared->number_count) * HI_VECTOR_ROWS * sizeof(uint64_t) +
           HI_CODEC_PAD;
}

/* Bytes of a page's runs in memory: values, whole vectors of them, then starts. */
static inline size_t hi_page_shared_runs_size(const hi_page_shared *shared)
{
    return (size_t)hi_vectors_of(shared->run_count) * HI_VECTOR_ROWS * sizeof(uint64_t) +
           HI_CODEC_PAD + ((size_t)shared->run_count + 1) * sizeof(uint32_t);
}

/* Decides between dictionary and text for a page of strings, and numbers the values. */
hist_status hi_text_index_page(hi_encoder *encoder, const hi_values *values);
void hi_text_index_free(hi_encoder *encoder);
/* Appends the shared section. */
hist_status hi_text_put_dict(hi_encoder *encoder, const hi_values *values, hi_profile profile,
                             hi_buf *out);
/* Bytes of a code that is text. */
static inline uint32_t hi_code_bytes(uint32_t entries)
{
    return entries <= 256 ? 1 : 2;
}

/* Codes as text, to `to`: its size, 0 where it is not below `below` bytes. HIST_ENOMEM. */
hist_status hi_text_put_codes(hi_encoder *encoder, const uint64_t *codes, uint32_t count,
                              size_t below, uint8_t *to, size_t *size_out);
/* Appends what follows the head and validity of a TEXT block. */
hist_status hi_text_put_block(hi_encoder *encoder, const hi_slice *slice, hi_profile profile,
                              hi_buf *out);

/* hi_block_decode() with given kernels, for tests. */
hist_status hi_block_decode_with(const hi_codec_kernels *kern, hist_type type, const uint8_t *src,
                                 size_t size, uint32_t rows, const hi_page_shared *shared,
                                 const hi_room *room, hi_decoded *decoded_out);
/* hi_block_stats_of() with given kernels. */
void hi_block_stats_with(const hi_codec_kernels *kern, const hi_values *values, uint32_t first,
                         uint32_t rows, hi_block_stats *stats_out);

#endif
