/* body_read.c -- models of numbers back to 64-bit words. */
#include "codec/body.h"

/* Has a block's worth of room on its stack, which callers that do not need it should not have. */
#define HI_ROOMY __attribute__((noinline))

enum { LONG_RUN = 64 }; /* Values; longer runs are worth a call of the loop for many. */

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
    if (total == 0) {
        return HIST_ECORRUPT; /* Then it would not say that there are some. */
    }
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

/* Scaling by d or c must not make a value that the encoder could not have meant: any finite number
   but 0 will do. */
static bool num_param_open(hi_reader *r, hi_num *num)
{
    if (num->op == HI_NUM_DECIMAL) {
        const unsigned k = hi_read_u8(r);

        num->param = hi_power_of_ten(k > HI_DECIMAL_MAX ? 0 : k);
        return k <= HI_DECIMAL_MAX;
    }
    num->param = hi_double_of(hi_read_u64(r));
    return num->param - num->param == 0 && num->param != 0;
}

static hist_status num_open(hi_reader *r, const hi_cold_set *forms, hi_flat_view *view)
{
    view->form = hi_read_u8(r);
    view->num = (hi_num){.op = (hi_num_op)(view->form & HI_FORM_OP),
                         .to_float = (view->form & HI_FORM_FLOAT) != 0};
    if (view->kind != HI_KIND_REAL || view->form >= 2 * HI_FORM_PATCHED ||
        view->num.op > HI_NUM_MULTIPLY || !num_param_open(r, &view->num)) {
        return HIST_ECORRUPT;
    }
    if ((view->form & HI_FORM_PATCHED) != 0) {
        HI_TRY(patches_open(r, view->count, &view->patches));
    }
    if ((view->form & HI_FORM_OFF) != 0) {
        HI_TRY(hi_ints_open(r, view->count, forms, &view->extra));
    }
    return hi_ints_open(r, view->count, forms, &view->ints);
}

static hist_status rd_open(hi_reader *r, const hi_cold_set *forms, hi_flat_view *view)
{
    view->form = hi_read_u8(r);
    view->cut = hi_read_u8(r);
    const unsigned patterns = hi_read_u8(r);

    if (view->kind != HI_KIND_REAL || (view->form & ~HI_FORM_PATCHED) != 0 ||
        view->cut < HI_RD_CUT_MIN || view->cut > HI_RD_CUT_MAX || patterns < 1 ||
        patterns > HI_RD_PATTERNS) {
        return HIST_ECORRUPT;
    }
    for (unsigned i = 0; i < HI_RD_PATTERNS; i++) {
        view->left[i] = i < patterns ? hi_read_u16(r) : 0;
    }
    if ((view->form & HI_FORM_PATCHED) != 0) {
        HI_TRY(patches_open(r, view->count, &view->patches));
    }
    HI_TRY(hi_ints_open(r, view->count, forms, &view->extra));
    return hi_ints_open(r, view->count, forms, &view->ints);
}

static hist_status flat_open(hi_reader *r, unsigned model, hi_kind kind, uint32_t count,
                             const hi_cold_set *forms, hi_flat_view *view)
{
    view->model = (hi_encoding)model;
    view->kind = kind;
    view->count = count;
    view->form = 0;
    switch (model) {
    case HI_ENC_CONST:
        view->constant = kind == HI_KIND_REAL ? hi_read_u64(r) : (uint64_t)hi_read_svarint(r);
        break;
    case HI_ENC_RAW:
        view->raw = hi_read_bytes(r, (size_t)count * hi_kind_bytes(kind));
        break;
    case HI_ENC_INT:
        return kind == HI_KIND_REAL ? HIST_ECORRUPT : hi_ints_open(r, count, forms, &view->ints);
    case HI_ENC_NUM:
        return num_open(r, forms, view);
    case HI_ENC_BITS:
        return kind == HI_KIND_REAL ? hi_ints_open(r, count, forms, &view->ints) : HIST_ECORRUPT;
    case HI_ENC_RD:
        return rd_open(r, forms, view);
    default:
        return HIST_ECORRUPT;
    }
    return r->failed ? HIST_ECORRUPT : HIST_OK;
}

