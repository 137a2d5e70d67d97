/*
 * body.h -- what a block holds after its head: a model and its fields, for
 * numbers (body_read.c, body_write.c, real_write.c) and for bits (bits.c).
 */
#ifndef HI_CODEC_BODY_H
#define HI_CODEC_BODY_H

#include "codec/ints.h"

enum {
    HI_DECIMAL_MAX = 22,
    HI_SEARCH_MAX = 15,                      /* The encoder tries k up to this. */
    HI_ENTRIES_MAX = 8192,                   /* Of a block's dictionary of numbers. */
    HI_RUNS_MAX = HI_BLOCK_ROWS_MAX / 4 * 3, /* More never pay. */
    HI_PAGE_ENTRIES_MAX = 1 << 15,
    HI_CHOICES_MAX = 32,     /* Blocks for which what planning chose is kept. */
    HI_PAGE_RUNS_MAX = 4096, /* Of all blocks of a page together. */
    HI_DICT_SLOTS = 4 * HI_ENTRIES_MAX,
    HI_RD_CUT_MIN = 48, /* Bits of the right part: the left one has at most 16. */
    HI_RD_CUT_MAX = 63,

    /* Form byte of NUM; RD knows PATCHED. */
    HI_FORM_OP = 3, /* hi_num_op */
    HI_FORM_FLOAT = 4,
    HI_FORM_OFF = 8, /* A stream of what is to be added to the bits. */
    HI_FORM_PATCHED = 16,
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
    hi_encoding model; /* CONST, RAW, INT, NUM, BITS, RD or PAGE_RUNS. */
    hi_kind kind;
    uint32_t count;
    uint8_t form; /* NUM, RD */
    uint64_t constant;
    const uint8_t *raw;
    hi_ints_view ints;  /* INT; n of NUM, keys of BITS, right parts of RD. */
    hi_ints_view extra; /* NUM: differences of bits; RD: codes of left parts. */
    hi_num num;
    unsigned cut; /* RD */
    uint64_t left[HI_RD_PATTERNS];
    hi_patch_view patches;
    const hi_page_shared *page; /* PAGE_RUNS: whose runs, */
    uint32_t from;              /* and how many of their values come before. */
} hi_flat_view;

/* Runs of what the dictionary gives for codes, or any part of that. */
typedef struct hi_body_view {
    uint32_t count;
    uint32_t runs;        /* 0: each value once. */
    uint32_t entries;     /* 0: no dictionary. */
    bool is_cold;         /* Some stream of it: decoded as a whole only. */
    hi_ints_view lengths; /* Of the runs, less one. */
    hi_ints_view codes;
    const uint64_t *table; /* The page's entries; NULL: those of flat. */
    hi_flat_view flat;
} hi_body_view;

/* Takes the body of `model` with `count` values (1 to HI_BLOCK_ROWS_MAX) from the reader. shared may
   be NULL, and outlives the view. */
hist_status hi_body_open(hi_reader *r, unsigned model, hi_kind kind, uint32_t count,
                         const hi_page_shared *shared, hi_body_view *view_out);
/* Numbers of a page's dictionary: a flat model of `count` (1 to HI_BLOCK_ROWS_MAX) to out, which has
   room for whole vectors and HI_CODEC_PAD bytes. */
hist_status hi_body_flat(const hi_codec_kernels *kern, hi_reader *r, hi_kind kind, uint32_t count,
                         const hi_cold_set *forms, uint64_t *out);
/* Runs of a page but for their count, `runs` (1 to HI_PAGE_RUNS_MAX): values (room as above), and
   where each run starts, and where the last one ends, to starts. shared: what was opened before. */
hist_status hi_body_page_runs(const hi_codec_kernels *kern, hi_reader *r, hi_kind kind,
                              uint32_t runs, const hi_page_shared *shared, uint64_t *values,
                              uint32_t *starts);
/* The run of the page that value `at` of its runs is in. */
uint32_t hi_page_run_at(const hi_page_shared *shared, uint32_t at);
/* Vectors [first, first + vectors) to out, HI_VECTOR_ROWS values apart; there is room for whole
   vectors. Of runs their values, one a run. Not where is_cold. */
