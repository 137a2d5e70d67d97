/*
 * test_wal.c -- the log against a model, power cuts, faults and damage.
 *
 * A batch is made from its ordinal, so what comes back can be checked without
 * keeping what went in. Failures print the seed that repeats them.
 */
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

#include "base/bytes.h"
#include "store/wal.h"
#include "tests/support/vfs_crash.h"
#include "tests/support/vfs_fault.h"

#define DIR_PATH    "store"
#define BATCHES_MAX 2000
#define PAYLOAD_MAX 20000

static const uint8_t wal_uuid[16] = "0123456789abcde";

/* ---- the model -------------------------------------------------------------------------- */

typedef struct model_batch {
    uint64_t seq; /* 0: not known, its append did not return. */
    uint64_t ordinal;
} model_batch;

/* What the log has to contain. */
typedef struct model {
    uint64_t random;
    uint64_t segment_bytes;
    hi_mem mem;
    model_batch batches[BATCHES_MAX]; /* Appended, in order; `pending` more may be there too. */
    size_t count;
    size_t pending;
    uint64_t next_ordinal;
    uint64_t durable;       /* Seq that a sync acknowledged. */
    uint64_t floor_segment; /* As a manifest would say, and one generation ago. */
    uint64_t floor_seq;
    uint64_t old_floor_segment;
    uint64_t super_durable;
} model;

static uint64_t model_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t model_below(model *m, uint64_t bound)
{
    return model_random(&m->random) % bound;
}

/* The payload of a batch: mostly short, some longer than a segment. */
static size_t model_payload(uint64_t ordinal, uint8_t *out)
{
    uint64_t state = ordinal * 7 + 1;
    const uint64_t kind = model_random(&state) % 32;
    const size_t size = (size_t)(kind == 0   ? model_random(&state) % PAYLOAD_MAX
                                 : kind < 4  ? model_random(&state) % 3000
                                 : kind == 5 ? 0
                                             : model_random(&state) % 200);

    for (size_t i = 0; i < size; i += 8) {
        uint8_t bytes[8];

        hi_put_u64(bytes, model_random(&state));
        memcpy(out + i, bytes, size - i < 8 ? size - i : 8);
    }
    return size;
}

static void model_init(model *m, uint64_t seed, uint64_t segment_bytes)
{
    memset(m, 0, sizeof(*m));
    m->random = seed;
    m->segment_bytes = segment_bytes;
    hi_mem_init(&m->mem, NULL, NULL, 0);
}

static hi_wal_config model_config(model *m, hist_vfs *vfs)
{
    hi_wal_config config = {
        .vfs = vfs, .dir = DIR_PATH, .mem = &m->mem, .segment_bytes = m->segment_bytes};

    memcpy(config.uuid, wal_uuid, sizeof(config.uuid));
    return config;
}

/* Appends `count` batches (1 to 4) in one call. */
static hist_status model_append(model *m, hi_wal *wal, size_t count, hist_error *err)
{
    static uint8_t payloads[4][PAYLOAD_MAX];
    hist_iov iov[4][2];
    hi_wal_batch batches[4];

    for (size_t i = 0; i < count; i++) {
        const size_t size = model_payload(m->next_ordinal + i, payloads[i]);
        const size_t half = size / 3;

        iov[i][0] = (hist_iov){.data = payloads[i], .size = half};
        iov[i][1] = (hist_iov){.data = payloads[i] + half, .size = size - half};
        batches[i] = (hi_wal_batch){.iov = iov[i], .iov_count = 2};
    }
    const hist_status st = hi_wal_append(wal, batches, count, err);
    for (size_t i = 0; i < count; i++) {
        m->batches[m->count + i] = (model_batch){.seq = st == HIST_OK ? batches[i].seq : 0,
                                                 .ordinal = m->next_ordinal + i};
    }
    m->next_ordinal += count;
    m->count += st == HIST_OK ? count : 0;
    m->pending = st == HIST_OK ? 0 : count;
    return st;
}

static hist_status model_sync(model *m, hi_wal *wal, hist_error *err)
{
    const hist_status st = hi_wal_sync(wal, err);

    if (st == HIST_OK) {
        assert_int_equal(hi_wal_durable(wal), hi_wal_last(wal));
        m->durable = hi_wal_durable(wal);
    }
    return st;
}

typedef struct model_check {
    model *m;
    size_t at;
    const char *wrong; /* NULL: nothing. */
} model_check;

