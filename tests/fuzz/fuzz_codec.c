/*
 * fuzz_codec.c -- hostile blocks and dictionaries: any bytes give an error or values,
 * and what the encoder makes of any values comes back.
 *
 * Byte 0 chooses type and way, bytes 1-2 the rows; the rest is a block, a shared
 * section, or values to encode.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "codec/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 1 << 16 };

typedef struct fuzz_rooms {
    uint64_t valid[HI_BLOCK_ROWS_MAX / 64];
    uint64_t data[HI_BLOCK_ROWS_MAX + HI_CODEC_PAD / 8];
    int32_t offsets[HI_BLOCK_ROWS_MAX + 1];
    char bytes[TEXT_MAX];
} fuzz_rooms;

static const hist_type fuzz_types[] = {HIST_TYPE_BOOL,   HIST_TYPE_LONG,     HIST_TYPE_REAL,
                                       HIST_TYPE_STRING, HIST_TYPE_DATETIME, HIST_TYPE_INT};

static void fuzz_block(hist_type type, uint32_t rows, const uint8_t *data, size_t size,
                       fuzz_rooms *rooms)
{
    static const int32_t offsets[] = {0, 1, 3, 3};
    static uint64_t numbers[3] = {0, 7, UINT64_MAX};
    const hi_page_shared shared = {.dict = {.count = 3, .offsets = offsets, .bytes = "abb"},
                                   .number_count = 3,
                                   .numbers = numbers};
    const hi_room room = {rooms->valid, rooms->data, rooms->offsets, rooms->bytes, TEXT_MAX};
    uint8_t *src = malloc(size + HI_CODEC_PAD);
    hi_decoded decoded;
    size_t text = 0;

    if (src == NULL) {
        return;
    }
    memcpy(src, data, size);
    memset(src + size, 0x5a, HI_CODEC_PAD);
    (void)hi_block_text_size(src, size, rows, &text);
    if (hi_block_decode(type, src, size, rows, &shared, &room, &decoded) == HIST_OK &&
        decoded.nulls > rows) {
        abort();
    }
    (void)hi_block_decode_vectors(type, src, size, rows, &shared, rows / 2048, 1, &room,
                                  &decoded);
    free(src);
}

static void fuzz_shared(hi_mem *mem, hist_type type, const uint8_t *data, size_t size)
{
    uint8_t *src = malloc(size + HI_CODEC_PAD);
    hi_page_shared shared;

    if (src == NULL) {
        return;
    }
    memcpy(src, data, size);
    memset(src + size, 0x5a, HI_CODEC_PAD);
    if (hi_page_shared_open(mem, type, src, size, TEXT_MAX, &shared) == HIST_OK) {
        for (uint32_t i = 0; i < shared.dict.count; i++) {
            if (shared.dict.offsets[i] > shared.dict.offsets[i + 1]) {
                abort();
            }
        }
    }
    hi_page_shared_free(mem, &shared);
    free(src);
}

/* Words of the input as values; must come back as they were. */
static void fuzz_round_trip(hi_mem *mem, hist_type type, const uint8_t *data, size_t size,
                            fuzz_rooms *rooms)
{
    static uint64_t words[512];
    const uint32_t rows = (uint32_t)(size / 8 < 512 ? size / 8 : 512);
    const hi_values values = {.type = type, .rows = rows, .data = words};
    const hi_room room = {rooms->valid, rooms->data, rooms->offsets, rooms->bytes, TEXT_MAX};
    hi_encoder *encoder = hi_encoder_new(mem);
    hi_block_info info;
    uint32_t shared = 0;
    hi_decoded decoded;
    hi_buf out;

    hi_buf_init(&out, mem, 1 << 20);
    memcpy(words, data, (size_t)rows * 8);
    if (encoder != NULL && rows > 0 && type != HIST_TYPE_STRING && type != HIST_TYPE_BOOL &&
        hi_page_encode(encoder, &values, data[0] & 1 ? HI_PROFILE_COLD : HI_PROFILE_WARM, &rows, 1,
                       &out, &info, &shared) == HIST_OK) {
        const size_t bytes = (size_t)rows * (type == HIST_TYPE_INT ? 4 : 8);

        (void)hi_buf_reserve(&out, HI_CODEC_PAD);
        if (hi_block_decode(type, (const uint8_t *)out.data, info.size, rows, NULL, &room,
                            &decoded) != HIST_OK ||
            memcmp(rooms->data, words, bytes) != 0) {
            abort();
        }
    }
    hi_buf_free(&out);
    hi_encoder_free(encoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fuzz_rooms rooms;
    hi_mem mem;

    if (size < 3) {
        return 0;
    }
    const hist_type type = fuzz_types[data[0] % 6];
    const uint32_t rows = 1 + hi_get_u16(data + 1) % HI_BLOCK_ROWS_MAX;
    hi_mem_init(&mem, NULL, NULL, 1 << 26);
    switch (data[0] / 6 % 4) {
    case 0:
    case 1:
        fuzz_block(type, rows, data + 3, size - 3, &rooms);
        break;
    case 2:
        fuzz_shared(&mem, type, data + 3, size - 3);
        break;
    default:
        fuzz_round_trip(&mem, type, data + 3, size - 3, &rooms);
        break;
    }
    if (mem.used != 0) {
        abort();
    }
    return 0;
}
