/* cli.c -- settings, complaints, the terminal's size; see cli.h. */
#include "histcli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/num.h"

static const char *const cli_format_names[] = {"table",    "csv",  "tsv",   "json", "ndjson",
                                               "markdown", "line", "chart", "kusto"};

void cli_init(cli *c)
{
    memset(c, 0, sizeof(*c));
    hi_mem_init(&c->mem, NULL, NULL, 0);
    (void)setlocale(LC_CTYPE, "");
    c->ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
    c->tty_in = isatty(STDIN_FILENO) != 0;
    c->tty_out = isatty(STDOUT_FILENO) != 0;
    c->tty_err = isatty(STDERR_FILENO) != 0;
    c->format = c->tty_out ? FORMAT_TABLE : FORMAT_CSV;
}

bool cli_format_of(const char *name, cli_format *out)
{
    for (size_t i = 0; i < sizeof(cli_format_names) / sizeof(cli_format_names[0]); i++) {
        if (strcmp(name, cli_format_names[i]) == 0) {
            *out = (cli_format)i;
            return true;
        }
    }
    return false;
}

const char *cli_format_name(cli_format format)
{
    return cli_format_names[format];
}

__attribute__((format(printf, 1, 0))) static void cli_vsay(const char *fmt, va_list args)
{
    (void)fflush(stdout);
    (void)fputs("histcli: ", stderr);
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
}

void cli_say(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    cli_vsay(fmt, args);
    va_end(args);
}

int cli_usage(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    cli_vsay(fmt, args);
    va_end(args);
    (void)fputs("Try 'histcli --help'.\n", stderr);
    return CLI_USAGE;
}

int cli_failed(const char *what, const hist_error *err)
{
    if (err->code == HIST_ECANCELLED) {
        cli_say("%s: interrupted", what);
        return CLI_INTERRUPTED;
    }
    cli_say("%s: %s (%s)", what, err->message, hist_status_name(err->code));
    return CLI_ERROR;
}

bool cli_is_url(const char *db)
{
    return strncmp(db, "http://", 7) == 0 || strncmp(db, "https://", 8) == 0;
}

static int cli_size(bool columns, const char *variable, int otherwise)
{
    struct winsize size;
    const char *text = getenv(variable);
    int64_t given = 0;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        const int seen = columns ? size.ws_col : size.ws_row;

        if (seen > 0) {
            return seen;
        }
    }
    if (text != NULL && hi_num_parse_i64(text, strlen(text), &given) && given > 0 &&
        given < 10000) {
        return (int)given;
    }
    return otherwise;
}

int cli_width(void)
{
    return cli_size(true, "COLUMNS", 80);
}

int cli_height(void)
{
    return cli_size(false, "LINES", 24);
}

bool cli_colour(const cli *c)
{
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return c->tty_out && !c->ascii && (no == NULL || no[0] == '\0') && term != NULL &&
           strcmp(term, "dumb") != 0;
}

hist_status cli_read_file(hi_buf *to, const char *path, hist_error *err)
{
    const bool is_stdin = strcmp(path, "-") == 0;
    const int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    hist_status status = HIST_OK;
    ssize_t got = 0;

    if (fd < 0) {
        return hi_fail_os(err, errno, "cannot read %s", path);
    }
    do {
        char *room = hi_buf_reserve(to, 65536);

        if (room == NULL) {
            status = hi_fail(err, HIST_ELIMIT, "%s: a script has at most %d MiB", path,
                             CLI_QUERY_BYTES_MAX >> 20);
            break;
        }
        got = read(fd, room, 65536);
        if (got > 0) {
            to->size += (size_t)got;
        }
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (status == HIST_OK && got < 0) {
        status = hi_fail_os(err, errno, "cannot read %s", path);
    }
    if (!is_stdin) {
        (void)close(fd);
    }
    return status;
}
