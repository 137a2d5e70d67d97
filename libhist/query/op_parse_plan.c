/* op_parse_plan.c -- planning parse and parse-where; kind=regex becomes calls of extract(). */
#include <string.h>

#include "query/op_parse.h"
#include "query/plan.h"
#include "query/plan_ops.h"

typedef struct plan_parse {
    const hi_expr *text;
    plan_cols cols; /* Of the result. */
} plan_parse;

static hist_type parse_type(const hi_ast_item *item)
{
    return item->type != 0 ? item->type : HIST_TYPE_STRING;
}

/* The column of the result an item stands for: the one of that name, or a new one. */
static hist_status parse_column(hi_plan *p, plan_parse *plan, const hi_ast_item *item,
                                const hi_expr *e, uint32_t *out)
{
    const char *name = hi_plan_name(p, item->names[0].text);

    if (name == NULL || e == NULL) {
        return hi_plan_no_memory(p);
    }
    const int32_t c = hi_plan_find(&plan->cols, name);
    if (c >= 0) {
        plan->cols.fields[c].type = e->type;
        plan->cols.exprs[c] = e;
        *out = (uint32_t)c;
        return HIST_OK;
    }
    *out = plan->cols.count;
    return hi_plan_cols_add(p, &plan->cols, name, e);
}

/* ---- plain texts ---- */

static hist_status parse_piece(hi_plan *p, plan_parse *plan, const hi_ast_item *item,
                               hi_piece *piece)
{
    if (item->name_count > 0) {
        *piece = (hi_piece){.kind = HI_PIECE_COLUMN, .type = parse_type(item)};
        /* Only the name and the type of this expression count. */
        return parse_column(p, plan, item, hi_expr_column(p->x->arena, 0, piece->type, item->span),
                            &piece->column);
    }
    if (item->expr->kind == HI_AST_WILD) {
        *piece = (hi_piece){.kind = HI_PIECE_ANY};
        return HIST_OK;
    }
    *piece = (hi_piece){.kind = HI_PIECE_TEXT, .text = item->expr->literal.str};
    return HIST_OK;
}

static hist_status parse_plain(hi_plan *p, const hi_ast_op *op, hi_op *in, plan_parse *plan,
                               hi_op **out)
{
    hi_piece *pieces = HI_NEW_ARRAY(p->x->arena, hi_piece, (size_t)op->item_count + 1);

    if (pieces == NULL) {
        return hi_plan_no_memory(p);
    }
    for (uint32_t i = 0; i < op->item_count; i++) {
        HI_TRY(parse_piece(p, plan, &op->items[i], &pieces[i]));
    }
    const hi_parse_spec spec = {.schema = {plan->cols.count, plan->cols.fields},
                                .text = plan->text,
                                .pieces = pieces,
                                .piece_count = op->item_count,
                                .relaxed = hi_str_is(hi_plan_prop(op, "kind"), "relaxed"),
                                .where = op->kind == HI_OP_PARSE_WHERE};
    return hi_plan_made(p, hi_op_parse(p->x, in, &spec), out);
}

/* ---- regular expressions ---- */

/* Groups that a pattern numbers: '(' that is not escaped, not in [] and not (?: and the like. */
static uint32_t parse_groups(hist_str s)
{
    uint32_t count = 0;
    bool set = false;

    for (size_t i = 0; i < s.size; i++) {
        const char next = i + 1 < s.size ? s.data[i + 1] : '\0';

        if (s.data[i] == '\\') {
            i++;
        } else if (set) {
            set = s.data[i] != ']';
        } else if (s.data[i] == '[') {
            set = true;
        } else if (s.data[i] == '(' && next != '?') {
            count++;
        } else if (s.data[i] == '(' && i + 2 < s.size) {
            const char third = s.data[i + 2];
            const char fourth = i + 3 < s.size ? s.data[i + 3] : '\0';

            count += third == 'P' || (third == '<' && fourth != '=' && fourth != '!');
        }
    }
    return count;
}

static const char *parse_group(hist_type type)
{
    switch (type) {
    case HIST_TYPE_INT:
    case HIST_TYPE_LONG:
        return "([-+]?[0-9]+)";
    case HIST_TYPE_REAL:
    case HIST_TYPE_DECIMAL:
        return "([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)";
    default:
        return "(.*)";
    }
}

