/*
 * test_store.c -- a whole store through the public interface: against a plain model over flushes,
 * merges, deletes and reopens, and with many threads at once.
 */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hist.h"

#include "tests/support/parts.h"

#define SECOND INT64_C(1000000000)
#define DAY    (INT64_C(86400) * SECOND)
#define BASE   (INT64_C(20000) * DAY)

static hist_str text(const char *s)
{
    return (hist_str){s, strlen(s)};
}

static uint64_t random_next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* Of every store that is opened; zero: the default. */
static uint64_t part_bytes_max;
static int64_t retention_ns;

static hist_open_options small_options(hist_vfs *vfs, int threads)
{
    hist_open_options o = HIST_OPEN_OPTIONS;

    o.vfs = vfs;
    o.threads = threads;
    o.memory_bytes_max = UINT64_C(16) << 20;
    o.wal_segment_bytes = 65536;
    o.slab_rows_max = 128;
    o.group_rows_max = 128;
    o.part_bytes_max = part_bytes_max;
    o.retention_ns = retention_ns;
    return o;
}

static hist_db *open_ok(hist_vfs *vfs, int threads)
{
    hist_error err;
    hist_db *db = NULL;
    const hist_open_options o = small_options(vfs, threads);

    if (hist_open("db", &o, &db, &err) != HIST_OK) {
        fail_msg("open: %s", err.message);
    }
    return db;
}

static void close_ok(hist_db *db)
{
    hist_error err;

    if (hist_close(db, &err) != HIST_OK) {
        fail_msg("close: %s", err.message);
    }
}

static void maintain_ok(hist_db *db, int what)
{
    hist_error err;

    if (hist_maintain(db, what, &err) != HIST_OK) {
        fail_msg("maintain: %s", err.message);
    }
}

static hist_writer *writer_ok(hist_db *db)
{
    hist_error err;
    hist_writer *writer = NULL;

    if (hist_writer_open(db, NULL, &writer, &err) != HIST_OK) {
        fail_msg("writer: %s", err.message);
    }
    return writer;
}

static void lines_ok(hist_writer *writer, const char *lines)
{
    hist_error err;
    hist_lp_options options = HIST_LP_OPTIONS;
    hist_lp_result result;

    options.final = true;
    if (hist_append_lp(writer, lines, strlen(lines), &options, &result, &err) != HIST_OK) {
        fail_msg("append: %s", err.message);
    }
    assert_int_equal(result.refused, 0);
}

static void commit_ok(hist_writer *writer, hist_commit_mode mode)
{
    hist_error err;

    if (hist_commit(writer, mode, NULL, &err) != HIST_OK) {
        fail_msg("commit: %s", err.message);
    }
}

/* ---- a plain model ---- */

enum { MODEL_SERIES = 6, MODEL_TIMES = 400, MODEL_DAYS = 5 };

typedef struct model_cell {
    bool there;
    bool has[2];
    int64_t n;
    double x;
} model_cell;

typedef struct model {
    model_cell cells[MODEL_SERIES][MODEL_TIMES];
    hist_time newest;
} model;

/* Slot t of the model: spread over days. */
static hist_time model_time(uint32_t t)
{
    return BASE + (int64_t)(t % MODEL_DAYS) * DAY + (int64_t)(t / MODEL_DAYS) * 7 * SECOND;
}

static void model_write(model *m, hist_writer *writer, uint64_t *random)
{
    char line[256];
    const uint32_t s = (uint32_t)(random_next(random) % MODEL_SERIES);
    const uint32_t t = (uint32_t)(random_next(random) % MODEL_TIMES);
    const int which = (int)(random_next(random) % 3);
    model_cell *cell = &m->cells[s][t];
    int used = snprintf(line, sizeof(line), "m,s=%u%s ", s, s % 2 == 0 ? ",even=yes" : "");

    cell->there = true;
    m->newest = model_time(t) > m->newest ? model_time(t) : m->newest;
    if (which != 1) {
        cell->has[0] = true;
        cell->n = (int64_t)(random_next(random) % 1000) - 500;
        used += snprintf(line + used, sizeof(line) - (size_t)used, "n=%" PRId64 "i%s", cell->n,
                         which == 2 ? "," : "");
    }
    if (which != 0) {
        cell->has[1] = true;
        cell->x = (double)(random_next(random) % 100000) / 100.0;
        used += snprintf(line + used, sizeof(line) - (size_t)used, "x=%.2f", cell->x);
    }
    (void)snprintf(line + used, sizeof(line) - (size_t)used, " %" PRId64, model_time(t));
    lines_ok(writer, line);
}

