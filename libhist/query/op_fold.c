/* op_fold.c -- blocks and pieces into groups by their figures; see op_fold.h. */
#include "query/op_fold.h"

#include <string.h>

#define FOLD_NO_COLUMN UINT32_MAX

/* Which rows of a block an aggregate takes. */
typedef enum fold_rows {
    FOLD_ALL = 1, /* count() */
    FOLD_VALUES,  /* Those with a value: sum(x), countif(isnotnull(x)). */
    FOLD_TRUE,    /* countif(flag) */
} fold_rows;

typedef struct fold_agg {
    const hi_agg_fold *fold;
    fold_rows rows;
    uint32_t column; /* Of the scan; FOLD_NO_COLUMN: none. */
    bool extremes;   /* Somebody asks for min or max of the column. */
} fold_agg;

/* A key that is a bin of time. */
typedef struct fold_bin {
    int64_t width;
    int64_t origin;
} fold_bin;

struct hi_fold {
    hi_op *op;
    hi_op *scan;
    fold_agg *aggs;
    uint32_t agg_count;
    /* Of the keys: */
    uint32_t key_count;
    bool by_series; /* They read tags: */
    uint64_t *tags; /* these columns of the scan. */
    fold_bin *bins;
    uint32_t bin_count;
    uint32_t time;   /* Column of the scan that bins are made of. */
    uint32_t *below; /* Columns of the scan by columns that keys read; FOLD_NO_COLUMN: none does. */
    const hi_block_stats **figures; /* Of the block at hand, one an aggregate that has a column. */
    /* Where blocks go: */
    hi_agg_run *runs;
    hi_grouper *grouper;
    bool has_last; /* Where keys are tags alone: the block before was of this series and group. */
    uint32_t last_series;
    uint32_t last_group;
};

/* ---- planning ---- */

/* Column of the scan that `e` is, if it has statistics. */
static uint32_t fold_column(const hi_op *child, const hi_op *scan, const hi_expr *e)
{
    const uint32_t c =
        e->kind == HI_EXPR_COLUMN ? hi_op_scan_column(child, e->u.column) : FOLD_NO_COLUMN;

    return c != FOLD_NO_COLUMN && hi_op_scan_def(scan, c)->kind != HIST_COLUMN_TAG ? c
                                                                                   : FOLD_NO_COLUMN;
}

/* countif: of values, or of what is true. */
static bool fold_plan_countif(const hi_fold *f, const hi_agg *agg, fold_agg *out)
{
    const hi_op *child = f->op->child[0];
    hi_pred pred;

    if (agg->filter->kind == HI_EXPR_COLUMN) {
        out->rows = FOLD_TRUE;
        out->column = fold_column(child, f->scan, agg->filter);
    } else if (hi_expr_pred(f->op->x->arena, agg->filter, &pred) && pred.op == HI_PRED_NOT_NULL) {
        const hi_expr column = {.kind = HI_EXPR_COLUMN, .u.column = pred.column};

        out->rows = FOLD_VALUES;
        out->column = fold_column(child, f->scan, &column);
    }
    return out->column != FOLD_NO_COLUMN;
}

static bool fold_plan_agg(const hi_fold *f, const hi_agg *agg, fold_agg *out)
{
    *out = (fold_agg){hi_agg_fold_of(agg->kind), FOLD_ALL, FOLD_NO_COLUMN, false};
    if (out->fold == NULL) {
        return false;
    }
    if (agg->kind == &hi_agg_count) {
        return agg->filter == NULL || fold_plan_countif(f, agg, out);
    }
    out->rows = FOLD_VALUES;
    out->column = fold_column(f->op->child[0], f->scan, agg->args[0]);
    return agg->filter == NULL && out->column != FOLD_NO_COLUMN;
}

/* A column is folded once for all aggregates. */
static void fold_plan_extremes(hi_fold *f)
{
    for (uint32_t a = 0; a < f->agg_count; a++) {
        for (uint32_t b = 0; b < f->agg_count; b++) {
            f->aggs[a].extremes |=
                f->aggs[b].column == f->aggs[a].column && f->aggs[b].fold->extremes;
        }
    }
}

static bool fold_plan_bin(hi_fold *f, const hi_expr *key, bool *is_bin)
{
    fold_bin bin;
    uint32_t c = 0;

    *is_bin = hi_expr_time_bin(key, &c, &bin.width, &bin.origin);
    if (!*is_bin) {
        return true;
    }
    const uint32_t column = hi_op_scan_column(f->op->child[0], c);
    if (column == FOLD_NO_COLUMN || hi_op_scan_def(f->scan, column)->kind != HIST_COLUMN_TIME ||
        bin.width <= 0 || bin.width >= INT64_MAX / 8) {
        return false;
    }
    f->below[c] = column;
    f->time = column;
    f->bins[f->bin_count++] = bin;
    return true;
}

