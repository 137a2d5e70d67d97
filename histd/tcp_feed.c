/* tcp_feed.c -- bytes of a stream into rows, with the comments the daemon acts on; see tcp_int.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "histd/tcp_int.h"

typedef enum feed_word {
    FEED_PLAIN, /* A comment as any other. */
    FEED_REPORT,
    FEED_SYNC,
    FEED_PRECISION,
} feed_word;

typedef struct feed_directive {
    feed_word word;
    const char *value;
    size_t value_size;
    size_t size; /* Of the line with its newline. */
} feed_directive;

/* ---- refused lines ---- */

static void feed_error(void *arg, uint64_t line, hist_status status, const char *reason)
{
    tcp_conn *conn = arg;
    char text[TCP_REASON_MAX];
    int n = snprintf(text, sizeof(text) - 1, "error %llu %s",
                     (unsigned long long)(conn->lines + line), reason);
    hi_buf *to = conn->report ? &conn->out : &conn->errors;

    (void)status;
    if (conn->report ? conn->out.size - conn->out_sent > TCP_REPORTS_KEPT
                     : conn->error_count >= TCP_ERRORS_MAX) {
        return;
    }
    n = n < 0 ? 0 : n > (int)sizeof(text) - 2 ? (int)sizeof(text) - 2 : n;
    for (int i = 0; i < n; i++) {
        if ((unsigned char)text[i] < 0x20) {
            text[i] = '?'; /* One line an error, whatever a name holds. */
        }
    }
    text[n++] = '\n';
    conn->error_count++;
    hi_buf_append(to, text, (size_t)n);
    to->failed = false;
}

/* ---- rows ---- */

/* The parser stands at the start of a line, or inside one that only this connection can finish. */
static void feed_settle(tcp_conn *conn, tcp_writer *w, bool clean, bool final)
{
    if (final && conn->writer != NULL) {
        w->retired = true; /* It may be skipping the rest of a line that never comes. */
        clean = true;
        if (conn->loop->current == w) {
            conn->loop->current = NULL;
        }
    }
    if (!clean) {
        conn->writer = w;
        w->holder = conn;
        if (conn->loop->current == w) {
            conn->loop->current = NULL;
        }
        return;
    }
    conn->writer = NULL;
    w->holder = NULL;
}

static void feed_count(tcp_conn *conn, const hist_lp_result *result)
{
    conn->lines += result->lines;
    conn->accepted += result->accepted;
    conn->refused += result->refused;
    conn->suspicious = conn->suspicious || result->suspicious_precision;
    atomic_fetch_add_explicit(&conn->loop->accepted, result->accepted, memory_order_relaxed);
    atomic_fetch_add_explicit(&conn->loop->refused, result->refused, memory_order_relaxed);
}

/* Gives bytes to a parser until it has no whole line left. Returns the bytes it is done with. */
static size_t feed_rows(tcp_conn *conn, const char *data, size_t size, bool final)
{
    hist_lp_options options = HIST_LP_OPTIONS;
    hist_status status = HIST_OK;
    size_t done = 0;

    options.precision = conn->precision;
    options.final = final;
    options.on_error = feed_error;
    options.on_error_arg = conn;
    do {
        hist_lp_result result = {0};
        hist_error err = {0};
        tcp_writer *w = conn->writer != NULL ? conn->writer : tcp_loop_writer(conn->loop, &err);

        status = err.code;
        if (w != NULL) {
            hist_writer_reset_lines(w->writer);
            status = hist_append_lp(w->writer, data + done, size - done, &options, &result, &err);
            done += result.consumed;
            feed_count(conn, &result);
            tcp_loop_dirty(conn->loop);
            if (status == HIST_OK) { /* After a failure it stands at the start of a line. */
                feed_settle(conn, w, done == size && (final || data[size - 1] == '\n'), final);
            }
        }
        if (status != HIST_OK && !tcp_loop_relieve(conn->loop, &err)) {
            conn->dead = true; /* Being stopped, or a line that can never be taken. */
            return size;
        }
    } while (status != HIST_OK);
    return done;
}

/* ---- comments that mean something ---- */

static bool feed_starts(const char *text, size_t size, const char *word)
{
    const size_t n = strlen(word);

    return size >= n && memcmp(text, word, n) == 0 &&
           (size == n || text[n] == ' ' || text[n] == '\t');
}

static const struct {
    const char *text;
    feed_word word;
} feed_words[] = {{"report", FEED_REPORT}, {"sync", FEED_SYNC}, {"precision", FEED_PRECISION}};

/* text starts with '#'. */
static feed_directive feed_directive_of(const char *text, size_t size)
{
    feed_directive found = {.word = FEED_PLAIN};
    const char *end = memchr(text, '\n', size < TCP_TOKEN_MAX + 32 ? size : TCP_TOKEN_MAX + 32);

    if (end == NULL) {
        return found;
    }
    found.size = (size_t)(end - text) + 1;
    while (end > text && (end[-1] == '\r' || end[-1] == ' ')) {
        end--;
    }
    const char *at = text + 1;
    at += at < end && *at == ' ';
    for (size_t i = 0; i < sizeof(feed_words) / sizeof(feed_words[0]); i++) {
        if (feed_starts(at, (size_t)(end - at), feed_words[i].text)) {
            found.word = feed_words[i].word;
            at += strlen(feed_words[i].text);
            break;
        }
    }
    while (at < end && *at == ' ') {
        at++;
    }
    found.value = at;
    found.value_size = (size_t)(end - at);
    return found;
}

