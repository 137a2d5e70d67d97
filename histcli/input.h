/* input.h -- the bytes of a file, as they are or unpacked: gzip and zstd are known by their first bytes. */
#ifndef INPUT_H
#define INPUT_H

#include "histcli/cli.h"

typedef struct input input;

/* "-" is standard input. */
hist_status input_open(cli *c, const char *path, input **out, hist_error *err);
/* NULL is a no-op. */
void input_close(input *in);
/*
 * Unpacks a packed file to its end and goes back to its beginning, so that no byte of a damaged one
 * is ever handed out; what cannot be read twice is copied to an unnamed file in TMPDIR first. A
 * gzip or zstd name without the content is damage too. Nothing to do for what is not packed.
 */
hist_status input_check(input *in, hist_error *err);
bool input_is_packed(const input *in);
/* Up to `size` bytes; *got_out 0: the end. A packed file that is cut off is an error. */
hist_status input_read(input *in, char *data, size_t size, size_t *got_out, hist_error *err);
/* How much of the file was read, and how large it is (0: not known). */
void input_progress(const input *in, uint64_t *read_out, uint64_t *size_out);

#endif
