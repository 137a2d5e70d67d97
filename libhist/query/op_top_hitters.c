/* op_top_hitters.c -- top-hitters, sample-distinct, project-by-names: operators made of others. */
#include <string.h>

#include "query/plan.h"
#include "query/plan_ops.h"
