/* fuzz_kql_parse.c -- any bytes as a KQL text: parse under a budget, print the tree, check the error's place. */
#include <stdlib.h>

#include "base/buf.h"
#include "query/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hi_mem mem;
    hi_arena arena;
    hi_buf out;
    hi_ast_query *query = NULL;
    hist_error err;

    hi_mem_init(&mem, NULL, NULL, 64u << 20);
    hi_arena_init(&arena, &mem);
    hi_buf_init(&out, &mem, 16u << 20);
    const hist_status st = hi_kql_parse(&arena, (const char *)data, size, &query, &err);
    if (st == HIST_OK) {
        hi_ast_print(&out, query);
    } else if (st == HIST_ESYNTAX) {
        if (err.offset < 0 || (uint64_t)err.offset + err.length > size || err.line == 0 ||
            err.column == 0 || err.message[0] == '\0') {
            abort();
        }
    } else if (st != HIST_ENOMEM && st != HIST_ELIMIT) {
        abort();
    }
    hi_buf_free(&out);
    hi_arena_free(&arena);
    if (mem.used != 0) {
        abort();
    }
    return 0;
}
