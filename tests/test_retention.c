/*
 * test_retention.c -- what is dropped for its age: no good row because of a wrong clock, no value
 * that was overwritten comes back, and a store that runs in order still gets rid of what is old.
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

#include "store/era.h"

#define SECOND INT64_C(1000000000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)
#define YEAR   (365 * DAY)
#define START  (INT64_C(20000) * DAY + DAY / 2)

/* The clocks of every store here. */
static int64_t clock_wall_ns;
static int64_t clock_monotonic_ns;

static int64_t clock_wall(hist_vfs *vfs)
{
    (void)vfs;
    return clock_wall_ns;
}

static int64_t clock_monotonic(hist_vfs *vfs)
{
    (void)vfs;
    return clock_monotonic_ns;
}

/* Time goes by. */
static void clock_run(int64_t ns)
{
    clock_wall_ns += ns;
    clock_monotonic_ns += ns;
}

typedef struct world {
    hist_vfs *vfs;
    hist_db *db;
    hist_writer *writer;
    int64_t retention_ns;
    uint64_t part_bytes; /* 0: the default. */
    int jumps;           /* Lines in the log about the clock, */
    int drops;           /* and about what was dropped. */
    char last[1024];     /* The last of these. */
} world;

static void world_hear(void *arg, hist_log_level level, const char *text)
{
    world *w = arg;

    (void)level;
    w->jumps += strncmp(text, "the clock went from ", 20) == 0;
    if (strncmp(text, "retention: ", 11) == 0) {
        w->drops++;
        (void)snprintf(w->last, sizeof(w->last), "%s", text);
    }
}

