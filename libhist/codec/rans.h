/*
 * rans.h -- symbols of 8 bits to few bits each and back: range asymmetric
 * numeral systems (rANS) in 4, 8 or 32 interleaved lanes. README.md has the bytes.
 *
 * A lane is a 32-bit state, at least 2^16 between symbols. Probabilities are
 * frequencies that sum up to 4096. Whatever leaves or enters a state does so as
 * 16-bit words, all lanes from one sequence. Decoding: e = table[x & 4095],
 * x = freq(e) * (x >> 12) + bias(e); when x < 2^16, x takes the next word below.
 */
#ifndef HI_CODEC_RANS_H
#define HI_CODEC_RANS_H

#include "base/err.h"
#include "codec/bitio.h"
#include "codec/codec.h"
#include "codec/kern.h"

enum {
    HI_RANS_BITS = 12,
    HI_RANS_SUM = 1 << HI_RANS_BITS,
    HI_RANS_SYMBOLS = 256,
    HI_RANS_LOW = 1 << 16, /* States are not below. */
    HI_RANS_LANES_MAX = 32,
    HI_RANS_TAIL_LANES_MAX = 4,
    HI_RANS_TABLES_MAX = 4,
    HI_RANS_SEGMENT = 128, /* Symbols that one table is chosen for; a multiple of all lanes. */
    HI_RANS_SEGMENTS_MAX = HI_BLOCK_ROWS_MAX / HI_RANS_SEGMENT,
    HI_RANS_STATES_BYTES_MAX = HI_RANS_LANES_MAX * 5,
    HI_RANS_FREQS_BYTES_MAX = HI_RANS_SYMBOLS * 4 + 8,
    HI_RANS_FILL = 16,  /* Entries of a table that are written too many. */
    HI_RANS_SLACK = 64, /* Bytes read behind words and offsets; symbols written too many. */
};

/* ---- frequencies ------------------------------------------------------------------------ */

typedef struct hi_rans_freqs {
    uint32_t symbols; /* 1 to 256; frequencies behind are 0. */
    uint16_t freq[HI_RANS_SYMBOLS];
} hi_rans_freqs;

/* Frequencies for counts (not all 0), and what they cost: their own bytes and the symbols' bits.
   Every counted symbol gets at least 1. */
void hi_rans_normalise(const uint32_t *counts, uint32_t symbols, hi_rans_freqs *freqs_out);

/* Fractions of 1/4096 bit that each symbol needs; 2^32 - 1: it has no frequency. */
void hi_rans_prices(const hi_rans_freqs *freqs, uint32_t *prices);

/* At most HI_RANS_FREQS_BYTES_MAX bytes; how many symbols there are is not in them. */
void hi_rans_freqs_put(hi_bit_writer *w, const hi_rans_freqs *freqs);
bool hi_rans_freqs_read(hi_bit_reader *r, uint32_t symbols, hi_rans_freqs *freqs_out);

/* log2(v) * 4096, within 2, by integers alone: encoders choose alike on every machine. v >= 1. */
extern const uint16_t hi_log2_table[65];
static inline uint32_t hi_log2_fixed(uint32_t v)
{
    const unsigned length = hi_bit_length(v) - 1;
    const uint32_t fraction = (uint32_t)(((uint64_t)v << (31 - length)) & 0x7fffffff);
    const uint32_t cell = fraction >> 25;
    const uint32_t within = (fraction >> 13) & 0xfff;
    const uint32_t step = (uint32_t)hi_log2_table[cell + 1] - hi_log2_table[cell];

    return length * 4096 + hi_log2_table[cell] + ((step * within) >> 12);
}

/* ---- symbols ---------------------------------------------------------------------------- */

/* One entry of a decoder's table: symbol, frequency - 1 (<< 8), place in its range (<< 20). */
typedef struct hi_rans_table {
    uint32_t entry[HI_RANS_SUM + HI_RANS_FILL];
} hi_rans_table;

/* Lanes that decode the tail, whose words the other lanes' last states hold. */
static inline unsigned hi_rans_tail_lanes(unsigned lanes)
{
    return lanes == HI_RANS_LANES_MAX ? HI_RANS_TAIL_LANES_MAX : 1;
}

