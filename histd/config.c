/* config.c -- one table of settings feeds flags, environment and file; see config.h. */
#include "histd/config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef HIST_WITH_INIH
#include <ini.h>
#endif

#include "histd/net.h"

typedef enum config_kind {
    CONFIG_TEXT,      /* room bytes */
    CONFIG_COUNT,     /* 12 */
    CONFIG_BYTES,     /* 64M */
    CONFIG_SPAN,      /* 10m, kept in ms; 0 is off */
    CONFIG_FLAG,      /* no value as a flag; yes or no elsewhere */
    CONFIG_PRECISION, /* ns us ms s */
    CONFIG_LEVEL,     /* error warning info debug */
} config_kind;

typedef struct config_item {
    const char *name;
    config_kind kind;
    size_t at; /* In histd_config. */
    size_t room;
    int64_t least;
    int64_t most;
    const char *value; /* In --help. */
    const char *help;
} config_item;

#define AT(field)    offsetof(histd_config, field)
#define TEXT(field)  CONFIG_TEXT, AT(field), sizeof(((histd_config *)NULL)->field), 0, 0
#define GIB          (INT64_C(1) << 30)
#define DAY_MS       INT64_C(86400000)
#define CENTURIES_MS (INT64_C(290) * 365 * DAY_MS)

static const config_item config_items[] = {
    {"data", TEXT(data), "DIR", "folder of the store; created when new (needed)"},
    {"config", TEXT(file), "FILE", "read settings from FILE, one NAME = VALUE a line"},
    {"tcp", TEXT(tcp), "ADDR:PORT", "line protocol [127.0.0.1:9009]; off: none"},
    {"http", TEXT(http), "ADDR:PORT", "HTTP [127.0.0.1:8086]; off: none"},
    {"threads", CONFIG_COUNT, AT(threads), 0, 1, 256, "N",
     "threads that read TCP streams [one a CPU, at most 4]"},
    {"upkeep-threads", CONFIG_COUNT, AT(upkeep_threads), 0, 1, 64, "N",
     "threads of the store for flushes and merges [1]"},
    {"memory", CONFIG_BYTES, AT(memory), 0, 2 << 20, 16384 * GIB, "BYTES",
     "budget of the store: chunks, caches, queries [256M]"},
    {"query-memory", CONFIG_BYTES, AT(query_memory), 0, 0, 16384 * GIB, "BYTES",
     "budget of one query [half of memory]"},
    {"query-time", CONFIG_SPAN, AT(query_time_ms), 0, 0, CENTURIES_MS, "SPAN",
     "longest a query may run [4m]"},
    {"tcp-precision", CONFIG_PRECISION, AT(tcp_precision), 0, 0, 0, "ns|us|ms|s",
     "of times on the TCP port [ns]"},
    {"tcp-database", TEXT(tcp_database), "NAME", "where rows of the TCP port go [default]"},
    {"tcp-connections", CONFIG_COUNT, AT(tcp_connections), 0, 1, 1000000, "N",
     "most at a time [1024]"},
    {"tcp-idle", CONFIG_SPAN, AT(tcp_idle_ms), 0, 0, CENTURIES_MS, "SPAN",
     "a silent stream is answered and closed after this; 0: never [10m]"},
    {"http-connections", CONFIG_COUNT, AT(http_connections), 0, 4, 100000, "N",
     "most at a time [256]"},
    {"http-body", CONFIG_BYTES, AT(http_body), 0, 1024, 64 << 20, "BYTES",
     "largest body of a write, after inflating [32M]"},
    {"commit-interval", CONFIG_SPAN, AT(commit_ms), 0, 1, 1000, "SPAN",
     "an open stream is committed and synced this often [500ms]"},
    {"partition", CONFIG_SPAN, AT(partition_ms), 0, 60000, 400 * DAY_MS, "SPAN",
     "width of new partitions [1d]"},
    {"retention", CONFIG_SPAN, AT(retention_ms), 0, 0, CENTURIES_MS, "SPAN",
     "drop rows older than this; 0: never [0]"},
    {"cold-after", CONFIG_SPAN, AT(cold_after_ms), 0, 0, CENTURIES_MS, "SPAN",
     "rewrite older partitions smaller; 0: never [0]"},
    {"max-age", CONFIG_SPAN, AT(max_age_ms), 0, 0, CENTURIES_MS, "SPAN",
     "refuse rows older than this; 0: off [0]"},
    {"max-future", CONFIG_SPAN, AT(max_future_ms), 0, 0, CENTURIES_MS, "SPAN",
     "refuse rows further ahead than this; 0: off [0]"},
    {"log-level", CONFIG_LEVEL, AT(log_level), 0, 0, 0, "LEVEL",
     "error, warning, info or debug [info]; reloaded by SIGHUP"},
    {"allow-remote", CONFIG_FLAG, AT(allow_remote), 0, 0, 0, NULL,
     "listen on addresses other machines reach, without TLS or credentials"},
    {"any-filesystem", CONFIG_FLAG, AT(any_filesystem), 0, 0, 0, NULL,
     "also where a flush to disk cannot be trusted (network, FUSE)"},
    {"check-config", CONFIG_FLAG, AT(check_only), 0, 0, 0, NULL,
     "check the settings, open nothing, and leave"},
};
enum { CONFIG_ITEMS = sizeof(config_items) / sizeof(config_items[0]) };

