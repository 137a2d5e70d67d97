/* fuzz_kql.c -- any text as a query over a small store: parsed, planned and run under tight limits. */
#include <stdint.h>
#include <string.h>

#include "hist.h"

static hist_db *fuzz_db;

static const char fuzz_rows[] = "T,k=a x=1,n=1i,s=\"p\" 1735689600000000000\n"
                                "T,k=b x=2.5,n=2i 1735689660000000000\n"
                                "T,k=a x=3,s=\"q r\" 1735693200000000000\n"
                                "U,k=c y=7i 1735689600000000000\n";

static int fuzz_open(void)
{
    hist_open_options options = HIST_OPEN_OPTIONS;
    hist_lp_options lp = HIST_LP_OPTIONS;
    hist_lp_result result;
    hist_writer *w;

    options.threads = 0;
    lp.final = true;
    if (hist_open(":memory:", &options, &fuzz_db, NULL) != HIST_OK ||
        hist_writer_open(fuzz_db, NULL, &w, NULL) != HIST_OK) {
        return -1;
    }
    const hist_status appended =
        hist_append_lp(w, fuzz_rows, sizeof(fuzz_rows) - 1, &lp, &result, NULL);
    const hist_status committed = hist_commit(w, HIST_COMMIT_DEFAULT, NULL, NULL);
    hist_writer_close(w);
    return appended == HIST_OK && committed == HIST_OK ? 0 : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hist_query_options options = HIST_QUERY_OPTIONS;
    hist_query *q = NULL;
    hist_batch batch = {0};
    hist_error err;
    bool more = true;

    if (fuzz_db == NULL && fuzz_open() != 0) {
        return 0;
    }
    options.now_ns = INT64_C(1735700000000000000);
    options.memory_bytes_max = 8 << 20;
    options.time_ms_max = 200;
    if (hist_query_open(fuzz_db, (const char *)data, size, &options, &q, &err) != HIST_OK) {
        return 0;
    }
    while (more) {
        hist_status status = HIST_OK;

        for (int i = 0; i < 64 && status == HIST_OK; i++) {
            status = hist_query_next(q, &batch, &err);
            if (batch.row_count == 0) {
                break;
            }
        }
        more = status == HIST_OK && hist_query_next_result(q, &more, &err) == HIST_OK && more;
    }
    hist_query_close(q);
    return 0;
}
