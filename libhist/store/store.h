/*
 * store.h -- an open store: what api/ calls, and the structure its files share.
 *
 * Three things change while a store is open, each under a lock of its own, taken
 * in this order and never the other way round:
 *
 *   flush_lock     one flush at a time          merge_lock     one merge at a time
 *   publish_lock   manifest and SUPER; held while they are written, not while parts are
 *   log_lock       the log, and appending to the active chunks (held by the leader
 *                  of a group of commits, see commit.c)
 *   view_lock      the current version and what is visible of it; held for moments
 *
 * A version (version.h) is an immutable list of parts, chunk generations and
 * tombstones. Readers pin one and need no lock afterwards.
 */
#ifndef HI_STORE_H
#define HI_STORE_H

/* A budget from which on a flush and a merge have an encoder each, and little is locked up. */
#define HI_STORE_MEMORY_AMPLE (UINT64_C(64) << 20)

#include <pthread.h>

#include "hist_vfs.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/mem.h"
#include "store/catalog_write.h"
#include "store/manifest.h"
#include "store/part_encoder.h"
#include "store/rows.h"
#include "store/scan.h"
#include "store/super.h"
#include "store/version.h"
#include "store/wal.h"

/* Limits a writer must keep; see hist_open_options. */
typedef struct hi_store_limits {
    int64_t max_age_ns;
    int64_t max_future_ns;
    uint32_t series_max;
    bool readonly;
} hi_store_limits;

/* ---- life ---- */

hist_status hi_store_open(const char *path, const hist_open_options *options, hi_store **store_out,
                          hist_error *err);
hist_status hi_store_close(hi_store *store, hist_error *err);

hi_catalog *hi_store_catalog(hi_store *store);
hi_mem *hi_store_mem(hi_store *store);
hi_mem *hi_store_work_mem(hi_store *store);  /* For queries. */
hi_mem *hi_store_cache_mem(hi_store *store); /* For caches of writers. */
hist_vfs *hi_store_vfs(hi_store *store);
const hi_store_limits *hi_store_get_limits(hi_store *store);
const hist_open_options *hi_store_options(hi_store *store); /* Resolved: no zero left. */
/* HIST_ECLOSED when the process forked since open. */
hist_status hi_store_check(hi_store *store, hist_error *err);

/* ---- writing: commit.c ---- */

/* Logs, makes durable as asked, applies and publishes the rows; they stay the caller's. */
hist_status hi_store_commit(hi_store *store, hi_rows *rows, hist_commit_mode mode,
                            uint64_t *seq_out, hist_error *err);
hist_status hi_store_sync(hi_store *store, hist_error *err);
/* series NULL: all of the table. [from_ns, to_ns). */
hist_status hi_store_delete(hi_store *store, uint32_t table, const uint32_t *series,
                            uint32_t series_count, int64_t from_ns, int64_t to_ns, hist_error *err);

/* ---- upkeep: flush.c, compact.c, upkeep.c ---- */

/* What HIST_MAINTAIN_* asks for. */
hist_status hi_store_maintain(hi_store *store, int what, hist_error *err);
hist_status hi_store_flush(hi_store *store, hist_error *err);
/* One merge step; *did_out false: nothing was due. */
hist_status hi_store_merge_step(hi_store *store, bool *did_out, hist_error *err);
hist_status hi_store_cold_all(hi_store *store, hist_error *err);
void hi_store_get_stats(hi_store *store, hist_stats *stats_out);
hist_status hi_store_verify(hi_store *store, hist_verify_fn fn, void *arg, hist_error *err);

/* ---- the structure; files of store/ only ---- */

typedef struct hi_commit_request hi_commit_request;

/* What a published merge changes in the version. There is one from the publishing until the version
   was made, which takes memory and may have to be tried again. */
typedef struct hi_swap {
    uint64_t *remove; /* Ids of parts; NULL: there is no swap. */
    uint32_t remove_count;
    hi_part_ref **add;
    uint32_t add_count;
    uint32_t add_room;
    uint64_t below; /* drop_tombstones_below */
} hi_swap;

