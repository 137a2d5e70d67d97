/* script.c -- the outline of KQL text; see script.h. */
#include "histcli/script.h"

#include <ctype.h>
#include <string.h>

enum { SCRIPT_DEPTH_MAX = 256, SCRIPT_LETS_MAX = 16 };

/* Behind the string that begins at `at`, or size + 1 when it does not end. */
static size_t script_string(const char *text, size_t size, size_t at)
{
    const char quote = text[at];
    const bool raw = at > 0 && text[at - 1] == '@';

    if (quote == '`' || quote == '~') {
        for (size_t i = at + 3; i + 3 <= size; i++) {
            if (text[i] == quote && text[i + 1] == quote && text[i + 2] == quote) {
                return i + 3;
            }
        }
        return size + 1;
    }
    for (size_t i = at + 1; i < size; i++) {
        if (text[i] == '\\' && !raw) {
            i++;
        } else if (text[i] == quote && raw && i + 1 < size && text[i + 1] == quote) {
            i++;
        } else if (text[i] == quote) {
            return i + 1;
        }
    }
    return size + 1;
}

static bool script_at_string(const char *text, size_t size, size_t at)
{
    const char c = text[at];

    if (c == '"' || c == '\'') {
        return true;
    }
    return (c == '`' || c == '~') && size - at >= 3 && text[at + 1] == c && text[at + 2] == c;
}

static size_t script_line_end(const char *text, size_t size, size_t at)
{
    const char *end = memchr(text + at, '\n', size - at);

    return end == NULL ? size : (size_t)(end - text);
}

/* The place behind blanks and comments. */
static size_t script_skip(const char *text, size_t size, size_t at)
{
    while (at < size) {
        if (isspace((unsigned char)text[at])) {
            at++;
        } else if (text[at] == '/' && size - at >= 2 && text[at + 1] == '/') {
            at = script_line_end(text, size, at);
        } else {
            break;
        }
    }
    return at;
}

typedef struct script_scanner {
    script_end end;
    size_t open[SCRIPT_DEPTH_MAX];
    uint32_t depth;
    size_t last; /* The last byte that counts. */
    bool fresh;  /* The next thing begins a statement. */
} script_scanner;

static void script_bracket(script_scanner *s, char c, size_t at)
{
    if (c == '(' || c == '[' || c == '{') {
        if (s->depth < SCRIPT_DEPTH_MAX) {
            s->open[s->depth] = at;
        }
        s->depth++;
    } else if ((c == ')' || c == ']' || c == '}') && s->depth > 0) {
        s->depth--;
    }
}

/* Statements are parted inside of { } only: bodies of functions. */
static void script_semicolon(script_scanner *s, const char *text)
{
    if (s->depth == 0) {
        s->fresh = true;
    } else if (s->depth <= SCRIPT_DEPTH_MAX && text[s->open[s->depth - 1]] != '{') {
        s->end.broken = true;
    }
}

static script_end script_finish(script_scanner *s, const char *text)
{
    const char last = s->end.state == SCRIPT_EMPTY ? '\0' : text[s->last];

    s->end.semicolon = last == ';' && s->depth == 0;
    if (s->end.broken) {
        return s->end; /* Whole enough for the parser to say what is wrong with it. */
    }
    if (s->depth > 0) {
        s->end.open_at =
            s->open[s->depth <= SCRIPT_DEPTH_MAX ? s->depth - 1 : SCRIPT_DEPTH_MAX - 1];
        s->end.open = text[s->end.open_at];
        s->end.state = SCRIPT_OPEN;
    } else if (last == '|') {
        s->end.open_at = s->last;
        s->end.open = '|';
        s->end.state = SCRIPT_OPEN;
    }
    return s->end;
}

script_end script_scan(const char *text, size_t size)
{
    script_scanner s = {.fresh = true};

    for (size_t at = script_skip(text, size, 0); at < size; at = script_skip(text, size, at)) {
        const char c = text[at];

        if (s.fresh && c != ';') {
            s.end.statement = at;
            s.fresh = false;
        }
        s.end.state = SCRIPT_WHOLE;
        s.last = at;
        if (script_at_string(text, size, at)) {
            const size_t end = script_string(text, size, at);

            if (end > size && s.end.broken) {
                break;
            }
            if (end > size) {
                s.end.state = SCRIPT_OPEN;
                s.end.open = c;
                s.end.open_at = at;
                return s.end;
            }
            s.last = end - 1;
            at = end;
            continue;
        }
        script_bracket(&s, c, at);
        if (c == ';') {
            script_semicolon(&s, text);
        }
        at++;
    }
    return script_finish(&s, text);
}

static hist_str script_word(const char *text, size_t size, size_t at)
{
    size_t end = at;

    while (end < size && (isalnum((unsigned char)text[end]) || text[end] == '_')) {
        end++;
    }
    return (hist_str){text + at, end - at};
}

