/*
 * test_features.c -- feature bits that this version does not know, in each kind of file: ignored,
 * good for reading only, or refused, and named with file and number.
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

#include "base/hash.h"
#include "store/catfile.h"
#include "store/part_dir.h"
#include "store/wal_frame.h"
#include "tests/support/parts.h"

#define BASE INT64_C(1700000000000000000)

enum { BIT_IGNORE = 40, BIT_READ = 41, BIT_REFUSE = 42, ROWS = 10 };

typedef struct world {
    hist_vfs *vfs;
    hi_mem mem;
    hi_super super;
    hi_manifest manifest;
    char name[64]; /* Of the file that was changed. */
} world;

/* ---- a store ---- */

static hist_status world_open(world *w, int flags, hist_db **db_out, hist_error *err)
{
    hist_open_options o = HIST_OPEN_OPTIONS;

    o.vfs = w->vfs;
    o.threads = 0;
    o.flags = flags;
    return hist_open("db", &o, db_out, err);
}

static hist_status world_write(hist_db *db, int row, hist_error *err)
{
    hist_writer *writer = NULL;
    hist_lp_options options = HIST_LP_OPTIONS;
    hist_lp_result result;
    char line[64];

    const int size = snprintf(line, sizeof(line), "t,s=1 v=%di %" PRId64, row, BASE + row);
    options.final = true;
    assert_int_equal(hist_writer_open(db, NULL, &writer, err), HIST_OK);
    assert_int_equal(hist_append_lp(writer, line, (size_t)size, &options, &result, err), HIST_OK);
    const hist_status status = hist_commit(writer, HIST_COMMIT_DURABLE, NULL, err);
    hist_writer_close(writer);
    return status;
}

static hist_status world_count(hist_db *db, uint64_t *rows_out, hist_error *err)
{
    hist_scan_options options = HIST_SCAN_OPTIONS;
    hist_scan *scan = NULL;
    hist_batch batch = {0};

    *rows_out = 0;
    options.table = "t";
    hist_status status = hist_scan_open(db, &options, &scan, err);
    do {
        status = status == HIST_OK ? hist_scan_next(scan, &batch, err) : status;
        *rows_out += status == HIST_OK ? batch.row_count : 0;
    } while (status == HIST_OK && batch.row_count > 0);
    hist_scan_close(scan);
    return status;
}

/* One part, one catalog file, and a row that only the log has. */
static void world_new(world *w)
{
    hist_db *db = NULL;
    hist_error err;
    hi_super_state state;

    *w = (world){.vfs = hist_vfs_memory_new()};
    hi_mem_init(&w->mem, NULL, NULL, 0);
    assert_int_equal(world_open(w, 0, &db, &err), HIST_OK);
    for (int row = 0; row < ROWS; row++) {
        assert_int_equal(world_write(db, row, &err), HIST_OK);
        if (row == ROWS - 2) {
            assert_int_equal(hist_maintain(db, HIST_MAINTAIN_FLUSH, &err), HIST_OK);
        }
    }
    assert_int_equal(hist_close(db, &err), HIST_OK);
    assert_int_equal(hi_super_read(w->vfs, "db", true, &w->super, &state, &err), HIST_OK);
    assert_true(parts_load(w->vfs, &w->mem, &w->manifest));
    assert_int_equal(w->manifest.part_count, 1);
    assert_int_equal(w->manifest.catalog_count, 1);
}

static void world_free(world *w)
{
    hi_manifest_free(&w->manifest);
    assert_int_equal(w->mem.used, 0);
    hist_vfs_memory_free(w->vfs);
}

/* ---- bytes of its files ---- */

