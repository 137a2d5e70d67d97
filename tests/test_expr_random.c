/*
 * test_expr_random.c -- random expressions over random columns: every layout of the input and every row alone must give
 * the same; predicates told to storage must be as true as the expression; columns must survive being moved about.
 */
/* cmocka.h wants the four before it. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query/kern.h"
#include "tests/support/expr_eval.h"

/* ---- random ---- */

static uint64_t rnd_state;

static uint32_t rnd(uint32_t n)
{
    rnd_state = rnd_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(rnd_state >> 33) % n;
}

#define PICK(...) rnd_pick((const char *const[]){__VA_ARGS__, NULL})

static const char *rnd_pick(const char *const *texts)
{
    uint32_t n = 0;

    while (texts[n] != NULL) {
        n++;
    }
    return texts[rnd(n)];
}

/* ---- columns ---- */

enum { COLS = 9, VALUES = 24, ROWS_MAX = 200 };

static const hi_field fields[COLS] = {
    {"i", HIST_TYPE_INT},      {"l", HIST_TYPE_LONG},    {"r", HIST_TYPE_REAL},
    {"s", HIST_TYPE_STRING},   {"b", HIST_TYPE_BOOL},    {"t", HIST_TYPE_DATETIME},
    {"p", HIST_TYPE_TIMESPAN}, {"d", HIST_TYPE_DYNAMIC}, {"m", HIST_TYPE_DECIMAL},
};
static const hi_schema schema = {COLS, fields};

static hi_value rnd_value(hist_type type)
{
    static const int64_t longs[] = {0, 1, -1, 7, -7, 100, INT64_MAX, INT64_MIN, 3, 12345678901};
    static const double reals[] = {
        0.0, -0.0, 1.5, -2.5, (double)NAN, (double)INFINITY, -(double)INFINITY, 1e300, 0.1, 42};
    static const char *const texts[] = {"",     "a",           "Ab",  "x y",  "12",
                                        "0x1f", "caf\xc3\xa9", "a,b", "true", "-3"};
    hi_value v = {.type = type, .null = rnd(6) == 0};

    switch (type) {
    case HIST_TYPE_INT:
        v.i64 = (int32_t)longs[rnd(10)];
        break;
    case HIST_TYPE_REAL:
        v.real = reals[rnd(10)];
        break;
    case HIST_TYPE_STRING: {
        const char *text = texts[rnd(10)];

        v.null = false;
        v.str = (hist_str){text, strlen(text)};
        break;
    }
    case HIST_TYPE_BOOL:
        v.i64 = rnd(2);
        break;
    case HIST_TYPE_DATETIME:
        v.i64 = INT64_C(1700000000000000000) + (int64_t)rnd(1000000) * 1000000007;
        v.i64 = rnd(12) == 0 ? longs[rnd(10)] : v.i64;
        break;
    case HIST_TYPE_TIMESPAN:
        v.i64 = longs[rnd(6)] * INT64_C(3600000000000);
        break;
    case HIST_TYPE_DECIMAL:
        v.decimal = (hist_decimal){.lo = (uint64_t)longs[rnd(6)], .hi = rnd(3)};
        break;
    default:
        v.i64 = longs[rnd(10)];
        break;
    }
    return v;
}

/* kind 0: a mixture; 1: longs only; 2: arrays of reals. */
static void rnd_dynamic(hi_col_builder *cb, uint32_t kind)
{
    static const hist_type types[] = {HIST_TYPE_LONG, HIST_TYPE_REAL, HIST_TYPE_STRING,
                                      HIST_TYPE_BOOL, HIST_TYPE_DATETIME};
    hi_dyn_writer *w = hi_cb_begin(cb);

    if (rnd(6) == 0) {
        hi_dyn_put_null(w);
    } else if (kind == 1 || (kind == 0 && rnd(2) == 0)) {
        const hi_value v = rnd_value(kind == 1 ? HIST_TYPE_LONG : types[rnd(5)]);

        hi_dyn_put_value(w, &v);
    } else if (kind == 2 || rnd(2) == 0) {
        hi_dyn_begin_array(w);
        for (uint32_t n = rnd(4); n > 0; n--) {
            const hi_value v = rnd_value(kind == 2 ? HIST_TYPE_REAL : types[rnd(5)]);

            hi_dyn_put_value(w, &v);
        }
        hi_dyn_end_array(w);
    } else {
        hi_dyn_begin_bag(w);
        hi_dyn_put_key(w, "a", 1);
        hi_dyn_put_long(w, rnd(5));
        hi_dyn_end_bag(w);
    }
    hi_cb_end(cb);
}

