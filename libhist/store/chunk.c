/*
 * chunk.c -- one generation of rows in memory: tables, appending, publishing, views.
 *
 * The appender works on slabs behind what is published. Publishing copies the
 * appender's figures of each touched table into its public record, under the
 * caller's mutex; a view copies those records under the same mutex. So whatever
 * a reader reaches was written before it got its view.
 */
#include "store/chunk.h"

#include <stdlib.h>
#include <string.h>

#include "store/slab.h"

typedef struct chunk_table chunk_table;
struct chunk_table {
    uint32_t table;
    hi_slab *first;   /* May be followed by empty slabs, made ready by an append that failed. */
    hi_slab *current; /* Takes the next row. */
    uint64_t rows;
    int64_t first_ns;
    int64_t last_ns;
    uint64_t seq_low;
    uint64_t seq_high;
    chunk_table *next_touched;
    bool touched;
    bool listed;           /* In chunks->published. */
    hi_chunk_table shared; /* What views copy; written by publish only. */
};

struct hi_chunks {
    hi_mem mem; /* Charged to the account given at the start. */
    uint32_t slab_rows_max;
    chunk_table **index; /* By table id, open addressing. The appender's. */
    uint32_t index_room;
    uint32_t table_count;
    chunk_table *touched;
    uint64_t rows;
    uint64_t seq_low;
    uint64_t seq_high;
    /* Published, ascending by table id. */
    chunk_table **published;
    uint32_t published_count;
    uint32_t published_room;
    chunk_table **spare; /* Larger array for the next publish, or NULL. */
    uint32_t spare_room;
    uint64_t published_rows;
    uint64_t published_seq_low;
    uint64_t published_seq_high;
    bool closed;
};

hi_chunks *hi_chunks_new(hi_mem *mem, uint32_t slab_rows_max)
{
    hi_chunks *chunks = HI_MEM_NEW(mem, hi_chunks);

    if (chunks == NULL) {
        return NULL;
    }
    hi_mem_init(&chunks->mem, NULL, mem, 0);
    chunks->slab_rows_max =
        slab_rows_max == 0 || slab_rows_max > HI_SLAB_ROWS_MAX ? HI_SLAB_ROWS_MAX : slab_rows_max;
    return chunks;
}

void hi_chunks_free(hi_chunks *chunks)
{
    if (chunks == NULL) {
        return;
    }
    hi_mem *mem = &chunks->mem;
    for (uint32_t i = 0; i < chunks->index_room; i++) {
        chunk_table *t = chunks->index[i];

        if (t == NULL) {
            continue;
        }
        for (hi_slab *slab = t->first, *next = NULL; slab != NULL; slab = next) {
            next = slab->next;
            hi_slab_free(mem, slab);
        }
        HI_MEM_DELETE(mem, t);
    }
    hi_mem_free(mem, chunks->index, chunks->index_room * sizeof(chunk_table *));
    hi_mem_free(mem, chunks->published, chunks->published_room * sizeof(chunk_table *));
    hi_mem_free(mem, chunks->spare, chunks->spare_room * sizeof(chunk_table *));
    HI_MEM_DELETE(mem->parent, chunks);
}

/* ---- tables ---- */

static uint32_t chunk_index_at(chunk_table *const *index, uint32_t room, uint32_t table)
{
    uint32_t at = (table * UINT32_C(2654435761)) & (room - 1);

    while (index[at] != NULL && index[at]->table != table) {
        at = (at + 1) & (room - 1);
    }
    return at;
}

static bool chunk_index_grow(hi_chunks *chunks)
{
    const uint32_t room = chunks->index_room == 0 ? 16 : chunks->index_room * 2;
    chunk_table **fresh = hi_mem_calloc(&chunks->mem, room, sizeof(chunk_table *));

    if (fresh == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < chunks->index_room; i++) {
        if (chunks->index[i] != NULL) {
            fresh[chunk_index_at(fresh, room, chunks->index[i]->table)] = chunks->index[i];
        }
    }
    hi_mem_free(&chunks->mem, chunks->index, chunks->index_room * sizeof(chunk_table *));
    chunks->index = fresh;
    chunks->index_room = room;
    return true;
}

/* The next publish must not fail, so the room for its list is made here. */
static bool chunk_reserve_published(hi_chunks *chunks)
{
    const uint32_t have = chunks->spare != NULL ? chunks->spare_room : chunks->published_room;

    if (chunks->table_count < have) {
        return true;
    }
    const uint32_t room = have == 0 ? 16 : have * 2;
    chunk_table **fresh = hi_mem_alloc(&chunks->mem, room * sizeof(chunk_table *));
    if (fresh == NULL) {
        return false;
    }
    hi_mem_free(&chunks->mem, chunks->spare, chunks->spare_room * sizeof(chunk_table *));
    chunks->spare = fresh;
    chunks->spare_room = room;
    return true;
}

