/* func_regex.c -- functions with regular expressions. A constant pattern is compiled once a thread (hi_eval_regex). */
#include <string.h>

#include "query/eval.h"

/* False: an error, which is in row->status. */
static bool regex_of(hi_row *r, uint32_t i, hi_regex **out)
{
    r->status = hi_eval_regex(r->ev, r->call, hi_row_str(r, i), out);
    return r->status == HIST_OK;
}

static bool regex_search(hi_row *r, hi_regex *re, hist_str s, size_t from, hi_regex_match *match)
{
    match->count = 0;
    if (from > s.size) {
        return false;
    }
    r->status = hi_regex_search(re, s.data, s.size, from, match, r->ev->err);
    return r->status == HIST_OK && match->count != 0;
}

/* Where to look after a match; an empty one moves on by a character. */
static size_t regex_after(const hi_regex_match *m, hist_str s)
{
    size_t at = m->span[0].end;

    if (m->span[0].end > m->span[0].start) {
        return at;
    }
    at++;
    while (at < s.size && ((unsigned char)s.data[at] & 0xc0) == 0x80) {
        at++;
    }
    return at;
}

/* ---- matches regex ---- */

static void regex_row_matches(hi_row *r)
{
    hi_regex_match m;
    hi_regex *re;

    if (regex_of(r, 1, &re)) {
        const bool is = regex_search(r, re, hi_row_str(r, 0), 0, &m);

        hi_cb_i64(r->out, is);
    }
}

/* ---- extract ---- */

static hist_str regex_group(const hi_regex_match *m, hist_str s, uint32_t group)
{
    if (group >= m->count || m->span[group].start == SIZE_MAX) {
        return (hist_str){"", 0};
    }
    return (hist_str){s.data + m->span[group].start, m->span[group].end - m->span[group].start};
}

/* extract(pattern, group, text[, type]) */
static void regex_row_extract(hi_row *r)
{
    const hist_str s = hi_row_str(r, 2);
    hi_regex_match m;
    hi_regex *re;

    if (!regex_of(r, 0, &re)) {
        return;
    }
    const int64_t group = hi_row_i64(r, 1);
    if (!regex_search(r, re, s, 0, &m) || group < 0 || group >= (int64_t)m.count) {
        return;
    }
    const hi_value found = {.type = HIST_TYPE_STRING, .str = regex_group(&m, s, (uint32_t)group)};
    hi_value typed;
    if (!hi_value_convert(r->scratch, &found, r->call->type, &typed)) {
        r->out->failed = true;
        return;
    }
    hi_cb_value(r->out, &typed);
}

static hist_status regex_bind_extract(hi_bind_call *c)
{
    static const char *const names[] = {"bool",   "int",      "long",     "real", "decimal",
                                        "string", "datetime", "timespan", "guid", "dynamic"};
    hist_str type;

    HI_TRY(hi_bind_arg(c, 0, 's'));
    HI_TRY(hi_bind_arg(c, 1, 'l'));
    HI_TRY(hi_bind_arg(c, 2, 's'));
    c->type = HIST_TYPE_STRING;
    c->eval = hi_eval_rows;
    if (c->arg_count < 4) {
        return HIST_OK;
    }
    HI_TRY(hi_bind_const_str(c, 3, &type));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (hi_str_is(type, names[i])) {
            c->type = (hist_type)(i + 1);
            return HIST_OK;
        }
    }
    return hi_bind_fail_arg(c, 3, "must be typeof(...)");
}

/* Number of the group (?P<name>...) or (?<name>...) of a pattern, -1: none. */
static int64_t regex_group_named(hist_str p, hist_str name)
{
    int64_t group = 0;
    bool class = false;

    for (size_t i = 0; i < p.size; i++) {
        if (p.data[i] == '\\') {
            i++;
            continue;
        }
        class = p.data[i] == '[' ? true : p.data[i] == ']' ? false : class;
        if (class || p.data[i] != '(') {
            continue;
        }
        size_t at = i + 1;
        if (at < p.size && p.data[at] == '?') {
            at += at + 1 < p.size && p.data[at + 1] == 'P' ? 2 : 1;
            if (at >= p.size || p.data[at] != '<') {
                continue; /* (?:...) and flags count for nothing. */
            }
            at++;
            group++;
            if (p.size - at > name.size && memcmp(p.data + at, name.data, name.size) == 0 &&
                p.data[at + name.size] == '>') {
                return group;
            }
            continue;
        }
        group++;
    }
    return -1;
}

