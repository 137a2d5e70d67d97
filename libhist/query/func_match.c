/*
 * func_match.c -- has, contains, startswith, endswith and kin. Know first: a term is a maximal run of letters and digits;
 * `has` looks for its right side standing on term boundaries. Without case both sides are folded, the constant
 * side once.
 */
#include <string.h>

#include "query/eval.h"
#include "query/unicode.h"

typedef enum match_kind {
    MATCH_EQUAL = 0,
    MATCH_CONTAINS,
    MATCH_STARTS,
    MATCH_ENDS,
    MATCH_HAS,
    MATCH_HAS_PREFIX,
    MATCH_HAS_SUFFIX,
} match_kind;

typedef struct match_spec {
    match_kind kind;
    bool cs;
    bool negated;
} match_spec;

/* Whether a letter or digit ends just before byte `at`. */
static bool match_alnum_before(hist_str s, size_t at)
{
    size_t start = at;
    size_t used;

    if (at == 0) {
        return false;
    }
    do {
        start--;
    } while (start != 0 && ((unsigned char)s.data[start] & 0xc0) == 0x80);
    return hi_unicode_is_alnum(hi_utf8_get(s.data + start, at - start, &used));
}

static bool match_alnum_at(hist_str s, size_t at)
{
    size_t used;

    return at < s.size && hi_unicode_is_alnum(hi_utf8_get(s.data + at, s.size - at, &used));
}

/* A boundary is wanted only where the pattern itself begins or ends with a letter or digit. */
static bool match_on_terms(hist_str s, hist_str p, size_t at, match_kind kind)
{
    const bool left = kind != MATCH_HAS_SUFFIX && match_alnum_at(p, 0) && match_alnum_before(s, at);
    const bool right =
        kind != MATCH_HAS_PREFIX && match_alnum_before(p, p.size) && match_alnum_at(s, at + p.size);

    return !left && !right;
}

static bool match_search(hist_str s, hist_str p, match_kind kind)
{
    size_t from = 0;

    while (from + p.size <= s.size) {
        const char *at = memchr(s.data + from, p.data[0], s.size - p.size - from + 1);

        if (at == NULL) {
            return false;
        }
        const size_t offset = (size_t)(at - s.data);
        if (memcmp(at, p.data, p.size) == 0 &&
            (kind == MATCH_CONTAINS || match_on_terms(s, p, offset, kind))) {
            return true;
        }
        from = offset + 1;
    }
    return false;
}

/* Both folded already when case does not count. */
static bool match_text(hist_str s, hist_str p, match_kind kind)
{
    if (p.size > s.size) {
        return false;
    }
    switch (kind) {
    case MATCH_EQUAL:
        return s.size == p.size && (p.size == 0 || memcmp(s.data, p.data, p.size) == 0);
    case MATCH_STARTS:
        return p.size == 0 || memcmp(s.data, p.data, p.size) == 0;
    case MATCH_ENDS:
        return p.size == 0 || memcmp(s.data + s.size - p.size, p.data, p.size) == 0;
    default:
        return p.size == 0 || match_search(s, p, kind);
    }
}

/* ---- vectors ---- */

static hist_str match_row(const hist_column *c, uint32_t row)
{
    const uint32_t i = c->layout == HIST_LAYOUT_CONST ? 0 : row;

    return (hist_str){c->bytes + c->offsets[i], (size_t)(c->offsets[i + 1] - c->offsets[i])};
}

/* `s` folded at the end of buf; the bytes move when buf grows. */
static hist_str match_folded(hi_buf *buf, hist_str s)
{
    hi_buf_clear(buf);
    hi_utf8_fold(buf, s);
    return (hist_str){buf->data != NULL ? buf->data : "", buf->size};
}

typedef struct match_texts {
    hi_buf left;
    hi_buf right;
} match_texts;

static bool match_rows(match_texts *t, const match_spec *spec, const hist_column *args,
                       uint32_t rows, uint64_t *bits)
{
    const bool fixed = args[1].layout == HIST_LAYOUT_CONST;
    hist_str p = match_row(&args[1], 0);

    if (fixed && !spec->cs) {
        p = match_folded(&t->right, p);
    }
    for (uint32_t i = 0; i < rows; i++) {
        hist_str s = match_row(&args[0], i);

        if (!fixed) {
            p = match_row(&args[1], i);
            p = spec->cs ? p : match_folded(&t->right, p);
        }
        s = spec->cs ? s : match_folded(&t->left, s);
        const bool is = match_text(s, p, spec->kind) != spec->negated;
        bits[i / 64] |= (uint64_t)is << (i % 64);
    }
    return hi_buf_ok(&t->left) && hi_buf_ok(&t->right);
}

static hist_status match_eval(hi_eval *ev, const hi_expr *call, const hist_column *args,
                              uint32_t rows, hist_column *out)
{
    match_texts t;
    void *data;

    if (!hi_col_new(ev->arena, HIST_TYPE_BOOL, rows, out, &data)) {
        return hi_eval_no_memory(ev, call);
    }
    memset(data, 0, hi_bits_words(rows) * 8);
    hi_buf_init(&t.left, ev->ctx->mem, INT32_MAX);
    hi_buf_init(&t.right, ev->ctx->mem, INT32_MAX);
    const bool ok = match_rows(&t, call->u.call.func->data, args, rows, data);
    hi_buf_free(&t.left);
    hi_buf_free(&t.right);
    return ok ? HIST_OK : hi_eval_no_memory(ev, call);
}

