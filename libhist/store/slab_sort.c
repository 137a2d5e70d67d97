/*
 * slab_sort.c -- the order to read a slab in: by partition, series, time, arrival.
 *
 * Rows mostly arrive in order of time, with the series interleaved. So a stable radix
 * sort by series does nearly all of the work; the stretch of a series is sorted
 * by time only when it is not ascending already (natural merge sort), and
 * stretches are cut at partitions and put in their order at the end.
 */
#include <string.h>

#include "store/chunk.h"
#include "store/slab.h"

enum {
    SORT_DIGIT_BITS = 11,
    SORT_DIGITS = 1 << SORT_DIGIT_BITS,
};

/* Times with the row they belong to. */
typedef struct sort_key {
    int64_t time;
    uint32_t row;
} sort_key;

/* A stretch of one series inside one partition; rows are positions in keys. */
typedef struct sort_piece {
    int64_t partition_ns;
    uint32_t series;
    uint32_t first;
    uint32_t rows;
    uint32_t unique;
} sort_piece;

typedef struct sort_job {
    hi_mem *mem;
    const uint32_t *series;
    const int64_t *times;
    uint32_t rows;
    int64_t width_ns;
    sort_key *keys;   /* By series, then time, then arrival. */
    sort_key *spare;  /* The same room. */
    uint32_t *bounds; /* Ends of runs while merging; rows + 1 entries. */
    sort_piece *pieces;
    sort_piece *pieces_spare;
    uint32_t piece_count;
    uint32_t piece_room;
    bool duplicates;
} sort_job;

void hi_slab_order_free(hi_slab_order *order)
{
    if (order == NULL) {
        return;
    }
    hi_mem *mem = order->mem;
    hi_mem_free(mem, order->perm, order->rows * sizeof(*order->perm));
    hi_mem_free(mem, order->starts, ((size_t)order->rows + 1) * sizeof(*order->starts));
    hi_mem_free(mem, order->groups, order->group_room * sizeof(*order->groups));
    hi_mem_free(mem, order->runs, order->run_room * sizeof(*order->runs));
    HI_MEM_DELETE(mem, order);
}

/* ---- by series ---- */

static void sort_fill(sort_job *job)
{
    for (uint32_t i = 0; i < job->rows; i++) {
        job->keys[i] = (sort_key){job->times[i], i};
    }
}

static void sort_radix_pass(sort_job *job, uint32_t low, unsigned shift)
{
    uint32_t counts[SORT_DIGITS] = {0};
    uint32_t at = 0;

    for (uint32_t i = 0; i < job->rows; i++) {
        counts[((job->series[i] - low) >> shift) & (SORT_DIGITS - 1)]++;
    }
    for (uint32_t d = 0; d < SORT_DIGITS; d++) {
        const uint32_t n = counts[d];

        counts[d] = at;
        at += n;
    }
    for (uint32_t i = 0; i < job->rows; i++) {
        const uint32_t digit = ((job->series[job->keys[i].row] - low) >> shift) & (SORT_DIGITS - 1);

        job->spare[counts[digit]++] = job->keys[i];
    }
    sort_key *swap = job->keys;
    job->keys = job->spare;
    job->spare = swap;
}

static void sort_by_series(sort_job *job)
{
    uint32_t low = UINT32_MAX;
    uint32_t high = 0;
    bool ascending = true;

    for (uint32_t i = 0; i < job->rows; i++) {
        low = job->series[i] < low ? job->series[i] : low;
        high = job->series[i] > high ? job->series[i] : high;
        ascending &= i == 0 || job->series[i - 1] <= job->series[i];
    }
    for (unsigned shift = 0; !ascending && shift < 32 && (high - low) >> shift != 0;
         shift += SORT_DIGIT_BITS) {
        sort_radix_pass(job, low, shift);
    }
}

/* ---- by time ---- */

static void sort_merge(const sort_key *a, uint32_t na, const sort_key *b, uint32_t nb, sort_key *to)
{
    while (na > 0 && nb > 0) {
        if (b->time < a->time) {
            *to++ = *b++;
            nb--;
        } else {
            *to++ = *a++;
            na--;
        }
    }
    memcpy(to, a, na * sizeof(*a));
    memcpy(to + na, b, nb * sizeof(*b));
}

