/*
 * part_frag.c -- a row group of a part as a fragment; see frag.h.
 *
 * Belongs to one thread. The directory comes at the first call; a column gets a
 * part_column at its first use. A column keeps the encoded bytes of one block
 * and what was decoded of it: all of it, or, where a caller wants few rows of
 * numbers, just some vectors. Whoever goes on asking for pieces of one block
 * gets it decoded whole the fourth time.
 */
#include <assert.h>
#include <string.h>

#include "codec/fold.h"
#include "store/part_read.h"

enum { FRAG_PARTS_MAX = 3 };

#define FRAG_NO_BLOCK UINT32_MAX

/* One column in use. */
typedef struct frag_column {
    const hi_part_page *page;
    hist_type type;
    hi_part_block shared_bytes; /* Size 0: nothing is shared. */
    hi_part_block *blocks;      /* dir->block_count of them. */
    bool shared_open;
    hi_page_shared shared;
    /* The block at hand. */
    uint32_t block;       /* FRAG_NO_BLOCK: none. */
    const uint8_t *bytes; /* Of it, checksum verified: in `encoded` or in the directory. */
    uint8_t *encoded;
    size_t encoded_capacity;
    uint32_t parts; /* How often only some vectors were decoded. */
    uint32_t first; /* Decoded: rows [first, end) of the block. */
    uint32_t end;
    hi_decoded decoded;
    hi_room room; /* valid, data and offsets are one allocation. */
    size_t room_size;
    size_t text_capacity;
} frag_column;

typedef struct part_frag {
    hi_frag base;
    hi_part *part;
    hi_mem *mem;
    uint32_t group;
    hi_part_dir *dir;      /* NULL until the first call. */
    frag_column **columns; /* dir->page_count of them, NULL until used. */
} part_frag;

/* ---- columns ---- */

static hist_status frag_load(part_frag *f, hist_error *err)
{
    if (f->dir == NULL) {
        HI_TRY(hi_part_dir_get(f->part, f->group, &f->dir, err));
    }
    if (f->columns == NULL) {
        f->columns = hi_mem_calloc(f->mem, f->dir->page_count, sizeof(frag_column *));
    }
    return f->columns == NULL ? hi_no_memory(err, "fragment of a part") : HIST_OK;
}

static void frag_drop_room(part_frag *f, frag_column *c)
{
    hi_mem_free(f->mem, c->room.valid, c->room_size);
    hi_mem_free(f->mem, c->room.bytes, c->text_capacity);
    hi_mem_free(f->mem, c->encoded, c->encoded_capacity);
    c->room = (hi_room){0};
    c->room_size = 0;
    c->text_capacity = 0;
    c->encoded = NULL;
    c->encoded_capacity = 0;
    c->block = FRAG_NO_BLOCK;
}

static void frag_free_column(part_frag *f, uint32_t page)
{
    frag_column *c = f->columns[page];

    if (c != NULL) {
        frag_drop_room(f, c);
        if (c->shared_open) {
            hi_page_shared_free(f->mem, &c->shared);
        }
        hi_mem_free(f->mem, c->blocks, f->dir->block_count * sizeof(hi_part_block));
        HI_MEM_DELETE(f->mem, c);
        f->columns[page] = NULL;
    }
}

static hist_status frag_new_column(part_frag *f, const hi_part_page *page, frag_column **out,
                                   hist_error *err)
{
    frag_column *c = HI_MEM_NEW(f->mem, frag_column);
    const size_t size = f->dir->block_count * sizeof(hi_part_block);

    if (c == NULL) {
        return hi_no_memory(err, "column of a part");
    }
    c->blocks = hi_mem_alloc(f->mem, size);
    if (c->blocks == NULL) {
        HI_MEM_DELETE(f->mem, c);
        return hi_no_memory(err, "column of a part");
    }
    c->page = page;
    c->type = (hist_type)page->type;
    c->block = FRAG_NO_BLOCK;
    bool good = hi_part_dir_blocks(f->dir, page, &c->shared_bytes, c->blocks) == HIST_OK;
    for (uint32_t i = 0; good && page->column == 0 && i < f->dir->block_count; i++) {
        good = c->blocks[i].stats.nulls == 0; /* Every row has a time. */
    }
    if (!good) {
        hi_mem_free(f->mem, c->blocks, size);
        HI_MEM_DELETE(f->mem, c);
        return hi_corrupt(err, f->part->path, (int64_t)f->part->footer.groups[f->group].dir_offset,
                          "the directory of a row group makes no sense about column %u",
                          page->column);
    }
    *out = c;
    return HIST_OK;
}

