/*
 * cold_fit.c -- the form that takes least for given residuals. Both kinds are
 * priced on all residuals, sorted: SPLIT for a few widths around the one that
 * makes 256 symbols of most of them, BINS by dynamic programming over cells of
 * about equal counts. Prices are integers, in 1/4096 bit.
 */
#include <assert.h>

#include "codec/cold.h"

enum {
    SORT_DIGIT_MAX = 11, /* Bits of a pass of sorting: of the count's size, nearly, */
    SORT_DIGIT_FEW = 9,
    SORT_FEW = 2048, /* which is about this or 8192. */
    FIT_UNIT = 4096,
    FIT_SYMBOL_BITS = 6,   /* A frequency costs about so much in the form, */
    FIT_BIN_BITS = 20,     /* a bin with its bounds so much. */
    FIT_JOIN_LEAST = 5940, /* log2(e) and the error of logarithms. */
    FIT_JOIN_EACH = 24,    /* Bins of more cells are tried at each second, */
    FIT_JOIN_SECOND = 64,  /* then at each fourth. */
    FIT_CELLS = 128,       /* About. */
    FIT_CELLS_MAX = 5 * FIT_CELLS + 8,
    FIT_SPREAD_CELLS = 64,
    FIT_WINDOW = HI_RANS_SYMBOLS - 1, /* Symbols beside the escape. */
    FIT_SPLIT_WORTH = 66,             /* SPLIT may be 1/66 larger than BINS: it decodes faster. */
    FIT_CORE_PART = 64,               /* Widths are tried around what all but 2/64 need. */
    FIT_WIDTHS = 7,
    FIT_TWOS = 30, /* Steps are 2^0 to 2^30 times 5^0 to 5^12, found */
    FIT_FIVES = 12,
    FIT_STEP_SAMPLE = 128,   /* by so many residuals, */
    FIT_STEP_DIFFERENT = 40, /* of which so many differ, */
    FIT_STEP_WORTH = 4,      /* if about 1/4 bit each is saved. */
    FIT_STEP_BITS = 64,      /* Of a form's head. */
};

/* A pass by the `digit` bits from `shift` on. It runs from both ends to the middle: neighbours often
   have one digit, and counting it up twice takes as long as the two in turn. */
static void sort_pass(const uint64_t *from, uint32_t count, unsigned shift, unsigned digit,
                      uint64_t *to)
{
    uint32_t start[1 << SORT_DIGIT_MAX];
    uint32_t end[1 << SORT_DIGIT_MAX];
    const uint64_t mask = (UINT64_C(1) << digit) - 1;
    const uint32_t half = count / 2;
    uint32_t sum = 0;

    memset(start, 0, ((size_t)mask + 1) * sizeof(*start));
    memset(end, 0, ((size_t)mask + 1) * sizeof(*end));
    for (uint32_t i = 0; i < half; i++) {
        start[(from[i] >> shift) & mask]++;
        end[(from[half + i] >> shift) & mask]++;
    }
    if (count % 2 != 0) {
        end[(from[count - 1] >> shift) & mask]++;
    }
    for (uint64_t d = 0; d <= mask; d++) {
        const uint32_t here = start[d] + end[d];

        start[d] = sum;
        sum += here;
        end[d] = sum;
    }
    for (uint32_t i = 0; i < half; i++) {
        const uint64_t low = from[i];
        const uint64_t high = from[count - 1 - i];

        to[start[(low >> shift) & mask]++] = low;
        to[--end[(high >> shift) & mask]] = high;
    }
    if (count % 2 != 0) {
        to[start[(from[half] >> shift) & mask]] = from[half];
    }
}

/* Puts the few right that are not. false: it moved more than is worth it, and nothing is lost. */
static bool sort_finish(uint64_t *x, uint32_t count)
{
    uint32_t moves = 0;

    for (uint32_t i = 1; i < count; i++) {
        const uint64_t moved = x[i];
        uint32_t at = i;

        for (; at > 0 && x[at - 1] > moved; at--) {
            x[at] = x[at - 1];
            moves++;
        }
        x[at] = moved;
        if (moves > 2 * count) {
            return false;
        }
    }
    return true;
}

/* Two passes by the highest bits put nearly all in order; where they do not, all bits are gone
   through. */
