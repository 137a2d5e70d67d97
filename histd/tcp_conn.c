/* tcp_conn.c -- one connection: reading, what it is owed, sending that; see tcp_int.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "histd/net.h"
#include "histd/tcp_int.h"

tcp_conn *tcp_conn_new(tcp_loop *loop, int fd)
{
    tcp_conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL) {
        return NULL;
    }
    conn->loop = loop;
    conn->fd = fd;
    conn->precision = loop->server->options.precision;
    conn->heard_ms = clock_ms();
    conn->syncs_end = &conn->syncs;
    hi_buf_init(&conn->errors, &loop->server->mem, TCP_ERRORS_MAX * TCP_REASON_MAX);
    hi_buf_init(&conn->out, &loop->server->mem, TCP_OUT_MAX);
    return conn;
}

static void conn_drop_sync(tcp_conn *conn)
{
    tcp_sync *first = conn->syncs;

    conn->syncs = first->next;
    if (conn->syncs == NULL) {
        conn->syncs_end = &conn->syncs;
    }
    conn->sync_count--;
    free(first);
}

void tcp_conn_free(tcp_conn *conn)
{
    tcp_loop *loop = conn->loop;

    if (conn->writer != NULL) { /* Whole lines in it are committed with the others. */
        conn->writer->holder = NULL;
        conn->writer->retired = true;
    }
    if (conn->prev != NULL) {
        conn->prev->next = conn->next;
    } else if (loop->conns == conn) {
        loop->conns = conn->next;
    }
    if (conn->next != NULL) {
        conn->next->prev = conn->prev;
    }
    while (conn->syncs != NULL) {
        conn_drop_sync(conn);
    }
    (void)close(conn->fd);
    free(conn->tail);
    hi_buf_free(&conn->errors);
    hi_buf_free(&conn->out);
    free(conn);
    atomic_fetch_sub(&loop->conn_count, 1);
}

/* ---- sending ---- */

static void conn_listen_for(tcp_conn *conn)
{
    const size_t unsent = conn->out.size - conn->out_sent;
    const bool pause = unsent > TCP_OUT_PAUSE || conn->ended;
    const uint32_t events =
        (uint32_t)((pause && !conn->discard ? 0 : EPOLLIN) | (unsent > 0 ? EPOLLOUT : 0));
    struct epoll_event event = {.events = events, .data.ptr = conn};

    if (events != conn->events) {
        conn->events = events;
        (void)epoll_ctl(conn->loop->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event);
    }
}

static void conn_sent_all(tcp_conn *conn)
{
    hi_buf_free(&conn->out);
    hi_buf_init(&conn->out, &conn->loop->server->mem, TCP_OUT_MAX);
    conn->out_sent = 0;
    if (conn->discard) {
        (void)shutdown(conn->fd, SHUT_WR);
    } else if (conn->ended && conn->end_round == UINT64_MAX) { /* The last word is said. */
        conn->dead = true;
    }
}

