/*
 * compact_expire.c -- retention: from when on rows are kept, and which may go without a trace.
 *
 * README.md has the rules. A row that is past its retention may stay for as long as it
 * has to, but what it overwrote must not be seen again.
 */
#include <inttypes.h>

#include "base/timefmt.h"
#include "store/compact.h"

/* ---- the cutoff ---- */

/* What is known of the times of rows in parts, those after now left out. */
static void compact_look_at_times(const hi_version *version, int64_t birth_ns, int64_t now_ns,
                                  hi_era_question *q)
{
    for (uint32_t i = 0; i < version->part_count; i++) {
        for (uint32_t r = 0; r < version->parts[i]->range_count; r++) {
            const hi_part_range *range = &version->parts[i]->ranges[r];
            const int64_t last = range->time_max < now_ns ? range->time_max : now_ns;
            const int64_t before = range->time_max < birth_ns ? range->time_max : range->time_min;

            if (range->time_min <= now_ns && last > q->newest_ns) {
                q->newest_ns = last;
            }
            if (before < birth_ns && before > q->newest_before_ns) {
                q->newest_before_ns = before;
            }
        }
    }
}

int64_t compact_cutoff(const compact_job *job)
{
    hi_store *store = job->store;
    hi_era_question question = {.retention_ns = store->options.retention_ns,
                                .newest_ns = INT64_MIN,
                                .newest_before_ns = INT64_MIN};

    if (store->options.retention_ns == 0) {
        return INT64_MIN;
    }
    (void)pthread_mutex_lock(&store->publish_lock);
    hi_store_see_clock(store);
    const hi_eras eras = store->manifest.eras;
    const int64_t now = store->era_watch.wall_ns;
    (void)pthread_mutex_unlock(&store->publish_lock);
    compact_look_at_times(job->version, eras.list[0].from_ns, now, &question);
    return hi_eras_cutoff(&eras, &question);
}

void compact_log_retention(const compact_job *job, const char *how)
{
    uint64_t rows = 0;
    char cutoff[HI_TIME_SIZE];

    for (uint32_t i = 0; i < job->input_count; i++) {
        rows += job->inputs[i]->rows;
    }
    for (uint32_t i = 0; i < job->made_count; i++) {
        rows -= job->made[i].summary.rows;
    }
    if (rows == 0) {
        return;
    }
    const int size = (int)hi_time_print(cutoff, job->drop_before_ns, 0);
    hi_store_log(job->store, HIST_LOG_INFO,
                 "retention: what is from before %.*s was %s: %" PRIu64 " rows of %" PRIu32
                 " parts",
                 size, cutoff, how, rows, job->input_count);
}

/* ---- what may go ---- */

/* Whether two parts may hold rows of one series of one table at one time. */
static bool compact_may_share_rows(const hi_part_ref *a, const hi_part_ref *b)
{
    if (a->last_series < b->first_series || b->last_series < a->first_series) {
        return false;
    }
    for (uint32_t i = 0; i < a->range_count; i++) {
        for (uint32_t k = 0; k < b->range_count; k++) {
            const hi_part_range *x = &a->ranges[i];
            const hi_part_range *y = &b->ranges[k];

            if (x->table == y->table && x->time_min <= y->time_max && x->time_max >= y->time_min) {
                return true;
            }
        }
    }
    return false;
}

static bool compact_is_expired(const hi_part_ref *part, int64_t cutoff_ns)
{
    bool expired = part->range_count > 0;

    for (uint32_t r = 0; r < part->range_count; r++) {
        expired &= part->ranges[r].time_max < cutoff_ns;
    }
    return expired;
}

/* Whether part number `at` lies over rows of an older part that stays: without it they would be seen
   again as they were before they were overwritten. The inputs are those that go. */
static bool compact_hides_older(const hi_version *version, const compact_job *job, uint32_t at)
{
    uint32_t input = 0;

    for (uint32_t i = 0; i < at; i++) {
        if (input < job->input_count && job->inputs[input] == version->parts[i]) {
            input++;
        } else if (compact_may_share_rows(version->parts[i], version->parts[at])) {
            return true;
        }
    }
    return false;
}

/* Parts that hold nothing but rows past their retention are dropped unread. Parts ascend by age, so
   that one that goes makes way for those over it. */
void compact_pick_expired(const hi_version *version, compact_job *job)
{
    job->input_count = 0;
    for (uint32_t i = 0; i < version->part_count && job->drop_before_ns != INT64_MIN; i++) {
        hi_part_ref *part = version->parts[i];

        if (compact_is_expired(part, job->drop_before_ns) &&
            !compact_hides_older(version, job, i)) {
            job->inputs[job->input_count++] = part;
        }
    }
}

static bool compact_is_input(const compact_job *job, const hi_part_ref *part)
{
    for (uint32_t i = 0; i < job->input_count; i++) {
        if (job->inputs[i] == part) {
            return true;
        }
    }
    return false;
}

/* Whether a part that is not merged holds rows of the key that an input is newer than. */
static bool compact_lies_under(const compact_job *job, const hi_part_ref *part,
                               const hi_part_range *key)
{
    bool rows = false;

    for (uint32_t r = 0; r < part->range_count && !rows; r++) {
        const hi_part_range *range = &part->ranges[r];

        rows = range->table == key->table && range->time_min < job->drop_before_ns &&
               range->time_min <= compact_last_of(key) && range->time_max >= key->partition_ns;
    }
    for (uint32_t i = 0; i < job->input_count && rows; i++) {
        const hi_part_ref *input = job->inputs[i];

        if (hi_part_ref_compare(part, input) < 0 && part->first_series <= input->last_series &&
            part->last_series >= input->first_series && compact_find_range(input, key) != NULL) {
            return true;
        }
    }
    return false;
}

int64_t compact_cutoff_of(const compact_job *job, const hi_part_range *key)
{
    const hi_version *version = job->version;

    if (key->partition_ns >= job->drop_before_ns) {
        return INT64_MIN; /* Nothing of it is old enough. */
    }
    for (uint32_t i = 0; i < version->part_count; i++) {
        if (!compact_is_input(job, version->parts[i]) &&
            compact_lies_under(job, version->parts[i], key)) {
            return INT64_MIN;
        }
    }
    return job->drop_before_ns;
}
