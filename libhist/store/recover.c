/*
 * recover.c -- open: from the files to a running store; see README.md, "Opening".
 *
 * The log is replayed into chunks and kept; nothing is flushed unless the chunks
 * run out of memory. What no manifest names is removed at the end, when all
 * else went well, so that an open that fails changed nothing.
 */
#include <inttypes.h>
#include <string.h>

#include "store/store.h"
#include "store/walrec.h"

/* No store gets this far. */
#define RECOVER_ID_MAX (UINT64_C(1) << 62)

typedef struct recover_job {
    hi_store *store;
    hi_rows rows;
    hi_arena arena;
    uint64_t row_count;
} recover_job;

static hist_status recover_remove_unnamed(hi_store *store, hist_error *err);

/* ---- replay ---- */

static hist_status recover_damage(uint64_t seq, const char *what, hist_error *err)
{
    return hi_fail(err, HIST_ECORRUPT, "log: commit %" PRIu64 ": %s", seq, what);
}

static bool recover_knows_tombstone(const hi_version *version, uint64_t seq)
{
    for (uint32_t i = 0; i < version->tombstone_count; i++) {
        if (version->tombstones[i].seq == seq) {
            return true;
        }
    }
    return false;
}

static hist_status recover_delete(recover_job *job, const hi_walrec *record, uint64_t seq,
                                  hist_error *err)
{
    hi_store *store = job->store;
    hi_tombstone tombstone;
    const hist_status status = hi_walrec_decode_delete(record, seq, &job->arena, &tombstone);

    if (status != HIST_OK) {
        return status == HIST_ECORRUPT ? recover_damage(seq, "a delete cannot be read", err)
                                       : hi_no_memory(err, "replaying the log");
    }
    hi_chunks_seal(store->active->chunks, 0);
    hi_version *version = hi_store_version(store);
    const bool known = recover_knows_tombstone(version, seq);
    hi_version_drop(version);
    if (known) {
        return HIST_OK;
    }
    return hi_store_change(store, &(hi_version_change){.tombstone = &tombstone}, err);
}

static hist_status recover_record(recover_job *job, const hi_walrec *record, uint64_t seq,
                                  hist_error *err)
{
    hi_catalog *catalog = job->store->catalog;
    hist_status status = HIST_OK;

    if (hi_walrec_is_definition(record)) {
        status = hi_catalog_apply_record(catalog, record, err);
        return status == HIST_ECORRUPT
                   ? recover_damage(seq, "a definition contradicts the catalog", err)
                   : status;
    }
    if (record->type == HI_WALREC_DELETE) {
        return recover_delete(job, record, seq, err);
    }
    if (record->type != HI_WALREC_ROWS) {
        return hi_fail(err, HIST_EVERSION,
                       "log: commit %" PRIu64 ": record type %u is not known to this version", seq,
                       record->type);
    }
    status = hi_walrec_decode_rows(record, &job->rows);
    return status == HIST_ECORRUPT ? recover_damage(seq, "rows cannot be read", err)
           : status == HIST_OK     ? HIST_OK
                                   : hi_no_memory(err, "replaying the log");
}

/* The budget is smaller than it was when the log was written: what was replayed so far becomes a part.
   Files nobody names may have the ids that come next, so those are looked at first. */
static hist_status recover_make_room(hi_store *store, hist_error *err)
{
    HI_TRY(recover_remove_unnamed(store, err));
    return hi_store_flush(store, err);
}

/* Applies the rows of one commit. */
static hist_status recover_apply_rows(recover_job *job, uint64_t seq, hist_error *err)
{
    hi_store *store = job->store;

    if (job->rows.rows == 0) {
        return HIST_OK;
    }
    const bool may_flush = store->wal == NULL && !store->limits.readonly;
    if (may_flush && hi_store_chunks_full(store)) {
        HI_TRY(recover_make_room(store, err)); /* Before there is no memory left for that either. */
    }
    hist_status status = hi_chunks_append(store->active->chunks, &job->rows, seq, err);
    if (may_flush && status == HIST_ENOMEM) {
        HI_TRY(recover_make_room(store, err));
        status = hi_chunks_append(store->active->chunks, &job->rows, seq, err);
    }
    job->row_count += job->rows.rows;
    hi_rows_clear(&job->rows);
    if (status == HIST_ENOMEM) {
        hi_error_context(err, "the log of %s needs more memory than memory_bytes_max allows",
                         store->dir);
    }
    return status;
}

