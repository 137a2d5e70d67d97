/* catalog_write.c -- making definitions: by name, by the log's records; see catalog_write.h. */
#include "store/catalog_write.h"

#include <string.h>

#include "base/dyn.h"
#include "base/hash.h"
#include "store/catalog_impl.h"

enum {
    CAT_ROOM_MIN = 16,
};

/* ---- life ---- */

static uint32_t cat_from_one(uint32_t id)
{
    return id == 0 ? 1 : id;
}

static hist_status cat_init(hi_catalog *c, const hi_catalog_config *config)
{
    c->mem = config->mem;
    c->scratch = config->scratch != NULL ? config->scratch : config->mem;
    atomic_init(&c->last_stamp, INT64_MIN);
    c->series_max = config->series_max == 0 ? UINT32_MAX - 1 : config->series_max;
    c->next =
        (hi_catalog_ids){cat_from_one(config->next.database), cat_from_one(config->next.table),
                         cat_from_one(config->next.column), cat_from_one(config->next.series)};
    c->saved = (hi_catalog_ids){1, 1, 1, 1};
    hi_arena_init(&c->text, c->mem);
    hi_buf_init(&c->pending, c->mem, SIZE_MAX / 2);
    c->recent = hi_recent_new(c->mem);
    const char *time = config->time_column == NULL ? "Timestamp" : config->time_column;
    c->time_column = (hist_str){hi_arena_strdup(&c->text, time, strlen(time)), strlen(time)};
    c->files_config =
        (hi_catfile_config){.mem = c->mem,
                            .vfs = config->vfs,
                            .dir = hi_arena_strdup(&c->text, config->dir == NULL ? "" : config->dir,
                                                   config->dir == NULL ? 0 : strlen(config->dir)),
                            .store = config->store,
                            .for_write = config->for_write};
    return c->recent == NULL || c->time_column.data == NULL || c->files_config.dir == NULL
               ? HIST_ENOMEM
               : HIST_OK;
}

hist_status hi_catalog_new(const hi_catalog_config *config, hi_catalog **catalog_out,
                           hist_error *err)
{
    hi_catalog *c = HI_MEM_NEW(config->mem, hi_catalog);

    if (c == NULL) {
        return hi_no_memory(err, "the catalog");
    }
    if (pthread_rwlock_init(&c->lock, NULL) != 0) {
        HI_MEM_DELETE(config->mem, c);
        return hi_no_memory(err, "the catalog's lock");
    }
    if (cat_init(c, config) != HIST_OK) {
        hi_catalog_free(c);
        return hi_no_memory(err, "the catalog");
    }
    *catalog_out = c;
    return HIST_OK;
}

void hi_catalog_free(hi_catalog *c)
{
    if (c == NULL) {
        return;
    }
    for (uint32_t i = 0; i < c->files.count; i++) {
        hi_catfile_free(c->files.items[i]);
    }
    hi_mem_free(c->mem, c->files.items, c->files.room * sizeof(hi_catfile *));
    hi_catfile_free(c->written);
    for (hi_recent *r = c->frozen, *older = NULL; r != NULL; r = older) {
        older = r->older;
        hi_recent_free(r);
    }
    hi_recent_free(c->recent);
    for (int kind = 0; kind < 3; kind++) {
        hi_mem_free(c->mem, c->names[kind].slots, c->names[kind].room * sizeof(cat_named *));
        hi_mem_free(c->mem, c->lists[kind].items, c->lists[kind].room * sizeof(cat_named *));
    }
    hi_buf_free(&c->pending);
    hi_arena_free(&c->text);
    pthread_rwlock_destroy(&c->lock);
    HI_MEM_DELETE(c->mem, c);
}

/* ---- pending records ---- */

void hi_catalog_take_pending(hi_catalog *c, hi_buf *out)
{
    pthread_rwlock_wrlock(&c->lock);
    if (c->taken > 0) { /* The log has these for good. */
        memmove(c->pending.data, c->pending.data + c->taken, c->pending.size - c->taken);
        c->pending.size -= c->taken;
        c->taken = 0;
    }
    if (c->pending.size == 0 && c->pending.capacity > 65536) {
        hi_buf_free(&c->pending);
    }
    hi_buf_append(out, c->pending.data, c->pending.size);
    c->taken = hi_buf_ok(out) ? c->pending.size : 0;
    pthread_rwlock_unlock(&c->lock);
}

