/*
 * compact.c -- few parts out of many: merges, the cold rewrite, retention.
 *
 * compact_pick.c says what is merged, this file merges it, compact_publish.c
 * puts the result in place; compact_expire.c is retention. What becomes a part of its own is cut between series
 * where it is larger than part_bytes_max: one merge of keys after the other, each
 * beginning with the series before which the last one stopped.
 *
 * What a merge reads is picked under merge_lock (one at a time); flushes go on
 * meanwhile and only add newer parts.
 */
#include "store/compact.h"

#include <inttypes.h>
#include <stdlib.h>

/* A partition of a table gets a part of its own from about this size. */
#define COMPACT_SINGLE_BYTES (UINT64_C(1) << 20)

/* ---- writing ---- */

/* A key of the union of all inputs, with its rows there and what they take on disk. */
typedef struct compact_key {
    hi_part_range range;
    uint64_t bytes;
} compact_key;

typedef struct compact_output {
    hi_part_writer *writer;
    uint64_t id;
    uint32_t first_series; /* Series below are in another output. */
    uint64_t bytes_max;    /* 0: it is not cut. */
    uint64_t seq_low;
    uint64_t seq_high;
} compact_output;

/* Two more may be made without a failure: one output is pooled while others come and go. */
static hist_status compact_make_room(compact_job *job, hist_error *err)
{
    const uint32_t more = job->made_room == 0 ? 8 : job->made_room * 2;

    if (job->made_count + 2 <= job->made_room) {
        return HIST_OK;
    }
    compact_made *made =
        hi_mem_realloc(&job->store->work_mem, job->made, job->made_room * sizeof(compact_made),
                       more * sizeof(compact_made));
    if (made == NULL) {
        return hi_no_memory(err, "merge");
    }
    job->made = made;
    job->made_room = more;
    return HIST_OK;
}

static hist_status compact_open(compact_job *job, compact_output *output, hist_error *err)
{
    hi_part_config config = hi_store_part_config(job->store);

    config.whole_groups = config.encoder != NULL && compact_could_be_fewer(job);
    HI_TRY(compact_make_room(job, err));
    output->id = hi_store_next_part_id(job->store);
    output->seq_low = UINT64_MAX;
    output->seq_high = 0;
    return hi_part_writer_open(&config, output->id, job->profile, &output->writer, err);
}

static hist_status compact_finish(compact_job *job, compact_output *output, uint32_t flags,
                                  hist_error *err)
{
    compact_made *made = &job->made[job->made_count];
    const hist_status status = hi_part_writer_finish(output->writer, output->seq_low,
                                                     output->seq_high, &made->summary, err);

    hi_part_writer_close(output->writer);
    output->writer = NULL;
    if (status == HIST_OK) {
        made->id = output->id;
        made->flags = flags | (job->profile == HI_PROFILE_COLD ? HI_PART_COLD : 0);
        job->made_count++;
    }
    return status;
}

static hist_status compact_collect(compact_job *job, const hi_part_range *key, hi_arena *arena,
                                   compact_output *output, hi_frag_list *list, hist_error *err)
{
    const int64_t last = compact_last_of(key);

    for (uint32_t i = 0; i < job->input_count; i++) {
        hi_part_ref *part = job->inputs[i];

        if (compact_find_range(part, key) == NULL) {
            continue;
        }
        output->seq_low = part->seq_low < output->seq_low ? part->seq_low : output->seq_low;
        output->seq_high = part->seq_high > output->seq_high ? part->seq_high : output->seq_high;
        HI_TRY(hi_part_frags(part->part, key->table, key->partition_ns, last, NULL, 0, arena,
                             &job->store->work_mem, list, err));
    }
    return HIST_OK;
}

/* Appends rows of one partition of one table to an output: from output->first_series on, as many
   series as the output may take. */
