/* fuzz_values.c -- see fuzz_values.h. */
#include "tests/support/fuzz_values.h"

enum {
    VALUES_NOISY = 1,    /* Noise is mixed with the row's number. */
    VALUES_BESIDE = 2,   /* Doubles an ulp off here and there. */
    VALUES_OUTLIERS = 4, /* A raw word now and then. */
    VALUES_NULLS_SHIFT = 3,
};

typedef struct values_plan {
    unsigned shape;
    unsigned real;
    unsigned flags;
    unsigned noise_bits;
    unsigned digits;
    unsigned every; /* Rows from one outlier, or jump, to the next. */
    uint64_t start;
    uint64_t step;
    const uint8_t *tape;
    size_t tape_size;
} values_plan;

static uint64_t values_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Eight bytes of the tape, which is a ring. */
static uint64_t values_word(const values_plan *p, uint32_t i)
{
    uint64_t v = 0;

    for (unsigned b = 0; b < 8 && p->tape_size > 0; b++) {
        v |= (uint64_t)p->tape[((size_t)8 * i + b) % p->tape_size] << (8 * b);
    }
    return v;
}

static uint64_t values_noise(const values_plan *p, uint32_t i)
{
    uint64_t v = p->tape_size > 0 ? p->tape[i % p->tape_size] : 0;

    if ((p->flags & VALUES_NOISY) != 0 || p->noise_bits > 8) {
        v = values_mix(v + (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15));
    }
    return p->noise_bits == 64 ? v : v & ((UINT64_C(1) << p->noise_bits) - 1);
}

static uint64_t values_next(const values_plan *p, uint32_t i, uint64_t before, uint64_t *slope)
{
    const uint64_t noise = values_noise(p, i);
    const uint64_t half = p->noise_bits == 0 ? 0 : UINT64_C(1) << (p->noise_bits - 1);

    switch (p->shape) {
    case FV_RAW:
        return values_word(p, i);
    case FV_WALK:
        return before + noise - half;
    case FV_LINE:
        return p->start + p->step * i + noise;
    case FV_FACTOR:
        return p->start + p->step * noise;
    case FV_LEVELS:
        return values_mix(noise + p->step);
    case FV_RUNS:
        return i % p->every == 0 ? p->start + noise : before;
    case FV_CURVE:
        *slope += noise - half;
        return before + *slope;
    default:
        return before + p->step + (i % p->every == p->every - 1 ? noise : 0);
    }
}

static uint64_t values_real(const values_plan *p, uint32_t i, uint64_t word)
{
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e13, 1e22};
    const double power = powers[p->digits % (sizeof(powers) / sizeof(*powers))];
    const double n = (double)((int64_t)word >> 8); /* Mostly below 2^51. */
    uint64_t bits = word;

    switch (p->real) {
    case FV_BITS:
        return bits;
    case FV_DECIMAL:
        bits = hi_bits_of((double)(int64_t)word / power);
        break;
    case FV_MULTIPLY:
        bits = hi_bits_of(n * hi_double_of(p->step));
        break;
    case FV_DIVIDE:
        bits = hi_bits_of(n / (double)(p->step | 1));
        break;
    case FV_FLOAT: {
        const volatile float narrow = (float)((double)(int32_t)word / power);
        bits = hi_bits_of((double)narrow);
        break;
    }
    default:
        bits = (UINT64_C(0x3fe) + i % 3) << 52 | (word >> p->digits % 12);
        break;
    }
    return bits + ((p->flags & VALUES_BESIDE) != 0 && i % 5 == 0 ? (uint64_t)i % 3 - 1 : 0);
}

static values_plan values_read(hi_reader *r)
{
    values_plan p = {.shape = hi_read_u8(r) % FV_SHAPES, .real = hi_read_u8(r) % FV_REALS};

    p.flags = hi_read_u8(r);
    p.noise_bits = hi_read_u8(r) % 65;
    p.digits = hi_read_u8(r);
    p.every = 1U + hi_read_u8(r);
    p.start = (uint64_t)hi_read_svarint(r);
    p.step = (uint64_t)hi_read_svarint(r);
    p.tape = r->data + r->at;
    p.tape_size = r->failed ? 0 : hi_reader_left(r);
    return p;
}

/* None, one of 16, every other, all but the first few. */
static const uint64_t *values_valid(const values_plan *p, uint32_t rows)
{
    static uint64_t valid[FV_ROWS_MAX / 64 + 1];
    static const uint64_t patterns[] = {UINT64_MAX, UINT64_C(0xfffefffefffefffe),
                                        UINT64_C(0x5555555555555555), 0};
    const unsigned way = p->flags >> VALUES_NULLS_SHIFT & 3;

    for (uint32_t w = 0; w < rows / 64 + 1; w++) {
        valid[w] = patterns[way];
    }
    if (way == 3) {
        valid[0] = p->every;
    }
    return way == 0 ? NULL : valid;
}

static void values_text(hi_values *v, uint64_t *words)
{
    static char bytes[FV_ROWS_MAX * FV_STRING_MAX + 8];
    static int32_t offsets[FV_ROWS_MAX + 1];
    int32_t at = 0;

    for (uint32_t i = 0; i < v->rows; i++) {
        const uint64_t le = hi_le64(words[i]);

        offsets[i] = at;
        memcpy(bytes + at, &le, sizeof(le));
        memset(bytes + at + 8, 'x', 8);
        at += (int32_t)(words[i] % (FV_STRING_MAX + 1));
        if (at > FV_ROWS_MAX * FV_STRING_MAX - 16) {
            at = offsets[i];
        }
    }
    offsets[v->rows] = at;
    v->offsets = offsets;
    v->bytes = bytes;
}

hi_values fv_make(hist_type type, uint32_t rows, hi_reader *r)
{
    static uint64_t words[FV_ROWS_MAX + 1];
    static uint64_t data[FV_ROWS_MAX + 1];
    const values_plan p = values_read(r);
    uint64_t before = p.start;
    uint64_t slope = p.step;
    hi_values v = {.type = type, .rows = rows, .valid = values_valid(&p, rows), .data = data};

    memset(data, 0, ((size_t)rows / 64 + 1) * sizeof(*data));
    for (uint32_t i = 0; i < rows; i++) {
        before = values_next(&p, i, before, &slope);
        words[i] = before;
        if ((p.flags & VALUES_OUTLIERS) != 0 && i % p.every == 0) {
            words[i] = values_word(&p, i);
        }
        if (type == HIST_TYPE_REAL) {
            data[i] = values_real(&p, i, words[i]);
        } else if (type == HIST_TYPE_INT) {
            ((uint32_t *)data)[i] = (uint32_t)words[i];
        } else if (type == HIST_TYPE_BOOL) {
            data[i / 64] |= (words[i] & 1) << (i & 63);
        } else {
            data[i] = words[i];
        }
    }
    if (type == HIST_TYPE_STRING) {
        values_text(&v, words);
    }
    return v;
}
