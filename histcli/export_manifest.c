/* export_manifest.c -- what was exported, a JSON file a day, and the list of checksums. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "histcli/export.h"

#include "base/dyn.h"
#include "base/err.h"
#include "base/timefmt.h"

enum { MANIFEST_BYTES_MAX = 16 << 20, MANIFEST_NAME_MAX = 64 };

void export_day_name(int64_t start_ns, char *to)
{
    const hi_civil c = hi_civil_of(start_ns);

    (void)snprintf(to, 16, "%04d-%02d-%02d", (int)(c.year % 10000), c.month % 100, c.day % 100);
}

static void manifest_path(const export_table *t, const export_day *day, char *to, size_t size)
{
    char name[16];

    export_day_name(day->start_ns, name);
    (void)snprintf(to, size, "%s/%s.json", t->manifests, name);
}

bool export_has_manifest(const export_table *t, const export_day *day)
{
    char path[EXPORT_PATH_MAX + MANIFEST_NAME_MAX];

    manifest_path(t, day, path, sizeof(path));
    return access(path, F_OK) == 0;
}

/* A manifest as a dynamic value; false: there is none that can be read. */
static bool manifest_read(const export_table *t, const char *path, hi_buf *text, hi_buf *parsed)
{
    hist_error ignored;

    (void)t;
    hi_buf_clear(text);
    hi_buf_clear(parsed);
    return access(path, F_OK) == 0 && cli_read_file(text, path, &ignored) == HIST_OK &&
           hi_dyn_from_json(parsed, text->size == 0 ? "" : text->data, text->size, &ignored) ==
               HIST_OK;
}

static hi_dyn manifest_get(hi_dyn bag, const char *key)
{
    return hi_dyn_get(bag, key, strlen(key));
}

static bool manifest_same_columns(const export_table *t, hi_dyn list)
{
    hi_dyn_iter it = hi_dyn_iter_of(list);

    if (hi_dyn_count(list) != t->column_count) {
        return false;
    }
    for (uint32_t i = 0; i < t->column_count && hi_dyn_next(&it); i++) {
        const hist_str name = hi_dyn_str(manifest_get(it.value, "name"));

        if (name.size != t->columns[i].name.size ||
            memcmp(name.data, t->columns[i].name.data, name.size) != 0) {
            return false;
        }
    }
    return true;
}

/* The file it names is there, packed as is wanted now. */
static bool manifest_same_file(const export_table *t, hi_dyn files)
{
    const hist_str name = hi_dyn_str(manifest_get(hi_dyn_at(files, 0), "name"));
    const char *part = export_part_name(t->e);
    const size_t size = strlen(part);
    char path[2 * EXPORT_PATH_MAX];

    if (hi_dyn_count(files) == 0) {
        return true;
    }
    if (name.size < size || memcmp(name.data + name.size - size, part, size) != 0) {
        return false;
    }
    (void)snprintf(path, sizeof(path), "%s/%.*s", t->folder, (int)name.size, name.data);
    return access(path, F_OK) == 0;
}

bool export_is_current(const export_table *t, const export_day *day, uint64_t *rows_out)
{
    char path[EXPORT_PATH_MAX + MANIFEST_NAME_MAX];
    hi_buf text;
    hi_buf parsed;
    bool same = false;

    *rows_out = 0;
    hi_buf_init(&text, &t->e->c->mem, MANIFEST_BYTES_MAX);
    hi_buf_init(&parsed, &t->e->c->mem, MANIFEST_BYTES_MAX);
    manifest_path(t, day, path, sizeof(path));
    if (manifest_read(t, path, &text, &parsed)) {
        const hi_dyn bag = hi_dyn_of(parsed.data, parsed.size);

        same = (uint64_t)hi_dyn_i64(manifest_get(bag, "last_seq")) == day->last_seq &&
               manifest_same_columns(t, manifest_get(bag, "columns")) &&
               manifest_same_file(t, manifest_get(bag, "files"));
        *rows_out = (uint64_t)hi_dyn_i64(manifest_get(bag, "rows"));
    }
    hi_buf_free(&text);
    hi_buf_free(&parsed);
    return same;
}

static void manifest_string(hi_buf *to, const char *key, hist_str value)
{
    hi_json_string(to, key, strlen(key));
    hi_buf_byte(to, ':');
    hi_json_string(to, value.data, value.size);
}

