/*
 * rans_body.c -- the hot loops of cold streams; compiled once per CPU variant.
 *
 * A step decodes one symbol of each lane. Lanes are independent but for the
 * place of their next word, which is counted along; so many lanes hide the
 * latency of looking up, multiplying and adding.
 */
#include <string.h>

#include "codec/rans.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#ifndef HI_VARIANT
#define HI_VARIANT base
#endif
#define RANS_GLUE2(a, b) a##b
#define RANS_GLUE(a, b)  RANS_GLUE2(a, b)

/* Registers as wide as the variant has them. */
#if defined(__AVX512F__)
#define RANS_BYTES 64
#elif defined(__AVX2__)
#define RANS_BYTES 32
#else
#define RANS_BYTES 16
#endif
enum { RANS_WIDE = RANS_BYTES / 4 };

typedef uint32_t rans_reg __attribute__((vector_size(RANS_BYTES)));

_Static_assert(RANS_BYTES / 4 <= HI_RANS_FILL, "a table has room for what fill writes too much");

/* A register of entries at a time, so some too many: those of the next symbol replace them. */
static void rans_fill(const uint16_t *freq, uint32_t symbols, uint32_t *table)
{
    rans_reg place = {0};

    for (uint32_t i = 0; i < RANS_WIDE; i++) {
        place[i] = i << 20;
    }
    for (uint32_t s = 0; s < symbols; s++) {
        const uint32_t count = freq[s];
        uint32_t *end = table + count;
        rans_reg entries = place + (s | (count - 1) << 8);

        do {
            memcpy(table, &entries, sizeof(entries));
            entries += (uint32_t)RANS_WIDE << 20;
            table += RANS_WIDE;
        } while (table < end);
        table = end;
    }
}

/* The step after the last one of the segment that starts with step s. */
static inline uint32_t rans_segment_end(uint32_t s, uint32_t steps, unsigned lanes)
{
    const uint32_t stop = s + HI_RANS_SEGMENT / lanes;

    return stop < steps ? stop : steps;
}

/* A word's two bytes at any address. */
typedef uint16_t rans_word __attribute__((aligned(1), may_alias));

static inline uint32_t rans_next(const uint8_t *words)
{
    const uint16_t word = *(const rans_word *)words;

    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? word : __builtin_bswap16(word);
}

/* Keeps compilers from gathering lanes into vectors, lane by lane, and taking them out again. */
#define RANS_APART(v) __asm__("" : "+r"(v))

/* An entry's frequency less one. */
#if defined(__BMI__)
#define RANS_LESS(entry) __builtin_ia32_bextr_u32(entry, 12 << 8 | 8)
#else
#define RANS_LESS(entry) ((entry) >> 8 & 0xfff)
#endif

/* Of a state below HI_RANS_LOW filled takes the place, and *words is one more. Compilers guess that
   with a branch: it is wrong so often that half the time of decoding went there. */
static inline uint32_t rans_take(uint32_t y, uint32_t filled, size_t *words)
{
#if defined(__x86_64__)
    __asm__("cmp %[low], %[y]\n\t"
            "cmovb %[filled], %[y]\n\t"
            "adc $0, %[words]"
            : [y] "+r"(y), [words] "+r"(*words)
            : [filled] "r"(filled), [low] "i"(HI_RANS_LOW)
            : "cc");
    return y;
#else
    const uint32_t low = 0 - (uint32_t)(y < HI_RANS_LOW);

    *words += low & 1;
    return y ^ ((y ^ filled) & low);
#endif
}

/* A symbol of each lane. Returns where the next words are. */
static inline const uint8_t *rans_step(const uint32_t *table, unsigned lanes, uint32_t *x,
                                       const uint8_t *words, uint8_t *symbols)
{
    size_t taken = 0;

#pragma GCC unroll 8
    for (unsigned l = 0; l < lanes; l++) {
        const uint32_t entry = table[x[l] % HI_RANS_SUM];
        uint32_t y = (RANS_LESS(entry) + 1) * (x[l] >> HI_RANS_BITS) + (entry >> 20);

        symbols[l] = (uint8_t)entry;
        RANS_APART(y);
        x[l] = rans_take(y, y << 16 | rans_next(words + 2 * taken), &taken);
    }
    return words + 2 * taken;
}

_Static_assert(2 * HI_RANS_LANES_MAX <= HI_RANS_SLACK, "a step reads so much behind the words");

