/* manifest.c -- the manifest in memory: lists that grow, and their deep copy; see manifest.h. */
#include "store/manifest.h"

#include <string.h>

#include "base/err.h"

void hi_manifest_init(hi_manifest *manifest, hi_mem *mem)
{
    *manifest = (hi_manifest){
        .mem = mem,
        .next_part_id = 1,
        .next_catalog_id = 1,
        .next_database_id = 1,
        .next_table_id = 1,
        .next_column_id = 1,
        .next_series_id = 1,
        .wal_floor_segment = 1,
    };
}

static void manifest_part_clear(hi_manifest *m, hi_part_entry *part)
{
    hi_mem_free(m->mem, part->ranges, part->range_count * sizeof(*part->ranges));
    part->ranges = NULL;
    part->range_count = 0;
}

static void manifest_tombstone_clear(hi_manifest *m, hi_tombstone_entry *tombstone)
{
    hi_mem_free(m->mem, tombstone->series, tombstone->series_count * sizeof(*tombstone->series));
    tombstone->series = NULL;
    tombstone->series_count = 0;
}

void hi_manifest_free(hi_manifest *m)
{
    if (m->mem == NULL) {
        return;
    }
    for (size_t i = 0; i < m->part_count; i++) {
        manifest_part_clear(m, &m->parts[i]);
    }
    for (size_t i = 0; i < m->tombstone_count; i++) {
        manifest_tombstone_clear(m, &m->tombstones[i]);
    }
    hi_mem_free(m->mem, m->parts, m->part_capacity * sizeof(*m->parts));
    hi_mem_free(m->mem, m->catalogs, m->catalog_capacity * sizeof(*m->catalogs));
    hi_mem_free(m->mem, m->tombstones, m->tombstone_capacity * sizeof(*m->tombstones));
    hi_mem_free(m->mem, m->obsolete, m->obsolete_capacity * sizeof(*m->obsolete));
    if (m->time_column != NULL) {
        hi_mem_free(m->mem, m->time_column, strlen(m->time_column) + 1);
    }
    hi_manifest_init(m, m->mem);
}

/* Makes room for one more element; the array moves. */
static hist_status manifest_grow(hi_mem *mem, void **array, size_t count, size_t *capacity,
                                 size_t element_size, hist_error *err)
{
    if (count < *capacity) {
        return HIST_OK;
    }
    size_t old_bytes = 0;
    size_t new_bytes = 0;
    const size_t wanted = *capacity < 8 ? 8 : *capacity * 2;
    if (__builtin_mul_overflow(*capacity, element_size, &old_bytes) ||
        __builtin_mul_overflow(wanted, element_size, &new_bytes)) {
        return hi_no_memory(err, "a list of the manifest");
    }
    void *grown = hi_mem_realloc(mem, *array, old_bytes, new_bytes);
    if (grown == NULL) {
        return hi_no_memory(err, "a list of the manifest");
    }
    *array = grown;
    *capacity = wanted;
    return HIST_OK;
}

/* A copy of count elements; *copy_out is NULL when count is 0. */
static hist_status manifest_copy(hi_mem *mem, const void *from, size_t count, size_t element_size,
                                 void **copy_out, hist_error *err)
{
    size_t bytes = 0;

    *copy_out = NULL;
    if (count == 0) {
        return HIST_OK;
    }
    if (__builtin_mul_overflow(count, element_size, &bytes)) {
        return hi_no_memory(err, "a list of the manifest");
    }
    *copy_out = hi_mem_alloc(mem, bytes);
    if (*copy_out == NULL) {
        return hi_no_memory(err, "a list of the manifest");
    }
    memcpy(*copy_out, from, bytes);
    return HIST_OK;
}

hist_status hi_manifest_set_time_column(hi_manifest *m, const char *name, hist_error *err)
{
    void *copy = NULL;

    if (name == NULL || name[0] == '\0' || strlen(name) > HIST_NAME_BYTES_MAX) {
        return hi_fail(err, HIST_EINVAL, "the name of the time column must have 1 to %d bytes",
                       HIST_NAME_BYTES_MAX);
    }
    HI_TRY(manifest_copy(m->mem, name, strlen(name) + 1, 1, &copy, err));
    if (m->time_column != NULL) {
        hi_mem_free(m->mem, m->time_column, strlen(m->time_column) + 1);
    }
    m->time_column = copy;
    return HIST_OK;
}

hist_status hi_manifest_add_part(hi_manifest *m, const hi_part_entry *part, hist_error *err)
{
    void *array = m->parts;
    void *ranges = NULL;
    const hist_status st =
        manifest_grow(m->mem, &array, m->part_count, &m->part_capacity, sizeof(*m->parts), err);

    m->parts = array;
    if (st != HIST_OK) {
        return st;
    }
    HI_TRY(manifest_copy(m->mem, part->ranges, part->range_count, sizeof(*part->ranges), &ranges,
                         err));
    m->parts[m->part_count] = *part;
    m->parts[m->part_count].ranges = ranges;
    m->part_count++;
    return HIST_OK;
}