/* The same logical columns three ways. */
typedef struct layouts {
    uint32_t rows;
    hist_column flat[COLS];
    hist_column dict[COLS];
    hist_column runs[COLS];
    hist_column untagged[COLS]; /* flat, with the dynamic one typed where it can be */
} layouts;

static void make_column(expr_env *env, uint32_t c, uint32_t rows, layouts *out)
{
    hi_arena *arena = &env->arena;
    hist_column *values = HI_NEW(arena, hist_column);
    int32_t *codes = HI_NEW_ARRAY(arena, int32_t, rows + 1);
    int32_t *ends = HI_NEW_ARRAY(arena, int32_t, rows + 1);
    uint32_t *slots = HI_NEW_ARRAY(arena, uint32_t, rows + 1);
    hist_column *run_values = HI_NEW(arena, hist_column);
    hi_col_builder cb;
    const uint32_t kind = rnd(3);
    uint32_t runs = 0;

    assert_true(hi_cb_init(&cb, arena, fields[c].type, VALUES));
    for (uint32_t i = 0; i < VALUES; i++) {
        if (fields[c].type == HIST_TYPE_DYNAMIC) {
            rnd_dynamic(&cb, kind);
        } else {
            const hi_value v = rnd_value(fields[c].type);

            hi_cb_value(&cb, &v);
        }
    }
    assert_true(hi_cb_done(&cb, fields[c].type, values));
    for (uint32_t i = 0; i < rows; runs++) {
        const uint32_t length = 1 + rnd(4);
        const uint32_t end = i + length < rows ? i + length : rows;

        slots[runs] = rnd(VALUES);
        for (; i < end; i++) {
            codes[i] = (int32_t)slots[runs];
        }
        ends[runs] = (int32_t)end;
    }
    out->dict[c] = (hist_column){.type = fields[c].type,
                                 .stored = values->stored,
                                 .layout = HIST_LAYOUT_DICT,
                                 .length = rows,
                                 .data_count = rows,
                                 .data = codes,
                                 .child = values};
    assert_true(hi_col_gather(arena, values, slots, runs, run_values));
    out->runs[c] = (hist_column){.type = fields[c].type,
                                 .stored = values->stored,
                                 .layout = HIST_LAYOUT_RUNS,
                                 .length = rows,
                                 .data_count = runs,
                                 .data = ends,
                                 .child = run_values};
    assert_true(hi_col_flatten(arena, &out->dict[c], &out->flat[c]));
    assert_true(hi_col_untag(arena, &out->flat[c], &out->untagged[c]));
}

static void make_layouts(expr_env *env, layouts *out)
{
    out->rows = 1 + rnd(ROWS_MAX);
    for (uint32_t c = 0; c < COLS; c++) {
        make_column(env, c, out->rows, out);
    }
}

/* ---- random expressions ---- */

typedef struct text {
    char data[8000];
    size_t size;
} text;

static void put(text *t, const char *s)
{
    const size_t n = strlen(s);

    assert_true(t->size + n < sizeof(t->data));
    memcpy(t->data + t->size, s, n + 1);
    t->size += n;
}

static void gen(text *t, char type, int depth);

