/* test_runlist.c -- merging keys and gathering columns, against a slow model. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/frag_mem.h"

enum { TABLE = 3, SOURCES_MAX = 6, TOMBSTONES_MAX = 4 };

typedef struct world {
    fm_row *rows[SOURCES_MAX];
    fm_source sources[SOURCES_MAX];
    hi_frag *frags[SOURCES_MAX];
    uint32_t count;
    hi_tombstone tombstones[TOMBSTONES_MAX];
    uint32_t tombstone_series[2];
    uint32_t wanted[3];
    hi_merge_spec spec;
} world;

/* How random worlds look. */
typedef struct shape {
    uint32_t sources;
    uint32_t rows_max;
    uint32_t series;
    int64_t times;
    bool disjoint; /* Each source has times of its own. */
} shape;

static void world_make(world *w, const shape *s, uint64_t *seed)
{
    *w = (world){.count = s->sources};
    for (uint32_t i = 0; i < s->sources; i++) {
        const size_t count = (size_t)(fm_random(seed) % (s->rows_max + 1));
        fm_row *rows = calloc(count + 1, sizeof(fm_row));

        for (size_t r = 0; r < count; r++) {
            rows[r].series = (uint32_t)(fm_random(seed) % s->series) * 3;
            rows[r].time_ns = (int64_t)(fm_random(seed) % (uint64_t)s->times) - s->times / 2;
            rows[r].time_ns += s->disjoint ? (int64_t)i * s->times : 0;
            fm_fill(&rows[r], seed);
        }
        w->rows[i] = rows;
        /* Ages do not follow positions; some are equal, then position decides. */
        w->sources[i] = (fm_source){rows, fm_sort_unique(rows, count), 10 + fm_random(seed) % 8};
        w->frags[i] = fm_frag_new(rows, w->sources[i].count, TABLE, 1, w->sources[i].seq_high,
                                  1 + (uint32_t)(fm_random(seed) % 300));
    }
    w->spec = (hi_merge_spec){.frags = w->frags,
                              .frag_count = w->count,
                              .from_ns = INT64_MIN,
                              .to_ns = INT64_MAX,
                              .to_inclusive = true};
}

static void world_free(world *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        w->frags[i]->ops->close(w->frags[i]);
        free(w->rows[i]);
    }
}

/* A time that some row has, or one beside it. */
static int64_t world_time(const world *w, uint64_t *seed)
{
    const fm_source *source = &w->sources[fm_random(seed) % w->count];

    if (source->count == 0) {
        return 0;
    }
    return source->rows[fm_random(seed) % source->count].time_ns + (int64_t)(fm_random(seed) % 3) -
           1;
}

/* Tombstones, time ranges and series filters, each sometimes. */
static void world_restrict(world *w, const shape *s, uint64_t *seed)
{
    const int64_t span = s->disjoint ? s->times * s->sources : s->times;

    w->spec.tombstones = w->tombstones;
    w->spec.tombstone_count = (uint32_t)(fm_random(seed) % (TOMBSTONES_MAX + 1));
    w->tombstone_series[0] = (uint32_t)(fm_random(seed) % s->series) * 3;
    w->tombstone_series[1] = w->tombstone_series[0] + 3;
    for (uint32_t i = 0; i < TOMBSTONES_MAX; i++) {
        hi_tombstone *t = &w->tombstones[i];

        *t = (hi_tombstone){.seq = 8 + fm_random(seed) % 12,
                            .table = fm_random(seed) % 5 == 0 ? TABLE + 1 : TABLE,
                            .from_ns = (int64_t)(fm_random(seed) % (uint64_t)span) - s->times / 2};
        t->to_ns = t->from_ns + (int64_t)(fm_random(seed) % (uint64_t)span) / 3;
        if (fm_random(seed) % 2 == 0) {
            t->from_ns = world_time(w, seed);
            t->to_ns = world_time(w, seed);
        }
        if (i % 2 == 0) {
            t->series = w->tombstone_series;
            t->series_count = 2;
        }
    }
    if (fm_random(seed) % 2 == 0) {
        w->spec.from_ns = (int64_t)(fm_random(seed) % (uint64_t)span) - s->times / 2;
        w->spec.to_ns = w->spec.from_ns + (int64_t)(fm_random(seed) % (uint64_t)span) / 2;
        if (fm_random(seed) % 2 == 0) {
            w->spec.from_ns = world_time(w, seed);
            w->spec.to_ns = world_time(w, seed);
        }
        w->spec.to_inclusive = fm_random(seed) % 2 == 0;
    }
    if (fm_random(seed) % 2 == 0) {
        w->wanted[0] = (uint32_t)(fm_random(seed) % s->series);
        w->wanted[1] = w->wanted[0] + 1 + (uint32_t)(fm_random(seed) % s->series);
        w->wanted[2] = w->wanted[1] + 1 + (uint32_t)(fm_random(seed) % s->series);
        w->spec.series = w->wanted;
        w->spec.series_count = (uint32_t)(fm_random(seed) % 4);
    }
}

