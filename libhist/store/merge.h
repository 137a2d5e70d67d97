/*
 * merge.h -- inside of hi_merge (runlist.h), shared by runlist.c and merge_series.c.
 *
 * merge_series.c gives one series after the other as a list of stretches;
 * runlist.c turns the stretches of a series into pieces.
 */
#ifndef HI_MERGE_H
#define HI_MERGE_H

#include "store/runlist.h"

/* Whether other fragments may have rows of the same series among those of a fragment. */
typedef enum hi_merge_apart {
    HI_MERGE_APART_UNKNOWN = 0,
    HI_MERGE_APART, /* None has. */
    HI_MERGE_AMONG,
} hi_merge_apart;

/* One fragment. */
typedef struct hi_merge_source {
    const hi_run *runs;
    uint32_t run_count;
    uint32_t run;    /* Next one to hand out. */
    uint32_t filter; /* Position in the list of wanted series. */
    uint32_t series; /* Key in the queue: of the next run, or a lower bound until loaded. */
    int64_t first_ns;
    uint32_t rank;  /* Newer is larger. */
    uint32_t open;  /* Stretches of it not yet through. */
    uint32_t taken; /* Rows before this one are out, some with a whole block before their turn. */
    hi_merge_apart apart;
    bool loaded;
    bool ended; /* No further run. */
} hi_merge_source;

/* Rows [row, end) of a fragment, of the current series. */
typedef struct hi_merge_stretch {
    uint32_t frag;
    uint32_t run; /* Of the fragment's runs. */
    uint32_t row;
    uint32_t end;
    uint32_t rank;
    int64_t first_ns; /* Bounds; times may lie inside. */
    int64_t last_ns;
    uint32_t offered; /* Rows before this one are not offered as a block or piece again. */
    /* As a cursor: */
    int64_t time_ns;      /* Of `row`. */
    const int64_t *times; /* Window on the rows from `window`. */
    uint32_t window;
    uint32_t window_rows; /* 0: none. */
} hi_merge_stretch;

struct hi_merge {
    /* Set at open. */
    hi_mem *mem;
    hi_merge_spec spec;
    int64_t last_ns; /* Inclusive end of the wanted times. */
    hi_merge_source *sources;
    /* State. */
    uint32_t *queue; /* Heap of sources. */
    uint32_t queue_count;
    uint32_t *spent; /* Sources to release at the next call. */
    uint32_t spent_count;
    uint32_t series;
    hi_merge_stretch *stretches;
    uint32_t stretch_count;
    uint32_t stretch_capacity;
    uint32_t pending; /* First stretch not yet in the heap. */
    uint32_t *heap;   /* Cursors: indexes of stretches; room for all of them. */
    uint32_t heap_count;
    uint32_t heap_capacity;
    bool in_series;
    bool begun;              /* A series with rows was begun. */
    bool stopped;            /* `series` did not fit; there are no more lists. */
    uint64_t room_rows;      /* Of the next list. */
    hi_merge_stretch *alone; /* Rows up to alone_end go out as they are. */
    uint32_t alone_end;
    uint32_t skipped_frag; /* The block counted last as skipped. */
    uint32_t skipped_end;
    hi_piece *pieces;
    uint32_t piece_count;
    uint32_t piece_capacity;
    hi_out_run *runs;
    uint32_t run_count;
    uint32_t run_capacity;
    uint32_t rows;     /* Output rows of the list being made. */
    bool piece_closed; /* The last piece ends a chain and cannot grow. */
    bool block_ended;  /* The last piece ends where its block does. */
    bool
        block_waits; /* The rows that come next are a block for `whole`; the list ends before it. */
};

/* Makes room for one more element; false: no memory, nothing changed. */
bool hi_merge_grow(hi_mem *mem, void **array, uint32_t *capacity, uint32_t count, size_t size);

/* Sets ranks by (seq_high, position). Uses the queue as room. */
void hi_merge_rank(hi_merge *m);
/* Fills the queue with the fragments that may have wanted rows. */
void hi_merge_fill_queue(hi_merge *m);
/* Collects the stretches of the next series; in_series is false after it when there is none. */
hist_status hi_merge_next_series(hi_merge *m, hist_error *err);
/* A fragment without open stretches and further runs gives its decoded data back later. */
void hi_merge_check_spent(hi_merge *m, uint32_t source);

/* Whether a tombstone takes rows of the run. */
bool hi_merge_run_is_cut(const hi_merge *m, const hi_frag *frag, const hi_run *run);

/* ---- merge_block.c ---- */

/* If the rows from alone->row on are a whole block, or a piece of one, spec.whole is asked; *rows_out is set
   when it took it, or would. Rows of it that are of other series than `alone` are then behind alone's end.
   What was refused is not offered again, so that it does not matter where lists end. */
hist_status hi_merge_offer_block(hi_merge *m, uint32_t *rows_out, bool *taken_out, hist_error *err);

/* A view of times; never null. */
hist_status hi_merge_view_time(hi_frag *frag, uint32_t row, uint32_t rows_max, hi_view *view,
                               hist_error *err);
/* First row in [row, end) with a time of at least ns, else end. */
hist_status hi_merge_find(hi_frag *frag, uint32_t row, uint32_t end, int64_t ns, uint32_t *row_out,
                          hist_error *err);

#endif
