/*
 * number_dict.c -- the different numbers of a block or a page, sorted, and the code
 * of each value. Sorting is by radix: thousands of entries a block would cost more
 * than encoding them by comparing.
 */
#include "codec/body.h"

enum {
    EARLY_ROWS = 1024, /* More entries in the first rows than these: not worth going on. */
    EARLY_FEW = 400,
    EARLY_SOME = 700,
    EARLY_MANY = 1000,
    EARLY_BITS = 12,
    SORT_BITS = 24, /* Of the keys' range, in three passes. */
    RADIX_BITS = 8,
    RADIX = 1 << RADIX_BITS,
    PROBES =
        8, /* Slots in use that are passed by for each value, at most: then there is no dictionary. */
    DICT_SLOTS_MIN = 64,
    NEAR_SPAN = 4,       /* Numbers that could be there for each that is, at most. */
    PAGE_SLOTS_EACH = 4, /* For each entry there is room for. */
    PAGE_ROOM_MIN = 1024,
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

/* Where in a hash table of `mask` + 1 slots to look for a key first. */
static uint32_t dict_slot(uint64_t key, uint32_t mask)
{
    uint64_t h = (key ^ (key >> 32)) * UINT64_C(0x9e3779b97f4a7c15);

    h = (h ^ (h >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(h >> 40) & mask;
}

/* ---- sorting ---------------------------------------------------------------------------- */

/* One pass of counting by RADIX_BITS of the key's distance from `base`, from bit `shift` on. */
static void dict_pass(const hi_dict_entry *from, uint32_t count, uint64_t base, unsigned shift,
                      hi_dict_entry *to)
{
    uint32_t start[RADIX] = {0};
    uint32_t sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        start[((from[i].key - base) >> shift) % RADIX]++;
    }
    for (uint32_t r = 0; r < RADIX; r++) {
        const uint32_t here = start[r];

        start[r] = sum;
        sum += here;
    }
    for (uint32_t i = 0; i < count; i++) {
        to[start[((from[i].key - base) >> shift) % RADIX]++] = from[i];
    }
}

/* Puts the few right that are not. false: it moved more than is worth it, and nothing is lost. */
static bool dict_finish(hi_dict_entry *a, uint32_t count)
{
    uint32_t moves = 0;

    for (uint32_t i = 1; i < count; i++) {
        const hi_dict_entry moved = a[i];
        uint32_t at = i;

        for (; at > 0 && a[at - 1].key > moved.key; at--) {
            a[at] = a[at - 1];
            moves++;
        }
        a[at] = moved;
        if (moves > 4 * count) {
            return false;
        }
    }
    return true;
}

/* Sorts a by key, with room for as many in b. Returns the one of the two that has the result. The
   upper bits of the range put nearly all in order; where they do not, all bits are gone through. */
static const hi_dict_entry *dict_sort(hi_dict_entry *a, hi_dict_entry *b, uint32_t count)
{
    uint64_t min = UINT64_MAX;
    uint64_t max = 0;

    for (uint32_t i = 0; i < count; i++) {
        min = a[i].key < min ? a[i].key : min;
        max = a[i].key > max ? a[i].key : max;
    }
    const unsigned bits = hi_bit_length(max - min);
    unsigned first = bits > SORT_BITS ? bits - SORT_BITS : 0;
    for (int round = 0; round < 2; round++, first = 0) {
        for (unsigned shift = first; shift < bits; shift += RADIX_BITS) {
            hi_dict_entry *sorted = b;

            dict_pass(a, count, min, shift, b);
            b = a;
            a = sorted;
        }
        if (first == 0 || dict_finish(a, count)) {
            break;
        }
    }
    return a;
}

/* ---- of a block ------------------------------------------------------------------------- */

/* Numbers the different values in order of appearance. 0: too many. */
static uint32_t dict_collect(hi_body_scratch *scratch, hi_kind kind, const uint64_t *x,
                             uint32_t count, uint32_t early)
{
    const uint32_t most = count < HI_ENTRIES_MAX ? count : HI_ENTRIES_MAX;
    hi_dict_entry *entries = scratch->entries[0];
    uint32_t slots = DICT_SLOTS_MIN;
    uint32_t found = 0;
    uint32_t probes = 0;

    while (slots < 2 * count && slots < HI_DICT_SLOTS) {
        slots *= 2;
    }
    memset(scratch->slots, 0, slots * sizeof(*scratch->slots));
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t key = dict_key(kind, x[i]);
        uint32_t at = dict_slot(key, slots - 1);

        while (scratch->slots[at] != 0 && entries[scratch->slots[at] - 1].key != key) {
            at = (at + 1) & (slots - 1);
            probes++;
        }
        if (probes > PROBES * count) {
            return 0; /* Values chosen to collide. */
        }
        if (scratch->slots[at] == 0) {
            if (found == most || (i < EARLY_ROWS && found == early)) {
                return 0;
            }
            entries[found] = (hi_dict_entry){key, found};
            scratch->slots[at] = (uint16_t)++found;
        }
        scratch->codes[i] = scratch->slots[at] - 1U;
    }
    return found;
}

/* ---- of a block, numbers near each other ------------------------------------------------ */

/* Whole numbers of rows [first, first + rows): integers as they are, reals by the model that likely fits. false: one has
   none. */
static bool near_wholes(const hi_codec_kernels *kern, hi_body_scratch *scratch, const hi_num *num,
                        const uint64_t *x, uint32_t first, uint32_t rows)
{
    bool all = true;

    for (uint32_t at = first; num != NULL && all && at < first + rows; at += HI_VECTOR_ROWS) {
        const uint32_t left = first + rows - at;

        all = kern->to_num(x + at, left < HI_VECTOR_ROWS ? left : HI_VECTOR_ROWS, num,
                           scratch->whole + at, scratch->off) == 0;
    }
    return all;
}

/* Clears the slots of so many numbers; false: they are too far from each other. */
static bool near_clear(const hi_codec_kernels *kern, hi_body_scratch *scratch, const uint64_t *n,
                       uint32_t count, uint64_t *min_out, uint64_t *span_out)
{
    int64_t min = 0;
    int64_t max = 0;

    kern->range(n, count, &min, &max);
    *min_out = (uint64_t)min;
    *span_out = (uint64_t)max - (uint64_t)min;
    if (*span_out >= HI_DICT_SLOTS || *span_out >= (uint64_t)NEAR_SPAN * count) {
        return false;
    }
    memset(scratch->slots, 0, (*span_out + 1) * sizeof(*scratch->slots));
    return true;
}

/* How many different ones there are; their slots are in use afterwards. */
static uint32_t near_count(hi_body_scratch *scratch, const uint64_t *n, uint32_t count,
                           uint64_t min)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < count; i++) {
        found += scratch->slots[n[i] - min] == 0;
        scratch->slots[n[i] - min] = 1;
    }
    return found;
}

