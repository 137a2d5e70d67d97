/* compact.h -- one merge under way; shared by compact.c and the other files of that name. */
#ifndef HI_COMPACT_H
#define HI_COMPACT_H

#include "store/store.h"

enum { COMPACT_SPANNING_MAX = 7 }; /* More spanning parts are merged. */

typedef struct compact_made {
    uint64_t id;
    uint32_t flags;
    hi_part_summary summary; /* rows 0: no file was made. */
} compact_made;

typedef struct compact_job {
    hi_store *store;
    hi_version *version;  /* What is merged comes from here; kept until the end. */
    hi_part_ref **inputs; /* Oldest first. */
    uint32_t input_count;
    uint32_t input_room;
    bool spanning; /* Outputs may be pooled. */
    bool in_run;   /* Inputs are some parts of a run; what is made of them stays in it. */
    hi_profile profile;
    int64_t drop_before_ns; /* INT64_MIN: no row is too old. */
    bool expires;           /* The merge dropped rows before that, if there were any. */
    compact_made *made;
    uint32_t made_count;
    uint32_t made_room;
} compact_job;

/* By table, partition and width. */
int compact_compare_keys(const hi_part_range *a, const hi_part_range *b);
bool compact_is(const hi_part_ref *part, uint32_t flag);
/* Last instant of the partition. */
int64_t compact_last_of(const hi_part_range *range);
/* The part's range with this key, or NULL. */
const hi_part_range *compact_find_range(const hi_part_ref *part, const hi_part_range *key);

/* Rows before this are past their retention; INT64_MIN: none. The clock is believed only as far as the
   data goes, and time counts only as far as the store was there, so that a wrong one deletes nothing. */
int64_t compact_cutoff(const compact_job *job);
/* Says what retention took. In a merge the rows that are missing may also have been overwritten or
   deleted. */
void compact_log_retention(const compact_job *job, const char *how);
/* Rows of the key before this are dropped by the merge: job->drop_before_ns, or INT64_MIN where rows
   of a part that is not merged would come back from under them. */
int64_t compact_cutoff_of(const compact_job *job, const hi_part_range *key);

/* Each fills job->inputs, oldest first, with what it finds. */
void compact_pick_expired(const hi_version *version, compact_job *job);
void compact_pick_spanning(const hi_version *version, compact_job *job);
/* Singles of one partition; also sets the profile when it is for a cold rewrite. false: none. */
bool compact_pick_singles(const hi_version *version, compact_job *job, int64_t cold_before_ns);
/* Fewer of the inputs, for a merge that found no memory. false: there cannot be fewer. */
bool compact_pick_fewer(compact_job *job);
bool compact_could_be_fewer(const compact_job *job);

/* Manifest and version without the inputs and with what was made. Caller holds publish_lock. */
hist_status compact_publish(compact_job *job, hist_error *err);
/* The version follows a merge that was published. Caller holds merge_lock. */
hist_status compact_finish_swap(hi_store *store, hist_error *err);
void compact_free_swap(hi_store *store, hi_swap *swap);

#endif