/* A key is constant, a bin of time, or made of tags. */
static bool fold_plan_key(hi_fold *f, const hi_expr *key, uint64_t *used)
{
    const hi_op *child = f->op->child[0];
    bool is_bin = false;

    if (hi_expr_is_const(key)) {
        return true;
    }
    if (!hi_expr_is_pure(key) || hi_expr_is_window(key) || !fold_plan_bin(f, key, &is_bin)) {
        return false;
    }
    if (is_bin) {
        return true;
    }
    memset(used, 0, hi_bits_words(child->schema.count) * sizeof(uint64_t));
    hi_expr_columns(key, used);
    for (uint32_t c = 0; c < child->schema.count; c++) {
        const uint32_t column =
            hist_bit_get(used, c) ? hi_op_scan_column(child, c) : FOLD_NO_COLUMN;

        if (hist_bit_get(used, c)) {
            if (column == FOLD_NO_COLUMN ||
                hi_op_scan_def(f->scan, column)->kind != HIST_COLUMN_TAG) {
                return false;
            }
            f->below[c] = column;
            f->by_series = true;
            hi_bit_set(f->tags, column);
        }
    }
    return true;
}

static hist_status fold_offered(void *arg, const hi_scan_block *block, bool now, bool *taken_out,
                                hist_error *err);

static bool fold_plan_room(hi_fold *f, uint64_t **used)
{
    hi_arena *arena = f->op->x->arena;
    const uint32_t columns = f->op->child[0]->schema.count;

    f->aggs = HI_NEW_ARRAY(arena, fold_agg, (size_t)f->agg_count + 1);
    f->figures = HI_NEW_ARRAY(arena, const hi_block_stats *, (size_t)f->agg_count + 1);
    f->bins = HI_NEW_ARRAY(arena, fold_bin, (size_t)f->key_count + 1);
    f->below = HI_NEW_ARRAY(arena, uint32_t, (size_t)columns + 1);
    f->tags = hi_bits_new(arena, f->scan->schema.count, false);
    *used = hi_bits_new(arena, columns, false);
    if (f->aggs == NULL || f->figures == NULL || f->bins == NULL || f->below == NULL ||
        f->tags == NULL || *used == NULL) {
        return false;
    }
    for (uint32_t c = 0; c < columns; c++) {
        f->below[c] = FOLD_NO_COLUMN;
    }
    return true;
}

hi_fold *hi_fold_plan(hi_op *op, const hi_expr *const *keys, uint32_t key_count, const hi_agg *aggs,
                      uint32_t agg_count)
{
    hi_op *scan = op->x->no_pushdown ? NULL : hi_op_scan_below(op->child[0]);
    hi_fold *f = scan == NULL ? NULL : HI_NEW(op->x->arena, hi_fold);
    uint64_t *used = NULL;

    if (f == NULL) {
        return NULL;
    }
    *f = (hi_fold){.op = op, .scan = scan, .agg_count = agg_count, .key_count = key_count};
    bool ok = fold_plan_room(f, &used);
    for (uint32_t a = 0; ok && a < agg_count; a++) {
        ok = fold_plan_agg(f, &aggs[a], &f->aggs[a]);
    }
    for (uint32_t k = 0; ok && k < key_count; k++) {
        ok = fold_plan_key(f, keys[k], used);
    }
    if (!ok) {
        return NULL;
    }
    fold_plan_extremes(f);
    hi_op_scan_fold(scan, fold_offered, f);
    return f;
}

void hi_fold_begin(hi_fold *fold, hi_agg_run *runs, hi_grouper *grouper)
{
    fold->runs = runs;
    fold->grouper = grouper;
    fold->has_last = false;
}

/* ---- taking blocks ---- */

/* Times whose bins are computed without overflow: within 2^62 of zero. */
static bool fold_plain_time(int64_t t)
{
    return ((uint64_t)t ^ ((uint64_t)t << 1)) >> 63 == 0;
}

static int64_t fold_bin_start(const fold_bin *bin, int64_t t)
{
    const int64_t offset = (t - bin->origin) % bin->width;

    return t - (offset < 0 ? offset + bin->width : offset);
}

/* Whether the block is in one bin of each kind. A block of several series may come before its turn, but
   its first row does not: groups come in the order in which rows would have made them. */
static bool fold_in_one_bin(const hi_fold *f, const hi_scan_block *block)
{
    if (f->bin_count == 0) {
        return true;
    }
    const int64_t first = block->first_ns;
    const int64_t last = block->last_ns;
    bool same = fold_plain_time(first) && fold_plain_time(last);

    for (uint32_t b = 0; same && b < f->bin_count; b++) {
        same = fold_bin_start(&f->bins[b], first) == fold_bin_start(&f->bins[b], last);
    }
    return same;
}

/* Types whose figures can be had from the bytes of a block. */
static bool fold_has_figures(hist_type type)
{
    return type == HIST_TYPE_LONG || type == HIST_TYPE_REAL || type == HIST_TYPE_DATETIME;
}