/* Numbers the slots in use, the entries, and puts the code of each value. Returns how many entries there are. */
static uint32_t near_codes(hi_body_scratch *scratch, const uint64_t *n, uint32_t count,
                           uint64_t min, uint64_t span)
{
    uint16_t *slots = scratch->slots;
    uint32_t entries = 0;

    for (uint32_t i = 0; i < count; i++) {
        slots[n[i] - min] = 1;
    }
    for (uint32_t i = 0; i <= span; i++) {
        const uint16_t here = slots[i];

        scratch->entry_values[entries] = min + i;
        slots[i] = (uint16_t)entries;
        entries += here;
    }
    for (uint32_t i = 0; i < count; i++) {
        scratch->codes[i] = slots[n[i] - min];
    }
    return entries;
}

/* As hi_number_dict, without hashing. false: the values are no such numbers, and nothing is lost. */
static bool near_dict(const hi_codec_kernels *kern, hi_body_scratch *scratch, const hi_num *num,
                      const uint64_t *x, uint32_t count, uint32_t early, uint32_t *entries_out)
{
    const uint64_t *n = num == NULL ? x : scratch->whole;
    const uint32_t few = count < EARLY_ROWS ? count : EARLY_ROWS;
    uint64_t min = 0;
    uint64_t span = 0;

    *entries_out = 0;
    if (!near_wholes(kern, scratch, num, x, 0, few) ||
        !near_clear(kern, scratch, n, few, &min, &span)) {
        return false;
    }
    if (near_count(scratch, n, few, min) > early) {
        return true;
    }
    if (!near_wholes(kern, scratch, num, x, few, count - few) ||
        !near_clear(kern, scratch, n, count, &min, &span)) {
        return false;
    }
    *entries_out = near_codes(scratch, n, count, min, span);
    if (num != NULL) {
        (void)kern->from_num(scratch->entry_values, *entries_out, num); /* As it was verified. */
    }
    return true;
}

/* Entries among the first rows beyond which there will be too many for a dictionary to be below
   so many bits a value. */
static uint32_t dict_early(size_t bits)
{
    return bits < EARLY_BITS ? EARLY_FEW : bits < 2 * EARLY_BITS ? EARLY_SOME : EARLY_MANY;
}

uint32_t hi_number_dict(const hi_codec_kernels *kern, hi_body_scratch *scratch, hi_kind kind,
                        const hi_num *num, const uint64_t *x, uint32_t count, size_t below)
{
    const uint32_t early = dict_early(below * 8 / count);
    uint32_t entries = 0;

    if ((kind != HI_KIND_REAL || num != NULL) &&
        near_dict(kern, scratch, num, x, count, early, &entries)) {
        return entries;
    }
    entries = dict_collect(scratch, kind, x, count, early);
    if (entries == 0) {
        return 0;
    }
    const hi_dict_entry *sorted = dict_sort(scratch->entries[0], scratch->entries[1], entries);
    for (uint32_t i = 0; i < entries; i++) {
        scratch->ranks[sorted[i].number] = (uint16_t)i;
        scratch->entry_values[i] = dict_value(kind, sorted[i].key);
    }
    for (uint32_t i = 0; i < count; i++) {
        scratch->codes[i] = scratch->ranks[scratch->codes[i]];
    }
    return entries;
}

