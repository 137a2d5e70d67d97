/*
 * op_scan.c -- rows of a table of the store. Know first: conditions are pushed in while planning. A time range is
 * exact; a condition on tags alone is decided once a series, over the list of all series; a range of a field is only
 * a hint that lets blocks be skipped.
 */
#include <string.h>

#include "query/op_keys.h"

#define SCAN_RANGES_MAX 8

typedef struct op_scan {
    hi_op base;
    const hi_table_def *table;
    int64_t from_ns; /* Inclusive. */
    int64_t last_ns; /* Inclusive. */
    bool empty;
    bool filtered; /* series says which. */
    const uint32_t *series;
    uint32_t series_count;
    hi_range ranges[SCAN_RANGES_MAX];
    uint32_t range_count;
    const uint64_t *used;
    uint32_t *places; /* For each column its place in the scan, or UINT32_MAX. */
    hi_scan *scan;
    hi_scan_stats told;
    hi_scan_fold_fn fold; /* Is offered whole blocks; NULL: nobody. */
    void *fold_arg;
} op_scan;

/* ---- planning ---- */

/* Columns the expression reads: all tags? only time? */
static void scan_kinds(const op_scan *self, const hi_expr *e, bool *only_tags, bool *only_time)
{
    uint64_t *bits = hi_bits_new(self->base.x->arena, self->table->column_count, false);

    *only_tags = *only_time = bits != NULL;
    if (bits == NULL) {
        return;
    }
    hi_expr_columns(e, bits);
    for (uint32_t c = 0; c < self->table->column_count; c++) {
        if (hist_bit_get(bits, c)) {
            *only_tags = *only_tags && self->table->columns[c].kind == HIST_COLUMN_TAG;
            *only_time = *only_time && self->table->columns[c].kind == HIST_COLUMN_TIME;
        }
    }
}

/* An equality of one tag with a constant: from the postings. */
static hist_status scan_series_eq(op_scan *self, const hi_pred *pred, bool *done)
{
    hi_exec *x = self->base.x;
    const hi_column_def *column = &self->table->columns[pred->column];

    *done = false;
    if (pred->op != HI_PRED_EQ || self->filtered || pred->value_count != 1 ||
        pred->values[0].type != HIST_TYPE_STRING) {
        return HIST_OK;
    }
    *done = true;
    return hi_catalog_series_eq(x->catalog, self->table->id, column->id, pred->values[0].str,
                                x->arena, &self->series, &self->series_count, x->err);
}

/* The tags of the series as a batch with the table's columns; what is not used is null. */
static hist_status scan_tag_batch(op_scan *self, hi_arena *temp, const uint64_t *used,
                                  hist_batch *out)
{
    hi_exec *x = self->base.x;
    const uint32_t n = self->table->column_count;
    hist_column *columns = HI_NEW_ARRAY(temp, hist_column, n);

    if (columns == NULL) {
        return hi_op_no_memory(&self->base);
    }
    for (uint32_t c = 0; c < n; c++) {
        const hi_column_def *def = &self->table->columns[c];

        if (hist_bit_get(used, c)) {
            hist_column raw;

            HI_TRY(hi_catalog_tag(x->catalog, self->table->id, def->id, self->series,
                                  self->series_count, temp, &raw, x->err));
            HI_OP_TRY_MEM(self, hi_col_canonical(temp, &raw, &columns[c]));
        } else {
            HI_OP_TRY_MEM(self, hi_col_nulls(temp, def->type, self->series_count, &columns[c]));
        }
    }
    *out = (hist_batch){.column_count = n,
                        .row_count = self->series_count,
                        .sel_count = self->series_count,
                        .columns = columns};
    return HIST_OK;
}

