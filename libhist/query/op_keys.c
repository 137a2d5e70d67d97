/* op_keys.c -- rows to groups; see op_keys.h. Constant and run-length keys are resolved once a run. */
#include "query/op_keys.h"

#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"

#define GROUPER_NO_BIN UINT32_MAX

/* ---- map ---- */

static bool keymap_grow(hi_keymap *map)
{
    const uint32_t capacity = map->capacity == 0 ? 64 : map->capacity * 2;
    const uint32_t slots = capacity * 2;
    uint64_t *hashes = hi_arena_alloc(map->arena, (size_t)capacity * sizeof(uint64_t));
    const uint8_t **keys = hi_arena_alloc(map->arena, (size_t)capacity * sizeof(uint8_t *));
    uint32_t *sizes = hi_arena_alloc(map->arena, (size_t)capacity * sizeof(uint32_t));
    uint32_t *table = HI_NEW_ARRAY(map->arena, uint32_t, slots);

    if (capacity >= UINT32_C(1) << 30 || hashes == NULL || keys == NULL || sizes == NULL ||
        table == NULL) {
        return false;
    }
    if (map->count > 0) {
        memcpy(hashes, map->hashes, (size_t)map->count * sizeof(uint64_t));
        memcpy(keys, map->keys, (size_t)map->count * sizeof(uint8_t *));
        memcpy(sizes, map->sizes, (size_t)map->count * sizeof(uint32_t));
    }
    map->hashes = hashes;
    map->keys = keys;
    map->sizes = sizes;
    map->slots = table;
    map->slot_mask = slots - 1;
    map->capacity = capacity;
    for (uint32_t i = 0; i < map->count; i++) {
        uint32_t at = (uint32_t)hashes[i] & map->slot_mask;

        while (table[at] != 0) {
            at = (at + 1) & map->slot_mask;
        }
        table[at] = i + 1;
    }
    return true;
}

bool hi_keymap_init(hi_keymap *map, hi_arena *arena)
{
    *map = (hi_keymap){.arena = arena};
    return keymap_grow(map);
}

uint32_t hi_keymap_get(hi_keymap *map, const void *key, size_t size, bool add)
{
    key = size == 0 ? "" : key; /* No columns at all: an empty buffer has no bytes to point to. */
    const uint64_t hash = hi_hash(key, size, 0);
    uint32_t at = (uint32_t)hash & map->slot_mask;

    for (; map->slots[at] != 0; at = (at + 1) & map->slot_mask) {
        const uint32_t id = map->slots[at] - 1;

        if (map->hashes[id] == hash && map->sizes[id] == size &&
            memcmp(map->keys[id], key, size) == 0) {
            return id;
        }
    }
    if (!add) {
        return UINT32_MAX;
    }
    if (map->count == map->capacity) {
        if (!keymap_grow(map)) {
            return UINT32_MAX;
        }
        return hi_keymap_get(map, key, size, add);
    }
    uint8_t *copy = hi_arena_alloc(map->arena, size);
    if (copy == NULL) {
        return UINT32_MAX;
    }
    if (size > 0) {
        memcpy(copy, key, size);
    }
    const uint32_t id = map->count++;
    map->hashes[id] = hash;
    map->keys[id] = copy;
    map->sizes[id] = (uint32_t)size;
    map->slots[at] = id + 1;
    return id;
}

/* ---- keys as bytes ---- */

static void key_put_dyn(hi_buf *buf, hi_arena *temp, const hist_column *column, uint32_t row)
{
    hi_dyn v;
    const hi_arena_mark mark = hi_arena_save(temp);

    if (!hi_col_dyn(temp, column, row, &v)) {
        buf->failed = true;
        return;
    }
    /* Two independent 64-bit hashes stand for the value: equal values have equal hashes, whatever their form. */
    hi_buf_u64(buf, hi_dyn_hash(v, 1));
    hi_buf_u64(buf, hi_dyn_hash(v, 2));
    hi_arena_rewind(temp, mark);
}

