/*
 * mem.h -- the one door for memory: every allocation of libhist is counted here.
 *
 * An account (hi_mem) hands out memory under a limit and charges its parent as
 * well, so a query has its own limit inside the store's budget. Who frees says
 * how many bytes it got, so counting costs no header. Accounts are thread-safe.
 */
#ifndef HI_MEM_H
#define HI_MEM_H

#include <stdatomic.h>

#include "hist.h"

typedef struct hi_mem hi_mem;
struct hi_mem {
    hist_allocator allocator; /* Where the bytes come from. */
    hi_mem *parent;           /* Charged too; NULL for the store's own account. */
    uint64_t limit;           /* used never exceeds this. */
    uint64_t reserved;        /* Bytes the parent was charged with once and for all: see below. */
    _Atomic uint64_t used;
    _Atomic uint64_t peak;
    /* Asked when the budget has not `size` bytes more; true: it may have now. NULL: do without. */
    bool (*wait)(void *arg, uint64_t size, uint32_t tries);
    void *wait_arg;
};

/* allocator NULL: malloc and free. limit 0: none. */
void hi_mem_init(hi_mem *mem, const hist_allocator *allocator, hi_mem *parent, uint64_t limit);

/*
 * hi_mem_reserve -- set `size` bytes of the parent aside for this account, for as long as it lives:
 * only what it uses beyond them is charged to the parent. Before the account's first use. false: the
 * parent has not so much; nothing was set aside.
 */
bool hi_mem_reserve(hi_mem *mem, uint64_t size);

/* NULL when the budget or the machine has no more. size 0 gives a valid pointer. Not zeroed. */
void *hi_mem_alloc(hi_mem *mem, size_t size);
void *hi_mem_calloc(hi_mem *mem, size_t count, size_t size);
/* Keeps min(old_size, new_size) bytes. On failure NULL and `ptr` stays valid. */
void *hi_mem_realloc(hi_mem *mem, void *ptr, size_t old_size, size_t new_size);
/* NULL is a no-op. */
void hi_mem_free(hi_mem *mem, void *ptr, size_t size);

/* Count bytes that are kept elsewhere (false: over the limit, nothing was counted). */
bool hi_mem_charge(hi_mem *mem, uint64_t size);
void hi_mem_uncharge(hi_mem *mem, uint64_t size);

#define HI_MEM_NEW(mem, type)   ((type *)hi_mem_calloc((mem), 1, sizeof(type)))
#define HI_MEM_DELETE(mem, ptr) hi_mem_free((mem), (ptr), sizeof(*(ptr)))

#endif
