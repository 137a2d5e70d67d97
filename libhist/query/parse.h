/* parse.h -- KQL text to its syntax tree (ast.h). */
#ifndef HI_QUERY_PARSE_H
#define HI_QUERY_PARSE_H

#include "query/ast.h"

/* Longest text that is read. */
#define HI_KQL_TEXT_MAX (4u << 20)

/*
 * The tree lives in `arena` and refers to `text`, which must live as long. HIST_ESYNTAX with
 * offset, length, line, column and a message that says what was found and what was expected;
 * HIST_ENOMEM; HIST_ELIMIT when the text is longer than HI_KQL_TEXT_MAX.
 */
hist_status hi_kql_parse(hi_arena *arena, const char *text, size_t size, hi_ast_query **out,
                         hist_error *err);

/* One scalar expression and nothing after it: the value of a query parameter. */
hist_status hi_kql_parse_scalar(hi_arena *arena, const char *text, size_t size, hi_ast_expr **out,
                                hist_error *err);

#endif
