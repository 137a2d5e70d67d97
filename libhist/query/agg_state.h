/*
 * agg_state.h -- what the aggregates of numbers keep of a group: agg_num.c fills it from values,
 * agg_fold.c from statistics.
 */
#ifndef HI_QUERY_AGG_STATE_H
#define HI_QUERY_AGG_STATE_H

#include "query/agg.h"
#include "query/agg_kern.h"

__extension__ typedef __int128 num_wide;
__extension__ typedef unsigned __int128 num_uwide;

typedef struct num_real {
    double lanes[HI_SUM_LANES]; /* See agg_kern.h. */
    uint64_t n;
} num_real;

typedef struct num_avg {
    num_wide sum;
    uint64_t n;
} num_avg;

typedef struct num_int_best {
    int64_t v;
    bool has;
} num_int_best;

typedef struct num_real_best {
    double v;
    bool has;
} num_real_best;

#endif
