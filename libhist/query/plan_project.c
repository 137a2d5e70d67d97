/* plan_project.c -- planning extend and the project family. */
#include <stdlib.h>
#include <string.h>

#include "query/plan.h"
#include "query/plan_ops.h"

hist_status hi_plan_project_op(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    plan_cols cols;

    HI_TRY(hi_plan_cols_init(p, &cols, op->item_count));
    for (uint32_t i = 0; i < op->item_count; i++) {
        HI_TRY(hi_plan_item(p, in, &op->items[i], &cols));
    }
    return hi_plan_project(p, in, &cols, out);
}

/* All columns of `in`, as they are. */
static hist_status project_all(hi_plan *p, const hi_op *in, plan_cols *cols, uint32_t more)
{
    HI_TRY(hi_plan_cols_init(p, cols, in->schema.count + more));
    for (uint32_t c = 0; c < in->schema.count; c++) {
        HI_TRY(hi_plan_cols_add(p, cols, in->schema.fields[c].name, hi_plan_column(p, in, c)));
    }
    return HIST_OK;
}

/* One more column, or in the place of the one with its name. */
static hist_status extend_put(hi_plan *p, plan_cols *cols, const hi_field *field, bool named,
                              const hi_expr *e)
{
    const int32_t c = hi_plan_find(cols, field->name);

    if (c < 0 || !named) {
        return hi_plan_cols_add(p, cols, field->name, e);
    }
    cols->fields[c].type = e->type;
    cols->exprs[c] = e;
    return HIST_OK;
}

hist_status hi_plan_extend(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    plan_cols cols;
    plan_cols added;

    HI_TRY(project_all(p, in, &cols, op->item_count));
    HI_TRY(hi_plan_cols_init(p, &added, op->item_count));
    for (uint32_t i = 0; i < op->item_count; i++) {
        const uint32_t first = added.count;
        const hi_ast_item *item = &op->items[i];

        HI_TRY(hi_plan_item(p, in, item, &added));
        for (uint32_t c = first; c < added.count; c++) {
            HI_TRY(extend_put(p, &cols, &added.fields[c],
                              item->name_count > 0 || item->expr->kind == HI_AST_NAME,
                              added.exprs[c]));
        }
    }
    return hi_plan_project(p, in, &cols, out);
}

/* ---- project-away, project-keep ---- */

/* Bits of the columns that NAMEs and patterns mean. */
static hist_status project_match(hi_plan *p, const hi_op *in, const hi_ast_op *op, uint64_t *bits)
{
    for (uint32_t i = 0; i < op->item_count; i++) {
        const hi_ast_expr *e = op->items[i].expr;
        uint32_t c;

        if (e->kind != HI_AST_WILD) {
            HI_TRY(hi_plan_column_named(p, in, e, &c));
            hi_bit_set(bits, c);
            continue;
        }
        for (c = 0; c < in->schema.count; c++) {
            if (hi_plan_wild_match(e->name, in->schema.fields[c].name)) {
                hi_bit_set(bits, c);
            }
        }
    }
    return HIST_OK;
}

hist_status hi_plan_away(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    plan_cols cols;
    uint64_t *bits = hi_bits_new(p->x->arena, in->schema.count, false);

    if (bits == NULL) {
        return hi_plan_no_memory(p);
    }
    HI_TRY(project_match(p, in, op, bits));
    HI_TRY(hi_plan_cols_init(p, &cols, in->schema.count));
    for (uint32_t c = 0; c < in->schema.count; c++) {
        if (hist_bit_get(bits, c) == (op->kind == HI_OP_PROJECT_KEEP)) {
            HI_TRY(hi_plan_cols_add(p, &cols, in->schema.fields[c].name, hi_plan_column(p, in, c)));
        }
    }
    return hi_plan_project(p, in, &cols, out);
}

/* ---- project-rename ---- */

