/*
 * arrow.c -- the values of a batch as Arrow arrays; see arrow.h.
 *
 * Consumers may move a child out of its parent and release it later, so every
 * array owns what was made for it alone, and all share one count that ends the
 * batch.
 */
#include "formats/arrow.h"

#include <stdatomic.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "formats/arrow_kind.h"
#include "formats/cells.h"

#define ARROW_NULL UINT32_MAX

typedef struct arrow_shared {
    hi_mem *mem;
    arrow_owner owner;
    _Atomic int64_t count;
} arrow_shared;

typedef struct arrow_node {
    arrow_shared *shared;
    const void *buffers[3];
    void *owned[3]; /* Buffers made here. */
    size_t owned_size[3];
    int64_t child_count;
    struct ArrowArray *children;
    struct ArrowArray **child_list;
    struct ArrowArray *dictionary;
} arrow_node;

/* What an export needs everywhere. rows NULL: all of them. */
typedef struct arrow_job {
    hi_mem *mem;
    arrow_shared *shared;
    arrow_mode mode;
    hist_error *err;
} arrow_job;

typedef struct arrow_rows {
    const uint32_t *sel; /* NULL: 0, 1, ... */
    uint32_t count;
} arrow_rows;

static uint32_t arrow_row(const arrow_rows *rows, uint32_t i)
{
    return rows->sel == NULL ? i : rows->sel[i];
}

