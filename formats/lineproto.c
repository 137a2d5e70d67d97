/*
 * lineproto.c -- line protocol: one pass over the bytes of a line, 16 at a time.
 *
 * A line is parsed as if all of it were there. Whoever needs a byte at the end
 * of what is there sets scan.hit_end, and lp_next() then asks for more instead
 * of believing the result. Lines cut by the end of a buffer are not parsed
 * again for every byte that arrives: a small automaton (tail_*) waits for a
 * newline outside of strings first.
 *
 * Tags are not looked at here beyond the space that ends them; lp_parse_key()
 * does that once a series. Only when a line is bad, or when a string holds a
 * newline, is the key checked on the spot, because an error in it decides at
 * which newline the next line begins.
 */
#include "formats/lineproto.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"

/* LP_PORTABLE builds the plain loops on x86 too, so that tests can run them. */
#if defined(__SSE2__) && !defined(LP_PORTABLE)
#define LP_SSE2 1
#include <emmintrin.h>
#else
#define LP_SSE2 0
#endif

#define LP_LIKELY(x)   __builtin_expect(!!(x), 1)
#define LP_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Bytes by what they end. */
enum {
    CLASS_KEY = 1,  /* Not plain in a field key: = , \ blank, control, not ASCII. */
    CLASS_TERM = 2, /* Ends a value: comma, blank, CR, LF. */
};

#define K CLASS_KEY
#define T (CLASS_KEY | CLASS_TERM)
static const uint8_t lp_class[256] = {
    K, K, K, K, K, K, K, K, K, K, T, K, K, T, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K,
    T, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, T, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, K, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, K, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, K,
    K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K,
    K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K,
    K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K,
    K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K,
};
#undef K
#undef T

/* One line being parsed. The error fields count once a function returned NULL. */
typedef struct lp_scan {
    lp_parser *parser;
    const char *line;  /* Its first byte. */
    const char *end;   /* Of what may be looked at: of the buffer, or of the longest line. */
    bool hit_end;      /* A byte at `end` would have been wanted. */
    bool lines_inside; /* A string holds a newline. */
    lp_error error;
    const char *at;     /* Where. */
    const char *resync; /* The newline that ends a bad line is searched from here. */
    const char *what;
    hist_str token; /* Quoted in the message when not empty. */
} lp_scan;

static inline bool is_term(char c)
{
    return (lp_class[(uint8_t)c] & CLASS_TERM) != 0;
}

static inline bool is_digit(char c)
{
    return (uint8_t)(c - '0') < 10;
}

static inline bool is_control(char c)
{
    return (uint8_t)c < 0x20 || c == 0x7f;
}

static const char *scan_fail(lp_scan *s, lp_error error, const char *at, const char *what)
{
    s->error = error;
    s->at = at;
    s->resync = at;
    s->what = what;
    s->token = (hist_str){NULL, 0};
    return NULL;
}

static const char *scan_fail_token(lp_scan *s, lp_error error, hist_str token, const char *what)
{
    scan_fail(s, error, token.data, what);
    s->token = token;
    return NULL;
}

/* Something else was expected at p: says what is there instead when that explains more. */
static const char *scan_unexpected(lp_scan *s, lp_error error, const char *p, const char *what)
{
    if (p == s->end) {
        s->hit_end = true;
        return scan_fail(s, error, p, what);
    }
    if (is_control(*p) && *p != '\n' && *p != '\r') {
        return scan_fail_token(s, LP_ERR_CONTROL, (hist_str){p, 1},
                               "control byte outside of a string");
    }
    scan_fail(s, error, p, what);
    s->token = (hist_str){p, *p == '\n' || *p == '\r' ? 0 : 1};
    return NULL;
}

/* ---- finding the end of things ------------------------------------------------------------- */

/* The first byte that is a blank or a control byte, or end. */
static inline const char *find_blank(const char *p, const char *end)
{
#if LP_SSE2
    const __m128i blank = _mm_set1_epi8(0x20);

    while (end - p >= 16) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        const int mask = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(v, blank), v));

        if (mask != 0) {
            return p + __builtin_ctz((unsigned)mask);
        }
        p += 16;
    }
#endif
    while (p < end && (uint8_t)*p > 0x20) {
        p++;
    }
    return p;
}

