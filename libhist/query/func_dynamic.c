/* func_dynamic.c -- reading dynamic values: members, types, lengths, JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "query/eval.h"

/* ---- d.key, d["key"], d[0] ---- */

static hi_dyn dyn_member(hi_dyn d, const hi_value *key)
{
    const hi_value k = key->type == HIST_TYPE_DYNAMIC
                           ? hi_value_of_dyn(hi_dyn_of(key->str.data, key->str.size))
                           : *key;
    const hi_dyn_tag tag = hi_dyn_tag_of(d);

    if (k.type == HIST_TYPE_STRING) {
        return tag == HI_DYN_BAG ? hi_dyn_get(d, k.str.data, k.str.size) : (hi_dyn){NULL, 0};
    }
    if ((k.type == HIST_TYPE_INT || k.type == HIST_TYPE_LONG) && tag == HI_DYN_ARRAY) {
        return hi_dyn_at(d, k.i64);
    }
    return (hi_dyn){NULL, 0};
}

static void dyn_row_member(hi_row *r)
{
    hi_cb_dyn(r->out, dyn_member(hi_row_dyn(r, 0), &r->args[1]));
}

/* Element `index` of every list, as a column of the elements' type. */
static hist_status dyn_list_member(hi_eval *ev, const hi_expr *call, const hist_column *list,
                                   int64_t index, hist_column *out)
{
    const uint32_t rows = list->length;
    uint32_t *slots = hi_arena_vector(ev->arena, (size_t)rows * sizeof(uint32_t));
    hist_column child = *list->child;

    if (slots == NULL) {
        return hi_eval_no_memory(ev, call);
    }
    for (uint32_t i = 0; i < rows; i++) {
        const int64_t n = list->offsets[i + 1] - list->offsets[i];
        const int64_t at = index < 0 ? index + n : index;
        const bool there =
            at >= 0 && at < n && (list->valid == NULL || hist_bit_get(list->valid, i));

        slots[i] = there ? (uint32_t)(list->offsets[i] + at) : HI_ROW_NONE;
    }
    child.type = HIST_TYPE_DYNAMIC;
    if (!hi_col_gather(ev->arena, &child, slots, rows, out)) {
        return hi_eval_no_memory(ev, call);
    }
    return HIST_OK;
}

static hist_status dyn_eval_member(hi_eval *ev, const hi_expr *call, const hist_column *args,
                                   uint32_t rows, hist_column *out)
{
    if (args[0].layout == HIST_LAYOUT_LIST && args[1].layout == HIST_LAYOUT_CONST &&
        args[1].stored == HIST_TYPE_LONG && !hi_const_is_null(&args[1])) {
        return dyn_list_member(ev, call, &args[0], hi_col_const_value(&args[1]).i64, out);
    }
    return hi_eval_rows(ev, call, args, rows, out);
}

static hist_status dyn_bind_member(hi_bind_call *c)
{
    const hist_type t = c->args[1]->type;

    if (c->args[0]->type == HIST_TYPE_STRING) {
        return hi_bind_fail(c, "a string has no members; parse_json() makes a dynamic value of it");
    }
    if (c->args[0]->type != HIST_TYPE_DYNAMIC) {
        return hi_bind_fail(c, "a %s has no members", hist_type_name(c->args[0]->type));
    }
    if (t != HIST_TYPE_STRING && t != HIST_TYPE_LONG && t != HIST_TYPE_INT &&
        t != HIST_TYPE_DYNAMIC) {
        return hi_bind_fail(c, "an index is a whole number or a name, not a %s", hist_type_name(t));
    }
    c->type = HIST_TYPE_DYNAMIC;
    c->eval = dyn_eval_member;
    return HIST_OK;
}

/* ---- types ---- */

static const char *dyn_type_name(hi_dyn d)
{
    switch (hi_dyn_tag_of(d)) {
    case HI_DYN_ARRAY:
        return "array";
    case HI_DYN_BAG:
        return "dictionary";
    case HI_DYN_NULL:
        return "null";
    case HI_DYN_REAL:
        return "double"; /* As the engine says inside of dynamic. */
    default:
        return hist_type_name(hi_value_of_dyn(d).type);
    }
}

static void dyn_row_gettype(hi_row *r)
{
    const hist_type type = r->call->u.call.args[0]->type;
    const char *name =
        type == HIST_TYPE_DYNAMIC ? dyn_type_name(hi_row_dyn(r, 0)) : hist_type_name(type);

    hi_cb_str(r->out, name, strlen(name));
}

/* ---- arrays ---- */

static void dyn_row_array_length(hi_row *r)
{
    const hi_dyn d = hi_row_dyn(r, 0);

    if (hi_dyn_tag_of(d) == HI_DYN_ARRAY) {
        hi_cb_i64(r->out, hi_dyn_count(d));
    }
}

