/* test_part.c -- part files: what goes in comes out, and damage never comes out as a wrong answer. */
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

#include "base/hash.h"
#include "os/file.h"
#include "store/part.h"
#include "store/part_dir.h"
#include "tests/support/frag_mem.h"
#include "tests/support/vfs_fault.h"

enum { TABLE = 3, PART = 7, SOURCES = 4 };
#define STORE UINT64_C(0x1122334455667788)

static hi_part_config config_of(hist_vfs *vfs, hi_mem *mem, uint32_t group_rows)
{
    return (hi_part_config){
        .vfs = vfs, .dir = "db", .mem = mem, .store = STORE, .group_rows_max = group_rows};
}

static hist_vfs *new_vfs(void)
{
    hist_vfs *vfs = hist_vfs_memory_new();

    assert_non_null(vfs);
    assert_int_equal(vfs->mkdir(vfs, "db", NULL), HIST_OK);
    return vfs;
}

static void all_columns(hi_part_column columns[FM_COLUMNS])
{
    for (int c = 0; c < FM_COLUMNS; c++) {
        /* Not in order of their ids. */
        columns[FM_COLUMNS - 1 - c] = (hi_part_column){FM_COLUMN_ID(c), fm_type(c)};
    }
}

/* ---- worlds: some fragments, random ---- */

typedef struct world {
    fm_row *rows[SOURCES];
    fm_source sources[SOURCES];
    hi_frag *frags[SOURCES];
    uint32_t count;
} world;

typedef struct shape {
    uint32_t sources;
    uint32_t rows;
    uint32_t series;
    int64_t times;
    bool big_first; /* Half of the rows are of series 0. */
} shape;

static void world_make(world *w, const shape *s, uint64_t *seed)
{
    *w = (world){.count = s->sources};
    for (uint32_t i = 0; i < s->sources; i++) {
        fm_row *rows = calloc((size_t)s->rows + 1, sizeof(fm_row));

        for (size_t r = 0; r < s->rows; r++) {
            rows[r].series = (uint32_t)(fm_random(seed) % s->series) * 2;
            if (s->big_first && r % 2 == 0) {
                rows[r].series = 0;
            }
            rows[r].time_ns = (int64_t)(fm_random(seed) % (uint64_t)s->times) * 1000;
            fm_fill(&rows[r], seed);
        }
        w->rows[i] = rows;
        w->sources[i] = (fm_source){rows, fm_sort_unique(rows, s->rows), i + 1};
        w->frags[i] = fm_frag_new(rows, w->sources[i].count, TABLE, i + 1, i + 1, 1 + i * 1000);
    }
}

static void world_free(world *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        w->frags[i]->ops->close(w->frags[i]);
        free(w->rows[i]);
    }
}

static hist_status write_part(const hi_part_config *config, uint64_t id, hi_profile profile,
                              const hi_part_input *input, hi_part_summary *summary, hist_error *err)
{
    hi_part_writer *writer = NULL;

    *summary = (hi_part_summary){0};
    HI_TRY(hi_part_writer_open(config, id, profile, &writer, err));
    hist_status status = hi_part_writer_merge(writer, input, err);
    if (status == HIST_OK) {
        status = hi_part_writer_finish(writer, 1, SOURCES, summary, err);
    }
    hi_part_writer_close(writer);
    return status;
}

static void must(hist_status status, const hist_error *err)
{
    if (status != HIST_OK) {
        fail_msg("%s: %s", hist_status_name(status), err->message);
    }
}

static hi_part *open_part(const hi_part_config *config, uint64_t id, const hi_part_summary *summary)
{
    hi_part *part = NULL;
    hist_error err;

    must(hi_part_new(config, id, summary->size_bytes, summary->footer_hash, summary->seq_low,
                     summary->seq_high, &part, &err),
         &err);
    return part;
}

/* A part on a VFS, with everything to read it. */
typedef struct fixture {
    hist_vfs *vfs;
    hi_mem mem;
    hi_part_config config;
    hi_part_column columns[FM_COLUMNS];
    hi_part_summary summary;
    hi_part *part;
    hi_arena arena;
    hi_frag_list list;
} fixture;

static void fixture_open(fixture *f, world *w, hi_profile profile, uint32_t group_rows)
{
    hist_error err;

    *f = (fixture){.vfs = new_vfs()};
    hi_mem_init(&f->mem, NULL, NULL, 0);
    hi_arena_init(&f->arena, &f->mem);
    f->config = config_of(f->vfs, &f->mem, group_rows);
    all_columns(f->columns);
    const hi_part_input input = {.table = TABLE,
                                 .width_ns = INT64_MAX,
                                 .frags = w->frags,
                                 .frag_count = w->count,
                                 .columns = f->columns,
                                 .column_count = FM_COLUMNS,
                                 .drop_before_ns = INT64_MIN};
    must(write_part(&f->config, PART, profile, &input, &f->summary, &err), &err);
    f->part = open_part(&f->config, PART, &f->summary);
}

static void fixture_frags(fixture *f, int64_t from_ns, int64_t last_ns, const uint32_t *series,
                          uint32_t series_count)
{
    hist_error err;

    must(hi_part_frags(f->part, TABLE, from_ns, last_ns, series, series_count, &f->arena, &f->mem,
                       &f->list, &err),
         &err);
}

static void fixture_drop_frags(fixture *f)
{
    for (uint32_t i = 0; i < f->list.count; i++) {
        f->list.frags[i]->ops->close(f->list.frags[i]);
    }
    f->list = (hi_frag_list){0};
    hi_arena_free(&f->arena);
}

static void fixture_close(fixture *f)
{
    fixture_drop_frags(f);
    hi_part_free(f->part);
    hi_part_summary_free(&f->mem, &f->summary);
    assert_int_equal(f->mem.used, 0);
    hist_vfs_memory_free(f->vfs);
}

static void no_problem(void *arg, const char *file, int64_t offset, const char *problem)
{
    (void)arg;
    fail_msg("%s at %lld: %s", file, (long long)offset, problem);
}

static const hi_merge_spec everything = {
    .from_ns = INT64_MIN, .to_ns = INT64_MAX, .to_inclusive = true};

/* Reads the part back as a whole, in pieces, restricted; verifies it. */
static void check_world(const shape *s, hi_profile profile, uint32_t group_rows, uint64_t seed)
{
    char label[96];
    world w;
    fixture f;
    size_t count = 0;
    hist_error err;

    (void)snprintf(label, sizeof(label), "seed %llu, %u rows, groups of %u",
                   (unsigned long long)seed, s->rows, group_rows);
    world_make(&w, s, &seed);
    fixture_open(&f, &w, profile, group_rows);
    fm_row *expected = fm_model(w.sources, w.count, TABLE, &everything, &count);
    assert_int_equal(f.summary.rows, count);
    fixture_frags(&f, INT64_MIN, INT64_MAX, NULL, 0);
    hi_merge_spec spec = everything;
    spec.frags = f.list.frags;
    spec.frag_count = f.list.count;
    fm_expect(&f.mem, &spec, 65536, expected, count, false, label);
    fm_expect(&f.mem, &spec, 1000, expected, count, false, label);
    spec.stop_at_blocks = true;
    fm_expect(&f.mem, &spec, 8192, expected, count, false, label);
    spec.stop_at_blocks = false;
    free(expected);
    for (int round = 0; round < 4; round++) {
        const uint32_t wanted[2] = {(uint32_t)(fm_random(&seed) % s->series),
                                    (uint32_t)(s->series + fm_random(&seed) % s->series)};

        fixture_drop_frags(&f);
        spec.from_ns = (int64_t)(fm_random(&seed) % (uint64_t)s->times) * 1000 - 500;
        spec.to_ns = spec.from_ns + (int64_t)(fm_random(&seed) % (uint64_t)s->times) * 500;
        spec.series = round % 2 == 0 ? NULL : wanted;
        spec.series_count = 2;
        fixture_frags(&f, spec.from_ns, spec.to_ns, spec.series, spec.series_count);
        spec.frags = f.list.frags;
        spec.frag_count = f.list.count;
        expected = fm_model(w.sources, w.count, TABLE, &spec, &count);
        fm_expect(&f.mem, &spec, 8192, expected, count, false, label);
        free(expected);
    }
    fixture_drop_frags(&f);
    must(hi_part_verify(f.part, no_problem, NULL, &err), &err);
    fixture_close(&f);
    world_free(&w);
}