static void world_bytes(world *w, uint64_t offset, uint8_t *bytes, size_t size, bool write)
{
    char path[128];
    hist_file *file = NULL;
    size_t got = 0;
    const hist_iov iov = {bytes, size};

    (void)snprintf(path, sizeof(path), "db/%s", w->name);
    assert_int_equal(w->vfs->open(w->vfs, path, HIST_OPEN_READ | HIST_OPEN_WRITE, &file, NULL),
                     HIST_OK);
    if (write) {
        assert_int_equal(file->ops->write(file, offset, &iov, 1, NULL), HIST_OK);
    } else {
        assert_int_equal(file->ops->read(file, offset, bytes, size, &got, NULL), HIST_OK);
        assert_int_equal(got, size);
    }
    file->ops->close(file);
}

static void mark_super(world *w, const hi_features *features)
{
    uint8_t slot[HI_SUPER_SLOT_SIZE];

    (void)snprintf(w->name, sizeof(w->name), "SUPER");
    for (unsigned i = 0; i < 2; i++) {
        hi_super super;

        world_bytes(w, (uint64_t)i * HI_SUPER_SLOT_DISTANCE, slot, sizeof(slot), false);
        assert_int_equal(hi_super_decode(slot, i, "SUPER", &super, NULL), HIST_OK);
        super.features = *features;
        hi_super_encode(&super, i, slot);
        world_bytes(w, (uint64_t)i * HI_SUPER_SLOT_DISTANCE, slot, sizeof(slot), true);
    }
}

static void mark_manifest(world *w, const hi_features *features)
{
    hi_name_format(HI_FILE_MANIFEST, w->manifest.generation, w->name);
    w->manifest.features = *features;
    assert_true(parts_store(w->vfs, &w->manifest));
}

static int mark_newest_segment(void *arg, const char *name)
{
    uint64_t no = 0;

    if (hi_name_parse(name, &no) == HI_FILE_WAL && no > *(uint64_t *)arg) {
        *(uint64_t *)arg = no;
    }
    return 0;
}

static void mark_log(world *w, const hi_features *features)
{
    uint8_t bytes[HI_WAL_HEADER_SIZE];
    hi_wal_header header;
    uint64_t no = 0;

    assert_int_equal(w->vfs->list(w->vfs, "db", mark_newest_segment, &no, NULL), HIST_OK);
    hi_name_format(HI_FILE_WAL, no, w->name);
    world_bytes(w, 0, bytes, sizeof(bytes), false);
    assert_int_equal(hi_wal_header_decode(bytes, w->super.uuid, no, w->name, true, &header, NULL),
                     HIST_OK);
    header.features = *features;
    hi_wal_header_encode(&header, w->super.uuid, bytes);
    world_bytes(w, 0, bytes, sizeof(bytes), true);
}

static void mark_catalog(world *w, const hi_features *features)
{
    hi_catalog_entry *entry = &w->manifest.catalogs[0];
    const uint64_t seed = hi_hash_seed(hi_super_store(w->super.uuid), entry->id, 0);
    uint8_t head[HI_CAT_HEAD_SIZE];

    hi_name_format(HI_FILE_CATALOG, entry->id, w->name);
    world_bytes(w, 0, head, sizeof(head), false);
    hi_features_put(head + 16, features);
    entry->sum = hi_hash(head, HI_CAT_HEAD_SIZE - 8, seed);
    hi_put_u64(head + HI_CAT_HEAD_SIZE - 8, entry->sum);
    world_bytes(w, 0, head, sizeof(head), true);
    assert_true(parts_store(w->vfs, &w->manifest));
}

static void mark_part_header(world *w, const hi_features *features)
{
    const hi_part_header header = {.features = *features,
                                   .store = hi_super_store(w->super.uuid),
                                   .part = w->manifest.parts[0].id};
    uint8_t bytes[HI_PART_HEADER_SIZE];

    hi_name_format(HI_FILE_PART, header.part, w->name);
    hi_part_header_put(bytes, &header);
    world_bytes(w, 0, bytes, sizeof(bytes), true);
}

