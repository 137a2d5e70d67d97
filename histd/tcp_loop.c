/* tcp_loop.c -- a thread with its connections, its writers and its commits; see tcp_int.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "histd/tcp_int.h"

enum {
    LOOP_EVENTS = 64,
    LOOP_PAUSE_MS = 250,       /* Between tries when the disk is full. */
    LOOP_STOP_TRIES = 8,       /* When the daemon is being stopped. */
    LOOP_LAST_READ = 64 << 20, /* Of one connection, at the end. */
    LOOP_LINGER_MS = 2000,
};

/* ---- life ---- */

bool tcp_loop_open(tcp_loop *loop, tcp_server *server)
{
    loop->server = server;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

    return pthread_mutex_init(&loop->lock, NULL) == 0 && loop->epoll_fd >= 0 &&
           loop->wake_fd >= 0 &&
           epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event) == 0;
}

void tcp_loop_close(tcp_loop *loop)
{
    if (loop->epoll_fd >= 0) {
        (void)close(loop->epoll_fd);
    }
    if (loop->wake_fd >= 0) {
        (void)close(loop->wake_fd);
    }
    (void)pthread_mutex_destroy(&loop->lock);
    free(loop->buffer);
}

void tcp_loop_wake(tcp_loop *loop)
{
    const uint64_t one = 1;

    if (write(loop->wake_fd, &one, sizeof(one)) < 0) {
        return; /* The counter is full: it is awake. */
    }
}

static void loop_woken(tcp_loop *loop)
{
    uint64_t count = 0;

    if (read(loop->wake_fd, &count, sizeof(count)) < 0) {
        return;
    }
}

/* ---- writers ---- */

tcp_writer *tcp_loop_writer(tcp_loop *loop, hist_error *err)
{
    if (loop->current != NULL) {
        return loop->current;
    }
    for (tcp_writer *w = loop->writers; w != NULL; w = w->next) {
        if (w->holder == NULL && !w->retired) {
            loop->current = w;
            return w;
        }
    }
    tcp_writer *fresh = calloc(1, sizeof(*fresh));
    if (fresh == NULL) {
        *err = (hist_error){.code = HIST_ENOMEM, .message = "out of memory: a writer"};
        return NULL;
    }
    if (hist_writer_open(loop->server->options.db, loop->server->database, &fresh->writer, err) !=
        HIST_OK) {
        free(fresh);
        return NULL;
    }
    fresh->next = loop->writers;
    loop->writers = fresh;
    loop->current = fresh;
    return fresh;
}

/* Writers nobody needs any more; `all` at the end. */
static void loop_close_writers(tcp_loop *loop, bool all)
{
    unsigned kept = 0;

    for (tcp_writer **at = &loop->writers; *at != NULL;) {
        tcp_writer *w = *at;
        const bool idle = w->holder == NULL && w != loop->current;

        if (!all && (!idle || (!w->retired && ++kept <= TCP_WRITERS_KEPT))) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        hist_writer_close(w->writer);
        free(w);
    }
    if (all) {
        loop->current = NULL;
    }
}

/* ---- commits ---- */

void tcp_loop_dirty(tcp_loop *loop)
{
    if (loop->dirty_ms == 0) {
        loop->dirty_ms = clock_ms();
    }
}

static hist_status loop_commit_writers(tcp_loop *loop, hist_error *err)
{
    for (tcp_writer *w = loop->writers; w != NULL; w = w->next) {
        if (hist_writer_rows(w->writer) > 0) {
            const hist_status status = hist_commit(w->writer, HIST_COMMIT_WRITTEN, NULL, err);

            if (status != HIST_OK) {
                return status;
            }
        }
    }
    return HIST_OK;
}

static void loop_ask_durable(tcp_loop *loop)
{
    loop->synced_ms = clock_ms();
    tcp_want_sync(loop->server);
}

bool tcp_loop_commit(tcp_loop *loop)
{
    hist_error err = {0};

    if (loop_commit_writers(loop, &err) != HIST_OK) {
        if (!loop->failing) {
            log_write(loop->server->options.log, LOG_LEVEL_ERROR,
                      "tcp: cannot commit, reading from clients waits: %s", err.message);
        }
        loop->failing = true;
        return false;
    }
    if (loop->failing) {
        log_write(loop->server->options.log, LOG_LEVEL_WARNING, "tcp: commits work again");
    }
    loop->failing = false;
    loop->dirty_ms = 0;
    const uint64_t round = atomic_load(&loop->committed_round) + 1;
    atomic_store(&loop->committed_round, round);
    if (loop->answers_due) {
        for (tcp_conn *conn = loop->conns; conn != NULL; conn = conn->next) {
            tcp_conn_committed(conn, round);
        }
    }
    if (loop->answers_due || clock_ms() - loop->synced_ms >= loop->server->options.commit_ms) {
        loop_ask_durable(loop);
    }
    loop->answers_due = false;
    loop_close_writers(loop, false);
    return true;
}

