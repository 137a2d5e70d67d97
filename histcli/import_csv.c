/* import_csv.c -- CSV into a table: one column is the time, strings are tags, the rest are fields. */
#include <stdio.h>
#include <string.h>

#include "histcli/import.h"

#include "base/err.h"
#include "base/hash.h"
#include "base/timefmt.h"
#include "formats/cells.h"
#include "formats/csv_read.h"

enum {
    CSV_READ_BYTES = 1 << 20,
    CSV_SERIES_SLOTS = 4096, /* Remembered series; a power of two. */
    CSV_REASON_SIZE = 512,
};

typedef enum csv_role { CSV_TIME, CSV_TAG, CSV_FIELD } csv_role;

/* A series that was looked up before, by the bytes of its tags. */
typedef struct csv_series {
    uint64_t hash;
    hi_buf key;
    hist_series series;
} csv_series;

typedef struct csv_import {
    import *im;
    hi_mem *mem;
    char table[HIST_NAME_BYTES_MAX + 1];
    hist_column_info declared[CSV_COLUMNS_MAX];
    hist_column_kind kinds[CSV_COLUMNS_MAX]; /* Of what is declared. */
    hi_buf declared_names;
    uint32_t declared_count;
    uint32_t count;
    csv_role roles[CSV_COLUMNS_MAX];
    hist_type types[CSV_COLUMNS_MAX];
    hist_str names[CSV_COLUMNS_MAX];
    hist_field fields[CSV_COLUMNS_MAX];
    hi_buf names_text;
    hi_buf key;
    csv_series series[CSV_SERIES_SLOTS];
} csv_import;

static hist_str csv_text(const char *text)
{
    return (hist_str){text, strlen(text)};
}

/* ---- what the table says ---- */

/* Columns that the table has keep their types, so that 1 in a column of reals is a real. */
static int csv_declare(void *arg, const hist_table_info *info)
{
    csv_import *ci = arg;

    if (strcmp(info->name, ci->table) != 0) {
        return 0;
    }
    for (uint32_t i = 1; i < info->column_count && i < CSV_COLUMNS_MAX; i++) {
        ci->declared[ci->declared_count].type = info->columns[i].type;
        ci->kinds[ci->declared_count++] = info->columns[i].kind;
        hi_buf_append(&ci->declared_names, info->columns[i].name,
                      strlen(info->columns[i].name) + 1);
    }
    return 1;
}

static hist_status csv_look_up(csv_import *ci, hist_error *err)
{
    const hist_status status = hist_tables(ci->im->db, ci->im->c->database, csv_declare, ci, err);
    const char *at = ci->declared_names.data;

    if (status != HIST_OK && status != HIST_ENOTFOUND) {
        return status;
    }
    if (!hi_buf_ok(&ci->declared_names)) {
        return hi_no_memory(err, "columns");
    }
    for (uint32_t i = 0; i < ci->declared_count; i++) {
        ci->declared[i].name = at;
        at += strlen(at) + 1;
    }
    /* Tags that the user names are strings, whatever they look like. */
    for (uint32_t i = 0; i < ci->im->tag_count && ci->declared_count < CSV_COLUMNS_MAX; i++) {
        ci->declared[ci->declared_count] = (hist_column_info){ci->im->tags[i], HIST_TYPE_STRING};
        ci->kinds[ci->declared_count++] = HIST_COLUMN_TAG;
    }
    return HIST_OK;
}

static csv_role csv_role_of(const csv_import *ci, const char *name, hist_type type)
{
    for (uint32_t i = 0; i < ci->im->tag_count; i++) {
        if (strcmp(ci->im->tags[i], name) == 0) {
            return CSV_TAG;
        }
    }
    for (uint32_t i = 0; i < ci->declared_count; i++) {
        if (strcmp(ci->declared[i].name, name) == 0) {
            return ci->kinds[i] == HIST_COLUMN_TAG ? CSV_TAG : CSV_FIELD;
        }
    }
    return type == HIST_TYPE_STRING && !ci->im->tags_given ? CSV_TAG : CSV_FIELD;
}

/* ---- the sink ---- */

static hist_status csv_columns(void *arg, const hist_column_info *columns, uint32_t count,
                               int32_t time_column, hist_error *err)
{
    csv_import *ci = arg;
    const hist_str table = csv_text(ci->table);

    if (time_column < 0) {
        return hi_fail(err, HIST_EINVAL, "no column is the time: name it with --time COLUMN");
    }
    for (uint32_t i = 0; i < count; i++) {
        hi_buf_append(&ci->names_text, columns[i].name, strlen(columns[i].name) + 1);
    }
    if (!hi_buf_ok(&ci->names_text)) {
        return hi_no_memory(err, "columns");
    }
    const char *at = ci->names_text.data;

    ci->count = count;
    for (uint32_t i = 0; i < count; i++) {
        ci->names[i] = csv_text(at);
        ci->types[i] = columns[i].type;
        ci->roles[i] = (int32_t)i == time_column ? CSV_TIME : csv_role_of(ci, at, columns[i].type);
        if (ci->roles[i] == CSV_FIELD) {
            HI_TRY(hist_field_open(ci->im->writer, table, ci->names[i], columns[i].type,
                                   &ci->fields[i], err));
        }
        at += ci->names[i].size + 1;
    }
    return HIST_OK;
}

