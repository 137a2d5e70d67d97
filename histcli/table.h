/*
 * table.h -- rows in columns that line up.
 *
 * The first rows are held back and decide the widths; then rows pass through.
 * On a terminal the table is cut to its width; in a pipe nothing is.
 */
#ifndef TABLE_H
#define TABLE_H

#include "base/buf.h"

typedef struct table_style {
    uint32_t columns_max; /* Of the terminal; 0: no limit. */
    bool box;             /* Lines drawn around; else two blanks between columns. */
} table_style;

typedef struct table table;

/* columns must stay until table_end(). NULL: no memory. */
table *table_new(hi_mem *mem, const table_style *style, const hist_column_info *columns,
                 uint32_t count);
/* NULL is a no-op. */
void table_free(table *t);
hist_status table_rows(table *t, hi_buf *to, const hist_batch *batch, hist_error *err);
void table_end(table *t, hi_buf *to);

#endif
