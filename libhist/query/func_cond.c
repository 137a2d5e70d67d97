/*
 * func_cond.c -- and, or, not, iff, case, coalesce, min_of, max_of and the questions about nulls. Know first:
 * three-valued logic is done on words: a bool column is the two masks "is true" and "is false".
 */
#include <math.h>
#include <string.h>

#include "query/eval.h"

/* ---- truth ---- */

typedef struct cond_masks {
    const uint64_t *data;
    const uint64_t *valid; /* NULL: all. */
    uint64_t data_const;   /* When data is NULL. */
    uint64_t valid_const;  /* When valid is NULL. */
} cond_masks;

static cond_masks cond_masks_of(const hist_column *c)
{
    if (c->layout == HIST_LAYOUT_CONST) {
        const uint64_t ones = ~UINT64_C(0);

        return (cond_masks){.data_const = hist_bit_get(c->data, 0) ? ones : 0,
                            .valid_const = hi_const_is_null(c) ? 0 : ones};
    }
    return (cond_masks){.data = c->data, .valid = c->valid, .valid_const = ~UINT64_C(0)};
}

static inline uint64_t cond_true(const cond_masks *m, size_t w)
{
    return (m->data != NULL ? m->data[w] : m->data_const) &
           (m->valid != NULL ? m->valid[w] : m->valid_const);
}

static inline uint64_t cond_false(const cond_masks *m, size_t w)
{
    return ~(m->data != NULL ? m->data[w] : m->data_const) &
           (m->valid != NULL ? m->valid[w] : m->valid_const);
}

static bool cond_has_nulls(const hist_column *c)
{
    return c->valid != NULL && (c->layout != HIST_LAYOUT_CONST || hi_const_is_null(c));
}

static hist_status cond_logic(hi_eval *ev, const hi_expr *call, const hist_column *args,
                              uint32_t rows, hist_column *out)
{
    const bool is_and = call->u.call.func->data == NULL;
    const cond_masks a = cond_masks_of(&args[0]);
    const cond_masks b = cond_masks_of(&args[1]);
    uint64_t *valid = hi_bits_new(ev->arena, rows, false);
    void *raw;

    if (valid == NULL || !hi_col_new(ev->arena, HIST_TYPE_BOOL, rows, out, &raw)) {
        return hi_eval_no_memory(ev, call);
    }
    uint64_t *data = raw;
    for (size_t w = 0; w < hi_bits_words(rows); w++) {
        const uint64_t ta = cond_true(&a, w);
        const uint64_t tb = cond_true(&b, w);
        const uint64_t fa = cond_false(&a, w);
        const uint64_t fb = cond_false(&b, w);
        const uint64_t is_true = is_and ? ta & tb : ta | tb;
        const uint64_t is_false = is_and ? fa | fb : fa & fb;

        data[w] = is_true;
        valid[w] = is_true | is_false;
    }
    out->valid = cond_has_nulls(&args[0]) || cond_has_nulls(&args[1]) ? valid : NULL;
    return HIST_OK;
}

static hist_status cond_not(hi_eval *ev, const hi_expr *call, const hist_column *args,
                            uint32_t rows, hist_column *out)
{
    const cond_masks a = cond_masks_of(&args[0]);
    void *raw;

    if (!hi_col_new(ev->arena, HIST_TYPE_BOOL, rows, out, &raw) ||
        !hi_valid_all(ev->arena, args, 1, rows, &out->valid)) {
        return hi_eval_no_memory(ev, call);
    }
    uint64_t *data = raw;
    for (size_t w = 0; w < hi_bits_words(rows); w++) {
        data[w] = cond_false(&a, w);
    }
    return HIST_OK;
}

/* Numbers count as bool: true when not 0. */
static hist_status cond_bind_bool(hi_bind_call *c, uint32_t i)
{
    hi_expr *cast;

    if (hi_type_is_number(c->args[i]->type)) {
        HI_TRY(hi_func_cast(c->arena, c->ctx, c->args[i], HIST_TYPE_BOOL, &cast, c->err));
        c->args[i] = cast;
        return HIST_OK;
    }
    return hi_bind_arg(c, i, 'b');
}

static hist_status cond_bind_logic(hi_bind_call *c)
{
    c->type = HIST_TYPE_BOOL;
    for (uint32_t i = 0; i < c->arg_count; i++) {
        HI_TRY(cond_bind_bool(c, i));
    }
    return HIST_OK;
}

/* ---- choosing ---- */

