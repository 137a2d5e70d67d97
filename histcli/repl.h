/* repl.h -- the prompt: line editing and history with libedit, plain lines without. */
#ifndef REPL_H
#define REPL_H

#include "histcli/cli.h"
#include "histcli/source.h"

int repl_run(cli *c, source *s, const char *db);

#endif
