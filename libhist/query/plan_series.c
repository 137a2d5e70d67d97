/*
 * plan_series.c -- planning make-series: a range of the axis becomes a condition (the store sees it), the bin one more
 * key of an ordinary summarize, and op_series.c lays the groups out as arrays.
 */
#include <string.h>

#include "query/op_series.h"
#include "query/plan_agg.h"
#include "query/plan_ops.h"

typedef struct plan_series {
    hi_make_series spec;
    hi_expr *axis;
    hi_expr *from; /* Constants of the axis' type; NULL: not given. */
    hi_expr *to;
    hi_expr *step;
} plan_series;

static hist_status series_bound(hi_plan *p, const plan_series *s, const hi_ast_expr *e,
                                hist_type type, hi_expr **out)
{
    hi_expr *bound;

    (void)s;
    *out = NULL;
    if (e == NULL) {
        return HIST_OK;
    }
    HI_TRY(hi_plan_expr(p, NULL, e, &bound));
    if (!hi_expr_is_const(bound)) {
        return PLAN_FAIL(p, e->span, "make-series: this must be a constant");
    }
    return hi_plan_cast(p, bound, type, out);
}

static hist_type series_step_type(hist_type axis)
{
    return axis == HIST_TYPE_DATETIME ? HIST_TYPE_TIMESPAN : axis;
}

static hist_status series_axis_bind(hi_plan *p, const hi_ast_op *op, const hi_op *in,
                                    plan_series *s)
{
    HI_TRY(hi_plan_expr(p, in, op->expr, &s->axis));
    if (s->axis->type == HIST_TYPE_INT) {
        HI_TRY(hi_plan_cast(p, s->axis, HIST_TYPE_LONG, &s->axis));
    }
    const hist_type type = s->axis->type;
    if (type != HIST_TYPE_DATETIME && type != HIST_TYPE_TIMESPAN && type != HIST_TYPE_LONG &&
        type != HIST_TYPE_REAL) {
        return PLAN_FAIL(p, op->expr->span,
                         "make-series: the axis must be a datetime, timespan or number, not a %s",
                         hist_type_name(type));
    }
    s->spec.axis_type = type;
    s->spec.axis_name = hi_expr_name(&p->b, op->expr);
    if (s->spec.axis_name == NULL || s->spec.axis_name[0] == '\0') {
        s->spec.axis_name = "Column1";
    }
    HI_TRY(series_bound(p, s, op->from, type, &s->from));
    HI_TRY(series_bound(p, s, op->to, type, &s->to));
    HI_TRY(series_bound(p, s, op->step, series_step_type(type), &s->step));
    s->spec.step = hi_expr_value(s->step);
    const hi_value step = s->spec.step;
    if (step.null || (type == HIST_TYPE_REAL ? !(step.real > 0) : step.i64 <= 0)) {
        return PLAN_FAIL(p, op->step->span, "make-series: the step must be greater than 0");
    }
    return HIST_OK;
}

static bool series_has(const hi_expr *e)
{
    return e != NULL && !hi_expr_value(e).null;
}

/* on x in range(start, stop, step): stop belongs to the range and bins begin at multiples of the step. */
static hist_status series_in_range(hi_plan *p, plan_series *s, hi_ast_span span)
{
    const hi_expr *bin_args[2];
    hi_expr *at;

    if (!series_has(s->from) || !series_has(s->to)) {
        return PLAN_FAIL(p, span, "make-series: range() needs a start and a stop");
    }
    bin_args[0] = s->from;
    bin_args[1] = s->step;
    HI_TRY(hi_plan_call(p, "bin", span, bin_args, 2, &at));
    s->from = at;
    bin_args[0] = s->to;
    HI_TRY(hi_plan_call(p, "bin", span, bin_args, 2, &at));
    const hi_expr *sum[2] = {at, s->step};
    return hi_plan_call(p, "+", span, sum, 2, &s->to);
}

/* The rows outside of the axis are left out: from <= axis < to. */
static hist_status series_limit(hi_plan *p, const plan_series *s, hi_ast_span span, hi_op *in,
                                hi_op **out)
{
    hi_expr *e;

    *out = in;
    if (series_has(s->from)) {
        const hi_expr *args[2] = {s->axis, s->from};

        HI_TRY(hi_plan_call(p, ">=", span, args, 2, &e));
        HI_TRY(hi_plan_where(p, e, *out, out));
    }
    if (series_has(s->to)) {
        const hi_expr *args[2] = {s->axis, s->to};

        HI_TRY(hi_plan_call(p, "<", span, args, 2, &e));
        HI_TRY(hi_plan_where(p, e, *out, out));
    }
    return HIST_OK;
}

