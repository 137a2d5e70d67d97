/* body_write.c -- numbers to a model: constant, runs, dictionary, integer stream, reals or raw. */
#include "codec/real.h"

enum {
    RUNS_TRY = 3,   /* Runs are tried when there are fewer than count / 3, */
    RUNS_TAKE = 16, /* and nothing else when fewer than count / 16. */
    DICT_ROWS_MIN = 64,
    DICT_ENTRY_BITS = 3, /* An entry takes hardly less. */
    DICT_FAR = 10,       /* Where it is priced at 10/8 of what it should be below, */
    DICT_REST = 7,       /* the next blocks are not tried. */
    DICT_GAIN = 16,      /* And taken where it saves 1/16. */
    HINT_BLOCKS = 8,     /* A full search at least so often, */
    HINT_DRIFT = 32,     /* and where a value takes 1/32 more than then. */
    DICT_BITS = 7,       /* A dictionary is tried where a value takes more. */
};

hi_body hi_raw_encode(hi_kind kind, const uint64_t *x, uint32_t count, uint8_t *to)
{
    if (hi_kind_bytes(kind) == 8) {
        hi_put_le64s(to, x, (size_t)count * 8);
    } else {
        for (uint32_t i = 0; i < count; i++) {
            hi_put_u32(to + (size_t)4 * i, (uint32_t)x[i]);
        }
    }
    return (hi_body){HI_ENC_RAW, (size_t)count * hi_kind_bytes(kind)};
}

static hi_body body_constant(hi_kind kind, uint64_t value, uint8_t *to)
{
    if (kind == HI_KIND_REAL) {
        hi_put_u64(to, value);
        return (hi_body){HI_ENC_CONST, 8};
    }
    return (hi_body){HI_ENC_CONST, hi_put_svarint(to, value)};
}

/* ---- flat ------------------------------------------------------------------------------- */

/* Values on their way to bytes. */
typedef struct body_work {
    const hi_codec_kernels *kern;
    hi_body_scratch *scratch;
    hi_kind kind;
} body_work;

void hi_body_page(hi_body_scratch *scratch)
{
    memset(scratch->hints, 0, sizeof(scratch->hints));
    scratch->dict_entries = 0;
}

static size_t work_stream(const body_work *w, const uint64_t *x, uint32_t count, uint8_t *to)
{
    return hi_ints_encode(w->kern, &w->scratch->ints, x, count, false, to);
}

/* model: of reals. */
static hi_body body_flat(const body_work *w, const uint64_t *x, uint32_t count,
                         const hi_real_model *model, uint8_t *to)
{
    if (w->kind == HI_KIND_REAL) {
        return hi_real_encode(w->kern, w->scratch, model, x, count, to);
    }
    const size_t size =
        hi_ints_encode(w->kern, &w->scratch->ints, x, count, w->kind == HI_KIND_TIME, to);
    if (size >= (size_t)count * hi_kind_bytes(w->kind)) {
        return hi_raw_encode(w->kind, x, count, to);
    }
    return (hi_body){HI_ENC_INT, size};
}

hi_body hi_flat_encode(const hi_codec_kernels *kern, hi_body_scratch *scratch, hi_kind kind,
                       const uint64_t *x, uint32_t count, uint8_t *to)
{
    const body_work w = {kern, scratch, kind};
    hi_real_model model = {.encoding = HI_ENC_RAW};

    if (kind == HI_KIND_REAL) {
        model = hi_real_choose(kern, x, count);
    }
    return body_flat(&w, x, count, &model, to);
}

/* ---- dictionary ------------------------------------------------------------------------- */

/* About the least that codes take. Entropy coding has no price but that of doing it. */
static uint64_t codes_price(const body_work *w, uint32_t count)
{
    return w->scratch->ints.mode == HI_INTS_WARM
               ? hi_stream_price(w->kern, w->scratch->codes, count)
               : 0;
}

/* Codes into the page's dictionary. size 0: it will hardly be below `below` bytes. */
static hi_body dict_of_page(const body_work *w, const uint64_t *x, uint32_t count, size_t below,
                            uint8_t *to)
{
    uint64_t *codes = w->scratch->codes;

    hi_page_dict_codes(&w->scratch->page_dict, x, count, codes);
    if (codes_price(w, count) >= below * 8) {
        return (hi_body){HI_ENC_DICT, 0};
    }
    to[0] = 0; /* Entries of its own: none. */
    return (hi_body){HI_ENC_DICT, 1 + work_stream(w, codes, count, to + 1)};
}

