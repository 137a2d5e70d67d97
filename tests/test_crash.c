/*
 * test_crash.c -- nothing acknowledged is lost: power cuts after every change, I/O errors and full disks
 * at every call, every bit of every written byte flipped. HIST_LONG=1 runs longer stories and more seeds.
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

#include "tests/support/parts.h"
#include "tests/support/story.h"
#include "tests/support/vfs_crash.h"
#include "tests/support/vfs_fault.h"
#include "tests/support/vfs_order.h"

enum {
    CRASH_BATCHES = 70,
    CRASH_FLIP_BATCHES = 44, /* One delete among them. */
    CRASH_WHY = 700,
    CRASH_PART_BYTES = 1024,
    CRASH_PADDING = 8, /* Of a frame of the log: may be zero. */
};

static bool crash_long(void)
{
    const char *value = getenv("HIST_LONG");

    return value != NULL && value[0] == '1';
}

/* Whether there is a store at all: before SUPER exists, nothing was acknowledged. */
static bool crash_is_nothing(const story *s, hist_status status)
{
    return s->durable == 0 && (status == HIST_ENOTFOUND || status == HIST_ENOTSTORE);
}

static void crash_cut_once(const story *s, hist_vfs *disk, uint64_t stop, uint64_t seed)
{
    char why[CRASH_WHY];
    hist_status status = HIST_OK;
    hist_vfs *after = vfs_crash_cut(disk, seed);

    assert_non_null(after);
    if (!story_check(s, after, HIST_FLAG_READONLY, &status, why, sizeof(why)) &&
        !crash_is_nothing(s, status)) {
        fail_msg("read-only after a cut at change %" PRIu64 ", seed %" PRIu64 ": %s", stop, seed,
                 why);
    }
    if (!story_check(s, after, 0, &status, why, sizeof(why))) {
        fail_msg("cut at change %" PRIu64 ", seed %" PRIu64 ": %s", stop, seed, why);
    }
    if (parts_unnamed(after) != 0) {
        fail_msg("cut at change %" PRIu64 ", seed %" PRIu64 ": parts nobody names are left", stop,
                 seed);
    }
    vfs_crash_free(after);
}

/* Power cuts after change number `first`, `first + step` and so on, to the end of the story. */
static uint64_t crash_cut_from(uint64_t first, uint64_t step, uint64_t seeds, uint64_t part_bytes)
{
    uint64_t cuts = 0;

    for (uint64_t stop = first;; stop += step) {
        hist_vfs *disk = vfs_crash_new();
        story s = {.batches = CRASH_BATCHES, .part_bytes_max = part_bytes};

        assert_non_null(disk);
        vfs_crash_stop_after(disk, stop);
        story_tell(&s, disk);
        for (uint64_t seed = 0; seed < seeds; seed++) {
            crash_cut_once(&s, disk, stop, stop * 1000 + seed);
            cuts++;
        }
        const bool stopped = vfs_crash_stopped(disk);
        vfs_crash_free(disk);
        if (!stopped) {
            assert_int_equal(s.status, HIST_OK);
            return cuts;
        }
    }
}

static void test_power_cuts(void **state)
{
    const uint64_t cuts = crash_cut_from(1, 1, crash_long() ? 40 : 6, 0);

    (void)state;
    print_message("# %" PRIu64 " power cuts\n", cuts);
    assert_true(cuts >= 1000);
}

/* Around the merge of the story when it writes many parts: all of them are there afterwards, or none. */
static void test_power_cuts_in_a_merge_that_cuts(void **state)
{
    hist_vfs *disk = vfs_crash_new();
    story s = {.batches = CRASH_BATCHES, .part_bytes_max = CRASH_PART_BYTES};

    (void)state;
    story_tell(&s, disk);
    const parts_figures f = parts_look(disk);
    assert_true(f.cut >= 4 && f.overlaps == 0);
    const uint64_t first = vfs_crash_changes(disk) / 3 * 2; /* The merge is behind it. */
    vfs_crash_free(disk);
    disk = vfs_crash_new();
    vfs_crash_stop_after(disk, first);
    story_tell(&s, disk);
    hist_vfs *before = vfs_crash_cut(disk, 1);
    assert_true(parts_look(before).parts > 4 && parts_look(before).cut == 0);
    vfs_crash_free(before);
    vfs_crash_free(disk);
    const uint64_t cuts = crash_cut_from(first, 1, crash_long() ? 40 : 6, CRASH_PART_BYTES);
    print_message("# %" PRIu64 " power cuts, %u parts\n", cuts, f.cut);
}

