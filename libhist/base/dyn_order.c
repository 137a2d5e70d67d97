/* dyn_order.c -- order and hash of dynamic values; see dyn.h. */
#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "base/dyn.h"
#include "base/hash.h"
#include "base/num_pow10.h"

static int dyn_rank(hi_dyn_tag tag)
{
    switch (tag) {
    case HI_DYN_NULL:
        return 0;
    case HI_DYN_FALSE:
    case HI_DYN_TRUE:
        return 1;
    case HI_DYN_INT:
    case HI_DYN_LONG:
    case HI_DYN_REAL:
    case HI_DYN_DECIMAL:
        return 2;
    case HI_DYN_TIMESPAN:
        return 3;
    case HI_DYN_DATETIME:
        return 4;
    case HI_DYN_GUID:
        return 5;
    case HI_DYN_STRING:
        return 6;
    case HI_DYN_ARRAY:
        return 7;
    default:
        return 8;
    }
}

static int dyn_compare_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int dyn_compare_bytes(const void *a, size_t a_size, const void *b, size_t b_size)
{
    const size_t both = a_size < b_size ? a_size : b_size;
    const int order = both == 0 ? 0 : memcmp(a, b, both);

    if (order != 0) {
        return order < 0 ? -1 : 1;
    }
    return (a_size > b_size) - (a_size < b_size);
}

/* ---- numbers ---- */

static double dyn_decimal_real(hist_decimal d)
{
    return ((double)d.hi * 0x1p64 + (double)d.lo) / 1e18;
}

static hist_decimal dyn_decimal_of(int64_t v)
{
    uint64_t hi = 0;
    const uint64_t size = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    uint64_t lo = hi_mul_wide(size, UINT64_C(1000000000000000000), &hi);

    if (v < 0) {
        lo = 0 - lo;
        hi = ~hi + (lo == 0);
    }
    return (hist_decimal){lo, (int64_t)hi};
}

static int dyn_compare_decimal(hist_decimal a, hist_decimal b)
{
    return a.hi != b.hi ? dyn_compare_i64(a.hi, b.hi) : (a.lo > b.lo) - (a.lo < b.lo);
}

/* NaN is below all, and equal to itself. */
static int dyn_compare_real(double a, double b)
{
    if (isnan(a) || isnan(b)) {
        return !isnan(a) - !isnan(b);
    }
    return (a > b) - (a < b);
}

/* Exact, though (double)a is rounded: rounding keeps the order, so only a tie needs a second look. */
static int dyn_compare_i64_real(int64_t a, double b)
{
    const double rounded = (double)a;

    if (rounded != b) {
        return dyn_compare_real(rounded, b);
    }
    return b >= 0x1p63 ? -1 : dyn_compare_i64(a, (int64_t)b);
}

static double dyn_number_real(hi_dyn v)
{
    double out = 0;

    if (hi_dyn_tag_of(v) == HI_DYN_DECIMAL) {
        return dyn_decimal_real(hi_dyn_decimal(v));
    }
    (void)hi_dyn_number(v, &out);
    return out;
}

static int dyn_compare_numbers(hi_dyn a, hi_dyn b)
{
    const hi_dyn_tag ta = hi_dyn_tag_of(a);
    const hi_dyn_tag tb = hi_dyn_tag_of(b);

    if (ta == HI_DYN_REAL && tb != HI_DYN_REAL && tb != HI_DYN_DECIMAL) {
        return -dyn_compare_i64_real(hi_dyn_i64(b), hi_dyn_real(a));
    }
    if (tb == HI_DYN_REAL && ta != HI_DYN_REAL && ta != HI_DYN_DECIMAL) {
        return dyn_compare_i64_real(hi_dyn_i64(a), hi_dyn_real(b));
    }
    if (ta == HI_DYN_REAL || tb == HI_DYN_REAL) {
        return dyn_compare_real(dyn_number_real(a), dyn_number_real(b));
    }
    if (ta == HI_DYN_DECIMAL || tb == HI_DYN_DECIMAL) {
        return dyn_compare_decimal(
            ta == HI_DYN_DECIMAL ? hi_dyn_decimal(a) : dyn_decimal_of(hi_dyn_i64(a)),
            tb == HI_DYN_DECIMAL ? hi_dyn_decimal(b) : dyn_decimal_of(hi_dyn_i64(b)));
    }
    return dyn_compare_i64(hi_dyn_i64(a), hi_dyn_i64(b));
}

/* ---- containers ---- */

/* Bags with more pairs than this are ordered by hash. */
#define DYN_BAG_SMALL 64

static int dyn_compare_deep(hi_dyn a, hi_dyn b, int levels);
static uint64_t dyn_hash_deep(hi_dyn v, uint64_t seed, int levels);

static int dyn_compare_arrays(hi_dyn a, hi_dyn b, int levels)
{
    hi_dyn_iter ia = hi_dyn_iter_of(a);
    hi_dyn_iter ib = hi_dyn_iter_of(b);

    for (;;) {
        const bool more_a = hi_dyn_next(&ia);
        const bool more_b = hi_dyn_next(&ib);

        if (!more_a || !more_b) {
            return more_a - more_b;
        }
        const int order = dyn_compare_deep(ia.value, ib.value, levels);
        if (order != 0) {
            return order;
        }
    }
}

