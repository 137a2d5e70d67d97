/*
 * scan.c -- rows of one table in (partition, series, time) order; see scan.h.
 *
 * The sources (spans of parts by partition, fragments of chunks) are grouped
 * into clusters whose partitions overlap; usually a cluster is one partition.
 * Clusters are worked off in time order: fragments are opened, hi_merge gives
 * run lists, and each wanted column is gathered from them.
 */
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

/* Rows of one source in one partition. */
typedef struct scan_source {
    int64_t partition_ns;
    int64_t end_ns; /* Last instant of the partition. */
    hi_part *part;  /* NULL: a fragment of a chunk. */
    hi_frag *frag;
    uint32_t order; /* Parts by seq, then chunks in order of arrival. */
} scan_source;

struct hi_scan {
    hi_snapshot *snapshot;
    hi_mem *mem;
    hi_scan_spec spec;
    hi_arena arena;       /* Lives as long as the scan. */
    hi_arena cluster;     /* One cluster. */
    hi_arena batch;       /* One batch. */
    scan_source *sources; /* By partition_ns, then order. */
    uint32_t source_count;
    uint32_t source_room;
    uint32_t next_source;
    hi_frag_list frags; /* Of the current cluster. */
    hi_merge *merge;
    hi_whole_block block;        /* That is offered. */
    hi_block_stats *block_stats; /* Its statistics, one a column; NULL: none is offered. */
    hi_block_stats *folded;      /* Its figures from its bytes, */
    bool *is_folded;             /* where they are known. */
    const hi_frag
        *refused; /* A piece of its block that begins at refused_row was, and so are others. */
    uint32_t refused_row;
    hi_scan_stats stats;
};

/* ---- sources ---- */

static hist_status scan_add_source(hi_scan *scan, const scan_source *source, hist_error *err)
{
    if (scan->source_count == scan->source_room) {
        const uint32_t room = scan->source_room == 0 ? 64 : scan->source_room * 2;
        scan_source *grown = HI_NEW_ARRAY(&scan->arena, scan_source, room);

        if (grown == NULL) {
            return hi_no_memory(err, "scan");
        }
        if (scan->source_count > 0) {
            memcpy(grown, scan->sources, scan->source_count * sizeof(*grown));
        }
        scan->sources = grown;
        scan->source_room = room;
    }
    scan->sources[scan->source_count] = *source;
    scan->sources[scan->source_count].order = scan->source_count;
    scan->source_count++;
    return HIST_OK;
}

static int64_t scan_end_of(int64_t start, int64_t width)
{
    int64_t end = 0;

    return __builtin_add_overflow(start, width - 1, &end) ? INT64_MAX : end;
}

/* Whether the part may have rows of a series that is asked for; known only of parts that were cut. */
static bool scan_wants_part(const hi_scan_spec *spec, const hi_part_ref *part)
{
    return spec->series == NULL || hi_part_any_series(spec->series, spec->series_count,
                                                      part->first_series, part->last_series);
}

static hist_status scan_add_parts(hi_scan *scan, hist_error *err)
{
    const hi_version *version = scan->snapshot->version;
    const hi_scan_spec *spec = &scan->spec;

    for (uint32_t i = 0; i < version->part_count; i++) {
        const hi_part_ref *part = version->parts[i];
        const uint32_t count = scan_wants_part(spec, part) ? part->range_count : 0;

        for (uint32_t r = 0; r < count; r++) {
            const hi_part_range *range = &part->ranges[r];

            if (range->table == spec->table && range->time_min <= spec->last_ns &&
                range->time_max >= spec->from_ns) {
                const scan_source source = {.partition_ns = range->partition_ns,
                                            .end_ns =
                                                scan_end_of(range->partition_ns, range->width_ns),
                                            .part = part->part};

                HI_TRY(scan_add_source(scan, &source, err));
            }
        }
    }
    return HIST_OK;
}

static hist_status scan_add_chunk(hi_scan *scan, const hi_chunk_view *view, hist_error *err)
{
    const hi_scan_spec *spec = &scan->spec;
    const hi_chunk_wish wish = {.table = spec->table,
                                .from_ns = spec->from_ns,
                                .last_ns = spec->last_ns,
                                .series = spec->series,
                                .series_count = spec->series_count,
                                .width_ns = scan->snapshot->store->options.partition_ns};
    hi_frag_list list = {0};
    hist_status status = hi_chunk_frags(view, &wish, &scan->arena, scan->mem, &list, err);

    for (uint32_t i = 0; i < list.count; i++) {
        hi_frag *frag = list.frags[i];
        const scan_source source = {.partition_ns = frag->partition_ns,
                                    .end_ns = scan_end_of(frag->partition_ns, frag->width_ns),
                                    .frag = frag};

        if (status == HIST_OK) {
            status = scan_add_source(scan, &source, err);
        }
        if (status != HIST_OK) {
            frag->ops->close(frag); /* Those before it are closed with the scan. */
        }
    }
    return status;
}

