/*
 * real_choose.c -- which model fits doubles: candidates are made from a sample and
 * priced on it with the prices of the stream encoder. Nothing here is trusted: the
 * writer verifies every value, and a wrong guess costs space only.
 */
#include <math.h>

#include "codec/real.h"

enum {
    SAMPLE_RUNS = 8, /* Spread, so that drift is seen; */
    SAMPLE_RUN = 32, /* consecutive, so that the price of deltas is seen. */
    SAMPLE_MAX = SAMPLE_RUNS * SAMPLE_RUN,
    EXCEPTION_BITS = 80,
    NO_DIGITS = -1,
    DECIMALS_FEW =
        32, /* Of the sample; where not even an eighth are decimals, the rest is not tried. */
    STEP_BITS = 20,  /* A common step is looked for where a value still takes more, */
    FLOAT_BITS = 8,  /* decimals rounded to float, */
    ORDER_BITS = 30, /* bits as they are, whole or in two. */
    STEP_PARTS = 12, /* The smallest gap may be up to so many steps. */
    STEP_NOISE = 46, /* Gaps of less than 2^-46 of the largest value are noise. */
};

typedef struct real_sample {
    uint64_t bits[SAMPLE_MAX];
    uint32_t count;
    uint32_t run;    /* Values that follow each other. */
    uint32_t floats; /* Values that are floats. */
    bool sorted;
    int64_t order[SAMPLE_MAX]; /* The bits sorted as signed, once somebody asked. */
} real_sample;

/* ---- the sample ------------------------------------------------------------------------- */

static void real_take_sample(const uint64_t *bits, uint32_t count, real_sample *sample)
{
    const bool whole = count < SAMPLE_MAX;
    const uint32_t runs = whole ? 1 : SAMPLE_RUNS;
    const uint32_t step = (count - SAMPLE_RUN) / (SAMPLE_RUNS - 1); /* Of no use where it is all. */

    sample->run = whole ? count : SAMPLE_RUN;
    sample->count = runs * sample->run;
    sample->floats = 0;
    sample->sorted = false;
    for (uint32_t r = 0; r < runs; r++) {
        memcpy(sample->bits + (size_t)r * sample->run, bits + (size_t)r * step,
               sample->run * sizeof(*bits));
    }
    for (uint32_t i = 0; i < sample->count; i++) {
        const uint64_t v = sample->bits[i];

        sample->floats += hi_bits_of((double)(float)hi_double_of(v)) == v;
    }
}

/* Below zero first, then above; magnitudes ascend in both. */
static const int64_t *real_order(const hi_codec_kernels *kern, real_sample *sample)
{
    if (!sample->sorted) {
        memcpy(sample->order, sample->bits, sample->count * sizeof(*sample->order));
        kern->count->sort(sample->order, sample->count);
        sample->sorted = true;
    }
    return sample->order;
}

bool hi_real_is_decimal(double v, bool to_float, unsigned k)
{
    const double power = hi_power_of_ten(k);
    const double scaled = v * power;

    if (!(scaled > -2251799813685248.0 && scaled < 2251799813685248.0)) {
        return false;
    }
    const double n = (scaled + 6755399441055744.0) - 6755399441055744.0;
    const double quotient = n / power;
    return hi_bits_of(to_float ? (double)(float)quotient : quotient) == hi_bits_of(v);
}

int hi_real_digits(double v, bool to_float, int hint)
{
    if (hint > 0 && hi_real_is_decimal(v, to_float, (unsigned)hint) &&
        !hi_real_is_decimal(v, to_float, (unsigned)hint - 1)) {
        return hint;
    }
    for (unsigned k = 0; k <= HI_SEARCH_MAX; k++) {
        if (hi_real_is_decimal(v, to_float, k)) {
            return (int)k;
        }
    }
    return NO_DIGITS;
}

/* ---- prices ----------------------------------------------------------------------------- */

/* Bits of the sample's integers by the stream encoder's prices: plain or as differences. */
static uint64_t price_stream(const hi_codec_kernels *kern, const real_sample *sample,
                             const uint64_t *n)
{
    uint64_t deltas[SAMPLE_MAX];
    uint32_t delta_count = 0;
    const uint64_t plain = hi_fit_choose(kern, n, sample->count, sample->count).bits;

    for (uint32_t i = 1; i < sample->count; i++) {
        if (i % sample->run != 0) {
            deltas[delta_count++] = n[i] - n[i - 1];
        }
    }
    if (delta_count == 0) {
        return plain;
    }
    const uint64_t delta = hi_fit_choose(kern, deltas, delta_count, delta_count).bits;
    return delta < plain ? delta : plain;
}

