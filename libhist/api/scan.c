/* scan.c -- the raw scan of the C API: rows of one table with true nulls; see hist.h. */
#include <string.h>

#include "api/db.h"

struct hist_scan {
    hi_mem mem; /* Under the limit of a query. */
    hi_arena arena;
    hi_snapshot *snapshot;
    hi_scan *scan;
    hi_table_def def;
    hist_column_info *infos;
    uint32_t column_count;
    hi_store *store;
};

static const hi_column_def *scan_find_column(const hi_table_def *def, const char *name)
{
    for (uint32_t i = 0; i < def->column_count; i++) {
        if (strcmp(def->columns[i].name, name) == 0) {
            return &def->columns[i];
        }
    }
    return NULL;
}

static hist_status scan_choose_columns(hist_scan *self, const hist_scan_options *options,
                                       hi_column_def **columns_out, hist_error *err)
{
    const bool all = options->columns == NULL;
    const uint32_t count = all ? self->def.column_count : (uint32_t)options->column_count;
    hi_column_def *columns = HI_NEW_ARRAY(&self->arena, hi_column_def, count);

    self->infos = HI_NEW_ARRAY(&self->arena, hist_column_info, count);
    if (columns == NULL || self->infos == NULL) {
        return hi_no_memory(err, "scan");
    }
    for (uint32_t i = 0; i < count; i++) {
        const hi_column_def *column =
            all ? &self->def.columns[i] : scan_find_column(&self->def, options->columns[i]);

        if (column == NULL) {
            return hi_fail(err, HIST_ENOTFOUND, "table '%s' has no column '%s'", self->def.name,
                           options->columns[i]);
        }
        columns[i] = *column;
        self->infos[i] = (hist_column_info){.name = column->name, .type = column->type};
    }
    self->column_count = count;
    *columns_out = columns;
    return HIST_OK;
}

static hist_status scan_start(hist_scan *self, hist_db *db, const hist_scan_options *options,
                              hist_error *err)
{
    hi_column_def *columns = NULL;
    hi_scan_spec spec = {.from_ns = options->from_ns,
                         .last_ns = options->to_ns - (options->to_ns < HIST_TIME_MAX),
                         .batch_rows_max = options->batch_rows_max};

    if (options->from_ns == 0 && options->to_ns == 0) {
        spec.from_ns = INT64_MIN;
        spec.last_ns = INT64_MAX;
    } else if (options->from_ns >= options->to_ns) {
        return hi_fail(err, HIST_EINVAL, "the range of the scan must begin before it ends");
    }
    HI_TRY(hi_db_find_table(db, options->database, options->table, &self->arena, &self->def, err));
    HI_TRY(scan_choose_columns(self, options, &columns, err));
    HI_TRY(hi_snapshot_open(db->store, &self->snapshot, err));
    if (options->tag_count > 0) {
        HI_TRY(hi_catalog_series_match(hi_store_catalog(db->store), self->def.id, options->tags,
                                       options->tag_count, &self->arena, &spec.series,
                                       &spec.series_count, err));
        static const uint32_t none = 0;
        spec.series = spec.series == NULL ? &none : spec.series;
    }
    spec.table = self->def.id;
    spec.columns = columns;
    spec.column_count = self->column_count;
    return hi_scan_open(self->snapshot, &self->mem, &spec, &self->scan, err);
}

hist_status hist_scan_open(hist_db *db, const hist_scan_options *options, hist_scan **scan_out,
                           hist_error *err)
{
    hi_mem *mem = hi_store_work_mem(db->store);
    hist_scan_options given = HIST_SCAN_OPTIONS;

    *scan_out = NULL;
    HI_TRY(hi_store_check(db->store, err));
    memcpy(&given, options,
           options->struct_size < sizeof(given) ? options->struct_size : sizeof(given));
    hist_scan *self = HI_MEM_NEW(mem, hist_scan);
    if (self == NULL) {
        return hi_no_memory(err, "scan");
    }
    self->store = db->store;
    hi_mem_init(&self->mem, NULL, mem, hi_store_options(db->store)->query_bytes_max);
    hi_arena_init(&self->arena, &self->mem);
    const hist_status status = scan_start(self, db, &given, err);
    if (status != HIST_OK) {
        hist_scan_close(self);
        return status;
    }
    *scan_out = self;
    return HIST_OK;
}

size_t hist_scan_columns(const hist_scan *scan, const hist_column_info **columns_out)
{
    *columns_out = scan->infos;
    return scan->column_count;
}

hist_status hist_scan_next(hist_scan *scan, hist_batch *batch_out, hist_error *err)
{
    hi_scan_batch batch;

    *batch_out = (hist_batch){0};
    HI_TRY(hi_scan_next(scan->scan, &batch, err));
    *batch_out = batch.batch;
    return HIST_OK;
}

void hist_scan_close(hist_scan *scan)
{
    if (scan != NULL) {
        hi_scan_close(scan->scan);
        hi_snapshot_close(scan->snapshot);
        hi_arena_free(&scan->arena);
        HI_MEM_DELETE(hi_store_work_mem(scan->store), scan);
    }
}
