/*
 * compact_pick.c -- which parts to merge next.
 *
 * A flush writes a spanning part: all tables, all partitions. When there are more
 * than SPANNING_MAX, all of them are merged at once: a partition of a table that
 * is large gets a part of its own (a single), the small ones are pooled in one
 * spanning part again. As every such merge takes all spanning parts there are,
 * the rows of a partition that lie in spanning parts are always newer than those
 * in its singles. Singles of one partition are merged with their neighbours when
 * there are more than RUNS_MAX runs of them: the parts that one merge cut by series
 * are one run, and always picked together. So of two parts with the same rows the one
 * with the higher last commit is newer in all of them, and "later wins" stays decidable.
 * (First commits say nothing: a pooled part begins with that of any table in it.)
 */
#include <stdlib.h>
#include <string.h>

#include "store/chunk.h"
#include "store/compact.h"

enum {
    COMPACT_RUNS_MAX = 4,
    COMPACT_SPAN_FACTOR = 2, /* An older neighbour this much larger is left alone. */
};

/* ---- what is there ---- */

int compact_compare_keys(const hi_part_range *a, const hi_part_range *b)
{
    if (a->table != b->table) {
        return a->table < b->table ? -1 : 1;
    }
    if (a->partition_ns != b->partition_ns) {
        return a->partition_ns < b->partition_ns ? -1 : 1;
    }
    return a->width_ns < b->width_ns ? -1 : a->width_ns > b->width_ns;
}

bool compact_is(const hi_part_ref *part, uint32_t flag)
{
    return (part->flags & flag) != 0;
}

static int compact_compare_ranges(const void *a, const void *b)
{
    return compact_compare_keys(a, b);
}

/* Ranges of a part ascend, and one part has one width. */
const hi_part_range *compact_find_range(const hi_part_ref *part, const hi_part_range *key)
{
    return part->range_count == 0 ? NULL
                                  : bsearch(key, part->ranges, part->range_count,
                                            sizeof(hi_part_range), compact_compare_ranges);
}

int64_t compact_last_of(const hi_part_range *range)
{
    return hi_partition_last_of(range->partition_ns, range->width_ns);
}

/* Whether a part may hold rows of the same table and time as `key`, in whatever width. */
static bool compact_overlaps(const hi_part_ref *part, const hi_part_range *key)
{
    for (uint32_t i = 0; i < part->range_count; i++) {
        const hi_part_range *range = &part->ranges[i];

        if (range->table == key->table && range->partition_ns <= compact_last_of(key) &&
            compact_last_of(range) >= key->partition_ns) {
            return true;
        }
    }
    return false;
}

/* ---- picking ---- */

/* The newest spanning parts of one width, none of them damaged and no part of another width between
   them, as that one's rows would end up older than what is merged around it. All that there are. */
void compact_pick_spanning(const hi_version *version, compact_job *job)
{
    int64_t width = 0;

    job->input_count = 0;
    for (uint32_t i = 0; i < version->part_count; i++) {
        hi_part_ref *part = version->parts[i];
        const bool spanning = compact_is(part, HI_PART_SPANNING);

        if (part->range_count == 0) {
            continue;
        }
        if (part->ranges[0].width_ns != width || (spanning && compact_is(part, HI_PART_DAMAGED))) {
            job->input_count = 0;
            width = part->ranges[0].width_ns;
        }
        if (spanning && !compact_is(part, HI_PART_DAMAGED)) {
            job->inputs[job->input_count++] = part;
        }
    }
}

/* Singles by partition, oldest first. */
static int compact_compare_singles(const void *a, const void *b)
{
    const hi_part_ref *x = *(hi_part_ref *const *)a;
    const hi_part_ref *y = *(hi_part_ref *const *)b;
    const int keys = compact_compare_keys(&x->ranges[0], &y->ranges[0]);

    return keys != 0 ? keys : hi_part_ref_compare(x, y);
}

static void compact_list_singles(const hi_version *version, compact_job *job)
{
    job->input_count = 0;
    for (uint32_t i = 0; i < version->part_count; i++) {
        hi_part_ref *part = version->parts[i];

        if (!compact_is(part, HI_PART_SPANNING) && part->range_count > 0) {
            job->inputs[job->input_count++] = part;
        }
    }
    if (job->input_count > 0) {
        qsort(job->inputs, job->input_count, sizeof(job->inputs[0]), compact_compare_singles);
    }
}

/* The end of the run that begins with single number `first`. */
static uint32_t compact_run_end(const compact_job *job, uint32_t first)
{
    uint32_t end = first + 1;

    while (end < job->input_count && hi_part_ref_same_run(job->inputs[first], job->inputs[end])) {
        end++;
    }
    return end;
}

static uint32_t compact_count_runs(const compact_job *job, uint32_t first, uint32_t end)
{
    uint32_t runs = 0;

    for (uint32_t i = first; i < end; i = compact_run_end(job, i)) {
        runs++;
    }
    return runs;
}

/* Where the singles [first, end) of one partition may be joined from: behind the last run with a
   damaged one, and behind every part of another kind whose rows lie between theirs. */
