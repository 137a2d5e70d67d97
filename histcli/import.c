/* import.c -- histcli import: options, files one after the other, the count at the end. */
#include "histcli/import.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "histcli/interrupt.h"
#include "histcli/jobs.h"

#include "base/err.h"

enum {
    OPT_FORMAT = 256,
    OPT_TABLE,
    OPT_PRECISION,
    OPT_REFERENCE,
    OPT_TAGS,
    OPT_TIME,
    OPT_DATABASE
};

static const struct option import_options[] = {
    {"format", required_argument, NULL, OPT_FORMAT},
    {"table", required_argument, NULL, OPT_TABLE},
    {"precision", required_argument, NULL, OPT_PRECISION},
    {"reference", no_argument, NULL, OPT_REFERENCE},
    {"tags", required_argument, NULL, OPT_TAGS},
    {"time", required_argument, NULL, OPT_TIME},
    {"database", required_argument, NULL, OPT_DATABASE},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void import_help(void)
{
    (void)fputs(
        "histcli import DB [OPTIONS] FILE...   ('-': standard input; gzip and zstd are unpacked)\n"
        "  --format lp|csv          default: csv for names with .csv in them, else lp\n"
        "  --precision ns|us|ms|s   of times that are integers (default ns)\n"
        "  --database NAME          default: default\n"
        "CSV:\n"
        "  --table TABLE            where to; default: the file's name up to its first dot\n"
        "  --time COLUMN            the time; default: Timestamp, time, _time or datetime\n"
        "  --tags A,B,...           the tags; default: every column of strings, and what is\n"
        "                           a tag of the table already. '--tags \"\"': none\n"
        "DB may be http://HOST:PORT for line protocol.\n",
        stdout);
}

void import_refuse(import *im, uint64_t line, const char *reason)
{
    im->refused++;
    if (im->shown == IMPORT_ERRORS_SHOWN) {
        return;
    }
    im->shown++;
    if (im->said > 0.0) {
        (void)fputs("\r\033[K", stderr);
    }
    if (line == 0) {
        (void)fprintf(stderr, "%s: %s\n", im->file, reason);
    } else {
        (void)fprintf(stderr, "%s:%llu: %s\n", im->file, (unsigned long long)line, reason);
    }
}

void import_progress(import *im)
{
    struct timespec now;
    uint64_t done = 0;
    uint64_t size = 0;

    if (!im->c->tty_err) {
        return;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    const double seconds = (double)now.tv_sec + (double)now.tv_nsec / 1e9;

    if (seconds - im->said < 0.2) {
        return;
    }
    im->said = seconds;
    input_progress(im->in, &done, &size);
    (void)fprintf(stderr, "\r\033[K%s: %llu MiB", im->file, (unsigned long long)(done >> 20));
    if (size > 0) {
        (void)fprintf(stderr, " of %llu MiB", (unsigned long long)(size >> 20));
    }
    (void)fprintf(stderr, ", %llu rows", (unsigned long long)im->accepted);
}

hist_status import_commit(import *im, bool now, hist_error *err)
{
    if (interrupt_seen()) {
        return hi_fail(err, HIST_ECANCELLED, "interrupted");
    }
    if (!now && hist_writer_bytes(im->writer) < IMPORT_COMMIT_BYTES) {
        return HIST_OK;
    }
    import_progress(im);
    return hist_commit(im->writer, HIST_COMMIT_WRITTEN, NULL, err);
}

static int import_tags(import *im, char *text)
{
    im->tags_given = true;
    while (*text != '\0') {
        char *comma = strchr(text, ',');

        if (im->tag_count == IMPORT_TAGS_MAX) {
            return cli_usage("at most %d --tags", IMPORT_TAGS_MAX);
        }
        im->tags[im->tag_count++] = text;
        if (comma == NULL) {
            break;
        }
        *comma = '\0';
        text = comma + 1;
    }
    return CLI_DONE;
}

static int import_precision(import *im, const char *text)
{
    static const char *const names[] = {"ns", "us", "ms", "s"};

    for (int i = 0; i < 4; i++) {
        if (strcmp(text, names[i]) == 0) {
            im->precision = (hist_precision)i;
            return CLI_DONE;
        }
    }
    return cli_usage("--precision is ns, us, ms or s, not '%s'", text);
}

static int import_format_of(import *im, const char *text)
{
    if (strcmp(text, "lp") != 0 && strcmp(text, "csv") != 0) {
        return cli_usage("--format is lp or csv, not '%s'", text);
    }
    im->format = text[0] == 'l' ? IMPORT_LP : IMPORT_CSV;
    return CLI_DONE;
}

static int import_option(import *im, int option)
{
    switch (option) {
    case OPT_FORMAT:
        return import_format_of(im, optarg);
    case OPT_TABLE:
        im->table = optarg;
        return CLI_DONE;
    case OPT_PRECISION:
        return import_precision(im, optarg);
    case OPT_REFERENCE:
        return cli_usage("--reference: this library has no reference tables; import into a table "
                         "with a time instead");
    case OPT_TAGS:
        return import_tags(im, optarg);
    case OPT_TIME:
        im->time_column = optarg;
        return CLI_DONE;
    case OPT_DATABASE:
        im->c->database = optarg;
        return CLI_DONE;
    default:
        (void)fputs("Try 'histcli import --help'.\n", stderr);
        return CLI_USAGE;
    }
}

static hist_status import_open(import *im, hist_error *err)
{
    hist_open_options options = HIST_OPEN_OPTIONS;

    if (cli_is_url(im->db_name)) {
        return url_open(im->c, im->db_name, &im->url, err);
    }
    options.durability = HIST_OS;
    interrupt_block();
    const hist_status status = hist_open(im->db_name, &options, &im->db, err);

    interrupt_unblock();
    if (status == HIST_EBUSY) {
        hi_error_context(err, "%s is being written (give the daemon's address instead)",
                         im->db_name);
    }
    HI_TRY(status);
    return hist_writer_open(im->db, im->c->database, &im->writer, err);
}

static bool import_is_csv(const import *im, const char *file)
{
    return im->format == IMPORT_CSV ||
           (im->format == IMPORT_BY_NAME && strstr(file, ".csv") != NULL);
}

/* What is wrong with a packed file must come out before its first row goes in. */
static hist_status import_check(import *im, input *in, hist_error *err)
{
    if (im->c->tty_err && input_is_packed(in)) {
        im->said = 1.0; /* There is a line to wipe. */
        (void)fprintf(stderr, "\r\033[K%s: checking", im->file);
    }
    const hist_status status = input_check(in, err);

    if (status == HIST_ECORRUPT) {
        hi_error_context(err, "nothing of it was imported");
    }
    return status;
}

static hist_status import_rows(import *im, const char *file, input *in, hist_error *err)
{
    if (import_is_csv(im, file)) {
        return im->url == NULL ? import_csv(im, in, err)
                               : hi_fail(err, HIST_EINVAL,
                                         "CSV is imported into a folder; a daemon takes line "
                                         "protocol");
    }
    return im->url == NULL ? import_lp(im, in, err) : import_lp_url(im, in, err);
}

static hist_status import_file(import *im, const char *file, hist_error *err)
{
    input *in = NULL;
    hist_status status = input_open(im->c, file, &in, err);

    im->file = strcmp(file, "-") == 0 ? "standard input" : file;
    im->in = in;
    if (status != HIST_OK) {
        return status;
    }
    if (im->writer != NULL) {
        hist_writer_reset_lines(im->writer);
    }
    status = import_check(im, in, err);
    if (status == HIST_OK) {
        status = import_rows(im, file, in, err);
    }
    input_close(in);
    return status;
}

/* Also after a failure: what was accepted before it is kept and counted. */
static hist_status import_close(import *im, hist_status status, hist_error *err)
{
    hist_error later;

    if (im->writer != NULL) {
        hist_status last = hist_commit(im->writer, HIST_COMMIT_WRITTEN, NULL, &later);

        hist_writer_close(im->writer);
        if (last == HIST_OK) {
            last = hist_sync(im->db, &later);
        }
        if (status == HIST_OK && last != HIST_OK) {
            status = last;
            *err = later;
        }
    }
    if (im->db != NULL && hist_close(im->db, &later) != HIST_OK && status == HIST_OK) {
        status = later.code;
        *err = later;
    }
    url_close(im->url);
    return status;
}

static int import_run(import *im, char **files, int count)
{
    hist_error err;
    hist_status status = import_open(im, &err);

    if (status != HIST_OK) {
        cli_say("%s (%s)", err.message, hist_status_name(err.code));
        (void)import_close(im, status, &err);
        return CLI_OPEN;
    }
    interrupt_install();
    for (int i = 0; i < count && status == HIST_OK; i++) {
        status = import_file(im, files[i], &err);
    }
    const bool unreachable = im->url != NULL && status != HIST_OK && url_unreachable(im->url);

    status = import_close(im, status, &err);
    if (im->said > 0.0) {
        (void)fputs("\r\033[K", stderr);
    }
    if (im->refused > im->shown) {
        cli_say("%llu more refusals are not shown", (unsigned long long)(im->refused - im->shown));
    }
    if (im->suspicious) {
        cli_say("the times look like another precision than the one given; see --precision");
    }
    if (status != HIST_OK) {
        const int failed = cli_failed(im->file, &err);

        (void)printf("%llu rows accepted, %llu refused\n", (unsigned long long)im->accepted,
                     (unsigned long long)im->refused);
        return unreachable ? CLI_OPEN : failed;
    }
    (void)printf("%llu rows accepted, %llu refused\n", (unsigned long long)im->accepted,
                 (unsigned long long)im->refused);
    return im->refused == 0 ? CLI_DONE : CLI_ERROR;
}

int import_main(cli *c, int argc, char **argv)
{
    static import im;
    int option = 0;

    im.c = c;
    while ((option = getopt_long(argc, argv, "h", import_options, NULL)) != -1) {
        if (option == 'h') {
            import_help();
            return CLI_DONE;
        }
        const int status = import_option(&im, option);

        if (status != CLI_DONE) {
            return status;
        }
    }
    if (argc - optind < 2) {
        return cli_usage("import takes a database and files");
    }
    im.db_name = argv[optind];
    return import_run(&im, argv + optind + 1, argc - optind - 1);
}
