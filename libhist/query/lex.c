/* lex.c -- names, numbers and punctuation of KQL; strings are in lex_string.c, typed literals in literal.c. */
#include "query/lex.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/dyn.h"
#include "base/num.h"
#include "base/timefmt.h"
#include "query/parse.h"

hist_status hi_lex_fail(const hi_lexer *lx, size_t from, size_t to, const char *fmt, ...)
{
    char message[HIST_ERROR_MESSAGE_SIZE];
    const hi_ast_span span = {(uint32_t)from, (uint32_t)(to - from)};
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    return hi_fail_at(lx->err, HIST_ESYNTAX, lx->text, span, "%s", message);
}

int hi_lex_show(hist_str text, size_t from, size_t to)
{
    size_t size = 0;

    to = to < text.size ? to : text.size;
    for (size_t i = from; i < to && i - from <= 40 && (unsigned char)text.data[i] >= ' '; i++) {
        /* i + 1 ends a code point when no continuation byte follows. */
        if (i + 1 == text.size || ((unsigned char)text.data[i + 1] & 0xc0) != 0x80) {
            size = i + 1 - from;
        }
    }
    return (int)size;
}

static bool lex_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool lex_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

/* Code point at `at` of valid UTF-8 and its bytes. */
static uint32_t lex_code_point(hist_str text, size_t at, size_t *size)
{
    const unsigned char *p = (const unsigned char *)text.data + at;

    if (p[0] < 0x80) {
        *size = 1;
        return p[0];
    }
    *size = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    uint32_t c = p[0] & (0x7fu >> *size);
    for (size_t i = 1; i < *size; i++) {
        c = (c << 6) | (p[i] & 0x3f);
    }
    return c;
}

/* Letters of other scripts may be part of a name; their blanks, quotes and signs may not. */
static bool lex_is_foreign_letter(uint32_t c)
{
    if (c < 0xc0) {
        return c == 0xaa || c == 0xb5 || c == 0xba;
    }
    return c != 0xd7 && c != 0xf7 && (c < 0x2000 || c > 0x2bff) && (c < 0x3000 || c > 0x3004) &&
           (c < 0x3008 || c > 0x3020) && (c < 0xfe00 || c > 0xfe6f) && c != 0xfeff &&
           (c < 0xff00 || c > 0xff20);
}

/* Blank, no-break space, byte order mark: their bytes, else 0. */
static size_t lex_blank_size(const hi_lexer *lx)
{
    const char c = hi_lex_peek(lx, 0);

    if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v') {
        return 1;
    }
    if (lx->at < lx->text.size && (unsigned char)c >= 0x80) {
        size_t size = 0;
        const uint32_t point = lex_code_point(lx->text, lx->at, &size);

        return point == 0xa0 || point == 0xfeff ? size : 0;
    }
    return 0;
}

void hi_lex_skip_blanks(hi_lexer *lx)
{
    for (;;) {
        const size_t blank = lex_blank_size(lx);

        if (blank > 0) {
            lx->at += blank;
        } else if (hi_lex_peek(lx, 0) == '/' && hi_lex_peek(lx, 1) == '/') {
            while (lx->at < lx->text.size && lx->text.data[lx->at] != '\n') {
                lx->at++;
            }
        } else {
            return;
        }
    }
}

size_t hi_lex_name_size(const hi_lexer *lx)
{
    size_t at = lx->at;

    while (at < lx->text.size) {
        const char c = lx->text.data[at];
        size_t size = 1;

        if (!lex_is_letter(c) && !(at > lx->at && lex_is_digit(c)) &&
            !((unsigned char)c >= 0x80 &&
              lex_is_foreign_letter(lex_code_point(lx->text, at, &size)))) {
            break;
        }
        at += size;
    }
    return at - lx->at;
}

/* ---- numbers ---- */

static size_t lex_digits(const hi_lexer *lx, size_t at)
{
    const size_t start = at;

    while (at < lx->text.size && lex_is_digit(lx->text.data[at])) {
        at++;
    }
    return at - start;
}

