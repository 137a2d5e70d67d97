/* parse_ops.c -- which word begins which operator, sources, and the operators made of one list. */
#include "query/nearest.h"
#include "query/parse_impl.h"

hist_status hi_parse_by(hi_parser *p, unsigned flags, hi_ast_op *op)
{
    if (!hi_parse_take_word(p, "by")) {
        return HIST_OK;
    }
    op->has_by = true;
    return hi_parse_items(p, flags, &op->by, &op->by_count);
}

/* ---- sources ---- */

static hist_status ops_datatable(hi_parser *p, hi_ast_op *op)
{
    hi_ast_item item = {0};

    HI_TRY(hi_parse_decls(p, false, &op->decls, &op->decl_count, &op->open));
    if (op->open || op->decl_count == 0) {
        return hi_parse_fail(p, op->op_span,
                             "datatable needs its columns: datatable(a:long)[1, 2]");
    }
    for (uint32_t i = 0; i < op->decl_count; i++) {
        if (op->decls[i].type == 0) {
            return hi_parse_fail(
                p, op->decls[i].span, "a column of datatable needs a type: %.*s:long",
                hi_lex_show(op->decls[i].name.text, 0, op->decls[i].name.text.size),
                op->decls[i].name.text.data);
        }
    }
    HI_TRY(hi_parse_expect(p, HI_TOK_LBRACKET));
    while (!hi_parse_is(p, HI_TOK_RBRACKET)) {
        HI_TRY(hi_parse_item(p, 0, &item));
        HI_PARSE_PUSH(p, op->items, op->item_count, item);
        if (!hi_parse_take(p, HI_TOK_COMMA) && !hi_parse_is(p, HI_TOK_RBRACKET)) {
            return hi_parse_expected(p, "',' or ']'");
        }
    }
    return hi_parse_expect(p, HI_TOK_RBRACKET);
}

static hist_status ops_print(hi_parser *p, hi_ast_op *op)
{
    return hi_parse_items(p, HI_ITEM_NAMED, &op->items, &op->item_count);
}

static hist_status ops_range(hi_parser *p, hi_ast_op *op)
{
    hi_ast_name name = {0};

    HI_TRY(hi_parse_name(p, &name));
    HI_PARSE_PUSH(p, op->names, op->name_count, name);
    HI_TRY(hi_parse_expect_word(p, "from"));
    HI_TRY(hi_parse_expr(p, &op->from));
    HI_TRY(hi_parse_expect_word(p, "to"));
    HI_TRY(hi_parse_expr(p, &op->to));
    HI_TRY(hi_parse_expect_word(p, "step"));
    return hi_parse_expr(p, &op->step);
}

static hist_status ops_union(hi_parser *p, hi_ast_op *op)
{
    HI_TRY(hi_parse_props(p, "kind withsource with_source isfuzzy", op));
    return hi_parse_items(p, HI_ITEM_TABLE, &op->items, &op->item_count);
}

/* ---- operators of one list or one expression ---- */

static hist_status ops_expr(hi_parser *p, hi_ast_op *op)
{
    return hi_parse_expr(p, &op->expr);
}

static hist_status ops_nothing(hi_parser *p, hi_ast_op *op)
{
    return hi_parse_props(p, "decodeblocks", op);
}

static hist_status ops_named(hi_parser *p, hi_ast_op *op)
{
    HI_TRY(hi_parse_props(p, "", op));
    return hi_parse_items(p, HI_ITEM_NAMED, &op->items, &op->item_count);
}

static hist_status ops_columns(hi_parser *p, hi_ast_op *op)
{
    const unsigned order = op->kind == HI_OP_PROJECT_REORDER ? HI_ITEM_ORDER : 0;

    return hi_parse_items(p, HI_ITEM_WILD | order, &op->items, &op->item_count);
}

static hist_status ops_rename(hi_parser *p, hi_ast_op *op)
{
    HI_TRY(hi_parse_items(p, HI_ITEM_NAMED, &op->items, &op->item_count));
    for (uint32_t i = 0; i < op->item_count; i++) {
        const hi_ast_item *item = &op->items[i];

        if (item->name_count != 1 || item->expr->kind != HI_AST_NAME) {
            return hi_parse_fail(p, item->span, "project-rename takes pairs of names: new = old");
        }
    }
    return HIST_OK;
}

static hist_status ops_serialize(hi_parser *p, hi_ast_op *op)
{
    const hi_token_kind kind = hi_parse_token(p)->kind;

    HI_TRY(hi_parse_props(p, "", op));
    if (kind == HI_TOK_PIPE || kind == HI_TOK_SEMICOLON || kind == HI_TOK_END ||
        kind == HI_TOK_RPAREN || kind == HI_TOK_RBRACE) {
        return HIST_OK;
    }
    return hi_parse_items(p, HI_ITEM_NAMED, &op->items, &op->item_count);
}

static hist_status ops_summarize(hi_parser *p, hi_ast_op *op)
{
    HI_TRY(hi_parse_props(p, "", op));
    if (!hi_parse_word(p, "by")) {
        HI_TRY(hi_parse_items(p, HI_ITEM_NAMED, &op->items, &op->item_count));
    }
    return hi_parse_by(p, HI_ITEM_NAMED, op);
}