/* Lanes for a code of 2 bits; 0: there is no such code. */
static inline unsigned hi_rans_lanes(unsigned code)
{
    return code == 0 ? 4 : code == 1 ? 8 : code == 2 ? HI_RANS_LANES_MAX : 0;
}

/* What encoding made; words are in the order a decoder reads them. */
typedef struct hi_rans_coded {
    unsigned lanes_code;
    uint32_t turns; /* The tail: the last count % lanes symbols and so many turns of all lanes. */
    uint32_t words;
    const uint16_t *word;
    size_t states_size;
    uint8_t states[HI_RANS_STATES_BYTES_MAX];
} hi_rans_coded;

/*
 * Encodes `count` symbols; segment i has the frequencies freqs[map[i]], where all its symbols have
 * one. bits: about how many they need; from these follows the number of lanes. room:
 * HI_BLOCK_ROWS_MAX words.
 */
void hi_rans_encode(const hi_rans_freqs *freqs, const uint8_t *map, const uint8_t *symbols,
                    uint32_t count, uint64_t bits, uint16_t *room, hi_rans_coded *coded_out);

/* Where the parts of a coded sequence lie. */
typedef struct hi_rans_view {
    unsigned lanes;
    uint32_t count;
    uint32_t tail;
    uint32_t states[HI_RANS_LANES_MAX];
    const uint8_t *words; /* HI_RANS_SLACK bytes behind them must be readable. */
    size_t words_size;
} hi_rans_view;

/* Takes states and `words` words of `count` symbols from the reader and checks them. */
hist_status hi_rans_open(hi_reader *r, unsigned lanes_code, uint32_t count, uint64_t turns,
                         uint64_t words, hi_rans_view *view_out);

/* Segment i has the table tables[map[i]]. Room for symbols: count + HI_RANS_SLACK. */
hist_status hi_rans_decode(const hi_codec_kernels *kern, const hi_rans_view *view,
                           const hi_rans_table *tables, const uint8_t *map, uint8_t *symbols);

/* ---- hot loops, once per CPU variant (rans_body.c) --------------------------------------- */

/* Bins of which the first `coarse` count steps: lower + step * low bits. */
typedef struct hi_rans_steps {
    const uint64_t *lower;
    const uint8_t *bits;
    uint32_t coarse;
    uint32_t step;
} hi_rans_steps;

typedef struct hi_rans_kernels {
    void (*fill)(const uint16_t *freq, uint32_t symbols, uint32_t *table);
    /* `steps` symbols of each of 4, 8 or 32 lanes. Returns the word after the last read, NULL where
       that is behind `end`. */
    const uint8_t *(*run)(const hi_rans_table *tables, const uint8_t *map, unsigned lanes,
                          uint32_t *states, uint32_t steps, const uint8_t *words,
                          const uint8_t *end, uint8_t *symbols);
    /* out[i] = base + symbol; out[i] += symbol << width. */
    void (*widen)(const uint8_t *symbols, uint32_t count, uint64_t base, uint64_t *out);
    void (*join)(const uint8_t *symbols, uint32_t count, unsigned width, uint64_t *out);
    /* out[i] = lower[symbol] + the next bits[symbol] (at most 57) of `from`, starting at `bit`.
       Returns the bit after; more than `size`: values are wrong, nothing much behind was read. */
    size_t (*bins)(const uint8_t *symbols, uint32_t count, const uint64_t *lower,
                   const uint8_t *bits, const uint8_t *from, size_t bit, size_t size,
                   uint64_t *out);
    /* The same with steps. */
    size_t (*step_bins)(const uint8_t *symbols, uint32_t count, const hi_rans_steps *steps,
                        const uint8_t *from, size_t bit, size_t size, uint64_t *out);
} hi_rans_kernels;

extern const hi_rans_kernels hi_rans_kernels_base;
#if defined(__x86_64__)
extern const hi_rans_kernels hi_rans_kernels_avx2;
extern const hi_rans_kernels hi_rans_kernels_avx512;
#endif

#endif
