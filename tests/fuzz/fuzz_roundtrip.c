/*
 * fuzz_roundtrip.c -- any values come back bit for bit, warm and cold; every CPU variant makes the
 * same bytes and statistics of them, whatever was encoded before, and reads them alike.
 *
 * u8 type + 6 * profile, u8 rows, u8 how many times, u8 blocks and variant, then parameters and
 * noise for fv_make(). Nearly all inputs have few rows: encoding takes its time.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "tests/support/fuzz_codec.h"
#include "tests/support/fuzz_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    FUZZ_HEAD = 4,
    FUZZ_BLOCKS = 5,
    FUZZ_TIMES_MAX = 18,
    FUZZ_TEXT = FV_ROWS_MAX * FV_STRING_MAX,
    FUZZ_PAGE_MAX = 1 << 20
};

static const hist_type fuzz_types[FV_TYPES] = {HIST_TYPE_BOOL,   HIST_TYPE_LONG,     HIST_TYPE_REAL,
                                               HIST_TYPE_STRING, HIST_TYPE_DATETIME, HIST_TYPE_INT};

/* What an encoder made. */
typedef struct fuzz_page {
    hi_encoder *encoder;
    hi_buf out;
    hi_block_info blocks[FUZZ_BLOCKS];
    uint32_t shared_size;
} fuzz_page;

typedef struct fuzz_cut {
    uint32_t rows[FUZZ_BLOCKS];
    uint32_t count;
} fuzz_cut;

static hi_mem fuzz_mem;

static fuzz_page *fuzz_page_of(uint32_t variant)
{
    static fuzz_page pages[FZ_VARIANTS_MAX];
    fuzz_page *page = &pages[variant];

    if (page->encoder == NULL) {
        hi_mem_init(&fuzz_mem, NULL, NULL, 0);
        page->encoder = hi_encoder_new(&fuzz_mem);
        fz_check(page->encoder != NULL, "no memory");
        hi_encoder_use(page->encoder, fz_variants_here()->kern[variant]);
        hi_buf_init(&page->out, &fuzz_mem, FUZZ_PAGE_MAX);
    }
    hi_buf_clear(&page->out);
    return page;
}

/* 1 to 64; for few values of the second byte up to four times that, or 18 times. */
static uint32_t fuzz_rows(uint8_t rows, uint8_t times)
{
    const uint32_t few = 1 + rows % 64U;

    return times < 252 ? few : times < 255 ? few * (times - 250U) : few * FUZZ_TIMES_MAX - rows % 5;
}

static fuzz_cut fuzz_cut_of(uint32_t rows, uint32_t blocks)
{
    fuzz_cut cut = {.count = blocks < rows ? blocks : rows};

    for (uint32_t b = 0; b < cut.count; b++) {
        cut.rows[b] = rows / cut.count + (b < rows % cut.count);
    }
    return cut;
}

/* Bytes of rows [first, first + rows) as they are without a codec, bitmap of nulls included. */
static size_t fuzz_raw_size(const hi_values *v, uint32_t first, uint32_t rows)
{
    const size_t valid = v->valid == NULL ? 0 : (rows + 7) / 8;

    switch (v->type) {
    case HIST_TYPE_BOOL:
        return valid + (rows + 7) / 8;
    case HIST_TYPE_INT:
        return valid + (size_t)rows * 4;
    case HIST_TYPE_STRING:
        return valid + (size_t)rows * 4 + (size_t)(v->offsets[first + rows] - v->offsets[first]);
    default:
        return valid + (size_t)rows * 8;
    }
}

static fuzz_page *fuzz_encode(const hi_values *v, hi_profile profile, const fuzz_cut *cut,
                              uint32_t variant)
{
    fuzz_page *page = fuzz_page_of(variant);
    uint32_t first = 0;

    fz_check(hi_page_encode(page->encoder, v, profile, cut->rows, cut->count, &page->out,
                            page->blocks, &page->shared_size) == HIST_OK,
             "a page that cannot be encoded");
    for (uint32_t b = 0; b < cut->count; b++) {
        const hi_block_info *info = &page->blocks[b];

        fz_check(info->rows == cut->rows[b], "a block of other rows");
        fz_check(info->size <= fuzz_raw_size(v, first, info->rows) + info->rows / 16 + 64,
                 "a block larger than promised");
        first += info->rows;
    }
    return page;
}

static void fuzz_check_stats(const hi_values *v, const fuzz_cut *cut, const fuzz_page *page,
                             uint32_t variant)
{
    uint32_t first = 0;

    for (uint32_t b = 0; b < cut->count; b++) {
        hi_block_stats stats;

        memset(&stats, 0, sizeof(stats));
        hi_block_stats_with(fz_variants_here()->kern[variant], v, first, cut->rows[b], &stats);
        const hi_block_stats *was = &page->blocks[b].stats;
        fz_check(stats.nulls == was->nulls && stats.nans == was->nans && stats.min == was->min &&
                     stats.max == was->max && stats.first == was->first &&
                     stats.last == was->last && stats.sum_lo == was->sum_lo &&
                     stats.sum_hi == was->sum_hi && hi_bits_of(stats.m2) == hi_bits_of(was->m2),
                 "variants disagree on statistics");
        first += cut->rows[b];
    }
}

/* ---- back ---- */

static void fuzz_check_text(const hi_values *v, uint32_t row, const hi_decoded *d,
                            const hi_dict *dict, const hi_room *room, uint32_t i)
{
    const int32_t *offsets = d->codes ? dict->offsets : room->offsets;
    const char *bytes = d->codes ? dict->bytes : room->bytes;
    const int32_t at = d->codes ? ((const int32_t *)room->data)[i] : (int32_t)i;
    const int32_t size = v->offsets[row + 1] - v->offsets[row];

    fz_check(offsets[at + 1] - offsets[at] == size &&
                 memcmp(bytes + offsets[at], v->bytes + v->offsets[row], (size_t)size) == 0,
             "another string came back");
}