static void run_worlds(const shape *s, bool restricted, uint64_t first_seed, int rounds)
{
    hi_mem mem;

    hi_mem_init(&mem, NULL, NULL, 0);
    for (int round = 0; round < rounds; round++) {
        uint64_t seed = first_seed + (uint64_t)round;
        char label[64];
        world w;
        size_t count = 0;

        (void)snprintf(label, sizeof(label), "seed %llu", (unsigned long long)seed);
        world_make(&w, s, &seed);
        if (restricted) {
            world_restrict(&w, s, &seed);
        }
        fm_row *expected = fm_model(w.sources, w.count, TABLE, &w.spec, &count);
        fm_expect(&mem, &w.spec, 1 + (uint32_t)(fm_random(&seed) % 500), expected, count, false,
                  label);
        fm_expect(&mem, &w.spec, 65536, expected, count, false, label);
        free(expected);
        world_free(&w);
    }
    assert_int_equal(mem.used, 0);
}

static int rounds_of(int usual)
{
    return getenv("HIST_LONG") == NULL ? usual : usual * 50;
}

static void overlapping_fragments_merge_field_by_field(void **state)
{
    const shape dense = {.sources = 5, .rows_max = 400, .series = 3, .times = 300};

    (void)state;
    run_worlds(&dense, false, 1000, rounds_of(40));
}

static void restricted_merges_give_what_the_model_gives(void **state)
{
    const shape dense = {.sources = 6, .rows_max = 300, .series = 5, .times = 400};

    (void)state;
    run_worlds(&dense, true, 2000, rounds_of(120));
}

static void fragments_that_touch_nowhere_pass_whole(void **state)
{
    const shape apart = {
        .sources = 4, .rows_max = 500, .series = 2, .times = 1000, .disjoint = true};

    (void)state;
    run_worlds(&apart, false, 3000, rounds_of(20));
    run_worlds(&apart, true, 3500, rounds_of(40));
}

static void many_small_series_merge(void **state)
{
    const shape many = {.sources = 4, .rows_max = 3000, .series = 900, .times = 20};

    (void)state;
    run_worlds(&many, true, 4000, rounds_of(10));
}

static void pieces_of_what_does_not_overlap_are_whole_runs(void **state)
{
    fm_row rows[40] = {0};
    hi_frag *frags[2];
    hi_merge_spec spec = {.frags = frags,
                          .frag_count = 2,
                          .from_ns = INT64_MIN,
                          .to_ns = INT64_MAX,
                          .to_inclusive = true};
    hi_merge *merge = NULL;
    hi_runlist list;
    hi_mem mem;
    hist_error err;

    (void)state;
    hi_mem_init(&mem, NULL, NULL, 0);
    for (int i = 0; i < 40; i++) {
        rows[i] = (fm_row){.series = 1, .time_ns = i};
    }
    frags[0] = fm_frag_new(rows + 20, 20, TABLE, 1, 1, 100);
    frags[1] = fm_frag_new(rows, 20, TABLE, 2, 2, 100);
    assert_int_equal(hi_merge_open(&mem, &spec, &merge, &err), HIST_OK);
    assert_int_equal(hi_merge_next(merge, 1000, &list, &err), HIST_OK);
    assert_int_equal(list.rows, 40);
    assert_int_equal(list.piece_count, 2);
    assert_int_equal(list.run_count, 1);
    assert_int_equal(list.pieces[0].frag, 1);
    assert_int_equal(list.pieces[0].rows, 20);
    assert_int_equal(hi_merge_next(merge, 1000, &list, &err), HIST_OK);
    assert_int_equal(list.rows, 0);
    hi_merge_close(merge);
    frags[0]->ops->close(frags[0]);
    frags[1]->ops->close(frags[1]);
    assert_int_equal(mem.used, 0);
}

