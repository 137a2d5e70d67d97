/*
 * func_convert.c -- to...() conversions, of one value and of columns. Know first: what cannot be read is
 * null, never an error; dynamic values are converted by their run-time type.
 */
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "base/timefmt.h"
#include "query/decimal.h"
#include "query/eval.h"

/* ---- text to values ---- */

static hist_str conv_trim(hist_str s)
{
    while (s.size != 0 && (unsigned char)s.data[0] <= ' ') {
        s.data++;
        s.size--;
    }
    while (s.size != 0 && (unsigned char)s.data[s.size - 1] <= ' ') {
        s.size--;
    }
    return s;
}

static int conv_hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool conv_hex(hist_str s, int64_t *out)
{
    uint64_t v = 0;

    if (s.size < 3 || s.size > 18) {
        return false;
    }
    for (size_t i = 2; i < s.size; i++) {
        const int d = conv_hex_digit(s.data[i]);

        if (d < 0) {
            return false;
        }
        v = v << 4 | (unsigned)d;
    }
    *out = (int64_t)v;
    return true;
}

static bool conv_long_of_text(hist_str text, int64_t *out)
{
    const hist_str s = conv_trim(text);

    if (s.size > 2 && s.data[0] == '0' && (s.data[1] == 'x' || s.data[1] == 'X')) {
        return conv_hex(s, out);
    }
    return hi_num_parse_i64(s.data, s.size, out);
}

static bool conv_real_of_text(hist_str text, double *out)
{
    static const struct {
        const char *text;
        double value;
    } words[] = {{"nan", (double)NAN},
                 {"NaN", (double)NAN},
                 {"inf", (double)INFINITY},
                 {"Inf", (double)INFINITY},
                 {"+inf", (double)INFINITY},
                 {"-inf", -(double)INFINITY},
                 {"Infinity", (double)INFINITY},
                 {"+Inf", (double)INFINITY},
                 {"-Inf", -(double)INFINITY},
                 {"infinity", (double)INFINITY},
                 {"+Infinity", (double)INFINITY},
                 {"-Infinity", -(double)INFINITY}};
    const hist_str s = conv_trim(text);

    if (hi_num_parse_double(s.data, s.size, out)) {
        return true;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (hi_str_is(s, words[i].text)) {
            *out = words[i].value;
            return true;
        }
    }
    return false;
}

static bool conv_is_word(hist_str s, const char *word)
{
    if (s.size != strlen(word)) {
        return false;
    }
    for (size_t i = 0; i < s.size; i++) {
        if ((s.data[i] | 0x20) != word[i]) {
            return false;
        }
    }
    return true;
}

static bool conv_bool_of_text(hist_str text, int64_t *out)
{
    const hist_str s = conv_trim(text);
    int64_t number;

    if (conv_is_word(s, "true") || conv_is_word(s, "false")) {
        *out = s.size == 4;
        return true;
    }
    if (!conv_long_of_text(s, &number)) {
        return false;
    }
    *out = number != 0;
    return true;
}

static bool conv_guid_of_text(hist_str text, uint8_t guid[16])
{
    hist_str s = conv_trim(text);
    int n = 0;

    if (s.size >= 2 && (s.data[0] == '{' || s.data[0] == '(')) {
        s.data++;
        s.size -= 2;
    }
    for (size_t i = 0; i < s.size; i++) {
        const int d = conv_hex_digit(s.data[i]);

        if (s.data[i] == '-') {
            continue;
        }
        if (d < 0 || n == 32) {
            return false;
        }
        guid[n / 2] = (uint8_t)(n % 2 == 0 ? d << 4 : guid[n / 2] | d);
        n++;
    }
    return n == 32;
}

/* False: null. */
static bool conv_of_text(hist_str s, hi_value *out)
{
    switch (out->type) {
    case HIST_TYPE_BOOL:
        return conv_bool_of_text(s, &out->i64);
    case HIST_TYPE_INT:
        return conv_long_of_text(s, &out->i64) && out->i64 >= INT32_MIN && out->i64 <= INT32_MAX;
    case HIST_TYPE_LONG:
        return conv_long_of_text(s, &out->i64);
    case HIST_TYPE_REAL:
        return conv_real_of_text(s, &out->real);
    case HIST_TYPE_DECIMAL:
        return hi_decimal_parse(s.data, s.size, &out->decimal);
    case HIST_TYPE_DATETIME:
        return hi_time_parse(s.data, s.size, &out->i64) == HI_TIME_OK;
    case HIST_TYPE_TIMESPAN:
        return hi_span_parse(s.data, s.size, &out->i64) == HI_TIME_OK;
    case HIST_TYPE_GUID:
        return conv_guid_of_text(s, out->guid);
    default:
        return false;
    }
}

