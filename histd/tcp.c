/* tcp.c -- the listener: taking connections, dealing them out, making commits durable; see tcp_int.h. */
#define _GNU_SOURCE
#include "histd/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "histd/tcp_int.h"

enum { TCP_RETRY_MS = 500, TCP_USER_TIMEOUT_MS = 60000 };

/* ---- durability ---- */

void tcp_want_sync(tcp_server *server)
{
    (void)pthread_mutex_lock(&server->sync_lock);
    server->sync_wanted = true;
    (void)pthread_cond_signal(&server->sync_wake);
    (void)pthread_mutex_unlock(&server->sync_lock);
}

/* One sync for what all loops have committed up to now. */
static bool tcp_sync_once(tcp_server *server, uint64_t *rounds)
{
    hist_error err = {0};

    for (unsigned i = 0; i < server->loop_count; i++) {
        rounds[i] = atomic_load(&server->loops[i].committed_round);
    }
    if (hist_sync(server->options.db, &err) != HIST_OK) {
        log_write(server->options.log, LOG_LEVEL_ERROR,
                  "tcp: cannot make rows durable, clients wait for their answers: %s", err.message);
        return false;
    }
    for (unsigned i = 0; i < server->loop_count; i++) {
        if (atomic_exchange(&server->loops[i].durable_round, rounds[i]) != rounds[i]) {
            tcp_loop_wake(&server->loops[i]);
        }
    }
    return true;
}

static void *tcp_syncer(void *arg)
{
    tcp_server *server = arg;
    struct pollfd nothing = {.fd = -1};
    uint64_t rounds[256];

    (void)pthread_mutex_lock(&server->sync_lock);
    while (!server->sync_stop) {
        if (!server->sync_wanted) {
            (void)pthread_cond_wait(&server->sync_wake, &server->sync_lock);
            continue;
        }
        server->sync_wanted = false;
        (void)pthread_mutex_unlock(&server->sync_lock);
        const bool ok = tcp_sync_once(server, rounds);
        if (!ok) {
            (void)poll(&nothing, 1, TCP_RETRY_MS);
        }
        (void)pthread_mutex_lock(&server->sync_lock);
        server->sync_wanted = server->sync_wanted || !ok;
    }
    (void)pthread_mutex_unlock(&server->sync_lock);
    return NULL;
}

/* ---- taking connections ---- */

static void tcp_say_no(int fd, const char *text)
{
    const ssize_t sent = send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);

    (void)sent; /* Courtesy only. */
    (void)shutdown(fd, SHUT_WR);
    (void)close(fd);
}

static void tcp_socket_options(int fd)
{
    static const struct {
        int level;
        int name;
        int value;
    } wanted[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},    {IPPROTO_TCP, TCP_KEEPIDLE, 60},
        {IPPROTO_TCP, TCP_KEEPINTVL, 10}, {IPPROTO_TCP, TCP_KEEPCNT, 6},
        {IPPROTO_TCP, TCP_NODELAY, 1},    {IPPROTO_TCP, TCP_USER_TIMEOUT, TCP_USER_TIMEOUT_MS}};

    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        (void)setsockopt(fd, wanted[i].level, wanted[i].name, &wanted[i].value,
                         sizeof(wanted[i].value));
    }
}

static tcp_loop *tcp_calmest(tcp_server *server, unsigned *total_out)
{
    tcp_loop *best = &server->loops[0];

    *total_out = 0;
    for (unsigned i = 0; i < server->loop_count; i++) {
        *total_out += atomic_load(&server->loops[i].conn_count);
        if (atomic_load(&server->loops[i].conn_count) < atomic_load(&best->conn_count)) {
            best = &server->loops[i];
        }
    }
    return best;
}

static void tcp_deal(tcp_server *server, int fd)
{
    unsigned total = 0;
    tcp_loop *loop = tcp_calmest(server, &total);
    char text[128];

    if (total >= server->options.connections_max) {
        (void)snprintf(text, sizeof(text), "error 0 too many connections: at most %u are served\n",
                       server->options.connections_max);
        log_write(server->options.log, LOG_LEVEL_WARNING,
                  "tcp: refused a connection: %u are open, the most allowed (--tcp-connections)",
                  total);
        tcp_say_no(fd, text);
        return;
    }
    tcp_socket_options(fd);
    tcp_conn *conn = tcp_conn_new(loop, fd);
    if (conn == NULL) {
        tcp_say_no(fd, "error 0 out of memory\n");
        return;
    }
    atomic_fetch_add(&loop->conn_count, 1);
    (void)pthread_mutex_lock(&loop->lock);
    conn->next = loop->inbox;
    loop->inbox = conn;
    (void)pthread_mutex_unlock(&loop->lock);
    tcp_loop_wake(loop);
}