static void feed_sync(tcp_conn *conn, const feed_directive *d)
{
    tcp_sync *sync = malloc(sizeof(*sync) + d->value_size);

    if (sync == NULL) {
        conn->dead = true; /* Better no answer than a wrong one. */
        return;
    }
    *sync = (tcp_sync){.size = d->value_size};
    memcpy(sync->token, d->value, d->value_size);
    *conn->syncs_end = sync;
    conn->syncs_end = &sync->next;
    conn->sync_count++;
    conn->loop->answers_due = true;
}

static void feed_precision(tcp_conn *conn, const feed_directive *d)
{
    static const char *const names[] = {"ns", "us", "ms", "s"};

    for (int i = 0; i < 4; i++) {
        if (strlen(names[i]) == d->value_size && memcmp(names[i], d->value, d->value_size) == 0) {
            conn->precision = (hist_precision)i;
            return;
        }
    }
    conn->refused++;
    feed_error(conn, 0, HIST_EINVAL, "'# precision' wants ns, us, ms or s");
}

static void feed_obey(tcp_conn *conn, const feed_directive *d)
{
    conn->lines++;
    if (d->word == FEED_SYNC) {
        feed_sync(conn, d);
    } else if (d->word == FEED_REPORT) {
        conn->report = true;
    } else {
        feed_precision(conn, d);
    }
}

/* The next '#' at the start of a line from `look` on that may be a directive; size: none. */
static size_t feed_find(const tcp_conn *conn, const char *data, size_t size, size_t look,
                        feed_directive *found)
{
    while (look < size) {
        const char *hash = memchr(data + look, '#', size - look);

        if (hash == NULL) {
            return size;
        }
        const size_t at = (size_t)(hash - data);
        if (at > 0 ? data[at - 1] == '\n' : conn->writer == NULL) {
            *found = feed_directive_of(hash, size - at);
            if (found->word != FEED_PLAIN) {
                return at;
            }
        }
        look = at + 1;
    }
    return size;
}

/* Rows and directives of a stretch; returns the bytes done with. */
static size_t feed_stretch(tcp_conn *conn, const char *data, size_t size, bool final)
{
    feed_directive found = {0};
    size_t from = 0;
    size_t at = feed_find(conn, data, size, 0, &found);

    while (at < size && !conn->dead) {
        if (at > from) {
            from += feed_rows(conn, data + from, at - from, false);
        }
        if (from == at && conn->writer == NULL) {
            feed_obey(conn, &found);
            from = at + found.size;
            at = feed_find(conn, data, size, from, &found);
        } else { /* It stands inside a string. */
            at = feed_find(conn, data, size, at + 1, &found);
        }
    }
    if (!conn->dead && (from < size || final)) {
        from += feed_rows(conn, data + from, size - from, final);
    }
    return conn->dead ? size : from;
}

/* ---- the first line, and the last ---- */

/* Somebody who speaks HTTP or TLS to this port is told so. True: turned away. */
static bool feed_stranger(tcp_conn *conn, const char *data, size_t size)
{
    static const char *const methods[] = {"GET /",    "POST /",    "PUT /",      "HEAD /",
                                          "DELETE /", "OPTIONS /", "OPTIONS * ", "PRI * "};
    char reason[256];
    const char *end = memchr(data, '\n', size);
    const size_t line = end == NULL ? size : (size_t)(end - data);

    if (size >= 3 && data[0] == 0x16 && data[1] == 0x03) {
        tcp_conn_turn_away(conn, "this port takes plain line protocol; there is no TLS here");
        return true;
    }
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        const size_t n = strlen(methods[i]);

        if (line < n + 6 || memcmp(data, methods[i], n) != 0) {
            continue;
        }
        for (const char *p = data + n - 1; p + 6 <= data + line; p++) {
            if (memcmp(p, " HTTP/", 6) == 0) {
                (void)snprintf(reason, sizeof(reason),
                               "this port takes line protocol, not HTTP; HTTP is at %s",
                               conn->loop->server->http_name);
                tcp_conn_turn_away(conn, reason);
                return true;
            }
        }
    }
    return false;
}

static void feed_keep(tcp_conn *conn, const char *data, size_t size)
{
    if (size > conn->tail_room) {
        size_t room = 512;

        while (room < size) {
            room *= 2;
        }
        char *fresh = malloc(room);
        if (fresh == NULL) {
            conn->dead = true;
            return;
        }
        if (size > 0) {
            memcpy(fresh, data, size);
        }
        free(conn->tail);
        conn->tail = fresh;
        conn->tail_room = room;
    } else if (size > 0) {
        memmove(conn->tail, data, size);
    }
    conn->tail_size = size;
    if (size == 0) {
        free(conn->tail);
        conn->tail = NULL;
        conn->tail_room = 0;
    }
}

static size_t feed_whole_lines(const char *data, size_t size)
{
    while (size > 0 && data[size - 1] != '\n') {
        size--;
    }
    return size;
}

void tcp_take(tcp_conn *conn, const char *data, size_t size, bool final)
{
    const size_t lines = feed_whole_lines(data, size);
    size_t give = lines;

    if (!conn->started && (lines > 0 || final || size > 8)) {
        if (feed_stranger(conn, data, size)) {
            return;
        }
        conn->started = lines > 0;
    }
    /* Half lines wait, as one may turn out to be a directive; the parser refuses what is too long. */
    if (final || size - lines > HIST_LINE_BYTES_MAX) {
        give = size;
    }
    if (give == 0 && !(final && conn->writer != NULL)) {
        feed_keep(conn, data, size);
        return;
    }
    const size_t done = feed_stretch(conn, data, give, final);
    if (final || conn->dead) {
        feed_keep(conn, NULL, 0);
    } else {
        feed_keep(conn, data + done, size - done);
    }
}
