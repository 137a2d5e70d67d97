/*
 * fuzz_coldtrip.c -- any integers come back from cold streams, which share what pays; every CPU
 * variant plans and writes the same bytes.
 *
 * u8 streams and bytes a value, then the values, those of a stream one after another.
 */
#include "tests/support/fuzz_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_STREAMS_MAX = 4, FUZZ_ROWS_MAX = 200 };

/* What one variant made of the streams. */
typedef struct fuzz_made {
    hi_cold_scratch scratch;
    hi_cold_plan plans[FUZZ_STREAMS_MAX];
    hi_cold_set set;
    uint8_t set_bytes[HI_COLD_SET_BYTES_MAX];
    size_t set_size;
    uint8_t bytes[HI_STREAM_BYTES_MAX + HI_CODEC_PAD];
} fuzz_made;

static fuzz_made made[2];

/* Numbers of 1, 2, 4 or 8 bytes with a sign. */
static uint64_t fuzz_number(const uint8_t *from, unsigned log_bytes)
{
    const unsigned unused = 64 - (8U << log_bytes);
    uint64_t v = 0;

    memcpy(&v, from, (size_t)1 << log_bytes);
    return (uint64_t)((int64_t)(hi_le64(v) << unused) >> unused);
}

static void fuzz_plan(const hi_codec_kernels *kern, fuzz_made *m, const uint64_t *const *x,
                      uint32_t streams, uint32_t rows)
{
    for (uint32_t s = 0; s < streams; s++) {
        hi_cold_plan_make(kern, &m->scratch, x[s], rows, &m->plans[s]);
    }
    hi_cold_share(kern, &m->scratch, m->plans, x, streams, &m->set);
    m->set_size = hi_cold_set_put(&m->set, m->set_bytes);
}

static size_t fuzz_write(const hi_codec_kernels *kern, fuzz_made *m, uint32_t s, const uint64_t *x)
{
    return hi_cold_write(kern, &m->scratch, &m->plans[s], &m->set, x, HI_STREAM_BYTES_MAX,
                         m->bytes);
}

static void fuzz_back(const hi_codec_kernels *kern, const hi_cold_set *set, size_t size,
                      const uint64_t *x, uint32_t rows)
{
    static uint64_t values[FUZZ_ROWS_MAX + HI_CODEC_PAD / 8];
    static hi_cold_view view;
    hi_reader r = hi_reader_of(made[0].bytes, size);

    fz_check(size > 0 && hi_cold_open(&r, rows, set, &view) == HIST_OK, "a stream does not open");
    fz_check(hi_cold_decode(kern, &view, values) == HIST_OK, "a stream does not decode");
    fz_check(hi_reader_left(&r) == 0, "a stream has bytes left over");
    fz_check(memcmp(values, x, rows * sizeof(*x)) == 0, "other values came back");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t words[FUZZ_STREAMS_MAX][FUZZ_ROWS_MAX];
    const uint64_t *x[FUZZ_STREAMS_MAX];
    const fz_variants *two = fz_variants_two((unsigned)size);

    if (size < 1) {
        return 0;
    }
    const uint32_t streams = 1 + data[0] % FUZZ_STREAMS_MAX;
    const unsigned log_bytes = data[0] / FUZZ_STREAMS_MAX % 4;
    const size_t fit = ((size - 1) >> log_bytes) / streams;
    const uint32_t rows = fit < FUZZ_ROWS_MAX ? (uint32_t)fit : FUZZ_ROWS_MAX;
    if (rows == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < streams * rows; i++) {
        words[i / rows][i % rows] = fuzz_number(data + 1 + ((size_t)i << log_bytes), log_bytes);
        x[i / rows] = words[i / rows];
    }
    for (uint32_t i = 0; i < two->count; i++) {
        fuzz_plan(two->kern[i], &made[i], x, streams, rows);
    }
    hi_reader r = hi_reader_of(made[0].set_bytes, made[0].set_size);
    const hi_cold_set *set = fz_forms(&r);
    fz_check(set != NULL && hi_reader_left(&r) == 0, "a set does not open");
    for (uint32_t s = 0; s < streams; s++) {
        const size_t made_size = fuzz_write(two->kern[0], &made[0], s, x[s]);

        for (uint32_t i = 1; i < two->count; i++) {
            fz_check(fuzz_write(two->kern[i], &made[i], s, x[s]) == made_size &&
                         memcmp(made[0].bytes, made[i].bytes, made_size) == 0,
                     "variants write other bytes");
        }
        for (uint32_t i = 0; i < two->count; i++) {
            fuzz_back(two->kern[i], set, made_size, x[s], rows);
        }
    }
    return 0;
}
