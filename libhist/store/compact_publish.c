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

    for (uint32_t i = 0; i < job->input_count; i++) {
        const hi_part_entry *entry = hi_manifest_find_part(next, job->inputs[i]->id);

        if (entry == NULL) {
            return hi_fail(err, HIST_EINTERNAL, "merge: an input is not in the manifest");
        }
        level = entry->level >= level ? entry->level + 1 : level;
        (void)hi_manifest_remove_part(next, job->inputs[i]->id);
        HI_TRY(hi_manifest_add_obsolete(next, HI_FILE_PART, job->inputs[i]->id, err));
    }
    for (uint32_t i = 0; i < job->made_count; i++) {
        const compact_made *made = &job->made[i];

        if (made->summary.rows > 0) {
            HI_TRY(
                hi_store_add_part(store, next, made->id, &made->summary, level, made->flags, err));
        }
    }
    return HIST_OK;
}

/* Opens what was made. refs has made_count entries, NULL where there is no file. */
static hist_status compact_open_made(compact_job *job, const hi_manifest *next, hi_part_ref **refs,
                                     uint32_t *count_out, hist_error *err)
{
    const hi_part_config config = hi_store_part_config(job->store);

    for (uint32_t i = 0; i < job->made_count; i++) {
        const hi_part_entry *entry = hi_manifest_find_part(next, job->made[i].id);

        if (entry != NULL) {
            HI_TRY(hi_part_ref_new(&job->store->mem, &config, entry, &refs[*count_out], err));
            (*count_out)++;
        }
    }
    return HIST_OK;
}

static hist_status compact_swap(compact_job *job, hi_part_ref **refs, uint32_t count,
                                uint64_t below, hist_error *err)
{
    hi_store *store = job->store;
    uint64_t *ids = hi_mem_calloc(&store->mem, job->input_count, sizeof(uint64_t));

    if (ids == NULL) {
        return hi_no_memory(err, "merge");
    }
    for (uint32_t i = 0; i < job->input_count; i++) {
        ids[i] = job->inputs[i]->id;
    }
    const hist_status status =
        hi_store_change(store,
                        &(hi_version_change){.remove = ids,
                                             .remove_count = job->input_count,
                                             .add = refs,
                                             .add_count = count,
                                             .drop_tombstones_below = below},
                        err);
    hi_mem_free(&store->mem, ids, job->input_count * sizeof(uint64_t));
    return status;
}

hist_status compact_publish(compact_job *job, hist_error *err)
{
    hi_store *store = job->store;
    hi_manifest next;
    uint32_t count = 0;
    hi_part_ref **refs = hi_mem_calloc(&store->mem, job->made_count, sizeof(hi_part_ref *));

    if (refs == NULL) {
        return hi_no_memory(err, "merge");
    }
    hist_status status = hi_store_next_manifest(store, &next, err);
    if (status == HIST_OK) {
        status = compact_next_manifest(job, &next, err);
    }
    (void)pthread_mutex_lock(&store->log_lock);
    const uint64_t below = compact_tombstones_needed_from(job, &next);
    (void)pthread_mutex_unlock(&store->log_lock);
    if (status == HIST_OK) {
        status = compact_open_made(job, &next, refs, &count, err);
    }
    if (status == HIST_OK) {
        status = hi_store_put_tombstones(store, &next, below, err);
    }
    if (status == HIST_OK) {
        status = hi_store_publish(store, &next, err);
    }
    if (status == HIST_OK) {
        for (uint32_t i = 0; i < job->input_count; i++) {
            hi_store_bury(store, job->inputs[i]);
        }
        status = compact_swap(job, refs, count, below, err);
    } else {
        hi_manifest_free(&next);
    }
    for (uint32_t i = 0; i < count; i++) {
        hi_part_ref_drop(refs[i]);
    }
    hi_mem_free(&store->mem, refs, job->made_count * sizeof(hi_part_ref *));
    return status;
}
