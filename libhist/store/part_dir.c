/* part_dir.c -- header, footer, tail and directories of part files to bytes and back; see part.md. */
#include "store/part_dir.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "store/part_page.h"
#include "store/part_runs.h"
#include "store/part_zstd.h"

static const char dir_magic[8] = {'H', 'I', 'S', 'T', 'P', 'A', 'R', 'T'};
static const char dir_tail_magic[8] = {'H', 'I', 'S', 'T', 'P', 'E', 'N', 'D'};

enum {
    DIR_STORED = 0,
    DIR_ZSTD = 1,
    DIR_GROUP_BYTES_MIN = 18,
    DIR_ENTRY_BYTES_MIN = 4,
    DIR_TYPE_BITS = 4, /* Above it the kind of page. */
};

/* ---- header ---- */

void hi_part_header_put(uint8_t to[HI_PART_HEADER_SIZE], const hi_part_header *header)
{
    memset(to, 0, HI_PART_HEADER_SIZE);
    memcpy(to, dir_magic, sizeof(dir_magic));
    hi_put_u32(to + 8, HI_PART_FORMAT);
    hi_features_put(to + 16, &header->features);
    hi_put_u64(to + 40, header->store);
    hi_put_u64(to + 48, header->part);
    hi_put_u64(to + 56, hi_hash(to, 56, hi_hash_seed(header->store, header->part, 0)));
}

hist_status hi_part_header_check(const uint8_t from[HI_PART_HEADER_SIZE], const char *path,
                                 uint64_t store, uint64_t part, hi_features *features_out,
                                 hist_error *err)
{
    if (memcmp(from, dir_magic, sizeof(dir_magic)) != 0) {
        return hi_corrupt(err, path, 0, "this is not a part file: it does not begin with HISTPART");
    }
    if (hi_get_u64(from + 56) != hi_hash(from, 56, hi_hash_seed(store, part, 0))) {
        return hi_corrupt(err, path, 56,
                          "checksum of the header is wrong, or the file belongs to "
                          "another store or is another part");
    }
    if (hi_get_u32(from + 8) != HI_PART_FORMAT) {
        return hi_fail(err, HIST_EVERSION,
                       "%s: part format %u; this library reads format %d. Use a newer library",
                       path, hi_get_u32(from + 8), HI_PART_FORMAT);
    }
    *features_out = hi_features_get(from + 16);
    HI_TRY(hi_features_check(features_out, path, false, err));
    if (hi_get_u64(from + 40) != store || hi_get_u64(from + 48) != part) {
        return hi_corrupt(err, path, 40, "the header names another store or part");
    }
    return HIST_OK;
}

/* ---- footer and tail ---- */

static uint64_t dir_minus(int64_t a, int64_t b)
{
    return (uint64_t)a - (uint64_t)b;
}

static int64_t dir_plus(int64_t a, uint64_t b)
{
    return (int64_t)((uint64_t)a + b);
}

void hi_part_footer_put(hi_buf *to, const hi_part_footer *footer)
{
    hi_buf_u64(to, footer->features.may_ignore);
    hi_buf_u64(to, footer->features.read_only);
    hi_buf_u64(to, footer->features.refuse);
    hi_buf_u64(to, footer->seq_low);
    hi_buf_u64(to, footer->seq_high);
    hi_buf_varint(to, footer->group_count);
    for (uint32_t i = 0; i < footer->group_count; i++) {
        const hi_part_group *g = &footer->groups[i];

        hi_buf_varint(to, g->table);
        hi_buf_varint(to, g->rows - 1);
        hi_buf_svarint(to, g->partition_ns);
        hi_buf_varint(to, (uint64_t)g->width_ns);
        hi_buf_varint(to, g->first_series);
        hi_buf_varint(to, g->last_series - g->first_series);
        hi_buf_varint(to, hi_zigzag((int64_t)dir_minus(g->first_ns, g->partition_ns)));
        hi_buf_varint(to, dir_minus(g->last_ns, g->first_ns));
        hi_buf_varint(to, g->dir_offset);
        hi_buf_varint(to, g->dir_size);
        hi_buf_u64(to, g->dir_hash);
    }
}

