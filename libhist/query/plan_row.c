/* plan_row.c -- planning where, take, count, sort and the like, and pushing conditions towards the store. */
#include <string.h>

#include "query/plan.h"
#include "query/plan_ops.h"

/* ---- where ---- */

#define PLAN_CONJUNCTS 64

/* The expression over the columns below a projection; NULL: it uses one that is computed there. */
static hi_expr *where_below(hi_plan *p, const hi_op *project, const hi_expr *e)
{
    const hi_expr *const *exprs = hi_op_project_exprs(project);
    const uint32_t n = project->schema.count;
    uint64_t *used = hi_bits_new(p->x->arena, n, false);
    uint32_t *map = HI_NEW_ARRAY(p->x->arena, uint32_t, (size_t)n + 1);

    if (used == NULL || map == NULL) {
        return NULL;
    }
    hi_expr_columns(e, used);
    for (uint32_t c = 0; c < n; c++) {
        if (!hist_bit_get(used, c)) {
            continue;
        }
        if (exprs[c]->kind != HI_EXPR_COLUMN) {
            return NULL;
        }
        map[c] = exprs[c]->u.column;
    }
    return hi_expr_remap(p->x->arena, e, map);
}

/* Takes a condition as far down as it goes; *exact: the store decides it. */
static hist_status where_push(hi_plan *p, hi_op *at, const hi_expr *e, bool *exact)
{
    *exact = false;
    while (at != NULL && e != NULL) {
        if (hi_op_is_scan(at)) {
            return hi_op_scan_push(at, e, exact);
        }
        if (hi_op_is_filter(at) || hi_op_is_sort(at)) {
            at = at->child[0];
        } else if (hi_op_project_exprs(at) != NULL) {
            e = where_below(p, at, e);
            at = at->child[0];
        } else {
            break;
        }
    }
    return HIST_OK;
}

hist_status hi_plan_where(hi_plan *p, const hi_expr *predicate, hi_op *in, hi_op **out)
{
    const hi_expr *parts[PLAN_CONJUNCTS];
    const hi_expr *left[PLAN_CONJUNCTS];
    uint32_t left_count = 0;

    *out = in;
    if (!hi_expr_is_pure(predicate)) {
        return hi_plan_made(p, hi_op_filter(p->x, in, predicate), out);
    }
    const uint32_t count = hi_expr_conjuncts(predicate, parts, PLAN_CONJUNCTS);
    for (uint32_t i = 0; i < count; i++) {
        bool exact;

        HI_TRY(where_push(p, in, parts[i], &exact));
        if (!exact) {
            left[left_count++] = parts[i];
        }
    }
    if (left_count == 0) {
        return HIST_OK;
    }
    const hi_expr *rest =
        left_count == count ? predicate : hi_expr_and(p->x->arena, left, left_count);
    if (rest == NULL) {
        return hi_plan_no_memory(p);
    }
    return hi_plan_made(p, hi_op_filter(p->x, in, rest), out);
}

hist_status hi_plan_filter(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    hi_expr *predicate;

    HI_TRY(hi_plan_predicate(p, in, op->expr, &predicate));
    return hi_plan_where(p, predicate, in, out);
}

/* ---- take, count, serialize, as ---- */

hist_status hi_plan_take(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    uint64_t rows;

    HI_TRY(hi_plan_rows(p, op->expr, "the number of rows", &rows));
    return hi_plan_made(p, hi_op_take(p->x, in, rows), out);
}

hist_status hi_plan_count(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    (void)op;
    return hi_plan_made(p, hi_op_count(p->x, in), out);
}

hist_status hi_plan_serialize(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    HI_TRY(hi_plan_made(p, hi_op_serialize(p->x, in), out));
    return op->item_count == 0 ? HIST_OK : hi_plan_extend(p, op, *out, out);
}

