/* log.h -- the daemon's log: one line a message on standard error: time, level, message. */
#ifndef HISTD_LOG_H
#define HISTD_LOG_H

#include <stdatomic.h>

#include "hist.h"

typedef enum log_level {
    LOG_LEVEL_ERROR = 1,
    LOG_LEVEL_WARNING = 2,
    LOG_LEVEL_INFO = 3,
    LOG_LEVEL_DEBUG = 4,
} log_level;

typedef struct log_sink {
    atomic_int
        level; /* Messages above it are left out; changes when the daemon is told to reload. */
} log_sink;

/* Any thread. Lines of several threads do not mix; control bytes are replaced. */
void log_write(log_sink *log, log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A hist_log_fn; `arg` is the log_sink. */
void log_from_library(void *arg, hist_log_level level, const char *message);

/* "error" .. "debug" or 0. */
log_level log_level_of(const char *text);

/* Clocks. */
int64_t clock_wall_ns(void);
int64_t clock_ms(void); /* Monotonic. */

#endif
