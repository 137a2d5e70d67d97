/*
 * small_db.h -- for tests: a database with limits so small that everything happens, and short
 * ways to use it.
 *
 * Everything that fails ends the test. Include after cmocka.h.
 */
#ifndef SMALL_DB_H
#define SMALL_DB_H

#include <string.h>

#include "hist.h"

#define SECOND INT64_C(1000000000)
#define DAY    (INT64_C(86400) * SECOND)
#define BASE   (INT64_C(20000) * DAY)

static inline hist_str text(const char *s)
{
    return (hist_str){s, strlen(s)};
}

static inline uint64_t random_next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* Of every store that is opened; zero: the default. */
static uint64_t part_bytes_max;
static int64_t retention_ns;

static inline hist_open_options small_options(hist_vfs *vfs, int threads)
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

static inline hist_db *open_ok(hist_vfs *vfs, int threads)
{
    hist_error err;
    hist_db *db = NULL;
    const hist_open_options o = small_options(vfs, threads);

    if (hist_open("db", &o, &db, &err) != HIST_OK) {
        fail_msg("open: %s", err.message);
    }
    return db;
}

static inline void close_ok(hist_db *db)
{
    hist_error err;

    if (hist_close(db, &err) != HIST_OK) {
        fail_msg("close: %s", err.message);
    }
}

static inline void maintain_ok(hist_db *db, int what)
{
    hist_error err;

    if (hist_maintain(db, what, &err) != HIST_OK) {
        fail_msg("maintain: %s", err.message);
    }
}

static inline hist_writer *writer_ok(hist_db *db)
{
    hist_error err;
    hist_writer *writer = NULL;

    if (hist_writer_open(db, NULL, &writer, &err) != HIST_OK) {
        fail_msg("writer: %s", err.message);
    }
    return writer;
}

static inline void lines_ok(hist_writer *writer, const char *lines)
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

static inline void commit_ok(hist_writer *writer, hist_commit_mode mode)
{
    hist_error err;

    if (hist_commit(writer, mode, NULL, &err) != HIST_OK) {
        fail_msg("commit: %s", err.message);
    }
}

#endif