static void what_is_written_comes_back(void **state)
{
    const shape few = {.sources = 3, .rows = 800, .series = 4, .times = 500};
    const shape one = {.sources = 2, .rows = 30000, .series = 1, .times = 60000};
    const shape many = {.sources = 2, .rows = 9000, .series = 3000, .times = 50};
    const shape mixed = {
        .sources = 2, .rows = 25000, .series = 300, .times = 40000, .big_first = true};

    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        const hi_profile profile = seed % 2 == 0 ? HI_PROFILE_WARM : HI_PROFILE_COLD;

        check_world(&few, profile, 100, seed);
        check_world(&few, profile, 65536, seed + 10);
    }
    check_world(&one, HI_PROFILE_WARM, 65536, 100);
    check_world(&one, HI_PROFILE_COLD, 20000, 101);
    check_world(&many, HI_PROFILE_WARM, 65536, 102);
    check_world(&many, HI_PROFILE_WARM, 777, 103);
    check_world(&mixed, HI_PROFILE_WARM, 65536, 104);
    check_world(&mixed, HI_PROFILE_COLD, 30000, 105);
}

/* ---- ranges, times and statistics ---- */

/* Rows whose values go up with time, so that blocks have ranges of their own. */
static void rising_world(world *w, uint32_t rows, uint64_t *seed)
{
    const shape s = {.sources = 1, .rows = rows, .series = 2, .times = 10};

    world_make(w, &s, seed);
    w->frags[0]->ops->close(w->frags[0]);
    for (uint32_t i = 0; i < rows; i++) {
        fm_row *r = &w->rows[0][i];

        *r = (fm_row){.series = i < rows / 2 ? 1 : 2, .time_ns = i};
        fm_fill(r, seed);
        r->cells[FM_LONG].bits = i + fm_random(seed) % 100;
        r->cells[FM_REAL].bits = hi_bits_of((double)i / 8.0);
        r->cells[FM_RARE].has = i > rows / 2 && r->cells[FM_RARE].has;
    }
    w->sources[0].count = rows;
    w->frags[0] = fm_frag_new(w->rows[0], rows, TABLE, 1, 1, 500);
}

static void skipped_blocks_never_hold_a_matching_row(void **state)
{
    uint64_t seed = 5;
    uint64_t skipped = 0;
    size_t count = 0;
    world w;
    fixture f;

    (void)state;
    rising_world(&w, 60000, &seed);
    fixture_open(&f, &w, HI_PROFILE_WARM, 65536);
    hi_merge_spec spec = everything;
    fm_row *expected = fm_model(w.sources, w.count, TABLE, &spec, &count);
    for (int round = 0; round < 12; round++) {
        const int64_t low = (int64_t)(fm_random(&seed) % 60000);
        const int64_t high = low + (int64_t)(fm_random(&seed) % 9000);
        const hi_range ranges[4] = {
            {.column = FM_COLUMN_ID(FM_LONG),
             .type = HIST_TYPE_LONG,
             .min_int = low,
             .max_int = high},
            {.column = FM_COLUMN_ID(FM_REAL),
             .type = HIST_TYPE_REAL,
             .min_real = (double)low / 8.0,
             .max_real = (double)high / 8.0},
            {.column = FM_COLUMN_ID(FM_RARE),
             .type = HIST_TYPE_LONG,
             .min_int = INT64_MIN,
             .max_int = INT64_MAX},
            {.column = HI_COLUMN_TIME, .type = HIST_TYPE_DATETIME, .min_int = low, .max_int = high},
        };

        fixture_drop_frags(&f);
        fixture_frags(&f, INT64_MIN, INT64_MAX, NULL, 0);
        spec.frags = f.list.frags;
        spec.frag_count = f.list.count;
        spec.ranges = &ranges[round % 4];
        spec.range_count = 1;
        spec.blocks_skipped = &skipped;
        skipped = 0;
        fm_expect(&f.mem, &spec, 65536, expected, count, true, "ranges");
        assert_true(skipped >= 1 && skipped < 8);
    }
    free(expected);
    fixture_close(&f);
    world_free(&w);
}

static void a_merged_stretch_is_never_skipped(void **state)
{
    const hi_range range = {.column = FM_COLUMN_ID(FM_LONG),
                            .type = HIST_TYPE_LONG,
                            .min_int = 1000000,
                            .max_int = 1000000};
    fm_row newer[1] = {{.series = 1, .time_ns = 100}};
    hi_frag *frags[2];
    uint64_t seed = 6;
    size_t count = 0;
    world w;
    fixture f;

    (void)state;
    rising_world(&w, 20000, &seed);
    fixture_open(&f, &w, HI_PROFILE_WARM, 65536);
    fixture_frags(&f, INT64_MIN, INT64_MAX, NULL, 0);
    assert_int_equal(f.list.count, 1);
    /* The old row matches nothing, but the new value of one of its fields does. */
    newer[0].cells[FM_LONG] = (fm_cell){true, 1000000};
    frags[0] = f.list.frags[0];
    frags[1] = fm_frag_new(newer, 1, TABLE, 9, 9, 10);
    hi_merge_spec spec = everything;
    spec.frags = frags;
    spec.frag_count = 2;
    spec.ranges = &range;
    spec.range_count = 1;
    const fm_source sources[2] = {w.sources[0], {newer, 1, 9}};
    fm_row *expected = fm_model(sources, 2, TABLE, &spec, &count);
    fm_expect(&f.mem, &spec, 65536, expected, count, true, "merged");
    free(expected);
    frags[1]->ops->close(frags[1]);
    fixture_close(&f);
    world_free(&w);
}

static void the_directory_has_the_statistics_of_every_block(void **state)
{
    uint64_t seed = 8;
    uint32_t row = 0;
    world w;
    fixture f;

    (void)state;
    rising_world(&w, 20000, &seed);
    fixture_open(&f, &w, HI_PROFILE_WARM, 65536);
    fixture_frags(&f, INT64_MIN, INT64_MAX, NULL, 0);
    hi_frag *frag = f.list.frags[0];
    while (row < 20000) {
        hi_block_stats stats;
        const uint32_t rows = frag->ops->stats(frag, FM_COLUMN_ID(FM_LONG), row, &stats);
        uint64_t sum = 0;
        uint32_t nulls = 0;

        assert_true(rows > 0 && rows <= HI_BLOCK_ROWS_MAX);
        for (uint32_t i = row; i < row + rows; i++) {
            const fm_cell *cell = &w.rows[0][i].cells[FM_LONG];

            sum += cell->has ? cell->bits : 0;
            nulls += !cell->has;
        }
        assert_int_equal(stats.sum_lo, sum);
        assert_int_equal(stats.nulls, nulls);
        assert_int_equal(frag->ops->stats(frag, FM_COLUMN_ID(FM_LONG), row + 1, &stats), 0);
        assert_int_equal(frag->ops->stats(frag, FM_COLUMN_ID(FM_NEVER), row, &stats), rows);
        assert_int_equal(stats.nulls, rows);
        row += rows;
    }
    assert_int_equal(frag->ops->column(frag, FM_COLUMN_ID(FM_NEVER)), 0);
    fixture_close(&f);
    world_free(&w);
}

