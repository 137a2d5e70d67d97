/* lineproto_key.c -- names with escapes: measurement, tags and field keys. */
#include <string.h>

#include "formats/lineproto_scan.h"

static inline bool is_key_special(char c)
{
    return c == ',' || c == '=' || c == ' ';
}

const char *lp_token_read(lp_scan *s, const char *p, bool measurement, lp_token *token)
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
        if (lp_is_control(c) || c == ',' || c == ' ' || (c == '=' && !measurement)) {
            break;
        }
        high |= (uint8_t)c;
        p++;
    }
    token->raw.size = (size_t)(p - start);
    s->hit_end |= p == s->end;
    if (high >= 0x80) {
        const char *bad = lp_find_bad_utf8(start, p);

        if (bad != p) {
            return lp_fail_token(s, LP_ERR_UTF8, (hist_str){bad, 1}, "not UTF-8");
        }
    }
    return p;
}

bool lp_token_too_long(const lp_token *token)
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

    p = lp_token_read(s, p, true, &token);
    if (p == NULL) {
        return NULL;
    }
    if (token.raw.size == 0) {
        return lp_fail_unexpected(s, LP_ERR_MEASUREMENT, p, "no measurement name");
    }
    if (lp_token_too_long(&token)) {
        return lp_fail(s, LP_ERR_NAME_LIMIT, token.raw.data,
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

    p = lp_token_read(s, p, false, &key);
    if (p == NULL) {
        return NULL;
    }
    if (key.raw.size == 0) {
        return lp_fail_unexpected(s, LP_ERR_TAG_KEY, p, "a tag key should be here");
    }
    if (p == s->end || *p != '=') {
        return lp_fail_unexpected(s, LP_ERR_TAG_KEY, p, "'=' should follow the tag key");
    }
    p = lp_token_read(s, p + 1, false, &value);
    if (p == NULL) {
        return NULL;
    }
    if (value.raw.size == 0) {
        return lp_fail_unexpected(s, LP_ERR_TAG_VALUE, p, "the value of the tag is missing");
    }
    if (lp_token_too_long(&key)) {
        return lp_fail(s, LP_ERR_NAME_LIMIT, key.raw.data, "a tag key has more than 1024 bytes");
    }
    if (value.raw.size - value.escapes > LP_STRING_BYTES_MAX) {
        return lp_fail(s, LP_ERR_STRING_LIMIT, value.raw.data,
                       "a tag value has more than 65536 bytes");
    }
    if (sink != NULL) {
        lp_tag *tag = &sink->tags[sink->tag_count++];

        tag->key = key_text(&key, sink);
        tag->value = key_text(&value, sink);
    }
    return p;
}

const char *lp_key_walk(lp_scan *s, const char *p, lp_key_sink *sink)
{
    uint32_t tags = 0;

    p = key_measurement(s, p, sink);
    while (p != NULL && p < s->end && *p != ' ') {
        if (*p != ',') {
            return lp_fail_unexpected(s,
                                      *p == '\n' || *p == '\r' ? LP_ERR_FIELD_KEY : LP_ERR_TAG_KEY,
                                      p, "tags or fields should be here");
        }
        if (tags++ == LP_TAGS_MAX) {
            return lp_fail(s, LP_ERR_TAG_LIMIT, p, "more than 64 tags");
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

lp_error lp_parse_key(lp_parser *parser, hist_str key, char *scratch, hist_str *measurement_out,
                      lp_tag *tags, uint32_t *tag_count_out)
{
    lp_key_sink sink = {scratch, measurement_out, tags, 0};
    lp_scan s = {.parser = parser, .line = key.data, .end = key.data + key.size};
    const char *p = lp_key_walk(&s, key.data, &sink);

    parser->indent = 0;
    *tag_count_out = 0;
    if (p == NULL) {
        return lp_error_keep(&s);
    }
    if (p != s.end) {
        lp_fail_unexpected(&s, LP_ERR_TAG_KEY, p, "a space in the key");
        return lp_error_keep(&s);
    }
    const hist_str *twice = key_sort(tags, sink.tag_count);

    if (twice != NULL) {
        lp_fail_token(&s, LP_ERR_TAG_DUPLICATE, *twice, "a tag key is given twice");
        if (twice->data < key.data || twice->data >= s.end) {
            s.at = key.data; /* It had escapes, and is in the scratch memory. */
        }
        return lp_error_keep(&s);
    }
    *tag_count_out = sink.tag_count;
    return LP_OK;
}
