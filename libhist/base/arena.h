/*
 * arena.h -- memory that is released all at once, under a budget.
 *
 * There is no per-object free. Things that are not memory (a pinned block, an
 * open file) are tied to an arena with hi_arena_defer(). Not thread-safe: an
 * arena has one owner at a time.
 */
#ifndef HI_ARENA_H
#define HI_ARENA_H

#include "base/mem.h"

typedef struct hi_arena_block hi_arena_block;
typedef struct hi_arena_cleanup hi_arena_cleanup;

/* Fields are private. */
typedef struct hi_arena {
    hi_mem *mem;
    hi_arena_block *top;        /* Newest block; older ones are linked below. */
    hi_arena_block *spare;      /* One block kept by rewind, so that a loop does not allocate. */
    hi_arena_cleanup *cleanups; /* Newest first. */
} hi_arena;

/* A point to come back to. Valid until the arena goes below it. */
typedef struct hi_arena_mark {
    hi_arena_block *top;
    hi_arena_cleanup *cleanups;
    size_t top_used;
} hi_arena_mark;

void hi_arena_init(hi_arena *arena, hi_mem *mem);

/* `size` bytes aligned to 16, NOT zeroed, or NULL when the budget is spent. size may be 0. */
void *hi_arena_alloc(hi_arena *arena, size_t size);
/* The same for `count` objects, zeroed; also NULL when count * size overflows. */
void *hi_arena_calloc(hi_arena *arena, size_t count, size_t size);
/* Aligned to 64 bytes and readable 64 bytes past its end, not zeroed: for vectors. */
void *hi_arena_vector(hi_arena *arena, size_t size);
/* A NUL-terminated copy. */
char *hi_arena_strdup(hi_arena *arena, const char *data, size_t size);
char *hi_arena_printf(hi_arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define HI_NEW_ARRAY(arena, type, count) \
    ((type *)hi_arena_calloc((arena), (count), sizeof(type)))
#define HI_NEW(arena, type) HI_NEW_ARRAY(arena, type, 1)

/* Calls fn(arg) when the arena is rewound past this point or freed. false: no memory, not called. */
bool hi_arena_defer(hi_arena *arena, void (*fn)(void *arg), void *arg);

hi_arena_mark hi_arena_save(const hi_arena *arena);
void hi_arena_rewind(hi_arena *arena, hi_arena_mark mark);

/* Runs every deferred call, newest first, then frees all memory. The arena may be used again. */
void hi_arena_free(hi_arena *arena);

#endif
