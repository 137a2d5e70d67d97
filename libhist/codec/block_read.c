/*
 * block_read.c -- the decoder of blocks: head, validity, body, and values put
 * where their rows are. Trusts no byte of the block.
 */
#include "base/fpenv.h"
#include "codec/block.h"
#include "codec/encoder.h"
#include "codec/text_read.h"

enum { CODE_BYTES_MAX = 2 };

/* A block whose head and validity were read. */
typedef struct block_view {
    const hi_codec_kernels *kern;
    hist_type type;
    uint32_t rows;
    unsigned model;
    uint32_t count; /* Values that are not null. */
    hi_reader r;
} block_view;

static void bits_ones(uint64_t *bits, uint32_t count)
{
    const uint32_t words = (count + 63) / 64;

    memset(bits, 0xff, words * sizeof(*bits));
    if ((count & 63) != 0) {
        bits[words - 1] = (UINT64_C(1) << (count & 63)) - 1;
    }
}

/* Reads head and validity. */
static hist_status block_open(block_view *b, uint64_t *valid)
{
    const uint8_t head = hi_read_u8(&b->r);

    b->model = head & HI_HEAD_MODEL;
    b->count = b->rows;
    if (b->r.failed) {
        return HIST_ECORRUPT;
    }
    if (head == HI_ENC_NULLS) {
        memset(valid, 0, (b->rows + 63) / 64 * sizeof(*valid));
        b->count = 0;
        return HIST_OK;
    }
    if ((head & HI_HEAD_NULLS) == 0) {
        bits_ones(valid, b->rows);
        return HIST_OK;
    }
    const uint8_t model = hi_read_u8(&b->r);
    if (model != HI_ENC_RLE && model != HI_ENC_BITMAP) {
        return HIST_ECORRUPT;
    }
    HI_TRY(hi_bits_read(b->kern, &b->r, model, b->rows, valid));
    b->count = hi_valid_count(valid, b->rows);
    return b->count > 0 ? HIST_OK : HIST_ECORRUPT;
}

static hist_status block_end(const block_view *b)
{
    return b->r.failed || hi_reader_left(&b->r) != 0 ? HIST_ECORRUPT : HIST_OK;
}

/* ---- nulls ------------------------------------------------------------------------------ */

/* Moves the `count` words x[skip ...] to the rows that have a value; zero for the others. Runs from
   the end: a value never lies behind its row. */
static void spread_words(uint64_t *x, const uint64_t *valid, uint32_t rows, uint32_t count)
{
    uint32_t from = count;

    for (uint32_t i = rows; i-- > 0;) {
        x[i] = hist_bit_get(valid, i) ? x[--from] : 0;
    }
}

static void spread_ids(uint32_t *x, const uint64_t *valid, uint32_t rows, uint32_t count)
{
    uint32_t from = count;

    for (uint32_t i = rows; i-- > 0;) {
        x[i] = hist_bit_get(valid, i) ? x[--from] : 0;
    }
}

static void spread_bits(const uint64_t *packed, const uint64_t *valid, uint32_t rows, uint64_t *to)
{
    uint32_t from = 0;

    memset(to, 0, (rows + 63) / 64 * sizeof(*to));
    for (uint32_t i = 0; i < rows; i++) {
        if (hist_bit_get(valid, i)) {
            to[i / 64] |= (uint64_t)hist_bit_get(packed, from++) << (i & 63);
        }
    }
}

/* ---- numbers ---------------------------------------------------------------------------- */

/* Words to u32 in place; chunks pass through a buffer because the ranges overlap. */
static void narrow_in_place(const hi_codec_kernels *kern, void *data, uint32_t count)
{
    uint64_t chunk[HI_VECTOR_ROWS];
    const uint64_t *from = data;
    uint32_t *to = data;

    for (uint32_t v = 0; v < hi_vectors_of(count); v++) {
        const uint32_t rows = hi_vector_rows(count, v);

        memcpy(chunk, from + (size_t)v * HI_VECTOR_ROWS, rows * sizeof(*chunk));
        kern->narrow(chunk, rows, to + (size_t)v * HI_VECTOR_ROWS);
    }
}