static void a_block_whose_edge_matches_is_not_skipped(void **state)
{
    uint64_t seed = 9;
    uint32_t row = 0;
    world w;
    fixture f;

    (void)state;
    rising_world(&w, 20000, &seed);
    /* In the last block one single row has a rare value. */
    for (uint32_t i = 0; i < 20000; i++) {
        w.rows[0][i].cells[FM_RARE] = (fm_cell){i == 19000, 5};
    }
    w.frags[0]->ops->close(w.frags[0]);
    w.frags[0] = fm_frag_new(w.rows[0], 20000, TABLE, 1, 1, 500);
    fixture_open(&f, &w, HI_PROFILE_WARM, 65536);
    fixture_frags(&f, INT64_MIN, INT64_MAX, NULL, 0);
    hi_frag *frag = f.list.frags[0];
    for (uint32_t rows = 0; row < 20000; row += rows) {
        hi_block_stats s;
        hi_range r = {.column = FM_COLUMN_ID(FM_REAL), .type = HIST_TYPE_REAL};

        rows = frag->ops->stats(frag, r.column, row, &s);
        r.min_real = hi_double_of(s.max);
        r.max_real = 1e9;
        assert_int_equal(frag->ops->skippable(frag, row, &r), 0);
        r.min_real = -1e9;
        r.max_real = hi_double_of(s.min);
        assert_int_equal(frag->ops->skippable(frag, row, &r), 0);
        r.max_real = hi_double_of(s.min) - 0.01;
        assert_true(frag->ops->skippable(frag, row, &r) >= rows);
        r.column = FM_COLUMN_ID(FM_LONG);
        r.type = HIST_TYPE_LONG;
        rows = frag->ops->stats(frag, r.column, row, &s);
        r.min_int = (int64_t)s.max;
        r.max_int = INT64_MAX;
        assert_int_equal(frag->ops->skippable(frag, row, &r), 0);
        r.min_int = INT64_MIN;
        r.max_int = (int64_t)s.min;
        assert_int_equal(frag->ops->skippable(frag, row, &r), 0);
        r.column = FM_COLUMN_ID(FM_RARE);
        r.max_int = 5;
        assert_true((frag->ops->skippable(frag, row, &r) == 0) ==
                    (row <= 19000 && 19000 < row + rows));
    }
    fixture_close(&f);
    world_free(&w);
}

static void find_gives_the_first_row_not_before_a_time(void **state)
{
    uint64_t seed = 10;
    world w;
    fixture f;

    (void)state;
    rising_world(&w, 50000, &seed);
    for (uint32_t i = 0; i < 50000; i++) {
        w.rows[0][i].time_ns = 2 * (int64_t)i;
    }
    w.frags[0]->ops->close(w.frags[0]);
    w.frags[0] = fm_frag_new(w.rows[0], 50000, TABLE, 1, 1, 500);
    fixture_open(&f, &w, HI_PROFILE_WARM, 65536);
    fixture_frags(&f, INT64_MIN, INT64_MAX, NULL, 0);
    hi_frag *frag = f.list.frags[0];
    for (int round = 0; round < 400; round++) {
        /* Rows of the first series are 0 to 24999. Every fourth time is the edge of a block. */
        uint32_t row = (uint32_t)(fm_random(&seed) % 24999);
        uint32_t aim = (uint32_t)(fm_random(&seed) % 25000);
        uint32_t found = 0;
        hist_error err;

        if (round % 4 == 0) {
            aim += frag->ops->block_left(frag, aim) - 1;
        }
        row = row < aim ? row : aim;
        for (int64_t beside = -1; beside <= 1; beside++) {
            const uint32_t expected = beside == 1 ? aim + 1 : aim;

            must(frag->ops->find(frag, row, 25000, 2 * (int64_t)aim + beside, &found, &err), &err);
            assert_int_equal(found, expected);
        }
    }
    fixture_close(&f);
    world_free(&w);
}

static void lists_that_stop_at_blocks_are_gathered_in_place(void **state)
{
    uint64_t seed = 11;
    uint32_t in_place = 0;
    uint32_t lists = 0;
    world w;
    fixture f;
    hi_merge *merge = NULL;
    hi_arena arena;
    hist_error err;

    (void)state;
    rising_world(&w, 50000, &seed); /* Two series of 25000 rows: four blocks of 6250 each. */
    fixture_open(&f, &w, HI_PROFILE_WARM, 65536);
    fixture_frags(&f, INT64_MIN, INT64_MAX, NULL, 0);
    hi_merge_spec spec = everything;
    spec.frags = f.list.frags;
    spec.frag_count = f.list.count;
    spec.stop_at_blocks = true;
    must(hi_merge_open(&f.mem, &spec, &merge, &err), &err);
    for (;; lists++) {
        hi_runlist list;
        hist_column column;
        hi_view view;

        must(hi_merge_next(merge, 8192, &list, &err), &err);
        if (list.rows == 0) {
            break;
        }
        hi_arena_init(&arena, &f.mem);
        must(
            hi_gather(&arena, spec.frags, &list, HI_COLUMN_TIME, HIST_TYPE_DATETIME, &column, &err),
            &err);
        must(f.list.frags[0]->ops->view(f.list.frags[0], HI_COLUMN_TIME, list.pieces[0].row, 1,
                                        &view, &err),
             &err);
        in_place += column.data == view.data;
        hi_arena_free(&arena);
    }
    hi_merge_close(merge);
    assert_int_equal(lists, 8);
    assert_int_equal(in_place, 8);
    fixture_close(&f);
    world_free(&w);
}

/* ---- several tables and partitions, deletes, retention ---- */

static void a_part_holds_many_tables_and_partitions(void **state)
{
    const shape s = {.sources = 2, .rows = 300, .series = 5, .times = 100};
    hist_vfs *vfs = new_vfs();
    hi_part_column columns[FM_COLUMNS];
    hi_part_summary summary;
    hi_part_writer *writer = NULL;
    hi_mem mem;
    hist_error err;
    world worlds[6];
    uint64_t seed = 21;

    (void)state;
    hi_mem_init(&mem, NULL, NULL, 0);
    const hi_part_config config = config_of(vfs, &mem, 128);
    all_columns(columns);
    must(hi_part_writer_open(&config, PART, HI_PROFILE_WARM, &writer, &err), &err);
    for (uint32_t i = 0; i < 6; i++) {
        world_make(&worlds[i], &s, &seed);
        const hi_part_input input = {.table = 10 + i / 2,
                                     .partition_ns = (int64_t)(i % 2) * 1000000 - 500000,
                                     .width_ns = 1000000,
                                     .frags = worlds[i].frags,
                                     .frag_count = worlds[i].count,
                                     .columns = columns,
                                     .column_count = FM_COLUMNS,
                                     .drop_before_ns = INT64_MIN};
        must(hi_part_writer_merge(writer, &input, &err), &err);
        /* The same place once more is a mistake of the caller. */
        if (i == 5) {
            assert_int_equal(hi_part_writer_merge(writer, &input, &err), HIST_EINTERNAL);
        }
    }
    hi_part_writer_close(writer);
    must(hi_part_writer_open(&config, PART, HI_PROFILE_WARM, &writer, &err), &err);
    for (uint32_t i = 0; i < 6; i++) {
        const hi_part_input input = {.table = 10 + i / 2,
                                     .partition_ns = (int64_t)(i % 2) * 1000000 - 500000,
                                     .width_ns = 1000000,
                                     .frags = worlds[i].frags,
                                     .frag_count = worlds[i].count,
                                     .columns = columns,
                                     .column_count = FM_COLUMNS,
                                     .drop_before_ns = INT64_MIN};
        must(hi_part_writer_merge(writer, &input, &err), &err);
    }
    must(hi_part_writer_finish(writer, 1, SOURCES, &summary, &err), &err);
    hi_part_writer_close(writer);
    assert_int_equal(summary.span_count, 6);
    hi_part *part = open_part(&config, PART, &summary);
    for (uint32_t i = 0; i < 6; i += 2) {
        const fm_source sources[4] = {worlds[i].sources[0], worlds[i].sources[1],
                                      worlds[i + 1].sources[0], worlds[i + 1].sources[1]};
        hi_frag_list list = {0};
        hi_merge_spec spec = everything;
        hi_arena arena;
        size_t count = 0;

        hi_arena_init(&arena, &mem);
        must(hi_part_frags(part, 10 + i / 2, INT64_MIN, INT64_MAX, NULL, 0, &arena, &mem, &list,
                           &err),
             &err);
        for (uint32_t k = 0; k < list.count; k++) {
            assert_int_equal(list.frags[k]->width_ns, 1000000);
            assert_int_equal(list.frags[k]->table, 10 + i / 2);
        }
        /* Only the first partition: the second has the same keys here and would merge. */
        uint32_t first = 0;
        while (first < list.count && list.frags[first]->partition_ns == -500000) {
            first++;
        }
        spec.frags = list.frags;
        spec.frag_count = first;
        fm_row *expected = fm_model(sources, 2, TABLE, &spec, &count);
        assert_int_equal(summary.spans[i].rows, count);
        assert_int_equal(summary.spans[i].table, 10 + i / 2);
        fm_expect(&mem, &spec, 1000, expected, count, false, "first partition");
        free(expected);
        for (uint32_t k = 0; k < list.count; k++) {
            list.frags[k]->ops->close(list.frags[k]);
        }
        hi_arena_free(&arena);
    }
    must(hi_part_verify(part, no_problem, NULL, &err), &err);
    hi_part_free(part);
    hi_part_summary_free(&mem, &summary);
    for (uint32_t i = 0; i < 6; i++) {
        world_free(&worlds[i]);
    }
    assert_int_equal(mem.used, 0);
    hist_vfs_memory_free(vfs);
}