/* The first byte that is not plain in a field key, or end. */
static inline const char *find_key_end(const char *p, const char *end)
{
#if LP_SSE2
    while (end - p >= 16) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* Signed: bytes from 0x80 are negative, so one comparison finds them too. */
        const __m128i low = _mm_cmplt_epi8(v, _mm_set1_epi8(0x21));
        const __m128i a = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('=')),
                                       _mm_cmpeq_epi8(v, _mm_set1_epi8(',')));
        const __m128i b = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\')),
                                       _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)));
        const int mask = _mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(a, b)));

        if (mask != 0) {
            return p + __builtin_ctz((unsigned)mask);
        }
        p += 16;
    }
#endif
    while (p < end && (lp_class[(uint8_t)*p] & CLASS_KEY) == 0) {
        p++;
    }
    return p;
}

/* The first quote, backslash or newline, or end. *high_io gets bit 7 when bytes beyond ASCII may be before it. */
static inline const char *find_quote(const char *p, const char *end, unsigned *high_io)
{
#if LP_SSE2
    while (end - p >= 16) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        const __m128i m = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                                       _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\')),
                                                    _mm_cmpeq_epi8(v, _mm_set1_epi8('\n'))));
        const int mask = _mm_movemask_epi8(m);

        *high_io |= _mm_movemask_epi8(v) != 0 ? 0x80 : 0;
        if (mask != 0) {
            return p + __builtin_ctz((unsigned)mask);
        }
        p += 16;
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && *p != '\n') {
        *high_io |= (uint8_t)*p;
        p++;
    }
    return p;
}

/* Bytes of the UTF-8 sequence at p, 0 when it is not one. */
static size_t utf8_size(const uint8_t *p, size_t left)
{
    const uint8_t lead = p[0];
    size_t size = 0;
    uint8_t low = 0x80;
    uint8_t high = 0xbf;

    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        size = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        size = 3;
        low = lead == 0xe0 ? 0xa0 : 0x80;  /* overlong */
        high = lead == 0xed ? 0x9f : 0xbf; /* surrogates */
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        size = 4;
        low = lead == 0xf0 ? 0x90 : 0x80;
        high = lead == 0xf4 ? 0x8f : 0xbf; /* above U+10FFFF */
    }
    if (size == 0 || left < size || p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return size;
}

/* The first byte that is not part of valid UTF-8, or end. */
static const char *find_bad_utf8(const char *p, const char *end)
{
    while (p < end) {
        uint64_t word = 0;

        if (end - p >= 8) {
            memcpy(&word, p, 8);
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                p += 8;
                continue;
            }
        }
        const size_t size = utf8_size((const uint8_t *)p, (size_t)(end - p));

        if (size == 0) {
            return p;
        }
        p += size;
    }
    return end;
}

bool lp_utf8_valid(const char *data, size_t size)
{
    return size == 0 || find_bad_utf8(data, data + size) == data + size;
}

/* ---- keys: measurement, tags, field keys --------------------------------------------------- */

typedef struct lp_token {
    hist_str raw;
    size_t escapes; /* Backslashes that unescaping takes away. */
} lp_token;

/* What lp_parse_key() fills; NULL where only the check is wanted. */
typedef struct lp_key_sink {
    char *scratch;
    hist_str *measurement;
    lp_tag *tags;
    uint32_t tag_count;
} lp_key_sink;

static inline bool is_key_special(char c)
{
    return c == ',' || c == '=' || c == ' ';
}

/*
 * One name, up to the first byte that cannot be part of it. A backslash counts only before a byte
 * that is special here, and the byte after a lone backslash is looked at afresh.
 */
static const char *key_token(lp_scan *s, const char *p, bool measurement, lp_token *token)
{
    const char *start = p;
    uint8_t high = 0;

    *token = (lp_token){{start, 0}, 0};
    while (p < s->end) {
        const char c = *p;

        if (c == '\\' && p + 1 < s->end && is_key_special(p[1]) && !(measurement && p[1] == '=')) {
            token->escapes++;
            p += 2;
            continue;
        }
        if (is_control(c) || c == ',' || c == ' ' || (c == '=' && !measurement)) {
            break;
        }
        high |= (uint8_t)c;
        p++;
    }
    token->raw.size = (size_t)(p - start);
    s->hit_end |= p == s->end;
    if (high >= 0x80) {
        const char *bad = find_bad_utf8(start, p);

        if (bad != p) {
            return scan_fail_token(s, LP_ERR_UTF8, (hist_str){bad, 1}, "not UTF-8");
        }
    }
    return p;
}

