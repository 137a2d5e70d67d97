/* http_watch.c -- cancels queries whose client went away; see http_int.h. */
#if defined(HIST_WITH_MICROHTTPD) && defined(HIST_WITH_JANSSON)
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "histd/http_int.h"

enum { WATCH_PAUSE_US = 50000 };

void http_watch_add(http_server *server, http_running *running)
{
    (void)pthread_mutex_lock(&server->lock);
    running->prev = NULL;
    running->next = server->running;
    if (server->running != NULL) {
        server->running->prev = running;
    }
    server->running = running;
    (void)pthread_cond_signal(&server->wake);
    (void)pthread_mutex_unlock(&server->lock);
}

void http_watch_remove(http_server *server, http_running *running)
{
    (void)pthread_mutex_lock(&server->lock);
    if (running->prev != NULL) {
        running->prev->next = running->next;
    } else if (server->running == running) {
        server->running = running->next;
    }
    if (running->next != NULL) {
        running->next->prev = running->prev;
    }
    (void)pthread_mutex_unlock(&server->lock);
}

void http_watch_cancel_all(http_server *server)
{
    (void)pthread_mutex_lock(&server->lock);
    for (http_running *at = server->running; at != NULL; at = at->next) {
        atomic_store(&at->stop, true);
    }
    (void)pthread_mutex_unlock(&server->lock);
}

static bool watch_is_gone(int fd)
{
    char byte = 0;
    const ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

void *http_watch_run(void *arg)
{
    http_server *server = arg;

    (void)pthread_mutex_lock(&server->lock);
    while (!atomic_load(&server->stopping)) {
        if (server->running == NULL) {
            (void)pthread_cond_wait(&server->wake, &server->lock);
            continue;
        }
        for (http_running *at = server->running; at != NULL; at = at->next) {
            if (watch_is_gone(at->fd)) {
                atomic_store(&at->stop, true);
            }
        }
        (void)pthread_mutex_unlock(&server->lock);
        (void)usleep(WATCH_PAUSE_US);
        (void)pthread_mutex_lock(&server->lock);
    }
    (void)pthread_mutex_unlock(&server->lock);
    return NULL;
}
#else
typedef int http_watch_left_out; /* HTTP was left out of this build. */
#endif
