/*
 * cold_plan.c -- what to subtract from each value: nothing, the values before,
 * or a line. Chosen by the spread of the residuals of about 1000 values; the
 * form is then fitted to all of them.
 */
#include "codec/cold.h"

enum {
    PLAN_CHUNKS = 8,
    PLAN_CHUNK_ROWS = 128,
    PLAN_ORDERS = HI_COLD_STARTS_MAX + 1,
    PLAN_SAMPLE_MAX = PLAN_CHUNKS * PLAN_CHUNK_ROWS,
    PLAN_NEVER = 1 << 30, /* Bits: more than a stream may take. */
    PLAN_SHIFT_MAX = 20,
    PLAN_LINES = 3,
    PLAN_UNIT = 4096,
    PLAN_ROUGH = 128,     /* Of the sample, to leave out what is far from the best; */
    PLAN_ROUGH_MIN = 512, /* of this at least. */
    PLAN_WORTH = 256,     /* A higher order must save 1/256 of a bit a value. */
};

/* Which values are looked at: chunks of neighbours, the first three of each to predict from. */
typedef struct plan_sample {
    uint32_t chunks;
    uint32_t rows; /* Of a chunk, without those three. */
    uint32_t first[PLAN_CHUNKS];
} plan_sample;

static plan_sample plan_sample_of(uint32_t count)
{
    plan_sample sample = {.chunks = 1, .rows = count - HI_COLD_STARTS_MAX};

    if (count > PLAN_SAMPLE_MAX + HI_COLD_STARTS_MAX) {
        sample.chunks = PLAN_CHUNKS;
        sample.rows = PLAN_CHUNK_ROWS;
    }
    const uint32_t left = count - sample.rows - HI_COLD_STARTS_MAX;
    for (uint32_t c = 1; c < sample.chunks; c++) {
        sample.first[c] = (uint32_t)((uint64_t)left * c / (sample.chunks - 1));
    }
    return sample;
}

/* Makes signed values offsets from the smallest. Returns it. */
static uint64_t plan_offsets(const hi_codec_kernels *kern, uint64_t *x, uint32_t count,
                             uint64_t *span_out)
{
    int64_t min = 0;
    int64_t max = 0;

    kern->range(x, count, &min, &max);
    for (uint32_t i = 0; i < count; i++) {
        x[i] -= (uint64_t)min;
    }
    *span_out = (uint64_t)max - (uint64_t)min;
    return (uint64_t)min;
}

static uint64_t plan_spread(const hi_codec_kernels *kern, hi_cold_scratch *scratch, uint64_t *x,
                            uint32_t count)
{
    uint64_t span = 0;

    (void)plan_offsets(kern, x, count, &span);
    hi_cold_sort(x, scratch->other, count, hi_bit_length(span));
    return hi_cold_spread(x, count);
}

/* The spread by a part of the sample; 0: there is not enough for that. */
static uint64_t plan_rough(const hi_codec_kernels *kern, const uint64_t *x, uint32_t count)
{
    int64_t part[PLAN_ROUGH];
    uint64_t sorted[PLAN_ROUGH];

    if (count < PLAN_ROUGH_MIN) {
        return 0;
    }
    for (uint32_t i = 0; i < PLAN_ROUGH; i++) {
        part[i] = (int64_t)x[i * count / PLAN_ROUGH];
    }
    kern->count->sort(part, PLAN_ROUGH);
    for (uint32_t i = 0; i < PLAN_ROUGH; i++) {
        sorted[i] = (uint64_t)part[i] - (uint64_t)part[0];
    }
    return hi_cold_spread(sorted, PLAN_ROUGH);
}

/* Far from the best: the whole sample would not change that. */
static bool plan_is_far(uint64_t rough, uint64_t best)
{
    return rough > best + PLAN_ROUGH * (PLAN_UNIT / 4 * 3);
}

/* Spread of the sample's differences of all orders; UINT64_MAX: far from the best. Returns the
   least of the rough ones. */
