/* func_bag.c -- property bags and sets. Keys keep their order; of a key given twice the first value counts. */
#include <string.h>

#include "query/eval.h"

static bool bag_is(hi_dyn d)
{
    return hi_dyn_tag_of(d) == HI_DYN_BAG;
}

static bool bag_is_array(hi_dyn d)
{
    return hi_dyn_tag_of(d) == HI_DYN_ARRAY;
}

/* ---- making ---- */

/* bag_pack(key, value, ...); data: leave null and empty values out. */
static void bag_row_pack(hi_row *r)
{
    hi_dyn_writer *w = hi_cb_begin(r->out);

    hi_dyn_begin_bag(w);
    for (uint32_t i = 0; i + 1 < r->arg_count; i += 2) {
        const hi_value *v = &r->args[i + 1];
        const bool empty = v->null || (v->type == HIST_TYPE_STRING && v->str.size == 0);

        if (r->args[i].null || (r->data != NULL && empty)) {
            continue;
        }
        hi_dyn_put_key(w, hi_row_str(r, i).data, hi_row_str(r, i).size);
        hi_dyn_put_value(w, v);
    }
    hi_dyn_end_bag(w);
    hi_cb_end(r->out);
}

static hist_status bag_bind_pack(hi_bind_call *c)
{
    if (c->arg_count % 2 != 0) {
        return hi_bind_fail(c, "takes pairs of key and value, %u arguments given", c->arg_count);
    }
    for (uint32_t i = 0; i < c->arg_count; i += 2) {
        if (c->args[i]->type != HIST_TYPE_STRING && c->args[i]->type != HIST_TYPE_DYNAMIC) {
            hi_expr *cast;

            HI_TRY(hi_func_cast(c->arena, c->ctx, c->args[i], HIST_TYPE_STRING, &cast, c->err));
            c->args[i] = cast;
        }
        HI_TRY(hi_bind_arg(c, i, 's'));
    }
    c->type = HIST_TYPE_DYNAMIC;
    c->eval = hi_eval_rows;
    return HIST_OK;
}

/* bag_zip(keys, values): keys that are no strings are left out, missing values are null. */
static void bag_row_zip(hi_row *r)
{
    const hi_dyn keys = hi_row_dyn(r, 0);
    hi_dyn_iter it = hi_dyn_iter_of(keys);
    hi_dyn_iter values = hi_dyn_iter_of(hi_row_dyn(r, 1));
    const bool array = bag_is_array(hi_row_dyn(r, 1));

    if (!bag_is_array(keys)) {
        return;
    }
    hi_dyn_writer *w = hi_cb_begin(r->out);
    hi_dyn_begin_bag(w);
    while (hi_dyn_next(&it)) {
        const bool has = array && hi_dyn_next(&values);

        if (hi_dyn_tag_of(it.value) != HI_DYN_STRING) {
            continue;
        }
        const hist_str key = hi_dyn_str(it.value);
        hi_dyn_put_key(w, key.data, key.size);
        hi_dyn_put(w, has ? values.value : (hi_dyn){NULL, 0});
    }
    hi_dyn_end_bag(w);
    hi_cb_end(r->out);
}

/* ---- changing ---- */

/* Whether the first `count` bag arguments have the key. */
static bool bag_before_has(const hi_row *r, uint32_t count, hist_str key)
{
    for (uint32_t i = 0; i < count; i++) {
        const hi_dyn d = hi_row_dyn(r, i);

        if (bag_is(d) && hi_dyn_get(d, key.data, key.size).size != 0) {
            return true;
        }
    }
    return false;
}

static void bag_row_merge(hi_row *r)
{
    bool any = false;

    for (uint32_t i = 0; i < r->arg_count; i++) {
        any |= bag_is(hi_row_dyn(r, i));
    }
    if (!any) {
        return;
    }
    hi_dyn_writer *w = hi_cb_begin(r->out);
    hi_dyn_begin_bag(w);
    for (uint32_t i = 0; i < r->arg_count; i++) {
        hi_dyn_iter it = hi_dyn_iter_of(hi_row_dyn(r, i));

        while (bag_is(hi_row_dyn(r, i)) && hi_dyn_next(&it)) {
            if (!bag_before_has(r, i, it.key)) {
                hi_dyn_put_key(w, it.key.data, it.key.size);
                hi_dyn_put(w, it.value);
            }
        }
    }
    hi_dyn_end_bag(w);
    hi_cb_end(r->out);
}

