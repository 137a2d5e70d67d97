/* arrow_kind.h -- what a column becomes in Arrow, decided once for schema and arrays. */
#ifndef FORMATS_ARROW_KIND_H
#define FORMATS_ARROW_KIND_H

#include "formats/arrow.h"

typedef enum arrow_kind {
    ARROW_KIND_FLAT,        /* As it is. */
    ARROW_KIND_DICTIONARY,  /* Codes and values as they are. */
    ARROW_KIND_LIST,        /* Offsets as they are, the child by its own kind. */
    ARROW_KIND_RUNS,        /* CONST or RUNS, run-end encoded. */
    ARROW_KIND_WRITTEN_OUT, /* Copied to a flat array. */
    ARROW_KIND_JSON,        /* Copied to JSON text. */
} arrow_kind;

/* The column that holds the elements. */
static inline const hist_column *arrow_values_of(const hist_column *column)
{
    const bool inner = column->layout == HIST_LAYOUT_DICT || column->layout == HIST_LAYOUT_RUNS;

    return inner ? column->child : column;
}

static inline arrow_kind arrow_kind_of(const hist_column *column, arrow_mode mode)
{
    if (arrow_values_of(column)->stored == HIST_TYPE_DYNAMIC &&
        column->layout != HIST_LAYOUT_LIST) {
        return ARROW_KIND_JSON;
    }
    if (mode == ARROW_PLAIN) {
        if (column->type == HIST_TYPE_DYNAMIC) {
            return ARROW_KIND_JSON;
        }
        return column->layout == HIST_LAYOUT_FLAT ? ARROW_KIND_FLAT : ARROW_KIND_WRITTEN_OUT;
    }
    switch (column->layout) {
    case HIST_LAYOUT_FLAT:
        return ARROW_KIND_FLAT;
    case HIST_LAYOUT_DICT:
        return ARROW_KIND_DICTIONARY;
    case HIST_LAYOUT_LIST:
        return ARROW_KIND_LIST;
    case HIST_LAYOUT_CONST:
    case HIST_LAYOUT_RUNS:
    default:
        return mode == ARROW_LAYOUT_RUNS ? ARROW_KIND_RUNS : ARROW_KIND_WRITTEN_OUT;
    }
}

#endif
