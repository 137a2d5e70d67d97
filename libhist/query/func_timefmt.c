/*
 * func_timefmt.c -- format_datetime and format_timespan. Know first: a token is as many equal letters as it has forms (two
 * of d, M, h, H, m, s, t; four or two of y; seven of f), so "dddd" is the day twice; only the delimiters of the language
 * may stand between tokens.
 */
#include <string.h>

#include "base/num.h"
#include "base/timefmt.h"
#include "query/eval.h"

/* v with at least `width` digits. */
static void fmt_number(hi_buf *buf, int64_t v, int width)
{
    char text[HI_NUM_INT_SIZE];
    const size_t size = hi_num_print_i64(text, v);

    for (size_t i = size; (int)i < width; i++) {
        hi_buf_byte(buf, '0');
    }
    hi_buf_append(buf, text, size);
}

/* The first n of the seven digits of the fraction; `cut` (F): without zeroes at the end. */
static void fmt_fraction(hi_buf *buf, int64_t nano, int n, bool cut)
{
    char text[9];

    hi_num_print_fixed(text, (uint64_t)nano, 9);
    while (cut && n > 0 && text[n - 1] == '0') {
        n--;
    }
    hi_buf_append(buf, text, (size_t)n);
}

/* False: the token is not known. */
static bool fmt_time_token(hi_buf *buf, const hi_civil *c, char letter, int n)
{
    const int hour12 = c->hour % 12 == 0 ? 12 : c->hour % 12;

    switch (letter) {
    case 'y':
        if (n >= 3) {
            fmt_number(buf, c->year, n);
        } else {
            fmt_number(buf, c->year % 100, n);
        }
        return true;
    case 'M':
        fmt_number(buf, c->month, n);
        return true;
    case 'd':
        fmt_number(buf, c->day, n);
        return true;
    case 'h':
        fmt_number(buf, hour12, n);
        return true;
    case 'H':
        fmt_number(buf, c->hour, n);
        return true;
    case 'm':
        fmt_number(buf, c->minute, n);
        return true;
    case 's':
        fmt_number(buf, c->second, n);
        return true;
    case 'f':
    case 'F':
        if (n > 7) {
            return false;
        }
        fmt_fraction(buf, c->nano, n, letter == 'F');
        return true;
    case 't':
        hi_buf_append(buf, c->hour < 12 ? "AM" : "PM", n == 1 ? 1 : 2);
        return true;
    default:
        return false;
    }
}

/* Letters of the token at the start of a run of `n` letters. */
static int fmt_token_length(char letter, int n)
{
    if (letter == 'f' || letter == 'F') {
        return n < 7 ? n : 7;
    }
    if (letter == 'y') {
        return n >= 4 ? 4 : n >= 2 ? 2 : 1;
    }
    return n < 2 ? n : 2;
}

static bool fmt_is_delimiter(char c)
{
    return c != '\0' && strchr(" /-:,._[]", c) != NULL;
}

static bool fmt_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void fmt_unknown(hi_row *r, hist_str format, size_t at, const char *known)
{
    r->status = hi_eval_fail(r->ev, r->call, HIST_ESEMANTIC,
                             "the format '%.*s' has '%c', which is not known; %s are",
                             (int)format.size, format.data, format.data[at], known);
}

static void fmt_row_datetime(hi_row *r)
{
    const hi_civil c = hi_civil_of(hi_row_i64(r, 0));
    const hist_str format = hi_row_str(r, 1);
    hi_buf *buf = r->out->buf;

    (void)hi_cb_begin(r->out);
    for (size_t i = 0; i < format.size;) {
        const char letter = format.data[i];
        int n = 1;

        if (!fmt_is_letter(letter)) {
            if (!fmt_is_delimiter(letter)) {
                fmt_unknown(r, format, i, "d f F h H m M s t y and space / - : , . _ [ ]");
                return;
            }
            hi_buf_byte(buf, (uint8_t)letter);
            i++;
            continue;
        }
        while (i + (size_t)n < format.size && format.data[i + (size_t)n] == letter && n < 16) {
            n++;
        }
        n = fmt_token_length(letter, n);
        if (!fmt_time_token(buf, &c, letter, n)) {
            fmt_unknown(r, format, i, "d f F h H m M s t y and space / - : , . _ [ ]");
            return;
        }
        i += (size_t)n;
    }
    hi_cb_end(r->out);
}

/* Absolute value of a timespan by parts. */
typedef struct fmt_span {
    int64_t days;
    int hour, minute, second, nano;
} fmt_span;

static fmt_span fmt_span_of(int64_t ns)
{
    const uint64_t v = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    const uint64_t s = v / (uint64_t)HI_NS_PER_S;

    return (fmt_span){(int64_t)(s / 86400), (int)(s / 3600 % 24), (int)(s / 60 % 60), (int)(s % 60),
                      (int)(v % (uint64_t)HI_NS_PER_S)};
}

static bool fmt_span_token(hi_buf *buf, const fmt_span *s, char letter, int n)
{
    switch (letter) {
    case 'd':
        fmt_number(buf, s->days, n);
        return n <= 8;
    case 'h':
    case 'H':
        fmt_number(buf, s->hour, n);
        return true;
    case 'm':
        fmt_number(buf, s->minute, n);
        return true;
    case 's':
        fmt_number(buf, s->second, n);
        return true;
    case 'f':
    case 'F':
        if (n > 7) {
            return false;
        }
        fmt_fraction(buf, s->nano, n, letter == 'F');
        return true;
    default:
        return false;
    }
}

static void fmt_row_timespan(hi_row *r)
{
    const fmt_span span = fmt_span_of(hi_row_i64(r, 0));
    const hist_str format = hi_row_str(r, 1);
    hi_buf *buf = r->out->buf;

    (void)hi_cb_begin(r->out);
    if (hi_row_i64(r, 0) < 0) {
        hi_buf_byte(buf, '-');
    }
    for (size_t i = 0; i < format.size;) {
        const char letter = format.data[i];
        int n = 1;

        if (!fmt_is_letter(letter)) {
            hi_buf_byte(buf, (uint8_t)letter);
            i++;
            continue;
        }
        while (i + (size_t)n < format.size && format.data[i + (size_t)n] == letter && n < 16) {
            n++;
        }
        if (!fmt_span_token(buf, &span, letter, n)) {
            fmt_unknown(r, format, i, "d f F h H m s and space / - : , . _ [ ]");
            return;
        }
        i += (size_t)n;
    }
    hi_cb_end(r->out);
}

static const hi_func fmt_funcs[] = {
    {.name = "format_datetime",
     .signature = "ds>s",
     .row = fmt_row_datetime,
     .flags = HI_FUNC_NAME_ARG},
    {.name = "format_timespan",
     .signature = "ts>s",
     .row = fmt_row_timespan,
     .flags = HI_FUNC_NAME_ARG},
};

const hi_func_table hi_funcs_timefmt = HI_FUNC_TABLE(fmt_funcs);
