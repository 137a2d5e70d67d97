/*
 * op_join.c -- joins. Know first: the right side is collected and its rows are chained by key; left batches stream by, a
 * batch of the result is a list of pairs of rows and one gather a column. Null keys match null keys.
 */
#include "query/op_join.h"

#include <string.h>

#include "query/op_keys.h"

typedef struct op_join {
    hi_op base;
    hi_join spec;
    hist_batch right;
    hi_keymap map;  /* Keys of the right side. */
    hi_keymap seen; /* innerunique: left keys that had their row. */
    hi_buf key;
    uint32_t *heads; /* First and last row of each key + 1. */
    uint32_t *tails;
    uint32_t *next;    /* Of each right row the next with its key + 1. */
    uint64_t *matched; /* Right rows some left row met. */
    bool built;
    bool left_done;
    hist_batch left; /* Current batch. */
    hist_column *left_keys;
    hi_arena left_arena;
    uint32_t at;    /* Row of `left` to look up next. */
    uint32_t chain; /* Right row + 1 to pair with row at - 1 next. */
    uint32_t right_at;
    uint32_t *pairs[2];
    uint32_t pair_count;
} op_join;

static hist_status join_key_columns(op_join *self, const hi_expr *const *exprs,
                                    const hist_batch *in, hi_arena *arena, hist_column **out)
{
    hi_op *op = &self->base;
    hist_column *columns = HI_NEW_ARRAY(arena, hist_column, (size_t)self->spec.key_count + 1);

    HI_OP_TRY_MEM(self, columns != NULL);
    op->ev.arena = arena;
    hi_eval_begin(&op->ev);
    for (uint32_t k = 0; k < self->spec.key_count; k++) {
        HI_TRY(hi_expr_eval(exprs[k], &op->ev, in, &columns[k]));
    }
    op->ev.arena = &op->arena;
    *out = columns;
    return HIST_OK;
}

static bool join_key(op_join *self, const hist_column *columns, uint32_t row)
{
    hi_buf_clear(&self->key);
    for (uint32_t k = 0; k < self->spec.key_count; k++) {
        hi_key_put(&self->key, &self->base.arena, &columns[k], row);
    }
    return hi_buf_ok(&self->key);
}

/* ---- the right side ---- */

static hist_status join_chain(op_join *self, const hist_column *columns)
{
    const uint32_t n = self->right.row_count;

    for (uint32_t row = 0; row < n; row++) {
        HI_OP_TRY_MEM(self, join_key(self, columns, row));
        const uint32_t id = hi_keymap_get(&self->map, self->key.data, self->key.size, true);
        HI_OP_TRY_MEM(self, id != UINT32_MAX);
        if (self->spec.reverse) {
            self->next[row] = self->heads[id];
            self->heads[id] = row + 1;
            continue;
        }
        if (self->heads[id] == 0) {
            self->heads[id] = row + 1;
        } else {
            self->next[self->tails[id] - 1] = row + 1;
        }
        self->tails[id] = row + 1;
    }
    return HIST_OK;
}

static hist_status join_build(op_join *self)
{
    hi_op *op = &self->base;
    hist_column *columns;

    self->built = true;
    HI_TRY(hi_op_open(op->child[1]));
    HI_TRY(hi_rows_collect(op->child[1], &op->keep, &self->right));
    hi_op_close(op->child[1]);
    const size_t n = (size_t)self->right.row_count + 1;
    self->heads = HI_NEW_ARRAY(&op->keep, uint32_t, n);
    self->tails = HI_NEW_ARRAY(&op->keep, uint32_t, n);
    self->next = HI_NEW_ARRAY(&op->keep, uint32_t, n);
    self->matched = hi_bits_new(&op->keep, self->right.row_count, false);
    HI_OP_TRY_MEM(self, self->heads != NULL && self->tails != NULL && self->next != NULL &&
                            self->matched != NULL);
    HI_TRY(join_key_columns(self, self->spec.right_keys, &self->right, &op->keep, &columns));
    return join_chain(self, columns);
}

/* ---- pairs ---- */

static bool join_full(const op_join *self)
{
    return self->pair_count == HIST_BATCH_ROWS_MAX;
}

static void join_pair(op_join *self, uint32_t left, uint32_t right)
{
    self->pairs[0][self->pair_count] = left;
    self->pairs[1][self->pair_count++] = right;
}

/* innerunique: whether an earlier left row had this key. */
static hist_status join_skip(op_join *self, bool *skip)
{
    *skip = false;
    if (self->spec.kind != HI_JOIN_INNERUNIQUE) {
        return HIST_OK;
    }
    const uint32_t before = self->seen.count;
    HI_OP_TRY_MEM(self,
                  hi_keymap_get(&self->seen, self->key.data, self->key.size, true) != UINT32_MAX);
    *skip = self->seen.count == before;
    return HIST_OK;
}

