/* wal_frame.c -- headers and frames of the log as bytes; wal.h has the layout. */
#include "store/wal_frame.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hash.h"
#include "store/super.h"

#define WAL_MAGIC       "HISTWAL1"
#define WAL_FRAME_MAGIC UINT32_C(0x31465748) /* "HWF1" */
#define WAL_SUM_AT      32

enum { WAL_UUID_AT = 72, WAL_HEADER_SUM_AT = HI_WAL_HEADER_SIZE - 8 };

void hi_wal_header_encode(const hi_wal_header *header, const uint8_t uuid[16],
                          uint8_t out[HI_WAL_HEADER_SIZE])
{
    memcpy(out, WAL_MAGIC, 8);
    hi_put_u32(out + 8, HI_FORMAT_VERSION);
    hi_put_u32(out + 12, (uint32_t)header->segment_bytes);
    hi_features_put(out + 16, &header->features);
    hi_put_u64(out + 40, header->no);
    hi_put_u64(out + 48, header->salt);
    hi_put_u64(out + 56, header->first_seq);
    hi_put_u64(out + 64, header->durable);
    memcpy(out + WAL_UUID_AT, uuid + 8, 8);
    hi_put_u64(out + WAL_HEADER_SUM_AT, hi_hash(out, WAL_HEADER_SUM_AT, 0));
}

hist_status hi_wal_header_decode(const uint8_t bytes[HI_WAL_HEADER_SIZE], const uint8_t uuid[16],
                                 uint64_t no, const char *path, bool for_write,
                                 hi_wal_header *header_out, hist_error *err)
{
    if (memcmp(bytes, WAL_MAGIC, 8) != 0) {
        return hi_corrupt(err, path, 0, "the segment header has no magic");
    }
    if (hi_get_u64(bytes + WAL_HEADER_SUM_AT) != hi_hash(bytes, WAL_HEADER_SUM_AT, 0)) {
        return hi_corrupt(err, path, 0, "checksum of the segment header does not match");
    }
    if (hi_get_u32(bytes + 8) != HI_FORMAT_VERSION) {
        return hi_fail(err, HIST_EVERSION,
                       "%s: format version %u, this version (%s) reads only %d; use a newer one",
                       path, hi_get_u32(bytes + 8), HIST_VERSION, HI_FORMAT_VERSION);
    }
    if (memcmp(bytes + WAL_UUID_AT, uuid + 8, 8) != 0) {
        return hi_corrupt(err, path, WAL_UUID_AT, "the segment belongs to another store");
    }
    *header_out = (hi_wal_header){
        .features = hi_features_get(bytes + 16),
        .segment_bytes = hi_get_u32(bytes + 12),
        .no = hi_get_u64(bytes + 40),
        .salt = hi_get_u64(bytes + 48),
        .first_seq = hi_get_u64(bytes + 56),
        .durable = hi_get_u64(bytes + 64),
    };
    HI_TRY(hi_features_check(&header_out->features, path, for_write, err));
    if (header_out->no != no || header_out->first_seq == 0 ||
        header_out->durable >= header_out->first_seq ||
        header_out->segment_bytes < HI_WAL_SEGMENT_BYTES_MIN) {
        return hi_corrupt(
            err, path, 0,
            "the segment header says segment %llu, first seq %llu, durable %llu, %llu "
            "bytes, which cannot be",
            (unsigned long long)header_out->no, (unsigned long long)header_out->first_seq,
            (unsigned long long)header_out->durable, (unsigned long long)header_out->segment_bytes);
    }
    return HIST_OK;
}

void hi_wal_frame_put(uint8_t *bytes, const hi_wal_frame *frame)
{
    hi_put_u32(bytes, WAL_FRAME_MAGIC);
    hi_put_u32(bytes + 4, frame->payload);
    hi_put_u64(bytes + 8, frame->seq);
    hi_put_u64(bytes + 16, frame->durable);
    hi_put_u32(bytes + 24, frame->flags);
    hi_put_u32(bytes + 28, 0);
}

/* The checksum covers the bytes before it and those behind it. The hash of the first is the seed
   of the second, so that payload is hashed in one piece and in place. */
static uint64_t frame_sum(const uint8_t *bytes, uint32_t payload, uint64_t salt)
{
    const uint64_t head = hi_hash(bytes, WAL_SUM_AT, salt);
    const size_t padded = (size_t)hi_wal_frame_size(payload) - HI_WAL_FRAME_HEADER_SIZE;

    return padded == 0 ? head : hi_hash(bytes + HI_WAL_FRAME_HEADER_SIZE, padded, head);
}

void hi_wal_frame_seal(uint8_t *bytes, uint32_t payload, uint64_t salt)
{
    hi_put_u64(bytes + WAL_SUM_AT, frame_sum(bytes, payload, salt));
}