static hist_status scan_series_eval(op_scan *self, hi_arena *temp, const hi_expr *e)
{
    hi_exec *x = self->base.x;
    hist_batch batch;
    hi_eval ev;
    uint32_t count = 0;
    uint64_t *used = hi_bits_new(temp, self->table->column_count, false);
    uint32_t *ids = hi_arena_vector(x->arena, (size_t)self->series_count * sizeof(uint32_t));

    HI_OP_TRY_MEM(self, used != NULL && ids != NULL);
    hi_expr_columns(e, used);
    HI_TRY(scan_tag_batch(self, temp, used, &batch));
    HI_TRY(hi_eval_init(&ev, x->ctx, temp, x->err));
    hi_eval_begin(&ev);
    const hist_status status = hi_expr_filter(e, &ev, &batch, ids, &count);
    hi_eval_free(&ev);
    for (uint32_t i = 0; status == HIST_OK && i < count; i++) {
        ids[i] = self->series[ids[i]];
    }
    self->series = ids;
    self->series_count = count;
    return status;
}

static hist_status scan_push_tags(op_scan *self, const hi_expr *e)
{
    hi_exec *x = self->base.x;
    hi_pred pred;
    hi_arena temp;
    bool done = false;
    hist_status status = HIST_OK;

    if (hi_expr_pred(x->arena, e, &pred)) {
        HI_TRY(scan_series_eq(self, &pred, &done));
    }
    if (!done) {
        if (!self->filtered) {
            HI_TRY(hi_catalog_series(x->catalog, self->table->id, x->arena, &self->series,
                                     &self->series_count, x->err));
        }
        hi_arena_init(&temp, x->ctx->mem);
        if (self->series_count > 0) {
            status = scan_series_eval(self, &temp, e);
        }
        hi_arena_free(&temp);
    }
    self->filtered = true;
    return status;
}

/* A bound as a number; false: of another kind. */
static bool scan_number(const hi_value *v, double *out)
{
    if (v->type == HIST_TYPE_REAL) {
        *out = v->real;
        return true;
    }
    *out = (double)v->i64;
    return v->type == HIST_TYPE_INT || v->type == HIST_TYPE_LONG;
}

static bool scan_range_real(const hi_pred *pred, hi_range *range)
{
    return (!pred->has_low || scan_number(&pred->low, &range->min_real)) &&
           (!pred->has_high || scan_number(&pred->high, &range->max_real));
}

static bool scan_range_int(const hi_pred *pred, hist_type type, hi_range *range)
{
    const hi_value *bounds[2] = {&pred->low, &pred->high};
    const bool has[2] = {pred->has_low, pred->has_high};
    int64_t *to[2] = {&range->min_int, &range->max_int};

    for (int i = 0; i < 2; i++) {
        if (!has[i]) {
            continue;
        }
        if (bounds[i]->type != type && bounds[i]->type != HIST_TYPE_INT) {
            return false;
        }
        *to[i] = bounds[i]->i64;
    }
    return true;
}

/* A comparison of a field with a constant: blocks outside need not be read. */
static void scan_push_range(op_scan *self, const hi_expr *e)
{
    hi_pred pred;

    if (self->range_count == SCAN_RANGES_MAX || !hi_expr_pred(self->base.x->arena, e, &pred)) {
        return;
    }
    if (pred.op == HI_PRED_EQ && pred.value_count == 1) {
        pred.has_low = pred.has_high = true;
        pred.low = pred.high = pred.values[0];
    } else if (pred.op != HI_PRED_RANGE) {
        return;
    }
    const hi_column_def *column = &self->table->columns[pred.column];
    hi_range range = {.column = column->id,
                      .type = column->type,
                      .min_real = -__builtin_inf(),
                      .max_real = __builtin_inf(),
                      .min_int = INT64_MIN,
                      .max_int = INT64_MAX};
    const bool null = (pred.has_low && pred.low.null) || (pred.has_high && pred.high.null);
    bool ok = column->kind == HIST_COLUMN_FIELD && !null;
    if (ok && column->type == HIST_TYPE_REAL) {
        ok = scan_range_real(&pred, &range);
    } else {
        ok = ok && (column->type == HIST_TYPE_LONG || column->type == HIST_TYPE_DATETIME) &&
             scan_range_int(&pred, column->type, &range);
    }
    if (ok) {
        self->ranges[self->range_count++] = range;
    }
}