static int scan_compare_sources(const void *a, const void *b)
{
    const scan_source *x = a;
    const scan_source *y = b;

    if (x->partition_ns != y->partition_ns) {
        return x->partition_ns < y->partition_ns ? -1 : 1;
    }
    return x->order < y->order ? -1 : x->order > y->order;
}

static int scan_compare_order(const void *a, const void *b)
{
    const scan_source *x = a;
    const scan_source *y = b;

    return x->order < y->order ? -1 : x->order > y->order;
}

/* ---- clusters ---- */

static void scan_close_cluster(hi_scan *scan)
{
    hi_merge_close(scan->merge);
    scan->merge = NULL;
    scan->refused = NULL; /* Another may come to lie in its place. */
    for (uint32_t i = 0; i < scan->frags.count; i++) {
        scan->frags.frags[i]->ops->close(scan->frags.frags[i]);
    }
    scan->frags = (hi_frag_list){0};
    hi_arena_free(&scan->cluster);
}

/* Opens the fragments of sources[first..end), in the order that decides ties. */
static hist_status scan_open_frags(hi_scan *scan, uint32_t first, uint32_t end, hist_error *err)
{
    const hi_scan_spec *spec = &scan->spec;
    int64_t low = INT64_MAX;
    int64_t high = INT64_MIN;

    for (uint32_t i = first; i < end; i++) {
        low = scan->sources[i].partition_ns < low ? scan->sources[i].partition_ns : low;
        high = scan->sources[i].end_ns > high ? scan->sources[i].end_ns : high;
    }
    low = low < spec->from_ns ? spec->from_ns : low;
    high = high > spec->last_ns ? spec->last_ns : high;
    qsort(scan->sources + first, end - first, sizeof(scan_source), scan_compare_order);
    const hi_part *before = NULL;
    for (uint32_t i = first; i < end; i++) {
        scan_source *source = &scan->sources[i];

        if (source->part == NULL) {
            hi_frag *frag = source->frag;

            source->frag = NULL; /* The list closes it from here on. */
            if (hi_frag_list_add(&scan->frags, &scan->cluster, frag) != HIST_OK) {
                frag->ops->close(frag);
                return hi_no_memory(err, "scan");
            }
        } else if (source->part != before) {
            /* One call gives all partitions of the part that lie in the cluster. */
            before = source->part;
            HI_TRY(hi_part_frags(source->part, spec->table, low, high, spec->series,
                                 spec->series_count, &scan->cluster, scan->mem, &scan->frags, err));
        }
    }
    return HIST_OK;
}

/* ---- blocks and pieces ---- */

static uint32_t scan_stored_id(const hi_column_def *def)
{
    return def->kind == HIST_COLUMN_FIELD ? def->id : HI_COLUMN_TIME;
}

/* Statistics of the block for column number `c` of the scan; false: they cannot stand for its rows. */
static bool scan_block_stats(hi_scan *scan, const hi_whole_block *block, uint32_t c)
{
    const hi_column_def *def = &scan->spec.columns[c];
    const uint32_t id = scan_stored_id(def);
    hi_frag *frag = block->frag;

    if (id != HI_COLUMN_TIME) {
        const hist_type type = frag->ops->column(frag, id);

        if (type != 0 && type != def->type) {
            return false; /* Gathering it says what is wrong. */
        }
    }
    const uint32_t first = block->piece ? block->block : block->row;
    const uint32_t rows = frag->ops->stats(frag, id, first, &scan->block_stats[c]);
    return block->piece ? rows > 0 : rows == block->rows;
}

/* Bounds by the statistics of times, where the scan has them. */
static void scan_block_times(const hi_scan *scan, hi_scan_block *shown)
{
    for (uint32_t c = 0; c < scan->spec.column_count; c++) {
        const int64_t min = (int64_t)scan->block_stats[c].min;
        const int64_t max = (int64_t)scan->block_stats[c].max;

        if (scan->spec.columns[c].kind != HIST_COLUMN_FIELD) {
            shown->first_ns = !shown->one_series || min > shown->first_ns ? min : shown->first_ns;
            shown->last_ns = !shown->one_series || max < shown->last_ns ? max : shown->last_ns;
            return;
        }
    }
}

