/* op_row.c -- operators that work row by row: filter, project, take, count, serialize, range. */
#include <math.h>
#include <string.h>

#include "query/op.h"

/* ---- filter ---- */

typedef struct op_filter {
    hi_op base;
    const hi_expr *predicate;
    bool whole; /* Calls window functions: one batch of everything. */
    bool done;
} op_filter;

static hist_status filter_open(hi_op *op)
{
    ((op_filter *)op)->done = false;
    return HIST_OK;
}

/* One batch of the child, or all of it when window functions look around. */
static hist_status op_pull(hi_op *op, bool whole, bool *done, hist_batch *in)
{
    if (!whole) {
        return hi_op_next(op->child[0], in);
    }
    *in = (hist_batch){0};
    if (*done) {
        return HIST_OK;
    }
    *done = true;
    return hi_rows_collect(op->child[0], &op->keep, in);
}

static hist_status filter_next(hi_op *op, hist_batch *out)
{
    op_filter *self = (op_filter *)op;

    for (;;) {
        hist_batch in;
        uint32_t count = 0;

        HI_TRY(op_pull(op, self->whole, &self->done, &in));
        if (in.row_count == 0) {
            return HIST_OK;
        }
        hi_arena_rewind(&op->arena, op->mark);
        hi_eval_begin(&op->ev);
        uint32_t *sel = hi_arena_vector(&op->arena, (size_t)in.row_count * sizeof(uint32_t));
        HI_OP_TRY_MEM(self, sel != NULL);
        HI_TRY(hi_expr_filter(self->predicate, &op->ev, &in, sel, &count));
        if (count == 0) {
            continue;
        }
        if (count == in.row_count) {
            *out = in;
            return HIST_OK;
        }
        HI_OP_TRY_MEM(self, hi_rows_gather(&op->arena, &in, sel, count, out));
        return HIST_OK;
    }
}

static void filter_need(hi_op *op, const uint64_t *used)
{
    op_filter *self = (op_filter *)op;
    uint64_t *bits = hi_bits_new(op->x->arena, op->schema.count, false);

    if (bits != NULL) {
        memcpy(bits, used, hi_bits_words(op->schema.count) * sizeof(uint64_t));
        hi_expr_columns(self->predicate, bits);
    }
    hi_op_need(op->child[0], bits);
}

static const hi_op_type op_filter_type = {"where", filter_open, filter_next, NULL, filter_need};

hi_op *hi_op_filter(hi_exec *x, hi_op *child, const hi_expr *predicate)
{
    op_filter *self = hi_op_new(x, &op_filter_type, sizeof(op_filter), child);

    if (self == NULL) {
        return NULL;
    }
    self->predicate = predicate;
    self->whole = hi_expr_is_window(predicate);
    self->base.serialized = child->serialized;
    return &self->base;
}

bool hi_op_is_filter(const hi_op *op)
{
    return op->type == &op_filter_type && !((const op_filter *)op)->whole;
}

/* ---- project ---- */

typedef struct op_project {
    hi_op base;
    const hi_expr *const *exprs;
    uint64_t *used; /* NULL: all. */
    bool whole;
    bool done;
} op_project;

static hist_status project_open(hi_op *op)
{
    ((op_project *)op)->done = false;
    return HIST_OK;
}

static hist_status project_next(hi_op *op, hist_batch *out)
{
    op_project *self = (op_project *)op;
    hist_batch in;

    HI_TRY(op_pull(op, self->whole, &self->done, &in));
    if (in.row_count == 0) {
        return HIST_OK;
    }
    hist_column *columns = hi_op_batch(op, in.row_count, out);
    HI_OP_TRY_MEM(self, columns != NULL);
    for (uint32_t c = 0; c < op->schema.count; c++) {
        if (self->used != NULL && !hist_bit_get(self->used, c)) {
            HI_OP_TRY_MEM(self, hi_col_nulls(&op->arena, op->schema.fields[c].type, in.row_count,
                                             &columns[c]));
            continue;
        }
        HI_TRY(hi_expr_eval(self->exprs[c], &op->ev, &in, &columns[c]));
    }
    return HIST_OK;
}

