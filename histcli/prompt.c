/* prompt.c -- libedit, or getline() where it is not; see prompt.h. */
#include "histcli/prompt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef HIST_WITH_EDIT
#include <histedit.h>
#endif

#include "histcli/interrupt.h"

enum { PROMPT_HISTORY_MAX = 2000, PROMPT_PATH_MAX = 4096 };

struct prompt {
    cli *c;
    char path[PROMPT_PATH_MAX]; /* Of the history; empty: none is kept. */
    const char *text;
    char *line; /* getline's. */
    size_t line_size;
#ifdef HIST_WITH_EDIT
    EditLine *editor;
    History *history;
#endif
};

static void prompt_find_history(prompt *p)
{
    const char *given = getenv("HISTCLI_HISTORY");
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int size = 0;

    if (given != NULL) {
        size = snprintf(p->path, sizeof(p->path), "%s", given);
    } else if (state != NULL && state[0] == '/') {
        size = snprintf(p->path, sizeof(p->path), "%s/histcli/history", state);
    } else if (home != NULL && home[0] == '/') {
        size = snprintf(p->path, sizeof(p->path), "%s/.local/state/histcli/history", home);
    }
    if (size < 0 || (size_t)size >= sizeof(p->path)) {
        p->path[0] = '\0';
    }
}

#ifdef HIST_WITH_EDIT

/* Every folder of the path up to its last slash, as far as they are missing. */
static void prompt_make_folders(char *path)
{
    for (char *at = path + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        (void)mkdir(path, 0700);
        *at = '/';
    }
}

static char *prompt_text(EditLine *editor)
{
    prompt *p = NULL;

    (void)el_get(editor, EL_CLIENTDATA, &p);
    /* libedit asks for a writable pointer and does not write. */
    return (char *)(uintptr_t)p->text;
}

static bool prompt_open_editor(prompt *p)
{
    HistEvent event;

    p->history = history_init();
    p->editor = el_init("histcli", stdin, stdout, stderr);
    if (p->history == NULL || p->editor == NULL) {
        return false;
    }
    (void)history(p->history, &event, H_SETSIZE, PROMPT_HISTORY_MAX);
    (void)history(p->history, &event, H_SETUNIQUE, 1);
    if (p->path[0] != '\0') {
        (void)history(p->history, &event, H_LOAD, p->path);
    }
    (void)el_set(p->editor, EL_CLIENTDATA, p);
    (void)el_set(p->editor, EL_PROMPT, prompt_text);
    (void)el_set(p->editor, EL_EDITOR, "emacs");
    (void)el_set(p->editor, EL_HIST, history, p->history);
    (void)el_set(p->editor, EL_BIND, "^R", "em-inc-search-prev", NULL);
    (void)el_source(p->editor, NULL);
    return true;
}

static prompt_result prompt_edit(prompt *p, hist_str *line_out)
{
    int count = 0;

    /* libedit draws the prompt first and makes the terminal raw when it reads: a ^D typed between the two would
     * come as a zero byte and be lost. */
    (void)el_set(p->editor, EL_PREP_TERM, 1);
    errno = 0;
    const char *line = el_gets(p->editor, &count);

    if (line == NULL || count <= 0) {
        if (interrupt_seen() || (line == NULL && errno == EINTR)) {
            (void)el_set(p->editor, EL_REFRESH);
            (void)fputs("^C\n", stdout);
            (void)fflush(stdout);
            el_reset(p->editor);
            return PROMPT_INTERRUPT;
        }
        return PROMPT_END;
    }
    const size_t size = (size_t)count;

    *line_out = (hist_str){line, line[size - 1] == '\n' ? size - 1 : size};
    return PROMPT_LINE;
}

static void prompt_close_editor(prompt *p)
{
    HistEvent event;

    if (p->history != NULL && p->path[0] != '\0') {
        const mode_t mask = umask(0077);

        prompt_make_folders(p->path);
        if (history(p->history, &event, H_SAVE, p->path) >= 0) {
            (void)chmod(p->path, 0600);
        }
        (void)umask(mask);
    }
    if (p->editor != NULL) {
        el_end(p->editor);
    }
    if (p->history != NULL) {
        history_end(p->history);
    }
}

#endif

#ifndef HIST_WITH_EDIT

static prompt_result prompt_plain(prompt *p, hist_str *line_out)
{
    (void)fputs(p->text, stdout);
    (void)fflush(stdout);
    errno = 0;
    const ssize_t got = getline(&p->line, &p->line_size, stdin);

    if (got < 0) {
        const bool interrupted = errno == EINTR && interrupt_seen();

        clearerr(stdin);
        (void)fputs(interrupted ? "^C\n" : "\n", stdout);
        return interrupted ? PROMPT_INTERRUPT : PROMPT_END;
    }
    const size_t size = (size_t)got;

    *line_out = (hist_str){p->line, size > 0 && p->line[size - 1] == '\n' ? size - 1 : size};
    return PROMPT_LINE;
}

#endif

prompt *prompt_open(cli *c)
{
    prompt *p = HI_MEM_NEW(&c->mem, prompt);

    if (p == NULL) {
        return NULL;
    }
    p->c = c;
    prompt_find_history(p);
#ifdef HIST_WITH_EDIT
    if (!prompt_open_editor(p)) {
        prompt_close(p);
        return NULL;
    }
#endif
    return p;
}

void prompt_close(prompt *p)
{
    if (p == NULL) {
        return;
    }
#ifdef HIST_WITH_EDIT
    prompt_close_editor(p);
#endif
    free(p->line);
    HI_MEM_DELETE(&p->c->mem, p);
}

prompt_result prompt_read(prompt *p, const char *text, hist_str *line_out)
{
    p->text = text;
#ifdef HIST_WITH_EDIT
    return prompt_edit(p, line_out);
#else
    return prompt_plain(p, line_out);
#endif
}

void prompt_remember(prompt *p, const char *text, size_t size)
{
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r')) {
        size--;
    }
    if (size == 0 || text[0] == ' ') {
        return;
    }
#ifdef HIST_WITH_EDIT
    HistEvent event;
    char *copy = hi_mem_alloc(&p->c->mem, size + 1);

    if (copy != NULL) {
        memcpy(copy, text, size);
        copy[size] = '\0';
        (void)history(p->history, &event, H_ENTER, copy);
        hi_mem_free(&p->c->mem, copy, size + 1);
    }
#else
    (void)p;
#endif
}
