/*
 * test_compact.c -- which parts a merge may join: the later write must win, whatever was merged with
 * what, and in whatever order the ranges of commits begin.
 */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hist.h"

#define SECOND INT64_C(1000000000)
#define DAY    (INT64_C(86400) * SECOND)
#define BASE   (INT64_C(20000) * DAY)

enum { TEXT_BYTES = 32768, TEXT_ROWS_SINGLE = 60, FLUSHES_MERGE = 8 };

typedef struct world {
    hist_vfs *vfs;
    hist_db *db;
    hist_writer *writer;
    uint64_t random;
    int64_t clock; /* Makes times of filling rows differ. */
} world;

static void world_open(world *w, int64_t width_ns)
{
    hist_open_options o = HIST_OPEN_OPTIONS;
    hist_error err;

    o.vfs = w->vfs;
    o.threads = 0;
    o.partition_ns = width_ns;
    if (hist_open("db", &o, &w->db, &err) != HIST_OK ||
        hist_writer_open(w->db, NULL, &w->writer, &err) != HIST_OK) {
        fail_msg("open: %s", err.message);
    }
}

static void world_close(world *w)
{
    hist_error err;

    hist_writer_close(w->writer);
    if (hist_close(w->db, &err) != HIST_OK) {
        fail_msg("close: %s", err.message);
    }
}

static void world_line(world *w, const char *line)
{
    hist_lp_options options = HIST_LP_OPTIONS;
    hist_lp_result result;
    hist_error err;

    options.final = true;
    if (hist_append_lp(w->writer, line, strlen(line), &options, &result, &err) != HIST_OK ||
        result.refused != 0) {
        fail_msg("line refused: %s", err.message);
    }
}

/* Rows of table `big` that take a part of their own: text that does not compress well. */
static void world_fill(world *w, int rows)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    static char line[TEXT_BYTES + 128];

    for (int i = 0; i < rows; i++) {
        int at = snprintf(line, sizeof(line), "big text=\"");

        for (int k = 0; k < TEXT_BYTES; k++) {
            w->random = w->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            line[at++] = letters[w->random >> 58];
        }
        w->clock++;
        (void)snprintf(line + at, sizeof(line) - (size_t)at, "\" %" PRId64,
                       BASE + w->clock * SECOND);
        world_line(w, line);
    }
}

/* The value that is written again and again. */
static void world_mark(world *w, int value)
{
    char line[64];

    (void)snprintf(line, sizeof(line), "big v=%di %" PRId64, value, BASE);
    world_line(w, line);
}

static void world_small(world *w)
{
    char line[64];

    w->clock++;
    (void)snprintf(line, sizeof(line), "small n=1i %" PRId64, BASE + w->clock * SECOND);
    world_line(w, line);
}

static void world_flush(world *w)
{
    hist_error err;

    if (hist_commit(w->writer, HIST_COMMIT_WRITTEN, NULL, &err) != HIST_OK ||
        hist_maintain(w->db, HIST_MAINTAIN_FLUSH, &err) != HIST_OK) {
        fail_msg("flush: %s", err.message);
    }
}

static void world_merge(world *w)
{
    hist_error err;

    if (hist_maintain(w->db, HIST_MAINTAIN_MERGE, &err) != HIST_OK) {
        fail_msg("merge: %s", err.message);
    }
}

static int64_t world_marked(world *w)
{
    static const char *const names[] = {"v"};
    hist_scan_options options = HIST_SCAN_OPTIONS;
    hist_scan *scan = NULL;
    hist_batch batch;
    hist_error err;

    options.table = "big";
    options.columns = names;
    options.column_count = 1;
    options.from_ns = BASE;
    options.to_ns = BASE + 1;
    if (hist_scan_open(w->db, &options, &scan, &err) != HIST_OK ||
        hist_scan_next(scan, &batch, &err) != HIST_OK) {
        fail_msg("scan: %s", err.message);
    }
    assert_int_equal(batch.row_count, 1);
    const int64_t value = hist_column_i64(&batch.columns[0], 0);
    hist_scan_close(scan);
    return value;
}

