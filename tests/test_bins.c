/*
 * test_bins.c -- groups of series and bins of time. Know first: the same question is asked three ways, and the texts of
 * the answers must be equal, rows in the same order: groups given out while rows come, groups collected by
 * cursors, and a key that no one recognises as a bin, which is hashed row by row.
 */
/* clang-format off */
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

#include "api/db.h"
#include "formats/csv_write.h"
#include "query/query.h"
#include "tests/support/must.h"

#define DEVICES  23
#define ROWS     400 /* Of a device. */
#define START_NS INT64_C(1735600000000000000)
#define STEP_NS  INT64_C(900000000000) /* 400 of them are more than four days. */

enum { ASK_MAX = 1024 };

static hist_db *db;
static hi_mem text_mem;
static bool given_out; /* The last answer came in several batches. */

static uint32_t next_random(void)
{
    static uint64_t state = 7;

    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33);
}

static void write_line(hist_writer *w, const char *line, int size)
{
    hist_error err = {0};
    hist_lp_options options = HIST_LP_OPTIONS;
    hist_lp_result result;

    options.final = true;
    must(hist_append_lp(w, line, (size_t)size, &options, &result, &err), &err);
    assert_int_equal(result.accepted, 1);
}

/* A reading of device d; some fields are missing, some values are zeroes of either sign. */
static void write_row(hist_writer *w, uint32_t d, int64_t time_ns)
{
    char line[256];
    const uint32_t r = next_random();
    int n =
        snprintf(line, sizeof(line), "T,site=s%u,dev=d%02u n=%di", d % 4, d, (int)(r % 1000) - 500);

    if (r % 5 != 0) {
        n += snprintf(line + n, sizeof(line) - (size_t)n, ",x=%s",
                      r % 7 == 0   ? "-0.0"
                      : r % 7 == 1 ? "0.0"
                                   : "");
        if (r % 7 > 1) {
            n +=
                snprintf(line + n, sizeof(line) - (size_t)n, "%.17g", (double)(r % 4096) / 8 - 200);
        }
    }
    n += snprintf(line + n, sizeof(line) - (size_t)n, " %lld\n", (long long)time_ns);
    write_line(w, line, n);
}

/* At both ends of the range of time. */
static void write_ends(hist_writer *w)
{
    static const char *const times[] = {"-9223372036854775000", "-9223372036000000000",
                                        "-9223286400000000001", "0", "9223372036854775000"};

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        char line[80];

        write_line(w, line, snprintf(line, sizeof(line), "E,a=b x=1 %s\n", times[i]));
    }
}

/* Rows of all devices, a third of them late; parts of two flushes, and rows in memory over both. */
static int world_open(void **state)
{
    hist_error err = {0};
    hist_writer *w;
    hist_open_options options = HIST_OPEN_OPTIONS;

    (void)state;
    options.threads = 0;
    options.slab_rows_max = 512;
    options.group_rows_max = 2048;
    must(hist_open(":memory:", &options, &db, &err), &err);
    must(hist_writer_open(db, NULL, &w, &err), &err);
    write_ends(w);
    for (uint32_t i = 0; i < DEVICES * ROWS; i++) {
        const uint32_t late = next_random() % 3 == 0 ? next_random() % 100 : 0;
        const int64_t step = (int64_t)(i / DEVICES) - (int64_t)late;

        write_row(w, i % DEVICES, START_NS + step * STEP_NS + (int64_t)(next_random() % 1000));
        if (i == DEVICES * ROWS / 3 || i == DEVICES * ROWS * 2 / 3) {
            must(hist_commit(w, HIST_COMMIT_DEFAULT, NULL, &err), &err);
            must(hist_maintain(db, HIST_MAINTAIN_FLUSH, &err), &err);
        }
    }
    must(hist_commit(w, HIST_COMMIT_DEFAULT, NULL, &err), &err);
    hist_writer_close(w);
    return 0;
}

static int world_close(void **state)
{
    hist_error err = {0};

    (void)state;
    return hist_close(db, &err) == HIST_OK ? 0 : -1;
}

