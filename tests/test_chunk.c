/* test_chunk.c -- rows in memory: appending, publishing, fragments, against plain rows. */
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

#include "tests/support/rows_model.h"

enum { TABLES = 3, ROWS_MAX = 20000 };

/* All rows in order of arrival. */
typedef struct world {
    hi_mem mem;
    hi_chunks *chunks;
    hi_rows batch;
    rm_row *rows;
    uint32_t count;     /* Appended. */
    uint32_t published; /* Of them. */
    uint64_t seq;
    int look;
} world;

static void world_open(world *w, uint32_t slab_rows_max, int look)
{
    *w = (world){.look = look};
    hi_mem_init(&w->mem, NULL, NULL, 0);
    w->chunks = hi_chunks_new(&w->mem, slab_rows_max);
    hi_rows_init(&w->batch, &w->mem);
    w->rows = calloc(ROWS_MAX, sizeof(rm_row));
}

static void world_close(world *w)
{
    hi_rows_free(&w->batch);
    hi_chunks_free(w->chunks);
    free(w->rows);
    assert_int_equal(w->mem.used, 0);
}

/* Looks: 0 in order with series in turn, 1 at random, 2 backwards, 3 few keys, 4 one series a batch. */
static void world_key(const world *w, rm_row *r, uint32_t n, uint64_t *seed)
{
    switch (w->look) {
    case 0:
        r->series = 1 + n % 20;
        r->time_ns = n / 20 * 10;
        break;
    case 1:
        r->series = 1 + (uint32_t)(rm_random(seed) % 3000) * 1000;
        r->time_ns = (int64_t)(rm_random(seed) % 10000) - 5000;
        break;
    case 2:
        r->series = 40 - n % 40;
        r->time_ns = 100000 - (int64_t)n;
        break;
    case 3:
        r->series = 1 + (uint32_t)(rm_random(seed) % 3);
        r->time_ns = (int64_t)(rm_random(seed) % 50);
        break;
    default:
        r->series = 1 + (uint32_t)(w->seq % 7);
        r->time_ns = n;
        break;
    }
}

static void world_append(world *w, uint32_t count, uint64_t *seed)
{
    hi_rows_clear(&w->batch);
    w->seq++;
    for (uint32_t i = 0; i < count && w->count < ROWS_MAX; i++) {
        rm_row *r = &w->rows[w->count];

        r->table = 1 + (uint32_t)(rm_random(seed) % TABLES);
        world_key(w, r, w->count, seed);
        rm_fill(r, seed);
        assert_true(rm_put(&w->batch, r));
        w->count++;
    }
    assert_int_equal(hi_chunks_append(w->chunks, &w->batch, w->seq, NULL), HIST_OK);
}

/* ---- what fragments say ---- */

static int key_compare(const void *a, const void *b)
{
    const rm_row *x = *(rm_row *const *)a;
    const rm_row *y = *(rm_row *const *)b;

    if (x->series != y->series) {
        return x->series < y->series ? -1 : 1;
    }
    if (x->time_ns != y->time_ns) {
        return x->time_ns < y->time_ns ? -1 : 1;
    }
    return x < y ? -1 : x > y; /* The same array: in order of arrival. */
}

/* Rows with one key become one, the newest value of each field. */
static uint32_t fold(rm_row **rows, uint32_t count, rm_row *out)
{
    uint32_t n = 0;

    qsort(rows, count, sizeof(*rows), key_compare);
    for (uint32_t i = 0; i < count; i++) {
        if (n > 0 && out[n - 1].series == rows[i]->series &&
            out[n - 1].time_ns == rows[i]->time_ns) {
            for (int c = 0; c < RM_COLUMNS; c++) {
                if (rows[i]->has[c]) {
                    out[n - 1].has[c] = true;
                    out[n - 1].bits[c] = rows[i]->bits[c];
                }
            }
        } else {
            out[n++] = *rows[i];
        }
    }
    return n;
}

