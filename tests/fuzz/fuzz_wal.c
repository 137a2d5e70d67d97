/*
 * fuzz_wal.c -- hostile segments: any bytes give an error or an ordered prefix, and where
 * reading works, writing on works too.
 *
 * Byte 0: 1 = seal headers, 2 = seal what looks like frames, 4 = two segments, 8 = frames are
 * built from a short script, 16 = a live tail. Byte 1: floor seq. Byte 2: SUPER's watermark.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "store/wal_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    FUZZ_SEGMENT = 8192,
    FUZZ_SEAL_HEADER = 1,
    FUZZ_SEAL = 2,
    FUZZ_TWO = 4,
    FUZZ_SCRIPT = 8,
    FUZZ_LIVE = 16
};

#define FUZZ_SALT UINT64_C(0x1122334455667788)

static const uint8_t fuzz_uuid[16] = "0123456789abcde";

typedef struct fuzz_seen {
    uint64_t last;
    uint64_t floor;
    uint64_t count;
    uint64_t sum; /* Of all payload bytes and seqs. */
} fuzz_seen;

static hist_status fuzz_visit(void *arg, uint64_t seq, const void *payload, size_t size,
                              hist_error *err)
{
    fuzz_seen *seen = arg;
    const uint8_t *bytes = payload;

    (void)err;
    if (seq <= seen->last || seq <= seen->floor) {
        abort();
    }
    seen->last = seq;
    seen->count++;
    seen->sum = seen->sum * 31 + seq;
    for (size_t i = 0; i < size; i++) {
        seen->sum = seen->sum * 31 + bytes[i];
    }
    return HIST_OK;
}

/* Frames from four bytes each: flags, payload, seq and durable relative to what is right. */
static void fuzz_script(uint8_t *segment, uint64_t seq, const uint8_t *data, size_t size)
{
    static const uint32_t flags[] = {1, 1, 9, 2, 1, 9, 4, 3};
    uint64_t durable = 0;
    size_t at = HI_WAL_HEADER_SIZE;

    for (size_t i = 0; i + 4 <= size; i += 4) {
        hi_wal_frame frame = {.flags = flags[data[i] % 8], .payload = data[i + 1]};

        frame.payload = (frame.flags & HI_WAL_DATA) != 0 ? frame.payload : 0;
        frame.seq = seq + (data[i + 2] > 250 ? (uint64_t)data[i + 2] - 250 : 0);
        durable = data[i + 3] < 64 && seq > durable + data[i + 3] ? durable + data[i + 3] : durable;
        frame.durable = durable;
        if (at + hi_wal_frame_size(frame.payload) > FUZZ_SEGMENT) {
            return;
        }
        hi_wal_frame_put(segment + at, &frame);
        memset(segment + at + HI_WAL_FRAME_HEADER_SIZE, data[i],
               (size_t)hi_wal_frame_size(frame.payload) - HI_WAL_FRAME_HEADER_SIZE);
        hi_wal_frame_seal(segment + at, frame.payload, FUZZ_SALT);
        segment[at + 8] ^= (uint8_t)(data[i + 3] == 255 ? 1 : 0); /* Torn. */
        at += (size_t)hi_wal_frame_size(frame.payload);
        seq += (frame.flags & HI_WAL_DATA) != 0 ? 1 : 0;
    }
}

static void fuzz_seal(uint8_t *segment)
{
    hi_wal_frame frame;

    for (size_t at = HI_WAL_HEADER_SIZE; at + HI_WAL_FRAME_HEADER_SIZE <= FUZZ_SEGMENT;) {
        if (!hi_wal_frame_get(segment + at, FUZZ_SEGMENT - at, &frame)) {
            at += 8;
            continue;
        }
        hi_wal_frame_seal(segment + at, frame.payload, FUZZ_SALT);
        at += (size_t)hi_wal_frame_size(frame.payload);
    }
}