/* Values without an integer repeat the one before, as the writer does it. */
static void price_fill(uint32_t count, const uint64_t *bad, uint64_t *n)
{
    uint32_t good = 0;

    while (good < count && bad[good]) {
        good++;
    }
    uint64_t last = good < count ? n[good] : 0;
    for (uint32_t i = 0; i < count; i++) {
        n[i] = bad[i] ? last : n[i];
        last = n[i];
    }
}

/* Returns how many values are no such numbers. */
static uint32_t price_num(const hi_codec_kernels *kern, const real_sample *sample,
                          hi_real_model *model)
{
    uint64_t n[SAMPLE_MAX];
    uint64_t off[SAMPLE_MAX];
    uint64_t bad[SAMPLE_MAX];

    (void)kern->to_num(sample->bits, sample->count, &model->num, n, off);
    const uint32_t exceptions = kern->beyond(off, sample->count, model->off ? HI_OFF_MAX : 0, bad);
    price_fill(sample->count, bad, n);
    model->bits = (uint64_t)exceptions * EXCEPTION_BITS + price_stream(kern, sample, n);
    if (model->off) {
        for (uint32_t i = 0; i < sample->count; i++) {
            off[i] = bad[i] ? 0 : off[i];
        }
        model->bits += price_stream(kern, sample, off);
    }
    return exceptions;
}

/* Prices NUM with and, where values miss the integers by little, without exact hits. */
static void try_num(const hi_codec_kernels *kern, const real_sample *sample, hi_num num,
                    unsigned digits, hi_real_model *best)
{
    hi_real_model model = {.encoding = HI_ENC_NUM, .num = num, .digits = digits};

    const uint32_t exceptions = price_num(kern, sample, &model);
    if (model.bits < best->bits) {
        *best = model;
    }
    if (exceptions > sample->count / 128) { /* Fewer cost less than a stream. */
        model.off = true;
        (void)price_num(kern, sample, &model);
        if (model.bits < best->bits) {
            *best = model;
        }
    }
}

/* ---- decimals --------------------------------------------------------------------------- */

/* Fewest digits of each of some values, at most SAMPLE_MAX, counted; the kernels try all values at once. Returns how
   many are decimals at all. */
static uint32_t decimals_count(const hi_codec_kernels *kern, const uint64_t *bits, uint32_t count,
                               bool to_float, uint32_t *with)
{
    uint64_t n[SAMPLE_MAX];
    uint64_t off[SAMPLE_MAX];
    uint64_t open[SAMPLE_MAX]; /* Bits of those that need more digits. */
    uint32_t left = count;

    memcpy(open, bits, left * sizeof(*open));
    for (unsigned k = 0; k <= HI_SEARCH_MAX && left > 0; k++) {
        const hi_num num = {HI_NUM_DECIMAL, to_float, hi_power_of_ten(k)};
        const uint32_t miss = kern->to_num(open, left, &num, n, off);
        uint32_t kept = 0;

        with[k] = left - miss;
        for (uint32_t i = 0; i < left && miss < left; i++) {
            open[kept] = open[i];
            kept += off[i] != 0;
        }
        left = miss;
    }
    return count - left;
}

/* Whether a few of the sample say that the others are worth being tried with every number of digits. */
static bool decimals_likely(const hi_codec_kernels *kern, const real_sample *sample, bool to_float)
{
    uint64_t few[DECIMALS_FEW];
    uint32_t with[HI_SEARCH_MAX + 1];

    if (sample->count < DECIMALS_FEW) {
        return true;
    }
    for (uint32_t i = 0; i < DECIMALS_FEW; i++) {
        few[i] = sample->bits[i * sample->count / DECIMALS_FEW];
    }
    return decimals_count(kern, few, DECIMALS_FEW, to_float, with) >= DECIMALS_FEW / 8;
}