void hi_cold_sort(uint64_t *x, uint64_t *other, uint32_t count, unsigned bits)
{
    const unsigned most = count < SORT_FEW ? SORT_DIGIT_FEW : SORT_DIGIT_MAX;
    const unsigned passes = (bits + most - 1) / most;
    const unsigned digit = passes == 0 ? 0 : (bits + passes - 1) / passes;
    uint64_t *from = x;
    uint64_t *to = other;

    if (passes > 2) {
        sort_pass(x, count, bits - 2 * most, most, other);
        sort_pass(other, count, bits - most, most, x);
        if (sort_finish(x, count)) {
            return;
        }
    }
    for (unsigned p = 0; p < passes; p++) {
        uint64_t *swap = from;

        sort_pass(from, count, p * digit, digit, to);
        from = to;
        to = swap;
    }
    if (from != x) {
        memcpy(x, from, count * sizeof(*x));
    }
}

static uint32_t fit_log(uint64_t v)
{
    const unsigned length = hi_bit_length(v);

    return length <= 32 ? hi_log2_fixed((uint32_t)v)
                        : hi_log2_fixed((uint32_t)(v >> (length - 32))) + (length - 32) * FIT_UNIT;
}

/* What `count` of `total` symbols take. */
static uint64_t fit_entropy(uint32_t count, uint32_t total_log)
{
    return count == 0 ? 0 : (uint64_t)count * (total_log - hi_log2_fixed(count));
}

/* ---- SPLIT ------------------------------------------------------------------------------ */

/* A window of symbols, at which width, and what it takes. */
typedef struct fit_split {
    unsigned width;
    uint64_t first;   /* Of the window, counted from plan->min >> width. */
    uint32_t symbols; /* Without the escape. */
    uint32_t escapes;
    uint64_t price;
} fit_split;

/* (v + min) >> width, counted from min >> width. */
static inline uint64_t fit_run_at(uint64_t v, uint64_t min, unsigned width, uint64_t mask)
{
    return (v >> width) + (((v & mask) + (min & mask)) >> width);
}

/* Runs of equal sorted >> width, counted from min >> width. */
static uint32_t fit_runs(const uint64_t *sorted, uint32_t count, uint64_t min, unsigned width,
                         hi_cold_run *runs)
{
    const uint64_t mask = (UINT64_C(1) << width) - 1;
    hi_cold_run run = {.at = ~fit_run_at(sorted[0], min, width, mask)};
    uint32_t made = 0;

    for (uint32_t i = 0; i < count; i++) { /* No branch: half of them would be guessed wrong. */
        const uint64_t at = fit_run_at(sorted[i], min, width, mask);
        const bool next = at != run.at;

        made += next;
        run = (hi_cold_run){at, next ? 1 : run.count + 1};
        runs[made - 1] = run;
    }
    return made;
}

/* The same at one bit more: `odd` is the lowest bit of min >> width. */
static uint32_t fit_runs_halve(hi_cold_run *runs, uint32_t count, uint64_t odd)
{
    hi_cold_run run = {.at = UINT64_MAX};
    uint32_t made = 0;

    for (uint32_t i = 0; i < count; i++) {
        const uint64_t at = (runs[i].at >> 1) + (runs[i].at & odd);
        const bool next = at != run.at; /* The first: it is below 2^63. */

        made += next;
        run = (hi_cold_run){at, runs[i].count + (next ? 0 : run.count)};
        runs[made - 1] = run;
    }
    return made;
}

/* Runs [*first, *end) are the fullest window. */
static void fit_window(const hi_cold_run *runs, uint32_t count, uint32_t *first, uint32_t *end)
{
    const uint64_t all = runs[count - 1].at - runs[0].at;
    uint32_t inside = 0;
    uint32_t most = 0;

    *first = 0;
    *end = count;
    if (all < HI_RANS_SYMBOLS) {
        return;
    }
    for (uint32_t i = 0, j = 0; i < count; i++) {
        inside += runs[i].count;
        while (runs[i].at - runs[j].at >= FIT_WINDOW) {
            inside -= runs[j++].count;
        }
        if (inside > most) {
            most = inside;
            *first = j;
            *end = i + 1;
        }
    }
}

