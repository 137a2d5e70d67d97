/* body_write.c -- numbers to a model: constant, runs, integer stream, decimals or raw. */
#include "codec/body.h"

enum {
    RUNS_TRY = 3,   /* Runs are tried when there are fewer than count / 3, */
    RUNS_TAKE = 16, /* and nothing else when fewer than count / 16. */
    DICT_ROWS_MIN = 64,
    DICT_BITS = 11, /* A dictionary is tried where a value takes more. */
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
    const hi_body values = body_flat(kern, scratch, kind, scratch->run_values, runs, at);
    *model = (uint8_t)values.model;
    return (hi_body){HI_ENC_RLE, (size_t)(at - to) + values.size};
}

/* ---- dictionary ------------------------------------------------------------------------- */

/* Numbers the different values in order of appearance: entries, and codes in run_lengths. Returns
   how many, 0 when there are more than HI_ENTRIES_MAX. */
static uint32_t dict_collect(hi_body_scratch *scratch, const uint64_t *x, uint32_t count)
{
    uint32_t found = 0;

    memset(scratch->slots, 0, sizeof(scratch->slots));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = (uint32_t)((x[i] * UINT64_C(0x9e3779b97f4a7c15)) >> 40) % HI_DICT_SLOTS;

        while (scratch->slots[at] != 0 && scratch->entries[scratch->slots[at] - 1] != x[i]) {
            at = (at + 1) % HI_DICT_SLOTS;
        }
        if (scratch->slots[at] == 0) {
            if (found == HI_ENTRIES_MAX) {
                return 0;
            }
            scratch->entries[found++] = x[i];
            scratch->slots[at] = (uint16_t)found;
        }
        scratch->run_lengths[i] = scratch->slots[at] - 1U;
    }
    return found;
}

/* A word whose unsigned order is that of the values. */
static uint64_t dict_key(hi_kind kind, uint64_t v)
{
    const uint64_t sign = UINT64_C(1) << 63;

    return kind == HI_KIND_REAL && (v & sign) != 0 ? ~v : v ^ sign;
}

/* Order of the entries to ranks (Shell's sort: few, and no recursion). */
static void dict_sort(hi_body_scratch *scratch, hi_kind kind, uint32_t count)
{
    uint16_t *order = scratch->ranks;

    for (uint32_t i = 0; i < count; i++) {
        order[i] = (uint16_t)i;
    }
    for (uint32_t gap = count / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11) {
        for (uint32_t i = gap; i < count; i++) {
            const uint16_t moved = order[i];
            const uint64_t key = dict_key(kind, scratch->entries[moved]);
            uint32_t at = i;

            for (; at >= gap && dict_key(kind, scratch->entries[order[at - gap]]) > key;
                 at -= gap) {
                order[at] = order[at - gap];
            }
            order[at] = moved;
        }
    }
}

/* Ascending entries cost less, and codes near each other are values near each other. */
static hi_body dict_encode(const hi_codec_kernels *kern, hi_body_scratch *scratch, hi_kind kind,
                           const uint64_t *x, uint32_t count, uint8_t *to)
{
    uint16_t rank[HI_ENTRIES_MAX];
    const uint32_t entries = dict_collect(scratch, x, count);

    if (entries == 0) {
        return (hi_body){HI_ENC_DICT, 0};
    }
    dict_sort(scratch, kind, entries);
    for (uint32_t i = 0; i < entries; i++) {
        rank[scratch->ranks[i]] = (uint16_t)i;
        scratch->run_values[i] = scratch->entries[scratch->ranks[i]];
    }
    for (uint32_t i = 0; i < count; i++) {
        scratch->run_lengths[i] = rank[scratch->run_lengths[i]];
    }
    uint8_t *at = to + hi_put_varint(to, entries);
    at += hi_stream_encode(kern, &scratch->stream, scratch->run_lengths, count, false, at);
    uint8_t *model = at++;
    const hi_body values = body_flat(kern, scratch, kind, scratch->run_values, entries, at);
    *model = (uint8_t)values.model;
    return (hi_body){HI_ENC_DICT, (size_t)(at - to) + values.size};
}

/* Puts a dictionary in the place of a large body where it is smaller. */
static hi_body body_or_dict(const hi_codec_kernels *kern, hi_body_scratch *scratch, hi_kind kind,
                            const uint64_t *x, uint32_t count, hi_body made, uint8_t *to)
{
    if (count < DICT_ROWS_MIN || made.size * 8 <= (size_t)count * DICT_BITS) {
        return made;
    }
    const hi_body dict = dict_encode(kern, scratch, kind, x, count, scratch->rival);
    if (dict.size == 0 || dict.size >= made.size - made.size / 16) {
        return made;
    }
    memcpy(to, scratch->rival, dict.size);
    return dict;
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
        const hi_body flat = body_flat(kern, scratch, kind, x, count, to);
        return body_or_dict(kern, scratch, kind, x, count, flat, to);
    }
    const hi_body runs = body_runs(kern, scratch, kind, x, count, to);
    if ((changes + 1) * RUNS_TAKE < count) {
        return runs;
    }
    const hi_body flat = body_flat(kern, scratch, kind, x, count, scratch->rival);
    if (flat.size * 9 >= runs.size * 10) {
        return body_or_dict(kern, scratch, kind, x, count, runs, to);
    }
    memcpy(to, scratch->rival, flat.size);
    return body_or_dict(kern, scratch, kind, x, count, flat, to);
}
