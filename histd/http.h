/*
 * http.h -- the HTTP listener: writes, KQL queries and the state of the daemon.
 *
 *   GET  /health /ready /ping /metrics /          state
 *   POST /write  /api/v2/write                    line protocol, answered when durable
 *   POST /v1/rest/query  /v1/rest/mgmt            KQL, the answer of Kusto's v1 protocol
 *
 * Built on libmicrohttpd with a thread a connection: a request may wait for the disk or run a
 * query without holding up the others.
 */
#ifndef HISTD_HTTP_H
#define HISTD_HTTP_H

#include "hist.h"
#include "histd/tcp.h"

typedef struct http_server http_server;

typedef struct http_options {
    hist_db *db;
    log_sink *log;
    int listen_fd; /* Closed by http_stop(). */
    unsigned connections_max;
    uint64_t body_bytes_max;
    int64_t query_ms_max; /* 0: none. */
    tcp_server *tcp;      /* For the figures; NULL: off. */
} http_options;

/* NULL: a sentence in why. */
http_server *http_start(const http_options *options, char *why, size_t why_size);
/* Lets requests end, cancels what takes long, closes. NULL is fine. */
void http_stop(http_server *server);

#endif
