/* agg_log.c -- values kept by batch and put in order by a counting sort; see agg_log.h. */
#include "query/agg_log.h"

#include <string.h>

struct hi_log_part {
    hi_log_part *next;
    hist_column columns[HI_LOG_COLUMNS_MAX];
    uint32_t *groups;
    uint32_t rows;
};

hist_status hi_log_open(hi_agg_run *run, uint32_t columns)
{
    hi_agg_log *log = HI_NEW(&run->op->keep, hi_agg_log);

    if (log == NULL) {
        return hi_agg_no_memory(run);
    }
    log->columns = columns;
    run->own = log;
    return HIST_OK;
}

bool hi_log_begin(hi_agg_run *run, hi_agg_log *log, uint32_t rows)
{
    log->picked = hi_arena_vector(&run->op->arena, (size_t)rows * sizeof(uint32_t));
    log->groups = hi_arena_vector(&run->op->arena, (size_t)rows * sizeof(uint32_t));
    log->picked_count = 0;
    return log->picked != NULL && log->groups != NULL;
}

bool hi_log_keep(hi_agg_run *run, hi_agg_log *log, const hist_column *columns)
{
    const uint32_t n = log->picked_count;

    if (n == 0) {
        return true;
    }
    hi_log_part *part = HI_NEW(&run->op->keep, hi_log_part);
    uint32_t *groups = hi_arena_vector(&run->op->keep, (size_t)n * sizeof(uint32_t));
    if (part == NULL || groups == NULL || log->rows + n > INT32_MAX) {
        return false;
    }
    for (uint32_t c = 0; c < log->columns; c++) {
        hist_column gathered;

        if (!hi_col_gather(&run->op->arena, &columns[c], log->picked, n, &gathered) ||
            !hi_col_copy(&run->op->keep, &gathered, &part->columns[c])) {
            return false;
        }
    }
    memcpy(groups, log->groups, (size_t)n * sizeof(uint32_t));
    part->groups = groups;
    part->rows = n;
    if (log->last == NULL) {
        log->first = part;
    } else {
        log->last->next = part;
    }
    log->last = part;
    log->parts++;
    log->rows += n;
    return true;
}

static uint32_t *log_sort(hi_agg_run *run, const hi_agg_log *log, uint32_t groups, int32_t *offsets)
{
    uint32_t *order = hi_arena_vector(&run->op->keep, (size_t)log->rows * sizeof(uint32_t));
    int32_t *next = HI_NEW_ARRAY(&run->op->keep, int32_t, (size_t)groups + 1);
    uint32_t row = 0;

    if (order == NULL || next == NULL) {
        return NULL;
    }
    memset(offsets, 0, ((size_t)groups + 1) * sizeof(int32_t));
    for (const hi_log_part *p = log->first; p != NULL; p = p->next) {
        for (uint32_t i = 0; i < p->rows; i++) {
            offsets[p->groups[i] + 1]++;
        }
    }
    for (uint32_t g = 0; g < groups; g++) {
        offsets[g + 1] += offsets[g];
        next[g] = offsets[g];
    }
    for (const hi_log_part *p = log->first; p != NULL; p = p->next) {
        for (uint32_t i = 0; i < p->rows; i++) {
            order[next[p->groups[i]]++] = row++;
        }
    }
    return order;
}

bool hi_log_order(hi_agg_run *run, const hi_agg_log *log, uint32_t groups, hist_type type,
                  hist_column *columns, int32_t **offsets)
{
    hi_arena *keep = &run->op->keep;
    hist_column *parts = HI_NEW_ARRAY(keep, hist_column, (size_t)log->parts + 1);

    *offsets = hi_arena_vector(keep, ((size_t)groups + 1) * sizeof(int32_t));
    if (parts == NULL || *offsets == NULL) {
        return false;
    }
    const uint32_t *order = log_sort(run, log, groups, *offsets);
    if (order == NULL) {
        return false;
    }
    for (uint32_t c = 0; c < log->columns; c++) {
        uint32_t n = 0;
        hist_column all;

        for (const hi_log_part *p = log->first; p != NULL; p = p->next) {
            parts[n++] = p->columns[c];
        }
        const bool ok =
            n == 0 ? hi_col_nulls(keep, type, 0, &all) : hi_col_concat(keep, parts, n, &all);
        if (!ok || !hi_col_gather(keep, &all, order, (uint32_t)log->rows, &columns[c])) {
            return false;
        }
        if (columns[c].layout != HIST_LAYOUT_FLAT && columns[c].layout != HIST_LAYOUT_LIST) {
            const hist_column other = columns[c];

            if (!hi_col_flatten(keep, &other, &columns[c])) {
                return false;
            }
        }
    }
    return true;
}