static uint64_t plan_try_orders(const hi_codec_kernels *kern, hi_cold_scratch *scratch,
                                const uint64_t *x, const plan_sample *sample, uint64_t *price)
{
    uint64_t *to[PLAN_ORDERS];
    uint64_t rough[PLAN_ORDERS];
    uint64_t best = UINT64_MAX;
    const uint32_t rows = sample->rows;

    for (unsigned k = 0; k < PLAN_ORDERS; k++) {
        to[k] = scratch->sorted + (size_t)k * PLAN_SAMPLE_MAX;
    }
    for (uint32_t c = 0; c < sample->chunks; c++) {
        const uint64_t *from = x + sample->first[c];
        const size_t at = (size_t)c * rows;

        for (uint32_t i = 0; i < rows; i++) {
            const uint64_t d = from[i + 3] - from[i + 2];
            const uint64_t e = from[i + 2] - from[i + 1];
            const uint64_t f = from[i + 1] - from[i];
            to[0][at + i] = from[i + 3];
            to[1][at + i] = d;
            to[2][at + i] = d - e;
            to[3][at + i] = d - 2 * e + f;
        }
    }
    for (unsigned k = 0; k < PLAN_ORDERS; k++) {
        /* Where one order is far the next is too: it adds up the same noise. */
        rough[k] = k > 0 && plan_is_far(rough[k - 1], best)
                       ? UINT64_MAX
                       : plan_rough(kern, to[k], rows * sample->chunks);
        best = rough[k] < best ? rough[k] : best;
    }
    for (unsigned k = 0; k < PLAN_ORDERS; k++) {
        price[k] = plan_is_far(rough[k], best)
                       ? UINT64_MAX
                       : plan_spread(kern, scratch, to[k], rows * sample->chunks);
    }
    return best;
}

/* ---- lines ------------------------------------------------------------------------------ */

typedef struct plan_line {
    uint64_t slope;
    unsigned shift;
} plan_line;

static uint64_t plan_line_at(plan_line line, uint32_t i)
{
    return (uint64_t)((int64_t)(line.slope * i) >> line.shift);
}

/* Least squares: how much steeper than `line` the values rise, in units of its slope. */
static int64_t plan_steeper(const uint64_t *x, uint32_t count, plan_line line)
{
    const double n = count;
    double sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        const int64_t off = (int64_t)(x[i] - x[0] - plan_line_at(line, i));
        sum += (2.0 * i - (n - 1)) * (double)off;
    }
    const double unit = (double)(UINT64_C(1) << line.shift);
    const double steeper = 6 * sum / (n * (n * n - 1)) * unit;
    return steeper > -9e15 && steeper < 9e15 ? (int64_t)(steeper + (steeper < 0 ? -0.5 : 0.5)) : 0;
}

static plan_line plan_line_rounded(plan_line line)
{
    const uint64_t half = line.shift == 0 ? 0 : UINT64_C(1) << (line.shift - 1);

    return (plan_line){(uint64_t)((int64_t)(line.slope + half) >> line.shift), 0};
}

/* By least squares with a whole slope and as it is, and through first and last. The whole one is
   first, as the others must be better: a clock's period is a whole number, and a slope slightly
   off would widen the residuals. */
static void plan_lines(const uint64_t *x, uint32_t count, plan_line *lines)
{
    const int64_t rise = (int64_t)(x[count - 1] - x[0]);
    const unsigned length = hi_bit_length(rise < 0 ? 0 - (uint64_t)rise : (uint64_t)rise);
    const unsigned room = length > 61 ? 0 : 61 - length;
    plan_line line = {.shift = room < PLAN_SHIFT_MAX ? room : PLAN_SHIFT_MAX};

    line.slope = (uint64_t)(rise * (INT64_C(1) << line.shift) / (int64_t)(count - 1));
    lines[2] = line;
    line.slope += (uint64_t)plan_steeper(x, count, line);
    lines[1] = line;
    lines[0] = plan_line_rounded(line);
}

/* UINT64_MAX: far from the best. */
static uint64_t plan_try_line(const hi_codec_kernels *kern, hi_cold_scratch *scratch,
                              const uint64_t *x, const plan_sample *sample, plan_line line,
                              uint64_t rough)
{
    uint32_t made = 0;

    for (uint32_t c = 0; c < sample->chunks; c++) {
        const uint32_t first = sample->first[c] + HI_COLD_STARTS_MAX;
        for (uint32_t i = first; i < first + sample->rows; i++) {
            scratch->sorted[made++] = x[i] - plan_line_at(line, i);
        }
    }
    return plan_is_far(plan_rough(kern, scratch->sorted, made), rough)
               ? UINT64_MAX
               : plan_spread(kern, scratch, scratch->sorted, made);
}

static void plan_predictor(const hi_codec_kernels *kern, hi_cold_scratch *scratch,
                           const uint64_t *x, hi_cold_plan *plan)
{
    const plan_sample sample = plan_sample_of(plan->count);
    const uint64_t worth = (uint64_t)sample.chunks * sample.rows * (PLAN_UNIT / PLAN_WORTH);
    uint64_t price[PLAN_ORDERS];
    plan_line lines[PLAN_LINES];

    const uint64_t rough = plan_try_orders(kern, scratch, x, &sample, price);
    uint64_t best = price[0];
    for (unsigned k = 1; k < PLAN_ORDERS; k++) {
        if (price[k] < best && best - price[k] > worth) {
            best = price[k];
            plan->predictor = (hi_predictor)k;
        }
    }
    if (price[0] <= price[1]) {
        return; /* No trend. */
    }
    plan_lines(x, plan->count, lines);
    for (unsigned k = 0; k < PLAN_LINES; k++) {
        const uint64_t of_line = plan_try_line(kern, scratch, x, &sample, lines[k], rough);
        if (of_line < best && best - of_line > worth) {
            best = of_line;
            plan->predictor = HI_PREDICTOR_LINE;
            plan->slope = lines[k].slope;
            plan->shift = lines[k].shift;
        }
    }
}