static hist_status model_visit(void *arg, uint64_t seq, const void *payload, size_t size,
                               hist_error *err)
{
    static uint8_t wanted[PAYLOAD_MAX];
    model_check *c = arg;
    model *m = c->m;

    (void)err;
    if (c->at >= m->count + m->pending) {
        c->wrong = "more batches than were appended";
        return HIST_OK;
    }
    model_batch *batch = &m->batches[c->at++];
    const size_t wanted_size = model_payload(batch->ordinal, wanted);
    if (batch->seq != 0 && batch->seq != seq) {
        c->wrong = "a batch with another seq";
    } else if (size != wanted_size || (size > 0 && memcmp(payload, wanted, size) != 0)) {
        c->wrong = "a batch with another payload";
    }
    batch->seq = seq; /* Now it is known. */
    return HIST_OK;
}

/* Replays and compares: *found_out batches are there, a prefix of what was appended. */
static hist_status model_replay(model *m, hist_vfs *vfs, hi_wal_report *report, size_t *found_out,
                                hist_error *err)
{
    const hi_wal_config config = model_config(m, vfs);
    const hi_wal_from from = {.floor_segment = m->floor_segment,
                              .floor_seq = m->floor_seq,
                              .super_durable = m->super_durable};
    model_check check = {.m = m};

    while (check.at < m->count && m->batches[check.at].seq <= m->floor_seq) {
        check.at++;
    }
    const hist_status st = hi_wal_replay(&config, &from, model_visit, &check, report, err);
    *found_out = check.at;
    if (st == HIST_OK && check.wrong != NULL) {
        fail_msg("%s", check.wrong);
    }
    return st;
}

/* How many batches have to be there at least. */
static size_t model_durable_count(const model *m)
{
    size_t n = 0;

    while (n < m->count && m->batches[n].seq <= m->durable) {
        n++;
    }
    return n;
}

static hi_wal *model_open(model *m, hist_vfs *vfs, const hi_wal_report *report, hist_error *err)
{
    const hi_wal_config config = model_config(m, vfs);
    hi_wal *wal = NULL;

    return hi_wal_open(&config, report, &wal, err) == HIST_OK ? wal : NULL;
}

static hist_vfs *model_disk(void)
{
    hist_vfs *disk = vfs_crash_new();

    assert_non_null(disk);
    assert_int_equal(disk->mkdir(disk, DIR_PATH, NULL), HIST_OK);
    assert_int_equal(disk->sync_dir(disk, ".", NULL), HIST_OK);
    return disk;
}

static hi_wal *model_start(model *m, hist_vfs *disk)
{
    const hi_wal_report none = {0};
    hist_error err;
    hi_wal *wal = model_open(m, disk, &none, &err);

    if (wal == NULL) {
        fail_msg("%s", err.message);
    }
    return wal;
}

/* What flushing does: the floor moves up, segments below the floor before are removed. */
static void model_flush(model *m, hi_wal *wal)
{
    m->old_floor_segment = m->floor_segment;
    m->floor_seq = hi_wal_durable(wal);
    m->floor_segment = hi_wal_floor(wal, m->floor_seq);
    hi_wal_remove_below(wal, m->old_floor_segment);
}

/* One random step. */
static hist_status model_step(model *m, hi_wal *wal, hist_error *err)
{
    const uint64_t what = model_below(m, 100);

    if (what < 60) {
        return model_append(m, wal, 1 + model_below(m, 4), err);
    }
    if (what < 85) {
        return model_sync(m, wal, err);
    }
    if (what < 93) {
        hi_wal_ticket ticket;

        hi_wal_sync_begin(wal, &ticket);
        hi_wal_sync_run(wal, &ticket); /* The append may have to change the segment. */
        const hist_status st = model_append(m, wal, 1, err);
        const hist_status ended = hi_wal_sync_end(wal, &ticket, st == HIST_OK ? err : NULL);
        m->durable = hi_wal_durable(wal);
        return st != HIST_OK ? st : ended;
    }
    if (what < 97) {
        m->super_durable = hi_wal_durable(wal);
    } else {
        model_flush(m, wal);
    }
    return HIST_OK;
}

/* ---- round trips ------------------------------------------------------------------------ */

static void test_what_is_synced_comes_back(void **state)
{
    (void)state;
    const uint64_t sizes[] = {4096, 16384, 65536, UINT64_C(4) << 20};

    for (size_t i = 0; i < 4; i++) {
        static model m;
        hist_vfs *disk = model_disk();
        hi_wal_report report;
        hist_error err;
        size_t found = 0;

        model_init(&m, i, sizes[i]);
        hi_wal *wal = model_start(&m, disk);
        for (int n = 0; n < 300; n++) {
            assert_int_equal(model_append(&m, wal, 1 + (size_t)n % 4, &err), HIST_OK);
        }
        assert_int_equal(hi_wal_close(wal, &err), HIST_OK);
        m.super_durable = m.batches[m.count - 1].seq;
        assert_int_equal(model_replay(&m, disk, &report, &found, &err), HIST_OK);
        assert_int_equal(found, m.count);
        assert_true(report.closed);
        assert_false(report.torn);
        assert_int_equal(report.last_seq, m.batches[m.count - 1].seq);
        assert_int_equal(m.mem.used, 0);
        vfs_crash_free(disk);
    }
}

