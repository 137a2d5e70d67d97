/*
 * vec.c -- making, spreading, gathering and slicing columns (joining them: vec_concat.c). Know first: everything is reduced to
 * one function, col_take(), that picks rows of a FLAT or LIST column by index.
 */
#include "query/vec.h"

#include <assert.h>
#include <string.h>

size_t hi_type_size(hist_type type)
{
    switch (type) {
    case HIST_TYPE_INT:
        return 4;
    case HIST_TYPE_LONG:
    case HIST_TYPE_REAL:
    case HIST_TYPE_DATETIME:
    case HIST_TYPE_TIMESPAN:
        return 8;
    case HIST_TYPE_GUID:
    case HIST_TYPE_DECIMAL:
        return 16;
    case HIST_TYPE_BOOL:
    case HIST_TYPE_STRING:
    case HIST_TYPE_DYNAMIC:
    default:
        return 0;
    }
}

bool hi_type_is_number(hist_type type)
{
    return type == HIST_TYPE_INT || type == HIST_TYPE_LONG || type == HIST_TYPE_REAL ||
           type == HIST_TYPE_DECIMAL;
}

/* ---- bits ---- */

uint32_t hi_bits_count(const uint64_t *bits, uint32_t rows)
{
    uint32_t n = 0;
    const uint32_t whole = rows / 64;

    for (uint32_t i = 0; i < whole; i++) {
        n += (uint32_t)__builtin_popcountll(bits[i]);
    }
    if (rows % 64 != 0) {
        const uint64_t mask = (UINT64_C(1) << (rows % 64)) - 1;

        n += (uint32_t)__builtin_popcountll(bits[whole] & mask);
    }
    return n;
}

uint64_t *hi_bits_new(hi_arena *arena, uint32_t rows, bool ones)
{
    const size_t size = hi_bits_words(rows) * 8;
    uint64_t *bits = hi_arena_vector(arena, size);

    if (bits != NULL) {
        memset(bits, ones ? 0xff : 0, size);
    }
    return bits;
}

/* Copies `count` bits from bit `from` on to bit 0 on; whole words of `to` are written. */
static void bits_slice(uint64_t *to, const uint64_t *bits, uint32_t from, uint32_t count)
{
    const size_t words = hi_bits_words(count);
    const size_t last = ((size_t)from + count + 63) / 64;
    const unsigned shift = from % 64;

    for (size_t i = 0; i < words; i++) {
        const size_t at = from / 64 + i;
        uint64_t v = bits[at] >> shift;

        if (shift != 0 && at + 1 < last) {
            v |= bits[at + 1] << (64 - shift);
        }
        to[i] = v;
    }
}

/* ---- making ---- */

bool hi_col_new(hi_arena *arena, hist_type type, uint32_t rows, hist_column *out, void **data)
{
    const size_t width = hi_type_size(type);
    const size_t size = type == HIST_TYPE_BOOL ? hi_bits_words(rows) * 8 : width * rows;

    assert(width != 0 || type == HIST_TYPE_BOOL);
    *data = hi_arena_vector(arena, size);
    *out = (hist_column){.type = type,
                         .stored = type,
                         .layout = HIST_LAYOUT_FLAT,
                         .length = rows,
                         .data_count = rows,
                         .data = *data};
    return *data != NULL;
}

bool hi_col_nulls(hi_arena *arena, hist_type type, uint32_t rows, hist_column *out)
{
    const hi_value value = {.type = type, .null = true};

    return hi_col_const(arena, type, rows, &value, out);
}

static bool col_const_text(hi_arena *arena, const hi_value *value, hist_column *out)
{
    const size_t size = value->null ? 0 : value->str.size;
    int32_t *offsets = hi_arena_alloc(arena, 2 * sizeof(int32_t));
    char *bytes = hi_arena_strdup(arena, size != 0 ? value->str.data : "", size);

    if (offsets == NULL || bytes == NULL || size > INT32_MAX) {
        return false;
    }
    offsets[0] = 0;
    offsets[1] = (int32_t)size;
    out->offsets = offsets;
    out->bytes = bytes;
    return true;
}

