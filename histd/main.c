/*
 * main.c -- histd: settings, the store, the listeners, and signals until the end.
 *
 * Order of the end: no new connections, streams drained and committed and answered, requests
 * ended, the store closed. Exit status: 0 ended as asked, 1 failed, 2 wrong usage, 3 cannot open.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "histd/config.h"
#include "histd/http.h"
#include "histd/net.h"
#include "histd/notify.h"
#include "histd/tcp.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CANNOT_OPEN = 3 };

#define NS_PER_MS INT64_C(1000000)

typedef struct histd {
    histd_config config;
    log_sink log;
    hist_db *db;
    net_listener tcp_listener;
    net_listener http_listener;
    tcp_server *tcp;
    http_server *http;
} histd;

/* ---- start ---- */

static void main_block_signals(sigset_t *set)
{
    const int wanted[] = {SIGTERM, SIGINT, SIGHUP};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    (void)sigemptyset(set);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        (void)sigaddset(set, wanted[i]);
    }
    (void)pthread_sigmask(SIG_BLOCK, set, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

/* Connections and store files need descriptors; the soft limit is often 1024. */
static void main_raise_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bool main_open_store(histd *d)
{
    const histd_config *c = &d->config;
    hist_open_options options = HIST_OPEN_OPTIONS;
    hist_error err = {0};

    options.threads = (int)c->upkeep_threads;
    options.flags = c->any_filesystem != 0 ? HIST_FLAG_ANY_FILESYSTEM : 0;
    options.memory_bytes_max = (uint64_t)c->memory;
    options.query_bytes_max = (uint64_t)c->query_memory;
    options.partition_ns = c->partition_ms * NS_PER_MS;
    options.retention_ns = c->retention_ms * NS_PER_MS;
    options.cold_after_ns = c->cold_after_ms * NS_PER_MS;
    options.max_age_ns = c->max_age_ms * NS_PER_MS;
    options.max_future_ns = c->max_future_ms * NS_PER_MS;
    options.log = log_from_library;
    options.log_arg = &d->log;
    if (hist_open(c->data, &options, &d->db, &err) != HIST_OK) {
        log_write(&d->log, LOG_LEVEL_ERROR, "cannot open the store in %.500s: %s (%s)", c->data,
                  err.message, hist_status_name(err.code));
        return false;
    }
    return true;
}

/* Addresses are taken before the store is opened: a wrong one costs nothing. */
static bool main_listen(histd *d)
{
    char why[CONFIG_WHY_SIZE];
    const char *const where[] = {d->config.tcp, d->config.http};
    net_listener *const listeners[] = {&d->tcp_listener, &d->http_listener};

    for (int i = 0; i < 2; i++) {
        *listeners[i] = (net_listener){.fd = -1, .name = "off"};
        if (strcmp(where[i], "off") != 0 && !net_listen(where[i], listeners[i], why, sizeof(why))) {
            log_write(&d->log, LOG_LEVEL_ERROR, "%s", why);
            return false;
        }
    }
    return true;
}

/* Large enough to be worth a commit, small enough to be in cache still when it is encoded. */
static uint64_t main_batch_bytes(const histd_config *c)
{
    const uint64_t share = (uint64_t)c->memory / 32;

    return share < (64 << 10) ? 64 << 10 : share > (1 << 20) ? 1 << 20 : share;
}

static bool main_start_tcp(histd *d, char *why, size_t why_size)
{
    const histd_config *c = &d->config;
    const tcp_options options = {
        .db = d->db,
        .log = &d->log,
        .listen_fd = d->tcp_listener.fd,
        .database = c->tcp_database,
        .precision = (hist_precision)c->tcp_precision,
        .threads = (unsigned)c->threads,
        .connections_max = (unsigned)c->tcp_connections,
        .idle_ms = c->tcp_idle_ms,
        .commit_ms = c->commit_ms,
        .batch_bytes = main_batch_bytes(c),
        .http_name = d->http_listener.name,
    };

    d->tcp = d->tcp_listener.fd < 0 ? NULL : tcp_start(&options, why, why_size);
    return d->tcp_listener.fd < 0 || d->tcp != NULL;
}

static bool main_start_http(histd *d, char *why, size_t why_size)
{
    const histd_config *c = &d->config;
    const http_options options = {
        .db = d->db,
        .log = &d->log,
        .listen_fd = d->http_listener.fd,
        .connections_max = (unsigned)c->http_connections,
        .body_bytes_max = (uint64_t)c->http_body,
        .query_ms_max = c->query_time_ms,
        .tcp = d->tcp,
    };

    d->http = d->http_listener.fd < 0 ? NULL : http_start(&options, why, why_size);
    return d->http_listener.fd < 0 || d->http != NULL;
}

/* ---- running ---- */

static void main_reload(histd *d, int argc, char **argv)
{
    histd_config fresh;
    char why[CONFIG_WHY_SIZE];

    if (config_load(argc, argv, &fresh, why) != CONFIG_RUN) {
        log_write(&d->log, LOG_LEVEL_ERROR, "the configuration was not reloaded: %s", why);
        return;
    }
    atomic_store(&d->log.level, (int)fresh.log_level);
    log_write(&d->log, LOG_LEVEL_INFO,
              "reloaded the configuration (log-level; other settings need a restart)");
}

static void main_wait(histd *d, const sigset_t *signals, int argc, char **argv)
{
    for (;;) {
        int signal = 0;

        if (sigwait(signals, &signal) != 0) {
            continue;
        }
        if (signal != SIGHUP) {
            log_write(&d->log, LOG_LEVEL_INFO, "ending: %s",
                      signal == SIGTERM ? "SIGTERM" : "SIGINT");
            return;
        }
        main_reload(d, argc, argv);
    }
}

static int main_end(histd *d, int status)
{
    hist_error err = {0};

    notify_manager("STOPPING=1");
    tcp_stop(d->tcp);
    http_stop(d->http);
    if (d->db != NULL && hist_close(d->db, &err) != HIST_OK) {
        log_write(&d->log, LOG_LEVEL_ERROR, "closing the store: %s", err.message);
        return EXIT_FAILED;
    }
    return status;
}

static void main_leave_out_http(histd *d)
{
#if !defined(HIST_WITH_MICROHTTPD) || !defined(HIST_WITH_JANSSON)
    if (strcmp(d->config.http, "off") != 0) {
        log_write(&d->log, LOG_LEVEL_WARNING,
                  "HTTP was left out of this build (it needs libmicrohttpd-dev, libjansson-dev)");
        memcpy(d->config.http, "off", sizeof("off"));
    }
#else
    (void)d;
#endif
}

static int main_run(histd *d, int argc, char **argv)
{
    char why[CONFIG_WHY_SIZE] = "";
    sigset_t signals;

    main_block_signals(&signals);
    main_raise_files();
    (void)umask(077);
    main_leave_out_http(d);
    if (!main_listen(d) || !main_open_store(d)) {
        return EXIT_CANNOT_OPEN;
    }
    if (!main_start_tcp(d, why, sizeof(why)) || !main_start_http(d, why, sizeof(why))) {
        log_write(&d->log, LOG_LEVEL_ERROR, "%s", why);
        return main_end(d, EXIT_CANNOT_OPEN);
    }
    (void)printf("histd ready tcp=%s http=%s\n", d->tcp_listener.name, d->http_listener.name);
    (void)fflush(stdout);
    log_write(&d->log, LOG_LEVEL_INFO, "histd %s: store %.500s, tcp %s, http %s", hist_version(),
              d->config.data, d->tcp_listener.name, d->http_listener.name);
    notify_manager("READY=1");
    main_wait(d, &signals, argc, argv);
    return main_end(d, EXIT_DONE);
}

int main(int argc, char **argv)
{
    histd *d = calloc(1, sizeof(*d));
    char why[CONFIG_WHY_SIZE];

    if (d == NULL) {
        (void)fprintf(stderr, "histd: out of memory\n");
        return EXIT_FAILED;
    }
    const config_verdict verdict = config_load(argc, argv, &d->config, why);
    int status = EXIT_DONE;
    atomic_init(&d->log.level, (int)d->config.log_level);
    if (verdict == CONFIG_WRONG) {
        (void)fprintf(stderr, "histd: %s\n", why);
        status = EXIT_USAGE;
    } else if (verdict == CONFIG_RUN && d->config.check_only != 0) {
        (void)printf("histd: the configuration is valid\n");
    } else if (verdict == CONFIG_RUN) {
        status = main_run(d, argc, argv);
    }
    free(d);
    return status;
}
