/* op_invoke.c -- invoke: the rows so far become the first argument of a function. */
#include <string.h>

#include "query/plan.h"
#include "query/plan_ops.h"

hist_status hi_plan_invoke(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    /* No name in a text can be spelled like this. */
    static const hist_str rows = {"$invoke", 7};
    const hi_scope *outer = p->b.scope;
    const uint32_t count = op->expr->arg_count + 1;
    hi_ast_expr *call = HI_NEW_ARRAY(p->x->arena, hi_ast_expr, 2);
    hi_ast_expr **args = HI_NEW_ARRAY(p->x->arena, hi_ast_expr *, count);
    hi_scope *scope = HI_NEW(p->x->arena, hi_scope);
    hi_shared *shared = hi_shared_new(p->x, in);

    if (call == NULL || args == NULL || scope == NULL || shared == NULL) {
        return hi_plan_no_memory(p);
    }
    scope->outer = outer;
    hi_name *name = hi_scope_add(p->x->arena, scope, rows, HI_NAME_TABLE);
    hi_ast_name *names = HI_NEW_ARRAY(p->x->arena, hi_ast_name, count);
    if (name == NULL || names == NULL) {
        return hi_plan_no_memory(p);
    }
    name->table = shared;
    call[0] = *op->expr;
    call[1] = (hi_ast_expr){.kind = HI_AST_NAME,
                            .span = op->op_span,
                            .op_span = op->op_span,
                            .height = 1,
                            .name = rows};
    args[0] = &call[1];
    for (uint32_t i = 1; i < count; i++) {
        args[i] = op->expr->args[i - 1];
        if (op->expr->arg_names != NULL) {
            names[i] = op->expr->arg_names[i - 1];
        }
    }
    call[0].args = args;
    call[0].arg_count = count;
    call[0].arg_names = op->expr->arg_names != NULL ? names : NULL;
    p->b.scope = scope;
    const hist_status status = hi_plan_table(p, &call[0], out);
    p->b.scope = outer;
    return status;
}
