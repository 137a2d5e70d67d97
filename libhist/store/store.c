/* store.c -- opening and closing a store; see store.h for its structure and README.md for its files. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/compact.h"

#define STORE_MEMORY_DEFAULT (UINT64_C(256) << 20)
#define STORE_MEMORY_MIN     HIST_MEMORY_MIN
/* Set aside for a flush at most: the largest row group of numbers takes 6 MiB. */
#define STORE_FLUSH_MAX (UINT64_C(8) << 20)
/* Left to writers at least by merges and queries; more is not kept from these. */
#define STORE_WRITERS_MAX       (UINT64_C(16) << 20)
#define STORE_SEGMENT_DEFAULT   (UINT64_C(16) << 20)
#define STORE_SEGMENT_MIN       (UINT64_C(16) << 10)
#define STORE_PARTITION_DEFAULT INT64_C(86400000000000)
#define STORE_PARTITION_MIN     INT64_C(60000000000)
#define STORE_PARTITION_MAX     (INT64_C(400) * STORE_PARTITION_DEFAULT)
#define STORE_MEMORY_NAME       ":memory:"
#define STORE_THREADS_MAX       2
#define STORE_PART_DEFAULT      (UINT64_C(1) << 30)
#define STORE_PART_MIN          UINT64_C(1024)
/* A read-only open tries again when the writer published meanwhile. */
#define STORE_READER_TRIES 10
/* Files of parts that stay open when nobody reads them: well below the usual 1024 a process may have. */
#define STORE_PARTS_OPEN_MAX 128

/* ---- accessors ---- */

hi_catalog *hi_store_catalog(hi_store *store)
{
    return store->catalog;
}

hi_mem *hi_store_mem(hi_store *store)
{
    return &store->mem;
}

hi_mem *hi_store_work_mem(hi_store *store)
{
    return &store->work_mem;
}

hi_mem *hi_store_cache_mem(hi_store *store)
{
    return &store->cache_mem;
}

hist_vfs *hi_store_vfs(hi_store *store)
{
    return store->vfs;
}

const hi_store_limits *hi_store_get_limits(hi_store *store)
{
    return &store->limits;
}

const hist_open_options *hi_store_options(hi_store *store)
{
    return &store->options;
}

hist_status hi_store_check(hi_store *store, hist_error *err)
{
    if (store->pid != (int64_t)getpid()) {
        return hi_fail(err, HIST_ECLOSED, "%s was opened by process %" PRId64 ", not by this one",
                       store->dir, store->pid);
    }
    return HIST_OK;
}