/* ---- a plan ----------------------------------------------------------------------------- */

void hi_cold_residuals(const hi_codec_kernels *kern, const uint64_t *x, const hi_cold_plan *plan,
                       uint64_t *residuals)
{
    const uint32_t order = hi_predictor_order(plan->predictor);
    const uint32_t count = plan->count - order;

    switch (plan->predictor) {
    case HI_PREDICTOR_DELTA:
        kern->deltas(x, plan->count, residuals);
        break;
    case HI_PREDICTOR_DELTA2:
        for (uint32_t i = 0; i < count; i++) {
            residuals[i] = x[i + 2] - 2 * x[i + 1] + x[i];
        }
        break;
    case HI_PREDICTOR_DELTA3:
        for (uint32_t i = 0; i < count; i++) {
            residuals[i] = x[i + 3] - 3 * (x[i + 2] - x[i + 1]) - x[i];
        }
        break;
    case HI_PREDICTOR_LINE:
        for (uint32_t i = 0; i < count; i++) {
            residuals[i] =
                x[i] - plan_line_at((plan_line){plan->slope, plan->shift}, i) - plan->start;
        }
        break;
    default:
        memcpy(residuals, x, count * sizeof(*x));
        break;
    }
}

/* Where a line starts. Streams that share a form must agree on it: the smallest residual where
   residuals end there, as a clock's delay does, else their median. */
static void plan_start(const uint64_t *sorted, uint32_t count, hi_cold_plan *plan)
{
    const uint64_t low = sorted[count / 64];
    const uint64_t half = sorted[count - 1 - count / 4] - sorted[count / 4];
    const uint64_t start = plan->min + (low <= half / 8 ? 0 : sorted[count / 2]);

    plan->start = start;
    plan->min -= start;
}

/* More tables, and what all takes. */
static void plan_finish(const hi_codec_kernels *kern, hi_cold_scratch *scratch, const uint64_t *x,
                        uint32_t residuals, hi_cold_plan *plan)
{
    hi_cold_residuals(kern, x, plan, scratch->residuals);
    if (!hi_cold_symbols(kern, &plan->form, scratch->residuals, residuals, scratch->symbols)) {
        plan->cost = (hi_cold_cost){.bits = PLAN_NEVER};
        plan->bits = PLAN_NEVER; /* A form that cannot say them is not written. */
        return;
    }
    hi_cold_split_tables(scratch->symbols, residuals, &plan->form);
    hi_cold_price(&plan->form, scratch->residuals, residuals, scratch->symbols, &plan->cost);
    plan->bits = plan->cost.bits + hi_cold_form_put(&plan->form, scratch->form) * 8;
}

void hi_cold_plan_make(const hi_codec_kernels *kern, hi_cold_scratch *scratch, const uint64_t *x,
                       uint32_t count, hi_cold_plan *plan_out)
{
    int64_t min = 0;
    int64_t max = 0;
    uint64_t span = 0;

    *plan_out = (hi_cold_plan){.count = count, .factor = 1};
    kern->range(x, count, &min, &max);
    if (hi_stream_scale(kern, x, count, (uint64_t)min, scratch->scaled, &plan_out->factor)) {
        plan_out->offset = (uint64_t)min;
        x = scratch->scaled;
    }
    if (count > 2 * HI_COLD_STARTS_MAX) {
        plan_predictor(kern, scratch, x, plan_out);
    }
    const uint32_t residuals = count - hi_predictor_order(plan_out->predictor);
    hi_cold_residuals(kern, x, plan_out, scratch->sorted);
    plan_out->min = plan_offsets(kern, scratch->sorted, residuals, &span);
    hi_cold_sort(scratch->sorted, scratch->other, residuals, hi_bit_length(span));
    if (plan_out->predictor == HI_PREDICTOR_LINE) {
        plan_start(scratch->sorted, residuals, plan_out);
    }
    plan_out->max = plan_out->min + span;
    const uint64_t price = hi_cold_fit(scratch, residuals, plan_out);
    const uint32_t step = hi_cold_step(scratch, residuals, plan_out->min, price);
    if (step != 0) {
        (void)hi_cold_fit_steps(scratch, residuals, plan_out->min, step, price, &plan_out->form);
    }
    plan_finish(kern, scratch, x, residuals, plan_out);
}
