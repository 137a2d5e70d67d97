/*
 * parts.h -- for tests: what the manifest of a store says about its parts.
 *
 * A run is what one merge made of one partition: a part, or the parts it was cut into.
 */
#ifndef PARTS_H
#define PARTS_H

#include "store/manifest.h"

typedef struct parts_figures {
    uint32_t parts;
    uint32_t cut;          /* Parts that hold only some series of their partition. */
    uint32_t spanning;     /* Parts of several tables or partitions. */
    uint32_t runs_most;    /* Most runs that one partition of one table has, spanning ones apart. */
    uint64_t bytes_most;   /* Largest part that is not spanning. */
    uint64_t bytes_shared; /* Largest of those with more than one series. */
    uint32_t overlaps;     /* Pairs that share series of one partition and their last commit. */
} parts_figures;

/* The manifest of folder "db"; false: it cannot be read. Free with hi_manifest_free(). */
bool parts_load(hist_vfs *vfs, hi_mem *mem, hi_manifest *manifest_out);
/* Puts a manifest in the place of the one with its generation, frame and checksum right. */
bool parts_store(hist_vfs *vfs, const hi_manifest *manifest);
/* Files of parts in folder "db" that the manifest neither names nor calls obsolete. */
uint32_t parts_unnamed(hist_vfs *vfs);
/* All zero when the manifest cannot be read. */
parts_figures parts_look(hist_vfs *vfs);

#endif
