/* parse_ops2.c -- operators with a grammar of their own. */
#include "query/parse_impl.h"

/* ---- make-series, mv-apply ---- */

/* in range(start, stop, step) */
static hist_status ops2_in_range(hi_parser *p, hi_ast_op *op)
{
    op->in_range = true;
    HI_TRY(hi_parse_expect_word(p, "range"));
    HI_TRY(hi_parse_expect(p, HI_TOK_LPAREN));
    HI_TRY(hi_parse_expr(p, &op->from));
    HI_TRY(hi_parse_expect(p, HI_TOK_COMMA));
    HI_TRY(hi_parse_expr(p, &op->to));
    HI_TRY(hi_parse_expect(p, HI_TOK_COMMA));
    HI_TRY(hi_parse_expr(p, &op->step));
    return hi_parse_expect(p, HI_TOK_RPAREN);
}

hist_status hi_parse_op_make_series(hi_parser *p, hi_ast_op *op)
{
    HI_TRY(hi_parse_props(p, "kind", op));
    HI_TRY(hi_parse_items(p, HI_ITEM_NAMED | HI_ITEM_DEFAULT, &op->items, &op->item_count));
    HI_TRY(hi_parse_expect_word(p, "on"));
    HI_TRY(hi_parse_binary(p, HI_LEVEL_ADD, &op->expr));
    if (hi_parse_take_word(p, "in")) {
        HI_TRY(ops2_in_range(p, op));
        return hi_parse_by(p, HI_ITEM_NAMED, op);
    }
    if (hi_parse_take_word(p, "from")) {
        HI_TRY(hi_parse_expr(p, &op->from));
    }
    if (hi_parse_take_word(p, "to")) {
        HI_TRY(hi_parse_expr(p, &op->to));
    }
    HI_TRY(hi_parse_expect_word(p, "step"));
    HI_TRY(hi_parse_expr(p, &op->step));
    return hi_parse_by(p, HI_ITEM_NAMED, op);
}

hist_status hi_parse_op_mv_apply(hi_parser *p, hi_ast_op *op)
{
    HI_TRY(hi_parse_props(p, "with_itemindex kind bagexpansion", op));
    HI_TRY(hi_parse_items(p, HI_ITEM_NAMED | HI_ITEM_TO, &op->items, &op->item_count));
    if (hi_parse_take_word(p, "limit")) {
        HI_TRY(hi_parse_expr(p, &op->expr));
    }
    HI_TRY(hi_parse_expect_word(p, "on"));
    return hi_parse_block(p, &op->table);
}

/* ---- top-nested, top-hitters ---- */

static hist_status ops2_push_item(hi_parser *p, unsigned flags, hi_ast_item **items,
                                  uint32_t *count)
{
    hi_ast_item item = {0};

    HI_TRY(hi_parse_item(p, flags, &item));
    HI_PARSE_PUSH(p, *items, *count, item);
    return HIST_OK;
}

/* [N] of e [with others = v] by agg [asc] */
static hist_status ops2_top_level(hi_parser *p, hi_ast_op *level)
{
    if (!hi_parse_word(p, "of")) {
        HI_TRY(hi_parse_expr(p, &level->expr));
    }
    HI_TRY(hi_parse_expect_word(p, "of"));
    HI_TRY(ops2_push_item(p, HI_ITEM_NAMED, &level->items, &level->item_count));
    if (hi_parse_take_word(p, "with")) {
        HI_TRY(hi_parse_expect_word(p, "others"));
        HI_TRY(hi_parse_expect(p, HI_TOK_ASSIGN));
        HI_TRY(hi_parse_expr(p, &level->value));
    }
    HI_TRY(hi_parse_expect_word(p, "by"));
    level->has_by = true;
    return ops2_push_item(p, HI_ITEM_NAMED | HI_ITEM_ORDER, &level->by, &level->by_count);
}