/* Entries of a dictionary. Warm, where the values are plain decimals, these are too: nothing is
   searched. */
static hi_body dict_put_entries(const body_work *w, const hi_real_model *likely, uint32_t entries,
                                uint8_t *to)
{
    hi_body_scratch *scratch = w->scratch;

    if (scratch->ints.mode == HI_INTS_WARM && w->kind == HI_KIND_REAL &&
        likely->encoding == HI_ENC_NUM && !likely->off && likely->num.op == HI_NUM_DECIMAL) {
        return hi_real_encode(w->kern, scratch, likely, scratch->entry_values, entries, to);
    }
    return hi_flat_encode(w->kern, scratch, w->kind, scratch->entry_values, entries, to);
}

/* Ascending entries cost less, and codes near each other are values near each other. size 0: there
   are too many entries, or it will hardly be below `below` bytes. */
static hi_body dict_encode(const body_work *w, const uint64_t *x, uint32_t count, size_t below,
                           const hi_real_model *likely, uint8_t *to)
{
    hi_body_scratch *scratch = w->scratch;

    scratch->dict_hopeless = false;
    if (scratch->page_dict.count > 0) {
        return dict_of_page(w, x, count, below, to);
    }
    const bool warm = scratch->ints.mode == HI_INTS_WARM;
    const uint32_t entries =
        hi_number_dict(scratch, w->kind, x, count, warm ? below : (size_t)count * 8);
    const uint64_t price =
        entries == 0 ? UINT64_MAX : codes_price(w, count) + (uint64_t)entries * DICT_ENTRY_BITS;
    scratch->dict_hopeless = warm && price / DICT_FAR >= below;
    if (price >= (uint64_t)below * 8) {
        return (hi_body){HI_ENC_DICT, 0};
    }
    uint8_t *at = to + hi_put_varint(to, entries);
    at += work_stream(w, scratch->codes, count, at);
    uint8_t *model = at++;
    const hi_body values = dict_put_entries(w, likely, entries, at);
    *model = (uint8_t)values.model;
    scratch->dict_entries = entries;
    return (hi_body){HI_ENC_DICT, (size_t)(at - to) + values.size};
}

/* ---- flat or dictionary ----------------------------------------------------------------- */

/* Bytes that are no more than the block before, nearly. */
static size_t hint_limit(const hi_value_hint *hint, uint32_t count)
{
    return (size_t)((hint->size_1024 + hint->size_1024 / HINT_DRIFT) * count / 1024 + 16);
}

static bool hint_holds(const hi_value_hint *hint, uint32_t count)
{
    return hint->age > 0 && hint->age < HINT_BLOCKS && count >= HI_VECTOR_ROWS;
}

/* Flat, by the model of the block before while that still fits. */
static hi_body values_flat(const body_work *w, const uint64_t *x, uint32_t count,
                           hi_value_hint *hint, uint8_t *to)
{
    if (w->kind != HI_KIND_REAL) {
        return body_flat(w, x, count, NULL, to);
    }
    if (hint_holds(hint, count) && hint->real.encoding == HI_ENC_NUM) {
        const hi_body made = body_flat(w, x, count, &hint->real, to);

        if (made.size <= hint_limit(hint, count)) {
            hint->age++;
            return made;
        }
    }
    hint->age = 1;
    hint->real = hi_real_choose(w->kern, x, count);
    const hi_body made = body_flat(w, x, count, &hint->real, to);
    hint->size_1024 = (uint64_t)made.size * 1024 / count;
    return made;
}

/* Flat, or with a dictionary where that is smaller. After a block with a dictionary that is tried
   first, and is enough while it is no larger. */
