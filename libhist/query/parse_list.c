/* parse_list.c -- tokens, names, declarations, items and settings: what all operators are made of. */
#include <stdarg.h>
#include <stdio.h>

#include "query/parse_impl.h"

/* ---- tokens ---- */

bool hi_parse_word_ahead(const hi_parser *p, uint32_t n, const char *word)
{
    const hi_token *t = hi_parse_ahead(p, n);

    return t->kind == HI_TOK_IDENT && hi_str_is(hi_parse_str(p, t->span), word);
}

bool hi_parse_take(hi_parser *p, hi_token_kind kind)
{
    const bool is = hi_parse_is(p, kind);

    if (is) {
        hi_parse_next(p);
    }
    return is;
}

bool hi_parse_take_word(hi_parser *p, const char *word)
{
    const bool is = hi_parse_word(p, word);

    if (is) {
        hi_parse_next(p);
    }
    return is;
}

static const char *list_token_name(hi_token_kind kind)
{
    switch (kind) {
#define LIST_TOKEN_NAME(k, text) \
    case HI_TOK_##k:             \
        return text;
        HI_TOKEN_LIST(LIST_TOKEN_NAME)
#undef LIST_TOKEN_NAME
    }
    return "";
}

hist_status hi_parse_expect(hi_parser *p, hi_token_kind kind)
{
    if (hi_parse_take(p, kind)) {
        return HIST_OK;
    }
    if (kind <= HI_TOK_LITERAL) {
        return hi_parse_expected(p, "%s", list_token_name(kind));
    }
    return hi_parse_expected(p, "'%s'", list_token_name(kind));
}

hist_status hi_parse_expect_word(hi_parser *p, const char *word)
{
    return hi_parse_take_word(p, word) ? HIST_OK : hi_parse_expected(p, "'%s'", word);
}

hi_ast_span hi_parse_span_from(const hi_parser *p, uint32_t offset)
{
    const uint32_t end = p->at == 0 ? offset : hi_span_end(p->tokens[p->at - 1].span);

    return (hi_ast_span){offset, end > offset ? end - offset : 0};
}

void hi_parse_skip_to(hi_parser *p, uint32_t offset)
{
    while (!hi_parse_is(p, HI_TOK_END) && hi_parse_token(p)->span.offset < offset) {
        hi_parse_next(p);
    }
}

hist_status hi_parse_fail(hi_parser *p, hi_ast_span span, const char *fmt, ...)
{
    char message[HIST_ERROR_MESSAGE_SIZE];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    return hi_fail_at(p->err, HIST_ESYNTAX, p->text, span, "%s", message);
}

hist_status hi_parse_expected(hi_parser *p, const char *fmt, ...)
{
    char what[200], after[64] = "";
    const hi_token *t = hi_parse_token(p);
    const hi_ast_span span = t->span;
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    if (p->at > 0) {
        const hi_ast_span last = p->tokens[p->at - 1].span;

        (void)snprintf(after, sizeof(after), " after '%.*s'",
                       hi_lex_show(p->text, last.offset, hi_span_end(last)),
                       p->text.data + last.offset);
    }
    if (t->kind == HI_TOK_END) {
        return hi_parse_fail(p, span, "expected %s%s; found the end of the text", what, after);
    }
    return hi_parse_fail(p, span, "expected %s%s; found '%.*s'", what, after,
                         hi_lex_show(p->text, span.offset, hi_span_end(span)),
                         p->text.data + span.offset);
}

hist_status hi_parse_enter(hi_parser *p)
{
    if (p->depth == HI_AST_DEPTH_MAX) {
        return hi_parse_fail(
            p, hi_parse_token(p)->span,
            "the query is nested more than %d deep here; take parts out with 'let'",
            HI_AST_DEPTH_MAX);
    }
    p->depth++;
    return HIST_OK;
}

