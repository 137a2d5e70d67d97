/*
 * upkeep.c -- what happens by itself: interval syncs, flushes, merges, the watermark.
 *
 * With threads, one does syncs and flushes and, when there are two, the other
 * merges; else the caller drives all of it with hi_store_maintain(). Writers
 * that run ahead of the flushes wait here.
 */
#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "store/store.h"

enum {
    UPKEEP_TICK_MS = 100,
    UPKEEP_WATERMARK_MS = 1000, /* Idle time after which SUPER learns what is durable. */
    UPKEEP_RETRY_MS = 1000,     /* After a flush that failed. */
    UPKEEP_WAIT_MS_MAX = 60000, /* A writer waits this long for room while flushes fail. */
};

/* ---- time ---- */

static int64_t upkeep_now(hi_store *store)
{
    return store->vfs->monotonic_ns(store->vfs);
}

static void upkeep_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t wait_ms)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(cond, lock, &until);
}

/* ---- room for writers ---- */

static uint64_t upkeep_chunk_bytes(hi_store *store)
{
    return atomic_load_explicit(&store->chunk_mem.used, memory_order_relaxed);
}

/* Whether writers and the catalog have less than 1/share of a small budget left, whatever merges and
   queries give back, while chunks hold a part of it worth writing: a flush takes the definitions of
   series out of memory too, and needs as much again to write them, so that of an ample budget it begins
   four times as early. */
static bool upkeep_is_crowded(hi_store *store, unsigned share)
{
    const unsigned part = store->mem.limit >= HI_STORE_MEMORY_AMPLE ? share / 4 : share;
    const uint64_t used = atomic_load_explicit(&store->mem.used, memory_order_relaxed);
    const uint64_t work = atomic_load_explicit(&store->work_mem.used, memory_order_relaxed);

    return store->mem.limit - used + work < store->mem.limit / part &&
           upkeep_chunk_bytes(store) >= store->mem.limit / 16;
}

/* Whether a flush would free a part of the chunks' share that is worth a part: queries may hold on to
   rows that were flushed long ago, and flushing every commit would not help. */
static bool upkeep_is_worth_it(hi_store *store)
{
    (void)pthread_mutex_lock(&store->view_lock);
    const hi_version *version = store->version;
    uint64_t bytes = hi_chunks_bytes(version->active->chunks);
    bytes += version->frozen != NULL ? hi_chunks_bytes(version->frozen->chunks) : 0;
    (void)pthread_mutex_unlock(&store->view_lock);
    return bytes >= store->mem.limit / 32;
}

/* A quarter of their share is left to sort them with, and to the slab that was just begun. */
bool hi_store_chunks_full(hi_store *store)
{
    return upkeep_chunk_bytes(store) > store->chunk_share / 4 * 3 &&
           upkeep_is_worth_it(store);
}

bool hi_store_flush_due(hi_store *store)
{
    return atomic_load_explicit(&store->wal_since_flush, memory_order_relaxed) >=
               store->options.wal_bytes_max / 2 ||
           (upkeep_chunk_bytes(store) >= store->chunk_share / 2 &&
            upkeep_is_worth_it(store)) ||
           upkeep_is_crowded(store, 8);
}

void hi_store_want_flush(hi_store *store)
{
    (void)pthread_mutex_lock(&store->upkeep_lock);
    store->flush_wanted = true;
    (void)pthread_cond_signal(&store->upkeep_cond);
    (void)pthread_mutex_unlock(&store->upkeep_lock);
}

/* Whether a batch may go to the log now. */
static bool upkeep_has_room(hi_store *store, uint64_t batch_bytes)
{
    const uint64_t logged = atomic_load_explicit(&store->wal_since_flush, memory_order_relaxed);

    /* A batch larger than the whole log still has to get through, alone. */
    return (logged == 0 || logged + batch_bytes <= store->options.wal_bytes_max / 2) &&
           !hi_store_chunks_full(store) && !upkeep_is_crowded(store, 16);
}

/* One wait for a flush. false: flushes fail, and have for too long. */
static hist_status upkeep_wait_for_flush(hi_store *store, int64_t since_ns, hist_error *err)
{
    hist_status status = HIST_OK;

    hi_store_want_flush(store);
    (void)pthread_mutex_lock(&store->view_lock);
    const uint64_t tries = store->flush_tries;
    upkeep_wait(&store->view_cond, &store->view_lock, UPKEEP_TICK_MS);
    if (store->flush_tries != tries && store->flush_status != HIST_OK) {
        status = store->flush_status;
        if (err != NULL) {
            *err = store->flush_error;
        }
    }
    (void)pthread_mutex_unlock(&store->view_lock);
    if (status == HIST_OK && upkeep_now(store) - since_ns > (int64_t)UPKEEP_WAIT_MS_MAX * 1000000) {
        status = hi_fail(err, HIST_EBUSY, "the log and memory are full and no flush ended for %d s",
                         UPKEEP_WAIT_MS_MAX / 1000);
    }
    return status;
}