hist_status hi_plan_rename(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    plan_cols cols;

    HI_TRY(project_all(p, in, &cols, 0));
    for (uint32_t i = 0; i < op->item_count; i++) {
        const hi_ast_item *item = &op->items[i];
        uint32_t c;

        HI_TRY(hi_plan_column_named(p, in, item->expr, &c));
        if (item->name_count != 1) {
            return PLAN_FAIL(p, item->span, "project-rename: write new_name = column");
        }
        cols.fields[c].name = hi_plan_name(p, item->names[0].text);
        if (cols.fields[c].name == NULL) {
            return hi_plan_no_memory(p);
        }
    }
    for (uint32_t i = 0; i < op->item_count; i++) {
        uint32_t same = 0;
        const char *name = hi_plan_name(p, op->items[i].names[0].text);

        for (uint32_t c = 0; c < cols.count && name != NULL; c++) {
            same += strcmp(cols.fields[c].name, name) == 0;
        }
        if (same > 1) {
            return PLAN_FAIL(p, op->items[i].span, "there are two columns called '%s'", name);
        }
    }
    return hi_plan_project(p, in, &cols, out);
}

/* ---- project-reorder ---- */

/* Names by letters, numbers in them by value. */
static int reorder_granny(const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0') {
        const bool digits = *a >= '0' && *a <= '9' && *b >= '0' && *b <= '9';

        if (digits) {
            char *a_end;
            char *b_end;
            const unsigned long long x = strtoull(a, &a_end, 10);
            const unsigned long long y = strtoull(b, &b_end, 10);

            if (x != y) {
                return x < y ? -1 : 1;
            }
            a = a_end;
            b = b_end;
            continue;
        }
        if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        }
        a++;
        b++;
    }
    return (*a != '\0') - (*b != '\0');
}

static int reorder_compare(hi_ast_order order, const char *a, const char *b)
{
    switch (order) {
    case HI_ORDER_ASC:
        return strcmp(a, b);
    case HI_ORDER_DESC:
        return strcmp(b, a);
    case HI_ORDER_GRANNY_ASC:
        return reorder_granny(a, b);
    case HI_ORDER_GRANNY_DESC:
        return reorder_granny(b, a);
    case HI_ORDER_NONE:
    default:
        return 0;
    }
}

/* Columns an item means that are not placed yet, in the item's order. */
static hist_status reorder_item(hi_plan *p, const hi_op *in, const hi_ast_item *item,
                                uint64_t *placed, plan_cols *cols)
{
    uint32_t *found = HI_NEW_ARRAY(p->x->arena, uint32_t, (size_t)in->schema.count + 1);
    uint32_t count = 0;
    uint32_t c;

    if (found == NULL) {
        return hi_plan_no_memory(p);
    }
    if (item->expr->kind != HI_AST_WILD) {
        HI_TRY(hi_plan_column_named(p, in, item->expr, &c));
        found[count++] = c;
    }
    for (c = 0; c < in->schema.count && item->expr->kind == HI_AST_WILD; c++) {
        uint32_t k = count;

        if (!hi_plan_wild_match(item->expr->name, in->schema.fields[c].name)) {
            continue;
        }
        while (k > 0 && reorder_compare(item->order, in->schema.fields[c].name,
                                        in->schema.fields[found[k - 1]].name) < 0) {
            found[k] = found[k - 1];
            k--;
        }
        found[k] = c;
        count++;
    }
    for (uint32_t i = 0; i < count; i++) {
        c = found[i];
        if (!hist_bit_get(placed, c)) {
            hi_bit_set(placed, c);
            HI_TRY(hi_plan_cols_add(p, cols, in->schema.fields[c].name, hi_plan_column(p, in, c)));
        }
    }
    return HIST_OK;
}

hist_status hi_plan_reorder(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    plan_cols cols;
    uint64_t *placed = hi_bits_new(p->x->arena, in->schema.count, false);

    if (placed == NULL) {
        return hi_plan_no_memory(p);
    }
    HI_TRY(hi_plan_cols_init(p, &cols, in->schema.count));
    for (uint32_t i = 0; i < op->item_count; i++) {
        HI_TRY(reorder_item(p, in, &op->items[i], placed, &cols));
    }
    for (uint32_t c = 0; c < in->schema.count; c++) {
        if (!hist_bit_get(placed, c)) {
            HI_TRY(hi_plan_cols_add(p, &cols, in->schema.fields[c].name, hi_plan_column(p, in, c)));
        }
    }
    return hi_plan_project(p, in, &cols, out);
}
