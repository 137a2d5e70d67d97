/*
 * test_codec_golden.c -- pages made once decode on every machine to the values they were made of,
 * and the encoder still makes the same bytes of those values, with the same statistics.
 *
 * tests/golden/codec.txt has a line for each page: the column (type, shape, rows, profile, nulls;
 * tests/support makes it again), bytes of the shared section and of the page, and checksums of the
 * page, the values and the statistics. Where a place is given, sizes of the blocks (u32) and the
 * page lie there in codec.bin. Another version of zstd may make other frames: then pages with zstd
 * inside are only decoded. Whoever changes the format or the choice of models runs `make golden`
 * and commits both.
 */
/* cmocka.h wants the four before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "tests/support/codec_columns.h"

enum {
    PAGE_BYTES_MAX = 1 << 20,
    TEXT_BYTES_MAX = 1 << 20,
    KEPT_BYTES_MAX = 1100, /* Larger pages are checksums only. */
    LINES_MAX = 4096,
    CUT_ROWS = 4320, /* A page of so many rows has three blocks, */
    CUT_BLOCKS = 3,  /* all others have one. */
};

#define GOLDEN_AGAIN "(changed on purpose? run: make golden)"

typedef struct golden {
    unsigned type; /* Index of cc_types. */
    int shape;
    uint32_t rows;
    unsigned profile;
    int nulls;
    uint32_t shared;
    uint32_t size;
    uint64_t bytes; /* Checksums. */
    uint64_t values;
    uint64_t stats;
    long at; /* In codec.bin; -1: not kept. */
} golden;

static const char golden_index[] = "tests/golden/codec.txt";
static const char golden_pages[] = "tests/golden/codec.bin";
static const char *const golden_types[CC_TYPES] = {"bool",   "long",     "real",
                                                   "string", "datetime", "int"};

static golden golden_all[LINES_MAX];
static uint32_t golden_count;
static unsigned golden_zstd; /* ZSTD_versionNumber() of whoever wrote the files. */

/* ---- the cases -------------------------------------------------------------------------- */

/* Shapes that differ for a type. */
static bool case_wanted(hist_type type, int shape)
{
    switch (type) {
    case HIST_TYPE_BOOL:
        return shape == SHAPE_CONST || shape == SHAPE_RUNS || shape == SHAPE_NOISE;
    case HIST_TYPE_STRING:
        return shape == SHAPE_CONST || shape == SHAPE_WALK || shape == SHAPE_NOISE;
    case HIST_TYPE_DATETIME:
        return shape == SHAPE_CONST || (shape >= SHAPE_CLOCK && shape <= SHAPE_EXTREMES);
    case HIST_TYPE_INT:
        return shape == SHAPE_CONST || shape == SHAPE_COUNTER || shape == SHAPE_RUNS ||
               shape == SHAPE_NOISE;
    case HIST_TYPE_LONG:
        return shape < SHAPE_FLOATS || shape > SHAPE_FEW_LEFT;
    default:
        return true;
    }
}

static uint32_t cases_make(golden *all)
{
    static const uint32_t sizes[] = {1, 2, 15, 16, 17, 255, 256, 257, 1023, 1024, 1025, 4320, 8192};
    uint32_t count = 0;

    for (unsigned type = 0; type < CC_TYPES; type++) {
        for (int shape = 0; shape < SHAPE_COUNT; shape++) {
            for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
                for (unsigned profile = 0; profile < 2; profile++) {
                    if (!case_wanted(cc_types[type], shape)) {
                        continue;
                    }
                    const unsigned turn = (unsigned)shape + i + profile;
                    assert_true(count < LINES_MAX);
                    all[count++] =
                        (golden){.type = type,
                                 .shape = shape,
                                 .rows = sizes[i],
                                 .profile = profile,
                                 .nulls = turn % 2 == 0 ? NULLS_NONE : 1 + (int)(turn / 2 % 4),
                                 .at = -1};
                }
            }
        }
    }
    return count;
}

static uint32_t case_blocks(const golden *g)
{
    return g->rows == CUT_ROWS ? CUT_BLOCKS : 1;
}

static void case_fill(const golden *g)
{
    cc_seed = (g->type + 1) * UINT64_C(1000003) + (uint64_t)g->shape * 10007 + g->rows;
    cc_fill(cc_types[g->type], g->shape, g->nulls, g->rows);
}

