/* test_wal.c -- the log against a model: power cuts, kills, faults and threads. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "store/wal.h"
#include "tests/support/vfs_crash.h"
#include "tests/support/vfs_fault.h"
#include "tests/support/wal_model.h"

/* ---- round trips ------------------------------------------------------------------------ */

static void test_what_is_synced_comes_back(void **state)
{
    (void)state;
    const uint64_t sizes[] = {4096, 16384, 65536, UINT64_C(4) << 20};

    for (size_t i = 0; i < 4; i++) {
        static wal_model m;
        hist_vfs *disk = wal_model_disk();
        hi_wal_report report;
        hist_error err;
        size_t found = 0;

        wal_model_init(&m, i, sizes[i]);
        hi_wal *wal = wal_model_start(&m, disk);
        for (int n = 0; n < 300; n++) {
            assert_int_equal(wal_model_append(&m, wal, 1 + (size_t)n % 4, &err), HIST_OK);
        }
        assert_int_equal(hi_wal_close(wal, &err), HIST_OK);
        m.super_durable = m.batches[m.count - 1].seq;
        assert_int_equal(wal_model_replay(&m, disk, &report, &found, &err), HIST_OK);
        assert_int_equal(found, m.count);
        assert_true(report.closed);
        assert_false(report.torn);
        assert_int_equal(report.last_seq, m.batches[m.count - 1].seq);
        assert_int_equal(m.mem.used, 0);
        vfs_crash_free(disk);
    }
}

static void test_a_large_batch_spans_segments(void **state)
{
    (void)state;
    static wal_model m;
    const size_t size = (size_t)3 << 20;
    uint8_t *payload = malloc(size);
    hist_vfs *disk = wal_model_disk();
    hist_error err;

    wal_model_init(&m, 1, 1 << 20);
    hi_wal *wal = wal_model_start(&m, disk);
    memset(payload, 'x', size);
    const hist_iov iov = {.data = payload, .size = size};
    hi_wal_batch batch = {.iov = &iov, .iov_count = 1};
    assert_int_equal(hi_wal_append(wal, &batch, 1, &err), HIST_OK);
    assert_true(batch.seq > 3);
    assert_int_equal(hi_wal_sync(wal, &err), HIST_OK);
    assert_int_equal(hi_wal_durable(wal), batch.seq);
    size_t segments = 0;
    (void)hi_wal_segments(wal, &segments);
    assert_true(segments >= 3);
    hi_wal_abandon(wal);

    const hi_wal_config config = wal_model_config(&m, disk);
    const hi_wal_from from = {.super_durable = batch.seq};
    hi_wal_report report;
    assert_int_equal(hi_wal_replay(&config, &from, NULL, NULL, &report, &err), HIST_OK);
    assert_int_equal(report.batches, 1);
    assert_int_equal(report.bytes, size);
    free(payload);
    vfs_crash_free(disk);
}

static void test_a_batch_over_the_limit_is_refused_and_costs_nothing(void **state)
{
    (void)state;
    static wal_model m;
    hist_vfs *disk = wal_model_disk();
    hist_error err;
    const uint8_t byte = 0;

    wal_model_init(&m, 1, 4096);
    hi_wal *wal = wal_model_start(&m, disk);
    const hist_iov iov[] = {{.data = &byte, .size = HI_WAL_BATCH_BYTES_MAX},
                            {.data = &byte, .size = 1}};
    hi_wal_batch batch = {.iov = iov, .iov_count = 2};
    assert_int_equal(hi_wal_append(wal, &batch, 1, &err), HIST_ELIMIT);
    assert_false(hi_wal_broken(wal));
    assert_int_equal(hi_wal_last(wal), 0);
    hi_wal_abandon(wal);
    vfs_crash_free(disk);
}