static bool key_token_too_long(const lp_token *token)
{
    return token->raw.size - token->escapes > LP_NAME_BYTES_MAX;
}

/* The unescaped text of a token, in place when it has no escapes. */
static hist_str key_text(const lp_token *token, lp_key_sink *sink)
{
    if (token->escapes == 0) {
        return token->raw;
    }
    hist_str text = {sink->scratch, lp_unescape_key(token->raw, sink->scratch)};

    sink->scratch += text.size;
    return text;
}

static const char *key_measurement(lp_scan *s, const char *p, lp_key_sink *sink)
{
    lp_token token;

    p = key_token(s, p, true, &token);
    if (p == NULL) {
        return NULL;
    }
    if (token.raw.size == 0) {
        return scan_unexpected(s, LP_ERR_MEASUREMENT, p, "no measurement name");
    }
    if (key_token_too_long(&token)) {
        return scan_fail(s, LP_ERR_NAME_LIMIT, token.raw.data,
                         "the measurement name has more than 1024 bytes");
    }
    if (sink != NULL) {
        /* In a measurement `\=` is two bytes, so lp_unescape_key() is not for it. */
        char *to = sink->scratch;

        if (token.escapes == 0) {
            *sink->measurement = token.raw;
            return p;
        }
        for (size_t i = 0; i < token.raw.size; i++) {
            const char *c = token.raw.data + i;

            i += c[0] == '\\' && i + 1 < token.raw.size && (c[1] == ',' || c[1] == ' ');
            *to++ = token.raw.data[i];
        }
        *sink->measurement = (hist_str){sink->scratch, (size_t)(to - sink->scratch)};
        sink->scratch = to;
    }
    return p;
}

/* One tag, p behind its comma. */
static const char *key_tag(lp_scan *s, const char *p, lp_key_sink *sink)
{
    lp_token key;
    lp_token value;

    p = key_token(s, p, false, &key);
    if (p == NULL) {
        return NULL;
    }
    if (key.raw.size == 0) {
        return scan_unexpected(s, LP_ERR_TAG_KEY, p, "a tag key should be here");
    }
    if (p == s->end || *p != '=') {
        return scan_unexpected(s, LP_ERR_TAG_KEY, p, "'=' should follow the tag key");
    }
    p = key_token(s, p + 1, false, &value);
    if (p == NULL) {
        return NULL;
    }
    if (value.raw.size == 0) {
        return scan_unexpected(s, LP_ERR_TAG_VALUE, p, "the value of the tag is missing");
    }
    if (key_token_too_long(&key)) {
        return scan_fail(s, LP_ERR_NAME_LIMIT, key.raw.data, "a tag key has more than 1024 bytes");
    }
    if (value.raw.size - value.escapes > LP_STRING_BYTES_MAX) {
        return scan_fail(s, LP_ERR_STRING_LIMIT, value.raw.data,
                         "a tag value has more than 65536 bytes");
    }
    if (sink != NULL) {
        lp_tag *tag = &sink->tags[sink->tag_count++];

        tag->key = key_text(&key, sink);
        tag->value = key_text(&value, sink);
    }
    return p;
}

/* Measurement and tags; returns the place behind them (a space in a good line). */
static const char *key_walk(lp_scan *s, const char *p, lp_key_sink *sink)
{
    uint32_t tags = 0;

    p = key_measurement(s, p, sink);
    while (p != NULL && p < s->end && *p != ' ') {
        if (*p != ',') {
            return scan_unexpected(s, *p == '\n' || *p == '\r' ? LP_ERR_FIELD_KEY : LP_ERR_TAG_KEY,
                                   p, "tags or fields should be here");
        }
        if (tags++ == LP_TAGS_MAX) {
            return scan_fail(s, LP_ERR_TAG_LIMIT, p, "more than 64 tags");
        }
        p = key_tag(s, p + 1, sink);
    }
    return p;
}

