/* query.c -- a whole KQL text: statements in order, results one after the other; see query.h. */
#include "query/query.h"

#include <string.h>
#include <time.h>

#include "query/parse.h"
#include "query/plan.h"

typedef struct query_result {
    hi_op *op;
    const char *visualization;
} query_result;

struct hi_query {
    hi_mem mem;
    hi_mem *parent;
    hi_arena arena;
    hi_arena slices; /* Of the current batch, when it was too large to hand out. */
    hi_qctx ctx;
    hi_exec x;
    hi_plan plan;
    hist_error err;
    query_result *results;
    uint32_t result_count;
    uint32_t result_room;
    uint32_t current;
    bool opened; /* The current result's operators are. */
    bool ended;
    hist_batch batch; /* Of the operators; handed out up to `at`. */
    uint32_t at;
};

/* ---- statements ---- */

static const char *query_param(const hi_query_spec *spec, hist_str name)
{
    for (size_t i = 0; i < spec->param_count; i++) {
        if (hi_str_is(name, spec->param_names[i])) {
            return spec->param_values[i];
        }
    }
    return NULL;
}

/* A value given from outside: a literal; for strings any other text too. */
static hist_status query_param_expr(hi_query *q, const hi_ast_decl *decl, const char *text,
                                    hi_expr **out)
{
    hi_ast_expr *ast;
    const size_t size = strlen(text);
    hist_error ignored;

    if (decl->type == HIST_TYPE_STRING &&
        (size < 2 || (text[0] != '"' && text[0] != '\'' && text[0] != '@' && text[0] != 'h'))) {
        const hi_value v = {.type = HIST_TYPE_STRING, .str = {text, size}};

        *out = hi_expr_const(&q->arena, &v, HIST_TYPE_STRING, decl->span);
        return *out != NULL ? HIST_OK : hi_plan_no_memory(&q->plan);
    }
    if (hi_kql_parse_scalar(&q->arena, text, size, &ast, &ignored) != HIST_OK) {
        return hi_fail_at(&q->err, HIST_ESEMANTIC, q->ctx.text, decl->span,
                          "the value given for parameter '%.*s' is not a literal of KQL: %s",
                          (int)decl->name.text.size, decl->name.text.data, ignored.message);
    }
    return hi_plan_expr(&q->plan, NULL, ast, out);
}

static hist_status query_declare(hi_query *q, const hi_query_spec *spec, const hi_ast_decl *decl)
{
    const char *text = query_param(spec, decl->name.text);
    hi_expr *value = NULL;

    if (text != NULL) {
        HI_TRY(query_param_expr(q, decl, text, &value));
    } else if (decl->value != NULL) {
        HI_TRY(hi_plan_expr(&q->plan, NULL, decl->value, &value));
    } else {
        return hi_fail_at(&q->err, HIST_ESEMANTIC, q->ctx.text, decl->span,
                          "parameter '%.*s' has no default and no value was given",
                          (int)decl->name.text.size, decl->name.text.data);
    }
    if (decl->type != 0 && value->type != decl->type) {
        HI_TRY(hi_plan_cast(&q->plan, value, decl->type, &value));
    }
    hi_name *name = hi_scope_add(&q->arena, &q->plan.globals, decl->name.text, HI_NAME_SCALAR);
    if (name == NULL) {
        return hi_plan_no_memory(&q->plan);
    }
    name->scalar = value;
    return HIST_OK;
}

static hist_status query_result_add(hi_query *q, hi_op *op)
{
    if (q->result_count == q->result_room) {
        const uint32_t room = q->result_room * 2 + 4;
        query_result *results = HI_NEW_ARRAY(&q->arena, query_result, room);

        if (results == NULL) {
            return hi_plan_no_memory(&q->plan);
        }
        if (q->result_count > 0) {
            memcpy(results, q->results, q->result_count * sizeof(query_result));
        }
        q->results = results;
        q->result_room = room;
    }
    q->results[q->result_count++] = (query_result){op, q->plan.visualization};
    return HIST_OK;
}

