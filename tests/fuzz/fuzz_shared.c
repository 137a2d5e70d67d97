/*
 * fuzz_shared.c -- hostile shared sections of pages: an error, or numbers, strings and forms within
 * bounds; no memory is kept, nor more taken than the account allows.
 *
 * u8 flags (type; from 6 on little memory), then the section.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "tests/support/fuzz_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_TYPES = 6, FUZZ_MEMORY = 1 << 20, FUZZ_MEMORY_LITTLE = 1 << 15 };

static const hist_type fuzz_types[FUZZ_TYPES] = {HIST_TYPE_BOOL,     HIST_TYPE_LONG,
                                                 HIST_TYPE_REAL,     HIST_TYPE_STRING,
                                                 HIST_TYPE_DATETIME, HIST_TYPE_INT};

static volatile uint64_t fuzz_sum; /* So that the reading is not left out. */

/* Reads all of it: sanitizers see what is not there. */
static void fuzz_look(hist_type type, const hi_page_shared *shared)
{
    const hi_dict *dict = &shared->dict;
    uint64_t sum = 0;

    fz_check(dict->count == 0 || type == HIST_TYPE_STRING, "strings of another type");
    fz_check(shared->number_count <= HI_PAGE_ENTRIES_MAX, "too many numbers");
    for (uint32_t i = 0; i < dict->count; i++) {
        fz_check(dict->offsets[i] <= dict->offsets[i + 1], "a string of less than no bytes");
    }
    for (int32_t i = 0; dict->count > 0 && i < dict->offsets[dict->count]; i++) {
        sum += (uint8_t)dict->bytes[i];
    }
    for (uint32_t i = 0; i < shared->number_count; i++) {
        sum += shared->numbers[i];
    }
    fz_check(shared->run_count <= HI_PAGE_RUNS_MAX, "too many runs");
    for (uint32_t i = 0; i < shared->run_count; i++) {
        fz_check(shared->run_starts[i] < shared->run_starts[i + 1], "a run of no values");
        fz_check(type != HIST_TYPE_INT || shared->run_values[i] <= UINT32_MAX, "an id too large");
        sum += shared->run_values[i];
    }
    for (uint32_t f = 0; shared->forms != NULL && f < shared->forms->count; f++) {
        const hi_cold_form *form = &shared->forms->form[f];

        fz_check(form->symbols >= 1 && form->symbols <= HI_RANS_SYMBOLS && form->tables >= 1 &&
                     form->tables <= HI_RANS_TABLES_MAX && form->width <= HI_COLD_WIDTH_MAX &&
                     (form->coarse > 0) == (form->step >= 2) && form->step <= HI_COLD_STEP_MAX &&
                     (form->coarse == 0 || (form->bins && form->coarse < hi_cold_bins(form))),
                 "a form out of bounds");
    }
    fuzz_sum = sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hi_page_shared shared;
    hi_mem mem;

    if (size < 1) {
        return 0;
    }
    const hist_type type = fuzz_types[data[0] % FUZZ_TYPES];
    const bool little = data[0] / FUZZ_TYPES % 2 != 0;
    uint8_t *source = fz_source(data + 1, size - 1);
    hi_mem_init(&mem, NULL, NULL, little ? FUZZ_MEMORY_LITTLE : FUZZ_MEMORY);
    const hist_status status =
        hi_page_shared_open(&mem, type, source, size - 1, FZ_TEXT_MAX, &shared);
    fz_check(status == HIST_OK || status == HIST_ECORRUPT || (little && status == HIST_ENOMEM),
             "a status of its own");
    if (status == HIST_OK) {
        fuzz_look(type, &shared);
    }
    hi_page_shared_free(&mem, &shared);
    fz_check(mem.used == 0, "memory was not given back");
    free(source);
    return 0;
}
