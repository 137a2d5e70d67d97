/* agg.c -- the frame of aggregates and the operator that groups rows; see agg.h. */
#include "query/agg.h"

#include <string.h>

#include "query/op_fold.h"

hist_status hi_agg_no_memory(const hi_agg_run *run)
{
    return hi_no_memory(run->op->x->err, run->agg->kind->name);
}

hist_status hi_agg_open(hi_agg_run *run, const hi_agg *agg, hi_op *op)
{
    *run = (hi_agg_run){.agg = agg, .op = op, .to = &op->keep};
    return agg->kind->open != NULL ? agg->kind->open(run) : HIST_OK;
}

/* State for at least `groups`. */
static hist_status agg_room(hi_agg_run *run, uint32_t groups)
{
    const size_t size = run->agg->kind->state_size;
    uint32_t capacity = run->capacity == 0 ? 16 : run->capacity;

    if (size == 0 || groups <= run->zeroed) {
        return HIST_OK;
    }
    if (groups > run->capacity) {
        while (capacity < groups) {
            capacity *= 2;
        }
        uint8_t *state = hi_arena_alloc(&run->op->keep, capacity * size);
        if (state == NULL) {
            return hi_agg_no_memory(run);
        }
        if (run->zeroed > 0) {
            memcpy(state, run->state, run->zeroed * size);
        }
        run->state = state;
        run->capacity = capacity;
    }
    /* No further than needed: memory that is not touched costs nothing. */
    memset((uint8_t *)run->state + run->zeroed * size, 0, (groups - run->zeroed) * size);
    run->zeroed = groups;
    return HIST_OK;
}

bool hi_agg_forgets(const hi_agg *agg)
{
    return agg->kind->open == NULL;
}

void hi_agg_keep_last(hi_agg_run *run, uint32_t last)
{
    const size_t size = run->agg->kind->state_size;

    if (run->zeroed > last && last > 0) {
        memcpy(run->state, (const uint8_t *)run->state + last * size, size);
    }
    run->zeroed = 1;
}

static hist_status agg_mask(hi_agg_run *run, const hist_batch *in, const uint64_t **out)
{
    hi_op *op = run->op;
    hist_column c;

    *out = NULL;
    if (run->agg->filter == NULL) {
        return HIST_OK;
    }
    HI_TRY(hi_expr_eval_flat(run->agg->filter, &op->ev, in, &c));
    uint64_t *mask = hi_bits_new(&op->arena, in->row_count, false);
    if (mask == NULL) {
        return hi_agg_no_memory(run);
    }
    const uint64_t *bits = c.data;
    for (size_t w = 0; w < hi_bits_words(in->row_count); w++) {
        mask[w] = bits[w] & (c.valid == NULL ? UINT64_MAX : c.valid[w]);
    }
    *out = mask;
    return HIST_OK;
}

static hist_status agg_arg(hi_agg_run *run, uint32_t i, const hist_batch *in, const uint64_t *mask,
                           hist_column *out)
{
    hi_op *op = run->op;

    HI_TRY(hi_expr_eval_flat(run->agg->args[i], &op->ev, in, out));
    if (mask == NULL || out->valid == NULL) {
        out->valid = mask == NULL ? out->valid : mask;
        return HIST_OK;
    }
    uint64_t *both = hi_bits_new(&op->arena, in->row_count, false);
    if (both == NULL) {
        return hi_agg_no_memory(run);
    }
    for (size_t w = 0; w < hi_bits_words(in->row_count); w++) {
        both[w] = out->valid[w] & mask[w];
    }
    out->valid = both;
    return HIST_OK;
}

hist_status hi_agg_update(hi_agg_run *run, const hist_batch *in, const hi_stretch *stretches,
                          uint32_t count, uint32_t groups)
{
    const uint64_t *mask;
    hist_column *args = HI_NEW_ARRAY(&run->op->arena, hist_column, (size_t)run->agg->arg_count + 1);

    if (args == NULL) {
        return hi_agg_no_memory(run);
    }
    HI_TRY(agg_room(run, groups));
    HI_TRY(agg_mask(run, in, &mask));
    for (uint32_t i = 0; i < run->agg->arg_count; i++) {
        HI_TRY(agg_arg(run, i, in, mask, &args[i]));
    }
    return run->agg->kind->update(run, args, mask, stretches, count);
}

hist_status hi_agg_take_block(hi_agg_run *run, const hi_agg_fold *fold, uint32_t group,
                              uint32_t groups, uint32_t values, const hi_block_stats *stats)
{
    HI_TRY(agg_room(run, groups));
    fold->fold((uint8_t *)run->state + (size_t)group * run->agg->kind->state_size, values, stats);
    return HIST_OK;
}

hist_status hi_agg_finish(hi_agg_run *run, uint32_t groups, hist_column *out)
{
    HI_TRY(agg_room(run, groups == 0 ? 1 : groups));
    return run->agg->kind->finish(run, groups, out);
}

/* ---- the operator ---- */

typedef struct op_group {
    hi_op base;
    const hi_expr *const *keys;
    uint32_t key_count;
    uint32_t agg_count;
    const hi_agg *aggs;
    hi_agg_run *runs;
    hi_grouper grouper;
    hi_fold *fold; /* NULL: every value is read. */
    bool forgets;  /* Rows of a group come one after another: all groups but the last are done. */
    bool done;
} op_group;

/* Groups that make a batch where they are given out before the end. */
enum { GROUP_BATCH_MIN = 1024 };