static int count_files(void *arg, const char *name)
{
    (void)name;
    ++*(int *)arg;
    return 0;
}

static int files_of(hist_vfs *vfs)
{
    int files = 0;

    assert_int_equal(vfs->list(vfs, "db", count_files, &files, NULL), HIST_OK);
    return files;
}

static void merging_parts_applies_deletes_and_retention(void **state)
{
    const shape s = {.sources = 3, .rows = 3000, .series = 9, .times = 2000};
    const uint32_t gone[2] = {4, 6};
    const hi_tombstone tombstones[2] = {
        {.seq = 3, .table = TABLE, .from_ns = 300000, .to_ns = 900000},
        {.seq = 99,
         .table = TABLE,
         .series = gone,
         .series_count = 2,
         .from_ns = 0,
         .to_ns = 1500000},
    };
    uint64_t seed = 31;
    hi_part_summary summary;
    size_t count = 0;
    hist_error err;
    world w;
    fixture f;

    (void)state;
    world_make(&w, &s, &seed);
    fixture_open(&f, &w, HI_PROFILE_WARM, 1000);
    /* One half from the part (commits 1 to 4), one half newer rows in memory. */
    fixture_frags(&f, INT64_MIN, INT64_MAX, NULL, 0);
    hi_frag *newer = fm_frag_new(w.rows[0], w.sources[0].count, TABLE, 50, 50, 99);
    assert_int_equal(hi_frag_list_add(&f.list, &f.arena, newer), HIST_OK);
    hi_part_input input = {.table = TABLE,
                           .width_ns = INT64_MAX,
                           .frags = f.list.frags,
                           .frag_count = f.list.count,
                           .columns = f.columns,
                           .column_count = FM_COLUMNS,
                           .tombstones = tombstones,
                           .tombstone_count = 2,
                           .drop_before_ns = 100000};
    must(write_part(&f.config, PART + 1, HI_PROFILE_COLD, &input, &summary, &err), &err);

    size_t merged_count = 0;
    fm_row *merged = fm_model(w.sources, w.count, TABLE, &everything, &merged_count);
    const fm_source sources[2] = {{merged, merged_count, SOURCES},
                                  {w.rows[0], w.sources[0].count, 50}};
    hi_merge_spec spec = everything;
    spec.tombstones = tombstones;
    spec.tombstone_count = 2;
    spec.from_ns = 100000;
    fm_row *expected = fm_model(sources, 2, TABLE, &spec, &count);
    hi_part *part = open_part(&f.config, PART + 1, &summary);
    hi_frag_list list = {0};
    must(hi_part_frags(part, TABLE, INT64_MIN, INT64_MAX, NULL, 0, &f.arena, &f.mem, &list, &err),
         &err);
    spec = everything;
    spec.frags = list.frags;
    spec.frag_count = list.count;
    fm_expect(&f.mem, &spec, 65536, expected, count, false, "merged part");
    must(hi_part_verify(part, no_problem, NULL, &err), &err);
    for (uint32_t i = 0; i < list.count; i++) {
        list.frags[i]->ops->close(list.frags[i]);
    }
    hi_part_free(part);
    hi_part_summary_free(&f.mem, &summary);
    free(expected);
    free(merged);

    /* And when nothing is left there is no file. */
    const int files = files_of(f.vfs);
    input.drop_before_ns = INT64_MAX;
    must(write_part(&f.config, PART + 2, HI_PROFILE_WARM, &input, &summary, &err), &err);
    assert_int_equal(summary.rows, 0);
    assert_int_equal(summary.size_bytes, 0);
    assert_int_equal(files_of(f.vfs), files);
    fixture_close(&f);
    world_free(&w);
}

/* ---- damage ---- */

typedef struct answer {
    hist_status status;
    fm_row *rows;
    size_t count;
    hist_error err;
} answer;

/* All rows, or those of one narrow time range. */
static answer ask(const hi_part_config *config, const hi_part_summary *summary, bool narrow)
{
    answer a = {.status = HIST_OK};
    hi_part *part = NULL;
    hi_frag_list list = {0};
    hi_merge_spec spec = everything;
    hi_arena arena;

    a.status = hi_part_new(config, PART, summary->size_bytes, summary->footer_hash,
                           summary->seq_low, summary->seq_high, &part, &a.err);
    if (a.status != HIST_OK) {
        return a;
    }
    hi_arena_init(&arena, config->mem);
    if (narrow) {
        spec.from_ns = 20000;
        spec.to_ns = 26000;
    }
    a.status = hi_part_frags(part, TABLE, spec.from_ns, spec.to_ns, NULL, 0, &arena, config->mem,
                             &list, &a.err);
    if (a.status == HIST_OK) {
        spec.frags = list.frags;
        spec.frag_count = list.count;
        a.status = fm_collect(config->mem, &spec, 300, &a.rows, &a.count, &a.err);
    }
    for (uint32_t i = 0; i < list.count; i++) {
        list.frags[i]->ops->close(list.frags[i]);
    }
    hi_arena_free(&arena);
    hi_part_free(part);
    return a;
}

/* An error that names the file, or the answer of the sound file. */
static bool same_or_error(const answer *a, const answer *sound, hist_status expected)
{
    if (a->status != HIST_OK) {
        assert_true(a->status == expected || a->status == HIST_ECORRUPT);
        assert_non_null(strstr(a->err.message, "P-7.hp"));
        return false;
    }
    assert_int_equal(a->count, sound->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_true(fm_same(&a->rows[i], &sound->rows[i]));
    }
    return true;
}

static void count_problem(void *arg, const char *file, int64_t offset, const char *problem)
{
    (void)offset;
    (void)problem;
    assert_non_null(strstr(file, "P-7.hp"));
    ++*(int *)arg;
}

static int verify_part(const hi_part_config *config, const hi_part_summary *summary)
{
    hi_part *part = open_part(config, PART, summary);
    int problems = 0;

    const hist_status status = hi_part_verify(part, count_problem, &problems, NULL);
    assert_true((status == HIST_OK) == (problems == 0));
    hi_part_free(part);
    return problems;
}

static uint8_t *load_file(fixture *f, size_t *size_out)
{
    hi_file_data file;

    assert_int_equal(hi_file_read_whole(f->vfs, "db/P-7.hp", &f->mem, 1 << 30, &file, NULL),
                     HIST_OK);
    uint8_t *copy = malloc(file.size);
    assert_non_null(copy);
    memcpy(copy, file.data, file.size);
    *size_out = file.size;
    hi_file_data_free(&file, &f->mem);
    return copy;
}