/* ---- of a page -------------------------------------------------------------------------- */

/* The slot of a key: its own, or the free one where it belongs. */
static uint32_t *page_slot(hi_page_dict *dict, uint64_t key)
{
    const uint32_t mask = PAGE_SLOTS_EACH * dict->room - 1;
    uint32_t at = dict_slot(key, mask);

    while (dict->slots[at] != 0 && dict->entries[0][dict->slots[at] - 1].key != key) {
        at = (at + 1) & mask;
        dict->probes++;
    }
    return &dict->slots[at];
}

static size_t page_dict_size(uint32_t room)
{
    return room * (PAGE_SLOTS_EACH * sizeof(uint32_t) + 2 * sizeof(hi_dict_entry));
}

void hi_page_dict_free(hi_page_dict *dict, hi_mem *mem)
{
    hi_mem_free(mem, dict->slots, page_dict_size(dict->room));
    *dict = (hi_page_dict){.count = 0};
}

/* Room for `entries` or more: pages of few rows, as a small budget has them, need little. */
static bool page_dict_reserve(hi_page_dict *dict, hi_mem *mem, uint32_t entries)
{
    uint32_t room = PAGE_ROOM_MIN;

    while (room < entries) {
        room *= 2;
    }
    if (room <= dict->room) {
        return true;
    }
    hi_page_dict_free(dict, mem);
    dict->slots = hi_mem_alloc(mem, page_dict_size(room));
    if (dict->slots == NULL) {
        return false;
    }
    dict->room = room;
    dict->entries[0] = (hi_dict_entry *)(void *)(dict->slots + PAGE_SLOTS_EACH * (size_t)room);
    dict->entries[1] = dict->entries[0] + room;
    return true;
}

static void page_dict_clear(hi_page_dict *dict)
{
    memset(dict->slots, 0, PAGE_SLOTS_EACH * (size_t)dict->room * sizeof(*dict->slots));
}

/* Slots anew, once the entries are sorted. */
static void page_dict_number(hi_page_dict *dict)
{
    const uint32_t count = dict->count;

    page_dict_clear(dict);
    for (uint32_t i = 0; i < count; i++) {
        *page_slot(dict, dict->entries[0][i].key) = i + 1;
    }
}

hist_status hi_page_dict_collect(hi_page_dict *dict, hi_mem *mem, hi_kind kind,
                                 const hi_values *values, uint32_t entries_max)
{
    const uint64_t *x = values->data;
    const uint32_t most = entries_max < HI_PAGE_ENTRIES_MAX ? entries_max : HI_PAGE_ENTRIES_MAX;
    bool any = false;
    uint64_t last = 0;

    if (!page_dict_reserve(dict, mem, most)) {
        return HIST_ENOMEM;
    }
    dict->count = 0;
    dict->kind = kind;
    dict->probes = 0;
    page_dict_clear(dict);
    for (uint32_t i = 0; i < values->rows; i++) {
        if ((values->valid != NULL && !hist_bit_get(values->valid, i)) || (any && x[i] == last)) {
            continue;
        }
        uint32_t *slot = page_slot(dict, dict_key(kind, x[i]));
        any = true;
        last = x[i];
        if (dict->probes > (uint64_t)PROBES * values->rows) {
            dict->count = 0; /* Values chosen to collide. */
            return HIST_OK;
        }
        if (*slot == 0) {
            if (dict->count == most) {
                dict->count = 0;
                return HIST_OK;
            }
            dict->entries[0][dict->count] = (hi_dict_entry){dict_key(kind, x[i]), dict->count};
            *slot = ++dict->count;
        }
    }
    const hi_dict_entry *sorted = dict_sort(dict->entries[0], dict->entries[1], dict->count);
    if (sorted != dict->entries[0]) {
        memcpy(dict->entries[0], sorted, dict->count * sizeof(*sorted));
    }
    page_dict_number(dict);
    return HIST_OK;
}

void hi_page_dict_codes(hi_page_dict *dict, const uint64_t *x, uint32_t count, uint64_t *codes)
{
    for (uint32_t i = 0; i < count; i++) {
        codes[i] = *page_slot(dict, dict_key(dict->kind, x[i])) - 1;
    }
}

uint64_t hi_page_dict_value(const hi_page_dict *dict, uint32_t i)
{
    return dict_value(dict->kind, dict->entries[0][i].key);
}