static fit_split fit_split_price(const hi_cold_run *runs, uint32_t count, uint32_t total,
                                 unsigned width, unsigned escape_bytes)
{
    const uint32_t total_log = hi_log2_fixed(total);
    uint32_t first = 0;
    uint32_t end = 0;
    uint32_t inside = 0;
    uint64_t price = 0;

    fit_window(runs, count, &first, &end);
    for (uint32_t i = first; i < end; i++) {
        price += fit_entropy(runs[i].count, total_log);
        inside += runs[i].count;
    }
    const uint32_t symbols = (uint32_t)(runs[end - 1].at - runs[first].at) + 1;
    const uint64_t escapes = total - inside;
    price += fit_entropy((uint32_t)escapes, total_log) + escapes * escape_bytes * 8 * FIT_UNIT;
    const uint32_t used = end - first;
    price += ((uint64_t)total * width + used * FIT_SYMBOL_BITS + (symbols - used)) * FIT_UNIT;
    return (fit_split){width, runs[first].at, symbols, (uint32_t)escapes, price};
}

static fit_split fit_choose_split(hi_cold_scratch *scratch, uint32_t count, uint64_t min)
{
    const uint64_t *sorted = scratch->sorted;
    const uint32_t cut = count / FIT_CORE_PART;
    const unsigned length = hi_bit_length(sorted[count - 1 - cut] - sorted[cut]);
    const unsigned bytes = hi_bit_length(sorted[count - 1]) / 8 + 1;
    unsigned width = length > 10 ? length - 10 : 0;
    uint32_t runs = fit_runs(sorted, count, min, width, scratch->runs);
    fit_split best = {.price = UINT64_MAX};

    for (unsigned w = 0; w < FIT_WIDTHS && width <= HI_COLD_WIDTH_MAX; w++) {
        const fit_split split =
            fit_split_price(scratch->runs, runs, count, width, bytes < 8 ? bytes : 8);
        if (split.price < best.price) {
            best = split;
        } else if (split.escapes == 0 && best.escapes == 0) {
            break; /* It only gets coarser. */
        }
        const uint64_t odd = (uint64_t)((int64_t)min >> width) & 1;
        runs = fit_runs_halve(scratch->runs, runs, odd);
        width++;
    }
    return best;
}

/* ---- BINS ------------------------------------------------------------------------------- */

typedef struct fit_cell {
    uint64_t low;    /* First value, moved down to a round number. */
    uint64_t high;   /* Last value. */
    uint32_t before; /* Residuals in the cells before. */
} fit_cell;

/* Whether a cell of [open, i), half full at least, had better end there: before a gap wider than
   twice its span. */
static bool fit_gap(const uint64_t *sorted, uint32_t open, uint32_t i, uint32_t step)
{
    return (i - open) * 2 >= step && (sorted[i] - sorted[i - 1]) / 2 > sorted[i - 1] - sorted[open];
}

/* Cuts sorted residuals between different values: a value that is frequent by itself, else about
   `step` of them, or from half as many on before a gap. One more cell ends the list. */
static uint32_t fit_cells(const uint64_t *sorted, uint32_t count, uint32_t step, fit_cell *cells)
{
    uint16_t ends[HI_BLOCK_ROWS_MAX]; /* Of each value. */
    uint32_t values = 0;
    uint32_t made = 0;
    uint32_t open = 0; /* Where the cell that is being filled starts. */

    for (uint32_t i = 1; i < count; i++) { /* No branch: half of them would be guessed wrong. */
        ends[values] = (uint16_t)i;
        values += sorted[i] != sorted[i - 1];
    }
    ends[values++] = (uint16_t)count;
    for (uint32_t v = 0, i = 0; v < values; i = ends[v++]) {
        const uint32_t end = ends[v];
        const bool frequent = (end - i) * 2 > step;
        if (i > open && (frequent || fit_gap(sorted, open, i, step))) {
            cells[made++] = (fit_cell){sorted[open], sorted[i - 1], open};
            open = i;
        }
        if (frequent || end - open >= step || end == count) {
            cells[made++] = (fit_cell){sorted[open], sorted[end - 1], open};
            open = end;
        }
    }
    assert(made < FIT_CELLS_MAX);
    cells[made].before = count;
    return made;
}

