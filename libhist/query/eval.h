/*
 * eval.h -- what the bodies of scalar functions use: reports, patterns, random numbers, and the
 * frame of functions that work row by row. Shared by eval.c and func*.c only.
 */
#ifndef HI_QUERY_EVAL_H
#define HI_QUERY_EVAL_H

#include "base/regex.h"
#include "query/func.h"
#include "query/kern.h"

/* Memory of results. */
static inline hi_arena *hi_eval_arena(hi_eval *ev)
{
    return ev->arena;
}
/* HIST_ENOMEM naming the function. */
hist_status hi_eval_no_memory(hi_eval *ev, const hi_expr *call);
/* An error at the call's place in the text. */
hist_status hi_eval_fail(hi_eval *ev, const hi_expr *call, hist_status code, const char *fmt, ...)
    HI_PRINTF(4, 5);
/* A compiled pattern, kept for the next call; HIST_ESEMANTIC at the call's place when it is no pattern. */
hist_status hi_eval_regex(hi_eval *ev, const hi_expr *call, hist_str pattern, hi_regex **out);
/* 64 random bits. */
uint64_t hi_eval_random(hi_eval *ev);
/* A buffer for scratch text, empty; valid until the next call of this function. */
hi_buf *hi_eval_scratch(hi_eval *ev);

/* Evaluates a call on columns that are there already (CONST, FLAT, LIST, DICT, RUNS): also what folding uses. */
hist_status hi_eval_call(hi_eval *ev, const hi_expr *call, hist_column *args, uint32_t rows,
                         hist_column *outs);

/* Validity of a result that is null where one of the operands is: NULL when none is. false: no memory. */
bool hi_valid_all(hi_arena *arena, const hist_column *args, uint32_t count, uint32_t rows,
                  const uint64_t **out);
/* Whether a CONST column is null. */
static inline bool hi_const_is_null(const hist_column *c)
{
    return c->layout == HIST_LAYOUT_CONST && c->valid != NULL && !hist_bit_get(c->valid, 0);
}
static inline hi_operand hi_operand_of(const hist_column *c)
{
    return (hi_operand){c->data, c->layout == HIST_LAYOUT_CONST};
}

/* ---- functions that work row by row ---- */

struct hi_row {
    hi_eval *ev;
    const hi_expr *call;
    const void *data;  /* func->data */
    hi_arena *scratch; /* Emptied every few rows. */
    uint32_t arg_count;
    const hi_value *args; /* Dynamic arguments are always in the tagged form. */
    hi_col_builder *out;  /* The function appends exactly one value; nothing appended: null. */
    hist_status status;   /* Set by the function on an error, which is in ev->err. */
};

/* The eval of every function with a `row`. */
hist_status hi_eval_rows(hi_eval *ev, const hi_expr *call, const hist_column *args, uint32_t rows,
                         hist_column *out);

static inline bool hi_row_has(const hi_row *r, uint32_t i)
{
    return i < r->arg_count && !r->args[i].null;
}
static inline hist_str hi_row_str(const hi_row *r, uint32_t i)
{
    return r->args[i].str;
}
static inline int64_t hi_row_i64(const hi_row *r, uint32_t i)
{
    return r->args[i].i64;
}
static inline hi_dyn hi_row_dyn(const hi_row *r, uint32_t i)
{
    if (r->args[i].null) {
        return (hi_dyn){NULL, 0};
    }
    return hi_dyn_of(r->args[i].str.data, r->args[i].str.size);
}
/* Optional argument or its default. */
static inline int64_t hi_row_i64_or(const hi_row *r, uint32_t i, int64_t v)
{
    return hi_row_has(r, i) ? r->args[i].i64 : v;
}

/* ---- binding helpers ---- */

/* HIST_ESEMANTIC at the call: "name(): ..." */
hist_status hi_bind_fail(hi_bind_call *c, const char *fmt, ...) HI_PRINTF(2, 3);
/* The same at argument i. */
hist_status hi_bind_fail_arg(hi_bind_call *c, uint32_t i, const char *fmt, ...) HI_PRINTF(3, 4);
/* Makes argument i of the type a signature letter asks for, by a cast where that is implicit. */
hist_status hi_bind_arg(hi_bind_call *c, uint32_t i, char letter);
/* All arguments by the function's signature and the result's type; what hi_func says of `bind` NULL. */
hist_status hi_bind_signature(hi_bind_call *c);
/* A conversion the language makes by itself: dynamic to anything, narrow to wide numbers. */
hist_status hi_bind_cast(hi_bind_call *c, uint32_t i, hist_type type);
/* Arguments from `first` on brought to one type (numbers widened); *type is that type. */
hist_status hi_bind_common(hi_bind_call *c, uint32_t first, hist_type *type);
/* Constant string argument, lower-cased or not; HIST_ESEMANTIC when it is no constant. */
hist_status hi_bind_const_str(hi_bind_call *c, uint32_t i, hist_str *out);

/* A table of functions, searched by hi_func_find(). */
typedef struct hi_func_table {
    const hi_func *funcs;
    size_t count;
} hi_func_table;

extern const hi_func_table hi_funcs_arith;
extern const hi_func_table hi_funcs_compare;
extern const hi_func_table hi_funcs_cond;
extern const hi_func_table hi_funcs_math;
extern const hi_func_table hi_funcs_convert;
extern const hi_func_table hi_funcs_string;
extern const hi_func_table hi_funcs_match;
extern const hi_func_table hi_funcs_regex;
extern const hi_func_table hi_funcs_time;
extern const hi_func_table hi_funcs_timefmt;
extern const hi_func_table hi_funcs_dynamic;
extern const hi_func_table hi_funcs_array;
extern const hi_func_table hi_funcs_bag;
extern const hi_func_table hi_funcs_window;
extern const hi_func_table hi_funcs_series;
extern const hi_func_table hi_funcs_codec;
extern const hi_func_table hi_funcs_bits;
extern const hi_func_table hi_funcs_units;
extern const hi_func_table hi_funcs_parse;
extern const hi_func_table hi_funcs_ip;
extern const hi_func_table hi_funcs_stat;

#define HI_FUNC_TABLE(funcs_)                          \
    {                                                  \
        (funcs_), sizeof(funcs_) / sizeof((funcs_)[0]) \
    }

#endif
