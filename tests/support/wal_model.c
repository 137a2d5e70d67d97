/* wal_model.c -- what a log has to contain, and random work on one; see wal_model.h. */
#include "tests/support/wal_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "tests/support/vfs_crash.h"

/* Not cmocka's: fuzz targets link this too. */
static void model_expect(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "%s\n", what);
        abort();
    }
}

static const uint8_t wal_uuid[16] = "0123456789abcde";

uint64_t wal_model_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t wal_model_below(wal_model *m, uint64_t bound)
{
    return wal_model_random(&m->random) % bound;
}

/* The payload of a batch: mostly short, some longer than a segment. */
size_t wal_model_payload(uint64_t ordinal, uint8_t *out)
{
    uint64_t state = ordinal * 7 + 1;
    const uint64_t kind = wal_model_random(&state) % 32;
    const size_t size = (size_t)(kind == 0   ? wal_model_random(&state) % WAL_PAYLOAD_MAX
                                 : kind < 4  ? wal_model_random(&state) % 3000
                                 : kind == 5 ? 0
                                             : wal_model_random(&state) % 200);

    for (size_t i = 0; i < size; i += 8) {
        uint8_t bytes[8];

        hi_put_u64(bytes, wal_model_random(&state));
        memcpy(out + i, bytes, size - i < 8 ? size - i : 8);
    }
    return size;
}

void wal_model_init(wal_model *m, uint64_t seed, uint64_t segment_bytes)
{
    memset(m, 0, sizeof(*m));
    m->random = seed;
    m->segment_bytes = segment_bytes;
    hi_mem_init(&m->mem, NULL, NULL, 0);
}

hi_wal_config wal_model_config(wal_model *m, hist_vfs *vfs)
{
    hi_wal_config config = {
        .vfs = vfs, .dir = WAL_DIR, .mem = &m->mem, .segment_bytes = m->segment_bytes};

    memcpy(config.uuid, wal_uuid, sizeof(config.uuid));
    return config;
}

/* Appends `count` batches (1 to 4) in one call. */
hist_status wal_model_append(wal_model *m, hi_wal *wal, size_t count, hist_error *err)
{
    static uint8_t payloads[4][WAL_PAYLOAD_MAX];
    hist_iov iov[4][2];
    hi_wal_batch batches[4];

    for (size_t i = 0; i < count; i++) {
        const size_t size = wal_model_payload(m->next_ordinal + i, payloads[i]);
        const size_t half = size / 3;

        iov[i][0] = (hist_iov){.data = payloads[i], .size = half};
        iov[i][1] = (hist_iov){.data = payloads[i] + half, .size = size - half};
        batches[i] = (hi_wal_batch){.iov = iov[i], .iov_count = 2};
    }
    const hist_status st = hi_wal_append(wal, batches, count, err);
    for (size_t i = 0; i < count; i++) {
        m->batches[m->count + i] = (wal_model_batch){.seq = st == HIST_OK ? batches[i].seq : 0,
                                                     .ordinal = m->next_ordinal + i};
    }
    m->next_ordinal += count;
    m->count += st == HIST_OK ? count : 0;
    m->pending = st == HIST_OK ? 0 : count;
    return st;
}

hist_status wal_model_sync(wal_model *m, hi_wal *wal, hist_error *err)
{
    const hist_status st = hi_wal_sync(wal, err);

    if (st == HIST_OK) {
        model_expect(hi_wal_durable(wal) == hi_wal_last(wal), "a sync left something not durable");
        m->durable = hi_wal_durable(wal);
    }
    return st;
}

typedef struct model_check {
    wal_model *m;
    size_t at;
    const char *wrong; /* NULL: nothing. */
} model_check;

static hist_status model_visit(void *arg, uint64_t seq, const void *payload, size_t size,
                               hist_error *err)
{
    static uint8_t wanted[WAL_PAYLOAD_MAX];
    model_check *c = arg;
    wal_model *m = c->m;

    (void)err;
    if (c->at >= m->count + m->pending) {
        c->wrong = "more batches than were appended";
        return HIST_OK;
    }
    wal_model_batch *batch = &m->batches[c->at++];
    const size_t wanted_size = wal_model_payload(batch->ordinal, wanted);
    if (batch->seq != 0 && batch->seq != seq) {
        c->wrong = "a batch with another seq";
    } else if (size != wanted_size || (size > 0 && memcmp(payload, wanted, size) != 0)) {
        c->wrong = "a batch with another payload";
    }
    batch->seq = seq; /* Now it is known. */
    return HIST_OK;
}

/* Replays and compares: *found_out batches are there, a prefix of what was appended. */
hist_status wal_model_replay(wal_model *m, hist_vfs *vfs, hi_wal_report *report, size_t *found_out,
                             hist_error *err)
{
    const hi_wal_config config = wal_model_config(m, vfs);
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
        return hi_fail(err, HIST_EINTERNAL, "%s", check.wrong);
    }
    return st;
}

/* How many batches have to be there at least. */
size_t wal_model_durable_count(const wal_model *m)
{
    size_t n = 0;

    while (n < m->count && m->batches[n].seq <= m->durable) {
        n++;
    }
    return n;
}

hi_wal *wal_model_open(wal_model *m, hist_vfs *vfs, const hi_wal_report *report, hist_error *err)
{
    const hi_wal_config config = wal_model_config(m, vfs);
    hi_wal *wal = NULL;

    return hi_wal_open(&config, report, &wal, err) == HIST_OK ? wal : NULL;
}

hist_vfs *wal_model_disk(void)
{
    hist_vfs *disk = vfs_crash_new();

    model_expect(disk != NULL && disk->mkdir(disk, WAL_DIR, NULL) == HIST_OK &&
                     disk->sync_dir(disk, ".", NULL) == HIST_OK,
                 "no disk");
    return disk;
}

hi_wal *wal_model_start(wal_model *m, hist_vfs *disk)
{
    const hi_wal_report none = {0};
    hist_error err;
    hi_wal *wal = wal_model_open(m, disk, &none, &err);

    if (wal == NULL) {
        model_expect(false, err.message);
    }
    return wal;
}

/* What flushing does: the floor moves up, segments below the floor before are removed. */
void wal_model_flush(wal_model *m, hi_wal *wal)
{
    m->old_floor_segment = m->floor_segment;
    m->floor_seq = hi_wal_durable(wal);
    m->floor_segment = hi_wal_floor(wal, m->floor_seq);
    hi_wal_remove_below(wal, m->old_floor_segment);
}

/* One random step. */
hist_status wal_model_step(wal_model *m, hi_wal *wal, hist_error *err)
{
    const uint64_t what = wal_model_below(m, 100);

    if (what < 60) {
        return wal_model_append(m, wal, 1 + wal_model_below(m, 4), err);
    }
    if (what < 85) {
        return wal_model_sync(m, wal, err);
    }
    if (what < 93) {
        hi_wal_ticket ticket;

        hi_wal_sync_begin(wal, &ticket);
        hi_wal_sync_run(wal, &ticket); /* The append may have to change the segment. */
        const hist_status st = wal_model_append(m, wal, 1, err);
        const hist_status ended = hi_wal_sync_end(wal, &ticket, st == HIST_OK ? err : NULL);
        m->durable = hi_wal_durable(wal);
        return st != HIST_OK ? st : ended;
    }
    if (what < 97) {
        m->super_durable = hi_wal_durable(wal);
    } else {
        wal_model_flush(m, wal);
    }
    return HIST_OK;
}