/* Merges neighbouring runs of [first, first + rows) until one is left; bounds[0..runs] are their ends. */
static void sort_merge_runs(sort_job *job, uint32_t first, uint32_t rows, uint32_t runs)
{
    sort_key *from = job->keys + first;
    sort_key *to = job->spare + first;
    uint32_t *bounds = job->bounds;

    while (runs > 1) {
        uint32_t out = 0;

        for (uint32_t r = 0; r < runs; r += 2) {
            const uint32_t begin = bounds[r];
            const uint32_t middle = bounds[r + 1];
            const uint32_t end = r + 2 <= runs ? bounds[r + 2] : middle;

            sort_merge(from + begin, middle - begin, from + middle, end - middle, to + begin);
            bounds[out++] = begin;
        }
        bounds[out] = rows;
        runs = out;
        sort_key *swap = from;
        from = to;
        to = swap;
    }
    if (from != job->keys + first) {
        memcpy(job->keys + first, from, rows * sizeof(*from));
    }
}

static void sort_by_time(sort_job *job, uint32_t first, uint32_t rows)
{
    const sort_key *keys = job->keys + first;
    uint32_t runs = 0;

    job->bounds[0] = 0;
    for (uint32_t i = 1; i < rows; i++) {
        if (keys[i].time < keys[i - 1].time) {
            job->bounds[++runs] = i;
        }
    }
    if (runs > 0) {
        job->bounds[++runs] = rows;
        sort_merge_runs(job, first, rows, runs);
    }
}

/* ---- by partition ---- */

static bool sort_add_piece(sort_job *job, const sort_piece *piece)
{
    if (job->piece_count == job->piece_room) {
        const uint32_t room = job->piece_room == 0 ? 64 : job->piece_room * 2;
        sort_piece *fresh = hi_mem_realloc(job->mem, job->pieces, job->piece_room * sizeof(*fresh),
                                           room * sizeof(*fresh));

        if (fresh == NULL) {
            return false;
        }
        job->pieces = fresh;
        job->piece_room = room;
    }
    job->pieces[job->piece_count++] = *piece;
    return true;
}

/* Cuts the sorted stretch of one series where partitions begin, and counts its distinct times. */
static bool sort_cut(sort_job *job, uint32_t first, uint32_t rows)
{
    const sort_key *keys = job->keys + first;
    const uint32_t series = job->series[keys[0].row];

    for (uint32_t i = 0; i < rows;) {
        sort_piece piece = {.partition_ns = hi_partition_start(keys[i].time, job->width_ns),
                            .series = series,
                            .first = first + i,
                            .rows = 1,
                            .unique = 1};
        const int64_t last = hi_partition_last(keys[i].time, job->width_ns);

        for (i++; i < rows && keys[i].time <= last; i++) {
            piece.rows++;
            piece.unique += keys[i].time != keys[i - 1].time;
        }
        job->duplicates |= piece.unique != piece.rows;
        if (!sort_add_piece(job, &piece)) {
            return false;
        }
    }
    return true;
}

static bool sort_series(sort_job *job)
{
    for (uint32_t i = 0; i < job->rows;) {
        const uint32_t series = job->series[job->keys[i].row];
        uint32_t end = i + 1;

        while (end < job->rows && job->series[job->keys[end].row] == series) {
            end++;
        }
        sort_by_time(job, i, end - i);
        if (!sort_cut(job, i, end - i)) {
            return false;
        }
        i = end;
    }
    return true;
}

/* Stable, so that pieces of one partition stay in the order of their series. */
static bool sort_pieces(sort_job *job)
{
    bool ascending = true;

    for (uint32_t i = 1; i < job->piece_count; i++) {
        ascending &= job->pieces[i - 1].partition_ns <= job->pieces[i].partition_ns;
    }
    if (ascending) {
        return true;
    }
    sort_piece *spare = hi_mem_alloc(job->mem, job->piece_room * sizeof(*spare));
    if (spare == NULL) {
        return false;
    }
    for (uint64_t width = 1; width < job->piece_count; width *= 2) {
        for (uint64_t at = 0; at < job->piece_count; at += 2 * width) {
            uint64_t a = at;
            const uint64_t a_end = at + width < job->piece_count ? at + width : job->piece_count;
            uint64_t b = a_end;
            const uint64_t b_end =
                at + 2 * width < job->piece_count ? at + 2 * width : job->piece_count;

            for (uint64_t out = at; out < b_end; out++) {
                const bool right = a == a_end || (b < b_end && job->pieces[b].partition_ns <
                                                                   job->pieces[a].partition_ns);

                spare[out] = right ? job->pieces[b++] : job->pieces[a++];
            }
        }
        sort_piece *swap = job->pieces;
        job->pieces = spare;
        spare = swap;
    }
    hi_mem_free(job->mem, spare, job->piece_room * sizeof(*spare));
    return true;
}

/* ---- the result ---- */

static uint32_t sort_count_groups(const sort_job *job)
{
    uint32_t groups = 1;

    for (uint32_t i = 1; i < job->piece_count; i++) {
        groups += job->pieces[i].partition_ns != job->pieces[i - 1].partition_ns;
    }
    return groups;
}