static void test_segments_below_the_floor_go_away(void **state)
{
    (void)state;
    static wal_model m;
    hist_vfs *disk = wal_model_disk();
    hi_wal_report report;
    hist_error err;
    size_t found = 0;
    uint64_t most = 0;

    wal_model_init(&m, 5, 8192);
    hi_wal *wal = wal_model_start(&m, disk);
    for (int n = 0; n < 150; n++) {
        assert_int_equal(wal_model_append(&m, wal, 1, &err), HIST_OK);
        if (n % 5 == 4) {
            assert_int_equal(wal_model_sync(&m, wal, &err), HIST_OK);
            wal_model_flush(&m, wal);
        }
        most = hi_wal_bytes(wal) > most ? hi_wal_bytes(wal) : most;
    }
    assert_true(most <= UINT64_C(8192) * 8);
    hi_wal_abandon(wal);
    assert_int_equal(wal_model_replay(&m, disk, &report, &found, &err), HIST_OK);
    assert_int_equal(found, m.count);
    vfs_crash_free(disk);
}

static void test_opening_over_and_over_does_not_pile_up_segments(void **state)
{
    (void)state;
    static wal_model m;
    hist_vfs *disk = wal_model_disk();
    hi_wal_report report = {0};
    hist_error err;
    size_t found = 0;
    size_t segments = 0;

    wal_model_init(&m, 6, 4096);
    for (int n = 0; n < 20; n++) {
        hi_wal *wal = wal_model_open(&m, disk, &report, &err);

        assert_non_null(wal);
        if (n == 0) {
            assert_int_equal(wal_model_append(&m, wal, 1, &err), HIST_OK);
        }
        (void)hi_wal_segments(wal, &segments);
        assert_true(segments <= 2);
        hi_wal_abandon(wal);
        assert_int_equal(wal_model_replay(&m, disk, &report, &found, &err), HIST_OK);
        assert_int_equal(found, 1);
    }
    vfs_crash_free(disk);
}

/* ---- power cuts ------------------------------------------------------------------------- */

static void cut_fail(uint64_t seed, const char *what, const hist_error *err)
{
    fail_msg("seed %llu: %s: %s", (unsigned long long)seed, what, err == NULL ? "" : err->message);
}

/* Recovers from one image, twice, writes on, and cuts again. */
static void cut_check(const wal_model *before, hist_vfs *disk, uint64_t seed, int depth)
{
    wal_model *m = malloc(sizeof(*m));
    hist_vfs *image = vfs_crash_cut(disk, seed);
    hi_wal_report report;
    hi_wal_report again;
    hist_error err = {0};
    size_t found = 0;
    size_t found_again = 0;

    assert_non_null(m);
    assert_non_null(image);
    *m = *before;
    hi_mem_init(&m->mem, NULL, NULL, 0);
    if (wal_model_replay(m, image, &report, &found, &err) != HIST_OK) {
        cut_fail(seed, "refused to open", &err);
    }
    if (found < wal_model_durable_count(m)) {
        cut_fail(seed, "lost an acknowledged batch", NULL);
    }
    m->count = found; /* From here on just these. */
    m->pending = 0;
    m->random = seed ^ 77;
    if (depth > 0) {
        vfs_crash_stop_after(image, 1 + wal_model_below(m, 40));
    }
    hi_wal *wal = wal_model_open(m, image, &report, &err);
    if (wal != NULL) {
        /* What replay found is durable from here on. */
        m->durable = report.last_seq;
        while (depth > 0 && m->count + 8 < WAL_BATCHES_MAX &&
               wal_model_step(m, wal, &err) == HIST_OK && wal_model_below(m, 30) != 0) {
        }
        hi_wal_abandon(wal);
    }
    vfs_crash_stop_after(image, 0);
    if (wal == NULL && wal_model_replay(m, image, &again, &found_again, &err) != HIST_OK) {
        cut_fail(seed, "a second recovery refused", &err);
    }
    if (wal == NULL && (found_again != found || again.last_seq != report.last_seq)) {
        cut_fail(seed, "a second recovery found something else", NULL);
    }
    if (depth > 0) {
        cut_check(m, image, seed * 3 + 1, depth - 1);
    }
    vfs_crash_free(image);
    free(m);
}