static int key_compare(hist_str a, hist_str b)
{
    const size_t size = a.size < b.size ? a.size : b.size;
    const int order = memcmp(a.data, b.data, size);

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* By insertion: tags are few and most writers sort them. Returns a key that is there already. */
static const hist_str *key_sort(lp_tag *tags, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        const lp_tag tag = tags[i];
        uint32_t to = i;
        int order = 1;

        while (to > 0 && (order = key_compare(tags[to - 1].key, tag.key)) > 0) {
            tags[to] = tags[to - 1];
            to--;
        }
        tags[to] = tag;
        if (to > 0 && order == 0) {
            return &tags[to].key;
        }
    }
    return NULL;
}

size_t lp_unescape_key(hist_str text, char *to)
{
    char *start = to;

    for (size_t i = 0; i < text.size; i++) {
        i += text.data[i] == '\\' && i + 1 < text.size && is_key_special(text.data[i + 1]);
        *to++ = text.data[i];
    }
    return (size_t)(to - start);
}

size_t lp_unescape_string(hist_str text, char *to)
{
    static const char from[] = "\"\\nrt";
    static const char into[] = "\"\\\n\r\t";
    char *start = to;

    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];

        if (c == '\\' && i + 1 < text.size) {
            const char *found = (const char *)memchr(from, text.data[i + 1], sizeof(from) - 1);

            if (found != NULL) {
                c = into[found - from];
                i++;
            }
        }
        *to++ = c;
    }
    return (size_t)(to - start);
}

/* ---- errors --------------------------------------------------------------------------------- */

const char *lp_error_name(lp_error error)
{
    static const char *const names[] = {
        [LP_OK] = "ok",
        [LP_ERR_MEASUREMENT] = "measurement-missing",
        [LP_ERR_TAG_KEY] = "tag-key-missing",
        [LP_ERR_TAG_VALUE] = "tag-value-missing",
        [LP_ERR_TAG_DUPLICATE] = "tag-duplicate",
        [LP_ERR_FIELD_KEY] = "field-key-missing",
        [LP_ERR_FIELD_VALUE] = "field-value-missing",
        [LP_ERR_NUMBER] = "number-bad",
        [LP_ERR_STRING] = "string-unterminated",
        [LP_ERR_TIME] = "time-bad",
        [LP_ERR_TIME_RANGE] = "time-range",
        [LP_ERR_UTF8] = "utf8",
        [LP_ERR_CONTROL] = "control-byte",
        [LP_ERR_COMMENT] = "comment-bad-byte",
        [LP_ERR_TRAILING] = "junk-after-value",
        [LP_ERR_LINE_LIMIT] = "line-limit",
        [LP_ERR_NAME_LIMIT] = "name-limit",
        [LP_ERR_TAG_LIMIT] = "tag-limit",
        [LP_ERR_FIELD_LIMIT] = "field-limit",
        [LP_ERR_STRING_LIMIT] = "string-limit",
    };
    const size_t i = (size_t)error;

    return i < sizeof(names) / sizeof(names[0]) && names[i] != NULL ? names[i] : "unknown";
}

/* Text in quotes, at most `room` bytes with the NUL: control bytes and bytes that are no UTF-8 as \xNN. */
static void error_quote(char *to, size_t room, hist_str text)
{
    size_t used = 0;
    size_t i = 0;

    if (room < 16) {
        return;
    }
    to[used++] = '"';
    while (i < text.size && used + 9 < room) {
        const uint8_t *p = (const uint8_t *)text.data + i;
        const size_t size = utf8_size(p, text.size - i);

        if (size == 0 || (size == 1 && is_control((char)*p))) {
            (void)snprintf(to + used, room - used, "\\x%02x", *p);
            used += 4;
            i++;
            continue;
        }
        memcpy(to + used, p, size);
        used += size;
        i += size;
    }
    (void)snprintf(to + used, room - used, "%s", i < text.size ? "...\"" : "\"");
}

static lp_error error_keep(const lp_scan *s)
{
    lp_parser *parser = s->parser;
    const size_t at = parser->indent + (size_t)(s->at - s->line);
    const size_t room = sizeof(parser->error_text);

    parser->error = s->error;
    parser->error_at = at;
    const int used = snprintf(parser->error_text, room, "column %zu: %s%s", at + 1, s->what,
                              s->token.size > 0 ? ": " : "");
    if (s->token.size > 0 && used > 0 && (size_t)used < room) {
        error_quote(parser->error_text + used, room - (size_t)used, s->token);
    }
    return s->error;
}