static void store_file(fixture *f, const uint8_t *data, size_t size)
{
    const hist_iov iov = {data, size};
    hist_error err;

    assert_int_equal(f->vfs->unlink(f->vfs, "db/P-7.hp", NULL), HIST_OK);
    must(hi_file_write_new(f->vfs, "db", "P-7.hp", &iov, 1, &err), &err);
}

static void any_damaged_byte_is_an_error_or_the_same_answer(void **state)
{
    const shape s = {.sources = 2, .rows = 90, .series = 4, .times = 60};
    uint64_t seed = 41;
    size_t size = 0;
    int found = 0;
    world w;
    fixture f;

    (void)state;
    world_make(&w, &s, &seed);
    fixture_open(&f, &w, HI_PROFILE_WARM, 70);
    uint8_t *data = load_file(&f, &size);
    const answer all = ask(&f.config, &f.summary, false);
    const answer narrow = ask(&f.config, &f.summary, true);
    must(all.status, &all.err);
    must(narrow.status, &narrow.err);
    for (size_t at = 0; at < size; at++) {
        data[at] ^= (uint8_t)(1u << (at % 8));
        store_file(&f, data, size);
        data[at] ^= (uint8_t)(1u << (at % 8));
        answer a = ask(&f.config, &f.summary, false);
        found += !same_or_error(&a, &all, HIST_ECORRUPT);
        free(a.rows);
        a = ask(&f.config, &f.summary, true);
        (void)same_or_error(&a, &narrow, HIST_ECORRUPT);
        free(a.rows);
        if (verify_part(&f.config, &f.summary) == 0) {
            fail_msg("nobody notices a flipped bit in byte %zu of %zu", at, size);
        }
    }
    /* Reading everything reads every byte. */
    assert_int_equal(found, (int)size);
    free(all.rows);
    free(narrow.rows);
    free(data);
    fixture_close(&f);
    world_free(&w);
}

static void a_file_of_another_length_is_an_error(void **state)
{
    const shape s = {.sources = 1, .rows = 40, .series = 2, .times = 60};
    uint64_t seed = 42;
    size_t size = 0;
    world w;
    fixture f;

    (void)state;
    world_make(&w, &s, &seed);
    fixture_open(&f, &w, HI_PROFILE_WARM, 70);
    uint8_t *data = load_file(&f, &size);
    uint8_t *more = calloc(1, size + 1);
    memcpy(more, data, size);
    for (size_t length = 0; length <= size + 1; length += 7) {
        if (length == size) {
            continue;
        }
        store_file(&f, more, length);
        answer a = ask(&f.config, &f.summary, false);
        assert_int_equal(a.status, HIST_ECORRUPT);
        /* And when the manifest has the wrong length as well. */
        hi_part_summary summary = f.summary;
        summary.size_bytes = length;
        a = ask(&f.config, &summary, false);
        assert_int_equal(a.status, HIST_ECORRUPT);
    }
    free(more);
    free(data);
    fixture_close(&f);
    world_free(&w);
}

static void misplaced_and_foreign_bytes_are_noticed(void **state)
{
    const shape s = {.sources = 1, .rows = 40, .series = 2, .times = 60};
    uint64_t seed = 43;
    world w;
    fixture f;

    (void)state;
    world_make(&w, &s, &seed);
    fixture_open(&f, &w, HI_PROFILE_WARM, 70);
    hi_part_config other = f.config;
    other.store ^= 1;
    answer a = ask(&other, &f.summary, false);
    assert_int_equal(a.status, HIST_ECORRUPT);
    hi_part_summary summary = f.summary;
    summary.footer_hash ^= 1;
    a = ask(&f.config, &summary, false);
    assert_int_equal(a.status, HIST_ECORRUPT);
    summary = f.summary;
    summary.seq_high++;
    a = ask(&f.config, &summary, false);
    assert_int_equal(a.status, HIST_ECORRUPT);
    assert_int_equal(f.vfs->rename(f.vfs, "db/P-7.hp", "db/P-8.hp", NULL), HIST_OK);
    a = ask(&f.config, &f.summary, false);
    assert_int_equal(a.status, HIST_ECORRUPT);
    assert_non_null(strstr(a.err.message, "gone"));
    fixture_close(&f);
    world_free(&w);
}

/* Directory of the only row group, unpacked. */
static hi_part_dir *load_dir(fixture *f, const uint8_t *data, size_t size, hi_part_footer *footer,
                             hi_part_tail *tail)
{
    hi_part_dir *dir = NULL;

    assert_int_equal(hi_part_tail_parse(data + size - HI_PART_TAIL_SIZE, size, tail), HIST_OK);
    assert_int_equal(hi_part_footer_parse(&f->mem, data + tail->footer_offset, tail->footer_size,
                                          tail->footer_offset, footer),
                     HIST_OK);
    assert_int_equal(footer->group_count, 1);
    const hi_part_group *g = &footer->groups[0];
    assert_int_equal(hi_part_dir_parse(&f->mem, data + g->dir_offset, g->dir_size, g, &dir),
                     HIST_OK);
    return dir;
}

static void blocks_that_changed_places_are_noticed(void **state)
{
    hi_part_block blocks[64];
    hi_part_footer footer;
    hi_part_tail tail;
    uint64_t seed = 45;
    uint64_t offset = 0;
    uint32_t shared = 0;
    size_t size = 0;
    world w;
    fixture f;

    (void)state;
    rising_world(&w, 20000, &seed);
    for (uint32_t i = 0; i < 20000; i++) {
        w.rows[0][i].cells[FM_BOOL] = (fm_cell){true, 1};
    }
    w.frags[0]->ops->close(w.frags[0]);
    w.frags[0] = fm_frag_new(w.rows[0], 20000, TABLE, 1, 1, 500);
    fixture_open(&f, &w, HI_PROFILE_WARM, 65536);
    uint8_t *data = load_file(&f, &size);
    hi_part_dir *dir = load_dir(&f, data, size, &footer, &tail);
    const hi_part_page *page = hi_part_dir_page(dir, FM_COLUMN_ID(FM_BOOL));
    assert_non_null(page);
    assert_int_equal(hi_part_dir_blocks(dir, page, size, &offset, &shared, blocks), HIST_OK);
    const size_t bytes = blocks[0].size + HI_PART_HASH_SIZE;
    assert_int_equal(blocks[0].size, blocks[1].size);
    /* The same values, yet not the same checksum. */
    assert_memory_equal(data + blocks[0].offset, data + blocks[1].offset, blocks[0].size);
    memcpy(data + blocks[1].offset, data + blocks[0].offset, bytes);
    store_file(&f, data, size);
    const answer a = ask(&f.config, &f.summary, false);
    assert_int_equal(a.status, HIST_ECORRUPT);
    assert_int_equal(a.err.offset, blocks[1].offset);
    free(a.rows);
    hi_part_dir_free(&f.mem, dir);
    hi_part_footer_free(&f.mem, &footer);
    free(data);
    fixture_close(&f);
    world_free(&w);
}

