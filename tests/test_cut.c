/*
 * test_cut.c -- partitions that are larger than part_bytes_max: where they are cut, that the pieces stay
 * together, and that a scan reads only those it needs.
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

#include "tests/support/parts.h"

#define SECOND INT64_C(1000000000)
#define DAY    (INT64_C(86400) * SECOND)
#define BASE   (INT64_C(20000) * DAY)

enum { FLUSHES = 8, SERIES = 20, LIMIT = 2048 };

/* Bytes that the library has, and had at most. */
typedef struct meter {
    size_t now;
    size_t most;
} meter;

static void *meter_alloc(void *arg, size_t size)
{
    meter *m = arg;

    m->now += size;
    m->most = m->now > m->most ? m->now : m->most;
    return malloc(size);
}

static void meter_free(void *arg, void *ptr, size_t size)
{
    meter *m = arg;

    m->now -= ptr == NULL ? 0 : size;
    free(ptr);
}

typedef struct world {
    hist_vfs *vfs;
    hist_db *db;
    meter meter;
    uint32_t group_rows;
    int64_t retention_ns;
    uint64_t random;
    int fields; /* Beside v. */
} world;

static void world_open(world *w, uint64_t part_bytes)
{
    hist_open_options o = HIST_OPEN_OPTIONS;
    const hist_allocator allocator = {meter_alloc, meter_free, &w->meter};
    hist_error err;

    o.vfs = w->vfs;
    o.threads = 0;
    o.part_bytes_max = part_bytes;
    o.group_rows_max = w->group_rows;
    o.retention_ns = w->retention_ns;
    o.allocator = &allocator;
    if (hist_open("db", &o, &w->db, &err) != HIST_OK) {
        fail_msg("open: %s", err.message);
    }
}

static void world_close(world *w)
{
    hist_error err;

    if (hist_close(w->db, &err) != HIST_OK) {
        fail_msg("close: %s", err.message);
    }
    assert_int_equal(w->meter.now, 0);
}

static void world_maintain(world *w, int what)
{
    hist_error err;

    if (hist_maintain(w->db, what, &err) != HIST_OK) {
        fail_msg("maintain: %s", err.message);
    }
}

/* Rows [first, first + rows) of series s=<series> of table t: one a second, value random. */
static void world_rows(world *w, int series, int64_t from_ns, int first, int rows)
{
    hist_writer *writer = NULL;
    hist_error err;

    if (hist_writer_open(w->db, NULL, &writer, &err) != HIST_OK) {
        fail_msg("writer: %s", err.message);
    }
    for (int i = 0; i < rows; i++) {
        hist_lp_options options = HIST_LP_OPTIONS;
        hist_lp_result result;
        char line[512];

        w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        int size = snprintf(line, sizeof(line), "t,s=%d v=%" PRIu64 "i", series, w->random >> 33);
        for (int f = 0; f < w->fields; f++) {
            size += snprintf(line + size, sizeof(line) - (size_t)size, ",f%d=%di", f, i * f);
        }
        size += snprintf(line + size, sizeof(line) - (size_t)size, " %" PRId64,
                         from_ns + (first + i) * SECOND);
        options.final = true;
        if (hist_append_lp(writer, line, (size_t)size, &options, &result, &err) != HIST_OK ||
            result.refused != 0) {
            fail_msg("append: %s", err.message);
        }
    }
    if (hist_commit(writer, HIST_COMMIT_WRITTEN, NULL, &err) != HIST_OK) {
        fail_msg("commit: %s", err.message);
    }
    hist_writer_close(writer);
}

/* One flush: some rows of every series in one partition. */
static void world_flush(world *w, int series, int64_t from_ns, int number, int rows)
{
    for (int s = 0; s < series; s++) {
        world_rows(w, s, from_ns, number * rows, rows);
    }
    world_maintain(w, HIST_MAINTAIN_FLUSH);
}