void hi_store_log(hi_store *store, hist_log_level level, const char *fmt, ...)
{
    char text[HIST_ERROR_MESSAGE_SIZE];
    va_list args;

    if (store->options.log == NULL) {
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    store->options.log(store->options.log_arg, level, text);
}

hi_part_config hi_store_part_config(hi_store *store)
{
    return (hi_part_config){.vfs = store->vfs,
                            .dir = store->dir,
                            .mem = &store->work_mem,
                            .own_mem = &store->mem,
                            .encoder =
                                store->mem.limit < HI_STORE_MEMORY_AMPLE ? &store->part_encoder : NULL,
                            .store = store->store_hash,
                            .group_rows_max = store->options.group_rows_max,
                            .live = store->limits.readonly,
                            .pool = &store->part_pool};
}

hi_version *hi_store_version(hi_store *store)
{
    (void)pthread_mutex_lock(&store->view_lock);
    hi_version *version = hi_version_keep(store->version);
    (void)pthread_mutex_unlock(&store->view_lock);
    return version;
}

hist_status hi_store_change(hi_store *store, const hi_version_change *change, hist_error *err)
{
    hi_version *next = NULL;

    (void)pthread_mutex_lock(&store->view_lock);
    hi_version *old = store->version;
    const hist_status status = hi_version_new(&store->mem, old, change, &next, err);
    if (status == HIST_OK) {
        store->version = next;
    }
    (void)pthread_mutex_unlock(&store->view_lock);
    if (status == HIST_OK) {
        hi_version_drop(old);
    }
    return status;
}

uint64_t hi_store_next_part_id(hi_store *store)
{
    (void)pthread_mutex_lock(&store->publish_lock);
    const uint64_t id = store->manifest.next_part_id++;
    (void)pthread_mutex_unlock(&store->publish_lock);
    return id;
}

uint64_t hi_store_next_catalog_id(hi_store *store)
{
    (void)pthread_mutex_lock(&store->publish_lock);
    const uint64_t id = store->manifest.next_catalog_id++;
    (void)pthread_mutex_unlock(&store->publish_lock);
    return id;
}

/* ---- options ---- */

static hist_status store_check_range(const char *name, uint64_t value, uint64_t low, uint64_t high,
                                     hist_error *err)
{
    if (value < low || value > high) {
        return hi_fail(err, HIST_EINVAL,
                       "option %s is %" PRIu64 "; it must be from %" PRIu64 " to %" PRIu64, name,
                       value, low, high);
    }
    return HIST_OK;
}

static void store_default_u64(uint64_t *value, uint64_t fallback)
{
    if (*value == 0) {
        *value = fallback;
    }
}

static void store_default_u32(uint32_t *value, uint32_t fallback)
{
    if (*value == 0) {
        *value = fallback;
    }
}

static hist_status store_check_options(const hist_open_options *o, hist_error *err)
{
    HI_TRY(store_check_range("memory_bytes_max", o->memory_bytes_max, STORE_MEMORY_MIN,
                             UINT64_MAX / 4, err));
    HI_TRY(store_check_range("wal_segment_bytes", o->wal_segment_bytes, STORE_SEGMENT_MIN,
                             HI_WAL_SEGMENT_BYTES_MAX, err));
    HI_TRY(store_check_range("partition_ns", (uint64_t)o->partition_ns,
                             (uint64_t)STORE_PARTITION_MIN, (uint64_t)STORE_PARTITION_MAX, err));
    HI_TRY(store_check_range("slab_rows_max", o->slab_rows_max, 64, HI_SLAB_ROWS_MAX, err));
    HI_TRY(store_check_range("group_rows_max", o->group_rows_max, 64, 65536, err));
    HI_TRY(store_check_range("part_bytes_max", o->part_bytes_max, STORE_PART_MIN, UINT64_MAX / 4,
                             err));
    HI_TRY(store_check_range("wal_bytes_max", o->wal_bytes_max, o->wal_segment_bytes * 2,
                             UINT64_MAX / 4, err));
    if (o->cold_after_ns < 0 || o->retention_ns < 0 || o->max_age_ns < 0 || o->max_future_ns < 0) {
        return hi_fail(err, HIST_EINVAL,
                       "cold_after_ns, retention_ns, max_age_ns and max_future_ns may not be "
                       "negative; 0 turns them off");
    }
    return HIST_OK;
}

/* Rows of a slab and of a row group that a small budget can afford: 64 Ki from 64 MiB on. */
static uint32_t store_rows_for(uint64_t memory_bytes)
{
    const uint64_t rows = memory_bytes / 1024;

    return rows >= HI_SLAB_ROWS_MAX ? HI_SLAB_ROWS_MAX : rows < 1024 ? 1024 : (uint32_t)rows;
}

static hist_status store_resolve_options(const hist_open_options *given, hist_open_options *o,
                                         hist_error *err)
{
    *o = HIST_OPEN_OPTIONS;
    if (given != NULL) {
        if (given->struct_size < sizeof(size_t) || given->struct_size > 4096) {
            return hi_fail(err, HIST_EINVAL,
                           "hist_open_options.struct_size is %zu: start from "
                           "HIST_OPEN_OPTIONS",
                           given->struct_size);
        }
        memcpy(o, given, given->struct_size < sizeof(*o) ? given->struct_size : sizeof(*o));
        o->struct_size = sizeof(*o);
    }
    store_default_u64(&o->memory_bytes_max, STORE_MEMORY_DEFAULT);
    store_default_u64(&o->query_bytes_max, o->memory_bytes_max / 2);
    store_default_u64(&o->wal_segment_bytes, STORE_SEGMENT_DEFAULT);
    store_default_u64(&o->wal_bytes_max, o->wal_segment_bytes * 4);
    store_default_u64(&o->part_bytes_max, STORE_PART_DEFAULT);
    store_default_u32(&o->sync_interval_ms, 1000);
    store_default_u32(&o->series_max, 100000000);
    store_default_u32(&o->slab_rows_max, store_rows_for(o->memory_bytes_max));
    store_default_u32(&o->group_rows_max, store_rows_for(o->memory_bytes_max));
    if (o->vfs == NULL) {
        o->vfs = hist_vfs_posix();
    }
    if (o->threads < 0 || o->threads > STORE_THREADS_MAX) {
        o->threads = o->threads < 0 ? 0 : STORE_THREADS_MAX;
    }
    hist_open_options check = *o;
    if (check.partition_ns == 0) {
        check.partition_ns = STORE_PARTITION_DEFAULT;
    }
    return store_check_options(&check, err);
}

/* ---- the folder ---- */

typedef struct store_listing {
    bool super;
    bool foreign;
    char foreign_name[64];
} store_listing;

static int store_list_entry(void *arg, const char *name)
{
    store_listing *listing = arg;
    uint64_t id = 0;
    const hi_file_kind kind = hi_name_parse(name, &id);

    listing->super |= kind == HI_FILE_SUPER;
    if (kind == HI_FILE_OTHER) {
        listing->foreign = true;
        (void)snprintf(listing->foreign_name, sizeof(listing->foreign_name), "%s", name);
    }
    return 0;
}

static hist_status store_sync_parent(hi_store *store, hist_error *err)
{
    char parent[HI_PATH_SIZE];
    const char *slash = strrchr(store->dir, '/');

    if (slash == NULL) {
        return store->vfs->sync_dir(store->vfs, ".", err);
    }
    const size_t size = slash == store->dir ? 1 : (size_t)(slash - store->dir);
    memcpy(parent, store->dir, size);
    parent[size] = '\0';
    return store->vfs->sync_dir(store->vfs, parent, err);
}

/* *fresh_out: there is no store here yet and one may be made. */
static hist_status store_look_at_folder(hi_store *store, bool *fresh_out, hist_error *err)
{
    store_listing listing = {0};
    hist_status status = store->vfs->list(store->vfs, store->dir, store_list_entry, &listing, err);
    const bool must_exist =
        (store->options.flags & (HIST_FLAG_MUST_EXIST | HIST_FLAG_READONLY)) != 0;

    *fresh_out = false;
    if (status == HIST_ENOTFOUND && !must_exist) {
        HI_TRY(store->vfs->mkdir(store->vfs, store->dir, err));
        HI_TRY(store_sync_parent(store, err));
        *fresh_out = true;
        return HIST_OK;
    }
    if (status == HIST_ENOTFOUND) {
        return hi_fail(err, HIST_ENOTFOUND, "%s: there is no such folder", store->dir);
    }
    HI_TRY(status);
    if (listing.super) {
        return HIST_OK;
    }
    if (listing.foreign) {
        return hi_fail(err, HIST_ENOTSTORE,
                       "%s is not a store: it has no SUPER file but holds '%s'; give an empty or "
                       "a new folder",
                       store->dir, listing.foreign_name);
    }
    if (must_exist) {
        return hi_fail(err, HIST_ENOTSTORE, "%s is not a store: it has no SUPER file", store->dir);
    }
    *fresh_out = true;
    return HIST_OK;
}

static hist_status store_take_lock(hi_store *store, hist_error *err)
{
    char path[HI_PATH_SIZE];
    hist_vfs *vfs = store->vfs;

    HI_TRY(hi_name_path(store->dir, HI_FILE_LOCK, 0, path, err));
    hist_status status = vfs->open(vfs, path, HIST_OPEN_READ | HIST_OPEN_WRITE | HIST_OPEN_CREATE,
                                   &store->lock_file, err);
    if (status == HIST_EEXIST) {
        status = vfs->open(vfs, path, HIST_OPEN_READ | HIST_OPEN_WRITE, &store->lock_file, err);
    }
    HI_TRY(status);
    status = store->lock_file->ops->lock(store->lock_file, err);
    if (status == HIST_EBUSY) {
        return hi_fail(err, HIST_EBUSY,
                       "%s is open for writing in another process or handle; open it read-only, "
                       "or ask the daemon that holds it",
                       store->dir);
    }
    return status;
}

/* ---- new and existing stores ---- */

enum { STORE_LEFTOVERS_MAX = 64 };

/* Files that a creation which was cut short left behind; without SUPER they mean nothing. */
typedef struct store_leftovers {
    struct {
        hi_file_kind kind;
        uint64_t id;
    } files[STORE_LEFTOVERS_MAX];
    size_t count;
} store_leftovers;

static int store_list_leftover(void *arg, const char *name)
{
    store_leftovers *left = arg;
    uint64_t id = 0;
    const hi_file_kind kind = hi_name_parse(name, &id);

    if (kind == HI_FILE_MANIFEST || kind == HI_FILE_WAL) {
        left->files[left->count].kind = kind;
        left->files[left->count].id = id;
        left->count++;
    }
    return left->count == STORE_LEFTOVERS_MAX;
}

static hist_status store_remove_leftovers(hi_store *store, hist_error *err)
{
    store_leftovers left = {.count = 0};

    HI_TRY(store->vfs->list(store->vfs, store->dir, store_list_leftover, &left, err));
    for (size_t i = 0; i < left.count; i++) {
        HI_TRY(hi_store_unlink(store, left.files[i].kind, left.files[i].id, err));
    }
    return HIST_OK;
}

/* The first segment of the log, so that a log that is missing later on is noticed. */
static hist_status store_create_log(hi_store *store, hist_error *err)
{
    const hi_wal_report nothing = {0};
    hi_wal_config config = {.vfs = store->vfs,
                            .dir = store->dir,
                            .mem = &store->mem,
                            .segment_bytes = store->options.wal_segment_bytes};
    hi_wal *wal = NULL;

    memcpy(config.uuid, store->super.uuid, sizeof(config.uuid));
    HI_TRY(hi_wal_open(&config, &nothing, &wal, err));
    hi_wal_abandon(wal);
    return HIST_OK;
}

static hist_status store_create(hi_store *store, hist_error *err)
{
    const hist_open_options *o = &store->options;
    hi_manifest *manifest = &store->manifest;

    store->super = (hi_super){.generation = 1,
                              .manifest_generation = 1,
                              .clean = true,
                              .wal_segment_bytes = (uint32_t)o->wal_segment_bytes,
                              .created_ns = store->vfs->now_ns(store->vfs)};
    HI_TRY(store->vfs->random(store->vfs, store->super.uuid, sizeof(store->super.uuid), err));
    hi_manifest_init(manifest, &store->mem);
    memcpy(manifest->uuid, store->super.uuid, sizeof(manifest->uuid));
    manifest->generation = 1;
    manifest->partition_ns = o->partition_ns == 0 ? STORE_PARTITION_DEFAULT : o->partition_ns;
    HI_TRY(hi_manifest_set_time_column(manifest,
                                       o->time_column == NULL ? "Timestamp" : o->time_column, err));
    hi_store_see_clock(store);
    HI_TRY(store_remove_leftovers(store, err));
    HI_TRY(hi_manifest_write_new(manifest, store->vfs, store->dir, err));
    HI_TRY(store_create_log(store, err));
    HI_TRY(hi_store_make_reserve(store, err));
    HI_TRY(hi_super_create(store->vfs, store->dir, &store->super, err));
    return hi_super_read(store->vfs, store->dir, true, &store->super, &store->super_state, err);
}

/* Features of the manifest that allow reading only. */
static hist_status store_check_manifest(hi_store *store, hist_error *err)
{
    char path[HI_PATH_SIZE];

    HI_TRY(hi_name_path(store->dir, HI_FILE_MANIFEST, store->manifest.generation, path, err));
    return hi_features_check(&store->manifest.features, path, !store->limits.readonly, err);
}

static hist_status store_load(hi_store *store, hist_error *err)
{
    const bool for_write = !store->limits.readonly;
    hist_error first;

    HI_TRY(
        hi_super_read(store->vfs, store->dir, for_write, &store->super, &store->super_state, err));
    if (store->super_state.fallback) {
        hi_store_log(store, HIST_LOG_WARNING,
                     "one slot of SUPER is damaged; the other one (generation %" PRIu64
                     ") was taken",
                     store->super.generation);
    }
    hist_status status = hi_manifest_load(store->vfs, store->dir, &store->super, &store->mem,
                                          &store->manifest, &first);
    if (status != HIST_OK && store->super_state.other_valid &&
        (status == HIST_ECORRUPT || status == HIST_ENOTFOUND)) {
        hi_store_log(store, HIST_LOG_ERROR, "%s; trying the generation before", first.message);
        const uint64_t burnt = store->super.generation;

        status = hi_manifest_load(store->vfs, store->dir, &store->super_state.other, &store->mem,
                                  &store->manifest, err);
        store->super = store->super_state.other;
        store->super.generation = burnt;
    } else if (status != HIST_OK && err != NULL) {
        *err = first;
    }
    HI_TRY(status);
    HI_TRY(store_check_manifest(store, err));
    hi_eras_add(&store->manifest.eras, store->super.era, hi_era_grace(store->options.retention_ns));
    store->options.wal_segment_bytes = store->super.wal_segment_bytes;
    if (store->options.wal_bytes_max < store->options.wal_segment_bytes * 2) {
        store->options.wal_bytes_max = store->options.wal_segment_bytes * 4;
    }
    if (store->options.partition_ns != 0) {
        store->manifest.partition_ns = store->options.partition_ns;
    }
    return HIST_OK;
}

static hist_status store_make_catalog(hi_store *store, hist_error *err)
{
    const hi_manifest *manifest = &store->manifest;

    return hi_catalog_new(&(hi_catalog_config){.mem = &store->mem,
                                               .scratch = &store->flush_mem,
                                               .vfs = store->vfs,
                                               .dir = store->dir,
                                               .store = store->store_hash,
                                               .time_column = manifest->time_column,
                                               .series_max = store->options.series_max,
                                               .for_write = !store->limits.readonly,
                                               .next = {.database = manifest->next_database_id,
                                                        .table = manifest->next_table_id,
                                                        .column = manifest->next_column_id,
                                                        .series = manifest->next_series_id}},
                          &store->catalog, err);
}

static hist_status store_open_files(hi_store *store, hist_error *err)
{
    bool fresh = false;

    if ((store->options.flags & HIST_FLAG_ANY_FILESYSTEM) == 0 && !store->limits.readonly) {
        const hist_status checked = store->vfs->check_dir(store->vfs, store->dir, err);

        if (checked != HIST_OK && checked != HIST_ENOTFOUND) {
            return checked;
        }
    }
    HI_TRY(store_look_at_folder(store, &fresh, err));
    if (!store->limits.readonly) {
        HI_TRY(store_take_lock(store, err));
    }
    HI_TRY(fresh ? store_create(store, err) : store_load(store, err));
    store->store_hash = hi_super_store(store->super.uuid);
    store->options.partition_ns = store->manifest.partition_ns;
    store->options.time_column = store->manifest.time_column;
    HI_TRY(store_make_catalog(store, err));
    HI_TRY(hi_store_recover(store, err));
    if (!store->limits.readonly) {
        /* From now on the log's end is no proof of a clean close. */
        HI_TRY(hi_store_write_super(store, false, err));
        HI_TRY(hi_store_make_reserve(store, err));
    }
    return HIST_OK;
}

/* ---- life ---- */

static void store_init_locks(hi_store *store)
{
    pthread_mutex_t *locks[] = {&store->flush_lock, &store->merge_lock, &store->publish_lock,
                                &store->log_lock,   &store->queue_lock, &store->view_lock,
                                &store->upkeep_lock};
    pthread_condattr_t attr;

    for (size_t i = 0; i < sizeof(locks) / sizeof(locks[0]); i++) {
        (void)pthread_mutex_init(locks[i], NULL);
    }
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&store->queue_cond, &attr);
    (void)pthread_cond_init(&store->view_cond, &attr);
    (void)pthread_cond_init(&store->upkeep_cond, &attr);
    (void)pthread_condattr_destroy(&attr);
}

