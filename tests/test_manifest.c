/* test_manifest.c -- the manifest: round trip, hostile bytes, publishing, and file names. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "store/manifest.h"
#include "tests/support/vfs_crash.h"
#include "tests/support/vfs_fault.h"

#define DIR_PATH "store"

/* A manifest with some of everything, extreme values among it. */
static void manifest_example(hi_manifest *m, hi_mem *mem, uint64_t generation)
{
    const hi_part_range ranges[] = {
        {.table = 1,
         .partition_ns = 0,
         .width_ns = 86400,
         .rows = 5,
         .time_min = INT64_MIN,
         .time_max = INT64_MAX},
        {.table = UINT32_MAX, .partition_ns = -86400, .width_ns = 1, .rows = UINT64_MAX},
    };
    const uint32_t series[] = {1, 77, UINT32_MAX};

    hi_manifest_init(m, mem);
    memcpy(m->uuid, "0123456789abcde", 16);
    m->generation = generation;
    m->previous_generation = generation - 1;
    m->next_part_id = UINT64_MAX;
    m->next_catalog_id = 9;
    m->next_series_id = UINT32_MAX;
    m->wal_floor_segment = 3;
    m->wal_floor_seq = UINT64_MAX;
    m->partition_ns = 86400;
    m->features.may_ignore = 4;
    assert_int_equal(hi_manifest_set_time_column(m, "Zeit", NULL), HIST_OK);
    for (uint64_t id = 1; id <= 20; id++) {
        const hi_part_entry part = {.id = id,
                                    .file_size = UINT64_MAX,
                                    .directory_sum = id * 0x123456789,
                                    .rows = id,
                                    .seq_low = id,
                                    .seq_high = id + 5,
                                    .time_min = -5,
                                    .time_max = 5,
                                    .commit_ns_min = -7,
                                    .commit_ns_max = 7,
                                    .level = (uint32_t)id,
                                    .flags = HI_PART_COLD,
                                    .ranges = (hi_part_range *)(uintptr_t)ranges,
                                    .range_count = id % 3};

        assert_int_equal(hi_manifest_add_part(m, &part, NULL), HIST_OK);
    }
    assert_int_equal(hi_manifest_add_catalog(m,
                                             &(hi_catalog_entry){.id = 8,
                                                                 .file_size = 1,
                                                                 .sum = 2,
                                                                 .kinds = 3,
                                                                 .series_first = 4,
                                                                 .series_last = UINT32_MAX},
                                             NULL),
                     HIST_OK);
    for (size_t n = 0; n < 3; n++) {
        const hi_tombstone_entry tombstone = {.seq = n,
                                              .table = 2,
                                              .all_series = n == 0,
                                              .series = (uint32_t *)(uintptr_t)series,
                                              .series_count = n == 0 ? 0 : n + 1,
                                              .from_ns = INT64_MIN,
                                              .to_ns = INT64_MAX};

        assert_int_equal(hi_manifest_add_tombstone(m, &tombstone, NULL), HIST_OK);
    }
    assert_int_equal(hi_manifest_add_obsolete(m, HI_FILE_PART, 4, NULL), HIST_OK);
    assert_int_equal(hi_manifest_add_obsolete(m, HI_FILE_WAL, 1, NULL), HIST_OK);
    m->eras = (hi_eras){.count = 3, .list = {{INT64_MIN, -5}, {7, 7}, {1000, INT64_MAX}}};
}

static void manifest_assert_same(const hi_manifest *a, const hi_manifest *b)
{
    hi_file_data x;
    hi_file_data y;

    assert_int_equal(hi_manifest_encode(a, &x, NULL), HIST_OK);
    assert_int_equal(hi_manifest_encode(b, &y, NULL), HIST_OK);
    assert_int_equal(x.size, y.size);
    assert_memory_equal(x.data, y.data, x.size);
    hi_file_data_free(&x, a->mem);
    hi_file_data_free(&y, b->mem);
}

