/* op_fork.c -- fork and facet: several results from the same rows, which are read once. consume: none of them. */
#include "query/plan.h"
#include "query/plan_ops.h"

/* The first result is the statement's own; the others follow it. */
static hist_status fork_result(hi_plan *p, hi_op *op, bool *first, hi_op **out)
{
    plan_more **tail = &p->more;

    if (*first) {
        *first = false;
        *out = op;
        return HIST_OK;
    }
    plan_more *more = HI_NEW(p->x->arena, plan_more);
    if (more == NULL) {
        return hi_plan_no_memory(p);
    }
    while (*tail != NULL) {
        tail = &(*tail)->next;
    }
    more->op = op;
    *tail = more;
    return HIST_OK;
}

/* A reader of the rows; fork stands in a statement of its own. */
static hist_status fork_begin(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_shared **shared)
{
    if (p->depth > 0 || p->implicit != NULL) {
        return PLAN_FAIL(p, op->op_span,
                         "%s gives several results: it can only be the last of a query",
                         hi_ast_op_name(op->kind));
    }
    *shared = hi_shared_new(p->x, in);
    return *shared != NULL ? HIST_OK : hi_plan_no_memory(p);
}

static hist_status fork_pipe(hi_plan *p, const hi_ast_expr *pipe, hi_shared *shared, bool *first,
                             hi_op **out)
{
    hi_op *rows = hi_op_shared(p->x, shared);
    hi_op *result;

    if (rows == NULL) {
        return hi_plan_no_memory(p);
    }
    HI_TRY(hi_plan_sub(p, pipe, rows, &result));
    return fork_result(p, result, first, out);
}

hist_status hi_plan_fork(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    hi_shared *shared;
    bool first = true;

    HI_TRY(fork_begin(p, op, in, &shared));
    for (uint32_t i = 0; i < op->item_count; i++) {
        HI_TRY(fork_pipe(p, op->items[i].expr, shared, &first, out));
    }
    return HIST_OK;
}

/* The values of each column with their counts, then what the pipe gives. */
hist_status hi_plan_facet(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    hi_shared *shared;
    bool first = true;

    HI_TRY(fork_begin(p, op, in, &shared));
    for (uint32_t i = 0; i < op->by_count; i++) {
        hi_ast_expr count = {.kind = HI_AST_CALL,
                             .span = op->by[i].span,
                             .op_span = op->by[i].span,
                             .height = 1,
                             .name = {"count", 5}};
        hi_ast_item item = {.span = op->by[i].span, .expr = &count};
        const hi_ast_op group = {.kind = HI_OP_SUMMARIZE,
                                 .span = op->span,
                                 .op_span = op->op_span,
                                 .items = &item,
                                 .item_count = 1,
                                 .by = &op->by[i],
                                 .by_count = 1,
                                 .has_by = true};
        hi_op *rows = hi_op_shared(p->x, shared);
        hi_op *result;

        if (rows == NULL) {
            return hi_plan_no_memory(p);
        }
        HI_TRY(hi_plan_summarize(p, &group, rows, &result));
        HI_TRY(fork_result(p, result, &first, out));
    }
    return op->table != NULL ? fork_pipe(p, op->table, shared, &first, out) : HIST_OK;
}

/* ---- consume ---- */

static hist_status consume_next(hi_op *op, hist_batch *out)
{
    hist_batch in;

    do {
        HI_TRY(hi_op_next(op->child[0], &in));
    } while (in.row_count > 0);
    *out = (hist_batch){0};
    return HIST_OK;
}

static const hi_op_type op_consume_type = {"consume", NULL, consume_next, NULL, NULL};

hist_status hi_plan_consume(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    (void)op;
    return hi_plan_made(p, hi_op_new(p->x, &op_consume_type, sizeof(hi_op), in), out);
}
