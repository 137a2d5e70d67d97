/*
 * names.h -- what the files of a store are called; nobody else formats or parses a name.
 *
 *   LOCK  SUPER  RESERVE  MANIFEST-<gen>  WAL-<no>  P-<id>.hp  CAT-<id>.hc  <anything>.tmp
 *
 * Numbers are decimal without leading zeroes and are never used again.
 */
#ifndef HI_NAMES_H
#define HI_NAMES_H

#include "hist_error.h"

#include "os/file.h"

#define HI_NAME_SIZE 48 /* With the final NUL and room for HI_TEMP_SUFFIX. */

typedef enum hi_file_kind {
    HI_FILE_OTHER = 0, /* Not one of ours. */
    HI_FILE_LOCK,
    HI_FILE_SUPER,
    HI_FILE_RESERVE,
    HI_FILE_MANIFEST, /* id = generation */
    HI_FILE_WAL,      /* id = segment number */
    HI_FILE_PART,     /* id = part */
    HI_FILE_CATALOG,  /* id = catalog file */
    HI_FILE_TEMP,     /* Left behind by a crash; removed at open. */
} hi_file_kind;

/* The name of a file; id is ignored by kinds without one. Not for OTHER and TEMP. */
void hi_name_format(hi_file_kind kind, uint64_t id, char name[HI_NAME_SIZE]);

/* The kind of a name and, where it has one, its id (else 0). Only the exact form counts. */
hi_file_kind hi_name_parse(const char *name, uint64_t *id_out);

/* DIR/<name of kind and id>. */
hist_status hi_name_path(const char *dir, hi_file_kind kind, uint64_t id, char path[HI_PATH_SIZE],
                         hist_error *err);

#endif
