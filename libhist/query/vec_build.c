/* vec_build.c -- columns that grow row by row; see vec.h. Bytes of texts grow in a hi_buf that dies with the arena. */
#include <assert.h>
#include <string.h>

#include "query/vec.h"

static bool cb_is_text(const hi_col_builder *cb)
{
    return cb->type == HIST_TYPE_STRING || cb->type == HIST_TYPE_DYNAMIC;
}

static void cb_free_buf(void *arg)
{
    hi_buf_free(arg);
}

static bool cb_make_buf(hi_col_builder *cb)
{
    cb->buf = HI_NEW(cb->arena, hi_buf);
    if (cb->buf == NULL) {
        return false;
    }
    hi_buf_init(cb->buf, cb->arena->mem, INT32_MAX);
    return hi_arena_defer(cb->arena, cb_free_buf, cb->buf);
}

/* Moves `old` bytes to a new vector of `size` bytes. */
static void *cb_regrow(hi_arena *arena, const void *from, size_t old, size_t size)
{
    char *to = hi_arena_vector(arena, size);

    if (to != NULL && old != 0) {
        memcpy(to, from, old);
    }
    if (to != NULL) {
        memset(to + old, 0, size - old);
    }
    return to;
}

static bool cb_reserve(hi_col_builder *cb, uint32_t capacity)
{
    const size_t width = hi_type_size(cb->type);
    const size_t old_words = hi_bits_words(cb->capacity) * 8;
    const size_t words = hi_bits_words(capacity) * 8;

    cb->valid = cb_regrow(cb->arena, cb->valid, old_words, words);
    if (cb_is_text(cb)) {
        const size_t old = cb->offsets == NULL ? 0 : ((size_t)cb->capacity + 1) * 4;

        cb->offsets = cb_regrow(cb->arena, cb->offsets, old, ((size_t)capacity + 1) * 4);
        cb->failed |= cb->offsets == NULL;
    } else if (width == 0) {
        cb->data = cb_regrow(cb->arena, cb->data, old_words, words);
        cb->failed |= cb->data == NULL;
    } else {
        cb->data = cb_regrow(cb->arena, cb->data, cb->capacity * width, capacity * width);
        cb->failed |= cb->data == NULL;
    }
    cb->failed |= cb->valid == NULL;
    cb->capacity = capacity;
    return !cb->failed;
}

bool hi_cb_init(hi_col_builder *cb, hi_arena *arena, hist_type type, uint32_t rows_hint)
{
    *cb = (hi_col_builder){.arena = arena, .type = type};
    if (cb_is_text(cb) && !cb_make_buf(cb)) {
        cb->failed = true;
        return false;
    }
    if (type == HIST_TYPE_DYNAMIC) {
        hi_dyn_writer_init(&cb->writer, cb->buf);
    }
    return cb_reserve(cb, rows_hint < 8 ? 8 : rows_hint);
}

/* Makes room for one more row; false: failed, nothing to write. */
static bool cb_room(hi_col_builder *cb)
{
    if (cb->failed) {
        return false;
    }
    if (cb->rows < cb->capacity) {
        return true;
    }
    if (cb->capacity > INT32_MAX / 2) {
        cb->failed = true;
        return false;
    }
    return cb_reserve(cb, cb->capacity * 2);
}

static void cb_next(hi_col_builder *cb, bool valid)
{
    if (valid) {
        hi_bit_set(cb->valid, cb->rows);
    } else {
        cb->nulls++;
    }
    cb->rows++;
    if (cb_is_text(cb)) {
        cb->failed |= !hi_buf_ok(cb->buf);
        cb->offsets[cb->rows] = (int32_t)cb->buf->size;
    }
}

void hi_cb_null(hi_col_builder *cb)
{
    if (cb_room(cb)) {
        cb_next(cb, false);
    }
}

