/* plan_agg.c -- which aggregates there are, their types and names. */
#include "query/plan_agg.h"

#include <string.h>

#include "query/nearest.h"
#include "query/plan_ops.h"

typedef enum agg_class {
    AGG_COUNT,
    AGG_SUM,
    AGG_AVG,
    AGG_MIN,
    AGG_MAX,
    AGG_SPREAD,
    AGG_COVARIANCE,
    AGG_BITS,
    AGG_PERCENTILE,
    AGG_PERCENTILES,
    AGG_PERCENTILES_ARRAY,
    AGG_LIST,
    AGG_DCOUNT,
    AGG_BAG,
    AGG_ARG,
    AGG_ANY,
} agg_class;

typedef struct agg_name {
    const char *name;
    agg_class class;
    const hi_agg_kind *kind;
    const char *prefix; /* Of the result's name, with "_". */
    bool filtered;      /* The last argument is a condition. */
    bool weighted;
} agg_name;

static const agg_name agg_names[] = {
    {"count", AGG_COUNT, &hi_agg_count, "count_", false, false},
    {"countif", AGG_COUNT, &hi_agg_count, "countif_", true, false},
    {"sum", AGG_SUM, NULL, "sum_", false, false},
    {"sumif", AGG_SUM, NULL, "sumif_", true, false},
    {"avg", AGG_AVG, NULL, "avg_", false, false},
    {"avgif", AGG_AVG, NULL, "avgif_", true, false},
    {"min", AGG_MIN, NULL, "min_", false, false},
    {"minif", AGG_MIN, NULL, "minif_", true, false},
    {"max", AGG_MAX, NULL, "max_", false, false},
    {"maxif", AGG_MAX, NULL, "maxif_", true, false},
    {"stdev", AGG_SPREAD, &hi_agg_stdev, "stdev_", false, false},
    {"stdevif", AGG_SPREAD, &hi_agg_stdev, "stdevif_", true, false},
    {"stdevp", AGG_SPREAD, &hi_agg_stdevp, "stdevp_", false, false},
    {"stdevpif", AGG_SPREAD, &hi_agg_stdevp, "stdevpif_", true, false},
    {"variance", AGG_SPREAD, &hi_agg_variance, "variance_", false, false},
    {"varianceif", AGG_SPREAD, &hi_agg_variance, "varianceif_", true, false},
    {"variancep", AGG_SPREAD, &hi_agg_variancep, "variancep_", false, false},
    {"variancepif", AGG_SPREAD, &hi_agg_variancep, "variancepif_", true, false},
    {"covariance", AGG_COVARIANCE, &hi_agg_covariance, "covariance_", false, false},
    {"covarianceif", AGG_COVARIANCE, &hi_agg_covariance, "covarianceif_", true, false},
    {"covariancep", AGG_COVARIANCE, &hi_agg_covariancep, "covariancep_", false, false},
    {"covariancepif", AGG_COVARIANCE, &hi_agg_covariancep, "covariancepif_", true, false},
    {"binary_all_and", AGG_BITS, &hi_agg_and, "binary_all_and_", false, false},
    {"binary_all_or", AGG_BITS, &hi_agg_or, "binary_all_or_", false, false},
    {"binary_all_xor", AGG_BITS, &hi_agg_xor, "binary_all_xor_", false, false},
    {"percentile", AGG_PERCENTILE, &hi_agg_percentile, "percentile_", false, false},
    {"percentilew", AGG_PERCENTILE, &hi_agg_percentile, "percentilew_", false, true},
    {"percentiles", AGG_PERCENTILES, &hi_agg_percentile, "percentile_", false, false},
    {"percentilesw", AGG_PERCENTILES, &hi_agg_percentile, "percentilesw_", false, true},
    {"percentiles_array", AGG_PERCENTILES_ARRAY, &hi_agg_percentile, "percentiles_", false, false},
    {"percentilesw_array", AGG_PERCENTILES_ARRAY, &hi_agg_percentile, "percentiles_", false, true},
    {"make_list", AGG_LIST, &hi_agg_list, "list_", false, false},
    {"makelist", AGG_LIST, &hi_agg_list, "list_", false, false},
    {"make_list_if", AGG_LIST, &hi_agg_list, "list_", true, false},
    {"make_list_with_nulls", AGG_LIST, &hi_agg_list_nulls, "list_", false, false},
    {"make_set", AGG_LIST, &hi_agg_set, "set_", false, false},
    {"makeset", AGG_LIST, &hi_agg_set, "set_", false, false},
    {"make_set_if", AGG_LIST, &hi_agg_set, "set_", true, false},
    {"make_bag", AGG_BAG, &hi_agg_bag, "bag_", false, false},
    {"make_bag_if", AGG_BAG, &hi_agg_bag, "bag_", true, false},
    {"make_dictionary", AGG_BAG, &hi_agg_bag, "bag_", false, false},
    {"dcount", AGG_DCOUNT, &hi_agg_dcount, "dcount_", false, false},
    {"dcountif", AGG_DCOUNT, &hi_agg_dcount, "dcountif_", true, false},
    {"count_distinct", AGG_DCOUNT, &hi_agg_dcount, "count_distinct_", false, false},
    {"count_distinctif", AGG_DCOUNT, &hi_agg_dcount, "count_distinctif_", true, false},
    {"arg_max", AGG_ARG, &hi_agg_arg_max, "max_", false, false},
    {"argmax", AGG_ARG, &hi_agg_arg_max, "max_", false, false},
    {"arg_min", AGG_ARG, &hi_agg_arg_min, "min_", false, false},
    {"argmin", AGG_ARG, &hi_agg_arg_min, "min_", false, false},
    {"take_any", AGG_ANY, &hi_agg_any, "", false, false},
    {"take_anyif", AGG_ANY, &hi_agg_any, "", true, false},
    {"any", AGG_ANY, &hi_agg_any, "any_", false, false},
    {"anyif", AGG_ANY, &hi_agg_any, "anyif_", true, false},
};

