/* import_lp.c -- line protocol, into a store or to a daemon. */
#include <string.h>

#include "histcli/import.h"
#include "histcli/interrupt.h"

#include "base/err.h"
#include "base/num.h"
#include "formats/lineproto.h"

enum {
    LP_READ_BYTES = 1 << 20,
    LP_POST_BYTES = 4 << 20, /* Of one request to a daemon. */
};

static void lp_refused(void *arg, uint64_t line, hist_status status, const char *reason)
{
    (void)status;
    import_refuse(arg, line, reason);
}

/* Gives the buffer to the writer; what is left of it moves to the front. */
static hist_status lp_feed_writer(import *im, hi_buf *text, bool final, hist_error *err)
{
    hist_lp_options options = HIST_LP_OPTIONS;
    size_t at = 0;

    options.precision = im->precision;
    options.final = final;
    options.on_error = lp_refused;
    options.on_error_arg = im;
    for (;;) {
        hist_lp_result result = {.consumed = 0};
        const hist_status status =
            hist_append_lp(im->writer, text->size == 0 ? "" : text->data + at, text->size - at,
                           &options, &result, err);

        at += result.consumed;
        im->accepted += result.accepted;
        im->suspicious = im->suspicious || result.suspicious_precision;
        if (status != HIST_OK && status != HIST_ELIMIT) {
            return status;
        }
        HI_TRY(import_commit(im, status == HIST_ELIMIT, err));
        if (status == HIST_OK) {
            break;
        }
    }
    if (at > 0) {
        memmove(text->data, text->data + at, text->size - at);
    }
    text->size -= at;
    return HIST_OK;
}

static hist_status lp_read(import *im, input *in, hi_buf *text,
                           hist_status (*feed)(import *, hi_buf *, bool, hist_error *),
                           hist_error *err)
{
    size_t got = 0;

    do {
        char *room = hi_buf_reserve(text, LP_READ_BYTES);

        if (room == NULL) {
            return hi_no_memory(err, "lines");
        }
        HI_TRY(input_read(in, room, LP_READ_BYTES, &got, err));
        text->size += got;
        HI_TRY(feed(im, text, got == 0, err));
        import_progress(im);
    } while (got > 0);
    return HIST_OK;
}

hist_status import_lp(import *im, input *in, hist_error *err)
{
    hi_buf text;

    hi_buf_init(&text, &im->c->mem, 4 * LP_READ_BYTES);
    const hist_status status = lp_read(im, in, &text, lp_feed_writer, err);

    hi_buf_free(&text);
    return status;
}

/* ---- to a daemon ---- */

/* "partial write: REASON dropped=3": how many lines the daemon refused. */
static uint64_t lp_dropped(hist_str text)
{
    static const char word[] = "dropped=";
    uint64_t count = 0;

    for (size_t i = text.size; i-- > sizeof(word) - 1;) {
        if (memcmp(text.data + i - (sizeof(word) - 1), word, sizeof(word) - 1) == 0 &&
            hi_num_parse_u64(text.data + i, text.size - i, &count)) {
            return count;
        }
    }
    return 1;
}

static hist_status lp_post(import *im, hist_str lines, uint64_t rows, hist_error *err)
{
    static const char *const precisions[] = {"ns", "us", "ms", "s"};
    hi_buf refusal;

    hi_buf_init(&refusal, &im->c->mem, 1 << 20);
    const hist_status status = url_write(im->url, precisions[im->precision], lines, &refusal, err);

    if (status == HIST_OK && refusal.size > 0) {
        const uint64_t dropped = lp_dropped((hist_str){refusal.data, refusal.size});

        hi_buf_byte(&refusal, '\0');
        import_refuse(im, 0, hi_buf_ok(&refusal) ? refusal.data : "refused");
        im->refused += dropped - 1;
        im->shown += dropped - 1;
        im->accepted += rows > dropped ? rows - dropped : 0;
    } else if (status == HIST_OK) {
        im->accepted += rows;
    }
    hi_buf_free(&refusal);
    return status;
}

/* Whole lines go out in one request; a string may hold a newline, so a parser finds their ends. */
static hist_status lp_feed_url(import *im, hi_buf *text, bool final, hist_error *err)
{
    static lp_parser parser;
    lp_line line;
    lp_status status = LP_MORE;
    uint64_t rows = 0;

    if (interrupt_seen()) {
        return hi_fail(err, HIST_ECANCELLED, "interrupted");
    }
    if (!final && text->size < LP_POST_BYTES) {
        return HIST_OK;
    }
    lp_init(&parser, (int)im->precision, NULL);
    lp_feed(&parser, text->size == 0 ? "" : text->data, text->size, final);
    while ((status = lp_next(&parser, &line)) != LP_MORE) {
        rows += status != LP_COMMENT;
    }
    if (parser.at > 0) {
        HI_TRY(lp_post(im, (hist_str){text->data, parser.at}, rows, err));
        memmove(text->data, text->data + parser.at, text->size - parser.at);
        text->size -= parser.at;
    }
    return HIST_OK;
}

hist_status import_lp_url(import *im, input *in, hist_error *err)
{
    hi_buf text;

    hi_buf_init(&text, &im->c->mem, LP_POST_BYTES + 4 * LP_READ_BYTES);
    const hist_status status = lp_read(im, in, &text, lp_feed_url, err);

    hi_buf_free(&text);
    return status;
}
