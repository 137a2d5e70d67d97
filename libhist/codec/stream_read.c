/* stream_read.c -- integer streams back to values; README.md has the layout. */
#include "codec/bitio.h"
#include "codec/stream.h"

/* Views of vectors: one size each, then the vectors themselves. */
static hist_status stream_open_vectors(hi_reader *r, hi_stream_view *view)
{
    const uint32_t vectors = hi_vectors_of(view->count);

    for (uint32_t v = 0; v < vectors; v++) {
        view->size[v] = hi_read_u16(r);
    }
    for (uint32_t v = 0; v < vectors; v++) {
        view->vector[v] = hi_read_bytes(r, view->size[v]);
    }
    return r->failed ? HIST_ECORRUPT : HIST_OK;
}

static hist_status stream_open_regular(hi_reader *r, hi_stream_view *view)
{
    view->start = (uint64_t)hi_read_svarint(r);
    view->step = (uint64_t)hi_read_svarint(r);
    return r->failed ? HIST_ECORRUPT : HIST_OK;
}

/* Start and step in a power of ten of their unit: clocks are nanoseconds, and tick in seconds. */
static hist_status stream_open_decimal(hi_reader *r, hi_stream_view *view)
{
    const unsigned zeros = hi_read_u8(r);

    if (zeros > HI_REGULAR_ZEROS_MAX) {
        return HIST_ECORRUPT;
    }
    HI_TRY(stream_open_regular(r, view));
    for (unsigned i = 0; i < zeros; i++) {
        view->start *= 10;
        view->step *= 10;
    }
    return HIST_OK;
}

/* Places: the gaps between them, `least` and bits. */
static bool jumps_read_places(hi_bit_reader *bits, hi_stream_view *view, unsigned width,
                              uint64_t least)
{
    uint64_t place = 0;

    for (uint32_t i = 0; i < view->jumps; i++) {
        place += least + hi_get_bits(bits, width); /* Neither is near 2^63. */
        if (place >= view->count) {
            return false;
        }
        view->jump_places[i] = (uint16_t)place;
    }
    return true;
}

/* What is added at each place, or the values there, to where the pieces would have started. */
static void jumps_read_values(hi_bit_reader *bits, hi_stream_view *view, unsigned width,
                              uint64_t least, bool returns)
{
    uint64_t start = view->start;

    for (uint32_t i = 0; i < view->jumps; i++) {
        const uint64_t value = least + hi_get_bits(bits, width);

        start = returns ? value - view->jump_places[i] * view->step : start + value;
        view->jump_starts[i] = start;
    }
}

static hist_status stream_open_jumps(hi_reader *r, hi_stream_view *view)
{
    HI_TRY(stream_open_regular(r, view));
    view->jumps = hi_read_u8(r);
    const uint8_t form = hi_read_u8(r);
    const unsigned gap_width = form & ~(unsigned)HI_JUMPS_RETURN;
    const uint64_t least_gap = hi_read_varint(r);
    const unsigned width = hi_read_u8(r);
    const uint64_t least = (uint64_t)hi_read_svarint(r);

    if (r->failed || view->jumps == 0 || view->jumps > HI_JUMPS_MAX ||
        gap_width > HI_JUMPS_GAP_BITS_MAX || least_gap == 0 || least_gap >= view->count ||
        width > 64) {
        return HIST_ECORRUPT;
    }
    hi_bit_reader bits = hi_bits_begin(r);
    if (!jumps_read_places(&bits, view, gap_width, least_gap)) {
        return HIST_ECORRUPT;
    }
    jumps_read_values(&bits, view, width, least, (form & HI_JUMPS_RETURN) != 0);
    hi_bits_end(r, &bits);
    return r->failed ? HIST_ECORRUPT : HIST_OK;
}

static hist_status stream_open_list(hi_reader *r, hi_stream_view *view)
{
    const size_t start = r->at;

    view->list = r->data + start;
    if (view->count > HI_LIST_MAX) {
        return HIST_ECORRUPT;
    }
    for (uint32_t i = 0; i < view->count; i++) {
        (void)hi_read_varint(r);
    }
    view->list_size = r->at - start;
    return r->failed ? HIST_ECORRUPT : HIST_OK;
}

