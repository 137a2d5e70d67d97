/*
 * fuzz_part.c -- hostile part files: any directory, any footer, and sound parts with
 * bytes changed whose checksums were made right again.
 *
 * Byte 0 chooses the way. Way 2 takes triples (u16 position, new byte) and
 * changes a part in memory before every checksum is computed anew, so what the
 * checksums keep out otherwise gets in.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "os/file.h"
#include "store/part_dir.h"
#include "tests/support/frag_mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_TABLE = 3, FUZZ_PART = 7, FUZZ_MEMORY = 64 * 1024 * 1024 };
#define FUZZ_STORE UINT64_C(42)

/* ---- directories and footers alone ---- */

/* Where a block is said to lie, there it may be read. */
static void fuzz_places(const hi_part_dir *dir, const hi_part_block *b)
{
    const uint8_t *tiny = hi_part_dir_tiny(dir, b);

    if (tiny != NULL) {
        (void)hi_hash(tiny, (size_t)b->size + HI_CODEC_PAD, 0);
    } else if (b->offset < HI_PART_HEADER_SIZE ||
               b->offset + b->size + HI_PART_HASH_SIZE > dir->dir_offset) {
        abort();
    }
}

static void fuzz_pages(hi_mem *mem, const hi_part_dir *dir)
{
    hi_part_block *blocks = hi_mem_alloc(mem, dir->block_count * sizeof(hi_part_block));

    for (uint32_t i = 0; blocks != NULL && i < dir->page_count; i++) {
        hi_part_block shared;

        if (hi_part_dir_blocks(dir, &dir->pages[i], &shared, blocks) == HIST_OK) {
            fuzz_places(dir, &shared);
            for (uint32_t b = 0; b < dir->block_count; b++) {
                fuzz_places(dir, &blocks[b]);
            }
        }
    }
    hi_mem_free(mem, blocks, dir->block_count * sizeof(hi_part_block));
}

static void fuzz_dir(hi_mem *mem, const uint8_t *data, size_t size)
{
    hi_part_dir *dir = NULL;

    if (size < 4) {
        return;
    }
    const hi_part_group group = {.rows = (uint32_t)hi_get_u16(data) + 1,
                                 .first_series = data[2],
                                 .last_series = data[3],
                                 .first_ns = INT64_MIN,
                                 .last_ns = INT64_MAX,
                                 .dir_offset = 1 << 20};
    if (hi_part_dir_parse(mem, data + 4, size - 4, &group, &dir) == HIST_OK) {
        fuzz_pages(mem, dir);
        (void)hi_part_dir_page(dir, HI_COLUMN_TIME);
        (void)hi_part_dir_block_of(dir, dir->rows - 1);
    }
    hi_part_dir_free(mem, dir);
}

static void fuzz_footer(hi_mem *mem, const uint8_t *data, size_t size)
{
    hi_part_footer footer;
    hi_part_tail tail;

    if (hi_part_footer_parse(mem, data, size, 1 << 20, &footer) == HIST_OK) {
        hi_part_footer_free(mem, &footer);
    }
    if (size >= HI_PART_TAIL_SIZE) {
        (void)hi_part_tail_parse(data, 1 << 20, &tail);
    }
    if (size >= HI_PART_HEADER_SIZE) {
        hi_features features;

        (void)hi_part_header_check(data, "fuzz", FUZZ_STORE, FUZZ_PART, &features, NULL);
    }
}

/* ---- whole parts ---- */

/* A sound part with its directory stored plainly, and where its sections are. */
typedef struct fuzz_part {
    hi_buf bytes;
    uint64_t section_at[256];
    uint64_t section_size[256];
    uint32_t section_count;
    uint64_t dir_offset;
    hi_part_footer footer;
} fuzz_part;

