/*
 * op_scan_steps.c -- scan: sequences of rows matched by steps with a state. Know first:
 *
 *   - every step has at most one sequence: the rows its steps so far matched last, with their declared columns;
 *   - a row is tried on the steps from the last to the first: first whether it takes the sequence of the step before
 *     over, then whether it goes on with the step's own; the first step begins sequences;
 *   - expressions that look at the child's columns only are evaluated once for all rows, the others row by row.
 */
#include "query/op_scan_steps.h"

#include <string.h>

/* A row as a step matched it. */
typedef struct scan_record {
    struct scan_record *next; /* Given out for the same row of the child. */
    uint32_t row;
    int64_t match_id;
    hi_value declared[];
} scan_record;

typedef struct scan_state {
    bool active;
    int64_t match_id;
    scan_record **records; /* One a step; NULL: not matched yet. */
} scan_state;

typedef struct scan_expr {
    const hi_expr *e;
    const uint32_t *used; /* Columns that are not constant for all rows. */
    uint32_t used_count;
    bool whole;
    hist_column column; /* whole: over all rows. */
} scan_expr;

typedef struct op_steps {
    hi_op base;
    hi_steps spec;
    scan_expr *exprs; /* For each step: condition, then assignments. */
    scan_state *states;
    hist_batch rows;
    hist_batch one; /* The row that is tried, with what it sees. */
    hist_column *columns;
    scan_record **first; /* By row of the child. */
    scan_record **last;
    uint32_t given; /* Records to give out. */
    int64_t next_match;
    hi_arena scratch; /* Of one row. */
    bool done;
} op_steps;

static uint32_t scan_source_count(const op_steps *self)
{
    return self->base.child[0]->schema.count;
}

static scan_expr *scan_expr_of(const op_steps *self, uint32_t step)
{
    return &self->exprs[(size_t)step * (self->spec.declared + 1)];
}

/* ---- before the first row ---- */

static bool scan_expr_init(op_steps *self, const hi_expr *e, scan_expr *out)
{
    hi_arena *keep = &self->base.keep;
    const uint32_t width = scan_source_count(self) + self->spec.declared;
    const uint32_t total = width * (self->spec.count + 1);
    uint64_t *bits = hi_bits_new(keep, total, false);
    uint32_t *used = HI_NEW_ARRAY(keep, uint32_t, (size_t)total + 1);

    *out = (scan_expr){.e = e, .used = used, .whole = true};
    if (bits == NULL || used == NULL) {
        return false;
    }
    if (e == NULL) {
        return true;
    }
    hi_expr_columns(e, bits);
    for (uint32_t c = 0; c < total; c++) {
        if (hist_bit_get(bits, c)) {
            used[out->used_count++] = c;
            out->whole = out->whole && c < scan_source_count(self);
        }
    }
    return true;
}

static hist_status scan_exprs_init(op_steps *self)
{
    hi_op *op = &self->base;
    const uint32_t per = self->spec.declared + 1;

    self->exprs = HI_NEW_ARRAY(&op->keep, scan_expr, (size_t)per * self->spec.count);
    HI_OP_TRY_MEM(self, self->exprs != NULL);
    op->ev.arena = &op->keep;
    for (uint32_t i = 0; i < per * self->spec.count; i++) {
        const hi_step *step = &self->spec.steps[i / per];
        const hi_expr *e = i % per == 0 ? step->condition : step->assign[i % per - 1];
        scan_expr *x = &self->exprs[i];

        HI_OP_TRY_MEM(self, scan_expr_init(self, e, x));
        if (e != NULL && x->whole) {
            HI_TRY(hi_expr_eval(e, &op->ev, &self->rows, &x->column));
        }
    }
    op->ev.arena = &self->scratch;
    return HIST_OK;
}