static hist_status group_open(hi_op *op)
{
    op_group *self = (op_group *)op;

    self->done = false;
    self->runs = HI_NEW_ARRAY(&op->keep, hi_agg_run, (size_t)self->agg_count + 1);
    HI_OP_TRY_MEM(self, self->runs != NULL);
    bool grouped = hi_op_scan_grouped(op->child[0], self->keys, self->key_count);
    for (uint32_t a = 0; a < self->agg_count; a++) {
        HI_TRY(hi_agg_open(&self->runs[a], &self->aggs[a], op));
        grouped = grouped && hi_agg_forgets(&self->aggs[a]);
    }
    HI_TRY(hi_grouper_open(&self->grouper, op, self->keys, self->key_count, grouped));
    if (self->fold != NULL) {
        hi_fold_begin(self->fold, self->runs, &self->grouper);
    }
    self->forgets = self->grouper.forgets;
    for (uint32_t a = 0; a < self->agg_count; a++) {
        self->runs[a].to = self->forgets ? &op->arena : &op->keep;
    }
    return HIST_OK;
}

static hist_status group_batch(op_group *self, const hist_batch *in)
{
    hi_op *op = &self->base;
    hi_stretch *stretches;
    uint32_t count;

    hi_arena_rewind(&op->arena, op->mark);
    hi_eval_begin(&op->ev);
    HI_TRY(hi_grouper_rows(&self->grouper, in, &stretches, &count));
    const uint32_t groups = hi_grouper_count(&self->grouper);
    for (uint32_t a = 0; a < self->agg_count; a++) {
        HI_TRY(hi_agg_update(&self->runs[a], in, stretches, count, groups));
    }
    return HIST_OK;
}

/* The first `groups` groups as a batch. */
static hist_status group_give(op_group *self, uint32_t groups, hist_batch *out)
{
    hi_op *op = &self->base;

    hi_arena_rewind(&op->arena, op->mark);
    hist_column *columns = hi_op_batch(op, groups, out);
    HI_OP_TRY_MEM(self, columns != NULL);
    HI_TRY(hi_grouper_keys(&self->grouper, groups, columns));
    uint32_t c = self->key_count;
    for (uint32_t a = 0; a < self->agg_count; a++) {
        HI_TRY(hi_agg_finish(&self->runs[a], groups, &columns[c]));
        c += self->aggs[a].output_count;
    }
    return HIST_OK;
}

/* All but the last group, which may go on. */
static hist_status group_give_done(op_group *self, hist_batch *out)
{
    const uint32_t last = hi_grouper_count(&self->grouper) - 1;

    HI_TRY(group_give(self, last, out));
    for (uint32_t a = 0; a < self->agg_count; a++) {
        hi_agg_keep_last(&self->runs[a], last);
    }
    return hi_grouper_keep_last(&self->grouper);
}

static hist_status group_next(hi_op *op, hist_batch *out)
{
    op_group *self = (op_group *)op;

    if (self->done) {
        return HIST_OK;
    }
    for (;;) {
        hist_batch in;

        HI_TRY(hi_op_next(op->child[0], &in));
        if (in.row_count == 0) {
            break;
        }
        HI_TRY(group_batch(self, &in));
        if (self->forgets && hi_grouper_count(&self->grouper) > GROUP_BATCH_MIN) {
            return group_give_done(self, out);
        }
    }
    self->done = true;
    return group_give(self, self->key_count == 0 ? 1 : hi_grouper_count(&self->grouper), out);
}

static void group_need(hi_op *op, const uint64_t *used)
{
    op_group *self = (op_group *)op;
    uint64_t *bits = hi_bits_new(op->x->arena, op->child[0]->schema.count, false);

    (void)used;
    for (uint32_t k = 0; bits != NULL && k < self->key_count; k++) {
        hi_expr_columns(self->keys[k], bits);
    }
    for (uint32_t a = 0; bits != NULL && a < self->agg_count; a++) {
        const hi_agg *agg = &self->aggs[a];

        for (uint32_t i = 0; i < agg->arg_count; i++) {
            hi_expr_columns(agg->args[i], bits);
        }
        if (agg->filter != NULL) {
            hi_expr_columns(agg->filter, bits);
        }
    }
    hi_op_need(op->child[0], bits);
    self->fold = hi_fold_plan(op, self->keys, self->key_count, self->aggs, self->agg_count);
}

static const hi_op_type op_group_type = {"summarize", group_open, group_next, NULL, group_need};

hi_op *hi_op_group(hi_exec *x, hi_op *child, const hi_expr *const *keys, uint32_t key_count,
                   const char *const *key_names, const hi_agg *aggs, uint32_t agg_count)
{
    op_group *self = hi_op_new(x, &op_group_type, sizeof(op_group), child);
    uint32_t count = key_count;

    for (uint32_t a = 0; a < agg_count; a++) {
        count += aggs[a].output_count;
    }
    hi_field *fields = HI_NEW_ARRAY(x->arena, hi_field, (size_t)count + 1);
    if (self == NULL || fields == NULL) {
        return NULL;
    }
    for (uint32_t k = 0; k < key_count; k++) {
        fields[k] = (hi_field){key_names[k], keys[k]->type};
    }
    uint32_t c = key_count;
    for (uint32_t a = 0; a < agg_count; a++) {
        memcpy(&fields[c], aggs[a].outputs, aggs[a].output_count * sizeof(hi_field));
        c += aggs[a].output_count;
    }
    self->keys = keys;
    self->key_count = key_count;
    self->aggs = aggs;
    self->agg_count = agg_count;
    self->base.schema = (hi_schema){count, fields};
    return &self->base;
}
