/* compact.h -- one merge under way; shared by compact.c (what and how) and compact_publish.c. */
#ifndef HI_COMPACT_H
#define HI_COMPACT_H

#include "store/store.h"

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
    hi_profile profile;
    int64_t drop_before_ns;
    compact_made *made;
    uint32_t made_count;
    uint32_t made_room;
} compact_job;

/* Manifest and version without the inputs and with what was made. Caller holds publish_lock. */
hist_status compact_publish(compact_job *job, hist_error *err);
/* The version follows a merge that was published. Caller holds merge_lock. */
hist_status compact_finish_swap(hi_store *store, hist_error *err);
void compact_free_swap(hi_store *store, hi_swap *swap);

#endif