static uint32_t compact_join_from(const hi_version *version, const compact_job *job, uint32_t first,
                                  uint32_t end)
{
    const hi_part_range *key = &job->inputs[first]->ranges[0];
    uint32_t from = first;

    for (uint32_t i = first; i < end; i++) {
        from = compact_is(job->inputs[i], HI_PART_DAMAGED) ? compact_run_end(job, i) : from;
    }
    for (uint32_t i = 0; i < version->part_count; i++) {
        const hi_part_ref *part = version->parts[i];
        uint32_t at = end;

        if ((!compact_is(part, HI_PART_SPANNING) && compact_find_range(part, key) != NULL) ||
            !compact_overlaps(part, key)) {
            continue;
        }
        while (at > from && hi_part_ref_compare(job->inputs[at - 1], part) > 0) {
            at--;
        }
        from = at < end ? at : from;
    }
    return from;
}

/* The inputs become those from..end. */
static void compact_keep_inputs(compact_job *job, uint32_t from, uint32_t end)
{
    memmove(job->inputs, job->inputs + from, (end - from) * sizeof(job->inputs[0]));
    job->input_count = end - from;
}

/* The last run of the singles [0, end): its first one, and what all of it takes. */
static uint32_t compact_last_run(const compact_job *job, uint32_t end, uint64_t *bytes_out)
{
    uint32_t first = end - 1;

    *bytes_out = job->inputs[first]->size_bytes;
    while (first > 0 && hi_part_ref_same_run(job->inputs[first - 1], job->inputs[first])) {
        first--;
        *bytes_out += job->inputs[first]->size_bytes;
    }
    return first;
}

/* Keeps the newest runs that are worth merging: each older one joins while it is not much larger
   than all newer together, and in any case until few enough are left. */
static void compact_trim_singles(compact_job *job)
{
    const uint32_t must = compact_count_runs(job, 0, job->input_count) - COMPACT_RUNS_MAX + 1;
    uint32_t first = job->input_count;
    uint32_t taken = 0;
    uint64_t bytes = 0;

    while (first > 0) {
        uint64_t size = 0;
        const uint32_t run = compact_last_run(job, first, &size);

        if (taken >= must && size > bytes * COMPACT_SPAN_FACTOR) {
            break;
        }
        bytes += size;
        first = run;
        taken++;
    }
    compact_keep_inputs(job, first, job->input_count);
}

/* Whether a single waits for its cold rewrite. */
static bool compact_wants_cold(const hi_part_ref *part, int64_t cold_before_ns)
{
    const hi_part_range *range = &part->ranges[0];
    int64_t end = 0;

    return !compact_is(part, HI_PART_SPANNING | HI_PART_COLD | HI_PART_DAMAGED) &&
           part->range_count > 0 &&
           !__builtin_add_overflow(range->partition_ns, range->width_ns, &end) &&
           end <= cold_before_ns;
}

static bool compact_any_wants_cold(const compact_job *job, uint32_t first, uint32_t end,
                                   int64_t cold_before_ns)
{
    for (uint32_t i = first; i < end; i++) {
        if (compact_wants_cold(job->inputs[i], cold_before_ns)) {
            return true;
        }
    }
    return false;
}

/* The singles [first, end) for a cold rewrite. Parts of one run share no series, so a run by itself is
   rewritten one part at a time. */
static void compact_pick_cold(compact_job *job, uint32_t first, uint32_t end,
                              int64_t cold_before_ns)
{
    job->profile = HI_PROFILE_COLD;
    if (compact_run_end(job, first) == end && end - first > 1) {
        while (!compact_wants_cold(job->inputs[first], cold_before_ns)) {
            first++;
        }
        end = first + 1;
        job->in_run = true;
    }
    compact_keep_inputs(job, first, end);
}

bool compact_pick_singles(const hi_version *version, compact_job *job, int64_t cold_before_ns)
{
    uint32_t end = 0;

    compact_list_singles(version, job);
    for (uint32_t first = 0; first < job->input_count; first = end) {
        end = first + 1;
        while (end < job->input_count && compact_compare_keys(&job->inputs[first]->ranges[0],
                                                              &job->inputs[end]->ranges[0]) == 0) {
            end++;
        }
        if (compact_count_runs(job, first, end) <= COMPACT_RUNS_MAX &&
            !compact_any_wants_cold(job, first, end, cold_before_ns)) {
            continue;
        }
        const uint32_t from = compact_join_from(version, job, first, end);
        if (compact_count_runs(job, from, end) > COMPACT_RUNS_MAX) {
            compact_keep_inputs(job, from, end);
            compact_trim_singles(job);
            return true;
        }
        if (compact_any_wants_cold(job, from, end, cold_before_ns)) {
            compact_pick_cold(job, from, end, cold_before_ns);
            return true;
        }
    }
    job->input_count = 0;
    return false;
}

bool compact_could_be_fewer(const compact_job *job)
{
    return !job->in_run && compact_count_runs(job, 0, job->input_count) > 2;
}

/*
 * Half of the runs. Of spanning parts the oldest, so that those left are newer than the singles that
 * are made; of singles the newest, which are small.
 */
bool compact_pick_fewer(compact_job *job)
{
    const uint32_t runs = compact_count_runs(job, 0, job->input_count);
    uint32_t middle = 0;

    if (!compact_could_be_fewer(job)) {
        return false;
    }
    for (uint32_t run = 0; run < (job->spanning ? (runs + 1) / 2 : runs / 2); run++) {
        middle = compact_run_end(job, middle);
    }
    compact_keep_inputs(job, job->spanning ? 0 : middle, job->spanning ? middle : job->input_count);
    return true;
}
