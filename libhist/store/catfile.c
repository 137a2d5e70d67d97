/* catfile.c -- reading CAT files; see catfile.h. */
#include "store/catfile.h"

#include <string.h>

#include "base/hash.h"
#include "os/file.h"
#include "store/names.h"
#include "store/super.h"

static uint32_t cat_u32(const uint8_t *array, uint32_t index)
{
    return hi_get_u32(array + (size_t)index * 4);
}

static hist_status cat_damaged(const hi_catfile *f, hi_cat_section section, hist_error *err)
{
    static const char *const names[HI_CAT_SECTIONS] = {"definitions", "tag values", "series",
                                                       "postings"};

    return hi_corrupt(err, f->path, (int64_t)f->sections[section].offset,
                      "the section of %s does not make sense", names[section]);
}

/* ---- head ---- */

/* Version and features of a head whose checksum is right. */
static hist_status cat_check_head(const hi_catfile *f, const uint8_t *head, bool for_write,
                                  hist_error *err)
{
    const hi_features features = hi_features_get(head + 16);

    if (hi_get_u32(head + 8) != HI_FORMAT_VERSION) {
        return hi_fail(err, HIST_EVERSION,
                       "%s: format version %u, this version (%s) reads only %d; use a newer one",
                       f->path, hi_get_u32(head + 8), HIST_VERSION, HI_FORMAT_VERSION);
    }
    return hi_features_check(&features, f->path, for_write, err);
}

static hist_status cat_parse_head(hi_catfile *f, const uint8_t *head, bool for_write,
                                  hist_error *err)
{
    uint64_t expected = HI_CAT_HEAD_SIZE;

    if (memcmp(head, "HISTCAT1", 8) != 0) {
        return hi_corrupt(err, f->path, 0, "not a catalog file");
    }
    const uint64_t hash =
        hi_hash(head, HI_CAT_HEAD_SIZE - 8, hi_hash_seed(f->store, f->info.id, 0));
    if (hash != hi_get_u64(head + HI_CAT_HEAD_SIZE - 8) || hash != f->info.head_hash) {
        return hi_corrupt(err, f->path, 0, "the checksum of the head is wrong");
    }
    HI_TRY(cat_check_head(f, head, for_write, err));
    f->series_count = hi_get_u32(head + 48);
    f->first_series = hi_get_u32(head + 52);
    f->last_series = hi_get_u32(head + 56);
    if (hi_get_u64(head + 40) != f->info.id || hi_get_u32(head + 60) != HI_CAT_SECTIONS) {
        return hi_corrupt(err, f->path, 40, "the head is of another file");
    }
    for (int i = 0; i < HI_CAT_SECTIONS; i++) {
        hi_catfile_section *s = &f->sections[i];

        s->offset = hi_get_u64(head + 64 + i * 24);
        s->size = hi_get_u64(head + 72 + i * 24);
        s->hash = hi_get_u64(head + 80 + i * 24);
        if (s->offset != expected || s->size > f->info.size_bytes - expected) {
            return hi_corrupt(err, f->path, 64 + i * 24, "a section lies outside the file");
        }
        expected += s->size;
    }
    return expected == f->info.size_bytes
               ? HIST_OK
               : hi_corrupt(err, f->path, -1, "the sections do not fill the file");
}

static hist_status cat_read(hi_catfile *f, uint64_t offset, uint8_t *data, size_t size,
                            hist_error *err)
{
    hist_file *file = NULL;

    HI_TRY(f->vfs->open(f->vfs, f->path, HIST_OPEN_READ, &file, err));
    const hist_status status = hi_file_read_exact(file, f->path, offset, data, size, err);
    file->ops->close(file);
    return status;
}

