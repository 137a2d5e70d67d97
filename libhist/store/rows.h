/*
 * rows.h -- a batch being built: rows of some tables, in columns, in order of arrival.
 *
 * A writer fills one, the WAL encodes it, chunks copy it. Each table has a slot
 * that stays where it is (slot numbers may be remembered) until hi_rows_free();
 * hi_rows_clear() only forgets the rows. A column's arrays reach as far as its
 * last value: rows beyond `room` are null. One thread at a time.
 */
#ifndef HI_ROWS_H
#define HI_ROWS_H

#include "base/err.h"
#include "base/mem.h"

/* A string value: bytes [start, start + size) of the column's text. */
typedef struct hi_text_ref {
    uint32_t start;
    uint32_t size;
} hi_text_ref;

typedef struct hi_rows_column {
    uint32_t column; /* Id in the catalog. */
    hist_type type;  /* BOOL, LONG, REAL, STRING, DATETIME */
    uint32_t room; /* Rows the arrays have room for, a multiple of 64; may be less than the rows. */
    uint32_t values; /* Values set in this batch; 0: the column is not part of it. */
    uint64_t *valid; /* Bit i set: row i has a value. Zero beyond the last row. */
    void *data;      /* room elements: int64_t, double, hi_text_ref; BOOL: uint8_t 0 or 1. */
    char *text;      /* STRING. */
    uint32_t text_size;
    uint32_t text_room;
} hi_rows_column;

typedef struct hi_rows_table {
    uint32_t table; /* Id in the catalog. */
    uint32_t rows;
    uint32_t room;
    uint32_t *series;
    int64_t *times;
    hi_rows_column *columns; /* By slot; may move when a column is added. */
    uint32_t column_count;
    uint32_t column_room;
} hi_rows_table;

/* Most rows of one table in a batch. */
#define HI_ROWS_MAX UINT32_C(0x7fffffc0)

typedef struct hi_rows {
    hi_mem *mem;
    hi_rows_table *tables; /* By slot; may move when a table is added. */
    uint32_t table_count;
    uint32_t table_room;
    uint32_t *index; /* Table id to slot + 1, open addressing. */
    uint32_t index_room;
    uint64_t rows;      /* Of all tables. */
    uint64_t bytes;     /* About what the rows take in the WAL, rather more than less. */
    uint64_t row_bytes; /* `bytes` when the row being built began. */
} hi_rows;

void hi_rows_init(hi_rows *rows, hi_mem *mem);
void hi_rows_free(hi_rows *rows);
/* Forgets the rows, keeps slots and memory. */
void hi_rows_clear(hi_rows *rows);
/* Frees the memory of tables (slots stay) that have no rows, when all together hold more than `keep` bytes. */
void hi_rows_trim(hi_rows *rows, uint64_t keep);

#define HI_ROWS_NONE UINT32_MAX
/* Slot of a table, made when new; HI_ROWS_NONE: no memory. */
uint32_t hi_rows_table_slot(hi_rows *rows, uint32_t table);
/* Slot of a column in a table, made when new; HI_ROWS_NONE: no memory. */
uint32_t hi_rows_column_slot(hi_rows *rows, uint32_t table_slot, uint32_t column, hist_type type);

/*
 * One row: hi_rows_begin(), any number of set calls (a column set twice keeps the later value),
 * then hi_rows_end() or, when something went wrong, hi_rows_abandon(). false: no memory.
 */
bool hi_rows_grow(hi_rows *rows, hi_rows_table *table, uint32_t rows_needed);
bool hi_rows_column_grow(hi_rows *rows, hi_rows_column *column, uint32_t rows_needed);
bool hi_rows_set_text(hi_rows *rows, hi_rows_table *table, uint32_t slot, const char *data,
                      size_t size);
/* Bytes at the end of a column's text, for references to be set by hand. */
bool hi_rows_add_text(hi_rows *rows, hi_rows_column *column, const char *data, size_t size);

static inline bool hi_rows_begin(hi_rows *rows, hi_rows_table *table)
{
    rows->row_bytes = rows->bytes;
    return table->rows < table->room || hi_rows_grow(rows, table, table->rows + 1);
}

/* The column with room for the row being built, its bit set; NULL: no memory. */
static inline hi_rows_column *hi_rows_touch(hi_rows *rows, hi_rows_table *table, uint32_t slot)
{
    hi_rows_column *c = &table->columns[slot];
    const uint32_t row = table->rows;

    if (row >= c->room && !hi_rows_column_grow(rows, c, row + 1)) {
        return NULL;
    }
    const uint64_t bit = UINT64_C(1) << (row & 63);
    c->values += (c->valid[row >> 6] & bit) == 0;
    c->valid[row >> 6] |= bit;
    return c;
}

static inline bool hi_rows_set_i64(hi_rows *rows, hi_rows_table *table, uint32_t slot, int64_t v)
{
    hi_rows_column *c = hi_rows_touch(rows, table, slot);

    if (c == NULL) {
        return false;
    }
    ((int64_t *)c->data)[table->rows] = v;
    rows->bytes += 10;
    return true;
}

static inline bool hi_rows_set_real(hi_rows *rows, hi_rows_table *table, uint32_t slot, double v)
{
    hi_rows_column *c = hi_rows_touch(rows, table, slot);

    if (c == NULL) {
        return false;
    }
    ((double *)c->data)[table->rows] = v;
    rows->bytes += 10;
    return true;
}

static inline bool hi_rows_set_bool(hi_rows *rows, hi_rows_table *table, uint32_t slot, bool v)
{
    hi_rows_column *c = hi_rows_touch(rows, table, slot);

    if (c == NULL) {
        return false;
    }
    ((uint8_t *)c->data)[table->rows] = v;
    rows->bytes += 3;
    return true;
}

static inline void hi_rows_end(hi_rows *rows, hi_rows_table *table, uint32_t series, int64_t time)
{
    table->series[table->rows] = series;
    table->times[table->rows] = time;
    table->rows++;
    rows->rows++;
    rows->bytes += 16;
}

/* Takes back the values of the row being built. */
void hi_rows_abandon(hi_rows *rows, hi_rows_table *table);

#endif
