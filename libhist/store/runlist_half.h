/* runlist_half.h -- a run list in two, for a row group that is too large for memory. */
#ifndef HI_RUNLIST_HALF_H
#define HI_RUNLIST_HALF_H

#include "base/arena.h"
#include "store/runlist.h"

/* One half of a list of at least two rows; what it does not share with the list is in `arena`. false:
   no memory. */
bool hi_runlist_half(hi_arena *arena, const hi_runlist *list, bool second, hi_runlist *half);

#endif