/* ---- numbers ---- */

static bool conv_long_of_real(double v, int64_t *out)
{
    if (!isfinite(v)) {
        return false;
    }
    if (v >= 9223372036854775808.0) {
        *out = INT64_MAX;
    } else if (v < -9223372036854775808.0) {
        *out = INT64_MIN;
    } else {
        *out = (int64_t)v;
    }
    return true;
}

static bool conv_int_of_real(double v, int64_t *out)
{
    if (!conv_long_of_real(v, out)) {
        return false;
    }
    if (*out > INT32_MAX || *out < INT32_MIN) {
        *out = *out > 0 ? INT32_MAX : INT32_MIN;
    }
    return true;
}

static bool conv_of_real(double v, hi_value *out)
{
    switch (out->type) {
    case HIST_TYPE_BOOL:
        out->i64 = v != 0;
        return true;
    case HIST_TYPE_INT:
        return conv_int_of_real(v, &out->i64);
    case HIST_TYPE_LONG:
        return conv_long_of_real(v, &out->i64);
    case HIST_TYPE_DECIMAL:
        return hi_decimal_of_real(v, &out->decimal);
    case HIST_TYPE_TIMESPAN: { /* Days. */
        const double ns = v * (double)HI_NS_PER_DAY;

        return isfinite(v) && fabs(ns) < 9.2e18 && conv_long_of_real(ns, &out->i64);
    }
    case HIST_TYPE_DATETIME: {
        int64_t ticks;

        return fabs(v) < 9.2e18 && conv_long_of_real(v, &ticks) &&
               hi_time_of_ticks(ticks, &out->i64) == HI_TIME_OK;
    }
    default:
        return false;
    }
}

static bool conv_time_of_ticks(int64_t ticks, int64_t *out)
{
    return hi_time_of_ticks(ticks, out) == HI_TIME_OK;
}

/* From bool, int, long. */
static bool conv_of_long(int64_t v, hi_value *out)
{
    switch (out->type) {
    case HIST_TYPE_BOOL:
        out->i64 = v != 0;
        return true;
    case HIST_TYPE_INT:
        out->i64 = (int32_t)(uint32_t)(uint64_t)v; /* Wraps. */
        return true;
    case HIST_TYPE_LONG:
        out->i64 = v;
        return true;
    case HIST_TYPE_REAL:
        out->real = (double)v;
        return true;
    case HIST_TYPE_DECIMAL:
        out->decimal = hi_decimal_of_i64(v);
        return true;
    case HIST_TYPE_DATETIME:
        return conv_time_of_ticks(v, &out->i64);
    case HIST_TYPE_TIMESPAN:
        return !__builtin_mul_overflow(v, HI_NS_PER_TICK, &out->i64);
    default:
        return false;
    }
}

static bool conv_of_time(const hi_value *in, hi_value *out)
{
    const int64_t ticks =
        in->type == HIST_TYPE_DATETIME ? hi_ticks_of(in->i64) : in->i64 / HI_NS_PER_TICK;

    if (out->type == HIST_TYPE_DATETIME || out->type == HIST_TYPE_TIMESPAN) {
        return false;
    }
    return conv_of_long(ticks, out);
}

static bool conv_of_decimal(hist_decimal v, hi_value *out)
{
    int64_t whole;

    if (out->type == HIST_TYPE_REAL) {
        out->real = hi_decimal_to_real(v);
        return true;
    }
    if (out->type == HIST_TYPE_BOOL) {
        out->i64 = v.lo != 0 || v.hi != 0;
        return true;
    }
    return hi_decimal_to_i64(v, &whole) &&
           (out->type == HIST_TYPE_INT || out->type == HIST_TYPE_LONG) && conv_of_long(whole, out);
}

/* ---- printing ---- */

/* A bool inside a dynamic is written as JSON has it, other than the bool of a column. */
static void conv_print_dynamic(hi_buf *buf, hi_dyn d)
{
    const hi_dyn_tag tag = hi_dyn_tag_of(d);

    if (tag == HI_DYN_TRUE || tag == HI_DYN_FALSE) {
        hi_buf_append(buf, tag == HI_DYN_TRUE ? "true" : "false", tag == HI_DYN_TRUE ? 4 : 5);
    } else {
        hi_dyn_to_text(buf, d);
    }
}

