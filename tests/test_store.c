/*
 * test_store.c -- a whole store through the public interface: what open refuses, a reader beside a
 * writer, many threads at once, small budgets. test_model.c compares it with a plain model.
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
#include "tests/support/small_db.h"

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
    assert_in_range(stats.flushes, 4,
                    150); /* Also where scans hold on to rows that were flushed. */
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
        cmocka_unit_test(test_open_refusals),
        cmocka_unit_test(test_reader_sees_the_tail),
        cmocka_unit_test(test_few_parts),
        cmocka_unit_test(test_retention),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_small_memory),
        cmocka_unit_test(test_small_memory_beside_queries),
        cmocka_unit_test(test_no_commit_fails_beside_hogs),
        cmocka_unit_test(test_least_memory),
        cmocka_unit_test(test_ids_of_leftovers_are_not_given_out_again),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
