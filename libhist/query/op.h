/*
 * op.h -- operators that pull batches: the frame, and how each is made. Know first:
 *
 *   1. next() gives a batch with row_count > 0, or row_count == 0 for the end; sel is always NULL.
 *   2. After the end or an error next() is not called again.
 *   3. What a batch points to stays valid until the next call on the same operator.
 *   4. `arena` is rewound before every next(): results of a batch go there. `keep` lives from open to
 *      close: what an operator collects goes there.
 *   5. open() may be called again after close(): sub-queries of mv-apply and partition run many times.
 *
 * Operators are made by the planner in the plan's arena and know their schema from then on.
 */
#ifndef HI_QUERY_OP_H
#define HI_QUERY_OP_H

#include "query/expr.h"
#include "store/scan.h"

/* What all operators of a query share. */
typedef struct hi_exec {
    hi_qctx *ctx;
    hi_arena *arena; /* Of the plan. */
    hist_error *err;
    hi_snapshot *snapshot;
    hi_catalog *catalog;
    hi_scan_stats stats; /* Of all scans. */
    bool no_pushdown; /* For tests: scans read everything, filters decide, groups are collected. */
    bool no_statistics; /* For tests and measurements: figures of blocks come from their bytes. */
} hi_exec;

typedef struct hi_op hi_op;

typedef struct hi_op_type {
    const char *name;
    hist_status (*open)(hi_op *op); /* NULL: nothing but the children. */
    hist_status (*next)(hi_op *op, hist_batch *out);
    void (*close)(hi_op *op); /* NULL: nothing but arenas and children. */
    /* Which columns of the result are used: tells the children. NULL: all of theirs are. */
    void (*need)(hi_op *op, const uint64_t *used);
} hi_op_type;

struct hi_op {
    const hi_op_type *type;
    hi_exec *x;
    hi_schema schema;
    hi_op *child[2];
    bool serialized; /* Rows come in an order that window functions may rely on. */
    bool opened;
    bool lazy; /* Children are opened by the operator itself. */
    hi_arena arena;
    hi_arena keep;
    hi_arena_mark mark;
    hi_eval ev;
};

/* Base of an operator of `size` bytes, zeroed; NULL: no memory. */
void *hi_op_new(hi_exec *x, const hi_op_type *type, size_t size, hi_op *child);
hist_status hi_op_open(hi_op *op);
hist_status hi_op_next(hi_op *op, hist_batch *out);
/* NULL and operators that are not open are no-ops. */
void hi_op_close(hi_op *op);
/* `used` has a bit a column; NULL: all. */
void hi_op_need(hi_op *op, const uint64_t *used);
/* HIST_ENOMEM naming the operator. */
hist_status hi_op_no_memory(const hi_op *op);

#define HI_OP_TRY_MEM(op, expr)                  \
    do {                                         \
        if (!(expr)) {                           \
            return hi_op_no_memory(&(op)->base); \
        }                                        \
    } while (0)

/* Room for the columns of a batch in the operator's arena, counts set; NULL: no memory. */
hist_column *hi_op_batch(hi_op *op, uint32_t rows, hist_batch *out);

/* ---- collected rows (table_mem.c) ---- */

/* A copy that shares nothing with `in`. */
bool hi_col_copy(hi_arena *arena, const hist_column *in, hist_column *out);
/* All rows of an open operator as one batch in `arena`; columns may be empty. */
hist_status hi_rows_collect(hi_op *from, hi_arena *arena, hist_batch *out);
/* Rows [from, from + count) of every column. */
bool hi_rows_slice(hi_arena *arena, const hist_batch *in, uint32_t from, uint32_t count,
                   hist_batch *out);
bool hi_rows_gather(hi_arena *arena, const hist_batch *in, const uint32_t *rows, uint32_t count,
                    hist_batch *out);

