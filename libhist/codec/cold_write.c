/* cold_write.c -- planned integer streams to bytes; README.md has the layout. */
#include <assert.h>

#include "codec/cold.h"

enum {
    WRITE_SCALED = 8,
    WRITE_LANES_SHIFT = 4,
    WRITE_INDEX_SHIFT = 6,
    WRITE_HEAD_MAX = 96,
    WRITE_MORE_MAX = 16 + HI_RANS_SEGMENTS_MAX,
    WRITE_UNIT = 4096,
};

/* ---- residuals to symbols ----------------------------------------------------------------- */

static bool form_knows(const hi_cold_form *form, uint32_t symbol)
{
    uint32_t any = 0;

    for (uint32_t t = 0; t < form->tables; t++) {
        any |= form->freqs[t].freq[symbol];
    }
    return any > 0;
}

/* Bins as they are looked for. */
typedef struct symbols_bins {
    uint64_t lower[HI_RANS_SYMBOLS]; /* Counted from the base. */
    uint64_t span[HI_RANS_SYMBOLS];  /* Largest low bits. */
    uint16_t known[HI_RANS_SYMBOLS]; /* The symbol, or the escape. */
    uint32_t half;                   /* Of a power of two of bins; the last one fills it up. */
} symbols_bins;

/* `count` bins from the first on, in steps from the lower of that. */
static void symbols_bins_make(const hi_cold_form *form, uint32_t first, uint32_t count,
                              uint64_t step, symbols_bins *bins)
{
    assert(count > 0);
    bins->half = 1;
    while (bins->half * 2 < count) {
        bins->half *= 2;
    }
    for (uint32_t b = 0; b < bins->half * 2; b++) {
        const uint32_t bin = first + (b < count ? b : count - 1);

        bins->lower[b] = (form->lower[bin] - form->lower[first]) / step;
        bins->span[b] = (UINT64_C(1) << form->bits[bin]) - 1;
        bins->known[b] = (uint16_t)(form_knows(form, bin) ? bin : form->escape);
    }
}

static inline uint32_t symbols_find(const symbols_bins *bins, uint64_t v, uint32_t escape)
{
    uint32_t at = 0;

    for (uint32_t step = bins->half; step > 0; step /= 2) {
        at += bins->lower[at + step] <= v ? step : 0;
    }
    return v - bins->lower[at] <= bins->span[at] ? bins->known[at] : escape;
}

static bool symbols_of_bins(const hi_cold_form *form, const uint64_t *residuals, uint32_t count,
                            uint8_t *symbols)
{
    symbols_bins bins;
    uint32_t misses = 0;

    symbols_bins_make(form, 0, hi_cold_bins(form), 1, &bins);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t symbol = symbols_find(&bins, residuals[i] - form->base, form->escape);

        misses += symbol == HI_COLD_NO_ESCAPE;
        symbols[i] = (uint8_t)symbol;
    }
    return misses == 0;
}

/* A multiple that has no coarse bin may have a fine one. */
static bool symbols_of_steps(const hi_cold_form *form, const uint64_t *residuals, uint32_t count,
                             uint8_t *symbols)
{
    symbols_bins coarse;
    symbols_bins fine;
    uint32_t misses = 0;

    symbols_bins_make(form, 0, form->coarse, form->step, &coarse);
    symbols_bins_make(form, form->coarse, hi_cold_bins(form) - form->coarse, 1, &fine);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t v = residuals[i] - form->base;
        uint32_t symbol = form->escape;

        if (v % form->step == 0) {
            symbol = symbols_find(&coarse, v / form->step, form->escape);
        }
        if (symbol == form->escape) {
            symbol = symbols_find(&fine, residuals[i] - form->lower[form->coarse], form->escape);
        }
        misses += symbol == HI_COLD_NO_ESCAPE;
        symbols[i] = (uint8_t)symbol;
    }
    return misses == 0;
}

