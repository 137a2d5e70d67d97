/*
 * chunk_frag.c -- rows in memory as fragments: one for each slab and partition.
 *
 * A full slab keeps its order, so that only its first reader sorts it; one that
 * still grows is sorted for each reader. Columns are put in order a window
 * of rows at a time, into the reader's memory, and shown in place when the slab
 * happens to be in order already. Windows are small because a flush has one of
 * every slab at once: with windows as large as slabs it would take more memory
 * than the rows themselves.
 */
#include <string.h>

#include "store/chunk.h"
#include "store/slab.h"

enum {
    FRAG_WINDOW_ROWS = HI_VECTOR_ROWS,
    FRAG_ASKED_MIN = 64, /* Whoever asks for fewer gets so many: a search asks for one at a time. */
};

/* A column of a fragment that was asked for, with a window of it in order. */
typedef struct frag_column frag_column;
struct frag_column {
    frag_column *next;
    uint32_t column;
    hist_type type;
    const hi_slab_column *source; /* NULL: the time. */
    uint32_t room;                /* Rows of the buffers. */
    uint32_t first;               /* Rows [first, first + rows) are in the buffers. */
    uint32_t rows;
    void *data;       /* int64_t, double, or bits. */
    uint64_t *valid;  /* NULL for the time. */
    bool full;        /* No null in the buffers. */
    int32_t *offsets; /* STRING */
    char *text;
    size_t text_room;
    uint32_t *pick; /* Slab row of each output row, FRAG_NONE: null. */
};

#define FRAG_NONE UINT32_MAX

typedef struct chunk_frag {
    hi_frag base;
    hi_mem *mem;
    const hi_slab *slab;
    const hi_slab_column *columns;
    uint32_t column_count;
    const hi_slab_order *order;
    const hi_slab_group *group;
    frag_column *decoded;
} chunk_frag;

static size_t frag_element(hist_type type)
{
    return type == HIST_TYPE_BOOL || type == HIST_TYPE_STRING ? 0 : 8;
}

static size_t frag_words(uint32_t rows)
{
    return ((size_t)rows + 63) / 64 * sizeof(uint64_t);
}

/* ---- buffers of a column ---- */

static size_t frag_data_size(const frag_column *c)
{
    return c->type == HIST_TYPE_BOOL ? frag_words(c->room) : c->room * frag_element(c->type);
}

static void frag_free_column(hi_mem *mem, frag_column *c)
{
    hi_mem_free(mem, c->data, frag_data_size(c));
    hi_mem_free(mem, c->valid, frag_words(c->room));
    hi_mem_free(mem, c->offsets, ((size_t)c->room + 1) * sizeof(*c->offsets));
    hi_mem_free(mem, c->text, c->text_room);
    hi_mem_free(mem, c->pick, c->room * sizeof(*c->pick));
    HI_MEM_DELETE(mem, c);
}

static frag_column *frag_new_column(chunk_frag *f, uint32_t column, const hi_slab_column *source)
{
    frag_column *c = HI_MEM_NEW(f->mem, frag_column);

    if (c == NULL) {
        return NULL;
    }
    c->column = column;
    c->source = source;
    c->type = source == NULL ? HIST_TYPE_LONG : source->type;
    c->room = f->base.rows < FRAG_WINDOW_ROWS ? f->base.rows : FRAG_WINDOW_ROWS;
    c->pick = hi_mem_alloc(f->mem, c->room * sizeof(*c->pick));
    bool ok = c->pick != NULL;
    if (ok && frag_data_size(c) > 0) {
        c->data = hi_mem_alloc(f->mem, frag_data_size(c));
        ok = c->data != NULL;
    }
    if (ok && source != NULL) {
        c->valid = hi_mem_alloc(f->mem, frag_words(c->room));
        ok = c->valid != NULL;
    }
    if (ok && c->type == HIST_TYPE_STRING) {
        c->offsets = hi_mem_alloc(f->mem, ((size_t)c->room + 1) * sizeof(*c->offsets));
        ok = c->offsets != NULL;
    }
    if (!ok) {
        frag_free_column(f->mem, c);
        return NULL;
    }
    c->next = f->decoded;
    f->decoded = c;
    return c;
}

/* ---- putting a window in order ---- */

/* The newest of the rows of one key that has a value. */
static uint32_t frag_pick_one(const hi_slab_order *order, const hi_slab_column *source,
                              uint32_t row)
{
    for (uint32_t i = order->starts[row + 1]; i > order->starts[row]; i--) {
        const uint32_t from = order->perm == NULL ? i - 1 : order->perm[i - 1];

        if (source == NULL || hi_slab_valid(source, from)) {
            return from;
        }
    }
    return FRAG_NONE;
}