hist_status hi_body_vectors(const hi_codec_kernels *kern, const hi_body_view *view, uint32_t first,
                            uint32_t vectors, uint64_t *out);
/* Everything; writes up to HI_CODEC_PAD bytes more than count values. */
hist_status hi_body_all(const hi_codec_kernels *kern, const hi_body_view *view, uint64_t *out);

/* Bits of `count` rows to whole words, zero beyond count. */
hist_status hi_bits_read(const hi_codec_kernels *kern, hi_reader *r, unsigned model, uint32_t count,
                         uint64_t *out);

/* ---- encoding --------------------------------------------------------------------------- */

/* A value of a dictionary: a word that sorts as the value does, and its number. */
typedef struct hi_dict_entry {
    uint64_t key;
    uint32_t number;
} hi_dict_entry;

/* The different numbers of a page, ascending. Zeroed is ready. */
typedef struct hi_page_dict {
    uint32_t count; /* 0: none. */
    hi_kind kind;
    uint64_t probes; /* That found another entry. */
    uint32_t room;   /* Entries there is room for, a power of two; slots for four times as many. */
    uint32_t *slots; /* Number of an entry, plus one. */
    hi_dict_entry *entries[2];
} hi_page_dict;

/* A model of doubles. */
typedef struct hi_real_model {
    hi_encoding encoding; /* RAW, NUM, BITS or RD. */
    hi_num num;           /* NUM */
    unsigned digits;      /* NUM by DECIMAL: k. */
    bool off;             /* NUM: with a stream of differences of bits. */
    unsigned cut;         /* RD */
    unsigned patterns;
    uint16_t left[HI_RD_PATTERNS];
    uint64_t bits; /* Estimate for the sample. */
} hi_real_model;

/* What was best for the block before, which saves searching. Zeroed: nothing is known. */
typedef struct hi_value_hint {
    uint32_t age;       /* Blocks since the last full search; 0: search. */
    uint32_t rest;      /* Blocks for which no dictionary is tried, */
    bool rest_many;     /* There were too many entries; else */
    uint64_t rest_1024; /* while 1024 values take about so many bytes flat. */
    bool dict;
    uint64_t size_1024; /* Bytes of 1024 values then. */
    hi_real_model real; /* Of flat reals. */
} hi_value_hint;

/* Which of runs and plain values was clearly smaller, which saves the other. */
typedef struct hi_runs_hint {
    uint32_t age; /* As above. */
    bool runs;
    uint64_t size_1024;
} hi_runs_hint;

/* What planning a page chose for values: a dictionary, or a flat model. */
typedef struct hi_value_choice {
    bool dict;
    size_t flat; /* Size without a dictionary; 0: unknown. */
    hi_real_model real;
} hi_value_choice;

/* And for a block. */
typedef struct hi_body_choice {
    bool known;
    bool runs;
    hi_value_choice values[2]; /* As they come; those of runs. */
} hi_body_choice;

/* Of the first blocks of a page. */
typedef struct hi_body_choices {
    hi_body_choice block[HI_CHOICES_MAX];
} hi_body_choices;

