/*
 * hist.h -- libhist, a time-series historian in a library.
 *
 *   hist_open           open or create a store
 *   hist_writer_*       write rows: line protocol, or typed values by series handle
 *   hist_commit         make them one atomic batch, durable when asked
 *   hist_query_*        ask in KQL, pull batches of columns
 *   hist_scan_*         raw rows of one table, with true nulls
 *   hist_maintain       drive upkeep when no threads are wanted
 *   hist_close
 *
 * Rules for every call: the status says whether it worked; `err` (last, NULL is
 * fine) says why not. Handles are opaque. There are no globals, no output and
 * no abort. Unless an entry says otherwise a call may come from any thread;
 * writers, queries and scans belong to one thread at a time. Text is UTF-8.
 * Times are int64 nanoseconds since 1970-01-01T00:00:00Z, leap seconds ignored.
 * All *_free and *_close accept NULL.
 */
#ifndef HIST_H
#define HIST_H

#include "hist_batch.h"
#include "hist_error.h"
#include "hist_vfs.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HIST_VERSION "0.1.0"

/* Version of the library that is running, "MAJOR.MINOR.PATCH". */
HIST_API const char *hist_version(void);

typedef int64_t hist_time;

typedef struct hist_db hist_db;         /* An open store. Shareable between threads. */
typedef struct hist_writer hist_writer; /* One thread at a time. */
typedef struct hist_query hist_query;   /* One thread at a time, except cancel. */
typedef struct hist_scan hist_scan;     /* One thread at a time. */

/* ---- opening ---------------------------------------------------------------------------- */

/* When an acknowledged commit survives power loss. reliability: docs/durability.md. */
typedef enum hist_durability {
    HIST_DURABLE = 0,  /* fdatasync before hist_commit() returns. */
    HIST_INTERVAL = 1, /* Written at once, synced every sync_interval_ms. */
    HIST_OS = 2,       /* Written; the kernel decides. For bulk imports. */
} hist_durability;

typedef enum hist_log_level {
    HIST_LOG_ERROR = 1,
    HIST_LOG_WARNING = 2,
    HIST_LOG_INFO = 3,
} hist_log_level;

/* Called from any thread of the library; must not call back into it. */
typedef void (*hist_log_fn)(void *arg, hist_log_level level, const char *message);

/* All memory of the library comes from here. `free` gets the size `alloc` was asked for. */
typedef struct hist_allocator {
    void *(*alloc)(void *arg, size_t size); /* NULL: none left. 16-byte aligned. */
    void (*free)(void *arg, void *ptr, size_t size);
    void *arg;
} hist_allocator;

enum {
    HIST_FLAG_READONLY = 1,      /* No lock, no writes at all; sees the WAL's tail. */
    HIST_FLAG_MUST_EXIST = 2,    /* HIST_ENOTFOUND rather than create. */
    HIST_FLAG_ANY_FILESYSTEM = 4 /* Also where flush cannot be trusted. */
};

/* The least memory_bytes_max. Enough to write, merge, also cold, and query some thousand series. */
#define HIST_MEMORY_MIN (UINT64_C(8) << 20)

/* Start from HIST_OPEN_OPTIONS. Zero means the default shown. */
typedef struct hist_open_options {
    size_t struct_size;
    int flags;
    int threads;   /* Background threads: 0 = none, hist_maintain() instead; default 1. */
    hist_vfs *vfs; /* NULL: hist_vfs_posix(). Borrowed until close. */
    const hist_allocator *allocator; /* NULL: malloc and free. Copied. */
    uint64_t memory_bytes_max;       /* Chunks, caches and queries together. 256 MiB; least
                                      HIST_MEMORY_MIN. */
    uint64_t query_bytes_max;        /* One query. Half of memory_bytes_max. */
    uint64_t wal_segment_bytes;      /* 16 MiB; least 16 KiB. Fixed when the store is created. */
    uint64_t wal_bytes_max;          /* Writers wait beyond it. 4 segments. */
    hist_durability durability;      /* What hist_commit(HIST_COMMIT_DEFAULT) means. */
    uint32_t sync_interval_ms;       /* HIST_INTERVAL: 1000. */
    int64_t partition_ns;            /* Width of new partitions: one day. 1 min to 400 days. */
    const char *time_column;         /* "Timestamp". Fixed when the store is created. */
    int64_t cold_after_ns;           /* Partitions older than this are rewritten cold. 0: never. */
    int64_t retention_ns;            /* Rows older than this are dropped by merges; not before the
                                      store has lived through the time. 0: never. */
    int64_t max_age_ns;              /* Rows older than this are refused. 0: off. */
    int64_t max_future_ns;           /* Rows further ahead than this are refused. 0: off. */
    uint32_t series_max;             /* 100 million. */
    uint32_t slab_rows_max;  /* Rows a chunk slab holds: 65536, fewer below 64 MiB. Least 64. */
    uint32_t group_rows_max; /* Rows of a row group: likewise. */
    uint64_t part_bytes_max; /* Merged parts are cut at about this, between two series only:
                                      one that is larger stays whole. 1 GiB; least 1 KiB. */
    hist_log_fn log;         /* NULL: silent. */
    void *log_arg;
} hist_open_options;

