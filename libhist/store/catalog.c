/* catalog.c -- looking things up in the catalog; see catalog.h and catalog_write.h. */
#include "store/catalog.h"

#include <string.h>

#include "base/hash.h"
#include "store/catalog_impl.h"

static void cat_read_lock(hi_catalog *c)
{
    pthread_rwlock_rdlock(&c->lock);
}

static void cat_unlock(hi_catalog *c)
{
    pthread_rwlock_unlock(&c->lock);
}

/* ---- names ---- */

cat_named *hi_cat_find(hi_catalog *c, cat_kind kind, uint32_t parent, hist_str name)
{
    const cat_map *map = &c->names[kind];
    const uint64_t hash = hi_hash(name.data, name.size, parent);

    if (map->room == 0) {
        return NULL;
    }
    for (uint32_t at = (uint32_t)hash & (map->room - 1); map->slots[at] != NULL;
         at = (at + 1) & (map->room - 1)) {
        cat_named *found = map->slots[at];

        if (found->hash == hash && found->parent == parent && found->name.size == name.size &&
            memcmp(found->name.data, name.data, name.size) == 0) {
            return found;
        }
    }
    return NULL;
}

cat_named *hi_cat_by_id(hi_catalog *c, cat_kind kind, uint32_t id)
{
    const cat_list *list = &c->lists[kind];
    uint32_t low = 0;
    uint32_t high = list->count;

    if (list->count == 0 || id < list->items[0]->id) {
        return NULL;
    }
    const uint32_t guess = id - list->items[0]->id;
    if (guess < list->count && list->items[guess]->id == id) {
        return list->items[guess];
    }
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (list->items[middle]->id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < list->count && list->items[low]->id == id ? list->items[low] : NULL;
}

static uint32_t cat_find_id(hi_catalog *c, cat_kind kind, uint32_t parent, hist_str name)
{
    cat_read_lock(c);
    const cat_named *found = hi_cat_find(c, kind, parent, name);
    const uint32_t id = found == NULL ? 0 : found->id;
    cat_unlock(c);
    return id;
}

uint32_t hi_catalog_database(hi_catalog *c, hist_str name)
{
    return cat_find_id(c, CAT_DATABASE, 0, name);
}

uint32_t hi_catalog_find_table(hi_catalog *c, uint32_t database, hist_str name)
{
    return cat_find_id(c, CAT_TABLE, database, name);
}

static hi_column_def cat_column_def(const cat_column *column)
{
    return (hi_column_def){.id = column->named.id,
                           .type = column->type,
                           .kind = column->kind,
                           .name = column->named.name.data};
}

bool hi_catalog_find_column(hi_catalog *c, uint32_t table, hist_str name, hi_column_def *column_out)
{
    cat_read_lock(c);
    const cat_named *found = hi_cat_find(c, CAT_COLUMN, table, name);
    if (found != NULL) {
        *column_out = cat_column_def((const cat_column *)found);
    }
    cat_unlock(c);
    return found != NULL;
}

bool hi_catalog_column(hi_catalog *c, uint32_t column, uint32_t *table_out,
                       hi_column_def *column_out)
{
    cat_read_lock(c);
    const cat_named *found = hi_cat_by_id(c, CAT_COLUMN, column);
    if (found != NULL) {
        *table_out = found->parent;
        *column_out = cat_column_def((const cat_column *)found);
    }
    cat_unlock(c);
    return found != NULL;
}

static const char *cat_name_of(hi_catalog *c, cat_kind kind, uint32_t id)
{
    cat_read_lock(c);
    const cat_named *found = hi_cat_by_id(c, kind, id);
    cat_unlock(c);
    return found == NULL ? "" : found->name.data;
}

const char *hi_catalog_table_name(hi_catalog *c, uint32_t table)
{
    return cat_name_of(c, CAT_TABLE, table);
}

const char *hi_catalog_database_name(hi_catalog *c, uint32_t database)
{
    return cat_name_of(c, CAT_DATABASE, database);
}

uint32_t hi_catalog_table_database(hi_catalog *c, uint32_t table)
{
    cat_read_lock(c);
    const cat_named *found = hi_cat_by_id(c, CAT_TABLE, table);
    const uint32_t database = found == NULL ? 0 : found->parent;
    cat_unlock(c);
    return database;
}

const char *hi_catalog_time_column(const hi_catalog *c)
{
    return c->time_column.data;
}

int64_t hi_catalog_stamp(hi_catalog *c, int64_t now_ns)
{
    int64_t last = atomic_load_explicit(&c->last_stamp, memory_order_relaxed);
    int64_t stamp = 0;

    do {
        stamp = now_ns > last ? now_ns : last + 1;
    } while (!atomic_compare_exchange_weak_explicit(&c->last_stamp, &last, stamp,
                                                    memory_order_relaxed, memory_order_relaxed));
    return stamp;
}

hi_catalog_ids hi_catalog_next(hi_catalog *c)
{
    cat_read_lock(c);
    const hi_catalog_ids next = c->next;
    cat_unlock(c);
    return next;
}

hi_catalog_figures hi_catalog_get_figures(hi_catalog *c)
{
    cat_read_lock(c);
    hi_catalog_figures figures = {.databases = c->lists[CAT_DATABASE].count,
                                  .tables = c->lists[CAT_TABLE].count,
                                  .columns = c->lists[CAT_COLUMN].count,
                                  .series = c->series_count};
    for (uint32_t i = 0; i < c->files.count; i++) {
        figures.file_bytes += c->files.items[i]->info.size_bytes;
    }
    figures.recent_series = c->recent->series_count;
    for (const hi_recent *r = c->frozen; r != NULL; r = r->older) {
        figures.recent_series += r->series_count;
    }
    cat_unlock(c);
    return figures;
}

/* ---- tables ---- */

static hist_status cat_table_def(hi_catalog *c, const cat_table *t, hi_arena *arena,
                                 hi_table_def *out)
{
    const uint32_t count = 1 + t->tag_count + t->field_count;
    hi_column_def *columns = hi_arena_alloc(arena, count * sizeof(*columns));
    uint32_t n = 0;

    if (columns == NULL) {
        return HIST_ENOMEM;
    }
    columns[n++] = (hi_column_def){.id = HI_COLUMN_TIME,
                                   .type = HIST_TYPE_DATETIME,
                                   .kind = HIST_COLUMN_TIME,
                                   .name = c->time_column.data};
    for (const cat_column *tag = t->tags; tag != NULL; tag = tag->next) {
        columns[n++] = cat_column_def(tag);
    }
    for (const cat_column *field = t->fields; field != NULL; field = field->next) {
        columns[n++] = cat_column_def(field);
    }
    *out = (hi_table_def){.id = t->named.id,
                          .database = t->named.parent,
                          .name = t->named.name.data,
                          .columns = columns,
                          .column_count = count,
                          .series_count = t->series_count};
    return HIST_OK;
}

hist_status hi_catalog_table(hi_catalog *c, uint32_t database, hist_str name, hi_arena *arena,
                             hi_table_def *table_out)
{
    hist_status status = HIST_ENOTFOUND;

    cat_read_lock(c);
    const cat_named *found = hi_cat_find(c, CAT_TABLE, database, name);
    if (found != NULL) {
        status = cat_table_def(c, (const cat_table *)found, arena, table_out);
    }
    cat_unlock(c);
    return status;
}

/* Shell sort by name: no memory, and lists are short. */
static void cat_sort(cat_named **items, uint32_t count)
{
    for (uint32_t gap = count / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11) {
        for (uint32_t i = gap; i < count; i++) {
            cat_named *moving = items[i];
            uint32_t at = i;

            while (at >= gap && strcmp(items[at - gap]->name.data, moving->name.data) > 0) {
                items[at] = items[at - gap];
                at -= gap;
            }
            items[at] = moving;
        }
    }
}

/* Everything of a kind within a parent, by name, in the arena; NULL: no memory. */
static cat_named **cat_sorted(hi_catalog *c, cat_kind kind, uint32_t parent, hi_arena *arena,
                              uint32_t *count_out)
{
    const cat_list *list = &c->lists[kind];
    cat_named **items = hi_arena_alloc(arena, list->count * sizeof(cat_named *));
    uint32_t n = 0;

    for (uint32_t i = 0; items != NULL && i < list->count; i++) {
        if (list->items[i]->parent == parent) {
            items[n++] = list->items[i];
        }
    }
    if (items != NULL) {
        cat_sort(items, n);
    }
    *count_out = n;
    return items;
}

static hist_status cat_databases(hi_catalog *c, hi_arena *arena, const char ***names_out,
                                 uint32_t **ids_out, uint32_t *count_out)
{
    cat_named **items = cat_sorted(c, CAT_DATABASE, 0, arena, count_out);
    const char **names = hi_arena_alloc(arena, *count_out * sizeof(char *));
    uint32_t *ids = hi_arena_alloc(arena, *count_out * sizeof(*ids));

    if (items == NULL || names == NULL || ids == NULL) {
        return HIST_ENOMEM;
    }
    for (uint32_t i = 0; i < *count_out; i++) {
        names[i] = items[i]->name.data;
        ids[i] = items[i]->id;
    }
    *names_out = names;
    *ids_out = ids;
    return HIST_OK;
}

hist_status hi_catalog_databases(hi_catalog *c, hi_arena *arena, const char ***names_out,
                                 uint32_t **ids_out, uint32_t *count_out, hist_error *err)
{
    cat_read_lock(c);
    const hist_status status = cat_databases(c, arena, names_out, ids_out, count_out);
    cat_unlock(c);
    return status == HIST_OK ? HIST_OK : hi_no_memory(err, "the list of databases");
}

static hist_status cat_tables(hi_catalog *c, uint32_t database, hi_arena *arena,
                              hi_table_def **tables_out, uint32_t *count_out)
{
    cat_named **items = cat_sorted(c, CAT_TABLE, database, arena, count_out);
    hi_table_def *tables = hi_arena_alloc(arena, *count_out * sizeof(*tables));

    if (items == NULL || tables == NULL) {
        return HIST_ENOMEM;
    }
    for (uint32_t i = 0; i < *count_out; i++) {
        HI_TRY(cat_table_def(c, (const cat_table *)items[i], arena, &tables[i]));
    }
    *tables_out = tables;
    return HIST_OK;
}

hist_status hi_catalog_tables(hi_catalog *c, uint32_t database, hi_arena *arena,
                              hi_table_def **tables_out, uint32_t *count_out, hist_error *err)
{
    cat_read_lock(c);
    const hist_status status = cat_tables(c, database, arena, tables_out, count_out);
    cat_unlock(c);
    return status == HIST_OK ? HIST_OK : hi_no_memory(err, "the list of tables");
}

/* ---- series ---- */

static void cat_sort_refs(hi_tag_ref *refs, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        const hi_tag_ref moving = refs[i];
        uint32_t at = i;

        while (at > 0 && refs[at - 1].column > moving.column) {
            refs[at] = refs[at - 1];
            at--;
        }
        refs[at] = moving;
    }
}

