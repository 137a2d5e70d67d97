/*
 * parse.c -- statements and pipelines; expressions, lists and operators are in parse_*.c. Recursive
 * descent over an array of tokens, see parse_impl.h.
 */
#include "query/parse_impl.h"

/* ---- pipelines ---- */

/* Whether what stands n ahead can begin an operand, so that the word before it is a keyword. */
static bool parse_operand_ahead(const hi_parser *p, uint32_t n)
{
    switch (hi_parse_ahead(p, n)->kind) {
    case HI_TOK_STRING:
    case HI_TOK_LITERAL:
    case HI_TOK_LPAREN:
    case HI_TOK_LBRACKET:
    case HI_TOK_STAR:
    case HI_TOK_MINUS:
    case HI_TOK_PLUS:
        return true;
    case HI_TOK_IDENT:
        return hi_parse_word_ahead(p, n, "in") ||
               !hi_parse_is_reserved(hi_parse_str(p, hi_parse_ahead(p, n)->span));
    default:
        return false;
    }
}

bool hi_parse_at_source(const hi_parser *p)
{
    if (!hi_parse_is(p, HI_TOK_IDENT)) {
        return false;
    }
    if (hi_parse_word(p, "datatable")) {
        return hi_parse_ahead(p, 1)->kind == HI_TOK_LPAREN;
    }
    if (hi_parse_word(p, "range")) {
        return hi_parse_word_ahead(p, 2, "from") || hi_parse_word_ahead(p, 4, "from");
    }
    const bool word = hi_parse_word(p, "print") || hi_parse_word(p, "union") ||
                      hi_parse_word(p, "search") || hi_parse_word(p, "find");
    return word && parse_operand_ahead(p, 1);
}

/* `pipe` has its source, or none when implicit and at its first operator: reads the rest. */
static hist_status parse_tail(hi_parser *p, hi_ast_expr *pipe)
{
    hi_ast_op op;

    while (pipe->op_count == 0 || hi_parse_take(p, HI_TOK_PIPE)) {
        HI_TRY(hi_parse_op(p, &op));
        HI_PARSE_PUSH(p, pipe->ops, pipe->op_count, op);
    }
    return HIST_OK;
}

/* Ends a pipe begun with p->tallest 0; `tallest` is what it was before. */
static hist_status parse_pipe_end(hi_parser *p, hi_ast_expr *pipe, uint16_t tallest)
{
    const uint32_t height = p->tallest + 1u;

    pipe->span = hi_parse_span_from(p, pipe->span.offset);
    if (height > HI_AST_HEIGHT_MAX) {
        return hi_parse_fail(p, pipe->span, "more than %d expressions build on each other here",
                             HI_AST_HEIGHT_MAX);
    }
    pipe->height = (uint16_t)height;
    p->tallest = tallest > pipe->height ? tallest : pipe->height;
    return HIST_OK;
}

/* source is an expression already read, or NULL when a keyword source stands here. */
static hist_status parse_pipe(hi_parser *p, hi_ast_expr *source, hi_ast_expr **out)
{
    const uint16_t tallest = p->tallest;
    hi_ast_expr *pipe = NULL;
    hi_ast_op op = {0};

    HI_TRY(hi_parse_new(p, HI_AST_PIPE, &pipe));
    p->tallest = source == NULL ? 0 : source->height;
    if (source == NULL) {
        HI_TRY(hi_parse_source(p, &op));
    } else {
        op = (hi_ast_op){.kind = HI_OP_TABLE, .expr = source};
        op.span = op.op_span = source->span;
        pipe->span = source->span;
    }
    HI_PARSE_PUSH(p, pipe->ops, pipe->op_count, op);
    HI_TRY(parse_tail(p, pipe));
    *out = pipe;
    return parse_pipe_end(p, pipe, tallest);
}

hist_status hi_parse_any(hi_parser *p, hi_ast_expr **out)
{
    if (hi_parse_at_source(p)) {
        HI_TRY(hi_parse_enter(p));
        HI_TRY(parse_pipe(p, NULL, out));
        hi_parse_leave(p);
        return HIST_OK;
    }
    HI_TRY(hi_parse_expr(p, out));
    return hi_parse_is(p, HI_TOK_PIPE) ? parse_pipe(p, *out, out) : HIST_OK;
}

