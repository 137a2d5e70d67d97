/* part_page.c -- details of a page to bytes and back: sizes, encodings, statistics, tiny blocks. */
#include "store/part_page.h"

#include <assert.h>

#include "store/part_stats.h"

enum { PAGE_ENCODING_BITS = 5, PAGE_TINY_BITS = 6 };

/* Bytes in the file. */
static uint64_t page_disk(uint32_t size)
{
    return hi_part_is_tiny(size) ? 0 : (uint64_t)size + HI_PART_HASH_SIZE;
}

/* ---- sizes: of all blocks but the last, whose size is what is left of the page ---- */

static uint64_t page_put_sizes(hi_line_writer *w, const hi_dir_page *page, bool plain)
{
    const uint32_t n = page->rows->block_count;
    const uint64_t shared = page->shared_size;
    uint64_t disk = page_disk(page->shared_size);
    uint64_t sizes[HI_PART_BLOCKS_MAX];
    uint64_t least = UINT64_MAX;

    for (uint32_t i = 0; i < n; i++) {
        sizes[i] = page->blocks[i].size;
        disk += page_disk(page->blocks[i].size);
        least = i + 1 < n && sizes[i] < least ? sizes[i] : least;
    }
    for (uint32_t i = 0; i + 1 < n; i++) {
        sizes[i] -= least;
    }
    hi_line_put(w, &shared, plain ? 0 : 1);
    hi_line_put(w, &least, n > 1 ? 1 : 0);
    hi_line_put(w, sizes, n - 1);
    if (hi_part_is_tiny(page->blocks[n - 1].size)) {
        hi_line_bits(w, sizes[n - 1], PAGE_TINY_BITS);
    }
    return disk;
}

/* Sizes and places in the file. false: they are not those of so many bytes. */
static bool page_get_sizes(hi_bit_reader *r, const hi_part_dir *dir, const hi_part_page *page,
                           bool plain, hi_part_block *shared, hi_part_block *blocks)
{
    const uint32_t n = dir->block_count;
    uint64_t sizes[HI_PART_BLOCKS_MAX + 1] = {0}; /* The shared section's first. */
    uint64_t least = 0;
    uint64_t left = page->disk;

    hi_line_get(r, sizes, plain ? 0 : 1);
    hi_line_get(r, &least, n > 1 ? 1 : 0);
    hi_line_get(r, sizes + 1, n - 1);
    for (uint32_t i = 0; i < n; i++) {
        sizes[i] += i == 0 ? 0 : least;
        if (sizes[i] > UINT32_MAX || page_disk((uint32_t)sizes[i]) > left) {
            return false;
        }
        left -= page_disk((uint32_t)sizes[i]);
    }
    sizes[n] = left == 0 ? hi_get_bits(r, PAGE_TINY_BITS) : left - HI_PART_HASH_SIZE;
    if (sizes[n] > UINT32_MAX || page_disk((uint32_t)sizes[n]) != left) {
        return false;
    }
    uint64_t at = page->offset;
    for (uint32_t i = 0; i <= n; i++) {
        hi_part_block *b = i == 0 ? shared : &blocks[i - 1];

        *b = (hi_part_block){.size = (uint32_t)sizes[i], .offset = at};
        at += page_disk(b->size);
    }
    return true;
}

/* ---- encodings: the first, and where others differ ---- */

static void page_put_encodings(hi_line_writer *w, const hi_dir_page *page)
{
    const uint32_t n = page->rows->block_count;
    uint64_t other[HI_PART_BLOCKS_MAX];

    for (uint32_t i = 0; i < n; i++) {
        assert(page->blocks[i].encoding < 1 << PAGE_ENCODING_BITS);
        other[i] = page->blocks[i].encoding ^ page->blocks[0].encoding;
    }
    hi_line_bits(w, page->blocks[0].encoding, PAGE_ENCODING_BITS);
    hi_line_put(w, other + 1, n - 1);
}

static void page_get_encodings(hi_bit_reader *r, hi_part_block *blocks, uint32_t n)
{
    uint64_t other[HI_PART_BLOCKS_MAX] = {0};
    const uint64_t first = hi_get_bits(r, PAGE_ENCODING_BITS);

    hi_line_get(r, other + 1, n - 1);
    for (uint32_t i = 0; i < n; i++) {
        blocks[i].encoding = (uint8_t)(first ^ other[i]);
    }
}