static void cut_run(uint64_t seed, int cuts)
{
    static wal_model m;
    const uint64_t sizes[] = {4096, 8192, 32768};
    hist_vfs *disk = wal_model_disk();
    hist_error err;

    wal_model_init(&m, seed, sizes[seed % 3]);
    hi_wal *wal = wal_model_start(&m, disk);
    vfs_crash_stop_after(disk, 1 + wal_model_below(&m, 150));
    while (m.count + 8 < WAL_BATCHES_MAX && wal_model_step(&m, wal, &err) == HIST_OK) {
    }
    for (int i = 0; i < cuts; i++) {
        cut_check(&m, disk, seed * 1000 + (uint64_t)i, 2);
    }
    vfs_crash_stop_after(disk, 0);
    hi_wal_abandon(wal);
    vfs_crash_free(disk);
}

static void test_a_power_cut_loses_nothing_acknowledged_and_leaves_a_prefix(void **state)
{
    (void)state;
    const bool is_long = getenv("HIST_LONG") != NULL;

    for (uint64_t seed = 1; seed <= (is_long ? 20000 : 250); seed++) {
        cut_run(seed, 5);
    }
}

static void test_a_kill_loses_nothing_written(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        static wal_model m;
        hist_vfs *disk = wal_model_disk();
        hi_wal_report report;
        hist_error err;
        size_t found = 0;

        wal_model_init(&m, seed, 8192);
        hi_wal *wal = wal_model_start(&m, disk);
        for (int i = 0; i < 40; i++) {
            assert_int_equal(wal_model_step(&m, wal, &err), HIST_OK);
        }
        hist_vfs *after = vfs_crash_copy(disk);
        assert_int_equal(wal_model_replay(&m, after, &report, &found, &err), HIST_OK);
        assert_int_equal(found, m.count);
        assert_false(report.torn);
        vfs_crash_free(after);
        hi_wal_abandon(wal);
        vfs_crash_free(disk);
    }
}

static void test_what_a_killed_process_left_is_durable_once_it_was_found(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        static wal_model m;
        hist_vfs *disk = wal_model_disk();
        hi_wal_report report;
        hist_error err;
        size_t found = 0;

        wal_model_init(&m, seed, 8192);
        hi_wal *wal = wal_model_start(&m, disk);
        for (int i = 0; i < 10; i++) {
            assert_int_equal(wal_model_append(&m, wal, 2, &err), HIST_OK);
        }
        hi_wal_abandon(wal); /* kill -9 */
        assert_int_equal(wal_model_replay(&m, disk, &report, &found, &err), HIST_OK);
        assert_int_equal(found, m.count);
        wal = wal_model_open(&m, disk, &report, &err);
        assert_non_null(wal);
        assert_int_equal(hi_wal_durable(wal), report.last_seq);
        m.durable = report.last_seq;
        cut_check(&m, disk, seed, 1);
        hi_wal_abandon(wal);
        vfs_crash_free(disk);
    }
}

/* ---- faults ----------------------------------------------------------------------------- */

