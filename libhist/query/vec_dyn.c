/* vec_dyn.c -- between typed columns and the tagged form of dynamic values; see vec.h. */
#include <string.h>

#include "query/decimal.h"
#include "query/vec.h"

void hi_dyn_put_value(hi_dyn_writer *w, const hi_value *value)
{
    if (value->null) {
        hi_dyn_put_null(w);
        return;
    }
    switch (value->type) {
    case HIST_TYPE_BOOL:
        hi_dyn_put_bool(w, value->i64 != 0);
        break;
    case HIST_TYPE_INT:
        hi_dyn_put_int(w, (int32_t)value->i64);
        break;
    case HIST_TYPE_LONG:
        hi_dyn_put_long(w, value->i64);
        break;
    case HIST_TYPE_REAL:
        hi_dyn_put_real(w, value->real);
        break;
    case HIST_TYPE_DECIMAL:
        hi_dyn_put_decimal(w, value->decimal);
        break;
    case HIST_TYPE_STRING:
        hi_dyn_put_string(w, value->str.data, value->str.size);
        break;
    case HIST_TYPE_DATETIME:
        hi_dyn_put_datetime(w, value->i64);
        break;
    case HIST_TYPE_TIMESPAN:
        hi_dyn_put_timespan(w, value->i64);
        break;
    case HIST_TYPE_GUID:
        hi_dyn_put_guid(w, value->guid);
        break;
    case HIST_TYPE_DYNAMIC:
    default:
        hi_dyn_put(w, hi_dyn_of(value->str.data, value->str.size));
        break;
    }
}

/* The column type a tag is stored as; 0 for null, arrays and bags. */
static hist_type dyn_type_of(hi_dyn_tag tag)
{
    switch (tag) {
    case HI_DYN_TRUE:
    case HI_DYN_FALSE:
        return HIST_TYPE_BOOL;
    case HI_DYN_INT:
        return HIST_TYPE_INT;
    case HI_DYN_LONG:
        return HIST_TYPE_LONG;
    case HI_DYN_REAL:
        return HIST_TYPE_REAL;
    case HI_DYN_DECIMAL:
        return HIST_TYPE_DECIMAL;
    case HI_DYN_STRING:
        return HIST_TYPE_STRING;
    case HI_DYN_DATETIME:
        return HIST_TYPE_DATETIME;
    case HI_DYN_TIMESPAN:
        return HIST_TYPE_TIMESPAN;
    case HI_DYN_GUID:
        return HIST_TYPE_GUID;
    case HI_DYN_NULL:
    case HI_DYN_ARRAY:
    case HI_DYN_BAG:
    default:
        return (hist_type)0;
    }
}

hi_value hi_value_of_dyn(hi_dyn v)
{
    const hist_type type = dyn_type_of(hi_dyn_tag_of(v));
    hi_value out = {.type = type};

    switch (type) {
    case HIST_TYPE_BOOL:
        out.i64 = hi_dyn_bool(v) ? 1 : 0;
        break;
    case HIST_TYPE_REAL:
        out.real = hi_dyn_real(v);
        break;
    case HIST_TYPE_DECIMAL:
        out.decimal = hi_dyn_decimal(v);
        break;
    case HIST_TYPE_STRING:
        out.str = hi_dyn_str(v);
        break;
    case HIST_TYPE_GUID:
        hi_dyn_guid(v, out.guid);
        break;
    case HIST_TYPE_INT:
    case HIST_TYPE_LONG:
    case HIST_TYPE_DATETIME:
    case HIST_TYPE_TIMESPAN:
        out.i64 = hi_dyn_i64(v);
        break;
    default:
        out.type = HIST_TYPE_DYNAMIC;
        out.null = hi_dyn_is_null(v);
        out.str = (hist_str){(const char *)v.data, v.size};
        break;
    }
    return out;
}

/* ---- one row ---- */

/* The base column of a row and its place there. */
static const hist_column *row_base(const hist_column *column, uint32_t *row)
{
    while (column->layout == HIST_LAYOUT_DICT || column->layout == HIST_LAYOUT_RUNS) {
        *row = hist_column_slot(column, *row);
        column = column->child;
    }
    return column;
}

static hi_value row_scalar(const hist_column *column, uint32_t row)
{
    hi_value v = {.type = column->stored};

    switch (column->stored) {
    case HIST_TYPE_REAL:
        v.real = hist_column_f64(column, row);
        break;
    case HIST_TYPE_STRING:
    case HIST_TYPE_DYNAMIC:
        v.str = hist_column_str(column, row);
        break;
    case HIST_TYPE_GUID:
        memcpy(v.guid, hist_column_str(column, row).data, 16);
        break;
    case HIST_TYPE_DECIMAL:
        memcpy(&v.decimal, hist_column_str(column, row).data, 16);
        break;
    default:
        v.i64 = hist_column_i64(column, row);
        break;
    }
    return v;
}

