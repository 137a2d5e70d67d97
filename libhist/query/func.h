/*
 * func.h -- the registry of scalar functions: what a function says of itself.
 *
 * Operators are functions too, under the names HI_AST_OPERATOR_LIST spells ("+", "==", "has"), so
 * that binding, folding and evaluation know one thing only. The tables are constant and searched
 * by name at bind time only.
 */
#ifndef HI_QUERY_FUNC_H
#define HI_QUERY_FUNC_H

#include "query/expr.h"

enum {
    HI_FUNC_IMPURE = 1 << 0, /* Another result each time: never folded, never once a dictionary. */
    HI_FUNC_WINDOW = 1 << 1, /* Needs the whole serialized input as one batch. */
    HI_FUNC_NAME_ARG = 1 << 2, /* Result column is called as its first argument. */
    HI_FUNC_NULLS = 1 << 3,    /* Row functions: called with null arguments too. */
    HI_FUNC_LAZY = 1 << 4,     /* The binder treats it itself (iff's branches, case, coalesce). */
    HI_FUNC_HIDDEN = 1 << 5,   /* Not offered as a near name: operators and internal casts. */
};

/* A call being bound: bind() checks `args`, may wrap them in casts, and fills the result part. */
typedef struct hi_bind_call {
    hi_arena *arena;
    hist_error *err;
    hi_qctx *ctx;
    const hi_func *func;
    hi_ast_span span;
    const hi_expr **args;
    uint32_t arg_count;
    /* result */
    hist_type type;
    hi_eval_fn eval;
    const void *state;
    const hi_field *outputs;
    uint32_t output_count;
} hi_bind_call;

typedef hist_status (*hi_bind_fn)(hi_bind_call *call);

typedef struct hi_row hi_row;
/* Computes one row of a row function from row->args into row->out. */
typedef void (*hi_row_fn)(hi_row *row);

/*
 * `signature` declares types where bind is NULL: one letter an argument, '>' and the result.
 *   b bool  i int  l long  r real  m decimal  s string  d datetime  t timespan  g guid  y dynamic
 *   S anything, as its text   n number (any)   a anything   letters after '|' may be left off   '*' repeats the last letter
 *   result 'A': the type of the first argument
 * Numbers are widened, dynamic values converted by their run-time type.
 */
struct hi_func {
    const char *name;
    const char *signature; /* "s|ll>s" */
    hi_row_fn row;   /* With eval NULL: called for every row without nulls in its arguments. */
    hi_bind_fn bind; /* Or: checks types itself. */
    hi_eval_fn eval; /* Or: whole vectors. */
    uint16_t flags;
    const char
        *name_prefix; /* "strlen_": the result column is strlen_x. NULL: Column1 or NAME_ARG. */
    const void *data; /* For functions that share a body: which one it is. */
};

/* NULL: no such function. Names are case-sensitive; obsolete aliases are found too. */
const hi_func *hi_func_find(hist_str name);
/* The nearest known name, or NULL. */
const char *hi_func_nearest(hi_arena *arena, hist_str name);

/*
 * A bound and, where its arguments are constant and it is pure, folded call. Errors are placed at `span`.
 * Used by the binder and by planners that make calls of their own (comparisons of join keys, casts).
 */
hist_status hi_func_call(hi_arena *arena, hi_qctx *ctx, const hi_func *func, hi_ast_span span,
                         const hi_expr **args, uint32_t arg_count, hi_expr **out, hist_error *err);
/* `e` as another type; `e` itself when it has it. HIST_ESEMANTIC when there is no such conversion. */
hist_status hi_func_cast(hi_arena *arena, hi_qctx *ctx, const hi_expr *e, hist_type type,
                         hi_expr **out, hist_error *err);

/* Conversion of one value as todouble(), tolong(), ... do: unparseable gives null. Strings made live in `arena`. */
bool hi_value_convert(hi_arena *arena, const hi_value *in, hist_type to, hi_value *out);
/* A column converted as to...() do. */
hist_status hi_col_convert(hi_eval *ev, const hist_column *in, hist_type to, hist_column *out);
/* tostring() of one value at the end of buf. */
void hi_value_print(hi_buf *buf, const hi_value *value);

#endif