/* A cut, then a cut while recovering from it, then the check. */
static void test_cut_in_recovery(void **state)
{
    const uint64_t rounds = crash_long() ? 2000 : 60;

    (void)state;
    for (uint64_t i = 1; i <= rounds; i++) {
        char why[CRASH_WHY];
        hist_status status = HIST_OK;
        hist_vfs *disk = vfs_crash_new();
        story s = {.batches = CRASH_BATCHES};

        vfs_crash_stop_after(disk, 40 + i * 7 % 500);
        story_tell(&s, disk);
        hist_vfs *once = vfs_crash_cut(disk, i);
        vfs_crash_stop_after(once, 1 + i % 12);
        (void)story_check(&s, once, 0, &status, why, sizeof(why));
        hist_vfs *twice = vfs_crash_cut(once, i + 7);
        if (!story_check(&s, twice, 0, &status, why, sizeof(why))) {
            fail_msg("round %" PRIu64 ": %s", i, why);
        }
        vfs_crash_free(twice);
        vfs_crash_free(once);
        vfs_crash_free(disk);
    }
}

static void test_order_of_operations(void **state)
{
    char first[VFS_ORDER_MESSAGE_SIZE];
    hist_vfs *disk = vfs_crash_new();
    hist_vfs *watched = vfs_order_new(disk);
    story s = {.batches = 300};

    (void)state;
    story_tell(&s, watched);
    assert_int_equal(s.status, HIST_OK);
    if (vfs_order_violations(watched, first) != 0) {
        fail_msg("%s", first);
    }
    vfs_order_free(watched);
    vfs_crash_free(disk);
}

/* Tells the story with one fault; afterwards the disk is healthy again. */
static bool crash_fault_once(vfs_fault_plan plan, uint64_t part_bytes)
{
    char why[CRASH_WHY];
    hist_status status = HIST_OK;
    hist_vfs *disk = hist_vfs_memory_new();
    hist_vfs *faulty = vfs_fault_new(disk);
    story s = {.batches = CRASH_BATCHES, .stubborn = !plan.sticky, .part_bytes_max = part_bytes};

    assert_non_null(faulty);
    vfs_fault_arm(faulty, plan);
    story_tell(&s, faulty);
    const bool reached = vfs_fault_reached(faulty) > 0;
    if (!plan.sticky && s.written != s.batches) {
        fail_msg("fault at call %" PRIu64 ": writing did not resume after batch %" PRIu64 ": %s",
                 plan.at, s.written, s.error.message);
    }
    if (!story_check(&s, disk, 0, &status, why, sizeof(why))) {
        fail_msg("fault at call %" PRIu64 " (kind %d, sticky %d): %s", plan.at, (int)plan.kind,
                 plan.sticky, why);
    }
    vfs_fault_free(faulty);
    hist_vfs_memory_free(disk);
    return reached;
}

static void crash_fault_everywhere(vfs_fault_kind kind, bool sticky)
{
    uint64_t at = 1;

    while (crash_fault_once((vfs_fault_plan){.at = at, .sticky = sticky, .kind = kind}, 0)) {
        at++;
    }
    print_message("# %" PRIu64 " calls\n", at - 1);
    assert_true(at > 500);
}

static void test_io_error_once(void **state)
{
    (void)state;
    crash_fault_everywhere(VFS_FAULT_EIO, false);
}

static void test_io_error_for_ever(void **state)
{
    (void)state;
    crash_fault_everywhere(VFS_FAULT_EIO, true);
}

static void test_disk_full_once(void **state)
{
    (void)state;
    crash_fault_everywhere(VFS_FAULT_ENOSPC, false);
}

static void test_disk_full_for_ever(void **state)
{
    (void)state;
    crash_fault_everywhere(VFS_FAULT_ENOSPC, true);
}

/* Every call of a story that merges and cuts. */
static void test_io_error_in_a_merge_that_cuts(void **state)
{
    uint64_t at = 1;

    (void)state;
    while (crash_fault_once((vfs_fault_plan){.at = at, .kind = VFS_FAULT_EIO}, CRASH_PART_BYTES)) {
        at++;
    }
    print_message("# %" PRIu64 " calls\n", at - 1);
    assert_true(at > 500);
}

static void test_disk_full_in_a_merge_that_cuts(void **state)
{
    vfs_fault_plan plan = {.at = 1, .sticky = true, .kind = VFS_FAULT_ENOSPC};

    (void)state;
    while (crash_fault_once(plan, CRASH_PART_BYTES)) {
        plan.at++;
    }
    assert_true(plan.at > 500);
}

static void test_torn_write(void **state)
{
    (void)state;
    crash_fault_everywhere(VFS_FAULT_TORN, false);
}

/* ---- flipped bits ---- */

