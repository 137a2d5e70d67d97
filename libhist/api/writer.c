/* writer.c -- collecting rows by typed calls, and committing them; see hist.h. */
#include "api/writer.h"

#include <string.h>

#include "base/dyn.h"

enum {
    WRITER_KEEP_BYTES = 16 << 20, /* Memory of rows kept from one batch to the next. */
    WRITER_HANDLES_MAX = 1 << 20,
};

/* ---- life ---- */

static hist_status writer_init(hist_writer *w, hist_db *db, hist_error *err)
{
    hist_vfs *vfs = hi_store_vfs(db->store);
    uint64_t seed = 0;

    HI_TRY(vfs->random(vfs, &seed, sizeof(seed), err));
    const uint64_t budget = hi_store_mem(db->store)->limit;
    w->db = db;
    w->store = db->store;
    w->catalog = hi_store_catalog(db->store);
    hi_mem_init(&w->mem, NULL, hi_store_mem(db->store), 0);
    w->mem.wait = hi_store_wait_for_memory;
    w->mem.wait_arg = db->store;
    hi_rows_init(&w->rows, &w->mem);
    hi_arena_init(&w->text, &w->mem);
    hi_keycache_init(&w->keys, hi_store_cache_mem(db->store), seed,
                     (size_t)(budget > UINT64_C(1) << 30 ? UINT64_C(128) << 20 : budget / 8));
    w->time_column = hi_catalog_time_column(w->catalog);
    w->time_column_size = strlen(w->time_column);
    return HIST_OK;
}

hist_status hist_writer_open(hist_db *db, const char *database, hist_writer **writer_out,
                             hist_error *err)
{
    *writer_out = NULL;
    HI_TRY(hi_store_check(db->store, err));
    if (hi_store_get_limits(db->store)->readonly) {
        return hi_fail(err, HIST_EREADONLY, "the store is open for reading only: no writer");
    }
    hist_writer *w = HI_MEM_NEW(hi_store_mem(db->store), hist_writer);
    if (w == NULL) {
        return hi_no_memory(err, "a writer");
    }
    hist_status status = writer_init(w, db, err);
    if (status != HIST_OK) {
        HI_MEM_DELETE(hi_store_mem(db->store), w);
        return status;
    }
    const char *name = database == NULL || database[0] == '\0' ? "default" : database;
    status =
        hi_catalog_define_database(w->catalog, (hist_str){name, strlen(name)}, &w->database, err);
    if (status != HIST_OK) {
        hist_writer_close(w);
        return status;
    }
    *writer_out = w;
    return HIST_OK;
}

static void writer_free_handles(hi_mem *mem, writer_handles *h)
{
    hi_mem_free(mem, h->entries, h->room * sizeof(*h->entries));
    *h = (writer_handles){0};
}

void hist_writer_close(hist_writer *w)
{
    if (w == NULL) {
        return;
    }
    for (uint32_t i = 0; i < w->table_count; i++) {
        writer_table *t = &w->tables[i];

        hi_mem_free(&w->mem, t->shape, t->shape_room * sizeof(*t->shape));
        hi_mem_free(&w->mem, t->names, t->name_room * sizeof(*t->names));
        hi_mem_free(&w->mem, t->name_slots, (size_t)t->name_room * 2 * sizeof(*t->name_slots));
    }
    hi_mem_free(&w->mem, w->tables, w->table_room * sizeof(*w->tables));
    writer_free_handles(&w->mem, &w->series);
    writer_free_handles(&w->mem, &w->fields);
    hi_mem_free(&w->mem, w->parser, sizeof(*w->parser));
    hi_mem_free(&w->mem, w->scratch, WRITER_SCRATCH);
    hi_mem_free(&w->mem, w->tags, LP_TAGS_MAX * sizeof(*w->tags));
    hi_keycache_free(&w->keys);
    hi_arena_free(&w->text);
    hi_rows_free(&w->rows);
    HI_MEM_DELETE(hi_store_mem(w->store), w);
}

uint64_t hist_writer_rows(const hist_writer *w)
{
    return w->rows.rows;
}

uint64_t hist_writer_bytes(const hist_writer *w)
{
    return w->rows.bytes;
}

void hist_writer_discard(hist_writer *w)
{
    hi_rows_clear(&w->rows);
    hi_rows_trim(&w->rows, WRITER_KEEP_BYTES);
}

