/*
 * vector_write.c -- one vector of a stream: the cheapest of FOR, DELTA, DOD and LINE,
 * its head, its exceptions and its packed words.
 */
#include "codec/fold_kern.h"
#include "codec/stream.h"

enum {
    LINE_SHIFT_MAX = 16,
    LINE_BITS = 64, /* Slope and shift. */
    DOD_BITS = 48,  /* First value and difference. */
};

typedef struct vector_plan {
    hi_scheme scheme;
    hi_fit_plan fit;
    hi_fit_guess guess;
    uint32_t skip; /* Residuals that carry nothing: the first differences. */
    const uint64_t *residuals;
    uint64_t slope; /* LINE */
    unsigned shift;
} vector_plan;

/* The line through the first and the last value, and how far the values are from it. */
static void vector_line(const hi_codec_kernels *kern, const uint64_t *x, uint32_t rows,
                        uint64_t *out, vector_plan *plan)
{
    const int64_t rise = (int64_t)(x[rows - 1] - x[0]);
    const unsigned length = hi_bit_length(rise < 0 ? 0 - (uint64_t)rise : (uint64_t)rise);

    plan->shift = length > 61 - LINE_SHIFT_MAX ? (length > 61 ? 0 : 61 - length) : LINE_SHIFT_MAX;
    plan->slope = (uint64_t)(rise * (INT64_C(1) << plan->shift) / (int64_t)(rows - 1));
    memset(out, 0, rows * sizeof(*out));
    kern->line(out, rows, plan->slope, plan->shift);
    for (uint32_t i = 0; i < rows; i++) {
        out[i] = x[i] - out[i];
    }
}

/* FOR and DELTA: the one that looks better first, the other only if it can still win. */
static vector_plan vector_choose_two(const hi_codec_kernels *kern, hi_stream_scratch *scratch,
                                     const uint64_t *x, uint32_t rows)
{
    uint64_t *deltas = scratch->deltas;
    vector_plan plain = {.scheme = HI_SCHEME_FOR, .residuals = x};
    vector_plan delta = {.scheme = HI_SCHEME_DELTA, .skip = 1, .residuals = deltas};
    const hi_fit_guess of_plain = hi_fit_look(kern, x, rows, rows);

    plain.guess = of_plain;
    plain.fit = of_plain.plan;
    if (rows < 3 || plain.fit.bits == 0) {
        return plain;
    }
    kern->deltas(x, rows, deltas + 1);
    const hi_fit_guess of_delta = hi_fit_look(kern, deltas + 1, rows - 1, rows);
    const uint64_t first_bits = 8 * (1 + hi_bit_length(x[0] ^ of_plain.min) / 7);
    const bool delta_first = of_delta.least + first_bits < of_plain.least;

    delta.guess = of_delta;
    delta.fit = of_delta.plan;
    if (delta_first || of_delta.least + first_bits < plain.fit.bits) {
        delta.fit = hi_fit_refine(kern, deltas + 1, rows - 1, &of_delta);
    }
    delta.fit.bits += first_bits;
    if (!delta_first || of_plain.least < delta.fit.bits) {
        plain.fit = hi_fit_refine(kern, x, rows, &of_plain);
    }
    return delta.fit.bits < plain.fit.bits ? delta : plain;
}

/* Puts `rival`, whose residuals are known, in the place of a plan that costs more. */
static vector_plan vector_rival(const hi_codec_kernels *kern, vector_plan rival, uint32_t rows,
                                uint64_t extra_bits, vector_plan plan)
{
    const uint64_t *residuals = rival.residuals + rival.skip;

    rival.guess = hi_fit_look(kern, residuals, rows - rival.skip, rows);
    if (rival.guess.least + extra_bits >= plan.fit.bits) {
        return plan;
    }
    rival.fit = hi_fit_refine(kern, residuals, rows - rival.skip, &rival.guess);
    rival.fit.bits += extra_bits;
    return rival.fit.bits < plan.fit.bits ? rival : plan;
}

