/* export.c -- histcli export: options, the lock, tables and days one after the other. */
#include "histcli/export.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "histcli/interrupt.h"
#include "histcli/jobs.h"

#include "base/err.h"
#include "base/timefmt.h"

enum {
    OPT_OUT = 256,
    OPT_TABLE,
    OPT_FROM,
    OPT_TO,
    OPT_FORMAT,
    OPT_COMPRESS,
    OPT_INCREMENTAL,
    OPT_NO_CHECKSUMS,
    OPT_DATABASE,
};

static const struct option export_options[] = {
    {"out", required_argument, NULL, OPT_OUT},
    {"table", required_argument, NULL, OPT_TABLE},
    {"from", required_argument, NULL, OPT_FROM},
    {"to", required_argument, NULL, OPT_TO},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"compress", required_argument, NULL, OPT_COMPRESS},
    {"incremental", no_argument, NULL, OPT_INCREMENTAL},
    {"no-checksums", no_argument, NULL, OPT_NO_CHECKSUMS},
    {"database", required_argument, NULL, OPT_DATABASE},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static void export_help(void)
{
    (void)fputs(
        "histcli export DB --out DIR [OPTIONS]\n"
        "  --table TABLE       may be given again (default: every table)\n"
        "  --from TIME         ISO time, now, today or yesterday; whole days of UTC are\n"
        "  --to TIME           exported: from the day that holds FROM to the last before TO\n"
        "  --format csv        the one there is\n"
        "  --compress none|gzip|zstd\n"
        "  --incremental       only days that changed since they were exported (folders)\n"
        "  --no-checksums      no SHA-256\n"
        "  --database NAME     default: default\n"
        "Files: DIR/DATABASE/TABLE/date=YYYY-MM-DD/part-00000.csv, and in _manifest/ a JSON\n"
        "file a day and SHA256SUMS (sha256sum -c).\n",
        stdout);
}

/* ---- options ---- */

static int64_t export_today(void)
{
    const int64_t now = (int64_t)time(NULL) * HI_NS_PER_S;

    return now - now % HI_NS_PER_DAY;
}

/* Start of the day that holds the time, or of the one behind it when `up` and it is not midnight. */
static int export_time(const char *text, bool up, int64_t *out)
{
    int64_t ns = 0;

    if (strcmp(text, "now") == 0) {
        ns = (int64_t)time(NULL) * HI_NS_PER_S + 1;
    } else if (strcmp(text, "today") == 0) {
        ns = export_today();
    } else if (strcmp(text, "yesterday") == 0) {
        ns = export_today() - HI_NS_PER_DAY;
    } else if (hi_time_parse(text, strlen(text), &ns) != HI_TIME_OK) {
        return cli_usage("'%s' is no time: give an ISO time, now, today or yesterday", text);
    }
    const int64_t rest = ns % HI_NS_PER_DAY;

    *out = ns - (rest < 0 ? rest + HI_NS_PER_DAY : rest);
    if (up && rest != 0) {
        *out += HI_NS_PER_DAY;
    }
    return CLI_DONE;
}

static int export_table_option(export *e, const char *name)
{
    if (e->table_count == EXPORT_TABLES_MAX) {
        return cli_usage("at most %d --table", EXPORT_TABLES_MAX);
    }
    e->tables[e->table_count++] = name;
    return CLI_DONE;
}

static int export_compress(export *e, const char *name)
{
    static const char *const names[] = {"none", "gzip", "zstd"};

    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) == 0) {
            e->how = (pack)i;
            return CLI_DONE;
        }
    }
    return cli_usage("--compress is none, gzip or zstd, not '%s'", name);
}

