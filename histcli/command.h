/*
 * command.h -- histcli's own commands. They begin with a dot as KQL's management
 * commands do; only the names below are ours, all others go to the engine.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include "histcli/cli.h"
#include "histcli/source.h"

typedef enum command_result {
    COMMAND_DONE = 0,
    COMMAND_FAILED,
    COMMAND_QUIT,
} command_result;

bool command_is_ours(hist_str line);
command_result command_run(cli *c, source *s, hist_str line);

#endif
