/*
 * cold_share.c -- forms for several streams of a page. Streams with alike forms
 * are fitted together on a sample of all their residuals, the frequencies then
 * counted on all. A form stays if what it saves is more than its bytes.
 */
#include "codec/cold.h"

typedef struct share_stream {
    bool served;      /* By a form of the set, or hopeless. */
    uint64_t escapes; /* Bits of them, */
    uint64_t shared;  /* and of all, with the form that is being tried. */
} share_stream;

static bool share_alike(const hi_cold_plan *a, const hi_cold_plan *b)
{
    return a->form.bins == b->form.bins && a->form.width == b->form.width;
}

/* The stream that most others without a form are like; UINT32_MAX: no two are alike. */
static uint32_t share_seed(const hi_cold_plan *plans, const share_stream *of, uint32_t streams)
{
    uint32_t best = UINT32_MAX;
    uint32_t most = 1;

    for (uint32_t i = 0; i < streams; i++) {
        uint32_t alike = 0;

        for (uint32_t j = i; j < streams && !of[i].served; j++) {
            alike += !of[j].served && share_alike(&plans[i], &plans[j]);
        }
        if (alike > most) {
            most = alike;
            best = i;
        }
    }
    return best;
}

/* A stream's residuals into scratch->residuals. */
static uint32_t share_residuals(const hi_codec_kernels *kern, hi_cold_scratch *scratch,
                                const hi_cold_plan *plan, const uint64_t *x)
{
    uint64_t factor = 1;

    if (plan->factor > 1) {
        (void)hi_stream_scale(kern, x, plan->count, plan->offset, scratch->scaled, &factor);
        x = scratch->scaled;
    }
    hi_cold_residuals(kern, x, plan, scratch->residuals);
    return plan->count - hi_predictor_order(plan->predictor);
}

/* Residuals of all streams like the seed, as many as there is room for, to scratch->sorted. */
static hi_cold_plan share_pool(const hi_codec_kernels *kern, hi_cold_scratch *scratch,
                               const hi_cold_plan *plans, const uint64_t *const *x,
                               const share_stream *of, uint32_t streams, uint32_t seed)
{
    hi_cold_plan pool = {.min = plans[seed].min, .max = plans[seed].max};
    uint64_t total = 0;

    for (uint32_t i = 0; i < streams; i++) {
        if (!of[i].served && share_alike(&plans[i], &plans[seed])) {
            total += plans[i].count;
            pool.min = (int64_t)plans[i].min < (int64_t)pool.min ? plans[i].min : pool.min;
            pool.max = (int64_t)plans[i].max > (int64_t)pool.max ? plans[i].max : pool.max;
        }
    }
    const uint32_t step = (uint32_t)((total + HI_BLOCK_ROWS_MAX - 1) / HI_BLOCK_ROWS_MAX);
    uint32_t from = 0; /* Of the next stream. */
    for (uint32_t i = 0; i < streams; i++) {
        if (of[i].served || !share_alike(&plans[i], &plans[seed])) {
            continue;
        }
        const uint32_t rows = share_residuals(kern, scratch, &plans[i], x[i]);
        uint32_t r = from;
        for (; r < rows && pool.count < HI_BLOCK_ROWS_MAX; r += step) {
            scratch->sorted[pool.count++] = scratch->residuals[r] - pool.min;
        }
        from = r > rows ? r - rows : 0;
    }
    hi_cold_sort(scratch->sorted, scratch->other, pool.count, hi_bit_length(pool.max - pool.min));
    return pool;
}

/* Gives a form an escape, so that it can say what the sample missed. */
static void share_open(hi_cold_form *form)
{
    if (form->escape != HI_COLD_NO_ESCAPE) {
        return;
    }
    if (form->freqs.symbols == HI_RANS_SYMBOLS) {
        form->freqs.symbols--; /* The last symbol's values are escaped. */
    }
    form->escape = form->freqs.symbols++;
    form->bits[form->escape] = 0;
    for (uint32_t s = 0; s < form->freqs.symbols; s++) {
        form->freqs.freq[s] = form->freqs.freq[s] > 0 || !form->bins ? 1 : 0;
    }
    form->freqs.freq[form->escape] = 1;
}

/* Counts of all streams in the form; frequencies of them together; what that saves. */
static int64_t share_try(const hi_codec_kernels *kern, hi_cold_scratch *scratch,
                         const hi_cold_plan *plans, const uint64_t *const *x, share_stream *of,
                         uint32_t streams, uint32_t seed, hi_cold_form *form)
{
    uint32_t sum[HI_RANS_SYMBOLS] = {0};
    int64_t saved = 0;
    uint64_t symbol_bits = 0;

    share_open(form);
    for (uint32_t i = 0; i < streams; i++) {
        if (of[i].served) {
            continue;
        }
        const uint32_t rows = share_residuals(kern, scratch, &plans[i], x[i]);
        (void)hi_cold_symbols(form, scratch->residuals, rows, scratch->symbols,
                              scratch->counts[i]);
        unsigned bytes = 0;
        const uint64_t escapes =
            hi_cold_escapes(form, scratch->residuals, rows, scratch->symbols, &bytes);
        of[i].escapes = 8 * bytes * escapes;
        for (uint32_t s = 0; s < HI_RANS_SYMBOLS && share_alike(&plans[i], &plans[seed]); s++) {
            sum[s] += scratch->counts[i][s];
        }
    }
    sum[form->escape] += sum[form->escape] == 0;
    hi_rans_normalise(sum, form->freqs.symbols, &form->freqs);
    for (uint32_t i = 0; i < streams; i++) {
        const uint64_t bits = hi_cold_price(form, scratch->counts[i], plans[i].count, &symbol_bits);
        of[i].shared = of[i].served ? UINT64_MAX : bits + of[i].escapes;
        saved += of[i].shared < plans[i].bits ? (int64_t)(plans[i].bits - of[i].shared) : 0;
    }
    return saved;
}

void hi_cold_share(const hi_codec_kernels *kern, hi_cold_scratch *scratch,
                   const hi_cold_plan *plans, const uint64_t *const *x, uint32_t streams,
                   hi_cold_set *set_out)
{
    share_stream of[HI_COLD_SHARE_MAX] = {{.served = false}};

    set_out->count = 0;
    streams = streams < HI_COLD_SHARE_MAX ? streams : HI_COLD_SHARE_MAX;
    while (set_out->count < HI_COLD_FORMS_MAX) {
        const uint32_t seed = share_seed(plans, of, streams);
        if (seed == UINT32_MAX) {
            break;
        }
        hi_cold_plan pool = share_pool(kern, scratch, plans, x, of, streams, seed);
        hi_cold_fit(scratch, pool.count, &pool);
        hi_cold_form *form = &set_out->form[set_out->count];
        *form = pool.form;
        const int64_t saved = share_try(kern, scratch, plans, x, of, streams, seed, form);
        const size_t bytes = hi_cold_form_put(form, scratch->form);
        const bool stays = saved > (int64_t)bytes * 8;
        for (uint32_t i = 0; i < streams; i++) {
            of[i].served |= stays ? of[i].shared < plans[i].bits : share_alike(&plans[i], &plans[seed]);
        }
        of[seed].served = true; /* So it ends. */
        set_out->count += stays ? 1 : 0;
    }
}