static bool cat_is_time(const hi_catalog *c, hist_str name)
{
    return name.size == c->time_column.size &&
           memcmp(name.data, c->time_column.data, name.size) == 0;
}

static hist_status cat_check_tag(const hi_catalog *c, const cat_table *t, const hist_tag *tag,
                                 const cat_column *found, hist_error *err)
{
    if (cat_is_time(c, tag->key)) {
        return hi_fail(err, HIST_EINVAL, "tag '%.*s' of table '%s' has the name of the time column",
                       (int)tag->key.size, tag->key.data, t->named.name.data);
    }
    if (found != NULL && found->kind != HIST_COLUMN_TAG) {
        return hi_fail(err, HIST_EINVAL,
                       "tag '%.*s' of table '%s' has the name of a field of that table",
                       (int)tag->key.size, tag->key.data, t->named.name.data);
    }
    return HIST_OK;
}

hist_status hi_cat_resolve(hi_catalog *c, cat_table *t, const hist_tag *tags, size_t tag_count,
                           hi_tag_ref refs[HIST_TAGS_MAX], uint32_t *count_out, bool *known,
                           hist_error *err)
{
    uint32_t n = 0;

    *known = true;
    for (size_t i = 0; i < tag_count; i++) {
        const cat_column *found =
            (const cat_column *)hi_cat_find(c, CAT_COLUMN, t->named.id, tags[i].key);

        HI_TRY(cat_check_tag(c, t, &tags[i], found, err));
        if (tags[i].value.size == 0) {
            continue;
        }
        if (n == HIST_TAGS_MAX) {
            return hi_fail(err, HIST_ELIMIT, "more than %d tags in a series of table '%s'",
                           HIST_TAGS_MAX, t->named.name.data);
        }
        *known &= found != NULL;
        refs[n++] = (hi_tag_ref){found == NULL ? 0 : found->named.id, tags[i].value};
    }
    cat_sort_refs(refs, n);
    for (uint32_t i = 1; *known && i < n; i++) {
        if (refs[i].column == refs[i - 1].column) {
            return hi_fail(err, HIST_EINVAL, "a tag is given twice for a series of table '%s'",
                           t->named.name.data);
        }
    }
    *count_out = n;
    return HIST_OK;
}

