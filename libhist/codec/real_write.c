/*
 * real_write.c -- doubles by the model a sample suggested: every value is verified
 * with the operations of the decoder, and what the model does not give back to the
 * bit becomes an exception.
 */
#include "codec/real.h"

enum {
    RETRY_SHARE = 32, /* More exceptions than 1/32 of the values: look for more digits once. */
    RETRY_SEEN = 256,
};

/* A body being written, and its exceptions. */
typedef struct real_work {
    const hi_codec_kernels *kern;
    hi_body_scratch *scratch;
    const uint64_t *bits;
    uint32_t count;
    uint32_t found[HI_BLOCK_VECTORS_MAX]; /* Exceptions by vector, places in scratch->places. */
    uint32_t exceptions;
} real_work;

/* ---- exceptions ------------------------------------------------------------------------- */

/* Takes the exceptions of vector v out of x, where the value before them costs least. */
static void work_patch(real_work *w, uint32_t v, uint32_t bad, uint64_t *x)
{
    const uint32_t first = v * HI_VECTOR_ROWS;
    const uint32_t rows = hi_vector_rows(w->count, v);
    uint32_t good = 0;
    uint32_t found = 0;

    w->found[v] = bad;
    w->exceptions += bad;
    if (bad == 0) {
        return;
    }
    while (good < rows && w->scratch->bad[good]) {
        good++;
    }
    uint64_t last = good < rows ? x[first + good] : first > 0 ? x[first - 1] : 0;
    for (uint32_t i = 0; i < rows; i++) {
        if (w->scratch->bad[i]) {
            x[first + i] = last;
            w->scratch->places[first + found++] = (uint16_t)i;
        }
        last = x[first + i];
    }
}

/* Counts by vector, places, values. */
static size_t work_put_patches(const real_work *w, uint8_t *to)
{
    const uint32_t vectors = hi_vectors_of(w->count);
    uint8_t *at = to;

    if (w->exceptions == 0) {
        return 0;
    }
    for (uint32_t v = 0; v < vectors; v++, at += 2) {
        hi_put_u16(at, (uint16_t)w->found[v]);
    }
    uint8_t *value = at + (size_t)2 * w->exceptions;
    for (uint32_t v = 0; v < vectors; v++) {
        for (uint32_t i = 0; i < w->found[v]; i++, at += 2, value += 8) {
            const uint16_t place = w->scratch->places[v * HI_VECTOR_ROWS + i];

            hi_put_u16(at, place);
            hi_put_u64(value, w->bits[v * HI_VECTOR_ROWS + place]);
        }
    }
    return (size_t)(value - to);
}

/* A stream of a body that starts at `start`: its end, or NULL where raw is smaller already.
   So a body is never longer than raw and one stream. */
static uint8_t *work_put_stream(const real_work *w, const uint8_t *start, const uint64_t *x,
                                uint8_t *to)
{
    if ((size_t)(to - start) >= (size_t)w->count * 8) {
        return NULL;
    }
    return to + hi_ints_encode(w->kern, &w->scratch->ints, x, w->count, false, to);
}

/* Puts the last stream of a body; its size, 0: raw is smaller. at: NULL, when that is known. */
static size_t work_end(const real_work *w, const uint8_t *start, const uint64_t *x, uint8_t *at)
{
    at = at == NULL ? NULL : work_put_stream(w, start, x, at);
    return at == NULL ? 0 : (size_t)(at - start);
}

/* ---- models ----------------------------------------------------------------------------- */

static void num_convert(real_work *w, const hi_real_model *model)
{
    hi_body_scratch *scratch = w->scratch;

    for (uint32_t v = 0; v < hi_vectors_of(w->count); v++) {
        const uint32_t first = v * HI_VECTOR_ROWS;
        const uint32_t rows = hi_vector_rows(w->count, v);
        uint64_t *off = scratch->off + first;
        uint32_t bad =
            w->kern->to_num(w->bits + first, rows, &model->num, scratch->whole + first, off);

        if (bad > 0) {
            bad = w->kern->beyond(off, rows, model->off ? HI_OFF_MAX : 0, scratch->bad);
        }
        work_patch(w, v, bad, scratch->whole);
        for (uint32_t i = 0; i < bad; i++) {
            off[scratch->places[first + i]] = 0;
        }
    }
}

static size_t num_encode(real_work *w, const hi_real_model *model, uint8_t *to)
{
    uint8_t *at = to + 1;

    num_convert(w, model);
    if (w->exceptions > w->count / 2) {
        return 0;
    }
    to[0] = (uint8_t)(model->num.op | (model->num.to_float ? HI_FORM_FLOAT : 0) |
                      (model->off ? HI_FORM_OFF : 0) | (w->exceptions > 0 ? HI_FORM_PATCHED : 0));
    if (model->num.op == HI_NUM_DECIMAL) {
        *at++ = (uint8_t)model->digits;
    } else {
        hi_put_u64(at, hi_bits_of(model->num.param));
        at += 8;
    }
    at += work_put_patches(w, at);
    if (model->off) {
        at = work_put_stream(w, to, w->scratch->off, at);
    }
    return work_end(w, to, w->scratch->whole, at);
}

