/* plan.c -- tables, names and sub-queries of a plan; see plan.h. Operators are planned in plan_*.c. */
#include "query/plan.h"

#include <string.h>

#include "query/plan_agg.h"
#include "query/plan_ops.h"

hist_status hi_plan_no_memory(hi_plan *p)
{
    return hi_no_memory(p->x->err, "the plan of a query");
}

hist_status hi_plan_made(hi_plan *p, hi_op *made, hi_op **out)
{
    *out = made;
    return made != NULL ? HIST_OK : hi_plan_no_memory(p);
}

hist_status hi_plan_run(hi_plan *p, hi_op *op, hist_batch *out)
{
    hi_op_need(op, NULL);
    hist_status status = hi_op_open(op);
    if (status == HIST_OK) {
        status = hi_rows_collect(op, p->x->arena, out);
    }
    hi_op_close(op);
    return status;
}

/* ---- hooks of the binder ---- */

/* What of the binder a sub-query must not disturb. */
typedef struct plan_saved {
    const hi_schema *schema;
    const hi_scope *scope;
    const hi_bind_hooks *hooks;
    struct plan_aggs *aggs;
    bool serialized;
} plan_saved;

static plan_saved plan_enter(hi_plan *p, const hi_scope *scope)
{
    const plan_saved saved = {p->b.schema, p->b.scope, p->b.hooks, p->aggs, p->b.serialized};

    p->b.schema = NULL;
    p->b.scope = scope;
    p->b.hooks = &p->hooks;
    p->b.serialized = false;
    p->aggs = NULL;
    return saved;
}

static void plan_leave(hi_plan *p, plan_saved saved)
{
    p->b.schema = saved.schema;
    p->b.scope = saved.scope;
    p->b.hooks = saved.hooks;
    p->aggs = saved.aggs;
    p->b.serialized = saved.serialized;
}

static hist_status plan_run_sub(hi_plan *p, hi_binder *b, const hi_ast_expr *e, hi_op **op,
                                hist_batch *rows)
{
    const plan_saved saved = plan_enter(p, b->scope);
    hist_status status = hi_plan_table(p, e, op);

    if (status == HIST_OK) {
        status = hi_plan_run(p, *op, rows);
    }
    plan_leave(p, saved);
    return status;
}

static hist_status plan_toscalar(void *arg, hi_binder *b, const hi_ast_expr *e, hi_expr **out)
{
    hi_plan *p = arg;
    hi_op *op;
    hist_batch rows;
    hi_value v = {.null = true};

    HI_TRY(plan_run_sub(p, b, e, &op, &rows));
    if (rows.column_count == 0) {
        return PLAN_FAIL(p, e->span, "toscalar(): the query gives no columns");
    }
    const hist_type type = op->schema.fields[0].type;
    v.type = type;
    if (rows.row_count > 0 && !hi_col_value(p->x->arena, &rows.columns[0], 0, &v)) {
        return hi_plan_no_memory(p);
    }
    *out = hi_expr_const(p->x->arena, &v, type, e->span);
    return *out != NULL ? HIST_OK : hi_plan_no_memory(p);
}

static hist_status plan_in_table(void *arg, hi_binder *b, const hi_ast_expr *e, hist_column *values)
{
    hi_plan *p = arg;
    hi_op *op;
    hist_batch rows;

    HI_TRY(plan_run_sub(p, b, e, &op, &rows));
    if (rows.column_count == 0) {
        return PLAN_FAIL(p, e->span, "the table gives no columns");
    }
    *values = rows.columns[0];
    return hi_col_flatten(p->x->arena, &rows.columns[0], values) ? HIST_OK : hi_plan_no_memory(p);
}

