/* agg_list.c -- aggregates that collect: lists, sets, bags, distinct counts. */
#include <string.h>

#include "query/agg_log.h"

/* What list-like kinds keep: the log, and for sets the values met. */
typedef struct list_own {
    hi_agg_log *log;
    hi_keymap seen;
    hi_buf key;
} list_own;

static void list_free(void *arg)
{
    hi_buf_free(&((list_own *)arg)->key);
}

static hist_status list_open_own(hi_agg_run *run)
{
    list_own *own = HI_NEW(&run->op->keep, list_own);

    HI_TRY(hi_log_open(run, 1));
    if (own == NULL || !hi_keymap_init(&own->seen, &run->op->keep)) {
        return hi_agg_no_memory(run);
    }
    own->log = run->own;
    hi_buf_init(&own->key, run->op->x->ctx->mem, INT32_MAX);
    if (!hi_arena_defer(&run->op->keep, list_free, own)) {
        return hi_agg_no_memory(run);
    }
    run->own = own;
    return HIST_OK;
}

/* Whether this value of the group is met for the first time; *ok false: no memory. */
static bool list_is_new(hi_agg_run *run, list_own *own, const hist_column *c, uint32_t row,
                        uint32_t group, bool *ok)
{
    const uint32_t before = own->seen.count;

    hi_buf_clear(&own->key);
    hi_buf_u32(&own->key, group);
    hi_key_put(&own->key, &run->op->arena, c, row);
    *ok = *ok && !own->key.failed &&
          hi_keymap_get(&own->seen, own->key.data, own->key.size, true) != UINT32_MAX;
    return own->seen.count > before;
}

/* ---- lists ---- */

enum { LIST_PLAIN, LIST_NULLS, LIST_SET };

static bool list_takes(const hist_column *c, const uint64_t *mask, uint32_t i, int what)
{
    if (mask != NULL && !hist_bit_get(mask, i)) {
        return false;
    }
    return what == LIST_NULLS || c->valid == NULL || hist_bit_get(c->valid, i) ||
           (c->type == HIST_TYPE_DYNAMIC && what == LIST_PLAIN);
}

static hist_status list_update(hi_agg_run *run, const hist_column *args, const uint64_t *mask,
                               const hi_stretch *s, uint32_t count)
{
    list_own *own = run->own;
    const hist_column *c = &args[0];
    const int what = run->agg->kind->data;
    const bool distinct = what == LIST_SET && c->type != HIST_TYPE_DYNAMIC;
    bool ok = hi_log_begin(run, own->log, c->length);

    for (uint32_t k = 0; k < count && ok; k++) {
        for (uint32_t i = s[k].first; i < s[k].first + s[k].rows && ok; i++) {
            if (list_takes(c, mask, i, what) &&
                (!distinct || list_is_new(run, own, c, i, s[k].group, &ok))) {
                hi_log_pick(own->log, i, s[k].group);
            }
        }
    }
    return ok && hi_log_keep(run, own->log, c) ? HIST_OK : hi_agg_no_memory(run);
}

/* Values of a scalar type: the ordered log is the child of the lists. */
static bool list_of_scalars(hi_agg_run *run, uint32_t groups, const hist_column *child,
                            int32_t *offsets, hist_column *out)
{
    hi_arena *keep = &run->op->keep;
    const int64_t max = run->agg->max;
    bool over = false;

    for (uint32_t g = 0; g < groups; g++) {
        over = over || offsets[g + 1] - offsets[g] > max;
    }
    if (!over) {
        return hi_col_list(keep, groups, offsets, NULL, child, out);
    }
    uint32_t *rows = hi_arena_vector(keep, (size_t)child->length * sizeof(uint32_t));
    int32_t *cut = hi_arena_vector(keep, ((size_t)groups + 1) * sizeof(int32_t));
    hist_column *less = HI_NEW(keep, hist_column);
    uint32_t n = 0;
    if (rows == NULL || cut == NULL || less == NULL) {
        return false;
    }
    cut[0] = 0;
    for (uint32_t g = 0; g < groups; g++) {
        for (int32_t i = offsets[g]; i < offsets[g + 1] && i - offsets[g] < max; i++) {
            rows[n++] = (uint32_t)i;
        }
        cut[g + 1] = (int32_t)n;
    }
    return hi_col_gather(keep, child, rows, n, less) &&
           hi_col_list(keep, groups, cut, NULL, less, out);
}

