/*
 * runlist.c -- merges the keys of fragments into a run list; see runlist.h.
 *
 * Two heaps. The queue has one entry a fragment, by the (series, first time) of
 * its next run; it gives one series at a time. The runs of that series, cut to
 * the wanted times and by tombstones, are its stretches, sorted by first time.
 * The second heap holds the stretches whose times overlap at the current point
 * (cursors), by (time, newest first). A stretch that overlaps with nothing goes
 * out whole through `alone` and none of its rows is looked at.
 *
 * Invariants
 *  1 Every stretch not yet in the heap starts later than the top of the heap,
 *    once merge_absorb() has run.
 *  2 A fragment has at most one cursor: its stretches of a series are disjoint
 *    in time, so the earlier one is through before the later one is absorbed.
 *  3 Windows on decoded times are dropped whenever somebody else may have viewed
 *    the time column of that fragment: after find() and between two lists.
 */
#include "store/runlist.h"

#include <assert.h>
#include <string.h>

enum { MERGE_WINDOW_ROWS = HI_VECTOR_ROWS };

/* One fragment. */
typedef struct merge_source {
    const hi_run *runs;
    uint32_t run_count;
    uint32_t run;    /* Next one to hand out. */
    uint32_t filter; /* Position in the list of wanted series. */
    uint32_t series; /* Key in the queue: of the next run, or a lower bound until loaded. */
    int64_t first_ns;
    uint32_t rank; /* Newer is larger. */
    uint32_t open; /* Stretches of it not yet through. */
    bool loaded;
    bool ended; /* No further run. */
} merge_source;

/* Rows [row, end) of a fragment, of the current series. */
typedef struct merge_stretch {
    uint32_t frag;
    uint32_t row;
    uint32_t end;
    uint32_t rank;
    int64_t first_ns; /* Bounds; times may lie inside. */
    int64_t last_ns;
    /* As a cursor: */
    int64_t time_ns;      /* Of `row`. */
    const int64_t *times; /* Window on the rows from `window`. */
    uint32_t window;
    uint32_t window_rows; /* 0: none. */
} merge_stretch;

struct hi_merge {
    /* Set at open. */
    hi_mem *mem;
    hi_merge_spec spec;
    int64_t last_ns; /* Inclusive end of the wanted times. */
    merge_source *sources;
    /* State. */
    uint32_t *queue; /* Heap of sources. */
    uint32_t queue_count;
    uint32_t *spent; /* Sources to release at the next call. */
    uint32_t spent_count;
    uint32_t series;
    merge_stretch *stretches;
    uint32_t stretch_count;
    uint32_t stretch_capacity;
    uint32_t pending; /* First stretch not yet in the heap. */
    uint32_t *heap;   /* Cursors: indexes of stretches; room for all of them. */
    uint32_t heap_count;
    uint32_t heap_capacity;
    bool in_series;
    merge_stretch *alone; /* Rows up to alone_end go out as they are. */
    uint32_t alone_end;
    uint32_t skipped_frag; /* The block counted last as skipped. */
    uint32_t skipped_end;
    hi_piece *pieces;
    uint32_t piece_count;
    uint32_t piece_capacity;
    hi_out_run *runs;
    uint32_t run_count;
    uint32_t run_capacity;
    uint32_t rows;     /* Output rows of the list being made. */
    bool piece_closed; /* The last piece ends a chain and cannot grow. */
};

/* ---- memory ---- */

/* Makes room for one more element. */
static bool merge_grow(hi_mem *mem, void **array, uint32_t *capacity, uint32_t count, size_t size)
{
    if (count < *capacity) {
        return true;
    }
    if (*capacity > UINT32_MAX / 4) {
        return false;
    }
    const uint32_t more = *capacity < 64 ? 64 : *capacity * 2;
    void *fresh = hi_mem_realloc(mem, *array, *capacity * size, more * size);
    if (fresh == NULL) {
        return false;
    }
    *array = fresh;
    *capacity = more;
    return true;
}