static uint64_t key_real(double v)
{
    uint64_t bits;

    if (v != v) {
        return UINT64_C(0x7ff8000000000000);
    }
    v = v == 0.0 ? 0.0 : v;
    memcpy(&bits, &v, sizeof(bits));
    return bits;
}

void hi_key_put(hi_buf *buf, hi_arena *temp, const hist_column *column, uint32_t row)
{
    if (!hist_column_valid(column, row)) {
        hi_buf_byte(buf, 0);
        return;
    }
    hi_buf_byte(buf, 1);
    if (column->type == HIST_TYPE_DYNAMIC) {
        key_put_dyn(buf, temp, column, row);
        return;
    }
    switch (column->stored) {
    case HIST_TYPE_REAL:
        hi_buf_u64(buf, key_real(hist_column_f64(column, row)));
        break;
    case HIST_TYPE_STRING: {
        const hist_str s = hist_column_str(column, row);

        hi_buf_u32(buf, (uint32_t)s.size);
        hi_buf_append(buf, s.data, s.size);
        break;
    }
    case HIST_TYPE_GUID:
    case HIST_TYPE_DECIMAL: {
        const hist_str s = hist_column_str(column, row);

        hi_buf_append(buf, s.data, s.size);
        break;
    }
    default:
        hi_buf_u64(buf, (uint64_t)hist_column_i64(column, row));
        break;
    }
}

/* ---- grouping ---- */

static void grouper_free(void *arg)
{
    hi_grouper *g = arg;

    hi_buf_free(&g->key);
    hi_buf_free(&g->last);
    hi_arena_free(&g->turns[0]);
    hi_arena_free(&g->turns[1]);
}

/* The first key that is a bin of time; near the ends of the range of time the plain function decides. */
static uint32_t grouper_find_bin(const hi_expr *const *exprs, uint32_t count, uint32_t *column,
                                 int64_t *width, int64_t *origin)
{
    for (uint32_t k = 0; k < count; k++) {
        if (hi_expr_time_bin(exprs[k], column, width, origin) && *width > 0 &&
            *width < INT64_MAX / 8) {
            return k;
        }
    }
    return GROUPER_NO_BIN;
}

/* An empty map and builders of its keys, in g->home. */
static bool grouper_begin(hi_grouper *g)
{
    g->values = HI_NEW_ARRAY(g->home, hi_col_builder, (size_t)g->count + 1);
    g->made = HI_NEW_ARRAY(g->home, hist_column, (size_t)g->count + 1);
    bool ok = g->values != NULL && g->made != NULL && hi_keymap_init(&g->map, g->home);

    for (uint32_t k = 0; ok && k < g->count; k++) {
        ok = hi_cb_init(&g->values[k], g->home, g->exprs[k]->type, 64);
    }
    return ok;
}

hist_status hi_grouper_open(hi_grouper *g, hi_op *op, const hi_expr *const *exprs, uint32_t count,
                            bool grouped)
{
    int64_t width = 0;
    int64_t origin = 0;

    *g = (hi_grouper){.op = op, .exprs = exprs, .count = count};
    hi_arena_init(&g->turns[0], op->x->ctx->mem);
    hi_arena_init(&g->turns[1], op->x->ctx->mem);
    hi_buf_init(&g->key, op->x->ctx->mem, INT32_MAX);
    hi_buf_init(&g->last, op->x->ctx->mem, INT32_MAX);
    g->bin = grouper_find_bin(exprs, count, &g->time, &width, &origin);
    g->near = origin;
    g->forgets = grouped && g->bin != GROUPER_NO_BIN;
    g->home = g->forgets ? &g->turns[0] : &op->keep;
    const bool ok = hi_arena_defer(&op->keep, grouper_free, g) && grouper_begin(g) &&
                    hi_bins_init(&g->bins, &op->keep, width, origin);
    return ok ? HIST_OK : hi_op_no_memory(op);
}

/* What grouping rows of one batch works on. */
typedef struct group_rows {
    hist_column *columns; /* Of the keys; of times for the key that is a bin, if `times` is set. */
    uint32_t *runs;       /* Of each key: the run at hand. */
    const int64_t *times; /* Bins are made of these; NULL: the bins are in their column. */
    uint32_t rows;
    hi_stretch *list;
    uint32_t count;
} group_rows;