static const agg_name *agg_find(hist_str name)
{
    for (size_t i = 0; i < sizeof(agg_names) / sizeof(agg_names[0]); i++) {
        if (hi_str_is(name, agg_names[i].name)) {
            return &agg_names[i];
        }
    }
    return NULL;
}

/* ---- binding one ---- */

typedef struct agg_bind {
    hi_plan *p;
    hi_op *in;
    const agg_name *what;
    const hi_ast_expr *call;
    const hi_expr **args;
    uint32_t count; /* Of arguments, without the condition. */
    hi_agg *agg;
    const plan_aggs *aggs;
} agg_bind;

static hist_status agg_fail_count(const agg_bind *a)
{
    return PLAN_FAIL(a->p, a->call->span, "%s() cannot take %u arguments", a->what->name,
                     a->call->arg_count);
}

static hist_status agg_fail_type(const agg_bind *a, uint32_t i)
{
    return PLAN_FAIL(a->p, a->call->args[i]->span, "%s() cannot take a %s", a->what->name,
                     hist_type_name(a->args[i]->type));
}

static hist_status agg_cast(agg_bind *a, uint32_t i, hist_type type)
{
    hi_expr *out;

    if (a->args[i]->type == type) {
        return HIST_OK;
    }
    HI_TRY(hi_plan_cast(a->p, a->args[i], type, &out));
    a->args[i] = out;
    return HIST_OK;
}

static hist_status agg_outputs(agg_bind *a, uint32_t count)
{
    a->agg->outputs = HI_NEW_ARRAY(a->p->x->arena, hi_field, (size_t)count + 1);
    a->agg->output_count = count;
    return a->agg->outputs != NULL ? HIST_OK : hi_plan_no_memory(a->p);
}

/* "sum_x", or "sum_" when the argument has no name. */
static const char *agg_default_name(const agg_bind *a, uint32_t arg)
{
    const char *of = arg < a->call->arg_count ? hi_expr_name(&a->p->b, a->call->args[arg]) : "";

    return hi_arena_printf(a->p->x->arena, "%s%s", a->what->prefix, of != NULL ? of : "");
}

static hist_status agg_one(agg_bind *a, const hi_agg_kind *kind, hist_type type)
{
    HI_TRY(agg_outputs(a, 1));
    a->agg->kind = kind;
    a->agg->outputs[0] = (hi_field){agg_default_name(a, 0), type};
    return a->agg->outputs[0].name != NULL ? HIST_OK : hi_plan_no_memory(a->p);
}