/* What a left row gives when its right rows are known: a chain to pair, or itself. */
static void join_row(op_join *self, uint32_t row, uint32_t head)
{
    switch (self->spec.kind) {
    case HI_JOIN_LEFTSEMI:
    case HI_JOIN_LEFTANTI:
        if ((head != 0) == (self->spec.kind == HI_JOIN_LEFTSEMI)) {
            join_pair(self, row, HI_ROW_NONE);
        }
        break;
    case HI_JOIN_RIGHTSEMI:
    case HI_JOIN_RIGHTANTI:
        for (uint32_t r = head; r != 0; r = self->next[r - 1]) {
            hi_bit_set(self->matched, r - 1);
        }
        break;
    case HI_JOIN_LEFTOUTER:
    case HI_JOIN_FULLOUTER:
        if (head == 0) {
            join_pair(self, row, HI_ROW_NONE);
        }
        self->chain = head;
        break;
    case HI_JOIN_INNERUNIQUE:
    case HI_JOIN_INNER:
    case HI_JOIN_RIGHTOUTER:
    default:
        self->chain = head;
        break;
    }
}

static hist_status join_probe(op_join *self)
{
    while (!join_full(self)) {
        bool skip;

        if (self->chain != 0) {
            const uint32_t r = self->chain - 1;

            hi_bit_set(self->matched, r);
            join_pair(self, self->at - 1, r);
            self->chain = self->next[r];
            continue;
        }
        if (self->at >= self->left.row_count) {
            break;
        }
        HI_OP_TRY_MEM(self, join_key(self, self->left_keys, self->at));
        const uint32_t id = hi_keymap_get(&self->map, self->key.data, self->key.size, false);
        HI_TRY(join_skip(self, &skip));
        const uint32_t row = self->at++;
        if (!skip) {
            join_row(self, row, id == UINT32_MAX ? 0 : self->heads[id]);
        }
    }
    return HIST_OK;
}

/* Right rows at the end: those without a match, or all with one. */
static void join_rest(op_join *self)
{
    const hi_join_kind kind = self->spec.kind;
    const bool wanted = kind == HI_JOIN_RIGHTSEMI;

    if (kind != HI_JOIN_RIGHTOUTER && kind != HI_JOIN_FULLOUTER && kind != HI_JOIN_RIGHTSEMI &&
        kind != HI_JOIN_RIGHTANTI) {
        return;
    }
    for (; self->right_at < self->right.row_count && !join_full(self); self->right_at++) {
        if (hist_bit_get(self->matched, self->right_at) == wanted) {
            join_pair(self, HI_ROW_NONE, self->right_at);
        }
    }
}

/* ---- operator ---- */

static hist_status join_load(op_join *self)
{
    hi_op *op = &self->base;

    HI_TRY(hi_op_next(op->child[0], &self->left));
    self->at = 0;
    self->left_done = self->left.row_count == 0;
    if (self->left_done) {
        return HIST_OK;
    }
    hi_arena_free(&self->left_arena);
    return join_key_columns(self, self->spec.left_keys, &self->left, &self->left_arena,
                            &self->left_keys);
}

static hist_status join_emit(op_join *self, hist_batch *out)
{
    hi_op *op = &self->base;
    const uint32_t n = self->pair_count;
    hist_column *columns = hi_op_batch(op, n, out);

    HI_OP_TRY_MEM(self, columns != NULL);
    for (uint32_t c = 0; c < self->spec.left_count; c++) {
        const bool ok =
            self->left.row_count > 0
                ? hi_col_gather(&op->arena, &self->left.columns[c], self->pairs[0], n, &columns[c])
                : hi_col_nulls(&op->arena, op->schema.fields[c].type, n, &columns[c]);
        HI_OP_TRY_MEM(self, ok);
    }
    for (uint32_t i = 0; i < self->spec.right_count; i++) {
        const uint32_t c = self->spec.left_count + i;

        HI_OP_TRY_MEM(self, hi_col_gather(&op->arena, &self->right.columns[self->spec.right[i]],
                                          self->pairs[1], n, &columns[c]));
    }
    return HIST_OK;
}

