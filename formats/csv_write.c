/* csv_write.c -- batches as CSV; see csv_write.h. */
#include "formats/csv_write.h"

#include <math.h>
#include <string.h>

#include "base/dyn.h"
#include "base/timefmt.h"
#include "formats/cells.h"

static char csv_separator(const csv_options *o)
{
    return o->separator == 0 ? ',' : o->separator;
}

/* Quotes doubled; the common string has none and is one copy. */
static void csv_quoted(hi_buf *to, hist_str text)
{
    char *p = hi_buf_reserve(to, text.size * 2 + 2);
    const char *from = text.data;
    const char *end = text.data + text.size;

    if (p == NULL) {
        return;
    }
    char *start = p;

    *p++ = '"';
    while (from < end) {
        const char *quote = (const char *)memchr(from, '"', (size_t)(end - from));
        const size_t run = quote == NULL ? (size_t)(end - from) : (size_t)(quote - from) + 1;

        memcpy(p, from, run);
        p += run;
        from += run;
        if (quote != NULL) {
            *p++ = '"';
        }
    }
    *p++ = '"';
    to->size += (size_t)(p - start);
}

/* Blanks at the ends are quoted too: many readers cut them off. */
static bool csv_needs_quotes(const csv_options *o, hist_str text)
{
    const char separator = csv_separator(o);

    if (text.size == 0) {
        return false;
    }
    if (text.data[0] == ' ' || text.data[text.size - 1] == ' ') {
        return true;
    }
    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];

        if (c == separator || c == '"' || c == '\n' || c == '\r') {
            return true;
        }
    }
    return false;
}

static void csv_string(hi_buf *to, const csv_options *o, hist_str text)
{
    if (o->dialect == CSV_EXPORT || csv_needs_quotes(o, text)) {
        csv_quoted(to, text);
    } else {
        hi_buf_append(to, text.data, text.size);
    }
}

/* Puts the text from `start` to the end into quotes, in place. */
static void csv_quote_tail(hi_buf *to, const csv_options *o, size_t start)
{
    if (!hi_buf_ok(to)) {
        return;
    }
    const size_t size = to->size - start;
    size_t quotes = 0;

    if (o->dialect == CSV_DISPLAY && !csv_needs_quotes(o, (hist_str){to->data + start, size})) {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        quotes += to->data[start + i] == '"';
    }
    if (hi_buf_reserve(to, quotes + 2) == NULL) {
        return;
    }
    char *end = to->data + to->size + quotes + 2;

    *--end = '"';
    for (size_t i = size; i-- > 0;) {
        *--end = to->data[start + i];
        if (to->data[start + i] == '"') {
            *--end = '"';
        }
    }
    *--end = '"';
    to->size += quotes + 2;
}

/*
 * Dynamic values are JSON in an export, whatever a batch stores them as, so that a column reads the
 * same in every batch. On display a scalar is shown as if its column had that type.
 */
static bool csv_is_dynamic(const csv_options *o, const hist_column *column,
                           const hist_column *values)
{
    return values->layout == HIST_LAYOUT_LIST || values->stored == HIST_TYPE_DYNAMIC ||
           (column->type == HIST_TYPE_DYNAMIC && o->dialect == CSV_EXPORT);
}

static void csv_dynamic(hi_buf *to, const csv_options *o, const hist_column *values, uint32_t slot)
{
    const size_t start = to->size;

    if (o->dialect == CSV_DISPLAY && values->layout != HIST_LAYOUT_LIST) {
        const hist_str tagged = cell_text(values, slot);
        const hi_dyn v = hi_dyn_of(tagged.data, tagged.size);
        const hi_dyn_tag tag = hi_dyn_tag_of(v);

        if (tag != HI_DYN_TRUE && tag != HI_DYN_FALSE) {
            hi_dyn_to_text(to, v);
            csv_quote_tail(to, o, start);
            return;
        }
    }
    cell_json(to, values, slot, true);
    csv_quote_tail(to, o, start);
}

static size_t csv_special_real(char *to, double v)
{
    if (isnan(v)) {
        memcpy(to, "NaN", 3);
        return 3;
    }
    memcpy(to, v > 0 ? "INF" : "-INF", v > 0 ? 3 : 4);
    return v > 0 ? 3 : 4;
}

static void csv_cell(hi_buf *to, const csv_options *o, cell_cursor *cursor, uint32_t row)
{
    const hist_column *values = cursor->values;
    uint32_t slot = 0;

    if (!cell_find(cursor, row, &slot)) {
        return;
    }
    if (csv_is_dynamic(o, cursor->column, values)) {
        csv_dynamic(to, o, values, slot);
        return;
    }
    if (values->stored == HIST_TYPE_STRING) {
        csv_string(to, o, cell_text(values, slot));
        return;
    }
    char *p = hi_buf_reserve(to, CELL_SCALAR_SIZE);

    if (p == NULL) {
        return;
    }
    if (o->dialect == CSV_EXPORT && values->stored == HIST_TYPE_REAL &&
        !isfinite(cell_real(values, slot))) {
        to->size += csv_special_real(p, cell_real(values, slot));
        return;
    }
    to->size +=
        cell_scalar(p, values, slot, o->dialect == CSV_EXPORT ? o->time_digits : HI_TIME_KQL);
}

void csv_write_header(hi_buf *to, const csv_options *options, const hist_column_info *columns,
                      uint32_t column_count)
{
    for (uint32_t i = 0; i < column_count; i++) {
        const hist_str name = {columns[i].name, strlen(columns[i].name)};

        if (i > 0) {
            hi_buf_byte(to, (uint8_t)csv_separator(options));
        }
        if (name.size == 0 || csv_needs_quotes(options, name)) {
            csv_quoted(to, name);
        } else {
            hi_buf_append(to, name.data, name.size);
        }
    }
    hi_buf_byte(to, '\n');
}

/* A row that would be an empty line is written as an empty string, or readers would pass over it. */
static bool csv_row_is_blank(const hi_buf *to, size_t start)
{
    return hi_buf_ok(to) && to->size == start;
}

void csv_write_rows(hi_buf *to, const csv_options *options, const hist_batch *batch, uint32_t from,
                    uint32_t count)
{
    cell_cursor *cursors = cells_open(to->mem, batch);
    const uint32_t left = from < batch->sel_count ? batch->sel_count - from : 0;
    const uint32_t end = from + (count < left ? count : left);

    if (cursors == NULL) {
        to->failed = true;
        return;
    }
    for (uint32_t i = from; i < end && hi_buf_ok(to); i++) {
        const uint32_t row = batch->sel == NULL ? i : batch->sel[i];
        const size_t start = to->size;

        for (uint32_t c = 0; c < batch->column_count; c++) {
            if (c > 0) {
                hi_buf_byte(to, (uint8_t)csv_separator(options));
            }
            csv_cell(to, options, &cursors[c], row);
        }
        if (csv_row_is_blank(to, start) && options->dialect == CSV_DISPLAY) {
            hi_buf_append(to, "\"\"", 2);
        }
        hi_buf_byte(to, '\n');
    }
    cells_close(to->mem, cursors, batch);
}