uint64_t hi_cold_spread(const uint64_t *sorted, uint32_t count)
{
    fit_cell cells[FIT_CELLS_MAX];
    const uint32_t made = fit_cells(sorted, count, count / FIT_SPREAD_CELLS + 1, cells);
    const uint32_t total_log = hi_log2_fixed(count);
    uint64_t price = 0;

    for (uint32_t c = 0; c < made; c++) {
        const uint32_t inside = cells[c + 1].before - cells[c].before;
        const uint64_t span = cells[c].high - cells[c].low;
        price += fit_entropy(inside, total_log) +
                 (uint64_t)inside * fit_log(span == UINT64_MAX ? span : span + 1);
    }
    return price;
}

/* A number in (after, low] with few leading bits within a cell that reaches to high. */
static uint64_t fit_round_down(uint64_t after, uint64_t low, uint64_t high)
{
    const unsigned length = hi_bit_length(high - low);

    for (unsigned drop = length > 3 ? length - 3 : 0; drop > 0; drop--) {
        const uint64_t rounded = low >> drop << drop;
        if (rounded > after && hi_bit_length(high - rounded) == length) {
            return rounded;
        }
    }
    return low;
}

/*
 * Joining a values to b costs at least b * (bits - log2(e)) more than the a alone, as the joined
 * bin has the bits of the wider part at least, and (a + b) * log2(t / (a + b)) is at least
 * a * log2(t / a) - b * log2(e). So a bin that is that much dearer than the best need not grow.
 */

/* Where a bin may begin before `first`: if it has many cells, not at each. */
static uint32_t fit_join_next(uint32_t first, uint32_t end)
{
    const uint32_t cells = end - first;
    const uint32_t step = cells < FIT_JOIN_EACH ? 1 : cells < FIT_JOIN_SECOND ? 2 : 4;

    return first > step ? first - step : 0;
}

/* Cheapest way to join neighbouring cells to bins; from[c]: the first cell of the bin that ends
   before cell c. */
static uint64_t fit_join_cells(const fit_cell *cells, uint32_t count, uint32_t total,
                               uint16_t *from)
{
    uint64_t price[FIT_CELLS_MAX + 1];
    const uint32_t total_log = hi_log2_fixed(total);

    price[0] = 0;
    for (uint32_t end = 1; end <= count; end++) {
        uint64_t best = UINT64_MAX / 2;

        for (uint32_t first = end; first > 0;) {
            first = fit_join_next(first, end);
            const uint32_t inside = cells[end].before - cells[first].before;
            const unsigned bits = hi_bit_length(cells[end - 1].high - cells[first].low);
            const uint64_t low = (uint64_t)inside * bits * FIT_UNIT;
            if (price[first] + low > best + (uint64_t)inside * FIT_JOIN_LEAST) {
                break; /* Longer ones cost even more: see FIT_JOIN_LEAST. */
            }
            const uint64_t all =
                price[first] + low + fit_entropy(inside, total_log) + FIT_BIN_BITS * FIT_UNIT;
            if (all < best) {
                best = all;
                from[end] = (uint16_t)first;
            }
        }
        price[end] = best;
    }
    return price[count];
}

/* Cells of sorted residuals, and how they are joined to bins. */
typedef struct fit_bins {
    uint32_t made;
    uint64_t price;
    fit_cell cells[FIT_CELLS_MAX];
    uint16_t from[FIT_CELLS_MAX];
} fit_bins;

/* `count` of a stream's `total` residuals. */
static void fit_choose_bins(const uint64_t *sorted, uint32_t count, uint32_t total, fit_bins *bins)
{
    fit_cell *cells = bins->cells;

    bins->made = fit_cells(sorted, count, (total + FIT_CELLS - 1) / FIT_CELLS, cells);
    for (uint32_t c = 1; c < bins->made; c++) {
        cells[c].low = fit_round_down(cells[c - 1].high, cells[c].low, cells[c].high);
    }
    bins->price = fit_join_cells(cells, bins->made, total, bins->from);
}

/* Writes the bins backwards from the joined cells, behind the form's symbols: lower is min + step
   times what the cells say. false: too many or too wide. */
