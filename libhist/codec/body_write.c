/* body_write.c -- numbers to a model: constant, runs, dictionary, integer stream, reals or raw. */
#include "codec/body.h"

enum {
    RUNS_TRY = 3,   /* Runs are tried when there are fewer than count / 3, */
    RUNS_TAKE = 16, /* and nothing else when fewer than count / 16. */
    DICT_ROWS_MIN = 64,
    DICT_ENTRY_BITS = 3, /* An entry takes hardly less. */
    DICT_GAIN = 16, /* And taken where it saves 1/16. */
    DICT_BITS = 7,   /* A dictionary is tried where a value takes more. */
};

hi_body hi_raw_encode(hi_kind kind, const uint64_t *x, uint32_t count, uint8_t *to)
{
    if (hi_kind_bytes(kind) == 8) {
        memcpy(to, x, (size_t)count * 8);
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

static hi_body body_flat(const hi_codec_kernels *kern, hi_body_scratch *scratch, hi_kind kind,
                         const uint64_t *x, uint32_t count, uint8_t *to)
{
    if (kind == HI_KIND_REAL) {
        return hi_real_encode(kern, scratch, x, count, to);
    }
    const size_t size =
        hi_stream_encode(kern, &scratch->stream, x, count, kind == HI_KIND_TIME, to);
    if (size >= (size_t)count * hi_kind_bytes(kind)) {
        return hi_raw_encode(kind, x, count, to);
    }
    return (hi_body){HI_ENC_INT, size};
}

/* ---- dictionary ------------------------------------------------------------------------- */

/* Ascending entries cost less, and codes near each other are values near each other. 0: there are
   too many, or it will hardly be below `below` bytes. */
static hi_body dict_encode(const hi_codec_kernels *kern, hi_body_scratch *scratch, hi_kind kind,
                           const uint64_t *x, uint32_t count, size_t below, uint8_t *to)
{
    const uint32_t entries = hi_number_dict(scratch, kind, x, count);

    if (entries == 0 || hi_stream_price(kern, scratch->codes, count) +
                                (uint64_t)entries * DICT_ENTRY_BITS >=
                            below * 8) {
        return (hi_body){HI_ENC_DICT, 0};
    }
    uint8_t *at = to + hi_put_varint(to, entries);
    at += hi_stream_encode(kern, &scratch->stream, scratch->codes, count, false, at);
    uint8_t *model = at++;
    const hi_body values = body_flat(kern, scratch, kind, scratch->entry_values, entries, at);
    *model = (uint8_t)values.model;
    return (hi_body){HI_ENC_DICT, (size_t)(at - to) + values.size};
}

/* Flat, or with a dictionary where that is smaller. */
static hi_body body_values(const hi_codec_kernels *kern, hi_body_scratch *scratch, hi_kind kind,
                           const uint64_t *x, uint32_t count, uint8_t *to)
{
    const hi_body flat = body_flat(kern, scratch, kind, x, count, to);

    if (count < DICT_ROWS_MIN || flat.size * 8 <= (size_t)count * DICT_BITS) {
        return flat;
    }
    const size_t below = flat.size - flat.size / DICT_GAIN;
    const hi_body dict = dict_encode(kern, scratch, kind, x, count, below, scratch->rival_dict);
    if (dict.size == 0 || dict.size >= below) {
        return flat;
    }
    memcpy(to, scratch->rival_dict, dict.size);
    return dict;
}

/* ---- runs ------------------------------------------------------------------------------- */

static hi_body body_runs(const hi_codec_kernels *kern, hi_body_scratch *scratch, hi_kind kind,
                         const uint64_t *x, uint32_t count, uint8_t *to)
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

    uint8_t *at = to + hi_put_varint(to, runs);
    at += hi_stream_encode(kern, &scratch->stream, scratch->run_lengths, runs, false, at);
    uint8_t *model = at++;
    const hi_body values = body_values(kern, scratch, kind, scratch->run_values, runs, at);
    *model = (uint8_t)values.model;
    return (hi_body){HI_ENC_RLE, (size_t)(at - to) + values.size};
}

/* ---- choice ----------------------------------------------------------------------------- */

hi_body hi_body_encode(const hi_codec_kernels *kern, hi_body_scratch *scratch, hi_kind kind,
                       const uint64_t *x, uint32_t count, uint8_t *to)
{
    const uint64_t changes = kern->scan(x, count).changes;

    if (changes == 0) {
        return body_constant(kind, x[0], to);
    }
    if ((changes + 1) * RUNS_TRY >= count) {
        return body_values(kern, scratch, kind, x, count, to);
    }
    const hi_body runs = body_runs(kern, scratch, kind, x, count, to);
    if ((changes + 1) * RUNS_TAKE < count) {
        return runs;
    }
    const hi_body flat = body_values(kern, scratch, kind, x, count, scratch->rival);
    if (flat.size * 9 >= runs.size * 10) {
        return runs;
    }
    memcpy(to, scratch->rival, flat.size);
    return flat;
}
