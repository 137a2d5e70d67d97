/*
 * fuzz_body.c -- hostile models of numbers: an error or values, the same on every CPU and by
 * vectors as in one piece, whatever lies behind.
 *
 * u8 flags (bits 0-1 kind, bit 2: a set of forms comes first, bit 3: nothing is shared), u8 model,
 * u16 rows, u8 first vector, [set], then the body.
 */
#include <stdlib.h>

#include "tests/support/fuzz_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_HEAD = 5, FUZZ_KIND = 3, FUZZ_FORMS = 4, FUZZ_ALONE = 8 };

/* Some vectors; whole: all of the body, or NULL where that is damaged. */
static void fuzz_vectors(const hi_body_view *view, uint32_t first, const uint64_t *whole)
{
    static uint64_t room[HI_BLOCK_ROWS_MAX];
    const fz_variants *here = fz_variants_here();
    const uint32_t vectors = hi_vectors_of(view->count) - first;
    const uint32_t skip = first * HI_VECTOR_ROWS;
    uint64_t *values = room + HI_BLOCK_ROWS_MAX - (size_t)vectors * HI_VECTOR_ROWS;
    const size_t bytes = (view->count - skip) * sizeof(*values);

    for (uint32_t i = 0; i < here->count; i++) {
        fz_paint(values, bytes, i + 1);
        const hist_status status = hi_body_vectors(here->kern[i], view, first, vectors, values);
        fz_check(whole == NULL || (status == HIST_OK && memcmp(values, whole + skip, bytes) == 0),
                 "vectors are not what the whole body is");
    }
}

static void fuzz_body(const hi_body_view *view, uint32_t from, uint8_t *source, size_t size)
{
    static uint64_t first[HI_BLOCK_ROWS_MAX];
    static uint64_t room[HI_BLOCK_ROWS_MAX + HI_CODEC_PAD / 8];
    uint64_t *values =
        room + HI_BLOCK_ROWS_MAX - (size_t)hi_vectors_of(view->count) * HI_VECTOR_ROWS;
    const size_t bytes = view->count * sizeof(*values);
    const fz_variants *here = fz_variants_here();
    hist_status wanted = HIST_OK;

    for (uint32_t i = 0; i < here->count; i++) {
        fz_pad(source, size, i);
        fz_paint(values, bytes, i);
        const hist_status status = hi_body_all(here->kern[i], view, values);
        if (i == 0) {
            memcpy(first, values, bytes);
            wanted = status;
        }
        fz_check(status == HIST_OK || status == HIST_ECORRUPT, "a status of its own");
        fz_check(status == wanted, "variants disagree on damage");
        fz_check(status != HIST_OK || memcmp(first, values, bytes) == 0, "variants disagree");
    }
    if (view->runs == 0 && !view->is_cold) {
        fuzz_vectors(view, from % hi_vectors_of(view->count), wanted == HIST_OK ? first : NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static hi_body_view view;
    const hi_cold_set *forms = NULL;

    if (size < FUZZ_HEAD) {
        return 0;
    }
    uint8_t *source = fz_source(data + FUZZ_HEAD, size - FUZZ_HEAD);
    hi_reader r = hi_reader_of(source, size - FUZZ_HEAD);
    if ((data[0] & FUZZ_FORMS) != 0) {
        forms = fz_forms(&r);
    }
    const hi_page_shared shared = fz_shared((data[0] & FUZZ_KIND) == HI_KIND_REAL, forms);
    if (((data[0] & FUZZ_FORMS) == 0 || forms != NULL) &&
        hi_body_open(&r, data[1], (hi_kind)(data[0] & FUZZ_KIND), fz_rows(hi_get_u16(data + 2)),
                     (data[0] & FUZZ_ALONE) != 0 ? NULL : &shared, &view) == HIST_OK) {
        fuzz_body(&view, data[4], source, size - FUZZ_HEAD);
    }
    free(source);
    return 0;
}