static vector_plan vector_choose(const hi_codec_kernels *kern, hi_stream_scratch *scratch,
                                 const uint64_t *x, uint32_t rows, bool try_line)
{
    vector_plan plan = vector_choose_two(kern, scratch, x, rows);

    if (rows < 4 || plan.fit.bits < 2 * (uint64_t)rows) {
        return plan;
    }
    if (plan.scheme == HI_SCHEME_DELTA) {
        const vector_plan dod = {.scheme = HI_SCHEME_DOD, .skip = 2, .residuals = scratch->deltas2};

        kern->deltas(scratch->deltas + 1, rows - 1, scratch->deltas2 + 2);
        plan = vector_rival(kern, dod, rows, DOD_BITS, plan);
    }
    if (try_line) {
        vector_plan line = {.scheme = HI_SCHEME_LINE, .residuals = scratch->line};

        vector_line(kern, x, rows, scratch->line, &line);
        plan = vector_rival(kern, line, rows, LINE_BITS, plan);
    }
    return plan;
}

/* Places of the exceptions. */
static void vector_find_patches(const hi_codec_kernels *kern, const vector_plan *plan,
                                uint32_t rows, uint16_t *places)
{
    const uint64_t most = plan->fit.width == 0 ? 0 : ~UINT64_C(0) >> (64 - plan->fit.width);
    uint64_t fits[HI_VECTOR_ROWS / 64];

    hi_fold_kernels_of(kern)->within(plan->residuals, rows, (int64_t)plan->fit.base, most, false,
                                     fits);
    for (uint32_t w = 0; w * 64 < rows; w++) {
        const uint32_t here = rows - w * 64;
        uint64_t left = here < 64 ? ~fits[w] << (64 - here) >> (64 - here) : ~fits[w];

        for (; left != 0; left &= left - 1) {
            *places++ = (uint16_t)(w * 64 + (unsigned)__builtin_ctzll(left));
        }
    }
}

/* Exceptions by quarter; false: more in one than its count can tell. */
static bool vector_count_patches(const uint16_t *places, uint32_t count, uint8_t *counts)
{
    uint32_t in_quarter[4] = {0};

    for (uint32_t i = 0; i < count; i++) {
        in_quarter[places[i] / HI_QUARTER_ROWS]++;
    }
    for (int q = 0; q < 4; q++) {
        counts[q] = (uint8_t)in_quarter[q];
        if (in_quarter[q] > HI_QUARTER_EXCEPTIONS_MAX) {
            return false;
        }
    }
    return true;
}

/* Bytes each, places, values. */
static size_t vector_put_patches(const vector_plan *plan, const uint16_t *places, uint32_t count,
                                 uint8_t *to)
{
    unsigned bytes = 1;
    uint8_t *at = to + 1;

    for (uint32_t i = 0; i < count; i++) {
        const unsigned need = hi_signed_bytes(plan->residuals[places[i]] - plan->fit.base);

        bytes = need > bytes ? need : bytes;
        *at++ = (uint8_t)(places[i] % HI_QUARTER_ROWS);
    }
    to[0] = (uint8_t)bytes;
    for (uint32_t i = 0; i < count; i++) {
        at += hi_put_signed(at, plan->residuals[places[i]] - plan->fit.base, bytes);
    }
    return (size_t)(at - to);
}

static void vector_pack_short(const uint64_t *in, uint32_t rows, unsigned width, uint8_t *to)
{
    memset(to, 0, hi_packed_size(rows, width));
    for (uint32_t i = 0; i < rows; i++) {
        size_t bit = (size_t)i * width;
        uint64_t v = in[i];

        for (unsigned left = width; left > 0;) {
            const unsigned at = bit & 7;
            const unsigned take = 8 - at < left ? 8 - at : left;
            to[bit / 8] = (uint8_t)(to[bit / 8] | ((v & ((1U << take) - 1)) << at));
            v >>= take;
            bit += take;
            left -= take;
        }
    }
}

