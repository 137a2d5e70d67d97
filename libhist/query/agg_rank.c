/* agg_rank.c -- percentiles: exact, by nearest rank over all values of a group. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "query/agg_log.h"

typedef struct rank_item {
    int64_t key; /* Orders like the value. */
    int64_t weight;
    uint32_t row;
} rank_item;

static hist_status rank_open(hi_agg_run *run)
{
    return hi_log_open(run, run->agg->weighted ? 2 : 1);
}

static hist_status rank_update(hi_agg_run *run, const hist_column *args, const uint64_t *mask,
                               const hi_stretch *s, uint32_t count)
{
    hi_agg_log *log = run->own;
    const uint64_t *valid = args[0].valid;

    (void)mask;
    if (!hi_log_begin(run, log, args[0].length)) {
        return hi_agg_no_memory(run);
    }
    for (uint32_t k = 0; k < count; k++) {
        for (uint32_t i = s[k].first; i < s[k].first + s[k].rows; i++) {
            if (valid == NULL || hist_bit_get(valid, i)) {
                hi_log_pick(log, i, s[k].group);
            }
        }
    }
    return hi_log_keep(run, log, args) ? HIST_OK : hi_agg_no_memory(run);
}

static int64_t rank_key(const hist_column *c, uint32_t row)
{
    int64_t bits;

    if (c->stored != HIST_TYPE_REAL) {
        return hist_column_i64(c, row);
    }
    const double v = ((const double *)c->data)[row];
    memcpy(&bits, &v, sizeof(bits));
    return bits < 0 ? (int64_t)(~(uint64_t)bits ^ (UINT64_C(1) << 63)) : bits;
}

static int rank_compare(const void *a, const void *b)
{
    const rank_item *x = a;
    const rank_item *y = b;

    return (x->key > y->key) - (x->key < y->key);
}

/* The row of percentile p among sorted items. */
static uint32_t rank_row(const rank_item *items, uint32_t n, bool weighted, double p)
{
    if (!weighted) {
        const double place = ceil(p / 100.0 * n - 1e-9);
        const uint32_t k = place < 1 ? 0 : (uint32_t)place - 1;

        return items[k < n ? k : n - 1].row;
    }
    double total = 0;
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        total += (double)items[i].weight;
    }
    for (uint32_t i = 0; i < n; i++) {
        sum += (double)items[i].weight;
        if (sum >= p / 100.0 * total - 1e-9 && items[i].weight > 0) {
            return items[i].row;
        }
    }
    return items[n - 1].row;
}

/* For each group and percentile the row of its value in the ordered log. */
static bool rank_rows(hi_agg_run *run, uint32_t groups, const hist_column *values,
                      const int32_t *offsets, uint32_t *rows)
{
    const uint32_t n = values[0].length;
    const uint32_t percents = run->agg->percent_count;
    rank_item *items = hi_arena_vector(&run->op->keep, (size_t)n * sizeof(rank_item));

    if (items == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        const bool has = run->agg->weighted && hist_column_valid(&values[1], i);

        items[i] =
            (rank_item){rank_key(&values[0], i), has ? hist_column_i64(&values[1], i) : 0, i};
    }
    for (uint32_t g = 0; g < groups; g++) {
        rank_item *of = items + offsets[g];
        const uint32_t count = (uint32_t)(offsets[g + 1] - offsets[g]);

        qsort(of, count, sizeof(rank_item), rank_compare);
        for (uint32_t k = 0; k < percents; k++) {
            rows[(size_t)g * percents + k] =
                count == 0 ? HI_ROW_NONE
                           : rank_row(of, count, run->agg->weighted, run->agg->percents[k]);
        }
    }
    return true;
}

/* percentiles_array: a list a group. */
static bool rank_lists(hi_agg_run *run, uint32_t groups, const hist_column *values,
                       const uint32_t *rows, hist_column *out)
{
    hi_arena *keep = &run->op->keep;
    const uint32_t percents = run->agg->percent_count;
    hist_column *child = HI_NEW(keep, hist_column);
    int32_t *offsets = hi_arena_vector(keep, ((size_t)groups + 1) * sizeof(int32_t));
    uint64_t *valid = hi_bits_new(keep, groups, true);

    if (child == NULL || offsets == NULL || valid == NULL ||
        !hi_col_gather(keep, values, rows, groups * percents, child)) {
        return false;
    }
    for (uint32_t g = 0; g <= groups; g++) {
        offsets[g] = (int32_t)(g * percents);
        if (g < groups && percents > 0 && rows[(size_t)g * percents] == HI_ROW_NONE) {
            hi_bit_clear(valid, g);
        }
    }
    return hi_col_list(keep, groups, offsets, valid, child, out);
}

static hist_status rank_finish(hi_agg_run *run, uint32_t groups, hist_column *out)
{
    hi_arena *keep = &run->op->keep;
    const uint32_t percents = run->agg->percent_count;
    hist_column values[HI_LOG_COLUMNS_MAX];
    int32_t *offsets;
    uint32_t *rows = hi_arena_vector(keep, (size_t)groups * (percents + 1) * sizeof(uint32_t));
    uint32_t *one = hi_arena_vector(keep, (size_t)groups * sizeof(uint32_t));
    bool ok = rows != NULL && one != NULL &&
              hi_log_order(run, run->own, groups, run->agg->args[0]->type, values, &offsets) &&
              rank_rows(run, groups, values, offsets, rows);

    if (ok && run->agg->as_array) {
        ok = rank_lists(run, groups, values, rows, out);
    }
    for (uint32_t k = 0; ok && !run->agg->as_array && k < percents; k++) {
        for (uint32_t g = 0; g < groups; g++) {
            one[g] = rows[(size_t)g * percents + k];
        }
        ok = hi_col_gather(keep, &values[0], one, groups, &out[k]);
    }
    return ok ? HIST_OK : hi_agg_no_memory(run);
}

const hi_agg_kind hi_agg_percentile = {"percentile", 0, rank_open, rank_update, rank_finish, 0};
