/* export.c -- histcli export: options, the lock, tables and days one after the other. */
#include "histcli/export.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
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

/* First instant of the day that holds the time, or, with `end`, the last of the days before it. */
static int export_time(const char *text, bool end, int64_t *out)
{
    int64_t ns = 0;
    hi_time_status parsed = HI_TIME_OK;

    if (strcmp(text, "now") == 0) {
        ns = (int64_t)time(NULL) * HI_NS_PER_S + 1;
    } else if (strcmp(text, "today") == 0) {
        ns = export_today();
    } else if (strcmp(text, "yesterday") == 0) {
        ns = export_today() - HI_NS_PER_DAY;
    } else {
        parsed = hi_time_parse(text, strlen(text), &ns);
    }
    /* The first day begins before the first instant there is, the last ends behind the last. */
    if (parsed == (end ? HI_TIME_HIGH : HI_TIME_LOW)) {
        *out = end ? HIST_TIME_MAX : HIST_TIME_MIN;
        return CLI_DONE;
    }
    if (parsed != HI_TIME_OK) {
        return cli_usage(parsed == HI_TIME_BAD
                             ? "'%s' is no time: give an ISO time, now, today or yesterday"
                             : "'%s' is outside of 1677-09-21 to 2262-04-11",
                         text);
    }
    *out = !end ? export_day_first(ns) : ns % HI_NS_PER_DAY == 0 ? ns - 1 : export_day_last(ns);
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
        return export_time(optarg, true, &e->last_ns);
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
    if (e->from_ns > e->last_ns) {
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

static hist_status export_days(export_table *t, bool incremental, hist_error *err)
{
    const size_t count = t->days.size / sizeof(export_day);
    uint64_t rows = 0;
    export *e = t->e;
    const uint64_t before = e->days_written;

    for (size_t i = 0; i < count; i++) {
        export_day day;

        memcpy(&day, t->days.data + i * sizeof(day), sizeof(day));
        if (incremental && export_is_current(t, &day, &rows)) {
            e->days_unchanged++;
            t->rows += rows;
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

/*
 * Rows of the files against rows of the table. A daemon goes on taking rows meanwhile, so there any
 * number will do from that before the export to that behind it.
 */
static hist_status export_compare(const export_table *t, uint64_t before, uint64_t after,
                                  hist_error *err)
{
    const uint64_t least = before < after ? before : after;
    const uint64_t most = before < after ? after : before;

    if (t->rows >= least && t->rows <= most) {
        return HIST_OK;
    }
    return hi_fail(err, HIST_EINTERNAL,
                   "%s has %llu rows in these days, but %llu were exported: the files are not "
                   "complete",
                   t->name, (unsigned long long)after, (unsigned long long)t->rows);
}

/* Writes what changed; when that does not come to the rows there are, everything. */
static hist_status export_folder_days(export_table *t, hist_error *err)
{
    const export before = *t->e;
    uint64_t count = 0;

    HI_TRY(export_count_rows(t, &count, err));
    HI_TRY(export_days(t, t->e->incremental, err));
    if (t->rows != count && t->e->days_unchanged > before.days_unchanged) {
        t->rows = 0;
        t->e->days_written = before.days_written;
        t->e->days_unchanged = before.days_unchanged;
        t->e->rows = before.rows;
        t->e->bytes = before.bytes;
        HI_TRY(export_days(t, false, err));
    }
    return export_compare(t, count, count, err);
}

static hist_status export_table_days(export_table *t, hist_error *err)
{
    uint64_t before = 0;
    uint64_t after = 0;

    if (source_db(t->e->source) != NULL) {
        HI_TRY(export_read_days(t, err));
        return export_folder_days(t, err);
    }
    HI_TRY(export_count_rows(t, &before, err));
    HI_TRY(export_read_days(t, err));
    HI_TRY(export_days(t, false, err));
    HI_TRY(export_count_rows(t, &after, err));
    return export_compare(t, before, after, err);
}

static hist_status export_one(export *e, const char *name, hist_error *err)
{
    export_table t = {.e = e, .name = name};
    hist_status status = export_table_folder(&t, err);

    if (status == HIST_OK) {
        status = export_read_columns(&t, err);
    }
    if (status == HIST_OK) {
        status = export_table_days(&t, err);
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

/* Is the file still the one of that name? Whoever ends takes the name away. */
static bool export_lock_stands(int fd, const char *path)
{
    struct stat ours;
    struct stat named;

    return fstat(fd, &ours) == 0 && stat(path, &named) == 0 && ours.st_ino == named.st_ino &&
           ours.st_dev == named.st_dev;
}

/* One export into a folder at a time. path: EXPORT_PATH_MAX bytes. */
static hist_status export_lock(export *e, char *path, int *fd_out, hist_error *err)
{
    const int size = snprintf(path, EXPORT_PATH_MAX, "%s/.histcli-export.lock", e->out);

    *fd_out = -1;
    if (size < 0 || size >= EXPORT_PATH_MAX) {
        return hi_fail(err, HIST_EINVAL, "--out has too long a name");
    }
    HI_TRY(outfile_folders(e->out, &e->made, err));
    for (;;) {
        const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

        if (fd < 0) {
            return hi_fail_os(err, errno, "cannot create %s", path);
        }
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            const int code = errno;

            (void)close(fd);
            return code == EWOULDBLOCK
                       ? hi_fail(err, HIST_EBUSY, "another export into %s is running; try later",
                                 e->out)
                       : hi_fail_os(err, code, "cannot lock %s", path);
        }
        if (export_lock_stands(fd, path)) {
            *fd_out = fd;
            return HIST_OK;
        }
        (void)close(fd);
    }
}

static void export_unlock(int fd, const char *path)
{
    if (fd >= 0) {
        (void)unlink(path);
        (void)close(fd);
    }
}

/* Folders that a failed export made and left empty go again; what is published stays. */
static void export_undo(export *e)
{
    size_t end = hi_buf_ok(&e->made) ? e->made.size : 0;

    while (end > 0) {
        size_t at = end - 1;

        while (at > 0 && e->made.data[at - 1] != '\0') {
            at--;
        }
        (void)rmdir(e->made.data + at);
        end = at;
    }
}

static int export_run(export *e)
{
    char lock_path[EXPORT_PATH_MAX];
    hist_error err;
    int lock = -1;

    if (source_open(e->c, e->db_name, &e->source, &err) != HIST_OK) {
        cli_say("%s (%s)", err.message, hist_status_name(err.code));
        return CLI_OPEN;
    }
    interrupt_install();
    source_hold(e->source);
    hi_buf_init(&e->made, &e->c->mem, EXPORT_MADE_MAX);
    hist_status status = export_lock(e, lock_path, &lock, &err);

    if (status == HIST_OK) {
        status = export_all(e, &err);
    }
    const bool unreachable = status != HIST_OK && source_unreachable(e->source);

    source_close(e->source);
    export_unlock(lock, lock_path);
    if (status != HIST_OK) {
        export_undo(e);
    }
    hi_buf_free(&e->made);
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
    e.from_ns = HIST_TIME_MIN;
    e.last_ns = HIST_TIME_MAX;
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
