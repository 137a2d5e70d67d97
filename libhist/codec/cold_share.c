/*
 * cold_share.c -- forms for several streams of a page. Streams with alike forms
 * are fitted together on a sample of all their residuals, the frequencies then
 * counted on all. A form stays if what it saves is more than its bytes.
 */
#include <assert.h>

#include "codec/cold.h"

typedef struct share_stream {
    bool served;     /* By a form of the set, or hopeless. */
    uint64_t shared; /* Bits with the form that is being tried. */
} share_stream;

static bool share_alike(const hi_cold_plan *a, const hi_cold_plan *b)
{
    return a->form.bins == b->form.bins && a->form.width == b->form.width &&
           a->form.step == b->form.step;
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

/* Residuals of all streams like the seed, as many as there is room for, to scratch->sorted, as offsets from the least.
   The bounds of their plans do not help: those of lines may wrap. */
static hi_cold_plan share_pool(const hi_codec_kernels *kern, hi_cold_scratch *scratch,
                               const hi_cold_plan *plans, const uint64_t *const *x,
                               const share_stream *of, uint32_t streams, uint32_t seed)
{
    hi_cold_plan pool = {.count = 0};
    uint64_t total = 0;
    int64_t min = 0;
    int64_t max = 0;

    for (uint32_t i = 0; i < streams; i++) {
        if (!of[i].served && share_alike(&plans[i], &plans[seed])) {
            total += plans[i].count;
        }
    }
    assert(total > 0);
    const uint32_t step = (uint32_t)((total + HI_BLOCK_ROWS_MAX - 1) / HI_BLOCK_ROWS_MAX);
    uint32_t from = 0; /* Of the next stream. */
    for (uint32_t i = 0; i < streams; i++) {
        if (of[i].served || !share_alike(&plans[i], &plans[seed])) {
            continue;
        }
        const uint32_t rows = share_residuals(kern, scratch, &plans[i], x[i]);
        uint32_t r = from;
        for (; r < rows && pool.count < HI_BLOCK_ROWS_MAX; r += step) {
            scratch->sorted[pool.count++] = scratch->residuals[r];
        }
        from = r > rows ? r - rows : 0;
    }
    kern->range(scratch->sorted, pool.count, &min, &max);
    pool.min = (uint64_t)min;
    pool.max = (uint64_t)max;
    for (uint32_t i = 0; i < pool.count; i++) {
        scratch->sorted[i] -= pool.min;
    }
    hi_cold_sort(scratch->sorted, scratch->other, pool.count, hi_bit_length(pool.max - pool.min));
    return pool;
}

/* Gives a form an escape, so that it can say what the sample missed. All symbols are known until
   they are counted. */
static void share_open(hi_cold_form *form)
{
    if (form->escape == HI_COLD_NO_ESCAPE) {
        form->symbols -= form->symbols == HI_RANS_SYMBOLS ? 1 : 0;
        form->escape = form->symbols++;
        form->bits[form->escape] = 0;
    }
    memset(form->freqs[0].freq, 0, sizeof(form->freqs[0].freq));
    for (uint32_t s = 0; s < form->symbols; s++) {
        form->freqs[0].freq[s] = 1;
    }
}

/* A stream's symbols in the form into scratch. */
static uint32_t share_symbols(const hi_codec_kernels *kern, hi_cold_scratch *scratch,
                              const hi_cold_plan *plan, const uint64_t *x, const hi_cold_form *form)
{
    const uint32_t rows = share_residuals(kern, scratch, plan, x);

    (void)hi_cold_symbols(kern, form, scratch->residuals, rows, scratch->symbols);
    return rows;
}

/* Frequencies of all streams like the seed together. */
static void share_count(const hi_codec_kernels *kern, hi_cold_scratch *scratch,
                        const hi_cold_plan *plans, const uint64_t *const *x, const share_stream *of,
                        uint32_t streams, uint32_t seed, hi_cold_form *form)
{
    uint32_t counts[HI_RANS_SYMBOLS] = {0};

    share_open(form);
    for (uint32_t i = 0; i < streams; i++) {
        if (!of[i].served && share_alike(&plans[i], &plans[seed])) {
            const uint32_t rows = share_symbols(kern, scratch, &plans[i], x[i], form);
            for (uint32_t r = 0; r < rows; r++) {
                counts[scratch->symbols[r]]++;
            }
        }
    }
    counts[form->escape] += counts[form->escape] == 0;
    hi_rans_normalise(counts, form->symbols, &form->freqs[0]);
}

/* Bits that streams save with the form. */
static uint64_t share_try(const hi_codec_kernels *kern, hi_cold_scratch *scratch,
                          const hi_cold_plan *plans, const uint64_t *const *x, share_stream *of,
                          uint32_t streams, const hi_cold_form *form)
{
    uint64_t saved = 0;

    for (uint32_t i = 0; i < streams; i++) {
        if (!of[i].served) {
            hi_cold_cost cost;
            const uint32_t rows = share_symbols(kern, scratch, &plans[i], x[i], form);
            hi_cold_price(form, scratch->residuals, rows, scratch->symbols, &cost);
            of[i].shared = cost.bits;
            saved += cost.bits < plans[i].bits ? plans[i].bits - cost.bits : 0;
        }
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
        const uint64_t price = hi_cold_fit(scratch, pool.count, &pool);
        if (plans[seed].form.step != 0) {
            (void)hi_cold_fit_steps(scratch, pool.count, pool.min, plans[seed].form.step, price,
                                    &pool.form);
        }
        hi_cold_form *form = &set_out->form[set_out->count];
        *form = pool.form;
        share_count(kern, scratch, plans, x, of, streams, seed, form);
        const uint64_t saved = share_try(kern, scratch, plans, x, of, streams, form);
        const bool stays = saved > hi_cold_form_put(form, scratch->form) * 8;
        for (uint32_t i = 0; i < streams; i++) {
            const bool alike = share_alike(&plans[i], &plans[seed]);
            of[i].served |= stays ? of[i].shared < plans[i].bits : alike;
        }
        of[seed].served = true; /* So it ends. */
        set_out->count += stays ? 1 : 0;
    }
}
