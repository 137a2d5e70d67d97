/*
 * test_no_memory.c -- the allocator says no: at every call once, and for a while. Nothing crashes or
 * leaks, nothing acknowledged is lost, and writing goes on when there is memory again.
 */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hist.h"

#include "tests/support/story.h"

/* Calls [at, at + count) of alloc fail. */
typedef struct failing {
    uint64_t at;
    uint64_t count;
    uint64_t calls;
    int64_t live;
    bool reached;
} failing;

static void *failing_alloc(void *arg, size_t size)
{
    failing *f = arg;

    f->calls++;
    if (f->calls >= f->at && f->calls - f->at < f->count) {
        f->reached = true;
        return NULL;
    }
    f->live++;
    return malloc(size);
}

static void failing_free(void *arg, void *ptr, size_t size)
{
    failing *f = arg;

    (void)size;
    f->live--;
    free(ptr);
}

/* One story with a lack of memory from call `at` on. false: it was over before. */
static bool tell_without_memory(uint64_t at, uint64_t count, uint64_t batches, bool stubborn,
                                uint64_t part_bytes)
{
    failing f = {.at = at, .count = count};
    const hist_allocator allocator = {failing_alloc, failing_free, &f};
    hist_vfs *vfs = hist_vfs_memory_new();
    story s = {.batches = batches,
               .stubborn = stubborn,
               .allocator = &allocator,
               .part_bytes_max = part_bytes};
    hist_status status = HIST_OK;
    char why[1024];

    story_tell(&s, vfs);
    if (f.live != 0) {
        fail_msg("call %" PRIu64 ": %" PRId64 " blocks were not freed; %s", at, f.live,
                 s.error.message);
    }
    if (s.status != HIST_OK && s.status != HIST_ENOMEM) {
        fail_msg("call %" PRIu64 ": %s: %s", at, hist_status_name(s.status), s.error.message);
    }
    if (!story_check(&s, vfs, 0, &status, why, sizeof(why))) {
        fail_msg("call %" PRIu64 ": %s; after %s", at, why, s.error.message);
    }
    if (stubborn && s.written != batches) {
        fail_msg("call %" PRIu64 ": writing ended after batch %" PRIu64 ": %s", at, s.written,
                 s.error.message);
    }
    hist_vfs_memory_free(vfs);
    return f.reached;
}

static uint64_t step_of(uint64_t bounded)
{
    return getenv("HIST_LONG") != NULL ? 1 : bounded;
}

static void one_allocation_that_fails_costs_one_call(void **state)
{
    (void)state;
    for (uint64_t at = 1; tell_without_memory(at, 1, 60, true, 0); at += step_of(3)) {
    }
}

static void a_store_that_is_closed_after_the_failure_is_whole(void **state)
{
    (void)state;
    for (uint64_t at = 1; tell_without_memory(at, 1, 60, false, 0); at += step_of(5)) {
    }
}

/* With a merge that writes many parts. */
static void a_merge_that_cuts_survives_any_allocation_that_fails(void **state)
{
    (void)state;
    for (uint64_t at = 1; tell_without_memory(at, 1, 70, true, 1024); at += step_of(11)) {
    }
}

static void writing_resumes_by_itself_when_there_is_memory_again(void **state)
{
    (void)state;
    for (uint64_t at = 1; tell_without_memory(at, 12, 60, true, 0); at += step_of(7)) {
    }
}

/* ---- a budget smaller than the log ---- */

static hist_db *open_with(hist_vfs *vfs, uint64_t memory_bytes)
{
    hist_open_options o = HIST_OPEN_OPTIONS;
    hist_db *db = NULL;
    hist_error err;

    o.vfs = vfs;
    o.threads = 0;
    o.memory_bytes_max = memory_bytes;
    if (hist_open("db", &o, &db, &err) != HIST_OK) {
        fail_msg("open with %" PRIu64 " bytes: %s", memory_bytes, err.message);
    }
    return db;
}

