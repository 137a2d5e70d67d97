/*
 * expr.h -- bound scalar expressions: the tree, evaluation on batches, and what a planner may ask
 * about it.
 *
 * An expression is immutable after binding and shared by threads; a hi_eval is one thread's own.
 * Evaluation is dense: over all rows of the batch, selected or not. What is needed row by row
 * (a compiled pattern, the outputs of a function with several) is kept in the hi_eval.
 */
#ifndef HI_QUERY_EXPR_H
#define HI_QUERY_EXPR_H

#include <stdatomic.h>

#include "query/ast.h"
#include "query/vec.h"

typedef hist_column_info hi_field; /* name (NUL-terminated), type */

typedef struct hi_schema {
    uint32_t count;
    const hi_field *fields;
} hi_schema;

/* Column number, or -1. */
int32_t hi_schema_find(const hi_schema *schema, hist_str name);

/* ---- what all threads of a query share ---- */

typedef struct hi_qctx {
    hi_mem *mem;             /* The query's account. */
    hist_str text;           /* Of the query, for places in errors. */
    int64_t now_ns;          /* now() of the whole query. */
    _Atomic bool cancelled;  /* Set from any thread. */
    int (*stop)(void *arg);  /* Not NULL: not 0 cancels. */
    void *stop_arg;
    int64_t deadline_ns;     /* CLOCK_MONOTONIC, 0: none. */
    _Atomic uint64_t random; /* Seeds of rand() and new_guid(); init with something of the clock. */
} hi_qctx;

/* HIST_ECANCELLED or HIST_ETIMEOUT. Cheap: look once a batch. */
hist_status hi_qctx_check(hi_qctx *ctx, hist_error *err);

/* ---- tree ---- */

typedef struct hi_func hi_func;
typedef struct hi_expr hi_expr;
typedef struct hi_eval hi_eval;

typedef enum hi_expr_kind {
    HI_EXPR_CONST = 1, /* constant */
    HI_EXPR_COLUMN,    /* column */
    HI_EXPR_CALL,      /* call */
    HI_EXPR_OUTPUT,    /* output: one of several results of a call */
} hi_expr_kind;

/*
 * Evaluates a call. args: one column an argument, of `rows` rows, each CONST, FLAT or LIST. out: one column, or
 * call->output_count of them. Results live in hi_eval_arena(ev).
 */
typedef hist_status (*hi_eval_fn)(hi_eval *ev, const hi_expr *call, const hist_column *args,
                                  uint32_t rows, hist_column *out);

struct hi_expr {
    hi_expr_kind kind;
    hist_type type;   /* Of a call with several outputs: that of the first. */
    hi_ast_span span; /* In the text. */
    union {
        struct {
            hist_column value; /* Layout CONST, length 1. */
            int8_t clamped;    /* A time literal outside of the range, cut to it: -1 or +1. */
        } constant;
        uint32_t column;
        struct {
            const hi_func *func;
            hi_eval_fn eval;
            const hi_expr *const *args;
            const void *state;       /* What bind prepared, read-only. */
            const hi_field *outputs; /* output_count > 1: names after the function's, types. */
            uint32_t arg_count;
            uint32_t output_count; /* 1 but for multi-output functions. */
        } call;
        struct {
            const hi_expr *call;
            uint32_t index;
        } output;
    } u;
};

static inline bool hi_expr_is_const(const hi_expr *e)
{
    return e->kind == HI_EXPR_CONST;
}
/* The value of a CONST. */
static inline hi_value hi_expr_value(const hi_expr *e)
{
    return hi_col_const_value(&e->u.constant.value);
}
/* > 1 for a call with several outputs. */
static inline uint32_t hi_expr_outputs(const hi_expr *e)
{
    return e->kind == HI_EXPR_CALL ? e->u.call.output_count : 1;
}
hi_expr *hi_expr_const(hi_arena *arena, const hi_value *value, hist_type type, hi_ast_span span);
hi_expr *hi_expr_column(hi_arena *arena, uint32_t column, hist_type type, hi_ast_span span);
/* Output `index` of a call with several; index 0 of any other expression is that expression. */
hi_expr *hi_expr_output(hi_arena *arena, const hi_expr *call, uint32_t index);

/* ---- evaluation ---- */

typedef struct hi_eval_cache hi_eval_cache; /* Private. */

