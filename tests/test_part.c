/* test_part.c -- part files: what goes in comes out, whole, in part, merged. */
#include "tests/support/part_world.h"

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

enum { PLACES = 6 }; /* Three tables of two partitions each. */

static uint32_t place_table(uint32_t place)
{
    return 10 + place / 2;
}

/* Places in order; `twice`: the last one once more, which is a mistake of the caller. */
static void write_places(const hi_part_config *config, world *worlds, bool twice,
                         hi_part_summary *summary)
{
    hi_part_column columns[FM_COLUMNS];
    hi_part_writer *writer = NULL;
    hist_error err;

    all_columns(columns);
    must(hi_part_writer_open(config, PART, HI_PROFILE_WARM, &writer, &err), &err);
    for (uint32_t i = 0; i < PLACES; i++) {
        const hi_part_input input = {.table = place_table(i),
                                     .partition_ns = (int64_t)(i % 2) * 1000000 - 500000,
                                     .width_ns = 1000000,
                                     .frags = worlds[i].frags,
                                     .frag_count = worlds[i].count,
                                     .columns = columns,
                                     .column_count = FM_COLUMNS,
                                     .drop_before_ns = INT64_MIN};

        must(hi_part_writer_merge(writer, &input, &err), &err);
        if (twice && i == PLACES - 1) {
            assert_int_equal(hi_part_writer_merge(writer, &input, &err), HIST_EINTERNAL);
            assert_int_equal(hi_part_writer_finish(writer, 1, SOURCES, summary, &err),
                             HIST_EINTERNAL);
        }
    }
    if (!twice) {
        must(hi_part_writer_finish(writer, 1, SOURCES, summary, &err), &err);
    }
    hi_part_writer_close(writer);
}

/* The first partition of a table only: the second has the same keys here and would merge. */
static void check_place(hi_part *part, hi_mem *mem, const world *w, uint32_t place,
                        const hi_part_span *span)
{
    hi_frag_list list = {0};
    hi_merge_spec spec = everything;
    hi_arena arena;
    hist_error err;
    size_t count = 0;

    hi_arena_init(&arena, mem);
    must(hi_part_frags(part, place_table(place), INT64_MIN, INT64_MAX, NULL, 0, &arena, mem, &list,
                       &err),
         &err);
    spec.frags = list.frags;
    for (uint32_t k = 0; k < list.count; k++) {
        assert_int_equal(list.frags[k]->width_ns, 1000000);
        assert_int_equal(list.frags[k]->table, place_table(place));
        spec.frag_count += list.frags[k]->partition_ns == -500000;
    }
    fm_row *expected = fm_model(w->sources, w->count, TABLE, &spec, &count);
    assert_int_equal(span->rows, count);
    assert_int_equal(span->table, place_table(place));
    fm_expect(mem, &spec, 1000, expected, count, false, "first partition");
    free(expected);
    for (uint32_t k = 0; k < list.count; k++) {
        list.frags[k]->ops->close(list.frags[k]);
    }
    hi_arena_free(&arena);
}

static void a_part_holds_many_tables_and_partitions(void **state)
{
    const shape s = {.sources = 2, .rows = 300, .series = 5, .times = 100};
    hist_vfs *vfs = new_vfs();
    hi_part_summary summary;
    hi_mem mem;
    hist_error err;
    world worlds[PLACES];
    uint64_t seed = 21;

    (void)state;
    hi_mem_init(&mem, NULL, NULL, 0);
    const hi_part_config config = config_of(vfs, &mem, 128);
    for (uint32_t i = 0; i < PLACES; i++) {
        world_make(&worlds[i], &s, &seed);
    }
    write_places(&config, worlds, true, &summary);
    assert_int_equal(files_of(vfs), 0);
    write_places(&config, worlds, false, &summary);
    assert_int_equal(summary.span_count, PLACES);
    hi_part *part = open_part(&config, PART, &summary);
    for (uint32_t i = 0; i < PLACES; i += 2) {
        check_place(part, &mem, &worlds[i], i, &summary.spans[i]);
    }
    must(hi_part_verify(part, no_problem, NULL, &err), &err);
    hi_part_free(part);
    hi_part_summary_free(&mem, &summary);
    for (uint32_t i = 0; i < PLACES; i++) {
        world_free(&worlds[i]);
    }
    assert_int_equal(mem.used, 0);
    hist_vfs_memory_free(vfs);
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
    fixture_close(&f);
    world_free(&w);
}

static void a_part_without_rows_leaves_no_file(void **state)
{
    const shape s = {.sources = 1, .rows = 100, .series = 3, .times = 200};
    uint64_t seed = 32;
    hi_part_summary summary;
    hist_error err;
    world w;
    fixture f;

    (void)state;
    world_make(&w, &s, &seed);
    fixture_open(&f, &w, HI_PROFILE_WARM, 1000);
    const int files = files_of(f.vfs);
    const hi_part_input input = {.table = TABLE,
                                 .width_ns = INT64_MAX,
                                 .frags = w.frags,
                                 .frag_count = w.count,
                                 .columns = f.columns,
                                 .column_count = FM_COLUMNS,
                                 .drop_before_ns = INT64_MAX};
    must(write_part(&f.config, PART + 2, HI_PROFILE_WARM, &input, &summary, &err), &err);
    assert_int_equal(summary.rows, 0);
    assert_int_equal(summary.size_bytes, 0);
    assert_int_equal(files_of(f.vfs), files);
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
        cmocka_unit_test(a_part_without_rows_leaves_no_file),
    };

    return cmocka_run_group_tests_name("part", tests, NULL, NULL);
}