/* Clients wait in their sockets meanwhile. False: the daemon is being stopped. */
static bool loop_commit_or_wait(tcp_loop *loop)
{
    int tries = 0;

    while (!tcp_loop_commit(loop)) {
        struct pollfd nothing = {.fd = -1};

        if (atomic_load(&loop->server->stopping) && ++tries >= LOOP_STOP_TRIES) {
            return false;
        }
        (void)poll(&nothing, 1, LOOP_PAUSE_MS);
    }
    return true;
}

bool tcp_loop_relieve(tcp_loop *loop, const hist_error *err)
{
    struct pollfd nothing = {.fd = -1};

    switch (err->code) {
    case HIST_ELIMIT: /* The batch is full. */
        return loop_commit_or_wait(loop);
    case HIST_ENOMEM:
    case HIST_ENOSPC:
    case HIST_EIO:
    case HIST_EBUSY:
        if (!loop->failing) {
            log_write(loop->server->options.log, LOG_LEVEL_ERROR,
                      "tcp: rows cannot be taken, reading from clients waits: %s", err->message);
            loop->failing = true;
        }
        if (atomic_load(&loop->server->stopping) || !loop_commit_or_wait(loop)) {
            return false;
        }
        (void)poll(&nothing, 1, LOOP_PAUSE_MS);
        return true;
    default:
        log_write(loop->server->options.log, LOG_LEVEL_ERROR, "tcp: a stream is given up: %s",
                  err->message);
        return false;
    }
}

static bool loop_commit_is_due(const tcp_loop *loop)
{
    const tcp_options *options = &loop->server->options;

    return loop->answers_due ||
           (loop->dirty_ms != 0 && clock_ms() - loop->dirty_ms >= options->commit_ms) ||
           (loop->current != NULL &&
            hist_writer_bytes(loop->current->writer) >= options->batch_bytes);
}

/* ---- connections ---- */

static void loop_adopt(tcp_loop *loop)
{
    (void)pthread_mutex_lock(&loop->lock);
    tcp_conn *conn = loop->inbox;
    loop->inbox = NULL;
    (void)pthread_mutex_unlock(&loop->lock);
    while (conn != NULL) {
        tcp_conn *next = conn->next;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};

        conn->events = EPOLLIN;
        conn->prev = NULL;
        conn->next = loop->conns;
        if (loop->conns != NULL) {
            loop->conns->prev = conn;
        }
        loop->conns = conn;
        if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) != 0) {
            tcp_conn_free(conn);
        }
        conn = next;
    }
}

static void loop_deliver(tcp_loop *loop, uint64_t durable)
{
    if (durable == loop->delivered_round) {
        return;
    }
    loop->delivered_round = durable;
    for (tcp_conn *conn = loop->conns, *next = NULL; conn != NULL; conn = next) {
        next = conn->next;
        if (conn->syncs != NULL || conn->ended) {
            tcp_conn_deliver(conn, durable);
        }
        if (conn->dead) {
            tcp_conn_free(conn);
        }
    }
}

static int64_t loop_sweep_every(const tcp_loop *loop)
{
    const int64_t idle = loop->server->options.idle_ms;

    return idle > 0 && idle < 4 * TCP_SWEEP_MS ? idle / 4 + 1 : TCP_SWEEP_MS;
}

/* Streams that are silent for too long are answered; peers that do not read are let go. */
static void loop_sweep(tcp_loop *loop)
{
    const int64_t now = clock_ms();
    const int64_t idle = loop->server->options.idle_ms;

    if (now - loop->sweep_ms < loop_sweep_every(loop)) {
        return;
    }
    loop->sweep_ms = now;
    for (tcp_conn *conn = loop->conns, *next = NULL; conn != NULL; conn = next) {
        const int64_t silent = now - conn->heard_ms;

        next = conn->next;
        if ((conn->discard && silent > TCP_DISCARD_MS) ||
            (conn->ended && conn->end_round == UINT64_MAX && silent > 60000)) {
            tcp_conn_free(conn);
        } else if (idle > 0 && silent > idle && !conn->ended && !conn->discard) {
            hi_buf_printf(&conn->errors, "warning the stream was silent for %lld s and is closed\n",
                          (long long)(silent / 1000));
            tcp_conn_end(conn);
        }
    }
}