lp_error lp_parse_key(lp_parser *parser, hist_str key, char *scratch, hist_str *measurement_out,
                      lp_tag *tags, uint32_t *tag_count_out)
{
    lp_key_sink sink = {scratch, measurement_out, tags, 0};
    lp_scan s = {.parser = parser, .line = key.data, .end = key.data + key.size};
    const char *p = key_walk(&s, key.data, &sink);

    parser->indent = 0;
    *tag_count_out = 0;
    if (p == NULL) {
        return error_keep(&s);
    }
    if (p != s.end) {
        scan_unexpected(&s, LP_ERR_TAG_KEY, p, "a space in the key");
        return error_keep(&s);
    }
    const hist_str *twice = key_sort(tags, sink.tag_count);

    if (twice != NULL) {
        scan_fail_token(&s, LP_ERR_TAG_DUPLICATE, *twice, "a tag key is given twice");
        if (twice->data < key.data || twice->data >= s.end) {
            s.at = key.data; /* It had escapes, and is in the scratch memory. */
        }
        return error_keep(&s);
    }
    *tag_count_out = sink.tag_count;
    return LP_OK;
}

/* ---- values --------------------------------------------------------------------------------- */

/* The end of a value that is not a string. */
static const char *value_end(lp_scan *s, const char *p)
{
    while (p < s->end && !is_term(*p)) {
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
            return scan_fail_token(s, LP_ERR_NUMBER, all,
                                   last == 'i' ? "not an integer of 64 bits"
                                               : "not an unsigned integer of 64 bits");
        }
        return p;
    }
    field->type = LP_REAL;
    field->integral = memchr(start, '.', all.size) == NULL &&
                      memchr(start, 'e', all.size) == NULL && memchr(start, 'E', all.size) == NULL;
    if (!hi_num_parse_double(start, all.size, &field->real)) {
        return scan_fail_token(s, LP_ERR_NUMBER, all, "not a number");
    }
    if (isinf(field->real)) {
        return scan_fail_token(s, LP_ERR_NUMBER, all, "the number is too large for a double");
    }
    return p;
}