hist_status hi_stream_open(hi_reader *r, uint32_t count, hi_stream_view *view_out)
{
    const uint8_t head = hi_read_u8(r);

    if (count == 0 || count > HI_BLOCK_ROWS_MAX) {
        return HIST_ECORRUPT;
    }
    view_out->count = count;
    view_out->kind = (hi_stream_kind)(head & HI_STREAM_KIND);
    view_out->scaled = (head & HI_STREAM_SCALED) != 0;
    if (view_out->scaled) {
        view_out->factor = hi_read_varint(r);
        view_out->offset = (uint64_t)hi_read_svarint(r);
    }
    switch (view_out->kind) {
    case HI_STREAM_VECTORS:
        return stream_open_vectors(r, view_out);
    case HI_STREAM_JUMPS:
        return stream_open_jumps(r, view_out);
    case HI_STREAM_REGULAR:
        return stream_open_decimal(r, view_out);
    case HI_STREAM_LIST:
        return stream_open_list(r, view_out);
    default:
        return HIST_ECORRUPT;
    }
}

/* The fields of a vector before its packed words. */
typedef struct vector_head {
    unsigned scheme; /* hi_scheme without the flag. */
    unsigned width;
    uint32_t exceptions;
    unsigned value_bytes;  /* Of an exception. */
    const uint8_t *counts; /* Exceptions of each quarter. */
    const uint8_t *places; /* Within their quarter. */
    const uint8_t *values;
    uint64_t base;
    uint64_t first;  /* DELTA, DOD */
    uint64_t second; /* DOD: the first difference. */
    uint64_t slope;  /* LINE */
    unsigned shift;
    const uint8_t *packed;
} vector_head;

/* `bytes` (1 to 8) at `from` as a signed number; `end` is where what may be read ends. */
static uint64_t signed_value(const uint8_t *from, const uint8_t *end, unsigned bytes)
{
    const unsigned unused = 64 - 8 * bytes;
    uint64_t v = 0;

    if (end - from >= 8) {
        v = hi_get_u64(from);
    } else {
        for (unsigned b = 0; b < bytes; b++) {
            v |= (uint64_t)from[b] << (8 * b);
        }
    }
    return (uint64_t)((int64_t)(v << unused) >> unused);
}

static bool vector_read_patches(hi_reader *r, uint32_t rows, vector_head *head)
{
    head->counts = hi_read_bytes(r, 4);
    if (r->failed) {
        return false;
    }
    for (int q = 0; q < 4; q++) {
        head->exceptions += head->counts[q];
    }
    head->value_bytes = hi_read_u8(r);
    if (head->exceptions == 0 || head->exceptions > rows || head->value_bytes == 0 ||
        head->value_bytes > 8) {
        return false;
    }
    head->places = hi_read_bytes(r, head->exceptions);
    head->values = hi_read_bytes(r, (size_t)head->value_bytes * head->exceptions);
    return !r->failed;
}

static bool vector_read_head(hi_reader *r, uint32_t rows, vector_head *head)
{
    const uint8_t flags = hi_read_u8(r);

    *head = (vector_head){.scheme = flags & HI_SCHEME_MASK, .width = hi_read_u8(r)};
    if (r->failed || (flags & ~(HI_SCHEME_MASK | HI_SCHEME_PATCHED)) != 0 ||
        head->scheme > HI_SCHEME_DOD || head->width > 64) {
        return false;
    }
    head->base = (uint64_t)hi_read_svarint(r);
    if (head->scheme == HI_SCHEME_DELTA) {
        head->first = (uint64_t)hi_read_svarint(r);
    } else if (head->scheme == HI_SCHEME_DOD) {
        head->first = (uint64_t)hi_read_svarint(r);
        head->second = (uint64_t)hi_read_svarint(r);
    } else if (head->scheme == HI_SCHEME_LINE) {
        head->slope = (uint64_t)hi_read_svarint(r);
        head->shift = hi_read_u8(r);
    }
    if (head->shift > 63 ||
        ((flags & HI_SCHEME_PATCHED) != 0 && !vector_read_patches(r, rows, head))) {
        return false;
    }
    head->packed = hi_read_bytes(r, hi_packed_size(rows, head->width));
    return !r->failed && hi_reader_left(r) == 0;
}

