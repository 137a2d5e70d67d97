/* nearest.h -- the name a writer most likely meant, for error messages. */
#ifndef HI_QUERY_NEAREST_H
#define HI_QUERY_NEAREST_H

#include "hist_batch.h"

/* Names longer than this are never suggested. */
#define HI_NEAREST_SIZE_MAX 64

/*
 * Index of the candidate nearest to `name` (edit distance with swapped neighbours as one step, ASCII
 * case for free, the first of equals), or -1 when none is near: more than a third of the letters differ.
 */
int64_t hi_nearest_index(hist_str name, const hist_str *candidates, size_t count);

/* The same over NUL-terminated names; NULL when none is near. */
const char *hi_nearest(hist_str name, const char *const *candidates, size_t count);

#endif