static void fuzz_segment(hist_vfs *vfs, uint64_t no, unsigned mode, const uint8_t *data,
                         size_t size)
{
    static uint8_t segment[FUZZ_SEGMENT];
    hi_wal_header header = {.segment_bytes = FUZZ_SEGMENT, .no = no, .salt = FUZZ_SALT};
    const hist_iov iov = {.data = segment, .size = sizeof(segment)};
    char name[HI_NAME_SIZE];

    header.first_seq = size > 0 ? 1 + data[0] % 16 : 1;
    header.durable = size > 1 ? data[1] % header.first_seq : 0;
    memset(segment, 0, sizeof(segment));
    if ((mode & FUZZ_SCRIPT) != 0) {
        fuzz_script(segment, header.first_seq, data, size);
    } else {
        memcpy(segment, data, size < sizeof(segment) ? size : sizeof(segment));
    }
    if ((mode & FUZZ_SEAL) != 0) {
        fuzz_seal(segment);
    }
    if ((mode & FUZZ_SEAL_HEADER) != 0) {
        hi_wal_header_encode(&header, fuzz_uuid, segment);
    }
    hi_name_format(HI_FILE_WAL, no, name);
    if (hi_file_write_new(vfs, "d", name, &iov, 1, NULL) != HIST_OK) {
        abort();
    }
}

/* What was read can be written on to, and is still there then. */
static void fuzz_go_on(const hi_wal_config *config, const hi_wal_from *from,
                       const hi_wal_report *report, fuzz_seen *before)
{
    const hist_iov iov = {.data = "more", .size = 4};
    hi_wal_batch batch = {.iov = &iov, .iov_count = 1};
    hi_wal_from after = *from;
    hi_wal_report again;
    fuzz_seen seen = {.floor = from->floor_seq};
    hi_wal *wal = NULL;

    if (hi_wal_open(config, report, &wal, NULL) != HIST_OK ||
        hi_wal_append(wal, &batch, 1, NULL) != HIST_OK || hi_wal_close(wal, NULL) != HIST_OK) {
        abort();
    }
    after.super_durable = batch.seq;
    (void)fuzz_visit(before, batch.seq, "more", 4, NULL);
    if (hi_wal_replay(config, &after, fuzz_visit, &seen, &again, NULL) != HIST_OK ||
        seen.sum != before->sum || seen.count != before->count || again.last_seq != batch.seq) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hist_vfs *vfs = hist_vfs_memory_new();
    hi_mem mem;
    hi_wal_report report;

    if (vfs == NULL || size < 3 || vfs->mkdir(vfs, "d", NULL) != HIST_OK) {
        hist_vfs_memory_free(vfs);
        return 0;
    }
    hi_mem_init(&mem, NULL, NULL, 0);
    const unsigned mode = data[0];
    hi_wal_config config = {.vfs = vfs, .dir = "d", .mem = &mem, .segment_bytes = FUZZ_SEGMENT};
    const hi_wal_from from = {
        .floor_seq = data[1] % 32, .super_durable = data[2] % 64, .live = (mode & FUZZ_LIVE) != 0};
    fuzz_seen seen = {.floor = from.floor_seq};
    const size_t cut = (mode & FUZZ_TWO) != 0 ? 3 + (size - 3) / 2 : size;

    memcpy(config.uuid, fuzz_uuid, sizeof(config.uuid));
    fuzz_segment(vfs, 1, mode, data + 3, cut - 3);
    if (cut < size) {
        fuzz_segment(vfs, 2, mode, data + cut, size - cut);
    }
    const hist_status st = hi_wal_replay(&config, &from, fuzz_visit, &seen, &report, NULL);
    if (report.last_seq < from.floor_seq) {
        abort();
    }
    if (st == HIST_OK) {
        fuzz_go_on(&config, &from, &report, &seen);
    }
    hist_vfs_memory_free(vfs);
    if (mem.used != 0) {
        abort();
    }
    return 0;
}
