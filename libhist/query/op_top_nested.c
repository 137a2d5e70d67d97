/* op_top_nested.c -- top-nested: the largest groups, level by level. */
#include <string.h>

#include "query/plan.h"
#include "query/plan_ops.h"
