/*
 * walrec.h -- what a WAL batch says: typed records, one after the other.
 *
 * A batch's payload is a sequence of records: a type byte, the size of the body
 * (u32), the body. Definitions come before the rows that need them. catalog.md
 * specifies every byte. Encoders append to a buffer and keep failure in it;
 * decoders take hostile bytes.
 */
#ifndef HI_WALREC_H
#define HI_WALREC_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "store/rows.h"
#include "store/runlist.h"

typedef enum hi_walrec_type {
    HI_WALREC_DATABASE = 1,
    HI_WALREC_TABLE = 2,
    HI_WALREC_COLUMN = 3, /* A tag or a field. */
    HI_WALREC_SERIES = 4,
    HI_WALREC_PROPERTY = 5,
    HI_WALREC_ROWS = 6,
    HI_WALREC_DELETE = 7,
} hi_walrec_type;

#define HI_WALREC_HEAD 5

typedef struct hi_walrec {
    uint8_t type; /* hi_walrec_type; unknown ones are given out too. */
    const uint8_t *body;
    uint32_t size;
} hi_walrec;

/* Whether the catalog takes it: hi_catalog_apply_record(). */
static inline bool hi_walrec_is_definition(const hi_walrec *record)
{
    return record->type >= HI_WALREC_DATABASE && record->type <= HI_WALREC_PROPERTY;
}

/* The next record of a payload; false at the end, with reader->failed when it ended too early. */
bool hi_walrec_next(hi_reader *reader, hi_walrec *record_out);

/* Record heads: begin returns where the head is; end fills in the size. */
size_t hi_walrec_begin(hi_buf *out, hi_walrec_type type);
void hi_walrec_end(hi_buf *out, size_t head);

/* One rows record a table that has rows. Failure is kept in `out`. */
void hi_walrec_encode_rows(const hi_rows *rows, hi_buf *out);
/* Adds the rows of a rows record to `rows`. HIST_ECORRUPT without message (the caller knows file
   and offset), HIST_ENOMEM. On failure the rows may hold a part of it: clear them. */
hist_status hi_walrec_decode_rows(const hi_walrec *record, hi_rows *rows);

/* The tombstone's seq is that of the commit it is in and not written. */
void hi_walrec_encode_delete(const hi_tombstone *tombstone, hi_buf *out);
/* series[] is in the arena. */
hist_status hi_walrec_decode_delete(const hi_walrec *record, uint64_t seq, hi_arena *arena,
                                    hi_tombstone *tombstone_out);

#endif