static void col_store_fixed(void *to, const hi_value *value)
{
    switch (value->type) {
    case HIST_TYPE_BOOL: {
        const uint64_t bits = value->i64 != 0;
        memcpy(to, &bits, 8);
        break;
    }
    case HIST_TYPE_INT: {
        const int32_t v = (int32_t)value->i64;
        memcpy(to, &v, 4);
        break;
    }
    case HIST_TYPE_REAL:
        memcpy(to, &value->real, 8);
        break;
    case HIST_TYPE_GUID:
        memcpy(to, value->guid, 16);
        break;
    case HIST_TYPE_DECIMAL:
        memcpy(to, &value->decimal, 16);
        break;
    default:
        memcpy(to, &value->i64, 8);
        break;
    }
}

bool hi_col_const(hi_arena *arena, hist_type type, uint32_t rows, const hi_value *value,
                  hist_column *out)
{
    *out = (hist_column){.type = type,
                         .stored = value->type,
                         .layout = HIST_LAYOUT_CONST,
                         .length = rows,
                         .data_count = 1};
    if (value->null && value->type != HIST_TYPE_STRING) {
        out->valid = hi_bits_new(arena, 1, false);
        if (out->valid == NULL) {
            return false;
        }
    }
    if (value->type == HIST_TYPE_STRING || value->type == HIST_TYPE_DYNAMIC) {
        return col_const_text(arena, value, out);
    }
    void *data = hi_arena_calloc(arena, 1, 16);
    if (data == NULL) {
        return false;
    }
    if (!value->null) {
        col_store_fixed(data, value);
    }
    out->data = data;
    return true;
}

bool hi_col_repeat(hi_arena *arena, const hist_column *in, uint32_t row, uint32_t rows,
                   hist_column *out)
{
    hi_value value;

    if (in->layout == HIST_LAYOUT_CONST) {
        *out = hi_col_resize_const(in, rows);
        return true;
    }
    return hi_col_value(arena, in, row, &value) && hi_col_const(arena, in->type, rows, &value, out);
}

hist_column hi_col_resize_const(const hist_column *in, uint32_t rows)
{
    hist_column out = *in;

    assert(in->layout == HIST_LAYOUT_CONST);
    out.length = rows;
    return out;
}

bool hi_col_list(hi_arena *arena, uint32_t rows, const int32_t *offsets, const uint64_t *valid,
                 const hist_column *child, hist_column *out)
{
    hist_column *copy = HI_NEW(arena, hist_column);

    if (copy == NULL) {
        return false;
    }
    *copy = *child;
    copy->type = copy->stored;
    *out = (hist_column){.type = HIST_TYPE_DYNAMIC,
                         .stored = HIST_TYPE_DYNAMIC,
                         .layout = HIST_LAYOUT_LIST,
                         .length = rows,
                         .data_count = rows,
                         .valid = valid,
                         .data = offsets,
                         .offsets = offsets,
                         .child = copy};
    return true;
}

/* ---- taking rows by index ---- */

static void take_4(uint32_t *to, const uint32_t *from, const uint32_t *rows, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        to[i] = rows[i] == HI_ROW_NONE ? 0 : from[rows[i]];
    }
}

static void take_8(uint64_t *to, const uint64_t *from, const uint32_t *rows, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        to[i] = rows[i] == HI_ROW_NONE ? 0 : from[rows[i]];
    }
}

static void take_16(char *to, const char *from, const uint32_t *rows, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (rows[i] == HI_ROW_NONE) {
            memset(to + (size_t)i * 16, 0, 16);
        } else {
            memcpy(to + (size_t)i * 16, from + (size_t)rows[i] * 16, 16);
        }
    }
}

