/*
 * literal_dyn.c -- dynamic(...): JSON, with KQL's strings, typed literals and timespans in it, to tagged bytes.
 */
#include <stdlib.h>

#include "base/dyn.h"
#include "base/num.h"
#include "query/lex.h"

typedef struct dyn_reader {
    hi_lexer *lx;
    hi_dyn_writer writer;
    uint32_t depth;
} dyn_reader;

static hist_status dyn_value(dyn_reader *r);

static hist_status dyn_unexpected(dyn_reader *r, const char *expected)
{
    hi_lexer *lx = r->lx;
    const size_t from = lx->at;

    if (from == lx->text.size) {
        return hi_lex_fail(lx, from, from, "expected %s in dynamic(...); found the end of the text",
                           expected);
    }
    const size_t size = hi_lex_name_size(lx);
    const size_t to = from + (size > 0 ? size : 1);
    return hi_lex_fail(lx, from, to, "expected %s in dynamic(...); found '%.*s'", expected,
                       hi_lex_show(lx->text, from, to), lx->text.data + from);
}

static void dyn_put_literal(dyn_reader *r, const hi_ast_literal *v)
{
    hi_dyn_writer *w = &r->writer;

    if (v->is_null) {
        hi_dyn_put_null(w);
        return;
    }
    switch (v->type) {
    case HIST_TYPE_BOOL:
        hi_dyn_put_bool(w, v->i64 != 0);
        break;
    case HIST_TYPE_INT:
        hi_dyn_put_int(w, (int32_t)v->i64);
        break;
    case HIST_TYPE_LONG:
        hi_dyn_put_long(w, v->i64);
        break;
    case HIST_TYPE_REAL:
        hi_dyn_put_real(w, v->real);
        break;
    case HIST_TYPE_DECIMAL:
        hi_dyn_put_decimal(w, v->decimal);
        break;
    case HIST_TYPE_STRING:
        hi_dyn_put_string(w, v->str.data, v->str.size);
        break;
    case HIST_TYPE_DATETIME:
        hi_dyn_put_datetime(w, v->i64);
        break;
    case HIST_TYPE_TIMESPAN:
        hi_dyn_put_timespan(w, v->i64);
        break;
    case HIST_TYPE_GUID:
        hi_dyn_put_guid(w, (const uint8_t *)v->str.data);
        break;
    case HIST_TYPE_DYNAMIC:
        hi_dyn_put(w, hi_dyn_of(v->str.data, v->str.size));
        break;
    }
}

/* A number without its sign; whole ones that fit no long are reals, as in JSON. */
static hist_status dyn_magnitude(dyn_reader *r, hi_ast_literal *out)
{
    hi_lexer *lx = r->lx;
    size_t size = 0;
    uint64_t whole = 0;

    while (hi_lex_peek(lx, size) >= '0' && hi_lex_peek(lx, size) <= '9') {
        size++;
    }
    const char next = hi_lex_peek(lx, size);
    const bool ends = next == ',' || next == ']' || next == '}' || next == ')' || next <= ' ';
    if (!ends || (hi_num_parse_u64(lx->text.data + lx->at, size, &whole) && whole <= INT64_MAX)) {
        return hi_lex_number(lx, out);
    }
    *out = (hi_ast_literal){.type = HIST_TYPE_REAL};
    if (whole == (uint64_t)INT64_MAX + 1 && lx->text.data[lx->at - 1] == '-') {
        *out = (hi_ast_literal){.type = HIST_TYPE_LONG, .i64 = INT64_MIN};
    } else if (!hi_num_parse_double(lx->text.data + lx->at, size, &out->real)) {
        return dyn_unexpected(r, "a number");
    }
    lx->at += size;
    return HIST_OK;
}

/* A number or timespan with its sign. */
static hist_status dyn_number(dyn_reader *r)
{
    hi_ast_literal v = {0};
    const char sign = hi_lex_peek(r->lx, 0);

    r->lx->at += sign == '-' || sign == '+';
    const char first = hi_lex_peek(r->lx, 0);
    if (first < '0' || first > '9') {
        return dyn_unexpected(r, "a digit");
    }
    HI_TRY(dyn_magnitude(r, &v));
    if (sign == '-') {
        v.i64 = (int64_t)(0 - (uint64_t)v.i64);
        v.real = -v.real;
    }
    dyn_put_literal(r, &v);
    return HIST_OK;
}

