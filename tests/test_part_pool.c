/*
 * test_part_pool.c -- however many parts there are, few files of them are open: parts that nobody
 * reads close again, those being read stay, also with many threads.
 */
#include <pthread.h>

#include "tests/support/part_world.h"

enum { PARTS = 9, POOL_THREADS = 4, POOL_ROUNDS = 40 };

typedef struct shelf {
    hist_vfs *vfs;
    hi_mem mem;
    hi_part_pool pool;
    hi_part *parts[PARTS];
    uint64_t rows;
} shelf;

static void shelf_open(shelf *s, uint32_t open_max)
{
    const shape small = {.sources = 1, .rows = 300, .series = 4, .times = 1000};
    hi_part_column columns[FM_COLUMNS];
    uint64_t seed = 5;
    world w;

    *s = (shelf){.vfs = new_vfs()};
    s->pool.open_max = open_max;
    hi_mem_init(&s->mem, NULL, NULL, 0);
    hi_part_config config = config_of(s->vfs, &s->mem, 100);
    config.pool = &s->pool;
    all_columns(columns);
    world_make(&w, &small, &seed);
    const hi_part_input input = {.table = TABLE,
                                 .width_ns = 1000000,
                                 .frags = w.frags,
                                 .frag_count = w.count,
                                 .columns = columns,
                                 .column_count = FM_COLUMNS,
                                 .drop_before_ns = INT64_MIN};
    for (uint64_t i = 0; i < PARTS; i++) {
        hi_part_summary summary;
        hist_error err;

        must(write_part(&config, i + 1, HI_PROFILE_WARM, &input, &summary, &err), &err);
        s->rows = summary.rows;
        s->parts[i] = open_part(&config, i + 1, &summary);
        hi_part_summary_free(&s->mem, &summary);
    }
    world_free(&w);
}

static void shelf_close(shelf *s)
{
    for (int i = 0; i < PARTS; i++) {
        hi_part_free(s->parts[i]);
    }
    assert_int_equal(atomic_load(&s->pool.open), 0);
    assert_int_equal(atomic_load(&s->mem.used), 0);
    hist_vfs_memory_free(s->vfs);
}

/* All rows of one part; false: an error, or another number. */
static bool shelf_read(shelf *s, int part, hi_arena *arena, hi_frag_list *list)
{
    uint64_t rows = 0;

    if (hi_part_frags(s->parts[part], TABLE, INT64_MIN, INT64_MAX, NULL, 0, arena, &s->mem, list,
                      NULL) != HIST_OK) {
        return false;
    }
    for (uint32_t i = 0; i < list->count; i++) {
        hi_view view = {0};

        rows += list->frags[i]->rows;
        if (list->frags[i]->ops->view(list->frags[i], HI_COLUMN_TIME, 0, 1, &view, NULL) !=
            HIST_OK) {
            return false;
        }
    }
    return rows == s->rows;
}

static void shelf_done(hi_arena *arena, hi_frag_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        list->frags[i]->ops->close(list->frags[i]);
    }
    *list = (hi_frag_list){0};
    hi_arena_free(arena);
}

static void unread_parts_close_beyond_the_limit_and_open_again(void **state)
{
    hi_frag_list held = {0};
    hi_frag_list list = {0};
    hi_arena held_arena;
    hi_arena arena;
    shelf s;

    (void)state;
    shelf_open(&s, 2);
    hi_arena_init(&held_arena, &s.mem);
    assert_true(shelf_read(&s, 0, &held_arena, &held));
    for (int round = 0; round < 3; round++) {
        for (int i = 1; i < PARTS; i++) {
            hi_arena_init(&arena, &s.mem);
            assert_true(shelf_read(&s, i, &arena, &list));
            shelf_done(&arena, &list);
            assert_true(atomic_load(&s.pool.open) <= 2);
        }
    }
    for (uint32_t i = 0; i < held.count; i++) { /* What is read all the while is still there. */
        hi_view view = {0};

        assert_int_equal(held.frags[i]->ops->view(held.frags[i], HI_COLUMN_TIME, 0, 1, &view, NULL),
                         HIST_OK);
    }
    shelf_done(&held_arena, &held);
    shelf_close(&s);
}

static void *shelf_thread(void *arg)
{
    shelf *s = arg;

    for (int i = 0; i < POOL_ROUNDS; i++) {
        hi_frag_list list = {0};
        hi_arena arena;

        hi_arena_init(&arena, &s->mem);
        const bool good = shelf_read(s, i % PARTS, &arena, &list);
        shelf_done(&arena, &list);
        if (!good) {
            return s;
        }
    }
    return NULL;
}

static void threads_may_open_and_close_the_same_parts(void **state)
{
    pthread_t threads[POOL_THREADS];
    shelf s;

    (void)state;
    shelf_open(&s, 0);
    for (int i = 0; i < POOL_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, shelf_thread, &s), 0);
    }
    for (int i = 0; i < POOL_THREADS; i++) {
        void *bad = NULL;

        (void)pthread_join(threads[i], &bad);
        assert_null(bad);
    }
    assert_int_equal(atomic_load(&s.pool.open), 0);
    shelf_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unread_parts_close_beyond_the_limit_and_open_again),
        cmocka_unit_test(threads_may_open_and_close_the_same_parts),
    };

    return cmocka_run_group_tests_name("part_pool", tests, NULL, NULL);
}