static hist_status dyn_array_length(hi_eval *ev, const hi_expr *call, const hist_column *args,
                                    uint32_t rows, hist_column *out)
{
    const hist_column *list = &args[0];
    void *data;

    if (list->layout != HIST_LAYOUT_LIST) {
        return hi_eval_rows(ev, call, args, rows, out);
    }
    if (!hi_col_new(ev->arena, HIST_TYPE_LONG, rows, out, &data)) {
        return hi_eval_no_memory(ev, call);
    }
    for (uint32_t i = 0; i < rows; i++) {
        ((int64_t *)data)[i] = list->offsets[i + 1] - list->offsets[i];
    }
    out->valid = list->valid;
    return HIST_OK;
}

/* array_sum(): a real; null when an element is no number. */
static void dyn_row_array_sum(hi_row *r)
{
    const hi_dyn d = hi_row_dyn(r, 0);
    hi_dyn_iter it = hi_dyn_iter_of(d);
    double sum = 0;
    double v;

    if (hi_dyn_tag_of(d) != HI_DYN_ARRAY) {
        return;
    }
    while (hi_dyn_next(&it)) {
        if (!hi_dyn_number(it.value, &v)) {
            return;
        }
        sum += v;
    }
    hi_cb_real(r->out, sum);
}

static hist_status dyn_array_sum(hi_eval *ev, const hi_expr *call, const hist_column *args,
                                 uint32_t rows, hist_column *out)
{
    const hist_column *list = &args[0];
    void *raw;

    if (list->layout != HIST_LAYOUT_LIST || list->child->stored != HIST_TYPE_REAL ||
        list->child->valid != NULL) {
        return hi_eval_rows(ev, call, args, rows, out);
    }
    if (!hi_col_new(ev->arena, HIST_TYPE_REAL, rows, out, &raw)) {
        return hi_eval_no_memory(ev, call);
    }
    const double *v = list->child->data;
    double *sums = raw;
    for (uint32_t i = 0; i < rows; i++) {
        double sum = 0;

        for (int32_t k = list->offsets[i]; k < list->offsets[i + 1]; k++) {
            sum += v[k];
        }
        sums[i] = sum;
    }
    out->valid = list->valid;
    return HIST_OK;
}

/* ---- JSON ---- */

typedef struct dyn_pair {
    hist_str key;
    hi_dyn value;
} dyn_pair;

static int dyn_pair_order(const void *left, const void *right)
{
    const dyn_pair *a = left;
    const dyn_pair *b = right;
    const size_t n = a->key.size < b->key.size ? a->key.size : b->key.size;
    const int c = n == 0 ? 0 : memcmp(a->key.data, b->key.data, n);

    return c != 0 ? c : (a->key.size > b->key.size) - (a->key.size < b->key.size);
}

/* The same value with the pairs of every bag in the order of their keys. */
static void dyn_put_sorted(hi_row *r, hi_dyn_writer *w, hi_dyn d)
{
    const hi_dyn_tag tag = hi_dyn_tag_of(d);
    const uint32_t count = hi_dyn_count(d);
    hi_dyn_iter it = hi_dyn_iter_of(d);
    uint32_t n = 0;

    if (tag == HI_DYN_ARRAY) {
        hi_dyn_begin_array(w);
        while (hi_dyn_next(&it)) {
            dyn_put_sorted(r, w, it.value);
        }
        hi_dyn_end_array(w);
        return;
    }
    if (tag != HI_DYN_BAG) {
        hi_dyn_put(w, d);
        return;
    }
    dyn_pair *pairs = HI_NEW_ARRAY(r->scratch, dyn_pair, (size_t)count + 1);
    if (pairs == NULL) {
        r->out->failed = true;
        return;
    }
    while (n < count && hi_dyn_next(&it)) {
        pairs[n++] = (dyn_pair){it.key, it.value};
    }
    qsort(pairs, n, sizeof(pairs[0]), dyn_pair_order);
    hi_dyn_begin_bag(w);
    for (uint32_t i = 0; i < n; i++) {
        hi_dyn_put_key(w, pairs[i].key.data, pairs[i].key.size);
        dyn_put_sorted(r, w, pairs[i].value);
    }
    hi_dyn_end_bag(w);
}

/* dynamic_to_json(): equal values give equal text. */
static void dyn_row_to_json(hi_row *r)
{
    hi_buf *sorted = hi_eval_scratch(r->ev);
    hi_dyn_writer w;

    hi_dyn_writer_init(&w, sorted);
    dyn_put_sorted(r, &w, hi_row_dyn(r, 0));
    (void)hi_cb_begin(r->out);
    hi_dyn_to_json(r->out->buf, hi_dyn_of(sorted->data, sorted->size));
    r->out->failed |= !hi_dyn_writer_ok(&w) || !hi_buf_ok(sorted);
    hi_cb_end(r->out);
}

