/* catfile_write.c -- series in memory to a CAT file; see catfile.h. Sections are built and written one by one. */
#include <string.h>

#include "base/hash.h"
#include "os/file.h"
#include "store/catfile.h"
#include "store/names.h"

typedef struct cat_writer {
    const hi_catfile_config *config;
    uint64_t id;
    hist_file *file;
    uint64_t at;
    hi_buf section;
    hi_catfile_section sections[HI_CAT_SECTIONS];
} cat_writer;

static void cat_put_u32s(hi_buf *out, const uint32_t *values, uint32_t count)
{
    uint8_t *to = (uint8_t *)hi_buf_reserve(out, (size_t)count * 4);

    for (uint32_t i = 0; to != NULL && i < count; i++) {
        hi_put_u32(to + (size_t)i * 4, values[i]);
    }
    out->size += to == NULL ? 0 : (size_t)count * 4;
}

static void cat_put_slots(hi_buf *out, const hi_recent_slot *slots, uint32_t room)
{
    uint8_t *to = (uint8_t *)hi_buf_reserve(out, (size_t)room * 8);

    for (uint32_t i = 0; to != NULL && i < room; i++) {
        hi_put_u32(to + (size_t)i * 8, slots[i].hash);
        hi_put_u32(to + (size_t)i * 8 + 4, slots[i].index);
    }
    out->size += to == NULL ? 0 : (size_t)room * 8;
}

static void cat_build_values(const hi_recent *r, hi_buf *out)
{
    uint64_t end = 0;

    hi_buf_u32(out, r->value_count);
    hi_buf_u32(out, r->value_slot_room);
    for (uint32_t i = 0; i < r->value_count; i++) {
        hi_buf_u32(out, r->values[i].column);
    }
    for (uint32_t i = 0; i < r->value_count; i++) {
        end += r->values[i].size;
        hi_buf_u32(out, (uint32_t)end);
    }
    out->failed |= end > UINT32_MAX;
    cat_put_slots(out, r->value_slots, r->value_slot_room);
    for (uint32_t i = 0; i < r->value_count; i++) {
        hi_buf_append(out, r->values[i].bytes, r->values[i].size);
    }
}

static void cat_build_series(const hi_recent *r, hi_buf *out)
{
    hi_buf_u32(out, r->series_count);
    hi_buf_u32(out, r->key_count);
    hi_buf_u32(out, r->series_slot_room);
    for (uint32_t i = 0; i < r->series_count; i++) {
        hi_buf_u32(out, r->series[i].id);
    }
    for (uint32_t i = 0; i < r->series_count; i++) {
        hi_buf_u32(out, r->series[i].table);
    }
    for (uint32_t i = 0; i < r->series_count; i++) {
        hi_buf_u32(out, r->series[i].keys_end);
    }
    cat_put_u32s(out, r->keys, r->key_count);
    cat_put_slots(out, r->series_slots, r->series_slot_room);
}

/* ---- postings ---- */

/* Series ids grouped by something: those of group g are ids[starts[g] .. starts[g + 1]). */
typedef struct cat_groups {
    uint32_t count;
    uint32_t total;
    uint32_t *starts; /* count + 1 */
    uint32_t *ids;
} cat_groups;

static bool cat_groups_new(hi_mem *mem, uint32_t count, uint32_t total, cat_groups *g)
{
    *g = (cat_groups){.count = count, .total = total};
    g->starts = hi_mem_calloc(mem, (size_t)count + 1, sizeof(*g->starts));
    g->ids = hi_mem_alloc(mem, total * sizeof(*g->ids));
    return g->starts != NULL && g->ids != NULL;
}

static void cat_groups_free(hi_mem *mem, cat_groups *g)
{
    hi_mem_free(mem, g->starts, ((size_t)g->count + 1) * sizeof(*g->starts));
    hi_mem_free(mem, g->ids, g->total * sizeof(*g->ids));
}

/* Counts in starts[g] become where each group begins; filling then moves them to where it ends. */
static void cat_groups_place(cat_groups *g)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i <= g->count; i++) {
        const uint32_t n = g->starts[i];

        g->starts[i] = at;
        at += n;
    }
}

/* The lists of all groups into `lists`, the offsets of their ends into ends[]. */
static void cat_groups_encode(const cat_groups *g, hi_buf *lists, uint32_t *ends)
{
    uint32_t begin = 0;

    for (uint32_t i = 0; i < g->count; i++) {
        hi_postings_encode(g->ids + begin, g->starts[i] - begin, lists);
        begin = g->starts[i];
        lists->failed |= lists->size > UINT32_MAX;
        ends[i] = (uint32_t)lists->size;
    }
}