hist_status hi_parse_push(hi_parser *p, void *array, uint32_t *count, const void *element,
                          size_t size)
{
    const uint32_t n = *count;
    void *data = NULL;

    memcpy(&data, array, sizeof(data));
    /* Capacities are 4, 8, 16, ...: known from the count. */
    if (n == 0 || (n >= 4 && (n & (n - 1)) == 0)) {
        void *grown = hi_arena_calloc(p->arena, n == 0 ? 4 : (size_t)n * 2, size);

        if (grown == NULL) {
            return hi_no_memory(p->err, "the syntax tree of a query");
        }
        if (n > 0) {
            memcpy(grown, data, n * size);
        }
        data = grown;
        memcpy(array, &data, sizeof(data));
    }
    memcpy((char *)data + n * size, element, size);
    *count = n + 1;
    return HIST_OK;
}

/* ---- names and types ---- */

bool hi_parse_at_name(const hi_parser *p)
{
    return hi_parse_is(p, HI_TOK_IDENT) ||
           (hi_parse_is(p, HI_TOK_LBRACKET) && hi_parse_ahead(p, 1)->kind == HI_TOK_STRING &&
            hi_parse_ahead(p, 2)->kind == HI_TOK_RBRACKET);
}

hist_status hi_parse_name(hi_parser *p, hi_ast_name *out)
{
    const hi_token *t = hi_parse_token(p);

    if (!hi_parse_at_name(p)) {
        return hi_parse_expected(p, "a name");
    }
    if (t->kind == HI_TOK_IDENT) {
        *out = (hi_ast_name){hi_parse_str(p, t->span), t->span};
        hi_parse_next(p);
        return HIST_OK;
    }
    const hi_token *s = hi_parse_ahead(p, 1);
    if (s->literal->str.size == 0) {
        return hi_parse_fail(p, s->span, "a name cannot be empty");
    }
    hi_parse_next(p);
    hi_parse_next(p);
    hi_parse_next(p);
    *out = (hi_ast_name){s->literal->str, hi_parse_span_from(p, t->span.offset)};
    return HIST_OK;
}

hist_status hi_parse_type(hi_parser *p, hist_type *out)
{
    const hi_token *t = hi_parse_token(p);

    if (t->kind != HI_TOK_IDENT) {
        return hi_parse_expected(p, "a type");
    }
    *out = hi_ast_type_of(hi_parse_str(p, t->span));
    if (*out == 0) {
        return hi_parse_fail(p, t->span,
                             "'%.*s' is not a type; the types are bool, int, long, real, decimal, "
                             "string, datetime, timespan, guid and dynamic",
                             hi_lex_show(p->text, t->span.offset, hi_span_end(t->span)),
                             p->text.data + t->span.offset);
    }
    hi_parse_next(p);
    return HIST_OK;
}

hist_status hi_parse_typeof(hi_parser *p, hist_type *out)
{
    HI_TRY(hi_parse_expect_word(p, "typeof"));
    HI_TRY(hi_parse_expect(p, HI_TOK_LPAREN));
    HI_TRY(hi_parse_type(p, out));
    return hi_parse_expect(p, HI_TOK_RPAREN);
}

static bool list_wild_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '*' || c == '$' || (unsigned char)c >= 0x80;
}

bool hi_parse_wild(hi_parser *p, hist_str *out, hi_ast_span *span)
{
    const hi_token_kind kind = hi_parse_token(p)->kind;
    const uint32_t from = hi_parse_token(p)->span.offset;
    uint32_t to = from;
    bool star = false;

    if (kind != HI_TOK_IDENT && kind != HI_TOK_STAR) {
        return false;
    }
    while (to < p->text.size && list_wild_letter(p->text.data[to])) {
        star = star || p->text.data[to] == '*';
        to++;
    }
    if (!star) {
        return false;
    }
    *span = (hi_ast_span){from, to - from};
    *out = hi_parse_str(p, *span);
    hi_parse_skip_to(p, to);
    return true;
}

/* ---- declarations ---- */