static bool fit_take_bins(const fit_bins *fit, uint64_t min, uint64_t step, hi_cold_form *form,
                          uint32_t *counts)
{
    const fit_cell *cells = fit->cells;
    uint32_t bins = form->symbols;

    for (uint32_t end = fit->made; end > 0; end = fit->from[end]) {
        bins++;
    }
    if (bins > HI_RANS_SYMBOLS) {
        return false;
    }
    for (uint32_t end = fit->made, b = bins; end > 0; end = fit->from[end]) {
        const fit_cell *first = &cells[fit->from[end]];
        const unsigned bits = hi_bit_length(cells[end - 1].high - first->low);
        b--;
        if (bits > HI_COLD_WIDTH_MAX) {
            return false;
        }
        form->lower[b] = min + step * first->low;
        form->bits[b] = (uint8_t)bits;
        counts[b] = cells[end].before - first->before;
    }
    form->symbols = bins;
    return true;
}

/* A form that has its bins. */
static void fit_end_bins(const uint32_t *counts, hi_cold_form *form)
{
    form->bins = true;
    form->width = 0;
    form->escape = HI_COLD_NO_ESCAPE;
    form->base = form->lower[0];
    form->tables = 1;
    hi_rans_normalise(counts, form->symbols, &form->freqs[0]);
}

/* ---- BINS with steps -------------------------------------------------------------------- */

/* Of how many numbers 2^twos * 5^fives is a factor. */
typedef struct fit_factors {
    uint16_t multiples[FIT_TWOS + 1][FIT_FIVES + 1];
} fit_factors;

static void fit_factors_add(int64_t v, fit_factors *factors)
{
    uint32_t twos = 0;
    uint32_t fives = 0;

    while (twos < FIT_TWOS && v % 2 == 0) {
        v /= 2;
        twos++;
    }
    while (fives < FIT_FIVES && v % 5 == 0) {
        v /= 5;
        fives++;
    }
    factors->multiples[twos][fives]++;
}

/* From numbers that have just so many of both to those that have more, too. */
static void fit_factors_sum(fit_factors *factors)
{
    for (uint32_t twos = FIT_TWOS + 1; twos-- > 0;) {
        uint32_t sum = 0;

        for (uint32_t fives = FIT_FIVES + 1; fives-- > 0;) {
            uint16_t *here = &factors->multiples[twos][fives];

            sum += *here;
            *here = (uint16_t)(sum + (twos < FIT_TWOS ? factors->multiples[twos + 1][fives] : 0));
        }
    }
}

/* A multiple in a coarse bin needs log2(step) bits less, but for each residual it must be said
   whether it is one. `least` must be saved. */
static uint32_t fit_best_step(const fit_factors *factors, uint32_t total, uint64_t least)
{
    const uint32_t log = hi_log2_fixed(total);
    uint64_t odd = 1;
    uint32_t best = 0;

    for (uint32_t fives = 0; fives <= FIT_FIVES; fives++, odd *= 5) {
        for (uint32_t twos = 0; twos <= FIT_TWOS && odd << twos <= HI_COLD_STEP_MAX; twos++) {
            const uint32_t multiples = factors->multiples[twos][fives];
            const uint32_t step = (uint32_t)(odd << twos);
            const uint64_t saved = (uint64_t)multiples * hi_log2_fixed(step);
            const uint64_t said =
                saved <= least ? saved
                               : fit_entropy(multiples, log) + fit_entropy(total - multiples, log);

            if (saved > said + least) {
                least = saved - said;
                best = step;
            }
        }
    }
    return best;
}

/* Frequent values have bins of their own anyway, so those that differ are looked at; and 0 is a
   multiple of everything. */
uint32_t hi_cold_step(const hi_cold_scratch *scratch, uint32_t count, uint64_t min, uint64_t price)
{
    uint64_t least = price / FIT_SPLIT_WORTH / count;
    fit_factors factors = {{{0}}};
    uint32_t different = 0;
    uint64_t before = 0;

    for (uint32_t i = 0; i < FIT_STEP_SAMPLE; i++) {
        const uint64_t v = scratch->sorted[(uint64_t)i * count / FIT_STEP_SAMPLE];

        if ((i == 0 || v != before) && v + min != 0) {
            fit_factors_add((int64_t)(v + min), &factors);
            different++;
        }
        before = v;
    }
    if (different < FIT_STEP_DIFFERENT) {
        return 0;
    }
    least = least > FIT_UNIT / FIT_STEP_WORTH ? least : FIT_UNIT / FIT_STEP_WORTH;
    fit_factors_sum(&factors);
    return fit_best_step(&factors, different, different * least);
}