static void model_delete(model *m, hist_db *db, uint64_t *random)
{
    hist_error err;
    const uint32_t s = (uint32_t)(random_next(random) % MODEL_SERIES);
    char value[8];
    const hist_time from = BASE + (int64_t)(random_next(random) % MODEL_DAYS) * DAY;
    const hist_time to = from + (int64_t)(random_next(random) % 300) * SECOND + 1;
    const bool all = random_next(random) % 4 == 0;

    (void)snprintf(value, sizeof(value), "%u", s);
    const hist_tag tag = {text("s"), text(value)};
    const hist_status status = hist_delete(db, NULL, "m", &tag, all ? 0 : 1, from, to, &err);
    if (status != HIST_OK && status != HIST_ENOTFOUND) {
        fail_msg("delete: %s", err.message);
    }
    for (uint32_t i = 0; i < MODEL_SERIES; i++) {
        for (uint32_t t = 0; t < MODEL_TIMES; t++) {
            if ((all || i == s) && model_time(t) >= from && model_time(t) < to) {
                m->cells[i][t] = (model_cell){0};
            }
        }
    }
}

/* Whether retention may have taken rows of this time, whole or in part. */
static bool model_may_be_gone(const model *m, hist_time time)
{
    return retention_ns != 0 && time < m->newest - retention_ns;
}

static void model_check_row(const model *m, model *seen, const hist_batch *b, uint32_t row)
{
    const hist_time time = hist_column_i64(&b->columns[0], row);
    const hist_str name = hist_column_str(&b->columns[1], row);
    const uint32_t s = (uint32_t)(name.data[0] - '0');
    const uint32_t t = (uint32_t)(((time - BASE) % DAY) / (7 * SECOND)) * MODEL_DAYS +
                       (uint32_t)((time - BASE) / DAY);

    assert_int_equal(name.size, 1);
    assert_true(s < MODEL_SERIES && t < MODEL_TIMES);
    assert_int_equal(model_time(t), time);
    const model_cell *cell = &m->cells[s][t];
    const bool old = model_may_be_gone(m, time); /* It may miss fields, but has no wrong ones. */
    assert_true(cell->there);
    assert_false(seen->cells[s][t].there);
    seen->cells[s][t].there = true;
    for (uint32_t c = 0; c < 2; c++) {
        const bool valid = hist_column_valid(&b->columns[2 + c], row);

        assert_true(valid == cell->has[c] || (old && !valid));
    }
    if (hist_column_valid(&b->columns[2], row)) {
        assert_int_equal(hist_column_i64(&b->columns[2], row), cell->n);
    }
    if (hist_column_valid(&b->columns[3], row)) {
        assert_true(hist_column_f64(&b->columns[3], row) == cell->x);
    }
    assert_int_equal(hist_column_str(&b->columns[4], row).size, s % 2 == 0 ? 3 : 0);
}

