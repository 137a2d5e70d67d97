/*
 * vec_order.c -- comparing and hashing values of columns; see vec.h. Know first: the order across types is that
 * of hi_dyn_compare(), and a typed dynamic column must order and hash as the same values would in the tagged form.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "query/decimal.h"
#include "query/vec.h"

/* ---- values ---- */

static int order_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int order_real(double a, double b)
{
    if (isnan(a) || isnan(b)) {
        return (isnan(b) ? 1 : 0) - (isnan(a) ? 1 : 0);
    }
    return (a > b) - (a < b);
}

/* Exact, also beyond 2^53. */
static int order_i64_real(int64_t a, double b)
{
    if (isnan(b)) {
        return 1;
    }
    if (b >= 9223372036854775808.0) {
        return -1;
    }
    if (b < -9223372036854775808.0) {
        return 1;
    }
    const int64_t whole = (int64_t)b;
    if (a != whole) {
        return order_i64(a, whole);
    }
    return order_real((double)whole, b);
}

static int order_str(hist_str a, hist_str b)
{
    const size_t n = a.size < b.size ? a.size : b.size;
    const int c = n == 0 ? 0 : memcmp(a.data, b.data, n);

    return c != 0 ? (c > 0) - (c < 0) : (a.size > b.size) - (a.size < b.size);
}

static bool order_is_i64(hist_type type)
{
    return type == HIST_TYPE_INT || type == HIST_TYPE_LONG;
}

static int order_numbers(const hi_value *a, const hi_value *b)
{
    if (order_is_i64(a->type) && order_is_i64(b->type)) {
        return order_i64(a->i64, b->i64);
    }
    if (a->type == HIST_TYPE_REAL && b->type == HIST_TYPE_REAL) {
        return order_real(a->real, b->real);
    }
    if (a->type == HIST_TYPE_DECIMAL && b->type == HIST_TYPE_DECIMAL) {
        return hi_decimal_compare(a->decimal, b->decimal);
    }
    if (order_is_i64(a->type) && b->type == HIST_TYPE_REAL) {
        return order_i64_real(a->i64, b->real);
    }
    if (a->type == HIST_TYPE_REAL && order_is_i64(b->type)) {
        return -order_i64_real(b->i64, a->real);
    }
    if (a->type == HIST_TYPE_REAL) {
        return order_real(a->real, hi_decimal_to_real(b->decimal));
    }
    if (b->type == HIST_TYPE_REAL) {
        return order_real(hi_decimal_to_real(a->decimal), b->real);
    }
    const hist_decimal x = order_is_i64(a->type) ? hi_decimal_of_i64(a->i64) : a->decimal;
    const hist_decimal y = order_is_i64(b->type) ? hi_decimal_of_i64(b->i64) : b->decimal;
    return hi_decimal_compare(x, y);
}

/* Place of a type in the order across types. */
static int order_rank(const hi_value *v)
{
    switch (v->type) {
    case HIST_TYPE_BOOL:
        return 1;
    case HIST_TYPE_TIMESPAN:
        return 3;
    case HIST_TYPE_DATETIME:
        return 4;
    case HIST_TYPE_GUID:
        return 5;
    case HIST_TYPE_STRING:
        return 6;
    case HIST_TYPE_DYNAMIC:
        return hi_dyn_tag_of(hi_dyn_of(v->str.data, v->str.size)) == HI_DYN_ARRAY ? 7 : 8;
    default:
        return 2;
    }
}

/* A scalar in the tagged form becomes that scalar. */
static hi_value order_open(const hi_value *v)
{
    if (!v->null && v->type == HIST_TYPE_DYNAMIC) {
        return hi_value_of_dyn(hi_dyn_of(v->str.data, v->str.size));
    }
    return *v;
}