static void read_column(hi_frag *f, int c, rm_row *out, uint64_t *seed)
{
    const uint32_t id = RM_COLUMN_ID(f->table, c);

    if (f->ops->column(f, id) == 0) {
        return;
    }
    assert_int_equal(f->ops->column(f, id), rm_type(c));
    for (uint32_t row = 0; row < f->rows;) {
        const uint32_t most = 1 + (uint32_t)(rm_random(seed) % 5000);
        hi_view view;

        assert_int_equal(f->ops->view(f, id, row, most, &view, NULL), HIST_OK);
        assert_in_range(view.rows, 1, most);
        assert_true(view.rows <= f->rows - row);
        for (uint32_t i = 0; i < view.rows; i++) {
            out[row + i].has[c] = rm_cell(&view, rm_type(c), i, &out[row + i].bits[c]);
        }
        row += view.rows;
    }
}

static void check_runs(hi_frag *f, rm_row *out)
{
    const hi_run *runs = NULL;
    uint32_t count = 0;
    uint32_t row = 0;

    assert_int_equal(f->ops->runs(f, &runs, &count, NULL), HIST_OK);
    for (uint32_t r = 0; r < count; r++) {
        assert_int_equal(runs[r].first_row, row);
        assert_true(r == 0 || runs[r].series > runs[r - 1].series);
        for (uint32_t i = 0; i < runs[r].rows; i++) {
            out[row + i].series = runs[r].series;
            assert_true(i == 0 || out[row + i].time_ns > out[row + i - 1].time_ns);
        }
        assert_int_equal(out[row].time_ns, runs[r].first_ns);
        row += runs[r].rows;
        assert_int_equal(out[row - 1].time_ns, runs[r].last_ns);
    }
    assert_int_equal(row, f->rows);
    assert_int_equal(f->first_series, runs[0].series);
    assert_int_equal(f->last_series, runs[count - 1].series);
}

/* All rows of a fragment, its promises checked. */
static uint32_t read_frag(hi_frag *f, int64_t width, rm_row *out, uint64_t *seed)
{
    int64_t first = INT64_MAX;
    int64_t last = INT64_MIN;
    hi_view view;

    for (uint32_t row = 0; row < f->rows; row += view.rows) {
        assert_int_equal(f->ops->view(f, HI_COLUMN_TIME, row, 777, &view, NULL), HIST_OK);
        for (uint32_t i = 0; i < view.rows; i++) {
            uint64_t bits = 0;

            assert_true(rm_cell(&view, HIST_TYPE_DATETIME, i, &bits));
            out[row + i] = (rm_row){.table = f->table, .time_ns = (int64_t)bits};
            first = (int64_t)bits < first ? (int64_t)bits : first;
            last = (int64_t)bits > last ? (int64_t)bits : last;
            assert_int_equal(hi_partition_start((int64_t)bits, width), f->partition_ns);
        }
    }
    assert_int_equal(f->first_ns, first);
    assert_int_equal(f->last_ns, last);
    assert_int_equal(f->width_ns, width);
    check_runs(f, out);
    for (int c = 0; c < RM_COLUMNS; c++) {
        read_column(f, c, out, seed);
    }
    return f->rows;
}

static bool wanted(const hi_chunk_wish *wish, const rm_row *r)
{
    bool series = wish->series == NULL;

    for (uint32_t i = 0; i < wish->series_count; i++) {
        series |= wish->series[i] == r->series;
    }
    return r->table == wish->table && series && r->time_ns >= wish->from_ns &&
           r->time_ns <= wish->last_ns;
}

/* The rows of `all` that are wanted, folded, in `out`. */
static uint32_t wanted_rows(const hi_chunk_wish *wish, rm_row *all, uint32_t count, rm_row *out)
{
    rm_row **list = calloc(count + 1, sizeof(*list));
    uint32_t n = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (wanted(wish, &all[i])) {
            list[n++] = &all[i];
        }
    }
    n = fold(list, n, out);
    free(list);
    return n;
}