/* true, false, null, or a typed literal. */
static hist_status dyn_word(dyn_reader *r)
{
    hi_lexer *lx = r->lx;
    const size_t start = lx->at;
    const hist_str name = {lx->text.data + start, hi_lex_name_size(lx)};
    const hist_type type = hi_ast_type_of(name);
    hi_ast_literal v = {0};

    if (hi_str_is(name, "null")) {
        hi_dyn_put_null(&r->writer);
    } else if (hi_str_is(name, "true") || hi_str_is(name, "false")) {
        hi_dyn_put_bool(&r->writer, name.data[0] == 't');
    } else if (type != 0) {
        lx->at += name.size;
        hi_lex_skip_blanks(lx);
        if (hi_lex_peek(lx, 0) != '(') {
            return dyn_unexpected(r, "'('");
        }
        lx->at++;
        if (type != HIST_TYPE_DYNAMIC) {
            HI_TRY(hi_lex_typed(lx, type, start, &v));
            dyn_put_literal(r, &v);
            return HIST_OK;
        }
        HI_TRY(dyn_value(r));
        if (hi_lex_peek(lx, 0) != ')') {
            return dyn_unexpected(r, "')'");
        }
        lx->at++;
        return HIST_OK;
    } else {
        return dyn_unexpected(
            r, "a value (a number, a string in quotes, true, false, null, [...], {...})");
    }
    lx->at += name.size;
    return HIST_OK;
}

static hist_status dyn_array(dyn_reader *r)
{
    hi_lexer *lx = r->lx;

    hi_dyn_begin_array(&r->writer);
    lx->at++;
    hi_lex_skip_blanks(lx);
    while (hi_lex_peek(lx, 0) != ']') {
        HI_TRY(dyn_value(r));
        if (hi_lex_peek(lx, 0) == ',') {
            lx->at++;
            hi_lex_skip_blanks(lx);
        } else if (hi_lex_peek(lx, 0) != ']') {
            return dyn_unexpected(r, "',' or ']'");
        }
    }
    lx->at++;
    hi_dyn_end_array(&r->writer);
    return HIST_OK;
}

typedef struct dyn_keys {
    hist_str *data;
    size_t count;
    size_t capacity;
} dyn_keys;

static hist_status dyn_keys_add(dyn_reader *r, dyn_keys *keys, hist_str key)
{
    if (keys->count == keys->capacity) {
        const size_t capacity = keys->capacity == 0 ? 8 : keys->capacity * 2;
        hist_str *data = HI_NEW_ARRAY(r->lx->arena, hist_str, capacity);

        if (data == NULL) {
            return hi_no_memory(r->lx->err, "the keys of a dynamic literal");
        }
        if (keys->count > 0) {
            memcpy(data, keys->data, keys->count * sizeof(*data));
        }
        keys->data = data;
        keys->capacity = capacity;
    }
    keys->data[keys->count++] = key;
    return HIST_OK;
}