/* Whether an array of keys has `path`, alone or as the start of "path.rest"; *below: something deeper is named. */
static bool bag_key_named(hi_dyn keys, hist_str key)
{
    hi_dyn_iter it = hi_dyn_iter_of(keys);

    while (hi_dyn_next(&it)) {
        hist_str k = hi_dyn_str(it.value);

        if (k.size > 2 && k.data[0] == '$' && k.data[1] == '.') {
            k.data += 2;
            k.size -= 2;
        }
        if (k.size == key.size && (k.size == 0 || memcmp(k.data, key.data, k.size) == 0)) {
            return true;
        }
    }
    return false;
}

/* Copies `d` without the keys named; inner bags by "outer.inner". */
static void bag_put_without(hi_row *r, hi_dyn_writer *w, hi_dyn d, hi_dyn keys, hist_str prefix)
{
    hi_dyn_iter it = hi_dyn_iter_of(d);

    hi_dyn_begin_bag(w);
    while (hi_dyn_next(&it)) {
        char *path = hi_arena_printf(r->scratch, "%.*s%s%.*s", (int)prefix.size, prefix.data,
                                     prefix.size != 0 ? "." : "", (int)it.key.size, it.key.data);

        if (path == NULL) {
            r->out->failed = true;
            break;
        }
        const hist_str full = {path, strlen(path)};
        if (bag_key_named(keys, full)) {
            continue;
        }
        hi_dyn_put_key(w, it.key.data, it.key.size);
        if (bag_is(it.value)) {
            bag_put_without(r, w, it.value, keys, full);
        } else {
            hi_dyn_put(w, it.value);
        }
    }
    hi_dyn_end_bag(w);
}

static void bag_row_remove(hi_row *r)
{
    if (!bag_is(hi_row_dyn(r, 0))) {
        return;
    }
    bag_put_without(r, hi_cb_begin(r->out), hi_row_dyn(r, 0), hi_row_dyn(r, 1), (hist_str){"", 0});
    hi_cb_end(r->out);
}

/* bag_set_key(bag, key, value) */
static void bag_row_set(hi_row *r)
{
    const hist_str key = hi_row_str(r, 1);
    hi_dyn_iter it = hi_dyn_iter_of(hi_row_dyn(r, 0));
    bool done = false;

    if (r->args[1].null || !bag_is(hi_row_dyn(r, 0))) {
        return;
    }
    hi_dyn_writer *w = hi_cb_begin(r->out);
    hi_dyn_begin_bag(w);
    while (hi_dyn_next(&it)) {
        const bool same = it.key.size == key.size &&
                          (key.size == 0 || memcmp(it.key.data, key.data, key.size) == 0);

        hi_dyn_put_key(w, it.key.data, it.key.size);
        if (same) {
            hi_dyn_put_value(w, &r->args[2]);
        } else {
            hi_dyn_put(w, it.value);
        }
        done |= same;
    }
    if (!done) {
        hi_dyn_put_key(w, key.data, key.size);
        hi_dyn_put_value(w, &r->args[2]);
    }
    hi_dyn_end_bag(w);
    hi_cb_end(r->out);
}

/* ---- reading ---- */

static void bag_row_keys(hi_row *r)
{
    hi_dyn_iter it = hi_dyn_iter_of(hi_row_dyn(r, 0));

    if (!bag_is(hi_row_dyn(r, 0))) {
        return;
    }
    hi_dyn_writer *w = hi_cb_begin(r->out);
    hi_dyn_begin_array(w);
    while (hi_dyn_next(&it)) {
        hi_dyn_put_string(w, it.key.data, it.key.size);
    }
    hi_dyn_end_array(w);
    hi_cb_end(r->out);
}

