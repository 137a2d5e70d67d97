/* http.c -- the HTTP listener: routes, requests from head to answer, start and stop; see http.h. */
#if defined(HIST_WITH_MICROHTTPD) && defined(HIST_WITH_JANSSON)
#include "histd/http.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "histd/http_int.h"

enum {
    HTTP_HEAD_BYTES = 32 << 10, /* Of a connection: its head and a piece of its body. */
    HTTP_IDLE_S = 60,
    HTTP_WORK_S = 600, /* Beside the time limit of queries. */
    HTTP_STACK_BYTES = 1 << 20,
    HTTP_STOP_MS = 5000,
    HTTP_STOP_CANCEL_MS = 2000,
};

#define STATE(path, kind)                                                            \
    {                                                                                \
        path, "GET, HEAD, OPTIONS", true, false, kind, NULL, NULL, http_state_finish \
    }
#define WRITE(path, kind)                                                            \
    {                                                                                \
        path, "POST, OPTIONS", false, true, kind, http_write_begin, http_write_body, \
            http_write_finish                                                        \
    }
#define QUERY(path)                                                                               \
    {                                                                                             \
        path, "GET, HEAD, POST, OPTIONS", true, true, 0, NULL, http_query_body, http_query_finish \
    }

static const http_route http_routes[] = {
    STATE("/", HTTP_STATE_ROOT),
    STATE("/health", HTTP_STATE_HEALTH),
    STATE("/ready", HTTP_STATE_READY),
    STATE("/ping", HTTP_STATE_PING),
    STATE("/metrics", HTTP_STATE_METRICS),
    WRITE("/write", HTTP_WRITE_V1),
    WRITE("/influx/write", HTTP_WRITE_V1),
    WRITE("/api/v2/write", HTTP_WRITE_V2),
    QUERY("/v1/rest/query"),
    QUERY("/v1/rest/mgmt"),
};

/* ---- a request ---- */

static const http_route *http_route_of(const char *path)
{
    for (size_t i = 0; i < sizeof(http_routes) / sizeof(http_routes[0]); i++) {
        if (strcmp(http_routes[i].path, path) == 0) {
            return &http_routes[i];
        }
    }
    return NULL;
}

/* A random UUID for logs and answers. */
static void http_make_activity(char *to, size_t size)
{
    uint8_t id[16] = {0};

    if (getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id)) {
        const int64_t now = clock_wall_ns();

        memcpy(id, &now, sizeof(now));
    }
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
    (void)snprintf(to, size, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                   id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9], id[10],
                   id[11], id[12], id[13], id[14], id[15]);
}

/* Only what may stand in a header is echoed. */
static void http_keep_client_id(http_request *r)
{
    const char *id = http_header(r, "x-ms-client-request-id");
    size_t n = 0;

    for (; id != NULL && id[n] >= 0x20 && id[n] < 0x7f && n + 1 < sizeof(r->client_id); n++) {
        r->client_id[n] = id[n];
    }
    r->client_id[n] = '\0';
}

static http_request *http_request_new(http_server *server, struct MHD_Connection *connection,
                                      const char *path)
{
    http_request *r = calloc(1, sizeof(*r));

    if (r == NULL) {
        return NULL;
    }
    r->server = server;
    r->connection = connection;
    r->route = http_route_of(path);
    http_make_activity(r->activity, sizeof(r->activity));
    http_keep_client_id(r);
    hi_buf_init(&r->body, &server->mem, 1 << 20);
    atomic_fetch_add(&server->active, 1);
    return r;
}

/* True: the request was answered by its head alone. */
static bool http_refuse(http_request *r, const char *method)
{
    const bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    const bool post = strcmp(method, "POST") == 0;

    if (r->route == NULL) {
        r->result = http_answer_error(r, MHD_HTTP_NOT_FOUND, "there is no such path here");
    } else if (strcmp(method, "OPTIONS") == 0) {
        r->result = http_answer(r, MHD_HTTP_NO_CONTENT, NULL, "", 0);
    } else if (!((get && r->route->get) || (post && r->route->post))) {
        r->result =
            http_answer_error(r, MHD_HTTP_METHOD_NOT_ALLOWED, "this path does not take the method");
    } else {
        return r->route->begin != NULL && !r->route->begin(r);
    }
    return true;
}

static void http_set_timeout(struct MHD_Connection *connection, unsigned seconds)
{
    (void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, seconds);
}

