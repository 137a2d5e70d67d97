/*
 * csv_write.h -- result batches as CSV text, in two dialects.
 *
 * CSV_EXPORT is for other programs: what reads it back has every value, bit by
 * bit, and null and "" stay apart. CSV_DISPLAY is for people and pipes: KQL's
 * own text, quotes only where needed. README.md of this folder has the rules.
 */
#ifndef CSV_WRITE_H
#define CSV_WRITE_H

#include "hist_batch.h"

#include "base/buf.h"

typedef enum csv_dialect {
    CSV_EXPORT = 0,
    CSV_DISPLAY = 1,
} csv_dialect;

typedef struct csv_options {
    csv_dialect dialect;
    char separator;  /* ',' or '\t' or ';'; 0: ','. */
    int time_digits; /* EXPORT: digits of the fraction of a second, 0 to 9, always all of them. */
} csv_options;

/* The row of names. Failures (memory) are kept in `to`, as hi_buf does. */
void csv_write_header(hi_buf *to, const csv_options *options, const hist_column_info *columns,
                      uint32_t column_count);

/* Rows from, from + 1, ... of the batch's selection, `count` at most; a batch may be written in pieces. */
void csv_write_rows(hi_buf *to, const csv_options *options, const hist_batch *batch, uint32_t from,
                    uint32_t count);

#endif