typedef struct list_writer {
    hi_agg_run *run;
    list_own *own;
    hi_dyn_writer *w;
    uint32_t group;
    int64_t left;
    bool ok;
} list_writer;

/* One element; of sets only when it is new. */
static void list_put(list_writer *lw, hi_dyn v)
{
    const uint32_t before = lw->own->seen.count;

    if (lw->left == 0 || !lw->ok) {
        return;
    }
    if (lw->run->agg->kind->data == LIST_SET) {
        hi_buf_clear(&lw->own->key);
        hi_buf_u32(&lw->own->key, lw->group);
        hi_buf_u64(&lw->own->key, hi_dyn_hash(v, 1));
        hi_buf_u64(&lw->own->key, hi_dyn_hash(v, 2));
        lw->ok = !lw->own->key.failed && hi_keymap_get(&lw->own->seen, lw->own->key.data,
                                                       lw->own->key.size, true) != UINT32_MAX;
        if (lw->own->seen.count == before) {
            return;
        }
    }
    hi_dyn_put(lw->w, v);
    lw->left--;
}

static void list_put_flat(list_writer *lw, hi_dyn v)
{
    if (hi_dyn_tag_of(v) != HI_DYN_ARRAY || lw->run->agg->kind->data == LIST_NULLS) {
        list_put(lw, v);
        return;
    }
    for (hi_dyn_iter it = hi_dyn_iter_of(v); hi_dyn_next(&it);) {
        list_put(lw, it.value);
    }
}

/* Dynamic values: arrays among them are spread by one level. */
static bool list_of_dynamic(hi_agg_run *run, uint32_t groups, const hist_column *values,
                            const int32_t *offsets, hist_column *out)
{
    hi_arena *keep = &run->op->keep;
    hi_col_builder cb;
    hist_column tagged;
    list_writer lw = {.run = run, .own = run->own, .ok = true};

    if (!hi_cb_init(&cb, keep, HIST_TYPE_DYNAMIC, groups)) {
        return false;
    }
    for (uint32_t g = 0; g < groups && lw.ok; g++) {
        lw.w = hi_cb_begin(&cb);
        lw.group = g;
        lw.left = run->agg->max;
        hi_dyn_begin_array(lw.w);
        for (int32_t i = offsets[g]; i < offsets[g + 1] && lw.ok; i++) {
            hi_dyn v;

            lw.ok = hi_col_dyn(keep, values, (uint32_t)i, &v);
            if (lw.ok) {
                list_put_flat(&lw, v);
            }
        }
        hi_dyn_end_array(lw.w);
        hi_cb_end(&cb);
    }
    return lw.ok && hi_cb_done(&cb, HIST_TYPE_DYNAMIC, &tagged) && hi_col_untag(keep, &tagged, out);
}

static hist_status list_finish(hi_agg_run *run, uint32_t groups, hist_column *out)
{
    const list_own *own = run->own;
    const hist_type type = run->agg->args[0]->type;
    hist_column *values = HI_NEW(&run->op->keep, hist_column);
    int32_t *offsets;

    if (values == NULL || !hi_log_order(run, own->log, groups, type, values, &offsets)) {
        return hi_agg_no_memory(run);
    }
    const bool ok = type == HIST_TYPE_DYNAMIC ? list_of_dynamic(run, groups, values, offsets, out)
                                              : list_of_scalars(run, groups, values, offsets, out);
    return ok ? HIST_OK : hi_agg_no_memory(run);
}