static void store_free_locks(hi_store *store)
{
    hi_part_encoder_destroy(&store->part_encoder);
    (void)pthread_cond_destroy(&store->queue_cond);
    (void)pthread_cond_destroy(&store->view_cond);
    (void)pthread_cond_destroy(&store->upkeep_cond);
    (void)pthread_mutex_destroy(&store->flush_lock);
    (void)pthread_mutex_destroy(&store->merge_lock);
    (void)pthread_mutex_destroy(&store->publish_lock);
    (void)pthread_mutex_destroy(&store->log_lock);
    (void)pthread_mutex_destroy(&store->queue_lock);
    (void)pthread_mutex_destroy(&store->view_lock);
    (void)pthread_mutex_destroy(&store->upkeep_lock);
}

static void store_free(hi_store *store)
{
    hi_wal_abandon(store->wal);
    hi_version_drop(store->version);
    hi_part_ref_drop(store->frozen_part);
    compact_free_swap(store, &store->swap);
    while (store->graves != NULL) {
        hi_part_ref *ref = store->graves;

        store->graves = ref->grave_next;
        hi_part_ref_drop(ref);
    }
    hi_catalog_free(store->catalog);
    if (store->manifest.mem != NULL) {
        hi_manifest_free(&store->manifest);
    }
    hi_file_close(store->lock_file);
    store_free_locks(store);
    hi_mem_free(&store->mem, store->dir, store->dir_size);
    hist_vfs *own = store->own_vfs;
    const hist_allocator allocator = store->mem.allocator;
    allocator.free(allocator.arg, store, sizeof(*store));
    hist_vfs_memory_free(own);
}

