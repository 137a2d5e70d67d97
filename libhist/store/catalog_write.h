/*
 * catalog_write.h -- the catalog as the store and the writers see it: definitions, log, files.
 *
 * A definition is made (or found) by name, gets the next id and leaves a record
 * in the pending buffer; the commit that goes next takes all pending records
 * into the log before its rows. A checkpoint writes what is in no CAT file yet
 * into a new one. Any thread; each call takes the catalog's lock itself.
 */
#ifndef HI_CATALOG_WRITE_H
#define HI_CATALOG_WRITE_H

#include "hist_vfs.h"

#include "base/buf.h"
#include "store/catalog.h"
#include "store/walrec.h"

/* Ids given out next. */
typedef struct hi_catalog_ids {
    uint32_t database;
    uint32_t table;
    uint32_t column;
    uint32_t series;
} hi_catalog_ids;

typedef struct hi_catalog_config {
    hi_mem *mem;
    hi_mem *scratch; /* What writing a file takes; NULL: mem. */
    hist_vfs *vfs;
    const char *dir;         /* Copied. */
    uint64_t store;          /* First 8 bytes of the store's uuid, for checksum seeds. */
    const char *time_column; /* Copied. */
    uint32_t series_max;     /* 0: no limit. */
    bool for_write;          /* Files with features that allow reading only are refused. */
    hi_catalog_ids next;     /* Lowest ids to give out; 0 counts as 1. */
} hi_catalog_config;

hist_status hi_catalog_new(const hi_catalog_config *config, hi_catalog **catalog_out,
                           hist_error *err);
/* NULL is a no-op. */
void hi_catalog_free(hi_catalog *catalog);

const char *hi_catalog_time_column(const hi_catalog *catalog);
hi_catalog_ids hi_catalog_next(hi_catalog *catalog);

typedef struct hi_catalog_figures {
    uint64_t databases;
    uint64_t tables;
    uint64_t columns;
    uint64_t series;
    uint64_t file_bytes;    /* Of all CAT files. */
    uint64_t recent_series; /* In no CAT file yet. */
} hi_catalog_figures;
hi_catalog_figures hi_catalog_get_figures(hi_catalog *catalog);

/* ---- find or define. Names are checked (UTF-8, 1 to HIST_NAME_BYTES_MAX bytes, no control bytes). ---- */

hist_status hi_catalog_define_database(hi_catalog *catalog, hist_str name, uint32_t *id_out,
                                       hist_error *err);
hist_status hi_catalog_define_table(hi_catalog *catalog, uint32_t database, hist_str name,
                                    uint32_t *id_out, hist_error *err);
/* HIST_ETYPE: the field has another type. HIST_EINVAL: it is a tag of the table or the time column. */
hist_status hi_catalog_define_field(hi_catalog *catalog, uint32_t table, hist_str name,
                                    hist_type type, uint32_t *id_out, hist_error *err);
/*
 * The series with exactly these tags, tag columns defined as needed. Keys are unique; an empty value
 * is an absent tag. HIST_EINVAL: a tag has the name of a field or of the time column; HIST_ELIMIT:
 * series_max, HIST_TAGS_MAX.
 */
hist_status hi_catalog_define_series(hi_catalog *catalog, uint32_t table, const hist_tag *tags,
                                     size_t tag_count, uint32_t *id_out, hist_error *err);

/* ---- find only: 0 or false when there is none ---- */

uint32_t hi_catalog_find_table(hi_catalog *catalog, uint32_t database, hist_str name);
/* Tags and fields; not the time column. */
bool hi_catalog_find_column(hi_catalog *catalog, uint32_t table, hist_str name,
                            hi_column_def *column_out);
/* The table of a column id and what it is. */
bool hi_catalog_column(hi_catalog *catalog, uint32_t column, uint32_t *table_out,
                       hi_column_def *column_out);
/* "" when unknown. */
const char *hi_catalog_table_name(hi_catalog *catalog, uint32_t table);
const char *hi_catalog_database_name(hi_catalog *catalog, uint32_t database);
uint32_t hi_catalog_table_database(hi_catalog *catalog, uint32_t table);
/* *id_out 0 when there is no such series. HIST_EINVAL as hi_catalog_define_series(). */
hist_status hi_catalog_find_series(hi_catalog *catalog, uint32_t table, const hist_tag *tags,
                                   size_t tag_count, uint32_t *id_out, hist_error *err);
