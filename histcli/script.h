/*
 * script.h -- where a KQL text ends, without understanding it: strings, comments, brackets, pipes.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "hist_batch.h"

typedef enum script_state {
    SCRIPT_EMPTY = 0, /* Blanks and comments. */
    SCRIPT_WHOLE,
    SCRIPT_OPEN, /* Ends inside a bracket or string, or behind a pipe. */
} script_state;

typedef struct script_end {
    script_state state;
    char open;      /* OPEN: the bracket, quote or pipe. */
    size_t open_at; /* Where it is. */
    bool semicolon; /* The last thing is a semicolon. */
    bool
        broken; /* WHOLE: a semicolon stands inside of ( or [, and nothing that follows can make it right. */
    size_t statement; /* Where the last statement that is not empty begins. */
} script_end;

script_end script_scan(const char *text, size_t size);

/* Does the last statement of a whole text only prepare others (let, declare, set, alias, restrict)? */
bool script_only_prepares(const char *text, size_t size);

/*
 * The table that the last statement begins with, behind names that `let` gave it; an empty text
 * when it begins with none.
 */
hist_str script_table(const char *text, size_t size);

/* Does the text have a `| render` of something that is drawn? */
bool script_renders(const char *text, size_t size);

/* 1-based line and column (code points) of a byte. */
void script_place(const char *text, size_t at, uint32_t *line_out, uint32_t *column_out);

/* "|" or not: does the line, blanks aside, continue the statement before it? */
bool script_continues(hist_str line);

#endif
