/*
 * cold_tables.c -- several tables of frequencies for one stream. What varies is
 * not alike everywhere: a market at night, a machine at rest. Segments of 128
 * symbols are gathered around 2, then 4 tables by what they take in each, as in
 * k-means.
 */
#include <assert.h>

#include "codec/cold.h"

enum {
    TABLES_UNIT = 4096,
    TABLES_ROUNDS = 3,
    TABLES_ROWS_MIN = 4 * HI_RANS_SEGMENT,
    TABLES_SYMBOL_BITS = 6, /* A frequency costs about so much. */
    TABLES_WORTH = 256,     /* Two tables must save 1/256, or four are not tried. */
};

/* Symbols, and which table each segment is with. */
typedef struct tables_split {
    const uint8_t *symbols;
    uint32_t count;
    uint32_t segments;
    uint32_t tables;
    uint8_t map[HI_RANS_SEGMENTS_MAX];
    uint32_t counts[HI_RANS_TABLES_MAX][HI_RANS_SYMBOLS];
} tables_split;

static uint32_t tables_segment_end(const tables_split *split, uint32_t segment)
{
    const uint32_t end = (segment + 1) * HI_RANS_SEGMENT;

    return end < split->count ? end : split->count;
}

static void tables_count(tables_split *split)
{
    memset(split->counts, 0, sizeof(split->counts));
    for (uint32_t s = 0; s < split->segments; s++) {
        uint32_t *counts = split->counts[split->map[s]];

        for (uint32_t i = s * HI_RANS_SEGMENT; i < tables_segment_end(split, s); i++) {
            counts[split->symbols[i]]++;
        }
    }
}

/* Prices of symbols in a table; one that it does not have costs what the rarest does. Returns
   about what the table itself takes. */
static uint64_t tables_prices(const uint32_t *counts, uint32_t *prices)
{
    uint32_t total = 0;
    uint32_t used = 0;

    for (uint32_t s = 0; s < HI_RANS_SYMBOLS; s++) {
        total += counts[s];
        used += counts[s] > 0;
    }
    const uint32_t total_log = total == 0 ? 0 : hi_log2_fixed(total);
    for (uint32_t s = 0; s < HI_RANS_SYMBOLS; s++) {
        const uint32_t price =
            counts[s] == 0 ? HI_RANS_BITS * TABLES_UNIT : total_log - hi_log2_fixed(counts[s]);
        prices[s] = price < HI_RANS_BITS * TABLES_UNIT ? price : HI_RANS_BITS * TABLES_UNIT;
    }
    return (uint64_t)used * TABLES_SYMBOL_BITS * TABLES_UNIT;
}

static uint64_t tables_segment_price(const tables_split *split, uint32_t segment,
                                     const uint32_t *prices)
{
    uint64_t price = 0;

    for (uint32_t i = segment * HI_RANS_SEGMENT; i < tables_segment_end(split, segment); i++) {
        price += prices[split->symbols[i]];
    }
    return price;
}

/* Gives a segment to another table. */
static void tables_move(tables_split *split, uint32_t segment, uint32_t table)
{
    uint32_t *from = split->counts[split->map[segment]];
    uint32_t *to = split->counts[table];

    for (uint32_t i = segment * HI_RANS_SEGMENT; i < tables_segment_end(split, segment); i++) {
        from[split->symbols[i]]--;
        to[split->symbols[i]]++;
    }
    split->map[segment] = (uint8_t)table;
}

/* Moves each segment to the table it is cheapest in; what all takes. */
static uint64_t tables_assign(tables_split *split, bool *moved)
{
    uint32_t prices[HI_RANS_TABLES_MAX][HI_RANS_SYMBOLS];
    uint64_t total = 0;

    for (uint32_t t = 0; t < split->tables; t++) {
        total += tables_prices(split->counts[t], prices[t]);
    }
    for (uint32_t s = 0; s < split->segments; s++) {
        uint64_t best = UINT64_MAX;
        uint32_t table = 0;

        for (uint32_t t = 0; t < split->tables; t++) {
            const uint64_t price = tables_segment_price(split, s, prices[t]);

            table = price < best ? t : table;
            best = price < best ? price : best;
        }
        if (table != split->map[s]) {
            tables_move(split, s, table);
            *moved = true;
        }
        total += best;
    }
    return total;
}

/* Starts `tables` tables from segments in the order of what they take in one. */
static void tables_start(tables_split *split, const uint64_t *price, uint32_t tables)
{
    for (uint32_t s = 0; s < split->segments; s++) {
        uint32_t cheaper = 0;

        for (uint32_t o = 0; o < split->segments; o++) {
            cheaper += price[o] < price[s] || (o < s && price[o] == price[s]);
        }
        split->map[s] = (uint8_t)(cheaper * tables / split->segments);
    }
    split->tables = tables;
}

static uint64_t tables_settle(tables_split *split, const uint64_t *price, uint32_t tables)
{
    uint64_t total = 0;
    bool moved = true;

    tables_start(split, price, tables);
    tables_count(split);
    for (int round = 0; round < TABLES_ROUNDS && moved; round++) {
        moved = false;
        total = tables_assign(split, &moved);
    }
    return total + (uint64_t)split->segments * HI_COLD_MAP_BITS * TABLES_UNIT;
}

/* Tables that no segment is with go. */
static void tables_take(const tables_split *split, hi_cold_form *form)
{
    uint32_t made = 0;

    for (uint32_t t = 0; t < split->tables; t++) {
        uint32_t any = 0;
        for (uint32_t s = 0; s < form->symbols; s++) {
            any |= split->counts[t][s];
        }
        if (any > 0) {
            hi_rans_normalise(split->counts[t], form->symbols, &form->freqs[made++]);
        }
    }
    assert(made >= 1);
    form->tables = made;
}

void hi_cold_split_tables(const uint8_t *symbols, uint32_t count, hi_cold_form *form)
{
    tables_split one = {.symbols = symbols, .count = count, .tables = 1};
    uint32_t prices[HI_RANS_SYMBOLS];
    uint64_t price[HI_RANS_SEGMENTS_MAX];

    if (count < TABLES_ROWS_MIN) {
        return;
    }
    one.segments = (count + HI_RANS_SEGMENT - 1) / HI_RANS_SEGMENT;
    tables_count(&one);
    uint64_t single = tables_prices(one.counts[0], prices);
    for (uint32_t s = 0; s < one.segments; s++) {
        const uint32_t rows = tables_segment_end(&one, s) - s * HI_RANS_SEGMENT;
        price[s] = tables_segment_price(&one, s, prices);
        single += price[s];
        price[s] = price[s] / rows;
    }
    tables_split two = one;
    const uint64_t double_price = tables_settle(&two, price, 2);
    if (double_price + double_price / TABLES_WORTH >= single) {
        return;
    }
    tables_split four = one;
    const uint64_t quad_price = tables_settle(&four, price, HI_RANS_TABLES_MAX);
    tables_take(quad_price < double_price ? &four : &two, form);
}