void hi_catalog_return_pending(hi_catalog *c)
{
    pthread_rwlock_wrlock(&c->lock);
    c->taken = 0;
    pthread_rwlock_unlock(&c->lock);
}

size_t hi_catalog_pending_bytes(hi_catalog *c)
{
    pthread_rwlock_rdlock(&c->lock);
    const size_t bytes = c->pending.size - c->taken;
    pthread_rwlock_unlock(&c->lock);
    return bytes;
}

/* After encoding a record at `head`: false, and nothing happened, when there was no memory. */
static bool cat_pending_ok(hi_catalog *c, size_t head)
{
    if (hi_buf_ok(&c->pending)) {
        hi_walrec_end(&c->pending, head);
        return true;
    }
    c->pending.failed = false;
    c->pending.size = head;
    return false;
}

/* ---- adding to maps and lists: first room for everything, then what cannot fail ---- */

static bool cat_map_reserve(hi_mem *mem, cat_map *map)
{
    if ((map->count + 1) * 2 <= map->room) {
        return true;
    }
    const uint32_t room = map->room == 0 ? CAT_ROOM_MIN * 2 : map->room * 2;
    cat_named **slots = hi_mem_calloc(mem, room, sizeof(cat_named *));
    if (slots == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < map->room; i++) {
        if (map->slots[i] != NULL) {
            uint32_t at = (uint32_t)map->slots[i]->hash & (room - 1);

            while (slots[at] != NULL) {
                at = (at + 1) & (room - 1);
            }
            slots[at] = map->slots[i];
        }
    }
    hi_mem_free(mem, map->slots, map->room * sizeof(cat_named *));
    map->slots = slots;
    map->room = room;
    return true;
}

static bool cat_list_reserve(hi_mem *mem, cat_list *list)
{
    if (list->count < list->room) {
        return true;
    }
    const uint32_t room = list->room == 0 ? CAT_ROOM_MIN : list->room * 2;
    cat_named **items = hi_mem_realloc(mem, list->items, list->room * sizeof(cat_named *),
                                       room * sizeof(cat_named *));
    if (items == NULL) {
        return false;
    }
    list->items = items;
    list->room = room;
    return true;
}

static size_t cat_object_size(cat_kind kind)
{
    switch (kind) {
    case CAT_DATABASE:
        return sizeof(cat_database);
    case CAT_TABLE:
        return sizeof(cat_table);
    default:
        return sizeof(cat_column);
    }
}

/* A new object, found by name and id from now on; NULL: no memory. */
cat_named *hi_cat_insert(hi_catalog *c, cat_kind kind, uint32_t id, uint32_t parent, hist_str name)
{
    cat_map *map = &c->names[kind];
    cat_list *list = &c->lists[kind];

    if (!cat_map_reserve(c->mem, map) || !cat_list_reserve(c->mem, list)) {
        return NULL;
    }
    cat_named *object = hi_arena_calloc(&c->text, 1, cat_object_size(kind));
    const char *text = hi_arena_strdup(&c->text, name.data, name.size);
    if (object == NULL || text == NULL) {
        return NULL;
    }
    *object = (cat_named){.hash = hi_hash(name.data, name.size, parent),
                          .parent = parent,
                          .id = id,
                          .name = {text, name.size}};
    uint32_t at = (uint32_t)object->hash & (map->room - 1);
    while (map->slots[at] != NULL) {
        at = (at + 1) & (map->room - 1);
    }
    map->slots[at] = object;
    map->count++;
    list->items[list->count++] = object;
    return object;
}

cat_column *hi_cat_insert_column(hi_catalog *c, uint32_t id, cat_table *t, hist_str name,
                                 hist_column_kind kind, hist_type type)
{
    cat_column *column = (cat_column *)hi_cat_insert(c, CAT_COLUMN, id, t->named.id, name);

    if (column == NULL) {
        return NULL;
    }
    column->kind = kind;
    column->type = type;
    cat_column **first = kind == HIST_COLUMN_TAG ? &t->tags : &t->fields;
    cat_column **last = kind == HIST_COLUMN_TAG ? &t->last_tag : &t->last_field;
    if (*last == NULL) {
        *first = column;
    } else {
        (*last)->next = column;
    }
    *last = column;
    if (kind == HIST_COLUMN_TAG) {
        t->tag_count++;
    } else {
        t->field_count++;
    }
    return column;
}

