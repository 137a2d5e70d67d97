/* runlist_half.c -- a run list in two; see runlist_half.h. */
#include "store/runlist_half.h"

#include <string.h>

/* Where a list is cut: not inside a chain of pieces with one key, and inside a piece only where
   there is no end of one near the middle. */
typedef struct half_cut {
    uint32_t piece; /* The first half ends before row `in_piece` of this piece. */
    uint32_t in_piece;
    uint32_t rows; /* Output rows of the first half. */
} half_cut;

static half_cut half_find_cut(const hi_runlist *list)
{
    const uint32_t enough = (list->rows + 3) / 4;
    half_cut cut = {0};

    while (cut.rows < enough) {
        const hi_piece *piece = &list->pieces[cut.piece];

        if (!piece->older && cut.rows + piece->rows >= list->rows - enough / 2) {
            cut.in_piece = list->rows / 2 - cut.rows;
            cut.rows += cut.in_piece;
            break;
        }
        cut.rows += piece->older ? 0 : piece->rows; /* The last of a chain counts. */
        cut.piece++;
    }
    return cut;
}

/* The runs of output rows [first_row, end_row). */
static bool half_runs(hi_arena *arena, const hi_runlist *list, uint32_t first_row, uint32_t end_row,
                      hi_runlist *half)
{
    hi_out_run *runs = HI_NEW_ARRAY(arena, hi_out_run, list->run_count);

    for (uint32_t i = 0; runs != NULL && i < list->run_count; i++) {
        const hi_out_run *run = &list->runs[i];
        const uint32_t run_end = run->first_row + run->rows;
        const uint32_t begin = run->first_row > first_row ? run->first_row : first_row;
        const uint32_t end = run_end < end_row ? run_end : end_row;

        if (begin < end) {
            runs[half->run_count++] = (hi_out_run){run->series, begin - first_row, end - begin};
        }
    }
    half->runs = runs;
    half->rows = end_row - first_row;
    return runs != NULL;
}

bool hi_runlist_half(hi_arena *arena, const hi_runlist *list, bool second, hi_runlist *half)
{
    const half_cut where = half_find_cut(list);
    const half_cut *cut = &where;
    const uint32_t first = second ? cut->piece : 0;
    const uint32_t end = second ? list->piece_count : cut->piece + (cut->in_piece > 0);

    *half = (hi_runlist){.pieces = list->pieces + first, .piece_count = end - first};
    if (cut->in_piece > 0) {
        hi_piece *pieces = HI_NEW_ARRAY(arena, hi_piece, half->piece_count);

        if (pieces == NULL) {
            return false;
        }
        memcpy(pieces, half->pieces, half->piece_count * sizeof(hi_piece));
        if (second) {
            pieces[0].row += cut->in_piece;
            pieces[0].rows -= cut->in_piece;
        } else {
            pieces[half->piece_count - 1].rows = cut->in_piece;
        }
        half->pieces = pieces;
    }
    return half_runs(arena, list, second ? cut->rows : 0, second ? list->rows : cut->rows, half);
}
