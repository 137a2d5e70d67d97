/*
 * wal_read.c -- reads the log back, and tells a torn tail from damage.
 *
 * Segments overlap after a failed write: the part of a segment that counts ends
 * where the first seq of any later one begins (its `limit`). Up to a limit all
 * frames must verify, because they were synced before the later segment was
 * made. Only the last segment may end in something that does not, and only when
 * no frame behind it and not SUPER says that it was durable.
 */
#include <assert.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "store/wal_frame.h"

/* How much of a segment is in memory at a time; at least the longest frame. */
#define WAL_WINDOW_BYTES (HI_WAL_FRAME_PAYLOAD_MAX + (UINT32_C(1) << 16))

/* Candidates for frames behind a torn one are hashed to see whether they are. Payload may have been
   made to look like frames; then no more than this many times the segment is hashed for long
   ones. Short ones (marks are) are always looked at. */
#define WAL_SCAN_HASH_MAX 16
#define WAL_SCAN_SHORT    64
#define WAL_SCAN_BLOCK    4096 /* Zeroes are skipped so many at a time. */

typedef struct wal_reader {
    const hi_wal_config *config;
    const hi_wal_from *from;
    hi_wal_visit_fn visit;
    void *visit_arg;
    hi_wal_report *report;
    hist_error *err;
    hi_wal_listing listing;
    uint64_t expected; /* Seq of the next data frame. */
    hi_buf batch;      /* Payload of the frames of an unfinished batch. */
    bool batch_open;
    /* The segment being read. */
    char path[HI_PATH_SIZE];
    hist_file *file;
    const hi_wal_header *header;
    uint64_t limit; /* Frames from here on do not count. UINT64_MAX: it is the last one. */
    uint8_t *window;
    size_t window_capacity;
    uint64_t window_at;
    size_t window_size;
    uint64_t retried; /* A live tail: the frame of this seq was read a second time. */
} wal_reader;

/* Bytes [offset, offset + size) of the segment, valid until the next call. */
static hist_status reader_get(wal_reader *r, uint64_t offset, size_t size, const uint8_t **out)
{
    assert(size <= r->window_capacity && offset + size <= r->header->segment_bytes);
    if (offset < r->window_at || offset + size > r->window_at + r->window_size) {
        const uint64_t left = r->header->segment_bytes - offset;
        const size_t want = left < r->window_capacity ? (size_t)left : r->window_capacity;

        r->window_size = 0;
        HI_TRY(hi_file_read_exact(r->file, r->path, offset, r->window, want, r->err));
        r->window_at = offset;
        r->window_size = want;
    }
    *out = r->window + (offset - r->window_at);
    return HIST_OK;
}

/* A frame that verifies at `offset`; *bytes_out is NULL when there is none. */
static hist_status reader_frame(wal_reader *r, uint64_t offset, hi_wal_frame *frame,
                                const uint8_t **bytes_out)
{
    const uint64_t room = r->header->segment_bytes - offset;
    const uint8_t *bytes = NULL;

    *bytes_out = NULL;
    if (room < HI_WAL_FRAME_HEADER_SIZE) {
        return HIST_OK;
    }
    HI_TRY(reader_get(r, offset, HI_WAL_FRAME_HEADER_SIZE, &bytes));
    if (!hi_wal_frame_get(bytes, room, frame)) {
        return HIST_OK;
    }
    HI_TRY(reader_get(r, offset, (size_t)hi_wal_frame_size(frame->payload), &bytes));
    if (hi_wal_frame_verify(bytes, frame->payload, r->header->salt)) {
        *bytes_out = bytes;
    }
    return HIST_OK;
}

static hist_status reader_visit(wal_reader *r, uint64_t seq, const void *payload, size_t size)
{
    if (seq <= r->from->floor_seq) {
        return HIST_OK;
    }
    r->report->last_seq = seq;
    r->report->batches++;
    r->report->bytes += size;
    return r->visit == NULL ? HIST_OK : r->visit(r->visit_arg, seq, payload, size, r->err);
}