static void test_a_manifest_comes_back_as_it_was(void **state)
{
    (void)state;
    hi_mem mem;
    hi_manifest m;
    hi_manifest clone;
    hi_manifest back;
    hi_file_data data;
    hist_error err;

    hi_mem_init(&mem, NULL, NULL, 0);
    manifest_example(&m, &mem, 7);
    assert_int_equal(hi_manifest_clone(&m, &clone, &err), HIST_OK);
    manifest_assert_same(&m, &clone);
    assert_int_equal(hi_manifest_encode(&m, &data, &err), HIST_OK);
    hi_manifest_free(&m);
    assert_int_equal(hi_manifest_decode(data.data, data.size, "x", &mem, &back, &err), HIST_OK);
    manifest_assert_same(&clone, &back);
    assert_string_equal(back.time_column, "Zeit");
    assert_int_equal(back.part_count, 20);
    const hi_part_entry *part = hi_manifest_find_part(&back, 5);
    assert_int_equal(part->range_count, 2);
    assert_true(part->ranges[0].time_min == INT64_MIN && part->ranges[1].rows == UINT64_MAX);
    assert_int_equal(back.tombstones[2].series[2], UINT32_MAX);
    assert_int_equal(back.obsolete[1].kind, HI_FILE_WAL);
    assert_int_equal(back.eras.count, 3);
    assert_memory_equal(&back.eras, &clone.eras, sizeof(back.eras));
    hi_file_data_free(&data, &mem);
    hi_manifest_free(&clone);
    hi_manifest_free(&back);
    assert_int_equal(mem.used, 0);
}

static void test_eras_out_of_order_are_damage(void **state)
{
    const hi_eras wrong[] = {
        {.count = 1, .list = {{8, 7}}},
        {.count = 2, .list = {{1, 5}, {5, 9}}},
        {.count = 2, .list = {{10, 15}, {1, 2}}},
    };
    hi_mem mem;
    hi_manifest m;
    hi_manifest back;
    hi_file_data data;
    hist_error err;

    (void)state;
    hi_mem_init(&mem, NULL, NULL, 0);
    manifest_example(&m, &mem, 7);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        m.eras = wrong[i];
        assert_int_equal(hi_manifest_encode(&m, &data, &err), HIST_OK);
        assert_int_equal(hi_manifest_decode(data.data, data.size, "x", &mem, &back, &err),
                         HIST_ECORRUPT);
        assert_non_null(strstr(err.message, "an era"));
        hi_file_data_free(&data, &mem);
    }
    hi_manifest_free(&m);
    assert_int_equal(mem.used, 0);
}

static void test_entries_can_be_removed(void **state)
{
    (void)state;
    hi_mem mem;
    hi_manifest m;

    hi_mem_init(&mem, NULL, NULL, 0);
    manifest_example(&m, &mem, 7);
    assert_true(hi_manifest_remove_part(&m, 5));
    assert_false(hi_manifest_remove_part(&m, 5));
    assert_true(hi_manifest_remove_part(&m, 20));
    assert_null(hi_manifest_find_part(&m, 20));
    assert_int_equal(hi_manifest_find_part(&m, 6)->rows, 6);
    assert_int_equal(m.part_count, 18);
    assert_true(hi_manifest_remove_catalog(&m, 8));
    hi_manifest_remove_tombstone(&m, 1);
    assert_int_equal(m.tombstones[1].series_count, 3);
    hi_manifest_free(&m);
    assert_int_equal(mem.used, 0);
}

static void test_every_flipped_bit_and_every_length_is_damage(void **state)
{
    (void)state;
    hi_mem mem;
    hi_manifest m;
    hi_manifest back;
    hi_file_data data;
    hist_error err;

    hi_mem_init(&mem, NULL, NULL, 0);
    manifest_example(&m, &mem, 7);
    assert_int_equal(hi_manifest_encode(&m, &data, &err), HIST_OK);
    for (size_t i = 0; i < data.size * 8; i++) {
        data.data[i / 8] ^= (uint8_t)(1 << (i % 8));
        assert_int_equal(hi_manifest_decode(data.data, data.size, "x", &mem, &back, &err),
                         HIST_ECORRUPT);
        data.data[i / 8] ^= (uint8_t)(1 << (i % 8));
    }
    for (size_t size = 0; size < data.size; size++) {
        assert_int_equal(hi_manifest_decode(data.data, size, "x", &mem, &back, &err),
                         HIST_ECORRUPT);
    }
    hi_file_data_free(&data, &mem);
    hi_manifest_free(&m);
    assert_int_equal(mem.used, 0);
}

