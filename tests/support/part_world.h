/*
 * part_world.h -- for tests of parts: random worlds of fragments, a part on a memory VFS, and
 * questions to it. Everything is static: cmocka's checks belong to test programs only.
 */
#ifndef TEST_PART_WORLD_H
#define TEST_PART_WORLD_H

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

#include "base/hash.h"
#include "os/file.h"
#include "store/part.h"
#include "store/part_dir.h"
#include "tests/support/frag_mem.h"

enum { TABLE = 3, PART = 7, SOURCES = 4 };
#define STORE UINT64_C(0x1122334455667788)

static inline hi_part_config config_of(hist_vfs *vfs, hi_mem *mem, uint32_t group_rows)
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

static inline void all_columns(hi_part_column columns[FM_COLUMNS])
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

static inline void world_make(world *w, const shape *s, uint64_t *seed)
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

static inline void world_free(world *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        w->frags[i]->ops->close(w->frags[i]);
        free(w->rows[i]);
    }
}

static inline hist_status write_part(const hi_part_config *config, uint64_t id, hi_profile profile,
                                     const hi_part_input *input, hi_part_summary *summary,
                                     hist_error *err)
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

static inline void must(hist_status status, const hist_error *err)
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

static inline void fixture_open(fixture *f, world *w, hi_profile profile, uint32_t group_rows)
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

static inline void fixture_frags(fixture *f, int64_t from_ns, int64_t last_ns,
                                 const uint32_t *series, uint32_t series_count)
{
    hist_error err;

    must(hi_part_frags(f->part, TABLE, from_ns, last_ns, series, series_count, &f->arena, &f->mem,
                       &f->list, &err),
         &err);
}

static inline void fixture_drop_frags(fixture *f)
{
    for (uint32_t i = 0; i < f->list.count; i++) {
        f->list.frags[i]->ops->close(f->list.frags[i]);
    }
    f->list = (hi_frag_list){0};
    hi_arena_free(&f->arena);
}

static inline void fixture_close(fixture *f)
{
    fixture_drop_frags(f);
    hi_part_free(f->part);
    hi_part_summary_free(&f->mem, &f->summary);
    assert_int_equal(f->mem.used, 0);
    hist_vfs_memory_free(f->vfs);
}

static inline void no_problem(void *arg, const char *file, int64_t offset, const char *problem)
{
    (void)arg;
    fail_msg("%s at %lld: %s", file, (long long)offset, problem);
}

static const hi_merge_spec everything
    __attribute__((unused)) = {.from_ns = INT64_MIN, .to_ns = INT64_MAX, .to_inclusive = true};

/* Rows whose values go up with time, so that blocks have ranges of their own. */
static inline void rising_world(world *w, uint32_t rows, uint64_t *seed)
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

static inline int count_files(void *arg, const char *name)
{
    (void)name;
    ++*(int *)arg;
    return 0;
}

static inline int files_of(hist_vfs *vfs)
{
    int files = 0;

    assert_int_equal(vfs->list(vfs, "db", count_files, &files, NULL), HIST_OK);
    return files;
}

typedef struct answer {
    hist_status status;
    fm_row *rows;
    size_t count;
    hist_error err;
} answer;

/* All rows, or those of one narrow time range. */
static inline answer ask(const hi_part_config *config, const hi_part_summary *summary, bool narrow)
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
static inline bool same_or_error(const answer *a, const answer *sound, hist_status expected)
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

#endif
