/*
 * page_write.c -- the encoder: cuts a column into blocks, takes the nulls out,
 * lets a model be chosen, and appends the bytes.
 */
#include <assert.h>
#include <math.h>

#include "base/fpenv.h"
#include "codec/encoder.h"

enum {
    CODES_GAIN = 32, /* Codes become text where that saves 1/32. */
};

hi_encoder *hi_encoder_new(hi_mem *mem)
{
    hi_encoder *encoder = HI_MEM_NEW(mem, hi_encoder);

    if (encoder != NULL) {
        encoder->own_mem = mem;
        encoder->mem = mem;
        encoder->kern = hi_codec_kernels_pick();
        encoder->squeezer.mem = mem;
        hi_buf_init(&encoder->text, mem, SIZE_MAX / 2);
    }
    return encoder;
}

void hi_encoder_use_mem(hi_encoder *encoder, hi_mem *mem)
{
    hi_squeezer_free(&encoder->squeezer);
    hi_text_index_free(encoder);
    hi_page_dict_free(&encoder->body.page_dict, encoder->mem);
    hi_cold_page_free(encoder->body.ints.cold);
    encoder->body.ints.cold = NULL;
    hi_buf_free(&encoder->text);
    encoder->mem = mem;
    encoder->squeezer.mem = mem;
    hi_buf_init(&encoder->text, mem, SIZE_MAX / 2);
}

void hi_encoder_free(hi_encoder *encoder)
{
    if (encoder != NULL) {
        hi_encoder_use_mem(encoder, encoder->own_mem);
        HI_MEM_DELETE(encoder->own_mem, encoder);
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

/* Codes into the page's dictionary after the head; adds to *size. Cold, they are also tried as text:
   what happens in a machine comes in phrases. */
static hist_status block_put_codes(hi_encoder *encoder, const hi_slice *slice, size_t *size)
{
    uint8_t *to = encoder->block + *size;
    const uint64_t *codes = slice_codes(encoder, slice);
    const uint32_t noted = hi_ints_noted(&encoder->body.ints);
    const hi_body body =
        hi_body_encode(encoder->kern, &encoder->body, HI_KIND_INT, codes, slice->count, to + 1);
    size_t made = 0;

    if (encoder->body.ints.mode != HI_INTS_WARM) {
        HI_TRY(hi_text_put_codes(encoder, codes, slice->count, body.size - body.size / CODES_GAIN,
                                 to + 1, &made));
        if (made > 0) {
            hi_ints_keep(&encoder->body.ints, noted, noted, false);
        }
    }
    to[0] = (uint8_t)(made > 0 ? HI_ENC_TEXT : body.model);
    hi_page_runs_add(encoder, to[0]);
    encoder->block[0] |= HI_ENC_DICT;
    *size += 1 + (made > 0 ? made : body.size);
    return HIST_OK;
}

/* Body after the head for everything but strings; returns the block's size. */
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
    } else {
        body = hi_body_encode(encoder->kern, &encoder->body, hi_kind_of(slice->values->type),
                              slice_numbers(encoder, slice), slice->count, to);
        hi_page_runs_add(encoder, body.model);
    }
    encoder->block[0] = (uint8_t)(encoder->block[0] | body.model);
    return at + body.size;
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
    size_t size = block_put_head(encoder, slice);
    if (slice->values->type == HIST_TYPE_STRING && !encoder->index.dict) {
        encoder->block[0] |= HI_ENC_TEXT;
        hi_buf_append(out, encoder->block, size);
        return hi_text_put_block(encoder, slice, profile, out);
    }
    if (slice->values->type == HIST_TYPE_STRING) {
        HI_TRY(block_put_codes(encoder, slice, &size));
    } else {
        size = block_put_body(encoder, slice, size);
    }
    hi_buf_append(out, encoder->block, size);
    return HIST_OK;
}

/* ---- a page ----------------------------------------------------------------------------- */