static void test_a_large_batch_spans_segments(void **state)
{
    (void)state;
    static model m;
    const size_t size = (size_t)3 << 20;
    uint8_t *payload = malloc(size);
    hist_vfs *disk = model_disk();
    hist_error err;

    model_init(&m, 1, 1 << 20);
    hi_wal *wal = model_start(&m, disk);
    memset(payload, 'x', size);
    const hist_iov iov = {.data = payload, .size = size};
    hi_wal_batch batch = {.iov = &iov, .iov_count = 1};
    assert_int_equal(hi_wal_append(wal, &batch, 1, &err), HIST_OK);
    assert_true(batch.seq > 3);
    assert_int_equal(hi_wal_sync(wal, &err), HIST_OK);
    assert_int_equal(hi_wal_durable(wal), batch.seq);
    size_t segments = 0;
    (void)hi_wal_segments(wal, &segments);
    assert_true(segments >= 3);
    hi_wal_abandon(wal);

    const hi_wal_config config = model_config(&m, disk);
    const hi_wal_from from = {.super_durable = batch.seq};
    hi_wal_report report;
    assert_int_equal(hi_wal_replay(&config, &from, NULL, NULL, &report, &err), HIST_OK);
    assert_int_equal(report.batches, 1);
    assert_int_equal(report.bytes, size);
    free(payload);
    vfs_crash_free(disk);
}

static void test_a_batch_over_the_limit_is_refused_and_costs_nothing(void **state)
{
    (void)state;
    static model m;
    hist_vfs *disk = model_disk();
    hist_error err;
    const uint8_t byte = 0;

    model_init(&m, 1, 4096);
    hi_wal *wal = model_start(&m, disk);
    const hist_iov iov[] = {{.data = &byte, .size = HI_WAL_BATCH_BYTES_MAX},
                            {.data = &byte, .size = 1}};
    hi_wal_batch batch = {.iov = iov, .iov_count = 2};
    assert_int_equal(hi_wal_append(wal, &batch, 1, &err), HIST_ELIMIT);
    assert_false(hi_wal_broken(wal));
    assert_int_equal(hi_wal_last(wal), 0);
    hi_wal_abandon(wal);
    vfs_crash_free(disk);
}

static void test_segments_below_the_floor_go_away(void **state)
{
    (void)state;
    static model m;
    hist_vfs *disk = model_disk();
    hi_wal_report report;
    hist_error err;
    size_t found = 0;
    uint64_t most = 0;

    model_init(&m, 5, 8192);
    hi_wal *wal = model_start(&m, disk);
    for (int n = 0; n < 150; n++) {
        assert_int_equal(model_append(&m, wal, 1, &err), HIST_OK);
        if (n % 5 == 4) {
            assert_int_equal(model_sync(&m, wal, &err), HIST_OK);
            model_flush(&m, wal);
        }
        most = hi_wal_bytes(wal) > most ? hi_wal_bytes(wal) : most;
    }
    assert_true(most <= UINT64_C(8192) * 8);
    hi_wal_abandon(wal);
    assert_int_equal(model_replay(&m, disk, &report, &found, &err), HIST_OK);
    assert_int_equal(found, m.count);
    vfs_crash_free(disk);
}

static void test_opening_over_and_over_does_not_pile_up_segments(void **state)
{
    (void)state;
    static model m;
    hist_vfs *disk = model_disk();
    hi_wal_report report = {0};
    hist_error err;
    size_t found = 0;
    size_t segments = 0;

    model_init(&m, 6, 4096);
    for (int n = 0; n < 20; n++) {
        hi_wal *wal = model_open(&m, disk, &report, &err);

        assert_non_null(wal);
        if (n == 0) {
            assert_int_equal(model_append(&m, wal, 1, &err), HIST_OK);
        }
        (void)hi_wal_segments(wal, &segments);
        assert_true(segments <= 2);
        hi_wal_abandon(wal);
        assert_int_equal(model_replay(&m, disk, &report, &found, &err), HIST_OK);
        assert_int_equal(found, 1);
    }
    vfs_crash_free(disk);
}

/* ---- power cuts ------------------------------------------------------------------------- */