/* A part of its own for `big`, out of the spanning parts there are and `flushes` new ones. */
static void world_single(world *w, int rows, int flushes)
{
    for (int i = 0; i < flushes; i++) {
        if (i == 0) {
            world_fill(w, rows);
        }
        world_small(w);
        world_flush(w);
    }
    world_merge(w);
}

/*
 * A pooled part reaches back to the first commit of any table in it, so a single part made from it
 * later than another one may begin with an earlier commit. It is the newer one all the same.
 */
static void a_part_made_from_a_pooled_one_keeps_its_place_in_merges(void **state)
{
    world w = {.vfs = hist_vfs_memory_new(), .random = 1};

    (void)state;
    world_open(&w, 0);
    world_small(&w);
    world_flush(&w);
    world_mark(&w, 1);
    world_single(&w, TEXT_ROWS_SINGLE, FLUSHES_MERGE - 1); /* Single A. */
    assert_int_equal(world_marked(&w), 1);
    world_mark(&w, 2);
    world_single(&w, 0, FLUSHES_MERGE - 1); /* Pooled, with the mark 2. */
    assert_int_equal(world_marked(&w), 2);
    world_single(&w, TEXT_ROWS_SINGLE * 10, FLUSHES_MERGE - 1); /* Single B, large, from it. */
    for (int i = 0; i < 6; i++) {
        assert_int_equal(world_marked(&w), 2);
        world_single(&w, TEXT_ROWS_SINGLE, FLUSHES_MERGE - 1);
    }
    assert_int_equal(world_marked(&w), 2);
    world_close(&w);
    world_open(&w, 0);
    assert_int_equal(world_marked(&w), 2);
    world_close(&w);
    hist_vfs_memory_free(w.vfs);
}

/* Parts of one width may not be joined over parts of another width that lie between them. */
static void a_width_that_changes_back_and_forth_does_not_bring_old_values_back(void **state)
{
    world w = {.vfs = hist_vfs_memory_new(), .random = 2};
    const int64_t widths[] = {DAY, DAY / 24, DAY};

    (void)state;
    for (int i = 0; i < 3; i++) {
        world_open(&w, widths[i]);
        for (int k = 0; k < 5; k++) {
            if (i < 2 && k == 0) {
                world_mark(&w, i + 1);
            }
            world_fill(&w, i == 1 ? TEXT_ROWS_SINGLE : 1);
            world_flush(&w);
        }
        for (int k = 0; i == 1 && k < 3; k++) { /* All of this width goes into a single part. */
            world_fill(&w, 1);
            world_flush(&w);
        }
        world_merge(&w);
        world_close(&w);
    }
    world_open(&w, DAY);
    assert_int_equal(world_marked(&w), 2);
    for (int round = 0; round < 3; round++) {
        world_single(&w, TEXT_ROWS_SINGLE, FLUSHES_MERGE);
        assert_int_equal(world_marked(&w), 2);
    }
    world_close(&w);
    hist_vfs_memory_free(w.vfs);
}

/* The same with parts that hold one partition. */
static void single_parts_are_not_joined_over_another_width_either(void **state)
{
    world w = {.vfs = hist_vfs_memory_new(), .random = 3};

    (void)state;
    world_open(&w, DAY);
    world_mark(&w, 1);
    world_single(&w, TEXT_ROWS_SINGLE, FLUSHES_MERGE);
    world_close(&w);
    world_open(&w, DAY / 24);
    world_mark(&w, 2);
    world_single(&w, TEXT_ROWS_SINGLE, FLUSHES_MERGE);
    world_close(&w);
    world_open(&w, DAY);
    for (int round = 0; round < 6; round++) {
        assert_int_equal(world_marked(&w), 2);
        world_single(&w, TEXT_ROWS_SINGLE, FLUSHES_MERGE);
    }
    assert_int_equal(world_marked(&w), 2);
    world_close(&w);
    hist_vfs_memory_free(w.vfs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_made_from_a_pooled_one_keeps_its_place_in_merges),
        cmocka_unit_test(a_width_that_changes_back_and_forth_does_not_bring_old_values_back),
        cmocka_unit_test(single_parts_are_not_joined_over_another_width_either),
    };

    return cmocka_run_group_tests_name("compact", tests, NULL, NULL);
}
