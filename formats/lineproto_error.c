/* lineproto_error.c -- what is wrong with a line, as code, place and text; and UTF-8. */
#include <stdio.h>
#include <string.h>

#include "formats/lineproto_scan.h"

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

const char *lp_find_bad_utf8(const char *p, const char *end)
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
    return size == 0 || lp_find_bad_utf8(data, data + size) == data + size;
}

const char *lp_fail(lp_scan *s, lp_error error, const char *at, const char *what)
{
    s->error = error;
    s->at = at;
    s->resync = at;
    s->what = what;
    s->token = (hist_str){NULL, 0};
    return NULL;
}

const char *lp_fail_token(lp_scan *s, lp_error error, hist_str token, const char *what)
{
    lp_fail(s, error, token.data, what);
    s->token = token;
    return NULL;
}

const char *lp_fail_unexpected(lp_scan *s, lp_error error, const char *p, const char *what)
{
    if (p == s->end) {
        s->hit_end = true;
        return lp_fail(s, error, p, what);
    }
    if (lp_is_control(*p) && *p != '\n' && *p != '\r') {
        return lp_fail_token(s, LP_ERR_CONTROL, (hist_str){p, 1},
                             "control byte outside of a string");
    }
    lp_fail(s, error, p, what);
    s->token = (hist_str){p, *p == '\n' || *p == '\r' ? 0 : 1};
    return NULL;
}

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

        if (size == 0 || (size == 1 && lp_is_control((char)*p))) {
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

lp_error lp_error_keep(const lp_scan *s)
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