void hi_cb_i64(hi_col_builder *cb, int64_t v)
{
    if (!cb_room(cb)) {
        return;
    }
    if (cb->type == HIST_TYPE_BOOL) {
        if (v != 0) {
            hi_bit_set(cb->data, cb->rows);
        }
    } else if (cb->type == HIST_TYPE_INT) {
        ((int32_t *)cb->data)[cb->rows] = (int32_t)v;
    } else {
        ((int64_t *)cb->data)[cb->rows] = v;
    }
    cb_next(cb, true);
}

void hi_cb_real(hi_col_builder *cb, double v)
{
    if (cb_room(cb)) {
        ((double *)cb->data)[cb->rows] = v;
        cb_next(cb, true);
    }
}

void hi_cb_16(hi_col_builder *cb, const void *bytes)
{
    if (cb_room(cb)) {
        memcpy((char *)cb->data + (size_t)cb->rows * 16, bytes, 16);
        cb_next(cb, true);
    }
}

void hi_cb_str(hi_col_builder *cb, const char *data, size_t size)
{
    if (cb_room(cb)) {
        hi_buf_append(cb->buf, data, size);
        cb_next(cb, true);
    }
}

void hi_cb_dyn(hi_col_builder *cb, hi_dyn value)
{
    if (!cb_room(cb)) {
        return;
    }
    const bool null = hi_dyn_is_null(value);
    if (!null) {
        hi_buf_append(cb->buf, value.data, value.size);
    }
    cb_next(cb, !null);
}

hi_dyn_writer *hi_cb_begin(hi_col_builder *cb)
{
    (void)cb_room(cb);
    return &cb->writer;
}

void hi_cb_end(hi_col_builder *cb)
{
    if (cb->failed) {
        return;
    }
    bool valid = true;
    if (cb->type == HIST_TYPE_DYNAMIC) {
        const size_t start = (size_t)cb->offsets[cb->rows];

        cb->failed |= !hi_dyn_writer_ok(&cb->writer);
        valid = !cb->failed && cb->buf->size > start && cb->buf->data[start] != HI_DYN_NULL;
        if (!valid && !cb->failed) {
            cb->buf->size = start;
        }
    }
    cb_next(cb, valid);
}

void hi_cb_value(hi_col_builder *cb, const hi_value *value)
{
    if (value->null) {
        hi_cb_null(cb);
        return;
    }
    if (cb->type == HIST_TYPE_DYNAMIC) {
        hi_dyn_put_value(hi_cb_begin(cb), value);
        hi_cb_end(cb);
        return;
    }
    switch (cb->type) {
    case HIST_TYPE_REAL:
        hi_cb_real(cb, value->real);
        break;
    case HIST_TYPE_STRING:
        hi_cb_str(cb, value->str.data, value->str.size);
        break;
    case HIST_TYPE_GUID:
        hi_cb_16(cb, value->guid);
        break;
    case HIST_TYPE_DECIMAL:
        hi_cb_16(cb, &value->decimal);
        break;
    default:
        hi_cb_i64(cb, value->i64);
        break;
    }
}

/* A view of one scalar value through any layout; LIST rows are not for this. */
static hi_value cb_view(const hist_column *from, uint32_t row)
{
    hi_value v = {.type = from->stored, .null = !hist_column_valid(from, row)};

    if (v.null) {
        return v;
    }
    switch (from->stored) {
    case HIST_TYPE_REAL:
        v.real = hist_column_f64(from, row);
        break;
    case HIST_TYPE_STRING:
    case HIST_TYPE_DYNAMIC:
        v.str = hist_column_str(from, row);
        break;
    case HIST_TYPE_GUID:
        memcpy(v.guid, hist_column_str(from, row).data, 16);
        break;
    case HIST_TYPE_DECIMAL:
        memcpy(&v.decimal, hist_column_str(from, row).data, 16);
        break;
    default:
        v.i64 = hist_column_i64(from, row);
        break;
    }
    return v;
}