/* column_names_of(T): what the table's columns are called. Nothing else is unknown to the binder but known here. */
static hist_status plan_call_hook(void *arg, hi_binder *b, const hi_ast_expr *e, hi_expr **out,
                                  bool *handled)
{
    hi_plan *p = arg;
    hi_op *op;
    hi_col_builder cb;
    hist_column names;

    *handled = hi_str_is(e->name, "column_names_of") && e->arg_count == 1;
    if (!*handled) {
        return HIST_OK;
    }
    const plan_saved saved = plan_enter(p, b->scope);
    const hist_status status = hi_plan_table(p, e->args[0], &op);
    plan_leave(p, saved);
    if (status != HIST_OK) {
        return status;
    }
    if (!hi_cb_init(&cb, p->x->arena, HIST_TYPE_DYNAMIC, 1)) {
        return hi_plan_no_memory(p);
    }
    hi_dyn_writer *w = hi_cb_begin(&cb);
    hi_dyn_begin_array(w);
    for (uint32_t c = 0; c < op->schema.count; c++) {
        hi_dyn_put_string(w, op->schema.fields[c].name, strlen(op->schema.fields[c].name));
    }
    hi_dyn_end_array(w);
    hi_cb_end(&cb);
    hi_value v;
    if (!hi_cb_done(&cb, HIST_TYPE_DYNAMIC, &names) || !hi_col_value(p->x->arena, &names, 0, &v)) {
        return hi_plan_no_memory(p);
    }
    *out = hi_expr_const(p->x->arena, &v, HIST_TYPE_DYNAMIC, e->span);
    return *out != NULL ? HIST_OK : hi_plan_no_memory(p);
}

static bool plan_table_exists(hi_plan *p, hist_str name)
{
    hi_table_def def;

    return p->database != 0 &&
           hi_catalog_table(p->x->catalog, p->database, name, p->x->arena, &def) == HIST_OK;
}

static const hi_ast_expr *plan_lambda_value(const hi_ast_expr *lambda)
{
    return lambda->body[lambda->body_count - 1].expr;
}

/* Whether a name declared inside the function (parameter or let) is tabular: 1, not: 0, none such: -1. */
static int plan_local_is_table(hi_plan *p, const hi_ast_expr *lambda, hist_str name)
{
    for (uint32_t i = 0; i < lambda->decl_count; i++) {
        const hist_str d = lambda->decls[i].name.text;

        if (d.size == name.size && memcmp(d.data, name.data, d.size) == 0) {
            return lambda->decls[i].is_table;
        }
    }
    for (uint32_t i = 0; i + 1 < lambda->body_count; i++) {
        const hist_str d = lambda->body[i].name.text;

        if (lambda->body[i].kind == HI_STMT_LET && d.size == name.size &&
            memcmp(d.data, name.data, d.size) == 0) {
            return hi_plan_is_table(p, lambda->body[i].expr);
        }
    }
    return -1;
}

static bool plan_lambda_is_table(hi_plan *p, const hi_name *fn)
{
    const hi_ast_expr *value = plan_lambda_value(fn->lambda);

    if (value->kind == HI_AST_NAME || value->kind == HI_AST_CALL) {
        const int local = plan_local_is_table(p, fn->lambda, value->name);

        if (local >= 0) {
            return local != 0;
        }
    }
    if (p->depth >= HI_BIND_DEPTH_MAX) {
        return false;
    }
    const plan_saved saved = plan_enter(p, fn->lambda_scope);
    p->depth++;
    const bool is = hi_plan_is_table(p, value);
    p->depth--;
    plan_leave(p, saved);
    return is;
}

static bool plan_call_is_table(hi_plan *p, const hi_ast_expr *e)
{
    const hi_name *name = hi_scope_find(p->b.scope, e->name);

    if (e->object != NULL) {
        return hi_plan_is_table(p, e->object) || hi_str_is(e->name, "table");
    }
    if (name != NULL && name->kind == HI_NAME_LAMBDA) {
        return plan_lambda_is_table(p, name);
    }
    if (hi_str_is(e->name, "materialize")) {
        return e->arg_count == 1;
    }
    return hi_str_is(e->name, "table");
}

bool hi_plan_is_table(hi_plan *p, const hi_ast_expr *e)
{
    const hi_name *name;

    switch (e->kind) {
    case HI_AST_PIPE:
        return true;
    case HI_AST_NAME:
        if (p->b.schema != NULL && hi_schema_find(p->b.schema, e->name) >= 0) {
            return false;
        }
        name = hi_scope_find(p->b.scope, e->name);
        if (name != NULL) {
            return name->kind == HI_NAME_TABLE ||
                   (name->kind == HI_NAME_LAMBDA && name->lambda->is_view);
        }
        return plan_table_exists(p, e->name);
    case HI_AST_CALL:
        return plan_call_is_table(p, e);
    case HI_AST_MEMBER:
        return e->args[0]->kind == HI_AST_CALL &&
               (hi_str_is(e->args[0]->name, "database") || hi_str_is(e->args[0]->name, "cluster"));
    default:
        return false;
    }
}

