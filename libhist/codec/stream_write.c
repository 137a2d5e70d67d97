/*
 * stream_write.c -- integers to streams: scale out a common factor, then for
 * each vector the cheapest of FOR, DELTA and LINE, each with the width and base
 * that make packed bits plus patched exceptions least.
 */
#include "codec/stream.h"

enum {
    FIT_SAMPLE = 32,
    FIT_BELOW = 3,  /* Widths are tried from so much below what the sample needs. */
    FIT_HEAVY = 10, /* Bits a value that a quarter of exceptions costs. */
    FIT_PATCH = 40, /* Bits of a patch, about. */
    GCD_SAMPLE = 64,
    LINE_SHIFT_MAX = 16,
    LINE_BITS = 64, /* Slope and shift. */
};

static unsigned signed_bytes(uint64_t v)
{
    const unsigned bits = hi_bit_length(v ^ (uint64_t)((int64_t)v >> 63)) + 1;

    return (bits + 7) / 8;
}

/* ---- width and base --------------------------------------------------------------------- */

/* Every 1/32 of the residuals, sorted. */
static uint32_t fit_sample(const uint64_t *residuals, uint32_t count, int64_t *sample)
{
    const uint32_t taken = count < FIT_SAMPLE ? count : FIT_SAMPLE;

    for (uint32_t i = 0; i < taken; i++) {
        const int64_t v = (int64_t)residuals[(size_t)i * count / taken];
        uint32_t at = i;

        for (; at > 0 && sample[at - 1] > v; at--) {
            sample[at] = sample[at - 1];
        }
        sample[at] = v;
    }
    return taken;
}

/* A base to count from, and what an exception costs there. */
typedef struct fit_centre {
    uint64_t base;
    bool centred; /* Packed values lie around it: the base of width w is 2^(w-1) below. */
    unsigned exception_bits;
} fit_centre;

/* Takes the cheapest of the HI_WIDTHS widths from `first` on. Returns the bits that exceptions cost
   at the widest of them. */
static uint64_t fit_widths(const hi_codec_kernels *kern, const uint64_t *residuals, uint32_t count,
                           const fit_centre *centre, unsigned first, hi_fit_plan *best,
                           uint32_t rows)
{
    uint32_t over[HI_WIDTHS];
    uint64_t patches = 0;

    if (centre->centred) {
        kern->over_signed(residuals, count, centre->base, first, over);
    } else {
        kern->over(residuals, count, centre->base, first, over);
    }
    for (unsigned w = first; w < first + HI_WIDTHS && w < 64; w++) {
        const uint64_t exceptions = over[w - first];

        patches = exceptions == 0 ? 0 : 24 + exceptions * centre->exception_bits;
        if (hi_packed_size(rows, w) * 8 + patches < best->bits) {
            best->bits = hi_packed_size(rows, w) * 8 + patches;
            best->width = w;
            best->base =
                centre->base - (centre->centred && w > 0 ? UINT64_C(1) << (w - 1) : UINT64_C(0));
        }
    }
    return patches;
}

/* The cheapest width, looked for around `guess` and further while it can still fall. */
static void fit_best_width(const hi_codec_kernels *kern, const uint64_t *residuals, uint32_t count,
                           const fit_centre *centre, unsigned guess, hi_fit_plan *best,
                           uint32_t rows)
{
    const unsigned most = best->width;
    unsigned first = guess > FIT_BELOW ? guess - FIT_BELOW : 0;
    const unsigned lowest = first;

    while (fit_widths(kern, residuals, count, centre, first, best, rows) > rows) {
        first += HI_WIDTHS;
        if (first >= most) {
            break;
        }
    }
    if (best->width == lowest && lowest > 0) {
        (void)fit_widths(kern, residuals, count, centre,
                         lowest > HI_WIDTHS ? lowest - HI_WIDTHS : 0, best, rows);
    }
}

