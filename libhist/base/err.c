/* err.c -- raising and passing on errors; see err.h. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void err_begin(hist_error *err, hist_status code)
{
    err->code = code;
    err->os_errno = 0;
    err->offset = -1;
    err->line = 0;
    err->column = 0;
    err->length = 0;
}

hist_status hi_fail(hist_error *err, hist_status code, const char *fmt, ...)
{
    if (err != NULL) {
        va_list args;

        err_begin(err, code);
        va_start(args, fmt);
        (void)vsnprintf(err->message, sizeof(err->message), fmt, args);
        va_end(args);
    }
    return code;
}

hist_status hi_fail_os(hist_error *err, int os_errno, const char *fmt, ...)
{
    const hist_status code = os_errno == ENOSPC || os_errno == EDQUOT ? HIST_ENOSPC
                             : os_errno == ENOMEM                     ? HIST_ENOMEM
                                                                      : HIST_EIO;

    if (err != NULL) {
        char text[128];
        va_list args;

        err_begin(err, code);
        err->os_errno = os_errno;
        va_start(args, fmt);
        const int used = vsnprintf(err->message, sizeof(err->message), fmt, args);
        va_end(args);
        if (used >= 0 && (size_t)used < sizeof(err->message) &&
            strerror_r(os_errno, text, sizeof(text)) == 0) {
            (void)snprintf(err->message + used, sizeof(err->message) - (size_t)used, ": %s", text);
        }
    }
    return code;
}

hist_status hi_corrupt(hist_error *err, const char *path, int64_t offset, const char *fmt, ...)
{
    if (err != NULL) {
        va_list args;
        int used = 0;

        err_begin(err, HIST_ECORRUPT);
        err->offset = offset;
        if (offset >= 0) {
            used = snprintf(err->message, sizeof(err->message), "%s: offset %lld: ", path,
                            (long long)offset);
        } else {
            used = snprintf(err->message, sizeof(err->message), "%s: ", path);
        }
        if (used >= 0 && (size_t)used < sizeof(err->message)) {
            va_start(args, fmt);
            (void)vsnprintf(err->message + used, sizeof(err->message) - (size_t)used, fmt, args);
            va_end(args);
        }
    }
    return HIST_ECORRUPT;
}

hist_status hi_no_memory(hist_error *err, const char *what)
{
    return hi_fail(err, HIST_ENOMEM, "%s: out of memory, or the memory budget is spent", what);
}

void hi_error_context(hist_error *err, const char *fmt, ...)
{
    char old[HIST_ERROR_MESSAGE_SIZE];
    va_list args;

    if (err == NULL) {
        return;
    }
    memcpy(old, err->message, sizeof(old));
    old[sizeof(old) - 1] = '\0';
    va_start(args, fmt);
    const int used = vsnprintf(err->message, sizeof(err->message), fmt, args);
    va_end(args);
    if (used >= 0 && (size_t)used < sizeof(err->message)) {
        const size_t room = sizeof(err->message) - (size_t)used;

        /* What does not fit is the end of the older text. */
        (void)snprintf(err->message + used, room, ": %.*s", (int)room, old);
    }
}

const char *hist_status_name(hist_status status)
{
    switch (status) {
#define ERR_NAME(name, number, text)                                                               \
    case HIST_##name:                                                                              \
        return #name;
        HIST_STATUS_LIST(ERR_NAME)
#undef ERR_NAME
    default:
        return "EUNKNOWN";
    }
}

const char *hist_status_text(hist_status status)
{
    switch (status) {
#define ERR_TEXT(name, number, text)                                                               \
    case HIST_##name:                                                                              \
        return text;
        HIST_STATUS_LIST(ERR_TEXT)
#undef ERR_TEXT
    default:
        return "unknown status";
    }
}
