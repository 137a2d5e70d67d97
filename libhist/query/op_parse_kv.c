/* op_parse_kv.c -- parse-kv: keys and values in a text as columns. */
#include <string.h>

#include "query/plan.h"
#include "query/plan_ops.h"