static void cut_fail(uint64_t seed, const char *what, const hist_error *err)
{
    fail_msg("seed %llu: %s: %s", (unsigned long long)seed, what, err == NULL ? "" : err->message);
}

/* Recovers from one image, twice, writes on, and cuts again. */
static void cut_check(const model *before, hist_vfs *disk, uint64_t seed, int depth)
{
    model *m = malloc(sizeof(*m));
    hist_vfs *image = vfs_crash_cut(disk, seed);
    hi_wal_report report;
    hi_wal_report again;
    hist_error err = {0};
    size_t found = 0;
    size_t found_again = 0;

    assert_non_null(m);
    assert_non_null(image);
    *m = *before;
    hi_mem_init(&m->mem, NULL, NULL, 0);
    if (model_replay(m, image, &report, &found, &err) != HIST_OK) {
        cut_fail(seed, "refused to open", &err);
    }
    if (found < model_durable_count(m)) {
        cut_fail(seed, "lost an acknowledged batch", NULL);
    }
    m->count = found; /* From here on just these. */
    m->pending = 0;
    m->random = seed ^ 77;
    if (depth > 0) {
        vfs_crash_stop_after(image, 1 + model_below(m, 40));
    }
    hi_wal *wal = model_open(m, image, &report, &err);
    if (wal != NULL) {
        /* What replay found is durable from here on. */
        m->durable = report.last_seq;
        while (depth > 0 && m->count + 8 < BATCHES_MAX && model_step(m, wal, &err) == HIST_OK &&
               model_below(m, 30) != 0) {
        }
        hi_wal_abandon(wal);
    }
    vfs_crash_stop_after(image, 0);
    if (wal == NULL && model_replay(m, image, &again, &found_again, &err) != HIST_OK) {
        cut_fail(seed, "a second recovery refused", &err);
    }
    if (wal == NULL && (found_again != found || again.last_seq != report.last_seq)) {
        cut_fail(seed, "a second recovery found something else", NULL);
    }
    if (depth > 0) {
        cut_check(m, image, seed * 3 + 1, depth - 1);
    }
    vfs_crash_free(image);
    free(m);
}

static void cut_run(uint64_t seed, int cuts)
{
    static model m;
    const uint64_t sizes[] = {4096, 8192, 32768};
    hist_vfs *disk = model_disk();
    hist_error err;

    model_init(&m, seed, sizes[seed % 3]);
    hi_wal *wal = model_start(&m, disk);
    vfs_crash_stop_after(disk, 1 + model_below(&m, 150));
    while (m.count + 8 < BATCHES_MAX && model_step(&m, wal, &err) == HIST_OK) {
    }
    for (int i = 0; i < cuts; i++) {
        cut_check(&m, disk, seed * 1000 + (uint64_t)i, 2);
    }
    vfs_crash_stop_after(disk, 0);
    hi_wal_abandon(wal);
    vfs_crash_free(disk);
}

static void test_a_power_cut_loses_nothing_acknowledged_and_leaves_a_prefix(void **state)
{
    (void)state;
    const bool is_long = getenv("HIST_LONG") != NULL;

    for (uint64_t seed = 1; seed <= (is_long ? 20000 : 250); seed++) {
        cut_run(seed, 5);
    }
}

static void test_a_kill_loses_nothing_written(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        static model m;
        hist_vfs *disk = model_disk();
        hi_wal_report report;
        hist_error err;
        size_t found = 0;

        model_init(&m, seed, 8192);
        hi_wal *wal = model_start(&m, disk);
        for (int i = 0; i < 40; i++) {
            assert_int_equal(model_step(&m, wal, &err), HIST_OK);
        }
        hist_vfs *after = vfs_crash_copy(disk);
        assert_int_equal(model_replay(&m, after, &report, &found, &err), HIST_OK);
        assert_int_equal(found, m.count);
        assert_false(report.torn);
        vfs_crash_free(after);
        hi_wal_abandon(wal);
        vfs_crash_free(disk);
    }
}

static void test_what_a_killed_process_left_is_durable_once_it_was_found(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        static model m;
        hist_vfs *disk = model_disk();
        hi_wal_report report;
        hist_error err;
        size_t found = 0;

        model_init(&m, seed, 8192);
        hi_wal *wal = model_start(&m, disk);
        for (int i = 0; i < 10; i++) {
            assert_int_equal(model_append(&m, wal, 2, &err), HIST_OK);
        }
        hi_wal_abandon(wal); /* kill -9 */
        assert_int_equal(model_replay(&m, disk, &report, &found, &err), HIST_OK);
        assert_int_equal(found, m.count);
        wal = model_open(&m, disk, &report, &err);
        assert_non_null(wal);
        assert_int_equal(hi_wal_durable(wal), report.last_seq);
        m.durable = report.last_seq;
        cut_check(&m, disk, seed, 1);
        hi_wal_abandon(wal);
        vfs_crash_free(disk);
    }
}