/* Symbols that have no frequency become the escape. false: there is none. */
static bool symbols_forget(const hi_cold_form *form, uint32_t plain, uint32_t count,
                           uint8_t *symbols)
{
    uint16_t known[HI_RANS_SYMBOLS];
    uint32_t unknown = 0;
    uint32_t misses = 0;

    for (uint32_t s = 0; s < HI_RANS_SYMBOLS; s++) {
        const bool is = s < plain && form_knows(form, s);

        unknown += s < plain && !is;
        known[s] = (uint16_t)(is ? s : form->escape);
    }
    if (unknown == 0) {
        return form->escape != HI_COLD_NO_ESCAPE || plain == HI_RANS_SYMBOLS ||
               memchr(symbols, (int)plain, count) == NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        misses += known[symbols[i]] == HI_COLD_NO_ESCAPE;
        symbols[i] = (uint8_t)known[symbols[i]];
    }
    return misses == 0;
}

/* All 256 symbols, and no escape: what is beyond would not show. */
static bool symbols_of_all(const hi_cold_form *form, const uint64_t *residuals, uint32_t count,
                           uint8_t *symbols)
{
    uint64_t beyond = 0;

    for (uint32_t i = 0; i < count; i++) {
        const uint64_t at = (residuals[i] - form->base) >> form->width;

        beyond |= at;
        symbols[i] = (uint8_t)at;
    }
    return beyond < HI_RANS_SYMBOLS;
}

static bool symbols_of_split(const hi_codec_kernels *kern, const hi_cold_form *form,
                             const uint64_t *residuals, uint32_t count, uint8_t *symbols)
{
    const uint32_t plain = form->symbols - (form->escape != HI_COLD_NO_ESCAPE ? 1 : 0);

    if (plain == HI_RANS_SYMBOLS) {
        return symbols_of_all(form, residuals, count, symbols) &&
               symbols_forget(form, plain, count, symbols);
    }
    kern->count->bins(residuals, count, form->base, form->width, (uint8_t)plain, symbols);
    return symbols_forget(form, plain, count, symbols);
}

bool hi_cold_symbols(const hi_codec_kernels *kern, const hi_cold_form *form,
                     const uint64_t *residuals, uint32_t count, uint8_t *symbols)
{
    if (form->coarse > 0) {
        return symbols_of_steps(form, residuals, count, symbols);
    }
    return form->bins ? symbols_of_bins(form, residuals, count, symbols)
                      : symbols_of_split(kern, form, residuals, count, symbols);
}

/* ---- escapes ------------------------------------------------------------------------------ */

static void escape_look(const hi_cold_form *form, const uint64_t *residuals, uint32_t count,
                        const uint8_t *symbols, hi_cold_cost *cost)
{
    unsigned bits = 1;

    cost->escapes = 0;
    for (uint32_t i = 0; i < count && form->escape != HI_COLD_NO_ESCAPE; i++) {
        if (symbols[i] == form->escape) {
            const uint64_t v = residuals[i] - form->base;
            const unsigned need = hi_bit_length(v ^ (uint64_t)((int64_t)v >> 63)) + 1;
            bits = need > bits ? need : bits;
            cost->escapes++;
        }
    }
    cost->escape_bytes = (bits + 7) / 8;
}

static size_t escape_put(const hi_cold_form *form, const uint64_t *residuals, uint32_t count,
                         const uint8_t *symbols, unsigned bytes, uint8_t *to)
{
    uint8_t *at = to;

    for (uint32_t i = 0; i < count && form->escape != HI_COLD_NO_ESCAPE; i++) {
        if (symbols[i] == form->escape) {
            const uint64_t v = residuals[i] - form->base;
            for (unsigned b = 0; b < bytes; b++) {
                *at++ = (uint8_t)(v >> (8 * b));
            }
        }
    }
    return (size_t)(at - to);
}

/* ---- low bits ----------------------------------------------------------------------------- */