static bool flat_has_ints(const hi_flat_view *view)
{
    return view->model == HI_ENC_INT || view->model == HI_ENC_NUM || view->model == HI_ENC_BITS ||
           view->model == HI_ENC_RD;
}

static bool flat_has_extra(const hi_flat_view *view)
{
    return view->model == HI_ENC_RD ||
           (view->model == HI_ENC_NUM && (view->form & HI_FORM_OFF) != 0);
}

static bool flat_is_cold(const hi_flat_view *view)
{
    return (flat_has_ints(view) && view->ints.is_cold) ||
           (flat_has_extra(view) && view->extra.is_cold);
}

/* Codes, and the entries they stand for: the block's own, or the page's. *flat_out: entries that
   follow, 0 for none. */
static hist_status dict_open(hi_reader *r, uint32_t count, const hi_page_shared *shared,
                             hi_body_view *view, uint32_t *flat_out)
{
    const uint64_t entries = hi_read_varint(r);

    if (r->failed || entries > HI_ENTRIES_MAX ||
        (entries == 0 && (shared == NULL || shared->number_count == 0))) {
        return HIST_ECORRUPT;
    }
    *flat_out = (uint32_t)entries;
    view->entries = entries == 0 ? shared->number_count : (uint32_t)entries;
    view->table = entries == 0 ? shared->numbers : NULL;
    HI_TRY(hi_ints_open(r, count, shared == NULL ? NULL : shared->forms, &view->codes));
    view->is_cold |= view->codes.is_cold;
    return HIST_OK;
}

/* Where in the runs of the page the values begin: all of them are there. */
static hist_status page_runs_open(hi_reader *r, hi_kind kind, uint32_t count,
                                  const hi_page_shared *shared, hi_flat_view *view)
{
    const uint64_t from = hi_read_varint(r);

    if (r->failed || shared == NULL || shared->run_count == 0 ||
        from > shared->run_starts[shared->run_count] ||
        count > shared->run_starts[shared->run_count] - from) {
        return HIST_ECORRUPT;
    }
    view->model = HI_ENC_PAGE_RUNS;
    view->kind = kind;
    view->count = count;
    view->form = 0;
    view->page = shared;
    view->from = (uint32_t)from;
    return HIST_OK;
}

