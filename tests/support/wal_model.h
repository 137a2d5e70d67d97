/*
 * wal_model.h -- what a log has to contain, and random work on one.
 *
 * A batch is made from its ordinal, so what comes back can be checked without
 * keeping what went in. HIST_EINTERNAL from a replay: something came back that is wrong.
 */
#ifndef WAL_MODEL_H
#define WAL_MODEL_H

#include "store/wal.h"

#define WAL_DIR         "store"
#define WAL_BATCHES_MAX 2000
#define WAL_PAYLOAD_MAX 20000

typedef struct wal_model_batch {
    uint64_t seq; /* 0: not known, its append did not return. */
    uint64_t ordinal;
} wal_model_batch;

/* What the log has to contain. */
typedef struct wal_model {
    uint64_t random;
    uint64_t segment_bytes;
    hi_mem mem;
    wal_model_batch
        batches[WAL_BATCHES_MAX]; /* Appended, in order; `pending` more may be there too. */
    size_t count;
    size_t pending;
    uint64_t next_ordinal;
    uint64_t durable;       /* Seq that a sync acknowledged. */
    uint64_t floor_segment; /* As a manifest would say, and one generation ago. */
    uint64_t floor_seq;
    uint64_t old_floor_segment;
    uint64_t super_durable;
} wal_model;

/* splitmix64, and a number below `bound` from the model's state. */
uint64_t wal_model_random(uint64_t *state);
uint64_t wal_model_below(wal_model *m, uint64_t bound);

/* The payload of a batch into WAL_PAYLOAD_MAX bytes: mostly short, some longer than a segment. */
size_t wal_model_payload(uint64_t ordinal, uint8_t *out);

void wal_model_init(wal_model *m, uint64_t seed, uint64_t segment_bytes);
hi_wal_config wal_model_config(wal_model *m, hist_vfs *vfs);

/* A vfs_crash disk with WAL_DIR on it, and a new log there. */
hist_vfs *wal_model_disk(void);
hi_wal *wal_model_start(wal_model *m, hist_vfs *disk);
/* Goes on behind what replay found; NULL: it failed. */
hi_wal *wal_model_open(wal_model *m, hist_vfs *vfs, const hi_wal_report *report, hist_error *err);

/* Appends `count` batches (1 to 4) in one call. */
hist_status wal_model_append(wal_model *m, hi_wal *wal, size_t count, hist_error *err);
hist_status wal_model_sync(wal_model *m, hi_wal *wal, hist_error *err);
/* What flushing does: the floor moves up, segments below the floor before are removed. */
void wal_model_flush(wal_model *m, hi_wal *wal);
/* One random step. */
hist_status wal_model_step(wal_model *m, hi_wal *wal, hist_error *err);

/* Replays and compares: *found_out batches are there, a prefix of what was appended. */
hist_status wal_model_replay(wal_model *m, hist_vfs *vfs, hi_wal_report *report, size_t *found_out,
                             hist_error *err);
/* How many batches have to be there at least. */
size_t wal_model_durable_count(const wal_model *m);

#endif
