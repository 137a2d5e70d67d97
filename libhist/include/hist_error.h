/*
 * hist_error.h -- status codes and the error message that goes with them.
 *
 * Every call of libhist that can fail returns a hist_status and takes, as its
 * last argument, a hist_error the caller owns (NULL is fine). The struct is
 * written only when the call fails; its contents are undefined otherwise.
 */
#ifndef HIST_ERROR_H
#define HIST_ERROR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One list: enum, names and texts come from it. Numbers never change. */
#define HIST_STATUS_LIST(X)                                                                       \
    X(OK, 0, "no error")                                                                           \
    X(EINVAL, 1, "an argument is not valid")                                                       \
    X(ENOMEM, 2, "out of memory, or the memory budget is spent")                                   \
    X(EIO, 3, "the operating system reported an I/O error")                                        \
    X(ECORRUPT, 4, "stored bytes are damaged")                                                     \
    X(EBUSY, 5, "held by another writer, or buffers are full: try again")                          \
    X(ENOSPC, 6, "the disk is full")                                                               \
    X(ENOTFOUND, 7, "no such thing")                                                               \
    X(EEXIST, 8, "exists already")                                                                 \
    X(ELIMIT, 9, "a named limit was reached")                                                      \
    X(ECANCELLED, 10, "cancelled by the caller")                                                   \
    X(ETIMEOUT, 11, "the time limit was reached")                                                  \
    X(ESYNTAX, 12, "the text is not well formed")                                                  \
    X(ESEMANTIC, 13, "the text is well formed but has no meaning here")                            \
    X(ETYPE, 14, "a value has another type than its column")                                       \
    X(EREADONLY, 15, "the store is open for reading only")                                         \
    X(EVERSION, 16, "written by a version this library cannot read")                               \
    X(ENOTSTORE, 17, "the folder is not a store")                                                  \
    X(ECLOSED, 18, "used after close, or after fork")                                              \
    X(EINTERNAL, 19, "a mistake in libhist itself")

typedef enum hist_status {
#define HIST_STATUS_ENUM(name, number, text) HIST_##name = (number),
    HIST_STATUS_LIST(HIST_STATUS_ENUM)
#undef HIST_STATUS_ENUM
} hist_status;

#define HIST_ERROR_MESSAGE_SIZE 512

typedef struct hist_error {
    hist_status code;
    int os_errno;   /* errno of the failing system call, or 0. */
    int64_t offset; /* Byte offset in the file or text, or -1. */
    uint32_t line;  /* 1-based line in the text, or 0. */
    uint32_t column; /* 1-based column (in code points) in the line, or 0. */
    uint32_t length; /* Bytes of the text the error is about, or 0. */
    char message[HIST_ERROR_MESSAGE_SIZE]; /* UTF-8, always NUL-terminated. */
} hist_error;

#if defined(__GNUC__)
#define HIST_API __attribute__((visibility("default"), warn_unused_result))
#define HIST_API_VOID __attribute__((visibility("default")))
#else
#define HIST_API
#define HIST_API_VOID
#endif

/* Stable name of a code, such as "ECORRUPT". Never NULL. Any thread. */
HIST_API const char *hist_status_name(hist_status status);

/* One sentence about a code. Never NULL. Any thread. */
HIST_API const char *hist_status_text(hist_status status);

#ifdef __cplusplus
}
#endif
#endif