static void cat_group_values(const hi_recent *r, cat_groups *g)
{
    uint32_t k = 0;

    for (uint32_t i = 0; i < r->key_count; i++) {
        g->starts[r->keys[i]]++;
    }
    cat_groups_place(g);
    for (uint32_t i = 0; i < r->series_count; i++) {
        for (; k < r->series[i].keys_end; k++) {
            g->ids[g->starts[r->keys[k]]++] = r->series[i].id;
        }
    }
}

/* Position of a table in the ascending list tables[]; count when it is not there. */
static uint32_t cat_table_at(const uint32_t *tables, uint32_t count, uint32_t table)
{
    uint32_t low = 0;
    uint32_t high = count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (tables[middle] < table) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The distinct tables of the series, ascending, in *tables (room for one a series at most). */
static bool cat_tables(hi_mem *mem, const hi_recent *r, uint32_t **tables, uint32_t *count,
                       uint32_t *room)
{
    uint32_t last = 0;

    for (uint32_t i = 0; i < r->series_count; i++) {
        const uint32_t table = r->series[i].table;

        if (table == last) {
            continue;
        }
        last = table;
        const uint32_t at = cat_table_at(*tables, *count, table);
        if (at < *count && (*tables)[at] == table) {
            continue;
        }
        if (*count == *room) {
            const uint32_t more = *room == 0 ? 64 : *room * 2;
            uint32_t *fresh =
                hi_mem_realloc(mem, *tables, *room * sizeof(*fresh), (size_t)more * sizeof(*fresh));

            if (fresh == NULL) {
                return false;
            }
            *tables = fresh;
            *room = more;
        }
        memmove(*tables + at + 1, *tables + at, (*count - at) * sizeof(**tables));
        (*tables)[at] = table;
        (*count)++;
    }
    return true;
}

static void cat_group_tables(const hi_recent *r, const uint32_t *tables, cat_groups *g)
{
    for (uint32_t i = 0; i < r->series_count; i++) {
        g->starts[cat_table_at(tables, g->count, r->series[i].table)]++;
    }
    cat_groups_place(g);
    for (uint32_t i = 0; i < r->series_count; i++) {
        g->ids[g->starts[cat_table_at(tables, g->count, r->series[i].table)]++] = r->series[i].id;
    }
}

typedef struct cat_postings {
    cat_groups values;
    cat_groups tables;
    uint32_t *table_ids;
    uint32_t table_room;
    uint32_t *ends;
    uint32_t end_count;
    hi_buf lists;
} cat_postings;

static bool cat_collect_postings(hi_mem *mem, const hi_recent *r, cat_postings *p)
{
    uint32_t table_count = 0;

    if (!cat_tables(mem, r, &p->table_ids, &table_count, &p->table_room) ||
        !cat_groups_new(mem, r->value_count, r->key_count, &p->values) ||
        !cat_groups_new(mem, table_count, r->series_count, &p->tables)) {
        return false;
    }
    p->ends = hi_mem_alloc(mem, ((size_t)r->value_count + table_count) * sizeof(*p->ends));
    if (p->ends == NULL) {
        return false;
    }
    p->end_count = r->value_count + table_count;
    cat_group_values(r, &p->values);
    cat_group_tables(r, p->table_ids, &p->tables);
    cat_groups_encode(&p->values, &p->lists, p->ends);
    cat_groups_encode(&p->tables, &p->lists, p->ends + r->value_count);
    return true;
}

static void cat_build_postings(hi_mem *mem, const hi_recent *r, hi_buf *out)
{
    cat_postings p = {0};

    hi_buf_init(&p.lists, mem, UINT32_MAX);
    if (cat_collect_postings(mem, r, &p)) {
        hi_buf_u32(out, p.values.count);
        hi_buf_u32(out, p.tables.count);
        cat_put_u32s(out, p.ends, p.values.count);
        for (uint32_t i = 0; i < p.tables.count; i++) {
            hi_buf_u32(out, p.table_ids[i]);
            hi_buf_u32(out, p.ends[p.values.count + i]);
        }
        hi_buf_append(out, p.lists.data, p.lists.size);
        out->failed |= p.lists.failed;
    } else {
        out->failed = true;
    }
    hi_buf_free(&p.lists);
    hi_mem_free(mem, p.ends, p.end_count * sizeof(*p.ends));
    cat_groups_free(mem, &p.tables);
    cat_groups_free(mem, &p.values);
    hi_mem_free(mem, p.table_ids, p.table_room * sizeof(*p.table_ids));
}

/* ---- the file ---- */

static hist_status cat_write_section(cat_writer *w, hi_cat_section which, const hi_buf *bytes,
                                     hist_error *err)
{
    const hist_iov iov = {bytes->data, bytes->size};

    if (!hi_buf_ok(bytes)) {
        return hi_no_memory(err, "a section of a catalog file");
    }
    w->sections[which].offset = w->at;
    w->sections[which].size = bytes->size;
    w->sections[which].hash =
        hi_hash(bytes->data, bytes->size, hi_hash_seed(w->config->store, w->id, w->at));
    if (bytes->size > 0) {
        HI_TRY(w->file->ops->write(w->file, w->at, &iov, 1, err));
    }
    w->at += bytes->size;
    return HIST_OK;
}

static hist_status cat_write_sections(cat_writer *w, const hi_buf *defs, const hi_recent *recent,
                                      hist_error *err)
{
    w->at = HI_CAT_HEAD_SIZE;
    HI_TRY(cat_write_section(w, HI_CAT_DEFS, defs, err));
    cat_build_values(recent, &w->section);
    HI_TRY(cat_write_section(w, HI_CAT_VALUES, &w->section, err));
    hi_buf_clear(&w->section);
    cat_build_series(recent, &w->section);
    HI_TRY(cat_write_section(w, HI_CAT_SERIES, &w->section, err));
    hi_buf_clear(&w->section);
    cat_build_postings(w->config->mem, recent, &w->section);
    return cat_write_section(w, HI_CAT_POSTINGS, &w->section, err);
}

static hist_status cat_write_head(cat_writer *w, const hi_recent *recent, uint64_t *hash_out,
                                  hist_error *err)
{
    uint8_t head[HI_CAT_HEAD_SIZE] = {0};
    const hist_iov iov = {head, sizeof(head)};
    uint8_t *at = head + 64;

    memcpy(head, "HISTCAT1", 8);
    hi_put_u64(head + 40, w->id);
    hi_put_u32(head + 48, recent->series_count);
    if (recent->series_count > 0) {
        hi_put_u32(head + 52, recent->series[0].id);
        hi_put_u32(head + 56, recent->series[recent->series_count - 1].id);
    }
    hi_put_u32(head + 60, HI_CAT_SECTIONS);
    for (int i = 0; i < HI_CAT_SECTIONS; i++, at += 24) {
        hi_put_u64(at, w->sections[i].offset);
        hi_put_u64(at + 8, w->sections[i].size);
        hi_put_u64(at + 16, w->sections[i].hash);
    }
    *hash_out = hi_hash(head, HI_CAT_HEAD_SIZE - 8, hi_hash_seed(w->config->store, w->id, 0));
    hi_put_u64(head + HI_CAT_HEAD_SIZE - 8, *hash_out);
    return w->file->ops->write(w->file, 0, &iov, 1, err);
}

static hist_status cat_write_all(cat_writer *w, const char *path, const hi_buf *defs,
                                 const hi_recent *recent, hi_catalog_file *info_out,
                                 hist_error *err)
{
    hist_vfs *vfs = w->config->vfs;

    HI_TRY(
        vfs->open(vfs, path, HIST_OPEN_READ | HIST_OPEN_WRITE | HIST_OPEN_CREATE, &w->file, err));
    hist_status status = cat_write_sections(w, defs, recent, err);
    if (status == HIST_OK) {
        status = cat_write_head(w, recent, &info_out->head_hash, err);
    }
    if (status == HIST_OK) {
        status = w->file->ops->sync(w->file, err);
    }
    w->file->ops->close(w->file);
    info_out->id = w->id;
    info_out->size_bytes = w->at;
    return status;
}

hist_status hi_catfile_write(const hi_catfile_config *config, uint64_t id, const hi_buf *defs,
                             const hi_recent *recent, hi_catalog_file *info_out, hist_error *err)
{
    cat_writer w = {.config = config, .id = id};
    char name[HI_NAME_SIZE];
    char path[HI_PATH_SIZE];
    char temp[HI_PATH_SIZE];
    hist_vfs *vfs = config->vfs;

    hi_name_format(HI_FILE_CATALOG, id, name);
    HI_TRY(hi_path_join(path, config->dir, name, err));
    memcpy(name + strlen(name), HI_TEMP_SUFFIX,
           sizeof(HI_TEMP_SUFFIX)); /* HI_NAME_SIZE has room for it. */
    HI_TRY(hi_path_join(temp, config->dir, name, err));
    (void)vfs->unlink(vfs, temp, NULL); /* Left by an earlier try. */
    hi_buf_init(&w.section, config->mem, UINT32_MAX);
    hist_status status = cat_write_all(&w, temp, defs, recent, info_out, err);
    hi_buf_free(&w.section);
    if (status == HIST_OK) {
        status = vfs->rename(vfs, temp, path, err);
    }
    if (status != HIST_OK) {
        (void)vfs->unlink(vfs, temp, NULL);
        return status;
    }
    return vfs->sync_dir(vfs, config->dir, err);
}