static void manifest_text(hi_buf *to, const char *key, const char *value)
{
    manifest_string(to, key, (hist_str){value, strlen(value)});
}

static void manifest_time(hi_buf *to, const char *key, int64_t ns)
{
    char text[HI_TIME_SIZE];

    manifest_string(to, key, (hist_str){text, hi_time_print(text, ns, EXPORT_TIME_DIGITS)});
}

static void manifest_columns(const export_table *t, hi_buf *to)
{
    static const char *const kinds[] = {NULL, "time", "tag", "field"};

    hi_buf_printf(to, " \"columns\":[");
    for (uint32_t i = 0; i < t->column_count; i++) {
        hi_buf_printf(to, "%s\n  {", i == 0 ? "" : ",");
        manifest_string(to, "name", t->columns[i].name);
        hi_buf_byte(to, ',');
        manifest_text(to, "type", hist_type_name(t->columns[i].type));
        if (t->columns[i].kind != 0) {
            hi_buf_byte(to, ',');
            manifest_text(to, "kind", kinds[t->columns[i].kind]);
        }
        hi_buf_byte(to, '}');
    }
    hi_buf_printf(to, "],\n");
}

static void manifest_files(const export_table *t, const char *day, const export_result *r,
                           hi_buf *to)
{
    char name[MANIFEST_NAME_MAX];

    hi_buf_printf(to, " \"files\":[");
    if (r->rows > 0) {
        (void)snprintf(name, sizeof(name), "date=%s/%s", day, export_part_name(t->e));
        hi_buf_printf(to, "\n  {");
        manifest_text(to, "name", name);
        hi_buf_printf(to, ",\"bytes\":%llu", (unsigned long long)r->bytes);
        if (t->e->checksums) {
            hi_buf_byte(to, ',');
            manifest_text(to, "sha256", r->sha);
        }
        hi_buf_byte(to, '}');
    }
    hi_buf_printf(to, "]}\n");
}

/* Nothing in it depends on when or where the export ran: the same rows give the same bytes. */
static void manifest_make(const export_table *t, const export_day *day, const export_result *r,
                          hi_buf *to)
{
    const bool remote = source_db(t->e->source) == NULL;
    const char *database = t->e->c->database == NULL ? "default" : t->e->c->database;
    char name[16];

    export_day_name(day->start_ns, name);
    hi_buf_printf(to, "{\"manifest\":1,");
    manifest_text(to, "producer", "histcli " HIST_VERSION);
    hi_buf_printf(to, ",\n ");
    manifest_text(to, "database", database);
    hi_buf_byte(to, ',');
    manifest_text(to, "table", t->name);
    hi_buf_byte(to, ',');
    manifest_text(to, "date", name);
    hi_buf_printf(to, ",\n");
    manifest_columns(t, to);
    hi_buf_byte(to, ' ');
    manifest_text(to, "order", remote ? "time, strings A-Z" : "partition, series, time");
    hi_buf_printf(to, ",\n ");
    manifest_text(to, "nulls",
                  remote ? "nothing; absent strings are \\\"\\\", as in KQL" : "nothing");
    hi_buf_printf(to, ",\n \"rows\":%llu", (unsigned long long)r->rows);
    if (r->rows > 0) {
        hi_buf_byte(to, ',');
        manifest_time(to, "first", r->first_ns);
        hi_buf_byte(to, ',');
        manifest_time(to, "last", r->last_ns);
    }
    hi_buf_printf(to, ",\n \"last_seq\":%llu,\n", (unsigned long long)day->last_seq);
    manifest_files(t, name, r, to);
}

static hist_status manifest_publish(export_table *t, const hi_buf *text, const char *name,
                                    hist_error *err)
{
    outfile *file = NULL;
    uint64_t bytes = 0;
    char sha[OUTFILE_SHA_SIZE];

    if (!hi_buf_ok(text)) {
        return hi_no_memory(err, "a manifest");
    }
    HI_TRY(outfile_open(t->e->c, t->manifests, PACK_NONE, &file, err));
    const hist_status status =
        outfile_write(file, text->size == 0 ? "" : text->data, text->size, err);

    if (status != HIST_OK) {
        outfile_drop(file);
        return status;
    }
    return outfile_publish(file, name, &bytes, sha, err);
}