/* ---- definitions by name ---- */

hist_status hi_cat_check_name(hist_str name, const char *what, hist_error *err)
{
    if (name.size == 0 || name.size > HIST_NAME_BYTES_MAX) {
        return hi_fail(err, HIST_EINVAL, "the name of a %s has %zu bytes, allowed are 1 to %d",
                       what, name.size, HIST_NAME_BYTES_MAX);
    }
    for (size_t i = 0; i < name.size; i++) {
        if ((unsigned char)name.data[i] < 0x20 || name.data[i] == 0x7f) {
            return hi_fail(err, HIST_EINVAL,
                           "the name of a %s has the control byte 0x%02x at position %zu", what,
                           (unsigned char)name.data[i], i);
        }
    }
    if (hi_utf8_valid(name.data, name.size) != name.size) {
        return hi_fail(err, HIST_EINVAL, "the name of a %s is not UTF-8 at position %zu", what,
                       hi_utf8_valid(name.data, name.size));
    }
    return HIST_OK;
}

static hist_status cat_ids_spent(uint32_t next, const char *what, hist_error *err)
{
    return next < HI_COLUMN_SEQ ? HIST_OK
                                : hi_fail(err, HIST_ELIMIT, "there are no more ids for a %s", what);
}

/* Database or table, whose records are alike. */
static hist_status cat_define_named(hi_catalog *c, cat_kind kind, uint32_t parent, hist_str name,
                                    uint32_t *id_out, hist_error *err)
{
    const char *what = kind == CAT_DATABASE ? "database" : "table";
    uint32_t *next = kind == CAT_DATABASE ? &c->next.database : &c->next.table;
    const cat_named *found = hi_cat_find(c, kind, parent, name);

    if (found != NULL) {
        *id_out = found->id;
        return HIST_OK;
    }
    HI_TRY(hi_cat_check_name(name, what, err));
    HI_TRY(cat_ids_spent(*next, what, err));
    const size_t head =
        hi_walrec_begin(&c->pending, kind == CAT_DATABASE ? HI_WALREC_DATABASE : HI_WALREC_TABLE);
    hi_buf_varint(&c->pending, *next);
    if (kind == CAT_TABLE) {
        hi_buf_varint(&c->pending, parent);
    }
    hi_buf_text(&c->pending, name.data, name.size);
    if (!cat_pending_ok(c, head)) {
        return hi_no_memory(err, "a definition");
    }
    if (hi_cat_insert(c, kind, *next, parent, name) == NULL) {
        c->pending.size = head;
        return hi_no_memory(err, "a definition");
    }
    *id_out = (*next)++;
    return HIST_OK;
}

hist_status hi_catalog_define_database(hi_catalog *c, hist_str name, uint32_t *id_out,
                                       hist_error *err)
{
    *id_out = hi_catalog_database(c, name);
    if (*id_out != 0) {
        return HIST_OK;
    }
    pthread_rwlock_wrlock(&c->lock);
    const hist_status status = cat_define_named(c, CAT_DATABASE, 0, name, id_out, err);
    pthread_rwlock_unlock(&c->lock);
    return status;
}

hist_status hi_catalog_define_table(hi_catalog *c, uint32_t database, hist_str name,
                                    uint32_t *id_out, hist_error *err)
{
    hist_status status = HIST_OK;

    *id_out = hi_catalog_find_table(c, database, name);
    if (*id_out != 0) {
        return HIST_OK;
    }
    pthread_rwlock_wrlock(&c->lock);
    if (hi_cat_by_id(c, CAT_DATABASE, database) == NULL) {
        status = hi_fail(err, HIST_EINVAL, "there is no database with the id %u", database);
    } else {
        status = cat_define_named(c, CAT_TABLE, database, name, id_out, err);
    }
    pthread_rwlock_unlock(&c->lock);
    return status;
}