/* Which groups extract_all gives: those the array numbers or names, else all of the pattern. */
static uint32_t regex_wanted(hi_dyn groups, hist_str pattern, uint32_t pattern_groups,
                             uint32_t *wanted)
{
    hi_dyn_iter it = hi_dyn_iter_of(groups);
    uint32_t n = 0;

    while (hi_dyn_next(&it) && n < HI_REGEX_GROUPS_MAX) {
        const int64_t g = hi_dyn_tag_of(it.value) == HI_DYN_STRING
                              ? regex_group_named(pattern, hi_dyn_str(it.value))
                              : hi_dyn_i64(it.value);

        if (g >= 0 && g < HI_REGEX_GROUPS_MAX) {
            wanted[n++] = (uint32_t)g;
        }
    }
    for (uint32_t g = 1; hi_dyn_is_null(groups) && g <= pattern_groups && n < HI_REGEX_GROUPS_MAX;
         g++) {
        wanted[n++] = g;
    }
    return n;
}

static void regex_put_groups(hi_dyn_writer *w, const hi_regex_match *m, hist_str s,
                             const uint32_t *wanted, uint32_t n)
{
    if (n > 1) {
        hi_dyn_begin_array(w);
    }
    for (uint32_t i = 0; i < n; i++) {
        const hist_str g = regex_group(m, s, wanted[i]);

        hi_dyn_put_string(w, g.data, g.size);
    }
    if (n > 1) {
        hi_dyn_end_array(w);
    }
}

/* extract_all(pattern[, groups], text): one string, or one array of groups, a match; null when there is none. */
static void regex_row_extract_all(hi_row *r)
{
    const uint32_t text = r->arg_count - 1;
    const hist_str s = hi_row_str(r, text);
    uint32_t wanted[HI_REGEX_GROUPS_MAX];
    hi_regex_match m;
    hi_regex *re;
    size_t from = 0;
    uint32_t matches = 0;

    if (!regex_of(r, 0, &re)) {
        return;
    }
    const hi_dyn groups = text == 2 ? hi_row_dyn(r, 1) : (hi_dyn){NULL, 0};
    const uint32_t n = regex_wanted(groups, hi_row_str(r, 0), hi_regex_groups(re), wanted);
    if (n == 0) {
        r->status = hi_eval_fail(r->ev, r->call, HIST_ESEMANTIC,
                                 "extract_all: the pattern has no group in ()");
        return;
    }
    hi_dyn_writer *w = hi_cb_begin(r->out);
    hi_dyn_begin_array(w);
    while (regex_search(r, re, s, from, &m)) {
        regex_put_groups(w, &m, s, wanted, n);
        from = regex_after(&m, s);
        matches++;
    }
    hi_dyn_end_array(w);
    if (matches == 0 && !r->out->failed) {
        r->out->buf->size = (size_t)r->out->offsets[r->out->rows];
    }
    hi_cb_end(r->out);
}

static hist_status regex_bind_extract_all(hi_bind_call *c)
{
    HI_TRY(hi_bind_arg(c, 0, 's'));
    if (c->arg_count == 3) {
        HI_TRY(hi_bind_arg(c, 1, 'y'));
    }
    HI_TRY(hi_bind_arg(c, c->arg_count - 1, 's'));
    c->type = HIST_TYPE_DYNAMIC;
    c->eval = hi_eval_rows;
    return HIST_OK;
}

/* ---- replace ---- */

/* The rewrite text with \0..\9 replaced by groups. */
static void regex_rewrite(hi_buf *to, const hi_regex_match *m, hist_str s, hist_str with)
{
    for (size_t i = 0; i < with.size; i++) {
        const char c = with.data[i];

        if (c == '\\' && i + 1 < with.size) {
            const char d = with.data[++i];

            if (d >= '0' && d <= '9') {
                const hist_str g = regex_group(m, s, (uint32_t)(d - '0'));

                hi_buf_append(to, g.data, g.size);
            } else {
                hi_buf_byte(to, (uint8_t)d);
            }
        } else {
            hi_buf_byte(to, (uint8_t)c);
        }
    }
}

static void regex_row_replace(hi_row *r)
{
    const hist_str s = hi_row_str(r, 0);
    hi_regex_match m;
    hi_regex *re;
    size_t from = 0;
    size_t copied = 0;

    if (!regex_of(r, 1, &re)) {
        return;
    }
    (void)hi_cb_begin(r->out);
    while (regex_search(r, re, s, from, &m)) {
        hi_buf_append(r->out->buf, s.data + copied, m.span[0].start - copied);
        regex_rewrite(r->out->buf, &m, s, hi_row_str(r, 2));
        copied = m.span[0].end;
        from = regex_after(&m, s);
    }
    hi_buf_append(r->out->buf, s.data + copied, s.size - copied);
    hi_cb_end(r->out);
}

/* The obsolete replace(pattern, rewrite, text). */
static void regex_row_replace_old(hi_row *r)
{
    const hi_value turned[3] = {r->args[2], r->args[0], r->args[1]};
    const hi_value *args = r->args;

    r->args = turned;
    regex_row_replace(r);
    r->args = args;
}

/* ---- trim ---- */