/* NULL in *out: the group has no value of it. */
static hist_status frag_find_column(part_frag *f, uint32_t column, frag_column **out,
                                    hist_error *err)
{
    *out = NULL;
    HI_TRY(frag_load(f, err));
    const hi_part_page *page = hi_part_dir_page(f->dir, column);
    if (page == NULL) {
        return HIST_OK;
    }
    const size_t i = (size_t)(page - f->dir->pages);
    if (f->columns[i] == NULL) {
        HI_TRY(frag_new_column(f, page, &f->columns[i], err));
    }
    *out = f->columns[i];
    return HIST_OK;
}

/* ---- reading and decoding ---- */

static hist_status frag_damage(const part_frag *f, const frag_column *c, uint64_t offset,
                               hist_status status, hist_error *err)
{
    if (status == HIST_ENOMEM) {
        return hi_no_memory(err, "decoding a column of a part");
    }
    return hi_corrupt(err, f->part->path, (int64_t)offset,
                      "column %u: the bytes have the right checksum but cannot be decoded, or "
                      "not to what the directory says",
                      c->page->column);
}

/* The shared section out of the file, or out of the directory when it is tiny. */
static hist_status frag_read_shared(part_frag *f, frag_column *c, uint8_t *data, hist_error *err)
{
    const hi_part_block *b = &c->shared_bytes;
    const uint8_t *tiny = hi_part_dir_tiny(f->dir, b);

    memset(data + b->size, 0, HI_PART_HASH_SIZE + HI_CODEC_PAD);
    if (tiny != NULL) {
        memcpy(data, tiny, b->size);
        return HIST_OK;
    }
    return hi_part_read_section(f->part, b->offset, data, b->size, "a dictionary", err);
}

static hist_status frag_open_shared(part_frag *f, frag_column *c, hist_error *err)
{
    const size_t size = (size_t)c->shared_bytes.size + HI_PART_HASH_SIZE + HI_CODEC_PAD;

    if (c->shared_open) {
        return HIST_OK;
    }
    if (c->shared_bytes.size == 0) {
        c->shared = (hi_page_shared){.number_count = 0};
        c->shared_open = true;
        return HIST_OK;
    }
    uint8_t *data = hi_mem_alloc(f->mem, size);
    if (data == NULL) {
        return hi_no_memory(err, "dictionary of a column");
    }
    hist_status status = frag_read_shared(f, c, data, err);
    if (status == HIST_OK) {
        status = hi_page_shared_open(f->mem, c->type, data, c->shared_bytes.size,
                                     HI_PART_COLUMN_BYTES_MAX, &c->shared);
        c->shared_open = status == HIST_OK;
        if (status != HIST_OK) {
            status = frag_damage(f, c, c->shared_bytes.offset, status, err);
        }
    }
    hi_mem_free(f->mem, data, size);
    return status;
}

/* Rows of the largest block, to whole vectors: young parts are small, and a scan may see many. */
static size_t frag_room_rows(const hi_part_dir *dir)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < dir->block_count; i++) {
        const uint32_t rows = dir->block_first[i + 1] - dir->block_first[i];

        most = rows > most ? rows : most;
    }
    return (size_t)(most + HI_VECTOR_ROWS - 1) / HI_VECTOR_ROWS * HI_VECTOR_ROWS;
}

static hist_status frag_make_room(part_frag *f, frag_column *c, hist_error *err)
{
    if (c->room.valid == NULL) {
        const size_t rows = frag_room_rows(f->dir);
        const size_t valid = rows / 8 + HI_CODEC_PAD;
        const size_t data = 8 * rows + HI_CODEC_PAD;
        const size_t offsets = c->type == HIST_TYPE_STRING ? (rows + 1) * 4 + HI_CODEC_PAD : 0;
        char *room = hi_mem_alloc(f->mem, valid + data + offsets);

        if (room == NULL) {
            return hi_no_memory(err, "decoding a column of a part");
        }
        c->room_size = valid + data + offsets;
        c->room.valid = (uint64_t *)(void *)room;
        c->room.data = room + valid;
        c->room.offsets = offsets == 0 ? NULL : (int32_t *)(void *)(room + valid + data);
    }
    return HIST_OK;
}

