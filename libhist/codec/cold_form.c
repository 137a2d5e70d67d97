/* cold_form.c -- forms of cold streams and sets of them: bytes, and checks when they come back. */
#include "codec/cold.h"

enum {
    FORM_WIDTH_MASK = 0x3f,
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
    bool whole = true;

    form->symbols = (uint32_t)hi_get_bits(r, 8) + 1;
    form->tables = (uint32_t)hi_get_bits(r, FORM_TABLES_BITS) + 1;
    for (uint32_t t = 0; t < form->tables && whole; t++) {
        whole = hi_rans_freqs_read(r, form->symbols, &form->freqs[t]);
    }
    return whole;
}

size_t hi_cold_form_put(const hi_cold_form *form, uint8_t *to)
{
    uint8_t *at = to;
    const bool escape = form->escape != HI_COLD_NO_ESCAPE;
    unsigned before = 0;

    if (!form->bins) {
        *at++ = (uint8_t)(form->width | (escape ? FORM_ESCAPE : 0));
        at += hi_put_svarint(at, (uint64_t)((int64_t)form->base >> form->width));
        hi_bit_writer w = {at, 0};
        form_put_tables(&w, form);
        return (size_t)(at - to) + hi_bits_bytes(&w);
    }
    *at++ = (uint8_t)(FORM_BINS | (escape ? FORM_ESCAPE : 0));
    at += hi_put_svarint(at, form->base);
    hi_bit_writer w = {at, 0};
    form_put_tables(&w, form);
    for (uint32_t i = 0; i < form->symbols && i != form->escape; i++) {
        if (i > 0) {
            form_put_distance(&w, form->lower[i] - form->lower[i - 1], before);
        }
        form_put_bits(&w, form->bits[i], before);
        before = form->bits[i];
    }
    return (size_t)(at - to) + hi_bits_bytes(&w);
}

static bool form_read_bins(hi_bit_reader *bits, hi_cold_form *form)
{
    unsigned before = 0;

    memset(form->bits, 0, sizeof(form->bits));
    memset(form->lower, 0, sizeof(form->lower));
    form->lower[0] = form->base;
    for (uint32_t i = 0; i < form->symbols && i != form->escape; i++) {
        if (i > 0) {
            form->lower[i] = form->lower[i - 1] + form_read_distance(bits, before);
        }
        before = form_read_bits(bits, before);
        if (before > HI_COLD_WIDTH_MAX) {
            return false;
        }
        form->bits[i] = (uint8_t)before;
    }
    return true;
}

hist_status hi_cold_form_open(hi_reader *r, hi_cold_form *form_out)
{
    const uint8_t head = hi_read_u8(r);
    const uint64_t first = (uint64_t)hi_read_svarint(r);
    hi_bit_reader bits = hi_bits_begin(r);
    bool whole = form_read_tables(&bits, form_out);

    form_out->bins = (head & FORM_BINS) != 0;
    form_out->width = head & FORM_WIDTH_MASK;
    form_out->base = first << form_out->width;
    form_out->escape = (head & FORM_ESCAPE) != 0 ? form_out->symbols - 1 : HI_COLD_NO_ESCAPE;
    if (form_out->bins) {
        whole = whole && form_out->width == 0 && form_read_bins(&bits, form_out);
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
