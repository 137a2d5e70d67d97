/* test_catalog.c -- definitions, their log records and CAT files, against a plain list. */
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

#include "store/catalog_write.h"
#include "store/names.h"
#include "tests/support/rows_model.h"

enum { SERIES_MAX = 2000, TABLES = 4, TAGS = 4 };

#define DIR       "store"
#define STR(text) ((hist_str){(text), strlen(text)})

/* One series as it was asked for: values by tag number, 0: absent. */
typedef struct plain {
    uint32_t id;
    int table;
    int values[TAGS];
} plain;

typedef struct world {
    hi_mem mem;
    hist_vfs *vfs;
    hi_catalog *catalog;
    plain series[SERIES_MAX];
    uint32_t count;
    hi_catalog_file files[HI_CATALOG_FILES_LIMIT];
    uint32_t file_count;
    uint64_t next_file;
} world;

static hi_catalog *catalog_new(world *w)
{
    const hi_catalog_config config = {
        .mem = &w->mem, .vfs = w->vfs, .dir = DIR, .store = 77, .time_column = "Timestamp"};
    hi_catalog *c = NULL;

    return hi_catalog_new(&config, &c, NULL) == HIST_OK ? c : NULL;
}

static void world_open(world *w)
{
    memset(w, 0, sizeof(*w));
    hi_mem_init(&w->mem, NULL, NULL, 0);
    w->vfs = hist_vfs_memory_new();
    assert_int_equal(w->vfs->mkdir(w->vfs, DIR, NULL), HIST_OK);
    w->catalog = catalog_new(w);
    assert_non_null(w->catalog);
    w->next_file = 1;
}

static void world_close(world *w)
{
    hi_catalog_free(w->catalog);
    assert_int_equal(w->mem.used, 0);
    hist_vfs_memory_free(w->vfs);
}

static hist_str name(char to[32], const char *what, int n)
{
    (void)snprintf(to, 32, "%s%d", what, n);
    return STR(to);
}

static uint32_t table_of(hi_catalog *c, int table)
{
    uint32_t database = 0;
    uint32_t id = 0;
    char text[32];

    assert_int_equal(hi_catalog_define_database(c, STR("default"), &database, NULL), HIST_OK);
    assert_int_equal(hi_catalog_define_table(c, database, name(text, "table", table), &id, NULL),
                     HIST_OK);
    return id;
}

/* The tags of a plain series, in an order that varies. */
static size_t tags_of(const plain *p, hist_tag tags[TAGS], char text[TAGS * 2][32])
{
    size_t n = 0;

    for (int i = 0; i < TAGS; i++) {
        const int t = (i + (int)p->id) % TAGS;

        if (p->values[t] != 0) {
            tags[n].key = name(text[t], "tag", t);
            tags[n++].value = name(text[TAGS + t], t == 0 ? "host-" : "value", p->values[t]);
        }
    }
    return n;
}

static void world_define(world *w, uint64_t *seed)
{
    char text[TAGS * 2][32];
    hist_tag tags[TAGS];
    plain p = {.table = (int)(rm_random(seed) % TABLES)};
    uint32_t id = 0;

    for (int t = 0; t < TAGS; t++) {
        p.values[t] = (int)(rm_random(seed) % (t == 0 ? 300 : 4));
    }
    const size_t count = tags_of(&p, tags, text);
    assert_int_equal(
        hi_catalog_define_series(w->catalog, table_of(w->catalog, p.table), tags, count, &id, NULL),
        HIST_OK);
    p.id = id;
    for (uint32_t i = 0; i < w->count; i++) {
        if (w->series[i].id == id) {
            assert_int_equal(w->series[i].table, p.table);
            assert_memory_equal(w->series[i].values, p.values, sizeof(p.values));
            return;
        }
    }
    assert_true(w->count == 0 || id > w->series[w->count - 1].id);
    w->series[w->count++] = p;
}

static void world_fields(world *w, uint64_t *seed)
{
    static const hist_type types[] = {HIST_TYPE_BOOL, HIST_TYPE_LONG, HIST_TYPE_REAL,
                                      HIST_TYPE_STRING, HIST_TYPE_DATETIME};
    const int n = (int)(rm_random(seed) % 40);
    char text[32];
    uint32_t id = 0;

    assert_int_equal(hi_catalog_define_field(w->catalog, table_of(w->catalog, n % TABLES),
                                             name(text, "field", n), types[n % 5], &id, NULL),
                     HIST_OK);
    assert_true(id != 0);
}