static hist_status store_set_dir(hi_store *store, const char *path, hist_error *err)
{
    size_t size = strlen(path);

    while (size > 1 && path[size - 1] == '/') {
        size--;
    }
    store->dir_size = size + 1;
    store->dir = hi_mem_alloc(&store->mem, store->dir_size);
    if (store->dir == NULL) {
        return hi_no_memory(err, "opening a store");
    }
    memcpy(store->dir, path, size);
    store->dir[size] = '\0';
    return HIST_OK;
}

/*
 * Who gets what of the budget. Rows in memory and a flush have their shares to themselves, so that a
 * flush can always be made, however busy merges and queries are; and those leave an eighth to writers,
 * so that a commit finds memory for its batch. What the others do not need is theirs.
 */
static void store_split_memory(hi_store *store, const hist_open_options *options)
{
    const uint64_t budget = options->memory_bytes_max;
    const bool ample = budget >= HI_STORE_MEMORY_AMPLE;
    const uint64_t chunks = budget / 16 * (ample ? 6 : 5);
    const uint64_t flush = budget / 16 * 3 < STORE_FLUSH_MAX ? budget / 16 * 3 : STORE_FLUSH_MAX;
    const uint64_t writers = budget / 8 < STORE_WRITERS_MAX ? budget / 8 : STORE_WRITERS_MAX;

    hi_mem_init(&store->mem, options->allocator, NULL, budget);
    hi_mem_init(&store->chunk_mem, options->allocator, &store->mem, budget / 2);
    hi_mem_init(&store->flush_mem, options->allocator, &store->mem, 0);
    hi_mem_init(&store->work_mem, options->allocator, &store->mem,
                budget - chunks - flush - writers);
    hi_mem_init(&store->cache_mem, options->allocator, &store->mem, budget / (ample ? 4 : 16));
    store->chunk_share = chunks;
    /* There is so much, as the budget is larger. An ample one is not locked up: definitions of a million
       new series need what rows do not. */
    (void)hi_mem_reserve(&store->chunk_mem, ample ? budget / 16 : chunks);
    (void)hi_mem_reserve(&store->flush_mem, flush);
}

