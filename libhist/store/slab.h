/*
 * slab.h -- a block of rows of one table in arrival order, and the order to read them in.
 *
 * For chunk.c and chunk_frag.c. One thread appends. Readers look only at rows and columns
 * that were published to them: arrays never move, and the one thing that both
 * sides touch, a word of validity bits, is read and written as an atomic.
 */
#ifndef HI_SLAB_H
#define HI_SLAB_H

#include <stdatomic.h>

#include "store/frag.h"
#include "store/rows.h"

/* Text of a column lies in blocks of 4 KiB, 8 KiB, ...; a string is inside one block. */
enum {
    HI_SLAB_BLOCKS = 19,
    HI_SLAB_BLOCK_BITS = 12,
};
/* A slab with more text in a column takes no more rows. */
#define HI_SLAB_TEXT_MAX (UINT32_C(512) << 20)

typedef struct hi_slab_column hi_slab_column;
struct hi_slab_column {
    uint32_t column;
    hist_type type;
    hi_slab_column *next;         /* In order of birth. */
    _Atomic uint64_t *valid;      /* capacity bits. */
    void *data;                   /* int64_t, double, hi_text_ref; BOOL: uint8_t. */
    uint32_t text_end;            /* STRING: where the next text may go. */
    char *blocks[HI_SLAB_BLOCKS]; /* STRING */
};

/* Consecutive output rows of one partition. */
typedef struct hi_slab_group {
    int64_t partition_ns;
    uint32_t first_row; /* In the whole order. */
    uint32_t rows;
    uint32_t first_run;
    uint32_t run_count;
    int64_t first_ns;
    int64_t last_ns;
} hi_slab_group;

/*
 * Rows by (partition, series, time). Output row i comes from input row perm[i], or when some keys came more than
 * once from input rows perm[starts[i] .. starts[i + 1]), oldest first.
 */
typedef struct hi_slab_order {
    hi_mem *mem;
    int64_t width_ns;
    uint32_t rows;    /* Input rows. */
    uint32_t *perm;   /* NULL: as they are. */
    uint32_t *starts; /* NULL: keys are unique. */
    hi_slab_group *groups;
    uint32_t group_count;
    uint32_t group_room;
    hi_run *runs; /* first_row counts from the start of the group. */
    uint32_t run_count;
    uint32_t run_room;
} hi_slab_order;

typedef struct hi_slab hi_slab;
struct hi_slab {
    hi_slab *next; /* Later rows. */
    uint32_t capacity;
    uint32_t rows; /* The appender's. */
    bool sealed;   /* The appender's. */
    uint32_t *series;
    int64_t *times;
    hi_slab_column *columns; /* Oldest. */
    hi_slab_column *last_column;
    uint32_t column_count;
    int64_t first_ns; /* Of all rows; these four are the appender's until the slab is full. */
    int64_t last_ns;
    uint64_t seq_low;
    uint64_t seq_high;
    uint32_t first_series; /* Bounds of its series; the appender's. */
    uint32_t last_series;
    uint64_t order_bytes; /* Charged for the order that a flush will need, until that is there. */
    _Atomic(hi_slab_order *) order; /* Of a full slab, once somebody asked. */
};

hi_slab *hi_slab_new(hi_mem *mem, uint32_t capacity);
void hi_slab_free(hi_mem *mem, hi_slab *slab);

/* Rows that still fit. */
static inline uint32_t hi_slab_room(const hi_slab *slab)
{
    return slab->sealed ? 0 : slab->capacity - slab->rows;
}

/* Makes columns and text blocks for rows [from, from + count) of a batch; false: no memory. count is at most the room. */
bool hi_slab_prepare(hi_mem *mem, hi_slab *slab, const hi_rows_table *rows, uint32_t from,
                     uint32_t count);
/* The slab has its order: what was charged for it beforehand is given back. By one thread. */
void hi_slab_order_made(hi_mem *mem, hi_slab *slab);
/* Copies them; cannot fail after hi_slab_prepare() of the same. */
void hi_slab_append(hi_slab *slab, const hi_rows_table *rows, uint32_t from, uint32_t count,
                    uint64_t seq);

/* Among the first `count` columns; NULL: none. */
const hi_slab_column *hi_slab_find(const hi_slab_column *first, uint32_t count, uint32_t column);

static inline bool hi_slab_valid(const hi_slab_column *c, uint32_t row)
{
    return ((atomic_load_explicit(&c->valid[row >> 6], memory_order_relaxed) >> (row & 63)) & 1) !=
           0;
}

static inline const char *hi_slab_text(const hi_slab_column *c, uint32_t start)
{
    const uint32_t unit = (start >> HI_SLAB_BLOCK_BITS) + 1;
    const unsigned k = 31 - (unsigned)__builtin_clz(unit);

    return c->blocks[k] + (start - (((UINT32_C(1) << k) - 1) << HI_SLAB_BLOCK_BITS));
}

/* The order of `rows` rows. HIST_ENOMEM. */
hist_status hi_slab_sort(hi_mem *mem, const uint32_t *series, const int64_t *times, uint32_t rows,
                         int64_t width_ns, hi_slab_order **order_out);
/* The account of a generation (chunk.c). */
struct hi_chunks;
hi_mem *hi_chunks_mem(struct hi_chunks *chunks);

/* NULL is a no-op. */
void hi_slab_order_free(hi_slab_order *order);

#endif
