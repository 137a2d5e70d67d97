/*
 * agg_pick.c -- aggregates that choose one row of a group: arg_max, arg_min, take_any, and min and max of texts. Know
 * first: a batch only finds the best row of each group; the values are copied once at the end of the batch. Rows that
 * were beaten stay in the builders until they outnumber the others, then the builders are made anew.
 */
#include <string.h>

#include "query/agg.h"
#include "query/agg_kern.h"

enum { PICK_MIN, PICK_MAX, PICK_ANY };

typedef struct pick_state {
    uint32_t stored;  /* Row in the builders + 1; 0: none. */
    uint32_t current; /* Row of the batch + 1; 0: the stored one is still the best. */
} pick_state;

typedef struct pick_own {
    hi_col_builder *values;
    uint32_t *touched; /* Groups with a better row in this batch. */
    uint32_t touched_count;
    uint32_t live;      /* Groups with a row. */
    hi_arena arenas[2]; /* Of the builders, in turns. */
    unsigned turn;
} pick_own;

#define PICK_STALE_MIN 8192

static void pick_free(void *arg)
{
    pick_own *own = arg;

    hi_arena_free(&own->arenas[0]);
    hi_arena_free(&own->arenas[1]);
}

static bool pick_builders(hi_agg_run *run, hi_arena *arena, hi_col_builder **out)
{
    hi_col_builder *values = HI_NEW_ARRAY(arena, hi_col_builder, run->agg->arg_count);
    bool ok = values != NULL;

    for (uint32_t a = 0; ok && a < run->agg->arg_count; a++) {
        ok = hi_cb_init(&values[a], arena, run->agg->args[a]->type, 64);
    }
    *out = values;
    return ok;
}

static hist_status pick_open(hi_agg_run *run)
{
    hi_arena *keep = &run->op->keep;
    pick_own *own = HI_NEW(keep, pick_own);

    if (own == NULL) {
        return hi_agg_no_memory(run);
    }
    hi_arena_init(&own->arenas[0], keep->mem);
    hi_arena_init(&own->arenas[1], keep->mem);
    if (!hi_arena_defer(keep, pick_free, own) ||
        !pick_builders(run, &own->arenas[0], &own->values)) {
        return hi_agg_no_memory(run);
    }
    run->own = own;
    return HIST_OK;
}

/* The column a builder has so far, for comparing. */
static hist_column pick_view(const hi_col_builder *cb)
{
    return (hist_column){.type = cb->type,
                         .stored = cb->type,
                         .length = cb->rows,
                         .data_count = cb->rows,
                         .valid = cb->valid,
                         .data = cb->data,
                         .offsets = cb->offsets,
                         .bytes = cb->buf != NULL ? cb->buf->data : NULL};
}

static bool pick_is_nan(const hist_column *c, uint32_t i)
{
    return hist_column_valid(c, i) && hi_col_is_nullish(c, i);
}

/* Whether row i of a is better than row j of b. Nulls lose against everything, NaN wins. */
static bool pick_better(int what, const hist_column *a, uint32_t i, const hist_column *b,
                        uint32_t j)
{
    const bool has = hist_column_valid(a, i);
    const bool other = hist_column_valid(b, j);

    if (!has || !other) {
        return has && !other;
    }
    if (what == PICK_ANY || pick_is_nan(b, j)) {
        return false;
    }
    if (pick_is_nan(a, i)) {
        return true;
    }
    const int order = hi_col_compare(a, i, b, j);
    return what == PICK_MAX ? order > 0 : order < 0;
}

static void pick_row(hi_agg_run *run, const hist_column *key, const hist_column *stored,
                     uint32_t row, uint32_t group)
{
    pick_own *own = run->own;
    pick_state *g = (pick_state *)run->state + group;
    const int what = run->agg->kind->data;

    if (g->current != 0) {
        if (pick_better(what, key, row, key, g->current - 1)) {
            g->current = row + 1;
        }
        return;
    }
    if (g->stored == 0 || pick_better(what, key, row, stored, g->stored - 1)) {
        g->current = row + 1;
        own->touched[own->touched_count++] = group;
    }
}

static hist_status pick_keep(hi_agg_run *run, const hist_column *args)
{
    pick_own *own = run->own;

    for (uint32_t k = 0; k < own->touched_count; k++) {
        pick_state *g = (pick_state *)run->state + own->touched[k];

        for (uint32_t a = 0; a < run->agg->arg_count; a++) {
            hi_cb_copy(&own->values[a], &args[a], g->current - 1);
            if (own->values[a].failed) {
                return hi_agg_no_memory(run);
            }
        }
        own->live += g->stored == 0;
        g->stored = own->values[0].rows;
        g->current = 0;
    }
    return HIST_OK;
}

