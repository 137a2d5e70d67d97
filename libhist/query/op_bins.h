/*
 * op_bins.h -- groups of (key, bin of time) without hashing where rows ascend in time. Know first: a key here is
 * the number of what else the rows are grouped by (a series, say); rows of one key mostly come in the order
 * of time, so a row's group is the one before, the next one, or new. Only a bin from before is looked up.
 */
#ifndef HI_QUERY_OP_BINS_H
#define HI_QUERY_OP_BINS_H

#include "query/op.h"

/* Where a key's rows were last. */
typedef struct hi_bin_cursor {
    uint32_t last; /* Group of the row before; UINT32_MAX: the key is new. */
    int64_t top;   /* The latest bin. */
} hi_bin_cursor;

/* Groups in the order in which they were first met. */
typedef struct hi_bins {
    hi_mem *mem;
    int64_t width;
    int64_t origin;
    int64_t *starts; /* Of each group: bin and key. */
    uint32_t *keys;
    uint32_t count;
    uint32_t capacity;
    hi_bin_cursor *cursors; /* Of each key. */
    uint32_t cursor_capacity;
    uint32_t *slots; /* Group + 1, 0: free. Made when a bin of before is met. */
    uint32_t slot_count;
    uint32_t indexed; /* Groups in the slots. */
} hi_bins;

/* Freed with `arena`. Width and origin as of hi_expr_time_bin(). */
bool hi_bins_init(hi_bins *bins, hi_arena *arena, int64_t width, int64_t origin);
/* The group of a key (numbered from 0) and the start of a bin; UINT32_MAX: no memory. */
uint32_t hi_bins_get(hi_bins *bins, uint32_t key, int64_t start);

/* Forgets all groups but the last, which becomes group 0 of key 0. */
void hi_bins_keep_last(hi_bins *bins);

/* Start of the bin of `t`; `near` is a bin's start, best the one of the row before. */
static inline int64_t hi_bins_start(const hi_bins *bins, int64_t t, int64_t near)
{
    const uint64_t width = (uint64_t)bins->width;
    const uint64_t past = (uint64_t)t - (uint64_t)near;

    if (past < 2 * width) { /* In that bin or in the next one: no division. */
        return past < width ? near : (int64_t)((uint64_t)near + width);
    }
    const int64_t offset = (int64_t)((uint64_t)t - (uint64_t)bins->origin) % bins->width;
    return (int64_t)((uint64_t)t - (uint64_t)(offset < 0 ? offset + bins->width : offset));
}

#endif