/* Rows of one series, or of all (-1); *status_out: of the scan. */
static uint64_t world_count(world *w, int series, hist_status *status_out)
{
    hist_scan_options options = HIST_SCAN_OPTIONS;
    hist_scan *scan = NULL;
    hist_batch batch = {0};
    hist_error err;
    uint64_t rows = 0;
    char value[16];

    (void)snprintf(value, sizeof(value), "%d", series);
    const hist_tag tag = {{"s", 1}, {value, strlen(value)}};
    options.table = "t";
    options.tags = &tag;
    options.tag_count = series < 0 ? 0 : 1;
    *status_out = hist_scan_open(w->db, &options, &scan, &err);
    do {
        *status_out = *status_out == HIST_OK ? hist_scan_next(scan, &batch, &err) : *status_out;
        rows += *status_out == HIST_OK ? batch.row_count : 0;
    } while (*status_out == HIST_OK && batch.row_count > 0);
    hist_scan_close(scan);
    return rows;
}

static void world_expect_rows(world *w, int series, uint64_t rows)
{
    hist_status status = HIST_OK;
    const uint64_t found = world_count(w, series, &status);

    assert_int_equal(status, HIST_OK);
    assert_int_equal(found, rows);
}

/* A partition of SERIES series, cut at LIMIT, in a store that is open. */
static void world_cut(world *w)
{
    *w = (world){.vfs = hist_vfs_memory_new(), .random = 1};
    world_open(w, LIMIT);
    for (int i = 0; i < FLUSHES; i++) {
        world_flush(w, SERIES, BASE, i, 20);
    }
    world_maintain(w, HIST_MAINTAIN_MERGE);
    const parts_figures f = parts_look(w->vfs);
    assert_true(f.cut >= 4 && f.cut == f.parts && f.runs_most == 1);
    world_expect_rows(w, -1, SERIES * FLUSHES * 20);
}

static void world_free(world *w)
{
    world_close(w);
    hist_vfs_memory_free(w->vfs);
}

/* ---- where it is cut ---- */

/* Eight flushes, merged with a limit; 0: not merged. */
static parts_figures merge_with_limit(uint64_t limit, uint64_t *bytes_out)
{
    world w = {.vfs = hist_vfs_memory_new(), .random = 7};
    hist_stats stats;

    world_open(&w, UINT64_C(1) << 30);
    for (int i = 0; i < FLUSHES; i++) {
        world_flush(&w, SERIES, BASE, i, 20);
    }
    hist_get_stats(w.db, &stats);
    *bytes_out = stats.part_bytes;
    world_close(&w);
    world_open(&w, limit);
    if (limit > 0) {
        world_maintain(&w, HIST_MAINTAIN_MERGE);
    }
    world_expect_rows(&w, -1, SERIES * FLUSHES * 20);
    const parts_figures f = parts_look(w.vfs);
    world_free(&w);
    return f;
}

static void a_partition_of_exactly_the_limit_is_one_part_and_of_one_byte_more_is_two(void **state)
{
    uint64_t bytes = 0;
    uint64_t again = 0;

    (void)state;
    assert_int_equal(merge_with_limit(0, &bytes).spanning, FLUSHES);
    const parts_figures exact = merge_with_limit(bytes, &again);
    assert_int_equal(again, bytes);
    assert_int_equal(exact.parts, 1);
    assert_int_equal(exact.cut, 0);
    assert_int_equal(exact.spanning, 0);
    const parts_figures beyond = merge_with_limit(bytes - 1, &again);
    assert_int_equal(beyond.parts, 2);
    assert_int_equal(beyond.cut, 2);
    assert_int_equal(beyond.runs_most, 1);
}

static void a_series_larger_than_the_limit_stays_in_one_part(void **state)
{
    world w = {.vfs = hist_vfs_memory_new(), .group_rows = 64, .random = 3};

    (void)state;
    world_open(&w, 1024);
    for (int i = 0; i < FLUSHES; i++) {
        world_flush(&w, 3, BASE, i, 200);
    }
    world_maintain(&w, HIST_MAINTAIN_MERGE);
    const parts_figures f = parts_look(w.vfs);
    assert_int_equal(f.cut, 3);
    assert_true(f.bytes_most > 2 * 1024);
    assert_int_equal(f.bytes_shared, 0);
    world_expect_rows(&w, 1, FLUSHES * 200);
    world_free(&w);
}