static hist_status cat_new_column(hi_catalog *c, cat_table *t, hist_str name, hist_column_kind kind,
                                  hist_type type, hist_error *err)
{
    HI_TRY(hi_cat_check_name(name, kind == HIST_COLUMN_TAG ? "tag" : "field", err));
    HI_TRY(cat_ids_spent(c->next.column, "column", err));
    const size_t head = hi_walrec_begin(&c->pending, HI_WALREC_COLUMN);
    hi_buf_varint(&c->pending, c->next.column);
    hi_buf_varint(&c->pending, t->named.id);
    hi_buf_byte(&c->pending, (uint8_t)kind);
    hi_buf_byte(&c->pending, (uint8_t)type);
    hi_buf_text(&c->pending, name.data, name.size);
    if (!cat_pending_ok(c, head)) {
        return hi_no_memory(err, "a definition");
    }
    if (hi_cat_insert_column(c, c->next.column, t, name, kind, type) == NULL) {
        c->pending.size = head;
        return hi_no_memory(err, "a definition");
    }
    c->next.column++;
    return HIST_OK;
}

static bool cat_is_time_name(const hi_catalog *c, hist_str name)
{
    return name.size == c->time_column.size &&
           memcmp(name.data, c->time_column.data, name.size) == 0;
}

bool hi_cat_field_type_ok(hist_type type)
{
    return type == HIST_TYPE_BOOL || type == HIST_TYPE_LONG || type == HIST_TYPE_REAL ||
           type == HIST_TYPE_STRING || type == HIST_TYPE_DATETIME;
}

static hist_status cat_define_field(hi_catalog *c, uint32_t table, hist_str name, hist_type type,
                                    uint32_t *id_out, hist_error *err)
{
    cat_table *t = (cat_table *)hi_cat_by_id(c, CAT_TABLE, table);

    if (t == NULL || !hi_cat_field_type_ok(type)) {
        return t == NULL ? hi_fail(err, HIST_EINVAL, "there is no table with the id %u", table)
                         : hi_fail(err, HIST_EINVAL,
                                   "a field is bool, long, real, string or datetime, not %s",
                                   hist_type_name(type));
    }
    if (cat_is_time_name(c, name)) {
        return hi_fail(err, HIST_EINVAL,
                       "field '%.*s' of table '%s' has the name of the time column", (int)name.size,
                       name.data, t->named.name.data);
    }
    const cat_column *found = (const cat_column *)hi_cat_find(c, CAT_COLUMN, table, name);
    if (found == NULL) {
        HI_TRY(cat_new_column(c, t, name, HIST_COLUMN_FIELD, type, err));
        *id_out = c->next.column - 1;
        return HIST_OK;
    }
    if (found->kind != HIST_COLUMN_FIELD) {
        return hi_fail(err, HIST_EINVAL,
                       "field '%.*s' of table '%s' has the name of a tag of that table",
                       (int)name.size, name.data, t->named.name.data);
    }
    if (found->type != type) {
        return hi_fail(err, HIST_ETYPE, "field '%.*s' of table '%s' is %s, not %s", (int)name.size,
                       name.data, t->named.name.data, hist_type_name(found->type),
                       hist_type_name(type));
    }
    *id_out = found->named.id;
    return HIST_OK;
}

hist_status hi_catalog_define_field(hi_catalog *c, uint32_t table, hist_str name, hist_type type,
                                    uint32_t *id_out, hist_error *err)
{
    hi_column_def def = {0};

    if (hi_catalog_find_column(c, table, name, &def) && def.kind == HIST_COLUMN_FIELD &&
        def.type == type) {
        *id_out = def.id;
        return HIST_OK;
    }
    pthread_rwlock_wrlock(&c->lock);
    const hist_status status = cat_define_field(c, table, name, type, id_out, err);
    pthread_rwlock_unlock(&c->lock);
    return status;
}

/* ---- series ---- */

static hist_status cat_check_values(const cat_table *t, const hist_tag *tags, size_t count,
                                    hist_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const hist_str value = tags[i].value;

        if (value.size > HIST_STRING_BYTES_MAX) {
            return hi_fail(err, HIST_ELIMIT,
                           "tag '%.*s' of table '%s' has %zu bytes, allowed are %d",
                           (int)tags[i].key.size, tags[i].key.data, t->named.name.data, value.size,
                           HIST_STRING_BYTES_MAX);
        }
        if (hi_utf8_valid(value.data, value.size) != value.size) {
            return hi_fail(err, HIST_EINVAL, "the value of tag '%.*s' of table '%s' is not UTF-8",
                           (int)tags[i].key.size, tags[i].key.data, t->named.name.data);
        }
        for (size_t k = 0; k < i; k++) {
            if (tags[k].key.size == tags[i].key.size &&
                memcmp(tags[k].key.data, tags[i].key.data, tags[i].key.size) == 0) {
                return hi_fail(err, HIST_EINVAL, "tag '%.*s' of table '%s' is given twice",
                               (int)tags[i].key.size, tags[i].key.data, t->named.name.data);
            }
        }
    }
    return HIST_OK;
}