int hi_value_compare(const hi_value *left, const hi_value *right)
{
    const hi_value a = order_open(left);
    const hi_value b = order_open(right);

    if (a.null || b.null) {
        return (a.null ? 0 : 1) - (b.null ? 0 : 1);
    }
    const int rank = order_rank(&a) - order_rank(&b);
    if (rank != 0) {
        return rank > 0 ? 1 : -1;
    }
    switch (a.type) {
    case HIST_TYPE_STRING:
        return order_str(a.str, b.str);
    case HIST_TYPE_GUID: {
        const int c = memcmp(a.guid, b.guid, 16);
        return (c > 0) - (c < 0);
    }
    case HIST_TYPE_DYNAMIC:
        return hi_dyn_compare(hi_dyn_of(a.str.data, a.str.size), hi_dyn_of(b.str.data, b.str.size));
    case HIST_TYPE_BOOL:
    case HIST_TYPE_DATETIME:
    case HIST_TYPE_TIMESPAN:
        return order_i64(a.i64, b.i64);
    default:
        return order_numbers(&a, &b);
    }
}

/* ---- columns ---- */

/* The FLAT, CONST or LIST column that holds the value of *row; false: null. */
static bool order_resolve(const hist_column **column, uint32_t *row)
{
    const hist_column *c = *column;

    while (c->layout == HIST_LAYOUT_DICT || c->layout == HIST_LAYOUT_RUNS) {
        if (c->layout == HIST_LAYOUT_DICT && c->valid != NULL && !hist_bit_get(c->valid, *row)) {
            *column = c;
            return false;
        }
        *row = hist_column_slot(c, *row);
        c = c->child;
    }
    if (c->layout == HIST_LAYOUT_CONST) {
        *row = 0;
    }
    *column = c;
    return c->valid == NULL || hist_bit_get(c->valid, *row);
}

static hist_str order_bytes(const hist_column *c, uint32_t row)
{
    const int32_t start = c->offsets[row];

    return (hist_str){c->bytes + start, (size_t)(c->offsets[row + 1] - start)};
}

/* `c` is resolved, not a LIST, the row not null. */
static hi_value order_value(const hist_column *c, uint32_t row)
{
    hi_value v = {.type = c->stored};

    switch (c->stored) {
    case HIST_TYPE_BOOL:
        v.i64 = hist_bit_get(c->data, row) ? 1 : 0;
        break;
    case HIST_TYPE_INT:
        v.i64 = ((const int32_t *)c->data)[row];
        break;
    case HIST_TYPE_REAL:
        v.real = ((const double *)c->data)[row];
        break;
    case HIST_TYPE_STRING:
    case HIST_TYPE_DYNAMIC:
        v.str = order_bytes(c, row);
        break;
    case HIST_TYPE_GUID:
        memcpy(v.guid, (const char *)c->data + (size_t)row * 16, 16);
        break;
    case HIST_TYPE_DECIMAL:
        memcpy(&v.decimal, (const char *)c->data + (size_t)row * 16, 16);
        break;
    default:
        v.i64 = ((const int64_t *)c->data)[row];
        break;
    }
    return v;
}

/* Elements of an array, wherever they are. */
typedef struct order_elements {
    const hist_column *list; /* NULL: tagged. */
    int32_t at, end;
    hi_dyn_iter it;
} order_elements;

static order_elements order_elements_of(const hist_column *c, uint32_t row)
{
    order_elements e = {0};

    if (c->layout == HIST_LAYOUT_LIST) {
        e.list = c->child;
        e.at = c->offsets[row];
        e.end = c->offsets[row + 1];
    } else {
        const hist_str s = order_bytes(c, row);

        e.it = hi_dyn_iter_of(hi_dyn_of(s.data, s.size));
    }
    return e;
}

static bool order_next(order_elements *e, hi_value *out)
{
    if (e->list == NULL) {
        if (!hi_dyn_next(&e->it)) {
            return false;
        }
        *out = hi_value_of_dyn(e->it.value);
        return true;
    }
    if (e->at == e->end) {
        return false;
    }
    const uint32_t row = (uint32_t)e->at++;
    if (e->list->valid != NULL && !hist_bit_get(e->list->valid, row)) {
        *out = (hi_value){.type = e->list->stored, .null = true};
    } else {
        *out = order_value(e->list, row);
    }
    return true;
}

static int order_arrays(const hist_column *a, uint32_t i, const hist_column *b, uint32_t j)
{
    order_elements x = order_elements_of(a, i);
    order_elements y = order_elements_of(b, j);
    hi_value v;
    hi_value w;

    for (;;) {
        const bool more_x = order_next(&x, &v);
        const bool more_y = order_next(&y, &w);

        if (!more_x || !more_y) {
            return (more_x ? 1 : 0) - (more_y ? 1 : 0);
        }
        const int c = hi_value_compare(&v, &w);
        if (c != 0) {
            return c;
        }
    }
}