/* Fills a template: each % and a letter is an expression of that type. */
static void gen_template(text *t, const char *form, int depth)
{
    for (; *form != '\0'; form++) {
        if (*form == '#') {
            gen(t, *++form, depth - 1);
        } else {
            const char one[2] = {*form, '\0'};

            put(t, one);
        }
    }
}

static const char *gen_long(void)
{
    return PICK("(#l + #l)", "(#l - #l)", "(#l * #l)", "(#l / #l)", "(#l % #l)", "(-#l)", "abs(#l)",
                "strlen(#s)", "iff(#b, #l, #l)", "bin(#l, 7)", "coalesce(#l, #l)", "tolong(#r)",
                "tolong(#s)", "toint(#l)", "max_of(#l, #l)", "indexof(#s, 'a')", "array_length(#d)",
                "datetime_part('hour', #t)", "case(#b, #l, #b, #l, #l)", "(i + i)", "tolong(#d)",
                "hash(#s)", "binary_xor(#l, #l)", "sign(#l)", "countof(#s, 'a')");
}

static const char *gen_real(void)
{
    return PICK("(#r + #r)", "(#r - #l)", "(#r * #r)", "(#r / #r)", "(#r % #r)", "(-#r)",
                "sqrt(#r)", "iff(#b, #r, #r)", "bin(#r, 0.5)", "todouble(#l)", "todouble(#s)",
                "round(#r, 1)", "min_of(#r, #r)", "log(#r)", "(#p / 1h)", "coalesce(#r, #r)",
                "todouble(#d)", "pow(#r, 2)", "floor(#r, 2)", "ceiling(#r)", "array_sum(#d)");
}

static const char *gen_bool(void)
{
    return PICK("(#l == #l)", "(#l != #l)", "(#l < #l)", "(#r >= #l)", "(#r == #r)", "(#r != #r)",
                "(#s == #s)", "(#s < #s)", "(#s =~ #s)", "(#s has #s)", "(#s contains_cs #s)",
                "(#s startswith #s)", "(#b and #b)", "(#b or #b)", "not(#b)", "(#l in (1, 7, -7))",
                "(#s !in ('a', '12'))", "(#l between (-5 .. 50))", "(#t between (#t .. #t))",
                "isnull(#l)", "isempty(#s)", "isnotnull(#t)", "(#t < #t)", "iff(#b, #b, #b)",
                "(#d == #d)", "(#d > 3)", "isnan(#r)", "(#l !between (#l .. #l))",
                "(#s in~ ('A', 'X Y'))", "(#s matches regex '[a-c]')", "(m > m)", "tobool(#d)",
                "isnull(#d)", "(#s has_any ('a', #s))", "(#d in (1, 'a'))", "(#b == #b)");
}

static const char *gen_string(void)
{
    return PICK("strcat(#s, #l, #s)", "substring(#s, #l, 2)", "toupper(#s)", "tolower(#s)",
                "tostring(#l)", "tostring(#r)", "tostring(#b)", "tostring(#t)", "tostring(#d)",
                "iff(#b, #s, #s)", "reverse(#s)", "replace_string(#s, 'a', 'zz')",
                "coalesce(#s, 'q')", "tostring(split(#s, ',')[0])", "trim('a', #s)",
                "extract('([a-z])', 1, #s)", "case(#b, #s, #s)", "gettype(#d)", "tostring(#p)",
                "tostring(m)");
}

