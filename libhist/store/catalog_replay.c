/*
 * catalog_replay.c -- definitions from records of the log or of a CAT file.
 *
 * Records come from disk, so everything in them is checked. What is known already
 * must be identical; what is new must have an id above all before it.
 */
#include <string.h>

#include "store/catalog_impl.h"

static bool cat_same_name(const cat_named *n, uint32_t parent, hist_str name)
{
    return n->parent == parent && n->name.size == name.size &&
           memcmp(n->name.data, name.data, name.size) == 0;
}

/* A name as it may be in a record: inside the record and within the limits. */
static bool cat_read_name(hi_reader *r, hist_str *name)
{
    name->data = (const char *)hi_read_text(r, &name->size);
    return name->data != NULL && hi_cat_check_name(*name, "record", NULL) == HIST_OK;
}

static uint32_t cat_read_id(hi_reader *r)
{
    const uint64_t id = hi_read_varint(r);

    r->failed |= id == 0 || id >= HI_COLUMN_SEQ;
    return r->failed ? 0 : (uint32_t)id;
}

/* An id that is new must be above all that were given out, but may leave gaps. */
static bool cat_is_next(const cat_list *list, uint32_t id)
{
    return list->count == 0 || list->items[list->count - 1]->id < id;
}

static void cat_raise(uint32_t *next, uint32_t id)
{
    *next = id + 1 > *next ? id + 1 : *next;
}

static hist_status cat_apply_named(hi_catalog *c, cat_kind kind, hi_reader *r)
{
    const uint32_t id = cat_read_id(r);
    const uint32_t parent = kind == CAT_TABLE ? cat_read_id(r) : 0;
    hist_str name = {NULL, 0};

    if (!cat_read_name(r, &name) || hi_reader_left(r) != 0 ||
        (kind == CAT_TABLE && hi_cat_by_id(c, CAT_DATABASE, parent) == NULL)) {
        return HIST_ECORRUPT;
    }
    const cat_named *known = hi_cat_by_id(c, kind, id);
    if (known != NULL) {
        return cat_same_name(known, parent, name) ? HIST_OK : HIST_ECORRUPT;
    }
    if (hi_cat_find(c, kind, parent, name) != NULL || !cat_is_next(&c->lists[kind], id)) {
        return HIST_ECORRUPT;
    }
    if (hi_cat_insert(c, kind, id, parent, name) == NULL) {
        return HIST_ENOMEM;
    }
    cat_raise(kind == CAT_DATABASE ? &c->next.database : &c->next.table, id);
    return HIST_OK;
}

static hist_status cat_apply_column(hi_catalog *c, hi_reader *r)
{
    const uint32_t id = cat_read_id(r);
    const uint32_t table = cat_read_id(r);
    const uint8_t kind = hi_read_u8(r);
    const uint8_t type = hi_read_u8(r);
    hist_str name = {NULL, 0};
    cat_table *t = r->failed ? NULL : (cat_table *)hi_cat_by_id(c, CAT_TABLE, table);

    if (!cat_read_name(r, &name) || hi_reader_left(r) != 0 || t == NULL ||
        (kind != HIST_COLUMN_TAG && kind != HIST_COLUMN_FIELD) || !hi_cat_field_type_ok(type) ||
        (kind == HIST_COLUMN_TAG && type != HIST_TYPE_STRING)) {
        return HIST_ECORRUPT;
    }
    const cat_column *known = (const cat_column *)hi_cat_by_id(c, CAT_COLUMN, id);
    if (known != NULL) {
        return cat_same_name(&known->named, table, name) && known->kind == (hist_column_kind)kind &&
                       known->type == (hist_type)type
                   ? HIST_OK
                   : HIST_ECORRUPT;
    }
    if (hi_cat_find(c, CAT_COLUMN, table, name) != NULL ||
        !cat_is_next(&c->lists[CAT_COLUMN], id)) {
        return HIST_ECORRUPT;
    }
    if (hi_cat_insert_column(c, id, t, name, kind, type) == NULL) {
        return HIST_ENOMEM;
    }
    cat_raise(&c->next.column, id);
    return HIST_OK;
}

