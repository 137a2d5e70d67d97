/*
 * flush.c -- what is in memory becomes a part.
 *
 *   freeze     active chunks -> frozen, a new active generation (log_lock, for a moment)
 *   write      catalog file, then one part with all tables and partitions
 *   publish    manifest with the new floor of the log, SUPER (publish_lock)
 *   swap       version without frozen, with the part (view_lock)
 *
 * If it fails, the frozen generation stays readable and is what the next flush
 * begins with. Caller order of locks: see store.h.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

typedef struct flush_job {
    hi_store *store;
    hi_version *version;   /* Holds frozen and the tombstones. */
    hi_generation *frozen; /* The version's. */
    uint64_t seq;          /* Everything up to here is covered. */
    hi_part_writer *writer;
    uint64_t part_id;
    hi_part_summary summary;
    hi_checkpoint checkpoint;
    bool checkpointed;
} flush_job;

/* ---- freeze ---- */

static hist_status flush_freeze_locked(hi_store *store, uint64_t floor_seq, bool *empty_out,
                                       hist_error *err)
{
    hi_generation *fresh = NULL;

    *empty_out = store->applied_seq <= floor_seq;
    if (*empty_out) {
        return HIST_OK;
    }
    HI_TRY(hi_generation_new(&store->mem, &store->chunk_mem, store->options.slab_rows_max, &fresh,
                             err));
    /* A commit that runs out of memory halfway through a group flushes what it applied. */
    (void)pthread_mutex_lock(&store->view_lock);
    hi_chunks_publish(store->active->chunks);
    (void)pthread_mutex_unlock(&store->view_lock);
    const hist_status status = hi_store_change(
        store,
        &(hi_version_change){.set_generations = true, .frozen = store->active, .active = fresh},
        err);
    if (status == HIST_OK) {
        store->frozen = store->active;
        store->active = fresh;
        store->frozen_seq = store->applied_seq;
        atomic_store_explicit(&store->wal_since_flush, 0, memory_order_relaxed);
        (void)pthread_mutex_lock(&store->view_lock);
        hi_chunks_close(store->frozen->chunks);
        (void)pthread_mutex_unlock(&store->view_lock);
    }
    hi_generation_drop(fresh);
    return status;
}

static hist_status flush_freeze(hi_store *store, bool *empty_out, hist_error *err)
{
    *empty_out = false;
    if (store->frozen != NULL) {
        return HIST_OK; /* Of a flush that failed. */
    }
    (void)pthread_mutex_lock(&store->publish_lock); /* A merge may be replacing the manifest. */
    const uint64_t floor_seq = store->manifest.wal_floor_seq;
    (void)pthread_mutex_unlock(&store->publish_lock);
    (void)pthread_mutex_lock(&store->log_lock);
    const hist_status status = flush_freeze_locked(store, floor_seq, empty_out, err);
    (void)pthread_mutex_unlock(&store->log_lock);
    return status;
}

/* ---- write ---- */

hist_status hi_store_fields(hi_store *store, uint32_t table, hi_arena *arena,
                            const hi_part_column **columns_out, uint32_t *count_out,
                            hist_error *err)
{
    hi_table_def def;
    const char *name = hi_catalog_table_name(store->catalog, table);
    const uint32_t database = hi_catalog_table_database(store->catalog, table);
    uint32_t count = 0;

    if (hi_catalog_table(store->catalog, database, (hist_str){name, strlen(name)}, arena, &def) !=
        HIST_OK) {
        return hi_fail(err, HIST_EINTERNAL, "table %u is not in the catalog", table);
    }
    hi_part_column *columns = HI_NEW_ARRAY(arena, hi_part_column, def.column_count);
    if (columns == NULL) {
        return hi_no_memory(err, "columns of a table");
    }
    for (uint32_t i = 0; i < def.column_count; i++) {
        if (def.columns[i].kind == HIST_COLUMN_FIELD) {
            columns[count++] =
                (hi_part_column){.id = def.columns[i].id, .type = def.columns[i].type};
        }
    }
    *columns_out = columns;
    *count_out = count;
    return HIST_OK;
}

