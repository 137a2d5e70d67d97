/*
 * stream.h -- streams of 64-bit integers: how README.md lays them out, the plan
 * an encoder makes for a vector, and the view a decoder takes of one.
 *
 * All arithmetic is modulo 2^64; signed values are their two's complement.
 */
#ifndef HI_CODEC_STREAM_H
#define HI_CODEC_STREAM_H

#include "base/bytes.h"
#include "base/err.h"
#include "codec/codec.h"
#include "codec/kern.h"

enum {
    HI_BLOCK_VECTORS_MAX = HI_BLOCK_ROWS_MAX / HI_VECTOR_ROWS,
    HI_LANE_ROWS_MIN = 256, /* Shorter vectors are packed one after another, not in lanes. */
    /* A stream is never longer: width 64 in every vector, their headers, the stream's head. */
    HI_STREAM_BYTES_MAX = 8 * HI_BLOCK_ROWS_MAX + 64 * HI_BLOCK_VECTORS_MAX + 64,
    /* Nor is a body: runs and exceptions are used only where they are smaller than raw. */
    HI_BODY_BYTES_MAX = 2 * HI_STREAM_BYTES_MAX,
    HI_REGULAR_ZEROS_MAX = 18,
    HI_LIST_MAX = 32,
    HI_JUMPS_MAX = 64,          /* Beyond, vectors with exceptions are smaller. */
    HI_JUMPS_RETURN = 0x80,     /* Form of jumps: values are those at the places, not the jumps. */
    HI_JUMPS_GAP_BITS_MAX = 13, /* Its other bits: of a gap between places. */
    HI_QUARTER_ROWS = HI_VECTOR_ROWS / 4, /* Exceptions are counted by quarters of a vector. */
    HI_QUARTER_EXCEPTIONS_MAX = 255,
};

typedef enum hi_stream_kind {
    HI_STREAM_VECTORS = 0,
    HI_STREAM_JUMPS = 1,   /* The same, with a few places where it goes on elsewhere. */
    HI_STREAM_REGULAR = 2, /* start + i * step. */
    HI_STREAM_LIST = 5,    /* A few values, one after another. */
    HI_STREAM_KIND = 0x7f,
    HI_STREAM_SCALED = 0x80, /* Flag: the stream is of (x - offset) / factor. */
} hi_stream_kind;

typedef enum hi_scheme {
    HI_SCHEME_FOR = 0,
    HI_SCHEME_DELTA = 1,
    HI_SCHEME_LINE = 2,
    HI_SCHEME_DOD = 3,
    HI_SCHEME_MASK = 7,
    HI_SCHEME_PATCHED = 8, /* Flag: the vector has exceptions. */
} hi_scheme;

static inline uint32_t hi_vectors_of(uint32_t count)
{
    return (count + HI_VECTOR_ROWS - 1) / HI_VECTOR_ROWS;
}

/* Values in vector `v` of `count`. */
static inline uint32_t hi_vector_rows(uint32_t count, uint32_t v)
{
    const uint32_t left = count - v * HI_VECTOR_ROWS;

    return left < HI_VECTOR_ROWS ? left : HI_VECTOR_ROWS;
}

static inline uint32_t hi_groups_of(uint32_t rows)
{
    return (rows + HI_LANES - 1) / HI_LANES;
}

/* Bytes of the packed words of a vector. */
static inline size_t hi_packed_size(uint32_t rows, unsigned width)
{
    if (rows < HI_LANE_ROWS_MIN) {
        return ((size_t)rows * width + 7) / 8;
    }
    return ((size_t)hi_groups_of(rows) * width + 63) / 64 * 128;
}

/* ---- decoding --------------------------------------------------------------------------- */

/* An integer stream whose head was checked; vectors are checked when they are decoded. */
typedef struct hi_stream_view {
    hi_stream_kind kind;
    uint32_t count;
    bool scaled;
    uint64_t factor; /* Scaled: value = x * factor + offset. */
    uint64_t offset;
    uint64_t start; /* REGULAR, JUMPS */
    uint64_t step;
    uint32_t jumps;
    uint16_t jump_places[HI_JUMPS_MAX]; /* Ascending, none is 0. */
    uint64_t jump_starts[HI_JUMPS_MAX]; /* `start` from that place on. */
    const uint8_t *list;                /* LIST: an svarint each. */
    size_t list_size;
    const uint8_t *vector[HI_BLOCK_VECTORS_MAX];
    uint16_t size[HI_BLOCK_VECTORS_MAX];
} hi_stream_view;

/* Takes a stream of `count` values (1 to HI_BLOCK_ROWS_MAX) from the reader. */
hist_status hi_stream_open(hi_reader *r, uint32_t count, hi_stream_view *view_out);

/*
 * Decodes vector `v` to out, which has room for HI_VECTOR_ROWS values however few there are.
 */
hist_status hi_stream_vector(const hi_codec_kernels *kern, const hi_stream_view *view, uint32_t v,
                             uint64_t *out);

/* A vector that is a base and packed words, nothing else: its values, seen as signed, are base to max. */
typedef struct hi_frame {
    const uint8_t *packed;
    unsigned width; /* At most 62. */
    int64_t base;
    int64_t max;
} hi_frame;