static hist_status scan_begin(op_steps *self)
{
    hi_op *op = &self->base;
    const uint32_t steps = self->spec.count;
    const uint32_t width = scan_source_count(self) + self->spec.declared;

    HI_TRY(hi_rows_collect(op->child[0], &op->keep, &self->rows));
    const uint32_t rows = self->rows.row_count;
    self->states = HI_NEW_ARRAY(&op->keep, scan_state, steps);
    self->columns = HI_NEW_ARRAY(&op->keep, hist_column, (size_t)width * (steps + 1));
    self->first = HI_NEW_ARRAY(&op->keep, scan_record *, (size_t)rows + 1);
    self->last = HI_NEW_ARRAY(&op->keep, scan_record *, (size_t)rows + 1);
    HI_OP_TRY_MEM(self, self->states != NULL && self->columns != NULL && self->first != NULL &&
                            self->last != NULL);
    for (uint32_t s = 0; s < steps; s++) {
        self->states[s].records = HI_NEW_ARRAY(&op->keep, scan_record *, steps);
        HI_OP_TRY_MEM(self, self->states[s].records != NULL);
    }
    self->one = (hist_batch){.column_count = width * (steps + 1),
                             .row_count = 1,
                             .sel_count = 1,
                             .columns = self->columns};
    self->next_match = 0;
    self->given = 0;
    return rows == 0 ? HIST_OK : scan_exprs_init(self);
}

/* ---- what an expression sees ---- */

/* Column c of what the expressions are bound over, for a row and a sequence (NULL: none). */
static bool scan_column(op_steps *self, uint32_t c, uint32_t row, const scan_state *state)
{
    const uint32_t n = scan_source_count(self);
    const uint32_t width = n + self->spec.declared;
    const uint32_t inner = c % width;
    const hist_type type = self->base.schema.fields[inner].type;
    const scan_record *record = c < width || state == NULL ? NULL : state->records[c / width - 1];
    hist_column *to = &self->columns[c];

    if (inner >= n) {
        const hi_value *v =
            record != NULL ? &record->declared[inner - n] : &self->spec.defaults[inner - n];

        return v->null ? hi_col_nulls(&self->scratch, type, 1, to)
                       : hi_col_const(&self->scratch, type, 1, v, to);
    }
    if (c >= width && record == NULL) {
        return hi_col_nulls(&self->scratch, type, 1, to);
    }
    return hi_col_repeat(&self->scratch, &self->rows.columns[inner],
                         record != NULL ? record->row : row, 1, to);
}

static hist_status scan_value(op_steps *self, const scan_expr *x, uint32_t row,
                              const scan_state *state, hi_value *out)
{
    hi_op *op = &self->base;
    hist_column result;

    if (x->whole) {
        HI_OP_TRY_MEM(self, hi_col_value(&self->scratch, &x->column, row, out));
        return HIST_OK;
    }
    for (uint32_t i = 0; i < x->used_count; i++) {
        HI_OP_TRY_MEM(self, scan_column(self, x->used[i], row, state));
    }
    hi_eval_begin(&op->ev);
    HI_TRY(hi_expr_eval(x->e, &op->ev, &self->one, &result));
    HI_OP_TRY_MEM(self, hi_col_value(&self->scratch, &result, 0, out));
    return HIST_OK;
}

static hist_status scan_is(op_steps *self, uint32_t step, uint32_t row, const scan_state *state,
                           bool *out)
{
    hi_value v;

    HI_TRY(scan_value(self, scan_expr_of(self, step), row, state, &v));
    *out = !v.null && v.i64 != 0;
    return HIST_OK;
}

/* ---- what a step does ---- */

static void scan_give(op_steps *self, scan_record *record)
{
    if (self->first[record->row] == NULL) {
        self->first[record->row] = record;
    } else {
        self->last[record->row]->next = record;
    }
    self->last[record->row] = record;
    self->given++;
}

/* The row a step with output=last matched last, when its sequence leaves the step. */
static void scan_leave(op_steps *self, uint32_t step)
{
    const scan_state *state = &self->states[step];

    if (state->active && self->spec.steps[step].output == HI_STEP_LAST &&
        state->records[step] != NULL) {
        scan_give(self, state->records[step]);
    }
}

