/* part_dir.c -- header, footer, tail and directories of part files to bytes and back; see part.md. */
#include "store/part_dir.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "store/part_zstd.h"

static const char dir_magic[8] = {'H', 'I', 'S', 'T', 'P', 'A', 'R', 'T'};
static const char dir_tail_magic[8] = {'H', 'I', 'S', 'T', 'P', 'E', 'N', 'D'};

enum { DIR_STORED = 0, DIR_ZSTD = 1, DIR_GROUP_BYTES_MIN = 18 };

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

/* ---- statistics ---- */

static bool dir_has_numbers(hist_type type)
{
    return type != HIST_TYPE_STRING;
}

void hi_block_stats_clean(hi_block_stats *stats, hist_type type, uint32_t rows)
{
    if (type != HIST_TYPE_REAL) {
        stats->nans = 0;
    }
    if (!dir_has_numbers(type) || stats->nulls >= rows) {
        stats->first = 0;
        stats->last = 0;
    }
    if (!dir_has_numbers(type) || stats->nulls + stats->nans >= rows) {
        stats->min = 0;
        stats->max = 0;
        stats->sum_lo = 0;
        stats->sum_hi = 0;
        stats->m2 = 0;
    }
    if (type == HIST_TYPE_REAL) {
        stats->sum_hi = 0;
    }
}

static bool dir_same_real(uint64_t a, uint64_t b)
{
    const double x = hi_double_of(a);
    const double y = hi_double_of(b);

    return a == b || (x != x && y != y);
}

bool hi_block_stats_same(const hi_block_stats *a, const hi_block_stats *b, hist_type type)
{
    const bool sums = type == HIST_TYPE_REAL ? dir_same_real(a->sum_lo, b->sum_lo)
                                             : a->sum_lo == b->sum_lo && a->sum_hi == b->sum_hi;

    return sums && a->nulls == b->nulls && a->nans == b->nans && a->min == b->min &&
           a->max == b->max && a->first == b->first && a->last == b->last &&
           dir_same_real(hi_bits_of(a->m2), hi_bits_of(b->m2));
}

/* ---- building a directory ---- */

void hi_dir_builder_init(hi_dir_builder *builder, hi_mem *mem)
{
    hi_buf_init(&builder->table, mem, HI_DIR_BYTES_MAX);
    hi_buf_init(&builder->sections, mem, HI_DIR_BYTES_MAX);
    builder->page_count = 0;
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
}

/* Columns of the statistics table, so that like stands beside like. */
static void dir_put_reals(hi_buf *to, const hi_dir_page *page)
{
    const hi_part_block *b = page->blocks;
    const uint32_t n = page->block_count;

    for (uint32_t i = 0; i < n; i++) {
        hi_buf_varint(to, b[i].stats.nans);
    }
    for (uint32_t i = 0; i < n; i++) {
        hi_buf_u64(to, b[i].stats.min);
    }
    for (uint32_t i = 0; i < n; i++) {
        hi_buf_u64(to, b[i].stats.max);
    }
    for (uint32_t i = 0; i < n; i++) {
        hi_buf_u64(to, b[i].stats.first);
    }
    for (uint32_t i = 0; i < n; i++) {
        hi_buf_u64(to, b[i].stats.last);
    }
    for (uint32_t i = 0; i < n; i++) {
        hi_buf_u64(to, b[i].stats.sum_lo);
    }
}

static void dir_put_ints(hi_buf *to, const hi_dir_page *page)
{
    const hi_part_block *b = page->blocks;
    const uint32_t n = page->block_count;

    for (uint32_t i = 0; i < n; i++) {
        hi_buf_varint(to, hi_zigzag((int64_t)(b[i].stats.min - (uint64_t)page->base_ns)));
    }
    for (uint32_t i = 0; i < n; i++) {
        hi_buf_varint(to, b[i].stats.max - b[i].stats.min);
    }
    for (uint32_t i = 0; i < n; i++) {
        hi_buf_varint(to, b[i].stats.first - b[i].stats.min);
    }
    for (uint32_t i = 0; i < n; i++) {
        hi_buf_varint(to, b[i].stats.max - b[i].stats.last);
    }
    for (uint32_t i = 0; i < n; i++) {
        /* Both halves flipped when negative, so that small sums of either sign are short. */
        const uint64_t sign = 0 - (b[i].stats.sum_hi >> 63);

        hi_buf_varint(to, b[i].stats.sum_lo ^ sign);
        hi_buf_varint(to, hi_zigzag((int64_t)b[i].stats.sum_hi));
    }
}