hist_status export_write_manifest(export_table *t, const export_day *day,
                                  const export_result *result, hist_error *err)
{
    hi_buf text;
    char name[32];
    char date[16];

    export_day_name(day->start_ns, date);
    (void)snprintf(name, sizeof(name), "%s.json", date);
    hi_buf_init(&text, &t->e->c->mem, MANIFEST_BYTES_MAX);
    manifest_make(t, day, result, &text);
    hist_status status = outfile_folders(t->manifests, &t->e->made, err);

    if (status == HIST_OK) {
        status = manifest_publish(t, &text, name, err);
    }
    hi_buf_free(&text);
    return status;
}

/* ---- SHA256SUMS ---- */

static bool sums_is_manifest(const char *name)
{
    const size_t size = strlen(name);

    return size == 15 && strcmp(name + 10, ".json") == 0 && name[4] == '-';
}

static int sums_compare(const void *left, const void *right)
{
    return memcmp(left, right, 16);
}

/* Names of manifests, 16 bytes each, sorted. */
static hist_status sums_list(const export_table *t, hi_buf *names, hist_error *err)
{
    DIR *dir = opendir(t->manifests);
    const struct dirent *entry = NULL;

    if (dir == NULL) {
        return errno == ENOENT ? HIST_OK : hi_fail_os(err, errno, "cannot read %s", t->manifests);
    }
    while ((entry = readdir(dir)) != NULL) {
        if (sums_is_manifest(entry->d_name)) {
            hi_buf_append(names, entry->d_name, 16);
        }
    }
    (void)closedir(dir);
    if (!hi_buf_ok(names)) {
        return hi_no_memory(err, "checksums");
    }
    if (names->size > 0) {
        qsort(names->data, names->size / 16, 16, sums_compare);
    }
    return HIST_OK;
}

static void sums_add(const export_table *t, const char *name, hi_buf *text, hi_buf *parsed,
                     hi_buf *to)
{
    char path[EXPORT_PATH_MAX + MANIFEST_NAME_MAX];
    char sha[OUTFILE_SHA_SIZE];

    (void)snprintf(path, sizeof(path), "%s/%s", t->manifests, name);
    if (!manifest_read(t, path, text, parsed)) {
        cli_say("%s cannot be read and is left out of SHA256SUMS", path);
        return;
    }
    const hi_dyn files = manifest_get(hi_dyn_of(parsed->data, parsed->size), "files");
    hi_dyn_iter it = hi_dyn_iter_of(files);

    while (hi_dyn_next(&it)) {
        const hist_str file = hi_dyn_str(manifest_get(it.value, "name"));
        const hist_str sum = hi_dyn_str(manifest_get(it.value, "sha256"));

        if (sum.size == OUTFILE_SHA_SIZE - 1) {
            hi_buf_printf(to, "%.*s  ../%.*s\n", (int)sum.size, sum.data, (int)file.size,
                          file.data);
        }
    }
    outfile_sha(text->data, text->size, sha);
    hi_buf_printf(to, "%s  %s\n", sha, name);
}

hist_status export_write_sums(export_table *t, hist_error *err)
{
    hi_buf names;
    hi_buf text;
    hi_buf parsed;
    hi_buf sums;

    if (!t->e->checksums) {
        return HIST_OK;
    }
    hi_buf_init(&names, &t->e->c->mem, MANIFEST_BYTES_MAX);
    hi_buf_init(&text, &t->e->c->mem, MANIFEST_BYTES_MAX);
    hi_buf_init(&parsed, &t->e->c->mem, MANIFEST_BYTES_MAX);
    hi_buf_init(&sums, &t->e->c->mem, 4 * (size_t)MANIFEST_BYTES_MAX);
    hist_status status = sums_list(t, &names, err);

    for (size_t at = 0; status == HIST_OK && at < names.size; at += 16) {
        sums_add(t, names.data + at, &text, &parsed, &sums);
    }
    if (status == HIST_OK && sums.size > 0) {
        status = manifest_publish(t, &sums, "SHA256SUMS", err);
    }
    hi_buf_free(&names);
    hi_buf_free(&text);
    hi_buf_free(&parsed);
    hi_buf_free(&sums);
    return status;
}
