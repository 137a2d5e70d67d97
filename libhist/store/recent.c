/* recent.c -- series in memory; see recent.h. */
#include "store/recent.h"

#include <string.h>

#include "base/hash.h"

enum {
    RECENT_ROOM_MIN = 64,
};

uint64_t hi_value_hash(uint32_t column, hist_str value)
{
    return hi_hash(value.data, value.size, column);
}

uint64_t hi_series_hash(uint32_t table, const hi_tag_ref *tags, uint32_t count)
{
    uint64_t hash = table;

    for (uint32_t i = 0; i < count; i++) {
        hash = hi_hash(tags[i].value.data, tags[i].value.size,
                       hash * UINT64_C(0x9e3779b97f4a7c15) + tags[i].column);
    }
    return count == 0 ? hi_hash(NULL, 0, hash) : hash;
}

hi_recent *hi_recent_new(hi_mem *mem)
{
    hi_recent *recent = HI_MEM_NEW(mem, hi_recent);

    if (recent != NULL) {
        recent->mem = mem;
        hi_arena_init(&recent->text, mem);
    }
    return recent;
}

void hi_recent_free(hi_recent *r)
{
    if (r == NULL) {
        return;
    }
    hi_arena_free(&r->text);
    hi_mem_free(r->mem, r->values, r->value_room * sizeof(*r->values));
    hi_mem_free(r->mem, r->value_slots, r->value_slot_room * sizeof(*r->value_slots));
    hi_mem_free(r->mem, r->series, r->series_room * sizeof(*r->series));
    hi_mem_free(r->mem, r->series_slots, r->series_slot_room * sizeof(*r->series_slots));
    hi_mem_free(r->mem, r->keys, r->key_room * sizeof(*r->keys));
    HI_MEM_DELETE(r->mem, r);
}

/* Room for `needed` elements of an array that grows by half (big arrays) or doubles. */
static bool recent_reserve(hi_mem *mem, void **array, uint32_t *room, uint64_t needed, size_t size)
{
    uint64_t more = *room < RECENT_ROOM_MIN ? RECENT_ROOM_MIN : *room;

    if (needed <= *room) {
        return true;
    }
    while (more < needed) {
        more += more < 65536 ? more : more / 2;
    }
    if (more > UINT32_MAX - 1) {
        return false;
    }
    void *fresh = hi_mem_realloc(mem, *array, *room * size, (size_t)more * size);
    if (fresh == NULL) {
        return false;
    }
    *array = fresh;
    *room = (uint32_t)more;
    return true;
}

/* Keeps a slot table at most 3/4 full with one more entry. */
static bool recent_reserve_slots(hi_mem *mem, hi_recent_slot **slots, uint32_t *room,
                                 uint32_t count)
{
    if (((uint64_t)count + 1) * 4 <= (uint64_t)*room * 3) {
        return true;
    }
    const uint64_t more = *room == 0 ? RECENT_ROOM_MIN : (uint64_t)*room * 2;
    if (more > UINT32_C(1) << 31) {
        return false;
    }
    hi_recent_slot *fresh = hi_mem_calloc(mem, (size_t)more, sizeof(*fresh));
    if (fresh == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < *room; i++) {
        uint32_t at = (*slots)[i].hash & (uint32_t)(more - 1);

        if ((*slots)[i].index == 0) {
            continue;
        }
        while (fresh[at].index != 0) {
            at = (at + 1) & (uint32_t)(more - 1);
        }
        fresh[at] = (*slots)[i];
    }
    hi_mem_free(mem, *slots, *room * sizeof(*fresh));
    *slots = fresh;
    *room = (uint32_t)more;
    return true;
}

static void recent_put_slot(hi_recent_slot *slots, uint32_t room, uint32_t hash, uint32_t index)
{
    uint32_t at = hash & (room - 1);

    while (slots[at].index != 0) {
        at = (at + 1) & (room - 1);
    }
    slots[at] = (hi_recent_slot){hash, index + 1};
}

/* ---- values ---- */

static bool recent_same(hist_str a, const char *bytes, uint32_t size)
{
    return a.size == size && (size == 0 || memcmp(a.data, bytes, size) == 0);
}

static uint32_t recent_find_value(const hi_recent *r, uint32_t column, hist_str value,
                                  uint32_t hash)
{
    if (r->value_slot_room == 0) {
        return HI_RECENT_NONE;
    }
    for (uint32_t at = hash & (r->value_slot_room - 1); r->value_slots[at].index != 0;
         at = (at + 1) & (r->value_slot_room - 1)) {
        const uint32_t index = r->value_slots[at].index - 1;

        if (r->value_slots[at].hash == hash && r->values[index].column == column &&
            recent_same(value, r->values[index].bytes, r->values[index].size)) {
            return index;
        }
    }
    return HI_RECENT_NONE;
}