static hist_status bind_sum(agg_bind *a)
{
    if (a->count != 1) {
        return agg_fail_count(a);
    }
    switch (a->args[0]->type) {
    case HIST_TYPE_INT:
    case HIST_TYPE_LONG:
        return agg_one(a, &hi_agg_sum_long, HIST_TYPE_LONG);
    case HIST_TYPE_TIMESPAN:
        return agg_one(a, &hi_agg_sum_long, HIST_TYPE_TIMESPAN);
    case HIST_TYPE_DECIMAL:
        return agg_one(a, &hi_agg_sum_decimal, HIST_TYPE_DECIMAL);
    case HIST_TYPE_DYNAMIC:
        HI_TRY(agg_cast(a, 0, HIST_TYPE_REAL));
        return agg_one(a, &hi_agg_sum_real, HIST_TYPE_REAL);
    case HIST_TYPE_REAL:
        return agg_one(a, &hi_agg_sum_real, HIST_TYPE_REAL);
    default:
        return agg_fail_type(a, 0);
    }
}

static hist_status bind_avg(agg_bind *a)
{
    if (a->count != 1) {
        return agg_fail_count(a);
    }
    switch (a->args[0]->type) {
    case HIST_TYPE_INT:
    case HIST_TYPE_LONG:
        return agg_one(a, &hi_agg_avg_long, HIST_TYPE_REAL);
    case HIST_TYPE_TIMESPAN:
    case HIST_TYPE_DATETIME:
        return agg_one(a, &hi_agg_avg_time, a->args[0]->type);
    case HIST_TYPE_DECIMAL:
        return agg_one(a, &hi_agg_avg_decimal, HIST_TYPE_DECIMAL);
    case HIST_TYPE_DYNAMIC:
        HI_TRY(agg_cast(a, 0, HIST_TYPE_REAL));
        return agg_one(a, &hi_agg_avg_real, HIST_TYPE_REAL);
    case HIST_TYPE_REAL:
        return agg_one(a, &hi_agg_avg_real, HIST_TYPE_REAL);
    default:
        return agg_fail_type(a, 0);
    }
}

static hist_status bind_best(agg_bind *a)
{
    const bool max = a->what->class == AGG_MAX;

    if (a->count != 1) {
        return agg_fail_count(a);
    }
    const hist_type type = a->args[0]->type;
    switch (type) {
    case HIST_TYPE_INT:
    case HIST_TYPE_LONG:
    case HIST_TYPE_DATETIME:
    case HIST_TYPE_TIMESPAN:
        return agg_one(a, max ? &hi_agg_max_int : &hi_agg_min_int, type);
    case HIST_TYPE_REAL:
        return agg_one(a, max ? &hi_agg_max_real : &hi_agg_min_real, type);
    default:
        return agg_one(a, max ? &hi_agg_pick_max : &hi_agg_pick_min, type);
    }
}

static hist_status bind_spread(agg_bind *a)
{
    const uint32_t wanted = a->what->class == AGG_COVARIANCE ? 2 : 1;

    if (a->count != wanted) {
        return agg_fail_count(a);
    }
    for (uint32_t i = 0; i < wanted; i++) {
        if (!hi_type_is_number(a->args[i]->type) && a->args[i]->type != HIST_TYPE_DYNAMIC) {
            return agg_fail_type(a, i);
        }
        HI_TRY(agg_cast(a, i, HIST_TYPE_REAL));
    }
    HI_TRY(agg_one(a, a->what->kind, HIST_TYPE_REAL));
    if (wanted == 2) {
        const char *second = hi_expr_name(&a->p->b, a->call->args[1]);

        a->agg->outputs[0].name =
            hi_arena_printf(a->p->x->arena, "%s_%s", a->agg->outputs[0].name, second);
    }
    return HIST_OK;
}

static hist_status bind_bits(agg_bind *a)
{
    if (a->count != 1) {
        return agg_fail_count(a);
    }
    HI_TRY(agg_cast(a, 0, HIST_TYPE_LONG));
    return agg_one(a, a->what->kind, HIST_TYPE_LONG);
}

/* ---- percentiles ---- */

