/*
 * test_summary.c -- answers from the statistics of blocks are those of the values. Know first: every question is asked twice,
 * once so that every value is read (no_pushdown), and the texts of the answers must be equal, rows in the same order.
 * Field k holds eighths, whose sums are exact in any order; sums of y are compared rounded.
 */
/* clang-format off */
#define _XOPEN_SOURCE 700 /* mkdtemp, nftw */
#include <ftw.h>
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

#include "api/db.h"
#include "formats/csv_write.h"
#include "query/query.h"
#include "tests/support/must.h"

#define START_NS INT64_C(1735603200000000000) /* 2024-12-31 00:00 */
#define HOUR_NS  INT64_C(3600000000000)
#define DAYS     3

enum {
    ASK_MAX = 1024,
    BIG = 2, /* Series of so many rows a day that they have blocks of their own, */
    BIG_ROWS = 16000,
    SMALL = 40, /* and of so few that they share blocks. */
    SMALL_ROWS = 120,
    FIELDS = 7
};

typedef struct world {
    char folder[256];
    hist_db *db;
    hist_writer *w;
    hist_series series[BIG + SMALL];
    hist_field fields[FIELDS];
} world;

static world here;
static hist_query_stats last_stats;
static bool no_statistics;

static uint32_t next_random(void)
{
    static uint64_t state = 11;

    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33);
}

/* ---- a store ---- */

static void world_define(void)
{
    static const char *const names[FIELDS] = {"k", "y", "n", "big", "flag", "at", "z"};
    static const hist_type types[FIELDS] = {HIST_TYPE_REAL, HIST_TYPE_REAL, HIST_TYPE_LONG,
                                            HIST_TYPE_LONG, HIST_TYPE_BOOL, HIST_TYPE_DATETIME,
                                            HIST_TYPE_REAL};
    hist_error err = {0};

    for (int d = 0; d < BIG + SMALL; d++) {
        char dev[16];
        char site[16];

        (void)snprintf(dev, sizeof(dev), "d%02d", d);
        (void)snprintf(site, sizeof(site), "s%d", d % 3);
        const hist_tag tags[2] = {{str_of("dev"), str_of(dev)}, {str_of("site"), str_of(site)}};
        must(hist_series_open(here.w, str_of("T"), tags, 2, &here.series[d], &err), &err);
    }
    for (int f = 0; f < FIELDS; f++) {
        must(
            hist_field_open(here.w, str_of("T"), str_of(names[f]), types[f], &here.fields[f], &err),
            &err);
    }
}

/* NaNs, infinities and zeroes of either sign come in stretches, so that some blocks have none. */
static double world_real(uint32_t r, int64_t hour)
{
    static const double odd[2][4] = {{NAN, -0.0, 0.0, NAN}, {0.0, -0.0, -INFINITY, INFINITY}};

    if (hour % 31 == 7 && r % 50 == 0) {
        return odd[hour % 2][r / 50 % 4];
    }
    return hour % 17 == 3 ? (r % 2 == 0 ? -0.0 : 0.0) : (double)(r % 4096) / 8 - 100;
}

/* Any of the fields is missing now and then. */
static void world_row(int d, int64_t time_ns)
{
    hist_value values[FIELDS];
    size_t n = 0;
    hist_error err = {0};
    const int64_t hour = (time_ns - START_NS) / HOUR_NS + d;

    for (int f = 0; f < FIELDS; f++) {
        const uint32_t r = next_random();
        hist_value *v = &values[n];

        if (r % 5 == 0) {
            continue;
        }
        v->field = here.fields[f];
        switch (f) {
        case 0:
            v->value.r = world_real(next_random(), hour);
            break;
        case 1:
            v->value.r = ldexp((double)next_random(), -31) * 100 - 50;
            break;
        case 2:
            v->value.i = (int64_t)(next_random() % 1000) - 500;
            break;
        case 3:
            v->value.i = (INT64_MAX / 2 + (int64_t)next_random()) * (d % 4 == 3 ? -1 : 1);
            break;
        case 4:
            v->value.i = next_random() % 3 == 0;
            break;
        case 5:
            v->value.i = START_NS - (int64_t)next_random() * 1000000;
            break;
        default: /* Zeroes of one sign in some hours, of the other in some, of both in others. */
            v->value.r = hour % 24 < 8 ? (hour % 48 < 24 ? 0.0 : -0.0) : r % 2 == 0 ? -0.0 : 0.0;
            break;
        }
        n++;
    }
    must(hist_append(here.w, here.series[d], time_ns, values, n, &err), &err);
}