static hist_status list_decl(hi_parser *p, bool tables, hi_ast_decl *out)
{
    const uint32_t start = hi_parse_token(p)->span.offset;

    *out = (hi_ast_decl){0};
    HI_TRY(hi_parse_name(p, &out->name));
    if (hi_parse_take(p, HI_TOK_COLON)) {
        if (tables && hi_parse_is(p, HI_TOK_LPAREN)) {
            out->is_table = true;
            HI_TRY(hi_parse_decls(p, false, &out->columns, &out->column_count, &out->open));
        } else {
            HI_TRY(hi_parse_type(p, &out->type));
        }
    }
    if (hi_parse_take(p, HI_TOK_ASSIGN)) {
        HI_TRY(hi_parse_expr(p, &out->value));
    }
    out->span = hi_parse_span_from(p, start);
    return HIST_OK;
}

hist_status hi_parse_decls(hi_parser *p, bool tables, hi_ast_decl **out, uint32_t *count,
                           bool *open)
{
    hi_ast_decl decl;

    *open = false;
    HI_TRY(hi_parse_expect(p, HI_TOK_LPAREN));
    while (!hi_parse_is(p, HI_TOK_RPAREN)) {
        if (hi_parse_take(p, HI_TOK_STAR)) {
            *open = true;
        } else {
            HI_TRY(list_decl(p, tables, &decl));
            HI_PARSE_PUSH(p, *out, *count, decl);
        }
        if (!hi_parse_take(p, HI_TOK_COMMA) && !hi_parse_is(p, HI_TOK_RPAREN)) {
            return hi_parse_expected(p, "',' or ')'");
        }
    }
    return hi_parse_expect(p, HI_TOK_RPAREN);
}

/* ---- items ---- */

/* Token after the name that begins n ahead, or 0 when none does. */
static uint32_t list_after_name(const hi_parser *p, uint32_t n)
{
    if (hi_parse_ahead(p, n)->kind == HI_TOK_IDENT) {
        return n + 1;
    }
    return hi_parse_ahead(p, n)->kind == HI_TOK_LBRACKET &&
                   hi_parse_ahead(p, n + 1)->kind == HI_TOK_STRING &&
                   hi_parse_ahead(p, n + 2)->kind == HI_TOK_RBRACKET
               ? n + 3
               : 0;
}

/* Whether ( name, ... ) = begins here. */
static bool list_at_tuple(const hi_parser *p)
{
    uint32_t n = 0;

    do {
        n = list_after_name(p, n + 1);
        if (n == 0) {
            return false;
        }
    } while (hi_parse_ahead(p, n)->kind == HI_TOK_COMMA);
    return hi_parse_ahead(p, n)->kind == HI_TOK_RPAREN &&
           hi_parse_ahead(p, n + 1)->kind == HI_TOK_ASSIGN;
}

static hist_status list_item_names(hi_parser *p, hi_ast_item *out)
{
    hi_ast_name name;

    if (hi_parse_is(p, HI_TOK_LPAREN)) {
        if (!list_at_tuple(p)) {
            return HIST_OK;
        }
        out->tuple = true;
        do {
            hi_parse_next(p);
            HI_TRY(hi_parse_name(p, &name));
            HI_PARSE_PUSH(p, out->names, out->name_count, name);
        } while (hi_parse_is(p, HI_TOK_COMMA));
        hi_parse_next(p);
        hi_parse_next(p);
        return HIST_OK;
    }
    const uint32_t n = list_after_name(p, 0);
    if (n > 0 && hi_parse_ahead(p, n)->kind == HI_TOK_ASSIGN) {
        HI_TRY(hi_parse_name(p, &name));
        HI_PARSE_PUSH(p, out->names, out->name_count, name);
        hi_parse_next(p);
    }
    return HIST_OK;
}

