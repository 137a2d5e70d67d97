/*
 * source.h -- where answers come from: a folder, ":memory:", or a daemon's address.
 *
 * A folder is opened for reading only, so a daemon may hold it, and is opened
 * anew for every query after the first: each sees what was committed before it.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include "histcli/cli.h"
#include "histcli/result.h"

typedef struct source source;

/* db must stay until close. */
hist_status source_open(cli *c, const char *db, source **out, hist_error *err);
void source_close(source *s);
/* Runs a KQL text and pushes its results into the sink. HIST_ECANCELLED after ^C. */
hist_status source_query(source *s, const char *text, size_t size, const result_sink *sink,
                         hist_error *err);
/* From here on a folder is not opened anew: all queries and scans see the same commits. */
void source_hold(source *s);
/* Did the last failure of open or query mean that nobody was there to ask? */
bool source_unreachable(const source *s);
/* The store behind it; NULL for a daemon. */
hist_db *source_db(source *s);
/* What the last query read. false: not known (a daemon). */
bool source_stats(const source *s, hist_query_stats *out);

/* Does the table exist? *time_out (size bytes) is the name of its time column. */
bool source_has_table(source *s, hist_str table, char *time_out, size_t size);

#endif