static void project_need(hi_op *op, const uint64_t *used)
{
    op_project *self = (op_project *)op;
    uint64_t *bits = hi_bits_new(op->x->arena, op->child[0]->schema.count, false);

    self->used = hi_bits_new(op->x->arena, op->schema.count, false);
    if (self->used == NULL || bits == NULL) {
        self->used = NULL;
        hi_op_need(op->child[0], NULL);
        return;
    }
    for (uint32_t c = 0; c < op->schema.count; c++) {
        if (hist_bit_get(used, c)) {
            hi_bit_set(self->used, c);
            hi_expr_columns(self->exprs[c], bits);
        }
    }
    hi_op_need(op->child[0], bits);
}

static const hi_op_type op_project_type = {"project", project_open, project_next, NULL,
                                           project_need};

hi_op *hi_op_project(hi_exec *x, hi_op *child, hi_schema schema, const hi_expr *const *exprs)
{
    op_project *self = hi_op_new(x, &op_project_type, sizeof(op_project), child);

    if (self == NULL) {
        return NULL;
    }
    self->exprs = exprs;
    self->base.schema = schema;
    self->base.serialized = child->serialized;
    for (uint32_t i = 0; i < schema.count; i++) {
        self->whole = self->whole || hi_expr_is_window(exprs[i]);
    }
    return &self->base;
}

const hi_expr *const *hi_op_project_exprs(const hi_op *op)
{
    const op_project *self = (const op_project *)op;

    return op->type == &op_project_type && !self->whole ? self->exprs : NULL;
}

/* ---- take ---- */

typedef struct op_take {
    hi_op base;
    uint64_t rows;
    uint64_t left;
} op_take;

static hist_status take_open(hi_op *op)
{
    op_take *self = (op_take *)op;

    self->left = self->rows;
    return HIST_OK;
}

static hist_status take_next(hi_op *op, hist_batch *out)
{
    op_take *self = (op_take *)op;

    if (self->left == 0) {
        return HIST_OK;
    }
    HI_TRY(hi_op_next(op->child[0], out));
    if (out->row_count > self->left) {
        const hist_batch all = *out;

        HI_OP_TRY_MEM(self, hi_rows_slice(&op->arena, &all, 0, (uint32_t)self->left, out));
    }
    self->left -= out->row_count;
    return HIST_OK;
}

static void op_need_same(hi_op *op, const uint64_t *used)
{
    hi_op_need(op->child[0], used);
}

static const hi_op_type op_take_type = {"take", take_open, take_next, NULL, op_need_same};

hi_op *hi_op_take(hi_exec *x, hi_op *child, uint64_t rows)
{
    op_take *self = hi_op_new(x, &op_take_type, sizeof(op_take), child);

    if (self == NULL) {
        return NULL;
    }
    self->rows = rows;
    self->base.serialized = child->serialized;
    return &self->base;
}

/* ---- serialize ---- */

static hist_status serialize_next(hi_op *op, hist_batch *out)
{
    return hi_op_next(op->child[0], out);
}

static const hi_op_type op_serialize_type = {"serialize", NULL, serialize_next, NULL, op_need_same};

hi_op *hi_op_serialize(hi_exec *x, hi_op *child)
{
    hi_op *self = hi_op_new(x, &op_serialize_type, sizeof(hi_op), child);

    if (self != NULL) {
        self->serialized = true;
    }
    return self;
}

/* ---- count ---- */

typedef struct op_count {
    hi_op base;
    bool done;
    int64_t block_rows; /* In whole blocks, which are not read. */
} op_count;

static hist_status count_open(hi_op *op)
{
    ((op_count *)op)->done = false;
    ((op_count *)op)->block_rows = 0;
    return HIST_OK;
}

/* hi_scan_fold_fn */
static hist_status count_offered(void *arg, const hi_scan_block *block, bool now, bool *taken_out,
                                 hist_error *err)
{
    op_count *self = arg;

    *taken_out = true;
    self->block_rows += now ? block->rows : 0;
    return hi_qctx_check(self->base.x->ctx, err);
}