static void world_open(world *w)
{
    hist_open_options o = HIST_OPEN_OPTIONS;
    hist_error err;

    o.vfs = w->vfs;
    o.threads = 0;
    o.retention_ns = w->retention_ns;
    o.part_bytes_max = w->part_bytes;
    o.log = world_hear;
    o.log_arg = w;
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

static void world_new_cut(world *w, int64_t wall_ns, int64_t retention_ns, uint64_t part_bytes)
{
    clock_wall_ns = wall_ns;
    clock_monotonic_ns = HOUR;
    *w = (world){
        .vfs = hist_vfs_memory_new(), .retention_ns = retention_ns, .part_bytes = part_bytes};
    w->vfs->now_ns = clock_wall;
    w->vfs->monotonic_ns = clock_monotonic;
    world_open(w);
}

static void world_new(world *w, int64_t wall_ns, int64_t retention_ns)
{
    world_new_cut(w, wall_ns, retention_ns, 0);
}

static void world_free(world *w)
{
    world_close(w);
    hist_vfs_memory_free(w->vfs);
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

/* v of series s at a time. */
static void world_row(world *w, int series, int64_t time_ns, int value)
{
    char line[96];

    (void)snprintf(line, sizeof(line), "t,s=%d v=%di %" PRId64, series, value, time_ns);
    world_line(w, line);
}

static void world_commit(world *w)
{
    hist_error err;

    if (hist_commit(w->writer, HIST_COMMIT_DURABLE, NULL, &err) != HIST_OK) {
        fail_msg("commit: %s", err.message);
    }
}

static void world_maintain(world *w, int what)
{
    hist_error err;

    if (hist_maintain(w->db, what, &err) != HIST_OK) {
        fail_msg("maintain: %s", err.message);
    }
}

/* What was written becomes a part, and retention has its say. */
static void world_settle(world *w)
{
    world_commit(w);
    world_maintain(w, HIST_MAINTAIN_FLUSH);
    world_maintain(w, HIST_MAINTAIN_TICK | HIST_MAINTAIN_MERGE);
}

/* Called for each row of t. */
typedef void (*row_fn)(void *arg, int series, int64_t time_ns, int64_t value);

static void world_each(world *w, row_fn fn, void *arg)
{
    static const char *const names[] = {"Timestamp", "s", "v"};
    hist_scan_options options = HIST_SCAN_OPTIONS;
    hist_scan *scan = NULL;
    hist_batch batch = {0};
    hist_error err;

    options.table = "t";
    options.columns = names;
    options.column_count = 3;
    if (hist_scan_open(w->db, &options, &scan, &err) != HIST_OK) {
        fail_msg("scan: %s", err.message);
    }
    do {
        if (hist_scan_next(scan, &batch, &err) != HIST_OK) {
            fail_msg("scan: %s", err.message);
        }
        for (uint32_t i = 0; i < batch.row_count; i++) {
            fn(arg, hist_column_str(&batch.columns[1], i).data[0] - '0',
               hist_column_i64(&batch.columns[0], i), hist_column_i64(&batch.columns[2], i));
        }
    } while (batch.row_count > 0);
    hist_scan_close(scan);
}

static void count_row(void *arg, int series, int64_t time_ns, int64_t value)
{
    (void)series;
    (void)time_ns;
    (void)value;
    ++*(int *)arg;
}

static int world_count(world *w)
{
    int count = 0;

    world_each(w, count_row, &count);
    return count;
}

/* ---- wrong clocks ---- */

enum { GOOD_ROWS = 719 };

/* One row an hour of the last 30 days, all but one hour of it. */
static void world_good_rows(world *w, int64_t now_ns)
{
    for (int i = 0; i < GOOD_ROWS; i++) {
        world_row(w, 1, now_ns - i * HOUR, i);
    }
}

static void a_clock_that_jumps_ahead_and_back_deletes_nothing(void **state)
{
    world w;

    (void)state;
    world_new(&w, START, 30 * DAY);
    world_good_rows(&w, START);
    world_settle(&w);
    clock_monotonic_ns += 60 * SECOND;
    clock_wall_ns += 10 * YEAR;
    world_line(&w, "t,s=2 v=1i");
    world_settle(&w);
    assert_int_equal(world_count(&w), GOOD_ROWS + 1);
    assert_int_equal(w.jumps, 1);
    clock_run(HOUR);
    world_line(&w, "t,s=2 v=2i");
    world_settle(&w);
    assert_int_equal(world_count(&w), GOOD_ROWS + 2);
    clock_wall_ns -= 10 * YEAR;
    world_row(&w, 1, clock_wall_ns, 0);
    world_settle(&w);
    assert_int_equal(world_count(&w), GOOD_ROWS + 3);
    assert_int_equal(w.jumps, 1); /* Back to where it had been. */
    assert_int_equal(w.drops, 0);
    world_free(&w);
}

static void a_clock_that_jumps_while_the_store_is_closed_deletes_nothing(void **state)
{
    world w;

    (void)state;
    world_new(&w, START, 30 * DAY);
    world_good_rows(&w, START);
    world_settle(&w);
    for (int i = 0; i < 5; i++) { /* More than once at the same wrong time, too. */
        world_close(&w);
        clock_wall_ns = START + 10 * YEAR + i * SECOND;
        clock_monotonic_ns = HOUR; /* The machine was started again. */
        world_open(&w);
        world_line(&w, "t,s=2 v=1i");
        world_settle(&w);
        assert_int_equal(world_count(&w), GOOD_ROWS + 1 + i);
    }
    world_close(&w);
    clock_wall_ns = START + DAY / 2;
    world_open(&w);
    world_row(&w, 1, clock_wall_ns, 0);
    world_settle(&w);
    assert_int_equal(world_count(&w), GOOD_ROWS + 6);
    assert_int_equal(w.drops, 0);
    world_free(&w);
}

/* A device without a battery begins in 1970 and learns the time later. */
static void a_clock_that_begins_in_1970_deletes_nothing(void **state)
{
    world w;

    (void)state;
    world_new(&w, 5 * SECOND, 30 * DAY);
    world_line(&w, "t,s=2 v=1i");
    world_settle(&w);
    clock_run(60 * SECOND);
    clock_wall_ns = START;
    world_good_rows(&w, START);
    world_settle(&w);
    for (int i = 0; i < 3; i++) {
        world_close(&w);
        clock_wall_ns = 5 * SECOND;
        clock_monotonic_ns = 0;
        world_open(&w);
        world_settle(&w);
        clock_run(60 * SECOND);
        clock_wall_ns = START + i * HOUR;
        world_row(&w, 1, START, 0);
        world_settle(&w);
    }
    assert_int_equal(world_count(&w), GOOD_ROWS + 1);
    world_free(&w);
}

static void a_store_that_is_created_with_a_wrong_clock_keeps_good_rows(void **state)
{
    world w;

    (void)state;
    world_new(&w, START + 10 * YEAR, 30 * DAY);
    world_good_rows(&w, START);
    world_settle(&w);
    world_line(&w, "t,s=2 v=1i");
    world_settle(&w);
    assert_int_equal(world_count(&w), GOOD_ROWS + 1);
    world_free(&w);
}

/* Forecasts reach to where the wrong clock is: they are no witness for it. */
static void forecasts_do_not_vouch_for_a_wrong_clock(void **state)
{
    world w;

    (void)state;
    world_new(&w, START, 30 * DAY);
    world_good_rows(&w, START);
    for (int day = 0; day < 3650; day++) {
        world_row(&w, 3, START + day * DAY, day);
    }
    world_settle(&w);
    clock_wall_ns += 9 * YEAR;
    world_line(&w, "t,s=2 v=1i");
    world_settle(&w);
    assert_int_equal(world_count(&w), GOOD_ROWS + 3650 + 1);
    world_free(&w);
}

static void a_jump_of_hours_deletes_nothing_of_an_hour_either(void **state)
{
    world w;

    (void)state;
    world_new(&w, START, HOUR);
    clock_run(10 * HOUR);
    for (int i = 0; i < 60; i++) {
        world_row(&w, 1, clock_wall_ns - i * 60 * SECOND, i);
    }
    world_settle(&w);
    clock_wall_ns += 20 * HOUR;
    world_line(&w, "t,s=2 v=1i");
    world_settle(&w);
    assert_int_equal(world_count(&w), 61);
    world_free(&w);
}

/* ---- stores that run in order ---- */

static void a_store_that_runs_gets_rid_of_what_is_old(void **state)
{
    world w;

    (void)state;
    world_new(&w, START, 10 * DAY);
    for (int day = 0; day < 60; day++) {
        world_line(&w, "t,s=1 v=1i");
        world_settle(&w);
        clock_run(DAY);
        if (day % 7 == 3) { /* A new version, say. */
            world_close(&w);
            clock_wall_ns += 60 * SECOND;
            clock_monotonic_ns = 0;
            world_open(&w);
        }
        assert_true(world_count(&w) >= (day < 10 ? day + 1 : 11));
    }
    world_settle(&w);
    print_message("# %s\n", w.last);
    assert_true(world_count(&w) <= 21); /* A merge pools eight days. */
    assert_true(w.drops >= 5);
    world_free(&w);
}

static void what_is_imported_into_a_new_store_is_old_at_once_and_told(void **state)
{
    world w;

    (void)state;
    world_new(&w, START, 10 * DAY);
    for (int day = 0; day < 60; day++) {
        world_row(&w, 1, START - day * DAY, day);
        world_commit(&w);
        world_maintain(&w, HIST_MAINTAIN_FLUSH);
    }
    world_settle(&w);
    assert_int_equal(world_count(&w), 12); /* Ten days, and one of grace. */
    assert_non_null(strstr(w.last, "from before 2024-09-23T12:00:00Z was dropped"));
    assert_non_null(strstr(w.last, " 48 rows of "));
    world_free(&w);
}

/* The clocks went on together: that is no jump. */
static void an_idle_store_that_gets_new_data_drops_the_old(void **state)
{
    world w;

    (void)state;
    world_new(&w, START, 30 * DAY);
    world_good_rows(&w, START);
    world_settle(&w);
    clock_run(YEAR);
    world_maintain(&w, HIST_MAINTAIN_TICK | HIST_MAINTAIN_MERGE);
    assert_int_equal(world_count(&w), GOOD_ROWS); /* Age is measured from the newest data. */
    world_line(&w, "t,s=2 v=1i");
    world_settle(&w);
    world_maintain(&w, HIST_MAINTAIN_MERGE);
    assert_int_equal(world_count(&w), 1);
    world_free(&w);
}

/* Without a flush there is no manifest that could tell how long the store was there. */
static void time_counts_that_only_the_log_was_written_in(void **state)
{
    world w;

    (void)state;
    world_new(&w, START, 30 * DAY);
    world_good_rows(&w, START);
    world_settle(&w);
    for (int i = 0; i < 10; i++) {
        clock_run(10 * DAY);
        world_close(&w);
        clock_wall_ns += 60 * SECOND;
        clock_monotonic_ns = 0;
        world_open(&w);
    }
    world_line(&w, "t,s=2 v=1i");
    world_settle(&w);
    assert_int_equal(world_count(&w), 1);
    world_free(&w);
}

/* Nobody can tell a year in a drawer from a wrong clock: what is old goes when the store lived on. */
static void a_store_that_was_closed_for_long_drops_the_old_later(void **state)
{
    world w;

    (void)state;
    world_new(&w, START, 30 * DAY);
    world_good_rows(&w, START);
    world_settle(&w);
    world_close(&w);
    clock_wall_ns += YEAR;
    clock_monotonic_ns = 0;
    world_open(&w);
    for (int day = 0; day < 42; day++) {
        world_line(&w, "t,s=2 v=1i");
        world_settle(&w);
        assert_true(day > 0 || world_count(&w) == GOOD_ROWS + 1);
        clock_run(DAY);
    }
    world_settle(&w);
    assert_true(world_count(&w) <= 43);
    world_free(&w);
}

/* ---- overwritten values ---- */

static void value_of_old_row(void *arg, int series, int64_t time_ns, int64_t value)
{
    if (series == 1 && time_ns == START - 4 * DAY) {
        *(int64_t *)arg = value;
    }
}

static void an_expired_correction_does_not_bring_back_what_it_corrected(void **state)
{
    world w;
    int64_t value = 0;

    (void)state;
    world_new(&w, START, 3 * DAY);
    world_row(&w, 1, START - 4 * DAY, 1);
    world_row(&w, 1, START, 7); /* Keeps its part. */
    world_commit(&w);
    world_maintain(&w, HIST_MAINTAIN_FLUSH);
    world_row(&w, 1, START - 4 * DAY, 2);
    world_settle(&w);
    world_each(&w, value_of_old_row, &value);
    assert_true(value == 2 || value == 0);
    world_free(&w);
}

enum { HISTORY_SERIES = 3, HISTORY_SLOTS = 24 * 12, HISTORY_ROUNDS = 250 };

typedef struct history {
    int64_t value[HISTORY_SERIES][HISTORY_SLOTS]; /* One an hour; 0: never written. */
    int64_t seen[HISTORY_SERIES][HISTORY_SLOTS];
    uint64_t seed;
} history;

static int64_t history_time(int slot)
{
    return START + slot * HOUR;
}

static void history_row(void *arg, int series, int64_t time_ns, int64_t value)
{
    history *h = arg;
    const int64_t slot = (time_ns - START) / HOUR;

    if (value != h->value[series][slot]) {
        fail_msg("seed %" PRIu64 ": series %d, hour %" PRId64 ": %" PRId64 " is back, %" PRId64
                 " was written last",
                 h->seed, series, slot, value, h->value[series][slot]);
    }
    h->seen[series][slot] = value;
}

/* What is seen is what was written last, and what is young is there. */
static void history_check(history *h, world *w, int now_slot)
{
    memset(h->seen, 0, sizeof(h->seen));
    world_each(w, history_row, h);
    for (int s = 0; s < HISTORY_SERIES; s++) {
        for (int slot = now_slot - 47; slot <= now_slot; slot++) {
            if (slot >= 0 && h->seen[s][slot] != h->value[s][slot]) {
                fail_msg("seed %" PRIu64 ": series %d, hour %d is gone", h->seed, s, slot);
            }
        }
    }
}

static uint64_t history_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* Rows of now and corrections of all that was, in parts of all kinds. */
static int history_tell(uint64_t seed)
{
    static history h;
    uint64_t random = seed;
    world w;

    h = (history){.seed = seed};
    world_new_cut(&w, START, 2 * DAY, seed % 2 == 0 ? 0 : 1024); /* With parts of one partition. */
    for (int round = 1; round <= HISTORY_ROUNDS; round++) {
        const int now_slot = (int)((clock_wall_ns - START) / HOUR);
        const int rows = 1 + (int)(history_random(&random) % 6);

        for (int i = 0; i < rows; i++) {
            const int series = (int)(history_random(&random) % HISTORY_SERIES);
            const bool now = history_random(&random) % 3 == 0;
            const int slot =
                now ? now_slot : (int)(history_random(&random) % (uint64_t)(now_slot + 1));

            h.value[series][slot] = round * 10 + i;
            world_row(&w, series, history_time(slot), round * 10 + i);
        }
        world_commit(&w);
        world_maintain(&w, HIST_MAINTAIN_FLUSH);
        if (history_random(&random) % 4 == 0) {
            world_maintain(&w, history_random(&random) % 4 == 0
                                   ? HIST_MAINTAIN_COLD
                                   : HIST_MAINTAIN_TICK | HIST_MAINTAIN_MERGE);
        }
        history_check(&h, &w, now_slot);
        clock_run(HOUR);
    }
    const int drops = w.drops;
    world_free(&w);
    return drops;
}

static void overwrites_and_retention_never_show_an_old_value(void **state)
{
    const uint64_t seeds = getenv("HIST_LONG") != NULL ? 300 : 12;
    int drops = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        drops += history_tell(seed);
    }
    print_message("# %d drops\n", drops);
    assert_true(drops > (int)seeds * 3);
}

/* ---- eras ---- */

static void eras_stay_few_and_in_order(void **state)
{
    static hi_eras eras;
    hi_era_watch watch = {0};
    uint64_t random = 3;
    int64_t wall = START;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        clock_monotonic_ns += (int64_t)(history_random(&random) % 1000) * HOUR;
        wall = history_random(&random) % 8 == 0 ? (int64_t)(history_random(&random) << 32)
                                                : wall + HOUR;
        const hi_era now = hi_eras_see(&eras, &watch, wall, clock_monotonic_ns, DAY);
        assert_true(now.from_ns <= wall && wall <= now.to_ns);
        assert_true(eras.count <= HI_ERAS_MAX);
        for (uint32_t k = 1; k < eras.count; k++) {
            assert_true(eras.list[k].from_ns - DAY > eras.list[k - 1].to_ns);
        }
    }
    assert_int_equal(eras.count, HI_ERAS_MAX);
}