static hist_status ids_narrow(const block_view *b, uint32_t limit, void *data, uint32_t count)
{
    if (b->kern->largest(data, count) > limit) {
        return HIST_ECORRUPT;
    }
    narrow_in_place(b->kern, data, count);
    return HIST_OK;
}

/* All values of the body to data, as the type has them, nulls in place. */
static hist_status block_numbers(block_view *b, hi_kind kind, uint32_t limit,
                                 const hi_page_shared *shared, const uint64_t *valid, void *data)
{
    hi_body_view body;

    HI_TRY(hi_body_open(&b->r, b->model, kind, b->count, shared, &body));
    HI_TRY(block_end(b));
    HI_TRY(hi_body_all(b->kern, &body, data));
    if (kind == HI_KIND_INT) {
        HI_TRY(ids_narrow(b, limit, data, b->count));
    }
    if (b->count == b->rows) {
        return HIST_OK;
    }
    if (kind == HI_KIND_INT) {
        spread_ids(data, valid, b->rows, b->count);
    } else {
        spread_words(data, valid, b->rows, b->count);
    }
    return HIST_OK;
}

static hist_status block_bools(block_view *b, const uint64_t *valid, uint64_t *data)
{
    uint64_t packed[HI_BLOCK_ROWS_MAX / 64];

    if (b->count == b->rows) {
        HI_TRY(hi_bits_read(b->kern, &b->r, b->model, b->count, data));
        return block_end(b);
    }
    HI_TRY(hi_bits_read(b->kern, &b->r, b->model, b->count, packed));
    spread_bits(packed, valid, b->rows, data);
    return block_end(b);
}

/* ---- a block ---------------------------------------------------------------------------- */

/* Codes that are text. */
static hist_status block_text_codes(block_view *b, uint32_t entries, const uint64_t *valid,
                                    uint32_t *data)
{
    uint8_t text[CODE_BYTES_MAX * HI_BLOCK_ROWS_MAX];
    const uint32_t bytes = hi_code_bytes(entries);
    uint32_t largest = 0;

    HI_TRY(hi_text_read_bytes(&b->r, text, (size_t)b->count * bytes));
    HI_TRY(block_end(b));
    for (uint32_t i = 0; i < b->count; i++) {
        data[i] = text[i] | (bytes > 1 ? (uint32_t)text[b->count + i] << 8 : 0);
        largest = data[i] > largest ? data[i] : largest;
    }
    if (largest >= entries) {
        return HIST_ECORRUPT;
    }
    if (b->count < b->rows) {
        spread_ids(data, valid, b->rows, b->count);
    }
    return HIST_OK;
}

static hist_status block_strings(block_view *b, const hi_page_shared *shared, const hi_room *room,
                                 hi_decoded *decoded)
{
    if (b->model == HI_ENC_TEXT) {
        const hi_text_rows rows = {b->kern, b->rows, b->count, room->valid};
        return hi_text_read_block(&b->r, &rows, room);
    }
    if (b->model != HI_ENC_DICT || shared == NULL || shared->dict.count == 0) {
        return HIST_ECORRUPT;
    }
    decoded->codes = true;
    b->model = hi_read_u8(&b->r);
    if (b->model == HI_ENC_TEXT) {
        return block_text_codes(b, shared->dict.count, room->valid, room->data);
    }
    return block_numbers(b, HI_KIND_INT, shared->dict.count - 1, shared, room->valid, room->data);
}

/* Rows that are all null: zero in the shape of the type. */
static hist_status block_nulls(const block_view *b, const hi_page_shared *shared,
                               const hi_room *room, hi_decoded *decoded)
{
    if (b->type == HIST_TYPE_STRING) {
        decoded->codes = shared != NULL && shared->dict.count > 0;
        if (!decoded->codes) {
            memset(room->offsets, 0, ((size_t)b->rows + 1) * sizeof(int32_t));
            return block_end(b);
        }
    }
    const size_t size = b->type == HIST_TYPE_BOOL ? (b->rows + 63) / 64 * 8
                        : b->type == HIST_TYPE_INT || b->type == HIST_TYPE_STRING ? b->rows * 4
                                                                                  : b->rows * 8;
    memset(room->data, 0, size);
    return block_end(b);
}

