/* literal.c -- typed literals: datetime(...), timespan(...), guid(...), int(...), decimal(...) and so on. */
#include <math.h>

#include "base/num.h"
#include "base/timefmt.h"
#include "query/lex.h"

__extension__ typedef unsigned __int128 literal_u128;

static bool literal_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool literal_bool(hist_str s, hi_ast_literal *out)
{
    if (hi_str_is(s, "true") || hi_str_is(s, "True") || hi_str_is(s, "TRUE")) {
        out->i64 = 1;
        return true;
    }
    if (hi_str_is(s, "false") || hi_str_is(s, "False") || hi_str_is(s, "FALSE")) {
        return true;
    }
    const bool number = hi_num_parse_i64(s.data, s.size, &out->i64);
    out->i64 = out->i64 != 0;
    return number;
}

static bool literal_long(hist_str s, hi_ast_literal *out)
{
    uint64_t v = 0;

    if (s.size < 3 || s.size > 18 || s.data[0] != '0' || (s.data[1] | 0x20) != 'x') {
        return hi_num_parse_i64(s.data, s.size, &out->i64);
    }
    for (size_t i = 2; i < s.size; i++) {
        const char c = s.data[i], lower = (char)(c | 0x20);

        if (!literal_digit(c) && (lower < 'a' || lower > 'f')) {
            return false;
        }
        v = (v << 4) | (uint64_t)(literal_digit(c) ? c - '0' : lower - 'a' + 10);
    }
    out->i64 = (int64_t)v;
    return true;
}