/* Where many row groups are written, parts come close to the limit and do not pass it by much. */
static void parts_come_close_to_the_limit(void **state)
{
    const uint64_t limit = 32768;
    world w = {.vfs = hist_vfs_memory_new(), .group_rows = 64, .random = 4};
    hist_stats stats;

    (void)state;
    world_open(&w, limit);
    for (int i = 0; i < FLUSHES; i++) {
        world_flush(&w, 200, BASE, i, 40);
    }
    world_maintain(&w, HIST_MAINTAIN_MERGE);
    hist_get_stats(w.db, &stats);
    const parts_figures f = parts_look(w.vfs);
    assert_true(f.cut > 5 && f.cut == f.parts);
    assert_true(f.bytes_most <= limit + limit / 8);
    assert_true(stats.part_bytes >= limit * 3 / 4 * (f.cut - 1));
    world_free(&w);
}

/* ---- what is done with it ---- */

static void a_scan_of_one_series_opens_only_the_part_that_has_it(void **state)
{
    hi_manifest m;
    hi_mem mem;
    hist_status status = HIST_OK;
    world w;

    (void)state;
    world_cut(&w);
    world_close(&w);
    hi_mem_init(&mem, NULL, NULL, 0);
    assert_true(parts_load(w.vfs, &mem, &m));
    for (size_t i = 0; i < m.part_count; i++) {
        char path[64];

        (void)snprintf(path, sizeof(path), "db/P-%" PRIu64 ".hp", m.parts[i].id);
        if (m.parts[i].first_series > 1) { /* The series that was written first is number 1. */
            assert_int_equal(w.vfs->unlink(w.vfs, path, NULL), HIST_OK);
        }
    }
    hi_manifest_free(&m);
    world_open(&w, LIMIT);
    world_expect_rows(&w, 0, FLUSHES * 20);
    (void)world_count(&w, SERIES - 1, &status);
    assert_int_equal(status, HIST_ECORRUPT);
    (void)world_count(&w, -1, &status);
    assert_int_equal(status, HIST_ECORRUPT);
    world_free(&w);
}

/* A run of many parts is one run: it is left alone by merges of younger rows. */
static void cut_parts_are_not_merged_again_for_ever(void **state)
{
    hist_stats before;
    hist_stats after;
    world w;

    (void)state;
    world_cut(&w);
    hist_get_stats(w.db, &before);
    world_maintain(&w, HIST_MAINTAIN_MERGE | HIST_MAINTAIN_TICK);
    hist_get_stats(w.db, &after);
    assert_int_equal(after.merges, before.merges);
    for (int i = 0; i < 6 * FLUSHES; i++) {
        world_flush(&w, SERIES, BASE, FLUSHES + i, 20);
        world_maintain(&w, HIST_MAINTAIN_MERGE);
        const parts_figures f = parts_look(w.vfs);
        assert_true(f.runs_most <= 4 && f.spanning <= 7 && f.overlaps == 0);
    }
    world_expect_rows(&w, -1, SERIES * 7 * FLUSHES * 20);
    world_maintain(&w, HIST_MAINTAIN_COLD);
    hist_get_stats(w.db, &before);
    world_maintain(&w, HIST_MAINTAIN_COLD);
    hist_get_stats(w.db, &after);
    assert_int_equal(after.merges, before.merges);
    const parts_figures cold = parts_look(w.vfs);
    assert_true(cold.cut == cold.parts && cold.runs_most == 1);
    world_expect_rows(&w, -1, SERIES * 7 * FLUSHES * 20);
    world_free(&w);
}

/* Where a run is all there is, each of its parts is rewritten by itself and stays in it. */
static void a_run_is_rewritten_cold_part_by_part(void **state)
{
    hist_stats before;
    hist_stats after;
    hi_manifest m;
    hi_mem mem;
    world w;

    (void)state;
    world_cut(&w);
    hist_get_stats(w.db, &before);
    world_maintain(&w, HIST_MAINTAIN_COLD);
    hist_get_stats(w.db, &after);
    assert_int_equal(after.merges - before.merges, before.parts);
    assert_int_equal(after.parts, before.parts);
    assert_int_equal(parts_look(w.vfs).runs_most, 1);
    hi_mem_init(&mem, NULL, NULL, 0);
    assert_true(parts_load(w.vfs, &mem, &m));
    for (size_t i = 0; i < m.part_count; i++) {
        assert_int_equal(m.parts[i].flags, HI_PART_COLD | HI_PART_CUT);
    }
    hi_manifest_free(&m);
    world_expect_rows(&w, -1, SERIES * FLUSHES * 20);
    world_expect_rows(&w, SERIES / 2, FLUSHES * 20);
    world_free(&w);
}

