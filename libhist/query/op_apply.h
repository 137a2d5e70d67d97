/* op_apply.h -- a pipe run for each row of its source: mv-apply. */
#ifndef HI_QUERY_OP_APPLY_H
#define HI_QUERY_OP_APPLY_H

#include "query/op.h"

typedef struct hi_apply {
    hi_op *rows;  /* Gets one row of the source at a time (hi_op_rows). */
    hi_op *inner; /* The pipe over it. */
    hi_schema schema;
    const uint32_t *
        sources; /* The first source_count columns of the result: columns of the source; then inner's. */
    uint32_t source_count;
} hi_apply;

hi_op *hi_op_apply(hi_exec *x, hi_op *child, const hi_apply *spec);

#endif