#define HIST_OPEN_OPTIONS \
    ((hist_open_options){.struct_size = sizeof(hist_open_options), .threads = 1})

/*
 * hist_open -- open or create the store in folder `path`, recovering it if needed.
 *
 *   path      A folder, or ":memory:" for a store that lives in memory.
 *   options   NULL: all defaults.
 *
 * Threads   Any. A second open of the same folder for writing, from this or another process,
 *           is HIST_EBUSY at once.
 * Errors    HIST_EBUSY, HIST_ENOTSTORE (a folder with other files in it), HIST_ENOTFOUND,
 *           HIST_ECORRUPT (acknowledged data is damaged; nothing was changed), HIST_EVERSION,
 *           HIST_EIO, HIST_ENOSPC, HIST_ENOMEM, HIST_EINVAL.
 * Cost      Bounded by the WAL, not by the amount of data.
 */
HIST_API hist_status hist_open(const char *path, const hist_open_options *options, hist_db **db_out,
                               hist_error *err);

/* Makes everything committed durable, marks the store clean, releases all. Writers, queries and
   scans must be closed before. The status tells whether the last sync worked; db is gone anyway. */
HIST_API hist_status hist_close(hist_db *db, hist_error *err);

/* ---- writing ---------------------------------------------------------------------------- */

/* Limits on names and values. */
#define HIST_NAME_BYTES_MAX   1024
#define HIST_TAGS_MAX         64
#define HIST_FIELDS_MAX       512
#define HIST_STRING_BYTES_MAX 65536
#define HIST_LINE_BYTES_MAX   65536
#define HIST_BATCH_BYTES_MAX  (UINT64_C(64) << 20)
/* Reserved instants: INT64_MIN and INT64_MIN + 1. */
#define HIST_TIME_MIN (INT64_MIN + 2)
#define HIST_TIME_MAX INT64_MAX

/*
 * A writer collects rows; nothing is visible or logged before hist_commit().
 *   database   "default" when NULL or "". Created when new.
 */
HIST_API hist_status hist_writer_open(hist_db *db, const char *database, hist_writer **writer_out,
                                      hist_error *err);
/* Rows not committed are dropped. */
HIST_API_VOID void hist_writer_close(hist_writer *writer);

typedef struct hist_tag {
    hist_str key;
    hist_str value;
} hist_tag;

typedef uint32_t hist_series; /* Valid for the life of the store; 0 is never one. */
typedef uint32_t hist_field;  /* Handle of one field of one table; 0 is never one. */

/*
 * hist_series_open -- look up or create the series of `table` with exactly these tags.
 *   tags   In any order; keys unique; an empty value means the tag is absent.
 * Errors HIST_EINVAL, HIST_ELIMIT (series_max, HIST_TAGS_MAX), HIST_EREADONLY.
 */
HIST_API hist_status hist_series_open(hist_writer *writer, hist_str table, const hist_tag *tags,
                                      size_t tag_count, hist_series *series_out, hist_error *err);

/*
 * hist_field_open -- look up or create a field of a table.
 *   type   BOOL, LONG, REAL, STRING or DATETIME. HIST_ETYPE when the field has another type;
 *          HIST_EINVAL when the name is a tag of the table or the time column.
 */
HIST_API hist_status hist_field_open(hist_writer *writer, hist_str table, hist_str name,
                                     hist_type type, hist_field *field_out, hist_error *err);

typedef union hist_scalar {
    int64_t i; /* LONG, DATETIME (ns), BOOL (0 or 1) */
    double r;
    hist_str s; /* Copied. */
} hist_scalar;

