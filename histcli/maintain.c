/* maintain.c -- histcli info, verify, compact and backup: looking after a folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "histcli/interrupt.h"
#include "histcli/jobs.h"
#include "histcli/outfile.h"

#include "base/err.h"
#include "base/timefmt.h"

enum { MAINTAIN_PATH_MAX = 4096, MAINTAIN_COPY_BYTES = 1 << 20 };

static int maintain_help(const char *text)
{
    (void)fputs(text, stdout);
    return CLI_DONE;
}

/* Only --help, --database and --cold exist; -1: go on. */
static int maintain_options(cli *c, int argc, char **argv, bool *cold, const char *help)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                            {"database", required_argument, NULL, 'd'},
                                            {"cold", no_argument, NULL, 'c'},
                                            {NULL, 0, NULL, 0}};
    int option = 0;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'h':
            return maintain_help(help);
        case 'd':
            c->database = optarg;
            break;
        case 'c':
            if (cold != NULL) {
                *cold = true;
                break;
            }
            return cli_usage("--cold is an option of compact");
        default:
            (void)fputs("Try 'histcli --help'.\n", stderr);
            return CLI_USAGE;
        }
    }
    return -1;
}

static int maintain_open(const char *db_name, int flags, hist_db **db_out, hist_error *err)
{
    hist_open_options options = HIST_OPEN_OPTIONS;

    *db_out = NULL;
    if (cli_is_url(db_name)) {
        return cli_usage("%s: this works on a folder, not on a daemon", db_name);
    }
    options.threads = 0;
    options.flags = flags | HIST_FLAG_MUST_EXIST;
    if (hist_open(db_name, &options, db_out, err) != HIST_OK) {
        cli_say("%s (%s)%s", err->message, hist_status_name(err->code),
                err->code == HIST_EBUSY ? ": a daemon holds it; stop it first" : "");
        return CLI_OPEN;
    }
    return CLI_DONE;
}

static int maintain_close(hist_db *db, int status)
{
    hist_error err;

    if (db != NULL && hist_close(db, &err) != HIST_OK && status == CLI_DONE) {
        return cli_failed("close", &err);
    }
    return status;
}

/* ---- info ---- */

typedef struct info {
    hist_db *db;
    const char *database;
} info;

typedef struct info_parts {
    uint64_t rows;
    uint64_t part_rows;
    uint64_t bytes;
    uint64_t count;
    hist_time from_ns;
    hist_time to_ns;
} info_parts;

static int info_partition(void *arg, const hist_partition *p)
{
    info_parts *sum = arg;

    sum->rows += p->rows;
    sum->part_rows += p->part_rows;
    sum->bytes += p->size_bytes;
    sum->from_ns = sum->count == 0 || p->from_ns < sum->from_ns ? p->from_ns : sum->from_ns;
    sum->to_ns = sum->count == 0 || p->to_ns > sum->to_ns ? p->to_ns : sum->to_ns;
    sum->count++;
    return 0;
}

static void info_time(const char *label, hist_time ns)
{
    char text[HI_TIME_SIZE];

    (void)printf("  %s %.*s", label, (int)hi_time_print(text, ns, HI_TIME_MIN), text);
}

static int info_table(void *arg, const hist_table_info *t)
{
    const info *i = arg;
    info_parts sum = {0};
    uint32_t fields = 0;
    hist_error err;

    for (uint32_t k = 0; k < t->column_count; k++) {
        fields += t->columns[k].kind == HIST_COLUMN_FIELD;
    }
    if (hist_partitions(i->db, i->database, t->name, info_partition, &sum, &err) != HIST_OK) {
        (void)cli_failed(t->name, &err);
        return 1;
    }
    (void)printf("table %s\n  series %llu\n  tags %u\n  fields %u\n  rows %llu\n  partitions %llu\n"
                 "  bytes %llu\n",
                 t->name, (unsigned long long)t->series_count, t->column_count - 1 - fields, fields,
                 (unsigned long long)sum.rows, (unsigned long long)sum.count,
                 (unsigned long long)sum.bytes);
    if (sum.bytes > 0 && sum.part_rows > 0 && fields > 0) {
        (void)printf("  bytes a value %.2f\n",
                     (double)sum.bytes / ((double)sum.part_rows * (double)fields));
    }
    if (sum.count > 0) {
        info_time("from", sum.from_ns);
        (void)printf("\n");
        info_time("to", sum.to_ns);
        (void)printf("\n");
    }
    return 0;
}