/* A query statement: a table, or several from fork and facet. */
static hist_status query_statement(hi_query *q, const hi_ast_stmt *stmt)
{
    hi_op *op;

    q->plan.visualization = NULL;
    q->plan.more = NULL;
    HI_TRY(hi_plan_table(&q->plan, stmt->expr, &op));
    HI_TRY(query_result_add(q, op));
    q->plan.visualization = NULL;
    for (const plan_more *more = q->plan.more; more != NULL; more = more->next) {
        HI_TRY(query_result_add(q, more->op));
    }
    return HIST_OK;
}

static hist_status query_let(hi_query *q, const hi_ast_stmt *stmt)
{
    /* Each let opens a scope of its own, so that a name may be given again with its old value in sight. */
    hi_scope *scope = HI_NEW(&q->arena, hi_scope);

    if (scope == NULL) {
        return hi_plan_no_memory(&q->plan);
    }
    scope->outer = q->plan.b.scope;
    const hist_status status = hi_bind_let(&q->plan.b, scope, stmt);
    q->plan.b.scope = scope;
    return status;
}

static hist_status query_plan(hi_query *q, const hi_query_spec *spec, const hi_ast_query *ast)
{
    for (uint32_t i = 0; i < ast->stmt_count; i++) {
        const hi_ast_stmt *stmt = &ast->stmts[i];

        switch (stmt->kind) {
        case HI_STMT_LET:
            HI_TRY(query_let(q, stmt));
            break;
        case HI_STMT_DECLARE:
            for (uint32_t d = 0; d < stmt->decl_count; d++) {
                HI_TRY(query_declare(q, spec, &stmt->decls[d]));
            }
            break;
        case HI_STMT_QUERY:
            HI_TRY(query_statement(q, stmt));
            break;
        case HI_STMT_SET:
        default:
            break;
        }
    }
    if (q->result_count == 0) {
        return hi_fail(&q->err, HIST_ESEMANTIC, "the text has no query, only definitions");
    }
    return HIST_OK;
}

/* ---- life ---- */

static void query_limits(hi_query *q, const hi_query_spec *spec)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    const int64_t at = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    if (spec->time_ms_max != 0) {
        const uint64_t ms =
            spec->time_ms_max < UINT64_C(1) << 40 ? spec->time_ms_max : UINT64_C(1) << 40;

        q->ctx.deadline_ns = at + (int64_t)ms * 1000000;
    }
    atomic_init(&q->ctx.random, (uint64_t)at * UINT64_C(0x9e3779b97f4a7c15));
}

static hist_status query_start(hi_query *q, const char *text, size_t size,
                               const hi_query_spec *spec)
{
    hi_ast_query *ast;
    char *copy = hi_arena_strdup(&q->arena, text, size);

    if (copy == NULL) {
        return hi_no_memory(&q->err, "the text of a query");
    }
    q->ctx.text = (hist_str){copy, size};
    HI_TRY(hi_kql_parse(&q->arena, copy, size, &ast, &q->err));
    hi_plan_init(&q->plan, &q->x);
    q->plan.database_name = spec->database;
    q->plan.database =
        hi_catalog_database(q->x.catalog, (hist_str){spec->database, strlen(spec->database)});
    return query_plan(q, spec, ast);
}

