/*
 * json_write.h -- result batches as JSON text, streamed: begin, rows, end.
 *
 * The caller empties the buffer between calls, so an answer may be gigabytes.
 * Failures (memory) are kept in the buffer, as hi_buf does.
 */
#ifndef JSON_WRITE_H
#define JSON_WRITE_H

#include "hist_batch.h"

#include "base/buf.h"

typedef enum jsonw_shape {
    JSONW_NDJSON, /* An object a row, a line each. */
    JSONW_ARRAY,  /* An array of objects. */
    JSONW_KUSTO,  /* The whole Kusto v1 answer with one table. */
    JSONW_ROWS, /* Only [..],[..]: what stands in "Rows" of a Kusto table, for frames made by the caller. */
} jsonw_shape;

typedef struct jsonw {
    jsonw_shape shape;
    const hist_column_info *columns; /* The caller's, until jsonw_end(). */
    uint32_t column_count;
    uint64_t rows; /* Written so far. */
    hi_buf keys;   /* Sized texts such as `,"name":`, one a column. */
} jsonw;

/* columns must stay until jsonw_end(), which must be called. */
void jsonw_begin(jsonw *w, hi_buf *to, jsonw_shape shape, const hist_column_info *columns,
                 uint32_t column_count);
/* Rows from, from + 1, ... of the batch's selection, `count` at most. */
void jsonw_rows(jsonw *w, hi_buf *to, const hist_batch *batch, uint32_t from, uint32_t count);
void jsonw_end(jsonw *w, hi_buf *to);

/*
 * [{"ColumnName":"x","DataType":"Int64","ColumnType":"long"},...] of a Kusto table;
 * data_types false leaves DataType out, as v2 frames have it.
 */
void jsonw_kusto_columns(hi_buf *to, const hist_column_info *columns, uint32_t column_count,
                         bool data_types);
/* "Int64" for HIST_TYPE_LONG, and so on. */
const char *jsonw_kusto_data_type(hist_type type);

typedef struct jsonw_error {
    const char *code;              /* "General_BadRequest" */
    const char *message;           /* One sentence. */
    const char *type;              /* "Kusto.Data.Exceptions.KustoBadRequestException" */
    const char *description;       /* All of it: "Semantic error: SEM0100: ..." */
    const char *client_request_id; /* NULL: left out. */
    const char *activity_id;       /* NULL: left out. */
    int64_t time_ns;
    bool permanent; /* Asking again gives the same. */
} jsonw_error;

/* {"error":{...}}, the body of a refused Kusto request. */
void jsonw_kusto_error(hi_buf *to, const jsonw_error *error);

#endif