static bool sort_alloc_order(sort_job *job, hi_slab_order *order)
{
    hi_mem *mem = job->mem;

    order->group_room = sort_count_groups(job);
    order->run_room = job->piece_count;
    order->groups = hi_mem_alloc(mem, order->group_room * sizeof(*order->groups));
    order->runs = hi_mem_alloc(mem, order->run_room * sizeof(*order->runs));
    order->perm = hi_mem_alloc(mem, order->rows * sizeof(*order->perm));
    if (job->duplicates) {
        order->starts = hi_mem_alloc(mem, ((size_t)order->rows + 1) * sizeof(*order->starts));
    }
    return order->groups != NULL && order->runs != NULL && order->perm != NULL &&
           (!job->duplicates || order->starts != NULL);
}

static void sort_add_run(hi_slab_order *order, const sort_job *job, const sort_piece *piece,
                         uint32_t out_row)
{
    const int64_t first_ns = job->keys[piece->first].time;
    const int64_t last_ns = job->keys[piece->first + piece->rows - 1].time;
    hi_slab_group *group = order->group_count == 0 ? NULL : &order->groups[order->group_count - 1];

    if (group == NULL || group->partition_ns != piece->partition_ns) {
        group = &order->groups[order->group_count++];
        *group = (hi_slab_group){.partition_ns = piece->partition_ns,
                                 .first_row = out_row,
                                 .first_run = order->run_count,
                                 .first_ns = first_ns,
                                 .last_ns = last_ns};
    }
    order->runs[order->run_count++] = (hi_run){.series = piece->series,
                                               .first_row = out_row - group->first_row,
                                               .rows = piece->unique,
                                               .first_ns = first_ns,
                                               .last_ns = last_ns};
    group->rows += piece->unique;
    group->run_count++;
    group->first_ns = first_ns < group->first_ns ? first_ns : group->first_ns;
    group->last_ns = last_ns > group->last_ns ? last_ns : group->last_ns;
}

static void sort_fill_order(const sort_job *job, hi_slab_order *order)
{
    uint32_t in = 0;
    uint32_t out = 0;
    bool identity = !job->duplicates;

    for (uint32_t p = 0; p < job->piece_count; p++) {
        const sort_piece *piece = &job->pieces[p];
        const sort_key *keys = job->keys + piece->first;

        sort_add_run(order, job, piece, out);
        for (uint32_t i = 0; i < piece->rows; i++, in++) {
            if (i == 0 || keys[i].time != keys[i - 1].time) {
                if (order->starts != NULL) {
                    order->starts[out] = in;
                }
                out++;
            }
            order->perm[in] = keys[i].row;
            identity &= keys[i].row == in;
        }
    }
    if (order->starts != NULL) {
        order->starts[out] = in;
    }
    if (identity) {
        hi_mem_free(job->mem, order->perm, order->rows * sizeof(*order->perm));
        order->perm = NULL;
    }
}

static bool sort_run(sort_job *job, hi_slab_order *order)
{
    sort_fill(job);
    sort_by_series(job);
    if (!sort_series(job) || !sort_pieces(job) || !sort_alloc_order(job, order)) {
        return false;
    }
    sort_fill_order(job, order);
    return true;
}

hist_status hi_slab_sort(hi_mem *mem, const uint32_t *series, const int64_t *times, uint32_t rows,
                         int64_t width_ns, hi_slab_order **order_out)
{
    sort_job job = {
        .mem = mem, .series = series, .times = times, .rows = rows, .width_ns = width_ns};
    const size_t keys_size = rows * sizeof(sort_key);
    sort_key *keys = hi_mem_alloc(mem, keys_size);
    sort_key *spare = hi_mem_alloc(mem, keys_size);
    hi_slab_order *order = HI_MEM_NEW(mem, hi_slab_order);
    bool done = false;

    job.bounds = hi_mem_alloc(mem, ((size_t)rows + 1) * sizeof(*job.bounds));
    if (order != NULL) { /* Also what frees it needs these. */
        order->mem = mem;
        order->rows = rows;
        order->width_ns = width_ns;
    }
    if (keys != NULL && spare != NULL && order != NULL && job.bounds != NULL) {
        job.keys = keys;
        job.spare = spare;
        done = sort_run(&job, order);
    }
    hi_mem_free(mem, job.pieces, job.piece_room * sizeof(*job.pieces));
    hi_mem_free(mem, job.bounds, ((size_t)rows + 1) * sizeof(*job.bounds));
    hi_mem_free(mem, spare, keys_size);
    hi_mem_free(mem, keys, keys_size);
    if (!done) {
        hi_slab_order_free(order);
        return HIST_ENOMEM;
    }
    *order_out = order;
    return HIST_OK;
}