/* bits NULL: ones. */
static void take_bits(uint64_t *to, const uint64_t *bits, const uint32_t *rows, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += 64) {
        const uint32_t m = n - i < 64 ? n - i : 64;
        uint64_t word = 0;

        for (uint32_t k = 0; k < m; k++) {
            const uint32_t row = rows[i + k];
            const uint64_t bit = row != HI_ROW_NONE && (bits == NULL || hist_bit_get(bits, row));

            word |= bit << k;
        }
        to[i / 64] = word;
    }
}

/* New offsets of the picked pieces; false: more than 2 GiB or no memory. */
static bool take_offsets(hi_arena *arena, const int32_t *from, const uint32_t *rows, uint32_t n,
                         int32_t **out)
{
    int32_t *to = hi_arena_vector(arena, ((size_t)n + 1) * sizeof(int32_t));
    int64_t sum = 0;

    if (to == NULL) {
        return false;
    }
    to[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (rows[i] != HI_ROW_NONE) {
            sum += from[rows[i] + 1] - from[rows[i]];
        }
        if (sum > INT32_MAX) {
            return false;
        }
        to[i + 1] = (int32_t)sum;
    }
    *out = to;
    return true;
}

static bool take_text(hi_arena *arena, const hist_column *in, const uint32_t *rows, uint32_t n,
                      hist_column *out)
{
    int32_t *offsets;

    if (!take_offsets(arena, in->offsets, rows, n, &offsets)) {
        return false;
    }
    char *bytes = hi_arena_vector(arena, (size_t)offsets[n]);
    if (bytes == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        const size_t size = (size_t)(offsets[i + 1] - offsets[i]);

        if (size != 0) {
            memcpy(bytes + offsets[i], in->bytes + in->offsets[rows[i]], size);
        }
    }
    out->offsets = offsets;
    out->bytes = bytes;
    return true;
}

static bool col_take(hi_arena *arena, const hist_column *in, const uint32_t *rows, uint32_t n,
                     hist_column *out);

static bool take_list(hi_arena *arena, const hist_column *in, const uint32_t *rows, uint32_t n,
                      hist_column *out)
{
    int32_t *offsets;

    if (!take_offsets(arena, in->offsets, rows, n, &offsets)) {
        return false;
    }
    uint32_t *elements = hi_arena_vector(arena, (size_t)offsets[n] * sizeof(uint32_t));
    hist_column *child = HI_NEW(arena, hist_column);
    if (elements == NULL || child == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        for (int32_t k = offsets[i]; k < offsets[i + 1]; k++) {
            elements[k] = (uint32_t)(in->offsets[rows[i]] + (k - offsets[i]));
        }
    }
    if (!col_take(arena, in->child, elements, (uint32_t)offsets[n], child)) {
        return false;
    }
    out->data = offsets;
    out->offsets = offsets;
    out->child = child;
    return true;
}

static bool take_data(hi_arena *arena, const hist_column *in, const uint32_t *rows, uint32_t n,
                      hist_column *out)
{
    if (in->layout == HIST_LAYOUT_LIST) {
        return take_list(arena, in, rows, n, out);
    }
    if (in->stored == HIST_TYPE_STRING || in->stored == HIST_TYPE_DYNAMIC) {
        return take_text(arena, in, rows, n, out);
    }
    hist_column fresh;
    void *data;
    if (!hi_col_new(arena, in->stored, n, &fresh, &data)) {
        return false;
    }
    switch (hi_type_size(in->stored)) {
    case 0:
        take_bits(data, in->data, rows, n);
        break;
    case 4:
        take_4(data, in->data, rows, n);
        break;
    case 8:
        take_8(data, in->data, rows, n);
        break;
    default:
        take_16(data, in->data, rows, n);
        break;
    }
    out->data = data;
    return true;
}