/* ---- has_any, has_all ---- */

static bool match_has_folded(hi_row *r, hist_str s, hist_str term)
{
    hi_buf folded;

    hi_buf_init(&folded, r->ev->ctx->mem, INT32_MAX);
    hi_utf8_fold(&folded, term);
    const bool is =
        match_text(s, (hist_str){folded.data != NULL ? folded.data : "", folded.size}, MATCH_HAS);
    r->out->failed |= !hi_buf_ok(&folded);
    hi_buf_free(&folded);
    return is;
}

/* Terms found and terms looked for among one argument: a string, or an array of strings. */
static void match_terms(hi_row *r, hist_str s, const hi_value *v, uint32_t *found, uint32_t *count)
{
    if (v->null) {
        return;
    }
    if (v->type == HIST_TYPE_STRING) {
        *found += match_has_folded(r, s, v->str) ? 1 : 0;
        ++*count;
        return;
    }
    const hi_dyn d = hi_dyn_of(v->str.data, v->str.size);
    hi_dyn_iter it = hi_dyn_iter_of(d);
    while (hi_dyn_next(&it)) {
        *found += match_has_folded(r, s, hi_dyn_str(it.value)) ? 1 : 0;
        ++*count;
    }
    if (hi_dyn_tag_of(d) == HI_DYN_STRING) {
        *found += match_has_folded(r, s, hi_dyn_str(d)) ? 1 : 0;
        ++*count;
    }
}

static void match_row_has_terms(hi_row *r)
{
    const bool all = r->data != NULL;
    hi_buf *folded = hi_eval_scratch(r->ev);
    const hist_str s = match_folded(folded, hi_row_str(r, 0));
    uint32_t found = 0;
    uint32_t count = 0;

    for (uint32_t i = 1; i < r->arg_count; i++) {
        match_terms(r, s, &r->args[i], &found, &count);
    }
    hi_cb_i64(r->out, all ? found == count : found != 0);
}

/* has_any_index(text, array): place of the first element that the text has, else -1. */
static void match_row_has_index(hi_row *r)
{
    hi_buf *folded = hi_eval_scratch(r->ev);
    const hist_str s = match_folded(folded, hi_row_str(r, 0));
    hi_dyn_iter it = hi_dyn_iter_of(hi_row_dyn(r, 1));
    hi_buf term;
    int64_t at = -1;

    hi_buf_init(&term, r->ev->ctx->mem, INT32_MAX);
    for (int64_t i = 0; at < 0 && hi_dyn_next(&it); i++) {
        const hi_value v = hi_value_of_dyn(it.value);

        hi_buf_clear(&term);
        hi_value_print(&term, &v);
        const hist_str text = {term.data != NULL ? term.data : "", term.size};
        at = !v.null && match_has_folded(r, s, text) ? i : -1;
    }
    hi_buf_free(&term);
    hi_cb_i64(r->out, at);
}

#define MATCH(name_, kind_, cs_, negated_)                                                 \
    {                                                                                      \
        .name = (name_), .signature = "ss>b", .eval = match_eval, .flags = HI_FUNC_HIDDEN, \
        .data = &(const match_spec)                                                        \
        {                                                                                  \
            kind_, cs_, negated_                                                           \
        }                                                                                  \
    }

static const hi_func match_funcs[] = {
    MATCH("=~", MATCH_EQUAL, false, false),
    MATCH("!~", MATCH_EQUAL, false, true),
    MATCH("contains", MATCH_CONTAINS, false, false),
    MATCH("contains_cs", MATCH_CONTAINS, true, false),
    MATCH("startswith", MATCH_STARTS, false, false),
    MATCH("startswith_cs", MATCH_STARTS, true, false),
    MATCH("endswith", MATCH_ENDS, false, false),
    MATCH("endswith_cs", MATCH_ENDS, true, false),
    MATCH("has", MATCH_HAS, false, false),
    MATCH("has_cs", MATCH_HAS, true, false),
    MATCH("hasprefix", MATCH_HAS_PREFIX, false, false),
    MATCH("hasprefix_cs", MATCH_HAS_PREFIX, true, false),
    MATCH("hassuffix", MATCH_HAS_SUFFIX, false, false),
    MATCH("hassuffix_cs", MATCH_HAS_SUFFIX, true, false),
    {.name = "has_any_index",
     .signature = "sy>l",
     .row = match_row_has_index,
     .flags = HI_FUNC_NULLS},
    {.name = "has_any",
     .signature = "sa*>b",
     .row = match_row_has_terms,
     .flags = HI_FUNC_HIDDEN | HI_FUNC_NULLS},
    {.name = "has_all",
     .signature = "sa*>b",
     .row = match_row_has_terms,
     .data = "all",
     .flags = HI_FUNC_HIDDEN | HI_FUNC_NULLS},
};

const hi_func_table hi_funcs_match = HI_FUNC_TABLE(match_funcs);