static void info_store(const char *name, hist_db *db)
{
    hist_stats s;

    hist_get_stats(db, &s);
    (void)printf("store %s\n  tables %llu\n  series %llu\n  parts %llu\n  part bytes %llu\n"
                 "  wal bytes %llu\n  catalog bytes %llu\n  rows in memory %llu\n"
                 "  memory bytes %llu of %llu\n  last commit %llu\n",
                 name, (unsigned long long)s.tables, (unsigned long long)s.series,
                 (unsigned long long)s.parts, (unsigned long long)s.part_bytes,
                 (unsigned long long)s.wal_bytes, (unsigned long long)s.catalog_bytes,
                 (unsigned long long)s.chunk_rows, (unsigned long long)s.memory_bytes,
                 (unsigned long long)s.memory_bytes_max, (unsigned long long)s.seq_written);
    if (s.newest_ns != HIST_TIME_MIN) {
        info_time("newest row", s.newest_ns);
        (void)printf("\n");
    }
}

int info_main(cli *c, int argc, char **argv)
{
    hist_error err;
    info i = {NULL, NULL};
    int status = maintain_options(
        c, argc, argv, NULL,
        "histcli info DB [--database NAME]   tables, series, rows, sizes, times of a folder.\n"
        "Rows count twice that overwrite each other until they are merged; bytes a value count\n"
        "every field of every row, and only rows and bytes of parts, not those in memory.\n");

    if (status >= 0) {
        return status;
    }
    if (argc - optind != 1) {
        return cli_usage("info takes one folder");
    }
    status = maintain_open(argv[optind], HIST_FLAG_READONLY, &i.db, &err);
    if (status != CLI_DONE) {
        return status;
    }
    i.database = c->database;
    info_store(argv[optind], i.db);
    if (hist_tables(i.db, c->database, info_table, &i, &err) != HIST_OK &&
        err.code != HIST_ENOTFOUND) {
        status = cli_failed("info", &err);
    }
    return maintain_close(i.db, status);
}

/* ---- verify ---- */

static void verify_problem(void *arg, const char *file, int64_t offset, const char *problem)
{
    uint64_t *count = arg;
    const size_t name = strlen(file);

    *count += 1;
    if (strncmp(problem, file, name) == 0 && problem[name] == ':') { /* It says where by itself. */
        (void)printf("%s\n", problem);
    } else if (offset < 0) {
        (void)printf("%s: %s\n", file, problem);
    } else {
        (void)printf("%s: offset %lld: %s\n", file, (long long)offset, problem);
    }
}

int verify_main(cli *c, int argc, char **argv)
{
    hist_error err;
    hist_db *db = NULL;
    uint64_t problems = 0;
    int status =
        maintain_options(c, argc, argv, NULL,
                         "histcli verify DB   reads and checks every byte of a folder; each "
                         "problem with file and offset.\nExit status 1 when there are any.\n");

    if (status >= 0) {
        return status;
    }
    if (argc - optind != 1) {
        return cli_usage("verify takes one folder");
    }
    status = maintain_open(argv[optind], HIST_FLAG_READONLY, &db, &err);
    if (status != CLI_DONE) {
        /* Damage that keeps it from opening is what was asked for. */
        return status == CLI_OPEN && err.code == HIST_ECORRUPT ? CLI_ERROR : status;
    }
    if (hist_verify(db, verify_problem, &problems, &err) != HIST_OK && problems == 0) {
        status = cli_failed("verify", &err);
    }
    if (problems > 0) {
        (void)printf("%llu problems\n", (unsigned long long)problems);
        status = CLI_ERROR;
    } else if (status == CLI_DONE) {
        (void)printf("no problem found\n");
    }
    return maintain_close(db, status);
}

/* ---- compact ---- */

int compact_main(cli *c, int argc, char **argv)
{
    hist_error err;
    hist_db *db = NULL;
    hist_stats before;
    hist_stats after;
    bool cold = false;
    int status =
        maintain_options(c, argc, argv, &cold,
                         "histcli compact DB [--cold]   writes what is in memory, merges until "
                         "quiet;\n--cold packs every partition as small as it gets.\n");

    if (status >= 0) {
        return status;
    }
    if (argc - optind != 1) {
        return cli_usage("compact takes one folder");
    }
    status = maintain_open(argv[optind], 0, &db, &err);
    if (status != CLI_DONE) {
        return status;
    }
    hist_get_stats(db, &before);
    if (hist_maintain(db,
                      HIST_MAINTAIN_FLUSH | HIST_MAINTAIN_MERGE | (cold ? HIST_MAINTAIN_COLD : 0),
                      &err) != HIST_OK) {
        status = cli_failed("compact", &err);
    } else {
        hist_get_stats(db, &after);
        (void)printf("parts %llu -> %llu, bytes %llu -> %llu\n", (unsigned long long)before.parts,
                     (unsigned long long)after.parts,
                     (unsigned long long)(before.part_bytes + before.wal_bytes),
                     (unsigned long long)(after.part_bytes + after.wal_bytes));
    }
    return maintain_close(db, status);
}