static void retention_drops_all_parts_of_a_partition(void **state)
{
    hist_stats before;
    hist_stats after;
    world w;

    (void)state;
    world_cut(&w);
    world_close(&w);
    w.retention_ns = DAY;
    world_open(&w, LIMIT);
    world_flush(&w, SERIES, BASE + 2 * DAY + DAY / 2, 0, 5);
    hist_get_stats(w.db, &before);
    world_maintain(&w, HIST_MAINTAIN_TICK); /* One step. */
    hist_get_stats(w.db, &after);
    assert_true(before.parts > 4);
    assert_int_equal(after.parts, 1);
    world_expect_rows(&w, -1, SERIES * 5);
    world_free(&w);
}

/* How many of these parts the store still has. */
static size_t parts_left(const world *w, const hi_manifest *before)
{
    hi_manifest now;
    size_t left = 0;
    hi_mem mem;

    hi_mem_init(&mem, NULL, NULL, 0);
    assert_true(parts_load(w->vfs, &mem, &now));
    for (size_t i = 0; i < before->part_count; i++) {
        left += hi_manifest_find_part(&now, before->parts[i].id) != NULL;
    }
    hi_manifest_free(&now);
    return left;
}

/* One damaged part keeps its whole run out of merges, and costs no other series. */
static void a_damaged_part_of_a_run_costs_only_its_series(void **state)
{
    hi_manifest m;
    hi_mem mem;
    char path[64];
    hist_file *file = NULL;
    uint8_t byte = 0xff;
    const hist_iov iov = {&byte, 1};
    hist_status status = HIST_OK;
    hist_error err;
    world w;

    (void)state;
    world_cut(&w);
    hi_mem_init(&mem, NULL, NULL, 0);
    assert_true(parts_load(w.vfs, &mem, &m));
    (void)snprintf(path, sizeof(path), "db/P-%" PRIu64 ".hp", m.parts[0].id);
    assert_int_equal(w.vfs->open(w.vfs, path, HIST_OPEN_READ | HIST_OPEN_WRITE, &file, &err),
                     HIST_OK);
    assert_int_equal(file->ops->write(file, 100, &iov, 1, &err), HIST_OK);
    file->ops->close(file);
    for (int i = 0; i < 6 * FLUSHES; i++) {
        world_flush(&w, SERIES, BASE, FLUSHES + i, 20);
        status = hist_maintain(w.db, HIST_MAINTAIN_MERGE, &err);
        assert_true(status == HIST_OK || status == HIST_ECORRUPT);
    }
    assert_int_equal(status, HIST_OK);
    assert_int_equal(parts_left(&w, &m), m.part_count);
    hi_manifest_free(&m);
    world_expect_rows(&w, SERIES - 1, 7 * FLUSHES * 20);
    (void)world_count(&w, 0, &status);
    assert_int_equal(status, HIST_ECORRUPT);
    world_free(&w);
}

/* ---- rows that change ---- */

enum { CELLS = 120, CHANGE_ROUNDS = 48 };

typedef struct cells {
    int64_t value[SERIES][CELLS]; /* 0: there is no such row. */
    int64_t seen[SERIES][CELLS];
    uint64_t seed;
} cells;

static uint32_t world_random(world *w, uint32_t bound)
{
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((w->random >> 33) % bound);
}

/* New rows and overwritten ones, one commit. */
static void cells_write(cells *c, world *w, int round)
{
    hist_writer *writer = NULL;
    hist_error err;
    const uint32_t rows = 1 + world_random(w, 150);

    assert_int_equal(hist_writer_open(w->db, NULL, &writer, &err), HIST_OK);
    for (uint32_t i = 0; i < rows; i++) {
        const uint32_t series = world_random(w, SERIES);
        const uint32_t at = world_random(w, CELLS);
        hist_lp_options options = HIST_LP_OPTIONS;
        hist_lp_result result;
        char line[96];

        c->value[series][at] = round * 1000 + (int64_t)i + 1;
        const int size = snprintf(line, sizeof(line), "t,s=%u v=%" PRId64 "i %" PRId64, series,
                                  c->value[series][at], BASE + (int64_t)at * SECOND);
        options.final = true;
        assert_int_equal(hist_append_lp(writer, line, (size_t)size, &options, &result, &err),
                         HIST_OK);
    }
    assert_int_equal(hist_commit(writer, HIST_COMMIT_WRITTEN, NULL, &err), HIST_OK);
    hist_writer_close(writer);
}

