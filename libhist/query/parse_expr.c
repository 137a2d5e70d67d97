/*
 * parse_expr.c -- expressions. Binary operators by precedence climbing (hi_parse_binary); `and` and
 * `or` chains become balanced trees, because filters of hundreds of terms are common and recursion is bounded.
 */
#include "query/parse_impl.h"

hist_status hi_parse_new(hi_parser *p, hi_ast_kind kind, hi_ast_expr **out)
{
    hi_ast_expr *e = HI_NEW(p->arena, hi_ast_expr);

    if (e == NULL) {
        return hi_no_memory(p->err, "the syntax tree of a query");
    }
    e->kind = kind;
    e->height = 1;
    e->span = hi_parse_token(p)->span;
    e->op_span = e->span;
    *out = e;
    return HIST_OK;
}

static uint16_t expr_taller(uint16_t height, const hi_ast_expr *e)
{
    return e != NULL && e->height > height ? e->height : height;
}

hist_status hi_parse_finish(hi_parser *p, hi_ast_expr *expr)
{
    uint16_t height = expr_taller(0, expr->object);

    for (uint32_t i = 0; i < expr->arg_count; i++) {
        height = expr_taller(height, expr->args[i]);
    }
    expr->height = (uint16_t)(height + 1);
    if (expr->height > HI_AST_HEIGHT_MAX) {
        return hi_parse_fail(p, expr->op_span,
                             "more than %d operators build on each other here; put parts of the "
                             "expression into 'let' or 'extend'",
                             HI_AST_HEIGHT_MAX);
    }
    p->tallest = expr_taller(p->tallest, expr);
    return HIST_OK;
}

bool hi_parse_is_reserved(hist_str word)
{
    static const char *const words[] = {"and",      "or",      "by",  "on",   "in",
                                        "between",  "has",     "asc", "desc", "nulls",
                                        "contains", "matches", "let"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (hi_str_is(word, words[i])) {
            return true;
        }
    }
    return false;
}

/* ---- operators between operands ---- */

typedef struct expr_infix {
    hi_ast_operator op;
    hi_ast_kind kind; /* BINARY, IN or BETWEEN */
    hi_parse_level level;
    bool negated;
    uint32_t tokens;
} expr_infix;

static bool expr_infix_mark(const hi_parser *p, expr_infix *out)
{
    static const struct {
        hi_token_kind token;
        hi_ast_operator op;
        hi_parse_level level;
    } marks[] = {
        {HI_TOK_EQ, HI_OPR_EQ, HI_LEVEL_EQUAL},
        {HI_TOK_NE, HI_OPR_NE, HI_LEVEL_EQUAL},
        {HI_TOK_NE_SQL, HI_OPR_NE, HI_LEVEL_EQUAL},
        {HI_TOK_EQ_CI, HI_OPR_EQ_CI, HI_LEVEL_TEXT},
        {HI_TOK_NE_CI, HI_OPR_NE_CI, HI_LEVEL_TEXT},
        {HI_TOK_LT, HI_OPR_LT, HI_LEVEL_ORDER},
        {HI_TOK_LE, HI_OPR_LE, HI_LEVEL_ORDER},
        {HI_TOK_GT, HI_OPR_GT, HI_LEVEL_ORDER},
        {HI_TOK_GE, HI_OPR_GE, HI_LEVEL_ORDER},
        {HI_TOK_PLUS, HI_OPR_ADD, HI_LEVEL_ADD},
        {HI_TOK_MINUS, HI_OPR_SUB, HI_LEVEL_ADD},
        {HI_TOK_STAR, HI_OPR_MUL, HI_LEVEL_MULTIPLY},
        {HI_TOK_SLASH, HI_OPR_DIV, HI_LEVEL_MULTIPLY},
        {HI_TOK_PERCENT, HI_OPR_MOD, HI_LEVEL_MULTIPLY},
        {HI_TOK_COLON, HI_OPR_HAS, HI_LEVEL_TEXT},
    };
    const hi_token_kind kind = hi_parse_token(p)->kind;

    if (kind == HI_TOK_COLON && !p->in_search) {
        return false;
    }
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (marks[i].token == kind) {
            *out = (expr_infix){marks[i].op, HI_AST_BINARY, marks[i].level, false, 1};
            return true;
        }
    }
    return false;
}

static hi_ast_operator expr_word_operator(hist_str word)
{
    for (int op = HI_OPR_AND; op <= HI_OPR_HAS_ALL; op++) {
        if (hi_str_is(word, hi_ast_operator_name((hi_ast_operator)op))) {
            return (hi_ast_operator)op;
        }
    }
    return HI_OPR_NONE;
}

