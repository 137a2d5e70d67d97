/* op_partition.c -- partition by: a pipe run for each value of a key. */
#include <string.h>

#include "query/plan.h"
#include "query/plan_ops.h"