/* Runs a workload where call `at` fails; false: it was not reached. */
static bool fault_run(vfs_fault_plan plan)
{
    static wal_model m;
    hist_vfs *disk = wal_model_disk();
    hist_vfs *vfs = vfs_fault_new(disk);
    hi_wal_report report;
    hist_error err = {0};
    size_t found = 0;

    wal_model_init(&m, 9, 4096);
    hi_wal *wal = wal_model_start(&m, vfs);
    vfs_fault_arm(vfs, plan);
    for (int i = 0; i < 60; i++) {
        const uint64_t last = hi_wal_last(wal);

        if (wal_model_step(&m, wal, &err) != HIST_OK) {
            assert_true(err.code == HIST_EIO || err.code == HIST_ENOSPC);
            assert_true(plan.sticky || !hi_wal_broken(wal) || hi_wal_last(wal) == last);
        }
    }
    const bool reached = vfs_fault_reached(vfs) > 0;
    vfs_fault_arm(vfs, (vfs_fault_plan){0});
    /* The cause is gone: it goes on by itself. */
    assert_int_equal(wal_model_append(&m, wal, 2, &err), HIST_OK);
    assert_int_equal(wal_model_sync(&m, wal, &err), HIST_OK);
    assert_int_equal(hi_wal_close(wal, &err), HIST_OK);
    m.super_durable = m.durable;
    if (wal_model_replay(&m, disk, &report, &found, &err) != HIST_OK) {
        fail_msg("fault %llu kind %d: %s", (unsigned long long)plan.at, (int)plan.kind,
                 err.message);
    }
    assert_int_equal(found, m.count);
    assert_false(report.torn);
    assert_int_equal(m.mem.used, 0);
    vfs_fault_free(vfs);
    vfs_crash_free(disk);
    return reached;
}

static void test_writing_survives_a_fault_at_every_call(void **state)
{
    (void)state;
    const vfs_fault_kind kinds[] = {VFS_FAULT_EIO, VFS_FAULT_ENOSPC, VFS_FAULT_TORN};

    for (size_t k = 0; k < 3; k++) {
        for (int sticky = 0; sticky < 2; sticky++) {
            vfs_fault_plan plan = {.at = 1, .kind = kinds[k], .sticky = sticky == 1};

            for (; fault_run(plan); plan.at++) {
            }
            assert_true(plan.at > 50);
        }
    }
}

static void test_a_fault_while_reading_is_an_error_and_never_the_end(void **state)
{
    (void)state;
    static wal_model m;
    hist_vfs *disk = wal_model_disk();
    hist_vfs *vfs = vfs_fault_new(disk);
    hi_wal_report report;
    hist_error err = {0};
    size_t found = 0;

    wal_model_init(&m, 10, 4096);
    hi_wal *wal = wal_model_start(&m, disk);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(wal_model_append(&m, wal, 1, &err), HIST_OK);
    }
    assert_int_equal(hi_wal_close(wal, &err), HIST_OK);
    for (uint64_t at = 1;; at++) {
        vfs_fault_arm(vfs, (vfs_fault_plan){.at = at});
        const hist_status st = wal_model_replay(&m, vfs, &report, &found, &err);

        if (vfs_fault_reached(vfs) == 0) {
            assert_int_equal(st, HIST_OK);
            break;
        }
        assert_int_equal(st, HIST_EIO);
    }
    vfs_fault_free(vfs);
    vfs_crash_free(disk);
}

static void test_a_failed_sync_that_lost_the_pages_loses_nothing_acknowledged(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 25; n++) {
        static wal_model m;
        hist_vfs *disk = wal_model_disk();
        hist_error err = {0};

        wal_model_init(&m, n, 8192);
        hi_wal *wal = wal_model_start(&m, disk);
        vfs_crash_fail_sync(disk, n);
        for (int i = 0; i < 60; i++) {
            assert_int_equal(wal_model_step(&m, wal, &err), HIST_OK);
        }
        for (uint64_t seed = 0; seed < 20; seed++) {
            cut_check(&m, disk, n * 100 + seed, 1);
        }
        hi_wal_abandon(wal);
        vfs_crash_free(disk);
    }
}