/* hi_whole_fn. Tags tell by the statistics of the times whether a block begins here, as they have none. */
static hist_status scan_offer_block(void *arg, const hi_whole_block *block, bool now,
                                    bool *taken_out, hist_error *err)
{
    hi_scan *scan = arg;
    hi_scan_block shown = {.rows = block->rows,
                           .series = block->series,
                           .one_series = block->one_series,
                           .exact = !block->piece && !scan->spec.no_statistics,
                           .first_ns = block->first_ns,
                           .last_ns = block->last_ns,
                           .stats = scan->block_stats};

    *taken_out = false;
    if (block->piece && block->frag == scan->refused && block->block == scan->refused_row) {
        return HIST_OK;
    }
    for (uint32_t c = 0; c < scan->spec.column_count; c++) {
        if (!scan_block_stats(scan, block, c)) {
            return HIST_OK;
        }
    }
    memset(scan->is_folded, 0, scan->spec.column_count * sizeof(bool));
    scan->block = *block;
    scan_block_times(scan, &shown);
    HI_TRY(scan->spec.fold(scan->spec.fold_arg, &shown, now, taken_out, err));
    scan->stats.blocks_skipped += *taken_out && now && shown.exact ? 1 : 0;
    if (block->piece && !*taken_out) {
        scan->refused = block->frag;
        scan->refused_row = block->block;
    }
    return HIST_OK;
}

hist_status hi_scan_fold(hi_scan *scan, uint32_t column, bool extremes,
                         const hi_block_stats **stats_out, hist_error *err)
{
    const hi_whole_block *block = &scan->block;

    *stats_out = &scan->block_stats[column];
    if (!block->piece && !scan->spec.no_statistics) {
        return HIST_OK;
    }
    *stats_out = &scan->folded[column];
    if (scan->is_folded[column]) {
        return HIST_OK;
    }
    bool done = false;
    HI_TRY(block->frag->ops->fold(block->frag, scan_stored_id(&scan->spec.columns[column]),
                                  block->row, block->rows, extremes, &scan->folded[column], &done,
                                  err));
    scan->is_folded[column] = done;
    *stats_out = done ? *stats_out : NULL;
    return HIST_OK;
}

static bool scan_block_room(hi_scan *scan)
{
    const uint32_t columns = scan->spec.column_count;

    scan->block_stats = HI_NEW_ARRAY(&scan->arena, hi_block_stats, columns);
    scan->folded = HI_NEW_ARRAY(&scan->arena, hi_block_stats, columns);
    scan->is_folded = HI_NEW_ARRAY(&scan->arena, bool, columns);
    return scan->block_stats != NULL && scan->folded != NULL && scan->is_folded != NULL;
}

static void scan_count_blocks_read(hi_scan *scan)
{
    for (uint32_t i = 0; i < scan->frags.count; i++) {
        scan->frags.frags[i]->blocks_read = &scan->stats.blocks_read;
    }
}

/* Opens the next cluster that has fragments. *done_out: there is none. */
static hist_status scan_next_cluster(hi_scan *scan, bool *done_out, hist_error *err)
{
    const hi_scan_spec *spec = &scan->spec;

    *done_out = false;
    while (scan->frags.count == 0) {
        const uint32_t first = scan->next_source;
        uint32_t end = first;
        int64_t reach = INT64_MIN;

        if (first == scan->source_count) {
            *done_out = true;
            return HIST_OK;
        }
        while (end < scan->source_count &&
               (end == first || scan->sources[end].partition_ns <= reach)) {
            reach = scan->sources[end].end_ns > reach ? scan->sources[end].end_ns : reach;
            end++;
        }
        scan->next_source = end;
        HI_TRY(scan_open_frags(scan, first, end, err));
    }
    const hi_merge_spec merge = {.frags = scan->frags.frags,
                                 .frag_count = scan->frags.count,
                                 .from_ns = spec->from_ns,
                                 .to_ns = spec->last_ns,
                                 .to_inclusive = true,
                                 .stop_at_blocks = true,
                                 .series = spec->series,
                                 .series_count = spec->series_count,
                                 .ranges = spec->ranges,
                                 .range_count = spec->range_count,
                                 .tombstones = scan->snapshot->version->tombstones,
                                 .tombstone_count = scan->snapshot->version->tombstone_count,
                                 .blocks_skipped = &scan->stats.blocks_skipped,
                                 .whole = scan->block_stats == NULL ? NULL : scan_offer_block,
                                 .whole_arg = scan};
    scan_count_blocks_read(scan);
    return hi_merge_open(scan->mem, &merge, &scan->merge, err);
}