static const char *gen_form(char type)
{
    switch (type) {
    case 'l':
        return gen_long();
    case 'r':
        return gen_real();
    case 'b':
        return gen_bool();
    case 's':
        return gen_string();
    case 't':
        return PICK("(#t + #p)", "(#t - #p)", "bin(#t, 1h)", "startofday(#t)", "iff(#b, #t, #t)",
                    "endofmonth(#t)", "datetime_add('day', 3, #t)", "coalesce(#t, #t)",
                    "todatetime(#s)", "bin_at(#t, 5m, datetime(2020-01-01))");
    case 'p':
        return PICK("(#p + #p)", "(#t - #t)", "(#p * 2)", "(#p / 3)", "iff(#b, #p, #p)",
                    "(#p % 5h)", "abs(#p)", "(-#p)");
    default:
        return PICK("pack_array(#l, #r, #s)", "bag_pack('k', #l, 's', #s)", "(#d + 1)",
                    "iff(#b, #d, #d)", "parse_json(#s)", "split(#s, ',')", "array_concat(#d, #d)",
                    "#d[0]", "#d.a", "array_slice(#d, 0, 1)", "(#d * #d)", "array_sort_asc(#d)",
                    "series_add(#d, #d)", "series_multiply(#d, 2)", "set_union(#d, #d)",
                    "zip(#d, #d)", "bag_merge(#d, #d)", "series_fill_forward(#d)", "(-#d)",
                    "coalesce(#d, #d)", "series_greater(#d, 1)", "array_iff(#d, #d, 0)");
    }
}

static const char *gen_leaf(char type)
{
    switch (type) {
    case 'l':
        return PICK("l", "l", "i", "5", "-3", "long(null)");
    case 'r':
        return PICK("r", "r", "1.5", "real(null)");
    case 'b':
        return PICK("b", "b", "true", "bool(null)");
    case 's':
        return PICK("s", "s", "'ab'", "''");
    case 't':
        return PICK("t", "t", "datetime(2023-11-14 22:13:20)", "datetime(null)");
    case 'p':
        return PICK("p", "p", "1h", "timespan(null)");
    default:
        return PICK("d", "d", "d", "dynamic([1,2.5,'x'])", "dynamic(null)");
    }
}

static void gen(text *t, char type, int depth)
{
    if (depth <= 0 || rnd(5) == 0) {
        put(t, gen_leaf(type));
    } else {
        gen_template(t, gen_form(type), depth);
    }
}

/* ---- checks ---- */

static hist_batch batch_of(const hist_column *columns, uint32_t rows)
{
    return (hist_batch){
        .column_count = COLS, .row_count = rows, .sel_count = rows, .columns = columns};
}

static void check_same(expr_env *env, const text *t, const hist_column *a, const hist_column *b,
                       uint32_t row, const char *what)
{
    const char *x = expr_show(env, a, row);
    const char *y = expr_show(env, b, row);

    if (strcmp(x, y) != 0) {
        print_error("%s: row %u is %s flat and %s as %s\n", t->data, row, x, y, what);
        fail();
    }
}

static bool eval_or_skip(expr_env *env, const text *t, const hist_column *columns, uint32_t rows,
                         hist_column *out)
{
    const hist_batch batch = batch_of(columns, rows);
    const hist_status status = expr_eval(env, &schema, &batch, t->data, out);

    if (status != HIST_OK && status != HIST_ESEMANTIC) {
        print_error("%s: %s\n", t->data, env->err.message);
        fail();
    }
    return status == HIST_OK;
}

/* Each row as a batch of one. */
static void check_rows_alone(expr_env *env, const text *t, const layouts *l, const hist_column *all)
{
    for (uint32_t i = 0; i < l->rows; i += 1 + rnd(20)) {
        hist_column one[COLS];
        hist_column out;

        for (uint32_t c = 0; c < COLS; c++) {
            assert_true(hi_col_slice(&env->arena, &l->flat[c], i, 1, &one[c]));
        }
        assert_true(eval_or_skip(env, t, one, 1, &out));
        const char *x = expr_show(env, all, i);
        const char *y = expr_show(env, &out, 0);
        if (strcmp(x, y) != 0) {
            print_error("%s: row %u is %s among others and %s alone\n", t->data, i, x, y);
            fail();
        }
    }
}

