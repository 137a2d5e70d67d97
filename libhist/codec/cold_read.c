/* cold_read.c -- cold integer streams back to values; README.md has the layout. */
#include "codec/cold.h"

enum {
    READ_PREDICTOR_MASK = 7,
    READ_SCALED = 8,
    READ_LANES_SHIFT = 4,
    READ_INDEX_SHIFT = 6,
};

/* ---- heads ------------------------------------------------------------------------------ */

static hist_status read_predictor(hi_reader *r, unsigned flags, hi_cold_view *view)
{
    view->predictor = (hi_predictor)(flags & READ_PREDICTOR_MASK);
    view->scaled = (flags & READ_SCALED) != 0;
    view->factor = 1;
    view->offset = 0;
    view->slope = 0;
    view->shift = 0;
    if (view->scaled) {
        view->factor = hi_read_varint(r);
        view->offset = (uint64_t)hi_read_svarint(r);
    }
    if (view->predictor > HI_PREDICTOR_LINE) {
        return HIST_ECORRUPT;
    }
    const uint32_t order = hi_predictor_order(view->predictor);
    if (view->predictor == HI_PREDICTOR_LINE) {
        view->slope = (uint64_t)hi_read_svarint(r);
        view->shift = hi_read_u8(r);
        view->starts[0] = (uint64_t)hi_read_svarint(r);
    }
    for (uint32_t i = 0; i < order; i++) {
        view->starts[i] = (uint64_t)hi_read_svarint(r);
    }
    if (r->failed || view->shift > 63 || order >= view->count) {
        return HIST_ECORRUPT;
    }
    view->residuals = view->count - order;
    return HIST_OK;
}

static hist_status read_form(hi_reader *r, bool shared, unsigned index, const hi_cold_set *set,
                             hi_cold_view *view)
{
    if (shared) {
        if (set == NULL || index >= set->count) {
            return HIST_ECORRUPT;
        }
        view->form = &set->form[index];
        return HIST_OK;
    }
    view->form = &view->own;
    return index == 0 ? hi_cold_form_open(r, &view->own) : HIST_ECORRUPT;
}

/* Which table each segment has. */
static hist_status read_map(hi_reader *r, hi_cold_view *view)
{
    hi_bit_reader bits = hi_bits_begin(r);
    bool known = true;

    memset(view->map, 0, sizeof(view->map));
    if (view->form->tables == 1) {
        return HIST_OK;
    }
    for (uint32_t s = 0; s * HI_RANS_SEGMENT < view->residuals; s++) {
        view->map[s] = (uint8_t)hi_get_bits(&bits, HI_COLD_MAP_BITS);
        known &= view->map[s] < view->form->tables;
    }
    hi_bits_end(r, &bits);
    return known && !r->failed ? HIST_OK : HIST_ECORRUPT;
}

/* Escapes and low bits. */
static hist_status read_parts(hi_reader *r, hi_cold_view *view)
{
    uint64_t escapes = 0;
    uint64_t low = 0;

    view->escape_bytes = 1;
    if (view->form->escape != HI_COLD_NO_ESCAPE) {
        view->escape_bytes = hi_read_u8(r);
        escapes = hi_read_varint(r);
    }
    if (view->form->bins) {
        low = hi_read_varint(r);
    } else {
        const uint32_t vectors = view->residuals / HI_VECTOR_ROWS;
        low = vectors * hi_cold_low_size(HI_VECTOR_ROWS, view->form->width) +
              hi_cold_low_size(view->residuals % HI_VECTOR_ROWS, view->form->width);
    }
    if (r->failed || view->escape_bytes == 0 || view->escape_bytes > 8 ||
        escapes > view->residuals || low > hi_reader_left(r)) {
        return HIST_ECORRUPT;
    }
    view->escapes = (uint32_t)escapes;
    view->escaped = hi_read_bytes(r, (size_t)escapes * view->escape_bytes);
    view->low = hi_read_bytes(r, (size_t)low);
    view->low_size = (size_t)low;
    return r->failed ? HIST_ECORRUPT : HIST_OK;
}

hist_status hi_cold_open(hi_reader *r, uint32_t count, const hi_cold_set *set,
                         hi_cold_view *view_out)
{
    const uint8_t kind = hi_read_u8(r);
    const unsigned flags = hi_read_u8(r);
    const unsigned lanes_code = flags >> READ_LANES_SHIFT & 3;

    if (count == 0 || count > HI_BLOCK_ROWS_MAX || r->failed ||
        (kind != HI_STREAM_COLD && kind != HI_STREAM_COLD_SHARED)) {
        return HIST_ECORRUPT;
    }
    view_out->count = count;
    HI_TRY(read_predictor(r, flags, view_out));
    const uint64_t turns = hi_read_varint(r);
    const uint64_t words = hi_read_varint(r);
    HI_TRY(read_form(r, kind == HI_STREAM_COLD_SHARED, flags >> READ_INDEX_SHIFT, set, view_out));
    HI_TRY(read_map(r, view_out));
    HI_TRY(read_parts(r, view_out));
    return hi_rans_open(r, lanes_code, view_out->residuals, turns, words, &view_out->rans);
}

/* ---- residuals -------------------------------------------------------------------------- */

/* Where decoding stands in a stream's parts. */
typedef struct read_place {
    size_t low; /* SPLIT: bytes, BINS: bits. */
    uint32_t escape;
} read_place;