/* All rows, or those of [from, to) and one series, equal the model's. */
static void model_check(const model *m, hist_db *db, hist_time from, hist_time to, int series)
{
    static const char *const names[] = {"Timestamp", "s", "n", "x", "even"};
    static model seen;
    hist_error err;
    hist_scan_options options = HIST_SCAN_OPTIONS;
    hist_scan *scan = NULL;
    hist_batch batch;
    char value[8];

    memset(&seen, 0, sizeof(seen));
    (void)snprintf(value, sizeof(value), "%d", series);
    const hist_tag tag = {text("s"), text(value)};
    options.table = "m";
    options.columns = names;
    options.column_count = 5;
    options.from_ns = from;
    options.to_ns = to;
    options.tags = &tag;
    options.tag_count = series < 0 ? 0 : 1;
    options.batch_rows_max = 100;
    if (hist_scan_open(db, &options, &scan, &err) != HIST_OK) {
        fail_msg("scan: %s", err.message);
    }
    for (;;) {
        if (hist_scan_next(scan, &batch, &err) != HIST_OK) {
            fail_msg("scan: %s", err.message);
        }
        if (batch.row_count == 0) {
            break;
        }
        assert_int_equal(batch.columns[1].layout, HIST_LAYOUT_RUNS);
        assert_int_equal(batch.columns[1].child->layout, HIST_LAYOUT_FLAT);
        for (uint32_t row = 0; row < batch.row_count; row++) {
            model_check_row(m, &seen, &batch, row);
        }
    }
    hist_scan_close(scan);
    for (uint32_t s = 0; s < MODEL_SERIES; s++) {
        for (uint32_t t = 0; t < MODEL_TIMES; t++) {
            const hist_time time = model_time(t);
            const bool wanted = (series < 0 || (uint32_t)series == s) &&
                                ((from == 0 && to == 0) || (time >= from && time < to));

            if (!model_may_be_gone(m, time)) {
                assert_int_equal(seen.cells[s][t].there, wanted && m->cells[s][t].there);
            }
        }
    }
}

static void model_round(model *m, hist_vfs *vfs, hist_db **db, hist_writer **writer,
                        uint64_t *random)
{
    const int rows = 1 + (int)(random_next(random) % 60);

    for (int i = 0; i < rows; i++) {
        model_write(m, *writer, random);
    }
    commit_ok(*writer, random_next(random) % 2 == 0 ? HIST_COMMIT_DURABLE : HIST_COMMIT_WRITTEN);
    switch (random_next(random) % 12) {
    case 0:
    case 1:
    case 2:
        maintain_ok(*db, HIST_MAINTAIN_FLUSH);
        break;
    case 3:
        maintain_ok(*db, HIST_MAINTAIN_MERGE);
        break;
    case 4:
        maintain_ok(*db, random_next(random) % 4 == 0 ? HIST_MAINTAIN_COLD : HIST_MAINTAIN_TICK);
        break;
    case 5:
        hist_writer_close(*writer);
        close_ok(*db);
        *db = open_ok(vfs, 0);
        *writer = writer_ok(*db);
        break;
    case 6:
        model_delete(m, *db, random);
        break;
    default:
        break;
    }
}

/* Merged until nothing is due, and then nothing is: few runs, bounded parts, no merge for ever. */
static uint32_t model_check_parts(hist_db *db, hist_vfs *vfs, int what)
{
    hist_stats before;
    hist_stats after;

    maintain_ok(db, what);
    hist_get_stats(db, &before);
    maintain_ok(db, what);
    hist_get_stats(db, &after);
    assert_int_equal(after.merges, before.merges);
    const parts_figures f = parts_look(vfs);
    assert_int_equal(f.parts, after.parts);
    assert_int_equal(f.overlaps, 0);
    assert_true(f.runs_most <= 4 && f.spanning <= 7);
    if (part_bytes_max != 0) {
        assert_true(f.bytes_shared <= part_bytes_max + part_bytes_max / 2);
    }
    return f.cut;
}

static void model_seed(uint64_t seed)
{
    static model m;
    uint64_t random = seed * 977;
    uint32_t cut = 0;
    hist_vfs *vfs = hist_vfs_memory_new();
    hist_db *db = open_ok(vfs, 0);
    hist_writer *writer = writer_ok(db);

    print_message("# seed %" PRIu64 ", parts of %" PRIu64 " bytes\n", seed, part_bytes_max);
    memset(&m, 0, sizeof(m));
    model_write(&m, writer, &random);
    model_write(&m, writer, &random);
    model_write(&m, writer, &random);
    lines_ok(writer, "m,s=0,even=yes n=1i,x=1 1700000000000000000");
    hist_writer_discard(writer);
    memset(&m, 0, sizeof(m));
    for (int round = 0; round < 150; round++) {
        model_round(&m, vfs, &db, &writer, &random);
        if (round % 5 == 0) {
            const hist_time from = BASE + (int64_t)(random_next(&random) % 400) * 900 * SECOND;

            model_check(&m, db, 0, 0, -1);
            model_check(&m, db, from, from + DAY, -1);
            model_check(&m, db, 0, 0, (int)(random_next(&random) % MODEL_SERIES));
        }
        if (round % 50 == 49) {
            cut += model_check_parts(db, vfs, HIST_MAINTAIN_MERGE);
        }
    }
    cut += model_check_parts(db, vfs, HIST_MAINTAIN_COLD);
    model_check(&m, db, 0, 0, -1);
    assert_true(part_bytes_max == 0 ? cut == 0 : cut > 10);
    hist_error err;
    if (hist_verify(db, NULL, NULL, &err) != HIST_OK) {
        fail_msg("verify: %s", err.message);
    }
    hist_writer_close(writer);
    close_ok(db);
    hist_vfs_memory_free(vfs);
}

