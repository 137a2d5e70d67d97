/* cells.c -- values of a batch by row, and their text; see cells.h. */
#include "formats/cells.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "base/dyn.h"
#include "base/num.h"
#include "base/timefmt.h"

/* Runs may be of codes: tags of a scan are, so that a value that many series share is there once. */
cell_cursor cell_cursor_of(const hist_column *column)
{
    const hist_column *values = column;

    while (values->layout == HIST_LAYOUT_DICT || values->layout == HIST_LAYOUT_RUNS) {
        values = values->child;
    }
    return (cell_cursor){column, values, 0};
}

cell_cursor *cells_open(hi_mem *mem, const hist_batch *batch)
{
    cell_cursor *cursors = hi_mem_calloc(mem, batch->column_count, sizeof(*cursors));

    for (uint32_t i = 0; cursors != NULL && i < batch->column_count; i++) {
        cursors[i] = cell_cursor_of(&batch->columns[i]);
    }
    return cursors;
}

void cells_close(hi_mem *mem, cell_cursor *cursors, const hist_batch *batch)
{
    hi_mem_free(mem, cursors, batch->column_count * sizeof(*cursors));
}

/* The run that holds the row: the same one or a later one nearly always. */
static uint32_t cell_run(cell_cursor *cursor, uint32_t row)
{
    const int32_t *ends = cursor->column->data;
    uint32_t run = cursor->run;

    if (run > 0 && (uint32_t)ends[run - 1] > row) {
        run = 0;
    }
    while ((uint32_t)ends[run] <= row) {
        run++;
        assert(run < cursor->column->data_count);
    }
    cursor->run = run;
    return run;
}

static bool cell_valid(const hist_column *column, uint32_t slot)
{
    return column->valid == NULL || hist_bit_get(column->valid, slot);
}

/* The value of a run, through codes where it has them. */
static bool cell_of_run(const cell_cursor *cursor, uint32_t run, uint32_t *slot_out)
{
    const hist_column *child = cursor->column->child;

    *slot_out = run;
    if (child->layout == HIST_LAYOUT_DICT) {
        if (!cell_valid(child, run)) {
            return false;
        }
        *slot_out = (uint32_t)((const int32_t *)child->data)[run];
    } else if (child->layout == HIST_LAYOUT_CONST) {
        *slot_out = 0;
    }
    return cell_valid(cursor->values, *slot_out);
}

bool cell_find(cell_cursor *cursor, uint32_t row, uint32_t *slot_out)
{
    const hist_column *column = cursor->column;

    switch (column->layout) {
    case HIST_LAYOUT_CONST:
        *slot_out = 0;
        return cell_valid(column, 0);
    case HIST_LAYOUT_DICT:
        if (!cell_valid(column, row)) {
            return false;
        }
        *slot_out = (uint32_t)((const int32_t *)column->data)[row];
        return cell_valid(cursor->values, *slot_out);
    case HIST_LAYOUT_RUNS:
        return cell_of_run(cursor, cell_run(cursor, row), slot_out);
    case HIST_LAYOUT_FLAT:
    case HIST_LAYOUT_LIST:
    default:
        *slot_out = row;
        return cell_valid(column, row);
    }
}

int64_t cell_i64(const hist_column *values, uint32_t slot)
{
    if (values->stored == HIST_TYPE_BOOL) {
        return hist_bit_get(values->data, slot) ? 1 : 0;
    }
    if (values->stored == HIST_TYPE_INT) {
        return ((const int32_t *)values->data)[slot];
    }
    return ((const int64_t *)values->data)[slot];
}

double cell_real(const hist_column *values, uint32_t slot)
{
    return ((const double *)values->data)[slot];
}

hist_str cell_text(const hist_column *values, uint32_t slot)
{
    const int32_t from = values->offsets[slot];

    return (hist_str){values->bytes + from, (size_t)(values->offsets[slot + 1] - from)};
}