static void frag_pick(const chunk_frag *f, frag_column *c)
{
    const hi_slab_order *order = f->order;
    const uint32_t first = f->group->first_row + c->first;

    for (uint32_t i = 0; i < c->rows; i++) {
        if (order->starts != NULL) {
            c->pick[i] = frag_pick_one(order, c->source, first + i);
            continue;
        }
        const uint32_t from = order->perm == NULL ? first + i : order->perm[first + i];
        c->pick[i] = c->source == NULL || hi_slab_valid(c->source, from) ? from : FRAG_NONE;
    }
}

static void frag_fill_valid(frag_column *c)
{
    uint32_t values = 0;

    for (uint32_t w = 0; w * 64 < c->rows; w++) {
        const uint32_t n = c->rows - w * 64 < 64 ? c->rows - w * 64 : 64;
        uint64_t bits = 0;

        for (uint32_t i = 0; i < n; i++) {
            bits |= (uint64_t)(c->pick[w * 64 + i] != FRAG_NONE) << i;
        }
        c->valid[w] = bits;
        values += (uint32_t)__builtin_popcountll(bits);
    }
    c->full = values == c->rows;
}

static void frag_fill_numbers(const uint64_t *source, frag_column *c)
{
    uint64_t *data = c->data;

    for (uint32_t i = 0; i < c->rows; i++) {
        data[i] = c->pick[i] == FRAG_NONE ? 0 : source[c->pick[i]];
    }
}

static void frag_fill_bools(const uint8_t *source, frag_column *c)
{
    uint64_t *data = c->data;

    memset(data, 0, frag_words(c->rows));
    for (uint32_t i = 0; i < c->rows; i++) {
        const uint64_t bit = c->pick[i] != FRAG_NONE && source[c->pick[i]] != 0;

        data[i >> 6] |= bit << (i & 63);
    }
}

static bool frag_text_room(hi_mem *mem, frag_column *c, size_t size)
{
    if (size <= c->text_room) {
        return true;
    }
    hi_mem_free(mem, c->text, c->text_room);
    c->text_room = 0;
    c->text = hi_mem_alloc(mem, size);
    c->text_room = c->text == NULL ? 0 : size;
    return c->text != NULL;
}

static bool frag_fill_text(hi_mem *mem, frag_column *c)
{
    const hi_text_ref *refs = c->source->data;
    size_t size = 0;

    for (uint32_t i = 0; i < c->rows; i++) {
        c->offsets[i] = (int32_t)size;
        size += c->pick[i] == FRAG_NONE ? 0 : refs[c->pick[i]].size;
    }
    c->offsets[c->rows] = (int32_t)size;
    if (!frag_text_room(mem, c, size)) {
        return false;
    }
    for (uint32_t i = 0; i < c->rows; i++) {
        const hi_text_ref ref = c->pick[i] == FRAG_NONE ? (hi_text_ref){0, 0} : refs[c->pick[i]];

        if (ref.size > 0) {
            memcpy(c->text + c->offsets[i], hi_slab_text(c->source, ref.start), ref.size);
        }
    }
    return true;
}

/* Fills the buffers with `row` and those after it, as far as they are asked for. */
static bool frag_fill(chunk_frag *f, frag_column *c, uint32_t row, uint32_t asked)
{
    const uint32_t most = asked < c->room ? asked : c->room;
    const uint32_t wanted = row % 64 + (most < FRAG_ASKED_MIN ? FRAG_ASKED_MIN : most);

    c->first = row - row % 64; /* Bits begin with a word. */
    c->rows = f->base.rows - c->first;
    c->rows = c->rows < wanted ? c->rows : wanted;
    c->rows = c->rows < c->room ? c->rows : c->room;
    frag_pick(f, c);
    if (c->source == NULL) {
        frag_fill_numbers((const uint64_t *)f->slab->times, c);
        return true;
    }
    frag_fill_valid(c);
    switch (c->type) {
    case HIST_TYPE_STRING:
        if (!frag_fill_text(f->mem, c)) {
            c->rows = 0;
            return false;
        }
        return true;
    case HIST_TYPE_BOOL:
        frag_fill_bools(c->source->data, c);
        return true;
    default:
        frag_fill_numbers(c->source->data, c);
        return true;
    }
}

/* ---- the fragment's methods ---- */

static hist_status frag_runs(hi_frag *frag, const hi_run **runs_out, uint32_t *count_out,
                             hist_error *err)
{
    const chunk_frag *f = (const chunk_frag *)frag;

    (void)err;
    *runs_out = f->order->runs + f->group->first_run;
    *count_out = f->group->run_count;
    return HIST_OK;
}

