/*
 * text_write.c -- strings: a dictionary for the page when its values repeat,
 * else the text of each block.
 */
#include "base/hash.h"
#include "codec/encoder.h"

enum {
    SQUEEZE_BYTES_MIN = 64,
    CODES_TEXT_MAX = 1 << 16, /* More are no text. */
    CODES_HEAD_MAX = 4,       /* Kind and size of a frame of codes. */
    FREQUENT = 1023,          /* Values that are as frequent are not told apart. */
};

static hist_str text_at(const hi_values *values, uint32_t row)
{
    const int32_t from = values->offsets[row];

    return (hist_str){values->bytes + from, (size_t)(values->offsets[row + 1] - from)};
}

static bool text_same(hist_str a, hist_str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* ---- the index -------------------------------------------------------------------------- */

void hi_text_index_free(hi_encoder *encoder)
{
    hi_text_index *index = &encoder->index;

    hi_mem_free(encoder->mem, index->slots, index->slot_count * sizeof(*index->slots));
    hi_mem_free(encoder->mem, index->codes, index->rows * sizeof(*index->codes));
    hi_mem_free(encoder->mem, index->entries, index->rows * sizeof(*index->entries));
    *index = (hi_text_index){.rows = 0};
}

/* A power of two, at least `rows`: slots are at most half full with rows / 2 entries. */
static uint32_t index_slots(uint32_t rows)
{
    uint32_t slots = 64;

    while (slots < rows && slots < UINT32_C(1) << 31) {
        slots *= 2;
    }
    return slots;
}

/* Room for `rows` rows. */
static hist_status index_reserve(hi_encoder *encoder, uint32_t rows)
{
    hi_text_index *index = &encoder->index;
    const uint32_t slots = index_slots(rows);

    if (rows <= index->rows) {
        return HIST_OK;
    }
    hi_text_index_free(encoder);
    index->slots = hi_mem_alloc(encoder->mem, (size_t)slots * sizeof(*index->slots));
    index->slot_count = index->slots == NULL ? 0 : slots;
    index->codes = hi_mem_alloc(encoder->mem, (size_t)rows * sizeof(*index->codes));
    index->entries = hi_mem_alloc(encoder->mem, (size_t)rows * sizeof(*index->entries));
    if (index->slots != NULL && index->codes != NULL && index->entries != NULL) {
        index->rows = rows;
        return HIST_OK;
    }
    hi_mem_free(encoder->mem, index->codes, index->codes == NULL ? 0 : (size_t)rows * 4);
    hi_mem_free(encoder->mem, index->entries, index->entries == NULL ? 0 : (size_t)rows * 4);
    index->codes = NULL;
    index->entries = NULL;
    hi_text_index_free(encoder);
    return HIST_ENOMEM;
}

/* The code of a string, a new one if need be. */
static uint32_t index_code(hi_text_index *index, const hi_values *values, uint32_t row)
{
    const hist_str text = text_at(values, row);
    const uint64_t hash = hi_hash(text.data, text.size, 0);
    const uint64_t tag = hash & ~(uint64_t)UINT32_MAX;

    for (uint32_t at = (uint32_t)hash & index->mask;; at = (at + 1) & index->mask) {
        const uint64_t slot = index->slots[at];

        if ((uint32_t)slot == 0) {
            index->entries[index->count] = row;
            index->slots[at] = tag | ++index->count;
            return index->count - 1;
        }
        const uint32_t code = (uint32_t)slot - 1;
        if ((slot & ~(uint64_t)UINT32_MAX) == tag &&
            text_same(text, text_at(values, index->entries[code]))) {
            return code;
        }
    }
}

static uint32_t index_valid_rows(const hi_values *values)
{
    uint32_t count = 0;

    if (values->valid == NULL) {
        return values->rows;
    }
    for (uint32_t i = 0; i < values->rows; i++) {
        count += hist_bit_get(values->valid, i);
    }
    return count;
}

/* Numbers the entries anew, the most frequent first: codes are small then, and alike in number where
   they are near, which all that is done with them is good at. Slots are not valid after. */
static void index_by_frequency(hi_text_index *index, const hi_values *values)
{
    uint32_t start[FREQUENT + 1] = {0};
    uint32_t *counts = (uint32_t *)(void *)index->slots;
    uint32_t *entries = counts + index->count;
    uint32_t *codes = entries + index->count;
    uint32_t sum = 0;

    memset(counts, 0, index->count * sizeof(*counts));
    for (uint32_t i = 0; i < values->rows; i++) {
        counts[index->codes[i]] += values->valid == NULL || hist_bit_get(values->valid, i);
    }
    for (uint32_t c = 0; c < index->count; c++) {
        counts[c] = counts[c] < FREQUENT ? counts[c] : FREQUENT;
        start[counts[c]]++;
    }
    for (uint32_t f = FREQUENT + 1; f-- > 0;) {
        const uint32_t here = start[f];

        start[f] = sum;
        sum += here;
    }
    for (uint32_t c = 0; c < index->count; c++) {
        codes[c] = start[counts[c]]++;
        entries[codes[c]] = index->entries[c];
    }
    memcpy(index->entries, entries, index->count * sizeof(*entries));
    for (uint32_t i = 0; i < values->rows; i++) {
        index->codes[i] = codes[index->codes[i]];
    }
}

hist_status hi_text_index_page(hi_encoder *encoder, const hi_values *values)
{
    hi_text_index *index = &encoder->index;
    const uint32_t most = index_valid_rows(values) / 2;
    bool any = false;
    uint32_t last = 0; /* Row of the string before: equal neighbours need no look-up. */

    HI_TRY(index_reserve(encoder, values->rows)); /* Forgets what it had when it grows. */
    index->count = 0;
    index->dict = true;
    if (values->rows == 0) {
        return HIST_OK;
    }
    index->mask = index_slots(values->rows) - 1;
    memset(index->slots, 0, ((size_t)index->mask + 1) * sizeof(*index->slots));
    for (uint32_t i = 0; i < values->rows; i++) {
        index->codes[i] = 0;
        if (values->valid != NULL && !hist_bit_get(values->valid, i)) {
            continue;
        }
        index->codes[i] = any && text_same(text_at(values, i), text_at(values, last))
                              ? index->codes[last]
                              : index_code(index, values, i);
        any = true;
        last = i;
        if (index->count > most) {
            index->dict = false;
            return HIST_OK;
        }
    }
    if (index->count > 1) {
        index_by_frequency(index, values);
    }
    return HIST_OK;
}

/* ---- text ------------------------------------------------------------------------------- */

/* Kind, stored size, bytes. */
static hist_status text_put(hi_encoder *encoder, const char *text, size_t size, hi_profile profile,
                            hi_buf *out)
{
    if (size >= SQUEEZE_BYTES_MIN) {
        const size_t goal = size - size / 20;
        char *to = hi_buf_reserve(&encoder->text, hi_squeeze_bound(size));
        size_t made = 0;

        if (to == NULL) {
            return HIST_ENOMEM;
        }
        HI_TRY(hi_squeeze(&encoder->squeezer, profile, text, size, to, goal, &made));
        if (made > 0) {
            hi_buf_byte(out, HI_TEXT_ZSTD);
            hi_buf_text(out, to, made);
            return hi_buf_ok(out) ? HIST_OK : HIST_ENOMEM;
        }
    }
    hi_buf_byte(out, HI_TEXT_RAW);
    hi_buf_text(out, text, size);
    return hi_buf_ok(out) ? HIST_OK : HIST_ENOMEM;
}

/* A stream of `count` lengths found in encoder->values. */
static void text_put_lengths(hi_encoder *encoder, uint32_t count, hi_buf *out)
{
    const size_t size = hi_stream_encode(encoder->kern, &encoder->body.ints.warm, encoder->values,
                                         count, false, encoder->body.rival);

    hi_buf_append(out, encoder->body.rival, size);
}

hist_status hi_text_put_dict(hi_encoder *encoder, const hi_values *values, hi_profile profile,
                             hi_buf *out)
{
    const hi_text_index *index = &encoder->index;

    hi_buf_clear(&encoder->text);
    for (uint32_t i = 0; i < index->count; i++) {
        const hist_str text = text_at(values, index->entries[i]);
        hi_buf_append(&encoder->text, text.data, text.size);
    }
    if (!hi_buf_ok(&encoder->text)) {
        return HIST_ENOMEM;
    }
    const size_t size = encoder->text.size;
    hi_buf_varint(out, index->count);
    hi_buf_varint(out, size);
    for (uint32_t at = 0; at < index->count; at += HI_BLOCK_ROWS_MAX) {
        const uint32_t left = index->count - at;
        const uint32_t here = left < HI_BLOCK_ROWS_MAX ? left : HI_BLOCK_ROWS_MAX;

        for (uint32_t i = 0; i < here; i++) {
            encoder->values[i] = text_at(values, index->entries[at + i]).size;
        }
        text_put_lengths(encoder, here, out);
    }
    /* Room first: the frame is built behind the text in the same buffer. */
    if (hi_buf_reserve(&encoder->text, hi_squeeze_bound(size)) == NULL) {
        return HIST_ENOMEM;
    }
    return text_put(encoder, encoder->text.data, size, profile, out);
}

hist_status hi_text_put_codes(hi_encoder *encoder, const uint64_t *codes, uint32_t count,
                              size_t below, uint8_t *to, size_t *size_out)
{
    const size_t size = (size_t)count * hi_code_bytes(encoder->index.count);
    const size_t bound = hi_squeeze_bound(size);
    size_t made = 0;

    *size_out = 0;
    hi_buf_clear(&encoder->text);
    char *text = hi_buf_reserve(&encoder->text, size + bound);
    if (text == NULL) {
        return HIST_ENOMEM;
    }
    for (size_t i = 0; i < size; i++) {
        text[i] = (char)(i < count ? codes[i] : codes[i - count] >> 8);
    }
    if (below > CODES_HEAD_MAX && encoder->index.count <= CODES_TEXT_MAX) {
        HI_TRY(hi_squeeze(&encoder->squeezer, HI_PROFILE_COLD, text, size, text + size,
                          below - CODES_HEAD_MAX, &made));
    }
    if (made > 0) {
        to[0] = HI_TEXT_ZSTD;
        const size_t head = 1 + hi_put_varint(to + 1, made);
        memcpy(to + head, text + size, made);
        *size_out = head + made;
    }
    return HIST_OK;
}

hist_status hi_text_put_block(hi_encoder *encoder, const hi_slice *slice, hi_profile profile,
                              hi_buf *out)
{
    const hi_values *values = slice->values;
    const char *text = values->bytes + values->offsets[slice->first];
    size_t size = 0;
    uint32_t count = 0;
    bool gaps = false; /* Null rows with text, which is not kept. */

    hi_buf_clear(&encoder->text);
    for (uint32_t i = 0; i < slice->rows; i++) {
        const hist_str one = text_at(values, slice->first + i);

        if (hi_slice_valid(slice, i)) {
            encoder->values[count++] = one.size;
            size += one.size;
        } else {
            gaps = gaps || one.size > 0;
        }
    }
    for (uint32_t i = 0; gaps && i < slice->rows; i++) {
        const hist_str one = text_at(values, slice->first + i);

        if (hi_slice_valid(slice, i)) {
            hi_buf_append(&encoder->text, one.data, one.size);
        }
    }
    hi_buf_varint(out, size);
    text_put_lengths(encoder, count, out);
    if (hi_buf_reserve(&encoder->text, hi_squeeze_bound(size)) == NULL) {
        return HIST_ENOMEM;
    }
    return text_put(encoder, gaps ? encoder->text.data : text, size, profile, out);
}
