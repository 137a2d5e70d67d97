/* op_invoke.c -- invoke: a function over the rows so far. */
#include <string.h>

#include "query/plan.h"
#include "query/plan_ops.h"
