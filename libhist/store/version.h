/*
 * version.h -- which parts, chunk generations and tombstones make up the store at one moment.
 *
 * A version is immutable and reference-counted, as are the parts and the chunk
 * generations it names: a flush or a merge makes a new version, and what the old
 * one alone named goes away when the last reader has left. A part that is no
 * longer in the manifest is unlinked only when nobody reads it.
 */
#ifndef HI_VERSION_H
#define HI_VERSION_H

#include <stdatomic.h>

#include "store/chunk.h"
#include "store/manifest.h"
#include "store/part.h"
#include "store/scan.h"

/* An open part and what the manifest says of it. */
typedef struct hi_part_ref {
    atomic_int refs;
    hi_mem *mem;
    hi_part *part;
    uint64_t id;
    uint64_t size_bytes;
    uint64_t rows;
    uint64_t seq_low;
    uint64_t seq_high;
    uint32_t flags;        /* HI_PART_* of the manifest. */
    uint32_t first_series; /* Other series are not in it: 0 and UINT32_MAX unless it was cut. */
    uint32_t last_series;
    hi_part_range *ranges; /* Ascending by (table, partition_ns). */
    uint32_t range_count;
    struct hi_part_ref *grave_next; /* publish_lock: of hi_store.graves. */
    bool grave_due;
} hi_part_ref;

/* One generation of chunks: all tables' rows between two flushes. */
typedef struct hi_generation {
    atomic_int refs;
    hi_mem *mem;
    hi_chunks *chunks;
} hi_generation;

typedef struct hi_version {
    atomic_int refs;
    hi_mem *mem;
    hi_part_ref **parts; /* Oldest first: hi_part_ref_compare(). */
    uint32_t part_count;
    uint32_t part_room;
    hi_generation *frozen; /* Being flushed, or NULL. Older than active. */
    hi_generation *active;
    hi_tombstone *tombstones; /* By seq. */
    uint32_t tombstone_count;
    uint32_t tombstone_room;
} hi_version;

hist_status hi_part_ref_new(hi_mem *mem, const hi_part_config *config, const hi_part_entry *entry,
                            hi_part_ref **ref_out, hist_error *err);
void hi_part_ref_drop(hi_part_ref *ref);
/* Age: where two parts hold the same rows, the one that compares greater has the later writes. That is
   decided by the last commit; the first one of a pooled part may be that of another table. */
int hi_part_ref_compare(const hi_part_ref *a, const hi_part_ref *b);
/* Whether one merge cut both out of one partition: they share no series and count as one run. */
bool hi_part_ref_same_run(const hi_part_ref *a, const hi_part_ref *b);

hist_status hi_generation_new(hi_mem *mem, hi_mem *chunk_mem, uint32_t slab_rows_max,
                              hi_generation **generation_out, hist_error *err);
void hi_generation_drop(hi_generation *generation);

/* How a version differs from the one before it. Nothing is taken over: what is added is referenced. */
typedef struct hi_version_change {
    const uint64_t *remove; /* Ids of parts. */
    uint32_t remove_count;
    hi_part_ref *const *add;
    uint32_t add_count;
    bool set_generations;
    hi_generation *frozen; /* When set_generations; NULL: none. */
    hi_generation *active;
    const hi_tombstone *tombstone;  /* One more, or NULL. */
    uint64_t drop_tombstones_below; /* Tombstones with a smaller seq have done their work. */
} hi_version_change;

/* base NULL: an empty version. */
hist_status hi_version_new(hi_mem *mem, const hi_version *base, const hi_version_change *change,
                           hi_version **version_out, hist_error *err);
static inline hi_version *hi_version_keep(hi_version *version)
{
    atomic_fetch_add_explicit(&version->refs, 1, memory_order_relaxed);
    return version;
}
void hi_version_drop(hi_version *version);

/* A consistent view (scan.h), also used by flush and merge. */
struct hi_snapshot {
    hi_store *store;
    hi_mem *mem;
    hi_version *version;
    hi_arena arena;         /* The views. */
    hi_chunk_view views[2]; /* Frozen, then active; chunks NULL where there is none. */
    uint64_t seq;
};

#endif
