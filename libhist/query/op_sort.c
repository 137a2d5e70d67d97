/*
 * op_sort.c -- sort and top. Know first: every row has a 64-bit prefix of its first key that orders like the key, so
 * that most comparisons look at one number; equal prefixes are decided by comparing the columns. Stable. top keeps no
 * more rows than it will give.
 */
#include <string.h>

#include "query/op.h"

typedef struct sort_item {
    uint64_t prefix;
    uint32_t row;
} sort_item;

typedef struct op_sort {
    hi_op base;
    const hi_sort_key *keys;
    uint32_t key_count;
    uint64_t limit;
    hist_column *columns; /* Of the keys, over `rows`. */
    hist_batch rows;
    hi_arena turns[2]; /* Of the rows kept by top, in turns. */
    uint32_t *order;
    uint32_t count;
    uint32_t at;
    bool done;
} op_sort;

/* Whether nulls go to the end where the natural order (nulls lowest) would not put them. */
static bool sort_moves_nulls(const hi_sort_key *key)
{
    return key->desc != key->nulls_last;
}

static int sort_compare_key(const hi_sort_key *key, const hist_column *c, uint32_t i, uint32_t j)
{
    if (sort_moves_nulls(key)) {
        const bool a = hi_col_is_nullish(c, i);
        const bool b = hi_col_is_nullish(c, j);

        if (a != b) {
            return (a ? 1 : -1) * (key->desc ? -1 : 1);
        }
        if (a) {
            return hi_col_compare(c, i, c, j) * (key->desc ? 1 : -1);
        }
    }
    const int order = hi_col_compare(c, i, c, j);
    return key->desc ? -order : order;
}

static bool sort_before(const op_sort *self, const sort_item *a, const sort_item *b)
{
    if (a->prefix != b->prefix) {
        return a->prefix < b->prefix;
    }
    for (uint32_t k = 0; k < self->key_count; k++) {
        const int order = sort_compare_key(&self->keys[k], &self->columns[k], a->row, b->row);

        if (order != 0) {
            return order < 0;
        }
    }
    return a->row < b->row;
}

/* ---- prefixes ---- */

static uint64_t sort_prefix_real(double v)
{
    uint64_t bits;

    if (v != v) {
        return 1;
    }
    v += 0.0; /* -0.0 */
    memcpy(&bits, &v, sizeof(bits));
    return (bits >> 63) != 0 ? ~bits : bits | (UINT64_C(1) << 63);
}

static uint64_t sort_prefix_text(hist_str s)
{
    uint64_t v = 0;

    for (size_t i = 0; i < 8; i++) {
        v = (v << 8) | (i < s.size ? (uint8_t)s.data[i] : 0);
    }
    return v;
}

static uint64_t sort_prefix(const hist_column *c, uint32_t row)
{
    switch (c->stored) {
    case HIST_TYPE_BOOL:
    case HIST_TYPE_INT:
    case HIST_TYPE_LONG:
    case HIST_TYPE_DATETIME:
    case HIST_TYPE_TIMESPAN:
        return (uint64_t)hist_column_i64(c, row) ^ (UINT64_C(1) << 63);
    case HIST_TYPE_REAL:
        return sort_prefix_real(hist_column_f64(c, row));
    case HIST_TYPE_STRING:
        return sort_prefix_text(hist_column_str(c, row));
    default:
        return 0;
    }
}

static bool sort_has_prefix(const hist_column *c)
{
    switch (c->stored) {
    case HIST_TYPE_DECIMAL:
    case HIST_TYPE_GUID:
    case HIST_TYPE_DYNAMIC:
        return false;
    default:
        return c->layout != HIST_LAYOUT_LIST;
    }
}

/* Prefixes of the first key; 0 for all rows where the type has none. */
static void sort_fill(const op_sort *self, sort_item *items, uint32_t rows)
{
    const hist_column *c = &self->columns[0];
    const hi_sort_key *key = &self->keys[0];
    const bool has = sort_has_prefix(c);
    const bool moved = sort_moves_nulls(key);

    for (uint32_t i = 0; i < rows; i++) {
        uint64_t p = 0;

        if (has && hist_column_valid(c, i)) {
            p = sort_prefix(c, i);
        }
        if (has && moved && hi_col_is_nullish(c, i)) {
            items[i] = (sort_item){key->desc ? p : UINT64_MAX - p, i};
            continue;
        }
        items[i] = (sort_item){has && key->desc ? ~p : p, i};
    }
}