static uint64_t model_seeds(void)
{
    return getenv("HIST_LONG") != NULL ? 200 : 32;
}

static void test_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= model_seeds(); seed++) {
        model_seed(seed);
    }
}

/* The same with parts so small that every merge cuts, and with and without retention. */
static void test_model_of_cut_parts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= model_seeds(); seed++) {
        part_bytes_max = seed % 2 == 0 ? 1024 : 1500;
        retention_ns = seed % 4 < 2 ? 0 : 2 * DAY;
        model_seed(seed + 1000);
    }
    part_bytes_max = 0;
    retention_ns = 0;
}

/* ---- what open refuses ---- */

static void test_open_refusals(void **state)
{
    hist_error err;
    hist_db *db = NULL;
    hist_db *second = NULL;
    hist_vfs *vfs = hist_vfs_memory_new();
    hist_open_options o = small_options(vfs, 0);

    (void)state;
    o.flags = HIST_FLAG_MUST_EXIST;
    assert_int_equal(hist_open("db", &o, &db, &err), HIST_ENOTFOUND);
    o.flags = HIST_FLAG_READONLY;
    assert_int_equal(hist_open("db", &o, &db, &err), HIST_ENOTFOUND);
    o.flags = 0;
    o.partition_ns = 1;
    assert_int_equal(hist_open("db", &o, &db, &err), HIST_EINVAL);
    assert_non_null(strstr(err.message, "partition_ns"));
    o.partition_ns = 0;
    assert_int_equal(hist_open("db", &o, &db, &err), HIST_OK);
    assert_int_equal(hist_open("db", &o, &second, &err), HIST_EBUSY);
    o.flags = HIST_FLAG_READONLY;
    assert_int_equal(hist_open("db", &o, &second, &err), HIST_OK);
    assert_int_equal(hist_maintain(second, HIST_MAINTAIN_FLUSH, &err), HIST_EREADONLY);
    close_ok(second);
    close_ok(db);
    assert_int_equal(vfs->mkdir(vfs, "other", &err), HIST_OK);
    hist_file *file = NULL;
    assert_int_equal(
        vfs->open(vfs, "other/letter.txt", HIST_OPEN_WRITE | HIST_OPEN_CREATE, &file, &err),
        HIST_OK);
    file->ops->close(file);
    o.flags = 0;
    assert_int_equal(hist_open("other", &o, &db, &err), HIST_ENOTSTORE);
    assert_non_null(strstr(err.message, "letter.txt"));
    hist_vfs_memory_free(vfs);
}

static uint64_t count_rows(hist_db *db, const char *table)
{
    hist_error err;
    hist_scan_options options = HIST_SCAN_OPTIONS;
    hist_scan *scan = NULL;
    hist_batch batch;
    uint64_t rows = 0;

    options.table = table;
    const hist_status status = hist_scan_open(db, &options, &scan, &err);
    if (status == HIST_ENOTFOUND) {
        return 0;
    }
    assert_int_equal(status, HIST_OK);
    do {
        if (hist_scan_next(scan, &batch, &err) != HIST_OK) {
            fail_msg("scan: %s", err.message);
        }
        rows += batch.row_count;
    } while (batch.row_count > 0);
    hist_scan_close(scan);
    return rows;
}

