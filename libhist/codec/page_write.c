/*
 * page_write.c -- the encoder: cuts a column into blocks, takes the nulls out,
 * lets a model be chosen, and appends the bytes.
 */
#include <assert.h>

#include "base/fpenv.h"
#include "codec/encoder.h"

hi_encoder *hi_encoder_new(hi_mem *mem)
{
    hi_encoder *encoder = HI_MEM_NEW(mem, hi_encoder);

    if (encoder != NULL) {
        encoder->mem = mem;
        encoder->kern = hi_codec_kernels_pick();
        encoder->squeezer.mem = mem;
        hi_buf_init(&encoder->text, mem, SIZE_MAX / 2);
    }
    return encoder;
}

void hi_encoder_free(hi_encoder *encoder)
{
    if (encoder != NULL) {
        hi_squeezer_free(&encoder->squeezer);
        hi_text_index_free(encoder);
        hi_page_dict_free(&encoder->body.page_dict, encoder->mem);
        hi_buf_free(&encoder->text);
        HI_MEM_DELETE(encoder->mem, encoder);
    }
}

void hi_encoder_use(hi_encoder *encoder, const hi_codec_kernels *kern)
{
    encoder->kern = kern;
}

/* ---- bits and nulls --------------------------------------------------------------------- */

void hi_bits_copy(const uint64_t *from, uint32_t first, uint32_t count, uint64_t *to)
{
    const uint32_t words = (count + 63) / 64;
    const unsigned low = first & 63;
    const uint64_t *word = from + first / 64;
    const uint32_t last = (low + count - 1) / 64; /* Words beyond are not ours to read. */

    for (uint32_t w = 0; w < words; w++) {
        to[w] = word[w] >> low;
        if (low > 0 && w < last) {
            to[w] |= word[w + 1] << (64 - low);
        }
    }
    if ((count & 63) != 0) {
        to[words - 1] &= (UINT64_C(1) << (count & 63)) - 1;
    }
}

uint32_t hi_valid_count(const uint64_t *bits, uint32_t count)
{
    uint32_t ones = 0;

    for (uint32_t w = 0; w < (count + 63) / 64; w++) {
        ones += (uint32_t)__builtin_popcountll(bits[w]);
    }
    return ones;
}

/* Bits of `from` where valid, packed together. */
static void slice_pack_bits(const uint64_t *from, const uint64_t *valid, uint32_t rows,
                            uint64_t *to)
{
    uint32_t at = 0;

    memset(to, 0, (rows + 63) / 64 * sizeof(*to));
    for (uint32_t i = 0; i < rows; i++) {
        if (hist_bit_get(valid, i)) {
            to[at / 64] |= (uint64_t)hist_bit_get(from, i) << (at & 63);
            at++;
        }
    }
}

/* The numbers of a slice as words without nulls: in place where they lie that way already. */
static const uint64_t *slice_numbers(hi_encoder *encoder, const hi_slice *slice)
{
    const bool narrow = slice->values->type == HIST_TYPE_INT;
    const uint32_t *ids = (const uint32_t *)slice->values->data + slice->first;
    const uint64_t *words = (const uint64_t *)slice->values->data + slice->first;
    uint32_t at = 0;

    if (slice->count == slice->rows && !narrow) {
        return words;
    }
    for (uint32_t i = 0; i < slice->rows; i++) {
        encoder->values[at] = narrow ? ids[i] : words[i];
        at += slice->count == slice->rows || hist_bit_get(encoder->valid, i);
    }
    return encoder->values;
}

static const uint64_t *slice_codes(hi_encoder *encoder, const hi_slice *slice)
{
    const uint32_t *codes = encoder->index.codes + slice->first;
    uint32_t at = 0;

    for (uint32_t i = 0; i < slice->rows; i++) {
        encoder->values[at] = codes[i];
        at += slice->count == slice->rows || hist_bit_get(encoder->valid, i);
    }
    return encoder->values;
}

/* ---- a block ---------------------------------------------------------------------------- */

/* Head and validity to encoder->block; returns their size. The model is filled in later. */
static size_t block_put_head(hi_encoder *encoder, const hi_slice *slice)
{
    uint8_t *to = encoder->block;

    to[0] = 0;
    if (slice->count == slice->rows) {
        return 1;
    }
    to[0] = HI_HEAD_NULLS;
    const hi_body validity =
        hi_bits_encode(encoder->kern, &encoder->body, encoder->valid, slice->rows, to + 2);
    to[1] = (uint8_t)validity.model;
    return 2 + validity.size;
}