static chunk_table *chunk_find(const hi_chunks *chunks, uint32_t table)
{
    return chunks->index_room == 0
               ? NULL
               : chunks->index[chunk_index_at(chunks->index, chunks->index_room, table)];
}

static chunk_table *chunk_find_or_add(hi_chunks *chunks, uint32_t table)
{
    chunk_table *t = chunk_find(chunks, table);

    if (t != NULL) {
        return t;
    }
    if (!chunk_reserve_published(chunks) ||
        ((chunks->table_count + 1) * 2 > chunks->index_room && !chunk_index_grow(chunks))) {
        return NULL;
    }
    t = HI_MEM_NEW(&chunks->mem, chunk_table);
    if (t == NULL) {
        return NULL;
    }
    t->table = table;
    t->first_ns = INT64_MAX;
    t->last_ns = INT64_MIN;
    chunks->index[chunk_index_at(chunks->index, chunks->index_room, table)] = t;
    chunks->table_count++;
    return t;
}

/* ---- appending ---- */

static uint32_t chunk_slab_capacity(const hi_chunks *chunks, const hi_slab *before, uint32_t rows)
{
    uint64_t capacity = before == NULL ? HI_SLAB_ROWS_MIN : (uint64_t)before->capacity * 4;

    while (capacity < rows) {
        capacity *= 4;
    }
    return capacity > chunks->slab_rows_max ? chunks->slab_rows_max : (uint32_t)capacity;
}

/* The slab after `slab`, or the table's first when it is NULL; made when there is none. */
static hi_slab *chunk_next_slab(hi_chunks *chunks, chunk_table *t, hi_slab *slab, uint32_t rows)
{
    hi_slab **link = slab == NULL ? &t->first : &slab->next;

    if (*link == NULL) {
        *link = hi_slab_new(&chunks->mem, chunk_slab_capacity(chunks, slab, rows));
    }
    return *link;
}

/* Makes everything ready that the rows of one table need, so that copying them cannot fail. */
static bool chunk_prepare(hi_chunks *chunks, const hi_rows_table *rows)
{
    chunk_table *t = chunk_find_or_add(chunks, rows->table);

    if (t == NULL) {
        return false;
    }
    hi_slab *slab = t->current;
    for (uint32_t from = 0; from < rows->rows;) {
        if (slab == NULL || hi_slab_room(slab) == 0) {
            slab = chunk_next_slab(chunks, t, slab, rows->rows - from);
            if (slab == NULL) {
                return false;
            }
        }
        const uint32_t left = rows->rows - from;
        const uint32_t count = left < hi_slab_room(slab) ? left : hi_slab_room(slab);
        if (!hi_slab_prepare(&chunks->mem, slab, rows, from, count)) {
            return false;
        }
        from += count;
        slab = from < rows->rows ? chunk_next_slab(chunks, t, slab, rows->rows - from) : slab;
        if (slab == NULL) {
            return false;
        }
    }
    return true;
}

static void chunk_copy(hi_chunks *chunks, chunk_table *t, const hi_rows_table *rows, uint64_t seq)
{
    for (uint32_t from = 0; from < rows->rows;) {
        hi_slab *slab = t->current;

        if (slab == NULL || hi_slab_room(slab) == 0) {
            t->current = slab == NULL ? t->first : slab->next;
            continue;
        }
        const uint32_t left = rows->rows - from;
        const uint32_t count = left < hi_slab_room(slab) ? left : hi_slab_room(slab);
        hi_slab_append(slab, rows, from, count, seq);
        t->first_ns = slab->first_ns < t->first_ns ? slab->first_ns : t->first_ns;
        t->last_ns = slab->last_ns > t->last_ns ? slab->last_ns : t->last_ns;
        from += count;
    }
    t->seq_low = t->rows == 0 ? seq : t->seq_low;
    t->seq_high = seq;
    t->rows += rows->rows;
    if (!t->touched) {
        t->touched = true;
        t->next_touched = chunks->touched;
        chunks->touched = t;
    }
}

hist_status hi_chunks_append(hi_chunks *chunks, const hi_rows *rows, uint64_t seq, hist_error *err)
{
    for (uint32_t i = 0; i < rows->table_count; i++) {
        if (rows->tables[i].rows > 0 && !chunk_prepare(chunks, &rows->tables[i])) {
            return hi_no_memory(err, "rows in memory");
        }
    }
    if (rows->rows == 0) {
        return HIST_OK;
    }
    for (uint32_t i = 0; i < rows->table_count; i++) {
        const hi_rows_table *t = &rows->tables[i];

        if (t->rows > 0) {
            chunk_copy(chunks, chunk_find(chunks, t->table), t, seq);
        }
    }
    chunks->seq_low = chunks->rows == 0 ? seq : chunks->seq_low;
    chunks->seq_high = seq;
    chunks->rows += rows->rows;
    return HIST_OK;
}

