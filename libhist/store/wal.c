/*
 * wal.c -- writes the log; wal.h has the format and the rules.
 *
 * `frames` holds every frame of the current segment that is not synced yet,
 * byte for byte as in the file from `frames_at` on. It is the gather buffer of a
 * write, and what is moved to a new segment when the file fails.
 *
 * A failed append is undone as a whole: the segment it may have written to is
 * given up, and the next one begins with the seq after the last good append,
 * which overrides whatever is in the old one.
 */
#include "store/wal.h"

#include <assert.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "store/wal_frame.h"

/* Data frames leave room for a mark and a close frame at the end of a segment. */
#define WAL_TAIL_RESERVE (2 * HI_WAL_FRAME_HEADER_SIZE)
/* A batch that does not fit is split only where at least so much of it fits. */
#define WAL_SPLIT_MIN 512
/* A buffer larger than this is given back once it is empty. */
#define WAL_BUFFER_KEEP (UINT32_C(4) << 20)

struct hi_wal {
    hi_wal_config config;
    hist_file *file; /* Of the current segment; NULL while broken. */
    uint64_t salt;
    uint64_t next_no;
    uint64_t payload_max; /* Of a frame. */
    hi_buf frames;
    uint64_t frames_at;      /* Where in the file frames.data[0] is. */
    size_t written;          /* Bytes of `frames` that are in the file. */
    uint64_t first_unsynced; /* Seq of the first data frame in `frames`. */
    uint64_t next_seq;       /* Of the next data frame. */
    uint64_t last_seq;       /* Of the last batch of the last good append. */
    uint64_t durable;        /* Of the last durable batch. */
    hi_wal_segment *segments;
    size_t segment_count;
    size_t segment_capacity;
    hi_wal_ticket *ticket; /* A sync under way. */
    pthread_mutex_t lock;  /* Guards ticket->done, status and error only. */
    pthread_cond_t done;
    size_t call_start; /* frames.size when the append that is running began. */
    bool call_wrote;   /* It has handed frames to the file. */
};

static void wal_log(const hi_wal *wal, hist_log_level level, const char *fmt, ...) HI_PRINTF(3, 4);

