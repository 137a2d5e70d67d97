/* test_part_limits.c -- parts when calls fail, memory is short, and threads share them. */
#include <pthread.h>

#include "tests/support/part_world.h"
#include "tests/support/vfs_fault.h"

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

/* Two parts whose rows overlap everywhere, merged into a third: the peak of memory. */
static uint64_t peak_of_wide_merge(const world *w, uint32_t column_count)
{
    hist_vfs *vfs = new_vfs();
    hi_part_column columns[50];
    wide_frag wide[2];
    hi_part_summary summaries[3];
    hi_part *parts[2];
    hi_frag_list list = {0};
    hi_arena arena;
    hi_mem mem;
    hist_error err;

    hi_mem_init(&mem, NULL, NULL, 0);
    hi_arena_init(&arena, &mem);
    for (uint32_t i = 0; i < column_count; i++) {
        columns[i] = (hi_part_column){1 + i, HIST_TYPE_REAL};
    }
    const hi_part_config config = config_of(vfs, &mem, 65536);
    hi_part_input input = {.table = TABLE,
                           .width_ns = INT64_MAX,
                           .frag_count = 1,
                           .columns = columns,
                           .column_count = column_count,
                           .drop_before_ns = INT64_MIN};
    for (uint32_t i = 0; i < 2; i++) {
        hi_frag *frag = &wide[i].base;

        wide[i] = (wide_frag){.base = *w->frags[i], .inner = w->frags[i]};
        wide[i].base.ops = &wide_ops;
        input.frags = &frag;
        must(write_part(&config, PART + i, HI_PROFILE_WARM, &input, &summaries[i], &err), &err);
        parts[i] = open_part(&config, PART + i, &summaries[i]);
        must(hi_part_frags(parts[i], TABLE, INT64_MIN, INT64_MAX, NULL, 0, &arena, &mem, &list,
                           &err),
             &err);
    }
    input.frags = list.frags;
    input.frag_count = list.count;
    must(write_part(&config, PART + 2, HI_PROFILE_WARM, &input, &summaries[2], &err), &err);
    for (uint32_t i = 0; i < list.count; i++) {
        list.frags[i]->ops->close(list.frags[i]);
    }
    for (uint32_t i = 0; i < 3; i++) {
        hi_part_free(i < 2 ? parts[i] : NULL);
        hi_part_summary_free(&mem, &summaries[i]);
    }
    hi_arena_free(&arena);
    assert_int_equal(mem.used, 0);
    hist_vfs_memory_free(vfs);
    return mem.peak;
}

static void memory_does_not_grow_with_the_columns(void **state)
{
    const shape s = {.sources = 2, .rows = 40000, .series = 3, .times = 90000};
    uint64_t seed = 61;
    world w;

    (void)state;
    world_make(&w, &s, &seed);
    const uint64_t few = peak_of_wide_merge(&w, 2);
    const uint64_t many = peak_of_wide_merge(&w, 50);
    print_message("peak with 2 columns %llu bytes, with 50 columns %llu bytes\n",
                  (unsigned long long)few, (unsigned long long)many);
    /* What grows is the directory: some bytes a block. */
    assert_true(many < few + 600 * 1024);
    assert_true(many < 12 * 1024 * 1024);
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

static void check_long_rows(hi_mem *mem, const hi_frag_list *list, uint32_t column)
{
    uint32_t row = 0;
    hist_error err;

    for (uint32_t i = 0; i < list->count; i++) {
        hi_frag *g = list->frags[i];

        for (uint32_t r = 0; r < g->rows; r++, row++) {
            const hi_runlist one = {&(hi_piece){i, r, 1, false}, 1, NULL, 0, 1};
            hist_column c;
            hi_arena scratch;

            hi_arena_init(&scratch, mem);
            must(hi_gather(&scratch, list->frags, &one, column, HIST_TYPE_STRING, &c, &err), &err);
            const hist_str text = hist_column_str(&c, 0);
            assert_int_equal(text.size, LONG_SIZE);
            assert_int_equal(text.data[LONG_SIZE - 1], 'a' + (int)(row % 26));
            hi_arena_free(&scratch);
        }
        g->ops->release(g, 0);
    }
    assert_int_equal(row, LONG_ROWS);
}

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
    check_long_rows(&mem, &list, column.id);
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

/* How many row groups a part has that must hold these rows. */
static uint32_t check_rows(hist_vfs *vfs, const hi_part_summary *summary, const fm_row *expected,
                           size_t count)
{
    hi_frag_list list = {0};
    hi_merge_spec spec = everything;
    hi_arena arena;
    hi_mem mem;
    hist_error err;

    hi_mem_init(&mem, NULL, NULL, 0);
    hi_arena_init(&arena, &mem);
    const hi_part_config config = config_of(vfs, &mem, 65536);
    hi_part *part = open_part(&config, PART, summary);
    must(hi_part_frags(part, TABLE, INT64_MIN, INT64_MAX, NULL, 0, &arena, &mem, &list, &err),
         &err);
    spec.frags = list.frags;
    spec.frag_count = list.count;
    fm_expect(&mem, &spec, 65536, expected, count, false, "small budget");
    for (uint32_t i = 0; i < list.count; i++) {
        list.frags[i]->ops->close(list.frags[i]);
    }
    hi_part_free(part);
    hi_arena_free(&arena);
    return list.count;
}

/* A merge under ever smaller budgets fails or gives the same rows. */
static void a_small_budget_makes_small_groups(void **state)
{
    const shape s = {.sources = 3, .rows = 9000, .series = 6, .times = 4000};
    hi_part_column columns[FM_COLUMNS];
    uint64_t seed = 62;
    uint32_t shrunk = 0;
    size_t count = 0;
    world w;

    (void)state;
    world_make(&w, &s, &seed);
    all_columns(columns);
    fm_row *expected = fm_model(w.sources, w.count, TABLE, &everything, &count);
    const hi_part_input input = {.table = TABLE,
                                 .width_ns = INT64_MAX,
                                 .frags = w.frags,
                                 .frag_count = w.count,
                                 .columns = columns,
                                 .column_count = FM_COLUMNS,
                                 .drop_before_ns = INT64_MIN};
    for (uint64_t limit = 6000 * 1024; limit > 1000 * 1024; limit -= 200 * 1024) {
        hist_vfs *vfs = new_vfs();
        hi_part_summary summary;
        hi_mem mem;

        hi_mem_init(&mem, NULL, NULL, limit);
        const hi_part_config config = config_of(vfs, &mem, 65536);
        const hist_status status =
            write_part(&config, PART, HI_PROFILE_WARM, &input, &summary, NULL);
        assert_true(status == HIST_OK || status == HIST_ENOMEM);
        if (status == HIST_OK) {
            shrunk += check_rows(vfs, &summary, expected, count) > 1;
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
        cmocka_unit_test(every_failed_call_leaves_no_part_and_no_leak),
        cmocka_unit_test(every_failed_read_is_an_error_and_the_next_one_works),
        cmocka_unit_test(every_failed_allocation_is_out_of_memory_and_leaks_nothing),
        cmocka_unit_test(memory_does_not_grow_with_the_columns),
        cmocka_unit_test(groups_shrink_until_their_texts_fit),
        cmocka_unit_test(a_small_budget_makes_small_groups),
        cmocka_unit_test(threads_share_a_part),
    };

    return cmocka_run_group_tests_name("part_limits", tests, NULL, NULL);
}
