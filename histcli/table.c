/* table.c -- a table as text; see table.h. */
#include "histcli/table.h"

#include <string.h>

#include "histcli/show.h"

#include "base/err.h"
#include "formats/cells.h"

enum {
    TABLE_SAMPLE_ROWS = 1000, /* Held back to find the widths. */
    TABLE_SAMPLE_BYTES = 4 << 20,
    TABLE_WIDTH_MIN = 4, /* No column is cut to less. */
    TABLE_CELL_BYTES_MAX = 64 << 20,
};

struct table {
    hi_mem *mem;
    table_style style;
    const hist_column_info *columns;
    uint32_t count;
    size_t *widths;
    hi_buf held; /* Text of the sample's cells, one after the other, */
    hi_buf ends; /* and where each ends (u64). */
    uint64_t held_rows;
    hi_buf cell;
    bool started; /* The header is out; rows pass through. */
};

table *table_new(hi_mem *mem, const table_style *style, const hist_column_info *columns,
                 uint32_t count)
{
    table *t = HI_MEM_NEW(mem, table);

    if (t == NULL) {
        return NULL;
    }
    t->mem = mem;
    t->style = *style;
    t->columns = columns;
    t->count = count;
    t->widths = hi_mem_calloc(mem, count, sizeof(*t->widths));
    hi_buf_init(&t->held, mem, TABLE_CELL_BYTES_MAX);
    hi_buf_init(&t->ends, mem, TABLE_CELL_BYTES_MAX);
    hi_buf_init(&t->cell, mem, TABLE_CELL_BYTES_MAX);
    if (t->widths == NULL) {
        table_free(t);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        t->widths[i] = show_width(columns[i].name, strlen(columns[i].name));
    }
    return t;
}

void table_free(table *t)
{
    if (t != NULL) {
        hi_mem_free(t->mem, t->widths, t->count * sizeof(*t->widths));
        hi_buf_free(&t->held);
        hi_buf_free(&t->ends);
        hi_buf_free(&t->cell);
        HI_MEM_DELETE(t->mem, t);
    }
}

/* Takes columns from the widest until the table fits, or every column is as small as may be. */
static void table_shrink(table *t)
{
    const size_t frame = t->style.box ? 3 * (size_t)t->count + 1 : 2 * (size_t)t->count;
    size_t total = frame;

    for (uint32_t i = 0; i < t->count; i++) {
        total += t->widths[i];
    }
    while (t->style.columns_max > 0 && total > t->style.columns_max) {
        uint32_t widest = 0;

        for (uint32_t i = 1; i < t->count; i++) {
            widest = t->widths[i] > t->widths[widest] ? i : widest;
        }
        if (t->widths[widest] <= TABLE_WIDTH_MIN) {
            break;
        }
        t->widths[widest]--;
        total--;
    }
}

static void table_rule(const table *t, hi_buf *to, const char *left, const char *middle,
                       const char *right)
{
    hi_buf_printf(to, "%s", left);
    for (uint32_t i = 0; i < t->count; i++) {
        for (size_t w = 0; w < t->widths[i] + 2; w++) {
            hi_buf_printf(to, "─");
        }
        hi_buf_printf(to, "%s", i + 1 < t->count ? middle : right);
    }
    hi_buf_byte(to, '\n');
}

/* Text in its column; what does not fit is cut where the terminal ends. */
static void table_cell(const table *t, hi_buf *to, uint32_t column, hist_str text)
{
    const size_t width = t->widths[column];
    const bool last = column + 1 == t->count && !t->style.box;
    size_t used = show_width(text.data, text.size);
    const bool cut = used > width && t->style.columns_max > 0;

    if (cut) {
        text.size = show_fit(text.data, text.size, width - 1);
        used = show_width(text.data, text.size) + 1;
    }
    const size_t pad = used < width ? width - used : 0;
    const bool right = show_is_number(t->columns[column].type);

    show_pad(to, right ? pad : 0);
    hi_buf_append(to, text.data, text.size);
    hi_buf_printf(to, "%s", !cut ? "" : t->style.box ? "…" : "~");
    show_pad(to, right || last ? 0 : pad);
}

