/* fuzz_walrec.c -- any bytes as the payload of a WAL batch: rows, definitions and deletes. */
#include <stddef.h>
#include <stdint.h>

#include "store/catalog_write.h"
#include "store/chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_records(hi_reader *r, hi_catalog *catalog, hi_rows *rows, hi_arena *arena)
{
    hi_walrec record;
    hi_tombstone tombstone;

    while (hi_walrec_next(r, &record)) {
        if (hi_walrec_is_definition(&record)) {
            (void)hi_catalog_apply_record(catalog, &record, NULL);
        } else if (hi_walrec_decode_rows(&record, rows) != HIST_OK) {
            hi_rows_clear(rows);
            (void)hi_walrec_decode_delete(&record, 1, arena, &tombstone);
        }
    }
}

/* What was read can be written again, and kept. */
static void fuzz_use(hi_mem *mem, const hi_rows *rows)
{
    hi_chunks *chunks = hi_chunks_new(mem, 64);
    hi_buf payload;

    hi_buf_init(&payload, mem, SIZE_MAX / 2);
    hi_walrec_encode_rows(rows, &payload);
    if (chunks != NULL && hi_chunks_append(chunks, rows, 1, NULL) == HIST_OK) {
        hi_chunks_publish(chunks);
    }
    hi_chunks_free(chunks);
    hi_buf_free(&payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hi_mem mem;
    hi_rows rows;
    hi_arena arena;
    hi_catalog *catalog = NULL;
    hi_reader r = hi_reader_of(data, size);

    hi_mem_init(&mem, NULL, NULL, 32 << 20);
    hi_rows_init(&rows, &mem);
    hi_arena_init(&arena, &mem);
    const hi_catalog_config config = {.mem = &mem};
    if (hi_catalog_new(&config, &catalog, NULL) == HIST_OK) {
        fuzz_records(&r, catalog, &rows, &arena);
        fuzz_use(&mem, &rows);
    }
    hi_catalog_free(catalog);
    hi_arena_free(&arena);
    hi_rows_free(&rows);
    if (mem.used != 0) {
        __builtin_trap();
    }
    return 0;
}
