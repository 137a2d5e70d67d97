/*
 * codec_columns.h -- columns of every shape the codec meets, and pages and rooms
 * to test it with. One set of them for a whole test program; noise is
 * deterministic from cc_seed.
 */
#ifndef TESTS_CODEC_COLUMNS_H
#define TESTS_CODEC_COLUMNS_H

#include "base/mem.h"
#include "codec/codec.h"
#include "codec/kern.h"

enum { CC_VARIANTS_MAX = 3 };

enum { CC_ROWS_MAX = 20000, CC_BLOCKS_MAX = 64 };

enum {
    SHAPE_CONST,
    SHAPE_WALK,
    SHAPE_DECIMAL,
    SHAPE_DECIMAL_ODD,
    SHAPE_COUNTER,
    SHAPE_RUNS,
    SHAPE_CLOCK,
    SHAPE_CLOCK_GAPS,
    SHAPE_CLOCK_JITTER,
    SHAPE_NOISE,
    SHAPE_EXTREMES,
    SHAPE_SPIKES_ENDS,
    SHAPE_SCALED,
    SHAPE_HALVES,
    SHAPE_LEVELS,
    SHAPE_FLOATS,      /* Decimals that were floats once. */
    SHAPE_FLOAT_NOISE, /* Floats that are no decimals. */
    SHAPE_PRODUCTS,    /* Counts times a gain, an ulp off here and there. */
    SHAPE_RATIOS,      /* Counts over a whole number. */
    SHAPE_ULPS,        /* Decimals after arithmetic. */
    SHAPE_SMOOTH,      /* Full precision, neighbours near each other. */
    SHAPE_FEW_LEFT,    /* Random mantissas, few exponents, some strangers. */
    SHAPE_CURVE,       /* Differences that walk. */
    SHAPE_MANY_LEVELS, /* Thousands of values without a model, far fewer than rows. */
    SHAPE_RUN_LEVELS,  /* The same in runs. */
    SHAPE_PHRASES,     /* Sequences of far values that come again. */
    SHAPE_AMOUNTS,     /* Hundredths, most of them whole. */
    SHAPE_COUNT,
};

enum { NULLS_NONE, NULLS_FEW, NULLS_ALTERNATE, NULLS_LONG, NULLS_ALL, NULLS_COUNT };

#define CC_TYPES 6
extern const hist_type cc_types[CC_TYPES];

typedef struct cc_column {
    hi_values v;
    uint64_t valid[CC_ROWS_MAX / 64 + 2];
    uint64_t data[CC_ROWS_MAX + 16];
    int32_t offsets[CC_ROWS_MAX + 1];
    char bytes[CC_ROWS_MAX * 24];
} cc_column;

typedef struct cc_page {
    hi_buf bytes;
    hi_block_info blocks[CC_BLOCKS_MAX];
    uint32_t block_rows[CC_BLOCKS_MAX];
    uint32_t block_count;
    uint32_t shared_size;
} cc_page;

/* Every room is exactly as large as promised, so that ASan sees a byte too much. */
typedef struct cc_room {
    hi_room r;
    uint64_t *data;
} cc_room;

extern hi_mem cc_mem;
extern hi_encoder *cc_encoder;
extern cc_column cc;
extern uint64_t cc_seed;

uint64_t cc_noise(void);
/* The CPU variants this machine can run, slowest first; how many. */
size_t cc_variants(const hi_codec_kernels *list[CC_VARIANTS_MAX]);
int64_t cc_noise_below(uint64_t n);
/* Makes cc a column of a type, shape and pattern of nulls. */
void cc_fill(hist_type type, int shape, int nulls, uint32_t rows);
void cc_page_cut(cc_page *p, uint32_t rows, uint32_t each);
/* Encodes cc; cc_encoder and cc_mem must be set up. */
void cc_page_encode(cc_page *p, hi_profile profile);
cc_room cc_room_new(size_t text);
void cc_room_free(cc_room *r);
/* A copy with HI_CODEC_PAD bytes of rubbish behind. */
uint8_t *cc_padded_copy(const uint8_t *from, size_t size);

/* Frees the encoder; 1 and a line on stderr when memory was not given back. */
int cc_close(void);

/* main() of a codec test program. */
#define CC_MAIN(tests)                                                \
    int main(void)                                                    \
    {                                                                 \
        hi_mem_init(&cc_mem, NULL, NULL, 0);                          \
        cc_encoder = hi_encoder_new(&cc_mem);                         \
        const int failed = cmocka_run_group_tests(tests, NULL, NULL); \
        return cc_close() != 0 ? 1 : failed;                          \
    }

#endif