/* The bytes of a block out of the file, checksum verified. */
static hist_status frag_read_block(part_frag *f, frag_column *c, const hi_part_block *b,
                                   hist_error *err)
{
    const size_t need = (size_t)b->size + HI_PART_HASH_SIZE + HI_CODEC_PAD;

    if (need > c->encoded_capacity) {
        hi_mem_free(f->mem, c->encoded, c->encoded_capacity);
        c->encoded_capacity = 0;
        c->encoded = hi_mem_alloc(f->mem, need);
        if (c->encoded == NULL) {
            return hi_no_memory(err, "reading a block of a part");
        }
        c->encoded_capacity = need;
    }
    HI_TRY(hi_part_read_section(f->part, b->offset, c->encoded, b->size, "a block", err));
    memset(c->encoded + b->size + HI_PART_HASH_SIZE, 0, HI_CODEC_PAD);
    c->bytes = c->encoded;
    return HIST_OK;
}

/* Makes block number `block` the one at hand: its bytes are there and verified, nothing is decoded. */
static hist_status frag_fetch(part_frag *f, frag_column *c, uint32_t block, hist_error *err)
{
    c->block = FRAG_NO_BLOCK;
    c->bytes = hi_part_dir_tiny(f->dir, &c->blocks[block]);
    if (c->bytes == NULL) {
        HI_TRY(frag_read_block(f, c, &c->blocks[block], err));
    }
    if (f->base.blocks_read != NULL) {
        ++*f->base.blocks_read;
    }
    c->block = block;
    c->parts = 0;
    c->first = 0;
    c->end = 0;
    return HIST_OK;
}

static hist_status frag_make_text_room(part_frag *f, frag_column *c, uint32_t rows, hist_error *err)
{
    const hi_part_block *b = &c->blocks[c->block];
    size_t size = 0;
    const hist_status status = hi_block_text_size(c->bytes, b->size, rows, &size);

    if (status != HIST_OK || size > HI_PART_COLUMN_BYTES_MAX) {
        return frag_damage(f, c, b->offset, HIST_ECORRUPT, err);
    }
    const size_t need = size + HI_CODEC_PAD;
    if (need > c->text_capacity) {
        hi_mem_free(f->mem, c->room.bytes, c->text_capacity);
        c->text_capacity = 0;
        c->room.bytes = hi_mem_alloc(f->mem, need);
        if (c->room.bytes == NULL) {
            return hi_no_memory(err, "decoding a column of text");
        }
        c->text_capacity = need;
    }
    c->room.bytes_size = size;
    return HIST_OK;
}

static hist_status frag_decode_all(part_frag *f, frag_column *c, uint32_t rows, hist_error *err)
{
    const hi_part_block *b = &c->blocks[c->block];

    if (c->type == HIST_TYPE_STRING) {
        HI_TRY(frag_make_text_room(f, c, rows, err));
    }
    const hist_status status =
        hi_block_decode(c->type, c->bytes, b->size, rows, &c->shared, &c->room, &c->decoded);
    if (status != HIST_OK || c->decoded.nulls != b->stats.nulls) {
        c->end = 0;
        return frag_damage(f, c, b->offset, status, err);
    }
    c->first = 0;
    c->end = rows;
    return HIST_OK;
}

/* Decodes at least rows [row, row + 1) and at most what is needed up to row + wanted. */
static hist_status frag_decode(part_frag *f, frag_column *c, uint32_t row, uint32_t wanted,
                               hist_error *err)
{
    const uint32_t rows = f->dir->block_first[c->block + 1] - f->dir->block_first[c->block];
    const uint32_t first = row / HI_VECTOR_ROWS;
    const uint32_t last = (row + wanted - 1) / HI_VECTOR_ROWS;
    const uint32_t vectors = last - first + 1;

    HI_TRY(frag_make_room(f, c, err));
    if (c->type == HIST_TYPE_STRING || c->type == HIST_TYPE_BOOL || c->parts >= FRAG_PARTS_MAX ||
        vectors * 2 * HI_VECTOR_ROWS > rows) {
        return frag_decode_all(f, c, rows, err);
    }
    const hi_part_block *b = &c->blocks[c->block];
    const hist_status status = hi_block_decode_vectors(c->type, c->bytes, b->size, rows, &c->shared,
                                                       first, vectors, &c->room, &c->decoded);
    if (status != HIST_OK || c->decoded.nulls > b->stats.nulls) {
        c->end = 0;
        return frag_damage(f, c, b->offset, status, err);
    }
    c->parts++;
    c->first = first * HI_VECTOR_ROWS;
    c->end = (last + 1) * HI_VECTOR_ROWS < rows ? (last + 1) * HI_VECTOR_ROWS : rows;
    return HIST_OK;
}