hist_status hi_body_open(hi_reader *r, unsigned model, hi_kind kind, uint32_t count,
                         const hi_page_shared *shared, hi_body_view *view_out)
{
    const hi_cold_set *forms = shared == NULL ? NULL : shared->forms;

    if (count == 0 || count > HI_BLOCK_ROWS_MAX) {
        return HIST_ECORRUPT;
    }
    view_out->count = count;
    view_out->runs = 0;
    view_out->entries = 0;
    view_out->table = NULL;
    view_out->is_cold = false;
    if (model == HI_ENC_PAGE_RUNS) {
        return page_runs_open(r, kind, count, shared, &view_out->flat);
    }
    if (model == HI_ENC_RLE) {
        const uint64_t runs = hi_read_varint(r);

        if (r->failed || runs == 0 || runs > count || runs > HI_RUNS_MAX) {
            return HIST_ECORRUPT;
        }
        view_out->runs = count = (uint32_t)runs;
        HI_TRY(hi_ints_open(r, count, forms, &view_out->lengths));
        view_out->is_cold = view_out->lengths.is_cold;
        model = hi_read_u8(r);
    }
    if (model == HI_ENC_DICT) {
        HI_TRY(dict_open(r, count, shared, view_out, &count));
        if (view_out->table != NULL) {
            return HIST_OK;
        }
        model = hi_read_u8(r);
    }
    /* The rest is flat: flat_open() knows neither runs, nor those of the page, nor dictionaries. */
    HI_TRY(flat_open(r, model, kind, count, forms, &view_out->flat));
    view_out->is_cold |= flat_is_cold(&view_out->flat);
    return HIST_OK;
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

/* Integers of vector v to the reals of the model; extra has its second stream, where there is one. */
static hist_status flat_real(const hi_codec_kernels *kern, const hi_flat_view *view, uint32_t v,
                             const uint64_t *extra, uint64_t *x)
{
    const uint32_t rows = hi_vector_rows(view->count, v);

    switch (view->model) {
    case HI_ENC_NUM:
        if (!kern->from_num(x, rows, &view->num)) {
            return HIST_ECORRUPT;
        }
        if ((view->form & HI_FORM_OFF) != 0) {
            kern->add(x, extra, rows);
        }
        break;
    case HI_ENC_BITS:
        kern->fold(x, rows, x);
        break;
    default:
        if (!kern->join(x, extra, rows, view->left, view->cut)) {
            return HIST_ECORRUPT;
        }
        break;
    }
    if ((view->form & HI_FORM_PATCHED) != 0) {
        flat_patch(&view->patches, v, x);
    }
    return HIST_OK;
}

uint32_t hi_page_run_at(const hi_page_shared *shared, uint32_t at)
{
    uint32_t low = 0;
    uint32_t high = shared->run_count;

    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;

        if (shared->run_starts[middle] <= at) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Vector v of a part of the page's runs. Short runs are written eight words at a time, but never
   beyond the vector. */
static void page_runs_vector(const hi_codec_kernels *kern, const hi_flat_view *view, uint32_t v,
                             uint32_t rows, uint64_t *out)
{
    const hi_page_shared *page = view->page;
    const uint32_t first = view->from + v * HI_VECTOR_ROWS;
    uint32_t run = hi_page_run_at(page, first);

    for (uint32_t at = 0; at < rows; run++) {
        const uint32_t left = page->run_starts[run + 1] - first;
        const uint32_t end = left < rows ? left : rows;
        const uint64_t value = page->run_values[run];
        uint32_t i = at;

        if (end - at > LONG_RUN) {
            kern->fill(out + at, end - at, value);
            i = end;
        }
        for (; i < end && i + 8 <= HI_VECTOR_ROWS; i += 8) {
            for (uint32_t k = 0; k < 8; k++) {
                out[i + k] = value;
            }
        }
        for (; i < end; i++) {
            out[i] = value;
        }
        at = end;
    }
}

/* Any vector of a model without cold streams. */
static hist_status flat_vector(const hi_codec_kernels *kern, const hi_flat_view *view, uint32_t v,
                               uint64_t *out)
{
    const uint32_t rows = hi_vector_rows(view->count, v);
    uint64_t extra[HI_VECTOR_ROWS];

    switch (view->model) {
    case HI_ENC_CONST:
        kern->fill(out, rows, view->constant);
        return HIST_OK;
    case HI_ENC_RAW:
        flat_raw_vector(view, v, rows, out);
        return HIST_OK;
    case HI_ENC_INT:
        return hi_stream_vector(kern, &view->ints.warm, v, out);
    case HI_ENC_PAGE_RUNS:
        page_runs_vector(kern, view, v, rows, out);
        return HIST_OK;
    default:
        break;
    }
    HI_TRY(hi_stream_vector(kern, &view->ints.warm, v, out));
    if (flat_has_extra(view)) {
        HI_TRY(hi_stream_vector(kern, &view->extra.warm, v, extra));
    }
    return flat_real(kern, view, v, extra, out);
}

/* Codes in out to their entries. Codes are checked all at once before any is used. */
static hist_status dict_look_up(const hi_codec_kernels *kern, const uint64_t *entries,
                                uint32_t entry_count, uint64_t *out, uint32_t rows)
{
    if (kern->largest(out, rows) >= entry_count) {
        return HIST_ECORRUPT;
    }
    kern->expand->codes(entries, out, rows);
    return HIST_OK;
}

/* Two streams of a model at once: a cold one has no vectors. */
static HI_ROOMY hist_status flat_all_extra(const hi_codec_kernels *kern, const hi_flat_view *view,
                                           uint64_t *out)
{
    uint64_t extra[HI_BLOCK_ROWS_MAX + HI_CODEC_PAD / 8];

    HI_TRY(hi_ints_all(kern, &view->ints, out));
    HI_TRY(hi_ints_all(kern, &view->extra, extra));
    for (uint32_t v = 0; v < hi_vectors_of(view->count); v++) {
        HI_TRY(flat_real(kern, view, v, extra + (size_t)v * HI_VECTOR_ROWS,
                         out + (size_t)v * HI_VECTOR_ROWS));
    }
    return HIST_OK;
}

/* All of a flat model with cold streams. */
static hist_status flat_all_cold(const hi_codec_kernels *kern, const hi_flat_view *view,
                                 uint64_t *out)
{
    if (flat_has_extra(view)) {
        return flat_all_extra(kern, view, out);
    }
    HI_TRY(hi_ints_all(kern, &view->ints, out));
    for (uint32_t v = 0; view->model != HI_ENC_INT && v < hi_vectors_of(view->count); v++) {
        HI_TRY(flat_real(kern, view, v, NULL, out + (size_t)v * HI_VECTOR_ROWS));
    }
    return HIST_OK;
}

/* All of a flat model to out, whole vectors. */
static hist_status flat_all(const hi_codec_kernels *kern, const hi_flat_view *view, uint64_t *out)
{
    if (flat_is_cold(view)) {
        return flat_all_cold(kern, view, out);
    }
    for (uint32_t v = 0; v < hi_vectors_of(view->count); v++) {
        HI_TRY(flat_vector(kern, view, v, out + (size_t)v * HI_VECTOR_ROWS));
    }
    return HIST_OK;
}

hist_status hi_body_flat(const hi_codec_kernels *kern, hi_reader *r, hi_kind kind, uint32_t count,
                         const hi_cold_set *forms, uint64_t *out)
{
    hi_flat_view view;

    HI_TRY(flat_open(r, hi_read_u8(r), kind, count, forms, &view));
    return flat_all(kern, &view, out);
}

/* The entries of the dictionary, decoded to `room` if they are the block's own. */
static hist_status body_entries(const hi_codec_kernels *kern, const hi_body_view *view,
                                uint64_t *room, const uint64_t **entries_out)
{
    *entries_out = view->table == NULL ? room : view->table;
    return view->entries == 0 || view->table != NULL ? HIST_OK : flat_all(kern, &view->flat, room);
}

/* ---- bodies by vectors ------------------------------------------------------------------ */

/* A vector of values before runs are expanded. entries is those of the dictionary, if there is one. */
static hist_status body_vector(const hi_codec_kernels *kern, const hi_body_view *view,
                               const uint64_t *entries, uint32_t v, uint64_t *out)
{
    if (view->entries == 0) {
        return flat_vector(kern, &view->flat, v, out);
    }
    HI_TRY(hi_stream_vector(kern, &view->codes.warm, v, out));
    return dict_look_up(kern, entries, view->entries, out,
                        hi_vector_rows(view->codes.warm.count, v));
}

static hist_status runs_with(const hi_codec_kernels *kern, const hi_body_view *view,
                             const uint64_t *entries, uint64_t *out)
{
    uint64_t lengths[HI_VECTOR_ROWS];
    uint64_t values[HI_VECTOR_ROWS];
    uint32_t at = 0;

    for (uint32_t v = 0; v < hi_vectors_of(view->runs); v++) {
        HI_TRY(hi_stream_vector(kern, &view->lengths.warm, v, lengths));
        HI_TRY(body_vector(kern, view, entries, v, values));
        at = kern->expand->runs(values, lengths, hi_vector_rows(view->runs, v), out, at,
                                view->count);
        if (at == UINT32_MAX) {
            return HIST_ECORRUPT;
        }
    }
    return at == view->count ? HIST_OK : HIST_ECORRUPT;
}

static HI_ROOMY hist_status runs_of_dict(const hi_codec_kernels *kern, const hi_body_view *view,
                                         uint64_t *out)
{
    uint64_t room[HI_ENTRIES_MAX + HI_CODEC_PAD / 8];
    const uint64_t *entries;

    HI_TRY(body_entries(kern, view, room, &entries));
    return runs_with(kern, view, entries, out);
}

static HI_ROOMY hist_status vectors_of_dict(const hi_codec_kernels *kern, const hi_body_view *view,
                                            uint32_t first, uint32_t vectors, uint64_t *out)
{
    uint64_t room[HI_ENTRIES_MAX + HI_CODEC_PAD / 8];
    const uint64_t *entries;

    HI_TRY(body_entries(kern, view, room, &entries));
    for (uint32_t v = first; v < first + vectors; v++, out += HI_VECTOR_ROWS) {
        HI_TRY(body_vector(kern, view, entries, v, out));
    }
    return HIST_OK;
}

hist_status hi_body_vectors(const hi_codec_kernels *kern, const hi_body_view *view, uint32_t first,
                            uint32_t vectors, uint64_t *out)
{
    if (view->entries > 0) {
        return vectors_of_dict(kern, view, first, vectors, out);
    }
    for (uint32_t v = first; v < first + vectors; v++, out += HI_VECTOR_ROWS) {
        HI_TRY(flat_vector(kern, &view->flat, v, out));
    }
    return HIST_OK;
}

/* ---- bodies as a whole ------------------------------------------------------------------ */

static HI_ROOMY hist_status values_of_dict_cold(const hi_codec_kernels *kern,
                                                const hi_body_view *view, uint64_t *out)
{
    uint64_t room[HI_ENTRIES_MAX + HI_CODEC_PAD / 8];
    const uint64_t *entries;

    HI_TRY(body_entries(kern, view, room, &entries));
    HI_TRY(hi_ints_all(kern, &view->codes, out));
    return dict_look_up(kern, entries, view->entries, out,
                        view->runs > 0 ? view->runs : view->count);
}

/* All values before runs are expanded. */
static hist_status values_all_cold(const hi_codec_kernels *kern, const hi_body_view *view,
                                   uint64_t *out)
{
    return view->entries == 0 ? flat_all(kern, &view->flat, out)
                              : values_of_dict_cold(kern, view, out);
}

static HI_ROOMY hist_status runs_all_cold(const hi_codec_kernels *kern, const hi_body_view *view,
                                          uint64_t *out)
{
    uint64_t lengths[HI_RUNS_MAX + HI_CODEC_PAD / 8];
    uint64_t values[HI_RUNS_MAX + HI_CODEC_PAD / 8];

    HI_TRY(hi_ints_all(kern, &view->lengths, lengths));
    HI_TRY(values_all_cold(kern, view, values));
    return kern->expand->runs(values, lengths, view->runs, out, 0, view->count) == view->count
               ? HIST_OK
               : HIST_ECORRUPT;
}

hist_status hi_body_all(const hi_codec_kernels *kern, const hi_body_view *view, uint64_t *out)
{
    if (view->is_cold) {
        return view->runs > 0 ? runs_all_cold(kern, view, out) : values_all_cold(kern, view, out);
    }
    if (view->runs > 0) {
        return view->entries > 0 ? runs_of_dict(kern, view, out) : runs_with(kern, view, NULL, out);
    }
    return hi_body_vectors(kern, view, 0, hi_vectors_of(view->count), out);
}

/* ---- runs of a page --------------------------------------------------------------------- */

static HI_ROOMY hist_status page_run_starts(const hi_codec_kernels *kern, hi_reader *r,
                                            uint32_t runs, const hi_cold_set *forms,
                                            uint32_t *starts)
{
    uint64_t lengths[HI_PAGE_RUNS_MAX + HI_CODEC_PAD / 8];
    hi_ints_view view;
    uint32_t at = 0;

    HI_TRY(hi_ints_open(r, runs, forms, &view));
    HI_TRY(hi_ints_all(kern, &view, lengths));
    for (uint32_t i = 0; i < runs; i++) {
        if (lengths[i] >= UINT32_MAX - at) {
            return HIST_ECORRUPT;
        }
        starts[i] = at;
        at += (uint32_t)lengths[i] + 1;
    }
    starts[runs] = at;
    return HIST_OK;
}

hist_status hi_body_page_runs(const hi_codec_kernels *kern, hi_reader *r, hi_kind kind,
                              uint32_t runs, const hi_page_shared *shared, uint64_t *values,
                              uint32_t *starts)
{
    hi_body_view view;

    HI_TRY(page_run_starts(kern, r, runs, shared->forms, starts));
    const unsigned model = hi_read_u8(r);
    if (model == HI_ENC_RLE || model == HI_ENC_PAGE_RUNS) {
        return HIST_ECORRUPT;
    }
    HI_TRY(hi_body_open(r, model, kind, runs, shared, &view));
    HI_TRY(hi_body_all(kern, &view, values));
    return kind == HI_KIND_INT && kern->largest(values, runs) > UINT32_MAX ? HIST_ECORRUPT
                                                                           : HIST_OK;
}