static uint32_t dir_read_u32(hi_reader *r)
{
    const uint64_t v = hi_read_varint(r);

    if (v > UINT32_MAX) {
        r->failed = true;
    }
    return (uint32_t)v;
}

static bool dir_read_group(hi_reader *r, uint64_t limit, hi_part_group *g)
{
    g->table = dir_read_u32(r);
    const uint64_t rows = hi_read_varint(r);
    g->partition_ns = hi_read_svarint(r);
    g->width_ns = (int64_t)hi_read_varint(r);
    g->first_series = dir_read_u32(r);
    const uint32_t more_series = dir_read_u32(r);
    g->first_ns = dir_plus(g->partition_ns, (uint64_t)hi_read_svarint(r));
    g->last_ns = dir_plus(g->first_ns, hi_read_varint(r));
    g->dir_offset = hi_read_varint(r);
    g->dir_size = dir_read_u32(r);
    g->dir_hash = hi_read_u64(r);
    if (r->failed || rows >= HI_GROUP_ROWS_MAX || g->last_ns < g->first_ns ||
        more_series > UINT32_MAX - g->first_series) {
        return false;
    }
    g->rows = (uint32_t)rows + 1;
    g->last_series = g->first_series + more_series;
    return g->dir_offset >= HI_PART_HEADER_SIZE && g->dir_offset <= limit &&
           g->dir_size <= limit - g->dir_offset;
}

hist_status hi_part_footer_parse(hi_mem *mem, const uint8_t *data, size_t size, uint64_t limit,
                                 hi_part_footer *footer_out)
{
    hi_reader r = hi_reader_of(data, size);

    *footer_out = (hi_part_footer){0};
    footer_out->features.may_ignore = hi_read_u64(&r);
    footer_out->features.read_only = hi_read_u64(&r);
    footer_out->features.refuse = hi_read_u64(&r);
    footer_out->seq_low = hi_read_u64(&r);
    footer_out->seq_high = hi_read_u64(&r);
    const uint64_t count = hi_read_varint(&r);
    if (r.failed || count == 0 || count > hi_reader_left(&r) / DIR_GROUP_BYTES_MIN ||
        count > UINT32_MAX) {
        return HIST_ECORRUPT;
    }
    footer_out->groups = hi_mem_calloc(mem, (size_t)count, sizeof(hi_part_group));
    if (footer_out->groups == NULL) {
        return HIST_ENOMEM;
    }
    footer_out->group_count = (uint32_t)count;
    for (uint32_t i = 0; i < footer_out->group_count; i++) {
        hi_part_group *g = &footer_out->groups[i];
        const hi_part_group *before = i == 0 ? NULL : g - 1;

        if (!dir_read_group(&r, limit, g) ||
            (before != NULL &&
             (g->table < before->table ||
              (g->table == before->table && g->partition_ns < before->partition_ns)))) {
            hi_part_footer_free(mem, footer_out);
            return HIST_ECORRUPT;
        }
    }
    if (hi_reader_left(&r) != 0) {
        hi_part_footer_free(mem, footer_out);
        return HIST_ECORRUPT;
    }
    return HIST_OK;
}

void hi_part_footer_free(hi_mem *mem, hi_part_footer *footer)
{
    hi_mem_free(mem, footer->groups, footer->group_count * sizeof(hi_part_group));
    footer->groups = NULL;
    footer->group_count = 0;
}

void hi_part_tail_put(uint8_t to[HI_PART_TAIL_SIZE], const hi_part_tail *tail)
{
    hi_put_u64(to, tail->footer_offset);
    hi_put_u32(to + 8, tail->footer_size);
    hi_put_u32(to + 12, 0);
    hi_put_u64(to + 16, tail->footer_hash);
    memcpy(to + 24, dir_tail_magic, sizeof(dir_tail_magic));
}

hist_status hi_part_tail_parse(const uint8_t from[HI_PART_TAIL_SIZE], uint64_t file_size,
                               hi_part_tail *tail_out)
{
    tail_out->footer_offset = hi_get_u64(from);
    tail_out->footer_size = hi_get_u32(from + 8);
    tail_out->footer_hash = hi_get_u64(from + 16);
    if (memcmp(from + 24, dir_tail_magic, sizeof(dir_tail_magic)) != 0 ||
        hi_get_u32(from + 12) != 0 || file_size < HI_PART_HEADER_SIZE + HI_PART_TAIL_SIZE ||
        tail_out->footer_offset < HI_PART_HEADER_SIZE ||
        tail_out->footer_offset > file_size - HI_PART_TAIL_SIZE ||
        tail_out->footer_size != file_size - HI_PART_TAIL_SIZE - tail_out->footer_offset) {
        return HIST_ECORRUPT;
    }
    return HIST_OK;
}

