/* ints.c -- integer streams, warm or cold; see ints.h. */
#include "codec/ints.h"

enum {
    COLD_NOTES_ROOM_MIN = 1 << 13,
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

hi_cold_page *hi_cold_page_new(hi_mem *mem)
{
    hi_cold_page *page = HI_MEM_NEW(mem, hi_cold_page);

    if (page != NULL) {
        page->mem = mem;
    }
    return page;
}

static void notes_free(hi_mem *mem, hi_cold_notes *notes)
{
    if (notes != NULL) {
        hi_mem_free(mem, notes->x, notes->room * sizeof(*notes->x));
        HI_MEM_DELETE(mem, notes);
    }
}

/* Nothing is noted; room for values is kept. HIST_ENOMEM. */
static hist_status notes_begin(hi_mem *mem, hi_cold_notes **notes)
{
    if (*notes == NULL) {
        *notes = HI_MEM_NEW(mem, hi_cold_notes);
        return *notes == NULL ? HIST_ENOMEM : HIST_OK;
    }
    (*notes)->streams = 0;
    (*notes)->rows = 0;
    (*notes)->next = 0;
    (*notes)->failed = false;
    return HIST_OK;
}

void hi_cold_page_free(hi_cold_page *page)
{
    if (page != NULL) {
        notes_free(page->mem, page->notes);
        notes_free(page->mem, page->rival);
        HI_MEM_DELETE(page->mem, page);
    }
}

hist_status hi_cold_page_begin(hi_cold_page *page, uint32_t block_count)
{
    page->set.count = 0;
    page->rivals = false;
    return page->notes == NULL && block_count <= 1 ? HIST_OK : notes_begin(page->mem, &page->notes);
}

void hi_cold_page_swap(hi_cold_page *page)
{
    hi_cold_notes *notes = page->notes;

    page->notes = page->rival;
    page->rival = notes;
}

hist_status hi_cold_page_rival(hi_cold_page *page)
{
    hi_cold_page_swap(page);
    page->rivals = true;
    return notes_begin(page->mem, &page->notes);
}

hist_status hi_cold_page_share(const hi_codec_kernels *kern, hi_cold_page *page)
{
    hi_cold_notes *notes = page->notes;
    const uint64_t *from[HI_COLD_NOTES_MAX];

    if (notes->failed) {
        return HIST_ENOMEM;
    }
    page->set.count = 0;
    notes->next = 0;
    for (uint32_t i = 0; i < notes->streams; i++) {
        const uint64_t warm_bits = (uint64_t)notes->limit[i] * 8;

        from[i] = notes->x + notes->from[i];
        if (notes->plans[i].bits > warm_bits) {
            notes->plans[i].bits = warm_bits; /* All that a shared form can save it. */
        }
    }
    if (notes->streams > 1) {
        hi_cold_share(kern, &page->scratch, notes->plans, from, notes->streams, &page->set);
    }
    return HIST_OK;
}

/* Room for `count` more values of x; false: no memory. */
static bool notes_reserve(hi_mem *mem, hi_cold_notes *notes, uint32_t count)
{
    uint32_t room = notes->room < COLD_NOTES_ROOM_MIN ? COLD_NOTES_ROOM_MIN : notes->room;

    while (room < notes->rows + count) {
        room *= 2;
    }
    if (room == notes->room) {
        return true;
    }
    uint64_t *x =
        hi_mem_realloc(mem, notes->x, notes->room * sizeof(*x), (size_t)room * sizeof(*x));
    if (x != NULL) {
        notes->x = x;
        notes->room = room;
    }
    return x != NULL;
}

/* Drops streams [first, end) and moves the later ones down. */
static void notes_drop(hi_cold_notes *notes, uint32_t first, uint32_t end)
{
    if (first == end) {
        return;
    }
    uint32_t to = notes->from[first];
    for (uint32_t i = end; i < notes->streams; i++, first++) {
        const uint32_t count = notes->plans[i].count;

        memmove(notes->x + to, notes->x + notes->from[i], count * sizeof(*notes->x));
        notes->from[first] = to;
        notes->limit[first] = notes->limit[i];
        notes->plans[first] = notes->plans[i];
        to += count;
    }
    notes->streams = first;
    notes->rows = to;
}

void hi_ints_keep(hi_ints_scratch *scratch, uint32_t from, uint32_t mid, bool second)
{
    if (scratch->mode == HI_INTS_PLAN) {
        notes_drop(scratch->cold->notes, second ? from : mid,
                   second ? mid : scratch->cold->notes->streams);
    }
}

/* Where a stream was noted; UINT32_MAX: nowhere. */
static uint32_t ints_find(hi_cold_notes *notes, const uint64_t *x, uint32_t count)
{
    for (uint32_t i = 0; notes != NULL && i < notes->streams; i++) {
        const uint32_t at = (notes->next + i) % notes->streams;

        if (notes->plans[at].count == count &&
            memcmp(notes->x + notes->from[at], x, count * sizeof(*x)) == 0) {
            notes->next = at + 1;
            return at;
        }
    }
    return UINT32_MAX;
}

/* Room for the plan of a stream, which is noted up to a limit. */
static hi_cold_plan *ints_note(hi_cold_page *page, const uint64_t *x, uint32_t count, size_t limit)
{
    hi_cold_notes *notes = page->notes;
    bool room = notes->streams < HI_COLD_NOTES_MAX && count <= HI_COLD_NOTES_ROWS - notes->rows;

    if (room && !notes_reserve(page->mem, notes, count)) {
        notes->failed =
            true; /* What a page becomes does not depend on memory: it fails as a whole. */
        room = false;
    }
    hi_cold_plan *plan = &notes->plans[notes->streams];
    if (room) {
        memcpy(notes->x + notes->rows, x, count * sizeof(*x));
        notes->limit[notes->streams] = limit;
        notes->from[notes->streams++] = notes->rows;
        notes->rows += count;
    }
    return plan;
}

/* A stream that was noted when the page was planned: true, and the size planned, or that of the
   stream written. 0: warm is smaller. */
static bool ints_known(const hi_codec_kernels *kern, hi_cold_page *page, hi_ints_mode mode,
                       const uint64_t *x, uint32_t count, uint8_t *to, size_t *size_out)
{
    hi_cold_notes *notes = mode == HI_INTS_COLD ? page->notes : page->rivals ? page->rival : NULL;
    const uint32_t at = ints_find(notes, x, count);

    if (at == UINT32_MAX) {
        return false;
    }
    const hi_cold_plan *plan = &notes->plans[at];
    const size_t limit = notes->limit[at];
    if (mode == HI_INTS_COLD) {
        *size_out = hi_cold_write(kern, &page->scratch, plan, &page->set, x, limit, to);
    } else {
        *ints_note(page, x, count, limit) = *plan;
        *size_out = plan->bits / 8 < limit ? (size_t)(plan->bits / 8) : 0;
    }
    return true;
}

size_t hi_ints_encode(const hi_codec_kernels *kern, hi_ints_scratch *scratch, const uint64_t *x,
                      uint32_t count, bool try_line, uint8_t *to)
{
    const bool tries_cold = scratch->mode != HI_INTS_WARM && count >= HI_COLD_COUNT_MIN;
    hi_cold_page *page = scratch->cold;
    size_t cold = 0;

    const bool known = tries_cold && ints_known(kern, page, scratch->mode, x, count, to, &cold);
    if (cold > 0) {
        return cold;
    }
    const size_t warm = hi_stream_encode(kern, &scratch->warm, x, count, try_line, to);
    const size_t limit = warm - warm / COLD_GAIN;
    if (!tries_cold || known || (to[0] & HI_STREAM_KIND) != HI_STREAM_VECTORS) {
        return warm;
    }
    if (scratch->mode == HI_INTS_PLAN) {
        hi_cold_plan *plan = ints_note(page, x, count, limit);

        hi_cold_plan_make(kern, &page->scratch, x, count, plan);
        return plan->bits / 8 < limit ? (size_t)(plan->bits / 8) : warm;
    }
    cold = hi_cold_encode(kern, &page->scratch, &page->set, x, count, limit, page->out);
    if (cold == 0) {
        return warm;
    }
    memcpy(to, page->out, cold);
    return cold;
}