/* Place of a row in the order across types; null 0. */
static int order_row_rank(const hist_column *c, uint32_t row)
{
    if (c->layout == HIST_LAYOUT_LIST) {
        return 7; /* An array. */
    }
    const hi_value v = order_value(c, row);
    const hi_value open = order_open(&v);
    return open.null ? 0 : order_rank(&open);
}

static int order_lists(const hist_column *a, uint32_t i, const hist_column *b, uint32_t j)
{
    const int rank = order_row_rank(a, i) - order_row_rank(b, j);

    if (rank != 0) {
        return rank > 0 ? 1 : -1;
    }
    return order_arrays(a, i, b, j);
}

int hi_col_compare(const hist_column *a, uint32_t i, const hist_column *b, uint32_t j)
{
    const bool left = order_resolve(&a, &i);
    const bool right = order_resolve(&b, &j);

    if (!left || !right) {
        if (a->type == HIST_TYPE_STRING && b->type == HIST_TYPE_STRING) {
            const hist_str none = {"", 0};

            return order_str(left ? order_bytes(a, i) : none, right ? order_bytes(b, j) : none);
        }
        return (left ? 1 : 0) - (right ? 1 : 0);
    }
    if (a->layout == HIST_LAYOUT_LIST || b->layout == HIST_LAYOUT_LIST) {
        return order_lists(a, i, b, j);
    }
    if (a->stored != b->stored || a->stored == HIST_TYPE_DYNAMIC) {
        const hi_value v = order_value(a, i);
        const hi_value w = order_value(b, j);

        return hi_value_compare(&v, &w);
    }
    switch (a->stored) {
    case HIST_TYPE_REAL:
        return order_real(((const double *)a->data)[i], ((const double *)b->data)[j]);
    case HIST_TYPE_STRING:
        return order_str(order_bytes(a, i), order_bytes(b, j));
    case HIST_TYPE_LONG:
    case HIST_TYPE_DATETIME:
    case HIST_TYPE_TIMESPAN:
        return order_i64(((const int64_t *)a->data)[i], ((const int64_t *)b->data)[j]);
    default: {
        const hi_value v = order_value(a, i);
        const hi_value w = order_value(b, j);

        return hi_value_compare(&v, &w);
    }
    }
}

bool hi_col_is_nullish(const hist_column *column, uint32_t row)
{
    if (!order_resolve(&column, &row)) {
        return column->type != HIST_TYPE_STRING;
    }
    if (column->layout == HIST_LAYOUT_LIST) {
        return false;
    }
    const hi_value v = order_value(column, row);
    const hi_value open = order_open(&v);
    return open.null || (open.type == HIST_TYPE_REAL && isnan(open.real));
}

bool hi_col_equal(const hist_column *a, uint32_t i, const hist_column *b, uint32_t j)
{
    return hi_col_compare(a, i, b, j) == 0;
}

/* ---- hashes ---- */

#define HASH_NULL UINT64_C(0x9ae16a3b2f90404f)

static inline uint64_t hash_mix(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    return x;
}

static inline uint64_t hash_real(double v)
{
    uint64_t bits;

    v = v == 0 ? 0.0 : v; /* -0.0 */
    memcpy(&bits, &v, 8);
    return isnan(v) ? UINT64_C(0x7ff8000000000000) : bits;
}

static void hash_fixed(const hist_column *c, uint32_t n, uint64_t *h)
{
    if (c->stored == HIST_TYPE_BOOL) {
        for (uint32_t i = 0; i < n; i++) {
            h[i] = hash_mix(hist_bit_get(c->data, i) ? 1 : 0);
        }
    } else if (c->stored == HIST_TYPE_INT) {
        const int32_t *v = c->data;

        for (uint32_t i = 0; i < n; i++) {
            h[i] = hash_mix((uint64_t)(int64_t)v[i]);
        }
    } else if (c->stored == HIST_TYPE_REAL) {
        const double *v = c->data;

        for (uint32_t i = 0; i < n; i++) {
            h[i] = hash_mix(hash_real(v[i]));
        }
    } else if (hi_type_size(c->stored) == 16) {
        for (uint32_t i = 0; i < n; i++) {
            h[i] = hi_hash((const char *)c->data + (size_t)i * 16, 16, 0);
        }
    } else {
        const uint64_t *v = c->data;

        for (uint32_t i = 0; i < n; i++) {
            h[i] = hash_mix(v[i]);
        }
    }
}