/* Whether token n ahead follows the one before it without a blank. */
static bool expr_adjacent(const hi_parser *p, uint32_t n)
{
    return hi_parse_ahead(p, n)->span.offset == hi_span_end(hi_parse_ahead(p, n - 1)->span);
}

/* A word, perhaps with ! before and ~ behind. */
static bool expr_infix_word(const hi_parser *p, expr_infix *out)
{
    const bool negated = hi_parse_is(p, HI_TOK_BANG);
    const uint32_t n = negated ? 1 : 0;
    const hi_token *t = hi_parse_ahead(p, n);

    if (t->kind != HI_TOK_IDENT) {
        return false;
    }
    *out = (expr_infix){.negated = negated, .tokens = n + 1, .kind = HI_AST_BINARY};
    if (hi_str_is(hi_parse_str(p, t->span), "between")) {
        out->kind = HI_AST_BETWEEN;
        out->level = HI_LEVEL_EQUAL;
        return true;
    }
    if (hi_parse_word_ahead(p, n, "matches") && hi_parse_word_ahead(p, n + 1, "regex")) {
        out->op = HI_OPR_MATCHES_REGEX;
        out->tokens++;
    } else {
        out->op = expr_word_operator(hi_parse_str(p, t->span));
    }
    const bool logical = out->op == HI_OPR_AND || out->op == HI_OPR_OR;
    if (out->op == HI_OPR_NONE || (negated && logical)) {
        return false;
    }
    if (out->op == HI_OPR_IN && hi_parse_ahead(p, n + 1)->kind == HI_TOK_TILDE &&
        expr_adjacent(p, n + 1)) {
        out->op = HI_OPR_IN_CI;
        out->tokens++;
    }
    out->level = out->op == HI_OPR_AND  ? HI_LEVEL_AND
                 : out->op == HI_OPR_OR ? HI_LEVEL_OR
                                        : HI_LEVEL_TEXT;
    if (out->op >= HI_OPR_IN) {
        out->kind = HI_AST_IN;
        out->level = HI_LEVEL_EQUAL;
    }
    return true;
}

static bool expr_infix_here(const hi_parser *p, expr_infix *out)
{
    return expr_infix_mark(p, out) || expr_infix_word(p, out);
}

/* Takes the operator's tokens and gives their span. */
static hi_ast_span expr_take(hi_parser *p, uint32_t tokens)
{
    const uint32_t offset = hi_parse_token(p)->span.offset;

    for (uint32_t i = 0; i < tokens; i++) {
        hi_parse_next(p);
    }
    return hi_parse_span_from(p, offset);
}

static hist_status expr_set_args(hi_parser *p, hi_ast_expr *e, hi_ast_expr *const *args,
                                 uint32_t count)
{
    e->args = HI_NEW_ARRAY(p->arena, hi_ast_expr *, count);
    if (e->args == NULL) {
        return hi_no_memory(p->err, "the syntax tree of a query");
    }
    memcpy(e->args, args, count * sizeof(*args));
    e->arg_count = count;
    return hi_parse_finish(p, e);
}

static hist_status expr_binary_node(hi_parser *p, const expr_infix *infix, hi_ast_span op_span,
                                    hi_ast_expr *const args[2], hi_ast_expr **out)
{
    hi_ast_expr *e = NULL;

    HI_TRY(hi_parse_new(p, HI_AST_BINARY, &e));
    e->op = infix->op;
    e->negated = infix->negated;
    e->op_span = op_span;
    e->span.offset = args[0]->span.offset;
    e->span.length = hi_span_end(args[1]->span) - e->span.offset;
    *out = e;
    return expr_set_args(p, e, args, 2);
}

/* A balanced tree over terms[0..count) with spans[i] the operator before term i. */
static hist_status expr_balance(hi_parser *p, const expr_infix *infix, hi_ast_expr **terms,
                                const hi_ast_span *spans, uint32_t count, hi_ast_expr **out)
{
    const uint32_t half = count / 2;
    hi_ast_expr *args[2];

    if (count == 1) {
        *out = terms[0];
        return HIST_OK;
    }
    HI_TRY(expr_balance(p, infix, terms, spans, half, &args[0]));
    HI_TRY(expr_balance(p, infix, terms + half, spans + half, count - half, &args[1]));
    return expr_binary_node(p, infix, spans[half], args, out);
}