/* Some seconds of one series, or of all. */
static void cells_delete(cells *c, world *w)
{
    const uint32_t series = world_random(w, SERIES);
    const bool all = world_random(w, 4) == 0;
    const uint32_t from = world_random(w, CELLS);
    const uint32_t to = from + 1 + world_random(w, CELLS - from);
    char value[16];
    hist_error err;

    (void)snprintf(value, sizeof(value), "%u", series);
    const hist_tag tag = {{"s", 1}, {value, strlen(value)}};
    if (hist_delete(w->db, NULL, "t", &tag, all ? 0 : 1, BASE + from * SECOND, BASE + to * SECOND,
                    &err) != HIST_OK) {
        fail_msg("delete: %s", err.message);
    }
    for (uint32_t s = 0; s < SERIES; s++) {
        for (uint32_t at = from; at < to; at++) {
            c->value[s][at] = all || s == series ? 0 : c->value[s][at];
        }
    }
}

static void cells_check(cells *c, world *w)
{
    static const char *const names[] = {"Timestamp", "s", "v"};
    hist_scan_options options = HIST_SCAN_OPTIONS;
    hist_scan *scan = NULL;
    hist_batch b = {0};
    hist_error err;

    memset(c->seen, 0, sizeof(c->seen));
    options.table = "t";
    options.columns = names;
    options.column_count = 3;
    assert_int_equal(hist_scan_open(w->db, &options, &scan, &err), HIST_OK);
    do {
        assert_int_equal(hist_scan_next(scan, &b, &err), HIST_OK);
        for (uint32_t i = 0; i < b.row_count; i++) {
            const hist_str s = hist_column_str(&b.columns[1], i);
            const int series = s.size == 1 ? s.data[0] - '0' : 10 + s.data[1] - '0';
            const int64_t at = (hist_column_i64(&b.columns[0], i) - BASE) / SECOND;

            assert_int_equal(c->seen[series][at], 0);
            c->seen[series][at] = hist_column_i64(&b.columns[2], i);
        }
    } while (b.row_count > 0);
    hist_scan_close(scan);
    for (uint32_t s = 0; s < SERIES; s++) {
        for (uint32_t at = 0; at < CELLS; at++) {
            if (c->seen[s][at] != c->value[s][at]) {
                fail_msg("seed %" PRIu64 ", series %u, second %u: %" PRId64 " instead of %" PRId64,
                         c->seed, s, at, c->seen[s][at], c->value[s][at]);
            }
        }
    }
}

/* What a scan finds is what was written last and not deleted since, whatever was cut and merged. */
static uint32_t cells_tell(uint64_t seed)
{
    static cells c;
    world w = {.vfs = hist_vfs_memory_new(), .random = seed};
    uint32_t cut = 0;

    c = (cells){.seed = seed};
    world_open(&w, LIMIT);
    for (int round = 0; round < CHANGE_ROUNDS; round++) {
        cells_write(&c, &w, round);
        if (world_random(&w, 3) == 0) {
            cells_delete(&c, &w);
        }
        world_maintain(&w, HIST_MAINTAIN_FLUSH);
        if (world_random(&w, 4) == 0) {
            world_maintain(&w, world_random(&w, 5) == 0 ? HIST_MAINTAIN_COLD : HIST_MAINTAIN_MERGE);
        }
        if (world_random(&w, 12) == 0) {
            world_close(&w);
            world_open(&w, LIMIT);
        }
        cells_check(&c, &w);
        cut += parts_look(w.vfs).cut;
    }
    world_free(&w);
    return cut;
}

static void deletes_and_overwrites_hold_in_parts_that_are_cut(void **state)
{
    const uint64_t seeds = getenv("HIST_LONG") != NULL ? 300 : 20;

    (void)state;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        assert_true(cells_tell(seed) > CHANGE_ROUNDS);
    }
}

/* ---- memory ---- */