/* false: vector `v` is something else. */
bool hi_stream_frame(const hi_stream_view *view, uint32_t v, hi_frame *frame);

/* A vector of 1024 values by differences, small enough that their sum is below 2^62 either sign: value i is
   first + i * base + p_1 + ... + p_i, p being the packed words. What exceptions add to the sum is `moved`. */
typedef struct hi_deltas {
    const uint8_t *packed;
    unsigned width; /* At most 38. */
    int64_t base;
    int64_t first;
    int64_t moved;
} hi_deltas;

/* *is_out false: vector `v` is something else. */
hist_status hi_stream_deltas(const hi_stream_view *view, uint32_t v, hi_deltas *deltas,
                             bool *is_out);

/* ---- encoding --------------------------------------------------------------------------- */

/* Scratch for one stream at a time. */
typedef struct hi_stream_scratch {
    uint64_t scaled[HI_BLOCK_ROWS_MAX];
    uint64_t deltas[HI_VECTOR_ROWS];
    uint64_t deltas2[HI_VECTOR_ROWS];
    uint64_t line[HI_VECTOR_ROWS];
    uint64_t packed[HI_VECTOR_ROWS];
    uint16_t places[HI_VECTOR_ROWS + 1];
} hi_stream_scratch;

/* How residuals r become base + p, with those that do not fit in width bits patched. */
typedef struct hi_fit_plan {
    uint64_t base;
    unsigned width;
    uint64_t bits; /* Estimated size. */
} hi_fit_plan;

/* What a sample and the range say about residuals. */
typedef struct hi_fit_guess {
    hi_fit_plan plan; /* Without exceptions. */
    uint64_t min;
    uint64_t max;
    uint64_t median;
    uint64_t low; /* Few are below. */
    uint32_t rows;
    unsigned from_min; /* Bits most residuals need above min, */
    unsigned around;   /* or around the median. */
    unsigned inner;    /* Bits of the distance between most of them. */
    uint64_t least;    /* Bits below which it will hardly come. */
    bool even;         /* No residuals stand out. */
    bool one_value;    /* Many are equal, the others far off. */
} hi_fit_guess;

hi_fit_guess hi_fit_look(const hi_codec_kernels *kern, const uint64_t *residuals, uint32_t count,
                         uint32_t rows);
hi_fit_plan hi_fit_refine(const hi_codec_kernels *kern, const uint64_t *residuals, uint32_t count,
                          const hi_fit_guess *guess);

/* Slides windows of about the width found over the residuals: costs more, and is for the fit that
   will be written. */
hi_fit_plan hi_fit_slide(const hi_codec_kernels *kern, const uint64_t *residuals, uint32_t count,
                         const hi_fit_guess *guess, hi_fit_plan fit);

/* The cheapest fit of `count` >= 1 residuals packed as `rows` values. */
hi_fit_plan hi_fit_choose(const hi_codec_kernels *kern, const uint64_t *residuals, uint32_t count,
                          uint32_t rows);

/* Writes a vector of `rows` (1 to HI_VECTOR_ROWS) values; returns its size, below 2^16. */
size_t hi_vector_encode(const hi_codec_kernels *kern, hi_stream_scratch *scratch, const uint64_t *x,
                        uint32_t rows, bool try_line, uint8_t *to);

/* About how many bits hi_stream_encode() would take, by a sample. */
uint64_t hi_stream_price(const hi_codec_kernels *kern, const uint64_t *x, uint32_t count);

/* Writes a stream of count (1 to HI_BLOCK_ROWS_MAX) values to `to`, which has room for
   HI_STREAM_BYTES_MAX bytes. Returns its size. try_line: also lines (clocks with jitter). */
size_t hi_stream_encode(const hi_codec_kernels *kern, hi_stream_scratch *scratch, const uint64_t *x,
                        uint32_t count, bool try_line, uint8_t *to);

/* Divides x - min by a factor common to all into `scaled`. false: there is none. */
bool hi_stream_scale(const hi_codec_kernels *kern, const uint64_t *x, uint32_t count, uint64_t min,
                     uint64_t *scaled, uint64_t *factor_out);

/* Bytes that v needs as a signed number: 1 to 8. */
static inline unsigned hi_signed_bytes(uint64_t v)
{
    const unsigned bits = hi_bit_length(v ^ (uint64_t)((int64_t)v >> 63)) + 1;

    return (bits + 7) / 8;
}

/* Bytes that the distances of all numbers from min to max (as signed) from `base` need. Where they wrap on the way the widest one
   is at neither end. */
static inline unsigned hi_range_bytes(uint64_t min, uint64_t max, uint64_t base)
{
    const unsigned low = hi_signed_bytes(min - base);
    const unsigned high = hi_signed_bytes(max - base);

    return (int64_t)(min - base) > (int64_t)(max - base) ? 8 : low > high ? low : high;
}

/* The lower `bytes` bytes of v; returns how many. */
static inline size_t hi_put_signed(uint8_t *to, uint64_t v, unsigned bytes)
{
    for (unsigned b = 0; b < bytes; b++) {
        to[b] = (uint8_t)(v >> (8 * b));
    }
    return bytes;
}

static inline size_t hi_put_svarint(uint8_t *to, uint64_t v)
{
    return hi_put_varint(to, hi_zigzag((int64_t)v));
}

#endif
