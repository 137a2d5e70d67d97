/*
 * part_dir.h -- what describes a part file: header, footer, tail and the directories of row groups.
 *
 * Bytes in, bytes out, no I/O: part_write.c and part_read.c move them. part.md
 * specifies every byte. Parsers trust nothing: counts are checked against the
 * bytes that are there, or the rows of the group, before anything is allocated.
 */
#ifndef HI_PART_DIR_H
#define HI_PART_DIR_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "store/features.h"
#include "store/part.h"

enum {
    HI_GROUP_ROWS_MAX = 65536,
    HI_PART_COLUMN_BYTES_MAX = 64 << 20, /* Of a gathered column; beyond, groups are halved. */
    HI_SERIES_BLOCK_ROWS = 4096, /* A series with as many rows in a group has blocks of its own. */
    HI_PART_HEADER_SIZE = 64,
    HI_PART_TAIL_SIZE = 32,
    HI_PART_HASH_SIZE = 8, /* Behind every shared section and block. */
    HI_PART_TINY_MAX = 63, /* Blocks and shared sections up to this size lie in the directory. */
    /* Blocks of a row group: at most 41 come out of hi_part_plan_blocks(). */
    HI_PART_BLOCKS_MAX = 64,
    HI_PART_FORMAT = 0,
    HI_PAGE_COLUMN = 0, /* Kind of page: values of one column. 1 to 15 are kept for rollups. */
    HI_DIR_BYTES_MAX = 64 * 1024 * 1024,
};

typedef struct hi_part_header {
    hi_features features;
    uint64_t store;
    uint64_t part;
} hi_part_header;

void hi_part_header_put(uint8_t to[HI_PART_HEADER_SIZE], const hi_part_header *header);
/* Magic, checksum, version and identity must be as expected, and no feature may forbid reading. */
hist_status hi_part_header_check(const uint8_t from[HI_PART_HEADER_SIZE], const char *path,
                                 uint64_t store, uint64_t part, hi_features *features_out,
                                 hist_error *err);

/* One row group, as the footer has it. */
typedef struct hi_part_group {
    uint32_t table;
    uint32_t rows;
    int64_t partition_ns;
    int64_t width_ns;
    uint32_t first_series;
    uint32_t last_series;
    int64_t first_ns;
    int64_t last_ns;
    uint64_t dir_offset;
    uint32_t dir_size;
    uint64_t dir_hash;
} hi_part_group;

typedef struct hi_part_footer {
    hi_features features;
    uint64_t seq_low;
    uint64_t seq_high;
    hi_part_group *groups; /* From mem; sorted by (table, partition_ns). */
    uint32_t group_count;
} hi_part_footer;

void hi_part_footer_put(hi_buf *to, const hi_part_footer *footer);
/* `limit` is where the footer starts: directories end before. */
hist_status hi_part_footer_parse(hi_mem *mem, const uint8_t *data, size_t size, uint64_t limit,
                                 hi_part_footer *footer_out);
void hi_part_footer_free(hi_mem *mem, hi_part_footer *footer);

typedef struct hi_part_tail {
    uint64_t footer_offset;
    uint32_t footer_size;
    uint64_t footer_hash;
} hi_part_tail;

void hi_part_tail_put(uint8_t to[HI_PART_TAIL_SIZE], const hi_part_tail *tail);
/* file_size: of the whole file. */
hist_status hi_part_tail_parse(const uint8_t from[HI_PART_TAIL_SIZE], uint64_t file_size,
                               hi_part_tail *tail_out);

/* ---- directory of a row group ---- */

/* A block of a page, or its shared section (no statistics). Tiny ones lie in the directory, with no
   checksum of their own; then offset is the directory's and `at` the place in its bytes. */
typedef struct hi_part_block {
    uint64_t offset; /* In the file. */
    size_t at;
    uint32_t size; /* Without the checksum behind it. */
    uint8_t encoding;
    hi_block_stats stats;
} hi_part_block;

/* A page; its details stay packed in the directory's bytes until somebody reads the column. */
typedef struct hi_part_page {
    uint32_t column; /* HI_COLUMN_TIME is written as 0. */
    uint8_t type;
    uint64_t offset; /* Of its bytes in the file; checked to lie before the directory. */
    uint64_t disk;   /* How many they are, with checksums. */
    size_t at;       /* Of its details. */
    size_t size;
} hi_part_page;

