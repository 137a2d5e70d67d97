/* op_sample.c -- sample: rows picked at random, each as likely as any other. */
#include "query/plan.h"
#include "query/plan_ops.h"

typedef struct op_sample {
    hi_op base;
    uint64_t rows;
    bool done;
} op_sample;

static hist_status sample_open(hi_op *op)
{
    ((op_sample *)op)->done = false;
    return HIST_OK;
}

/* A step of splitmix64. */
static uint64_t sample_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/*
 * Row numbers that are picked, ascending: each row with the chance (still to pick) / (rows left), so that all
 * sets of that size are equally likely.
 */
static void sample_pick(uint64_t *state, uint32_t rows, uint32_t count, uint32_t *picked)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < rows && n < count; i++) {
        if (sample_random(state) % (rows - i) < count - n) {
            picked[n++] = i;
        }
    }
}

static hist_status sample_next(hi_op *op, hist_batch *out)
{
    op_sample *self = (op_sample *)op;
    hist_batch in;

    if (self->done || self->rows == 0) {
        return HIST_OK;
    }
    self->done = true;
    HI_TRY(hi_rows_collect(op->child[0], &op->keep, &in));
    if (self->rows >= in.row_count) {
        *out = in;
        return HIST_OK;
    }
    const uint32_t count = (uint32_t)self->rows;
    uint32_t *picked = hi_arena_vector(&op->arena, count * sizeof(uint32_t));
    uint64_t state = atomic_fetch_add_explicit(&op->x->ctx->random, UINT64_C(0xd1342543de82ef95),
                                               memory_order_relaxed);
    HI_OP_TRY_MEM(self, picked != NULL);
    sample_pick(&state, in.row_count, count, picked);
    HI_OP_TRY_MEM(self, hi_rows_gather(&op->arena, &in, picked, count, out));
    return HIST_OK;
}

static void sample_need(hi_op *op, const uint64_t *used)
{
    hi_op_need(op->child[0], used);
}

static const hi_op_type op_sample_type = {"sample", sample_open, sample_next, NULL, sample_need};

hist_status hi_plan_sample(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    uint64_t rows;

    HI_TRY(hi_plan_rows(p, op->expr, "the number of rows", &rows));
    op_sample *self = hi_op_new(p->x, &op_sample_type, sizeof(op_sample), in);
    if (self == NULL) {
        return hi_plan_no_memory(p);
    }
    self->rows = rows;
    *out = &self->base;
    return HIST_OK;
}