static hist_status recover_visit(void *arg, uint64_t seq, const void *payload, size_t size,
                                 hist_error *err)
{
    recover_job *job = arg;
    hi_reader reader = hi_reader_of(payload, size);
    hi_walrec record;

    hi_rows_clear(&job->rows);
    while (hi_walrec_next(&reader, &record)) {
        HI_TRY(recover_record(job, &record, seq, err));
    }
    if (reader.failed) {
        return recover_damage(seq, "its records end too early", err);
    }
    HI_TRY(recover_apply_rows(job, seq, err));
    job->store->applied_seq = seq;
    return HIST_OK;
}

static void recover_report(hi_store *store, const hi_wal_report *report, uint64_t rows)
{
    atomic_store(&store->recovered_rows, rows);
    atomic_store(&store->recovered_dropped, report->dropped_bytes);
    if (report->torn) {
        hi_store_log(store, HIST_LOG_WARNING,
                     "the log had a torn end: %" PRIu64 " bytes in %" PRIu64
                     " frames at WAL-%" PRIu64 " offset %" PRIu64
                     " were dropped; none of it was acknowledged as durable",
                     report->dropped_bytes, report->dropped_frames, report->torn_segment,
                     report->torn_offset);
    }
    if (report->batches > 0 && !report->closed) {
        hi_store_log(store, HIST_LOG_INFO,
                     "not closed in order; %" PRIu64 " rows in %" PRIu64
                     " commits were recovered from the log",
                     rows, report->batches);
    }
}

static hi_wal_config recover_wal_config(hi_store *store)
{
    hi_wal_config config = {.vfs = store->vfs,
                            .dir = store->dir,
                            .mem = &store->mem,
                            .segment_bytes = store->options.wal_segment_bytes,
                            .buffer_bytes = store->mem.limit / 16,
                            .for_write = !store->limits.readonly,
                            .log = store->options.log,
                            .log_arg = store->options.log_arg};

    memcpy(config.uuid, store->super.uuid, sizeof(config.uuid));
    return config;
}

static hist_status recover_replay(hi_store *store, const hi_wal_config *config,
                                  hi_wal_report *report, hist_error *err)
{
    const hi_wal_from from = {.floor_segment = store->manifest.wal_floor_segment,
                              .floor_seq = store->manifest.wal_floor_seq,
                              .super_durable = store->super.durable_seq,
                              .live = store->limits.readonly};
    recover_job job = {.store = store};

    hi_rows_init(&job.rows, &store->mem);
    hi_arena_init(&job.arena, &store->mem);
    store->applied_seq = store->manifest.wal_floor_seq;
    const hist_status status = hi_wal_replay(config, &from, recover_visit, &job, report, err);
    hi_rows_free(&job.rows);
    hi_arena_free(&job.arena);
    HI_TRY(status);
    recover_report(store, report, job.row_count);
    hi_chunks_publish(store->active->chunks);
    if (store->applied_seq < report->last_seq) {
        store->applied_seq = report->last_seq;
    }
    store->visible_seq = report->last_seq;
    atomic_store(&store->seq_written, report->last_seq);
    atomic_store(&store->seq_durable, report->last_seq);
    return HIST_OK;
}

hist_status hi_store_catch_up(hi_store *store, hist_error *err)
{
    const hi_wal_config config = recover_wal_config(store);
    recover_job job = {.store = store};
    hi_wal_report report = {0};

    HI_TRY(hi_wal_heal(store->wal, err)); /* Else part of it may be in the log's memory only. */
    const hi_wal_from from = {.floor_segment = hi_wal_floor(store->wal, store->applied_seq),
                              .floor_seq = store->applied_seq};
    hi_rows_init(&job.rows, &store->mem);
    hi_arena_init(&job.arena, &store->mem);
    const hist_status status = hi_wal_replay(&config, &from, recover_visit, &job, &report, err);
    hi_rows_free(&job.rows);
    hi_arena_free(&job.arena);
    atomic_fetch_add_explicit(&store->rows_written, job.row_count, memory_order_relaxed);
    HI_TRY(status);
    if (report.last_seq != hi_wal_last(store->wal)) {
        return hi_fail(err, HIST_EINTERNAL, "the log ends at commit %" PRIu64 ", not at %" PRIu64,
                       report.last_seq, hi_wal_last(store->wal));
    }
    return HIST_OK;
}

