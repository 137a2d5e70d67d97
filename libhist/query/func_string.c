/* func_string.c -- text: parts, case, joining, replacing. Positions and lengths are in code points. */
#include <string.h>

#include "base/num.h"
#include "query/eval.h"
#include "query/unicode.h"

/* ---- lengths ---- */

static void str_row_length(hi_row *r)
{
    hi_cb_i64(r->out, (int64_t)hi_utf8_length(hi_row_str(r, 0)));
}

static void str_row_size(hi_row *r)
{
    hi_cb_i64(r->out, (int64_t)hi_row_str(r, 0).size);
}

/* ---- case ---- */

static void str_row_lower(hi_row *r)
{
    (void)hi_cb_begin(r->out);
    hi_utf8_lower(r->out->buf, hi_row_str(r, 0));
    hi_cb_end(r->out);
}

static void str_row_upper(hi_row *r)
{
    (void)hi_cb_begin(r->out);
    hi_utf8_upper(r->out->buf, hi_row_str(r, 0));
    hi_cb_end(r->out);
}

static void str_row_reverse(hi_row *r)
{
    const hist_str s = hi_row_str(r, 0);
    size_t end = s.size;

    (void)hi_cb_begin(r->out);
    while (end != 0) {
        size_t start = end - 1;

        while (start != 0 && ((unsigned char)s.data[start] & 0xc0) == 0x80) {
            start--;
        }
        hi_buf_append(r->out->buf, s.data + start, end - start);
        end = start;
    }
    hi_cb_end(r->out);
}

/* ---- parts ---- */

static bool str_is_ascii(hist_str s)
{
    unsigned char any = 0;

    for (size_t i = 0; i < s.size; i++) {
        any |= (unsigned char)s.data[i];
    }
    return any < 0x80;
}

/* Code points [from, from + count), both in range or cut. */
static hist_str str_slice(hist_str s, size_t from, size_t count)
{
    if (str_is_ascii(s)) {
        from = from < s.size ? from : s.size;
        count = count < s.size - from ? count : s.size - from;
        return (hist_str){s.data + from, count};
    }
    const size_t start = hi_utf8_offset(s, from);
    const hist_str rest = {s.data + start, s.size - start};
    return (hist_str){rest.data, hi_utf8_offset(rest, count)};
}

static void str_row_substring(hi_row *r)
{
    const hist_str s = hi_row_str(r, 0);
    const int64_t length = (int64_t)hi_utf8_length(s);
    int64_t start = hi_row_i64(r, 1);
    int64_t count = hi_row_i64_or(r, 2, length);

    start = start < 0 ? start + length : start;
    if (start < 0 || start >= length || count < 0) {
        hi_cb_str(r->out, "", 0);
        return;
    }
    count = count > length - start ? length - start : count;
    const hist_str part = str_slice(s, (size_t)start, (size_t)count);
    hi_cb_str(r->out, part.data, part.size);
}

/* Byte offset of `what` in s at or after `from`, or -1. */
static int64_t str_find(hist_str s, size_t from, hist_str what)
{
    if (what.size == 0) {
        return from <= s.size ? (int64_t)from : -1;
    }
    if (s.size < what.size) {
        return -1;
    }
    while (from + what.size <= s.size) {
        const char *at = memchr(s.data + from, what.data[0], s.size - what.size - from + 1);

        if (at == NULL) {
            return -1;
        }
        if (memcmp(at, what.data, what.size) == 0) {
            return at - s.data;
        }
        from = (size_t)(at - s.data) + 1;
    }
    return -1;
}

/* indexof(s, what[, start[, length[, occurrence]]]) */
static void str_row_indexof(hi_row *r)
{
    const hist_str s = hi_row_str(r, 0);
    const hist_str what = hi_row_str(r, 1);
    const int64_t length = (int64_t)hi_utf8_length(s);
    int64_t start = hi_row_i64_or(r, 2, 0);
    int64_t count = hi_row_i64_or(r, 3, -1);
    int64_t occurrence = hi_row_i64_or(r, 4, 1);

    if (what.size == 0) {
        return;
    }
    if (occurrence < 1 || count < -1) {
        return;
    }
    start = start < 0 ? start + length : start;
    if (start < 0 || start > length) {
        hi_cb_i64(r->out, -1);
        return;
    }
    count = count < 0 || count > length - start ? length - start : count;
    const hist_str part = str_slice(s, (size_t)start, (size_t)(length - start));
    int64_t at = -1;
    size_t from = 0;
    while (occurrence-- > 0) {
        at = str_find(part, from, what);
        if (at < 0) {
            break;
        }
        from = (size_t)at + 1;
    }
    if (at >= 0) { /* The length says where a match may begin, not where it must end. */
        const int64_t n = (int64_t)hi_utf8_length((hist_str){part.data, (size_t)at});

        at = n < count ? start + n : -1;
    }
    hi_cb_i64(r->out, at);
}