static hist_status list_item_order(hi_parser *p, hi_ast_item *out)
{
    if (hi_parse_take_word(p, "asc")) {
        out->order = HI_ORDER_ASC;
    } else if (hi_parse_take_word(p, "desc")) {
        out->order = HI_ORDER_DESC;
    } else if (hi_parse_word(p, "granny") && hi_parse_ahead(p, 1)->kind == HI_TOK_MINUS) {
        const bool asc = hi_parse_word_ahead(p, 2, "asc");

        if (!asc && !hi_parse_word_ahead(p, 2, "desc")) {
            return hi_parse_expected(p, "granny-asc or granny-desc");
        }
        out->order = asc ? HI_ORDER_GRANNY_ASC : HI_ORDER_GRANNY_DESC;
        hi_parse_next(p);
        hi_parse_next(p);
        hi_parse_next(p);
    }
    if (hi_parse_take_word(p, "nulls")) {
        if (!hi_parse_word(p, "first") && !hi_parse_word(p, "last")) {
            return hi_parse_expected(p, "'first' or 'last'");
        }
        out->nulls = hi_parse_word(p, "first") ? HI_NULLS_FIRST : HI_NULLS_LAST;
        hi_parse_next(p);
    }
    return HIST_OK;
}

static hist_status list_item_expr(hi_parser *p, unsigned flags, hi_ast_item *out)
{
    hist_str pattern;
    hi_ast_span span;

    if ((flags & HI_ITEM_TABLE) != 0) {
        return hi_parse_table(p, &out->expr);
    }
    if ((flags & HI_ITEM_WILD) != 0 && hi_parse_wild(p, &pattern, &span)) {
        HI_TRY(hi_parse_new(p, HI_AST_WILD, &out->expr));
        out->expr->name = pattern;
        out->expr->span = out->expr->op_span = span;
        return hi_parse_finish(p, out->expr);
    }
    return hi_parse_expr(p, &out->expr);
}

hist_status hi_parse_item(hi_parser *p, unsigned flags, hi_ast_item *out)
{
    const uint32_t start = hi_parse_token(p)->span.offset;

    *out = (hi_ast_item){0};
    if ((flags & HI_ITEM_NAMED) != 0) {
        HI_TRY(list_item_names(p, out));
    }
    HI_TRY(list_item_expr(p, flags, out));
    if ((flags & HI_ITEM_TO) != 0 && hi_parse_take_word(p, "to")) {
        HI_TRY(hi_parse_typeof(p, &out->type));
    }
    if ((flags & HI_ITEM_DEFAULT) != 0 && hi_parse_take_word(p, "default")) {
        HI_TRY(hi_parse_expect(p, HI_TOK_ASSIGN));
        HI_TRY(hi_parse_expr(p, &out->value));
    }
    if ((flags & HI_ITEM_ORDER) != 0) {
        HI_TRY(list_item_order(p, out));
    }
    out->span = hi_parse_span_from(p, start);
    return HIST_OK;
}

hist_status hi_parse_items(hi_parser *p, unsigned flags, hi_ast_item **items, uint32_t *count)
{
    hi_ast_item item;

    do {
        HI_TRY(hi_parse_item(p, flags, &item));
        HI_PARSE_PUSH(p, *items, *count, item);
    } while (hi_parse_take(p, HI_TOK_COMMA));
    return HIST_OK;
}

/* ---- settings ---- */

/* Whether `word` is one of the words of `list`, which blanks part. */
static bool list_has_word(const char *list, hist_str word)
{
    while (*list != '\0') {
        const size_t size = strcspn(list, " ");

        if (size == word.size && memcmp(list, word.data, size) == 0) {
            return true;
        }
        list += size + (list[size] == ' ');
    }
    return false;
}

/* A setting's name in tokens, 0 when none begins here: name = or hint.name = */
static uint32_t list_prop_tokens(const hi_parser *p, const char *names)
{
    uint32_t n = 1;

    if (!hi_parse_is(p, HI_TOK_IDENT)) {
        return 0;
    }
    if (hi_parse_word(p, "hint")) {
        while (hi_parse_ahead(p, n)->kind == HI_TOK_DOT &&
               hi_parse_ahead(p, n + 1)->kind == HI_TOK_IDENT) {
            n += 2;
        }
    }
    if (hi_parse_ahead(p, n)->kind != HI_TOK_ASSIGN) {
        return 0;
    }
    return n > 1 || list_has_word(names, hi_parse_str(p, hi_parse_token(p)->span)) ? n : 0;
}