static hist_status fuzz_write(hist_vfs *vfs, hi_mem *mem, hi_part_summary *summary)
{
    const hi_part_config config = {
        .vfs = vfs, .dir = "db", .mem = mem, .store = FUZZ_STORE, .group_rows_max = 65536};
    fm_row rows[120] = {0};
    hi_part_column columns[FM_COLUMNS];
    hi_part_writer *writer = NULL;
    uint64_t seed = 1;

    for (int c = 0; c < FM_COLUMNS; c++) {
        columns[c] = (hi_part_column){FM_COLUMN_ID(c), fm_type(c)};
    }
    for (uint32_t i = 0; i < 120; i++) {
        rows[i].series = i / 40;
        rows[i].time_ns = (int64_t)i * 1000;
        fm_fill(&rows[i], &seed);
    }
    hi_frag *frag = fm_frag_new(rows, 120, FUZZ_TABLE, 1, 1, 50);
    const hi_part_input input = {.table = FUZZ_TABLE,
                                 .width_ns = INT64_MAX,
                                 .frags = &frag,
                                 .frag_count = 1,
                                 .columns = columns,
                                 .column_count = FM_COLUMNS,
                                 .drop_before_ns = INT64_MIN};
    hist_status status = hi_part_writer_open(&config, FUZZ_PART, HI_PROFILE_WARM, &writer, NULL);
    if (status == HIST_OK) {
        status = hi_part_writer_merge(writer, &input, NULL);
    }
    if (status == HIST_OK) {
        status = hi_part_writer_finish(writer, 1, 1, summary, NULL);
    }
    hi_part_writer_close(writer);
    frag->ops->close(frag);
    return status;
}

/* Tiny ones have no checksum of their own. */
static void fuzz_note_section(fuzz_part *p, const hi_part_block *b)
{
    if (!hi_part_is_tiny(b->size)) {
        p->section_at[p->section_count] = b->offset;
        p->section_size[p->section_count++] = b->size;
    }
}

static void fuzz_note_sections(fuzz_part *p, const hi_part_dir *dir)
{
    hi_part_block blocks[HI_PART_BLOCKS_MAX];

    for (uint32_t i = 0; i < dir->page_count; i++) {
        hi_part_block shared;

        if (hi_part_dir_blocks(dir, &dir->pages[i], &shared, blocks) != HIST_OK) {
            abort();
        }
        fuzz_note_section(p, &shared);
        for (uint32_t b = 0; b < dir->block_count; b++) {
            fuzz_note_section(p, &blocks[b]);
        }
    }
}

/* The part up to its directory, which is unpacked behind a byte that says so. */
static void fuzz_load(fuzz_part *p, hist_vfs *vfs, hi_mem *mem)
{
    hi_part_summary summary;
    hi_file_data file;
    hi_part_tail tail;
    hi_part_dir *dir = NULL;

    if (fuzz_write(vfs, mem, &summary) != HIST_OK ||
        hi_file_read_whole(vfs, "db/P-7.hp", mem, 1 << 20, &file, NULL) != HIST_OK ||
        hi_part_tail_parse(file.data + file.size - HI_PART_TAIL_SIZE, file.size, &tail) !=
            HIST_OK ||
        hi_part_footer_parse(mem, file.data + tail.footer_offset, tail.footer_size,
                             tail.footer_offset, &p->footer) != HIST_OK) {
        abort();
    }
    const hi_part_group *g = &p->footer.groups[0];
    if (hi_part_dir_parse(mem, file.data + g->dir_offset, g->dir_size, g, &dir) != HIST_OK) {
        abort();
    }
    fuzz_note_sections(p, dir);
    p->dir_offset = g->dir_offset;
    hi_buf_init(&p->bytes, mem, 1 << 20);
    hi_buf_append(&p->bytes, file.data, (size_t)g->dir_offset);
    hi_buf_byte(&p->bytes, 0);
    hi_buf_append(&p->bytes, dir->bytes, dir->bytes_size);
    hi_part_dir_free(mem, dir);
    hi_file_data_free(&file, mem);
    hi_part_summary_free(mem, &summary);
    (void)vfs->unlink(vfs, "db/P-7.hp", NULL);
}

/* Right checksums everywhere, footer and tail; gives the hash of the footer. */
static uint64_t fuzz_seal(fuzz_part *p, hi_buf *file)
{
    uint8_t *bytes = (uint8_t *)file->data;
    uint8_t end[HI_PART_TAIL_SIZE];
    hi_part_tail tail = {.footer_offset = file->size};
    hi_part_group *g = &p->footer.groups[0];

    for (uint32_t i = 0; i < p->section_count; i++) {
        const uint64_t at = p->section_at[i];
        const uint64_t hash = hi_hash(bytes + at, (size_t)p->section_size[i],
                                      hi_hash_seed(FUZZ_STORE, FUZZ_PART, at));

        hi_put_u64(bytes + at + p->section_size[i], hash);
    }
    g->dir_size = (uint32_t)(file->size - p->dir_offset);
    g->dir_hash = hi_hash(bytes + p->dir_offset, g->dir_size,
                          hi_hash_seed(FUZZ_STORE, FUZZ_PART, p->dir_offset));
    hi_part_footer_put(file, &p->footer);
    tail.footer_size = (uint32_t)(file->size - tail.footer_offset);
    tail.footer_hash = hi_hash(file->data + tail.footer_offset, tail.footer_size,
                               hi_hash_seed(FUZZ_STORE, FUZZ_PART, tail.footer_offset));
    hi_part_tail_put(end, &tail);
    hi_buf_append(file, end, sizeof(end));
    return tail.footer_hash;
}