static bool merge_grow_stretches(hi_merge *m)
{
    void *stretches = m->stretches;
    void *heap = m->heap;
    bool grown = merge_grow(m->mem, &stretches, &m->stretch_capacity, m->stretch_count,
                            sizeof(merge_stretch));

    m->stretches = stretches;
    grown =
        grown && merge_grow(m->mem, &heap, &m->heap_capacity, m->stretch_count, sizeof(uint32_t));
    m->heap = heap;
    return grown;
}

/* ---- the queue of fragments ---- */

static bool merge_source_less(const hi_merge *m, uint32_t a, uint32_t b)
{
    const merge_source *x = &m->sources[a];
    const merge_source *y = &m->sources[b];

    if (x->series != y->series) {
        return x->series < y->series;
    }
    if (x->first_ns != y->first_ns) {
        return x->first_ns < y->first_ns;
    }
    return a < b;
}

static void merge_queue_down(hi_merge *m, uint32_t at)
{
    const uint32_t moved = m->queue[at];

    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child + 1 < m->queue_count &&
            merge_source_less(m, m->queue[child + 1], m->queue[child])) {
            child++;
        }
        if (child >= m->queue_count || !merge_source_less(m, m->queue[child], moved)) {
            break;
        }
        m->queue[at] = m->queue[child];
        at = child;
    }
    m->queue[at] = moved;
}

/* A fragment without open stretches and further runs gives its decoded data back later. */
static void merge_source_check_spent(hi_merge *m, uint32_t i)
{
    if (m->sources[i].ended && m->sources[i].open == 0) {
        m->spent[m->spent_count++] = i;
    }
}

static void merge_queue_pop(hi_merge *m)
{
    m->queue[0] = m->queue[--m->queue_count];
    if (m->queue_count > 0) {
        merge_queue_down(m, 0);
    }
}

/* First index in [from, count) of an ascending list whose value is at least `wanted`: galloping. */
static uint32_t merge_gallop_ids(const uint32_t *ids, uint32_t from, uint32_t count,
                                 uint32_t wanted)
{
    uint32_t step = 1;
    uint32_t low = from;

    while (low < count && ids[low] < wanted) {
        from = low + 1;
        low = count - low > step ? low + step : count;
        step = step < (1u << 30) ? step * 2 : step;
    }
    while (from < low) {
        const uint32_t middle = from + (low - from) / 2;

        if (ids[middle] < wanted) {
            from = middle + 1;
        } else {
            low = middle;
        }
    }
    return from;
}

static uint32_t merge_gallop_runs(const hi_run *runs, uint32_t from, uint32_t count,
                                  uint32_t wanted)
{
    uint32_t step = 1;
    uint32_t low = from;

    while (low < count && runs[low].series < wanted) {
        from = low + 1;
        low = count - low > step ? low + step : count;
        step = step < (1u << 30) ? step * 2 : step;
    }
    while (from < low) {
        const uint32_t middle = from + (low - from) / 2;

        if (runs[middle].series < wanted) {
            from = middle + 1;
        } else {
            low = middle;
        }
    }
    return from;
}

/* Moves to the next run that is wanted and sets the key; false: there is none. */
static bool merge_source_settle(const hi_merge *m, merge_source *s)
{
    const hi_merge_spec *spec = &m->spec;

    while (s->run < s->run_count) {
        const hi_run *run = &s->runs[s->run];

        if (spec->series != NULL) {
            s->filter = merge_gallop_ids(spec->series, s->filter, spec->series_count, run->series);
            if (s->filter >= spec->series_count) {
                return false;
            }
            if (spec->series[s->filter] != run->series) {
                s->run = merge_gallop_runs(s->runs, s->run, s->run_count, spec->series[s->filter]);
                continue;
            }
        }
        if (run->rows > 0 && run->last_ns >= spec->from_ns && run->first_ns <= m->last_ns) {
            s->series = run->series;
            s->first_ns = run->first_ns;
            return true;
        }
        s->run++;
    }
    return false;
}