/* At most HI_RANS_SLACK bytes behind `end` are read: a step takes 2 bytes a lane, from inside. */
#define RANS_RUN(lanes)                                                                            \
    static const uint8_t *rans_run_##lanes(const hi_rans_table *tables, const uint8_t *map,        \
                                           uint32_t *states, uint32_t steps, const uint8_t *words, \
                                           const uint8_t *end, uint8_t *symbols)                   \
    {                                                                                              \
        uint32_t x[lanes];                                                                         \
        memcpy(x, states, sizeof(x));                                                              \
        for (uint32_t s = 0; s < steps; map++) {                                                   \
            const uint32_t *table = tables[*map].entry;                                            \
            const uint32_t stop = rans_segment_end(s, steps, lanes);                               \
            for (; s < stop; s++, symbols += (lanes)) {                                            \
                words = rans_step(table, lanes, x, words, symbols);                                \
                if (words > end) {                                                                 \
                    return NULL;                                                                   \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        memcpy(states, x, sizeof(x));                                                              \
        return words;                                                                              \
    }

RANS_RUN(4)
RANS_RUN(8)

#if defined(__AVX512F__)

/* A macro in gcc without optimisation, whose casts are not ours to warn about. */
#define RANS_GATHER(places, table)                                                             \
    __extension__({                                                                            \
        _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wsign-conversion\"") \
            const __m512i gathered_ = _mm512_i32gather_epi32(places, table, 4);                \
        _Pragma("GCC diagnostic pop") gathered_;                                               \
    })

/* Sixteen lanes in a register. The words that the lanes want are spread over them. */
static inline __m512i rans_turn(const uint32_t *table, __m512i x, const uint8_t **words,
                                uint8_t *symbols)
{
    const __m512i places = _mm512_and_si512(x, _mm512_set1_epi32(HI_RANS_SUM - 1));
    const __m512i entry = RANS_GATHER(places, table);
    const __m512i high = _mm512_srli_epi32(x, HI_RANS_BITS);
    const __m512i next =
        _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)*words));
    const __m512i less = _mm512_and_si512(_mm512_srli_epi32(entry, 8), _mm512_set1_epi32(0xfff));
    const __m512i bias = _mm512_add_epi32(_mm512_srli_epi32(entry, 20), high);
    const __m512i y = _mm512_add_epi32(_mm512_mullo_epi32(less, high), bias);
    const __mmask16 low = _mm512_cmplt_epu32_mask(y, _mm512_set1_epi32(HI_RANS_LOW));
    const __m512i taken = _mm512_maskz_expand_epi32(low, next);

    _mm_storeu_si128((__m128i *)(void *)symbols, _mm512_cvtepi32_epi8(entry));
    *words += (size_t)2 * (unsigned)__builtin_popcount(low);
    return _mm512_mask_or_epi32(y, low, _mm512_slli_epi32(y, 16), taken);
}

static const uint8_t *rans_run_32(const hi_rans_table *tables, const uint8_t *map, uint32_t *states,
                                  uint32_t steps, const uint8_t *words, const uint8_t *end,
                                  uint8_t *symbols)
{
    __m512i x = _mm512_loadu_si512(states);
    __m512i z = _mm512_loadu_si512(states + 16);

    for (uint32_t s = 0; s < steps; map++) {
        const uint32_t *table = tables[*map].entry;
        const uint32_t stop = rans_segment_end(s, steps, 32);

        for (; s < stop; s++, symbols += 32) {
            x = rans_turn(table, x, &words, symbols);
            z = rans_turn(table, z, &words, symbols + 16);
            if (words > end) {
                return NULL;
            }
        }
    }
    _mm512_storeu_si512(states, x);
    _mm512_storeu_si512(states + 16, z);
    return words;
}

#else

RANS_RUN(32)
#endif

static const uint8_t *rans_run(const hi_rans_table *tables, const uint8_t *map, unsigned lanes,
                               uint32_t *states, uint32_t steps, const uint8_t *words,
                               const uint8_t *end, uint8_t *symbols)
{
    switch (lanes) {
    case 32:
        return rans_run_32(tables, map, states, steps, words, end, symbols);
    case 8:
        return rans_run_8(tables, map, states, steps, words, end, symbols);
    default:
        return rans_run_4(tables, map, states, steps, words, end, symbols);
    }
}

static void rans_widen(const uint8_t *restrict symbols, uint32_t count, uint64_t base,
                       uint64_t *restrict out)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i] = base + symbols[i];
    }
}

static void rans_join(const uint8_t *restrict symbols, uint32_t count, unsigned width,
                      uint64_t *restrict out)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i] += (uint64_t)symbols[i] << width;
    }
}

/* The `width` (at most 57) bits from `bit` on. */
static inline uint64_t rans_low(const uint8_t *from, size_t bit, unsigned width)
{
    uint64_t word = 0;

    memcpy(&word, from + bit / 8, sizeof(word));
    return hi_le64(word) >> (bit & 7) & ~(~UINT64_C(0) << width);
}

static inline size_t rans_bin(uint8_t symbol, const uint64_t *lower, const uint8_t *bits,
                              const uint8_t *from, size_t bit, uint64_t *out)
{
    const unsigned width = bits[symbol];

    *out = lower[symbol] + rans_low(from, bit, width);
    return bit + width;
}

enum { RANS_BINS_GROUP = 4 }; /* 4 values of up to 57 bits from inside: less than HI_RANS_SLACK. */

static size_t rans_bins(const uint8_t *restrict symbols, uint32_t count,
                        const uint64_t *restrict lower, const uint8_t *restrict bits,
                        const uint8_t *restrict from, size_t bit, size_t size,
                        uint64_t *restrict out)
{
    uint32_t i = 0;

    for (; i + RANS_BINS_GROUP <= count && bit <= size; i += RANS_BINS_GROUP) {
#pragma GCC unroll 4
        for (uint32_t k = i; k < i + RANS_BINS_GROUP; k++) {
            bit = rans_bin(symbols[k], lower, bits, from, bit, &out[k]);
        }
    }
    for (; i < count && bit <= size; i++) {
        bit = rans_bin(symbols[i], lower, bits, from, bit, &out[i]);
    }
    return bit;
}

static size_t rans_step_bins(const uint8_t *restrict symbols, uint32_t count,
                             const hi_rans_steps *steps, const uint8_t *restrict from, size_t bit,
                             size_t size, uint64_t *restrict out)
{
    const hi_rans_steps s = *steps;

    for (uint32_t i = 0; i < count && bit <= size; i++) {
        const uint8_t symbol = symbols[i];
        const uint64_t low = rans_low(from, bit, s.bits[symbol]);

        out[i] = s.lower[symbol] + low * (symbol < s.coarse ? s.step : 1);
        bit += s.bits[symbol];
    }
    return bit;
}

const hi_rans_kernels RANS_GLUE(hi_rans_kernels_, HI_VARIANT) = {
    .fill = rans_fill,
    .run = rans_run,
    .widen = rans_widen,
    .join = rans_join,
    .bins = rans_bins,
    .step_bins = rans_step_bins,
};