/* ---- building a directory ---- */

void hi_dir_builder_init(hi_dir_builder *builder, hi_mem *mem)
{
    hi_buf_init(&builder->table, mem, HI_DIR_BYTES_MAX);
    hi_buf_init(&builder->sections, mem, HI_DIR_BYTES_MAX);
    builder->page_count = 0;
    builder->last_column = 0;
}

void hi_dir_builder_free(hi_dir_builder *builder)
{
    hi_buf_free(&builder->table);
    hi_buf_free(&builder->sections);
}

void hi_dir_builder_clear(hi_dir_builder *builder)
{
    hi_buf_clear(&builder->table);
    hi_buf_clear(&builder->sections);
    builder->page_count = 0;
    builder->last_column = 0;
}

void hi_dir_builder_page(hi_dir_builder *builder, const hi_dir_page *page)
{
    const uint32_t column = page->column == HI_COLUMN_TIME ? 0 : page->column;
    const size_t before = builder->sections.size;
    const uint64_t disk = hi_page_details_put(&builder->sections, page);

    hi_buf_varint(&builder->table, column - builder->last_column);
    hi_buf_byte(&builder->table, (uint8_t)((unsigned)page->type | HI_PAGE_COLUMN << DIR_TYPE_BITS));
    hi_buf_varint(&builder->table, disk);
    hi_buf_varint(&builder->table, builder->sections.size - before);
    builder->last_column = column;
    builder->page_count++;
}

/* Only cuts that are not those of the plan. */
static void dir_put_blocks(hi_buf *to, const hi_dir_rows *rows)
{
    uint32_t plan[HI_PART_BLOCKS_MAX];
    const uint32_t planned = hi_part_plan_blocks(rows->runs, rows->run_count, plan);

    assert(rows->block_count >= 1 && rows->block_count <= HI_PART_BLOCKS_MAX);
    if (planned == rows->block_count &&
        memcmp(plan, rows->block_rows, planned * sizeof(*plan)) == 0) {
        hi_buf_varint(to, 0);
        return;
    }
    hi_buf_varint(to, rows->block_count);
    for (uint32_t i = 0; i < rows->block_count; i++) {
        hi_buf_varint(to, rows->block_rows[i] - 1);
    }
}

hist_status hi_dir_builder_finish(hi_dir_builder *builder, const hi_dir_rows *rows, hi_mem *mem,
                                  hi_buf *to, hist_error *err)
{
    hi_buf plain;
    hist_status status = HIST_OK;

    hi_buf_init(&plain, mem, HI_DIR_BYTES_MAX);
    hi_buf_varint(&plain, rows->run_count);
    hi_part_runs_put(&plain, rows->runs, rows->run_count);
    dir_put_blocks(&plain, rows);
    hi_buf_varint(&plain, builder->page_count);
    hi_buf_append(&plain, builder->table.data, builder->table.size);
    hi_buf_append(&plain, builder->sections.data, builder->sections.size);
    if (!hi_buf_ok(&plain) || !hi_buf_ok(&builder->table) || !hi_buf_ok(&builder->sections)) {
        status =
            hi_fail(err, HIST_ENOMEM,
                    "directory of a row group: no memory, or more than %d bytes for %u columns",
                    HI_DIR_BYTES_MAX, builder->page_count);
        goto out;
    }
    const size_t before = to->size;
    hi_buf_byte(to, DIR_ZSTD);
    hi_buf_varint(to, plain.size);
    if (!hi_part_zstd_compress(mem, plain.data, plain.size, to)) {
        to->size = before;
        hi_buf_byte(to, DIR_STORED);
        hi_buf_append(to, plain.data, plain.size);
    }
    if (!hi_buf_ok(to)) {
        status = hi_no_memory(err, "directory of a row group");
    }
out:
    hi_buf_free(&plain);
    return status;
}