static bool hash_dynamic(hi_arena *arena, const hist_column *c, uint32_t n, uint64_t *h)
{
    const hi_arena_mark mark = hi_arena_save(arena);

    for (uint32_t i = 0; i < n; i++) {
        hi_dyn v;

        if (!hi_col_dyn(arena, c, i, &v)) {
            return false;
        }
        h[i] = hi_dyn_is_null(v) ? HASH_NULL : hi_dyn_hash(v, 0);
        if (i % 256 == 255) {
            hi_arena_rewind(arena, mark);
        }
    }
    hi_arena_rewind(arena, mark);
    return true;
}

/* FLAT, LIST, or CONST with n == 1. */
static bool hash_flat(hi_arena *arena, const hist_column *c, uint32_t n, uint64_t *h)
{
    if (c->type == HIST_TYPE_DYNAMIC) {
        return hash_dynamic(arena, c, n, h);
    }
    if (c->stored == HIST_TYPE_STRING) {
        for (uint32_t i = 0; i < n; i++) {
            const hist_str s = order_bytes(c, i);
            const bool ok = c->valid == NULL || hist_bit_get(c->valid, i);

            h[i] = hi_hash(s.data, ok ? s.size : 0, 0);
        }
        return true;
    }
    hash_fixed(c, n, h);
    for (uint32_t i = 0; c->valid != NULL && i < n; i++) {
        h[i] = hist_bit_get(c->valid, i) ? h[i] : HASH_NULL;
    }
    return true;
}

static uint64_t hash_null_of(const hist_column *c)
{
    return c->type == HIST_TYPE_STRING ? hi_hash("", 0, 0) : HASH_NULL;
}

/* Hashes of the values of a DICT, RUNS or CONST, then one a row. */
static bool hash_spread(hi_arena *arena, const hist_column *c, uint64_t *h)
{
    const bool is_const = c->layout == HIST_LAYOUT_CONST;
    const uint32_t n = is_const ? 1 : c->child->length;
    const int32_t *data = c->data;
    uint64_t *values = hi_arena_vector(arena, (size_t)n * 8);

    hist_column values_of = is_const ? *c : *c->child;
    values_of.type = c->type;
    if (values == NULL || !hash_flat(arena, &values_of, n, values)) {
        return false;
    }
    if (is_const) {
        for (uint32_t i = 0; i < c->length; i++) {
            h[i] = values[0];
        }
    } else if (c->layout == HIST_LAYOUT_DICT) {
        for (uint32_t i = 0; i < c->length; i++) {
            const bool ok = c->valid == NULL || hist_bit_get(c->valid, i);

            h[i] = ok ? values[data[i]] : hash_null_of(c);
        }
    } else {
        for (uint32_t i = 0, run = 0; i < c->length; i++) {
            while (run + 1 < c->data_count && (uint32_t)data[run] <= i) {
                run++;
            }
            h[i] = values[run];
        }
    }
    return true;
}

bool hi_col_hash(hi_arena *arena, const hist_column *column, bool combine, uint64_t *hashes)
{
    const hi_arena_mark mark = hi_arena_save(arena);
    const uint32_t n = column->length;
    uint64_t *h = combine ? hi_arena_vector(arena, (size_t)n * 8) : hashes;
    bool ok = h != NULL;

    if (ok && (column->layout == HIST_LAYOUT_FLAT || column->layout == HIST_LAYOUT_LIST)) {
        ok = hash_flat(arena, column, n, h);
    } else if (ok) {
        ok = hash_spread(arena, column, h);
    }
    for (uint32_t i = 0; ok && combine && i < n; i++) {
        hashes[i] = hash_mix(hashes[i] * UINT64_C(0x9e3779b97f4a7c15) + h[i]);
    }
    hi_arena_rewind(arena, mark);
    return ok;
}