hist_status hi_cat_find_series(hi_catalog *c, uint32_t table, const hi_tag_ref *refs,
                               uint32_t count, uint64_t hash, uint32_t *id_out, hist_error *err)
{
    uint32_t index = hi_recent_find(c->recent, table, refs, count, hash);

    *id_out = 0;
    if (index != HI_RECENT_NONE) {
        *id_out = c->recent->series[index].id;
        return HIST_OK;
    }
    for (const hi_recent *r = c->frozen; r != NULL; r = r->older) {
        index = hi_recent_find(r, table, refs, count, hash);
        if (index != HI_RECENT_NONE) {
            *id_out = r->series[index].id;
            return HIST_OK;
        }
    }
    for (uint32_t i = c->files.count; i > 0 && *id_out == 0; i--) {
        HI_TRY(hi_catfile_find(c->files.items[i - 1], table, refs, count, hash, id_out, err));
    }
    return HIST_OK;
}

static hist_status cat_unknown_table(uint32_t table, hist_error *err)
{
    return hi_fail(err, HIST_EINVAL, "there is no table with the id %u", table);
}

static hist_status cat_find_tags(hi_catalog *c, uint32_t table, const hist_tag *tags,
                                 size_t tag_count, uint32_t *id_out, hist_error *err)
{
    cat_table *t = (cat_table *)hi_cat_by_id(c, CAT_TABLE, table);
    hi_tag_ref refs[HIST_TAGS_MAX];
    uint32_t count = 0;
    bool known = false;

    *id_out = 0;
    if (t == NULL) {
        return cat_unknown_table(table, err);
    }
    HI_TRY(hi_cat_resolve(c, t, tags, tag_count, refs, &count, &known, err));
    if (!known) {
        return HIST_OK;
    }
    return hi_cat_find_series(c, table, refs, count, hi_series_hash(table, refs, count), id_out,
                              err);
}

