/* cold_form.c -- forms of cold streams and sets of them: bytes, and checks when they come back. */
#include <assert.h>

#include "codec/cold.h"

enum {
    FORM_WIDTH_MASK = 0x3f,
    FORM_STEPS = 0x01, /* Of BINS, which have no width. */
    FORM_ESCAPE = 0x40,
    FORM_BINS = 0x80,
    FORM_TABLES_BITS = 2,
    FORM_BITS_BITS = 6,   /* Of a bin's bits, */
    FORM_LENGTH_BITS = 6, /* of the length of a distance, */
    FORM_KEPT_BITS = 3,   /* of how many bits of it are written; */
    FORM_KEPT_ALL = 7,    /* all of them. */
};

/* Bits of a bin: as before, one more, one less, or themselves. */
static void form_put_bits(hi_bit_writer *w, unsigned bits, unsigned before)
{
    if (bits == before) {
        hi_put_bits(w, 0, 1);
    } else if (bits == before + 1 || bits + 1 == before) {
        hi_put_bits(w, bits > before ? 5 : 1, 3);
    } else {
        hi_put_bits(w, 3, 2);
        hi_put_bits(w, bits, FORM_BITS_BITS);
    }
}

static unsigned form_read_bits(hi_bit_reader *r, unsigned before)
{
    if (hi_get_bits(r, 1) == 0) {
        return before;
    }
    if (hi_get_bits(r, 1) == 0) {
        return hi_get_bits(r, 1) != 0 ? before + 1 : before - 1;
    }
    return (unsigned)hi_get_bits(r, FORM_BITS_BITS);
}

/* From a bin to the next: mostly where it ends, else a number with few leading bits. */
static void form_put_distance(hi_bit_writer *w, uint64_t distance, unsigned bits)
{
    if (distance == UINT64_C(1) << bits) {
        hi_put_bits(w, 0, 1);
        return;
    }
    assert(distance > 0);
    const unsigned below = hi_bit_length(distance) - 1;
    const unsigned used = below - (unsigned)__builtin_ctzll(distance);
    const unsigned kept = used < FORM_KEPT_ALL && used < below ? used : below;
    hi_put_bits(w, 1, 1);
    hi_put_bits(w, below, FORM_LENGTH_BITS);
    hi_put_bits(w, kept == below ? FORM_KEPT_ALL : kept, FORM_KEPT_BITS);
    hi_put_bits(w, distance >> (below - kept), kept);
}

static uint64_t form_read_distance(hi_bit_reader *r, unsigned bits)
{
    if (hi_get_bits(r, 1) == 0) {
        return UINT64_C(1) << bits;
    }
    const unsigned below = (unsigned)hi_get_bits(r, FORM_LENGTH_BITS);
    const unsigned code = (unsigned)hi_get_bits(r, FORM_KEPT_BITS);
    const unsigned kept = code == FORM_KEPT_ALL || code > below ? below : code;
    const uint64_t leading = kept == 0 ? 1 : (UINT64_C(1) << kept) | hi_get_bits(r, kept);
    return leading << (below - kept);
}

static void form_put_tables(hi_bit_writer *w, const hi_cold_form *form)
{
    hi_put_bits(w, form->symbols - 1, 8);
    hi_put_bits(w, form->tables - 1, FORM_TABLES_BITS);
    for (uint32_t t = 0; t < form->tables; t++) {
        hi_rans_freqs_put(w, &form->freqs[t]);
    }
}

static bool form_read_tables(hi_bit_reader *r, hi_cold_form *form)
{
    form->symbols = (uint32_t)hi_get_bits(r, 8) + 1;
    form->tables = (uint32_t)hi_get_bits(r, FORM_TABLES_BITS) + 1;
    bool whole = true;

    for (uint32_t t = 0; t < form->tables && whole; t++) {
        whole = hi_rans_freqs_read(r, form->symbols, &form->freqs[t]);
    }
    return whole;
}

/* Distances of coarse bins are counted in steps. The first fine bin is in the head. */
static void form_put_bins(hi_bit_writer *w, const hi_cold_form *form)
{
    const uint32_t bins = hi_cold_bins(form);
    unsigned before = 0;

    for (uint32_t i = 0; i < bins; i++) {
        if (i > 0 && (i != form->coarse)) {
            const uint64_t distance = form->lower[i] - form->lower[i - 1];
            assert(i >= form->coarse || distance % form->step == 0);
            form_put_distance(w, i < form->coarse ? distance / form->step : distance, before);
        }
        form_put_bits(w, form->bits[i], before);
        before = form->bits[i];
    }
}