/* ---- files nobody names ---- */

typedef struct recover_sweep {
    hi_store *store;
    hi_arena *arena;
    const char **names;
    size_t count;
    size_t room;
} recover_sweep;

static bool recover_is_obsolete(const hi_manifest *manifest, hi_file_kind kind, uint64_t id)
{
    for (size_t i = 0; i < manifest->obsolete_count; i++) {
        if (manifest->obsolete[i].kind == kind && manifest->obsolete[i].id == id) {
            return true;
        }
    }
    return false;
}

/* Whether a reopen that falls back to the other slot of SUPER, or we, may still need the file. */
static bool recover_is_needed(const hi_store *store, hi_file_kind kind, uint64_t id)
{
    const hi_manifest *manifest = &store->manifest;

    if (recover_is_obsolete(manifest, kind, id)) {
        return true;
    }
    switch (kind) {
    case HI_FILE_TEMP:
        return false;
    case HI_FILE_MANIFEST:
        return id == manifest->generation || id == manifest->previous_generation;
    case HI_FILE_PART:
        return hi_manifest_find_part(manifest, id) != NULL;
    case HI_FILE_CATALOG:
        for (size_t i = 0; i < manifest->catalog_count; i++) {
            if (manifest->catalogs[i].id == id) {
                return true;
            }
        }
        return false;
    case HI_FILE_OTHER:
    case HI_FILE_LOCK:
    case HI_FILE_SUPER:
    case HI_FILE_RESERVE:
    case HI_FILE_WAL: /* hi_wal_remove_below() does those. */
    default:
        return true;
    }
}

/* An id of an attempt that failed is not given out again while its file, whole or not, is there. */
static void recover_burn_id(hi_manifest *manifest, hi_file_kind kind, const char *name, uint64_t id)
{
    const size_t size = strlen(name);
    const size_t suffix = sizeof(HI_TEMP_SUFFIX) - 1;
    char whole[HI_NAME_SIZE];

    if (kind == HI_FILE_TEMP && size - suffix < sizeof(whole)) {
        memcpy(whole, name, size - suffix);
        whole[size - suffix] = '\0';
        kind = hi_name_parse(whole, &id);
    }
    if (id >= RECOVER_ID_MAX) {
        return; /* None of ours. */
    }
    if (kind == HI_FILE_PART && id >= manifest->next_part_id) {
        manifest->next_part_id = id + 1;
    }
    if (kind == HI_FILE_CATALOG && id >= manifest->next_catalog_id) {
        manifest->next_catalog_id = id + 1;
    }
}

static int recover_sweep_entry(void *arg, const char *name)
{
    recover_sweep *sweep = arg;
    uint64_t id = 0;
    const hi_file_kind kind = hi_name_parse(name, &id);

    recover_burn_id(&sweep->store->manifest, kind, name, id);
    if (recover_is_needed(sweep->store, kind, id)) {
        return 0;
    }
    if (sweep->count == sweep->room) {
        const size_t room = sweep->room == 0 ? 64 : sweep->room * 2;
        const char **names = HI_NEW_ARRAY(sweep->arena, const char *, room);

        if (names == NULL) {
            return 1; /* The next open tries again. */
        }
        for (size_t i = 0; i < sweep->count; i++) {
            names[i] = sweep->names[i];
        }
        sweep->names = names;
        sweep->room = room;
    }
    sweep->names[sweep->count] = hi_arena_strdup(sweep->arena, name, strlen(name));
    sweep->count += sweep->names[sweep->count] != NULL ? 1 : 0;
    return 0;
}

