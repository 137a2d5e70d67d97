/*
 * bench_columns.c -- size and speed of the codec on the real columns of columns.tar.zst.
 *
 *     bench_columns [--type f64|i64|ts|bool|str] [--group NAME] [--variant base|avx2|avx512]
 *                   [--quick] [--tsv] [--reference FILE] FOLDER
 *
 * FOLDER holds the unpacked columns and IDX.tsv (`make bench-codec` sees to it). Each column
 * is encoded warm and cold, in pages of one block and of eight, and decoded by every CPU
 * variant; what comes back is compared with the file bit for bit. Times are the shortest of several
 * for a column; a group's figures add its columns. README.md says how to read the tables.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "bench/columns/result.h"
#include "store/part_dir.h"

enum { PATH_BYTES_MAX = 4096, LINE_BYTES_MAX = 1024, FILE_NAME_MAX = 256, INDEX_FIELDS = 4 };

static const int64_t day_ns = INT64_C(86400000000000);

/* How long something is repeated: at least `least` rounds, then until `most` or `seconds`. */
typedef struct rounds {
    int least;
    int most;
    double seconds;
} rounds;

static const rounds bench_encode_full = {3, 15, 2e-3};
static const rounds bench_decode_full = {5, 25, 1e-3};
static const rounds bench_encode_quick = {1, 1, 0};
static const rounds bench_decode_quick = {3, 3, 0};

/* Decoding is repeated inside a round until it takes this long: the clock's steps do not show. */
static const double bench_round_s = 30e-6;

/* A line of IDX.tsv. */
typedef struct index_entry {
    size_t type;
    char group[COLUMNS_NAME_MAX];
    char file[FILE_NAME_MAX];
} index_entry;

typedef struct bench_options {
    const char *folder;
    const char *reference;
    const char *kind;
    const char *group;
    const char *variant;
    bool quick;
    bool tsv;
} bench_options;

typedef struct bench {
    bench_options options;
    hi_mem mem;
    hi_encoder *encoder;
    hi_buf out;
    hi_buf packed; /* A directory, as it is stored. */
    hi_dir_builder directory;
    hi_room room;
    index_entry *entries;
    size_t entry_count;
    real_page *pages; /* Of the column in work. */
    uint32_t page_count;
    columns_group *groups;
    columns_result result;
} bench;

static void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void bench_die(const char *format, ...)
{
    va_list args;

    (void)fprintf(stderr, "bench_columns: ");
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
    exit(1);
}

static double bench_seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- the index ---- */

static size_t bench_type_of(const char *kind)
{
    for (size_t i = 0; i < COLUMNS_TYPES; i++) {
        if (strcmp(columns_types[i].kind, kind) == 0) {
            return i;
        }
    }
    bench_die("unknown type %s", kind);
}

static int bench_by_place(const void *a, const void *b)
{
    const index_entry *x = a;
    const index_entry *y = b;
    const int group = strcmp(x->group, y->group);

    return x->type != y->type ? (x->type < y->type ? -1 : 1)
           : group != 0       ? group
                              : strcmp(x->file, y->file);
}

/* kind, group, name, file; false: not asked for. */
static bool bench_index_line(const bench_options *o, char *line, index_entry *entry)
{
    const char *fields[INDEX_FIELDS];

    for (int i = 0; i < INDEX_FIELDS; i++) {
        fields[i] = line;
        line += strcspn(line, "\t\n");
        if (*line == 0) {
            bench_die("IDX.tsv: a line with too few fields");
        }
        *line++ = 0;
    }
    if ((o->kind != NULL && strcmp(o->kind, fields[0]) != 0) ||
        (o->group != NULL && strcmp(o->group, fields[1]) != 0)) {
        return false;
    }
    entry->type = bench_type_of(fields[0]);
    (void)snprintf(entry->group, sizeof(entry->group), "%s", fields[1]);
    (void)snprintf(entry->file, sizeof(entry->file), "%s", fields[3]);
    return true;
}

