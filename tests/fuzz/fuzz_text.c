/*
 * fuzz_text.c -- hostile text: blocks without dictionary, and dictionaries of a page. An error or
 * strings that lie one after another within what was asked for.
 *
 * u8 flags (bit 0: a dictionary, bit 1: room for too little, bits 2-3 which rows are null),
 * u16 rows, then the text.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "codec/text_read.h"
#include "tests/support/fuzz_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_DICT = 1, FUZZ_TIGHT = 2, FUZZ_NULLS_SHIFT = 2 };

/* The first row has a value, and of the others all, two of three, every 16th or none. */
static uint32_t fuzz_nulls(unsigned way, uint32_t rows, uint64_t *valid)
{
    static const uint64_t patterns[] = {UINT64_MAX, UINT64_C(0xb6db6db6db6db6db),
                                        UINT64_C(0x0001000100010001), 0};

    for (uint32_t w = 0; w < (rows + 63) / 64; w++) {
        valid[w] = patterns[way % 4];
    }
    valid[0] |= 1;
    valid[(rows - 1) / 64] &= rows % 64 == 0 ? UINT64_MAX : (UINT64_C(1) << rows % 64) - 1;
    return hi_valid_count(valid, rows);
}

static void fuzz_ascend(const int32_t *offsets, uint32_t count, size_t most)
{
    fz_check(offsets[0] == 0, "text that does not begin at its beginning");
    for (uint32_t i = 0; i < count; i++) {
        fz_check(offsets[i] <= offsets[i + 1], "a string of less than no bytes");
    }
    fz_check((size_t)offsets[count] <= most, "a string beyond the text");
}

static void fuzz_block(unsigned flags, uint32_t rows, uint8_t *source, size_t size)
{
    static uint64_t valid[HI_BLOCK_ROWS_MAX / 64];
    const fz_variants *here = fz_variants_here();
    const uint32_t count = fuzz_nulls(flags >> FUZZ_NULLS_SHIFT, rows, valid);
    hi_reader r = hi_reader_of(source, size);
    const uint64_t wanted = hi_read_varint(&r);
    size_t most = wanted < FZ_TEXT_MAX ? (size_t)wanted : FZ_TEXT_MAX;
    most -= (flags & FUZZ_TIGHT) != 0 && most > 0;
    const hi_room room = {.valid = valid,
                          .offsets = fz_alloc((rows + 1) * sizeof(int32_t)),
                          .bytes = fz_alloc(most),
                          .bytes_size = most};

    for (uint32_t i = 0; i < here->count; i++) {
        const hi_text_rows of = {here->kern[i], rows, count, valid};

        fz_pad(source, size, i);
        r = hi_reader_of(source, size);
        const hist_status status = hi_text_read_block(&r, &of, &room);
        fz_check(status == HIST_OK || status == HIST_ECORRUPT || status == HIST_EINVAL,
                 "a status of its own");
        fz_check(status != HIST_OK || most == wanted, "more text than room");
        if (status == HIST_OK) {
            fuzz_ascend(room.offsets, rows, most);
            fz_check((size_t)room.offsets[rows] == most, "less text than foretold");
        }
    }
    free(room.bytes);
    free(room.offsets);
}

static void fuzz_dict(const uint8_t *source, size_t size)
{
    hi_reader r = hi_reader_of(source, size);
    hi_dict dict;
    hi_mem mem;

    hi_mem_init(&mem, NULL, NULL, 1 << 20);
    const hist_status status = hi_dict_open(&mem, &r, FZ_TEXT_MAX, &dict);
    fz_check(status == HIST_OK || status == HIST_ECORRUPT, "a status of its own");
    if (status == HIST_OK) {
        fuzz_ascend(dict.offsets, dict.count, FZ_TEXT_MAX);
    }
    hi_dict_free(&mem, &dict);
    fz_check(mem.used == 0, "memory was not given back");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    uint8_t *source = fz_source(data + 3, size - 3);
    if ((data[0] & FUZZ_DICT) != 0) {
        fuzz_dict(source, size - 3);
    } else {
        fuzz_block(data[0], fz_rows(hi_get_u16(data + 1)), source, size - 3);
    }
    free(source);
    return 0;
}
