/*
 * frag_mem.h -- for tests: fragments over plain rows in memory, and the slow model of a merge.
 *
 * Rows have a fixed set of columns, one of each type and some odd ones. The
 * model sorts all rows of all fragments by (series, time, age) and folds those
 * with one key, cell by cell: no heap, no view, no bitmap.
 */
#ifndef TEST_FRAG_MEM_H
#define TEST_FRAG_MEM_H

#include "store/runlist.h"

enum {
    FM_REAL,
    FM_LONG,
    FM_BOOL,
    FM_TEXT,  /* Shown as text. */
    FM_TIME,  /* A datetime field. */
    FM_WORD,  /* Few different strings, shown as codes into a dictionary. */
    FM_NEVER, /* Never has a value. */
    FM_RARE,  /* A long that rows seldom have. */
    FM_COLUMNS,
};
#define FM_COLUMN_ID(c) ((uint32_t)(c) + 11)
hist_type fm_type(int column);

typedef struct fm_cell {
    bool has;
    uint64_t bits; /* Strings: number of the text, see fm_text(). */
} fm_cell;

typedef struct fm_row {
    uint32_t series;
    int64_t time_ns;
    fm_cell cells[FM_COLUMNS];
} fm_row;

/* A deterministic random number. */
uint64_t fm_random(uint64_t *state);
/* The text that stands for a number; returns its size. */
size_t fm_text(uint64_t number, char to[80]);
/* Random cells. */
void fm_fill(fm_row *row, uint64_t *state);
/* Sorts rows by (series, time) and drops all but the last given of equal keys. Returns how many stay. */
size_t fm_sort_unique(fm_row *rows, size_t count);

/* Rows are copied; they must be sorted and unique. view_rows: most rows a view shows. Release with ops->close. */
hi_frag *fm_frag_new(const fm_row *rows, size_t count, uint32_t table, uint64_t seq_low,
                     uint64_t seq_high, uint32_t view_rows);

/* One fragment for the model. */
typedef struct fm_source {
    const fm_row *rows;
    size_t count;
    uint64_t seq_high;
} fm_source;

/* What spec asks of these sources; ranges are not looked at. Free with free(). */
fm_row *fm_model(const fm_source *sources, size_t source_count, uint32_t table,
                 const hi_merge_spec *spec, size_t *count_out);

/*
 * Runs the merge in lists of up to rows_max rows, gathers every column and compares
 * with the expected rows. skips: rows that are expected may be missing unless they match range
 * number 0 of the spec. A difference ends the program with `label` in the message.
 */
void fm_expect(hi_mem *mem, const hi_merge_spec *spec, uint32_t rows_max, const fm_row *expected,
               size_t expected_count, bool skips, const char *label);

/* Runs the merge and gathers everything into rows; free with free(). */
hist_status fm_collect(hi_mem *mem, const hi_merge_spec *spec, uint32_t rows_max, fm_row **rows_out,
                       size_t *count_out, hist_error *err);
/* Whether two rows are equal in key and every cell. */
bool fm_same(const fm_row *a, const fm_row *b);

#endif