static void test_reader_sees_the_tail(void **state)
{
    hist_vfs *vfs = hist_vfs_memory_new();
    hist_open_options o = small_options(vfs, 0);
    hist_db *db = open_ok(vfs, 0);
    hist_writer *writer = writer_ok(db);
    hist_db *reader = NULL;
    hist_stats stats;
    hist_stats seen;
    hist_error err;

    (void)state;
    lines_ok(writer, "t v=1 1\nt v=2 2");
    commit_ok(writer, HIST_COMMIT_WRITTEN);
    lines_ok(writer, "t v=3 3");
    o.flags = HIST_FLAG_READONLY;
    assert_int_equal(hist_open("db", &o, &reader, &err), HIST_OK);
    assert_int_equal(count_rows(reader, "t"), 2);
    hist_get_stats(db, &stats);
    hist_get_stats(reader, &seen);
    assert_true(seen.wal_bytes > 0 && seen.wal_bytes == stats.wal_bytes);
    close_ok(reader);
    commit_ok(writer, HIST_COMMIT_DURABLE);
    maintain_ok(db, HIST_MAINTAIN_FLUSH);
    assert_int_equal(hist_open("db", &o, &reader, &err), HIST_OK);
    assert_int_equal(count_rows(reader, "t"), 3);
    close_ok(reader);
    hist_writer_close(writer);
    close_ok(db);
    hist_vfs_memory_free(vfs);
}

static void leave_file(hist_vfs *vfs, hi_file_kind kind, uint64_t id, const char *suffix)
{
    char name[HI_NAME_SIZE];
    char path[64];
    hist_file *file = NULL;
    hist_error err;

    hi_name_format(kind, id, name);
    (void)snprintf(path, sizeof(path), "db/%s%s", name, suffix);
    assert_int_equal(vfs->open(vfs, path, HIST_OPEN_WRITE | HIST_OPEN_CREATE, &file, &err),
                     HIST_OK);
    file->ops->close(file);
}

/* A crash left files behind that no manifest names: they go, and their ids are not given out again. */
static void test_ids_of_leftovers_are_not_given_out_again(void **state)
{
    hist_vfs *vfs = hist_vfs_memory_new();
    hist_db *db = open_ok(vfs, 0);
    hi_manifest before;
    hi_manifest after;
    hi_mem mem;

    (void)state;
    hi_mem_init(&mem, NULL, NULL, 0);
    close_ok(db);
    assert_true(parts_load(vfs, &mem, &before));
    leave_file(vfs, HI_FILE_PART, before.next_part_id + 2, "");
    leave_file(vfs, HI_FILE_PART, before.next_part_id + 5, ".tmp");
    leave_file(vfs, HI_FILE_PART, UINT64_MAX, "");
    leave_file(vfs, HI_FILE_CATALOG, before.next_catalog_id + 3, "");
    db = open_ok(vfs, 0);
    assert_int_equal(parts_unnamed(vfs), 0);
    hist_writer *writer = writer_ok(db);
    lines_ok(writer, "t v=1 1");
    commit_ok(writer, HIST_COMMIT_DURABLE);
    hist_writer_close(writer);
    maintain_ok(db, HIST_MAINTAIN_FLUSH);
    assert_true(parts_load(vfs, &mem, &after));
    assert_int_equal(after.parts[0].id, before.next_part_id + 6);
    assert_int_equal(after.catalogs[0].id, before.next_catalog_id + 4);
    hi_manifest_free(&before);
    hi_manifest_free(&after);
    close_ok(db);
    hist_vfs_memory_free(vfs);
}

static void test_few_parts(void **state)
{
    hist_vfs *vfs = hist_vfs_memory_new();
    hist_db *db = open_ok(vfs, 0);
    hist_writer *writer = writer_ok(db);
    hist_stats stats;

    (void)state;
    for (int i = 0; i < 60; i++) {
        char line[64];

        (void)snprintf(line, sizeof(line), "t,a=%d v=%d %" PRId64, i % 3, i, BASE + i * SECOND);
        lines_ok(writer, line);
        commit_ok(writer, HIST_COMMIT_DURABLE);
        maintain_ok(db, HIST_MAINTAIN_FLUSH);
    }
    maintain_ok(db, HIST_MAINTAIN_MERGE);
    hist_get_stats(db, &stats);
    assert_true(stats.parts <= 12);
    assert_true(stats.merges > 0);
    assert_int_equal(count_rows(db, "t"), 60);
    maintain_ok(db, HIST_MAINTAIN_COLD);
    assert_int_equal(count_rows(db, "t"), 60);
    hist_writer_close(writer);
    close_ok(db);
    hist_vfs_memory_free(vfs);
}

