/*
 * op_keys.h -- rows to groups: keys of several columns, found by hash. Know first: a key is written as bytes such that
 * equal keys are equal bytes (null equals null, NaN equals NaN, -0.0 equals 0.0), so that any mix of types is
 * one kind of key.
 */
#ifndef HI_QUERY_OP_KEYS_H
#define HI_QUERY_OP_KEYS_H

#include "query/op_bins.h"

/* Ids of keys in the order in which they were first met. */
typedef struct hi_keymap {
    hi_arena *arena; /* Of keys and tables. */
    uint32_t *slots; /* id + 1; 0: free. */
    uint32_t slot_mask;
    uint64_t *hashes; /* A key each. */
    const uint8_t **keys;
    uint32_t *sizes;
    uint32_t count;
    uint32_t capacity;
} hi_keymap;

bool hi_keymap_init(hi_keymap *map, hi_arena *arena);
/* UINT32_MAX: not there (add false), or no memory. */
uint32_t hi_keymap_get(hi_keymap *map, const void *key, size_t size, bool add);

/* The value of a row at the end of buf. `temp` is for dynamic values. */
void hi_key_put(hi_buf *buf, hi_arena *temp, const hist_column *column, uint32_t row);

/* Consecutive rows of one group. */
typedef struct hi_stretch {
    uint32_t first;
    uint32_t rows;
    uint32_t group;
} hi_stretch;

/*
 * Groups rows by expressions; remembers the keys of every group. Where one of them is a bin of time, the map holds
 * what the others make ("outer" keys, a byte that tells whether the bin is null among them), and bins the groups.
 */
typedef struct hi_grouper {
    hi_op *op;
    const hi_expr *const *exprs;
    uint32_t count;
    hi_keymap map;
    hi_col_builder *values; /* The keys of the map, a column each. */
    hi_buf key;
    hi_buf last;
    uint32_t bin;  /* The key that is a bin; UINT32_MAX: none, the map's keys are the groups. */
    uint32_t time; /* Column it is of. */
    int64_t near;  /* Start of the bin of the row before. */
    hi_bins bins;
    hist_column *made; /* The keys of the map as columns, once asked for. */
    bool forgets;      /* hi_grouper_keep_last() may be called. */
    hi_arena *home;    /* Of map and values: keep, or one of two that take turns. */
    hi_arena turns[2];
} hi_grouper;

/* grouped: rows of equal keys come one after another, and times ascend among those of equal other keys. */
hist_status hi_grouper_open(hi_grouper *g, hi_op *op, const hi_expr *const *exprs, uint32_t count,
                            bool grouped);
/* Stretches in the op's arena; they cover all rows in order. */
hist_status hi_grouper_rows(hi_grouper *g, const hist_batch *in, hi_stretch **out,
                            uint32_t *count_out);
/* Groups so far. */
uint32_t hi_grouper_count(const hi_grouper *g);
/* The keys of the first `groups` groups. They live until the last groups are kept twice, or in keep. */
hist_status hi_grouper_keys(hi_grouper *g, uint32_t groups, hist_column *out);
/* After hi_grouper_keys(): forgets all groups but the last, which becomes group 0. */
hist_status hi_grouper_keep_last(hi_grouper *g);

#endif