hist_status hi_store_wait_for_room(hi_store *store, uint64_t batch_bytes, hist_error *err)
{
    const int64_t since = upkeep_now(store);

    if (batch_bytes > 0) {
        HI_TRY(hi_store_check_space(store, err));
    }
    while (!upkeep_has_room(store, batch_bytes)) {
        if (store->thread_count == 0) {
            return hi_store_flush(store, err);
        }
        HI_TRY(upkeep_wait_for_flush(store, since, err));
    }
    return HIST_OK;
}

bool hi_store_wait_for_memory(void *arg, uint64_t size, uint32_t tries)
{
    hi_store *store = arg;
    const uint64_t used = atomic_load_explicit(&store->mem.used, memory_order_relaxed);
    const uint64_t work = atomic_load_explicit(&store->work_mem.used, memory_order_relaxed);
    const bool merging = atomic_load_explicit(&store->merging, memory_order_relaxed) > 0;

    if (tries >= UPKEEP_WAIT_MS_MAX / UPKEEP_TICK_MS || used - work > store->mem.limit ||
        size > store->mem.limit - (used - work)) {
        return false;
    }
    if (size <= store->mem.limit - used) {
        return true; /* It was given back just now. */
    }
    if (merging) {
        (void)pthread_mutex_lock(&store->view_lock);
        upkeep_wait(&store->view_cond, &store->view_lock, UPKEEP_TICK_MS);
        (void)pthread_mutex_unlock(&store->view_lock);
    }
    return merging;
}

/* ---- syncs and the watermark ---- */

/* Appending goes on while the disk works. */
static hist_status upkeep_sync(hi_store *store, hist_error *err)
{
    hi_wal_ticket ticket;

    (void)pthread_mutex_lock(&store->log_lock);
    if (hi_wal_durable(store->wal) >= hi_wal_last(store->wal)) {
        (void)pthread_mutex_unlock(&store->log_lock);
        return HIST_OK;
    }
    hi_wal_sync_begin(store->wal, &ticket);
    (void)pthread_mutex_unlock(&store->log_lock);
    hi_wal_sync_run(store->wal, &ticket);
    (void)pthread_mutex_lock(&store->log_lock);
    const hist_status status = hi_wal_sync_end(store->wal, &ticket, err);
    atomic_store_explicit(&store->seq_durable, hi_wal_durable(store->wal), memory_order_relaxed);
    store->last_sync_ns = upkeep_now(store);
    (void)pthread_mutex_unlock(&store->log_lock);
    return status;
}

static hist_status upkeep_sync_if_due(hi_store *store, hist_error *err)
{
    (void)pthread_mutex_lock(&store->log_lock);
    const bool due = store->options.durability != HIST_OS &&
                     hi_wal_durable(store->wal) < hi_wal_last(store->wal) &&
                     upkeep_now(store) - store->last_sync_ns >=
                         (int64_t)store->options.sync_interval_ms * 1000000;
    (void)pthread_mutex_unlock(&store->log_lock);
    return due ? upkeep_sync(store, err) : HIST_OK;
}

/* The last group before a pause is proven durable only by SUPER. */
static hist_status upkeep_watermark_if_due(hi_store *store, hist_error *err)
{
    hist_status status = HIST_OK;

    (void)pthread_mutex_lock(&store->log_lock);
    const bool idle =
        upkeep_now(store) - store->last_write_ns >= (int64_t)UPKEEP_WATERMARK_MS * 1000000;
    (void)pthread_mutex_unlock(&store->log_lock);
    if (!idle || pthread_mutex_trylock(&store->publish_lock) != 0) {
        return HIST_OK;
    }
    if (store->super.durable_seq < atomic_load(&store->seq_durable)) {
        status = hi_store_write_super(store, false, err);
    }
    (void)pthread_mutex_unlock(&store->publish_lock);
    return status;
}

/* ---- threads ---- */

static void upkeep_log_failure(hi_store *store, const char *what, const hist_error *err)
{
    hi_store_log(store, HIST_LOG_ERROR, "%s failed: %s; it will be tried again", what,
                 err->message);
}

/* Takes the wish; caller holds upkeep_lock. */
static bool upkeep_take_wish(bool *wish)
{
    const bool wanted = *wish;

    *wish = false;
    return wanted;
}

static void upkeep_log_turn(hi_store *store, bool flush_wanted)
{
    hist_error err;

    if (upkeep_sync_if_due(store, &err) != HIST_OK) {
        upkeep_log_failure(store, "sync of the log", &err);
    }
    if (flush_wanted || hi_store_flush_due(store)) {
        if (hi_store_flush(store, &err) != HIST_OK) {
            upkeep_log_failure(store, "flush", &err);
            (void)pthread_mutex_lock(&store->upkeep_lock);
            if (!store->stop) {
                upkeep_wait(&store->upkeep_cond, &store->upkeep_lock, UPKEEP_RETRY_MS);
            }
            (void)pthread_mutex_unlock(&store->upkeep_lock);
        } else {
            (void)pthread_mutex_lock(&store->upkeep_lock);
            store->merge_wanted = true;
            (void)pthread_cond_broadcast(&store->upkeep_cond);
            (void)pthread_mutex_unlock(&store->upkeep_lock);
        }
    }
    if (upkeep_watermark_if_due(store, &err) != HIST_OK) {
        upkeep_log_failure(store, "writing SUPER", &err);
    }
}