/* The source on top of the queue has a new key, or none. */
static void merge_queue_settle_top(hi_merge *m)
{
    const uint32_t i = m->queue[0];

    if (merge_source_settle(m, &m->sources[i])) {
        merge_queue_down(m, 0);
    } else {
        m->sources[i].ended = true;
        merge_queue_pop(m);
        merge_source_check_spent(m, i);
    }
}

static hist_status merge_source_load(hi_merge *m, uint32_t i, hist_error *err)
{
    merge_source *s = &m->sources[i];
    hi_frag *frag = m->spec.frags[i];

    HI_TRY(frag->ops->runs(frag, &s->runs, &s->run_count, err));
    s->loaded = true;
    return HIST_OK;
}

/* ---- times of a fragment ---- */

static hist_status merge_view_time(hi_frag *frag, uint32_t row, uint32_t rows_max, hi_view *view,
                                   hist_error *err)
{
    HI_TRY(frag->ops->view(frag, HI_COLUMN_TIME, row, rows_max, view, err));
    if (view->all_null || view->rows == 0 || view->data == NULL) {
        return hi_fail(err, HIST_EINTERNAL, "a fragment of table %u shows rows without time",
                       frag->table);
    }
    return HIST_OK;
}

/* First row in [row, end) with a time of at least ns, else end. */
static hist_status merge_find(hi_frag *frag, uint32_t row, uint32_t end, int64_t ns,
                              uint32_t *row_out, hist_error *err)
{
    if (frag->ops->find != NULL) {
        return frag->ops->find(frag, row, end, ns, row_out, err);
    }
    while (row < end) {
        const uint32_t middle = row + (end - row) / 2;
        hi_view view;

        HI_TRY(merge_view_time(frag, middle, 1, &view, err));
        if (*(const int64_t *)view.data < ns) {
            row = middle + 1;
        } else {
            end = middle;
        }
    }
    *row_out = row;
    return HIST_OK;
}

/* ---- the stretches of a series ---- */

static hist_status merge_add_stretch(hi_merge *m, const merge_stretch *stretch, hist_error *err)
{
    if (stretch->row >= stretch->end) {
        return HIST_OK;
    }
    if (!merge_grow_stretches(m)) {
        return hi_no_memory(err, "merge of fragments");
    }
    m->stretches[m->stretch_count++] = *stretch;
    return HIST_OK;
}

static bool merge_tombstone_applies(const hi_tombstone *t, const hi_frag *frag, uint32_t series)
{
    if (t->table != frag->table || t->seq <= frag->seq_high || t->from_ns >= t->to_ns) {
        return false;
    }
    if (t->series == NULL) {
        return true;
    }
    const uint32_t at = merge_gallop_ids(t->series, 0, t->series_count, series);
    return at < t->series_count && t->series[at] == series;
}

/* Takes [from_ns, to_ns) out of stretch number `at`; what is left behind it becomes a new one. */
static hist_status merge_cut(hi_merge *m, uint32_t at, const hi_tombstone *t, hist_error *err)
{
    merge_stretch s = m->stretches[at];
    hi_frag *frag = m->spec.frags[s.frag];
    uint32_t gone = s.row;
    uint32_t left = s.end;

    if (t->from_ns > s.last_ns || t->to_ns <= s.first_ns) {
        return HIST_OK;
    }
    if (t->from_ns > s.first_ns) {
        HI_TRY(merge_find(frag, s.row, s.end, t->from_ns, &gone, err));
    }
    if (t->to_ns <= s.last_ns) {
        HI_TRY(merge_find(frag, gone, s.end, t->to_ns, &left, err));
    }
    m->stretches[at].end = gone;
    if (t->from_ns > s.first_ns) {
        m->stretches[at].last_ns = t->from_ns - 1;
    }
    s.row = left;
    s.first_ns = t->to_ns > s.first_ns ? t->to_ns : s.first_ns;
    return merge_add_stretch(m, &s, err);
}

static hist_status merge_cut_all(hi_merge *m, uint32_t from, hi_frag *frag, hist_error *err)
{
    for (uint32_t t = 0; t < m->spec.tombstone_count; t++) {
        const hi_tombstone *tombstone = &m->spec.tombstones[t];
        const uint32_t count = m->stretch_count;

        if (merge_tombstone_applies(tombstone, frag, m->series)) {
            for (uint32_t i = from; i < count; i++) {
                HI_TRY(merge_cut(m, i, tombstone, err));
            }
        }
    }
    return HIST_OK;
}

