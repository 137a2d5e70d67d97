/*
 * op_series.c -- grouped rows to arrays. Know first: rows (one a series and bin) are assigned to cells of all series laid
 * end to end; an array column is then one gather over the cells, where cells without a row take the default.
 */
#include "query/op_series.h"

#include <math.h>
#include <string.h>

#include "query/op_keys.h"

typedef struct series_one {
    uint32_t first_row; /* A row with its keys. */
    int64_t low;        /* First and last bin, in steps from the axis' zero. */
    int64_t high;
    double low_real;
    uint64_t start; /* First cell. */
    uint32_t length;
} series_one;

typedef struct op_make_series {
    hi_op base;
    hi_make_series spec;
    hist_batch rows;
    series_one *series;
    uint32_t series_count;
    uint32_t *of_row; /* Series of each row, UINT32_MAX: its bin is null. */
    uint32_t *cells;  /* Row of each cell. */
    uint64_t cell_count;
    const uint64_t *used;
    bool done;
} op_make_series;

static bool series_is_real(const op_make_series *self)
{
    return self->spec.axis_type == HIST_TYPE_REAL;
}

static double series_bin_real(const op_make_series *self, uint32_t row)
{
    return hist_column_f64(&self->rows.columns[self->spec.key_count], row);
}

static int64_t series_bin(const op_make_series *self, uint32_t row)
{
    return hist_column_i64(&self->rows.columns[self->spec.key_count], row);
}

/* ---- series ---- */

static bool series_assign(op_make_series *self, hi_keymap *map, hi_buf *key, uint32_t row)
{
    const uint32_t before = map->count;

    hi_buf_clear(key);
    for (uint32_t k = 0; k < self->spec.key_count; k++) {
        hi_key_put(key, &self->base.arena, &self->rows.columns[k], row);
    }
    const uint32_t id = key->failed ? UINT32_MAX : hi_keymap_get(map, key->data, key->size, true);
    if (id == UINT32_MAX) {
        return false;
    }
    series_one *s = &self->series[id];
    const bool is_new = map->count > before;
    if (is_new) {
        s->first_row = row;
    }
    if (series_is_real(self)) {
        const double v = series_bin_real(self, row);

        s->low_real = is_new || v < s->low_real ? v : s->low_real;
        return true;
    }
    const int64_t v = series_bin(self, row);
    s->low = is_new || v < s->low ? v : s->low;
    s->high = is_new || v > s->high ? v : s->high;
    self->of_row[row] = id;
    return true;
}

/* Real axes need a second look for the highest bin, as a double. */
static hist_status series_find(op_make_series *self)
{
    hi_op *op = &self->base;
    hi_keymap map;
    hi_buf key;
    const uint32_t n = self->rows.row_count;
    const hist_column *bins = &self->rows.columns[self->spec.key_count];

    self->series = HI_NEW_ARRAY(&op->keep, series_one, (size_t)n + 1);
    self->of_row = hi_arena_vector(&op->keep, (size_t)n * sizeof(uint32_t));
    bool ok = self->series != NULL && self->of_row != NULL && hi_keymap_init(&map, &op->keep);
    hi_buf_init(&key, op->x->ctx->mem, INT32_MAX);
    for (uint32_t row = 0; row < n && ok; row++) {
        self->of_row[row] = UINT32_MAX;
        ok = !hist_column_valid(bins, row) || series_assign(self, &map, &key, row);
        if (ok && series_is_real(self) && hist_column_valid(bins, row)) {
            self->of_row[row] = hi_keymap_get(&map, key.data, key.size, false);
        }
    }
    hi_buf_free(&key);
    self->series_count = ok ? map.count : 0;
    return ok ? HIST_OK : hi_op_no_memory(op);
}

/* ---- cells ---- */

static hist_status series_too_long(const op_make_series *self)
{
    return hi_fail_at(self->base.x->err, HIST_ELIMIT, self->base.x->ctx->text, self->spec.span,
                      "make-series: an array would have more than %d elements; take a larger step "
                      "or a shorter range",
                      HI_SERIES_LENGTH_MAX);
}

