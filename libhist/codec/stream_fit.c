/*
 * stream_fit.c -- residuals as base and packed bits: the width and base that make
 * packed bits plus patched exceptions least. A range and a sample say where to look;
 * exceptions are then counted, by a part of the residuals where these are wide: whoever writes a vector has to look
 * whether they pay.
 */
#include "codec/stream.h"

enum {
    FIT_SAMPLE = 32,
    FIT_BELOW = 3,         /* Widths are tried from so much below what the sample needs. */
    FIT_HEAVY = 10,        /* Bits a value that a quarter of exceptions costs. */
    FIT_PATCH = 32,        /* Bits of a patch, about. */
    FIT_WINDOW = 5,        /* A window of the width found is 2^5 bins, */
    FIT_BINS = HI_DENSEST, /* of so many around the median. */
    FIT_SUMS = FIT_BINS + (1 << (FIT_WINDOW + 1)),
    FIT_TURNS = 4,
    FIT_SOME = 256,    /* Residuals in windows, */
    FIT_RUNS = 8,      /* runs of them. */
    FIT_COUNTED = 512, /* Residuals that widths are tried on. */
    FIT_EVEN = 4,      /* Most residuals take more than 3/4 of the range: no outliers. */
    FIT_PATCHES = 40,  /* Bits of the counts and the size of patches. */
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
    kern->count->sort(sample, taken);
    return taken;
}

/* A base to count from, and what an exception costs there. */
typedef struct fit_centre {
    uint64_t base;
    bool centred; /* Packed values lie around it: the base of width w is 2^(w-1) below. */
    unsigned exception_bits;
} fit_centre;

/* Residuals to be counted: all of a vector in two bytes where they are near each other, else in runs. */
typedef struct fit_counted {
    const hi_codec_kernels *kern;
    const uint64_t *residuals;
    uint32_t count;
    unsigned each; /* Residuals for each one that is counted. */
    bool near;
    uint64_t min;
    uint16_t narrow[HI_VECTOR_ROWS];
    uint64_t some[FIT_COUNTED];
} fit_counted;

static void fit_count_from(const hi_codec_kernels *kern, const uint64_t *residuals, uint32_t count,
                           const hi_fit_guess *guess, fit_counted *c)
{
    const uint32_t run = FIT_COUNTED / FIT_RUNS;

    c->kern = kern;
    c->residuals = residuals;
    c->count = count;
    c->each = 1;
    c->min = guess->min;
    c->near = guess->max - guess->min <= INT16_MAX;
    if (c->near) {
        kern->count->near(residuals, count, guess->min, c->narrow);
    } else if (count >= 2 * FIT_COUNTED - 2) {
        for (uint32_t r = 0; r < FIT_RUNS; r++) {
            memcpy(c->some + (size_t)r * run,
                   residuals + (size_t)r * ((count - run) / (FIT_RUNS - 1)),
                   run * sizeof(*c->some));
        }
        c->residuals = c->some;
        c->count = FIT_COUNTED;
        c->each = 2;
    }
}

static void fit_count(const fit_counted *c, const fit_centre *centre, unsigned first,
                      uint32_t *over)
{
    if (c->near) {
        c->kern->count->over_near(c->narrow, c->count, (uint16_t)(centre->base - c->min),
                                  centre->centred, first, over);
    } else if (centre->centred) {
        c->kern->count->over_signed(c->residuals, c->count, centre->base, first, over);
    } else {
        c->kern->count->over(c->residuals, c->count, centre->base, first, over);
    }
}

/* Takes the cheapest of the HI_WIDTHS widths from `first` on. Returns the bits that exceptions cost
   at the widest of them. */