/* Bytes of a list's row in the tagged form, in the arena. */
static bool row_list_bytes(hi_arena *arena, const hist_column *list, uint32_t row, hist_str *out)
{
    hist_column one;
    hi_col_builder cb;
    hist_column made;

    one = *list;
    if (!hi_cb_init(&cb, arena, HIST_TYPE_DYNAMIC, 1)) {
        return false;
    }
    hi_cb_copy(&cb, &one, row);
    if (!hi_cb_done(&cb, HIST_TYPE_DYNAMIC, &made)) {
        return false;
    }
    *out = hist_column_str(&made, 0);
    return true;
}

bool hi_col_value(hi_arena *arena, const hist_column *column, uint32_t row, hi_value *out)
{
    if (!hist_column_valid(column, row)) {
        *out = (hi_value){.type = column->stored, .null = true};
        return true;
    }
    const hist_column *base = row_base(column, &row);
    if (base->layout == HIST_LAYOUT_LIST) {
        *out = (hi_value){.type = HIST_TYPE_DYNAMIC};
        return row_list_bytes(arena, base, row, &out->str);
    }
    *out = row_scalar(base, row);
    return true;
}

hi_value hi_col_const_value(const hist_column *column)
{
    if (!hist_column_valid(column, 0)) {
        return (hi_value){.type = column->stored, .null = true};
    }
    return row_scalar(column, 0);
}

bool hi_col_dyn(hi_arena *arena, const hist_column *column, uint32_t row, hi_dyn *out)
{
    hi_value v;

    *out = (hi_dyn){NULL, 0};
    if (!hi_col_value(arena, column, row, &v)) {
        return false;
    }
    if (v.null) {
        return true;
    }
    if (v.type == HIST_TYPE_DYNAMIC) {
        *out = hi_dyn_of(v.str.data, v.str.size);
        return true;
    }
    hi_buf buf;
    hi_dyn_writer w;
    hi_buf_init(&buf, arena->mem, UINT32_MAX);
    hi_dyn_writer_init(&w, &buf);
    hi_dyn_put_value(&w, &v);
    const char *copy =
        hi_dyn_writer_ok(&w) && hi_buf_ok(&buf) ? hi_arena_strdup(arena, buf.data, buf.size) : NULL;
    *out = hi_dyn_of(copy, copy != NULL ? buf.size : 0);
    hi_buf_free(&buf);
    return copy != NULL;
}

/* ---- whole columns ---- */

bool hi_col_to_tagged(hi_arena *arena, const hist_column *in, hist_column *out)
{
    hi_col_builder cb;

    if (in->layout == HIST_LAYOUT_FLAT && in->stored == HIST_TYPE_DYNAMIC) {
        *out = *in;
        return true;
    }
    if (!hi_cb_init(&cb, arena, HIST_TYPE_DYNAMIC, in->length)) {
        return false;
    }
    for (uint32_t i = 0; i < in->length && !cb.failed; i++) {
        hi_cb_copy(&cb, in, i);
    }
    return hi_cb_done(&cb, HIST_TYPE_DYNAMIC, out);
}

/* Type of all non-null elements of the array; false: mixed or nested. *type is 0 before the first. */
static bool untag_element_type(hi_dyn array, hist_type *type)
{
    hi_dyn_iter it = hi_dyn_iter_of(array);

    while (hi_dyn_next(&it)) {
        const hi_dyn_tag tag = hi_dyn_tag_of(it.value);
        const hist_type t = dyn_type_of(tag);

        if (tag == HI_DYN_NULL) {
            continue;
        }
        if (t == 0 || (*type != 0 && *type != t)) {
            return false;
        }
        *type = t;
    }
    return true;
}

/* What the whole column could be: *list, *type; false: neither. */
static bool untag_survey(const hist_column *in, bool *list, hist_type *type)
{
    uint32_t arrays = 0;
    uint32_t scalars = 0;

    *type = (hist_type)0;
    for (uint32_t i = 0; i < in->length; i++) {
        if (!hist_column_valid(in, i)) {
            continue;
        }
        const hist_str s = hist_column_str(in, i);
        const hi_dyn v = hi_dyn_of(s.data, s.size);
        const hi_dyn_tag tag = hi_dyn_tag_of(v);
        if (tag == HI_DYN_ARRAY) {
            arrays++;
            if (!untag_element_type(v, type)) {
                return false;
            }
        } else {
            const hist_type t = dyn_type_of(tag);

            scalars++;
            if (t == 0 || (*type != 0 && *type != t)) {
                return false;
            }
            *type = t;
        }
        if (arrays != 0 && scalars != 0) {
            return false;
        }
    }
    *list = arrays != 0;
    return arrays + scalars != 0;
}

