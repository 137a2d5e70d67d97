/* op_parse.c -- parse and parse-where: columns cut out of a text by a pattern. */
#include <string.h>

#include "query/plan.h"
#include "query/plan_ops.h"