static hist_status series_bin(hi_plan *p, const plan_series *s, hi_ast_span span, hi_expr **out)
{
    const hi_expr *args[3] = {s->axis, s->step, s->from};

    if (series_has(s->from)) {
        return hi_plan_call(p, "bin_at", span, args, 3, out);
    }
    return hi_plan_call(p, "bin", span, args, 2, out);
}

/* default = e as a value of the array's elements; without it 0 for numbers, null for the rest. */
static hist_status series_default(hi_plan *p, const hi_ast_item *item, hist_type type,
                                  hi_value *out)
{
    hi_value v;

    *out = (hi_value){.type = type, .null = true};
    if (item->value == NULL) {
        out->null = !hi_type_is_number(type) && type != HIST_TYPE_TIMESPAN;
        return HIST_OK;
    }
    HI_TRY(hi_plan_const(p, item->value, "the default", &v));
    if (v.null ||
        (v.type == HIST_TYPE_DYNAMIC && hi_dyn_is_null(hi_dyn_of(v.str.data, v.str.size)))) {
        return HIST_OK;
    }
    if (v.type == type) {
        *out = v;
        return HIST_OK;
    }
    return hi_value_convert(p->x->arena, &v, type, out) ? HIST_OK : hi_plan_no_memory(p);
}

static hist_status series_items(hi_plan *p, const hi_ast_op *op, plan_aggs *aggs, plan_cols *cols,
                                plan_series *s)
{
    hi_arena *arena = p->x->arena;
    const uint32_t first = cols->count;

    hi_value *defaults = HI_NEW_ARRAY(arena, hi_value, (size_t)op->item_count + 1);
    const char **names = HI_NEW_ARRAY(arena, const char *, (size_t)op->item_count + 1);
    if (defaults == NULL || names == NULL) {
        return hi_plan_no_memory(p);
    }
    for (uint32_t i = 0; i < op->item_count; i++) {
        const uint32_t before = cols->count;

        HI_TRY(hi_plan_aggs_item(p, aggs, &op->items[i], cols));
        if (cols->count != before + 1) {
            return PLAN_FAIL(p, op->items[i].span,
                             "make-series: an aggregate with one result is needed here");
        }
        names[i] = cols->fields[before].name;
        HI_TRY(series_default(p, &op->items[i], cols->fields[before].type, &defaults[i]));
    }
    s->spec.array_count = cols->count - first;
    s->spec.defaults = defaults;
    s->spec.array_names = names;
    return HIST_OK;
}

hist_status hi_plan_make_series(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    plan_series s = {.spec = {.span = op->op_span}};
    plan_aggs aggs;
    plan_cols cols;
    hi_expr *bin;
    const hist_str kind = hi_plan_prop(op, "kind");

    HI_TRY(series_axis_bind(p, op, in, &s));
    if (op->in_range) {
        HI_TRY(series_in_range(p, &s, op->op_span));
    }
    HI_TRY(series_limit(p, &s, op->op_span, in, &in));
    HI_TRY(series_bin(p, &s, op->op_span, &bin));
    HI_TRY(hi_plan_aggs_begin(p, in, op->by, op->by_count, &aggs));
    s.spec.key_count = aggs.keys.count;
    s.spec.nonempty = hi_str_is(kind, "nonempty");
    HI_TRY(hi_plan_cols_add(p, &aggs.keys, s.spec.axis_name, bin));
    hi_plan_aggs_keys_done(&aggs);
    HI_TRY(hi_plan_cols_init(p, &cols, aggs.keys.count + op->item_count));
    for (uint32_t k = 0; k < aggs.keys.count; k++) {
        HI_TRY(hi_plan_cols_add(p, &cols, aggs.keys.fields[k].name, hi_plan_aggs_key(p, &aggs, k)));
    }
    HI_TRY(series_items(p, op, &aggs, &cols, &s));
    s.spec.from = series_has(s.from) ? hi_expr_value(s.from) : (hi_value){.null = true};
    s.spec.to = series_has(s.to) ? hi_expr_value(s.to) : (hi_value){.null = true};
    hi_op *group;
    HI_TRY(hi_plan_aggs_op(p, &aggs, &group));
    HI_TRY(hi_plan_project(p, group, &cols, &group));
    return hi_plan_made(p, hi_op_make_series(p->x, group, &s.spec), out);
}