/* Only the best row of each group stays. */
static hist_status pick_compact(hi_agg_run *run)
{
    pick_own *own = run->own;
    hi_col_builder *fresh;
    pick_state *state = run->state;

    if (own->values[0].rows / 4 < own->live || own->values[0].rows < PICK_STALE_MIN) {
        return HIST_OK;
    }
    if (!pick_builders(run, &own->arenas[1 - own->turn], &fresh)) {
        return hi_agg_no_memory(run);
    }
    for (uint32_t a = 0; a < run->agg->arg_count; a++) {
        const hist_column from = pick_view(&own->values[a]);

        for (uint32_t g = 0; g < run->zeroed; g++) {
            if (state[g].stored != 0) {
                hi_cb_copy(&fresh[a], &from, state[g].stored - 1);
            }
        }
        if (fresh[a].failed) {
            return hi_agg_no_memory(run);
        }
    }
    for (uint32_t g = 0, row = 0; g < run->zeroed; g++) {
        state[g].stored = state[g].stored != 0 ? ++row : 0;
    }
    hi_arena_free(&own->arenas[own->turn]);
    own->turn = 1 - own->turn;
    own->values = fresh;
    return HIST_OK;
}

/* The only row of a stretch that can be the best: the first with the greatest (or least) key. */
static uint32_t pick_extreme(int what, const int64_t *key, uint32_t n)
{
    const hi_agg_kernels *kern = hi_agg_kernels_get();
    const int64_t best = what == PICK_MAX ? kern->max_i64(key, n) : kern->min_i64(key, n);
    uint32_t i = 0;

    while (key[i] != best) {
        i++;
    }
    return i;
}

/* Keys without nulls and mask, as int64; NULL: rows are looked at one by one. */
static const int64_t *pick_plain(const hi_agg_run *run, const hist_column *key,
                                 const uint64_t *mask)
{
    const bool wide = key->stored == HIST_TYPE_LONG || key->stored == HIST_TYPE_DATETIME ||
                      key->stored == HIST_TYPE_TIMESPAN;

    return wide && key->type == key->stored && key->layout == HIST_LAYOUT_FLAT &&
                   key->valid == NULL && mask == NULL && run->agg->kind->data != PICK_ANY
               ? key->data
               : NULL;
}

static hist_status pick_update(hi_agg_run *run, const hist_column *args, const uint64_t *mask,
                               const hi_stretch *s, uint32_t count)
{
    pick_own *own = run->own;
    const hist_column stored = pick_view(&own->values[0]);

    own->touched = hi_arena_vector(&run->op->arena, (size_t)args[0].length * sizeof(uint32_t));
    own->touched_count = 0;
    if (own->touched == NULL) {
        return hi_agg_no_memory(run);
    }
    const int64_t *plain = pick_plain(run, &args[0], mask);
    for (uint32_t k = 0; k < count; k++) {
        const uint32_t first = s[k].first;

        if (plain != NULL) {
            pick_row(run, &args[0], &stored,
                     first + pick_extreme(run->agg->kind->data, plain + first, s[k].rows),
                     s[k].group);
            continue;
        }
        for (uint32_t i = first; i < first + s[k].rows; i++) {
            if (mask == NULL || hist_bit_get(mask, i)) {
                pick_row(run, &args[0], &stored, i, s[k].group);
            }
        }
    }
    HI_TRY(pick_keep(run, args));
    return pick_compact(run);
}

static hist_status pick_finish(hi_agg_run *run, uint32_t groups, hist_column *out)
{
    pick_own *own = run->own;
    hi_arena *keep = &run->op->keep;
    const pick_state *state = run->state;
    uint32_t *rows = hi_arena_vector(keep, (size_t)groups * sizeof(uint32_t));

    if (rows == NULL) {
        return hi_agg_no_memory(run);
    }
    for (uint32_t g = 0; g < groups; g++) {
        rows[g] = state[g].stored == 0 ? HI_ROW_NONE : state[g].stored - 1;
    }
    for (uint32_t a = 0; a < run->agg->arg_count; a++) {
        hist_column all;
        hist_column picked;
        const hist_type type = run->agg->args[a]->type;

        if (!hi_cb_done(&own->values[a], type, &all) ||
            !hi_col_gather(keep, &all, rows, groups, &picked)) {
            return hi_agg_no_memory(run);
        }
        out[a] = picked;
        if (type == HIST_TYPE_DYNAMIC && !hi_col_untag(keep, &picked, &out[a])) {
            return hi_agg_no_memory(run);
        }
    }
    return HIST_OK;
}

#define PICK_KIND(symbol, text, what) \
    const hi_agg_kind symbol = {text, sizeof(pick_state), pick_open, pick_update, pick_finish, what}
PICK_KIND(hi_agg_arg_max, "arg_max", PICK_MAX);
PICK_KIND(hi_agg_arg_min, "arg_min", PICK_MIN);
PICK_KIND(hi_agg_any, "take_any", PICK_ANY);
PICK_KIND(hi_agg_pick_max, "max", PICK_MAX);
PICK_KIND(hi_agg_pick_min, "min", PICK_MIN);
