/* csv_table.h -- the rows of one batch as text, and their types; between csv_read.c and csv_table.c. */
#ifndef CSV_TABLE_H
#define CSV_TABLE_H

#include "base/arena.h"
#include "base/buf.h"
#include "formats/csv_read.h"

typedef struct csv_text_cell {
    uint32_t at; /* In csv_table.text. */
    uint32_t size;
    bool null; /* Nothing between the separators. */
    bool quoted;
} csv_text_cell;

typedef struct csv_table {
    hist_column_info *columns; /* type 0: not yet known. Names are NUL-terminated. */
    uint32_t column_count;
    int32_t time_column;
    int precision;
    bool typed; /* Types were found and told to the sink. */
    hi_buf text;
    hi_buf cells; /* csv_text_cell, row by row. */
    hi_buf lines; /* uint64_t a row. */
    uint32_t rows;
    uint64_t accepted;
    uint64_t refused;
} csv_table;

/* Gives every column without a type the narrowest one that all its values have. */
void csv_table_infer(csv_table *table);

/* Hands the rows to the sink, good ones as a batch and bad ones one by one, and forgets them. */
hist_status csv_table_flush(csv_table *table, hi_mem *mem, const csv_sink *sink, hist_error *err);

#endif