static void scan_push_time(op_scan *self, const hi_expr *e, bool *exact)
{
    int64_t from = self->from_ns;
    int64_t to = INT64_MAX;

    hi_expr_time_range(self->base.x->arena, e, 0, &from, &to, exact);
    if (from > self->from_ns) {
        self->from_ns = from;
    }
    if (to != INT64_MAX && to - 1 < self->last_ns) {
        self->last_ns = to == INT64_MIN ? INT64_MIN : to - 1;
    }
    self->empty = self->empty || self->from_ns > self->last_ns;
}

hist_status hi_op_scan_push(hi_op *op, const hi_expr *e, bool *exact)
{
    op_scan *self = (op_scan *)op;
    bool only_tags;
    bool only_time;

    *exact = false;
    if (op->x->no_pushdown || !hi_expr_is_pure(e) || hi_expr_is_const(e)) {
        return HIST_OK;
    }
    scan_kinds(self, e, &only_tags, &only_time);
    if (only_tags && only_time) { /* No column at all, or no memory. */
        return HIST_OK;
    }
    if (only_tags) {
        *exact = true;
        return scan_push_tags(self, e);
    }
    if (only_time) {
        scan_push_time(self, e, exact);
    } else {
        scan_push_range(self, e);
    }
    return HIST_OK;
}

/* ---- running ---- */

static hist_status scan_open(hi_op *op)
{
    op_scan *self = (op_scan *)op;
    static const uint32_t none = 0;
    uint32_t count = 0;
    const uint32_t n = self->table->column_count;
    hi_column_def *columns = HI_NEW_ARRAY(&op->keep, hi_column_def, n);

    self->places = HI_NEW_ARRAY(&op->keep, uint32_t, n);
    self->told = (hi_scan_stats){0};
    HI_OP_TRY_MEM(self, columns != NULL && self->places != NULL);
    for (uint32_t c = 0; c < n; c++) {
        self->places[c] = UINT32_MAX;
        if (self->used == NULL || hist_bit_get(self->used, c)) {
            self->places[c] = count;
            columns[count++] = self->table->columns[c];
        }
    }
    if (self->empty || (self->filtered && self->series_count == 0)) {
        self->scan = NULL;
        return HIST_OK;
    }
    if (count == 0) { /* count: the time column tells how many. */
        columns[count++] = self->table->columns[0];
    }
    const hi_scan_spec spec = {
        .table = self->table->id,
        .columns = columns,
        .column_count = count,
        .from_ns = self->from_ns,
        .last_ns = self->last_ns,
        .series = self->filtered ? (self->series != NULL ? self->series : &none) : NULL,
        .series_count = self->series_count,
        .ranges = self->ranges,
        .range_count = self->range_count,
        .fold = self->fold,
        .fold_arg = self->fold_arg,
        .no_statistics = op->x->no_statistics};
    return hi_scan_open(op->x->snapshot, op->x->ctx->mem, &spec, &self->scan, op->x->err);
}

/* What the scan read since the last call, for the figures of the query. */
static void scan_tell(op_scan *self)
{
    const hi_scan_stats now = *hi_scan_get_stats(self->scan);
    hi_scan_stats *all = &self->base.x->stats;

    all->rows += now.rows - self->told.rows;
    all->blocks_read += now.blocks_read - self->told.blocks_read;
    all->blocks_skipped += now.blocks_skipped - self->told.blocks_skipped;
    self->told = now;
}

/* Canonical; the values of runs flat. */
static bool scan_column(hi_arena *arena, const hist_column *in, hist_column *out)
{
    hist_column runs = *in;

    if (in->layout == HIST_LAYOUT_RUNS && in->child->layout != HIST_LAYOUT_FLAT) {
        hist_column *values = HI_NEW(arena, hist_column);

        if (values == NULL || !hi_col_flatten(arena, in->child, values)) {
            return false;
        }
        runs.child = values;
    }
    return hi_col_canonical(arena, &runs, out);
}