/* ---- faults ----------------------------------------------------------------------------- */

/* Runs a workload where call `at` fails; false: it was not reached. */
static bool fault_run(vfs_fault_plan plan)
{
    static model m;
    hist_vfs *disk = model_disk();
    hist_vfs *vfs = vfs_fault_new(disk);
    hi_wal_report report;
    hist_error err = {0};
    size_t found = 0;

    model_init(&m, 9, 4096);
    hi_wal *wal = model_start(&m, vfs);
    vfs_fault_arm(vfs, plan);
    for (int i = 0; i < 60; i++) {
        const uint64_t last = hi_wal_last(wal);

        if (model_step(&m, wal, &err) != HIST_OK) {
            assert_true(err.code == HIST_EIO || err.code == HIST_ENOSPC);
            assert_true(plan.sticky || !hi_wal_broken(wal) || hi_wal_last(wal) == last);
        }
    }
    const bool reached = vfs_fault_reached(vfs) > 0;
    vfs_fault_arm(vfs, (vfs_fault_plan){0});
    /* The cause is gone: it goes on by itself. */
    assert_int_equal(model_append(&m, wal, 2, &err), HIST_OK);
    assert_int_equal(model_sync(&m, wal, &err), HIST_OK);
    assert_int_equal(hi_wal_close(wal, &err), HIST_OK);
    m.super_durable = m.durable;
    if (model_replay(&m, disk, &report, &found, &err) != HIST_OK) {
        fail_msg("fault %llu kind %d: %s", (unsigned long long)plan.at, (int)plan.kind,
                 err.message);
    }
    assert_int_equal(found, m.count);
    assert_false(report.torn);
    assert_int_equal(m.mem.used, 0);
    vfs_fault_free(vfs);
    vfs_crash_free(disk);
    return reached;
}

static void test_writing_survives_a_fault_at_every_call(void **state)
{
    (void)state;
    const vfs_fault_kind kinds[] = {VFS_FAULT_EIO, VFS_FAULT_ENOSPC, VFS_FAULT_TORN};

    for (size_t k = 0; k < 3; k++) {
        for (int sticky = 0; sticky < 2; sticky++) {
            vfs_fault_plan plan = {.at = 1, .kind = kinds[k], .sticky = sticky == 1};

            for (; fault_run(plan); plan.at++) {
            }
            assert_true(plan.at > 50);
        }
    }
}

static void test_a_fault_while_reading_is_an_error_and_never_the_end(void **state)
{
    (void)state;
    static model m;
    hist_vfs *disk = model_disk();
    hist_vfs *vfs = vfs_fault_new(disk);
    hi_wal_report report;
    hist_error err = {0};
    size_t found = 0;

    model_init(&m, 10, 4096);
    hi_wal *wal = model_start(&m, disk);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(model_append(&m, wal, 1, &err), HIST_OK);
    }
    assert_int_equal(hi_wal_close(wal, &err), HIST_OK);
    for (uint64_t at = 1;; at++) {
        vfs_fault_arm(vfs, (vfs_fault_plan){.at = at});
        const hist_status st = model_replay(&m, vfs, &report, &found, &err);

        if (vfs_fault_reached(vfs) == 0) {
            assert_int_equal(st, HIST_OK);
            break;
        }
        assert_int_equal(st, HIST_EIO);
    }
    vfs_fault_free(vfs);
    vfs_crash_free(disk);
}

static void test_a_failed_sync_that_lost_the_pages_loses_nothing_acknowledged(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 25; n++) {
        static model m;
        hist_vfs *disk = model_disk();
        hist_error err = {0};

        model_init(&m, n, 8192);
        hi_wal *wal = model_start(&m, disk);
        vfs_crash_fail_sync(disk, n);
        for (int i = 0; i < 60; i++) {
            assert_int_equal(model_step(&m, wal, &err), HIST_OK);
        }
        for (uint64_t seed = 0; seed < 20; seed++) {
            cut_check(&m, disk, n * 100 + seed, 1);
        }
        hi_wal_abandon(wal);
        vfs_crash_free(disk);
    }
}

