/*
 * op_top_nested.c -- top-nested: the largest groups, level by level. Know first: groups that are kept are nodes of a
 * tree; every row that still counts knows its node of the level above. A level numbers the pairs (node, key) of its
 * rows, measures the numbers by a grouping operator, and keeps the largest of each node. Under a node for all
 * others there is one node a level: again for all others, or with nulls where the level has no such row.
 */
#define _GNU_SOURCE /* qsort_r */
#include "query/op_top_nested.h"

#include <stdlib.h>
#include <string.h>

typedef enum nested_kind { NESTED_KEY = 0, NESTED_OTHERS, NESTED_NULL } nested_kind;

typedef struct nested_node {
    uint32_t parent; /* Node of the level above. */
    nested_kind kind;
    uint32_t row;     /* KEY: one with its key. */
    uint32_t measure; /* Row of the level's measures; KEY and OTHERS. */
} nested_node;

typedef struct nested_level {
    hist_column keys;     /* Over all rows. */
    hist_column measures; /* Of the groups that were kept, then of the others. */
    hist_column others;
    nested_node *nodes;
    uint32_t count;
} nested_level;

typedef struct op_nested {
    hi_op base;
    const hi_top_level *levels;
    uint32_t level_count;
    hist_batch rows;
    nested_level *done; /* One a level. */
    uint32_t *node;     /* Of each row; UINT32_MAX: does not count any more. */
    bool finished;
} op_nested;

/* Numbers of one level while it is worked on. */
typedef struct nested_groups {
    uint32_t *of;    /* Of each row; UINT32_MAX: none. */
    uint32_t *first; /* Row. */
    uint32_t *parent;
    uint32_t *kept; /* Its node; UINT32_MAX: not kept. */
    uint32_t count;
} nested_groups;

/* ---- numbering ---- */

static const nested_node *nested_parent(const op_nested *self, uint32_t level, uint32_t row)
{
    return level == 0 ? NULL : &self->done[level - 1].nodes[self->node[row]];
}

/* Whether a row is below a node for others: its keys do not count. */
static bool nested_below_others(const op_nested *self, uint32_t level, uint32_t row)
{
    const nested_node *n = nested_parent(self, level, row);

    return n != NULL && n->kind != NESTED_KEY;
}

static bool nested_groups_init(op_nested *self, nested_groups *g)
{
    hi_arena *keep = &self->base.keep;
    const size_t rows = self->rows.row_count;

    g->of = hi_arena_vector(keep, rows * sizeof(uint32_t));
    g->first = hi_arena_vector(keep, rows * sizeof(uint32_t));
    g->parent = hi_arena_vector(keep, rows * sizeof(uint32_t));
    g->kept = hi_arena_vector(keep, rows * sizeof(uint32_t));
    g->count = 0;
    return g->of != NULL && g->first != NULL && g->parent != NULL && g->kept != NULL;
}

/* Finds or makes the group of a row. slots hold group + 1. */
static void nested_number(op_nested *self, uint32_t level, uint32_t row, uint64_t hash,
                          uint32_t *slots, uint32_t mask, nested_groups *g)
{
    const hist_column *keys = &self->done[level].keys;
    const uint64_t mixed = (hash ^ self->node[row]) * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t s = (uint32_t)(mixed >> 32) & mask;

    while (slots[s] != 0 && (g->parent[slots[s] - 1] != self->node[row] ||
                             !hi_col_equal(keys, g->first[slots[s] - 1], keys, row))) {
        s = (s + 1) & mask;
    }
    if (slots[s] == 0) {
        g->first[g->count] = row;
        g->parent[g->count] = self->node[row];
        g->kept[g->count] = UINT32_MAX;
        slots[s] = ++g->count;
    }
    g->of[row] = slots[s] - 1;
}

static bool nested_number_all(op_nested *self, uint32_t level, nested_groups *g)
{
    hi_arena *keep = &self->base.keep;
    const uint32_t rows = self->rows.row_count;
    uint32_t size = 16;

    while (size / 2 < rows) {
        size *= 2;
    }
    uint64_t *hashes = hi_arena_vector(keep, (size_t)rows * sizeof(uint64_t));
    uint32_t *slots = HI_NEW_ARRAY(keep, uint32_t, size);
    if (hashes == NULL || slots == NULL || !nested_groups_init(self, g) ||
        !hi_col_hash(keep, &self->done[level].keys, false, hashes)) {
        return false;
    }
    for (uint32_t i = 0; i < rows; i++) {
        g->of[i] = UINT32_MAX;
        if (self->node[i] != UINT32_MAX && !nested_below_others(self, level, i)) {
            nested_number(self, level, i, hashes[i], slots, size - 1, g);
        }
    }
    return true;
}

