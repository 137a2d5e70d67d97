/*
 * lex.h -- KQL text to tokens. Shared by lex*.c, literal*.c and parse*.c only.
 *
 * The whole text becomes one array of tokens, so the parser may look ahead as far as it likes. Literals
 * are read here, typed ones with their parentheses ("datetime(2020-01-01)" and "dynamic([1])" are one token).
 */
#ifndef HI_QUERY_LEX_H
#define HI_QUERY_LEX_H

#include "query/ast.h"

/* kind, text in messages; the punctuation ones are their own text */
#define HI_TOKEN_LIST(X)          \
    X(END, "the end of the text") \
    X(IDENT, "a name")            \
    X(STRING, "a string")         \
    X(LITERAL, "a literal")       \
    X(LPAREN, "(")                \
    X(RPAREN, ")")                \
    X(LBRACKET, "[")              \
    X(RBRACKET, "]")              \
    X(LBRACE, "{")                \
    X(RBRACE, "}")                \
    X(COMMA, ",")                 \
    X(SEMICOLON, ";")             \
    X(COLON, ":")                 \
    X(DOT, ".")                   \
    X(DOTDOT, "..")               \
    X(PIPE, "|")                  \
    X(ASSIGN, "=")                \
    X(ARROW, "=>")                \
    X(EQ, "==")                   \
    X(NE, "!=")                   \
    X(NE_SQL, "<>")               \
    X(EQ_CI, "=~")                \
    X(NE_CI, "!~")                \
    X(LT, "<")                    \
    X(LE, "<=")                   \
    X(GT, ">")                    \
    X(GE, ">=")                   \
    X(PLUS, "+")                  \
    X(MINUS, "-")                 \
    X(STAR, "*")                  \
    X(SLASH, "/")                 \
    X(PERCENT, "%")               \
    X(BANG, "!")                  \
    X(TILDE, "~")

typedef enum hi_token_kind {
#define HI_TOKEN_ENUM(kind, text) HI_TOK_##kind,
    HI_TOKEN_LIST(HI_TOKEN_ENUM)
#undef HI_TOKEN_ENUM
} hi_token_kind;

typedef struct hi_token {
    hi_token_kind kind;
    hi_ast_span span;
    const hi_ast_literal *literal; /* STRING and LITERAL, else NULL. */
} hi_token;

typedef struct hi_lexer {
    hi_arena *arena;
    hist_str text;
    size_t at; /* Next byte. */
    hist_error *err;
} hi_lexer;

/* All tokens of the text; the last one is END. */
hist_status hi_lex(hi_arena *arena, hist_str text, hi_token **tokens_out, uint32_t *count_out,
                   hist_error *err);

/* ---- pieces; each begins at lx->at and leaves it behind what it read ---- */

static inline char hi_lex_peek(const hi_lexer *lx, size_t ahead)
{
    return ahead < lx->text.size - lx->at ? lx->text.data[lx->at + ahead] : '\0';
}
void hi_lex_skip_blanks(hi_lexer *lx);
/* Bytes of the name that begins here; 0 when none does. */
size_t hi_lex_name_size(const hi_lexer *lx);
/* Whether a string begins here: a quote, or h, @, h@ and a quote, or ``` or ~~~. */
bool hi_lex_at_string(const hi_lexer *lx);
/* Its contents, decoded; in the text itself when there was nothing to decode. */
hist_status hi_lex_string(hi_lexer *lx, hist_str *out);
/* A number without sign, or a timespan such as 1.5h. */
hist_status hi_lex_number(hi_lexer *lx, hi_ast_literal *out);
/* What follows "type(": reads up to and with the closing parenthesis. `start` is where the type's name begins. */
hist_status hi_lex_typed(hi_lexer *lx, hist_type type, size_t start, hi_ast_literal *out);
/* The same for dynamic. */
hist_status hi_lex_dynamic(hi_lexer *lx, size_t start, hi_ast_literal *out);
/* Raises HIST_ESYNTAX about text[from..to). */
hist_status hi_lex_fail(const hi_lexer *lx, size_t from, size_t to, const char *fmt, ...)
    HI_PRINTF(4, 5);

/* How many bytes of the text to show in a message: at most 40, whole code points, within one line. */
int hi_lex_show(hist_str text, size_t from, size_t to);

#endif
