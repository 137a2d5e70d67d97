/*
 * tcp.h -- line protocol over TCP: streams in, one answer when the client has said all.
 *
 * Nothing is sent while a client writes, unless it asked for it in a comment of its own line:
 *   # report           refused lines are told as they come (dropped when the peer does not read)
 *   # sync TOKEN       answered "synced TOKEN" when every line before it is on stable storage
 *   # precision UNIT   ns, us, ms or s for the lines that follow
 * When the client shuts down its sending side: up to 100 lines "error LINE REASON", then
 * "ok ACCEPTED rejected REFUSED" after everything accepted is on stable storage, then close.
 */
#ifndef HISTD_TCP_H
#define HISTD_TCP_H

#include "hist.h"
#include "histd/log.h"

typedef struct tcp_server tcp_server;

typedef struct tcp_options {
    hist_db *db;
    log_sink *log;
    int listen_fd; /* Closed by tcp_stop(). */
    const char *database;
    hist_precision precision;
    unsigned threads;
    unsigned connections_max;
    int64_t idle_ms;       /* 0: never. */
    int64_t commit_ms;     /* Longest a row waits for its commit. */
    uint64_t batch_bytes;  /* A batch of this size is committed at once. */
    const char *http_name; /* Where to send who speaks HTTP here; "off". */
} tcp_options;

typedef struct tcp_stats {
    uint64_t connections; /* Now. */
    uint64_t accepted;    /* Rows, since the start. */
    uint64_t refused;
    uint64_t bytes;
} tcp_stats;

/* Texts in options are copied. NULL: a sentence in why. */
tcp_server *tcp_start(const tcp_options *options, char *why, size_t why_size);
void tcp_get_stats(tcp_server *server, tcp_stats *stats_out);
/* Takes what was received, commits, answers, closes. NULL is fine. */
void tcp_stop(tcp_server *server);

#endif
