/* run.c -- asking, printing and complaining; see run.h. */
#include "histcli/run.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "histcli/command.h"
#include "histcli/complain.h"
#include "histcli/interrupt.h"
#include "histcli/newest.h"
#include "histcli/print.h"
#include "histcli/script.h"

#include "base/err.h"

static double run_seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int run_failed(const source *s, const run_text *text, const hist_error *err)
{
    if (err->code == HIST_ECANCELLED && interrupt_seen()) {
        cli_say("interrupted");
        return CLI_INTERRUPTED;
    }
    complain_query(text, err);
    return source_unreachable(s) ? CLI_OPEN : CLI_ERROR;
}

static void run_timing(const cli *c, const source *s, const print *p, double seconds)
{
    hist_query_stats stats;
    char extra[96] = "";

    if (!c->timer) {
        return;
    }
    if (source_stats(s, &stats)) {
        (void)snprintf(extra, sizeof(extra), ", blocks read %llu, skipped %llu",
                       (unsigned long long)stats.blocks_read,
                       (unsigned long long)stats.blocks_skipped);
    }
    (void)fprintf(stderr, "%llu rows, %.1f ms%s\n", (unsigned long long)print_rows(p),
                  seconds * 1e3, extra);
}

static int run_whole(cli *c, source *s, const run_text *text)
{
    hist_error err;
    print *p = NULL;
    const double start = run_seconds();
    hist_status status = print_open(c, &p, &err);

    if (status != HIST_OK) {
        return cli_failed("output", &err);
    }
    print_expect_chart(p, script_renders(text->data, text->size));
    status = source_query(s, text->data, text->size, print_sink(p), &err);
    if (status == HIST_OK) {
        status = print_finish(p, &err);
    }
    const int result = status == HIST_OK ? CLI_DONE : run_failed(s, text, &err);

    if (result == CLI_DONE) {
        run_timing(c, s, p, run_seconds() - start);
        if (print_last_rows(p) == 0) {
            newest_tell(c, s, text->data, text->size);
        }
    }
    print_close(p);
    return result;
}

int run_query(cli *c, source *s, const run_text *text)
{
    const script_end end = script_scan(text->data, text->size);

    interrupt_clear();
    if (end.state == SCRIPT_EMPTY) {
        return CLI_DONE;
    }
    if (end.state == SCRIPT_OPEN) {
        complain_incomplete(text, end.open, end.open_at);
        return CLI_INCOMPLETE;
    }
    return run_whole(c, s, text);
}

/* ---- scripts ---- */

static hist_str run_line(const char *text, size_t size, size_t at)
{
    const char *end = memchr(text + at, '\n', size - at);

    return (hist_str){text + at, end == NULL ? size - at : (size_t)(end - text) - at};
}

static bool run_is_blank(hist_str line)
{
    for (size_t i = 0; i < line.size; i++) {
        if (!isspace((unsigned char)line.data[i])) {
            return false;
        }
    }
    return true;
}

/* Does a unit of the script end before this line? Only commands, which begin with a dot, make units. */
static bool run_cuts(const run_text *unit, hist_str line)
{
    const bool begins =
        line.size > 1 && line.data[0] == '.' && isalpha((unsigned char)line.data[1]);
    const script_end end = script_scan(unit->data, unit->size);
    const bool command = unit->size > end.statement && unit->data[end.statement] == '.';

    if (end.state != SCRIPT_WHOLE) {
        return false;
    }
    return begins || (command && !run_is_blank(line) && !script_continues(line));
}

/* The longest beginning of the text that is one unit: a command with its pipes, or KQL up to the next command. */
static run_text run_unit(const run_text *text)
{
    run_text unit = {text->data, 0, text->name, text->line};

    for (size_t at = 0; at < text->size;) {
        const hist_str line = run_line(text->data, text->size, at);

        /* Only such lines can cut; the others need no look at all that came before. */
        if (at > 0 && (text->data[0] == '.' || (line.size > 0 && line.data[0] == '.')) &&
            run_cuts(&unit, line)) {
            break;
        }
        at += line.size + (at + line.size < text->size ? 1 : 0);
        unit.size = at;
    }
    return unit;
}

int run_script(cli *c, source *s, const run_text *text)
{
    run_text rest = *text;
    int result = CLI_DONE;

    while (rest.size > 0 && result == CLI_DONE) {
        const hist_str line = run_line(rest.data, rest.size, 0);
        run_text unit = rest;

        if (run_is_blank(line)) {
            unit.size = line.size + (line.size < rest.size ? 1 : 0);
        } else if (command_is_ours(line)) {
            unit.size = line.size + (line.size < rest.size ? 1 : 0);
            const command_result done = command_run(c, s, line);

            if (done == COMMAND_QUIT) {
                return CLI_DONE;
            }
            result = done == COMMAND_FAILED ? CLI_ERROR : CLI_DONE;
        } else {
            unit = run_unit(&rest);
            result = run_query(c, s, &unit);
        }
        for (size_t i = 0; i < unit.size; i++) {
            rest.line += unit.data[i] == '\n';
        }
        rest.data += unit.size;
        rest.size -= unit.size;
    }
    return result;
}