static bool literal_real(hist_str s, hi_ast_literal *out)
{
    const bool sign = s.size > 0 && (s.data[0] == '-' || s.data[0] == '+');
    const hist_str word = {s.data + sign, s.size - sign};

    if (hi_str_is(s, "nan") || hi_str_is(s, "NaN")) {
        out->real = (double)NAN;
        return true;
    }
    if (hi_str_is(word, "inf") || hi_str_is(word, "Infinity")) {
        out->real = sign && s.data[0] == '-' ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    return hi_num_parse_double(s.data, s.size, &out->real);
}

/* The exponent behind 'e'; false when it is not one of at most 3 digits. */
static bool literal_exponent(const char *text, size_t size, int *out)
{
    int64_t v = 0;

    if (!hi_num_parse_i64(text, size, &v) || v < -999 || v > 999) {
        return false;
    }
    *out = (int)v;
    return true;
}

/* [+-]digits[.digits][e..] to value * 10^18, halves away from zero; false also when it does not fit. */
static bool literal_decimal(hist_str s, hi_ast_literal *out)
{
    const bool negative = s.size > 0 && s.data[0] == '-';
    const literal_u128 limit = ~(literal_u128)0 >> 1;
    literal_u128 v = 0;
    int scale = 18, exponent = 0;
    size_t digits = 0, i = negative || (s.size > 0 && s.data[0] == '+') ? 1 : 0;
    bool fraction = false;

    for (; i < s.size && (s.data[i] | 0x20) != 'e'; i++) {
        if (s.data[i] == '.' && !fraction) {
            fraction = true;
            continue;
        }
        if (!literal_digit(s.data[i]) || v > (limit - 9) / 10) {
            return false;
        }
        v = v * 10 + (unsigned)(s.data[i] - '0');
        scale -= fraction;
        digits++;
    }
    if (digits == 0 ||
        (i < s.size && !literal_exponent(s.data + i + 1, s.size - i - 1, &exponent))) {
        return false;
    }
    for (scale += exponent; scale > 0 && v != 0; scale--) {
        if (v > limit / 10) {
            return false;
        }
        v *= 10;
    }
    for (; scale < 0 && v != 0; scale++) {
        v = v / 10 + (scale == -1 && v % 10 >= 5);
    }
    v = negative ? 0 - v : v;
    out->decimal = (hist_decimal){.lo = (uint64_t)v, .hi = (int64_t)(uint64_t)(v >> 64)};
    out->str = s;
    return true;
}

static bool literal_time(hi_time_status st, hi_ast_literal *out)
{
    out->clamped = st == HI_TIME_HIGH ? 1 : st == HI_TIME_LOW ? -1 : 0;
    return st != HI_TIME_BAD;
}

/* Year, month, day[, hour, minute, second] with commas between. */
static hi_time_status literal_civil(hist_str s, int64_t *out)
{
    int64_t part[6] = {0};
    size_t count = 0, at = 0;

    while (at < s.size && count < 6) {
        size_t to = at;

        while (at < s.size && s.data[at] == ' ') {
            at++;
        }
        for (to = at; to < s.size && literal_digit(s.data[to]); to++) {
        }
        if (!hi_num_parse_i64(s.data + at, to - at, &part[count++]) || to - at > 4) {
            return HI_TIME_BAD;
        }
        at = to + 1;
        if (to < s.size && s.data[to] != ',') {
            return HI_TIME_BAD;
        }
    }
    if (count < 3 || at <= s.size) {
        return HI_TIME_BAD;
    }
    const hi_civil civil = {.year = part[0],
                            .month = (int)part[1],
                            .day = (int)part[2],
                            .hour = (int)part[3],
                            .minute = (int)part[4],
                            .second = (int)part[5]};
    return hi_time_of(&civil, out);
}

static hi_time_status literal_datetime(hist_str s, int64_t *out)
{
    const bool commas = s.size > 0 && memchr(s.data, ',', s.size) != NULL;
    const hi_time_status st = commas ? literal_civil(s, out) : HI_TIME_BAD;

    return st == HI_TIME_BAD ? hi_time_parse(s.data, s.size, out) : st;
}

/* 32 hexadecimal digits, hyphens anywhere between. */
static bool literal_guid(hi_lexer *lx, hist_str s, hi_ast_literal *out)
{
    char *bytes = hi_arena_alloc(lx->arena, 16);
    unsigned digits = 0;

    if (bytes == NULL) {
        return false;
    }
    for (size_t i = 0; i < s.size; i++) {
        const char c = s.data[i], lower = (char)(c | 0x20);

        if (c == '-' && i > 0 && i + 1 < s.size) {
            continue;
        }
        const int v = literal_digit(c)               ? c - '0'
                      : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                                     : -1;
        if (v < 0 || digits == 32) {
            return false;
        }
        bytes[digits / 2] = (char)(digits % 2 == 0 ? v << 4 : bytes[digits / 2] | v);
        digits++;
    }
    out->str = (hist_str){bytes, 16};
    return digits == 32;
}

static bool literal_read(hi_lexer *lx, hist_type type, hist_str s, hi_ast_literal *out)
{
    switch (type) {
    case HIST_TYPE_BOOL:
        return literal_bool(s, out);
    case HIST_TYPE_INT:
        return literal_long(s, out) && out->i64 >= INT32_MIN && out->i64 <= INT32_MAX;
    case HIST_TYPE_LONG:
        return literal_long(s, out);
    case HIST_TYPE_REAL:
        return literal_real(s, out);
    case HIST_TYPE_DECIMAL:
        return literal_decimal(s, out);
    case HIST_TYPE_STRING:
        out->str = s;
        return true;
    case HIST_TYPE_DATETIME:
        return literal_time(literal_datetime(s, &out->i64), out);
    case HIST_TYPE_TIMESPAN:
        return literal_time(hi_span_parse(s.data, s.size, &out->i64), out);
    case HIST_TYPE_GUID:
        return literal_guid(lx, s, out);
    case HIST_TYPE_DYNAMIC:
        break;
    }
    return false;
}

static const char *literal_example(hist_type type)
{
    switch (type) {
    case HIST_TYPE_BOOL:
        return "bool(true)";
    case HIST_TYPE_INT:
        return "int(5), from -2147483648 to 2147483647";
    case HIST_TYPE_LONG:
        return "long(5)";
    case HIST_TYPE_REAL:
        return "real(1.5), real(nan), real(+inf)";
    case HIST_TYPE_DECIMAL:
        return "decimal(1.5), up to 20 digits before the point";
    case HIST_TYPE_DATETIME:
        return "datetime(2026-01-31 23:59:59.9)";
    case HIST_TYPE_TIMESPAN:
        return "timespan(1.02:03:04.5), timespan(90m)";
    case HIST_TYPE_GUID:
        return "guid(74be27de-1e4e-49d9-b579-fe0b331d3642)";
    default:
        return "string('text')";
    }
}

static bool literal_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The text up to the closing parenthesis, without blanks around it, or a string's contents. */
static hist_status literal_contents(hi_lexer *lx, size_t start, hist_str *out, bool *is_string)
{
    const char *name = lx->text.data + start;
    const int shown = hi_lex_show(lx->text, start, lx->at - 1);

    hi_lex_skip_blanks(lx);
    *is_string = hi_lex_at_string(lx);
    if (*is_string) {
        HI_TRY(hi_lex_string(lx, out));
        hi_lex_skip_blanks(lx);
    } else {
        const size_t from = lx->at;

        while (lx->at < lx->text.size && lx->text.data[lx->at] != ')' &&
               lx->text.data[lx->at] != '(') {
            lx->at++;
        }
        size_t to = lx->at;
        while (to > from && literal_is_blank(lx->text.data[to - 1])) {
            to--;
        }
        *out = (hist_str){lx->text.data + from, to - from};
    }
    if (lx->at == lx->text.size) {
        return hi_lex_fail(lx, start, lx->at, "the ')' of %.*s(... is missing", shown, name);
    }
    if (lx->text.data[lx->at] != ')') {
        return hi_lex_fail(
            lx, start, lx->at,
            "%.*s(...) takes one constant; to convert an expression write to%.*s(...)", shown, name,
            shown, name);
    }
    lx->at++;
    return HIST_OK;
}

hist_status hi_lex_typed(hi_lexer *lx, hist_type type, size_t start, hi_ast_literal *out)
{
    hist_str s = {0};
    bool is_string = false;

    HI_TRY(literal_contents(lx, start, &s, &is_string));
    *out = (hi_ast_literal){.type = type};
    if (!is_string && hi_str_is(s, "null")) {
        out->is_null = type != HIST_TYPE_STRING; /* Strings have no null. */
        out->str = (hist_str){"", 0};
        return HIST_OK;
    }
    if ((type == HIST_TYPE_STRING && !is_string) || !literal_read(lx, type, s, out)) {
        return hi_lex_fail(lx, start, lx->at, "'%.*s' is not a %s: write it as in %s",
                           hi_lex_show(lx->text, start, lx->at), lx->text.data + start,
                           hist_type_name(type), literal_example(type));
    }
    return HIST_OK;
}