static int flush_compare_frags(const void *a, const void *b)
{
    const hi_frag *x = *(hi_frag *const *)a;
    const hi_frag *y = *(hi_frag *const *)b;

    if (x->partition_ns != y->partition_ns) {
        return x->partition_ns < y->partition_ns ? -1 : 1;
    }
    if (x->width_ns != y->width_ns) {
        return x->width_ns < y->width_ns ? -1 : 1;
    }
    return 0;
}

/* Stable by partition; slabs keep their order of arrival, which breaks ties of seq. */
static hist_status flush_sort_frags(hi_frag_list *list, hi_arena *arena, hist_error *err)
{
    hi_frag **sorted = HI_NEW_ARRAY(arena, hi_frag *, list->count);
    bool ordered = true;

    for (uint32_t i = 1; i < list->count; i++) {
        ordered &= flush_compare_frags(&list->frags[i - 1], &list->frags[i]) <= 0;
    }
    if (ordered) {
        return HIST_OK;
    }
    if (sorted == NULL) {
        return hi_no_memory(err, "flush");
    }
    /* Merge sort, bottom up. */
    for (uint32_t width = 1; width < list->count; width *= 2) {
        for (uint32_t low = 0; low < list->count; low += 2 * width) {
            const uint32_t middle = low + width < list->count ? low + width : list->count;
            const uint32_t high = middle + width < list->count ? middle + width : list->count;
            uint32_t a = low;
            uint32_t b = middle;

            for (uint32_t at = low; at < high; at++) {
                const bool left =
                    a < middle &&
                    (b >= high || flush_compare_frags(&list->frags[a], &list->frags[b]) <= 0);
                sorted[at] = left ? list->frags[a++] : list->frags[b++];
            }
        }
        memcpy(list->frags, sorted, list->count * sizeof(hi_frag *));
    }
    return HIST_OK;
}

static hist_status flush_write_partitions(flush_job *job, const hi_frag_list *list,
                                          hi_part_input *input, hist_error *err)
{
    uint32_t first = 0;

    while (first < list->count) {
        uint32_t end = first + 1;

        while (end < list->count &&
               flush_compare_frags(&list->frags[first], &list->frags[end]) == 0) {
            end++;
        }
        input->partition_ns = list->frags[first]->partition_ns;
        input->width_ns = list->frags[first]->width_ns;
        input->frags = list->frags + first;
        input->frag_count = end - first;
        HI_TRY(hi_part_writer_merge(job->writer, input, err));
        first = end;
    }
    return HIST_OK;
}

static hist_status flush_write_table(flush_job *job, const hi_chunk_view *view,
                                     const hi_chunk_table *table, hi_arena *arena, hist_error *err)
{
    hi_store *store = job->store;
    hi_frag_list list = {0};
    const hi_version *version = job->version;
    hi_part_input input = {.table = table->table,
                           .tombstones = version->tombstones,
                           .tombstone_count = version->tombstone_count,
                           .drop_before_ns = INT64_MIN};
    const hi_chunk_wish wish = {.table = table->table,
                                .from_ns = table->first_ns,
                                .last_ns = table->last_ns,
                                .width_ns = store->options.partition_ns};

    HI_TRY(hi_store_fields(store, table->table, arena, &input.columns, &input.column_count, err));
    hist_status status = hi_chunk_frags(view, &wish, arena, &store->flush_mem, &list, err);
    if (status == HIST_OK) {
        status = flush_sort_frags(&list, arena, err);
    }
    if (status == HIST_OK) {
        status = flush_write_partitions(job, &list, &input, err);
    }
    for (uint32_t i = 0; i < list.count; i++) {
        list.frags[i]->ops->close(list.frags[i]);
    }
    return status;
}

