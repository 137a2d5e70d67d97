/*
 * cold.h -- integer streams in their cold form: one predictor for all values,
 * residuals cut into a symbol, which is entropy coded (rans.h), and low bits.
 * README.md has the bytes.
 *
 * A form says how: symbols' meaning and their frequencies. It is in the stream, or in a
 * set that the streams of a page share; then the stream only names it.
 *
 * Encoding goes in two steps, so that a page can share: hi_cold_plan_make() for each
 * stream, hi_cold_share() over all plans, hi_cold_write() for each.
 */
#ifndef HI_CODEC_COLD_H
#define HI_CODEC_COLD_H

#include "codec/rans.h"
#include "codec/stream.h"

enum {
    HI_STREAM_COLD = 3,        /* Kinds of streams beside hi_stream_kind: form in the stream, */
    HI_STREAM_COLD_SHARED = 4, /* or in the set. */
    HI_COLD_STARTS_MAX = 3,
    HI_COLD_FORMS_MAX = 4,  /* Of a set. */
    HI_COLD_WIDTH_MAX = 57, /* Low bits of a residual. */
    HI_COLD_STEP_MAX = 1 << 30,
    HI_COLD_FORM_BYTES_MAX =
        32 + HI_RANS_TABLES_MAX * HI_RANS_FREQS_BYTES_MAX + HI_RANS_SYMBOLS * 12,
    HI_COLD_SET_BYTES_MAX = 1 + HI_COLD_FORMS_MAX * HI_COLD_FORM_BYTES_MAX,
    HI_COLD_NO_ESCAPE = HI_RANS_SYMBOLS,
    HI_COLD_MAP_BITS = 2,        /* Of a segment's table. */
    HI_COLD_PRICE_MAX = 1 << 24, /* More than all symbols of a segment cost that have one. */
    HI_COLD_SHARE_MAX = 32,      /* Streams that are looked at for a set. */
};

typedef enum hi_predictor {
    HI_PREDICTOR_NONE = 0,
    HI_PREDICTOR_DELTA = 1,  /* of 1st, */
    HI_PREDICTOR_DELTA2 = 2, /* 2nd, */
    HI_PREDICTOR_DELTA3 = 3, /* 3rd order */
    HI_PREDICTOR_LINE = 4,
} hi_predictor;

/*
 * SPLIT: residual = base + (symbol << width) + low bits. BINS: lower[symbol] + bits[symbol] low
 * bits. Either may have an escape: base + a listed value. Each 128 symbols name the table that
 * has their frequencies.
 *
 * BINS may have steps: the low bits of the first `coarse` bins count steps, as amounts in
 * hundredths are whole numbers more often than not.
 */
typedef struct hi_cold_form {
    bool bins;
    unsigned width;
    uint64_t base;    /* SPLIT: a multiple of 2^width, so that streams compare. BINS: lower[0]. */
    uint32_t symbols; /* 1 to 256 */
    uint32_t escape;  /* The last symbol, or HI_COLD_NO_ESCAPE. */
    uint32_t tables;
    hi_rans_freqs freqs[HI_RANS_TABLES_MAX];
    uint64_t lower[HI_RANS_SYMBOLS]; /* Ascending, counted from the first; coarse ones for
                                        themselves. */
    uint8_t bits[HI_RANS_SYMBOLS];
    uint32_t coarse; /* Bins with a step, 0: none; there are always bins without. */
    uint32_t step;   /* 2 to HI_COLD_STEP_MAX; without coarse bins 0. */
} hi_cold_form;

/* Bins: the symbols but the escape. */
static inline uint32_t hi_cold_bins(const hi_cold_form *form)
{
    return form->symbols - (form->escape != HI_COLD_NO_ESCAPE ? 1 : 0);
}

/* At most HI_COLD_FORM_BYTES_MAX bytes. */
size_t hi_cold_form_put(const hi_cold_form *form, uint8_t *to);
hist_status hi_cold_form_open(hi_reader *r, hi_cold_form *form_out);

/* ---- the set of a page ------------------------------------------------------------------- */

typedef struct hi_cold_set {
    uint32_t count; /* 0 to HI_COLD_FORMS_MAX */
    hi_cold_form form[HI_COLD_FORMS_MAX];
} hi_cold_set;