static size_t bits_encode(real_work *w, uint8_t *to)
{
    w->kern->fold(w->bits, w->count, w->scratch->whole);
    return work_end(w, to, w->scratch->whole, to);
}

/* Codes of the left parts to off, right parts to whole. */
static void rd_split(real_work *w, const hi_real_model *model)
{
    const uint64_t mask = (UINT64_C(1) << model->cut) - 1;

    for (uint32_t v = 0; v < hi_vectors_of(w->count); v++) {
        const uint32_t first = v * HI_VECTOR_ROWS;
        const uint32_t rows = hi_vector_rows(w->count, v);
        uint32_t bad = 0;

        for (uint32_t i = 0; i < rows; i++) {
            const uint64_t bits = w->bits[first + i];
            unsigned code = 0;

            while (code < model->patterns && model->left[code] != bits >> model->cut) {
                code++;
            }
            w->scratch->bad[i] = code == model->patterns;
            bad += code == model->patterns;
            w->scratch->off[first + i] = code == model->patterns ? 0 : code;
            w->scratch->whole[first + i] = bits & mask;
        }
        work_patch(w, v, bad, w->scratch->whole);
    }
}

static size_t rd_encode(real_work *w, const hi_real_model *model, uint8_t *to)
{
    uint8_t *at = to + 3;

    rd_split(w, model);
    if (w->exceptions > w->count / 2) {
        return 0;
    }
    to[0] = w->exceptions > 0 ? HI_FORM_PATCHED : 0;
    to[1] = (uint8_t)model->cut;
    to[2] = (uint8_t)model->patterns;
    for (unsigned i = 0; i < model->patterns; i++, at += 2) {
        hi_put_u16(at, model->left[i]);
    }
    at += work_put_patches(w, at);
    return work_end(w, to, w->scratch->whole, work_put_stream(w, to, w->scratch->off, at));
}

/* ---- choice ----------------------------------------------------------------------------- */

/* 0: RAW, or more exceptions than are worth it. */
static size_t real_put(real_work *w, const hi_real_model *model, uint8_t *to)
{
    w->exceptions = 0;
    switch (model->encoding) {
    case HI_ENC_NUM:
        return num_encode(w, model, to);
    case HI_ENC_BITS:
        return bits_encode(w, to);
    case HI_ENC_RD:
        return rd_encode(w, model, to);
    default:
        return 0;
    }
}

/* Digits that most values without k digits need; k when there is no gain. */
static unsigned real_more_digits(const real_work *w, const hi_real_model *model)
{
    uint32_t seen = 0;
    uint32_t gained = 0;
    int most = (int)model->digits;

    for (uint32_t i = 0; i < w->count && seen < RETRY_SEEN; i++) {
        const double v = hi_double_of(w->bits[i]);

        if (hi_real_is_decimal(v, model->num.to_float, model->digits)) {
            continue;
        }
        const int digits = hi_real_digits(v, model->num.to_float, most);
        seen++;
        gained += digits >= 0;
        most = digits > most ? digits : most;
    }
    return gained * 2 > seen ? (unsigned)most : model->digits;
}

/* Many values have more digits than the sample: once again with theirs. */
static size_t real_retry(real_work *w, const hi_real_model *model, size_t size, uint8_t *to)
{
    hi_real_model more = *model;

    more.digits = real_more_digits(w, model);
    if (more.digits == model->digits) {
        return size;
    }
    more.num.param = hi_power_of_ten(more.digits);
    const size_t again = real_put(w, &more, to);
    return again == 0 || (size != 0 && size < again) ? real_put(w, model, to) : again;
}

hi_body hi_real_encode(const hi_codec_kernels *kern, hi_body_scratch *scratch,
                       const hi_real_model *model, const uint64_t *bits, uint32_t count,
                       uint8_t *to)
{
    real_work w = {.kern = kern, .scratch = scratch, .bits = bits, .count = count};
    size_t size = real_put(&w, model, to);

    if (w.exceptions > count / RETRY_SHARE && model->encoding == HI_ENC_NUM &&
        model->num.op == HI_NUM_DECIMAL && !model->off) {
        size = real_retry(&w, model, size, to);
    }
    if (size == 0 || size >= (size_t)count * 8) {
        return hi_raw_encode(HI_KIND_REAL, bits, count, to);
    }
    return (hi_body){model->encoding, size};
}
