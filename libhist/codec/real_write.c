/*
 * real_write.c -- doubles as decimals: the number of digits is found on a sample,
 * and every value is then verified with the operations of the decoder. A wrong
 * guess costs space, never a bit.
 */
#include "codec/body.h"

enum {
    SAMPLE_RUNS = 8, /* Spread, so that drift is seen; */
    SAMPLE_RUN = 32, /* consecutive, so that the price of deltas is seen. */
    SAMPLE_MAX = SAMPLE_RUNS * SAMPLE_RUN,
    EXCEPTION_BITS = 80,
    RETRY_SHARE = 32, /* More exceptions than 1/32 of the values: look for more digits once. */
    NO_DECIMALS = -1,
};

typedef struct real_sample {
    uint64_t bits[SAMPLE_MAX];
    int8_t digits[SAMPLE_MAX]; /* Fewest that give the value back, or NO_DECIMALS. */
    uint32_t count;
    uint32_t run; /* Values that follow each other. */
} real_sample;

static bool real_is_decimal(double v, unsigned k)
{
    const double power = hi_power_of_ten(k);
    const double scaled = v * power;

    if (!(scaled > -2251799813685248.0 && scaled < 2251799813685248.0)) {
        return false;
    }
    const double n = (scaled + 6755399441055744.0) - 6755399441055744.0;
    return hi_bits_of(n / power) == hi_bits_of(v);
}

/* Fewest digits of v. Tries `hint` first, as neighbours mostly have the same number. */
static int real_digits(double v, int hint)
{
    if (hint > 0 && real_is_decimal(v, (unsigned)hint) && !real_is_decimal(v, (unsigned)hint - 1)) {
        return hint;
    }
    for (unsigned k = 0; k <= HI_SEARCH_MAX; k++) {
        if (real_is_decimal(v, k)) {
            return (int)k;
        }
    }
    return NO_DECIMALS;
}

static void real_take_sample(const uint64_t *bits, uint32_t count, real_sample *sample)
{
    int hint = 0;

    sample->count = count < SAMPLE_MAX ? count : SAMPLE_MAX;
    sample->run = count < SAMPLE_MAX ? count : SAMPLE_RUN;
    for (uint32_t i = 0; i < sample->count; i++) {
        const uint32_t run = i / sample->run;
        const uint32_t start =
            count < SAMPLE_MAX ? 0 : (count - SAMPLE_RUN) / (SAMPLE_RUNS - 1) * run;
        const uint64_t v = bits[start + i % sample->run];
        const int digits = real_digits(hi_double_of(v), hint);

        sample->bits[i] = v;
        sample->digits[i] = (int8_t)digits;
        hint = digits == NO_DECIMALS ? hint : digits;
    }
}

/* Bits the sample would take with k digits: the same prices as the stream encoder's. */
static uint64_t real_cost(const hi_codec_kernels *kern, const real_sample *sample, int k)
{
    uint64_t n[SAMPLE_MAX];
    uint64_t bad[SAMPLE_MAX];
    uint64_t deltas[SAMPLE_MAX];
    uint32_t delta_count = 0;
    const uint32_t exceptions =
        kern->to_decimal(sample->bits, sample->count, hi_power_of_ten((unsigned)k), n, bad);

    for (uint32_t i = 1; i < sample->count; i++) {
        n[i] = bad[i] ? n[i - 1] : n[i];
        if (i % sample->run != 0) {
            deltas[delta_count++] = n[i] - n[i - 1];
        }
    }
    n[0] = bad[0] && sample->count > 1 ? n[1] : n[0];
    uint64_t bits = hi_fit_choose(kern, n, sample->count, sample->count).bits;
    if (delta_count > 0) {
        const uint64_t delta = hi_fit_choose(kern, deltas, delta_count, delta_count).bits;
        bits = delta < bits ? delta : bits;
    }
    return bits + (uint64_t)exceptions * EXCEPTION_BITS;
}

/* The number of digits with the least cost, or NO_DECIMALS when raw is cheaper. */
static int real_choose(const hi_codec_kernels *kern, const uint64_t *bits, uint32_t count)
{
    real_sample sample;
    uint32_t with[HI_SEARCH_MAX + 1] = {0};
    int best = NO_DECIMALS;

    real_take_sample(bits, count, &sample);
    for (uint32_t i = 0; i < sample.count; i++) {
        if (sample.digits[i] != NO_DECIMALS) {
            with[sample.digits[i]]++;
        }
    }
    uint64_t best_bits = (uint64_t)sample.count * 64;
    uint32_t covered = 0;
    for (int k = 0; k <= HI_SEARCH_MAX; k++) {
        covered += with[k];
        if (with[k] == 0 || covered * 5 < sample.count * 2) {
            continue;
        }
        const uint64_t cost = real_cost(kern, &sample, k);
        if (cost < best_bits) {
            best_bits = cost;
            best = k;
        }
    }
    return best;
}