/* ---- measuring ---- */

/* The measures of numbered rows: measures->columns are number and measure. */
static hist_status nested_measure(op_nested *self, uint32_t level, const uint32_t *numbers,
                                  hist_batch *measures)
{
    hi_op *op = &self->base;
    const hi_top_level *l = &self->levels[level];
    const uint32_t rows = self->rows.row_count;
    const uint32_t width = self->rows.column_count;
    uint32_t *from = hi_arena_vector(&op->keep, (size_t)rows * sizeof(uint32_t));
    hist_column *columns = HI_NEW_ARRAY(&op->keep, hist_column, (size_t)width + 1);
    hist_batch part;
    void *data = NULL;
    uint32_t count = 0;

    HI_OP_TRY_MEM(self, from != NULL && columns != NULL);
    for (uint32_t i = 0; i < rows; i++) {
        if (numbers[i] != UINT32_MAX) {
            from[count++] = i;
        }
    }
    HI_OP_TRY_MEM(self, hi_rows_gather(&op->keep, &self->rows, from, count, &part) &&
                            hi_col_new(&op->keep, HIST_TYPE_LONG, count, &columns[width], &data));
    for (uint32_t i = 0; i < count; i++) {
        ((int64_t *)data)[i] = numbers[from[i]];
    }
    memcpy(columns, part.columns, width * sizeof(hist_column));
    part.columns = columns;
    part.column_count = width + 1;
    hi_op_rows_set(l->source, &part);
    hist_status status = hi_op_open(l->group);
    if (status == HIST_OK) {
        status = hi_rows_collect(l->group, &op->keep, measures);
    }
    hi_op_close(l->group);
    return status;
}

/* ---- choosing ---- */

typedef struct nested_order {
    const hist_column *numbers;
    const hist_column *measures;
    const nested_groups *groups;
    bool ascending;
} nested_order;

static int nested_compare(const void *a, const void *b, void *arg)
{
    const nested_order *o = arg;
    const uint32_t i = *(const uint32_t *)a;
    const uint32_t j = *(const uint32_t *)b;
    const uint32_t g = (uint32_t)hist_column_i64(o->numbers, i);
    const uint32_t h = (uint32_t)hist_column_i64(o->numbers, j);

    if (o->groups->parent[g] != o->groups->parent[h]) {
        return o->groups->parent[g] < o->groups->parent[h] ? -1 : 1;
    }
    const bool null_i = hi_col_is_nullish(o->measures, i);
    const bool null_j = hi_col_is_nullish(o->measures, j);
    if (null_i != null_j) {
        return null_i ? 1 : -1;
    }
    const int order = hi_col_compare(o->measures, i, o->measures, j);
    if (order != 0) {
        return o->ascending ? order : -order;
    }
    return g < h ? -1 : g > h;
}

/* Rows of the measures by node above, the largest first. */
static hist_status nested_sort(op_nested *self, uint32_t level, const nested_groups *g,
                               const hist_batch *measures, uint32_t **out)
{
    const uint32_t count = measures->row_count;
    uint32_t *order = hi_arena_vector(&self->base.keep, (size_t)count * sizeof(uint32_t));
    nested_order by = {.groups = g, .ascending = self->levels[level].ascending};

    *out = order;
    HI_OP_TRY_MEM(self, order != NULL);
    if (count == 0) {
        return HIST_OK;
    }
    by.numbers = &measures->columns[0];
    by.measures = &measures->columns[1];
    for (uint32_t i = 0; i < count; i++) {
        order[i] = i;
    }
    qsort_r(order, count, sizeof(order[0]), nested_compare, &by);
    return HIST_OK;
}

