/* arena.c -- memory released all at once; see arena.h. */
#include "base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ARENA_ALIGN = 64, ARENA_BLOCK_MIN = 8 * 1024, ARENA_BLOCK_MAX = 1024 * 1024 };

struct hi_arena_block {
    hi_arena_block *below;
    size_t size; /* Bytes of the whole block, this header included. */
    size_t used; /* Bytes used, this header included. */
};

struct hi_arena_cleanup {
    hi_arena_cleanup *older;
    void (*fn)(void *arg);
    void *arg;
};

void hi_arena_init(hi_arena *arena, hi_mem *mem)
{
    *arena = (hi_arena){.mem = mem};
}

/* Where an object of `align` would start in `block`, as an offset from the block. */
static size_t arena_start(const hi_arena_block *block, size_t align)
{
    const uintptr_t at = (uintptr_t)block + block->used;

    return ((at + (align - 1)) & ~(uintptr_t)(align - 1)) - (uintptr_t)block;
}

static bool arena_push_block(hi_arena *arena, size_t need)
{
    const size_t head = sizeof(hi_arena_block) + ARENA_ALIGN;
    size_t size = arena->top == NULL ? ARENA_BLOCK_MIN : arena->top->size * 2;

    if (size > ARENA_BLOCK_MAX) {
        size = ARENA_BLOCK_MAX;
    }
    if (need > SIZE_MAX - head) {
        return false;
    }
    if (size < need + head) {
        size = need + head;
    }
    hi_arena_block *block = arena->spare;
    if (block != NULL && block->size >= need + head) {
        arena->spare = NULL;
    } else {
        block = hi_mem_alloc(arena->mem, size);
        if (block == NULL) {
            return false;
        }
        block->size = size;
    }
    block->used = sizeof(hi_arena_block);
    block->below = arena->top;
    arena->top = block;
    return true;
}

static void *arena_take(hi_arena *arena, size_t size, size_t align)
{
    for (int round = 0; round < 2; round++) {
        if (arena->top != NULL) {
            const size_t start = arena_start(arena->top, align);

            if (start <= arena->top->size && size <= arena->top->size - start) {
                arena->top->used = start + size;
                return (char *)arena->top + start;
            }
        }
        if (round == 0 && !arena_push_block(arena, size)) {
            return NULL;
        }
    }
    assert(!"a fresh block must be large enough");
    return NULL;
}

void *hi_arena_alloc(hi_arena *arena, size_t size)
{
    return arena_take(arena, size, 16);
}

void *hi_arena_calloc(hi_arena *arena, size_t count, size_t size)
{
    size_t total = 0;

    if (__builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    void *ptr = arena_take(arena, total, 16);
    if (ptr != NULL) {
        memset(ptr, 0, total);
    }
    return ptr;
}

void *hi_arena_vector(hi_arena *arena, size_t size)
{
    return size > SIZE_MAX - 64 ? NULL : arena_take(arena, size + 64, ARENA_ALIGN);
}

char *hi_arena_strdup(hi_arena *arena, const char *data, size_t size)
{
    char *copy = size == SIZE_MAX ? NULL : arena_take(arena, size + 1, 1);

    if (copy != NULL) {
        memcpy(copy, data, size);
        copy[size] = '\0';
    }
    return copy;
}

char *hi_arena_printf(hi_arena *arena, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    const int size = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = size < 0 ? NULL : arena_take(arena, (size_t)size + 1, 1);
    if (text != NULL) {
        va_start(args, fmt);
        (void)vsnprintf(text, (size_t)size + 1, fmt, args);
        va_end(args);
    }
    return text;
}

bool hi_arena_defer(hi_arena *arena, void (*fn)(void *arg), void *arg)
{
    hi_arena_cleanup *cleanup = hi_arena_alloc(arena, sizeof(*cleanup));

    if (cleanup == NULL) {
        return false;
    }
    *cleanup = (hi_arena_cleanup){.older = arena->cleanups, .fn = fn, .arg = arg};
    arena->cleanups = cleanup;
    return true;
}

hi_arena_mark hi_arena_save(const hi_arena *arena)
{
    return (hi_arena_mark){.top = arena->top,
                           .cleanups = arena->cleanups,
                           .top_used = arena->top == NULL ? 0 : arena->top->used};
}

void hi_arena_rewind(hi_arena *arena, hi_arena_mark mark)
{
    while (arena->cleanups != mark.cleanups) {
        hi_arena_cleanup *cleanup = arena->cleanups;

        assert(cleanup != NULL);
        arena->cleanups = cleanup->older;
        cleanup->fn(cleanup->arg);
    }
    while (arena->top != mark.top) {
        hi_arena_block *block = arena->top;

        assert(block != NULL);
        arena->top = block->below;
        if (arena->spare == NULL || arena->spare->size < block->size) {
            hi_arena_block *smaller = arena->spare;

            arena->spare = block;
            block = smaller;
        }
        if (block != NULL) {
            hi_mem_free(arena->mem, block, block->size);
        }
    }
    if (arena->top != NULL) {
        arena->top->used = mark.top_used;
    }
}

void hi_arena_free(hi_arena *arena)
{
    hi_arena_rewind(arena, (hi_arena_mark){0});
    if (arena->spare != NULL) {
        hi_mem_free(arena->mem, arena->spare, arena->spare->size);
        arena->spare = NULL;
    }
}
