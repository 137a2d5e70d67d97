/*
 * rans_freq.c -- frequencies for rANS: from counts to a sum of 4096, and their
 * bytes. A frequency keeps a few leading bits only: what the symbols lose by
 * that is less than what the table gains. The largest one is not written; it is
 * what the others leave.
 */
#include <assert.h>

#include "codec/rans.h"

enum {
    FREQ_LENGTH_MAX = 12,  /* Bits of the largest frequency that is written. */
    FREQ_MANTISSA_MAX = 7, /* Kept bits below the leading one. */
    FREQ_MANTISSA_BITS = 4,
    FREQ_LENGTH_BITS = 4,
    FREQ_UNIT = 4096,
};

/* log2(1 + i/64) * 4096 */
const uint16_t hi_log2_table[65] = {
    0,    92,   182,  271,  358,  445,  530,  613,  696,  778,  858,  937,  1016,
    1093, 1169, 1244, 1319, 1392, 1465, 1536, 1607, 1677, 1746, 1814, 1882, 1949,
    2015, 2080, 2145, 2208, 2272, 2334, 2396, 2457, 2518, 2578, 2637, 2696, 2754,
    2812, 2869, 2926, 2982, 3037, 3092, 3146, 3200, 3254, 3307, 3359, 3412, 3463,
    3514, 3565, 3615, 3665, 3715, 3764, 3812, 3861, 3908, 3956, 4003, 4050, 4096,
};

void hi_rans_prices(const hi_rans_freqs *freqs, uint32_t *prices)
{
    for (uint32_t i = 0; i < HI_RANS_SYMBOLS; i++) {
        prices[i] = freqs->freq[i] == 0
                        ? UINT32_MAX
                        : (uint32_t)(HI_RANS_BITS * FREQ_UNIT - hi_log2_fixed(freqs->freq[i]));
    }
}

/* ---- counts to frequencies -------------------------------------------------------------- */

/* The kept part of f: its leading one and `mantissa` bits below, nearest. */
static uint32_t freq_round(uint32_t f, unsigned mantissa)
{
    const unsigned length = hi_bit_length(f);

    if (length <= mantissa + 1) {
        return f;
    }
    const unsigned drop = length - 1 - mantissa;
    const uint32_t rounded = (f + (1U << (drop - 1))) >> drop << drop;
    return rounded < HI_RANS_SUM ? rounded : f >> drop << drop;
}

static uint32_t freq_largest(const uint32_t *counts, uint32_t symbols)
{
    uint32_t top = 0;

    for (uint32_t i = 1; i < symbols; i++) {
        top = counts[i] > counts[top] ? i : top;
    }
    return top;
}

/* The rest for the largest. What rounding gives or takes goes to the next, so that it does not all
   end up there. */
static bool freq_fit(const uint32_t *counts, uint32_t symbols, uint64_t total, unsigned mantissa,
                     uint32_t scale, hi_rans_freqs *freqs)
{
    const uint32_t top = freq_largest(counts, symbols);
    int64_t owed = 0; /* In 1/4096. */
    uint32_t sum = 0;

    memset(freqs->freq, 0, sizeof(freqs->freq));
    freqs->symbols = symbols;
    for (uint32_t i = 0; i < symbols; i++) {
        if (counts[i] == 0 || i == top) {
            continue;
        }
        const int64_t exact = (int64_t)((uint64_t)counts[i] * scale * 4096 / total);
        const int64_t wanted = exact + owed;
        const uint32_t f =
            freq_round(wanted < 4096 + 2048 ? 1 : (uint32_t)((wanted + 2048) / 4096), mantissa);
        owed = exact < 4096 ? owed : wanted - (int64_t)f * 4096;
        freqs->freq[i] = (uint16_t)f;
        sum += f;
    }
    if (sum >= HI_RANS_SUM) {
        return false;
    }
    freqs->freq[top] = (uint16_t)(HI_RANS_SUM - sum);
    return true;
}