static void dir_put_section(hi_buf *to, const hi_dir_page *page)
{
    const hi_part_block *b = page->blocks;
    const uint32_t n = page->block_count;

    hi_buf_varint(to, page->offset);
    hi_buf_varint(to, page->shared_size);
    for (uint32_t i = 0; i < n; i++) {
        hi_buf_varint(to, b[i].size);
    }
    for (uint32_t i = 0; i < n; i++) {
        hi_buf_byte(to, b[i].encoding);
    }
    for (uint32_t i = 0; i < n; i++) {
        hi_buf_varint(to, b[i].stats.nulls);
    }
    if (!dir_has_numbers(page->type)) {
        return;
    }
    if (page->type == HIST_TYPE_REAL) {
        dir_put_reals(to, page);
    } else {
        dir_put_ints(to, page);
    }
    for (uint32_t i = 0; i < n; i++) {
        hi_buf_u64(to, hi_bits_of(b[i].stats.m2));
    }
}

void hi_dir_builder_page(hi_dir_builder *builder, const hi_dir_page *page)
{
    const size_t before = builder->sections.size;
    hi_dir_page based = *page;

    based.base_ns = page->type == HIST_TYPE_DATETIME ? page->base_ns : 0;
    dir_put_section(&builder->sections, &based);
    hi_buf_varint(&builder->table, page->column == HI_COLUMN_TIME ? 0 : page->column);
    hi_buf_byte(&builder->table, (uint8_t)page->type);
    hi_buf_byte(&builder->table, HI_PAGE_COLUMN);
    hi_buf_varint(&builder->table, builder->sections.size - before);
    builder->page_count++;
}

static void dir_put_runs(hi_buf *to, const hi_dir_rows *rows)
{
    uint32_t next = 0;

    for (uint32_t i = 0; i < rows->run_count; i++) {
        hi_buf_varint(to, rows->runs[i].series - next);
        next = rows->runs[i].series + 1;
    }
    for (uint32_t i = 0; i < rows->run_count; i++) {
        hi_buf_varint(to, rows->runs[i].rows - 1);
    }
    for (uint32_t i = 0; i < rows->run_count; i++) {
        hi_buf_varint(to,
                      hi_zigzag((int64_t)dir_minus(rows->runs[i].first_ns, rows->partition_ns)));
    }
    for (uint32_t i = 0; i < rows->run_count; i++) {
        hi_buf_varint(to, dir_minus(rows->runs[i].last_ns, rows->runs[i].first_ns));
    }
}

hist_status hi_dir_builder_finish(hi_dir_builder *builder, const hi_dir_rows *rows, hi_mem *mem,
                                  hi_buf *to, hist_error *err)
{
    hi_buf plain;
    hist_status status = HIST_OK;

    hi_buf_init(&plain, mem, HI_DIR_BYTES_MAX);
    hi_buf_varint(&plain, rows->rows - 1);
    hi_buf_varint(&plain, rows->run_count);
    hi_buf_varint(&plain, rows->block_count);
    hi_buf_varint(&plain, builder->page_count);
    dir_put_runs(&plain, rows);
    for (uint32_t i = 0; i < rows->block_count; i++) {
        hi_buf_varint(&plain, rows->block_rows[i] - 1);
    }
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
    dir->bytes = hi_mem_alloc(mem, (size_t)plain);
    if (dir->bytes == NULL) {
        return HIST_ENOMEM;
    }
    dir->bytes_size = (size_t)plain;
    if (method == DIR_ZSTD) {
        return hi_part_zstd_decompress(mem, data + r.at, hi_reader_left(&r), dir->bytes,
                                       dir->bytes_size);
    }
    if (plain > 0) {
        memcpy(dir->bytes, data + r.at, (size_t)plain);
    }
    return HIST_OK;
}

static hist_status dir_alloc_tables(hi_mem *mem, hi_part_dir *dir)
{
    const size_t runs = (size_t)dir->run_count * sizeof(hi_run);
    const size_t pages = (size_t)dir->page_count * sizeof(hi_part_page);
    const size_t blocks = ((size_t)dir->block_count + 1) * sizeof(uint32_t);

    dir->tables_size = runs + pages + blocks;
    char *tables = hi_mem_alloc(mem, dir->tables_size);
    if (tables == NULL) {
        return HIST_ENOMEM;
    }
    dir->runs = (hi_run *)(void *)tables;
    dir->pages = (hi_part_page *)(void *)(tables + runs);
    dir->block_first = (uint32_t *)(void *)(tables + runs + pages);
    return HIST_OK;
}

