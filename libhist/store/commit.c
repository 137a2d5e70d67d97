/*
 * commit.c -- how rows become durable and visible: group commit.
 *
 * Committers queue up. Whoever finds no leader leads: it takes the whole queue,
 * writes all batches with one gathered write, syncs once if anybody wants that,
 * applies the rows to the active chunks in log order, publishes them, and wakes
 * the others. While it works the next group gathers.
 *
 * What is appended is applied only after the log has it (and, in a durable
 * group, after the sync), so a reader never sees what a crash could take away
 * from a durable store. Definitions of series and columns go into the log before
 * the first batch of the group that may need them.
 */
#include <assert.h>
#include <inttypes.h>

#include "store/store.h"
#include "store/walrec.h"

/* Most payload one group takes; the rest waits for the next. */
#define COMMIT_GROUP_BYTES_MAX (UINT64_C(64) << 20)
enum { COMMIT_GROUP_MAX = 256, COMMIT_DEFINITIONS_MAX = 64 };
/* Definitions of one group are cut into batches of about this: each may exist without the next. */
#define COMMIT_DEFINITIONS_BYTES (UINT64_C(32) << 20)

struct hi_commit_request {
    hi_commit_request *next;
    hi_rows *rows;           /* NULL: no rows (a sync, or a delete). */
    const hi_buf *payload;   /* Its records; NULL: none. */
    hi_tombstone *tombstone; /* A delete, or NULL. */
    bool durable;
    bool done;
    hist_status status;
    hist_error error;
    uint64_t seq;
};

/* A group being committed. */
typedef struct commit_group {
    hi_commit_request *first;
    size_t count;
    bool durable;
    hi_buf definitions;
    hi_wal_batch batches[COMMIT_GROUP_MAX + COMMIT_DEFINITIONS_MAX];
    hist_iov iovs[COMMIT_GROUP_MAX + COMMIT_DEFINITIONS_MAX];
    size_t definition_count; /* The first of the batches. */
    size_t batch_count;
} commit_group;

/* ---- the queue ---- */

static void commit_enqueue(hi_store *store, hi_commit_request *request)
{
    if (store->queue_tail == NULL) {
        store->queue_head = request;
    } else {
        store->queue_tail->next = request;
    }
    store->queue_tail = request;
}

/* Takes a group off the queue; caller holds queue_lock. */
static void commit_take_group(hi_store *store, commit_group *group)
{
    uint64_t bytes = 0;
    hi_commit_request *last = NULL;

    group->first = store->queue_head;
    for (hi_commit_request *r = store->queue_head; r != NULL; r = r->next) {
        const uint64_t size = r->payload == NULL ? 0 : r->payload->size;

        if (group->count == COMMIT_GROUP_MAX ||
            (group->count > 0 && bytes + size > COMMIT_GROUP_BYTES_MAX)) {
            break;
        }
        bytes += size;
        group->count++;
        group->durable |= r->durable;
        last = r;
    }
    assert(last != NULL);
    store->queue_head = last->next;
    if (store->queue_head == NULL) {
        store->queue_tail = NULL;
    }
    last->next = NULL;
}

/* ---- the log ---- */

static void commit_add_batch(commit_group *group, const void *data, size_t size)
{
    hist_iov *iov = &group->iovs[group->batch_count];

    *iov = (hist_iov){data, size};
    group->batches[group->batch_count] = (hi_wal_batch){.iov = iov, .iov_count = 1};
    group->batch_count++;
}

static void commit_add_definitions(commit_group *group)
{
    const uint8_t *data = (const uint8_t *)group->definitions.data;
    const size_t size = group->definitions.size;
    hi_reader reader = hi_reader_of(data, size);
    hi_walrec record;
    size_t first = 0;

    while (hi_walrec_next(&reader, &record)) {
        const size_t end = reader.at;

        if (end - first >= COMMIT_DEFINITIONS_BYTES && end < size &&
            group->batch_count + 1 < COMMIT_DEFINITIONS_MAX) {
            commit_add_batch(group, data + first, end - first);
            first = end;
        }
    }
    if (first < size) {
        commit_add_batch(group, data + first, size - first);
    }
    group->definition_count = group->batch_count;
}

/* Caller holds log_lock. */
static hist_status commit_append(hi_store *store, commit_group *group, hist_error *err)
{
    hi_buf_init(&group->definitions, &store->mem, SIZE_MAX);
    hi_catalog_take_pending(store->catalog, &group->definitions);
    if (!hi_buf_ok(&group->definitions)) {
        hi_catalog_return_pending(store->catalog);
        return hi_no_memory(err, "definitions of series");
    }
    commit_add_definitions(group);
    for (hi_commit_request *r = group->first; r != NULL; r = r->next) {
        if (r->payload != NULL && r->payload->size > 0) {
            commit_add_batch(group, r->payload->data, r->payload->size);
        }
    }
    if (group->batch_count == 0) {
        return HIST_OK;
    }
    const hist_status status = hi_wal_append(store->wal, group->batches, group->batch_count, err);
    if (status != HIST_OK && group->definitions.size > 0) {
        hi_catalog_return_pending(store->catalog);
    }
    return status;
}