/* No descriptors left: the spare one is given up to tell the client so. */
static void tcp_shed(tcp_server *server)
{
    log_write(server->options.log, LOG_LEVEL_ERROR,
              "tcp: no file descriptors left; raise the limit (ulimit -n, LimitNOFILE=)");
    if (server->spare_fd >= 0) {
        (void)close(server->spare_fd);
        const int fd = accept4(server->options.listen_fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0) {
            tcp_say_no(fd, "error 0 the server has no file descriptors left\n");
        }
    }
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct pollfd nothing = {.fd = -1};
    (void)poll(&nothing, 1, 100);
}

static void *tcp_acceptor(void *arg)
{
    tcp_server *server = arg;
    struct pollfd fds[2] = {{.fd = server->options.listen_fd, .events = POLLIN},
                            {.fd = server->stop_fd, .events = POLLIN}};

    while (!atomic_load(&server->stopping)) {
        (void)poll(fds, 2, -1);
        const int fd = accept4(server->options.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            tcp_deal(server, fd);
        } else if (errno == EMFILE || errno == ENFILE) {
            tcp_shed(server);
        }
    }
    return NULL;
}

/* ---- life ---- */

static bool tcp_start_threads(tcp_server *server)
{
    for (unsigned i = 0; i < server->options.threads; i++) {
        tcp_loop *loop = &server->loops[i];

        loop->buffer = malloc((size_t)TCP_TAIL_BYTES_MAX + TCP_READ_BYTES);
        if (loop->buffer == NULL || pthread_create(&loop->thread, NULL, tcp_loop_run, loop) != 0) {
            return false;
        }
        server->loop_count++;
    }
    server->syncer_runs = pthread_create(&server->syncer, NULL, tcp_syncer, server) == 0;
    server->acceptor_runs =
        server->syncer_runs && pthread_create(&server->acceptor, NULL, tcp_acceptor, server) == 0;
    return server->acceptor_runs;
}

tcp_server *tcp_start(const tcp_options *options, char *why, size_t why_size)
{
    tcp_server *server = calloc(1, sizeof(*server));

    (void)snprintf(why, why_size, "cannot start the TCP listener: out of memory or threads");
    if (server == NULL) {
        return NULL;
    }
    server->options = *options;
    (void)snprintf(server->database, sizeof(server->database), "%s", options->database);
    (void)snprintf(server->http_name, sizeof(server->http_name), "%s", options->http_name);
    hi_mem_init(&server->mem, NULL, NULL, 0);
    server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    server->loops = calloc(options->threads, sizeof(*server->loops));
    bool ok = server->loops != NULL && server->stop_fd >= 0 &&
              pthread_mutex_init(&server->sync_lock, NULL) == 0 &&
              pthread_cond_init(&server->sync_wake, NULL) == 0;
    for (unsigned i = 0; ok && i < options->threads; i++) {
        ok = tcp_loop_open(&server->loops[i], server);
    }
    if (!ok || !tcp_start_threads(server)) {
        tcp_stop(server);
        return NULL;
    }
    return server;
}

void tcp_get_stats(tcp_server *server, tcp_stats *stats_out)
{
    *stats_out = (tcp_stats){0};
    for (unsigned i = 0; i < server->loop_count; i++) {
        tcp_loop *loop = &server->loops[i];

        stats_out->connections += atomic_load(&loop->conn_count);
        stats_out->accepted += atomic_load_explicit(&loop->accepted, memory_order_relaxed);
        stats_out->refused += atomic_load_explicit(&loop->refused, memory_order_relaxed);
        stats_out->bytes += atomic_load_explicit(&loop->bytes, memory_order_relaxed);
    }
}

static void tcp_stop_syncer(tcp_server *server)
{
    if (!server->syncer_runs) {
        return;
    }
    (void)pthread_mutex_lock(&server->sync_lock);
    server->sync_stop = true;
    (void)pthread_cond_signal(&server->sync_wake);
    (void)pthread_mutex_unlock(&server->sync_lock);
    (void)pthread_join(server->syncer, NULL);
}

void tcp_stop(tcp_server *server)
{
    const uint64_t one = 1;

    if (server == NULL) {
        return;
    }
    atomic_store(&server->stopping, true);
    if (server->acceptor_runs && write(server->stop_fd, &one, sizeof(one)) == sizeof(one)) {
        (void)pthread_join(server->acceptor, NULL);
    }
    (void)close(server->options.listen_fd);
    for (unsigned i = 0; i < server->loop_count; i++) {
        tcp_loop_wake(&server->loops[i]);
    }
    for (unsigned i = 0; i < server->loop_count; i++) {
        (void)pthread_join(server->loops[i].thread, NULL);
    }
    tcp_stop_syncer(server);
    for (unsigned i = 0; server->loops != NULL && i < server->options.threads; i++) {
        tcp_loop_close(&server->loops[i]);
    }
    (void)close(server->stop_fd);
    if (server->spare_fd >= 0) {
        (void)close(server->spare_fd);
    }
    free(server->loops);
    free(server);
}