/* ---- merge sort ---- */

static void sort_insert(const op_sort *self, sort_item *items, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        const sort_item item = items[i];
        uint32_t k = i;

        while (k > 0 && sort_before(self, &item, &items[k - 1])) {
            items[k] = items[k - 1];
            k--;
        }
        items[k] = item;
    }
}

static void sort_merge(const op_sort *self, const sort_item *from, sort_item *to, uint32_t middle,
                       uint32_t count)
{
    uint32_t a = 0;
    uint32_t b = middle;

    for (uint32_t i = 0; i < count; i++) {
        if (b >= count || (a < middle && !sort_before(self, &from[b], &from[a]))) {
            to[i] = from[a++];
        } else {
            to[i] = from[b++];
        }
    }
}

#define SORT_RUN 16

static sort_item *sort_items(const op_sort *self, sort_item *items, sort_item *other,
                             uint32_t count)
{
    for (uint32_t i = 0; i < count; i += SORT_RUN) {
        sort_insert(self, items + i, count - i < SORT_RUN ? count - i : SORT_RUN);
    }
    for (uint64_t width = SORT_RUN; width < count; width *= 2) {
        for (uint64_t i = 0; i < count; i += 2 * width) {
            const uint64_t n = count - i < 2 * width ? count - i : 2 * width;
            const uint64_t middle = n < width ? n : width;

            sort_merge(self, items + i, other + i, (uint32_t)middle, (uint32_t)n);
        }
        sort_item *swap = items;
        items = other;
        other = swap;
    }
    return items;
}

/* ---- operator ---- */

static hist_status sort_keys_eval(op_sort *self, hi_arena *arena)
{
    hi_op *op = &self->base;

    self->columns = HI_NEW_ARRAY(arena, hist_column, self->key_count);
    HI_OP_TRY_MEM(self, self->columns != NULL);
    op->ev.arena = arena;
    hi_eval_begin(&op->ev);
    for (uint32_t k = 0; k < self->key_count; k++) {
        HI_TRY(hi_expr_eval_flat(self->keys[k].expr, &op->ev, &self->rows, &self->columns[k]));
    }
    op->ev.arena = &op->arena;
    return HIST_OK;
}

/* The first `count` of self->rows in order; keys and order in `arena`. */
static hist_status sort_order(op_sort *self, hi_arena *arena)
{
    hi_arena temp;
    const uint32_t rows = self->rows.row_count;

    HI_TRY(sort_keys_eval(self, arena));
    self->count = self->limit < rows ? (uint32_t)self->limit : rows;
    self->order = hi_arena_vector(arena, (size_t)self->count * sizeof(uint32_t));
    hi_arena_init(&temp, self->base.x->ctx->mem);
    sort_item *items = hi_arena_vector(&temp, (size_t)rows * sizeof(sort_item));
    sort_item *other = hi_arena_vector(&temp, (size_t)rows * sizeof(sort_item));
    const bool ok = items != NULL && other != NULL && self->order != NULL;
    if (ok) {
        sort_fill(self, items, rows);
        const sort_item *sorted = sort_items(self, items, other, rows);

        for (uint32_t i = 0; i < self->count; i++) {
            self->order[i] = sorted[i].row;
        }
    }
    hi_arena_free(&temp);
    HI_OP_TRY_MEM(self, ok);
    return HIST_OK;
}

/* ---- the first few: kept sorted while batches go by ---- */

#define SORT_TOP_MAX HIST_BATCH_ROWS_MAX

/* self->rows = the rows kept so far, then those of the batch. */
static bool sort_append(op_sort *self, const hist_batch *batch, hi_arena *arena)
{
    hist_column *columns = HI_NEW_ARRAY(arena, hist_column, (size_t)batch->column_count + 1);

    if (columns == NULL) {
        return false;
    }
    for (uint32_t c = 0; c < batch->column_count; c++) {
        hist_column parts[2] = {{0}, batch->columns[c]};

        if (self->rows.row_count == 0) {
            columns[c] = batch->columns[c];
            continue;
        }
        parts[0] = self->rows.columns[c];
        if (!hi_col_concat(arena, parts, 2, &columns[c])) {
            return false;
        }
    }
    const uint32_t rows = self->rows.row_count + batch->row_count;
    self->rows = (hist_batch){.column_count = batch->column_count,
                              .row_count = rows,
                              .sel_count = rows,
                              .columns = columns};
    return true;
}

