/* catalog_tag.c -- hi_catalog_tag(): a tag of many series as a dictionary column. */
#include <string.h>

#include "base/hash.h"
#include "store/catalog_impl.h"

enum {
    TAG_CACHE = 256,
};

/* What a value of one source became in the dictionary, so that most values need no hash of their text. */
typedef struct tag_cached {
    const void *source;
    uint32_t code;
    uint32_t index;
} tag_cached;

typedef struct tag_dict {
    hi_arena *arena;
    hist_str *values; /* Text is in the arena. */
    uint32_t count;
    uint32_t room;
    uint32_t *slots; /* index + 1 */
    uint32_t slot_room;
    uint64_t bytes;
    tag_cached cache[TAG_CACHE];
} tag_dict;

static bool tag_dict_grow(tag_dict *d)
{
    const uint32_t room = d->room == 0 ? 64 : d->room * 2;
    hist_str *values = hi_arena_alloc(d->arena, room * sizeof(*values));
    uint32_t *slots = HI_NEW_ARRAY(d->arena, uint32_t, (size_t)room * 2);

    if (values == NULL || slots == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < d->count; i++) {
        uint32_t at = (uint32_t)hi_value_hash(0, d->values[i]) & (room * 2 - 1);

        values[i] = d->values[i];
        while (slots[at] != 0) {
            at = (at + 1) & (room * 2 - 1);
        }
        slots[at] = i + 1;
    }
    d->values = values;
    d->room = room;
    d->slots = slots;
    d->slot_room = room * 2;
    return true;
}

/* The index of a value, added when new; UINT32_MAX: no memory. */
static uint32_t tag_dict_put(tag_dict *d, hist_str value)
{
    if (d->count == d->room && !tag_dict_grow(d)) {
        return UINT32_MAX;
    }
    uint32_t at = (uint32_t)hi_value_hash(0, value) & (d->slot_room - 1);
    for (; d->slots[at] != 0; at = (at + 1) & (d->slot_room - 1)) {
        const hist_str *found = &d->values[d->slots[at] - 1];

        if (found->size == value.size && memcmp(found->data, value.data, value.size) == 0) {
            return d->slots[at] - 1;
        }
    }
    const char *copy = hi_arena_strdup(d->arena, value.data, value.size);
    if (copy == NULL || d->bytes + value.size > INT32_MAX) {
        return UINT32_MAX;
    }
    d->bytes += value.size;
    d->values[d->count] = (hist_str){copy, value.size};
    d->slots[at] = ++d->count;
    return d->count - 1;
}

static uint32_t tag_dict_put_cached(tag_dict *d, const void *source, uint32_t code, hist_str value)
{
    tag_cached *cached = &d->cache[code % TAG_CACHE];

    if (cached->source != source || cached->code != code) {
        const uint32_t index = tag_dict_put(d, value);

        if (index == UINT32_MAX) {
            return index;
        }
        *cached = (tag_cached){source, code, index};
    }
    return cached->index;
}

/* The value of one series; `place` is where the one before it was found. */
static hist_status tag_value(hi_catalog *c, uint32_t series, uint32_t column, cat_place *place,
                             hist_str *value, uint32_t *code, hist_error *err)
{
    bool found = false;

    if (place->file != NULL) {
        HI_TRY(hi_catfile_by_id(place->file, series, &place->index, err));
        found = place->index != HI_RECENT_NONE;
    } else if (place->recent != NULL) {
        place->index = hi_recent_by_id(place->recent, series);
        found = place->index != HI_RECENT_NONE;
    }
    if (!found) {
        HI_TRY(hi_cat_locate(c, series, place, err));
    }
    if (place->file != NULL) {
        return hi_catfile_tag(place->file, place->index, column, value, code, err);
    }
    if (place->recent != NULL) {
        *value = hi_recent_tag(place->recent, place->index, column, code);
        return HIST_OK;
    }
    return hi_fail(err, HIST_EINTERNAL, "there is no series with the id %u", series);
}

static hist_status tag_codes(hi_catalog *c, uint32_t column, const uint32_t *ids, uint32_t count,
                             tag_dict *dict, int32_t *codes, hist_error *err)
{
    cat_place place = {0};

    for (uint32_t i = 0; i < count; i++) {
        hist_str value = {"", 0};
        uint32_t code = HI_RECENT_NONE;

        HI_TRY(tag_value(c, ids[i], column, &place, &value, &code, err));
        const void *source =
            place.file != NULL ? (const void *)place.file : (const void *)place.recent;
        const uint32_t index = tag_dict_put_cached(dict, source, code, value);
        if (index == UINT32_MAX) {
            return hi_no_memory(err, "the values of a tag");
        }
        codes[i] = (int32_t)index;
    }
    return HIST_OK;
}

static hist_status tag_column(hi_arena *arena, const tag_dict *dict, const int32_t *codes,
                              uint32_t count, hist_column *out, hist_error *err)
{
    hist_column *child = HI_NEW(arena, hist_column);
    int32_t *offsets = hi_arena_vector(arena, ((size_t)dict->count + 1) * sizeof(*offsets));
    char *bytes = hi_arena_vector(arena, (size_t)dict->bytes);
    int32_t at = 0;

    if (child == NULL || offsets == NULL || bytes == NULL) {
        return hi_no_memory(err, "the values of a tag");
    }
    for (uint32_t i = 0; i < dict->count; i++) {
        offsets[i] = at;
        memcpy(bytes + at, dict->values[i].data, dict->values[i].size);
        at += (int32_t)dict->values[i].size;
    }
    offsets[dict->count] = at;
    *child = (hist_column){.type = HIST_TYPE_STRING,
                           .stored = HIST_TYPE_STRING,
                           .length = dict->count,
                           .data_count = dict->count,
                           .offsets = offsets,
                           .bytes = bytes};
    *out = (hist_column){.type = HIST_TYPE_STRING,
                         .stored = HIST_TYPE_STRING,
                         .layout = HIST_LAYOUT_DICT,
                         .length = count,
                         .data_count = count,
                         .data = codes,
                         .child = child};
    return HIST_OK;
}

hist_status hi_catalog_tag(hi_catalog *c, uint32_t table, uint32_t column, const uint32_t *ids,
                           uint32_t count, hi_arena *arena, hist_column *out, hist_error *err)
{
    tag_dict *dict = HI_NEW(arena, tag_dict);
    int32_t *codes = hi_arena_vector(arena, (size_t)count * sizeof(*codes));

    (void)table; /* Ids are unique in the whole store. */
    if (dict == NULL || codes == NULL) {
        return hi_no_memory(err, "the values of a tag");
    }
    dict->arena = arena;
    pthread_rwlock_rdlock(&c->lock);
    const hist_status status = tag_codes(c, column, ids, count, dict, codes, err);
    pthread_rwlock_unlock(&c->lock);
    return status == HIST_OK ? tag_column(arena, dict, codes, count, out, err) : status;
}
