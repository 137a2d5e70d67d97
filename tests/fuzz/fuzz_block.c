/*
 * fuzz_block.c -- hostile blocks of every type, with and without a shared section, itself hostile:
 * an error or rows, the same on every CPU and by vectors as in one piece, whatever lies behind.
 *
 * u8 flags (type + 6 * what is shared), u16 rows, u8 first vector, [varint size, shared section],
 * then the block.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "tests/support/fuzz_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_HEAD = 4, FUZZ_TYPES = 6, FUZZ_NONE = 0, FUZZ_FIXED = 1, FUZZ_GIVEN = 2 };

static const hist_type fuzz_types[FUZZ_TYPES] = {HIST_TYPE_BOOL,     HIST_TYPE_LONG,
                                                 HIST_TYPE_REAL,     HIST_TYPE_STRING,
                                                 HIST_TYPE_DATETIME, HIST_TYPE_INT};

typedef struct fuzz_input {
    hist_type type;
    uint32_t rows;
    uint32_t first; /* Vector. */
    const hi_page_shared *shared;
    uint8_t *source;
    size_t size;
} fuzz_input;

/* What one decoding gave, at the ends of rooms for the largest block: there is no more than the
   block's own whole vectors need. */
typedef struct fuzz_result {
    hist_status status;
    hi_decoded decoded;
    uint64_t *valid;
    uint64_t *data;
    int32_t *offsets;
} fuzz_result;

static fuzz_result fuzz_first;
static fuzz_result fuzz_other;

static size_t fuzz_row_bytes(const fuzz_input *in)
{
    return in->type == HIST_TYPE_INT || in->type == HIST_TYPE_STRING ? 4 : 8;
}

static size_t fuzz_data_bytes(const fuzz_input *in, uint32_t rows)
{
    return in->type == HIST_TYPE_BOOL ? (rows + 63) / 64 * 8 : rows * fuzz_row_bytes(in);
}

/* ---- what holds for every block ---- */

static void fuzz_check_rows(const fuzz_input *in, const fuzz_result *made)
{
    const uint32_t rows = in->rows;
    const uint32_t *codes = (const uint32_t *)made->data;

    fz_check(made->decoded.nulls == rows - hi_valid_count(made->valid, rows), "nulls miscounted");
    fz_check(rows % 64 == 0 || made->valid[rows / 64] >> rows % 64 == 0, "rows beyond the last");
    for (uint32_t i = 0; i < rows; i++) {
        const bool valid = hist_bit_get(made->valid, i);

        if (in->type == HIST_TYPE_BOOL) {
            fz_check(valid || !hist_bit_get(made->data, i), "a null that is true");
        } else if (fuzz_row_bytes(in) == 8) {
            fz_check(valid || made->data[i] == 0, "a null that is not 0");
        } else if (in->type == HIST_TYPE_INT || made->decoded.codes) {
            fz_check(valid || codes[i] == 0, "a null that is not 0");
            fz_check(!made->decoded.codes || codes[i] < in->shared->dict.count,
                     "a code beyond the dictionary");
        }
    }
}

static void fuzz_check_text(const fuzz_input *in, const fuzz_result *made, size_t text)
{
    fz_check(made->offsets[0] == 0, "text that does not begin at its beginning");
    for (uint32_t i = 0; i < in->rows; i++) {
        const int32_t length = made->offsets[i + 1] - made->offsets[i];

        fz_check(length >= 0, "a string of less than no bytes");
        fz_check(length == 0 || hist_bit_get(made->valid, i), "a null with bytes");
    }
    fz_check((size_t)made->offsets[in->rows] == text, "another size of text than foretold");
}

