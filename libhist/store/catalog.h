/*
 * catalog.h -- what exists: databases, tables, columns, series; what query/ sees of it.
 *
 * Names map to ids, ids are never reused. Definitions are made while batches are
 * built, logged before the first rows that need them, and written to immutable
 * CAT files at a checkpoint. Lookups take a read lock for a moment; what is
 * handed out (names, column arrays) lives as long as the catalog.
 */
#ifndef HI_CATALOG_H
#define HI_CATALOG_H

#include "hist.h"

#include "base/arena.h"
#include "base/err.h"
#include "store/frag.h"

typedef struct hi_catalog hi_catalog;

typedef struct hi_column_def {
    uint32_t id;
    hist_type type;
    hist_column_kind kind;
    const char *name; /* NUL-terminated. */
} hi_column_def;

/* A moment's view of one table; arrays are in the arena it was asked with. */
typedef struct hi_table_def {
    uint32_t id;
    uint32_t database;
    const char *name;
    const hi_column_def *columns; /* [0] is time (HI_COLUMN_TIME), then tags, then fields by id. */
    uint32_t column_count;
    uint64_t series_count;
} hi_table_def;

/* 0: no such database. */
uint32_t hi_catalog_database(hi_catalog *catalog, hist_str name);

/* HIST_ENOTFOUND without message when there is none: the caller knows the position in the text. */
hist_status hi_catalog_table(hi_catalog *catalog, uint32_t database, hist_str name, hi_arena *arena,
                             hi_table_def *table_out);

/* All databases (names) and all tables of one, sorted by name. */
hist_status hi_catalog_databases(hi_catalog *catalog, hi_arena *arena, const char ***names_out,
                                 uint32_t **ids_out, uint32_t *count_out, hist_error *err);
hist_status hi_catalog_tables(hi_catalog *catalog, uint32_t database, hi_arena *arena,
                              hi_table_def **tables_out, uint32_t *count_out, hist_error *err);

/* All series of a table, ascending ids, in the arena. */
hist_status hi_catalog_series(hi_catalog *catalog, uint32_t table, hi_arena *arena,
                              const uint32_t **ids_out, uint32_t *count_out, hist_error *err);

/* Series of a table whose tag `column` equals value ("" means: absent), from the tag postings.
   Ascending. */
hist_status hi_catalog_series_eq(hi_catalog *catalog, uint32_t table, uint32_t column,
                                 hist_str value, hi_arena *arena, const uint32_t **ids_out,
                                 uint32_t *count_out, hist_error *err);

/* The values of one tag of the given series as a column of strings (DICT or FLAT, absent = ""), row i
   for ids[i]. In the arena. */
hist_status hi_catalog_tag(hi_catalog *catalog, uint32_t table, uint32_t column,
                           const uint32_t *ids, uint32_t count, hi_arena *arena, hist_column *out,
                           hist_error *err);

#endif