/* ---- checks ---- */

static void check_series(world *w, const plain *p)
{
    char text[TAGS * 2][32];
    hist_tag tags[TAGS];
    uint32_t found = 0;
    uint32_t table = 0;
    const size_t count = tags_of(p, tags, text);

    assert_int_equal(hi_catalog_find_series(w->catalog, table_of(w->catalog, p->table), tags, count,
                                            &found, NULL),
                     HIST_OK);
    assert_int_equal(found, p->id);
    assert_int_equal(hi_catalog_series_table(w->catalog, p->id, &table, NULL), HIST_OK);
    assert_int_equal(table, table_of(w->catalog, p->table));
}

static void check_list(const world *w, int table, int tag, int value, const uint32_t *ids,
                       uint32_t count)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < w->count; i++) {
        const plain *p = &w->series[i];

        if (p->table == table && (tag < 0 || p->values[tag] == value)) {
            assert_true(n < count);
            assert_int_equal(ids[n], p->id);
            n++;
        }
    }
    assert_int_equal(n, count);
}

static void check_tag(world *w, uint32_t table, int tag, const hi_column_def *column,
                      hi_arena *arena, const uint32_t *ids, uint32_t count)
{
    hist_column values;
    char text[32];

    assert_int_equal(
        hi_catalog_tag(w->catalog, table, column->id, ids, count, arena, &values, NULL), HIST_OK);
    assert_int_equal(values.length, count);
    for (uint32_t i = 0, at = 0; i < count; i++) {
        while (w->series[at].id != ids[i]) {
            at++;
        }
        const int value = w->series[at].values[tag];
        const hist_str expected =
            value == 0 ? STR("") : name(text, tag == 0 ? "host-" : "value", value);
        const hist_str got = hist_column_str(&values, i);

        assert_int_equal(got.size, expected.size);
        assert_true(got.size == 0 || memcmp(got.data, expected.data, got.size) == 0);
    }
}

static void check_table(world *w, int table)
{
    const uint32_t id = table_of(w->catalog, table);
    const uint32_t *ids = NULL;
    uint32_t count = 0;
    char text[32];
    hi_arena arena;

    hi_arena_init(&arena, &w->mem);
    assert_int_equal(hi_catalog_series(w->catalog, id, &arena, &ids, &count, NULL), HIST_OK);
    check_list(w, table, -1, 0, ids, count);
    hi_table_def def;
    assert_int_equal(hi_catalog_table(w->catalog, hi_catalog_table_database(w->catalog, id),
                                      name(text, "table", table), &arena, &def),
                     HIST_OK);
    assert_int_equal(def.series_count, count);
    assert_int_equal(def.columns[0].id, HI_COLUMN_TIME);
    for (int tag = 0; tag < TAGS; tag++) {
        const uint32_t *some = NULL;
        uint32_t some_count = 0;
        hi_column_def column;

        if (!hi_catalog_find_column(w->catalog, id, name(text, "tag", tag), &column)) {
            continue;
        }
        check_tag(w, id, tag, &column, &arena, ids, count);
        for (int value = 0; value < 6; value++) {
            const hist_str wanted =
                value == 0 ? STR("") : name(text, tag == 0 ? "host-" : "value", value);

            assert_int_equal(hi_catalog_series_eq(w->catalog, id, column.id, wanted, &arena, &some,
                                                  &some_count, NULL),
                             HIST_OK);
            check_list(w, table, tag, value, some, some_count);
        }
    }
    hi_arena_free(&arena);
}

static void check_world(world *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        check_series(w, &w->series[i]);
    }
    for (int table = 0; table < TABLES; table++) {
        check_table(w, table);
    }
    assert_int_equal(hi_catalog_get_figures(w->catalog).series, w->count);
}

/* ---- files ---- */

static void world_remove(world *w, uint64_t id)
{
    char path[HI_PATH_SIZE];
    uint32_t kept = 0;

    for (uint32_t i = 0; i < w->file_count; i++) {
        if (w->files[i].id != id) {
            w->files[kept++] = w->files[i];
        }
    }
    w->file_count = kept;
    assert_int_equal(hi_name_path(DIR, HI_FILE_CATALOG, id, path, NULL), HIST_OK);
    assert_int_equal(w->vfs->unlink(w->vfs, path, NULL), HIST_OK);
}