static hist_status ops_mv_expand(hi_parser *p, hi_ast_op *op)
{
    HI_TRY(hi_parse_props(p, "kind bagexpansion with_itemindex", op));
    HI_TRY(hi_parse_items(p, HI_ITEM_NAMED | HI_ITEM_TO, &op->items, &op->item_count));
    return hi_parse_take_word(p, "limit") ? hi_parse_expr(p, &op->expr) : HIST_OK;
}

static hist_status ops_join(hi_parser *p, hi_ast_op *op)
{
    HI_TRY(hi_parse_props(p, "kind", op));
    HI_TRY(hi_parse_table(p, &op->table));
    HI_TRY(hi_parse_expect_word(p, "on"));
    return hi_parse_items(p, 0, &op->items, &op->item_count);
}

static hist_status ops_sort(hi_parser *p, hi_ast_op *op)
{
    HI_TRY(hi_parse_props(p, "", op));
    HI_TRY(hi_parse_expect_word(p, "by"));
    return hi_parse_items(p, HI_ITEM_NAMED | HI_ITEM_ORDER, &op->items, &op->item_count);
}

static hist_status ops_top(hi_parser *p, hi_ast_op *op)
{
    HI_TRY(hi_parse_props(p, "", op));
    HI_TRY(hi_parse_expr(p, &op->expr));
    HI_TRY(hi_parse_expect_word(p, "by"));
    return hi_parse_items(p, HI_ITEM_NAMED | HI_ITEM_ORDER, &op->items, &op->item_count);
}

static hist_status ops_sample_distinct(hi_parser *p, hi_ast_op *op)
{
    hi_ast_item item = {0};

    HI_TRY(hi_parse_expr(p, &op->expr));
    HI_TRY(hi_parse_expect_word(p, "of"));
    HI_TRY(hi_parse_item(p, HI_ITEM_NAMED, &item));
    HI_PARSE_PUSH(p, op->items, op->item_count, item);
    return HIST_OK;
}

static hist_status ops_as(hi_parser *p, hi_ast_op *op)
{
    hi_ast_name name = {0};

    HI_TRY(hi_parse_props(p, "", op));
    HI_TRY(hi_parse_name(p, &name));
    HI_PARSE_PUSH(p, op->names, op->name_count, name);
    return HIST_OK;
}

static hist_status ops_invoke(hi_parser *p, hi_ast_op *op)
{
    HI_TRY(hi_parse_operand(p, &op->expr));
    if (op->expr->kind != HI_AST_CALL) {
        return hi_parse_fail(p, op->expr->span, "invoke takes a function call: invoke f(5)");
    }
    return HIST_OK;
}

/* ---- dispatch ---- */

typedef struct ops_entry {
    const char *name;
    hi_ast_op_kind kind;
    hi_parse_op_fn *read;
} ops_entry;

static const ops_entry ops_sources[] = {
    {"datatable", HI_OP_DATATABLE, ops_datatable},
    {"print", HI_OP_PRINT, ops_print},
    {"range", HI_OP_RANGE, ops_range},
    {"union", HI_OP_UNION, ops_union},
    {"search", HI_OP_SEARCH, hi_parse_op_search},
    {"find", HI_OP_FIND, hi_parse_op_find},
};

static const ops_entry ops_entries[] = {
    {"where", HI_OP_WHERE, ops_expr},
    {"filter", HI_OP_WHERE, ops_expr},
    {"project", HI_OP_PROJECT, ops_named},
    {"extend", HI_OP_EXTEND, ops_named},
    {"project-away", HI_OP_PROJECT_AWAY, ops_columns},
    {"project-keep", HI_OP_PROJECT_KEEP, ops_columns},
    {"project-rename", HI_OP_PROJECT_RENAME, ops_rename},
    {"project-reorder", HI_OP_PROJECT_REORDER, ops_columns},
    {"project-by-names", HI_OP_PROJECT_BY_NAMES, ops_columns},
    {"summarize", HI_OP_SUMMARIZE, ops_summarize},
    {"make-series", HI_OP_MAKE_SERIES, hi_parse_op_make_series},
    {"mv-expand", HI_OP_MV_EXPAND, ops_mv_expand},
    {"mvexpand", HI_OP_MV_EXPAND, ops_mv_expand},
    {"mv-apply", HI_OP_MV_APPLY, hi_parse_op_mv_apply},
    {"join", HI_OP_JOIN, ops_join},
    {"lookup", HI_OP_LOOKUP, ops_join},
    {"sort", HI_OP_SORT, ops_sort},
    {"order", HI_OP_SORT, ops_sort},
    {"top", HI_OP_TOP, ops_top},
    {"top-nested", HI_OP_TOP_NESTED, hi_parse_op_top_nested},
    {"top-hitters", HI_OP_TOP_HITTERS, hi_parse_op_top_hitters},
    {"take", HI_OP_TAKE, ops_expr},
    {"limit", HI_OP_TAKE, ops_expr},
    {"sample", HI_OP_SAMPLE, ops_expr},
    {"sample-distinct", HI_OP_SAMPLE_DISTINCT, ops_sample_distinct},
    {"count", HI_OP_COUNT, ops_nothing},
    {"distinct", HI_OP_DISTINCT, ops_named},
    {"union", HI_OP_UNION, ops_union},
    {"serialize", HI_OP_SERIALIZE, ops_serialize},
    {"render", HI_OP_RENDER, hi_parse_op_render},
    {"getschema", HI_OP_GETSCHEMA, ops_nothing},
    {"as", HI_OP_AS, ops_as},
    {"invoke", HI_OP_INVOKE, ops_invoke},
    {"parse", HI_OP_PARSE, hi_parse_op_parse},
    {"parse-where", HI_OP_PARSE_WHERE, hi_parse_op_parse},
    {"parse-kv", HI_OP_PARSE_KV, hi_parse_op_parse_kv},
    {"partition", HI_OP_PARTITION, hi_parse_op_partition},
    {"scan", HI_OP_SCAN, hi_parse_op_scan},
    {"search", HI_OP_SEARCH, hi_parse_op_search},
    {"fork", HI_OP_FORK, hi_parse_op_fork},
    {"facet", HI_OP_FACET, hi_parse_op_facet},
    {"evaluate", HI_OP_EVALUATE, hi_parse_op_evaluate},
    {"reduce", HI_OP_REDUCE, hi_parse_op_reduce},
    {"consume", HI_OP_CONSUME, ops_nothing},
};
#define OPS_COUNT (sizeof(ops_entries) / sizeof(ops_entries[0]))

