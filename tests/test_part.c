/* test_part.c -- part files: what goes in comes out, and damage never comes out as a wrong answer. */
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

#include "store/part.h"
#include "tests/support/frag_mem.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_comes_back),
    };

    return cmocka_run_group_tests_name("part", tests, NULL, NULL);
}
