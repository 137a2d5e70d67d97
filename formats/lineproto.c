/*
 * lineproto.c -- line protocol: one pass over the bytes of a line, 16 at a time.
 *
 * A line is parsed as if all of it were there. Whoever needs a byte at the end
 * of what is there sets scan.hit_end, and lp_next() then asks for more instead
 * of believing the result. Lines cut by the end of a buffer are not parsed
 * again for every byte that arrives: a small automaton (lineproto_tail.c) waits for a
 * newline outside of strings first.
 *
 * Tags are not looked at here beyond the space that ends them; lp_parse_key()
 * does that once a series. Only when a line is bad, or when a string holds a
 * newline, is the key checked on the spot, because an error in it decides at
 * which newline the next line begins.
 */
#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "formats/lineproto_scan.h"

/* ---- values --------------------------------------------------------------------------------- */

/* The end of a value that is not a string. */
static const char *value_end(lp_scan *s, const char *p)
{
    while (p < s->end && !lp_is_term(*p)) {
        p++;
    }
    s->hit_end |= p == s->end;
    return p;
}

/* 12i, 12u: digits only, and in range. */
static bool value_integer(hist_str text, bool is_unsigned, lp_field *field)
{
    uint64_t bits = 0;

    field->type = is_unsigned ? LP_ULONG : LP_LONG;
    if (text.data[0] == '+' || (is_unsigned && text.data[0] == '-')) {
        return false;
    }
    if (is_unsigned) {
        const bool ok = hi_num_parse_u64(text.data, text.size, &bits);

        field->integer = (int64_t)bits;
        return ok;
    }
    return hi_num_parse_i64(text.data, text.size, &field->integer);
}

/* Any number the short way did not take: long, with an exponent, odd or wrong. */
static const char *value_number_long(lp_scan *s, const char *start, lp_field *field)
{
    const char *p = value_end(s, start);
    const hist_str all = {start, (size_t)(p - start)};
    const hist_str body = {start, all.size - 1};
    const char last = start[all.size - 1];

    if (last == 'i' || last == 'u') {
        if (body.size == 0 || !value_integer(body, last == 'u', field)) {
            return lp_fail_token(s, LP_ERR_NUMBER, all,
                                 last == 'i' ? "not an integer of 64 bits"
                                             : "not an unsigned integer of 64 bits");
        }
        return p;
    }
    field->type = LP_REAL;
    field->integral = memchr(start, '.', all.size) == NULL &&
                      memchr(start, 'e', all.size) == NULL && memchr(start, 'E', all.size) == NULL;
    if (!hi_num_parse_double(start, all.size, &field->real)) {
        return lp_fail_token(s, LP_ERR_NUMBER, all, "not a number");
    }
    if (isinf(field->real)) {
        return lp_fail_token(s, LP_ERR_NUMBER, all, "the number is too large for a double");
    }
    return p;
}

/* Digits from p; the value is right for up to 19 of them. */
static inline const char *value_digits(const char *p, const char *end, uint64_t *value_io)
{
    uint64_t value = *value_io;

    while (p < end && lp_is_digit(*p)) {
        value = value * 10 + (uint64_t)(*p - '0');
        p++;
    }
    *value_io = value;
    return p;
}

static const double lp_pow10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/*
 * The common numbers: up to 18 digits, a point somewhere, no exponent. A mantissa below 2^53 over a
 * power of ten up to 10^22 is exact in one division, where doubles are not computed in wider registers.
 */
static inline const char *value_number(lp_scan *s, const char *start, lp_field *field)
{
    const bool minus = *start == '-';
    const char *first = start + minus;
    uint64_t mantissa = 0;
    const char *p = value_digits(first, s->end, &mantissa);
    const char *point = p;

    if (p == first || p - first > 18 || s->end - p < 2) {
        return value_number_long(s, start, field);
    }
    if (*p == 'i' && lp_is_term(p[1])) {
        field->type = LP_LONG;
        field->integer = minus ? -(int64_t)mantissa : (int64_t)mantissa;
        return p + 1;
    }
    if (*p == '.') {
        p = value_digits(p + 1, s->end, &mantissa);
    }
    if (FLT_EVAL_METHOD != 0 || p - first > 19 || p == s->end || !lp_is_term(*p) ||
        mantissa > (UINT64_C(1) << 53)) {
        return value_number_long(s, start, field);
    }
    const double value = (double)mantissa / lp_pow10[p > point ? p - point - 1 : 0];

    field->type = LP_REAL;
    field->integral = p == point;
    field->real = minus ? -value : value;
    return p;
}

