/*
 * shared_read.c -- the shared section of a page: what its blocks refer to, decoded
 * once a page into memory of the caller's.
 */
#include "base/fpenv.h"
#include "codec/encoder.h"

/* Entries of a page's dictionary of numbers, in pieces of a block's size. */
static HI_FP_GUARDED hist_status shared_open_numbers(hi_mem *mem, hist_type type, hi_reader *r,
                                                     hi_page_shared *shared)
{
    const uint64_t count = hi_read_varint(r);

    if (r->failed || count == 0 || count > HI_PAGE_ENTRIES_MAX) {
        return HIST_ECORRUPT;
    }
    shared->number_count = (uint32_t)count;
    shared->numbers = hi_mem_alloc(mem, hi_page_shared_numbers_size(shared));
    if (shared->numbers == NULL) {
        return HIST_ENOMEM;
    }
    for (uint32_t at = 0; at < shared->number_count; at += HI_BLOCK_ROWS_MAX) {
        const uint32_t left = shared->number_count - at;

        HI_TRY(hi_body_flat(hi_codec_kernels_pick(), r, hi_kind_of(type),
                            left < HI_BLOCK_ROWS_MAX ? left : HI_BLOCK_ROWS_MAX, shared->forms,
                            shared->numbers + at));
    }
    return HIST_OK;
}

static hist_status shared_open_forms(hi_mem *mem, hi_reader *r, hi_page_shared *shared)
{
    shared->forms = HI_MEM_NEW(mem, hi_cold_set);
    return shared->forms == NULL ? HIST_ENOMEM : hi_cold_set_open(r, shared->forms);
}

/* Runs of the page: as many as 4096, so a bounded room. Their dictionary may be the page's. */
static HI_FP_GUARDED hist_status shared_open_runs(hi_mem *mem, hist_type type, hi_reader *r,
                                                  hi_page_shared *shared)
{
    const hi_kind kind = type == HIST_TYPE_STRING ? HI_KIND_INT : hi_kind_of(type);
    const uint64_t count = hi_read_varint(r);

    if (r->failed || count == 0 || count > HI_PAGE_RUNS_MAX) {
        return HIST_ECORRUPT;
    }
    shared->run_count = (uint32_t)count;
    shared->run_values = hi_mem_alloc(mem, hi_page_shared_runs_size(shared));
    if (shared->run_values == NULL) {
        return HIST_ENOMEM;
    }
    shared->run_starts =
        (uint32_t *)(void *)((char *)shared->run_values + hi_page_shared_runs_size(shared) -
                             (count + 1) * sizeof(uint32_t));
    return hi_body_page_runs(hi_codec_kernels_pick(), r, kind, shared->run_count, shared,
                             shared->run_values, shared->run_starts);
}

/* What the flags say, in their order. */
static hist_status shared_open_parts(hi_mem *mem, hist_type type, hi_reader *r,
                                     size_t text_bytes_max, hi_page_shared *shared)
{
    const uint8_t flags = hi_read_u8(r);

    if (type == HIST_TYPE_BOOL || flags == 0 ||
        (flags & ~(HI_SHARED_DICT | HI_SHARED_FORMS | HI_SHARED_RUNS)) != 0) {
        return HIST_ECORRUPT;
    }
    if (type == HIST_TYPE_STRING && (flags & HI_SHARED_RUNS) != 0 &&
        (flags & HI_SHARED_DICT) == 0) {
        return HIST_ECORRUPT; /* Runs of codes into nothing. */
    }
    if ((flags & HI_SHARED_FORMS) != 0) {
        HI_TRY(shared_open_forms(mem, r, shared));
    }
    if ((flags & HI_SHARED_DICT) != 0) {
        HI_TRY(type == HIST_TYPE_STRING ? hi_dict_open(mem, r, text_bytes_max, &shared->dict)
                                        : shared_open_numbers(mem, type, r, shared));
    }
    if ((flags & HI_SHARED_RUNS) != 0) {
        HI_TRY(shared_open_runs(mem, type, r, shared));
    }
    return r->failed || hi_reader_left(r) != 0 ? HIST_ECORRUPT : HIST_OK;
}

hist_status hi_page_shared_open(hi_mem *mem, hist_type type, const uint8_t *shared,
                                size_t shared_size, size_t text_bytes_max,
                                hi_page_shared *shared_out)
{
    hi_reader r = hi_reader_of(shared, shared_size);

    *shared_out = (hi_page_shared){.number_count = 0};
    if (shared_size == 0) {
        return HIST_OK;
    }
    const hi_fp_modes modes = hi_fp_enter();
    const hist_status status = shared_open_parts(mem, type, &r, text_bytes_max, shared_out);
    hi_fp_leave(modes);
    if (status != HIST_OK) {
        hi_page_shared_free(mem, shared_out);
    }
    return status;
}

void hi_page_shared_free(hi_mem *mem, hi_page_shared *shared)
{
    hi_dict_free(mem, &shared->dict);
    if (shared->numbers != NULL) {
        hi_mem_free(mem, shared->numbers, hi_page_shared_numbers_size(shared));
    }
    if (shared->run_values != NULL) {
        hi_mem_free(mem, shared->run_values, hi_page_shared_runs_size(shared));
    }
    if (shared->forms != NULL) {
        HI_MEM_DELETE(mem, shared->forms);
    }
    *shared = (hi_page_shared){.number_count = 0};
}
