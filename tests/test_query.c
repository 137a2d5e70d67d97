/*
 * test_query.c -- queries over a store in memory. Know first: the plant is made from a fixed seed, half of its rows are in
 * parts and half in memory; tests/query/ holds cases as text: the query, ----, the answer as CSV or "error LINE:COLUMN text".
 */
/* clang-format off */
#include <dirent.h>
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

#define DEVICES    17
#define STEPS      300 /* Rows of a device, one in 20 minutes: more than 4 days. */
#define START_NS   INT64_C(1735689600000000000) /* 2025-01-01 */
#define STEP_NS    INT64_C(1200000000000)
#define NO_VALUE   (-1e300)
#define ROWS_TOTAL (DEVICES * STEPS)

typedef struct plant_row {
    int64_t time_ns;
    int device;
    double temperature;
    double vibration; /* NO_VALUE: absent. */
    int64_t count;
} plant_row;

static plant_row plant[ROWS_TOTAL];
static hist_db *plant_db;

static uint32_t plant_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

static void plant_write(hist_writer *w, const plant_row *r)
{
    char line[256];
    hist_error err = {0};
    hist_lp_options options = HIST_LP_OPTIONS;
    hist_lp_result result;
    int n = snprintf(line, sizeof(line), "Telemetry,DeviceId=d%02d,Kind=%s Temperature=%.17g",
                     r->device, r->device % 3 == 0 ? "CNC" : "Robot", r->temperature);

    if (r->vibration > NO_VALUE) {
        n += snprintf(line + n, sizeof(line) - (size_t)n, ",Vibration=%.17g", r->vibration);
    }
    n += snprintf(line + n, sizeof(line) - (size_t)n, ",Count=%lldi,Note=\"n%lld\" %lld\n",
                  (long long)r->count, (long long)(r->count % 5), (long long)r->time_ns);
    options.final = true;
    must(hist_append_lp(w, line, (size_t)n, &options, &result, &err), &err);
    assert_int_equal(result.accepted, 1);
}

static int plant_open(void **state)
{
    uint64_t seed = 20250101;
    hist_error err = {0};
    hist_writer *w;
    hist_open_options options = HIST_OPEN_OPTIONS;

    (void)state;
    options.threads = 0;
    options.slab_rows_max = 512;
    options.group_rows_max = 256;
    must(hist_open(":memory:", &options, &plant_db, &err), &err);
    must(hist_writer_open(plant_db, NULL, &w, &err), &err);
    for (int i = 0; i < ROWS_TOTAL; i++) {
        plant_row *r = &plant[i];

        r->device = i % DEVICES;
        r->time_ns = START_NS + (i / DEVICES) * STEP_NS;
        r->temperature = 20 + (double)(plant_random(&seed) % 1000) / 8;
        r->vibration =
            plant_random(&seed) % 4 == 0 ? NO_VALUE : (double)(plant_random(&seed) % 100);
        r->count = (int64_t)(plant_random(&seed) % 50);
        plant_write(w, r);
        if (i == ROWS_TOTAL / 2) {
            must(hist_commit(w, HIST_COMMIT_DEFAULT, NULL, &err), &err);
            must(hist_maintain(plant_db, HIST_MAINTAIN_FLUSH, &err), &err);
        }
    }
    must(hist_commit(w, HIST_COMMIT_DEFAULT, NULL, &err), &err);
    hist_writer_close(w);
    return 0;
}

static int plant_close(void **state)
{
    hist_error err = {0};

    (void)state;
    return hist_close(plant_db, &err) == HIST_OK ? 0 : -1;
}

/* ---- asking ---- */

static hi_mem text_mem;

static void text_row_of(hi_buf *to, const hist_batch *batch)
{
    const csv_options options = {.dialect = CSV_DISPLAY};

    csv_write_rows(to, &options, batch, 0, batch->row_count);
}

