/* db.c -- open, close, upkeep and figures: the public functions over store/. */
#include "api/db.h"

#include <string.h>

#define DB_DEFAULT "default"

const char *hist_version(void)
{
    return HIST_VERSION;
}

hist_status hist_open(const char *path, const hist_open_options *options, hist_db **db_out,
                      hist_error *err)
{
    hi_store *store = NULL;

    *db_out = NULL;
    HI_TRY(hi_store_open(path, options, &store, err));
    hist_db *db = HI_MEM_NEW(hi_store_mem(store), hist_db);
    if (db == NULL) {
        (void)hi_store_close(store, NULL);
        return hi_no_memory(err, "opening a store");
    }
    db->store = store;
    *db_out = db;
    return HIST_OK;
}

hist_status hist_close(hist_db *db, hist_error *err)
{
    if (db == NULL) {
        return HIST_OK;
    }
    hi_store *store = db->store;
    HI_MEM_DELETE(hi_store_mem(store), db);
    return hi_store_close(store, err);
}

hist_status hist_sync(hist_db *db, hist_error *err)
{
    return hi_store_sync(db->store, err);
}

hist_status hist_maintain(hist_db *db, int what, hist_error *err)
{
    return hi_store_maintain(db->store, what, err);
}

void hist_get_stats(hist_db *db, hist_stats *stats_out)
{
    hi_store_get_stats(db->store, stats_out);
}

hist_status hist_verify(hist_db *db, hist_verify_fn fn, void *arg, hist_error *err)
{
    return hi_store_verify(db->store, fn, arg, err);
}

/* ---- names ---- */

hist_status hi_db_find_database(hist_db *db, const char *name, uint32_t *id_out, hist_error *err)
{
    const char *wanted = name == NULL || name[0] == '\0' ? DB_DEFAULT : name;

    *id_out = hi_catalog_database(hi_store_catalog(db->store), (hist_str){wanted, strlen(wanted)});
    if (*id_out == 0) {
        return hi_fail(err, HIST_ENOTFOUND, "there is no database '%s'", wanted);
    }
    return HIST_OK;
}

hist_status hi_db_find_table(hist_db *db, const char *database, const char *table, hi_arena *arena,
                             hi_table_def *def_out, hist_error *err)
{
    uint32_t id = 0;

    if (table == NULL) {
        return hi_fail(err, HIST_EINVAL, "the name of the table is missing");
    }
    HI_TRY(hi_db_find_database(db, database, &id, err));
    const hist_status status = hi_catalog_table(hi_store_catalog(db->store), id,
                                                (hist_str){table, strlen(table)}, arena, def_out);
    if (status == HIST_ENOTFOUND) {
        return hi_fail(err, HIST_ENOTFOUND, "there is no table '%s'", table);
    }
    return status == HIST_OK ? HIST_OK : hi_no_memory(err, "table");
}

/* ---- tables ---- */

static int db_tell_table(const hi_table_def *def, const char *database, hi_arena *arena,
                         hist_table_fn fn, void *arg)
{
    hist_table_column *columns = HI_NEW_ARRAY(arena, hist_table_column, def->column_count);

    if (columns == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < def->column_count; i++) {
        columns[i] = (hist_table_column){.name = def->columns[i].name,
                                         .type = def->columns[i].type,
                                         .kind = def->columns[i].kind};
    }
    const hist_table_info info = {.database = database,
                                  .name = def->name,
                                  .column_count = def->column_count,
                                  .columns = columns,
                                  .series_count = def->series_count};
    return fn(arg, &info) != 0 ? 1 : 0;
}

hist_status hist_tables(hist_db *db, const char *database, hist_table_fn fn, void *arg,
                        hist_error *err)
{
    hi_arena arena;
    uint32_t id = 0;
    uint32_t count = 0;
    hi_table_def *tables = NULL;
    const char *name = database == NULL || database[0] == '\0' ? DB_DEFAULT : database;
    const hist_status found = hi_db_find_database(db, database, &id, err);

    if (found != HIST_OK) {
        /* A new store has no database yet; "default" always exists for who asks. */
        return strcmp(name, DB_DEFAULT) == 0 ? HIST_OK : found;
    }
    hi_arena_init(&arena, hi_store_mem(db->store));
    hist_status status =
        hi_catalog_tables(hi_store_catalog(db->store), id, &arena, &tables, &count, err);
    for (uint32_t i = 0; i < count && status == HIST_OK; i++) {
        const int told = db_tell_table(&tables[i], name, &arena, fn, arg);

        if (told > 0) {
            break;
        }
        status = told < 0 ? hi_no_memory(err, "list of tables") : HIST_OK;
    }
    hi_arena_free(&arena);
    return status;
}

hist_status hist_partitions(hist_db *db, const char *database, const char *table,
                            hist_partition_fn fn, void *arg, hist_error *err)
{
    hi_arena arena;
    hi_table_def def;
    hi_snapshot *snapshot = NULL;

    hi_arena_init(&arena, hi_store_mem(db->store));
    hist_status status = hi_db_find_table(db, database, table, &arena, &def, err);
    if (status == HIST_OK) {
        status = hi_snapshot_open(db->store, &snapshot, err);
    }
    if (status == HIST_OK) {
        status = hi_snapshot_partitions(snapshot, def.id, fn, arg, err);
    }
    hi_snapshot_close(snapshot);
    hi_arena_free(&arena);
    return status;
}

/* ---- delete ---- */

hist_status hist_delete(hist_db *db, const char *database, const char *table, const hist_tag *tags,
                        size_t tag_count, hist_time from_ns, hist_time to_ns, hist_error *err)
{
    hi_arena arena;
    hi_table_def def;
    const uint32_t *series = NULL;
    uint32_t count = 0;

    if (from_ns >= to_ns) {
        return hi_fail(err, HIST_EINVAL, "nothing to delete: the range must begin before it ends");
    }
    hi_arena_init(&arena, hi_store_mem(db->store));
    hist_status status = hi_db_find_table(db, database, table, &arena, &def, err);
    if (status == HIST_OK && tag_count > 0) {
        status = hi_catalog_series_match(hi_store_catalog(db->store), def.id, tags, tag_count,
                                         &arena, &series, &count, err);
    }
    if (status == HIST_OK && (tag_count == 0 || count > 0)) {
        status = hi_store_delete(db->store, def.id, tag_count == 0 ? NULL : series, count, from_ns,
                                 to_ns, err);
    }
    hi_arena_free(&arena);
    return status;
}