static void try_decimals(const hi_codec_kernels *kern, const real_sample *sample, bool to_float,
                         hi_real_model *best)
{
    uint32_t with[HI_SEARCH_MAX + 1] = {0};
    uint32_t covered = 0;

    if (!decimals_likely(kern, sample, to_float)) {
        return;
    }
    (void)decimals_count(kern, sample->bits, sample->count, to_float, with);
    for (unsigned k = 0; k <= HI_SEARCH_MAX; k++) {
        covered += with[k];
        if (with[k] > 0 && covered * 5 >= sample->count * 2) {
            const hi_num num = {HI_NUM_DECIMAL, to_float, hi_power_of_ten(k)};
            try_num(kern, sample, num, k, best);
        }
    }
}

/* ---- multiples of a step ---------------------------------------------------------------- */

/* Finite magnitudes but 0, ascending: they sort as their bits do. */
static uint32_t step_magnitudes(const hi_codec_kernels *kern, real_sample *sample, double *out)
{
    const int64_t *order = real_order(kern, sample);
    const uint32_t count = sample->count;
    uint32_t below = 0;
    uint32_t made = 0;

    while (below < count && order[below] < 0) {
        below++;
    }
    for (uint32_t a = 0, b = below; a < below || b < count;) {
        const uint64_t left = a < below ? (uint64_t)order[a] & INT64_MAX : UINT64_MAX;
        const uint64_t right = b < count ? (uint64_t)order[b] : UINT64_MAX;
        const uint64_t v = left < right ? left : right;

        out[made] = hi_double_of(v);
        made += v != 0 && v < UINT64_C(0x7ff0000000000000);
        a += left < right;
        b += left >= right;
    }
    return made;
}

/* The smallest gap between magnitudes (0 is one of them) that is not noise; 0: there is none. */
static double step_gap(const double *v, uint32_t count)
{
    const double noise = ldexp(v[count - 1], -STEP_NOISE);
    double before = 0;
    double gap = 0;

    for (uint32_t i = 0; i < count; i++) {
        const double d = v[i] - before;

        if (d > noise && (gap == 0 || d < gap)) {
            gap = d;
        }
        before = v[i];
    }
    return gap;
}

/* The whole number nearest to v; v itself from 2^51 on. */
static double step_whole(double v)
{
    const double magic = 6755399441055744.0;

    return v < 2251799813685248.0 ? (v + magic) - magic : v;
}

/* Sharpens a step on ever larger magnitudes; 0: too many of them are no multiples. */
static double step_refine(const double *v, uint32_t count, double step)
{
    uint32_t misses = 0;

    for (uint32_t i = 0; i < count; i++) {
        const double n = step_whole(v[i] / step);

        if (n < 1 || fabs(v[i] - n * step) > step / 4 || n >= 2251799813685248.0) {
            if (++misses > count / 32) {
                return 0;
            }
            continue;
        }
        step = v[i] / n;
    }
    return step;
}

/* n * c, and what may have been meant by it: n / d, n / a whole number. */
static void try_step(const hi_codec_kernels *kern, const real_sample *sample, double step,
                     hi_real_model *best)
{
    const double whole = step_whole(1 / step);

    if (!(step > 1e-290 && step < 1e290)) { /* 1 / step is a normal number as well. */
        return;
    }
    if (whole >= 1 && fabs(1 / step - whole) < ldexp(whole, -STEP_NOISE)) {
        try_num(kern, sample, (hi_num){HI_NUM_DIVIDE, false, whole}, 0, best);
    }
    try_num(kern, sample, (hi_num){HI_NUM_MULTIPLY, false, step}, 0, best);
    try_num(kern, sample, (hi_num){HI_NUM_DIVIDE, false, 1 / step}, 0, best);
}

static void try_steps(const hi_codec_kernels *kern, real_sample *sample, hi_real_model *best)
{
    double v[SAMPLE_MAX];
    const uint32_t count = step_magnitudes(kern, sample, v);
    const double gap = count > 0 ? step_gap(v, count) : 0;

    for (int parts = 1; gap > 0 && parts <= STEP_PARTS; parts++) {
        const double step = step_refine(v, count, gap / parts);

        if (step > 0) {
            try_step(kern, sample, step, best);
            return;
        }
    }
}

/* ---- bit patterns ----------------------------------------------------------------------- */

