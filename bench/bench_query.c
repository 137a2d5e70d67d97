/*
 * bench_query.c -- how fast a store in this process answers, one line a figure.
 *
 * Stores workloads A, B and E (bench/workload.h) in a temporary folder, merged warm, and asks. A
 * figure "per core" divides by the CPU time of the process, so that it does not depend on how many
 * threads helped or on what else the machine did; the best of a few runs counts. Answers are
 * checked: rows against what was made, sums of KQL against sums of a raw scan.
 *
 * BENCH_SCALE=0.1 shortens it; BENCH_DAYS is the length of E (14).
 */
#define _GNU_SOURCE
#include <float.h>
#include <ftw.h>
#include <inttypes.h>
#include <math.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hist.h"

#include "api/db.h"
#include "bench/workload.h"
#include "query/query.h"

#define BENCH_BUFFER ((size_t)4 << 20)
enum { BENCH_RUNS = 5, BENCH_KQL_MAX = 1024 };

typedef struct bench {
    char folder[256];
    double scale;
    uint32_t days;
    int bad; /* Figures that could not be measured, answers that were wrong. */
} bench;

typedef struct bench_time {
    double wall;
    double cpu;
} bench_time;

typedef struct bench_answer {
    bench_time best;
    uint64_t rows;
    double sum; /* Of all numbers of all rows. */
} bench_answer;

static bench_time bench_now(void)
{
    struct timespec wall;
    struct timespec cpu;

    (void)clock_gettime(CLOCK_MONOTONIC, &wall);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (bench_time){(double)wall.tv_sec + 1e-9 * (double)wall.tv_nsec,
                        (double)cpu.tv_sec + 1e-9 * (double)cpu.tv_nsec};
}

static void bench_say(const char *what, double value, const char *unit)
{
    (void)printf("%-58s %12.*f %s\n", what, value < 10 ? 3 : 1, value, unit);
    (void)fflush(stdout);
}

static void bench_failed(bench *b, const char *what, const char *why)
{
    (void)printf("%-58s %12s %s\n", what, "-", why);
    (void)fflush(stdout);
    b->bad++;
}

/* ---- storing ---- */

static hist_status bench_fill(hist_db *db, workload *w, hist_error *err)
{
    char *buffer = malloc(BENCH_BUFFER);
    hist_writer *writer = NULL;
    hist_status status = buffer == NULL ? HIST_ENOMEM : hist_writer_open(db, NULL, &writer, err);
    size_t size = 0;

    while (status == HIST_OK && (size = workload_fill(w, buffer, BENCH_BUFFER)) > 0) {
        const hist_lp_options options = HIST_LP_OPTIONS;
        hist_lp_result result;

        status = hist_append_lp(writer, buffer, size, &options, &result, err);
        if (status == HIST_OK && (result.consumed != size || result.refused != 0)) {
            status = HIST_EINVAL;
        }
        if (status == HIST_OK) {
            status = hist_commit(writer, HIST_COMMIT_WRITTEN, NULL, err);
        }
    }
    hist_writer_close(writer);
    free(buffer);
    return status;
}

static hist_status bench_open(const bench *b, char kind, int flags, hist_db **db, hist_error *err)
{
    hist_open_options options = HIST_OPEN_OPTIONS;
    char path[300];

    options.flags = flags;
    /* 1.44 million groups, and what is decomposed of them, need more than the default. */
    options.memory_bytes_max = UINT64_C(4) << 30;
    options.query_bytes_max = UINT64_C(3) << 30;
    (void)snprintf(path, sizeof(path), "%s/%c", b->folder, kind);
    return hist_open(path, &options, db, err);
}

static void bench_close(bench *b, hist_db *db)
{
    hist_error err = {.code = HIST_OK};

    if (db != NULL && hist_close(db, &err) != HIST_OK) {
        bench_failed(b, "closing", err.message);
    }
}