/* Takes one data frame; payload of a batch of one frame is handed on in place. */
static hist_status reader_take(wal_reader *r, uint64_t offset, const hi_wal_frame *frame,
                               const uint8_t *payload)
{
    const bool last = (frame->flags & HI_WAL_CONTINUED) == 0;
    const bool wanted = frame->seq > r->from->floor_seq;
    hist_status st = HIST_OK;

    r->expected = frame->seq + 1;
    if (last && !r->batch_open) {
        return reader_visit(r, frame->seq, payload, frame->payload);
    }
    if (wanted && frame->payload > r->batch.max - r->batch.size) {
        return hi_corrupt(r->err, r->path, (int64_t)offset,
                          "a batch is longer than %llu bytes, which nothing writes",
                          (unsigned long long)HI_WAL_BATCH_BYTES_MAX);
    }
    if (wanted) {
        hi_buf_append(&r->batch, payload, frame->payload);
    }
    if (!hi_buf_ok(&r->batch)) {
        return hi_no_memory(r->err, "a batch of the WAL");
    }
    r->batch_open = !last;
    if (last) {
        st = reader_visit(r, frame->seq, r->batch.data, r->batch.size);
        hi_buf_clear(&r->batch);
    }
    return st;
}

typedef struct wal_tail {
    uint64_t durable; /* Highest proof found. */
    uint64_t frames;
    uint64_t end; /* Behind the last byte that is not zero. */
} wal_tail;

/* A sound frame at offset of the tail is counted; *size_out: how far to go on. */
static hist_status reader_scan_frame(wal_reader *r, uint64_t offset, uint64_t *budget,
                                     wal_tail *tail, uint64_t *size_out)
{
    const uint64_t room = r->header->segment_bytes - offset;
    const uint8_t *bytes = NULL;
    hi_wal_frame frame = {0};

    *size_out = 8;
    HI_TRY(reader_get(r, offset, HI_WAL_FRAME_HEADER_SIZE, &bytes));
    if (!hi_wal_frame_get(bytes, room, &frame) || frame.seq < r->expected ||
        frame.seq - r->expected > r->header->segment_bytes / HI_WAL_FRAME_HEADER_SIZE) {
        return HIST_OK;
    }
    const uint64_t size = hi_wal_frame_size(frame.payload);
    if (frame.payload > WAL_SCAN_SHORT) {
        if (size > *budget) {
            return HIST_OK;
        }
        *budget -= size;
    }
    HI_TRY(reader_get(r, offset, (size_t)size, &bytes));
    if (hi_wal_frame_verify(bytes, frame.payload, r->header->salt)) {
        tail->frames += (frame.flags & HI_WAL_DATA) != 0 ? 1 : 0;
        tail->durable = frame.durable > tail->durable ? frame.durable : tail->durable;
        tail->end = offset + size;
        *size_out = size;
    }
    return HIST_OK;
}

/* How many bytes from `offset` on are zero, a block or 8 at a time; 0: look closer. */
static hist_status reader_zeroes(wal_reader *r, uint64_t offset, size_t *zero_out)
{
    static const uint8_t zeroes[WAL_SCAN_BLOCK];
    const uint64_t left = r->header->segment_bytes - offset;
    const size_t small = left < 8 ? (size_t)left : 8;
    const uint8_t *bytes = NULL;

    *zero_out = 0;
    if (left >= WAL_SCAN_BLOCK) {
        HI_TRY(reader_get(r, offset, WAL_SCAN_BLOCK, &bytes));
        *zero_out = memcmp(bytes, zeroes, WAL_SCAN_BLOCK) == 0 ? WAL_SCAN_BLOCK : 0;
    }
    if (*zero_out == 0) {
        HI_TRY(reader_get(r, offset, small, &bytes));
        *zero_out = memcmp(bytes, zeroes, small) == 0 ? small : 0;
    }
    return HIST_OK;
}