static hist_decimal cell_decimal(const hist_column *values, uint32_t slot)
{
    const uint8_t *at = (const uint8_t *)values->data + (size_t)slot * 16;

    return (hist_decimal){hi_get_u64(at), (int64_t)hi_get_u64(at + 8)};
}

size_t cell_scalar(char *to, const hist_column *values, uint32_t slot, int time_digits)
{
    switch (values->stored) {
    case HIST_TYPE_BOOL: {
        const bool yes = hist_bit_get(values->data, slot);

        memcpy(to, yes ? "true" : "false", 5);
        return yes ? 4 : 5;
    }
    case HIST_TYPE_INT:
    case HIST_TYPE_LONG:
        return hi_num_print_i64(to, cell_i64(values, slot));
    case HIST_TYPE_REAL:
        return hi_num_print_double(to, cell_real(values, slot));
    case HIST_TYPE_DATETIME:
        return hi_time_print(to, cell_i64(values, slot), time_digits);
    case HIST_TYPE_TIMESPAN:
        return hi_span_print(to, cell_i64(values, slot));
    case HIST_TYPE_GUID:
        hi_guid_print(to, (const uint8_t *)values->data + (size_t)slot * 16);
        return 36;
    case HIST_TYPE_DECIMAL:
        return hi_decimal_print(to, cell_decimal(values, slot));
    case HIST_TYPE_STRING:
    case HIST_TYPE_DYNAMIC:
    default:
        assert(values->stored == HIST_TYPE_BOOL); /* Strings are not for this call. */
        return 0;
    }
}

static void cell_json_list(hi_buf *to, const hist_column *list, uint32_t slot)
{
    cell_cursor elements = cell_cursor_of(list->child);
    const uint32_t end = (uint32_t)list->offsets[slot + 1];
    uint32_t at = 0;

    hi_buf_byte(to, '[');
    for (uint32_t i = (uint32_t)list->offsets[slot]; i < end && hi_buf_ok(to); i++) {
        if (i > (uint32_t)list->offsets[slot]) {
            hi_buf_byte(to, ',');
        }
        if (cell_find(&elements, i, &at)) {
            cell_json(to, elements.values, at, true);
        } else {
            hi_buf_append(to, "null", 4);
        }
    }
    hi_buf_byte(to, ']');
}

static bool cell_json_quoted(hist_type stored)
{
    /* A decimal is a number: readers that want all its digits read numbers as text. */
    return stored == HIST_TYPE_DATETIME || stored == HIST_TYPE_TIMESPAN ||
           stored == HIST_TYPE_GUID;
}

void cell_json(hi_buf *to, const hist_column *values, uint32_t slot, bool inside)
{
    if (values->layout == HIST_LAYOUT_LIST) {
        cell_json_list(to, values, slot);
        return;
    }
    if (values->stored == HIST_TYPE_STRING) {
        const hist_str text = cell_text(values, slot);

        hi_json_string(to, text.data, text.size);
        return;
    }
    if (values->stored == HIST_TYPE_DYNAMIC) {
        const hist_str tagged = cell_text(values, slot);

        hi_dyn_to_json(to, hi_dyn_of(tagged.data, tagged.size));
        return;
    }
    if (values->stored == HIST_TYPE_REAL && !isfinite(cell_real(values, slot))) {
        const double v = cell_real(values, slot);
        const char *name = isnan(v) ? "\"NaN\"" : v > 0 ? "\"Infinity\"" : "\"-Infinity\"";

        hi_buf_append(to, name, strlen(name));
        return;
    }
    char *p = hi_buf_reserve(to, CELL_SCALAR_SIZE + 2);

    if (p != NULL) {
        const size_t quote = cell_json_quoted(values->stored) ? 1 : 0;
        const size_t size =
            cell_scalar(p + quote, values, slot, inside ? HI_TIME_KQL : HI_TIME_KQL_SHORT);

        if (quote != 0) {
            p[0] = '"';
            p[1 + size] = '"';
        }
        to->size += size + 2 * quote;
    }
}