static uint32_t recent_add_value(hi_recent *r, uint32_t column, hist_str value)
{
    const uint32_t hash = (uint32_t)hi_value_hash(column, value);
    const uint32_t found = recent_find_value(r, column, value, hash);

    if (found != HI_RECENT_NONE) {
        return found;
    }
    if (!recent_reserve(r->mem, (void **)&r->values, &r->value_room, (uint64_t)r->value_count + 1,
                        sizeof(*r->values)) ||
        !recent_reserve_slots(r->mem, &r->value_slots, &r->value_slot_room, r->value_count)) {
        return HI_RECENT_NONE;
    }
    const char *bytes = hi_arena_strdup(&r->text, value.data, value.size);
    if (bytes == NULL) {
        return HI_RECENT_NONE;
    }
    r->values[r->value_count] = (hi_recent_value){bytes, (uint32_t)value.size, column};
    recent_put_slot(r->value_slots, r->value_slot_room, hash, r->value_count);
    return r->value_count++;
}

/* ---- series ---- */

static bool recent_is(const hi_recent *r, uint32_t index, uint32_t table, const hi_tag_ref *tags,
                      uint32_t count)
{
    const hi_recent_series *s = &r->series[index];
    const uint32_t begin = hi_recent_keys_begin(r, index);

    if (s->table != table || s->keys_end - begin != count) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const hi_recent_value *v = &r->values[r->keys[begin + i]];

        if (v->column != tags[i].column || !recent_same(tags[i].value, v->bytes, v->size)) {
            return false;
        }
    }
    return true;
}

uint32_t hi_recent_find(const hi_recent *r, uint32_t table, const hi_tag_ref *tags, uint32_t count,
                        uint64_t hash)
{
    if (r->series_slot_room == 0) {
        return HI_RECENT_NONE;
    }
    for (uint32_t at = (uint32_t)hash & (r->series_slot_room - 1); r->series_slots[at].index != 0;
         at = (at + 1) & (r->series_slot_room - 1)) {
        const hi_recent_slot *slot = &r->series_slots[at];

        if (slot->hash == (uint32_t)hash && recent_is(r, slot->index - 1, table, tags, count)) {
            return slot->index - 1;
        }
    }
    return HI_RECENT_NONE;
}

uint32_t hi_recent_by_id(const hi_recent *r, uint32_t id)
{
    if (r->series_count == 0 || id < r->series[0].id) {
        return HI_RECENT_NONE;
    }
    const uint32_t guess = id - r->series[0].id; /* Right unless there are gaps. */
    if (guess < r->series_count && r->series[guess].id == id) {
        return guess;
    }
    uint32_t low = 0;
    uint32_t high = r->series_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (r->series[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < r->series_count && r->series[low].id == id ? low : HI_RECENT_NONE;
}

bool hi_recent_add(hi_recent *r, uint32_t id, uint32_t table, const hi_tag_ref *tags,
                   uint32_t count, uint64_t hash)
{
    if (!recent_reserve(r->mem, (void **)&r->series, &r->series_room, (uint64_t)r->series_count + 1,
                        sizeof(*r->series)) ||
        !recent_reserve(r->mem, (void **)&r->keys, &r->key_room, (uint64_t)r->key_count + count,
                        sizeof(*r->keys)) ||
        !recent_reserve_slots(r->mem, &r->series_slots, &r->series_slot_room, r->series_count)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t value = recent_add_value(r, tags[i].column, tags[i].value);

        if (value == HI_RECENT_NONE) {
            return false;
        }
        r->keys[r->key_count + i] = value;
    }
    r->key_count += count;
    r->series[r->series_count] =
        (hi_recent_series){.id = id, .table = table, .keys_end = r->key_count};
    recent_put_slot(r->series_slots, r->series_slot_room, (uint32_t)hash, r->series_count);
    r->series_count++;
    return true;
}

hist_str hi_recent_tag(const hi_recent *r, uint32_t index, uint32_t column, uint32_t *code_out)
{
    for (uint32_t k = hi_recent_keys_begin(r, index); k < r->series[index].keys_end; k++) {
        const hi_recent_value *v = &r->values[r->keys[k]];

        if (v->column == column) {
            *code_out = r->keys[k];
            return (hist_str){v->bytes, v->size};
        }
    }
    *code_out = HI_RECENT_NONE;
    return (hist_str){"", 0};
}

static bool recent_has(const hi_recent *r, uint32_t index, uint32_t column, uint32_t code)
{
    uint32_t found = HI_RECENT_NONE;

    (void)hi_recent_tag(r, index, column, &found);
    return found == code;
}

hist_status hi_recent_list(const hi_recent *r, uint32_t table, uint32_t column, hist_str value,
                           hi_id_list *list)
{
    uint32_t code = HI_RECENT_NONE;

    if (column != 0 && value.size > 0) {
        code = recent_find_value(r, column, value, (uint32_t)hi_value_hash(column, value));
        if (code == HI_RECENT_NONE) {
            return HIST_OK;
        }
    }
    for (uint32_t i = 0; i < r->series_count; i++) {
        if (r->series[i].table == table && (column == 0 || recent_has(r, i, column, code)) &&
            !hi_id_list_add(list, r->series[i].id)) {
            return HIST_ENOMEM;
        }
    }
    return HIST_OK;
}