/* ---- joining ---- */

static void str_row_strcat(hi_row *r)
{
    (void)hi_cb_begin(r->out);
    for (uint32_t i = 0; i < r->arg_count; i++) {
        hi_value_print(r->out->buf, &r->args[i]);
    }
    hi_cb_end(r->out);
}

static void str_row_strcat_delim(hi_row *r)
{
    (void)hi_cb_begin(r->out);
    for (uint32_t i = 1; i < r->arg_count; i++) {
        if (i > 1) {
            hi_value_print(r->out->buf, &r->args[0]);
        }
        hi_value_print(r->out->buf, &r->args[i]);
    }
    hi_cb_end(r->out);
}

/* strcat_array(array, delimiter): null elements are "". */
static void str_row_strcat_array(hi_row *r)
{
    hi_dyn_iter it = hi_dyn_iter_of(hi_row_dyn(r, 0));
    const hist_str delimiter = hi_row_str(r, 1);
    bool first = true;

    (void)hi_cb_begin(r->out);
    while (hi_dyn_next(&it)) {
        if (!first) {
            hi_buf_append(r->out->buf, delimiter.data, delimiter.size);
        }
        first = false;
        const hi_value v = hi_value_of_dyn(it.value);
        hi_value_print(r->out->buf, &v);
    }
    hi_cb_end(r->out);
}

#define STR_REPEAT_MAX 1024

/* strrep(value, times[, delimiter]) */
static void str_row_strrep(hi_row *r)
{
    const int64_t times = hi_row_i64(r, 1);
    hi_buf *buf = r->out->buf;

    (void)hi_cb_begin(r->out);
    for (int64_t i = 0; i < times && i < STR_REPEAT_MAX; i++) {
        if (i != 0 && hi_row_has(r, 2)) {
            hi_value_print(buf, &r->args[2]);
        }
        hi_value_print(buf, &r->args[0]);
    }
    hi_cb_end(r->out);
}

/* ---- replacing ---- */

static void str_replace(hi_buf *to, hist_str s, hist_str what, hist_str with)
{
    size_t from = 0;

    while (what.size != 0) {
        const int64_t at = str_find(s, from, what);

        if (at < 0) {
            break;
        }
        hi_buf_append(to, s.data + from, (size_t)at - from);
        hi_buf_append(to, with.data, with.size);
        from = (size_t)at + what.size;
    }
    hi_buf_append(to, s.data + from, s.size - from);
}

static void str_row_replace(hi_row *r)
{
    (void)hi_cb_begin(r->out);
    str_replace(r->out->buf, hi_row_str(r, 0), hi_row_str(r, 1), hi_row_str(r, 2));
    hi_cb_end(r->out);
}

/* replace_strings(text, dynamic whats, dynamic withs): one pass for each pair. */
static void str_row_replace_strings(hi_row *r)
{
    hi_dyn_iter whats = hi_dyn_iter_of(hi_row_dyn(r, 1));
    hi_dyn_iter withs = hi_dyn_iter_of(hi_row_dyn(r, 2));
    hi_buf *text = hi_eval_scratch(r->ev);
    const hist_str s = hi_row_str(r, 0);

    hi_buf_append(text, s.data, s.size);
    while (hi_dyn_next(&whats) && hi_dyn_next(&withs)) {
        const hist_str now = {text->data, text->size};
        hi_buf next;

        hi_buf_init(&next, text->mem, text->max);
        str_replace(&next, now, hi_dyn_str(whats.value), hi_dyn_str(withs.value));
        hi_buf_clear(text);
        hi_buf_append(text, next.data != NULL ? next.data : "", next.size);
        text->failed |= !hi_buf_ok(&next);
        hi_buf_free(&next);
    }
    r->out->failed |= !hi_buf_ok(text);
    hi_cb_str(r->out, text->data != NULL ? text->data : "", text->size);
}