struct hi_store {
    /* Configuration: fixed after open. */
    hist_open_options options;
    hi_store_limits limits;
    hist_vfs *vfs;
    hist_vfs *own_vfs; /* Of a ":memory:" store; freed at close. */
    char *dir;
    size_t dir_size;
    /* The budget and its shares (hi_store_split_memory). */
    hi_mem mem;       /* Everything; by itself writers, the log, the catalog, the version. */
    hi_mem chunk_mem; /* Rows not yet in parts. */
    uint64_t chunk_share; /* Bytes of them that flushes go by. */
    hi_mem flush_mem; /* What a flush works with. */
    hi_mem work_mem;  /* Merges, queries, what is kept of parts: never all that is left. */
    hi_mem cache_mem; /* What writers remember of series. */
    hi_catalog *catalog;
    hi_part_pool part_pool;
    hi_part_encoder part_encoder; /* Of all writers of parts, where memory is short. */
    hist_file *lock_file;
    int64_t pid;
    uint64_t store_hash; /* hi_super_store(uuid) */

    pthread_mutex_t flush_lock;
    pthread_mutex_t merge_lock;

    /* flush_lock */
    hi_generation *frozen;    /* The version's, or NULL. */
    uint64_t frozen_seq;      /* Last commit in the frozen generation, when there is one. */
    bool frozen_published;    /* The manifest has its part, the version not yet. */
    hi_part_ref *frozen_part; /* That part; NULL: no rows were left for one. */

    /* merge_lock */
    hi_swap swap;

    /* publish_lock */
    pthread_mutex_t publish_lock;
    hi_manifest manifest;
    hi_super super;
    hi_super_state super_state;
    hi_part_ref
        *graves; /* In no version any more, but perhaps still read; unlinked when due and unread. */
    bool
        publish_in_doubt; /* The last publish failed while SUPER was written: a reopen may see it. */
    hi_era_watch era_watch; /* For the eras of manifest and super. */

    /* log_lock: the log and the active chunks */
    pthread_mutex_t log_lock;
    hi_wal *wal;           /* NULL when read-only. */
    hi_generation *active; /* The version's; changed only by a freeze, under this lock. */
    uint64_t applied_seq;  /* Everything in the log up to here is in active, frozen or parts. */
    bool behind;           /* The log has more: there was no memory. The next commit catches up. */

    /* queue_lock: commits waiting for a leader */
    pthread_mutex_t queue_lock;
    pthread_cond_t queue_cond;
    hi_commit_request *queue_head;
    hi_commit_request *queue_tail;
    bool leading;

    /* view_lock */
    pthread_mutex_t view_lock;
    pthread_cond_t view_cond; /* A flush ended, or failed. */
    hi_version *version;
    uint64_t visible_seq;
    hist_status flush_status; /* Of the last flush: waiting writers hear of it. */
    hist_error flush_error;
    uint64_t flush_tries;

    /* upkeep thread */
    pthread_mutex_t upkeep_lock;
    pthread_cond_t upkeep_cond;
    pthread_t threads[2];
    int thread_count;
    bool stop;
    bool flush_wanted;
    bool merge_wanted;
    int64_t last_sync_ns;  /* Monotonic. */
    int64_t last_write_ns; /* Monotonic; of the last append. */

    /* counters, relaxed */
    _Atomic uint32_t merging; /* Merges under way: what they use comes back by itself. */
    _Atomic uint64_t rows_written;
    _Atomic uint64_t commits;
    _Atomic uint64_t flushes;
    _Atomic uint64_t merges;
    _Atomic uint64_t recovered_rows;
    _Atomic uint64_t recovered_dropped;
    _Atomic uint64_t wal_since_flush; /* Payload bytes logged since the last flush began. */
    _Atomic uint64_t seq_written;
    _Atomic uint64_t seq_durable;
    _Atomic uint64_t wal_size;
};

void hi_store_log(hi_store *store, hist_log_level level, const char *fmt, ...) HI_PRINTF(3, 4);