static const char *value_bool(lp_scan *s, const char *start, lp_field *field)
{
    static const char *const words[] = {"f", "F", "false", "False", "FALSE",
                                        "t", "T", "true",  "True",  "TRUE"};
    const char *p = value_end(s, start);
    const hist_str text = {start, (size_t)(p - start)};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strlen(words[i]) == text.size && memcmp(words[i], start, text.size) == 0) {
            field->type = LP_BOOL;
            field->integer = i >= 5;
            return p;
        }
    }
    return lp_fail_token(s, LP_ERR_FIELD_VALUE, text, "not a boolean");
}

/* A string with escapes, newlines or bytes beyond ASCII; p is at the first of them or behind it. */
static const char *value_string(lp_scan *s, const char *start, lp_field *field)
{
    unsigned high = 0;
    const char *p = lp_find_quote(start, s->end, &high);

    field->text_escaped = false;
    while (LP_UNLIKELY(p < s->end && *p != '"')) {
        if (*p == '\\') {
            field->text_escaped = true;
            p += p + 1 < s->end && (p[1] == '"' || p[1] == '\\');
        } else {
            s->lines_inside = true;
        }
        p = lp_find_quote(p + 1, s->end, &high);
    }
    if (LP_UNLIKELY(p >= s->end)) {
        s->hit_end = true;
        lp_fail(s, LP_ERR_STRING, start - 1, "the string has no closing quote");
        s->resync = s->end;
        return NULL;
    }
    field->type = LP_STRING;
    field->text = (hist_str){start, (size_t)(p - start)};
    if (LP_UNLIKELY(field->text.size > LP_STRING_BYTES_MAX)) {
        lp_fail(s, LP_ERR_STRING_LIMIT, start, "the string has more than 65536 bytes");
        s->resync = p;
        return NULL;
    }
    if (LP_UNLIKELY(high >= 0x80)) {
        const char *bad = lp_find_bad_utf8(start, p);

        if (bad != p) {
            lp_fail_token(s, LP_ERR_UTF8, (hist_str){bad, 1}, "not UTF-8");
            s->resync = p;
            return NULL;
        }
    }
    return p + 1;
}

static inline const char *value_any(lp_scan *s, const char *p, lp_field *field)
{
    if (LP_UNLIKELY(p == s->end)) {
        return lp_fail_unexpected(s, LP_ERR_FIELD_VALUE, p, "the value of the field is missing");
    }
    if (LP_LIKELY(lp_is_digit(*p) || *p == '-' || *p == '.')) {
        return value_number(s, p, field);
    }
    if (*p == '"') {
        return value_string(s, p + 1, field);
    }
    if (*p == 't' || *p == 'T' || *p == 'f' || *p == 'F') {
        return value_bool(s, p, field);
    }
    if (lp_is_term(*p)) {
        return lp_fail_unexpected(s, LP_ERR_FIELD_VALUE, p, "the value of the field is missing");
    }
    return lp_fail_unexpected(s, LP_ERR_FIELD_VALUE, p,
                              "not a number, boolean or string in double quotes");
}

/* ---- lines ---------------------------------------------------------------------------------- */

static const char *field_key_long(lp_scan *s, const char *p, lp_field *field)
{
    lp_token token;

    p = lp_token_read(s, p, false, &token);
    if (p == NULL) {
        return NULL;
    }
    if (token.raw.size == 0) {
        return lp_fail_unexpected(s, LP_ERR_FIELD_KEY, p, "a field key should be here");
    }
    if (p == s->end || *p != '=') {
        return lp_fail_unexpected(s, LP_ERR_FIELD_KEY, p, "'=' should follow the field key");
    }
    if (lp_token_too_long(&token)) {
        return lp_fail(s, LP_ERR_NAME_LIMIT, token.raw.data,
                       "a field key has more than 1024 bytes");
    }
    field->key = token.raw;
    field->key_escaped = token.escapes > 0;
    return p + 1;
}