/* Row by row; `type` is the stored type of the result. */
static bool cond_select_rows(hi_eval *ev, hist_type type, const uint64_t *mask,
                             const hist_column *a, const hist_column *b, hist_column *out)
{
    const uint32_t rows = out->length;
    const hist_type seen = out->type;
    hi_col_builder cb;

    if (!hi_cb_init(&cb, ev->arena, type, rows)) {
        return false;
    }
    for (uint32_t i = 0; i < rows; i++) {
        hi_cb_copy(&cb, hist_bit_get(mask, i) ? a : b, i);
    }
    return hi_cb_done(&cb, seen, out);
}

static bool cond_select_valid(hi_eval *ev, const uint64_t *mask, const hist_column *a,
                              const hist_column *b, hist_column *out)
{
    if (!cond_has_nulls(a) && !cond_has_nulls(b)) {
        return true;
    }
    uint64_t *valid = hi_bits_new(ev->arena, out->length, false);
    if (valid == NULL) {
        return false;
    }
    const uint64_t const_a = hi_const_is_null(a) ? 0 : ~UINT64_C(0);
    const uint64_t const_b = hi_const_is_null(b) ? 0 : ~UINT64_C(0);
    const bool words_a = a->layout != HIST_LAYOUT_CONST && a->valid != NULL;
    const bool words_b = b->layout != HIST_LAYOUT_CONST && b->valid != NULL;
    for (size_t w = 0; w < hi_bits_words(out->length); w++) {
        const uint64_t x = words_a ? a->valid[w] : const_a;
        const uint64_t y = words_b ? b->valid[w] : const_b;

        valid[w] = (mask[w] & x) | (~mask[w] & y);
    }
    out->valid = valid;
    return true;
}

/* mask ? a : b. Mask bits past the last row may be anything. */
static hist_status cond_select(hi_eval *ev, const hi_expr *call, const uint64_t *mask,
                               const hist_column *a, const hist_column *b, hist_column *out)
{
    const uint32_t rows = a->length;
    const bool lists = a->layout == HIST_LAYOUT_LIST || b->layout == HIST_LAYOUT_LIST;
    void *data;

    *out = (hist_column){.type = call->type, .length = rows};
    if (lists || a->stored != b->stored || hi_type_size(a->stored) != 8) {
        const hist_type type = lists || a->stored != b->stored ? HIST_TYPE_DYNAMIC : a->stored;

        return cond_select_rows(ev, type, mask, a, b, out) ? HIST_OK : hi_eval_no_memory(ev, call);
    }
    if (!hi_col_new(ev->arena, a->stored, rows, out, &data)) {
        return hi_eval_no_memory(ev, call);
    }
    hi_query_kernels_get()->select_64(data, mask, hi_operand_of(a), hi_operand_of(b), rows);
    out->type = call->type;
    return cond_select_valid(ev, mask, a, b, out) ? HIST_OK : hi_eval_no_memory(ev, call);
}

static hist_status cond_iff(hi_eval *ev, const hi_expr *call, const hist_column *args,
                            uint32_t rows, hist_column *out)
{
    const cond_masks c = cond_masks_of(&args[0]);

    if (args[0].layout == HIST_LAYOUT_CONST) {
        *out = cond_true(&c, 0) != 0 ? args[1] : args[2];
        return HIST_OK;
    }
    uint64_t *mask = hi_bits_new(ev->arena, rows, false);
    if (mask == NULL) {
        return hi_eval_no_memory(ev, call);
    }
    for (size_t w = 0; w < hi_bits_words(rows); w++) {
        mask[w] = cond_true(&c, w);
    }
    return cond_select(ev, call, mask, &args[1], &args[2], out);
}

static hist_status cond_bind_iff(hi_bind_call *c)
{
    HI_TRY(cond_bind_bool(c, 0));
    HI_TRY(hi_bind_common(c, 1, &c->type));
    c->eval = cond_iff;
    return HIST_OK;
}

/* case(p1, v1, p2, v2, e): from the last pair to the first, each takes its rows from what is behind it. */
static hist_status cond_case(hi_eval *ev, const hi_expr *call, const hist_column *args,
                             uint32_t rows, hist_column *out)
{
    const uint32_t count = call->u.call.arg_count;

    *out = args[count - 1];
    for (uint32_t i = count - 1; i >= 2; i -= 2) {
        const cond_masks c = cond_masks_of(&args[i - 2]);
        const hist_column rest = *out;
        uint64_t *mask;

        if (args[i - 2].layout == HIST_LAYOUT_CONST) {
            *out = cond_true(&c, 0) != 0 ? args[i - 1] : rest;
            continue;
        }
        mask = hi_bits_new(ev->arena, rows, false);
        if (mask == NULL) {
            return hi_eval_no_memory(ev, call);
        }
        for (size_t w = 0; w < hi_bits_words(rows); w++) {
            mask[w] = cond_true(&c, w);
        }
        HI_TRY(cond_select(ev, call, mask, &args[i - 1], &rest, out));
    }
    return HIST_OK;
}

