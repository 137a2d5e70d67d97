/*
 * http_write.c -- POST /write and /api/v2/write: line protocol, one durable commit a request.
 *
 * The body is inflated and parsed as it comes. Good lines are stored whatever the others are: the
 * answer to a request with bad lines is an error that names them, and its good lines are durable.
 */
#if defined(HIST_WITH_MICROHTTPD) && defined(HIST_WITH_JANSSON)
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HIST_WITH_ZLIB
#include <zlib.h>
#endif

#include "histd/http_int.h"

enum {
    WRITE_INFLATE_BYTES = 64 << 10,
    WRITE_REASONS_MAX = 4096,
    WRITE_WRITERS_KEPT = 8,
};

struct http_write {
    http_writer *writer;
    hist_precision precision;
    hist_status status; /* Not OK: nothing more is taken. */
    hist_error err;
    bool too_large;
    bool bad_gzip;
    bool gzip;
    bool member_done; /* Between members of the gzip stream. */
    uint64_t size;    /* Of the inflated body. */
    uint64_t accepted;
    uint64_t refused;
    uint64_t refused_type;
    bool parted; /* Committed in more than one piece, for its size. */
    hi_buf tail; /* The start of a line. */
    hi_buf reasons;
#ifdef HIST_WITH_ZLIB
    bool inflating;
    z_stream z;
#endif
};

/* ---- writers ---- */

static http_writer *write_take_writer(http_server *server, const char *database, hist_error *err)
{
    http_writer *found = NULL;

    (void)pthread_mutex_lock(&server->lock);
    for (http_writer **at = &server->writers; *at != NULL; at = &(*at)->next) {
        if (strcmp((*at)->database, database) == 0) {
            found = *at;
            *at = found->next;
            server->writers_kept--;
            break;
        }
    }
    (void)pthread_mutex_unlock(&server->lock);
    if (found != NULL) {
        hist_writer_reset_lines(found->writer);
        return found;
    }
    found = calloc(1, sizeof(*found));
    if (found == NULL) {
        *err = (hist_error){.code = HIST_ENOMEM, .message = "out of memory: a writer"};
        return NULL;
    }
    memcpy(found->database, database, strlen(database) + 1);
    if (hist_writer_open(server->options.db, database, &found->writer, err) != HIST_OK) {
        free(found);
        return NULL;
    }
    return found;
}

static void write_close_writer(http_writer *w)
{
    hist_writer_close(w->writer);
    free(w);
}

/* `clean`: its parser stands at the start of a line. */
static void write_give_back(http_server *server, http_writer *w, bool clean)
{
    hist_writer_discard(w->writer);
    (void)pthread_mutex_lock(&server->lock);
    const bool keep = clean && server->writers_kept < WRITE_WRITERS_KEPT;
    if (keep) {
        w->next = server->writers;
        server->writers = w;
        server->writers_kept++;
    }
    (void)pthread_mutex_unlock(&server->lock);
    if (!keep) {
        write_close_writer(w);
    }
}

void http_write_close_all(http_server *server)
{
    while (server->writers != NULL) {
        http_writer *w = server->writers;

        server->writers = w->next;
        write_close_writer(w);
    }
}

/* ---- the head ---- */

static bool write_precision(const char *text, hist_precision *out)
{
    static const struct {
        const char *text;
        hist_precision precision;
    } known[] = {{"n", HIST_NS},  {"ns", HIST_NS}, {"u", HIST_US},
                 {"us", HIST_US}, {"ms", HIST_MS}, {"s", HIST_S}};

    *out = HIST_NS;
    for (size_t i = 0; text != NULL && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].text, text) == 0) {
            *out = known[i].precision;
            return true;
        }
    }
    return text == NULL;
}

/* "db/rp" of the second version names a retention policy behind the database: not kept here. */
static bool write_database(http_request *r, char *name, size_t size)
{
    const char *given = http_argument(r, r->route->kind == HTTP_WRITE_V2 ? "bucket" : "db");
    const char *slash =
        given != NULL && r->route->kind == HTTP_WRITE_V2 ? strchr(given, '/') : NULL;
    const size_t length = given == NULL   ? 0
                          : slash != NULL ? (size_t)(slash - given)
                                          : strlen(given);

    if (length >= size) {
        return false;
    }
    if (length == 0) {
        (void)snprintf(name, size, "default");
        return true;
    }
    memcpy(name, given, length);
    name[length] = '\0';
    return true;
}