/* Body after the head for everything but text; returns the block's size. */
static size_t block_put_body(hi_encoder *encoder, const hi_slice *slice, size_t at)
{
    uint8_t *to = encoder->block + at;
    hi_body body;

    if (slice->values->type == HIST_TYPE_BOOL) {
        hi_bits_copy(slice->values->data, slice->first, slice->rows, encoder->bits);
        if (slice->count < slice->rows) {
            uint64_t packed[HI_BLOCK_ROWS_MAX / 64];

            slice_pack_bits(encoder->bits, encoder->valid, slice->rows, packed);
            memcpy(encoder->bits, packed, (slice->rows + 63) / 64 * sizeof(*packed));
        }
        body = hi_bits_encode(encoder->kern, &encoder->body, encoder->bits, slice->count, to);
    } else if (slice->values->type == HIST_TYPE_STRING) {
        body = hi_body_encode(encoder->kern, &encoder->body, HI_KIND_INT,
                              slice_codes(encoder, slice), slice->count, to + 1);
        to[0] = (uint8_t)body.model;
        body = (hi_body){HI_ENC_DICT, body.size + 1};
    } else {
        body = hi_body_encode(encoder->kern, &encoder->body, hi_kind_of(slice->values->type),
                              slice_numbers(encoder, slice), slice->count, to);
    }
    encoder->block[0] = (uint8_t)(encoder->block[0] | body.model);
    return at + body.size;
}

/* Appends encoder->block, as a zstd frame when that is at least 5 % smaller. */
static hist_status block_put_cold(hi_encoder *encoder, size_t size, hi_buf *out)
{
    const size_t goal = size - size / 20;
    size_t made = 0;

    if (size > HI_BLOCK_BYTES_MAX || goal < 16) {
        hi_buf_append(out, encoder->block, size);
        return HIST_OK;
    }
    char *to = hi_buf_reserve(out, HI_VARINT_SIZE_MAX + 1 + hi_squeeze_bound(size));
    if (to == NULL) {
        return HIST_ENOMEM;
    }
    to[0] = HI_ENC_ZSTD;
    const size_t head = 1 + hi_put_varint((uint8_t *)to + 1, size);
    HI_TRY(hi_squeeze(&encoder->squeezer, HI_PROFILE_COLD, encoder->block, size, to + head,
                      goal - head, &made));
    if (made == 0) {
        hi_buf_append(out, encoder->block, size);
        return HIST_OK;
    }
    out->size += head + made;
    return HIST_OK;
}

static hist_status block_put(hi_encoder *encoder, hi_slice *slice, hi_profile profile, hi_buf *out)
{
    slice->count = slice->rows;
    if (slice->values->valid != NULL) {
        hi_bits_copy(slice->values->valid, slice->first, slice->rows, encoder->valid);
        slice->count = hi_valid_count(encoder->valid, slice->rows);
    }
    if (slice->count == 0) {
        hi_buf_byte(out, HI_ENC_NULLS);
        return HIST_OK;
    }
    const size_t head = block_put_head(encoder, slice);
    if (slice->values->type == HIST_TYPE_STRING && !encoder->index.dict) {
        encoder->block[0] |= HI_ENC_TEXT;
        hi_buf_append(out, encoder->block, head);
        return hi_text_put_block(encoder, slice, profile, out);
    }
    const size_t size = block_put_body(encoder, slice, head);
    if (profile == HI_PROFILE_COLD) {
        return block_put_cold(encoder, size, out);
    }
    hi_buf_append(out, encoder->block, size);
    return HIST_OK;
}

/* ---- a page ----------------------------------------------------------------------------- */

static hist_status page_put_text_dict(hi_encoder *encoder, const hi_values *values,
                                      hi_profile profile, hi_buf *out)
{
    HI_TRY(hi_text_index_page(encoder, values));
    return encoder->index.dict && encoder->index.count > 0
               ? hi_text_put_dict(encoder, values, profile, out)
               : HIST_OK;
}

