/* complain.c -- error messages with the place; see complain.h. */
#include "histcli/complain.h"

#include <stdio.h>
#include <string.h>

#include "histcli/script.h"
#include "histcli/show.h"

enum { COMPLAIN_BYTES_MAX = 4096, COMPLAIN_LINE_MAX = 160 };

/* Line `number` of the text; empty when there is none. */
static hist_str complain_line(const run_text *text, uint32_t number)
{
    const char *at = text->data;
    const char *end = text->data + text->size;

    for (uint32_t i = 1; i < number && at < end; i++) {
        const char *next = memchr(at, '\n', (size_t)(end - at));

        at = next == NULL ? end : next + 1;
    }
    const char *stop = memchr(at, '\n', (size_t)(end - at));

    stop = stop == NULL ? end : stop;
    if (stop > at && stop[-1] == '\r') {
        stop--;
    }
    return (hist_str){at, (size_t)(stop - at)};
}

static size_t complain_offset(hist_str line, uint32_t column)
{
    size_t at = 0;

    for (uint32_t i = 1; i < column && at < line.size; i++) {
        do {
            at++;
        } while (at < line.size && ((unsigned char)line.data[at] & 0xc0) == 0x80);
    }
    return at;
}

/* Of a long line only what is around the place. */
static void complain_window(hist_str *line, size_t *at)
{
    size_t cut = *at > COMPLAIN_LINE_MAX / 2 ? *at - COMPLAIN_LINE_MAX / 2 : 0;

    if (line->size <= COMPLAIN_LINE_MAX) {
        return;
    }
    while (cut < line->size && ((unsigned char)line->data[cut] & 0xc0) == 0x80) {
        cut++;
    }
    line->data += cut;
    line->size -= cut;
    *at -= cut;
    line->size = show_fit(line->data, line->size, COMPLAIN_LINE_MAX);
}

static void complain_mark(const run_text *text, const hist_error *err)
{
    hist_str line = complain_line(text, err->line);
    size_t at = complain_offset(line, err->column);
    size_t length = err->length;
    char number[16];

    complain_window(&line, &at);
    length = length > line.size - at ? line.size - at : length;
    const size_t marks = length == 0 ? 1 : show_width(line.data + at, length);
    const int digits = snprintf(number, sizeof(number), "%u", text->line + err->line - 1);

    (void)fprintf(stderr, "  %s | ", number);
    for (size_t i = 0; i < line.size; i++) {
        const unsigned char c = (unsigned char)line.data[i];

        (void)fputc(c < 0x20 || c == 0x7f ? ' ' : c, stderr);
    }
    (void)fprintf(stderr, "\n  %*s | %*s^", digits, "", (int)show_width(line.data, at), "");
    for (size_t i = 1; i < marks; i++) {
        (void)fputc('~', stderr);
    }
    (void)fputc('\n', stderr);
}

void complain_query(const run_text *text, const hist_error *err)
{
    const char *code = hist_status_name(err->code);

    (void)fflush(stdout);
    if (err->line == 0) {
        (void)fprintf(stderr, "error %s: %s\n", code, err->message);
        return;
    }
    (void)fprintf(stderr, "error %s: %s\n", code, err->message);
    (void)fprintf(stderr, " --> %s%sline %u, column %u\n", text->name == NULL ? "" : text->name,
                  text->name == NULL ? "" : ", ", text->line + err->line - 1,
                  err->column == 0 ? 1 : err->column);
    complain_mark(text, err);
}

void complain_incomplete(const run_text *text, char open, size_t at)
{
    hist_error err = {.code = HIST_ESYNTAX, .offset = (int64_t)at, .length = 1};

    script_place(text->data, at, &err.line, &err.column);
    (void)snprintf(err.message, sizeof(err.message),
                   open == '|' ? "the text ends behind '%c'; an operator must follow"
                               : "the text ends inside of '%c'",
                   open);
    complain_query(text, &err);
}