static void world_checkpoint(world *w, bool named)
{
    hi_checkpoint checkpoint;
    hist_error err = {0};
    const hist_status status = hi_catalog_checkpoint(w->catalog, w->next_file, &checkpoint, &err);

    if (status != HIST_OK) {
        print_message("%s\n", err.message);
    }
    assert_int_equal(status, HIST_OK);
    hi_catalog_checkpoint_end(w->catalog, &checkpoint, named);
    if (checkpoint.empty) {
        return;
    }
    w->files[w->file_count++] = checkpoint.file;
    if (!named) {
        world_remove(w, w->next_file);
    }
    for (uint32_t i = 0; named && i < checkpoint.replaces_count; i++) {
        world_remove(w, checkpoint.replaces[i]);
    }
    w->next_file++;
}

/* Everything that is not in a file gets lost, as if the log had been lost too; so write it first. */
static void world_reopen(world *w)
{
    world_checkpoint(w, true);
    hi_catalog_free(w->catalog);
    w->catalog = catalog_new(w);
    for (uint32_t i = 0; i < w->file_count; i++) {
        hist_error err = {0};
        const hist_status status = hi_catalog_open_file(w->catalog, &w->files[i], &err);

        if (status != HIST_OK) {
            print_message("%s\n", err.message);
        }
        assert_int_equal(status, HIST_OK);
    }
}

static void what_is_defined_is_found_also_after_reopening_from_files(void **state)
{
    static world w;
    uint64_t seed = 1;

    (void)state;
    world_open(&w);
    for (int step = 0; step < 40; step++) {
        for (int i = 0; i < 30 + step; i++) {
            world_define(&w, &seed);
            world_fields(&w, &seed);
        }
        if (step % 3 == 1) {
            world_checkpoint(&w, step % 2 == 0);
        }
        if (step % 8 == 7) {
            world_reopen(&w);
        }
        if (step % 5 == 0) {
            check_world(&w);
        }
    }
    for (int i = 0; i < 12; i++) { /* Beyond the number of files that are merged. */
        world_define(&w, &seed);
        world_checkpoint(&w, true);
        assert_true(w.file_count <= HI_CATALOG_FILES_MAX + 1);
    }
    check_world(&w);
    world_reopen(&w);
    check_world(&w);
    assert_int_equal(hi_catalog_verify(w.catalog, NULL, NULL, NULL), HIST_OK);
    world_close(&w);
}

/* ---- the log ---- */

static void take_all(hi_catalog *c, hi_buf *log, bool again)
{
    const size_t before = log->size;

    hi_catalog_take_pending(c, log);
    if (again) { /* The write failed: the same comes again. */
        hi_catalog_return_pending(c);
        log->size = before;
        hi_catalog_take_pending(c, log);
    }
    assert_true(hi_buf_ok(log));
    assert_int_equal(hi_catalog_pending_bytes(c), 0);
}

static hist_status replay(hi_catalog *c, const hi_buf *log)
{
    hi_reader r = hi_reader_of(log->data, log->size);
    hi_walrec record;

    while (hi_walrec_next(&r, &record)) {
        HI_TRY(hi_catalog_apply_record(c, &record, NULL));
    }
    return r.failed ? HIST_ECORRUPT : HIST_OK;
}

static void the_log_makes_the_same_catalog_even_twice(void **state)
{
    static world w;
    uint64_t seed = 2;
    hi_buf log;

    (void)state;
    world_open(&w);
    hi_buf_init(&log, &w.mem, SIZE_MAX / 2);
    for (int step = 0; step < 20; step++) {
        for (int i = 0; i < 20; i++) {
            world_define(&w, &seed);
            world_fields(&w, &seed);
        }
        take_all(w.catalog, &log, step % 3 == 0);
    }
    const uint32_t table = table_of(w.catalog, 1);
    assert_int_equal(hi_catalog_set_property(w.catalog, table, 0, STR("unit"), STR("K"), NULL),
                     HIST_OK);
    assert_int_equal(hi_catalog_set_property(w.catalog, table, 0, STR("unit"), STR("degC"), NULL),
                     HIST_OK);
    take_all(w.catalog, &log, false);
    const hi_catalog_ids next = hi_catalog_next(w.catalog);
    hi_catalog_free(w.catalog);
    w.catalog = catalog_new(&w);
    assert_int_equal(replay(w.catalog, &log), HIST_OK);
    assert_int_equal(hi_catalog_next(w.catalog).series, next.series);
    assert_int_equal(hi_catalog_next(w.catalog).column, next.column);
    check_world(&w);
    assert_int_equal(hi_catalog_pending_bytes(w.catalog), 0);
    assert_int_equal(replay(w.catalog, &log), HIST_OK);
    check_world(&w);
    world_reopen(&w);
    assert_int_equal(replay(w.catalog, &log), HIST_OK);
    check_world(&w);
    hi_arena arena;
    const char *unit = NULL;
    hi_arena_init(&arena, &w.mem);
    assert_int_equal(hi_catalog_get_property(w.catalog, table, 0, STR("unit"), &arena, &unit),
                     HIST_OK);
    assert_string_equal(unit, "degC");
    hi_arena_free(&arena);
    hi_buf_free(&log);
    world_close(&w);
}

