/* op_join.h -- joins by hash of the right side, and unions. */
#ifndef HI_QUERY_OP_JOIN_H
#define HI_QUERY_OP_JOIN_H

#include "query/op.h"

typedef enum hi_join_kind {
    HI_JOIN_INNERUNIQUE = 1,
    HI_JOIN_INNER,
    HI_JOIN_LEFTOUTER,
    HI_JOIN_RIGHTOUTER,
    HI_JOIN_FULLOUTER,
    HI_JOIN_LEFTSEMI,
    HI_JOIN_LEFTANTI,
    HI_JOIN_RIGHTSEMI,
    HI_JOIN_RIGHTANTI,
} hi_join_kind;

typedef struct hi_join {
    hi_join_kind kind;
    const hi_expr *const *left_keys; /* Of the same types as right_keys, one by one. */
    const hi_expr *const *right_keys;
    uint32_t key_count;
    bool reverse;     /* Right rows of a key come last first, as the engine's lookup gives them. */
    hi_schema schema; /* Left columns, then right ones. */
    uint32_t left_count;   /* 0 for the kinds that give right rows only. */
    const uint32_t *right; /* The right columns of the result. */
    uint32_t right_count;
} hi_join;

hi_op *hi_op_join(hi_exec *x, hi_op *left, hi_op *right, const hi_join *spec);

/* The rows of all legs, one leg after the other; they have the same schema. */
hi_op *hi_op_union(hi_exec *x, hi_op *const *legs, uint32_t count);

#endif
