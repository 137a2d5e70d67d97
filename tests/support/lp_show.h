/* lp_show.h -- runs the line-protocol parser over input cut anywhere and shows the outcome as text. */
#ifndef LP_SHOW_H
#define LP_SHOW_H

#include "formats/lineproto.h"

/* Text that grows; always NUL-terminated once something was added. */
typedef struct text {
    char *data;
    size_t size;
    size_t room;
} text;

void text_add(text *t, const char *data, size_t size);
void text_printf(text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Any bytes as one printable word. */
void text_bytes(text *t, const char *data, size_t size);
void text_free(text *t);

typedef struct run_options {
    int precision;
    int64_t default_time;
    lp_limits limits;
    bool comments; /* Show good comments too. */
} run_options;

/*
 * Feeds the input cut at the given places (ascending) and shows a line for each line:
 * "ok MEASUREMENT KEY:VALUE... FIELD=... TIME |LINE" or "bad NAME |LINE:AT TEXT".
 * Every buffer is a block of exactly its size, so that a sanitizer sees a byte read outside of it.
 */
text run_cut(const char *data, size_t size, const size_t *cuts, size_t cut_count,
             const run_options *o);
text run_whole(const char *data, size_t size, const run_options *o);
/* The outcome is the same whole, byte by byte and cut anywhere, or the test fails. */
text run_every_way(const char *data, size_t size, const run_options *o);
/* Shows all lines that the parser has now. */
void run_all(text *out, lp_parser *parser, const run_options *o);
/* Takes what is behind " |" off every line: place and text of errors, line numbers. */
void strip_places(text *t);

#endif
