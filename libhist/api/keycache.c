/* keycache.c -- raw keys to series; see keycache.h. */
#include "api/keycache.h"

#include <string.h>

#include "base/hash.h"

enum {
    KEYS_ROOM_MIN = 64,
    KEYS_BYTES_MIN = 4096,
};

void hi_keycache_init(hi_keycache *cache, hi_mem *mem, uint64_t seed, size_t bytes_max)
{
    *cache =
        (hi_keycache){.mem = mem, .seed = seed, .half_max = bytes_max / 2, .floor_ns = INT64_MIN};
}

static void keys_free_half(hi_mem *mem, hi_key_half *half)
{
    hi_mem_free(mem, half->entries, half->room * sizeof(*half->entries));
    hi_mem_free(mem, half->bytes, half->bytes_room);
    *half = (hi_key_half){0};
}

void hi_keycache_free(hi_keycache *cache)
{
    keys_free_half(cache->mem, &cache->young);
    keys_free_half(cache->mem, &cache->old);
}

static hi_key_entry *keys_find(const hi_key_half *half, hist_str key, uint64_t hash)
{
    if (half->count == 0) {
        return NULL;
    }
    for (uint32_t at = (uint32_t)hash & (half->room - 1); half->entries[at].series != 0;
         at = (at + 1) & (half->room - 1)) {
        hi_key_entry *e = &half->entries[at];

        if (e->hash == hash && e->key_size == key.size &&
            memcmp(half->bytes + e->key_at, key.data, key.size) == 0) {
            return e;
        }
    }
    return NULL;
}

/* ---- growing ---- */

static hi_key_entry *keys_free_slot(hi_key_entry *entries, uint32_t room, uint64_t hash)
{
    uint32_t at = (uint32_t)hash & (room - 1);

    while (entries[at].series != 0) {
        at = (at + 1) & (room - 1);
    }
    return &entries[at];
}

static bool keys_grow_entries(hi_mem *mem, hi_key_half *half, size_t max)
{
    const uint32_t room = half->room == 0 ? KEYS_ROOM_MIN : half->room * 2;

    if (room * sizeof(hi_key_entry) + half->bytes_room > max) {
        return false;
    }
    hi_key_entry *fresh = hi_mem_calloc(mem, room, sizeof(*fresh));
    if (fresh == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < half->room; i++) {
        if (half->entries[i].series != 0) {
            *keys_free_slot(fresh, room, half->entries[i].hash) = half->entries[i];
        }
    }
    hi_mem_free(mem, half->entries, half->room * sizeof(*fresh));
    half->entries = fresh;
    half->room = room;
    return true;
}

static bool keys_grow_bytes(hi_mem *mem, hi_key_half *half, size_t size, size_t max)
{
    uint64_t room = half->bytes_room == 0 ? KEYS_BYTES_MIN : (uint64_t)half->bytes_room * 2;

    while (room < (uint64_t)half->bytes_size + size) {
        room *= 2;
    }
    if (room > UINT32_MAX || room + half->room * sizeof(hi_key_entry) > max) {
        return false;
    }
    char *fresh = hi_mem_realloc(mem, half->bytes, half->bytes_room, (size_t)room);
    if (fresh == NULL) {
        return false;
    }
    half->bytes = fresh;
    half->bytes_room = (uint32_t)room;
    return true;
}

/* Room for one more key of this size; false: the half is full. */
static bool keys_reserve(hi_mem *mem, hi_key_half *half, size_t size, size_t max)
{
    if ((half->count + 1) * 4 > half->room * 3 && !keys_grow_entries(mem, half, max)) {
        return false;
    }
    return size <= half->bytes_room - half->bytes_size || keys_grow_bytes(mem, half, size, max);
}

static hi_key_entry *keys_put(hi_key_half *half, hist_str key, const hi_key_entry *entry)
{
    hi_key_entry *e = keys_free_slot(half->entries, half->room, entry->hash);

    *e = *entry;
    e->key_at = half->bytes_size;
    e->key_size = (uint32_t)key.size;
    memcpy(half->bytes + half->bytes_size, key.data, key.size);
    half->bytes_size += e->key_size;
    half->count++;
    return e;
}

/* The young half becomes the old one; what was old is forgotten, but for its latest stamp. */
static void keys_turn(hi_keycache *cache)
{
    hi_key_half old = cache->old;

    for (uint32_t i = 0; i < old.room; i++) {
        if (old.entries[i].series != 0 && old.entries[i].last_ns > cache->floor_ns) {
            cache->floor_ns = old.entries[i].last_ns;
        }
    }
    if (old.room > 0) {
        memset(old.entries, 0, old.room * sizeof(*old.entries));
    }
    old.count = 0;
    old.bytes_size = 0;
    cache->old = cache->young;
    cache->young = old;
}

static hi_key_entry *keys_insert(hi_keycache *cache, hist_str key, const hi_key_entry *entry)
{
    if (!keys_reserve(cache->mem, &cache->young, key.size, cache->half_max)) {
        keys_turn(cache);
        if (!keys_reserve(cache->mem, &cache->young, key.size, cache->half_max)) {
            return NULL;
        }
    }
    return keys_put(&cache->young, key, entry);
}

/* ---- use ---- */

hi_key_entry *hi_keycache_find(hi_keycache *cache, hist_str key)
{
    const uint64_t hash = hi_hash(key.data, key.size, cache->seed);
    hi_key_entry *found = keys_find(&cache->young, key, hash);

    if (found != NULL) {
        return found;
    }
    found = keys_find(&cache->old, key, hash);
    if (found == NULL) {
        return NULL;
    }
    const hi_key_entry entry = *found;
    found = keys_insert(cache, key, &entry);
    /* A turn forgot the half that it was found in: then it is in the young one, or nowhere. */
    return found != NULL ? found : keys_find(&cache->old, key, hash);
}

hi_key_entry *hi_keycache_add(hi_keycache *cache, hist_str key, uint32_t slot, uint32_t series)
{
    const hi_key_entry entry = {.hash = hi_hash(key.data, key.size, cache->seed),
                                .slot = slot,
                                .series = series,
                                .last_ns = cache->floor_ns};

    return keys_insert(cache, key, &entry);
}
