/* test_agg.c -- aggregates against plain loops over random values, with and without nulls. */
/* clang-format off */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
/* clang-format on */

#include "hist.h"

#define VALUES_MAX 300
#define ROUNDS     40

static hist_db *agg_db;

static int agg_open(void **state)
{
    hist_open_options options = HIST_OPEN_OPTIONS;

    (void)state;
    options.threads = 0;
    return hist_open(":memory:", &options, &agg_db, NULL) == HIST_OK ? 0 : -1;
}

static int agg_close(void **state)
{
    (void)state;
    return hist_close(agg_db, NULL) == HIST_OK ? 0 : -1;
}

static uint32_t agg_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

/* Values of one group; has[i] false: null. */
typedef struct agg_values {
    int64_t v[VALUES_MAX];
    bool has[VALUES_MAX];
    int n;
    int count; /* Of those with a value. */
    int64_t sorted[VALUES_MAX];
    char text[VALUES_MAX * 24];
} agg_values;

static int agg_compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void agg_make(uint64_t *seed, agg_values *s)
{
    size_t at = (size_t)snprintf(s->text, sizeof(s->text), "datatable(v:long)[");

    s->n = (int)(agg_random(seed) % VALUES_MAX);
    s->count = 0;
    for (int i = 0; i < s->n; i++) {
        s->v[i] = (int64_t)(agg_random(seed) % 60) - 20;
        s->has[i] = agg_random(seed) % 5 != 0;
        if (s->has[i]) {
            s->sorted[s->count++] = s->v[i];
            at += (size_t)snprintf(s->text + at, sizeof(s->text) - at, "%lld,", (long long)s->v[i]);
        } else {
            at += (size_t)snprintf(s->text + at, sizeof(s->text) - at, "long(null),");
        }
    }
    (void)snprintf(s->text + at, sizeof(s->text) - at, "]");
    qsort(s->sorted, (size_t)s->count, sizeof(s->sorted[0]), agg_compare);
}

/* The value of `what` over the values as a real; NaN for null. */
static double agg_ask(const agg_values *s, const char *what)
{
    hist_error err = {0};
    hist_query *q;
    hist_batch batch;
    const size_t size = strlen(s->text) + strlen(what) + 64;
    char *query = calloc(1, size);
    double v = (double)NAN;

    assert_non_null(query);
    (void)snprintf(query, size, "%s | summarize r=todouble(%s)", s->text, what);
    if (hist_query_open(agg_db, query, SIZE_MAX, NULL, &q, &err) != HIST_OK ||
        hist_query_next(q, &batch, &err) != HIST_OK) {
        fail_msg("%s: %s", query, err.message);
    }
    assert_int_equal(batch.row_count, 1);
    if (hist_column_valid(&batch.columns[0], 0)) {
        v = hist_column_f64(&batch.columns[0], 0);
    }
    hist_query_close(q);
    free(query);
    return v;
}

static void agg_expect(const agg_values *s, const char *what, double wanted)
{
    const double got = agg_ask(s, what);
    const bool same =
        (isnan(got) && isnan(wanted)) || fabs(got - wanted) <= 1e-9 * (1 + fabs(wanted));

    if (!same) {
        fail_msg("%s\n%s: %.17g wanted, %.17g found", s->text, what, wanted, got);
    }
}

static void sums_and_extremes_agree_with_plain_loops(void **state)
{
    uint64_t seed = 11;
    static agg_values s;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t sum = 0;
        int64_t above = 0;
        int positive = 0;

        agg_make(&seed, &s);
        for (int i = 0; i < s.count; i++) {
            sum += s.sorted[i];
            above += s.sorted[i] > 0 ? s.sorted[i] : 0;
            positive += s.sorted[i] > 0;
        }
        const double none = (double)NAN;
        agg_expect(&s, "count()", s.n);
        agg_expect(&s, "countif(v > 0)", positive);
        agg_expect(&s, "sum(v)", (double)sum);
        agg_expect(&s, "sumif(v, v > 0)", (double)above);
        agg_expect(&s, "avg(v)", s.count == 0 ? none : (double)sum / s.count);
        agg_expect(&s, "avgif(v, v > 0)", positive == 0 ? none : (double)above / positive);
        agg_expect(&s, "min(v)", s.count == 0 ? none : (double)s.sorted[0]);
        agg_expect(&s, "max(v)", s.count == 0 ? none : (double)s.sorted[s.count - 1]);
        agg_expect(&s, "sum(todouble(v)) / count()", s.n == 0 ? none : (double)sum / s.n);
    }
}