hist_status hi_parse_table(hi_parser *p, hi_ast_expr **out)
{
    hist_str pattern;
    hi_ast_span span;

    if (hi_parse_wild(p, &pattern, &span)) {
        HI_TRY(hi_parse_new(p, HI_AST_WILD, out));
        (*out)->name = pattern;
        (*out)->span = (*out)->op_span = span;
        return hi_parse_finish(p, *out);
    }
    if (hi_parse_at_source(p) && (hi_parse_word(p, "datatable") || hi_parse_word(p, "range"))) {
        const uint16_t tallest = p->tallest;
        hi_ast_op op = {0};

        HI_TRY(hi_parse_new(p, HI_AST_PIPE, out));
        HI_TRY(hi_parse_source(p, &op));
        HI_PARSE_PUSH(p, (*out)->ops, (*out)->op_count, op);
        return parse_pipe_end(p, *out, tallest);
    }
    return hi_parse_operand(p, out);
}

hist_status hi_parse_block(hi_parser *p, hi_ast_expr **out)
{
    const uint16_t tallest = p->tallest;

    HI_TRY(hi_parse_enter(p));
    HI_TRY(hi_parse_expect(p, HI_TOK_LPAREN));
    HI_TRY(hi_parse_new(p, HI_AST_PIPE, out));
    (*out)->implicit = true;
    p->tallest = 0;
    HI_TRY(parse_tail(p, *out));
    HI_TRY(parse_pipe_end(p, *out, tallest));
    HI_TRY(hi_parse_expect(p, HI_TOK_RPAREN));
    hi_parse_leave(p);
    return HIST_OK;
}

/* ---- let ---- */

static hist_status parse_statement(hi_parser *p, bool in_body, hi_ast_stmt *out);

/* Whether a parenthesis begins n ahead and { follows its end. */
static bool parse_lambda_ahead(const hi_parser *p, uint32_t n)
{
    uint32_t open = 0;

    if (hi_parse_ahead(p, n)->kind != HI_TOK_LPAREN) {
        return false;
    }
    for (;; n++) {
        const hi_token_kind kind = hi_parse_ahead(p, n)->kind;

        open += kind == HI_TOK_LPAREN;
        if (kind == HI_TOK_END || (kind == HI_TOK_RPAREN && --open == 0)) {
            return kind == HI_TOK_RPAREN && hi_parse_ahead(p, n + 1)->kind == HI_TOK_LBRACE;
        }
    }
}

/* { let ...; expression } */
static hist_status parse_body(hi_parser *p, hi_ast_expr *lambda)
{
    hi_ast_stmt stmt = {0};

    HI_TRY(hi_parse_expect(p, HI_TOK_LBRACE));
    while (hi_parse_take(p, HI_TOK_SEMICOLON)) {
    }
    while (stmt.kind != HI_STMT_QUERY) {
        if (hi_parse_is(p, HI_TOK_RBRACE)) {
            return hi_parse_expected(p, "the result of the function");
        }
        HI_TRY(parse_statement(p, true, &stmt));
        HI_PARSE_PUSH(p, lambda->body, lambda->body_count, stmt);
        const bool ended = hi_parse_is(p, HI_TOK_SEMICOLON);
        while (hi_parse_take(p, HI_TOK_SEMICOLON)) {
        }
        if (!ended && stmt.kind != HI_STMT_QUERY) {
            return hi_parse_expected(p, "';'");
        }
    }
    return hi_parse_expect(p, HI_TOK_RBRACE);
}

static hist_status parse_lambda(hi_parser *p, hi_ast_expr **out)
{
    const uint16_t tallest = p->tallest;
    bool open = false;

    HI_TRY(hi_parse_enter(p));
    HI_TRY(hi_parse_new(p, HI_AST_LAMBDA, out));
    (*out)->is_view = hi_parse_take_word(p, "view");
    p->tallest = 0;
    HI_TRY(hi_parse_decls(p, true, &(*out)->decls, &(*out)->decl_count, &open));
    if (open) {
        return hi_parse_fail(p, (*out)->span,
                             "'*' stands only among the columns of a table "
                             "parameter: (T:(x:long, *))");
    }
    HI_TRY(parse_body(p, *out));
    hi_parse_leave(p);
    return parse_pipe_end(p, *out, tallest);
}

