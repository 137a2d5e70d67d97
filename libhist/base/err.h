/*
 * err.h -- raising and passing on errors inside libhist.
 *
 * Rule: the function that detects a problem writes the message; functions it
 * returns through only pass the code on, or add where they were with
 * hi_error_context(). Nobody logs an error that is also returned.
 */
#ifndef HI_ERR_H
#define HI_ERR_H

#include "hist_error.h"

#define HI_PRINTF(a, b) __attribute__((format(printf, a, b)))

/* Fills err (NULL is fine) and returns code, so callers write return hi_fail(...). */
hist_status hi_fail(hist_error *err, hist_status code, const char *fmt, ...) HI_PRINTF(3, 4);

/* The same for a system call: adds the text of os_errno; ENOSPC and EDQUOT give HIST_ENOSPC. */
hist_status hi_fail_os(hist_error *err, int os_errno, const char *fmt, ...) HI_PRINTF(3, 4);

/*
 * Every claim that stored bytes are damaged goes through here and nowhere else:
 * one place for a breakpoint, one message shape. offset -1: the whole file.
 */
hist_status hi_corrupt(hist_error *err, const char *path, int64_t offset, const char *fmt, ...)
    HI_PRINTF(4, 5);

/* HIST_ENOMEM with what was wanted. */
hist_status hi_no_memory(hist_error *err, const char *what);

/* Puts "text: " in front of the message already in err. Keeps the code. */
void hi_error_context(hist_error *err, const char *fmt, ...) HI_PRINTF(2, 3);

/*
 * The one macro that may return. Use it only where there is nothing to clean up;
 * functions that own something use `goto out`.
 */
#define HI_TRY(call)                                                                               \
    do {                                                                                           \
        const hist_status hi_try_status_ = (call);                                                 \
        if (hi_try_status_ != HIST_OK) {                                                           \
            return hi_try_status_;                                                                 \
        }                                                                                          \
    } while (0)

#endif