/* The page's numbers. */
static void page_put_numbers(hi_encoder *encoder, hi_buf *out)
{
    const hi_page_dict *dict = &encoder->body.page_dict;

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

/* The shared section: what there is of forms and dictionary. */
static hist_status page_put_shared(hi_encoder *encoder, hi_page_work *w, hi_buf *out)
{
    const hi_values *values = w->values;
    const hi_cold_page *cold = encoder->body.ints.cold;
    const bool forms = encoder->body.ints.mode == HI_INTS_COLD && cold->set.count > 0;
    const bool text =
        values->type == HIST_TYPE_STRING && encoder->index.dict && encoder->index.count > 0;
    const bool numbers = encoder->body.page_dict.count > 0;

    w->forms_size = 0;
    if ((!forms && !text && !numbers) || (text && encoder->body.ints.mode == HI_INTS_PLAN)) {
        return HIST_OK;
    }
    hi_buf_byte(out,
                (uint8_t)((forms ? HI_SHARED_FORMS : 0) | (text || numbers ? HI_SHARED_DICT : 0)));
    if (forms) {
        w->forms_size = (uint32_t)hi_cold_set_put(&cold->set, encoder->block);
        hi_buf_append(out, encoder->block, w->forms_size);
    }
    if (numbers) {
        page_put_numbers(encoder, out);
    }
    return text ? hi_text_put_dict(encoder, values, w->profile, out) : HIST_OK;
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
    if (encoder->body.ints.mode != HI_INTS_PLAN) {
        hi_block_stats_with(encoder->kern, slice->values, slice->first, slice->rows, &info->stats);
    }
    return HIST_OK;
}

/* Most entries of a dictionary of numbers for the page that may pay; 0: none will. Warm, the first block
   must have one of its own: beyond, as many entries as that has in each block would cost less. */
static uint32_t page_entries_max(const hi_encoder *encoder, const hi_page_work *w)
{
    const hist_type type = w->values->type;
    const uint32_t entries = encoder->body.dict_entries * w->block_count / 4 * 3;

    if (w->block_count < 2 || type == HIST_TYPE_INT || type == HIST_TYPE_STRING ||
        type == HIST_TYPE_BOOL) {
        return 0;
    }
    if (encoder->body.ints.mode != HI_INTS_WARM) {
        return w->values->rows / 2;
    }
    return entries < w->values->rows / 4 ? entries : w->values->rows / 4;
}

static hist_status page_collect(hi_encoder *encoder, const hi_page_work *w, uint32_t entries_max)
{
    return hi_page_dict_collect(&encoder->body.page_dict, encoder->mem, hi_kind_of(w->values->type),
                                w->values, entries_max);
}

/* Shared section and first block, from out->size on. */
static hist_status page_put_first(hi_encoder *encoder, hi_page_work *w, hi_slice *slice,
                                  hi_buf *out, hi_block_info *info, uint32_t *shared_size)
{
    const size_t start = out->size;

    slice->rows = w->block_rows[0];
    HI_TRY(page_put_shared(encoder, w, out));
    *shared_size = (uint32_t)(out->size - start);
    return page_put_block(encoder, slice, w->profile, start, out, info);
}

/* Warm, after the first block: the same with a dictionary for the page, which takes its place where
   that is smaller, the dictionary's bytes spread over all blocks. */
static hist_status page_try_dict(hi_encoder *encoder, hi_page_work *w, hi_slice *slice, hi_buf *out)
{
    const uint32_t entries_max = page_entries_max(encoder, w);
    const size_t second = out->size;
    uint32_t shared_size = 0;
    hi_block_info info;

    if (entries_max == 0) {
        return HIST_OK;
    }
    HI_TRY(page_collect(encoder, w, entries_max));
    if (encoder->body.page_dict.count == 0) {
        return HIST_OK;
    }
    const hi_value_hint hint = encoder->body.hints[0]; /* Of the block without it. */
    const hi_page_runs_seen seen = encoder->runs.seen;
    encoder->runs.seen = (hi_page_runs_seen){.blocks = 0};
    HI_TRY(page_put_first(encoder, w, slice, out, &info, &shared_size));
    if (info.size + (shared_size - w->shared_size) / w->block_count >= w->blocks[0].size) {
        encoder->body.page_dict.count = 0;
        encoder->body.hints[0] = hint;
        encoder->runs.seen = seen; /* Which runs these are is the same with a dictionary. */
        out->size = second;
        return HIST_OK;
    }
    memmove(out->data + w->start, out->data + second, out->size - second);
    out->size -= second - w->start;
    w->blocks[0] = info;
    w->shared_size = shared_size;
    return HIST_OK;
}

static hist_status page_put(hi_encoder *encoder, hi_page_work *w, hi_ints_mode mode, hi_buf *out)
{
    hi_slice slice = {.values = w->values};

    encoder->body.ints.mode = mode;
    encoder->runs.seen = (hi_page_runs_seen){.blocks = 0};
    hi_body_pass(&encoder->body);
    out->size = w->start;
    for (uint32_t b = 0; b < w->block_count; b++) {
        assert(w->block_rows[b] >= 1 && w->block_rows[b] <= HI_BLOCK_ROWS_MAX);
        if (b == 0) {
            HI_TRY(page_put_first(encoder, w, &slice, out, w->blocks, &w->shared_size));
            if (mode == HI_INTS_WARM) {
                HI_TRY(page_try_dict(encoder, w, &slice, out));
            }
        } else {
            slice.rows = w->block_rows[b];
            HI_TRY(page_put_block(encoder, &slice, w->profile, w->start, out, w->blocks + b));
        }
        slice.first += slice.rows;
    }
    return mode == HI_INTS_PLAN ? HIST_OK : hi_page_runs_try(encoder, w, out);
}

/* An entry as a number, near enough to tell distances. */
static double page_dict_number(const hi_page_dict *dict, uint32_t i)
{
    const uint64_t v = hi_page_dict_value(dict, i);

    return dict->kind == HI_KIND_REAL ? hi_double_of(v) : (double)(int64_t)v;
}

/* Whether most entries of the page's dictionary, in their order, follow each other at the least
   distance there is: then they are not fewer than what integers must tell apart. */
static bool page_dict_is_dense(const hi_page_dict *dict)
{
    double least = HUGE_VAL;
    uint32_t near = 0;

    for (int round = 0; round < 2; round++) {
        double before = page_dict_number(dict, 0);

        for (uint32_t i = 1; i < dict->count; i++) {
            const double here = page_dict_number(dict, i);
            const double gap = here - before;

            least = round == 0 && gap > 0 && gap < least ? gap : least;
            near += round == 1 && gap < least + least / 2;
            before = here;
        }
    }
    return near >= dict->count / 2;
}

/* After a plan: whether one with a dictionary for the page may take less. The dictionary is collected then. */
static hist_status page_collect_cold(hi_encoder *encoder, const hi_page_work *w)
{
    const uint32_t entries_max = page_entries_max(encoder, w);
    const hi_value_hint *hint = encoder->body.hints;
    const bool whole = !hint->dict && !hint->real.off;

    if (entries_max == 0) {
        return HIST_OK;
    }
    HI_TRY(page_collect(encoder, w, entries_max));
    if (encoder->body.page_dict.count > 0 && whole &&
        page_dict_is_dense(&encoder->body.page_dict)) {
        encoder->body.page_dict.count = 0;
    }
    return HIST_OK;
}

/* Plans the page, that is finds what the streams of all blocks have in common, and once more with a
   dictionary for the page where that may pay. */
static hist_status page_plan(hi_encoder *encoder, hi_page_work *w, hi_buf *out)
{
    hi_cold_page *cold = encoder->body.ints.cold;

    HI_TRY(page_put(encoder, w, HI_INTS_PLAN, out));
    const size_t own = out->size;
    HI_TRY(page_collect_cold(encoder, w));
    if (encoder->body.page_dict.count > 0) {
        HI_TRY(hi_cold_page_rival(cold));
        encoder->body.plan = 1;
        HI_TRY(page_put(encoder, w, HI_INTS_PLAN, out));
        if (out->size >= own) {
            encoder->body.page_dict.count = 0;
            encoder->body.plan = 0;
            hi_cold_page_swap(cold);
        }
    }
    return hi_cold_page_share(encoder->kern, cold);
}

static hist_status page_put_cold(hi_encoder *encoder, hi_page_work *w, hi_buf *out)
{
    hi_ints_scratch *ints = &encoder->body.ints;

    if (ints->cold == NULL) {
        ints->cold = hi_cold_page_new(encoder->mem);
        if (ints->cold == NULL) {
            return HIST_ENOMEM;
        }
    }
    HI_TRY(hi_cold_page_begin(ints->cold, w->block_count));
    hi_body_page(&encoder->body);
    if (w->block_count > 1 && (w->values->type != HIST_TYPE_STRING || encoder->index.dict)) {
        HI_TRY(page_plan(encoder, w, out));
    }
    return page_put(encoder, w, HI_INTS_COLD, out);
}

static HI_FP_GUARDED hist_status page_encode(hi_encoder *encoder, hi_page_work *w, hi_buf *out)
{
    const hist_type type = w->values->type;

    encoder->body.page_dict.count = 0;
    if (type == HIST_TYPE_STRING) {
        HI_TRY(hi_text_index_page(encoder, w->values));
    }
    return w->profile == HI_PROFILE_COLD && type != HIST_TYPE_BOOL
               ? page_put_cold(encoder, w, out)
               : page_put(encoder, w, HI_INTS_WARM, out);
}

hist_status hi_page_encode(hi_encoder *encoder, const hi_values *values, hi_profile profile,
                           const uint32_t *block_rows, uint32_t block_count, hi_buf *out,
                           hi_block_info *blocks_out, uint32_t *shared_size_out)
{
    hi_page_work w = {.values = values,
                      .profile = profile,
                      .block_rows = block_rows,
                      .block_count = block_count,
                      .start = out->size,
                      .blocks = blocks_out};
    const hi_fp_modes modes = hi_fp_enter();
    const hist_status status = page_encode(encoder, &w, out);

    hi_fp_leave(modes);
    *shared_size_out = w.shared_size;
    if (status != HIST_OK) {
        out->size = w.start; /* Nothing was appended. */
    }
    return status;
}