static void wal_log(const hi_wal *wal, hist_log_level level, const char *fmt, ...)
{
    char text[HIST_ERROR_MESSAGE_SIZE + 128];
    va_list args;

    if (wal->config.log == NULL) {
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    wal->config.log(wal->config.log_arg, level, text);
}

static uint64_t wal_position(const hi_wal *wal)
{
    return wal->frames_at + wal->frames.size;
}

/* ---- segments --------------------------------------------------------------------------- */

static hist_status wal_segment_reserve(hi_wal *wal, hist_error *err)
{
    if (wal->segment_count < wal->segment_capacity) {
        return HIST_OK;
    }
    const size_t capacity = wal->segment_capacity < 8 ? 8 : wal->segment_capacity * 2;
    hi_wal_segment *segments =
        hi_mem_realloc(wal->config.mem, wal->segments, wal->segment_capacity * sizeof(*segments),
                       capacity * sizeof(*segments));
    if (segments == NULL) {
        return hi_no_memory(err, "the list of WAL segments");
    }
    wal->segments = segments;
    wal->segment_capacity = capacity;
    return HIST_OK;
}

/* Writes and publishes the file of a new segment that begins with the given frames. */
static hist_status wal_segment_publish(hi_wal *wal, const hi_wal_header *header,
                                       const hi_buf *frames, hist_error *err)
{
    uint8_t head[HI_WAL_HEADER_SIZE];
    char name[HI_NAME_SIZE];
    const hist_iov iov[] = {{.data = head, .size = sizeof(head)},
                            {.data = frames->data, .size = frames->size}};
    const hi_file_new content = {.iov = iov, .iov_count = 2, .allocate = wal->config.segment_bytes};

    hi_wal_header_encode(header, wal->config.uuid, head);
    hi_name_format(HI_FILE_WAL, header->no, name);
    return hi_file_publish(wal->config.vfs, wal->config.dir, name, &content, err);
}

/* Seals the frames again, for another segment. */
static void wal_frames_reseal(hi_buf *frames, uint64_t salt)
{
    uint8_t *bytes = (uint8_t *)frames->data;

    for (size_t at = 0; at < frames->size;) {
        const uint32_t payload = hi_get_u32(bytes + at + 4);

        hi_wal_frame_seal(bytes + at, payload, salt);
        at += (size_t)hi_wal_frame_size(payload);
    }
}

/* Unlinks one segment; true: it is gone. */
static bool wal_segment_unlink(hi_wal *wal, uint64_t no)
{
    char path[HI_PATH_SIZE];
    hist_error err;
    hist_status st = hi_name_path(wal->config.dir, HI_FILE_WAL, no, path, &err);

    if (st == HIST_OK) {
        st = wal->config.vfs->unlink(wal->config.vfs, path, &err);
    }
    if (st != HIST_OK && st != HIST_ENOTFOUND) {
        wal_log(wal, HIST_LOG_WARNING, "%s", err.message);
    }
    return st == HIST_OK || st == HIST_ENOTFOUND;
}

/* Unlinks segments that the newest one overrides whole, so that neither failing over and over nor
   crashing over and over fills the disk. */
static void wal_remove_overridden(hi_wal *wal)
{
    const hi_wal_segment newest = wal->segments[wal->segment_count - 1];
    size_t kept = 0;

    for (size_t i = 0; i < wal->segment_count; i++) {
        const hi_wal_segment segment = wal->segments[i];

        if (segment.no == newest.no || segment.first_seq < newest.first_seq ||
            !wal_segment_unlink(wal, segment.no)) {
            wal->segments[kept++] = segment;
        }
    }
    wal->segment_count = kept;
}

/*
 * Makes a segment that begins with seq `first_seq` and the contents of `frames`, all synced, and
 * writes on behind them. No segment is open before; none is after a failure.
 */
static hist_status wal_segment_create(hi_wal *wal, uint64_t first_seq, hist_error *err)
{
    hist_vfs *vfs = wal->config.vfs;
    hi_wal_header header = {.segment_bytes = wal->config.segment_bytes,
                            .no = wal->next_no,
                            .first_seq = first_seq,
                            .durable = wal->durable};
    char path[HI_PATH_SIZE];

    assert(wal->file == NULL && wal->durable < first_seq);
    HI_TRY(wal_segment_reserve(wal, err));
    HI_TRY(hi_name_path(wal->config.dir, HI_FILE_WAL, header.no, path, err));
    HI_TRY(vfs->random(vfs, &header.salt, sizeof(header.salt), err));
    wal->next_no++; /* Also when this fails: a name is not used twice. */
    wal_frames_reseal(&wal->frames, header.salt);
    hist_status st = wal_segment_publish(wal, &header, &wal->frames, err);
    if (st == HIST_OK) {
        st = vfs->open(vfs, path, HIST_OPEN_WRITE, &wal->file, err);
    }
    if (st != HIST_OK) {
        /* Should it stay behind, it is overridden by the next one. */
        (void)vfs->unlink(vfs, path, NULL);
        return st;
    }
    wal->segments[wal->segment_count++] = (hi_wal_segment){
        .no = header.no, .first_seq = first_seq, .bytes = wal->config.segment_bytes};
    wal->salt = header.salt;
    wal->frames_at = HI_WAL_HEADER_SIZE;
    wal->written = wal->frames.size;
    wal_remove_overridden(wal);
    return HIST_OK;
}

/* Forgets the first `size` bytes of `frames`: they are synced. */
static void wal_frames_drop(hi_wal *wal, size_t size)
{
    hi_buf *frames = &wal->frames;

    assert(size <= wal->written && wal->written <= frames->size);
    frames->size -= size;
    if (frames->size > 0) {
        memmove(frames->data, frames->data + size, frames->size);
    }
    wal->frames_at += size;
    wal->written -= size;
    wal->call_start = wal->call_start > size ? wal->call_start - size : 0;
    if (frames->size == 0 && frames->capacity > WAL_BUFFER_KEEP) {
        hi_buf_free(frames);
    }
}

/* ---- a sync under way ------------------------------------------------------------------- */

/* Waits for run and takes in its result, at most once. */
static void wal_ticket_absorb(hi_wal *wal, hi_wal_ticket *ticket)
{
    (void)pthread_mutex_lock(&wal->lock);
    while (!ticket->done) {
        (void)pthread_cond_wait(&wal->done, &wal->lock);
    }
    (void)pthread_mutex_unlock(&wal->lock);
    if (ticket->ended) {
        return;
    }
    ticket->ended = true;
    wal->ticket = NULL;
    if (ticket->file != NULL && ticket->status == HIST_OK) {
        wal_frames_drop(wal, ticket->bytes);
        wal->durable = ticket->seq;
        wal->first_unsynced = ticket->seq + 1;
    }
}

/* ---- giving up a segment, and going on -------------------------------------------------- */

/* The segment is never touched again. What it did not hold durably stays in `frames`. */
static void wal_poison(hi_wal *wal)
{
    if (wal->ticket != NULL) {
        wal_ticket_absorb(wal, wal->ticket);
    }
    hi_file_close(wal->file);
    wal->file = NULL;
    wal->next_seq = wal->last_seq + 1;
    if (wal->first_unsynced > wal->next_seq) {
        wal->first_unsynced = wal->next_seq;
    }
}

/* Keeps of `frames` only the data frames of batches that count. */
static void wal_frames_compact(hi_wal *wal)
{
    hi_buf *frames = &wal->frames;
    uint8_t *bytes = (uint8_t *)frames->data;
    size_t kept = 0;
    size_t size = 0;

    for (size_t at = 0; at < frames->size; at += size) {
        const uint32_t flags = hi_get_u32(bytes + at + 24);

        size = (size_t)hi_wal_frame_size(hi_get_u32(bytes + at + 4));
        if ((flags & HI_WAL_DATA) != 0 && hi_get_u64(bytes + at + 8) <= wal->last_seq) {
            memmove(bytes + kept, bytes + at, size);
            kept += size;
        }
    }
    frames->size = kept;
    frames->failed = false;
}

static hist_status wal_mark(hi_wal *wal, hist_error *err);

hist_status hi_wal_heal(hi_wal *wal, hist_error *err)
{
    if (wal->file != NULL) {
        return HIST_OK;
    }
    wal_frames_compact(wal);
    HI_TRY(wal_segment_create(wal, wal->first_unsynced, err));
    wal->durable = wal->last_seq;
    wal->first_unsynced = wal->next_seq;
    wal_log(wal, HIST_LOG_WARNING,
            "wal_moved: the log goes on in segment %llu; everything up to seq %llu is durable",
            (unsigned long long)(wal->next_no - 1), (unsigned long long)wal->durable);
    wal_frames_drop(wal, wal->frames.size);
    return wal_mark(wal, err);
}

bool hi_wal_broken(const hi_wal *wal)
{
    return wal->file == NULL;
}

void hi_wal_forget_after(hi_wal *wal, uint64_t seq)
{
    assert(wal->file == NULL && seq <= wal->last_seq);
    wal->last_seq = seq > wal->durable ? seq : wal->durable;
    wal->next_seq = wal->last_seq + 1;
    if (wal->first_unsynced > wal->next_seq) {
        wal->first_unsynced = wal->next_seq;
    }
}

/* ---- frames ----------------------------------------------------------------------------- */

static hist_status wal_write_pending(hi_wal *wal, hist_error *err)
{
    if (wal->frames.size == wal->written) {
        return HIST_OK;
    }
    const hist_iov iov = {.data = wal->frames.data + wal->written,
                          .size = wal->frames.size - wal->written};
    wal->call_wrote = true;
    HI_TRY(wal->file->ops->write(wal->file, wal->frames_at + wal->written, &iov, 1, err));
    wal->written = wal->frames.size;
    return HIST_OK;
}

/* Appends a frame without payload if there is room; it is not written yet. */
static bool wal_note(hi_wal *wal, uint32_t flags, uint64_t reserve)
{
    const hi_wal_frame frame = {.flags = flags, .seq = wal->next_seq, .durable = wal->durable};
    const uint64_t end = wal_position(wal) + HI_WAL_FRAME_HEADER_SIZE + reserve;
    uint8_t bytes[HI_WAL_FRAME_HEADER_SIZE];

    if (end > wal->config.segment_bytes) {
        return false;
    }
    hi_wal_frame_put(bytes, &frame);
    hi_wal_frame_seal(bytes, 0, wal->salt);
    const size_t size = wal->frames.size;
    hi_buf_append(&wal->frames, bytes, sizeof(bytes));
    const bool ok = wal->frames.size > size;
    wal->frames.failed = false;
    return ok;
}

/* Tells the medium, without a sync, how far the last one got: what recovery needs to tell damage
   from a torn tail. A failure costs the segment, but nothing that is durable. */
static hist_status wal_mark(hi_wal *wal, hist_error *err)
{
    hist_status st = HIST_OK;

    if (wal_note(wal, HI_WAL_MARK, HI_WAL_FRAME_HEADER_SIZE)) {
        st = wal_write_pending(wal, err);
    }
    if (st != HIST_OK) {
        wal_poison(wal);
    }
    return st;
}

/* Waits for a sync that is under way; its failure is the segment's. */
static hist_status wal_ticket_wait(hi_wal *wal, hist_error *err)
{
    hi_wal_ticket *ticket = wal->ticket;

    if (ticket == NULL) {
        return HIST_OK;
    }
    wal_ticket_absorb(wal, ticket);
    if (ticket->status != HIST_OK) {
        if (err != NULL) {
            *err = ticket->error;
        }
        wal_poison(wal);
    }
    return ticket->status;
}

/* Everything in the current segment becomes durable, within an append. */
static hist_status wal_settle(hi_wal *wal, hist_error *err)
{
    wal->call_wrote = true; /* Whatever fails here, the segment cannot be trusted with more. */
    HI_TRY(wal_ticket_wait(wal, err));
    HI_TRY(wal_write_pending(wal, err));
    HI_TRY(wal->file->ops->sync(wal->file, err));
    /* Batches of the append that is running do not count before all of it is written. */
    wal->durable = wal->last_seq;
    wal->first_unsynced = wal->next_seq;
    wal_frames_drop(wal, wal->frames.size);
    return HIST_OK;
}

static hist_status wal_rotate(hi_wal *wal, hist_error *err)
{
    HI_TRY(wal_settle(wal, err));
    hi_file_close(wal->file);
    wal->file = NULL;
    return wal_segment_create(wal, wal->next_seq, err);
}

/* Payload of the batch being appended that is not in a frame yet. */
typedef struct wal_source {
    const hist_iov *iov;
    size_t offset; /* In iov[0]. */
    uint64_t left;
} wal_source;

static void wal_source_copy(wal_source *source, uint8_t *to, size_t size)
{
    source->left -= size;
    while (size > 0) {
        const size_t here = source->iov->size - source->offset;
        const size_t n = here < size ? here : size;

        if (n > 0) {
            memcpy(to, (const char *)source->iov->data + source->offset, n);
        }
        to += n;
        size -= n;
        source->offset += n;
        if (source->offset == source->iov->size) {
            source->iov++;
            source->offset = 0;
        }
    }
}

/* Room for a frame; when the buffer or memory is full what is in it is synced away first. */
static hist_status wal_frame_reserve(hi_wal *wal, size_t size, uint8_t **bytes_out, hist_error *err)
{
    *bytes_out = (uint8_t *)hi_buf_reserve(&wal->frames, size);
    if (*bytes_out == NULL && wal->frames.size > 0) {
        wal->frames.failed = false;
        HI_TRY(wal_settle(wal, err));
        hi_buf_free(&wal->frames);
        *bytes_out = (uint8_t *)hi_buf_reserve(&wal->frames, size);
    }
    wal->frames.failed = false;
    return *bytes_out != NULL ? HIST_OK : hi_no_memory(err, "the WAL's buffer");
}

/* Payload the next frame takes; 0 with *rotate set: the segment has no good room left. */
static size_t wal_frame_payload(const hi_wal *wal, uint64_t left, bool *rotate)
{
    const uint64_t end = wal_position(wal) + HI_WAL_FRAME_HEADER_SIZE + WAL_TAIL_RESERVE;
    const uint64_t room = end < wal->config.segment_bytes ? wal->config.segment_bytes - end : 0;
    uint64_t payload = left < wal->payload_max ? left : wal->payload_max;

    *rotate = end > wal->config.segment_bytes;
    if (payload > room) {
        payload = room & ~UINT64_C(7);
        *rotate = payload < WAL_SPLIT_MIN;
    }
    return *rotate ? 0 : (size_t)payload;
}

static hist_status wal_append_frame(hi_wal *wal, wal_source *source, hist_error *err)
{
    bool rotate = false;
    size_t payload = wal_frame_payload(wal, source->left, &rotate);
    uint8_t *bytes = NULL;

    if (rotate) {
        HI_TRY(wal_rotate(wal, err));
        payload = wal_frame_payload(wal, source->left, &rotate);
        assert(!rotate);
    }
    const size_t size = (size_t)hi_wal_frame_size(payload);
    HI_TRY(wal_frame_reserve(wal, size, &bytes, err));
    const hi_wal_frame frame = {.payload = (uint32_t)payload,
                                .flags = payload < source->left ? HI_WAL_DATA | HI_WAL_CONTINUED
                                                                : HI_WAL_DATA,
                                .seq = wal->next_seq,
                                .durable = wal->durable};
    hi_wal_frame_put(bytes, &frame);
    wal_source_copy(source, bytes + HI_WAL_FRAME_HEADER_SIZE, payload);
    memset(bytes + HI_WAL_FRAME_HEADER_SIZE + payload, 0,
           size - HI_WAL_FRAME_HEADER_SIZE - payload);
    hi_wal_frame_seal(bytes, frame.payload, wal->salt);
    wal->frames.size += size;
    wal->next_seq++;
    return HIST_OK;
}

static hist_status wal_append_batch(hi_wal *wal, hi_wal_batch *batch, hist_error *err)
{
    wal_source source = {.iov = batch->iov};

    for (size_t i = 0; i < batch->iov_count; i++) {
        source.left += batch->iov[i].size;
    }
    do {
        HI_TRY(wal_append_frame(wal, &source, err));
    } while (source.left > 0);
    batch->seq = wal->next_seq - 1;
    return HIST_OK;
}

static hist_status wal_check_limits(const hi_wal_batch *batches, size_t count, hist_error *err)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t left = HI_WAL_BATCH_BYTES_MAX;

        for (size_t k = 0; k < batches[i].iov_count; k++) {
            if (batches[i].iov[k].size > left) {
                return hi_fail(err, HIST_ELIMIT,
                               "a batch is longer than %llu bytes; commit smaller ones",
                               (unsigned long long)HI_WAL_BATCH_BYTES_MAX);
            }
            left -= batches[i].iov[k].size;
        }
    }
    return HIST_OK;
}

