/*
 * stream_fit.c -- residuals as base and packed bits: the width and base that make
 * packed bits plus patched exceptions least. A range and a sample say where to look;
 * exceptions are then counted exactly.
 */
#include "codec/stream.h"

enum {
    FIT_SAMPLE = 32,
    FIT_BELOW = 3,  /* Widths are tried from so much below what the sample needs. */
    FIT_HEAVY = 10, /* Bits a value that a quarter of exceptions costs. */
    FIT_PATCH = 32, /* Bits of a patch, about. */
    FIT_WINDOW = 5, /* A window of the width found is 2^5 bins, */
    FIT_BINS = 128, /* of so many around the median. */
    FIT_TURNS = 4,
    FIT_EVEN = 4,     /* Most residuals take more than 3/4 of the range: no outliers. */
    FIT_PATCHES = 40, /* Bits of the counts and the size of patches. */
};

/* Place and value of a patch. */
static unsigned exception_bits(unsigned bytes)
{
    return 8 + 8 * bytes;
}

/* Every 1/32 of the residuals, sorted. */
static uint32_t fit_sample(const hi_codec_kernels *kern, const uint64_t *residuals, uint32_t count,
                           int64_t *sample)
{
    const uint32_t taken = count < FIT_SAMPLE ? count : FIT_SAMPLE;

    for (uint32_t i = 0; i < taken; i++) { /* All, or by a division that costs nothing. */
        sample[i] = (int64_t)residuals[taken < FIT_SAMPLE ? i : i * count / FIT_SAMPLE];
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
    const unsigned left = hi_signed_bytes(guess->min - guess->median);
    const unsigned right = hi_signed_bytes(guess->max - guess->median);

    return left > right ? left : right;
}

/* Counts residuals, at most a vector, in FIT_BINS bins of 2^shift around the median; sums[b]: those before bin b. */
static void fit_histogram(const hi_codec_kernels *kern, const uint64_t *residuals, uint32_t count,
                          uint64_t first, unsigned shift, uint32_t *sums)
{
    uint16_t bins[FIT_TURNS][FIT_BINS + 1] = {{0}};
    uint8_t at[HI_VECTOR_ROWS + FIT_TURNS];
    uint32_t sum = 0;

    kern->bins(residuals, count, first, shift, FIT_BINS, at);
    memset(at + count, FIT_BINS, FIT_TURNS);          /* Behind the last bin nobody looks. */
    for (uint32_t i = 0; i < count; i += FIT_TURNS) { /* In turns: neighbours are often in one. */
        bins[0][at[i]]++;
        bins[1][at[i + 1]]++;
        bins[2][at[i + 2]]++;
        bins[3][at[i + 3]]++;
    }
    for (uint32_t b = 0; b <= FIT_BINS; b++) {
        const uint32_t here = (uint32_t)bins[0][b] + bins[1][b] + bins[2][b] + bins[3][b];
        sums[b] = sum;
        sum += here;
    }
}

/* Slides windows of about the width found over the residuals: the middle of a sample is not where
   most values are. Windows end at bins, so what is outside is counted exactly. */
hi_fit_plan hi_fit_slide(const hi_codec_kernels *kern, const uint64_t *residuals, uint32_t count,
                         const hi_fit_guess *guess, hi_fit_plan fit)
{
    uint32_t sums[FIT_BINS + 1];
    const unsigned bytes = fit_patch_bytes(guess);
    const unsigned shift = fit.width > FIT_WINDOW ? fit.width - FIT_WINDOW : 0;
    const uint64_t first = guess->median - ((uint64_t)(FIT_BINS / 2) << shift);
    const unsigned lowest = fit.width > 1 ? fit.width - 1 : 0;

    if (fit.width == 0 || fit.width > 56 || guess->even) {
        return fit;
    }
    fit_histogram(kern, residuals, count, first, shift, sums);
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
        const unsigned bytes = hi_signed_bytes(guess->max - guess->min);
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
