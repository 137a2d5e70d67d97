/* main.c -- the command line of histcli: which command, which options, which exit status. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "histcli/cli.h"
#include "histcli/interrupt.h"
#include "histcli/jobs.h"
#include "histcli/repl.h"
#include "histcli/run.h"
#include "histcli/source.h"

#include "base/err.h"

enum { MAIN_ACTIONS_MAX = 256 };

/* A query or a file of queries, in the order of the command line. */
typedef struct main_action {
    const char *text; /* KQL, or a file's name. */
    bool is_file;
} main_action;

typedef struct main_plan {
    const char *db;
    main_action actions[MAIN_ACTIONS_MAX];
    size_t action_count;
} main_plan;

static void main_help(void)
{
    (void)fputs(
        "histcli DB                     a prompt; DB is a folder, ':memory:' or http[s]://HOST:PORT\n"
        "histcli DB 'KQL'               one query, its result on standard output\n"
        "  -c, --command KQL            a query; may be given again\n"
        "  -f, --file FILE              a script; may be given again ('-': standard input)\n"
        "      --format FORMAT          table, csv, tsv, json, ndjson, markdown, line, chart, kusto\n"
        "                               (table on a terminal, csv in a pipe)\n"
        "      --database NAME          the database (default: default)\n"
        "      --param NAME=VALUE       a value for declare query_parameters, as a KQL literal\n"
        "      --timer                  time and blocks of each query, on standard error\n"
        "      --ascii                  no lines or dots outside of ASCII\n"
        "histcli import DB FILE...      line protocol or CSV into a store\n"
        "histcli export DB --out DIR    a day a file, for a data lake\n"
        "histcli info DB                tables, sizes, times\n"
        "histcli verify DB              reads and checks every byte\n"
        "histcli compact DB [--cold]    merges and rewrites now\n"
        "histcli backup DB DIR          a copy of a store that nobody writes\n"
        "histcli COMMAND --help         the options of a command\n"
        "histcli --version\n"
        "Exit status: 0 done, 1 query or data error, 2 wrong usage, 3 cannot open or connect,\n"
        "4 incomplete input, 130 interrupted. The manual: man histcli.\n",
        stdout);
}

static int main_param(cli *c, char *text)
{
    char *equal = strchr(text, '=');

    if (equal == NULL || equal == text) {
        return cli_usage("--param takes NAME=VALUE, not '%s'", text);
    }
    if (c->param_count == CLI_PARAMS_MAX) {
        return cli_usage("at most %d --param", CLI_PARAMS_MAX);
    }
    *equal = '\0';
    c->param_names[c->param_count] = text;
    c->param_values[c->param_count] = equal + 1;
    c->param_count++;
    return CLI_DONE;
}

static int main_action_add(main_plan *plan, const char *text, bool is_file)
{
    if (plan->action_count == MAIN_ACTIONS_MAX) {
        return cli_usage("at most %d queries and files", MAIN_ACTIONS_MAX);
    }
    plan->actions[plan->action_count++] = (main_action){text, is_file};
    return CLI_DONE;
}

static int main_format(cli *c, const char *name)
{
    if (!cli_format_of(name, &c->format)) {
        return cli_usage("no format '%s'; there are %s", name, CLI_FORMAT_NAMES);
    }
    c->format_given = true;
    return CLI_DONE;
}

enum { OPT_FORMAT = 256, OPT_DATABASE, OPT_PARAM, OPT_TIMER, OPT_ASCII, OPT_VERSION };

static const struct option main_options[] = {
    {"command", required_argument, NULL, 'c'},
    {"file", required_argument, NULL, 'f'},
    {"help", no_argument, NULL, 'h'},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"database", required_argument, NULL, OPT_DATABASE},
    {"param", required_argument, NULL, OPT_PARAM},
    {"timer", no_argument, NULL, OPT_TIMER},
    {"ascii", no_argument, NULL, OPT_ASCII},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