/* At most HI_COLD_SET_BYTES_MAX bytes; 1 for an empty set. */
size_t hi_cold_set_put(const hi_cold_set *set, uint8_t *to);
hist_status hi_cold_set_open(hi_reader *r, hi_cold_set *set_out);

/* ---- decoding --------------------------------------------------------------------------- */

/* A stream whose head was checked. It keeps pointers into the reader's bytes and into the set. */
typedef struct hi_cold_view {
    uint32_t count;
    uint32_t residuals; /* count less what the predictor is given. */
    hi_predictor predictor;
    uint64_t starts[HI_COLD_STARTS_MAX]; /* LINE: the first only. */
    uint64_t slope;
    unsigned shift;
    bool scaled;
    uint64_t factor;
    uint64_t offset;
    uint32_t escapes;
    unsigned escape_bytes;
    const uint8_t *escaped;
    const uint8_t *low; /* Packed low bits or bins' offsets. */
    size_t low_size;
    hi_rans_view rans;
    uint8_t map[HI_RANS_SEGMENTS_MAX];
    const hi_cold_form *form; /* Own or of the set. */
    hi_cold_form own;
} hi_cold_view;

/*
 * Takes a stream of `count` values (1 to HI_BLOCK_ROWS_MAX), kind byte included, from the reader.
 * set: of the page; NULL: none. The view must not be moved. HI_RANS_SLACK bytes after the reader's
 * must be readable.
 */
hist_status hi_cold_open(hi_reader *r, uint32_t count, const hi_cold_set *set,
                         hi_cold_view *view_out);

/* All values; out has HI_CODEC_PAD spare bytes. About 90 KiB of stack, 64 of them tables. */
hist_status hi_cold_decode(const hi_codec_kernels *kern, const hi_cold_view *view, uint64_t *out);

/* ---- encoding --------------------------------------------------------------------------- */

/* Equal numbers of sorted residuals. */
typedef struct hi_cold_run {
    uint64_t at; /* Above the smallest residual. */
    uint32_t count;
} hi_cold_run;

/* Scratch for one stream at a time. */
typedef struct hi_cold_scratch {
    uint64_t scaled[HI_BLOCK_ROWS_MAX];
    uint64_t residuals[HI_BLOCK_ROWS_MAX + HI_LANES];
    uint64_t sorted[HI_BLOCK_ROWS_MAX];
    uint64_t other[HI_BLOCK_ROWS_MAX]; /* For sorting; then packed low bits. */
    hi_cold_run runs[HI_BLOCK_ROWS_MAX];
    uint8_t symbols[HI_BLOCK_ROWS_MAX + HI_RANS_SLACK];
    uint16_t words[HI_BLOCK_ROWS_MAX];
    uint8_t form[HI_COLD_FORM_BYTES_MAX];
} hi_cold_scratch;

/* What residuals take in a form. */
typedef struct hi_cold_cost {
    uint64_t bits;        /* In all, without the form; much where a symbol has no frequency. */
    uint64_t symbol_bits; /* Of the symbols. */
    uint32_t escapes;
    unsigned escape_bytes; /* That hold each of them: 1 to 8. */
    uint8_t map[HI_RANS_SEGMENTS_MAX];
} hi_cold_cost;

/* How a stream will be written. */
typedef struct hi_cold_plan {
    uint32_t count;
    hi_predictor predictor;
    uint64_t factor; /* 1: not scaled. */
    uint64_t offset;
    uint64_t slope;
    unsigned shift;
    uint64_t start; /* LINE */
    uint64_t min;   /* Of the residuals, as signed. */
    uint64_t max;
    hi_cold_form form;
    hi_cold_cost cost; /* In the own form. */
    uint64_t bits;     /* With that form, about. */
} hi_cold_plan;

void hi_cold_plan_make(const hi_codec_kernels *kern, hi_cold_scratch *scratch, const uint64_t *x,
                       uint32_t count, hi_cold_plan *plan_out);

/* Forms that several of the planned streams (the first HI_COLD_SHARE_MAX) had better share; x: the
   values of each. */
void hi_cold_share(const hi_codec_kernels *kern, hi_cold_scratch *scratch,
                   const hi_cold_plan *plans, const uint64_t *const *x, uint32_t streams,
                   hi_cold_set *set_out);