/* Damage with a good checksum, as an attacker would make it. */
static void test_hostile_bytes_cost_no_more_memory_than_the_file(void **state)
{
    (void)state;
    hi_mem mem;
    hi_manifest m;
    hi_manifest back;
    hi_file_data data;
    hist_error err;

    hi_mem_init(&mem, NULL, NULL, 0);
    manifest_example(&m, &mem, 7);
    assert_int_equal(hi_manifest_encode(&m, &data, &err), HIST_OK);
    const uint64_t before = mem.used;
    const uint64_t seed = hi_hash_seed(hi_super_store(m.uuid), m.generation, 0);
    uint64_t most = 0;
    for (size_t i = 72; i < data.size - 8; i++) {
        const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};

        for (size_t v = 0; v < sizeof(values); v++) {
            const uint8_t saved = data.data[i];

            data.data[i] = values[v];
            hi_put_u64(data.data + data.size - 8, hi_hash(data.data, data.size - 8, seed));
            atomic_store(&mem.peak, before);
            if (hi_manifest_decode(data.data, data.size, "x", &mem, &back, &err) == HIST_OK) {
                hi_manifest_free(&back);
            }
            most = mem.peak - before > most ? mem.peak - before : most;
            assert_int_equal(mem.used, before);
            data.data[i] = saved;
        }
    }
    assert_true(most < data.size * 16 + 65536);
    hi_file_data_free(&data, &mem);
    hi_manifest_free(&m);
}

static void test_a_published_manifest_survives_and_loads(void **state)
{
    (void)state;
    hi_mem mem;
    hi_manifest m;
    hi_manifest back;
    hist_error err;
    hi_super super = {.manifest_generation = 7};
    hist_vfs *disk = vfs_crash_new();

    hi_mem_init(&mem, NULL, NULL, 0);
    manifest_example(&m, &mem, 7);
    memcpy(super.uuid, m.uuid, 16);
    assert_int_equal(disk->mkdir(disk, DIR_PATH, &err), HIST_OK);
    assert_int_equal(disk->sync_dir(disk, ".", &err), HIST_OK);
    assert_int_equal(hi_manifest_write_new(&m, disk, DIR_PATH, &err), HIST_OK);
    for (uint64_t seed = 0; seed < 50; seed++) {
        hist_vfs *image = vfs_crash_cut(disk, seed);

        assert_int_equal(hi_manifest_load(image, DIR_PATH, &super, &mem, &back, &err), HIST_OK);
        manifest_assert_same(&m, &back);
        hi_manifest_free(&back);
        vfs_crash_free(image);
    }
    super.uuid[3] ^= 1;
    assert_int_equal(hi_manifest_load(disk, DIR_PATH, &super, &mem, &back, &err), HIST_ECORRUPT);
    super.manifest_generation = 8;
    assert_int_equal(hi_manifest_load(disk, DIR_PATH, &super, &mem, &back, &err), HIST_ENOTFOUND);
    hi_manifest_free(&m);
    vfs_crash_free(disk);
    assert_int_equal(mem.used, 0);
}

static void test_a_failed_publish_leaves_no_name_behind(void **state)
{
    (void)state;
    hi_mem mem;
    hi_manifest m;
    hist_error err;

    hi_mem_init(&mem, NULL, NULL, 0);
    manifest_example(&m, &mem, 7);
    for (uint64_t at = 1;; at++) {
        hist_vfs *disk = hist_vfs_memory_new();
        hist_vfs *vfs = vfs_fault_new(disk);
        hist_file *file = NULL;

        assert_int_equal(disk->mkdir(disk, DIR_PATH, &err), HIST_OK);
        vfs_fault_arm(vfs, (vfs_fault_plan){.at = at, .kind = VFS_FAULT_TORN});
        const hist_status st = hi_manifest_write_new(&m, vfs, DIR_PATH, &err);
        const bool reached = vfs_fault_reached(vfs) > 0;
        assert_int_equal(st, reached ? HIST_EIO : HIST_OK);
        assert_int_equal(disk->open(disk, DIR_PATH "/MANIFEST-7.tmp", HIST_OPEN_READ, &file, &err),
                         HIST_ENOTFOUND);
        vfs_fault_free(vfs);
        hist_vfs_memory_free(disk);
        if (!reached) {
            break;
        }
    }
    hi_manifest_free(&m);
}