void hi_value_print(hi_buf *buf, const hi_value *v)
{
    char text[64];
    size_t size = 0;

    if (v->null) {
        return;
    }
    switch (v->type) {
    case HIST_TYPE_BOOL:
        hi_buf_append(buf, v->i64 != 0 ? "True" : "False", v->i64 != 0 ? 4 : 5);
        return;
    case HIST_TYPE_INT:
    case HIST_TYPE_LONG:
        size = hi_num_print_i64(text, v->i64);
        break;
    case HIST_TYPE_REAL:
        size = hi_num_print_double(text, v->real);
        break;
    case HIST_TYPE_DECIMAL:
        size = hi_decimal_print(text, v->decimal);
        break;
    case HIST_TYPE_DATETIME:
        size = hi_time_print(text, v->i64, HI_TIME_KQL);
        break;
    case HIST_TYPE_TIMESPAN:
        size = hi_span_print(text, v->i64);
        break;
    case HIST_TYPE_GUID:
        hi_guid_print(text, v->guid);
        size = 36;
        break;
    case HIST_TYPE_DYNAMIC:
        conv_print_dynamic(buf, hi_dyn_of(v->str.data, v->str.size));
        return;
    case HIST_TYPE_STRING:
    default:
        hi_buf_append(buf, v->str.data, v->str.size);
        return;
    }
    hi_buf_append(buf, text, size);
}

static bool conv_text_of(hi_arena *arena, const hi_value *in, hi_value *out)
{
    hi_buf buf;

    if (in->type == HIST_TYPE_STRING) {
        out->str = in->str;
        return true;
    }
    hi_buf_init(&buf, arena->mem, INT32_MAX);
    hi_value_print(&buf, in);
    const char *copy =
        hi_buf_ok(&buf) ? hi_arena_strdup(arena, buf.data != NULL ? buf.data : "", buf.size) : NULL;
    out->str = (hist_str){copy, buf.size};
    hi_buf_free(&buf);
    return copy != NULL;
}

static bool conv_dynamic_of(hi_arena *arena, const hi_value *in, hi_value *out)
{
    hi_buf buf;
    hi_dyn_writer w;

    hi_buf_init(&buf, arena->mem, INT32_MAX);
    hi_dyn_writer_init(&w, &buf);
    hi_dyn_put_value(&w, in);
    const char *copy =
        hi_dyn_writer_ok(&w) && hi_buf_ok(&buf) ? hi_arena_strdup(arena, buf.data, buf.size) : NULL;
    out->str = (hist_str){copy, buf.size};
    hi_buf_free(&buf);
    return copy != NULL;
}

/* ---- one value ---- */

/* Anything but to string and dynamic. */
static bool conv_scalar(const hi_value *in, hi_value *out)
{
    if (in->type == out->type) {
        *out = *in;
        return true;
    }
    switch (in->type) {
    case HIST_TYPE_BOOL:
    case HIST_TYPE_INT:
    case HIST_TYPE_LONG:
        return conv_of_long(in->i64, out);
    case HIST_TYPE_REAL:
        return conv_of_real(in->real, out);
    case HIST_TYPE_DECIMAL:
        return conv_of_decimal(in->decimal, out);
    case HIST_TYPE_DATETIME:
    case HIST_TYPE_TIMESPAN:
        return conv_of_time(in, out);
    case HIST_TYPE_STRING:
        return conv_of_text(in->str, out);
    default:
        return false;
    }
}

bool hi_value_convert(hi_arena *arena, const hi_value *in, hist_type to, hi_value *out)
{
    hi_value from = *in;

    *out = (hi_value){.type = to};
    if (from.null) {
        out->null = to != HIST_TYPE_STRING;
        return true;
    }
    if (from.type == to) {
        *out = from;
        return true;
    }
    if (to == HIST_TYPE_DYNAMIC) {
        return conv_dynamic_of(arena, &from, out);
    }
    if (to == HIST_TYPE_STRING) {
        return conv_text_of(arena, &from, out);
    }
    if (from.type == HIST_TYPE_DYNAMIC) {
        from = hi_value_of_dyn(hi_dyn_of(from.str.data, from.str.size));
    }
    out->null = from.null || !conv_scalar(&from, out);
    out->type = to;
    return true;
}

/* ---- columns ---- */

