/*
 * parse_impl.h -- what the files of the parser share: parse.c (statements, pipelines), parse_expr.c
 * (expressions), parse_list.c (lists and names), parse_ops.c and parse_ops2.c (operators).
 *
 * One function reads one construct: it begins at the current token, leaves the parser behind the last
 * one, and fails at the token it could not use. After a failure the parser is not used again.
 */
#ifndef HI_QUERY_PARSE_IMPL_H
#define HI_QUERY_PARSE_IMPL_H

#include "query/lex.h"
#include "query/parse.h"

typedef struct hi_parser {
    hi_arena *arena;
    hist_str text;
    hi_token *tokens;
    uint32_t token_count;
    uint32_t at;      /* Current token; the last one is END and never passed. */
    uint32_t depth;   /* Open constructs. */
    uint16_t tallest; /* Highest expression since the pipeline or lambda around was begun. */
    bool in_search;   /* col:"text" means has. */
    hist_error *err;
} hi_parser;

/* ---- tokens ---- */

static inline const hi_token *hi_parse_ahead(const hi_parser *p, uint32_t n)
{
    const uint32_t at = p->at + n < p->token_count ? p->at + n : p->token_count - 1;
    return &p->tokens[at];
}
static inline const hi_token *hi_parse_token(const hi_parser *p)
{
    return &p->tokens[p->at];
}
static inline void hi_parse_next(hi_parser *p)
{
    p->at += p->at + 1 < p->token_count;
}
static inline bool hi_parse_is(const hi_parser *p, hi_token_kind kind)
{
    return p->tokens[p->at].kind == kind;
}
static inline hist_str hi_parse_str(const hi_parser *p, hi_ast_span span)
{
    return (hist_str){p->text.data + span.offset, span.length};
}
static inline uint32_t hi_span_end(hi_ast_span span)
{
    return span.offset + span.length;
}
/* Whether token n ahead is this word. */
bool hi_parse_word_ahead(const hi_parser *p, uint32_t n, const char *word);
static inline bool hi_parse_word(const hi_parser *p, const char *word)
{
    return hi_parse_word_ahead(p, 0, word);
}
/* Takes the token when it is the one asked for. */
bool hi_parse_take(hi_parser *p, hi_token_kind kind);
bool hi_parse_take_word(hi_parser *p, const char *word);
hist_status hi_parse_expect(hi_parser *p, hi_token_kind kind);
hist_status hi_parse_expect_word(hi_parser *p, const char *word);
/* From a token's start to the end of the last token taken. */
hi_ast_span hi_parse_span_from(const hi_parser *p, uint32_t offset);
/* Takes all tokens that begin before this byte. */
void hi_parse_skip_to(hi_parser *p, uint32_t offset);

/* "expected WHAT after 'previous token'; found 'current token'". */
hist_status hi_parse_expected(hi_parser *p, const char *fmt, ...) HI_PRINTF(2, 3);
hist_status hi_parse_fail(hi_parser *p, hi_ast_span span, const char *fmt, ...) HI_PRINTF(3, 4);

/* Bounds recursion: every hi_parse_enter that succeeds is followed by a hi_parse_leave. */
hist_status hi_parse_enter(hi_parser *p);
static inline void hi_parse_leave(hi_parser *p)
{
    p->depth--;
}

/* Appends one element of `size` bytes to *(void **)array, which has *count of them. */
hist_status hi_parse_push(hi_parser *p, void *array, uint32_t *count, const void *element,
                          size_t size);
#define HI_PARSE_PUSH(p, array, count, element) \
    HI_TRY(hi_parse_push((p), &(array), &(count), &(element), sizeof(element)))

/* ---- expressions (parse_expr.c) ---- */

/* How tightly operators bind; a level takes all operators at or above it. */
typedef enum hi_parse_level {
    HI_LEVEL_OR = 1,
    HI_LEVEL_AND,
    HI_LEVEL_EQUAL, /* == != in between */
    HI_LEVEL_ORDER, /* < <= > >= */
    HI_LEVEL_TEXT,  /* has, contains, =~, ... */
    HI_LEVEL_ADD,
    HI_LEVEL_MULTIPLY,
} hi_parse_level;