typedef struct hi_body_scratch {
    hi_ints_scratch ints;
    uint64_t run_values[HI_BLOCK_ROWS_MAX + HI_LANES];
    uint64_t run_lengths[HI_BLOCK_ROWS_MAX + HI_LANES]; /* Less one. */
    uint32_t run_count; /* Of the values last encoded as RLE or CONST. */
    uint64_t codes[HI_BLOCK_ROWS_MAX + HI_LANES];
    union { /* A dictionary is made before its entries become integers. */
        struct {
            uint64_t whole[HI_BLOCK_ROWS_MAX + HI_LANES]; /* n of NUM, keys, right parts. */
            uint64_t off[HI_BLOCK_ROWS_MAX + HI_LANES];   /* Differences; codes of left parts. */
        };
        hi_dict_entry entries[2][HI_ENTRIES_MAX];
    };
    uint64_t bad[HI_VECTOR_ROWS];
    uint16_t places[HI_BLOCK_ROWS_MAX];
    uint64_t entry_values[HI_ENTRIES_MAX + HI_LANES];
    uint16_t slots[HI_DICT_SLOTS]; /* Number of an entry, plus one. */
    uint16_t ranks[HI_ENTRIES_MAX];
    hi_value_hint hints[2]; /* Of values as they come, and of those of runs. */
    hi_runs_hint runs_hint;
    hi_page_dict page_dict;
    hi_body_choices plans[2]; /* The second one with a dictionary for the page. */
    unsigned plan;            /* Which of them is made or followed. */
    uint32_t blocks;          /* Of the page so far. */
    hi_body_choice *choice;   /* Of the block in work: to be made, or followed; NULL: neither. */
    bool dict_hopeless;       /* The one last tried was far from paying, */
    bool dict_many;           /* as it would have too many entries. */
    uint32_t dict_entries;    /* Of the dictionary last written; 0: none since it was cleared. */
    uint8_t rival[HI_BODY_BYTES_MAX];      /* The other way to write it. */
    uint8_t rival_dict[HI_BODY_BYTES_MAX]; /* The same, within. */
} hi_body_scratch;

/* A body was made: its model and bytes. */
typedef struct hi_body {
    hi_encoding model;
    size_t size;
} hi_body;

/* A page begins: nothing is planned. */
void hi_body_page(hi_body_scratch *scratch);
/* It is gone through once more: what is known of blocks before is forgotten. */
void hi_body_pass(hi_body_scratch *scratch);
/* Writes `count` (1 to HI_BLOCK_ROWS_MAX) words to `to` (room: HI_BODY_BYTES_MAX). */
hi_body hi_body_encode(const hi_codec_kernels *kern, hi_body_scratch *scratch, hi_kind kind,
                       const uint64_t *x, uint32_t count, uint8_t *to);
/* Runs in scratch, up to HI_RUNS_MAX, as a body of RLE. */
size_t hi_runs_encode(const hi_codec_kernels *kern, hi_body_scratch *scratch, hi_kind kind,
                      uint8_t *to);
/* By a model: RAW where it does not make the values smaller. */
hi_body hi_real_encode(const hi_codec_kernels *kern, hi_body_scratch *scratch,
                       const hi_real_model *model, const uint64_t *bits, uint32_t count,
                       uint8_t *to);
/* Number dictionary codes of x into scratch->codes and its ascending entries into
   scratch->entry_values; how many, 0: too many to come below `below` bytes. num: what probably gives reals back, or
   NULL: where it does, and they are near each other, nothing is hashed. */
uint32_t hi_number_dict(const hi_codec_kernels *kern, hi_body_scratch *scratch, hi_kind kind,
                        const hi_num *num, const uint64_t *x, uint32_t count, size_t below);

/* Collects the different values of a page of 64-bit numbers; count is 0 where there are more than
   entries_max. HIST_ENOMEM. */
hist_status hi_page_dict_collect(hi_page_dict *dict, hi_mem *mem, hi_kind kind,
                                 const hi_values *values, uint32_t entries_max);
/* Codes of values that were collected. */
void hi_page_dict_codes(hi_page_dict *dict, const uint64_t *x, uint32_t count, uint64_t *codes);
uint64_t hi_page_dict_value(const hi_page_dict *dict, uint32_t i);
void hi_page_dict_free(hi_page_dict *dict, hi_mem *mem);
hi_body hi_raw_encode(hi_kind kind, const uint64_t *x, uint32_t count, uint8_t *to);
/* Flat, for the entries of a page's dictionary. */
hi_body hi_flat_encode(const hi_codec_kernels *kern, hi_body_scratch *scratch, hi_kind kind,
                       const uint64_t *x, uint32_t count, uint8_t *to);
/* Bits: CONST, RLE or BITMAP. Bits beyond count are zero. */
hi_body hi_bits_encode(const hi_codec_kernels *kern, hi_body_scratch *scratch,
                       const uint64_t *words, uint32_t count, uint8_t *to);

#endif