static void a_damaged_log_record_is_refused_or_harmless(void **state)
{
    static world w;
    uint64_t seed = 3;
    hi_buf log;

    (void)state;
    world_open(&w);
    hi_buf_init(&log, &w.mem, SIZE_MAX / 2);
    for (int i = 0; i < 8; i++) {
        world_define(&w, &seed);
        world_fields(&w, &seed);
    }
    take_all(w.catalog, &log, false);
    for (size_t bit = 0; bit < log.size * 8; bit++) {
        hi_catalog *other = catalog_new(&w);

        log.data[bit / 8] ^= (char)(1 << (bit % 8));
        const hist_status status = replay(other, &log);
        assert_true(status == HIST_OK || status == HIST_ECORRUPT);
        log.data[bit / 8] ^= (char)(1 << (bit % 8));
        hi_catalog_free(other);
    }
    hi_buf_free(&log);
    world_close(&w);
}

/* ---- refusals ---- */

static void names_and_types_that_clash_are_refused_with_the_reason(void **state)
{
    static world w;
    hist_error err;
    uint32_t id = 0;
    const hist_tag tag = {STR("host"), STR("a")};
    const hist_tag time_tag = {STR("Timestamp"), STR("a")};
    const hist_tag field_tag = {STR("load"), STR("a")};
    const hist_tag twice[] = {{STR("x"), STR("1")}, {STR("x"), STR("2")}};

    (void)state;
    world_open(&w);
    const uint32_t t = table_of(w.catalog, 1);
    assert_int_equal(hi_catalog_define_series(w.catalog, t, &tag, 1, &id, NULL), HIST_OK);
    assert_int_equal(hi_catalog_define_field(w.catalog, t, STR("load"), HIST_TYPE_REAL, &id, NULL),
                     HIST_OK);
    assert_int_equal(hi_catalog_define_field(w.catalog, t, STR("load"), HIST_TYPE_LONG, &id, &err),
                     HIST_ETYPE);
    assert_string_equal(err.message, "field 'load' of table 'table1' is real, not long");
    assert_int_equal(hi_catalog_define_field(w.catalog, t, STR("host"), HIST_TYPE_LONG, &id, &err),
                     HIST_EINVAL);
    assert_non_null(strstr(err.message, "name of a tag"));
    assert_int_equal(
        hi_catalog_define_field(w.catalog, t, STR("Timestamp"), HIST_TYPE_LONG, &id, &err),
        HIST_EINVAL);
    assert_non_null(strstr(err.message, "time column"));
    assert_int_equal(hi_catalog_define_series(w.catalog, t, &time_tag, 1, &id, &err), HIST_EINVAL);
    assert_non_null(strstr(err.message, "time column"));
    assert_int_equal(hi_catalog_define_series(w.catalog, t, &field_tag, 1, &id, &err), HIST_EINVAL);
    assert_non_null(strstr(err.message, "name of a field"));
    assert_int_equal(hi_catalog_define_series(w.catalog, t, twice, 2, &id, &err), HIST_EINVAL);
    assert_int_equal(hi_catalog_define_table(w.catalog, 1, STR("a\nb"), &id, &err), HIST_EINVAL);
    assert_int_equal(hi_catalog_define_table(w.catalog, 1, STR("\xff"), &id, &err), HIST_EINVAL);
    assert_int_equal(hi_catalog_define_table(w.catalog, 1, STR(""), &id, &err), HIST_EINVAL);
    assert_int_equal(hi_catalog_define_table(w.catalog, 99, STR("t"), &id, &err), HIST_EINVAL);
    assert_int_equal(hi_catalog_get_figures(w.catalog).columns, 2);
    world_close(&w);
}