static hist_status cat_define_tags(hi_catalog *c, cat_table *t, const hist_tag *tags, size_t count,
                                   hist_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (tags[i].value.size > 0 &&
            hi_cat_find(c, CAT_COLUMN, t->named.id, tags[i].key) == NULL) {
            HI_TRY(cat_new_column(c, t, tags[i].key, HIST_COLUMN_TAG, HIST_TYPE_STRING, err));
        }
    }
    return HIST_OK;
}

static hist_status cat_series_room(const hi_catalog *c, const cat_table *t, hist_error *err)
{
    if (c->series_count >= c->series_max) {
        return hi_fail(
            err, HIST_ELIMIT,
            "a new series in table '%s' is refused: the store has %llu series, series_max is %u",
            t->named.name.data, (unsigned long long)c->series_count, c->series_max);
    }
    return cat_ids_spent(c->next.series, "series", err);
}

static hist_status cat_add_series(hi_catalog *c, cat_table *t, const hi_tag_ref *refs,
                                  uint32_t count, uint64_t hash, hist_error *err)
{
    const size_t head = hi_walrec_begin(&c->pending, HI_WALREC_SERIES);

    hi_buf_varint(&c->pending, c->next.series);
    hi_buf_varint(&c->pending, t->named.id);
    hi_buf_varint(&c->pending, count);
    for (uint32_t i = 0; i < count; i++) {
        hi_buf_varint(&c->pending, refs[i].column);
        hi_buf_text(&c->pending, refs[i].value.data, refs[i].value.size);
    }
    if (!cat_pending_ok(c, head)) {
        return hi_no_memory(err, "a new series");
    }
    if (!hi_recent_add(c->recent, c->next.series, t->named.id, refs, count, hash)) {
        c->pending.size = head;
        return hi_no_memory(err, "a new series");
    }
    c->next.series++;
    c->series_count++;
    t->series_count++;
    return HIST_OK;
}

static hist_status cat_define_series(hi_catalog *c, uint32_t table, const hist_tag *tags,
                                     size_t tag_count, uint32_t *id_out, hist_error *err)
{
    cat_table *t = (cat_table *)hi_cat_by_id(c, CAT_TABLE, table);
    hi_tag_ref refs[HIST_TAGS_MAX];
    uint32_t count = 0;
    bool known = false;

    if (t == NULL) {
        return hi_fail(err, HIST_EINVAL, "there is no table with the id %u", table);
    }
    HI_TRY(hi_cat_resolve(c, t, tags, tag_count, refs, &count, &known, err));
    if (!known) {
        HI_TRY(cat_check_values(t, tags, tag_count, err));
        HI_TRY(cat_series_room(c, t, err));
        HI_TRY(cat_define_tags(c, t, tags, tag_count, err));
        HI_TRY(hi_cat_resolve(c, t, tags, tag_count, refs, &count, &known, err));
    }
    const uint64_t hash = hi_series_hash(table, refs, count);
    HI_TRY(hi_cat_find_series(c, table, refs, count, hash, id_out, err));
    if (*id_out != 0) {
        return HIST_OK;
    }
    HI_TRY(cat_check_values(t, tags, tag_count, err));
    HI_TRY(cat_series_room(c, t, err));
    HI_TRY(cat_add_series(c, t, refs, count, hash, err));
    *id_out = c->next.series - 1;
    return HIST_OK;
}

hist_status hi_catalog_define_series(hi_catalog *c, uint32_t table, const hist_tag *tags,
                                     size_t tag_count, uint32_t *id_out, hist_error *err)
{
    HI_TRY(hi_catalog_find_series(c, table, tags, tag_count, id_out, err));
    if (*id_out != 0) {
        return HIST_OK;
    }
    pthread_rwlock_wrlock(&c->lock);
    const hist_status status = cat_define_series(c, table, tags, tag_count, id_out, err);
    pthread_rwlock_unlock(&c->lock);
    return status;
}