static void mark_part_footer(world *w, const hi_features *features)
{
    hi_part_entry *entry = &w->manifest.parts[0];
    const uint64_t tail_at = entry->file_size - HI_PART_TAIL_SIZE;
    uint8_t tail[HI_PART_TAIL_SIZE];
    uint8_t footer[4096];

    hi_name_format(HI_FILE_PART, entry->id, w->name);
    world_bytes(w, tail_at, tail, sizeof(tail), false);
    const uint64_t at = hi_get_u64(tail);
    const uint32_t size = hi_get_u32(tail + 8);
    assert_true(size <= sizeof(footer));
    world_bytes(w, at, footer, size, false);
    hi_features_put(footer, features);
    entry->directory_sum =
        hi_hash(footer, size, hi_hash_seed(hi_super_store(w->super.uuid), entry->id, at));
    hi_put_u64(tail + 16, entry->directory_sum);
    world_bytes(w, at, footer, size, true);
    world_bytes(w, tail_at, tail, sizeof(tail), true);
    assert_true(parts_store(w->vfs, &w->manifest));
}

/* ---- what comes of it ---- */

typedef void (*mark_fn)(world *w, const hi_features *features);

static const mark_fn marks[] = {mark_super,   mark_manifest,    mark_log,
                                mark_catalog, mark_part_header, mark_part_footer};

enum { MARKS = sizeof(marks) / sizeof(marks[0]), MARKS_AT_OPEN = 4 };

static void expect_named(const world *w, const hist_error *err, int bit)
{
    char feature[32];

    (void)snprintf(feature, sizeof(feature), "feature %d", bit);
    if (strstr(err->message, w->name) == NULL || strstr(err->message, feature) == NULL) {
        fail_msg("%s and %s are not named: %s", w->name, feature, err->message);
    }
}

static void expect_rows(hist_db *db, uint64_t rows)
{
    hist_error err;
    uint64_t found = 0;

    if (world_count(db, &found, &err) != HIST_OK) {
        fail_msg("scan: %s", err.message);
    }
    assert_int_equal(found, rows);
}

static void a_feature_that_may_be_ignored_is(void **state)
{
    const hi_features features = {.may_ignore = UINT64_C(1) << BIT_IGNORE};

    (void)state;
    for (int i = 0; i < MARKS; i++) {
        hist_db *db = NULL;
        hist_error err;
        world w;

        world_new(&w);
        marks[i](&w, &features);
        if (world_open(&w, 0, &db, &err) != HIST_OK) {
            fail_msg("open: %s", err.message);
        }
        expect_rows(db, ROWS);
        assert_int_equal(world_write(db, ROWS, &err), HIST_OK);
        assert_int_equal(hist_maintain(db, HIST_MAINTAIN_COLD, &err), HIST_OK);
        expect_rows(db, ROWS + 1);
        assert_int_equal(hist_verify(db, NULL, NULL, &err), HIST_OK);
        assert_int_equal(hist_close(db, &err), HIST_OK);
        world_free(&w);
    }
}

/* A part is not looked at by open: it is read, and from then on nothing is written. */
static void expect_writing_ends(world *w)
{
    hist_db *db = NULL;
    hist_error err;

    assert_int_equal(world_open(w, 0, &db, &err), HIST_OK);
    expect_rows(db, ROWS);
    assert_int_equal(world_write(db, ROWS, &err), HIST_EREADONLY);
    expect_named(w, &err, BIT_READ);
    assert_int_equal(hist_delete(db, NULL, "t", NULL, 0, HIST_TIME_MIN, HIST_TIME_MAX, &err),
                     HIST_EREADONLY);
    expect_named(w, &err, BIT_READ);
    assert_int_equal(hist_maintain(db, HIST_MAINTAIN_FLUSH, &err), HIST_EREADONLY);
    expect_named(w, &err, BIT_READ);
    expect_rows(db, ROWS);
    assert_int_equal(hist_close(db, &err), HIST_OK);
}