/* The answer as CSV, or "error LINE:COLUMN text". The caller frees the text. */
static char *ask_text(const char *query, bool pushdown)
{
    hist_error err = {0};
    hi_query *q = NULL;
    hi_buf buf;
    hist_batch batch;
    hi_query_spec spec = {.mem = hi_store_mem(plant_db->store),
                          .memory_max = 64 << 20,
                          .database = "default",
                          .now_ns = START_NS + STEPS * STEP_NS,
                          .no_pushdown = !pushdown};

    hi_mem_init(&text_mem, NULL, NULL, 0);
    hi_buf_init(&buf, &text_mem, 1 << 26);
    must(hi_snapshot_open(plant_db->store, &spec.snapshot, &err), &err);
    hist_status status = hi_query_open(query, strlen(query), &spec, &q, &err);
    bool more = status == HIST_OK;
    while (more) {
        const csv_options options = {.dialect = CSV_DISPLAY};
        const hi_schema *schema = hi_query_schema(q);

        csv_write_header(&buf, &options, schema->fields, schema->count);
        while ((status = hi_query_next(q, &batch, &err)) == HIST_OK && batch.row_count > 0) {
            text_row_of(&buf, &batch);
        }
        more = false;
        if (status == HIST_OK) {
            must(hi_query_next_result(q, &more, &err), &err);
        }
    }
    if (status != HIST_OK) {
        hi_buf_clear(&buf);
        hi_buf_printf(&buf, "error %u:%u %s\n", err.line, err.column, err.message);
    }
    hi_query_close(q);
    hi_buf_byte(&buf, 0);
    assert_true(hi_buf_ok(&buf));
    char *text = strdup(buf.data);
    hi_buf_free(&buf);
    return text;
}

/* One number: the first column of the first row. */
static double ask_number(const char *query)
{
    char *text = ask_text(query, true);
    const char *line = strchr(text, '\n');

    if (strncmp(text, "error", 5) == 0 || line == NULL) {
        fail_msg("%s\n%s", query, text);
    }
    const double v = strtod(line + 1, NULL);
    free(text);
    return v;
}

/* ---- cases as text ---- */

static char *case_read(const char *path)
{
    FILE *f = fopen(path, "rb");

    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    const long size = ftell(f);
    rewind(f);
    char *text = calloc(1, (size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)size, f), (size_t)size);
    (void)fclose(f);
    return text;
}

static int case_run(const char *path, char *one)
{
    char *answer = strstr(one, "----\n");

    if (answer == NULL) {
        fail_msg("%s: a case without ----", path);
    }
    *answer = '\0';
    answer += 5;
    char *got = ask_text(one, true);
    const int bad = strcmp(got, answer) != 0;
    if (bad) {
        print_error("%s\n%s---- wanted\n%s---- found\n%s", path, one, answer, got);
    }
    free(got);
    return bad;
}

static int case_file(const char *path)
{
    char *text = case_read(path);
    int bad = 0;

    for (char *one = text; one != NULL && *one != '\0';) {
        char *end = strstr(one, "====\n");

        if (end != NULL) {
            *end = '\0';
        }
        bad += case_run(path, one);
        one = end != NULL ? end + 5 : NULL;
    }
    free(text);
    return bad;
}

static void text_cases_give_the_answers_written_beside_them(void **state)
{
    DIR *dir = opendir("tests/query");
    int bad = 0;
    int files = 0;

    (void)state;
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        char path[512];
        const size_t n = strlen(e->d_name);

        if (n > 5 && strcmp(e->d_name + n - 5, ".test") == 0) {
            (void)snprintf(path, sizeof(path), "tests/query/%s", e->d_name);
            bad += case_file(path);
            files++;
        }
    }
    (void)closedir(dir);
    assert_int_equal(bad, 0);
    assert_true(files > 0);
}

/* ---- against a plain model ---- */

static void summarize_agrees_with_a_plain_loop(void **state)
{
    (void)state;
    for (int d = 0; d < DEVICES; d += 4) {
        double sum = 0;
        double best = NO_VALUE;
        int64_t counts = 0;
        int n = 0;
        char query[256];

        for (int i = 0; i < ROWS_TOTAL; i++) {
            if (plant[i].device == d) {
                sum += plant[i].temperature;
                counts += plant[i].count;
                n += plant[i].vibration > NO_VALUE;
                best = plant[i].vibration > best ? plant[i].vibration : best;
            }
        }
        const struct {
            const char *what;
            double wanted;
        } cases[] = {{"avg(Temperature)", sum / STEPS}, {"sum(Temperature)", sum},
                     {"sum(Count)", (double)counts},    {"countif(isnotnull(Vibration))", n},
                     {"max(Vibration)", best},          {"count()", STEPS}};
        for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
            (void)snprintf(
                query, sizeof(query),
                "Telemetry | summarize v=%s by DeviceId | where DeviceId == 'd%02d' | project v",
                cases[k].what, d);
            assert_true(fabs(ask_number(query) - cases[k].wanted) <= 1e-9 * fabs(cases[k].wanted));
        }
    }
}