/* For each node of the level above: the groups kept, and a node for the others when there are some. */
static void nested_nodes(op_nested *self, uint32_t level, nested_groups *g, const uint32_t *order,
                         const hist_batch *measures)
{
    const hi_top_level *l = &self->levels[level];
    nested_level *d = &self->done[level];
    const uint32_t parents = level == 0 ? 1 : self->done[level - 1].count;
    uint32_t at = 0;

    for (uint32_t parent = 0; parent < parents; parent++) {
        uint64_t taken = 0;
        bool others = false;

        for (; at < measures->row_count; at++) {
            const uint32_t group = (uint32_t)hist_column_i64(&measures->columns[0], order[at]);

            if (g->parent[group] != parent) {
                break;
            }
            if (taken < l->rows) {
                g->kept[group] = d->count;
                d->nodes[d->count++] =
                    (nested_node){parent, NESTED_KEY, g->first[group], order[at]};
                taken++;
            } else {
                others = true;
            }
        }
        if (level > 0 && self->done[level - 1].nodes[parent].kind != NESTED_KEY) {
            d->nodes[d->count++] =
                (nested_node){parent, l->has_others ? NESTED_OTHERS : NESTED_NULL, 0, UINT32_MAX};
        } else if (others && l->has_others) {
            d->nodes[d->count++] = (nested_node){parent, NESTED_OTHERS, 0, UINT32_MAX};
        }
    }
}

/* The node of this level of every row; *numbers: rows that are measured once more, for the others. */
static hist_status nested_move(op_nested *self, uint32_t level, const nested_groups *g,
                               uint32_t **numbers)
{
    nested_level *d = &self->done[level];
    const uint32_t rows = self->rows.row_count;
    const uint32_t parents = level == 0 ? 1 : self->done[level - 1].count;
    uint32_t *other = hi_arena_vector(&self->base.keep, (size_t)parents * sizeof(uint32_t));

    *numbers = hi_arena_vector(&self->base.keep, (size_t)rows * sizeof(uint32_t));
    HI_OP_TRY_MEM(self, other != NULL && *numbers != NULL);
    memset(other, 0xff, (size_t)parents * sizeof(uint32_t));
    for (uint32_t n = 0; n < d->count; n++) {
        if (d->nodes[n].kind != NESTED_KEY) {
            other[d->nodes[n].parent] = n;
        }
    }
    for (uint32_t i = 0; i < rows; i++) {
        (*numbers)[i] = UINT32_MAX;
        if (self->node[i] == UINT32_MAX) {
            continue;
        }
        if (g->of[i] != UINT32_MAX && g->kept[g->of[i]] != UINT32_MAX) {
            self->node[i] = g->kept[g->of[i]];
            continue;
        }
        self->node[i] = other[self->node[i]];
        if (self->node[i] != UINT32_MAX && d->nodes[self->node[i]].kind == NESTED_OTHERS) {
            (*numbers)[i] = self->node[i];
        }
    }
    return HIST_OK;
}

static hist_status nested_others(op_nested *self, uint32_t level, const uint32_t *numbers)
{
    nested_level *d = &self->done[level];
    hist_batch measures;

    HI_TRY(nested_measure(self, level, numbers, &measures));
    if (measures.row_count == 0) {
        return HIST_OK;
    }
    d->others = measures.columns[1];
    for (uint32_t i = 0; i < measures.row_count; i++) {
        d->nodes[hist_column_i64(&measures.columns[0], i)].measure = i;
    }
    return HIST_OK;
}

static hist_status nested_level_run(op_nested *self, uint32_t level)
{
    hi_op *op = &self->base;
    nested_level *d = &self->done[level];
    nested_groups g;
    hist_batch measures;
    uint32_t *order;
    uint32_t *numbers;

    HI_TRY(hi_qctx_check(op->x->ctx, op->x->err));
    HI_TRY(hi_expr_eval_flat(self->levels[level].key, &op->ev, &self->rows, &d->keys));
    HI_OP_TRY_MEM(self, nested_number_all(self, level, &g));
    HI_TRY(nested_measure(self, level, g.of, &measures));
    if (measures.row_count > 0) {
        d->measures = measures.columns[1];
    }
    HI_TRY(nested_sort(self, level, &g, &measures, &order));
    const size_t parents = level == 0 ? 1 : self->done[level - 1].count;
    d->nodes = HI_NEW_ARRAY(&op->keep, nested_node, g.count + parents);
    HI_OP_TRY_MEM(self, d->nodes != NULL);
    nested_nodes(self, level, &g, order, &measures);
    HI_TRY(nested_move(self, level, &g, &numbers));
    return self->levels[level].has_others ? nested_others(self, level, numbers) : HIST_OK;
}