static hist_status block_body(block_view *b, const hi_page_shared *shared, const hi_room *room,
                              hi_decoded *decoded)
{
    decoded->nulls = b->rows - b->count;
    if (b->count == 0) {
        return block_nulls(b, shared, room, decoded);
    }
    if (b->type == HIST_TYPE_BOOL) {
        return block_bools(b, room->valid, room->data);
    }
    if (b->type == HIST_TYPE_STRING) {
        return block_strings(b, shared, room, decoded);
    }
    return block_numbers(b, hi_kind_of(b->type), UINT32_MAX, shared, room->valid, room->data);
}

static HI_FP_GUARDED hist_status block_decode(block_view *b, const hi_page_shared *shared,
                                              const hi_room *room, hi_decoded *decoded_out)
{
    *decoded_out = (hi_decoded){.nulls = 0};
    if (b->rows == 0 || b->rows > HI_BLOCK_ROWS_MAX) {
        return HIST_ECORRUPT;
    }
    HI_TRY(block_open(b, room->valid));
    return block_body(b, shared, room, decoded_out);
}

hist_status hi_block_decode_with(const hi_codec_kernels *kern, hist_type type, const uint8_t *src,
                                 size_t size, uint32_t rows, const hi_page_shared *shared,
                                 const hi_room *room, hi_decoded *decoded_out)
{
    block_view b = {.kern = kern, .type = type, .rows = rows, .r = hi_reader_of(src, size)};
    const hi_fp_modes modes = hi_fp_enter();
    const hist_status status = block_decode(&b, shared, room, decoded_out);

    hi_fp_leave(modes);
    return status;
}

hist_status hi_block_decode(hist_type type, const uint8_t *src, size_t size, uint32_t rows,
                            const hi_page_shared *shared, const hi_room *room,
                            hi_decoded *decoded_out)
{
    return hi_block_decode_with(hi_codec_kernels_pick(), type, src, size, rows, shared, room,
                                decoded_out);
}

hist_status hi_block_text_size(const uint8_t *src, size_t size, uint32_t rows, size_t *size_out)
{
    uint64_t valid[HI_BLOCK_ROWS_MAX / 64];
    block_view b = {.kern = hi_codec_kernels_pick(),
                    .type = HIST_TYPE_STRING,
                    .rows = rows,
                    .r = hi_reader_of(src, size)};

    *size_out = 0;
    if (rows == 0 || rows > HI_BLOCK_ROWS_MAX) {
        return HIST_ECORRUPT;
    }
    HI_TRY(block_open(&b, valid));
    if (b.model != HI_ENC_TEXT) {
        return HIST_OK;
    }
    const uint64_t text = hi_read_varint(&b.r);
    if (b.r.failed || text > INT32_MAX) {
        return HIST_ECORRUPT;
    }
    *size_out = (size_t)text;
    return HIST_OK;
}

/* ---- some vectors of a block ------------------------------------------------------------ */

/* The rows that are wanted, and which values they need. */
typedef struct block_part {
    uint32_t first; /* Row. */
    uint32_t rows;
    uint32_t skip;  /* Values before them. */
    uint32_t count; /* Values among them. */
} block_part;

/* Values [skip, skip + count) of the body to the start of data. Other values of the same vectors
   may be written behind them, never beyond a block's worth. */
static hist_status part_values(const block_view *b, const hi_body_view *body,
                               const block_part *part, uint64_t *data)
{
    const uint32_t first = part->skip / HI_VECTOR_ROWS;
    const uint32_t last = (part->skip + part->count - 1) / HI_VECTOR_ROWS;
    uint32_t before = part->skip % HI_VECTOR_ROWS;

    if (body->runs > 0 || body->is_cold) {
        HI_TRY(hi_body_all(b->kern, body, data));
        before = part->skip;
    } else {
        HI_TRY(hi_body_vectors(b->kern, body, first, last - first + 1, data));
    }
    if (before > 0) {
        memmove(data, data + before, (size_t)part->count * sizeof(*data));
    }
    return HIST_OK;
}

