/*
 * part_verify.c -- hi_part_verify: reads every block, decodes it, and compares statistics.
 *
 * What is damaged is reported and the rest is still looked at, so that one call
 * tells all. Directories are read afresh, not from the cache.
 */
#include <string.h>

#include "store/part_read.h"

typedef struct verify {
    hi_part *part;
    hist_verify_fn fn;
    void *arg;
    int64_t offset;    /* Of the last problem that was told, or -1. */
    hist_status first; /* First problem. */
    hist_error *err;   /* Of the first problem. */
} verify;

/* A damaged block is met again: times by the check of their order and by that of their page, a dictionary
   by every block of its page. It is one problem. */
static void verify_tell(verify *v, hist_status status, const hist_error *problem)
{
    if (problem->offset >= 0 && problem->offset == v->offset) {
        return;
    }
    v->offset = problem->offset;
    if (v->fn != NULL) {
        v->fn(v->arg, v->part->path, problem->offset, problem->message);
    }
    if (v->first == HIST_OK) {
        v->first = status;
        if (v->err != NULL) {
            *v->err = *problem;
        }
    }
}

static hist_status verify_times(const hi_part *part, const hi_view *view, const hi_run *run,
                                uint32_t row, int64_t *last_ns, hist_error *err)
{
    const int64_t *times = view->data;

    for (uint32_t i = 0; i < view->rows; i++) {
        const bool first = row + i == run->first_row;

        if (view->valid != NULL || (first ? times[i] != run->first_ns : times[i] <= *last_ns)) {
            return hi_corrupt(err, part->path, -1,
                              "times of series %u are not in order or not those of the directory",
                              run->series);
        }
        *last_ns = times[i];
    }
    if (row + view->rows == run->first_row + run->rows && *last_ns != run->last_ns) {
        return hi_corrupt(err, part->path, -1, "the last time of series %u differs", run->series);
    }
    return HIST_OK;
}

/* Times of every run ascend and begin and end as the directory says. */
static hist_status verify_order(const hi_part *part, hi_frag *frag, hist_error *err)
{
    const hi_run *runs = NULL;
    uint32_t count = 0;
    int64_t last_ns = 0;

    HI_TRY(frag->ops->runs(frag, &runs, &count, err));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = runs[i].first_row;
        const uint32_t end = row + runs[i].rows;

        while (row < end) {
            hi_view view;

            /* Asking up to the end of the group makes blocks be decoded whole. */
            HI_TRY(frag->ops->view(frag, HI_COLUMN_TIME, row, frag->rows - row, &view, err));
            view.rows = view.rows < end - row ? view.rows : end - row;
            if (view.all_null) {
                return hi_corrupt(err, part->path, -1, "rows of series %u have no time",
                                  runs[i].series);
            }
            HI_TRY(verify_times(part, &view, &runs[i], row, &last_ns, err));
            row += view.rows;
        }
    }
    return HIST_OK;
}

static hist_status verify_block(const hi_part *part, hi_frag *frag, uint32_t column, hist_type type,
                                uint32_t row, hist_error *err)
{
    const uint32_t rows = frag->ops->block_left(frag, row);
    hi_block_stats kept;
    hi_block_stats found = {.nulls = rows};
    hi_view view;

    HI_TRY(frag->ops->view(frag, column, row, rows, &view, err));
    if (view.rows != rows || frag->ops->stats(frag, column, row, &kept) != rows) {
        return hi_fail(err, HIST_EINTERNAL, "%s: a block did not come whole", part->path);
    }
    if (!view.all_null) {
        const hi_values values = {.type = type,
                                  .rows = rows,
                                  .valid = view.valid,
                                  .data = view.data,
                                  .offsets = view.offsets,
                                  .bytes = view.bytes};

        hi_block_stats_of(&values, 0, rows, &found);
    }
    hi_block_stats_clean(&found, type, rows);
    if (!hi_block_stats_same(&found, &kept, type)) {
        return hi_corrupt(err, part->path, -1,
                          "statistics of column %u, rows %u to %u of a row group of table %u, are "
                          "not those of its values",
                          column, row, row + rows - 1, frag->table);
    }
    return HIST_OK;
}

static void verify_page(verify *v, hi_frag *frag, const hi_part_page *page)
{
    const uint32_t column = page->column == 0 ? HI_COLUMN_TIME : page->column;
    hist_error problem;

    for (uint32_t row = 0; row < frag->rows;) {
        const hist_status status =
            verify_block(v->part, frag, column, (hist_type)page->type, row, &problem);

        if (status != HIST_OK) {
            verify_tell(v, status, &problem);
        }
        row += frag->ops->block_left(frag, row);
    }
    frag->ops->release(frag, column);
}

static void verify_group(verify *v, uint32_t group, hi_arena *arena)
{
    hist_error problem;
    hi_frag *frag = NULL;
    hi_part_dir *dir = NULL;
    hist_status status = hi_part_dir_get(v->part, group, &dir, &problem);

    if (status == HIST_OK) {
        status = hi_part_frag_new(v->part, group, arena, v->part->mem, &frag, &problem);
    }
    if (status == HIST_OK) {
        status = verify_order(v->part, frag, &problem);
    }
    if (status != HIST_OK) {
        verify_tell(v, status, &problem);
    }
    for (uint32_t i = 0; frag != NULL && i < dir->page_count; i++) {
        verify_page(v, frag, &dir->pages[i]);
    }
    if (frag != NULL) {
        frag->ops->close(frag);
    }
    hi_part_dir_put(v->part, dir);
}

hist_status hi_part_verify(hi_part *part, hist_verify_fn fn, void *arg, hist_error *err)
{
    verify v = {.part = part, .fn = fn, .arg = arg, .offset = -1, .first = HIST_OK, .err = err};
    hist_error problem;
    hi_arena arena;

    const hist_status status = hi_part_hold(part, &problem);
    if (status != HIST_OK) {
        verify_tell(&v, status, &problem);
        return v.first;
    }
    hi_part_trim(part);
    hi_arena_init(&arena, part->mem);
    for (uint32_t i = 0; i < part->footer.group_count; i++) {
        verify_group(&v, i, &arena);
        hi_arena_rewind(&arena, (hi_arena_mark){0});
    }
    hi_arena_free(&arena);
    hi_part_leave(part);
    return v.first;
}

hist_status hi_part_check_series(hi_part *part, uint32_t first, uint32_t last, hist_error *err)
{
    hist_status status = HIST_OK;

    HI_TRY(hi_part_hold(part, err));
    for (uint32_t i = 0; i < part->footer.group_count && status == HIST_OK; i++) {
        const hi_part_group *g = &part->footer.groups[i];

        if (g->first_series < first || g->last_series > last) {
            status = hi_corrupt(err, part->path, (int64_t)part->footer_offset,
                                "a row group has series %u to %u, the manifest says %u to %u",
                                g->first_series, g->last_series, first, last);
        }
    }
    hi_part_leave(part);
    return status;
}
