/*
 * test_query_fold.c -- sums and the like of encoded blocks are those of the rows. Know first: the model is a loop over the rows
 * that a raw scan gives; every question is asked with the statistics of blocks and without them. Reals
 * but q are eighths, whose sums are exact in any order; those of q are compared within rounding.
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
#include "query/query.h"
#include "tests/support/must.h"

#define START_NS INT64_C(1735603200000000000) /* 2024-12-31 00:00 */
#define HOUR_NS  INT64_C(3600000000000)
#define DAY_NS   (24 * HOUR_NS)

enum {
    SERIES = 15,
    DAYS = 2,
    ROWS_MAX = 80000,
    ASK_MAX = 4096,
    OUTPUTS = 5, /* Of a field: countif(isnotnull()), sum, avg, min, max; of `at`: without sum. */
};

/* c constant, r and s runs, d few numbers, w and n walks, u noise, o odd reals, q any reals, e many nulls. */
enum { C, R, W, O, Q, S, D, N, U, E, AT, FIELDS };
static const char *const names[FIELDS] = {"c", "r", "w", "o", "q", "s", "d", "n", "u", "e", "at"};

static hist_type type_of(int f)
{
    return f <= Q ? HIST_TYPE_REAL : f == AT ? HIST_TYPE_DATETIME : HIST_TYPE_LONG;
}

typedef union number {
    double r;
    int64_t i;
} number;

/* Rows as the raw scan gives them. */
typedef struct model {
    uint32_t rows;
    int64_t time[ROWS_MAX];
    uint8_t series[ROWS_MAX];
    bool has[FIELDS][ROWS_MAX];
    number value[FIELDS][ROWS_MAX];
} model;

typedef struct world {
    char folder[256];
    hist_db *db;
    hist_writer *w;
    hist_series series[SERIES];
    hist_field fields[FIELDS];
    number last[SERIES][FIELDS];
} world;

static world here;
static model all;
static hist_query_stats last_stats;

static uint32_t next_random(void)
{
    static uint64_t state = 5;

    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33);
}

/* ---- a store ---- */

/* Series with two blocks of 8.4 hours a day of their own, some that fill most of one, and small ones that share. */
static int64_t rows_a_day(int d)
{
    return d < 2 ? 14400 : d < 5 ? 3000 : 100;
}

static double odd_real(uint32_t r, int64_t hour)
{
    static const double odd[4] = {NAN, -0.0, INFINITY, -INFINITY};

    if (hour % 16 == 5 && r % 40 == 0) {
        return odd[r / 40 % (hour % 32 == 5 ? 2 : 4)];
    }
    return hour % 7 == 3 ? (r % 2 == 0 ? 0.0 : -0.0) : (double)(r % 800) / 8 - 50;
}

static number next_value(int d, int f, int64_t hour)
{
    const uint32_t r = next_random();
    const number last = here.last[d][f];

    switch (f) {
    case C:
        return (number){.r = 2.5};
    case R:
        return r % 150 == 0 ? (number){.r = (double)(r / 150 % 64) / 8 - 4} : last;
    case W:
        return (number){.r = last.r + (double)((int)(r % 7) - 3) / 8};
    case O:
        return (number){.r = odd_real(r, hour)};
    case Q:
        return (number){.r = ldexp((double)r, -31) + ldexp((double)next_random(), -60)};
    case S:
        return r % 90 == 0 ? (number){.i = (int64_t)(r / 90 % 6)} : last;
    case D:
        return (number){.i = INT64_MAX / (int64_t)(1 + r % 12) * (r % 3 == 0 ? -1 : 1)};
    case N:
        return (number){.i = last.i + (int64_t)(r % 41) - 20};
    case U:
        return (number){.i = ((int64_t)r << 31) ^ next_random()};
    case AT:
        return (number){.i = START_NS - (int64_t)r * 1000};
    default:
        return (number){.i = (int64_t)(r % 100000)};
    }
}

/* Constants and walks are always there; e is missing mostly, n for hours, others now and then. */
static bool is_there(int f, int64_t hour)
{
    const uint32_t r = next_random();

    return f == C || f == W || f == U || (f == N ? hour % 9 != 4 : r % 10 >= (f == E ? 8 : 1));
}