static bool rows_have_none(const uint32_t *rows, uint32_t n)
{
    bool none = false;

    for (uint32_t i = 0; i < n; i++) {
        none |= rows[i] == HI_ROW_NONE;
    }
    return none;
}

/* `in` is FLAT or LIST. */
static bool col_take(hi_arena *arena, const hist_column *in, const uint32_t *rows, uint32_t n,
                     hist_column *out)
{
    *out = (hist_column){
        .type = in->type, .stored = in->stored, .layout = in->layout, .length = n, .data_count = n};
    if (!take_data(arena, in, rows, n, out)) {
        return false;
    }
    if (in->valid == NULL && (in->type == HIST_TYPE_STRING || !rows_have_none(rows, n))) {
        return true; /* A string that is not there is "". */
    }
    uint64_t *valid = hi_bits_new(arena, n, false);
    if (valid == NULL) {
        return false;
    }
    take_bits(valid, in->valid, rows, n);
    out->valid = valid;
    return true;
}

/* ---- spreading ---- */

static bool text_nulls_to_empty(hi_arena *arena, const hist_column *in, hist_column *out)
{
    uint32_t *rows = hi_arena_vector(arena, (size_t)in->length * sizeof(uint32_t));

    if (rows == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < in->length; i++) {
        rows[i] = hist_bit_get(in->valid, i) ? i : HI_ROW_NONE;
    }
    if (!col_take(arena, in, rows, in->length, out)) {
        return false;
    }
    out->valid = NULL;
    return true;
}

static bool text_null_rows_are_empty(const hist_column *in)
{
    for (uint32_t i = 0; i < in->length; i++) {
        if (!hist_bit_get(in->valid, i) && in->offsets[i] != in->offsets[i + 1]) {
            return false;
        }
    }
    return true;
}

/* FLAT strings without nulls. */
static bool canonical_flat(hi_arena *arena, const hist_column *in, hist_column *out)
{
    *out = *in;
    if (in->stored != HIST_TYPE_STRING || in->valid == NULL) {
        return true;
    }
    if (in->type == HIST_TYPE_DYNAMIC) {
        return true; /* A dynamic that holds strings does have nulls. */
    }
    if (!text_null_rows_are_empty(in)) {
        return text_nulls_to_empty(arena, in, out);
    }
    out->valid = NULL;
    return true;
}

static bool dict_with_nulls(const hist_column *in)
{
    return in->layout == HIST_LAYOUT_DICT && in->valid != NULL;
}

bool hi_col_canonical(hi_arena *arena, const hist_column *in, hist_column *out)
{
    *out = *in;
    if (in->type != HIST_TYPE_STRING) {
        return true;
    }
    if (dict_with_nulls(in)) {
        return hi_col_flatten(arena, in, out);
    }
    if (in->layout == HIST_LAYOUT_DICT || in->layout == HIST_LAYOUT_RUNS) {
        if (in->child->valid == NULL) {
            return true;
        }
        hist_column *child = HI_NEW(arena, hist_column);
        if (child == NULL || !canonical_flat(arena, in->child, child)) {
            return false;
        }
        out->child = child;
        return true;
    }
    if (in->layout == HIST_LAYOUT_CONST) {
        if (in->valid != NULL && !hist_bit_get(in->valid, 0)) {
            return hi_col_nulls(arena, in->type, in->length, out);
        }
        out->valid = NULL;
        return true;
    }
    return canonical_flat(arena, in, out);
}

/* Row of the child for each row; HI_ROW_NONE where a DICT has a null. */
static void spread_rows(const hist_column *in, uint32_t *rows)
{
    const int32_t *data = in->data;

    if (in->layout == HIST_LAYOUT_CONST) {
        memset(rows, 0, (size_t)in->length * sizeof(uint32_t));
    } else if (in->layout == HIST_LAYOUT_RUNS) {
        uint32_t row = 0;

        for (uint32_t run = 0; run < in->data_count; run++) {
            while (row < (uint32_t)data[run] && row < in->length) {
                rows[row++] = run;
            }
        }
    } else {
        for (uint32_t i = 0; i < in->length; i++) {
            const bool ok = in->valid == NULL || hist_bit_get(in->valid, i);

            rows[i] = ok ? (uint32_t)data[i] : HI_ROW_NONE;
        }
    }
}