static void check_expression(expr_env *env, const text *t, const layouts *l)
{
    hist_column flat;
    hist_column other;

    if (!eval_or_skip(env, t, l->flat, l->rows, &flat)) {
        return;
    }
    assert_int_equal(flat.length, l->rows);
    const hist_column *const forms[3] = {l->dict, l->runs, l->untagged};
    static const char *const names[3] = {"dictionary", "runs", "typed dynamic"};
    for (int k = 0; k < 3; k++) {
        assert_true(eval_or_skip(env, t, forms[k], l->rows, &other));
        for (uint32_t i = 0; i < l->rows; i++) {
            check_same(env, t, &flat, &other, i, names[k]);
        }
    }
    check_rows_alone(env, t, l, &flat);
}

static uint32_t rounds(uint32_t n)
{
    return getenv("HIST_LONG") != NULL ? n * 50 : n;
}

static void every_layout_of_the_columns_gives_the_same(void **state)
{
    static const char types[] = "lrbstpd";

    (void)state;
    for (uint32_t round = 0; round < rounds(60); round++) {
        expr_env env;
        layouts l;

        rnd_state = round;
        expr_env_open(&env, 0);
        make_layouts(&env, &l);
        for (int k = 0; k < 8; k++) {
            text t = {.size = 0};

            gen(&t, types[rnd(7)], 1 + (int)rnd(3));
            check_expression(&env, &t, &l);
        }
        expr_env_close(&env);
        assert_int_equal(env.mem.used, 0);
    }
}

static void a_filter_keeps_the_rows_that_are_true(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < rounds(100); round++) {
        expr_env env;
        layouts l;
        text t = {.size = 0};
        hist_column flat;
        hi_expr *e;
        uint32_t sel[ROWS_MAX + 1];
        uint32_t in_sel[ROWS_MAX + 1];
        uint32_t count;
        uint32_t n = 0;
        uint32_t at = 0;

        rnd_state = round + 1000;
        expr_env_open(&env, 0);
        make_layouts(&env, &l);
        gen_template(&t, PICK("(#b and #b)", "#b", "(#b and (#b and #b))"), 3);
        if (eval_or_skip(&env, &t, l.flat, l.rows, &flat)) {
            hist_batch batch = batch_of(l.dict, l.rows);

            for (uint32_t i = 0; i < l.rows; i++) {
                in_sel[n] = i;
                n += rnd(3) != 0 ? 1 : 0;
            }
            if (rnd(2) == 0) {
                batch.sel = in_sel;
                batch.sel_count = n;
            }
            assert_int_equal(expr_bind(&env, &schema, t.data, &e), HIST_OK);
            assert_int_equal(hi_expr_filter(e, &env.ev, &batch, sel, &count), HIST_OK);
            for (uint32_t i = 0; i < batch.sel_count; i++) {
                const uint32_t row = batch.sel != NULL ? in_sel[i] : i;

                if (strcmp(expr_show(&env, &flat, row), "true") == 0) {
                    assert_true(at < count && sel[at] == row);
                    at++;
                }
            }
            assert_int_equal(at, count);
        }
        expr_env_close(&env);
    }
}

/* What storage would decide from a hi_pred. */
static bool pred_holds(const hi_pred *p, const hi_value *v)
{
    const bool nan = v->type == HIST_TYPE_REAL && !v->null && isnan(v->real);
    bool found = false;

    for (uint32_t i = 0; i < p->value_count; i++) {
        found |= !v->null && !nan && hi_value_compare(v, &p->values[i]) == 0;
    }
    switch (p->op) {
    case HI_PRED_EQ:
    case HI_PRED_IN:
        return found;
    case HI_PRED_NE:
    case HI_PRED_NOT_IN:
        return !found;
    case HI_PRED_IS_NULL:
        return v->null;
    case HI_PRED_NOT_NULL:
        return !v->null;
    case HI_PRED_RANGE:
    default:
        break;
    }
    if (v->null || nan) {
        return false;
    }
    const int low = p->has_low ? hi_value_compare(v, &p->low) : 1;
    const int high = p->has_high ? hi_value_compare(v, &p->high) : -1;
    return (p->low_open ? low > 0 : low >= 0) && (p->high_open ? high < 0 : high <= 0);
}

