/*
 * fuzz_cold.c -- hostile cold streams and sets of forms: an error or values, the same on every CPU,
 * whatever lies behind the stream.
 *
 * u8 flags (bit 0: a set of forms comes first), u16 rows, [set], then the stream.
 */
#include <stdlib.h>

#include "tests/support/fuzz_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_stream(const hi_cold_view *view, uint8_t *source, size_t size)
{
    static uint64_t first[HI_BLOCK_ROWS_MAX];
    const size_t bytes = view->count * sizeof(*first);
    const fz_variants *here = fz_variants_two((unsigned)size);
    uint64_t *values = fz_alloc(bytes + HI_CODEC_PAD);
    hist_status wanted = HIST_OK;

    for (uint32_t i = 0; i < here->count; i++) {
        fz_pad(source, size, i);
        fz_paint(values, bytes, i);
        const hist_status status = hi_cold_decode(here->kern[i], view, values);
        if (i == 0) {
            memcpy(first, values, bytes);
            wanted = status;
        }
        fz_check(status == HIST_OK || status == HIST_ECORRUPT, "a status of its own");
        fz_check(status == wanted, "variants disagree on damage");
        fz_check(status != HIST_OK || memcmp(first, values, bytes) == 0, "variants disagree");
    }
    free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static hi_cold_view view;
    const hi_cold_set *forms = NULL;

    if (size < 3) {
        return 0;
    }
    const uint32_t rows = fz_rows(hi_get_u16(data + 1));
    uint8_t *source = fz_source(data + 3, size - 3);
    hi_reader r = hi_reader_of(source, size - 3);
    if ((data[0] & 1) != 0) {
        forms = fz_forms(&r);
    }
    if (((data[0] & 1) == 0 || forms != NULL) && hi_cold_open(&r, rows, forms, &view) == HIST_OK) {
        fuzz_stream(&view, source, size - 3);
    }
    free(source);
    return 0;
}
