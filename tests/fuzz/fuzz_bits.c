/*
 * fuzz_bits.c -- hostile booleans and validity: an error or bits, the same on every CPU, none
 * beyond the count.
 *
 * u8 model, u16 rows, then the body.
 */
#include <stdlib.h>

#include "tests/support/fuzz_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_bits(unsigned model, uint32_t rows, uint8_t *source, size_t size)
{
    static uint64_t first[HI_BLOCK_ROWS_MAX / 64];
    const size_t bytes = (rows + 63) / 64 * sizeof(*first);
    const fz_variants *here = fz_variants_here();
    uint64_t *bits = fz_alloc(bytes);
    hist_status wanted = HIST_OK;

    for (uint32_t i = 0; i < here->count; i++) {
        hi_reader r = hi_reader_of(source, size);

        fz_pad(source, size, i);
        fz_paint(bits, bytes, i);
        const hist_status status = hi_bits_read(here->kern[i], &r, model, rows, bits);
        if (i == 0) {
            memcpy(first, bits, bytes);
            wanted = status;
        }
        fz_check(status == wanted, "variants disagree on damage");
        fz_check(status != HIST_OK || memcmp(first, bits, bytes) == 0, "variants disagree");
    }
    fz_check(wanted != HIST_OK || rows % 64 == 0 || first[rows / 64] >> rows % 64 == 0,
             "bits beyond the rows");
    free(bits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    uint8_t *source = fz_source(data + 3, size - 3);
    fuzz_bits(data[0], fz_rows(hi_get_u16(data + 1)), source, size - 3);
    free(source);
    return 0;
}