/* A store with workload `kind`, merged warm; NULL when that failed, which is said. */
static hist_db *bench_store(bench *b, char kind)
{
    static workload w; /* Too large for a stack. */
    const bench_time from = bench_now();
    hist_error err = {.code = HIST_OK};
    hist_db *db = NULL;
    char what[80];
    hist_status status = HIST_ENOMEM;

    if (workload_open(&w, kind, kind == 'E' ? 1 : b->scale, b->days) &&
        (status = bench_open(b, kind, 0, &db, &err)) == HIST_OK &&
        (status = bench_fill(db, &w, &err)) == HIST_OK) {
        status = hist_maintain(db, HIST_MAINTAIN_FLUSH | HIST_MAINTAIN_MERGE, &err);
    }
    const bench_time to = bench_now();
    (void)snprintf(what, sizeof(what), "%c in process: %" PRIu64 " lines, parsed to merged", kind,
                   w.lines);
    if (status != HIST_OK) {
        bench_failed(b, what, err.message);
        bench_close(b, db);
        db = NULL;
    } else {
        const double values = (double)w.lines * w.fields;

        bench_say(what, values / (to.cpu - from.cpu) / 1e6, "M values/s/core");
    }
    workload_close(&w);
    return db;
}

/* ---- asking ---- */

/* In lanes: a sum in order would wait for each addition longer than the scan takes for a value. */
static double bench_sum_reals(const double *v, uint32_t n)
{
    double a = 0;
    double b = 0;
    double c = 0;
    double d = 0;
    uint32_t i = 0;

    for (; i + 4 <= n; i += 4) {
        a += v[i];
        b += v[i + 1];
        c += v[i + 2];
        d += v[i + 3];
    }
    for (; i < n; i++) {
        a += v[i];
    }
    return (a + b) + (c + d);
}

static double bench_sum_column(const hist_column *column, const hist_batch *batch)
{
    double sum = 0;

    if (column->type != HIST_TYPE_REAL && column->type != HIST_TYPE_LONG) {
        return 0;
    }
    if (column->layout == HIST_LAYOUT_FLAT && column->valid == NULL && batch->sel == NULL) {
        if (column->type == HIST_TYPE_REAL) {
            return bench_sum_reals(column->data, column->length);
        }
        int64_t whole = 0;
        for (uint32_t i = 0; column->type == HIST_TYPE_LONG && i < column->length; i++) {
            whole += ((const int64_t *)column->data)[i];
        }
        return sum + (double)whole;
    }
    for (uint32_t i = 0; i < batch->sel_count; i++) {
        const uint32_t row = batch->sel == NULL ? i : batch->sel[i];

        if (hist_column_valid(column, row)) {
            sum += column->type == HIST_TYPE_REAL ? hist_column_f64(column, row)
                                                  : (double)hist_column_i64(column, row);
        }
    }
    return sum;
}

static void bench_take(bench_answer *answer, const hist_batch *batch)
{
    answer->rows += batch->sel_count;
    for (uint32_t c = 0; c < batch->column_count; c++) {
        answer->sum += bench_sum_column(&batch->columns[c], batch);
    }
}

static hist_status bench_run(hist_db *db, const char *kql, bench_answer *answer, hist_error *err)
{
    hist_query *query = NULL;
    hist_batch batch;
    hist_status status = hist_query_open(db, kql, SIZE_MAX, NULL, &query, err);

    while (status == HIST_OK && (status = hist_query_next(query, &batch, err)) == HIST_OK &&
           batch.row_count > 0) {
        bench_take(answer, &batch);
    }
    hist_query_close(query);
    return status;
}

/* The same where statistics of blocks answer nothing, which the public calls do not offer. */
static hist_status bench_run_unsummed(hist_db *db, const char *kql, bench_answer *answer,
                                      hist_error *err)
{
    hi_query *query = NULL;
    hist_batch batch;
    hi_query_spec spec = {.mem = hi_store_mem(db->store),
                          .memory_max = UINT64_C(3) << 30,
                          .database = "default",
                          .no_statistics = true};
    hist_status status = hi_snapshot_open(db->store, &spec.snapshot, err);

    if (status == HIST_OK) {
        status = hi_query_open(kql, strlen(kql), &spec, &query, err);
    }
    while (status == HIST_OK && (status = hi_query_next(query, &batch, err)) == HIST_OK &&
           batch.row_count > 0) {
        bench_take(answer, &batch);
    }
    hi_query_close(query);
    return status;
}

static hist_status bench_scan(hist_db *db, const hist_scan_options *options, bench_answer *answer,
                              hist_error *err)
{
    hist_scan *scan = NULL;
    hist_batch batch;
    hist_status status = hist_scan_open(db, options, &scan, err);

    while (status == HIST_OK && (status = hist_scan_next(scan, &batch, err)) == HIST_OK &&
           batch.row_count > 0) {
        bench_take(answer, &batch);
    }
    hist_scan_close(scan);
    return status;
}