static void chunk_seal(chunk_table *t)
{
    if (t != NULL && t->current != NULL && t->current->rows > 0) {
        t->current->sealed = true;
    }
}

void hi_chunks_seal(hi_chunks *chunks, uint32_t table)
{
    if (table != 0) {
        chunk_seal(chunk_find(chunks, table));
        return;
    }
    for (uint32_t i = 0; i < chunks->index_room; i++) {
        chunk_seal(chunks->index[i]);
    }
}

/* ---- publishing ---- */

static int chunk_compare(const void *a, const void *b)
{
    const uint32_t x = (*(chunk_table *const *)a)->table;
    const uint32_t y = (*(chunk_table *const *)b)->table;

    return x < y ? -1 : x > y;
}

/* Lists the tables that are new. Readers wait meanwhile: one sort, however many there are. */
static void chunk_list_new(hi_chunks *chunks)
{
    bool ordered = true;

    for (chunk_table *t = chunks->touched; t != NULL; t = t->next_touched) {
        if (!t->listed) {
            const uint32_t at = chunks->published_count++;

            ordered &= at == 0 || chunks->published[at - 1]->table < t->table;
            chunks->published[at] = t;
            t->listed = true;
        }
    }
    if (!ordered) {
        qsort(chunks->published, chunks->published_count, sizeof(chunk_table *), chunk_compare);
    }
}

static void chunk_share(chunk_table *t)
{
    t->shared = (hi_chunk_table){.table = t->table,
                                 .rows = t->rows,
                                 .first_ns = t->first_ns,
                                 .last_ns = t->last_ns,
                                 .seq_low = t->seq_low,
                                 .seq_high = t->seq_high,
                                 .first = t->first,
                                 .last = t->current,
                                 .last_columns = t->current->columns,
                                 .last_column_count = t->current->column_count,
                                 .last_rows = t->current->rows,
                                 .last_slab_first_ns = t->current->first_ns,
                                 .last_slab_last_ns = t->current->last_ns,
                                 .last_slab_seq_high = t->current->seq_high};
}

void hi_chunks_publish(hi_chunks *chunks)
{
    if (chunks->spare != NULL) {
        if (chunks->published_count > 0) {
            memcpy(chunks->spare, chunks->published,
                   chunks->published_count * sizeof(chunk_table *));
        }
        hi_mem_free(&chunks->mem, chunks->published,
                    chunks->published_room * sizeof(chunk_table *));
        chunks->published = chunks->spare;
        chunks->published_room = chunks->spare_room;
        chunks->spare = NULL;
        chunks->spare_room = 0;
    }
    chunk_list_new(chunks);
    for (chunk_table *t = chunks->touched; t != NULL; t = t->next_touched) {
        t->touched = false;
        chunk_share(t);
    }
    chunks->touched = NULL;
    chunks->published_rows = chunks->rows;
    chunks->published_seq_low = chunks->seq_low;
    chunks->published_seq_high = chunks->seq_high;
}

void hi_chunks_close(hi_chunks *chunks)
{
    chunks->closed = true;
}

uint64_t hi_chunks_rows(const hi_chunks *chunks)
{
    return chunks->published_rows;
}

uint64_t hi_chunks_bytes(const hi_chunks *chunks)
{
    return atomic_load_explicit(&chunks->mem.used, memory_order_relaxed);
}

uint64_t hi_chunks_seq_low(const hi_chunks *chunks)
{
    return chunks->published_seq_low;
}

uint64_t hi_chunks_seq_high(const hi_chunks *chunks)
{
    return chunks->published_seq_high;
}

/* ---- views ---- */

hist_status hi_chunks_view(hi_chunks *chunks, hi_arena *arena, hi_chunk_view *view_out)
{
    hi_chunk_table *tables = hi_arena_alloc(arena, chunks->published_count * sizeof(*tables));

    if (tables == NULL) {
        return HIST_ENOMEM;
    }
    for (uint32_t i = 0; i < chunks->published_count; i++) {
        tables[i] = chunks->published[i]->shared;
    }
    *view_out = (hi_chunk_view){.chunks = chunks,
                                .tables = tables,
                                .table_count = chunks->published_count,
                                .rows = chunks->published_rows,
                                .closed = chunks->closed};
    return HIST_OK;
}

const hi_chunk_table *hi_chunk_view_table(const hi_chunk_view *view, uint32_t table)
{
    uint32_t low = 0;
    uint32_t high = view->table_count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (view->tables[middle].table < table) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < view->table_count && view->tables[low].table == table ? &view->tables[low] : NULL;
}

hi_mem *hi_chunks_mem(hi_chunks *chunks)
{
    return &chunks->mem;
}
