/*
 * stream_write.c -- integers to warm streams: regular, a list, a progression with
 * jumps, or vectors, with a common factor scaled out.
 */
#include "codec/bitio.h"
#include "codec/stream.h"

enum {
    GCD_SAMPLE = 64,
    PRICE_RUNS = 8, /* Spread, so that drift is seen; */
    PRICE_RUN = 32, /* consecutive, so that the price of deltas is seen. */
    JUMP_SAMPLE = 31,
    JUMP_ROWS_MIN = 512,
    REGULAR_SAMPLE = 128,
    JUMP_BYTES_TAKE = 64, /* Vectors are not smaller than so much. */
    JUMP_BYTES_MAX = 4 * HI_VARINT_SIZE_MAX + 4 + 10 * HI_JUMPS_MAX,
};

static uint64_t gcd_of(uint64_t a, uint64_t b)
{
    while (b != 0) {
        const uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* A factor that a sample has in common in its distances from `base`; 1: none. */
static uint64_t stream_sample_factor(const uint64_t *x, uint32_t count, uint64_t base)
{
    const uint32_t taken = count < GCD_SAMPLE ? count : GCD_SAMPLE;
    uint64_t factor = 0;

    for (uint32_t i = 0; i < taken && factor != 1; i++) {
        const uint64_t v = x[(size_t)i * count / taken];

        factor = gcd_of((int64_t)v < (int64_t)base ? base - v : v - base, factor);
    }
    return factor;
}

/* Inverse of an odd number mod 2^64: each step of Newton's doubles the correct bits. */
static uint64_t odd_inverse(uint64_t odd)
{
    uint64_t inverse = odd;

    for (int i = 0; i < 5; i++) {
        inverse *= 2 - odd * inverse;
    }
    return inverse;
}

/* Whether the sample leaves it open that there is a factor. */
static bool stream_may_scale(const uint64_t *x, uint32_t count)
{
    return stream_sample_factor(x, count, x[0]) != 1;
}

/* The first divisor comes from a sample; where that misses, what it has in common with the rest is
   tried. */
bool hi_stream_scale(const hi_codec_kernels *kern, const uint64_t *x, uint32_t count, uint64_t min,
                     uint64_t *scaled, uint64_t *factor_out)
{
    uint64_t factor = stream_sample_factor(x, count, min);

    for (int pass = 0; pass < 2; pass++) {
        if (factor <= 1) {
            return false;
        }
        const unsigned twos = (unsigned)__builtin_ctzll(factor);
        if (kern->divide(x, count, min, odd_inverse(factor >> twos), twos, UINT64_MAX / factor,
                         scaled)) {
            *factor_out = factor;
            return true;
        }
        for (uint32_t i = 0; i < count && factor != 1; i++) {
            factor = gcd_of(x[i] - min, factor);
        }
    }
    return false;
}

/* The difference between neighbours that most of a sample have. */
static uint64_t stream_common_step(const uint64_t *x, uint32_t count)
{
    uint64_t step = 0;
    uint32_t votes = 0; /* Boyer and Moore's: what more than half have wins. */

    for (uint32_t i = 0; i < JUMP_SAMPLE; i++) {
        const uint32_t at = i * (count - 1) / JUMP_SAMPLE;
        const uint64_t delta = x[at + 1] - x[at];

        if (votes == 0) {
            step = delta;
        }
        votes = delta == step ? votes + 1 : votes - 1;
    }
    return step;
}

/* Numbers as a least one and the bits of what is above it, of all together. */
typedef struct stream_few {
    uint64_t least;
    unsigned width;
} stream_few;

static stream_few stream_few_of(const hi_codec_kernels *kern, const uint64_t *v, uint32_t count)
{
    int64_t least = 0;
    int64_t most = 0;

    kern->range(v, count, &least, &most);
    return (stream_few){(uint64_t)least, hi_bit_length((uint64_t)most - (uint64_t)least)};
}

static void stream_put_few(hi_bit_writer *bits, const uint64_t *v, uint32_t count, stream_few few)
{
    for (uint32_t i = 0; i < count; i++) {
        hi_put_bits(bits, v[i] - few.least, few.width);
    }
}

/* A progression with a few jumps. 0: there are more. */
static size_t stream_put_jumps(const hi_codec_kernels *kern, const uint64_t *x, uint32_t count,
                               uint8_t *to)
{
    uint64_t gaps[HI_JUMPS_MAX];
    uint64_t jumps[HI_JUMPS_MAX];
    uint64_t values[HI_JUMPS_MAX];
    uint32_t made = 0;
    uint32_t last = 0;

    if (count < JUMP_ROWS_MIN) {
        return 0;
    }
    const uint64_t step = stream_common_step(x, count);
    if (kern->uneven(x, JUMP_ROWS_MIN, step) > HI_JUMPS_MAX ||
        kern->uneven(x, count, step) > HI_JUMPS_MAX) {
        return 0;
    }
    for (uint32_t i = 1; i < count; i++) {
        const uint64_t jump = x[i] - x[i - 1] - step;

        if (jump != 0) {
            gaps[made] = i - last;
            jumps[made] = jump;
            values[made++] = x[i];
            last = i;
        }
    }
    const stream_few gap = stream_few_of(kern, gaps, made);
    const stream_few jump = stream_few_of(kern, jumps, made);
    const stream_few value = stream_few_of(kern, values, made);
    const bool returns = value.width < jump.width; /* A counter that starts again. */
    const stream_few few = returns ? value : jump;
    uint8_t *at = to + hi_put_svarint(to, x[0]);
    at += hi_put_svarint(at, step);
    *at++ = (uint8_t)made;
    *at++ = (uint8_t)(gap.width | (returns ? HI_JUMPS_RETURN : 0U));
    at += hi_put_varint(at, gap.least);
    *at++ = (uint8_t)few.width;
    at += hi_put_svarint(at, few.least);
    hi_bit_writer bits = {.to = at};
    stream_put_few(&bits, gaps, made, gap);
    stream_put_few(&bits, returns ? values : jumps, made, few);
    return (size_t)(at - to) + hi_bits_bytes(&bits);
}

static size_t stream_put_vectors(const hi_codec_kernels *kern, hi_stream_scratch *scratch,
                                 const uint64_t *x, uint32_t count, bool try_line, uint8_t *to)
{
    const uint32_t vectors = hi_vectors_of(count);
    uint8_t *at = to + (size_t)2 * vectors;

    for (uint32_t v = 0; v < vectors; v++) {
        const size_t size = hi_vector_encode(kern, scratch, x + (size_t)v * HI_VECTOR_ROWS,
                                             hi_vector_rows(count, v), try_line, at);
        hi_put_u16(to + (size_t)2 * v, (uint16_t)size);
        at += size;
    }
    return (size_t)(at - to);
}

uint64_t hi_stream_price(const hi_codec_kernels *kern, const uint64_t *x, uint32_t count)
{
    uint64_t n[PRICE_RUNS * PRICE_RUN];
    uint64_t deltas[PRICE_RUNS * PRICE_RUN];
    uint32_t delta_count = 0;

    if (count < PRICE_RUNS * PRICE_RUN) {
        return hi_fit_choose(kern, x, count, count).bits;
    }
    for (uint32_t r = 0; r < PRICE_RUNS; r++) {
        const uint64_t *from = x + (size_t)r * ((count - PRICE_RUN) / (PRICE_RUNS - 1));

        memcpy(n + (size_t)r * PRICE_RUN, from, PRICE_RUN * sizeof(*n));
        kern->deltas(from, PRICE_RUN, deltas + delta_count);
        delta_count += PRICE_RUN - 1;
    }
    const uint64_t plain =
        hi_fit_choose(kern, n, PRICE_RUNS * PRICE_RUN, PRICE_RUNS * PRICE_RUN).bits;
    const uint64_t delta = hi_fit_choose(kern, deltas, delta_count, delta_count).bits;
    return (plain < delta ? plain : delta) * count / (PRICE_RUNS * PRICE_RUN);
}

/* Start and step without the zeros that both end in. */
static size_t stream_put_regular(int64_t start, int64_t step, uint8_t *to)
{
    uint8_t zeros = 0;

    while ((start != 0 || step != 0) && start % 10 == 0 && step % 10 == 0) {
        start /= 10;
        step /= 10;
        zeros++;
    }
    to[0] = zeros;
    const size_t size = 1 + hi_put_svarint(to + 1, (uint64_t)start);
    return size + hi_put_svarint(to + size, (uint64_t)step);
}

static size_t stream_put_list(const uint64_t *x, uint32_t count, uint8_t *to)
{
    uint8_t *at = to;

    for (uint32_t i = 0; i < count; i++) {
        at += hi_put_svarint(at, x[i]);
    }
    return (size_t)(at - to);
}

static bool stream_is_regular(const hi_codec_kernels *kern, const uint64_t *x, uint32_t count)
{
    const uint64_t step = count > 1 ? x[1] - x[0] : 0;
    const uint32_t few = count < REGULAR_SAMPLE ? count : REGULAR_SAMPLE;

    return kern->uneven(x, few, step) == 0 && kern->uneven(x, count, step) == 0;
}

static bool stream_scale(const hi_codec_kernels *kern, hi_stream_scratch *scratch,
                         const uint64_t *x, uint32_t count, uint64_t *min_out, uint64_t *factor_out)
{
    int64_t min = 0;
    int64_t max = 0;

    if (!stream_may_scale(x, count)) {
        return false;
    }
    kern->range(x, count, &min, &max);
    *min_out = (uint64_t)min;
    return hi_stream_scale(kern, x, count, *min_out, scratch->scaled, factor_out);
}

size_t hi_stream_encode(const hi_codec_kernels *kern, hi_stream_scratch *scratch, const uint64_t *x,
                        uint32_t count, bool try_line, uint8_t *to)
{
    uint8_t *at = to + 1;
    uint64_t factor = 1;
    uint64_t min = 0;

    to[0] = HI_STREAM_VECTORS;
    if (stream_is_regular(kern, x, count)) {
        to[0] = HI_STREAM_REGULAR;
        return 1 + stream_put_regular((int64_t)x[0], count > 1 ? (int64_t)(x[1] - x[0]) : 0, at);
    }
    uint8_t list[HI_LIST_MAX * HI_VARINT_SIZE_MAX];
    const size_t list_size = count <= HI_LIST_MAX ? stream_put_list(x, count, list) : SIZE_MAX;
    if (stream_scale(kern, scratch, x, count, &min, &factor)) {
        to[0] |= HI_STREAM_SCALED;
        at += hi_put_varint(at, factor);
        at += hi_put_svarint(at, min);
        x = scratch->scaled;
    }
    uint8_t jumps[JUMP_BYTES_MAX];
    const size_t jumps_size = stream_put_jumps(kern, x, count, jumps);
    size_t size = 0;
    if (jumps_size == 0 || jumps_size > JUMP_BYTES_TAKE) {
        size = stream_put_vectors(kern, scratch, x, count, try_line, at);
    }
    if (jumps_size > 0 && (size == 0 || jumps_size < size)) {
        to[0] |= HI_STREAM_JUMPS;
        memcpy(at, jumps, jumps_size);
        size = jumps_size;
    }
    if (list_size < (size_t)(at - to) + size) {
        to[0] = HI_STREAM_LIST;
        memcpy(to + 1, list, list_size);
        return 1 + list_size;
    }
    return (size_t)(at - to) + size;
}