/* Rows that are there: the batch may be set again before each open. */
hi_op *hi_op_rows(hi_exec *x, const hi_schema *schema, const hist_batch *batch);
void hi_op_rows_set(hi_op *op, const hist_batch *batch);

/* The rows of `of`, run once for all readers. */
typedef struct hi_shared hi_shared;
hi_shared *hi_shared_new(hi_exec *x, hi_op *of);
hi_op *hi_op_shared(hi_exec *x, hi_shared *shared);
hi_op *hi_shared_source(hi_shared *shared);

/* ---- the operators ---- */

/* A table of the store; columns not needed come as nulls. */
hi_op *hi_op_scan(hi_exec *x, const hi_table_def *table);
/* Tries to have conjunct `e` (over the scan's columns) done by the scan; *exact: it need not be checked again. */
hist_status hi_op_scan_push(hi_op *op, const hi_expr *e, bool *exact);
bool hi_op_is_scan(const hi_op *op);
/* The scan whose rows `op` gives, all of them, perhaps with other columns; NULL: none. */
hi_op *hi_op_scan_below(hi_op *op);
/* Column of the scan that column `c` of `op`, some filters and projections above, is; UINT32_MAX:
   none, it is computed. */
uint32_t hi_op_scan_column(const hi_op *op, uint32_t c);
const hi_column_def *hi_op_scan_def(const hi_op *scan, uint32_t column);
/* Who is offered blocks and pieces (scan.h), from the next open on. */
void hi_op_scan_fold(hi_op *scan, hi_scan_fold_fn fold, void *arg);
/* Statistics of a column that is needed, of a block that is offered. */
const hi_block_stats *hi_op_scan_stats(const hi_op *scan, const hi_scan_block *block,
                                       uint32_t column);
/* The same of the rows that are offered: folded from their bytes where the block is not exact, min and max only with
   `extremes`. Long, real, datetime. NULL: reading the rows is as fast. */
hist_status hi_op_scan_figures(const hi_op *scan, uint32_t column, bool extremes,
                               const hi_block_stats **stats_out, hist_error *err);
/* The tags of one series as a row of the scan's columns; those that are not `used` are null. */
hist_status hi_op_scan_tags(hi_op *scan, hi_arena *arena, uint32_t series, const uint64_t *used,
                            hist_batch *out);
/* An open scan, perhaps with filters and projections on it, whose rows with equal keys come one after another, in every batch and from
   one to the next: the keys are one bin of time, and tags that tell all its series apart. */
bool hi_op_scan_grouped(hi_op *op, const hi_expr *const *keys, uint32_t key_count);

hi_op *hi_op_filter(hi_exec *x, hi_op *child, const hi_expr *predicate);
bool hi_op_is_filter(const hi_op *op);
/* One expression a column of the result. */
hi_op *hi_op_project(hi_exec *x, hi_op *child, hi_schema schema, const hi_expr *const *exprs);
/* Its expressions, or NULL when it is none (or calls window functions). */
const hi_expr *const *hi_op_project_exprs(const hi_op *op);
hi_op *hi_op_take(hi_exec *x, hi_op *child, uint64_t rows);
hi_op *hi_op_count(hi_exec *x, hi_op *child);
/* Gives the rows through unchanged, in an order that counts. */
hi_op *hi_op_serialize(hi_exec *x, hi_op *child);

typedef struct hi_sort_key {
    const hi_expr *expr;
    bool desc;
    bool nulls_last;
} hi_sort_key;
/* limit UINT64_MAX: all. */
hi_op *hi_op_sort(hi_exec *x, hi_op *child, const hi_sort_key *keys, uint32_t key_count,
                  uint64_t limit);
bool hi_op_is_sort(const hi_op *op);

typedef struct hi_range_spec {
    hist_type type; /* long, real, datetime, timespan */
    hi_value from, to, step;
} hi_range_spec;
hi_op *hi_op_range(hi_exec *x, const char *name, const hi_range_spec *spec);

#endif