hist_status hi_catfile_open(const hi_catfile_config *config, const hi_catalog_file *info,
                            hi_catfile **file_out, hist_error *err)
{
    char path[HI_PATH_SIZE];
    uint8_t head[HI_CAT_HEAD_SIZE];
    hi_catfile *f = HI_MEM_NEW(config->mem, hi_catfile);

    if (f == NULL) {
        return hi_no_memory(err, "a catalog file");
    }
    f->mem = config->mem;
    f->vfs = config->vfs;
    f->store = config->store;
    f->info = *info;
    pthread_mutex_init(&f->lock, NULL);
    hist_status status = hi_name_path(config->dir, HI_FILE_CATALOG, info->id, path, err);
    if (status == HIST_OK) {
        f->path_size = strlen(path) + 1;
        f->path = hi_mem_alloc(f->mem, f->path_size);
        status = f->path == NULL ? hi_no_memory(err, "a catalog file") : HIST_OK;
    }
    if (status == HIST_OK) {
        memcpy(f->path, path, f->path_size);
        status = info->size_bytes < HI_CAT_HEAD_SIZE
                     ? hi_corrupt(err, path, -1, "too short for a catalog file")
                     : cat_read(f, 0, head, sizeof(head), err);
    }
    if (status == HIST_OK) {
        status = cat_parse_head(f, head, config->for_write, err);
    }
    if (status != HIST_OK) {
        hi_catfile_free(f);
        return status;
    }
    *file_out = f;
    return HIST_OK;
}

void hi_catfile_free(hi_catfile *f)
{
    if (f == NULL) {
        return;
    }
    for (int i = 0; i < HI_CAT_SECTIONS; i++) {
        hi_catfile_drop(f, (hi_cat_section)i);
    }
    hi_mem_free(f->mem, f->path, f->path_size);
    pthread_mutex_destroy(&f->lock);
    HI_MEM_DELETE(f->mem, f);
}

void hi_catfile_drop(hi_catfile *f, hi_cat_section section)
{
    hi_catfile_section *s = &f->sections[section];

    hi_mem_free(f->mem, atomic_load(&s->data), (size_t)s->size);
    atomic_store(&s->data, NULL);
}

/* ---- sections ---- */

/* `count` elements of `size` bytes in place; NULL when they do not fit. */
static const uint8_t *cat_array(hi_reader *r, uint64_t count, size_t size)
{
    return count > hi_reader_left(r) / size ? (r->failed = true, NULL)
                                            : hi_read_bytes(r, (size_t)count * size);
}

static bool cat_room_ok(uint32_t room, uint32_t count)
{
    return count == 0 ? room == 0 || (room & (room - 1)) == 0
                      : room > count && (room & (room - 1)) == 0;
}

static bool cat_open_values(hi_catfile *f, hi_reader *r)
{
    hi_catfile_values *v = &f->values;

    v->count = hi_read_u32(r);
    v->slot_room = hi_read_u32(r);
    v->columns = cat_array(r, v->count, 4);
    v->ends = cat_array(r, v->count, 4);
    v->slots = cat_array(r, v->slot_room, 8);
    v->bytes_size = hi_reader_left(r);
    v->bytes = hi_read_bytes(r, (size_t)v->bytes_size);
    return !r->failed && cat_room_ok(v->slot_room, v->count);
}

static bool cat_open_series(hi_catfile *f, hi_reader *r)
{
    hi_catfile_series *s = &f->series;

    s->count = hi_read_u32(r);
    s->key_count = hi_read_u32(r);
    s->slot_room = hi_read_u32(r);
    s->ids = cat_array(r, s->count, 4);
    s->tables = cat_array(r, s->count, 4);
    s->key_ends = cat_array(r, s->count, 4);
    s->keys = cat_array(r, s->key_count, 4);
    s->slots = cat_array(r, s->slot_room, 8);
    return !r->failed && hi_reader_left(r) == 0 && s->count == f->series_count &&
           cat_room_ok(s->slot_room, s->count);
}

static bool cat_open_postings(hi_catfile *f, hi_reader *r)
{
    hi_catfile_postings *p = &f->postings;

    p->value_count = hi_read_u32(r);
    p->table_count = hi_read_u32(r);
    p->value_ends = cat_array(r, p->value_count, 4);
    p->tables = cat_array(r, p->table_count, 8);
    p->bytes_size = hi_reader_left(r);
    p->bytes = hi_read_bytes(r, (size_t)p->bytes_size);
    return !r->failed;
}