void tcp_conn_flush(tcp_conn *conn)
{
    while (!conn->dead && conn->out_sent < conn->out.size) {
        const ssize_t n = send(conn->fd, conn->out.data + conn->out_sent,
                               conn->out.size - conn->out_sent, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0) {
            conn->out_sent += (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        } else if (errno != EINTR) {
            conn->dead = true;
        }
    }
    if (!conn->dead && conn->out.size > 0 && conn->out_sent == conn->out.size) {
        conn_sent_all(conn);
    }
    if (!conn->dead) {
        conn_listen_for(conn);
    }
}

void tcp_conn_turn_away(tcp_conn *conn, const char *reason)
{
    char peer[NET_NAME_SIZE];

    net_peer(conn->fd, peer, sizeof(peer));
    log_write(conn->loop->server->options.log, LOG_LEVEL_WARNING, "tcp: turned %s away: %s", peer,
              reason);
    hi_buf_printf(&conn->out, "error 1 %s\n", reason);
    conn->discard = true;
    conn->heard_ms = clock_ms();
    free(conn->tail);
    conn->tail = NULL;
    conn->tail_size = conn->tail_room = 0;
}

/* ---- promises ---- */

void tcp_conn_end(tcp_conn *conn)
{
    conn->ended = true;
    conn->end_round = TCP_NO_ROUND;
    conn->loop->answers_due = true;
    conn_listen_for(conn);
}

void tcp_conn_committed(tcp_conn *conn, uint64_t round)
{
    for (tcp_sync *s = conn->syncs; s != NULL; s = s->next) {
        if (s->round == TCP_NO_ROUND) {
            s->round = round;
        }
    }
    if (conn->ended && conn->end_round == TCP_NO_ROUND) {
        conn->end_round = round;
    }
}

static void conn_last_word(tcp_conn *conn)
{
    hi_buf_append(&conn->out, conn->errors.data, conn->errors.size);
    if (conn->suspicious) {
        hi_buf_printf(&conn->out, "warning times look like another precision than the one used; "
                                  "they were stored as given\n");
    }
    hi_buf_printf(&conn->out, "ok %llu rejected %llu\n", (unsigned long long)conn->accepted,
                  (unsigned long long)conn->refused);
    conn->end_round = UINT64_MAX;
    conn->heard_ms = clock_ms(); /* So much time to read it. */
}

void tcp_conn_deliver(tcp_conn *conn, uint64_t durable_round)
{
    while (conn->syncs != NULL && conn->syncs->round != TCP_NO_ROUND &&
           conn->syncs->round <= durable_round) {
        hi_buf_append(&conn->out, "synced ", 7);
        hi_buf_append(&conn->out, conn->syncs->token, conn->syncs->size);
        hi_buf_byte(&conn->out, '\n');
        conn_drop_sync(conn);
    }
    if (conn->ended && conn->end_round != TCP_NO_ROUND && conn->end_round <= durable_round) {
        conn_last_word(conn);
    }
    if (!hi_buf_ok(&conn->out)) {
        conn->dead = true; /* It asks without reading the answers. */
    }
    tcp_conn_flush(conn);
}

/* ---- reading ---- */

static void conn_discard(tcp_conn *conn)
{
    const ssize_t n = recv(conn->fd, conn->loop->buffer, TCP_READ_BYTES, MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        conn->dead = true;
    }
}

static void conn_said_all(tcp_conn *conn)
{
    char *buffer = conn->loop->buffer;
    const size_t size = conn->tail_size;

    if (size > 0) {
        memcpy(buffer, conn->tail, size);
    }
    if (size > 0 || conn->writer != NULL) {
        tcp_take(conn, buffer, size, true);
    }
    if (!conn->discard && !conn->dead) {
        tcp_conn_end(conn);
    }
}

static void conn_broken(tcp_conn *conn, int why)
{
    char peer[NET_NAME_SIZE];

    net_peer(conn->fd, peer, sizeof(peer));
    log_write(conn->loop->server->options.log, LOG_LEVEL_INFO,
              "tcp: a stream broke off: %s; %llu rows of it were taken", strerror(why),
              (unsigned long long)conn->accepted);
    conn->dead = true;
}

void tcp_conn_read(tcp_conn *conn)
{
    char *buffer = conn->loop->buffer;
    const size_t kept = conn->tail_size;

    if (conn->discard) {
        conn_discard(conn);
        return;
    }
    const ssize_t n = recv(conn->fd, buffer + kept, TCP_READ_BYTES, MSG_DONTWAIT);
    if (n < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
            conn_broken(conn, errno);
        }
        return;
    }
    conn->heard_ms = clock_ms();
    if (n == 0) {
        conn_said_all(conn);
        return;
    }
    atomic_fetch_add_explicit(&conn->loop->bytes, (uint64_t)n, memory_order_relaxed);
    if (kept > 0) {
        memcpy(buffer, conn->tail, kept);
    }
    tcp_take(conn, buffer, kept + (size_t)n, false);
    if (conn->tail_size > TCP_TAIL_BYTES_MAX) {
        tcp_conn_turn_away(conn, "a line without an end");
    }
    if (conn->sync_count > TCP_SYNCS_MAX && tcp_loop_commit(conn->loop) &&
        hist_sync(conn->loop->server->options.db, NULL) == HIST_OK) {
        tcp_conn_deliver(conn, atomic_load(&conn->loop->committed_round));
    }
}

void tcp_conn_event(tcp_conn *conn, uint32_t events)
{
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0) {
        conn->dead = true; /* Nothing left to read, nobody to send to. */
    }
    if (!conn->dead && (events & EPOLLIN) != 0) {
        tcp_conn_read(conn);
    }
    if (!conn->dead && (events & EPOLLOUT || conn->out.size > 0)) {
        tcp_conn_flush(conn);
    }
}
