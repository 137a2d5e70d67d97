/* version.c -- immutable, counted lists of what the store is made of; see version.h. */
#include "store/version.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- parts ---- */

static int version_compare_ranges(const void *a, const void *b)
{
    const hi_part_range *x = a;
    const hi_part_range *y = b;

    if (x->table != y->table) {
        return x->table < y->table ? -1 : 1;
    }
    return x->partition_ns < y->partition_ns ? -1 : x->partition_ns > y->partition_ns;
}

hist_status hi_part_ref_new(hi_mem *mem, const hi_part_config *config, const hi_part_entry *entry,
                            hi_part_ref **ref_out, hist_error *err)
{
    hi_part_ref *ref = HI_MEM_NEW(mem, hi_part_ref);

    *ref_out = NULL;
    if (ref == NULL) {
        return hi_no_memory(err, "list of parts");
    }
    atomic_init(&ref->refs, 1);
    ref->mem = mem;
    ref->id = entry->id;
    ref->size_bytes = entry->file_size;
    ref->rows = entry->rows;
    ref->seq_low = entry->seq_low;
    ref->seq_high = entry->seq_high;
    ref->flags = entry->flags;
    ref->first_series = (entry->flags & HI_PART_CUT) != 0 ? entry->first_series : 0;
    ref->last_series = (entry->flags & HI_PART_CUT) != 0 ? entry->last_series : UINT32_MAX;
    ref->range_count = (uint32_t)entry->range_count;
    ref->ranges = hi_mem_calloc(mem, entry->range_count, sizeof(hi_part_range));
    hist_status status = HIST_OK;
    if (ref->ranges == NULL) {
        status = hi_no_memory(err, "list of parts");
    } else {
        if (entry->range_count > 0) {
            memcpy(ref->ranges, entry->ranges, entry->range_count * sizeof(hi_part_range));
            qsort(ref->ranges, ref->range_count, sizeof(hi_part_range), version_compare_ranges);
        }
        status = hi_part_new(config, entry->id, entry->file_size, entry->directory_sum,
                             entry->seq_low, entry->seq_high, &ref->part, err);
    }
    if (status != HIST_OK) {
        hi_part_ref_drop(ref);
        return status;
    }
    *ref_out = ref;
    return HIST_OK;
}

