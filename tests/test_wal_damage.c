/* test_wal_damage.c -- bits, bytes and segments of the log that are not as they were written. */
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

#include "base/bytes.h"
#include "store/wal.h"
#include "tests/support/vfs_crash.h"
#include "tests/support/wal_model.h"

/* ---- damage ----------------------------------------------------------------------------- */

#define DAMAGE_BATCHES 12

/* An ordinal from which on DAMAGE_BATCHES batches fit well into one small segment. */
static uint64_t damage_ordinal(void)
{
    static uint8_t payload[WAL_PAYLOAD_MAX];

    for (uint64_t from = 0;; from++) {
        size_t sum = 0;

        for (uint64_t i = 0; i < DAMAGE_BATCHES; i++) {
            sum += wal_model_payload(from + i, payload);
        }
        if (sum > 600 && sum < 2400) {
            return from;
        }
    }
}

/* A log of one small segment. */
static hist_vfs *damage_log(wal_model *m, bool mark, bool close)
{
    hist_vfs *disk = wal_model_disk();
    hist_error err;
    size_t segments = 0;

    wal_model_init(m, 2, 4096);
    m->next_ordinal = damage_ordinal();
    hi_wal *wal = wal_model_start(m, disk);
    for (int i = 0; i < DAMAGE_BATCHES / 2; i++) {
        assert_int_equal(wal_model_append(m, wal, 2, &err), HIST_OK);
        if (i == 3 || mark || close) {
            assert_int_equal(wal_model_sync(m, wal, &err), HIST_OK);
        }
    }
    (void)hi_wal_segments(wal, &segments);
    assert_int_equal(segments, 1);
    if (close) {
        assert_int_equal(hi_wal_close(wal, &err), HIST_OK);
    } else {
        hi_wal_abandon(wal);
    }
    return disk;
}

static void damage_path(char path[HI_PATH_SIZE], uint64_t no)
{
    assert_int_equal(hi_name_path(WAL_DIR, HI_FILE_WAL, no, path, NULL), HIST_OK);
}

/* An error, or all that was durable. With `proof` nothing at all may be missing. */
static void damage_check(wal_model *m, hist_vfs *disk, bool proof, const char *what, size_t where)
{
    hi_wal_report report;
    hist_error err = {0};
    size_t found = 0;
    const hist_status st = wal_model_replay(m, disk, &report, &found, &err);

    if (st == HIST_OK && found < (proof ? m->count : wal_model_durable_count(m))) {
        fail_msg("%s at %zu: silently shorter: %zu of %zu", what, where, found, m->count);
    }
    if (st != HIST_OK && st != HIST_ECORRUPT) {
        fail_msg("%s at %zu: %s", what, where, err.message);
    }
}

static void test_every_flipped_bit_is_an_error_or_changes_nothing(void **state)
{
    (void)state;
    /* mark: the last group is synced and the mark behind it is on the medium. */
    for (int variant = 0; variant < 3; variant++) {
        static wal_model m;
        char path[HI_PATH_SIZE];
        size_t size = 0;
        hist_vfs *disk = damage_log(&m, variant == 0, variant == 1);

        if (variant == 2) {
            /* Only the watermark in SUPER proves the last groups. */
            m.super_durable = m.batches[m.count - 1].seq;
        }
        damage_path(path, 1);
        for (size_t i = 0; i < 4096 * 8; i++) {
            uint8_t *bytes = vfs_crash_bytes(disk, path, &size);

            bytes[i / 8] ^= (uint8_t)(1 << (i % 8));
            damage_check(&m, disk, true, "bit", i);
            bytes[i / 8] ^= (uint8_t)(1 << (i % 8));
        }
        assert_int_equal(size, 4096);
        vfs_crash_free(disk);
    }
}

static void test_every_truncation_is_an_error(void **state)
{
    (void)state;
    static wal_model m;
    char path[HI_PATH_SIZE];
    hist_vfs *disk = damage_log(&m, true, false);

    damage_path(path, 1);
    for (size_t size = 0; size < 4096; size += size % 7 == 0 ? 2 : 1) {
        hist_vfs *copy = vfs_crash_copy(disk);
        hi_wal_report report;
        hist_error err;
        size_t found = 0;

        assert_true(vfs_crash_resize(copy, path, size));
        assert_int_equal(wal_model_replay(&m, copy, &report, &found, &err), HIST_ECORRUPT);
        vfs_crash_free(copy);
    }
    vfs_crash_free(disk);
}