/* recover.c: replays the log into the version's active chunks; opens the log for writing. */
hist_status hi_store_recover(hi_store *store, hist_error *err);
/* Applies what the log has behind applied_seq to the active chunks, without publishing it. Caller
   holds log_lock. */
hist_status hi_store_catch_up(hi_store *store, hist_error *err);

/* publish.c: writes `next` as the manifest of the next generation, points SUPER to it, makes it the
   store's (next is taken over, also its memory) and removes files that are past their grace. Caller
   holds publish_lock. On failure nothing changed and next is still the caller's, as are the files it
   names; they may be removed unless publish_in_doubt. */
hist_status hi_store_publish(hi_store *store, hi_manifest *next, hist_error *err);
/* Brings the eras up to now. Caller holds publish_lock. */
void hi_store_see_clock(hi_store *store);
/* Remembers a part that the manifest names no more. Caller holds publish_lock. */
void hi_store_bury(hi_store *store, hi_part_ref *ref);
void hi_store_sweep_graves(hi_store *store);
/* Makes a changed version current. Takes view_lock. */
hist_status hi_store_change(hi_store *store, const hi_version_change *change, hist_error *err);
/* For reading and for merges; a flush writes with memory of its own. */
hi_part_config hi_store_part_config(hi_store *store);
/* The current version, to be dropped. */
hi_version *hi_store_version(hi_store *store);

/* flush.c, also used by compact.c. A manifest to change, next ids filled in, without tombstones. After
   a failure next is empty. */
hist_status hi_store_next_manifest(hi_store *store, hi_manifest *next, hist_error *err);
/* Adds the current version's tombstones with seq >= below. Caller holds publish_lock. */
hist_status hi_store_put_tombstones(hi_store *store, hi_manifest *next, uint64_t below,
                                    hist_error *err);
hist_status hi_store_add_part(hi_store *store, hi_manifest *next, uint64_t id,
                              const hi_part_summary *summary, uint32_t level, uint32_t flags,
                              hist_error *err);
/* All fields of a table, as the part writer wants them. */
hist_status hi_store_fields(hi_store *store, uint32_t table, hi_arena *arena,
                            const hi_part_column **columns_out, uint32_t *count_out,
                            hist_error *err);
/* Ids are used once, also when what they were for failed. */
uint64_t hi_store_next_part_id(hi_store *store);
uint64_t hi_store_next_catalog_id(hi_store *store);
/* Puts the durable watermark (and clean) into SUPER. Caller holds publish_lock. */
hist_status hi_store_write_super(hi_store *store, bool clean, hist_error *err);
/* HIST_ENOSPC with figures when the disk is fuller than the floor. */
hist_status hi_store_check_space(hi_store *store, hist_error *err);
/* RESERVE: ballast that makes room for deletes when the disk is full. */
hist_status hi_store_make_reserve(hi_store *store, hist_error *err);
void hi_store_drop_reserve(hi_store *store);
hist_status hi_store_unlink(hi_store *store, hi_file_kind kind, uint64_t id, hist_error *err);
/* Removes a file that no manifest names; a failure is logged, and the next open tries again. */
void hi_store_remove(hi_store *store, hi_file_kind kind, uint64_t id);

/* upkeep.c */
hist_status hi_store_start_threads(hi_store *store, hist_error *err);
void hi_store_stop_threads(hi_store *store);
void hi_store_want_flush(hi_store *store);
/* Whether the log or the chunks have grown so far that a flush is due. */
bool hi_store_flush_due(hi_store *store);
/* Whether rows wait for a flush before more of them are taken. */
bool hi_store_chunks_full(hi_store *store);
/* Waits until there is room for another batch; flushes itself when no thread does. */
hist_status hi_store_wait_for_room(hi_store *store, uint64_t batch_bytes, hist_error *err);
/* Of a writer's account (hi_mem.wait): waits while a merge has what is missing. No lock may be held. */
bool hi_store_wait_for_memory(void *store, uint64_t size, uint32_t tries);

#endif