static hist_status cond_bind_case(hi_bind_call *c)
{
    const uint32_t pairs = c->arg_count / 2;
    hi_bind_call values = *c;

    if (c->arg_count % 2 == 0) {
        return hi_bind_fail(c, "takes pairs of condition and value, then the value for all else");
    }
    values.args = HI_NEW_ARRAY(c->arena, const hi_expr *, (size_t)pairs + 1);
    if (values.args == NULL) {
        return hi_no_memory(c->err, c->func->name);
    }
    values.arg_count = pairs + 1;
    for (uint32_t i = 0; i < pairs; i++) {
        HI_TRY(cond_bind_bool(c, 2 * i));
        values.args[i] = c->args[2 * i + 1];
    }
    values.args[pairs] = c->args[c->arg_count - 1];
    HI_TRY(hi_bind_common(&values, 0, &c->type));
    for (uint32_t i = 0; i < pairs; i++) {
        c->args[2 * i + 1] = values.args[i];
    }
    c->args[c->arg_count - 1] = values.args[pairs];
    c->eval = cond_case;
    return HIST_OK;
}

/* Rows that have a value (strings: are not empty). */
static bool cond_present(hi_eval *ev, const hist_column *c, uint32_t rows, uint64_t **out)
{
    const bool is_const = c->layout == HIST_LAYOUT_CONST;
    uint64_t *mask = hi_bits_new(ev->arena, rows, !hi_const_is_null(c));

    *out = mask;
    if (mask == NULL) {
        return false;
    }
    if (!is_const && c->valid != NULL) {
        memcpy(mask, c->valid, hi_bits_words(rows) * 8);
    }
    if (c->stored != HIST_TYPE_STRING) {
        return true;
    }
    for (uint32_t i = 0; i < rows; i++) {
        const uint32_t at = is_const ? 0 : i;

        if (c->offsets[at] == c->offsets[at + 1]) {
            hi_bit_clear(mask, i);
        }
    }
    return true;
}

static hist_status cond_coalesce(hi_eval *ev, const hi_expr *call, const hist_column *args,
                                 uint32_t rows, hist_column *out)
{
    uint32_t i = call->u.call.arg_count - 1;

    *out = args[i];
    while (i-- > 0) {
        const hist_column rest = *out;
        uint64_t *mask;

        if (!cond_present(ev, &args[i], rows, &mask)) {
            return hi_eval_no_memory(ev, call);
        }
        HI_TRY(cond_select(ev, call, mask, &args[i], &rest, out));
    }
    return HIST_OK;
}

static hist_status cond_bind_coalesce(hi_bind_call *c)
{
    c->eval = cond_coalesce;
    return hi_bind_common(c, 0, &c->type);
}

/* ---- min_of, max_of ---- */

static bool cond_value_is_nan(const hi_value *v)
{
    return v->type == HIST_TYPE_REAL && isnan(v->real);
}

static void cond_row_extreme(hi_row *r)
{
    const int sign = r->data != NULL ? 1 : -1; /* max_of : min_of */
    const hi_value *best = NULL;

    for (uint32_t i = 0; i < r->arg_count; i++) {
        const hi_value *v = &r->args[i];

        if (v->null || (best != NULL && cond_value_is_nan(best))) {
            continue;
        }
        if (best == NULL || cond_value_is_nan(v) || sign * hi_value_compare(v, best) > 0) {
            best = v;
        }
    }
    if (best != NULL) {
        hi_cb_value(r->out, best);
    }
}

static hist_status cond_bind_extreme(hi_bind_call *c)
{
    c->eval = hi_eval_rows;
    return hi_bind_common(c, 0, &c->type);
}

/* ---- questions ---- */

