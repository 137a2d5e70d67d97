/* repl.c -- reads statements of one or more lines and runs them; see repl.h. */
#include "histcli/repl.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "histcli/command.h"
#include "histcli/interrupt.h"
#include "histcli/prompt.h"
#include "histcli/run.h"
#include "histcli/script.h"

#define REPL_PROMPT "kql> "
#define REPL_MORE   "   | "

typedef struct repl {
    cli *c;
    source *s;
    prompt *p;
    hi_buf text; /* The statement so far. */
    bool quit;
} repl;

static bool repl_is_blank(hist_str line)
{
    for (size_t i = 0; i < line.size; i++) {
        if (!isspace((unsigned char)line.data[i])) {
            return false;
        }
    }
    return true;
}

static void repl_execute(repl *r)
{
    const run_text text = {r->text.data, r->text.size, NULL, 1};

    prompt_remember(r->p, r->text.data, r->text.size);
    (void)run_query(r->c, r->s, &text);
    hi_buf_clear(&r->text);
}

static void repl_command(repl *r, hist_str line)
{
    prompt_remember(r->p, line.data, line.size);
    r->quit = command_run(r->c, r->s, line) == COMMAND_QUIT;
}

/* A semicolon ends a statement, but `let x = 1;` waits for the query it prepares; a command of the engine is one line. */
static bool repl_complete(const repl *r)
{
    const script_end end = script_scan(r->text.data, r->text.size);

    if (end.state != SCRIPT_WHOLE) {
        return false;
    }
    if (end.broken) {
        return true;
    }
    if (end.semicolon) {
        return !script_only_prepares(r->text.data, r->text.size);
    }
    return r->text.data[end.statement] == '.';
}

static void repl_line(repl *r, hist_str line)
{
    const bool blank = repl_is_blank(line);

    if (r->text.size == 0 && blank) {
        return;
    }
    if (r->text.size == 0 && command_is_ours(line)) {
        repl_command(r, line);
        return;
    }
    if (!blank) {
        hi_buf_append(&r->text, line.data, line.size);
        hi_buf_byte(&r->text, '\n');
    }
    if (!hi_buf_ok(&r->text)) {
        cli_say("a statement has at most %d MiB", CLI_QUERY_BYTES_MAX >> 20);
        hi_buf_clear(&r->text);
    } else if (blank || repl_complete(r)) {
        repl_execute(r);
    }
}

int repl_run(cli *c, source *s, const char *db)
{
    repl r = {.c = c, .s = s};

    c->interactive = true;
    r.p = prompt_open(c);
    if (r.p == NULL) {
        cli_say("no memory for a prompt");
        return CLI_ERROR;
    }
    hi_buf_init(&r.text, &c->mem, CLI_QUERY_BYTES_MAX);
    (void)printf(
        "histcli %s, %s. A query ends with ';' or an empty line; .help helps, ^D leaves.\n",
        hist_version(), db);
    (void)fflush(stdout);
    while (!r.quit) {
        hist_str line = {NULL, 0};
        const prompt_result got =
            prompt_read(r.p, r.text.size == 0 ? REPL_PROMPT : REPL_MORE, &line);

        if (got == PROMPT_END) {
            if (r.text.size > 0) {
                repl_execute(&r);
            }
            break;
        }
        if (got == PROMPT_INTERRUPT) {
            hi_buf_clear(&r.text);
        } else {
            repl_line(&r, line);
        }
        interrupt_clear();
    }
    hi_buf_free(&r.text);
    prompt_close(r.p);
    return CLI_DONE;
}