hist_status hi_manifest_add_catalog(hi_manifest *m, const hi_catalog_entry *catalog,
                                    hist_error *err)
{
    void *array = m->catalogs;
    const hist_status st = manifest_grow(m->mem, &array, m->catalog_count, &m->catalog_capacity,
                                         sizeof(*m->catalogs), err);

    m->catalogs = array;
    if (st == HIST_OK) {
        m->catalogs[m->catalog_count++] = *catalog;
    }
    return st;
}

hist_status hi_manifest_add_tombstone(hi_manifest *m, const hi_tombstone_entry *tombstone,
                                      hist_error *err)
{
    void *array = m->tombstones;
    void *series = NULL;
    const hist_status st = manifest_grow(m->mem, &array, m->tombstone_count, &m->tombstone_capacity,
                                         sizeof(*m->tombstones), err);

    m->tombstones = array;
    if (st != HIST_OK) {
        return st;
    }
    HI_TRY(manifest_copy(m->mem, tombstone->series, tombstone->series_count,
                         sizeof(*tombstone->series), &series, err));
    m->tombstones[m->tombstone_count] = *tombstone;
    m->tombstones[m->tombstone_count].series = series;
    m->tombstone_count++;
    return HIST_OK;
}

hist_status hi_manifest_add_obsolete(hi_manifest *m, hi_file_kind kind, uint64_t id,
                                     hist_error *err)
{
    void *array = m->obsolete;
    const hist_status st = manifest_grow(m->mem, &array, m->obsolete_count, &m->obsolete_capacity,
                                         sizeof(*m->obsolete), err);

    m->obsolete = array;
    if (st == HIST_OK) {
        m->obsolete[m->obsolete_count++] = (hi_file_ref){.kind = kind, .id = id};
    }
    return st;
}

void hi_manifest_clear_obsolete(hi_manifest *m)
{
    m->obsolete_count = 0;
}

static hist_status manifest_clone_lists(const hi_manifest *m, hi_manifest *clone, hist_error *err)
{
    if (m->time_column != NULL) {
        HI_TRY(hi_manifest_set_time_column(clone, m->time_column, err));
    }
    for (size_t i = 0; i < m->part_count; i++) {
        HI_TRY(hi_manifest_add_part(clone, &m->parts[i], err));
    }
    for (size_t i = 0; i < m->catalog_count; i++) {
        HI_TRY(hi_manifest_add_catalog(clone, &m->catalogs[i], err));
    }
    for (size_t i = 0; i < m->tombstone_count; i++) {
        HI_TRY(hi_manifest_add_tombstone(clone, &m->tombstones[i], err));
    }
    for (size_t i = 0; i < m->obsolete_count; i++) {
        HI_TRY(hi_manifest_add_obsolete(clone, m->obsolete[i].kind, m->obsolete[i].id, err));
    }
    return HIST_OK;
}

hist_status hi_manifest_clone(const hi_manifest *m, hi_manifest *clone, hist_error *err)
{
    *clone = *m;
    clone->time_column = NULL;
    clone->parts = NULL;
    clone->part_count = clone->part_capacity = 0;
    clone->catalogs = NULL;
    clone->catalog_count = clone->catalog_capacity = 0;
    clone->tombstones = NULL;
    clone->tombstone_count = clone->tombstone_capacity = 0;
    clone->obsolete = NULL;
    clone->obsolete_count = clone->obsolete_capacity = 0;
    return manifest_clone_lists(m, clone, err);
}

hi_part_entry *hi_manifest_find_part(const hi_manifest *m, uint64_t id)
{
    for (size_t i = 0; i < m->part_count; i++) {
        if (m->parts[i].id == id) {
            return &m->parts[i];
        }
    }
    return NULL;
}

bool hi_manifest_remove_part(hi_manifest *m, uint64_t id)
{
    hi_part_entry *part = hi_manifest_find_part(m, id);

    if (part == NULL) {
        return false;
    }
    manifest_part_clear(m, part);
    m->part_count--;
    memmove(part, part + 1, (size_t)(m->parts + m->part_count - part) * sizeof(*part));
    return true;
}

bool hi_manifest_remove_catalog(hi_manifest *m, uint64_t id)
{
    for (size_t i = 0; i < m->catalog_count; i++) {
        if (m->catalogs[i].id == id) {
            m->catalog_count--;
            memmove(&m->catalogs[i], &m->catalogs[i + 1],
                    (m->catalog_count - i) * sizeof(*m->catalogs));
            return true;
        }
    }
    return false;
}

void hi_manifest_remove_tombstone(hi_manifest *m, size_t index)
{
    manifest_tombstone_clear(m, &m->tombstones[index]);
    m->tombstone_count--;
    memmove(&m->tombstones[index], &m->tombstones[index + 1],
            (m->tombstone_count - index) * sizeof(*m->tombstones));
}