hist_status hi_parse_op_top_nested(hi_parser *p, hi_ast_op *op)
{
    hi_ast_op level = {.kind = HI_OP_TOP_LEVEL, .op_span = op->op_span};

    for (;;) {
        HI_TRY(ops2_top_level(p, &level));
        level.span = hi_parse_span_from(p, level.op_span.offset);
        HI_PARSE_PUSH(p, op->subs, op->sub_count, level);
        if (!hi_parse_take(p, HI_TOK_COMMA)) {
            return HIST_OK;
        }
        level = (hi_ast_op){.kind = HI_OP_TOP_LEVEL, .op_span = hi_parse_token(p)->span};
        if (!hi_parse_word(p, "top") || hi_parse_ahead(p, 1)->kind != HI_TOK_MINUS ||
            !hi_parse_word_ahead(p, 2, "nested")) {
            return hi_parse_expected(p, "another top-nested");
        }
        level.op_span.length = hi_span_end(hi_parse_ahead(p, 2)->span) - level.op_span.offset;
        hi_parse_skip_to(p, hi_span_end(level.op_span));
    }
}

hist_status hi_parse_op_top_hitters(hi_parser *p, hi_ast_op *op)
{
    HI_TRY(hi_parse_expr(p, &op->expr));
    HI_TRY(hi_parse_expect_word(p, "of"));
    HI_TRY(ops2_push_item(p, HI_ITEM_NAMED, &op->items, &op->item_count));
    return hi_parse_by(p, HI_ITEM_NAMED, op);
}

/* ---- parse, parse-kv ---- */

static bool ops2_at_pattern_end(const hi_parser *p)
{
    const hi_token_kind kind = hi_parse_token(p)->kind;

    return kind == HI_TOK_END || kind == HI_TOK_PIPE || kind == HI_TOK_SEMICOLON ||
           kind == HI_TOK_RPAREN || kind == HI_TOK_RBRACE || kind == HI_TOK_COMMA;
}

/* "text", *, or column[:type] */
static hist_status ops2_pattern_piece(hi_parser *p, hi_ast_op *op)
{
    const uint32_t start = hi_parse_token(p)->span.offset;
    hi_ast_item item = {0};
    hi_ast_name name = {0};

    if (hi_parse_at_name(p)) {
        HI_TRY(hi_parse_name(p, &name));
        HI_PARSE_PUSH(p, item.names, item.name_count, name);
        if (hi_parse_take(p, HI_TOK_COLON)) {
            HI_TRY(hi_parse_type(p, &item.type));
        }
    } else if (hi_parse_is(p, HI_TOK_STRING) || hi_parse_is(p, HI_TOK_STAR)) {
        HI_TRY(hi_parse_operand(p, &item.expr));
    } else {
        return hi_parse_expected(p, "a string, '*' or a column (name:type)");
    }
    item.span = hi_parse_span_from(p, start);
    HI_PARSE_PUSH(p, op->items, op->item_count, item);
    return HIST_OK;
}

hist_status hi_parse_op_parse(hi_parser *p, hi_ast_op *op)
{
    HI_TRY(hi_parse_props(p, "kind flags", op));
    HI_TRY(hi_parse_expr(p, &op->expr));
    HI_TRY(hi_parse_expect_word(p, "with"));
    do {
        HI_TRY(ops2_pattern_piece(p, op));
    } while (!ops2_at_pattern_end(p));
    return HIST_OK;
}

hist_status hi_parse_op_parse_kv(hi_parser *p, hi_ast_op *op)
{
    bool open = false;

    HI_TRY(hi_parse_expr(p, &op->expr));
    HI_TRY(hi_parse_expect_word(p, "as"));
    HI_TRY(hi_parse_decls(p, false, &op->decls, &op->decl_count, &open));
    if (open || op->decl_count == 0) {
        return hi_parse_fail(p, op->op_span, "parse-kv needs its columns: as (key:type, ...)");
    }
    return hi_parse_take_word(p, "with") ? hi_parse_prop_list(p, op) : HIST_OK;
}

/* ---- operators with pipelines in them ---- */

/* The key. `k (` is a column and a block here, not a call. */
static hist_status ops2_partition_key(hi_parser *p, hi_ast_op *op)
{
    hi_ast_name name = {0};
    const bool quoted = hi_parse_is(p, HI_TOK_LBRACKET);

    if (!hi_parse_at_name(p)) {
        return hi_parse_expected(p, "a column");
    }
    HI_TRY(hi_parse_new(p, HI_AST_NAME, &op->expr));
    HI_TRY(hi_parse_name(p, &name));
    op->expr->name = name.text;
    op->expr->span = op->expr->op_span = name.span;
    op->expr->quoted = quoted;
    return hi_parse_finish(p, op->expr);
}

