/*
 * fuzz_cold.c -- hostile cold streams and sets of forms: any bytes give an error
 * or values, the same on every CPU, and what the encoder makes of any values comes
 * back.
 *
 * Byte 0 chooses the way, bytes 1-2 the count; the rest is a stream, a set and
 * then a stream, or values to encode.
 */
#include <stdlib.h>
#include <string.h>

#include "codec/cold.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_STREAMS = 3, FUZZ_ROWS_MAX = 400 };

static hi_cold_scratch scratch;
static hi_cold_set set;
static hi_cold_set made;

/* At the end of an allocation, with rubbish in what may be read behind. */
static uint8_t *fuzz_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + HI_RANS_SLACK);

    if (copy == NULL) {
        abort();
    }
    memcpy(copy, data, size);
    memset(copy + size, 0x5a, HI_RANS_SLACK);
    return copy;
}

static void fuzz_stream(const uint8_t *data, size_t size, uint32_t count, const hi_cold_set *with)
{
    static uint64_t values[2][HI_BLOCK_ROWS_MAX + HI_CODEC_PAD / 8];
    uint8_t *copy = fuzz_copy(data, size);
    hi_reader r = hi_reader_of(copy, size);
    static hi_cold_view view;

    if (hi_cold_open(&r, count, with, &view) == HIST_OK) {
        const hist_status status = hi_cold_decode(hi_codec_kernels_pick(), &view, values[0]);
        if (hi_cold_decode(&hi_codec_kernels_base, &view, values[1]) != status ||
            (status == HIST_OK && memcmp(values[0], values[1], (size_t)count * 8) != 0)) {
            abort();
        }
    }
    free(copy);
}

static void fuzz_set(const uint8_t *data, size_t size, uint32_t count)
{
    hi_reader r = hi_reader_of(data, size);

    if (hi_cold_set_open(&r, &set) == HIST_OK) {
        fuzz_stream(data + r.at, hi_reader_left(&r), count, &set);
    }
}

/* Words of the input as values of a few streams that may share; must come back as they were. */
static void fuzz_round_trip(const uint8_t *data, size_t size)
{
    static uint64_t words[FUZZ_STREAMS * FUZZ_ROWS_MAX];
    static uint64_t values[FUZZ_ROWS_MAX + HI_CODEC_PAD / 8];
    static uint8_t bytes[HI_STREAM_BYTES_MAX + HI_RANS_SLACK];
    static hi_cold_plan plans[FUZZ_STREAMS];
    const hi_codec_kernels *kern = hi_codec_kernels_pick();
    const uint64_t *x[FUZZ_STREAMS];
    const uint32_t most = FUZZ_STREAMS * FUZZ_ROWS_MAX;
    const uint32_t rows = (uint32_t)(size / 8 < most ? size / 8 : most) / FUZZ_STREAMS;

    if (rows == 0) {
        return;
    }
    memcpy(words, data, (size_t)rows * FUZZ_STREAMS * 8);
    for (uint32_t i = 0; i < FUZZ_STREAMS; i++) {
        x[i] = words + (size_t)i * rows;
        hi_cold_plan_make(kern, &scratch, x[i], rows, &plans[i]);
    }
    hi_cold_share(kern, &scratch, plans, x, FUZZ_STREAMS, &made);
    const size_t set_size = hi_cold_set_put(&made, bytes);
    hi_reader r = hi_reader_of(bytes, set_size);
    if (hi_cold_set_open(&r, &set) != HIST_OK) {
        abort();
    }
    for (uint32_t i = 0; i < FUZZ_STREAMS; i++) {
        const size_t made_size =
            hi_cold_write(kern, &scratch, &plans[i], &made, x[i], HI_STREAM_BYTES_MAX, bytes);
        static hi_cold_view view;
        r = hi_reader_of(bytes, made_size);
        if (hi_cold_open(&r, rows, &set, &view) != HIST_OK ||
            hi_cold_decode(kern, &view, values) != HIST_OK ||
            memcmp(values, x[i], (size_t)rows * 8) != 0) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    const uint32_t count = 1 + hi_get_u16(data + 1) % HI_BLOCK_ROWS_MAX;
    switch (data[0] % 3) {
    case 0:
        fuzz_stream(data + 3, size - 3, count, NULL);
        break;
    case 1:
        fuzz_set(data + 3, size - 3, count);
        break;
    default:
        fuzz_round_trip(data + 3, size - 3);
        break;
    }
    return 0;
}