typedef struct hist_value {
    hist_field field;
    hist_scalar value; /* Of the field's type. */
} hist_value;

/*
 * hist_append -- one row: any subset of the fields of the series' table at one instant. A row of
 * the same series and instant is merged field by field, the later commit wins.
 * Errors HIST_EINVAL (unknown handle, time out of range), HIST_ELIMIT (HIST_BATCH_BYTES_MAX:
 * commit first), HIST_ENOMEM.
 */
HIST_API hist_status hist_append(hist_writer *writer, hist_series series, hist_time time_ns,
                                 const hist_value *values, size_t value_count, hist_error *err);

/* Many rows of one series and one numeric field: values are int64_t (LONG, DATETIME) or double
   (REAL). Arrays are not read after return. */
HIST_API hist_status hist_append_array(hist_writer *writer, hist_series series, hist_field field,
                                       const hist_time *times_ns, const void *values, size_t count,
                                       hist_error *err);

typedef enum hist_precision { HIST_NS = 0, HIST_US = 1, HIST_MS = 2, HIST_S = 3 } hist_precision;

/* Told about each refused line. line is 1-based within the stream; reason names the cause. */
typedef void (*hist_line_error_fn)(void *arg, uint64_t line, hist_status status,
                                   const char *reason);

typedef struct hist_lp_options {
    size_t struct_size;
    hist_precision precision;
    hist_time default_time_ns; /* For lines without a time; 0: the clock. Never twice the same
                                  stamp for one series. */
    bool final;                /* The data ends here: a last line without newline is complete. */
    hist_line_error_fn on_error;
    void *on_error_arg;
} hist_lp_options;

#define HIST_LP_OPTIONS ((hist_lp_options){.struct_size = sizeof(hist_lp_options)})

typedef struct hist_lp_result {
    size_t consumed;           /* Bytes used; the rest is the start of a line, to be given again. */
    uint64_t accepted;         /* Rows taken by this call. */
    uint64_t refused;          /* Lines refused by this call. */
    uint64_t lines;            /* Lines consumed, comments and empty ones included. */
    bool suspicious_precision; /* Stamps look like another precision than the one given. */
} hist_lp_result;

/*
 * hist_append_lp -- rows as line protocol. A bad line costs that line only and is told to
 * on_error. Line numbers go on from call to call until hist_writer_reset_lines().
 * Errors  HIST_ELIMIT when the batch reached HIST_BATCH_BYTES_MAX: commit, then give the rest.
 *         HIST_ENOMEM, HIST_EREADONLY. A refused line is not an error of the call.
 */
HIST_API hist_status hist_append_lp(hist_writer *writer, const char *data, size_t size,
                                    const hist_lp_options *options, hist_lp_result *result_out,
                                    hist_error *err);
HIST_API_VOID void hist_writer_reset_lines(hist_writer *writer);

/* Rows and bytes collected since the last commit. */
HIST_API uint64_t hist_writer_rows(const hist_writer *writer);
HIST_API uint64_t hist_writer_bytes(const hist_writer *writer);
/* Drops what was collected since the last commit. */
HIST_API_VOID void hist_writer_discard(hist_writer *writer);

typedef enum hist_commit_mode {
    HIST_COMMIT_DEFAULT = 0, /* As the store's durability says. */
    HIST_COMMIT_DURABLE = 1, /* On stable storage before the call returns. */
    HIST_COMMIT_WRITTEN = 2, /* Survives kill -9, not power loss; see hist_sync(). */
} hist_commit_mode;

/*
 * hist_commit -- all rows collected become one batch: after any crash all or none are there, and
 * everything committed before is there too. An empty batch is HIST_OK.
 *   seq_out   NULL or the commit's sequence number.
 * Errors  HIST_ENOSPC, HIST_EIO: nothing is acknowledged, the rows stay in the writer and may be
 *         committed again. HIST_EBUSY never: the call waits while buffers are full.
 */
HIST_API hist_status hist_commit(hist_writer *writer, hist_commit_mode mode, uint64_t *seq_out,
                                 hist_error *err);

/* Returns when every commit that has returned is on stable storage. */
HIST_API hist_status hist_sync(hist_db *db, hist_error *err);

/*
 * hist_delete -- delete the rows of `table` with from_ns <= time < to_ns of all series that have
 * all of `tags` (none: every series). Durable when it returns. Applies to what was committed before.
 */