static hist_status recover_remove_unnamed(hi_store *store, hist_error *err)
{
    hi_arena arena;
    char path[HI_PATH_SIZE];

    hi_arena_init(&arena, &store->mem);
    recover_sweep sweep = {.store = store, .arena = &arena};
    hist_status status = store->vfs->list(store->vfs, store->dir, recover_sweep_entry, &sweep, err);
    for (size_t i = 0; i < sweep.count && status == HIST_OK; i++) {
        status = hi_path_join(path, store->dir, sweep.names[i], err);
        if (status == HIST_OK) {
            status = store->vfs->unlink(store->vfs, path, err);
        }
        status = status == HIST_ENOTFOUND ? HIST_OK : status;
    }
    hi_arena_free(&arena);
    return status;
}

/* ---- the whole ---- */

static hist_status recover_open_catalogs(hi_store *store, hist_error *err)
{
    const hi_manifest *manifest = &store->manifest;

    for (size_t i = 0; i < manifest->catalog_count; i++) {
        const hi_catalog_file file = {.id = manifest->catalogs[i].id,
                                      .size_bytes = manifest->catalogs[i].file_size,
                                      .head_hash = manifest->catalogs[i].sum};

        HI_TRY(hi_catalog_open_file(store->catalog, &file, err));
    }
    return HIST_OK;
}

/* The first version: the manifest's parts and tombstones, no rows. */
static hist_status recover_first_version(hi_store *store, hist_error *err)
{
    const hi_part_config config = hi_store_part_config(store);
    const hi_manifest *manifest = &store->manifest;
    hi_generation *active = NULL;

    HI_TRY(hi_generation_new(&store->mem, &store->chunk_mem, store->options.slab_rows_max, &active,
                             err));
    hist_status status = hi_store_change(
        store, &(hi_version_change){.set_generations = true, .active = active}, err);
    store->active = active;
    hi_generation_drop(active);
    HI_TRY(status);
    const size_t parts = manifest->part_count;
    hi_part_ref **refs = hi_mem_calloc(&store->mem, parts, sizeof(hi_part_ref *));
    status = refs == NULL ? hi_no_memory(err, "list of parts") : HIST_OK;
    for (size_t i = 0; i < parts && status == HIST_OK; i++) {
        status = hi_part_ref_new(&store->mem, &config, &manifest->parts[i], &refs[i], err);
    }
    if (status == HIST_OK) {
        status = hi_store_change(
            store, &(hi_version_change){.add = refs, .add_count = (uint32_t)parts}, err);
    }
    for (size_t i = 0; refs != NULL && i < parts; i++) {
        hi_part_ref_drop(refs[i]);
    }
    hi_mem_free(&store->mem, refs, parts * sizeof(hi_part_ref *));
    for (size_t i = 0; i < manifest->tombstone_count && status == HIST_OK; i++) {
        const hi_tombstone_entry *t = &manifest->tombstones[i];
        const hi_tombstone tombstone = {.seq = t->seq,
                                        .table = t->table,
                                        .series = t->all_series ? NULL : t->series,
                                        .series_count = (uint32_t)t->series_count,
                                        .from_ns = t->from_ns,
                                        .to_ns = t->to_ns == INT64_MAX ? INT64_MAX : t->to_ns + 1};

        status = hi_store_change(store, &(hi_version_change){.tombstone = &tombstone}, err);
    }
    return status;
}

hist_status hi_store_recover(hi_store *store, hist_error *err)
{
    hi_wal_report report = {0};
    const hi_wal_config config = recover_wal_config(store);

    HI_TRY(recover_open_catalogs(store, err));
    HI_TRY(recover_first_version(store, err));
    HI_TRY(recover_replay(store, &config, &report, err));
    if (store->limits.readonly) {
        atomic_store(&store->wal_size, report.file_bytes);
        return HIST_OK;
    }
    HI_TRY(hi_wal_open(&config, &report, &store->wal, err));
    atomic_store(&store->wal_size, hi_wal_bytes(store->wal));
    atomic_store(&store->wal_since_flush, report.bytes);
    return recover_remove_unnamed(store, err);
}