/* One thread's. `arena` may be changed between batches. */
struct hi_eval {
    hi_qctx *ctx;
    hi_arena *arena;
    hist_error *err;
    hi_eval_cache *cache; /* Compiled patterns, results of multi-output calls, random state. */
    const hist_batch *in; /* While evaluating. */
};

hist_status hi_eval_init(hi_eval *ev, hi_qctx *ctx, hi_arena *arena, hist_error *err);
void hi_eval_free(hi_eval *ev);
/* Before the first expression of every batch: forgets what was kept about the last one. */
void hi_eval_begin(hi_eval *ev);

/* `out` has in->row_count rows, any layout, memory of the eval's arena or borrowed from `in`. */
hist_status hi_expr_eval(const hi_expr *e, hi_eval *ev, const hist_batch *in, hist_column *out);
/* The same, FLAT or LIST. */
hist_status hi_expr_eval_flat(const hi_expr *e, hi_eval *ev, const hist_batch *in,
                              hist_column *out);
/*
 * Rows of `in` (of in->sel when there is one) for which the bool expression is true, ascending. sel_out has room for
 * in->sel_count. Parts of an `and` are evaluated one after the other until no row is left.
 */
hist_status hi_expr_filter(const hi_expr *e, hi_eval *ev, const hist_batch *in, uint32_t *sel_out,
                           uint32_t *count_out);

/* ---- questions of a planner ---- */

/* Sets bit c of `used` (room for the schema's columns) for every column the expression reads. */
void hi_expr_columns(const hi_expr *e, uint64_t *used);
/* A copy with column c replaced by map[c]; NULL: no memory. */
hi_expr *hi_expr_remap(hi_arena *arena, const hi_expr *e, const uint32_t *map);
/* Calls a window function (prev, next, row_...), which needs all serialized rows in one batch. */
bool hi_expr_is_window(const hi_expr *e);
/* Same input, same result: no rand(), new_guid(), window function. */
bool hi_expr_is_pure(const hi_expr *e);
/* Structurally the same pure expression. */
bool hi_expr_same(const hi_expr *a, const hi_expr *b);

/* The parts of an `and`, at most `max` (the last one then holds the rest); returns how many. */
uint32_t hi_expr_conjuncts(const hi_expr *e, const hi_expr **parts, uint32_t max);
/* Parts joined by `and`; count > 0; NULL: no memory. */
hi_expr *hi_expr_and(hi_arena *arena, const hi_expr *const *parts, uint32_t count);

typedef enum hi_pred_op {
    HI_PRED_EQ = 1,   /* column == values[0] */
    HI_PRED_NE,       /* column != values[0]: true for a null column too */
    HI_PRED_RANGE,    /* low .. high; each side may be open */
    HI_PRED_IN,       /* one of values (case-sensitive, nulls never match) */
    HI_PRED_NOT_IN,   /* none of values: true for a null column too */
    HI_PRED_NOT_NULL, /* isnotnull(column); isnotempty(column) of a string is NE "" */
    HI_PRED_IS_NULL,
} hi_pred_op;

/* A condition on one column, exactly as true as the expression it came from. */
typedef struct hi_pred {
    uint32_t column;
    hi_pred_op op;
    bool has_low, has_high;
    bool low_open, high_open; /* < and >, not <= and >= */
    hi_value low, high; /* Of the column's type, or of another numeric one (int, long, real). */
    uint32_t value_count;
    const hi_value *values;
} hi_pred;

/*
 * Recognises comparisons (either side), between, in, isnull and bin(column, w) == / >= constant on a column.
 * false: it is not of that form (or memory is short): evaluate the expression instead.
 */
bool hi_expr_pred(hi_arena *arena, const hi_expr *e, hi_pred *out);
/*
 * Narrows [*from, *to) (ns; INT64_MIN and INT64_MAX: open) by what the conjuncts of `e` say about datetime column
 * `column`. *exact: they say nothing else, so that the filter need not run within the range.
 */
void hi_expr_time_range(hi_arena *arena, const hi_expr *e, uint32_t column, int64_t *from,
                        int64_t *to, bool *exact);

/* bin(column, const) or startofday... of a column: true with the width in ns and the origin; column is datetime. */
bool hi_expr_time_bin(const hi_expr *e, uint32_t *column, int64_t *width_ns, int64_t *origin_ns);

#endif
