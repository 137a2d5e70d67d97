/*
 * publish.c -- how the store moves from one generation to the next; see README.md for the order.
 *
 *   1 new parts and catalog files are written, synced, renamed, folder synced   (the caller did)
 *   2 MANIFEST-<gen+1> likewise
 *   3 SUPER's other slot names it, SUPER synced: from here a reopen sees the new generation
 *   4 files that the generation before the last named, and nobody needs, are unlinked
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/timefmt.h"
#include "store/store.h"

enum { RESERVE_SEGMENTS = 2 };

/* Free space below which writes are refused: the larger of 64 MiB and 5 %, but never more than
   1 GiB, so that a large disk is not wasted. */
#define PUBLISH_FREE_FLOOR   (UINT64_C(64) << 20)
#define PUBLISH_FREE_CEILING (UINT64_C(1) << 30)

hist_status hi_store_unlink(hi_store *store, hi_file_kind kind, uint64_t id, hist_error *err)
{
    char path[HI_PATH_SIZE];

    HI_TRY(hi_name_path(store->dir, kind, id, path, err));
    const hist_status status = store->vfs->unlink(store->vfs, path, err);
    return status == HIST_ENOTFOUND ? HIST_OK : status;
}

void hi_store_see_clock(hi_store *store)
{
    const int64_t grace = hi_era_grace(store->options.retention_ns);
    const int64_t now = store->vfs->now_ns(store->vfs);
    const uint32_t eras = store->manifest.eras.count;
    const int64_t before = store->super.era.to_ns;
    const hist_log_level level = store->era_watch.begun ? HIST_LOG_WARNING : HIST_LOG_INFO;
    char from[HI_TIME_SIZE];
    char to[HI_TIME_SIZE];

    store->super.era = hi_eras_see(&store->manifest.eras, &store->era_watch, now,
                                   store->vfs->monotonic_ns(store->vfs), grace);
    if (store->options.retention_ns > 0 && eras > 0 && store->manifest.eras.count > eras) {
        const int from_size = (int)hi_time_print(from, before, 0);
        const int to_size = (int)hi_time_print(to, now, 0);

        hi_store_log(store, level,
                     "the clock went from %.*s to %.*s without the store; retention counts that "
                     "as %" PRId64 " s at most",
                     from_size, from, to_size, to, grace / HI_NS_PER_S);
    }
}

void hi_store_remove(hi_store *store, hi_file_kind kind, uint64_t id)
{
    hist_error err;

    if (hi_store_unlink(store, kind, id, &err) != HIST_OK) {
        hi_store_log(store, HIST_LOG_WARNING, "cannot remove an obsolete file: %s", err.message);
    }
}

void hi_store_bury(hi_store *store, hi_part_ref *ref)
{
    atomic_fetch_add_explicit(&ref->refs, 1, memory_order_relaxed);
    ref->grave_next = store->graves;
    store->graves = ref;
}

void hi_store_sweep_graves(hi_store *store)
{
    hi_part_ref **link = &store->graves;

    while (*link != NULL) {
        hi_part_ref *ref = *link;

        /* Only this list holds it: no version names it, so nobody can come to hold it again. */
        if (ref->grave_due && atomic_load_explicit(&ref->refs, memory_order_acquire) == 1) {
            hi_store_remove(store, HI_FILE_PART, ref->id);
            *link = ref->grave_next;
            hi_part_ref_drop(ref);
        } else {
            link = &ref->grave_next;
        }
    }
}

static bool publish_part_is_buried(hi_store *store, uint64_t id)
{
    for (hi_part_ref *ref = store->graves; ref != NULL; ref = ref->grave_next) {
        if (ref->id == id) {
            ref->grave_due = true;
            return true;
        }
    }
    return false;
}

/* `old` is the manifest before the one just published: what it called obsolete has had its grace. */
static void publish_remove_obsolete(hi_store *store, const hi_manifest *old)
{
    for (size_t i = 0; i < old->obsolete_count; i++) {
        const hi_file_ref *file = &old->obsolete[i];

        if (file->kind == HI_FILE_PART && publish_part_is_buried(store, file->id)) {
            continue;
        }
        hi_store_remove(store, file->kind, file->id);
    }
    hi_store_sweep_graves(store);
}

