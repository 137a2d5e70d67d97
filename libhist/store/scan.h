/*
 * scan.h -- a consistent view of the rows of a store, and the only door to them for query/.
 *
 * A snapshot pins the parts and chunk rows that existed at one commit: readers
 * never block writers. A scan yields batches of one table ordered by
 * (partition, series, time), each key once, with the newest value of each field.
 */
#ifndef HI_SCAN_H
#define HI_SCAN_H

#include "store/catalog.h"
#include "store/frag.h"

typedef struct hi_store hi_store;
typedef struct hi_snapshot hi_snapshot;
typedef struct hi_scan hi_scan;

hist_status hi_snapshot_open(hi_store *store, hi_snapshot **snapshot_out, hist_error *err);
void hi_snapshot_close(hi_snapshot *snapshot);
hi_catalog *hi_snapshot_catalog(hi_snapshot *snapshot);
uint64_t hi_snapshot_seq(const hi_snapshot *snapshot);

/*
 * A whole block that no other rows are merged with and no delete cuts. When it is of several series, it
 * comes at the turn of its first row, before other rows of those series that belong between its own.
 * Or a piece of a block: rows of one series in it, at least HI_VECTOR_ROWS.
 */
typedef struct hi_scan_block {
    uint32_t rows;
    uint32_t series;  /* Of the first row, */
    bool one_series;  /* and of all others. */
    bool exact;       /* stats are of these rows; else of the block, see hi_scan_fold(). */
    int64_t first_ns; /* Bounds of the times, where the scan reads times. */
    int64_t last_ns;
    const hi_block_stats *stats; /* One a column of the spec; for tags those of the times. */
} hi_scan_block;

/* Takes the block by its figures, or (*taken_out false) leaves its rows to the batches. now false: rows before it are still
   to be given; whether it might be taken is all that is asked, and nothing should be read for that. Called inside hi_scan_next(). */
typedef hist_status (*hi_scan_fold_fn)(void *arg, const hi_scan_block *block, bool now,
                                       bool *taken_out, hist_error *err);

typedef struct hi_scan_spec {
    uint32_t table;
    const hi_column_def *columns; /* Wanted, in this order: time, tags, fields. */
    uint32_t column_count;
    int64_t from_ns; /* from_ns <= time <= last_ns; last_ns is inclusive. */
    int64_t last_ns;
    const uint32_t *series; /* Ascending; NULL: all. */
    uint32_t series_count;
    const hi_range *ranges; /* Hints: rows outside may still come. */
    uint32_t range_count;
    hi_scan_fold_fn
        fold; /* Is offered blocks and pieces; NULL: nobody. Which ones depends on neither batch_rows_max nor threads. */
    void *fold_arg;
    bool no_statistics;      /* For tests and measurements: no block is exact. */
    uint32_t batch_rows_max; /* 0: a block, 8192, or fewer in a store with a small budget. */
} hi_scan_spec;

/* Consecutive rows of one series in a batch. */
typedef struct hi_scan_run {
    uint32_t series;
    uint32_t first_row;
    uint32_t rows;
} hi_scan_run;

/* Tags come as RUNS columns that share one array of run ends (one run a hi_scan_run); time and
   fields flat (strings perhaps DICT, columns without any value CONST null). */
typedef struct hi_scan_batch {
    hist_batch batch;
    const hi_scan_run *runs;
    uint32_t run_count;
} hi_scan_batch;

typedef struct hi_scan_stats {
    uint64_t rows;        /* Given in batches. */
    uint64_t blocks_read; /* Blocks of single columns whose bytes were read. */
    uint64_t
        blocks_skipped; /* Blocks of rows that a range ruled out, or that were taken by their statistics. */
} hi_scan_stats;

/* The snapshot must stay open longer. */
hist_status hi_scan_open(hi_snapshot *snapshot, hi_mem *mem, const hi_scan_spec *spec,
                         hi_scan **scan_out, hist_error *err);
/* Counts, sum and with `extremes` min and max of column number `column` of the spec (long, real or datetime) over the rows of the
   block that is being offered, from its bytes if it is not exact; nothing else is set. NULL: reading them is as
   fast. Called by `fold` only, for one column always with the same `extremes`. */
hist_status hi_scan_fold(hi_scan *scan, uint32_t column, bool extremes,
                         const hi_block_stats **stats_out, hist_error *err);
/* batch.row_count 0: the end. Borrowed until the next call. */
hist_status hi_scan_next(hi_scan *scan, hi_scan_batch *batch_out, hist_error *err);
void hi_scan_close(hi_scan *scan);
/*
 * Whether all rows of one series and one bin of time [origin + i * width, origin + (i + 1) * width) come one after
 * another: no bin reaches from one partition of the scan into the next. Known at once after the open.
 */
bool hi_scan_keeps_bins(const hi_scan *scan, int64_t origin, int64_t width);
const hi_scan_stats *hi_scan_get_stats(const hi_scan *scan);

/* Newest row of a table in the snapshot (an upper bound when rows were deleted); false: none. */
bool hi_snapshot_newest(hi_snapshot *snapshot, uint32_t table, int64_t *time_ns_out);

/* Calls fn for each partition of the table, ascending. */
hist_status hi_snapshot_partitions(hi_snapshot *snapshot, uint32_t table, hist_partition_fn fn,
                                   void *arg, hist_error *err);

#endif