/* End of the match at the start of the text, 0 when there is none there. */
static size_t regex_head(hi_row *r, hi_regex *re, hist_str s)
{
    hi_regex_match m;

    return regex_search(r, re, s, 0, &m) && m.span[0].start == 0 ? m.span[0].end : 0;
}

/* Start of the match that reaches the end of the text, s.size when none does. */
static size_t regex_tail(hi_row *r, hi_regex *re, hist_str s)
{
    hi_regex_match m;
    size_t from = 0;

    while (regex_search(r, re, s, from, &m)) {
        if (m.span[0].end == s.size) {
            return m.span[0].start;
        }
        from = m.span[0].start + 1;
        while (from < s.size && ((unsigned char)s.data[from] & 0xc0) == 0x80) {
            from++;
        }
    }
    return s.size;
}

/* data: "se" both sides, "s" start, "e" end; one match a side. */
static void regex_row_trim(hi_row *r)
{
    const char *sides = r->data;
    hist_str s = hi_row_str(r, 1);
    hi_regex *re;

    if (!regex_of(r, 0, &re)) {
        return;
    }
    if (strchr(sides, 's') != NULL) {
        const size_t head = regex_head(r, re, s);

        s.data += head;
        s.size -= head;
    }
    if (strchr(sides, 'e') != NULL) {
        s.size = regex_tail(r, re, s);
    }
    hi_cb_str(r->out, s.data, s.size);
}

/* ---- the rest ---- */

static void regex_row_quote(hi_row *r)
{
    const hist_str s = hi_row_str(r, 0);

    (void)hi_cb_begin(r->out);
    for (size_t i = 0; i < s.size; i++) {
        if (strchr("\\.+*?()|[]{}^$#&-~", s.data[i]) != NULL && s.data[i] != '\0') {
            hi_buf_byte(r->out->buf, '\\');
        }
        hi_buf_byte(r->out->buf, (uint8_t)s.data[i]);
    }
    hi_cb_end(r->out);
}

static int64_t regex_code_points(hist_str s, size_t bytes)
{
    int64_t n = 0;

    for (size_t i = 0; i < bytes; i++) {
        n += ((unsigned char)s.data[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return n;
}

/* Bytes of the first n code points. */
static size_t regex_bytes_of(hist_str s, int64_t n)
{
    size_t at = 0;

    while (at < s.size) {
        if (((unsigned char)s.data[at] & 0xc0) != 0x80 && n-- == 0) {
            break;
        }
        at++;
    }
    return at;
}

/* indexof_regex(text, pattern[, start[, length[, occurrence]]]) */
static void regex_row_indexof(hi_row *r)
{
    hist_str s = hi_row_str(r, 0);
    const int64_t start = hi_row_i64_or(r, 2, 0);
    const int64_t count = hi_row_i64_or(r, 3, -1);
    int64_t occurrence = hi_row_i64_or(r, 4, 1);
    const int64_t length = regex_code_points(s, s.size);
    hi_regex_match m;
    hi_regex *re;

    if (occurrence < 1 || count < -1 || !regex_of(r, 1, &re)) {
        return;
    }
    if (start < 0) {
        return;
    }
    if (start > length) {
        hi_cb_i64(r->out, -1);
        return;
    }
    size_t from = regex_bytes_of(s, start);
    if (count >= 0 && count < length - start) {
        s.size = regex_bytes_of(s, start + count);
    }
    int64_t at = -1;
    while (occurrence-- > 0) {
        if (!regex_search(r, re, s, from, &m)) {
            at = -1;
            break;
        }
        at = regex_code_points(s, m.span[0].start);
        from = regex_after(&m, s);
    }
    hi_cb_i64(r->out, at);
}

static const hi_func regex_funcs[] = {
    {.name = "matches regex",
     .signature = "ss>b",
     .row = regex_row_matches,
     .flags = HI_FUNC_HIDDEN},
    {.name = "extract", .signature = "sas|a", .bind = regex_bind_extract, .row = regex_row_extract},
    {.name = "extract_all",
     .signature = "sa|s",
     .bind = regex_bind_extract_all,
     .row = regex_row_extract_all},
    {.name = "extractall",
     .signature = "sa|s",
     .bind = regex_bind_extract_all,
     .row = regex_row_extract_all},
    {.name = "replace_regex", .signature = "sss>s", .row = regex_row_replace},
    {.name = "replace", .signature = "sss>s", .row = regex_row_replace_old},
    {.name = "trim", .signature = "ss>s", .row = regex_row_trim, .data = "se"},
    {.name = "trim_start", .signature = "ss>s", .row = regex_row_trim, .data = "s"},
    {.name = "trim_end", .signature = "ss>s", .row = regex_row_trim, .data = "e"},
    {.name = "regex_quote", .signature = "s>s", .row = regex_row_quote},
    {.name = "indexof_regex", .signature = "ss|lll>l", .row = regex_row_indexof},
};

const hi_func_table hi_funcs_regex = HI_FUNC_TABLE(regex_funcs);
