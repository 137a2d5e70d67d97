/*
 * page_runs.c -- runs of a whole page in its shared section, in place of runs in each block: one
 * head, one set of frequencies, and a run that goes on in the next block is one run.
 */
#include "codec/encoder.h"

enum {
    PAGE_RUNS_SECTION = 9, /* What a part file pays for a shared section: size and checksum. */
};

/* ---- while blocks are encoded ----------------------------------------------------------- */

static void runs_append(hi_page_runs *runs, const hi_body_scratch *body)
{
    hi_page_runs_seen *seen = &runs->seen;
    const uint32_t last = seen->count - 1;
    const bool goes_on = seen->count > 0 && runs->values[last] == body->run_values[0];
    const uint32_t skip = goes_on ? 1 : 0;

    if (body->run_count - skip > HI_PAGE_RUNS_MAX - seen->count) {
        seen->full = true;
        return;
    }
    if (goes_on) {
        runs->lengths[last] += body->run_lengths[0] + 1;
    }
    for (uint32_t i = skip; i < body->run_count; i++, seen->count++) {
        runs->values[seen->count] = body->run_values[i];
        runs->lengths[seen->count] = body->run_lengths[i];
    }
}

void hi_page_runs_add(hi_encoder *encoder, hi_encoding model)
{
    hi_page_runs *runs = &encoder->runs;

    if (encoder->body.ints.mode != HI_INTS_PLAN && !runs->seen.full &&
        (model == HI_ENC_RLE || model == HI_ENC_CONST)) {
        runs->seen.blocks++;
        runs_append(runs, &encoder->body);
    }
}

/* ---- a block as it is, and as it would be ------------------------------------------------ */

typedef struct runs_block {
    const uint8_t *bytes; /* As encoded before. */
    size_t head;          /* Bytes before the model of its runs, 0: it is not made of runs. */
    uint32_t values;      /* That are not null. */
    uint32_t size;        /* With the page's runs. */
} runs_block;

/* Of codes the model follows head and validity, of numbers it is in the head. */
static runs_block runs_block_of(const hi_encoder *encoder, const hi_page_work *w, const hi_buf *out,
                                uint32_t b, uint32_t from)
{
    const hi_block_info *info = &w->blocks[b];
    const bool codes = w->values->type == HIST_TYPE_STRING;
    runs_block block = {.bytes = (const uint8_t *)out->data + w->start + info->offset,
                        .values = info->rows,
                        .size = info->size};
    hi_reader r = hi_reader_of(block.bytes, info->size);
    const uint8_t head = hi_read_u8(&r);
    uint8_t from_bytes[HI_VARINT_SIZE_MAX];

    if (head == HI_ENC_NULLS) {
        return block;
    }
    if ((head & HI_HEAD_NULLS) != 0) {
        const uint8_t model = hi_read_u8(&r);
        uint64_t valid[HI_BLOCK_ROWS_MAX / 64];

        (void)hi_bits_read(encoder->kern, &r, model, info->rows, valid);
        block.values = hi_valid_count(valid, info->rows);
    }
    const unsigned model = codes ? hi_read_u8(&r) : head & (unsigned)HI_HEAD_MODEL;
    if (model == HI_ENC_RLE || model == HI_ENC_CONST) {
        block.head = r.at;
        block.size = (uint32_t)(r.at + hi_put_varint(from_bytes, from));
    }
    return block;
}

/* Bytes of all blocks with the page's runs. *others: there is a block that is not made of runs. */
static size_t runs_blocks_size(const hi_encoder *encoder, const hi_page_work *w, const hi_buf *out,
                               bool *others)
{
    size_t size = 0;
    uint32_t from = 0;

    *others = false;
    for (uint32_t b = 0; b < w->block_count; b++) {
        const runs_block block = runs_block_of(encoder, w, out, b, from);

        from += block.head > 0 ? block.values : 0;
        size += block.size;
        *others |= block.head == 0 && block.bytes[0] != HI_ENC_NULLS;
    }
    return size;
}