static void table_between(const table *t, hi_buf *to, uint32_t column)
{
    if (t->style.box) {
        hi_buf_printf(to, "%s", column == 0 ? "│ " : " │ ");
    } else if (column > 0) {
        hi_buf_append(to, "  ", 2);
    }
}

static void table_row_end(const table *t, hi_buf *to)
{
    hi_buf_printf(to, "%s", t->style.box ? " │\n" : "\n");
}

static void table_header(const table *t, hi_buf *to)
{
    if (t->style.box) {
        table_rule(t, to, "┌", "┬", "┐");
    }
    for (uint32_t i = 0; i < t->count; i++) {
        table_between(t, to, i);
        table_cell(t, to, i, (hist_str){t->columns[i].name, strlen(t->columns[i].name)});
    }
    table_row_end(t, to);
    if (t->style.box) {
        table_rule(t, to, "├", "┼", "┤");
        return;
    }
    for (uint32_t i = 0; i < t->count; i++) {
        table_between(t, to, i);
        for (size_t w = 0; w < t->widths[i]; w++) {
            hi_buf_byte(to, '-');
        }
    }
    hi_buf_byte(to, '\n');
}

/* The sample is complete: header and the rows held back. */
static void table_start(table *t, hi_buf *to)
{
    uint64_t from = 0;
    size_t at = 0;

    t->started = true;
    table_shrink(t);
    table_header(t, to);
    for (uint64_t row = 0; row < t->held_rows; row++) {
        for (uint32_t i = 0; i < t->count; i++) {
            uint64_t end = 0;

            memcpy(&end, t->ends.data + at, sizeof(end));
            at += sizeof(end);
            table_between(t, to, i);
            table_cell(t, to, i, (hist_str){t->held.data + from, end - from});
            from = end;
        }
        table_row_end(t, to);
    }
    hi_buf_free(&t->held);
    hi_buf_free(&t->ends);
}

static void table_hold(table *t, cell_cursor *cursors, uint32_t row)
{
    for (uint32_t i = 0; i < t->count; i++) {
        const size_t start = t->held.size;
        uint64_t end = 0;

        (void)show_cell(&t->held, &cursors[i], row);
        if (!hi_buf_ok(&t->held)) {
            return;
        }
        end = t->held.size;
        hi_buf_append(&t->ends, &end, sizeof(end));
        const size_t width =
            t->held.size == start ? 0 : show_width(t->held.data + start, t->held.size - start);

        t->widths[i] = width > t->widths[i] ? width : t->widths[i];
    }
    t->held_rows++;
}

static void table_pass(table *t, hi_buf *to, cell_cursor *cursors, uint32_t row)
{
    for (uint32_t i = 0; i < t->count; i++) {
        hi_buf_clear(&t->cell);
        (void)show_cell(&t->cell, &cursors[i], row);
        table_between(t, to, i);
        table_cell(t, to, i, (hist_str){t->cell.data, t->cell.size});
    }
    table_row_end(t, to);
}

hist_status table_rows(table *t, hi_buf *to, const hist_batch *batch, hist_error *err)
{
    cell_cursor *cursors = cells_open(t->mem, batch);

    if (cursors == NULL) {
        return hi_no_memory(err, "rows of a table");
    }
    for (uint32_t i = 0; i < batch->sel_count; i++) {
        const uint32_t row = batch->sel == NULL ? i : batch->sel[i];

        if (!t->started &&
            (t->held_rows == TABLE_SAMPLE_ROWS || t->held.size > TABLE_SAMPLE_BYTES)) {
            table_start(t, to);
        }
        if (t->started) {
            table_pass(t, to, cursors, row);
        } else {
            table_hold(t, cursors, row);
        }
    }
    cells_close(t->mem, cursors, batch);
    return hi_buf_ok(&t->held) && hi_buf_ok(&t->ends) && hi_buf_ok(&t->cell)
               ? HIST_OK
               : hi_no_memory(err, "a row of a table");
}

void table_end(table *t, hi_buf *to)
{
    if (!t->started) {
        table_start(t, to);
    }
    if (t->style.box) {
        table_rule(t, to, "└", "┴", "┘");
    }
}