/* Multiples, in steps from the first of them, to scratch->other; the others, from the first of
   these, stay in scratch->sorted. Returns how many multiples there are. */
static uint32_t fit_part(hi_cold_scratch *scratch, uint32_t count, uint32_t step, uint64_t min,
                         uint64_t *coarse_min, uint64_t *fine_min)
{
    uint32_t coarse = 0;
    uint32_t fine = 0;

    for (uint32_t i = 0; i < count; i++) {
        const uint64_t v = scratch->sorted[i] + min;

        if (coarse == 0 ? (int64_t)v % step == 0 : (v - *coarse_min) % step == 0) {
            *coarse_min = coarse == 0 ? v : *coarse_min;
            scratch->other[coarse++] = (v - *coarse_min) / step;
        } else {
            *fine_min = fine == 0 ? v : *fine_min;
            scratch->sorted[fine++] = v - *fine_min;
        }
    }
    return coarse;
}

bool hi_cold_fit_steps(hi_cold_scratch *scratch, uint32_t count, uint64_t min, uint32_t step,
                       uint64_t price, hi_cold_form *form_out)
{
    uint32_t counts[HI_RANS_SYMBOLS] = {0};
    uint64_t coarse_min = 0;
    uint64_t fine_min = 0;
    fit_bins coarse;
    fit_bins fine;

    const uint32_t multiples = fit_part(scratch, count, step, min, &coarse_min, &fine_min);
    if (multiples == 0 || multiples == count) {
        return false;
    }
    fit_choose_bins(scratch->other, multiples, count, &coarse);
    fit_choose_bins(scratch->sorted, count - multiples, count, &fine);
    const uint64_t both = coarse.price + fine.price + FIT_STEP_BITS * FIT_UNIT;
    if (both + both / FIT_SPLIT_WORTH >= price) {
        return false;
    }
    hi_cold_form form = {.step = step};
    if (!fit_take_bins(&coarse, coarse_min, step, &form, counts)) {
        return false;
    }
    form.coarse = form.symbols;
    if (!fit_take_bins(&fine, fine_min, 1, &form, counts) || form.symbols == HI_RANS_SYMBOLS) {
        return false; /* One more may be the escape of a shared form. */
    }
    fit_end_bins(counts, &form);
    *form_out = form;
    return true;
}

/* ---- both ------------------------------------------------------------------------------- */

static void fit_take_split(const hi_cold_scratch *scratch, uint32_t count, uint64_t min,
                           const fit_split *split, hi_cold_form *form)
{
    const uint64_t mask = (UINT64_C(1) << split->width) - 1;
    uint32_t counts[HI_RANS_SYMBOLS + 1] = {0};
    uint32_t symbols = split->symbols;

    for (uint32_t i = 0; i < count; i++) {
        const uint64_t v = scratch->sorted[i];
        const uint64_t at =
            (v >> split->width) + (((v & mask) + (min & mask)) >> split->width) - split->first;
        counts[at < symbols ? at : symbols]++;
    }
    form->bins = false;
    form->coarse = 0;
    form->step = 0;
    form->width = split->width;
    form->base = (min & ~mask) + (split->first << split->width);
    form->escape = split->escapes > 0 ? symbols++ : HI_COLD_NO_ESCAPE;
    form->symbols = symbols;
    form->tables = 1;
    hi_rans_normalise(counts, symbols, &form->freqs[0]);
}

uint64_t hi_cold_fit(hi_cold_scratch *scratch, uint32_t count, hi_cold_plan *plan)
{
    const fit_split split = fit_choose_split(scratch, count, plan->min);
    uint32_t counts[HI_RANS_SYMBOLS] = {0};

    if (split.width > 0 || split.escapes > 0 || split.symbols > FIT_CELLS) {
        fit_bins bins;

        fit_choose_bins(scratch->sorted, count, count, &bins);
        plan->form.symbols = 0;
        plan->form.coarse = 0;
        plan->form.step = 0;
        if (bins.price + bins.price / FIT_SPLIT_WORTH < split.price &&
            fit_take_bins(&bins, plan->min, 1, &plan->form, counts)) {
            fit_end_bins(counts, &plan->form);
            return bins.price;
        }
    }
    fit_take_split(scratch, count, plan->min, &split, &plan->form);
    return split.price;
}
