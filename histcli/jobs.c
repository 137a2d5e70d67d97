/* jobs.c -- the table of commands; see jobs.h. */
#include "histcli/jobs.h"

#include <string.h>

bool jobs_run(cli *c, int argc, char **argv, int *status_out)
{
    static const struct {
        const char *name;
        int (*fn)(cli *c, int argc, char **argv);
    } jobs[] = {{"import", import_main}, {"export", export_main},   {"info", info_main},
                {"verify", verify_main}, {"compact", compact_main}, {"backup", backup_main}};

    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        if (strcmp(argv[0], jobs[i].name) == 0) {
            *status_out = jobs[i].fn(c, argc, argv);
            return true;
        }
    }
    return false;
}