static void a_predicate_for_storage_is_as_true_as_the_expression(void **state)
{
    uint32_t told = 0;

    (void)state;
    for (uint32_t round = 0; round < rounds(300); round++) {
        expr_env env;
        layouts l;
        hi_expr *e;
        hi_pred p;
        hist_column flat;
        text t = {.size = 0};

        rnd_state = round + 5000;
        expr_env_open(&env, 0);
        make_layouts(&env, &l);
        put(&t,
            PICK("l == 7", "l != 7", "7 < l", "l >= -1", "r > 1.5", "r <= 42", "r != 0.1",
                 "i > 2.5", "s == 'a'", "s != ''", "s < 'b'", "l between (-7 .. 3)",
                 "r between (0.0 .. 2.0)", "s in ('a', 'Ab')", "l in (1, 7, 2.5)", "l !in (1, 7)",
                 "isnull(l)", "isnotnull(r)", "isempty(s)", "isnotempty(s)", "isempty(t)",
                 "t > datetime(2023-11-15)", "bin(t, 1h) == datetime(2023-11-15 03:00)",
                 "bin(t, 1h) >= datetime(2023-11-15 03:20)",
                 "bin(t, 1h) < datetime(2023-11-15 03:20)", "startofday(t) <= datetime(2023-11-15)",
                 "bin(t, 1d) > datetime(2023-11-15)", "p > 1h", "b == true",
                 "s in (dynamic(['a', 5]))", "startofweek(t) == datetime(2023-11-12)"));
        assert_int_equal(expr_bind(&env, &schema, t.data, &e), HIST_OK);
        if (hi_expr_pred(&env.arena, e, &p)) {
            told++;
            assert_true(eval_or_skip(&env, &t, l.flat, l.rows, &flat));
            for (uint32_t i = 0; i < l.rows; i++) {
                hi_value v;

                assert_true(hi_col_value(&env.arena, &l.flat[p.column], i, &v));
                if (pred_holds(&p, &v) != (strcmp(expr_show(&env, &flat, i), "true") == 0)) {
                    print_error("%s: wrong for %s\n", t.data,
                                expr_show(&env, &l.flat[p.column], i));
                    fail();
                }
            }
        }
        expr_env_close(&env);
    }
    assert_true(told > 250);
}