/* Writes a planned stream, with its own form or the best of the set (NULL: none). Returns its
   size, 0 where that is not below `limit`; then `to`, which has room for limit bytes, may be
   overwritten. */
size_t hi_cold_write(const hi_codec_kernels *kern, hi_cold_scratch *scratch,
                     const hi_cold_plan *plan, const hi_cold_set *set, const uint64_t *x,
                     size_t limit, uint8_t *to);

/* Plan and write. */
size_t hi_cold_encode(const hi_codec_kernels *kern, hi_cold_scratch *scratch,
                      const hi_cold_set *set, const uint64_t *x, uint32_t count, size_t limit,
                      uint8_t *to);

/* ---- shared by the encoder's files ------------------------------------------------------- */

/* Values the predictor is given before the residuals. */
static inline uint32_t hi_predictor_order(hi_predictor predictor)
{
    return predictor == HI_PREDICTOR_LINE ? 0 : (uint32_t)predictor;
}

/* Bytes of the packed low bits of `rows` (up to 1024) residuals: full rows of words, then the used
   bytes of each lane's last word. */
static inline size_t hi_cold_low_size(uint32_t rows, unsigned width)
{
    const size_t bits = (size_t)hi_groups_of(rows) * width;

    return bits / 64 * 128 + (bits % 64 + 7) / 8 * HI_LANES;
}

/* Sorts x (using other), with all of it below 2^bits. */
void hi_cold_sort(uint64_t *x, uint64_t *other, uint32_t count, unsigned bits);

/* The predictor's residuals of all values; plan needs predictor, slope, shift, start. */
void hi_cold_residuals(const hi_codec_kernels *kern, const uint64_t *x, const hi_cold_plan *plan,
                       uint64_t *residuals);

/* The form that takes least for `count` residuals that scratch->sorted holds as offsets from
   plan->min. Sets plan->form. Returns about what it takes, in 1/4096 bits. */
uint64_t hi_cold_fit(hi_cold_scratch *scratch, uint32_t count, hi_cold_plan *plan);

/* The step that many of them are multiples of; 0: none that would pay where they take `price`
   without. */
uint32_t hi_cold_step(const hi_cold_scratch *scratch, uint32_t count, uint64_t min, uint64_t price);

/* BINS with that step for the same residuals where they take less than `price`. Overwrites them. */
bool hi_cold_fit_steps(hi_cold_scratch *scratch, uint32_t count, uint64_t min, uint32_t step,
                       uint64_t price, hi_cold_form *form_out);

/* About how many 1/4096 bits each of `count` sorted values takes, in all. */
uint64_t hi_cold_spread(const uint64_t *sorted, uint32_t count);

/* Symbols of the residuals in a form. false: it cannot say them all. */
bool hi_cold_symbols(const hi_codec_kernels *kern, const hi_cold_form *form,
                     const uint64_t *residuals, uint32_t count, uint8_t *symbols);

/* Bytes that say which table each segment has. */
static inline size_t hi_cold_map_size(uint32_t count)
{
    return ((count + HI_RANS_SEGMENT - 1) / HI_RANS_SEGMENT * HI_COLD_MAP_BITS + 7) / 8;
}

void hi_cold_price(const hi_cold_form *form, const uint64_t *residuals, uint32_t count,
                   const uint8_t *symbols, hi_cold_cost *cost_out);

/* What symbols cost in each table, two tables to a word, so that a segment is gone through once. */
typedef struct hi_cold_prices {
    uint64_t pair[HI_RANS_TABLES_MAX / 2][HI_RANS_SYMBOLS];
} hi_cold_prices;

/* Tables in their order; a price is at most HI_COLD_PRICE_MAX. */
void hi_cold_prices_set(hi_cold_prices *prices, uint32_t table, uint32_t symbol, uint32_t price);
/* The table that `count` symbols, at most a segment, cost least in, and what. */
uint32_t hi_cold_cheapest(const hi_cold_prices *prices, uint32_t tables, const uint8_t *symbols,
                          uint32_t count, uint32_t *price_out);

/* Gives a form of one table more of them where segments of its symbols differ enough. */
void hi_cold_split_tables(const uint8_t *symbols, uint32_t count, hi_cold_form *form);

#endif