static int export_option(export *e, int option)
{
    switch (option) {
    case OPT_OUT:
        e->out = optarg;
        return CLI_DONE;
    case OPT_TABLE:
        return export_table_option(e, optarg);
    case OPT_FROM:
        return export_time(optarg, false, &e->from_ns);
    case OPT_TO:
        return export_time(optarg, true, &e->to_ns);
    case OPT_FORMAT:
        return strcmp(optarg, "csv") == 0
                   ? CLI_DONE
                   : cli_usage("--format %s is not offered; there is csv", optarg);
    case OPT_COMPRESS:
        return export_compress(e, optarg);
    case OPT_INCREMENTAL:
        e->incremental = true;
        return CLI_DONE;
    case OPT_NO_CHECKSUMS:
        e->checksums = false;
        return CLI_DONE;
    case OPT_DATABASE:
        e->c->database = optarg;
        return CLI_DONE;
    default:
        (void)fputs("Try 'histcli export --help'.\n", stderr);
        return CLI_USAGE;
    }
}

static int export_check(const export *e)
{
    if (e->out == NULL) {
        return cli_usage("export needs --out DIR");
    }
    if (e->from_ns >= e->to_ns) {
        return cli_usage("--from must be before --to");
    }
    if (e->checksums && !outfile_has_sha()) {
        return cli_usage("this histcli was built without nettle and makes no SHA-256; "
                         "--no-checksums exports without");
    }
    if (e->incremental && cli_is_url(e->db_name)) {
        return cli_usage("--incremental takes a folder: a daemon does not say what changed "
                         "(the folder of a running daemon is fine)");
    }
#ifndef HIST_WITH_ZLIB
    if (e->how == PACK_GZIP) {
        return cli_usage("this histcli was built without zlib: no --compress gzip");
    }
#endif
    return CLI_DONE;
}

/* ---- tables ---- */