hist_status hist_commit(hist_writer *w, hist_commit_mode mode, uint64_t *seq_out, hist_error *err)
{
    HI_TRY(hi_store_commit(w->store, &w->rows, mode, seq_out, err));
    hist_writer_discard(w);
    return HIST_OK;
}

/* ---- tables and handles ---- */

uint32_t hi_writer_table(hist_writer *w, uint32_t table)
{
    const uint32_t slot = hi_rows_table_slot(&w->rows, table);

    if (slot == HI_ROWS_NONE || slot < w->table_count) {
        return slot;
    }
    if (slot >= w->table_room) {
        const uint32_t room = w->table_room == 0 ? 8 : w->table_room * 2;
        writer_table *fresh = hi_mem_realloc(&w->mem, w->tables, w->table_room * sizeof(*fresh),
                                             room * sizeof(*fresh));

        if (fresh == NULL) {
            return HI_ROWS_NONE;
        }
        w->tables = fresh;
        w->table_room = room;
    }
    /* A failure above left slots of rows without a table here. */
    for (; w->table_count <= slot && w->table_count < w->table_room; w->table_count++) {
        w->tables[w->table_count] = (writer_table){.table = w->rows.tables[w->table_count].table};
    }
    return slot < w->table_count ? slot : HI_ROWS_NONE;
}

static uint32_t writer_handle_at(const writer_handles *h, uint32_t id)
{
    uint32_t at = (id * UINT32_C(2654435761)) & (h->room - 1);

    while (h->entries[at].id != 0 && h->entries[at].id != id) {
        at = (at + 1) & (h->room - 1);
    }
    return at;
}

static const writer_handle *writer_find_handle(const writer_handles *h, uint32_t id)
{
    if (h->room == 0 || id == 0) {
        return NULL;
    }
    const writer_handle *found = &h->entries[writer_handle_at(h, id)];
    return found->id == id ? found : NULL;
}

/* NULL: no memory. */
static const writer_handle *writer_add_handle(hi_mem *mem, writer_handles *h,
                                              const writer_handle *handle)
{
    if ((h->count + 1) * 2 > h->room) {
        if (h->count >= WRITER_HANDLES_MAX) { /* Start anew rather than grow for ever. */
            writer_free_handles(mem, h);
        }
        writer_handles fresh = {.room = h->room == 0 ? 64 : h->room * 2, .count = h->count};

        fresh.entries = hi_mem_calloc(mem, fresh.room, sizeof(*fresh.entries));
        if (fresh.entries == NULL) {
            return NULL;
        }
        for (uint32_t i = 0; i < h->room; i++) {
            if (h->entries[i].id != 0) {
                fresh.entries[writer_handle_at(&fresh, h->entries[i].id)] = h->entries[i];
            }
        }
        writer_free_handles(mem, h);
        *h = fresh;
    }
    writer_handle *to = &h->entries[writer_handle_at(h, handle->id)];
    *to = *handle;
    h->count++;
    return to;
}

/* Slow way: what the catalog says of a series handle. */
static hist_status writer_learn_series(hist_writer *w, uint32_t series, const writer_handle **out,
                                       hist_error *err)
{
    uint32_t table = 0;

    if (series != 0) {
        HI_TRY(hi_catalog_series_table(w->catalog, series, &table, err));
    }
    if (table == 0) {
        return hi_fail(err, HIST_EINVAL, "%u is not a series of this store", series);
    }
    const uint32_t slot = hi_writer_table(w, table);
    *out = slot == HI_ROWS_NONE
               ? NULL
               : writer_add_handle(&w->mem, &w->series,
                                   &(writer_handle){.id = series, .table_slot = slot});
    return *out == NULL ? hi_no_memory(err, "a writer's table") : HIST_OK;
}

static hist_status writer_series(hist_writer *w, uint32_t series, const writer_handle **out,
                                 hist_error *err)
{
    *out = writer_find_handle(&w->series, series);
    return *out != NULL ? HIST_OK : writer_learn_series(w, series, out, err);
}

