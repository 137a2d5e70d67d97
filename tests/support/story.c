/* story.c -- a short life of a store and the check of what is left of it; see story.h. */
#include "tests/support/story.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STORY_SECOND INT64_C(1000000000)
#define STORY_DAY    (INT64_C(86400) * STORY_SECOND)
#define STORY_BASE   (INT64_C(20000) * STORY_DAY)
enum {
    STORY_RETRIES = 20,
    STORY_BATCHES_MAX = 4096,
    STORY_DELETE_EVERY = 40,
    STORY_PARTITION_ROWS = 37, /* Batches a partition. */
};

hist_open_options story_options(hist_vfs *vfs)
{
    hist_open_options o = HIST_OPEN_OPTIONS;

    o.vfs = vfs;
    o.threads = 0;
    o.flags = HIST_FLAG_ANY_FILESYSTEM;
    o.memory_bytes_max = UINT64_C(8) << 20;
    o.wal_segment_bytes = 16384;
    o.slab_rows_max = 64;
    o.group_rows_max = 64;
    return o;
}

static hist_str story_text(const char *text)
{
    return (hist_str){text, strlen(text)};
}

/* When batch i happened: days change now and then, so that there are several partitions. */
static hist_time story_time(uint64_t i)
{
    return STORY_BASE + (int64_t)(i / STORY_PARTITION_ROWS) * STORY_DAY +
           (int64_t)(i + 1) * STORY_SECOND;
}

static uint64_t story_batch_of(hist_time time_ns)
{
    const int64_t since = time_ns - STORY_BASE;

    return (uint64_t)((since % STORY_DAY) / STORY_SECOND) - 1;
}

/* The rows of batch i into the writer. */
static hist_status story_append(hist_writer *writer, uint64_t i, hist_error *err)
{
    char lines[512];
    hist_lp_options options = HIST_LP_OPTIONS;
    hist_lp_result result;

    const int size = snprintf(
        lines, sizeof(lines),
        "story,kind=batch,slot=s%u n=%" PRIu64 "i,text=\"batch %" PRIu64 "\",even=%s,x=%" PRIu64
        ".25 %" PRId64 "\nstory,kind=common last=%" PRIu64 "i %" PRId64 "\n",
        (unsigned)(i % 5), i, i, i % 2 == 0 ? "true" : "false", i, story_time(i), i, STORY_BASE);
    options.final = true;
    return hist_append_lp(writer, lines, (size_t)size, &options, &result, err);
}

static void story_note(story *s, hist_status status, const hist_error *err)
{
    if (status != HIST_OK) {
        s->status = s->status == HIST_OK ? status : s->status;
        s->error = *err;
    }
}

/* One commit, tried again when stubborn. */
static bool story_commit(story *s, hist_db *db, hist_writer *writer, uint64_t i)
{
    hist_error err = {0};
    const hist_commit_mode mode = i % 3 == 0 ? HIST_COMMIT_WRITTEN : HIST_COMMIT_DURABLE;
    hist_status status = story_append(writer, i, &err);

    for (int round = 0; round < (s->stubborn ? STORY_RETRIES : 1); round++) {
        if (status == HIST_OK) {
            s->tried = i > s->tried ? i : s->tried;
            status = hist_commit(writer, mode, NULL, &err);
        }
        story_note(s, status, &err);
        if (status == HIST_OK) {
            s->written = i;
            s->durable = mode == HIST_COMMIT_DURABLE ? i : s->durable;
            return true;
        }
        if (s->stubborn) {
            hist_writer_discard(writer);
            status = story_append(writer, i, &err);
        }
    }
    (void)db;
    return false;
}

/* Upkeep at some batches. Its errors do not end a stubborn story. */
static bool story_upkeep(story *s, hist_db *db, uint64_t i)
{
    hist_error err = {0};
    hist_status status = HIST_OK;

    if (i % 7 == 0) {
        status = hist_maintain(db, HIST_MAINTAIN_FLUSH, &err);
    } else if (i % 31 == 0) {
        status = hist_maintain(db, HIST_MAINTAIN_MERGE, &err);
    } else if (i % 11 == 0) {
        status = hist_sync(db, &err);
        s->durable = status == HIST_OK ? s->written : s->durable;
    }
    story_note(s, status, &err);
    return status == HIST_OK || s->stubborn;
}

