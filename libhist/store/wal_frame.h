/* wal_frame.h -- headers and frames of the log as bytes, for its writer and its reader. */
#ifndef HI_WAL_FRAME_H
#define HI_WAL_FRAME_H

#include "store/features.h"
#include "store/wal.h"

enum {
    HI_WAL_DATA = 1,
    HI_WAL_MARK = 2,      /* No payload: carries `durable`. */
    HI_WAL_CLOSE = 4,     /* No payload: the log was closed in order. */
    HI_WAL_CONTINUED = 8, /* With DATA: the batch goes on in the next data frame. */
};

typedef struct hi_wal_header {
    hi_features features;
    uint64_t segment_bytes;
    uint64_t no;
    uint64_t salt;
    uint64_t first_seq;
    uint64_t durable; /* When the segment was made. */
} hi_wal_header;

typedef struct hi_wal_frame {
    uint32_t payload;
    uint32_t flags;
    uint64_t seq;
    uint64_t durable;
} hi_wal_frame;

/* Of a frame in the file, padding included. */
static inline uint64_t hi_wal_frame_size(uint64_t payload)
{
    return HI_WAL_FRAME_HEADER_SIZE + ((payload + 7) & ~UINT64_C(7));
}

void hi_wal_header_encode(const hi_wal_header *header, const uint8_t uuid[16],
                          uint8_t out[HI_WAL_HEADER_SIZE]);
/* HIST_ECORRUPT, HIST_EVERSION, HIST_EREADONLY (for_write only). `no` is the number in the file's
   name, path for messages. */
hist_status hi_wal_header_decode(const uint8_t bytes[HI_WAL_HEADER_SIZE], const uint8_t uuid[16],
                                 uint64_t no, const char *path, bool for_write,
                                 hi_wal_header *header_out, hist_error *err);

/* Fills in the first 32 bytes of the frame at `bytes`. */
void hi_wal_frame_put(uint8_t *bytes, const hi_wal_frame *frame);
/* Sets the checksum; payload and padding are in place. */
void hi_wal_frame_seal(uint8_t *bytes, uint32_t payload, uint64_t salt);

/*
 * The fields of what may be a frame at bytes[0..40), where `room` bytes are left in the segment:
 * false when they cannot be those of one. Says nothing about the checksum.
 */
bool hi_wal_frame_get(const uint8_t *bytes, uint64_t room, hi_wal_frame *frame_out);
/* The whole frame is at `bytes`: does its checksum match? */
bool hi_wal_frame_verify(const uint8_t *bytes, uint32_t payload, uint64_t salt);

/* A file of the folder that is a segment, with what its header says. */
typedef struct hi_wal_entry {
    hi_wal_header header;
    bool valid; /* The header could be read. */
} hi_wal_entry;

/* All segments from number `from` on, ascending. `entries` is an array in memory of config->mem. */
typedef struct hi_wal_listing {
    hi_mem *mem;
    hi_wal_entry *entries;
    size_t count;
    size_t capacity;
    hist_status status; /* While listing. */
} hi_wal_listing;

/*
 * Lists and reads headers.
 *   strict  A header that cannot be read fails the call; else the entry is marked as not valid.
 */
hist_status hi_wal_list(const hi_wal_config *config, uint64_t from, bool strict,
                        hi_wal_listing *listing_out, hist_error *err);
void hi_wal_listing_free(hi_wal_listing *listing);

#endif
