/* expr_eval.h -- KQL expressions from text to values, for tests. */
#ifndef TESTS_EXPR_EVAL_H
#define TESTS_EXPR_EVAL_H

#include "query/bind_expr.h"

typedef struct expr_env {
    hi_mem mem;
    hi_arena arena;
    hi_qctx ctx;
    hi_eval ev;
    hist_error err;
} expr_env;

/* limit 0: none. now() is 2024-05-17 12:34:56. */
void expr_env_open(expr_env *env, uint64_t limit);
void expr_env_close(expr_env *env);

hist_status expr_bind(expr_env *env, const hi_schema *schema, const char *text, hi_expr **out);
/* Binds and evaluates; batch NULL: one row without columns. */
hist_status expr_eval(expr_env *env, const hi_schema *schema, const hist_batch *batch,
                      const char *text, hist_column *out);
/* The value of a row as JSON ("null", "1", "1.0", "\"text\"", "[1,2]"), in the arena. */
const char *expr_show(expr_env *env, const hist_column *column, uint32_t row);

#endif
