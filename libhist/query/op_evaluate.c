/* op_evaluate.c -- evaluate: the plugins bag_unpack, narrow, pivot, rolling_percentile. */
#include <string.h>

#include "query/plan.h"
#include "query/plan_ops.h"