static hist_status compact_write_key(compact_job *job, const compact_key *key,
                                     compact_output *output, hist_error *err)
{
    hi_store *store = job->store;
    const hi_part_range *range = &key->range;
    hi_arena arena;
    hi_frag_list list = {0};
    hi_part_input input = {.table = range->table,
                           .partition_ns = range->partition_ns,
                           .width_ns = range->width_ns,
                           .tombstones = job->version->tombstones,
                           .tombstone_count = job->version->tombstone_count,
                           .drop_before_ns = compact_cutoff_of(job, range),
                           .first_series = output->first_series,
                           .bytes_max = output->bytes_max,
                           .expected_rows = range->rows,
                           .expected_bytes = key->bytes};

    job->expires |= input.drop_before_ns != INT64_MIN;
    hi_arena_init(&arena, &store->work_mem);
    hist_status status = compact_collect(job, range, &arena, output, &list, err);
    if (status == HIST_OK) {
        status =
            hi_store_fields(store, range->table, &arena, &input.columns, &input.column_count, err);
    }
    if (status == HIST_OK) {
        input.frags = list.frags;
        input.frag_count = list.count;
        status = hi_part_writer_merge(output->writer, &input, err);
    }
    for (uint32_t i = 0; i < list.count; i++) {
        list.frags[i]->ops->close(list.frags[i]);
    }
    hi_arena_free(&arena);
    return status;
}

/* Bytes of the part that are rows of one of its ranges. */
static uint64_t compact_share(const hi_part_ref *part, const hi_part_range *range)
{
    return part->rows == 0
               ? 0
               : (uint64_t)((double)part->size_bytes * (double)range->rows / (double)part->rows);
}

static int compact_compare(const void *a, const void *b)
{
    return compact_compare_keys(&((const compact_key *)a)->range, &((const compact_key *)b)->range);
}

/* All keys of the inputs, ascending, each once. */
static hist_status compact_list_keys(const compact_job *job, hi_arena *arena,
                                     compact_key **keys_out, uint32_t *count_out, hist_error *err)
{
    uint32_t room = 0;
    uint32_t count = 0;
    uint32_t unique = 0;

    for (uint32_t i = 0; i < job->input_count; i++) {
        room += job->inputs[i]->range_count;
    }
    compact_key *keys = HI_NEW_ARRAY(arena, compact_key, room);
    if (keys == NULL) {
        return hi_no_memory(err, "merge");
    }
    for (uint32_t i = 0; i < job->input_count; i++) {
        const hi_part_ref *part = job->inputs[i];

        for (uint32_t r = 0; r < part->range_count; r++) {
            keys[count++] = (compact_key){part->ranges[r], compact_share(part, &part->ranges[r])};
        }
    }
    qsort(keys, count, sizeof(*keys), compact_compare);
    for (uint32_t i = 0; i < count; i++) {
        if (unique > 0 && compact_compare(&keys[unique - 1], &keys[i]) == 0) {
            keys[unique - 1].bytes += keys[i].bytes;
            keys[unique - 1].range.rows += keys[i].range.rows;
        } else {
            keys[unique++] = keys[i];
        }
    }
    *keys_out = keys;
    *count_out = unique;
    return HIST_OK;
}

/* One part with the series of a key from *series on. *more_out: some are left, from *series on. */
static hist_status compact_write_cut(compact_job *job, const compact_key *key, uint32_t *series,
                                     bool *more_out, hist_error *err)
{
    compact_output output = {.first_series = *series,
                             .bytes_max = job->store->options.part_bytes_max};
    hist_status status = compact_open(job, &output, err);

    *more_out = false;
    if (status == HIST_OK) {
        status = compact_write_key(job, key, &output, err);
    }
    if (status == HIST_OK) {
        *more_out = hi_part_writer_stopped(output.writer, series);
        const bool whole = output.first_series == 0 && !*more_out && !job->in_run;

        return compact_finish(job, &output, whole ? 0 : HI_PART_CUT, err);
    }
    hi_part_writer_close(output.writer);
    return status;
}

/* A key as a run of parts of its own; mostly it is one. What was read of the directories of the inputs
   is dropped between two of them, so that memory does not grow with their number. */
static hist_status compact_write_single(compact_job *job, const compact_key *key, hist_error *err)
{
    uint32_t series = 0;
    bool more = true;

    while (more) {
        HI_TRY(compact_write_cut(job, key, &series, &more, err));
        for (uint32_t i = 0; more && i < job->input_count; i++) {
            hi_part_trim(job->inputs[i]->part);
        }
    }
    return HIST_OK;
}

/* From how many bytes on a key gets a part of its own: fewer where the pooled part would else be too
   large. */