static hist_status writer_learn_field(hist_writer *w, uint32_t field, const writer_handle **out,
                                      hist_error *err)
{
    hi_column_def def = {0};
    uint32_t table = 0;

    if (!hi_catalog_column(w->catalog, field, &table, &def) || def.kind != HIST_COLUMN_FIELD) {
        return hi_fail(err, HIST_EINVAL, "%u is not a field of this store", field);
    }
    writer_handle handle = {.id = field, .type = (uint32_t)def.type};
    handle.table_slot = hi_writer_table(w, table);
    if (handle.table_slot == HI_ROWS_NONE) {
        return hi_no_memory(err, "a writer's table");
    }
    handle.column_slot = hi_rows_column_slot(&w->rows, handle.table_slot, field, def.type);
    *out =
        handle.column_slot == HI_ROWS_NONE ? NULL : writer_add_handle(&w->mem, &w->fields, &handle);
    return *out == NULL ? hi_no_memory(err, "a writer's column") : HIST_OK;
}

/* A field handle, which must be of the same table as the series. */
static hist_status writer_field(hist_writer *w, uint32_t field, uint32_t table_slot,
                                const writer_handle **out, hist_error *err)
{
    *out = writer_find_handle(&w->fields, field);
    if (*out == NULL) {
        HI_TRY(writer_learn_field(w, field, out, err));
    }
    if ((*out)->table_slot != table_slot) {
        return hi_fail(err, HIST_EINVAL, "field %u is of another table than the series", field);
    }
    return HIST_OK;
}

hist_status hist_series_open(hist_writer *w, hist_str table, const hist_tag *tags, size_t tag_count,
                             hist_series *series_out, hist_error *err)
{
    uint32_t id = 0;

    *series_out = 0;
    if (tag_count > HIST_TAGS_MAX) {
        return hi_fail(err, HIST_ELIMIT, "%zu tags for a series of '%.*s', allowed are %d",
                       tag_count, (int)table.size, table.data, HIST_TAGS_MAX);
    }
    HI_TRY(hi_catalog_define_table(w->catalog, w->database, table, &id, err));
    return hi_catalog_define_series(w->catalog, id, tags, tag_count, series_out, err);
}

hist_status hist_field_open(hist_writer *w, hist_str table, hist_str name, hist_type type,
                            hist_field *field_out, hist_error *err)
{
    uint32_t id = 0;

    *field_out = 0;
    HI_TRY(hi_catalog_define_table(w->catalog, w->database, table, &id, err));
    return hi_catalog_define_field(w->catalog, id, name, type, field_out, err);
}

/* ---- rows ---- */

static hist_status writer_full(const hist_writer *w, hist_error *err)
{
    return hi_fail(err, HIST_ELIMIT,
                   "the batch has %llu bytes, at most %llu are allowed: commit first",
                   (unsigned long long)w->rows.bytes, (unsigned long long)HIST_BATCH_BYTES_MAX);
}

static hist_status writer_time_ok(int64_t time_ns, hist_error *err)
{
    return time_ns >= HIST_TIME_MIN
               ? HIST_OK
               : hi_fail(err, HIST_EINVAL, "the time %lld ns is one of the two reserved ones",
                         (long long)time_ns);
}

static hist_status writer_set_text(hist_writer *w, hi_rows_table *t, uint32_t slot, hist_str text,
                                   hist_error *err)
{
    if (text.size > HIST_STRING_BYTES_MAX) {
        return hi_fail(err, HIST_ELIMIT, "a string of %zu bytes, allowed are %d", text.size,
                       HIST_STRING_BYTES_MAX);
    }
    if (hi_utf8_valid(text.data, text.size) != text.size) {
        return hi_fail(err, HIST_EINVAL, "a string is not UTF-8 at byte %zu",
                       hi_utf8_valid(text.data, text.size));
    }
    return hi_rows_set_text(&w->rows, t, slot, text.data, text.size) ? HIST_OK
                                                                     : hi_no_memory(err, "a row");
}

