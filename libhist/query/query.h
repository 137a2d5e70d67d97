/* query.h -- a whole KQL text: parsed, planned, run statement by statement. What api/query.c calls. */
#ifndef HI_QUERY_QUERY_H
#define HI_QUERY_QUERY_H

#include "query/op.h"

typedef struct hi_query hi_query;

typedef struct hi_query_spec {
    hi_mem *mem;           /* Parent of the query's account. */
    uint64_t memory_max;   /* Limit of the account; 0: none. */
    hi_snapshot *snapshot; /* Becomes the query's when it opens. */
    const char *database;
    int64_t now_ns;
    uint64_t time_ms_max;
    const char *const *param_names;
    const char *const *param_values;
    size_t param_count;
    int (*stop)(void *arg); /* Not NULL: not 0 cancels. */
    void *stop_arg;
    bool no_pushdown;   /* For tests. */
    bool no_statistics; /* For tests and measurements: statistics of blocks answer nothing. */
} hi_query_spec;

hist_status hi_query_open(const char *text, size_t size, const hi_query_spec *spec,
                          hi_query **query_out, hist_error *err);
void hi_query_close(hi_query *query);
hist_status hi_query_next_result(hi_query *query, bool *has_out, hist_error *err);
const hi_schema *hi_query_schema(const hi_query *query);
const char *hi_query_visualization(const hi_query *query);
hist_status hi_query_next(hi_query *query, hist_batch *batch_out, hist_error *err);
void hi_query_cancel(hi_query *query);
void hi_query_stats(const hi_query *query, hist_query_stats *stats_out);

#endif
