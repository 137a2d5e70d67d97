/*
 * arrow.h -- batches handed over through the Arrow C Data Interface.
 *
 * The two structs are those of the Arrow specification ("The Arrow C data
 * interface"), so that pyarrow, DuckDB, polars and others take a batch inside
 * one process without a copy and without a library of ours or theirs.
 */
#ifndef FORMATS_ARROW_H
#define FORMATS_ARROW_H

#include "hist_batch.h"

#include "base/mem.h"

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE           2
#define ARROW_FLAG_MAP_KEYS_SORTED    4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif /* ARROW_C_DATA_INTERFACE */

/* What a column becomes. The schema and the arrays must be asked for in the same mode. */
typedef enum arrow_mode {
    /*
     * By type only: every batch of a result has the same schema. Flat columns are handed over as
     * they are, all others written out; dynamic columns become JSON text (arrow.json).
     */
    ARROW_PLAIN = 0,
    /* By layout, without a copy: dictionaries, lists; CONST and RUNS are written out. */
    ARROW_LAYOUT = 1,
    /* The same with CONST and RUNS run-end encoded, which readers know since Arrow 12. */
    ARROW_LAYOUT_RUNS = 2,
} arrow_mode;

/*
 * Who keeps the batch alive: release(arg) is called once, when the last exported array of the batch
 * was released, from whatever thread did that. release NULL: the caller keeps the batch longer
 * than anybody keeps the arrays.
 */
typedef struct arrow_owner {
    void (*release)(void *arg);
    void *arg;
} arrow_owner;

/*
 * A struct type with a child a column. `out` is the caller's; out->release(out) ends it. Nothing of
 * info or batch is kept. mem must live until then.
 */
hist_status arrow_export_schema(hi_mem *mem, const hist_column_info *info, const hist_batch *batch,
                                arrow_mode mode, struct ArrowSchema *out, hist_error *err);

/*
 * A struct array of the batch's rows; with a selection the selected rows are copied. On failure
 * nothing is exported and owner.release is not called. The batch itself (columns, their children)
 * is looked at only here; the memory that columns point to is what owner keeps.
 */
hist_status arrow_export_batch(hi_mem *mem, const hist_batch *batch, arrow_mode mode,
                               arrow_owner owner, struct ArrowArray *out, hist_error *err);

#endif