/* What is asked: KQL, or a raw scan. */
typedef struct bench_job {
    const char *what;
    const char *kql; /* NULL: the scan. */
    bool no_statistics;
    hist_scan_options scan;
    uint32_t times; /* Asked so many times a run; the time of one is kept. */
    uint64_t rows;  /* Expected; 0: any. */
} bench_job;

static hist_status bench_ask(hist_db *db, const bench_job *job, bench_answer *answer,
                             hist_error *err)
{
    if (job->kql == NULL) {
        return bench_scan(db, &job->scan, answer, err);
    }
    return job->no_statistics ? bench_run_unsummed(db, job->kql, answer, err)
                              : bench_run(db, job->kql, answer, err);
}

/* The best of some runs. False: it failed, which is said. */
static bool bench_best(bench *b, hist_db *db, const bench_job *job, bench_answer *out)
{
    const uint32_t times = job->times == 0 ? 1 : job->times;
    hist_error err = {.code = HIST_OK};
    bench_answer answer = {.rows = 0};

    *out = (bench_answer){.best = {DBL_MAX, DBL_MAX}};
    for (int run = 0; run < BENCH_RUNS; run++) {
        const bench_time from = bench_now();

        for (uint32_t i = 0; i < times; i++) {
            answer = (bench_answer){.rows = 0};
            const hist_status status = bench_ask(db, job, &answer, &err);

            if (status != HIST_OK) {
                bench_failed(b, job->what, err.message);
                return false;
            }
        }
        const bench_time to = bench_now();
        out->best.wall = fmin(out->best.wall, (to.wall - from.wall) / times);
        out->best.cpu = fmin(out->best.cpu, (to.cpu - from.cpu) / times);
    }
    out->rows = answer.rows;
    out->sum = answer.sum;
    if (job->rows != 0 && job->rows != answer.rows) {
        char why[80];

        (void)snprintf(why, sizeof(why), "wrong answer: %" PRIu64 " rows, not %" PRIu64,
                       answer.rows, job->rows);
        bench_failed(b, job->what, why);
        return false;
    }
    return true;
}

static void bench_rate(bench *b, hist_db *db, const bench_job *job, double points)
{
    bench_answer answer;

    if (bench_best(b, db, job, &answer)) {
        bench_say(job->what, points / answer.best.cpu / 1e6, "M values/s/core");
    }
}

static void bench_wall(bench *b, hist_db *db, const bench_job *job, double factor, const char *unit)
{
    bench_answer answer;

    if (bench_best(b, db, job, &answer)) {
        bench_say(job->what, answer.best.wall * factor, unit);
    }
}

/* ---- the figures ---- */

/* Sums four ways: a raw scan, KQL over an expression (rows are made), KQL without and with the
   summaries of blocks. All but the second must agree. */
enum { BENCH_SCAN, BENCH_ROWS, BENCH_VALUES, BENCH_SUMMARIES, BENCH_SUMS };

static void bench_sums(bench *b, hist_db *db, const char *name, const bench_job jobs[BENCH_SUMS],
                       double points)
{
    bench_answer answers[BENCH_SUMS];
    char what[80];
    bool ok = true;

    for (int i = 0; i < BENCH_SUMS; i++) {
        if (!bench_best(b, db, &jobs[i], &answers[i])) {
            ok = false;
            continue;
        }
        bench_say(jobs[i].what, points / answers[i].best.cpu / 1e6, "M values/s/core");
    }
    if (!ok) {
        return;
    }
    for (int i = BENCH_VALUES; i < BENCH_SUMS; i++) {
        if (fabs(answers[BENCH_SCAN].sum - answers[i].sum) > 1e-9 * fabs(answers[BENCH_SCAN].sum)) {
            (void)snprintf(what, sizeof(what), "%s: sum", name);
            bench_failed(b, what, "wrong answer: KQL and raw scan differ");
        }
    }
    (void)snprintf(what, sizeof(what), "%s: summaries against reading every value", name);
    bench_say(what, answers[BENCH_VALUES].best.cpu / answers[BENCH_SUMMARIES].best.cpu, "x");
}

