/* op.c -- the frame around operators: arenas, children, cancel; see op.h. */
#include "query/op.h"

#include <assert.h>
#include <string.h>

void *hi_op_new(hi_exec *x, const hi_op_type *type, size_t size, hi_op *child)
{
    hi_op *op = hi_arena_calloc(x->arena, 1, size);

    if (op != NULL) {
        op->type = type;
        op->x = x;
        op->child[0] = child;
        if (child != NULL) {
            op->schema = child->schema;
        }
    }
    return op;
}

hist_status hi_op_no_memory(const hi_op *op)
{
    return hi_no_memory(op->x->err, op->type->name);
}

static hist_status op_open_children(hi_op *op)
{
    for (int i = 0; i < 2 && !op->lazy; i++) {
        if (op->child[i] != NULL) {
            HI_TRY(hi_op_open(op->child[i]));
        }
    }
    return HIST_OK;
}

hist_status hi_op_open(hi_op *op)
{
    assert(!op->opened);
    hi_arena_init(&op->arena, op->x->ctx->mem);
    hi_arena_init(&op->keep, op->x->ctx->mem);
    op->mark = hi_arena_save(&op->arena);
    op->opened = true;
    HI_TRY(hi_eval_init(&op->ev, op->x->ctx, &op->arena, op->x->err));
    HI_TRY(op_open_children(op));
    return op->type->open != NULL ? op->type->open(op) : HIST_OK;
}

hist_status hi_op_next(hi_op *op, hist_batch *out)
{
    assert(op->opened);
    *out = (hist_batch){0};
    HI_TRY(hi_qctx_check(op->x->ctx, op->x->err));
    hi_arena_rewind(&op->arena, op->mark);
    hi_eval_begin(&op->ev);
    HI_TRY(op->type->next(op, out));
    assert(out->sel == NULL);
    out->sel_count = out->row_count;
    return HIST_OK;
}

void hi_op_close(hi_op *op)
{
    if (op == NULL) {
        return;
    }
    if (op->opened) {
        if (op->type->close != NULL) {
            op->type->close(op);
        }
        hi_eval_free(&op->ev);
        hi_arena_free(&op->arena);
        hi_arena_free(&op->keep);
        op->opened = false;
    }
    hi_op_close(op->child[0]);
    hi_op_close(op->child[1]);
}

void hi_op_need(hi_op *op, const uint64_t *used)
{
    if (op == NULL) {
        return;
    }
    if (op->type->need != NULL && used == NULL) {
        used = hi_bits_new(op->x->arena, op->schema.count, true);
    }
    if (op->type->need != NULL && used != NULL) {
        op->type->need(op, used);
        return;
    }
    hi_op_need(op->child[0], NULL);
    hi_op_need(op->child[1], NULL);
}

hist_column *hi_op_batch(hi_op *op, uint32_t rows, hist_batch *out)
{
    hist_column *columns =
        HI_NEW_ARRAY(&op->arena, hist_column, op->schema.count == 0 ? 1 : op->schema.count);

    *out = (hist_batch){
        .column_count = op->schema.count, .row_count = rows, .sel_count = rows, .columns = columns};
    return columns;
}