/* ---- extractjson("$.a.b[0]", text or dynamic) ---- */

/* One step of a JSON path: .name, ['name'], [0]; false at its end or when it is damaged. */
static bool dyn_path_step(hist_str *path, hi_value *key)
{
    size_t n = 0;

    if (path->size == 0) {
        return false;
    }
    if (path->data[0] == '.') {
        for (n = 1; n < path->size && path->data[n] != '.' && path->data[n] != '['; n++) {
        }
        *key = (hi_value){.type = HIST_TYPE_STRING, .str = {path->data + 1, n - 1}};
        path->data += n;
        path->size -= n;
        return n > 1;
    }
    const char *end = path->data[0] == '[' ? memchr(path->data, ']', path->size) : NULL;
    if (end == NULL) {
        return false;
    }
    hist_str inside = {path->data + 1, (size_t)(end - path->data) - 1};
    path->size -= inside.size + 2;
    path->data = end + 1;
    if (inside.size >= 2 && (inside.data[0] == '\'' || inside.data[0] == '"')) {
        *key = (hi_value){.type = HIST_TYPE_STRING, .str = {inside.data + 1, inside.size - 2}};
        return true;
    }
    *key = (hi_value){.type = HIST_TYPE_LONG};
    for (size_t i = 0; i < inside.size; i++) {
        if (inside.data[i] < '0' || inside.data[i] > '9' || key->i64 > INT32_MAX) {
            return false;
        }
        key->i64 = key->i64 * 10 + (inside.data[i] - '0');
    }
    return inside.size != 0;
}

static void dyn_row_extractjson(hi_row *r)
{
    hist_str path = hi_row_str(r, 0);
    hi_dyn d = hi_row_dyn(r, 1);
    hi_value key;
    hi_value typed;

    if (path.size == 0 || path.data[0] != '$') {
        return;
    }
    path.data++;
    path.size--;
    while (path.size != 0) {
        if (!dyn_path_step(&path, &key)) {
            return;
        }
        d = dyn_member(d, &key);
    }
    if (hi_dyn_is_null(d)) {
        return;
    }
    const hi_value found = {.type = HIST_TYPE_DYNAMIC, .str = {(const char *)d.data, d.size}};
    if (!hi_value_convert(r->scratch, &found, r->call->type, &typed)) {
        r->out->failed = true;
        return;
    }
    hi_cb_value(r->out, &typed);
}

static hist_status dyn_bind_extractjson(hi_bind_call *c)
{
    static const char *const names[] = {"bool",   "int",      "long",     "real", "decimal",
                                        "string", "datetime", "timespan", "guid", "dynamic"};
    const hi_expr *text = c->args[1];
    hi_expr *parsed;
    hist_str type;

    HI_TRY(hi_bind_arg(c, 0, 's'));
    if (text->type == HIST_TYPE_STRING) {
        HI_TRY(hi_func_call(c->arena, c->ctx, hi_func_find((hist_str){"parse_json", 10}),
                            text->span, &text, 1, &parsed, c->err));
        c->args[1] = parsed;
    }
    HI_TRY(hi_bind_arg(c, 1, 'y'));
    c->type = HIST_TYPE_STRING;
    c->eval = hi_eval_rows;
    if (c->arg_count < 3) {
        return HIST_OK;
    }
    HI_TRY(hi_bind_const_str(c, 2, &type));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (hi_str_is(type, names[i])) {
            c->type = (hist_type)(i + 1);
            return HIST_OK;
        }
    }
    return hi_bind_fail_arg(c, 2, "must be typeof(...)");
}

static const hi_func dyn_funcs[] = {
    {.name = "$member",
     .signature = "aa",
     .bind = dyn_bind_member,
     .row = dyn_row_member,
     .flags = HI_FUNC_HIDDEN},
    {.name = "gettype",
     .signature = "a>s",
     .row = dyn_row_gettype,
     .name_prefix = "type_",
     .flags = HI_FUNC_NULLS},
    {.name = "array_length",
     .signature = "y>l",
     .row = dyn_row_array_length,
     .eval = dyn_array_length},
    {.name = "arraylength",
     .signature = "y>l",
     .row = dyn_row_array_length,
     .eval = dyn_array_length},
    {.name = "array_sum", .signature = "y>r", .row = dyn_row_array_sum, .eval = dyn_array_sum},
    {.name = "dynamic_to_json", .signature = "y>s", .row = dyn_row_to_json, .flags = HI_FUNC_NULLS},
    {.name = "extractjson",
     .signature = "aa|a",
     .bind = dyn_bind_extractjson,
     .row = dyn_row_extractjson},
    {.name = "extract_json",
     .signature = "aa|a",
     .bind = dyn_bind_extractjson,
     .row = dyn_row_extractjson},
};

const hi_func_table hi_funcs_dynamic = HI_FUNC_TABLE(dyn_funcs);
