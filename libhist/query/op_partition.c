/* op_partition.c -- partition by: a pipe run for the rows of each value of a key, one after the other. */
#include <string.h>

#include "query/plan.h"
#include "query/plan_ops.h"

typedef struct op_partition {
    hi_op base;
    const hi_expr *key;
    hi_op *source; /* What the pipe begins with. */
    hi_op *pipe;
    hist_batch rows;
    uint32_t *order;  /* Rows, grouped by key. */
    uint32_t *starts; /* Of the groups in `order`; one more at the end. */
    uint32_t count;   /* Of groups. */
    uint32_t at;
    bool collected;
    hi_arena part; /* Rows of one group. */
} op_partition;

static hist_status partition_open(hi_op *op)
{
    op_partition *self = (op_partition *)op;

    self->collected = false;
    self->count = 0;
    self->at = 0;
    hi_arena_init(&self->part, op->x->ctx->mem);
    return HIST_OK;
}

static void partition_close(hi_op *op)
{
    op_partition *self = (op_partition *)op;

    hi_op_close(self->pipe);
    hi_arena_free(&self->part);
}

/* The group of every row, numbered as they come, by a table of row numbers at least twice as large as needed. */
static uint32_t partition_number(const hist_column *key, const uint64_t *hashes, uint32_t *slots,
                                 uint32_t mask, uint32_t *groups)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < key->length; i++) {
        uint32_t s = (uint32_t)hashes[i] & mask;

        while (slots[s] != 0 && !hi_col_equal(key, slots[s] - 1, key, i)) {
            s = (s + 1) & mask;
        }
        if (slots[s] == 0) {
            slots[s] = i + 1;
            groups[i] = count++;
        } else {
            groups[i] = groups[slots[s] - 1];
        }
    }
    return count;
}

/* Rows by group (a counting sort), each group in the order of its rows. */
static bool partition_sort(op_partition *self, const uint32_t *groups, uint32_t rows)
{
    uint32_t *next = HI_NEW_ARRAY(&self->base.keep, uint32_t, (size_t)self->count + 2);

    self->order = hi_arena_vector(&self->base.keep, (size_t)rows * sizeof(uint32_t));
    self->starts = HI_NEW_ARRAY(&self->base.keep, uint32_t, (size_t)self->count + 2);
    if (next == NULL || self->order == NULL || self->starts == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < rows; i++) {
        self->starts[groups[i] + 1]++;
    }
    for (uint32_t g = 0; g < self->count; g++) {
        self->starts[g + 1] += self->starts[g];
        next[g] = self->starts[g];
    }
    for (uint32_t i = 0; i < rows; i++) {
        self->order[next[groups[i]]++] = i;
    }
    return true;
}

static hist_status partition_collect(op_partition *self)
{
    hi_op *op = &self->base;
    hist_column key;
    uint32_t slots = 16;

    self->collected = true;
    HI_TRY(hi_rows_collect(op->child[0], &op->keep, &self->rows));
    const uint32_t rows = self->rows.row_count;
    if (rows == 0) {
        return HIST_OK;
    }
    HI_TRY(hi_expr_eval_flat(self->key, &op->ev, &self->rows, &key));
    while (slots / 2 < rows) {
        slots *= 2;
    }
    uint64_t *hashes = hi_arena_vector(&op->arena, (size_t)rows * sizeof(uint64_t));
    uint32_t *groups = hi_arena_vector(&op->arena, (size_t)rows * sizeof(uint32_t));
    uint32_t *table = HI_NEW_ARRAY(&op->arena, uint32_t, slots);
    HI_OP_TRY_MEM(self, hashes != NULL && groups != NULL && table != NULL &&
                            hi_col_hash(&op->arena, &key, false, hashes));
    self->count = partition_number(&key, hashes, table, slots - 1, groups);
    HI_OP_TRY_MEM(self, partition_sort(self, groups, rows));
    return HIST_OK;
}

/* Gives the pipe the rows of the next group. */
static hist_status partition_begin(op_partition *self)
{
    const uint32_t from = self->starts[self->at];
    const uint32_t count = self->starts[self->at + 1] - from;
    hist_batch part;

    hi_op_close(self->pipe);
    hi_arena_free(&self->part);
    HI_OP_TRY_MEM(self, hi_rows_gather(&self->part, &self->rows, self->order + from, count, &part));
    hi_op_rows_set(self->source, &part);
    self->at++;
    return hi_op_open(self->pipe);
}

static hist_status partition_next(hi_op *op, hist_batch *out)
{
    op_partition *self = (op_partition *)op;

    if (!self->collected) {
        HI_TRY(partition_collect(self));
    }
    for (;;) {
        if (self->pipe->opened) {
            HI_TRY(hi_op_next(self->pipe, out));
            if (out->row_count > 0) {
                return HIST_OK;
            }
            hi_op_close(self->pipe);
        }
        *out = (hist_batch){0};
        if (self->at == self->count) {
            return HIST_OK;
        }
        HI_TRY(partition_begin(self));
    }
}

static const hi_op_type op_partition_type = {"partition", partition_open, partition_next,
                                             partition_close, NULL};

hist_status hi_plan_partition(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    uint32_t column;

    HI_TRY(hi_plan_column_named(p, in, op->expr, &column));
    if (!op->table->implicit) {
        return PLAN_FAIL(p, op->table->span,
                         "partition: a pipe over the rows of each part is needed here: "
                         "partition by key (top 1 by x)");
    }
    op_partition *self = hi_op_new(p->x, &op_partition_type, sizeof(op_partition), in);
    if (self == NULL) {
        return hi_plan_no_memory(p);
    }
    self->key = hi_plan_column(p, in, column);
    self->source = hi_op_rows(p->x, &in->schema, NULL);
    if (self->key == NULL || self->source == NULL) {
        return hi_plan_no_memory(p);
    }
    self->source->serialized = in->serialized;
    HI_TRY(hi_plan_sub(p, op->table, self->source, &self->pipe));
    self->base.schema = self->pipe->schema;
    *out = &self->base;
    return HIST_OK;
}