/* One merge. true: there may be more to do. */
static bool upkeep_merge_turn(hi_store *store)
{
    hist_error err;
    bool did = false;

    if (hi_store_merge_step(store, &did, &err) != HIST_OK) {
        upkeep_log_failure(store, "merge", &err);
        return false;
    }
    return did;
}

static void *upkeep_log_thread(void *arg)
{
    hi_store *store = arg;

    (void)pthread_mutex_lock(&store->upkeep_lock);
    while (!store->stop) {
        if (!store->flush_wanted) {
            upkeep_wait(&store->upkeep_cond, &store->upkeep_lock, UPKEEP_TICK_MS);
        }
        const bool flush = upkeep_take_wish(&store->flush_wanted);
        const bool merge = store->thread_count == 1 && upkeep_take_wish(&store->merge_wanted);
        const bool stop = store->stop;

        (void)pthread_mutex_unlock(&store->upkeep_lock);
        if (!stop) {
            upkeep_log_turn(store, flush);
        }
        const bool more = !stop && merge && upkeep_merge_turn(store);
        (void)pthread_mutex_lock(&store->upkeep_lock);
        store->merge_wanted |= more;
    }
    (void)pthread_mutex_unlock(&store->upkeep_lock);
    return NULL;
}

static void *upkeep_merge_thread(void *arg)
{
    hi_store *store = arg;

    (void)pthread_mutex_lock(&store->upkeep_lock);
    while (!store->stop) {
        if (!store->merge_wanted) {
            upkeep_wait(&store->upkeep_cond, &store->upkeep_lock, UPKEEP_RETRY_MS);
        }
        const bool merge = upkeep_take_wish(&store->merge_wanted) && !store->stop;

        (void)pthread_mutex_unlock(&store->upkeep_lock);
        const bool more = merge && upkeep_merge_turn(store);
        (void)pthread_mutex_lock(&store->upkeep_lock);
        store->merge_wanted |= more;
    }
    (void)pthread_mutex_unlock(&store->upkeep_lock);
    return NULL;
}

hist_status hi_store_start_threads(hi_store *store, hist_error *err)
{
    void *(*const bodies[])(void *) = {upkeep_log_thread, upkeep_merge_thread};

    store->last_sync_ns = upkeep_now(store);
    store->last_write_ns = store->last_sync_ns;
    store->merge_wanted = true;
    (void)pthread_mutex_lock(&store->upkeep_lock);
    for (int i = 0; i < store->options.threads; i++) {
        const int failed = pthread_create(&store->threads[i], NULL, bodies[i], store);

        if (failed != 0) {
            (void)pthread_mutex_unlock(&store->upkeep_lock);
            hi_store_stop_threads(store);
            return hi_fail_os(err, failed, "starting a thread");
        }
        store->thread_count++;
    }
    (void)pthread_mutex_unlock(&store->upkeep_lock);
    return HIST_OK;
}

void hi_store_stop_threads(hi_store *store)
{
    (void)pthread_mutex_lock(&store->upkeep_lock);
    store->stop = true;
    (void)pthread_cond_broadcast(&store->upkeep_cond);
    (void)pthread_mutex_unlock(&store->upkeep_lock);
    for (int i = 0; i < store->thread_count; i++) {
        (void)pthread_join(store->threads[i], NULL);
    }
    store->thread_count = 0;
}

/* ---- by hand ---- */

static hist_status upkeep_merge_all(hi_store *store, hist_error *err)
{
    bool did = true;

    while (did) {
        HI_TRY(hi_store_merge_step(store, &did, err));
    }
    return HIST_OK;
}

hist_status hi_store_maintain(hi_store *store, int what, hist_error *err)
{
    bool did = false;

    HI_TRY(hi_store_check(store, err));
    if (store->limits.readonly) {
        return hi_fail(err, HIST_EREADONLY, "%s is open for reading only", store->dir);
    }
    if ((what & HIST_MAINTAIN_TICK) != 0) {
        HI_TRY(upkeep_sync_if_due(store, err));
        if (hi_store_flush_due(store)) {
            HI_TRY(hi_store_flush(store, err));
        }
        HI_TRY(upkeep_watermark_if_due(store, err));
        HI_TRY(hi_store_merge_step(store, &did, err));
    }
    if ((what & (HIST_MAINTAIN_FLUSH | HIST_MAINTAIN_COLD)) != 0) {
        HI_TRY(hi_store_flush(store, err));
    }
    if ((what & HIST_MAINTAIN_MERGE) != 0) {
        HI_TRY(upkeep_merge_all(store, err));
    }
    if ((what & HIST_MAINTAIN_COLD) != 0) {
        HI_TRY(hi_store_cold_all(store, err));
    }
    return HIST_OK;
}