hist_status hi_parse_let_value(hi_parser *p, hi_ast_expr **out)
{
    const bool view = hi_parse_word(p, "view");

    if (parse_lambda_ahead(p, view ? 1 : 0)) {
        return parse_lambda(p, out);
    }
    return hi_parse_any(p, out);
}

/* ---- statements ---- */

static hist_status parse_let(hi_parser *p, hi_ast_stmt *out)
{
    out->kind = HI_STMT_LET;
    hi_parse_next(p);
    HI_TRY(hi_parse_name(p, &out->name));
    HI_TRY(hi_parse_expect(p, HI_TOK_ASSIGN));
    return hi_parse_let_value(p, &out->expr);
}

static hist_status parse_set(hi_parser *p, hi_ast_stmt *out)
{
    out->kind = HI_STMT_SET;
    hi_parse_next(p);
    HI_TRY(hi_parse_name(p, &out->name));
    return hi_parse_take(p, HI_TOK_ASSIGN) ? hi_parse_expr(p, &out->expr) : HIST_OK;
}

static hist_status parse_declare(hi_parser *p, hi_ast_stmt *out)
{
    bool open = false;

    out->kind = HI_STMT_DECLARE;
    hi_parse_next(p);
    HI_TRY(hi_parse_expect_word(p, "query_parameters"));
    return hi_parse_decls(p, false, &out->decls, &out->decl_count, &open);
}

/* One word of a command: hyphened words in one piece, strings and ['names'] unquoted. */
static hist_status parse_command_word(hi_parser *p, hi_ast_name *out)
{
    const hi_token *t = hi_parse_token(p);
    uint32_t end = hi_span_end(t->span);

    if (t->kind == HI_TOK_STRING) {
        *out = (hi_ast_name){t->literal->str, t->span};
        hi_parse_next(p);
        return HIST_OK;
    }
    if (t->kind != HI_TOK_IDENT && hi_parse_at_name(p)) {
        return hi_parse_name(p, out);
    }
    hi_parse_next(p);
    while (t->kind == HI_TOK_IDENT && hi_parse_is(p, HI_TOK_MINUS) &&
           hi_parse_token(p)->span.offset == end && hi_parse_ahead(p, 1)->kind == HI_TOK_IDENT &&
           hi_parse_ahead(p, 1)->span.offset == end + 1) {
        end = hi_span_end(hi_parse_ahead(p, 1)->span);
        hi_parse_next(p);
        hi_parse_next(p);
    }
    out->span = (hi_ast_span){t->span.offset, end - t->span.offset};
    out->text = hi_parse_str(p, out->span);
    return HIST_OK;
}

/* .word word ... [| operators] */
static hist_status parse_command(hi_parser *p, hi_ast_expr **out)
{
    const uint16_t tallest = p->tallest;
    hi_ast_op op = {.kind = HI_OP_COMMAND};
    hi_ast_name word = {0};

    HI_TRY(hi_parse_new(p, HI_AST_PIPE, out));
    op.op_span = (*out)->span;
    hi_parse_next(p);
    if (!hi_parse_is(p, HI_TOK_IDENT)) {
        return hi_parse_expected(p, "a command such as .show tables");
    }
    while (!hi_parse_is(p, HI_TOK_PIPE) && !hi_parse_is(p, HI_TOK_SEMICOLON) &&
           !hi_parse_is(p, HI_TOK_END)) {
        if (hi_parse_is(p, HI_TOK_LT) && hi_parse_ahead(p, 1)->kind == HI_TOK_PIPE) {
            return hi_parse_fail(p, hi_parse_token(p)->span,
                                 "commands that take a query ('<|') are not supported");
        }
        HI_TRY(parse_command_word(p, &word));
        HI_PARSE_PUSH(p, op.names, op.name_count, word);
    }
    op.span = hi_parse_span_from(p, (*out)->span.offset);
    p->tallest = 0;
    HI_PARSE_PUSH(p, (*out)->ops, (*out)->op_count, op);
    HI_TRY(parse_tail(p, *out));
    return parse_pipe_end(p, *out, tallest);
}