/* A key, or a path "$.a.b". */
static void bag_row_has_key(hi_row *r)
{
    hist_str key = hi_row_str(r, 1);
    hi_dyn d = hi_row_dyn(r, 0);

    if (!(key.size > 2 && key.data[0] == '$' && key.data[1] == '.')) {
        hi_cb_i64(r->out, bag_is(d) && hi_dyn_get(d, key.data, key.size).size != 0);
        return;
    }
    key.data += 2;
    key.size -= 2;
    while (key.size != 0 && d.size != 0) {
        const char *dot = memchr(key.data, '.', key.size);
        const size_t n = dot != NULL ? (size_t)(dot - key.data) : key.size;

        d = bag_is(d) ? hi_dyn_get(d, key.data, n) : (hi_dyn){NULL, 0};
        key.data += n + (dot != NULL ? 1 : 0);
        key.size -= n + (dot != NULL ? 1 : 0);
    }
    hi_cb_i64(r->out, d.size != 0);
}

/* treepath(d): "['a']", "['a']['b']", "['a'][0]", ... */
static void bag_tree(hi_row *r, hi_dyn_writer *w, hi_dyn d, const char *path)
{
    hi_dyn_iter it = hi_dyn_iter_of(d);
    uint32_t i = 0;

    while (hi_dyn_next(&it)) {
        char *here = bag_is(d) ? hi_arena_printf(r->scratch, "%s['%.*s']", path, (int)it.key.size,
                                                 it.key.data)
                               : hi_arena_printf(r->scratch, "%s[%u]", path, i);

        if (here == NULL) {
            r->out->failed = true;
            return;
        }
        hi_dyn_put_string(w, here, strlen(here));
        bag_tree(r, w, it.value, here);
        if (!bag_is(d)) {
            return; /* The first element stands for all. */
        }
        i++;
    }
}

static void bag_row_treepath(hi_row *r)
{
    const hi_dyn d = hi_row_dyn(r, 0);

    if (!bag_is(d) && !bag_is_array(d)) {
        return;
    }
    hi_dyn_writer *w = hi_cb_begin(r->out);
    hi_dyn_begin_array(w);
    bag_tree(r, w, d, "");
    hi_dyn_end_array(w);
    hi_cb_end(r->out);
}

/* ---- sets ---- */

/* Views of distinct values in an open-addressing table of indices. */
typedef struct bag_set {
    hi_dyn *items;
    uint32_t *slots; /* Index + 1. */
    uint32_t count;
    uint32_t mask;
} bag_set;

static bool bag_set_init(hi_row *r, bag_set *set, uint32_t capacity)
{
    uint32_t size = 16;

    while (size < capacity * 2) {
        size *= 2;
    }
    *set = (bag_set){.items = HI_NEW_ARRAY(r->scratch, hi_dyn, (size_t)capacity + 1),
                     .slots = HI_NEW_ARRAY(r->scratch, uint32_t, size),
                     .mask = size - 1};
    if (set->items == NULL || set->slots == NULL) {
        r->out->failed = true;
        return false;
    }
    return true;
}

static uint32_t *bag_set_slot(const bag_set *set, hi_dyn v)
{
    uint32_t at = (uint32_t)hi_dyn_hash(v, 0) & set->mask;

    while (set->slots[at] != 0 && hi_dyn_compare(set->items[set->slots[at] - 1], v) != 0) {
        at = (at + 1) & set->mask;
    }
    return &set->slots[at];
}

static void bag_set_add(bag_set *set, hi_dyn v)
{
    uint32_t *slot = bag_set_slot(set, v);

    if (*slot == 0) {
        set->items[set->count++] = v;
        *slot = set->count;
    }
}

static bool bag_set_of(hi_row *r, uint32_t arg, bag_set *set)
{
    const hi_dyn d = hi_row_dyn(r, arg);
    hi_dyn_iter it = hi_dyn_iter_of(d);

    if (!bag_set_init(r, set, hi_dyn_count(d))) {
        return false;
    }
    while (hi_dyn_next(&it)) {
        bag_set_add(set, it.value);
    }
    return true;
}

static bool bag_all_arrays(const hi_row *r)
{
    for (uint32_t i = 0; i < r->arg_count; i++) {
        if (!bag_is_array(hi_row_dyn(r, i))) {
            return false;
        }
    }
    return true;
}

