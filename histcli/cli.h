/*
 * cli.h -- what all parts of histcli share: exit status, settings, complaints.
 *
 * One `cli` is made in main() and handed down; only the signal handler
 * (interrupt.c) keeps anything outside of it.
 */
#ifndef CLI_H
#define CLI_H

#include "hist.h"

#include "base/buf.h"

enum {
    CLI_DONE = 0,
    CLI_ERROR = 1,      /* A query or the data is wrong; stderr says why. */
    CLI_USAGE = 2,      /* The command line is wrong. */
    CLI_OPEN = 3,       /* Cannot open or connect. */
    CLI_INCOMPLETE = 4, /* The text ends in the middle of a statement. */
    CLI_INTERRUPTED = 130,
};

typedef enum cli_format {
    FORMAT_TABLE,
    FORMAT_CSV,
    FORMAT_TSV,
    FORMAT_JSON,
    FORMAT_NDJSON,
    FORMAT_MARKDOWN,
    FORMAT_LINE,
    FORMAT_CHART,
    FORMAT_KUSTO,
} cli_format;

#define CLI_FORMAT_NAMES "table, csv, tsv, json, ndjson, markdown, line, chart, kusto"

enum {
    CLI_PARAMS_MAX = 64,
    CLI_QUERY_BYTES_MAX = 64 << 20,   /* Text of one script. */
    CLI_OUTPUT_BYTES_MAX = 256 << 20, /* What may be held before it is written: one row at least. */
};

typedef struct cli {
    hi_mem mem;           /* No limit of its own; every buffer has one. */
    const char *database; /* NULL: default. */
    cli_format format;
    bool format_given;
    bool timer;
    bool ascii; /* No UTF-8 drawing. */
    bool tty_in;
    bool tty_out;
    bool tty_err;
    bool interactive; /* A prompt. */
    int read_depth;   /* Scripts that are being read by scripts. */
    const char *param_names[CLI_PARAMS_MAX];
    const char *param_values[CLI_PARAMS_MAX];
    size_t param_count;
} cli;

void cli_init(cli *c);
/* false: there is no such format. */
bool cli_format_of(const char *name, cli_format *out);
const char *cli_format_name(cli_format format);

/* "histcli: ..." on stderr. */
void cli_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, then how to get help; returns CLI_USAGE. */
int cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "histcli: what: message (CODE)"; returns CLI_ERROR, or CLI_INTERRUPTED. */
int cli_failed(const char *what, const hist_error *err);

/* Is DB an address of a daemon? */
bool cli_is_url(const char *db);
/* Columns and rows of the terminal; 80 and 24 when nobody knows. */
int cli_width(void);
int cli_height(void);

/* May standard output have colours? Never in a pipe, nor where NO_COLOR says no. */
bool cli_colour(const cli *c);

/* A whole file ("-": standard input) at the end of `to`. */
hist_status cli_read_file(hi_buf *to, const char *path, hist_error *err);

#endif