static hist_status series_length_int(op_make_series *self, series_one *s)
{
    const uint64_t step = (uint64_t)self->spec.step.i64;
    uint64_t n;

    if (!self->spec.from.null) {
        s->low = self->spec.from.i64;
    }
    if (!self->spec.to.null) {
        const uint64_t span = (uint64_t)self->spec.to.i64 - (uint64_t)s->low;

        n = self->spec.to.i64 <= s->low ? 0 : (span - 1) / step + 1;
    } else {
        n = ((uint64_t)s->high - (uint64_t)s->low) / step + 1;
    }
    if (n > HI_SERIES_LENGTH_MAX) {
        return series_too_long(self);
    }
    s->length = (uint32_t)n;
    return HIST_OK;
}

static hist_status series_length_real(op_make_series *self, series_one *s, double high)
{
    const double step = self->spec.step.real;

    if (!self->spec.from.null) {
        s->low_real = self->spec.from.real;
    }
    const double n = !self->spec.to.null ? ceil((self->spec.to.real - s->low_real) / step - 1e-9)
                                         : floor((high - s->low_real) / step + 0.5) + 1;
    if (!(n <= HI_SERIES_LENGTH_MAX)) {
        return series_too_long(self);
    }
    s->length = n > 0 ? (uint32_t)n : 0;
    return HIST_OK;
}

static hist_status series_lengths(op_make_series *self)
{
    const uint32_t n = self->rows.row_count;
    double *high = HI_NEW_ARRAY(&self->base.keep, double, (size_t)self->series_count + 1);

    HI_OP_TRY_MEM(self, high != NULL);
    for (uint32_t i = 0; i < self->series_count; i++) {
        high[i] = -(double)INFINITY;
    }
    for (uint32_t row = 0; row < n && series_is_real(self); row++) {
        const uint32_t id = self->of_row[row];

        if (id != UINT32_MAX) {
            high[id] = fmax(high[id], series_bin_real(self, row));
        }
    }
    self->cell_count = 0;
    for (uint32_t i = 0; i < self->series_count; i++) {
        series_one *s = &self->series[i];

        HI_TRY(series_is_real(self) ? series_length_real(self, s, high[i])
                                    : series_length_int(self, s));
        s->start = self->cell_count;
        self->cell_count += s->length;
    }
    return self->cell_count <= INT32_MAX ? HIST_OK : series_too_long(self);
}

static hist_status series_cells(op_make_series *self)
{
    const uint32_t rows = self->rows.row_count;

    self->cells = hi_arena_vector(&self->base.keep, (size_t)self->cell_count * sizeof(uint32_t));
    HI_OP_TRY_MEM(self, self->cells != NULL);
    for (uint64_t c = 0; c < self->cell_count; c++) {
        self->cells[c] = rows; /* The row of the default, put after the others. */
    }
    for (uint32_t row = 0; row < rows; row++) {
        if (self->of_row[row] == UINT32_MAX) {
            continue;
        }
        const series_one *s = &self->series[self->of_row[row]];
        int64_t at;

        if (series_is_real(self)) {
            at = llround((series_bin_real(self, row) - s->low_real) / self->spec.step.real);
        } else {
            at = (series_bin(self, row) - s->low) / self->spec.step.i64;
        }
        if (at >= 0 && at < s->length) {
            self->cells[s->start + (uint64_t)at] = row;
        }
    }
    return HIST_OK;
}

/* ---- columns ---- */

static bool series_offsets(op_make_series *self, int32_t **out)
{
    *out = hi_arena_vector(&self->base.keep, ((size_t)self->series_count + 1) * sizeof(int32_t));
    if (*out == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < self->series_count; i++) {
        (*out)[i] = (int32_t)self->series[i].start;
    }
    (*out)[self->series_count] = (int32_t)self->cell_count;
    return true;
}

static bool series_array(op_make_series *self, uint32_t a, const int32_t *offsets, hist_column *out)
{
    hi_arena *keep = &self->base.keep;
    const hist_column *in = &self->rows.columns[self->spec.key_count + 1 + a];
    const hist_type type = self->base.child[0]->schema.fields[self->spec.key_count + 1 + a].type;
    hist_column parts[2] = {*in};
    hist_column both;
    hist_column *child = HI_NEW(keep, hist_column);

    return child != NULL && hi_col_const(keep, type, 1, &self->spec.defaults[a], &parts[1]) &&
           hi_col_concat(keep, parts, 2, &both) &&
           hi_col_gather(keep, &both, self->cells, (uint32_t)self->cell_count, child) &&
           hi_col_list(keep, self->series_count, offsets, NULL, child, out);
}