/* Undoes a failed append. Where nothing of it can be in the file the segment stays in use. */
static void wal_append_undo(hi_wal *wal)
{
    if (wal->file == NULL || wal->call_wrote) {
        wal_poison(wal);
        return;
    }
    wal->frames.size = wal->call_start;
    wal->next_seq = wal->last_seq + 1;
    if (wal->first_unsynced > wal->next_seq) {
        wal->first_unsynced = wal->next_seq;
    }
}

static hist_status wal_append_once(hi_wal *wal, hi_wal_batch *batches, size_t count,
                                   hist_error *err)
{
    hist_status st = HIST_OK;

    assert(wal->written == wal->frames.size && wal->next_seq == wal->last_seq + 1);
    wal->call_start = wal->frames.size;
    wal->call_wrote = false;
    for (size_t i = 0; i < count && st == HIST_OK; i++) {
        st = wal_append_batch(wal, &batches[i], err);
    }
    if (st == HIST_OK) {
        st = wal_write_pending(wal, err);
    }
    if (st == HIST_OK) {
        wal->last_seq = wal->next_seq - 1;
    } else {
        wal_append_undo(wal);
    }
    return st;
}

hist_status hi_wal_append(hi_wal *wal, hi_wal_batch *batches, size_t count, hist_error *err)
{
    HI_TRY(wal_check_limits(batches, count, err));
    HI_TRY(hi_wal_heal(wal, err));
    const hist_status st = wal_append_once(wal, batches, count, err);
    if (wal->file != NULL || (st != HIST_EIO && st != HIST_ENOSPC)) {
        return st;
    }
    /* The file failed; another one may well work. */
    if (err != NULL) {
        wal_log(wal, HIST_LOG_WARNING, "wal_failed: %s", err->message);
    }
    HI_TRY(hi_wal_heal(wal, err));
    return wal_append_once(wal, batches, count, err);
}