bool hi_wal_frame_get(const uint8_t *bytes, uint64_t room, hi_wal_frame *frame_out)
{
    if (hi_get_u32(bytes) != WAL_FRAME_MAGIC) {
        return false;
    }
    *frame_out = (hi_wal_frame){
        .payload = hi_get_u32(bytes + 4),
        .seq = hi_get_u64(bytes + 8),
        .durable = hi_get_u64(bytes + 16),
        .flags = hi_get_u32(bytes + 24),
    };
    const uint32_t flags = frame_out->flags;
    const bool is_data = flags == HI_WAL_DATA || flags == (HI_WAL_DATA | HI_WAL_CONTINUED);
    const bool is_note = (flags == HI_WAL_MARK || flags == HI_WAL_CLOSE) && frame_out->payload == 0;
    return (is_data || is_note) && hi_get_u32(bytes + 28) == 0 && frame_out->seq != 0 &&
           frame_out->durable < frame_out->seq && frame_out->payload <= HI_WAL_FRAME_PAYLOAD_MAX &&
           hi_wal_frame_size(frame_out->payload) <= room;
}

bool hi_wal_frame_verify(const uint8_t *bytes, uint32_t payload, uint64_t salt)
{
    return hi_get_u64(bytes + WAL_SUM_AT) == frame_sum(bytes, payload, salt);
}

/* ---- the segments of a folder ----------------------------------------------------------- */

typedef struct wal_list_arg {
    hi_wal_listing *listing;
    uint64_t from;
} wal_list_arg;

static int wal_list_name(void *arg, const char *name)
{
    const wal_list_arg *a = arg;
    hi_wal_listing *l = a->listing;
    uint64_t no = 0;

    if (hi_name_parse(name, &no) != HI_FILE_WAL || no < a->from) {
        return 0;
    }
    if (l->count == l->capacity) {
        const size_t capacity = l->capacity < 16 ? 16 : l->capacity * 2;
        hi_wal_entry *entries = hi_mem_realloc(l->mem, l->entries, l->capacity * sizeof(*entries),
                                               capacity * sizeof(*entries));

        if (entries == NULL) {
            l->status = HIST_ENOMEM;
            return 1;
        }
        l->entries = entries;
        l->capacity = capacity;
    }
    l->entries[l->count++] = (hi_wal_entry){.header.no = no};
    return 0;
}

static int wal_list_compare(const void *a, const void *b)
{
    const uint64_t x = ((const hi_wal_entry *)a)->header.no;
    const uint64_t y = ((const hi_wal_entry *)b)->header.no;

    return x < y ? -1 : x > y ? 1 : 0;
}

static hist_status wal_read_header(const hi_wal_config *config, hist_file *file, const char *path,
                                   hi_wal_header *header, hist_error *err)
{
    uint8_t bytes[HI_WAL_HEADER_SIZE];
    uint64_t size = 0;

    HI_TRY(hi_file_read_exact(file, path, 0, bytes, sizeof(bytes), err));
    HI_TRY(hi_wal_header_decode(bytes, config->uuid, header->no, path, config->for_write, header,
                                err));
    HI_TRY(file->ops->size(file, &size, err));
    if (size != header->segment_bytes) {
        return hi_corrupt(err, path, -1, "the segment has %llu bytes instead of %llu",
                          (unsigned long long)size, (unsigned long long)header->segment_bytes);
    }
    return HIST_OK;
}

static hist_status wal_list_headers(const hi_wal_config *config, bool strict,
                                    hi_wal_listing *listing, hist_error *err)
{
    for (size_t i = 0; i < listing->count; i++) {
        hi_wal_entry *entry = &listing->entries[i];
        hi_wal_header header = entry->header;
        char path[HI_PATH_SIZE];
        hist_file *file = NULL;

        HI_TRY(hi_name_path(config->dir, HI_FILE_WAL, header.no, path, err));
        hist_status st = config->vfs->open(config->vfs, path, HIST_OPEN_READ, &file, err);
        if (st == HIST_OK) {
            st = wal_read_header(config, file, path, &header, err);
            hi_file_close(file);
        }
        if (st == HIST_OK) {
            entry->header = header;
            entry->valid = true;
        } else if (strict) {
            return st;
        }
    }
    return HIST_OK;
}

hist_status hi_wal_list(const hi_wal_config *config, uint64_t from, bool strict,
                        hi_wal_listing *listing_out, hist_error *err)
{
    wal_list_arg arg = {.listing = listing_out, .from = from};

    *listing_out = (hi_wal_listing){.mem = config->mem};
    hist_status st = config->vfs->list(config->vfs, config->dir, wal_list_name, &arg, err);
    if (st == HIST_OK && listing_out->status != HIST_OK) {
        st = hi_no_memory(err, "the list of WAL segments");
    }
    if (st == HIST_OK && listing_out->count > 1) {
        qsort(listing_out->entries, listing_out->count, sizeof(*listing_out->entries),
              wal_list_compare);
    }
    if (st == HIST_OK) {
        st = wal_list_headers(config, strict, listing_out, err);
    }
    if (st != HIST_OK) {
        hi_wal_listing_free(listing_out);
    }
    return st;
}

void hi_wal_listing_free(hi_wal_listing *listing)
{
    hi_mem_free(listing->mem, listing->entries, listing->capacity * sizeof(*listing->entries));
    *listing = (hi_wal_listing){.mem = listing->mem};
}
