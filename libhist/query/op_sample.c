/* op_sample.c -- sample: rows picked at random. */
#include <string.h>

#include "query/plan.h"
#include "query/plan_ops.h"
