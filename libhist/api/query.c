/* query.c -- the public functions to ask in KQL: a snapshot of the store and a query over it; see hist.h. */
#include "query/query.h"

#include <string.h>

#include "api/db.h"

/* The public handle is the query itself. */
static hi_query *query_of(hist_query *query)
{
    return (hi_query *)query;
}

static const hi_query *query_of_const(const hist_query *query)
{
    return (const hi_query *)query;
}

hist_status hist_query_open(hist_db *db, const char *text, size_t text_size,
                            const hist_query_options *options, hist_query **query_out,
                            hist_error *err)
{
    hist_query_options given = HIST_QUERY_OPTIONS;
    hi_query *query = NULL;

    *query_out = NULL;
    HI_TRY(hi_store_check(db->store, err));
    if (options != NULL) {
        memcpy(&given, options,
               options->struct_size < sizeof(given) ? options->struct_size : sizeof(given));
    }
    const char *database = given.database;
    hist_vfs *vfs = hi_store_vfs(db->store);
    hi_query_spec spec = {
        .mem = hi_store_work_mem(db->store),
        .memory_max = given.memory_bytes_max != 0 ? given.memory_bytes_max
                                                  : hi_store_options(db->store)->query_bytes_max,
        .database = database == NULL || database[0] == '\0' ? "default" : database,
        .now_ns = given.now_ns != 0 ? given.now_ns : vfs->now_ns(vfs),
        .time_ms_max = given.time_ms_max,
        .param_names = given.param_names,
        .param_values = given.param_values,
        .param_count = given.param_count,
        .stop = given.stop,
        .stop_arg = given.stop_arg,
    };
    HI_TRY(hi_snapshot_open(db->store, &spec.snapshot, err));
    HI_TRY(
        hi_query_open(text, text_size == SIZE_MAX ? strlen(text) : text_size, &spec, &query, err));
    *query_out = (hist_query *)query;
    return HIST_OK;
}

void hist_query_close(hist_query *query)
{
    hi_query_close(query_of(query));
}

hist_status hist_query_next_result(hist_query *query, bool *has_out, hist_error *err)
{
    return hi_query_next_result(query_of(query), has_out, err);
}

size_t hist_query_columns(const hist_query *query, const hist_column_info **columns_out)
{
    const hi_schema *schema = hi_query_schema(query_of_const(query));

    *columns_out = schema->fields;
    return schema->count;
}

const char *hist_query_visualization(const hist_query *query)
{
    return hi_query_visualization(query_of_const(query));
}

hist_status hist_query_next(hist_query *query, hist_batch *batch_out, hist_error *err)
{
    return hi_query_next(query_of(query), batch_out, err);
}

void hist_query_cancel(hist_query *query)
{
    hi_query_cancel(query_of(query));
}

void hist_query_get_stats(const hist_query *query, hist_query_stats *stats_out)
{
    hi_query_stats(query_of_const(query), stats_out);
}
