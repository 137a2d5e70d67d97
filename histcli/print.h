/*
 * print.h -- results on standard output, in the format of the settings.
 *
 * csv, tsv, json, ndjson, kusto and line are written as rows come. A table is
 * held back for its first rows, which decide the widths. A chart needs the whole result.
 */
#ifndef PRINT_H
#define PRINT_H

#include "histcli/cli.h"
#include "histcli/result.h"

typedef struct print print;

hist_status print_open(cli *c, print **out, hist_error *err);
/* NULL is a no-op. Writes nothing. */
void print_close(print *p);
/* The text says `render`: on a terminal a chart is drawn where the result allows it. */
void print_expect_chart(print *p, bool renders);
/* The sink for one query. */
const result_sink *print_sink(print *p);
/* The query is over and went well: what ends the text. */
hist_status print_finish(print *p, hist_error *err);
/* Rows of all results of the query; those of its last one. */
uint64_t print_rows(const print *p);
uint64_t print_last_rows(const print *p);

#endif