/* Twice the same fragments, so that rows are merged too. */
static void fuzz_read(hi_part *part, hi_mem *mem)
{
    hi_frag_list list = {0};
    fm_row *rows = NULL;
    size_t count = 0;
    hi_arena arena;

    hi_arena_init(&arena, mem);
    if (hi_part_frags(part, FUZZ_TABLE, INT64_MIN, INT64_MAX, NULL, 0, &arena, mem, &list, NULL) ==
            HIST_OK &&
        hi_part_frags(part, FUZZ_TABLE, 30000, 70000, NULL, 0, &arena, mem, &list, NULL) ==
            HIST_OK) {
        const hi_merge_spec spec = {.frags = list.frags,
                                    .frag_count = list.count,
                                    .from_ns = 10000,
                                    .to_ns = 90000,
                                    .to_inclusive = true};

        (void)fm_collect(mem, &spec, 64, &rows, &count, NULL);
    }
    free(rows);
    for (uint32_t i = 0; i < list.count; i++) {
        list.frags[i]->ops->close(list.frags[i]);
    }
    hi_arena_free(&arena);
    (void)hi_part_verify(part, NULL, NULL, NULL);
}

/* The sound part, made once. */
static fuzz_part *fuzz_sound(void)
{
    static hi_mem mem;
    static fuzz_part sound;

    if (sound.section_count == 0) {
        hist_vfs *vfs = hist_vfs_memory_new();

        hi_mem_init(&mem, NULL, NULL, 0);
        if (vfs == NULL || vfs->mkdir(vfs, "db", NULL) != HIST_OK) {
            abort();
        }
        fuzz_load(&sound, vfs, &mem);
        hist_vfs_memory_free(vfs);
    }
    return &sound;
}

static void fuzz_whole(hi_mem *mem, const uint8_t *data, size_t size)
{
    fuzz_part *sound = fuzz_sound();
    hist_vfs *vfs = hist_vfs_memory_new();
    hi_part *part = NULL;
    hi_buf file;

    if (vfs == NULL || vfs->mkdir(vfs, "db", NULL) != HIST_OK) {
        abort();
    }
    hi_buf_init(&file, mem, 1 << 20);
    hi_buf_append(&file, sound->bytes.data, sound->bytes.size);
    for (; size >= 3; data += 3, size -= 3) {
        const size_t at =
            HI_PART_HEADER_SIZE + hi_get_u16(data) % (file.size - HI_PART_HEADER_SIZE);

        file.data[at] = (char)data[2];
    }
    const uint64_t hash = fuzz_seal(sound, &file);
    const hist_iov iov = {file.data, file.size};
    const hi_part_config config = {
        .vfs = vfs, .dir = "db", .mem = mem, .store = FUZZ_STORE, .group_rows_max = 65536};
    if (hi_file_write_new(vfs, "db", "P-7.hp", &iov, 1, NULL) == HIST_OK &&
        hi_part_new(&config, FUZZ_PART, file.size, hash, 1, 1, &part, NULL) == HIST_OK) {
        fuzz_read(part, mem);
    }
    hi_part_free(part);
    hi_buf_free(&file);
    hist_vfs_memory_free(vfs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hi_mem mem;

    if (size == 0) {
        return 0;
    }
    hi_mem_init(&mem, NULL, NULL, FUZZ_MEMORY);
    switch (data[0] % 3) {
    case 0:
        fuzz_dir(&mem, data + 1, size - 1);
        break;
    case 1:
        fuzz_footer(&mem, data + 1, size - 1);
        break;
    default:
        fuzz_whole(&mem, data + 1, size - 1);
        break;
    }
    if (mem.used != 0) {
        abort();
    }
    return 0;
}