static void world_commit(int how)
{
    hist_error err = {0};

    must(hist_commit(here.w, HIST_COMMIT_DEFAULT, NULL, &err), &err);
    if (how != 0) {
        must(hist_maintain(here.db, how, &err), &err);
    }
}

/* Rows of [from, to) of each day, in thousandths. */
static void world_fill(int from, int to)
{
    for (int d = 0; d < BIG + SMALL; d++) {
        const int64_t rows = d < BIG ? BIG_ROWS : SMALL_ROWS;
        const int64_t step = 24 * HOUR_NS / rows;

        for (int64_t day = 0; day < DAYS; day++) {
            for (int64_t i = rows * from / 1000; i < rows * to / 1000; i++) {
                world_row(d, START_NS + day * 24 * HOUR_NS + i * step + d);
            }
        }
        world_commit(0);
    }
}

static void world_open_db(uint32_t slab_rows)
{
    hist_error err = {0};
    hist_open_options options = HIST_OPEN_OPTIONS;

    options.threads = 0;
    options.slab_rows_max = slab_rows;
    options.group_rows_max = 16384;
    must(hist_open(here.folder, &options, &here.db, &err), &err);
    must(hist_writer_open(here.db, NULL, &here.w, &err), &err);
}

static void world_close_db(void)
{
    hist_error err = {0};

    hist_writer_close(here.w);
    must(hist_close(here.db, &err), &err);
}

static int world_open(void **state)
{
    const char *tmp = getenv("TMPDIR");

    (void)state;
    (void)snprintf(here.folder, sizeof(here.folder), "%s/test_summary.XXXXXX",
                   tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(here.folder));
    world_open_db(65536);
    world_define();
    return 0;
}

static int world_remove(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    return remove(path);
}