/* The rows of the answer as CSV; the caller frees them. */
static char *ask(const char *query, bool pushdown)
{
    hist_error err = {0};
    hi_query *q = NULL;
    hi_buf buf;
    hist_batch batch;
    uint32_t batches = 0;
    const csv_options options = {.dialect = CSV_DISPLAY};
    hi_query_spec spec = {.mem = hi_store_mem(db->store),
                          .memory_max = 64 << 20,
                          .database = "default",
                          .now_ns = START_NS,
                          .no_pushdown = !pushdown};

    hi_mem_init(&text_mem, NULL, NULL, 0);
    hi_buf_init(&buf, &text_mem, 1 << 26);
    must(hi_snapshot_open(db->store, &spec.snapshot, &err), &err);
    must(hi_query_open(query, strlen(query), &spec, &q, &err), &err);
    for (;;) {
        must(hi_query_next(q, &batch, &err), &err);
        if (batch.row_count == 0) {
            break;
        }
        csv_write_rows(&buf, &options, &batch, 0, batch.row_count);
        batches++;
    }
    hi_query_close(q);
    hi_buf_byte(&buf, 0);
    assert_true(hi_buf_ok(&buf));
    char *text = strdup(buf.data);
    hi_buf_free(&buf);
    given_out = batches > 1;
    return text;
}

static void must_be_equal(const char *query, const char *model, bool pushdown)
{
    char *expected = ask(model, false);
    char *got = ask(query, pushdown);

    if (strcmp(expected, got) != 0) {
        size_t at = 0;

        while (expected[at] == got[at]) {
            at++;
        }
        fail_msg("%s\n%s\ndiffer at byte %zu: ...%.60s ...%.60s", query, model, at, expected + at,
                 got + at);
    }
    free(expected);
    free(got);
}

#define AGGREGATES                                                                              \
    "count(), countif(n > 0), sum(x), avg(x), min(x), max(x), sum(n), avg(n), min(n), max(n), " \
    "stdev(x), minif(x, n > 0), binary_all_xor(n)"

/* All three ways, over rows that a filter may have thinned out. */
static void three_ways(const char *filter, const char *by, const char *bin, const char *plain,
                       const char *aggregates)
{
    char query[ASK_MAX];
    char model[ASK_MAX];

    (void)snprintf(query, sizeof(query), "T %s | summarize %s by %s t=%s", filter, aggregates, by,
                   bin);
    (void)snprintf(model, sizeof(model), "T %s | summarize %s by %s t=todatetime(%s)", filter,
                   aggregates, by, plain);
    must_be_equal(query, model, false);
    must_be_equal(query, model, true);
}

static const char *const bys[] = {"dev,",
                                  "site, dev,",
                                  "dev, site,",
                                  "site,",
                                  "",
                                  "dev, odd=n % 2,",
                                  "dev, hour=bin(Timestamp, 1h),",
                                  "dev, dev2=dev,",
                                  "one=1, dev, two='2',"};
static const char *const filters[] = {"",
                                      "| where dev == 'd03'",
                                      "| where x > 0",
                                      "| where site != 's1' and n % 3 != 0",
                                      "| where Timestamp > datetime(2025-01-01 05:10)",
                                      "| extend x = x * 2, m = n + 1 | where m % 5 != 0",
                                      "| project n, Timestamp, site = dev, dev = site, x"};
enum { BYS = sizeof(bys) / sizeof(bys[0]), FILTERS = sizeof(filters) / sizeof(filters[0]) };

static void groups_of_bins_are_those_of_hashing_every_row(void **state)
{
    static const long long minutes[] = {1, 7, 15, 60, 300, 1440, 2160, 10000};

    (void)state;
    for (size_t m = 0; m < sizeof(minutes) / sizeof(minutes[0]); m++) {
        for (size_t b = 0; b < BYS; b++) {
            for (size_t f = 0; f < FILTERS; f++) {
                char bin[80];
                char plain[120];

                (void)snprintf(bin, sizeof(bin), "bin(Timestamp, %lldm)", minutes[m]);
                (void)snprintf(plain, sizeof(plain), "tolong(bin(Timestamp, %lldm))", minutes[m]);
                three_ways(filters[f], bys[b], bin, plain, AGGREGATES);
            }
        }
    }
}

static void other_bins_and_aggregates_too(void **state)
{
    static const char *const bins[] = {"startofday(Timestamp)", "startofweek(Timestamp)",
                                       "bin_at(Timestamp, 1h, datetime(2025-01-01 00:25))",
                                       "bin_at(Timestamp, 1d, datetime(2025-01-01 12:00))"};

    (void)state;
    for (size_t i = 0; i < sizeof(bins) / sizeof(bins[0]); i++) {
        char plain[120];

        (void)snprintf(plain, sizeof(plain), "tolong(%s)", bins[i]);
        for (size_t b = 0; b < BYS; b++) {
            three_ways("", bys[b], bins[i], plain, AGGREGATES);
            three_ways("", bys[b], bins[i], plain,
                       "count(), make_list(n), percentile(x, 50), arg_max(n, x), dcount(n)");
        }
    }
}