static hist_status flush_write_tables(flush_job *job, hi_arena *arena, hist_error *err)
{
    hi_store *store = job->store;
    hi_chunk_view view;

    (void)pthread_mutex_lock(&store->view_lock);
    const hist_status viewed = hi_chunks_view(job->frozen->chunks, arena, &view);
    (void)pthread_mutex_unlock(&store->view_lock);
    if (viewed != HIST_OK) {
        return hi_no_memory(err, "flush");
    }
    for (uint32_t i = 0; i < view.table_count; i++) {
        const hi_arena_mark mark = hi_arena_save(arena);

        HI_TRY(flush_write_table(job, &view, &view.tables[i], arena, err));
        hi_arena_rewind(arena, mark);
    }
    return HIST_OK;
}

static hist_status flush_write_part(flush_job *job, hist_error *err)
{
    hi_store *store = job->store;
    hi_part_config config = hi_store_part_config(store);
    hi_arena arena;

    config.mem = &store->flush_mem;
    job->part_id = hi_store_next_part_id(store);
    HI_TRY(hi_part_writer_open(&config, job->part_id, HI_PROFILE_WARM, &job->writer, err));
    hi_arena_init(&arena, &store->flush_mem);
    hist_status status = flush_write_tables(job, &arena, err);
    hi_arena_free(&arena);
    if (status == HIST_OK) {
        status = hi_part_writer_finish(job->writer, hi_chunks_seq_low(job->frozen->chunks),
                                       job->seq, &job->summary, err);
    }
    hi_part_writer_close(job->writer);
    job->writer = NULL;
    return status;
}

/* ---- publish ---- */

hist_status hi_store_add_part(hi_store *store, hi_manifest *next, uint64_t id,
                              const hi_part_summary *summary, uint32_t level, uint32_t flags,
                              hist_error *err)
{
    hi_part_range *ranges = hi_mem_calloc(&store->mem, summary->span_count, sizeof(hi_part_range));
    const int64_t now = store->vfs->now_ns(store->vfs);
    const bool cut = (flags & HI_PART_CUT) != 0;

    if (ranges == NULL) {
        return hi_no_memory(err, "list of parts");
    }
    for (uint32_t i = 0; i < summary->span_count; i++) {
        const hi_part_span *span = &summary->spans[i];

        ranges[i] = (hi_part_range){.table = span->table,
                                    .partition_ns = span->partition_ns,
                                    .width_ns = span->width_ns,
                                    .rows = span->rows,
                                    .time_min = span->first_ns,
                                    .time_max = span->last_ns};
    }
    const hist_status status =
        hi_manifest_add_part(next,
                             &(hi_part_entry){.id = id,
                                              .file_size = summary->size_bytes,
                                              .directory_sum = summary->footer_hash,
                                              .rows = summary->rows,
                                              .seq_low = summary->seq_low,
                                              .seq_high = summary->seq_high,
                                              .time_min = summary->first_ns,
                                              .time_max = summary->last_ns,
                                              .commit_ns_min = now,
                                              .commit_ns_max = now,
                                              .level = level,
                                              .flags = flags,
                                              .first_series = cut ? summary->first_series : 0,
                                              .last_series = cut ? summary->last_series : 0,
                                              .ranges = ranges,
                                              .range_count = summary->span_count},
                             err);
    hi_mem_free(&store->mem, ranges, summary->span_count * sizeof(hi_part_range));
    return status;
}

static hist_status flush_add_catalog(flush_job *job, hi_manifest *next, hist_error *err)
{
    const hi_checkpoint *checkpoint = &job->checkpoint;

    if (checkpoint->empty) {
        return HIST_OK;
    }
    for (uint32_t i = 0; i < checkpoint->replaces_count; i++) {
        (void)hi_manifest_remove_catalog(next, checkpoint->replaces[i]);
        HI_TRY(hi_manifest_add_obsolete(next, HI_FILE_CATALOG, checkpoint->replaces[i], err));
    }
    return hi_manifest_add_catalog(next,
                                   &(hi_catalog_entry){.id = checkpoint->file.id,
                                                       .file_size = checkpoint->file.size_bytes,
                                                       .sum = checkpoint->file.head_hash},
                                   err);
}