static int world_close(void **state)
{
    (void)state;
    world_close_db();
    return nftw(here.folder, world_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- asking ---- */

/* The rows of the answer as CSV; the caller frees them. */
static char *ask(const char *query, bool pushdown)
{
    hist_error err = {0};
    hi_query *q = NULL;
    hi_mem mem;
    hi_buf buf;
    hist_batch batch;
    const csv_options options = {.dialect = CSV_DISPLAY};
    hi_query_spec spec = {.mem = hi_store_mem(here.db->store),
                          .memory_max = 64 << 20,
                          .database = "default",
                          .now_ns = START_NS,
                          .no_pushdown = !pushdown,
                          .no_statistics = no_statistics};

    hi_mem_init(&mem, NULL, NULL, 0);
    hi_buf_init(&buf, &mem, 1 << 26);
    must(hi_snapshot_open(here.db->store, &spec.snapshot, &err), &err);
    const hist_status status = hi_query_open(query, strlen(query), &spec, &q, &err);
    if (status != HIST_OK) {
        fail_msg("%s\n%s", query, err.message);
    }
    for (;;) {
        must(hi_query_next(q, &batch, &err), &err);
        if (batch.row_count == 0) {
            break;
        }
        csv_write_rows(&buf, &options, &batch, 0, batch.row_count);
    }
    hi_query_stats(q, &last_stats);
    hi_query_close(q);
    hi_buf_byte(&buf, 0);
    assert_true(hi_buf_ok(&buf));
    char *text = strdup(buf.data);
    hi_buf_free(&buf);
    return text;
}

/* What the statistics answered: blocks that were not read. */
static uint64_t must_be_equal(const char *query)
{
    char *expected = ask(query, false);
    char *got = ask(query, true);

    if (strcmp(expected, got) != 0) {
        size_t at = 0;

        while (expected[at] == got[at]) {
            at++;
        }
        fail_msg("%s\ndiffer at byte %zu:\n%.300s\n%.300s", query, at, expected + at, got + at);
    }
    free(expected);
    free(got);
    return last_stats.blocks_skipped;
}

static const char *const aggregates[] = {
    "count()",
    "count(), countif(isnotnull(n)), countif(flag), sum(k), avg(k), min(k), max(k)",
    "sum(n), avg(n), min(n), max(n), round(sum(y), 6), round(avg(y), 6), min(y), max(y)",
    "sum(big), avg(big), min(big), max(big), a = sum(n) / count()",
    "min(at), max(at), avg(at), min(Timestamp), max(Timestamp), avg(Timestamp)",
    "sum(n), stdev(n), countif(n > 3)", /* Not known by statistics. */
    "min(flag), max(dev)",
    "sum(k), avg(k)",
    "min(k)",
    "min(z), max(z), sum(z)",
    "max(k)",
};
static const char *const filters[] = {
    "",
    "| where Timestamp between (datetime(2024-12-31 05:17) .. datetime(2025-01-02 19:03:04))",
    "| where Timestamp > datetime(2025-01-01 11:00) and site == 's1'",
    "| where dev == 'd01'",
    "| where dev != 'd02' and Timestamp < datetime(2025-01-01 00:00:01)",
    "| where n > 100",
    "| project m = n, n, k, y, big, flag, at, z, dev, site, Timestamp = Timestamp",
    "| extend n = n + 1, k = -k",
    "| take 20000",
};
static const char *const keys[] = {
    "",
    "by dev",
    "by site",
    "by one = 1, strcat(site, '/', dev)",
    "by bin(Timestamp, 1d)",
    "by dev, bin(Timestamp, 1d)",
    "by bin(Timestamp, 8h), site",
    "by startofweek(Timestamp), b = bin_at(Timestamp, 12h, datetime(2025-01-01 01:00))",
    "by flag",
    "by bin(at, 1d)"};
enum {
    AGGREGATES = sizeof(aggregates) / sizeof(aggregates[0]),
    FILTERS = sizeof(filters) / sizeof(filters[0]),
    KEYS = sizeof(keys) / sizeof(keys[0])
};

/* Asks every third question, each time others; some answers must come from statistics. */
static void ask_all(void)
{
    static int turn = 0;
    char query[ASK_MAX];
    uint64_t skipped = 0;
    int number = turn++;

    for (int f = 0; f < FILTERS; f++) {
        for (int k = 0; k < KEYS; k++) {
            for (int a = 0; a < AGGREGATES; a++) {
                (void)snprintf(query, sizeof(query), "T %s | summarize %s %s", filters[f],
                               aggregates[a], keys[k]);
                skipped += number++ % 3 == 0 ? must_be_equal(query) : 0;
            }
        }
        (void)snprintf(query, sizeof(query), "T %s | count", filters[f]);
        skipped += must_be_equal(query);
        (void)snprintf(query, sizeof(query), "T %s | distinct site, dev", filters[f]);
        skipped += must_be_equal(query);
    }
    (void)snprintf(query, sizeof(query),
                   "T | make-series sum(n), max(k) on Timestamp step 1d by dev");
    skipped += must_be_equal(query);
    assert_true(skipped > 0);
}

/* ---- tests ---- */

static void one_part_after_a_merge(void **state)
{
    (void)state;
    world_fill(0, 300);
    world_commit(HIST_MAINTAIN_FLUSH);
    world_fill(300, 600);
    world_commit(HIST_MAINTAIN_FLUSH | HIST_MAINTAIN_MERGE);
    ask_all();
}

static uint64_t blocks_read(const char *query)
{
    free(ask(query, true));
    return last_stats.blocks_read;
}

static void what_statistics_answer_reads_no_block(void **state)
{
    (void)state;
    assert_int_equal(blocks_read("T | count"), 0);
    assert_int_equal(last_stats.rows_read, 0);
    assert_int_equal(blocks_read("T | summarize count(), sum(n), avg(y), min(at), max(big)"), 0);
    assert_int_equal(last_stats.rows_read, 0);
    assert_true(last_stats.blocks_skipped > 0);
    assert_int_equal(blocks_read("T | summarize sum(n), max(y) by bin(Timestamp, 1d)"), 0);
    assert_int_equal(blocks_read("T | where dev == 'd01' | summarize sum(n) by dev"), 0);
    /* Every block of one column: those that statistics skip above. */
    free(ask("T | count", true));
    const uint64_t blocks = last_stats.blocks_skipped;
    assert_int_equal(blocks_read("T | summarize sum(n + 1)"), blocks);
    assert_int_equal(last_stats.blocks_skipped, 0);
    /* A range that cuts blocks reads those at its ends: times, and values. */
    const uint64_t cut = blocks_read("T | where dev == 'd01' and Timestamp > "
                                     "datetime(2024-12-31 01:30) | summarize sum(n)");
    assert_int_equal(cut, 2);
    assert_true(last_stats.blocks_skipped > 0);
}

static void several_parts_beside_each_other(void **state)
{
    (void)state;
    world_fill(600, 700);
    world_commit(HIST_MAINTAIN_FLUSH);
    world_fill(700, 800);
    world_commit(HIST_MAINTAIN_FLUSH);
    ask_all();
    assert_int_equal(blocks_read("T | summarize sum(n), max(y)"), 0);
}

static void rows_in_memory(void **state)
{
    (void)state;
    world_fill(800, 850);
    ask_all();
    assert_int_equal(blocks_read("T | summarize sum(n), max(y)"), 0);
    assert_true(last_stats.rows_read > 0);
}

static void deletes(void **state)
{
    hist_error err = {0};
    const hist_tag tag = {str_of("dev"), str_of("d01")};
    const hist_tag small = {str_of("dev"), str_of("d17")};

    (void)state;
    must(hist_delete(here.db, NULL, "T", &tag, 1, START_NS + 3 * HOUR_NS, START_NS + 4 * HOUR_NS,
                     &err),
         &err);
    must(hist_delete(here.db, NULL, "T", &small, 1, START_NS + 26 * HOUR_NS,
                     START_NS + 30 * HOUR_NS, &err),
         &err);
    ask_all();
    must(hist_delete(here.db, NULL, "T", NULL, 0, START_NS + 50 * HOUR_NS, START_NS + 51 * HOUR_NS,
                     &err),
         &err);
    world_fill(849, 860);
    ask_all();
}

/* The same rows again with other values, some in memory, some in parts: single ones, and stretches. */
static void late_rows_overwrite(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        const int d = (int)(next_random() % (BIG + SMALL));
        const int64_t rows = d < BIG ? BIG_ROWS : SMALL_ROWS;
        const int64_t step = 24 * HOUR_NS / rows;
        const int64_t first = next_random() % 100;

        for (int64_t k = 0; k < (i % 3 == 0 ? 40 : 1); k++) {
            world_row(d, START_NS + (int64_t)(i % DAYS) * 24 * HOUR_NS + (first + k) * step + d);
        }
        if (i == 30) {
            world_commit(HIST_MAINTAIN_FLUSH);
        }
    }
    world_commit(0);
    ask_all();
}

static void same_bits_with_slabs_of(const uint32_t *sizes, size_t count, const char *query)
{
    char *first = ask(query, true);

    assert_true(no_statistics ? last_stats.blocks_read > 0 : last_stats.blocks_skipped > 0);
    for (size_t s = 0; s < count; s++) {
        world_close_db();
        world_open_db(sizes[s]);
        char *again = ask(query, true);
        assert_string_equal(first, again);
        free(again);
    }
    free(first);
}

/* The same bits of every sum, whatever the size of batches; of blocks by their statistics, of pieces, and of all by
   their bytes. */
static void sums_do_not_depend_on_batches(void **state)
{
    static const char *const queries[] = {
        "T | summarize sum(y), avg(y)", "T | summarize sum(y) by dev",
        "T | summarize sum(y), sum(n) by dev, bin(Timestamp, 1d)",
        "T | where Timestamp between (datetime(2024-12-31 02:03) .. datetime(2025-01-01 11:00)) "
        "| summarize sum(y), avg(y) by dev, bin(Timestamp, 1d)"};
    static const uint32_t sizes[] = {64, 1000, 5000};

    (void)state;
    for (size_t q = 0; q < sizeof(queries) / sizeof(queries[0]); q++) {
        same_bits_with_slabs_of(sizes, 3, queries[q]);
        no_statistics = true;
        same_bits_with_slabs_of(sizes, 3, queries[q]);
        no_statistics = false;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_part_after_a_merge),
        cmocka_unit_test(what_statistics_answer_reads_no_block),
        cmocka_unit_test(several_parts_beside_each_other),
        cmocka_unit_test(rows_in_memory),
        cmocka_unit_test(deletes),
        cmocka_unit_test(late_rows_overwrite),
        cmocka_unit_test(sums_do_not_depend_on_batches),
    };

    return cmocka_run_group_tests_name("summary", tests, world_open, world_close);
}
