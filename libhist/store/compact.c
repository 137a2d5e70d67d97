/*
 * compact.c -- few parts out of many: merges, the cold rewrite, retention.
 *
 * A flush writes a spanning part: all tables, all partitions. When there are more
 * than SPANNING_MAX, all of them are merged at once: a partition of a table that
 * is large gets a part of its own (a single), the small ones are pooled in one
 * spanning part again. As every such merge takes all spanning parts there are,
 * the rows of a partition that lie in spanning parts are always newer than those
 * in its singles. Singles of one partition are merged with their neighbours when
 * there are more than SINGLES_MAX. So of two parts with the same rows the one with
 * the higher last commit is newer in all of them, and "later wins" stays decidable.
 * (First commits say nothing: a pooled part begins with that of any table in it.)
 *
 * What a merge reads is picked under merge_lock (one at a time); flushes go on
 * meanwhile and only add newer parts.
 */
#include "store/compact.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    COMPACT_SPANNING_MAX = 7,
    COMPACT_SINGLES_MAX = 4,
    COMPACT_SPAN_FACTOR = 2, /* An older neighbour this much larger is left alone. */
};
/* A partition of a table gets a part of its own from about this size. */
#define COMPACT_SINGLE_BYTES (UINT64_C(1) << 20)

/* ---- what is there ---- */

static int compact_compare_keys(const hi_part_range *a, const hi_part_range *b)
{
    if (a->table != b->table) {
        return a->table < b->table ? -1 : 1;
    }
    if (a->partition_ns != b->partition_ns) {
        return a->partition_ns < b->partition_ns ? -1 : 1;
    }
    return a->width_ns < b->width_ns ? -1 : a->width_ns > b->width_ns;
}

static bool compact_is(const hi_part_ref *part, uint32_t flag)
{
    return (part->flags & flag) != 0;
}

/* Bytes of the part that are rows of one of its ranges. */
static uint64_t compact_share(const hi_part_ref *part, const hi_part_range *range)
{
    return part->rows == 0
               ? 0
               : (uint64_t)((double)part->size_bytes * (double)range->rows / (double)part->rows);
}

static int compact_compare_ranges(const void *a, const void *b)
{
    return compact_compare_keys(a, b);
}

/* Ranges of a part ascend, and one part has one width. */
static const hi_part_range *compact_find_range(const hi_part_ref *part, const hi_part_range *key)
{
    return part->range_count == 0 ? NULL
                                  : bsearch(key, part->ranges, part->range_count,
                                            sizeof(hi_part_range), compact_compare_ranges);
}

static int64_t compact_last_of(const hi_part_range *range)
{
    int64_t last = 0;

    return __builtin_add_overflow(range->partition_ns, range->width_ns - 1, &last) ? INT64_MAX
                                                                                   : last;
}

/* Whether a part may hold rows of the same table and time as `key`, in whatever width. */
static bool compact_overlaps(const hi_part_ref *part, const hi_part_range *key)
{
    for (uint32_t i = 0; i < part->range_count; i++) {
        const hi_part_range *range = &part->ranges[i];

        if (range->table == key->table && range->partition_ns <= compact_last_of(key) &&
            compact_last_of(range) >= key->partition_ns) {
            return true;
        }
    }
    return false;
}

/* ---- picking ---- */

/* The newest spanning parts of one width, none of them damaged and no part of another width between
   them, as that one's rows would end up older than what is merged around it. All that there are. */
static void compact_pick_spanning(const hi_version *version, compact_job *job)
{
    int64_t width = 0;

    job->input_count = 0;
    for (uint32_t i = 0; i < version->part_count; i++) {
        hi_part_ref *part = version->parts[i];
        const bool spanning = compact_is(part, HI_PART_SPANNING);

        if (part->range_count == 0) {
            continue;
        }
        if (part->ranges[0].width_ns != width || (spanning && compact_is(part, HI_PART_DAMAGED))) {
            job->input_count = 0;
            width = part->ranges[0].width_ns;
        }
        if (spanning && !compact_is(part, HI_PART_DAMAGED)) {
            job->inputs[job->input_count++] = part;
        }
    }
}