/* ---- batches ---- */

/* Codes into text, so that the values of runs are flat as hist_batch.h says. */
static hist_status scan_flatten(hi_scan *scan, hist_column *values, hist_error *err)
{
    const hist_column codes = *values;
    const uint32_t count = codes.length;
    int32_t *offsets = HI_NEW_ARRAY(&scan->batch, int32_t, (size_t)count + 1);
    size_t size = 0;

    for (uint32_t i = 0; i < count; i++) {
        size += hist_column_str(&codes, i).size;
    }
    char *bytes = size > INT32_MAX ? NULL : hi_arena_alloc(&scan->batch, size);
    if (offsets == NULL || bytes == NULL) {
        return hi_no_memory(err, "scan");
    }
    for (uint32_t i = 0; i < count; i++) {
        const hist_str text = hist_column_str(&codes, i);

        if (text.size > 0) {
            memcpy(bytes + offsets[i], text.data, text.size);
        }
        offsets[i + 1] = offsets[i] + (int32_t)text.size;
    }
    *values = (hist_column){.type = HIST_TYPE_STRING,
                            .stored = HIST_TYPE_STRING,
                            .length = count,
                            .data_count = count,
                            .offsets = offsets,
                            .bytes = bytes};
    return HIST_OK;
}

/* Tags: one value a run, as RUNS columns that share `ends`. */
static hist_status scan_tag(hi_scan *scan, const hi_scan_batch *batch, const uint32_t *ids,
                            const int32_t *ends, const hi_column_def *def, hist_column *out,
                            hist_error *err)
{
    hist_column *values = HI_NEW(&scan->batch, hist_column);

    if (values == NULL) {
        return hi_no_memory(err, "scan");
    }
    HI_TRY(hi_catalog_tag(hi_snapshot_catalog(scan->snapshot), scan->spec.table, def->id, ids,
                          batch->run_count, &scan->batch, values, err));
    if (values->layout == HIST_LAYOUT_DICT) {
        HI_TRY(scan_flatten(scan, values, err));
    }
    *out = (hist_column){.type = HIST_TYPE_STRING,
                         .stored = HIST_TYPE_STRING,
                         .layout = HIST_LAYOUT_RUNS,
                         .length = batch->batch.row_count,
                         .data_count = batch->run_count,
                         .data = ends,
                         .child = values};
    return HIST_OK;
}

static hist_status scan_fill_runs(hi_scan *scan, const hi_runlist *list, hi_scan_batch *batch,
                                  uint32_t **ids_out, int32_t **ends_out, hist_error *err)
{
    hi_scan_run *runs = HI_NEW_ARRAY(&scan->batch, hi_scan_run, list->run_count);
    uint32_t *ids = HI_NEW_ARRAY(&scan->batch, uint32_t, list->run_count);
    int32_t *ends = HI_NEW_ARRAY(&scan->batch, int32_t, list->run_count);

    if (runs == NULL || ids == NULL || ends == NULL) {
        return hi_no_memory(err, "scan");
    }
    for (uint32_t i = 0; i < list->run_count; i++) {
        const hi_out_run *run = &list->runs[i];

        runs[i] = (hi_scan_run){run->series, run->first_row, run->rows};
        ids[i] = run->series;
        ends[i] = (int32_t)(run->first_row + run->rows);
    }
    batch->runs = runs;
    batch->run_count = list->run_count;
    *ids_out = ids;
    *ends_out = ends;
    return HIST_OK;
}