const hi_agg_kind hi_agg_list = {"make_list", 0,           list_open_own,
                                 list_update, list_finish, LIST_PLAIN};
const hi_agg_kind hi_agg_list_nulls = {
    "make_list_with_nulls", 0, list_open_own, list_update, list_finish, LIST_NULLS};
const hi_agg_kind hi_agg_set = {"make_set", 0, list_open_own, list_update, list_finish, LIST_SET};

/* ---- bags ---- */

static bool bag_put(hi_agg_run *run, hi_dyn_writer *w, uint32_t group, hi_dyn bag)
{
    list_own *own = run->own;

    if (hi_dyn_tag_of(bag) != HI_DYN_BAG) {
        return true;
    }
    for (hi_dyn_iter it = hi_dyn_iter_of(bag); hi_dyn_next(&it);) {
        const uint32_t before = own->seen.count;

        hi_buf_clear(&own->key);
        hi_buf_u32(&own->key, group);
        hi_buf_append(&own->key, it.key.data, it.key.size);
        if (own->key.failed ||
            hi_keymap_get(&own->seen, own->key.data, own->key.size, true) == UINT32_MAX) {
            return false;
        }
        if (own->seen.count > before) {
            hi_dyn_put_key(w, it.key.data, it.key.size);
            hi_dyn_put(w, it.value);
        }
    }
    return true;
}

/* The first value of a key stays. */
static hist_status bag_finish(hi_agg_run *run, uint32_t groups, hist_column *out)
{
    const list_own *own = run->own;
    hi_arena *keep = &run->op->keep;
    hist_column values;
    hi_col_builder cb;
    int32_t *offsets;
    bool ok = hi_log_order(run, own->log, groups, HIST_TYPE_DYNAMIC, &values, &offsets) &&
              hi_cb_init(&cb, keep, HIST_TYPE_DYNAMIC, groups);

    for (uint32_t g = 0; g < groups && ok; g++) {
        hi_dyn_writer *w = hi_cb_begin(&cb);

        hi_dyn_begin_bag(w);
        for (int32_t i = offsets[g]; i < offsets[g + 1] && ok; i++) {
            hi_dyn v;

            ok = hi_col_dyn(keep, &values, (uint32_t)i, &v) && bag_put(run, w, g, v);
        }
        hi_dyn_end_bag(w);
        hi_cb_end(&cb);
    }
    return ok && hi_cb_done(&cb, HIST_TYPE_DYNAMIC, out) ? HIST_OK : hi_agg_no_memory(run);
}

const hi_agg_kind hi_agg_bag = {"make_bag", 0, list_open_own, list_update, bag_finish, LIST_PLAIN};

/* ---- distinct counts ---- */

static hist_status dcount_update(hi_agg_run *run, const hist_column *args, const uint64_t *mask,
                                 const hi_stretch *s, uint32_t count)
{
    list_own *own = run->own;
    int64_t *state = run->state;
    bool ok = true;

    for (uint32_t k = 0; k < count && ok; k++) {
        for (uint32_t i = s[k].first; i < s[k].first + s[k].rows && ok; i++) {
            bool takes = true;

            for (uint32_t a = 0; a < run->agg->arg_count; a++) {
                takes = takes && list_takes(&args[a], mask, i, LIST_SET);
            }
            if (takes && list_is_new(run, own, &args[0], i, s[k].group, &ok)) {
                state[s[k].group]++;
            }
        }
    }
    return ok ? HIST_OK : hi_agg_no_memory(run);
}

static hist_status dcount_finish(hi_agg_run *run, uint32_t groups, hist_column *out)
{
    void *data;

    if (!hi_col_new(&run->op->keep, HIST_TYPE_LONG, groups, out, &data)) {
        return hi_agg_no_memory(run);
    }
    memcpy(data, run->state, (size_t)groups * sizeof(int64_t));
    return HIST_OK;
}

const hi_agg_kind hi_agg_dcount = {"dcount",      sizeof(int64_t), list_open_own,
                                   dcount_update, dcount_finish,   0};