/* ---- sync ------------------------------------------------------------------------------- */

void hi_wal_sync_begin(hi_wal *wal, hi_wal_ticket *ticket)
{
    (void)wal_ticket_wait(wal, NULL); /* Should it fail, end tries a new segment. */
    *ticket = (hi_wal_ticket){.seq = wal->last_seq, .done = true};
    if (wal->file != NULL && wal->durable < wal->last_seq) {
        ticket->file = wal->file;
        ticket->bytes = wal->frames.size;
        ticket->done = false;
        wal->ticket = ticket;
    }
}

void hi_wal_sync_run(hi_wal *wal, hi_wal_ticket *ticket)
{
    if (ticket->file == NULL) {
        return;
    }
    hist_error err = {0};
    const hist_status st = ticket->file->ops->sync(ticket->file, &err);

    (void)pthread_mutex_lock(&wal->lock);
    ticket->status = st;
    ticket->error = err;
    ticket->done = true;
    (void)pthread_cond_broadcast(&wal->done);
    (void)pthread_mutex_unlock(&wal->lock);
}

hist_status hi_wal_sync_end(hi_wal *wal, hi_wal_ticket *ticket, hist_error *err)
{
    const bool mine = !ticket->ended;

    wal_ticket_absorb(wal, ticket);
    if (wal->durable >= ticket->seq) {
        if (mine && ticket->file != NULL && wal->file != NULL) {
            (void)wal_mark(wal, NULL); /* What was asked for is done. */
        }
        return HIST_OK;
    }
    if (wal->file != NULL) {
        wal_log(wal, HIST_LOG_WARNING, "wal_failed: %s", ticket->error.message);
        wal_poison(wal);
    }
    const hist_status st = hi_wal_heal(wal, err);
    return wal->durable >= ticket->seq ? HIST_OK : st;
}