static void test_retention(void **state)
{
    hist_vfs *vfs = hist_vfs_memory_new();
    hist_open_options o = small_options(vfs, 0);
    hist_db *db = NULL;
    hist_error err;
    const hist_time now = vfs->now_ns(vfs);

    (void)state;
    o.retention_ns = 10 * DAY;
    assert_int_equal(hist_open("db", &o, &db, &err), HIST_OK);
    hist_writer *writer = writer_ok(db);
    for (int day = 0; day < 30; day++) {
        char line[64];

        (void)snprintf(line, sizeof(line), "t v=%d %" PRId64, day, now - day * DAY);
        lines_ok(writer, line);
        commit_ok(writer, HIST_COMMIT_DURABLE);
        maintain_ok(db, HIST_MAINTAIN_FLUSH);
    }
    maintain_ok(db, HIST_MAINTAIN_MERGE);
    const uint64_t left = count_rows(db, "t");
    assert_true(left >= 10 && left <= 12);
    hist_writer_close(writer);
    close_ok(db);
    hist_vfs_memory_free(vfs);
}

/* ---- many threads ---- */

enum { THREAD_WRITERS = 4, THREAD_ROUNDS = 60, THREAD_ROWS = 25 };

typedef struct crowd {
    hist_db *db;
    _Atomic int next;
    _Atomic uint64_t acknowledged;
    _Atomic bool stop;
    _Atomic int failures;
} crowd;

static void *crowd_write(void *arg)
{
    crowd *c = arg;
    const int me = atomic_fetch_add(&c->next, 1);
    hist_error err;
    hist_writer *writer = NULL;

    if (hist_writer_open(c->db, NULL, &writer, &err) != HIST_OK) {
        atomic_fetch_add(&c->failures, 1);
        return NULL;
    }
    for (int round = 0; round < THREAD_ROUNDS; round++) {
        for (int row = 0; row < THREAD_ROWS; row++) {
            char line[96];
            hist_lp_options options = HIST_LP_OPTIONS;
            hist_lp_result result;
            const int size = snprintf(line, sizeof(line), "c,w=%d,r=%d v=%di %" PRId64, me, row % 7,
                                      round, BASE + (round * THREAD_ROWS + row) * SECOND);

            options.final = true;
            if (hist_append_lp(writer, line, (size_t)size, &options, &result, &err) != HIST_OK) {
                atomic_fetch_add(&c->failures, 1);
            }
        }
        if (hist_commit(writer, round % 4 == 0 ? HIST_COMMIT_DURABLE : HIST_COMMIT_WRITTEN, NULL,
                        &err) != HIST_OK) {
            atomic_fetch_add(&c->failures, 1);
        }
        atomic_fetch_add(&c->acknowledged, THREAD_ROWS);
    }
    hist_writer_close(writer);
    return NULL;
}

/* What was acknowledged before a scan begins must be in it; batches are whole. */
static void *crowd_read(void *arg)
{
    crowd *c = arg;

    while (!atomic_load(&c->stop)) {
        const uint64_t before = atomic_load(&c->acknowledged);
        const uint64_t rows = count_rows(c->db, "c");

        if (rows < before || rows % THREAD_ROWS != 0) {
            atomic_fetch_add(&c->failures, 1);
        }
    }
    return NULL;
}

static void *crowd_maintain(void *arg)
{
    crowd *c = arg;
    hist_error err;

    for (int i = 0; !atomic_load(&c->stop); i++) {
        if (hist_maintain(c->db, i % 3 == 0 ? HIST_MAINTAIN_MERGE : HIST_MAINTAIN_FLUSH, &err) !=
            HIST_OK) {
            atomic_fetch_add(&c->failures, 1);
        }
    }
    return NULL;
}