/* The row's tags, each with a mark behind it that no text has. */
static void csv_make_key(csv_import *ci, cell_cursor *cursors, uint32_t row)
{
    uint32_t slot = 0;

    hi_buf_clear(&ci->key);
    for (uint32_t i = 0; i < ci->count; i++) {
        if (ci->roles[i] != CSV_TAG) {
            continue;
        }
        if (cell_find(&cursors[i], row, &slot)) {
            const hist_str text = cell_text(cursors[i].values, slot);

            hi_buf_append(&ci->key, text.data, text.size);
        }
        hi_buf_byte(&ci->key, 0xff);
    }
}

static hist_status csv_new_series(csv_import *ci, cell_cursor *cursors, uint32_t row,
                                  hist_series *out, hist_error *err)
{
    hist_tag tags[HIST_TAGS_MAX];
    size_t count = 0;
    uint32_t slot = 0;

    for (uint32_t i = 0; i < ci->count; i++) {
        if (ci->roles[i] == CSV_TAG && cell_find(&cursors[i], row, &slot)) {
            if (count == HIST_TAGS_MAX) {
                return hi_fail(err, HIST_ELIMIT, "more than %d tags", HIST_TAGS_MAX);
            }
            tags[count++] = (hist_tag){ci->names[i], cell_text(cursors[i].values, slot)};
        }
    }
    return hist_series_open(ci->im->writer, csv_text(ci->table), tags, count, out, err);
}

static hist_status csv_find_series(csv_import *ci, cell_cursor *cursors, uint32_t row,
                                   hist_series *out, hist_error *err)
{
    csv_make_key(ci, cursors, row);
    const char *key = ci->key.size == 0 ? "" : ci->key.data;
    const uint64_t hash = hi_hash(key, ci->key.size, 0);
    csv_series *known = &ci->series[hash & (CSV_SERIES_SLOTS - 1)];

    if (known->series != 0 && known->hash == hash && known->key.size == ci->key.size &&
        (ci->key.size == 0 || memcmp(known->key.data, key, ci->key.size) == 0)) {
        *out = known->series;
        return HIST_OK;
    }
    HI_TRY(csv_new_series(ci, cursors, row, out, err));
    hi_buf_clear(&known->key);
    hi_buf_append(&known->key, key, ci->key.size);
    known->hash = hash;
    known->series = hi_buf_ok(&known->key) ? *out : 0;
    return HIST_OK;
}

static size_t csv_values(csv_import *ci, cell_cursor *cursors, uint32_t row, hist_value *values)
{
    size_t count = 0;
    uint32_t slot = 0;

    for (uint32_t i = 0; i < ci->count && count < HIST_FIELDS_MAX; i++) {
        if (ci->roles[i] != CSV_FIELD || !cell_find(&cursors[i], row, &slot)) {
            continue;
        }
        values[count].field = ci->fields[i];
        if (ci->types[i] == HIST_TYPE_REAL) {
            values[count].value.r = cell_real(cursors[i].values, slot);
        } else if (ci->types[i] == HIST_TYPE_STRING) {
            values[count].value.s = cell_text(cursors[i].values, slot);
        } else {
            values[count].value.i = cell_i64(cursors[i].values, slot);
        }
        count++;
    }
    return count;
}

static hist_status csv_row(csv_import *ci, cell_cursor *cursors, uint32_t row, hist_error *err)
{
    hist_value values[HIST_FIELDS_MAX];
    hist_series series = 0;
    int64_t time = 0;
    uint32_t slot = 0;

    for (uint32_t i = 0; i < ci->count; i++) {
        if (ci->roles[i] == CSV_TIME && cell_find(&cursors[i], row, &slot)) {
            time = cell_i64(cursors[i].values, slot);
        }
    }
    HI_TRY(csv_find_series(ci, cursors, row, &series, err));
    const size_t count = csv_values(ci, cursors, row, values);
    hist_status status = hist_append(ci->im->writer, series, time, values, count, err);

    if (status == HIST_ELIMIT) {
        HI_TRY(import_commit(ci->im, true, err));
        status = hist_append(ci->im->writer, series, time, values, count, err);
    }
    return status;
}

/* What is wrong with one row is told and costs that row; what is wrong with the store ends the import. */
static bool csv_is_row_error(hist_status status)
{
    return status == HIST_EINVAL || status == HIST_ETYPE || status == HIST_ELIMIT;
}

