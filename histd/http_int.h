/*
 * http_int.h -- shared by the files of the HTTP listener.
 *
 * A request is made when its head has come, gets its body piece by piece, and is answered once.
 * Each connection has a thread, so the handlers may wait.
 */
#ifndef HISTD_HTTP_INT_H
#define HISTD_HTTP_INT_H

#include <microhttpd.h>
#include <pthread.h>

#include "histd/http.h"

#include "base/buf.h"

typedef struct http_request http_request;
typedef struct http_write http_write;
typedef struct http_query http_query;

typedef struct http_route {
    const char *path;
    const char *allow; /* For Allow: and 405. */
    bool get;
    bool post;
    int kind; /* For handlers that serve several paths. */
    /* Head has come; false: it was answered. NULL: nothing to do. */
    bool (*begin)(http_request *r);
    /* A piece of the body. NULL: thrown away. */
    void (*body)(http_request *r, const char *data, size_t size);
    /* All has come: answer it. */
    enum MHD_Result (*finish)(http_request *r);
} http_route;

enum { HTTP_ID_SIZE = 128, HTTP_ACTIVITY_SIZE = 40 };

struct http_request {
    http_server *server;
    struct MHD_Connection *connection;
    const http_route *route;
    bool answered;
    uint64_t received;            /* Bytes of the body. */
    char client_id[HTTP_ID_SIZE]; /* x-ms-client-request-id, "": none. */
    char activity[HTTP_ACTIVITY_SIZE];
    hi_buf body;       /* Of a query. */
    http_write *write; /* Of a write. */
    enum MHD_Result result;
};

/* A query that runs, seen by the thread that looks for clients that went away. */
typedef struct http_running {
    struct http_running *prev;
    struct http_running *next;
    atomic_bool stop; /* Asked by the query, also while it opens. */
    int fd;
} http_running;

/* A writer that waits for the next request. */
typedef struct http_writer {
    struct http_writer *next;
    hist_writer *writer;
    char database[HIST_NAME_BYTES_MAX + 1];
} http_writer;

struct http_server {
    http_options options;
    hi_mem mem;
    struct MHD_Daemon *daemon;
    atomic_uint active; /* Requests. */
    atomic_bool stopping;
    pthread_mutex_t lock; /* writers, running */
    pthread_cond_t wake;
    http_writer *writers;
    unsigned writers_kept;
    http_running *running;
    pthread_t watcher;
    bool watcher_runs;
    int64_t start_ms;
    _Atomic uint64_t writes;
    _Atomic uint64_t queries;
    _Atomic uint64_t rows_accepted;
    _Atomic uint64_t rows_refused;
};

/* http_answer.c */
enum MHD_Result http_answer(http_request *r, unsigned status, const char *type, const char *body,
                            size_t size);
/* {"error":"..."} and the same under "message" with a code, as both kinds of clients look for it. */
enum MHD_Result http_answer_error(http_request *r, unsigned status, const char *message);
/* 503 with Retry-After. */
enum MHD_Result http_answer_later(http_request *r, const char *message);
/* Headers every answer of ours carries. */
void http_headers(http_request *r, struct MHD_Response *response, const char *type);
/* The value of ?name= or NULL; an empty value counts as none. */
const char *http_argument(http_request *r, const char *name);
const char *http_header(http_request *r, const char *name);

/* http_state.c */
enum MHD_Result http_state_finish(http_request *r);
enum { HTTP_STATE_ROOT, HTTP_STATE_HEALTH, HTTP_STATE_READY, HTTP_STATE_PING, HTTP_STATE_METRICS };

/* http_write.c */
enum { HTTP_WRITE_V1, HTTP_WRITE_V2 };
bool http_write_begin(http_request *r);
void http_write_body(http_request *r, const char *data, size_t size);
enum MHD_Result http_write_finish(http_request *r);
void http_write_drop(http_request *r); /* The request is over, answered or not. */
void http_write_close_all(http_server *server);

/* http_query.c */
void http_query_body(http_request *r, const char *data, size_t size);
enum MHD_Result http_query_finish(http_request *r);

/* http_watch.c */
void http_watch_add(http_server *server, http_running *running);
void http_watch_remove(http_server *server, http_running *running);
void http_watch_cancel_all(http_server *server);
void *http_watch_run(void *server);

#endif
