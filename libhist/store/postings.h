/*
 * postings.h -- ascending lists of series ids: as bytes, and as arrays that grow in an arena.
 *
 * Bytes: how many (varint), the first id, then the differences (varints, never 0).
 */
#ifndef HI_POSTINGS_H
#define HI_POSTINGS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

typedef struct hi_id_list {
    hi_arena *arena;
    uint32_t *ids;
    uint32_t count;
    uint32_t room;
} hi_id_list;

void hi_id_list_init(hi_id_list *list, hi_arena *arena);
/* Room for `count` more ids at the end, to be filled and counted by the caller; NULL: no memory. */
uint32_t *hi_id_list_reserve(hi_id_list *list, uint32_t count);
bool hi_id_list_add(hi_id_list *list, uint32_t id);
/* Keeps the ids that are in the other list too; both ascend. */
void hi_id_list_intersect(hi_id_list *list, const uint32_t *ids, uint32_t count);

void hi_postings_encode(const uint32_t *ids, uint32_t count, hi_buf *out);
/* Adds the list to `list`. HIST_ECORRUPT without message, HIST_ENOMEM. */
hist_status hi_postings_decode(const uint8_t *data, size_t size, hi_id_list *list);

#endif