/* The pair with the least key above `after` (NULL: the least of all). */
static bool dyn_next_pair(hi_dyn bag, const hist_str *after, hist_str *key, hi_dyn *value)
{
    hi_dyn_iter it = hi_dyn_iter_of(bag);
    bool found = false;

    while (hi_dyn_next(&it)) {
        if (after != NULL &&
            dyn_compare_bytes(it.key.data, it.key.size, after->data, after->size) <= 0) {
            continue;
        }
        if (!found || dyn_compare_bytes(it.key.data, it.key.size, key->data, key->size) < 0) {
            *key = it.key;
            *value = it.value;
            found = true;
        }
    }
    return found;
}

/* Pair by pair in the order of keys. */
static int dyn_compare_pairs(hi_dyn a, hi_dyn b, int levels)
{
    hist_str key_a = {0};
    hist_str key_b = {0};
    hi_dyn value_a = {0};
    hi_dyn value_b = {0};
    bool first = true;

    for (;;) {
        const hist_str last_a = key_a;
        const hist_str last_b = key_b;
        const bool more_a = dyn_next_pair(a, first ? NULL : &last_a, &key_a, &value_a);
        const bool more_b = dyn_next_pair(b, first ? NULL : &last_b, &key_b, &value_b);

        first = false;
        if (!more_a || !more_b) {
            return more_a - more_b;
        }
        int order = dyn_compare_bytes(key_a.data, key_a.size, key_b.data, key_b.size);
        if (order == 0) {
            order = dyn_compare_deep(value_a, value_b, levels);
        }
        if (order != 0) {
            return order;
        }
    }
}

/*
 * By count, then by pairs in key order. Finding that order is quadratic without memory, so big
 * bags are ordered by two hashes that do not depend on the order of keys.
 */
static int dyn_compare_bags(hi_dyn a, hi_dyn b, int levels)
{
    const uint32_t count = hi_dyn_count(a);

    if (count != hi_dyn_count(b)) {
        return count < hi_dyn_count(b) ? -1 : 1;
    }
    if (count <= DYN_BAG_SMALL) {
        return dyn_compare_pairs(a, b, levels);
    }
    for (uint64_t seed = 1; seed <= 2; seed++) {
        const uint64_t hash_a = dyn_hash_deep(a, seed, levels + 1);
        const uint64_t hash_b = dyn_hash_deep(b, seed, levels + 1);

        if (hash_a != hash_b) {
            return hash_a < hash_b ? -1 : 1;
        }
    }
    return 0;
}

static int dyn_compare_deep(hi_dyn a, hi_dyn b, int levels)
{
    const hi_dyn_tag tag = hi_dyn_tag_of(a);
    const int rank = dyn_rank(tag);
    const int other = dyn_rank(hi_dyn_tag_of(b));

    if (rank != other) {
        return rank < other ? -1 : 1;
    }
    switch (tag) {
    case HI_DYN_NULL:
        return 0;
    case HI_DYN_INT:
    case HI_DYN_LONG:
    case HI_DYN_REAL:
    case HI_DYN_DECIMAL:
        return dyn_compare_numbers(a, b);
    case HI_DYN_GUID:
        return dyn_compare_bytes(a.data + 1, 16, b.data + 1, 16);
    case HI_DYN_STRING:
        return dyn_compare_bytes(hi_dyn_str(a).data, hi_dyn_str(a).size, hi_dyn_str(b).data,
                                 hi_dyn_str(b).size);
    case HI_DYN_ARRAY:
        return levels == 0 ? 0 : dyn_compare_arrays(a, b, levels - 1);
    case HI_DYN_BAG:
        return levels == 0 ? 0 : dyn_compare_bags(a, b, levels - 1);
    default:
        return dyn_compare_i64(hi_dyn_i64(a), hi_dyn_i64(b));
    }
}

int hi_dyn_compare(hi_dyn a, hi_dyn b)
{
    return dyn_compare_deep(a, b, HIST_DYNAMIC_DEPTH_MAX);
}

/* ---- hash ---- */

/* Bags add up their pairs, so that the order of keys does not matter. */
static uint64_t dyn_hash_container(hi_dyn v, uint64_t seed, int levels)
{
    hi_dyn_iter it = hi_dyn_iter_of(v);
    uint64_t hash = seed;

    while (levels > 0 && hi_dyn_next(&it)) {
        if (it.bag) {
            const uint64_t key = hi_hash(it.key.data, it.key.size, seed);
            hash += dyn_hash_deep(it.value, key, levels - 1);
        } else {
            hash = dyn_hash_deep(it.value, hash, levels - 1);
        }
    }
    const uint64_t count = hi_dyn_count(v);
    return hi_hash(&count, sizeof(count), hash);
}

static uint64_t dyn_hash_deep(hi_dyn v, uint64_t seed, int levels)
{
    const hi_dyn_tag tag = hi_dyn_tag_of(v);
    const int rank = dyn_rank(tag);

    if (rank == 2) { /* Equal numbers of any type round to the same double. */
        const double real = dyn_number_real(v);
        const uint64_t bits = isnan(real) ? UINT64_MAX : real == 0 ? 0 : hi_bits_of(real);
        return hi_hash(&bits, sizeof(bits), seed ^ 2);
    }
    if (tag == HI_DYN_ARRAY || tag == HI_DYN_BAG) {
        return dyn_hash_container(v, seed ^ (uint64_t)rank, levels);
    }
    if (tag == HI_DYN_NULL) {
        return hi_hash("n", 1, seed);
    }
    return hi_hash(v.data, hi_dyn_size(v.data, v.size), seed);
}

uint64_t hi_dyn_hash(hi_dyn v, uint64_t seed)
{
    return dyn_hash_deep(v, seed, HIST_DYNAMIC_DEPTH_MAX);
}
