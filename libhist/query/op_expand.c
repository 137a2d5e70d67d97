/*
 * op_expand.c -- mv-expand. Know first: lists of typed elements expand by picking rows of their child; only
 * dynamic values in the tagged form are walked one by one. The other columns are picked by source row.
 */
#include "query/op_expand.h"

#include <string.h>

#include "query/func.h"

typedef struct op_expand {
    hi_op base;
    hi_expand spec;
    uint64_t *used;
    hist_batch in;       /* What is being expanded; owned by the child. */
    hist_column *values; /* Of the items over `in`, in keep. */
    hi_arena item_arena; /* Of `values`. */
    uint32_t *counts;    /* Rows each row of `in` gives. */
    uint32_t at;         /* Next row of `in`. */
    uint32_t within;     /* Elements of that row already given. */
} op_expand;

/* ---- sizes ---- */

static uint32_t expand_size(const hist_column *c, uint32_t row)
{
    if (!hist_column_valid(c, row)) {
        return 1;
    }
    if (c->layout == HIST_LAYOUT_LIST) {
        return (uint32_t)(c->offsets[row + 1] - c->offsets[row]);
    }
    if (c->stored != HIST_TYPE_DYNAMIC) {
        return 1;
    }
    const hist_str s = hist_column_str(c, row);
    const hi_dyn v = hi_dyn_of(s.data, s.size);
    const hi_dyn_tag tag = hi_dyn_tag_of(v);

    return tag == HI_DYN_ARRAY || tag == HI_DYN_BAG ? hi_dyn_count(v) : 1;
}

static hist_status expand_load(op_expand *self)
{
    hi_op *op = &self->base;

    HI_TRY(hi_op_next(op->child[0], &self->in));
    self->at = 0;
    self->within = 0;
    if (self->in.row_count == 0) {
        return HIST_OK;
    }
    hi_arena_free(&self->item_arena);
    self->values = HI_NEW_ARRAY(&self->item_arena, hist_column, self->spec.item_count);
    self->counts = HI_NEW_ARRAY(&self->item_arena, uint32_t, self->in.row_count);
    HI_OP_TRY_MEM(self, self->values != NULL && self->counts != NULL);
    op->ev.arena = &self->item_arena;
    hi_eval_begin(&op->ev);
    for (uint32_t i = 0; i < self->spec.item_count; i++) {
        HI_TRY(hi_expr_eval_flat(self->spec.items[i].expr, &op->ev, &self->in, &self->values[i]));
        for (uint32_t row = 0; row < self->in.row_count; row++) {
            const uint32_t n = expand_size(&self->values[i], row);

            self->counts[row] = n > self->counts[row] ? n : self->counts[row];
        }
    }
    op->ev.arena = &op->arena;
    for (uint32_t row = 0; row < self->in.row_count; row++) {
        if (self->counts[row] > self->spec.limit) {
            self->counts[row] = (uint32_t)self->spec.limit;
        }
    }
    return HIST_OK;
}

/* ---- elements ---- */

/* One row of the result: element `element` of row `row`. */
typedef struct expand_ref {
    uint32_t *rows;
    uint32_t *elements;
    uint32_t count;
} expand_ref;

static bool expand_list(hi_arena *arena, const hist_column *c, const expand_ref *refs,
                        hist_column *out)
{
    uint32_t *pick = hi_arena_vector(arena, (size_t)refs->count * sizeof(uint32_t));
    bool none = false;

    if (pick == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < refs->count; i++) {
        const uint32_t row = refs->rows[i];
        const bool has = hist_column_valid(c, row) &&
                         refs->elements[i] < (uint32_t)(c->offsets[row + 1] - c->offsets[row]);

        pick[i] = has ? (uint32_t)c->offsets[row] + refs->elements[i] : HI_ROW_NONE;
        none = none || !has;
    }
    hist_column child = *c->child;
    if (none && child.stored == HIST_TYPE_STRING) { /* A missing text is null, not "". */
        const hist_column texts = child;

        if (!hi_col_to_tagged(arena, &texts, &child)) {
            return false;
        }
    }
    return hi_col_gather(arena, &child, pick, refs->count, out);
}

static void expand_pair(hi_dyn_writer *w, hist_str key, hi_dyn value, bool pairs)
{
    if (pairs) {
        hi_dyn_begin_array(w);
        hi_dyn_put_string(w, key.data, key.size);
        hi_dyn_put(w, value);
        hi_dyn_end_array(w);
        return;
    }
    hi_dyn_begin_bag(w);
    hi_dyn_put_key(w, key.data, key.size);
    hi_dyn_put(w, value);
    hi_dyn_end_bag(w);
}