/* All fields; returns the place behind the last value. */
static inline const char *line_fields(lp_scan *s, const char *p, uint32_t *count_out)
{
    lp_field *field = s->parser->fields;
    const lp_field *last = field + LP_FIELDS_MAX;

    for (;; field++, p++) {
        if (LP_UNLIKELY(field == last)) {
            return lp_fail(s, LP_ERR_FIELD_LIMIT, p, "more than 512 fields");
        }
        const char *key_end = lp_find_key_end(p, s->end);

        if (LP_LIKELY(key_end < s->end && *key_end == '=' &&
                      (size_t)(key_end - p) - 1 < LP_NAME_BYTES_MAX)) {
            field->key = (hist_str){p, (size_t)(key_end - p)};
            field->key_escaped = false;
            p = key_end + 1;
        } else {
            p = field_key_long(s, p, field);
            if (p == NULL) {
                return NULL;
            }
        }
        p = value_any(s, p, field);
        if (LP_UNLIKELY(p == NULL)) {
            return NULL;
        }
        if (p == s->end || *p != ',') {
            *count_out = (uint32_t)(field + 1 - s->parser->fields);
            return p;
        }
    }
}

static inline const char *line_spaces(const char *p, const char *end)
{
    while (p < end && *p == ' ') {
        p++;
    }
    return p;
}

/* Whether the line ends at *p_io, which then goes behind its newline. */
static inline bool line_ended(lp_scan *s, const char **p_io)
{
    const char *p = *p_io;

    if (LP_UNLIKELY(p == s->end)) {
        s->hit_end = true;
        return true;
    }
    if (LP_LIKELY(*p == '\n')) {
        *p_io = p + 1;
        return true;
    }
    if (*p != '\r') {
        return false;
    }
    if (p + 1 == s->end) {
        s->hit_end = true;
        *p_io = p + 1;
        return true;
    }
    if (p[1] == '\n') {
        *p_io = p + 2;
        return true;
    }
    return false;
}

static bool line_scale_time(lp_line *line, int precision)
{
    static const int64_t factors[] = {1, 1000, 1000000, 1000000000};

    assert(precision >= 0 && precision < 4);
    return !__builtin_mul_overflow(line->time_raw, factors[precision], &line->time_ns) &&
           line->time_ns > INT64_MIN + 1;
}

static inline const char *line_time(lp_scan *s, const char *p, lp_line *line)
{
    const char *start = p;
    const bool minus = *p == '-';
    uint64_t value = 0;

    p = value_digits(p + minus, s->end, &value);
    if (LP_UNLIKELY(p < s->end && !lp_is_term(*p)) || p == start + minus ||
        (p < s->end && *p == ',')) {
        const char *end = value_end(s, start);

        return lp_fail_token(s, LP_ERR_TIME, (hist_str){start, (size_t)(end - start)},
                             "not a timestamp");
    }
    if (LP_LIKELY(p - start <= 19 && value <= INT64_MAX)) {
        line->time_raw = minus ? -(int64_t)value : (int64_t)value;
    } else if (!hi_num_parse_i64(start, (size_t)(p - start), &line->time_raw)) {
        return lp_fail_token(s, LP_ERR_TIME_RANGE, (hist_str){start, (size_t)(p - start)},
                             "the timestamp does not fit 64 bits");
    }
    if (LP_UNLIKELY(!line_scale_time(line, s->parser->precision))) {
        return lp_fail_token(s, LP_ERR_TIME_RANGE, (hist_str){start, (size_t)(p - start)},
                             "the timestamp is outside of the years 1677 to 2262");
    }
    line->has_time = true;
    return p;
}