static int lex_hex_value(char c)
{
    if (lex_is_digit(c)) {
        return c - '0';
    }
    const char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static hist_status lex_hex(hi_lexer *lx, hi_ast_literal *out)
{
    const size_t start = lx->at;
    uint64_t value = 0;

    for (lx->at += 2; lex_hex_value(hi_lex_peek(lx, 0)) >= 0; lx->at++) {
        if (value >> 60 != 0) {
            return hi_lex_fail(lx, start, lx->at + 1, "a hexadecimal number has at most 64 bits");
        }
        value = (value << 4) | (uint64_t)lex_hex_value(hi_lex_peek(lx, 0));
    }
    if (lx->at == start + 2 || hi_lex_name_size(lx) > 0) {
        return hi_lex_fail(
            lx, start, lx->at + hi_lex_name_size(lx), "'%.*s' is not a hexadecimal number",
            hi_lex_show(lx->text, start, lx->at + hi_lex_name_size(lx)), lx->text.data + start);
    }
    *out = (hi_ast_literal){.type = HIST_TYPE_LONG, .i64 = (int64_t)value};
    return HIST_OK;
}

/* Whole digits: a long. 2^63 is let through (as -2^63) when a minus stands right before it. */
static hist_status lex_long(hi_lexer *lx, size_t start, hi_ast_literal *out)
{
    const char *digits = lx->text.data + start;
    const size_t size = lx->at - start;
    uint64_t value = 0;

    *out = (hi_ast_literal){.type = HIST_TYPE_LONG};
    if (hi_num_parse_u64(digits, size, &value)) {
        if (value <= INT64_MAX ||
            (value == (uint64_t)INT64_MAX + 1 && start > 0 && lx->text.data[start - 1] == '-')) {
            out->i64 = (int64_t)value;
            return HIST_OK;
        }
    }
    return hi_lex_fail(lx, start, lx->at,
                       "%.*s does not fit a long (-9223372036854775808 to 9223372036854775807); "
                       "write it with a fraction to have a real",
                       hi_lex_show(lx->text, start, lx->at), digits);
}

static hist_status lex_span(hi_lexer *lx, size_t start, size_t unit_size, hi_ast_literal *out)
{
    const char *number = lx->text.data + start;
    const char *unit = lx->text.data + lx->at;
    const int64_t ns = hi_span_unit(unit, unit_size);
    const size_t end = lx->at + unit_size;

    if (ns == 0) {
        return hi_lex_fail(lx, start, end,
                           "'%.*s' is neither a number nor a timespan; units are d, h, m, s, ms, "
                           "microsecond, nanosecond, tick and their long forms",
                           hi_lex_show(lx->text, start, end), number);
    }
    *out = (hi_ast_literal){.type = HIST_TYPE_TIMESPAN};
    const hi_time_status st = hi_span_scale(number, lx->at - start, ns, &out->i64);
    if (st == HI_TIME_BAD) {
        return hi_lex_fail(lx, start, end, "a timespan is digits, perhaps a fraction, and a unit");
    }
    out->clamped = st == HI_TIME_HIGH ? 1 : st == HI_TIME_LOW ? -1 : 0;
    lx->at = end;
    return HIST_OK;
}

/* Bytes of "e5", "E-07" at `at`, 0 when there is none. */
static size_t lex_exponent(const hi_lexer *lx, size_t at)
{
    if (at >= lx->text.size || (lx->text.data[at] | 0x20) != 'e') {
        return 0;
    }
    const size_t sign =
        at + 1 < lx->text.size && (lx->text.data[at + 1] == '-' || lx->text.data[at + 1] == '+');
    const size_t digits = lex_digits(lx, at + 1 + sign);
    return digits > 0 ? 1 + sign + digits : 0;
}

hist_status hi_lex_number(hi_lexer *lx, hi_ast_literal *out)
{
    const size_t start = lx->at;
    bool real = false;

    if (hi_lex_peek(lx, 0) == '0' && (hi_lex_peek(lx, 1) | 0x20) == 'x') {
        return lex_hex(lx, out);
    }
    lx->at += lex_digits(lx, lx->at);
    /* "1..5" is a range, "1.x" a member. */
    if (hi_lex_peek(lx, 0) == '.' && hi_lex_peek(lx, 1) != '.' &&
        !lex_is_letter(hi_lex_peek(lx, 1))) {
        real = true;
        lx->at += 1 + lex_digits(lx, lx->at + 1);
    }
    const size_t exponent = lex_exponent(lx, lx->at);
    const size_t unit_size = hi_lex_name_size(lx);
    if (unit_size > 0 && exponent < unit_size) {
        return lex_span(lx, start, unit_size, out);
    }
    lx->at += exponent;
    if (!real && exponent == 0) {
        return lex_long(lx, start, out);
    }
    *out = (hi_ast_literal){.type = HIST_TYPE_REAL};
    if (hi_lex_name_size(lx) > 0 ||
        !hi_num_parse_double(lx->text.data + start, lx->at - start, &out->real)) {
        return hi_lex_fail(lx, start, lx->at, "'%.*s' is not a number",
                           hi_lex_show(lx->text, start, lx->at), lx->text.data + start);
    }
    return HIST_OK;
}

/* ---- tokens ---- */

typedef struct lex_tokens {
    hi_token *data;
    uint32_t count;
    uint32_t capacity;
} lex_tokens;

static bool lex_push(hi_lexer *lx, lex_tokens *to, hi_token token)
{
    if (to->count == to->capacity) {
        const uint32_t capacity = to->capacity == 0 ? 64 : to->capacity * 2;
        hi_token *data = HI_NEW_ARRAY(lx->arena, hi_token, capacity);

        if (data == NULL) {
            return false;
        }
        if (to->count > 0) {
            memcpy(data, to->data, to->count * sizeof(*data));
        }
        to->data = data;
        to->capacity = capacity;
    }
    to->data[to->count++] = token;
    return true;
}

static hist_status lex_punctuation(hi_lexer *lx, hi_token *token)
{
    /* Longest first. */
    static const struct {
        char text[3];
        hi_token_kind kind;
    } marks[] = {
        {"..", HI_TOK_DOTDOT},  {"=>", HI_TOK_ARROW},    {"==", HI_TOK_EQ},
        {"=~", HI_TOK_EQ_CI},   {"!=", HI_TOK_NE},       {"!~", HI_TOK_NE_CI},
        {"<>", HI_TOK_NE_SQL},  {"<=", HI_TOK_LE},       {">=", HI_TOK_GE},
        {"(", HI_TOK_LPAREN},   {")", HI_TOK_RPAREN},    {"[", HI_TOK_LBRACKET},
        {"]", HI_TOK_RBRACKET}, {"{", HI_TOK_LBRACE},    {"}", HI_TOK_RBRACE},
        {",", HI_TOK_COMMA},    {";", HI_TOK_SEMICOLON}, {":", HI_TOK_COLON},
        {".", HI_TOK_DOT},      {"|", HI_TOK_PIPE},      {"=", HI_TOK_ASSIGN},
        {"<", HI_TOK_LT},       {">", HI_TOK_GT},        {"+", HI_TOK_PLUS},
        {"-", HI_TOK_MINUS},    {"*", HI_TOK_STAR},      {"/", HI_TOK_SLASH},
        {"%", HI_TOK_PERCENT},  {"!", HI_TOK_BANG},      {"~", HI_TOK_TILDE},
    };
    const char a = hi_lex_peek(lx, 0), b = hi_lex_peek(lx, 1);

    if ((a == '&' && b == '&') || (a == '|' && b == '|')) {
        return hi_lex_fail(lx, lx->at, lx->at + 2, "'%c%c' is not KQL: write '%s'", a, b,
                           a == '&' ? "and" : "or");
    }
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (marks[i].text[0] == a && (marks[i].text[1] == '\0' || marks[i].text[1] == b)) {
            token->kind = marks[i].kind;
            lx->at += marks[i].text[1] == '\0' ? 1 : 2;
            return HIST_OK;
        }
    }
    size_t size = 1;
    const uint32_t point = lex_code_point(lx->text, lx->at, &size);
    if (point > ' ' && point != 0x7f) {
        return hi_lex_fail(lx, lx->at, lx->at + size,
                           "'%.*s' (U+%04X) has no meaning here; names with such letters are "
                           "written ['name'], strings \"text\"",
                           (int)size, lx->text.data + lx->at, (unsigned)point);
    }
    return hi_lex_fail(lx, lx->at, lx->at + 1, "the control character U+%04X has no meaning here",
                       (unsigned)point);
}

