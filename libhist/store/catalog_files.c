/*
 * catalog_files.c -- checkpoints: from memory to CAT files and back; see catalog_write.h.
 *
 * A checkpoint freezes the recent series, so that definitions can go on while the
 * file is written. Frozen series are dropped only when the manifest names
 * the file; a failed checkpoint leaves them for the next.
 */
#include <string.h>

#include "os/file.h"
#include "store/catalog_impl.h"

/* ---- the section of definitions ---- */

static void cat_encode_named(hi_buf *out, cat_kind kind, const cat_named *n)
{
    const size_t head =
        hi_walrec_begin(out, kind == CAT_DATABASE ? HI_WALREC_DATABASE : HI_WALREC_TABLE);

    hi_buf_varint(out, n->id);
    if (kind == CAT_TABLE) {
        hi_buf_varint(out, n->parent);
    }
    hi_buf_text(out, n->name.data, n->name.size);
    hi_walrec_end(out, head);
}

static void cat_encode_column(hi_buf *out, const cat_column *c)
{
    const size_t head = hi_walrec_begin(out, HI_WALREC_COLUMN);

    hi_buf_varint(out, c->named.id);
    hi_buf_varint(out, c->named.parent);
    hi_buf_byte(out, (uint8_t)c->kind);
    hi_buf_byte(out, (uint8_t)c->type);
    hi_buf_text(out, c->named.name.data, c->named.name.size);
    hi_walrec_end(out, head);
}

/* Everything of a kind from id `from` on. */
static void cat_encode_kind(const hi_catalog *c, cat_kind kind, uint32_t from, hi_buf *out)
{
    for (uint32_t i = 0; i < c->lists[kind].count; i++) {
        const cat_named *n = c->lists[kind].items[i];

        if (n->id < from) {
            continue;
        }
        if (kind == CAT_COLUMN) {
            cat_encode_column(out, (const cat_column *)n);
        } else {
            cat_encode_named(out, kind, n);
        }
    }
}

static void cat_encode_properties(const hi_catalog *c, hi_buf *out)
{
    for (uint32_t i = 0; i < c->lists[CAT_TABLE].count; i++) {
        const cat_table *t = (const cat_table *)c->lists[CAT_TABLE].items[i];

        for (const cat_property *p = t->properties; p != NULL; p = p->next) {
            hi_cat_encode_property(out, t->named.id, 0, p->key, p->value);
        }
    }
    for (uint32_t i = 0; i < c->lists[CAT_COLUMN].count; i++) {
        const cat_column *col = (const cat_column *)c->lists[CAT_COLUMN].items[i];

        for (const cat_property *p = col->properties; p != NULL; p = p->next) {
            hi_cat_encode_property(out, col->named.parent, col->named.id, p->key, p->value);
        }
    }
}

/* How many series of each table are in `recent`. */
static void cat_encode_counts(const hi_catalog *c, const hi_recent *recent, hi_buf *out)
{
    const cat_list *tables = &c->lists[CAT_TABLE];
    uint64_t *counts = hi_mem_calloc(c->mem, tables->count, sizeof(*counts));
    uint32_t used = 0;

    if (counts == NULL) {
        out->failed = true;
        return;
    }
    for (uint32_t i = 0; i < recent->series_count; i++) {
        uint32_t at = recent->series[i].table - tables->items[0]->id;

        if (at >= tables->count || tables->items[at]->id != recent->series[i].table) {
            for (at = 0; at < tables->count && tables->items[at]->id != recent->series[i].table;) {
                at++;
            }
        }
        if (at == tables->count) { /* A file that was merged has a series of no table. */
            out->failed = true;
            break;
        }
        used += counts[at]++ == 0;
    }
    hi_buf_varint(out, used);
    for (uint32_t at = 0; at < tables->count; at++) {
        if (counts[at] > 0) {
            hi_buf_varint(out, tables->items[at]->id);
            hi_buf_varint(out, counts[at]);
        }
    }
    hi_mem_free(c->mem, counts, tables->count * sizeof(*counts));
}

static void cat_encode_defs(const hi_catalog *c, const hi_catalog_ids *from,
                            const hi_recent *recent, hi_buf *out)
{
    hi_buf records;

    hi_buf_init(&records, c->mem, UINT32_MAX);
    cat_encode_kind(c, CAT_DATABASE, from->database, &records);
    cat_encode_kind(c, CAT_TABLE, from->table, &records);
    cat_encode_kind(c, CAT_COLUMN, from->column, &records);
    cat_encode_properties(c, &records);
    hi_buf_varint(out, c->next.database);
    hi_buf_varint(out, c->next.table);
    hi_buf_varint(out, c->next.column);
    hi_buf_varint(out, c->next.series);
    hi_buf_text(out, records.data, records.size);
    out->failed |= records.failed;
    cat_encode_counts(c, recent, out);
    hi_buf_free(&records);
}