static void a_time_range_says_whether_it_says_all(void **state)
{
    static const struct {
        const char *text;
        int64_t from, to;
        bool exact;
    } cases[] = {
        {"t >= datetime(1970-01-01) and t < datetime(1970-01-02)", 0, INT64_C(86400000000000),
         true},
        {"t between (datetime(1970-01-01) .. 1s)", 0, INT64_C(1000000001), true},
        {"t > datetime(1970-01-01) and l > 5", 1, INT64_MAX, false},
        {"t == datetime(1970-01-01)", 0, 1, true},
        {"t < datetime(9999-12-31)", INT64_MIN, INT64_MAX, false},
        {"l > 5 or t > datetime(1970-01-01)", INT64_MIN, INT64_MAX, false},
        {"bin(t, 1s) == datetime(1970-01-01)", 0, INT64_C(1000000000), true},
        {"t >= ago(1h)", INT64_C(1715949296000000000) - INT64_C(3600000000000), INT64_MAX, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expr_env env;
        hi_expr *e;
        int64_t from = INT64_MIN;
        int64_t to = INT64_MAX;
        bool exact;

        expr_env_open(&env, 0);
        assert_int_equal(expr_bind(&env, &schema, cases[i].text, &e), HIST_OK);
        hi_expr_time_range(&env.arena, e, 5, &from, &to, &exact);
        if (from != cases[i].from || to != cases[i].to || exact != cases[i].exact) {
            print_error("%s: [%lld, %lld) %d\n", cases[i].text, (long long)from, (long long)to,
                        exact);
            fail();
        }
        expr_env_close(&env);
    }
}

/* ---- columns ---- */

static void check_equal_rows(expr_env *env, const hist_column *a, uint32_t i, const hist_column *b,
                             uint32_t j)
{
    assert_string_equal(expr_show(env, a, i), expr_show(env, b, j));
    if (!hi_col_equal(a, i, b, j)) {
        print_error("%s (type %d stored %d layout %d) is not %s (%d %d %d)\n", expr_show(env, a, i),
                    (int)a->type, (int)a->stored, (int)a->layout, expr_show(env, b, j),
                    (int)b->type, (int)b->stored, (int)b->layout);
        fail();
    }
}

static void check_column_moves(expr_env *env, const layouts *l, uint32_t c, const hist_column *in)
{
    uint32_t rows[ROWS_MAX];
    hist_column out;
    hist_column parts[3];
    const uint32_t a = rnd(l->rows + 1);
    const uint32_t b = a + rnd(l->rows - a + 1);

    for (uint32_t i = 0; i < ROWS_MAX; i++) {
        rows[i] = rnd(8) == 0 ? HI_ROW_NONE : rnd(l->rows);
    }
    assert_true(hi_col_gather(&env->arena, in, rows, ROWS_MAX, &out));
    for (uint32_t i = 0; i < ROWS_MAX; i++) {
        if (rows[i] != HI_ROW_NONE) {
            check_equal_rows(env, &out, i, &l->flat[c], rows[i]);
        } else {
            assert_string_equal(expr_show(env, &out, i),
                                fields[c].type == HIST_TYPE_STRING ? "\"\"" : "null");
        }
    }
    assert_true(hi_col_slice(&env->arena, in, 0, a, &parts[0]));
    assert_true(hi_col_slice(&env->arena, in, a, b - a, &parts[1]));
    assert_true(hi_col_slice(&env->arena, &l->flat[c], b, l->rows - b, &parts[2]));
    assert_true(hi_col_concat(&env->arena, parts, 3, &out));
    for (uint32_t i = 0; i < l->rows; i++) {
        check_equal_rows(env, &out, i, &l->flat[c], i);
    }
}

static void check_column_order(const layouts *l, uint32_t c)
{
    for (int k = 0; k < 100; k++) {
        const uint32_t i = rnd(l->rows);
        const uint32_t j = rnd(l->rows);
        const uint32_t m = rnd(l->rows);
        const int ij = hi_col_compare(&l->flat[c], i, &l->dict[c], j);
        const int jm = hi_col_compare(&l->runs[c], j, &l->untagged[c], m);

        assert_int_equal(ij, -hi_col_compare(&l->untagged[c], j, &l->flat[c], i));
        if (ij <= 0 && jm <= 0) {
            assert_true(hi_col_compare(&l->flat[c], i, &l->flat[c], m) <= 0);
        }
    }
}

static void columns_survive_being_moved_and_hash_alike(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < rounds(40); round++) {
        expr_env env;
        layouts l;

        rnd_state = round + 9000;
        expr_env_open(&env, 0);
        make_layouts(&env, &l);
        for (uint32_t c = 0; c < COLS; c++) {
            const hist_column *const forms[4] = {&l.flat[c], &l.dict[c], &l.runs[c],
                                                 &l.untagged[c]};
            uint64_t hashes[4][ROWS_MAX];

            for (int k = 0; k < 4; k++) {
                check_column_moves(&env, &l, c, forms[k]);
                assert_true(hi_col_hash(&env.arena, forms[k], false, hashes[k]));
                assert_memory_equal(hashes[0], hashes[k], l.rows * sizeof(uint64_t));
            }
            check_column_order(&l, c);
        }
        expr_env_close(&env);
        assert_int_equal(env.mem.used, 0);
    }
}

/* ---- kernels ---- */

extern const hi_query_kernels hi_query_kernels_base;

enum { KERN_ROWS = 333 };

typedef struct kern_data {
    int64_t a[KERN_ROWS], b[KERN_ROWS];
    double x[KERN_ROWS], y[KERN_ROWS];
    int64_t out[2][KERN_ROWS];
    uint64_t bits[2][(KERN_ROWS + 63) / 64];
} kern_data;