/* Takes what is not used off the last word of each lane. */
static size_t low_trim(uint8_t *packed, uint32_t rows, unsigned width)
{
    const size_t bits = (size_t)hi_groups_of(rows) * width;
    const size_t used = (bits % 64 + 7) / 8;
    uint8_t *last = packed + bits / 64 * 128;

    for (size_t l = 1; l < HI_LANES && used > 0; l++) {
        memmove(last + l * used, last + l * 8, used);
    }
    return hi_cold_low_size(rows, width);
}

static size_t low_put_split(const hi_codec_kernels *kern, const hi_cold_form *form,
                            const uint64_t *residuals, uint32_t count, const uint8_t *symbols,
                            uint8_t *to)
{
    uint64_t low[HI_VECTOR_ROWS];
    size_t size = 0;

    for (uint32_t first = 0; first < count && form->width > 0; first += HI_VECTOR_ROWS) {
        const uint32_t left = count - first;
        const uint32_t rows = left < HI_VECTOR_ROWS ? left : HI_VECTOR_ROWS;

        memset(low, 0, sizeof(low));
        for (uint32_t i = 0; i < rows; i++) {
            const bool plain = symbols[first + i] != form->escape;
            low[i] = plain ? residuals[first + i] - form->base : 0;
        }
        kern->pack(low, form->width, hi_groups_of(rows), to + size);
        size += low_trim(to + size, rows, form->width);
    }
    return size;
}

static size_t low_put_bins(const hi_cold_form *form, const uint64_t *residuals, uint32_t count,
                           const uint8_t *symbols, uint8_t *to)
{
    uint64_t open = 0;
    unsigned used = 0;
    uint8_t *at = to;

    for (uint32_t i = 0; i < count; i++) {
        const unsigned bits = form->bits[symbols[i]];
        const uint64_t mask = (UINT64_C(1) << bits) - 1; /* An escape has no bits. */
        const uint64_t above = residuals[i] - form->lower[symbols[i]];
        const uint64_t v = symbols[i] < form->coarse ? above / form->step : above & mask;
        open |= v << used;
        used += bits;
        if (used >= 64) {
            hi_put_u64(at, open);
            at += 8;
            used -= 64;
            open = used == 0 ? 0 : v >> (bits - used);
        }
    }
    hi_put_u64(at, open);
    return (size_t)(at - to) + (used + 7) / 8;
}

/* ---- prices ------------------------------------------------------------------------------- */

/* The best table of each segment into cost->map; what the symbols take. */
static uint64_t price_segments(const hi_cold_form *form, const uint8_t *symbols, uint32_t count,
                               uint8_t *map)
{
    hi_cold_prices prices;
    uint64_t total = 0;

    for (uint32_t t = 0; t < form->tables; t++) {
        uint32_t of_table[HI_RANS_SYMBOLS];

        hi_rans_prices(&form->freqs[t], of_table);
        for (uint32_t s = 0; s < form->symbols; s++) {
            hi_cold_prices_set(&prices, t, s,
                               of_table[s] < HI_COLD_PRICE_MAX ? of_table[s] : HI_COLD_PRICE_MAX);
        }
    }
    for (uint32_t first = 0; first < count; first += HI_RANS_SEGMENT) {
        const uint32_t left = count - first;
        uint32_t price = 0;

        map[first / HI_RANS_SEGMENT] =
            (uint8_t)hi_cold_cheapest(&prices, form->tables, symbols + first,
                                      left < HI_RANS_SEGMENT ? left : HI_RANS_SEGMENT, &price);
        total += price;
    }
    return total;
}

void hi_cold_price(const hi_cold_form *form, const uint64_t *residuals, uint32_t count,
                   const uint8_t *symbols, hi_cold_cost *cost_out)
{
    const uint64_t price = price_segments(form, symbols, count, cost_out->map);
    uint64_t low = (uint64_t)count * form->width;

    escape_look(form, residuals, count, symbols, cost_out);
    for (uint32_t i = 0; i < count && form->bins; i++) {
        low += form->bits[symbols[i]];
    }
    cost_out->symbol_bits = price / WRITE_UNIT;
    cost_out->bits = cost_out->symbol_bits + low +
                     (uint64_t)cost_out->escapes * cost_out->escape_bytes * 8 +
                     (form->tables > 1 ? hi_cold_map_size(count) * 8 : 0);
}

