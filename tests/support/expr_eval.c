/* expr_eval.c -- see expr_eval.h. */
#include "tests/support/expr_eval.h"

#include <string.h>

#include "query/parse.h"

void expr_env_open(expr_env *env, uint64_t limit)
{
    memset(env, 0, sizeof(*env));
    hi_mem_init(&env->mem, NULL, NULL, limit);
    hi_arena_init(&env->arena, &env->mem);
    env->ctx.mem = &env->mem;
    env->ctx.now_ns = INT64_C(1715949296000000000);
}

void expr_env_close(expr_env *env)
{
    hi_eval_free(&env->ev);
    hi_arena_free(&env->arena);
}

hist_status expr_bind(expr_env *env, const hi_schema *schema, const char *text, hi_expr **out)
{
    hi_ast_expr *ast;
    hi_binder binder = {.arena = &env->arena, .ctx = &env->ctx, .err = &env->err, .schema = schema};

    env->ctx.text = (hist_str){text, strlen(text)};
    HI_TRY(hi_kql_parse_scalar(&env->arena, text, strlen(text), &ast, &env->err));
    return hi_bind_expr(&binder, ast, out);
}

hist_status expr_eval(expr_env *env, const hi_schema *schema, const hist_batch *batch,
                      const char *text, hist_column *out)
{
    const hist_batch one = {.row_count = 1, .sel_count = 1};
    hi_expr *e;

    HI_TRY(expr_bind(env, schema, text, &e));
    if (env->ev.cache == NULL) {
        HI_TRY(hi_eval_init(&env->ev, &env->ctx, &env->arena, &env->err));
    }
    hi_eval_begin(&env->ev);
    return hi_expr_eval(e, &env->ev, batch != NULL ? batch : &one, out);
}

const char *expr_show(expr_env *env, const hist_column *column, uint32_t row)
{
    hi_value v;
    hi_buf tagged;
    hi_buf json;
    hi_dyn_writer w;

    if (!hi_col_value(&env->arena, column, row, &v)) {
        return "out of memory";
    }
    hi_buf_init(&tagged, &env->mem, 1 << 24);
    hi_buf_init(&json, &env->mem, 1 << 24);
    hi_dyn_writer_init(&w, &tagged);
    hi_dyn_put_value(&w, &v);
    hi_dyn_to_json(&json, hi_dyn_of(tagged.data, tagged.size));
    const char *text = hi_arena_strdup(&env->arena, json.data, json.size);
    hi_buf_free(&tagged);
    hi_buf_free(&json);
    return text != NULL ? text : "out of memory";
}
