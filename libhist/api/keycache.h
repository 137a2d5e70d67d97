/*
 * keycache.h -- raw measurement-and-tags bytes to a series, bounded.
 *
 * Two halves: when the young one is full the old one is forgotten and they change places; what
 * is still used moves to the young half when it is met. So a working set that fits
 * stays, memory is bounded, and nothing is freed one by one. A cache that gets
 * no memory works, only smaller. One thread.
 */
#ifndef HI_KEYCACHE_H
#define HI_KEYCACHE_H

#include "hist_batch.h"

#include "base/mem.h"

typedef struct hi_key_entry {
    uint64_t hash;
    uint32_t key_at; /* In the half's bytes. */
    uint32_t key_size;
    uint32_t slot;   /* Of the table in the writer's rows. */
    uint32_t series; /* 0: free entry. */
    int64_t last_ns; /* Last stamp the server gave it. */
} hi_key_entry;

typedef struct hi_key_half {
    hi_key_entry *entries; /* Open addressing. */
    uint32_t room;
    uint32_t count;
    char *bytes;
    uint32_t bytes_room;
    uint32_t bytes_size;
} hi_key_half;

typedef struct hi_keycache {
    hi_mem *mem;
    uint64_t seed;   /* So that nobody can prepare keys that collide. */
    size_t half_max; /* Bytes of one half. */
    hi_key_half young;
    hi_key_half old;
    int64_t floor_ns; /* Latest stamp of any entry that was forgotten. */
} hi_keycache;

void hi_keycache_init(hi_keycache *cache, hi_mem *mem, uint64_t seed, size_t bytes_max);
void hi_keycache_free(hi_keycache *cache);

/* NULL: not known. The entry is valid until the next call. */
hi_key_entry *hi_keycache_find(hi_keycache *cache, hist_str key);
/* Adds a key that is not there. NULL: no memory for it, nothing was added. */
hi_key_entry *hi_keycache_add(hi_keycache *cache, hist_str key, uint32_t slot, uint32_t series);

#endif