#define BENCH_TEN(f)                                                                                                \
    f("usage_user") ", " f("usage_system") ", " f("usage_idle") ", " f("usage_nice") ", " f("usage_iowait") ", " f( \
        "usage_irq") ", " f("usage_softirq") ", " f("usage_steal") ", " f("usage_guest") ", " f("usage_guest_nice")
#define BENCH_SUM(name)     "sum(" name ")"
#define BENCH_SUM_ALL(name) "sum(" name " + 1)"

static void bench_devops(bench *b)
{
    static const char *const fields[] = {
        "usage_user", "usage_system",  "usage_idle",  "usage_nice",  "usage_iowait",
        "usage_irq",  "usage_softirq", "usage_steal", "usage_guest", "usage_guest_nice"};
    hist_db *db = bench_store(b, 'A');
    const uint64_t rows = (uint64_t)(8640 * b->scale) * 100;
    bench_job jobs[BENCH_SUMS] = {{.what = "A: sum of every value, raw scan", .rows = rows},
                                  {.what = "A: sum of an expression of every value, KQL",
                                   .kql = "cpu | summarize " BENCH_TEN(BENCH_SUM_ALL),
                                   .rows = 1},
                                  {.what = "A: sum of every value, KQL, no summary used",
                                   .kql = "cpu | summarize " BENCH_TEN(BENCH_SUM),
                                   .no_statistics = true,
                                   .rows = 1},
                                  {.what = "A: sum of every value, KQL",
                                   .kql = "cpu | summarize " BENCH_TEN(BENCH_SUM),
                                   .rows = 1}};

    jobs[0].scan = HIST_SCAN_OPTIONS;
    jobs[0].scan.table = "cpu";
    jobs[0].scan.columns = fields;
    jobs[0].scan.column_count = 10;
    if (db != NULL) {
        bench_sums(b, db, "A", jobs, (double)rows * 10);
        bench_close(b, db);
    }
}

static void bench_gauge_series(bench *b, hist_db *db, uint64_t rows)
{
    char kql[BENCH_KQL_MAX];
    const uint64_t minutes = (uint64_t)(1440 * b->scale);

    bench_rate(b, db,
               &(bench_job){.what = "B: one-minute avg, min, max of each of 1,000 series",
                            .kql = "gauge | summarize avg(value), min(value), max(value) "
                                   "by sensor, bin(Timestamp, 1m)"},
               (double)rows);
    (void)snprintf(kql, sizeof(kql),
                   "gauge | make-series v=avg(value) default=0.0 on Timestamp "
                   "from datetime(2026-01-01) to datetime(2026-01-01) + %" PRIu64
                   "m step 1m by sensor "
                   "| extend (flag, score, base) = series_decompose_anomalies(v) "
                   "| project sensor, flag",
                   minutes);
    bench_wall(b, db,
               &(bench_job){.what = "B: make-series 1 min + anomalies of 1,000 series",
                            .kql = kql,
                            .rows = 1000},
               1, "s");
    bench_wall(b, db,
               &(bench_job){.what = "B: last value of each of 1,000 series",
                            .kql = "gauge | summarize arg_max(Timestamp, value) by sensor",
                            .rows = 1000},
               1e3, "ms");
    bench_wall(b, db,
               &(bench_job){.what = "B: last value of one series",
                            .kql = "gauge | where sensor == 'sensor-0042' "
                                   "| summarize arg_max(Timestamp, value)",
                            .times = 20,
                            .rows = 1},
               1e6, "us");
}