/* *left and what follows it by the same `and` or `or`. */
static hist_status expr_chain(hi_parser *p, const expr_infix *infix, hi_ast_expr **left)
{
    hi_ast_expr **terms = NULL, *term = *left;
    hi_ast_span *spans = NULL, span = {0};
    uint32_t count = 0, span_count = 0;
    expr_infix next = *infix;

    HI_PARSE_PUSH(p, terms, count, term);
    HI_PARSE_PUSH(p, spans, span_count, span);
    while (expr_infix_here(p, &next) && next.op == infix->op) {
        span = expr_take(p, next.tokens);
        HI_TRY(hi_parse_binary(p, infix->level + 1, &term));
        HI_PARSE_PUSH(p, terms, count, term);
        HI_PARSE_PUSH(p, spans, span_count, span);
    }
    return expr_balance(p, infix, terms, spans, count, left);
}

/* (a .. b) */
static hist_status expr_between(hi_parser *p, hi_ast_expr *e, hi_ast_expr *left)
{
    hi_ast_expr *args[3] = {left, NULL, NULL};

    HI_TRY(hi_parse_expect(p, HI_TOK_LPAREN));
    HI_TRY(hi_parse_expr(p, &args[1]));
    HI_TRY(hi_parse_expect(p, HI_TOK_DOTDOT));
    HI_TRY(hi_parse_expr(p, &args[2]));
    HI_TRY(hi_parse_expect(p, HI_TOK_RPAREN));
    return expr_set_args(p, e, args, 3);
}

/* (a, b, ...), or one value without parentheses. */
static hist_status expr_in(hi_parser *p, hi_ast_expr *e, hi_ast_expr *left)
{
    hi_ast_expr **args = NULL, *arg = left;
    uint32_t count = 0;

    HI_PARSE_PUSH(p, args, count, arg);
    if (!hi_parse_take(p, HI_TOK_LPAREN)) {
        HI_TRY(hi_parse_binary(p, HI_LEVEL_ADD, &arg));
        HI_PARSE_PUSH(p, args, count, arg);
        return expr_set_args(p, e, args, count);
    }
    if (!hi_parse_is(p, HI_TOK_RPAREN)) {
        do {
            HI_TRY(hi_parse_any(p, &arg));
            HI_PARSE_PUSH(p, args, count, arg);
        } while (hi_parse_take(p, HI_TOK_COMMA));
    }
    HI_TRY(hi_parse_expect(p, HI_TOK_RPAREN));
    return expr_set_args(p, e, args, count);
}

static hist_status expr_infix_node(hi_parser *p, const expr_infix *infix, hi_ast_expr **left)
{
    hi_ast_expr *args[2] = {*left, NULL}, *e = NULL;
    const hi_ast_span op_span = expr_take(p, infix->tokens);

    if (infix->kind == HI_AST_BINARY) {
        HI_TRY(hi_parse_binary(p, infix->level + 1, &args[1]));
        return expr_binary_node(p, infix, op_span, args, left);
    }
    HI_TRY(hi_parse_new(p, infix->kind, &e));
    e->op = infix->op;
    e->negated = infix->negated;
    e->op_span = op_span;
    HI_TRY(infix->kind == HI_AST_IN ? expr_in(p, e, *left) : expr_between(p, e, *left));
    e->span = hi_parse_span_from(p, (*left)->span.offset);
    *left = e;
    return HIST_OK;
}

static hist_status expr_unary(hi_parser *p, hi_ast_expr **out)
{
    hi_ast_expr *e = NULL, *arg = NULL;

    if (!hi_parse_is(p, HI_TOK_MINUS) && !hi_parse_is(p, HI_TOK_PLUS)) {
        return hi_parse_operand(p, out);
    }
    HI_TRY(hi_parse_enter(p));
    HI_TRY(hi_parse_new(p, HI_AST_UNARY, &e));
    e->op = hi_parse_is(p, HI_TOK_MINUS) ? HI_OPR_NEG : HI_OPR_POS;
    hi_parse_next(p);
    HI_TRY(expr_unary(p, &arg));
    e->span = hi_parse_span_from(p, e->span.offset);
    hi_parse_leave(p);
    *out = e;
    return expr_set_args(p, e, &arg, 1);
}

hist_status hi_parse_binary(hi_parser *p, hi_parse_level level, hi_ast_expr **out)
{
    expr_infix infix = {0};

    HI_TRY(expr_unary(p, out));
    while (expr_infix_here(p, &infix) && infix.level >= level) {
        if (infix.op == HI_OPR_AND || infix.op == HI_OPR_OR) {
            HI_TRY(expr_chain(p, &infix, out));
        } else {
            HI_TRY(expr_infix_node(p, &infix, out));
        }
    }
    return HIST_OK;
}