size_t hi_cold_form_put(const hi_cold_form *form, uint8_t *to)
{
    uint8_t *at = to;
    const bool escape = form->escape != HI_COLD_NO_ESCAPE;

    if (!form->bins) {
        *at++ = (uint8_t)(form->width | (escape ? FORM_ESCAPE : 0));
        at += hi_put_svarint(at, (uint64_t)((int64_t)form->base >> form->width));
        hi_bit_writer w = {at, 0};
        form_put_tables(&w, form);
        return (size_t)(at - to) + hi_bits_bytes(&w);
    }
    *at++ = (uint8_t)(FORM_BINS | (escape ? FORM_ESCAPE : 0) | (form->coarse > 0 ? FORM_STEPS : 0));
    at += hi_put_svarint(at, form->base);
    if (form->coarse > 0) {
        at += hi_put_varint(at, form->step);
        at += hi_put_varint(at, form->coarse);
        at += hi_put_svarint(at, form->lower[form->coarse] - form->base);
    }
    hi_bit_writer w = {at, 0};
    form_put_tables(&w, form);
    form_put_bins(&w, form);
    return (size_t)(at - to) + hi_bits_bytes(&w);
}

/* fine: where the bins without a step begin. */
static bool form_read_bins(hi_bit_reader *bits, uint64_t fine, hi_cold_form *form)
{
    const uint32_t bins = hi_cold_bins(form);
    unsigned before = 0;

    memset(form->bits, 0, sizeof(form->bits));
    memset(form->lower, 0, sizeof(form->lower));
    form->lower[0] = form->base;
    if (form->coarse > 0) {
        if (form->coarse >= bins) {
            return false;
        }
        form->lower[form->coarse] = fine;
    }
    for (uint32_t i = 0; i < bins; i++) {
        if (i > 0 && i != form->coarse) {
            const uint64_t distance = form_read_distance(bits, before);
            form->lower[i] = form->lower[i - 1] + distance * (i < form->coarse ? form->step : 1);
        }
        before = form_read_bits(bits, before);
        if (before > HI_COLD_WIDTH_MAX) {
            return false;
        }
        form->bits[i] = (uint8_t)before;
    }
    return true;
}

/* What a head has of steps; false: what no encoder writes. */
static bool form_read_steps(hi_reader *r, hi_cold_form *form, uint64_t *fine_out)
{
    const uint64_t step = hi_read_varint(r);
    const uint64_t coarse = hi_read_varint(r);

    *fine_out = form->base + (uint64_t)hi_read_svarint(r);
    if (step < 2 || step > HI_COLD_STEP_MAX || coarse == 0 || coarse >= HI_RANS_SYMBOLS) {
        return false;
    }
    form->step = (uint32_t)step;
    form->coarse = (uint32_t)coarse;
    return true;
}

hist_status hi_cold_form_open(hi_reader *r, hi_cold_form *form_out)
{
    const uint8_t head = hi_read_u8(r);
    const uint64_t first = (uint64_t)hi_read_svarint(r);
    const bool bins = (head & FORM_BINS) != 0;
    uint64_t fine = 0;

    form_out->bins = bins;
    form_out->width = head & FORM_WIDTH_MASK;
    form_out->base = first << (bins ? 0 : form_out->width);
    form_out->coarse = 0;
    form_out->step = 0;
    if (bins && form_out->width == FORM_STEPS) {
        form_out->width = 0;
        if (!form_read_steps(r, form_out, &fine)) {
            return HIST_ECORRUPT;
        }
    }
    hi_bit_reader bits = hi_bits_begin(r);
    bool whole = form_read_tables(&bits, form_out);
    form_out->escape = (head & FORM_ESCAPE) != 0 ? form_out->symbols - 1 : HI_COLD_NO_ESCAPE;
    if (bins) {
        whole = whole && form_out->width == 0 && form_read_bins(&bits, fine, form_out);
    }
    hi_bits_end(r, &bits);
    return whole && !r->failed && form_out->width <= HI_COLD_WIDTH_MAX ? HIST_OK : HIST_ECORRUPT;
}

size_t hi_cold_set_put(const hi_cold_set *set, uint8_t *to)
{
    uint8_t *at = to;

    *at++ = (uint8_t)set->count;
    for (uint32_t i = 0; i < set->count; i++) {
        at += hi_cold_form_put(&set->form[i], at);
    }
    return (size_t)(at - to);
}

hist_status hi_cold_set_open(hi_reader *r, hi_cold_set *set_out)
{
    set_out->count = 0;
    const uint32_t count = hi_read_u8(r);
    if (r->failed || count > HI_COLD_FORMS_MAX) {
        return HIST_ECORRUPT;
    }
    for (uint32_t i = 0; i < count; i++) {
        HI_TRY(hi_cold_form_open(r, &set_out->form[i]));
    }
    set_out->count = count;
    return HIST_OK;
}