/* ---- properties ---- */

/* Where the properties of a table or column hang; NULL: it does not exist. */
cat_property **hi_cat_properties(hi_catalog *c, uint32_t table, uint32_t column)
{
    cat_named *owner =
        column == 0 ? hi_cat_by_id(c, CAT_TABLE, table) : hi_cat_by_id(c, CAT_COLUMN, column);

    if (owner == NULL || (column != 0 && owner->parent != table)) {
        return NULL;
    }
    return column == 0 ? &((cat_table *)owner)->properties : &((cat_column *)owner)->properties;
}

static cat_property *cat_find_property(cat_property *first, hist_str key)
{
    while (first != NULL &&
           (first->key.size != key.size || memcmp(first->key.data, key.data, key.size) != 0)) {
        first = first->next;
    }
    return first;
}

/* Sets without logging. */
hist_status hi_cat_put_property(hi_catalog *c, cat_property **list, hist_str key, hist_str value)
{
    cat_property *found = cat_find_property(*list, key);
    const char *text = hi_arena_strdup(&c->text, value.data, value.size);

    if (text == NULL) {
        return HIST_ENOMEM;
    }
    if (found == NULL) {
        found = HI_NEW(&c->text, cat_property);
        const char *name = hi_arena_strdup(&c->text, key.data, key.size);
        if (found == NULL || name == NULL) {
            return HIST_ENOMEM;
        }
        *found = (cat_property){.next = *list, .key = {name, key.size}};
        *list = found;
    }
    found->value = (hist_str){text, value.size};
    c->property_version++;
    return HIST_OK;
}

void hi_cat_encode_property(hi_buf *out, uint32_t table, uint32_t column, hist_str key,
                            hist_str value)
{
    const size_t head = hi_walrec_begin(out, HI_WALREC_PROPERTY);

    hi_buf_varint(out, table);
    hi_buf_varint(out, column);
    hi_buf_text(out, key.data, key.size);
    hi_buf_text(out, value.data, value.size);
    hi_walrec_end(out, head);
}

static hist_status cat_set_property(hi_catalog *c, uint32_t table, uint32_t column, hist_str key,
                                    hist_str value, hist_error *err)
{
    cat_property **list = hi_cat_properties(c, table, column);
    const size_t head = c->pending.size;

    if (list == NULL) {
        return hi_fail(err, HIST_ENOTFOUND, "there is no column %u in table %u", column, table);
    }
    hi_cat_encode_property(&c->pending, table, column, key, value);
    if (!hi_buf_ok(&c->pending) || hi_cat_put_property(c, list, key, value) != HIST_OK) {
        c->pending.failed = false;
        c->pending.size = head;
        return hi_no_memory(err, "a property");
    }
    return HIST_OK;
}

hist_status hi_catalog_set_property(hi_catalog *c, uint32_t table, uint32_t column, hist_str key,
                                    hist_str value, hist_error *err)
{
    HI_TRY(hi_cat_check_name(key, "property", err));
    if (value.size > HIST_STRING_BYTES_MAX || hi_utf8_valid(value.data, value.size) != value.size) {
        return hi_fail(err, HIST_EINVAL, "the value of property '%.*s' is too long or not UTF-8",
                       (int)key.size, key.data);
    }
    pthread_rwlock_wrlock(&c->lock);
    const hist_status status = cat_set_property(c, table, column, key, value, err);
    pthread_rwlock_unlock(&c->lock);
    return status;
}

hist_status hi_catalog_get_property(hi_catalog *c, uint32_t table, uint32_t column, hist_str key,
                                    hi_arena *arena, const char **value_out)
{
    *value_out = NULL;
    pthread_rwlock_rdlock(&c->lock);
    cat_property **list = hi_cat_properties(c, table, column);
    const cat_property *found = list == NULL ? NULL : cat_find_property(*list, key);
    if (found != NULL) {
        *value_out = hi_arena_strdup(arena, found->value.data, found->value.size);
    }
    pthread_rwlock_unlock(&c->lock);
    return found != NULL && *value_out == NULL ? HIST_ENOMEM : HIST_OK;
}