static void check_kernel_bits(const hi_query_kernels *k, kern_data *d, int which, uint32_t n)
{
    const hi_operand a = {d->a, rnd(4) == 0};
    const hi_operand b = {d->b, rnd(2) == 0};
    const hi_operand x = {d->x, false};
    const hi_operand y = {d->y, rnd(2) == 0};

    for (int op = 0; op < 6; op++) {
        k->compare_i64[op](d->bits[which], a, b, n);
        d->out[which][op] = (int64_t)d->bits[which][(n - 1) / 64];
        k->compare_f64[op](d->bits[which], x, y, n);
        d->out[which][op + 6] = (int64_t)d->bits[which][(n - 1) / 64];
    }
    k->between_f64(d->bits[which], x, -1.0, 2.0, n);
}

static void check_kernel_values(const hi_query_kernels *k, kern_data *d, int op, int which,
                                uint32_t n)
{
    const hi_operand a = {d->a, false};
    const hi_operand b = {d->b, rnd(2) == 0};
    const hi_operand x = {d->x, false};
    const hi_operand y = {d->y, rnd(2) == 0};
    int64_t *out = d->out[which];
    double *reals = (double *)(void *)out;

    switch (op) {
    case 0:
        (void)k->add_over_i64(out, a, b, n);
        break;
    case 1:
        k->mul_i64(out, a, b, n);
        break;
    case 2:
        k->div_f64(reals, x, y, n);
        break;
    case 3:
        k->bin_i64(out, d->a, 1 + (int64_t)rnd(5000), 0, n);
        break;
    case 4:
        k->bin_f64(reals, d->x, 0.3, n);
        break;
    case 5:
        (void)k->div_small_i64(out, d->a, 7, n);
        break;
    case 6:
        k->sqrt_f64(reals, d->x, n);
        break;
    default:
        k->f64_of_i64(reals, d->a, n);
        break;
    }
}

static void every_cpu_variant_computes_the_same_bits(void **state)
{
    static kern_data d;

    (void)state;
    for (uint32_t round = 0; round < rounds(300); round++) {
        const uint32_t n = 1 + rnd(KERN_ROWS);
        const int op = (int)rnd(9);

        rnd_state = round + 20000;
        for (uint32_t i = 0; i < KERN_ROWS; i++) {
            const hi_value l = rnd_value(HIST_TYPE_LONG);
            const hi_value r = rnd_value(HIST_TYPE_REAL);

            d.a[i] = round % 2 == 0 ? l.i64 : (int64_t)rnd(100000) - 50000;
            d.b[i] = rnd_value(HIST_TYPE_LONG).i64;
            d.x[i] = r.real;
            d.y[i] = rnd_value(HIST_TYPE_REAL).real;
        }
        memset(d.out, 0, sizeof(d.out));
        memset(d.bits, 0, sizeof(d.bits));
        for (int which = 0; which < 2; which++) {
            const hi_query_kernels *k =
                which == 0 ? &hi_query_kernels_base : hi_query_kernels_get();

            rnd_state = round;
            if (op == 8) {
                check_kernel_bits(k, &d, which, n);
            } else {
                check_kernel_values(k, &d, op, which, n);
            }
        }
        assert_memory_equal(d.out[0], d.out[1], sizeof(d.out[0]));
        assert_memory_equal(d.bits[0], d.bits[1], sizeof(d.bits[0]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout_of_the_columns_gives_the_same),
        cmocka_unit_test(a_filter_keeps_the_rows_that_are_true),
        cmocka_unit_test(a_predicate_for_storage_is_as_true_as_the_expression),
        cmocka_unit_test(a_time_range_says_whether_it_says_all),
        cmocka_unit_test(every_cpu_variant_computes_the_same_bits),
        cmocka_unit_test(columns_survive_being_moved_and_hash_alike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