bool hi_col_flatten(hi_arena *arena, const hist_column *in, hist_column *out)
{
    hist_column source;

    if (in->layout == HIST_LAYOUT_FLAT || in->layout == HIST_LAYOUT_LIST) {
        return canonical_flat(arena, in, out);
    }
    if (in->layout == HIST_LAYOUT_CONST) {
        source = *in;
        source.layout = HIST_LAYOUT_FLAT;
        source.length = 1;
    } else {
        source = *in->child;
    }
    uint32_t *rows = hi_arena_vector(arena, (size_t)in->length * sizeof(uint32_t));
    if (rows == NULL) {
        return false;
    }
    spread_rows(in, rows);
    hist_column flat;
    if (!canonical_flat(arena, &source, &flat) || !col_take(arena, &flat, rows, in->length, out)) {
        return false;
    }
    out->type = in->type;
    return true;
}

static bool gather_dict(hi_arena *arena, const hist_column *in, const uint32_t *rows,
                        uint32_t count, hist_column *out)
{
    int32_t *codes = hi_arena_vector(arena, (size_t)count * sizeof(int32_t));

    if (codes == NULL) {
        return false;
    }
    take_4((uint32_t *)codes, in->data, rows, count);
    *out = *in;
    out->length = count;
    out->data_count = count;
    out->data = codes;
    return true;
}

/* Ends of the runs that are left of a RUNS column, and which they are; 0: rows do not ascend (or there are none). */
static uint32_t gather_run_ends(const hist_column *in, const uint32_t *rows, uint32_t count,
                                int32_t *ends, uint32_t *runs)
{
    const int32_t *from = in->data;
    uint32_t n = 0;
    uint32_t run = 0;
    uint32_t before = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (rows[i] == HI_ROW_NONE || rows[i] < before) {
            return 0;
        }
        before = rows[i];
        if (n == 0 || (uint32_t)from[run] <= before) {
            while ((uint32_t)from[run] <= before) {
                run++;
            }
            runs[n++] = run;
        }
        ends[n - 1] = (int32_t)(i + 1);
    }
    return n;
}

/* *done false: the rows do not ascend. */
static bool gather_runs(hi_arena *arena, const hist_column *in, const uint32_t *rows,
                        uint32_t count, hist_column *out, bool *done)
{
    int32_t *ends = hi_arena_vector(arena, (size_t)count * sizeof(int32_t));
    uint32_t *runs = hi_arena_vector(arena, (size_t)count * sizeof(uint32_t));
    hist_column *child = HI_NEW(arena, hist_column);

    *done = false;
    if (ends == NULL || runs == NULL || child == NULL) {
        return false;
    }
    const uint32_t n = gather_run_ends(in, rows, count, ends, runs);
    if (n == 0) {
        return true;
    }
    *done = true;
    *out = *in;
    out->length = count;
    out->data_count = n;
    out->data = ends;
    out->child = child;
    return hi_col_gather(arena, in->child, runs, n, child);
}