/* Syncs; on failure the group's batches are taken back. Caller holds log_lock. */
static hist_status commit_sync(hi_store *store, commit_group *group, uint64_t before,
                               hist_error *err)
{
    const hist_status status = hi_wal_sync(store->wal, err);

    if (status != HIST_OK) {
        /* Batches of earlier groups that were only written stay; this group was not acknowledged. */
        hi_wal_forget_after(store->wal, before);
        if (group->definitions.size > 0) {
            hi_catalog_return_pending(store->catalog);
        }
    }
    return status;
}

/* ---- memory ---- */

/* Applies one batch. Caller holds log_lock. */
static hist_status commit_apply_once(hi_store *store, hi_commit_request *request, hist_error *err)
{
    hi_chunks *chunks = store->active->chunks;

    if (request->tombstone != NULL) {
        /* Rows before and after a delete never share a slab, so that its seq decides. */
        hi_chunks_seal(chunks, 0);
        request->tombstone->seq = request->seq;
        return hi_store_change(store, &(hi_version_change){.tombstone = request->tombstone}, err);
    }
    if (request->rows == NULL) {
        return HIST_OK;
    }
    return hi_chunks_append(chunks, request->rows, request->seq, err);
}

/*
 * The same; when chunks are full, a flush makes room. The log lock is given up meanwhile: only the
 * leader appends, and that is us. What this group applied so far becomes visible a little early,
 * which is right, as the log has it.
 */
static hist_status commit_apply(hi_store *store, hi_commit_request *request, hist_error *err)
{
    hist_status status = commit_apply_once(store, request, err);

    if (status == HIST_ENOMEM) {
        (void)pthread_mutex_unlock(&store->log_lock);
        const hist_status flushed = hi_store_flush(store, err);
        (void)pthread_mutex_lock(&store->log_lock);
        status = flushed == HIST_OK ? commit_apply_once(store, request, err) : flushed;
    }
    return status;
}

static void commit_give_seqs(commit_group *group)
{
    size_t at = group->definition_count;

    for (hi_commit_request *r = group->first; r != NULL; r = r->next) {
        if (r->payload != NULL && r->payload->size > 0) {
            r->seq = group->batches[at++].seq;
        }
    }
}

/*
 * Applies the group. Room was made before (hi_store_wait_for_room), so running out of memory here
 * means that the machine has none: the commit fails, and what is in the log is read back before the
 * next one.
 */
static hist_status commit_apply_group(hi_store *store, commit_group *group, hist_error *err)
{
    for (hi_commit_request *r = group->first; r != NULL; r = r->next) {
        const hist_status status = commit_apply(store, r, err);
        store->applied_seq = status == HIST_OK && r->seq > 0 ? r->seq : store->applied_seq;

        if (status != HIST_OK) {
            store->behind = true;
            hi_error_context(err, "rows are in the log but not in memory; a later commit reads "
                                  "them back");
            return status;
        }
        if (r->rows != NULL) {
            atomic_fetch_add_explicit(&store->rows_written, r->rows->rows, memory_order_relaxed);
        }
    }
    (void)pthread_mutex_lock(&store->view_lock);
    hi_chunks_publish(store->active->chunks);
    store->visible_seq = hi_wal_last(store->wal);
    (void)pthread_mutex_unlock(&store->view_lock);
    return HIST_OK;
}

static void commit_note_wal(hi_store *store)
{
    atomic_store_explicit(&store->seq_written, hi_wal_last(store->wal), memory_order_relaxed);
    atomic_store_explicit(&store->seq_durable, hi_wal_durable(store->wal), memory_order_relaxed);
    atomic_store_explicit(&store->wal_size, hi_wal_bytes(store->wal), memory_order_relaxed);
}

static hist_status commit_run_locked(hi_store *store, commit_group *group, hist_error *err)
{
    uint64_t bytes = 0;

    if (store->behind) {
        HI_TRY(hi_store_catch_up(store, err));
        store->behind = false;
    }
    const uint64_t before = hi_wal_last(store->wal);
    HI_TRY(commit_append(store, group, err));
    if (group->durable) {
        HI_TRY(commit_sync(store, group, before, err));
        store->last_sync_ns = store->vfs->monotonic_ns(store->vfs);
    }
    commit_give_seqs(group);
    for (size_t i = 0; i < group->batch_count; i++) {
        bytes += group->iovs[i].size;
    }
    atomic_fetch_add_explicit(&store->wal_since_flush, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&store->commits, group->count, memory_order_relaxed);
    store->last_write_ns = store->vfs->monotonic_ns(store->vfs);
    return commit_apply_group(store, group, err);
}

static void commit_run(hi_store *store, commit_group *group)
{
    hist_error err = {0};

    (void)pthread_mutex_lock(&store->log_lock);
    const hist_status status = commit_run_locked(store, group, &err);
    commit_note_wal(store);
    (void)pthread_mutex_unlock(&store->log_lock);
    hi_buf_free(&group->definitions);
    for (hi_commit_request *r = group->first; r != NULL; r = r->next) {
        r->status = status;
        r->error = err;
    }
}