hist_status hi_parse_op_partition(hi_parser *p, hi_ast_op *op)
{
    HI_TRY(hi_parse_props(p, "", op));
    HI_TRY(hi_parse_expect_word(p, "by"));
    HI_TRY(ops2_partition_key(p, op));
    if (hi_parse_take(p, HI_TOK_LBRACE)) {
        HI_TRY(hi_parse_enter(p));
        HI_TRY(hi_parse_any(p, &op->table));
        hi_parse_leave(p);
        return hi_parse_expect(p, HI_TOK_RBRACE);
    }
    return hi_parse_block(p, &op->table);
}

hist_status hi_parse_op_fork(hi_parser *p, hi_ast_op *op)
{
    do {
        hi_ast_item item = {0};
        hi_ast_name name = {0};

        item.span = hi_parse_token(p)->span;
        if (hi_parse_at_name(p)) {
            HI_TRY(hi_parse_name(p, &name));
            HI_PARSE_PUSH(p, item.names, item.name_count, name);
            HI_TRY(hi_parse_expect(p, HI_TOK_ASSIGN));
        }
        HI_TRY(hi_parse_block(p, &item.expr));
        item.span = hi_parse_span_from(p, item.span.offset);
        HI_PARSE_PUSH(p, op->items, op->item_count, item);
        (void)hi_parse_take(p, HI_TOK_COMMA);
    } while (hi_parse_at_name(p) || hi_parse_is(p, HI_TOK_LPAREN));
    return HIST_OK;
}

hist_status hi_parse_op_facet(hi_parser *p, hi_ast_op *op)
{
    if (!hi_parse_word(p, "by")) {
        return hi_parse_expected(p, "'by'");
    }
    HI_TRY(hi_parse_by(p, 0, op));
    return hi_parse_take_word(p, "with") ? hi_parse_block(p, &op->table) : HIST_OK;
}

/* ---- scan ---- */

/* step name [optional] [output = all]: condition [=> column = e, ...]; */
static hist_status ops2_step(hi_parser *p, hi_ast_op *step)
{
    hi_ast_name name = {0};

    step->op_span = hi_parse_token(p)->span;
    HI_TRY(hi_parse_expect_word(p, "step"));
    HI_TRY(hi_parse_name(p, &name));
    HI_PARSE_PUSH(p, step->names, step->name_count, name);
    step->optional = hi_parse_take_word(p, "optional");
    HI_TRY(hi_parse_props(p, "output", step));
    HI_TRY(hi_parse_expect(p, HI_TOK_COLON));
    HI_TRY(hi_parse_expr(p, &step->expr));
    if (hi_parse_take(p, HI_TOK_ARROW)) {
        HI_TRY(hi_parse_items(p, HI_ITEM_NAMED, &step->items, &step->item_count));
    }
    step->span = hi_parse_span_from(p, step->op_span.offset);
    return HIST_OK;
}

hist_status hi_parse_op_scan(hi_parser *p, hi_ast_op *op)
{
    bool open = false;

    HI_TRY(hi_parse_props(p, "with_match_id", op));
    if (hi_parse_take_word(p, "declare")) {
        op->has_decls = true;
        HI_TRY(hi_parse_decls(p, false, &op->decls, &op->decl_count, &open));
    }
    HI_TRY(hi_parse_expect_word(p, "with"));
    HI_TRY(hi_parse_expect(p, HI_TOK_LPAREN));
    do {
        hi_ast_op step = {.kind = HI_OP_STEP};

        HI_TRY(ops2_step(p, &step));
        HI_PARSE_PUSH(p, op->subs, op->sub_count, step);
        if (!hi_parse_take(p, HI_TOK_SEMICOLON) && !hi_parse_is(p, HI_TOK_RPAREN)) {
            return hi_parse_expected(p, "';' or ')'");
        }
    } while (!hi_parse_is(p, HI_TOK_RPAREN));
    return hi_parse_expect(p, HI_TOK_RPAREN);
}

/* ---- evaluate, render, reduce ---- */