static hist_status conv_rows(hi_eval *ev, const hist_column *in, hist_type to, hist_column *out)
{
    hi_col_builder cb;
    const bool lower = in->type == HIST_TYPE_DYNAMIC && in->stored == HIST_TYPE_BOOL;
    bool ok = hi_cb_init(&cb, ev->arena, to, in->length);

    for (uint32_t i = 0; ok && i < in->length; i++) {
        hi_value v;
        hi_value converted;

        ok = hi_col_value(ev->arena, in, i, &v);
        if (ok && to == HIST_TYPE_STRING) { /* Straight into the column. */
            (void)hi_cb_begin(&cb);
            if (lower && !v.null) {
                hi_buf_append(cb.buf, v.i64 != 0 ? "true" : "false", v.i64 != 0 ? 4 : 5);
            } else {
                hi_value_print(cb.buf, &v);
            }
            hi_cb_end(&cb);
            continue;
        }
        ok = ok && hi_value_convert(ev->arena, &v, to, &converted);
        if (ok) {
            hi_cb_value(&cb, &converted);
        }
    }
    return ok && hi_cb_done(&cb, to, out) ? HIST_OK : hi_no_memory(ev->err, "a conversion");
}

/* real to long where every row (null ones too) is in range; false: go row by row. */
static bool conv_longs_of_reals(hi_eval *ev, const hist_column *in, hist_column *out, bool *ok)
{
    const double *v = in->data;
    const double limit = 9223372036854774784.0;
    uint32_t outside = 0;
    void *raw;

    for (uint32_t i = 0; i < in->length; i++) {
        outside += v[i] >= -limit && v[i] <= limit ? 0 : 1;
    }
    if (outside != 0) {
        return false;
    }
    *ok = hi_col_new(ev->arena, HIST_TYPE_LONG, in->length, out, &raw);
    if (*ok) {
        int64_t *to = raw;

        for (uint32_t i = 0; i < in->length; i++) {
            to[i] = (int64_t)v[i];
        }
        out->valid = in->valid;
    }
    return true;
}

/* long to real, int to long, int to real, real to long by loops; false: not one of these. */
static bool conv_by_kernel(hi_eval *ev, const hist_column *in, hist_type to, hist_column *out,
                           bool *ok)
{
    const hi_query_kernels *k = hi_query_kernels_get();
    const uint32_t n = in->length;
    const int64_t *longs = in->data;
    void *data;

    *ok = true;
    if (in->layout != HIST_LAYOUT_FLAT) {
        return false;
    }
    if (in->stored == HIST_TYPE_REAL && to == HIST_TYPE_LONG) {
        return conv_longs_of_reals(ev, in, out, ok);
    }
    const bool from_int =
        in->stored == HIST_TYPE_INT && (to == HIST_TYPE_LONG || to == HIST_TYPE_REAL);
    if (!from_int && !(in->stored == HIST_TYPE_LONG && to == HIST_TYPE_REAL)) {
        return false;
    }
    if (from_int) {
        *ok = hi_col_new(ev->arena, HIST_TYPE_LONG, n, out, &data);
        if (!*ok) {
            return true;
        }
        k->i64_of_i32(data, in->data, n);
        longs = data;
    }
    if (to == HIST_TYPE_REAL) {
        *ok = hi_col_new(ev->arena, HIST_TYPE_REAL, n, out, &data);
        if (!*ok) {
            return true;
        }
        k->f64_of_i64(data, longs, n);
    }
    out->valid = in->valid;
    return true;
}

hist_status hi_col_convert(hi_eval *ev, const hist_column *in, hist_type to, hist_column *out)
{
    bool ok;

    if (to == HIST_TYPE_DYNAMIC) {
        *out = *in;
        out->type = HIST_TYPE_DYNAMIC;
        return HIST_OK;
    }
    if (in->stored == to && in->layout != HIST_LAYOUT_LIST) {
        hist_column typed = *in;

        typed.type = to;
        return hi_col_canonical(ev->arena, &typed, out) ? HIST_OK
                                                        : hi_no_memory(ev->err, "a conversion");
    }
    if (in->layout == HIST_LAYOUT_CONST && in->length != 1) {
        const hist_column one = hi_col_resize_const(in, 1);
        hist_column made;

        HI_TRY(hi_col_convert(ev, &one, to, &made));
        return hi_col_repeat(ev->arena, &made, 0, in->length, out)
                   ? HIST_OK
                   : hi_no_memory(ev->err, "a conversion");
    }
    if (in->layout == HIST_LAYOUT_CONST) {
        hist_column made;

        HI_TRY(conv_rows(ev, in, to, &made));
        return hi_col_repeat(ev->arena, &made, 0, 1, out) ? HIST_OK
                                                          : hi_no_memory(ev->err, "a conversion");
    }
    if (conv_by_kernel(ev, in, to, out, &ok)) {
        return ok ? HIST_OK : hi_no_memory(ev->err, "a conversion");
    }
    return conv_rows(ev, in, to, out);
}