static hist_status join_next(hi_op *op, hist_batch *out)
{
    op_join *self = (op_join *)op;

    if (!self->built) {
        HI_TRY(join_build(self));
    }
    self->pairs[0] = hi_arena_vector(&op->arena, HIST_BATCH_ROWS_MAX * sizeof(uint32_t));
    self->pairs[1] = hi_arena_vector(&op->arena, HIST_BATCH_ROWS_MAX * sizeof(uint32_t));
    self->pair_count = 0;
    HI_OP_TRY_MEM(self, self->pairs[0] != NULL && self->pairs[1] != NULL);
    while (self->pair_count == 0) {
        if (self->chain == 0 && self->at >= self->left.row_count && !self->left_done) {
            HI_TRY(join_load(self));
        }
        if (self->left_done) {
            join_rest(self);
            break;
        }
        HI_TRY(join_probe(self));
    }
    return self->pair_count == 0 ? HIST_OK : join_emit(self, out);
}

static hist_status join_open(hi_op *op)
{
    op_join *self = (op_join *)op;

    self->built = self->left_done = false;
    self->left = (hist_batch){0};
    self->at = self->chain = self->right_at = 0;
    hi_arena_init(&self->left_arena, op->x->ctx->mem);
    hi_buf_init(&self->key, op->x->ctx->mem, INT32_MAX);
    HI_OP_TRY_MEM(self,
                  hi_keymap_init(&self->map, &op->keep) && hi_keymap_init(&self->seen, &op->keep));
    return hi_op_open(op->child[0]);
}

static void join_close(hi_op *op)
{
    op_join *self = (op_join *)op;

    if (self->left_arena.mem != NULL) {
        hi_arena_free(&self->left_arena);
        hi_buf_free(&self->key);
    }
}

/* Keys are always read; of the rest what the result uses. */
static void join_need(hi_op *op, const uint64_t *used)
{
    const op_join *self = (const op_join *)op;
    uint64_t *left = hi_bits_new(op->x->arena, op->child[0]->schema.count, false);
    uint64_t *right = hi_bits_new(op->x->arena, op->child[1]->schema.count, false);

    for (uint32_t c = 0; left != NULL && c < self->spec.left_count; c++) {
        if (hist_bit_get(used, c)) {
            hi_bit_set(left, c);
        }
    }
    for (uint32_t i = 0; right != NULL && i < self->spec.right_count; i++) {
        if (hist_bit_get(used, self->spec.left_count + i)) {
            hi_bit_set(right, self->spec.right[i]);
        }
    }
    for (uint32_t k = 0; left != NULL && right != NULL && k < self->spec.key_count; k++) {
        hi_expr_columns(self->spec.left_keys[k], left);
        hi_expr_columns(self->spec.right_keys[k], right);
    }
    hi_op_need(op->child[0], left);
    hi_op_need(op->child[1], right);
}

static const hi_op_type op_join_type = {"join", join_open, join_next, join_close, join_need};

hi_op *hi_op_join(hi_exec *x, hi_op *left, hi_op *right, const hi_join *spec)
{
    op_join *self = hi_op_new(x, &op_join_type, sizeof(op_join), left);

    if (self == NULL) {
        return NULL;
    }
    self->base.child[1] = right;
    self->base.lazy = true;
    self->base.schema = spec->schema;
    self->spec = *spec;
    return &self->base;
}

/* ---- union ---- */

typedef struct op_union {
    hi_op base;
    hi_op *const *legs;
    uint32_t count;
    uint32_t at;
    bool leg_open;
} op_union;

static hist_status union_open(hi_op *op)
{
    op_union *self = (op_union *)op;

    self->at = 0;
    self->leg_open = false;
    return HIST_OK;
}

static hist_status union_next(hi_op *op, hist_batch *out)
{
    op_union *self = (op_union *)op;

    while (self->at < self->count) {
        hi_op *leg = self->legs[self->at];

        if (!self->leg_open) {
            self->leg_open = true;
            HI_TRY(hi_op_open(leg));
        }
        HI_TRY(hi_op_next(leg, out));
        if (out->row_count > 0) {
            return HIST_OK;
        }
        hi_op_close(leg);
        self->leg_open = false;
        self->at++;
    }
    return HIST_OK;
}

static void union_close(hi_op *op)
{
    const op_union *self = (const op_union *)op;

    for (uint32_t i = 0; i < self->count; i++) {
        hi_op_close(self->legs[i]);
    }
}

static void union_need(hi_op *op, const uint64_t *used)
{
    const op_union *self = (const op_union *)op;

    for (uint32_t i = 0; i < self->count; i++) {
        hi_op_need(self->legs[i], used);
    }
}

static const hi_op_type op_union_type = {"union", union_open, union_next, union_close, union_need};

hi_op *hi_op_union(hi_exec *x, hi_op *const *legs, uint32_t count)
{
    op_union *self = hi_op_new(x, &op_union_type, sizeof(op_union), NULL);

    if (self == NULL) {
        return NULL;
    }
    self->legs = legs;
    self->count = count;
    self->base.schema = legs[0]->schema;
    return &self->base;
}
