/* op_keys.c -- rows to groups; see op_keys.h. Constant and run-length keys are resolved once a run. */
#include "query/op_keys.h"

#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"

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
}

hist_status hi_grouper_open(hi_grouper *g, hi_op *op, const hi_expr *const *exprs, uint32_t count)
{
    *g = (hi_grouper){.op = op, .exprs = exprs, .count = count};
    hi_buf_init(&g->key, op->x->ctx->mem, INT32_MAX);
    hi_buf_init(&g->last, op->x->ctx->mem, INT32_MAX);
    g->values = HI_NEW_ARRAY(&op->keep, hi_col_builder, (size_t)count + 1);
    bool ok = g->values != NULL && hi_arena_defer(&op->keep, grouper_free, g) &&
              hi_keymap_init(&g->map, &op->keep);
    for (uint32_t k = 0; ok && k < count; k++) {
        ok = hi_cb_init(&g->values[k], &op->keep, exprs[k]->type, 64);
    }
    return ok ? HIST_OK : hi_op_no_memory(op);
}

/*
 * bin(time, width) over rows that mostly ascend: one value a run. A row is in the run when its distance from the bin's
 * start is below the width: a subtraction and a comparison, no division.
 */
static bool grouper_bins(hi_arena *arena, const hist_column *time, int64_t width, int64_t origin,
                         hist_column *out)
{
    const int64_t *t = time->data;
    const uint32_t n = time->length;
    int32_t *ends = hi_arena_vector(arena, (size_t)n * sizeof(int32_t));
    hist_column *child = HI_NEW(arena, hist_column);
    int64_t *bins = hi_arena_vector(arena, (size_t)n * sizeof(int64_t));
    uint32_t runs = 0;

    if (ends == NULL || child == NULL || bins == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < n;) {
        int64_t offset = (int64_t)((uint64_t)t[i] - (uint64_t)origin) % width;

        offset = offset < 0 ? offset + width : offset;
        const uint64_t start = (uint64_t)t[i] - (uint64_t)offset;
        i++;
        while (i < n && (uint64_t)t[i] - start < (uint64_t)width) {
            i++;
        }
        bins[runs] = (int64_t)start;
        ends[runs++] = (int32_t)i;
    }
    *child = (hist_column){.type = HIST_TYPE_DATETIME,
                           .stored = HIST_TYPE_DATETIME,
                           .length = runs,
                           .data_count = runs,
                           .data = bins};
    *out = (hist_column){.type = HIST_TYPE_DATETIME,
                         .stored = HIST_TYPE_DATETIME,
                         .layout = HIST_LAYOUT_RUNS,
                         .length = n,
                         .data_count = runs,
                         .data = ends,
                         .child = child};
    return true;
}

static hist_status grouper_column(hi_grouper *g, uint32_t k, const hist_batch *in, hist_column *out)
{
    uint32_t column;
    int64_t width;
    int64_t origin;

    if (hi_expr_time_bin(g->exprs[k], &column, &width, &origin) && width > 0) {
        const hist_column *time = &in->columns[column];

        /* Near the ends of the range of time the plain function decides. */
        if (time->layout == HIST_LAYOUT_FLAT && time->valid == NULL && width < INT64_MAX / 4 &&
            origin > INT64_MIN / 4 && origin < INT64_MAX / 4) {
            return grouper_bins(&g->op->arena, time, width, origin, out) ? HIST_OK
                                                                         : hi_op_no_memory(g->op);
        }
    }
    return hi_expr_eval(g->exprs[k], &g->op->ev, in, out);
}

/* Where the stretch that begins at `row` must end at the latest: the next end of a run of any key. */
static uint32_t grouper_end(const hist_column *columns, uint32_t *runs, uint32_t count,
                            uint32_t row, uint32_t rows)
{
    uint32_t end = rows;

    for (uint32_t k = 0; k < count; k++) {
        if (columns[k].layout == HIST_LAYOUT_RUNS) {
            const int32_t *ends = columns[k].data;

            while ((uint32_t)ends[runs[k]] <= row) {
                runs[k]++;
            }
            end = (uint32_t)ends[runs[k]] < end ? (uint32_t)ends[runs[k]] : end;
        } else if (columns[k].layout != HIST_LAYOUT_CONST) {
            return row + 1;
        }
    }
    return end;
}

static bool grouper_add(hi_grouper *g, const hist_column *columns, uint32_t row, uint32_t *group)
{
    const uint32_t before = g->map.count;

    *group = hi_keymap_get(&g->map, g->key.data, g->key.size, true);
    if (*group == UINT32_MAX) {
        return false;
    }
    for (uint32_t k = 0; g->map.count > before && k < g->count; k++) {
        hi_cb_copy(&g->values[k], &columns[k], row);
        if (g->values[k].failed) {
            return false;
        }
    }
    return true;
}

/* The key of `row` in g->key; false: it is the same as the one before. */
static bool grouper_key(hi_grouper *g, const hist_column *columns, uint32_t row, bool first)
{
    hi_buf swap = g->last;

    g->last = g->key;
    g->key = swap;
    hi_buf_clear(&g->key);
    for (uint32_t k = 0; k < g->count; k++) {
        hi_key_put(&g->key, &g->op->arena, &columns[k], row);
    }
    return first || g->key.size != g->last.size ||
           (g->key.size > 0 && memcmp(g->key.data, g->last.data, g->key.size) != 0);
}

hist_status hi_grouper_rows(hi_grouper *g, const hist_batch *in, hi_stretch **out,
                            uint32_t *count_out)
{
    hi_op *op = g->op;
    hist_column *columns = HI_NEW_ARRAY(&op->arena, hist_column, (size_t)g->count + 1);
    uint32_t *runs = HI_NEW_ARRAY(&op->arena, uint32_t, (size_t)g->count + 1);
    hi_stretch *list = hi_arena_vector(&op->arena, (size_t)in->row_count * sizeof(hi_stretch));
    uint32_t n = 0;

    if (columns == NULL || runs == NULL || list == NULL) {
        return hi_op_no_memory(op);
    }
    for (uint32_t k = 0; k < g->count; k++) {
        HI_TRY(grouper_column(g, k, in, &columns[k]));
    }
    for (uint32_t row = 0; row < in->row_count;) {
        const uint32_t end = grouper_end(columns, runs, g->count, row, in->row_count);

        if (grouper_key(g, columns, row, n == 0)) {
            list[n] = (hi_stretch){.first = row};
            if (g->key.failed || !grouper_add(g, columns, row, &list[n].group)) {
                return hi_op_no_memory(op);
            }
            n++;
        }
        list[n - 1].rows += end - row;
        row = end;
    }
    *out = list;
    *count_out = n;
    return HIST_OK;
}

hist_status hi_grouper_keys(hi_grouper *g, hist_column *out)
{
    for (uint32_t k = 0; k < g->count; k++) {
        hist_column made;

        if (!hi_cb_done(&g->values[k], g->exprs[k]->type, &made) ||
            !hi_col_untag(&g->op->keep, &made, &out[k])) {
            return hi_op_no_memory(g->op);
        }
        out[k] = g->exprs[k]->type == HIST_TYPE_DYNAMIC ? out[k] : made;
    }
    return HIST_OK;
}