static void world_row(int d, int64_t time_ns)
{
    hist_value values[FIELDS];
    size_t n = 0;
    hist_error err = {0};
    const int64_t hour = (time_ns - START_NS) / HOUR_NS + d;

    for (int f = 0; f < FIELDS; f++) {
        const number v = next_value(d, f, hour);

        here.last[d][f] = v;
        if (is_there(f, hour)) {
            values[n].field = here.fields[f];
            memcpy(&values[n++].value, &v, sizeof(v));
        }
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
    for (int d = 0; d < SERIES; d++) {
        const int64_t rows = rows_a_day(d);

        for (int64_t day = 0; day < DAYS; day++) {
            for (int64_t i = rows * from / 1000; i < rows * to / 1000; i++) {
                world_row(d, START_NS + day * DAY_NS + i * (DAY_NS / rows) + d);
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
    hist_error err = {0};

    (void)state;
    (void)snprintf(here.folder, sizeof(here.folder), "%s/test_query_fold.XXXXXX",
                   tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(here.folder));
    world_open_db(65536);
    for (int d = 0; d < SERIES; d++) {
        char dev[16];

        (void)snprintf(dev, sizeof(dev), "d%02d", d);
        const hist_tag tag = {str_of("dev"), str_of(dev)};
        must(hist_series_open(here.w, str_of("T"), &tag, 1, &here.series[d], &err), &err);
    }
    for (int f = 0; f < FIELDS; f++) {
        must(hist_field_open(here.w, str_of("T"), str_of(names[f]), type_of(f), &here.fields[f],
                             &err),
             &err);
    }
    world_fill(0, 700);
    world_commit(HIST_MAINTAIN_FLUSH | HIST_MAINTAIN_MERGE);
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

/* ---- the model ---- */

static int series_of(hist_str dev)
{
    return (dev.data[1] - '0') * 10 + dev.data[2] - '0';
}

static void model_row(const hist_batch *batch, uint32_t row)
{
    const uint32_t to = all.rows++;

    assert_true(to < ROWS_MAX);
    all.time[to] = hist_column_i64(&batch->columns[0], row);
    all.series[to] = (uint8_t)series_of(hist_column_str(&batch->columns[1], row));
    for (int f = 0; f < FIELDS; f++) {
        const hist_column *c = &batch->columns[2 + f];

        all.has[f][to] = hist_column_valid(c, row);
        if (all.has[f][to] && type_of(f) == HIST_TYPE_REAL) {
            all.value[f][to].r = hist_column_f64(c, row);
        } else if (all.has[f][to]) {
            all.value[f][to].i = hist_column_i64(c, row);
        }
    }
}

static void model_read(void)
{
    const char *columns[FIELDS + 2] = {"Timestamp", "dev"};
    hist_scan_options options = HIST_SCAN_OPTIONS;
    hist_scan *scan = NULL;
    hist_batch batch;
    hist_error err = {0};

    memcpy(columns + 2, names, sizeof(names));
    options.table = "T";
    options.columns = columns;
    options.column_count = FIELDS + 2;
    all.rows = 0;
    must(hist_scan_open(here.db, &options, &scan, &err), &err);
    for (;;) {
        must(hist_scan_next(scan, &batch, &err), &err);
        if (batch.row_count == 0) {
            break;
        }
        for (uint32_t i = 0; i < batch.row_count; i++) {
            model_row(&batch, i);
        }
    }
    hist_scan_close(scan);
}

/* Which rows: times [from, to], of one series or all (-1), in one bin of `width` or any (0). */
typedef struct choice {
    int64_t from;
    int64_t to;
    int series;
    int64_t bin;
    int64_t width;
} choice;

typedef struct figures {
    int64_t rows;
    int64_t count[FIELDS];
    number sum[FIELDS];  /* Whole numbers: wraps. */
    double size[FIELDS]; /* Sum without signs. */
    number min[FIELDS];
    number max[FIELDS];
} figures;

/* -0.0 is smaller than 0.0, and a NaN beats all. */
static bool real_is_less(double a, double b)
{
    return a < b || (a == b && signbit(a) && !signbit(b));
}

static void model_take(figures *out, int f, number v)
{
    const bool first = out->count[f]++ == 0;
    number *min = &out->min[f];
    number *max = &out->max[f];

    if (type_of(f) != HIST_TYPE_REAL) {
        out->sum[f].i = (int64_t)((uint64_t)out->sum[f].i + (uint64_t)v.i);
        *min = first || v.i < min->i ? v : *min;
        *max = first || v.i > max->i ? v : *max;
        return;
    }
    out->sum[f].r += v.r;
    out->size[f] += fabs(v.r);
    *min = first || isnan(v.r) || (!isnan(min->r) && real_is_less(v.r, min->r)) ? v : *min;
    *max = first || isnan(v.r) || (!isnan(max->r) && real_is_less(max->r, v.r)) ? v : *max;
}

static bool model_wants(const choice *c, uint32_t i)
{
    const int64_t t = all.time[i];

    return t >= c->from && t <= c->to && (c->series < 0 || all.series[i] == c->series) &&
           (c->width == 0 || t - t % c->width == c->bin);
}

static void model_ask(const choice *c, figures *out)
{
    *out = (figures){0};
    for (uint32_t i = 0; i < all.rows; i++) {
        if (!model_wants(c, i)) {
            continue;
        }
        out->rows++;
        for (int f = 0; f < FIELDS; f++) {
            if (all.has[f][i]) {
                model_take(out, f, all.value[f][i]);
            }
        }
    }
}

/* ---- asking ---- */

typedef void (*row_fn)(void *arg, const hist_batch *batch, uint32_t row);

static hist_status ask(const char *query, bool statistics, row_fn fn, void *arg, hist_error *err)
{
    hi_query *q = NULL;
    hist_batch batch;
    hi_query_spec spec = {.mem = hi_store_mem(here.db->store),
                          .memory_max = 64 << 20,
                          .database = "default",
                          .now_ns = START_NS,
                          .no_statistics = !statistics};

    must(hi_snapshot_open(here.db->store, &spec.snapshot, err), err);
    must(hi_query_open(query, strlen(query), &spec, &q, err), err);
    hist_status status = HIST_OK;
    while ((status = hi_query_next(q, &batch, err)) == HIST_OK && batch.row_count > 0) {
        for (uint32_t i = 0; i < batch.row_count; i++) {
            fn(arg, &batch, i);
        }
    }
    hi_query_stats(q, &last_stats);
    hi_query_close(q);
    return status;
}

static bool same_real(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b && signbit(a) == signbit(b);
}

static void check_real(const hist_column *c, uint32_t row, double want, double within,
                       const char *what)
{
    const double got = hist_column_f64(c, row);

    if (!same_real(got, want) && !(fabs(got - want) <= within)) {
        fail_msg("%s: %.17g, not %.17g", what, got, want);
    }
}

static void check_int(const hist_column *c, uint32_t row, int64_t want, const char *what)
{
    if (hist_column_i64(c, row) != want) {
        fail_msg("%s: %lld, not %lld", what, (long long)hist_column_i64(c, row), (long long)want);
    }
}

/* The outputs of field f from column *at on. */
static void check_field(const hist_batch *batch, uint32_t row, const figures *want, int f,
                        uint32_t *at, const char *query)
{
    const hist_column *c = &batch->columns[*at];
    char what[ASK_MAX];
    const int64_t n = want->count[f];
    const double within = f == Q ? want->size[f] * 1e-12 : 0;

    *at += f == AT ? OUTPUTS - 2 : OUTPUTS;
    (void)snprintf(what, sizeof(what), "field %s of row %u of %s", names[f], row, query);
    check_int(c++, row, n, what);
    if (type_of(f) == HIST_TYPE_REAL) {
        /* No value: a sum of 0, of either sign. */
        check_real(c++, row, want->sum[f].r, n == 0 || want->sum[f].r == 0 ? 0.0 : within, what);
        check_real(c++, row, n == 0 ? (double)NAN : want->sum[f].r / (double)n, within, what);
    } else if (f != AT) {
        check_int(c++, row, want->sum[f].i, what);
        if (f == S || f == N || f == E) {
            check_real(c, row, n == 0 ? (double)NAN : (double)want->sum[f].i / (double)n,
                       fabs((double)want->sum[f].i) * 1e-15, what);
        }
        c++;
    }
    assert_true(hist_column_valid(c, row) == (n > 0));
    if (n > 0 && type_of(f) == HIST_TYPE_REAL) {
        check_real(c++, row, want->min[f].r, -1, what);
        check_real(c, row, want->max[f].r, -1, what);
    } else if (n > 0) {
        check_int(c++, row, want->min[f].i, what);
        check_int(c, row, want->max[f].i, what);
    }
}

typedef struct question {
    const char *query;
    choice rows;
    bool by_series;
    uint32_t fields; /* A bit each. */
    int64_t answered;
} question;

static void check_row(void *arg, const hist_batch *batch, uint32_t row)
{
    static figures want;
    question *q = arg;
    choice c = q->rows;
    uint32_t at = 0;

    if (q->by_series) {
        c.series = series_of(hist_column_str(&batch->columns[at++], row));
    }
    if (c.width != 0) {
        c.bin = hist_column_i64(&batch->columns[at++], row);
    }
    model_ask(&c, &want);
    check_int(&batch->columns[at++], row, want.rows, q->query);
    q->answered += want.rows;
    for (int f = 0; f < FIELDS; f++) {
        if (q->fields >> f & 1) {
            check_field(batch, row, &want, f, &at, q->query);
        }
    }
}

static size_t put_time(char *to, size_t room, int64_t ns)
{
    return (size_t)snprintf(to, room, "unixtime_nanoseconds_todatetime(%lld)", (long long)ns);
}

static void put_query(const question *q, char *to)
{
    size_t at = (size_t)snprintf(to, ASK_MAX, "T | where Timestamp between (");

    at += put_time(to + at, ASK_MAX - at, q->rows.from);
    at += (size_t)snprintf(to + at, ASK_MAX - at, " .. ");
    at += put_time(to + at, ASK_MAX - at, q->rows.to);
    at += (size_t)snprintf(to + at, ASK_MAX - at, ")");
    if (q->rows.series >= 0) {
        at += (size_t)snprintf(to + at, ASK_MAX - at, " and dev == 'd%02d'", q->rows.series);
    }
    at += (size_t)snprintf(to + at, ASK_MAX - at, " | summarize count()");
    for (int f = 0; f < FIELDS; f++) {
        const char *n = names[f];

        if ((q->fields >> f & 1) != 0) {
            at += (size_t)snprintf(to + at, ASK_MAX - at, ", countif(isnotnull(%s))", n);
            at += f == AT ? 0 : (size_t)snprintf(to + at, ASK_MAX - at, ", sum(%s), avg(%s)", n, n);
            at += (size_t)snprintf(to + at, ASK_MAX - at, ", min(%s), max(%s)", n, n);
        }
    }
    at += (size_t)snprintf(to + at, ASK_MAX - at, "%s%s",
                           q->by_series || q->rows.width != 0 ? " by " : "",
                           q->by_series ? "dev" : "");
    if (q->rows.width != 0) {
        (void)snprintf(to + at, ASK_MAX - at, "%sbin(Timestamp, %lldh)", q->by_series ? ", " : "",
                       (long long)(q->rows.width / HOUR_NS));
    }
}

static void must_be_the_models(question *q)
{
    static figures want;
    char query[ASK_MAX];
    hist_error err = {0};

    choice every = q->rows;

    put_query(q, query);
    q->query = query;
    every.width = 0;
    model_ask(&every, &want);
    for (int statistics = 0; statistics < 2; statistics++) {
        q->answered = 0;
        must(ask(query, statistics != 0, check_row, q, &err), &err);
        if (q->answered != want.rows) {
            fail_msg("%s: %lld rows, not %lld", query, (long long)q->answered,
                     (long long)want.rows);
        }
    }
}

/* Ranges that begin and end anywhere; without NaNs (o) more blocks are folded. */
static void ask_many(int questions)
{
    static const int64_t widths[] = {0, 0, 24, 12};
    const uint32_t every = (1u << FIELDS) - 1;

    model_read();
    for (int i = 0; i < questions; i++) {
        const int64_t from = START_NS + (int64_t)(next_random() % (uint32_t)(DAYS * 24 * 3600)) *
                                            INT64_C(1000000000);
        question q = {.rows = {.from = i % 5 == 0 ? START_NS : from, .series = -1},
                      .by_series = next_random() % 3 == 0,
                      .fields = next_random() % 2 == 0 ? every : every & ~(1u << O)};

        q.fields = next_random() % 3 == 0 ? 1u << (next_random() % FIELDS) : q.fields;
        q.rows.to = q.rows.from + (int64_t)(next_random() % (DAYS * 24)) * HOUR_NS;
        q.rows.series = next_random() % 3 == 0 ? (int)(next_random() % SERIES) : -1;
        q.rows.width = widths[next_random() % 4] * HOUR_NS;
        must_be_the_models(&q);
    }
}

/* ---- tests ---- */

static void skip_row(void *arg, const hist_batch *batch, uint32_t row)
{
    (void)arg, (void)batch, (void)row;
}

static void read_of(const char *query, bool statistics)
{
    hist_error err = {0};

    must(ask(query, statistics, skip_row, NULL, &err), &err);
}

static void folded_blocks_give_the_figures_of_their_rows(void **state)
{
    (void)state;
    ask_many(80);
    read_of("T | summarize sum(n), sum(w), min(u), max(at), avg(d)", false);
    assert_int_equal(last_stats.rows_read, 0);
    assert_int_equal(last_stats.blocks_skipped, 0);
    assert_true(last_stats.blocks_read > 0);
}

/* A quarter of a block. */
static const char small_piece[] = "T | where dev == 'd00' and Timestamp between "
                                  "(datetime(2024-12-31 06:00) .. 2h) | summarize sum(n)";

static void ends_of_a_range_are_folded(void **state)
{
    (void)state;
    read_of("T | where dev == 'd00' and Timestamp > datetime(2024-12-31 01:00) "
            "| summarize sum(n), max(w)",
            true);
    assert_int_equal(last_stats.rows_read, 0);
    assert_true(last_stats.blocks_read > 0);
    assert_true(last_stats.blocks_skipped > 0);
    /* The block is in two bins, what is left of it in one. */
    read_of("T | where dev == 'd00' and Timestamp < datetime(2024-12-31 06:00) "
            "| summarize sum(n) by bin(Timestamp, 6h)",
            true);
    assert_int_equal(last_stats.rows_read, 0);
    read_of("T | where dev == 'd00' and Timestamp between (datetime(2024-12-31 03:00) .. 5h) "
            "| summarize sum(n) by bin_at(Timestamp, 12h, datetime(2024-12-31 03:00))",
            true);
    assert_int_equal(last_stats.rows_read, 0);
    /* Each block of the series is in a bin of its own. */
    read_of("T | where dev == 'd00' and Timestamp < datetime(2025-01-01) "
            "| summarize sum(n) by bin_at(Timestamp, 504m, datetime(2024-12-31))",
            true);
    assert_int_equal(last_stats.rows_read, 0);
    assert_int_equal(last_stats.blocks_read, 0);
    read_of("T | where dev == 'd00' and Timestamp > datetime(2024-12-31 01:00) | summarize "
            "sum(n + 1)",
            true);
    assert_true(last_stats.rows_read > 10000);
    read_of(small_piece, true);
    assert_int_equal(last_stats.rows_read, 0);
}

static void keep_row(void *arg, const hist_batch *batch, uint32_t row)
{
    number *out = arg;

    for (uint32_t c = 0; c < batch->column_count; c++) {
        out[c].i = hist_column_i64(&batch->columns[c], row);
    }
}

/* What is asked beside it decides how a column is folded. */
static void extremes_and_sums_alone_or_together(void **state)
{
    static const char *const asked[4][2] = {
        {"max", "count"}, {"min", "count"}, {"sum", "max"}, {"min", "sum"}};
    static figures want;
    const choice every = {.from = INT64_MIN, .to = INT64_MAX, .series = -1};
    hist_error err = {0};

    (void)state;
    model_read();
    model_ask(&every, &want);
    for (int f = S; f < AT; f++) {
        const number rows = {.i = want.rows};
        const number wanted[4][2] = {{want.max[f], rows},
                                     {want.min[f], rows},
                                     {want.sum[f], want.max[f]},
                                     {want.min[f], want.sum[f]}};

        for (int a = 0; a < 4; a++) {
            char query[128];
            number got[2] = {{0}, {0}};

            (void)snprintf(query, sizeof(query), "T | summarize %s(%s), %s(%s)", asked[a][0],
                           names[f], asked[a][1], a < 2 ? "" : names[f]);
            must(ask(query, false, keep_row, got, &err), &err);
            assert_int_equal(got[0].i, wanted[a][0].i);
            assert_int_equal(got[1].i, wanted[a][1].i);
            assert_int_equal(last_stats.rows_read, 0);
        }
    }
}

static void cold_blocks(void **state)
{
    hist_error err = {0};

    (void)state;
    must(hist_maintain(here.db, HIST_MAINTAIN_COLD, &err), &err);
    ask_many(60);
    read_of(small_piece, true); /* Decoded as a whole anyway. */
    assert_true(last_stats.rows_read > 1000);
    read_of("T | summarize sum(n), sum(w), min(u), max(at), avg(d), sum(r), sum(s)", false);
    assert_int_equal(last_stats.rows_read, 0);
    assert_true(last_stats.blocks_read > 0);
}

static void deleted_rows_are_in_no_fold(void **state)
{
    hist_error err = {0};
    const hist_tag big = {str_of("dev"), str_of("d01")};
    const hist_tag small = {str_of("dev"), str_of("d09")};

    (void)state;
    must(hist_delete(here.db, NULL, "T", &big, 1, START_NS + 3 * HOUR_NS, START_NS + 4 * HOUR_NS,
                     &err),
         &err);
    must(hist_delete(here.db, NULL, "T", &small, 1, START_NS + 2 * HOUR_NS, START_NS + 9 * HOUR_NS,
                     &err),
         &err);
    ask_many(40);
    must(hist_delete(here.db, NULL, "T", NULL, 0, START_NS + 30 * HOUR_NS, START_NS + 31 * HOUR_NS,
                     &err),
         &err);
    ask_many(30);
}

static void rows_of_other_parts_are_merged_first(void **state)
{
    (void)state;
    world_fill(700, 800);
    world_commit(HIST_MAINTAIN_FLUSH);
    for (int i = 0; i < 60; i++) {
        const int d = (int)(next_random() % SERIES);
        const int64_t rows = rows_a_day(d);
        const int64_t first = next_random() % (uint32_t)(rows / 2);

        for (int64_t k = 0; k < (i % 3 == 0 ? 40 : 1); k++) {
            world_row(d, START_NS + (int64_t)(i % DAYS) * DAY_NS + (first + k) * (DAY_NS / rows) +
                             (i % 2 == 0 ? d : d + 7));
        }
        if (i == 30) {
            world_commit(HIST_MAINTAIN_FLUSH);
        }
    }
    world_commit(0);
    ask_many(60);
}

/* ---- damage ---- */

static char damaged_file[512];

static int find_part(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    static off_t largest = 0;

    (void)kind;
    if (path[where->base] == 'P' && info->st_size > largest) {
        largest = info->st_size;
        (void)snprintf(damaged_file, sizeof(damaged_file), "%s", path);
    }
    return 0;
}

static void flip(const char *path, long offset)
{
    FILE *file = fopen(path, "r+b");

    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    const int byte = fgetc(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 16, file), byte ^ 16);
    assert_int_equal(fclose(file), 0);
}

static void a_flipped_bit_is_an_error_with_its_place(void **state)
{
    (void)state;
    assert_int_equal(nftw(here.folder, find_part, 16, FTW_PHYS), 0);
    for (long offset = 5000; offset < 250000; offset += 19001) {
        hist_error err = {0};

        flip(damaged_file, offset);
        assert_int_equal(
            ask("T | summarize sum(c), sum(r), sum(w), min(o), sum(q), sum(s), sum(d), "
                "sum(n), sum(u), sum(e), min(at), min(Timestamp)",
                false, skip_row, NULL, &err),
            HIST_ECORRUPT);
        assert_non_null(strstr(err.message, damaged_file + strlen(here.folder) + 1));
        assert_true(err.offset > 0 && err.offset <= offset && offset - err.offset < 70000);
        flip(damaged_file, offset);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folded_blocks_give_the_figures_of_their_rows),
        cmocka_unit_test(ends_of_a_range_are_folded),
        cmocka_unit_test(extremes_and_sums_alone_or_together),
        cmocka_unit_test(cold_blocks),
        cmocka_unit_test(deleted_rows_are_in_no_fold),
        cmocka_unit_test(rows_of_other_parts_are_merged_first),
        cmocka_unit_test(a_flipped_bit_is_an_error_with_its_place),
    };

    return cmocka_run_group_tests_name("query_fold", tests, world_open, world_close);
}