static hist_status parse_statement(hi_parser *p, bool in_body, hi_ast_stmt *out)
{
    const uint32_t start = hi_parse_token(p)->span.offset;
    const bool keyword =
        hi_parse_ahead(p, 1)->kind == HI_TOK_IDENT || hi_parse_ahead(p, 1)->kind == HI_TOK_LBRACKET;
    hist_status st = HIST_OK;

    *out = (hi_ast_stmt){0};
    if (hi_parse_word(p, "let")) {
        st = parse_let(p, out);
    } else if (!in_body && hi_parse_word(p, "set") && keyword) {
        st = parse_set(p, out);
    } else if (!in_body && hi_parse_word(p, "declare") && keyword) {
        st = parse_declare(p, out);
    } else {
        out->kind = HI_STMT_QUERY;
        st = !in_body && hi_parse_is(p, HI_TOK_DOT) ? parse_command(p, &out->expr)
                                                    : hi_parse_any(p, &out->expr);
    }
    out->span = hi_parse_span_from(p, start);
    return st;
}

/* Says why a statement cannot end here. */
static hist_status parse_not_ended(hi_parser *p, const hi_ast_stmt *last)
{
    const hi_ast_span span = hi_parse_token(p)->span;
    const int shown = hi_lex_show(p->text, span.offset, hi_span_end(span));
    const char *found = p->text.data + span.offset;

    if (last->kind != HI_STMT_QUERY) {
        return hi_parse_expected(p, "';' to end the %s statement",
                                 last->kind == HI_STMT_LET   ? "let"
                                 : last->kind == HI_STMT_SET ? "set"
                                                             : "declare");
    }
    if (hi_parse_is(p, HI_TOK_ASSIGN) && last->expr->kind == HI_AST_NAME) {
        return hi_parse_fail(p, span,
                             "'=' compares nothing here: to name a value write "
                             "let %.*s = ...;",
                             hi_lex_show(last->expr->name, 0, last->expr->name.size),
                             last->expr->name.data);
    }
    if (hi_parse_is(p, HI_TOK_ASSIGN)) {
        return hi_parse_fail(p, span, "'=' is not a comparison: write '=='");
    }
    if (hi_parse_at_op(p)) {
        return hi_parse_expected(p, "'|' before the operator '%.*s'", shown, found);
    }
    return hi_parse_expected(p, "an operator, '|', ';' or the end of the text");
}

static hist_status parse_statements(hi_parser *p, hi_ast_query *query)
{
    hi_ast_stmt stmt = {0};
    bool asks = false;

    for (;;) {
        while (hi_parse_take(p, HI_TOK_SEMICOLON)) {
        }
        if (hi_parse_is(p, HI_TOK_END)) {
            break;
        }
        if (hi_parse_is(p, HI_TOK_PIPE)) {
            return hi_parse_fail(p, hi_parse_token(p)->span,
                                 "a table name must stand before the first '|'");
        }
        HI_TRY(parse_statement(p, false, &stmt));
        HI_PARSE_PUSH(p, query->stmts, query->stmt_count, stmt);
        asks = asks || stmt.kind == HI_STMT_QUERY;
        if (!hi_parse_is(p, HI_TOK_SEMICOLON) && !hi_parse_is(p, HI_TOK_END)) {
            return parse_not_ended(p, &stmt);
        }
    }
    if (asks) {
        return HIST_OK;
    }
    return hi_parse_fail(p, hi_parse_token(p)->span, "%s",
                         query->stmt_count == 0
                             ? "the query is empty: write a table name, or print 1"
                             : "the text only defines names; a query must follow the last ';'");
}

hist_status hi_kql_parse(hi_arena *arena, const char *text, size_t size, hi_ast_query **out,
                         hist_error *err)
{
    hi_parser p = {.arena = arena, .text = {text, size}, .err = err};
    hi_ast_query *query = HI_NEW(arena, hi_ast_query);

    if (query == NULL) {
        return hi_no_memory(err, "the syntax tree of a query");
    }
    HI_TRY(hi_lex(arena, p.text, &p.tokens, &p.token_count, err));
    query->text = p.text;
    HI_TRY(parse_statements(&p, query));
    *out = query;
    return HIST_OK;
}

hist_status hi_kql_parse_scalar(hi_arena *arena, const char *text, size_t size, hi_ast_expr **out,
                                hist_error *err)
{
    hi_parser p = {.arena = arena, .text = {text, size}, .err = err};

    HI_TRY(hi_lex(arena, p.text, &p.tokens, &p.token_count, err));
    HI_TRY(hi_parse_expr(&p, out));
    return hi_parse_is(&p, HI_TOK_END) ? HIST_OK
                                       : hi_parse_expected(&p, "the end of the expression");
}
