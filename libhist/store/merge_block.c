/*
 * merge_block.c -- whole blocks, whose statistics may stand for their rows; see merge.h.
 *
 * A block is whole when all its rows are visible and wanted, and nothing is merged with them. Inside
 * one series the stretch that overlaps with nothing (`alone`) tells. A block that small series share
 * is looked at run by run: no tombstone may cut them, and no run of the same series in another
 * fragment may overlap them in time. Other fragments may have rows of those series before and after
 * them, so that such a block comes before its turn: at the turn of its first row.
 *
 * Where a block is not whole, or is not taken, what is left of it up to the end of `alone` is a piece, whose
 * figures are folded from its bytes. A small one is not, as whole vectors are decoded for it.
 */
#include "store/merge.h"

/* Fragments with the same last commit never share a key: README.md, invariant 4. */
static bool block_may_share(const hi_frag *a, const hi_frag *b)
{
    return a->seq_high != b->seq_high && a->first_ns <= b->last_ns && b->first_ns <= a->last_ns &&
           a->first_series <= b->last_series && b->first_series <= a->last_series;
}

/* Whether no other fragment can have rows among those of fragment `i`. Looked at once. */
static bool block_frag_is_apart(hi_merge *m, uint32_t i)
{
    hi_merge_source *source = &m->sources[i];

    if (source->apart == HI_MERGE_APART_UNKNOWN) {
        source->apart = HI_MERGE_APART;
        for (uint32_t k = 0; k < m->spec.frag_count && source->apart == HI_MERGE_APART; k++) {
            if (k != i && block_may_share(m->spec.frags[i], m->spec.frags[k])) {
                source->apart = HI_MERGE_AMONG;
            }
        }
    }
    return source->apart == HI_MERGE_APART;
}

/* ---- blocks of several series ---- */

static bool block_run_is_plain(const hi_merge *m, const hi_frag *frag, const hi_run *run)
{
    return run->rows > 0 && run->first_ns >= m->spec.from_ns && run->last_ns <= m->last_ns &&
           !hi_merge_run_is_cut(m, frag, run);
}

/* The run that has row `end - 1`, if all runs from that of `s` on are wanted up to there; else NULL. */
static const hi_run *block_last_run(const hi_merge *m, const hi_merge_stretch *s, uint32_t end)
{
    const hi_merge_source *source = &m->sources[s->frag];
    const hi_run *run = &source->runs[s->run];
    const hi_run *const runs_end = source->runs + source->run_count;

    if (m->spec.series != NULL || m->alone_end != s->end || s->end != run->first_row + run->rows) {
        return NULL;
    }
    while (run->first_row + run->rows < end) {
        run++;
        if (run == runs_end || !block_run_is_plain(m, m->spec.frags[s->frag], run)) {
            return NULL;
        }
    }
    return run;
}

/* First run of a series not below `series`. */
static uint32_t block_find_run(const hi_run *runs, uint32_t count, uint32_t series)
{
    uint32_t low = 0;

    while (low < count) {
        const uint32_t middle = low + (count - low) / 2;

        if (runs[middle].series < series) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    return low;
}

/* Whether a fragment has rows among those of runs first to last. */
static hist_status block_is_among(hi_frag *frag, const hi_run *first, const hi_run *last,
                                  bool *among_out, hist_error *err)
{
    const hi_run *runs = NULL;
    uint32_t count = 0;

    HI_TRY(frag->ops->runs(frag, &runs, &count, err));
    uint32_t at = block_find_run(runs, count, first->series);
    *among_out = false;
    for (; first <= last && !*among_out; first++) {
        while (at < count && runs[at].series < first->series) {
            at++;
        }
        *among_out = at < count && runs[at].series == first->series &&
                     runs[at].first_ns <= first->last_ns && runs[at].last_ns >= first->first_ns;
    }
    return HIST_OK;
}

/* Whether no fragment has rows among those of the runs of `s` behind its own, up to `last`. */
static hist_status block_is_apart(hi_merge *m, const hi_merge_stretch *s, const hi_run *last,
                                  bool *apart_out, hist_error *err)
{
    const hi_run *first = &m->sources[s->frag].runs[s->run] + 1;
    bool among = false;

    if (!block_frag_is_apart(m, s->frag)) {
        for (uint32_t k = 0; k < m->spec.frag_count && !among; k++) {
            if (k != s->frag && block_may_share(m->spec.frags[s->frag], m->spec.frags[k])) {
                HI_TRY(block_is_among(m->spec.frags[k], first, last, &among, err));
            }
        }
    }
    *apart_out = !among;
    return HIST_OK;
}

static hist_status block_look(hi_merge *m, hi_whole_block *block, bool *whole_out, hist_error *err)
{
    const hi_merge_stretch *s = m->alone;

    block->one_series = block->rows <= m->alone_end - s->row;
    *whole_out = block->one_series;
    if (block->one_series) {
        return HIST_OK;
    }
    const hi_run *last = block_last_run(m, s, s->row + block->rows);
    if (last == NULL) {
        return HIST_OK;
    }
    return block_is_apart(m, s, last, whole_out, err);
}

/* ---- offering ---- */

/* What is left of the block, as far as it is of the series at hand. */
static bool block_piece(const hi_merge *m, hi_whole_block *block, uint32_t rows)
{
    const uint32_t left = m->alone_end - block->row;
    const uint32_t all = block->row - block->block + rows;

    block->rows = rows < left ? rows : left;
    block->piece = block->rows < all;
    block->one_series = true;
    return block->piece && block->rows >= HI_VECTOR_ROWS && block->frag->ops->fold != NULL;
}

hist_status hi_merge_offer_block(hi_merge *m, uint32_t *rows_out, bool *taken_out, hist_error *err)
{
    hi_merge_stretch *s = m->alone;
    hi_frag *frag = m->spec.frags[s->frag];
    hi_whole_block block = {.frag = frag,
                            .row = s->row,
                            .series = m->series,
                            .first_ns = s->first_ns,
                            .last_ns = s->last_ns};
    bool whole = false;

    *taken_out = false;
    if (frag->ops->stats == NULL || frag->ops->block_left == NULL || s->row < s->offered) {
        return HIST_OK;
    }
    const uint32_t rows = frag->ops->block_left(frag, s->row);
    block.block = frag->ops->block_first(frag, s->row);
    block.rows = rows;
    if (block.block == s->row) {
        HI_TRY(block_look(m, &block, &whole, err));
    }
    if (whole) {
        HI_TRY(m->spec.whole(m->spec.whole_arg, &block, m->rows == 0, taken_out, err));
    }
    if (!*taken_out && block_piece(m, &block, rows)) {
        HI_TRY(m->spec.whole(m->spec.whole_arg, &block, m->rows == 0, taken_out, err));
    }
    *rows_out = block.rows;
    s->offered = *taken_out ? s->row : s->row + rows;
    return HIST_OK;
}