hist_status hi_store_next_manifest(hi_store *store, hi_manifest *next, hist_error *err)
{
    const hi_catalog_ids ids = hi_catalog_next(store->catalog);

    const hist_status status = hi_manifest_clone(&store->manifest, next, err);
    if (status != HIST_OK) {
        hi_manifest_free(next);
        return status;
    }
    hi_manifest_clear_obsolete(next);
    next->next_database_id = ids.database;
    next->next_table_id = ids.table;
    next->next_column_id = ids.column;
    next->next_series_id = ids.series;
    while (next->tombstone_count > 0) {
        hi_manifest_remove_tombstone(next, next->tombstone_count - 1);
    }
    return HIST_OK;
}

/* The tombstones of the current version. Caller holds publish_lock. */
hist_status hi_store_put_tombstones(hi_store *store, hi_manifest *next, uint64_t below,
                                    hist_error *err)
{
    hi_version *version = hi_store_version(store);
    hist_status status = HIST_OK;

    for (uint32_t i = 0; i < version->tombstone_count && status == HIST_OK; i++) {
        const hi_tombstone *t = &version->tombstones[i];

        if (t->seq >= below) {
            status = hi_manifest_add_tombstone(
                next,
                &(hi_tombstone_entry){.seq = t->seq,
                                      .table = t->table,
                                      .all_series = t->series == NULL,
                                      .series = (uint32_t *)(uintptr_t)t->series,
                                      .series_count = t->series_count,
                                      .from_ns = t->from_ns,
                                      .to_ns = t->to_ns - 1},
                err);
        }
    }
    hi_version_drop(version);
    return status;
}

/* The version follows what was published: its part instead of the frozen generation. */
static hist_status flush_swap(hi_store *store, hist_error *err)
{
    HI_TRY(hi_store_change(store,
                           &(hi_version_change){.add = &store->frozen_part,
                                                .add_count = store->frozen_part == NULL ? 0 : 1,
                                                .set_generations = true,
                                                .active = store->active},
                           err));
    hi_part_ref_drop(store->frozen_part);
    store->frozen_part = NULL;
    store->frozen_published = false;
    store->frozen = NULL;
    return HIST_OK;
}

/* While the log is being replayed its segments stay as they are. */
static uint64_t flush_floor_segment(const flush_job *job)
{
    hi_store *store = job->store;
    uint64_t segment = store->manifest.wal_floor_segment;

    (void)pthread_mutex_lock(&store->log_lock);
    if (store->wal != NULL) {
        segment = hi_wal_floor(store->wal, job->seq);
    }
    (void)pthread_mutex_unlock(&store->log_lock);
    return segment;
}

static void flush_trim_log(hi_store *store, uint64_t floor_segment)
{
    (void)pthread_mutex_lock(&store->log_lock);
    if (store->wal != NULL) {
        hi_wal_remove_below(store->wal, floor_segment);
        atomic_store_explicit(&store->wal_size, hi_wal_bytes(store->wal), memory_order_relaxed);
    }
    (void)pthread_mutex_unlock(&store->log_lock);
}