/* "long" of "long(5)": the type when a parenthesis follows the name, else 0. */
static hist_type lex_typed_start(hi_lexer *lx, size_t name_size)
{
    const hist_type type = hi_ast_type_of((hist_str){lx->text.data + lx->at, name_size});
    const size_t start = lx->at;

    if (type == 0) {
        return type;
    }
    lx->at += name_size;
    hi_lex_skip_blanks(lx);
    if (hi_lex_peek(lx, 0) == '(') {
        lx->at++;
        return type;
    }
    lx->at = start;
    return (hist_type)0;
}

static hist_status lex_name(hi_lexer *lx, hi_token *token, hi_ast_literal *literal)
{
    const size_t start = lx->at;
    const size_t size = hi_lex_name_size(lx);
    const hist_type type = lex_typed_start(lx, size);

    if (type != 0) {
        token->kind = HI_TOK_LITERAL;
        return type == HIST_TYPE_DYNAMIC ? hi_lex_dynamic(lx, start, literal)
                                         : hi_lex_typed(lx, type, start, literal);
    }
    token->kind = HI_TOK_IDENT;
    lx->at += size;
    return HIST_OK;
}

static hist_status lex_token(hi_lexer *lx, hi_token *token)
{
    hi_ast_literal literal = {0};
    const size_t start = lx->at;

    if (lx->at == lx->text.size) {
        token->kind = HI_TOK_END;
    } else if (hi_lex_at_string(lx)) {
        token->kind = HI_TOK_STRING;
        literal.type = HIST_TYPE_STRING;
        HI_TRY(hi_lex_string(lx, &literal.str));
    } else if (lex_is_digit(hi_lex_peek(lx, 0))) {
        token->kind = HI_TOK_LITERAL;
        HI_TRY(hi_lex_number(lx, &literal));
    } else if (hi_lex_name_size(lx) > 0) {
        HI_TRY(lex_name(lx, token, &literal));
    } else {
        HI_TRY(lex_punctuation(lx, token));
    }
    token->span = (hi_ast_span){(uint32_t)start, (uint32_t)(lx->at - start)};
    if (token->kind == HI_TOK_STRING || token->kind == HI_TOK_LITERAL) {
        hi_ast_literal *kept = HI_NEW(lx->arena, hi_ast_literal);

        if (kept == NULL) {
            return hi_no_memory(lx->err, "the literals of a query");
        }
        *kept = literal;
        token->literal = kept;
    }
    return HIST_OK;
}

hist_status hi_lex(hi_arena *arena, hist_str text, hi_token **tokens_out, uint32_t *count_out,
                   hist_error *err)
{
    hi_lexer lx = {.arena = arena, .text = text, .err = err};
    lex_tokens tokens = {0};
    hi_token token = {0};

    if (text.size > HI_KQL_TEXT_MAX) {
        return hi_fail(err, HIST_ELIMIT, "the query has %zu bytes; the limit is %u", text.size,
                       HI_KQL_TEXT_MAX);
    }
    const size_t valid = hi_utf8_valid(text.data, text.size);
    if (valid < text.size) {
        return hi_lex_fail(&lx, valid, valid + 1, "the query is not UTF-8: byte 0x%02X",
                           (unsigned)(unsigned char)text.data[valid]);
    }
    do {
        token = (hi_token){0};
        hi_lex_skip_blanks(&lx);
        HI_TRY(lex_token(&lx, &token));
        if (!lex_push(&lx, &tokens, token)) {
            return hi_no_memory(err, "the tokens of a query");
        }
    } while (token.kind != HI_TOK_END);
    *tokens_out = tokens.data;
    *count_out = tokens.count;
    return HIST_OK;
}