hist_status hi_parse_binary(hi_parser *p, hi_parse_level level, hi_ast_expr **out);
static inline hist_status hi_parse_expr(hi_parser *p, hi_ast_expr **out)
{
    return hi_parse_binary(p, HI_LEVEL_OR, out);
}
/* A name, call, literal, ... with its .members and [indexes], without operators. */
hist_status hi_parse_operand(hi_parser *p, hi_ast_expr **out);
hist_status hi_parse_new(hi_parser *p, hi_ast_kind kind, hi_ast_expr **out);
/* Sets the height from the arguments and object, fails when it is too tall. */
hist_status hi_parse_finish(hi_parser *p, hi_ast_expr *expr);
/* Words that are never a column: they would be mistaken for the grammar's own. */
bool hi_parse_is_reserved(hist_str word);

/* ---- pipelines (parse.c) ---- */

/* An expression, or a pipeline. */
hist_status hi_parse_any(hi_parser *p, hi_ast_expr **out);
/* A table as operand: name, pattern, call, (pipeline), datatable(...)[...]. */
hist_status hi_parse_table(hi_parser *p, hi_ast_expr **out);
/* ( operator | operator ... ) */
hist_status hi_parse_block(hi_parser *p, hi_ast_expr **out);
bool hi_parse_at_source(const hi_parser *p);
/* The value of a let: lambda, view, or hi_parse_any. */
hist_status hi_parse_let_value(hi_parser *p, hi_ast_expr **out);

/* ---- names and lists (parse_list.c) ---- */

/* name or ['name'] */
bool hi_parse_at_name(const hi_parser *p);
hist_status hi_parse_name(hi_parser *p, hi_ast_name *out);
hist_status hi_parse_type(hi_parser *p, hist_type *out);
/* typeof(type) */
hist_status hi_parse_typeof(hi_parser *p, hist_type *out);
/* A name with * in it; false (and nothing taken) when it is none. */
bool hi_parse_wild(hi_parser *p, hist_str *out, hi_ast_span *span);

/* (name:type = default, ...); tables too when `tables`. *open: a * among them. */
hist_status hi_parse_decls(hi_parser *p, bool tables, hi_ast_decl **out, uint32_t *count,
                           bool *open);

/* What an item may have beside an expression. */
enum {
    HI_ITEM_NAMED = 1,   /* name =, (a, b) = */
    HI_ITEM_ORDER = 2,   /* asc, desc, nulls first, nulls last */
    HI_ITEM_TO = 4,      /* to typeof(T) */
    HI_ITEM_DEFAULT = 8, /* default = e */
    HI_ITEM_WILD = 16,   /* ab* */
    HI_ITEM_TABLE = 32,  /* the expression is a table */
};
hist_status hi_parse_item(hi_parser *p, unsigned flags, hi_ast_item *out);
/* One or more, separated by commas. */
hist_status hi_parse_items(hi_parser *p, unsigned flags, hi_ast_item **items, uint32_t *count);
/* name = value as long as the name is a word of `names` (blanks between) or hint.anything. */
hist_status hi_parse_props(hi_parser *p, const char *names, hi_ast_op *op);
/* ( name = value, ... ) */
hist_status hi_parse_prop_list(hi_parser *p, hi_ast_op *op);

/* ---- operators (parse_ops.c, parse_ops2.c) ---- */

/* A source that is a keyword (hi_parse_at_source). */
hist_status hi_parse_source(hi_parser *p, hi_ast_op *op);
/* What follows a pipe. */
hist_status hi_parse_op(hi_parser *p, hi_ast_op *op);
/* Whether an operator's name stands here, "project-away" in one piece. */
bool hi_parse_at_op(const hi_parser *p);
/* " by ..." when it is there. */
hist_status hi_parse_by(hi_parser *p, unsigned flags, hi_ast_op *op);

/* Each reads what follows the operator's name. */
typedef hist_status hi_parse_op_fn(hi_parser *p, hi_ast_op *op);
hi_parse_op_fn hi_parse_op_parse, hi_parse_op_parse_kv, hi_parse_op_scan, hi_parse_op_top_nested,
    hi_parse_op_top_hitters, hi_parse_op_partition, hi_parse_op_fork, hi_parse_op_facet,
    hi_parse_op_evaluate, hi_parse_op_search, hi_parse_op_find, hi_parse_op_render,
    hi_parse_op_reduce, hi_parse_op_mv_apply, hi_parse_op_make_series;

#endif