/* Elements come in order within a row, so that one walk over each value is enough. */
static bool expand_tagged(hi_arena *arena, const hist_column *c, const expand_ref *refs, bool pairs,
                          hist_column *out)
{
    hi_col_builder cb;
    hi_dyn_iter it = {0};
    hi_dyn v = {0};
    uint32_t row = UINT32_MAX;
    uint32_t next = 0;

    if (!hi_cb_init(&cb, arena, HIST_TYPE_DYNAMIC, refs->count)) {
        return false;
    }
    for (uint32_t i = 0; i < refs->count; i++) {
        if (refs->rows[i] != row) {
            row = refs->rows[i];
            if (!hi_col_dyn(arena, c, row, &v)) {
                return false;
            }
            it = hi_dyn_iter_of(v);
            next = 0;
        }
        const hi_dyn_tag tag = hi_dyn_tag_of(v);
        if (tag != HI_DYN_ARRAY && tag != HI_DYN_BAG) {
            hi_cb_dyn(&cb, refs->elements[i] == 0 ? v : (hi_dyn){0});
            continue;
        }
        bool has = true;
        while (has && next <= refs->elements[i]) {
            has = hi_dyn_next(&it);
            next++;
        }
        if (!has) {
            hi_cb_null(&cb);
        } else if (tag == HI_DYN_BAG) {
            expand_pair(hi_cb_begin(&cb), it.key, it.value, pairs);
            hi_cb_end(&cb);
        } else {
            hi_cb_dyn(&cb, it.value);
        }
    }
    hist_column tagged;
    return hi_cb_done(&cb, HIST_TYPE_DYNAMIC, &tagged) && hi_col_untag(arena, &tagged, out);
}

/* A scalar: its value in the first row, null after it. */
static bool expand_scalar(hi_arena *arena, const hist_column *c, const expand_ref *refs,
                          hist_column *out)
{
    uint32_t *pick = hi_arena_vector(arena, (size_t)refs->count * sizeof(uint32_t));
    hist_column from = *c;

    if (pick == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < refs->count; i++) {
        pick[i] = refs->elements[i] == 0 ? refs->rows[i] : HI_ROW_NONE;
        if (pick[i] == HI_ROW_NONE && from.stored == HIST_TYPE_STRING &&
            !hi_col_to_tagged(arena, c, &from)) {
            return false;
        }
    }
    return hi_col_gather(arena, &from, pick, refs->count, out);
}

static hist_status expand_item(op_expand *self, uint32_t i, const expand_ref *refs,
                               hist_column *out)
{
    hi_op *op = &self->base;
    const hist_column *c = &self->values[i];
    const hi_expand_item *item = &self->spec.items[i];
    hist_column elements;
    bool ok;

    if (c->layout == HIST_LAYOUT_LIST) {
        ok = expand_list(&op->arena, c, refs, &elements);
    } else if (c->stored == HIST_TYPE_DYNAMIC) {
        ok = expand_tagged(&op->arena, c, refs, self->spec.pairs, &elements);
    } else {
        ok = expand_scalar(&op->arena, c, refs, &elements);
    }
    HI_OP_TRY_MEM(self, ok);
    elements.type = HIST_TYPE_DYNAMIC;
    *out = elements;
    if (item->type == 0 || item->type == HIST_TYPE_DYNAMIC) {
        return HIST_OK;
    }
    return hi_col_convert(&op->ev, &elements, item->type, out);
}

static bool expand_index(op_expand *self, const expand_ref *refs, hist_column *out)
{
    void *data;

    if (!hi_col_new(&self->base.arena, HIST_TYPE_LONG, refs->count, out, &data)) {
        return false;
    }
    for (uint32_t i = 0; i < refs->count; i++) {
        ((int64_t *)data)[i] = refs->elements[i];
    }
    return true;
}

/* ---- operator ---- */