/* Times that bins can be made of without overflow. */
static bool grouper_plain_times(const hist_column *time)
{
    const int64_t *t = time->data;
    uint64_t far = 0;

    if (time->layout != HIST_LAYOUT_FLAT || time->valid != NULL) {
        return false;
    }
    for (uint32_t i = 0; i < time->length; i++) {
        far |= (uint64_t)t[i] ^ ((uint64_t)t[i] << 1); /* The top bit: not within 2^62 of zero. */
    }
    return far >> 63 == 0;
}

static hist_status grouper_columns(hi_grouper *g, const hist_batch *in, group_rows *r)
{
    for (uint32_t k = 0; k < g->count; k++) {
        if (k == g->bin && grouper_plain_times(&in->columns[g->time])) {
            r->columns[k] = in->columns[g->time];
            r->times = r->columns[k].data;
        } else {
            HI_TRY(hi_expr_eval(g->exprs[k], &g->op->ev, in, &r->columns[k]));
        }
    }
    return HIST_OK;
}

/* Where the stretch that begins at `row` must end at the latest: the next end of a run of any key. */
static uint32_t grouper_end(const hi_grouper *g, const group_rows *r, uint32_t row)
{
    uint32_t end = r->rows;

    for (uint32_t k = 0; k < g->count; k++) {
        const hist_column *c = &r->columns[k];

        if (k == g->bin && r->times != NULL) {
            continue;
        }
        if (c->layout == HIST_LAYOUT_RUNS) {
            const int32_t *ends = c->data;

            while ((uint32_t)ends[r->runs[k]] <= row) {
                r->runs[k]++;
            }
            end = (uint32_t)ends[r->runs[k]] < end ? (uint32_t)ends[r->runs[k]] : end;
        } else if (c->layout != HIST_LAYOUT_CONST) {
            return row + 1;
        }
    }
    return end;
}

static bool grouper_add(hi_grouper *g, const hist_column *columns, uint32_t row, uint32_t *id)
{
    const uint32_t before = g->map.count;

    *id = hi_keymap_get(&g->map, g->key.data, g->key.size, true);
    if (*id == UINT32_MAX) {
        return false;
    }
    for (uint32_t k = 0; g->map.count > before && k < g->count; k++) {
        if (k == g->bin) {
            continue;
        }
        hi_cb_copy(&g->values[k], &columns[k], row);
        if (g->values[k].failed) {
            return false;
        }
    }
    return true;
}

/* The key of `row` in g->key, a bin of time only by whether it is null; false: the same as the one before. */
static bool grouper_key(hi_grouper *g, const group_rows *r, uint32_t row, bool first)
{
    hi_buf swap = g->last;

    g->last = g->key;
    g->key = swap;
    hi_buf_clear(&g->key);
    for (uint32_t k = 0; k < g->count; k++) {
        if (k != g->bin) {
            hi_key_put(&g->key, &g->op->arena, &r->columns[k], row);
        }
    }
    if (g->bin != GROUPER_NO_BIN) {
        const bool null = r->times == NULL && !hist_column_valid(&r->columns[g->bin], row);

        hi_buf_byte(&g->key, null ? 1 : 0);
    }
    return first || g->key.size != g->last.size ||
           (g->key.size > 0 && memcmp(g->key.data, g->last.data, g->key.size) != 0);
}

/* Rows [first, end) are of a group; those of one group next to each other are one stretch. */
static inline void grouper_put(group_rows *r, uint32_t first, uint32_t end, uint32_t group)
{
    if (r->count > 0 && r->list[r->count - 1].group == group) {
        r->list[r->count - 1].rows += end - first;
    } else {
        r->list[r->count++] = (hi_stretch){.first = first, .rows = end - first, .group = group};
    }
}

/* Rows from `row` that lie in the bin of its time, which begins at `start`. Where times ascend, the `guess` is tried
   first, then steps that double. */