static int dyn_keys_compare(const void *a, const void *b)
{
    const hist_str *x = a, *y = b;
    const int order = memcmp(x->data, y->data, x->size < y->size ? x->size : y->size);

    return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

static hist_status dyn_keys_unique(dyn_reader *r, dyn_keys *keys, size_t start)
{
    if (keys->count > 1) {
        qsort(keys->data, keys->count, sizeof(*keys->data), dyn_keys_compare);
    }
    for (size_t i = 1; i < keys->count; i++) {
        if (dyn_keys_compare(&keys->data[i - 1], &keys->data[i]) == 0) {
            return hi_lex_fail(r->lx, start, r->lx->at, "the key '%.*s' is given twice",
                               hi_lex_show(keys->data[i], 0, keys->data[i].size),
                               keys->data[i].data);
        }
    }
    return HIST_OK;
}

static hist_status dyn_bag(dyn_reader *r)
{
    hi_lexer *lx = r->lx;
    const size_t start = lx->at;
    dyn_keys keys = {0};
    hist_str key = {0};

    hi_dyn_begin_bag(&r->writer);
    lx->at++;
    hi_lex_skip_blanks(lx);
    while (hi_lex_peek(lx, 0) != '}') {
        if (!hi_lex_at_string(lx)) {
            return dyn_unexpected(r, "a key in quotes or '}'");
        }
        HI_TRY(hi_lex_string(lx, &key));
        HI_TRY(dyn_keys_add(r, &keys, key));
        hi_dyn_put_key(&r->writer, key.data, key.size);
        hi_lex_skip_blanks(lx);
        if (hi_lex_peek(lx, 0) != ':') {
            return dyn_unexpected(r, "':' after the key");
        }
        lx->at++;
        HI_TRY(dyn_value(r));
        if (hi_lex_peek(lx, 0) == ',') {
            lx->at++;
            hi_lex_skip_blanks(lx);
        } else if (hi_lex_peek(lx, 0) != '}') {
            return dyn_unexpected(r, "',' or '}'");
        }
    }
    lx->at++;
    hi_dyn_end_bag(&r->writer);
    return dyn_keys_unique(r, &keys, start);
}

/* One value, with the blanks around it. */
static hist_status dyn_value(dyn_reader *r)
{
    hi_lexer *lx = r->lx;
    hist_status st = HIST_OK;
    hist_str s = {0};

    hi_lex_skip_blanks(lx);
    const char c = hi_lex_peek(lx, 0);
    if (r->depth == HIST_DYNAMIC_DEPTH_MAX) {
        return hi_lex_fail(lx, lx->at, lx->at + (lx->at < lx->text.size),
                           "dynamic(...) is nested more than %d deep", HIST_DYNAMIC_DEPTH_MAX);
    }
    r->depth++;
    if (c == '[') {
        st = dyn_array(r);
    } else if (c == '{') {
        st = dyn_bag(r);
    } else if (hi_lex_at_string(lx)) {
        st = hi_lex_string(lx, &s);
        if (st == HIST_OK) {
            hi_dyn_put_string(&r->writer, s.data, s.size);
        }
    } else if (c == '-' || c == '+' || (c >= '0' && c <= '9')) {
        st = dyn_number(r);
    } else {
        st = dyn_word(r);
    }
    r->depth--;
    hi_lex_skip_blanks(lx);
    return st;
}

static hist_status dyn_finish(dyn_reader *r, size_t start, const hi_buf *buf, hi_ast_literal *out)
{
    hi_lexer *lx = r->lx;

    if (hi_lex_peek(lx, 0) != ')') {
        return dyn_unexpected(r, "')'");
    }
    lx->at++;
    char *bytes = hi_arena_alloc(lx->arena, buf->size);
    if (buf->failed || bytes == NULL) {
        return hi_no_memory(lx->err, "a dynamic literal");
    }
    if (!hi_dyn_writer_ok(&r->writer)) {
        return hi_lex_fail(lx, start, lx->at, "this dynamic value is too large or too deep");
    }
    memcpy(bytes, buf->data, buf->size);
    *out = (hi_ast_literal){.type = HIST_TYPE_DYNAMIC, .str = {bytes, buf->size}};
    out->is_null = hi_dyn_is_null(hi_dyn_of(bytes, buf->size));
    return HIST_OK;
}

hist_status hi_lex_dynamic(hi_lexer *lx, size_t start, hi_ast_literal *out)
{
    dyn_reader r = {.lx = lx};
    hi_buf buf;

    /* Tagged values are at most 9 times their text; the text is bounded. */
    hi_buf_init(&buf, lx->arena->mem, lx->text.size * 9 + 64);
    hi_dyn_writer_init(&r.writer, &buf);
    hist_status st = dyn_value(&r);
    if (st == HIST_OK) {
        st = dyn_finish(&r, start, &buf, out);
    }
    hi_buf_free(&buf);
    return st;
}