static void test_running_out_of_memory_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    hi_mem mem;
    hi_mem big;
    hi_manifest m;
    hi_manifest back;
    hi_manifest clone;
    hi_file_data data;
    hist_error err;
    bool worked = false;

    hi_mem_init(&big, NULL, NULL, 0);
    manifest_example(&m, &big, 7);
    assert_int_equal(hi_manifest_encode(&m, &data, &err), HIST_OK);
    for (uint64_t limit = 1; !worked; limit += 97) {
        hi_mem_init(&mem, NULL, NULL, limit);
        const hist_status st = hi_manifest_decode(data.data, data.size, "x", &mem, &back, &err);
        assert_true(st == HIST_OK || st == HIST_ENOMEM);
        if (st == HIST_OK) {
            worked = hi_manifest_clone(&back, &clone, &err) == HIST_OK;
            hi_manifest_free(&clone);
        }
        hi_manifest_free(&back);
        assert_int_equal(mem.used, 0);
    }
    hi_file_data_free(&data, &big);
    hi_manifest_free(&m);
}

/* Two parts of table 1, partition [0, 100), and what the check says of them. */
typedef struct manifest_pair {
    hi_part_entry a;
    hi_part_entry b;
    hi_part_range range_a;
    hi_part_range range_b;
} manifest_pair;

static manifest_pair manifest_cut_pair(void)
{
    const hi_part_range range = {.table = 1, .width_ns = 100, .rows = 5};
    const hi_part_entry part = {
        .id = 1, .rows = 5, .seq_low = 3, .seq_high = 9, .flags = HI_PART_CUT};
    manifest_pair pair = {.a = part, .b = part, .range_a = range, .range_b = range};

    pair.a.range_count = pair.b.range_count = 1;
    pair.a.first_series = 1;
    pair.a.last_series = 7;
    pair.b.id = 2;
    pair.b.first_series = 8;
    pair.b.last_series = 20;
    return pair;
}

/* What a reopen says of the pair, in whatever order it is listed. */
static void manifest_expect(const manifest_pair *given, const char *problem)
{
    for (int order = 0; order < 2; order++) {
        manifest_pair pair = *given;
        hi_mem mem;
        hi_manifest m;
        hi_manifest back;
        hi_file_data data;
        hist_error err = {.message = ""};

        hi_mem_init(&mem, NULL, NULL, 0);
        hi_manifest_init(&m, &mem);
        m.next_part_id = 10;
        pair.a.ranges = &pair.range_a;
        pair.b.ranges = &pair.range_b;
        assert_int_equal(hi_manifest_add_part(&m, order == 0 ? &pair.a : &pair.b, NULL), HIST_OK);
        assert_int_equal(hi_manifest_add_part(&m, order == 0 ? &pair.b : &pair.a, NULL), HIST_OK);
        m.features.refuse = order == 0 ? 0 : HI_FEATURE_CUT; /* As it was read; set anew. */
        assert_int_equal(hi_manifest_encode(&m, &data, NULL), HIST_OK);
        assert_true(hi_get_u64(data.data + 32) ==
                    (((pair.a.flags | pair.b.flags) & HI_PART_CUT) != 0 ? 1 << HI_FEATURE_CUT : 0));
        const hist_status st = hi_manifest_decode(data.data, data.size, "x", &mem, &back, &err);
        if (problem == NULL) {
            assert_int_equal(st, HIST_OK);
            assert_int_equal(hi_manifest_check(&m, NULL), HIST_OK);
            manifest_assert_same(&m, &back);
        } else {
            assert_int_equal(st, HIST_ECORRUPT);
            assert_non_null(strstr(err.message, problem));
        }
        hi_manifest_free(&back);
        hi_manifest_free(&m);
        hi_file_data_free(&data, &mem);
        assert_int_equal(mem.used, 0);
    }
}