static bool scan_keep_value(hi_arena *keep, hi_value *v)
{
    if (v->null || (v->type != HIST_TYPE_STRING && v->type != HIST_TYPE_DYNAMIC)) {
        return true;
    }
    v->str.data = hi_arena_strdup(keep, v->str.data, v->str.size);
    return v->str.data != NULL;
}

/* The step matched: its assignments see the sequence as it was. */
static hist_status scan_match(op_steps *self, uint32_t step, uint32_t row)
{
    hi_arena *keep = &self->base.keep;
    scan_state *state = &self->states[step];
    const uint32_t n = self->spec.declared;
    scan_record *record =
        hi_arena_calloc(keep, 1, sizeof(scan_record) + n * sizeof(record->declared[0]));

    HI_OP_TRY_MEM(self, record != NULL);
    record->row = row;
    record->match_id = state->match_id;
    for (uint32_t d = 0; d < n; d++) {
        const scan_expr *x = scan_expr_of(self, step) + 1 + d;

        record->declared[d] = self->spec.defaults[d];
        if (x->e != NULL) {
            HI_TRY(scan_value(self, x, row, state, &record->declared[d]));
            HI_OP_TRY_MEM(self, scan_keep_value(keep, &record->declared[d]));
        }
    }
    state->records[step] = record;
    if (self->spec.steps[step].output == HI_STEP_ALL) {
        scan_give(self, record);
    }
    return HIST_OK;
}

/* The sequence a row may take over for `step`: that of the step before, past optional ones that have none. */
static scan_state *scan_before(op_steps *self, uint32_t step)
{
    for (uint32_t s = step; s > 0; s--) {
        if (self->states[s - 1].active) {
            return &self->states[s - 1];
        }
        if (!self->spec.steps[s - 1].optional) {
            break;
        }
    }
    return NULL;
}

/* Sequences begin at the first step, or at a later one when all before are optional. */
static bool scan_may_begin(const op_steps *self, uint32_t step)
{
    for (uint32_t s = 0; s < step; s++) {
        if (!self->spec.steps[s].optional) {
            return false;
        }
    }
    return true;
}

static hist_status scan_take_over(op_steps *self, uint32_t step, uint32_t row, bool *matched)
{
    scan_state *before = scan_before(self, step);
    scan_state *state = &self->states[step];

    *matched = false;
    if (before == NULL) {
        return HIST_OK;
    }
    HI_TRY(scan_is(self, step, row, before, matched));
    if (!*matched) {
        return HIST_OK;
    }
    scan_leave(self, step);
    scan_leave(self, (uint32_t)(before - self->states));
    memcpy(state->records, before->records, self->spec.count * sizeof(scan_record *));
    state->records[step] = NULL;
    state->match_id = before->match_id;
    state->active = true;
    before->active = false;
    memset(before->records, 0, self->spec.count * sizeof(scan_record *));
    return scan_match(self, step, row);
}

static hist_status scan_go_on(op_steps *self, uint32_t step, uint32_t row)
{
    scan_state *state = &self->states[step];
    bool matched;

    if (!state->active && !scan_may_begin(self, step)) {
        return HIST_OK;
    }
    HI_TRY(scan_is(self, step, row, state, &matched));
    if (!matched) {
        return HIST_OK;
    }
    if (!state->active) {
        state->active = true;
        state->match_id = self->next_match++;
    }
    return scan_match(self, step, row);
}

static hist_status scan_row(op_steps *self, uint32_t row)
{
    for (uint32_t s = self->spec.count; s-- > 0;) {
        bool matched;

        HI_TRY(scan_take_over(self, s, row, &matched));
        if (!matched) {
            HI_TRY(scan_go_on(self, s, row));
        }
    }
    return HIST_OK;
}

