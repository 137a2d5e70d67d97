/*
 * fuzz_values.h -- columns of values made of a few bytes of input, so that a fuzzer reaches every
 * model of the encoder: the first bytes choose shape and parameters, the rest is noise.
 */
#ifndef TESTS_FUZZ_VALUES_H
#define TESTS_FUZZ_VALUES_H

#include "base/bytes.h"
#include "codec/codec.h"

enum {
    FV_ROWS_MAX = 1152,
    FV_STRING_MAX = 15,
    FV_TYPES = 6,
};

/* How words come one after another. */
enum {
    FV_RAW,    /* The input's. */
    FV_WALK,   /* The one before and noise. */
    FV_LINE,   /* A slope and noise. */
    FV_FACTOR, /* Multiples. */
    FV_LEVELS, /* A few, far apart. */
    FV_RUNS,   /* Each for a while. */
    FV_CURVE,  /* Differences that walk. */
    FV_JUMPS,  /* A slope with gaps. */
    FV_SHAPES,
};

/* How a word becomes a double. */
enum {
    FV_BITS,     /* It is its bits. */
    FV_DECIMAL,  /* n / 10^k */
    FV_MULTIPLY, /* n * c */
    FV_DIVIDE,   /* n / d */
    FV_FLOAT,    /* n / 10^k as a float */
    FV_BINADE,   /* Mantissa of few exponents. */
    FV_REALS,
};

/* Takes parameters from the reader and makes a column of `rows`, valid until the next call. */
hi_values fv_make(hist_type type, uint32_t rows, hi_reader *r);

#endif