static hist_status flush_publish_locked(flush_job *job, hist_error *err)
{
    hi_store *store = job->store;
    hi_manifest next;
    hi_part_ref *ref = NULL;
    const uint64_t old_floor = store->manifest.wal_floor_segment;

    store->publish_in_doubt = false;
    HI_TRY(hi_store_next_manifest(store, &next, err));
    hist_status status = flush_add_catalog(job, &next, err);
    if (status == HIST_OK && job->summary.rows > 0) {
        status =
            hi_store_add_part(store, &next, job->part_id, &job->summary, 0, HI_PART_SPANNING, err);
        if (status == HIST_OK) {
            const hi_part_config config = hi_store_part_config(store);

            status = hi_part_ref_new(&store->mem, &config,
                                     hi_manifest_find_part(&next, job->part_id), &ref, err);
        }
    }
    if (status == HIST_OK) {
        status = hi_store_put_tombstones(store, &next, 0, err);
    }
    if (status == HIST_OK) {
        next.wal_floor_seq = job->seq;
        next.wal_floor_segment = flush_floor_segment(job);
        status = hi_store_publish(store, &next, err);
    }
    if (status != HIST_OK) {
        hi_manifest_free(&next);
        hi_part_ref_drop(ref);
        return status;
    }
    /* From here on the part is the truth; only a swap in memory is left. */
    store->frozen_published = true;
    store->frozen_part = ref;
    flush_trim_log(store, old_floor);
    return HIST_OK;
}

/* Files of a flush that failed; they stay when a reopen may need them. */
static void flush_remove_files(const flush_job *job)
{
    hi_store *store = job->store;

    if (!job->checkpoint.empty) {
        hi_store_remove(store, HI_FILE_CATALOG, job->checkpoint.file.id);
    }
    if (job->summary.rows > 0) {
        hi_store_remove(store, HI_FILE_PART, job->part_id);
    }
}

static hist_status flush_run(flush_job *job, hist_error *err)
{
    hi_store *store = job->store;

    HI_TRY(hi_catalog_checkpoint(store->catalog, hi_store_next_catalog_id(store), &job->checkpoint,
                                 err));
    hist_status status = flush_write_part(job, err);
    bool in_doubt = false;
    if (status == HIST_OK) {
        (void)pthread_mutex_lock(&store->publish_lock);
        status = flush_publish_locked(job, err);
        in_doubt = store->publish_in_doubt;
        (void)pthread_mutex_unlock(&store->publish_lock);
    }
    hi_catalog_checkpoint_end(store->catalog, &job->checkpoint, status == HIST_OK);
    if (status != HIST_OK && !in_doubt) {
        flush_remove_files(job);
    }
    hi_part_summary_free(&store->flush_mem, &job->summary);
    return status;
}

static hist_status flush_finish_swap(hi_store *store, hist_error *err)
{
    if (!store->frozen_published) {
        return HIST_OK;
    }
    (void)pthread_mutex_lock(&store->publish_lock);
    const hist_status status = flush_swap(store, err);
    (void)pthread_mutex_unlock(&store->publish_lock);
    return status;
}

static hist_status flush_locked(hi_store *store, hist_error *err)
{
    bool empty = false;

    HI_TRY(flush_finish_swap(store, err)); /* Of a flush that had no memory left for it. */
    HI_TRY(flush_freeze(store, &empty, err));
    if (empty) {
        return HIST_OK;
    }
    flush_job job = {.store = store,
                     .version = hi_store_version(store),
                     .frozen = store->frozen,
                     .seq = store->frozen_seq};
    const hist_status status = flush_run(&job, err);
    hi_version_drop(job.version);
    HI_TRY(status);
    atomic_fetch_add_explicit(&store->flushes, 1, memory_order_relaxed);
    return flush_finish_swap(store, err);
}

hist_status hi_store_flush(hi_store *store, hist_error *err)
{
    hist_error own = {0};

    if (store->limits.readonly) {
        return hi_fail(err, HIST_EREADONLY, "%s is open for reading only", store->dir);
    }
    (void)pthread_mutex_lock(&store->flush_lock);
    const hist_status status = flush_locked(store, &own);
    (void)pthread_mutex_unlock(&store->flush_lock);
    (void)pthread_mutex_lock(&store->view_lock);
    store->flush_status = status;
    store->flush_error = own;
    store->flush_tries++;
    (void)pthread_cond_broadcast(&store->view_cond);
    (void)pthread_mutex_unlock(&store->view_lock);
    if (status != HIST_OK && err != NULL) {
        *err = own;
    }
    return status;
}
