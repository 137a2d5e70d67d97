/*
 * eval.c -- evaluating bound expressions on batches. Know first: what is common to all functions is
 * done here once -- constants are computed on one row, a single dictionary or run column with
 * otherwise constant arguments on its distinct values, everything else is spread out -- so that a
 * function's body sees CONST, FLAT and LIST columns only.
 */
#include "query/eval.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define EVAL_PATTERNS 16 /* Compiled patterns kept. */
#define EVAL_MEMOS    16 /* Calls with several outputs kept a batch. */

typedef struct eval_pattern {
    hi_regex *regex;
    char *text;
    size_t size;
    uint64_t used; /* When last. */
} eval_pattern;

typedef struct eval_memo {
    const hi_expr *call;
    const hist_column *outs;
} eval_memo;

struct hi_eval_cache {
    eval_pattern patterns[EVAL_PATTERNS];
    eval_memo memos[EVAL_MEMOS];
    uint32_t memo_count;
    uint64_t clock;
    uint64_t random;
    hi_buf scratch;
    hi_arena row_arena; /* hi_row.scratch */
};

hist_status hi_qctx_check(hi_qctx *ctx, hist_error *err)
{
    if (atomic_load_explicit(&ctx->cancelled, memory_order_relaxed) ||
        (ctx->stop != NULL && ctx->stop(ctx->stop_arg) != 0)) {
        return hi_fail(err, HIST_ECANCELLED, "the query was cancelled");
    }
    if (ctx->deadline_ns != 0) {
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        if ((int64_t)now.tv_sec * 1000000000 + now.tv_nsec >= ctx->deadline_ns) {
            return hi_fail(err, HIST_ETIMEOUT, "the query took longer than its time limit");
        }
    }
    return HIST_OK;
}

/* ---- state of a thread ---- */

hist_status hi_eval_init(hi_eval *ev, hi_qctx *ctx, hi_arena *arena, hist_error *err)
{
    *ev = (hi_eval){.ctx = ctx, .arena = arena, .err = err};
    ev->cache = HI_MEM_NEW(ctx->mem, hi_eval_cache);
    if (ev->cache == NULL) {
        return hi_no_memory(err, "the state of expressions");
    }
    hi_buf_init(&ev->cache->scratch, ctx->mem, INT32_MAX);
    hi_arena_init(&ev->cache->row_arena, ctx->mem);
    ev->cache->random = atomic_fetch_add(&ctx->random, UINT64_C(0x9e3779b97f4a7c15));
    return HIST_OK;
}

static void eval_drop_pattern(hi_eval *ev, eval_pattern *p)
{
    hi_regex_free(p->regex);
    hi_mem_free(ev->ctx->mem, p->text, p->size);
    *p = (eval_pattern){0};
}

void hi_eval_free(hi_eval *ev)
{
    if (ev->cache == NULL) {
        return;
    }
    for (int i = 0; i < EVAL_PATTERNS; i++) {
        eval_drop_pattern(ev, &ev->cache->patterns[i]);
    }
    hi_buf_free(&ev->cache->scratch);
    hi_arena_free(&ev->cache->row_arena);
    HI_MEM_DELETE(ev->ctx->mem, ev->cache);
    ev->cache = NULL;
}

void hi_eval_begin(hi_eval *ev)
{
    ev->cache->memo_count = 0;
}

hist_status hi_eval_no_memory(hi_eval *ev, const hi_expr *call)
{
    const char *name = call->kind == HI_EXPR_CALL ? call->u.call.func->name : "an expression";

    return hi_no_memory(ev->err, name);
}

hist_status hi_eval_fail(hi_eval *ev, const hi_expr *call, hist_status code, const char *fmt, ...)
{
    char text[HIST_ERROR_MESSAGE_SIZE];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return hi_fail_at(ev->err, code, ev->ctx->text, call->span, "%s", text);
}

hi_buf *hi_eval_scratch(hi_eval *ev)
{
    hi_buf_clear(&ev->cache->scratch);
    return &ev->cache->scratch;
}