/* Integers of one vector to out; exceptions take the value before, which costs least. Returns how
   many, their places in `places`. */
static uint32_t real_convert(const hi_codec_kernels *kern, hi_body_scratch *scratch,
                             const uint64_t *bits, uint32_t rows, int k, uint32_t first)
{
    uint64_t *n = scratch->decimals + first;
    const uint32_t bad =
        kern->to_decimal(bits + first, rows, hi_power_of_ten((unsigned)k), n, scratch->not_decimal);

    if (bad == 0) {
        return 0;
    }
    uint32_t good = 0; /* The first value that is a decimal. */
    while (good < rows && scratch->not_decimal[good]) {
        good++;
    }
    uint64_t last = good < rows ? n[good] : first > 0 ? n[-1] : 0;
    uint32_t found = 0;
    for (uint32_t i = 0; i < rows; i++) {
        if (scratch->not_decimal[i]) {
            n[i] = last;
            scratch->places[first + found++] = (uint16_t)i;
        }
        last = n[i];
    }
    return found;
}

/* Writes NUM with k digits. 0: more exceptions than are worth it. */
static size_t real_encode_num(const hi_codec_kernels *kern, hi_body_scratch *scratch,
                              const uint64_t *bits, uint32_t count, int k, uint8_t *to,
                              uint32_t *exceptions_out)
{
    const uint32_t vectors = hi_vectors_of(count);
    uint32_t found[HI_BLOCK_VECTORS_MAX];
    uint32_t total = 0;

    for (uint32_t v = 0; v < vectors; v++) {
        found[v] =
            real_convert(kern, scratch, bits, hi_vector_rows(count, v), k, v * HI_VECTOR_ROWS);
        total += found[v];
    }
    *exceptions_out = total;
    if (total > count / 2) {
        return 0;
    }
    uint8_t *at = to;
    *at++ = HI_NUM_DECIMAL;
    *at++ = (uint8_t)k;
    *at++ = total > 0;
    for (uint32_t v = 0; total > 0 && v < vectors; v++, at += 2) {
        hi_put_u16(at, (uint16_t)found[v]);
    }
    uint8_t *value = at + (size_t)2 * total;
    for (uint32_t v = 0; v < vectors; v++) {
        for (uint32_t i = 0; i < found[v]; i++, at += 2, value += 8) {
            const uint16_t place = scratch->places[v * HI_VECTOR_ROWS + i];

            hi_put_u16(at, place);
            hi_put_u64(value, bits[v * HI_VECTOR_ROWS + place]);
        }
    }
    at = value;
    at += hi_stream_encode(kern, &scratch->stream, scratch->decimals, count, false, at);
    return (size_t)(at - to);
}

/* Digits that most exceptions of the last conversion with k digits need; k when there is no gain. */
static int real_more_digits(const uint64_t *bits, uint32_t count, int k)
{
    uint32_t seen = 0;
    uint32_t gained = 0;
    int most = k;

    for (uint32_t i = 0; i < count && seen < SAMPLE_MAX; i++) {
        const double v = hi_double_of(bits[i]);

        if (real_is_decimal(v, (unsigned)k)) {
            continue;
        }
        const int digits = real_digits(v, most);
        seen++;
        gained += digits != NO_DECIMALS;
        most = digits > most ? digits : most;
    }
    return gained * 2 > seen ? most : k;
}

hi_body hi_real_encode(const hi_codec_kernels *kern, hi_body_scratch *scratch, const uint64_t *bits,
                       uint32_t count, uint8_t *to)
{
    const int k = real_choose(kern, bits, count);
    uint32_t exceptions = 0;

    if (k == NO_DECIMALS) {
        return hi_raw_encode(HI_KIND_REAL, bits, count, to);
    }
    size_t size = real_encode_num(kern, scratch, bits, count, k, to, &exceptions);
    if (exceptions > count / RETRY_SHARE) {
        const int more = real_more_digits(bits, count, k);

        if (more != k) {
            uint32_t ignored = 0;
            const size_t before = size;
            size = real_encode_num(kern, scratch, bits, count, more, to, &ignored);
            if (size == 0 || (before != 0 && before < size)) {
                size = real_encode_num(kern, scratch, bits, count, k, to, &ignored);
            }
        }
    }
    if (size == 0 || size >= (size_t)count * 8) {
        return hi_raw_encode(HI_KIND_REAL, bits, count, to);
    }
    return (hi_body){HI_ENC_NUM, size};
}