static void arrow_shared_drop(arrow_shared *shared)
{
    if (atomic_fetch_sub_explicit(&shared->count, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (shared->owner.release != NULL) {
        shared->owner.release(shared->owner.arg);
    }
    HI_MEM_DELETE(shared->mem, shared);
}

static void arrow_array_release(struct ArrowArray *array)
{
    arrow_node *node = (arrow_node *)array->private_data;
    arrow_shared *shared = node->shared;
    hi_mem *mem = shared->mem;

    for (int64_t i = 0; i < node->child_count; i++) {
        if (node->children[i].release != NULL) {
            node->children[i].release(&node->children[i]);
        }
    }
    if (node->dictionary != NULL && node->dictionary->release != NULL) {
        node->dictionary->release(node->dictionary);
    }
    for (size_t i = 0; i < 3; i++) {
        hi_mem_free(mem, node->owned[i], node->owned_size[i]);
    }
    hi_mem_free(mem, node->children, (size_t)node->child_count * sizeof(*node->children));
    hi_mem_free(mem, node->child_list, (size_t)node->child_count * sizeof(*node->child_list));
    hi_mem_free(mem, node->dictionary, sizeof(*node->dictionary));
    hi_mem_free(mem, node, sizeof(*node));
    array->release = NULL;
    arrow_shared_drop(shared);
}

static hist_status arrow_array_new(arrow_job *job, int64_t length, int64_t buffers,
                                   int64_t children, struct ArrowArray *out)
{
    arrow_node *node = HI_MEM_NEW(job->mem, arrow_node);

    memset(out, 0, sizeof(*out));
    if (node == NULL) {
        return hi_no_memory(job->err, "an Arrow array");
    }
    node->shared = job->shared;
    atomic_fetch_add_explicit(&job->shared->count, 1, memory_order_relaxed);
    out->private_data = node;
    out->release = arrow_array_release;
    out->length = length;
    out->n_buffers = buffers;
    out->buffers = node->buffers;
    if (children == 0) {
        return HIST_OK;
    }
    node->children = hi_mem_calloc(job->mem, (size_t)children, sizeof(*node->children));
    if (node->children == NULL) {
        return hi_no_memory(job->err, "the children of an Arrow array");
    }
    node->child_count = children;
    node->child_list = hi_mem_calloc(job->mem, (size_t)children, sizeof(*node->child_list));
    if (node->child_list == NULL) {
        return hi_no_memory(job->err, "the children of an Arrow array");
    }
    for (int64_t i = 0; i < children; i++) {
        node->child_list[i] = &node->children[i];
    }
    out->n_children = children;
    out->children = node->child_list;
    return HIST_OK;
}

/* A buffer that the array owns; zeroed. */
static void *arrow_own(arrow_job *job, struct ArrowArray *array, int at, size_t size)
{
    arrow_node *node = (arrow_node *)array->private_data;
    void *data = hi_mem_calloc(job->mem, size, 1);

    if (data == NULL) {
        (void)hi_no_memory(job->err, "a column for Arrow");
        return NULL;
    }
    node->owned[at] = data;
    node->owned_size[at] = size;
    node->buffers[at] = data;
    return data;
}

static bool arrow_has_text(hist_type stored)
{
    return stored == HIST_TYPE_STRING || stored == HIST_TYPE_DYNAMIC;
}

static size_t arrow_element_size(hist_type stored)
{
    switch (stored) {
    case HIST_TYPE_INT:
        return 4;
    case HIST_TYPE_GUID:
    case HIST_TYPE_DECIMAL:
        return 16;
    default:
        return 8;
    }
}

/* ---- as it is ---- */

static void arrow_set_valid(struct ArrowArray *array, const uint64_t *valid)
{
    ((arrow_node *)array->private_data)->buffers[0] = valid;
    array->null_count = valid == NULL ? 0 : -1; /* -1: not counted. */
}

/* Readers want an address even where there is nothing to read. */
static const void *arrow_some(const void *data)
{
    static const int64_t nothing[2];

    return data == NULL ? nothing : data;
}

static hist_status arrow_flat(arrow_job *job, const hist_column *column, uint32_t count,
                              struct ArrowArray *out)
{
    const bool text = arrow_has_text(column->stored);

    HI_TRY(arrow_array_new(job, count, text ? 3 : 2, 0, out));
    arrow_node *node = (arrow_node *)out->private_data;

    arrow_set_valid(out, column->valid);
    node->buffers[1] = arrow_some(text ? column->offsets : column->data);
    node->buffers[2] = text ? arrow_some(column->bytes) : NULL;
    return HIST_OK;
}

/* ---- written out ---- */

/* Marks row i as having a value; the bitmap is made when the first null comes. */
static bool arrow_mark(arrow_job *job, struct ArrowArray *out, uint32_t i, bool valid)
{
    const arrow_node *node = (const arrow_node *)out->private_data;
    uint64_t *bits = (uint64_t *)node->owned[0];

    if (valid && bits == NULL) {
        return true;
    }
    if (bits == NULL) {
        bits = arrow_own(job, out, 0, ((size_t)out->length + 63) / 64 * 8);
        if (bits == NULL) {
            return false;
        }
        for (uint32_t k = 0; k < i; k++) {
            bits[k >> 6] |= UINT64_C(1) << (k & 63);
        }
    }
    if (valid) {
        bits[i >> 6] |= UINT64_C(1) << (i & 63);
    } else {
        out->null_count++;
    }
    return true;
}

/* Where each row's value is, ARROW_NULL for none; the caller frees count * 4 bytes. */
static uint32_t *arrow_slots(arrow_job *job, const hist_column *column, const arrow_rows *rows)
{
    uint32_t *slots = hi_mem_calloc(job->mem, rows->count, sizeof(*slots));
    cell_cursor cursor = cell_cursor_of(column);

    if (slots == NULL) {
        (void)hi_no_memory(job->err, "a column for Arrow");
        return NULL;
    }
    for (uint32_t i = 0; i < rows->count; i++) {
        if (!cell_find(&cursor, arrow_row(rows, i), &slots[i])) {
            slots[i] = ARROW_NULL;
        }
    }
    return slots;
}

static hist_status arrow_copy_text(arrow_job *job, const hist_column *values, const uint32_t *slots,
                                   struct ArrowArray *out)
{
    const size_t count = (size_t)out->length;
    int32_t *offsets = arrow_own(job, out, 1, (count + 1) * sizeof(*offsets));
    size_t total = 0;

    if (offsets == NULL) {
        return HIST_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        total += slots[i] == ARROW_NULL ? 0 : cell_text(values, slots[i]).size;
        if (total > INT32_MAX) {
            return hi_fail(job->err, HIST_ELIMIT,
                           "a column for Arrow has more than 2 GiB of text in one batch: ask for "
                           "smaller batches");
        }
        offsets[i + 1] = (int32_t)total;
    }
    char *to = arrow_own(job, out, 2, total + 1);
    if (to == NULL) {
        return HIST_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        if (slots[i] != ARROW_NULL) {
            const hist_str text = cell_text(values, slots[i]);

            memcpy(to + offsets[i], text.data, text.size);
        }
    }
    return HIST_OK;
}

static hist_status arrow_copy_bits(arrow_job *job, const hist_column *values, const uint32_t *slots,
                                   struct ArrowArray *out)
{
    const uint32_t count = (uint32_t)out->length;
    uint64_t *bits = arrow_own(job, out, 1, ((size_t)count + 63) / 64 * 8);

    if (bits == NULL) {
        return HIST_ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (slots[i] != ARROW_NULL && hist_bit_get(values->data, slots[i])) {
            bits[i >> 6] |= UINT64_C(1) << (i & 63);
        }
    }
    return HIST_OK;
}

static hist_status arrow_copy_elements(arrow_job *job, const hist_column *values,
                                       const uint32_t *slots, struct ArrowArray *out)
{
    const size_t size = arrow_element_size(values->stored);
    const size_t count = (size_t)out->length;
    char *to = arrow_own(job, out, 1, count * size);
    const char *from = values->data;

    if (to == NULL) {
        return HIST_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        if (slots[i] != ARROW_NULL) {
            memcpy(to + i * size, from + slots[i] * size, size);
        }
    }
    return HIST_OK;
}

/* Flat values at slots[0..count), in memory of the array. */
static hist_status arrow_take(arrow_job *job, const hist_column *values, const uint32_t *slots,
                              uint32_t count, struct ArrowArray *out)
{
    const bool text = arrow_has_text(values->stored);

    HI_TRY(arrow_array_new(job, count, text ? 3 : 2, 0, out));
    for (uint32_t i = 0; i < count; i++) {
        if (!arrow_mark(job, out, i, slots[i] != ARROW_NULL)) {
            return HIST_ENOMEM;
        }
    }
    if (text) {
        return arrow_copy_text(job, values, slots, out);
    }
    if (values->stored == HIST_TYPE_BOOL) {
        return arrow_copy_bits(job, values, slots, out);
    }
    return arrow_copy_elements(job, values, slots, out);
}

static hist_status arrow_written_out(arrow_job *job, const hist_column *column,
                                     const arrow_rows *rows, struct ArrowArray *out)
{
    uint32_t *slots = arrow_slots(job, column, rows);

    if (slots == NULL) {
        return HIST_ENOMEM;
    }
    const hist_status status = arrow_take(job, arrow_values_of(column), slots, rows->count, out);

    hi_mem_free(job->mem, slots, rows->count * sizeof(*slots));
    return status;
}

static hist_status arrow_json_rows(arrow_job *job, const hist_column *column,
                                   const arrow_rows *rows, hi_buf *text, struct ArrowArray *out)
{
    cell_cursor cursor = cell_cursor_of(column);
    int32_t *offsets = arrow_own(job, out, 1, ((size_t)rows->count + 1) * sizeof(*offsets));
    uint32_t slot = 0;

    if (offsets == NULL) {
        return HIST_ENOMEM;
    }
    for (uint32_t i = 0; i < rows->count; i++) {
        const bool valid = cell_find(&cursor, arrow_row(rows, i), &slot);

        if (!arrow_mark(job, out, i, valid)) {
            return HIST_ENOMEM;
        }
        if (valid) {
            cell_json(text, cursor.values, slot, true);
        }
        offsets[i + 1] = (int32_t)text->size;
    }
    if (!hi_buf_ok(text)) {
        return hi_fail(job->err, HIST_ELIMIT,
                       "a dynamic column for Arrow needs more memory than there is, or more than "
                       "2 GiB of text in one batch: ask for smaller batches");
    }
    char *to = arrow_own(job, out, 2, text->size + 1);
    if (to == NULL) {
        return HIST_ENOMEM;
    }
    if (text->size > 0) {
        memcpy(to, text->data, text->size);
    }
    return HIST_OK;
}

static hist_status arrow_json(arrow_job *job, const hist_column *column, const arrow_rows *rows,
                              struct ArrowArray *out)
{
    hi_buf text;

    HI_TRY(arrow_array_new(job, rows->count, 3, 0, out));
    hi_buf_init(&text, job->mem, INT32_MAX);
    const hist_status status = arrow_json_rows(job, column, rows, &text, out);

    hi_buf_free(&text);
    return status;
}

/* ---- with children ---- */

static hist_status arrow_dictionary(arrow_job *job, const hist_column *column,
                                    const arrow_rows *rows, struct ArrowArray *out)
{
    const hist_column codes = {.type = HIST_TYPE_INT,
                               .stored = HIST_TYPE_INT,
                               .layout = HIST_LAYOUT_FLAT,
                               .length = column->length,
                               .data_count = column->length,
                               .valid = column->valid,
                               .data = column->data};

    if (rows->sel == NULL) {
        HI_TRY(arrow_flat(job, &codes, rows->count, out));
    } else {
        HI_TRY(arrow_written_out(job, &codes, rows, out));
    }
    arrow_node *node = (arrow_node *)out->private_data;

    node->dictionary = HI_MEM_NEW(job->mem, struct ArrowArray);
    if (node->dictionary == NULL) {
        return hi_no_memory(job->err, "an Arrow dictionary");
    }
    out->dictionary = node->dictionary;
    return arrow_flat(job, column->child, column->child->length, node->dictionary);
}

static hist_status arrow_runs(arrow_job *job, const hist_column *column, uint32_t count,
                              struct ArrowArray *out)
{
    const bool constant = column->layout == HIST_LAYOUT_CONST;
    const uint32_t runs = constant ? count != 0 : column->data_count;

    HI_TRY(arrow_array_new(job, count, 0, 2, out));
    HI_TRY(arrow_array_new(job, runs, 2, 0, out->children[0]));
    if (constant) {
        int32_t *end = arrow_own(job, out->children[0], 1, sizeof(*end));

        if (end == NULL) {
            return HIST_ENOMEM;
        }
        *end = (int32_t)count;
    } else {
        ((arrow_node *)out->children[0]->private_data)->buffers[1] = arrow_some(column->data);
    }
    return arrow_flat(job, arrow_values_of(column), runs, out->children[1]);
}

/* The runs that the selection touches, each cut to its selected rows. */
static hist_status arrow_runs_taken(arrow_job *job, const hist_column *column,
                                    const arrow_rows *rows, struct ArrowArray *out)
{
    cell_cursor cursor = cell_cursor_of(column);
    uint32_t runs = 0;

    HI_TRY(arrow_array_new(job, rows->count, 0, 2, out));
    HI_TRY(arrow_array_new(job, 0, 2, 0, out->children[0]));
    int32_t *ends = arrow_own(job, out->children[0], 1, rows->count * sizeof(*ends));
    uint32_t *slots = hi_mem_calloc(job->mem, rows->count, sizeof(*slots));
    if (ends == NULL || slots == NULL) {
        hi_mem_free(job->mem, slots, rows->count * sizeof(*slots));
        return hi_no_memory(job->err, "a column for Arrow");
    }
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t run = 0;
        const bool valid = cell_find(&cursor, arrow_row(rows, i), &run);

        run = valid ? run : ARROW_NULL;
        if (runs == 0 || slots[runs - 1] != run) {
            slots[runs++] = run;
        }
        ends[runs - 1] = (int32_t)i + 1;
    }
    out->children[0]->length = runs;
    const hist_status status =
        arrow_take(job, arrow_values_of(column), slots, runs, out->children[1]);

    hi_mem_free(job->mem, slots, rows->count * sizeof(*slots));
    return status;
}

static hist_status arrow_column(arrow_job *job, const hist_column *column, const arrow_rows *rows,
                                struct ArrowArray *out);

/* The selected lists one after the other. */
static hist_status arrow_list_taken(arrow_job *job, const hist_column *column,
                                    const arrow_rows *rows, struct ArrowArray *out)
{
    int32_t *offsets = arrow_own(job, out, 1, ((size_t)rows->count + 1) * sizeof(*offsets));
    uint32_t total = 0;

    if (offsets == NULL) {
        return HIST_ENOMEM;
    }
    for (uint32_t i = 0; i < rows->count; i++) {
        const uint32_t row = arrow_row(rows, i);
        const bool valid = column->valid == NULL || hist_bit_get(column->valid, row);

        if (!arrow_mark(job, out, i, valid)) {
            return HIST_ENOMEM;
        }
        total += valid ? (uint32_t)(column->offsets[row + 1] - column->offsets[row]) : 0;
        offsets[i + 1] = (int32_t)total; /* Never more than the child has: rows are distinct. */
    }
    uint32_t *elements = hi_mem_calloc(job->mem, total, sizeof(*elements));
    if (elements == NULL) {
        return hi_no_memory(job->err, "a list column for Arrow");
    }
    for (uint32_t i = 0; i < rows->count; i++) {
        const uint32_t from = (uint32_t)column->offsets[arrow_row(rows, i)];

        for (int32_t k = offsets[i]; k < offsets[i + 1]; k++) {
            elements[k] = from + (uint32_t)(k - offsets[i]);
        }
    }
    const arrow_rows taken = {elements, total};
    const hist_status status = arrow_column(job, column->child, &taken, out->children[0]);

    hi_mem_free(job->mem, elements, total * sizeof(*elements));
    return status;
}

static hist_status arrow_list(arrow_job *job, const hist_column *column, const arrow_rows *rows,
                              struct ArrowArray *out)
{
    arrow_job inner = *job;

    inner.mode = ARROW_LAYOUT;
    HI_TRY(arrow_array_new(job, rows->count, 2, 1, out));
    if (rows->sel != NULL) {
        return arrow_list_taken(&inner, column, rows, out);
    }
    const arrow_rows all = {NULL, column->child->length};

    arrow_set_valid(out, column->valid);
    ((arrow_node *)out->private_data)->buffers[1] = arrow_some(column->offsets);
    return arrow_column(&inner, column->child, &all, out->children[0]);
}

static hist_status arrow_column(arrow_job *job, const hist_column *column, const arrow_rows *rows,
                                struct ArrowArray *out)
{
    switch (arrow_kind_of(column, job->mode)) {
    case ARROW_KIND_JSON:
        return arrow_json(job, column, rows, out);
    case ARROW_KIND_LIST:
        return arrow_list(job, column, rows, out);
    case ARROW_KIND_DICTIONARY:
        return arrow_dictionary(job, column, rows, out);
    case ARROW_KIND_RUNS:
        if (rows->sel == NULL || column->layout == HIST_LAYOUT_CONST) {
            return arrow_runs(job, column, rows->count, out);
        }
        return arrow_runs_taken(job, column, rows, out);
    case ARROW_KIND_FLAT:
        if (rows->sel == NULL) {
            return arrow_flat(job, column, rows->count, out);
        }
        return arrow_written_out(job, column, rows, out);
    case ARROW_KIND_WRITTEN_OUT:
    default:
        return arrow_written_out(job, column, rows, out);
    }
}

static hist_status arrow_all(arrow_job *job, const hist_batch *batch, struct ArrowArray *out)
{
    const arrow_rows rows = {batch->sel, batch->sel_count};

    HI_TRY(arrow_array_new(job, batch->sel_count, 1, batch->column_count, out));
    for (uint32_t i = 0; i < batch->column_count; i++) {
        HI_TRY(arrow_column(job, &batch->columns[i], &rows, out->children[i]));
    }
    return HIST_OK;
}

hist_status arrow_export_batch(hi_mem *mem, const hist_batch *batch, arrow_mode mode,
                               arrow_owner owner, struct ArrowArray *out, hist_error *err)
{
    arrow_shared *shared = HI_MEM_NEW(mem, arrow_shared);

    if (shared == NULL) {
        return hi_no_memory(err, "an Arrow array");
    }
    shared->mem = mem;
    atomic_init(&shared->count, 1); /* This call's. */
    arrow_job job = {mem, shared, mode, err};
    const hist_status status = arrow_all(&job, batch, out);

    if (status != HIST_OK) {
        if (out->release != NULL) {
            out->release(out);
        }
    } else {
        shared->owner = owner;
    }
    arrow_shared_drop(shared);
    return status;
}