static void check_wish(const world *w, const hi_chunk_view *view, const hi_chunk_wish *wish,
                       uint32_t model_rows, uint64_t *seed)
{
    hi_mem mem;
    hi_arena arena;
    hi_frag_list list = {0};
    rm_row *read = calloc(ROWS_MAX * 2, sizeof(*read));
    rm_row *got = calloc(ROWS_MAX, sizeof(*got));
    rm_row *expected = calloc(ROWS_MAX, sizeof(*expected));
    uint32_t n = 0;

    hi_mem_init(&mem, NULL, NULL, 0);
    hi_arena_init(&arena, &mem);
    assert_int_equal(hi_chunk_frags(view, wish, &arena, &mem, &list, NULL), HIST_OK);
    for (uint32_t i = 0; i < list.count; i++) {
        n += read_frag(list.frags[i], wish->width_ns, read + n, seed);
        assert_true(i == 0 || list.frags[i]->seq_high >= list.frags[i - 1]->seq_high);
        list.frags[i]->ops->close(list.frags[i]);
    }
    const uint32_t got_count = wanted_rows(wish, read, n, got);
    const uint32_t expected_count = wanted_rows(wish, w->rows, model_rows, expected);
    assert_int_equal(got_count, expected_count);
    for (uint32_t i = 0; i < got_count; i++) {
        assert_int_equal(got[i].series, expected[i].series);
        assert_int_equal(got[i].time_ns, expected[i].time_ns);
        for (int c = 0; c < RM_COLUMNS; c++) {
            assert_int_equal(got[i].has[c], expected[i].has[c]);
            assert_true(!got[i].has[c] || got[i].bits[c] == expected[i].bits[c]);
        }
    }
    hi_arena_free(&arena);
    assert_int_equal(mem.used, 0);
    free(read);
    free(got);
    free(expected);
}

static void check_world(const world *w, uint64_t *seed)
{
    static const int64_t widths[] = {1000000, 100, 7};
    hi_mem mem;
    hi_arena arena;
    hi_chunk_view view;
    const uint32_t some[] = {1, 2, 5, 1001};

    hi_mem_init(&mem, NULL, NULL, 0);
    hi_arena_init(&arena, &mem);
    assert_int_equal(hi_chunks_view(w->chunks, &arena, &view), HIST_OK);
    assert_int_equal(view.rows, w->published);
    for (uint32_t table = 1; table <= TABLES; table++) {
        hi_chunk_wish wish = {.table = table, .from_ns = INT64_MIN, .last_ns = INT64_MAX};

        wish.width_ns = widths[rm_random(seed) % 8 < 6 ? 0 : 1 + w->look % 2];
        check_wish(w, &view, &wish, w->published, seed);
        wish.from_ns = (int64_t)(rm_random(seed) % 100);
        wish.last_ns = wish.from_ns + (int64_t)(rm_random(seed) % 1000);
        wish.series = some;
        wish.series_count = 4;
        check_wish(w, &view, &wish, w->published, seed);
    }
    hi_arena_free(&arena);
}

static void fragments_hold_the_published_rows_in_order_and_each_key_once(void **state)
{
    (void)state;
    for (int look = 0; look < 5; look++) {
        for (uint32_t slab = 64; slab <= 16384; slab *= 16) {
            uint64_t seed = 10 + (uint64_t)look;
            world w;

            world_open(&w, slab, look);
            for (int step = 0; step < 8; step++) {
                world_append(&w, (uint32_t)(rm_random(&seed) % (step % 3 == 0 ? 10 : 900)), &seed);
                if (step % 4 == 1) {
                    world_append(&w, 50, &seed);
                }
                if (step % 4 != 2) {
                    hi_chunks_publish(w.chunks);
                    w.published = w.count;
                }
                if (step == 5) {
                    hi_chunks_seal(w.chunks, (uint32_t)(rm_random(&seed) % 2));
                }
                check_world(&w, &seed);
            }
            world_close(&w);
        }
    }
}