/* What the sample says when `cut` values at either end are left out. */
static void fit_spread(const int64_t *sample, uint32_t taken, uint32_t cut, hi_fit_guess *guess)
{
    const uint64_t low = (uint64_t)sample[cut];
    const uint64_t high = (uint64_t)sample[taken - 1 - cut];
    const uint64_t median = (uint64_t)sample[taken / 2];
    const uint64_t half = high - median > median - low ? high - median : median - low;

    guess->median = median;
    guess->low = (uint64_t)sample[cut / 2];
    guess->from_min = hi_bit_length(high - guess->min);
    guess->around = half == 0 ? 0 : hi_bit_length(half) + 1;
    guess->inner = hi_bit_length(high - low);
}

hi_fit_guess hi_fit_look(const hi_codec_kernels *kern, const uint64_t *residuals, uint32_t count,
                         uint32_t rows)
{
    int64_t min = 0;
    int64_t max = 0;
    kern->range(residuals, count, &min, &max);
    const unsigned width = hi_bit_length((uint64_t)max - (uint64_t)min);
    const size_t bits = hi_packed_size(rows, width) * 8;
    hi_fit_guess guess = {.plan = {.base = (uint64_t)min, .width = width, .bits = bits},
                          .min = (uint64_t)min,
                          .max = (uint64_t)max,
                          .rows = rows,
                          .least = bits};

    if (width == 0) {
        return guess;
    }
    int64_t sample[FIT_SAMPLE] = {0};
    const uint32_t taken = fit_sample(residuals, count, sample);
    fit_spread(sample, taken, taken / 16, &guess);
    const unsigned inner = guess.inner;
    guess.least = inner == 0 ? 0 : hi_packed_size(rows, inner - 1) * 8;
    guess.even = taken == FIT_SAMPLE && inner >= width;
    uint32_t same = 0;
    for (uint32_t i = 0; i < taken; i++) {
        same += (uint64_t)sample[i] == guess.median;
    }
    if (inner > FIT_HEAVY && same >= taken / 4) {
        guess.one_value = true; /* Width 0 and patches may be best. */
        guess.even = false;
        guess.least = rows * (uint64_t)(taken - same) / taken * FIT_PATCH;
        return guess;
    }
    if (inner > FIT_HEAVY) {
        hi_fit_guess heavy = guess;

        fit_spread(sample, taken, taken / 8, &heavy);
        if (heavy.inner + FIT_HEAVY < inner) {
            guess = heavy; /* Many outliers, far out. */
            guess.even = false;
            guess.least = hi_packed_size(rows, heavy.inner) * 8 + (uint64_t)rows * FIT_HEAVY / 2;
        }
    }
    return guess;
}

/* Moves the base of a centred fit down to the smallest residual that is no outlier: the middle of
   a sample is not the middle of the range. */
static hi_fit_plan fit_settle(const hi_codec_kernels *kern, const uint64_t *residuals,
                              uint32_t count, const hi_fit_guess *guess, unsigned bytes,
                              hi_fit_plan fit)
{
    uint64_t min = 0;
    uint64_t max = 0;

    if (fit.width == 0 || fit.width > 60) {
        return fit;
    }
    const uint64_t half = UINT64_C(1) << fit.width;
    const uint32_t inside =
        kern->within(residuals, count, guess->median - half, 2 * half - 1, &min, &max);
    const unsigned width = hi_bit_length(max - min);
    const uint64_t over = count - inside;
    const uint64_t bits =
        hi_packed_size(guess->rows, width) * 8 + (over == 0 ? 0 : 24 + over * (16 + 8 * bytes));
    if (inside > 0 && bits < fit.bits) {
        return (hi_fit_plan){.base = guess->median - half + min, .width = width, .bits = bits};
    }
    return fit;
}

