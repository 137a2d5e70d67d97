/*
 * catalog_impl.h -- the structure of the catalog, for catalog.c and catalog_write.c only.
 *
 * Names and columns are all in memory, in an arena that lives as long as the
 * catalog. Series are in CAT files (older ids), frozen ones (being written to a file) and recent ones
 * (newest ids); the three ascend in that order, each of them too.
 */
#ifndef HI_CATALOG_IMPL_H
#define HI_CATALOG_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/catalog_write.h"
#include "store/catfile.h"
#include "store/recent.h"

/* First member of everything that has a name within a parent. */
typedef struct cat_named {
    uint64_t hash;
    uint32_t parent; /* Id: 0 of a database, its database of a table, its table of a column. */
    uint32_t id;
    hist_str name; /* NUL-terminated. */
} cat_named;

/* Open addressing by (parent, name). */
typedef struct cat_map {
    cat_named **slots;
    uint32_t room;
    uint32_t count;
} cat_map;

/* Everything of one kind, ascending by id. */
typedef struct cat_list {
    cat_named **items;
    uint32_t count;
    uint32_t room;
} cat_list;

typedef struct cat_property cat_property;
struct cat_property {
    cat_property *next;
    hist_str key;
    hist_str value; /* The newest; older texts stay in the arena. */
};

typedef struct cat_database {
    cat_named named;
} cat_database;

typedef struct cat_column cat_column;
struct cat_column {
    cat_named named;
    hist_type type;
    hist_column_kind kind;
    cat_column *next; /* Of the same kind in the table, by id. */
    cat_property *properties;
};

typedef struct cat_table {
    cat_named named;
    cat_column *tags;
    cat_column *last_tag;
    uint32_t tag_count;
    cat_column *fields;
    cat_column *last_field;
    uint32_t field_count;
    uint64_t series_count;
    cat_property *properties;
} cat_table;

typedef struct cat_files {
    hi_catfile **items; /* Ascending ids of files and of their series. */
    uint32_t count;
    uint32_t room;
} cat_files;

struct hi_catalog {
    hi_mem *mem;
    hi_mem *scratch;                /* Of checkpoints. */
    hi_catfile_config files_config; /* dir is in `text`. */
    hist_str time_column;
    uint32_t series_max;
    _Atomic int64_t last_stamp; /* hi_catalog_stamp() */
    pthread_rwlock_t lock;      /* Everything below. */
    hi_arena text;
    cat_map names[3]; /* By cat_kind. */
    cat_list lists[3];
    hi_catalog_ids next;
    hi_catalog_ids saved; /* Ids below are in CAT files. */
    uint64_t property_version;
    uint64_t property_saved;
    uint64_t series_count;
    hi_recent *recent; /* Takes new series. */
    hi_recent *frozen; /* Newest first; in no file that is named yet. */
    cat_files files;
    hi_catfile *written; /* By the checkpoint that goes on. */
    hi_buf pending;      /* Records for the log. */
    size_t taken;        /* Bytes of it that the log was given last. */
};

typedef enum cat_kind {
    CAT_DATABASE = 0,
    CAT_TABLE = 1,
    CAT_COLUMN = 2,
} cat_kind;

/* NULL: there is none. Caller holds the lock. */
cat_named *hi_cat_find(hi_catalog *catalog, cat_kind kind, uint32_t parent, hist_str name);
cat_named *hi_cat_by_id(hi_catalog *catalog, cat_kind kind, uint32_t id);

/* The tags as refs ascending by column id, empty ones left out. *known false: a column does not exist
   yet. HIST_EINVAL: a name belongs to a field or to the time. */
hist_status hi_cat_resolve(hi_catalog *catalog, cat_table *table, const hist_tag *tags,
                           size_t tag_count, hi_tag_ref refs[HIST_TAGS_MAX], uint32_t *count_out,
                           bool *known, hist_error *err);
/* *id_out 0: there is none. */
hist_status hi_cat_find_series(hi_catalog *catalog, uint32_t table, const hi_tag_ref *refs,
                               uint32_t count, uint64_t hash, uint32_t *id_out, hist_error *err);

/* Where a series is: in a file or in memory, and its position there. Both NULL: unknown. */
typedef struct cat_place {
    hi_catfile *file;
    const hi_recent *recent;
    uint32_t index;
} cat_place;
hist_status hi_cat_locate(hi_catalog *catalog, uint32_t series, cat_place *place, hist_error *err);

/* What definitions by name (catalog_write.c) and from records (catalog_replay.c) share. */
hist_status hi_cat_check_name(hist_str name, const char *what, hist_error *err);
bool hi_cat_field_type_ok(hist_type type);
/* A new object, found by name and id from now on; NULL: no memory. */
cat_named *hi_cat_insert(hi_catalog *catalog, cat_kind kind, uint32_t id, uint32_t parent,
                         hist_str name);
cat_column *hi_cat_insert_column(hi_catalog *catalog, uint32_t id, cat_table *table, hist_str name,
                                 hist_column_kind kind, hist_type type);
/* Where the properties of a table (column 0) or column hang; NULL: it does not exist. */
cat_property **hi_cat_properties(hi_catalog *catalog, uint32_t table, uint32_t column);
hist_status hi_cat_put_property(hi_catalog *catalog, cat_property **list, hist_str key,
                                hist_str value);

/* hi_catalog_apply_record() for who has the lock already. */
hist_status hi_cat_apply(hi_catalog *catalog, const hi_walrec *record, hist_error *err);
void hi_cat_encode_property(hi_buf *out, uint32_t table, uint32_t column, hist_str key,
                            hist_str value);

#endif