/* Appends all blocks; `out` has room for them. */
static void runs_put_blocks(const hi_encoder *encoder, hi_page_work *w, hi_buf *out, size_t second)
{
    uint32_t from = 0;

    for (uint32_t b = 0; b < w->block_count; b++) {
        const runs_block block = runs_block_of(encoder, w, out, b, from);
        const size_t at = out->size;

        hi_buf_append(out, block.bytes, block.head > 0 ? block.head : block.size);
        if (block.head > 0) {
            uint8_t *model =
                (uint8_t *)out->data + (w->values->type == HIST_TYPE_STRING ? out->size - 1 : at);

            *model = (uint8_t)((*model & HI_HEAD_NULLS) | HI_ENC_PAGE_RUNS);
            hi_buf_varint(out, from);
            from += block.values;
        }
        w->blocks[b].offset = (uint32_t)(at - second);
        w->blocks[b].size = (uint32_t)(out->size - at);
        w->blocks[b].encoding = (uint8_t)out->data[at] & HI_HEAD_MODEL;
    }
}

/* ---- a page ----------------------------------------------------------------------------- */

/* The shared section: what blocks of their own models and text need of the one before, then runs. */
static void runs_put_shared(hi_encoder *encoder, const hi_page_work *w, bool others, hi_buf *out)
{
    const bool text = w->values->type == HIST_TYPE_STRING;
    const hi_kind kind = text ? HI_KIND_INT : hi_kind_of(w->values->type);
    const uint32_t before = w->shared_size;
    const uint8_t flags = before > 0 ? (uint8_t)out->data[w->start] : 0;
    const uint8_t kept =
        (uint8_t)(flags & ((others ? HI_SHARED_FORMS : 0) | (others || text ? HI_SHARED_DICT : 0)));
    hi_body_scratch *body = &encoder->body;

    if (!others) { /* What goes is not referred to. */
        body->page_dict.count = 0;
        if (body->ints.mode == HI_INTS_COLD) {
            body->ints.cold->set.count = 0;
        }
    }
    memcpy(body->run_values, encoder->runs.values, encoder->runs.seen.count * sizeof(uint64_t));
    memcpy(body->run_lengths, encoder->runs.lengths, encoder->runs.seen.count * sizeof(uint64_t));
    body->run_count = encoder->runs.seen.count;
    const size_t runs = hi_runs_encode(encoder->kern, body, kind, encoder->block);
    if (hi_buf_reserve(out, before + runs + 1) == NULL) {
        return;
    }
    hi_buf_byte(out, (uint8_t)(kept | HI_SHARED_RUNS));
    if ((kept & HI_SHARED_FORMS) != 0) {
        hi_buf_append(out, out->data + w->start + 1, w->forms_size);
    }
    if ((kept & HI_SHARED_DICT) != 0) {
        hi_buf_append(out, out->data + w->start + 1 + w->forms_size, before - 1 - w->forms_size);
    }
    hi_buf_append(out, encoder->block, runs);
}

hist_status hi_page_runs_try(hi_encoder *encoder, hi_page_work *w, hi_buf *out)
{
    const hi_page_runs_seen *seen = &encoder->runs.seen;
    const size_t second = out->size;
    bool others = false;

    if (seen->full || seen->blocks < 2 || seen->blocks < w->block_count / 2) {
        return HIST_OK;
    }
    const size_t blocks = runs_blocks_size(encoder, w, out, &others);
    runs_put_shared(encoder, w, others, out);
    if (!hi_buf_ok(out)) {
        return HIST_ENOMEM;
    }
    const uint32_t shared = (uint32_t)(out->size - second);
    const size_t section = w->shared_size == 0 ? PAGE_RUNS_SECTION : 0;
    if (shared + blocks + section >= second - w->start) {
        out->size = second;
        return HIST_OK;
    }
    if (hi_buf_reserve(out, blocks) == NULL) {
        return HIST_ENOMEM;
    }
    runs_put_blocks(encoder, w, out, second);
    memmove(out->data + w->start, out->data + second, out->size - second);
    out->size -= second - w->start;
    w->shared_size = shared;
    return HIST_OK;
}