static int loop_wait_ms(const tcp_loop *loop)
{
    int64_t wait = loop->conns == NULL ? INT32_MAX : loop_sweep_every(loop);

    if (loop->dirty_ms != 0) {
        const int64_t left = loop->dirty_ms + loop->server->options.commit_ms - clock_ms();

        wait = left < 0 ? 0 : left < wait ? left : wait;
    }
    return wait == INT32_MAX ? -1 : (int)wait;
}

/* Rows committed by size may be waiting for the disk with nothing else to do. */
static void loop_sync_rest(tcp_loop *loop)
{
    if (atomic_load(&loop->committed_round) != atomic_load(&loop->durable_round) &&
        clock_ms() - loop->synced_ms >= loop->server->options.commit_ms) {
        loop_ask_durable(loop);
    }
}

static void loop_once(tcp_loop *loop)
{
    struct epoll_event events[LOOP_EVENTS];
    const int n = epoll_wait(loop->epoll_fd, events, LOOP_EVENTS, loop_wait_ms(loop));

    for (int i = 0; i < n; i++) {
        tcp_conn *conn = events[i].data.ptr;

        if (conn == NULL) {
            loop_woken(loop);
            continue;
        }
        tcp_conn_event(conn, events[i].events);
        if (conn->dead) {
            tcp_conn_free(conn);
        }
        if (loop->dirty_ms != 0 && loop_commit_is_due(loop) && !loop->answers_due) {
            (void)loop_commit_or_wait(loop);
        }
    }
    if (loop_commit_is_due(loop)) {
        (void)loop_commit_or_wait(loop);
    }
    loop_sync_rest(loop);
    loop_deliver(loop, atomic_load(&loop->durable_round));
    loop_adopt(loop);
    loop_sweep(loop);
}

/* ---- the end ---- */

/* What the machine has received and nobody has read. */
static void loop_read_rest(tcp_conn *conn)
{
    int waiting = 0;
    size_t taken = 0;

    while (!conn->dead && !conn->ended && !conn->discard && taken < LOOP_LAST_READ &&
           ioctl(conn->fd, FIONREAD, &waiting) == 0 && waiting > 0) {
        tcp_conn_read(conn);
        taken += (size_t)waiting;
        if (loop_commit_is_due(conn->loop) && !loop_commit_or_wait(conn->loop)) {
            return;
        }
    }
    if (!conn->dead && !conn->ended && !conn->discard) {
        char probe = 0;

        if (recv(conn->fd, &probe, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
            tcp_conn_read(conn); /* It has said all. */
        } else {
            tcp_conn_end(conn); /* A half line stays out: its value may be cut. */
        }
    }
}

static void loop_drain(tcp_loop *loop)
{
    loop_adopt(loop);
    for (tcp_conn *conn = loop->conns, *next = NULL; conn != NULL; conn = next) {
        next = conn->next;
        loop_read_rest(conn);
        if (conn->dead) {
            tcp_conn_free(conn);
        }
    }
    uint64_t unsaved = 0;
    const bool ok =
        loop_commit_or_wait(loop) && hist_sync(loop->server->options.db, NULL) == HIST_OK;
    for (tcp_writer *w = loop->writers; w != NULL; w = w->next) {
        unsaved += hist_writer_rows(w->writer);
    }
    if (ok) {
        loop_deliver(loop, atomic_load(&loop->committed_round));
    } else {
        log_write(loop->server->options.log, LOG_LEVEL_ERROR,
                  "tcp: stopped with %llu rows received and not stored; nobody was told they were",
                  (unsigned long long)unsaved);
    }
}

/* A little time for answers to leave. */
static void loop_linger(tcp_loop *loop)
{
    const int64_t until = clock_ms() + LOOP_LINGER_MS;

    while (loop->conns != NULL && clock_ms() < until) {
        bool unsent = false;

        for (tcp_conn *conn = loop->conns, *next = NULL; conn != NULL; conn = next) {
            next = conn->next;
            tcp_conn_flush(conn);
            unsent = unsent || (!conn->dead && conn->out.size > conn->out_sent);
            if (conn->dead) {
                tcp_conn_free(conn);
            }
        }
        if (!unsent) {
            break;
        }
        (void)usleep(10000);
    }
    while (loop->conns != NULL) {
        tcp_conn_free(loop->conns);
    }
}

void *tcp_loop_run(void *arg)
{
    tcp_loop *loop = arg;

    while (!atomic_load(&loop->server->stopping)) {
        loop_once(loop);
    }
    loop_drain(loop);
    loop_linger(loop);
    loop_close_writers(loop, true);
    return NULL;
}