static void test_zeroed_runs_are_an_error_or_change_nothing(void **state)
{
    (void)state;
    static wal_model m;
    hist_vfs *disk = damage_log(&m, false, false);
    char path[HI_PATH_SIZE];
    uint8_t saved[512];
    size_t size = 0;

    m.super_durable = m.batches[m.count - 1].seq;
    damage_path(path, 1);
    for (size_t i = 0; i + 512 <= 4096; i += 8) {
        uint8_t *bytes = vfs_crash_bytes(disk, path, &size);

        memcpy(saved, bytes + i, 512);
        memset(bytes + i, 0, 512);
        damage_check(&m, disk, true, "run", i);
        memcpy(bytes + i, saved, 512);
    }
    vfs_crash_free(disk);
}

static void test_a_missing_segment_is_damage(void **state)
{
    (void)state;
    static wal_model m;
    hist_vfs *disk = wal_model_disk();
    hi_wal_report report;
    hist_error err;
    size_t segments = 0;
    size_t found = 0;

    wal_model_init(&m, 4, 4096);
    hi_wal *wal = wal_model_start(&m, disk);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(wal_model_append(&m, wal, 2, &err), HIST_OK);
    }
    assert_int_equal(wal_model_sync(&m, wal, &err), HIST_OK);
    (void)hi_wal_segments(wal, &segments);
    assert_true(segments > 4);
    hi_wal_abandon(wal);
    m.super_durable = m.durable;
    for (uint64_t no = 1; no <= segments; no++) {
        hist_vfs *copy = vfs_crash_copy(disk);
        char path[HI_PATH_SIZE];

        damage_path(path, no);
        assert_int_equal(copy->unlink(copy, path, &err), HIST_OK);
        assert_int_equal(wal_model_replay(&m, copy, &report, &found, &err), HIST_ECORRUPT);
        vfs_crash_free(copy);
    }
    vfs_crash_free(disk);
}

static void test_a_segment_of_another_store_or_number_is_damage(void **state)
{
    (void)state;
    static wal_model m;
    hist_vfs *disk = damage_log(&m, true, false);
    hi_wal_report report;
    hist_error err;
    char from[HI_PATH_SIZE];
    char to[HI_PATH_SIZE];

    hi_wal_config config = wal_model_config(&m, disk);
    config.uuid[15] ^= 1;
    const hi_wal_from all = {0};
    assert_int_equal(hi_wal_replay(&config, &all, NULL, NULL, &report, &err), HIST_ECORRUPT);
    config.uuid[15] ^= 1;
    damage_path(from, 1);
    damage_path(to, 99);
    assert_int_equal(disk->rename(disk, from, to, &err), HIST_OK);
    assert_int_equal(hi_wal_replay(&config, &all, NULL, NULL, &report, &err), HIST_ECORRUPT);
    vfs_crash_free(disk);
}

/* Two batches of the same size, synced; where their frames are. */
static hist_vfs *damage_twins(wal_model *m, size_t *first_out, size_t *size_out)
{
    hist_vfs *disk = wal_model_disk();
    const uint8_t payload[3][16] = {"first", "second", "third"};
    hist_error err;

    wal_model_init(m, 1, 4096);
    hi_wal *wal = wal_model_start(m, disk);
    for (size_t i = 0; i < 3; i++) {
        const hist_iov iov = {.data = payload[i], .size = 16};
        hi_wal_batch batch = {.iov = &iov, .iov_count = 1};

        assert_int_equal(hi_wal_append(wal, &batch, 1, &err), HIST_OK);
    }
    assert_int_equal(hi_wal_sync(wal, &err), HIST_OK);
    hi_wal_abandon(wal);
    *first_out = HI_WAL_HEADER_SIZE;
    *size_out = HI_WAL_FRAME_HEADER_SIZE + 16;
    return disk;
}