/* Most bytes that a merge of so many series takes beyond what the store had before. */
static size_t peak_of_merge(int series, uint32_t *parts_out)
{
    const uint64_t limit = 65536;
    world w = {.vfs = hist_vfs_memory_new(), .group_rows = 64, .random = 5, .fields = 12};

    world_open(&w, limit);
    for (int i = 0; i < FLUSHES; i++) {
        world_flush(&w, series, BASE, i, 20);
    }
    world_close(&w);
    world_open(&w, limit);
    const size_t before = w.meter.now;
    w.meter.most = before;
    world_maintain(&w, HIST_MAINTAIN_MERGE);
    const size_t peak = w.meter.most - before;
    *parts_out = parts_look(w.vfs).cut;
    world_free(&w);
    return peak;
}

static void memory_of_a_merge_does_not_grow_with_its_parts(void **state)
{
    uint32_t few = 0;
    uint32_t many = 0;
    const size_t small = peak_of_merge(50, &few);
    const size_t large = peak_of_merge(600, &many);

    (void)state;
    print_message("# %u parts: %zu bytes; %u parts: %zu bytes\n", few, small, many, large);
    assert_true(few >= 2 && many >= 7 * few);
    assert_true(large < small + small / 2);
}

/* ---- manifests that are wrong ---- */

static void hear_problem(void *arg, const char *file, int64_t offset, const char *problem)
{
    (void)file;
    (void)offset;
    (void)snprintf(arg, 256, "%s", problem);
}

/* Changes the series of one part in the manifest; opens; returns the status. */
static hist_status open_with_series(world *w, size_t part, int first, int last, hist_error *err)
{
    hist_open_options o = HIST_OPEN_OPTIONS;
    hi_manifest m;
    hi_mem mem;

    hi_mem_init(&mem, NULL, NULL, 0);
    assert_true(parts_load(w->vfs, &mem, &m));
    m.parts[part].first_series = (uint32_t)((int)m.parts[part].first_series + first);
    m.parts[part].last_series = (uint32_t)((int)m.parts[part].last_series + last);
    assert_true(parts_store(w->vfs, &m));
    hi_manifest_free(&m);
    o.vfs = w->vfs;
    o.flags = HIST_FLAG_READONLY;
    return hist_open("db", &o, &w->db, err);
}

static void a_manifest_that_is_wrong_about_series_is_told(void **state)
{
    hist_error err;
    char problem[256] = "";
    world w;

    (void)state;
    world_cut(&w);
    world_close(&w);
    world_open(&w, LIMIT); /* Both slots of SUPER name the last manifest now. */
    world_close(&w);
    assert_int_equal(open_with_series(&w, 1, -1, 0, &err), HIST_ECORRUPT);
    assert_non_null(strstr(err.message, "were cut from one partition of table"));
    assert_non_null(strstr(err.message, "overlap"));
    hist_vfs_memory_free(w.vfs);
    world_cut(&w);
    world_close(&w);
    assert_int_equal(open_with_series(&w, 1, 0, -1, &err), HIST_OK);
    assert_int_equal(hist_verify(w.db, hear_problem, problem, &err), HIST_ECORRUPT);
    assert_non_null(strstr(problem, "the manifest says"));
    assert_int_equal(hist_close(w.db, &err), HIST_OK);
    hist_vfs_memory_free(w.vfs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_partition_of_exactly_the_limit_is_one_part_and_of_one_byte_more_is_two),
        cmocka_unit_test(a_series_larger_than_the_limit_stays_in_one_part),
        cmocka_unit_test(parts_come_close_to_the_limit),
        cmocka_unit_test(a_scan_of_one_series_opens_only_the_part_that_has_it),
        cmocka_unit_test(cut_parts_are_not_merged_again_for_ever),
        cmocka_unit_test(a_run_is_rewritten_cold_part_by_part),
        cmocka_unit_test(retention_drops_all_parts_of_a_partition),
        cmocka_unit_test(a_damaged_part_of_a_run_costs_only_its_series),
        cmocka_unit_test(deletes_and_overwrites_hold_in_parts_that_are_cut),
        cmocka_unit_test(memory_of_a_merge_does_not_grow_with_its_parts),
        cmocka_unit_test(a_manifest_that_is_wrong_about_series_is_told),
    };

    return cmocka_run_group_tests_name("cut", tests, NULL, NULL);
}