static uint64_t compact_single_bytes(const compact_job *job, const compact_key *keys,
                                     uint32_t count)
{
    const uint64_t limit = job->store->options.part_bytes_max;
    uint64_t single = limit < COMPACT_SINGLE_BYTES ? limit : COMPACT_SINGLE_BYTES;
    uint64_t pooled = UINT64_MAX;

    if (!job->spanning) {
        return 0;
    }
    while (pooled > limit) {
        pooled = 0;
        for (uint32_t i = 0; i < count; i++) {
            pooled += keys[i].bytes < single ? keys[i].bytes : 0;
        }
        single = pooled > limit ? single / 2 : single;
    }
    return single;
}

/* Large keys into parts of their own, the others into one pooled part. */
static hist_status compact_write_keys(compact_job *job, const compact_key *keys, uint32_t count,
                                      hist_error *err)
{
    const uint64_t single = compact_single_bytes(job, keys, count);
    compact_output pooled = {0};
    hist_status status = HIST_OK;
    uint32_t small = 0;

    for (uint32_t i = 0; i < count && status == HIST_OK; i++) {
        if (keys[i].bytes >= single) {
            status = compact_write_single(job, &keys[i], err);
            continue;
        }
        if (small++ == 0) {
            status = compact_open(job, &pooled, err);
        }
        if (status == HIST_OK) {
            status = compact_write_key(job, &keys[i], &pooled, err);
        }
    }
    if (status == HIST_OK && small > 0) {
        return compact_finish(job, &pooled, HI_PART_SPANNING, err);
    }
    hi_part_writer_close(pooled.writer);
    return status;
}

static hist_status compact_write(compact_job *job, hist_error *err)
{
    hi_arena arena;
    compact_key *keys = NULL;
    uint32_t count = 0;

    hi_arena_init(&arena, &job->store->work_mem);
    hist_status status = compact_list_keys(job, &arena, &keys, &count, err);
    if (status == HIST_OK) {
        status = compact_write_keys(job, keys, count, err);
    }
    hi_arena_free(&arena);
    return status;
}

/* ---- one merge ---- */

/* A part that cannot be read whole is kept as it is and not tried again. */
static void compact_mark_damaged(compact_job *job)
{
    for (uint32_t i = 0; i < job->input_count; i++) {
        hist_error err;

        if (hi_part_verify(job->inputs[i]->part, NULL, NULL, &err) == HIST_ECORRUPT) {
            job->inputs[i]->flags |= HI_PART_DAMAGED;
            hi_store_log(job->store, HIST_LOG_ERROR, "a part is damaged and will not be merged: %s",
                         err.message);
        }
    }
}

static hist_status compact_try(compact_job *job, hist_error *err)
{
    hi_store *store = job->store;
    bool in_doubt = false;

    atomic_fetch_add_explicit(&store->merging, 1, memory_order_relaxed);
    hist_status status = compact_write(job, err);
    atomic_fetch_sub_explicit(&store->merging, 1, memory_order_relaxed);

    if (status == HIST_OK) {
        (void)pthread_mutex_lock(&store->publish_lock);
        status = compact_publish(job, err);
        in_doubt = store->publish_in_doubt;
        (void)pthread_mutex_unlock(&store->publish_lock);
    }
    if (status == HIST_ECORRUPT) {
        compact_mark_damaged(job);
    }
    if (status == HIST_OK && job->expires) {
        compact_log_retention(job, "dropped in a merge, with what was overwritten or deleted");
    }
    for (uint32_t i = 0; i < job->made_count; i++) {
        if (status != HIST_OK && !in_doubt && job->made[i].summary.rows > 0) {
            hi_store_remove(store, HI_FILE_PART, job->made[i].id);
        }
        hi_part_summary_free(&store->work_mem, &job->made[i].summary);
    }
    hi_mem_free(&store->work_mem, job->made, job->made_room * sizeof(*job->made));
    job->made = NULL;
    job->made_room = 0;
    job->made_count = 0;
    job->expires = false;
    if (status == HIST_OK) {
        atomic_fetch_add_explicit(&store->merges, 1, memory_order_relaxed);
    }
    return status;
}

/* The parts and deletes of the current version alone: rows in memory that a flush writes meanwhile can
   then be given back, however long the merge takes. */
