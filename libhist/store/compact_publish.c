/* compact_publish.c -- the result of a merge takes the place of what it was made from. */
#include <string.h>

#include "store/compact.h"

/* Tombstones below this have nothing left to delete: no rows older than they are. */
static uint64_t compact_tombstones_needed_from(const compact_job *job, const hi_manifest *next)
{
    const hi_version *version = job->version;
    hi_store *store = job->store;
    const uint64_t chunk_low = hi_chunks_seq_low(store->active->chunks);

    for (uint32_t i = 0; i < version->tombstone_count; i++) {
        const hi_tombstone *t = &version->tombstones[i];

        if (store->frozen != NULL || (chunk_low != 0 && chunk_low < t->seq)) {
            return t->seq;
        }
        for (size_t p = 0; p < next->part_count; p++) {
            const hi_part_entry *part = &next->parts[p];

            for (size_t r = 0; r < part->range_count && part->seq_high < t->seq; r++) {
                if (part->ranges[r].table == t->table) {
                    return t->seq;
                }
            }
        }
    }
    /* Those that came while the merge ran are newer than all it knew. */
    return version->tombstone_count == 0
               ? 0
               : version->tombstones[version->tombstone_count - 1].seq + 1;
}

static hist_status compact_next_manifest(compact_job *job, hi_manifest *next, hist_error *err)
{
    hi_store *store = job->store;
    uint32_t level = 0;
    int64_t commit_ns_min = INT64_MAX;
    int64_t commit_ns_max = INT64_MIN;

    for (uint32_t i = 0; i < job->input_count; i++) {
        const hi_part_entry *entry = hi_manifest_find_part(next, job->inputs[i]->id);

        if (entry == NULL) {
            return hi_fail(err, HIST_EINTERNAL, "merge: an input is not in the manifest");
        }
        level = entry->level >= level ? entry->level + 1 : level;
        commit_ns_min = entry->commit_ns_min < commit_ns_min ? entry->commit_ns_min : commit_ns_min;
        commit_ns_max = entry->commit_ns_max > commit_ns_max ? entry->commit_ns_max : commit_ns_max;
        (void)hi_manifest_remove_part(next, job->inputs[i]->id);
        HI_TRY(hi_manifest_add_obsolete(next, HI_FILE_PART, job->inputs[i]->id, err));
    }
    for (uint32_t i = 0; i < job->made_count; i++) {
        const compact_made *made = &job->made[i];

        if (made->summary.rows > 0) {
            HI_TRY(
                hi_store_add_part(store, next, made->id, &made->summary, level, made->flags, err));
            next->parts[next->part_count - 1].commit_ns_min = commit_ns_min;
            next->parts[next->part_count - 1].commit_ns_max = commit_ns_max;
        }
    }
    return HIST_OK;
}

/* Opens what was made. */
static hist_status compact_open_made(compact_job *job, const hi_manifest *next, hi_swap *swap,
                                     hist_error *err)
{
    const hi_part_config config = hi_store_part_config(job->store);

    for (uint32_t i = 0; i < job->made_count; i++) {
        const hi_part_entry *entry = hi_manifest_find_part(next, job->made[i].id);

        if (entry != NULL) {
            HI_TRY(hi_part_ref_new(&job->store->mem, &config, entry, &swap->add[swap->add_count],
                                   err));
            swap->add_count++;
        }
    }
    return HIST_OK;
}

/* ---- the version follows ---- */

static hist_status compact_new_swap(const compact_job *job, hi_swap *swap, hist_error *err)
{
    hi_mem *mem = &job->store->mem;

    *swap = (hi_swap){.remove = hi_mem_calloc(mem, job->input_count, sizeof(uint64_t)),
                      .remove_count = job->input_count,
                      .add = hi_mem_calloc(mem, job->made_count, sizeof(hi_part_ref *)),
                      .add_room = job->made_count};
    if (swap->remove == NULL || swap->add == NULL) {
        compact_free_swap(job->store, swap);
        return hi_no_memory(err, "merge");
    }
    for (uint32_t i = 0; i < job->input_count; i++) {
        swap->remove[i] = job->inputs[i]->id;
    }
    return HIST_OK;
}

void compact_free_swap(hi_store *store, hi_swap *swap)
{
    for (uint32_t i = 0; i < swap->add_count; i++) {
        hi_part_ref_drop(swap->add[i]);
    }
    hi_mem_free(&store->mem, swap->add, swap->add_room * sizeof(hi_part_ref *));
    hi_mem_free(&store->mem, swap->remove, swap->remove_count * sizeof(uint64_t));
    *swap = (hi_swap){0};
}

hist_status compact_finish_swap(hi_store *store, hist_error *err)
{
    const hi_swap *swap = &store->swap;

    if (swap->remove == NULL) {
        return HIST_OK;
    }
    HI_TRY(hi_store_change(store,
                           &(hi_version_change){.remove = swap->remove,
                                                .remove_count = swap->remove_count,
                                                .add = swap->add,
                                                .add_count = swap->add_count,
                                                .drop_tombstones_below = swap->below},
                           err));
    compact_free_swap(store, &store->swap);
    return HIST_OK;
}

static hist_status compact_fill_next(compact_job *job, hi_manifest *next, hi_swap *swap,
                                     hist_error *err)
{
    hi_store *store = job->store;

    HI_TRY(compact_next_manifest(job, next, err));
    (void)pthread_mutex_lock(&store->log_lock);
    swap->below = compact_tombstones_needed_from(job, next);
    (void)pthread_mutex_unlock(&store->log_lock);
    HI_TRY(compact_open_made(job, next, swap, err));
    return hi_store_put_tombstones(store, next, swap->below, err);
}

hist_status compact_publish(compact_job *job, hist_error *err)
{
    hi_store *store = job->store;
    hi_manifest next;
    hi_swap swap;
    hist_error later;

    store->publish_in_doubt = false;
    HI_TRY(compact_new_swap(job, &swap, err));
    hist_status status = hi_store_next_manifest(store, &next, err);
    if (status == HIST_OK) {
        status = compact_fill_next(job, &next, &swap, err);
    }
    if (status == HIST_OK) {
        status = hi_store_publish(store, &next, err);
    }
    if (status != HIST_OK) {
        hi_manifest_free(&next);
        compact_free_swap(store, &swap);
        return status;
    }
    for (uint32_t i = 0; i < job->input_count; i++) {
        hi_store_bury(store, job->inputs[i]);
    }
    store->swap = swap;
    /* The merge is done. If there is no memory for a version now, readers go on with the old parts
       and the next merge begins with trying again. */
    (void)compact_finish_swap(store, &later);
    return HIST_OK;
}