/* Sorted; a file that is listed twice counts once. */
static void bench_read_index(bench *b)
{
    char path[PATH_BYTES_MAX];
    char line[LINE_BYTES_MAX];

    (void)snprintf(path, sizeof(path), "%s/IDX.tsv", b->options.folder);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        bench_die("cannot read %s", path);
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        b->entries = realloc(b->entries, (b->entry_count + 1) * sizeof(*b->entries));
        if (b->entries == NULL) {
            bench_die("no memory");
        }
        b->entry_count += bench_index_line(&b->options, line, &b->entries[b->entry_count]);
    }
    (void)fclose(file);
    if (b->entry_count == 0) {
        bench_die("%s has no such columns", path);
    }
    qsort(b->entries, b->entry_count, sizeof(*b->entries), bench_by_place);
    size_t kept = 1;
    for (size_t i = 1; i < b->entry_count; i++) {
        if (strcmp(b->entries[i].file, b->entries[kept - 1].file) != 0) {
            b->entries[kept++] = b->entries[i];
        }
    }
    b->entry_count = kept;
}

static void bench_read_column(const bench *b, const index_entry *entry, real_column *c)
{
    char path[PATH_BYTES_MAX];

    (void)snprintf(path, sizeof(path), "%s/%s", b->options.folder, entry->file);
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        bench_die("cannot read %s", path);
    }
    const size_t size = (size_t)ftell(file);
    uint8_t *bytes = malloc(size + 1);
    rewind(file);
    if (bytes == NULL || fread(bytes, 1, size, file) != size ||
        !real_column_parse(c, real_column_type(entry->file), bytes, size) || c->rows == 0) {
        bench_die("%s is no column", path);
    }
    free(bytes);
    (void)fclose(file);
}

/* ---- encoding and decoding a column ---- */

static void bench_cut(bench *b, const real_column *c, uint32_t page_rows)
{
    b->page_count = 0;
    b->pages = realloc(b->pages, (c->rows / page_rows + 1) * sizeof(*b->pages));
    if (b->pages == NULL) {
        bench_die("no memory");
    }
    for (uint32_t row = 0; row < c->rows; row += page_rows) {
        const uint32_t left = c->rows - row;

        b->pages[b->page_count++] =
            (real_page){.first = row, .rows = left < page_rows ? left : page_rows};
    }
}

static void bench_encode(bench *b, const real_column *c, hi_profile profile)
{
    hi_buf_clear(&b->out);
    for (uint32_t p = 0; p < b->page_count; p++) {
        const hist_status status = real_page_encode(b->encoder, c, profile, &b->pages[p], &b->out);

        if (status != HIST_OK) {
            bench_die("encoding: %s", hist_status_text(status));
        }
    }
}

static void bench_decode(bench *b, const real_column *c, const hi_codec_kernels *kern,
                         const real_column *expect, const char *name)
{
    for (uint32_t p = 0; p < b->page_count; p++) {
        const hist_status status =
            real_page_decode(kern, &b->mem, c->type, &b->pages[p], b->out.data, &b->room, expect);

        if (status != HIST_OK) {
            bench_die("%s, page %u, decoded by %s: %s", name, p, kern->name,
                      status == HIST_EINTERNAL ? "other values than were encoded"
                                               : hist_status_text(status));
        }
    }
}

static double bench_time_encode(bench *b, const real_column *c, hi_profile profile)
{
    const rounds *r = b->options.quick ? &bench_encode_quick : &bench_encode_full;
    double best = 1e9;
    double all = 0;

    for (int i = 0; i < r->least || (i < r->most && all < r->seconds); i++) {
        const double start = bench_seconds();
        bench_encode(b, c, profile);
        const double took = bench_seconds() - start;

        best = took < best ? took : best;
        all += took;
    }
    if (hi_buf_reserve(&b->out, HI_CODEC_PAD) == NULL) {
        bench_die("no memory");
    }
    return best;
}

static double bench_time_decode(bench *b, const real_column *c, const hi_codec_kernels *kern)
{
    const rounds *r = b->options.quick ? &bench_decode_quick : &bench_decode_full;
    double best = 1e9;
    double all = 0;
    int times = 1;

    for (int i = 0; i < r->least || (i < r->most && all < r->seconds); i++) {
        const double start = bench_seconds();
        for (int t = 0; t < times; t++) {
            bench_decode(b, c, kern, NULL, "");
        }
        const double took = bench_seconds() - start;

        best = took / times < best ? took / times : best;
        all += took;
        times = best < bench_round_s ? (int)(bench_round_s / best) + 1 : 1;
    }
    return best;
}

/* ---- what a column costs ---- */

