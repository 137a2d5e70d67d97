/*
 * writer.h -- what a hist_writer is: rows collected, and what it remembers of tables and series.
 *
 * writer.c has the typed calls, ingest.c the line protocol. Both put values
 * straight into the columns of `rows`; what is looked up by name is
 * remembered here, so that known series and fields take no lock.
 */
#ifndef HI_WRITER_H
#define HI_WRITER_H

#include "api/db.h"
#include "api/keycache.h"
#include "base/arena.h"
#include "formats/lineproto.h"

/* How a value as written becomes one of its column. */
typedef enum writer_op {
    WRITER_REAL = 0,
    WRITER_LONG,
    WRITER_ULONG, /* Into a long column, when it fits. */
    WRITER_BOOL,
    WRITER_TEXT,
    WRITER_LONG_REAL, /* An integer into a real column, when exact. */
    WRITER_ULONG_REAL,
    WRITER_CONFLICT,
} writer_op;

/* A field name as it is written in lines of a table. */
typedef struct writer_name {
    const char *key; /* Raw bytes, in the writer's arena. */
    uint32_t key_size;
    uint32_t hash;
    uint32_t slot; /* Of the column in the table's rows. */
    hist_type type;
} writer_name;

/* One field of the line before: the next one probably has the same. */
typedef struct writer_shape {
    const char *key;
    uint32_t key_size;
    uint8_t lp_type;
    uint8_t op; /* writer_op */
    uint32_t slot;
} writer_shape;

/* Beside the table of the same slot in `rows`. */
typedef struct writer_table {
    uint32_t table;
    writer_shape *shape;
    uint32_t shape_count;
    uint32_t shape_room;
    writer_name *names;
    uint32_t name_count;
    uint32_t name_room;
    uint32_t *name_slots; /* index + 1; twice name_room. */
} writer_table;

/* A handle that was used: series (with its table's slot) or field (with its column's too). */
typedef struct writer_handle {
    uint32_t id; /* 0: free. */
    uint32_t table_slot;
    uint32_t column_slot;
    uint32_t type;
} writer_handle;

typedef struct writer_handles {
    writer_handle *entries; /* Open addressing. */
    uint32_t room;
    uint32_t count;
} writer_handles;

struct hist_writer {
    hist_db *db;
    hi_store *store;
    hi_catalog *catalog;
    hi_mem mem;
    uint32_t database;
    const char *time_column;
    size_t time_column_size;
    hi_rows rows;
    writer_table *tables;
    uint32_t table_count;
    uint32_t table_room;
    writer_handles series;
    writer_handles fields;
    /* line protocol */
    hi_arena text;
    hi_keycache keys;
    lp_parser *parser;
    char *scratch; /* Escapes are taken away here: names and values, and behind them the key. */
    lp_tag *tags;
};

#define WRITER_SCRATCH (2 * (size_t)LP_LINE_BYTES_MAX)

/* The batch is full when its rows have more bytes than this: room for one more line of any size. */
#define WRITER_BYTES_MAX (HIST_BATCH_BYTES_MAX - (UINT64_C(1) << 18))

/* The slot of a table in rows and in tables; HI_ROWS_NONE: no memory. */
uint32_t hi_writer_table(hist_writer *writer, uint32_t table);

#endif
