/* print_impl.h -- shared by the print_*.c files only. */
#ifndef PRINT_IMPL_H
#define PRINT_IMPL_H

#include "histcli/chart_data.h"
#include "histcli/print.h"
#include "histcli/table.h"

#include "formats/csv_write.h"
#include "formats/json_write.h"

enum {
    PRINT_PIECE = 1024, /* Rows put into the buffer before it is written. */
    PRINT_FLUSH_BYTES = 64 << 10,
};

struct print {
    cli *c;
    cli_format format;
    result_sink sink;
    hi_buf out;
    const hist_column_info *columns; /* Borrowed from the source until end. */
    uint32_t column_count;
    uint32_t results;
    uint64_t rows; /* Of this result. */
    uint64_t all_rows;
    csv_options csv;
    jsonw json;
    bool json_open;
    bool renders; /* The text has a `render`. */
    table *table;
    chart_data *chart; /* The result as points, when it may become a chart. */
};

/* Writes the buffer out once it is large, or `all` of it. */
hist_status print_flush(print *p, bool all, hist_error *err);

#endif