/* ---- operands ---- */

static hist_status expr_literal(hi_parser *p, hi_ast_expr **out)
{
    HI_TRY(hi_parse_new(p, HI_AST_LITERAL, out));
    (*out)->literal = *hi_parse_token(p)->literal;
    hi_parse_next(p);
    return hi_parse_finish(p, *out);
}

/* One string, or several that stand side by side and are one. */
static hist_status expr_string(hi_parser *p, hi_ast_expr **out)
{
    const uint32_t first = p->at;
    size_t size = 0, n = 0;

    HI_TRY(expr_literal(p, out));
    if (!hi_parse_is(p, HI_TOK_STRING)) {
        return HIST_OK;
    }
    while (hi_parse_is(p, HI_TOK_STRING)) {
        hi_parse_next(p);
    }
    for (uint32_t i = first; i < p->at; i++) {
        size += p->tokens[i].literal->str.size;
    }
    char *data = hi_arena_alloc(p->arena, size);
    if (data == NULL) {
        return hi_no_memory(p->err, "a string of a query");
    }
    for (uint32_t i = first; i < p->at; i++) {
        const hist_str s = p->tokens[i].literal->str;

        memcpy(data + n, s.data, s.size);
        n += s.size;
    }
    (*out)->literal.str = (hist_str){data, size};
    (*out)->span = hi_parse_span_from(p, (*out)->span.offset);
    return HIST_OK;
}

/* true, false and null. */
static bool expr_constant_word(hist_str word, hi_ast_literal *out)
{
    const bool yes = hi_str_is(word, "true") || hi_str_is(word, "True") || hi_str_is(word, "TRUE");

    if (hi_str_is(word, "null")) {
        *out = (hi_ast_literal){.type = HIST_TYPE_DYNAMIC, .is_null = true};
        out->str = (hist_str){"n", 1};
        return true;
    }
    *out = (hi_ast_literal){.type = HIST_TYPE_BOOL, .i64 = yes};
    return yes || hi_str_is(word, "false") || hi_str_is(word, "False") || hi_str_is(word, "FALSE");
}

/* ( [name =] value, ... ) into e->args. */
static hist_status expr_arguments(hi_parser *p, hi_ast_expr *e)
{
    hi_ast_name *names = NULL, name;
    hi_ast_expr *arg = NULL;
    uint32_t name_count = 0;
    bool named = false;

    HI_TRY(hi_parse_expect(p, HI_TOK_LPAREN));
    if (!hi_parse_is(p, HI_TOK_RPAREN)) {
        do {
            name = (hi_ast_name){0};
            if (hi_parse_is(p, HI_TOK_IDENT) && hi_parse_ahead(p, 1)->kind == HI_TOK_ASSIGN) {
                HI_TRY(hi_parse_name(p, &name));
                hi_parse_next(p);
                named = true;
            }
            HI_TRY(hi_parse_any(p, &arg));
            HI_PARSE_PUSH(p, e->args, e->arg_count, arg);
            HI_PARSE_PUSH(p, names, name_count, name);
        } while (hi_parse_take(p, HI_TOK_COMMA));
    }
    HI_TRY(hi_parse_expect(p, HI_TOK_RPAREN));
    e->arg_names = named ? names : NULL;
    e->span = hi_parse_span_from(p, e->span.offset);
    return hi_parse_finish(p, e);
}

static hist_status expr_refuse(hi_parser *p, hist_str word)
{
    const hi_ast_span span = hi_parse_token(p)->span;

    if (hi_str_is(word, "cluster")) {
        return hi_parse_fail(p, span,
                             "cluster(...) is not supported: a query sees the databases of one "
                             "store; write database(\"name\").Table");
    }
    return hi_parse_fail(
        p, span,
        "externaldata(...) is not supported: import the file into a table, or give "
        "small data with datatable(...)[...]");
}

