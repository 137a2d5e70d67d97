/*
 * func_series.h -- the frame of the series functions: arrays in and out of hi_series, row by row. Shared by func_series*.c only.
 */
#ifndef HI_QUERY_FUNC_SERIES_H
#define HI_QUERY_FUNC_SERIES_H

#include "query/eval.h"
#include "query/series.h"

#define HI_SER_ARGS 18
#define HI_SER_OUTS 16

enum { HI_SER_INTS = 1, HI_SER_SCALAR = 2, HI_SER_NULL = 4 };

/* One argument as lists of doubles; a row that is one number is a list of one with HI_SER_SCALAR. */
typedef struct hi_ser_in {
    hist_column list;
    uint8_t *flags; /* One a row; of a constant only one. */
    bool constant;
} hi_ser_in;

/* One output: letters of hi_ser_spec.outs. */
typedef struct hi_ser_out {
    char kind;
    bool tagged; /* Kind 'i' with rows of integers and rows of reals. */
    hi_col_builder cb;
    hi_list_builder lb;
} hi_ser_out;

typedef struct hi_ser_call {
    hi_eval *ev;
    const hi_expr *call;
    const hist_column *args;
    const void *data; /* spec->data */
    uint32_t arg_count;
    uint32_t rows;
    uint32_t row;       /* The one being computed. */
    hi_arena *scratch;  /* Emptied after every row. */
    hi_ser_in in[2];    /* Arguments 0 and 1 when they are series. */
    hist_column tagged; /* Argument 0 in the tagged form, for functions with `views`. */
    hi_ser_out out[HI_SER_OUTS];
    hist_status status;
} hi_ser_call;

/*
 * outs, one letter an output: l long, r real, s array of reals, i array that stays integer (see `ints`), b array of bool, L of longs,
 * y any dynamic value. names: of the outputs when there are several, separated by blanks.
 */
typedef struct hi_ser_spec {
    void (*row)(
        hi_ser_call *c); /* Writes one row of every output; those not written become null. */
    const char *outs;
    const char *names;
    uint32_t series; /* How many leading arguments are series (0 to 2). */
    bool views;      /* Wants `tagged`. */
    const void *data;
} hi_ser_spec;

/* Argument i (a series) of the current row; false: null. */
bool hi_ser_get(hi_ser_call *c, uint32_t i, hi_series *out, uint8_t *flags);
/* Numbers of the current row, or the default when the argument is absent or null. */
double hi_ser_real(const hi_ser_call *c, uint32_t arg, double otherwise);
int64_t hi_ser_long(const hi_ser_call *c, uint32_t arg, int64_t otherwise);
bool hi_ser_bool(const hi_ser_call *c, uint32_t arg, bool otherwise);
hist_str hi_ser_str(const hi_ser_call *c, uint32_t arg, const char *otherwise);
bool hi_ser_has(const hi_ser_call *c, uint32_t arg);

void hi_ser_put_long(hi_ser_call *c, uint32_t out, int64_t v);
void hi_ser_put_real(hi_ser_call *c, uint32_t out, double v);
/* valid NULL: every element has a value. ints: kind 'i' only. */
void hi_ser_put(hi_ser_call *c, uint32_t out, const double *v, const uint64_t *valid, size_t n,
                bool ints);
/* Scratch of n doubles; NULL: memory is short, which is kept in c->status. */
double *hi_ser_doubles(hi_ser_call *c, size_t n);
uint64_t *hi_ser_bits(hi_ser_call *c, size_t n);
/* Passes on the status of a function of series.h; false: stop. */
bool hi_ser_ok(hi_ser_call *c, hist_status status);

hist_status hi_ser_bind(hi_bind_call *c);

extern const hi_func_table hi_funcs_series_math;
extern const hi_func_table hi_funcs_series_model;

#endif