static void config_defaults(histd_config *c)
{
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    *c = (histd_config){
        .tcp = "127.0.0.1:9009",
        .http = "127.0.0.1:8086",
        .tcp_connections = 1024,
        .tcp_idle_ms = 600000,
        .http_connections = 256,
        .http_body = 32 << 20,
        .threads = cpus < 1   ? 1
                   : cpus > 4 ? 4
                              : cpus,
        .upkeep_threads = 1,
        .commit_ms = 500,
        .memory = 256 << 20,
        .query_time_ms = 240000,
        .partition_ms = DAY_MS,
        .log_level = LOG_LEVEL_INFO,
    };
}

/* ---- values ---- */

typedef struct config_unit {
    const char *name;
    int64_t factor;
} config_unit;

static const config_unit config_sizes[] = {{"", 1},          {"k", 1 << 10}, {"K", 1 << 10},
                                           {"KiB", 1 << 10}, {"M", 1 << 20}, {"MiB", 1 << 20},
                                           {"G", GIB},       {"GiB", GIB},   {NULL, 0}};
static const config_unit config_spans[] = {{"ms", 1},      {"s", 1000},   {"m", 60000},
                                           {"h", 3600000}, {"d", DAY_MS}, {"w", 7 * DAY_MS},
                                           {NULL, 0}};
static const config_unit config_counts[] = {{"", 1}, {NULL, 0}};

/* Digits and one of the units; "0" needs none. */
static bool config_number(const char *text, const config_unit *units, int64_t *out)
{
    char *end = NULL;

    errno = 0;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    const long long number = strtoll(text, &end, 10);
    for (const config_unit *u = units; u->name != NULL; u++) {
        if (strcmp(end, u->name) == 0) {
            return errno == 0 && !__builtin_mul_overflow((int64_t)number, u->factor, out);
        }
    }
    *out = 0;
    return number == 0 && *end == '\0';
}