static void no_more_than_series_max_series_are_made(void **state)
{
    static world w;
    const hi_catalog_config config = {.mem = &w.mem, .dir = DIR, .series_max = 3};
    hist_error err;
    uint32_t id = 0;
    char text[32];

    (void)state;
    hi_mem_init(&w.mem, NULL, NULL, 0);
    assert_int_equal(hi_catalog_new(&config, &w.catalog, NULL), HIST_OK);
    const uint32_t t = table_of(w.catalog, 1);
    for (int i = 1; i <= 5; i++) {
        const hist_tag tag = {STR("host"), name(text, "h", i)};

        assert_int_equal(hi_catalog_define_series(w.catalog, t, &tag, 1, &id, &err),
                         i <= 3 ? HIST_OK : HIST_ELIMIT);
    }
    assert_non_null(strstr(err.message, "series_max is 3"));
    const hist_tag first = {STR("host"), STR("h1")};
    assert_int_equal(hi_catalog_define_series(w.catalog, t, &first, 1, &id, &err), HIST_OK);
    hi_catalog_free(w.catalog);
    assert_int_equal(w.mem.used, 0);
}

/* ---- damage and lack of memory ---- */

static size_t file_size(world *w, const char *path, uint8_t **data)
{
    hi_file_data whole;

    assert_int_equal(hi_file_read_whole(w->vfs, path, &w->mem, 1 << 20, &whole, NULL), HIST_OK);
    *data = malloc(whole.size);
    memcpy(*data, whole.data, whole.size);
    const size_t size = whole.size;
    hi_file_data_free(&whole, &w->mem);
    return size;
}

static void file_set(world *w, const char *path, uint64_t at, uint8_t byte)
{
    hist_file *file = NULL;
    const hist_iov iov = {&byte, 1};

    assert_int_equal(w->vfs->open(w->vfs, path, HIST_OPEN_READ | HIST_OPEN_WRITE, &file, NULL),
                     HIST_OK);
    assert_int_equal(file->ops->write(file, at, &iov, 1, NULL), HIST_OK);
    file->ops->close(file);
}

static hist_status use_everything(world *w)
{
    const uint32_t *ids = NULL;
    uint32_t count = 0;
    uint32_t id = 0;
    hist_error err = {0};
    hi_arena arena;
    hist_status status = hi_catalog_open_file(w->catalog, &w->files[0], &err);

    hi_arena_init(&arena, &w->mem);
    if (status == HIST_OK) {
        status = hi_catalog_find_series(w->catalog, 1, NULL, 0, &id, &err);
    }
    if (status == HIST_OK) {
        status = hi_catalog_series(w->catalog, 1, &arena, &ids, &count, &err);
    }
    assert_true(status == HIST_OK || err.message[0] != '\0');
    hi_arena_free(&arena);
    return status;
}

static void every_flipped_byte_of_a_file_is_found(void **state)
{
    static world w;
    uint64_t seed = 4;
    char path[HI_PATH_SIZE];
    uint8_t *bytes = NULL;

    (void)state;
    world_open(&w);
    for (int i = 0; i < 10; i++) {
        world_define(&w, &seed);
        world_fields(&w, &seed);
    }
    world_checkpoint(&w, true);
    assert_int_equal(hi_name_path(DIR, HI_FILE_CATALOG, 1, path, NULL), HIST_OK);
    const size_t size = file_size(&w, path, &bytes);
    for (size_t at = 0; at < size; at++) {
        file_set(&w, path, at, bytes[at] ^ (uint8_t)(1 << (at % 8)));
        hi_catalog_free(w.catalog);
        w.catalog = catalog_new(&w);
        const hist_status status = use_everything(&w);
        assert_int_equal(status, HIST_ECORRUPT);
        file_set(&w, path, at, bytes[at]);
    }
    hi_catalog_free(w.catalog);
    w.catalog = catalog_new(&w);
    assert_int_equal(use_everything(&w), HIST_OK);
    free(bytes);
    world_close(&w);
}