static void test_parts_that_leave_open_which_is_newer_are_refused(void **state)
{
    (void)state;
    manifest_pair pair = manifest_cut_pair();

    manifest_expect(&pair, NULL);
    pair.a.flags = pair.b.flags = 0;
    pair.b.seq_high = 10; /* Without a cut the feature goes, too. */
    manifest_expect(&pair, NULL);
    pair = manifest_cut_pair();
    pair.b.first_series = 7; /* One series in both. */
    manifest_expect(&pair, "series 1 to 7 of the one and 7 to 20 of the other overlap");
    pair.b.seq_high = 10; /* It is newer. */
    manifest_expect(&pair, NULL);
    pair = manifest_cut_pair();
    pair.b.flags = 0;
    pair.b.first_series = pair.b.last_series = 0;
    manifest_expect(&pair, "nothing says which is newer");
    pair.range_b.table = 2;
    manifest_expect(&pair, NULL);
    pair = manifest_cut_pair();
    pair.b.seq_low = 4; /* Not of the same merge. */
    manifest_expect(&pair, "nothing says which is newer");
    pair = manifest_cut_pair();
    pair.range_b.partition_ns = 99; /* Another partition that overlaps in its last instant. */
    manifest_expect(&pair, "nothing says which is newer");
    pair.range_b.partition_ns = 100;
    manifest_expect(&pair, NULL);
    pair = manifest_cut_pair();
    pair.range_b.width_ns = 50;
    manifest_expect(&pair, "nothing says which is newer");
    pair = manifest_cut_pair();
    pair.b.last_series = 5;
    manifest_expect(&pair, "impossible range of series");
}

static void test_only_exact_names_are_ours(void **state)
{
    (void)state;
    const struct {
        const char *name;
        hi_file_kind kind;
        uint64_t id;
    } cases[] = {
        {"LOCK", HI_FILE_LOCK, 0},
        {"SUPER", HI_FILE_SUPER, 0},
        {"RESERVE", HI_FILE_RESERVE, 0},
        {"MANIFEST-1", HI_FILE_MANIFEST, 1},
        {"WAL-18446744073709551615", HI_FILE_WAL, UINT64_MAX},
        {"P-7.hp", HI_FILE_PART, 7},
        {"CAT-0.hc", HI_FILE_CATALOG, 0},
        {"P-7.hp.tmp", HI_FILE_TEMP, 0},
        {"x.tmp", HI_FILE_TEMP, 0},
        {".tmp", HI_FILE_OTHER, 0},
        {"WAL-18446744073709551616", HI_FILE_OTHER, 0},
        {"WAL-01", HI_FILE_OTHER, 0},
        {"WAL-", HI_FILE_OTHER, 0},
        {"WAL-1x", HI_FILE_OTHER, 0},
        {"WAL--1", HI_FILE_OTHER, 0},
        {"WAL-+1", HI_FILE_OTHER, 0},
        {"P-7", HI_FILE_OTHER, 0},
        {"P-7.hc", HI_FILE_OTHER, 0},
        {"SUPER2", HI_FILE_OTHER, 0},
        {"super", HI_FILE_OTHER, 0},
        {"", HI_FILE_OTHER, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char name[HI_NAME_SIZE];
        uint64_t id = 99;

        assert_int_equal(hi_name_parse(cases[i].name, &id), cases[i].kind);
        assert_true(id == cases[i].id);
        if (cases[i].kind != HI_FILE_OTHER && cases[i].kind != HI_FILE_TEMP) {
            hi_name_format(cases[i].kind, cases[i].id, name);
            assert_string_equal(name, cases[i].name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_manifest_comes_back_as_it_was),
        cmocka_unit_test(test_eras_out_of_order_are_damage),
        cmocka_unit_test(test_entries_can_be_removed),
        cmocka_unit_test(test_every_flipped_bit_and_every_length_is_damage),
        cmocka_unit_test(test_hostile_bytes_cost_no_more_memory_than_the_file),
        cmocka_unit_test(test_a_published_manifest_survives_and_loads),
        cmocka_unit_test(test_a_failed_publish_leaves_no_name_behind),
        cmocka_unit_test(test_running_out_of_memory_is_an_error_and_leaks_nothing),
        cmocka_unit_test(test_parts_that_leave_open_which_is_newer_are_refused),
        cmocka_unit_test(test_only_exact_names_are_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
