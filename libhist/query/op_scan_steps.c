/* op_scan_steps.c -- scan: sequences of rows matched by steps with a state. */
#include <string.h>

#include "query/plan.h"
#include "query/plan_ops.h"