static hist_status writer_set(hist_writer *w, uint32_t table_slot, const hist_value *v,
                              hist_error *err)
{
    hi_rows_table *t = &w->rows.tables[table_slot];
    const writer_handle *field = NULL;
    bool ok = false;

    HI_TRY(writer_field(w, v->field, table_slot, &field, err));
    t = &w->rows.tables[table_slot]; /* A new field's table may have moved it. */
    switch ((hist_type)field->type) {
    case HIST_TYPE_REAL:
        ok = hi_rows_set_real(&w->rows, t, field->column_slot, v->value.r);
        break;
    case HIST_TYPE_BOOL:
        ok = hi_rows_set_bool(&w->rows, t, field->column_slot, v->value.i != 0);
        break;
    case HIST_TYPE_STRING:
        return writer_set_text(w, t, field->column_slot, v->value.s, err);
    default:
        ok = hi_rows_set_i64(&w->rows, t, field->column_slot, v->value.i);
        break;
    }
    return ok ? HIST_OK : hi_no_memory(err, "a row");
}

hist_status hist_append(hist_writer *w, hist_series series, hist_time time_ns,
                        const hist_value *values, size_t value_count, hist_error *err)
{
    const writer_handle *handle = NULL;

    HI_TRY(writer_time_ok(time_ns, err));
    if (w->rows.bytes > WRITER_BYTES_MAX) {
        return writer_full(w, err);
    }
    HI_TRY(writer_series(w, series, &handle, err));
    const uint32_t slot = handle->table_slot;
    if (!hi_rows_begin(&w->rows, &w->rows.tables[slot])) {
        return hi_no_memory(err, "a row");
    }
    for (size_t i = 0; i < value_count; i++) {
        const hist_status status = writer_set(w, slot, &values[i], err);

        if (status != HIST_OK) {
            hi_rows_abandon(&w->rows, &w->rows.tables[slot]);
            return status;
        }
    }
    hi_rows_end(&w->rows, &w->rows.tables[slot], series, time_ns);
    return HIST_OK;
}

static hist_status writer_check_array(const hist_writer *w, const writer_handle *field,
                                      const hist_time *times_ns, size_t count, hist_error *err)
{
    if (field->type == HIST_TYPE_BOOL || field->type == HIST_TYPE_STRING) {
        return hi_fail(err, HIST_ETYPE, "arrays are for long, datetime and real fields, not %s",
                       hist_type_name((hist_type)field->type));
    }
    if (count > HIST_BATCH_BYTES_MAX / 26 || w->rows.bytes + count * 26 > HIST_BATCH_BYTES_MAX) {
        return hi_fail(err, HIST_ELIMIT,
                       "%zu rows do not fit the batch of %llu bytes, at most %llu are allowed: "
                       "commit first, or give fewer at a time",
                       count, (unsigned long long)w->rows.bytes,
                       (unsigned long long)HIST_BATCH_BYTES_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        HI_TRY(writer_time_ok(times_ns[i], err));
    }
    return HIST_OK;
}

static void writer_copy_array(hist_writer *w, const writer_handle *field, uint32_t series,
                              const hist_time *times_ns, const void *values, uint32_t count)
{
    hi_rows_table *t = &w->rows.tables[field->table_slot];
    hi_rows_column *c = &t->columns[field->column_slot];
    const uint32_t first = t->rows;

    memcpy(t->times + first, times_ns, count * sizeof(*times_ns));
    memcpy((uint64_t *)c->data + first, values, count * sizeof(uint64_t));
    for (uint32_t row = first; row < first + count; row++) {
        t->series[row] = series;
        c->valid[row >> 6] |= UINT64_C(1) << (row & 63);
    }
    c->values += count;
    t->rows += count;
    w->rows.rows += count;
    w->rows.bytes += (uint64_t)count * 26;
}

hist_status hist_append_array(hist_writer *w, hist_series series, hist_field field,
                              const hist_time *times_ns, const void *values, size_t count,
                              hist_error *err)
{
    const writer_handle *handle = NULL;
    const writer_handle *column = NULL;

    HI_TRY(writer_series(w, series, &handle, err));
    HI_TRY(writer_field(w, field, handle->table_slot, &column, err));
    HI_TRY(writer_check_array(w, column, times_ns, count, err));
    if (count == 0) {
        return HIST_OK;
    }
    hi_rows_table *t = &w->rows.tables[column->table_slot];
    const uint32_t n = (uint32_t)count;
    if (!hi_rows_grow(&w->rows, t, t->rows + n) ||
        !hi_rows_column_grow(&w->rows, &t->columns[column->column_slot], t->rows + n)) {
        return hi_no_memory(err, "rows");
    }
    writer_copy_array(w, column, series, times_ns, values, n);
    return HIST_OK;
}