/* The rest behind the fields: timestamp and end of line. */
static inline const char *line_rest(lp_scan *s, const char *p, lp_line *line)
{
    if (LP_UNLIKELY(p < s->end && !lp_is_term(*p))) {
        return lp_fail_unexpected(
            s, LP_ERR_TRAILING, p,
            "a comma, a space or the end of the line should follow the value");
    }
    p = line_spaces(p, s->end);
    if (line_ended(s, &p)) {
        return p;
    }
    p = line_time(s, p, line);
    if (LP_UNLIKELY(p == NULL)) {
        return NULL;
    }
    p = line_spaces(p, s->end);
    if (LP_UNLIKELY(!line_ended(s, &p))) {
        return lp_fail_unexpected(s, LP_ERR_TRAILING, p, "nothing should follow the timestamp");
    }
    return p;
}

/* A whole line; returns the place behind its newline. */
static inline const char *line_parse(lp_scan *s, lp_line *line)
{
    const char *p = lp_find_blank(s->line, s->end);

    while (LP_UNLIKELY(p < s->end && *p == ' ' && p > s->line && p[-1] == '\\')) {
        p = lp_find_blank(p + 1, s->end);
    }
    if (LP_UNLIKELY(p == s->end || *p != ' ')) {
        if (lp_key_walk(s, s->line, NULL) == NULL) {
            return NULL;
        }
        return lp_fail_unexpected(s, LP_ERR_FIELD_KEY, s->end, "the line has no fields");
    }
    line->key = (hist_str){s->line, (size_t)(p - s->line)};
    p = line_spaces(p, s->end);
    p = line_fields(s, p, &line->field_count);
    return p == NULL ? NULL : line_rest(s, p, line);
}

static const char *line_comment(lp_scan *s, lp_line *line)
{
    const char *p = s->line + 1;
    const char *text = p;

    while (p < s->end && !lp_is_control(*p)) {
        p++;
    }
    line->comment = (hist_str){text, (size_t)(p - text)};
    if (!line_ended(s, &p)) {
        return lp_fail_token(s, LP_ERR_COMMENT, (hist_str){p, 1}, "control byte in a comment");
    }
    return p;
}

static uint64_t count_newlines(const char *p, const char *end)
{
    uint64_t count = 0;

    while (p < end && (p = (const char *)memchr(p, '\n', (size_t)(end - p))) != NULL) {
        count++;
        p++;
    }
    return count;
}

/* ---- the parser ------------------------------------------------------------------------------ */

void lp_init(lp_parser *parser, int precision, const lp_limits *limits)
{
    memset(parser, 0, offsetof(lp_parser, fields));
    parser->precision = precision;
    if (limits != NULL) {
        parser->limits = *limits;
    }
    if (parser->limits.line_bytes == 0) {
        parser->limits.line_bytes = LP_LINE_BYTES_MAX;
    }
}

void lp_feed(lp_parser *parser, const char *data, size_t size, bool final)
{
    parser->data = data;
    parser->size = size;
    parser->at = 0;
    parser->final = final;
}

/* Goes behind the next newline at or after `from`; false: it is not in the buffer. */
static bool lp_skip_line(lp_parser *parser, size_t from)
{
    const char *newline = NULL;

    if (from < parser->size) {
        newline = (const char *)memchr(parser->data + from, '\n', parser->size - from);
    }
    parser->skipping = newline == NULL;
    parser->at = newline == NULL ? parser->size : (size_t)(newline - parser->data) + 1;
    parser->lines += newline != NULL;
    return newline != NULL;
}

/* Passes over blanks and empty lines; false: nothing else is left. */
static bool lp_skip_blanks(lp_parser *parser)
{
    const char *data = parser->data;

    while (parser->at < parser->size) {
        const char c = data[parser->at];

        if (LP_LIKELY((uint8_t)c > ' ')) {
            return true;
        }
        if (c == ' ') {
            parser->indent++;
        } else if (c == '\n') {
            parser->lines++;
            parser->indent = 0;
        } else if (c == '\r' && parser->at + 1 == parser->size) {
            if (!parser->final) {
                return false;
            }
        } else if (c != '\r' || data[parser->at + 1] != '\n') {
            return true;
        }
        parser->at++;
    }
    return false;
}