static hist_status store_new(const char *path, const hist_open_options *options,
                             hi_store **store_out, hist_error *err)
{
    hi_mem probe;

    hi_mem_init(&probe, options->allocator, NULL, 0);
    hi_store *store = probe.allocator.alloc(probe.allocator.arg, sizeof(*store));
    if (store == NULL) {
        return hi_no_memory(err, "opening a store");
    }
    memset(store, 0, sizeof(*store));
    *store_out = store;
    store->options = *options;
    store->pid = (int64_t)getpid();
    store_split_memory(store, options);
    store->part_pool.open_max = STORE_PARTS_OPEN_MAX;
    hi_part_encoder_init(&store->part_encoder, &store->flush_mem);
    store_init_locks(store);
    store->limits = (hi_store_limits){.max_age_ns = options->max_age_ns,
                                      .max_future_ns = options->max_future_ns,
                                      .series_max = options->series_max,
                                      .readonly = (options->flags & HIST_FLAG_READONLY) != 0};
    if (strcmp(path, STORE_MEMORY_NAME) == 0) {
        store->own_vfs = hist_vfs_memory_new();
        if (store->own_vfs == NULL) {
            return hi_no_memory(err, "opening a store");
        }
        store->options.vfs = store->own_vfs;
        store->options.flags &= ~HIST_FLAG_READONLY;
        store->limits.readonly = false;
        path = "memory";
    }
    store->vfs = store->options.vfs;
    return store_set_dir(store, path, err);
}

