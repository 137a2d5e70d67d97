/*
 * era.h -- which stretches of the wall clock a store has lived through: what retention measures by.
 *
 * A clock that is wrong once must not make good rows look old. So age is not the
 * difference of two times but how much of the time between them the store was
 * there for: while it is open the wall clock has to keep step with the monotonic
 * one, and where it does not (a clock was set, or the store was closed) a new era
 * begins. A gap between two eras counts for no more than the grace, whatever the
 * clock says, and rows are kept that much longer. So a jump costs no row its time:
 * it adds at most what is kept on top.
 */
#ifndef HI_ERA_H
#define HI_ERA_H

#include <stdbool.h>
#include <stdint.h>

enum { HI_ERAS_MAX = 64 };

/* [from_ns, to_ns] of the wall clock, both included. */
typedef struct hi_era {
    int64_t from_ns;
    int64_t to_ns;
} hi_era;

/* Ascending, none of them touching the next. */
typedef struct hi_eras {
    hi_era list[HI_ERAS_MAX];
    uint32_t count;
} hi_eras;

/* When the clocks were last looked at by this process. */
typedef struct hi_era_watch {
    int64_t wall_ns;
    int64_t monotonic_ns;
    bool begun;
} hi_era_watch;

/* A tenth of the retention, at most a day, which it also is without any. */
int64_t hi_era_grace(int64_t retention_ns);

/*
 * Takes in a stretch, joined with those less than grace_ns away. When there are too many, the
 * shortest one is forgotten, but never the first nor the one that was added: rows are kept longer.
 */
void hi_eras_add(hi_eras *eras, hi_era era, int64_t grace_ns);
/* Looks at the clocks. Returns the era that it is now. */
hi_era hi_eras_see(hi_eras *eras, hi_era_watch *watch, int64_t wall_ns, int64_t monotonic_ns,
                   int64_t grace_ns);

/* What a cutoff is asked for: times of rows, none of them after now. */
typedef struct hi_era_question {
    int64_t retention_ns;
    int64_t newest_ns;        /* Of all rows; INT64_MIN: there are none. */
    int64_t newest_before_ns; /* Of those from before the first era; INT64_MIN: none. */
} hi_era_question;

/*
 * The time before which rows are past their retention; INT64_MIN: nothing is known to be that old.
 * Goes back from the newest row through as much lived time as the retention and its grace.
 * Time before the first era, when there was no store yet, counts in full if there are rows from
 * the 400 days before it: a store that was created with a wrong clock has none.
 */
int64_t hi_eras_cutoff(const hi_eras *eras, const hi_era_question *question);

#endif