static hist_status cat_apply_counts(hi_catalog *c, hi_reader *r, uint32_t series_count)
{
    const uint64_t tables = hi_read_varint(r);
    uint64_t total = 0;

    for (uint64_t i = 0; i < tables && !r->failed; i++) {
        const uint64_t table = hi_read_varint(r);
        const uint64_t count = hi_read_varint(r);
        cat_table *t =
            table > UINT32_MAX ? NULL : (cat_table *)hi_cat_by_id(c, CAT_TABLE, (uint32_t)table);

        if (t == NULL || count > series_count - total) {
            return HIST_ECORRUPT;
        }
        t->series_count += count;
        total += count;
    }
    c->series_count += total;
    return r->failed || total != series_count || hi_reader_left(r) != 0 ? HIST_ECORRUPT : HIST_OK;
}

static bool cat_apply_next(uint32_t *next, uint64_t value)
{
    if (value == 0 || value > UINT32_MAX) {
        return false;
    }
    *next = value > *next ? (uint32_t)value : *next;
    return true;
}

static hist_status cat_apply_defs(hi_catalog *c, const uint8_t *data, size_t size,
                                  const hi_catfile *file, hist_error *err)
{
    hi_reader r = hi_reader_of(data, size);
    hi_catalog_ids next = {0};
    hi_walrec record;
    size_t records_size = 0;

    const bool ids_ok = cat_apply_next(&next.database, hi_read_varint(&r)) &&
                        cat_apply_next(&next.table, hi_read_varint(&r)) &&
                        cat_apply_next(&next.column, hi_read_varint(&r)) &&
                        cat_apply_next(&next.series, hi_read_varint(&r));
    const uint8_t *records = hi_read_text(&r, &records_size);
    if (!ids_ok || r.failed) {
        return HIST_ECORRUPT;
    }
    hi_reader each = hi_reader_of(records, records_size);
    while (hi_walrec_next(&each, &record)) {
        if (record.type == HI_WALREC_SERIES) {
            return HIST_ECORRUPT;
        }
        HI_TRY(hi_cat_apply(c, &record, err));
    }
    if (each.failed || (file->series_count > 0 && file->last_series >= next.series)) {
        return HIST_ECORRUPT;
    }
    HI_TRY(cat_apply_counts(c, &r, file->series_count));
    (void)cat_apply_next(&c->next.database, next.database);
    (void)cat_apply_next(&c->next.table, next.table);
    (void)cat_apply_next(&c->next.column, next.column);
    (void)cat_apply_next(&c->next.series, next.series);
    c->saved = next;
    c->property_saved = c->property_version;
    return HIST_OK;
}

/* ---- opening ---- */

static bool cat_files_reserve(hi_catalog *c)
{
    cat_files *files = &c->files;

    if (files->count < files->room) {
        return true;
    }
    const uint32_t room = files->room == 0 ? 16 : files->room * 2;
    hi_catfile **items = hi_mem_realloc(c->mem, files->items, files->room * sizeof(hi_catfile *),
                                        room * sizeof(hi_catfile *));
    if (items == NULL) {
        return false;
    }
    files->items = items;
    files->room = room;
    return true;
}

static hist_status cat_open_file(hi_catalog *c, hi_catfile *file, hist_error *err)
{
    const cat_files *files = &c->files;
    const uint8_t *data = NULL;

    if (files->count >= HI_CATALOG_FILES_LIMIT) {
        return hi_corrupt(err, file->path, -1, "more than %d catalog files",
                          HI_CATALOG_FILES_LIMIT);
    }
    if (!cat_files_reserve(c)) {
        return hi_no_memory(err, "a catalog file");
    }
    HI_TRY(hi_catfile_load(file, HI_CAT_DEFS, &data, err));
    hist_status status =
        cat_apply_defs(c, data, (size_t)file->sections[HI_CAT_DEFS].size, file, err);
    hi_catfile_drop(file, HI_CAT_DEFS);
    if (status == HIST_ECORRUPT) {
        return hi_corrupt(err, file->path, HI_CAT_HEAD_SIZE, "the definitions do not make sense");
    }
    return status == HIST_ENOMEM ? hi_no_memory(err, "definitions") : status;
}

