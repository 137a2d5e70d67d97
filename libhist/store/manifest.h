/*
 * manifest.h -- the list of everything a store consists of, one immutable file a generation.
 *
 * A publish clones the current manifest, changes the clone, sets its generation
 * and obsolete list, and writes it as MANIFEST-<generation>; SUPER then points to it.
 * Files that became obsolete in generation g are unlinked when g + 1 is published.
 *
 * File: 8 magic "HISTMAN0", 4 version, 4 zero, 3 x 8 feature masks, 16 uuid, 8 generation,
 * 8 body size, body (varints), 8 XXH3 of all before (seed: store, generation, 0).
 * Feature 0 (must refuse) is set while a part is one of several that a partition was cut into.
 */
#ifndef HI_MANIFEST_H
#define HI_MANIFEST_H

#include "base/mem.h"
#include "store/era.h"
#include "store/names.h"
#include "store/super.h"

/* Largest manifest file that is read or written. */
#define HI_MANIFEST_BYTES_MAX (UINT64_C(64) << 20)

enum {
    HI_PART_DAMAGED = 1, /* Kept and readable where sound, never merged. */
    HI_PART_COLD = 2,    /* Entropy-coded. */
    HI_PART_SPANNING =
        4,           /* Holds several tables or partitions (a flush, or pooled small tables). */
    HI_PART_CUT = 8, /* One of several that a merge made of a partition: some of its series. */
};

/* Which rows of which table and partition a part holds. */
typedef struct hi_part_range {
    uint32_t table;
    int64_t partition_ns; /* Start of the partition. */
    int64_t width_ns;     /* Width it had when the part was written. */
    uint64_t rows;
    int64_t time_min;
    int64_t time_max;
} hi_part_range;

typedef struct hi_part_entry {
    uint64_t id; /* P-<id>.hp */
    uint64_t file_size;
    uint64_t directory_sum; /* Checksum of the part's directory. */
    uint64_t rows;
    uint64_t seq_low;  /* Commits whose rows are in it: from ... */
    uint64_t seq_high; /* ... to, both included. */
    int64_t time_min;
    int64_t time_max;
    int64_t commit_ns_min; /* Wall clock of those commits. */
    int64_t commit_ns_max;
    uint32_t level;        /* 0: flushed; merges count up. */
    uint32_t flags;        /* HI_PART_* */
    uint32_t first_series; /* When HI_PART_CUT; else 0. */
    uint32_t last_series;
    hi_part_range *ranges;
    size_t range_count;
} hi_part_entry;

typedef struct hi_catalog_entry {
    uint64_t id; /* CAT-<id>.hc */
    uint64_t file_size;
    uint64_t sum;
    uint32_t kinds; /* Bits of the kinds of definition in it; the catalog gives them meaning. */
    uint32_t series_first;
    uint32_t series_last;
} hi_catalog_entry;

/* A delete that parts may still have to honour: rows with a smaller seq in [from_ns, to_ns]. */
typedef struct hi_tombstone_entry {
    uint64_t seq;
    uint32_t table;
    bool all_series;
    uint32_t *series; /* When not all_series; ascending. */
    size_t series_count;
    int64_t from_ns;
    int64_t to_ns; /* Included. */
} hi_tombstone_entry;

typedef struct hi_file_ref {
    hi_file_kind kind;
    uint64_t id;
} hi_file_ref;

typedef struct hi_manifest {
    hi_mem *mem; /* Arrays below are owned through this account. */
    hi_features features;
    uint8_t uuid[16];
    uint64_t generation;
    uint64_t previous_generation; /* 0: none. */
    uint64_t next_part_id;
    uint64_t next_catalog_id;
    uint32_t next_database_id;
    uint32_t next_table_id;
    uint32_t next_column_id;
    uint32_t next_series_id;
    uint64_t wal_floor_segment; /* Segments below are not needed. */
    uint64_t wal_floor_seq;     /* Batches up to here are in parts and catalog files. */
    char *time_column;          /* NUL-terminated. */
    int64_t partition_ns;       /* Width of new partitions. */
    hi_eras eras;               /* When the store was there; see era.h. */
    hi_part_entry *parts;
    size_t part_count;
    size_t part_capacity;
    hi_catalog_entry *catalogs;
    size_t catalog_count;
    size_t catalog_capacity;
    hi_tombstone_entry *tombstones;
    size_t tombstone_count;
    size_t tombstone_capacity;
    hi_file_ref *obsolete; /* Named by the previous generation, by this one no more. */
    size_t obsolete_count;
    size_t obsolete_capacity;
} hi_manifest;

/* Empty: ids start at 1, generation 0, time column "Timestamp" (set later), no options. */
void hi_manifest_init(hi_manifest *manifest, hi_mem *mem);
void hi_manifest_free(hi_manifest *manifest);
/* A deep copy; clone is initialised here and must be freed also after HIST_ENOMEM. */
hist_status hi_manifest_clone(const hi_manifest *manifest, hi_manifest *clone, hist_error *err);

/* The name is copied, NULL or "" is refused. */
hist_status hi_manifest_set_time_column(hi_manifest *manifest, const char *name, hist_error *err);

/* Each copies what it is given, arrays included. */
hist_status hi_manifest_add_part(hi_manifest *manifest, const hi_part_entry *part, hist_error *err);
hist_status hi_manifest_add_catalog(hi_manifest *manifest, const hi_catalog_entry *catalog,
                                    hist_error *err);
hist_status hi_manifest_add_tombstone(hi_manifest *manifest, const hi_tombstone_entry *tombstone,
                                      hist_error *err);
hist_status hi_manifest_add_obsolete(hi_manifest *manifest, hi_file_kind kind, uint64_t id,
                                     hist_error *err);
void hi_manifest_clear_obsolete(hi_manifest *manifest);

/* NULL: not there. Valid until the list changes. */
hi_part_entry *hi_manifest_find_part(const hi_manifest *manifest, uint64_t id);
/* Takes an entry off its list, order kept; false: it was not there. */
bool hi_manifest_remove_part(hi_manifest *manifest, uint64_t id);
bool hi_manifest_remove_catalog(hi_manifest *manifest, uint64_t id);
void hi_manifest_remove_tombstone(hi_manifest *manifest, size_t index);

/*
 * Whether "the later write wins" can be decided among the parts: two parts with rows of one table and
 * time have different last commits, or they are cuts of one merge (the same partition and commits)
 * and no series is in both. HIST_EINTERNAL with the two parts in the message, HIST_ENOMEM.
 */
hist_status hi_manifest_check(const hi_manifest *manifest, hist_error *err);

/* Bytes of the file, in memory of manifest->mem: free with hi_file_data_free(). */
hist_status hi_manifest_encode(const hi_manifest *manifest, hi_file_data *out, hist_error *err);
/* manifest_out is initialised here and empty after a failure. path: for messages. */
hist_status hi_manifest_decode(const void *data, size_t size, const char *path, hi_mem *mem,
                               hi_manifest *manifest_out, hist_error *err);

/* Publishes DIR/MANIFEST-<generation> (tmp, sync, rename, sync_dir). */
hist_status hi_manifest_write_new(const hi_manifest *manifest, hist_vfs *vfs, const char *dir,
                                  hist_error *err);
/* HIST_ENOTFOUND, HIST_ECORRUPT (also when the file says another generation or uuid). */
hist_status hi_manifest_load(hist_vfs *vfs, const char *dir, const hi_super *super, hi_mem *mem,
                             hi_manifest *manifest_out, hist_error *err);

#endif
