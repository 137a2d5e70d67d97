/* export_day.c -- one day of one table as one file, published whole, its manifest last. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "histcli/export.h"
#include "histcli/interrupt.h"

#include "base/err.h"
#include "base/timefmt.h"
#include "formats/cells.h"
#include "formats/csv_write.h"

enum { DAY_PIECE = 4096, DAY_FLUSH_BYTES = 1 << 20, DAY_BUFFER_MAX = 512 << 20 };

typedef struct day_writer {
    export_table *t;
    outfile *file;
    hi_buf text;
    csv_options csv;
    bool header;
    export_result result;
} day_writer;

const char *export_part_name(const export *e)
{
    static const char *const names[] = {"part-00000.csv", "part-00000.csv.gz",
                                        "part-00000.csv.zst"};

    return names[e->how];
}

static hist_status day_flush(day_writer *w, bool all, hist_error *err)
{
    if (!hi_buf_ok(&w->text)) {
        return hi_fail(err, HIST_ENOMEM, "rows of a day do not fit %d MiB", DAY_BUFFER_MAX >> 20);
    }
    if (!all && w->text.size < DAY_FLUSH_BYTES) {
        return HIST_OK;
    }
    HI_TRY(outfile_write(w->file, w->text.size == 0 ? "" : w->text.data, w->text.size, err));
    hi_buf_clear(&w->text);
    return HIST_OK;
}

static hist_status day_begin(void *arg, const hist_column_info *columns, uint32_t count,
                             hist_error *err)
{
    day_writer *w = arg;

    if (count != w->t->column_count) {
        return hi_fail(err, HIST_EINTERNAL, "%u columns came, %u were asked for", count,
                       w->t->column_count);
    }
    if (!w->header) {
        csv_write_header(&w->text, &w->csv, columns, count);
        w->header = true;
    }
    return HIST_OK;
}

static void day_note_times(day_writer *w, const hist_batch *batch)
{
    cell_cursor cursor = cell_cursor_of(&batch->columns[0]);
    uint32_t slot = 0;

    for (uint32_t i = 0; i < batch->sel_count; i++) {
        const uint32_t row = batch->sel == NULL ? i : batch->sel[i];

        if (!cell_find(&cursor, row, &slot)) {
            continue;
        }
        const int64_t time = cell_i64(cursor.values, slot);

        w->result.first_ns = time < w->result.first_ns ? time : w->result.first_ns;
        w->result.last_ns = time > w->result.last_ns ? time : w->result.last_ns;
    }
    w->result.rows += batch->sel_count;
}

static hist_status day_rows(void *arg, const hist_batch *batch, hist_error *err)
{
    day_writer *w = arg;

    if (interrupt_seen()) {
        return hi_fail(err, HIST_ECANCELLED, "interrupted");
    }
    day_note_times(w, batch);
    for (uint32_t from = 0; from < batch->sel_count; from += DAY_PIECE) {
        csv_write_rows(&w->text, &w->csv, batch, from, DAY_PIECE);
        HI_TRY(day_flush(w, false, err));
    }
    return HIST_OK;
}

static hist_status day_end(void *arg, const char *visualization, hist_error *err)
{
    (void)arg;
    (void)visualization;
    (void)err;
    return HIST_OK;
}

/* Parts of another packing and what an export that died left behind: readers would count rows twice. */
static hist_status day_clean(const char *folder, const char *keep, hist_error *err)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry = NULL;
    char path[2 * EXPORT_PATH_MAX];

    if (dir == NULL) {
        return errno == ENOENT ? HIST_OK : hi_fail_os(err, errno, "cannot read %s", folder);
    }
    while ((entry = readdir(dir)) != NULL) {
        const bool ours =
            strncmp(entry->d_name, "part-", 5) == 0 || strncmp(entry->d_name, ".tmp-", 5) == 0;

        if (ours && (keep == NULL || strcmp(entry->d_name, keep) != 0)) {
            (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
            (void)unlink(path);
        }
    }
    (void)closedir(dir);
    return outfile_sync_folder(folder, err);
}

/* An empty day that was never exported leaves nothing; one that was gets a manifest without files. */
static hist_status day_publish(day_writer *w, const export_day *day, const char *folder,
                               hist_error *err)
{
    if (w->result.rows > 0) {
        outfile *file = w->file;

        w->file = NULL;
        HI_TRY(
            outfile_publish(file, export_part_name(w->t->e), &w->result.bytes, w->result.sha, err));
        HI_TRY(day_clean(folder, export_part_name(w->t->e), err));
    } else {
        outfile_drop(w->file);
        w->file = NULL;
        HI_TRY(day_clean(folder, NULL, err));
        (void)rmdir(folder);
        if (!export_has_manifest(w->t, day)) {
            return HIST_OK;
        }
    }
    HI_TRY(export_write_manifest(w->t, day, &w->result, err));
    w->t->e->days_written++;
    w->t->e->rows += w->result.rows;
    w->t->rows += w->result.rows;
    w->t->e->bytes += w->result.bytes;
    return HIST_OK;
}

hist_status export_write_day(export_table *t, const export_day *day, hist_error *err)
{
    char folder[EXPORT_PATH_MAX + 32];
    char name[16];
    day_writer w = {.t = t,
                    .csv = {.dialect = CSV_EXPORT, .time_digits = EXPORT_TIME_DIGITS},
                    .result = {.first_ns = INT64_MAX, .last_ns = INT64_MIN}};
    const result_sink sink = {day_begin, day_rows, day_end, &w};

    export_day_name(day->start_ns, name);
    (void)snprintf(folder, sizeof(folder), "%s/date=%s", t->folder, name);
    HI_TRY(outfile_folders(folder, &t->e->made, err));
    HI_TRY(outfile_open(t->e->c, folder, t->e->how, &w.file, err));
    hi_buf_init(&w.text, &t->e->c->mem, DAY_BUFFER_MAX);
    hist_status status = export_read_rows(t, day, &sink, err);

    if (status == HIST_OK) {
        status = day_flush(&w, true, err);
    }
    if (status == HIST_OK) {
        status = day_publish(&w, day, folder, err);
    }
    outfile_drop(w.file);
    hi_buf_free(&w.text);
    if (status == HIST_OK && w.result.rows > 0) {
        (void)printf("%s %s: %llu rows, %llu bytes\n", t->name, name,
                     (unsigned long long)w.result.rows, (unsigned long long)w.result.bytes);
    }
    return status;
}