typedef struct hi_part_dir {
    uint32_t refs;  /* Under the part's mutex. */
    uint32_t group; /* Its number in the part. */
    uint32_t rows;
    int64_t partition_ns;
    uint64_t dir_offset; /* Of the directory in the file. */
    uint32_t run_count;
    uint32_t block_count;
    uint32_t page_count;
    hi_run *runs;
    uint32_t *block_first; /* block_count + 1: first row of each block, then the rows. */
    hi_part_page *pages; /* Time first, then ascending by column. Kinds we do not know left out. */
    uint8_t *bytes;      /* HI_CODEC_PAD bytes behind them are there too, zero. */
    size_t bytes_size;
    size_t
        tables_size; /* Bytes of the allocation that holds runs and blocks, and of that of pages. */
    size_t pages_size;
} hi_part_dir;

/* Statistics with everything that means nothing set to zero, so that equal blocks give equal bytes; and M2
   of times, which nobody asks for. */
void hi_block_stats_clean(hi_block_stats *stats, hist_type type, uint32_t rows);
/* Whether two clean statistics of a block are the same. NaN equals NaN. */
bool hi_block_stats_same(const hi_block_stats *a, const hi_block_stats *b, hist_type type);

/* What a directory is made from. */
typedef struct hi_dir_builder {
    hi_buf table;    /* One entry a page. */
    hi_buf sections; /* Details of each page. */
    uint32_t page_count;
    uint32_t last_column;
} hi_dir_builder;

typedef struct hi_dir_rows {
    uint32_t rows;
    int64_t partition_ns;
    const hi_run *runs;
    uint32_t run_count;
    const uint32_t *block_rows;
    uint32_t block_count;
} hi_dir_rows;

typedef struct hi_dir_page {
    uint32_t column;
    hist_type type;
    const hi_dir_rows *rows;
    const uint8_t *bytes; /* Of the page as it was encoded; the shared section comes first. */
    uint32_t shared_size;
    hi_part_block
        *blocks; /* rows->block_count; `at` is their place in bytes. Clean, and not changed. */
} hi_dir_page;

/* Where a row group with these runs is cut into blocks; how many. block_rows has room for HI_PART_BLOCKS_MAX. */
uint32_t hi_part_plan_blocks(const hi_run *runs, uint32_t run_count, uint32_t *block_rows);

void hi_dir_builder_init(hi_dir_builder *builder, hi_mem *mem);
void hi_dir_builder_free(hi_dir_builder *builder);
void hi_dir_builder_clear(hi_dir_builder *builder);
/* Pages come time first, then ascending by column; their bytes one behind the other before the directory. */
void hi_dir_builder_page(hi_dir_builder *builder, const hi_dir_page *page);

static inline bool hi_part_is_tiny(uint32_t size)
{
    return size <= HI_PART_TINY_MAX;
}

/* Appends the stored form (compressed where that helps) to `to`. HIST_ENOMEM, HIST_ELIMIT. */
hist_status hi_dir_builder_finish(hi_dir_builder *builder, const hi_dir_rows *rows, hi_mem *mem,
                                  hi_buf *to, hist_error *err);

/* Parses the stored form; the checksum was verified. Damage: HIST_ECORRUPT without message. */
hist_status hi_part_dir_parse(hi_mem *mem, const uint8_t *data, size_t size,
                              const hi_part_group *group, hi_part_dir **dir_out);
void hi_part_dir_free(hi_mem *mem, hi_part_dir *dir);
/* NULL: the group has no value of this column. */
const hi_part_page *hi_part_dir_page(const hi_part_dir *dir, uint32_t column);
/* Details of a page: its shared section (size 0: none) and blocks[dir->block_count]. HIST_ECORRUPT. */
hist_status hi_part_dir_blocks(const hi_part_dir *dir, const hi_part_page *page,
                               hi_part_block *shared_out, hi_part_block *blocks);
/* The bytes of a block that lies in the directory, with HI_CODEC_PAD readable behind; NULL: it does not. */
const uint8_t *hi_part_dir_tiny(const hi_part_dir *dir, const hi_part_block *block);
/* The block that holds `row`. */
uint32_t hi_part_dir_block_of(const hi_part_dir *dir, uint32_t row);

#endif