static hist_status bind_percent_add(agg_bind *a, const hi_value *v, double *to, hi_ast_span span)
{
    hi_value real;

    if (!hi_value_convert(a->p->x->arena, v, HIST_TYPE_REAL, &real)) {
        return hi_plan_no_memory(a->p);
    }
    if (real.null || !(real.real >= 0 && real.real <= 100)) {
        return PLAN_FAIL(a->p, span, "a percentile must be a number from 0 to 100");
    }
    *to = real.real;
    return HIST_OK;
}

/* Percents as arguments from `first` on; one dynamic array stands for all of them. */
static hist_status bind_percents(agg_bind *a, uint32_t first)
{
    uint32_t room = a->count - first;
    uint32_t n = 0;

    for (uint32_t i = first; i < a->count; i++) {
        if (!hi_expr_is_const(a->args[i])) {
            return PLAN_FAIL(a->p, a->call->args[i]->span,
                             "%s(): the percentile must be a constant", a->what->name);
        }
        const hi_value v = hi_expr_value(a->args[i]);
        room += v.type == HIST_TYPE_DYNAMIC ? hi_dyn_count(hi_dyn_of(v.str.data, v.str.size)) : 0;
    }
    double *percents = HI_NEW_ARRAY(a->p->x->arena, double, (size_t)room + 1);
    if (percents == NULL) {
        return hi_plan_no_memory(a->p);
    }
    for (uint32_t i = first; i < a->count; i++) {
        const hi_value v = hi_expr_value(a->args[i]);
        const hi_ast_span span = a->call->args[i]->span;

        if (v.type != HIST_TYPE_DYNAMIC) {
            HI_TRY(bind_percent_add(a, &v, &percents[n++], span));
            continue;
        }
        for (hi_dyn_iter it = hi_dyn_iter_of(hi_dyn_of(v.str.data, v.str.size));
             hi_dyn_next(&it);) {
            const hi_value one = hi_value_of_dyn(it.value);

            HI_TRY(bind_percent_add(a, &one, &percents[n++], span));
        }
    }
    a->agg->percents = percents;
    a->agg->percent_count = n;
    return HIST_OK;
}

/* percentile_x_50, percentile_x_99_9 */
static const char *bind_percent_name(agg_bind *a, double percent)
{
    const char *of = hi_expr_name(&a->p->b, a->call->args[0]);
    char *name = hi_arena_printf(
        a->p->x->arena, "%s%s_%.12g",
        a->what->class == AGG_PERCENTILES && a->what->weighted ? "percentilew_" : a->what->prefix,
        of, percent);

    for (char *c = name; c != NULL && *c != '\0'; c++) {
        *c = *c == '.' ? '_' : *c;
    }
    return name;
}

static hist_status bind_percentile(agg_bind *a)
{
    const uint32_t first = a->what->weighted ? 2 : 1;

    if (a->count <= first || (a->what->class == AGG_PERCENTILE && a->count != first + 1)) {
        return agg_fail_count(a);
    }
    const hist_type type = a->args[0]->type;
    if (type == HIST_TYPE_DYNAMIC || type == HIST_TYPE_DECIMAL) {
        HI_TRY(agg_cast(a, 0, HIST_TYPE_REAL));
    } else if (type == HIST_TYPE_STRING || type == HIST_TYPE_GUID) {
        return agg_fail_type(a, 0);
    }
    if (a->what->weighted) {
        HI_TRY(agg_cast(a, 1, HIST_TYPE_LONG));
    }
    HI_TRY(bind_percents(a, first));
    a->agg->weighted = a->what->weighted;
    a->count = first;
    if (a->what->class == AGG_PERCENTILES_ARRAY) {
        a->agg->as_array = true;
        return agg_one(a, a->what->kind, HIST_TYPE_DYNAMIC);
    }
    a->agg->kind = a->what->kind;
    HI_TRY(agg_outputs(a, a->agg->percent_count));
    for (uint32_t i = 0; i < a->agg->percent_count; i++) {
        a->agg->outputs[i] =
            (hi_field){bind_percent_name(a, a->agg->percents[i]), a->args[0]->type};
    }
    return HIST_OK;
}

/* ---- lists, counts of distinct values ---- */