/* What is behind the first frame that does not verify. */
static hist_status reader_scan(wal_reader *r, uint64_t offset, wal_tail *tail)
{
    const uint64_t end = r->header->segment_bytes;
    uint64_t budget = end * WAL_SCAN_HASH_MAX;

    *tail = (wal_tail){.end = offset};
    while (offset < end) {
        uint64_t step = end - offset < 8 ? end - offset : 8;
        size_t zero = 0;

        HI_TRY(reader_zeroes(r, offset, &zero));
        if (zero == 0) {
            tail->end = offset + step;
            if (end - offset >= HI_WAL_FRAME_HEADER_SIZE) {
                HI_TRY(reader_scan_frame(r, offset, &budget, tail, &step));
            }
        }
        offset += zero > 0 ? zero : step;
    }
    return HIST_OK;
}

static hist_status reader_damage(wal_reader *r, uint64_t offset, uint64_t durable)
{
    return hi_corrupt(
        r->err, r->path, (int64_t)offset,
        "acknowledged data is damaged: the frame of seq %llu does not verify, and seqs "
        "up to %llu were on stable storage; nothing was changed, keep a copy of the "
        "store",
        (unsigned long long)r->expected, (unsigned long long)durable);
}

/* Reads frames from *offset on, up to the limit or as far as it goes. *offset: where it ended. */
static hist_status reader_frames(wal_reader *r, uint64_t *offset)
{
    r->report->closed = false;
    while (r->expected < r->limit && !r->report->closed) {
        const uint8_t *bytes = NULL;
        hi_wal_frame frame = {0};

        HI_TRY(reader_frame(r, *offset, &frame, &bytes));
        if (bytes == NULL || frame.seq != r->expected) {
            break;
        }
        if ((frame.flags & HI_WAL_DATA) != 0) {
            HI_TRY(reader_take(r, *offset, &frame, bytes + HI_WAL_FRAME_HEADER_SIZE));
        }
        *offset += hi_wal_frame_size(frame.payload);
        r->report->closed = frame.flags == HI_WAL_CLOSE;
    }
    return HIST_OK;
}

/* The last segment ended at `offset`: is that where the log ends? */
static hist_status reader_end(wal_reader *r, uint64_t offset)
{
    hi_wal_report *report = r->report;
    wal_tail tail = {.end = offset};
    uint64_t durable = r->from->super_durable;

    if (!report->closed) {
        HI_TRY(reader_scan(r, offset, &tail));
        durable = tail.durable > durable ? tail.durable : durable;
    }
    if (durable >= r->expected && durable > r->from->floor_seq) {
        return reader_damage(r, offset, durable);
    }
    if (tail.end > offset || r->batch_open) {
        report->torn = true;
        report->torn_segment = r->header->no;
        report->torn_offset = offset;
        report->dropped_bytes = tail.end - offset + r->batch.size;
        report->dropped_frames = tail.frames;
    }
    return HIST_OK;
}

static hist_status reader_judge(wal_reader *r, uint64_t offset)
{
    if (r->limit == UINT64_MAX) {
        return reader_end(r, offset);
    }
    return r->expected == r->limit ? HIST_OK : reader_damage(r, offset, r->limit - 1);
}

static hist_status reader_segment_frames(wal_reader *r)
{
    uint64_t offset = HI_WAL_HEADER_SIZE;

    for (;;) {
        HI_TRY(reader_frames(r, &offset));
        const hist_status st = reader_judge(r, offset);
        if (st != HIST_ECORRUPT || !r->from->live || r->retried == r->expected) {
            return st;
        }
        /* A writer was in the middle of this frame when it was read, and is behind it now. */
        r->retried = r->expected;
        r->window_size = 0;
    }
}

