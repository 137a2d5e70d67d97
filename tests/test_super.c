/* test_super.c -- the two slots of SUPER: torn writes, damage, versions, features. */
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
#include "store/super.h"
#include "tests/support/vfs_crash.h"
#include "tests/support/vfs_fault.h"

#define DIR_PATH   "store"
#define SUPER_PATH "store/SUPER"

static hi_super super_example(uint64_t generation)
{
    return (hi_super){
        .uuid = "0123456789abcde",
        .generation = generation,
        .manifest_generation = generation,
        .durable_seq = generation * 10,
        .clean = true,
        .wal_segment_bytes = 65536,
        .created_ns = 12345,
        .era = {-5, INT64_MAX},
    };
}

static hist_vfs *super_disk(hi_super *super)
{
    hist_vfs *disk = vfs_crash_new();
    hist_error err;

    assert_int_equal(disk->mkdir(disk, DIR_PATH, &err), HIST_OK);
    assert_int_equal(disk->sync_dir(disk, ".", &err), HIST_OK);
    *super = super_example(1);
    assert_int_equal(hi_super_create(disk, DIR_PATH, super, &err), HIST_OK);
    return disk;
}

static void test_what_is_written_is_read(void **unused)
{
    (void)unused;
    hi_super super;
    hi_super read;
    hi_super_state state;
    hist_error err;
    hist_vfs *disk = super_disk(&super);

    assert_int_equal(hi_super_read(disk, DIR_PATH, true, &read, &state, &err), HIST_OK);
    for (uint64_t generation = 2; generation < 10; generation++) {
        super = read;
        super.generation = generation;
        super.clean = generation % 2 == 0;
        super.features.may_ignore = UINT64_C(1) << 63; /* Harmless. */
        assert_int_equal(hi_super_write(disk, DIR_PATH, &super, &state, &err), HIST_OK);
        assert_int_equal(hi_super_read(disk, DIR_PATH, true, &read, &state, &err), HIST_OK);
        assert_memory_equal(&read, &super, sizeof(read));
        assert_false(state.fallback);
        assert_true(state.other_valid);
        assert_int_equal(state.other.generation, generation - 1);
    }
    vfs_crash_free(disk);
}

static void test_a_power_cut_leaves_the_old_or_the_new_state(void **unused)
{
    (void)unused;
    for (uint64_t stop = 1; stop <= 8; stop++) {
        hi_super super;
        hi_super read;
        hi_super_state state;
        hist_error err;
        hist_vfs *disk = super_disk(&super);
        uint64_t acknowledged = 1;

        assert_int_equal(hi_super_read(disk, DIR_PATH, true, &super, &state, &err), HIST_OK);
        vfs_crash_stop_after(disk, stop);
        for (super.generation = 2; super.generation < 6; super.generation++) {
            if (hi_super_write(disk, DIR_PATH, &super, &state, &err) != HIST_OK) {
                break;
            }
            acknowledged = super.generation;
        }
        for (uint64_t seed = 0; seed < 200; seed++) {
            hist_vfs *image = vfs_crash_cut(disk, seed);

            if (hi_super_read(image, DIR_PATH, true, &read, &state, &err) != HIST_OK) {
                fail_msg("stop %d seed %d: %s", (int)stop, (int)seed, err.message);
            }
            assert_true(read.generation == acknowledged || read.generation == acknowledged + 1);
            vfs_crash_free(image);
        }
        vfs_crash_free(disk);
    }
}

static void test_every_flipped_bit_falls_back_or_changes_nothing(void **unused)
{
    (void)unused;
    hi_super super;
    hi_super read;
    hi_super_state state;
    hist_error err;
    size_t size = 0;
    hist_vfs *disk = super_disk(&super);

    assert_int_equal(hi_super_read(disk, DIR_PATH, true, &super, &state, &err), HIST_OK);
    super.generation = 2;
    assert_int_equal(hi_super_write(disk, DIR_PATH, &super, &state, &err), HIST_OK);
    uint8_t *bytes = vfs_crash_bytes(disk, SUPER_PATH, &size);
    const size_t newest = (size_t)state.slot * HI_SUPER_SLOT_DISTANCE;
    for (size_t i = 0; i < HI_SUPER_SLOT_SIZE * 8; i++) {
        for (size_t slot = 0; slot < 2; slot++) {
            const size_t at = slot * HI_SUPER_SLOT_DISTANCE + i / 8;

            bytes[at] ^= (uint8_t)(1 << (i % 8));
            assert_int_equal(hi_super_read(disk, DIR_PATH, true, &read, &state, &err), HIST_OK);
            assert_true(state.fallback);
            assert_int_equal(read.generation, slot * HI_SUPER_SLOT_DISTANCE == newest ? 1 : 2);
            bytes[at] ^= (uint8_t)(1 << (i % 8));
        }
    }
    bytes[0] ^= 1;
    bytes[HI_SUPER_SLOT_DISTANCE] ^= 1;
    assert_int_equal(hi_super_read(disk, DIR_PATH, true, &read, &state, &err), HIST_ECORRUPT);
    vfs_crash_free(disk);
}

