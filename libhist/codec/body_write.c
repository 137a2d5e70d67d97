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
    REPEAT_SAMPLE = 64,  /* Where two of so many have an equal */
    REPEAT_MIN = 2,      /* values may have a dictionary again. */
    HINT_BLOCKS = 8,     /* A full search at least so often, */
    HINT_DRIFT = 32,     /* and where a value takes 1/32 more than then. */
    HINT_CLEAR = 16,     /* Runs and plain values differ by more than 1/16. */
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
    scratch->plan = 0;
    for (uint32_t b = 0; b < HI_CHOICES_MAX; b++) {
        scratch->plans[0].block[b].known = false;
        scratch->plans[1].block[b].known = false;
    }
}

void hi_body_pass(hi_body_scratch *scratch)
{
    memset(scratch->hints, 0, sizeof(scratch->hints));
    scratch->runs_hint = (hi_runs_hint){.age = 0};
    scratch->dict_entries = 0;
    scratch->blocks = 0;
    scratch->choice = NULL;
}

/* What is chosen for the next block, to be filled in or to be followed; NULL: neither. */
static hi_body_choice *body_choice(hi_body_scratch *scratch)
{
    const uint32_t block = scratch->blocks++;

    if (scratch->ints.mode == HI_INTS_WARM || block >= HI_CHOICES_MAX) {
        return NULL;
    }
    hi_body_choice *choice = &scratch->plans[scratch->plan].block[block];
    if (scratch->ints.mode == HI_INTS_PLAN) {
        *choice = (hi_body_choice){.known = true};
    }
    return choice->known ? choice : NULL;
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

/* Cold: so far from paying that it will not in the next block. Warm the price says so. */
static bool dict_is_hopeless(const body_work *w, size_t size, size_t below)
{
    return w->scratch->ints.mode != HI_INTS_WARM && size / DICT_FAR >= below / 8;
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
    const size_t size = 1 + work_stream(w, codes, count, to + 1);
    w->scratch->dict_hopeless = dict_is_hopeless(w, size, below);
    return (hi_body){HI_ENC_DICT, size};
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
    scratch->dict_many = false;
    if (scratch->page_dict.count > 0) {
        return dict_of_page(w, x, count, below, to);
    }
    const bool warm = scratch->ints.mode == HI_INTS_WARM;
    const bool whole = w->kind == HI_KIND_REAL && likely->encoding == HI_ENC_NUM && !likely->off;
    const hi_num *num = whole ? &likely->num : NULL;
    const uint32_t entries =
        hi_number_dict(w->kern, scratch, w->kind, num, x, count, warm ? below : (size_t)count * 8);
    const uint64_t price =
        entries == 0 ? UINT64_MAX : codes_price(w, count) + (uint64_t)entries * DICT_ENTRY_BITS;
    scratch->dict_hopeless = price / DICT_FAR >= below;
    scratch->dict_many = entries == 0;
    if (price >= (uint64_t)below * 8) {
        return (hi_body){HI_ENC_DICT, 0};
    }
    uint8_t *at = to + hi_put_varint(to, entries);
    at += work_stream(w, scratch->codes, count, at);
    if ((size_t)(at - to) >= below) {
        scratch->dict_hopeless = dict_is_hopeless(w, (size_t)(at - to), below);
        return (hi_body){HI_ENC_DICT, 0};
    }
    uint8_t *model = at++;
    const hi_body values = dict_put_entries(w, likely, entries, at);
    *model = (uint8_t)values.model;
    scratch->dict_entries = entries;
    const size_t size = (size_t)(at - to) + values.size;
    scratch->dict_hopeless = dict_is_hopeless(w, size, below);
    return (hi_body){HI_ENC_DICT, size};
}

/* ---- flat or dictionary ----------------------------------------------------------------- */

/* Bytes that are no more than the block before, nearly. */
static size_t hint_limit(uint64_t size_1024, uint32_t count)
{
    return (size_t)((size_1024 + size_1024 / HINT_DRIFT) * count / 1024 + 16);
}

/* What 1024 values may take in the next blocks before a rival is tried again: as many bytes as they
   did; cold, half of what the rival needed more is not worth that. */
static uint64_t hint_size(const body_work *w, size_t best, size_t rival, uint32_t count)
{
    const bool half = w->scratch->ints.mode != HI_INTS_WARM && rival > best;

    return (uint64_t)(half ? best + (rival - best) / 2 : best) * 1024 / count;
}

static bool hint_holds(uint32_t age, uint32_t count)
{
    return age > 0 && age < HINT_BLOCKS && count >= HI_VECTOR_ROWS;
}

/* Flat, by the model of the block before while that still fits. */
static hi_body values_flat(const body_work *w, const uint64_t *x, uint32_t count,
                           hi_value_hint *hint, uint8_t *to)
{
    if (w->kind != HI_KIND_REAL) {
        return body_flat(w, x, count, NULL, to);
    }
    if (hint_holds(hint->age, count) && hint->real.encoding == HI_ENC_NUM) {
        const hi_body made = body_flat(w, x, count, &hint->real, to);

        if (made.size <= hint_limit(hint->size_1024, count)) {
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

/* A dictionary is taken, by what the block before had or as flat values are larger. */
static hi_body values_take_dict(const body_work *w, hi_body dict, size_t flat, uint32_t count,
                                hi_value_hint *hint)
{
    if (hint->dict) {
        hint->age++;
        return dict;
    }
    *hint = (hi_value_hint){.age = 1,
                            .dict = true,
                            .size_1024 = hint_size(w, dict.size, flat, count),
                            .real = hint->real};
    return dict;
}

/* Whether some of a few values are equal. */
static bool values_repeat(const body_work *w, const uint64_t *x, uint32_t count)
{
    int64_t few[REPEAT_SAMPLE];
    uint32_t same = 0;

    for (uint32_t i = 0; i < REPEAT_SAMPLE; i++) {
        few[i] = (int64_t)x[(size_t)i * count / REPEAT_SAMPLE];
    }
    w->kern->count->sort(few, REPEAT_SAMPLE);
    for (uint32_t i = 1; i < REPEAT_SAMPLE; i++) {
        same += few[i] == few[i - 1];
    }
    return same >= REPEAT_MIN;
}

/* Whether no dictionary is tried: one was far from paying for values that took flat about what these do, or had too many
   entries, and these do not repeat either. */
static bool values_rest(const body_work *w, const uint64_t *x, uint32_t count,
                        const hi_value_hint *hint, size_t flat)
{
    const uint64_t near = hint->rest_1024 / HINT_DRIFT;
    const uint64_t here = (uint64_t)flat * 1024 / count;

    if (hint->rest == 0) {
        return false;
    }
    return hint->rest_many ? !values_repeat(w, x, count)
                           : here + near >= hint->rest_1024 && here <= hint->rest_1024 + near;
}

/* What a dictionary must be below to be tried before flat values: after a block with one, and where
   a plan without one for the page says what those take. 0: it is not. */
static size_t values_dict_limit(const body_work *w, const uint64_t *x, uint32_t count,
                                const hi_value_hint *hint, size_t flat)
{
    if (hint->dict) {
        return hint_holds(hint->age, count) ? hint_limit(hint->size_1024, count) : 0;
    }
    return flat == 0 || values_rest(w, x, count, hint, flat) ? 0 : flat - flat / DICT_GAIN;
}

/* Whether a dictionary is tried after flat values of `size` bytes. */
static bool values_try_dict(const body_work *w, const uint64_t *x, uint32_t count,
                            hi_value_hint *hint, size_t size)
{
    if (count < DICT_ROWS_MIN || size * 8 <= (size_t)count * DICT_BITS) {
        return false;
    }
    const bool rests = values_rest(w, x, count, hint, size);
    hint->rest -= rests ? 1 : 0;
    return !rests;
}

/* Flat, or with a dictionary where that is smaller. *flat: what it would be flat, where that is
   known before; then what it is, or 0. */
static hi_body values_search(const body_work *w, const uint64_t *x, uint32_t count, size_t *flat,
                             hi_value_hint *hint, uint8_t *to)
{
    hi_ints_scratch *ints = &w->scratch->ints;
    uint8_t *rival = w->scratch->rival_dict;
    const size_t limit = values_dict_limit(w, x, count, hint, *flat);
    const uint32_t from = hi_ints_noted(ints);
    hi_body dict = {HI_ENC_DICT, 0};

    *flat = 0;
    if (limit > 0) {
        dict = dict_encode(w, x, count, limit, &hint->real, rival);
    }
    if (dict.size > 0 && dict.size <= limit) {
        memcpy(to, rival, dict.size);
        return values_take_dict(w, dict, limit, count, hint);
    }
    if (hint->dict) {
        *hint = (hi_value_hint){.age = 0};
    }
    /* Warm it is made again: entries follow the model of flat values. */
    const bool dict_first = dict.size > 0 && ints->mode != HI_INTS_WARM;
    if (!dict_first) {
        hi_ints_keep(ints, from, hi_ints_noted(ints), true);
    }
    uint32_t mid = hi_ints_noted(ints);
    const hi_body plain = values_flat(w, x, count, hint, to);
    const size_t below = plain.size - plain.size / DICT_GAIN;
    *flat = plain.size;
    if (!dict_first) {
        if (!values_try_dict(w, x, count, hint, plain.size)) {
            return plain;
        }
        mid = hi_ints_noted(ints);
        dict = dict_encode(w, x, count, below, &hint->real, rival);
    }
    const bool take_dict = dict.size > 0 && dict.size < below;
    hi_ints_keep(ints, from, mid, take_dict != dict_first);
    if (!take_dict) {
        hint->rest = w->scratch->dict_hopeless ? DICT_REST : 0;
        hint->rest_many = w->scratch->dict_many;
        hint->rest_1024 = (uint64_t)plain.size * 1024 / count;
        return plain;
    }
    memcpy(to, rival, dict.size);
    return values_take_dict(w, dict, plain.size, count, hint);
}

/* As it was planned. size 0: it is not possible. */
static hi_body values_chosen(const body_work *w, const uint64_t *x, uint32_t count,
                             const hi_value_choice *chosen, uint8_t *to)
{
    return chosen->dict ? dict_encode(w, x, count, (size_t)count * 8, &chosen->real, to)
                        : body_flat(w, x, count, &chosen->real, to);
}

/* level: 0 values as they come, 1 those of runs. */
static hi_body body_values(const body_work *w, const uint64_t *x, uint32_t count, unsigned level,
                           uint8_t *to)
{
    hi_body_scratch *scratch = w->scratch;
    hi_value_hint *hint = &scratch->hints[level];
    size_t flat = 0;

    if (scratch->choice == NULL) {
        return values_search(w, x, count, &flat, hint, to);
    }
    hi_value_choice *chosen = &scratch->choice->values[level];
    if (scratch->ints.mode == HI_INTS_COLD) {
        const hi_body made = values_chosen(w, x, count, chosen, to);
        return made.size > 0 ? made : values_search(w, x, count, &flat, hint, to);
    }
    if (scratch->plan > 0) {
        flat = scratch->plans[0].block[scratch->blocks - 1].values[level].flat;
    }
    const hi_body made = values_search(w, x, count, &flat, hint, to);
    *chosen = (hi_value_choice){made.model == HI_ENC_DICT, flat, hint->real};
    return made;
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
    const hi_body values = body_values(&w, scratch->run_values, runs, 1, at);
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

/* Values that differ from the one before; once there are too many for runs, no more are counted. */
static uint64_t body_changes(const body_work *w, const uint64_t *x, uint32_t count)
{
    uint64_t changes = 0;

    for (uint32_t at = 0; at < count && (at == 0 || body_tries_runs(w, changes + 1, count));
         at += HI_VECTOR_ROWS) {
        const uint32_t rows = hi_vector_rows(count, at / HI_VECTOR_ROWS);

        changes += w->kern->uneven(x + at, rows + (at + rows < count ? 1 : 0), 0);
    }
    return changes;
}

/* Warm, runs have to be smaller by a tenth: they expand at half the speed. */
static bool body_prefers_runs(const body_work *w, size_t runs, size_t flat)
{
    return w->scratch->ints.mode == HI_INTS_WARM ? runs <= flat - flat / 10 : runs <= flat;
}

/* Runs in scratch, or the values as they come. */
static hi_body body_put(const body_work *w, const uint64_t *x, uint32_t count, bool runs,
                        uint8_t *to)
{
    return runs ? (hi_body){HI_ENC_RLE, hi_runs_encode(w->kern, w->scratch, w->kind, to)}
                : body_values(w, x, count, 0, to);
}

/* The smaller of runs and plain values. Cold, what was clearly smaller in the block before is tried
   first, and is enough while it is no larger. */
static hi_body body_search(const body_work *w, const uint64_t *x, uint32_t count, uint8_t *to)
{
    hi_body_scratch *scratch = w->scratch;
    hi_runs_hint *hint = &scratch->runs_hint;
    const bool hinted = hint_holds(hint->age, count);
    const bool runs_first = !hinted || hint->runs;
    const uint32_t from = hi_ints_noted(&scratch->ints);
    const hi_body first = body_put(w, x, count, runs_first, to);

    if (hinted && first.size <= hint_limit(hint->size_1024, count)) {
        hint->age++;
        return first;
    }
    const uint32_t mid = hi_ints_noted(&scratch->ints);
    const hi_body second = body_put(w, x, count, !runs_first, scratch->rival);
    const size_t runs = runs_first ? first.size : second.size;
    const size_t plain = runs_first ? second.size : first.size;
    const bool take_runs = body_prefers_runs(w, runs, plain);
    const bool clear = runs + runs / HINT_CLEAR <= plain || plain + plain / HINT_CLEAR <= runs;
    const hi_body best = take_runs == runs_first ? first : second;
    hi_ints_keep(&scratch->ints, from, mid, take_runs != runs_first);
    if (take_runs != runs_first) {
        memcpy(to, scratch->rival, best.size);
    }
    *hint = (hi_runs_hint){clear && scratch->ints.mode != HI_INTS_WARM ? 1 : 0, take_runs,
                           hint_size(w, best.size, take_runs ? plain : runs, count)};
    return best;
}

static hi_body body_encode(const body_work *w, const uint64_t *x, uint32_t count, uint8_t *to)
{
    hi_body_scratch *scratch = w->scratch;
    const uint64_t changes = body_changes(w, x, count);

    if (changes == 0) {
        scratch->run_values[0] = x[0];
        scratch->run_lengths[0] = count - 1;
        scratch->run_count = 1;
        return body_constant(w->kind, x[0], to);
    }
    if (!body_tries_runs(w, changes + 1, count)) {
        return body_put(w, x, count, false, to);
    }
    runs_collect(scratch, x, count);
    if ((changes + 1) * RUNS_TAKE < count) {
        return body_put(w, x, count, true, to);
    }
    return scratch->choice != NULL && scratch->ints.mode == HI_INTS_COLD
               ? body_put(w, x, count, scratch->choice->runs, to)
               : body_search(w, x, count, to);
}

hi_body hi_body_encode(const hi_codec_kernels *kern, hi_body_scratch *scratch, hi_kind kind,
                       const uint64_t *x, uint32_t count, uint8_t *to)
{
    const body_work w = {kern, scratch, kind};

    scratch->choice = body_choice(scratch);
    hi_body body = body_encode(&w, x, count, to);
    if (scratch->choice != NULL && scratch->ints.mode == HI_INTS_PLAN) {
        scratch->choice->runs = body.model == HI_ENC_RLE;
    } else if (scratch->choice != NULL && body.size > (size_t)count * hi_kind_bytes(kind)) {
        scratch->choice = NULL; /* What was planned is not what came of it. */
        body = body_encode(&w, x, count, to);
    }
    scratch->choice = NULL;
    return body;
}