static hist_status part_numbers(block_view *b, const block_part *part, const hi_page_shared *shared,
                                const hi_room *room)
{
    const hi_kind kind = hi_kind_of(b->type);
    hi_body_view body;

    HI_TRY(hi_body_open(&b->r, b->model, kind, b->count, shared, &body));
    HI_TRY(block_end(b));
    if (part->count == 0) {
        memset(room->data, 0, (size_t)part->rows * hi_kind_bytes(kind));
        return HIST_OK;
    }
    HI_TRY(part_values(b, &body, part, room->data));
    if (kind == HI_KIND_INT) {
        HI_TRY(ids_narrow(b, UINT32_MAX, room->data, part->count));
    }
    if (part->count < part->rows && kind == HI_KIND_INT) {
        spread_ids(room->data, room->valid, part->rows, part->count);
    } else if (part->count < part->rows) {
        spread_words(room->data, room->valid, part->rows, part->count);
    }
    return HIST_OK;
}

/* Narrows the block's validity to the part's rows. */
static hist_status part_decode(block_view *b, block_part *part, const hi_page_shared *shared,
                               const uint64_t *valid, const hi_room *room, hi_decoded *decoded)
{
    if (b->count == b->rows) {
        part->skip = part->first;
        part->count = part->rows;
        bits_ones(room->valid, part->rows);
    } else {
        part->skip = hi_valid_count(valid, part->first); /* first is a multiple of 64. */
        hi_bits_copy(valid, part->first, part->rows, room->valid);
        part->count = hi_valid_count(room->valid, part->rows);
    }
    decoded->nulls = part->rows - part->count;
    if (b->count == 0) {
        memset(room->data, 0, (size_t)part->rows * hi_kind_bytes(hi_kind_of(b->type)));
        return block_end(b);
    }
    return part_numbers(b, part, shared, room);
}

static HI_FP_GUARDED hist_status block_decode_part(block_view *b, const hi_page_shared *shared,
                                                   uint32_t first_vector, uint32_t vector_count,
                                                   const hi_room *room, hi_decoded *decoded_out)
{
    uint64_t valid[HI_BLOCK_ROWS_MAX / 64];

    *decoded_out = (hi_decoded){.nulls = 0};
    if (b->rows == 0 || b->rows > HI_BLOCK_ROWS_MAX) {
        return HIST_ECORRUPT;
    }
    const uint32_t vectors = hi_vectors_of(b->rows);
    if (b->type == HIST_TYPE_STRING || b->type == HIST_TYPE_BOOL || vector_count == 0 ||
        first_vector >= vectors || vector_count > vectors - first_vector) {
        return HIST_EINVAL;
    }
    block_part part = {.first = first_vector * HI_VECTOR_ROWS};
    const uint32_t end = (first_vector + vector_count) * HI_VECTOR_ROWS;
    part.rows = (end < b->rows ? end : b->rows) - part.first;
    HI_TRY(block_open(b, valid));
    return part_decode(b, &part, shared, valid, room, decoded_out);
}

hist_status hi_block_decode_vectors(hist_type type, const uint8_t *src, size_t size, uint32_t rows,
                                    const hi_page_shared *shared, uint32_t first_vector,
                                    uint32_t vector_count, const hi_room *room,
                                    hi_decoded *decoded_out)
{
    block_view b = {
        .kern = hi_codec_kernels_pick(), .type = type, .rows = rows, .r = hi_reader_of(src, size)};
    const hi_fp_modes modes = hi_fp_enter();
    const hist_status status =
        block_decode_part(&b, shared, first_vector, vector_count, room, decoded_out);

    hi_fp_leave(modes);
    return status;
}

/* ---- for those who read bodies themselves ----------------------------------------------- */

hist_status hi_block_open(const hi_codec_kernels *kern, hist_type type, const uint8_t *src,
                          size_t size, uint32_t rows, const hi_page_shared *shared,
                          hi_block_view *view_out)
{
    block_view b = {.kern = kern, .type = type, .rows = rows, .r = hi_reader_of(src, size)};

    if (type == HIST_TYPE_STRING || type == HIST_TYPE_BOOL) {
        return HIST_EINVAL;
    }
    if (rows == 0 || rows > HI_BLOCK_ROWS_MAX) {
        return HIST_ECORRUPT;
    }
    HI_TRY(block_open(&b, view_out->valid));
    view_out->kern = kern;
    view_out->kind = hi_kind_of(type);
    view_out->rows = rows;
    view_out->count = b.count;
    if (b.count > 0) {
        HI_TRY(hi_body_open(&b.r, b.model, view_out->kind, b.count, shared, &view_out->body));
    }
    return block_end(&b);
}