static hist_type frag_type(hi_frag *frag, uint32_t column)
{
    const chunk_frag *f = (const chunk_frag *)frag;

    if (column == HI_COLUMN_TIME) {
        return HIST_TYPE_DATETIME;
    }
    const hi_slab_column *c = hi_slab_find(f->columns, f->column_count, column);
    return c == NULL ? (hist_type)0 : c->type;
}

/* Times of a slab that is in order already need no copy. */
static bool frag_view_in_place(const chunk_frag *f, uint32_t column, uint32_t row,
                               uint32_t rows_max, hi_view *view_out)
{
    if (column != HI_COLUMN_TIME || f->order->perm != NULL || f->order->starts != NULL) {
        return false;
    }
    const uint32_t left = f->base.rows - row;
    *view_out = (hi_view){.rows = left < rows_max ? left : rows_max,
                          .data = f->slab->times + f->group->first_row + row};
    return true;
}

static hist_status frag_view(hi_frag *frag, uint32_t column, uint32_t row, uint32_t rows_max,
                             hi_view *view_out, hist_error *err)
{
    chunk_frag *f = (chunk_frag *)frag;
    frag_column *c = f->decoded;

    if (frag_view_in_place(f, column, row, rows_max, view_out)) {
        return HIST_OK;
    }
    while (c != NULL && c->column != column) {
        c = c->next;
    }
    if (c == NULL) {
        const hi_slab_column *source =
            column == HI_COLUMN_TIME ? NULL : hi_slab_find(f->columns, f->column_count, column);

        if (source == NULL && column != HI_COLUMN_TIME) {
            return hi_fail(err, HIST_EINTERNAL, "column %u is not in this fragment", column);
        }
        c = frag_new_column(f, column, source);
    }
    if (c == NULL ||
        ((row < c->first || row >= c->first + c->rows) && !frag_fill(f, c, row, rows_max))) {
        return hi_no_memory(err, "reading rows in memory");
    }
    const uint32_t at = row - c->first;
    const uint32_t left = c->rows - at;
    *view_out = (hi_view){.rows = left < rows_max ? left : rows_max,
                          .valid = c->full ? NULL : c->valid,
                          .valid_bit = c->full || c->valid == NULL ? 0 : at,
                          .data_bit = c->type == HIST_TYPE_BOOL ? at : 0,
                          .data = c->data,
                          .offsets = c->offsets == NULL ? NULL : c->offsets + at,
                          .bytes = c->text == NULL ? "" : c->text};
    if (frag_element(c->type) > 0) {
        view_out->data = (const uint64_t *)c->data + at;
    }
    return HIST_OK;
}

static void frag_release(hi_frag *frag, uint32_t column)
{
    chunk_frag *f = (chunk_frag *)frag;
    frag_column **link = &f->decoded;

    while (*link != NULL) {
        frag_column *c = *link;

        if (column == 0 || c->column == column) {
            *link = c->next;
            frag_free_column(f->mem, c);
        } else {
            link = &c->next;
        }
    }
}

static void frag_close(hi_frag *frag)
{
    frag_release(frag, 0);
}

static const hi_frag_ops chunk_frag_ops = {.runs = frag_runs,
                                           .column = frag_type,
                                           .view = frag_view,
                                           .close = frag_close,
                                           .release = frag_release};

/* ---- making fragments ---- */

/* A slab as one view sees it. */
typedef struct slab_sight {
    hi_slab *slab;
    uint32_t rows;
    int64_t first_ns;
    int64_t last_ns;
    uint64_t seq_high;
    const hi_slab_column *columns;
    uint32_t column_count;
    bool full; /* All of its rows are in sight and no more will come. */
} slab_sight;

static slab_sight frag_sight(const hi_chunk_table *t, const hi_slab *slab, bool closed)
{
    if (slab == t->last) {
        return (slab_sight){.slab = t->last,
                            .rows = t->last_rows,
                            .first_ns = t->last_slab_first_ns,
                            .last_ns = t->last_slab_last_ns,
                            .seq_high = t->last_slab_seq_high,
                            .columns = t->last_columns,
                            .column_count = t->last_column_count,
                            .full = closed || t->last_rows == slab->capacity};
    }
    return (slab_sight){.slab = (hi_slab *)slab,
                        .rows = slab->rows,
                        .first_ns = slab->first_ns,
                        .last_ns = slab->last_ns,
                        .seq_high = slab->seq_high,
                        .columns = slab->columns,
                        .column_count = slab->column_count,
                        .full = true};
}

static void frag_free_order(void *arg)
{
    hi_slab_order_free(arg);
}