hi_fit_plan hi_fit_refine(const hi_codec_kernels *kern, const uint64_t *residuals, uint32_t count,
                          const hi_fit_guess *guess)
{
    hi_fit_plan best = guess->plan;

    if (best.width == 0 || guess->even) {
        return best; /* Spread evenly: no exceptions are worth their price. */
    }
    if (guess->from_min <= guess->around && !guess->one_value) {
        const unsigned bytes = signed_bytes(guess->max - guess->min);
        const fit_centre centre = {guess->min, false, 16 + 8 * bytes};
        fit_best_width(kern, residuals, count, &centre, guess->from_min, &best, guess->rows);
        if (best.bits <= guess->least + guess->least / 2) {
            return best;
        }
    }
    const unsigned left = signed_bytes(guess->min - guess->median);
    const unsigned right = signed_bytes(guess->max - guess->median);
    const unsigned bytes = left > right ? left : right;
    const fit_centre centre = {guess->median, true, 16 + 8 * bytes};
    fit_best_width(kern, residuals, count, &centre, guess->around, &best, guess->rows);
    if (guess->inner < guess->around && guess->inner < guess->from_min) {
        const fit_centre skewed = {guess->low, false, centre.exception_bits};
        fit_best_width(kern, residuals, count, &skewed, guess->inner, &best, guess->rows);
    }
    if (guess->one_value && guess->around > FIT_BELOW) {
        (void)fit_widths(kern, residuals, count, &centre, 0, &best, guess->rows);
    }
    return fit_settle(kern, residuals, count, guess, bytes, best);
}

hi_fit_plan hi_fit_choose(const hi_codec_kernels *kern, const uint64_t *residuals, uint32_t count,
                          uint32_t rows)
{
    const hi_fit_guess guess = hi_fit_look(kern, residuals, count, rows);

    return hi_fit_refine(kern, residuals, count, &guess);
}

/* ---- one vector ------------------------------------------------------------------------- */

typedef struct vector_plan {
    hi_scheme scheme;
    hi_fit_plan fit;
    const uint64_t *residuals;
    uint64_t slope;
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
    vector_plan delta = {.scheme = HI_SCHEME_DELTA, .residuals = deltas};
    const hi_fit_guess of_plain = hi_fit_look(kern, x, rows, rows);

    plain.fit = of_plain.plan;
    if (rows < 3 || plain.fit.bits == 0) {
        return plain;
    }
    kern->deltas(x, rows, deltas + 1);
    const hi_fit_guess of_delta = hi_fit_look(kern, deltas + 1, rows - 1, rows);
    const uint64_t first_bits = 8 * (1 + hi_bit_length(x[0] ^ of_plain.min) / 7);
    const bool delta_first = of_delta.least + first_bits < of_plain.least;

    delta.fit = of_delta.plan;
    if (delta_first || of_delta.least + first_bits < plain.fit.bits) {
        delta.fit = hi_fit_refine(kern, deltas + 1, rows - 1, &of_delta);
    }
    delta.fit.bits += first_bits;
    if (!delta_first || of_plain.least < delta.fit.bits) {
        plain.fit = hi_fit_refine(kern, x, rows, &of_plain);
    }
    deltas[0] = delta.fit.base; /* The first slot carries no delta. */
    return delta.fit.bits < plain.fit.bits ? delta : plain;
}

static vector_plan vector_choose(const hi_codec_kernels *kern, hi_stream_scratch *scratch,
                                 const uint64_t *x, uint32_t rows, bool try_line)
{
    const vector_plan plan = vector_choose_two(kern, scratch, x, rows);

    if (!try_line || rows < 3 || plan.fit.bits < 2 * (uint64_t)rows) {
        return plan;
    }
    vector_plan line = {.scheme = HI_SCHEME_LINE, .residuals = scratch->line};
    vector_line(kern, x, rows, scratch->line, &line);
    const hi_fit_guess of_line = hi_fit_look(kern, scratch->line, rows, rows);
    if (of_line.least + LINE_BITS >= plan.fit.bits) {
        return plan;
    }
    line.fit = hi_fit_refine(kern, scratch->line, rows, &of_line);
    return line.fit.bits + LINE_BITS < plan.fit.bits ? line : plan;
}