HIST_API hist_status hist_delete(hist_db *db, const char *database, const char *table,
                                 const hist_tag *tags, size_t tag_count, hist_time from_ns,
                                 hist_time to_ns, hist_error *err);

/* ---- asking ----------------------------------------------------------------------------- */

typedef struct hist_query_options {
    size_t struct_size;
    const char *database;           /* NULL: "default". */
    hist_time now_ns;               /* What now() is; 0: the clock. */
    uint64_t memory_bytes_max;      /* 0: the store's query_bytes_max. */
    uint64_t time_ms_max;           /* 0: none. */
    const char *const *param_names; /* Values of declare query_parameters, as KQL literals. */
    const char *const *param_values;
    size_t param_count;
    /* Not NULL: asked once a batch while the query opens and runs; not 0: HIST_ECANCELLED. Opening
       runs what toscalar() holds, before there is a handle for hist_query_cancel. */
    int (*stop)(void *arg);
    void *stop_arg;
} hist_query_options;

#define HIST_QUERY_OPTIONS ((hist_query_options){.struct_size = sizeof(hist_query_options)})

/*
 * hist_query_open -- parse, bind and plan a KQL text (docs/kql.md). Takes a snapshot: the query
 * sees everything acknowledged before, and nothing after.
 *   text_size   Bytes; SIZE_MAX: NUL-terminated.
 * Errors  HIST_ESYNTAX, HIST_ESEMANTIC with line, column and length in err; HIST_ENOTFOUND;
 *         HIST_ENOMEM; HIST_ECORRUPT; HIST_EIO; HIST_ECANCELLED, HIST_ETIMEOUT (of a toscalar()).
 */
HIST_API hist_status hist_query_open(hist_db *db, const char *text, size_t text_size,
                                     const hist_query_options *options, hist_query **query_out,
                                     hist_error *err);
HIST_API_VOID void hist_query_close(hist_query *query);

/* A text may hold several queries; each has a result. The first is current after open. *has_out
   false: there is no further result. */
HIST_API hist_status hist_query_next_result(hist_query *query, bool *has_out, hist_error *err);

/* Columns of the current result. Borrowed until the next result or close. */
HIST_API size_t hist_query_columns(const hist_query *query, const hist_column_info **columns_out);

/* The visualization a `render` asked for, as the JSON object of Kusto's @ExtendedProperties;
   NULL when there is none. Borrowed. */
HIST_API const char *hist_query_visualization(const hist_query *query);

/*
 * The next batch of the current result; row_count 0 ends it. Borrowed until the next call.
 * Errors  HIST_ECANCELLED, HIST_ETIMEOUT, HIST_ENOMEM (budget), HIST_ECORRUPT, HIST_EIO,
 *         HIST_ESEMANTIC (a run-time check of the language), HIST_EBUSY (read-only store: the
 *         writer replaced a part that was not yet opened; open the store again).
 */
HIST_API hist_status hist_query_next(hist_query *query, hist_batch *batch_out, hist_error *err);

/* From any thread or signal handler; the running call returns HIST_ECANCELLED soon. */
HIST_API_VOID void hist_query_cancel(hist_query *query);

typedef struct hist_query_stats {
    uint64_t rows_read;   /* Rows that were looked at one by one. */
    uint64_t blocks_read; /* Blocks of single columns whose bytes were read from parts. */
    uint64_t
        blocks_skipped; /* Blocks of rows whose statistics ruled them out, or stood for them. */
    uint64_t memory_bytes_peak;
} hist_query_stats;
HIST_API_VOID void hist_query_get_stats(const hist_query *query, hist_query_stats *stats_out);

/* ---- tables and raw rows ---------------------------------------------------------------- */

typedef enum hist_column_kind {
    HIST_COLUMN_TIME = 1,
    HIST_COLUMN_TAG = 2,
    HIST_COLUMN_FIELD = 3,
} hist_column_kind;

typedef struct hist_table_column {
    const char *name;
    hist_type type;
    hist_column_kind kind;
} hist_table_column;

typedef struct hist_table_info {
    const char *database;
    const char *name;
    uint32_t column_count;
    const hist_table_column *columns; /* Time first, then tags, then fields, in order of birth. */
    uint64_t series_count;
} hist_table_info;