static hist_status bind_list(agg_bind *a)
{
    a->agg->max = 1048576;
    if (a->count < 1 || a->count > 2) {
        return agg_fail_count(a);
    }
    if (a->count == 2) {
        uint64_t max;
        const uint32_t place = a->what->filtered && a->call->arg_count == 3 ? 2 : 1;

        HI_TRY(hi_plan_rows(a->p, a->call->args[place], "the largest size of a list", &max));
        a->agg->max = max < 1048576 ? (int64_t)max : 1048576;
        a->count = 1;
    }
    if (a->what->class == AGG_BAG) {
        HI_TRY(agg_cast(a, 0, HIST_TYPE_DYNAMIC));
    }
    return agg_one(a, a->what->kind, HIST_TYPE_DYNAMIC);
}

static hist_status bind_dcount(agg_bind *a)
{
    if (a->count < 1) {
        return agg_fail_count(a);
    }
    a->count = 1; /* The accuracy: counts are exact. */
    return agg_one(a, a->what->kind, HIST_TYPE_LONG);
}

/* ---- arg_max, take_any ---- */

/* Whether column c of the input is one of the keys, or an argument already. */
static bool bind_star_skips(const agg_bind *a, const hi_expr **args, uint32_t count, uint32_t c)
{
    for (uint32_t k = 0; k < a->aggs->keys.count; k++) {
        const hi_expr *e = a->aggs->keys.exprs[k];

        if (e->kind == HI_EXPR_COLUMN && e->u.column == c) {
            return true;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (args[i]->kind == HI_EXPR_COLUMN && args[i]->u.column == c) {
            return true;
        }
    }
    return false;
}

static hist_status bind_pick(agg_bind *a)
{
    hi_arena *arena = a->p->x->arena;
    const uint32_t room = a->call->arg_count + a->in->schema.count + 1;
    const hi_expr **args = HI_NEW_ARRAY(arena, const hi_expr *, room);
    uint32_t n = 0;

    if (a->count < 1) {
        return agg_fail_count(a);
    }
    HI_TRY(agg_outputs(a, room));
    if (args == NULL) {
        return hi_plan_no_memory(a->p);
    }
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->call->args[i]->kind != HI_AST_WILD) {
            const char *name = hi_expr_name(&a->p->b, a->call->args[i]);

            if (name != NULL && name[0] == '\0' && i == 0 && a->what->class == AGG_ARG) {
                name = a->what->prefix;
            }
            a->agg->outputs[n] = (hi_field){name, a->args[i]->type};
            args[n++] = a->args[i];
            continue;
        }
        for (uint32_t c = 0; c < a->in->schema.count; c++) {
            if (!bind_star_skips(a, args, n, c)) {
                a->agg->outputs[n] = a->in->schema.fields[c];
                args[n++] = hi_plan_column(a->p, a->in, c);
            }
        }
    }
    a->agg->kind = a->what->kind;
    a->agg->output_count = n;
    a->args = args;
    a->count = n;
    return HIST_OK;
}

static hist_status bind_class(agg_bind *a)
{
    switch (a->what->class) {
    case AGG_COUNT:
        a->count = 0;
        return agg_one(a, a->what->kind, HIST_TYPE_LONG);
    case AGG_SUM:
        return bind_sum(a);
    case AGG_AVG:
        return bind_avg(a);
    case AGG_MIN:
    case AGG_MAX:
        return bind_best(a);
    case AGG_SPREAD:
    case AGG_COVARIANCE:
        return bind_spread(a);
    case AGG_BITS:
        return bind_bits(a);
    case AGG_PERCENTILE:
    case AGG_PERCENTILES:
    case AGG_PERCENTILES_ARRAY:
        return bind_percentile(a);
    case AGG_LIST:
    case AGG_BAG:
        return bind_list(a);
    case AGG_DCOUNT:
        return bind_dcount(a);
    case AGG_ARG:
    case AGG_ANY:
    default:
        return bind_pick(a);
    }
}

/* The condition is the second argument of ...if(x, condition), the third of covarianceif, the only one of countif. */
static uint32_t bind_filter_place(const agg_name *what)
{
    return what->class == AGG_COUNT ? 0 : what->class == AGG_COVARIANCE ? 2 : 1;
}