/* The run of a source as stretches of the current series. */
static hist_status merge_add_run(hi_merge *m, uint32_t source, const hi_run *run, hist_error *err)
{
    hi_frag *frag = m->spec.frags[source];
    const uint32_t before = m->stretch_count;
    merge_stretch s = {.frag = source,
                       .rank = m->sources[source].rank,
                       .row = run->first_row,
                       .end = run->first_row + run->rows,
                       .first_ns = run->first_ns,
                       .last_ns = run->last_ns};

    if (s.first_ns < m->spec.from_ns) {
        HI_TRY(merge_find(frag, s.row, s.end, m->spec.from_ns, &s.row, err));
        s.first_ns = m->spec.from_ns;
    }
    if (s.last_ns > m->last_ns) {
        HI_TRY(merge_find(frag, s.row, s.end, m->last_ns + 1, &s.end, err));
        s.last_ns = m->last_ns;
    }
    HI_TRY(merge_add_stretch(m, &s, err));
    HI_TRY(merge_cut_all(m, before, frag, err));
    /* Those that tombstones emptied go. */
    uint32_t kept = before;
    for (uint32_t i = before; i < m->stretch_count; i++) {
        if (m->stretches[i].row < m->stretches[i].end) {
            m->stretches[kept++] = m->stretches[i];
            m->sources[source].open++;
        }
    }
    m->stretch_count = kept;
    return HIST_OK;
}

static bool merge_stretch_less(const merge_stretch *a, const merge_stretch *b)
{
    if (a->first_ns != b->first_ns) {
        return a->first_ns < b->first_ns;
    }
    return a->rank != b->rank ? a->rank < b->rank : a->row < b->row;
}

/* Nearly sorted already, as the queue gives runs by time: shell sort. */
static void merge_sort_stretches(merge_stretch *s, uint32_t count)
{
    for (uint32_t gap = count / 2; gap > 0; gap /= 2) {
        for (uint32_t i = gap; i < count; i++) {
            const merge_stretch moved = s[i];
            uint32_t at = i;

            while (at >= gap && merge_stretch_less(&moved, &s[at - gap])) {
                s[at] = s[at - gap];
                at -= gap;
            }
            s[at] = moved;
        }
    }
}

/* Collects the stretches of the next series; in_series stays false when there is none. */
static hist_status merge_next_series(hi_merge *m, hist_error *err)
{
    bool any = false;

    m->stretch_count = 0;
    m->pending = 0;
    while (m->queue_count > 0) {
        const uint32_t i = m->queue[0];
        merge_source *s = &m->sources[i];

        if (!s->loaded) {
            HI_TRY(merge_source_load(m, i, err));
            merge_queue_settle_top(m);
            continue;
        }
        if (any && s->series != m->series) {
            break;
        }
        any = true;
        m->series = s->series;
        HI_TRY(merge_add_run(m, i, &s->runs[s->run], err));
        s->run++;
        merge_queue_settle_top(m);
    }
    if (m->stretch_count > 1) {
        merge_sort_stretches(m->stretches, m->stretch_count);
    }
    m->in_series = any;
    return HIST_OK;
}

/* ---- cursors ---- */

static bool merge_cursor_less(const merge_stretch *a, const merge_stretch *b)
{
    return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->rank > b->rank;
}

static void merge_heap_down(hi_merge *m)
{
    const uint32_t moved = m->heap[0];
    uint32_t at = 0;

    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child + 1 < m->heap_count &&
            merge_cursor_less(&m->stretches[m->heap[child + 1]], &m->stretches[m->heap[child]])) {
            child++;
        }
        if (child >= m->heap_count ||
            !merge_cursor_less(&m->stretches[m->heap[child]], &m->stretches[moved])) {
            break;
        }
        m->heap[at] = m->heap[child];
        at = child;
    }
    m->heap[at] = moved;
}

