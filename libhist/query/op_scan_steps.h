/* op_scan_steps.h -- scan: sequences of rows matched by steps. */
#ifndef HI_QUERY_OP_SCAN_STEPS_H
#define HI_QUERY_OP_SCAN_STEPS_H

#include "query/op.h"

typedef enum hi_step_output {
    HI_STEP_ALL = 0,
    HI_STEP_LAST, /* Only the last of the rows that follow each other in the step. */
    HI_STEP_NONE,
} hi_step_output;

/*
 * Expressions of steps are bound over: the n columns of the child, the d declared ones, then for each step
 * n + d columns again: the row that the step matched last.
 */
typedef struct hi_step {
    const hi_expr *condition;
    const hi_expr *const *assign; /* One a declared column; NULL: its default. */
    hi_step_output output;
    bool optional;
} hi_step;

typedef struct hi_steps {
    hi_schema schema; /* Child, declared, and the match id when it has a name. */
    uint32_t declared;
    const hi_value *defaults; /* Of the declared columns. */
    bool match_id;
    const hi_step *steps;
    uint32_t count;
} hi_steps;

hi_op *hi_op_steps(hi_exec *x, hi_op *child, const hi_steps *spec);

#endif
