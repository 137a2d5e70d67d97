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
    uint32_t distinct; /* Symbols are below. */
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
    uint32_t odd[HI_RANS_TABLES_MAX][HI_RANS_SYMBOLS]; /* In turns: neighbours are often alike. */

    memset(split->counts, 0, split->tables * sizeof(split->counts[0]));
    memset(odd, 0, split->tables * sizeof(odd[0]));
    for (uint32_t s = 0; s < split->segments; s++) {
        uint32_t *counts = split->counts[split->map[s]];
        uint32_t *others = odd[split->map[s]];
        const uint32_t end = tables_segment_end(split, s);
        uint32_t i = s * HI_RANS_SEGMENT;

        for (; i + 1 < end; i += 2) {
            counts[split->symbols[i]]++;
            others[split->symbols[i + 1]]++;
        }
        if (i < end) {
            counts[split->symbols[i]]++;
        }
    }
    for (uint32_t t = 0; t < split->tables; t++) {
        for (uint32_t s = 0; s < HI_RANS_SYMBOLS; s++) {
            split->counts[t][s] += odd[t][s];
        }
    }
}

void hi_cold_prices_set(hi_cold_prices *prices, uint32_t table, uint32_t symbol, uint32_t price)
{
    uint64_t *pair = &prices->pair[table / 2][symbol];

    *pair = table % 2 == 0 ? price : (*pair & UINT32_MAX) | (uint64_t)price << 32;
}

uint32_t hi_cold_cheapest(const hi_cold_prices *prices, uint32_t tables, const uint8_t *symbols,
                          uint32_t count, uint32_t *price_out)
{
    uint64_t sum[HI_RANS_TABLES_MAX / 2] = {0};
    uint32_t cheapest = 0;

    if (tables <= 2) {
        for (uint32_t i = 0; i < count; i++) {
            sum[0] += prices->pair[0][symbols[i]];
        }
    } else {
        for (uint32_t i = 0; i < count; i++) {
            sum[0] += prices->pair[0][symbols[i]];
            sum[1] += prices->pair[1][symbols[i]];
        }
    }
    *price_out = (uint32_t)sum[0];
    for (uint32_t t = 1; t < tables; t++) {
        const uint32_t price = (uint32_t)(sum[t / 2] >> (t % 2 * 32));

        cheapest = price < *price_out ? t : cheapest;
        *price_out = price < *price_out ? price : *price_out;
    }
    return cheapest;
}

/* Prices of symbols in a table; one that it does not have costs what the rarest does. Returns
   about what the table itself takes. */
static uint64_t tables_prices(const tables_split *split, uint32_t table, hi_cold_prices *prices)
{
    const uint32_t *counts = split->counts[table];
    uint32_t total = 0;
    uint32_t used = 0;

    for (uint32_t s = 0; s < split->distinct; s++) {
        total += counts[s];
        used += counts[s] > 0;
    }
    const uint32_t total_log = total == 0 ? 0 : hi_log2_fixed(total);
    for (uint32_t s = 0; s < split->distinct; s++) {
        const uint32_t most = HI_RANS_BITS * TABLES_UNIT;
        const uint32_t price = counts[s] == 0 ? most : total_log - hi_log2_fixed(counts[s]);
        hi_cold_prices_set(prices, table, s, price < most ? price : most);
    }
    return (uint64_t)used * TABLES_SYMBOL_BITS * TABLES_UNIT;
}

/* The table a segment is cheapest in. */
static uint32_t tables_cheapest(const tables_split *split, uint32_t segment,
                                const hi_cold_prices *prices, uint32_t *price_out)
{
    const uint32_t first = segment * HI_RANS_SEGMENT;

    return hi_cold_cheapest(prices, split->tables, split->symbols + first,
                            tables_segment_end(split, segment) - first, price_out);
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
    hi_cold_prices prices;
    uint64_t total = 0;

    for (uint32_t t = 0; t < split->tables; t++) {
        total += tables_prices(split, t, &prices);
    }
    for (uint32_t s = 0; s < split->segments; s++) {
        uint32_t price = 0;
        const uint32_t table = tables_cheapest(split, s, &prices, &price);

        if (table != split->map[s]) {
            tables_move(split, s, table);
            *moved = true;
        }
        total += price;
    }
    return total;
}

/* Places of segments in the order of what they take in one table. */
static void tables_rank(const tables_split *one, const uint32_t *price, uint8_t *rank)
{
    for (uint32_t s = 0; s < one->segments; s++) {
        uint32_t cheaper = 0;

        for (uint32_t o = 0; o < one->segments; o++) {
            cheaper += price[o] < price[s] || (o < s && price[o] == price[s]);
        }
        rank[s] = (uint8_t)cheaper;
    }
}

/* Starts `tables` tables from segments in their order. */
static uint64_t tables_settle(tables_split *split, const uint8_t *rank, uint32_t tables)
{
    uint64_t total = 0;
    bool moved = true;

    split->tables = tables;
    for (uint32_t s = 0; s < split->segments; s++) {
        split->map[s] = (uint8_t)(rank[s] * tables / split->segments);
    }
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
    tables_split one = {.symbols = symbols, .count = count, .tables = 1, .distinct = form->symbols};
    hi_cold_prices prices;
    uint32_t price[HI_RANS_SEGMENTS_MAX];
    uint8_t rank[HI_RANS_SEGMENTS_MAX];

    if (count < TABLES_ROWS_MIN) {
        return;
    }
    one.segments = (count + HI_RANS_SEGMENT - 1) / HI_RANS_SEGMENT;
    tables_count(&one);
    uint64_t single = tables_prices(&one, 0, &prices);
    for (uint32_t s = 0; s < one.segments; s++) {
        (void)tables_cheapest(&one, s, &prices, &price[s]);
        single += price[s];
        price[s] /= tables_segment_end(&one, s) - s * HI_RANS_SEGMENT;
    }
    tables_rank(&one, price, rank);
    tables_split two = one;
    const uint64_t double_price = tables_settle(&two, rank, 2);
    if (double_price + double_price / TABLES_WORTH >= single) {
        return;
    }
    tables_split four = one;
    const uint64_t quad_price = tables_settle(&four, rank, HI_RANS_TABLES_MAX);
    tables_take(quad_price < double_price ? &four : &two, form);
}