bool hi_col_gather(hi_arena *arena, const hist_column *in, const uint32_t *rows, uint32_t count,
                   hist_column *out)
{
    hist_column flat;

    if (in->layout == HIST_LAYOUT_RUNS && in->valid == NULL &&
        in->child->layout == HIST_LAYOUT_FLAT) {
        bool done;

        if (!gather_runs(arena, in, rows, count, out, &done)) {
            return false;
        }
        if (done) {
            return true;
        }
    }
    if (in->layout == HIST_LAYOUT_CONST && !rows_have_none(rows, count)) {
        return hi_col_canonical(arena, in, &flat) &&
               (*out = hi_col_resize_const(&flat, count), true);
    }
    if (in->layout == HIST_LAYOUT_DICT && in->valid == NULL && !rows_have_none(rows, count)) {
        return hi_col_canonical(arena, in, &flat) && gather_dict(arena, &flat, rows, count, out);
    }
    if (in->layout == HIST_LAYOUT_FLAT || in->layout == HIST_LAYOUT_LIST) {
        return canonical_flat(arena, in, &flat) && col_take(arena, &flat, rows, count, out);
    }
    if (in->layout != HIST_LAYOUT_DICT || in->valid != NULL) {
        return hi_col_flatten(arena, in, &flat) && col_take(arena, &flat, rows, count, out);
    }
    uint32_t *slots = hi_arena_vector(arena, (size_t)count * sizeof(uint32_t));
    if (slots == NULL || !canonical_flat(arena, in->child, &flat)) {
        return false;
    }
    const int32_t *codes = in->data;
    for (uint32_t i = 0; i < count; i++) {
        slots[i] = rows[i] == HI_ROW_NONE ? HI_ROW_NONE : (uint32_t)codes[rows[i]];
    }
    if (!col_take(arena, &flat, slots, count, out)) {
        return false;
    }
    out->type = in->type;
    return true;
}

/* ---- slices ---- */

static bool slice_bits(hi_arena *arena, const uint64_t *bits, uint32_t from, uint32_t count,
                       const uint64_t **out)
{
    *out = NULL;
    if (bits == NULL) {
        return true;
    }
    if (from % 64 == 0) {
        *out = bits + from / 64;
        return true;
    }
    uint64_t *copy = hi_bits_new(arena, count, false);
    if (copy == NULL) {
        return false;
    }
    bits_slice(copy, bits, from, count);
    *out = copy;
    return true;
}

/* FLAT, LIST, DICT: offsets need not begin at 0 inside the library. */
bool hi_col_slice(hi_arena *arena, const hist_column *in, uint32_t from, uint32_t count,
                  hist_column *out)
{
    hist_column flat;

    assert(from <= in->length && count <= in->length - from);
    if (in->layout == HIST_LAYOUT_CONST) {
        *out = hi_col_resize_const(in, count);
        return true;
    }
    if (in->layout == HIST_LAYOUT_RUNS) {
        if (!hi_col_flatten(arena, in, &flat)) {
            return false;
        }
        in = &flat;
    }
    *out = *in;
    out->length = count;
    out->data_count = count;
    if (in->offsets != NULL) {
        out->offsets = in->offsets + from;
    }
    if (in->layout == HIST_LAYOUT_LIST) {
        out->data = out->offsets;
    } else if (in->layout == HIST_LAYOUT_DICT) {
        out->data = (const int32_t *)in->data + from;
    } else if (in->stored == HIST_TYPE_BOOL) {
        const uint64_t *bits;

        if (!slice_bits(arena, in->data, from, count, &bits)) {
            return false;
        }
        out->data = bits;
    } else if (in->data != NULL) {
        out->data = (const char *)in->data + (size_t)from * hi_type_size(in->stored);
    }
    return slice_bits(arena, in->valid, from, count, &out->valid);
}

bool hi_batch_compact(hi_arena *arena, const hist_batch *in, hist_batch *out)
{
    *out = *in;
    if (in->sel == NULL) {
        return true;
    }
    hist_column *columns = HI_NEW_ARRAY(arena, hist_column, in->column_count);
    if (columns == NULL) {
        return false;
    }
    for (uint32_t c = 0; c < in->column_count; c++) {
        if (!hi_col_gather(arena, &in->columns[c], in->sel, in->sel_count, &columns[c])) {
            return false;
        }
    }
    out->columns = columns;
    out->row_count = in->sel_count;
    out->sel = NULL;
    return true;
}