/* data: 0 isnull, 1 isnotnull, 2 isempty, 3 isnotempty */
static hist_status cond_is_there(hi_eval *ev, const hi_expr *call, const hist_column *args,
                                 uint32_t rows, hist_column *out)
{
    const int what = *(const int *)call->u.call.func->data;
    const hist_column *c = &args[0];
    uint64_t *mask;

    *out = (hist_column){0};
    if (what < 2 && (c->type == HIST_TYPE_STRING || c->valid == NULL)) {
        const hi_value v = {.type = HIST_TYPE_BOOL, .i64 = what};

        return hi_col_const(ev->arena, HIST_TYPE_BOOL, rows, &v, out) ? HIST_OK
                                                                      : hi_eval_no_memory(ev, call);
    }
    hist_column no_text = *c;
    if (what < 2 && c->stored == HIST_TYPE_STRING) {
        no_text.stored = HIST_TYPE_LONG; /* A dynamic "" is not null. */
    }
    if (!cond_present(ev, &no_text, rows, &mask)) {
        return hi_eval_no_memory(ev, call);
    }
    void *data;
    if (!hi_col_new(ev->arena, HIST_TYPE_BOOL, rows, out, &data)) {
        return hi_eval_no_memory(ev, call);
    }
    uint64_t *bits = data;
    for (size_t w = 0; w < hi_bits_words(rows); w++) {
        bits[w] = what % 2 == 0 ? ~mask[w] : mask[w];
    }
    return HIST_OK;
}

/* data: 0 isnan, 1 isinf, 2 isfinite. Null: none of them. */
static hist_status cond_is_kind(hi_eval *ev, const hi_expr *call, const hist_column *args,
                                uint32_t rows, hist_column *out)
{
    const hi_query_kernels *k = hi_query_kernels_get();
    const int what = *(const int *)call->u.call.func->data;
    hist_column flat;
    void *data;

    if (!hi_col_flatten(ev->arena, &args[0], &flat) ||
        !hi_col_new(ev->arena, HIST_TYPE_BOOL, rows, out, &data)) {
        return hi_eval_no_memory(ev, call);
    }
    uint64_t *bits = data;
    if (what == 0) {
        k->is_nan(bits, flat.data, rows);
    } else {
        k->is_finite(bits, flat.data, rows);
    }
    if (what == 1) { /* Neither finite nor NaN. */
        uint64_t *nan = hi_bits_new(ev->arena, rows, false);

        if (nan == NULL) {
            return hi_eval_no_memory(ev, call);
        }
        k->is_nan(nan, flat.data, rows);
        for (size_t w = 0; w < hi_bits_words(rows); w++) {
            bits[w] = ~(bits[w] | nan[w]);
        }
    }
    for (size_t w = 0; flat.valid != NULL && w < hi_bits_words(rows); w++) {
        bits[w] &= flat.valid[w];
    }
    return HIST_OK;
}

static const int cond_0 = 0;
static const int cond_1 = 1;
static const int cond_2 = 2;
static const int cond_3 = 3;

static const hi_func cond_funcs[] = {
    {.name = "and",
     .signature = "aa",
     .bind = cond_bind_logic,
     .eval = cond_logic,
     .flags = HI_FUNC_HIDDEN},
    {.name = "or",
     .signature = "aa",
     .bind = cond_bind_logic,
     .eval = cond_logic,
     .data = "or",
     .flags = HI_FUNC_HIDDEN},
    {.name = "not", .signature = "a", .bind = cond_bind_logic, .eval = cond_not},
    {.name = "iff", .signature = "aaa", .bind = cond_bind_iff},
    {.name = "iif", .signature = "aaa", .bind = cond_bind_iff},
    {.name = "case", .signature = "aaa*", .bind = cond_bind_case},
    {.name = "coalesce", .signature = "aa*", .bind = cond_bind_coalesce},
    {.name = "max_of",
     .signature = "aa*",
     .bind = cond_bind_extreme,
     .row = cond_row_extreme,
     .data = "max",
     .flags = HI_FUNC_NULLS},
    {.name = "min_of",
     .signature = "aa*",
     .bind = cond_bind_extreme,
     .row = cond_row_extreme,
     .flags = HI_FUNC_NULLS},
    {.name = "isnull", .signature = "a>b", .eval = cond_is_there, .data = &cond_0},
    {.name = "isnotnull", .signature = "a>b", .eval = cond_is_there, .data = &cond_1},
    {.name = "notnull", .signature = "a>b", .eval = cond_is_there, .data = &cond_1},
    {.name = "isempty", .signature = "a>b", .eval = cond_is_there, .data = &cond_2},
    {.name = "isnotempty", .signature = "a>b", .eval = cond_is_there, .data = &cond_3},
    {.name = "notempty", .signature = "a>b", .eval = cond_is_there, .data = &cond_3},
    {.name = "isnan", .signature = "r>b", .eval = cond_is_kind, .data = &cond_0},
    {.name = "isinf", .signature = "r>b", .eval = cond_is_kind, .data = &cond_1},
    {.name = "isfinite", .signature = "r>b", .eval = cond_is_kind, .data = &cond_2},
};

const hi_func_table hi_funcs_cond = HI_FUNC_TABLE(cond_funcs);
