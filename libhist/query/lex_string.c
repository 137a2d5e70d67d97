/* lex_string.c -- the forms of a KQL string: 'x' "x" with escapes, @'x', h'x', ```x``` and ~~~x~~~. */
#include "query/lex.h"

bool hi_lex_at_string(const hi_lexer *lx)
{
    size_t i = 0;

    if ((hi_lex_peek(lx, 0) | 0x20) == 'h') {
        i++;
    }
    if (hi_lex_peek(lx, i) == '@') {
        i++;
    }
    const char c = hi_lex_peek(lx, i);
    if (c == '\'' || c == '"') {
        return true;
    }
    return (c == '`' || c == '~') && (i == 0 || hi_lex_peek(lx, i - 1) != '@') &&
           hi_lex_peek(lx, i + 1) == c && hi_lex_peek(lx, i + 2) == c;
}

static size_t string_put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | (c >> 6));
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | (c >> 12));
        to[1] = (char)(0x80 | ((c >> 6) & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | (c >> 18));
    to[1] = (char)(0x80 | ((c >> 12) & 0x3f));
    to[2] = (char)(0x80 | ((c >> 6) & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* Exactly `digits` hexadecimal digits at `at`, all before `end`. */
static bool string_hex(const hi_lexer *lx, size_t at, size_t end, size_t digits, uint32_t *out)
{
    uint32_t v = 0;

    if (digits > end || at > end - digits) {
        return false;
    }
    for (size_t i = at; i < at + digits; i++) {
        const char c = lx->text.data[i];
        const char lower = (char)(c | 0x20);

        if (c >= '0' && c <= '9') {
            v = (v << 4) | (uint32_t)(c - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            v = (v << 4) | (uint32_t)(lower - 'a' + 10);
        } else {
            return false;
        }
    }
    *out = v;
    return true;
}

/* The code point of \u.... (a pair of surrogates is one), \U........ or \x..; at: the letter. Moves *at behind it. */
static bool string_numbered(const hi_lexer *lx, size_t *at, size_t end, uint32_t *out)
{
    const char letter = lx->text.data[*at];
    const size_t digits = letter == 'u' ? 4 : letter == 'U' ? 8 : 2;
    uint32_t low = 0;

    if (!string_hex(lx, *at + 1, end, digits, out)) {
        return false;
    }
    *at += 1 + digits;
    if (*out >= 0xd800 && *out < 0xdc00 && end - *at >= 6 && lx->text.data[*at] == '\\' &&
        lx->text.data[*at + 1] == 'u' && string_hex(lx, *at + 2, end, 4, &low) && low >= 0xdc00 &&
        low < 0xe000) {
        *out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
        *at += 6;
    }
    if (*out > 0x10ffff || (*out >= 0xd800 && *out < 0xe000)) {
        *out = 0xfffd;
    }
    return true;
}

static int string_simple_escape(char c)
{
    static const char from[] = "abfnrtv0\\'\"/`";
    static const char to[] = "\a\b\f\n\r\t\v\0\\'\"/`";

    for (size_t i = 0; from[i] != '\0'; i++) {
        if (from[i] == c) {
            return (unsigned char)to[i];
        }
    }
    return -1;
}

/* Decodes the escapes of text[from..to). */
static hist_status string_unescape(hi_lexer *lx, size_t from, size_t to, hist_str *out)
{
    /* No escape is shorter than what it stands for. */
    char *data = hi_arena_alloc(lx->arena, to - from + 1);
    size_t n = 0;

    if (data == NULL) {
        return hi_no_memory(lx->err, "a string of a query");
    }
    for (size_t at = from; at < to;) {
        const char c = lx->text.data[at];

        if (c != '\\') {
            data[n++] = c;
            at++;
            continue;
        }
        const size_t start = at++;
        const char letter = lx->text.data[at];
        const int simple = string_simple_escape(letter);
        uint32_t point = 0;
        if (simple >= 0) {
            data[n++] = (char)simple;
            at++;
        } else if ((letter == 'u' || letter == 'U' || letter == 'x') &&
                   string_numbered(lx, &at, to, &point)) {
            n += string_put_utf8(data + n, point);
        } else {
            return hi_lex_fail(
                lx, start, start + 2,
                "'%.*s' is not an escape; write '\\\\' for a backslash, or @'...' for "
                "a string without escapes (regular expressions, paths)",
                hi_lex_show(lx->text, start, start + 2), lx->text.data + start);
        }
    }
    *out = (hist_str){data, n};
    return HIST_OK;
}

static hist_status string_open_end(hi_lexer *lx, size_t start, size_t end, const char *quote)
{
    return hi_lex_fail(lx, start, end, "this string is never closed: %s is missing", quote);
}

/* 'x' and "x"; lx->at is at the quote. */
static hist_status string_quoted(hi_lexer *lx, size_t start, hist_str *out)
{
    const char quote = lx->text.data[lx->at++];
    const size_t from = lx->at;
    bool escapes = false;

    while (lx->at < lx->text.size && lx->text.data[lx->at] != quote) {
        const char c = lx->text.data[lx->at];

        if (c == '\n' || c == '\r') {
            break;
        }
        if (c == '\\') {
            escapes = true;
            lx->at++;
        }
        lx->at++;
    }
    if (lx->at >= lx->text.size || lx->text.data[lx->at] != quote) {
        const size_t end = lx->at < lx->text.size ? lx->at : lx->text.size;

        return string_open_end(lx, start, end,
                               quote == '"' ? "\" in the same line" : "' in the same line");
    }
    const size_t to = lx->at++;
    if (escapes) {
        return string_unescape(lx, from, to, out);
    }
    *out = (hist_str){lx->text.data + from, to - from};
    return HIST_OK;
}

/* @'x': a doubled quote stands for one. */
static hist_status string_verbatim(hi_lexer *lx, size_t start, hist_str *out)
{
    const char quote = lx->text.data[lx->at++];
    const size_t from = lx->at;
    size_t doubled = 0;

    for (;; lx->at++) {
        if (lx->at >= lx->text.size) {
            return string_open_end(lx, start, lx->text.size, quote == '"' ? "\"" : "'");
        }
        if (lx->text.data[lx->at] == quote) {
            if (hi_lex_peek(lx, 1) != quote) {
                break;
            }
            doubled++;
            lx->at++;
        }
    }
    const size_t to = lx->at++;
    *out = (hist_str){lx->text.data + from, to - from};
    if (doubled == 0) {
        return HIST_OK;
    }
    char *data = hi_arena_alloc(lx->arena, to - from);
    if (data == NULL) {
        return hi_no_memory(lx->err, "a string of a query");
    }
    size_t n = 0;
    for (size_t i = from; i < to; i++) {
        data[n++] = lx->text.data[i];
        i += lx->text.data[i] == quote;
    }
    *out = (hist_str){data, n};
    return HIST_OK;
}

/* ```x``` and ~~~x~~~ over as many lines as wanted, nothing is decoded. */
static hist_status string_lines(hi_lexer *lx, size_t start, hist_str *out)
{
    const char quote = lx->text.data[lx->at];
    const size_t from = lx->at + 3;

    for (lx->at = from; lx->at < lx->text.size; lx->at++) {
        if (hi_lex_peek(lx, 0) == quote && hi_lex_peek(lx, 1) == quote &&
            hi_lex_peek(lx, 2) == quote) {
            *out = (hist_str){lx->text.data + from, lx->at - from};
            lx->at += 3;
            return HIST_OK;
        }
    }
    return string_open_end(lx, start, lx->text.size, quote == '`' ? "```" : "~~~");
}

hist_status hi_lex_string(hi_lexer *lx, hist_str *out)
{
    const size_t start = lx->at;

    lx->at += (hi_lex_peek(lx, 0) | 0x20) == 'h';
    if (hi_lex_peek(lx, 0) == '@') {
        lx->at++;
        return string_verbatim(lx, start, out);
    }
    if (hi_lex_peek(lx, 0) == '\'' || hi_lex_peek(lx, 0) == '"') {
        return string_quoted(lx, start, out);
    }
    return string_lines(lx, start, out);
}