/* The block of row `row` of the group is at hand after this. */
static hist_status frag_take_block(part_frag *f, frag_column *c, uint32_t row, hist_error *err)
{
    const uint32_t *first = f->dir->block_first;

    if (c->block != FRAG_NO_BLOCK && row >= first[c->block] && row < first[c->block + 1]) {
        return HIST_OK;
    }
    HI_TRY(frag_open_shared(f, c, err));
    return frag_fetch(f, c, hi_part_dir_block_of(f->dir, row), err);
}

/* Row `row` of the group is decoded after this; *in_block_out is its place in the block. */
static hist_status frag_reach(part_frag *f, frag_column *c, uint32_t row, uint32_t wanted,
                              uint32_t *in_block_out, hist_error *err)
{
    const uint32_t *first = f->dir->block_first;

    HI_TRY(frag_take_block(f, c, row, err));
    const uint32_t at = row - first[c->block];
    const uint32_t left = first[c->block + 1] - row;
    *in_block_out = at;
    if (at >= c->first && at < c->end) {
        return HIST_OK;
    }
    return frag_decode(f, c, at, wanted < left ? wanted : left, err);
}

static void frag_show(const frag_column *c, uint32_t at, uint32_t rows_max, hi_view *view)
{
    const uint32_t skip = at - c->first;
    const uint32_t left = c->end - at;

    *view = (hi_view){.rows = rows_max < left ? rows_max : left};
    if (c->decoded.nulls > 0) {
        view->valid = c->room.valid;
        view->valid_bit = skip;
        view->all_null = c->decoded.nulls == c->end - c->first;
    }
    if (c->type == HIST_TYPE_BOOL) {
        view->data = c->room.data;
        view->data_bit = skip;
    } else if (c->type != HIST_TYPE_STRING) {
        view->data = (const int64_t *)c->room.data + skip;
    } else if (c->decoded.codes) {
        view->data = (const int32_t *)c->room.data + skip;
        view->dict = &c->shared.dict;
    } else {
        view->offsets = c->room.offsets + skip;
        view->bytes = c->room.bytes;
    }
    if (view->all_null) {
        *view = (hi_view){.rows = view->rows, .all_null = true};
    }
}

/* ---- the operations ---- */

static hist_status frag_runs(hi_frag *frag, const hi_run **runs_out, uint32_t *count_out,
                             hist_error *err)
{
    part_frag *f = (part_frag *)frag;

    HI_TRY(frag_load(f, err));
    *runs_out = f->dir->runs;
    *count_out = f->dir->run_count;
    return HIST_OK;
}

/* Whoever asks has called runs() before, and an error came out there. Else a type that no column
   has: 0 would be taken for null. */
static hist_type frag_type(hi_frag *frag, uint32_t column)
{
    part_frag *f = (part_frag *)frag;

    if (frag_load(f, NULL) != HIST_OK) {
        return HIST_TYPE_DYNAMIC;
    }
    const hi_part_page *page = hi_part_dir_page(f->dir, column);
    return page == NULL ? (hist_type)0 : (hist_type)page->type;
}

static hist_status frag_view(hi_frag *frag, uint32_t column, uint32_t row, uint32_t rows_max,
                             hi_view *view_out, hist_error *err)
{
    part_frag *f = (part_frag *)frag;
    frag_column *c = NULL;
    uint32_t at = 0;

    assert(rows_max > 0 && row < frag->rows);
    HI_TRY(frag_find_column(f, column, &c, err));
    if (c == NULL) {
        *view_out = (hi_view){.all_null = true};
        view_out->rows = rows_max < frag->rows - row ? rows_max : frag->rows - row;
        return HIST_OK;
    }
    HI_TRY(frag_reach(f, c, row, rows_max, &at, err));
    frag_show(c, at, rows_max, view_out);
    return HIST_OK;
}