static bool cat_open_section(hi_catfile *f, hi_cat_section section, const uint8_t *data)
{
    hi_reader r = hi_reader_of(data, (size_t)f->sections[section].size);

    switch (section) {
    case HI_CAT_VALUES:
        return cat_open_values(f, &r);
    case HI_CAT_SERIES:
        return cat_open_series(f, &r);
    case HI_CAT_POSTINGS:
        return cat_open_postings(f, &r);
    default:
        return true;
    }
}

static hist_status cat_load_locked(hi_catfile *f, hi_cat_section section, hist_error *err)
{
    hi_catfile_section *s = &f->sections[section];
    uint8_t *data = hi_mem_alloc(f->mem, (size_t)s->size);

    if (data == NULL) {
        return hi_no_memory(err, "a section of a catalog file");
    }
    hist_status status = cat_read(f, s->offset, data, (size_t)s->size, err);
    if (status == HIST_OK &&
        hi_hash(data, (size_t)s->size, hi_hash_seed(f->store, f->info.id, s->offset)) != s->hash) {
        status = hi_corrupt(err, f->path, (int64_t)s->offset,
                            "the checksum of a section of %llu bytes is wrong",
                            (unsigned long long)s->size);
    }
    if (status == HIST_OK && !cat_open_section(f, section, data)) {
        status = cat_damaged(f, section, err);
    }
    if (status != HIST_OK) {
        hi_mem_free(f->mem, data, (size_t)s->size);
        return status;
    }
    atomic_store_explicit(&s->data, data, memory_order_release);
    return HIST_OK;
}

hist_status hi_catfile_load(hi_catfile *f, hi_cat_section section, const uint8_t **data_out,
                            hist_error *err)
{
    hi_catfile_section *s = &f->sections[section];
    hist_status status = HIST_OK;

    if (atomic_load_explicit(&s->data, memory_order_acquire) == NULL) {
        pthread_mutex_lock(&f->lock);
        if (atomic_load(&s->data) == NULL) {
            status = cat_load_locked(f, section, err);
        }
        pthread_mutex_unlock(&f->lock);
    }
    if (status == HIST_OK && data_out != NULL) {
        *data_out = atomic_load(&s->data);
    }
    return status;
}

static hist_status cat_need(hi_catfile *f, bool postings, hist_error *err)
{
    HI_TRY(hi_catfile_load(f, HI_CAT_VALUES, NULL, err));
    HI_TRY(hi_catfile_load(f, HI_CAT_SERIES, NULL, err));
    return postings ? hi_catfile_load(f, HI_CAT_POSTINGS, NULL, err) : HIST_OK;
}

/* ---- values ---- */

static bool cat_value(const hi_catfile *f, uint32_t code, uint32_t *column_out, hist_str *value_out)
{
    const hi_catfile_values *v = &f->values;

    if (code >= v->count) {
        return false;
    }
    const uint32_t begin = code == 0 ? 0 : cat_u32(v->ends, code - 1);
    const uint32_t end = cat_u32(v->ends, code);
    if (begin > end || end > v->bytes_size) {
        return false;
    }
    *column_out = cat_u32(v->columns, code);
    *value_out = (hist_str){(const char *)v->bytes + begin, end - begin};
    return true;
}