static bool fuzz_row_same(const hi_values *v, uint32_t row, const void *data, uint32_t i)
{
    switch (v->type) {
    case HIST_TYPE_BOOL:
        return hist_bit_get(data, i) == hist_bit_get(v->data, row);
    case HIST_TYPE_INT:
        return ((const uint32_t *)data)[i] == ((const uint32_t *)v->data)[row];
    default:
        return ((const uint64_t *)data)[i] == ((const uint64_t *)v->data)[row];
    }
}

static void fuzz_check_rows(const hi_values *v, uint32_t first, uint32_t rows, const hi_decoded *d,
                            const hi_dict *dict, const hi_room *room)
{
    for (uint32_t i = 0; i < rows; i++) {
        const bool valid = v->valid == NULL || hist_bit_get(v->valid, first + i);

        fz_check(hist_bit_get(room->valid, i) == valid, "another null");
        if (valid && v->type == HIST_TYPE_STRING) {
            fuzz_check_text(v, first + i, d, dict, room, i);
        } else if (valid) {
            fz_check(fuzz_row_same(v, first + i, room->data, i), "another value came back");
        }
    }
}

/* One block by every variant, then by its last vector. */
static void fuzz_block_back(const hi_values *v, uint32_t first, uint32_t rows,
                            const hi_page_shared *shared, uint8_t *source, size_t size)
{
    static uint64_t valid[HI_BLOCK_ROWS_MAX / 64];
    static uint64_t data[HI_BLOCK_ROWS_MAX + HI_CODEC_PAD / 8];
    static int32_t offsets[HI_BLOCK_ROWS_MAX + 1];
    static char bytes[FUZZ_TEXT];
    const uint32_t unused = HI_BLOCK_ROWS_MAX - hi_vectors_of(rows) * HI_VECTOR_ROWS;
    const hi_room room = {valid + unused / 64, data + unused, offsets + unused, bytes,
                          sizeof(bytes)};
    const fz_variants *here = fz_variants_here();
    hi_decoded d;

    for (uint32_t i = 0; i < here->count; i++) {
        fz_pad(source, size, i);
        fz_check(hi_block_decode_with(here->kern[i], v->type, source, size, rows, shared, &room,
                                      &d) == HIST_OK,
                 "what was encoded does not decode");
        fuzz_check_rows(v, first, rows, &d, &shared->dict, &room);
    }
    if (v->type != HIST_TYPE_BOOL && v->type != HIST_TYPE_STRING) {
        const uint32_t last = (rows - 1) / HI_VECTOR_ROWS;
        const uint32_t skip = last * HI_VECTOR_ROWS;

        fz_check(hi_block_decode_vectors(v->type, source, size, rows, shared, last, 1, &room, &d) ==
                     HIST_OK,
                 "the last vector does not decode");
        fuzz_check_rows(v, first + skip, rows - skip, &d, &shared->dict, &room);
    }
}

static void fuzz_page_back(const hi_values *v, const fuzz_cut *cut, const fuzz_page *page)
{
    const uint8_t *bytes = (const uint8_t *)page->out.data;
    const uint64_t used = fuzz_mem.used;
    hi_page_shared shared;
    uint32_t first = 0;

    uint8_t *section = fz_source(bytes, page->shared_size);
    fz_check(hi_page_shared_open(&fuzz_mem, v->type, section, page->shared_size, FUZZ_TEXT,
                                 &shared) == HIST_OK,
             "what is shared does not open");
    free(section);
    for (uint32_t b = 0; b < cut->count; b++) {
        const hi_block_info *info = &page->blocks[b];
        uint8_t *source = fz_source(bytes + info->offset, info->size);

        fuzz_block_back(v, first, info->rows, &shared, source, info->size);
        free(source);
        first += info->rows;
    }
    hi_page_shared_free(&fuzz_mem, &shared);
    fz_check(fuzz_mem.used == used, "memory was not given back");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const fz_variants *here = fz_variants_here();
    hi_reader r = hi_reader_of(data, size);

    if (size < FUZZ_HEAD) {
        return 0;
    }
    const uint8_t flags = hi_read_u8(&r);
    const uint8_t few = hi_read_u8(&r);
    const uint32_t rows = fuzz_rows(few, hi_read_u8(&r));
    const uint8_t ways = hi_read_u8(&r);
    const hi_profile profile = flags / FV_TYPES % 2 != 0 ? HI_PROFILE_COLD : HI_PROFILE_WARM;
    const fuzz_cut cut = fuzz_cut_of(rows, 1 + ways % FUZZ_BLOCKS);
    const hi_values values = fv_make(fuzz_types[flags % FV_TYPES], rows, &r);

    /* Two variants at a time: the encoders so see different pasts. */
    const uint32_t one = ways / FUZZ_BLOCKS % here->count;
    const uint32_t other = (one + 1) % here->count;
    const fuzz_page *page = fuzz_encode(&values, profile, &cut, one);
    if (other != one) {
        const fuzz_page *same = fuzz_encode(&values, profile, &cut, other);

        fz_check(page->out.size == same->out.size && page->shared_size == same->shared_size &&
                     memcmp(page->out.data, same->out.data, page->out.size) == 0,
                 "variants make other bytes");
        fuzz_check_stats(&values, &cut, page, other);
    }
    fuzz_page_back(&values, &cut, page);
    return 0;
}
