/* op_expand.h -- mv-expand: a row for every element of arrays. */
#ifndef HI_QUERY_OP_EXPAND_H
#define HI_QUERY_OP_EXPAND_H

#include "query/op.h"

typedef struct hi_expand_item {
    const hi_expr *expr;
    hist_type type;  /* to typeof(T); 0: dynamic elements. */
    uint32_t column; /* Of the result. */
} hi_expand_item;

typedef struct hi_expand {
    hi_schema schema;
    const hi_expand_item *items;
    uint32_t item_count;
    const uint32_t *sources; /* For each column of the result that of the child, or UINT32_MAX. */
    uint32_t index_column;   /* with_itemindex; UINT32_MAX: none. */
    bool pairs;              /* kind=array: bags as [key, value]. */
    uint64_t limit;          /* Rows of one source row at most. */
} hi_expand;

hi_op *hi_op_mv_expand(hi_exec *x, hi_op *child, const hi_expand *spec);

#endif