/* ---- all of it ---- */

static void page_put_tiny(hi_buf *to, const hi_dir_page *page)
{
    if (hi_part_is_tiny(page->shared_size)) {
        hi_buf_append(to, page->bytes, page->shared_size);
    }
    for (uint32_t i = 0; i < page->rows->block_count; i++) {
        const hi_part_block *b = &page->blocks[i];

        if (hi_part_is_tiny(b->size)) {
            hi_buf_append(to, page->bytes + b->at, b->size);
        }
    }
}

/* Nothing shared, no nulls, no NaNs. */
static bool page_is_plain(const hi_dir_page *page)
{
    bool plain = page->shared_size == 0;

    for (uint32_t i = 0; i < page->rows->block_count; i++) {
        const hi_block_stats *s = &page->blocks[i].stats;

        plain = plain && s->nulls == 0 && s->nans == 0;
    }
    return plain;
}

uint64_t hi_page_details_put(hi_buf *to, const hi_dir_page *page)
{
    uint32_t block_first[HI_PART_BLOCKS_MAX + 1] = {0};
    const hi_dir_rows *rows = page->rows;
    const bool plain = page_is_plain(page);
    const hi_stats_page stats = {.type = page->type,
                                 .times = page->column == HI_COLUMN_TIME,
                                 .plain = plain,
                                 .base_ns = rows->partition_ns,
                                 .runs = rows->runs,
                                 .run_count = rows->run_count,
                                 .block_first = block_first,
                                 .block_count = rows->block_count,
                                 .blocks = page->blocks};
    hi_line_writer w = hi_lines_begin(to);

    assert(rows->block_count >= 1 && rows->block_count <= HI_PART_BLOCKS_MAX);
    for (uint32_t i = 0; i < rows->block_count; i++) {
        block_first[i + 1] = block_first[i] + rows->block_rows[i];
    }
    hi_line_bits(&w, plain, 1);
    const uint64_t disk = page_put_sizes(&w, page, plain);
    page_put_encodings(&w, page);
    hi_stats_put(&stats, &w);
    page_put_tiny(to, page);
    return disk;
}

/* Where tiny ones lie; false: they are not all there, or more is. */
static bool page_get_tiny(hi_reader *r, const hi_part_dir *dir, hi_part_block *shared,
                          hi_part_block *blocks)
{
    for (uint32_t i = 0; i <= dir->block_count; i++) {
        hi_part_block *b = i == 0 ? shared : &blocks[i - 1];

        if (hi_part_is_tiny(b->size)) {
            const uint8_t *bytes = hi_read_bytes(r, b->size);

            b->offset = dir->dir_offset;
            b->at = bytes == NULL ? 0 : (size_t)(bytes - dir->bytes);
        }
    }
    return !r->failed && hi_reader_left(r) == 0;
}

hist_status hi_part_dir_blocks(const hi_part_dir *dir, const hi_part_page *page,
                               hi_part_block *shared_out, hi_part_block *blocks)
{
    hi_reader r = hi_reader_of(dir->bytes + page->at, page->size);
    hi_bit_reader bits = hi_bits_begin(&r);
    const bool plain = hi_get_bits(&bits, 1) != 0;
    const hi_stats_page stats = {.type = (hist_type)page->type,
                                 .times = page->column == 0,
                                 .plain = plain,
                                 .base_ns = dir->partition_ns,
                                 .runs = dir->runs,
                                 .run_count = dir->run_count,
                                 .block_first = dir->block_first,
                                 .block_count = dir->block_count,
                                 .blocks = blocks};

    if (!page_get_sizes(&bits, dir, page, plain, shared_out, blocks)) {
        return HIST_ECORRUPT;
    }
    page_get_encodings(&bits, blocks, dir->block_count);
    if (!hi_stats_get(&stats, &bits)) {
        return HIST_ECORRUPT;
    }
    hi_bits_end(&r, &bits);
    return page_get_tiny(&r, dir, shared_out, blocks) ? HIST_OK : HIST_ECORRUPT;
}

const uint8_t *hi_part_dir_tiny(const hi_part_dir *dir, const hi_part_block *block)
{
    return hi_part_is_tiny(block->size) ? dir->bytes + block->at : NULL;
}
