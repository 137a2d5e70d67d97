/* era.c -- the stretches of the wall clock a store has lived through; see era.h. */
#include "store/era.h"

#include <assert.h>
#include <string.h>

#define ERA_DAY_NS   INT64_C(86400000000000)
#define ERA_BIRTH_NS (400 * ERA_DAY_NS) /* How far apart rows and the birth of a store may lie. */

enum { ERA_GRACE_SHARE = 10 };

int64_t hi_era_grace(int64_t retention_ns)
{
    return retention_ns <= 0 || retention_ns / ERA_GRACE_SHARE > ERA_DAY_NS
               ? ERA_DAY_NS
               : retention_ns / ERA_GRACE_SHARE;
}

/* later - earlier, for any two times. */
static uint64_t era_between(int64_t earlier, int64_t later)
{
    assert(earlier <= later);
    return (uint64_t)later - (uint64_t)earlier;
}

static bool era_touch(hi_era a, hi_era b, int64_t grace_ns)
{
    return (b.from_ns <= a.to_ns || era_between(a.to_ns, b.from_ns) <= (uint64_t)grace_ns) &&
           (a.from_ns <= b.to_ns || era_between(b.to_ns, a.from_ns) <= (uint64_t)grace_ns);
}

static void era_remove(hi_eras *eras, uint32_t at)
{
    eras->count--;
    memmove(&eras->list[at], &eras->list[at + 1], (eras->count - at) * sizeof(eras->list[0]));
}

static void era_forget_shortest(hi_eras *eras)
{
    uint32_t shortest = 1; /* What was there first is needed to know what was before. */

    for (uint32_t i = 2; i < eras->count; i++) {
        if (era_between(eras->list[i].from_ns, eras->list[i].to_ns) <
            era_between(eras->list[shortest].from_ns, eras->list[shortest].to_ns)) {
            shortest = i;
        }
    }
    era_remove(eras, shortest);
}

void hi_eras_add(hi_eras *eras, hi_era era, int64_t grace_ns)
{
    uint32_t at = 0;

    assert(era.from_ns <= era.to_ns);
    while (at < eras->count) {
        const hi_era old = eras->list[at];

        if (!era_touch(old, era, grace_ns)) {
            at++;
            continue;
        }
        era.from_ns = old.from_ns < era.from_ns ? old.from_ns : era.from_ns;
        era.to_ns = old.to_ns > era.to_ns ? old.to_ns : era.to_ns;
        era_remove(eras, at);
        at = 0; /* It has grown: one before may touch it now. */
    }
    if (eras->count == HI_ERAS_MAX) {
        era_forget_shortest(eras);
    }
    at = eras->count++;
    while (at > 0 && eras->list[at - 1].from_ns > era.from_ns) {
        eras->list[at] = eras->list[at - 1];
        at--;
    }
    eras->list[at] = era;
}

/* Whether the wall clock went on as the monotonic one did. */
static bool era_in_step(const hi_era_watch *watch, int64_t wall_ns, int64_t monotonic_ns,
                        int64_t grace_ns)
{
    int64_t expected = 0;

    if (!watch->begun || monotonic_ns < watch->monotonic_ns ||
        __builtin_add_overflow(watch->wall_ns, monotonic_ns - watch->monotonic_ns, &expected)) {
        return false;
    }
    return (wall_ns > expected ? era_between(expected, wall_ns) : era_between(wall_ns, expected)) <=
           (uint64_t)grace_ns;
}

hi_era hi_eras_see(hi_eras *eras, hi_era_watch *watch, int64_t wall_ns, int64_t monotonic_ns,
                   int64_t grace_ns)
{
    hi_era era = {wall_ns, wall_ns};

    if (era_in_step(watch, wall_ns, monotonic_ns, grace_ns) && watch->wall_ns < wall_ns) {
        era.from_ns = watch->wall_ns;
    }
    *watch = (hi_era_watch){.wall_ns = wall_ns, .monotonic_ns = monotonic_ns, .begun = true};
    hi_eras_add(eras, era, grace_ns);
    for (uint32_t i = 0; i < eras->count; i++) {
        if (eras->list[i].from_ns <= wall_ns && wall_ns <= eras->list[i].to_ns) {
            return eras->list[i];
        }
    }
    return era;
}

/* ---- the cutoff ---- */

/* Going back in time. */
typedef struct era_walk {
    int64_t at_ns;
    uint64_t left_ns;
    bool arrived;
} era_walk;

/* Goes back to a time, of which no more than credit_ns counts. */
static void era_go(era_walk *walk, int64_t to_ns, uint64_t credit_ns)
{
    uint64_t step = walk->at_ns > to_ns ? era_between(to_ns, walk->at_ns) : 0;

    step = step < credit_ns ? step : credit_ns;
    if (step >= walk->left_ns) {
        walk->at_ns -= (int64_t)walk->left_ns;
        walk->arrived = true;
        return;
    }
    walk->left_ns -= step;
    walk->at_ns = to_ns < walk->at_ns ? to_ns : walk->at_ns;
}

/* Through the time before the first era. */
static int64_t era_before_first(const era_walk *walk, int64_t newest_before_ns)
{
    int64_t cutoff = 0;

    if (newest_before_ns == INT64_MIN ||
        era_between(newest_before_ns, walk->at_ns) > (uint64_t)ERA_BIRTH_NS ||
        __builtin_sub_overflow(walk->at_ns, (int64_t)walk->left_ns, &cutoff)) {
        return INT64_MIN;
    }
    return cutoff;
}

int64_t hi_eras_cutoff(const hi_eras *eras, const hi_era_question *q)
{
    const int64_t grace = hi_era_grace(q->retention_ns);
    era_walk walk = {.at_ns = q->newest_ns, .left_ns = (uint64_t)q->retention_ns + (uint64_t)grace};

    if (q->retention_ns <= 0 || q->newest_ns == INT64_MIN || eras->count == 0 ||
        walk.left_ns > INT64_MAX) {
        return INT64_MIN;
    }
    for (uint32_t i = eras->count; i > 0 && !walk.arrived; i--) {
        const hi_era era = eras->list[i - 1];

        if (era.from_ns > walk.at_ns) {
            continue; /* Not yet. */
        }
        era_go(&walk, era.to_ns, (uint64_t)grace);
        if (!walk.arrived) {
            era_go(&walk, era.from_ns, UINT64_MAX);
        }
    }
    return walk.arrived ? walk.at_ns : era_before_first(&walk, q->newest_before_ns);
}