hist_status hi_catalog_open_file(hi_catalog *c, const hi_catalog_file *info, hist_error *err)
{
    hi_catfile *file = NULL;

    HI_TRY(hi_catfile_open(&c->files_config, info, &file, err));
    pthread_rwlock_wrlock(&c->lock);
    const hist_status status = cat_open_file(c, file, err);
    if (status == HIST_OK) {
        c->files.items[c->files.count++] = file;
    }
    pthread_rwlock_unlock(&c->lock);
    if (status != HIST_OK) {
        hi_catfile_free(file);
    }
    return status;
}

/* ---- what a checkpoint writes ---- */

static hist_status cat_gather_memory(const hi_recent *from, hi_recent *to, hist_error *err)
{
    hi_tag_ref tags[HIST_TAGS_MAX];

    for (uint32_t i = 0; from != NULL && i < from->series_count; i++) {
        const hi_recent_series *s = &from->series[i];
        const uint32_t begin = hi_recent_keys_begin(from, i);
        const uint32_t count = s->keys_end - begin;

        for (uint32_t k = 0; k < count; k++) {
            const hi_recent_value *v = &from->values[from->keys[begin + k]];

            tags[k] = (hi_tag_ref){v->column, {v->bytes, v->size}};
        }
        if (!hi_recent_add(to, s->id, s->table, tags, count,
                           hi_series_hash(s->table, tags, count))) {
            return hi_no_memory(err, "merging series of the catalog");
        }
    }
    return HIST_OK;
}

static hist_status cat_gather_file(hi_catfile *from, hi_recent *to, hist_error *err)
{
    hi_tag_ref tags[HIST_TAGS_MAX];
    uint32_t last = 0;

    HI_TRY(hi_catfile_load(from, HI_CAT_VALUES, NULL, err));
    HI_TRY(hi_catfile_load(from, HI_CAT_SERIES, NULL, err));
    for (uint32_t i = 0; i < from->series_count; i++) {
        const uint32_t id = hi_get_u32(from->series.ids + (size_t)i * 4);
        const uint32_t table = hi_catfile_table_of(from, i);
        uint32_t count = 0;

        HI_TRY(hi_catfile_tags(from, i, tags, &count, err));
        if (id <= last) {
            return hi_corrupt(err, from->path, -1, "series %u comes after series %u", id, last);
        }
        last = id;
        if (!hi_recent_add(to, id, table, tags, count, hi_series_hash(table, tags, count))) {
            return hi_no_memory(err, "merging catalog files");
        }
    }
    return HIST_OK;
}

/* The frozen ones, oldest first. */
static hist_status cat_gather_frozen(const hi_recent *frozen, hi_recent *to, hist_error *err)
{
    if (frozen == NULL) {
        return HIST_OK;
    }
    HI_TRY(cat_gather_frozen(frozen->older, to, err));
    return cat_gather_memory(frozen, to, err);
}

static hist_status cat_gather(hi_catalog *c, bool merge, hi_recent *to, hist_error *err)
{
    for (uint32_t i = 0; merge && i < c->files.count; i++) {
        HI_TRY(cat_gather_file(c->files.items[i], to, err));
    }
    return cat_gather_frozen(c->frozen, to, err);
}

static hist_status cat_write_file(hi_catalog *c, uint64_t id, bool merge, hi_checkpoint *out,
                                  hist_error *err)
{
    const hi_catalog_ids none = {0};
    hi_recent *gathered = NULL;
    const hi_recent *recent = c->frozen;
    hist_status status = HIST_OK;
    hi_catfile_config config = c->files_config;
    hi_buf defs;

    config.mem = c->scratch;
    hi_buf_init(&defs, c->scratch, UINT32_MAX);
    if (merge || recent == NULL || recent->older != NULL) {
        gathered = hi_recent_new(c->scratch);
        recent = gathered;
        status = gathered == NULL ? hi_no_memory(err, "a checkpoint of the catalog")
                                  : cat_gather(c, merge, gathered, err);
    }
    if (status == HIST_OK) {
        pthread_rwlock_rdlock(&c->lock);
        cat_encode_defs(c, merge ? &none : &c->saved, recent, &defs);
        out->below = c->next;
        out->properties = c->property_version;
        pthread_rwlock_unlock(&c->lock);
        status = hi_catfile_write(&config, id, &defs, recent, &out->file, err);
    }
    hi_recent_free(gathered);
    hi_buf_free(&defs);
    return status;
}

