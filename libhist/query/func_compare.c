/*
 * func_compare.c -- == != < <= > >=, between and in. Know first: the equality family is total but for null with
 * null (null == 5 is false, null != 5 true); ordering with a null is null. Both are done on whole bitmaps after
 * the loops. Which loop runs is decided by the stored types, so typed dynamic columns are fast too.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "query/eval.h"
#include "query/unicode.h"

/* ---- one pair ---- */

static bool cmp_of_order(hi_kern_cmp op, int order)
{
    switch (op) {
    case HI_KERN_EQ:
        return order == 0;
    case HI_KERN_NE:
        return order != 0;
    case HI_KERN_LT:
        return order < 0;
    case HI_KERN_LE:
        return order <= 0;
    case HI_KERN_GT:
        return order > 0;
    case HI_KERN_GE:
    default:
        return order >= 0;
    }
}

static hi_value cmp_open(const hi_value *v)
{
    if (!v->null && v->type == HIST_TYPE_DYNAMIC) {
        return hi_value_of_dyn(hi_dyn_of(v->str.data, v->str.size));
    }
    return *v;
}

static bool cmp_is_nan(const hi_value *v)
{
    return v->type == HIST_TYPE_REAL && isnan(v->real);
}

static bool cmp_comparable(hist_type a, hist_type b)
{
    return a == b || (hi_type_is_number(a) && hi_type_is_number(b)) ||
           (a == HIST_TYPE_BOOL && hi_type_is_number(b)) ||
           (b == HIST_TYPE_BOOL && hi_type_is_number(a));
}

/* Both not null. *known false: values that have no order. */
static bool cmp_values(hi_kern_cmp op, const hi_value *left, const hi_value *right, bool *known)
{
    hi_value a = cmp_open(left);
    hi_value b = cmp_open(right);

    *known = true;
    if (!cmp_comparable(a.type, b.type)) {
        *known = op == HI_KERN_EQ || op == HI_KERN_NE;
        return op == HI_KERN_NE;
    }
    if (cmp_is_nan(&a) || cmp_is_nan(&b)) {
        return op == HI_KERN_NE;
    }
    if (a.type != b.type) {
        a.type = a.type == HIST_TYPE_BOOL ? HIST_TYPE_LONG : a.type;
        b.type = b.type == HIST_TYPE_BOOL ? HIST_TYPE_LONG : b.type;
    }
    return cmp_of_order(op, hi_value_compare(&a, &b));
}

/* ---- nulls ---- */

/* Validity words of an operand: NULL all valid. */
static bool cmp_valid_words(hi_arena *arena, const hist_column *c, uint32_t rows,
                            const uint64_t **out)
{
    *out = c->valid;
    if (c->layout != HIST_LAYOUT_CONST || c->valid == NULL) {
        return true;
    }
    if (hist_bit_get(c->valid, 0)) {
        *out = NULL;
        return true;
    }
    *out = hi_bits_new(arena, rows, false);
    return *out != NULL;
}

/* Makes `bits`, right where both sides have values, right everywhere. */
static bool cmp_nulls(hi_arena *arena, hi_kern_cmp op, const hist_column *ab, uint32_t rows,
                      hist_column *out)
{
    uint64_t *bits = (uint64_t *)(uintptr_t)out->data;
    const uint64_t *va;
    const uint64_t *vb;

    if (op != HI_KERN_EQ && op != HI_KERN_NE) {
        const uint64_t *before = out->valid;
        hist_column three[3] = {ab[0], ab[1], {.layout = HIST_LAYOUT_FLAT, .valid = before}};

        return hi_valid_all(arena, three, 3, rows, &out->valid);
    }
    if (!cmp_valid_words(arena, &ab[0], rows, &va) || !cmp_valid_words(arena, &ab[1], rows, &vb)) {
        return false;
    }
    if (va == NULL && vb == NULL) {
        return true;
    }
    uint64_t *valid = hi_bits_new(arena, rows, true);
    if (valid == NULL) {
        return false;
    }
    for (size_t w = 0; w < hi_bits_words(rows); w++) {
        const uint64_t a = va != NULL ? va[w] : ~UINT64_C(0);
        const uint64_t b = vb != NULL ? vb[w] : ~UINT64_C(0);

        bits[w] = (bits[w] & a & b) | (op == HI_KERN_NE ? a ^ b : 0);
        valid[w] = a | b;
    }
    out->valid = va != NULL && vb != NULL ? valid : NULL;
    return true;
}