static hist_status scan_next(hi_op *op, hist_batch *out)
{
    op_scan *self = (op_scan *)op;
    hi_scan_batch batch;

    if (self->scan == NULL) {
        return HIST_OK;
    }
    HI_TRY(hi_scan_next(self->scan, &batch, op->x->err));
    scan_tell(self);
    if (batch.batch.row_count == 0) {
        return HIST_OK;
    }
    hist_column *columns = hi_op_batch(op, batch.batch.row_count, out);
    HI_OP_TRY_MEM(self, columns != NULL);
    for (uint32_t c = 0; c < op->schema.count; c++) {
        const uint32_t place = self->places[c];
        const bool ok =
            place == UINT32_MAX
                ? hi_col_nulls(&op->arena, op->schema.fields[c].type, out->row_count, &columns[c])
                : scan_column(&op->arena, &batch.batch.columns[place], &columns[c]);
        HI_OP_TRY_MEM(self, ok);
    }
    return HIST_OK;
}

static void scan_close(hi_op *op)
{
    op_scan *self = (op_scan *)op;

    hi_scan_close(self->scan);
    self->scan = NULL;
}

static void scan_need(hi_op *op, const uint64_t *used)
{
    ((op_scan *)op)->used = used;
}

static const hi_op_type op_scan_type = {"scan", scan_open, scan_next, scan_close, scan_need};

hi_op *hi_op_scan(hi_exec *x, const hi_table_def *table)
{
    op_scan *self = hi_op_new(x, &op_scan_type, sizeof(op_scan), NULL);
    hi_field *fields = HI_NEW_ARRAY(x->arena, hi_field, table->column_count);

    if (self == NULL || fields == NULL) {
        return NULL;
    }
    for (uint32_t c = 0; c < table->column_count; c++) {
        fields[c] = (hi_field){table->columns[c].name, table->columns[c].type};
    }
    self->table = table;
    self->from_ns = INT64_MIN;
    self->last_ns = INT64_MAX;
    self->base.schema = (hi_schema){table->column_count, fields};
    return &self->base;
}

bool hi_op_is_scan(const hi_op *op)
{
    return op->type == &op_scan_type;
}

/* ---- blocks ---- */

hi_op *hi_op_scan_below(hi_op *op)
{
    while (hi_op_project_exprs(op) != NULL) {
        op = op->child[0];
    }
    return hi_op_is_scan(op) ? op : NULL;
}

const hi_column_def *hi_op_scan_def(const hi_op *scan, uint32_t column)
{
    return &((const op_scan *)scan)->table->columns[column];
}

void hi_op_scan_fold(hi_op *scan, hi_scan_fold_fn fold, void *arg)
{
    op_scan *self = (op_scan *)scan;

    self->fold = fold;
    self->fold_arg = arg;
}

const hi_block_stats *hi_op_scan_stats(const hi_op *scan, const hi_scan_block *block,
                                       uint32_t column)
{
    return &block->stats[((const op_scan *)scan)->places[column]];
}

hist_status hi_op_scan_figures(const hi_op *scan, uint32_t column, bool extremes,
                               const hi_block_stats **stats_out, hist_error *err)
{
    const op_scan *self = (const op_scan *)scan;

    return hi_scan_fold(self->scan, self->places[column], extremes, stats_out, err);
}

hist_status hi_op_scan_tags(hi_op *scan, hi_arena *arena, uint32_t series, const uint64_t *used,
                            hist_batch *out)
{
    op_scan one = *(op_scan *)scan;

    one.series = &series;
    one.series_count = 1;
    return scan_tag_batch(&one, arena, used, out);
}

/* ---- grouped rows ---- */

/* Series whose tags are compared to find out whether keys tell them apart. */
enum { SCAN_TELL_APART_MAX = 1 << 16 };

uint32_t hi_op_scan_column(const hi_op *op, uint32_t c)
{
    for (; !hi_op_is_scan(op) && c != UINT32_MAX; op = op->child[0]) {
        const hi_expr *const *exprs = hi_op_project_exprs(op);

        if (exprs != NULL) {
            c = exprs[c]->kind == HI_EXPR_COLUMN ? exprs[c]->u.column : UINT32_MAX;
        }
    }
    return c;
}

