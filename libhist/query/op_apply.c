/* op_apply.c -- mv-apply: opens its inner pipe once for every row of the source. */
#include "query/op_apply.h"

#include <string.h>

typedef struct op_apply {
    hi_op base;
    hi_apply spec;
    hist_batch in;
    uint32_t at;
    bool inner_open;
    hi_arena row_arena; /* The row the inner pipe reads. */
} op_apply;

static hist_status apply_start(op_apply *self)
{
    hist_batch row;

    hi_arena_free(&self->row_arena);
    HI_OP_TRY_MEM(self, hi_rows_gather(&self->row_arena, &self->in, &self->at, 1, &row));
    hi_op_rows_set(self->spec.rows, &row);
    self->inner_open = true;
    return hi_op_open(self->spec.inner);
}

static hist_status apply_emit(op_apply *self, const hist_batch *got, hist_batch *out)
{
    hi_op *op = &self->base;
    hist_column *columns = hi_op_batch(op, got->row_count, out);

    HI_OP_TRY_MEM(self, columns != NULL);
    for (uint32_t c = 0; c < self->spec.source_count; c++) {
        HI_OP_TRY_MEM(self, hi_col_repeat(&op->arena, &self->in.columns[self->spec.sources[c]],
                                          self->at, got->row_count, &columns[c]));
    }
    for (uint32_t c = 0; c < got->column_count; c++) {
        columns[self->spec.source_count + c] = got->columns[c];
    }
    return HIST_OK;
}

static hist_status apply_next(hi_op *op, hist_batch *out)
{
    op_apply *self = (op_apply *)op;

    for (;;) {
        hist_batch got;

        if (self->at >= self->in.row_count) {
            HI_TRY(hi_op_next(op->child[0], &self->in));
            self->at = 0;
            if (self->in.row_count == 0) {
                return HIST_OK;
            }
        }
        if (!self->inner_open) {
            HI_TRY(apply_start(self));
        }
        HI_TRY(hi_op_next(self->spec.inner, &got));
        if (got.row_count > 0) {
            return apply_emit(self, &got, out);
        }
        hi_op_close(self->spec.inner);
        self->inner_open = false;
        self->at++;
    }
}

static hist_status apply_open(hi_op *op)
{
    op_apply *self = (op_apply *)op;

    self->in = (hist_batch){0};
    self->at = 0;
    self->inner_open = false;
    hi_arena_init(&self->row_arena, op->x->ctx->mem);
    return HIST_OK;
}

static void apply_close(hi_op *op)
{
    op_apply *self = (op_apply *)op;

    hi_op_close(self->spec.inner);
    if (self->row_arena.mem != NULL) {
        hi_arena_free(&self->row_arena);
    }
}

static void apply_need(hi_op *op, const uint64_t *used)
{
    const op_apply *self = (const op_apply *)op;

    (void)used;
    hi_op_need(self->spec.inner, NULL);
    hi_op_need(op->child[0], NULL);
}

static const hi_op_type op_apply_type = {"mv-apply", apply_open, apply_next, apply_close,
                                         apply_need};

hi_op *hi_op_apply(hi_exec *x, hi_op *child, const hi_apply *spec)
{
    op_apply *self = hi_op_new(x, &op_apply_type, sizeof(op_apply), child);

    if (self == NULL) {
        return NULL;
    }
    self->spec = *spec;
    self->base.schema = spec->schema;
    return &self->base;
}