static bool plan_is_table_hook(void *arg, hi_binder *b, const hi_ast_expr *e)
{
    hi_plan *p = arg;
    const plan_saved saved = {p->b.schema, p->b.scope, p->b.hooks, p->aggs, p->b.serialized};

    p->b.schema = b->schema;
    p->b.scope = b->scope;
    const bool is = hi_plan_is_table(p, e);
    plan_leave(p, saved);
    return is;
}

void hi_plan_init(hi_plan *p, hi_exec *x)
{
    *p = (hi_plan){.x = x};
    p->hooks = (hi_bind_hooks){.arg = p,
                               .toscalar = plan_toscalar,
                               .in_table = plan_in_table,
                               .is_table = plan_is_table_hook,
                               .call = plan_call_hook,
                               .aggregate = hi_plan_aggregate_hook};
    p->b = (hi_binder){.arena = x->arena,
                       .ctx = x->ctx,
                       .err = x->err,
                       .scope = &p->globals,
                       .hooks = &p->hooks,
                       .windows_checked = true};
}

/* ---- tables ---- */

static hist_status plan_in_scope(hi_plan *p, const hi_scope *scope, const hi_ast_expr *e,
                                 hi_op **out)
{
    if (p->depth >= HI_BIND_DEPTH_MAX) {
        return PLAN_FAIL(p, e->span, "functions and tables refer to each other more than %d deep",
                         HI_BIND_DEPTH_MAX);
    }
    const plan_saved saved = plan_enter(p, scope);
    hi_op *implicit = p->implicit;
    p->implicit = NULL;
    p->depth++;
    const hist_status status = hi_plan_table(p, e, out);
    p->depth--;
    p->implicit = implicit;
    plan_leave(p, saved);
    return status;
}

/* A user function whose body gives a table. */
static hist_status plan_lambda(hi_plan *p, const hi_name *fn, const hi_ast_expr *call, hi_op **out)
{
    hi_expr *scalar;
    hi_scope *scope;
    const hi_ast_expr *body;

    HI_TRY(hi_bind_lambda(&p->b, fn, call, &scalar, &scope, &body));
    if (scalar != NULL) {
        return PLAN_FAIL(p, call->span, "'%.*s' gives a single value, but a table is needed",
                         (int)fn->name.size, fn->name.data);
    }
    return plan_in_scope(p, scope, body, out);
}

static hist_status plan_name(hi_plan *p, const hi_ast_expr *e, hi_op **out)
{
    const hi_name *name = hi_scope_find(p->b.scope, e->name);

    if (name == NULL) {
        return hi_plan_table_name(p, (hist_str){NULL, 0}, e->name, e->span, out);
    }
    if (name->kind == HI_NAME_TABLE && name->table != NULL) {
        *out = hi_op_shared(p->x, (hi_shared *)(uintptr_t)name->table);
        return hi_plan_made(p, *out, out);
    }
    if (name->kind == HI_NAME_TABLE) {
        return plan_in_scope(p, name->table_scope, name->table_expr, out);
    }
    if (name->kind == HI_NAME_LAMBDA) {
        const hi_ast_expr call = {
            .kind = HI_AST_CALL, .span = e->span, .op_span = e->span, .name = e->name};
        return plan_lambda(p, name, &call, out);
    }
    return PLAN_FAIL(p, e->span, "'%.*s' is a single value, but a table is needed",
                     (int)e->name.size, e->name.data);
}

/* materialize(): one run for every mention of the same place in the same scope. */
static hist_status plan_materialize(hi_plan *p, const hi_ast_expr *e, hi_op **out)
{
    hi_op *of;

    if (e->arg_count != 1) {
        return PLAN_FAIL(p, e->span, "materialize() takes one table");
    }
    for (plan_shared *s = p->shared; s != NULL; s = s->next) {
        if (s->ast == e && s->scope == p->b.scope) {
            return hi_plan_made(p, hi_op_shared(p->x, s->shared), out);
        }
    }
    HI_TRY(hi_plan_table(p, e->args[0], &of));
    plan_shared *s = HI_NEW(p->x->arena, plan_shared);
    hi_shared *shared = hi_shared_new(p->x, of);
    if (s == NULL || shared == NULL) {
        return hi_plan_no_memory(p);
    }
    *s = (plan_shared){e, p->b.scope, shared, p->shared};
    p->shared = s;
    return hi_plan_made(p, hi_op_shared(p->x, shared), out);
}