static void bins_of_time_agree_with_dividing_every_row(void **state)
{
    static const int64_t widths[] = {7, 20, 60, 1440, 4321};

    (void)state;
    for (size_t w = 0; w < sizeof(widths) / sizeof(widths[0]); w++) {
        char query[512];
        char *fast;
        char *slow;

        (void)snprintf(
            query, sizeof(query),
            "Telemetry | summarize n=count(), s=sum(Count) by b=bin(Timestamp, %lldm) | sort by b asc",
            (long long)widths[w]);
        fast = ask_text(query, true);
        /* The same through ticks, which no operator knows to be a time. */
        (void)snprintf(
            query, sizeof(query),
            "Telemetry | summarize n=count(), s=sum(Count) by b=todatetime(bin(tolong(Timestamp), %lld)) "
            "| sort by b asc",
            (long long)widths[w] * 600000000);
        slow = ask_text(query, true);
        assert_string_equal(fast, slow);
        free(fast);
        free(slow);
    }
}

static void make_series_has_the_rows_of_summarize_in_its_cells(void **state)
{
    (void)state;
    const double total =
        ask_number("Telemetry | where isnotnull(Vibration) | summarize sum(Vibration)");
    const double cells =
        ask_number("Telemetry | make-series s=sum(Vibration) on Timestamp step 45m by DeviceId "
                   "| mv-expand s to typeof(real) | summarize sum(s)");
    const double fixed = ask_number(
        "Telemetry | make-series s=sum(Vibration) on Timestamp from datetime(2025-01-01) "
        "to datetime(2025-02-01) step 1d by Kind | mv-expand s to typeof(real) "
        "| summarize sum(s)");

    assert_true(fabs(total - cells) < 1e-6);
    assert_true(fabs(total - fixed) < 1e-6);
    assert_true(
        ask_number("Telemetry | make-series s=count() on Timestamp from datetime(2025-01-01) to "
                   "datetime(2025-02-01) step 1d by Kind | summarize min(array_length(s))") == 31);
}

typedef struct join_side {
    int keys[40];
    int count;
} join_side;

static void join_make(uint64_t *seed, join_side *s, char *to, size_t room, const char *name)
{
    size_t n = (size_t)snprintf(to, room, "let %s = datatable(k:long)[", name);

    s->count = 1 + (int)(plant_random(seed) % 40);
    for (int i = 0; i < s->count; i++) {
        s->keys[i] = (int)(plant_random(seed) % 12);
        /* Key 0 stands for null. */
        n += s->keys[i] == 0 ? (size_t)snprintf(to + n, room - n, "long(null),")
                             : (size_t)snprintf(to + n, room - n, "%d,", s->keys[i]);
    }
    (void)snprintf(to + n, room - n, "];");
}

static int join_met(const join_side *s, int key)
{
    int n = 0;

    for (int i = 0; i < s->count; i++) {
        n += s->keys[i] == key;
    }
    return n;
}

static void join_check(const char *lets, const char *kind, int wanted)
{
    char query[2048];

    (void)snprintf(query, sizeof(query), "%s L | join kind=%s R on k | count", lets, kind);
    if (ask_number(query) != wanted) {
        fail_msg("%s\nwanted %d", query, wanted);
    }
}

static void joins_give_as_many_rows_as_nested_loops(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (int round = 0; round < 60; round++) {
        join_side l;
        join_side r;
        char lets[1600];
        int inner = 0;
        int unique = 0;
        int left_alone = 0;
        int right_alone = 0;

        join_make(&seed, &l, lets, 800, "L");
        join_make(&seed, &r, lets + strlen(lets), 800, "R");
        for (int i = 0; i < l.count; i++) {
            inner += join_met(&r, l.keys[i]);
            left_alone += join_met(&r, l.keys[i]) == 0;
        }
        for (int i = 0; i < r.count; i++) {
            right_alone += join_met(&l, r.keys[i]) == 0;
            unique += join_met(&l, r.keys[i]) != 0;
        }
        join_check(lets, "inner", inner);
        join_check(lets, "innerunique", unique);
        join_check(lets, "leftouter", inner + left_alone);
        join_check(lets, "rightouter", inner + right_alone);
        join_check(lets, "fullouter", inner + left_alone + right_alone);
        join_check(lets, "leftanti", left_alone);
        join_check(lets, "leftsemi", l.count - left_alone);
        join_check(lets, "rightanti", right_alone);
        join_check(lets, "rightsemi", r.count - right_alone);
    }
}