static hist_status compact_pin(compact_job *job, hist_error *err)
{
    hi_version *version = hi_store_version(job->store);
    const hist_status status =
        hi_version_new(&job->store->work_mem, version,
                       &(hi_version_change){.set_generations = true}, &job->version, err);

    hi_version_drop(version);
    return status;
}

static hist_status compact_begin(compact_job *job, hist_error *err)
{
    hi_store *store = job->store;

    HI_TRY(compact_finish_swap(store, err));
    HI_TRY(compact_pin(job, err));
    job->input_room = job->version->part_count;
    job->inputs = hi_mem_calloc(&store->work_mem, job->input_room, sizeof(hi_part_ref *));
    if (job->inputs == NULL) {
        return hi_no_memory(err, "merge");
    }
    job->drop_before_ns = compact_cutoff(job);
    return HIST_OK;
}

static void compact_end(compact_job *job)
{
    hi_mem_free(&job->store->work_mem, job->inputs, job->input_room * sizeof(hi_part_ref *));
    hi_version_drop(job->version);
}

static hist_status compact_drop_expired(compact_job *job, hist_error *err)
{
    hi_store *store = job->store;

    (void)pthread_mutex_lock(&store->publish_lock);
    const hist_status status = compact_publish(job, err);
    (void)pthread_mutex_unlock(&store->publish_lock);
    if (status == HIST_OK) {
        compact_log_retention(job, "dropped");
    }
    return status;
}

/* Merges what was picked; where memory is short, fewer of it. */
static hist_status compact_run(compact_job *job, hist_error *err)
{
    hist_status status = compact_try(job, err);

    while (status == HIST_ENOMEM && compact_pick_fewer(job)) {
        status = compact_try(job, err);
    }
    return status;
}

static hist_status compact_step_locked(compact_job *job, bool *did_out, hist_error *err)
{
    hi_store *store = job->store;
    int64_t cold_before = INT64_MIN;

    *did_out = true;
    compact_pick_expired(job->version, job);
    if (job->input_count > 0) {
        return compact_drop_expired(job, err);
    }
    compact_pick_spanning(job->version, job);
    if (job->input_count > COMPACT_SPANNING_MAX) {
        job->spanning = true;
        return compact_run(job, err);
    }
    if (store->options.cold_after_ns > 0) {
        cold_before = store->vfs->now_ns(store->vfs) - store->options.cold_after_ns;
    }
    if (compact_pick_singles(job->version, job, cold_before)) {
        return compact_run(job, err);
    }
    *did_out = false;
    return HIST_OK;
}

hist_status hi_store_merge_step(hi_store *store, bool *did_out, hist_error *err)
{
    compact_job job = {.store = store, .profile = HI_PROFILE_WARM};

    *did_out = false;
    (void)pthread_mutex_lock(&store->merge_lock);
    hist_status status = compact_begin(&job, err);
    if (status == HIST_OK) {
        status = compact_step_locked(&job, did_out, err);
    }
    compact_end(&job);
    (void)pthread_mutex_unlock(&store->merge_lock);
    return status;
}

/* ---- everything cold ---- */

static bool compact_any_warm(const compact_job *job)
{
    for (uint32_t i = 0; i < job->input_count; i++) {
        if (!compact_is(job->inputs[i], HI_PART_COLD)) {
            return true;
        }
    }
    return false;
}

static hist_status compact_cold_step(compact_job *job, bool *did_out, hist_error *err)
{
    *did_out = true;
    compact_pick_spanning(job->version, job);
    if (compact_any_warm(job)) {
        job->spanning = true;
        return compact_run(job, err);
    }
    if (compact_pick_singles(job->version, job, INT64_MAX)) {
        job->profile = HI_PROFILE_COLD;
        return compact_run(job, err);
    }
    *did_out = false;
    return HIST_OK;
}

hist_status hi_store_cold_all(hi_store *store, hist_error *err)
{
    bool did = true;
    hist_status status = HIST_OK;

    (void)pthread_mutex_lock(&store->merge_lock);
    while (did && status == HIST_OK) {
        compact_job job = {.store = store, .profile = HI_PROFILE_COLD};

        status = compact_begin(&job, err);
        if (status == HIST_OK) {
            status = compact_cold_step(&job, &did, err);
        }
        compact_end(&job);
    }
    (void)pthread_mutex_unlock(&store->merge_lock);
    return status;
}