/* Bytes of the directory of a row group with the pages in b->directory, as it is stored. */
static size_t bench_stored(bench *b, const hi_dir_rows *rows)
{
    hi_buf_clear(&b->packed);
    if (hi_dir_builder_finish(&b->directory, rows, &b->mem, &b->packed, NULL) != HIST_OK) {
        bench_die("no memory");
    }
    return b->packed.size;
}

/* What the directory says of a page, made by the code that writes parts: of tiny blocks it holds the
   bytes, too, which count as encoded. The row group has one series and, but for the times, no other
   page; what is said of rows and series is charged to the times alone. */
static void bench_directory(bench *b, const real_column *c, const real_page *page,
                            columns_cost *cost)
{
    const bool time = c->type == HIST_TYPE_DATETIME;
    const int64_t *times = time ? (const int64_t *)c->data + page->first : NULL;
    const hi_run run = {.rows = page->rows,
                        .first_ns = time ? times[0] : 0,
                        .last_ns = time ? times[page->rows - 1] : 0};
    uint32_t block_rows[REAL_PAGE_BLOCKS];
    hi_part_block blocks[REAL_PAGE_BLOCKS];
    uint64_t hashes = page->shared_size > HI_PART_TINY_MAX;
    uint64_t tiny = page->shared_size > HI_PART_TINY_MAX ? 0 : page->shared_size;

    for (uint32_t i = 0; i < page->block_count; i++) {
        const hi_block_info *info = &page->blocks[i];

        block_rows[i] = info->rows;
        blocks[i] = (hi_part_block){.size = info->size,
                                    .at = info->offset,
                                    .encoding = info->encoding,
                                    .stats = info->stats};
        hi_block_stats_clean(&blocks[i].stats, c->type, info->rows);
        cost->models[info->encoding % COLUMNS_MODELS]++;
        hashes += !hi_part_is_tiny(info->size);
        tiny += hi_part_is_tiny(info->size) ? info->size : 0;
    }
    const hi_dir_rows rows = {.rows = page->rows,
                              .partition_ns = run.first_ns - run.first_ns % day_ns,
                              .runs = &run,
                              .run_count = 1,
                              .block_rows = block_rows,
                              .block_count = page->block_count};
    hi_dir_builder_clear(&b->directory);
    const size_t rest = time ? 0 : bench_stored(b, &rows);
    hi_dir_builder_page(&b->directory,
                        &(hi_dir_page){.column = time ? HI_COLUMN_TIME : 1,
                                       .type = c->type,
                                       .rows = &rows,
                                       .bytes = (const uint8_t *)b->out.data + page->at,
                                       .shared_size = page->shared_size,
                                       .blocks = blocks});
    cost->blocks += page->block_count;
    cost->directory += (int64_t)(bench_stored(b, &rows) - rest + hashes * HI_PART_HASH_SIZE);
    cost->directory -= (int64_t)tiny;
}

static columns_cost bench_way(bench *b, const real_column *c, const columns_way *way,
                              const char *name)
{
    columns_cost cost = {0};

    bench_cut(b, c, way->page_rows);
    cost.encode_s = bench_time_encode(b, c, way->profile);
    cost.encoded = b->out.size;
    for (uint32_t p = 0; p < b->page_count; p++) {
        bench_directory(b, c, &b->pages[p], &cost);
    }
    for (size_t k = 0; k < b->result.kern_count; k++) {
        bench_decode(b, c, b->result.kern[k], c, name);
        cost.decode_s[k] = bench_time_decode(b, c, b->result.kern[k]);
    }
    return cost;
}

static void bench_add(columns_cost *to, const columns_cost *cost)
{
    to->encoded += cost->encoded;
    to->directory += cost->directory;
    to->blocks += cost->blocks;
    to->encode_s += cost->encode_s;
    for (int k = 0; k < REAL_VARIANTS_MAX; k++) {
        to->decode_s[k] += cost->decode_s[k];
    }
    for (int m = 0; m < COLUMNS_MODELS; m++) {
        to->models[m] += cost->models[m];
    }
}

