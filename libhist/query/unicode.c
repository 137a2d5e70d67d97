/* unicode.c -- see unicode.h. ASCII is answered without the tables. */
#include "query/unicode.h"

#include <string.h>

#include "query/unicode_tab.h"

uint32_t hi_utf8_get(const char *data, size_t size, size_t *used)
{
    const unsigned char *p = (const unsigned char *)data;
    const uint32_t lead = p[0];
    const size_t n = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 1;

    *used = 1;
    if (n == 1 || n > size) {
        return lead;
    }
    uint32_t code = n == 2 ? lead & 0x1f : n == 3 ? lead & 0x0f : lead & 0x07;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return lead;
        }
        code = code << 6 | (p[i] & 0x3f);
    }
    *used = n;
    return code;
}

size_t hi_utf8_put(char to[4], uint32_t code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xe0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3f));
        to[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | (code >> 18 & 0x07));
    to[1] = (char)(0x80 | (code >> 12 & 0x3f));
    to[2] = (char)(0x80 | (code >> 6 & 0x3f));
    to[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

size_t hi_utf8_length(hist_str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.size; i++) {
        n += ((unsigned char)s.data[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return n;
}

size_t hi_utf8_offset(hist_str s, size_t n)
{
    size_t at = 0;

    for (; at < s.size; at++) {
        if (((unsigned char)s.data[at] & 0xc0) == 0x80) {
            continue;
        }
        if (n-- == 0) {
            break;
        }
    }
    return at;
}

/* The tables are sorted by `first`, but ranges with a step may overlap the next ones, so look at a few before. */
static uint32_t unicode_map(const hi_unicode_case *tab, size_t count, uint32_t code)
{
    size_t low = 0;
    size_t high = count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (tab[middle].first <= code) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (size_t back = 0; back < 8 && low > back; back++) {
        const hi_unicode_case *r = &tab[low - 1 - back];

        if (code <= r->last && (code - r->first) % r->step == 0) {
            return (uint32_t)((int64_t)code + r->delta);
        }
    }
    return code;
}

uint32_t hi_unicode_lower(uint32_t code)
{
    if (code < 0x80) {
        return code >= 'A' && code <= 'Z' ? code + 32 : code;
    }
    return unicode_map(hi_unicode_lower_tab, hi_unicode_lower_count, code);
}

uint32_t hi_unicode_upper(uint32_t code)
{
    if (code < 0x80) {
        return code >= 'a' && code <= 'z' ? code - 32 : code;
    }
    return unicode_map(hi_unicode_upper_tab, hi_unicode_upper_count, code);
}

bool hi_unicode_is_alnum(uint32_t code)
{
    if (code < 0x80) {
        return (code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z') ||
               (code >= 'a' && code <= 'z');
    }
    size_t low = 0;
    size_t high = hi_unicode_alnum_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (hi_unicode_alnum_tab[middle].last < code) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < hi_unicode_alnum_count && hi_unicode_alnum_tab[low].first <= code;
}

static uint32_t unicode_fold(uint32_t code)
{
    return hi_unicode_lower(hi_unicode_upper(code));
}

/* Bytes of ASCII at the start. */
static size_t utf8_ascii(hist_str s)
{
    size_t i = 0;

    for (; i + 8 <= s.size; i += 8) {
        uint64_t eight;

        memcpy(&eight, s.data + i, 8);
        if ((eight & UINT64_C(0x8080808080808080)) != 0) {
            break;
        }
    }
    while (i < s.size && (unsigned char)s.data[i] < 0x80) {
        i++;
    }
    return i;
}

/* ASCII is mapped in place by a loop the compiler vectorises; `upper` or lower. */
static void utf8_map_ascii(hi_buf *buf, const char *data, size_t size, bool upper)
{
    char *to = hi_buf_reserve(buf, size);
    const unsigned char first = upper ? 'a' : 'A';

    if (to == NULL) {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)data[i];

        to[i] = (char)((unsigned char)(c - first) < 26 ? c ^ 0x20 : c);
    }
    buf->size += size;
}

static void utf8_map(hi_buf *buf, hist_str s, uint32_t (*map)(uint32_t))
{
    size_t used;

    for (size_t i = 0; i < s.size; i += used) {
        used = utf8_ascii((hist_str){s.data + i, s.size - i});
        if (used != 0) {
            utf8_map_ascii(buf, s.data + i, used, map == hi_unicode_upper);
            continue;
        }
        const uint32_t code = hi_utf8_get(s.data + i, s.size - i, &used);
        const uint32_t to = map(code);
        char text[4];

        if (to == code || (used == 1 && code >= 0x80)) {
            hi_buf_append(buf, s.data + i, used);
        } else {
            hi_buf_append(buf, text, hi_utf8_put(text, to));
        }
    }
}

void hi_utf8_lower(hi_buf *buf, hist_str s)
{
    utf8_map(buf, s, hi_unicode_lower);
}

void hi_utf8_upper(hi_buf *buf, hist_str s)
{
    utf8_map(buf, s, hi_unicode_upper);
}

void hi_utf8_fold(hi_buf *buf, hist_str s)
{
    utf8_map(buf, s, unicode_fold);
}

bool hi_utf8_equal_ci(hist_str a, hist_str b)
{
    size_t i = 0;
    size_t j = 0;

    while (i < a.size && j < b.size) {
        size_t used_a;
        size_t used_b;
        const uint32_t x = hi_utf8_get(a.data + i, a.size - i, &used_a);
        const uint32_t y = hi_utf8_get(b.data + j, b.size - j, &used_b);

        if (x != y && unicode_fold(x) != unicode_fold(y)) {
            return false;
        }
        i += used_a;
        j += used_b;
    }
    return i == a.size && j == b.size;
}
