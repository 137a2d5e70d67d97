/*
 * rowset.h -- batches built from JSON values: what a daemon's answer becomes.
 *
 * Columns are typed as the answer declares them. Values come in tagged form
 * (base/dyn.h); a value that does not fit its column is an error that names it.
 */
#ifndef ROWSET_H
#define ROWSET_H

#include "base/dyn.h"

enum {
    ROWSET_ROWS = 8192,
    ROWSET_BYTES = 4 << 20, /* A batch is handed on when it has this many. */
    ROWSET_VALUE_BYTES_MAX = 64 << 20,
};

typedef struct rowset rowset;

/* columns must stay until free. NULL: no memory. */
rowset *rowset_new(hi_mem *mem, const hist_column_info *columns, uint32_t count);
/* NULL is a no-op. */
void rowset_free(rowset *r);
/* One row: an array with a value a column. */
hist_status rowset_add(rowset *r, hi_dyn row, hist_error *err);
bool rowset_is_full(const rowset *r);
/* The rows so far, borrowed until the next call; forgotten by rowset_clear(). */
const hist_batch *rowset_batch(rowset *r);
void rowset_clear(rowset *r);

/* "long", "real", ... as Kusto writes types, or "Int64", "System.Double", ...; 0: none of these. */
hist_type rowset_type_of(hist_str name);

#endif