static void test_what_failed_can_be_forgotten(void **state)
{
    (void)state;
    static model m;
    hist_vfs *disk = model_disk();
    hist_vfs *vfs = vfs_fault_new(disk);
    hi_wal_report report;
    hist_error err;
    size_t found = 0;

    model_init(&m, 3, 8192);
    hi_wal *wal = model_start(&m, vfs);
    assert_int_equal(model_append(&m, wal, 3, &err), HIST_OK);
    assert_int_equal(model_sync(&m, wal, &err), HIST_OK);
    const size_t kept = m.count;
    assert_int_equal(model_append(&m, wal, 2, &err), HIST_OK);
    vfs_fault_arm(vfs, (vfs_fault_plan){.at = 1, .sticky = true});
    assert_int_equal(model_sync(&m, wal, &err), HIST_EIO);
    assert_true(hi_wal_broken(wal));
    hi_wal_forget_after(wal, hi_wal_durable(wal));
    vfs_fault_arm(vfs, (vfs_fault_plan){0});
    m.count = kept;
    assert_int_equal(hi_wal_heal(wal, &err), HIST_OK);
    assert_int_equal(model_append(&m, wal, 1, &err), HIST_OK);
    assert_int_equal(hi_wal_close(wal, &err), HIST_OK);
    assert_int_equal(model_replay(&m, disk, &report, &found, &err), HIST_OK);
    assert_int_equal(found, m.count);
    vfs_fault_free(vfs);
    vfs_crash_free(disk);
}

static void test_a_tight_memory_budget_syncs_early_and_works(void **state)
{
    (void)state;
    static model m;
    hist_vfs *disk = model_disk();
    hi_wal_report report;
    hist_error err;
    size_t found = 0;

    model_init(&m, 3, 1 << 20);
    hi_mem_init(&m.mem, NULL, NULL, 64 << 10);
    hi_wal *wal = model_start(&m, disk);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(model_append(&m, wal, 1, &err), HIST_OK);
    }
    assert_true(hi_wal_durable(wal) > 0);
    hi_wal_abandon(wal);
    hi_mem_init(&m.mem, NULL, NULL, 0);
    assert_int_equal(model_replay(&m, disk, &report, &found, &err), HIST_OK);
    assert_int_equal(found, m.count);
    vfs_crash_free(disk);
}

/* ---- damage ----------------------------------------------------------------------------- */

#define DAMAGE_BATCHES 12

/* An ordinal from which on DAMAGE_BATCHES batches fit well into one small segment. */
static uint64_t damage_ordinal(void)
{
    static uint8_t payload[PAYLOAD_MAX];

    for (uint64_t from = 0;; from++) {
        size_t sum = 0;

        for (uint64_t i = 0; i < DAMAGE_BATCHES; i++) {
            sum += model_payload(from + i, payload);
        }
        if (sum > 600 && sum < 2400) {
            return from;
        }
    }
}

