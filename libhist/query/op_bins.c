/* op_bins.c -- groups of (key, bin of time); see op_bins.h. */
#include "query/op_bins.h"

#include <string.h>

#define BINS_NONE UINT32_MAX
enum { BINS_FIRST = 64, BINS_MAX = 1 << 30, BINS_PAD = 64 };

/* The two columns of `capacity` groups, readable some way past their end as vectors are. */
static size_t bins_starts_size(size_t capacity)
{
    return capacity == 0 ? 0 : capacity * sizeof(int64_t) + BINS_PAD;
}

static size_t bins_keys_size(size_t capacity)
{
    return capacity == 0 ? 0 : capacity * sizeof(uint32_t) + BINS_PAD;
}

static void bins_free_groups(hi_mem *mem, int64_t *starts, uint32_t *keys, size_t capacity)
{
    hi_mem_free(mem, starts, bins_starts_size(capacity));
    hi_mem_free(mem, keys, bins_keys_size(capacity));
}

static void bins_free(void *arg)
{
    hi_bins *bins = arg;

    bins_free_groups(bins->mem, bins->starts, bins->keys, bins->capacity);
    hi_mem_free(bins->mem, bins->cursors, bins->cursor_capacity * sizeof(hi_bin_cursor));
    hi_mem_free(bins->mem, bins->slots, bins->slot_count * sizeof(uint32_t));
}

bool hi_bins_init(hi_bins *bins, hi_arena *arena, int64_t width, int64_t origin)
{
    *bins = (hi_bins){.mem = arena->mem, .width = width, .origin = origin};
    return hi_arena_defer(arena, bins_free, bins);
}

/* ---- growing ---- */

static bool bins_grow(hi_bins *bins)
{
    const size_t old = bins->capacity;
    const size_t capacity = old == 0 ? BINS_FIRST : old * 2;

    if (capacity > BINS_MAX) {
        return false;
    }
    int64_t *starts = hi_mem_alloc(bins->mem, bins_starts_size(capacity));
    uint32_t *keys = hi_mem_alloc(bins->mem, bins_keys_size(capacity));
    if (starts == NULL || keys == NULL) {
        bins_free_groups(bins->mem, starts, keys, capacity);
        return false;
    }
    if (old > 0) {
        memcpy(starts, bins->starts, old * sizeof(int64_t));
        memcpy(keys, bins->keys, old * sizeof(uint32_t));
    }
    bins_free_groups(bins->mem, bins->starts, bins->keys, old);
    bins->starts = starts;
    bins->keys = keys;
    bins->capacity = (uint32_t)capacity;
    return true;
}

static bool bins_more_keys(hi_bins *bins, uint32_t key)
{
    size_t capacity = bins->cursor_capacity == 0 ? BINS_FIRST : bins->cursor_capacity;

    while (capacity <= key) {
        capacity *= 2;
    }
    hi_bin_cursor *cursors =
        hi_mem_realloc(bins->mem, bins->cursors, bins->cursor_capacity * sizeof(hi_bin_cursor),
                       capacity * sizeof(hi_bin_cursor));
    if (cursors == NULL) {
        return false;
    }
    for (size_t i = bins->cursor_capacity; i < capacity; i++) {
        cursors[i] = (hi_bin_cursor){.last = BINS_NONE};
    }
    bins->cursors = cursors;
    bins->cursor_capacity = (uint32_t)capacity;
    return true;
}

/* ---- bins from before ---- */

static uint32_t bins_slot(const hi_bins *bins, uint32_t key, int64_t start)
{
    uint64_t h = (uint64_t)start ^ (key * UINT64_C(0x9e3779b97f4a7c15));

    h = (h ^ (h >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    h = (h ^ (h >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return (uint32_t)(h >> 32) & (bins->slot_count - 1);
}

/* The index of all groups, at most half full. */
static bool bins_index(hi_bins *bins)
{
    size_t slots = bins->slot_count == 0 ? 2 * BINS_FIRST : bins->slot_count;

    while (slots < 2 * (size_t)bins->count) {
        slots *= 2;
    }
    if (slots != bins->slot_count) {
        uint32_t *table = hi_mem_calloc(bins->mem, slots, sizeof(uint32_t));

        if (table == NULL) {
            return false;
        }
        hi_mem_free(bins->mem, bins->slots, bins->slot_count * sizeof(uint32_t));
        bins->slots = table;
        bins->slot_count = (uint32_t)slots;
        bins->indexed = 0;
    }
    for (; bins->indexed < bins->count; bins->indexed++) {
        uint32_t at = bins_slot(bins, bins->keys[bins->indexed], bins->starts[bins->indexed]);

        while (bins->slots[at] != 0) {
            at = (at + 1) & (bins->slot_count - 1);
        }
        bins->slots[at] = bins->indexed + 1;
    }
    return true;
}

static uint32_t bins_find(const hi_bins *bins, uint32_t key, int64_t start)
{
    uint32_t at = bins_slot(bins, key, start);

    for (; bins->slots[at] != 0; at = (at + 1) & (bins->slot_count - 1)) {
        const uint32_t group = bins->slots[at] - 1;

        if (bins->keys[group] == key && bins->starts[group] == start) {
            return group;
        }
    }
    return BINS_NONE;
}

/* ---- groups ---- */

static uint32_t bins_add(hi_bins *bins, uint32_t key, int64_t start)
{
    if (bins->count == bins->capacity && !bins_grow(bins)) {
        return BINS_NONE;
    }
    bins->starts[bins->count] = start;
    bins->keys[bins->count] = key;
    return bins->count++;
}

uint32_t hi_bins_get(hi_bins *bins, uint32_t key, int64_t start)
{
    if (key >= bins->cursor_capacity && !bins_more_keys(bins, key)) {
        return BINS_NONE;
    }
    hi_bin_cursor *cursor = &bins->cursors[key];
    uint32_t group = cursor->last;

    if (group != BINS_NONE) {
        if (bins->starts[group] == start) {
            return group;
        }
        group++;
        if (group < bins->count && bins->starts[group] == start && bins->keys[group] == key) {
            cursor->last = group;
            return group;
        }
        if (start <= cursor->top) {
            if (!bins_index(bins)) {
                return BINS_NONE;
            }
            group = bins_find(bins, key, start);
            if (group != BINS_NONE) {
                cursor->last = group;
                return group;
            }
        }
    }
    group = bins_add(bins, key, start);
    if (group != BINS_NONE) {
        cursor->top = cursor->last == BINS_NONE || start > cursor->top ? start : cursor->top;
        cursor->last = group;
    }
    return group;
}

void hi_bins_keep_last(hi_bins *bins)
{
    const uint32_t last = bins->count - 1;
    const hi_bin_cursor cursor = {.last = 0, .top = bins->cursors[bins->keys[last]].top};

    for (uint32_t i = 0; i < bins->count; i++) {
        bins->cursors[bins->keys[i]].last = BINS_NONE;
    }
    if (bins->indexed > 0) {
        memset(bins->slots, 0, bins->slot_count * sizeof(uint32_t));
    }
    bins->indexed = 0;
    bins->starts[0] = bins->starts[last];
    bins->keys[0] = 0;
    bins->cursors[0] = cursor;
    bins->count = 1;
}