static bool series_axis(op_make_series *self, const int32_t *offsets, hist_column *out)
{
    hi_arena *keep = &self->base.keep;
    void *data;
    hist_column *child = HI_NEW(keep, hist_column);

    if (child == NULL ||
        !hi_col_new(keep, self->spec.axis_type, (uint32_t)self->cell_count, child, &data)) {
        return false;
    }
    for (uint32_t i = 0; i < self->series_count; i++) {
        const series_one *s = &self->series[i];

        for (uint32_t k = 0; k < s->length; k++) {
            if (series_is_real(self)) {
                ((double *)data)[s->start + k] = s->low_real + k * self->spec.step.real;
            } else {
                ((int64_t *)data)[s->start + k] = s->low + (int64_t)k * self->spec.step.i64;
            }
        }
    }
    return hi_col_list(keep, self->series_count, offsets, NULL, child, out);
}

static bool series_wants(const op_make_series *self, uint32_t c)
{
    return self->used == NULL || hist_bit_get(self->used, c);
}

static hist_status series_columns(op_make_series *self, hist_batch *out)
{
    hi_op *op = &self->base;
    const uint32_t keys = self->spec.key_count;
    int32_t *offsets;
    uint32_t *firsts = hi_arena_vector(&op->keep, (size_t)self->series_count * sizeof(uint32_t));
    hist_column *columns = hi_op_batch(op, self->series_count, out);
    bool ok = firsts != NULL && columns != NULL && series_offsets(self, &offsets);

    for (uint32_t i = 0; ok && i < self->series_count; i++) {
        firsts[i] = self->series[i].first_row;
    }
    for (uint32_t c = 0; ok && c < op->schema.count; c++) {
        if (!series_wants(self, c)) {
            ok =
                hi_col_nulls(&op->keep, op->schema.fields[c].type, self->series_count, &columns[c]);
        } else if (c < keys) {
            ok = hi_col_gather(&op->keep, &self->rows.columns[c], firsts, self->series_count,
                               &columns[c]);
        } else if (c < keys + self->spec.array_count) {
            ok = series_array(self, c - keys, offsets, &columns[c]);
        } else {
            ok = series_axis(self, offsets, &columns[c]);
        }
    }
    return ok ? HIST_OK : hi_op_no_memory(op);
}

/* kind=nonempty: without any row there is one series of defaults. */
static void series_empty(op_make_series *self)
{
    if (self->series_count == 0 && self->spec.nonempty && self->spec.key_count == 0 &&
        !self->spec.from.null && !self->spec.to.null) {
        self->series_count = 1;
        self->series[0] = (series_one){0};
    }
}

static hist_status series_next(hi_op *op, hist_batch *out)
{
    op_make_series *self = (op_make_series *)op;

    if (self->done) {
        return HIST_OK;
    }
    self->done = true;
    HI_TRY(hi_rows_collect(op->child[0], &op->keep, &self->rows));
    HI_TRY(series_find(self));
    series_empty(self);
    HI_TRY(series_lengths(self));
    if (self->series_count == 0 || self->cell_count == 0) {
        return HIST_OK;
    }
    HI_TRY(series_cells(self));
    return series_columns(self, out);
}

static hist_status series_open(hi_op *op)
{
    ((op_make_series *)op)->done = false;
    return HIST_OK;
}

static void series_need(hi_op *op, const uint64_t *used)
{
    ((op_make_series *)op)->used = used;
    hi_op_need(op->child[0], NULL);
}

static const hi_op_type op_make_series_type = {"make-series", series_open, series_next, NULL,
                                               series_need};

hi_op *hi_op_make_series(hi_exec *x, hi_op *child, const hi_make_series *spec)
{
    op_make_series *self = hi_op_new(x, &op_make_series_type, sizeof(op_make_series), child);
    const uint32_t keys = spec->key_count;
    hi_field *fields = HI_NEW_ARRAY(x->arena, hi_field, (size_t)keys + spec->array_count + 1);

    if (self == NULL || fields == NULL) {
        return NULL;
    }
    for (uint32_t k = 0; k < keys; k++) {
        fields[k] = child->schema.fields[k];
    }
    for (uint32_t a = 0; a < spec->array_count; a++) {
        fields[keys + a] = (hi_field){spec->array_names[a], HIST_TYPE_DYNAMIC};
    }
    fields[keys + spec->array_count] = (hi_field){spec->axis_name, HIST_TYPE_DYNAMIC};
    self->spec = *spec;
    self->base.schema = (hi_schema){keys + spec->array_count + 1, fields};
    return &self->base;
}