/* Exceptions: how many, bytes each, places, values. */
static size_t vector_put_patches(const hi_stream_scratch *scratch, const vector_plan *plan,
                                 uint32_t rows, uint32_t count, uint8_t *to)
{
    unsigned bytes = 1;
    uint8_t *place = to + 3;

    for (uint32_t i = 0; i < rows; i++) {
        if (scratch->bad[i]) {
            const unsigned need = signed_bytes(plan->residuals[i] - plan->fit.base);
            bytes = need > bytes ? need : bytes;
            hi_put_u16(place, (uint16_t)i);
            place += 2;
        }
    }
    hi_put_u16(to, (uint16_t)count);
    to[2] = (uint8_t)bytes;
    const uint8_t *from = to + 3;
    uint8_t *value = place;
    for (uint32_t i = 0; i < count; i++, from += 2) {
        const uint64_t v = plan->residuals[hi_get_u16(from)] - plan->fit.base;

        for (unsigned b = 0; b < bytes; b++) {
            *value++ = (uint8_t)(v >> (8 * b));
        }
    }
    return (size_t)(value - to);
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

static size_t vector_encode(const hi_codec_kernels *kern, hi_stream_scratch *scratch,
                            const uint64_t *x, uint32_t rows, bool try_line, uint8_t *to)
{
    const vector_plan plan = vector_choose(kern, scratch, x, rows, try_line);
    const uint32_t groups = hi_groups_of(rows);
    uint8_t *at = to;

    memset(scratch->packed + rows, 0, (groups * HI_LANES - rows) * sizeof(uint64_t));
    const uint32_t exceptions = kern->fit(plan.residuals, rows, plan.fit.base, plan.fit.width,
                                          scratch->packed, scratch->bad);
    *at++ = (uint8_t)(plan.scheme | (exceptions > 0 ? HI_SCHEME_PATCHED : 0));
    *at++ = (uint8_t)plan.fit.width;
    at += hi_put_svarint(at, plan.fit.base);
    if (plan.scheme == HI_SCHEME_DELTA) {
        at += hi_put_svarint(at, x[0]);
    } else if (plan.scheme == HI_SCHEME_LINE) {
        at += hi_put_svarint(at, plan.slope);
        *at++ = (uint8_t)plan.shift;
    }
    if (exceptions > 0) {
        at += vector_put_patches(scratch, &plan, rows, exceptions, at);
    }
    if (rows < HI_LANE_ROWS_MIN) {
        vector_pack_short(scratch->packed, rows, plan.fit.width, at);
    } else {
        kern->pack(scratch->packed, plan.fit.width, groups, at);
    }
    return (size_t)(at - to) + hi_packed_size(rows, plan.fit.width);
}

/* ---- a stream --------------------------------------------------------------------------- */

static uint64_t gcd_of(uint64_t a, uint64_t b)
{
    while (b != 0) {
        const uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* A factor that a sample of x - min has in common; 1: none. */
static uint64_t stream_sample_factor(const uint64_t *x, uint32_t count, uint64_t min)
{
    const uint32_t taken = count < GCD_SAMPLE ? count : GCD_SAMPLE;
    uint64_t factor = 0;

    for (uint32_t i = 0; i < taken && factor != 1; i++) {
        factor = gcd_of(x[(size_t)i * count / taken] - min, factor);
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

size_t hi_stream_encode(const hi_codec_kernels *kern, hi_stream_scratch *scratch, const uint64_t *x,
                        uint32_t count, bool try_line, uint8_t *to)
{
    const hi_kern_scan scan = kern->scan(x, count);
    uint8_t *at = to;
    uint64_t factor = 1;

    if (scan.regular) {
        *at++ = HI_STREAM_REGULAR;
        at += hi_put_svarint(at, x[0]);
        at += hi_put_svarint(at, count > 1 ? x[1] - x[0] : 0);
        return (size_t)(at - to);
    }
    if (hi_stream_scale(kern, x, count, (uint64_t)scan.min, scratch->scaled, &factor)) {
        *at++ = HI_STREAM_SCALED;
        at += hi_put_varint(at, factor);
        at += hi_put_svarint(at, (uint64_t)scan.min);
        x = scratch->scaled;
    } else {
        *at++ = HI_STREAM_VECTORS;
    }
    const uint32_t vectors = hi_vectors_of(count);
    uint8_t *sizes = at;
    at += (size_t)2 * vectors;
    for (uint32_t v = 0; v < vectors; v++) {
        const size_t size = vector_encode(kern, scratch, x + (size_t)v * HI_VECTOR_ROWS,
                                          hi_vector_rows(count, v), try_line, at);
        hi_put_u16(sizes + (size_t)2 * v, (uint16_t)size);
        at += size;
    }
    return (size_t)(at - to);
}
