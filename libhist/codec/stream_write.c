/*
 * stream_write.c -- integers to streams: scale out a common factor, then for
 * each vector the cheapest of FOR, DELTA, DOD and LINE, each with the width and base
 * that make packed bits plus patched exceptions least.
 */
#include "codec/stream.h"

enum {
    FIT_SAMPLE = 32,
    FIT_BELOW = 3,  /* Widths are tried from so much below what the sample needs. */
    FIT_HEAVY = 10, /* Bits a value that a quarter of exceptions costs. */
    FIT_PATCH = 32, /* Bits of a patch, about. */
    FIT_WINDOW = 5, /* A window of the width found is 2^5 bins, */
    FIT_BINS = 128, /* of so many around the median. */
    FIT_EVEN = 4, /* Most residuals take more than 3/4 of the range: no outliers. */
    FIT_PATCHES = 40, /* Bits of the counts and the size of patches. */
    GCD_SAMPLE = 64,
    PRICE_RUNS = 8, /* Spread, so that drift is seen; */
    PRICE_RUN = 32, /* consecutive, so that the price of deltas is seen. */
    JUMP_SAMPLE = 31,
    JUMP_ROWS_MIN = 512,
    JUMP_BYTES_TAKE = 64, /* Vectors are not smaller than so much. */
    JUMP_BYTES_MAX = 2 * HI_VARINT_SIZE_MAX + 2 + 10 * HI_JUMPS_MAX,
    LINE_SHIFT_MAX = 16,
    LINE_BITS = 64, /* Slope and shift. */
    DOD_BITS = 48,  /* First value and difference. */
};

static unsigned signed_bytes(uint64_t v)
{
    const unsigned bits = hi_bit_length(v ^ (uint64_t)((int64_t)v >> 63)) + 1;

    return (bits + 7) / 8;
}

static size_t put_signed(uint8_t *to, uint64_t v, unsigned bytes)
{
    for (unsigned b = 0; b < bytes; b++) {
        to[b] = (uint8_t)(v >> (8 * b));
    }
    return bytes;
}

/* Place and value of a patch. */
static unsigned exception_bits(unsigned bytes)
{
    return 8 + 8 * bytes;
}

/* ---- width and base --------------------------------------------------------------------- */

/* Every 1/32 of the residuals, sorted. */
static uint32_t fit_sample(const hi_codec_kernels *kern, const uint64_t *residuals, uint32_t count,
                           int64_t *sample)
{
    const uint32_t taken = count < FIT_SAMPLE ? count : FIT_SAMPLE;

    for (uint32_t i = 0; i < taken; i++) {
        sample[i] = (int64_t)residuals[(size_t)i * count / taken];
    }
    kern->sort(sample, taken);
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

        patches = exceptions == 0 ? 0 : FIT_PATCHES + exceptions * centre->exception_bits;
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
    const uint32_t taken = fit_sample(kern, residuals, count, sample);
    fit_spread(sample, taken, taken / 16, &guess);
    const unsigned inner = guess.inner;
    guess.least = inner == 0 ? 0 : hi_packed_size(rows, inner - 1) * 8;
    const uint64_t span = (uint64_t)sample[taken - 1 - taken / 16] - (uint64_t)sample[taken / 16];
    const uint64_t range = (uint64_t)max - (uint64_t)min;
    guess.even = taken == FIT_SAMPLE && inner >= width && span >= range - range / FIT_EVEN;
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

/* Bytes that the farthest residual needs from around the median. */
static unsigned fit_patch_bytes(const hi_fit_guess *guess)
{
    const unsigned left = signed_bytes(guess->min - guess->median);
    const unsigned right = signed_bytes(guess->max - guess->median);

    return left > right ? left : right;
}

/* Counts residuals in FIT_BINS bins of 2^shift around the median; sums[b]: those before bin b. */
static void fit_histogram(const uint64_t *residuals, uint32_t count, uint64_t first, unsigned shift,
                          uint32_t *sums)
{
    uint32_t bins[FIT_BINS + 1] = {0};
    uint32_t sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        const uint64_t bin = (residuals[i] - first) >> shift;
        bins[bin < FIT_BINS ? bin : FIT_BINS]++;
    }
    for (uint32_t b = 0; b <= FIT_BINS; b++) {
        const uint32_t here = bins[b];
        sums[b] = sum;
        sum += here;
    }
}

