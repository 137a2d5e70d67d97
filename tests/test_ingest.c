/* test_ingest.c -- writers: line protocol and typed rows, seen again through a scan. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/keycache.h"
#include "tests/support/rows_model.h"

#define STR(text) ((hist_str){(text), strlen(text)})

enum { TEXT_MAX = 1 << 20 };

typedef struct world {
    hist_db *db;
    hist_writer *w;
    hist_lp_options lp;
    hist_lp_result result;
    char errors[8192]; /* "LINE STATUS REASON\n" for each refused line. */
    char *text;        /* What scan() found. */
    size_t text_size;
} world;

static void on_error(void *arg, uint64_t line, hist_status status, const char *reason)
{
    world *w = arg;
    const size_t used = strlen(w->errors);

    (void)snprintf(w->errors + used, sizeof(w->errors) - used, "%llu %s %s\n",
                   (unsigned long long)line, hist_status_name(status), reason);
}

static void world_open_with(world *w, hist_open_options options)
{
    hist_error err = {0};

    *w = (world){.lp = HIST_LP_OPTIONS};
    options.threads = 0;
    if (hist_open(":memory:", &options, &w->db, &err) != HIST_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(hist_writer_open(w->db, NULL, &w->w, &err), HIST_OK);
    w->lp.final = true;
    w->lp.on_error = on_error;
    w->lp.on_error_arg = w;
    w->text = malloc(TEXT_MAX);
}

static void world_open(world *w)
{
    world_open_with(w, HIST_OPEN_OPTIONS);
}

static void world_close(world *w)
{
    hist_writer_close(w->w);
    assert_int_equal(hist_close(w->db, NULL), HIST_OK);
    free(w->text);
}

/* Appends text; errors are collected anew. */
static void put(world *w, const char *text)
{
    hist_error err = {0};

    w->errors[0] = '\0';
    if (hist_append_lp(w->w, text, strlen(text), &w->lp, &w->result, &err) != HIST_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(w->result.consumed, strlen(text));
}

static void commit(world *w)
{
    hist_error err = {0};

    if (hist_commit(w->w, HIST_COMMIT_DEFAULT, NULL, &err) != HIST_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(hist_writer_rows(w->w), 0);
}

/* ---- what is there ---- */

static void add(world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(world *w, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    const int n = vsnprintf(w->text + w->text_size, TEXT_MAX - w->text_size, fmt, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < TEXT_MAX - w->text_size);
    w->text_size += (size_t)n;
}

static void add_value(world *w, const hist_column *c, uint32_t row)
{
    if (!hist_column_valid(c, row)) {
        add(w, "-");
        return;
    }
    if (c->type == HIST_TYPE_REAL) {
        add(w, "%.17g", hist_column_f64(c, row));
    } else if (c->type == HIST_TYPE_STRING) {
        const hist_str s = hist_column_str(c, row);

        add(w, "'%.*s'", (int)s.size, s.data);
    } else {
        add(w, "%lld", (long long)hist_column_i64(c, row));
    }
}

/* All rows of a table: "NAME=VALUE ...\n", time first. */
static const char *scan(world *w, const char *table)
{
    hist_scan_options options = HIST_SCAN_OPTIONS;
    const hist_column_info *columns = NULL;
    hist_scan *s = NULL;
    hist_batch batch;
    hist_error err = {0};

    w->text_size = 0;
    w->text[0] = '\0';
    options.table = table;
    if (hist_scan_open(w->db, &options, &s, &err) != HIST_OK) {
        return hist_status_name(err.code);
    }
    const size_t count = hist_scan_columns(s, &columns);
    do {
        assert_int_equal(hist_scan_next(s, &batch, &err), HIST_OK);
        for (uint32_t row = 0; row < batch.row_count; row++) {
            for (size_t c = 0; c < count; c++) {
                add(w, "%s%s=", c == 0 ? "" : " ", c == 0 ? "t" : columns[c].name);
                add_value(w, &batch.columns[c], row);
            }
            add(w, "\n");
        }
    } while (batch.row_count > 0);
    hist_scan_close(s);
    return w->text;
}

/* Commits and compares. */
static void expect(world *w, const char *table, const char *rows)
{
    commit(w);
    assert_string_equal(scan(w, table), rows);
}

/* ---- rules ---- */

static void values_of_all_types_arrive(void **state)
{
    world w;

    (void)state;
    world_open(&w);
    put(&w, "m,host=a,z=1 r=1.5,l=-3i,b=t,s=\"x \\\"y\\\"\" 100\n"
            "m,z=1,host=a r=2,l=4u,b=F,s=\"\" 200\n"
            "# a comment\n\n"
            "m,host=b r=-0.0 100");
    assert_string_equal(w.errors, "");
    assert_int_equal(w.result.accepted, 3);
    assert_int_equal(w.result.lines, 5);
    expect(&w, "m",
           "t=100 host='a' z='1' r=1.5 l=-3 b=1 s='x \"y\"'\n"
           "t=200 host='a' z='1' r=2 l=4 b=0 s=''\n"
           "t=100 host='b' z='' r=-0 l=- b=- s=-\n");
    world_close(&w);
}

static void a_refused_line_costs_that_line_only_and_is_told(void **state)
{
    world w;

    (void)state;
    world_open(&w);
    put(&w, "m a=1 1\nnonsense\nm a=2 2\nm a=\"text\" 3\nm a=t 4\nm a=3 5\n");
    assert_int_equal(w.result.accepted, 3);
    assert_int_equal(w.result.refused, 3);
    assert_non_null(strstr(w.errors, "2 ESYNTAX "));
    assert_non_null(
        strstr(w.errors, "4 ETYPE field 'a' of table 'm' is real, this value is string\n"));
    assert_non_null(
        strstr(w.errors, "5 ETYPE field 'a' of table 'm' is real, this value is bool\n"));
    put(&w, "m a=x 1\n");
    assert_non_null(strstr(w.errors, "7 ESYNTAX "));
    hist_writer_reset_lines(w.w);
    put(&w, "m a=x 1\n");
    assert_non_null(strstr(w.errors, "1 ESYNTAX "));
    expect(&w, "m", "t=1 a=1\nt=2 a=2\nt=5 a=3\n");
    world_close(&w);
}

static void integers_go_into_a_real_field_when_exact_and_reals_never_into_a_long_one(void **state)
{
    world w;

    (void)state;
    world_open(&w);
    put(&w, "m r=1.5,l=1i 1\n"
            "m r=7i 2\n"
            "m r=9007199254740993i 3\n"
            "m r=9007199254740994i 4\n"
            "m r=18446744073709551615u 5\n"
            "m r=18446744073709549568u 6\n"
            "m l=2 7\n"
            "m l=9223372036854775807u 8\n"
            "m l=9223372036854775808u 9\n"
            "m new=9223372036854775808u 10\n"
            "m r=-9223372036854775808i 11\n"
            "m r=9223372036854775807i 12\n");
    assert_string_equal(
        w.errors,
        "3 ETYPE field 'r' of table 'm' is real, and this integer has no exact real value\n"
        "5 ETYPE field 'r' of table 'm' is real, and this integer has no exact real value\n"
        "7 ETYPE field 'l' of table 'm' is long, this value is real\n"
        "9 ETYPE field 'l' of table 'm': 9223372036854775808u does not fit a long, which ends at "
        "9223372036854775807\n"
        "10 ETYPE field 'new' of table 'm': 9223372036854775808u does not fit a long, which ends "
        "at 9223372036854775807\n"
        "12 ETYPE field 'r' of table 'm' is real, and this integer has no exact real value\n");
    expect(&w, "m",
           "t=1 r=1.5 l=1\nt=2 r=7 l=-\nt=4 r=9007199254740994 l=-\n"
           "t=6 r=1.844674407370955e+19 l=-\nt=8 r=- l=9223372036854775807\n"
           "t=11 r=-9.2233720368547758e+18 l=-\n");
    world_close(&w);
}

static void of_a_field_given_twice_the_last_value_counts(void **state)
{
    world w;

    (void)state;
    world_open(&w);
    put(&w, "m a=1,b=\"first\",a=2,b=\"second\" 1\nm a=3,a=4i,b=\"x\" 2\nm c=1i,c=2 3\n");
    assert_string_equal(w.errors, "3 ETYPE field 'c' of table 'm' is long, this value is real\n");
    expect(&w, "m", "t=1 a=2 b='second'\nt=2 a=4 b='x'\n");
    world_close(&w);
}

static void names_that_clash_are_refused_and_define_nothing(void **state)
{
    world w;

    (void)state;
    world_open(&w);
    put(&w, "m,host=a v=1 1\n"
            "m host=1 2\n"
            "m,v=x w=1 3\n"
            "m Timestamp=1 4\n"
            "m,Timestamp=1 v=1 5\n"
            "m,k=a k=1 6\n"
            "n,k=a k=1 7\n"
            "m fresh=1,host=2 8\n"
            "m,other=1 v=\"s\" 9\n"
            "o a=1i,a=\"s\" 10\n");
    assert_string_equal(w.errors,
                        "2 EINVAL field 'host' of table 'm' has the name of a tag of that table\n"
                        "3 EINVAL tag 'v' of table 'm' has the name of a field of that table\n"
                        "4 EINVAL field 'Timestamp' of table 'm' has the name of the time column\n"
                        "5 EINVAL tag 'Timestamp' of table 'm' has the name of the time column\n"
                        "6 EINVAL field 'k' of table 'm' has the name of a tag of the same line\n"
                        "7 EINVAL field 'k' of table 'n' has the name of a tag of the same line\n"
                        "8 EINVAL field 'host' of table 'm' has the name of a tag of that table\n"
                        "9 ETYPE field 'v' of table 'm' is real, this value is string\n"
                        "10 ETYPE field 'a' of table 'o' is long, this value is string\n");
    expect(&w, "m", "t=1 host='a' v=1\n");
    assert_string_equal(scan(&w, "n"), "ENOTFOUND");
    assert_string_equal(scan(&w, "o"), "ENOTFOUND");
    hist_stats stats;
    hist_get_stats(w.db, &stats);
    assert_int_equal(stats.series, 1);
    assert_int_equal(stats.tables, 1);
    world_close(&w);
}

static void lines_without_a_time_never_have_the_same_one_in_a_series(void **state)
{
    world w;

    (void)state;
    world_open(&w);
    w.lp.default_time_ns = 1000;
    put(&w, "m,h=a v=1\nm,h=b v=2\nm,h=a v=3\nm,h=a v=4 5\nm,h=a v=5\n");
    put(&w, "m,h=a v=6\nm,h=b v=7\n");
    expect(&w, "m",
           "t=5 h='a' v=4\nt=1000 h='a' v=1\nt=1001 h='a' v=3\nt=1002 h='a' v=5\n"
           "t=1003 h='a' v=6\nt=1000 h='b' v=2\nt=1001 h='b' v=7\n");
    w.lp.default_time_ns = 0;
    for (int i = 0; i < 100; i++) {
        put(&w, "c v=1\nc v=1\nc v=1\n");
    }
    commit(&w);
    size_t rows = 0;
    for (const char *p = scan(&w, "c"); *p != '\0'; p++) {
        rows += *p == '\n';
    }
    assert_int_equal(rows, 300);
    world_close(&w);
}

static void rows_too_old_or_too_far_ahead_are_refused_when_asked(void **state)
{
    hist_open_options options = HIST_OPEN_OPTIONS;
    world w;
    char text[256];

    (void)state;
    options.max_age_ns = INT64_C(3600) * 1000000000;
    options.max_future_ns = INT64_C(60) * 1000000000;
    world_open_with(&w, options);
    hist_vfs *clock = hist_vfs_posix();
    const int64_t now = clock->now_ns(clock);
    (void)snprintf(text, sizeof(text), "m v=1 %lld\nm v=2 %lld\nm v=3 %lld\nm v=4\n",
                   (long long)(now - options.max_age_ns - 1000000000), (long long)now,
                   (long long)(now + INT64_C(3600) * 1000000000));
    put(&w, text);
    assert_int_equal(w.result.accepted, 2);
    assert_non_null(strstr(w.errors, "1 ELIMIT the time "));
    assert_non_null(strstr(w.errors, "older than max_age allows (3600 s)"));
    assert_non_null(strstr(w.errors, "3 ELIMIT the time "));
    assert_non_null(strstr(w.errors, "max_future allows (60 s)"));
    world_close(&w);
}

static void stamps_that_look_like_another_precision_are_stored_and_flagged(void **state)
{
    world w;

    (void)state;
    world_open(&w);
    put(&w, "m v=1 1700000000000000000\n");
    assert_false(w.result.suspicious_precision);
    put(&w, "m v=1 1700000000\n");
    assert_true(w.result.suspicious_precision);
    put(&w, "m v=1 1700000000000\n");
    assert_true(w.result.suspicious_precision);
    put(&w, "m v=1 12\nm v=1 -5\n");
    assert_false(w.result.suspicious_precision);
    w.lp.precision = HIST_MS;
    put(&w, "m v=1 1700000001\n");
    assert_true(w.result.suspicious_precision);
    w.lp.precision = HIST_S;
    put(&w, "m v=1 1700000001\n");
    assert_false(w.result.suspicious_precision);
    expect(&w, "m",
           "t=-5 v=1\nt=12 v=1\nt=1700000000 v=1\nt=1700000000000 v=1\n"
           "t=1700000001000000 v=1\nt=1700000000000000000 v=1\nt=1700000001000000000 v=1\n");
    world_close(&w);
}

/* ---- cut anywhere ---- */

/* Gives data in pieces of random sizes, keeping what was not consumed, as a server does. */
static void put_cut(world *w, const char *data, size_t size, uint64_t *seed)
{
    size_t from = 0;
    size_t upto = 0;

    w->errors[0] = '\0';
    while (from < size) {
        upto += rm_random(seed) % 40;
        upto = upto > size ? size : upto;
        w->lp.final = upto == size;
        char *exact = malloc(upto - from + 1);
        memcpy(exact, data + from, upto - from);
        assert_int_equal(hist_append_lp(w->w, exact, upto - from, &w->lp, &w->result, NULL),
                         HIST_OK);
        free(exact);
        from += w->result.consumed;
    }
}

static size_t random_line(char *to, uint64_t *seed)
{
    static const char *const keys[] = {"a,h=1", "a,h=2,r=x", "b", "b,h=1", "c\\ d,k\\=y=z\\,w"};
    static const char *const fields[] = {"f=1",    "f=2.5",   "g=3i", "g=4u",  "s=\"te\\\"xt\"",
                                         "b=true", "x\\ y=1", "f=7i", "g=1.5", "s=\"n\newline\"",
                                         "h=1"};
    size_t n = (size_t)snprintf(to, 32, "%s ", keys[rm_random(seed) % 5]);
    const uint64_t count = 1 + rm_random(seed) % 4;

    for (uint64_t i = 0; i < count; i++) {
        n += (size_t)snprintf(to + n, 32, "%s%s", i == 0 ? "" : ",", fields[rm_random(seed) % 11]);
    }
    n += (size_t)snprintf(to + n, 32, " %llu\n", (unsigned long long)(rm_random(seed) % 50));
    return n;
}

static void it_does_not_matter_where_the_data_is_cut(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 20; n++) {
        uint64_t seed = 100 + n;
        char data[40 * 200];
        char errors[8192];
        size_t size = 0;
        world whole;
        world cut;

        for (int i = 0; i < 40; i++) {
            size += random_line(data + size, &seed);
        }
        world_open(&whole);
        world_open(&cut);
        put(&whole, data);
        memcpy(errors, whole.errors, sizeof(errors));
        put_cut(&cut, data, size, &seed);
        assert_string_equal(cut.errors, errors);
        assert_int_equal(hist_writer_rows(cut.w), hist_writer_rows(whole.w));
        commit(&whole);
        commit(&cut);
        for (int t = 0; t < 3; t++) {
            static const char *const tables[] = {"a", "b", "c d"};

            assert_string_equal(scan(&whole, tables[t]), scan(&cut, tables[t]));
        }
        world_close(&whole);
        world_close(&cut);
    }
}

static void a_full_batch_stops_before_the_next_line_and_goes_on_after_a_discard(void **state)
{
    const size_t line = 60000;
    world w;
    size_t at = 0;
    uint64_t accepted = 0;
    int stops = 0;

    (void)state;
    world_open(&w);
    const size_t lines = (64u << 20) / line * 3 / 2;
    char *data = malloc(lines * line);
    for (size_t i = 0; i < lines; i++) {
        char *to = data + i * line;
        const int head = snprintf(to, 8, "m s=\"");

        memset(to + head, 'x', line - (size_t)head);
        memcpy(to + line - 8, "\" 12345\n", 8);
    }
    while (at < lines * line) {
        hist_error err;
        const hist_status status =
            hist_append_lp(w.w, data + at, lines * line - at, &w.lp, &w.result, &err);

        at += w.result.consumed;
        accepted += w.result.accepted;
        assert_int_equal(w.result.consumed % line, 0);
        assert_true(hist_writer_bytes(w.w) <= HIST_BATCH_BYTES_MAX);
        assert_true(status == HIST_OK || status == HIST_ELIMIT);
        stops += status == HIST_ELIMIT;
        hist_writer_discard(w.w);
    }
    assert_int_equal(accepted, lines);
    assert_int_equal(stops, 1);
    free(data);
    world_close(&w);
}

/* ---- typed ---- */

static void typed_rows_arrive_and_wrong_handles_are_refused(void **state)
{
    const hist_tag tags[] = {{STR("host"), STR("a")}, {STR("none"), STR("")}};
    hist_series series = 0;
    hist_series other = 0;
    hist_field real = 0;
    hist_field text = 0;
    hist_field flag = 0;
    hist_field when = 0;
    hist_field foreign = 0;
    hist_error err;
    world w;

    (void)state;
    world_open(&w);
    assert_int_equal(hist_series_open(w.w, STR("m"), tags, 2, &series, NULL), HIST_OK);
    assert_int_equal(hist_series_open(w.w, STR("o"), tags, 1, &other, NULL), HIST_OK);
    assert_int_equal(hist_field_open(w.w, STR("m"), STR("r"), HIST_TYPE_REAL, &real, NULL),
                     HIST_OK);
    assert_int_equal(hist_field_open(w.w, STR("m"), STR("s"), HIST_TYPE_STRING, &text, NULL),
                     HIST_OK);
    assert_int_equal(hist_field_open(w.w, STR("m"), STR("b"), HIST_TYPE_BOOL, &flag, NULL),
                     HIST_OK);
    assert_int_equal(hist_field_open(w.w, STR("m"), STR("d"), HIST_TYPE_DATETIME, &when, NULL),
                     HIST_OK);
    assert_int_equal(hist_field_open(w.w, STR("o"), STR("r"), HIST_TYPE_REAL, &foreign, NULL),
                     HIST_OK);
    assert_int_equal(hist_field_open(w.w, STR("m"), STR("r"), HIST_TYPE_LONG, &flag, &err),
                     HIST_ETYPE);
    assert_int_equal(hist_field_open(w.w, STR("m"), STR("b"), HIST_TYPE_BOOL, &flag, NULL),
                     HIST_OK);

    const hist_value row[] = {
        {real, {.r = 1.25}}, {text, {.s = STR("hello")}}, {flag, {.i = 7}}, {when, {.i = 99}}};
    assert_int_equal(hist_append(w.w, series, 10, row, 4, NULL), HIST_OK);
    assert_int_equal(hist_append(w.w, series, 11, row, 1, NULL), HIST_OK);
    assert_int_equal(hist_append(w.w, other, 11, row, 1, &err), HIST_EINVAL);
    assert_int_equal(hist_append(w.w, 12345, 11, row, 1, &err), HIST_EINVAL);
    assert_int_equal(hist_append(w.w, 0, 11, row, 1, &err), HIST_EINVAL);
    assert_int_equal(hist_append(w.w, series, INT64_MIN + 1, row, 1, &err), HIST_EINVAL);
    const hist_value bad[] = {{real, {.r = 1}}, {text, {.s = {"\xff", 1}}}};
    assert_int_equal(hist_append(w.w, series, 12, bad, 2, &err), HIST_EINVAL);
    const hist_value nofield[] = {{999, {.r = 1}}};
    assert_int_equal(hist_append(w.w, series, 12, nofield, 1, &err), HIST_EINVAL);
    const int64_t times[] = {20, 21, 22};
    const double values[] = {2, 3, 4};
    assert_int_equal(hist_append_array(w.w, series, real, times, values, 3, NULL), HIST_OK);
    assert_int_equal(hist_append_array(w.w, series, text, times, values, 3, &err), HIST_ETYPE);
    assert_int_equal(hist_append_array(w.w, series, foreign, times, values, 3, &err), HIST_EINVAL);
    assert_int_equal(hist_append_array(w.w, series, real, times, values, (size_t)1 << 40, &err),
                     HIST_ELIMIT);
    assert_int_equal(hist_writer_rows(w.w), 5);
    expect(&w, "m",
           "t=10 host='a' r=1.25 s='hello' b=1 d=99\nt=11 host='a' r=1.25 s=- b=- d=-\n"
           "t=20 host='a' r=2 s=- b=- d=-\nt=21 host='a' r=3 s=- b=- d=-\n"
           "t=22 host='a' r=4 s=- b=- d=-\n");
    world_close(&w);
}

/* ---- memory ---- */

static void after_a_lack_of_memory_the_rest_can_be_given_again(void **state)
{
    static const char data[] = "m,h=a v=1,w=2i 1\nm,h=b v=2 2\nn,k=1 s=\"text\" 3\nbad\n"
                               "m,h=a v=3,x=t 4\nn,k=2 s=\"more\",y=1 5\nm,h=a v=4,x=f 6\n";
    rm_memory memory;
    bool reached = true;

    (void)state;
    rm_memory_init(&memory);
    for (uint64_t n = 1; reached; n++) {
        hist_open_options options = HIST_OPEN_OPTIONS;
        uint64_t accepted = 0;
        uint64_t refused = 0;
        size_t at = 0;
        world w;

        options.allocator = &memory.allocator;
        world_open_with(&w, options);
        rm_memory_fail(&memory, n);
        while (at < sizeof(data) - 1) {
            const hist_status status =
                hist_append_lp(w.w, data + at, sizeof(data) - 1 - at, &w.lp, &w.result, NULL);

            assert_true(status == HIST_OK || status == HIST_ENOMEM);
            at += w.result.consumed;
            accepted += w.result.accepted;
            refused += w.result.refused;
        }
        while (hist_commit(w.w, HIST_COMMIT_DEFAULT, NULL, NULL) == HIST_ENOMEM) {
        }
        reached = rm_memory_failed(&memory);
        rm_memory_fail(&memory, 0);
        assert_int_equal(accepted, 6);
        assert_int_equal(refused, 1);
        assert_int_equal(w.result.accepted > 0 && hist_writer_rows(w.w) == 0, 1);
        assert_string_equal(scan(&w, "m"), "t=1 h='a' v=1 w=2 x=-\nt=4 h='a' v=3 w=- x=1\n"
                                           "t=6 h='a' v=4 w=- x=0\nt=2 h='b' v=2 w=- x=-\n");
        assert_string_equal(scan(&w, "n"), "t=3 k='1' s='text' y=-\nt=5 k='2' s='more' y=1\n");
        world_close(&w);
        assert_int_equal(memory.live, 0);
    }
}

static void the_key_cache_is_right_and_bounded(void **state)
{
    static uint32_t known[5000];
    hi_mem mem;
    hi_keycache cache;
    uint64_t seed = 9;
    uint64_t hits = 0;

    (void)state;
    hi_mem_init(&mem, NULL, NULL, 0);
    hi_keycache_init(&cache, &mem, 1, 64 * 1024);
    for (uint32_t i = 0; i < 100000; i++) {
        const uint64_t r = rm_random(&seed);
        const uint32_t key = (uint32_t)(r % 3 == 0 ? r / 8 % 5000 : r / 8 % 50);
        char text[64];
        const hist_str raw = {text, (size_t)snprintf(text, sizeof(text), "table,host=h%u", key)};
        const hi_key_entry *e = hi_keycache_find(&cache, raw);

        if (e != NULL) {
            hits++;
            assert_int_equal(e->series, known[key]);
        } else {
            known[key] = i + 1;
            e = hi_keycache_add(&cache, raw, 3, i + 1);
            assert_non_null(e);
            assert_int_equal(e->slot, 3);
        }
        assert_true(mem.used <= 64 * 1024);
    }
    assert_true(hits > 65000); /* What is used all the time stays. */
    hi_keycache_free(&cache);
    assert_int_equal(mem.used, 0);
}

static void fields_may_come_in_any_order_and_spelling(void **state)
{
    world w;

    (void)state;
    world_open(&w);
    put(&w, "m a=1,b=2,c=3 1\nm c=6,a=4,b=5 2\nm b=8 3\nm d=1,a=9 4\nm a=1i,b=2,c=3 5\n"
            "m d\\=e=1 6\nm a=1,b=2,c=3 7\n");
    assert_string_equal(w.errors, "");
    expect(&w, "m",
           "t=1 a=1 b=2 c=3 d=- d=e=-\nt=2 a=4 b=5 c=6 d=- d=e=-\nt=3 a=- b=8 c=- d=- d=e=-\n"
           "t=4 a=9 b=- c=- d=1 d=e=-\nt=5 a=1 b=2 c=3 d=- d=e=-\nt=6 a=- b=- c=- d=- d=e=1\n"
           "t=7 a=1 b=2 c=3 d=- d=e=-\n");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_all_types_arrive),
        cmocka_unit_test(a_refused_line_costs_that_line_only_and_is_told),
        cmocka_unit_test(integers_go_into_a_real_field_when_exact_and_reals_never_into_a_long_one),
        cmocka_unit_test(of_a_field_given_twice_the_last_value_counts),
        cmocka_unit_test(names_that_clash_are_refused_and_define_nothing),
        cmocka_unit_test(lines_without_a_time_never_have_the_same_one_in_a_series),
        cmocka_unit_test(rows_too_old_or_too_far_ahead_are_refused_when_asked),
        cmocka_unit_test(stamps_that_look_like_another_precision_are_stored_and_flagged),
        cmocka_unit_test(fields_may_come_in_any_order_and_spelling),
        cmocka_unit_test(it_does_not_matter_where_the_data_is_cut),
        cmocka_unit_test(a_full_batch_stops_before_the_next_line_and_goes_on_after_a_discard),
        cmocka_unit_test(typed_rows_arrive_and_wrong_handles_are_refused),
        cmocka_unit_test(after_a_lack_of_memory_the_rest_can_be_given_again),
        cmocka_unit_test(the_key_cache_is_right_and_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
