/* text_read.c -- text and dictionaries back to offsets and bytes. */
#include "codec/text_read.h"

#include "codec/encoder.h"

/* Offsets of `count` strings after *end, from a stream of their lengths; adds to *end. */
static hist_status text_read_offsets(const hi_codec_kernels *kern, hi_reader *r, uint32_t count,
                                     int32_t *offsets, uint64_t *end, uint64_t limit)
{
    uint64_t lengths[HI_VECTOR_ROWS];
    hi_stream_view view;

    HI_TRY(hi_stream_open(r, count, &view));
    for (uint32_t v = 0; v < hi_vectors_of(count); v++) {
        HI_TRY(hi_stream_vector(kern, &view, v, lengths));
        for (uint32_t i = 0; i < hi_vector_rows(count, v); i++) {
            if (lengths[i] > limit - *end) {
                return HIST_ECORRUPT;
            }
            *end += lengths[i];
            *++offsets = (int32_t)*end;
        }
    }
    return HIST_OK;
}

hist_status hi_text_read_bytes(hi_reader *r, void *to, size_t size)
{
    size_t stored = 0;
    const uint8_t kind = hi_read_u8(r);
    const uint8_t *from = hi_read_text(r, &stored);

    if (from == NULL) {
        return HIST_ECORRUPT;
    }
    if (kind == HI_TEXT_ZSTD) {
        return hi_unsqueeze(from, stored, to, size);
    }
    if (kind != HI_TEXT_RAW || stored != size) {
        return HIST_ECORRUPT;
    }
    if (size > 0) {
        memcpy(to, from, size);
    }
    return HIST_OK;
}

/* Offsets of the values to those of all rows: a null is empty. From the end, as values never lie
   behind their rows. */
static void text_spread(const hi_text_rows *rows, int32_t *offsets)
{
    uint32_t from = rows->count;

    for (uint32_t i = rows->rows; i > 0; i--) {
        offsets[i] = offsets[from];
        from -= hist_bit_get(rows->valid, i - 1);
    }
}

hist_status hi_text_read_block(hi_reader *r, const hi_text_rows *rows, const hi_room *room)
{
    const uint64_t size = hi_read_varint(r);
    uint64_t end = 0;

    if (r->failed || size > INT32_MAX) {
        return HIST_ECORRUPT;
    }
    if (size > room->bytes_size) {
        return HIST_EINVAL;
    }
    room->offsets[0] = 0;
    HI_TRY(text_read_offsets(rows->kern, r, rows->count, room->offsets, &end, size));
    if (end != size) {
        return HIST_ECORRUPT;
    }
    if (rows->count < rows->rows) {
        text_spread(rows, room->offsets);
    }
    HI_TRY(hi_text_read_bytes(r, room->bytes, (size_t)size));
    return hi_reader_left(r) == 0 ? HIST_OK : HIST_ECORRUPT;
}

enum { DICT_LENGTHS_BYTES_MIN = 4 }; /* A regular stream's kind, zeros, start and step. */

/* ---- dictionary ------------------------------------------------------------------------- */

static hist_status dict_fill(hi_reader *r, uint32_t count, size_t size, int32_t *offsets,
                             char *bytes)
{
    const hi_codec_kernels *kern = hi_codec_kernels_pick();
    uint64_t end = 0;

    offsets[0] = 0;
    for (uint32_t at = 0; at < count; at += HI_BLOCK_ROWS_MAX) {
        const uint32_t left = count - at;
        const uint32_t here = left < HI_BLOCK_ROWS_MAX ? left : HI_BLOCK_ROWS_MAX;

        HI_TRY(text_read_offsets(kern, r, here, offsets + at, &end, size));
    }
    return end == size ? hi_text_read_bytes(r, bytes, size) : HIST_ECORRUPT;
}

hist_status hi_dict_open(hi_mem *mem, hi_reader *r, size_t text_bytes_max, hi_dict *dict_out)
{
    const uint64_t count = hi_read_varint(r);
    const uint64_t size = hi_read_varint(r);

    *dict_out = (hi_dict){.count = 0};
    /* Entries differ, so at most one is empty; the lengths of each block's worth of them take some
       bytes. So little can be asked for in the name of few bytes. */
    if (r->failed || size > text_bytes_max || size > INT32_MAX || count == 0 || count > size + 1 ||
        (count - 1) / HI_BLOCK_ROWS_MAX * DICT_LENGTHS_BYTES_MIN > hi_reader_left(r)) {
        return HIST_ECORRUPT;
    }
    if (count >= SIZE_MAX / sizeof(int32_t)) {
        return HIST_ENOMEM; /* Where size_t has 32 bits. */
    }
    const size_t offsets_size = ((size_t)count + 1) * sizeof(int32_t);
    int32_t *offsets = hi_mem_alloc(mem, offsets_size);
    char *bytes = hi_mem_alloc(mem, (size_t)size);
    hist_status status = HIST_ENOMEM;
    if (offsets != NULL && bytes != NULL) {
        status = dict_fill(r, (uint32_t)count, (size_t)size, offsets, bytes);
    }
    if (status != HIST_OK) {
        hi_mem_free(mem, offsets, offsets_size);
        hi_mem_free(mem, bytes, (size_t)size);
        return status;
    }
    *dict_out = (hi_dict){.count = (uint32_t)count, .offsets = offsets, .bytes = bytes};
    return HIST_OK;
}

void hi_dict_free(hi_mem *mem, hi_dict *dict)
{
    if (dict->offsets != NULL) {
        hi_mem_free(mem, (void *)(uintptr_t)dict->bytes, (size_t)dict->offsets[dict->count]);
        hi_mem_free(mem, (void *)(uintptr_t)dict->offsets,
                    ((size_t)dict->count + 1) * sizeof(int32_t));
    }
    *dict = (hi_dict){.count = 0};
}