typedef struct crash_names {
    char list[64][64];
    int count;
} crash_names;

static int crash_add_name(void *arg, const char *name)
{
    crash_names *names = arg;

    if (strcmp(name, "LOCK") != 0 && strcmp(name, "RESERVE") != 0 && names->count < 64) {
        (void)snprintf(names->list[names->count++], sizeof(names->list[0]), "%s", name);
    }
    return 0;
}

/* Flips one bit and asks again: an error, or the right answer. */
static void crash_flip(const story *s, hist_vfs *disk, const char *path, size_t at, int bit)
{
    char why[CRASH_WHY];
    hist_status status = HIST_OK;
    size_t size = 0;
    uint8_t *bytes = vfs_crash_bytes(disk, path, &size);

    bytes[at] ^= (uint8_t)(1U << bit);
    const bool same = story_check(s, disk, HIST_FLAG_READONLY, &status, why, sizeof(why));
    bytes = vfs_crash_bytes(disk, path, &size);
    bytes[at] ^= (uint8_t)(1U << bit);
    if (!same && status == HIST_OK) {
        fail_msg("%s, byte %zu, bit %d: a wrong answer: %s", path, at, bit, why);
    }
    if (!same && status != HIST_ECORRUPT && status != HIST_EVERSION && status != HIST_ENOTSTORE &&
        status != HIST_EREADONLY) {
        fail_msg("%s, byte %zu, bit %d: %s", path, at, bit, why);
    }
}

/* Whether a byte was written. The rest of SUPER behind its slots and of a log segment behind its last
   frame is zero and means nothing. */
static bool crash_was_written(const char *name, size_t at, size_t last)
{
    return strcmp(name, "SUPER") == 0 ? at % HI_SUPER_SLOT_DISTANCE < HI_SUPER_SLOT_SIZE
                                      : at <= last + CRASH_PADDING;
}

/* All bits of what was written, and a sample of the others. */
static void crash_flip_file(const story *s, hist_vfs *disk, const char *name, uint64_t *flips)
{
    char path[128];
    size_t size = 0;

    (void)snprintf(path, sizeof(path), "db/%s", name);
    const uint8_t *bytes = vfs_crash_bytes(disk, path, &size);
    assert_non_null(bytes);
    size_t last = size;
    while (last > 0 && bytes[last - 1] == 0) {
        last--;
    }
    for (size_t at = 0; at < size; at++) {
        if (!crash_was_written(name, at, last) && at % 61 != 0) {
            continue;
        }
        for (int bit = 0; bit < 8; bit++) {
            crash_flip(s, disk, path, at, bit);
            (*flips)++;
        }
    }
}

static void crash_flip_store(story *s, hist_vfs *disk)
{
    crash_names names = {.count = 0};
    hist_error err;
    hist_status status = HIST_OK;
    char why[CRASH_WHY];
    uint64_t flips = 0;

    if (!story_check(s, disk, HIST_FLAG_READONLY, &status, why, sizeof(why))) {
        fail_msg("before any flip: %s", why);
    }
    assert_int_equal(disk->list(disk, "db", crash_add_name, &names, &err), HIST_OK);
    for (int i = 0; i < names.count; i++) {
        crash_flip_file(s, disk, names.list[i], &flips);
    }
    print_message("# %" PRIu64 " bits flipped in %d files\n", flips, names.count);
    assert_true(flips > 8 * 2 * HI_SUPER_SLOT_SIZE);
}

static void test_flipped_bits(void **state)
{
    hist_vfs *disk = vfs_crash_new();
    story s = {.batches = CRASH_FLIP_BATCHES};

    (void)state;
    story_tell(&s, disk);
    assert_int_equal(s.status, HIST_OK);
    s.durable = s.tried = s.written; /* A shorter answer is a wrong one, too. */
    crash_flip_store(&s, disk);
    vfs_crash_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order_of_operations, NULL, NULL),
        cmocka_unit_test(test_power_cuts),
        cmocka_unit_test(test_power_cuts_in_a_merge_that_cuts),
        cmocka_unit_test(test_cut_in_recovery),
        cmocka_unit_test(test_io_error_once),
        cmocka_unit_test(test_io_error_for_ever),
        cmocka_unit_test(test_disk_full_once),
        cmocka_unit_test(test_disk_full_for_ever),
        cmocka_unit_test(test_io_error_in_a_merge_that_cuts),
        cmocka_unit_test(test_disk_full_in_a_merge_that_cuts),
        cmocka_unit_test(test_torn_write),
        cmocka_unit_test(test_flipped_bits),
    };

    return cmocka_run_group_tests_name("crash", tests, NULL, NULL);
}