/* Every row is at least as large as the one before it by the model's comparison. */
static void sort_puts_every_row_behind_smaller_ones(void **state)
{
    static const char *const queries[] = {
        "Telemetry | sort by Vibration asc | serialize p=prev(Vibration) | where row_number() > 1 "
        "and (p > Vibration or (isnull(Vibration) and isnotnull(p))) | count",
        "Telemetry | sort by Vibration desc | serialize p=prev(Vibration) | where row_number() > 1 "
        "and (p < Vibration or (isnull(p) and isnotnull(Vibration))) | count",
        "Telemetry | sort by Vibration asc nulls last | serialize p=prev(Vibration) | where row_number() > 1 "
        "and (p > Vibration or (isnull(p) and isnotnull(Vibration))) | count",
        "Telemetry | sort by Vibration desc nulls first | serialize p=prev(Vibration) | where row_number() > 1 "
        "and (p < Vibration or (isnull(Vibration) and isnotnull(p))) | count",
        "Telemetry | sort by DeviceId asc, Timestamp desc | serialize d=prev(DeviceId), t=prev(Timestamp) "
        "| where row_number() > 1 and (strcmp(d, DeviceId) > 0 or (d == DeviceId and t < Timestamp)) | count",
        "Telemetry | sort by -Count asc | serialize p=prev(Count) | where row_number() > 1 and p < Count | count",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        if (ask_number(queries[i]) != 0) {
            fail_msg("%s", queries[i]);
        }
    }
    assert_true(ask_number("Telemetry | sort by Count asc | count") == ROWS_TOTAL);
    assert_true(ask_number("Telemetry | top 5 by Temperature | count") == 5);
}

/* ---- pushing conditions down ---- */

