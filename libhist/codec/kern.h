/*
 * kern.h -- the hot loops of the codec, one table of functions per CPU variant.
 *
 * kern_body.c is compiled once per variant (base, avx2, avx512); all give the
 * same bytes and values. Counts are of values; a group is 16 values, one in each
 * of the 16 lanes of the packed layout (README.md). None of them allocates or
 * checks its input: callers do.
 */
#ifndef HI_CODEC_KERN_H
#define HI_CODEC_KERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a double is made of an integer n, |n| < 2^51 (README.md, "Reals as scaled integers"). */
typedef enum hi_num_op {
    HI_NUM_DECIMAL = 0,  /* n / 10^k */
    HI_NUM_DIVIDE = 1,   /* n / d */
    HI_NUM_MULTIPLY = 2, /* n * c */
} hi_num_op;

typedef struct hi_num {
    hi_num_op op;
    bool to_float; /* Rounded to a float afterwards. */
    double param;  /* 10^k (10^0 to 10^22), d or c. */
} hi_num;

/* What to_num() tells of a value that has no n. */
#define HI_NUM_OUTSIDE (UINT64_C(1) << 63)

enum {
    HI_SORT_MAX = 256,
    HI_RD_PATTERNS = 8,
    HI_LANES = 16,
    HI_WIDTHS = 8,    /* Widths that are looked at in one pass, */
    HI_DENSEST = 128, /* and places of a window. */
};

typedef struct hi_kern_sums {
    uint64_t low; /* Of the low 32 bits. */
    int64_t high; /* Of the values shifted right by 32. */
} hi_kern_sums;

/* Of deviations from about the mean. */
typedef struct hi_kern_moments {
    double rest; /* Their sum: what the mean is off, times the count. */
    double m2;   /* Squared, from the true mean. */
} hi_kern_moments;

/* What the encoder asks before it chooses (count_body.c). */
typedef struct hi_count_kernels {
    void (*sort)(int64_t *x, uint32_t count); /* Ascending; HI_SORT_MAX at most. */
    /* over[i]: how many of x - base, seen as unsigned, need more than from + i bits. from <= 63. */
    void (*over)(const uint64_t *x, uint32_t count, uint64_t base, unsigned from, uint32_t *over);
    /* The same as signed numbers around `base`: none for zero, else bits of two's complement. */
    void (*over_signed)(const uint64_t *x, uint32_t count, uint64_t base, unsigned from,
                        uint32_t *over);
    /* x - base in two bytes; they must fit. */
    void (*near)(const uint64_t *x, uint32_t count, uint64_t base, uint16_t *out);
    /* over(), or over_signed() where `around`, of numbers below 2^15. */
    void (*over_near)(const uint16_t *x, uint32_t count, uint16_t base, bool around, unsigned from,
                      uint32_t *over);
    /* (x - first) >> shift, or `most` where it is more. */
    void (*bins)(const uint64_t *x, uint32_t count, uint64_t first, unsigned shift, uint8_t most,
                 uint8_t *out);
    /* The largest sums[i + window] - sums[i] of HI_DENSEST i; sums ascend. */
    int16_t (*densest)(const int16_t *sums, uint32_t window);
    /* How many of x - base do not fit in `width` bits. */
    uint32_t (*outside)(const uint64_t *x, uint32_t count, uint64_t base, unsigned width);
} hi_count_kernels;

extern const hi_count_kernels hi_count_kernels_base;
#if defined(__x86_64__)
extern const hi_count_kernels hi_count_kernels_avx2;
extern const hi_count_kernels hi_count_kernels_avx512;
#endif

/* Runs and codes to values (expand_body.c). */
typedef struct hi_expand_kernels {
    /* Repeats values[i] lengths[i] + 1 times from out[at] on. Eight words are written at a time, so up
       to seven more than asked for. Returns where it ended, or UINT32_MAX where the runs would end
       behind `count`. */
    uint32_t (*runs)(const uint64_t *values, const uint64_t *lengths, uint32_t runs, uint64_t *out,
                     uint32_t at, uint32_t count);
    void (*codes)(const uint64_t *entries, uint64_t *x, uint32_t count); /* x = entries[x] */
} hi_expand_kernels;

extern const hi_expand_kernels hi_expand_kernels_base;
#if defined(__x86_64__)
extern const hi_expand_kernels hi_expand_kernels_avx2;
extern const hi_expand_kernels hi_expand_kernels_avx512;
#endif