static hi_body body_values(const body_work *w, const uint64_t *x, uint32_t count,
                           hi_value_hint *hint, uint8_t *to)
{
    uint8_t *rival = w->scratch->rival_dict;

    if (hint->dict && hint_holds(hint, count)) {
        const hi_body made = dict_encode(w, x, count, hint_limit(hint, count), &hint->real, to);

        hint->age++;
        if (made.size > 0 && made.size <= hint_limit(hint, count)) {
            return made;
        }
    }
    if (hint->dict) {
        *hint = (hi_value_hint){.age = 0};
    }
    const uint32_t from = hi_ints_noted(&w->scratch->ints);
    const hi_body flat = values_flat(w, x, count, hint, to);
    if (count < DICT_ROWS_MIN || flat.size * 8 <= (size_t)count * DICT_BITS) {
        return flat;
    }
    if (hint->rest > 0) {
        hint->rest--;
        return flat;
    }
    const size_t below = flat.size - flat.size / DICT_GAIN;
    const uint32_t mid = hi_ints_noted(&w->scratch->ints);
    const hi_body dict = dict_encode(w, x, count, below, &hint->real, rival);
    const bool smaller = dict.size > 0 && dict.size < below;
    hi_ints_keep(&w->scratch->ints, from, mid, smaller);
    if (!smaller) {
        hint->rest = w->scratch->dict_hopeless ? DICT_REST : 0;
        return flat;
    }
    memcpy(to, rival, dict.size);
    *hint = (hi_value_hint){.age = 1,
                            .dict = true,
                            .size_1024 = (uint64_t)dict.size * 1024 / count,
                            .real = hint->real};
    return dict;
}

/* ---- runs ------------------------------------------------------------------------------- */

/* Runs of x to scratch. */
static void runs_collect(hi_body_scratch *scratch, const uint64_t *x, uint32_t count)
{
    uint32_t runs = 0;
    uint32_t start = 0;

    for (uint32_t i = 1; i < count; i++) {
        if (x[i] != x[i - 1]) {
            scratch->run_values[runs] = x[start];
            scratch->run_lengths[runs++] = i - start - 1;
            start = i;
        }
    }
    scratch->run_values[runs] = x[start];
    scratch->run_lengths[runs++] = count - start - 1;
    scratch->run_count = runs;
}

size_t hi_runs_encode(const hi_codec_kernels *kern, hi_body_scratch *scratch, hi_kind kind,
                      uint8_t *to)
{
    const body_work w = {kern, scratch, kind};
    const uint32_t runs = scratch->run_count;
    uint8_t *at = to + hi_put_varint(to, runs);

    at += work_stream(&w, scratch->run_lengths, runs, at);
    uint8_t *model = at++;
    const hi_body values = body_values(&w, scratch->run_values, runs, &scratch->hints[1], at);
    *model = (uint8_t)values.model;
    return (size_t)(at - to) + values.size;
}

/* ---- choice ----------------------------------------------------------------------------- */

/* Cold, a value that is as the one before takes about a bit with its run, however the others are
   coded; in a dictionary without runs as much as any other. */
static bool body_tries_runs(const body_work *w, uint64_t runs, uint32_t count)
{
    return w->scratch->ints.mode == HI_INTS_WARM
               ? runs * RUNS_TRY < count
               : runs * HI_BLOCK_ROWS_MAX < (uint64_t)count * HI_RUNS_MAX;
}

/* Warm, runs have to be smaller by a tenth: they expand at half the speed. */
static bool body_prefers_runs(const body_work *w, size_t runs, size_t flat)
{
    return w->scratch->ints.mode == HI_INTS_WARM ? runs <= flat - flat / 10 : runs <= flat;
}

hi_body hi_body_encode(const hi_codec_kernels *kern, hi_body_scratch *scratch, hi_kind kind,
                       const uint64_t *x, uint32_t count, uint8_t *to)
{
    const body_work w = {kern, scratch, kind};
    const uint64_t changes = kern->uneven(x, count, 0);

    if (changes == 0) {
        scratch->run_values[0] = x[0];
        scratch->run_lengths[0] = count - 1;
        scratch->run_count = 1;
        return body_constant(kind, x[0], to);
    }
    if (!body_tries_runs(&w, changes + 1, count)) {
        return body_values(&w, x, count, &scratch->hints[0], to);
    }
    const uint32_t from = hi_ints_noted(&scratch->ints);
    runs_collect(scratch, x, count);
    const hi_body runs = {HI_ENC_RLE, hi_runs_encode(kern, scratch, kind, to)};
    if ((changes + 1) * RUNS_TAKE < count) {
        return runs;
    }
    const uint32_t mid = hi_ints_noted(&scratch->ints);
    const hi_body flat = body_values(&w, x, count, &scratch->hints[0], scratch->rival);
    const bool take_runs = body_prefers_runs(&w, runs.size, flat.size);
    hi_ints_keep(&scratch->ints, from, mid, !take_runs);
    if (take_runs) {
        return runs;
    }
    memcpy(to, scratch->rival, flat.size);
    return flat;
}