static void test_what_failed_can_be_forgotten(void **state)
{
    (void)state;
    static wal_model m;
    hist_vfs *disk = wal_model_disk();
    hist_vfs *vfs = vfs_fault_new(disk);
    hi_wal_report report;
    hist_error err;
    size_t found = 0;

    wal_model_init(&m, 3, 8192);
    hi_wal *wal = wal_model_start(&m, vfs);
    assert_int_equal(wal_model_append(&m, wal, 3, &err), HIST_OK);
    assert_int_equal(wal_model_sync(&m, wal, &err), HIST_OK);
    const size_t kept = m.count;
    assert_int_equal(wal_model_append(&m, wal, 2, &err), HIST_OK);
    vfs_fault_arm(vfs, (vfs_fault_plan){.at = 1, .sticky = true});
    assert_int_equal(wal_model_sync(&m, wal, &err), HIST_EIO);
    assert_true(hi_wal_broken(wal));
    hi_wal_forget_after(wal, hi_wal_durable(wal));
    vfs_fault_arm(vfs, (vfs_fault_plan){0});
    m.count = kept;
    assert_int_equal(hi_wal_heal(wal, &err), HIST_OK);
    assert_int_equal(wal_model_append(&m, wal, 1, &err), HIST_OK);
    assert_int_equal(hi_wal_close(wal, &err), HIST_OK);
    assert_int_equal(wal_model_replay(&m, disk, &report, &found, &err), HIST_OK);
    assert_int_equal(found, m.count);
    vfs_fault_free(vfs);
    vfs_crash_free(disk);
}

static void test_a_tight_memory_budget_syncs_early_and_works(void **state)
{
    (void)state;
    static wal_model m;
    hist_vfs *disk = wal_model_disk();
    hi_wal_report report;
    hist_error err;
    size_t found = 0;

    wal_model_init(&m, 3, 1 << 20);
    hi_mem_init(&m.mem, NULL, NULL, 64 << 10);
    hi_wal *wal = wal_model_start(&m, disk);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(wal_model_append(&m, wal, 1, &err), HIST_OK);
    }
    assert_true(hi_wal_durable(wal) > 0);
    hi_wal_abandon(wal);
    hi_mem_init(&m.mem, NULL, NULL, 0);
    assert_int_equal(wal_model_replay(&m, disk, &report, &found, &err), HIST_OK);
    assert_int_equal(found, m.count);
    vfs_crash_free(disk);
}

/* ---- threads ---------------------------------------------------------------------------- */

typedef struct shared_log {
    pthread_mutex_t lock;
    hi_wal *wal;
    bool stop;
    uint64_t durable;
} shared_log;

static void *shared_sync(void *arg)
{
    shared_log *log = arg;
    hi_wal_ticket ticket;
    bool stop = false;

    while (!stop) {
        pthread_mutex_lock(&log->lock);
        stop = log->stop;
        hi_wal_sync_begin(log->wal, &ticket);
        pthread_mutex_unlock(&log->lock);
        hi_wal_sync_run(log->wal, &ticket);
        pthread_mutex_lock(&log->lock);
        if (hi_wal_sync_end(log->wal, &ticket, NULL) == HIST_OK) {
            log->durable = hi_wal_durable(log->wal);
        }
        pthread_mutex_unlock(&log->lock);
    }
    return NULL;
}

static void test_appending_goes_on_while_another_thread_syncs(void **state)
{
    (void)state;
    static wal_model m;
    hist_vfs *disk = wal_model_disk();
    hist_vfs *vfs = vfs_fault_new(disk);
    shared_log log = {0};
    hi_wal_report report;
    hist_error err;
    size_t found = 0;
    pthread_t thread;

    wal_model_init(&m, 8, 8192);
    log.wal = wal_model_start(&m, vfs);
    pthread_mutex_init(&log.lock, NULL);
    vfs_fault_arm(vfs, (vfs_fault_plan){.at = 50, .ops = VFS_OP_SYNC});
    assert_int_equal(pthread_create(&thread, NULL, shared_sync, &log), 0);
    for (int i = 0; i < 1500; i++) {
        pthread_mutex_lock(&log.lock);
        assert_int_equal(wal_model_append(&m, log.wal, 1, &err), HIST_OK);
        pthread_mutex_unlock(&log.lock);
    }
    pthread_mutex_lock(&log.lock);
    log.stop = true;
    pthread_mutex_unlock(&log.lock);
    pthread_join(thread, NULL);
    assert_int_equal(log.durable, hi_wal_last(log.wal));
    assert_int_equal(hi_wal_close(log.wal, &err), HIST_OK);
    m.super_durable = log.durable;
    assert_int_equal(wal_model_replay(&m, disk, &report, &found, &err), HIST_OK);
    assert_int_equal(found, m.count);
    pthread_mutex_destroy(&log.lock);
    vfs_fault_free(vfs);
    vfs_crash_free(disk);
}