static void fuzz_check_same(const fuzz_input *in, const fuzz_result *a, const fuzz_result *b)
{
    const bool text = in->type == HIST_TYPE_STRING && !a->decoded.codes;

    fz_check(a->status == b->status, "variants disagree on damage");
    if (a->status != HIST_OK) {
        return;
    }
    fz_check(a->decoded.nulls == b->decoded.nulls && a->decoded.codes == b->decoded.codes,
             "variants disagree on what was decoded");
    fz_check(memcmp(a->valid, b->valid, (in->rows + 63) / 64 * sizeof(*a->valid)) == 0,
             "variants disagree on nulls");
    fz_check(text ? memcmp(a->offsets, b->offsets, (in->rows + 1) * sizeof(int32_t)) == 0
                  : memcmp(a->data, b->data, fuzz_data_bytes(in, in->rows)) == 0,
             "variants disagree");
}

/* ---- the decoders ---- */

static void fuzz_rooms_of(const fuzz_input *in, fuzz_result *made)
{
    static uint64_t valid[HI_BLOCK_ROWS_MAX / 64];
    static uint64_t data[HI_BLOCK_ROWS_MAX + HI_CODEC_PAD / 8];
    static int32_t offsets[HI_BLOCK_ROWS_MAX + 1];
    static uint64_t other_valid[HI_BLOCK_ROWS_MAX / 64];
    static uint64_t other_data[HI_BLOCK_ROWS_MAX + HI_CODEC_PAD / 8];
    static int32_t other_offsets[HI_BLOCK_ROWS_MAX + 1];
    const uint32_t unused = HI_BLOCK_ROWS_MAX - hi_vectors_of(in->rows) * HI_VECTOR_ROWS;
    const bool first = made == &fuzz_first;

    made->valid = (first ? valid : other_valid) + unused / 64;
    made->data = (first ? data : other_data) + unused;
    made->offsets = (first ? offsets : other_offsets) + unused;
}

static hi_room fuzz_room(const fuzz_input *in, fuzz_result *made, char *bytes, size_t bytes_size,
                         unsigned turn)
{
    fuzz_rooms_of(in, made);
    fz_paint(made->valid, (in->rows + 63) / 64 * sizeof(*made->valid), turn);
    fz_paint(made->data, fuzz_data_bytes(in, in->rows), turn);
    fz_pad(in->source, in->size, turn);
    return (hi_room){made->valid, made->data, made->offsets, bytes, bytes_size};
}

/* Returns the size of the text that was foretold. */
static size_t fuzz_whole(const fuzz_input *in)
{
    const fz_variants *here = fz_variants_here();
    size_t text = 0;

    if (in->type == HIST_TYPE_STRING) {
        (void)hi_block_text_size(in->source, in->size, in->rows, &text);
    }
    const size_t bytes_size = text < FZ_TEXT_MAX ? text : FZ_TEXT_MAX;
    char *bytes = fz_alloc(bytes_size);
    for (uint32_t i = 0; i < here->count; i++) {
        fuzz_result *made = i == 0 ? &fuzz_first : &fuzz_other;
        const hi_room room = fuzz_room(in, made, bytes, bytes_size, i);

        made->status = hi_block_decode_with(here->kern[i], in->type, in->source, in->size, in->rows,
                                            in->shared, &room, &made->decoded);
        fz_check(made->status == HIST_OK || made->status == HIST_ECORRUPT ||
                     (made->status == HIST_EINVAL && text > FZ_TEXT_MAX),
                 "a status of its own");
        fuzz_check_same(in, &fuzz_first, made);
    }
    free(bytes);
    return text;
}