static void test_a_slot_in_the_place_of_the_other_is_refused(void **unused)
{
    (void)unused;
    hi_super super;
    hi_super read;
    hi_super_state state;
    hist_error err;
    size_t size = 0;
    hist_vfs *disk = super_disk(&super);
    uint8_t *bytes = vfs_crash_bytes(disk, SUPER_PATH, &size);

    memcpy(bytes, bytes + HI_SUPER_SLOT_DISTANCE, HI_SUPER_SLOT_SIZE);
    assert_int_equal(hi_super_read(disk, DIR_PATH, true, &read, &state, &err), HIST_OK);
    assert_true(state.fallback);
    assert_int_equal(state.slot, 1);
    vfs_crash_free(disk);
}

static void test_wrong_sizes_are_damage(void **unused)
{
    (void)unused;
    const size_t sizes[] = {0, 1, 4096, 65536, 69632, 131071, 131073};

    for (size_t i = 0; i < 7; i++) {
        hi_super super;
        hi_super_state state;
        hist_error err;
        hist_vfs *disk = super_disk(&super);

        assert_true(vfs_crash_resize(disk, SUPER_PATH, sizes[i]));
        assert_int_equal(hi_super_read(disk, DIR_PATH, true, &super, &state, &err), HIST_ECORRUPT);
        vfs_crash_free(disk);
    }
}

static void test_unknown_features_are_refused_by_number(void **unused)
{
    (void)unused;
    hi_super super;
    hi_super_state state;
    hist_error err;
    hist_vfs *disk = super_disk(&super);

    assert_int_equal(hi_super_read(disk, DIR_PATH, true, &super, &state, &err), HIST_OK);
    super.features.read_only = UINT64_C(1) << 17;
    assert_int_equal(hi_super_write(disk, DIR_PATH, &super, &state, &err), HIST_OK);
    assert_int_equal(hi_super_read(disk, DIR_PATH, false, &super, &state, &err), HIST_OK);
    assert_int_equal(hi_super_read(disk, DIR_PATH, true, &super, &state, &err), HIST_EREADONLY);
    assert_non_null(strstr(err.message, "feature 17"));
    super.features.refuse = UINT64_C(1) << 42;
    assert_int_equal(hi_super_write(disk, DIR_PATH, &super, &state, &err), HIST_OK);
    assert_int_equal(hi_super_read(disk, DIR_PATH, false, &super, &state, &err), HIST_EVERSION);
    assert_non_null(strstr(err.message, "feature 42"));
    vfs_crash_free(disk);
}

static void test_a_future_version_is_refused_and_not_fallen_back_from(void **unused)
{
    (void)unused;
    hi_super super;
    hi_super_state state;
    hist_error err;
    size_t size = 0;
    hist_vfs *disk = super_disk(&super);
    uint8_t *slot = vfs_crash_bytes(disk, SUPER_PATH, &size) + HI_SUPER_SLOT_DISTANCE;

    hi_put_u32(slot + 8, 7);
    hi_put_u64(slot + 4088, hi_hash(slot, 4088, hi_hash_seed(0, 1, HI_SUPER_SLOT_DISTANCE)));
    assert_int_equal(hi_super_read(disk, DIR_PATH, false, &super, &state, &err), HIST_EVERSION);
    assert_non_null(strstr(err.message, "format version 7"));
    vfs_crash_free(disk);
}

static void test_a_failed_write_leaves_the_state_readable_and_can_be_repeated(void **unused)
{
    (void)unused;
    const vfs_fault_kind kinds[] = {VFS_FAULT_EIO, VFS_FAULT_TORN};

    for (size_t k = 0; k < 2; k++) {
        for (uint64_t at = 1;; at++) {
            hi_super super;
            hi_super read;
            hi_super_state state;
            hi_super_state again;
            hist_error err;
            hist_vfs *disk = super_disk(&super);
            hist_vfs *vfs = vfs_fault_new(disk);

            assert_int_equal(hi_super_read(disk, DIR_PATH, true, &super, &state, &err), HIST_OK);
            super.generation = 2;
            vfs_fault_arm(vfs, (vfs_fault_plan){.at = at, .kind = kinds[k]});
            const hist_status st = hi_super_write(vfs, DIR_PATH, &super, &state, &err);
            const bool reached = vfs_fault_reached(vfs) > 0;

            vfs_fault_arm(vfs, (vfs_fault_plan){0});
            assert_int_equal(st, reached ? HIST_EIO : HIST_OK);
            assert_int_equal(hi_super_read(disk, DIR_PATH, true, &read, &again, &err), HIST_OK);
            assert_true(read.generation == 1 || read.generation == 2);
            assert_int_equal(hi_super_write(vfs, DIR_PATH, &super, &state, &err), HIST_OK);
            assert_int_equal(hi_super_read(disk, DIR_PATH, true, &read, &again, &err), HIST_OK);
            assert_int_equal(read.generation, 2);
            vfs_fault_free(vfs);
            vfs_crash_free(disk);
            if (!reached) {
                break;
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_a_power_cut_leaves_the_old_or_the_new_state),
        cmocka_unit_test(test_every_flipped_bit_falls_back_or_changes_nothing),
        cmocka_unit_test(test_a_slot_in_the_place_of_the_other_is_refused),
        cmocka_unit_test(test_wrong_sizes_are_damage),
        cmocka_unit_test(test_unknown_features_are_refused_by_number),
        cmocka_unit_test(test_a_future_version_is_refused_and_not_fallen_back_from),
        cmocka_unit_test(test_a_failed_write_leaves_the_state_readable_and_can_be_repeated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
