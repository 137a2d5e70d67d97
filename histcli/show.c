/* show.c -- values as text for people; see show.h. */
#define _XOPEN_SOURCE 700
#include "histcli/show.h"

#include <string.h>
#include <wchar.h>

#include "base/dyn.h"
#include "base/timefmt.h"

bool show_is_number(hist_type type)
{
    return type == HIST_TYPE_INT || type == HIST_TYPE_LONG || type == HIST_TYPE_REAL ||
           type == HIST_TYPE_DECIMAL;
}

/* One code point at data; its bytes. A byte that begins none is its own. */
static size_t show_decode(const unsigned char *data, size_t size, uint32_t *out)
{
    const unsigned char c = data[0];
    const size_t want = c < 0x80   ? 1
                        : c < 0xc2 ? 0
                        : c < 0xe0 ? 2
                        : c < 0xf0 ? 3
                        : c < 0xf5 ? 4
                                   : 0;

    *out = 0xfffd;
    if (want == 0 || want > size || hi_utf8_valid((const char *)data, want) != want) {
        return 1;
    }
    *out = want == 1 ? c : c & (0xffu >> (want + 1));
    for (size_t i = 1; i < want; i++) {
        *out = (*out << 6) | (data[i] & 0x3fu);
    }
    return want;
}

static size_t show_columns(uint32_t c)
{
    if (c < 0x7f) {
        return 1;
    }
    const int width = wcwidth((wchar_t)c);

    return width < 0 ? 1 : (size_t)width;
}

size_t show_width(const char *text, size_t size)
{
    size_t width = 0;
    uint32_t c = 0;

    for (size_t at = 0; at < size;) {
        at += show_decode((const unsigned char *)text + at, size - at, &c);
        width += show_columns(c);
    }
    return width;
}

size_t show_fit(const char *text, size_t size, size_t width)
{
    size_t at = 0;
    uint32_t c = 0;

    while (at < size) {
        const size_t step = show_decode((const unsigned char *)text + at, size - at, &c);
        const size_t columns = show_columns(c);

        if (columns > width) {
            break;
        }
        width -= columns;
        at += step;
    }
    return at;
}

void show_pad(hi_buf *to, size_t count)
{
    char *p = hi_buf_reserve(to, count);

    if (p != NULL && count > 0) {
        memset(p, ' ', count);
        to->size += count;
    }
}

static void show_control(hi_buf *to, uint32_t c)
{
    switch (c) {
    case '\n':
        hi_buf_append(to, "\\n", 2);
        break;
    case '\r':
        hi_buf_append(to, "\\r", 2);
        break;
    case '\t':
        hi_buf_append(to, "\\t", 2);
        break;
    default:
        hi_buf_printf(to, "\\x%02x", c);
        break;
    }
}

void show_text(hi_buf *to, hist_str text)
{
    const unsigned char *data = (const unsigned char *)text.data;
    size_t start = 0;
    uint32_t c = 0;

    for (size_t at = 0; at < text.size;) {
        const size_t step = show_decode(data + at, text.size - at, &c);
        const bool bad = c == 0xfffd && step == 1;

        if (c < 0x20 || (c >= 0x7f && c < 0xa0) || bad) {
            hi_buf_append(to, text.data + start, at - start);
            show_control(to, bad ? data[at] : c);
            start = at + step;
        }
        at += step;
    }
    hi_buf_append(to, text.data + start, text.size - start);
}

/* What is at the end of the buffer from `start` on, once more and safe to show. */
static void show_tail(hi_buf *to, size_t start)
{
    hi_buf copy;

    if (!hi_buf_ok(to)) {
        return;
    }
    hi_buf_init(&copy, to->mem, to->max);
    hi_buf_append(&copy, to->data + start, to->size - start);
    to->size = start;
    if (hi_buf_ok(&copy)) {
        show_text(to, (hist_str){copy.data, copy.size});
    } else {
        to->failed = true;
    }
    hi_buf_free(&copy);
}

bool show_cell(hi_buf *to, cell_cursor *cursor, uint32_t row)
{
    const hist_column *values = cursor->values;
    const size_t start = to->size;
    uint32_t slot = 0;

    if (!cell_find(cursor, row, &slot)) {
        hi_buf_append(to, "null", 4);
        return false;
    }
    if (values->layout == HIST_LAYOUT_LIST) {
        cell_json(to, values, slot, true);
        return true;
    }
    if (values->stored == HIST_TYPE_DYNAMIC) {
        const hist_str tagged = cell_text(values, slot);

        hi_dyn_to_text(to, hi_dyn_of(tagged.data, tagged.size));
        show_tail(to, start);
        return true;
    }
    if (values->stored == HIST_TYPE_STRING) {
        show_text(to, cell_text(values, slot));
        return true;
    }
    char *p = hi_buf_reserve(to, CELL_SCALAR_SIZE);

    if (p != NULL) {
        to->size += cell_scalar(p, values, slot, HI_TIME_MIN);
    }
    return true;
}

void show_markdown(hi_buf *to, hist_str text)
{
    static const char special[] = "|\\`*_<>[]";

    for (size_t i = 0; i < text.size; i++) {
        if (memchr(special, text.data[i], sizeof(special) - 1) != NULL) {
            hi_buf_byte(to, '\\');
        }
        hi_buf_byte(to, (uint8_t)text.data[i]);
    }
}

void show_cell_markdown(hi_buf *to, cell_cursor *cursor, uint32_t row)
{
    hi_buf text;

    hi_buf_init(&text, to->mem, to->max);
    (void)show_cell(&text, cursor, row);
    if (hi_buf_ok(&text)) {
        show_markdown(to, (hist_str){text.data, text.size});
    } else {
        to->failed = true;
    }
    hi_buf_free(&text);
}
