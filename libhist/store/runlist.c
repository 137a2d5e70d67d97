/*
 * runlist.c -- merges the keys of fragments into a run list; see runlist.h.
 *
 * merge_series.c gives one series at a time, as stretches of rows sorted by first
 * time. A heap holds the stretches whose times overlap at the current point
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
#include <assert.h>

#include "store/merge.h"

enum { MERGE_WINDOW_ROWS = HI_VECTOR_ROWS };

/* ---- cursors ---- */

static bool merge_cursor_less(const hi_merge_stretch *a, const hi_merge_stretch *b)
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

static void merge_stretch_through(hi_merge *m, const hi_merge_stretch *s)
{
    assert(m->sources[s->frag].open > 0);
    m->sources[s->frag].open--;
    hi_merge_check_spent(m, s->frag);
}

/* Makes sure the window has the time of `row`. */
static hist_status merge_window(hi_merge *m, hi_merge_stretch *s, hist_error *err)
{
    hi_view view;

    if (s->window_rows > 0 && s->row - s->window < s->window_rows) {
        return HIST_OK;
    }
    const uint32_t left = s->end - s->row;
    HI_TRY(hi_merge_view_time(m->spec.frags[s->frag], s->row,
                              left < MERGE_WINDOW_ROWS ? left : MERGE_WINDOW_ROWS, &view, err));
    s->times = view.data;
    s->window = s->row;
    s->window_rows = view.rows;
    return HIST_OK;
}

static hist_status merge_cursor_load(hi_merge *m, hi_merge_stretch *s, hist_error *err)
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
    hi_merge_stretch *top = &m->stretches[m->heap[0]];

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

        if (!hi_merge_grow(m->mem, &runs, &m->run_capacity, m->run_count, sizeof(hi_out_run))) {
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
    if (!hi_merge_grow(m->mem, &pieces, &m->piece_capacity, m->piece_count, sizeof(hi_piece))) {
        return false;
    }
    m->pieces = pieces;
    m->pieces[m->piece_count++] = *piece;
    m->piece_closed = piece->older;
    return true;
}

static hist_status merge_emit(hi_merge *m, hi_merge_stretch *s, uint32_t rows, hist_error *err)
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

/* The rows of `alone` are out. */
static hist_status merge_alone_through(hi_merge *m, hist_error *err)
{
    hi_merge_stretch *s = m->alone;

    m->alone = NULL;
    if (m->heap_count == 0) {
        merge_stretch_through(m, s);
        return HIST_OK;
    }
    return merge_top_moved(m, err); /* It was the only cursor and goes on being one. */
}

/* Offers a block or piece; *done_out: it was taken, or waits for the rows before it to go out. */
static hist_status merge_step_whole(hi_merge *m, bool *done_out, hist_error *err)
{
    hi_merge_stretch *s = m->alone;
    uint32_t rows = 0;

    HI_TRY(hi_merge_offer_block(m, &rows, done_out, err));
    if (!*done_out) {
        return HIST_OK;
    }
    m->block_waits = m->rows > 0;
    if (m->block_waits) {
        return HIST_OK;
    }
    if (rows > m->alone_end - s->row) {
        m->sources[s->frag].taken = s->row + rows;
        rows = m->alone_end - s->row;
    }
    s->row += rows;
    return s->row < m->alone_end ? HIST_OK : merge_alone_through(m, err);
}

/* A step of the stretch that overlaps with nothing. */
static hist_status merge_step_alone(hi_merge *m, uint32_t rows_left, hist_error *err)
{
    hi_merge_stretch *s = m->alone;
    hi_frag *frag = m->spec.frags[s->frag];
    uint32_t rows = m->alone_end - s->row;
    bool done = false;

    if (m->spec.whole != NULL) {
        HI_TRY(merge_step_whole(m, &done, err));
        if (done) {
            return HIST_OK;
        }
    }
    const uint32_t skip = m->spec.range_count == 0 ? 0 : merge_skippable(m, frag, s->row);
    if (skip > 0) {
        rows = skip < rows ? skip : rows;
        merge_count_skipped(m, frag, s->frag, s->row, rows);
        s->row += rows;
    } else {
        uint32_t block = UINT32_MAX;

        if ((m->spec.range_count > 0 || m->spec.stop_at_blocks) && frag->ops->block_left != NULL) {
            block = frag->ops->block_left(frag, s->row);
            rows = block < rows ? block : rows;
        }
        rows = rows < rows_left ? rows : rows_left;
        HI_TRY(merge_emit(m, s, rows, err));
        m->block_ended = rows == block;
    }
    return s->row < m->alone_end ? HIST_OK : merge_alone_through(m, err);
}

