/*
 * fuzz_stream.c -- hostile warm integer streams, vector by vector: an error or values, the same on
 * every CPU, whatever lies behind the stream.
 *
 * u16 rows, then the stream.
 */
#include <stdlib.h>

#include "tests/support/fuzz_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_vector(const hi_stream_view *view, uint32_t v, uint8_t *source, size_t size)
{
    static uint64_t values[HI_VECTOR_ROWS]; /* Whole vectors, not a byte more. */
    static uint64_t first[HI_VECTOR_ROWS];
    const size_t bytes = hi_vector_rows(view->count, v) * sizeof(*values);
    const fz_variants *here = fz_variants_here();
    hist_status wanted = HIST_OK;

    for (uint32_t i = 0; i < here->count; i++) {
        uint64_t *out = i == 0 ? first : values;

        fz_pad(source, size, i);
        fz_paint(out, bytes, i);
        const hist_status status = hi_stream_vector(here->kern[i], view, v, out);
        wanted = i == 0 ? status : wanted;
        fz_check(status == HIST_OK || status == HIST_ECORRUPT, "a status of its own");
        fz_check(status == wanted, "variants disagree on damage");
        fz_check(status != HIST_OK || memcmp(first, out, bytes) == 0, "variants disagree");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hi_stream_view view;

    if (size < 2) {
        return 0;
    }
    const uint32_t rows = fz_rows(hi_get_u16(data));
    uint8_t *source = fz_source(data + 2, size - 2);
    hi_reader r = hi_reader_of(source, size - 2);
    if (hi_stream_open(&r, rows, &view) == HIST_OK) {
        for (uint32_t v = hi_vectors_of(rows); v-- > 0;) {
            fuzz_vector(&view, v, source, size - 2);
        }
    }
    free(source);
    return 0;
}