/* ---- vectors ---- */

typedef enum cmp_class { CMP_ROWS = 0, CMP_I64, CMP_F64, CMP_TEXT } cmp_class;

static bool cmp_is_int(hist_type t)
{
    return t == HIST_TYPE_INT || t == HIST_TYPE_LONG;
}

static cmp_class cmp_class_of(const hist_column *a, const hist_column *b)
{
    if (a->layout == HIST_LAYOUT_LIST || b->layout == HIST_LAYOUT_LIST) {
        return CMP_ROWS;
    }
    if (a->stored == HIST_TYPE_STRING && b->stored == HIST_TYPE_STRING) {
        return CMP_TEXT;
    }
    if (cmp_is_int(a->stored) && cmp_is_int(b->stored)) {
        return CMP_I64;
    }
    if ((cmp_is_int(a->stored) || a->stored == HIST_TYPE_REAL) &&
        (cmp_is_int(b->stored) || b->stored == HIST_TYPE_REAL)) {
        return CMP_F64;
    }
    if (a->stored == b->stored &&
        (a->stored == HIST_TYPE_DATETIME || a->stored == HIST_TYPE_TIMESPAN)) {
        return CMP_I64;
    }
    return CMP_ROWS;
}

static hist_str cmp_text(const hist_column *c, uint32_t row)
{
    const uint32_t i = c->layout == HIST_LAYOUT_CONST ? 0 : row;

    return (hist_str){c->bytes + c->offsets[i], (size_t)(c->offsets[i + 1] - c->offsets[i])};
}