/* ---- functions ---- */

static hist_status conv_eval(hi_eval *ev, const hi_expr *call, const hist_column *args,
                             uint32_t rows, hist_column *out)
{
    (void)rows;
    return hi_col_convert(ev, &args[0], call->type, out);
}

static hist_status conv_bind(hi_bind_call *c)
{
    const hist_type *type = c->func->data;
    const hist_type from = c->args[0]->type;
    const bool time = from == HIST_TYPE_DATETIME || from == HIST_TYPE_TIMESPAN;

    if (time && (*type == HIST_TYPE_DATETIME || *type == HIST_TYPE_TIMESPAN) && from != *type) {
        return hi_bind_fail(c, "a %s is no %s", hist_type_name(from), hist_type_name(*type));
    }
    if (from == HIST_TYPE_GUID && *type != HIST_TYPE_STRING && *type != HIST_TYPE_GUID &&
        *type != HIST_TYPE_DYNAMIC) {
        return hi_bind_fail(c, "a guid cannot be made a %s", hist_type_name(*type));
    }
    c->type = *type;
    c->eval = conv_eval;
    return HIST_OK;
}

/* ---- parse_json ---- */

static void conv_row_json(hi_row *r)
{
    const hist_str s = hi_row_str(r, 0);
    hi_dyn_writer *w = hi_cb_begin(r->out);

    if (r->out->failed) {
        return;
    }
    const hist_status status = hi_dyn_from_json(w->buf, s.data, s.size, NULL);
    if (status == HIST_ENOMEM) {
        r->out->failed = true;
    } else if (status != HIST_OK && s.size != 0) {
        hi_dyn_put_string(w, s.data, s.size);
    }
    hi_cb_end(r->out);
}

/* A dynamic is what it is already; text is read as JSON. */
static hist_status conv_bind_json(hi_bind_call *c)
{
    const hist_type from = c->args[0]->type;

    c->type = HIST_TYPE_DYNAMIC;
    c->eval = from == HIST_TYPE_STRING ? hi_eval_rows : conv_eval;
    return HIST_OK;
}

#define CONV_TYPE(name) static const hist_type conv_##name

CONV_TYPE(bool) = HIST_TYPE_BOOL;
CONV_TYPE(int) = HIST_TYPE_INT;
CONV_TYPE(long) = HIST_TYPE_LONG;
CONV_TYPE(real) = HIST_TYPE_REAL;
CONV_TYPE(decimal) = HIST_TYPE_DECIMAL;
CONV_TYPE(string) = HIST_TYPE_STRING;
CONV_TYPE(datetime) = HIST_TYPE_DATETIME;
CONV_TYPE(timespan) = HIST_TYPE_TIMESPAN;
CONV_TYPE(guid) = HIST_TYPE_GUID;
CONV_TYPE(dynamic) = HIST_TYPE_DYNAMIC;

#define CONV(name_, type_)                                                           \
    {                                                                                \
        .name = (name_), .signature = "a", .bind = conv_bind, .data = &conv_##type_, \
        .flags = HI_FUNC_NAME_ARG                                                    \
    }

static const hi_func conv_funcs[] = {
    CONV("tobool", bool),
    CONV("toboolean", bool),
    CONV("toint", int),
    CONV("tolong", long),
    CONV("todouble", real),
    CONV("toreal", real),
    CONV("todecimal", decimal),
    CONV("tostring", string),
    CONV("todatetime", datetime),
    CONV("totimespan", timespan),
    CONV("totime", timespan),
    CONV("toguid", guid),
    {.name = "$dynamic",
     .signature = "a",
     .bind = conv_bind,
     .data = &conv_dynamic,
     .flags = HI_FUNC_NAME_ARG | HI_FUNC_HIDDEN},
    {.name = "parse_json",
     .signature = "a",
     .bind = conv_bind_json,
     .row = conv_row_json,
     .flags = HI_FUNC_NAME_ARG},
    {.name = "parsejson",
     .signature = "a",
     .bind = conv_bind_json,
     .row = conv_row_json,
     .flags = HI_FUNC_NAME_ARG},
    {.name = "todynamic",
     .signature = "a",
     .bind = conv_bind_json,
     .row = conv_row_json,
     .flags = HI_FUNC_NAME_ARG},
    {.name = "toobject",
     .signature = "a",
     .bind = conv_bind_json,
     .row = conv_row_json,
     .flags = HI_FUNC_NAME_ARG},
};

const hi_func_table hi_funcs_convert = HI_FUNC_TABLE(conv_funcs);
