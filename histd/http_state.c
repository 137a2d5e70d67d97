/* http_state.c -- GET /health and its kin: how the daemon does; see http.h. */
#if defined(HIST_WITH_MICROHTTPD) && defined(HIST_WITH_JANSSON)
#include <string.h>

#include "histd/http_int.h"

enum { STATE_MAX = 16 << 10 };

static void state_health(hi_buf *to)
{
    hi_buf_printf(to,
                  "{\"name\":\"histd\",\"message\":\"ready for queries and writes\","
                  "\"status\":\"pass\",\"checks\":[],\"version\":\"%s\"}\n",
                  hist_version());
}

static void state_ready(http_request *r, hi_buf *to)
{
    hi_buf_printf(to, "{\"status\":\"ready\",\"up_seconds\":%lld}\n",
                  (long long)((clock_ms() - r->server->start_ms) / 1000));
}

static void state_metric(hi_buf *to, const char *name, const char *type, const char *help,
                         uint64_t value)
{
    hi_buf_printf(to, "# HELP hist_%s %s\n# TYPE hist_%s %s\nhist_%s %llu\n", name, help, name,
                  type, name, (unsigned long long)value);
}

static void state_store(http_request *r, hi_buf *to)
{
    hist_stats s;

    hist_get_stats(r->server->options.db, &s);
    state_metric(to, "rows_written_total", "counter", "Rows committed since start.",
                 s.rows_written);
    state_metric(to, "commits_total", "counter", "Batches committed since start.", s.commits);
    state_metric(to, "flushes_total", "counter", "Parts written from memory since start.",
                 s.flushes);
    state_metric(to, "merges_total", "counter", "Merges of parts since start.", s.merges);
    state_metric(to, "parts", "gauge", "Parts now.", s.parts);
    state_metric(to, "part_bytes", "gauge", "Bytes of all parts.", s.part_bytes);
    state_metric(to, "wal_bytes", "gauge", "Bytes of the write-ahead log.", s.wal_bytes);
    state_metric(to, "chunk_rows", "gauge", "Rows in memory.", s.chunk_rows);
    state_metric(to, "series", "gauge", "Series known.", s.series);
    state_metric(to, "tables", "gauge", "Tables known.", s.tables);
    state_metric(to, "memory_bytes", "gauge", "Memory of the store.", s.memory_bytes);
    state_metric(to, "memory_max_bytes", "gauge", "Budget of that memory.", s.memory_bytes_max);
}

static void state_metrics(http_request *r, hi_buf *to)
{
    http_server *server = r->server;
    tcp_stats tcp = {0};

    state_store(r, to);
    if (server->options.tcp != NULL) {
        tcp_get_stats(server->options.tcp, &tcp);
    }
    state_metric(to, "tcp_connections", "gauge", "Streams open now.", tcp.connections);
    state_metric(to, "tcp_rows_accepted_total", "counter", "Rows taken over TCP.", tcp.accepted);
    state_metric(to, "tcp_lines_refused_total", "counter", "Lines refused over TCP.", tcp.refused);
    state_metric(to, "tcp_received_bytes_total", "counter", "Bytes read over TCP.", tcp.bytes);
    state_metric(to, "http_requests_active", "gauge", "HTTP requests in progress.",
                 atomic_load(&server->active));
    state_metric(to, "http_writes_total", "counter", "Write requests.", server->writes);
    state_metric(to, "http_queries_total", "counter", "Query requests.", server->queries);
    state_metric(to, "http_rows_accepted_total", "counter", "Rows taken over HTTP.",
                 server->rows_accepted);
    state_metric(to, "http_lines_refused_total", "counter", "Lines refused over HTTP.",
                 server->rows_refused);
}

enum MHD_Result http_state_finish(http_request *r)
{
    const char *type = "application/json";
    unsigned status = MHD_HTTP_OK;
    hi_buf text;

    hi_buf_init(&text, &r->server->mem, STATE_MAX);
    switch (r->route->kind) {
    case HTTP_STATE_HEALTH:
        state_health(&text);
        break;
    case HTTP_STATE_READY:
        state_ready(r, &text);
        break;
    case HTTP_STATE_METRICS:
        state_metrics(r, &text);
        type = "text/plain; version=0.0.4; charset=utf-8";
        break;
    case HTTP_STATE_PING:
        if (http_argument(r, "verbose") != NULL && strcmp(http_argument(r, "verbose"), "0") != 0 &&
            strcmp(http_argument(r, "verbose"), "false") != 0) {
            hi_buf_printf(&text, "{\"version\":\"hist-%s\"}\n", hist_version());
        } else {
            status = MHD_HTTP_NO_CONTENT;
            type = NULL;
        }
        break;
    default:
        hi_buf_printf(&text,
                      "{\"name\":\"histd\",\"write\":\"/write\",\"query\":\"/v1/rest/query\"}\n");
        break;
    }
    const enum MHD_Result result =
        hi_buf_ok(&text) ? http_answer(r, status, type, text.size > 0 ? text.data : "", text.size)
                         : http_answer_later(r, "out of memory");
    hi_buf_free(&text);
    return result;
}
#else
typedef int http_state_left_out; /* HTTP was left out of this build. */
#endif