/* Open read-only, read one hour of one series, close: what a script does. */
static void bench_first_row(bench *b)
{
    const hist_tag tag = {{"sensor", 6}, {"sensor-0042", 11}};
    static const char *const columns[] = {"Timestamp", "value"};
    hist_scan_options scan = HIST_SCAN_OPTIONS;
    double best[3] = {DBL_MAX, DBL_MAX, DBL_MAX};
    hist_error err = {.code = HIST_OK};
    hist_status status = HIST_OK;
    bench_answer answer = {.rows = 0};

    scan.table = "gauge";
    scan.columns = columns;
    scan.column_count = 2;
    scan.tags = &tag;
    scan.tag_count = 1;
    scan.from_ns = WORKLOAD_START_S * INT64_C(1000000000);
    scan.to_ns = scan.from_ns + INT64_C(3600000000000);
    for (int run = 0; run < BENCH_RUNS && status == HIST_OK; run++) {
        hist_db *db = NULL;
        const double from = bench_now().wall;
        status = bench_open(b, 'B', HIST_FLAG_READONLY, &db, &err);
        const double opened = bench_now().wall;
        answer = (bench_answer){.rows = 0};
        status = status == HIST_OK ? bench_scan(db, &scan, &answer, &err) : status;
        const double read = bench_now().wall;
        bench_close(b, db);
        best[0] = fmin(best[0], opened - from);
        best[1] = fmin(best[1], read - from);
    }
    if (status != HIST_OK || answer.rows == 0) {
        bench_failed(b, "B: one series, one hour", status == HIST_OK ? "no rows" : err.message);
        return;
    }
    bench_say("B: open read-only", best[0] * 1e3, "ms");
    bench_say("B: one series, one hour, from read-only open", best[1] * 1e3, "ms");
}

static void bench_gauge(bench *b)
{
    static const char *const fields[] = {"value"};
    hist_db *db = bench_store(b, 'B');
    const uint64_t rows = (uint64_t)(8640 * b->scale) * 1000;
    bench_job jobs[BENCH_SUMS] = {
        {.what = "B: sum of every value, raw scan", .rows = rows},
        {.what = "B: sum of an expression of every value, KQL",
         .kql = "gauge | summarize sum(value + 1)",
         .rows = 1},
        {.what = "B: sum of every value, KQL, no summary used",
         .kql = "gauge | summarize sum(value)",
         .no_statistics = true,
         .rows = 1},
        {.what = "B: sum of every value, KQL", .kql = "gauge | summarize sum(value)", .rows = 1}};

    jobs[0].scan = HIST_SCAN_OPTIONS;
    jobs[0].scan.table = "gauge";
    jobs[0].scan.columns = fields;
    jobs[0].scan.column_count = 1;
    if (db != NULL) {
        bench_sums(b, db, "B", jobs, (double)rows);
        bench_gauge_series(b, db, rows);
        bench_close(b, db);
        bench_first_row(b);
    }
}

static void bench_machines(bench *b)
{
    hist_db *db = bench_store(b, 'E');
    char what[2][80];

    (void)snprintf(what[0], sizeof(what[0]), "E: %u days, one machine by hour", b->days);
    (void)snprintf(what[1], sizeof(what[1]), "E: %u days, all machines by day", b->days);
    if (db != NULL) {
        bench_wall(b, db,
                   &(bench_job){.what = what[0],
                                .kql = "machine | where MachineId == 'press-007' "
                                       "| summarize avg(Temperature), max(Vibration) "
                                       "by bin(Timestamp, 1h)",
                                .rows = (uint64_t)b->days * 24},
                   1e3, "ms");
        bench_wall(b, db,
                   &(bench_job){.what = what[1],
                                .kql = "machine | summarize avg(Temperature), max(Vibration), "
                                       "min(Pressure) by MachineId, bin(Timestamp, 1d)",
                                .rows = (uint64_t)b->days * 500},
                   1e3, "ms");
        bench_close(b, db);
    }
}

/* ---- the folder ---- */

static int bench_unlink(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    return remove(path);
}

int main(void)
{
    const char *scale = getenv("BENCH_SCALE");
    const char *days = getenv("BENCH_DAYS");
    const char *tmp = getenv("TMPDIR");
    bench b = {.scale = scale == NULL ? 1 : strtod(scale, NULL),
               .days = days == NULL ? 14 : (uint32_t)strtoul(days, NULL, 10)};

    if (!(b.scale >= 0.01 && b.scale <= 10) || b.days < 1 || b.days > 3660) {
        (void)fprintf(stderr, "bench_query: BENCH_SCALE is 0.01 to 10, BENCH_DAYS 1 to 3660\n");
        return 2;
    }
    (void)snprintf(b.folder, sizeof(b.folder), "%s/bench_query.XXXXXX", tmp == NULL ? "/tmp" : tmp);
    if (mkdtemp(b.folder) == NULL) {
        perror(b.folder);
        return 1;
    }
    bench_devops(&b);
    bench_gauge(&b);
    bench_machines(&b);
    (void)nftw(b.folder, bench_unlink, 16, FTW_DEPTH | FTW_PHYS);
    return b.bad == 0 ? 0 : 1;
}
