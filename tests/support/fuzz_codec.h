/*
 * fuzz_codec.h -- what the fuzz targets of the codec share: sources and rooms of exactly the size
 * promised, every CPU variant this machine has, and a shared section that is always there.
 */
#ifndef TESTS_FUZZ_CODEC_H
#define TESTS_FUZZ_CODEC_H

#include "codec/encoder.h"

enum {
    FZ_VARIANTS_MAX = 3,
    FZ_TEXT_MAX = 1 << 16,
    FZ_NUMBERS = 300, /* Entries of the page dictionary of fz_shared(). */
    FZ_RUNS = 200,    /* And its runs, of up to 150 values each. */
};

typedef struct fz_variants {
    uint32_t count;
    const hi_codec_kernels *kern[FZ_VARIANTS_MAX]; /* Best first, base last. */
} fz_variants;

const fz_variants *fz_variants_here(void);
/* The best and one of the others, where three are too slow. */
const fz_variants *fz_variants_two(unsigned choice);

/* Ends the process with a word about what is wrong: the fuzzer takes that as a finding. */
void fz_check(bool good, const char *what);

/* malloc() that ends the process where there is no memory; size 0 gives a byte. */
void *fz_alloc(size_t size);

/* A copy at the end of an allocation, with HI_CODEC_PAD bytes behind it. */
uint8_t *fz_source(const uint8_t *data, size_t size);
/* Other bytes behind the source, and in a room, at each turn: no result may depend on them. */
void fz_pad(uint8_t *source, size_t size, unsigned turn);
void fz_paint(void *room, size_t size, unsigned turn);

/* Counts of rows in 16 bits of input, most of them small; and the code of a count. */
uint32_t fz_rows(uint16_t code);
uint16_t fz_rows_code(uint32_t rows);

/* Takes a set of forms from the reader into a room of its own. NULL: it is damaged. */
const hi_cold_set *fz_forms(hi_reader *r);

/* Numbers of a page's dictionary, and runs: ids, or whole and other reals. With these forms. */
hi_page_shared fz_shared(bool real, const hi_cold_set *forms);

#endif
