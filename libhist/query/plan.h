/*
 * plan.h -- from the syntax tree to operators: the state of planning, shared by plan*.c. Know first:
 *
 *   - a plan is made once a query text; every mention of a table in the text makes operators of its own,
 *     only materialize() is shared;
 *   - binder.schema is set for the moment of binding one expression, binder.scope for the body of a function;
 *   - sub-queries whose result is needed while binding (toscalar, in (table)) run at once.
 */
#ifndef HI_QUERY_PLAN_H
#define HI_QUERY_PLAN_H

#include "query/bind_expr.h"
#include "query/op.h"

typedef struct plan_shared {
    const hi_ast_expr *ast;
    const hi_scope *scope;
    hi_shared *shared;
    struct plan_shared *next;
} plan_shared;

struct plan_aggs;

/* Results of a statement after its first: fork, facet. */
typedef struct plan_more {
    hi_op *op;
    struct plan_more *next;
} plan_more;

typedef struct hi_plan {
    hi_exec *x;
    hi_binder b;
    hi_bind_hooks hooks;
    hi_scope globals;
    uint32_t database; /* 0: a store without any yet. */
    const char *database_name;
    hi_op *implicit; /* What a pipe without a source begins with. */
    plan_shared *shared;
    uint32_t depth;
    const char
        *input_name; /* Of the rows an operator takes: a table's or that of `as`; NULL: none. */
    struct plan_aggs *aggs;    /* While items of summarize are bound. */
    const char *visualization; /* Of the statement being planned. */
    plan_more *more;           /* Of the statement being planned. */
} hi_plan;

/* Columns of a result being put together. */
typedef struct plan_cols {
    hi_field *fields;
    const hi_expr **exprs;
    uint32_t count;
    uint32_t capacity;
    uint32_t unnamed; /* For Column1, Column2, ... */
} plan_cols;

#define PLAN_FAIL(p, span, ...) \
    hi_fail_at((p)->x->err, HIST_ESEMANTIC, (p)->x->ctx->text, (span), __VA_ARGS__)

/* ---- plan.c ---- */

/* System.Int64, ... */
const char *hi_plan_net_name(hist_type type);
void hi_plan_init(hi_plan *p, hi_exec *x);
hist_status hi_plan_no_memory(hi_plan *p);
/* A tabular expression in the scope of p->b. */
hist_status hi_plan_table(hi_plan *p, const hi_ast_expr *e, hi_op **out);
/* ops[0..count) applied to `in`. */
hist_status hi_plan_ops(hi_plan *p, const hi_ast_op *ops, uint32_t count, hi_op *in, hi_op **out);
/* A pipe whose first rows are those of `in`, or a tabular expression of its own when it is not implicit. */
hist_status hi_plan_sub(hi_plan *p, const hi_ast_expr *e, hi_op *in, hi_op **out);
bool hi_plan_is_table(hi_plan *p, const hi_ast_expr *e);
/* Runs a table at once: all rows in the plan's arena. */
hist_status hi_plan_run(hi_plan *p, hi_op *op, hist_batch *out);
/* hi_op constructors give NULL when memory is short. */
hist_status hi_plan_made(hi_plan *p, hi_op *made, hi_op **out);

/* ---- plan_source.c ---- */

hist_status hi_plan_table_name(hi_plan *p, hist_str database, hist_str name, hi_ast_span span,
                               hi_op **out);
hist_status hi_plan_source(hi_plan *p, const hi_ast_op *op, hi_op **out);

/* ---- plan_items.c ---- */

/* Over the columns of `in` (NULL: none). */
hist_status hi_plan_expr(hi_plan *p, const hi_op *in, const hi_ast_expr *e, hi_expr **out);
hist_status hi_plan_predicate(hi_plan *p, const hi_op *in, const hi_ast_expr *e, hi_expr **out);
hist_status hi_plan_const(hi_plan *p, const hi_ast_expr *e, const char *what, hi_value *out);
/* A constant number of rows, at least 0. */
hist_status hi_plan_rows(hi_plan *p, const hi_ast_expr *e, const char *what, uint64_t *out);
hist_status hi_plan_cols_init(hi_plan *p, plan_cols *cols, uint32_t capacity);
/* name NULL: Column1, ...; `unique`: a clash gets a number, else it is an error at `span`. */
hist_status hi_plan_cols_add(hi_plan *p, plan_cols *cols, const char *name, const hi_expr *e);
/* The columns of one item (several for functions with several results). `print`: names are print_N. */
hist_status hi_plan_item(hi_plan *p, const hi_op *in, const hi_ast_item *item, plan_cols *cols);
/* A name that no column in `cols` has: name, name1, name2... */
const char *hi_plan_unique(hi_plan *p, const plan_cols *cols, const char *name);
const char *hi_plan_name(hi_plan *p, hist_str text);
int32_t hi_plan_find(const plan_cols *cols, const char *name);
hist_status hi_plan_project(hi_plan *p, hi_op *in, const plan_cols *cols, hi_op **out);
/* Column `c` of `in` as an expression. */
hi_expr *hi_plan_column(hi_plan *p, const hi_op *in, uint32_t c);
/* The column a NAME means; error with the nearest name when there is none. */
hist_status hi_plan_column_named(hi_plan *p, const hi_op *in, const hi_ast_expr *e, uint32_t *out);
bool hi_plan_wild_match(hist_str pattern, const char *name);
/* A setting's text ("" when absent): a bare word or a string. */
hist_str hi_plan_prop(const hi_ast_op *op, const char *name);
hist_status hi_plan_call(hi_plan *p, const char *func, hi_ast_span span, const hi_expr **args,
                         uint32_t count, hi_expr **out);
hist_status hi_plan_cast(hi_plan *p, const hi_expr *e, hist_type type, hi_expr **out);

/* ---- plan_row.c ---- */

hist_status hi_plan_where(hi_plan *p, const hi_expr *predicate, hi_op *in, hi_op **out);

#endif