static bool write_encoding(http_request *r, http_write *w)
{
    const char *encoding = http_header(r, "Content-Encoding");

    if (encoding == NULL || encoding[0] == '\0' || strcmp(encoding, "identity") == 0) {
        return true;
    }
#ifdef HIST_WITH_ZLIB
    if (strcmp(encoding, "gzip") == 0 || strcmp(encoding, "x-gzip") == 0) {
        w->gzip = true;
        w->inflating = inflateInit2(&w->z, 16 + MAX_WBITS) == Z_OK;
        w->member_done = true;
        return w->inflating;
    }
#else
    (void)w;
#endif
    return false;
}

static bool write_refuse(http_request *r, unsigned status, const char *message)
{
    r->result = http_answer_error(r, status, message);
    return false;
}

bool http_write_begin(http_request *r)
{
    const char *length = http_header(r, "Content-Length");
    char database[HIST_NAME_BYTES_MAX + 1];
    http_write *w = calloc(1, sizeof(*w));

    r->write = w;
    if (w == NULL) {
        r->result = http_answer_later(r, "out of memory");
        return false;
    }
    hi_buf_init(&w->tail, &r->server->mem, SIZE_MAX);
    hi_buf_init(&w->reasons, &r->server->mem, WRITE_REASONS_MAX);
    if (length != NULL && strtoull(length, NULL, 10) > r->server->options.body_bytes_max) {
        return write_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE,
                            "the body is larger than allowed: send less at a time");
    }
    if (!write_precision(http_argument(r, "precision"), &w->precision)) {
        return write_refuse(r, MHD_HTTP_BAD_REQUEST, "precision must be n, ns, u, us, ms or s");
    }
    if (!write_database(r, database, sizeof(database))) {
        return write_refuse(r, MHD_HTTP_BAD_REQUEST, "the name of the database is too long");
    }
    if (!write_encoding(r, w)) {
        return write_refuse(r, MHD_HTTP_BAD_REQUEST, "Content-Encoding must be gzip or identity");
    }
    w->writer = write_take_writer(r->server, database, &w->err);
    w->status = w->writer == NULL ? w->err.code : HIST_OK;
    return true;
}

/* ---- the body ---- */

static void write_error(void *arg, uint64_t line, hist_status status, const char *reason)
{
    http_write *w = arg;

    w->refused++;
    w->refused_type += status == HIST_ETYPE;
    hi_buf_printf(&w->reasons, "%sline %llu: %s", w->reasons.size > 0 ? "; " : "",
                  (unsigned long long)line, reason);
}

/* The batch or the memory is full: what is there goes first. */
static bool write_relieve(http_write *w)
{
    if ((w->status != HIST_ELIMIT && w->status != HIST_ENOMEM) ||
        hist_writer_rows(w->writer->writer) == 0) {
        return false;
    }
    w->parted = true;
    w->status = hist_commit(w->writer->writer, HIST_COMMIT_WRITTEN, NULL, &w->err);
    return w->status == HIST_OK;
}

static size_t write_rows(http_write *w, const char *data, size_t size, bool final)
{
    hist_lp_options options = HIST_LP_OPTIONS;
    size_t done = 0;

    options.precision = w->precision;
    options.final = final;
    options.on_error = write_error;
    options.on_error_arg = w;
    do {
        hist_lp_result result = {0};

        w->status =
            hist_append_lp(w->writer->writer, data + done, size - done, &options, &result, &w->err);
        done += result.consumed;
        w->accepted += result.accepted;
    } while (w->status != HIST_OK && write_relieve(w));
    return done;
}

static void write_text(http_request *r, const char *data, size_t size)
{
    http_write *w = r->write;

    w->size += size;
    if (w->size > r->server->options.body_bytes_max) {
        w->too_large = true;
        return;
    }
    if (w->tail.size == 0) {
        const size_t done = write_rows(w, data, size, false);

        hi_buf_append(&w->tail, data + done, size - done);
    } else {
        hi_buf_append(&w->tail, data, size);
        if (hi_buf_ok(&w->tail)) {
            const size_t done = write_rows(w, w->tail.data, w->tail.size, false);

            w->tail.size -= done;
            memmove(w->tail.data, w->tail.data + done, w->tail.size);
        }
    }
    if (!hi_buf_ok(&w->tail)) {
        w->status = HIST_ENOMEM;
        w->err = (hist_error){.code = HIST_ENOMEM, .message = "out of memory: a line"};
    }
}