/* as: later statements may use the name; union and search show it. */
hist_status hi_plan_as(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    hi_shared *shared = hi_shared_new(p->x, in);
    hi_name *name = hi_scope_add(p->x->arena, &p->globals, op->names[0].text, HI_NAME_TABLE);

    if (shared == NULL || name == NULL) {
        return hi_plan_no_memory(p);
    }
    name->table = shared;
    return hi_plan_made(p, hi_op_shared(p->x, shared), out);
}

/* ---- sort, top ---- */

static hist_status sort_key(hi_plan *p, hi_op *in, const hi_ast_item *item, hi_sort_key *key)
{
    hi_expr *e;

    HI_TRY(hi_plan_expr(p, in, item->expr, &e));
    key->expr = e;
    key->desc = item->order != HI_ORDER_ASC;
    key->nulls_last = item->nulls == HI_NULLS_NONE ? key->desc : item->nulls == HI_NULLS_LAST;
    return HIST_OK;
}

hist_status hi_plan_sort(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    uint64_t limit = UINT64_MAX;
    hi_sort_key *keys = HI_NEW_ARRAY(p->x->arena, hi_sort_key, (size_t)op->item_count + 1);

    if (keys == NULL) {
        return hi_plan_no_memory(p);
    }
    if (op->kind == HI_OP_TOP) {
        HI_TRY(hi_plan_rows(p, op->expr, "the number of rows", &limit));
    }
    for (uint32_t i = 0; i < op->item_count; i++) {
        HI_TRY(sort_key(p, in, &op->items[i], &keys[i]));
    }
    return hi_plan_made(p, hi_op_sort(p->x, in, keys, op->item_count, limit), out);
}

/* ---- getschema ---- */

static const char *schema_net_name(hist_type type)
{
    static const char *const names[] = {
        [HIST_TYPE_BOOL] = "System.SByte",
        [HIST_TYPE_INT] = "System.Int32",
        [HIST_TYPE_LONG] = "System.Int64",
        [HIST_TYPE_REAL] = "System.Double",
        [HIST_TYPE_DECIMAL] = "System.Data.SqlTypes.SqlDecimal",
        [HIST_TYPE_STRING] = "System.String",
        [HIST_TYPE_DATETIME] = "System.DateTime",
        [HIST_TYPE_TIMESPAN] = "System.TimeSpan",
        [HIST_TYPE_GUID] = "System.Guid",
        [HIST_TYPE_DYNAMIC] = "System.Object",
    };
    return names[type];
}

const char *hi_plan_net_name(hist_type type)
{
    return schema_net_name(type);
}

hist_status hi_plan_getschema(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    static const hi_field fields[4] = {{"ColumnName", HIST_TYPE_STRING},
                                       {"ColumnOrdinal", HIST_TYPE_INT},
                                       {"DataType", HIST_TYPE_STRING},
                                       {"ColumnType", HIST_TYPE_STRING}};
    const hi_schema schema = {4, fields};
    hi_col_builder cb[4];
    hist_column *columns = HI_NEW_ARRAY(p->x->arena, hist_column, 4);
    bool ok = columns != NULL;

    (void)op;
    for (int c = 0; c < 4 && ok; c++) {
        ok = hi_cb_init(&cb[c], p->x->arena, fields[c].type, in->schema.count);
    }
    for (uint32_t i = 0; i < in->schema.count && ok; i++) {
        const hi_field *f = &in->schema.fields[i];
        const char *net = schema_net_name(f->type);
        const char *type = hist_type_name(f->type);

        hi_cb_str(&cb[0], f->name, strlen(f->name));
        hi_cb_i64(&cb[1], i);
        hi_cb_str(&cb[2], net, strlen(net));
        hi_cb_str(&cb[3], type, strlen(type));
    }
    for (int c = 0; c < 4 && ok; c++) {
        ok = hi_cb_done(&cb[c], fields[c].type, &columns[c]);
    }
    if (!ok) {
        return hi_plan_no_memory(p);
    }
    const hist_batch batch = {.column_count = 4,
                              .row_count = in->schema.count,
                              .sel_count = in->schema.count,
                              .columns = columns};
    return hi_plan_made(p, hi_op_rows(p->x, &schema, &batch), out);
}