static bool untag_lists(hi_arena *arena, const hist_column *in, hist_type type, hist_column *out)
{
    hi_list_builder lb;

    if (!hi_lb_init(&lb, arena, type == 0 ? HIST_TYPE_LONG : type, in->length)) {
        return false;
    }
    for (uint32_t i = 0; i < in->length; i++) {
        if (!hist_column_valid(in, i)) {
            hi_lb_null(&lb);
            continue;
        }
        const hist_str s = hist_column_str(in, i);
        hi_dyn_iter it = hi_dyn_iter_of(hi_dyn_of(s.data, s.size));
        while (hi_dyn_next(&it)) {
            const hi_value v = hi_value_of_dyn(it.value);

            hi_cb_value(&lb.child, &v);
        }
        hi_lb_end(&lb);
    }
    return hi_lb_done(&lb, out);
}

bool hi_col_untag(hi_arena *arena, const hist_column *in, hist_column *out)
{
    bool list;
    hist_type type;
    hi_col_builder cb;

    *out = *in;
    if (in->stored != HIST_TYPE_DYNAMIC || in->layout != HIST_LAYOUT_FLAT ||
        !untag_survey(in, &list, &type)) {
        return true;
    }
    if (list) {
        return untag_lists(arena, in, type, out);
    }
    if (!hi_cb_init(&cb, arena, type, in->length)) {
        return false;
    }
    for (uint32_t i = 0; i < in->length; i++) {
        const bool valid = hist_column_valid(in, i);
        const hist_str s = valid ? hist_column_str(in, i) : (hist_str){NULL, 0};
        const hi_value v = hi_value_of_dyn(hi_dyn_of(s.data, s.size));

        hi_cb_value(&cb, &v);
    }
    return hi_cb_done(&cb, HIST_TYPE_DYNAMIC, out);
}

/* ---- numbers for series functions ---- */

/* Appends the element as a double, null when it is no number. */
static void reals_put(hi_col_builder *cb, const hi_value *v, bool *integers)
{
    if (v->null) {
        hi_cb_null(cb);
        return;
    }
    switch (v->type) {
    case HIST_TYPE_INT:
    case HIST_TYPE_LONG:
        hi_cb_real(cb, (double)v->i64);
        break;
    case HIST_TYPE_REAL:
        *integers = false;
        hi_cb_real(cb, v->real);
        break;
    case HIST_TYPE_DECIMAL:
        *integers = false;
        hi_cb_real(cb, hi_decimal_to_real(v->decimal));
        break;
    case HIST_TYPE_BOOL:
        hi_cb_real(cb, v->i64 != 0 ? 1.0 : 0.0);
        break;
    default:
        hi_cb_null(cb);
        break;
    }
}

static bool reals_of_list(hi_arena *arena, const hist_column *in, hist_column *out, bool *integers)
{
    const hist_column *child = in->child;
    hi_col_builder cb;
    hist_column reals;

    *integers = child->stored == HIST_TYPE_LONG || child->stored == HIST_TYPE_INT;
    if (child->stored == HIST_TYPE_REAL) {
        *out = *in;
        return true;
    }
    if (!hi_cb_init(&cb, arena, HIST_TYPE_REAL, child->length)) {
        return false;
    }
    for (uint32_t i = 0; i < child->length; i++) {
        hi_value v = {.type = child->stored, .null = !hist_column_valid(child, i)};

        if (!v.null) {
            v = row_scalar(child, i);
        }
        reals_put(&cb, &v, integers);
    }
    return hi_cb_done(&cb, HIST_TYPE_REAL, &reals) &&
           hi_col_list(arena, in->length, in->offsets, in->valid, &reals, out);
}

bool hi_col_to_reals(hi_arena *arena, const hist_column *in, hist_column *out, bool *integers)
{
    hi_list_builder lb;
    hist_column tagged;

    if (in->layout == HIST_LAYOUT_LIST) {
        return reals_of_list(arena, in, out, integers);
    }
    *integers = true;
    if (!hi_col_to_tagged(arena, in, &tagged) ||
        !hi_lb_init(&lb, arena, HIST_TYPE_REAL, in->length)) {
        return false;
    }
    for (uint32_t i = 0; i < tagged.length; i++) {
        const bool valid = hist_column_valid(&tagged, i);
        const hist_str s = valid ? hist_column_str(&tagged, i) : (hist_str){NULL, 0};
        const hi_dyn array = hi_dyn_of(s.data, s.size);

        if (hi_dyn_tag_of(array) != HI_DYN_ARRAY) {
            hi_lb_null(&lb);
            continue;
        }
        hi_dyn_iter it = hi_dyn_iter_of(array);
        while (hi_dyn_next(&it)) {
            const hi_value v = hi_value_of_dyn(it.value);

            reals_put(&lb.child, &v, integers);
        }
        hi_lb_end(&lb);
    }
    return hi_lb_done(&lb, out);
}