hist_status hi_catalog_find_series(hi_catalog *c, uint32_t table, const hist_tag *tags,
                                   size_t tag_count, uint32_t *id_out, hist_error *err)
{
    cat_read_lock(c);
    const hist_status status = cat_find_tags(c, table, tags, tag_count, id_out, err);
    cat_unlock(c);
    return status;
}

hist_status hi_cat_locate(hi_catalog *c, uint32_t series, cat_place *place, hist_error *err)
{
    *place = (cat_place){.index = hi_recent_by_id(c->recent, series)};
    if (place->index != HI_RECENT_NONE) {
        place->recent = c->recent;
        return HIST_OK;
    }
    for (const hi_recent *r = c->frozen; r != NULL; r = r->older) {
        place->index = hi_recent_by_id(r, series);
        if (place->index != HI_RECENT_NONE) {
            place->recent = r;
            return HIST_OK;
        }
    }
    for (uint32_t i = 0; i < c->files.count; i++) {
        HI_TRY(hi_catfile_by_id(c->files.items[i], series, &place->index, err));
        if (place->index != HI_RECENT_NONE) {
            place->file = c->files.items[i];
            return HIST_OK;
        }
    }
    return HIST_OK;
}

hist_status hi_catalog_series_table(hi_catalog *c, uint32_t series, uint32_t *table_out,
                                    hist_error *err)
{
    cat_place place;

    *table_out = 0;
    cat_read_lock(c);
    const hist_status status = hi_cat_locate(c, series, &place, err);
    if (status == HIST_OK && place.recent != NULL) {
        *table_out = place.recent->series[place.index].table;
    } else if (status == HIST_OK && place.file != NULL) {
        *table_out = hi_catfile_table_of(place.file, place.index);
    }
    cat_unlock(c);
    return status;
}