/* ---- backup ---- */

static hist_status backup_bytes(int from, int to, const char *name, hist_error *err)
{
    static char data[MAINTAIN_COPY_BYTES];
    ssize_t got = 0;

    while ((got = read(from, data, sizeof(data))) != 0) {
        ssize_t at = 0;

        if (got < 0 && errno != EINTR) {
            return hi_fail_os(err, errno, "cannot read %s", name);
        }
        if (interrupt_seen()) {
            return hi_fail(err, HIST_ECANCELLED, "interrupted");
        }
        while (at < got) {
            const ssize_t wrote = write(to, data + at, (size_t)(got - at));

            if (wrote < 0 && errno != EINTR) {
                return hi_fail_os(err, errno, "cannot write %s", name);
            }
            at += wrote > 0 ? wrote : 0;
        }
    }
    return fsync(to) == 0 ? HIST_OK : hi_fail_os(err, errno, "cannot sync %s", name);
}

static hist_status backup_file(const char *from_dir, const char *to_dir, const char *name,
                               hist_error *err)
{
    char path[2 * MAINTAIN_PATH_MAX];
    struct stat st;
    hist_status status = HIST_OK;

    (void)snprintf(path, sizeof(path), "%s/%s", from_dir, name);
    const int from = open(path, O_RDONLY | O_CLOEXEC);

    if (from < 0 || fstat(from, &st) != 0) {
        status = hi_fail_os(err, errno, "cannot read %s", path);
    } else if (S_ISREG(st.st_mode)) {
        (void)snprintf(path, sizeof(path), "%s/%s", to_dir, name);
        const int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        status = to < 0 ? hi_fail_os(err, errno, "cannot create %s", path)
                        : backup_bytes(from, to, path, err);
        if (to >= 0) {
            (void)close(to);
        }
    }
    if (from >= 0) {
        (void)close(from);
    }
    return status;
}

/* A store is one flat folder. */
static hist_status backup_folder(const char *from, const char *to, hist_error *err)
{
    DIR *dir = opendir(from);
    const struct dirent *entry = NULL;
    hist_status status = HIST_OK;

    if (dir == NULL) {
        return hi_fail_os(err, errno, "cannot read %s", from);
    }
    while (status == HIST_OK && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            status = backup_file(from, to, entry->d_name, err);
        }
    }
    (void)closedir(dir);
    return status == HIST_OK ? outfile_sync_folder(to, err) : status;
}

/* The copy is opened and read through: a backup that was never read is none. */
static int backup_check(const char *to)
{
    hist_error err;
    hist_db *db = NULL;
    uint64_t problems = 0;
    int status = maintain_open(to, HIST_FLAG_READONLY, &db, &err);

    if (status != CLI_DONE) {
        return CLI_ERROR;
    }
    if (hist_verify(db, verify_problem, &problems, &err) != HIST_OK) {
        status = cli_failed("the copy is damaged", &err);
    }
    return maintain_close(db, status);
}

int backup_main(cli *c, int argc, char **argv)
{
    hist_error err;
    hist_db *db = NULL;
    int status = maintain_options(
        c, argc, argv, NULL,
        "histcli backup DB DIR   a copy of a folder that no daemon holds: it is locked while files\n"
        "are copied, and the copy is verified. DIR must not exist. Of a running daemon, take a\n"
        "snapshot of the file system: a store opens from any instant of its disk.\n");

    if (status >= 0) {
        return status;
    }
    if (argc - optind != 2) {
        return cli_usage("backup takes a folder and where to copy it");
    }
    const char *to = argv[optind + 1];

    status = maintain_open(argv[optind], 0, &db, &err);
    if (status != CLI_DONE) {
        return status;
    }
    interrupt_install();
    if (mkdir(to, 0700) != 0) {
        (void)hi_fail_os(&err, errno, "cannot create %s", to);
        status = cli_failed("backup", &err);
    } else if (hist_sync(db, &err) != HIST_OK || backup_folder(argv[optind], to, &err) != HIST_OK) {
        status = cli_failed("backup", &err);
    }
    status = maintain_close(db, status);
    if (status == CLI_DONE) {
        status = backup_check(to);
    }
    if (status == CLI_DONE) {
        (void)printf("copied and verified: %s\n", to);
    }
    return status;
}