#ifdef HIST_WITH_ZLIB
static void write_inflate(http_request *r, const char *data, size_t size)
{
    http_write *w = r->write;
    char out[WRITE_INFLATE_BYTES];

    w->z.next_in = (Bytef *)(uintptr_t)data; /* zlib's prototype has no const. */
    w->z.avail_in = (uInt)size;
    do {
        w->z.next_out = (Bytef *)out;
        w->z.avail_out = sizeof(out);
        w->member_done = false;
        const int status = inflate(&w->z, Z_NO_FLUSH);
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
            w->bad_gzip = true;
            return;
        }
        write_text(r, out, sizeof(out) - w->z.avail_out);
        if (status == Z_STREAM_END) {
            w->member_done = true;
            (void)inflateReset(&w->z);
        }
        if (w->too_large || w->status != HIST_OK || (w->member_done && w->z.avail_in == 0)) {
            return;
        }
    } while (w->z.avail_in > 0 || w->z.avail_out == 0);
}
#endif

void http_write_body(http_request *r, const char *data, size_t size)
{
    http_write *w = r->write;

    if (w == NULL || r->answered || w->too_large || w->bad_gzip || w->status != HIST_OK) {
        return;
    }
#ifdef HIST_WITH_ZLIB
    if (w->gzip) {
        write_inflate(r, data, size);
        return;
    }
#endif
    write_text(r, data, size);
}

/* ---- the answer ---- */

static enum MHD_Result write_failed(http_request *r)
{
    const http_write *w = r->write;

    log_write(r->server->options.log, LOG_LEVEL_WARNING, "http: a write failed: %s",
              w->err.message);
    switch (w->status) {
    case HIST_ENOSPC:
    case HIST_ENOMEM:
    case HIST_EBUSY:
    case HIST_EIO:
    case HIST_EREADONLY:
    case HIST_ECLOSED:
        return http_answer_later(r, w->err.message);
    case HIST_EINVAL:
    case HIST_ELIMIT:
        return http_answer_error(r, MHD_HTTP_BAD_REQUEST, w->err.message);
    default:
        return http_answer_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, w->err.message);
    }
}

static enum MHD_Result write_partial(http_request *r)
{
    http_write *w = r->write;
    const bool v2 = r->route->kind == HTTP_WRITE_V2;
    char text[WRITE_REASONS_MAX + 128];

    w->reasons.failed = false;
    (void)snprintf(text, sizeof(text), "%s: %.*s dropped=%llu",
                   w->accepted > 0 || w->refused_type > 0 ? "partial write" : "unable to parse",
                   (int)w->reasons.size, w->reasons.data, (unsigned long long)w->refused);
    return http_answer_error(
        r, v2 && w->refused_type > 0 ? MHD_HTTP_UNPROCESSABLE_CONTENT : MHD_HTTP_BAD_REQUEST, text);
}

enum MHD_Result http_write_finish(http_request *r)
{
    http_write *w = r->write;

    atomic_fetch_add(&r->server->writes, 1);
    if (w->too_large) {
        return http_answer_error(r, MHD_HTTP_CONTENT_TOO_LARGE,
                                 "the body is larger than allowed: send less at a time");
    }
    if (w->gzip && (w->bad_gzip || (!w->member_done && w->status == HIST_OK))) {
        return http_answer_error(r, MHD_HTTP_BAD_REQUEST,
                                 "the body is not gzip, or ends too early: nothing was stored");
    }
    if (w->status == HIST_OK && w->writer != NULL) {
        (void)write_rows(w, w->tail.size > 0 ? w->tail.data : "", w->tail.size, true);
        hi_buf_clear(&w->tail);
    }
    if (w->status == HIST_OK) {
        w->status = hist_commit(w->writer->writer, HIST_COMMIT_DURABLE, NULL, &w->err);
    }
    if (w->status == HIST_OK && w->parted) {
        w->status = hist_sync(r->server->options.db, &w->err);
    }
    if (w->status != HIST_OK) {
        return write_failed(r);
    }
    atomic_fetch_add(&r->server->rows_accepted, w->accepted);
    atomic_fetch_add(&r->server->rows_refused, w->refused);
    return w->refused > 0 ? write_partial(r) : http_answer(r, MHD_HTTP_NO_CONTENT, NULL, "", 0);
}

void http_write_drop(http_request *r)
{
    http_write *w = r->write;

    if (w == NULL) {
        return;
    }
    if (w->writer != NULL) {
        const bool clean = r->answered && w->status == HIST_OK && !w->too_large && !w->bad_gzip &&
                           w->refused == 0 && w->tail.size == 0;

        write_give_back(r->server, w->writer, clean);
    }
#ifdef HIST_WITH_ZLIB
    if (w->inflating) {
        (void)inflateEnd(&w->z);
    }
#endif
    hi_buf_free(&w->tail);
    hi_buf_free(&w->reasons);
    free(w);
    r->write = NULL;
}
#else
typedef int http_write_left_out; /* HTTP was left out of this build. */
#endif