/* A short vector: values one after another, lowest bit first. */
static void vector_unpack_short(const vector_head *head, uint32_t rows, uint64_t *out)
{
    uint8_t copy[HI_LANE_ROWS_MIN * 8 + 16]; /* Words below are read past the end. */
    const size_t size = hi_packed_size(rows, head->width);
    const uint64_t mask = head->width == 0 ? 0 : ~UINT64_C(0) >> (64 - head->width);

    memcpy(copy, head->packed, size);
    memset(copy + size, 0, 16);
    for (uint32_t i = 0; i < rows; i++) {
        const size_t bit = (size_t)i * head->width;
        const unsigned low = bit & 7;
        const uint8_t *from = copy + bit / 8;
        const uint64_t word = hi_get_u64(from) >> low;
        const uint64_t top = ((uint64_t)from[8] << 1) << (63 - low);

        out[i] = ((word | top) & mask) + head->base;
    }
}

/* Puts the exceptions in. Places must ascend within their quarter and stay inside the vector; they
   are checked on the way: even a bad one is inside the vector's room. */
static bool vector_patch(const vector_head *head, const uint8_t *end, uint32_t rows, uint64_t *out)
{
    const uint8_t *from = head->values;
    const uint8_t *place_at = head->places;
    bool bad = false;

    for (uint32_t q = 0; q < 4; q++) {
        uint32_t after = q * HI_QUARTER_ROWS;

        for (uint32_t i = 0; i < head->counts[q]; i++, from += head->value_bytes) {
            const uint32_t place = q * HI_QUARTER_ROWS + *place_at++;

            bad |= place < after || place >= rows;
            after = place + 1;
            out[place] = head->base + signed_value(from, end, head->value_bytes);
        }
    }
    return !bad;
}

static hist_status vector_decode(const hi_codec_kernels *kern, hi_reader *r, uint32_t rows,
                                 uint64_t *out)
{
    vector_head head;

    if (!vector_read_head(r, rows, &head)) {
        return HIST_ECORRUPT;
    }
    if (rows < HI_LANE_ROWS_MIN) {
        vector_unpack_short(&head, rows, out);
    } else {
        kern->unpack(head.packed, head.width, hi_groups_of(rows), head.base, out);
    }
    if (head.exceptions > 0 && !vector_patch(&head, r->data + r->size, rows, out)) {
        return HIST_ECORRUPT;
    }
    if (head.scheme == HI_SCHEME_DELTA) {
        out[0] = head.first;
        kern->prefix(out, rows);
    } else if (head.scheme == HI_SCHEME_DOD) {
        if (rows < 2) {
            return HIST_ECORRUPT;
        }
        out[0] = 0;
        out[1] = head.second;
        kern->prefix2(out, rows, head.first);
    } else if (head.scheme == HI_SCHEME_LINE) {
        kern->line(out, rows, head.slope, head.shift);
    }
    return HIST_OK;
}

/* Vector v of a progression with jumps: the pieces between them. */
static void jumps_vector(const hi_codec_kernels *kern, const hi_stream_view *view, uint32_t v,
                         uint32_t rows, uint64_t *out)
{
    const uint32_t first = v * HI_VECTOR_ROWS;
    uint64_t start = view->start;
    uint32_t from = first;

    for (uint32_t i = 0; i < view->jumps && view->jump_places[i] < first + rows; i++) {
        const uint32_t place = view->jump_places[i];

        if (place > from) {
            kern->progression(out + (from - first), place - from, start + from * view->step,
                              view->step);
            from = place;
        }
        start = view->jump_starts[i];
    }
    kern->progression(out + (from - first), first + rows - from, start + from * view->step,
                      view->step);
}

static void list_vector(const hi_stream_view *view, uint64_t *out)
{
    hi_reader r = hi_reader_of(view->list, view->list_size);

    for (uint32_t i = 0; i < view->count; i++) {
        out[i] = (uint64_t)hi_read_svarint(&r);
    }
}

hist_status hi_stream_vector(const hi_codec_kernels *kern, const hi_stream_view *view, uint32_t v,
                             uint64_t *out)
{
    const uint32_t rows = hi_vector_rows(view->count, v);

    if (view->kind == HI_STREAM_REGULAR) {
        kern->progression(out, rows, view->start + (uint64_t)v * HI_VECTOR_ROWS * view->step,
                          view->step);
    } else if (view->kind == HI_STREAM_JUMPS) {
        jumps_vector(kern, view, v, rows, out);
    } else if (view->kind == HI_STREAM_LIST) {
        list_vector(view, out);
    } else {
        hi_reader r = hi_reader_of(view->vector[v], view->size[v]);
        HI_TRY(vector_decode(kern, &r, rows, out));
    }
    if (view->scaled) {
        kern->scale(out, rows, view->factor, view->offset);
    }
    return HIST_OK;
}