/* Whether statistics of the block let the aggregate take it, or try to. */
static bool fold_may_take(const hi_fold *f, const hi_scan_block *block, const fold_agg *agg)
{
    if (agg->column == FOLD_NO_COLUMN) {
        return true;
    }
    return (block->exact || fold_has_figures(hi_op_scan_def(f->scan, agg->column)->type)) &&
           (agg->fold->knows == NULL ||
            agg->fold->knows(hi_op_scan_stats(f->scan, block, agg->column)));
}

static bool fold_may_take_all(const hi_fold *f, const hi_scan_block *block)
{
    bool takes = (block->one_series || !f->by_series) && fold_in_one_bin(f, block);

    for (uint32_t a = 0; takes && a < f->agg_count; a++) {
        takes = fold_may_take(f, block, &f->aggs[a]);
    }
    return takes;
}

/* The figures of every aggregate; *takes false: not all are known. */
static hist_status fold_figures(hi_fold *f, bool *takes, hist_error *err)
{
    *takes = true;
    for (uint32_t a = 0; *takes && a < f->agg_count; a++) {
        const fold_agg *agg = &f->aggs[a];

        if (agg->column != FOLD_NO_COLUMN) {
            HI_TRY(hi_op_scan_figures(f->scan, agg->column, agg->extremes, &f->figures[a], err));
            *takes = f->figures[a] != NULL &&
                     (agg->fold->knows == NULL || agg->fold->knows(f->figures[a]));
        }
    }
    return HIST_OK;
}

/* A row of the block as its keys see it: tags, and the first time. */
static hist_status fold_row(const hi_fold *f, const hi_scan_block *block, hist_batch *out)
{
    hi_arena *arena = &f->op->arena;
    const uint32_t columns = f->op->child[0]->schema.count;
    hist_column *row = HI_NEW_ARRAY(arena, hist_column, (size_t)columns + 1);
    int64_t *time = hi_arena_vector(arena, sizeof(int64_t));
    hist_batch tags = {0};

    if (row == NULL || time == NULL) {
        return hi_op_no_memory(f->op);
    }
    if (f->by_series) {
        HI_TRY(hi_op_scan_tags(f->scan, arena, block->series, f->tags, &tags));
    }
    for (uint32_t c = 0; c < columns; c++) {
        if (f->below[c] == FOLD_NO_COLUMN) {
            continue;
        }
        if (f->by_series && hist_bit_get(f->tags, f->below[c])) {
            row[c] = tags.columns[f->below[c]];
            continue;
        }
        *time = block->first_ns;
        row[c] = (hist_column){.type = HIST_TYPE_DATETIME,
                               .stored = HIST_TYPE_DATETIME,
                               .layout = HIST_LAYOUT_FLAT,
                               .length = 1,
                               .data_count = 1,
                               .data = time};
    }
    *out = (hist_batch){.column_count = columns, .row_count = 1, .sel_count = 1, .columns = row};
    return HIST_OK;
}

static hist_status fold_group(hi_fold *f, const hi_scan_block *block, uint32_t *group_out)
{
    hi_op *op = f->op;
    hi_stretch *stretches;
    hist_batch row;
    uint32_t count;

    *group_out = f->last_group;
    if (f->key_count == 0 || (f->has_last && (!f->by_series || block->series == f->last_series))) {
        return HIST_OK;
    }
    hi_arena_rewind(&op->arena, op->mark);
    hi_eval_begin(&op->ev);
    HI_TRY(fold_row(f, block, &row));
    HI_TRY(hi_grouper_rows(f->grouper, &row, &stretches, &count));
    *group_out = stretches[0].group;
    f->has_last = f->bin_count == 0;
    f->last_series = block->series;
    f->last_group = f->has_last ? *group_out : 0;
    return HIST_OK;
}

static uint32_t fold_values(const fold_agg *agg, uint32_t rows, const hi_block_stats *stats)
{
    switch (agg->rows) {
    case FOLD_VALUES:
        return rows - stats->nulls;
    case FOLD_TRUE:
        return (uint32_t)stats->sum_lo;
    case FOLD_ALL:
    default:
        return rows;
    }
}

/* hi_scan_fold_fn. The error goes where those of operators go, which is `err`. */
static hist_status fold_offered(void *arg, const hi_scan_block *block, bool now, bool *taken_out,
                                hist_error *err)
{
    hi_fold *f = arg;
    uint32_t group = 0;

    *taken_out = fold_may_take_all(f, block);
    if (!*taken_out || !now) {
        return HIST_OK;
    }
    HI_TRY(fold_figures(f, taken_out, err));
    if (!*taken_out) {
        return HIST_OK;
    }
    HI_TRY(hi_qctx_check(f->op->x->ctx, err));
    HI_TRY(fold_group(f, block, &group));
    const uint32_t groups = f->key_count == 0 ? 1 : hi_grouper_count(f->grouper);
    for (uint32_t a = 0; a < f->agg_count; a++) {
        const fold_agg *agg = &f->aggs[a];

        HI_TRY(hi_agg_take_block(&f->runs[a], agg->fold, group, groups,
                                 fold_values(agg, block->rows, f->figures[a]), f->figures[a]));
    }
    return HIST_OK;
}
