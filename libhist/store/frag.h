/*
 * frag.h -- a fragment: rows of one table, sorted by (series, time), unique in that key.
 *
 * Everything that holds rows shows them as fragments: a row group of a part
 * (part_read.c) and the part of a chunk slab that falls into one partition
 * (chunk.c). Scans, flushes and merges see nothing else. A fragment is made for
 * one reader, holds what that reader decoded, and belongs to one thread.
 */
#ifndef HI_FRAG_H
#define HI_FRAG_H

#include "base/err.h"
#include "base/mem.h"
#include "codec/codec.h"

/* Column ids. Real ones start at 1 and are never reused, store-wide. */
#define HI_COLUMN_TIME   UINT32_C(0xffffffff)
#define HI_COLUMN_SERIES UINT32_C(0xfffffffe)
/* Hidden: number of the commit of each row, only in tables that keep it. */
#define HI_COLUMN_SEQ UINT32_C(0xfffffffd)

/* Rows of one series in a fragment; runs ascend by series, one run a series. */
typedef struct hi_run {
    uint32_t series;
    uint32_t first_row;
    uint32_t rows;
    int64_t first_ns;
    int64_t last_ns;
} hi_run;

/*
 * Some consecutive rows of one column, in place. Valid until the next view() of the same fragment
 * and column, or close(). Row i of the view (0 <= i < rows):
 *   has a value  valid == NULL || bit (valid_bit + i) of valid
 *   LONG, DATETIME, TIMESPAN  ((const int64_t *)data)[i];  REAL  ((const double *)data)[i]
 *   BOOL                      bit (data_bit + i) of data
 *   STRING, dict == NULL      bytes[offsets[i] .. offsets[i + 1])
 *   STRING, dict != NULL      code ((const int32_t *)data)[i] into dict
 * all_null: no row has a value and nothing else is set.
 */
typedef struct hi_view {
    uint32_t rows;
    bool all_null;
    const uint64_t *valid;
    uint32_t valid_bit;
    uint32_t data_bit;
    const void *data;
    const int32_t *offsets;
    const char *bytes;
    const hi_dict *dict;
} hi_view;

/* A condition on one numeric or time column: rows outside [min, max] are of no interest.
   REAL columns compare as doubles, others as int64. NaN and null never match. */
typedef struct hi_range {
    uint32_t column;
    hist_type type;
    double min_real;
    double max_real;
    int64_t min_int;
    int64_t max_int;
} hi_range;

typedef struct hi_frag hi_frag;

typedef struct hi_frag_ops {
    /* All runs, borrowed until close(). */
    hist_status (*runs)(hi_frag *frag, const hi_run **runs_out, uint32_t *count_out,
                        hist_error *err);
    /* Type of a column here; 0 when the fragment has no value of it at all. */
    hist_type (*column)(hi_frag *frag, uint32_t column);
    /* Rows from `row`, at least 1 and at most `rows_max`, as many as lie in one decoded block.
       column: HI_COLUMN_TIME or a field id that column() knows. */
    hist_status (*view)(hi_frag *frag, uint32_t column, uint32_t row, uint32_t rows_max,
                        hi_view *view_out, hist_error *err);
    /* How many rows from `row` on lie in blocks that cannot match `range`, judged without reading
       data (0: none). NULL: never known. */
    uint32_t (*skippable)(hi_frag *frag, uint32_t row, const hi_range *range);
    /* Statistics of the block that starts at `row` with its row count, if a block of this column
       starts exactly there; rows 0 if not. NULL: never known. */
    uint32_t (*stats)(hi_frag *frag, uint32_t column, uint32_t row, hi_block_stats *stats_out);
    void (*close)(hi_frag *frag);
    /* The rest may be NULL. */
    /* First row in [row, end) with a time of at least ns, else `end`. The rows are of one series.
       NULL: searched by view(). Counts as a view() of the time column. */
    hist_status (*find)(hi_frag *frag, uint32_t row, uint32_t end, int64_t ns, uint32_t *row_out,
                        hist_error *err);
    /* Rows from `row` to the end of its block, at least 1. Needed where skippable() is set. */
    uint32_t (*block_left)(hi_frag *frag, uint32_t row);
    /* First row of the block of `row`. Needed where stats() is set. */
    uint32_t (*block_first)(hi_frag *frag, uint32_t row);
    /* Counts, sum (of reals: as codec/fold.h says) and with `extremes` min and max of rows [row, row + rows),
       which lie in one block; nothing else is set. *done_out false: reading them is as fast. From the encoded bytes, which are read and verified. column:
       as of view(), of a type that hi_block_fold() knows. */
    hist_status (*fold)(hi_frag *frag, uint32_t column, uint32_t row, uint32_t rows, bool extremes,
                        hi_block_stats *stats_out, bool *done_out, hist_error *err);
    /* Frees what was decoded of one column, or of all and the runs too (column 0). Views of it end
       here; reading it again decodes it again. */
    void (*release)(hi_frag *frag, uint32_t column);
} hi_frag_ops;

/* Base of every fragment. */
struct hi_frag {
    const hi_frag_ops *ops;
    uint32_t table;
    uint32_t rows;
    int64_t partition_ns; /* Start of its partition. */
    int64_t width_ns;     /* Width of its partition. */
    int64_t first_ns;     /* Earliest and latest time of its rows. */
    int64_t last_ns;
    uint32_t first_series;
    uint32_t last_series;
    uint64_t seq_low;  /* Commits its rows came from. Of two fragments of a table that share a */
    uint64_t seq_high; /* key, their ranges do not overlap and the later one wins. */
    uint64_t *blocks_read; /* Counts blocks whose bytes were read; NULL: nobody wants to know. */
};

#endif