static hist_status count_next(hi_op *op, hist_batch *out)
{
    op_count *self = (op_count *)op;
    int64_t rows = 0;

    if (self->done) {
        return HIST_OK;
    }
    self->done = true;
    for (;;) {
        hist_batch in;

        HI_TRY(hi_op_next(op->child[0], &in));
        if (in.row_count == 0) {
            break;
        }
        rows += in.row_count;
    }
    rows += self->block_rows;
    hist_column *columns = hi_op_batch(op, 1, out);
    const hi_value v = {.type = HIST_TYPE_LONG, .i64 = rows};
    HI_OP_TRY_MEM(self,
                  columns != NULL && hi_col_const(&op->arena, HIST_TYPE_LONG, 1, &v, &columns[0]));
    return HIST_OK;
}

static void count_need(hi_op *op, const uint64_t *used)
{
    hi_op *scan = op->x->no_pushdown ? NULL : hi_op_scan_below(op->child[0]);

    (void)used;
    hi_op_need(op->child[0], hi_bits_new(op->x->arena, op->child[0]->schema.count, false));
    if (scan != NULL) {
        hi_op_scan_fold(scan, count_offered, op);
    }
}

static const hi_op_type op_count_type = {"count", count_open, count_next, NULL, count_need};

hi_op *hi_op_count(hi_exec *x, hi_op *child)
{
    static const hi_field field = {"Count", HIST_TYPE_LONG};
    op_count *self = hi_op_new(x, &op_count_type, sizeof(op_count), child);

    if (self == NULL) {
        return NULL;
    }
    self->base.schema = (hi_schema){1, &field};
    return &self->base;
}

/* ---- range ---- */

typedef struct op_range {
    hi_op base;
    hi_range_spec spec;
    uint64_t count;
    uint64_t at;
} op_range;

/* How many values there are; 0 for an empty range. */
static uint64_t range_count(const hi_range_spec *s)
{
    if (s->from.null || s->to.null || s->step.null) {
        return 0;
    }
    if (s->type == HIST_TYPE_REAL) {
        const double n = floor((s->to.real - s->from.real) / s->step.real + 1e-10);

        return n >= 0 && n < 9e15 ? (uint64_t)n + 1 : 0;
    }
    if (s->step.i64 == 0) {
        return 0;
    }
    const bool up = s->step.i64 > 0;
    if (up ? s->from.i64 > s->to.i64 : s->from.i64 < s->to.i64) {
        return 0;
    }
    const uint64_t span = up ? (uint64_t)s->to.i64 - (uint64_t)s->from.i64
                             : (uint64_t)s->from.i64 - (uint64_t)s->to.i64;
    const uint64_t step = up ? (uint64_t)s->step.i64 : 0 - (uint64_t)s->step.i64;
    return span / step + (span / step != UINT64_MAX);
}

static hist_status range_open(hi_op *op)
{
    op_range *self = (op_range *)op;

    self->at = 0;
    self->count = range_count(&self->spec);
    return HIST_OK;
}

static hist_status range_next(hi_op *op, hist_batch *out)
{
    op_range *self = (op_range *)op;
    const uint64_t left = self->count - self->at;
    const uint32_t rows = (uint32_t)(left < 16384 ? left : 16384);
    void *data = NULL;

    if (rows == 0) {
        return HIST_OK;
    }
    hist_column *columns = hi_op_batch(op, rows, out);
    HI_OP_TRY_MEM(self, columns != NULL &&
                            hi_col_new(&op->arena, self->spec.type, rows, &columns[0], &data));
    for (uint32_t i = 0; i < rows; i++) {
        const uint64_t k = self->at + i;

        if (self->spec.type == HIST_TYPE_REAL) {
            ((double *)data)[i] = self->spec.from.real + (double)k * self->spec.step.real;
        } else {
            ((int64_t *)data)[i] =
                (int64_t)((uint64_t)self->spec.from.i64 + k * (uint64_t)self->spec.step.i64);
        }
    }
    self->at += rows;
    return HIST_OK;
}

static const hi_op_type op_range_type = {"range", range_open, range_next, NULL, NULL};

hi_op *hi_op_range(hi_exec *x, const char *name, const hi_range_spec *spec)
{
    op_range *self = hi_op_new(x, &op_range_type, sizeof(op_range), NULL);
    hi_field *field = HI_NEW(x->arena, hi_field);

    if (self == NULL || field == NULL) {
        return NULL;
    }
    *field = (hi_field){name, spec->type};
    self->spec = *spec;
    self->base.schema = (hi_schema){1, field};
    self->base.serialized = true;
    return &self->base;
}
