/* import.h -- shared by the import_*.c files only: one import, its counts, its complaints. */
#ifndef IMPORT_H
#define IMPORT_H

#include "histcli/cli.h"
#include "histcli/input.h"
#include "histcli/url.h"

enum {
    IMPORT_COMMIT_BYTES = 16 << 20, /* A commit has about this many. */
    IMPORT_ERRORS_SHOWN = 10,
    IMPORT_TAGS_MAX = HIST_TAGS_MAX,
};

typedef enum import_format { IMPORT_BY_NAME, IMPORT_LP, IMPORT_CSV } import_format;

typedef struct import {
    cli *c;
    const char *db_name;
    import_format format;
    hist_precision precision;
    const char *table;           /* CSV. */
    const char *time_column;     /* CSV; NULL: by name. */
    char *tags[IMPORT_TAGS_MAX]; /* CSV, --tags. */
    uint32_t tag_count;
    bool tags_given;
    hist_db *db; /* Or url. */
    url *url;
    hist_writer *writer;
    const char *file; /* The one being read. */
    const input *in;
    uint64_t accepted;
    uint64_t refused;
    uint64_t shown;
    double said; /* When progress was shown last. */
    bool suspicious;
} import;

/* A refused line or row. line 0: not known. */
void import_refuse(import *im, uint64_t line, const char *reason);
/* On a terminal, now and then, how far it is. */
void import_progress(import *im);
/* Commits when enough was collected, or `now`. */
hist_status import_commit(import *im, bool now, hist_error *err);

hist_status import_lp(import *im, input *in, hist_error *err);
hist_status import_lp_url(import *im, input *in, hist_error *err);
hist_status import_csv(import *im, input *in, hist_error *err);

#endif
