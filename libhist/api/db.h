/* db.h -- what a hist_db is to the files of api/. */
#ifndef HI_DB_H
#define HI_DB_H

#include "store/store.h"

struct hist_db {
    hi_store *store;
};

/* The database's id; HIST_ENOTFOUND with the name. NULL or "": "default". */
hist_status hi_db_find_database(hist_db *db, const char *name, uint32_t *id_out, hist_error *err);

/* A table by name in a database; HIST_ENOTFOUND names it. */
hist_status hi_db_find_table(hist_db *db, const char *database, const char *table, hi_arena *arena,
                             hi_table_def *def_out, hist_error *err);

#endif