/* Singles by partition, oldest first. */
static int compact_compare_singles(const void *a, const void *b)
{
    const hi_part_ref *x = *(hi_part_ref *const *)a;
    const hi_part_ref *y = *(hi_part_ref *const *)b;
    const int keys = compact_compare_keys(&x->ranges[0], &y->ranges[0]);

    return keys != 0 ? keys : hi_part_ref_compare(x, y);
}

static void compact_list_singles(const hi_version *version, compact_job *job)
{
    job->input_count = 0;
    for (uint32_t i = 0; i < version->part_count; i++) {
        hi_part_ref *part = version->parts[i];

        if (!compact_is(part, HI_PART_SPANNING) && part->range_count > 0) {
            job->inputs[job->input_count++] = part;
        }
    }
    if (job->input_count > 0) {
        qsort(job->inputs, job->input_count, sizeof(job->inputs[0]), compact_compare_singles);
    }
}

/* Where the singles [first, end) of one partition may be joined from: behind the last damaged one,
   and behind every part of another kind whose rows lie between theirs. */
static uint32_t compact_join_from(const hi_version *version, const compact_job *job, uint32_t first,
                                  uint32_t end)
{
    const hi_part_range *key = &job->inputs[first]->ranges[0];
    uint32_t from = first;

    for (uint32_t i = first; i < end; i++) {
        from = compact_is(job->inputs[i], HI_PART_DAMAGED) ? i + 1 : from;
    }
    for (uint32_t i = 0; i < version->part_count; i++) {
        const hi_part_ref *part = version->parts[i];
        uint32_t at = end;

        if ((!compact_is(part, HI_PART_SPANNING) && compact_find_range(part, key) != NULL) ||
            !compact_overlaps(part, key)) {
            continue;
        }
        while (at > from && hi_part_ref_compare(job->inputs[at - 1], part) > 0) {
            at--;
        }
        from = at < end ? at : from;
    }
    return from;
}

/* Keeps the newest singles that are worth merging: each older one joins while it is not much larger
   than all newer together, and in any case until few enough are left. */
static void compact_trim_singles(compact_job *job)
{
    uint32_t first = job->input_count;
    uint64_t bytes = 0;
    const uint32_t must = job->input_count - COMPACT_SINGLES_MAX + 1;

    while (first > 0) {
        const uint64_t size = job->inputs[first - 1]->size_bytes;
        const uint32_t taken = job->input_count - first;

        if (taken >= must && size > bytes * COMPACT_SPAN_FACTOR) {
            break;
        }
        bytes += size;
        first--;
    }
    memmove(job->inputs, job->inputs + first, (job->input_count - first) * sizeof(job->inputs[0]));
    job->input_count -= first;
}

/* Whether a single waits for its cold rewrite. */
static bool compact_wants_cold(const hi_part_ref *part, int64_t cold_before_ns)
{
    const hi_part_range *range = &part->ranges[0];
    int64_t end = 0;

    return !compact_is(part, HI_PART_SPANNING | HI_PART_COLD | HI_PART_DAMAGED) &&
           part->range_count > 0 &&
           !__builtin_add_overflow(range->partition_ns, range->width_ns, &end) &&
           end <= cold_before_ns;
}

static bool compact_any_wants_cold(const compact_job *job, uint32_t first, uint32_t end,
                                   int64_t cold_before_ns)
{
    for (uint32_t i = first; i < end; i++) {
        if (compact_wants_cold(job->inputs[i], cold_before_ns)) {
            return true;
        }
    }
    return false;
}

/* The inputs become those from..end. */
static void compact_keep_inputs(compact_job *job, uint32_t from, uint32_t end)
{
    memmove(job->inputs, job->inputs + from, (end - from) * sizeof(job->inputs[0]));
    job->input_count = end - from;
}

