/* op_series.h -- grouped rows to arrays: the second half of make-series. */
#ifndef HI_QUERY_OP_SERIES_H
#define HI_QUERY_OP_SERIES_H

#include "query/op.h"

#define HI_SERIES_LENGTH_MAX 1048576

/* The child gives columns: key_count keys, the bin, then one column an array. */
typedef struct hi_make_series {
    uint32_t key_count;
    uint32_t array_count;
    const char *axis_name;
    const char *const *array_names;
    const hi_value *defaults; /* Of the arrays, of their element types; null: null. */
    hist_type axis_type;      /* datetime, timespan, long or real */
    hi_value from;            /* null: each series begins with its first bin. */
    hi_value to;              /* null: each ends with its last. Exclusive. */
    hi_value step;            /* long, timespan or real; > 0 */
    bool nonempty;            /* Without keys and rows: one row of defaults. */
    hi_ast_span span;
} hi_make_series;

hi_op *hi_op_make_series(hi_exec *x, hi_op *child, const hi_make_series *spec);

#endif