static void test_a_frame_in_the_place_of_another_is_damage(void **state)
{
    (void)state;
    static wal_model m;
    size_t first = 0;
    size_t frame = 0;
    size_t size = 0;
    hist_vfs *disk = damage_twins(&m, &first, &frame);
    char path[HI_PATH_SIZE];
    hi_wal_report report;
    hist_error err;
    const hi_wal_config config = wal_model_config(&m, disk);
    const hi_wal_from from = {0};

    damage_path(path, 1);
    uint8_t *bytes = vfs_crash_bytes(disk, path, &size);
    memcpy(bytes + first + frame, bytes + first, frame);
    assert_int_equal(hi_wal_replay(&config, &from, NULL, NULL, &report, &err), HIST_ECORRUPT);
    vfs_crash_free(disk);
}

typedef struct late_writer {
    uint8_t *byte;
    uint64_t visited;
} late_writer;

/* The writer finishes the second frame after the reader has fetched its bytes. */
static hist_status late_visit(void *arg, uint64_t seq, const void *payload, size_t size,
                              hist_error *err)
{
    late_writer *late = arg;

    (void)payload;
    (void)size;
    (void)err;
    late->visited++;
    assert_int_equal(seq, late->visited);
    if (seq == 1) {
        *late->byte ^= 1;
    }
    return HIST_OK;
}

static void test_a_frame_that_was_being_written_is_read_again(void **state)
{
    (void)state;
    for (int live = 0; live < 2; live++) {
        static wal_model m;
        size_t first = 0;
        size_t frame = 0;
        size_t size = 0;
        hist_vfs *disk = damage_twins(&m, &first, &frame);
        char path[HI_PATH_SIZE];
        hi_wal_report report;
        hist_error err;
        const hi_wal_config config = wal_model_config(&m, disk);
        const hi_wal_from from = {.live = live == 1};
        late_writer late = {0};

        damage_path(path, 1);
        late.byte = vfs_crash_bytes(disk, path, &size) + first + frame + 41;
        *late.byte ^= 1;
        assert_int_equal(hi_wal_replay(&config, &from, late_visit, &late, &report, &err),
                         live == 1 ? HIST_OK : HIST_ECORRUPT);
        assert_int_equal(late.visited, live == 1 ? 3 : 1);
        vfs_crash_free(disk);
    }
}

static void test_payload_that_looks_like_frames_proves_nothing(void **state)
{
    (void)state;
    static wal_model m;
    static uint8_t forged[3200];
    hist_vfs *disk = wal_model_disk();
    hi_wal_report report;
    hist_error err;
    char path[HI_PATH_SIZE];
    size_t size = 0;

    wal_model_init(&m, 1, 4096);
    hi_wal *wal = wal_model_start(&m, disk);
    for (size_t at = 0; at + 40 <= sizeof(forged); at += 40) {
        memcpy(forged + at, "HWF1", 4);
        hi_put_u32(forged + at + 4, at % 80 == 0 ? 0 : 64);
        hi_put_u64(forged + at + 8, 3);
        hi_put_u64(forged + at + 16, 2);
        hi_put_u32(forged + at + 24, at % 80 == 0 ? 2 : 1);
    }
    const hist_iov iov = {.data = forged, .size = sizeof(forged)};
    hi_wal_batch batch = {.iov = &iov, .iov_count = 1};
    assert_int_equal(hi_wal_append(wal, &batch, 1, &err), HIST_OK);
    hi_wal_abandon(wal);
    damage_path(path, 1);
    vfs_crash_bytes(disk, path, &size)[HI_WAL_HEADER_SIZE + 33] ^= 1; /* Torn. */

    const hi_wal_config config = wal_model_config(&m, disk);
    const hi_wal_from from = {0};
    assert_int_equal(hi_wal_replay(&config, &from, NULL, NULL, &report, &err), HIST_OK);
    assert_true(report.torn);
    assert_int_equal(report.last_seq, 0);
    assert_int_equal(report.dropped_frames, 0);
    assert_true(report.dropped_bytes >= sizeof(forged));
    vfs_crash_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_flipped_bit_is_an_error_or_changes_nothing),
        cmocka_unit_test(test_every_truncation_is_an_error),
        cmocka_unit_test(test_zeroed_runs_are_an_error_or_change_nothing),
        cmocka_unit_test(test_a_missing_segment_is_damage),
        cmocka_unit_test(test_a_segment_of_another_store_or_number_is_damage),
        cmocka_unit_test(test_a_frame_in_the_place_of_another_is_damage),
        cmocka_unit_test(test_a_frame_that_was_being_written_is_read_again),
        cmocka_unit_test(test_payload_that_looks_like_frames_proves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
