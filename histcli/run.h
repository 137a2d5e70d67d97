/* run.h -- one KQL text from start to end: ask, print, or say what is wrong with it and where. */
#ifndef RUN_H
#define RUN_H

#include "histcli/cli.h"
#include "histcli/source.h"

typedef struct run_text {
    const char *data;
    size_t size;
    const char *name; /* For messages: a file's name, or NULL. */
    uint32_t line;    /* Of the file that the text begins at; 1-based. */
} run_text;

/* The exit status of the query: CLI_DONE, CLI_ERROR, CLI_OPEN, CLI_INCOMPLETE, CLI_INTERRUPTED. */
int run_query(cli *c, source *s, const run_text *text);

/*
 * A script: KQL, and lines that begin with one of histcli's own commands
 * (.format, .timer, ...). Stops at the first failure.
 */
int run_script(cli *c, source *s, const run_text *text);

#endif
