/*
 * cells.h -- walking the values of a batch row by row, and their text.
 *
 * Text formats go by row while batches go by column. A cursor a column resolves
 * the layout once and keeps its place in runs, so that a value costs a load and
 * a switch, not a search.
 */
#ifndef CELLS_H
#define CELLS_H

#include "hist_batch.h"

#include "base/buf.h"

typedef struct cell_cursor {
    const hist_column *column;
    const hist_column *values; /* What holds the elements: the column or its child. */
    uint32_t run;              /* RUNS: where the last row was. */
} cell_cursor;

/* One cursor a column, in memory of `mem`; NULL when there is none. cells_close() gives it back. */
cell_cursor *cells_open(hi_mem *mem, const hist_batch *batch);
void cells_close(hi_mem *mem, cell_cursor *cursors, const hist_batch *batch);

cell_cursor cell_cursor_of(const hist_column *column);

/* The row in `values` of a row of the column, in any order, quickest ascending. false: null. */
bool cell_find(cell_cursor *cursor, uint32_t row, uint32_t *slot_out);

/* Element `slot` of cursor->values, by its `stored` type. */
int64_t cell_i64(const hist_column *values, uint32_t slot);
double cell_real(const hist_column *values, uint32_t slot);
hist_str cell_text(const hist_column *values, uint32_t slot);

/* Room for the text of any value that is not a string or an array. */
#define CELL_SCALAR_SIZE 64

/*
 * Text of a scalar that is no string, without quotes, as KQL prints it but for
 * bool (true, false). time_digits: as hi_time_print() has it. Returns the size.
 */
size_t cell_scalar(char *to, const hist_column *values, uint32_t slot, int time_digits);

/* Any value as JSON. inside: it is in (or is) a dynamic value, where datetimes keep their digits. */
void cell_json(hi_buf *to, const hist_column *values, uint32_t slot, bool inside);

#endif