static bool dir_parse_runs(hi_reader *r, hi_part_dir *dir)
{
    uint64_t next = 0;
    uint64_t row = 0;

    for (uint32_t i = 0; i < dir->run_count; i++) {
        const uint64_t series = next + dir_read_u32(r);

        if (series > UINT32_MAX) {
            return false;
        }
        dir->runs[i].series = (uint32_t)series;
        next = series + 1;
    }
    for (uint32_t i = 0; i < dir->run_count; i++) {
        const uint64_t rows = hi_read_varint(r);

        if (rows >= dir->rows - row) {
            return false;
        }
        dir->runs[i].first_row = (uint32_t)row;
        dir->runs[i].rows = (uint32_t)rows + 1;
        row += rows + 1;
    }
    for (uint32_t i = 0; i < dir->run_count; i++) {
        dir->runs[i].first_ns = dir_plus(dir->partition_ns, (uint64_t)hi_read_svarint(r));
    }
    for (uint32_t i = 0; i < dir->run_count; i++) {
        dir->runs[i].last_ns = dir_plus(dir->runs[i].first_ns, hi_read_varint(r));
        if (dir->runs[i].last_ns < dir->runs[i].first_ns) {
            return false;
        }
    }
    return !r->failed && row == dir->rows;
}

static bool dir_parse_blocks(hi_reader *r, hi_part_dir *dir)
{
    uint64_t row = 0;

    for (uint32_t i = 0; i < dir->block_count; i++) {
        const uint64_t rows = hi_read_varint(r);

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

static bool dir_parse_pages(hi_reader *r, hi_part_dir *dir)
{
    uint32_t kept = 0;
    uint64_t at = 0;

    for (uint32_t i = 0; i < dir->page_count; i++) {
        const uint32_t column = dir_read_u32(r);
        const uint8_t type = hi_read_u8(r);
        const uint8_t kind = hi_read_u8(r);
        const uint64_t size = hi_read_varint(r);

        if (r->failed || size > dir->bytes_size - at) {
            return false;
        }
        if (kind == HI_PAGE_COLUMN) {
            if (!dir_known_type(type) || (kept == 0) != (column == 0) ||
                (kept > 0 && column <= dir->pages[kept - 1].column)) {
                return false;
            }
            dir->pages[kept++] = (hi_part_page){column, type, (size_t)at, (size_t)size};
        }
        at += size;
    }
    if (at != hi_reader_left(r) || kept == 0 || dir->pages[0].type != HIST_TYPE_DATETIME) {
        return false;
    }
    for (uint32_t i = 0; i < kept; i++) {
        dir->pages[i].at += r->at;
    }
    dir->page_count = kept;
    return true;
}

static hist_status dir_parse(hi_mem *mem, hi_part_dir *dir, const hi_part_group *group)
{
    hi_reader r = hi_reader_of(dir->bytes, dir->bytes_size);
    const uint64_t rows = hi_read_varint(&r) + 1;
    const uint64_t runs = hi_read_varint(&r);
    const uint64_t blocks = hi_read_varint(&r);
    const uint64_t pages = hi_read_varint(&r);

    if (r.failed || rows != group->rows || runs == 0 || runs > rows || blocks == 0 ||
        blocks > rows || runs > hi_reader_left(&r) / 4 || pages > hi_reader_left(&r) / 4) {
        return HIST_ECORRUPT;
    }
    dir->rows = (uint32_t)rows;
    dir->partition_ns = group->partition_ns;
    dir->run_count = (uint32_t)runs;
    dir->block_count = (uint32_t)blocks;
    dir->page_count = (uint32_t)pages;
    HI_TRY(dir_alloc_tables(mem, dir));
    if (!dir_parse_runs(&r, dir) || !dir_parse_blocks(&r, dir) || !dir_parse_pages(&r, dir)) {
        return HIST_ECORRUPT;
    }
    if (dir->runs[0].series != group->first_series ||
        dir->runs[dir->run_count - 1].series != group->last_series) {
        return HIST_ECORRUPT;
    }
    for (uint32_t i = 0; i < dir->run_count; i++) {
        if (dir->runs[i].first_ns < group->first_ns || dir->runs[i].last_ns > group->last_ns) {
            return HIST_ECORRUPT;
        }
    }
    return HIST_OK;
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
        hi_mem_free(mem, dir->bytes, dir->bytes_size);
        hi_mem_free(mem, dir->runs, dir->tables_size);
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

/* ---- details of a page ---- */

static void dir_get_reals(hi_reader *r, hi_part_block *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        b[i].stats.nans = dir_read_u32(r);
    }
    for (uint32_t i = 0; i < n; i++) {
        b[i].stats.min = hi_read_u64(r);
    }
    for (uint32_t i = 0; i < n; i++) {
        b[i].stats.max = hi_read_u64(r);
    }
    for (uint32_t i = 0; i < n; i++) {
        b[i].stats.first = hi_read_u64(r);
    }
    for (uint32_t i = 0; i < n; i++) {
        b[i].stats.last = hi_read_u64(r);
    }
    for (uint32_t i = 0; i < n; i++) {
        b[i].stats.sum_lo = hi_read_u64(r);
    }
}

static void dir_get_ints(hi_reader *r, hi_part_block *b, uint32_t n, uint64_t base)
{
    for (uint32_t i = 0; i < n; i++) {
        b[i].stats.min = base + (uint64_t)hi_read_svarint(r);
    }
    for (uint32_t i = 0; i < n; i++) {
        b[i].stats.max = b[i].stats.min + hi_read_varint(r);
    }
    for (uint32_t i = 0; i < n; i++) {
        b[i].stats.first = b[i].stats.min + hi_read_varint(r);
    }
    for (uint32_t i = 0; i < n; i++) {
        b[i].stats.last = b[i].stats.max - hi_read_varint(r);
    }
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t low = hi_read_varint(r);

        b[i].stats.sum_hi = (uint64_t)hi_read_svarint(r);
        b[i].stats.sum_lo = low ^ (0 - (b[i].stats.sum_hi >> 63));
    }
}

static void dir_get_section(hi_reader *r, hist_type type, uint64_t base, hi_part_block *b,
                            uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        b[i].size = dir_read_u32(r);
    }
    for (uint32_t i = 0; i < n; i++) {
        b[i].encoding = hi_read_u8(r);
    }
    for (uint32_t i = 0; i < n; i++) {
        b[i].stats = (hi_block_stats){.nulls = dir_read_u32(r)};
    }
    if (!dir_has_numbers(type)) {
        return;
    }
    if (type == HIST_TYPE_REAL) {
        dir_get_reals(r, b, n);
    } else {
        dir_get_ints(r, b, n, base);
    }
    for (uint32_t i = 0; i < n; i++) {
        b[i].stats.m2 = hi_double_of(hi_read_u64(r));
    }
}

