/* jobs.h -- the commands beside asking: import, export, info, verify, compact, backup. */
#ifndef JOBS_H
#define JOBS_H

#include "histcli/cli.h"

/* argv[0] is the command's name. false: it is none of these. */
bool jobs_run(cli *c, int argc, char **argv, int *status_out);

int import_main(cli *c, int argc, char **argv);
int export_main(cli *c, int argc, char **argv);
int info_main(cli *c, int argc, char **argv);
int verify_main(cli *c, int argc, char **argv);
int compact_main(cli *c, int argc, char **argv);
int backup_main(cli *c, int argc, char **argv);

#endif