hist_status hi_wal_sync(hi_wal *wal, hist_error *err)
{
    hi_wal_ticket ticket;

    hi_wal_sync_begin(wal, &ticket);
    hi_wal_sync_run(wal, &ticket);
    return hi_wal_sync_end(wal, &ticket, err);
}

/* ---- what there is ---------------------------------------------------------------------- */

uint64_t hi_wal_last(const hi_wal *wal)
{
    return wal->last_seq;
}

uint64_t hi_wal_durable(const hi_wal *wal)
{
    return wal->durable;
}

const hi_wal_segment *hi_wal_segments(const hi_wal *wal, size_t *count_out)
{
    *count_out = wal->segment_count;
    return wal->segments;
}

uint64_t hi_wal_bytes(const hi_wal *wal)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < wal->segment_count; i++) {
        bytes += wal->segments[i].bytes;
    }
    return bytes;
}

uint64_t hi_wal_floor(const hi_wal *wal, uint64_t seq)
{
    for (size_t i = wal->segment_count; i > 0; i--) {
        if (wal->segments[i - 1].first_seq <= seq + 1) {
            return wal->segments[i - 1].no;
        }
    }
    return wal->segment_count > 0 ? wal->segments[0].no : 0;
}

void hi_wal_remove_below(hi_wal *wal, uint64_t floor_segment)
{
    size_t kept = 0;

    for (size_t i = 0; i < wal->segment_count; i++) {
        const hi_wal_segment segment = wal->segments[i];
        const bool in_use = i + 1 == wal->segment_count;

        if (in_use || segment.no >= floor_segment || !wal_segment_unlink(wal, segment.no)) {
            wal->segments[kept++] = segment;
        }
    }
    wal->segment_count = kept;
}