/* Some vectors; they must be what the whole block gave, where it gave anything. */
static void fuzz_vectors(const fuzz_input *in)
{
    const uint32_t vectors = hi_vectors_of(in->rows);
    const uint32_t first = in->first % vectors;
    const uint32_t count = 1 + in->first / 8 % (vectors - first);
    const uint32_t skip = first * HI_VECTOR_ROWS;
    const uint32_t end = skip + count * HI_VECTOR_ROWS;
    const uint32_t rows = (end < in->rows ? end : in->rows) - skip;
    const hi_room room = fuzz_room(in, &fuzz_other, NULL, 0, 2);

    const hist_status status =
        hi_block_decode_vectors(in->type, in->source, in->size, in->rows, in->shared, first, count,
                                &room, &fuzz_other.decoded);
    if (in->type == HIST_TYPE_BOOL || in->type == HIST_TYPE_STRING) {
        fz_check(status == HIST_EINVAL, "vectors of what has none");
        return;
    }
    fz_check(status == HIST_OK || status == HIST_ECORRUPT, "a status of its own");
    if (fuzz_first.status != HIST_OK) {
        return;
    }
    fz_check(status == HIST_OK, "vectors are damaged, the block is not");
    fz_check(memcmp(fuzz_other.data, (const char *)fuzz_first.data + skip * fuzz_row_bytes(in),
                    fuzz_data_bytes(in, rows)) == 0,
             "vectors are not what the block is");
    fz_check(memcmp(fuzz_other.valid, fuzz_first.valid + skip / 64, (rows + 63) / 64 * 8) == 0,
             "vectors have other nulls than the block");
    fz_check(fuzz_other.decoded.nulls == rows - hi_valid_count(fuzz_other.valid, rows),
             "nulls of vectors miscounted");
}

static void fuzz_block(const fuzz_input *in)
{
    const size_t text = fuzz_whole(in);

    if (fuzz_first.status == HIST_OK) {
        if (in->type == HIST_TYPE_STRING && !fuzz_first.decoded.codes) {
            fuzz_check_text(in, &fuzz_first, text);
        }
        fuzz_check_rows(in, &fuzz_first);
    }
    fuzz_vectors(in);
}

/* ---- what is shared ---- */

static const hi_page_shared *fuzz_fixed(hist_type type)
{
    static const int32_t offsets[] = {0, 1, 3, 3};
    static uint64_t codes[] = {2, 0, 1, 2};
    static hi_page_shared shared;

    shared = fz_shared(type == HIST_TYPE_REAL, NULL);
    if (type == HIST_TYPE_STRING) {
        shared = (hi_page_shared){.dict = {.count = 3, .offsets = offsets, .bytes = "abb"},
                                  .run_count = sizeof(codes) / sizeof(*codes),
                                  .run_values = codes,
                                  .run_starts = shared.run_starts};
    }
    return &shared;
}

/* false: the section is damaged. */
static bool fuzz_given(hi_mem *mem, hist_type type, hi_reader *r, hi_page_shared *shared)
{
    size_t size = 0;
    const uint8_t *section = hi_read_text(r, &size);

    if (section == NULL) {
        return false;
    }
    uint8_t *source = fz_source(section, size);
    const hist_status status = hi_page_shared_open(mem, type, source, size, FZ_TEXT_MAX, shared);
    fz_check(status == HIST_OK || status == HIST_ECORRUPT, "a status of its own");
    free(source);
    return status == HIST_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hi_reader r = hi_reader_of(data, size);
    hi_page_shared given = {.number_count = 0};
    hi_mem mem;

    if (size < FUZZ_HEAD) {
        return 0;
    }
    const uint8_t flags = hi_read_u8(&r);
    fuzz_input in = {.type = fuzz_types[flags % FUZZ_TYPES]};
    in.rows = fz_rows(hi_read_u16(&r));
    in.first = hi_read_u8(&r);
    hi_mem_init(&mem, NULL, NULL, 1 << 20);
    if (flags / FUZZ_TYPES % 3 == FUZZ_FIXED) {
        in.shared = fuzz_fixed(in.type);
    } else if (flags / FUZZ_TYPES % 3 == FUZZ_GIVEN) {
        if (!fuzz_given(&mem, in.type, &r, &given)) {
            return 0;
        }
        in.shared = &given;
    }
    in.size = hi_reader_left(&r);
    in.source = fz_source(data + r.at, in.size);
    fuzz_block(&in);
    free(in.source);
    hi_page_shared_free(&mem, &given);
    fz_check(mem.used == 0, "memory was not given back");
    return 0;
}
