/* snapshot.c -- pinning what is visible at one moment; see scan.h. */
#include <string.h>

#include "store/store.h"

hist_status hi_snapshot_open(hi_store *store, hi_snapshot **snapshot_out, hist_error *err)
{
    hi_snapshot *snapshot = HI_MEM_NEW(&store->work_mem, hi_snapshot);

    *snapshot_out = NULL;
    if (snapshot == NULL) {
        return hi_no_memory(err, "snapshot");
    }
    snapshot->store = store;
    snapshot->mem = &store->work_mem;
    hi_arena_init(&snapshot->arena, &store->work_mem);
    (void)pthread_mutex_lock(&store->view_lock);
    snapshot->version = hi_version_keep(store->version);
    snapshot->seq = store->visible_seq;
    hist_status status = HIST_OK;
    hi_generation *const generations[] = {snapshot->version->frozen, snapshot->version->active};
    for (int i = 0; i < 2 && status == HIST_OK; i++) {
        if (generations[i] != NULL) {
            status = hi_chunks_view(generations[i]->chunks, &snapshot->arena, &snapshot->views[i]);
        }
    }
    (void)pthread_mutex_unlock(&store->view_lock);
    if (status != HIST_OK) {
        hi_snapshot_close(snapshot);
        return hi_no_memory(err, "snapshot");
    }
    *snapshot_out = snapshot;
    return HIST_OK;
}

void hi_snapshot_close(hi_snapshot *snapshot)
{
    if (snapshot != NULL) {
        hi_arena_free(&snapshot->arena);
        hi_version_drop(snapshot->version);
        HI_MEM_DELETE(snapshot->mem, snapshot);
    }
}

hi_catalog *hi_snapshot_catalog(hi_snapshot *snapshot)
{
    return snapshot->store->catalog;
}

uint64_t hi_snapshot_seq(const hi_snapshot *snapshot)
{
    return snapshot->seq;
}

bool hi_snapshot_newest(hi_snapshot *snapshot, uint32_t table, int64_t *time_ns_out)
{
    const hi_version *version = snapshot->version;
    bool any = false;
    int64_t newest = INT64_MIN;

    for (uint32_t i = 0; i < version->part_count; i++) {
        const hi_part_ref *part = version->parts[i];

        for (uint32_t r = 0; r < part->range_count; r++) {
            if (part->ranges[r].table == table) {
                any = true;
                newest = part->ranges[r].time_max > newest ? part->ranges[r].time_max : newest;
            }
        }
    }
    for (int i = 0; i < 2; i++) {
        const hi_chunk_table *rows = snapshot->views[i].chunks == NULL
                                         ? NULL
                                         : hi_chunk_view_table(&snapshot->views[i], table);

        if (rows != NULL && rows->rows > 0) {
            any = true;
            newest = rows->last_ns > newest ? rows->last_ns : newest;
        }
    }
    *time_ns_out = newest;
    return any;
}

/* ---- partitions ---- */

typedef struct snapshot_partitions {
    hist_partition *list;
    uint32_t count;
    uint32_t room;
} snapshot_partitions;

static int64_t snapshot_partition_end(int64_t start_ns, int64_t width_ns)
{
    const int64_t last = hi_partition_last_of(start_ns, width_ns);

    return last == INT64_MAX ? INT64_MAX : last + 1;
}

/* Adds to the entry of the same bounds, or makes it. */
static hist_status snapshot_add_partition(snapshot_partitions *all, hi_arena *arena,
                                          const hist_partition *one, hist_error *err)
{
    for (uint32_t i = 0; i < all->count; i++) {
        hist_partition *p = &all->list[i];

        if (p->from_ns == one->from_ns && p->to_ns == one->to_ns) {
            p->rows += one->rows;
            p->size_bytes += one->size_bytes;
            p->part_rows += one->part_rows;
            p->last_seq = one->last_seq > p->last_seq ? one->last_seq : p->last_seq;
            return HIST_OK;
        }
    }
    if (all->count == all->room) {
        const uint32_t room = all->room == 0 ? 32 : all->room * 2;
        hist_partition *list = HI_NEW_ARRAY(arena, hist_partition, room);

        if (list == NULL) {
            return hi_no_memory(err, "list of partitions");
        }
        if (all->count > 0) {
            memcpy(list, all->list, all->count * sizeof(*list));
        }
        all->list = list;
        all->room = room;
    }
    all->list[all->count++] = *one;
    return HIST_OK;
}