/* ---- parsing a directory ---- */

static hist_status dir_unpack(hi_mem *mem, const uint8_t *data, size_t size, hi_part_dir *dir)
{
    hi_reader r = hi_reader_of(data, size);
    const uint8_t method = hi_read_u8(&r);

    if (r.failed || method > DIR_ZSTD) {
        return HIST_ECORRUPT;
    }
    const uint64_t plain = method == DIR_ZSTD ? hi_read_varint(&r) : hi_reader_left(&r);
    if (r.failed || plain > HI_DIR_BYTES_MAX) {
        return HIST_ECORRUPT;
    }
    dir->bytes = hi_mem_alloc(mem, (size_t)plain + HI_CODEC_PAD);
    if (dir->bytes == NULL) {
        return HIST_ENOMEM;
    }
    dir->bytes_size = (size_t)plain;
    memset(dir->bytes + plain, 0, HI_CODEC_PAD);
    if (method == DIR_ZSTD) {
        return hi_part_zstd_decompress(mem, data + r.at, hi_reader_left(&r), dir->bytes,
                                       dir->bytes_size);
    }
    if (plain > 0) {
        memcpy(dir->bytes, data + r.at, (size_t)plain);
    }
    return HIST_OK;
}

static hist_status dir_alloc_runs(hi_mem *mem, hi_part_dir *dir)
{
    const size_t runs = (size_t)dir->run_count * sizeof(hi_run);

    dir->tables_size = runs + (HI_PART_BLOCKS_MAX + 1) * sizeof(uint32_t);
    char *tables = hi_mem_alloc(mem, dir->tables_size);
    if (tables == NULL) {
        return HIST_ENOMEM;
    }
    dir->runs = (hi_run *)(void *)tables;
    dir->block_first = (uint32_t *)(void *)(tables + runs);
    return HIST_OK;
}

static hist_status dir_alloc_pages(hi_mem *mem, hi_part_dir *dir)
{
    dir->pages_size = (size_t)dir->page_count * sizeof(hi_part_page);
    dir->pages = hi_mem_alloc(mem, dir->pages_size);
    return dir->pages == NULL ? HIST_ENOMEM : HIST_OK;
}

static bool dir_parse_blocks(hi_reader *r, hi_part_dir *dir)
{
    uint32_t rows_of[HI_PART_BLOCKS_MAX];
    const uint64_t given = hi_read_varint(r);
    uint64_t row = 0;

    if (r->failed || given > HI_PART_BLOCKS_MAX) {
        return false;
    }
    dir->block_count =
        given == 0 ? hi_part_plan_blocks(dir->runs, dir->run_count, rows_of) : (uint32_t)given;
    for (uint32_t i = 0; i < dir->block_count; i++) {
        const uint64_t rows = given == 0 ? rows_of[i] - 1 : hi_read_varint(r);

        if (rows >= HI_BLOCK_ROWS_MAX || rows >= dir->rows - row) {
            return false;
        }
        dir->block_first[i] = (uint32_t)row;
        row += rows + 1;
    }
    dir->block_first[dir->block_count] = dir->rows;
    return !r->failed && row == dir->rows;
}

static bool dir_known_type(uint8_t type)
{
    return type == HIST_TYPE_BOOL || type == HIST_TYPE_LONG || type == HIST_TYPE_REAL ||
           type == HIST_TYPE_STRING || type == HIST_TYPE_DATETIME;
}

/* An entry of the table; where its bytes and details begin is not known yet: `at` and `offset` count
   from the first page's. */
static bool dir_parse_page(hi_reader *r, const hi_part_dir *dir, uint32_t column,
                           hi_part_page *page, uint8_t *kind_out)
{
    const uint32_t more = dir_read_u32(r);
    const uint8_t what = hi_read_u8(r);
    const uint64_t disk = hi_read_varint(r);
    const uint64_t size = hi_read_varint(r);

    if (r->failed || size > dir->bytes_size - page->at ||
        disk > dir->dir_offset - HI_PART_HEADER_SIZE - page->offset || more > UINT32_MAX - column) {
        return false;
    }
    *kind_out = what >> DIR_TYPE_BITS;
    page->column = column + more;
    page->type = what & ((1 << DIR_TYPE_BITS) - 1);
    page->disk = disk;
    page->size = (size_t)size;
    return true;
}