static void verify_finds_statistics_that_lie(void **state)
{
    hi_part_footer footer;
    hi_part_tail tail;
    uint64_t seed = 46;
    size_t size = 0;
    world w;
    fixture f;

    (void)state;
    rising_world(&w, 200, &seed);
    w.rows[0][150].cells[FM_RARE] = (fm_cell){true, 77};
    w.frags[0]->ops->close(w.frags[0]);
    w.frags[0] = fm_frag_new(w.rows[0], 200, TABLE, 1, 1, 500);
    fixture_open(&f, &w, HI_PROFILE_WARM, 65536);
    uint8_t *data = load_file(&f, &size);
    hi_part_dir *dir = load_dir(&f, data, size, &footer, &tail);
    hi_part_group *g = &footer.groups[0];
    /* The last bytes of a directory are a statistic: stored plainly, it can be changed. */
    hi_buf file;
    hi_buf_init(&file, &f.mem, 1 << 20);
    hi_buf_append(&file, data, g->dir_offset);
    hi_buf_byte(&file, 0);
    dir->bytes[dir->bytes_size - 3] ^= 1;
    hi_buf_append(&file, dir->bytes, dir->bytes_size);
    g->dir_size = (uint32_t)(file.size - g->dir_offset);
    g->dir_hash =
        hi_hash(file.data + g->dir_offset, g->dir_size, hi_hash_seed(STORE, PART, g->dir_offset));
    tail.footer_offset = file.size;
    hi_part_footer_put(&file, &footer);
    tail.footer_size = (uint32_t)(file.size - tail.footer_offset);
    tail.footer_hash = hi_hash(file.data + tail.footer_offset, tail.footer_size,
                               hi_hash_seed(STORE, PART, tail.footer_offset));
    uint8_t end[HI_PART_TAIL_SIZE];
    hi_part_tail_put(end, &tail);
    hi_buf_append(&file, end, sizeof(end));
    assert_true(hi_buf_ok(&file));
    store_file(&f, (const uint8_t *)file.data, file.size);
    hi_part_summary summary = f.summary;
    summary.size_bytes = file.size;
    summary.footer_hash = tail.footer_hash;
    assert_int_equal(verify_part(&f.config, &summary), 1);
    hi_buf_free(&file);
    hi_part_dir_free(&f.mem, dir);
    hi_part_footer_free(&f.mem, &footer);
    free(data);
    fixture_close(&f);
    world_free(&w);
}

static void an_unknown_feature_or_version_is_refused_by_number(void **state)
{
    const shape s = {.sources = 1, .rows = 40, .series = 2, .times = 60};
    uint64_t seed = 44;
    size_t size = 0;
    world w;
    fixture f;

    (void)state;
    world_make(&w, &s, &seed);
    fixture_open(&f, &w, HI_PROFILE_WARM, 70);
    uint8_t *data = load_file(&f, &size);
    uint8_t header[HI_PART_HEADER_SIZE];
    memcpy(header, data, sizeof(header));
    for (int round = 0; round < 4; round++) {
        memcpy(data, header, sizeof(header));
        if (round == 0) {
            hi_put_u64(data + 32, UINT64_C(1) << 13);
        } else if (round == 1) {
            hi_put_u32(data + 8, 1);
        } else {
            hi_put_u64(data + 8 + (size_t)round * 4, UINT64_MAX); /* These two may be ignored. */
        }
        hi_put_u64(data + 56, hi_hash(data, 56, hi_hash_seed(STORE, PART, 0)));
        store_file(&f, data, size);
        const answer a = ask(&f.config, &f.summary, false);
        assert_int_equal(a.status, round < 2 ? HIST_EVERSION : HIST_OK);
        if (round < 2) {
            assert_non_null(strstr(a.err.message, round == 0 ? "13" : "format 1"));
        }
        free(a.rows);
    }
    free(data);
    fixture_close(&f);
    world_free(&w);
}

/* ---- faults and memory ---- */

static void every_failed_call_leaves_no_part_and_no_leak(void **state)
{
    const shape s = {.sources = 2, .rows = 900, .series = 4, .times = 600};
    uint64_t seed = 51;
    bool reached = true;
    world w;

    (void)state;
    world_make(&w, &s, &seed);
    for (uint64_t n = 1; reached; n++) {
        hist_vfs *inner = new_vfs();
        hist_vfs *vfs = vfs_fault_new(inner);
        hi_part_column columns[FM_COLUMNS];
        hi_part_summary summary;
        hi_mem mem;
        hist_error err;

        hi_mem_init(&mem, NULL, NULL, 0);
        all_columns(columns);
        vfs_fault_arm(vfs, (vfs_fault_plan){.at = n, .kind = VFS_FAULT_EIO});
        const hi_part_config config = config_of(vfs, &mem, 300);
        const hi_part_input input = {.table = TABLE,
                                     .width_ns = INT64_MAX,
                                     .frags = w.frags,
                                     .frag_count = w.count,
                                     .columns = columns,
                                     .column_count = FM_COLUMNS,
                                     .drop_before_ns = INT64_MIN};
        hist_status status = write_part(&config, PART, HI_PROFILE_WARM, &input, &summary, &err);
        reached = vfs_fault_reached(vfs) > 0;
        assert_int_equal(status, reached ? HIST_EIO : HIST_OK);
        if (status == HIST_OK) {
            assert_int_equal(files_of(inner), 1);
            hi_part_summary_free(&mem, &summary);
        } else {
            assert_int_equal(files_of(inner), 0);
        }
        assert_int_equal(mem.used, 0);
        vfs_fault_free(vfs);
        hist_vfs_memory_free(inner);
    }
    world_free(&w);
}

static void every_failed_read_is_an_error_and_the_next_one_works(void **state)
{
    const shape s = {.sources = 1, .rows = 900, .series = 4, .times = 600};
    uint64_t seed = 52;
    bool reached = true;
    world w;
    fixture f;

    (void)state;
    world_make(&w, &s, &seed);
    fixture_open(&f, &w, HI_PROFILE_WARM, 300);
    hist_vfs *vfs = vfs_fault_new(f.vfs);
    hi_part_config config = f.config;
    config.vfs = vfs;
    const answer sound = ask(&f.config, &f.summary, false);
    for (uint64_t n = 1; reached; n++) {
        vfs_fault_arm(vfs, (vfs_fault_plan){.at = n, .kind = VFS_FAULT_EIO});
        answer a = ask(&config, &f.summary, false);
        reached = vfs_fault_reached(vfs) > 0;
        assert_int_equal(a.status, reached ? HIST_EIO : HIST_OK);
        free(a.rows);
        vfs_fault_arm(vfs, (vfs_fault_plan){.at = 0});
        a = ask(&config, &f.summary, false);
        assert_true(same_or_error(&a, &sound, HIST_OK));
        free(a.rows);
    }
    free(sound.rows);
    vfs_fault_free(vfs);
    fixture_close(&f);
    world_free(&w);
}

typedef struct failing {
    int64_t left;
} failing;

static void *failing_alloc(void *arg, size_t size)
{
    failing *f = arg;

    return --f->left == 0 ? NULL : malloc(size);
}

static void failing_free(void *arg, void *ptr, size_t size)
{
    (void)arg;
    (void)size;
    free(ptr);
}

/* Writes and reads with allocation number n failing. */
static hist_status write_and_read(hist_vfs *vfs, hi_mem *mem, world *w, const answer *sound)
{
    hi_part_column columns[FM_COLUMNS];
    hi_part_summary summary;
    const hi_part_config config = config_of(vfs, mem, 300);
    hist_error err;

    all_columns(columns);
    const hi_part_input input = {.table = TABLE,
                                 .width_ns = INT64_MAX,
                                 .frags = w->frags,
                                 .frag_count = w->count,
                                 .columns = columns,
                                 .column_count = FM_COLUMNS,
                                 .drop_before_ns = INT64_MIN};
    HI_TRY(write_part(&config, PART, HI_PROFILE_WARM, &input, &summary, &err));
    const answer a = ask(&config, &summary, false);
    if (a.status == HIST_OK) {
        assert_true(same_or_error(&a, sound, HIST_OK));
    }
    free(a.rows);
    hi_part_summary_free(mem, &summary);
    return a.status;
}

static void every_failed_allocation_is_out_of_memory_and_leaks_nothing(void **state)
{
    const shape s = {.sources = 1, .rows = 500, .series = 4, .times = 300};
    uint64_t seed = 53;
    bool through = false;
    world w;
    fixture f;

    (void)state;
    world_make(&w, &s, &seed);
    fixture_open(&f, &w, HI_PROFILE_WARM, 300);
    const answer sound = ask(&f.config, &f.summary, false);
    for (int64_t n = 1; !through; n++) {
        failing fail = {.left = n};
        const hist_allocator allocator = {failing_alloc, failing_free, &fail};
        hist_vfs *vfs = new_vfs();
        hi_mem mem;

        hi_mem_init(&mem, &allocator, NULL, 0);
        const hist_status status = write_and_read(vfs, &mem, &w, &sound);
        through = fail.left > 0;
        assert_true(status == HIST_ENOMEM || status == HIST_OK);
        assert_int_equal(mem.used, 0);
        hist_vfs_memory_free(vfs);
    }
    free(sound.rows);
    fixture_close(&f);
    world_free(&w);
}

