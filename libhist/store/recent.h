/*
 * recent.h -- series in memory: those that are in no CAT file yet, and what a CAT file is made of.
 *
 * Tag values are kept once each; a series is its table and the numbers of its
 * values, so that a million series fit in some tens of MiB. Ids ascend in order
 * of definition. The catalog's lock guards it; frozen, it never changes again.
 */
#ifndef HI_RECENT_H
#define HI_RECENT_H

#include "hist.h"

#include "base/arena.h"
#include "store/postings.h"

/* A tag of a series; lists of them ascend by column and have no empty value. */
typedef struct hi_tag_ref {
    uint32_t column;
    hist_str value;
} hi_tag_ref;

/* The hash that series are found by, here and in CAT files. */
uint64_t hi_series_hash(uint32_t table, const hi_tag_ref *tags, uint32_t count);
uint64_t hi_value_hash(uint32_t column, hist_str value);

typedef struct hi_recent_value {
    const char *bytes;
    uint32_t size;
    uint32_t column;
} hi_recent_value;

typedef struct hi_recent_series {
    uint32_t id;
    uint32_t table;
    uint32_t keys_end; /* Its values are keys[keys_end of the one before .. keys_end). */
} hi_recent_series;

/* Open addressing: index + 1 of the entry, 0: free. */
typedef struct hi_recent_slot {
    uint32_t hash;
    uint32_t index;
} hi_recent_slot;

typedef struct hi_recent hi_recent;
struct hi_recent {
    hi_mem *mem;
    hi_recent *older; /* The catalog's list of frozen ones. */
    hi_arena text;
    hi_recent_value *values;
    uint32_t value_count;
    uint32_t value_room;
    hi_recent_slot *value_slots;
    uint32_t value_slot_room;
    hi_recent_series *series;
    uint32_t series_count;
    uint32_t series_room;
    hi_recent_slot *series_slots;
    uint32_t series_slot_room;
    uint32_t *keys; /* Indexes of values. */
    uint32_t key_count;
    uint32_t key_room;
};

hi_recent *hi_recent_new(hi_mem *mem);
/* NULL is a no-op. */
void hi_recent_free(hi_recent *recent);

#define HI_RECENT_NONE UINT32_MAX
/* Index of a series by its tags, or HI_RECENT_NONE. */
uint32_t hi_recent_find(const hi_recent *recent, uint32_t table, const hi_tag_ref *tags,
                        uint32_t count, uint64_t hash);
/* Index of a series by id, or HI_RECENT_NONE. */
uint32_t hi_recent_by_id(const hi_recent *recent, uint32_t id);
/* Adds one; its id is above all that are there. false: no memory, nothing changed that shows. */
bool hi_recent_add(hi_recent *recent, uint32_t id, uint32_t table, const hi_tag_ref *tags,
                   uint32_t count, uint64_t hash);

static inline uint32_t hi_recent_keys_begin(const hi_recent *recent, uint32_t index)
{
    return index == 0 ? 0 : recent->series[index - 1].keys_end;
}

/* The value of a tag column of a series; size 0: absent. *code_out is the value's index. */
hist_str hi_recent_tag(const hi_recent *recent, uint32_t index, uint32_t column,
                       uint32_t *code_out);
/* Adds the ids of a table's series; with column != 0 only where that tag equals value ("": absent). */
hist_status hi_recent_list(const hi_recent *recent, uint32_t table, uint32_t column, hist_str value,
                           hi_id_list *list);

#endif