/* *table_out 0 when the id is unknown. */
hist_status hi_catalog_series_table(hi_catalog *catalog, uint32_t series, uint32_t *table_out,
                                    hist_error *err);
/* Series of a table that have all of these tags, ascending, in the arena. */
hist_status hi_catalog_series_match(hi_catalog *catalog, uint32_t table, const hist_tag *tags,
                                    size_t tag_count, hi_arena *arena, const uint32_t **ids_out,
                                    uint32_t *count_out, hist_error *err);

/* ---- properties: text by key of a table (column 0) or of a column ---- */

hist_status hi_catalog_set_property(hi_catalog *catalog, uint32_t table, uint32_t column,
                                    hist_str key, hist_str value, hist_error *err);
/* In the arena; *value_out is NULL when it is not set. */
hist_status hi_catalog_get_property(hi_catalog *catalog, uint32_t table, uint32_t column,
                                    hist_str key, hi_arena *arena, const char **value_out);

/* A time of the server, at least now_ns, that was never given out before. Any thread, no lock. */
int64_t hi_catalog_stamp(hi_catalog *catalog, int64_t now_ns);

/* ---- log ---- */

/*
 * hi_catalog_take_pending -- append all pending records to `out` (failure is kept there). By the
 * commit leader under its log lock. The records count as logged unless
 * hi_catalog_return_pending() says, before the next take, that the write failed: then the next
 * take gives them again, before newer ones. Neither fails for lack of memory.
 */
void hi_catalog_take_pending(hi_catalog *catalog, hi_buf *out);
void hi_catalog_return_pending(hi_catalog *catalog);
/* Bytes that the next take would append. */
size_t hi_catalog_pending_bytes(hi_catalog *catalog);

/* Replay of one record. What is known already and identical is fine; else HIST_ECORRUPT without
   message (the caller knows file and offset). HIST_ENOMEM. */
hist_status hi_catalog_apply_record(hi_catalog *catalog, const hi_walrec *record, hist_error *err);

/* ---- files ---- */

enum {
    HI_CATALOG_FILES_MAX =
        8, /* A checkpoint beyond this merges all files into one, memory permitting. */
    HI_CATALOG_FILES_LIMIT = 64, /* There are never more. */
};

/* What the manifest keeps of a CAT file. */
typedef struct hi_catalog_file {
    uint64_t id;
    uint64_t size_bytes;
    uint64_t head_hash; /* Checksum of its head, which holds those of its sections. */
} hi_catalog_file;

typedef struct hi_checkpoint {
    bool empty; /* Nothing new: no file was written. */
    hi_catalog_file file;
    uint64_t replaces[HI_CATALOG_FILES_LIMIT]; /* Ids of files that the new one replaces. */
    uint32_t replaces_count;
    uint32_t generations; /* private */
    hi_catalog_ids below; /* private: what the file covers */
    uint64_t properties;  /* private */
} hi_checkpoint;

/*
 * hi_catalog_checkpoint -- write everything that is in no CAT file yet to CAT-<file_id>, durably.
 * Then name it in the manifest and say with hi_catalog_checkpoint_end() how that went (named false:
 * all stays as it was, and the caller removes the file). One checkpoint at a time; definitions go on meanwhile.
 */
hist_status hi_catalog_checkpoint(hi_catalog *catalog, uint64_t file_id, hi_checkpoint *out,
                                  hist_error *err);
void hi_catalog_checkpoint_end(hi_catalog *catalog, const hi_checkpoint *checkpoint, bool named);

/* Registers a CAT file that the manifest names, in ascending order of ids. Reads its definitions at
   once, series and postings when first needed. HIST_ECORRUPT, HIST_EVERSION, HIST_EIO, HIST_ENOMEM. */
hist_status hi_catalog_open_file(hi_catalog *catalog, const hi_catalog_file *file, hist_error *err);

/* Reads and checks every byte of every CAT file. */
hist_status hi_catalog_verify(hi_catalog *catalog, hist_verify_fn fn, void *arg, hist_error *err);

#endif