static void cb_put_list(hi_dyn_writer *w, const hist_column *list, uint32_t row)
{
    hi_dyn_begin_array(w);
    for (int32_t i = list->offsets[row]; i < list->offsets[row + 1]; i++) {
        const hi_value v = cb_view(list->child, (uint32_t)i);

        hi_dyn_put_value(w, &v);
    }
    hi_dyn_end_array(w);
}

void hi_cb_copy(hi_col_builder *cb, const hist_column *from, uint32_t row)
{
    const hist_column *base = from;

    while (base->layout == HIST_LAYOUT_DICT || base->layout == HIST_LAYOUT_RUNS) {
        base = base->child;
    }
    if (base->layout != HIST_LAYOUT_LIST) {
        const hi_value v = cb_view(from, row);

        hi_cb_value(cb, &v);
        return;
    }
    assert(cb->type == HIST_TYPE_DYNAMIC);
    if (!hist_column_valid(from, row)) {
        hi_cb_null(cb);
        return;
    }
    cb_put_list(hi_cb_begin(cb), base, base == from ? row : hist_column_slot(from, row));
    hi_cb_end(cb);
}

bool hi_cb_done(hi_col_builder *cb, hist_type type, hist_column *out)
{
    if (cb->failed) {
        return false;
    }
    *out = (hist_column){.type = type,
                         .stored = cb->type,
                         .layout = HIST_LAYOUT_FLAT,
                         .length = cb->rows,
                         .data_count = cb->rows,
                         .valid = cb->nulls != 0 ? cb->valid : NULL,
                         .data = cb->data};
    if (cb_is_text(cb)) {
        out->offsets = cb->offsets;
        out->bytes = cb->buf->data != NULL ? cb->buf->data : "";
    }
    if (type == HIST_TYPE_STRING) {
        out->valid = NULL;
    }
    return true;
}

/* ---- lists ---- */

bool hi_lb_init(hi_list_builder *lb, hi_arena *arena, hist_type element, uint32_t rows_hint)
{
    *lb = (hi_list_builder){.capacity = rows_hint < 8 ? 8 : rows_hint};
    lb->offsets = HI_NEW_ARRAY(arena, int32_t, (size_t)lb->capacity + 1);
    lb->valid = hi_bits_new(arena, lb->capacity, false);
    lb->failed =
        !hi_cb_init(&lb->child, arena, element, 0) || lb->offsets == NULL || lb->valid == NULL;
    return !lb->failed;
}

static void lb_next(hi_list_builder *lb, bool valid)
{
    if (lb->failed || lb->child.failed) {
        lb->failed = true;
        return;
    }
    if (lb->rows == lb->capacity) {
        hi_arena *arena = lb->child.arena;
        const uint32_t capacity = lb->capacity * 2;
        const size_t old = hi_bits_words(lb->capacity) * 8;

        lb->offsets = cb_regrow(arena, lb->offsets, ((size_t)lb->capacity + 1) * 4,
                                ((size_t)capacity + 1) * 4);
        lb->valid = cb_regrow(arena, lb->valid, old, hi_bits_words(capacity) * 8);
        lb->capacity = capacity;
        if (lb->offsets == NULL || lb->valid == NULL) {
            lb->failed = true;
            return;
        }
    }
    if (valid) {
        hi_bit_set(lb->valid, lb->rows);
    } else {
        lb->nulls++;
    }
    lb->rows++;
    lb->offsets[lb->rows] = (int32_t)lb->child.rows;
}

void hi_lb_end(hi_list_builder *lb)
{
    lb_next(lb, true);
}

void hi_lb_null(hi_list_builder *lb)
{
    lb_next(lb, false);
}

bool hi_lb_done(hi_list_builder *lb, hist_column *out)
{
    hist_column child;

    if (lb->failed || !hi_cb_done(&lb->child, lb->child.type, &child)) {
        return false;
    }
    child.valid = lb->child.nulls != 0 ? lb->child.valid : NULL; /* Strings too. */
    return hi_col_list(lb->child.arena, lb->rows, lb->offsets, lb->nulls != 0 ? lb->valid : NULL,
                       &child, out);
}