/* Slides windows of about the width found over the residuals: the middle of a sample is not where
   most values are. Windows end at bins, so what is outside is counted exactly. */
static hi_fit_plan fit_slide(const uint64_t *residuals, uint32_t count, const hi_fit_guess *guess,
                             hi_fit_plan fit)
{
    uint32_t sums[FIT_BINS + 1];
    const unsigned bytes = fit_patch_bytes(guess);
    const unsigned shift = fit.width > FIT_WINDOW ? fit.width - FIT_WINDOW : 0;
    const uint64_t first = guess->median - ((uint64_t)(FIT_BINS / 2) << shift);
    const unsigned lowest = fit.width > 1 ? fit.width - 1 : 0;

    if (fit.width == 0 || fit.width > 56 || guess->even) {
        return fit;
    }
    fit_histogram(residuals, count, first, shift, sums);
    for (unsigned w = lowest; w <= fit.width + 1; w++) {
        const uint32_t window = w >= shift ? UINT32_C(1) << (w - shift) : FIT_BINS;
        uint32_t inside = 0;
        uint32_t at = 0;

        for (uint32_t b = 0; b + window <= FIT_BINS; b++) {
            const uint32_t here = sums[b + window] - sums[b];
            at = here > inside ? b : at;
            inside = here > inside ? here : inside;
        }
        const uint64_t over = count - inside;
        const uint64_t bits = hi_packed_size(guess->rows, w) * 8 +
                              (over == 0 ? 0 : FIT_PATCHES + over * exception_bits(bytes));
        if (bits < fit.bits) {
            fit = (hi_fit_plan){.base = first + ((uint64_t)at << shift), .width = w, .bits = bits};
        }
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
        const fit_centre centre = {guess->min, false, exception_bits(bytes)};
        fit_best_width(kern, residuals, count, &centre, guess->from_min, &best, guess->rows);
        if (best.bits <= guess->least + guess->least / 2) {
            return best;
        }
    }
    const unsigned bytes = fit_patch_bytes(guess);
    const fit_centre centre = {guess->median, true, exception_bits(bytes)};
    fit_best_width(kern, residuals, count, &centre, guess->around, &best, guess->rows);
    if (guess->inner < guess->around && guess->inner < guess->from_min) {
        const fit_centre skewed = {guess->low, false, centre.exception_bits};
        fit_best_width(kern, residuals, count, &skewed, guess->inner, &best, guess->rows);
    }
    if (guess->one_value && guess->around > FIT_BELOW) {
        (void)fit_widths(kern, residuals, count, &centre, 0, &best, guess->rows);
    }
    return best;
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
        const vector_plan dod = {
            .scheme = HI_SCHEME_DOD, .skip = 2, .residuals = scratch->deltas2};

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

/* Places of the exceptions, without a branch for each row; one entry more may be written. */
static void vector_find_patches(const uint64_t *bad, uint32_t rows, uint16_t *places)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < rows; i++) {
        places[found] = (uint16_t)i;
        found += (uint32_t)bad[i];
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
        const unsigned need = signed_bytes(plan->residuals[places[i]] - plan->fit.base);

        bytes = need > bytes ? need : bytes;
        *at++ = (uint8_t)(places[i] % HI_QUARTER_ROWS);
    }
    to[0] = (uint8_t)bytes;
    for (uint32_t i = 0; i < count; i++) {
        at += put_signed(at, plan->residuals[places[i]] - plan->fit.base, bytes);
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

static size_t vector_encode(const hi_codec_kernels *kern, hi_stream_scratch *scratch,
                            const uint64_t *x, uint32_t rows, bool try_line, uint8_t *to)
{
    vector_plan plan = vector_choose(kern, scratch, x, rows, try_line);
    const uint32_t groups = hi_groups_of(rows);
    uint8_t counts[4];

    plan.fit = fit_slide(plan.residuals + plan.skip, rows - plan.skip, &plan.guess, plan.fit);
    memset(scratch->packed + rows, 0, (groups * HI_LANES - rows) * sizeof(uint64_t));
    vector_set_spare(scratch, &plan);
    uint32_t exceptions = kern->fit(plan.residuals, rows, plan.fit.base, plan.fit.width,
                                    scratch->packed, scratch->bad);
    if (exceptions > 0) {
        vector_find_patches(scratch->bad, rows, scratch->places);
    }
    if (exceptions > 0 && !vector_count_patches(scratch->places, exceptions, counts)) {
        plan.fit = plan.guess.plan;
        exceptions = 0;
        vector_set_spare(scratch, &plan);
        (void)kern->fit(plan.residuals, rows, plan.fit.base, plan.fit.width, scratch->packed,
                        scratch->bad);
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

/* A progression with a few jumps. 0: there are more. */
static size_t stream_put_jumps(const hi_codec_kernels *kern, const uint64_t *x, uint32_t count,
                               uint8_t *to)
{
    uint16_t places[HI_JUMPS_MAX];
    uint32_t jumps = 0;
    unsigned bytes = 1;

    if (count < JUMP_ROWS_MIN) {
        return 0;
    }
    const uint64_t step = stream_common_step(x, count);
    if (kern->uneven(x, count, step) > HI_JUMPS_MAX) {
        return 0;
    }
    for (uint32_t i = 1; i < count; i++) {
        const uint64_t jump = x[i] - x[i - 1] - step;

        if (jump != 0) {
            places[jumps++] = (uint16_t)i;
            bytes = signed_bytes(jump) > bytes ? signed_bytes(jump) : bytes;
        }
    }
    uint8_t *at = to + hi_put_svarint(to, x[0]);
    at += hi_put_svarint(at, step);
    *at++ = (uint8_t)jumps;
    *at++ = (uint8_t)bytes;
    for (uint32_t i = 0; i < jumps; i++, at += 2) {
        hi_put_u16(at, places[i]);
    }
    for (uint32_t i = 0; i < jumps; i++) {
        at += put_signed(at, x[places[i]] - x[places[i] - 1] - step, bytes);
    }
    return (size_t)(at - to);
}

static size_t stream_put_vectors(const hi_codec_kernels *kern, hi_stream_scratch *scratch,
                                 const uint64_t *x, uint32_t count, bool try_line, uint8_t *to)
{
    const uint32_t vectors = hi_vectors_of(count);
    uint8_t *at = to + (size_t)2 * vectors;

    for (uint32_t v = 0; v < vectors; v++) {
        const size_t size = vector_encode(kern, scratch, x + (size_t)v * HI_VECTOR_ROWS,
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
    const uint64_t plain = hi_fit_choose(kern, n, PRICE_RUNS * PRICE_RUN, PRICE_RUNS * PRICE_RUN).bits;
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

size_t hi_stream_encode(const hi_codec_kernels *kern, hi_stream_scratch *scratch, const uint64_t *x,
                        uint32_t count, bool try_line, uint8_t *to)
{
    const hi_kern_scan scan = kern->scan(x, count);
    uint8_t *at = to + 1;
    uint64_t factor = 1;

    to[0] = HI_STREAM_VECTORS;
    if (scan.regular) {
        to[0] = HI_STREAM_REGULAR;
        return 1 + stream_put_regular((int64_t)x[0], count > 1 ? (int64_t)(x[1] - x[0]) : 0, at);
    }
    uint8_t list[HI_LIST_MAX * HI_VARINT_SIZE_MAX];
    const size_t list_size = count <= HI_LIST_MAX ? stream_put_list(x, count, list) : SIZE_MAX;
    if (hi_stream_scale(kern, x, count, (uint64_t)scan.min, scratch->scaled, &factor)) {
        to[0] |= HI_STREAM_SCALED;
        at += hi_put_varint(at, factor);
        at += hi_put_svarint(at, (uint64_t)scan.min);
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