/* A log of one small segment. */
static hist_vfs *damage_log(model *m, bool mark, bool close)
{
    hist_vfs *disk = model_disk();
    hist_error err;
    size_t segments = 0;

    model_init(m, 2, 4096);
    m->next_ordinal = damage_ordinal();
    hi_wal *wal = model_start(m, disk);
    for (int i = 0; i < DAMAGE_BATCHES / 2; i++) {
        assert_int_equal(model_append(m, wal, 2, &err), HIST_OK);
        if (i == 3 || mark || close) {
            assert_int_equal(model_sync(m, wal, &err), HIST_OK);
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
    assert_int_equal(hi_name_path(DIR_PATH, HI_FILE_WAL, no, path, NULL), HIST_OK);
}

/* An error, or all that was durable. With `proof` nothing at all may be missing. */
static void damage_check(model *m, hist_vfs *disk, bool proof, const char *what, size_t where)
{
    hi_wal_report report;
    hist_error err = {0};
    size_t found = 0;
    const hist_status st = model_replay(m, disk, &report, &found, &err);

    if (st == HIST_OK && found < (proof ? m->count : model_durable_count(m))) {
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
        static model m;
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
    static model m;
    char path[HI_PATH_SIZE];
    hist_vfs *disk = damage_log(&m, true, false);

    damage_path(path, 1);
    for (size_t size = 0; size < 4096; size += size % 7 == 0 ? 2 : 1) {
        hist_vfs *copy = vfs_crash_copy(disk);
        hi_wal_report report;
        hist_error err;
        size_t found = 0;

        assert_true(vfs_crash_resize(copy, path, size));
        assert_int_equal(model_replay(&m, copy, &report, &found, &err), HIST_ECORRUPT);
        vfs_crash_free(copy);
    }
    vfs_crash_free(disk);
}

static void test_zeroed_runs_are_an_error_or_change_nothing(void **state)
{
    (void)state;
    static model m;
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
    static model m;
    hist_vfs *disk = model_disk();
    hi_wal_report report;
    hist_error err;
    size_t segments = 0;
    size_t found = 0;

    model_init(&m, 4, 4096);
    hi_wal *wal = model_start(&m, disk);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(model_append(&m, wal, 2, &err), HIST_OK);
    }
    assert_int_equal(model_sync(&m, wal, &err), HIST_OK);
    (void)hi_wal_segments(wal, &segments);
    assert_true(segments > 4);
    hi_wal_abandon(wal);
    m.super_durable = m.durable;
    for (uint64_t no = 1; no <= segments; no++) {
        hist_vfs *copy = vfs_crash_copy(disk);
        char path[HI_PATH_SIZE];

        damage_path(path, no);
        assert_int_equal(copy->unlink(copy, path, &err), HIST_OK);
        assert_int_equal(model_replay(&m, copy, &report, &found, &err), HIST_ECORRUPT);
        vfs_crash_free(copy);
    }
    vfs_crash_free(disk);
}

static void test_a_segment_of_another_store_or_number_is_damage(void **state)
{
    (void)state;
    static model m;
    hist_vfs *disk = damage_log(&m, true, false);
    hi_wal_report report;
    hist_error err;
    char from[HI_PATH_SIZE];
    char to[HI_PATH_SIZE];

    hi_wal_config config = model_config(&m, disk);
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
static hist_vfs *damage_twins(model *m, size_t *first_out, size_t *size_out)
{
    hist_vfs *disk = model_disk();
    const uint8_t payload[3][16] = {"first", "second", "third"};
    hist_error err;

    model_init(m, 1, 4096);
    hi_wal *wal = model_start(m, disk);
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
    static model m;
    size_t first = 0;
    size_t frame = 0;
    size_t size = 0;
    hist_vfs *disk = damage_twins(&m, &first, &frame);
    char path[HI_PATH_SIZE];
    hi_wal_report report;
    hist_error err;
    const hi_wal_config config = model_config(&m, disk);
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
        static model m;
        size_t first = 0;
        size_t frame = 0;
        size_t size = 0;
        hist_vfs *disk = damage_twins(&m, &first, &frame);
        char path[HI_PATH_SIZE];
        hi_wal_report report;
        hist_error err;
        const hi_wal_config config = model_config(&m, disk);
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
    static model m;
    static uint8_t forged[3200];
    hist_vfs *disk = model_disk();
    hi_wal_report report;
    hist_error err;
    char path[HI_PATH_SIZE];
    size_t size = 0;

    model_init(&m, 1, 4096);
    hi_wal *wal = model_start(&m, disk);
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

    const hi_wal_config config = model_config(&m, disk);
    const hi_wal_from from = {0};
    assert_int_equal(hi_wal_replay(&config, &from, NULL, NULL, &report, &err), HIST_OK);
    assert_true(report.torn);
    assert_int_equal(report.last_seq, 0);
    assert_int_equal(report.dropped_frames, 0);
    assert_true(report.dropped_bytes >= sizeof(forged));
    vfs_crash_free(disk);
}

/* ---- threads ---------------------------------------------------------------------------- */

typedef struct shared_log {
    pthread_mutex_t lock;
    hi_wal *wal;
    bool stop;
    uint64_t durable;
} shared_log;

static void *shared_sync(void *arg)
{
    shared_log *log = arg;
    hi_wal_ticket ticket;
    bool stop = false;

    while (!stop) {
        pthread_mutex_lock(&log->lock);
        stop = log->stop;
        hi_wal_sync_begin(log->wal, &ticket);
        pthread_mutex_unlock(&log->lock);
        hi_wal_sync_run(log->wal, &ticket);
        pthread_mutex_lock(&log->lock);
        if (hi_wal_sync_end(log->wal, &ticket, NULL) == HIST_OK) {
            log->durable = hi_wal_durable(log->wal);
        }
        pthread_mutex_unlock(&log->lock);
    }
    return NULL;
}

static void test_appending_goes_on_while_another_thread_syncs(void **state)
{
    (void)state;
    static model m;
    hist_vfs *disk = model_disk();
    hist_vfs *vfs = vfs_fault_new(disk);
    shared_log log = {0};
    hi_wal_report report;
    hist_error err;
    size_t found = 0;
    pthread_t thread;

    model_init(&m, 8, 8192);
    log.wal = model_start(&m, vfs);
    pthread_mutex_init(&log.lock, NULL);
    vfs_fault_arm(vfs, (vfs_fault_plan){.at = 50, .ops = VFS_OP_SYNC});
    assert_int_equal(pthread_create(&thread, NULL, shared_sync, &log), 0);
    for (int i = 0; i < 1500; i++) {
        pthread_mutex_lock(&log.lock);
        assert_int_equal(model_append(&m, log.wal, 1, &err), HIST_OK);
        pthread_mutex_unlock(&log.lock);
    }
    pthread_mutex_lock(&log.lock);
    log.stop = true;
    pthread_mutex_unlock(&log.lock);
    pthread_join(thread, NULL);
    assert_int_equal(log.durable, hi_wal_last(log.wal));
    assert_int_equal(hi_wal_close(log.wal, &err), HIST_OK);
    m.super_durable = log.durable;
    assert_int_equal(model_replay(&m, disk, &report, &found, &err), HIST_OK);
    assert_int_equal(found, m.count);
    pthread_mutex_destroy(&log.lock);
    vfs_fault_free(vfs);
    vfs_crash_free(disk);
}

typedef struct tail_reader {
    model *m;
    hist_vfs *vfs;
    _Atomic bool stop;
    bool failed;
    hist_error err;
    uint64_t passes;
} tail_reader;

static void *tail_read(void *arg)
{
    tail_reader *t = arg;
    const hi_wal_config config = model_config(t->m, t->vfs);
    const hi_wal_from from = {.live = true};
    uint64_t last = 0;

    while (!t->stop && !t->failed) {
        hi_wal_report report;
        const hist_status st = hi_wal_replay(&config, &from, NULL, NULL, &report, &t->err);

        t->failed = st != HIST_OK || report.last_seq < last;
        last = report.last_seq;
        t->passes++;
    }
    return NULL;
}

static void test_a_reader_follows_a_log_that_is_being_written(void **state)
{
    (void)state;
    static model m;
    hist_vfs *vfs = hist_vfs_memory_new();
    hist_error err;
    pthread_t thread;

    assert_int_equal(vfs->mkdir(vfs, DIR_PATH, &err), HIST_OK);
    model_init(&m, 8, 65536);
    hi_wal *wal = model_start(&m, vfs);
    tail_reader reader = {.m = &m, .vfs = vfs};
    assert_int_equal(pthread_create(&thread, NULL, tail_read, &reader), 0);
    for (int i = 0; i < 1800; i++) {
        assert_int_equal(model_append(&m, wal, 1, &err), HIST_OK);
        if (i % 3 == 0) {
            assert_int_equal(model_sync(&m, wal, &err), HIST_OK);
        }
    }
    reader.stop = true;
    pthread_join(thread, NULL);
    if (reader.failed) {
        fail_msg("pass %llu: %s", (unsigned long long)reader.passes, reader.err.message);
    }
    hi_wal_abandon(wal);
    hist_vfs_memory_free(vfs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_synced_comes_back),
        cmocka_unit_test(test_a_large_batch_spans_segments),
        cmocka_unit_test(test_a_batch_over_the_limit_is_refused_and_costs_nothing),
        cmocka_unit_test(test_segments_below_the_floor_go_away),
        cmocka_unit_test(test_opening_over_and_over_does_not_pile_up_segments),
        cmocka_unit_test(test_a_power_cut_loses_nothing_acknowledged_and_leaves_a_prefix),
        cmocka_unit_test(test_a_kill_loses_nothing_written),
        cmocka_unit_test(test_what_a_killed_process_left_is_durable_once_it_was_found),
        cmocka_unit_test(test_writing_survives_a_fault_at_every_call),
        cmocka_unit_test(test_a_fault_while_reading_is_an_error_and_never_the_end),
        cmocka_unit_test(test_a_failed_sync_that_lost_the_pages_loses_nothing_acknowledged),
        cmocka_unit_test(test_what_failed_can_be_forgotten),
        cmocka_unit_test(test_a_tight_memory_budget_syncs_early_and_works),
        cmocka_unit_test(test_every_flipped_bit_is_an_error_or_changes_nothing),
        cmocka_unit_test(test_every_truncation_is_an_error),
        cmocka_unit_test(test_zeroed_runs_are_an_error_or_change_nothing),
        cmocka_unit_test(test_a_missing_segment_is_damage),
        cmocka_unit_test(test_a_segment_of_another_store_or_number_is_damage),
        cmocka_unit_test(test_a_frame_that_was_being_written_is_read_again),
        cmocka_unit_test(test_a_frame_in_the_place_of_another_is_damage),
        cmocka_unit_test(test_payload_that_looks_like_frames_proves_nothing),
        cmocka_unit_test(test_appending_goes_on_while_another_thread_syncs),
        cmocka_unit_test(test_a_reader_follows_a_log_that_is_being_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