/* An order for this reader alone. */
static hist_status frag_order_own(const slab_sight *sight, int64_t width_ns, hi_arena *arena,
                                  hi_mem *mem, const hi_slab_order **order_out)
{
    hi_slab_order *order = NULL;

    HI_TRY(
        hi_slab_sort(mem, sight->slab->series, sight->slab->times, sight->rows, width_ns, &order));
    if (!hi_arena_defer(arena, frag_free_order, order)) {
        hi_slab_order_free(order);
        return HIST_ENOMEM;
    }
    *order_out = order;
    return HIST_OK;
}

/* Two readers may sort at the same time; the first to finish leaves its order. */
static hist_status frag_order(const hi_chunk_view *view, const slab_sight *sight, int64_t width_ns,
                              hi_arena *arena, hi_mem *mem, const hi_slab_order **order_out)
{
    hi_slab_order *kept = atomic_load_explicit(&sight->slab->order, memory_order_acquire);

    if (kept != NULL && sight->full && kept->width_ns == width_ns) {
        *order_out = kept;
        return HIST_OK;
    }
    hi_slab_order *fresh = NULL;
    if (kept != NULL || !sight->full ||
        hi_slab_sort(hi_chunks_mem(view->chunks), sight->slab->series, sight->slab->times,
                     sight->rows, width_ns, &fresh) != HIST_OK) {
        return frag_order_own(sight, width_ns, arena, mem, order_out);
    }
    if (atomic_compare_exchange_strong(&sight->slab->order, &kept, fresh)) {
        hi_slab_order_made(hi_chunks_mem(view->chunks), sight->slab);
        *order_out = fresh;
        return HIST_OK;
    }
    hi_slab_order_free(fresh);
    if (kept->width_ns != width_ns) {
        return frag_order_own(sight, width_ns, arena, mem, order_out);
    }
    *order_out = kept;
    return HIST_OK;
}

/* Whether any of the ascending wanted series is in the ascending runs. */
static bool frag_has_series(const hi_run *runs, uint32_t run_count, const hi_chunk_wish *wish)
{
    uint32_t r = 0;
    uint32_t s = 0;

    while (r < run_count && s < wish->series_count) {
        if (runs[r].series == wish->series[s]) {
            return true;
        }
        if (runs[r].series < wish->series[s]) {
            r++;
        } else {
            s++;
        }
    }
    return false;
}

static hist_status frag_add(const slab_sight *sight, const hi_slab_order *order, uint32_t g,
                            const hi_chunk_wish *wish, hi_arena *arena, hi_mem *mem,
                            hi_frag_list *list)
{
    const hi_slab_group *group = &order->groups[g];
    const hi_run *runs = order->runs + group->first_run;

    if (group->first_ns > wish->last_ns || group->last_ns < wish->from_ns ||
        (wish->series != NULL && !frag_has_series(runs, group->run_count, wish))) {
        return HIST_OK;
    }
    chunk_frag *f = HI_NEW(arena, chunk_frag);
    if (f == NULL) {
        return HIST_ENOMEM;
    }
    *f = (chunk_frag){.base = {.ops = &chunk_frag_ops,
                               .table = wish->table,
                               .rows = group->rows,
                               .partition_ns = group->partition_ns,
                               .width_ns = wish->width_ns,
                               .first_ns = group->first_ns,
                               .last_ns = group->last_ns,
                               .first_series = runs[0].series,
                               .last_series = runs[group->run_count - 1].series,
                               .seq_low = sight->slab->seq_low,
                               .seq_high = sight->seq_high},
                      .mem = mem,
                      .slab = sight->slab,
                      .columns = sight->columns,
                      .column_count = sight->column_count,
                      .order = order,
                      .group = group};
    return hi_frag_list_add(list, arena, &f->base);
}

hist_status hi_chunk_frags(const hi_chunk_view *view, const hi_chunk_wish *wish, hi_arena *arena,
                           hi_mem *mem, hi_frag_list *list, hist_error *err)
{
    const hi_chunk_table *t = hi_chunk_view_table(view, wish->table);
    hist_status status = HIST_OK;

    if (t == NULL) {
        return HIST_OK;
    }
    for (const hi_slab *slab = t->first; status == HIST_OK; slab = slab->next) {
        const slab_sight sight = frag_sight(t, slab, view->closed);
        const hi_slab_order *order = NULL;

        if (sight.first_ns <= wish->last_ns && sight.last_ns >= wish->from_ns) {
            status = frag_order(view, &sight, wish->width_ns, arena, mem, &order);
        }
        for (uint32_t g = 0; order != NULL && status == HIST_OK && g < order->group_count; g++) {
            status = frag_add(&sight, order, g, wish, arena, mem, list);
        }
        if (slab == t->last) {
            break;
        }
    }
    return status == HIST_ENOMEM ? hi_no_memory(err, "reading rows in memory") : status;
}