hist_status hi_parse_op_evaluate(hi_parser *p, hi_ast_op *op)
{
    HI_TRY(hi_parse_props(p, "", op));
    HI_TRY(hi_parse_operand(p, &op->expr));
    if (op->expr->kind != HI_AST_CALL) {
        return hi_parse_fail(p, op->expr->span, "evaluate takes a plugin call: evaluate pivot(c)");
    }
    if (!hi_parse_take(p, HI_TOK_COLON)) {
        return HIST_OK;
    }
    op->has_decls = true;
    return hi_parse_decls(p, false, &op->decls, &op->decl_count, &op->open);
}

hist_status hi_parse_op_render(hi_parser *p, hi_ast_op *op)
{
    static const char settings[] =
        "kind title xaxis yaxis xcolumn ycolumns series accumulate legend "
        "ymin ymax xtitle ytitle ysplit anomalycolumns";
    hi_ast_name name = {0};

    HI_TRY(hi_parse_name(p, &name));
    HI_PARSE_PUSH(p, op->names, op->name_count, name);
    HI_TRY(hi_parse_props(p, settings, op));
    return hi_parse_take_word(p, "with") ? hi_parse_prop_list(p, op) : HIST_OK;
}

hist_status hi_parse_op_reduce(hi_parser *p, hi_ast_op *op)
{
    HI_TRY(hi_parse_props(p, "kind", op));
    if (!hi_parse_word(p, "by")) {
        return hi_parse_expected(p, "'by'");
    }
    hi_parse_next(p);
    op->has_by = true;
    HI_TRY(ops2_push_item(p, HI_ITEM_NAMED, &op->by, &op->by_count));
    return hi_parse_take_word(p, "with") ? hi_parse_props(p, "threshold characters", op) : HIST_OK;
}

/* ---- search, find ---- */

/* in (T1, T2*) */
static hist_status ops2_in_tables(hi_parser *p, hi_ast_op *op)
{
    if (!hi_parse_take_word(p, "in")) {
        return HIST_OK;
    }
    HI_TRY(hi_parse_expect(p, HI_TOK_LPAREN));
    HI_TRY(hi_parse_items(p, HI_ITEM_TABLE, &op->items, &op->item_count));
    return hi_parse_expect(p, HI_TOK_RPAREN);
}

static hist_status ops2_predicate(hi_parser *p, hi_ast_op *op)
{
    const bool outer = p->in_search;

    p->in_search = true;
    HI_TRY(hi_parse_expr(p, &op->expr));
    p->in_search = outer;
    return HIST_OK;
}

hist_status hi_parse_op_search(hi_parser *p, hi_ast_op *op)
{
    HI_TRY(hi_parse_props(p, "kind", op));
    HI_TRY(ops2_in_tables(p, op));
    return ops2_predicate(p, op);
}

/* name[:type] or pack(*) */
static hist_status ops2_find_column(hi_parser *p, hi_ast_op *op)
{
    hi_ast_item item = {0};

    HI_TRY(hi_parse_item(p, HI_ITEM_NAMED, &item));
    if (hi_parse_take(p, HI_TOK_COLON)) {
        HI_TRY(hi_parse_type(p, &item.type));
        item.span = hi_parse_span_from(p, item.span.offset);
    }
    HI_PARSE_PUSH(p, op->by, op->by_count, item);
    return HIST_OK;
}

hist_status hi_parse_op_find(hi_parser *p, hi_ast_op *op)
{
    HI_TRY(hi_parse_props(p, "withsource datascope", op));
    HI_TRY(ops2_in_tables(p, op));
    (void)hi_parse_take_word(p, "where");
    HI_TRY(ops2_predicate(p, op));
    if (!hi_parse_word(p, "project")) {
        return HIST_OK;
    }
    hi_parse_next(p);
    if (hi_parse_is(p, HI_TOK_MINUS) && hi_parse_word_ahead(p, 1, "smart")) {
        hi_parse_next(p);
        hi_parse_next(p);
        return HIST_OK;
    }
    op->find_project = true;
    do {
        HI_TRY(ops2_find_column(p, op));
    } while (hi_parse_take(p, HI_TOK_COMMA));
    return HIST_OK;
}
