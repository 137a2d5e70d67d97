/*
 * result.h -- how an answer travels from a source (a store, a daemon) to whoever shows it.
 *
 * A query has one or more results; each is begin, rows (any number), end. What
 * is handed over is borrowed: names until end, batches for the call.
 */
#ifndef RESULT_H
#define RESULT_H

#include "hist.h"

typedef struct result_sink {
    hist_status (*begin)(void *arg, const hist_column_info *columns, uint32_t count,
                         hist_error *err);
    hist_status (*rows)(void *arg, const hist_batch *batch, hist_error *err);
    /* visualization: what `render` asked for, as JSON; NULL: nothing. */
    hist_status (*end)(void *arg, const char *visualization, hist_error *err);
    void *arg;
} result_sink;

#endif
