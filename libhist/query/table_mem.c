/* table_mem.c -- rows kept in memory: copying, collecting, reading them again. */
#include <string.h>

#include "query/op.h"

static bool table_copy_valid(hi_arena *arena, const uint64_t *valid, uint32_t rows,
                             const uint64_t **out)
{
    *out = NULL;
    if (valid == NULL) {
        return true;
    }
    uint64_t *copy = hi_bits_new(arena, rows, false);
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, valid, hi_bits_words(rows) * sizeof(uint64_t));
    *out = copy;
    return true;
}

static void *table_copy_data(hi_arena *arena, const void *data, size_t size)
{
    void *copy = hi_arena_vector(arena, size);

    if (copy != NULL && size > 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

/* offsets[0..count] moved so that they begin at 0. */
static int32_t *table_copy_offsets(hi_arena *arena, const int32_t *offsets, uint32_t count)
{
    int32_t *copy = hi_arena_vector(arena, ((size_t)count + 1) * sizeof(int32_t));

    for (uint32_t i = 0; copy != NULL && i <= count; i++) {
        copy[i] = offsets[i] - offsets[0];
    }
    return copy;
}

static bool table_copy_bytes(hi_arena *arena, const hist_column *in, hist_column *out)
{
    const int32_t from = in->offsets[0];
    const size_t size = (size_t)(in->offsets[in->data_count] - from);

    out->offsets = table_copy_offsets(arena, in->offsets, in->data_count);
    out->bytes = table_copy_data(arena, in->bytes == NULL ? "" : in->bytes + from, size);
    return out->offsets != NULL && out->bytes != NULL;
}

static bool table_copy_list(hi_arena *arena, const hist_column *in, hist_column *out)
{
    hist_column part;
    hist_column *child = HI_NEW(arena, hist_column);
    const uint32_t from = (uint32_t)in->offsets[0];
    const uint32_t count = (uint32_t)in->offsets[in->length] - from;

    out->offsets = table_copy_offsets(arena, in->offsets, in->length);
    out->child = child;
    return child != NULL && out->offsets != NULL &&
           hi_col_slice(arena, in->child, from, count, &part) && hi_col_copy(arena, &part, child);
}

/* `count` codes or ends of runs, and the values. */
static bool table_copy_child(hi_arena *arena, const hist_column *in, uint32_t count,
                             hist_column *out)
{
    hist_column *child = HI_NEW(arena, hist_column);

    out->data_count = count;
    out->data = table_copy_data(arena, in->data, (size_t)count * sizeof(int32_t));
    out->child = child;
    return child != NULL && out->data != NULL && hi_col_copy(arena, in->child, child);
}

bool hi_col_copy(hi_arena *arena, const hist_column *in, hist_column *out)
{
    *out = *in;
    if (!table_copy_valid(arena, in->valid, in->layout == HIST_LAYOUT_CONST ? 1 : in->length,
                          &out->valid)) {
        return false;
    }
    switch (in->layout) {
    case HIST_LAYOUT_LIST:
        return table_copy_list(arena, in, out);
    case HIST_LAYOUT_DICT:
        return table_copy_child(arena, in, in->length, out);
    case HIST_LAYOUT_RUNS:
        return table_copy_child(arena, in, in->data_count, out);
    default:
        break;
    }
    if (in->offsets != NULL) {
        return table_copy_bytes(arena, in, out);
    }
    const size_t size = in->stored == HIST_TYPE_BOOL
                            ? hi_bits_words(in->data_count) * sizeof(uint64_t)
                            : hi_type_size(in->stored) * in->data_count;
    out->data = table_copy_data(arena, in->data, size);
    return out->data != NULL;
}

/* ---- collecting ---- */

/* Batches that were copied, in a list. */
typedef struct table_part {
    struct table_part *next;
    hist_column *columns;
    uint32_t rows;
} table_part;

typedef struct table_parts {
    table_part *first;
    table_part **tail;
    uint32_t count;
    uint64_t rows;
} table_parts;

static bool table_add(hi_arena *arena, table_parts *parts, const hist_batch *batch)
{
    table_part *part = HI_NEW(arena, table_part);

    if (part == NULL) {
        return false;
    }
    part->rows = batch->row_count;
    part->columns = HI_NEW_ARRAY(arena, hist_column, (size_t)batch->column_count + 1);
    if (part->columns == NULL) {
        return false;
    }
    for (uint32_t c = 0; c < batch->column_count; c++) {
        if (!hi_col_copy(arena, &batch->columns[c], &part->columns[c])) {
            return false;
        }
    }
    *parts->tail = part;
    parts->tail = &part->next;
    parts->count++;
    parts->rows += batch->row_count;
    return true;
}

static bool table_join_column(hi_arena *arena, const table_parts *parts, uint32_t c,
                              hist_column *list, hist_column *out)
{
    uint32_t n = 0;

    for (const table_part *p = parts->first; p != NULL; p = p->next) {
        list[n++] = p->columns[c];
    }
    if (n == 1) {
        return hi_col_copy(arena, &list[0], out);
    }
    return hi_col_concat(arena, list, n, out);
}

static bool table_join(hi_arena *arena, hi_arena *temp, const hi_schema *schema,
                       const table_parts *parts, hist_batch *out)
{
    hist_column *columns = HI_NEW_ARRAY(arena, hist_column, (size_t)schema->count + 1);
    hist_column *list = HI_NEW_ARRAY(temp, hist_column, (size_t)parts->count + 1);
    const uint32_t rows = (uint32_t)parts->rows;

    if (columns == NULL || list == NULL) {
        return false;
    }
    for (uint32_t c = 0; c < schema->count; c++) {
        const bool ok = rows == 0 ? hi_col_nulls(arena, schema->fields[c].type, 0, &columns[c])
                                  : table_join_column(arena, parts, c, list, &columns[c]);
        if (!ok) {
            return false;
        }
    }
    *out = (hist_batch){
        .column_count = schema->count, .row_count = rows, .sel_count = rows, .columns = columns};
    return true;
}

static hist_status table_collect(hi_op *from, hi_arena *arena, hi_arena *temp, hist_batch *out)
{
    table_parts parts = {.first = NULL, .tail = &parts.first};

    for (;;) {
        hist_batch batch;

        HI_TRY(hi_op_next(from, &batch));
        if (batch.row_count == 0) {
            break;
        }
        if (!table_add(temp, &parts, &batch)) {
            return hi_op_no_memory(from);
        }
        if (parts.rows > INT32_MAX) {
            return hi_fail(from->x->err, HIST_ELIMIT,
                           "more than %d rows would have to be kept at once: narrow the query with "
                           "'where' or 'summarize' first",
                           INT32_MAX);
        }
    }
    return table_join(arena, temp, &from->schema, &parts, out) ? HIST_OK : hi_op_no_memory(from);
}

hist_status hi_rows_collect(hi_op *from, hi_arena *arena, hist_batch *out)
{
    hi_arena temp;

    hi_arena_init(&temp, from->x->ctx->mem);
    const hist_status status = table_collect(from, arena, &temp, out);
    hi_arena_free(&temp);
    return status;
}

bool hi_rows_slice(hi_arena *arena, const hist_batch *in, uint32_t from, uint32_t count,
                   hist_batch *out)
{
    hist_column *columns = HI_NEW_ARRAY(arena, hist_column, (size_t)in->column_count + 1);

    if (columns == NULL) {
        return false;
    }
    for (uint32_t c = 0; c < in->column_count; c++) {
        if (!hi_col_slice(arena, &in->columns[c], from, count, &columns[c])) {
            return false;
        }
    }
    *out = (hist_batch){.column_count = in->column_count,
                        .row_count = count,
                        .sel_count = count,
                        .columns = columns};
    return true;
}

bool hi_rows_gather(hi_arena *arena, const hist_batch *in, const uint32_t *rows, uint32_t count,
                    hist_batch *out)
{
    hist_column *columns = HI_NEW_ARRAY(arena, hist_column, (size_t)in->column_count + 1);

    if (columns == NULL) {
        return false;
    }
    for (uint32_t c = 0; c < in->column_count; c++) {
        if (!hi_col_gather(arena, &in->columns[c], rows, count, &columns[c])) {
            return false;
        }
    }
    *out = (hist_batch){.column_count = in->column_count,
                        .row_count = count,
                        .sel_count = count,
                        .columns = columns};
    return true;
}

/* ---- reading rows that are there ---- */

typedef struct op_rows {
    hi_op base;
    hist_batch batch;
    hi_shared *shared;
    uint32_t at;
} op_rows;

struct hi_shared {
    hi_op *of;
    hist_batch batch;
    bool done;
    bool running;
};

static hist_status shared_run(hi_shared *shared)
{
    hi_exec *x = shared->of->x;

    if (shared->done) {
        return HIST_OK;
    }
    if (shared->running) {
        return hi_fail(x->err, HIST_ESEMANTIC, "materialize(): the query refers to itself");
    }
    shared->running = true;
    hi_op_need(shared->of, NULL);
    hist_status status = hi_op_open(shared->of);
    if (status == HIST_OK) {
        status = hi_rows_collect(shared->of, x->arena, &shared->batch);
    }
    hi_op_close(shared->of);
    shared->running = false;
    shared->done = status == HIST_OK;
    return status;
}

static hist_status rows_open(hi_op *op)
{
    op_rows *self = (op_rows *)op;

    self->at = 0;
    if (self->shared != NULL) {
        HI_TRY(shared_run(self->shared));
        self->batch = self->shared->batch;
    }
    return HIST_OK;
}

static hist_status rows_next(hi_op *op, hist_batch *out)
{
    op_rows *self = (op_rows *)op;
    const uint32_t left = self->batch.row_count - self->at;
    const uint32_t count = left < HIST_BATCH_ROWS_MAX ? left : HIST_BATCH_ROWS_MAX;

    if (count == 0) {
        return HIST_OK;
    }
    if (count == self->batch.row_count) {
        *out = self->batch;
    } else if (!hi_rows_slice(&op->arena, &self->batch, self->at, count, out)) {
        return hi_op_no_memory(op);
    }
    self->at += count;
    return HIST_OK;
}

static const hi_op_type op_rows_type = {"rows", rows_open, rows_next, NULL, NULL};

hi_op *hi_op_rows(hi_exec *x, const hi_schema *schema, const hist_batch *batch)
{
    op_rows *self = hi_op_new(x, &op_rows_type, sizeof(op_rows), NULL);

    if (self == NULL) {
        return NULL;
    }
    self->base.schema = *schema;
    self->base.serialized = true;
    if (batch != NULL) {
        self->batch = *batch;
    }
    return &self->base;
}

void hi_op_rows_set(hi_op *op, const hist_batch *batch)
{
    ((op_rows *)op)->batch = *batch;
}

hi_shared *hi_shared_new(hi_exec *x, hi_op *of)
{
    hi_shared *shared = HI_NEW(x->arena, hi_shared);

    if (shared != NULL) {
        shared->of = of;
    }
    return shared;
}

hi_op *hi_shared_source(hi_shared *shared)
{
    return shared->of;
}

hi_op *hi_op_shared(hi_exec *x, hi_shared *shared)
{
    op_rows *self = (op_rows *)hi_op_rows(x, &shared->of->schema, NULL);

    if (self != NULL) {
        self->shared = shared;
        self->base.serialized = shared->of->serialized;
    }
    return (hi_op *)self;
}