static bool frag_out_of_range(const frag_column *c, const hi_block_stats *s, uint32_t rows,
                              const hi_range *range)
{
    if (s->nulls + s->nans >= rows) {
        return true;
    }
    if (c->type == HIST_TYPE_STRING || c->type != range->type) {
        return false;
    }
    if (c->type == HIST_TYPE_REAL) {
        return hi_double_of(s->max) < range->min_real || hi_double_of(s->min) > range->max_real;
    }
    return (int64_t)s->max < range->min_int || (int64_t)s->min > range->max_int;
}

static uint32_t frag_skippable(hi_frag *frag, uint32_t row, const hi_range *range)
{
    part_frag *f = (part_frag *)frag;
    frag_column *c = NULL;
    uint32_t end = row;

    if (frag_find_column(f, range->column, &c, NULL) != HIST_OK) {
        return 0; /* Reading the column will say what is wrong. */
    }
    if (c == NULL) {
        return frag->rows - row;
    }
    for (uint32_t b = hi_part_dir_block_of(f->dir, row); b < f->dir->block_count; b++) {
        const uint32_t *first = &f->dir->block_first[b];

        if (!frag_out_of_range(c, &c->blocks[b].stats, first[1] - first[0], range)) {
            break;
        }
        end = first[1];
    }
    return end - row;
}

static uint32_t frag_stats(hi_frag *frag, uint32_t column, uint32_t row, hi_block_stats *stats_out)
{
    part_frag *f = (part_frag *)frag;
    frag_column *c = NULL;

    if (frag_find_column(f, column, &c, NULL) != HIST_OK) {
        return 0;
    }
    const uint32_t b = hi_part_dir_block_of(f->dir, row);
    const uint32_t *first = &f->dir->block_first[b];
    if (first[0] != row) {
        return 0;
    }
    *stats_out = (hi_block_stats){.nulls = first[1] - first[0]};
    if (c != NULL) {
        *stats_out = c->blocks[b].stats;
    }
    return first[1] - first[0];
}

static uint32_t frag_block_left(hi_frag *frag, uint32_t row)
{
    part_frag *f = (part_frag *)frag;

    if (frag_load(f, NULL) != HIST_OK) {
        return frag->rows - row;
    }
    return f->dir->block_first[hi_part_dir_block_of(f->dir, row) + 1] - row;
}

static uint32_t frag_block_first(hi_frag *frag, uint32_t row)
{
    part_frag *f = (part_frag *)frag;

    return frag_load(f, NULL) != HIST_OK ? row
                                         : f->dir->block_first[hi_part_dir_block_of(f->dir, row)];
}

static hist_status frag_fold(hi_frag *frag, uint32_t column, uint32_t row, uint32_t rows,
                             bool extremes, hi_block_stats *stats_out, bool *done_out,
                             hist_error *err)
{
    part_frag *f = (part_frag *)frag;
    frag_column *c = NULL;
    hi_fold fold;

    HI_TRY(frag_find_column(f, column, &c, err));
    *done_out = true;
    *stats_out = (hi_block_stats){.nulls = rows};
    if (c == NULL) {
        return HIST_OK;
    }
    HI_TRY(frag_take_block(f, c, row, err));
    const hi_part_block *b = &c->blocks[c->block];
    const uint32_t *first = &f->dir->block_first[c->block];
    const hi_block_bytes bytes = {.type = c->type,
                                  .src = c->bytes,
                                  .size = b->size,
                                  .rows = first[1] - first[0],
                                  .shared = &c->shared};
    if (rows < bytes.rows - rows && hi_block_folds_whole(&bytes)) {
        *done_out = false;
        return HIST_OK;
    }
    const hist_status status = extremes ? hi_block_fold(&bytes, row - first[0], rows, &fold)
                                        : hi_block_sum(&bytes, row - first[0], rows, &fold);
    const uint32_t nulls = status == HIST_OK ? rows - fold.count : 0;
    if (status != HIST_OK || nulls > b->stats.nulls || fold.nans > b->stats.nans ||
        (rows == bytes.rows && nulls < b->stats.nulls)) {
        return frag_damage(f, c, b->offset, status, err);
    }
    *stats_out = (hi_block_stats){.nulls = nulls,
                                  .nans = fold.nans,
                                  .min = fold.min,
                                  .max = fold.max,
                                  .sum_lo = fold.sum_lo,
                                  .sum_hi = fold.sum_hi};
    return HIST_OK;
}