/* ---- result ---- */

/* Key and measure of one level, for the nodes of the last one. path: the node of this level for each of them. */
static bool nested_columns(op_nested *self, uint32_t level, const uint32_t *path, uint32_t count,
                           hist_column *out)
{
    const nested_level *d = &self->done[level];
    const hi_field *fields = &self->base.schema.fields[(size_t)level * 2];
    hi_arena *keep = &self->base.keep;
    hi_col_builder keys;
    hi_col_builder measures;
    hi_value v;

    if (!hi_cb_init(&keys, keep, fields[0].type, count) ||
        !hi_cb_init(&measures, keep, fields[1].type, count)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const nested_node *n = &d->nodes[path[i]];

        if (n->kind == NESTED_NULL) {
            hi_cb_null(&keys);
            hi_cb_null(&measures);
            continue;
        }
        v = self->levels[level].others;
        if (n->kind == NESTED_KEY && !hi_col_value(keep, &d->keys, n->row, &v)) {
            return false;
        }
        hi_cb_value(&keys, &v);
        if (!hi_col_value(keep, n->kind == NESTED_KEY ? &d->measures : &d->others, n->measure,
                          &v)) {
            return false;
        }
        hi_cb_value(&measures, &v);
    }
    return hi_cb_done(&keys, fields[0].type, &out[0]) &&
           hi_cb_done(&measures, fields[1].type, &out[1]);
}

static hist_status nested_result(op_nested *self, hist_batch *out)
{
    hi_op *op = &self->base;
    const uint32_t last = self->level_count - 1;
    const uint32_t count = self->done[last].count;
    uint32_t *path = hi_arena_vector(&op->keep, (size_t)count * sizeof(uint32_t));
    hist_column *columns = hi_op_batch(op, count, out);

    HI_OP_TRY_MEM(self, path != NULL && columns != NULL);
    for (uint32_t i = 0; i < count; i++) {
        path[i] = i;
    }
    for (uint32_t l = self->level_count; l-- > 0;) {
        HI_OP_TRY_MEM(self, nested_columns(self, l, path, count, &columns[(size_t)l * 2]));
        for (uint32_t i = 0; i < count; i++) {
            path[i] = self->done[l].nodes[path[i]].parent;
        }
    }
    return HIST_OK;
}

static hist_status nested_next(hi_op *op, hist_batch *out)
{
    op_nested *self = (op_nested *)op;

    if (self->finished) {
        return HIST_OK;
    }
    self->finished = true;
    HI_TRY(hi_rows_collect(op->child[0], &op->keep, &self->rows));
    if (self->rows.row_count == 0) {
        return HIST_OK;
    }
    self->done = HI_NEW_ARRAY(&op->keep, nested_level, self->level_count);
    self->node = HI_NEW_ARRAY(&op->keep, uint32_t, self->rows.row_count);
    HI_OP_TRY_MEM(self, self->done != NULL && self->node != NULL);
    op->ev.arena = &op->keep;
    for (uint32_t l = 0; l < self->level_count; l++) {
        HI_TRY(nested_level_run(self, l));
    }
    return nested_result(self, out);
}

static hist_status nested_open(hi_op *op)
{
    ((op_nested *)op)->finished = false;
    return HIST_OK;
}

static void nested_close(hi_op *op)
{
    op_nested *self = (op_nested *)op;

    for (uint32_t l = 0; l < self->level_count; l++) {
        hi_op_close(self->levels[l].group);
    }
}

static const hi_op_type op_nested_type = {"top-nested", nested_open, nested_next, nested_close,
                                          NULL};

hi_op *hi_op_top_nested(hi_exec *x, hi_op *child, hi_schema schema, const hi_top_level *levels,
                        uint32_t count)
{
    op_nested *self = hi_op_new(x, &op_nested_type, sizeof(op_nested), child);

    if (self == NULL) {
        return NULL;
    }
    self->base.schema = schema;
    self->base.serialized = true;
    self->levels = levels;
    self->level_count = count;
    return &self->base;
}
