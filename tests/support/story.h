/*
 * story.h -- a short life of a store, told over any VFS, and the check of what is left of it.
 *
 * The story commits numbered batches (some durable, some only written), flushes, merges, deletes
 * and reopens, with limits so small that every path is taken. Batch i adds a row of its own at
 * second i (field n = i, a string, a bool) and sets the field "last" of one common row to i. So
 * what is there after any accident must be: the rows of 1..p for one p, the common row saying p, p no
 * smaller than the last acknowledged batch and no larger than the last one tried.
 */
#ifndef STORY_H
#define STORY_H

#include <stdbool.h>

#include "hist.h"

typedef struct story {
    uint64_t batches; /* To commit. */
    uint64_t first;   /* Number of the first one; 0 counts as 1. */
    bool stubborn;    /* Goes on after an error: the batch is tried again, up to 20 times. */
    const hist_allocator *allocator; /* NULL: the default. Not used by the check. */
    uint64_t part_bytes_max;         /* Not used by the check either; 0: the default. */
    bool leave_open;                 /* Ends without close, as if killed (memory is freed). */
    /* Out. */
    uint64_t tried;      /* Highest batch given to hist_commit(). */
    uint64_t written;    /* Highest batch whose commit returned HIST_OK. */
    uint64_t durable;    /* Highest batch that was acknowledged as durable. */
    uint64_t deleted_to; /* Rows of batches below this were deleted, acknowledged. */
    uint64_t delete_tried_to;
    hist_status status; /* First error, or HIST_OK. */
    hist_error error;   /* The last one. */
} story;

/* Options of the story: tiny segments, slabs and groups, no threads. */
hist_open_options story_options(hist_vfs *vfs);

/* Runs the story in folder "db" of the VFS. */
void story_tell(story *s, hist_vfs *vfs);

/*
 * Opens the store and compares. false, with the reason in `why`, when it is not a prefix, misses
 * something acknowledged, or has something never tried. *status_out is that of the open or scan: an error
 * gives false too.
 */
bool story_check(const story *s, hist_vfs *vfs, int open_flags, hist_status *status_out, char *why,
                 size_t why_size);

#endif
