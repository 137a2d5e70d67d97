/* func_parse.c -- text with a format of its own taken apart: URLs, paths, versions, CSV. Results are bags and arrays. */
#include <string.h>

#include "query/decimal.h"
#include "query/eval.h"

static void prs_field(hi_dyn_writer *w, const char *key, hist_str value)
{
    hi_dyn_put_key(w, key, strlen(key));
    hi_dyn_put_string(w, value.data, value.size);
}

/* Splits s at the first `c`: *left before it, s after it; false: there is none. */
static bool prs_cut(hist_str *s, char c, hist_str *left)
{
    const char *at = s->size == 0 ? NULL : memchr(s->data, c, s->size);

    if (at == NULL) {
        return false;
    }
    const size_t n = (size_t)(at - s->data);
    *left = (hist_str){s->data, n};
    s->data += n + 1;
    s->size -= n + 1;
    return true;
}

static hist_str prs_none(void)
{
    return (hist_str){"", 0};
}

/* ---- URLs ---- */

static void prs_put_query(hi_dyn_writer *w, hist_str query)
{
    hi_dyn_begin_bag(w);
    while (query.size != 0) {
        hist_str pair;
        hist_str key;

        if (!prs_cut(&query, '&', &pair)) {
            pair = query;
            query = prs_none();
        }
        if (!prs_cut(&pair, '=', &key)) {
            key = pair;
            pair = prs_none();
        }
        if (key.size != 0) {
            hi_dyn_put_key(w, key.data, key.size);
            hi_dyn_put_string(w, pair.data, pair.size);
        }
    }
    hi_dyn_end_bag(w);
}

typedef struct prs_url {
    hist_str scheme, user, password, host, port, path, query, fragment;
} prs_url;

static void prs_authority(hist_str s, prs_url *u)
{
    hist_str login;

    if (prs_cut(&s, '@', &login)) {
        u->user = login;
        u->password = prs_none();
        if (prs_cut(&login, ':', &u->user)) {
            u->password = login;
        }
    }
    u->host = s;
    if (prs_cut(&s, ':', &u->host)) {
        u->port = s;
    }
}

static prs_url prs_url_of(hist_str s)
{
    prs_url u = {prs_none(), prs_none(), prs_none(), prs_none(),
                 prs_none(), prs_none(), prs_none(), prs_none()};
    hist_str left;

    if (prs_cut(&s, '#', &left)) {
        u.fragment = s;
        s = left;
    }
    if (prs_cut(&s, '?', &left)) {
        u.query = s;
        s = left;
    }
    for (size_t i = 0; i + 2 < s.size; i++) {
        if (memcmp(s.data + i, "://", 3) == 0) {
            u.scheme = (hist_str){s.data, i};
            s.data += i + 3;
            s.size -= i + 3;
            break;
        }
    }
    if (prs_cut(&s, '/', &left)) {
        u.path = s;
        prs_authority(left, &u);
    } else {
        prs_authority(s, &u);
    }
    return u;
}

static void prs_row_url(hi_row *r)
{
    const prs_url u = prs_url_of(hi_row_str(r, 0));
    hi_dyn_writer *w = hi_cb_begin(r->out);

    hi_dyn_begin_bag(w);
    prs_field(w, "Scheme", u.scheme);
    prs_field(w, "Host", u.host);
    prs_field(w, "Port", u.port);
    prs_field(w, "Path", u.path);
    prs_field(w, "Username", u.user);
    prs_field(w, "Password", u.password);
    hi_dyn_put_key(w, "Query Parameters", 16);
    prs_put_query(w, u.query);
    prs_field(w, "Fragment", u.fragment);
    hi_dyn_end_bag(w);
    hi_cb_end(r->out);
}

static void prs_row_urlquery(hi_row *r)
{
    hist_str s = hi_row_str(r, 0);
    hist_str left;
    hi_dyn_writer *w = hi_cb_begin(r->out);

    (void)prs_cut(&s, '?', &left);
    hi_dyn_begin_bag(w);
    hi_dyn_put_key(w, "Query Parameters", 16);
    prs_put_query(w, s);
    hi_dyn_end_bag(w);
    hi_cb_end(r->out);
}

/* ---- paths ---- */

/* Position after the last of the characters, 0: none. */
static size_t prs_after_last(hist_str s, const char *any)
{
    for (size_t i = s.size; i > 0; i--) {
        if (s.data[i - 1] != '\0' && strchr(any, s.data[i - 1]) != NULL) {
            return i;
        }
    }
    return 0;
}

static void prs_row_path(hi_row *r)
{
    hist_str s = hi_row_str(r, 0);
    hist_str scheme = prs_none();
    hist_str stream = prs_none();

    for (size_t i = 0; i + 2 < s.size; i++) {
        if (memcmp(s.data + i, "://", 3) == 0) {
            scheme = (hist_str){s.data, i};
            s.data += i + 3;
            s.size -= i + 3;
            break;
        }
    }
    const bool drive = s.size > 1 && s.data[1] == ':';
    const hist_str root = drive ? (hist_str){s.data, 2} : prs_none();
    const size_t slash = prs_after_last(s, "/\\");
    const hist_str directory = {s.data, slash > 0 ? slash - 1 : 0};
    const size_t up = prs_after_last(directory, "/\\");
    hist_str file = {s.data + slash, s.size - slash};
    hist_str left;
    hist_str copy = file;
    if (prs_cut(&copy, ':', &left)) { /* Alternate data stream. */
        stream = copy;
        file = left;
    }
    const size_t dot = prs_after_last(file, ".");
    const hist_str extension = {file.data + dot, dot > 0 ? file.size - dot : 0};
    hi_dyn_writer *w = hi_cb_begin(r->out);
    hi_dyn_begin_bag(w);
    prs_field(w, "Scheme", scheme);
    prs_field(w, "RootPath", root);
    prs_field(w, "DirectoryPath", directory);
    prs_field(w, "DirectoryName", (hist_str){directory.data + up, directory.size - up});
    prs_field(w, "Filename", file);
    prs_field(w, "Extension", extension);
    prs_field(w, "AlternateDataStreamName", stream);
    hi_dyn_end_bag(w);
    hi_cb_end(r->out);
}