/* Freezes the recent series. *empty: there is nothing that is in no file yet. */
static hist_status cat_freeze(hi_catalog *c, bool *empty, hist_error *err)
{
    *empty = false;
    if (c->recent->series_count > 0) {
        hi_recent *fresh = hi_recent_new(c->mem);

        if (fresh == NULL) {
            return hi_no_memory(err, "a checkpoint of the catalog");
        }
        c->recent->older = c->frozen;
        c->frozen = c->recent;
        c->recent = fresh;
    }
    *empty = c->frozen == NULL && c->next.database == c->saved.database &&
             c->next.table == c->saved.table && c->next.column == c->saved.column &&
             c->property_version == c->property_saved;
    return cat_files_reserve(c) ? HIST_OK : hi_no_memory(err, "a checkpoint of the catalog");
}

hist_status hi_catalog_checkpoint(hi_catalog *c, uint64_t file_id, hi_checkpoint *out,
                                  hist_error *err)
{
    hist_status status = HIST_OK;
    bool merge = c->files.count >= HI_CATALOG_FILES_MAX;

    *out = (hi_checkpoint){0};
    pthread_rwlock_wrlock(&c->lock);
    status = cat_freeze(c, &out->empty, err);
    pthread_rwlock_unlock(&c->lock);
    if (status != HIST_OK || out->empty) {
        return status;
    }
    /* From here on c->frozen and c->files change only by hi_catalog_checkpoint_end(). */
    status = cat_write_file(c, file_id, merge, out, err);
    if (status == HIST_ENOMEM && merge && c->files.count < HI_CATALOG_FILES_LIMIT - 1) {
        merge = false;
        status = cat_write_file(c, file_id, merge, out, err);
    }
    if (status == HIST_OK) {
        status = hi_catfile_open(&c->files_config, &out->file, &c->written, err);
    }
    for (uint32_t i = 0; status == HIST_OK && merge && i < c->files.count; i++) {
        out->replaces[out->replaces_count++] = c->files.items[i]->info.id;
    }
    for (const hi_recent *r = c->frozen; r != NULL; r = r->older) {
        out->generations++;
    }
    return status;
}

static void cat_take_written(hi_catalog *c, const hi_checkpoint *checkpoint)
{
    if (checkpoint->replaces_count > 0) {
        for (uint32_t i = 0; i < c->files.count; i++) {
            hi_catfile_free(c->files.items[i]);
        }
        c->files.count = 0;
    }
    c->files.items[c->files.count++] = c->written;
    c->written = NULL;
    while (c->frozen != NULL) {
        hi_recent *older = c->frozen->older;

        hi_recent_free(c->frozen);
        c->frozen = older;
    }
    c->saved = checkpoint->below;
    c->property_saved = checkpoint->properties;
}

void hi_catalog_checkpoint_end(hi_catalog *c, const hi_checkpoint *checkpoint, bool named)
{
    if (checkpoint->empty) {
        return;
    }
    pthread_rwlock_wrlock(&c->lock);
    if (named && c->written != NULL) {
        cat_take_written(c, checkpoint);
    }
    hi_catfile_free(c->written);
    c->written = NULL;
    pthread_rwlock_unlock(&c->lock);
}

/* ---- verify ---- */

static void cat_verify_file(hi_catalog *c, hi_catfile *file, hist_verify_fn fn, void *arg)
{
    hi_catfile *fresh = NULL; /* Read again from disk, whatever is in memory. */
    hist_error err = {0};
    hist_status status = hi_catfile_open(&c->files_config, &file->info, &fresh, &err);

    for (int i = 0; status == HIST_OK && i < HI_CAT_SECTIONS; i++) {
        status = hi_catfile_load(fresh, (hi_cat_section)i, NULL, &err);
        if (status == HIST_OK && i != HI_CAT_VALUES && i != HI_CAT_SERIES) {
            hi_catfile_drop(fresh, (hi_cat_section)i);
        }
    }
    hi_tag_ref tags[HIST_TAGS_MAX];
    for (uint32_t i = 0; status == HIST_OK && i < fresh->series_count; i++) {
        uint32_t count = 0;

        status = hi_catfile_tags(fresh, i, tags, &count, &err);
    }
    hi_catfile_free(fresh);
    if (status != HIST_OK && fn != NULL) {
        fn(arg, file->path, err.offset, err.message);
    }
}

hist_status hi_catalog_verify(hi_catalog *c, hist_verify_fn fn, void *arg, hist_error *err)
{
    (void)err;
    pthread_rwlock_rdlock(&c->lock);
    for (uint32_t i = 0; i < c->files.count; i++) {
        cat_verify_file(c, c->files.items[i], fn, arg);
    }
    pthread_rwlock_unlock(&c->lock);
    return HIST_OK;
}