static hist_status snapshot_part_partitions(const hi_snapshot *snapshot, uint32_t table,
                                            snapshot_partitions *all, hi_arena *arena,
                                            hist_error *err)
{
    const hi_version *version = snapshot->version;

    for (uint32_t i = 0; i < version->part_count; i++) {
        const hi_part_ref *part = version->parts[i];

        for (uint32_t r = 0; r < part->range_count; r++) {
            const hi_part_range *range = &part->ranges[r];

            if (range->table == table && part->rows > 0) {
                /* A part shared by tables is charged by rows. */
                const double share = (double)range->rows / (double)part->rows;

                HI_TRY(snapshot_add_partition(
                    all, arena,
                    &(hist_partition){
                        .from_ns = range->partition_ns,
                        .to_ns = snapshot_partition_end(range->partition_ns, range->width_ns),
                        .rows = range->rows,
                        .part_rows = range->rows,
                        .last_seq = part->seq_high,
                        .size_bytes = (uint64_t)(share * (double)part->size_bytes)},
                    err));
            }
        }
    }
    return HIST_OK;
}

static hist_status snapshot_chunk_partitions(hi_snapshot *snapshot, uint32_t table,
                                             snapshot_partitions *all, hi_arena *arena,
                                             hist_error *err)
{
    for (int i = 0; i < 2; i++) {
        const hi_chunk_view *view = &snapshot->views[i];
        const hi_chunk_table *rows = view->chunks == NULL ? NULL : hi_chunk_view_table(view, table);
        hi_frag_list list = {0};

        if (rows == NULL || rows->rows == 0) {
            continue;
        }
        const hi_chunk_wish wish = {.table = table,
                                    .from_ns = rows->first_ns,
                                    .last_ns = rows->last_ns,
                                    .width_ns = snapshot->store->options.partition_ns};
        hist_status status = hi_chunk_frags(view, &wish, arena, snapshot->mem, &list, err);
        for (uint32_t f = 0; f < list.count; f++) {
            const hi_frag *frag = list.frags[f];

            if (status == HIST_OK) {
                status = snapshot_add_partition(
                    all, arena,
                    &(hist_partition){
                        .from_ns = frag->partition_ns,
                        .to_ns = snapshot_partition_end(frag->partition_ns, frag->width_ns),
                        .rows = frag->rows,
                        .last_seq = frag->seq_high},
                    err);
            }
            list.frags[f]->ops->close(list.frags[f]);
        }
        HI_TRY(status);
    }
    return HIST_OK;
}

static void snapshot_sort_partitions(snapshot_partitions *all)
{
    for (uint32_t i = 1; i < all->count; i++) {
        const hist_partition one = all->list[i];
        uint32_t at = i;

        while (at > 0 && all->list[at - 1].from_ns > one.from_ns) {
            all->list[at] = all->list[at - 1];
            at--;
        }
        all->list[at] = one;
    }
}

hist_status hi_snapshot_partitions(hi_snapshot *snapshot, uint32_t table, hist_partition_fn fn,
                                   void *arg, hist_error *err)
{
    hi_arena arena;
    snapshot_partitions all = {0};

    hi_arena_init(&arena, snapshot->mem);
    hist_status status = snapshot_part_partitions(snapshot, table, &all, &arena, err);
    if (status == HIST_OK) {
        status = snapshot_chunk_partitions(snapshot, table, &all, &arena, err);
    }
    if (status == HIST_OK) {
        snapshot_sort_partitions(&all);
        for (uint32_t i = 0; i < all.count; i++) {
            if (fn(arg, &all.list[i]) != 0) {
                break;
            }
        }
    }
    hi_arena_free(&arena);
    return status;
}