/* A bin that would begin before 1677 is null, as bin() itself says, not one at the other end of time. */
static void bins_at_the_ends_of_time_do_not_wrap(void **state)
{
    static const char *const bins[] = {"bin(Timestamp, 1h)",
                                       "bin(Timestamp, 1d)",
                                       "bin(Timestamp, 7d)",
                                       "bin(Timestamp, 20000d)",
                                       "startofday(Timestamp)",
                                       "startofweek(Timestamp)",
                                       "bin_at(Timestamp, 1d, datetime(2025-01-01 12:00))"};
    static const char *const filters_of_ends[] = {"", "| where Timestamp < datetime(1700-01-01)",
                                                  "| where Timestamp > datetime(1700-01-01)"};

    (void)state;
    for (size_t i = 0; i < sizeof(bins) / sizeof(bins[0]); i++) {
        for (size_t f = 0; f < 3; f++) {
            char query[ASK_MAX];
            char model[ASK_MAX];

            (void)snprintf(query, sizeof(query), "E %s | summarize count(), sum(x) by t=%s",
                           filters_of_ends[f], bins[i]);
            (void)snprintf(model, sizeof(model),
                           "E %s | summarize count(), sum(x) by t=todatetime(tolong(%s))",
                           filters_of_ends[f], bins[i]);
            must_be_equal(query, model, false);
            must_be_equal(query, model, true);
        }
    }
    char *early = ask("E | where x > 0 and Timestamp < datetime(1677-09-22) "
                      "| summarize count() by bin(Timestamp, 1d)",
                      true);
    assert_string_equal(early, ",3\n");
    free(early);
}

/* A condition in an aggregate masks rows, one before it takes them out of the batches: runs of tags must be cut right. */
static void rows_that_are_left_keep_their_tags(void **state)
{
    static const char *const conditions[] = {"n % 3 == 0", "x > 100", "n == 17",
                                             "n % 2 == 0 and x < 0", "site == 's2' or n > 400"};

    (void)state;
    for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
        char query[ASK_MAX];
        char model[ASK_MAX];

        (void)snprintf(query, sizeof(query),
                       "T | where %s | summarize c=count(), s=sum(n) by site, dev "
                       "| sort by site asc, dev desc",
                       conditions[i]);
        (void)snprintf(model, sizeof(model),
                       "T | summarize c=countif(%s), s=sumif(n, %s) by site, dev | where c > 0 "
                       "| sort by site asc, dev desc",
                       conditions[i], conditions[i]);
        must_be_equal(query, model, false);
        must_be_equal(query, model, true);
    }
}

/* Without it the tests of groups would compare a path with itself. */
static void groups_are_given_out_while_rows_come(void **state)
{
    (void)state;
    free(ask("T | summarize count() by dev, bin(Timestamp, 15m)", true));
    assert_true(given_out);
    free(ask("T | where n > -1000 | summarize min(x) by bin(Timestamp, 30m), dev, site", true));
    assert_true(given_out);
    free(ask("T | summarize count() by dev, bin(Timestamp, 15m)", false));
    assert_false(given_out);
    free(ask("T | extend y = x * 2 | project-away x "
             "| summarize max(y) by dev, bin(Timestamp, 15m)",
             true));
    assert_true(given_out);
    free(ask("T | summarize max(n) by dev, one=1, bin(Timestamp, 15m)", true));
    assert_true(given_out);
    /* Bins that reach over the end of a day, tags that do not tell series apart, other keys. */
    free(ask("T | summarize count() by dev, bin(Timestamp, 7m)", true));
    assert_false(given_out);
    free(ask("T | summarize count() by site, bin(Timestamp, 15m)", true));
    assert_false(given_out);
    free(ask("T | summarize count() by dev, bin(Timestamp, 15m), n", true));
    assert_false(given_out);
    free(ask("T | extend dev = substring(dev, 0, 2) "
             "| summarize count() by dev, bin(Timestamp, 15m)",
             true));
    assert_false(given_out);
    free(ask("T | project Timestamp, dev = site "
             "| summarize count() by dev, bin(Timestamp, 15m)",
             true));
    assert_false(given_out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_of_bins_are_those_of_hashing_every_row),
        cmocka_unit_test(other_bins_and_aggregates_too),
        cmocka_unit_test(bins_at_the_ends_of_time_do_not_wrap),
        cmocka_unit_test(rows_that_are_left_keep_their_tags),
        cmocka_unit_test(groups_are_given_out_while_rows_come),
    };

    return cmocka_run_group_tests(tests, world_open, world_close);
}