/* Deletes the rows of batch i - 30, which must then be gone for good. */
static bool story_delete(story *s, hist_db *db, uint64_t i)
{
    hist_error err = {0};

    if (i % STORY_DELETE_EVERY != 0 || i < 31) {
        return true;
    }
    const uint64_t victim = i - 30;
    const hist_tag tag = {story_text("kind"), story_text("batch")};
    s->delete_tried_to = victim;
    hist_status status = HIST_EIO;
    for (int round = 0; status != HIST_OK && round < (s->stubborn ? STORY_RETRIES : 1); round++) {
        status = hist_delete(db, NULL, "story", &tag, 1, story_time(victim), story_time(victim) + 1,
                             &err);
    }
    if (status == HIST_OK) {
        s->deleted_to = victim;
        s->durable = s->written; /* A delete is durable, and so is what came before. */
    }
    story_note(s, status, &err);
    return status == HIST_OK || s->stubborn;
}

static bool story_run(story *s, hist_db *db, hist_writer *writer, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i <= to; i++) {
        if (!story_commit(s, db, writer, i) || !story_upkeep(s, db, i) || !story_delete(s, db, i)) {
            return false;
        }
    }
    return true;
}

/* One open store: batches from..to. */
static bool story_chapter(story *s, hist_vfs *vfs, uint64_t from, uint64_t to)
{
    hist_open_options options = story_options(vfs);
    hist_db *db = NULL;
    hist_writer *writer = NULL;
    hist_error err = {0};
    hist_status status = HIST_EIO;
    bool ok = false;

    options.allocator = s->allocator;
    options.part_bytes_max = s->part_bytes_max;
    for (int round = 0; status != HIST_OK && round < (s->stubborn ? STORY_RETRIES : 1); round++) {
        status = hist_open("db", &options, &db, &err);
        story_note(s, status, &err);
    }
    if (status != HIST_OK) {
        return false;
    }
    status = HIST_EIO;
    for (int round = 0; status != HIST_OK && round < (s->stubborn ? STORY_RETRIES : 1); round++) {
        status = hist_writer_open(db, NULL, &writer, &err);
        story_note(s, status, &err);
    }
    if (status == HIST_OK) {
        ok = story_run(s, db, writer, from, to);
    }
    hist_writer_close(writer);
    status = hist_close(db, &err);
    story_note(s, status, &err);
    if (status == HIST_OK) {
        s->durable = s->written;
    }
    return ok && (status == HIST_OK || s->stubborn);
}

void story_tell(story *s, hist_vfs *vfs)
{
    const uint64_t first = s->first == 0 ? 1 : s->first;
    const uint64_t last = first + s->batches - 1;
    const uint64_t middle = first + s->batches / 2;

    if (story_chapter(s, vfs, first, middle)) {
        (void)story_chapter(s, vfs, middle + 1, last);
    }
}

/* ---- the check ---- */

typedef struct story_seen {
    bool rows[STORY_BATCHES_MAX + 1];
    uint64_t count;
    uint64_t highest;
    int64_t last; /* Of the common row; 0: there is none. */
    char *why;
    size_t why_size;
} story_seen;

static bool story_row(story_seen *seen, const hist_batch *b, uint32_t row)
{
    const hist_time time = hist_column_i64(&b->columns[0], row);
    char expect[64];

    if (hist_column_valid(&b->columns[5], row)) {
        if (time != STORY_BASE) {
            (void)snprintf(seen->why, seen->why_size, "the common row has another time");
            return false;
        }
        seen->last = hist_column_i64(&b->columns[5], row);
        return true;
    }
    const uint64_t i = story_batch_of(time);
    const int size = snprintf(expect, sizeof(expect), "batch %" PRIu64, i);
    bool ok = i >= 1 && i <= STORY_BATCHES_MAX && !seen->rows[i] && story_time(i) == time;
    for (int c = 1; c <= 4; c++) {
        ok = ok && hist_column_valid(&b->columns[c], row);
    }
    if (ok) {
        const hist_str text = hist_column_str(&b->columns[2], row);

        ok = hist_column_i64(&b->columns[1], row) == (int64_t)i && text.size == (size_t)size &&
             memcmp(text.data, expect, text.size) == 0 &&
             hist_column_i64(&b->columns[3], row) == (i % 2 == 0) &&
             hist_column_f64(&b->columns[4], row) == (double)i + 0.25;
    }
    if (!ok) {
        (void)snprintf(seen->why, seen->why_size, "a row of batch %" PRIu64 " is wrong or double",
                       i);
        return false;
    }
    seen->rows[i] = true;
    seen->count++;
    seen->highest = i > seen->highest ? i : seen->highest;
    return true;
}

