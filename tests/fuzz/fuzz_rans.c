/*
 * fuzz_rans.c -- hostile entropy coded symbols: frequencies, alone or in a form, then states and
 * words. An error or symbols, the same on every CPU, whatever lies behind.
 *
 * u8 flags (bits 0-1 code of lanes, bit 2: a form instead of frequencies, bits 3-4 tables - 1),
 * u16 symbols, u16 turns, u16 words, u8 which tables, then frequencies or form, states, words.
 */
#include <stdlib.h>

#include "tests/support/fuzz_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_HEAD = 8, FUZZ_LANES = 3, FUZZ_FORM = 4, FUZZ_TABLES_SHIFT = 3 };

static hi_cold_form fuzz_form; /* Its tables alone where there is no form. */

static void fuzz_sum(const hi_rans_freqs *freqs, uint32_t symbols)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < HI_RANS_SYMBOLS; i++) {
        sum += freqs->freq[i];
        fz_check(i < symbols || freqs->freq[i] == 0, "a symbol too many");
    }
    fz_check(sum == HI_RANS_SUM, "frequencies do not sum up");
}

static void fuzz_look(const hi_cold_form *form)
{
    fz_check(form->width <= HI_COLD_WIDTH_MAX, "a form too wide");
    fz_check(form->escape == HI_COLD_NO_ESCAPE || form->escape < form->symbols,
             "an escape that is no symbol");
    for (uint32_t i = 0; form->bins && i < HI_RANS_SYMBOLS; i++) {
        fz_check(form->bits[i] <= HI_COLD_WIDTH_MAX, "a bin too wide");
    }
}

static bool fuzz_freqs(hi_reader *r, unsigned tables)
{
    hi_bit_reader bits = hi_bits_begin(r);
    bool whole = true;

    fuzz_form.symbols = (uint32_t)hi_get_bits(&bits, 8) + 1;
    fuzz_form.tables = tables;
    for (unsigned t = 0; t < tables && whole; t++) {
        whole = hi_rans_freqs_read(&bits, fuzz_form.symbols, &fuzz_form.freqs[t]);
    }
    hi_bits_end(r, &bits);
    return whole && !r->failed;
}

static bool fuzz_open(hi_reader *r, unsigned flags)
{
    if ((flags & FUZZ_FORM) == 0) {
        return fuzz_freqs(r, 1 + (flags >> FUZZ_TABLES_SHIFT) % HI_RANS_TABLES_MAX);
    }
    if (hi_cold_form_open(r, &fuzz_form) != HIST_OK) {
        return false;
    }
    fuzz_look(&fuzz_form);
    return true;
}

static void fuzz_symbols(const hi_rans_view *view, const uint8_t *map, uint8_t *source, size_t size)
{
    static hi_rans_table tables[HI_RANS_TABLES_MAX];
    static uint8_t first[HI_BLOCK_ROWS_MAX];
    const fz_variants *here = fz_variants_two((unsigned)size);
    uint8_t *symbols = fz_alloc(view->count + HI_RANS_SLACK);
    const hi_rans_kernels *filler = here->kern[size / 2 % here->count]->rans;
    hist_status wanted = HIST_OK;

    for (uint32_t t = 0; t < fuzz_form.tables; t++) {
        filler->fill(fuzz_form.freqs[t].freq, fuzz_form.symbols, tables[t].entry);
    }
    for (uint32_t i = 0; i < here->count; i++) {
        fz_pad(source, size, i);
        fz_paint(symbols, view->count, i);
        const hist_status status = hi_rans_decode(here->kern[i], view, tables, map, symbols);
        if (i == 0) {
            memcpy(first, symbols, view->count);
            wanted = status;
        }
        fz_check(status == wanted, "variants disagree on damage");
        fz_check(status != HIST_OK || memcmp(first, symbols, view->count) == 0,
                 "variants disagree");
    }
    free(symbols);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t map[HI_RANS_SEGMENTS_MAX];
    hi_rans_view view;

    if (size < FUZZ_HEAD) {
        return 0;
    }
    const uint32_t count = fz_rows(hi_get_u16(data + 1));
    uint8_t *source = fz_source(data + FUZZ_HEAD, size - FUZZ_HEAD);
    hi_reader r = hi_reader_of(source, size - FUZZ_HEAD);
    if (fuzz_open(&r, data[0])) {
        for (uint32_t t = 0; t < fuzz_form.tables; t++) {
            fuzz_sum(&fuzz_form.freqs[t], fuzz_form.symbols);
        }
        for (uint32_t s = 0; s < HI_RANS_SEGMENTS_MAX; s++) {
            map[s] = (uint8_t)(s * data[7] % fuzz_form.tables);
        }
        if (hi_rans_open(&r, data[0] & FUZZ_LANES, count, hi_get_u16(data + 3),
                         hi_get_u16(data + 5), &view) == HIST_OK) {
            fuzz_symbols(&view, map, source, size - FUZZ_HEAD);
        }
    }
    free(source);
    return 0;
}