static void crowd_run(void)
{
    hist_vfs *vfs = hist_vfs_memory_new();
    crowd c = {.db = open_ok(vfs, 2)};
    pthread_t writers[THREAD_WRITERS];
    pthread_t others[3];

    for (int i = 0; i < THREAD_WRITERS; i++) {
        assert_int_equal(pthread_create(&writers[i], NULL, crowd_write, &c), 0);
    }
    assert_int_equal(pthread_create(&others[0], NULL, crowd_read, &c), 0);
    assert_int_equal(pthread_create(&others[1], NULL, crowd_read, &c), 0);
    assert_int_equal(pthread_create(&others[2], NULL, crowd_maintain, &c), 0);
    for (int i = 0; i < THREAD_WRITERS; i++) {
        (void)pthread_join(writers[i], NULL);
    }
    atomic_store(&c.stop, true);
    for (int i = 0; i < 3; i++) {
        (void)pthread_join(others[i], NULL);
    }
    assert_int_equal(atomic_load(&c.failures), 0);
    assert_int_equal(count_rows(c.db, "c"), THREAD_WRITERS * THREAD_ROUNDS * THREAD_ROWS);
    close_ok(c.db);
    c.db = open_ok(vfs, 0);
    assert_int_equal(count_rows(c.db, "c"), THREAD_WRITERS * THREAD_ROUNDS * THREAD_ROWS);
    close_ok(c.db);
    hist_vfs_memory_free(vfs);
}

static void test_threads(void **state)
{
    (void)state;
    crowd_run();
    part_bytes_max = 2048; /* And with merges that cut. */
    crowd_run();
    part_bytes_max = 0;
}

/* ---- a small budget ---- */

typedef struct small_reader {
    hist_db *db;
    atomic_bool stop;
    int answers;
    int refusals;
    int failures; /* For any other reason than memory. */
} small_reader;

/* Asks for all there is, which takes as much memory as it gets. */
static void *small_read(void *arg)
{
    small_reader *r = arg;

    while (!atomic_load(&r->stop)) {
        hist_scan_options options = HIST_SCAN_OPTIONS;
        hist_batch batch = {.row_count = 1};
        hist_scan *scan = NULL;
        hist_error err;

        options.table = "t";
        hist_status status = hist_scan_open(r->db, &options, &scan, &err);
        while (status == HIST_OK && batch.row_count > 0) {
            status = hist_scan_next(scan, &batch, &err);
        }
        hist_scan_close(scan);
        r->answers += status == HIST_OK;
        r->refusals += status == HIST_ENOMEM;
        r->failures += status != HIST_OK && status != HIST_ENOMEM && status != HIST_ENOTFOUND;
    }
    return NULL;
}

static hist_db *small_open(hist_vfs *vfs, int threads, uint64_t memory_bytes)
{
    hist_open_options o = HIST_OPEN_OPTIONS;
    hist_db *db = NULL;
    hist_error err;

    o.vfs = vfs;
    o.threads = threads;
    o.memory_bytes_max = memory_bytes;
    o.wal_segment_bytes = UINT64_C(1) << 20;
    if (hist_open("db", &o, &db, &err) != HIST_OK) {
        fail_msg("open with %" PRIu64 " bytes: %s", memory_bytes, err.message);
    }
    return db;
}

static void small_write(hist_db *db, int rounds)
{
    hist_writer *writer = writer_ok(db);
    hist_stats stats;

    for (int round = 0; round < rounds; round++) {
        char lines[16384];
        size_t used = 0;

        for (int i = 0; i < 200; i++) {
            used += (size_t)snprintf(lines + used, sizeof(lines) - used,
                                     "t,d=%d a=%d,b=%d.5 %" PRId64 "\n", i, round, i,
                                     BASE + round * SECOND);
        }
        lines_ok(writer, lines);
        commit_ok(writer, HIST_COMMIT_WRITTEN);
        hist_get_stats(db, &stats);
        assert_true(stats.memory_bytes <= stats.memory_bytes_max);
    }
    hist_writer_close(writer);
}

/* Data far larger than the least budget, as fast as it goes: writers wait for flushes, no commit fails,
   nothing is lost, and merges keep up. `reading`: beside queries that want all memory. */