bool script_only_prepares(const char *text, size_t size)
{
    static const char *const words[] = {"let", "declare", "set", "alias", "restrict"};
    const script_end end = script_scan(text, size);
    const hist_str word = script_word(text, size, end.statement);

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (word.size == strlen(words[i]) && memcmp(word.data, words[i], word.size) == 0) {
            return true;
        }
    }
    return false;
}

static bool script_is(hist_str word, const char *name)
{
    return word.size == strlen(name) && memcmp(word.data, name, word.size) == 0;
}

/* The table that the pipe at `at` begins with. */
static hist_str script_first(const char *text, size_t size, size_t at)
{
    const hist_str none = {text, 0};

    while (at < size && text[at] == '(') {
        at = script_skip(text, size, at + 1);
    }

    if (at + 4 < size && text[at] == '[' && (text[at + 1] == '\'' || text[at + 1] == '"')) {
        const size_t end = script_string(text, size, at + 1);

        return end <= size ? (hist_str){text + at + 2, end - at - 3} : none;
    }
    const hist_str word = script_word(text, size, at);
    const size_t next = script_skip(text, size, at + word.size);

    if (next < size && text[next] == '(' && script_is(word, "materialize")) {
        return script_first(text, size, next);
    }
    /* `print ...`, `range ...`, `union ...` and calls are no tables. */
    return next >= size || strchr("|;)", text[next]) != NULL ? word : none;
}

/* Behind the statement that begins at `at`: its semicolon, or the end. */
static size_t script_statement_end(const char *text, size_t size, size_t at)
{
    int depth = 0;

    for (; at < size; at = script_skip(text, size, at)) {
        if (script_at_string(text, size, at)) {
            at = script_string(text, size, at);
            continue;
        }
        depth += strchr("([{", text[at]) != NULL && text[at] != '\0';
        depth -= strchr(")]}", text[at]) != NULL && text[at] != '\0';
        if (text[at] == ';' && depth <= 0) {
            return at;
        }
        at++;
    }
    return size;
}

/* Where the value of the last `let NAME = value` in front of `before` begins, or `before`. */
static size_t script_let(const char *text, size_t before, hist_str name)
{
    size_t found = before;

    for (size_t at = script_skip(text, before, 0); at < before;
         at = script_skip(text, before, script_statement_end(text, before, at) + 1)) {
        const hist_str let = script_word(text, before, at);
        const size_t name_at = script_skip(text, before, at + let.size);
        const hist_str given = script_word(text, before, name_at);
        const size_t equals = script_skip(text, before, name_at + given.size);

        if (script_is(let, "let") && given.size == name.size &&
            memcmp(given.data, name.data, name.size) == 0 && equals < before &&
            text[equals] == '=') {
            found = script_skip(text, before, equals + 1);
        }
    }
    return found;
}

hist_str script_table(const char *text, size_t size)
{
    size_t at = script_scan(text, size).statement;
    size_t before = at;
    hist_str table = script_first(text, size, at);

    /* A value sees only names that were given before it. */
    for (int i = 0; i < SCRIPT_LETS_MAX && table.size > 0; i++) {
        at = script_let(text, before, table);
        if (at == before) {
            break;
        }
        table = script_first(text, before, at);
        before = at;
    }
    return table;
}

/* `render table` and `render card` are tables. */
static bool script_is_drawn(const char *text, size_t size, size_t at)
{
    at = script_skip(text, size, at);
    const hist_str word = script_word(text, size, at);

    return !(word.size == 5 && memcmp(word.data, "table", 5) == 0) &&
           !(word.size == 4 && memcmp(word.data, "card", 4) == 0);
}

bool script_renders(const char *text, size_t size)
{
    bool pipe = false;

    for (size_t at = script_skip(text, size, 0); at < size; at = script_skip(text, size, at)) {
        if (script_at_string(text, size, at)) {
            at = script_string(text, size, at);
            pipe = false;
            continue;
        }
        const hist_str word = script_word(text, size, at);

        if (pipe && word.size == 6 && memcmp(word.data, "render", 6) == 0) {
            return script_is_drawn(text, size, at + word.size);
        }
        pipe = text[at] == '|';
        at += word.size > 0 ? word.size : 1;
    }
    return false;
}

void script_place(const char *text, size_t at, uint32_t *line_out, uint32_t *column_out)
{
    *line_out = 1;
    *column_out = 1;
    for (size_t i = 0; i < at; i++) {
        if (text[i] == '\n') {
            *line_out += 1;
            *column_out = 1;
        } else if (((unsigned char)text[i] & 0xc0) != 0x80) {
            *column_out += 1;
        }
    }
}

bool script_continues(hist_str line)
{
    for (size_t i = 0; i < line.size; i++) {
        if (!isspace((unsigned char)line.data[i])) {
            return line.data[i] == '|';
        }
    }
    return false;
}