/* A name, call, typeof or constant. */
static hist_status expr_word(hi_parser *p, hi_ast_expr **out)
{
    const hist_str word = hi_parse_str(p, hi_parse_token(p)->span);
    const bool call = hi_parse_ahead(p, 1)->kind == HI_TOK_LPAREN;
    hi_ast_literal constant = {0};

    if (!call && expr_constant_word(word, &constant)) {
        HI_TRY(hi_parse_new(p, HI_AST_LITERAL, out));
        (*out)->literal = constant;
        hi_parse_next(p);
        return hi_parse_finish(p, *out);
    }
    if (!call && hi_parse_is_reserved(word)) {
        return hi_parse_expected(p, "an expression");
    }
    if (call && (hi_str_is(word, "cluster") || hi_str_is(word, "externaldata"))) {
        return expr_refuse(p, word);
    }
    if (call && hi_str_is(word, "typeof")) {
        HI_TRY(hi_parse_new(p, HI_AST_TYPEOF, out));
        HI_TRY(hi_parse_typeof(p, &(*out)->type));
        (*out)->span = hi_parse_span_from(p, (*out)->span.offset);
        return hi_parse_finish(p, *out);
    }
    HI_TRY(hi_parse_new(p, call ? HI_AST_CALL : HI_AST_NAME, out));
    (*out)->name = word;
    hi_parse_next(p);
    return call ? expr_arguments(p, *out) : hi_parse_finish(p, *out);
}

static hist_status expr_primary(hi_parser *p, hi_ast_expr **out)
{
    hi_ast_name name = {0};

    switch (hi_parse_token(p)->kind) {
    case HI_TOK_LITERAL:
        return expr_literal(p, out);
    case HI_TOK_STRING:
        return expr_string(p, out);
    case HI_TOK_IDENT:
        return expr_word(p, out);
    case HI_TOK_STAR:
        HI_TRY(hi_parse_new(p, HI_AST_WILD, out));
        (*out)->name = hi_parse_str(p, (*out)->span);
        hi_parse_next(p);
        return hi_parse_finish(p, *out);
    case HI_TOK_LBRACKET:
        if (!hi_parse_at_name(p)) {
            return hi_parse_fail(p, hi_parse_token(p)->span,
                                 "'[' does not begin an expression: a list is written "
                                 "dynamic([1, 2]), a quoted name ['name']");
        }
        HI_TRY(hi_parse_new(p, HI_AST_NAME, out));
        HI_TRY(hi_parse_name(p, &name));
        (*out)->name = name.text;
        (*out)->span = (*out)->op_span = name.span;
        (*out)->quoted = true;
        return hi_parse_finish(p, *out);
    case HI_TOK_LPAREN:
        hi_parse_next(p);
        HI_TRY(hi_parse_any(p, out));
        return hi_parse_expect(p, HI_TOK_RPAREN);
    case HI_TOK_ASSIGN:
        return hi_parse_fail(p, hi_parse_token(p)->span,
                             "'=' gives a name and stands after one; to compare write '=='");
    default:
        return hi_parse_expected(p, "an expression");
    }
}

/* .name, .['name'], .name(...) */
static hist_status expr_member(hi_parser *p, hi_ast_expr **left)
{
    hi_ast_expr *e = NULL;
    hi_ast_name name = {0};

    hi_parse_next(p);
    if (!hi_parse_at_name(p)) {
        return hi_parse_expected(p, "a name");
    }
    HI_TRY(hi_parse_new(p, HI_AST_MEMBER, &e));
    e->quoted = hi_parse_is(p, HI_TOK_LBRACKET);
    HI_TRY(hi_parse_name(p, &name));
    e->name = name.text;
    e->op_span = name.span;
    e->span = hi_parse_span_from(p, (*left)->span.offset);
    hi_ast_expr *const object = *left;
    *left = e;
    if (hi_parse_is(p, HI_TOK_LPAREN) && !e->quoted) {
        e->kind = HI_AST_CALL;
        e->object = object;
        return expr_arguments(p, e);
    }
    return expr_set_args(p, e, &object, 1);
}

static hist_status expr_index(hi_parser *p, hi_ast_expr **left)
{
    hi_ast_expr *e = NULL, *args[2] = {*left, NULL};

    HI_TRY(hi_parse_new(p, HI_AST_INDEX, &e));
    hi_parse_next(p);
    HI_TRY(hi_parse_expr(p, &args[1]));
    HI_TRY(hi_parse_expect(p, HI_TOK_RBRACKET));
    e->span = hi_parse_span_from(p, (*left)->span.offset);
    *left = e;
    return expr_set_args(p, e, args, 2);
}

hist_status hi_parse_operand(hi_parser *p, hi_ast_expr **out)
{
    HI_TRY(hi_parse_enter(p));
    HI_TRY(expr_primary(p, out));
    for (;;) {
        if (hi_parse_is(p, HI_TOK_DOT)) {
            HI_TRY(expr_member(p, out));
        } else if (hi_parse_is(p, HI_TOK_LBRACKET)) {
            HI_TRY(expr_index(p, out));
        } else {
            break;
        }
    }
    hi_parse_leave(p);
    return HIST_OK;
}