/* -1: go on; else the exit status. */
static int main_option(cli *c, main_plan *plan, int option)
{
    switch (option) {
    case 'c':
        return main_action_add(plan, optarg, false) == CLI_DONE ? -1 : CLI_USAGE;
    case 'f':
        return main_action_add(plan, optarg, true) == CLI_DONE ? -1 : CLI_USAGE;
    case OPT_FORMAT:
        return main_format(c, optarg) == CLI_DONE ? -1 : CLI_USAGE;
    case OPT_DATABASE:
        c->database = optarg;
        return -1;
    case OPT_PARAM:
        return main_param(c, optarg) == CLI_DONE ? -1 : CLI_USAGE;
    case OPT_TIMER:
        c->timer = true;
        return -1;
    case OPT_ASCII:
        c->ascii = true;
        return -1;
    case OPT_VERSION:
        (void)printf("histcli %s\n", hist_version());
        return CLI_DONE;
    case 'h':
        main_help();
        return CLI_DONE;
    default:
        (void)fputs("Try 'histcli --help'.\n", stderr);
        return CLI_USAGE;
    }
}

static int main_parse(cli *c, main_plan *plan, int argc, char **argv)
{
    int option = 0;

    while ((option = getopt_long(argc, argv, "c:f:h", main_options, NULL)) != -1) {
        const int status = main_option(c, plan, option);

        if (status >= 0) {
            return status;
        }
    }
    if (optind == argc) {
        return cli_usage("which database? A folder, ':memory:' or http://HOST:PORT");
    }
    plan->db = argv[optind];
    if (argc - optind > 2) {
        return cli_usage("one query at a time: '%s' is too much (quote the query, or use -c)",
                         argv[optind + 2]);
    }
    if (argc - optind == 2 && main_action_add(plan, argv[optind + 1], false) != CLI_DONE) {
        return CLI_USAGE;
    }
    return -1;
}

static int main_file(cli *c, source *s, const char *name)
{
    hi_buf text;
    hist_error err;
    int result = CLI_ERROR;

    hi_buf_init(&text, &c->mem, CLI_QUERY_BYTES_MAX);
    if (cli_read_file(&text, name, &err) != HIST_OK) {
        (void)cli_failed("script", &err);
    } else {
        const bool is_stdin = strcmp(name, "-") == 0;
        const run_text script = {text.data, text.size, is_stdin ? NULL : name, 1};

        result = text.size == 0 ? CLI_DONE : run_script(c, s, &script);
    }
    hi_buf_free(&text);
    return result;
}

static int main_run(cli *c, source *s, const main_plan *plan)
{
    int result = CLI_DONE;

    if (plan->action_count == 0) {
        return c->tty_in ? repl_run(c, s, plan->db) : main_file(c, s, "-");
    }
    for (size_t i = 0; i < plan->action_count && result == CLI_DONE; i++) {
        const main_action *action = &plan->actions[i];
        const run_text text = {action->text, strlen(action->text), NULL, 1};

        result = action->is_file ? main_file(c, s, action->text) : run_script(c, s, &text);
    }
    return result;
}

static int main_query(cli *c, int argc, char **argv)
{
    static main_plan plan;
    source *s = NULL;
    hist_error err;
    const int status = main_parse(c, &plan, argc, argv);

    if (status >= 0) {
        return status;
    }
    if (source_open(c, plan.db, &s, &err) != HIST_OK) {
        cli_say("%s (%s)", err.message, hist_status_name(err.code));
        return CLI_OPEN;
    }
    interrupt_install();
    const int result = main_run(c, s, &plan);

    source_close(s);
    return result;
}

int main(int argc, char **argv)
{
    static cli c;
    int status = CLI_DONE;

    cli_init(&c);
    if (argc > 1 && jobs_run(&c, argc - 1, argv + 1, &status)) {
        return status;
    }
    return main_query(&c, argc, argv);
}