static void a_full_slab_of_64_ki_rows_is_sorted_right(void **state)
{
    uint64_t seed = 3;
    hi_mem mem;
    hi_rows rows;
    hi_arena arena;
    hi_chunk_view view;
    hi_frag_list list = {0};

    (void)state;
    hi_mem_init(&mem, NULL, NULL, 0);
    hi_rows_init(&rows, &mem);
    hi_arena_init(&arena, &mem);
    hi_chunks *chunks = hi_chunks_new(&mem, 0);
    for (uint32_t i = 0; i < 65536; i++) {
        rm_row r = {
            .table = 1, .series = 1 + (uint32_t)(rm_random(&seed) % 100000), .time_ns = i % 977};

        r.has[RM_LONG] = true;
        r.bits[RM_LONG] = (uint64_t)r.series * 1000 + (uint64_t)r.time_ns;
        assert_true(rm_put(&rows, &r));
    }
    assert_int_equal(hi_chunks_append(chunks, &rows, 1, NULL), HIST_OK);
    hi_chunks_publish(chunks);
    assert_int_equal(hi_chunks_view(chunks, &arena, &view), HIST_OK);
    const hi_chunk_wish wish = {
        .table = 1, .from_ns = INT64_MIN, .last_ns = INT64_MAX, .width_ns = 86400};
    assert_int_equal(hi_chunk_frags(&view, &wish, &arena, &mem, &list, NULL), HIST_OK);
    assert_int_equal(list.count, 1);
    rm_row *out = calloc(65536, sizeof(*out));
    read_frag(list.frags[0], 86400, out, &seed);
    for (uint32_t i = 0; i < list.frags[0]->rows; i++) {
        assert_int_equal(out[i].bits[RM_LONG],
                         (uint64_t)out[i].series * 1000 + (uint64_t)out[i].time_ns);
    }
    list.frags[0]->ops->close(list.frags[0]);
    free(out);
    hi_arena_free(&arena);
    hi_rows_free(&rows);
    hi_chunks_free(chunks);
}

static void without_memory_an_append_changes_nothing(void **state)
{
    rm_memory memory;
    hi_mem mem;
    bool reached = true;

    (void)state;
    rm_memory_init(&memory);
    hi_mem_init(&mem, &memory.allocator, NULL, 0);
    for (uint64_t n = 1; reached; n++) {
        uint64_t seed = 11;
        world w = {.look = 1};

        hi_mem_init(&w.mem, NULL, NULL, 0);
        hi_rows_init(&w.batch, &w.mem);
        w.rows = calloc(ROWS_MAX, sizeof(rm_row));
        w.chunks = hi_chunks_new(&mem, 64);
        world_append(&w, 300, &seed);
        hi_chunks_publish(w.chunks);
        w.published = w.count;
        rm_row *more = &w.rows[w.count];
        hi_rows_clear(&w.batch);
        for (uint32_t i = 0; i < 400; i++) {
            more[i] = (rm_row){.table = 1 + i % TABLES, .series = 1 + i % 9, .time_ns = i};
            rm_fill(&more[i], &seed);
            assert_true(rm_put(&w.batch, &more[i]));
        }
        rm_memory_fail(&memory, n);
        const hist_status status = hi_chunks_append(w.chunks, &w.batch, 2, NULL);
        reached = rm_memory_failed(&memory);
        rm_memory_fail(&memory, 0);
        assert_int_equal(status, reached ? HIST_ENOMEM : HIST_OK);
        if (reached) {
            hi_chunks_publish(w.chunks);
            check_world(&w, &seed);
            assert_int_equal(hi_chunks_append(w.chunks, &w.batch, 2, NULL), HIST_OK);
        }
        hi_chunks_publish(w.chunks);
        w.count += 400;
        w.published = w.count;
        check_world(&w, &seed);
        hi_rows_free(&w.batch);
        hi_chunks_free(w.chunks);
        free(w.rows);
        assert_int_equal(memory.live, 0);
    }
}

/* ---- readers beside the appender ---- */

typedef struct race {
    hi_chunks *chunks;
    pthread_mutex_t lock;
    atomic_bool stop;
    atomic_uint checked;
} race;

