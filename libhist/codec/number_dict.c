/*
 * number_dict.c -- the different numbers of a block, sorted, and the code of each
 * value. Sorting is by radix: thousands of entries a block would cost more than
 * encoding them by comparing.
 */
#include "codec/body.h"

enum {
    EARLY_ROWS = 1024, /* More than EARLY_ENTRIES in the first rows: not worth going on. */
    EARLY_ENTRIES = 900,
    RADIX_BITS = 8,
    RADIX = 1 << RADIX_BITS,
};

/* A word whose unsigned order is that of the values. */
static uint64_t dict_key(hi_kind kind, uint64_t v)
{
    const uint64_t sign = UINT64_C(1) << 63;

    return kind == HI_KIND_REAL && (v & sign) != 0 ? ~v : v ^ sign;
}

/* The value of a key. */
static uint64_t dict_value(hi_kind kind, uint64_t key)
{
    const uint64_t sign = UINT64_C(1) << 63;

    return kind == HI_KIND_REAL && (key & sign) == 0 ? ~key : key ^ sign;
}

/* Numbers the different values in order of appearance. 0: too many. */
static uint32_t dict_collect(hi_body_scratch *scratch, hi_kind kind, const uint64_t *x,
                             uint32_t count)
{
    const uint32_t most = count / 2 < HI_ENTRIES_MAX ? count / 2 : HI_ENTRIES_MAX;
    hi_dict_entry *entries = scratch->entries[0];
    uint32_t found = 0;

    memset(scratch->slots, 0, sizeof(scratch->slots));
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t key = dict_key(kind, x[i]);
        uint32_t at = (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 40) % HI_DICT_SLOTS;

        while (scratch->slots[at] != 0 && entries[scratch->slots[at] - 1].key != key) {
            at = (at + 1) % HI_DICT_SLOTS;
        }
        if (scratch->slots[at] == 0) {
            if (found == most || (i < EARLY_ROWS && found == EARLY_ENTRIES)) {
                return 0;
            }
            entries[found] = (hi_dict_entry){key, found};
            scratch->slots[at] = (uint16_t)++found;
        }
        scratch->codes[i] = scratch->slots[at] - 1U;
    }
    return found;
}

/* One pass of counting by the bits from `shift` on; false: they are all the same. */
static bool dict_pass(const hi_dict_entry *from, uint32_t count, unsigned shift, hi_dict_entry *to)
{
    uint32_t start[RADIX] = {0};
    uint32_t sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        start[(from[i].key >> shift) % RADIX]++;
    }
    if (start[(from[0].key >> shift) % RADIX] == count) {
        return false;
    }
    for (uint32_t r = 0; r < RADIX; r++) {
        const uint32_t here = start[r];

        start[r] = sum;
        sum += here;
    }
    for (uint32_t i = 0; i < count; i++) {
        to[start[(from[i].key >> shift) % RADIX]++] = from[i];
    }
    return true;
}

uint32_t hi_number_dict(hi_body_scratch *scratch, hi_kind kind, const uint64_t *x, uint32_t count)
{
    const uint32_t entries = dict_collect(scratch, kind, x, count);
    int now = 0;

    if (entries == 0) {
        return 0;
    }
    for (unsigned shift = 0; shift < 64; shift += RADIX_BITS) {
        if (dict_pass(scratch->entries[now], entries, shift, scratch->entries[1 - now])) {
            now = 1 - now;
        }
    }
    for (uint32_t i = 0; i < entries; i++) {
        const hi_dict_entry *entry = &scratch->entries[now][i];

        scratch->ranks[entry->number] = (uint16_t)i;
        scratch->entry_values[i] = dict_value(kind, entry->key);
    }
    for (uint32_t i = 0; i < count; i++) {
        scratch->codes[i] = scratch->ranks[scratch->codes[i]];
    }
    return entries;
}