static bool compact_pick_singles(const hi_version *version, compact_job *job,
                                 int64_t cold_before_ns)
{
    uint32_t end = 0;

    compact_list_singles(version, job);
    for (uint32_t first = 0; first < job->input_count; first = end) {
        end = first + 1;
        while (end < job->input_count && compact_compare_keys(&job->inputs[first]->ranges[0],
                                                              &job->inputs[end]->ranges[0]) == 0) {
            end++;
        }
        if (end - first <= COMPACT_SINGLES_MAX &&
            !compact_any_wants_cold(job, first, end, cold_before_ns)) {
            continue;
        }
        const uint32_t from = compact_join_from(version, job, first, end);
        if (end - from > COMPACT_SINGLES_MAX) {
            compact_keep_inputs(job, from, end);
            compact_trim_singles(job);
            return true;
        }
        if (compact_any_wants_cold(job, from, end, cold_before_ns)) {
            compact_keep_inputs(job, from, end);
            job->profile = HI_PROFILE_COLD;
            return true;
        }
    }
    job->input_count = 0;
    return false;
}

/* ---- writing ---- */

typedef struct compact_output {
    hi_part_writer *writer;
    uint64_t id;
    uint64_t seq_low;
    uint64_t seq_high;
} compact_output;

static hist_status compact_open(compact_job *job, compact_output *output, hist_error *err)
{
    const hi_part_config config = hi_store_part_config(job->store);

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
                             &job->store->mem, list, err));
    }
    return HIST_OK;
}

/* Appends all rows of one partition of one table to an output. */
static hist_status compact_write_key(compact_job *job, const hi_part_range *key,
                                     compact_output *output, hist_error *err)
{
    hi_store *store = job->store;
    hi_arena arena;
    hi_frag_list list = {0};
    hi_part_input input = {.table = key->table,
                           .partition_ns = key->partition_ns,
                           .width_ns = key->width_ns,
                           .tombstones = job->version->tombstones,
                           .tombstone_count = job->version->tombstone_count,
                           .drop_before_ns = job->drop_before_ns};

    hi_arena_init(&arena, &store->mem);
    hist_status status = compact_collect(job, key, &arena, output, &list, err);
    if (status == HIST_OK) {
        status =
            hi_store_fields(store, key->table, &arena, &input.columns, &input.column_count, err);
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

/* A key of the union of all inputs, with what its rows take on disk. */
typedef struct compact_key {
    hi_part_range range;
    uint64_t bytes;
} compact_key;

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
        } else {
            keys[unique++] = keys[i];
        }
    }
    *keys_out = keys;
    *count_out = unique;
    return HIST_OK;
}

static hist_status compact_write_single(compact_job *job, const hi_part_range *key, hist_error *err)
{
    compact_output output = {0};
    hist_status status = compact_open(job, &output, err);

    if (status == HIST_OK) {
        status = compact_write_key(job, key, &output, err);
    }
    if (status == HIST_OK) {
        return compact_finish(job, &output, 0, err);
    }
    hi_part_writer_close(output.writer);
    return status;
}