/* Leads groups until its own request is done. Caller holds queue_lock, and does so again on return. */
static void commit_lead(hi_store *store, const hi_commit_request *mine)
{
    store->leading = true;
    while (!mine->done) {
        commit_group *group = hi_mem_calloc(&store->mem, 1, sizeof(*group));

        if (group == NULL) {
            break;
        }
        commit_take_group(store, group);
        (void)pthread_mutex_unlock(&store->queue_lock);
        commit_run(store, group);
        (void)pthread_mutex_lock(&store->queue_lock);
        for (hi_commit_request *r = group->first, *next = NULL; r != NULL; r = next) {
            next = r->next; /* The request is its owner's again once it is done. */
            r->done = true;
        }
        HI_MEM_DELETE(&store->mem, group);
        (void)pthread_cond_broadcast(&store->queue_cond);
    }
    store->leading = false;
    (void)pthread_cond_broadcast(&store->queue_cond);
}

/* Takes a request that cannot be led for lack of memory off the queue again. */
static void commit_unqueue(hi_store *store, hi_commit_request *request)
{
    hi_commit_request *before = NULL;

    for (hi_commit_request *r = store->queue_head; r != NULL; before = r, r = r->next) {
        if (r == request) {
            if (before == NULL) {
                store->queue_head = r->next;
            } else {
                before->next = r->next;
            }
            if (store->queue_tail == r) {
                store->queue_tail = before;
            }
            return;
        }
    }
}

static hist_status commit_submit(hi_store *store, hi_commit_request *request, hist_error *err)
{
    (void)pthread_mutex_lock(&store->queue_lock);
    commit_enqueue(store, request);
    while (!request->done && store->leading) {
        (void)pthread_cond_wait(&store->queue_cond, &store->queue_lock);
    }
    if (!request->done) {
        commit_lead(store, request);
    }
    if (!request->done) {
        commit_unqueue(store, request);
        request->status = hi_no_memory(&request->error, "commit");
    }
    (void)pthread_mutex_unlock(&store->queue_lock);
    if (request->status != HIST_OK && err != NULL) {
        *err = request->error;
    }
    return request->status;
}

/* ---- what api/ calls ---- */

static hist_status commit_check_writable(hi_store *store, hist_error *err)
{
    HI_TRY(hi_store_check(store, err));
    if (store->limits.readonly) {
        return hi_fail(err, HIST_EREADONLY, "%s is open for reading only", store->dir);
    }
    return HIST_OK;
}

hist_status hi_store_commit(hi_store *store, hi_rows *rows, hist_commit_mode mode,
                            uint64_t *seq_out, hist_error *err)
{
    hi_buf payload;
    hi_commit_request request = {.rows = rows, .payload = &payload};

    HI_TRY(commit_check_writable(store, err));
    HI_TRY(hi_part_pool_check(&store->part_pool, err));
    if (seq_out != NULL) {
        *seq_out = atomic_load(&store->seq_written);
    }
    if (rows->rows == 0) {
        return mode == HIST_COMMIT_DURABLE ? hi_store_sync(store, err) : HIST_OK;
    }
    request.durable = mode == HIST_COMMIT_DURABLE ||
                      (mode == HIST_COMMIT_DEFAULT && store->options.durability == HIST_DURABLE);
    hi_buf_init(&payload, rows->mem, HI_WAL_BATCH_BYTES_MAX);
    hi_walrec_encode_rows(rows, &payload);
    hist_status status = hi_buf_ok(&payload) ? HIST_OK : hi_no_memory(err, "encoding a batch");
    if (status == HIST_OK) {
        status = hi_store_wait_for_room(store, payload.size, err);
    }
    if (status == HIST_OK) {
        status = commit_submit(store, &request, err);
    }
    if (status == HIST_OK && seq_out != NULL) {
        *seq_out = request.seq;
    }
    hi_buf_free(&payload);
    if (status == HIST_OK && hi_store_flush_due(store)) {
        hi_store_want_flush(store);
    }
    return status;
}

hist_status hi_store_sync(hi_store *store, hist_error *err)
{
    hi_commit_request request = {.durable = true};

    HI_TRY(commit_check_writable(store, err));
    return commit_submit(store, &request, err);
}

hist_status hi_store_delete(hi_store *store, uint32_t table, const uint32_t *series,
                            uint32_t series_count, int64_t from_ns, int64_t to_ns, hist_error *err)
{
    hi_buf payload;
    hi_tombstone tombstone = {.table = table,
                              .series = series,
                              .series_count = series_count,
                              .from_ns = from_ns,
                              .to_ns = to_ns};
    hi_commit_request request = {.payload = &payload, .durable = true, .tombstone = &tombstone};

    HI_TRY(commit_check_writable(store, err));
    HI_TRY(hi_part_pool_check(&store->part_pool, err));
    hi_buf_init(&payload, &store->mem, HI_WAL_BATCH_BYTES_MAX);
    hi_walrec_encode_delete(&tombstone, &payload);
    const hist_status status =
        hi_buf_ok(&payload) ? commit_submit(store, &request, err) : hi_no_memory(err, "delete");
    hi_buf_free(&payload);
    return status;
}