uint64_t hi_eval_random(hi_eval *ev)
{
    uint64_t z = (ev->cache->random += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static hist_status eval_compile(hi_eval *ev, const hi_expr *call, hist_str pattern,
                                eval_pattern *slot)
{
    hist_error err = {0};

    eval_drop_pattern(ev, slot);
    const hist_status status =
        hi_regex_new(ev->ctx->mem, pattern.data, pattern.size, &slot->regex, &err);
    if (status == HIST_ENOMEM) {
        return hi_no_memory(ev->err, "a regular expression");
    }
    if (status != HIST_OK) {
        slot->regex = NULL;
        return hi_eval_fail(ev, call, HIST_ESEMANTIC, "%s", err.message);
    }
    slot->text = hi_mem_alloc(ev->ctx->mem, pattern.size);
    if (slot->text == NULL) {
        eval_drop_pattern(ev, slot);
        return hi_no_memory(ev->err, "a regular expression");
    }
    if (pattern.size != 0) {
        memcpy(slot->text, pattern.data, pattern.size);
    }
    slot->size = pattern.size;
    return HIST_OK;
}

hist_status hi_eval_regex(hi_eval *ev, const hi_expr *call, hist_str pattern, hi_regex **out)
{
    eval_pattern *oldest = &ev->cache->patterns[0];

    for (int i = 0; i < EVAL_PATTERNS; i++) {
        eval_pattern *p = &ev->cache->patterns[i];

        if (p->regex != NULL && p->size == pattern.size &&
            (p->size == 0 || memcmp(p->text, pattern.data, p->size) == 0)) {
            p->used = ++ev->cache->clock;
            *out = p->regex;
            return HIST_OK;
        }
        if (p->used < oldest->used) {
            oldest = p;
        }
    }
    HI_TRY(eval_compile(ev, call, pattern, oldest));
    oldest->used = ++ev->cache->clock;
    *out = oldest->regex;
    return HIST_OK;
}

/* ---- calls ---- */

static hist_status eval_body(hi_eval *ev, const hi_expr *call, const hist_column *args,
                             uint32_t rows, hist_column *outs)
{
    assert(call->u.call.eval != NULL);
    return call->u.call.eval(ev, call, args, rows, outs);
}

/* All arguments are constants: one row says it all. */
static hist_status eval_constant(hi_eval *ev, const hi_expr *call, hist_column *args, uint32_t rows,
                                 hist_column *outs)
{
    for (uint32_t i = 0; i < call->u.call.arg_count; i++) {
        args[i] = hi_col_resize_const(&args[i], 1);
    }
    HI_TRY(eval_body(ev, call, args, 1, outs));
    for (uint32_t i = 0; i < call->u.call.output_count; i++) {
        hist_column one = outs[i];

        if (!hi_col_repeat(ev->arena, &one, 0, rows, &outs[i])) {
            return hi_eval_no_memory(ev, call);
        }
    }
    return HIST_OK;
}

/* The only argument that is not constant when it is a DICT or RUNS worth evaluating by its values, else -1. */
static int64_t eval_shared_arg(const hi_expr *call, const hist_column *args, uint32_t rows)
{
    int64_t at = -1;

    for (uint32_t i = 0; i < call->u.call.arg_count; i++) {
        if (args[i].layout == HIST_LAYOUT_CONST) {
            continue;
        }
        if (at >= 0) {
            return -1;
        }
        at = i;
    }
    if (at < 0 || call->u.call.output_count != 1) {
        return -1;
    }
    const hist_column *c = &args[at];
    const bool shared = (c->layout == HIST_LAYOUT_DICT && c->valid == NULL) ||
                        (c->layout == HIST_LAYOUT_RUNS && c->data_count == c->child->length);
    return shared && c->child->length <= rows ? at : -1;
}

/* Evaluates on the values of args[at] and puts its codes or runs over the result. */
static hist_status eval_shared(hi_eval *ev, const hi_expr *call, hist_column *args, uint32_t at,
                               hist_column *out)
{
    const hist_column shared = args[at];
    const uint32_t values = shared.child->length;
    hist_column *child = HI_NEW(ev->arena, hist_column);
    hist_column result;

    if (child == NULL || !hi_col_flatten(ev->arena, shared.child, &args[at])) {
        return hi_eval_no_memory(ev, call);
    }
    args[at].type = shared.type;
    for (uint32_t i = 0; i < call->u.call.arg_count; i++) {
        if (i != at) {
            args[i] = hi_col_resize_const(&args[i], values);
        }
    }
    HI_TRY(eval_body(ev, call, args, values, &result));
    if (result.layout == HIST_LAYOUT_CONST) {
        *out = hi_col_resize_const(&result, shared.length);
        return HIST_OK;
    }
    *child = result;
    *out = shared;
    out->type = call->type;
    out->stored = result.stored;
    out->child = child;
    if (result.layout == HIST_LAYOUT_LIST && !hi_col_flatten(ev->arena, out, out)) {
        return hi_eval_no_memory(ev, call);
    }
    return HIST_OK;
}

hist_status hi_eval_call(hi_eval *ev, const hi_expr *call, hist_column *args, uint32_t rows,
                         hist_column *outs)
{
    const bool pure = (call->u.call.func->flags & (HI_FUNC_IMPURE | HI_FUNC_WINDOW)) == 0;
    bool constant = true;

    for (uint32_t i = 0; i < call->u.call.arg_count; i++) {
        constant &= args[i].layout == HIST_LAYOUT_CONST;
    }
    if (pure && constant) {
        return eval_constant(ev, call, args, rows, outs);
    }
    const int64_t shared = pure ? eval_shared_arg(call, args, rows) : -1;
    if (shared >= 0) {
        return eval_shared(ev, call, args, (uint32_t)shared, outs);
    }
    for (uint32_t i = 0; i < call->u.call.arg_count; i++) {
        hist_column in = args[i];

        if (in.layout != HIST_LAYOUT_CONST && !hi_col_flatten(ev->arena, &in, &args[i])) {
            return hi_eval_no_memory(ev, call);
        }
    }
    return eval_body(ev, call, args, rows, outs);
}

/* ---- nodes ---- */

static hist_status eval_call_node(const hi_expr *e, hi_eval *ev, const hist_batch *in,
                                  hist_column *outs)
{
    const uint32_t count = e->u.call.arg_count;
    hist_column *args = HI_NEW_ARRAY(ev->arena, hist_column, count);

    if (args == NULL) {
        return hi_eval_no_memory(ev, e);
    }
    HI_TRY(hi_qctx_check(ev->ctx, ev->err));
    for (uint32_t i = 0; i < count; i++) {
        HI_TRY(hi_expr_eval(e->u.call.args[i], ev, in, &args[i]));
    }
    return hi_eval_call(ev, e, args, in->row_count, outs);
}

/* All outputs of a call with several, computed once a batch. */
static hist_status eval_outputs(const hi_expr *call, hi_eval *ev, const hist_batch *in,
                                const hist_column **outs)
{
    hi_eval_cache *cache = ev->cache;

    for (uint32_t i = 0; i < cache->memo_count; i++) {
        if (cache->memos[i].call == call) {
            *outs = cache->memos[i].outs;
            return HIST_OK;
        }
    }
    hist_column *fresh = HI_NEW_ARRAY(ev->arena, hist_column, call->u.call.output_count);
    if (fresh == NULL) {
        return hi_eval_no_memory(ev, call);
    }
    HI_TRY(eval_call_node(call, ev, in, fresh));
    if (cache->memo_count < EVAL_MEMOS) {
        cache->memos[cache->memo_count++] = (eval_memo){call, fresh};
    }
    *outs = fresh;
    return HIST_OK;
}

static hist_status eval_column(const hi_expr *e, hi_eval *ev, const hist_batch *in,
                               hist_column *out)
{
    assert(e->u.column < in->column_count);
    const hist_column *c = &in->columns[e->u.column];
    assert(c->type == e->type && c->length == in->row_count);
    return hi_col_canonical(ev->arena, c, out) ? HIST_OK : hi_eval_no_memory(ev, e);
}

hist_status hi_expr_eval(const hi_expr *e, hi_eval *ev, const hist_batch *in, hist_column *out)
{
    const hist_column *outs;

    ev->in = in;
    switch (e->kind) {
    case HI_EXPR_CONST:
        *out = hi_col_resize_const(&e->u.constant.value, in->row_count);
        return HIST_OK;
    case HI_EXPR_COLUMN:
        return eval_column(e, ev, in, out);
    case HI_EXPR_OUTPUT:
        HI_TRY(eval_outputs(e->u.output.call, ev, in, &outs));
        *out = outs[e->u.output.index];
        return HIST_OK;
    case HI_EXPR_CALL:
    default:
        if (e->u.call.output_count > 1) {
            HI_TRY(eval_outputs(e, ev, in, &outs));
            *out = outs[0];
            return HIST_OK;
        }
        return eval_call_node(e, ev, in, out);
    }
}

hist_status hi_expr_eval_flat(const hi_expr *e, hi_eval *ev, const hist_batch *in, hist_column *out)
{
    hist_column any;

    HI_TRY(hi_expr_eval(e, ev, in, &any));
    return hi_col_flatten(ev->arena, &any, out) ? HIST_OK : hi_eval_no_memory(ev, e);
}

/* ---- filters ---- */

/* Bits of the rows for which `e` is true. A constant gives *all true and no bits (then *bits NULL: none). */
static hist_status filter_bits(const hi_expr *e, hi_eval *ev, const hist_batch *in, uint64_t **bits,
                               bool *all)
{
    hist_column c;

    assert(e->type == HIST_TYPE_BOOL);
    HI_TRY(hi_expr_eval(e, ev, in, &c));
    *all = false;
    *bits = NULL;
    if (c.layout == HIST_LAYOUT_CONST) {
        *all = !hi_const_is_null(&c) && hist_bit_get(c.data, 0);
        return HIST_OK;
    }
    hist_column flat;
    uint64_t *to = hi_bits_new(ev->arena, in->row_count, false);
    if (to == NULL || !hi_col_flatten(ev->arena, &c, &flat)) {
        return hi_eval_no_memory(ev, e);
    }
    const uint64_t *data = flat.data;
    const size_t words = hi_bits_words(in->row_count);
    for (size_t i = 0; i < words; i++) {
        to[i] = data[i] & (flat.valid != NULL ? flat.valid[i] : ~UINT64_C(0));
    }
    *bits = to;
    return HIST_OK;
}

static void filter_select(const hist_batch *in, const uint64_t *bits, uint32_t *sel,
                          uint32_t *count)
{
    uint32_t n = 0;

    if (in->sel == NULL && bits == NULL) {
        for (; n < in->row_count; n++) {
            sel[n] = n;
        }
    } else if (in->sel == NULL) {
        n = hi_query_kernels_get()->rows_of_bits(sel, bits, in->row_count);
    } else {
        for (uint32_t i = 0; i < in->sel_count; i++) {
            sel[n] = in->sel[i];
            n += bits == NULL || hist_bit_get(bits, in->sel[i]) ? 1 : 0;
        }
    }
    *count = n;
}

static bool filter_none(const uint64_t *bits, uint32_t rows)
{
    uint64_t any = 0;

    for (size_t i = 0; i < rows / 64; i++) {
        any |= bits[i];
    }
    if (rows % 64 != 0) {
        any |= bits[rows / 64] & ((UINT64_C(1) << (rows % 64)) - 1);
    }
    return any == 0;
}

#define FILTER_PARTS 32

hist_status hi_expr_filter(const hi_expr *e, hi_eval *ev, const hist_batch *in, uint32_t *sel_out,
                           uint32_t *count_out)
{
    const hi_expr *parts[FILTER_PARTS];
    const uint32_t n = hi_expr_conjuncts(e, parts, FILTER_PARTS);
    uint64_t *kept = NULL;

    *count_out = 0;
    for (uint32_t p = 0; p < n; p++) {
        uint64_t *bits;
        bool all;

        HI_TRY(filter_bits(parts[p], ev, in, &bits, &all));
        if (bits == NULL && !all) {
            return HIST_OK;
        }
        if (bits == NULL) {
            continue;
        }
        for (size_t i = 0; kept != NULL && i < hi_bits_words(in->row_count); i++) {
            bits[i] &= kept[i];
        }
        kept = bits;
        if (filter_none(kept, in->row_count)) {
            return HIST_OK;
        }
    }
    filter_select(in, kept, sel_out, count_out);
    return HIST_OK;
}

/* ---- validity ---- */

bool hi_valid_all(hi_arena *arena, const hist_column *args, uint32_t count, uint32_t rows,
                  const uint64_t **out)
{
    const size_t words = hi_bits_words(rows);
    uint64_t *made = NULL;

    *out = NULL;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t *valid = args[i].valid;

        if (valid == NULL) {
            continue;
        }
        if (args[i].layout == HIST_LAYOUT_CONST) {
            if (!hist_bit_get(valid, 0)) {
                *out = hi_bits_new(arena, rows, false);
                return *out != NULL;
            }
            continue;
        }
        if (*out == NULL) {
            *out = valid;
            continue;
        }
        if (made == NULL) {
            made = hi_bits_new(arena, rows, false);
            if (made == NULL) {
                return false;
            }
            memcpy(made, *out, words * 8);
            *out = made;
        }
        for (size_t w = 0; w < words; w++) {
            made[w] &= valid[w];
        }
    }
    return true;
}

/* ---- row by row ---- */

#define ROWS_SCRATCH 16 /* Rows between two times that scratch is emptied. */

typedef struct rows_arg {
    const hist_column *column; /* Tagged when it is dynamic. */
    hist_column tagged;
    bool constant;
    bool fixed_null;
} rows_arg;

static bool rows_prepare(hi_eval *ev, const hist_column *args, uint32_t count, rows_arg *prepared,
                         hi_value *values)
{
    for (uint32_t i = 0; i < count; i++) {
        rows_arg *a = &prepared[i];

        a->column = &args[i];
        a->constant = args[i].layout == HIST_LAYOUT_CONST;
        if (args[i].type == HIST_TYPE_DYNAMIC &&
            (args[i].stored != HIST_TYPE_DYNAMIC || args[i].layout == HIST_LAYOUT_LIST)) {
            hist_column one = a->constant ? hi_col_resize_const(&args[i], 1) : args[i];

            if (!hi_col_to_tagged(ev->arena, &one, &a->tagged)) {
                return false;
            }
            a->column = &a->tagged;
        }
        if (a->constant && !hi_col_value(ev->arena, a->column, 0, &values[i])) {
            return false;
        }
    }
    return true;
}

/* The value of one FLAT column's row, without a copy. */
static inline void rows_load(const hist_column *c, uint32_t row, hi_value *v)
{
    v->type = c->stored;
    v->null = c->valid != NULL && !hist_bit_get(c->valid, row);
    if (v->null) {
        return;
    }
    switch (c->stored) {
    case HIST_TYPE_BOOL:
        v->i64 = hist_bit_get(c->data, row) ? 1 : 0;
        break;
    case HIST_TYPE_INT:
        v->i64 = ((const int32_t *)c->data)[row];
        break;
    case HIST_TYPE_REAL:
        v->real = ((const double *)c->data)[row];
        break;
    case HIST_TYPE_STRING:
    case HIST_TYPE_DYNAMIC:
        v->str.data = c->bytes + c->offsets[row];
        v->str.size = (size_t)(c->offsets[row + 1] - c->offsets[row]);
        break;
    case HIST_TYPE_GUID:
        memcpy(v->guid, (const char *)c->data + (size_t)row * 16, 16);
        break;
    case HIST_TYPE_DECIMAL:
        memcpy(&v->decimal, (const char *)c->data + (size_t)row * 16, 16);
        break;
    default:
        v->i64 = ((const int64_t *)c->data)[row];
        break;
    }
}

static void rows_one(hi_row *r, hi_row_fn fn, bool nulls)
{
    const uint32_t before = r->out->rows;
    bool null = false;

    for (uint32_t i = 0; !nulls && i < r->arg_count; i++) {
        null |= r->args[i].null;
    }
    if (!null) {
        fn(r);
    }
    if (r->out->rows == before) {
        hi_cb_null(r->out);
    }
}

hist_status hi_eval_rows(hi_eval *ev, const hi_expr *call, const hist_column *args, uint32_t rows,
                         hist_column *out)
{
    const hi_func *func = call->u.call.func;
    const uint32_t count = call->u.call.arg_count;
    rows_arg *prepared = HI_NEW_ARRAY(ev->arena, rows_arg, count);
    hi_value *values = HI_NEW_ARRAY(ev->arena, hi_value, count);
    hi_col_builder cb;

    if (prepared == NULL || values == NULL || !rows_prepare(ev, args, count, prepared, values) ||
        !hi_cb_init(&cb, ev->arena, call->type, rows)) {
        return hi_eval_no_memory(ev, call);
    }
    hi_row row = {.ev = ev,
                  .call = call,
                  .data = func->data,
                  .scratch = &ev->cache->row_arena,
                  .arg_count = count,
                  .args = values,
                  .out = &cb};
    const hi_arena_mark mark = hi_arena_save(row.scratch);
    for (uint32_t i = 0; i < rows && row.status == HIST_OK && !cb.failed; i++) {
        for (uint32_t k = 0; k < count; k++) {
            if (!prepared[k].constant) {
                rows_load(prepared[k].column, i, &values[k]);
            }
        }
        rows_one(&row, func->row, (func->flags & HI_FUNC_NULLS) != 0);
        if (i % ROWS_SCRATCH == ROWS_SCRATCH - 1) {
            hi_arena_rewind(row.scratch, mark);
        }
        if (i % 1024 == 1023 && row.status == HIST_OK) {
            row.status = hi_qctx_check(ev->ctx, ev->err);
        }
    }
    hi_arena_rewind(row.scratch, mark);
    HI_TRY(row.status);
    return hi_cb_done(&cb, call->type, out) ? HIST_OK : hi_eval_no_memory(ev, call);
}