static void a_feature_that_allows_reading_only_ends_writing(void **state)
{
    const hi_features features = {.read_only = UINT64_C(1) << BIT_READ};

    (void)state;
    for (int i = 0; i < MARKS; i++) {
        hist_db *db = NULL;
        hist_error err;
        world w;

        world_new(&w);
        marks[i](&w, &features);
        if (i < MARKS_AT_OPEN) {
            assert_int_equal(world_open(&w, 0, &db, &err), HIST_EREADONLY);
            expect_named(&w, &err, BIT_READ);
        } else {
            expect_writing_ends(&w);
        }
        if (world_open(&w, HIST_FLAG_READONLY, &db, &err) != HIST_OK) {
            fail_msg("read-only: %s", err.message);
        }
        expect_rows(db, ROWS);
        assert_int_equal(hist_verify(db, NULL, NULL, &err), HIST_OK);
        assert_int_equal(hist_close(db, &err), HIST_OK);
        world_free(&w);
    }
}

/* A merge finds such a part itself, and leaves it as it is. */
static void a_merge_does_not_rewrite_what_it_may_not_write(void **state)
{
    const hi_features features = {.read_only = UINT64_C(1) << BIT_READ};
    hist_db *db = NULL;
    hist_error err;
    world w;

    (void)state;
    world_new(&w);
    mark_part_header(&w, &features);
    assert_int_equal(world_open(&w, 0, &db, &err), HIST_OK);
    assert_int_equal(hist_maintain(db, HIST_MAINTAIN_COLD, &err), HIST_EREADONLY);
    expect_named(&w, &err, BIT_READ);
    expect_rows(db, ROWS);
    assert_int_equal(hist_close(db, &err), HIST_OK);
    world_free(&w);
}

static void a_feature_that_must_be_known_is_refused(void **state)
{
    const hi_features features = {.refuse = UINT64_C(1) << BIT_REFUSE};

    (void)state;
    for (int i = 0; i < MARKS; i++) {
        for (int flags = 0; flags <= HIST_FLAG_READONLY; flags += HIST_FLAG_READONLY) {
            hist_db *db = NULL;
            hist_error err;
            uint64_t rows = 0;
            world w;

            world_new(&w);
            marks[i](&w, &features);
            hist_status status = world_open(&w, flags, &db, &err);
            if (i >= MARKS_AT_OPEN) {
                assert_int_equal(status, HIST_OK);
                status = world_count(db, &rows, &err);
            }
            assert_int_equal(status, HIST_EVERSION);
            expect_named(&w, &err, BIT_REFUSE);
            assert_int_equal(hist_close(db, &err), HIST_OK);
            world_free(&w);
        }
    }
}

/* Every bit of a mask, and names of those that are known. */
static void each_unknown_bit_is_told_by_its_number(void **state)
{
    hist_error err;
    char text[32];

    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        const uint64_t mask = UINT64_C(1) << bit;
        const bool known = bit == HI_FEATURE_CUT;

        assert_int_equal(hi_feature_name(bit) != NULL, known);
        (void)snprintf(text, sizeof(text), known ? "feature %u (cut parts)," : "feature %u,", bit);
        assert_int_equal(hi_features_check(&(hi_features){.may_ignore = mask}, "F", true, &err),
                         HIST_OK);
        assert_int_equal(hi_features_check(&(hi_features){.read_only = mask}, "F", false, &err),
                         HIST_OK);
        assert_int_equal(hi_features_check(&(hi_features){.read_only = mask}, "F", true, &err),
                         HIST_EREADONLY);
        assert_non_null(strstr(err.message, text));
        assert_int_equal(hi_features_check(&(hi_features){.refuse = mask}, "F", false, &err),
                         known ? HIST_OK : HIST_EVERSION);
        assert_true(known || strstr(err.message, text) != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_feature_that_may_be_ignored_is),
        cmocka_unit_test(a_feature_that_allows_reading_only_ends_writing),
        cmocka_unit_test(a_merge_does_not_rewrite_what_it_may_not_write),
        cmocka_unit_test(a_feature_that_must_be_known_is_refused),
        cmocka_unit_test(each_unknown_bit_is_told_by_its_number),
    };

    return cmocka_run_group_tests_name("features", tests, NULL, NULL);
}