/* The last low bits, with what was taken off the lanes' last words put back as zeroes. */
static void read_low_rest(const hi_codec_kernels *kern, const uint8_t *from, unsigned width,
                          uint32_t rows, uint64_t base, uint64_t *out)
{
    uint8_t packed[HI_VECTOR_ROWS / 64 * HI_COLD_WIDTH_MAX * 8] = {0};
    uint64_t values[HI_VECTOR_ROWS];
    const size_t bits = (size_t)hi_groups_of(rows) * width;
    const size_t whole = bits / 64 * 128;
    const size_t used = (bits % 64 + 7) / 8;

    memcpy(packed, from, whole);
    for (size_t l = 0; l < HI_LANES && used > 0; l++) {
        memcpy(packed + whole + 8 * l, from + whole + l * used, used);
    }
    kern->unpack(packed, width, hi_groups_of(rows), base, values);
    memcpy(out, values, rows * sizeof(*out));
}

static bool read_escapes(const hi_cold_view *view, const uint8_t *symbols, uint32_t rows,
                         read_place *place, uint64_t *out)
{
    const unsigned unused = 64 - 8 * view->escape_bytes;
    const uint8_t *end = symbols + rows;

    for (const uint8_t *at = symbols; at < end; at++) {
        uint64_t v = 0;

        at = memchr(at, (int)view->form->escape, (size_t)(end - at));
        if (at == NULL) {
            return true;
        }
        if (place->escape >= view->escapes) {
            return false;
        }
        memcpy(&v, view->escaped + (size_t)place->escape++ * view->escape_bytes,
               view->escape_bytes);
        v = (uint64_t)((int64_t)(hi_le64(v) << unused) >> unused);
        out[at - symbols] = view->form->base + v;
    }
    return true;
}

static void read_split(const hi_codec_kernels *kern, const hi_cold_view *view,
                       const uint8_t *symbols, uint32_t rows, read_place *place, uint64_t *out)
{
    const hi_cold_form *form = view->form;

    if (form->width == 0) {
        kern->rans->widen(symbols, rows, form->base, out);
    } else {
        const uint8_t *from = view->low + place->low;
        if (rows == HI_VECTOR_ROWS) {
            kern->unpack(from, form->width, rows / HI_LANES, form->base, out);
        } else {
            read_low_rest(kern, from, form->width, rows, form->base, out);
        }
        place->low += hi_cold_low_size(rows, form->width);
        kern->rans->join(symbols, rows, form->width, out);
    }
}

static hist_status read_residuals(const hi_codec_kernels *kern, const hi_cold_view *view,
                                  const uint8_t *symbols, uint64_t *out)
{
    const hi_cold_form *form = view->form;
    const size_t bits = view->low_size * 8;
    const bool delta = view->predictor == HI_PREDICTOR_DELTA;
    read_place place = {0};

    for (uint32_t first = 0; first < view->residuals; first += HI_VECTOR_ROWS) {
        const uint32_t left = view->residuals - first;
        const uint32_t rows = left < HI_VECTOR_ROWS ? left : HI_VECTOR_ROWS;
        uint64_t *to = out + first;

        if (form->coarse > 0) {
            const hi_rans_steps steps = {form->lower, form->bits, form->coarse, form->step};
            place.low = kern->rans->step_bins(symbols + first, rows, &steps, view->low, place.low,
                                              bits, to);
        } else if (form->bins) {
            place.low = kern->rans->bins(symbols + first, rows, form->lower, form->bits, view->low,
                                         place.low, bits, to);
        } else {
            read_split(kern, view, symbols + first, rows, &place, to);
        }
        if (form->escape != HI_COLD_NO_ESCAPE &&
            !read_escapes(view, symbols + first, rows, &place, to)) {
            return HIST_ECORRUPT;
        }
        if (delta) {
            kern->prefix(to - 1, rows + 1); /* Still in the cache. */
        }
    }
    /* Too few low bits make the difference huge. */
    if (place.escape != view->escapes || (form->bins && bits - place.low >= 8)) {
        return HIST_ECORRUPT;
    }
    return HIST_OK;
}

/* ---- values ----------------------------------------------------------------------------- */

static void read_restore(const hi_codec_kernels *kern, const hi_cold_view *view, uint64_t *out)
{
    const uint32_t count = view->count;
    uint64_t offset = view->offset;

    if (view->predictor == HI_PREDICTOR_LINE) {
        kern->line(out, count, view->slope, view->shift);
        offset += view->factor * view->starts[0];
    } else if (view->predictor != HI_PREDICTOR_DELTA) {
        for (uint32_t i = hi_predictor_order(view->predictor); i > 0; i--) {
            kern->prefix(out + i - 1, count - i + 1);
        }
    }
    if (view->factor != 1 || offset != 0) {
        kern->scale(out, count, view->factor, offset);
    }
}

hist_status hi_cold_decode(const hi_codec_kernels *kern, const hi_cold_view *view, uint64_t *out)
{
    hi_rans_table tables[HI_RANS_TABLES_MAX];
    uint8_t symbols[HI_BLOCK_ROWS_MAX + HI_RANS_SLACK];
    const uint32_t order = hi_predictor_order(view->predictor);

    for (uint32_t t = 0; t < view->form->tables; t++) {
        kern->rans->fill(view->form->freqs[t].freq, view->form->symbols, tables[t].entry);
    }
    HI_TRY(hi_rans_decode(kern, &view->rans, tables, view->map, symbols));
    for (uint32_t i = 0; i < order; i++) {
        out[i] = view->starts[i];
    }
    HI_TRY(read_residuals(kern, view, symbols, out + order));
    read_restore(kern, view, out);
    return HIST_OK;
}