/* ---- a stream ----------------------------------------------------------------------------- */

/* A form, what the residuals at hand take in it, and its place in the set. */
typedef struct write_choice {
    const hi_cold_form *form;
    uint32_t index; /* HI_COLD_FORMS_MAX: the plan's own. */
    hi_cold_cost cost;
} write_choice;

static bool write_symbols(const hi_codec_kernels *kern, hi_cold_scratch *scratch, uint32_t count,
                          const hi_cold_form *form)
{
    return hi_cold_symbols(kern, form, scratch->residuals, count, scratch->symbols);
}

/* Leaves the chosen form's symbols in scratch. false: none can say all residuals. */
static bool write_choose(const hi_codec_kernels *kern, hi_cold_scratch *scratch,
                         const hi_cold_plan *plan, const hi_cold_set *set, uint32_t count,
                         size_t own_size, write_choice *best)
{
    const uint32_t forms = set == NULL ? 0 : set->count;

    *best = (write_choice){&plan->form, HI_COLD_FORMS_MAX, plan->cost};
    best->cost.bits += own_size * 8;
    for (uint32_t i = 0; i < forms; i++) {
        write_choice choice = {.form = &set->form[i], .index = i};

        assert(choice.form->tables == 1); /* So a symbol that it knows has a frequency. */
        if (write_symbols(kern, scratch, count, choice.form)) {
            hi_cold_price(choice.form, scratch->residuals, count, scratch->symbols, &choice.cost);
            if (choice.cost.bits < best->cost.bits) {
                *best = choice;
            }
        }
    }
    return (forms > 0 && best->index == forms - 1) ||
           write_symbols(kern, scratch, count, best->form);
}

static uint8_t *write_head(const hi_cold_plan *plan, const uint64_t *x, const write_choice *choice,
                           const hi_rans_coded *coded, uint8_t *at)
{
    const bool own = choice->index == HI_COLD_FORMS_MAX;
    const uint32_t order = hi_predictor_order(plan->predictor);

    *at++ = own ? HI_STREAM_COLD : HI_STREAM_COLD_SHARED;
    *at++ = (uint8_t)((unsigned)plan->predictor | (plan->factor > 1 ? WRITE_SCALED : 0) |
                      coded->lanes_code << WRITE_LANES_SHIFT |
                      (own ? 0 : choice->index << WRITE_INDEX_SHIFT));
    if (plan->factor > 1) {
        at += hi_put_varint(at, plan->factor);
        at += hi_put_svarint(at, plan->offset);
    }
    if (plan->predictor == HI_PREDICTOR_LINE) {
        at += hi_put_svarint(at, plan->slope);
        *at++ = (uint8_t)plan->shift;
        at += hi_put_svarint(at, plan->start);
    }
    if (order > 0) {
        at += hi_put_svarint(at, x[0]);
    }
    if (order > 1) {
        at += hi_put_svarint(at, x[1] - x[0]);
    }
    if (order > 2) {
        at += hi_put_svarint(at, x[2] - 2 * x[1] + x[0]);
    }
    at += hi_put_varint(at, coded->turns);
    return at + hi_put_varint(at, coded->words);
}

static uint8_t *write_map(const uint8_t *map, uint32_t count, uint8_t *to)
{
    hi_bit_writer w = {to, 0};

    for (uint32_t s = 0; s * HI_RANS_SEGMENT < count; s++) {
        hi_put_bits(&w, map[s], HI_COLD_MAP_BITS);
    }
    return to + hi_bits_bytes(&w);
}

static uint8_t *write_part(uint8_t *to, const void *part, size_t size)
{
    memcpy(to, part, size);
    return to + size;
}