typedef struct hi_codec_kernels {
    const char *name;
    /* out[16 * groups] = packed values + base. Reads exactly the packed words. width 0 to 64. */
    void (*unpack)(const uint8_t *in, unsigned width, uint32_t groups, uint64_t base,
                   uint64_t *out);
    /* The low `width` bits of in[16 * groups]. Writes 128 * ceil(groups * width / 64) bytes. */
    void (*pack)(const uint64_t *in, unsigned width, uint32_t groups, uint8_t *out);
    void (*prefix)(uint64_t *x, uint32_t count); /* Running sums in place. */
    void (*line)(uint64_t *x, uint32_t count, uint64_t slope,
                 unsigned shift); /* += slope*i>>shift */
    void (*scale)(uint64_t *x, uint32_t count, uint64_t factor, uint64_t offset);
    void (*fill)(uint64_t *x, uint32_t count, uint64_t value);
    void (*progression)(uint64_t *x, uint32_t count, uint64_t start, uint64_t step);
    void (*prefix2)(uint64_t *x, uint32_t count, uint64_t first); /* prefix, x[0] = first, prefix */
    /* In place: int64 n to the bits of the double. false: some |n| is not below 2^51. */
    bool (*from_num)(uint64_t *x, uint32_t count, const hi_num *num);
    /* n[i] = the integer nearest to the value; off[i] = its bits less those that from_num() would
       make of n[i] (mod 2^64), or HI_NUM_OUTSIDE. Returns how many are not 0. */
    uint32_t (*to_num)(const uint64_t *bits, uint32_t count, const hi_num *num, uint64_t *n,
                       uint64_t *off);
    /* bad[i] = 1 where x, as signed, is not in -limit..limit (limit < 2^62), else 0; how many. */
    uint32_t (*beyond)(const uint64_t *x, uint32_t count, uint64_t limit, uint64_t *bad);
    void (*add)(uint64_t *x, const uint64_t *y, uint32_t count); /* x += y */
    /* Bits of doubles to integers of the same order, and back: the one undoes the other. */
    void (*fold)(const uint64_t *in, uint32_t count, uint64_t *out);
    /* x |= left[code & 7] << cut; left has HI_RD_PATTERNS words. false: some x was not below 2^cut. */
    bool (*join)(uint64_t *x, const uint64_t *codes, uint32_t count, const uint64_t *left,
                 unsigned cut);
    void (*narrow)(const uint64_t *in, uint32_t count, uint32_t *out);
    uint64_t (*largest)(const uint64_t *x, uint32_t count); /* Unsigned maximum; 0 for none. */

    void (*range)(const uint64_t *x, uint32_t count, int64_t *min, int64_t *max);
    /* How many differences of neighbours are not `step`. */
    uint32_t (*uneven)(const uint64_t *x, uint32_t count, uint64_t step);
    void (*deltas)(const uint64_t *x, uint32_t count, uint64_t *out); /* out[i] = x[i+1] - x[i] */
    /* out = (x - base) / g for g = odd << twos with `inverse` of odd mod 2^64; false: not all are
       multiples. limit: UINT64_MAX / g. */
    bool (*divide)(const uint64_t *x, uint32_t count, uint64_t base, uint64_t inverse,
                   unsigned twos, uint64_t limit, uint64_t *out);
    /* out = (x - base) with those that do not fit in `width` bits set to 0; returns how many do not. */
    uint32_t (*fit)(const uint64_t *x, uint32_t count, uint64_t base, unsigned width,
                    uint64_t *out);

    hi_kern_moments (*real_m2)(const uint64_t *bits, uint32_t count, double near_mean);
    hi_kern_sums (*int_sums)(const uint64_t *x, uint32_t count);
    double (*int_m2)(const uint64_t *x, uint32_t count, int64_t near_mean);

    const hi_count_kernels *count;
    const hi_expand_kernels *expand;
    const struct hi_rans_kernels *rans; /* Cold streams: rans.h. */
} hi_codec_kernels;

extern const hi_codec_kernels hi_codec_kernels_base;
#if defined(__x86_64__)
extern const hi_codec_kernels hi_codec_kernels_avx2;
extern const hi_codec_kernels hi_codec_kernels_avx512;
#endif

/* The best table for this CPU. Cheap; no state. */
const hi_codec_kernels *hi_codec_kernels_pick(void);

/* Bits needed for v as an unsigned number: 0 to 64. */
static inline unsigned hi_bit_length(uint64_t v)
{
    return v == 0 ? 0 : 64 - (unsigned)__builtin_clzll(v);
}

#endif