/* Calls fn for each table; the info is borrowed for the call. A non-zero return stops. */
typedef int (*hist_table_fn)(void *arg, const hist_table_info *info);
HIST_API hist_status hist_tables(hist_db *db, const char *database, hist_table_fn fn, void *arg,
                                 hist_error *err);

typedef struct hist_scan_options {
    size_t struct_size;
    const char *database; /* NULL: "default". */
    const char *table;
    const char *const *columns; /* NULL: all, in the order of hist_table_info. */
    size_t column_count;
    const hist_tag *tags; /* Only series that have all of these. */
    size_t tag_count;
    hist_time from_ns;       /* Half-open range. Both 0: everything. */
    hist_time to_ns;         /* HIST_TIME_MAX: that instant is in it. */
    uint32_t batch_rows_max; /* 0: 8192. At most HIST_BATCH_ROWS_MAX. */
} hist_scan_options;

#define HIST_SCAN_OPTIONS ((hist_scan_options){.struct_size = sizeof(hist_scan_options)})

/*
 * hist_scan_open -- rows of one table from a snapshot, ordered by (partition, series, time), each
 * (series, time) once, absent values null (absent tags: empty string).
 */
HIST_API hist_status hist_scan_open(hist_db *db, const hist_scan_options *options,
                                    hist_scan **scan_out, hist_error *err);
HIST_API size_t hist_scan_columns(const hist_scan *scan, const hist_column_info **columns_out);
/* row_count 0 ends it. Borrowed until the next call. */
HIST_API hist_status hist_scan_next(hist_scan *scan, hist_batch *batch_out, hist_error *err);
HIST_API_VOID void hist_scan_close(hist_scan *scan);

typedef struct hist_partition {
    hist_time from_ns;   /* Start of the partition; INT64_MIN: of the first there can be. */
    hist_time to_ns;     /* HIST_TIME_MAX: that instant is in it. */
    uint64_t rows;       /* An upper bound: rows that overwrite each other count twice. */
    uint64_t last_seq;   /* Highest commit that touched it. */
    uint64_t size_bytes; /* On disk; 0 for what is only in memory. */
    uint64_t part_rows;  /* Those of rows that are on disk, in size_bytes. */
} hist_partition;

typedef int (*hist_partition_fn)(void *arg, const hist_partition *partition);
HIST_API hist_status hist_partitions(hist_db *db, const char *database, const char *table,
                                     hist_partition_fn fn, void *arg, hist_error *err);

/* ---- upkeep ----------------------------------------------------------------------------- */

enum {
    HIST_MAINTAIN_FLUSH = 1, /* Write everything in memory to a part. */
    HIST_MAINTAIN_MERGE = 2, /* Until quiet: 12 parts per table and partition, large ones cut. */
    HIST_MAINTAIN_COLD = 4,  /* Rewrite every partition cold. */
    HIST_MAINTAIN_TICK = 8,  /* Only what is due now; for threads = 0. */
};

/* Does the upkeep asked for and returns. Errors as hist_commit(). */
HIST_API hist_status hist_maintain(hist_db *db, int what, hist_error *err);

typedef struct hist_stats {
    uint64_t rows_written; /* Since open. */
    uint64_t commits;      /* Since open. */
    uint64_t seq_written;  /* Last commit written. */
    uint64_t seq_durable;  /* Last commit on stable storage. */
    uint64_t parts;
    uint64_t part_bytes;
    uint64_t wal_bytes;
    uint64_t catalog_bytes;
    uint64_t series;
    uint64_t tables;
    uint64_t chunk_rows;
    uint64_t memory_bytes;
    uint64_t memory_bytes_max;
    uint64_t flushes;
    uint64_t merges;
    uint64_t recovered_rows;          /* Replayed from the WAL at open. */
    uint64_t recovered_dropped_bytes; /* Torn tail, never acknowledged as durable. */
    hist_time newest_ns;              /* Newest row, HIST_TIME_MIN when empty. */
} hist_stats;

HIST_API_VOID void hist_get_stats(hist_db *db, hist_stats *stats_out);

/* Reads and checks every byte of every file; calls fn for each problem. HIST_OK: none found. */
typedef void (*hist_verify_fn)(void *arg, const char *file, int64_t offset, const char *problem);
HIST_API hist_status hist_verify(hist_db *db, hist_verify_fn fn, void *arg, hist_error *err);

#ifdef __cplusplus
}
#endif
#endif