static hist_status reader_segment(wal_reader *r, size_t i)
{
    r->header = &r->listing.entries[i].header;
    r->expected = r->header->first_seq;
    r->window_size = 0;
    r->retried = 0;
    HI_TRY(hi_name_path(r->config->dir, HI_FILE_WAL, r->header->no, r->path, r->err));
    HI_TRY(r->config->vfs->open(r->config->vfs, r->path, HIST_OPEN_READ, &r->file, r->err));
    const hist_status st = reader_segment_frames(r);
    hi_file_close(r->file);
    r->file = NULL;
    return st;
}

/* The lowest first seq of the segments behind entry i. */
static uint64_t reader_limit(const wal_reader *r, size_t i)
{
    uint64_t limit = UINT64_MAX;

    for (size_t k = i + 1; k < r->listing.count; k++) {
        const uint64_t first = r->listing.entries[k].header.first_seq;

        limit = first < limit ? first : limit;
    }
    return limit;
}

static hist_status reader_nothing(wal_reader *r)
{
    char path[HI_PATH_SIZE];

    HI_TRY(hi_name_path(r->config->dir, HI_FILE_WAL, r->from->floor_segment, path, r->err));
    if (r->from->floor_segment != 0 || r->from->super_durable > r->from->floor_seq) {
        return hi_corrupt(r->err, path, -1,
                          "the segment is missing, and so are all behind it (seqs above %llu)",
                          (unsigned long long)r->from->floor_seq);
    }
    return HIST_OK;
}

static hist_status reader_all(wal_reader *r)
{
    bool first = true;

    if (r->listing.count == 0) {
        return reader_nothing(r);
    }
    for (size_t i = 0; i < r->listing.count; i++) {
        const hi_wal_header *header = &r->listing.entries[i].header;

        r->limit = reader_limit(r, i);
        if (header->first_seq >= r->limit || r->limit <= r->from->floor_seq + 1) {
            continue; /* Overridden, or all of it is in parts. */
        }
        HI_TRY(hi_name_path(r->config->dir, HI_FILE_WAL, header->no, r->path, r->err));
        if (first && header->first_seq > r->from->floor_seq + 1) {
            return hi_corrupt(r->err, r->path, 32,
                              "the segment begins with seq %llu, but seqs from %llu on are wanted: "
                              "an older segment is missing",
                              (unsigned long long)header->first_seq,
                              (unsigned long long)r->from->floor_seq + 1);
        }
        first = false;
        HI_TRY(reader_segment(r, i));
    }
    return HIST_OK;
}

hist_status hi_wal_replay(const hi_wal_config *config, const hi_wal_from *from,
                          hi_wal_visit_fn visit, void *visit_arg, hi_wal_report *report_out,
                          hist_error *err)
{
    wal_reader r = {.config = config,
                    .from = from,
                    .visit = visit,
                    .visit_arg = visit_arg,
                    .report = report_out,
                    .err = err};

    *report_out = (hi_wal_report){.last_seq = from->floor_seq};
    hist_status st = hi_wal_list(config, from->floor_segment, true, &r.listing, err);
    if (st != HIST_OK) {
        return st;
    }
    hi_buf_init(&r.batch, config->mem, HI_WAL_BATCH_BYTES_MAX);
    for (size_t i = 0; i < r.listing.count; i++) {
        const hi_wal_header *header = &r.listing.entries[i].header;

        report_out->last_segment = header->no;
        report_out->file_bytes += header->segment_bytes;
        if (header->segment_bytes > r.window_capacity) {
            r.window_capacity = (size_t)header->segment_bytes;
        }
    }
    if (r.window_capacity > WAL_WINDOW_BYTES) {
        r.window_capacity = WAL_WINDOW_BYTES;
    }
    r.window = hi_mem_alloc(config->mem, r.window_capacity);
    st = r.window == NULL ? hi_no_memory(err, "the window of the WAL reader") : reader_all(&r);
    hi_mem_free(config->mem, r.window, r.window_capacity);
    hi_buf_free(&r.batch);
    hi_wal_listing_free(&r.listing);
    return st;
}