static hist_status scan_fill_batch(hi_scan *scan, const hi_runlist *list, hi_scan_batch *batch,
                                   hist_error *err)
{
    const hi_scan_spec *spec = &scan->spec;
    hist_column *columns = HI_NEW_ARRAY(&scan->batch, hist_column, spec->column_count);
    uint32_t *ids = NULL;
    int32_t *ends = NULL;

    if (columns == NULL) {
        return hi_no_memory(err, "scan");
    }
    batch->batch = (hist_batch){.column_count = spec->column_count,
                                .row_count = list->rows,
                                .sel_count = list->rows,
                                .columns = columns};
    HI_TRY(scan_fill_runs(scan, list, batch, &ids, &ends, err));
    for (uint32_t i = 0; i < spec->column_count; i++) {
        const hi_column_def *def = &spec->columns[i];

        if (def->kind == HIST_COLUMN_TAG) {
            HI_TRY(scan_tag(scan, batch, ids, ends, def, &columns[i], err));
        } else {
            HI_TRY(hi_gather(&scan->batch, scan->frags.frags, list, def->id, def->type, &columns[i],
                             err));
        }
    }
    return HIST_OK;
}

hist_status hi_scan_next(hi_scan *scan, hi_scan_batch *batch_out, hist_error *err)
{
    hi_runlist list = {0};

    *batch_out = (hi_scan_batch){0};
    hi_arena_rewind(&scan->batch, (hi_arena_mark){0});
    while (list.rows == 0) {
        if (scan->merge == NULL) {
            bool done = false;

            HI_TRY(scan_next_cluster(scan, &done, err));
            if (done) {
                return HIST_OK;
            }
        }
        HI_TRY(hi_merge_next(scan->merge, scan->spec.batch_rows_max, &list, err));
        if (list.rows == 0) {
            scan_close_cluster(scan);
        }
    }
    scan->stats.rows += list.rows;
    return scan_fill_batch(scan, &list, batch_out, err);
}

/* ---- life ---- */

hist_status hi_scan_open(hi_snapshot *snapshot, hi_mem *mem, const hi_scan_spec *spec,
                         hi_scan **scan_out, hist_error *err)
{
    hi_scan *scan = HI_MEM_NEW(mem, hi_scan);
    hist_status status = HIST_OK;

    *scan_out = NULL;
    if (scan == NULL) {
        return hi_no_memory(err, "scan");
    }
    scan->snapshot = snapshot;
    scan->mem = mem;
    scan->spec = *spec;
    if (scan->spec.batch_rows_max == 0 || scan->spec.batch_rows_max > HIST_BATCH_ROWS_MAX) {
        /* One block: its columns are handed out where they were decoded. */
        scan->spec.batch_rows_max = snapshot->store->options.slab_rows_max < HI_BLOCK_ROWS_MAX
                                        ? snapshot->store->options.slab_rows_max
                                        : HI_BLOCK_ROWS_MAX;
    }
    hi_arena_init(&scan->arena, mem);
    hi_arena_init(&scan->cluster, mem);
    hi_arena_init(&scan->batch, mem);
    if (spec->fold != NULL) {
        status = scan_block_room(scan) ? HIST_OK : hi_no_memory(err, "scan");
    }
    if (status == HIST_OK && spec->from_ns <= spec->last_ns &&
        (spec->series == NULL || spec->series_count > 0)) {
        status = scan_add_parts(scan, err);
        for (int i = 0; i < 2 && status == HIST_OK; i++) {
            if (snapshot->views[i].chunks != NULL) {
                status = scan_add_chunk(scan, &snapshot->views[i], err);
            }
        }
    }
    if (status != HIST_OK) {
        hi_scan_close(scan);
        return status;
    }
    if (scan->source_count > 0) {
        qsort(scan->sources, scan->source_count, sizeof(scan_source), scan_compare_sources);
    }
    *scan_out = scan;
    return HIST_OK;
}

void hi_scan_close(hi_scan *scan)
{
    if (scan == NULL) {
        return;
    }
    scan_close_cluster(scan);
    for (uint32_t i = 0; i < scan->source_count; i++) {
        if (scan->sources[i].frag != NULL) {
            scan->sources[i].frag->ops->close(scan->sources[i].frag);
        }
    }
    hi_arena_free(&scan->arena);
    hi_arena_free(&scan->batch);
    HI_MEM_DELETE(scan->mem, scan);
}

/* Clusters are worked off one after the other, and each but the first begins with a partition. */
bool hi_scan_keeps_bins(const hi_scan *scan, int64_t origin, int64_t width)
{
    for (uint32_t i = 0; i < scan->source_count; i++) {
        const int64_t start = scan->sources[i].partition_ns;

        if (start != scan->sources[0].partition_ns &&
            (start % width - origin % width) % width != 0) {
            return false;
        }
    }
    return true;
}

const hi_scan_stats *hi_scan_get_stats(const hi_scan *scan)
{
    return &scan->stats;
}