static void bag_put_items(hi_row *r, const bag_set *set)
{
    hi_dyn_writer *w = hi_cb_begin(r->out);

    hi_dyn_begin_array(w);
    for (uint32_t i = 0; i < set->count; i++) {
        hi_dyn_put(w, set->items[i]);
    }
    hi_dyn_end_array(w);
    hi_cb_end(r->out);
}

static void bag_row_union(hi_row *r)
{
    bag_set set;
    uint32_t total = 0;

    for (uint32_t i = 0; i < r->arg_count; i++) {
        total += hi_dyn_count(hi_row_dyn(r, i));
    }
    if (!bag_all_arrays(r) || !bag_set_init(r, &set, total)) {
        return;
    }
    for (uint32_t i = 0; i < r->arg_count; i++) {
        hi_dyn_iter it = hi_dyn_iter_of(hi_row_dyn(r, i));

        while (hi_dyn_next(&it)) {
            bag_set_add(&set, it.value);
        }
    }
    bag_put_items(r, &set);
}

/* Items of the first array that are in all (data: in none) of the others. */
static void bag_row_intersect(hi_row *r)
{
    bag_set first;
    const bool wanted = r->data == NULL;

    if (!bag_all_arrays(r) || !bag_set_of(r, 0, &first)) {
        return;
    }
    for (uint32_t i = 1; i < r->arg_count; i++) {
        bag_set other;
        uint32_t kept = 0;

        if (!bag_set_of(r, i, &other)) {
            return;
        }
        for (uint32_t k = 0; k < first.count; k++) {
            if ((*bag_set_slot(&other, first.items[k]) != 0) == wanted) {
                first.items[kept++] = first.items[k];
            }
        }
        first.count = kept;
    }
    bag_put_items(r, &first);
}

static void bag_row_jaccard(hi_row *r)
{
    bag_set a;
    bag_set b;
    uint32_t both = 0;

    if (!bag_all_arrays(r) || !bag_set_of(r, 0, &a) || !bag_set_of(r, 1, &b)) {
        return;
    }
    for (uint32_t i = 0; i < a.count; i++) {
        both += *bag_set_slot(&b, a.items[i]) != 0 ? 1 : 0;
    }
    hi_cb_real(r->out, (double)both / (double)(a.count + b.count - both));
}

static const hi_func bag_funcs[] = {
    {.name = "bag_pack",
     .signature = "|a*",
     .bind = bag_bind_pack,
     .row = bag_row_pack,
     .flags = HI_FUNC_NULLS},
    {.name = "pack",
     .signature = "|a*",
     .bind = bag_bind_pack,
     .row = bag_row_pack,
     .flags = HI_FUNC_NULLS},
    {.name = "pack_dictionary",
     .signature = "|a*",
     .bind = bag_bind_pack,
     .row = bag_row_pack,
     .flags = HI_FUNC_NULLS},
    {.name = "$bag_pack_nonempty",
     .signature = "|a*",
     .bind = bag_bind_pack,
     .row = bag_row_pack,
     .data = "nonempty",
     .flags = HI_FUNC_NULLS | HI_FUNC_HIDDEN},
    {.name = "bag_zip", .signature = "yy>y", .row = bag_row_zip, .flags = HI_FUNC_NULLS},
    {.name = "bag_merge", .signature = "yy*>y", .row = bag_row_merge, .flags = HI_FUNC_NULLS},
    {.name = "bag_remove_keys", .signature = "yy>y", .row = bag_row_remove},
    {.name = "bag_set_key", .signature = "ysa>y", .row = bag_row_set, .flags = HI_FUNC_NULLS},
    {.name = "bag_keys", .signature = "y>y", .row = bag_row_keys},
    {.name = "bag_has_key", .signature = "ys>b", .row = bag_row_has_key},
    {.name = "treepath", .signature = "y>y", .row = bag_row_treepath},
    {.name = "set_union", .signature = "yy*>y", .row = bag_row_union},
    {.name = "set_intersect", .signature = "yy*>y", .row = bag_row_intersect},
    {.name = "set_difference",
     .signature = "yy*>y",
     .row = bag_row_intersect,
     .data = "difference"},
    {.name = "jaccard_index", .signature = "yy>r", .row = bag_row_jaccard},
};

const hi_func_table hi_funcs_bag = HI_FUNC_TABLE(bag_funcs);