static uint64_t fit_widths(const fit_counted *c, const fit_centre *centre, unsigned first,
                           hi_fit_plan *best, uint32_t rows)
{
    uint32_t over[HI_WIDTHS];
    uint64_t patches = 0;

    fit_count(c, centre, first, over);
    for (unsigned w = first; w < first + HI_WIDTHS && w < 64; w++) {
        const uint64_t exceptions = (uint64_t)over[w - first] * c->each;

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
static void fit_best_width(const fit_counted *c, const fit_centre *centre, unsigned guess,
                           hi_fit_plan *best, uint32_t rows)
{
    const unsigned most = best->width;
    unsigned first = guess > FIT_BELOW ? guess - FIT_BELOW : 0;
    const unsigned lowest = first;

    while (fit_widths(c, centre, first, best, rows) > rows) {
        first += HI_WIDTHS;
        if (first >= most) {
            break;
        }
    }
    if (best->width == lowest && lowest > 0) {
        (void)fit_widths(c, centre, lowest > HI_WIDTHS ? lowest - HI_WIDTHS : 0, best, rows);
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
    return hi_range_bytes(guess->min, guess->max, guess->median);
}

/* Counts some residuals, runs of them where there are many, in FIT_BINS bins of 2^shift around the median; sums[b]: those
   before bin b; beyond the last bin there is nothing. Returns how many there are. */
static uint32_t fit_histogram(const hi_codec_kernels *kern, const uint64_t *residuals,
                              uint32_t count, uint64_t first, unsigned shift, int16_t *sums)
{
    uint16_t bins[FIT_TURNS][FIT_BINS + 1] = {{0}};
    uint8_t at[FIT_SOME + FIT_TURNS];
    int16_t sum = 0;
    uint32_t taken = count;

    if (count <= FIT_SOME) {
        kern->count->bins(residuals, count, first, shift, FIT_BINS, at);
    } else {
        for (taken = 0; taken < FIT_SOME; taken += FIT_SOME / FIT_RUNS) {
            kern->count->bins(residuals + (count - FIT_SOME / FIT_RUNS) / (FIT_RUNS - 1) *
                                              (taken / (FIT_SOME / FIT_RUNS)),
                              FIT_SOME / FIT_RUNS, first, shift, FIT_BINS, at + taken);
        }
    }
    memset(at + taken, FIT_BINS, FIT_TURNS);          /* Behind the last bin nobody looks. */
    for (uint32_t i = 0; i < taken; i += FIT_TURNS) { /* In turns: neighbours are often in one. */
        bins[0][at[i]]++;
        bins[1][at[i + 1]]++;
        bins[2][at[i + 2]]++;
        bins[3][at[i + 3]]++;
    }
    for (uint32_t b = 0; b <= FIT_BINS; b++) {
        sums[b] = sum;
        sum = (int16_t)(sum + bins[0][b] + bins[1][b] + bins[2][b] + bins[3][b]);
    }
    for (uint32_t b = FIT_BINS + 1; b < FIT_SUMS; b++) {
        sums[b] = sums[FIT_BINS];
    }
    return taken;
}

/* The first window with so many inside. */
static uint32_t fit_window_at(const int16_t *sums, uint32_t window, int16_t inside)
{
    uint32_t at = 0;

    while (sums[at + window] - sums[at] != inside) {
        at++;
    }
    return at;
}

/* What a window costs with so many residuals outside. */
static uint64_t fit_window_bits(const hi_fit_guess *guess, unsigned width, uint64_t outside)
{
    return hi_packed_size(guess->rows, width) * 8 +
           (outside == 0 ? 0 : FIT_PATCHES + outside * exception_bits(fit_patch_bytes(guess)));
}

/* Slides windows of about the width found over some of the residuals: the middle of a sample is not where most values are.
   For the best one, what is outside is counted exactly. */
hi_fit_plan hi_fit_slide(const hi_codec_kernels *kern, const uint64_t *residuals, uint32_t count,
                         const hi_fit_guess *guess, hi_fit_plan fit)
{
    int16_t sums[FIT_SUMS];
    const unsigned shift = fit.width > FIT_WINDOW ? fit.width - FIT_WINDOW : 0;
    const uint64_t first = guess->median - ((uint64_t)(FIT_BINS / 2) << shift);
    const unsigned lowest = fit.width > 1 ? fit.width - 1 : 0;

    if (fit.width == 0 || fit.width > 56 || guess->even) {
        return fit;
    }
    const uint32_t taken = fit_histogram(kern, residuals, count, first, shift, sums);
    hi_fit_plan best = fit;
    for (unsigned w = lowest; w <= fit.width + 1; w++) {
        const uint32_t window = UINT32_C(1) << (w - shift); /* w is never below shift. */
        const int16_t inside = kern->count->densest(sums, window);
        const uint64_t outside = (taken - (uint64_t)inside) * count / taken;
        const uint64_t bits = fit_window_bits(guess, w, outside);

        if (bits < best.bits) {
            const uint64_t at = fit_window_at(sums, window, inside);

            best = (hi_fit_plan){.base = first + (at << shift), .width = w, .bits = bits};
        }
    }
    if (best.bits < fit.bits && taken < count) {
        best.bits = fit_window_bits(guess, best.width,
                                    kern->count->outside(residuals, count, best.base, best.width));
    }
    return best.bits < fit.bits ? best : fit;
}

hi_fit_plan hi_fit_refine(const hi_codec_kernels *kern, const uint64_t *residuals, uint32_t count,
                          const hi_fit_guess *guess)
{
    hi_fit_plan best = guess->plan;
    fit_counted counted;

    if (best.width == 0 || guess->even) {
        return best; /* Spread evenly: no exceptions are worth their price. */
    }
    fit_count_from(kern, residuals, count, guess, &counted);
    if (guess->from_min <= guess->around && !guess->one_value) {
        const unsigned bytes = hi_range_bytes(guess->min, guess->max, guess->min);
        const fit_centre centre = {guess->min, false, exception_bits(bytes)};
        fit_best_width(&counted, &centre, guess->from_min, &best, guess->rows);
        if (best.bits <= guess->least + guess->least / 2) {
            return best;
        }
    }
    const unsigned bytes = fit_patch_bytes(guess);
    const fit_centre centre = {guess->median, true, exception_bits(bytes)};
    fit_best_width(&counted, &centre, guess->around, &best, guess->rows);
    if (guess->inner < guess->around && guess->inner < guess->from_min) {
        const fit_centre skewed = {guess->low, false, centre.exception_bits};
        fit_best_width(&counted, &skewed, guess->inner, &best, guess->rows);
    }
    if (guess->one_value && guess->around > FIT_BELOW) {
        (void)fit_widths(&counted, &centre, 0, &best, guess->rows);
    }
    return best;
}

hi_fit_plan hi_fit_choose(const hi_codec_kernels *kern, const uint64_t *residuals, uint32_t count,
                          uint32_t rows)
{
    const hi_fit_guess guess = hi_fit_look(kern, residuals, count, rows);

    return hi_fit_refine(kern, residuals, count, &guess);
}