/* Code point number i of s (from 0) or the last one. */
static uint32_t str_code_at(hist_str s, size_t i)
{
    size_t used;
    size_t at = 0;
    uint32_t code = 0;

    for (size_t n = 0; at < s.size && n <= i; n++) {
        code = hi_utf8_get(s.data + at, s.size - at, &used);
        at += used;
    }
    return code;
}

/*
 * translate(from, to, text): each character of `from` becomes the one at its place in `to`, or the
 * last one of `to` when that is shorter.
 */
static void str_row_translate(hi_row *r)
{
    const hist_str from = hi_row_str(r, 0);
    const hist_str to = hi_row_str(r, 1);
    const hist_str s = hi_row_str(r, 2);
    hi_buf *buf = r->out->buf;
    size_t used;

    (void)hi_cb_begin(r->out);
    for (size_t i = 0; i < s.size; i += used) {
        (void)hi_utf8_get(s.data + i, s.size - i, &used);
        const int64_t at = str_find(from, 0, (hist_str){s.data + i, used});
        char text[4];

        if (at < 0) {
            hi_buf_append(buf, s.data + i, used);
        } else if (to.size != 0) {
            const size_t n = hi_utf8_length((hist_str){from.data, (size_t)at});

            hi_buf_append(buf, text, hi_utf8_put(text, str_code_at(to, n)));
        }
    }
    hi_cb_end(r->out);
}

/* ---- splitting ---- */

static void str_row_split(hi_row *r)
{
    const hist_str s = hi_row_str(r, 0);
    const hist_str by = hi_row_str(r, 1);
    const bool one = hi_row_has(r, 2);
    const int64_t wanted = hi_row_i64_or(r, 2, 0);
    hi_dyn_writer *w = hi_cb_begin(r->out);
    size_t from = 0;
    int64_t n = 0;
    bool more = true;

    hi_dyn_begin_array(w);
    while (more) {
        const int64_t at = by.size == 0 ? -1 : str_find(s, from, by);
        const size_t end = at < 0 ? s.size : (size_t)at;

        if (!one || n == wanted) {
            hi_dyn_put_string(w, s.data + from, end - from);
        }
        n++;
        from = end + by.size;
        more = at >= 0;
    }
    hi_dyn_end_array(w);
    if (one && (wanted < 0 || wanted >= n) && !r->out->failed) { /* No such part: null. */
        r->out->buf->size = (size_t)r->out->offsets[r->out->rows];
        hi_dyn_put_null(w);
    }
    hi_cb_end(r->out);
}

/* ---- counting ---- */

static void str_row_countof_normal(hi_row *r)
{
    const hist_str s = hi_row_str(r, 0);
    const hist_str what = hi_row_str(r, 1);
    int64_t n = 0;
    size_t from = 0;

    while (what.size != 0) {
        const int64_t at = str_find(s, from, what);

        if (at < 0) {
            break;
        }
        n++;
        from = (size_t)at + 1; /* Overlapping ones count. */
    }
    hi_cb_i64(r->out, n);
}

static void str_row_countof(hi_row *r)
{
    hi_regex *re;
    hi_regex_match match;
    size_t from = 0;
    int64_t n = 0;

    if (r->arg_count < 3 || !hi_str_is(hi_row_str(r, 2), "regex")) {
        str_row_countof_normal(r);
        return;
    }
    const hist_str s = hi_row_str(r, 0);
    r->status = hi_eval_regex(r->ev, r->call, hi_row_str(r, 1), &re);
    while (r->status == HIST_OK && from <= s.size) {
        r->status = hi_regex_search(re, s.data, s.size, from, &match, r->ev->err);
        if (r->status != HIST_OK || match.count == 0) {
            break;
        }
        n++;
        from = match.span[0].end > match.span[0].start ? match.span[0].end : match.span[0].end + 1;
    }
    hi_cb_i64(r->out, n);
}

/* ---- order ---- */

static void str_row_strcmp(hi_row *r)
{
    const int c = hi_value_compare(&r->args[0], &r->args[1]);

    hi_cb_i64(r->out, (c > 0) - (c < 0));
}

/* ---- code points ---- */

