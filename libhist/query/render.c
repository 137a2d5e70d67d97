/* render.c -- render: changes no rows, leaves a description of the chart. */
#include <string.h>

#include "query/plan.h"
#include "query/plan_ops.h"

/* Properties in the order Kusto writes them; how their values look. */
typedef enum render_form { RENDER_TEXT, RENDER_LIST, RENDER_BOOL, RENDER_NUMBER } render_form;

static const struct {
    const char *name; /* In the answer; in the text it may be written in any case. */
    render_form form;
} render_props[] = {
    {"Title", RENDER_TEXT},         {"XColumn", RENDER_TEXT},        {"Series", RENDER_LIST},
    {"YColumns", RENDER_LIST},      {"AnomalyColumns", RENDER_LIST}, {"XTitle", RENDER_TEXT},
    {"YTitle", RENDER_TEXT},        {"XAxis", RENDER_TEXT},          {"YAxis", RENDER_TEXT},
    {"Legend", RENDER_TEXT},        {"YSplit", RENDER_TEXT},         {"Accumulate", RENDER_BOOL},
    {"IsQuerySorted", RENDER_BOOL}, {"Kind", RENDER_TEXT},           {"Ymin", RENDER_NUMBER},
    {"Ymax", RENDER_NUMBER},
};

/* "a,b" as ["a","b"]. */
static void render_list(hi_buf *to, hist_str text)
{
    size_t from = 0;

    hi_buf_byte(to, '[');
    for (size_t i = 0; i <= text.size; i++) {
        if (i == text.size || text.data[i] == ',') {
            if (from > 0) {
                hi_buf_byte(to, ',');
            }
            while (from < i && text.data[from] == ' ') {
                from++;
            }
            hi_json_string(to, text.data + from, i - from);
            from = i + 1;
        }
    }
    hi_buf_byte(to, ']');
}

static void render_number(hi_buf *to, const hi_ast_literal *l)
{
    if (l != NULL && l->type == HIST_TYPE_REAL) {
        hi_buf_printf(to, "%.17g", l->real);
    } else if (l != NULL && (l->type == HIST_TYPE_LONG || l->type == HIST_TYPE_INT)) {
        hi_buf_printf(to, "%lld", (long long)l->i64);
    } else {
        hi_buf_printf(to, "\"NaN\"");
    }
}

static void render_prop(hi_buf *to, const hi_ast_op *op, const char *name, render_form form)
{
    const hi_ast_prop *prop = hi_ast_prop_find(op, name);
    const hi_ast_literal *l =
        prop != NULL && prop->value != NULL && prop->value->kind == HI_AST_LITERAL
            ? &prop->value->literal
            : NULL;
    const hist_str text = hi_plan_prop(op, name);

    hi_buf_printf(to, ",\"%s\":", name);
    if (form == RENDER_NUMBER) {
        render_number(to, l);
    } else if (form == RENDER_BOOL) {
        const bool on = (l != NULL && l->type == HIST_TYPE_BOOL && l->i64 != 0) ||
                        (l == NULL && hi_str_is(text, "true"));

        hi_buf_printf(to, on ? "true" : "false");
    } else if (prop == NULL) {
        hi_buf_printf(to, "null");
    } else if (form == RENDER_LIST) {
        render_list(to, text);
    } else {
        hi_json_string(to, text.data, text.size);
    }
}

hist_status hi_plan_render(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    hi_buf buf;

    hi_buf_init(&buf, p->x->ctx->mem, 1 << 20);
    hi_buf_printf(&buf, "{\"Visualization\":");
    hi_json_string(&buf, op->names[0].text.data, op->names[0].text.size);
    for (size_t i = 0; i < sizeof(render_props) / sizeof(render_props[0]); i++) {
        render_prop(&buf, op, render_props[i].name, render_props[i].form);
    }
    hi_buf_byte(&buf, '}');
    p->visualization = hi_buf_ok(&buf) ? hi_arena_strdup(p->x->arena, buf.data, buf.size) : NULL;
    hi_buf_free(&buf);
    *out = in;
    return p->visualization != NULL ? HIST_OK : hi_plan_no_memory(p);
}
