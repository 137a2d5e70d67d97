/*
 * catfile.h -- CAT files: immutable definitions, series and tag postings. Bytes: catalog.md.
 *
 * The head lists the sections with their checksums. Definitions are read when the
 * file is opened; values, series and postings are each read and verified
 * whole when first needed, then probed in place. Every index found in them is checked before use.
 */
#ifndef HI_CATFILE_H
#define HI_CATFILE_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/catalog_write.h"
#include "store/recent.h"

typedef enum hi_cat_section {
    HI_CAT_DEFS = 0,
    HI_CAT_VALUES = 1,
    HI_CAT_SERIES = 2,
    HI_CAT_POSTINGS = 3,
} hi_cat_section;

enum {
    HI_CAT_SECTIONS = 4,
    HI_CAT_HEAD_SIZE = 64 + HI_CAT_SECTIONS * 24 + 8,
};

typedef struct hi_catfile_section {
    uint64_t offset;
    uint64_t size;
    uint64_t hash;
    _Atomic(uint8_t *) data; /* NULL: not read yet. */
} hi_catfile_section;

/* Values: u32 arrays in file order, read in place. */
typedef struct hi_catfile_values {
    uint32_t count;
    uint32_t slot_room;
    const uint8_t *columns;
    const uint8_t *ends;  /* Where the bytes of each value end. */
    const uint8_t *slots; /* hash, index + 1 */
    const uint8_t *bytes;
    uint64_t bytes_size;
} hi_catfile_values;

typedef struct hi_catfile_series {
    uint32_t count;
    uint32_t key_count;
    uint32_t slot_room;
    const uint8_t *ids;
    const uint8_t *tables;
    const uint8_t *key_ends;
    const uint8_t *keys;
    const uint8_t *slots;
} hi_catfile_series;

typedef struct hi_catfile_postings {
    uint32_t value_count;
    uint32_t table_count;
    const uint8_t *value_ends;
    const uint8_t *tables; /* id, end */
    const uint8_t *bytes;
    uint64_t bytes_size;
} hi_catfile_postings;

typedef struct hi_catfile {
    hi_mem *mem;
    hist_vfs *vfs;
    uint64_t store;
    hi_catalog_file info;
    uint32_t series_count;
    uint32_t first_series; /* 0 when there are none. */
    uint32_t last_series;
    pthread_mutex_t lock; /* Reading of sections. */
    hi_catfile_section sections[HI_CAT_SECTIONS];
    hi_catfile_values values;
    hi_catfile_series series;
    hi_catfile_postings postings;
    char *path;
    size_t path_size; /* With the NUL. */
} hi_catfile;

typedef struct hi_catfile_config {
    hi_mem *mem;
    hist_vfs *vfs;
    const char *dir;
    uint64_t store;
    bool for_write; /* A file with features that allow reading only is refused. */
} hi_catfile_config;

/* Writes CAT-<id>.hc durably: tmp, sync, rename, sync of the folder. `recent` may have no series. */
hist_status hi_catfile_write(const hi_catfile_config *config, uint64_t id, const hi_buf *defs,
                             const hi_recent *recent, hi_catalog_file *info_out, hist_error *err);

/* Reads and checks the head. Errors also HIST_EVERSION, and HIST_EREADONLY with for_write. */
hist_status hi_catfile_open(const hi_catfile_config *config, const hi_catalog_file *info,
                            hi_catfile **file_out, hist_error *err);
/* NULL is a no-op. */
void hi_catfile_free(hi_catfile *file);

/* The verified bytes of a section, kept until hi_catfile_drop() or free. */
hist_status hi_catfile_load(hi_catfile *file, hi_cat_section section, const uint8_t **data_out,
                            hist_error *err);
/* Gives back the memory of a section that nobody uses any more. */
void hi_catfile_drop(hi_catfile *file, hi_cat_section section);

/* *id_out 0: not here. */
hist_status hi_catfile_find(hi_catfile *file, uint32_t table, const hi_tag_ref *tags,
                            uint32_t count, uint64_t hash, uint32_t *id_out, hist_error *err);
/* Position of a series in the file, or HI_RECENT_NONE. */
hist_status hi_catfile_by_id(hi_catfile *file, uint32_t id, uint32_t *index_out, hist_error *err);
/* Of a series by position. hi_catfile_by_id() must have found it. */
uint32_t hi_catfile_table_of(const hi_catfile *file, uint32_t index);
hist_status hi_catfile_tag(hi_catfile *file, uint32_t index, uint32_t column, hist_str *value_out,
                           uint32_t *code_out, hist_error *err);
/* All tags, at most HIST_TAGS_MAX, in place. */
hist_status hi_catfile_tags(hi_catfile *file, uint32_t index, hi_tag_ref tags[HIST_TAGS_MAX],
                            uint32_t *count_out, hist_error *err);
/* As hi_recent_list(). */
hist_status hi_catfile_list(hi_catfile *file, uint32_t table, uint32_t column, hist_str value,
                            hi_id_list *list, hist_error *err);

#endif
