/* log.c -- messages to standard error, one write(2) each; see log.h. */
#include "histd/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/timefmt.h"

enum { LOG_LINE_MAX = 2048 };

static const char *const log_names[] = {"", "error", "warning", "info", "debug"};

log_level log_level_of(const char *text)
{
    for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        if (strcmp(text, log_names[level]) == 0) {
            return (log_level)level;
        }
    }
    return (log_level)0;
}

static int64_t log_clock(clockid_t id)
{
    struct timespec now = {0};

    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * HI_NS_PER_S + now.tv_nsec;
}

int64_t clock_wall_ns(void)
{
    return log_clock(CLOCK_REALTIME);
}

int64_t clock_ms(void)
{
    return log_clock(CLOCK_MONOTONIC) / HI_NS_PER_MS;
}

/* What a peer sent must not forge lines or colours. */
static void log_tame(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            text[i] = '?';
        }
    }
}

void log_write(log_sink *log, log_level level, const char *fmt, ...)
{
    char line[LOG_LINE_MAX];
    size_t used = 0;
    va_list args;

    if ((int)level > atomic_load_explicit(&log->level, memory_order_relaxed)) {
        return;
    }
    used = hi_time_print(line, clock_wall_ns() / HI_NS_PER_MS * HI_NS_PER_MS, 3);
    used += (size_t)snprintf(line + used, sizeof(line) - used, " %s ", log_names[level]);
    va_start(args, fmt);
    const int n = vsnprintf(line + used, sizeof(line) - used - 1, fmt, args);
    va_end(args);
    const size_t room = sizeof(line) - used - 2;
    const size_t size = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room;
    log_tame(line + used, size);
    used += size;
    line[used++] = '\n';
    if (write(STDERR_FILENO, line, used) < 0) {
        return; /* Nowhere to say so. */
    }
}

void log_from_library(void *arg, hist_log_level level, const char *message)
{
    log_write(arg, (log_level)level, "%s", message);
}
