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
    atomic_init(&mem->used, 0);
    atomic_init(&mem->peak, 0);
}

static bool mem_charge_one(hi_mem *mem, uint64_t size)
{
    const uint64_t before = atomic_fetch_add_explicit(&mem->used, size, memory_order_relaxed);
    const uint64_t after = before + size;

    if (after < before || after > mem->limit) {
        atomic_fetch_sub_explicit(&mem->used, size, memory_order_relaxed);
        return false;
    }
    uint64_t peak = atomic_load_explicit(&mem->peak, memory_order_relaxed);
    while (after > peak && !atomic_compare_exchange_weak_explicit(
                               &mem->peak, &peak, after, memory_order_relaxed,
                               memory_order_relaxed)) {
    }
    return true;
}

bool hi_mem_charge(hi_mem *mem, uint64_t size)
{
    for (hi_mem *m = mem; m != NULL; m = m->parent) {
        if (!mem_charge_one(m, size)) {
            for (hi_mem *back = mem; back != m; back = back->parent) {
                atomic_fetch_sub_explicit(&back->used, size, memory_order_relaxed);
            }
            return false;
        }
    }
    return true;
}

void hi_mem_uncharge(hi_mem *mem, uint64_t size)
{
    for (hi_mem *m = mem; m != NULL; m = m->parent) {
        atomic_fetch_sub_explicit(&m->used, size, memory_order_relaxed);
    }
}

void *hi_mem_alloc(hi_mem *mem, size_t size)
{
    if (!hi_mem_charge(mem, size)) {
        return NULL;
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