static hist_status bind_arguments(agg_bind *a)
{
    const uint32_t n = a->call->arg_count;
    const uint32_t filter = a->what->filtered ? bind_filter_place(a->what) : UINT32_MAX;

    a->args = HI_NEW_ARRAY(a->p->x->arena, const hi_expr *, (size_t)n + 1);
    if (a->args == NULL) {
        return hi_plan_no_memory(a->p);
    }
    if (filter != UINT32_MAX && filter >= n) {
        return agg_fail_count(a);
    }
    for (uint32_t i = 0; i < n; i++) {
        const hi_ast_expr *ast = a->call->args[i];
        hi_expr *e = NULL;

        if (i == filter) {
            HI_TRY(hi_plan_predicate(a->p, a->in, ast, &e));
            a->agg->filter = e;
            continue;
        }
        if (ast->kind != HI_AST_WILD) {
            HI_TRY(hi_plan_expr(a->p, a->in, ast, &e));
        }
        a->args[a->count++] = e;
    }
    return HIST_OK;
}

static hist_status agg_add(hi_plan *p, plan_aggs *aggs, const agg_name *what,
                           const hi_ast_expr *call, uint32_t *index)
{
    if (aggs->count == aggs->capacity) {
        const uint32_t capacity = aggs->capacity == 0 ? 8 : aggs->capacity * 2;
        hi_agg *list = HI_NEW_ARRAY(p->x->arena, hi_agg, capacity);

        if (list == NULL) {
            return hi_plan_no_memory(p);
        }
        if (aggs->count > 0) {
            memcpy(list, aggs->list, aggs->count * sizeof(list[0]));
        }
        aggs->list = list;
        aggs->capacity = capacity;
    }
    hi_agg *agg = &aggs->list[aggs->count];
    *agg = (hi_agg){0};
    agg_bind a = {.p = p, .in = aggs->in, .what = what, .call = call, .agg = agg, .aggs = aggs};
    p->aggs = NULL; /* Aggregates of aggregates have no meaning. */
    hist_status status = bind_arguments(&a);
    if (status == HIST_OK) {
        status = bind_class(&a);
    }
    p->aggs = aggs;
    if (status != HIST_OK) {
        return status;
    }
    agg->args = a.args;
    agg->arg_count = a.count;
    *index = aggs->columns;
    aggs->columns += agg->output_count;
    aggs->count++;
    return HIST_OK;
}

hist_status hi_plan_aggregate_hook(void *arg, hi_binder *b, const hi_ast_expr *e, hi_expr **out,
                                   bool *handled)
{
    hi_plan *p = arg;
    plan_aggs *aggs = p->aggs;
    const agg_name *what = aggs != NULL ? agg_find(e->name) : NULL;
    uint32_t column;

    *handled = what != NULL;
    if (what == NULL) {
        return HIST_OK;
    }
    const hi_schema *schema = b->schema;
    const hist_status status = agg_add(p, aggs, what, e, &column);
    b->schema = schema;
    if (status != HIST_OK) {
        return status;
    }
    *out =
        hi_expr_column(p->x->arena, column, aggs->list[aggs->count - 1].outputs[0].type, e->span);
    return *out != NULL ? HIST_OK : hi_plan_no_memory(p);
}

/* ---- items ---- */

hist_status hi_plan_aggs_begin(hi_plan *p, hi_op *in, const hi_ast_item *by, uint32_t by_count,
                               plan_aggs *aggs)
{
    *aggs = (plan_aggs){.in = in};
    HI_TRY(hi_plan_cols_init(p, &aggs->keys, by_count + 1));
    for (uint32_t i = 0; i < by_count; i++) {
        HI_TRY(hi_plan_item(p, in, &by[i], &aggs->keys));
    }
    return HIST_OK;
}

void hi_plan_aggs_keys_done(plan_aggs *aggs)
{
    aggs->columns = aggs->keys.count;
    aggs->key_schema = (hi_schema){aggs->keys.count, aggs->keys.fields};
}

hi_expr *hi_plan_aggs_key(hi_plan *p, const plan_aggs *aggs, uint32_t c)
{
    return hi_expr_column(p->x->arena, c, aggs->keys.fields[c].type, (hi_ast_span){0, 0});
}