static void try_bits(const hi_codec_kernels *kern, const real_sample *sample, hi_real_model *best)
{
    uint64_t keys[SAMPLE_MAX];
    uint64_t low = 0;

    kern->fold(sample->bits, sample->count, keys);
    for (uint32_t i = 0; i < sample->count; i++) {
        low |= keys[i];
    }
    /* Zeros that all have at the end (29 where they were floats) the stream scales out. */
    for (uint32_t i = 0; i < sample->count && low != 0; i++) {
        keys[i] = (uint64_t)((int64_t)keys[i] >> __builtin_ctzll(low));
    }
    const uint64_t bits = price_stream(kern, sample, keys);
    if (bits < best->bits) {
        *best = (hi_real_model){.encoding = HI_ENC_BITS, .bits = bits};
    }
}

/* Puts a left part that `times` of the sample have among the most frequent. */
static void rd_count(uint16_t left, uint32_t times, hi_real_model *model, uint32_t *most)
{
    unsigned at = model->patterns < HI_RD_PATTERNS ? model->patterns++ : HI_RD_PATTERNS;

    for (; at > 0 && most[at - 1] < times; at--) {
        if (at < HI_RD_PATTERNS) {
            most[at] = most[at - 1];
            model->left[at] = model->left[at - 1];
        }
    }
    if (at < HI_RD_PATTERNS) {
        most[at] = times;
        model->left[at] = left;
    }
}

/* Left parts of HI_RD_CUT_MIN bits less than all, ascending, and how many of the sample have each. */
typedef struct rd_parts {
    uint32_t parts;
    uint16_t left[SAMPLE_MAX];
    uint16_t times[SAMPLE_MAX];
} rd_parts;

static void rd_collect(const int64_t *order, uint32_t count, rd_parts *p)
{
    p->parts = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint16_t left = (uint16_t)((uint64_t)order[i] >> HI_RD_CUT_MIN);

        if (p->parts == 0 || p->left[p->parts - 1] != left) {
            p->left[p->parts] = left;
            p->times[p->parts++] = 0;
        }
        p->times[p->parts - 1]++;
    }
}

static hi_real_model rd_model(const rd_parts *p, uint32_t count, unsigned cut)
{
    hi_real_model model = {.encoding = HI_ENC_RD, .cut = cut};
    const unsigned shift = cut - HI_RD_CUT_MIN;
    uint32_t most[HI_RD_PATTERNS] = {0};
    uint32_t covered = 0;
    uint32_t times = 0;

    for (uint32_t i = 0; i < p->parts; i++) {
        times += p->times[i];
        if (i + 1 == p->parts || p->left[i + 1] >> shift != p->left[i] >> shift) {
            rd_count((uint16_t)(p->left[i] >> shift), times, &model, most);
            times = 0;
        }
    }
    for (unsigned i = 0; i < model.patterns; i++) {
        covered += most[i];
    }
    const unsigned code_bits = hi_bit_length(model.patterns - 1);
    model.bits = (uint64_t)count * (cut + code_bits) + (uint64_t)(count - covered) * EXCEPTION_BITS;
    return model;
}

static void try_rd(const hi_codec_kernels *kern, real_sample *sample, hi_real_model *best)
{
    rd_parts parts;

    rd_collect(real_order(kern, sample), sample->count, &parts);
    for (unsigned cut = HI_RD_CUT_MIN; cut <= HI_RD_CUT_MAX; cut++) {
        const hi_real_model model = rd_model(&parts, sample->count, cut);

        if (model.bits < best->bits) {
            *best = model;
        }
    }
}

/* ---- choice ----------------------------------------------------------------------------- */

hi_real_model hi_real_choose(const hi_codec_kernels *kern, const uint64_t *bits, uint32_t count)
{
    real_sample sample;

    real_take_sample(bits, count, &sample);
    hi_real_model best = {.encoding = HI_ENC_RAW, .bits = (uint64_t)sample.count * 64};
    try_decimals(kern, &sample, false, &best);
    if (sample.floats * 2 >= sample.count && best.bits > (uint64_t)FLOAT_BITS * sample.count) {
        try_decimals(kern, &sample, true, &best);
    }
    if (best.bits > (uint64_t)STEP_BITS * sample.count) {
        try_steps(kern, &sample, &best);
    }
    if (best.bits > (uint64_t)ORDER_BITS * sample.count) {
        try_bits(kern, &sample, &best);
        try_rd(kern, &sample, &best);
    }
    return best;
}