static hist_status define_some(hi_catalog *c, int round)
{
    char text[4][32];
    uint32_t database = 0;
    uint32_t table = 0;
    uint32_t id = 0;
    hist_tag tags[2];

    HI_TRY(hi_catalog_define_database(c, STR("db"), &database, NULL));
    HI_TRY(hi_catalog_define_table(c, database, name(text[0], "t", round), &table, NULL));
    for (int i = 0; i < 40; i++) {
        tags[0] = (hist_tag){STR("a"), name(text[1], "v", i)};
        tags[1] = (hist_tag){name(text[2], "k", i % 20), STR("x")};
        HI_TRY(hi_catalog_define_series(c, table, tags, 2, &id, NULL));
        HI_TRY(hi_catalog_define_field(c, table, name(text[3], "f", i), HIST_TYPE_REAL, &id, NULL));
    }
    return HIST_OK;
}

static void without_memory_nothing_is_half_defined(void **state)
{
    static world w;
    rm_memory memory;
    bool reached = true;

    (void)state;
    world_open(&w);
    hi_catalog_free(w.catalog);
    rm_memory_init(&memory);
    hi_mem_init(&w.mem, &memory.allocator, NULL, 0);
    for (uint64_t n = 1; reached; n++) {
        hi_checkpoint checkpoint = {.empty = true};
        hi_buf log;

        rm_memory_fail(&memory, n);
        w.catalog = catalog_new(&w);
        while (w.catalog == NULL) {
            w.catalog = catalog_new(&w);
        }
        while (define_some(w.catalog, 0) != HIST_OK) {
        }
        hist_status status = hi_catalog_checkpoint(w.catalog, n, &checkpoint, NULL);
        hi_catalog_checkpoint_end(w.catalog, &checkpoint, status == HIST_OK);
        reached = rm_memory_failed(&memory);
        rm_memory_fail(&memory, 0);
        assert_int_equal(define_some(w.catalog, 1), HIST_OK);
        assert_int_equal(hi_catalog_get_figures(w.catalog).series, 80);
        assert_int_equal(hi_catalog_get_figures(w.catalog).columns, 2 * (1 + 20 + 40));
        /* The log has all of it, in an order that can be replayed. */
        hi_buf_init(&log, &w.mem, SIZE_MAX / 2);
        take_all(w.catalog, &log, false);
        hi_catalog *other = catalog_new(&w);
        assert_int_equal(replay(other, &log), HIST_OK);
        assert_int_equal(hi_catalog_get_figures(other).series, 80);
        hi_catalog_free(other);
        hi_buf_free(&log);
        hi_catalog_free(w.catalog);
        assert_int_equal(memory.live, 0);
    }
    hist_vfs_memory_free(w.vfs);
}

/* ---- threads ---- */

static void *define_many(void *arg)
{
    hi_catalog *c = arg;

    for (int i = 0; i < 20; i++) {
        assert_int_equal(define_some(c, i % 4), HIST_OK);
        (void)hi_catalog_stamp(c, 5);
    }
    return NULL;
}

static void threads_that_define_the_same_get_the_same(void **state)
{
    static world w;
    pthread_t threads[3];
    hi_checkpoint checkpoint;

    (void)state;
    world_open(&w);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, define_many, w.catalog), 0);
    }
    for (uint64_t i = 1; i <= 5; i++) {
        assert_int_equal(hi_catalog_checkpoint(w.catalog, i, &checkpoint, NULL), HIST_OK);
        hi_catalog_checkpoint_end(w.catalog, &checkpoint, true);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    const hi_catalog_figures figures = hi_catalog_get_figures(w.catalog);
    assert_int_equal(figures.tables, 4);
    assert_int_equal(figures.series, 4 * 40);
    assert_int_equal(figures.columns, 4 * (1 + 20 + 40));
    assert_int_equal(hi_catalog_stamp(w.catalog, 5), 5 + 60);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_defined_is_found_also_after_reopening_from_files),
        cmocka_unit_test(the_log_makes_the_same_catalog_even_twice),
        cmocka_unit_test(a_damaged_log_record_is_refused_or_harmless),
        cmocka_unit_test(names_and_types_that_clash_are_refused_with_the_reason),
        cmocka_unit_test(no_more_than_series_max_series_are_made),
        cmocka_unit_test(every_flipped_byte_of_a_file_is_found),
        cmocka_unit_test(without_memory_nothing_is_half_defined),
        cmocka_unit_test(threads_that_define_the_same_get_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