void hi_rans_normalise(const uint32_t *counts, uint32_t symbols, hi_rans_freqs *freqs_out)
{
    static const unsigned mantissas[] = {1, 2, 3, 4, FREQ_MANTISSA_MAX};
    uint64_t best = UINT64_MAX;
    uint64_t total = 0;

    for (uint32_t i = 0; i < symbols; i++) {
        total += counts[i];
    }
    assert(total > 0 && symbols <= HI_RANS_SYMBOLS);
    for (size_t m = 0; m < sizeof(mantissas) / sizeof(mantissas[0]); m++) {
        hi_bit_writer w = {NULL, 0};
        hi_rans_freqs tried;
        uint32_t scale = HI_RANS_SUM;

        /* Many rare symbols take more than their share: less for the others. */
        while (!freq_fit(counts, symbols, total, mantissas[m], scale, &tried)) {
            scale -= scale / 16;
        }
        hi_rans_freqs_put(&w, &tried);
        uint64_t price = w.bits * FREQ_UNIT;
        for (uint32_t i = 0; i < symbols; i++) {
            const uint32_t f = tried.freq[i];
            price += f == 0 ? 0
                            : (uint64_t)counts[i] *
                                  (uint32_t)(HI_RANS_BITS * FREQ_UNIT - hi_log2_fixed(f));
        }
        if (price >= best) {
            break; /* More bits do not pay; still more do even less. */
        }
        best = price;
        *freqs_out = tried;
    }
}

/* ---- bytes ------------------------------------------------------------------------------ */

static unsigned freq_mantissa(const hi_rans_freqs *freqs, uint32_t top)
{
    unsigned mantissa = 0;

    for (uint32_t i = 0; i < freqs->symbols; i++) {
        if (i != top && freqs->freq[i] > 0) {
            const unsigned below = hi_bit_length(freqs->freq[i]) - 1;
            const unsigned zeroes = (unsigned)__builtin_ctz(freqs->freq[i]);
            mantissa = below - zeroes > mantissa ? below - zeroes : mantissa;
        }
    }
    return mantissa;
}

/* The length of a frequency after one of length `before`; `zero`: the last one was 0. */
static void freq_put_length(hi_bit_writer *w, unsigned length, unsigned before, bool zero)
{
    if (zero) {
        hi_put_bits(w, length > 0 ? 1 : 0, 1);
        if (length == 0) {
            return;
        }
    }
    if (length == before) {
        hi_put_bits(w, 0, 1);
    } else if (length > 0 && (length == before + 1 || length + 1 == before)) {
        hi_put_bits(w, length > before ? 5 : 1, 3);
    } else {
        hi_put_bits(w, 3, 2);
        hi_put_bits(w, length, FREQ_LENGTH_BITS);
    }
}

void hi_rans_freqs_put(hi_bit_writer *w, const hi_rans_freqs *freqs)
{
    uint32_t top = 0;
    unsigned before = FREQ_LENGTH_MAX / 2;
    bool zero = false;

    for (uint32_t i = 1; i < freqs->symbols; i++) {
        top = freqs->freq[i] > freqs->freq[top] ? i : top;
    }
    const unsigned mantissa = freq_mantissa(freqs, top);
    hi_put_bits(w, top, 8);
    hi_put_bits(w, mantissa, FREQ_MANTISSA_BITS);
    for (uint32_t i = 0; i < freqs->symbols; i++) {
        if (i == top) {
            continue;
        }
        const unsigned length = hi_bit_length(freqs->freq[i]);
        freq_put_length(w, length, before, zero);
        if (length > 1) {
            const unsigned kept = length - 1 < mantissa ? length - 1 : mantissa;
            hi_put_bits(w, (uint64_t)freqs->freq[i] >> (length - 1 - kept), kept);
        }
        zero = length == 0;
        before = zero ? before : length;
    }
}