static void a_cutoff_is_retention_and_grace_of_lived_time_ago(void **state)
{
    hi_eras eras = {.count = 2, .list = {{0, 5 * DAY}, {100 * DAY, 110 * DAY}}};
    hi_era_question q = {
        .retention_ns = 10 * DAY, .newest_ns = 110 * DAY, .newest_before_ns = INT64_MIN};

    (void)state;
    assert_int_equal(hi_eras_cutoff(&eras, &q), 99 * DAY); /* Ten of the era, a day of the gap. */
    q.newest_ns = 109 * DAY;                               /* 9 + 1, and one of the first era. */
    assert_int_equal(hi_eras_cutoff(&eras, &q), 4 * DAY);
    q.newest_ns = 104 * DAY; /* 4 + 1 + 5: there is one left. */
    assert_true(hi_eras_cutoff(&eras, &q) == INT64_MIN);
    q.newest_before_ns = -400 * DAY;
    assert_int_equal(hi_eras_cutoff(&eras, &q), -DAY);
    q.newest_before_ns = -400 * DAY - 1;
    assert_true(hi_eras_cutoff(&eras, &q) == INT64_MIN);
    q.newest_before_ns = q.newest_ns = -7 * DAY; /* No data after the birth of the store. */
    assert_int_equal(hi_eras_cutoff(&eras, &q), -18 * DAY);
    q.newest_ns = q.newest_before_ns = INT64_MIN + 3;
    assert_true(hi_eras_cutoff(&eras, &q) == INT64_MIN);
    q = (hi_era_question){.retention_ns = INT64_MAX, .newest_ns = INT64_MAX};
    assert_true(hi_eras_cutoff(&eras, &q) == INT64_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_jumps_ahead_and_back_deletes_nothing),
        cmocka_unit_test(a_clock_that_jumps_while_the_store_is_closed_deletes_nothing),
        cmocka_unit_test(a_clock_that_begins_in_1970_deletes_nothing),
        cmocka_unit_test(a_store_that_is_created_with_a_wrong_clock_keeps_good_rows),
        cmocka_unit_test(forecasts_do_not_vouch_for_a_wrong_clock),
        cmocka_unit_test(a_jump_of_hours_deletes_nothing_of_an_hour_either),
        cmocka_unit_test(a_store_that_runs_gets_rid_of_what_is_old),
        cmocka_unit_test(what_is_imported_into_a_new_store_is_old_at_once_and_told),
        cmocka_unit_test(an_idle_store_that_gets_new_data_drops_the_old),
        cmocka_unit_test(time_counts_that_only_the_log_was_written_in),
        cmocka_unit_test(a_store_that_was_closed_for_long_drops_the_old_later),
        cmocka_unit_test(an_expired_correction_does_not_bring_back_what_it_corrected),
        cmocka_unit_test(overwrites_and_retention_never_show_an_old_value),
        cmocka_unit_test(eras_stay_few_and_in_order),
        cmocka_unit_test(a_cutoff_is_retention_and_grace_of_lived_time_ago),
    };

    return cmocka_run_group_tests_name("retention", tests, NULL, NULL);
}