/* The merge of `spec` in pieces that have room for so many rows; returns how many pieces. */
static uint32_t collect_pieces(hi_mem *mem, hi_merge_spec spec, uint64_t room_rows, uint64_t *rows)
{
    uint32_t pieces = 0;
    bool more = true;

    for (; more; pieces++) {
        hi_merge *merge = NULL;
        hi_runlist list = {.rows = 1};
        uint64_t used = 0;
        uint32_t last = 0;
        hist_error err;

        assert_int_equal(hi_merge_open(mem, &spec, &merge, &err), HIST_OK);
        while (list.rows > 0) {
            hi_merge_set_room(merge, used < room_rows ? room_rows - used : 0);
            assert_int_equal(hi_merge_next(merge, 7, &list, &err), HIST_OK);
            assert_true(list.rows <= 7);
            assert_true(list.rows == 0 || list.runs[0].series >= spec.first_series);
            last = list.rows == 0 ? last : list.runs[list.run_count - 1].series;
            used += list.rows;
        }
        more = hi_merge_stopped(merge, &spec.first_series);
        assert_true(used > 0 && (!more || spec.first_series > last));
        hi_merge_close(merge);
        *rows += used;
    }
    return pieces;
}

/* Room for exactly the series there are: nothing is cut. One row less: it is, and only between
   series. */
static void a_merge_ends_before_the_series_that_does_not_fit(void **state)
{
    enum { SERIES = 5, EACH = 10 };
    const struct {
        uint64_t room_rows;
        uint32_t pieces;
    } cases[] = {{50, 1}, {49, 2}, {40, 2}, {39, 2}, {30, 2}, {29, 3},        {20, 3},
                 {19, 5}, {10, 5}, {9, 5},  {1, 5},  {0, 5},  {UINT64_MAX, 1}};
    fm_row rows[SERIES * EACH] = {0};
    hi_frag *frags[2];
    const hi_merge_spec spec = {.frags = frags,
                                .frag_count = 2,
                                .from_ns = INT64_MIN,
                                .to_ns = INT64_MAX,
                                .to_inclusive = true};
    hi_mem mem;

    (void)state;
    hi_mem_init(&mem, NULL, NULL, 0);
    for (int i = 0; i < SERIES * EACH; i++) {
        rows[i] = (fm_row){.series = 3 * (uint32_t)(i / EACH), .time_ns = i};
    }
    frags[0] = fm_frag_new(rows, 24, TABLE, 1, 1, 100);
    frags[1] = fm_frag_new(rows + 24, 26, TABLE, 2, 2, 100);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t total = 0;

        assert_int_equal(collect_pieces(&mem, spec, cases[i].room_rows, &total), cases[i].pieces);
        assert_int_equal(total, SERIES * EACH);
    }
    frags[0]->ops->close(frags[0]);
    frags[1]->ops->close(frags[1]);
    assert_int_equal(mem.used, 0);
}

/* Fails allocation number `left`. */
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

static void every_failed_allocation_is_an_error_and_leaks_nothing(void **state)
{
    const shape dense = {.sources = 4, .rows_max = 300, .series = 3, .times = 200};
    uint64_t seed = 77;
    world w;
    bool through = false;

    (void)state;
    world_make(&w, &dense, &seed);
    for (int64_t n = 1; !through; n++) {
        failing f = {.left = n};
        const hist_allocator allocator = {failing_alloc, failing_free, &f};
        fm_row *rows = NULL;
        size_t count = 0;
        hi_mem mem;
        hist_error err;

        hi_mem_init(&mem, &allocator, NULL, 0);
        const hist_status status = fm_collect(&mem, &w.spec, 128, &rows, &count, &err);
        through = f.left > 0;
        assert_int_equal(status, through ? HIST_OK : HIST_ENOMEM);
        assert_int_equal(mem.used, 0);
        free(rows);
    }
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlapping_fragments_merge_field_by_field),
        cmocka_unit_test(restricted_merges_give_what_the_model_gives),
        cmocka_unit_test(fragments_that_touch_nowhere_pass_whole),
        cmocka_unit_test(many_small_series_merge),
        cmocka_unit_test(pieces_of_what_does_not_overlap_are_whole_runs),
        cmocka_unit_test(a_merge_ends_before_the_series_that_does_not_fit),
        cmocka_unit_test(every_failed_allocation_is_an_error_and_leaks_nothing),
    };

    return cmocka_run_group_tests_name("runlist", tests, NULL, NULL);
}