/* Times below `limit` from the top's row on, as far as its window reaches. */
static uint32_t merge_gallop_times(const hi_merge_stretch *s, int64_t limit)
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
    hi_merge_stretch *top = &m->stretches[m->heap[0]];

    m->alone_end = top->end;
    if (m->pending < m->stretch_count && m->stretches[m->pending].first_ns <= top->last_ns) {
        HI_TRY(hi_merge_find(m->spec.frags[top->frag], top->row, top->end,
                             m->stretches[m->pending].first_ns, &m->alone_end, err));
        top->window_rows = 0;
    }
    if (m->alone_end <= top->row) {
        return hi_fail(err, HIST_ECORRUPT,
                       "times of series %u of table %u are not in order; verify the store",
                       m->series, m->spec.frags[top->frag]->table);
    }
    m->alone = top;
    return HIST_OK;
}

/* Rows with the same time in several fragments: one output row, newest first. */
static hist_status merge_step_equal(hi_merge *m, hist_error *err)
{
    const int64_t time_ns = m->stretches[m->heap[0]].time_ns;
    bool older = true;

    while (older) {
        hi_merge_stretch *top = &m->stretches[m->heap[0]];
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
    hi_merge_stretch *top = &m->stretches[m->heap[0]];
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
        hi_merge_stretch *s = &m->stretches[m->pending];

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
    m->sources = hi_mem_calloc(mem, spec->frag_count, sizeof(hi_merge_source));
    m->queue = hi_mem_calloc(mem, spec->frag_count, sizeof(uint32_t));
    m->spent = hi_mem_calloc(mem, spec->frag_count, sizeof(uint32_t));
    if (m->sources == NULL || m->queue == NULL || m->spent == NULL) {
        hi_merge_close(m);
        return hi_no_memory(err, "merge of fragments");
    }
    m->room_rows = UINT64_MAX;
    hi_merge_rank(m);
    if (spec->to_inclusive || spec->to_ns > INT64_MIN) {
        m->last_ns = spec->to_inclusive ? spec->to_ns : spec->to_ns - 1;
        hi_merge_fill_queue(m);
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

/* Whether the series at hand may go into the list being made; if not, the merge ends here. */
static bool merge_begin_series(hi_merge *m)
{
    uint64_t rows = m->rows;

    for (uint32_t i = 0; i < m->stretch_count; i++) {
        rows += m->stretches[i].end - m->stretches[i].row;
    }
    m->stopped = m->begun && m->stretch_count > 0 && rows > m->room_rows;
    m->begun |= m->stretch_count > 0;
    return !m->stopped;
}

void hi_merge_set_room(hi_merge *merge, uint64_t rows)
{
    merge->room_rows = rows;
}

bool hi_merge_stopped(const hi_merge *merge, uint32_t *series_out)
{
    *series_out = merge->stopped ? merge->series : 0;
    return merge->stopped;
}

hist_status hi_merge_next(hi_merge *merge, uint32_t rows_max, hi_runlist *list_out, hist_error *err)
{
    *list_out = (hi_runlist){0};
    merge_begin_list(merge);
    merge->block_waits = false;
    while (merge->rows < rows_max && !merge->stopped && !merge->block_waits) {
        if (!merge->in_series) {
            HI_TRY(hi_merge_next_series(merge, err));
            if (!merge->in_series || !merge_begin_series(merge)) {
                break;
            }
        }
        merge->block_ended = false;
        HI_TRY(merge_step(merge, rows_max - merge->rows, err));
        if (merge->block_ended && merge->spec.stop_at_blocks && merge->piece_count == 1 &&
            merge->rows >= rows_max / 4) {
            break;
        }
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

        hi_mem_free(mem, merge->sources, count * sizeof(hi_merge_source));
        hi_mem_free(mem, merge->queue, count * sizeof(uint32_t));
        hi_mem_free(mem, merge->spent, count * sizeof(uint32_t));
        hi_mem_free(mem, merge->stretches, merge->stretch_capacity * sizeof(hi_merge_stretch));
        hi_mem_free(mem, merge->heap, merge->heap_capacity * sizeof(uint32_t));
        hi_mem_free(mem, merge->pieces, merge->piece_capacity * sizeof(hi_piece));
        hi_mem_free(mem, merge->runs, merge->run_capacity * sizeof(hi_out_run));
        HI_MEM_DELETE(mem, merge);
    }
}