/* ---- open and close --------------------------------------------------------------------- */

/* Whatever of an old segment is only in the kernel's memory becomes durable. */
static hist_status wal_open_sync(hi_wal *wal, uint64_t no, hist_error *err)
{
    hist_vfs *vfs = wal->config.vfs;
    char path[HI_PATH_SIZE];
    hist_file *file = NULL;

    HI_TRY(hi_name_path(wal->config.dir, HI_FILE_WAL, no, path, err));
    HI_TRY(vfs->open(vfs, path, HIST_OPEN_WRITE, &file, err));
    const hist_status st = file->ops->sync(file, err);
    hi_file_close(file);
    return st;
}

static hist_status wal_open_old(hi_wal *wal, const hi_wal_listing *listing, hist_error *err)
{
    for (size_t i = 0; i < listing->count; i++) {
        const hi_wal_header *header = &listing->entries[i].header;

        HI_TRY(wal_segment_reserve(wal, err));
        wal->segments[wal->segment_count++] = (hi_wal_segment){
            .no = header->no, .first_seq = header->first_seq, .bytes = header->segment_bytes};
        wal->next_no = header->no >= wal->next_no ? header->no + 1 : wal->next_no;
        if (listing->entries[i].valid) {
            HI_TRY(wal_open_sync(wal, header->no, err));
        }
    }
    return HIST_OK;
}