static void bench_column(bench *b, const index_entry *entry, columns_group *g)
{
    columns_cost cost = {0};
    real_column c;

    bench_read_column(b, entry, &c);
    if (!real_room_new(&b->room, c.text_size)) {
        bench_die("no memory");
    }
    g->columns++;
    g->values += c.rows;
    g->raw_bytes += c.raw_bytes;
    for (int way = 0; way < COLUMNS_WAYS; way++) {
        /* A column of one block makes the same page in both sizes. */
        if (way % 2 == 0 || c.rows > HI_BLOCK_ROWS_MAX) {
            cost = bench_way(b, &c, &columns_ways[way], entry->file);
        }
        bench_add(&g->cost[way], &cost);
    }
    real_room_free(&b->room);
    real_column_free(&c);
}

/* ---- all of them ---- */

static void bench_run(bench *b)
{
    columns_group *g = NULL;

    b->groups = calloc(b->entry_count, sizeof(*b->groups));
    if (b->groups == NULL) {
        bench_die("no memory");
    }
    for (size_t i = 0; i < b->entry_count; i++) {
        const index_entry *entry = &b->entries[i];

        if (g == NULL || g->type != entry->type || strcmp(g->name, entry->group) != 0) {
            g = &b->groups[b->result.group_count++];
            g->type = entry->type;
            memcpy(g->name, entry->group, sizeof(g->name));
        }
        bench_column(b, entry, g);
    }
    b->result.groups = b->groups;
}

static void bench_usage(void)
{
    (void)fprintf(stderr, "usage: bench_columns [--type f64|i64|ts|bool|str] [--group NAME]\n"
                          "                     [--variant base|avx2|avx512] [--quick] [--tsv]\n"
                          "                     [--reference FILE] FOLDER\n");
    exit(2);
}

static bench_options bench_parse_options(int argc, char **argv)
{
    static const struct option longs[] = {
        {"type", required_argument, NULL, 't'},
        {"group", required_argument, NULL, 'g'},
        {"variant", required_argument, NULL, 'v'},
        {"reference", required_argument, NULL, 'r'},
        {"quick", no_argument, NULL, 'q'},
        {"tsv", no_argument, NULL, 'T'},
        {NULL, 0, NULL, 0},
    };
    bench_options o = {.reference = "bench/columns_reference.tsv"};

    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (c) {
        case 't':
            o.kind = optarg;
            break;
        case 'g':
            o.group = optarg;
            break;
        case 'v':
            o.variant = optarg;
            break;
        case 'r':
            o.reference = optarg;
            break;
        case 'q':
            o.quick = true;
            break;
        case 'T':
            o.tsv = true;
            break;
        default:
            bench_usage();
        }
    }
    if (optind + 1 != argc) {
        bench_usage();
    }
    o.folder = argv[optind];
    return o;
}

static void bench_pick_variants(bench *b)
{
    const hi_codec_kernels *list[REAL_VARIANTS_MAX];
    const size_t count = real_variants(list);
    columns_result *r = &b->result;

    for (size_t k = 0; k < count; k++) {
        if (b->options.variant == NULL || strcmp(b->options.variant, list[k]->name) == 0) {
            r->kern[r->kern_count++] = list[k];
        }
    }
    if (r->kern_count == 0) {
        bench_die("this CPU has no variant %s", b->options.variant);
    }
}

static void bench_open(bench *b)
{
    hi_mem_init(&b->mem, NULL, NULL, 0);
    b->encoder = hi_encoder_new(&b->mem);
    if (b->encoder == NULL) {
        bench_die("no memory");
    }
    hi_buf_init(&b->out, &b->mem, SIZE_MAX / 2);
    hi_buf_init(&b->packed, &b->mem, SIZE_MAX / 2);
    hi_dir_builder_init(&b->directory, &b->mem);
    if (!columns_references_read(b->options.reference, &b->result.refs)) {
        bench_die("cannot read %s", b->options.reference);
    }
}

static void bench_close(bench *b)
{
    hi_encoder_free(b->encoder);
    hi_buf_free(&b->out);
    hi_buf_free(&b->packed);
    hi_dir_builder_free(&b->directory);
    columns_references_free(&b->result.refs);
    free(b->entries);
    free(b->groups);
    free(b->pages);
}

int main(int argc, char **argv)
{
    bench b = {.options = bench_parse_options(argc, argv)};

    bench_open(&b);
    bench_pick_variants(&b);
    bench_read_index(&b);
    bench_run(&b);
    if (b.options.tsv) {
        columns_print_tsv(&b.result);
    } else {
        columns_print(&b.result);
    }
    bench_close(&b);
    return 0;
}