/* A name as a folder: what file systems and readers of Hive folders take for syntax becomes %XX. */
static void export_escape(const char *name, hi_buf *to)
{
    for (size_t i = 0; name[i] != '\0'; i++) {
        const char c = name[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || (c & 0x80) != 0 ||
                           (i > 0 && (c == '_' || c == '.')) || c == '-';

        if (plain) {
            hi_buf_byte(to, (uint8_t)c);
        } else {
            hi_buf_printf(to, "%%%02X", (unsigned)(unsigned char)c);
        }
    }
}

static hist_status export_table_folder(export_table *t, hist_error *err)
{
    const export *e = t->e;
    hi_buf path;

    hi_buf_init(&path, &e->c->mem, 4 * EXPORT_PATH_MAX);
    hi_buf_printf(&path, "%s/", e->out);
    export_escape(e->c->database == NULL ? "default" : e->c->database, &path);
    hi_buf_byte(&path, '/');
    export_escape(t->name, &path);
    hi_buf_byte(&path, '\0');
    const bool fits = hi_buf_ok(&path) && path.size + 64 < EXPORT_PATH_MAX;

    if (fits) {
        (void)snprintf(t->folder, sizeof(t->folder), "%s", path.data);
        (void)snprintf(t->manifests, sizeof(t->manifests), "%.*s/_manifest",
                       (int)(sizeof(t->manifests) - 16), path.data);
    }
    hi_buf_free(&path);
    return fits
               ? HIST_OK
               : hi_fail(err, HIST_EINVAL, "the folder of table '%s' has too long a name", t->name);
}

static hist_status export_days(export_table *t, hist_error *err)
{
    const size_t count = t->days.size / sizeof(export_day);
    export *e = t->e;
    const uint64_t before = e->days_written;

    for (size_t i = 0; i < count; i++) {
        export_day day;

        memcpy(&day, t->days.data + i * sizeof(day), sizeof(day));
        if (e->incremental && export_is_current(t, &day)) {
            e->days_unchanged++;
            continue;
        }
        const hist_status status = export_write_day(t, &day, err);

        if (status != HIST_OK) {
            hist_error ignored;

            /* What was published before it is complete, and so are its checksums. */
            if (e->days_written != before) {
                (void)(export_write_sums(t, &ignored) == HIST_OK);
            }
            return status;
        }
    }
    return e->days_written == before ? HIST_OK : export_write_sums(t, err);
}

static hist_status export_one(export *e, const char *name, hist_error *err)
{
    export_table t = {.e = e, .name = name};
    hist_status status = export_table_folder(&t, err);

    if (status == HIST_OK) {
        status = export_read_columns(&t, err);
    }
    if (status == HIST_OK) {
        status = export_read_days(&t, err);
    }
    if (status == HIST_OK) {
        status = export_days(&t, err);
    }
    hi_mem_free(&e->c->mem, t.columns, t.column_count * sizeof(*t.columns));
    hi_buf_free(&t.names);
    hi_buf_free(&t.days);
    return status;
}

static hist_status export_all(export *e, hist_error *err)
{
    hist_status status = HIST_OK;
    hi_buf names;

    for (size_t i = 0; i < e->table_count && status == HIST_OK; i++) {
        status = export_one(e, e->tables[i], err);
    }
    if (e->table_count > 0) {
        return status;
    }
    hi_buf_init(&names, &e->c->mem, 64 << 20);
    status = export_list_tables(e, &names, err);
    for (size_t at = 0; status == HIST_OK && at < names.size;) {
        status = export_one(e, names.data + at, err);
        at += strlen(names.data + at) + 1;
    }
    hi_buf_free(&names);
    return status;
}

/* ---- the whole ---- */

/* One export into a folder at a time. */
static hist_status export_lock(const export *e, int *fd_out, hist_error *err)
{
    char path[EXPORT_PATH_MAX];
    const int size = snprintf(path, sizeof(path), "%s/.histcli-export.lock", e->out);

    *fd_out = -1;
    if (size < 0 || (size_t)size >= sizeof(path)) {
        return hi_fail(err, HIST_EINVAL, "--out has too long a name");
    }
    HI_TRY(outfile_folders(e->out, err));
    *fd_out = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (*fd_out < 0) {
        return hi_fail_os(err, errno, "cannot create %s", path);
    }
    if (flock(*fd_out, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK
                   ? hi_fail(err, HIST_EBUSY, "another export into %s is running; try later",
                             e->out)
                   : hi_fail_os(err, errno, "cannot lock %s", path);
    }
    return HIST_OK;
}

static int export_run(export *e)
{
    hist_error err;
    int lock = -1;

    if (source_open(e->c, e->db_name, &e->source, &err) != HIST_OK) {
        cli_say("%s (%s)", err.message, hist_status_name(err.code));
        return CLI_OPEN;
    }
    interrupt_install();
    hist_status status = export_lock(e, &lock, &err);

    if (status == HIST_OK) {
        status = export_all(e, &err);
    }
    const bool unreachable = status != HIST_OK && source_unreachable(e->source);

    source_close(e->source);
    if (lock >= 0) {
        (void)close(lock);
    }
    if (status != HIST_OK) {
        const int failed = cli_failed("export", &err);

        return unreachable ? CLI_OPEN : failed;
    }
    (void)printf("%llu days, %llu rows, %llu bytes written to %s; %llu days unchanged\n",
                 (unsigned long long)e->days_written, (unsigned long long)e->rows,
                 (unsigned long long)e->bytes, e->out, (unsigned long long)e->days_unchanged);
    return CLI_DONE;
}

int export_main(cli *c, int argc, char **argv)
{
    static export e;
    int option = 0;

    e.c = c;
    e.from_ns = INT64_MIN;
    e.to_ns = INT64_MAX;
    e.checksums = true;
    while ((option = getopt_long(argc, argv, "h", export_options, NULL)) != -1) {
        if (option == 'h') {
            export_help();
            return CLI_DONE;
        }
        const int status = export_option(&e, option);

        if (status != CLI_DONE) {
            return status;
        }
    }
    if (argc - optind != 1) {
        return cli_usage("export takes one database");
    }
    e.db_name = argv[optind];
    const int status = export_check(&e);

    return status == CLI_DONE ? export_run(&e) : status;
}