/* The next rows of the result, at most a batch. */
static bool expand_refs(op_expand *self, expand_ref *refs)
{
    refs->rows = hi_arena_vector(&self->base.arena, HIST_BATCH_ROWS_MAX * sizeof(uint32_t));
    refs->elements = hi_arena_vector(&self->base.arena, HIST_BATCH_ROWS_MAX * sizeof(uint32_t));
    refs->count = 0;
    if (refs->rows == NULL || refs->elements == NULL) {
        return false;
    }
    while (self->at < self->in.row_count && refs->count < HIST_BATCH_ROWS_MAX) {
        while (self->within < self->counts[self->at] && refs->count < HIST_BATCH_ROWS_MAX) {
            refs->rows[refs->count] = self->at;
            refs->elements[refs->count++] = self->within++;
        }
        if (self->within >= self->counts[self->at]) {
            self->at++;
            self->within = 0;
        }
    }
    return true;
}

static hist_status expand_columns(op_expand *self, const expand_ref *refs, hist_batch *out)
{
    hi_op *op = &self->base;
    hist_column *columns = hi_op_batch(op, refs->count, out);

    HI_OP_TRY_MEM(self, columns != NULL);
    for (uint32_t c = 0; c < op->schema.count; c++) {
        const uint32_t source = self->spec.sources[c];
        const bool used = self->used == NULL || hist_bit_get(self->used, c);

        if (!used || source == UINT32_MAX) {
            HI_OP_TRY_MEM(self, hi_col_nulls(&op->arena, op->schema.fields[c].type, refs->count,
                                             &columns[c]));
            continue;
        }
        HI_OP_TRY_MEM(self, hi_col_gather(&op->arena, &self->in.columns[source], refs->rows,
                                          refs->count, &columns[c]));
    }
    for (uint32_t i = 0; i < self->spec.item_count; i++) {
        const uint32_t c = self->spec.items[i].column;

        if (self->used == NULL || hist_bit_get(self->used, c)) {
            HI_TRY(expand_item(self, i, refs, &columns[c]));
        }
    }
    if (self->spec.index_column != UINT32_MAX) {
        HI_OP_TRY_MEM(self, expand_index(self, refs, &columns[self->spec.index_column]));
    }
    return HIST_OK;
}

static hist_status expand_next(hi_op *op, hist_batch *out)
{
    op_expand *self = (op_expand *)op;
    expand_ref refs = {0};

    for (;;) {
        if (self->at >= self->in.row_count) {
            HI_TRY(expand_load(self));
            if (self->in.row_count == 0) {
                return HIST_OK;
            }
        }
        hi_arena_rewind(&op->arena, op->mark);
        HI_OP_TRY_MEM(self, expand_refs(self, &refs));
        if (refs.count > 0) {
            return expand_columns(self, &refs, out);
        }
    }
}

static hist_status expand_open(hi_op *op)
{
    op_expand *self = (op_expand *)op;

    self->in = (hist_batch){0};
    self->at = 0;
    self->within = 0;
    hi_arena_init(&self->item_arena, op->x->ctx->mem);
    return HIST_OK;
}

static void expand_close(hi_op *op)
{
    op_expand *self = (op_expand *)op;

    if (self->item_arena.mem != NULL) {
        hi_arena_free(&self->item_arena);
    }
}

static void expand_need(hi_op *op, const uint64_t *used)
{
    op_expand *self = (op_expand *)op;
    uint64_t *bits = hi_bits_new(op->x->arena, op->child[0]->schema.count, false);

    self->used = hi_bits_new(op->x->arena, op->schema.count, false);
    if (self->used == NULL || bits == NULL) {
        self->used = NULL;
        hi_op_need(op->child[0], NULL);
        return;
    }
    memcpy(self->used, used, hi_bits_words(op->schema.count) * sizeof(uint64_t));
    for (uint32_t c = 0; c < op->schema.count; c++) {
        if (hist_bit_get(used, c) && self->spec.sources[c] != UINT32_MAX) {
            hi_bit_set(bits, self->spec.sources[c]);
        }
    }
    for (uint32_t i = 0; i < self->spec.item_count; i++) {
        hi_expr_columns(self->spec.items[i].expr, bits);
    }
    hi_op_need(op->child[0], bits);
}

static const hi_op_type op_expand_type = {"mv-expand", expand_open, expand_next, expand_close,
                                          expand_need};

hi_op *hi_op_mv_expand(hi_exec *x, hi_op *child, const hi_expand *spec)
{
    op_expand *self = hi_op_new(x, &op_expand_type, sizeof(op_expand), child);

    if (self == NULL) {
        return NULL;
    }
    self->spec = *spec;
    self->base.schema = spec->schema;
    self->base.serialized = child->serialized;
    return &self->base;
}
