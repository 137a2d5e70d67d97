/*
 * csv_read.h -- CSV text pushed in, typed batches out; syntax by libcsv, strict.
 *
 * The first row names the columns. Types are declared, or found in the first
 * batch of rows and then kept: a later value that does not fit refuses its row,
 * with line, column and value. Nothing is held but one batch.
 */
#ifndef CSV_READ_H
#define CSV_READ_H

#include "hist_batch.h"

#include "base/mem.h"

enum {
    CSV_COLUMNS_MAX = 4096,
    CSV_ROW_BYTES_MAX = 1 << 20,
    CSV_STRING_BYTES_MAX = 65536,
    CSV_BATCH_ROWS = 8192,
};

typedef struct csv_read_options {
    char separator;          /* ',' ';' '\t'; 0: the one the header has most of. */
    int precision;           /* Of times that are integers: 0 ns, 1 us, 2 ms, 3 s. */
    bool no_time;            /* A table without time: no column is taken for it. */
    const char *time_column; /* NULL: "Timestamp", "time", "_time" or "datetime", in any case. */
    const hist_column_info
        *declared; /* Types by column name: bool, long, real, string, datetime. */
    uint32_t declared_count;
    uint32_t batch_rows; /* 0: CSV_BATCH_ROWS. */
} csv_read_options;

/* A row that was refused. */
typedef struct csv_problem {
    uint64_t line;    /* 1-based, of the row's first byte. */
    uint32_t column;  /* 1-based; 0: it is about the whole row. */
    const char *name; /* Of the column; "" when column is 0. */
    hist_str value;   /* As it stands in the file, quotes taken away. */
    const char *what; /* "not a number" */
} csv_problem;

typedef struct csv_sink {
    /* Once, before the first batch. time_column is -1 when there is none. */
    hist_status (*columns)(void *arg, const hist_column_info *columns, uint32_t count,
                           int32_t time_column, hist_error *err);
    /* lines[row] is the line of each row. The batch's selection are the good rows; all is borrowed. */
    hist_status (*rows)(void *arg, const hist_batch *batch, const uint64_t *lines, hist_error *err);
    void (*refused)(void *arg, const csv_problem *problem); /* May be NULL. */
    void *arg;
} csv_sink;

typedef struct csv_reader csv_reader;

/* options and sink are copied; what they point to must stay. */
hist_status csv_reader_open(hi_mem *mem, const csv_read_options *options, const csv_sink *sink,
                            csv_reader **out, hist_error *err);
/*
 * The next bytes, cut anywhere. Fails for a header that makes no sense, for want of memory and with
 * what the sink returned; then only close is left. Rows that make no sense are told to the sink.
 */
hist_status csv_reader_push(csv_reader *reader, const char *data, size_t size, hist_error *err);
/* No more bytes: hands out what is left. A file without a header row is an error. */
hist_status csv_reader_finish(csv_reader *reader, hist_error *err);
/* NULL is a no-op. */
void csv_reader_close(csv_reader *reader);

/* Rows handed out and refused so far. */
void csv_reader_counts(const csv_reader *reader, uint64_t *accepted_out, uint64_t *refused_out);

#endif