/* Fifty columns: each fragment column is one of the two of the world, by another name. */
typedef struct wide_frag {
    hi_frag base;
    hi_frag *inner;
} wide_frag;

static hist_status wide_runs(hi_frag *frag, const hi_run **runs, uint32_t *count, hist_error *err)
{
    hi_frag *inner = ((wide_frag *)frag)->inner;

    return inner->ops->runs(inner, runs, count, err);
}

static hist_type wide_column(hi_frag *frag, uint32_t column)
{
    (void)frag;
    (void)column;
    return HIST_TYPE_REAL;
}

static hist_status wide_view(hi_frag *frag, uint32_t column, uint32_t row, uint32_t rows_max,
                             hi_view *view, hist_error *err)
{
    hi_frag *inner = ((wide_frag *)frag)->inner;
    const uint32_t id = column == HI_COLUMN_TIME ? column : FM_COLUMN_ID(FM_REAL);

    return inner->ops->view(inner, id, row, rows_max, view, err);
}

static const hi_frag_ops wide_ops = {.runs = wide_runs, .column = wide_column, .view = wide_view};

static void memory_does_not_grow_with_the_columns(void **state)
{
    const shape s = {.sources = 2, .rows = 40000, .series = 3, .times = 90000};
    hi_part_column columns[50];
    uint64_t peaks[2];
    uint64_t seed = 61;
    world w;

    (void)state;
    world_make(&w, &s, &seed);
    for (uint32_t i = 0; i < 50; i++) {
        columns[i] = (hi_part_column){1 + i, HIST_TYPE_REAL};
    }
    for (uint32_t round = 0; round < 2; round++) {
        hist_vfs *vfs = new_vfs();
        wide_frag wide[2];
        hi_frag *frags[2] = {&wide[0].base, &wide[1].base};
        hi_part_summary summaries[2];
        hi_part *parts[2];
        hi_frag_list list = {0};
        hi_arena arena;
        hi_mem mem;
        hist_error err;

        hi_mem_init(&mem, NULL, NULL, 0);
        hi_arena_init(&arena, &mem);
        const hi_part_config config = config_of(vfs, &mem, 65536);
        hi_part_input input = {.table = TABLE,
                               .width_ns = INT64_MAX,
                               .frag_count = 1,
                               .columns = columns,
                               .column_count = round == 0 ? 2 : 50,
                               .drop_before_ns = INT64_MIN};
        for (uint32_t i = 0; i < 2; i++) {
            wide[i] = (wide_frag){.base = *w.frags[i], .inner = w.frags[i]};
            wide[i].base.ops = &wide_ops;
            input.frags = &frags[i];
            must(write_part(&config, PART + i, HI_PROFILE_WARM, &input, &summaries[i], &err), &err);
            parts[i] = open_part(&config, PART + i, &summaries[i]);
            must(hi_part_frags(parts[i], TABLE, INT64_MIN, INT64_MAX, NULL, 0, &arena, &mem, &list,
                               &err),
                 &err);
        }
        /* Two parts whose rows overlap everywhere, merged into a third. */
        hi_part_summary summary;
        input.frags = list.frags;
        input.frag_count = list.count;
        must(write_part(&config, PART + 2, HI_PROFILE_WARM, &input, &summary, &err), &err);
        peaks[round] = mem.peak;
        for (uint32_t i = 0; i < list.count; i++) {
            list.frags[i]->ops->close(list.frags[i]);
        }
        for (uint32_t i = 0; i < 2; i++) {
            hi_part_free(parts[i]);
            hi_part_summary_free(&mem, &summaries[i]);
        }
        hi_part_summary_free(&mem, &summary);
        hi_arena_free(&arena);
        assert_int_equal(mem.used, 0);
        hist_vfs_memory_free(vfs);
    }
    print_message("peak with 2 columns %llu bytes, with 50 columns %llu bytes\n",
                  (unsigned long long)peaks[0], (unsigned long long)peaks[1]);
    /* What grows is the directory: some bytes a block. */
    assert_true(peaks[1] < peaks[0] + 600 * 1024);
    assert_true(peaks[1] < 12 * 1024 * 1024);
    world_free(&w);
}

/* One long text a row: 3000 rows of 20000 bytes. */
enum { LONG_ROWS = 3000, LONG_SIZE = 20000 };

typedef struct long_frag {
    hi_frag base;
    hi_run run;
    int64_t times[LONG_ROWS];
    int32_t offsets[2];
    char text[LONG_SIZE];
} long_frag;

static hist_status long_runs(hi_frag *frag, const hi_run **runs, uint32_t *count, hist_error *err)
{
    (void)err;
    *runs = &((long_frag *)frag)->run;
    *count = 1;
    return HIST_OK;
}

static hist_type long_column(hi_frag *frag, uint32_t column)
{
    (void)frag;
    return column == FM_COLUMN_ID(FM_TEXT) ? HIST_TYPE_STRING : (hist_type)0;
}

static hist_status long_view(hi_frag *frag, uint32_t column, uint32_t row, uint32_t rows_max,
                             hi_view *view, hist_error *err)
{
    long_frag *f = (long_frag *)frag;

    (void)err;
    *view = (hi_view){.rows = 1, .offsets = f->offsets, .bytes = f->text};
    memset(f->text, 'a' + (int)(row % 26), LONG_SIZE);
    if (column == HI_COLUMN_TIME) {
        *view = (hi_view){.rows = rows_max, .data = f->times + row};
    }
    return HIST_OK;
}

static const hi_frag_ops long_ops = {.runs = long_runs, .column = long_column, .view = long_view};

static void groups_shrink_until_their_texts_fit(void **state)
{
    static long_frag f;
    hist_vfs *vfs = new_vfs();
    hi_frag *frag = &f.base;
    const hi_part_column column = {FM_COLUMN_ID(FM_TEXT), HIST_TYPE_STRING};
    hi_part_summary summary;
    hi_frag_list list = {0};
    hi_arena arena;
    hi_mem mem;
    hist_error err;
    uint32_t row = 0;

    (void)state;
    hi_mem_init(&mem, NULL, NULL, 200 * 1024 * 1024);
    hi_arena_init(&arena, &mem);
    f.base = (hi_frag){.ops = &long_ops,
                       .table = TABLE,
                       .rows = LONG_ROWS,
                       .width_ns = INT64_MAX,
                       .last_ns = LONG_ROWS - 1,
                       .first_series = 1,
                       .last_series = 1};
    f.run = (hi_run){.series = 1, .rows = LONG_ROWS, .last_ns = LONG_ROWS - 1};
    f.offsets[1] = LONG_SIZE;
    for (int i = 0; i < LONG_ROWS; i++) {
        f.times[i] = i;
    }
    const hi_part_config config = config_of(vfs, &mem, 65536);
    const hi_part_input input = {.table = TABLE,
                                 .width_ns = INT64_MAX,
                                 .frags = &frag,
                                 .frag_count = 1,
                                 .columns = &column,
                                 .column_count = 1,
                                 .drop_before_ns = INT64_MIN};
    for (uint64_t limit = 64 * 1024; limit < 3 * 1024 * 1024; limit += 64 * 1024) {
        mem.limit = limit; /* Whatever the budget, it ends. */
        const hist_status status =
            write_part(&config, PART + 1 + limit, HI_PROFILE_WARM, &input, &summary, &err);
        assert_true(status == HIST_OK || status == HIST_ENOMEM);
        hi_part_summary_free(&mem, &summary);
        assert_int_equal(mem.used, 0);
    }
    mem.limit = 200 * 1024 * 1024;
    must(write_part(&config, PART, HI_PROFILE_WARM, &input, &summary, &err), &err);
    assert_int_equal(summary.rows, LONG_ROWS);
    hi_part *part = open_part(&config, PART, &summary);
    must(hi_part_frags(part, TABLE, INT64_MIN, INT64_MAX, NULL, 0, &arena, &mem, &list, &err),
         &err);
    assert_true(list.count > 1 && list.count < 40);
    for (uint32_t i = 0; i < list.count; i++) {
        hi_frag *g = list.frags[i];

        for (uint32_t r = 0; r < g->rows; r++, row++) {
            const hi_runlist one = {&(hi_piece){i, r, 1, false}, 1, NULL, 0, 1};
            hist_column c;
            hi_arena scratch;

            hi_arena_init(&scratch, &mem);
            must(hi_gather(&scratch, list.frags, &one, column.id, column.type, &c, &err), &err);
            const hist_str text = hist_column_str(&c, 0);
            assert_int_equal(text.size, LONG_SIZE);
            assert_int_equal(text.data[LONG_SIZE - 1], 'a' + (int)(row % 26));
            hi_arena_free(&scratch);
        }
        g->ops->release(g, 0);
    }
    assert_int_equal(row, LONG_ROWS);
    for (uint32_t i = 0; i < list.count; i++) {
        list.frags[i]->ops->close(list.frags[i]);
    }
    must(hi_part_verify(part, no_problem, NULL, &err), &err);
    hi_part_free(part);
    hi_part_summary_free(&mem, &summary);
    hi_arena_free(&arena);
    assert_int_equal(mem.used, 0);
    hist_vfs_memory_free(vfs);
}

