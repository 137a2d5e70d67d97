/* fuzz_dyn.c -- JSON text and tagged bytes of dynamic values: any input, no crash, stable round trip. */
#define _GNU_SOURCE /* memmem */
#include <stdlib.h>
#include <string.h>

#include "base/dyn.h"

static void fuzz_read(hi_mem *mem, hi_dyn v)
{
    hi_buf text;

    hi_buf_init(&text, mem, SIZE_MAX);
    hi_dyn_to_json(&text, v);
    hi_dyn_to_text(&text, v);
    hi_buf_free(&text);
    (void)hi_dyn_hash(v, 1);
    if (hi_dyn_compare(v, v) != 0) {
        abort();
    }
    (void)hi_dyn_at(v, -1);
    (void)hi_dyn_get(v, "a", 1);
}

/* What parses must print to text that parses to the same value. */
static void fuzz_json(hi_mem *mem, const char *text, size_t size)
{
    hi_buf first;
    hi_buf json;
    hi_buf second;

    hi_buf_init(&first, mem, SIZE_MAX);
    hi_buf_init(&json, mem, SIZE_MAX);
    hi_buf_init(&second, mem, SIZE_MAX);
    if (hi_dyn_from_json(&first, text, size, NULL) == HIST_OK) {
        const hi_dyn v = hi_dyn_of(first.data, first.size);

        if (!hi_dyn_check(first.data, first.size)) {
            abort();
        }
        hi_dyn_to_json(&json, v);
        if (memmem(json.data, json.size, "Infinity", 8) == NULL &&
            (hi_dyn_from_json(&second, json.data, json.size, NULL) != HIST_OK ||
             first.size != second.size || memcmp(first.data, second.data, first.size) != 0)) {
            abort();
        }
        fuzz_read(mem, v);
    }
    hi_buf_free(&first);
    hi_buf_free(&json);
    hi_buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hi_mem mem;

    hi_mem_init(&mem, NULL, NULL, UINT64_C(1) << 28);
    fuzz_json(&mem, (const char *)data, size);
    (void)hi_dyn_check(data, size);
    fuzz_read(&mem, hi_dyn_of(data, size));
    if (mem.used != 0) {
        abort();
    }
    return 0;
}