static void spreads_agree_with_two_passes_rounded_to_ten_decimals(void **state)
{
    uint64_t seed = 12;
    static agg_values s;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        double mean = 0;
        double squares = 0;

        agg_make(&seed, &s);
        for (int i = 0; i < s.count; i++) {
            mean += (double)s.sorted[i] / s.count;
        }
        for (int i = 0; i < s.count; i++) {
            squares += ((double)s.sorted[i] - mean) * ((double)s.sorted[i] - mean);
        }
        const double sample = s.count < 2 ? 0 : squares / (s.count - 1);
        const double population = s.count < 2 ? 0 : squares / s.count;
        agg_expect(&s, "variance(v)", sample);
        agg_expect(&s, "variancep(v)", population);
        agg_expect(&s, "stdev(v)", sqrt(sample));
        agg_expect(&s, "stdevp(v)", sqrt(population));
        agg_expect(&s, "covariancep(v, v + 3)", population);
        /* A large offset costs no digits. */
        agg_expect(&s, "variance(v + 1000000000)", sample);
    }
}

static void percentiles_are_the_nearest_rank_of_the_sorted_values(void **state)
{
    static const double percents[] = {0, 1, 10, 25, 50, 75, 90, 99, 99.9, 100};
    uint64_t seed = 13;
    static agg_values s;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        agg_make(&seed, &s);
        for (size_t k = 0; k < sizeof(percents) / sizeof(percents[0]); k++) {
            char what[64];
            int place = (int)ceil(percents[k] / 100 * s.count - 1e-9) - 1;

            place = place < 0 ? 0 : place;
            (void)snprintf(what, sizeof(what), "percentile(v, %g)", percents[k]);
            agg_expect(&s, what, s.count == 0 ? (double)NAN : (double)s.sorted[place]);
        }
    }
}

static void sets_hold_each_value_once_and_lists_every_one(void **state)
{
    uint64_t seed = 14;
    static agg_values s;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        int distinct = 0;

        agg_make(&seed, &s);
        for (int i = 0; i < s.count; i++) {
            distinct += i == 0 || s.sorted[i] != s.sorted[i - 1];
        }
        agg_expect(&s, "dcount(v)", distinct);
        agg_expect(&s, "count_distinct(v)", distinct);
        agg_expect(&s, "array_length(make_set(v))", distinct);
        agg_expect(&s, "array_length(make_set(v, 3))", distinct < 3 ? distinct : 3);
        agg_expect(&s, "array_length(make_list(v))", s.count);
        agg_expect(&s, "array_length(make_list(v, 7))", s.count < 7 ? s.count : 7);
        agg_expect(&s, "array_length(make_list_with_nulls(v))", s.n);
        agg_expect(&s, "array_sum(make_list(v)) - sum(v)", 0);
    }
}

static void the_chosen_row_has_the_extreme(void **state)
{
    uint64_t seed = 15;
    static agg_values s;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        agg_make(&seed, &s);
        if (s.count == 0) {
            continue;
        }
        agg_expect(&s, "arg_max(v, *)", (double)s.sorted[s.count - 1]);
        agg_expect(&s, "arg_min(v, *)", (double)s.sorted[0]);
        agg_expect(&s, "tolong(max(tostring(v))) * 0", 0);
        agg_expect(&s, "iff(isnull(take_any(v)), 1, 0)", 0);
    }
}

static void rows_that_were_beaten_cost_no_memory(void **state)
{
    static const char text[] =
        "range x from 1 to 2000000 step 1 | extend g=x%2000, s=strcat(strrep('v', 100), x) "
        "| summarize arg_max(x, s) by g | summarize r=countif(s endswith tostring(x) and x > 1998000)";
    hist_query_options options = HIST_QUERY_OPTIONS;
    hist_error err = {0};
    hist_query *q;
    hist_batch batch;

    (void)state;
    options.memory_bytes_max = 16 << 20; /* All of them together are more. */
    assert_int_equal(hist_query_open(agg_db, text, SIZE_MAX, &options, &q, &err), HIST_OK);
    if (hist_query_next(q, &batch, &err) != HIST_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(batch.row_count, 1);
    assert_int_equal(hist_column_i64(&batch.columns[0], 0), 2000);
    hist_query_close(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_and_extremes_agree_with_plain_loops),
        cmocka_unit_test(spreads_agree_with_two_passes_rounded_to_ten_decimals),
        cmocka_unit_test(percentiles_are_the_nearest_rank_of_the_sorted_values),
        cmocka_unit_test(sets_hold_each_value_once_and_lists_every_one),
        cmocka_unit_test(the_chosen_row_has_the_extreme),
        cmocka_unit_test(rows_that_were_beaten_cost_no_memory),
    };

    return cmocka_run_group_tests(tests, agg_open, agg_close);
}
