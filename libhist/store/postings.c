/* postings.c -- ascending lists of series ids; see postings.h. */
#include "store/postings.h"

#include <string.h>

#include "base/bytes.h"

void hi_id_list_init(hi_id_list *list, hi_arena *arena)
{
    *list = (hi_id_list){.arena = arena};
}

uint32_t *hi_id_list_reserve(hi_id_list *list, uint32_t count)
{
    const uint64_t needed = (uint64_t)list->count + count;

    if (needed > list->room || list->ids == NULL) {
        uint64_t room = (uint64_t)list->room * 2 < 64 ? 64 : (uint64_t)list->room * 2;

        room = room < needed ? needed : room;
        if (room > UINT32_MAX) {
            return NULL;
        }
        uint32_t *fresh = hi_arena_alloc(list->arena, (size_t)room * sizeof(*fresh));
        if (fresh == NULL) {
            return NULL;
        }
        if (list->count > 0) {
            memcpy(fresh, list->ids, list->count * sizeof(*fresh));
        }
        list->ids = fresh;
        list->room = (uint32_t)room;
    }
    return list->ids + list->count;
}

bool hi_id_list_add(hi_id_list *list, uint32_t id)
{
    uint32_t *to = hi_id_list_reserve(list, 1);

    if (to == NULL) {
        return false;
    }
    *to = id;
    list->count++;
    return true;
}

void hi_id_list_intersect(hi_id_list *list, const uint32_t *ids, uint32_t count)
{
    uint32_t kept = 0;
    uint32_t at = 0;

    for (uint32_t i = 0; i < list->count; i++) {
        while (at < count && ids[at] < list->ids[i]) {
            at++;
        }
        if (at < count && ids[at] == list->ids[i]) {
            list->ids[kept++] = list->ids[i];
        }
    }
    list->count = kept;
}

void hi_postings_encode(const uint32_t *ids, uint32_t count, hi_buf *out)
{
    uint32_t before = 0;

    hi_buf_varint(out, count);
    for (uint32_t i = 0; i < count; i++) {
        hi_buf_varint(out, ids[i] - before);
        before = ids[i];
    }
}

hist_status hi_postings_decode(const uint8_t *data, size_t size, hi_id_list *list)
{
    hi_reader r = hi_reader_of(data, size);
    const uint64_t count = hi_read_varint(&r);
    uint64_t id = 0;

    if (r.failed || count > hi_reader_left(&r)) {
        return HIST_ECORRUPT;
    }
    uint32_t *ids = hi_id_list_reserve(list, (uint32_t)count);
    if (ids == NULL) {
        return HIST_ENOMEM;
    }
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t step = hi_read_varint(&r);

        if (r.failed || step == 0 || step > UINT32_MAX - id) {
            return HIST_ECORRUPT;
        }
        id += step;
        ids[i] = (uint32_t)id;
    }
    list->count += (uint32_t)count;
    return hi_reader_left(&r) == 0 ? HIST_OK : HIST_ECORRUPT;
}
