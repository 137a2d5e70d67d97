/* verify.c -- every byte of a store read and checked, and its figures counted. */
#include <inttypes.h>

#include "store/store.h"

typedef struct verify_job {
    hist_verify_fn fn;
    void *arg;
    uint64_t problems;
} verify_job;

static void verify_hear(void *arg, const char *file, int64_t offset, const char *problem)
{
    verify_job *job = arg;

    job->problems++;
    if (job->fn != NULL) {
        job->fn(job->arg, file, offset, problem);
    }
}

/* A step that failed without telling about its problems is one problem. */
static void verify_note(verify_job *job, hist_status status, const char *what,
                        const hist_error *err, uint64_t problems_before)
{
    if (status != HIST_OK && job->problems == problems_before) {
        verify_hear(job, what, err->offset, err->message);
    }
}

static void verify_super(hi_store *store, verify_job *job)
{
    hi_super super;
    hi_super_state state = {0};
    hist_error err = {0};
    const hist_status status = hi_super_read(store->vfs, store->dir, false, &super, &state, &err);

    verify_note(job, status, "SUPER", &err, job->problems);
    if (status == HIST_OK && state.fallback) {
        verify_hear(job, "SUPER", (int64_t)(1 - state.slot) * HI_SUPER_SLOT_DISTANCE,
                    "this slot is damaged; the other one is in use");
    }
    if (status == HIST_OK) {
        hi_manifest manifest;
        const uint64_t before = job->problems;
        const hist_status loaded =
            hi_manifest_load(store->vfs, store->dir, &super, &store->mem, &manifest, &err);

        verify_note(job, loaded, "MANIFEST", &err, before);
        if (loaded == HIST_OK) {
            hi_manifest_free(&manifest);
        }
    }
}

static void verify_parts(hi_store *store, verify_job *job)
{
    hi_version *version = hi_store_version(store);

    for (uint32_t i = 0; i < version->part_count; i++) {
        char name[HI_NAME_SIZE];
        hist_error err = {0};
        const uint64_t before = job->problems;

        hi_name_format(HI_FILE_PART, version->parts[i]->id, name);
        const hi_part_ref *part = version->parts[i];
        hist_status status = hi_part_verify(part->part, verify_hear, job, &err);

        if (status == HIST_OK) {
            status = hi_part_check_series(part->part, part->first_series, part->last_series, &err);
        }
        verify_note(job, status, name, &err, before);
    }
    hi_version_drop(version);
}

/* The log on disk, as a reader sees it while the writer goes on. */
static void verify_log(hi_store *store, verify_job *job)
{
    hi_wal_report report;
    hist_error err = {0};
    hi_wal_config config = {.vfs = store->vfs,
                            .dir = store->dir,
                            .mem = &store->mem,
                            .segment_bytes = store->options.wal_segment_bytes};

    (void)pthread_mutex_lock(&store->publish_lock);
    const hi_wal_from from = {.floor_segment = store->manifest.wal_floor_segment,
                              .floor_seq = store->manifest.wal_floor_seq,
                              .super_durable = store->super.durable_seq,
                              .live = true};
    memcpy(config.uuid, store->super.uuid, sizeof(config.uuid));
    const hist_status status = hi_wal_replay(&config, &from, NULL, NULL, &report, &err);
    (void)pthread_mutex_unlock(&store->publish_lock);
    verify_note(job, status, "WAL", &err, job->problems);
}

/* Bytes in use; what is only set aside does not count. */
static uint64_t verify_memory(const hi_store *store)
{
    const hi_mem *const shares[] = {&store->chunk_mem, &store->flush_mem};
    uint64_t bytes = atomic_load(&store->mem.used);

    for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
        const uint64_t used = atomic_load(&shares[i]->used);

        bytes -= used < shares[i]->reserved ? shares[i]->reserved - used : 0;
    }
    return bytes;
}

hist_status hi_store_verify(hi_store *store, hist_verify_fn fn, void *arg, hist_error *err)
{
    verify_job job = {.fn = fn, .arg = arg};
    hist_error own = {0};

    verify_super(store, &job);
    const uint64_t before = job.problems;
    verify_note(&job, hi_catalog_verify(store->catalog, verify_hear, &job, &own), "CAT", &own,
                before);
    verify_parts(store, &job);
    verify_log(store, &job);
    if (job.problems > 0) {
        return hi_fail(err, HIST_ECORRUPT, "%s: %" PRIu64 " problems were found", store->dir,
                       job.problems);
    }
    return HIST_OK;
}

/* ---- figures ---- */

/* Newest instant among the rows of a generation. Caller holds view_lock. */
static int64_t verify_newest(hi_store *store, const hi_generation *generation)
{
    hi_arena arena;
    hi_chunk_view view;
    int64_t newest = HIST_TIME_MIN;

    hi_arena_init(&arena, &store->mem);
    if (hi_chunks_view(generation->chunks, &arena, &view) == HIST_OK) {
        for (uint32_t i = 0; i < view.table_count; i++) {
            if (view.tables[i].rows > 0 && view.tables[i].last_ns > newest) {
                newest = view.tables[i].last_ns;
            }
        }
    }
    hi_arena_free(&arena);
    return newest;
}

void hi_store_get_stats(hi_store *store, hist_stats *s)
{
    const hi_catalog_figures figures = hi_catalog_get_figures(store->catalog);

    *s = (hist_stats){.rows_written = atomic_load(&store->rows_written),
                      .commits = atomic_load(&store->commits),
                      .seq_written = atomic_load(&store->seq_written),
                      .seq_durable = atomic_load(&store->seq_durable),
                      .wal_bytes = atomic_load(&store->wal_size),
                      .catalog_bytes = figures.file_bytes,
                      .series = figures.series,
                      .tables = figures.tables,
                      .memory_bytes = verify_memory(store),
                      .memory_bytes_max = store->mem.limit,
                      .flushes = atomic_load(&store->flushes),
                      .merges = atomic_load(&store->merges),
                      .recovered_rows = atomic_load(&store->recovered_rows),
                      .recovered_dropped_bytes = atomic_load(&store->recovered_dropped),
                      .newest_ns = HIST_TIME_MIN};
    (void)pthread_mutex_lock(&store->view_lock);
    const hi_version *version = store->version;
    s->parts = version->part_count;
    for (uint32_t i = 0; i < version->part_count; i++) {
        s->part_bytes += version->parts[i]->size_bytes;
        for (uint32_t r = 0; r < version->parts[i]->range_count; r++) {
            const int64_t last = version->parts[i]->ranges[r].time_max;

            s->newest_ns = last > s->newest_ns ? last : s->newest_ns;
        }
    }
    const hi_generation *const generations[] = {version->frozen, version->active};
    for (int i = 0; i < 2; i++) {
        if (generations[i] != NULL) {
            const int64_t last = verify_newest(store, generations[i]);

            s->chunk_rows += hi_chunks_rows(generations[i]->chunks);
            s->newest_ns = last > s->newest_ns ? last : s->newest_ns;
        }
    }
    (void)pthread_mutex_unlock(&store->view_lock);
}