static bool cat_same(hist_str a, hist_str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Code of a value; HI_RECENT_NONE: not in this file. */
static hist_status cat_find_value(hi_catfile *f, uint32_t column, hist_str value,
                                  uint32_t *code_out, hist_error *err)
{
    const hi_catfile_values *v = &f->values;
    const uint32_t hash = (uint32_t)hi_value_hash(column, value);

    *code_out = HI_RECENT_NONE;
    for (uint32_t n = 0, at = hash; n < v->slot_room; n++, at++) {
        const uint8_t *slot = v->slots + (size_t)(at & (v->slot_room - 1)) * 8;
        const uint32_t index = hi_get_u32(slot + 4);
        uint32_t found_column = 0;
        hist_str found = {NULL, 0};

        if (index == 0) {
            return HIST_OK;
        }
        if (hi_get_u32(slot) != hash) {
            continue;
        }
        if (!cat_value(f, index - 1, &found_column, &found)) {
            return cat_damaged(f, HI_CAT_VALUES, err);
        }
        if (found_column == column && cat_same(found, value)) {
            *code_out = index - 1;
            return HIST_OK;
        }
    }
    return HIST_OK;
}

/* ---- series ---- */

/* The codes of a series' values: keys [*begin, *end). */
static bool cat_keys(const hi_catfile *f, uint32_t index, uint32_t *begin, uint32_t *end)
{
    const hi_catfile_series *s = &f->series;

    if (index >= s->count) {
        return false;
    }
    *begin = index == 0 ? 0 : cat_u32(s->key_ends, index - 1);
    *end = cat_u32(s->key_ends, index);
    return *begin <= *end && *end <= s->key_count && *end - *begin <= HIST_TAGS_MAX;
}

hist_status hi_catfile_tags(hi_catfile *f, uint32_t index, hi_tag_ref tags[HIST_TAGS_MAX],
                            uint32_t *count_out, hist_error *err)
{
    uint32_t begin = 0;
    uint32_t end = 0;

    if (!cat_keys(f, index, &begin, &end)) {
        return cat_damaged(f, HI_CAT_SERIES, err);
    }
    for (uint32_t k = begin; k < end; k++) {
        hi_tag_ref *tag = &tags[k - begin];

        if (!cat_value(f, cat_u32(f->series.keys, k), &tag->column, &tag->value)) {
            return cat_damaged(f, HI_CAT_SERIES, err);
        }
    }
    *count_out = end - begin;
    return HIST_OK;
}

static hist_status cat_is(hi_catfile *f, uint32_t index, uint32_t table, const hi_tag_ref *tags,
                          uint32_t count, bool *same_out, hist_error *err)
{
    hi_tag_ref found[HIST_TAGS_MAX];
    uint32_t found_count = 0;

    HI_TRY(hi_catfile_tags(f, index, found, &found_count, err));
    *same_out = found_count == count && cat_u32(f->series.tables, index) == table;
    for (uint32_t i = 0; *same_out && i < count; i++) {
        *same_out = found[i].column == tags[i].column && cat_same(found[i].value, tags[i].value);
    }
    return HIST_OK;
}

hist_status hi_catfile_find(hi_catfile *f, uint32_t table, const hi_tag_ref *tags, uint32_t count,
                            uint64_t hash, uint32_t *id_out, hist_error *err)
{
    *id_out = 0;
    if (f->series_count == 0) {
        return HIST_OK;
    }
    HI_TRY(cat_need(f, false, err));
    const uint32_t room = f->series.slot_room;
    for (uint32_t n = 0, at = (uint32_t)hash; n < room; n++, at++) {
        const uint8_t *slot = f->series.slots + (size_t)(at & (room - 1)) * 8;
        const uint32_t index = hi_get_u32(slot + 4);
        bool same = false;

        if (index == 0) {
            return HIST_OK;
        }
        if (hi_get_u32(slot) != (uint32_t)hash) {
            continue;
        }
        HI_TRY(cat_is(f, index - 1, table, tags, count, &same, err));
        if (same) {
            *id_out = cat_u32(f->series.ids, index - 1);
            return HIST_OK;
        }
    }
    return HIST_OK;
}

hist_status hi_catfile_by_id(hi_catfile *f, uint32_t id, uint32_t *index_out, hist_error *err)
{
    *index_out = HI_RECENT_NONE;
    if (f->series_count == 0 || id < f->first_series || id > f->last_series) {
        return HIST_OK;
    }
    HI_TRY(cat_need(f, false, err));
    const uint32_t guess = id - f->first_series; /* Right unless there are gaps. */
    if (guess < f->series.count && cat_u32(f->series.ids, guess) == id) {
        *index_out = guess;
        return HIST_OK;
    }
    uint32_t low = 0;
    uint32_t high = f->series.count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (cat_u32(f->series.ids, middle) < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < f->series.count && cat_u32(f->series.ids, low) == id) {
        *index_out = low;
    }
    return HIST_OK;
}

uint32_t hi_catfile_table_of(const hi_catfile *f, uint32_t index)
{
    return index < f->series.count ? cat_u32(f->series.tables, index) : 0;
}

hist_status hi_catfile_tag(hi_catfile *f, uint32_t index, uint32_t column, hist_str *value_out,
                           uint32_t *code_out, hist_error *err)
{
    uint32_t begin = 0;
    uint32_t end = 0;

    *value_out = (hist_str){"", 0};
    *code_out = HI_RECENT_NONE;
    if (!cat_keys(f, index, &begin, &end)) {
        return cat_damaged(f, HI_CAT_SERIES, err);
    }
    for (uint32_t k = begin; k < end; k++) {
        const uint32_t code = cat_u32(f->series.keys, k);
        uint32_t found = 0;
        hist_str value = {NULL, 0};

        if (!cat_value(f, code, &found, &value)) {
            return cat_damaged(f, HI_CAT_SERIES, err);
        }
        if (found == column) {
            *value_out = value;
            *code_out = code;
            return HIST_OK;
        }
    }
    return HIST_OK;
}

/* ---- lists ---- */

static hist_status cat_list_bytes(hi_catfile *f, uint32_t begin, uint32_t end, hi_id_list *list,
                                  hist_error *err)
{
    if (begin > end || end > f->postings.bytes_size) {
        return cat_damaged(f, HI_CAT_POSTINGS, err);
    }
    const hist_status status = hi_postings_decode(f->postings.bytes + begin, end - begin, list);
    if (status == HIST_ECORRUPT) {
        return cat_damaged(f, HI_CAT_POSTINGS, err);
    }
    return status == HIST_ENOMEM ? hi_no_memory(err, "a list of series") : status;
}

static hist_status cat_list_table(hi_catfile *f, uint32_t table, hi_id_list *list, hist_error *err)
{
    const hi_catfile_postings *p = &f->postings;
    uint32_t begin = p->value_count == 0 ? 0 : cat_u32(p->value_ends, p->value_count - 1);

    for (uint32_t i = 0; i < p->table_count; i++) {
        const uint32_t end = cat_u32(p->tables, i * 2 + 1);

        if (cat_u32(p->tables, i * 2) == table) {
            return cat_list_bytes(f, begin, end, list, err);
        }
        begin = end;
    }
    return HIST_OK;
}

/* Series of the table that do not have the tag. */
static hist_status cat_list_absent(hi_catfile *f, uint32_t table, uint32_t column, hi_id_list *list,
                                   hist_error *err)
{
    const uint32_t before = list->count;
    uint32_t kept = before;

    HI_TRY(cat_list_table(f, table, list, err));
    for (uint32_t i = before; i < list->count; i++) {
        uint32_t index = HI_RECENT_NONE;
        uint32_t code = HI_RECENT_NONE;
        hist_str value = {NULL, 0};

        HI_TRY(hi_catfile_by_id(f, list->ids[i], &index, err));
        HI_TRY(hi_catfile_tag(f, index, column, &value, &code, err));
        if (code == HI_RECENT_NONE) {
            list->ids[kept++] = list->ids[i];
        }
    }
    list->count = kept;
    return HIST_OK;
}

hist_status hi_catfile_list(hi_catfile *f, uint32_t table, uint32_t column, hist_str value,
                            hi_id_list *list, hist_error *err)
{
    uint32_t code = HI_RECENT_NONE;

    if (f->series_count == 0) {
        return HIST_OK;
    }
    HI_TRY(cat_need(f, true, err));
    if (column == 0) {
        return cat_list_table(f, table, list, err);
    }
    if (value.size == 0) {
        return cat_list_absent(f, table, column, list, err);
    }
    HI_TRY(cat_find_value(f, column, value, &code, err));
    if (code == HI_RECENT_NONE) {
        return HIST_OK;
    }
    if (code >= f->postings.value_count) {
        return cat_damaged(f, HI_CAT_POSTINGS, err);
    }
    const uint32_t begin = code == 0 ? 0 : cat_u32(f->postings.value_ends, code - 1);
    return cat_list_bytes(f, begin, cat_u32(f->postings.value_ends, code), list, err);
}