/* Whether a writer published something since `store` read SUPER. */
static bool store_has_moved_on(hi_store *store)
{
    hi_super super;
    hi_super_state state;

    return hi_super_read(store->vfs, store->dir, false, &super, &state, NULL) == HIST_OK &&
           super.write_no != store->super.write_no;
}

/* One try. *again_out: it failed, but only because a writer replaced files meanwhile. */
static hist_status store_open_once(const char *path, const hist_open_options *resolved,
                                   hi_store **store_out, bool *again_out, hist_error *err)
{
    hi_store *store = NULL;
    hist_status status = store_new(path, resolved, &store, err);

    *again_out = false;
    if (status == HIST_OK) {
        status = store_open_files(store, err);
    }
    if (status == HIST_OK && !store->limits.readonly) {
        status = hi_store_start_threads(store, err);
    }
    if (status == HIST_OK) {
        *store_out = store;
        return HIST_OK;
    }
    if (store != NULL) {
        *again_out = store->limits.readonly && store->dir != NULL && store_has_moved_on(store);
        store_free(store);
    }
    return status;
}

hist_status hi_store_open(const char *path, const hist_open_options *options, hi_store **store_out,
                          hist_error *err)
{
    hist_open_options resolved;
    hist_status status = HIST_OK;
    bool again = true;

    *store_out = NULL;
    if (path == NULL || path[0] == '\0') {
        return hi_fail(err, HIST_EINVAL, "the path of the store is empty");
    }
    HI_TRY(store_resolve_options(options, &resolved, err));
    for (int round = 0; again && round < STORE_READER_TRIES; round++) {
        status = store_open_once(path, &resolved, store_out, &again, err);
    }
    return status;
}

hist_status hi_store_close(hi_store *store, hist_error *err)
{
    hist_status status = HIST_OK;

    if (store == NULL) {
        return HIST_OK;
    }
    if (!store->limits.readonly && store->pid == (int64_t)getpid()) {
        hi_store_stop_threads(store);
        const uint64_t last = hi_wal_last(store->wal);

        status = hi_wal_close(store->wal, err);
        store->wal = NULL;
        if (status == HIST_OK) {
            atomic_store(&store->seq_durable, last);
            hi_store_sweep_graves(store);
            status = hi_store_write_super(store, true, err);
        }
    }
    store_free(store);
    return status;
}