static bool dir_parse_pages(hi_reader *r, hi_part_dir *dir)
{
    hi_part_page next = {.column = 0};
    uint32_t kept = 0;

    for (uint32_t i = 0; i < dir->page_count; i++) {
        uint8_t kind = 0;

        if (!dir_parse_page(r, dir, next.column, &next, &kind)) {
            return false;
        }
        if (kind == HI_PAGE_COLUMN) {
            if (!dir_known_type(next.type) || (kept == 0) != (next.column == 0) ||
                (kept > 0 && next.column <= dir->pages[kept - 1].column)) {
                return false;
            }
            dir->pages[kept++] = next;
        }
        next.at += next.size;
        next.offset += next.disk;
    }
    if (next.at != hi_reader_left(r) || kept == 0 || dir->pages[0].type != HIST_TYPE_DATETIME) {
        return false;
    }
    for (uint32_t i = 0; i < kept; i++) {
        dir->pages[i].at += r->at;
        dir->pages[i].offset += dir->dir_offset - next.offset;
    }
    dir->page_count = kept;
    return true;
}

static hist_status dir_parse(hi_mem *mem, hi_part_dir *dir, const hi_part_group *group)
{
    hi_reader r = hi_reader_of(dir->bytes, dir->bytes_size);
    const uint64_t runs = hi_read_varint(&r);

    if (r.failed || runs == 0 || runs > group->rows || group->dir_offset < HI_PART_HEADER_SIZE) {
        return HIST_ECORRUPT;
    }
    dir->rows = group->rows;
    dir->partition_ns = group->partition_ns;
    dir->dir_offset = group->dir_offset;
    dir->run_count = (uint32_t)runs;
    HI_TRY(dir_alloc_runs(mem, dir));
    if (!hi_part_runs_get(&r, group, dir->runs, dir->run_count) || !dir_parse_blocks(&r, dir)) {
        return HIST_ECORRUPT;
    }
    const uint64_t pages = hi_read_varint(&r);
    if (r.failed || pages > hi_reader_left(&r) / DIR_ENTRY_BYTES_MIN) {
        return HIST_ECORRUPT;
    }
    dir->page_count = (uint32_t)pages;
    HI_TRY(dir_alloc_pages(mem, dir));
    return dir_parse_pages(&r, dir) ? HIST_OK : HIST_ECORRUPT;
}

hist_status hi_part_dir_parse(hi_mem *mem, const uint8_t *data, size_t size,
                              const hi_part_group *group, hi_part_dir **dir_out)
{
    hi_part_dir *dir = HI_MEM_NEW(mem, hi_part_dir);

    *dir_out = NULL;
    if (dir == NULL) {
        return HIST_ENOMEM;
    }
    hist_status status = dir_unpack(mem, data, size, dir);
    if (status == HIST_OK) {
        status = dir_parse(mem, dir, group);
    }
    if (status != HIST_OK) {
        hi_part_dir_free(mem, dir);
        return status;
    }
    *dir_out = dir;
    return HIST_OK;
}

void hi_part_dir_free(hi_mem *mem, hi_part_dir *dir)
{
    if (dir != NULL) {
        hi_mem_free(mem, dir->bytes, dir->bytes_size + (dir->bytes == NULL ? 0 : HI_CODEC_PAD));
        hi_mem_free(mem, dir->runs, dir->tables_size);
        hi_mem_free(mem, dir->pages, dir->pages_size);
        HI_MEM_DELETE(mem, dir);
    }
}

const hi_part_page *hi_part_dir_page(const hi_part_dir *dir, uint32_t column)
{
    uint32_t low = 0;
    uint32_t high = dir->page_count;
    const uint32_t wanted = column == HI_COLUMN_TIME ? 0 : column;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (dir->pages[middle].column < wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < dir->page_count && dir->pages[low].column == wanted ? &dir->pages[low] : NULL;
}

uint32_t hi_part_dir_block_of(const hi_part_dir *dir, uint32_t row)
{
    uint32_t low = 0;
    uint32_t high = dir->block_count;

    assert(row < dir->rows);
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;

        if (dir->block_first[middle] <= row) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}
