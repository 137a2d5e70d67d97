/*
 * runlist.h -- the keys of several fragments merged first, columns later.
 *
 * hi_merge walks fragments of one table whose partitions overlap and says, as a
 * list of pieces, which rows of which fragment make up the output in (series,
 * time) order. Where the runs of a series do not overlap in time, a piece is a
 * whole stretch of rows and no row is looked at. Where they do, rows are
 * compared by time; rows with the same key become one output row, made of the
 * newest value of each field. hi_gather then builds one column at a time from
 * such a list, so memory does not grow with the number of columns or fragments.
 */
#ifndef HI_RUNLIST_H
#define HI_RUNLIST_H

#include "base/arena.h"
#include "store/frag.h"

/*
 * `rows` rows of frags[frag] starting at `row`. When `older` is set, rows is 1 and the next piece
 * is the same key in an older fragment: the output row takes each field from the first piece that
 * has a value; the chain ends with the first piece without `older`.
 */
typedef struct hi_piece {
    uint32_t frag;
    uint32_t row;
    uint32_t rows;
    bool older;
} hi_piece;

/* Output rows of one series: [first_row, first_row + rows) of the list. */
typedef struct hi_out_run {
    uint32_t series;
    uint32_t first_row;
    uint32_t rows;
} hi_out_run;

typedef struct hi_runlist {
    const hi_piece *pieces;
    uint32_t piece_count;
    const hi_out_run *runs;
    uint32_t run_count;
    uint32_t rows; /* Output rows. */
} hi_runlist;

/* Rows with from_ns <= time < to_ns and seq < the tombstone's are gone: all series, or just those in
   series[] (ascending). */
typedef struct hi_tombstone {
    uint64_t seq;
    uint32_t table;
    const uint32_t *series; /* NULL: all. */
    uint32_t series_count;
    int64_t from_ns;
    int64_t to_ns;
} hi_tombstone;

/* A block of which every row goes out as it is. When it is of several series, it is offered at the
   turn of its first row, before other rows of those series that belong between its own. Or rows of one
   series in a block, at least HI_VECTOR_ROWS. */
typedef struct hi_whole_block {
    hi_frag *frag;
    uint32_t row;
    uint32_t rows;
    uint32_t series;  /* Of the first row, */
    bool one_series;  /* and of all others. */
    bool piece;       /* The block has other rows too; */
    uint32_t block;   /* it begins at this row. */
    int64_t first_ns; /* Bounds of the times of one series. */
    int64_t last_ns;
} hi_whole_block;

/* Takes a block, or a piece, out of the merge, or (*taken_out false) leaves its rows to the lists. now false: rows before it are still to go
   out; whether it might be taken is all that is asked. */
typedef hist_status (*hi_whole_fn)(void *arg, const hi_whole_block *block, bool now,
                                   bool *taken_out, hist_error *err);

enum { HI_MERGE_FRAGS_MAX = 1 << 20 };

typedef struct hi_merge_spec {
    hi_frag **frags; /* Borrowed; not closed. Any order. At most HI_MERGE_FRAGS_MAX. */
    uint32_t frag_count;
    int64_t from_ns; /* Half-open range of times wanted. */
    int64_t to_ns;   /* INT64_MAX with to_inclusive for "to the end". */
    bool to_inclusive;
    const uint32_t *series; /* Ascending ids wanted; NULL: all. */
    uint32_t series_count;
    uint32_t first_series;  /* Series below are left out. */
    const hi_range *ranges; /* Stretches that are not merged and cannot match may be left out. */
    uint32_t range_count;
    const hi_tombstone *tombstones;
    uint32_t tombstone_count;
    uint64_t *blocks_skipped; /* Counted if not NULL. */
    hi_whole_fn
        whole; /* Is offered blocks and pieces, of fragments that have statistics; NULL: nobody. */
    void *whole_arg;
    bool
        stop_at_blocks; /* Lists may end early, at the end of a block, so that columns need no copy. */
} hi_merge_spec;

typedef struct hi_merge hi_merge;

hist_status hi_merge_open(hi_mem *mem, const hi_merge_spec *spec, hi_merge **merge_out,
                          hist_error *err);
/* The next at most `rows_max` output rows, ending early only at the end or as stop_at_blocks allows
   (not before a quarter of rows_max); list->rows 0: the end.
   Borrowed until the next call, which also releases (frag.h) fragments it is through with. A
   series may go on in the next list. */
hist_status hi_merge_next(hi_merge *merge, uint32_t rows_max, hi_runlist *list_out,
                          hist_error *err);
/*
 * For an output that is cut between series: the next list may have `rows` rows, and the merge ends
 * before a series that might not fit in that (rows that overwrite each other count twice). The first
 * series that has rows is given whatever its size.
 */
void hi_merge_set_room(hi_merge *merge, uint64_t rows);
/* Whether the merge ended for want of room, and before which series. */
bool hi_merge_stopped(const hi_merge *merge, uint32_t *series_out);
void hi_merge_close(hi_merge *merge);

/*
 * hi_gather -- one column of a run list as a batch column, in `arena` (or in place when the whole
 * list is one piece inside one decoded block: then borrowed from the fragment).
 *   column  HI_COLUMN_TIME, or a field id; `type` is its type in the catalog.
 * Strings come as DICT when every piece shares one dictionary, else FLAT. A column nobody has is
 * CONST null.
 */
hist_status hi_gather(hi_arena *arena, hi_frag **frags, const hi_runlist *list, uint32_t column,
                      hist_type type, hist_column *out, hist_error *err);

#endif