static void case_fail(const golden *g, const char *what)
{
    fail_msg("%s, shape %d, %u rows, %s, nulls %d: %s", golden_types[g->type], g->shape, g->rows,
             g->profile == HI_PROFILE_COLD ? "cold" : "warm", g->nulls, what);
}

/* ---- checksums that are the same on every machine ---------------------------------------- */

static void sum_take(uint64_t *sum, const void *bytes, size_t size)
{
    *sum = hi_hash(bytes, size, *sum);
}

static void sum_word(uint64_t *sum, uint64_t v)
{
    uint8_t bytes[8];

    hi_put_u64(bytes, v);
    sum_take(sum, bytes, sizeof(bytes));
}

/* A row of numbers or bits. */
static uint64_t row_word(hist_type type, const void *data, uint32_t i)
{
    if (type == HIST_TYPE_BOOL) {
        return hist_bit_get(data, i);
    }
    return type == HIST_TYPE_INT ? ((const uint32_t *)data)[i] : ((const uint64_t *)data)[i];
}

static uint64_t sum_of_column(void)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < cc.v.rows; i++) {
        if (cc.v.valid != NULL && !hist_bit_get(cc.v.valid, i)) {
            sum_take(&sum, "null", 4);
        } else if (cc.v.type == HIST_TYPE_STRING) {
            const int32_t from = cc.offsets[i];
            sum_take(&sum, cc.bytes + from, (size_t)(cc.offsets[i + 1] - from));
        } else {
            sum_word(&sum, row_word(cc.v.type, cc.data, i));
        }
    }
    return sum;
}

static void sum_text(uint64_t *sum, const cc_room *room, const hi_decoded *d, const hi_dict *dict,
                     uint32_t i)
{
    const int32_t *offsets = d->codes ? dict->offsets : room->r.offsets;
    const char *bytes = d->codes ? dict->bytes : room->r.bytes;
    const int32_t entry = d->codes ? ((const int32_t *)room->r.data)[i] : (int32_t)i;

    sum_take(sum, bytes + offsets[entry], (size_t)(offsets[entry + 1] - offsets[entry]));
}

/* Decodes a block. */
static void sum_block(uint64_t *sum, const golden *g, const hi_page_shared *shared,
                      const uint8_t *bytes, uint32_t size)
{
    const hist_type type = cc_types[g->type];
    const uint32_t rows = g->rows / case_blocks(g);
    uint8_t *block = cc_padded_copy(bytes, size);
    cc_room room = cc_room_new(TEXT_BYTES_MAX);
    hi_decoded d = {.nulls = 0};

    if (hi_block_decode(type, block, size, rows, shared, &room.r, &d) != HIST_OK) {
        case_fail(g, "does not decode");
    }
    for (uint32_t i = 0; i < rows; i++) {
        if (!hist_bit_get(room.r.valid, i)) {
            sum_take(sum, "null", 4);
        } else if (type == HIST_TYPE_STRING) {
            sum_text(sum, &room, &d, &shared->dict, i);
        } else {
            sum_word(sum, row_word(type, room.r.data, i));
        }
    }
    cc_room_free(&room);
    free(block);
}

/* Decodes a page. */
static uint64_t sum_of_page(const golden *g, const uint8_t *page, const uint32_t *sizes)
{
    hi_page_shared shared;
    uint32_t at = g->shared;
    uint64_t sum = 0;

    if (hi_page_shared_open(&cc_mem, cc_types[g->type], page, g->shared, TEXT_BYTES_MAX, &shared) !=
        HIST_OK) {
        case_fail(g, "what its blocks share does not decode");
    }
    for (uint32_t b = 0; b < case_blocks(g); b++) {
        if (sizes[b] > g->size - at) {
            case_fail(g, "its blocks are larger than the page");
        }
        sum_block(&sum, g, &shared, page + at, sizes[b]);
        at += sizes[b];
    }
    hi_page_shared_free(&cc_mem, &shared);
    return sum;
}

static void sum_stats(uint64_t *sum, const hi_block_stats *s)
{
    const uint64_t words[] = {s->nulls, s->nans,   s->min,    s->max,           s->first,
                              s->last,  s->sum_lo, s->sum_hi, hi_bits_of(s->m2)};

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        sum_word(sum, words[i]);
    }
}