static void small_run(int threads, bool reading)
{
    hist_vfs *vfs = hist_vfs_memory_new();
    hist_db *db = small_open(vfs, threads, HIST_MEMORY_MIN);
    small_reader reader = {.db = db};
    pthread_t thread;
    hist_stats stats;
    const int rounds = 3000;

    if (reading) {
        assert_int_equal(pthread_create(&thread, NULL, small_read, &reader), 0);
    }
    small_write(db, rounds);
    if (reading) {
        atomic_store(&reader.stop, true);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(reader.failures, 0);
        assert_true(reader.answers + reader.refusals > 0);
    }
    maintain_ok(db, HIST_MAINTAIN_FLUSH | HIST_MAINTAIN_MERGE);
    hist_get_stats(db, &stats);
    assert_true(stats.flushes > 7);
    assert_true(stats.merges > 0);
    assert_true(stats.parts <= 7 + 4);
    assert_int_equal(count_rows(db, "t"), rounds * 200);
    maintain_ok(db, HIST_MAINTAIN_COLD);
    assert_int_equal(count_rows(db, "t"), rounds * 200);
    close_ok(db);
    hist_vfs_memory_free(vfs);
}

static void test_small_memory(void **state)
{
    (void)state;
    for (int threads = 0; threads <= 2; threads++) {
        small_run(threads, false);
    }
}

static void test_small_memory_beside_queries(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        small_run(threads, true);
    }
}

enum { HOGS_MAX = 20000 };

/* Scans take all memory that they get, and keep it: commits and flushes go on beside them. */
static void test_no_commit_fails_beside_hogs(void **state)
{
    hist_vfs *vfs = hist_vfs_memory_new();
    hist_db *db = small_open(vfs, 0, HIST_MEMORY_MIN);
    hist_scan **hogs = calloc(HOGS_MAX, sizeof(*hogs));
    hist_status status = HIST_OK;
    hist_stats stats;
    hist_error err;
    int count = 0;

    (void)state;
    assert_non_null(hogs);
    small_write(db, 300);
    maintain_ok(db, HIST_MAINTAIN_FLUSH);
    while (status == HIST_OK && count < HOGS_MAX) {
        hist_scan_options options = HIST_SCAN_OPTIONS;
        hist_batch batch;

        options.table = "t";
        status = hist_scan_open(db, &options, &hogs[count], &err);
        if (status == HIST_OK) {
            status = hist_scan_next(hogs[count++], &batch, &err);
        }
    }
    assert_int_equal(status, HIST_ENOMEM);
    small_write(db, 1500);
    hist_get_stats(db, &stats);
    assert_in_range(stats.flushes, 4, 150); /* Also where scans hold on to rows that were flushed. */
    for (int i = 0; i < count; i++) {
        hist_scan_close(hogs[i]);
    }
    free(hogs);
    maintain_ok(db, HIST_MAINTAIN_MERGE);
    assert_int_equal(count_rows(db, "t"), 1500 * 200); /* The first 300 rounds came again. */
    close_ok(db);
    hist_vfs_memory_free(vfs);
}

/* Less than the least budget is refused with its figure, the least is taken. */
static void test_least_memory(void **state)
{
    hist_vfs *vfs = hist_vfs_memory_new();
    hist_open_options o = HIST_OPEN_OPTIONS;
    hist_db *db = NULL;
    hist_error err;
    char least[32];

    (void)state;
    (void)snprintf(least, sizeof(least), "%" PRIu64, HIST_MEMORY_MIN);
    o.vfs = vfs;
    o.memory_bytes_max = HIST_MEMORY_MIN - 1;
    assert_int_equal(hist_open("db", &o, &db, &err), HIST_EINVAL);
    assert_non_null(strstr(err.message, "memory_bytes_max"));
    assert_non_null(strstr(err.message, least));
    close_ok(small_open(vfs, 0, HIST_MEMORY_MIN));
    hist_vfs_memory_free(vfs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_refusals), cmocka_unit_test(test_reader_sees_the_tail),
        cmocka_unit_test(test_model),         cmocka_unit_test(test_model_of_cut_parts),
        cmocka_unit_test(test_few_parts),     cmocka_unit_test(test_retention),
        cmocka_unit_test(test_threads),       cmocka_unit_test(test_small_memory),
        cmocka_unit_test(test_small_memory_beside_queries),
        cmocka_unit_test(test_no_commit_fails_beside_hogs),
        cmocka_unit_test(test_least_memory),
        cmocka_unit_test(test_ids_of_leftovers_are_not_given_out_again),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
