/* command.c -- .help, .tables, .schema, .format, .timer, .read, .quit; see command.h. */
#include "histcli/command.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "histcli/run.h"

#include "base/err.h"

enum { COMMAND_ARGUMENT_MAX = 4096, COMMAND_READ_DEPTH = 8 };

typedef command_result (*command_fn)(cli *c, source *s, const char *argument);

static command_result command_help(cli *c, source *s, const char *argument);

static int command_print_table(void *arg, const hist_table_info *info)
{
    (void)arg;
    (void)printf("%s\n", info->name);
    return 0;
}

static command_result command_from_status(int status)
{
    return status == CLI_DONE ? COMMAND_DONE : COMMAND_FAILED;
}

static command_result command_engine(cli *c, source *s, const char *kql)
{
    const run_text text = {kql, strlen(kql), NULL, 1};

    return command_from_status(run_query(c, s, &text));
}

static command_result command_tables(cli *c, source *s, const char *argument)
{
    hist_error err;

    (void)argument;
    if (source_db(s) == NULL) {
        return command_engine(c, s, ".show tables | project TableName");
    }
    if (hist_tables(source_db(s), c->database, command_print_table, NULL, &err) != HIST_OK &&
        err.code != HIST_ENOTFOUND) {
        (void)cli_failed(".tables", &err);
        return COMMAND_FAILED;
    }
    (void)fflush(stdout);
    return COMMAND_DONE;
}

typedef struct command_search {
    const char *table;
    bool found;
} command_search;

static int command_print_schema(void *arg, const hist_table_info *info)
{
    static const char *const kinds[] = {"", "time", "tag", "field"};
    command_search *search = arg;

    if (strcmp(info->name, search->table) != 0) {
        return 0;
    }
    search->found = true;
    for (uint32_t i = 0; i < info->column_count; i++) {
        (void)printf("%-32s %-10s %s\n", info->columns[i].name,
                     hist_type_name(info->columns[i].type), kinds[info->columns[i].kind]);
    }
    (void)printf("%llu series\n", (unsigned long long)info->series_count);
    return 1;
}

static command_result command_schema(cli *c, source *s, const char *argument)
{
    command_search search = {argument, false};
    char kql[COMMAND_ARGUMENT_MAX + 64];
    hist_error err;

    if (argument[0] == '\0') {
        cli_say(".schema needs the name of a table; .tables lists them");
        return COMMAND_FAILED;
    }
    if (source_db(s) == NULL) {
        (void)snprintf(kql, sizeof(kql), "['%s'] | getschema | project ColumnName, ColumnType",
                       argument);
        return command_engine(c, s, kql);
    }
    if (hist_tables(source_db(s), c->database, command_print_schema, &search, &err) != HIST_OK &&
        err.code != HIST_ENOTFOUND) {
        (void)cli_failed(".schema", &err);
        return COMMAND_FAILED;
    }
    (void)fflush(stdout);
    if (!search.found) {
        cli_say("there is no table '%s'; .tables lists them", argument);
    }
    return search.found ? COMMAND_DONE : COMMAND_FAILED;
}

static command_result command_format(cli *c, source *s, const char *argument)
{
    (void)s;
    if (argument[0] == '\0') {
        (void)printf("%s\n", cli_format_name(c->format));
        (void)fflush(stdout);
        return COMMAND_DONE;
    }
    if (!cli_format_of(argument, &c->format)) {
        cli_say("no format '%s'; there are %s", argument, CLI_FORMAT_NAMES);
        return COMMAND_FAILED;
    }
    c->format_given = c->format != FORMAT_TABLE;
    return COMMAND_DONE;
}

static command_result command_timer(cli *c, source *s, const char *argument)
{
    (void)s;
    if (strcmp(argument, "on") != 0 && strcmp(argument, "off") != 0) {
        cli_say(".timer takes on or off");
        return COMMAND_FAILED;
    }
    c->timer = argument[1] == 'n';
    return COMMAND_DONE;
}

static command_result command_read(cli *c, source *s, const char *argument)
{
    hi_buf text;
    hist_error err;
    command_result result = COMMAND_FAILED;

    if (argument[0] == '\0') {
        cli_say(".read needs the name of a file");
        return COMMAND_FAILED;
    }
    if (c->read_depth == COMMAND_READ_DEPTH) {
        cli_say(".read %s: files read each other more than %d deep", argument, COMMAND_READ_DEPTH);
        return COMMAND_FAILED;
    }
    hi_buf_init(&text, &c->mem, CLI_QUERY_BYTES_MAX);
    if (cli_read_file(&text, argument, &err) != HIST_OK) {
        (void)cli_failed(".read", &err);
    } else {
        const run_text script = {text.data, text.size, argument, 1};

        c->read_depth++;
        result = command_from_status(run_script(c, s, &script));
        c->read_depth--;
    }
    hi_buf_free(&text);
    return result;
}

static command_result command_quit(cli *c, source *s, const char *argument)
{
    (void)c;
    (void)s;
    (void)argument;
    return COMMAND_QUIT;
}

static const struct {
    const char *name;
    command_fn fn;
    const char *help;
} commands[] = {
    {".help", command_help, "                 this list"},
    {".tables", command_tables, "               the tables"},
    {".schema", command_schema, " TABLE         its columns"},
    {".format", command_format, " [FORMAT]      " CLI_FORMAT_NAMES},
    {".timer", command_timer, " on|off         time and blocks of each query"},
    {".read", command_read, " FILE            runs a script"},
    {".quit", command_quit, "                 leaves, as ^D does"},
};

static command_result command_help(cli *c, source *s, const char *argument)
{
    (void)c;
    (void)s;
    (void)argument;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        (void)printf("%s%s\n", commands[i].name, commands[i].help);
    }
    (void)printf(
        "A query ends with ';' or an empty line; a line that begins with '|' continues it.\n"
        "Everything else that begins with a dot (.show tables) goes to the engine.\n");
    (void)fflush(stdout);
    return COMMAND_DONE;
}

static size_t command_word(hist_str line)
{
    size_t end = 0;

    while (end < line.size && !isspace((unsigned char)line.data[end]) && line.data[end] != ';') {
        end++;
    }
    return end;
}

bool command_is_ours(hist_str line)
{
    const size_t word = command_word(line);

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (word == strlen(commands[i].name) && memcmp(line.data, commands[i].name, word) == 0) {
            return true;
        }
    }
    return false;
}

command_result command_run(cli *c, source *s, hist_str line)
{
    char argument[COMMAND_ARGUMENT_MAX];
    const size_t word = command_word(line);
    size_t from = word;
    size_t to = line.size;

    while (from < to && isspace((unsigned char)line.data[from])) {
        from++;
    }
    while (to > from && (isspace((unsigned char)line.data[to - 1]) || line.data[to - 1] == ';')) {
        to--;
    }
    if (to - from >= sizeof(argument)) {
        cli_say("the argument of %.*s is too long", (int)word, line.data);
        return COMMAND_FAILED;
    }
    memcpy(argument, line.data + from, to - from);
    argument[to - from] = '\0';
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (word == strlen(commands[i].name) && memcmp(line.data, commands[i].name, word) == 0) {
            return commands[i].fn(c, s, argument);
        }
    }
    return COMMAND_FAILED;
}
