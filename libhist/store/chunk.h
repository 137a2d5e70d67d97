/*
 * chunk.h -- rows in memory: one generation of all tables, frozen as a whole by a flush.
 *
 * A table has slabs of columns in arrival order, shared by its series. Nothing
 * ever moves: one writer appends while readers read what was published before,
 * without a lock. Slabs grow from HI_SLAB_ROWS_MIN rows by four up to the most
 * the config says. Who holds a view must keep the generation alive.
 */
#ifndef HI_CHUNK_H
#define HI_CHUNK_H

#include "base/arena.h"
#include "store/part.h"
#include "store/rows.h"

enum {
    HI_SLAB_ROWS_MIN = 256,
    HI_SLAB_ROWS_MAX = 65536,
};

typedef struct hi_chunks hi_chunks;

/* The partition of an instant: a multiple of the width, or INT64_MIN where that would be below it. */
static inline int64_t hi_partition_start(int64_t time_ns, int64_t width_ns)
{
    const int64_t into = time_ns % width_ns;
    const int64_t back = into < 0 ? into + width_ns : into;

    return time_ns < INT64_MIN + back ? INT64_MIN : time_ns - back;
}

/* The last instant of the partition of an instant. */
static inline int64_t hi_partition_last(int64_t time_ns, int64_t width_ns)
{
    const int64_t into = time_ns % width_ns;
    const int64_t left = width_ns - 1 - (into < 0 ? into + width_ns : into);

    return time_ns > INT64_MAX - left ? INT64_MAX : time_ns + left;
}

/* slab_rows_max: 64 to HI_SLAB_ROWS_MAX; 0: HI_SLAB_ROWS_MAX. NULL: no memory. */
hi_chunks *hi_chunks_new(hi_mem *mem, uint32_t slab_rows_max);
/* No view may be in use any more. NULL is a no-op. */
void hi_chunks_free(hi_chunks *chunks);

/*
 * The last instant of the partition that starts there. Only the one at the beginning of time is
 * shorter than the width: its start is no multiple of it.
 */
static inline int64_t hi_partition_last_of(int64_t start_ns, int64_t width_ns)
{
    int64_t last = 0;

    if (width_ns <= 1) {
        return start_ns;
    }
    if (start_ns == INT64_MIN) {
        return hi_partition_last(start_ns, width_ns);
    }
    return __builtin_add_overflow(start_ns, width_ns - 1, &last) ? INT64_MAX : last;
}

/*
 * hi_chunks_append -- copy a batch in, not yet visible. One thread at a time, `seq` never descends.
 * HIST_ENOMEM leaves the rows as they were.
 */
hist_status hi_chunks_append(hi_chunks *chunks, const hi_rows *rows, uint64_t seq, hist_error *err);
/* Makes all appended rows visible. The caller holds its snapshot mutex and is the appender. Cost: the
   tables touched since the last publish. */
void hi_chunks_publish(hi_chunks *chunks);
/* The next row of the table (0: of any table) starts a new slab. By the appender. */
void hi_chunks_seal(hi_chunks *chunks, uint32_t table);

/* No more rows will come: from now on every slab keeps its order. Under the snapshot mutex. */
void hi_chunks_close(hi_chunks *chunks);

/* Published figures; under the snapshot mutex, or by the appender. */
uint64_t hi_chunks_rows(const hi_chunks *chunks);
/* Memory taken, rows not yet published included. Any thread. */
uint64_t hi_chunks_bytes(const hi_chunks *chunks);
/* First and last commit that has rows here; both 0 when empty. */
uint64_t hi_chunks_seq_low(const hi_chunks *chunks);
uint64_t hi_chunks_seq_high(const hi_chunks *chunks);

typedef struct hi_slab hi_slab;
typedef struct hi_slab_column hi_slab_column;

/* What was published of one table when the view was taken. */
typedef struct hi_chunk_table {
    uint32_t table;
    uint64_t rows;
    int64_t first_ns; /* Earliest and latest time of them. */
    int64_t last_ns;
    uint64_t seq_low;
    uint64_t seq_high;
    /* private: */
    const hi_slab *first;
    hi_slab *last;
    const hi_slab_column *last_columns;
    uint32_t last_column_count;
    uint32_t last_rows;
    int64_t last_slab_first_ns;
    int64_t last_slab_last_ns;
    uint64_t last_slab_seq_high;
} hi_chunk_table;

typedef struct hi_chunk_view {
    hi_chunks *chunks;
    const hi_chunk_table *tables; /* Ascending table ids. */
    uint32_t table_count;
    uint64_t rows;
    bool closed; /* See hi_chunks_close(). */
} hi_chunk_view;

/* Under the snapshot mutex. HIST_ENOMEM. */
hist_status hi_chunks_view(hi_chunks *chunks, hi_arena *arena, hi_chunk_view *view_out);
/* NULL: no rows of that table. */
const hi_chunk_table *hi_chunk_view_table(const hi_chunk_view *view, uint32_t table);

/*
 * hi_chunk_frags -- a fragment for each slab and partition of `width_ns` that may have rows with
 * from_ns <= time <= last_ns (and of the given ascending series, unless NULL), slabs in order of
 * arrival. Structures are in `arena`, columns put in order come from `mem`. Keys are unique within a
 * fragment. Close each with ops->close.
 */
typedef struct hi_chunk_wish {
    uint32_t table;
    int64_t from_ns;
    int64_t last_ns;
    const uint32_t *series;
    uint32_t series_count;
    int64_t width_ns;
} hi_chunk_wish;
hist_status hi_chunk_frags(const hi_chunk_view *view, const hi_chunk_wish *wish, hi_arena *arena,
                           hi_mem *mem, hi_frag_list *list, hist_error *err);

#endif
