/* prompt.h -- one line from the terminal, with editing and history where libedit is there. */
#ifndef PROMPT_H
#define PROMPT_H

#include "histcli/cli.h"

typedef struct prompt prompt;

typedef enum prompt_result {
    PROMPT_LINE,
    PROMPT_INTERRUPT, /* ^C: the line is thrown away. */
    PROMPT_END,       /* ^D. */
} prompt_result;

/* NULL: no memory. */
prompt *prompt_open(cli *c);
/* Writes the history, mode 0600. NULL is a no-op. */
void prompt_close(prompt *p);
/* The line without its newline, borrowed until the next call. */
prompt_result prompt_read(prompt *p, const char *text, hist_str *line_out);
/* A statement for the history, as one entry even when it has several lines; not when it begins with a blank. */
void prompt_remember(prompt *p, const char *text, size_t size);

#endif