/* Large keys into parts of their own, the others into one pooled part. */
static hist_status compact_write_keys(compact_job *job, const compact_key *keys, uint32_t count,
                                      hist_error *err)
{
    compact_output pooled = {0};
    hist_status status = HIST_OK;
    uint32_t small = 0;

    for (uint32_t i = 0; i < count && status == HIST_OK; i++) {
        if (!job->spanning || keys[i].bytes >= COMPACT_SINGLE_BYTES) {
            status = compact_write_single(job, &keys[i].range, err);
            continue;
        }
        if (small++ == 0) {
            status = compact_open(job, &pooled, err);
        }
        if (status == HIST_OK) {
            status = compact_write_key(job, &keys[i].range, &pooled, err);
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

    hi_arena_init(&arena, &job->store->mem);
    hist_status status = compact_list_keys(job, &arena, &keys, &count, err);
    if (status == HIST_OK) {
        job->made_room = count + 1;
        job->made = hi_mem_calloc(&job->store->mem, job->made_room, sizeof(*job->made));
        status = job->made == NULL ? hi_no_memory(err, "merge")
                                   : compact_write_keys(job, keys, count, err);
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

static hist_status compact_run(compact_job *job, hist_error *err)
{
    hi_store *store = job->store;
    hist_status status = compact_write(job, err);
    bool in_doubt = false;

    if (status == HIST_OK) {
        (void)pthread_mutex_lock(&store->publish_lock);
        status = compact_publish(job, err);
        in_doubt = store->publish_in_doubt;
        (void)pthread_mutex_unlock(&store->publish_lock);
    }
    if (status == HIST_ECORRUPT) {
        compact_mark_damaged(job);
    }
    for (uint32_t i = 0; i < job->made_count; i++) {
        if (status != HIST_OK && !in_doubt && job->made[i].summary.rows > 0) {
            hi_store_remove(store, HI_FILE_PART, job->made[i].id);
        }
        hi_part_summary_free(&store->mem, &job->made[i].summary);
    }
    hi_mem_free(&store->mem, job->made, job->made_room * sizeof(*job->made));
    if (status == HIST_OK) {
        atomic_fetch_add_explicit(&store->merges, 1, memory_order_relaxed);
    }
    return status;
}

/* Rows before this are past their retention; INT64_MIN: none. The clock is believed only as far as
   the data goes, so that a wrong one deletes nothing. */
static int64_t compact_cutoff(hi_store *store, const hi_version *version)
{
    int64_t newest = INT64_MIN;
    int64_t cutoff = 0;
    const int64_t now = store->vfs->now_ns(store->vfs);

    if (store->options.retention_ns == 0) {
        return INT64_MIN;
    }
    for (uint32_t i = 0; i < version->part_count; i++) {
        for (uint32_t r = 0; r < version->parts[i]->range_count; r++) {
            const int64_t last = version->parts[i]->ranges[r].time_max;

            newest = last > newest ? last : newest;
        }
    }
    newest = newest < now ? newest : now;
    return __builtin_sub_overflow(newest, store->options.retention_ns, &cutoff) ? INT64_MIN
                                                                                : cutoff;
}

/* Parts that hold nothing but rows past their retention are dropped unread. */
static void compact_pick_expired(const hi_version *version, compact_job *job)
{
    job->input_count = 0;
    for (uint32_t i = 0; i < version->part_count && job->drop_before_ns != INT64_MIN; i++) {
        hi_part_ref *part = version->parts[i];
        bool expired = part->range_count > 0;

        for (uint32_t r = 0; r < part->range_count; r++) {
            expired &= part->ranges[r].time_max < job->drop_before_ns;
        }
        if (expired) {
            job->inputs[job->input_count++] = part;
        }
    }
}

static hist_status compact_begin(compact_job *job, hist_error *err)
{
    hi_store *store = job->store;

    HI_TRY(compact_finish_swap(store, err));
    job->version = hi_store_version(store);
    job->input_room = job->version->part_count;
    job->inputs = hi_mem_calloc(&store->mem, job->input_room, sizeof(hi_part_ref *));
    if (job->inputs == NULL) {
        return hi_no_memory(err, "merge");
    }
    job->drop_before_ns = compact_cutoff(store, job->version);
    return HIST_OK;
}

static void compact_end(compact_job *job)
{
    hi_mem_free(&job->store->mem, job->inputs, job->input_room * sizeof(hi_part_ref *));
    hi_version_drop(job->version);
}

static hist_status compact_drop_expired(compact_job *job, hist_error *err)
{
    hi_store *store = job->store;

    (void)pthread_mutex_lock(&store->publish_lock);
    const hist_status status = compact_publish(job, err);
    (void)pthread_mutex_unlock(&store->publish_lock);
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