/* What is said of a frequency that may be 0 only where it says so: its length (0 to 16, to be checked)
   from the bits ahead; *used: how many of these. */
static unsigned freq_read_length(uint64_t ahead, unsigned before, unsigned *used)
{
    const unsigned changes = (unsigned)(ahead & 1);

    if ((ahead & 3) == 3) {
        *used = 2 + FREQ_LENGTH_BITS;
        return (unsigned)(ahead >> 2) & ((1U << FREQ_LENGTH_BITS) - 1);
    }
    *used = 1 + 2 * changes;
    return before +
           changes * ((unsigned)(ahead >> 1 & 2) - 1); /* One more, one less or the same. */
}

/* Bits ahead of a reader: looked up once for several numbers. */
typedef struct freq_ahead {
    hi_bit_reader *r;
    uint64_t bits;
    unsigned count;
} freq_ahead;

static inline void freq_look(freq_ahead *a, unsigned need)
{
    if (a->count < need) {
        a->bits = hi_peek_bits(a->r);
        a->count = HI_BITS_AT_ONCE;
    }
}

static inline void freq_skip(freq_ahead *a, unsigned count)
{
    hi_skip_bits(a->r, count);
    a->bits >>= count;
    a->count -= count;
}

/* Zeroes after the first go on until a one; how many, at most `most`. */
static uint32_t freq_read_zeroes(freq_ahead *a, uint32_t most)
{
    for (uint32_t i = 0; i < most; i++) {
        freq_look(a, 1);
        const bool ends = (a->bits & 1) != 0;
        freq_skip(a, 1);
        if (ends) {
            return i;
        }
    }
    return most;
}

/* Frequencies of all symbols but the most frequent one, one after another. Their sum; where the
   reader failed or it is more than there can be they are damaged. */
static uint32_t freq_read_others(hi_bit_reader *r, uint32_t others, unsigned mantissa,
                                 uint16_t *freq)
{
    freq_ahead a = {.r = r, .count = 0};
    unsigned before = FREQ_LENGTH_MAX / 2;
    uint32_t sum = 0;

    for (uint32_t i = 0; i < others; i++) {
        unsigned used;

        freq_look(&a, 2 + FREQ_LENGTH_BITS + FREQ_LENGTH_MAX);
        const unsigned length = freq_read_length(a.bits, before, &used);
        if (length > FREQ_LENGTH_MAX) {
            return UINT32_MAX;
        }
        if (length == 0) {
            freq_skip(&a, used);
            i += freq_read_zeroes(&a, others - i - 1);
            continue;
        }
        const unsigned kept = length - 1 < mantissa ? length - 1 : mantissa;
        const uint32_t below = (uint32_t)(a.bits >> used) & ((1U << kept) - 1);
        freq[i] = (uint16_t)((1U << kept | below) << (length - 1 - kept));
        sum += freq[i];
        before = length;
        freq_skip(&a, used + kept);
    }
    return sum;
}

bool hi_rans_freqs_read(hi_bit_reader *r, uint32_t symbols, hi_rans_freqs *freqs_out)
{
    memset(freqs_out, 0, sizeof(*freqs_out));
    freqs_out->symbols = symbols;
    const uint32_t top = (uint32_t)hi_get_bits(r, 8);
    const unsigned mantissa = (unsigned)hi_get_bits(r, FREQ_MANTISSA_BITS);
    if (r->failed || top >= symbols) {
        return false;
    }
    uint16_t *at_top = &freqs_out->freq[top];
    const uint32_t sum = freq_read_others(r, symbols - 1, mantissa, freqs_out->freq);
    if (r->failed || sum >= HI_RANS_SUM) {
        return false;
    }
    memmove(at_top + 1, at_top, (symbols - 1 - top) * sizeof(*at_top));
    *at_top = (uint16_t)(HI_RANS_SUM - sum);
    return true;
}
