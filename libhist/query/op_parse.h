/* op_parse.h -- parse with plain texts between the columns: the pattern and its matcher. */
#ifndef HI_QUERY_OP_PARSE_H
#define HI_QUERY_OP_PARSE_H

#include "query/func.h"
#include "query/op.h"

typedef enum hi_piece_kind {
    HI_PIECE_TEXT = 1, /* Must stand there. */
    HI_PIECE_ANY,      /* '*' */
    HI_PIECE_COLUMN,
} hi_piece_kind;

typedef struct hi_piece {
    hi_piece_kind kind;
    hist_str text;
    hist_type type;  /* COLUMN */
    uint32_t column; /* Of the result. */
} hi_piece;

typedef struct hi_parse_spec {
    hi_schema schema; /* The child's columns first, some of them replaced. */
    const hi_expr *text;
    const hi_piece *pieces;
    uint32_t piece_count;
    bool relaxed; /* A text that is not of the column's type gives null and still matches. */
    bool where;   /* Rows that do not match are dropped. */
} hi_parse_spec;

hi_op *hi_op_parse(hi_exec *x, hi_op *child, const hi_parse_spec *spec);

#endif