/* The line is longer than the limit: says so, and skips it. */
static lp_status lp_too_long(lp_parser *parser)
{
    parser->error = LP_ERR_LINE_LIMIT;
    parser->error_at = parser->indent + parser->limits.line_bytes;
    (void)snprintf(parser->error_text, sizeof(parser->error_text),
                   "the line has more than %zu bytes", parser->limits.line_bytes);
    /* Newlines in strings of the refused part count, as they do in a line that is not refused. */
    const size_t from = parser->at + parser->limits.line_bytes;

    parser->lines += count_newlines(parser->data + parser->at, parser->data + from);
    parser->indent = 0;
    parser->scanned = 0;
    parser->scan_state = LP_TAIL_START;
    (void)lp_skip_line(parser, from);
    return LP_BAD;
}

/* A bad line: where does it end? NULL: not yet known. */
static const char *lp_bad_end(lp_scan *s)
{
    const bool parsed_key = s->error != LP_ERR_COMMENT;
    lp_scan key = *s;

    if (parsed_key && lp_key_walk(&key, s->line, NULL) == NULL) {
        *s = key;
    }
    const char *newline = NULL;

    if (s->resync < s->end) {
        newline = (const char *)memchr(s->resync, '\n', (size_t)(s->end - s->resync));
    }
    if (newline == NULL) {
        s->hit_end = true;
        return s->end;
    }
    s->hit_end = false;
    return newline + 1;
}

/* A good line with newlines in strings is good only if its key is. */
static const char *lp_check_key(lp_scan *s, const char *end)
{
    lp_scan key = *s;

    if (lp_key_walk(&key, s->line, NULL) == NULL) {
        *s = key;
        return NULL;
    }
    return end;
}

/* The end of the buffer was reached inside of a line. */
static lp_status lp_more(lp_parser *parser, const char *line, const char *end)
{
    if (lp_tail_ended(parser, line, end)) {
        /* The automaton is wrong, which costs time only: parse again when there is more. */
        parser->scanned = 0;
        parser->scan_state = LP_TAIL_START;
    }
    return LP_MORE;
}

lp_status lp_next(lp_parser *parser, lp_line *line)
{
    if (LP_UNLIKELY(parser->skipping && !lp_skip_line(parser, parser->at))) {
        return LP_MORE;
    }
    if (!lp_skip_blanks(parser)) {
        return LP_MORE;
    }
    const size_t left = parser->size - parser->at;
    const size_t limit = parser->limits.line_bytes;
    const bool cut = left > limit;
    lp_scan s = {.parser = parser, .line = parser->data + parser->at};

    s.end = s.line + (cut ? limit + 1 : left);
    if (parser->scanned > 0 && !lp_tail_ended(parser, s.line, s.end) && !cut && !parser->final) {
        return LP_MORE;
    }
    line->has_time = false;
    line->time_ns = 0;
    line->time_raw = 0;
    line->field_count = 0;
    line->fields = parser->fields;
    line->line_number = parser->lines + 1;
    const bool comment = *s.line == '#';
    const char *next = comment ? line_comment(&s, line) : line_parse(&s, line);

    if (LP_UNLIKELY(next != NULL && s.lines_inside)) {
        next = lp_check_key(&s, next);
    }
    const bool bad = next == NULL;

    if (LP_UNLIKELY(bad)) {
        next = lp_bad_end(&s);
    }
    if (LP_UNLIKELY(s.hit_end && cut)) {
        return lp_too_long(parser);
    }
    if (LP_UNLIKELY(s.hit_end && !parser->final)) {
        return lp_more(parser, s.line, s.end);
    }
    if (LP_UNLIKELY(bad)) {
        lp_error_keep(&s);
    }
    parser->lines += bad || s.lines_inside || s.hit_end ? count_newlines(s.line, next) : 1;
    parser->at = (size_t)(next - parser->data);
    parser->indent = 0;
    parser->scanned = 0;
    parser->scan_state = LP_TAIL_START;
    return bad ? LP_BAD : comment ? LP_COMMENT : LP_LINE;
}