static int line_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines in order of their text, so that answers compare as sets. */
static void sort_lines(char *text)
{
    static char *lines[ROWS_TOTAL + 8];
    size_t n = 0;
    char *copy = strdup(text);
    char *rest = NULL;

    for (char *line = strtok_r(copy, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        lines[n++] = line;
    }
    qsort(lines, n, sizeof(lines[0]), line_compare);
    text[0] = '\0';
    for (size_t i = 0, at = 0; i < n; i++) {
        const size_t size = strlen(lines[i]);

        memcpy(text + at, lines[i], size);
        at += size;
        text[at++] = '\n';
        text[at] = '\0';
    }
    free(copy);
}

/* Codes and dictionaries of several batches are kept, and put together. */
static void rows_that_are_kept_keep_their_text(void **state)
{
    (void)state;
    assert_true(ask_number("Telemetry | sort by Count asc, Timestamp desc "
                           "| summarize count() by Note | count") == 5);
    assert_true(ask_number("Telemetry | sort by Count asc, Timestamp desc "
                           "| where Note == strcat('n', Count % 5) | count") == ROWS_TOTAL);
}

static void answers_do_not_depend_on_pushing_conditions_down(void **state)
{
    static const char *const queries[] = {
        "Telemetry | where DeviceId == 'd03'",
        "Telemetry | where DeviceId == 'nobody'",
        "Telemetry | where DeviceId != 'd03' and Kind == 'CNC' | summarize count() by DeviceId",
        "Telemetry | where DeviceId in ('d01', 'd02') or Kind == 'CNC' | count",
        "Telemetry | where DeviceId startswith 'd1' and DeviceId endswith '2' | count",
        "Telemetry | where Timestamp > datetime(2025-01-02) and Timestamp <= datetime(2025-01-03 04:20) | count",
        "Telemetry | where Timestamp between (datetime(2025-01-02 00:20) .. datetime(2025-01-02 00:40))",
        "Telemetry | where Timestamp >= ago(1d) | summarize count(), sum(Count) by Kind",
        "Telemetry | where Timestamp < datetime(2025-01-01) or Timestamp > datetime(2030-01-01)",
        "Telemetry | where Timestamp == datetime(2025-01-02)",
        "Telemetry | where Timestamp != datetime(2025-01-02) | count",
        "Telemetry | where bin(Timestamp, 1d) == datetime(2025-01-02) | count",
        "Telemetry | where Timestamp < datetime(9999-12-31) | count",
        "Telemetry | where Temperature > 140 | project Temperature, DeviceId",
        "Telemetry | where Temperature between (20 .. 21) and Count > 10",
        "Telemetry | where not(Temperature > 30) | count",
        "Telemetry | where Vibration != 5 | count",
        "Telemetry | where isnull(Vibration) | count",
        "Telemetry | where Count == 7 or Count == 8 | count",
        "Telemetry | where Note == 'n3' and Kind == 'Robot' | count",
        "Telemetry | project T=Timestamp, D=DeviceId, X=Temperature | where D == 'd05' and T > datetime(2025-01-03)",
        "Telemetry | extend Y=Temperature*2 | where Y > 200 and DeviceId == 'd05' | project Y",
        "Telemetry | sort by Count asc | where DeviceId == 'd07' | count",
        "Telemetry | extend DeviceId='x' | where DeviceId == 'x' | count",
        "Telemetry | make-series avg(Temperature) on Timestamp from datetime(2025-01-02) to datetime(2025-01-03) step 6h by Kind",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        char *with = ask_text(queries[i], true);
        char *without = ask_text(queries[i], false);

        sort_lines(with);
        sort_lines(without);
        if (strcmp(with, without) != 0 || strncmp(with, "error", 5) == 0) {
            fail_msg("%s\nwith\n%.2000s\nwithout\n%.2000s", queries[i], with, without);
        }
        free(with);
        free(without);
    }
}

static void a_condition_on_one_device_reads_one_device(void **state)
{
    hist_error err = {0};
    hist_query *q;
    hist_batch batch;
    hist_query_stats stats;

    (void)state;
    must(hist_query_open(plant_db, "Telemetry | where DeviceId == 'd03'", SIZE_MAX, NULL, &q, &err),
         &err);
    uint64_t rows = 0;
    do {
        must(hist_query_next(q, &batch, &err), &err);
        rows += batch.row_count;
    } while (batch.row_count > 0);
    hist_query_get_stats(q, &stats);
    hist_query_close(q);
    assert_int_equal(rows, STEPS);
    assert_int_equal(stats.rows_read, STEPS);
    assert_true(stats.memory_bytes_peak > 0);
}

/* ---- the public calls ---- */

static hist_status ask_status(const char *query, const hist_query_options *options, hist_error *err)
{
    hist_query *q = NULL;
    hist_batch batch = {0};
    hist_status status = hist_query_open(plant_db, query, SIZE_MAX, options, &q, err);

    while (status == HIST_OK) {
        status = hist_query_next(q, &batch, err);
        if (batch.row_count == 0) {
            break;
        }
    }
    hist_query_close(q);
    return status;
}

static void a_query_over_its_memory_fails_with_enomem_and_the_store_lives_on(void **state)
{
    hist_error err = {0};
    hist_query_options options = HIST_QUERY_OPTIONS;

    (void)state;
    options.memory_bytes_max = 1 << 20;
    assert_int_equal(
        ask_status("range x from 1 to 10000000 step 1 | sort by x desc", &options, &err),
        HIST_ENOMEM);
    assert_int_equal(ask_status("range x from 1 to 1000 step 1 | sort by x desc", &options, &err),
                     HIST_OK);
}

static void a_query_over_its_time_fails_with_etimeout(void **state)
{
    hist_error err = {0};
    hist_query_options options = HIST_QUERY_OPTIONS;

    (void)state;
    options.time_ms_max = 20;
    assert_int_equal(
        ask_status("range x from 1 to 100000000000 step 1 | where x < 0", &options, &err),
        HIST_ETIMEOUT);
}

static void a_cancelled_query_stops_at_the_next_batch(void **state)
{
    hist_error err = {0};
    hist_query *q;
    hist_batch batch;

    (void)state;
    must(hist_query_open(plant_db, "range x from 1 to 100000000000 step 1", SIZE_MAX, NULL, &q,
                         &err),
         &err);
    must(hist_query_next(q, &batch, &err), &err);
    assert_true(batch.row_count > 0);
    hist_query_cancel(q);
    assert_int_equal(hist_query_next(q, &batch, &err), HIST_ECANCELLED);
    hist_query_close(q);
}

static int stop_at_third(void *arg)
{
    int *asked = arg;

    return ++*asked >= 3;
}

static void a_query_can_be_stopped_while_it_opens(void **state)
{
    hist_error err = {0};
    hist_query *q;
    int asked = 0;
    hist_query_options options = HIST_QUERY_OPTIONS;

    (void)state;
    options.stop = stop_at_third;
    options.stop_arg = &asked;
    options.time_ms_max = 20000; /* Were it not stopped. */
    assert_int_equal(
        hist_query_open(plant_db, "print toscalar(range x from 1 to 100000000000 step 1 | count)",
                        SIZE_MAX, &options, &q, &err),
        HIST_ECANCELLED);
    assert_null(q);
    assert_int_equal(asked, 3);
}

static void each_statement_has_a_result_of_its_own(void **state)
{
    hist_error err = {0};
    hist_query *q;
    hist_batch batch;
    bool more;
    const hist_column_info *columns;

    (void)state;
    must(hist_query_open(plant_db, "print a=1; print b='x', c=2 | render piechart", SIZE_MAX, NULL,
                         &q, &err),
         &err);
    assert_int_equal(hist_query_columns(q, &columns), 1);
    assert_null(hist_query_visualization(q));
    must(hist_query_next(q, &batch, &err), &err);
    assert_int_equal(hist_column_i64(&batch.columns[0], 0), 1);
    must(hist_query_next_result(q, &more, &err), &err);
    assert_true(more);
    assert_int_equal(hist_query_columns(q, &columns), 2);
    assert_string_equal(columns[1].name, "c");
    assert_non_null(strstr(hist_query_visualization(q), "\"Visualization\":\"piechart\""));
    must(hist_query_next_result(q, &more, &err), &err);
    assert_false(more);
    hist_query_close(q);
}

static void parameters_come_from_outside_or_their_default(void **state)
{
    hist_error err = {0};
    hist_query *q;
    hist_batch batch;
    const char *names[] = {"n", "s"};
    const char *values[] = {"41", "it's raw"};
    hist_query_options options = HIST_QUERY_OPTIONS;

    (void)state;
    options.param_names = names;
    options.param_values = values;
    options.param_count = 2;
    must(hist_query_open(
             plant_db,
             "declare query_parameters(n:long=1, s:string='', d:real=0.5); print n+1, s, d",
             SIZE_MAX, &options, &q, &err),
         &err);
    must(hist_query_next(q, &batch, &err), &err);
    assert_int_equal(hist_column_i64(&batch.columns[0], 0), 42);
    assert_memory_equal(hist_column_str(&batch.columns[1], 0).data, "it's raw", 8);
    assert_true(hist_column_f64(&batch.columns[2], 0) == 0.5);
    hist_query_close(q);
}

static void batches_never_have_more_rows_than_the_limit(void **state)
{
    hist_error err = {0};
    hist_query *q;
    hist_batch batch;
    uint64_t rows = 0;

    (void)state;
    must(hist_query_open(plant_db, "range x from 1 to 300000 step 1 | summarize count() by x",
                         SIZE_MAX, NULL, &q, &err),
         &err);
    do {
        must(hist_query_next(q, &batch, &err), &err);
        assert_true(batch.row_count <= HIST_BATCH_ROWS_MAX);
        rows += batch.row_count;
    } while (batch.row_count > 0);
    assert_int_equal(rows, 300000);
    hist_query_close(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_cases_give_the_answers_written_beside_them),
        cmocka_unit_test(summarize_agrees_with_a_plain_loop),
        cmocka_unit_test(bins_of_time_agree_with_dividing_every_row),
        cmocka_unit_test(make_series_has_the_rows_of_summarize_in_its_cells),
        cmocka_unit_test(joins_give_as_many_rows_as_nested_loops),
        cmocka_unit_test(sort_puts_every_row_behind_smaller_ones),
        cmocka_unit_test(rows_that_are_kept_keep_their_text),
        cmocka_unit_test(answers_do_not_depend_on_pushing_conditions_down),
        cmocka_unit_test(a_condition_on_one_device_reads_one_device),
        cmocka_unit_test(a_query_over_its_memory_fails_with_enomem_and_the_store_lives_on),
        cmocka_unit_test(a_query_over_its_time_fails_with_etimeout),
        cmocka_unit_test(a_cancelled_query_stops_at_the_next_batch),
        cmocka_unit_test(a_query_can_be_stopped_while_it_opens),
        cmocka_unit_test(each_statement_has_a_result_of_its_own),
        cmocka_unit_test(parameters_come_from_outside_or_their_default),
        cmocka_unit_test(batches_never_have_more_rows_than_the_limit),
    };

    return cmocka_run_group_tests(tests, plant_open, plant_close);
}
