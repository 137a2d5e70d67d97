/*
 * bind_expr.h -- from the syntax tree of a scalar expression to a bound one.
 *
 * Names are looked up innermost first: columns of the current row, then let-bound scalars and functions of
 * the scope chain. Functions of the user are expanded in place. What concerns tables is asked from the
 * planner through hooks.
 */
#ifndef HI_QUERY_BIND_EXPR_H
#define HI_QUERY_BIND_EXPR_H

#include "query/func.h"

typedef struct hi_scope hi_scope;
typedef struct hi_binder hi_binder;

typedef enum hi_name_kind {
    HI_NAME_SCALAR =
        1, /* A bound expression; columns in it are those of the row where it is used only if
                           it was bound there (function arguments), else it is constant. */
    HI_NAME_LAMBDA, /* A function of the user, not bound yet. */
    HI_NAME_TABLE,  /* Anything tabular: `table` means something to the planner only. */
} hi_name_kind;

/* One name in a scope. */
typedef struct hi_name {
    hist_str name;
    hi_name_kind kind;
    const hi_expr *scalar;
    const hi_ast_expr *lambda;    /* kind HI_AST_LAMBDA */
    const hi_scope *lambda_scope; /* Where it was defined: what its body sees. */
    const void *table;
    const hi_ast_expr *table_expr; /* A tabular let or argument that nobody planned yet, ... */
    const hi_scope *table_scope;   /* ... and what it sees. */
    struct hi_name *next;
} hi_name;

/* Names of one level; the planner makes one for the query, one for each function body. */
struct hi_scope {
    const hi_scope *outer; /* NULL: outermost. */
    hi_name *names;        /* Newest first. */
};

/* Innermost match, or NULL. */
const hi_name *hi_scope_find(const hi_scope *scope, hist_str name);
/* NULL: no memory. */
hi_name *hi_scope_add(hi_arena *arena, hi_scope *scope, hist_str name, hi_name_kind kind);

/* Given by the planner; NULL members: such an expression is an error here. */
typedef struct hi_bind_hooks {
    void *arg;
    /* toscalar(tabular or scalar expression): a constant. */
    hist_status (*toscalar)(void *arg, hi_binder *b, const hi_ast_expr *e, hi_expr **out);
    /* Right side of `in (table)`: a CONST column holder; *values has the rows of its first column (FLAT). */
    hist_status (*in_table)(void *arg, hi_binder *b, const hi_ast_expr *e, hist_column *values);
    /* Whether an expression is tabular (a table name, a PIPE, a call of a tabular function). */
    bool (*is_table)(void *arg, hi_binder *b, const hi_ast_expr *e);
    /*
     * A function call with tabular arguments or statements in a body that only the planner can bind but that gives a
     * scalar. Also any other call unknown here. *handled false: unknown there too.
     */
    hist_status (*call)(void *arg, hi_binder *b, const hi_ast_expr *e, hi_expr **out,
                        bool *handled);
    /* A call in a place where aggregates may stand (summarize): asked before scalar functions. */
    hist_status (*aggregate)(void *arg, hi_binder *b, const hi_ast_expr *e, hi_expr **out,
                             bool *handled);
    /* Unknown name: the planner may know it (a step's column in scan, $left). */
    hist_status (*name)(void *arg, hi_binder *b, const hi_ast_expr *e, hi_expr **out,
                        bool *handled);
} hi_bind_hooks;

struct hi_binder {
    hi_arena *arena;
    hi_qctx *ctx;
    hist_error *err;
    const hi_schema *schema;    /* Columns in sight; NULL: none. */
    const hi_scope *scope;      /* NULL: none. */
    const hi_bind_hooks *hooks; /* NULL: none. */
    bool serialized;            /* Window functions may be called. */
    bool windows_checked;       /* false: window functions are accepted on any input. */
    uint32_t depth;             /* Of expanded functions. */
};

/* Deepest chain of functions calling functions. */
#define HI_BIND_DEPTH_MAX 32

hist_status hi_bind_expr(hi_binder *b, const hi_ast_expr *e, hi_expr **out);
/* A predicate: bool (or a dynamic one, converted), else HIST_ESEMANTIC. */
hist_status hi_bind_predicate(hi_binder *b, const hi_ast_expr *e, hi_expr **out);
/* Must fold to a constant (null allowed): limits, steps, defaults, percentiles. `what` is for the message. */
hist_status hi_bind_const(hi_binder *b, const hi_ast_expr *e, const char *what, hi_value *out);
/*
 * Binds the body of user function `fn` applied to `call`'s arguments in a new scope. When the body's last expression is
 * scalar it is bound to *out; else *out is NULL and *scope and *body tell the planner what to bind.
 */
hist_status hi_bind_lambda(hi_binder *b, const hi_name *fn, const hi_ast_expr *call, hi_expr **out,
                           hi_scope **scope, const hi_ast_expr **body);

/*
 * Adds the name of a let statement to `scope` (which should be b->scope): scalars are bound now, functions kept as
 * they are, tabular values kept as table_expr. Statements of other kinds are ignored.
 */
hist_status hi_bind_let(hi_binder *b, hi_scope *scope, const hi_ast_stmt *stmt);

/*
 * The name of a result column by what its expression is: "x" for a column, "strlen_x", "d_a_b", "" when the operator
 * has to make one up (Column1, print_0). NUL-terminated in the binder's arena; NULL: no memory.
 */
const char *hi_expr_name(hi_binder *b, const hi_ast_expr *e);
/* Name of output `index` of a call with several: "series_stats_y_min" ("series_stats__min" without a name). */
const char *hi_expr_output_name(hi_binder *b, const hi_ast_expr *e, const hi_expr *call,
                                uint32_t index);

#endif