typedef struct tail_reader {
    wal_model *m;
    hist_vfs *vfs;
    _Atomic bool stop;
    bool failed;
    hist_error err;
    uint64_t passes;
} tail_reader;

static void *tail_read(void *arg)
{
    tail_reader *t = arg;
    const hi_wal_config config = wal_model_config(t->m, t->vfs);
    const hi_wal_from from = {.live = true};
    uint64_t last = 0;

    while (!t->stop && !t->failed) {
        hi_wal_report report;
        const hist_status st = hi_wal_replay(&config, &from, NULL, NULL, &report, &t->err);

        t->failed = st != HIST_OK || report.last_seq < last;
        last = report.last_seq;
        t->passes++;
    }
    return NULL;
}

static void test_a_reader_follows_a_log_that_is_being_written(void **state)
{
    (void)state;
    static wal_model m;
    hist_vfs *vfs = hist_vfs_memory_new();
    hist_error err;
    pthread_t thread;

    assert_int_equal(vfs->mkdir(vfs, WAL_DIR, &err), HIST_OK);
    wal_model_init(&m, 8, 65536);
    hi_wal *wal = wal_model_start(&m, vfs);
    tail_reader reader = {.m = &m, .vfs = vfs};
    assert_int_equal(pthread_create(&thread, NULL, tail_read, &reader), 0);
    for (int i = 0; i < 1800; i++) {
        assert_int_equal(wal_model_append(&m, wal, 1, &err), HIST_OK);
        if (i % 3 == 0) {
            assert_int_equal(wal_model_sync(&m, wal, &err), HIST_OK);
        }
    }
    reader.stop = true;
    pthread_join(thread, NULL);
    if (reader.failed) {
        fail_msg("pass %llu: %s", (unsigned long long)reader.passes, reader.err.message);
    }
    hi_wal_abandon(wal);
    hist_vfs_memory_free(vfs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_synced_comes_back),
        cmocka_unit_test(test_a_large_batch_spans_segments),
        cmocka_unit_test(test_a_batch_over_the_limit_is_refused_and_costs_nothing),
        cmocka_unit_test(test_segments_below_the_floor_go_away),
        cmocka_unit_test(test_opening_over_and_over_does_not_pile_up_segments),
        cmocka_unit_test(test_a_power_cut_loses_nothing_acknowledged_and_leaves_a_prefix),
        cmocka_unit_test(test_a_kill_loses_nothing_written),
        cmocka_unit_test(test_what_a_killed_process_left_is_durable_once_it_was_found),
        cmocka_unit_test(test_writing_survives_a_fault_at_every_call),
        cmocka_unit_test(test_a_fault_while_reading_is_an_error_and_never_the_end),
        cmocka_unit_test(test_a_failed_sync_that_lost_the_pages_loses_nothing_acknowledged),
        cmocka_unit_test(test_what_failed_can_be_forgotten),
        cmocka_unit_test(test_a_tight_memory_budget_syncs_early_and_works),
        cmocka_unit_test(test_appending_goes_on_while_another_thread_syncs),
        cmocka_unit_test(test_a_reader_follows_a_log_that_is_being_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
