/* batch.c -- reading single values out of batch columns, through any layout; see hist_batch.h. */
#include <assert.h>

#include "hist_batch.h"

/* First run whose end is past `row`. */
static uint32_t batch_run_of(const hist_column *column, uint32_t row)
{
    const int32_t *ends = column->data;
    uint32_t low = 0;
    uint32_t high = column->data_count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if ((uint32_t)ends[middle] > row) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    assert(low < column->data_count);
    return low;
}

uint32_t hist_column_slot(const hist_column *column, uint32_t row)
{
    switch (column->layout) {
    case HIST_LAYOUT_CONST:
        return 0;
    case HIST_LAYOUT_DICT:
        return (uint32_t)((const int32_t *)column->data)[row];
    case HIST_LAYOUT_RUNS:
        return batch_run_of(column, row);
    case HIST_LAYOUT_FLAT:
    case HIST_LAYOUT_LIST:
    default:
        return row;
    }
}

bool hist_column_valid(const hist_column *column, uint32_t row)
{
    switch (column->layout) {
    case HIST_LAYOUT_CONST:
        return column->valid == NULL || hist_bit_get(column->valid, 0);
    case HIST_LAYOUT_DICT:
        return (column->valid == NULL || hist_bit_get(column->valid, row)) &&
               hist_column_valid(column->child, hist_column_slot(column, row));
    case HIST_LAYOUT_RUNS:
        return hist_column_valid(column->child, batch_run_of(column, row));
    case HIST_LAYOUT_FLAT:
    case HIST_LAYOUT_LIST:
    default:
        return column->valid == NULL || hist_bit_get(column->valid, row);
    }
}

/* The flat column and row that hold the value. */
static const hist_column *batch_resolve(const hist_column *column, uint32_t *row)
{
    while (column->layout == HIST_LAYOUT_DICT || column->layout == HIST_LAYOUT_RUNS) {
        *row = hist_column_slot(column, *row);
        column = column->child;
    }
    if (column->layout == HIST_LAYOUT_CONST) {
        *row = 0;
    }
    return column;
}

int64_t hist_column_i64(const hist_column *column, uint32_t row)
{
    const hist_column *flat = batch_resolve(column, &row);

    if (flat->stored == HIST_TYPE_BOOL) {
        return hist_bit_get(flat->data, row) ? 1 : 0;
    }
    if (flat->stored == HIST_TYPE_INT) {
        return ((const int32_t *)flat->data)[row];
    }
    assert(flat->stored == HIST_TYPE_LONG || flat->stored == HIST_TYPE_DATETIME ||
           flat->stored == HIST_TYPE_TIMESPAN);
    return ((const int64_t *)flat->data)[row];
}

double hist_column_f64(const hist_column *column, uint32_t row)
{
    const hist_column *flat = batch_resolve(column, &row);

    assert(flat->stored == HIST_TYPE_REAL);
    return ((const double *)flat->data)[row];
}

hist_str hist_column_str(const hist_column *column, uint32_t row)
{
    const hist_column *flat = batch_resolve(column, &row);

    if (flat->stored == HIST_TYPE_GUID || flat->stored == HIST_TYPE_DECIMAL) {
        return (hist_str){(const char *)flat->data + (size_t)row * 16, 16};
    }
    assert(flat->stored == HIST_TYPE_STRING || flat->stored == HIST_TYPE_DYNAMIC);
    const int32_t start = flat->offsets[row];
    return (hist_str){flat->bytes + start, (size_t)(flat->offsets[row + 1] - start)};
}

const char *hist_type_name(hist_type type)
{
    static const char *const names[] = {"unknown", "bool",   "int",      "long",     "real",
                                        "decimal", "string", "datetime", "timespan", "guid",
                                        "dynamic"};

    return (unsigned)type < sizeof(names) / sizeof(names[0]) ? names[type] : names[0];
}
