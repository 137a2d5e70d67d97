/*
 * outfile.h -- a file that appears under its name only when it is complete.
 *
 * Bytes go to FOLDER/.tmp-PID, packed on the way and counted into a SHA-256;
 * outfile_publish() makes them durable, renames, and makes the name durable.
 */
#ifndef OUTFILE_H
#define OUTFILE_H

#include "histcli/cli.h"

typedef enum pack { PACK_NONE, PACK_GZIP, PACK_ZSTD } pack;

typedef struct outfile outfile;

#define OUTFILE_SHA_SIZE 65 /* 64 digits and a NUL. */

/* Is SHA-256 in this build? */
bool outfile_has_sha(void);
/* SHA-256 of some bytes as text; an empty text when it is not in this build. */
void outfile_sha(const void *data, size_t size, char sha_out[OUTFILE_SHA_SIZE]);

hist_status outfile_open(cli *c, const char *folder, pack how, outfile **out, hist_error *err);
hist_status outfile_write(outfile *f, const void *data, size_t size, hist_error *err);
/* bytes and sha are those of the file, packed. Closes; f is gone also after a failure. */
hist_status outfile_publish(outfile *f, const char *name, uint64_t *bytes_out,
                            char sha_out[OUTFILE_SHA_SIZE], hist_error *err);
/* Throws it away. NULL is a no-op. */
void outfile_drop(outfile *f);

/* The folder and what is above it, as far as missing. What was made is appended to `made` (NULL is
   fine), each path with a NUL. */
hist_status outfile_folders(const char *path, hi_buf *made, hist_error *err);
hist_status outfile_sync_folder(const char *path, hist_error *err);

#endif
