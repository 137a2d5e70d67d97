/*
 * wal.h -- the write-ahead log: batches of bytes that survive, in order, or not at all.
 *
 * The log neither knows nor cares what a batch says. A batch is one frame or,
 * when long, several; it exists only with its last one. Every data frame has a
 * sequence number, exactly one more than the one before, also across segments; a
 * batch is known by that of its last frame.
 *
 * Segment WAL-<no>, preallocated, zero where not written yet:
 *
 *   header, 88 bytes                          frame, 40 bytes + payload
 *     0 8 magic "HISTWAL1"                      0 4 magic "HWF1"
 *     8 4 format version                        4 4 payload bytes
 *    12 4 segment size                          8 8 seq (mark, close: that of the next data frame)
 *    16 24 feature masks (features.h)          16 8 durable: all batches up to it were synced
 *    40 8 segment number                       24 4 flags: 1 data 2 mark 4 close 8 continued
 *    48 8 salt, random                         28 4 zero
 *    56 8 seq of the first frame               32 8 XXH3 of payload and padding, seeded with that
 *    64 8 durable when it was made                    of bytes 0..31, seeded with the salt
 *    72 8 last 8 bytes of the store's uuid     40   payload, zero-padded to 8
 *    80 8 XXH3 of bytes 0..79
 *
 * Rules the proof of recovery rests on:
 *   - a segment is synced whole before the next one is made, so every frame below the first seq
 *     of a later segment was on stable storage;
 *   - a segment whose write or sync failed is never touched again; what it held unsynced is
 *     written to a new one, whose first seq overrides everything from there on in older ones;
 *   - a frame that does not verify is a torn tail only when nothing proves that it was durable
 *     before: no later segment, no later frame, not SUPER. Else it is damage.
 *
 * Threads: not thread-safe; the caller holds its log lock, except where noted.
 */
#ifndef HI_WAL_H
#define HI_WAL_H

#include "base/mem.h"
#include "store/names.h"

#define HI_WAL_HEADER_SIZE       88
#define HI_WAL_FRAME_HEADER_SIZE 40
#define HI_WAL_SEGMENT_BYTES_MIN 4096 /* Of the format; stores have a higher least. */
#define HI_WAL_SEGMENT_BYTES_MAX (UINT64_C(1) << 30)
#define HI_WAL_FRAME_PAYLOAD_MAX (UINT32_C(1) << 20)
/* Payload of one batch. Above HIST_BATCH_BYTES_MAX, as encoded rows carry definitions too. */
#define HI_WAL_BATCH_BYTES_MAX (UINT64_C(128) << 20)

typedef struct hi_wal hi_wal;

typedef struct hi_wal_config {
    hist_vfs *vfs; /* Borrowed, as is everything here. */
    const char *dir;
    hi_mem *mem;
    uint8_t uuid[16]; /* Of the store. */
    uint64_t segment_bytes;
    uint64_t buffer_bytes; /* Most that is kept until it is synced; 0: a segment. */
    bool for_write;        /* Segments with features that allow reading only are refused. */
    hist_log_fn log;       /* NULL: silent. */
    void *log_arg;
} hi_wal_config;

/* ---- reading ---------------------------------------------------------------------------- */

typedef struct hi_wal_from {
    uint64_t floor_segment; /* Older segments are not looked at. 0: all, and there may be none. */
    uint64_t floor_seq;     /* Batches up to here are checked, but not visited. */
    uint64_t super_durable; /* SUPER's watermark. */
    bool live;              /* A writer may be appending right now: a read-only tail view. */
} hi_wal_from;

/* Called for each whole batch in order. A status other than HIST_OK ends the replay with it. */
typedef hist_status (*hi_wal_visit_fn)(void *arg, uint64_t seq, const void *payload, size_t size,
                                       hist_error *err);

typedef struct hi_wal_report {
    uint64_t last_seq;     /* Of the last whole batch, or floor_seq. */
    uint64_t last_segment; /* Highest number that exists, or 0. */
    uint64_t batches;      /* Visited. */
    uint64_t bytes;        /* Payload visited. */
    uint64_t file_bytes;   /* Of the segments that are there. */
    bool closed;           /* The log ends with a close frame. */
    bool torn; /* Something behind last_seq was dropped: never acknowledged as durable. */
    uint64_t torn_segment; /* Where it began. */
    uint64_t torn_offset;
    uint64_t dropped_bytes;  /* Up to the last byte that is not zero. */
    uint64_t dropped_frames; /* Data frames among them that are sound. */
} hi_wal_report;

/*
 * Reads the log and changes nothing. Memory: one batch and one frame.
 *   visit      NULL: only check.
 *   report_out Filled also on failure, as far as it got.
 * Errors  HIST_ECORRUPT: acknowledged data is damaged (segment, offset and seqs in the message);
 *         HIST_ENOTFOUND: a segment vanished while reading (only with from->live: the writer
 *         published a newer manifest, start again with that); HIST_EVERSION, HIST_EREADONLY (only
 *         with config->for_write), HIST_EIO, HIST_ENOMEM;
 *         whatever visit returned.
 */