/* The page's numbers as a shared section. */
static void page_put_numbers(hi_encoder *encoder, hi_buf *out)
{
    const hi_page_dict *dict = &encoder->body.page_dict;

    hi_buf_byte(out, HI_SHARED_DICT);
    hi_buf_varint(out, dict->count);
    for (uint32_t at = 0; at < dict->count; at += HI_BLOCK_ROWS_MAX) {
        const uint32_t left = dict->count - at;
        const uint32_t here = left < HI_BLOCK_ROWS_MAX ? left : HI_BLOCK_ROWS_MAX;

        for (uint32_t i = 0; i < here; i++) {
            encoder->values[i] = hi_page_dict_value(dict, at + i);
        }
        const hi_body body = hi_flat_encode(encoder->kern, &encoder->body, dict->kind,
                                            encoder->values, here, encoder->block);
        hi_buf_byte(out, (uint8_t)body.model);
        hi_buf_append(out, encoder->block, body.size);
    }
}

/* After the first block: does it pay to have one dictionary for all? Then its shared section takes
   the place of what was written since `start`. */
static hist_status page_share_numbers(hi_encoder *encoder, const hi_values *values,
                                      uint32_t block_count, size_t start, hi_buf *out,
                                      bool *shared_out)
{
    const uint32_t entries = encoder->body.dict_entries;
    const uint32_t most = entries * block_count / 4 * 3; /* Else each its own costs as little. */

    *shared_out = false;
    if (block_count < 2 || entries == 0 || hi_kind_of(values->type) == HI_KIND_INT ||
        values->type == HIST_TYPE_STRING || values->type == HIST_TYPE_BOOL) {
        return HIST_OK;
    }
    HI_TRY(hi_page_dict_collect(&encoder->body.page_dict, encoder->mem, hi_kind_of(values->type),
                                values, most < values->rows / 4 ? most : values->rows / 4));
    *shared_out = encoder->body.page_dict.count > 0;
    if (*shared_out) {
        const uint32_t count = encoder->body.page_dict.count;

        out->size = start;
        page_put_numbers(encoder, out);
        hi_body_page(&encoder->body);
        encoder->body.page_dict.count = count;
    }
    return HIST_OK;
}

/* Appends block b and says so in *info. */
static hist_status page_put_block(hi_encoder *encoder, hi_slice *slice, hi_profile profile,
                                  size_t start, hi_buf *out, hi_block_info *info)
{
    const size_t at = out->size;

    HI_TRY(block_put(encoder, slice, profile, out));
    if (!hi_buf_ok(out) || out->size - start > UINT32_MAX) {
        return HIST_ENOMEM;
    }
    *info = (hi_block_info){.offset = (uint32_t)(at - start),
                            .size = (uint32_t)(out->size - at),
                            .rows = slice->rows,
                            .encoding = (uint8_t)out->data[at] & HI_HEAD_MODEL};
    hi_block_stats_with(encoder->kern, slice->values, slice->first, slice->rows, &info->stats);
    return HIST_OK;
}

static HI_FP_GUARDED hist_status page_put(hi_encoder *encoder, const hi_values *values,
                                          hi_profile profile, const uint32_t *block_rows,
                                          uint32_t block_count, hi_buf *out,
                                          hi_block_info *blocks_out, uint32_t *shared_size_out)
{
    const size_t start = out->size;
    hi_slice slice = {.values = values};
    bool shared = false;

    hi_body_page(&encoder->body);
    if (values->type == HIST_TYPE_STRING) {
        HI_TRY(page_put_text_dict(encoder, values, profile, out));
    }
    *shared_size_out = (uint32_t)(out->size - start);
    for (uint32_t b = 0; b < block_count; b++) {
        assert(block_rows[b] >= 1 && block_rows[b] <= HI_BLOCK_ROWS_MAX);
        slice.rows = block_rows[b];
        HI_TRY(page_put_block(encoder, &slice, profile, start, out, blocks_out + b));
        if (b == 0) {
            HI_TRY(page_share_numbers(encoder, values, block_count, start, out, &shared));
            if (shared) { /* Once again, with the dictionary. */
                *shared_size_out = (uint32_t)(out->size - start);
                HI_TRY(page_put_block(encoder, &slice, profile, start, out, blocks_out));
            }
        }
        slice.first += slice.rows;
    }
    return HIST_OK;
}

hist_status hi_page_encode(hi_encoder *encoder, const hi_values *values, hi_profile profile,
                           const uint32_t *block_rows, uint32_t block_count, hi_buf *out,
                           hi_block_info *blocks_out, uint32_t *shared_size_out)
{
    const size_t start = out->size;
    const hi_fp_modes modes = hi_fp_enter();
    const hist_status status = page_put(encoder, values, profile, block_rows, block_count, out,
                                        blocks_out, shared_size_out);

    hi_fp_leave(modes);
    if (status != HIST_OK) {
        out->size = start; /* Nothing was appended. */
    }
    return status;
}
