/* mem.c -- counted memory; see mem.h. */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void *mem_default_alloc(void *arg, size_t size)
{
    (void)arg;
    return malloc(size);
}

static void mem_default_free(void *arg, void *ptr, size_t size)
{
    (void)arg;
    (void)size;
    free(ptr);
}

void hi_mem_init(hi_mem *mem, const hist_allocator *allocator, hi_mem *parent, uint64_t limit)
{
    if (allocator != NULL) {
        mem->allocator = *allocator;
    } else if (parent != NULL) {
        mem->allocator = parent->allocator;
    } else {
        mem->allocator = (hist_allocator){mem_default_alloc, mem_default_free, NULL};
    }
    mem->parent = parent;
    mem->limit = limit == 0 ? UINT64_MAX : limit;
    mem->reserved = 0;
    mem->wait = NULL;
    mem->wait_arg = NULL;
    atomic_init(&mem->used, 0);
    atomic_init(&mem->peak, 0);
}

bool hi_mem_reserve(hi_mem *mem, uint64_t size)
{
    if (!hi_mem_charge(mem->parent, size)) {
        return false;
    }
    mem->reserved = size;
    return true;
}

/* What the parent has to bear of `used` bytes. */
static uint64_t mem_beyond(const hi_mem *mem, uint64_t used)
{
    return used > mem->reserved ? used - mem->reserved : 0;
}

static void mem_note_peak(hi_mem *mem, uint64_t used)
{
    uint64_t peak = atomic_load_explicit(&mem->peak, memory_order_relaxed);

    while (used > peak &&
           !atomic_compare_exchange_weak_explicit(&mem->peak, &peak, used, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
}

/* Takes bytes out of one account; returns how many the parent need not bear any more. */
static uint64_t mem_take_back(hi_mem *mem, uint64_t size)
{
    const uint64_t before = atomic_fetch_sub_explicit(&mem->used, size, memory_order_relaxed);

    return mem_beyond(mem, before) - mem_beyond(mem, before - size);
}

/*
 * Each change of `used` tells its share of the parent's by what it was before and after, so that the
 * shares add up in whatever order threads come.
 */
bool hi_mem_charge(hi_mem *mem, uint64_t size)
{
    if (mem == NULL || size == 0) {
        return true;
    }
    const uint64_t before = atomic_fetch_add_explicit(&mem->used, size, memory_order_relaxed);
    const uint64_t after = before + size;
    const uint64_t up = mem_beyond(mem, after) - mem_beyond(mem, before);

    if (after >= before && after <= mem->limit && hi_mem_charge(mem->parent, up)) {
        mem_note_peak(mem, after);
        return true;
    }
    /* Others may have come between: then it is not `up` that goes, and the parent bears the rest. */
    const uint64_t down = mem_take_back(mem, size);
    for (hi_mem *m = mem->parent; m != NULL && up != down; m = m->parent) {
        atomic_fetch_add_explicit(&m->used, up - down, memory_order_relaxed);
    }
    return false;
}

void hi_mem_uncharge(hi_mem *mem, uint64_t size)
{
    for (hi_mem *m = mem; m != NULL && size > 0; m = m->parent) {
        size = mem_take_back(m, size);
    }
}

void *hi_mem_alloc(hi_mem *mem, size_t size)
{
    for (uint32_t tries = 0; !hi_mem_charge(mem, size); tries++) {
        if (mem->wait == NULL || !mem->wait(mem->wait_arg, size, tries)) {
            return NULL;
        }
    }
    void *ptr = mem->allocator.alloc(mem->allocator.arg, size == 0 ? 1 : size);
    if (ptr == NULL) {
        hi_mem_uncharge(mem, size);
    }
    return ptr;
}

void *hi_mem_calloc(hi_mem *mem, size_t count, size_t size)
{
    size_t total = 0;

    if (__builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    void *ptr = hi_mem_alloc(mem, total);
    if (ptr != NULL) {
        memset(ptr, 0, total);
    }
    return ptr;
}

void *hi_mem_realloc(hi_mem *mem, void *ptr, size_t old_size, size_t new_size)
{
    void *fresh = hi_mem_alloc(mem, new_size);

    if (fresh == NULL) {
        return NULL;
    }
    if (ptr != NULL) {
        memcpy(fresh, ptr, old_size < new_size ? old_size : new_size);
        hi_mem_free(mem, ptr, old_size);
    }
    return fresh;
}

void hi_mem_free(hi_mem *mem, void *ptr, size_t size)
{
    if (ptr != NULL) {
        mem->allocator.free(mem->allocator.arg, ptr, size == 0 ? 1 : size);
        hi_mem_uncharge(mem, size);
    }
}