/* The block of [row, end) where times reach ns: blocks inside one series ascend in time. */
static uint32_t frag_find_block(const part_frag *f, const frag_column *c, uint32_t row,
                                uint32_t end, int64_t ns)
{
    uint32_t low = hi_part_dir_block_of(f->dir, row);
    uint32_t high = hi_part_dir_block_of(f->dir, end - 1);

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        /* The last row of `middle` is one of ours, as a later block has one too. */
        if ((int64_t)c->blocks[middle].stats.last < ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static hist_status frag_find(hi_frag *frag, uint32_t row, uint32_t end, int64_t ns,
                             uint32_t *row_out, hist_error *err)
{
    part_frag *f = (part_frag *)frag;
    frag_column *c = NULL;

    *row_out = row;
    if (row >= end) {
        return HIST_OK;
    }
    HI_TRY(frag_find_column(f, HI_COLUMN_TIME, &c, err));
    assert(c != NULL);
    const uint32_t block = frag_find_block(f, c, row, end, ns);
    row = row > f->dir->block_first[block] ? row : f->dir->block_first[block];
    end = end < f->dir->block_first[block + 1] ? end : f->dir->block_first[block + 1];
    while (row < end) {
        const uint32_t middle = row + (end - row) / 2;
        uint32_t at = 0;

        HI_TRY(frag_reach(f, c, middle, 1, &at, err));
        if (((const int64_t *)c->room.data)[at - c->first] < ns) {
            row = middle + 1;
        } else {
            end = middle;
        }
    }
    *row_out = row;
    return HIST_OK;
}

/* The directory goes too: a merge is through with one row group after the other. */
static void frag_release_all(part_frag *f)
{
    for (uint32_t i = 0; f->columns != NULL && i < f->dir->page_count; i++) {
        frag_free_column(f, i);
    }
    if (f->columns != NULL) {
        hi_mem_free(f->mem, f->columns, f->dir->page_count * sizeof(frag_column *));
        f->columns = NULL;
    }
    hi_part_dir_put(f->part, f->dir);
    f->dir = NULL;
}

static void frag_release(hi_frag *frag, uint32_t column)
{
    part_frag *f = (part_frag *)frag;

    if (column == 0) {
        frag_release_all(f);
        return;
    }
    if (f->columns == NULL) {
        return;
    }
    const hi_part_page *page = hi_part_dir_page(f->dir, column);
    if (page != NULL) {
        frag_free_column(f, (uint32_t)(page - f->dir->pages));
    }
}

static void frag_close(hi_frag *frag)
{
    part_frag *f = (part_frag *)frag;

    frag_release_all(f);
    if (f->part != NULL) {
        hi_part_leave(f->part);
        f->part = NULL;
    }
}

static const hi_frag_ops frag_ops = {
    .runs = frag_runs,
    .column = frag_type,
    .view = frag_view,
    .skippable = frag_skippable,
    .stats = frag_stats,
    .close = frag_close,
    .find = frag_find,
    .block_left = frag_block_left,
    .block_first = frag_block_first,
    .fold = frag_fold,
    .release = frag_release,
};

hist_status hi_part_frag_new(hi_part *part, uint32_t group, hi_arena *arena, hi_mem *mem,
                             hi_frag **frag_out, hist_error *err)
{
    const hi_part_group *g = &part->footer.groups[group];
    part_frag *f = HI_NEW(arena, part_frag);

    if (f == NULL) {
        return hi_no_memory(err, "fragment of a part");
    }
    f->base = (hi_frag){.ops = &frag_ops,
                        .table = g->table,
                        .rows = g->rows,
                        .partition_ns = g->partition_ns,
                        .width_ns = g->width_ns,
                        .first_ns = g->first_ns,
                        .last_ns = g->last_ns,
                        .first_series = g->first_series,
                        .last_series = g->last_series,
                        .seq_low = part->seq_low,
                        .seq_high = part->seq_high};
    HI_TRY(hi_part_hold(part, err));
    f->part = part;
    f->mem = mem;
    f->group = group;
    *frag_out = &f->base;
    return HIST_OK;
}