/* A merge under ever smaller budgets fails or gives the same rows. */
static void a_small_budget_makes_small_groups(void **state)
{
    const shape s = {.sources = 3, .rows = 9000, .series = 6, .times = 4000};
    uint64_t seed = 62;
    uint32_t shrunk = 0;
    size_t count = 0;
    world w;

    (void)state;
    world_make(&w, &s, &seed);
    fm_row *expected = fm_model(w.sources, w.count, TABLE, &everything, &count);
    for (uint64_t limit = 6000 * 1024; limit > 1000 * 1024; limit -= 200 * 1024) {
        hist_vfs *vfs = new_vfs();
        hi_part_column columns[FM_COLUMNS];
        hi_part_summary summary;
        hi_frag_list list = {0};
        hi_arena arena;
        hi_mem mem;
        hist_error err;

        hi_mem_init(&mem, NULL, NULL, limit);
        all_columns(columns);
        hi_part_config config = config_of(vfs, &mem, 65536);
        const hi_part_input input = {.table = TABLE,
                                     .width_ns = INT64_MAX,
                                     .frags = w.frags,
                                     .frag_count = w.count,
                                     .columns = columns,
                                     .column_count = FM_COLUMNS,
                                     .drop_before_ns = INT64_MIN};
        const hist_status status =
            write_part(&config, PART, HI_PROFILE_WARM, &input, &summary, &err);
        assert_true(status == HIST_OK || status == HIST_ENOMEM);
        if (status == HIST_OK) {
            hi_mem free_mem;
            hi_merge_spec spec = everything;

            hi_mem_init(&free_mem, NULL, NULL, 0);
            config.mem = &free_mem;
            hi_arena_init(&arena, &free_mem);
            hi_part *part = open_part(&config, PART, &summary);
            must(hi_part_frags(part, TABLE, INT64_MIN, INT64_MAX, NULL, 0, &arena, &free_mem, &list,
                               &err),
                 &err);
            shrunk += list.count > 1;
            spec.frags = list.frags;
            spec.frag_count = list.count;
            fm_expect(&free_mem, &spec, 65536, expected, count, false, "small budget");
            for (uint32_t i = 0; i < list.count; i++) {
                list.frags[i]->ops->close(list.frags[i]);
            }
            hi_part_free(part);
            hi_arena_free(&arena);
            hi_part_summary_free(&mem, &summary);
        }
        assert_int_equal(mem.used, 0);
        hist_vfs_memory_free(vfs);
    }
    assert_true(shrunk > 0);
    free(expected);
    world_free(&w);
}

/* ---- threads ---- */

typedef struct reader {
    hi_part *part;
    hi_mem *mem;
    const fm_row *expected;
    size_t count;
    bool good;
} reader;

static void *read_all(void *arg)
{
    reader *r = arg;

    r->good = true;
    for (int round = 0; round < 10 && r->good; round++) {
        hi_frag_list list = {0};
        hi_merge_spec spec = everything;
        fm_row *rows = NULL;
        size_t count = 0;
        hi_arena arena;

        hi_arena_init(&arena, r->mem);
        r->good = hi_part_frags(r->part, TABLE, INT64_MIN, INT64_MAX, NULL, 0, &arena, r->mem,
                                &list, NULL) == HIST_OK;
        spec.frags = list.frags;
        spec.frag_count = list.count;
        r->good = r->good && fm_collect(r->mem, &spec, 500, &rows, &count, NULL) == HIST_OK &&
                  count == r->count;
        for (size_t i = 0; r->good && i < count; i++) {
            r->good = fm_same(&rows[i], &r->expected[i]);
        }
        free(rows);
        for (uint32_t i = 0; i < list.count; i++) {
            list.frags[i]->ops->close(list.frags[i]);
        }
        hi_arena_free(&arena);
        hi_part_trim(r->part);
    }
    return NULL;
}

static void threads_share_a_part(void **state)
{
    enum { THREADS = 4 };
    const shape s = {.sources = 2, .rows = 1200, .series = 4, .times = 600};
    pthread_t threads[THREADS];
    reader readers[THREADS];
    uint64_t seed = 71;
    size_t count = 0;
    world w;
    fixture f;

    (void)state;
    world_make(&w, &s, &seed);
    fixture_open(&f, &w, HI_PROFILE_WARM, 100);
    fm_row *expected = fm_model(w.sources, w.count, TABLE, &everything, &count);
    for (int i = 0; i < THREADS; i++) {
        readers[i] = (reader){f.part, &f.mem, expected, count, false};
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &readers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_true(readers[i].good);
    }
    free(expected);
    fixture_close(&f);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_comes_back),
        cmocka_unit_test(skipped_blocks_never_hold_a_matching_row),
        cmocka_unit_test(a_merged_stretch_is_never_skipped),
        cmocka_unit_test(the_directory_has_the_statistics_of_every_block),
        cmocka_unit_test(a_block_whose_edge_matches_is_not_skipped),
        cmocka_unit_test(find_gives_the_first_row_not_before_a_time),
        cmocka_unit_test(lists_that_stop_at_blocks_are_gathered_in_place),
        cmocka_unit_test(a_part_holds_many_tables_and_partitions),
        cmocka_unit_test(merging_parts_applies_deletes_and_retention),
        cmocka_unit_test(any_damaged_byte_is_an_error_or_the_same_answer),
        cmocka_unit_test(a_file_of_another_length_is_an_error),
        cmocka_unit_test(misplaced_and_foreign_bytes_are_noticed),
        cmocka_unit_test(blocks_that_changed_places_are_noticed),
        cmocka_unit_test(verify_finds_statistics_that_lie),
        cmocka_unit_test(an_unknown_feature_or_version_is_refused_by_number),
        cmocka_unit_test(every_failed_call_leaves_no_part_and_no_leak),
        cmocka_unit_test(every_failed_read_is_an_error_and_the_next_one_works),
        cmocka_unit_test(every_failed_allocation_is_out_of_memory_and_leaks_nothing),
        cmocka_unit_test(memory_does_not_grow_with_the_columns),
        cmocka_unit_test(groups_shrink_until_their_texts_fit),
        cmocka_unit_test(a_small_budget_makes_small_groups),
        cmocka_unit_test(threads_share_a_part),
    };

    return cmocka_run_group_tests_name("part", tests, NULL, NULL);
}