/* ---- lists of series ---- */

static hist_status cat_list_frozen(const hi_recent *r, uint32_t table, uint32_t column,
                                   hist_str value, hi_id_list *list)
{
    if (r == NULL) {
        return HIST_OK;
    }
    HI_TRY(cat_list_frozen(r->older, table, column, value,
                           list)); /* Few: one a checkpoint that failed. */
    return hi_recent_list(r, table, column, value, list);
}

static hist_status cat_list_all(hi_catalog *c, uint32_t table, uint32_t column, hist_str value,
                                hi_id_list *list, hist_error *err)
{
    for (uint32_t i = 0; i < c->files.count; i++) {
        HI_TRY(hi_catfile_list(c->files.items[i], table, column, value, list, err));
    }
    if (cat_list_frozen(c->frozen, table, column, value, list) != HIST_OK ||
        hi_recent_list(c->recent, table, column, value, list) != HIST_OK) {
        return hi_no_memory(err, "a list of series");
    }
    for (uint32_t i = 1; i < list->count; i++) {
        if (list->ids[i] <= list->ids[i - 1]) {
            return hi_corrupt(err, c->files_config.dir, -1,
                              "catalog files disagree: series %u of table %u comes after %u",
                              list->ids[i], table, list->ids[i - 1]);
        }
    }
    return HIST_OK;
}

static hist_status cat_list_locked(hi_catalog *c, uint32_t table, uint32_t column, hist_str value,
                                   hi_arena *arena, hi_id_list *list, hist_error *err)
{
    hi_id_list_init(list, arena);
    cat_read_lock(c);
    const hist_status status = cat_list_all(c, table, column, value, list, err);
    cat_unlock(c);
    return status;
}

hist_status hi_catalog_series(hi_catalog *c, uint32_t table, hi_arena *arena,
                              const uint32_t **ids_out, uint32_t *count_out, hist_error *err)
{
    hi_id_list list;

    HI_TRY(cat_list_locked(c, table, 0, (hist_str){"", 0}, arena, &list, err));
    *ids_out = list.ids;
    *count_out = list.count;
    return HIST_OK;
}

hist_status hi_catalog_series_eq(hi_catalog *c, uint32_t table, uint32_t column, hist_str value,
                                 hi_arena *arena, const uint32_t **ids_out, uint32_t *count_out,
                                 hist_error *err)
{
    hi_id_list list;

    HI_TRY(cat_list_locked(c, table, column, value, arena, &list, err));
    *ids_out = list.ids;
    *count_out = list.count;
    return HIST_OK;
}

hist_status hi_catalog_series_match(hi_catalog *c, uint32_t table, const hist_tag *tags,
                                    size_t tag_count, hi_arena *arena, const uint32_t **ids_out,
                                    uint32_t *count_out, hist_error *err)
{
    hi_id_list list = {0};
    bool first = true;

    for (size_t i = 0; i < tag_count; i++) {
        hi_column_def column = {0};
        hi_id_list found = {0};
        const bool known = hi_catalog_find_column(c, table, tags[i].key, &column) &&
                           column.kind == HIST_COLUMN_TAG;

        if (!known && tags[i].value.size == 0) {
            continue; /* No series has it. */
        }
        if (known) {
            HI_TRY(cat_list_locked(c, table, column.id, tags[i].value, arena, &found, err));
        }
        if (first) {
            list = found;
            first = false;
        } else {
            hi_id_list_intersect(&list, found.ids, found.count);
        }
    }
    if (first) {
        return hi_catalog_series(c, table, arena, ids_out, count_out, err);
    }
    *ids_out = list.ids;
    *count_out = list.count;
    return HIST_OK;
}