/* Encodes the column of a case and notes what came out of it. */
static void case_encode(golden *g, cc_page *page, uint32_t *sizes)
{
    case_fill(g);
    cc_page_cut(page, g->rows, g->rows / case_blocks(g));
    cc_page_encode(page, (hi_profile)g->profile);
    g->shared = page->shared_size;
    g->size = (uint32_t)page->bytes.size;
    g->bytes = hi_hash(page->bytes.data, page->bytes.size, 0);
    g->values = sum_of_column();
    g->stats = 0;
    for (uint32_t b = 0; b < page->block_count; b++) {
        sum_stats(&g->stats, &page->blocks[b].stats);
        sizes[b] = page->blocks[b].size;
    }
}

/* ---- the files -------------------------------------------------------------------------- */

static FILE *golden_open(const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);

    if (file == NULL) {
        fail_msg("cannot open %s", path);
    }
    return file;
}

static bool line_read(const char *line, golden *g)
{
    char type[16];

    if (sscanf(line,
               "%15s %d %" SCNu32 " %u %d %" SCNu32 " %" SCNu32 " %" SCNx64 " %" SCNx64 " %" SCNx64
               " %ld",
               type, &g->shape, &g->rows, &g->profile, &g->nulls, &g->shared, &g->size, &g->bytes,
               &g->values, &g->stats, &g->at) != 11) {
        return false;
    }
    for (g->type = 0; g->type < CC_TYPES && strcmp(type, golden_types[g->type]) != 0; g->type++) {
    }
    return g->type < CC_TYPES && g->shape >= 0 && g->shape < SHAPE_COUNT && g->rows >= 1 &&
           g->rows <= HI_BLOCK_ROWS_MAX && g->profile < 2 && g->nulls >= 0 &&
           g->nulls < NULLS_COUNT && g->shared < g->size && g->size <= PAGE_BYTES_MAX;
}

static int golden_read(void **state)
{
    char line[256];
    FILE *file = golden_open(golden_index, "r");

    (void)state;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (line[0] == '#' || sscanf(line, "zstd %u", &golden_zstd) == 1) {
            continue;
        }
        if (golden_count == LINES_MAX || !line_read(line, &golden_all[golden_count])) {
            fail_msg("%s: %s", golden_index, line);
        }
        golden_count++;
    }
    (void)fclose(file);
    return 0;
}

/* Small pages, and of those only one profile where they would be the same. */
static bool page_is_kept(const golden *g, const golden *before)
{
    const bool same = g->profile == HI_PROFILE_COLD && before->bytes == g->bytes;

    return g->size <= KEPT_BYTES_MAX && !same &&
           (g->rows <= 17 ? g->rows % 2 == 1 : g->rows == 257 || g->rows >= 1025);
}

/* Returns how many bytes. */
static long page_write(FILE *file, const golden *g, const uint32_t *sizes, const char *page,
                       bool *good)
{
    uint8_t head[4 * CUT_BLOCKS];
    const size_t head_size = (size_t)4 * case_blocks(g);

    for (uint32_t b = 0; b < case_blocks(g); b++) {
        hi_put_u32(head + (size_t)4 * b, sizes[b]);
    }
    *good = *good && fwrite(head, 1, head_size, file) == head_size &&
            fwrite(page, 1, g->size, file) == g->size;
    return (long)(head_size + g->size);
}

static void page_read(FILE *file, const golden *g, uint32_t *sizes, uint8_t *page)
{
    uint8_t head[4 * CUT_BLOCKS];
    const size_t head_size = (size_t)4 * case_blocks(g);

    assert_int_equal(fseek(file, g->at, SEEK_SET), 0);
    assert_int_equal(fread(head, 1, head_size, file), head_size);
    assert_int_equal(fread(page, 1, g->size, file), g->size);
    for (uint32_t b = 0; b < case_blocks(g); b++) {
        sizes[b] = hi_get_u32(head + (size_t)4 * b);
    }
}