/* The word here with its hyphens: "project-away", one piece when nothing stands between. */
static hi_ast_span ops_word(const hi_parser *p)
{
    hi_ast_span span = hi_parse_token(p)->span;

    for (uint32_t n = 1; hi_parse_ahead(p, n)->kind == HI_TOK_MINUS &&
                         hi_parse_ahead(p, n + 1)->kind == HI_TOK_IDENT &&
                         hi_parse_ahead(p, n)->span.offset == hi_span_end(span) &&
                         hi_parse_ahead(p, n + 1)->span.offset == hi_span_end(span) + 1;
         n += 2) {
        span.length += 1 + hi_parse_ahead(p, n + 1)->span.length;
    }
    return span;
}

static const ops_entry *ops_find(hist_str word)
{
    for (size_t i = 0; i < OPS_COUNT; i++) {
        if (hi_str_is(word, ops_entries[i].name)) {
            return &ops_entries[i];
        }
    }
    return NULL;
}

bool hi_parse_at_op(const hi_parser *p)
{
    return hi_parse_is(p, HI_TOK_IDENT) && ops_find(hi_parse_str(p, ops_word(p))) != NULL;
}

static hist_status ops_unknown(hi_parser *p, hi_ast_span span)
{
    const char *names[OPS_COUNT];
    const hist_str word = hi_parse_str(p, span);
    const int shown = hi_lex_show(p->text, span.offset, hi_span_end(span));

    for (size_t i = 0; i < OPS_COUNT; i++) {
        names[i] = ops_entries[i].name;
    }
    for (size_t i = 0; i < sizeof(ops_sources) / sizeof(ops_sources[0]); i++) {
        if (hi_str_is(word, ops_sources[i].name)) {
            return hi_parse_fail(p, span,
                                 "'%.*s' makes rows of its own: it begins a query and "
                                 "does not follow '|'",
                                 shown, word.data);
        }
    }
    const char *near = hi_nearest(word, names, OPS_COUNT);
    if (near != NULL) {
        return hi_parse_fail(p, span, "there is no operator '%.*s'; did you mean '%s'?", shown,
                             word.data, near);
    }
    return hi_parse_fail(p, span, "there is no operator '%.*s'", shown, word.data);
}

static hist_status ops_read(hi_parser *p, const ops_entry *entry, hi_ast_op *op)
{
    op->kind = entry->kind;
    hi_parse_skip_to(p, hi_span_end(op->op_span));
    HI_TRY(entry->read(p, op));
    op->span = hi_parse_span_from(p, op->op_span.offset);
    return HIST_OK;
}

hist_status hi_parse_op(hi_parser *p, hi_ast_op *op)
{
    *op = (hi_ast_op){0};
    if (!hi_parse_is(p, HI_TOK_IDENT)) {
        return hi_parse_expected(p, "an operator such as where, project or summarize");
    }
    op->op_span = ops_word(p);
    const ops_entry *entry = ops_find(hi_parse_str(p, op->op_span));
    return entry == NULL ? ops_unknown(p, op->op_span) : ops_read(p, entry, op);
}

hist_status hi_parse_source(hi_parser *p, hi_ast_op *op)
{
    const size_t count = sizeof(ops_sources) / sizeof(ops_sources[0]);
    size_t i = 0;

    *op = (hi_ast_op){.op_span = hi_parse_token(p)->span};
    while (i < count && !hi_parse_word(p, ops_sources[i].name)) {
        i++;
    }
    return i < count ? ops_read(p, &ops_sources[i], op) : hi_parse_expected(p, "a table");
}