hist_status hi_wal_replay(const hi_wal_config *config, const hi_wal_from *from,
                          hi_wal_visit_fn visit, void *visit_arg, hi_wal_report *report_out,
                          hist_error *err);

/* ---- writing ---------------------------------------------------------------------------- */

/*
 * Starts a fresh segment behind what hi_wal_replay() found (for a new store: a report of zeroes).
 * Syncs the segments that are there first, because batches found in them count as durable from
 * now on: hi_wal_durable() is report->last_seq.
 *   config     Copied; what it points to must live until close.
 */
hist_status hi_wal_open(const hi_wal_config *config, const hi_wal_report *report, hi_wal **wal_out,
                        hist_error *err);

typedef struct hi_wal_batch {
    const hist_iov *iov;
    size_t iov_count;
    uint64_t seq; /* Out. */
} hi_wal_batch;

/*
 * Writes all batches behind each other in one gathered write (several when a segment fills up;
 * the full one is then synced here). Payload is copied: not read after return.
 * After a failure none of them is in the log, seqs did not move, and the next call tries a new
 * segment by itself. A batch given again after a failure is a new batch.
 * Errors  HIST_EIO, HIST_ENOSPC, HIST_ENOMEM, HIST_ELIMIT (HI_WAL_BATCH_BYTES_MAX).
 */
hist_status hi_wal_append(hi_wal *wal, hi_wal_batch *batches, size_t count, hist_error *err);

/*
 * Makes everything appended durable. When the file fails, what is not durable is moved to a new
 * segment (logged as wal_moved); only when that fails too the error is returned. Then the batches
 * behind hi_wal_durable() are still kept and the next append, sync or heal tries again.
 */
hist_status hi_wal_sync(hi_wal *wal, hist_error *err);

/*
 * The same in three steps, so that appending goes on while the disk works: begin and end under
 * the log lock, run without it. An append that has to change the segment meanwhile, and another
 * sync, waits for run. begin always needs run and end to follow, also when nothing is to do.
 */
typedef struct hi_wal_ticket {
    hist_file *file;    /* NULL: nothing to do. */
    uint64_t seq;       /* Durable when it works. */
    size_t bytes;       /* Of the unsynced frames it covers. */
    hist_status status; /* Of the sync. */
    hist_error error;
    bool done;  /* run is through. */
    bool ended; /* Its result was taken in. */
} hi_wal_ticket;

void hi_wal_sync_begin(hi_wal *wal, hi_wal_ticket *ticket);
void hi_wal_sync_run(hi_wal *wal, hi_wal_ticket *ticket);
hist_status hi_wal_sync_end(hi_wal *wal, hi_wal_ticket *ticket, hist_error *err);

/* Tries to leave the broken state now; HIST_OK also when there is nothing to heal. */
hist_status hi_wal_heal(hi_wal *wal, hist_error *err);
/* True after a failure, until an append, a sync or heal found a working segment. */
bool hi_wal_broken(const hi_wal *wal);
/*
 * Only while broken: forgets the batches behind seq (at least hi_wal_durable()), whose commits the
 * caller reported as failed. Should the process die before the log heals they may still be found.
 */
void hi_wal_forget_after(hi_wal *wal, uint64_t seq);

/* Highest batch that is written, and that is durable. 0: none. */
uint64_t hi_wal_last(const hi_wal *wal);
uint64_t hi_wal_durable(const hi_wal *wal);

typedef struct hi_wal_segment {
    uint64_t no;
    uint64_t first_seq;
    uint64_t bytes; /* Of the file. */
} hi_wal_segment;

/* All segments in the folder, oldest first, the one written to last. Valid until the next call. */
const hi_wal_segment *hi_wal_segments(const hi_wal *wal, size_t *count_out);
/* Their bytes. */
uint64_t hi_wal_bytes(const hi_wal *wal);
/* Oldest segment needed when everything up to seq is in parts: the manifest's wal_floor_segment. */
uint64_t hi_wal_floor(const hi_wal *wal, uint64_t seq);
/* Unlinks the segments below `floor_segment`. One that cannot be removed is logged and kept for
   the next call. */
void hi_wal_remove_below(hi_wal *wal, uint64_t floor_segment);

/* Syncs, writes a close frame, syncs, frees. The status tells whether all of it is durable; wal is
   gone anyway. NULL is HIST_OK. */
hist_status hi_wal_close(hi_wal *wal, hist_error *err);
/* Frees without writing: as if the process died here. NULL is a no-op. */
void hi_wal_abandon(hi_wal *wal);

#endif