/* The whole pattern, and the group of each item. */
static hist_status parse_pattern(hi_plan *p, const hi_ast_op *op, uint32_t *groups,
                                 const char **out)
{
    const hist_str flags = hi_plan_prop(op, "flags");
    uint32_t count = 0;

    for (size_t i = 0; i < flags.size; i++) {
        if (memchr("imsU", flags.data[i], 4) == NULL) {
            return PLAN_FAIL(p, op->op_span,
                             "parse: there is no flag '%c'; there are i, m, s and U",
                             flags.data[i]);
        }
    }
    const char *s = flags.size > 0
                        ? hi_arena_printf(p->x->arena, "(?%.*s)^", (int)flags.size, flags.data)
                        : "^";
    for (uint32_t i = 0; i < op->item_count && s != NULL; i++) {
        const hi_ast_item *item = &op->items[i];

        if (item->name_count > 0) {
            groups[i] = ++count;
            s = hi_arena_printf(p->x->arena, "%s%s", s, parse_group(parse_type(item)));
        } else if (item->expr->kind == HI_AST_WILD) {
            s = hi_arena_printf(p->x->arena, "%s.*", s);
        } else {
            const hist_str text = item->expr->literal.str;

            count += parse_groups(text);
            s = hi_arena_printf(p->x->arena, "%s(?:%.*s)", s, (int)text.size, text.data);
        }
    }
    *out = s != NULL ? hi_arena_printf(p->x->arena, "%s$", s) : NULL;
    return *out != NULL ? HIST_OK : hi_plan_no_memory(p);
}

static hi_expr *parse_const(hi_plan *p, const char *text, hi_ast_span span)
{
    const hi_value v = {.type = HIST_TYPE_STRING, .str = {text, strlen(text)}};

    return hi_expr_const(p->x->arena, &v, HIST_TYPE_STRING, span);
}

static hist_status parse_extract(hi_plan *p, plan_parse *plan, const hi_ast_item *item,
                                 const char *pattern, uint32_t group)
{
    const hi_value n = {.type = HIST_TYPE_LONG, .i64 = group};
    const hi_expr *args[3] = {parse_const(p, pattern, item->span),
                              hi_expr_const(p->x->arena, &n, HIST_TYPE_LONG, item->span),
                              plan->text};
    hi_expr *e;
    uint32_t column;

    if (args[0] == NULL || args[1] == NULL) {
        return hi_plan_no_memory(p);
    }
    HI_TRY(hi_plan_call(p, "extract", item->span, args, 3, &e));
    HI_TRY(hi_plan_cast(p, e, parse_type(item), &e));
    return parse_column(p, plan, item, e, &column);
}

static hist_status parse_regex(hi_plan *p, const hi_ast_op *op, hi_op *in, plan_parse *plan,
                               hi_op **out)
{
    const char *pattern;
    uint32_t *groups = HI_NEW_ARRAY(p->x->arena, uint32_t, (size_t)op->item_count + 1);

    if (groups == NULL) {
        return hi_plan_no_memory(p);
    }
    HI_TRY(parse_pattern(p, op, groups, &pattern));
    for (uint32_t i = 0; i < op->item_count; i++) {
        if (groups[i] != 0) {
            HI_TRY(parse_extract(p, plan, &op->items[i], pattern, groups[i]));
        }
    }
    *out = in;
    if (op->kind == HI_OP_PARSE_WHERE) {
        const hi_expr *args[2] = {plan->text, parse_const(p, pattern, op->op_span)};
        hi_expr *matches;

        if (args[1] == NULL) {
            return hi_plan_no_memory(p);
        }
        HI_TRY(hi_plan_call(p, "matches regex", op->op_span, args, 2, &matches));
        HI_TRY(hi_plan_where(p, matches, in, out));
    }
    return hi_plan_project(p, *out, &plan->cols, out);
}

hist_status hi_plan_parse(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    plan_parse plan;
    hi_expr *text;
    const hist_str kind = hi_plan_prop(op, "kind");

    HI_TRY(hi_plan_expr(p, in, op->expr, &text));
    HI_TRY(hi_plan_cast(p, text, HIST_TYPE_STRING, &text));
    plan.text = text;
    HI_TRY(hi_plan_cols_init(p, &plan.cols, in->schema.count + op->item_count));
    for (uint32_t c = 0; c < in->schema.count; c++) {
        HI_TRY(
            hi_plan_cols_add(p, &plan.cols, in->schema.fields[c].name, hi_plan_column(p, in, c)));
    }
    if (hi_str_is(kind, "regex")) {
        return parse_regex(p, op, in, &plan, out);
    }
    if (kind.size > 0 && !hi_str_is(kind, "simple") && !hi_str_is(kind, "relaxed")) {
        return PLAN_FAIL(p, op->op_span,
                         "parse: there is no kind '%.*s'; there are simple, relaxed and regex",
                         (int)kind.size, kind.data);
    }
    return parse_plain(p, op, in, &plan, out);
}