/* A literal or a bare word. */
static hist_status list_prop_value(hi_parser *p, hi_ast_expr **out)
{
    if (!hi_parse_is(p, HI_TOK_IDENT) || hi_parse_word(p, "true") || hi_parse_word(p, "false")) {
        return hi_parse_binary(p, HI_LEVEL_MULTIPLY, out);
    }
    HI_TRY(hi_parse_new(p, HI_AST_NAME, out));
    (*out)->name = hi_parse_str(p, (*out)->span);
    hi_parse_next(p);
    return hi_parse_finish(p, *out);
}

static hist_status list_prop(hi_parser *p, uint32_t tokens, hi_ast_op *op)
{
    const uint32_t start = hi_parse_token(p)->span.offset;
    hi_ast_prop prop = {0};

    for (uint32_t i = 0; i < tokens; i++) {
        hi_parse_next(p);
    }
    prop.name.span = hi_parse_span_from(p, start);
    prop.name.text = hi_parse_str(p, prop.name.span);
    HI_TRY(hi_parse_expect(p, HI_TOK_ASSIGN));
    HI_TRY(list_prop_value(p, &prop.value));
    HI_PARSE_PUSH(p, op->props, op->prop_count, prop);
    return HIST_OK;
}

hist_status hi_parse_props(hi_parser *p, const char *names, hi_ast_op *op)
{
    uint32_t tokens = 0;

    while ((tokens = list_prop_tokens(p, names)) > 0) {
        HI_TRY(list_prop(p, tokens, op));
    }
    return HIST_OK;
}

#define LIST_PROP_SIZE_MAX 4096

static hist_str list_prop_text(const hi_ast_expr *value)
{
    return value->kind == HI_AST_LITERAL ? value->literal.str : value->name;
}

/* Further values of one setting, a, b: joined to one string. */
static hist_status list_prop_more(hi_parser *p, hi_ast_prop *prop)
{
    hi_ast_expr *more = NULL;

    HI_TRY(list_prop_value(p, &more));
    const hist_str a = list_prop_text(prop->value), b = list_prop_text(more);
    if (a.data == NULL || b.data == NULL) {
        return hi_parse_fail(p, more->span, "a list of values is made of names or strings");
    }
    if (a.size + b.size > LIST_PROP_SIZE_MAX) {
        return hi_parse_fail(p, more->span, "a list of values has at most %d bytes",
                             LIST_PROP_SIZE_MAX);
    }
    char *data = hi_arena_alloc(p->arena, a.size + b.size + 1);
    if (data == NULL) {
        return hi_no_memory(p->err, "the syntax tree of a query");
    }
    memcpy(data, a.data, a.size);
    data[a.size] = ',';
    memcpy(data + a.size + 1, b.data, b.size);
    prop->value->kind = HI_AST_LITERAL;
    prop->value->literal =
        (hi_ast_literal){.type = HIST_TYPE_STRING, .str = {data, a.size + b.size + 1}};
    prop->value->span = hi_parse_span_from(p, prop->value->span.offset);
    return HIST_OK;
}

hist_status hi_parse_prop_list(hi_parser *p, hi_ast_op *op)
{
    HI_TRY(hi_parse_expect(p, HI_TOK_LPAREN));
    while (!hi_parse_is(p, HI_TOK_RPAREN)) {
        const bool named =
            hi_parse_is(p, HI_TOK_IDENT) && hi_parse_ahead(p, 1)->kind == HI_TOK_ASSIGN;

        if (named) {
            HI_TRY(list_prop(p, 1, op));
        } else if (op->prop_count > 0) {
            HI_TRY(list_prop_more(p, &op->props[op->prop_count - 1]));
        } else {
            return hi_parse_expected(p, "a setting (name = value)");
        }
        if (!hi_parse_take(p, HI_TOK_COMMA) && !hi_parse_is(p, HI_TOK_RPAREN)) {
            return hi_parse_expected(p, "',' or ')'");
        }
    }
    return hi_parse_expect(p, HI_TOK_RPAREN);
}