/* Reads everything. A store without the table is an empty one. */
static hist_status story_read(hist_db *db, story_seen *seen, bool *ok)
{
    static const char *const names[] = {"Timestamp", "n", "text", "even", "x", "last"};
    hist_scan_options options = HIST_SCAN_OPTIONS;
    hist_scan *scan = NULL;
    hist_error err = {0};
    hist_batch batch = {0};

    options.table = "story";
    options.columns = names;
    options.column_count = 6;
    hist_status status = hist_scan_open(db, &options, &scan, &err);
    if (status == HIST_ENOTFOUND) {
        return HIST_OK;
    }
    while (status == HIST_OK && *ok) {
        status = hist_scan_next(scan, &batch, &err);
        if (status != HIST_OK || batch.row_count == 0) {
            break;
        }
        for (uint32_t row = 0; row < batch.row_count && *ok; row++) {
            *ok = story_row(seen, &batch, row);
        }
    }
    hist_scan_close(scan);
    if (status != HIST_OK) {
        (void)snprintf(seen->why, seen->why_size, "%s: %s", hist_status_name(status), err.message);
    }
    return status;
}

static bool story_was_deleted(const story *s, uint64_t i, bool tried)
{
    const uint64_t to = tried ? s->delete_tried_to : s->deleted_to;

    return i <= to && (i + 30) % STORY_DELETE_EVERY == 0;
}

static bool story_compare(const story *s, story_seen *seen)
{
    const uint64_t p = (uint64_t)seen->last;

    if (p < s->durable || p > s->tried) {
        (void)snprintf(seen->why, seen->why_size,
                       "%" PRIu64 " batches are there; %" PRIu64 " were acknowledged, %" PRIu64
                       " tried",
                       p, s->durable, s->tried);
        return false;
    }
    if (seen->highest > p) {
        (void)snprintf(seen->why, seen->why_size, "half of batch %" PRIu64 " is there",
                       seen->highest);
        return false;
    }
    for (uint64_t i = 1; i <= p; i++) {
        if (!seen->rows[i] && !story_was_deleted(s, i, true)) {
            (void)snprintf(seen->why, seen->why_size,
                           "batch %" PRIu64 " is missing though %" PRIu64 " are there", i, p);
            return false;
        }
        if (seen->rows[i] && story_was_deleted(s, i, false)) {
            (void)snprintf(seen->why, seen->why_size, "batch %" PRIu64 " came back after a delete",
                           i);
            return false;
        }
    }
    return true;
}

bool story_check(const story *s, hist_vfs *vfs, int open_flags, hist_status *status_out, char *why,
                 size_t why_size)
{
    hist_open_options options = story_options(vfs);
    hist_db *db = NULL;
    hist_error err = {0};
    story_seen seen = {.why = why, .why_size = why_size};
    bool ok = true;

    options.flags |= open_flags;
    (void)snprintf(why, why_size, "%s", "");
    *status_out = hist_open("db", &options, &db, &err);
    if (*status_out != HIST_OK) {
        (void)snprintf(why, why_size, "open: %s: %s", hist_status_name(*status_out), err.message);
        return false;
    }
    *status_out = story_read(db, &seen, &ok);
    if (hist_close(db, &err) != HIST_OK && *status_out == HIST_OK) {
        *status_out = err.code;
        (void)snprintf(why, why_size, "close: %s", err.message);
        return false;
    }
    return *status_out == HIST_OK && ok && story_compare(s, &seen);
}
