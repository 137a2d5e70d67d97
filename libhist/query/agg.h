/*
 * agg.h -- aggregates: a table of kinds, each a state of one size a group. Know first: values arrive as flat columns
 * and stretches of rows of one group; a mask (of sumif and the like) and nulls are in the validity of the
 * arguments; the zeroed state is that of a group without rows.
 */
#ifndef HI_QUERY_AGG_H
#define HI_QUERY_AGG_H

#include "query/op_keys.h"

typedef struct hi_agg hi_agg;
typedef struct hi_agg_run hi_agg_run;

typedef struct hi_agg_kind {
    const char *name;
    uint32_t state_size; /* Of a group; 0: none. */
    hist_status (*open)(hi_agg_run *run);
    hist_status (*update)(hi_agg_run *run, const hist_column *args, const uint64_t *mask,
                          const hi_stretch *stretches, uint32_t count);
    /* One column an output, in run->to. */
    hist_status (*finish)(hi_agg_run *run, uint32_t groups, hist_column *out);
    int data; /* Which of several that share code. */
} hi_agg_kind;

/* How an aggregate takes a whole block by the statistics of its argument. */
typedef struct hi_agg_fold {
    const hi_agg_kind *kind;
    /* Whether the result is that of the values; NULL: always. */
    bool (*knows)(const hi_block_stats *stats);
    void (*fold)(void *state, uint32_t values, const hi_block_stats *stats);
    bool extremes; /* It reads min or max. */
} hi_agg_fold;

/* NULL: it needs the values. */
const hi_agg_fold *hi_agg_fold_of(const hi_agg_kind *kind);

/* A bound aggregate. */
struct hi_agg {
    const hi_agg_kind *kind;
    const hi_expr *const *args;
    uint32_t arg_count;
    uint32_t output_count;
    const hi_expr *filter; /* Of the forms with "if"; NULL: every row. */
    hi_field *outputs;
    int64_t max; /* Elements of lists and sets. */
    const double *percents;
    uint32_t percent_count;
    bool weighted;
    bool as_array; /* percentiles_array */
};

struct hi_agg_run {
    const hi_agg *agg;
    hi_op *op;
    hi_arena *to; /* Of results: the op's keep, or its arena where groups are forgotten. */
    void *state;
    uint32_t capacity; /* Groups there is state for, */
    uint32_t zeroed;   /* and of how many it was made ready. */
    void *own;         /* What the kind keeps beside. */
};

hist_status hi_agg_open(hi_agg_run *run, const hi_agg *agg, hi_op *op);
hist_status hi_agg_update(hi_agg_run *run, const hist_batch *in, const hi_stretch *stretches,
                          uint32_t count, uint32_t groups);
/* `values` values of a block go to `group`. */
hist_status hi_agg_take_block(hi_agg_run *run, const hi_agg_fold *fold, uint32_t group,
                              uint32_t groups, uint32_t values, const hi_block_stats *stats);
hist_status hi_agg_finish(hi_agg_run *run, uint32_t groups, hist_column *out);
/* Whether the state is all there is of a group, so that groups can be forgotten. */
bool hi_agg_forgets(const hi_agg *agg);
/* Group `last` becomes group 0, others are as if never seen. */
void hi_agg_keep_last(hi_agg_run *run, uint32_t last);

hist_status hi_agg_no_memory(const hi_agg_run *run);

/* Kinds, by what they take. */
extern const hi_agg_kind hi_agg_count;
extern const hi_agg_kind hi_agg_sum_long;
extern const hi_agg_kind hi_agg_sum_real;
extern const hi_agg_kind hi_agg_sum_decimal;
extern const hi_agg_kind hi_agg_avg_long;
extern const hi_agg_kind hi_agg_avg_real;
extern const hi_agg_kind hi_agg_avg_time;
extern const hi_agg_kind hi_agg_avg_decimal;
extern const hi_agg_kind hi_agg_min_int, hi_agg_max_int;
extern const hi_agg_kind hi_agg_min_real, hi_agg_max_real;
extern const hi_agg_kind hi_agg_stdev, hi_agg_stdevp, hi_agg_variance, hi_agg_variancep;
extern const hi_agg_kind hi_agg_covariance, hi_agg_covariancep;
extern const hi_agg_kind hi_agg_and, hi_agg_or, hi_agg_xor;
extern const hi_agg_kind hi_agg_percentile;
extern const hi_agg_kind hi_agg_list, hi_agg_list_nulls, hi_agg_set, hi_agg_bag, hi_agg_dcount;
extern const hi_agg_kind hi_agg_schema;
/* args[0] is the key, the others come along. */
extern const hi_agg_kind hi_agg_arg_max, hi_agg_arg_min, hi_agg_any;
/* The key itself: min and max of types without a kind of their own. */
extern const hi_agg_kind hi_agg_pick_max, hi_agg_pick_min;

/* Summarise: columns of the keys, then of the aggregates; without keys one row even of no rows. */
hi_op *hi_op_group(hi_exec *x, hi_op *child, const hi_expr *const *keys, uint32_t key_count,
                   const char *const *key_names, const hi_agg *aggs, uint32_t agg_count);

#endif