/* The first slots of differences carry none: they get what packs to 0. */
static void vector_set_spare(hi_stream_scratch *scratch, const vector_plan *plan)
{
    scratch->deltas[0] = plan->fit.base;
    scratch->deltas2[0] = plan->fit.base;
    scratch->deltas2[1] = plan->fit.base;
}

/* What precedes the packed words, but for exceptions. */
static size_t vector_put_head(const vector_plan *plan, const uint64_t *x, bool patched, uint8_t *to)
{
    uint8_t *at = to;

    *at++ = (uint8_t)(plan->scheme | (patched ? HI_SCHEME_PATCHED : 0));
    *at++ = (uint8_t)plan->fit.width;
    at += hi_put_svarint(at, plan->fit.base);
    switch (plan->scheme) {
    case HI_SCHEME_DELTA:
        at += hi_put_svarint(at, x[0]);
        break;
    case HI_SCHEME_DOD:
        at += hi_put_svarint(at, x[0]);
        at += hi_put_svarint(at, x[1] - x[0]);
        break;
    case HI_SCHEME_LINE:
        at += hi_put_svarint(at, plan->slope);
        *at++ = (uint8_t)plan->shift;
        break;
    default:
        break;
    }
    return (size_t)(at - to);
}

/* Whether exceptions cost less than packing all: widths were chosen by a part of the residuals. */
static bool vector_patches_pay(const vector_plan *plan, uint32_t count, uint32_t rows)
{
    const hi_fit_plan *all = &plan->guess.plan;
    const size_t bytes = hi_range_bytes(plan->guess.min, plan->guess.max, plan->fit.base);

    return hi_packed_size(rows, plan->fit.width) + 4 + 1 + count * (1 + bytes) <
           hi_packed_size(rows, all->width);
}

size_t hi_vector_encode(const hi_codec_kernels *kern, hi_stream_scratch *scratch, const uint64_t *x,
                        uint32_t rows, bool try_line, uint8_t *to)
{
    vector_plan plan = vector_choose(kern, scratch, x, rows, try_line);
    const uint32_t groups = hi_groups_of(rows);
    uint8_t counts[4];

    plan.fit =
        hi_fit_slide(kern, plan.residuals + plan.skip, rows - plan.skip, &plan.guess, plan.fit);
    memset(scratch->packed + rows, 0, (groups * HI_LANES - rows) * sizeof(uint64_t));
    vector_set_spare(scratch, &plan);
    uint32_t exceptions =
        kern->fit(plan.residuals, rows, plan.fit.base, plan.fit.width, scratch->packed);
    bool fits = exceptions == 0;
    if (!fits && vector_patches_pay(&plan, exceptions, rows)) {
        vector_find_patches(kern, &plan, rows, scratch->places);
        fits = vector_count_patches(scratch->places, exceptions, counts);
    }
    if (!fits) {
        plan.fit = plan.guess.plan;
        exceptions = 0;
        vector_set_spare(scratch, &plan);
        (void)kern->fit(plan.residuals, rows, plan.fit.base, plan.fit.width, scratch->packed);
    }
    uint8_t *at = to + vector_put_head(&plan, x, exceptions > 0, to);
    if (exceptions > 0) {
        memcpy(at, counts, sizeof(counts));
        at += sizeof(counts);
        at += vector_put_patches(&plan, scratch->places, exceptions, at);
    }
    if (rows < HI_LANE_ROWS_MIN) {
        vector_pack_short(scratch->packed, rows, plan.fit.width, at);
    } else {
        kern->pack(scratch->packed, plan.fit.width, groups, at);
    }
    return (size_t)(at - to) + hi_packed_size(rows, plan.fit.width);
}