static hist_status scan_rows(op_steps *self)
{
    const hi_arena_mark mark = hi_arena_save(&self->scratch);

    for (uint32_t i = 0; i < self->rows.row_count; i++) {
        HI_TRY(scan_row(self, i));
        hi_arena_rewind(&self->scratch, mark);
        if (i % 4096 == 4095) {
            HI_TRY(hi_qctx_check(self->base.x->ctx, self->base.x->err));
        }
    }
    for (uint32_t s = 0; s < self->spec.count; s++) {
        scan_leave(self, s);
    }
    return HIST_OK;
}

/* ---- operator ---- */

static bool scan_builders(op_steps *self, hi_col_builder *cb)
{
    const hi_schema *schema = &self->base.schema;
    const uint32_t n = scan_source_count(self);
    bool ok = true;

    for (uint32_t c = n; c < schema->count && ok; c++) {
        ok = hi_cb_init(&cb[c - n], &self->base.keep, schema->fields[c].type, self->given);
    }
    return ok;
}

/* Values of the declared columns in `cb`, rows of the child in `from`. */
static void scan_collect(op_steps *self, hi_col_builder *cb, uint32_t *from)
{
    uint32_t k = 0;

    for (uint32_t i = 0; i < self->rows.row_count; i++) {
        for (const scan_record *r = self->first[i]; r != NULL; r = r->next) {
            from[k++] = i;
            for (uint32_t d = 0; d < self->spec.declared; d++) {
                if (r->declared[d].null) {
                    hi_cb_null(&cb[d]);
                } else {
                    hi_cb_value(&cb[d], &r->declared[d]);
                }
            }
            if (self->spec.match_id) {
                hi_cb_i64(&cb[self->spec.declared], r->match_id);
            }
        }
    }
}

static bool scan_result(op_steps *self, hist_batch *out)
{
    hi_op *op = &self->base;
    hi_arena *keep = &op->keep;
    const uint32_t n = scan_source_count(self);
    hist_batch source;
    uint32_t *from = hi_arena_vector(keep, (size_t)self->given * sizeof(uint32_t));
    hi_col_builder *cb = HI_NEW_ARRAY(keep, hi_col_builder, (size_t)op->schema.count - n + 1);
    hist_column *columns = hi_op_batch(op, self->given, out);

    if (from == NULL || cb == NULL || columns == NULL || !scan_builders(self, cb)) {
        return false;
    }
    scan_collect(self, cb, from);
    if (!hi_rows_gather(keep, &self->rows, from, self->given, &source)) {
        return false;
    }
    memcpy(columns, source.columns, n * sizeof(hist_column));
    for (uint32_t c = n; c < op->schema.count; c++) {
        if (!hi_cb_done(&cb[c - n], op->schema.fields[c].type, &columns[c])) {
            return false;
        }
    }
    return true;
}

static hist_status scan_next(hi_op *op, hist_batch *out)
{
    op_steps *self = (op_steps *)op;

    if (self->done) {
        return HIST_OK;
    }
    self->done = true;
    HI_TRY(scan_begin(self));
    HI_TRY(scan_rows(self));
    if (self->given == 0) {
        return HIST_OK;
    }
    HI_OP_TRY_MEM(self, scan_result(self, out));
    return HIST_OK;
}

static hist_status scan_open(hi_op *op)
{
    op_steps *self = (op_steps *)op;

    self->done = false;
    hi_arena_init(&self->scratch, op->x->ctx->mem);
    return HIST_OK;
}

static void scan_close(hi_op *op)
{
    hi_arena_free(&((op_steps *)op)->scratch);
}

static const hi_op_type op_steps_type = {"scan", scan_open, scan_next, scan_close, NULL};

hi_op *hi_op_steps(hi_exec *x, hi_op *child, const hi_steps *spec)
{
    op_steps *self = hi_op_new(x, &op_steps_type, sizeof(op_steps), child);

    if (self == NULL) {
        return NULL;
    }
    self->spec = *spec;
    self->base.schema = spec->schema;
    self->base.serialized = true;
    return &self->base;
}