static hist_status plan_call_arg(hi_plan *p, const hi_ast_expr *e, hist_str *out)
{
    hi_value v;

    if (e->arg_count != 1) {
        return PLAN_FAIL(p, e->span, "%.*s() takes one name", (int)e->name.size, e->name.data);
    }
    HI_TRY(hi_plan_const(p, e->args[0], "the name", &v));
    if (v.type != HIST_TYPE_STRING) {
        return PLAN_FAIL(p, e->args[0]->span, "a name must be a string");
    }
    *out = v.str;
    return HIST_OK;
}

/* database("x"), also after cluster(...). */
static hist_status plan_database(hi_plan *p, const hi_ast_expr *e, hist_str *out)
{
    if (e->kind != HI_AST_CALL || !hi_str_is(e->name, "database")) {
        return PLAN_FAIL(p, e->span, "a table is needed here: a name, or database(\"name\").Table");
    }
    return plan_call_arg(p, e, out);
}

static hist_status plan_call(hi_plan *p, const hi_ast_expr *e, hi_op **out)
{
    hist_str database = {NULL, 0};
    hist_str name;
    const hi_name *fn = e->object == NULL ? hi_scope_find(p->b.scope, e->name) : NULL;

    if (fn != NULL && fn->kind == HI_NAME_LAMBDA) {
        return plan_lambda(p, fn, e, out);
    }
    if (e->object == NULL && hi_str_is(e->name, "materialize")) {
        return plan_materialize(p, e, out);
    }
    if (hi_str_is(e->name, "table")) {
        if (e->object != NULL) {
            HI_TRY(plan_database(p, e->object, &database));
        }
        HI_TRY(plan_call_arg(p, e, &name));
        return hi_plan_table_name(p, database, name, e->args[0]->span, out);
    }
    return PLAN_FAIL(p, e->op_span, "there is no function '%.*s' that gives a table",
                     (int)e->name.size, e->name.data);
}

static hist_status plan_pipe(hi_plan *p, const hi_ast_expr *e, hi_op **out)
{
    hi_op *in;
    const uint32_t first = e->implicit ? 0 : 1;

    if (e->implicit) {
        if (p->implicit == NULL) {
            return PLAN_FAIL(p, e->span, "there are no rows to begin with here");
        }
        in = p->implicit;
    } else {
        HI_TRY(hi_plan_source(p, &e->ops[0], &in));
        p->input_name = e->ops[0].kind == HI_OP_TABLE && e->ops[0].expr->kind == HI_AST_NAME &&
                                hi_scope_find(p->b.scope, e->ops[0].expr->name) == NULL
                            ? hi_plan_name(p, e->ops[0].expr->name)
                            : NULL;
    }
    return hi_plan_ops(p, e->ops + first, e->op_count - first, in, out);
}

hist_status hi_plan_table(hi_plan *p, const hi_ast_expr *e, hi_op **out)
{
    hist_str database;

    switch (e->kind) {
    case HI_AST_PIPE:
        return plan_pipe(p, e, out);
    case HI_AST_NAME:
        return plan_name(p, e, out);
    case HI_AST_CALL:
        return plan_call(p, e, out);
    case HI_AST_MEMBER:
        HI_TRY(plan_database(p, e->args[0], &database));
        return hi_plan_table_name(p, database, e->name, e->span, out);
    default:
        return PLAN_FAIL(p, e->span, "a table is needed here");
    }
}

hist_status hi_plan_sub(hi_plan *p, const hi_ast_expr *e, hi_op *in, hi_op **out)
{
    hi_op *before = p->implicit;

    p->implicit = in;
    const hist_status status = hi_plan_table(p, e, out);
    p->implicit = before;
    return status;
}

hist_status hi_plan_ops(hi_plan *p, const hi_ast_op *ops, uint32_t count, hi_op *in, hi_op **out)
{
    const char *name = p->input_name;

    const plan_more *more = p->more;

    *out = in;
    for (uint32_t i = 0; i < count; i++) {
        p->visualization = NULL;
        p->input_name = name;
        HI_TRY(hi_plan_op(p, &ops[i], *out, out));
        if (p->more != more && i + 1 < count) {
            return PLAN_FAIL(p, ops[i + 1].op_span, "nothing can follow %s",
                             hi_ast_op_name(ops[i].kind));
        }
        if (ops[i].kind == HI_OP_AS) {
            name = hi_plan_name(p, ops[i].names[0].text);
        } else if (ops[i].kind == HI_OP_UNION || ops[i].kind == HI_OP_JOIN) {
            name = NULL;
        }
    }
    p->input_name = NULL;
    return HIST_OK;
}