static int golden_write(void)
{
    FILE *index = golden_open(golden_index, "w");
    FILE *pages = golden_open(golden_pages, "wb");
    long at = 0;

    golden_count = cases_make(golden_all);
    bool good =
        fprintf(index,
                "zstd %u\n# type shape rows profile nulls shared size page values stats place\n",
                ZSTD_versionNumber()) > 0;
    for (uint32_t i = 0; i < golden_count; i++) {
        golden *g = &golden_all[i];
        uint32_t sizes[CUT_BLOCKS];
        cc_page page;

        case_encode(g, &page, sizes);
        if (page_is_kept(g, i == 0 ? g : g - 1)) {
            g->at = at;
            at += page_write(pages, g, sizes, page.bytes.data, &good);
        }
        good = good && fprintf(index,
                               "%s %d %" PRIu32 " %u %d %" PRIu32 " %" PRIu32 " %" PRIx64
                               " %" PRIx64 " %" PRIx64 " %ld\n",
                               golden_types[g->type], g->shape, g->rows, g->profile, g->nulls,
                               g->shared, g->size, g->bytes, g->values, g->stats, g->at) > 0;
        hi_buf_free(&page.bytes);
    }
    good = fclose(index) == 0 && good;
    good = fclose(pages) == 0 && good;
    return good ? cc_close() : 1;
}

/* ---- the tests -------------------------------------------------------------------------- */

static void every_case_is_in_the_index(void **state)
{
    static golden wanted[LINES_MAX];
    const uint32_t count = cases_make(wanted);

    (void)state;
    if (count != golden_count) {
        fail_msg("%u lines, not %u " GOLDEN_AGAIN, golden_count, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        const golden *g = &golden_all[i];

        if (g->type != wanted[i].type || g->shape != wanted[i].shape || g->rows != wanted[i].rows ||
            g->profile != wanted[i].profile || g->nulls != wanted[i].nulls) {
            case_fail(g, "another case was expected here " GOLDEN_AGAIN);
        }
    }
}

static void a_page_of_old_decodes_to_the_values_it_was_made_of(void **state)
{
    static uint8_t page[PAGE_BYTES_MAX];
    FILE *file = golden_open(golden_pages, "rb");
    uint32_t kept = 0;

    (void)state;
    for (uint32_t i = 0; i < golden_count; i++) {
        const golden *g = &golden_all[i];
        uint32_t sizes[CUT_BLOCKS];

        if (g->at < 0) {
            continue;
        }
        page_read(file, g, sizes, page);
        if (hi_hash(page, g->size, 0) != g->bytes) {
            case_fail(g, "codec.bin and codec.txt do not belong together");
        }
        if (sum_of_page(g, page, sizes) != g->values) {
            case_fail(g, "decodes to other values " GOLDEN_AGAIN);
        }
        kept++;
    }
    assert_true(kept > 0);
    (void)fclose(file);
}

/* Text is the only thing that zstd has a hand in. */
static bool bytes_are_comparable(const golden *g)
{
    return golden_zstd == ZSTD_versionNumber() || cc_types[g->type] != HIST_TYPE_STRING;
}

static void the_encoder_makes_the_same_bytes_and_statistics(void **state)
{
    uint32_t compared = 0;

    (void)state;
    for (uint32_t i = 0; i < golden_count; i++) {
        const golden *want = &golden_all[i];
        golden made = *want;
        uint32_t sizes[CUT_BLOCKS];
        cc_page page;

        case_encode(&made, &page, sizes);
        if (made.values != want->values) {
            case_fail(want, "the column itself is another one " GOLDEN_AGAIN);
        }
        if (bytes_are_comparable(want)) {
            if (made.bytes != want->bytes || made.size != want->size ||
                made.shared != want->shared) {
                case_fail(want, "the encoder makes other bytes " GOLDEN_AGAIN);
            }
            compared++;
        }
        if (made.stats != want->stats) {
            case_fail(want, "the statistics are others " GOLDEN_AGAIN);
        }
        if (sum_of_page(&made, (const uint8_t *)page.bytes.data, sizes) != want->values) {
            case_fail(want, "does not come back");
        }
        hi_buf_free(&page.bytes);
    }
    assert_true(compared > golden_count / 2);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_case_is_in_the_index),
    cmocka_unit_test(a_page_of_old_decodes_to_the_values_it_was_made_of),
    cmocka_unit_test(the_encoder_makes_the_same_bytes_and_statistics),
};

/* "write": makes the files anew. */
int main(int argc, char **argv)
{
    hi_mem_init(&cc_mem, NULL, NULL, 0);
    cc_encoder = hi_encoder_new(&cc_mem);
    if (argc == 2 && strcmp(argv[1], "write") == 0) {
        return golden_write();
    }
    const int failed = cmocka_run_group_tests(tests, golden_read, NULL);
    return cc_close() != 0 ? 1 : failed;
}