/* One try: the manifest, then SUPER. */
static hist_status publish_write(hi_store *store, hi_manifest *next, hi_super *super,
                                 hist_error *err)
{
    char path[HI_PATH_SIZE];
    hist_error ignored;

    /* A manifest of this generation may be left of a publish that failed before SUPER. */
    HI_TRY(hi_name_path(store->dir, HI_FILE_MANIFEST, next->generation, path, err));
    (void)store->vfs->unlink(store->vfs, path, &ignored);
    HI_TRY(hi_manifest_write_new(next, store->vfs, store->dir, err));
    store->publish_in_doubt = true;
    super->generation = next->generation;
    super->manifest_generation = next->generation;
    super->clean = false;
    super->durable_seq = store->wal == NULL ? super->durable_seq : atomic_load(&store->seq_durable);
    if (super->durable_seq < next->wal_floor_seq) {
        super->durable_seq = next->wal_floor_seq; /* Parts are on stable storage. */
    }
    return hi_super_write(store->vfs, store->dir, super, &store->super_state, err);
}

hist_status hi_store_publish(hi_store *store, hi_manifest *next, hist_error *err)
{
    HI_TRY(hi_part_pool_check(&store->part_pool, err));
    hi_store_see_clock(store);
    hi_super super = store->super;

    next->eras = store->manifest.eras;
    next->previous_generation = store->manifest.generation;
    next->generation = store->super.generation + 1;
    store->publish_in_doubt = false;
    HI_TRY(hi_manifest_check(next, err)); /* The next open would refuse it. */
    if (store->manifest.generation != 0) {
        HI_TRY(hi_manifest_add_obsolete(next, HI_FILE_MANIFEST, store->manifest.generation, err));
    }
    hist_status status = publish_write(store, next, &super, err);
    if (status == HIST_ENOSPC) {
        hi_store_drop_reserve(store);
        super = store->super;
        status = publish_write(store, next, &super, err);
    }
    if (status != HIST_OK) {
        /* If SUPER reached the disk although its sync failed, a reopen may see this generation;
           its number must not be used for another list of files. */
        store->super.generation = next->generation;
        return status;
    }
    store->publish_in_doubt = false;
    hi_manifest old = store->manifest;
    store->manifest = *next;
    store->super = super;
    publish_remove_obsolete(store, &old);
    hi_manifest_free(&old);
    return HIST_OK;
}

hist_status hi_store_write_super(hi_store *store, bool clean, hist_error *err)
{
    hi_store_see_clock(store);
    hi_super super = store->super;

    super.durable_seq = atomic_load(&store->seq_durable);
    super.clean = clean;
    HI_TRY(hi_super_write(store->vfs, store->dir, &super, &store->super_state, err));
    store->super = super;
    return HIST_OK;
}

hist_status hi_store_check_space(hi_store *store, hist_error *err)
{
    hist_disk_space space;

    HI_TRY(store->vfs->space(store->vfs, store->dir, &space, err));
    uint64_t floor = space.total_bytes / 20;
    if (floor < PUBLISH_FREE_FLOOR) {
        floor = PUBLISH_FREE_FLOOR;
    }
    if (floor > PUBLISH_FREE_CEILING) {
        floor = PUBLISH_FREE_CEILING;
    }
    /* A disk that is itself small cannot keep 64 MiB free. */
    if (floor > space.total_bytes / 4) {
        floor = space.total_bytes / 4;
    }
    if (space.free_bytes < floor) {
        return hi_fail(err, HIST_ENOSPC,
                       "%s: %" PRIu64 " bytes are free on the disk, %" PRIu64
                       " are kept free; writing resumes by itself when there is room",
                       store->dir, space.free_bytes, floor);
    }
    return HIST_OK;
}

hist_status hi_store_make_reserve(hi_store *store, hist_error *err)
{
    char path[HI_PATH_SIZE];
    hist_file *file = NULL;

    HI_TRY(hi_name_path(store->dir, HI_FILE_RESERVE, 0, path, err));
    const hist_status opened = store->vfs->open(
        store->vfs, path, HIST_OPEN_READ | HIST_OPEN_WRITE | HIST_OPEN_CREATE, &file, err);
    if (opened == HIST_EEXIST) {
        return HIST_OK;
    }
    HI_TRY(opened);
    const hist_status status =
        file->ops->allocate(file, store->options.wal_segment_bytes * RESERVE_SEGMENTS, err);
    hi_file_close(file);
    return status;
}

void hi_store_drop_reserve(hi_store *store)
{
    hist_error err;

    if (hi_store_unlink(store, HI_FILE_RESERVE, 0, &err) == HIST_OK) {
        hi_store_log(store, HIST_LOG_WARNING,
                     "the disk is full: the reserve was released to publish a manifest");
    }
}
