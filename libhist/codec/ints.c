/* ints.c -- integer streams, warm or cold; see ints.h. */
#include "codec/ints.h"

enum {
    COLD_GAIN = 64, /* Cold is taken where it saves 1/64: it decodes at a fraction of the speed. */
};

/* ---- decoding --------------------------------------------------------------------------- */

hist_status hi_ints_open(hi_reader *r, uint32_t count, const hi_cold_set *set,
                         hi_ints_view *view_out)
{
    const uint8_t kind = hi_reader_left(r) > 0 ? r->data[r->at] : 0;

    view_out->is_cold = kind == HI_STREAM_COLD || kind == HI_STREAM_COLD_SHARED;
    return view_out->is_cold ? hi_cold_open(r, count, set, &view_out->cold)
                             : hi_stream_open(r, count, &view_out->warm);
}

hist_status hi_ints_all(const hi_codec_kernels *kern, const hi_ints_view *view, uint64_t *out)
{
    if (view->is_cold) {
        return hi_cold_decode(kern, &view->cold, out);
    }
    for (uint32_t v = 0; v < hi_vectors_of(view->warm.count); v++) {
        HI_TRY(hi_stream_vector(kern, &view->warm, v, out + (size_t)v * HI_VECTOR_ROWS));
    }
    return HIST_OK;
}

/* ---- encoding --------------------------------------------------------------------------- */

void hi_cold_page_clear(hi_cold_page *page)
{
    page->set.count = 0;
    page->streams = 0;
    page->rows = 0;
    page->next = 0;
}

void hi_cold_page_share(const hi_codec_kernels *kern, hi_cold_page *page)
{
    page->set.count = 0;
    page->next = 0;
    if (page->streams > 1) {
        hi_cold_share(kern, &page->scratch, page->plans, page->from, page->streams, &page->set);
    }
}

/* Drops streams [first, end) and moves the later ones down. */
static void notes_drop(hi_cold_page *page, uint32_t first, uint32_t end)
{
    uint64_t *to = page->x;

    if (first == end) {
        return;
    }
    if (first > 0) {
        to += (page->from[first - 1] - page->x) + page->plans[first - 1].count;
    }
    for (uint32_t i = end; i < page->streams; i++, first++) {
        const uint32_t count = page->plans[i].count;

        memmove(to, page->from[i], count * sizeof(*to));
        page->from[first] = to;
        page->plans[first] = page->plans[i];
        to += count;
    }
    page->streams = first;
    page->rows = (uint32_t)(to - page->x);
}

void hi_ints_keep(hi_ints_scratch *scratch, uint32_t from, uint32_t mid, bool second)
{
    if (scratch->mode == HI_INTS_PLAN) {
        notes_drop(scratch->cold, second ? from : mid, second ? mid : scratch->cold->streams);
    }
}

/* Notes a stream and its plan, while there is room; else only plans. Returns the size it expects. */
static size_t ints_note(const hi_codec_kernels *kern, hi_cold_page *page, const uint64_t *x,
                        uint32_t count)
{
    const bool room = page->streams < HI_COLD_SHARE_MAX && count <= HI_COLD_NOTES_ROWS - page->rows;
    hi_cold_plan *plan = &page->plans[page->streams];

    hi_cold_plan_make(kern, &page->scratch, x, count, plan);
    if (room) {
        memcpy(page->x + page->rows, x, count * sizeof(*x));
        page->from[page->streams++] = page->x + page->rows;
        page->rows += count;
    }
    return (size_t)(plan->bits / 8);
}

/* The plan of a stream that was noted; NULL: it was not. */
static const hi_cold_plan *ints_noted(hi_cold_page *page, const uint64_t *x, uint32_t count)
{
    for (uint32_t i = 0; i < page->streams; i++) {
        const uint32_t at = (page->next + i) % page->streams;

        if (page->plans[at].count == count &&
            memcmp(page->from[at], x, count * sizeof(*x)) == 0) {
            page->next = at + 1;
            return &page->plans[at];
        }
    }
    return NULL;
}

/* The size of the cold stream made in page->out, 0: not below limit. */
static size_t ints_write(const hi_codec_kernels *kern, hi_cold_page *page, const uint64_t *x,
                         uint32_t count, size_t limit)
{
    const hi_cold_plan *plan = ints_noted(page, x, count);

    return plan == NULL ? hi_cold_encode(kern, &page->scratch, &page->set, x, count, limit, page->out)
                        : hi_cold_write(kern, &page->scratch, plan, &page->set, x, limit, page->out);
}

size_t hi_ints_encode(const hi_codec_kernels *kern, hi_ints_scratch *scratch, const uint64_t *x,
                      uint32_t count, bool try_line, uint8_t *to)
{
    const size_t warm = hi_stream_encode(kern, &scratch->warm, x, count, try_line, to);
    const size_t limit = warm - warm / COLD_GAIN;
    size_t cold = 0;

    if (scratch->mode == HI_INTS_WARM || count < HI_COLD_COUNT_MIN ||
        (to[0] & HI_STREAM_KIND) != HI_STREAM_VECTORS) {
        return warm;
    }
    if (scratch->mode == HI_INTS_PLAN) {
        cold = ints_note(kern, scratch->cold, x, count);
        return cold < limit ? cold : warm;
    }
    cold = ints_write(kern, scratch->cold, x, count, limit);
    if (cold == 0) {
        return warm;
    }
    memcpy(to, scratch->cold->out, cold);
    return cold;
}