/* Everything in its order, or 0. */
static size_t write_parts(const hi_cold_plan *plan, const hi_cold_scratch *scratch,
                          const uint64_t *x, const write_choice *choice, const hi_rans_coded *coded,
                          size_t own_size, size_t low_size, size_t limit, uint8_t *to)
{
    const hi_cold_form *form = choice->form;
    const uint32_t count = plan->count - hi_predictor_order(plan->predictor);
    const uint8_t *symbols = scratch->symbols;
    uint8_t head[WRITE_HEAD_MAX];
    uint8_t more[WRITE_MORE_MAX];
    uint8_t *head_end = write_head(plan, x, choice, coded, head);
    uint8_t *more_end = more;
    const size_t escaped = (size_t)choice->cost.escapes * choice->cost.escape_bytes;

    if (form->tables > 1) {
        more_end = write_map(choice->cost.map, count, more_end);
    }
    if (form->escape != HI_COLD_NO_ESCAPE) {
        *more_end++ = (uint8_t)choice->cost.escape_bytes;
        more_end += hi_put_varint(more_end, choice->cost.escapes);
    }
    if (form->bins) {
        more_end += hi_put_varint(more_end, low_size);
    }
    const size_t size = (size_t)(head_end - head) + own_size + (size_t)(more_end - more) + escaped +
                        low_size + coded->states_size + (size_t)coded->words * 2;
    if (size >= limit) {
        return 0;
    }
    uint8_t *at = write_part(to, head, (size_t)(head_end - head));
    at = write_part(at, scratch->form, own_size);
    at = write_part(at, more, (size_t)(more_end - more));
    at += escape_put(form, scratch->residuals, count, symbols, choice->cost.escape_bytes, at);
    at = write_part(at, scratch->other, low_size);
    at = write_part(at, coded->states, coded->states_size);
    for (uint32_t i = 0; i < coded->words; i++, at += 2) {
        hi_put_u16(at, coded->word[i]);
    }
    assert((size_t)(at - to) == size);
    return size;
}

size_t hi_cold_write(const hi_codec_kernels *kern, hi_cold_scratch *scratch,
                     const hi_cold_plan *plan, const hi_cold_set *set, const uint64_t *x,
                     size_t limit, uint8_t *to)
{
    const uint32_t count = plan->count - hi_predictor_order(plan->predictor);
    uint64_t factor = 1;
    write_choice choice = {.form = NULL};
    hi_rans_coded coded;

    if (plan->factor > 1) {
        (void)hi_stream_scale(kern, x, plan->count, plan->offset, scratch->scaled, &factor);
        x = scratch->scaled;
    }
    hi_cold_residuals(kern, x, plan, scratch->residuals);
    const size_t form_size = hi_cold_form_put(&plan->form, scratch->form);
    if (!write_choose(kern, scratch, plan, set, count, form_size, &choice) ||
        choice.cost.bits / 8 >= limit) {
        return 0;
    }
    const hi_cold_form *form = choice.form;
    hi_rans_encode(form->freqs, choice.cost.map, scratch->symbols, count, choice.cost.symbol_bits,
                   scratch->words, &coded);
    uint8_t *packed = (uint8_t *)scratch->other;
    const size_t low =
        form->bins ? low_put_bins(form, scratch->residuals, count, scratch->symbols, packed)
                   : low_put_split(kern, form, scratch->residuals, count, scratch->symbols, packed);
    return write_parts(plan, scratch, x, &choice, &coded,
                       choice.index == HI_COLD_FORMS_MAX ? form_size : 0, low, limit, to);
}

size_t hi_cold_encode(const hi_codec_kernels *kern, hi_cold_scratch *scratch,
                      const hi_cold_set *set, const uint64_t *x, uint32_t count, size_t limit,
                      uint8_t *to)
{
    hi_cold_plan plan;

    hi_cold_plan_make(kern, scratch, x, count, &plan);
    return hi_cold_write(kern, scratch, &plan, set, x, limit, to);
}