static void write_log(hist_db *db, int commits)
{
    hist_writer *writer = NULL;
    hist_series series = 0;
    hist_field field = 0;
    hist_error err;

    assert_int_equal(hist_writer_open(db, NULL, &writer, &err), HIST_OK);
    assert_int_equal(hist_series_open(writer, (hist_str){"t", 1}, NULL, 0, &series, &err), HIST_OK);
    assert_int_equal(hist_field_open(writer, (hist_str){"t", 1}, (hist_str){"v", 1}, HIST_TYPE_LONG,
                                     &field, &err),
                     HIST_OK);
    for (int c = 0; c < commits; c++) {
        int64_t values[1000];
        hist_time times[1000];

        for (int i = 0; i < 1000; i++) {
            times[i] = (int64_t)(c * 1000 + i) * 1000000;
            values[i] = i * INT64_C(7919) + c;
        }
        assert_int_equal(hist_append_array(writer, series, field, times, values, 1000, &err),
                         HIST_OK);
        assert_int_equal(hist_commit(writer, HIST_COMMIT_WRITTEN, NULL, &err), HIST_OK);
    }
    hist_writer_close(writer);
}

static uint64_t count_rows(hist_db *db)
{
    hist_scan_options options = HIST_SCAN_OPTIONS;
    hist_scan *scan = NULL;
    hist_batch batch = {.row_count = 1};
    hist_error err;
    uint64_t rows = 0;

    options.table = "t";
    assert_int_equal(hist_scan_open(db, &options, &scan, &err), HIST_OK);
    while (batch.row_count > 0) {
        assert_int_equal(hist_scan_next(scan, &batch, &err), HIST_OK);
        rows += batch.row_count;
    }
    hist_scan_close(scan);
    return rows;
}

static void a_log_larger_than_the_budget_is_flushed_while_it_is_replayed(void **state)
{
    hist_vfs *vfs = hist_vfs_memory_new();
    hist_db *db = open_with(vfs, UINT64_C(128) << 20);
    hist_stats stats;

    (void)state;
    write_log(db, 600);
    hist_get_stats(db, &stats);
    assert_int_equal(stats.flushes, 0);
    assert_int_equal(hist_close(db, NULL), HIST_OK);
    for (uint64_t mib = 16; mib >= 8; mib /= 2) {
        db = open_with(vfs, mib << 20);
        assert_int_equal(count_rows(db), 600000);
        assert_int_equal(hist_close(db, NULL), HIST_OK);
    }
    hist_vfs_memory_free(vfs);
}

/* More definitions than a batch of the log may have bytes: they are logged in several. */
static void a_flood_of_new_series_can_be_committed(void **state)
{
    static char value[32768];
    hist_vfs *vfs = hist_vfs_memory_new();
    hist_db *db = open_with(vfs, UINT64_C(1) << 30);
    hist_writer *writer = NULL;
    hist_series series = 0;
    hist_error err;

    (void)state;
    memset(value, 'x', sizeof(value));
    assert_int_equal(hist_writer_open(db, NULL, &writer, &err), HIST_OK);
    for (uint32_t i = 0; i < (UINT32_C(129) << 20) / sizeof(value); i++) {
        const hist_tag tag = {{"k", 1}, {value, sizeof(value)}};

        (void)snprintf(value, 16, "%08u-------", i);
        assert_int_equal(hist_series_open(writer, (hist_str){"t", 1}, &tag, 1, &series, &err),
                         HIST_OK);
    }
    hist_writer_close(writer);
    write_log(db, 1);
    assert_int_equal(count_rows(db), 1000);
    assert_int_equal(hist_close(db, NULL), HIST_OK);
    db = open_with(vfs, UINT64_C(1) << 30);
    assert_int_equal(count_rows(db), 1000);
    assert_int_equal(hist_close(db, NULL), HIST_OK);
    hist_vfs_memory_free(vfs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_allocation_that_fails_costs_one_call),
        cmocka_unit_test(a_store_that_is_closed_after_the_failure_is_whole),
        cmocka_unit_test(a_merge_that_cuts_survives_any_allocation_that_fails),
        cmocka_unit_test(writing_resumes_by_itself_when_there_is_memory_again),
        cmocka_unit_test(a_log_larger_than_the_budget_is_flushed_while_it_is_replayed),
        cmocka_unit_test(a_flood_of_new_series_can_be_committed),
    };

    return cmocka_run_group_tests_name("no_memory", tests, NULL, NULL);
}