static hist_status wal_open(hi_wal *wal, const hi_wal_report *report, hist_error *err)
{
    hi_wal_listing listing;

    wal->next_no = report->last_segment + 1;
    wal->last_seq = report->last_seq;
    wal->durable = report->last_seq;
    wal->next_seq = report->last_seq + 1;
    wal->first_unsynced = wal->next_seq;
    HI_TRY(hi_wal_list(&wal->config, 0, false, &listing, err));
    hist_status st = wal_open_old(wal, &listing, err);
    hi_wal_listing_free(&listing);
    if (st == HIST_OK) {
        st = wal_segment_create(wal, wal->next_seq, err);
    }
    return st;
}

/* Where the buffer is smaller than a segment it has room for several frames. */
static void wal_size_buffer(hi_wal *wal)
{
    const uint64_t segment = wal->config.segment_bytes;
    const uint64_t buffer = wal->config.buffer_bytes;
    const bool small = buffer > 0 && buffer < segment;

    hi_buf_init(&wal->frames, wal->config.mem, (size_t)(small ? buffer : segment));
    wal->payload_max = HI_WAL_FRAME_PAYLOAD_MAX;
    if (small && buffer / 4 < HI_WAL_FRAME_PAYLOAD_MAX) {
        wal->payload_max = buffer / 4 & ~UINT64_C(7);
    }
}

hist_status hi_wal_open(const hi_wal_config *config, const hi_wal_report *report, hi_wal **wal_out,
                        hist_error *err)
{
    if (config->segment_bytes < HI_WAL_SEGMENT_BYTES_MIN ||
        config->segment_bytes > HI_WAL_SEGMENT_BYTES_MAX) {
        return hi_fail(err, HIST_EINVAL, "a WAL segment has %d to %llu bytes, not %llu",
                       HI_WAL_SEGMENT_BYTES_MIN, (unsigned long long)HI_WAL_SEGMENT_BYTES_MAX,
                       (unsigned long long)config->segment_bytes);
    }
    hi_wal *wal = HI_MEM_NEW(config->mem, hi_wal);
    if (wal == NULL) {
        return hi_no_memory(err, "the write-ahead log");
    }
    wal->config = *config;
    wal_size_buffer(wal);
    (void)pthread_mutex_init(&wal->lock, NULL);
    (void)pthread_cond_init(&wal->done, NULL);
    const hist_status st = wal_open(wal, report, err);
    if (st != HIST_OK) {
        hi_wal_abandon(wal);
        return st;
    }
    *wal_out = wal;
    return HIST_OK;
}

void hi_wal_abandon(hi_wal *wal)
{
    if (wal == NULL) {
        return;
    }
    assert(wal->ticket == NULL);
    hi_mem *mem = wal->config.mem;
    hi_file_close(wal->file);
    hi_buf_free(&wal->frames);
    hi_mem_free(mem, wal->segments, wal->segment_capacity * sizeof(*wal->segments));
    (void)pthread_mutex_destroy(&wal->lock);
    (void)pthread_cond_destroy(&wal->done);
    HI_MEM_DELETE(mem, wal);
}

hist_status hi_wal_close(hi_wal *wal, hist_error *err)
{
    hist_error ignored;

    if (wal == NULL) {
        return HIST_OK;
    }
    const hist_status st = hi_wal_sync(wal, err);
    /* The close frame is a courtesy to recovery: all data is durable without it. */
    if (st == HIST_OK && wal->file != NULL && wal_note(wal, HI_WAL_CLOSE, 0) &&
        wal_write_pending(wal, &ignored) == HIST_OK) {
        (void)wal->file->ops->sync(wal->file, &ignored);
    }
    hi_wal_abandon(wal);
    return st;
}