/* Row n: series n % 5 + 1, time n, long 3n, text n; every fifth has no long. */
static void race_check(race *r, hi_mem *mem)
{
    hi_arena arena;
    hi_chunk_view view;
    hi_frag_list list = {0};
    uint64_t rows = 0;

    hi_arena_init(&arena, mem);
    pthread_mutex_lock(&r->lock);
    const hist_status status = hi_chunks_view(r->chunks, &arena, &view);
    pthread_mutex_unlock(&r->lock);
    assert_int_equal(status, HIST_OK);
    const hi_chunk_wish wish = {
        .table = 1, .from_ns = INT64_MIN, .last_ns = INT64_MAX, .width_ns = 1000};
    assert_int_equal(hi_chunk_frags(&view, &wish, &arena, mem, &list, NULL), HIST_OK);
    for (uint32_t i = 0; i < list.count; i++) {
        rm_row *out = calloc(list.frags[i]->rows, sizeof(*out));
        uint64_t seed = 1;

        rows += read_frag(list.frags[i], 1000, out, &seed);
        for (uint32_t k = 0; k < list.frags[i]->rows; k++) {
            const uint64_t n = (uint64_t)out[k].time_ns;

            assert_int_equal(out[k].series, n % 5 + 1);
            assert_int_equal(out[k].has[RM_LONG], n % 5 != 0);
            assert_true(n % 5 == 0 || out[k].bits[RM_LONG] == 3 * n);
            assert_int_equal(out[k].bits[RM_TEXT], n);
        }
        list.frags[i]->ops->close(list.frags[i]);
        free(out);
    }
    assert_int_equal(rows, view.rows);
    hi_arena_free(&arena);
}

static void *race_reader(void *arg)
{
    race *r = arg;
    hi_mem mem;

    hi_mem_init(&mem, NULL, NULL, 0);
    while (!atomic_load(&r->stop)) {
        race_check(r, &mem);
        atomic_fetch_add(&r->checked, 1);
    }
    return NULL;
}

static void readers_see_whole_rows_while_rows_are_appended(void **state)
{
    race r = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[2];
    hi_mem mem;
    hi_rows batch;
    uint64_t n = 0;

    (void)state;
    hi_mem_init(&mem, NULL, NULL, 0);
    hi_rows_init(&batch, &mem);
    r.chunks = hi_chunks_new(&mem, 1024);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, race_reader, &r), 0);
    }
    for (uint64_t seq = 1; seq <= 400 || atomic_load(&r.checked) < 4; seq++) {
        hi_rows_clear(&batch);
        for (uint64_t i = 0; i < 1 + seq % 37; i++, n++) {
            rm_row row = {.table = 1, .series = (uint32_t)(n % 5 + 1), .time_ns = (int64_t)n};

            row.has[RM_LONG] = n % 5 != 0;
            row.bits[RM_LONG] = 3 * n;
            row.has[RM_TEXT] = true;
            row.bits[RM_TEXT] = n;
            row.has[RM_BOOL] = n % 3 == 0;
            assert_true(rm_put(&batch, &row));
        }
        assert_int_equal(hi_chunks_append(r.chunks, &batch, seq, NULL), HIST_OK);
        pthread_mutex_lock(&r.lock);
        hi_chunks_publish(r.chunks);
        pthread_mutex_unlock(&r.lock);
        if (seq > 100000) {
            break;
        }
    }
    atomic_store(&r.stop, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    hi_rows_free(&batch);
    hi_chunks_free(r.chunks);
}

static void partitions_at_the_ends_of_time_have_an_end(void **state)
{
    const int64_t width = INT64_C(86400) * 1000000000;

    (void)state;
    assert_int_equal(hi_partition_start(0, width), 0);
    assert_int_equal(hi_partition_start(-1, width), -width);
    assert_int_equal(hi_partition_last(-1, width), -1);
    assert_int_equal(hi_partition_start(HIST_TIME_MIN, width), INT64_MIN);
    assert_int_equal(hi_partition_last(HIST_TIME_MAX, width), INT64_MAX);
    assert_int_equal(hi_partition_start(width, width), width);
    assert_int_equal(hi_partition_last(width, width), 2 * width - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fragments_hold_the_published_rows_in_order_and_each_key_once),
        cmocka_unit_test(a_full_slab_of_64_ki_rows_is_sorted_right),
        cmocka_unit_test(without_memory_an_append_changes_nothing),
        cmocka_unit_test(readers_see_whole_rows_while_rows_are_appended),
        cmocka_unit_test(partitions_at_the_ends_of_time_have_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