static bool cmp_text_equal(hist_str a, hist_str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static int cmp_text_order(hist_str a, hist_str b)
{
    const size_t n = a.size < b.size ? a.size : b.size;
    const int c = n == 0 ? 0 : memcmp(a.data, b.data, n);

    return c != 0 ? c : (a.size > b.size) - (a.size < b.size);
}

static void cmp_texts(hi_kern_cmp op, const hist_column *ab, uint32_t rows, uint64_t *bits)
{
    for (uint32_t i = 0; i < rows; i++) {
        const hist_str a = cmp_text(&ab[0], i);
        const hist_str b = cmp_text(&ab[1], i);
        bool is;

        if (op == HI_KERN_EQ || op == HI_KERN_NE) {
            is = cmp_text_equal(a, b) == (op == HI_KERN_EQ);
        } else {
            is = cmp_of_order(op, cmp_text_order(a, b));
        }
        bits[i / 64] |= (uint64_t)is << (i % 64);
    }
}

static hist_status cmp_rows(hi_eval *ev, const hi_expr *call, hi_kern_cmp op, const hist_column *ab,
                            uint32_t rows, hist_column *out)
{
    uint64_t *bits = (uint64_t *)(uintptr_t)out->data;
    uint64_t *valid = hi_bits_new(ev->arena, rows, true);
    hi_value a;
    hi_value b;

    if (valid == NULL) {
        return hi_eval_no_memory(ev, call);
    }
    for (uint32_t i = 0; i < rows; i++) {
        bool known = true;

        if (!hi_col_value(ev->arena, &ab[0], i, &a) || !hi_col_value(ev->arena, &ab[1], i, &b)) {
            return hi_eval_no_memory(ev, call);
        }
        if (!a.null && !b.null && cmp_values(op, &a, &b, &known)) {
            hi_bit_set(bits, i);
        }
        if (!known) {
            hi_bit_clear(valid, i);
            out->valid = valid;
        }
    }
    return HIST_OK;
}

static hist_status cmp_columns(hi_eval *ev, const hi_expr *call, hi_kern_cmp op,
                               const hist_column *args, uint32_t rows, hist_column *out)
{
    const hi_query_kernels *k = hi_query_kernels_get();
    const cmp_class class = cmp_class_of(&args[0], &args[1]);
    hist_column ab[2] = {args[0], args[1]};
    void *data;

    if (!hi_col_new(ev->arena, HIST_TYPE_BOOL, rows, out, &data)) {
        return hi_eval_no_memory(ev, call);
    }
    memset(data, 0, hi_bits_words(rows) * 8);
    for (int i = 0; i < 2 && (class == CMP_I64 || class == CMP_F64); i++) {
        hist_column in = args[i];
        const hist_type wanted = class == CMP_F64 ? HIST_TYPE_REAL : HIST_TYPE_LONG;

        in.type = in.stored;
        if (in.stored == HIST_TYPE_INT || (class == CMP_F64 && in.stored != wanted)) {
            HI_TRY(hi_col_convert(ev, &in, wanted, &ab[i]));
        }
    }
    switch (class) {
    case CMP_I64:
        k->compare_i64[op](data, hi_operand_of(&ab[0]), hi_operand_of(&ab[1]), rows);
        break;
    case CMP_F64:
        k->compare_f64[op](data, hi_operand_of(&ab[0]), hi_operand_of(&ab[1]), rows);
        break;
    case CMP_TEXT:
        cmp_texts(op, ab, rows, data);
        break;
    case CMP_ROWS:
    default:
        HI_TRY(cmp_rows(ev, call, op, ab, rows, out));
        break;
    }
    return cmp_nulls(ev->arena, op, ab, rows, out) ? HIST_OK : hi_eval_no_memory(ev, call);
}

static hist_status cmp_eval(hi_eval *ev, const hi_expr *call, const hist_column *args,
                            uint32_t rows, hist_column *out)
{
    return cmp_columns(ev, call, *(const hi_kern_cmp *)call->u.call.func->data, args, rows, out);
}

/* ---- binding ---- */

static bool cmp_is_null_literal(const hi_expr *e)
{
    return hi_expr_is_const(e) && e->type == HIST_TYPE_DYNAMIC && hi_expr_value(e).null;
}

static hist_status cmp_bind_pair(hi_bind_call *c, uint32_t i, uint32_t j)
{
    const hist_type a = c->args[i]->type;
    const hist_type b = c->args[j]->type;

    if (cmp_is_null_literal(c->args[j])) {
        return hi_bind_cast(c, j, a);
    }
    if (cmp_is_null_literal(c->args[i])) {
        return hi_bind_cast(c, i, b);
    }
    if (a == HIST_TYPE_DYNAMIC || b == HIST_TYPE_DYNAMIC || cmp_comparable(a, b)) {
        return HIST_OK;
    }
    const hist_type wanted = a == HIST_TYPE_STRING ? b : a;
    if (a == HIST_TYPE_STRING || b == HIST_TYPE_STRING) {
        return hi_bind_fail(
            c, "cannot compare a %s with a %s; convert one side, for example with to%s()",
            hist_type_name(a), hist_type_name(b), hist_type_name(wanted));
    }
    return hi_bind_fail(c, "cannot compare a %s with a %s", hist_type_name(a), hist_type_name(b));
}

static hist_status cmp_bind(hi_bind_call *c)
{
    c->type = HIST_TYPE_BOOL;
    c->eval = cmp_eval;
    return cmp_bind_pair(c, 0, 1);
}

/* ---- between ---- */

static bool between_const_i64(const hist_column *c, hist_type stored)
{
    return c->layout == HIST_LAYOUT_CONST && c->stored == stored && !hi_const_is_null(c);
}

/* low <= v <= high by two comparisons. */
static hist_status between_pair(hi_eval *ev, const hi_expr *call, const hist_column *args,
                                uint32_t rows, hist_column *out)
{
    const hist_column low[2] = {args[0], args[1]};
    const hist_column high[2] = {args[0], args[2]};
    hist_column a;
    hist_column b;

    HI_TRY(cmp_columns(ev, call, HI_KERN_GE, low, rows, &a));
    HI_TRY(cmp_columns(ev, call, HI_KERN_LE, high, rows, &b));
    uint64_t *bits = (uint64_t *)(uintptr_t)a.data;
    const uint64_t *other = b.data;
    for (size_t w = 0; w < hi_bits_words(rows); w++) {
        bits[w] &= other[w];
    }
    const hist_column both[2] = {a, b};
    *out = a;
    return hi_valid_all(ev->arena, both, 2, rows, &out->valid) ? HIST_OK
                                                               : hi_eval_no_memory(ev, call);
}

static hist_status between_eval(hi_eval *ev, const hi_expr *call, const hist_column *args,
                                uint32_t rows, hist_column *out)
{
    const hi_query_kernels *k = hi_query_kernels_get();
    const hist_type stored = args[0].stored;
    const bool negated = call->u.call.func->data != NULL;
    const bool consts = between_const_i64(&args[1], stored) && between_const_i64(&args[2], stored);
    const bool i64 =
        stored == HIST_TYPE_LONG || stored == HIST_TYPE_DATETIME || stored == HIST_TYPE_TIMESPAN;

    if (consts && args[0].layout != HIST_LAYOUT_LIST && (i64 || stored == HIST_TYPE_REAL)) {
        void *data;

        if (!hi_col_new(ev->arena, HIST_TYPE_BOOL, rows, out, &data) ||
            !hi_valid_all(ev->arena, args, 1, rows, &out->valid)) {
            return hi_eval_no_memory(ev, call);
        }
        if (i64) {
            k->between_i64(data, hi_operand_of(&args[0]), hi_col_const_value(&args[1]).i64,
                           hi_col_const_value(&args[2]).i64, rows);
        } else {
            k->between_f64(data, hi_operand_of(&args[0]), hi_col_const_value(&args[1]).real,
                           hi_col_const_value(&args[2]).real, rows);
        }
    } else {
        HI_TRY(between_pair(ev, call, args, rows, out));
    }
    if (negated) {
        uint64_t *bits = (uint64_t *)(uintptr_t)out->data;

        for (size_t w = 0; w < hi_bits_words(rows); w++) {
            bits[w] = ~bits[w];
        }
    }
    return HIST_OK;
}

/* t between (start .. 5d): the end is start + 5d. */
static hist_status between_span_end(hi_bind_call *c)
{
    const hi_expr *sum[2] = {c->args[1], c->args[2]};
    hi_expr *end;

    if (c->args[0]->type != HIST_TYPE_DATETIME || c->args[2]->type != HIST_TYPE_TIMESPAN) {
        return HIST_OK;
    }
    HI_TRY(hi_func_call(c->arena, c->ctx, hi_func_find((hist_str){"+", 1}), c->args[2]->span, sum,
                        2, &end, c->err));
    c->args[2] = end;
    return HIST_OK;
}

static hist_status between_bind(hi_bind_call *c)
{
    c->type = HIST_TYPE_BOOL;
    c->eval = between_eval;
    HI_TRY(between_span_end(c));
    HI_TRY(cmp_bind_pair(c, 0, 1));
    HI_TRY(cmp_bind_pair(c, 0, 2));
    const hist_type t = c->args[0]->type;
    for (uint32_t i = 1; i < 3; i++) { /* Constants of the column's type reach the kernel. */
        if ((t == HIST_TYPE_REAL || t == HIST_TYPE_LONG) && hi_type_is_number(c->args[i]->type) &&
            (t == HIST_TYPE_REAL || c->args[i]->type == HIST_TYPE_INT)) {
            HI_TRY(hi_bind_cast(c, i, t));
        }
    }
    return HIST_OK;
}

/* ---- in ---- */

/* The constant values of an `in`, sorted; i64 has them as integers when all are of the column's type. */
typedef struct in_set {
    const hi_value *values;
    uint32_t count;
    const int64_t *i64;
    bool ci;
    bool negated;
} in_set;

typedef struct in_flags {
    bool ci;
    bool negated;
} in_flags;

static int in_order(const void *a, const void *b)
{
    return hi_value_compare(a, b);
}

static bool in_set_has(const in_set *set, const hi_value *v)
{
    uint32_t low = 0;
    uint32_t high = set->count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const int c = hi_value_compare(&set->values[middle], v);

        if (c == 0) {
            return true;
        }
        if (c < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

static bool in_set_has_i64(const in_set *set, int64_t v)
{
    const int64_t *base = set->i64;
    uint32_t n = set->count;

    while (n > 1) {
        const uint32_t half = n / 2;

        base = base[half] <= v ? base + half : base;
        n -= half;
    }
    return n == 1 && *base == v;
}

static hist_status in_eval(hi_eval *ev, const hi_expr *call, const hist_column *args, uint32_t rows,
                           hist_column *out)
{
    const in_set *set = call->u.call.state;
    const hist_column *c = &args[0];
    void *data;
    uint64_t *bits;

    if (!hi_col_new(ev->arena, HIST_TYPE_BOOL, rows, out, &data)) {
        return hi_eval_no_memory(ev, call);
    }
    bits = data;
    memset(bits, 0, hi_bits_words(rows) * 8);
    const bool flat64 = set->i64 != NULL && c->layout == HIST_LAYOUT_FLAT &&
                        hi_type_size(c->stored) == 8 && c->stored != HIST_TYPE_REAL;
    for (uint32_t i = 0; i < rows; i++) {
        bool is;

        if (flat64) {
            is = in_set_has_i64(set, ((const int64_t *)c->data)[i]) &&
                 (c->valid == NULL || hist_bit_get(c->valid, i));
        } else {
            hi_value v;

            if (!hi_col_value(ev->arena, c, i, &v)) {
                return hi_eval_no_memory(ev, call);
            }
            if (set->ci && v.type == HIST_TYPE_STRING) {
                hi_buf *folded = hi_eval_scratch(ev);

                hi_utf8_fold(folded, v.str);
                v.str = (hist_str){folded->data, folded->size};
            }
            v = cmp_open(&v);
            is = !v.null && !cmp_is_nan(&v) && in_set_has(set, &v);
        }
        bits[i / 64] |= (uint64_t)(is != set->negated) << (i % 64);
    }
    return HIST_OK;
}

/* Items that are no constants: one comparison a row and item. */
static bool in_item_equal(const hi_value *v, const hi_value *item, bool ci)
{
    bool known;

    if (item->null) {
        return false;
    }
    const hi_value b = cmp_open(item);
    if (item->type == HIST_TYPE_DYNAMIC && b.type == HIST_TYPE_DYNAMIC) {
        hi_dyn_iter it = hi_dyn_iter_of(hi_dyn_of(b.str.data, b.str.size));

        while (hi_dyn_next(&it)) {
            const hi_value element = hi_value_of_dyn(it.value);

            if (!element.null && in_item_equal(v, &element, ci)) {
                return true;
            }
        }
        return false;
    }
    if (ci && v->type == HIST_TYPE_STRING && b.type == HIST_TYPE_STRING) {
        return hi_utf8_equal_ci(v->str, b.str);
    }
    return cmp_values(HI_KERN_EQ, v, &b, &known);
}

static void in_row(hi_row *r)
{
    const in_flags *flags = r->data;
    bool is = false;

    for (uint32_t i = 1; !is && !r->args[0].null && i < r->arg_count; i++) {
        const hi_value v = cmp_open(&r->args[0]);

        is = in_item_equal(&v, &r->args[i], flags->ci);
    }
    hi_cb_i64(r->out, is != flags->negated);
}

typedef struct in_collect {
    hi_bind_call *c;
    hi_value *values;
    uint32_t count;
    uint32_t capacity;
    hist_type type;
    bool ci;
    bool failed;
} in_collect;

/* Adds a value as the column's type sees it; what can never be equal is left out. */
static void in_add(in_collect *col, const hi_value *v)
{
    hi_value x = cmp_open(v);

    if (x.null || cmp_is_nan(&x) ||
        (col->type != HIST_TYPE_DYNAMIC && !cmp_comparable(col->type, x.type))) {
        return;
    }
    if (x.type == HIST_TYPE_BOOL && hi_type_is_number(col->type)) {
        x.type = HIST_TYPE_LONG;
    }
    if (col->ci && x.type == HIST_TYPE_STRING) {
        hi_buf folded;

        hi_buf_init(&folded, col->c->arena->mem, INT32_MAX);
        hi_utf8_fold(&folded, x.str);
        x.str = (hist_str){
            hi_arena_strdup(col->c->arena, folded.data != NULL ? folded.data : "", folded.size),
            folded.size};
        col->failed |= !hi_buf_ok(&folded) || x.str.data == NULL;
        hi_buf_free(&folded);
    }
    if (col->count == col->capacity) {
        const uint32_t capacity = col->capacity * 2 + 16;
        hi_value *grown = HI_NEW_ARRAY(col->c->arena, hi_value, capacity);

        if (grown == NULL) {
            col->failed = true;
            return;
        }
        if (col->count != 0) {
            memcpy(grown, col->values, col->count * sizeof(hi_value));
        }
        col->values = grown;
        col->capacity = capacity;
    }
    col->values[col->count++] = x;
}

static void in_collect_arg(in_collect *col, const hi_expr *e)
{
    const hi_value v = hi_expr_value(e);

    if (!v.null && v.type == HIST_TYPE_DYNAMIC) {
        const hi_dyn d = hi_dyn_of(v.str.data, v.str.size);

        if (hi_dyn_tag_of(d) == HI_DYN_ARRAY) {
            hi_dyn_iter it = hi_dyn_iter_of(d);

            while (hi_dyn_next(&it)) {
                const hi_value element = hi_value_of_dyn(it.value);

                in_add(col, &element);
            }
            return;
        }
    }
    in_add(col, &v);
}

static bool in_sort(in_collect *col, in_set *set)
{
    bool i64 = col->type == HIST_TYPE_LONG || col->type == HIST_TYPE_DATETIME ||
               col->type == HIST_TYPE_TIMESPAN;

    if (col->count != 0) {
        qsort(col->values, col->count, sizeof(hi_value), in_order);
    }
    for (uint32_t i = 0; i < col->count; i++) {
        i64 &= col->values[i].type == col->type || col->values[i].type == HIST_TYPE_INT;
    }
    set->values = col->values;
    set->count = col->count;
    if (!i64 || col->count == 0) {
        return true;
    }
    int64_t *keys = HI_NEW_ARRAY(col->c->arena, int64_t, col->count);
    if (keys == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < col->count; i++) {
        keys[i] = col->values[i].i64;
    }
    set->i64 = keys;
    return true;
}

static hist_status in_check_item(hi_bind_call *c, uint32_t i)
{
    const hist_type x = c->args[0]->type;
    const hist_type t = c->args[i]->type;

    if (x == HIST_TYPE_DYNAMIC || t == HIST_TYPE_DYNAMIC || cmp_comparable(x, t)) {
        return HIST_OK;
    }
    return hi_bind_fail_arg(c, i, "is a %s where a %s is compared", hist_type_name(t),
                            hist_type_name(x));
}

static hist_status in_bind(hi_bind_call *c)
{
    const in_flags *flags = c->func->data;
    in_collect col = {.c = c, .type = c->args[0]->type, .ci = flags->ci};
    bool consts = true;

    c->type = HIST_TYPE_BOOL;
    for (uint32_t i = 1; i < c->arg_count; i++) {
        HI_TRY(in_check_item(c, i));
        consts &= hi_expr_is_const(c->args[i]);
    }
    if (!consts) {
        c->eval = hi_eval_rows;
        return HIST_OK;
    }
    in_set *set = HI_NEW(c->arena, in_set);
    if (set == NULL) {
        return hi_no_memory(c->err, c->func->name);
    }
    for (uint32_t i = 1; i < c->arg_count; i++) {
        in_collect_arg(&col, c->args[i]);
    }
    set->ci = flags->ci;
    set->negated = flags->negated;
    if (col.failed || !in_sort(&col, set)) {
        return hi_no_memory(c->err, c->func->name);
    }
    c->state = set;
    c->eval = in_eval;
    return HIST_OK;
}

static const hi_kern_cmp cmp_eq = HI_KERN_EQ;
static const hi_kern_cmp cmp_ne = HI_KERN_NE;
static const hi_kern_cmp cmp_lt = HI_KERN_LT;
static const hi_kern_cmp cmp_le = HI_KERN_LE;
static const hi_kern_cmp cmp_gt = HI_KERN_GT;
static const hi_kern_cmp cmp_ge = HI_KERN_GE;
static const in_flags in_plain = {false, false};
static const in_flags in_not = {false, true};
static const in_flags in_ci = {true, false};
static const in_flags in_ci_not = {true, true};

#define CMP(name_, data_)                                                      \
    {                                                                          \
        .name = (name_), .signature = "aa", .bind = cmp_bind, .data = (data_), \
        .flags = HI_FUNC_HIDDEN                                                \
    }
#define IN(name_, data_)                                                                       \
    {                                                                                          \
        .name = (name_), .signature = "a|a*", .bind = in_bind, .row = in_row, .data = (data_), \
        .flags = HI_FUNC_HIDDEN | HI_FUNC_NULLS                                                \
    }

static const hi_func cmp_funcs[] = {
    CMP("==", &cmp_eq),
    CMP("!=", &cmp_ne),
    CMP("<", &cmp_lt),
    CMP("<=", &cmp_le),
    CMP(">", &cmp_gt),
    CMP(">=", &cmp_ge),
    {.name = "between", .signature = "aaa", .bind = between_bind, .flags = HI_FUNC_HIDDEN},
    {.name = "!between",
     .signature = "aaa",
     .bind = between_bind,
     .data = "!",
     .flags = HI_FUNC_HIDDEN},
    IN("in", &in_plain),
    IN("!in", &in_not),
    IN("in~", &in_ci),
    IN("!in~", &in_ci_not),
};

const hi_func_table hi_funcs_compare = HI_FUNC_TABLE(cmp_funcs);
