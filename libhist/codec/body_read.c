/* body_read.c -- models of numbers back to 64-bit words. */
#include "codec/body.h"

double hi_power_of_ten(unsigned k)
{
    static const double powers[HI_DECIMAL_MAX + 1] = {
        1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

    return powers[k];
}

/* Counts by vector, then places, then values; all of it checked here. */
static hist_status patches_open(hi_reader *r, uint32_t count, hi_patch_view *view)
{
    const uint32_t vectors = hi_vectors_of(count);

    view->start[0] = 0;
    for (uint32_t v = 0; v < vectors; v++) {
        const uint32_t in_vector = hi_read_u16(r);

        if (in_vector > hi_vector_rows(count, v)) {
            return HIST_ECORRUPT;
        }
        view->start[v + 1] = view->start[v] + in_vector;
    }
    const size_t total = view->start[vectors];
    view->places = hi_read_bytes(r, 2 * total);
    view->values = hi_read_bytes(r, 8 * total);
    if (r->failed) {
        return HIST_ECORRUPT;
    }
    for (uint32_t v = 0; v < vectors; v++) {
        uint32_t after = 0;

        for (uint32_t i = view->start[v]; i < view->start[v + 1]; i++) {
            const uint32_t place = hi_get_u16(view->places + (size_t)2 * i);

            if (place < after || place >= hi_vector_rows(count, v)) {
                return HIST_ECORRUPT;
            }
            after = place + 1;
        }
    }
    return HIST_OK;
}

static hist_status num_open(hi_reader *r, hi_flat_view *view)
{
    const uint8_t operation = hi_read_u8(r);
    view->decimals = hi_read_u8(r);
    const uint8_t patched = hi_read_u8(r);

    if (view->kind != HI_KIND_REAL || operation != HI_NUM_DECIMAL ||
        view->decimals > HI_DECIMAL_MAX || patched > 1 || r->failed) {
        return HIST_ECORRUPT;
    }
    view->patches = (hi_patch_view){.places = NULL};
    if (patched) {
        HI_TRY(patches_open(r, view->count, &view->patches));
    }
    return hi_stream_open(r, view->count, &view->ints);
}

static hist_status flat_open(hi_reader *r, unsigned model, hi_kind kind, uint32_t count,
                             hi_flat_view *view)
{
    view->model = (hi_encoding)model;
    view->kind = kind;
    view->count = count;
    switch (model) {
    case HI_ENC_CONST:
        view->constant = kind == HI_KIND_REAL ? hi_read_u64(r) : (uint64_t)hi_read_svarint(r);
        break;
    case HI_ENC_RAW:
        view->raw = hi_read_bytes(r, (size_t)count * hi_kind_bytes(kind));
        break;
    case HI_ENC_INT:
        return kind == HI_KIND_REAL ? HIST_ECORRUPT : hi_stream_open(r, count, &view->ints);
    case HI_ENC_NUM:
        return num_open(r, view);
    default:
        return HIST_ECORRUPT;
    }
    return r->failed ? HIST_ECORRUPT : HIST_OK;
}

hist_status hi_body_open(hi_reader *r, unsigned model, hi_kind kind, uint32_t count,
                         hi_body_view *view_out)
{
    if (count == 0 || count > HI_BLOCK_ROWS_MAX) {
        return HIST_ECORRUPT;
    }
    view_out->count = count;
    view_out->shape = model == HI_ENC_RLE    ? HI_SHAPE_RUNS
                      : model == HI_ENC_DICT ? HI_SHAPE_DICT
                                             : HI_SHAPE_FLAT;
    if (view_out->shape == HI_SHAPE_FLAT) {
        return flat_open(r, model, kind, count, &view_out->flat);
    }
    const uint64_t values = hi_read_varint(r);
    const bool runs = view_out->shape == HI_SHAPE_RUNS;
    if (r->failed || values == 0 || values > (runs ? count : HI_ENTRIES_MAX)) {
        return HIST_ECORRUPT;
    }
    HI_TRY(hi_stream_open(r, runs ? (uint32_t)values : count, &view_out->index));
    /* The values are flat: flat_open() knows neither runs nor dictionaries. */
    return flat_open(r, hi_read_u8(r), kind, (uint32_t)values, &view_out->flat);
}

static void flat_raw_vector(const hi_flat_view *view, uint32_t v, uint32_t rows, uint64_t *out)
{
    if (hi_kind_bytes(view->kind) == 8) {
        hi_get_le64s(out, view->raw + (size_t)v * HI_VECTOR_ROWS * 8, (size_t)rows * 8);
        return;
    }
    const uint8_t *from = view->raw + (size_t)v * HI_VECTOR_ROWS * 4;
    for (uint32_t i = 0; i < rows; i++) {
        out[i] = hi_get_u32(from + (size_t)4 * i);
    }
}

static void flat_patch(const hi_patch_view *patches, uint32_t v, uint64_t *out)
{
    for (uint32_t i = patches->start[v]; i < patches->start[v + 1]; i++) {
        out[hi_get_u16(patches->places + (size_t)2 * i)] =
            hi_get_u64(patches->values + (size_t)8 * i);
    }
}

static hist_status flat_vector(const hi_codec_kernels *kern, const hi_flat_view *view, uint32_t v,
                               uint64_t *out)
{
    const uint32_t rows = hi_vector_rows(view->count, v);

    switch (view->model) {
    case HI_ENC_CONST:
        kern->fill(out, rows, view->constant);
        return HIST_OK;
    case HI_ENC_RAW:
        flat_raw_vector(view, v, rows, out);
        return HIST_OK;
    case HI_ENC_INT:
        return hi_stream_vector(kern, &view->ints, v, out);
    default:
        break;
    }
    HI_TRY(hi_stream_vector(kern, &view->ints, v, out));
    kern->from_decimal(out, rows, hi_power_of_ten(view->decimals));
    flat_patch(&view->patches, v, out);
    return HIST_OK;
}

/* Repeats values[i] lengths[i] + 1 times. Eight words are written at a time, so up to seven more
   than asked for. Returns where it ended, or UINT32_MAX when the runs are longer than count. */
static uint32_t runs_expand(const uint64_t *values, const uint64_t *lengths, uint32_t runs,
                            uint64_t *out, uint32_t at, uint32_t count)
{
    for (uint32_t i = 0; i < runs; i++) {
        const uint64_t more = lengths[i];

        if (more >= count - at) {
            return UINT32_MAX;
        }
        const uint32_t end = at + (uint32_t)more + 1;
        const uint64_t value = values[i];
        for (uint32_t j = at; j < end; j += 8) {
            for (uint32_t k = 0; k < 8; k++) {
                out[j + k] = value;
            }
        }
        at = end;
    }
    return at;
}

static hist_status runs_all(const hi_codec_kernels *kern, const hi_body_view *view, uint64_t *out)
{
    uint64_t lengths[HI_VECTOR_ROWS];
    uint64_t values[HI_VECTOR_ROWS];
    const uint32_t runs = view->flat.count;
    uint32_t at = 0;

    for (uint32_t v = 0; v < hi_vectors_of(runs); v++) {
        HI_TRY(hi_stream_vector(kern, &view->index, v, lengths));
        HI_TRY(flat_vector(kern, &view->flat, v, values));
        at = runs_expand(values, lengths, hi_vector_rows(runs, v), out, at, view->count);
        if (at == UINT32_MAX) {
            return HIST_ECORRUPT;
        }
    }
    return at == view->count ? HIST_OK : HIST_ECORRUPT;
}

/* Codes in out to their entries. Codes are checked all at once before any is used. */
static hist_status dict_look_up(const hi_codec_kernels *kern, const uint64_t *entries,
                                uint32_t entry_count, uint64_t *out, uint32_t rows)
{
    if (kern->largest(out, rows) >= entry_count) {
        return HIST_ECORRUPT;
    }
    for (uint32_t i = 0; i < rows; i++) {
        out[i] = entries[out[i]];
    }
    return HIST_OK;
}

hist_status hi_body_vectors(const hi_codec_kernels *kern, const hi_body_view *view, uint32_t first,
                            uint32_t vectors, uint64_t *out)
{
    uint64_t entries[HI_ENTRIES_MAX];
    const bool dict = view->shape == HI_SHAPE_DICT;

    if (dict) {
        HI_TRY(flat_vector(kern, &view->flat, 0, entries));
    }
    for (uint32_t v = first; v < first + vectors; v++, out += HI_VECTOR_ROWS) {
        if (!dict) {
            HI_TRY(flat_vector(kern, &view->flat, v, out));
            continue;
        }
        HI_TRY(hi_stream_vector(kern, &view->index, v, out));
        HI_TRY(dict_look_up(kern, entries, view->flat.count, out, hi_vector_rows(view->count, v)));
    }
    return HIST_OK;
}

hist_status hi_body_all(const hi_codec_kernels *kern, const hi_body_view *view, uint64_t *out)
{
    return view->shape == HI_SHAPE_RUNS
               ? runs_all(kern, view, out)
               : hi_body_vectors(kern, view, 0, hi_vectors_of(view->count), out);
}