static uint32_t grouper_bin_rows(const hi_grouper *g, const int64_t *t, uint32_t rows,
                                 int64_t start, uint32_t guess)
{
    const uint64_t width = (uint64_t)g->bins.width;
    uint32_t n = 1;

    if (g->forgets) {
        uint32_t step = guess;

        while (n + step <= rows && (uint64_t)t[n + step - 1] - (uint64_t)start < width) {
            n += step;
            step *= 2;
            if (n < rows && (uint64_t)t[n] - (uint64_t)start >= width) {
                return n;
            }
        }
        for (; step > 8; step /= 2) {
            if (n + step <= rows && (uint64_t)t[n + step - 1] - (uint64_t)start < width) {
                n += step;
            }
        }
    }
    while (n < rows && (uint64_t)t[n] - (uint64_t)start < width) {
        n++;
    }
    return n;
}

/* Rows [row, end) are of one outer key; bins are made of times. */
static bool grouper_put_times(hi_grouper *g, group_rows *r, uint32_t row, uint32_t end,
                              uint32_t key)
{
    uint32_t guess = 1;

    while (row < end) {
        const int64_t *t = r->times + row;

        g->near = hi_bins_start(&g->bins, t[0], g->near);
        const uint32_t rows = grouper_bin_rows(g, t, end - row, g->near, guess);
        const uint32_t group = hi_bins_get(&g->bins, key, g->near);
        if (group == UINT32_MAX) {
            return false;
        }
        grouper_put(r, row, row + rows, group);
        row += rows;
        guess = rows > 1 ? rows - 1 : 1;
    }
    return true;
}

/* Rows [row, end) are of one key, the bin among it. */
static bool grouper_put_bin(hi_grouper *g, group_rows *r, uint32_t row, uint32_t end, uint32_t key)
{
    const hist_column *bin = &r->columns[g->bin];
    const int64_t start = hist_column_valid(bin, row) ? hist_column_i64(bin, row) : 0;
    const uint32_t group = hi_bins_get(&g->bins, key, start);

    if (group == UINT32_MAX) {
        return false;
    }
    grouper_put(r, row, end, group);
    return true;
}

/* Rows [row, end) are of the key that the map calls `id`. */
static bool grouper_put_key(hi_grouper *g, group_rows *r, uint32_t row, uint32_t end, uint32_t id)
{
    if (g->bin == GROUPER_NO_BIN) {
        grouper_put(r, row, end, id);
        return true;
    }
    return r->times != NULL ? grouper_put_times(g, r, row, end, id)
                            : grouper_put_bin(g, r, row, end, id);
}

hist_status hi_grouper_rows(hi_grouper *g, const hist_batch *in, hi_stretch **out,
                            uint32_t *count_out)
{
    hi_op *op = g->op;
    group_rows r = {.columns = HI_NEW_ARRAY(&op->arena, hist_column, (size_t)g->count + 1),
                    .runs = HI_NEW_ARRAY(&op->arena, uint32_t, (size_t)g->count + 1),
                    .list = hi_arena_vector(&op->arena, (size_t)in->row_count * sizeof(hi_stretch)),
                    .rows = in->row_count};
    uint32_t id = 0;

    if (r.columns == NULL || r.runs == NULL || r.list == NULL) {
        return hi_op_no_memory(op);
    }
    HI_TRY(grouper_columns(g, in, &r));
    for (uint32_t row = 0; row < r.rows;) {
        const uint32_t end = grouper_end(g, &r, row);

        if (grouper_key(g, &r, row, row == 0) &&
            (g->key.failed || !grouper_add(g, r.columns, row, &id))) {
            return hi_op_no_memory(op);
        }
        if (!grouper_put_key(g, &r, row, end, id)) {
            return hi_op_no_memory(op);
        }
        row = end;
    }
    *out = r.list;
    *count_out = r.count;
    return HIST_OK;
}

uint32_t hi_grouper_count(const hi_grouper *g)
{
    return g->bin == GROUPER_NO_BIN ? g->map.count : g->bins.count;
}

/* ---- the keys of groups ---- */

static bool grouper_bin_is_null(const hi_grouper *g, uint32_t outer)
{
    return g->map.keys[outer][g->map.sizes[outer] - 1] != 0;
}

