/*
 * part.h -- part files: immutable, sorted, columnar; written once, read lazily.
 *
 * part.md specifies the bytes. A part holds row groups; a row group holds rows
 * of one table and one partition, sorted by (series, time), one page a column,
 * pages cut into blocks. The directory of each row group (blocks, statistics,
 * runs of series) is a checksummed section of its own that is read when the
 * group is first touched; the footer has one entry a row group.
 */
#ifndef HI_PART_H
#define HI_PART_H

#include <stdatomic.h>

#include "hist_vfs.h"

#include "store/frag.h"
#include "store/runlist.h"

/* ---- writing ---- */

/* Of all parts of a store: how many are open, and with how many they close again once unused. */
typedef struct hi_part_pool {
    atomic_uint open;
    uint32_t open_max;
    atomic_int blocked;     /* A part that was read forbids writing; see hi_part_pool_check(). */
    hist_error blocked_why; /* Set once. */
} hi_part_pool;

/* HIST_EREADONLY, naming file and feature, once a part was read that a writer of the store would have
   to know a feature of. */
hist_status hi_part_pool_check(hi_part_pool *pool, hist_error *err);

typedef struct hi_part_config {
    hist_vfs *vfs;
    const char *dir;
    hi_mem *mem;
    hi_mem *own_mem;                 /* Of the hi_part itself, which has to be had; NULL: mem. */
    uint64_t store;                  /* First 8 bytes of the store's uuid, for checksum seeds. */
    uint32_t group_rows_max;         /* Rows of a row group, at most 65536. */
    struct hi_part_encoder *encoder; /* For writing, shared; NULL: each writer has its own. */
    bool
        whole_groups; /* For writing: without memory fail, as fewer inputs do better than small groups. */
    hi_part_pool *pool; /* For reading; NULL: a part stays open once it is. */
    bool
        live; /* A read-only view beside a writer: a part that is gone was replaced (HIST_EBUSY). */
} hi_part_config;

/* A column as the catalog knows it. */
typedef struct hi_part_column {
    uint32_t id;
    hist_type type; /* BOOL, LONG, REAL, STRING, DATETIME */
} hi_part_column;

/* What the manifest remembers of rows of one table and partition in a part. */
typedef struct hi_part_span {
    uint32_t table;
    int64_t partition_ns;
    int64_t width_ns;
    uint64_t rows;
    int64_t first_ns;
    int64_t last_ns;
} hi_part_span;

typedef struct hi_part_summary {
    uint64_t size_bytes;
    uint64_t footer_hash; /* Checksum of the footer, kept in the manifest. */
    uint64_t rows;
    int64_t first_ns;
    int64_t last_ns;
    uint64_t seq_low;
    uint64_t seq_high;
    uint32_t first_series; /* Of all spans together. */
    uint32_t last_series;
    hi_part_span *spans; /* From the mem of the config; hi_part_summary_free(). */
    uint32_t span_count;
} hi_part_summary;
void hi_part_summary_free(hi_mem *mem, hi_part_summary *summary);

typedef struct hi_part_writer hi_part_writer;

/* Creates P-<id>.hp.tmp. Nothing is visible before finish. */
hist_status hi_part_writer_open(const hi_part_config *config, uint64_t part_id, hi_profile profile,
                                hi_part_writer **writer_out, hist_error *err);

/*
 * hi_part_writer_merge -- append the merged rows of `frags` (one table, one partition: its start and
 * width are given; table, then partition_ns must ascend from call to call). Tombstones are applied;
 * rows older than drop_before_ns are dropped (INT64_MIN: none). Columns stream one at a time per row
 * group. With bytes_max, it ends before the series with which the file would become larger than that;
 * the first one is written whatever its size. What a series takes is estimated from its rows: by the
 * bytes a row took in this part so far, and by those expected before there are any.
 */
typedef struct hi_part_input {
    uint32_t table;
    int64_t partition_ns;
    int64_t width_ns;
    hi_frag **frags;
    uint32_t frag_count;
    const hi_part_column *columns; /* All fields of the table. */
    uint32_t column_count;
    const hi_tombstone *tombstones;
    uint32_t tombstone_count;
    int64_t drop_before_ns;
    uint32_t first_series;  /* Series below are left out. */
    uint64_t bytes_max;     /* 0: everything goes in. */
    uint64_t expected_rows; /* Only their relation counts; 0: not known. */
    uint64_t expected_bytes;
} hi_part_input;
hist_status hi_part_writer_merge(hi_part_writer *writer, const hi_part_input *input,
                                 hist_error *err);
/* Whether the last merge ended at bytes_max, and before which series. */
bool hi_part_writer_stopped(const hi_part_writer *writer, uint32_t *series_out);

/* Writes directory and footer, syncs, renames to P-<id>.hp, syncs the folder. seq range is the
   caller's. rows may be 0 (everything was deleted): then no file is left and size_bytes is 0. */
hist_status hi_part_writer_finish(hi_part_writer *writer, uint64_t seq_low, uint64_t seq_high,
                                  hi_part_summary *summary_out, hist_error *err);
/* Frees; removes the .tmp file if not finished. NULL is a no-op. */
void hi_part_writer_close(hi_part_writer *writer);

/* ---- reading ---- */

typedef struct hi_part hi_part; /* An open part; shared by threads; lazy. */

/* Knows only name, size and footer hash; opens the file at first use. Where too many files are open, or
   memory is short, it is closed when its last fragment is, and opened again when needed. */
hist_status hi_part_new(const hi_part_config *config, uint64_t part_id, uint64_t size_bytes,
                        uint64_t footer_hash, uint64_t seq_low, uint64_t seq_high,
                        hi_part **part_out, hist_error *err);
void hi_part_free(hi_part *part);

/*
 * hi_part_frags -- a fragment for each row group of `table` that may have rows with
 * from_ns <= time <= last_ns (and, when series is not NULL, one of those series), appended to
 * frags_out (array in `arena`, as are the fragments' own structures; data they decode comes from
 * `mem`). Caller closes each with ops->close.
 */
typedef struct hi_frag_list {
    hi_frag **frags;
    uint32_t count;
    uint32_t capacity;
} hi_frag_list;
/* Whether one of the ascending ids lies in [first, last]. */
bool hi_part_any_series(const uint32_t *series, uint32_t count, uint32_t first, uint32_t last);
hist_status hi_frag_list_add(hi_frag_list *list, hi_arena *arena, hi_frag *frag);
hist_status hi_part_frags(hi_part *part, uint32_t table, int64_t from_ns, int64_t last_ns,
                          const uint32_t *series, uint32_t series_count, hi_arena *arena,
                          hi_mem *mem, hi_frag_list *list, hist_error *err);

/* Reads and checks every byte of the part; fn hears of each problem (see hist_verify_fn). */
hist_status hi_part_verify(hi_part *part, hist_verify_fn fn, void *arg, hist_error *err);

/* HIST_ECORRUPT when the part has rows of series outside [first, last]. */
hist_status hi_part_check_series(hi_part *part, uint32_t first, uint32_t last, hist_error *err);

/* Drops cached directories of row groups (memory pressure). */
void hi_part_trim(hi_part *part);

#endif
