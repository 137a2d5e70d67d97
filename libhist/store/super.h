/*
 * super.h -- the SUPER block: two slots, the only bytes of a store ever overwritten.
 *
 * A write goes to the slot that does not hold the newest generation, so a torn
 * write loses nothing: reading takes the highest valid one. A slot is 4 KiB, the
 * two are 64 KiB apart (larger than any erase block that would tear both).
 *
 *   off size                              off size
 *     0   8  magic "HISTSUP0"              64   8  manifest generation
 *     8   4  format version                72   8  durable watermark (seq)
 *    12   4  slot (0, 1)                   80   4  flags: 1 clean
 *    16   8  may-ignore features           84   4  wal_segment_bytes
 *    24   8  read-not-write features       88   8  created, ns since 1970
 *    32   8  must-refuse features          96   8  write number, picks the newest slot
 *    40  16  store uuid                  4088   8  XXH3 of bytes 0..4087
 *    56   8  generation                            (seed: 0, slot, offset)
 *   104   8  the present era (era.h): from
 *   112   8  ... to
 */
#ifndef HI_SUPER_H
#define HI_SUPER_H

#include "hist_vfs.h"

#include "base/err.h"
#include "store/era.h"
#include "store/features.h"

#define HI_FORMAT_VERSION      0
#define HI_SUPER_SLOT_SIZE     4096
#define HI_SUPER_SLOT_DISTANCE 65536
#define HI_SUPER_FILE_SIZE     131072

typedef struct hi_super {
    hi_features features;
    uint8_t uuid[16];
    uint64_t generation;          /* Grows with every publish. */
    uint64_t manifest_generation; /* MANIFEST-<this> */
    uint64_t durable_seq;         /* Everything up to here was on stable storage. */
    bool clean;                   /* Closed in order; nothing was written since. */
    uint32_t wal_segment_bytes;
    int64_t created_ns;
    hi_era era;        /* That it is now; goes on beyond what the manifest knows. */
    uint64_t write_no; /* Set by hi_super_write(). */
} hi_super;

/* What reading found out. */
typedef struct hi_super_state {
    unsigned slot;    /* The slot that was taken; the next write goes to the other. */
    bool fallback;    /* The other slot is damaged: what was taken may be one publish old. */
    bool other_valid; /* `other` is usable, for when the newest manifest cannot be read. */
    hi_super other;
} hi_super_state;

/* First 8 bytes of the uuid, as hi_hash_seed() wants them. */
uint64_t hi_super_store(const uint8_t uuid[16]);

/* Creates DIR/SUPER with both slots holding `super` (its write_no is set). */
hist_status hi_super_create(hist_vfs *vfs, const char *dir, hi_super *super, hist_error *err);

/*
 * Reads the newest valid slot of DIR/SUPER.
 * Errors  HIST_ENOTFOUND (no such file), HIST_ECORRUPT (no valid slot, or wrong size),
 *         HIST_EVERSION, HIST_EREADONLY (for_write only), HIST_EIO.
 */
hist_status hi_super_read(hist_vfs *vfs, const char *dir, bool for_write, hi_super *super_out,
                          hi_super_state *state_out, hist_error *err);

/*
 * Writes *super to the slot that state does not hold, syncs, and turns state over. After a
 * failure state is unchanged (the same slot is tried again, through a newly opened file).
 */
hist_status hi_super_write(hist_vfs *vfs, const char *dir, hi_super *super, hi_super_state *state,
                           hist_error *err);

/* One slot as bytes, for tests and fuzzing. decode: HIST_ECORRUPT or HIST_EVERSION. */
void hi_super_encode(const hi_super *super, unsigned slot, uint8_t out[HI_SUPER_SLOT_SIZE]);
hist_status hi_super_decode(const uint8_t bytes[HI_SUPER_SLOT_SIZE], unsigned slot,
                            const char *path, hi_super *super_out, hist_error *err);

#endif