/* All outputs of an aggregate that stands alone. */
static hist_status aggs_item_call(hi_plan *p, plan_aggs *aggs, const agg_name *what,
                                  const hi_ast_item *item, plan_cols *cols)
{
    uint32_t column;

    HI_TRY(agg_add(p, aggs, what, item->expr, &column));
    const hi_agg agg = aggs->list[aggs->count - 1];
    for (uint32_t i = 0; i < agg.output_count; i++) {
        const char *name =
            i < item->name_count ? hi_plan_name(p, item->names[i].text) : agg.outputs[i].name;
        hi_expr *e = hi_expr_column(p->x->arena, column + i, agg.outputs[i].type, item->expr->span);

        HI_TRY(hi_plan_cols_add(p, cols, name, e));
    }
    return HIST_OK;
}

hist_status hi_plan_aggs_item(hi_plan *p, plan_aggs *aggs, const hi_ast_item *item, plan_cols *cols)
{
    const agg_name *what = item->expr->kind == HI_AST_CALL && item->expr->object == NULL
                               ? agg_find(item->expr->name)
                               : NULL;
    const hi_schema *schema = p->b.schema;
    hi_expr *e;
    hist_status status;

    p->aggs = aggs;
    if (what != NULL) {
        status = aggs_item_call(p, aggs, what, item, cols);
        p->aggs = NULL;
        return status;
    }
    p->b.schema = &aggs->key_schema;
    status = hi_bind_expr(&p->b, item->expr, &e);
    p->b.schema = schema;
    p->aggs = NULL;
    if (status != HIST_OK) {
        return status;
    }
    const char *name = item->name_count > 0 ? hi_plan_name(p, item->names[0].text)
                                            : hi_expr_name(&p->b, item->expr);
    return hi_plan_cols_add(p, cols, name, hi_expr_output(p->x->arena, e, 0));
}

hist_status hi_plan_aggs_op(hi_plan *p, plan_aggs *aggs, hi_op **out)
{
    const char **names = HI_NEW_ARRAY(p->x->arena, const char *, (size_t)aggs->keys.count + 1);

    if (names == NULL) {
        return hi_plan_no_memory(p);
    }
    for (uint32_t k = 0; k < aggs->keys.count; k++) {
        names[k] = aggs->keys.fields[k].name;
    }
    return hi_plan_made(p,
                        hi_op_group(p->x, aggs->in, aggs->keys.exprs, aggs->keys.count, names,
                                    aggs->list, aggs->count),
                        out);
}

/* ---- summarize, distinct ---- */

hist_status hi_plan_summarize(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    plan_aggs aggs;
    plan_cols cols;
    hi_op *group;

    HI_TRY(hi_plan_aggs_begin(p, in, op->by, op->by_count, &aggs));
    hi_plan_aggs_keys_done(&aggs);
    HI_TRY(hi_plan_cols_init(p, &cols, aggs.keys.count + op->item_count));
    cols.unnamed = aggs.keys.unnamed;
    for (uint32_t k = 0; k < aggs.keys.count; k++) {
        HI_TRY(hi_plan_cols_add(p, &cols, aggs.keys.fields[k].name, hi_plan_aggs_key(p, &aggs, k)));
    }
    for (uint32_t i = 0; i < op->item_count; i++) {
        HI_TRY(hi_plan_aggs_item(p, &aggs, &op->items[i], &cols));
    }
    HI_TRY(hi_plan_aggs_op(p, &aggs, &group));
    return hi_plan_project(p, group, &cols, out);
}

hist_status hi_plan_distinct(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    plan_aggs aggs;

    HI_TRY(hi_plan_aggs_begin(p, in, NULL, 0, &aggs));
    for (uint32_t i = 0; i < op->item_count; i++) {
        if (op->items[i].expr->kind != HI_AST_WILD) {
            HI_TRY(hi_plan_item(p, in, &op->items[i], &aggs.keys));
            continue;
        }
        for (uint32_t c = 0; c < in->schema.count; c++) {
            if (hi_plan_wild_match(op->items[i].expr->name, in->schema.fields[c].name)) {
                HI_TRY(hi_plan_cols_add(p, &aggs.keys, in->schema.fields[c].name,
                                        hi_plan_column(p, in, c)));
            }
        }
    }
    hi_plan_aggs_keys_done(&aggs);
    return hi_plan_aggs_op(p, &aggs, out);
}