void hi_part_ref_drop(hi_part_ref *ref)
{
    if (ref == NULL || atomic_fetch_sub_explicit(&ref->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (ref->part != NULL) {
        hi_part_free(ref->part);
    }
    hi_mem_free(ref->mem, ref->ranges, ref->range_count * sizeof(hi_part_range));
    HI_MEM_DELETE(ref->mem, ref);
}

/* ---- chunk generations ---- */

hist_status hi_generation_new(hi_mem *mem, hi_mem *chunk_mem, uint32_t slab_rows_max,
                              hi_generation **generation_out, hist_error *err)
{
    hi_generation *generation = HI_MEM_NEW(mem, hi_generation);

    *generation_out = NULL;
    if (generation == NULL) {
        return hi_no_memory(err, "chunks");
    }
    atomic_init(&generation->refs, 1);
    generation->mem = mem;
    generation->chunks = hi_chunks_new(chunk_mem, slab_rows_max);
    if (generation->chunks == NULL) {
        HI_MEM_DELETE(mem, generation);
        return hi_no_memory(err, "chunks");
    }
    *generation_out = generation;
    return HIST_OK;
}

void hi_generation_drop(hi_generation *generation)
{
    if (generation == NULL ||
        atomic_fetch_sub_explicit(&generation->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    hi_chunks_free(generation->chunks);
    HI_MEM_DELETE(generation->mem, generation);
}

static hi_generation *version_keep_generation(hi_generation *generation)
{
    if (generation != NULL) {
        atomic_fetch_add_explicit(&generation->refs, 1, memory_order_relaxed);
    }
    return generation;
}

/* ---- versions ---- */

static void version_free_tombstones(hi_version *version)
{
    for (uint32_t i = 0; i < version->tombstone_count; i++) {
        hi_tombstone *tombstone = &version->tombstones[i];

        hi_mem_free(version->mem, (void *)(uintptr_t)tombstone->series,
                    tombstone->series_count * sizeof(uint32_t));
    }
    hi_mem_free(version->mem, version->tombstones, version->tombstone_room * sizeof(hi_tombstone));
}

static hist_status version_copy_tombstone(hi_version *version, const hi_tombstone *from,
                                          hist_error *err)
{
    hi_tombstone *to = &version->tombstones[version->tombstone_count];

    *to = *from;
    if (from->series != NULL) {
        const size_t size = from->series_count * sizeof(uint32_t);
        uint32_t *series = hi_mem_alloc(version->mem, size);

        if (series == NULL) {
            to->series = NULL;
            return hi_no_memory(err, "list of deletes");
        }
        memcpy(series, from->series, size);
        to->series = series;
    }
    version->tombstone_count++;
    return HIST_OK;
}

static hist_status version_take_tombstones(hi_version *version, const hi_version *base,
                                           const hi_version_change *change, hist_error *err)
{
    const uint32_t old = base == NULL ? 0 : base->tombstone_count;
    const uint32_t room = old + (change->tombstone != NULL ? 1 : 0);

    if (room == 0) {
        return HIST_OK;
    }
    version->tombstones = hi_mem_calloc(version->mem, room, sizeof(hi_tombstone));
    if (version->tombstones == NULL) {
        return hi_no_memory(err, "list of deletes");
    }
    version->tombstone_room = room;
    for (uint32_t i = 0; i < old; i++) {
        if (base->tombstones[i].seq >= change->drop_tombstones_below) {
            HI_TRY(version_copy_tombstone(version, &base->tombstones[i], err));
        }
    }
    if (change->tombstone != NULL) {
        HI_TRY(version_copy_tombstone(version, change->tombstone, err));
    }
    return HIST_OK;
}

int hi_part_ref_compare(const hi_part_ref *a, const hi_part_ref *b)
{
    if (a->seq_high != b->seq_high) {
        return a->seq_high < b->seq_high ? -1 : 1;
    }
    return a->id < b->id ? -1 : a->id > b->id;
}

bool hi_part_ref_same_run(const hi_part_ref *a, const hi_part_ref *b)
{
    return (a->flags & b->flags & HI_PART_CUT) != 0 && a->seq_low == b->seq_low &&
           a->seq_high == b->seq_high && a->range_count == 1 && b->range_count == 1 &&
           a->ranges[0].table == b->ranges[0].table &&
           a->ranges[0].partition_ns == b->ranges[0].partition_ns &&
           a->ranges[0].width_ns == b->ranges[0].width_ns;
}

static int version_compare_parts(const void *a, const void *b)
{
    return hi_part_ref_compare(*(hi_part_ref *const *)a, *(hi_part_ref *const *)b);
}

static bool version_is_removed(const hi_version_change *change, uint64_t id)
{
    for (uint32_t i = 0; i < change->remove_count; i++) {
        if (change->remove[i] == id) {
            return true;
        }
    }
    return false;
}

static void version_take_part(hi_version *version, hi_part_ref *ref)
{
    assert(version->part_count < version->part_room);
    atomic_fetch_add_explicit(&ref->refs, 1, memory_order_relaxed);
    version->parts[version->part_count++] = ref;
}

static hist_status version_take_parts(hi_version *version, const hi_version *base,
                                      const hi_version_change *change, hist_error *err)
{
    const uint32_t old = base == NULL ? 0 : base->part_count;
    const uint32_t room = old + change->add_count;

    if (room == 0) {
        return HIST_OK;
    }
    version->parts = hi_mem_calloc(version->mem, room, sizeof(hi_part_ref *));
    if (version->parts == NULL) {
        return hi_no_memory(err, "list of parts");
    }
    version->part_room = room;
    for (uint32_t i = 0; i < old; i++) {
        if (!version_is_removed(change, base->parts[i]->id)) {
            version_take_part(version, base->parts[i]);
        }
    }
    for (uint32_t i = 0; i < change->add_count; i++) {
        version_take_part(version, change->add[i]);
    }
    qsort(version->parts, version->part_count, sizeof(hi_part_ref *), version_compare_parts);
    return HIST_OK;
}

hist_status hi_version_new(hi_mem *mem, const hi_version *base, const hi_version_change *change,
                           hi_version **version_out, hist_error *err)
{
    hi_version *version = HI_MEM_NEW(mem, hi_version);

    *version_out = NULL;
    if (version == NULL) {
        return hi_no_memory(err, "version");
    }
    atomic_init(&version->refs, 1);
    version->mem = mem;
    if (change->set_generations) {
        version->frozen = version_keep_generation(change->frozen);
        version->active = version_keep_generation(change->active);
    } else if (base != NULL) {
        version->frozen = version_keep_generation(base->frozen);
        version->active = version_keep_generation(base->active);
    }
    hist_status status = version_take_parts(version, base, change, err);
    if (status == HIST_OK) {
        status = version_take_tombstones(version, base, change, err);
    }
    if (status != HIST_OK) {
        hi_version_drop(version);
        return status;
    }
    *version_out = version;
    return HIST_OK;
}

void hi_version_drop(hi_version *version)
{
    if (version == NULL ||
        atomic_fetch_sub_explicit(&version->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (uint32_t i = 0; i < version->part_count; i++) {
        hi_part_ref_drop(version->parts[i]);
    }
    hi_mem_free(version->mem, version->parts, version->part_room * sizeof(hi_part_ref *));
    version_free_tombstones(version);
    hi_generation_drop(version->frozen);
    hi_generation_drop(version->active);
    HI_MEM_DELETE(version->mem, version);
}
