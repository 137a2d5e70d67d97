/*
 * test_model.c -- random writes, deletes, flushes, merges and reopens against a plain model of the
 * rows, also with parts that are cut and with retention. HIST_LONG=1 takes more seeds.
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
#include "tests/support/small_db.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_model_of_cut_parts),
    };

    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