hist_status hi_query_open(const char *text, size_t size, const hi_query_spec *spec,
                          hi_query **query_out, hist_error *err)
{
    hi_query *q = HI_MEM_NEW(spec->mem, hi_query);

    *query_out = NULL;
    if (q == NULL) {
        hi_snapshot_close(spec->snapshot);
        return hi_no_memory(err, "a query");
    }
    q->parent = spec->mem;
    hi_mem_init(&q->mem, NULL, spec->mem, spec->memory_max);
    hi_arena_init(&q->arena, &q->mem);
    hi_arena_init(&q->slices, &q->mem);
    q->ctx.mem = &q->mem;
    q->ctx.now_ns = spec->now_ns;
    q->ctx.stop = spec->stop;
    q->ctx.stop_arg = spec->stop_arg;
    query_limits(q, spec);
    q->x = (hi_exec){.ctx = &q->ctx,
                     .arena = &q->arena,
                     .err = &q->err,
                     .snapshot = spec->snapshot,
                     .catalog = hi_snapshot_catalog(spec->snapshot),
                     .no_pushdown = spec->no_pushdown,
                     .no_statistics = spec->no_statistics};
    const hist_status status = query_start(q, text, size, spec);
    if (status != HIST_OK) {
        if (err != NULL) {
            *err = q->err;
        }
        hi_query_close(q);
        return status;
    }
    *query_out = q;
    return HIST_OK;
}

void hi_query_close(hi_query *query)
{
    if (query == NULL) {
        return;
    }
    for (uint32_t i = 0; i < query->result_count; i++) {
        hi_op_close(query->results[i].op);
    }
    hi_arena_free(&query->slices);
    hi_arena_free(&query->arena);
    hi_snapshot_close(query->x.snapshot);
    HI_MEM_DELETE(query->parent, query);
}

/* ---- results ---- */

static hist_status query_failed(hi_query *q, hist_status status, hist_error *err)
{
    if (status != HIST_OK && err != NULL) {
        *err = q->err;
    }
    return status;
}

hist_status hi_query_next_result(hi_query *query, bool *has_out, hist_error *err)
{
    (void)err;
    *has_out = query->current + 1 < query->result_count;
    if (*has_out) {
        hi_op_close(query->results[query->current].op);
        query->current++;
        query->opened = false;
        query->ended = false;
        query->batch = (hist_batch){0};
        query->at = 0;
    }
    return HIST_OK;
}

const hi_schema *hi_query_schema(const hi_query *query)
{
    return &query->results[query->current].op->schema;
}

const char *hi_query_visualization(const hi_query *query)
{
    return query->results[query->current].visualization;
}

static hist_status query_pull(hi_query *q)
{
    hi_op *op = q->results[q->current].op;

    q->batch = (hist_batch){0};
    q->at = 0;
    if (q->ended) {
        return HIST_OK;
    }
    if (!q->opened) {
        q->opened = true;
        hi_op_need(op, NULL);
        HI_TRY(hi_op_open(op));
    }
    HI_TRY(hi_op_next(op, &q->batch));
    q->ended = q->batch.row_count == 0;
    return HIST_OK;
}

hist_status hi_query_next(hi_query *query, hist_batch *batch_out, hist_error *err)
{
    *batch_out = (hist_batch){0};
    if (query->at >= query->batch.row_count) {
        const hist_status status = query_pull(query);

        if (status != HIST_OK) {
            query->ended = true;
            query->batch = (hist_batch){0};
            return query_failed(query, status, err);
        }
    }
    const uint32_t left = query->batch.row_count - query->at;
    if (left <= HIST_BATCH_ROWS_MAX && query->at == 0) {
        *batch_out = query->batch;
        query->at = left;
        return HIST_OK;
    }
    const uint32_t count = left < HIST_BATCH_ROWS_MAX ? left : HIST_BATCH_ROWS_MAX;
    hi_arena_free(&query->slices);
    if (!hi_rows_slice(&query->slices, &query->batch, query->at, count, batch_out)) {
        return hi_no_memory(err, "a batch of results");
    }
    query->at += count;
    return HIST_OK;
}

void hi_query_cancel(hi_query *query)
{
    atomic_store_explicit(&query->ctx.cancelled, true, memory_order_relaxed);
}

void hi_query_stats(const hi_query *query, hist_query_stats *stats_out)
{
    *stats_out = (hist_query_stats){
        .rows_read = query->x.stats.rows,
        .blocks_read = query->x.stats.blocks_read,
        .blocks_skipped = query->x.stats.blocks_skipped,
        .memory_bytes_peak = atomic_load_explicit(&query->mem.peak, memory_order_relaxed)};
}
