/* op_top_nested.h -- top-nested: the largest groups, level by level. */
#ifndef HI_QUERY_OP_TOP_NESTED_H
#define HI_QUERY_OP_TOP_NESTED_H

#include "query/op.h"

typedef struct hi_top_level {
    const hi_expr *key; /* Over the child's columns. */
    uint64_t rows;      /* How many groups of each group above. */
    bool ascending;
    bool has_others;
    hi_value others; /* The key of the row for all other groups. */
    /* The child's columns and the group of each row (long) ... */
    hi_op *source;
    /* ... and what becomes of them: group, measure. */
    hi_op *group;
} hi_top_level;

/* schema: key and measure of each level. */
hi_op *hi_op_top_nested(hi_exec *x, hi_op *child, hi_schema schema, const hi_top_level *levels,
                        uint32_t count);

#endif