/* Keys of `op` that are tags, as columns in *tags; false: there is another key that is not constant, or not one bin of
   time. */
static bool scan_key_tags(const op_scan *self, const hi_op *op, const hi_expr *const *keys,
                          uint32_t key_count, uint64_t *tags)
{
    const hi_column_def *columns = self->table->columns;
    uint32_t bins = 0;

    for (uint32_t k = 0; k < key_count; k++) {
        uint32_t column = 0;
        int64_t width = 0;
        int64_t origin = 0;

        if (hi_expr_is_const(keys[k])) {
            continue;
        }
        if (hi_expr_time_bin(keys[k], &column, &width, &origin)) {
            column = hi_op_scan_column(op, column);
            bins++;
            if (column == UINT32_MAX || columns[column].kind != HIST_COLUMN_TIME || width <= 0 ||
                !hi_scan_keeps_bins(self->scan, origin, width)) {
                return false;
            }
            continue;
        }
        column =
            keys[k]->kind == HI_EXPR_COLUMN ? hi_op_scan_column(op, keys[k]->u.column) : UINT32_MAX;
        if (column == UINT32_MAX || columns[column].kind != HIST_COLUMN_TAG) {
            return false;
        }
        hi_bit_set(tags, column);
    }
    return bins == 1;
}

/* Whether no two of the batch's rows are equal in the columns of `used`. */
static bool scan_rows_differ(hi_arena *temp, const hist_batch *rows, const uint64_t *used)
{
    hi_keymap map;
    hi_buf key;
    bool ok = hi_keymap_init(&map, temp);

    hi_buf_init(&key, temp->mem, INT32_MAX);
    for (uint32_t row = 0; ok && row < rows->row_count; row++) {
        hi_buf_clear(&key);
        for (uint32_t c = 0; c < rows->column_count; c++) {
            if (hist_bit_get(used, c)) {
                hi_key_put(&key, temp, &rows->columns[c], row);
            }
        }
        ok = !key.failed && hi_keymap_get(&map, key.data, key.size, true) == row;
    }
    hi_buf_free(&key);
    return ok;
}

/* Whether any two series of the scan differ in the tags. Two series differ in some tag. */
static bool scan_tell_apart(op_scan *self, hi_arena *temp, const uint64_t *tags)
{
    hi_exec *x = self->base.x;
    op_scan all = *self;
    hist_batch batch;
    bool every = true;

    for (uint32_t c = 0; c < self->table->column_count; c++) {
        every = every && (self->table->columns[c].kind != HIST_COLUMN_TAG || hist_bit_get(tags, c));
    }
    if (every) {
        return true;
    }
    if (!self->filtered && hi_catalog_series(x->catalog, self->table->id, temp, &all.series,
                                             &all.series_count, x->err) != HIST_OK) {
        return false;
    }
    return all.series_count <= SCAN_TELL_APART_MAX &&
           scan_tag_batch(&all, temp, tags, &batch) == HIST_OK &&
           scan_rows_differ(temp, &batch, tags);
}

bool hi_op_scan_grouped(hi_op *op, const hi_expr *const *keys, uint32_t key_count)
{
    hi_op *at = op;

    while (hi_op_is_filter(at) || hi_op_project_exprs(at) != NULL) {
        at = at->child[0];
    }
    op_scan *self = (op_scan *)at;
    if (op->x->no_pushdown || !hi_op_is_scan(at) || self->scan == NULL) {
        return false;
    }
    hi_arena temp;
    hi_arena_init(&temp, op->x->ctx->mem);
    uint64_t *tags = hi_bits_new(&temp, self->table->column_count, false);
    const bool grouped = tags != NULL && scan_key_tags(self, op, keys, key_count, tags) &&
                         scan_tell_apart(self, &temp, tags);
    hi_arena_free(&temp);
    return grouped;
}