/* self->rows = its first rows in order, sharing nothing with the batch they came from. */
static bool sort_cut(op_sort *self, hi_arena *arena)
{
    hist_batch cut;
    hist_column *columns = HI_NEW_ARRAY(arena, hist_column, (size_t)self->rows.column_count + 1);

    if (columns == NULL || !hi_rows_gather(arena, &self->rows, self->order, self->count, &cut)) {
        return false;
    }
    for (uint32_t c = 0; c < cut.column_count; c++) {
        if (!hi_col_copy(arena, &cut.columns[c], &columns[c])) {
            return false;
        }
    }
    cut.columns = columns;
    self->rows = cut;
    return true;
}

static hist_status sort_top(op_sort *self)
{
    hi_op *op = &self->base;

    for (int turn = 0;; turn = 1 - turn) {
        hist_batch batch;
        hi_arena *arena = &self->turns[turn];

        HI_TRY(hi_op_next(op->child[0], &batch));
        if (batch.row_count == 0) {
            break;
        }
        HI_OP_TRY_MEM(self, sort_append(self, &batch, arena));
        HI_TRY(sort_order(self, arena));
        HI_OP_TRY_MEM(self, sort_cut(self, arena));
        hi_arena_free(&self->turns[1 - turn]);
    }
    self->count = self->rows.row_count;
    self->order = hi_arena_vector(&op->keep, (size_t)self->count * sizeof(uint32_t));
    HI_OP_TRY_MEM(self, self->order != NULL);
    for (uint32_t i = 0; i < self->count; i++) {
        self->order[i] = i;
    }
    return HIST_OK;
}

static hist_status sort_rows(op_sort *self)
{
    if (self->limit <= SORT_TOP_MAX) {
        return sort_top(self);
    }
    HI_TRY(hi_rows_collect(self->base.child[0], &self->base.keep, &self->rows));
    return sort_order(self, &self->base.keep);
}

static hist_status sort_open(hi_op *op)
{
    op_sort *self = (op_sort *)op;

    self->done = false;
    self->at = 0;
    self->rows = (hist_batch){0};
    hi_arena_init(&self->turns[0], op->x->ctx->mem);
    hi_arena_init(&self->turns[1], op->x->ctx->mem);
    return HIST_OK;
}

static void sort_close(hi_op *op)
{
    op_sort *self = (op_sort *)op;

    for (int i = 0; i < 2 && self->turns[i].mem != NULL; i++) {
        hi_arena_free(&self->turns[i]);
    }
}

static hist_status sort_next(hi_op *op, hist_batch *out)
{
    op_sort *self = (op_sort *)op;

    if (!self->done) {
        self->done = true;
        HI_TRY(sort_rows(self));
    }
    const uint32_t left = self->count - self->at;
    const uint32_t count = left < HIST_BATCH_ROWS_MAX ? left : HIST_BATCH_ROWS_MAX;
    if (count == 0) {
        return HIST_OK;
    }
    HI_OP_TRY_MEM(self,
                  hi_rows_gather(&op->arena, &self->rows, self->order + self->at, count, out));
    self->at += count;
    return HIST_OK;
}

static void sort_need(hi_op *op, const uint64_t *used)
{
    const op_sort *self = (const op_sort *)op;
    uint64_t *bits = hi_bits_new(op->x->arena, op->schema.count, false);

    if (bits != NULL) {
        memcpy(bits, used, hi_bits_words(op->schema.count) * sizeof(uint64_t));
        for (uint32_t k = 0; k < self->key_count; k++) {
            hi_expr_columns(self->keys[k].expr, bits);
        }
    }
    hi_op_need(op->child[0], bits);
}

static const hi_op_type op_sort_type = {"sort", sort_open, sort_next, sort_close, sort_need};

hi_op *hi_op_sort(hi_exec *x, hi_op *child, const hi_sort_key *keys, uint32_t key_count,
                  uint64_t limit)
{
    op_sort *self = hi_op_new(x, &op_sort_type, sizeof(op_sort), child);

    if (self == NULL) {
        return NULL;
    }
    self->keys = keys;
    self->key_count = key_count;
    self->limit = limit;
    self->base.serialized = true;
    return &self->base;
}

bool hi_op_is_sort(const hi_op *op)
{
    return op->type == &op_sort_type && ((const op_sort *)op)->limit == UINT64_MAX;
}