static bool config_word(const char *text, const char *const *words, int64_t *out)
{
    for (int64_t i = 0; words[i] != NULL; i++) {
        if (strcmp(text, words[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static const char *config_wanted(config_kind kind)
{
    static const char *const wanted[] = {
        [CONFIG_TEXT] = "a text",
        [CONFIG_COUNT] = "a whole number",
        [CONFIG_BYTES] = "bytes, such as 65536, 64K, 256M or 2G",
        [CONFIG_SPAN] = "a time, such as 500ms, 30s, 10m, 12h, 7d or 0",
        [CONFIG_FLAG] = "yes or no",
        [CONFIG_PRECISION] = "ns, us, ms or s",
        [CONFIG_LEVEL] = "error, warning, info or debug",
    };

    return wanted[kind];
}

static bool config_read(const config_item *item, const char *text, int64_t *out)
{
    static const char *const precisions[] = {"ns", "us", "ms", "s", NULL};
    static const char *const answers[] = {"no", "yes", NULL};

    switch (item->kind) {
    case CONFIG_COUNT:
        return config_number(text, config_counts, out);
    case CONFIG_BYTES:
        return config_number(text, config_sizes, out);
    case CONFIG_SPAN:
        return config_number(text, config_spans, out);
    case CONFIG_FLAG:
        return config_word(text, answers, out);
    case CONFIG_PRECISION:
        return config_word(text, precisions, out);
    case CONFIG_LEVEL:
        *out = (int64_t)log_level_of(text);
        return *out != 0;
    case CONFIG_TEXT:
    default:
        return false;
    }
}

/* where: "--tcp", "HISTD_TCP" or "FILE: tcp", for the message. */
static bool config_set(histd_config *c, const config_item *item, const char *text,
                       const char *where, char *why)
{
    char *field = (char *)c + item->at;
    int64_t number = 0;

    if (strcmp(item->name, "http") == 0) {
        c->http_given = true;
    }
    if (item->kind == CONFIG_TEXT) {
        const size_t size = strlen(text);

        if (size >= item->room) {
            (void)snprintf(why, CONFIG_WHY_SIZE, "%s: %zu bytes, allowed are %zu", where, size,
                           item->room - 1);
            return false;
        }
        memcpy(field, text, size + 1);
        return true;
    }
    if (!config_read(item, text, &number)) {
        (void)snprintf(why, CONFIG_WHY_SIZE, "%s: '%s' is not %s", where, text,
                       config_wanted(item->kind));
        return false;
    }
    if (item->most > 0 && (number < item->least || number > item->most)) {
        (void)snprintf(why, CONFIG_WHY_SIZE, "%s: %s is out of range: %lld to %lld%s are allowed",
                       where, text, (long long)item->least, (long long)item->most,
                       item->kind == CONFIG_SPAN ? " ms" : "");
        return false;
    }
    memcpy(field, &number, sizeof(number));
    return true;
}

static const config_item *config_find(const char *name)
{
    for (int i = 0; i < CONFIG_ITEMS; i++) {
        if (strcmp(config_items[i].name, name) == 0) {
            return &config_items[i];
        }
    }
    return NULL;
}

/* ---- sources ---- */

#ifdef HIST_WITH_INIH
typedef struct config_reader {
    histd_config *config;
    char *why;
    bool failed;
} config_reader;

static int config_ini(void *arg, const char *section, const char *name, const char *value)
{
    config_reader *r = arg;
    char where[CONFIG_NAME_SIZE];

    if (r->failed) {
        return 0;
    }
    const config_item *item = config_find(name);
    (void)snprintf(where, sizeof(where), "%.200s", name);
    if (section[0] != '\0' && strcmp(section, "histd") != 0) {
        (void)snprintf(r->why, CONFIG_WHY_SIZE,
                       "section [%.200s] is unknown; there is [histd] only", section);
        r->failed = true;
    } else if (item == NULL || item->at == AT(file) || item->at == AT(check_only)) {
        (void)snprintf(r->why, CONFIG_WHY_SIZE,
                       "'%.200s' is not a setting (histd --help names them)", name);
        r->failed = true;
    } else {
        r->failed = !config_set(r->config, item, value, where, r->why);
    }
    return r->failed ? 0 : 1;
}

static bool config_from_file(histd_config *c, char *why)
{
    char reason[CONFIG_WHY_SIZE] = "not NAME = VALUE";
    config_reader reader = {.config = c, .why = reason};
    const int line = ini_parse(c->file, config_ini, &reader);

    if (line == 0) {
        return true;
    }
    if (line < 0) {
        (void)snprintf(why, CONFIG_WHY_SIZE, "cannot read %.500s: %s", c->file,
                       line == -1 ? strerror(errno) : "out of memory");
    } else {
        (void)snprintf(why, CONFIG_WHY_SIZE, "%.400s:%d: %.500s", c->file, line, reason);
    }
    return false;
}
#else
static bool config_from_file(histd_config *c, char *why)
{
    (void)c;
    (void)snprintf(why, CONFIG_WHY_SIZE,
                   "--config was left out of this build (it needs libinih-dev): use flags or "
                   "HISTD_ variables");
    return false;
}
#endif

static bool config_from_environment(histd_config *c, char *why)
{
    for (int i = 0; i < CONFIG_ITEMS; i++) {
        char name[64] = "HISTD_";
        size_t n = strlen(name);

        for (const char *p = config_items[i].name; *p != '\0' && n + 1 < sizeof(name); p++) {
            name[n++] = *p == '-' ? '_' : (char)(*p - 'a' + 'A');
        }
        name[n] = '\0';
        const char *value = getenv(name);
        if (value != NULL && !config_set(c, &config_items[i], value, name, why)) {
            return false;
        }
    }
    return true;
}

static void config_help(void)
{
    (void)printf(
        "usage: histd --data DIR [options]\n"
        "The time-series daemon: line protocol over TCP and HTTP in, KQL over HTTP out.\n\n");
    for (int i = 0; i < CONFIG_ITEMS; i++) {
        char left[64];

        (void)snprintf(left, sizeof(left), "--%s %s", config_items[i].name,
                       config_items[i].value == NULL ? "" : config_items[i].value);
        (void)printf("  %-28s %s\n", left, config_items[i].help);
    }
    (void)printf("  %-28s %s\n  %-28s %s\n\n", "--help", "this text", "--version", "the version");
    (void)printf(
        "Each option can also be set as HISTD_NAME (dashes are underscores; yes or no for\n"
        "what has no value) and, except --config, in the file. Flags win, then the\n"
        "environment, then the file. SIGTERM drains, commits and ends; SIGHUP reloads.\n"
        "exit status: 0 ended as asked, 1 failed while running, 2 wrong usage, 3 cannot open\n");
}

/* Flags; only --config (and what ends at once) when first. */
static config_verdict config_from_flags(int argc, char **argv, histd_config *c, bool first,
                                        char *why)
{
    struct option options[CONFIG_ITEMS + 3] = {0};
    int index = 0;

    for (int i = 0; i < CONFIG_ITEMS; i++) {
        options[i].name = config_items[i].name;
        options[i].has_arg = config_items[i].kind == CONFIG_FLAG ? no_argument : required_argument;
        options[i].val = 'o';
    }
    options[CONFIG_ITEMS] = (struct option){"help", no_argument, NULL, 'h'};
    options[CONFIG_ITEMS + 1] = (struct option){"version", no_argument, NULL, 'v'};
    optind = 0; /* From the start again. */
    opterr = first;
    for (int found; (found = getopt_long(argc, argv, "", options, &index)) != -1;) {
        char where[64];

        if (found == 'h') {
            config_help();
            return CONFIG_DONE;
        }
        if (found == 'v') {
            (void)printf("histd %s\n", hist_version());
            return CONFIG_DONE;
        }
        if (found != 'o') {
            (void)snprintf(why, CONFIG_WHY_SIZE, "histd --help names the options");
            return CONFIG_WRONG;
        }
        if (first && config_items[index].at != AT(file)) {
            continue;
        }
        (void)snprintf(where, sizeof(where), "--%s", config_items[index].name);
        if (!config_set(c, &config_items[index], optarg == NULL ? "yes" : optarg, where, why)) {
            return CONFIG_WRONG;
        }
    }
    if (optind < argc) {
        (void)snprintf(why, CONFIG_WHY_SIZE, "'%.200s' is not an option; histd --help names them",
                       argv[optind]);
        return CONFIG_WRONG;
    }
    return CONFIG_RUN;
}

/* ---- as a whole ---- */

static bool config_check(histd_config *c, char *why)
{
    char reason[CONFIG_WHY_SIZE - 16] = "";

    if (c->data[0] == '\0') {
        (void)snprintf(why, CONFIG_WHY_SIZE, "--data DIR is missing: the folder of the store");
        return false;
    }
    if (c->query_memory > c->memory) {
        (void)snprintf(why, CONFIG_WHY_SIZE, "query-memory (%lld) is more than memory (%lld)",
                       (long long)c->query_memory, (long long)c->memory);
        return false;
    }
    if (strcmp(c->tcp, "off") != 0 &&
        !net_check(c->tcp, c->allow_remote != 0, reason, sizeof(reason))) {
        (void)snprintf(why, CONFIG_WHY_SIZE, "--tcp: %s", reason);
        return false;
    }
    if (strcmp(c->http, "off") != 0 &&
        !net_check(c->http, c->allow_remote != 0, reason, sizeof(reason))) {
        (void)snprintf(why, CONFIG_WHY_SIZE, "--http: %s", reason);
        return false;
    }
#if !defined(HIST_WITH_MICROHTTPD) || !defined(HIST_WITH_JANSSON)
    if (strcmp(c->http, "off") != 0 && c->http_given) {
        (void)snprintf(why, CONFIG_WHY_SIZE,
                       "--http was left out of this build (it needs libmicrohttpd-dev and "
                       "libjansson-dev): say --http off");
        return false;
    }
#endif
    return true;
}

config_verdict config_load(int argc, char **argv, histd_config *config_out, char *why)
{
    histd_config *c = config_out;

    why[0] = '\0';
    config_defaults(c);
    if (getenv("HISTD_CONFIG") != NULL &&
        !config_set(c, config_find("config"), getenv("HISTD_CONFIG"), "HISTD_CONFIG", why)) {
        return CONFIG_WRONG;
    }
    const config_verdict first = config_from_flags(argc, argv, c, true, why);
    if (first != CONFIG_RUN) {
        return first;
    }
    if ((c->file[0] != '\0' && !config_from_file(c, why)) || !config_from_environment(c, why)) {
        return CONFIG_WRONG;
    }
    const config_verdict last = config_from_flags(argc, argv, c, false, why);
    return last != CONFIG_RUN ? last : config_check(c, why) ? CONFIG_RUN : CONFIG_WRONG;
}