/* ---- versions ---- */

/*
 * parse_version("1.2.3.4"): a decimal that compares as the version does. Each part has eight digits; the point stands
 * before the last eighteen of the thirty-two, because that is what a decimal holds.
 */
static void prs_row_version(hi_row *r)
{
    hist_str s = hi_row_str(r, 0);
    __extension__ unsigned __int128 v = 0;
    int parts = 0;

    while (parts < 4) {
        hist_str part;
        uint32_t n = 0;

        const bool more = prs_cut(&s, '.', &part);
        if (!more) {
            part = s;
            s = prs_none();
        }
        if (part.size == 0 || part.size > 8) {
            return;
        }
        for (size_t i = 0; i < part.size; i++) {
            if (part.data[i] < '0' || part.data[i] > '9') {
                return;
            }
            n = n * 10 + (uint32_t)(part.data[i] - '0');
        }
        v = v * 100000000 + n;
        parts++;
        if (!more) {
            break;
        }
    }
    if (s.size != 0) {
        return;
    }
    for (; parts < 4; parts++) {
        v *= 100000000;
    }
    const hist_decimal d = {.lo = (uint64_t)v, .hi = (int64_t)(v >> 64)};
    hi_cb_16(r->out, &d);
}

/* ---- CSV ---- */

/* The first record of RFC 4180 text as an array of strings. */
static void prs_row_csv(hi_row *r)
{
    const hist_str s = hi_row_str(r, 0);
    hi_buf *field = hi_eval_scratch(r->ev);
    hi_dyn_writer *w = hi_cb_begin(r->out);
    size_t i = 0;
    bool more = true;

    hi_dyn_begin_array(w);
    while (more) {
        bool quoted = i < s.size && s.data[i] == '"';

        hi_buf_clear(field);
        i += quoted ? 1 : 0;
        for (; i < s.size; i++) {
            const char c = s.data[i];

            if (quoted && c == '"' && i + 1 < s.size && s.data[i + 1] == '"') {
                i++;
            } else if (quoted && c == '"') {
                quoted = false;
                continue;
            } else if (!quoted && (c == ',' || c == '\n' || c == '\r')) {
                break;
            }
            hi_buf_byte(field, (uint8_t)c);
        }
        hi_dyn_put_string(w, field->data != NULL ? field->data : "", field->size);
        more = i < s.size && s.data[i] == ',';
        i++;
    }
    hi_dyn_end_array(w);
    hi_cb_end(r->out);
}

/* ---- command lines ---- */

/* parse_command_line(text, "windows"): blanks separate, quotes hold together, \\" is a quote. */
static void prs_row_command(hi_row *r)
{
    const hist_str s = hi_row_str(r, 0);
    hi_buf *word = hi_eval_scratch(r->ev);
    hi_dyn_writer *w = hi_cb_begin(r->out);
    bool quoted = false;
    bool open = false;

    hi_dyn_begin_array(w);
    for (size_t i = 0; i <= s.size; i++) {
        const char c = i < s.size ? s.data[i] : ' ';

        if (i == s.size || (!quoted && (c == ' ' || c == '\t'))) {
            if (open) {
                hi_dyn_put_string(w, word->data != NULL ? word->data : "", word->size);
            }
            hi_buf_clear(word);
            open = false;
            continue;
        }
        open = true;
        if (c == '\\' && i + 1 < s.size && s.data[i + 1] == '"') {
            hi_buf_byte(word, '"');
            i++;
        } else if (c == '"') {
            quoted = !quoted;
        } else {
            hi_buf_byte(word, (uint8_t)c);
        }
    }
    hi_dyn_end_array(w);
    hi_cb_end(r->out);
}

static const hi_func prs_funcs[] = {
    {.name = "parse_command_line", .signature = "ss>y", .row = prs_row_command},
    {.name = "parse_url", .signature = "s>y", .row = prs_row_url},
    {.name = "parseurl", .signature = "s>y", .row = prs_row_url},
    {.name = "parse_urlquery", .signature = "s>y", .row = prs_row_urlquery},
    {.name = "parseurlquery", .signature = "s>y", .row = prs_row_urlquery},
    {.name = "parse_path", .signature = "s>y", .row = prs_row_path},
    {.name = "parse_version", .signature = "s>m", .row = prs_row_version},
    {.name = "parseversion", .signature = "s>m", .row = prs_row_version},
    {.name = "parse_csv", .signature = "s>y", .row = prs_row_csv, .flags = HI_FUNC_NAME_ARG},
    {.name = "parsecsv", .signature = "s>y", .row = prs_row_csv, .flags = HI_FUNC_NAME_ARG},
};

const hi_func_table hi_funcs_parse = HI_FUNC_TABLE(prs_funcs);
