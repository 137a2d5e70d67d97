/* plan_union.h -- tables side by side: what union, search and find share. */
#ifndef HI_QUERY_PLAN_UNION_H
#define HI_QUERY_PLAN_UNION_H

#include "query/plan.h"

typedef struct plan_leg {
    hi_op *op;
    const char *name;
} plan_leg;

typedef struct plan_legs {
    const char *prefix; /* Of the names of legs without one: union_arg0, ... */
    plan_leg *list;
    uint32_t count;
    uint32_t capacity;
} plan_legs;

/* name NULL: none. */
hist_status hi_plan_legs_add(hi_plan *p, plan_legs *legs, hi_op *op, const char *name);
/* A table, a pattern, or any tabular expression; fuzzy: what is not there is left out. */
hist_status hi_plan_legs_item(hi_plan *p, const hi_ast_expr *e, bool fuzzy, plan_legs *legs);
/* inner: only the columns all have. source: the column with the name of the leg, or NULL. */
hist_status hi_plan_legs_union(hi_plan *p, const plan_legs *legs, bool inner, const char *source,
                               hi_op **out);

#endif