static void merge_heap_push(hi_merge *m, uint32_t stretch)
{
    uint32_t at = m->heap_count++;

    while (at > 0 &&
           merge_cursor_less(&m->stretches[stretch], &m->stretches[m->heap[(at - 1) / 2]])) {
        m->heap[at] = m->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    m->heap[at] = stretch;
}

static void merge_heap_pop(hi_merge *m)
{
    m->heap[0] = m->heap[--m->heap_count];
    if (m->heap_count > 0) {
        merge_heap_down(m);
    }
}

static void merge_stretch_through(hi_merge *m, const merge_stretch *s)
{
    assert(m->sources[s->frag].open > 0);
    m->sources[s->frag].open--;
    merge_source_check_spent(m, s->frag);
}

/* Makes sure the window has the time of `row`. */
static hist_status merge_window(hi_merge *m, merge_stretch *s, hist_error *err)
{
    hi_view view;

    if (s->window_rows > 0 && s->row - s->window < s->window_rows) {
        return HIST_OK;
    }
    const uint32_t left = s->end - s->row;
    HI_TRY(merge_view_time(m->spec.frags[s->frag], s->row,
                           left < MERGE_WINDOW_ROWS ? left : MERGE_WINDOW_ROWS, &view, err));
    s->times = view.data;
    s->window = s->row;
    s->window_rows = view.rows;
    return HIST_OK;
}

static hist_status merge_cursor_load(hi_merge *m, merge_stretch *s, hist_error *err)
{
    HI_TRY(merge_window(m, s, err));
    s->time_ns = s->times[s->row - s->window];
    return HIST_OK;
}

/* Puts every pending stretch that may begin at or before the top into the heap. */
static hist_status merge_absorb(hi_merge *m, hist_error *err)
{
    while (m->pending < m->stretch_count &&
           (m->heap_count == 0 ||
            m->stretches[m->pending].first_ns <= m->stretches[m->heap[0]].time_ns)) {
        HI_TRY(merge_cursor_load(m, &m->stretches[m->pending], err));
        merge_heap_push(m, m->pending);
        m->pending++;
    }
    return HIST_OK;
}

/* The top moved on: back to its place, or out. */
static hist_status merge_top_moved(hi_merge *m, hist_error *err)
{
    merge_stretch *top = &m->stretches[m->heap[0]];

    if (top->row < top->end) {
        HI_TRY(merge_cursor_load(m, top, err));
        merge_heap_down(m);
        return HIST_OK;
    }
    merge_heap_pop(m);
    merge_stretch_through(m, top);
    return HIST_OK;
}

/* ---- the list ---- */

static bool merge_emit_rows(hi_merge *m, uint32_t rows)
{
    if (m->run_count > 0 && m->runs[m->run_count - 1].series == m->series) {
        m->runs[m->run_count - 1].rows += rows;
    } else {
        void *runs = m->runs;

        if (!merge_grow(m->mem, &runs, &m->run_capacity, m->run_count, sizeof(hi_out_run))) {
            return false;
        }
        m->runs = runs;
        m->runs[m->run_count++] = (hi_out_run){m->series, m->rows, rows};
    }
    m->rows += rows;
    return true;
}

static bool merge_emit_piece(hi_merge *m, const hi_piece *piece)
{
    hi_piece *last = m->piece_count == 0 ? NULL : &m->pieces[m->piece_count - 1];

    if (last != NULL && !m->piece_closed && !piece->older && last->frag == piece->frag &&
        last->row + last->rows == piece->row) {
        last->rows += piece->rows;
        return true;
    }
    void *pieces = m->pieces;
    if (!merge_grow(m->mem, &pieces, &m->piece_capacity, m->piece_count, sizeof(hi_piece))) {
        return false;
    }
    m->pieces = pieces;
    m->pieces[m->piece_count++] = *piece;
    m->piece_closed = piece->older;
    return true;
}

static hist_status merge_emit(hi_merge *m, merge_stretch *s, uint32_t rows, hist_error *err)
{
    const hi_piece piece = {.frag = s->frag, .row = s->row, .rows = rows};

    if (!merge_emit_piece(m, &piece) || !merge_emit_rows(m, rows)) {
        return hi_no_memory(err, "merge of fragments");
    }
    s->row += rows;
    return HIST_OK;
}

static void merge_count_skipped(hi_merge *m, hi_frag *frag, uint32_t frag_number, uint32_t row,
                                uint32_t rows)
{
    const uint32_t end = row + rows;

    while (m->spec.blocks_skipped != NULL && row < end) {
        const uint32_t left =
            frag->ops->block_left == NULL ? rows : frag->ops->block_left(frag, row);

        if (m->skipped_frag != frag_number || m->skipped_end != row + left) {
            ++*m->spec.blocks_skipped;
        }
        m->skipped_frag = frag_number;
        m->skipped_end = row + left;
        row += left;
    }
}

/* Rows from alone->row on that some range rules out. */
static uint32_t merge_skippable(hi_merge *m, hi_frag *frag, uint32_t row)
{
    for (uint32_t i = 0; frag->ops->skippable != NULL && i < m->spec.range_count; i++) {
        const uint32_t rows = frag->ops->skippable(frag, row, &m->spec.ranges[i]);

        if (rows > 0) {
            return rows;
        }
    }
    return 0;
}

/* A step of the stretch that overlaps with nothing. */
static hist_status merge_step_alone(hi_merge *m, uint32_t rows_left, hist_error *err)
{
    merge_stretch *s = m->alone;
    hi_frag *frag = m->spec.frags[s->frag];
    uint32_t rows = m->alone_end - s->row;
    const uint32_t skip = m->spec.range_count == 0 ? 0 : merge_skippable(m, frag, s->row);

    if (skip > 0) {
        rows = skip < rows ? skip : rows;
        merge_count_skipped(m, frag, s->frag, s->row, rows);
        s->row += rows;
    } else {
        if (m->spec.range_count > 0 && frag->ops->block_left != NULL) {
            const uint32_t block = frag->ops->block_left(frag, s->row);

            rows = block < rows ? block : rows;
        }
        HI_TRY(merge_emit(m, s, rows < rows_left ? rows : rows_left, err));
    }
    if (s->row < m->alone_end) {
        return HIST_OK;
    }
    m->alone = NULL;
    if (m->heap_count == 0) {
        merge_stretch_through(m, s);
        return HIST_OK;
    }
    return merge_top_moved(m, err); /* It was the only cursor and goes on being one. */
}

/* Times below `limit` from the top's row on, as far as its window reaches. */
static uint32_t merge_gallop_times(const merge_stretch *s, int64_t limit)
{
    const int64_t *times = s->times + (s->row - s->window);
    const uint32_t left = s->window_rows - (s->row - s->window);
    const uint32_t count = left < s->end - s->row ? left : s->end - s->row;
    uint32_t low = 1; /* The caller knows that the first one is below. */
    uint32_t high = 1;
    uint32_t step = 1;

    while (high < count && times[high] < limit) {
        low = high + 1;
        high = count - high > step ? high + step : count;
        step *= 2;
    }
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (times[middle] < limit) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* One cursor: everything before the next pending stretch overlaps with nothing. */
static hist_status merge_step_single(hi_merge *m, hist_error *err)
{
    merge_stretch *top = &m->stretches[m->heap[0]];

    m->alone_end = top->end;
    if (m->pending < m->stretch_count && m->stretches[m->pending].first_ns <= top->last_ns) {
        HI_TRY(merge_find(m->spec.frags[top->frag], top->row, top->end,
                          m->stretches[m->pending].first_ns, &m->alone_end, err));
        top->window_rows = 0;
    }
    assert(m->alone_end > top->row);
    m->alone = top;
    return HIST_OK;
}

/* Rows with the same time in several fragments: one output row, newest first. */
static hist_status merge_step_equal(hi_merge *m, hist_error *err)
{
    const int64_t time_ns = m->stretches[m->heap[0]].time_ns;
    bool older = true;

    while (older) {
        merge_stretch *top = &m->stretches[m->heap[0]];
        hi_piece piece = {.frag = top->frag, .row = top->row, .rows = 1, .older = true};

        top->row++;
        HI_TRY(merge_top_moved(m, err));
        older = m->heap_count > 0 && m->stretches[m->heap[0]].time_ns == time_ns;
        piece.older = older;
        m->piece_closed = true;
        if (!merge_emit_piece(m, &piece)) {
            return hi_no_memory(err, "merge of fragments");
        }
        m->piece_closed = true;
    }
    return merge_emit_rows(m, 1) ? HIST_OK : hi_no_memory(err, "merge of fragments");
}

/* Several cursors: the rows of the top that come before the second. */
static hist_status merge_step_many(hi_merge *m, uint32_t rows_left, hist_error *err)
{
    merge_stretch *top = &m->stretches[m->heap[0]];
    int64_t limit = m->stretches[m->heap[1]].time_ns;

    if (m->heap_count > 2 && m->stretches[m->heap[2]].time_ns < limit) {
        limit = m->stretches[m->heap[2]].time_ns;
    }
    if (limit == top->time_ns) {
        return merge_step_equal(m, err);
    }
    if (m->pending < m->stretch_count && m->stretches[m->pending].first_ns < limit) {
        limit = m->stretches[m->pending].first_ns;
    }
    HI_TRY(merge_window(m, top, err));
    const uint32_t rows = merge_gallop_times(top, limit);
    HI_TRY(merge_emit(m, top, rows < rows_left ? rows : rows_left, err));
    return merge_top_moved(m, err);
}

static hist_status merge_step(hi_merge *m, uint32_t rows_left, hist_error *err)
{
    if (m->alone != NULL) {
        return merge_step_alone(m, rows_left, err);
    }
    if (m->heap_count == 0 && m->pending < m->stretch_count) {
        merge_stretch *s = &m->stretches[m->pending];

        if (m->pending + 1 == m->stretch_count || s[1].first_ns > s->last_ns) {
            m->pending++;
            m->alone = s;
            m->alone_end = s->end;
            return HIST_OK;
        }
    }
    HI_TRY(merge_absorb(m, err));
    if (m->heap_count == 0) {
        m->in_series = false;
        return HIST_OK;
    }
    return m->heap_count == 1 ? merge_step_single(m, err) : merge_step_many(m, rows_left, err);
}

/* ---- public ---- */

static bool merge_wanted(const hi_merge *m, const hi_frag *frag)
{
    const hi_merge_spec *spec = &m->spec;

    if (frag->rows == 0 || frag->last_ns < spec->from_ns || frag->first_ns > m->last_ns) {
        return false;
    }
    if (spec->series == NULL) {
        return true;
    }
    const uint32_t at = merge_gallop_ids(spec->series, 0, spec->series_count, frag->first_series);
    return at < spec->series_count && spec->series[at] <= frag->last_series;
}

static bool merge_rank_less(const hi_merge *m, uint32_t a, uint32_t b)
{
    const uint64_t x = m->spec.frags[a]->seq_high;
    const uint64_t y = m->spec.frags[b]->seq_high;

    return x != y ? x < y : a < b;
}

/* Ranks by (seq_high, position): the queue array serves as room for a shell sort. */
static void merge_rank(hi_merge *m)
{
    uint32_t *order = m->queue;
    const uint32_t count = m->spec.frag_count;

    for (uint32_t i = 0; i < count; i++) {
        order[i] = i;
    }
    for (uint32_t gap = count / 2; gap > 0; gap /= 2) {
        for (uint32_t i = gap; i < count; i++) {
            const uint32_t moved = order[i];
            uint32_t at = i;

            while (at >= gap && merge_rank_less(m, moved, order[at - gap])) {
                order[at] = order[at - gap];
                at -= gap;
            }
            order[at] = moved;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        m->sources[order[i]].rank = i;
    }
}

static void merge_fill_queue(hi_merge *m)
{
    for (uint32_t i = 0; i < m->spec.frag_count; i++) {
        m->sources[i].series = m->spec.frags[i]->first_series;
        m->sources[i].first_ns = m->spec.frags[i]->first_ns;
        if (merge_wanted(m, m->spec.frags[i])) {
            m->queue[m->queue_count++] = i;
        }
    }
    for (uint32_t i = m->queue_count / 2; i-- > 0;) {
        merge_queue_down(m, i);
    }
}

hist_status hi_merge_open(hi_mem *mem, const hi_merge_spec *spec, hi_merge **merge_out,
                          hist_error *err)
{
    *merge_out = NULL;
    if (spec->frag_count > HI_MERGE_FRAGS_MAX) {
        return hi_fail(err, HIST_ELIMIT,
                       "merge of %u fragments; the limit is %d. Compact the store",
                       spec->frag_count, HI_MERGE_FRAGS_MAX);
    }
    hi_merge *m = HI_MEM_NEW(mem, hi_merge);
    if (m == NULL) {
        return hi_no_memory(err, "merge of fragments");
    }
    m->mem = mem;
    m->spec = *spec;
    m->sources = hi_mem_calloc(mem, spec->frag_count, sizeof(merge_source));
    m->queue = hi_mem_calloc(mem, spec->frag_count, sizeof(uint32_t));
    m->spent = hi_mem_calloc(mem, spec->frag_count, sizeof(uint32_t));
    if (m->sources == NULL || m->queue == NULL || m->spent == NULL) {
        hi_merge_close(m);
        return hi_no_memory(err, "merge of fragments");
    }
    merge_rank(m);
    if (spec->to_inclusive || spec->to_ns > INT64_MIN) {
        m->last_ns = spec->to_inclusive ? spec->to_ns : spec->to_ns - 1;
        merge_fill_queue(m);
    }
    *merge_out = m;
    return HIST_OK;
}

/* Gives back what is decoded of fragments that are through, and forgets windows (invariant 3). */
static void merge_begin_list(hi_merge *m)
{
    for (uint32_t i = 0; i < m->spent_count; i++) {
        hi_frag *frag = m->spec.frags[m->spent[i]];

        if (frag->ops->release != NULL) {
            frag->ops->release(frag, 0);
        }
    }
    m->spent_count = 0;
    for (uint32_t i = 0; i < m->heap_count; i++) {
        m->stretches[m->heap[i]].window_rows = 0;
    }
    m->piece_count = 0;
    m->piece_closed = false;
    m->run_count = 0;
    m->rows = 0;
}

hist_status hi_merge_next(hi_merge *merge, uint32_t rows_max, hi_runlist *list_out, hist_error *err)
{
    *list_out = (hi_runlist){0};
    merge_begin_list(merge);
    while (merge->rows < rows_max) {
        if (!merge->in_series) {
            HI_TRY(merge_next_series(merge, err));
            if (!merge->in_series) {
                break;
            }
        }
        HI_TRY(merge_step(merge, rows_max - merge->rows, err));
    }
    *list_out = (hi_runlist){.pieces = merge->pieces,
                             .piece_count = merge->piece_count,
                             .runs = merge->runs,
                             .run_count = merge->run_count,
                             .rows = merge->rows};
    return HIST_OK;
}

void hi_merge_close(hi_merge *merge)
{
    if (merge != NULL) {
        hi_mem *mem = merge->mem;
        const uint32_t count = merge->spec.frag_count;

        hi_mem_free(mem, merge->sources, count * sizeof(merge_source));
        hi_mem_free(mem, merge->queue, count * sizeof(uint32_t));
        hi_mem_free(mem, merge->spent, count * sizeof(uint32_t));
        hi_mem_free(mem, merge->stretches, merge->stretch_capacity * sizeof(merge_stretch));
        hi_mem_free(mem, merge->heap, merge->heap_capacity * sizeof(uint32_t));
        hi_mem_free(mem, merge->pieces, merge->piece_capacity * sizeof(hi_piece));
        hi_mem_free(mem, merge->runs, merge->run_capacity * sizeof(hi_out_run));
        HI_MEM_DELETE(mem, merge);
    }
}