/* Digits from p; the value is right for up to 19 of them. */
static inline const char *value_digits(const char *p, const char *end, uint64_t *value_io)
{
    uint64_t value = *value_io;

    while (p < end && is_digit(*p)) {
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
    if (*p == 'i' && is_term(p[1])) {
        field->type = LP_LONG;
        field->integer = minus ? -(int64_t)mantissa : (int64_t)mantissa;
        return p + 1;
    }
    if (*p == '.') {
        p = value_digits(p + 1, s->end, &mantissa);
    }
    if (FLT_EVAL_METHOD != 0 || p - first > 19 || p == s->end || !is_term(*p) ||
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
    return scan_fail_token(s, LP_ERR_FIELD_VALUE, text, "not a boolean");
}

/* A string with escapes, newlines or bytes beyond ASCII; p is at the first of them or behind it. */
static const char *value_string(lp_scan *s, const char *start, lp_field *field)
{
    unsigned high = 0;
    const char *p = find_quote(start, s->end, &high);

    field->text_escaped = false;
    while (LP_UNLIKELY(p < s->end && *p != '"')) {
        if (*p == '\\') {
            field->text_escaped = true;
            p += p + 1 < s->end && (p[1] == '"' || p[1] == '\\');
        } else {
            s->lines_inside = true;
        }
        p = find_quote(p + 1, s->end, &high);
    }
    if (LP_UNLIKELY(p >= s->end)) {
        s->hit_end = true;
        scan_fail(s, LP_ERR_STRING, start - 1, "the string has no closing quote");
        s->resync = s->end;
        return NULL;
    }
    field->type = LP_STRING;
    field->text = (hist_str){start, (size_t)(p - start)};
    if (LP_UNLIKELY(field->text.size > LP_STRING_BYTES_MAX)) {
        scan_fail(s, LP_ERR_STRING_LIMIT, start, "the string has more than 65536 bytes");
        s->resync = p;
        return NULL;
    }
    if (LP_UNLIKELY(high >= 0x80)) {
        const char *bad = find_bad_utf8(start, p);

        if (bad != p) {
            scan_fail_token(s, LP_ERR_UTF8, (hist_str){bad, 1}, "not UTF-8");
            s->resync = p;
            return NULL;
        }
    }
    return p + 1;
}

static inline const char *value_any(lp_scan *s, const char *p, lp_field *field)
{
    if (LP_UNLIKELY(p == s->end)) {
        return scan_unexpected(s, LP_ERR_FIELD_VALUE, p, "the value of the field is missing");
    }
    if (LP_LIKELY(is_digit(*p) || *p == '-' || *p == '.')) {
        return value_number(s, p, field);
    }
    if (*p == '"') {
        return value_string(s, p + 1, field);
    }
    if (*p == 't' || *p == 'T' || *p == 'f' || *p == 'F') {
        return value_bool(s, p, field);
    }
    if (is_term(*p)) {
        return scan_unexpected(s, LP_ERR_FIELD_VALUE, p, "the value of the field is missing");
    }
    return scan_unexpected(s, LP_ERR_FIELD_VALUE, p,
                           "not a number, boolean or string in double quotes");
}

/* ---- lines ---------------------------------------------------------------------------------- */

static const char *field_key_long(lp_scan *s, const char *p, lp_field *field)
{
    lp_token token;

    p = key_token(s, p, false, &token);
    if (p == NULL) {
        return NULL;
    }
    if (token.raw.size == 0) {
        return scan_unexpected(s, LP_ERR_FIELD_KEY, p, "a field key should be here");
    }
    if (p == s->end || *p != '=') {
        return scan_unexpected(s, LP_ERR_FIELD_KEY, p, "'=' should follow the field key");
    }
    if (key_token_too_long(&token)) {
        return scan_fail(s, LP_ERR_NAME_LIMIT, token.raw.data,
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
            return scan_fail(s, LP_ERR_FIELD_LIMIT, p, "more than 512 fields");
        }
        const char *key_end = find_key_end(p, s->end);

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
    if (LP_UNLIKELY(p < s->end && !is_term(*p)) || p == start + minus ||
        (p < s->end && *p == ',')) {
        const char *end = value_end(s, start);

        return scan_fail_token(s, LP_ERR_TIME, (hist_str){start, (size_t)(end - start)},
                               "not a timestamp");
    }
    if (LP_LIKELY(p - start <= 19 && value <= INT64_MAX)) {
        line->time_raw = minus ? -(int64_t)value : (int64_t)value;
    } else if (!hi_num_parse_i64(start, (size_t)(p - start), &line->time_raw)) {
        return scan_fail_token(s, LP_ERR_TIME_RANGE, (hist_str){start, (size_t)(p - start)},
                               "the timestamp does not fit 64 bits");
    }
    if (LP_UNLIKELY(!line_scale_time(line, s->parser->precision))) {
        return scan_fail_token(s, LP_ERR_TIME_RANGE, (hist_str){start, (size_t)(p - start)},
                               "the timestamp is outside of the years 1677 to 2262");
    }
    line->has_time = true;
    return p;
}

/* The rest behind the fields: timestamp and end of line. */
static inline const char *line_rest(lp_scan *s, const char *p, lp_line *line)
{
    if (LP_UNLIKELY(p < s->end && !is_term(*p))) {
        return scan_unexpected(s, LP_ERR_TRAILING, p,
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
        return scan_unexpected(s, LP_ERR_TRAILING, p, "nothing should follow the timestamp");
    }
    return p;
}

/* A whole line; returns the place behind its newline. */
static inline const char *line_parse(lp_scan *s, lp_line *line)
{
    const char *p = find_blank(s->line, s->end);

    while (LP_UNLIKELY(p < s->end && *p == ' ' && p > s->line && p[-1] == '\\')) {
        p = find_blank(p + 1, s->end);
    }
    if (LP_UNLIKELY(p == s->end || *p != ' ')) {
        if (key_walk(s, s->line, NULL) == NULL) {
            return NULL;
        }
        return scan_unexpected(s, LP_ERR_FIELD_KEY, s->end, "the line has no fields");
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

    while (p < s->end && !is_control(*p)) {
        p++;
    }
    line->comment = (hist_str){text, (size_t)(p - text)};
    if (!line_ended(s, &p)) {
        return scan_fail_token(s, LP_ERR_COMMENT, (hist_str){p, 1}, "control byte in a comment");
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

/* ---- lines cut by the end of a buffer ------------------------------------------------------- */

enum tail_state {
    TAIL_START = 0,
    TAIL_KEY,
    TAIL_KEY_ESCAPE,
    TAIL_GAP, /* Behind the key's space. */
    TAIL_FIELD_FIRST,
    TAIL_FIELD,
    TAIL_FIELD_ESCAPE,
    TAIL_VALUE_FIRST,
    TAIL_VALUE,
    TAIL_STRING,
    TAIL_STRING_ESCAPE,
    TAIL_STRING_END,
    TAIL_REST, /* No string can begin any more: the next newline ends the line. */
};

static unsigned tail_key(char c)
{
    if (c == ' ') {
        return TAIL_GAP;
    }
    return c == '\\' ? TAIL_KEY_ESCAPE : TAIL_KEY;
}

static unsigned tail_field(unsigned state, char c)
{
    if (c == ' ' && state == TAIL_GAP) {
        return TAIL_GAP;
    }
    if (c == '\\') {
        return TAIL_FIELD_ESCAPE;
    }
    if (state == TAIL_FIELD_ESCAPE) {
        return TAIL_FIELD;
    }
    if (c == '=') {
        return state == TAIL_FIELD ? TAIL_VALUE_FIRST : TAIL_REST;
    }
    return c == ' ' || c == ',' ? TAIL_REST : TAIL_FIELD;
}

/* The state behind c, which is not a newline unless in a string. */
static unsigned tail_next(unsigned state, char c)
{
    if (state == TAIL_STRING_ESCAPE || state == TAIL_STRING) {
        if (state == TAIL_STRING_ESCAPE || (c != '"' && c != '\\')) {
            return TAIL_STRING;
        }
        return c == '"' ? TAIL_STRING_END : TAIL_STRING_ESCAPE;
    }
    if (is_control(c)) {
        return TAIL_REST;
    }
    switch (state) {
    case TAIL_START:
        return c == '#' ? TAIL_REST : tail_key(c);
    case TAIL_KEY:
        return tail_key(c);
    case TAIL_KEY_ESCAPE:
        return c == '\\' ? TAIL_KEY_ESCAPE : TAIL_KEY;
    case TAIL_VALUE_FIRST:
        return c == '"' ? TAIL_STRING : c == ',' || c == ' ' ? TAIL_REST : TAIL_VALUE;
    case TAIL_VALUE:
        return c == ',' ? TAIL_FIELD_FIRST : c == ' ' ? TAIL_REST : TAIL_VALUE;
    case TAIL_STRING_END:
        return c == ',' ? TAIL_FIELD_FIRST : TAIL_REST;
    case TAIL_REST:
        return TAIL_REST;
    default:
        return tail_field(state, c);
    }
}

/* Looks at the bytes of the incomplete line not yet seen: is parsing it worth while now? */
static bool tail_ended(lp_parser *parser, const char *line, const char *end)
{
    const char *p = line + parser->scanned;
    unsigned state = parser->scan_state;

    for (; p < end; p++) {
        if (*p == '\n' && state != TAIL_STRING && state != TAIL_STRING_ESCAPE) {
            break;
        }
        state = tail_next(state, *p);
    }
    parser->scanned = (size_t)(p - line);
    parser->scan_state = state;
    return p < end;
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
    parser->scan_state = TAIL_START;
    (void)lp_skip_line(parser, from);
    return LP_BAD;
}

/* A bad line: where does it end? NULL: not yet known. */
static const char *lp_bad_end(lp_scan *s)
{
    const bool parsed_key = s->error != LP_ERR_COMMENT;
    lp_scan key = *s;

    if (parsed_key && key_walk(&key, s->line, NULL) == NULL) {
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

    if (key_walk(&key, s->line, NULL) == NULL) {
        *s = key;
        return NULL;
    }
    return end;
}

/* The end of the buffer was reached inside of a line. */
static lp_status lp_more(lp_parser *parser, const char *line, const char *end)
{
    if (tail_ended(parser, line, end)) {
        /* The automaton is wrong, which costs time only: parse again when there is more. */
        parser->scanned = 0;
        parser->scan_state = TAIL_START;
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
    if (parser->scanned > 0 && !tail_ended(parser, s.line, s.end) && !cut && !parser->final) {
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
        error_keep(&s);
    }
    parser->lines += bad || s.lines_inside || s.hit_end ? count_newlines(s.line, next) : 1;
    parser->at = (size_t)(next - parser->data);
    parser->indent = 0;
    parser->scanned = 0;
    parser->scan_state = TAIL_START;
    return bad ? LP_BAD : comment ? LP_COMMENT : LP_LINE;
}
