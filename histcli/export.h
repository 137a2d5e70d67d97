/* export.h -- shared by the export_*.c files only: what is exported, where to, and from whom. */
#ifndef EXPORT_H
#define EXPORT_H

#include "histcli/cli.h"
#include "histcli/outfile.h"
#include "histcli/source.h"

enum {
    EXPORT_TABLES_MAX = 1024,
    EXPORT_PATH_MAX = 4096,
    EXPORT_TIME_DIGITS = 9,
    EXPORT_MADE_MAX = 64 << 20, /* Bytes of paths. */
};

typedef struct export_column {
    hist_str name; /* NUL-terminated. */
    hist_type type;
    int kind; /* hist_column_kind; 0: not known. */
} export_column;

typedef struct export_day {
    int64_t start_ns;
    uint64_t last_seq; /* 0: not known. */
} export_day;

typedef struct export
{
    cli *c;
    const char *db_name;
    source *source;
    const char *out;
    const char *tables[EXPORT_TABLES_MAX];
    size_t table_count;
    int64_t from_ns; /* Whole days, both ends included. */
    int64_t last_ns;
    pack how;
    bool incremental;
    bool checksums;
    uint64_t days_written;
    uint64_t days_unchanged;
    uint64_t rows;
    uint64_t bytes;
    hi_buf made; /* Folders that were not there before, each with a NUL. */
}
export;

/* One table of it. */
typedef struct export_table {
    export *e;
    const char *name;
    char folder[EXPORT_PATH_MAX];    /* OUT/DATABASE/TABLE */
    char manifests[EXPORT_PATH_MAX]; /* ... /_manifest */
    export_column *columns;          /* In the order of the file. */
    uint32_t column_count;
    hi_buf names;
    hi_buf days;   /* export_day, ascending. */
    uint64_t rows; /* Of all days that are exported, now or before. */
} export_table;

/* What a day's file has. */
typedef struct export_result {
    uint64_t rows;
    uint64_t bytes;
    int64_t first_ns;
    int64_t last_ns;
    char sha[OUTFILE_SHA_SIZE];
} export_result;

/*
 * The first and the last instant of the day that holds one. The first and the last day of all are
 * shorter: they begin and end with HIST_TIME_MIN and HIST_TIME_MAX.
 */
int64_t export_day_first(int64_t ns);
int64_t export_day_last(int64_t ns);

/* ---- export_source.c: columns, days and rows, of a folder or a daemon ---- */

/* Names of all tables, one after the other with a NUL. */
hist_status export_list_tables(export *e, hi_buf *names, hist_error *err);
hist_status export_read_columns(export_table *t, hist_error *err);
hist_status export_read_days(export_table *t, hist_error *err);
/* How many rows the table has in the days that are asked for. Of a folder: at the instant that
   export_read_rows() reads too. */
hist_status export_count_rows(export_table *t, uint64_t *count_out, hist_error *err);
/* Rows of a day in file order, pushed into the sink as one result or several. */
hist_status export_read_rows(export_table *t, const export_day *day, const result_sink *sink,
                             hist_error *err);

/* ---- export_manifest.c ---- */

/* "2026-11-20", with room for 16. */
void export_day_name(int64_t start_ns, char *to);
/* Was the day exported with this last_seq, these columns and this packing; *rows_out: its rows. */
bool export_is_current(const export_table *t, const export_day *day, uint64_t *rows_out);
bool export_has_manifest(const export_table *t, const export_day *day);
hist_status export_write_manifest(export_table *t, const export_day *day,
                                  const export_result *result, hist_error *err);
/* SHA256SUMS over all files that the manifests of the table name, and the manifests. */
hist_status export_write_sums(export_table *t, hist_error *err);
/* "part-00000.csv.gz" */
const char *export_part_name(const export *e);

/* ---- export_day.c ---- */

hist_status export_write_day(export_table *t, const export_day *day, hist_error *err);

#endif