static bool cat_read_tags(hi_catalog *c, uint32_t table, hi_reader *r, hi_tag_ref *refs,
                          uint32_t *count)
{
    const uint64_t n = hi_read_varint(r);

    if (r->failed || n > HIST_TAGS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        refs[i].column = cat_read_id(r);
        refs[i].value.data = (const char *)hi_read_text(r, &refs[i].value.size);
        const cat_column *column =
            r->failed ? NULL : (const cat_column *)hi_cat_by_id(c, CAT_COLUMN, refs[i].column);
        if (column == NULL || column->named.parent != table || column->kind != HIST_COLUMN_TAG ||
            refs[i].value.size == 0 || refs[i].value.size > HIST_STRING_BYTES_MAX ||
            (i > 0 && refs[i].column <= refs[i - 1].column)) {
            return false;
        }
    }
    *count = (uint32_t)n;
    return hi_reader_left(r) == 0;
}

/* The highest id of a series that exists. */
static uint32_t cat_last_series(const hi_catalog *c)
{
    uint32_t last = 0;

    for (uint32_t i = 0; i < c->files.count; i++) {
        last = c->files.items[i]->last_series > last ? c->files.items[i]->last_series : last;
    }
    for (const hi_recent *f = c->frozen; f != NULL; f = f->older) {
        const uint32_t newest = f->series_count == 0 ? 0 : f->series[f->series_count - 1].id;

        last = newest > last ? newest : last;
    }
    return c->recent->series_count == 0 ? last : c->recent->series[c->recent->series_count - 1].id;
}

static hist_status cat_apply_series(hi_catalog *c, hi_reader *r, hist_error *err)
{
    const uint32_t id = cat_read_id(r);
    const uint32_t table = cat_read_id(r);
    cat_table *t = r->failed ? NULL : (cat_table *)hi_cat_by_id(c, CAT_TABLE, table);
    hi_tag_ref refs[HIST_TAGS_MAX];
    uint32_t count = 0;
    uint32_t known = 0;

    if (t == NULL || !cat_read_tags(c, table, r, refs, &count)) {
        return HIST_ECORRUPT;
    }
    const uint64_t hash = hi_series_hash(table, refs, count);
    HI_TRY(hi_cat_find_series(c, table, refs, count, hash, &known, err));
    if (known != 0) {
        return known == id ? HIST_OK : HIST_ECORRUPT;
    }
    if (id <= cat_last_series(c)) {
        return HIST_ECORRUPT;
    }
    if (!hi_recent_add(c->recent, id, table, refs, count, hash)) {
        return HIST_ENOMEM;
    }
    cat_raise(&c->next.series, id);
    c->series_count++;
    t->series_count++;
    return HIST_OK;
}

static hist_status cat_apply_property(hi_catalog *c, hi_reader *r)
{
    const uint32_t table = cat_read_id(r);
    const uint64_t column = hi_read_varint(r);
    hist_str key = {NULL, 0};
    hist_str value = {NULL, 0};

    if (!cat_read_name(r, &key)) {
        return HIST_ECORRUPT;
    }
    value.data = (const char *)hi_read_text(r, &value.size);
    cat_property **list =
        r->failed || column > UINT32_MAX ? NULL : hi_cat_properties(c, table, (uint32_t)column);
    if (list == NULL || hi_reader_left(r) != 0 || value.size > HIST_STRING_BYTES_MAX) {
        return HIST_ECORRUPT;
    }
    return hi_cat_put_property(c, list, key, value);
}

hist_status hi_cat_apply(hi_catalog *c, const hi_walrec *record, hist_error *err)
{
    hi_reader r = hi_reader_of(record->body, record->size);

    switch (record->type) {
    case HI_WALREC_DATABASE:
        return cat_apply_named(c, CAT_DATABASE, &r);
    case HI_WALREC_TABLE:
        return cat_apply_named(c, CAT_TABLE, &r);
    case HI_WALREC_COLUMN:
        return cat_apply_column(c, &r);
    case HI_WALREC_SERIES:
        return cat_apply_series(c, &r, err);
    case HI_WALREC_PROPERTY:
        return cat_apply_property(c, &r);
    default:
        return HIST_ECORRUPT;
    }
}

hist_status hi_catalog_apply_record(hi_catalog *c, const hi_walrec *record, hist_error *err)
{
    pthread_rwlock_wrlock(&c->lock);
    const hist_status status = hi_cat_apply(c, record, err);
    pthread_rwlock_unlock(&c->lock);
    return status;
}