/* Starts of bins, null where the outer key says so. */
static bool grouper_bin_key(const hi_grouper *g, uint32_t groups, hist_column *out)
{
    uint64_t *valid = NULL;

    for (uint32_t i = 0; i < groups; i++) {
        if (grouper_bin_is_null(g, g->bins.keys[i])) {
            valid = valid == NULL ? hi_bits_new(g->home, groups, true) : valid;
            if (valid == NULL) {
                return false;
            }
            hi_bit_clear(valid, i);
        }
    }
    *out = (hist_column){.type = g->exprs[g->bin]->type,
                         .stored = HIST_TYPE_DATETIME,
                         .length = groups,
                         .data_count = groups,
                         .valid = valid,
                         .data = g->bins.starts};
    return true;
}

/* Values of outer keys to their groups. Text is not copied. */
static bool grouper_spread(const hi_grouper *g, uint32_t groups, const hist_column *values,
                           hist_column *out)
{
    if (values->stored != HIST_TYPE_STRING || values->layout != HIST_LAYOUT_FLAT) {
        return hi_col_gather(g->home, values, g->bins.keys, groups, out);
    }
    *out = (hist_column){.type = values->type,
                         .stored = values->stored,
                         .layout = HIST_LAYOUT_DICT,
                         .length = groups,
                         .data_count = groups,
                         .data = g->bins.keys,
                         .child = values};
    return true;
}

static bool grouper_key_column(hi_grouper *g, uint32_t k, uint32_t groups, hist_column *out)
{
    const hist_type type = g->exprs[k]->type;
    hist_column *made = &g->made[k];
    hist_column scalar;

    if (!hi_cb_done(&g->values[k], type, made) || !hi_col_untag(g->home, made, &scalar)) {
        return false;
    }
    if (g->bin != GROUPER_NO_BIN) {
        return grouper_spread(g, groups, type == HIST_TYPE_DYNAMIC ? &scalar : made, out);
    }
    *out = type == HIST_TYPE_DYNAMIC ? scalar : *made;
    return true;
}

/* The bins' own columns are written again when groups are forgotten. */
static bool grouper_own(const hi_grouper *g, uint32_t groups, hist_column *out)
{
    const bool codes = out->layout == HIST_LAYOUT_DICT;
    const size_t size = (size_t)groups * (codes ? sizeof(uint32_t) : sizeof(int64_t));
    void *data = hi_arena_vector(g->home, size);

    if (data == NULL) {
        return false;
    }
    memcpy(data, out->data, size);
    out->data = data;
    return true;
}

hist_status hi_grouper_keys(hi_grouper *g, uint32_t groups, hist_column *out)
{
    for (uint32_t k = 0; k < g->count; k++) {
        bool ok = k == g->bin && groups > 0 ? grouper_bin_key(g, groups, &out[k])
                                            : grouper_key_column(g, k, groups, &out[k]);

        if (ok && g->forgets && groups > 0 &&
            (out[k].data == g->bins.starts || out[k].data == g->bins.keys)) {
            ok = grouper_own(g, groups, &out[k]);
        }
        if (!ok) {
            return hi_op_no_memory(g->op);
        }
    }
    return HIST_OK;
}

hist_status hi_grouper_keep_last(hi_grouper *g)
{
    const uint32_t outer = g->bins.keys[g->bins.count - 1];
    const hist_column *made = g->made;
    const hi_keymap map = g->map;

    g->home = g->home == &g->turns[0] ? &g->turns[1] : &g->turns[0];
    hi_arena_rewind(g->home, (hi_arena_mark){0});
    bool ok = grouper_begin(g) &&
              hi_keymap_get(&g->map, map.keys[outer], map.sizes[outer], true) != UINT32_MAX;
    for (uint32_t k = 0; ok && k < g->count; k++) {
        if (k != g->bin) {
            hi_cb_copy(&g->values[k], &made[k], outer);
            ok = !g->values[k].failed;
        }
    }
    hi_bins_keep_last(&g->bins);
    return ok ? HIST_OK : hi_op_no_memory(g->op);
}