static hist_status csv_rows(void *arg, const hist_batch *batch, const uint64_t *lines,
                            hist_error *err)
{
    csv_import *ci = arg;
    cell_cursor *cursors = cells_open(ci->mem, batch);
    hist_status status = HIST_OK;

    if (cursors == NULL) {
        return hi_no_memory(err, "rows");
    }
    for (uint32_t i = 0; i < batch->sel_count && status == HIST_OK; i++) {
        const uint32_t row = batch->sel == NULL ? i : batch->sel[i];

        status = csv_row(ci, cursors, row, err);
        if (csv_is_row_error(status)) {
            import_refuse(ci->im, lines[row], err->message);
            status = HIST_OK;
        } else if (status == HIST_OK) {
            ci->im->accepted++;
        }
    }
    cells_close(ci->mem, cursors, batch);
    return status == HIST_OK ? import_commit(ci->im, false, err) : status;
}

static void csv_refused(void *arg, const csv_problem *problem)
{
    csv_import *ci = arg;
    char reason[CSV_REASON_SIZE];
    const int shown = (int)(problem->value.size < 64 ? problem->value.size : 64);

    if (problem->column == 0) {
        import_refuse(ci->im, problem->line, problem->what);
        return;
    }
    (void)snprintf(reason, sizeof(reason), "column '%s': %s: \"%.*s\"", problem->name,
                   problem->what, shown, shown == 0 ? "" : problem->value.data);
    import_refuse(ci->im, problem->line, reason);
}

/* ---- a file ---- */

/* "/data/DeviceTelemetry.2026.csv.gz" goes into DeviceTelemetry. */
static hist_status csv_table_name(csv_import *ci, hist_error *err)
{
    const char *file = ci->im->file;
    const char *slash = strrchr(file, '/');
    const char *name = ci->im->table != NULL ? ci->im->table : slash == NULL ? file : slash + 1;
    const size_t size = ci->im->table != NULL ? strlen(name) : strcspn(name, ".");

    if (ci->im->table == NULL && strcmp(file, "standard input") == 0) {
        return hi_fail(err, HIST_EINVAL, "standard input has no name: give --table TABLE");
    }
    if (size == 0 || size > HIST_NAME_BYTES_MAX) {
        return hi_fail(err, HIST_EINVAL, "which table? Give --table TABLE, 1 to %d bytes",
                       HIST_NAME_BYTES_MAX);
    }
    memcpy(ci->table, name, size);
    ci->table[size] = '\0';
    return HIST_OK;
}

static hist_status csv_push(csv_import *ci, input *in, csv_reader *reader, hist_error *err)
{
    char *data = hi_mem_alloc(ci->mem, CSV_READ_BYTES);
    hist_status status = data == NULL ? hi_no_memory(err, "rows") : HIST_OK;
    size_t got = 1;

    while (status == HIST_OK && got > 0) {
        status = input_read(in, data, CSV_READ_BYTES, &got, err);
        if (status == HIST_OK && got > 0) {
            status = csv_reader_push(reader, data, got, err);
            import_progress(ci->im);
        }
    }
    hi_mem_free(ci->mem, data, CSV_READ_BYTES);
    return status == HIST_OK ? csv_reader_finish(reader, err) : status;
}

static hist_status csv_file(csv_import *ci, input *in, hist_error *err)
{
    const csv_sink sink = {csv_columns, csv_rows, csv_refused, ci};
    csv_reader *reader = NULL;

    HI_TRY(csv_table_name(ci, err));
    HI_TRY(csv_look_up(ci, err));
    const csv_read_options options = {.precision = (int)ci->im->precision,
                                      .time_column = ci->im->time_column,
                                      .declared = ci->declared,
                                      .declared_count = ci->declared_count};

    HI_TRY(csv_reader_open(ci->mem, &options, &sink, &reader, err));
    const hist_status status = csv_push(ci, in, reader, err);

    csv_reader_close(reader);
    return status;
}

hist_status import_csv(import *im, input *in, hist_error *err)
{
    csv_import *ci = HI_MEM_NEW(&im->c->mem, csv_import);

    if (ci == NULL) {
        return hi_no_memory(err, "an import");
    }
    ci->im = im;
    ci->mem = &im->c->mem;
    hi_buf_init(&ci->declared_names, ci->mem, 1 << 24);
    hi_buf_init(&ci->names_text, ci->mem, 1 << 24);
    hi_buf_init(&ci->key, ci->mem, 1 << 24);
    for (uint32_t i = 0; i < CSV_SERIES_SLOTS; i++) {
        hi_buf_init(&ci->series[i].key, ci->mem, 1 << 24);
    }
    const hist_status status = csv_file(ci, in, err);

    hi_buf_free(&ci->declared_names);
    hi_buf_free(&ci->names_text);
    hi_buf_free(&ci->key);
    for (uint32_t i = 0; i < CSV_SERIES_SLOTS; i++) {
        hi_buf_free(&ci->series[i].key);
    }
    HI_MEM_DELETE(ci->mem, ci);
    return status;
}