hist_status hi_part_dir_blocks(const hi_part_dir *dir, const hi_part_page *page, uint64_t limit,
                               uint64_t *offset_out, uint32_t *shared_size_out,
                               hi_part_block *blocks)
{
    hi_reader r = hi_reader_of(dir->bytes + page->at, page->size);
    const hist_type type = (hist_type)page->type;
    const uint64_t base = type == HIST_TYPE_DATETIME ? (uint64_t)dir->partition_ns : 0;

    *offset_out = hi_read_varint(&r);
    *shared_size_out = dir_read_u32(&r);
    dir_get_section(&r, type, base, blocks, dir->block_count);
    if (r.failed || hi_reader_left(&r) != 0 || *offset_out < HI_PART_HEADER_SIZE ||
        *offset_out > limit) {
        return HIST_ECORRUPT;
    }
    uint64_t at = *offset_out;
    if (*shared_size_out > 0) {
        at += (uint64_t)*shared_size_out + HI_PART_HASH_SIZE;
    }
    for (uint32_t i = 0; i < dir->block_count; i++) {
        const uint32_t rows = dir->block_first[i + 1] - dir->block_first[i];

        blocks[i].offset = at;
        at += (uint64_t)blocks[i].size + HI_PART_HASH_SIZE;
        if (at > limit || blocks[i].stats.nulls > rows ||
            blocks[i].stats.nans > rows - blocks[i].stats.nulls) {
            return HIST_ECORRUPT;
        }
    }
    return HIST_OK;
}
