/*
 * merge_series.c -- the runs of many fragments, one series after the other; see merge.h.
 *
 * The queue is a heap with one entry a fragment, by the (series, first time) of
 * its next wanted run. Directories are loaded only when a fragment comes to the
 * top. The runs of a series, cut to the wanted times and by tombstones, are its
 * stretches, sorted by first time.
 */
#include <string.h>

#include "store/merge.h"

/* ---- memory ---- */

/* Makes room for one more element. */
bool hi_merge_grow(hi_mem *mem, void **array, uint32_t *capacity, uint32_t count, size_t size)
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
    bool grown = hi_merge_grow(m->mem, &stretches, &m->stretch_capacity, m->stretch_count,
                               sizeof(hi_merge_stretch));

    m->stretches = stretches;
    grown = grown &&
            hi_merge_grow(m->mem, &heap, &m->heap_capacity, m->stretch_count, sizeof(uint32_t));
    m->heap = heap;
    return grown;
}

/* ---- the queue of fragments ---- */

static bool merge_source_less(const hi_merge *m, uint32_t a, uint32_t b)
{
    const hi_merge_source *x = &m->sources[a];
    const hi_merge_source *y = &m->sources[b];

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
void hi_merge_check_spent(hi_merge *m, uint32_t i)
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
static bool merge_source_settle(const hi_merge *m, hi_merge_source *s)
{
    const hi_merge_spec *spec = &m->spec;

    while (s->run < s->run_count) {
        const hi_run *run = &s->runs[s->run];

        if (run->first_row + run->rows <= s->taken) {
            s->run++;
            continue;
        }
        if (run->series < spec->first_series) {
            s->run = merge_gallop_runs(s->runs, s->run, s->run_count, spec->first_series);
            continue;
        }
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
        hi_merge_check_spent(m, i);
    }
}

static hist_status merge_source_load(hi_merge *m, uint32_t i, hist_error *err)
{
    hi_merge_source *s = &m->sources[i];
    hi_frag *frag = m->spec.frags[i];

    HI_TRY(frag->ops->runs(frag, &s->runs, &s->run_count, err));
    s->loaded = true;
    return HIST_OK;
}

/* ---- times of a fragment ---- */

hist_status hi_merge_view_time(hi_frag *frag, uint32_t row, uint32_t rows_max, hi_view *view,
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
hist_status hi_merge_find(hi_frag *frag, uint32_t row, uint32_t end, int64_t ns, uint32_t *row_out,
                          hist_error *err)
{
    if (frag->ops->find != NULL) {
        return frag->ops->find(frag, row, end, ns, row_out, err);
    }
    while (row < end) {
        const uint32_t middle = row + (end - row) / 2;
        hi_view view;

        HI_TRY(hi_merge_view_time(frag, middle, 1, &view, err));
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

static hist_status merge_add_stretch(hi_merge *m, const hi_merge_stretch *stretch, hist_error *err)
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

bool hi_merge_run_is_cut(const hi_merge *m, const hi_frag *frag, const hi_run *run)
{
    for (uint32_t t = 0; t < m->spec.tombstone_count; t++) {
        const hi_tombstone *tombstone = &m->spec.tombstones[t];

        if (tombstone->from_ns <= run->last_ns && tombstone->to_ns > run->first_ns &&
            merge_tombstone_applies(tombstone, frag, run->series)) {
            return true;
        }
    }
    return false;
}

/* Takes [from_ns, to_ns) out of stretch number `at`; what is left behind it becomes a new one. */
static hist_status merge_cut(hi_merge *m, uint32_t at, const hi_tombstone *t, hist_error *err)
{
    hi_merge_stretch s = m->stretches[at];
    hi_frag *frag = m->spec.frags[s.frag];
    uint32_t gone = s.row;
    uint32_t left = s.end;

    if (t->from_ns > s.last_ns || t->to_ns <= s.first_ns) {
        return HIST_OK;
    }
    if (t->from_ns > s.first_ns) {
        HI_TRY(hi_merge_find(frag, s.row, s.end, t->from_ns, &gone, err));
    }
    if (t->to_ns <= s.last_ns) {
        HI_TRY(hi_merge_find(frag, gone, s.end, t->to_ns, &left, err));
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
    hi_merge_stretch s = {.frag = source,
                          .run = (uint32_t)(run - m->sources[source].runs),
                          .rank = m->sources[source].rank,
                          .row = run->first_row,
                          .end = run->first_row + run->rows,
                          .first_ns = run->first_ns,
                          .last_ns = run->last_ns};

    s.row = s.row < m->sources[source].taken ? m->sources[source].taken : s.row;
    if (s.first_ns < m->spec.from_ns) {
        HI_TRY(hi_merge_find(frag, s.row, s.end, m->spec.from_ns, &s.row, err));
        s.first_ns = m->spec.from_ns;
    }
    if (s.last_ns > m->last_ns) {
        HI_TRY(hi_merge_find(frag, s.row, s.end, m->last_ns + 1, &s.end, err));
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

static bool merge_stretch_less(const hi_merge_stretch *a, const hi_merge_stretch *b)
{
    if (a->first_ns != b->first_ns) {
        return a->first_ns < b->first_ns;
    }
    return a->rank != b->rank ? a->rank < b->rank : a->row < b->row;
}

/* Nearly sorted already, as the queue gives runs by time: shell sort. */
static void merge_sort_stretches(hi_merge_stretch *s, uint32_t count)
{
    for (uint32_t gap = count / 2; gap > 0; gap /= 2) {
        for (uint32_t i = gap; i < count; i++) {
            const hi_merge_stretch moved = s[i];
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
hist_status hi_merge_next_series(hi_merge *m, hist_error *err)
{
    bool any = false;

    m->stretch_count = 0;
    m->pending = 0;
    while (m->queue_count > 0) {
        const uint32_t i = m->queue[0];
        hi_merge_source *s = &m->sources[i];

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

/* ---- at open ---- */

static bool merge_wanted(const hi_merge *m, const hi_frag *frag)
{
    const hi_merge_spec *spec = &m->spec;

    if (frag->rows == 0 || frag->last_ns < spec->from_ns || frag->first_ns > m->last_ns ||
        frag->last_series < spec->first_series) {
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
void hi_merge_rank(hi_merge *m)
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

void hi_merge_fill_queue(hi_merge *m)
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
