/*
 * manifest_check.c -- hi_manifest_check: no two parts of a manifest may leave open which is newer.
 *
 * All ranges are sorted so that those of one table and last commit are
 * neighbours, by partition and then by series. Among these nothing may overlap
 * but cuts of one merge, and their series ascend.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"
#include "store/chunk.h"
#include "store/manifest.h"

typedef struct check_entry {
    const hi_part_entry *part;
    const hi_part_range *range;
} check_entry;

static int check_order(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int check_compare(const void *a, const void *b)
{
    const check_entry *x = a;
    const check_entry *y = b;
    int order = check_order(x->range->table, y->range->table);

    if (order == 0) {
        order = check_order(x->part->seq_high, y->part->seq_high);
    }
    if (order == 0 && x->range->partition_ns != y->range->partition_ns) {
        order = x->range->partition_ns < y->range->partition_ns ? -1 : 1;
    }
    if (order == 0) {
        order = check_order(x->part->first_series, y->part->first_series);
    }
    return order != 0 ? order : check_order(x->part->id, y->part->id);
}

static int64_t check_last_of(const hi_part_range *range)
{
    return hi_partition_last_of(range->partition_ns, range->width_ns);
}

static bool check_is_cut(const hi_part_entry *part)
{
    return (part->flags & HI_PART_CUT) != 0;
}

/* Whether two parts were made by one merge out of one partition. */
static bool check_same_run(const check_entry *a, const check_entry *b)
{
    return check_is_cut(a->part) && check_is_cut(b->part) && a->part->seq_low == b->part->seq_low &&
           a->range->partition_ns == b->range->partition_ns &&
           a->range->width_ns == b->range->width_ns;
}

/* Two neighbours whose times overlap. */
static hist_status check_pair(const check_entry *a, const check_entry *b, hist_error *err)
{
    if (!check_same_run(a, b)) {
        return hi_fail(err, HIST_EINTERNAL,
                       "parts %" PRIu64 " and %" PRIu64
                       " both hold rows of table %u up to commit %" PRIu64
                       " in overlapping times, and nothing says which is newer",
                       a->part->id, b->part->id, a->range->table, a->part->seq_high);
    }
    if (a->part->last_series >= b->part->first_series) {
        return hi_fail(err, HIST_EINTERNAL,
                       "parts %" PRIu64 " and %" PRIu64
                       " were cut from one partition of table %u, but series %u to %u of the one "
                       "and %u to %u of the other overlap",
                       a->part->id, b->part->id, a->range->table, a->part->first_series,
                       a->part->last_series, b->part->first_series, b->part->last_series);
    }
    return HIST_OK;
}

static hist_status check_sorted(const check_entry *entries, size_t count, hist_error *err)
{
    int64_t reach = 0;

    for (size_t i = 0; i < count; i++) {
        const check_entry *e = &entries[i];
        const int64_t last = check_last_of(e->range);
        const bool fresh = i == 0 || e[-1].range->table != e->range->table ||
                           e[-1].part->seq_high != e->part->seq_high;

        if (!fresh && e->range->partition_ns <= reach) {
            HI_TRY(check_pair(&e[-1], e, err));
        }
        reach = fresh || last > reach ? last : reach;
    }
    return HIST_OK;
}

hist_status hi_manifest_check(const hi_manifest *m, hist_error *err)
{
    size_t count = 0;
    size_t at = 0;

    for (size_t i = 0; i < m->part_count; i++) {
        count += m->parts[i].range_count;
    }
    check_entry *entries = hi_mem_calloc(m->mem, count, sizeof(*entries));
    if (entries == NULL) {
        return hi_no_memory(err, "checking the manifest");
    }
    for (size_t i = 0; i < m->part_count; i++) {
        for (size_t r = 0; r < m->parts[i].range_count; r++) {
            entries[at++] = (check_entry){&m->parts[i], &m->parts[i].ranges[r]};
        }
    }
    if (count > 0) {
        qsort(entries, count, sizeof(*entries), check_compare);
    }
    const hist_status status = check_sorted(entries, count, err);
    hi_mem_free(m->mem, entries, count * sizeof(*entries));
    return status;
}