bool hi_stream_frame(const hi_stream_view *view, uint32_t v, hi_frame *frame)
{
    vector_head head;

    if (view->kind != HI_STREAM_VECTORS || view->scaled) {
        return false;
    }
    hi_reader r = hi_reader_of(view->vector[v], view->size[v]);
    if (!vector_read_head(&r, hi_vector_rows(view->count, v), &head) ||
        head.scheme != HI_SCHEME_FOR || head.exceptions > 0 || head.width > 62) {
        return false;
    }
    *frame = (hi_frame){.packed = head.packed, .width = head.width, .base = (int64_t)head.base};
    return !__builtin_add_overflow(frame->base, (INT64_C(1) << head.width) - 1, &frame->max);
}

/* Bounds with which a sum of 1024 values stays below 2^62: differences of less than 2^40 from a first value of
   less than 2^51. */
enum { DELTAS_WIDTH_MAX = 38, DELTAS_BYTES_MAX = 5 };
#define DELTAS_BASE_MAX  (INT64_C(1) << 38)
#define DELTAS_FIRST_MAX (INT64_C(1) << 51)

static bool deltas_are_small(const vector_head *head)
{
    const int64_t base = (int64_t)head->base;
    const int64_t first = (int64_t)head->first;

    return head->width <= DELTAS_WIDTH_MAX && head->value_bytes <= DELTAS_BYTES_MAX &&
           base > -DELTAS_BASE_MAX && base < DELTAS_BASE_MAX && first > -DELTAS_FIRST_MAX &&
           first < DELTAS_FIRST_MAX;
}

/* Packed word i of a vector in lanes. */
static uint64_t deltas_word(const vector_head *head, uint32_t i)
{
    const uint32_t bit = i / HI_LANES * head->width;
    const unsigned low = bit & 63;
    const uint8_t *at = head->packed + ((size_t)(bit >> 6) * HI_LANES + i % HI_LANES) * 8;

    if (head->width == 0) {
        return 0;
    }
    uint64_t word = hi_get_u64(at) >> low;
    if (low + head->width > 64) {
        word |= hi_get_u64(at + (size_t)8 * HI_LANES) << (64 - low);
    }
    return word & (~UINT64_C(0) >> (64 - head->width));
}

/* An exception at place i changes value i and all behind it. Places are checked as vector_patch() does. */
static bool deltas_moved(const vector_head *head, const uint8_t *end, int64_t *moved)
{
    const uint8_t *from = head->values;
    const uint8_t *place_at = head->places;

    *moved = 0;
    for (uint32_t q = 0; head->exceptions > 0 && q < 4; q++) {
        uint32_t after = q * HI_QUARTER_ROWS;

        for (uint32_t i = 0; i < head->counts[q]; i++, from += head->value_bytes) {
            const uint32_t place = q * HI_QUARTER_ROWS + *place_at++;
            const int64_t value = (int64_t)signed_value(from, end, head->value_bytes);

            if (place < after) {
                return false;
            }
            after = place + 1;
            if (place > 0) { /* The difference there is not used. */
                *moved +=
                    (HI_VECTOR_ROWS - (int64_t)place) * (value - (int64_t)deltas_word(head, place));
            }
        }
    }
    return true;
}

hist_status hi_stream_deltas(const hi_stream_view *view, uint32_t v, hi_deltas *deltas,
                             bool *is_out)
{
    vector_head head;

    *is_out = false;
    if (view->kind != HI_STREAM_VECTORS || view->scaled ||
        hi_vector_rows(view->count, v) != HI_VECTOR_ROWS) {
        return HIST_OK;
    }
    hi_reader r = hi_reader_of(view->vector[v], view->size[v]);
    if (!vector_read_head(&r, HI_VECTOR_ROWS, &head)) {
        return HIST_ECORRUPT;
    }
    if (head.scheme != HI_SCHEME_DELTA || !deltas_are_small(&head)) {
        return HIST_OK;
    }
    *is_out = true;
    *deltas = (hi_deltas){.packed = head.packed,
                          .width = head.width,
                          .base = (int64_t)head.base,
                          .first = (int64_t)head.first};
    return deltas_moved(&head, r.data + r.size, &deltas->moved) ? HIST_OK : HIST_ECORRUPT;
}