static void str_row_to_codepoints(hi_row *r)
{
    const hist_str s = hi_row_str(r, 0);
    hi_dyn_writer *w = hi_cb_begin(r->out);
    size_t used;

    hi_dyn_begin_array(w);
    for (size_t i = 0; i < s.size; i += used) {
        hi_dyn_put_long(w, hi_utf8_get(s.data + i, s.size - i, &used));
    }
    hi_dyn_end_array(w);
    hi_cb_end(r->out);
}

static void str_put_code(hi_buf *buf, int64_t code)
{
    char text[4];

    if (code >= 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)) {
        hi_buf_append(buf, text, hi_utf8_put(text, (uint32_t)code));
    }
}

/* Arguments are numbers or arrays of numbers. */
static void str_row_from_codepoints(hi_row *r)
{
    (void)hi_cb_begin(r->out);
    for (uint32_t i = 0; i < r->arg_count; i++) {
        const hi_value *v = &r->args[i];

        if (v->type != HIST_TYPE_DYNAMIC) {
            str_put_code(r->out->buf, v->i64);
            continue;
        }
        const hi_dyn d = hi_row_dyn(r, i);
        hi_dyn_iter it = hi_dyn_iter_of(d);
        if (hi_dyn_tag_of(d) != HI_DYN_ARRAY) {
            str_put_code(r->out->buf, hi_dyn_i64(d));
        }
        while (hi_dyn_next(&it)) {
            str_put_code(r->out->buf, hi_dyn_i64(it.value));
        }
    }
    hi_cb_end(r->out);
}

static void str_row_is_ascii(hi_row *r)
{
    hi_cb_i64(r->out, str_is_ascii(hi_row_str(r, 0)));
}

static void str_row_is_utf8(hi_row *r)
{
    const hist_str s = hi_row_str(r, 0);

    hi_cb_i64(r->out, hi_utf8_valid(s.data, s.size) == s.size);
}

static const hi_func str_funcs[] = {
    {.name = "strlen", .signature = "S>l", .row = str_row_length, .name_prefix = "strlen_"},
    {.name = "string_size", .signature = "s>l", .row = str_row_size, .name_prefix = "string_size_"},
    {.name = "tolower", .signature = "S>s", .row = str_row_lower, .flags = HI_FUNC_NAME_ARG},
    {.name = "toupper", .signature = "S>s", .row = str_row_upper, .flags = HI_FUNC_NAME_ARG},
    {.name = "reverse", .signature = "s>s", .row = str_row_reverse},
    {.name = "substring", .signature = "Sl|l>s", .row = str_row_substring},
    {.name = "indexof", .signature = "SS|lll>l", .row = str_row_indexof},
    {.name = "strcat", .signature = "a*>s", .row = str_row_strcat, .flags = HI_FUNC_NULLS},
    {.name = "strcat_delim",
     .signature = "saa*>s",
     .row = str_row_strcat_delim,
     .flags = HI_FUNC_NULLS},
    {.name = "strcat_array",
     .signature = "ys>s",
     .row = str_row_strcat_array,
     .flags = HI_FUNC_NULLS},
    {.name = "array_strcat",
     .signature = "ys>s",
     .row = str_row_strcat_array,
     .flags = HI_FUNC_NULLS},
    {.name = "strrep", .signature = "al|s>s", .row = str_row_strrep},
    {.name = "replace_string", .signature = "Sss>s", .row = str_row_replace},
    {.name = "replace_strings", .signature = "syy>s", .row = str_row_replace_strings},
    {.name = "translate", .signature = "sss>s", .row = str_row_translate},
    {.name = "split", .signature = "Ss|l>y", .row = str_row_split, .flags = HI_FUNC_NAME_ARG},
    {.name = "countof", .signature = "ss|s>l", .row = str_row_countof},
    {.name = "strcmp", .signature = "ss>l", .row = str_row_strcmp},
    {.name = "unicode_codepoints_from_string", .signature = "s>y", .row = str_row_to_codepoints},
    {.name = "to_utf8", .signature = "s>y", .row = str_row_to_codepoints},
    {.name = "unicode_codepoints_to_string", .signature = "a*>s", .row = str_row_from_codepoints},
    {.name = "make_string", .signature = "a*>s", .row = str_row_from_codepoints},
    {.name = "isascii", .signature = "s>b", .row = str_row_is_ascii},
    {.name = "isutf8", .signature = "s>b", .row = str_row_is_utf8},
};

const hi_func_table hi_funcs_string = HI_FUNC_TABLE(str_funcs);
