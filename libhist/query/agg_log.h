/* agg_log.h -- values kept for aggregates that need them all: appended by batch, put in order by group at the end. */
#ifndef HI_QUERY_AGG_LOG_H
#define HI_QUERY_AGG_LOG_H

#include "query/agg.h"

#define HI_LOG_COLUMNS_MAX 2

typedef struct hi_log_part hi_log_part;

typedef struct hi_agg_log {
    hi_log_part *first;
    hi_log_part *last;
    uint32_t columns;
    uint32_t parts;
    uint64_t rows;
    /* What the next call of hi_log_keep() will store. */
    uint32_t *picked;
    uint32_t *groups;
    uint32_t picked_count;
} hi_agg_log;

/* In the run's `own`. */
hist_status hi_log_open(hi_agg_run *run, uint32_t columns);
/* Room to pick at most `rows` rows of a batch. */
bool hi_log_begin(hi_agg_run *run, hi_agg_log *log, uint32_t rows);
static inline void hi_log_pick(hi_agg_log *log, uint32_t row, uint32_t group)
{
    log->picked[log->picked_count] = row;
    log->groups[log->picked_count++] = group;
}
/* Keeps the picked rows of these columns. */
bool hi_log_keep(hi_agg_run *run, hi_agg_log *log, const hist_column *columns);
/* All values in order of groups, those of a group in order of arrival; offsets[groups + 1]. */
bool hi_log_order(hi_agg_run *run, const hi_agg_log *log, uint32_t groups, hist_type type,
                  hist_column *columns, int32_t **offsets);

#endif