static enum MHD_Result http_access(void *arg, struct MHD_Connection *connection, const char *url,
                                   const char *method, const char *version, const char *data,
                                   size_t *size, void **state)
{
    http_request *r = *state;

    (void)version;
    if (r == NULL) {
        r = http_request_new(arg, connection, url);
        *state = r;
        http_set_timeout(connection, HTTP_IDLE_S);
        if (r == NULL) {
            return MHD_NO;
        }
        return http_refuse(r, method) ? r->result : MHD_YES;
    }
    if (*size > 0) {
        r->received += *size;
        if (r->received / 4 > r->server->options.body_bytes_max) {
            return MHD_NO; /* It was refused long ago and does not stop. */
        }
        if (r->route != NULL && r->route->body != NULL) {
            r->route->body(r, data, *size);
        }
        *size = 0;
        return MHD_YES;
    }
    if (!r->answered) { /* The work may take longer than a silent client is waited for. */
        http_set_timeout(connection,
                         (unsigned)(r->server->options.query_ms_max / 1000) + HTTP_WORK_S);
        r->result = r->route->finish(r);
    }
    return r->result;
}

static void http_completed(void *arg, struct MHD_Connection *connection, void **state,
                           enum MHD_RequestTerminationCode why)
{
    http_request *r = *state;

    (void)arg;
    if (r == NULL) {
        return;
    }
    if (why == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
        http_set_timeout(connection, HTTP_IDLE_S); /* Until its next request. */
    }
    *state = NULL;
    http_write_drop(r);
    hi_buf_free(&r->body);
    atomic_fetch_sub(&r->server->active, 1);
    free(r);
}

/* ---- life ---- */

static void http_say(void *arg, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

static void http_say(void *arg, const char *fmt, va_list args)
{
    http_server *server = arg;
    char text[512];

    (void)vsnprintf(text, sizeof(text), fmt, args);
    log_write(server->options.log, LOG_LEVEL_DEBUG, "http: %s", text);
}

static bool http_run(http_server *server)
{
    const unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
                           MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG;

    server->watcher_runs = pthread_create(&server->watcher, NULL, http_watch_run, server) == 0;
    if (!server->watcher_runs) {
        return false;
    }
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, http_access, server, MHD_OPTION_EXTERNAL_LOGGER, http_say, server,
        MHD_OPTION_LISTEN_SOCKET, server->options.listen_fd, MHD_OPTION_NOTIFY_COMPLETED,
        http_completed, server, MHD_OPTION_CONNECTION_LIMIT, server->options.connections_max,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HTTP_HEAD_BYTES, MHD_OPTION_THREAD_STACK_SIZE, (size_t)HTTP_STACK_BYTES,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    return server->daemon != NULL;
}

http_server *http_start(const http_options *options, char *why, size_t why_size)
{
    http_server *server = calloc(1, sizeof(*server));

    (void)snprintf(why, why_size, "cannot start the HTTP listener: out of memory or threads");
    if (server == NULL) {
        return NULL;
    }
    server->options = *options;
    server->start_ms = clock_ms();
    hi_mem_init(&server->mem, NULL, NULL, 0);
    if (pthread_mutex_init(&server->lock, NULL) != 0 ||
        pthread_cond_init(&server->wake, NULL) != 0) {
        free(server);
        return NULL;
    }
    if (!http_run(server)) {
        http_stop(server);
        return NULL;
    }
    return server;
}

/* Requests at work may end; queries that take long are cancelled. */
static void http_drain(http_server *server)
{
    const int64_t start = clock_ms();

    while (atomic_load(&server->active) > 0 && clock_ms() - start < HTTP_STOP_MS) {
        if (clock_ms() - start > HTTP_STOP_CANCEL_MS) {
            http_watch_cancel_all(server);
        }
        (void)usleep(10000);
    }
}

void http_stop(http_server *server)
{
    if (server == NULL) {
        return;
    }
    if (server->daemon != NULL) {
        (void)MHD_quiesce_daemon(server->daemon);
        http_drain(server);
        http_watch_cancel_all(server);
        MHD_stop_daemon(server->daemon);
    }
    (void)close(server->options.listen_fd);
    if (server->watcher_runs) {
        (void)pthread_mutex_lock(&server->lock);
        atomic_store(&server->stopping, true);
        (void)pthread_cond_signal(&server->wake);
        (void)pthread_mutex_unlock(&server->lock);
        (void)pthread_join(server->watcher, NULL);
    }
    http_write_close_all(server);
    (void)pthread_mutex_destroy(&server->lock);
    (void)pthread_cond_destroy(&server->wake);
    free(server);
}
#else
#include <stdio.h>

#include "histd/http.h"

http_server *http_start(const http_options *options, char *why, size_t why_size)
{
    (void)options;
    (void)snprintf(why, why_size, "HTTP was left out of this build");
    return NULL;
}

void http_stop(http_server *server)
{
    (void)server;
}
#endif
