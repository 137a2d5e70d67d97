/*
 * fuzz_catfile.c -- any bytes as a CAT file, with the checksums put right, so that everything behind them is
 * reached. The file is opened and asked for all that a catalog can be asked for.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/hash.h"
#include "store/catfile.h"
#include "store/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_STORE = 77, FUZZ_SIZE_MAX = 65536 };

/* Sections in a row behind the head, their sizes as far as they fit, and all checksums. */
static void fuzz_seal(uint8_t *file, size_t size)
{
    uint64_t at = HI_CAT_HEAD_SIZE;

    memcpy(file, "HISTCAT1", 8);
    memset(file + 8, 0, 4);
    memset(file + 32, 0, 8);
    hi_put_u64(file + 40, 1);
    hi_put_u32(file + 60, HI_CAT_SECTIONS);
    for (int i = 0; i < HI_CAT_SECTIONS; i++) {
        uint8_t *entry = file + 64 + i * 24;
        const uint64_t wanted = hi_get_u64(entry + 8);
        const uint64_t left = size - at;
        const uint64_t given = i == HI_CAT_SECTIONS - 1 || wanted > left ? left : wanted;

        hi_put_u64(entry, at);
        hi_put_u64(entry + 8, given);
        hi_put_u64(entry + 16, hi_hash(file + at, (size_t)given, hi_hash_seed(FUZZ_STORE, 1, at)));
        at += given;
    }
    hi_put_u64(file + HI_CAT_HEAD_SIZE - 8,
               hi_hash(file, HI_CAT_HEAD_SIZE - 8, hi_hash_seed(FUZZ_STORE, 1, 0)));
}

static bool fuzz_write(hist_vfs *vfs, const uint8_t *bytes, size_t size)
{
    char path[HI_PATH_SIZE];
    hist_file *file = NULL;
    const hist_iov iov = {bytes, size};

    if (vfs->mkdir(vfs, "s", NULL) != HIST_OK ||
        hi_name_path("s", HI_FILE_CATALOG, 1, path, NULL) != HIST_OK ||
        vfs->open(vfs, path, HIST_OPEN_READ | HIST_OPEN_WRITE | HIST_OPEN_CREATE, &file, NULL) !=
            HIST_OK) {
        return false;
    }
    const hist_status status = file->ops->write(file, 0, &iov, 1, NULL);
    file->ops->close(file);
    return status == HIST_OK;
}

static void fuzz_ask(hi_catalog *c, hi_mem *mem)
{
    const hist_str value = {"a", 1};
    const hist_tag tag = {{"host", 4}, {"a", 1}};
    const uint32_t some[] = {1, 2, 3};
    const uint32_t *ids = NULL;
    uint32_t count = 0;
    uint32_t id = 0;
    hist_column column;
    hi_checkpoint checkpoint;
    hi_arena arena;

    hi_arena_init(&arena, mem);
    for (uint32_t table = 1; table < 4; table++) {
        (void)hi_catalog_series(c, table, &arena, &ids, &count, NULL);
        (void)hi_catalog_series_eq(c, table, table, value, &arena, &ids, &count, NULL);
        (void)hi_catalog_series_eq(c, table, 1, (hist_str){"", 0}, &arena, &ids, &count, NULL);
        (void)hi_catalog_tag(c, table, 1, some, 3, &arena, &column, NULL);
        (void)hi_catalog_find_series(c, table, &tag, 1, &id, NULL);
        (void)hi_catalog_define_series(c, table, &tag, 1, &id, NULL);
        (void)hi_catalog_series_table(c, table, &id, NULL);
    }
    (void)hi_catalog_verify(c, NULL, NULL, NULL);
    if (hi_catalog_checkpoint(c, 2, &checkpoint, NULL) == HIST_OK) {
        hi_catalog_checkpoint_end(c, &checkpoint, true);
    }
    hi_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[HI_CAT_HEAD_SIZE + FUZZ_SIZE_MAX];
    hist_vfs *vfs = hist_vfs_memory_new();
    hi_catalog *catalog = NULL;
    hi_mem mem;

    size = size > FUZZ_SIZE_MAX ? FUZZ_SIZE_MAX : size;
    memset(bytes, 0, HI_CAT_HEAD_SIZE);
    if (size > 0) {
        memcpy(bytes, data, size);
    }
    size = size < HI_CAT_HEAD_SIZE ? HI_CAT_HEAD_SIZE : size;
    fuzz_seal(bytes, size);
    hi_mem_init(&mem, NULL, NULL, 32 << 20);
    const hi_catalog_config config = {.mem = &mem, .vfs = vfs, .dir = "s", .store = FUZZ_STORE};
    const hi_catalog_file info = {1, size, hi_get_u64(bytes + HI_CAT_HEAD_SIZE - 8)};
    if (vfs != NULL && fuzz_write(vfs, bytes, size) &&
        hi_catalog_new(&config, &catalog, NULL) == HIST_OK &&
        hi_catalog_open_file(catalog, &info, NULL) == HIST_OK) {
        fuzz_ask(catalog, &mem);
    }
    hi_catalog_free(catalog);
    hist_vfs_memory_free(vfs);
    if (mem.used != 0) {
        __builtin_trap();
    }
    return 0;
}
