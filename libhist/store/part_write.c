/*
 * part_write.c -- writes a part file, one row group after the other; see part.md for the bytes.
 *
 * A row group comes as a run list. Its times are gathered first (the directory
 * needs them), then each field is gathered, encoded, written and forgotten, so
 * what is in memory is one column of one group and the directory being built.
 * Any failure is final for the writer: finish refuses, close removes the file.
 */
#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "os/file.h"
#include "store/names.h"
#include "store/part_dir.h"
#include "store/part_encoder.h"
#include "store/runlist_half.h"

enum {
    WRITE_BUFFER_MAX = 256 * 1024,
    WRITE_FOOTER_BYTES = 36, /* About what the footer will have of a row group. */
};

__extension__ typedef unsigned __int128 write_wide;

struct hi_part_writer {
    /* Set at open. */
    hi_part_config config;
    uint64_t id;
    hi_profile profile;
    hist_file *file;
    hi_encoder *encoder; /* NULL: config.encoder is used. */
    size_t buffer_bytes; /* From so many on `out` is written. */
    /* State. */
    bool failed;
    bool joined; /* The writers that share config.encoder. */
    bool renamed;
    bool finished;
    uint64_t flushed; /* Bytes of the file before `out`. */
    hi_buf out;
    hi_buf page;
    hi_dir_builder dir;
    hi_arena times_arena; /* Times of the current group. */
    hi_mem column_mem; /* An account with a limit, so that long texts do not take all there is. */
    hi_arena column_arena; /* One column. */
    hi_part_footer footer;
    uint32_t group_capacity;
    hi_part_summary summary; /* size and hash at finish. */
    uint32_t span_capacity;
    /* The current merge and group. */
    const hi_part_input *input;
    const hi_part_column **columns; /* Of the input, ascending by id. */
    bool stopped;                   /* At bytes_max of the input, before next_series. */
    uint32_t next_series;
    hi_run *runs;
    uint32_t run_capacity;
    uint32_t block_rows[HI_PART_BLOCKS_MAX];
    uint32_t block_count;
    hi_block_info infos[HI_PART_BLOCKS_MAX];
    hi_part_block blocks[HI_PART_BLOCKS_MAX];
    char path[HI_PATH_SIZE];
    char temp[HI_PATH_SIZE + 8];
};

/* ---- open and close ---- */

static hist_status write_paths(hi_part_writer *w, hist_error *err)
{
    HI_TRY(hi_name_path(w->config.dir, HI_FILE_PART, w->id, w->path, err));
    const size_t size = strlen(w->path);
    memcpy(w->temp, w->path, size);
    memcpy(w->temp + size, HI_TEMP_SUFFIX, sizeof(HI_TEMP_SUFFIX));
    return HIST_OK;
}

static hist_status write_start(hi_part_writer *w, hist_error *err)
{
    uint8_t header[HI_PART_HEADER_SIZE];
    const hi_part_header fields = {.store = w->config.store, .part = w->id};

    HI_TRY(write_paths(w, err));
    if (w->config.encoder != NULL) {
        w->joined = hi_part_encoder_join(w->config.encoder);
    } else {
        w->encoder = hi_encoder_new(w->config.mem);
    }
    if (w->encoder == NULL && !w->joined) {
        return hi_no_memory(err, "writer of a part");
    }
    HI_TRY(w->config.vfs->open(w->config.vfs, w->temp, HIST_OPEN_WRITE | HIST_OPEN_CREATE, &w->file,
                               err));
    hi_part_header_put(header, &fields);
    hi_buf_append(&w->out, header, sizeof(header));
    return hi_buf_ok(&w->out) ? HIST_OK : hi_no_memory(err, "writer of a part");
}

hist_status hi_part_writer_open(const hi_part_config *config, uint64_t part_id, hi_profile profile,
                                hi_part_writer **writer_out, hist_error *err)
{
    hi_part_writer *w = HI_MEM_NEW(config->mem, hi_part_writer);

    *writer_out = NULL;
    if (w == NULL) {
        return hi_no_memory(err, "writer of a part");
    }
    assert(config->group_rows_max >= 1 && config->group_rows_max <= HI_GROUP_ROWS_MAX);
    w->config = *config;
    w->id = part_id;
    w->profile = profile;
    w->buffer_bytes = config->group_rows_max * sizeof(uint64_t); /* A column of a row group. */
    w->buffer_bytes = w->buffer_bytes < WRITE_BUFFER_MAX ? w->buffer_bytes : WRITE_BUFFER_MAX;
    hi_buf_init(&w->out, config->mem, SIZE_MAX / 2);
    hi_buf_init(&w->page, config->mem, SIZE_MAX / 2);
    hi_dir_builder_init(&w->dir, config->mem);
    hi_arena_init(&w->times_arena, config->mem);
    hi_mem_init(&w->column_mem, NULL, config->mem, HI_PART_COLUMN_BYTES_MAX);
    hi_arena_init(&w->column_arena, &w->column_mem);
    const hist_status status = write_start(w, err);
    if (status != HIST_OK) {
        hi_part_writer_close(w);
        return status;
    }
    *writer_out = w;
    return HIST_OK;
}

void hi_part_summary_free(hi_mem *mem, hi_part_summary *summary)
{
    hi_mem_free(mem, summary->spans, summary->span_count * sizeof(hi_part_span));
    summary->spans = NULL;
    summary->span_count = 0;
}

void hi_part_writer_close(hi_part_writer *writer)
{
    hi_part_writer *w = writer;

    if (w == NULL) {
        return;
    }
    hi_mem *mem = w->config.mem;
    if (w->file != NULL) {
        hi_file_close(w->file);
        if (!w->renamed) {
            (void)w->config.vfs->unlink(w->config.vfs, w->temp, NULL);
        }
    }
    hi_encoder_free(w->encoder);
    if (w->joined) {
        hi_part_encoder_leave(w->config.encoder, mem);
    }
    hi_buf_free(&w->out);
    hi_buf_free(&w->page);
    hi_dir_builder_free(&w->dir);
    hi_arena_free(&w->times_arena);
    hi_arena_free(&w->column_arena);
    hi_mem_free(mem, w->footer.groups, w->group_capacity * sizeof(hi_part_group));
    hi_mem_free(mem, w->summary.spans, w->span_capacity * sizeof(hi_part_span));
    hi_mem_free(mem, w->runs, w->run_capacity * sizeof(hi_run));
    HI_MEM_DELETE(mem, w);
}

/* ---- bytes out ---- */

static uint64_t write_at(const hi_part_writer *w)
{
    return w->flushed + w->out.size;
}

static hist_status write_flush(hi_part_writer *w, hist_error *err)
{
    if (!hi_buf_ok(&w->out)) {
        return hi_no_memory(err, "writer of a part");
    }
    if (w->out.size > 0) {
        const hist_iov iov = {w->out.data, w->out.size};

        HI_TRY(w->file->ops->write(w->file, w->flushed, &iov, 1, err));
        w->flushed += w->out.size;
        hi_buf_clear(&w->out);
    }
    return HIST_OK;
}

/* Bytes and the checksum that belongs to this place in the file. */
static hist_status write_section(hi_part_writer *w, const void *data, size_t size, hist_error *err)
{
    const uint64_t seed = hi_hash_seed(w->config.store, w->id, write_at(w));

    hi_buf_append(&w->out, data, size);
    hi_buf_u64(&w->out, hi_hash(data, size, seed));
    return w->out.size >= w->buffer_bytes || !hi_buf_ok(&w->out) ? write_flush(w, err) : HIST_OK;
}

/* ---- one row group ---- */

static hist_status write_runs(hi_part_writer *w, const hi_runlist *list, const int64_t *times,
                              hist_error *err)
{
    if (list->run_count > w->run_capacity) {
        hi_run *runs = hi_mem_alloc(w->config.mem, list->run_count * sizeof(hi_run));

        if (runs == NULL) {
            return hi_no_memory(err, "series index of a row group");
        }
        hi_mem_free(w->config.mem, w->runs, w->run_capacity * sizeof(hi_run));
        w->runs = runs;
        w->run_capacity = list->run_count;
    }
    for (uint32_t i = 0; i < list->run_count; i++) {
        const hi_out_run *run = &list->runs[i];

        w->runs[i] = (hi_run){.series = run->series,
                              .first_row = run->first_row,
                              .rows = run->rows,
                              .first_ns = times[run->first_row],
                              .last_ns = times[run->first_row + run->rows - 1]};
    }
    return HIST_OK;
}

/* Codes as text: the encoder makes its own dictionary. */
static hist_status write_flatten(hi_part_writer *w, hist_column *column, hist_error *err)
{
    const int32_t *codes = column->data;
    const int32_t *from = column->child->offsets;
    int32_t *offsets = hi_arena_vector(&w->column_arena, ((size_t)column->length + 1) * 4);
    uint64_t size = 0;

    for (uint32_t i = 0; i < column->length; i++) {
        if (column->valid == NULL || hist_bit_get(column->valid, i)) {
            size += (uint64_t)(from[codes[i] + 1] - from[codes[i]]);
        }
    }
    if (size > HI_PART_COLUMN_BYTES_MAX) {
        return hi_no_memory(err, "writing a column of text");
    }
    char *bytes = hi_arena_vector(&w->column_arena, (size_t)size);
    if (offsets == NULL || bytes == NULL) {
        return hi_no_memory(err, "writing a column of text");
    }
    offsets[0] = 0;
    for (uint32_t i = 0; i < column->length; i++) {
        int32_t n = 0;

        if (column->valid == NULL || hist_bit_get(column->valid, i)) {
            n = from[codes[i] + 1] - from[codes[i]];
            memcpy(bytes + offsets[i], column->child->bytes + from[codes[i]], (size_t)n);
        }
        offsets[i + 1] = offsets[i] + n;
    }
    column->layout = HIST_LAYOUT_FLAT;
    column->data = NULL;
    column->offsets = offsets;
    column->bytes = bytes;
    return HIST_OK;
}

static bool write_has_value(const hist_column *column)
{
    if (column->layout == HIST_LAYOUT_CONST) {
        return false; /* Gathering gives constants for nothing but null. */
    }
    for (uint32_t i = 0; column->valid != NULL && i < column->length; i += 64) {
        const uint64_t word = column->valid[i / 64];
        const uint32_t left = column->length - i;

        if ((left >= 64 ? word : word & ((UINT64_C(1) << left) - 1)) != 0) {
            return true;
        }
    }
    return column->valid == NULL;
}

/* Tiny ones are in the directory already. */
static hist_status write_page_bytes(hi_part_writer *w, uint32_t shared_size, hist_error *err)
{
    if (!hi_part_is_tiny(shared_size)) {
        HI_TRY(write_section(w, w->page.data, shared_size, err));
    }
    for (uint32_t i = 0; i < w->block_count; i++) {
        if (!hi_part_is_tiny(w->blocks[i].size)) {
            HI_TRY(write_section(w, w->page.data + w->blocks[i].at, w->blocks[i].size, err));
        }
    }
    return HIST_OK;
}

static hist_status write_encode(hi_part_writer *w, const hi_values *values, uint32_t *shared_size)
{
    hi_part_encoder *shared = w->config.encoder;
    hi_encoder *encoder = shared == NULL ? w->encoder : hi_part_encoder_lend(shared, w->config.mem);
    const hist_status status = hi_page_encode(encoder, values, w->profile, w->block_rows,
                                              w->block_count, &w->page, w->infos, shared_size);

    if (shared != NULL) {
        hi_part_encoder_return(shared);
    }
    return status;
}

static hi_dir_rows write_dir_rows(const hi_part_writer *w, const hi_runlist *list)
{
    return (hi_dir_rows){.rows = list->rows,
                         .partition_ns = w->input->partition_ns,
                         .runs = w->runs,
                         .run_count = list->run_count,
                         .block_rows = w->block_rows,
                         .block_count = w->block_count};
}

/* Encodes a gathered column, writes its page and notes it in the directory. */
static hist_status write_page(hi_part_writer *w, const hi_runlist *list, uint32_t id,
                              const hist_column *column, hist_error *err)
{
    const hi_values values = {.type = column->type,
                              .rows = column->length,
                              .valid = column->valid,
                              .data = column->data,
                              .offsets = column->offsets,
                              .bytes = column->bytes};
    const hi_dir_rows rows = write_dir_rows(w, list);
    uint32_t shared_size = 0;

    hi_buf_clear(&w->page);
    if (write_encode(w, &values, &shared_size) != HIST_OK) {
        return hi_no_memory(err, "encoding a column");
    }
    for (uint32_t i = 0; i < w->block_count; i++) {
        hi_part_block *b = &w->blocks[i];

        assert((size_t)w->infos[i].offset + w->infos[i].size <= w->page.size);
        b->at = w->infos[i].offset;
        b->size = w->infos[i].size;
        b->encoding = w->infos[i].encoding;
        b->stats = w->infos[i].stats;
        hi_block_stats_clean(&b->stats, column->type, w->block_rows[i]);
    }
    const hi_dir_page page = {.column = id,
                              .type = column->type,
                              .rows = &rows,
                              .bytes = (const uint8_t *)w->page.data,
                              .shared_size = shared_size,
                              .blocks = w->blocks};
    hi_dir_builder_page(&w->dir, &page);
    return write_page_bytes(w, shared_size, err);
}

/* Gives back what fragments have decoded of a column. */
static void write_release(hi_part_writer *w, const hi_runlist *list, uint32_t column)
{
    for (uint32_t i = 0; i < list->piece_count; i++) {
        hi_frag *frag = w->input->frags[list->pieces[i].frag];

        if (frag->ops->release != NULL &&
            (i == 0 || list->pieces[i].frag != list->pieces[i - 1].frag)) {
            frag->ops->release(frag, column);
        }
    }
}

/* Whether half of what the writer may count on is in use: then times are not kept for the next group. */
static bool write_is_crowded(const hi_part_writer *w)
{
    const hi_mem *mem = w->config.mem;
    const uint64_t most = mem->reserved > 0 ? mem->reserved : mem->limit;

    return atomic_load_explicit(&mem->used, memory_order_relaxed) > most / 2;
}

static hist_status write_column(hi_part_writer *w, const hi_runlist *list,
                                const hi_part_column *column, hist_error *err)
{
    const hi_arena_mark mark = hi_arena_save(&w->column_arena);
    hist_column values;
    hist_status status =
        hi_gather(&w->column_arena, w->input->frags, list, column->id, column->type, &values, err);

    if (status == HIST_OK && values.layout == HIST_LAYOUT_DICT) {
        status = write_flatten(w, &values, err);
    }
    if (status == HIST_OK && write_has_value(&values)) {
        status = write_page(w, list, column->id, &values, err);
    }
    hi_arena_rewind(&w->column_arena, mark);
    write_release(w, list, column->id);
    return status;
}

static hist_status write_add_group(hi_part_writer *w, const hi_part_group *group, hist_error *err)
{
    if (w->footer.group_count == w->group_capacity) {
        const uint32_t more = w->group_capacity == 0 ? 8 : w->group_capacity * 2;
        hi_part_group *groups =
            hi_mem_realloc(w->config.mem, w->footer.groups,
                           w->group_capacity * sizeof(hi_part_group), more * sizeof(hi_part_group));

        if (groups == NULL) {
            return hi_no_memory(err, "footer of a part");
        }
        w->footer.groups = groups;
        w->group_capacity = more;
    }
    w->footer.groups[w->footer.group_count++] = *group;
    return HIST_OK;
}

static void write_widen(int64_t *first_ns, int64_t *last_ns, const hi_part_group *group, bool fresh)
{
    if (fresh || group->first_ns < *first_ns) {
        *first_ns = group->first_ns;
    }
    if (fresh || group->last_ns > *last_ns) {
        *last_ns = group->last_ns;
    }
}

/* Adds a group to the summary. */
static hist_status write_summarize(hi_part_writer *w, const hi_part_group *group, hist_error *err)
{
    hi_part_summary *s = &w->summary;
    hi_part_span *span = s->span_count == 0 ? NULL : &s->spans[s->span_count - 1];
    const bool fresh =
        span == NULL || span->table != group->table || span->partition_ns != group->partition_ns;

    if (fresh && s->span_count == w->span_capacity) {
        const uint32_t more = w->span_capacity == 0 ? 8 : w->span_capacity * 2;
        hi_part_span *spans =
            hi_mem_realloc(w->config.mem, s->spans, w->span_capacity * sizeof(hi_part_span),
                           more * sizeof(hi_part_span));

        if (spans == NULL) {
            return hi_no_memory(err, "summary of a part");
        }
        s->spans = spans;
        w->span_capacity = more;
    }
    if (fresh) {
        span = &s->spans[s->span_count++];
        *span = (hi_part_span){.table = group->table,
                               .partition_ns = group->partition_ns,
                               .width_ns = group->width_ns};
    }
    write_widen(&span->first_ns, &span->last_ns, group, fresh);
    write_widen(&s->first_ns, &s->last_ns, group, s->rows == 0);
    if (s->rows == 0 || group->first_series < s->first_series) {
        s->first_series = group->first_series;
    }
    if (s->rows == 0 || group->last_series > s->last_series) {
        s->last_series = group->last_series;
    }
    span->rows += group->rows;
    s->rows += group->rows;
    return HIST_OK;
}

static hist_status write_directory(hi_part_writer *w, const hi_runlist *list, hist_error *err)
{
    const hi_dir_rows rows = write_dir_rows(w, list);
    hi_part_group group = {.table = w->input->table,
                           .rows = list->rows,
                           .partition_ns = w->input->partition_ns,
                           .width_ns = w->input->width_ns,
                           .first_series = w->runs[0].series,
                           .last_series = w->runs[list->run_count - 1].series,
                           .first_ns = w->runs[0].first_ns,
                           .last_ns = w->runs[0].last_ns,
                           .dir_offset = write_at(w)};
    const size_t before = w->out.size;

    for (uint32_t i = 1; i < list->run_count; i++) {
        group.first_ns =
            w->runs[i].first_ns < group.first_ns ? w->runs[i].first_ns : group.first_ns;
        group.last_ns = w->runs[i].last_ns > group.last_ns ? w->runs[i].last_ns : group.last_ns;
    }
    HI_TRY(hi_dir_builder_finish(&w->dir, &rows, w->config.mem, &w->out, err));
    group.dir_size = (uint32_t)(w->out.size - before);
    group.dir_hash = hi_hash(w->out.data + before, group.dir_size,
                             hi_hash_seed(w->config.store, w->id, group.dir_offset));
    HI_TRY(write_add_group(w, &group, err));
    return write_summarize(w, &group, err);
}

/* The pages of a group. */
static hist_status write_pages(hi_part_writer *w, const hi_runlist *list, hist_error *err)
{
    hist_column times;

    hi_dir_builder_clear(&w->dir);
    hist_status status = hi_gather(&w->times_arena, w->input->frags, list, HI_COLUMN_TIME,
                                   HIST_TYPE_DATETIME, &times, err);
    if (status == HIST_OK) {
        status = write_runs(w, list, times.data, err);
    }
    if (status == HIST_OK) {
        w->block_count = hi_part_plan_blocks(w->runs, list->run_count, w->block_rows);
        status = write_page(w, list, HI_COLUMN_TIME, &times, err);
    }
    hi_arena_rewind(&w->times_arena, (hi_arena_mark){0});
    if (write_is_crowded(w)) {
        write_release(w, list, HI_COLUMN_TIME);
    }
    for (uint32_t i = 0; status == HIST_OK && i < w->input->column_count; i++) {
        status = write_column(w, list, w->columns[i], err);
    }
    return status;
}

static hist_status write_group(hi_part_writer *w, const hi_runlist *list, hist_error *err);

/* A group that is too large for memory as two: long texts, or a small budget. Only ENOMEM comes here. */
static hist_status write_halves(hi_part_writer *w, const hi_runlist *list, hist_error *err)
{
    hist_status status = HIST_OK;
    hi_arena arena;

    w->out.failed = false; /* What was begun stays behind in the file and nobody refers to it. */
    hi_arena_init(&arena, w->config.mem);
    for (int second = 0; second < 2 && status == HIST_OK; second++) {
        hi_runlist half;

        status = hi_runlist_half(&arena, list, second == 1, &half)
                     ? write_group(w, &half, err)
                     : hi_no_memory(err, "writing a part");
        hi_arena_free(&arena);
    }
    return status;
}

static hist_status write_group(hi_part_writer *w, const hi_runlist *list, hist_error *err)
{
    const hist_status status = write_pages(w, list, err);

    if (((status == HIST_ENOMEM && !w->config.whole_groups) || status == HIST_ELIMIT) &&
        list->rows > 1) {
        return write_halves(w, list, err);
    }
    return status == HIST_OK ? write_directory(w, list, err) : status;
}

/* ---- a merge ---- */

static hist_status write_sort_columns(hi_part_writer *w, hi_arena *arena, hist_error *err)
{
    const hi_part_input *input = w->input;
    const hi_part_column **sorted =
        HI_NEW_ARRAY(arena, const hi_part_column *, input->column_count);

    if (sorted == NULL) {
        return hi_no_memory(err, "columns of a part");
    }
    for (uint32_t i = 0; i < input->column_count; i++) {
        uint32_t at = i;

        for (; at > 0 && sorted[at - 1]->id > input->columns[i].id; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = &input->columns[i];
    }
    w->columns = sorted;
    return HIST_OK;
}

static hist_status write_check_order(const hi_part_writer *w, hist_error *err)
{
    const hi_part_input *input = w->input;
    const hi_part_group *last =
        w->footer.group_count == 0 ? NULL : &w->footer.groups[w->footer.group_count - 1];

    if (last != NULL &&
        (input->table < last->table ||
         (input->table == last->table && input->partition_ns <= last->partition_ns))) {
        return hi_fail(err, HIST_EINTERNAL,
                       "part %llu: table %u partition %lld written after table %u partition %lld",
                       (unsigned long long)w->id, input->table, (long long)input->partition_ns,
                       last->table, (long long)last->partition_ns);
    }
    return HIST_OK;
}

/* Rows that still fit in the part, by what rows took so far or are expected to. */
static uint64_t write_room(const hi_part_writer *w)
{
    const hi_part_input *input = w->input;
    const bool known = w->summary.rows > 0;
    const uint64_t rows = known ? w->summary.rows : input->expected_rows;
    const uint64_t footer = (uint64_t)w->footer.group_count * WRITE_FOOTER_BYTES;
    const uint64_t bytes = known ? write_at(w) + footer : input->expected_bytes;
    const uint64_t used = known ? bytes : 0;

    if (input->bytes_max == 0 || bytes == 0) {
        return UINT64_MAX;
    }
    if (used >= input->bytes_max) {
        return 0;
    }
    const write_wide room = (write_wide)(input->bytes_max - used) * rows / bytes;
    return room > UINT64_MAX ? UINT64_MAX : (uint64_t)room;
}

static hist_status write_merge(hi_part_writer *w, hi_merge *merge, hist_error *err)
{
    for (;;) {
        hi_runlist list;

        hi_merge_set_room(merge, write_room(w));
        HI_TRY(hi_merge_next(merge, w->config.group_rows_max, &list, err));
        if (list.rows == 0) {
            w->stopped = hi_merge_stopped(merge, &w->next_series);
            return HIST_OK;
        }
        HI_TRY(write_group(w, &list, err));
    }
}

bool hi_part_writer_stopped(const hi_part_writer *writer, uint32_t *series_out)
{
    *series_out = writer->next_series;
    return writer->stopped;
}

hist_status hi_part_writer_merge(hi_part_writer *writer, const hi_part_input *input,
                                 hist_error *err)
{
    hi_part_writer *w = writer;
    const hi_merge_spec spec = {.frags = input->frags,
                                .frag_count = input->frag_count,
                                .from_ns = input->drop_before_ns,
                                .to_ns = INT64_MAX,
                                .to_inclusive = true,
                                .first_series = input->first_series,
                                .tombstones = input->tombstones,
                                .tombstone_count = input->tombstone_count};
    hi_merge *merge = NULL;
    hi_arena arena;

    if (w->failed || w->finished) {
        return hi_fail(err, HIST_EINTERNAL, "%s: the writer failed before", w->temp);
    }
    hi_arena_init(&arena, w->config.mem);
    w->input = input;
    hist_status status = write_check_order(w, err);
    if (status == HIST_OK) {
        status = write_sort_columns(w, &arena, err);
    }
    if (status == HIST_OK) {
        status = hi_merge_open(w->config.mem, &spec, &merge, err);
    }
    if (status == HIST_OK) {
        status = write_merge(w, merge, err);
    }
    hi_merge_close(merge);
    hi_arena_free(&arena);
    w->failed = status != HIST_OK;
    w->input = NULL;
    w->columns = NULL;
    return status;
}

/* ---- finish ---- */

static hist_status write_footer(hi_part_writer *w, hist_error *err)
{
    uint8_t bytes[HI_PART_TAIL_SIZE];
    hi_part_tail tail = {.footer_offset = write_at(w)};
    hi_buf footer;

    hi_buf_init(&footer, w->config.mem, UINT32_MAX);
    hi_part_footer_put(&footer, &w->footer);
    if (!hi_buf_ok(&footer)) {
        hi_buf_free(&footer);
        return hi_no_memory(err, "footer of a part");
    }
    tail.footer_size = (uint32_t)footer.size;
    tail.footer_hash =
        hi_hash(footer.data, footer.size, hi_hash_seed(w->config.store, w->id, tail.footer_offset));
    hi_part_tail_put(bytes, &tail);
    hi_buf_append(&w->out, footer.data, footer.size);
    hi_buf_append(&w->out, bytes, sizeof(bytes));
    hi_buf_free(&footer);
    w->summary.footer_hash = tail.footer_hash;
    return write_flush(w, err);
}

static hist_status write_publish(hi_part_writer *w, hist_error *err)
{
    hist_vfs *vfs = w->config.vfs;

    HI_TRY(write_footer(w, err));
    HI_TRY(w->file->ops->sync(w->file, err));
    HI_TRY(vfs->rename(vfs, w->temp, w->path, err));
    w->renamed = true;
    const hist_status status = vfs->sync_dir(vfs, w->config.dir, err);
    if (status != HIST_OK) {
        (void)vfs->unlink(vfs, w->path, NULL); /* Nobody knows of it yet. */
    }
    return status;
}

hist_status hi_part_writer_finish(hi_part_writer *writer, uint64_t seq_low, uint64_t seq_high,
                                  hi_part_summary *summary_out, hist_error *err)
{
    hi_part_writer *w = writer;

    *summary_out = (hi_part_summary){.seq_low = seq_low, .seq_high = seq_high};
    if (w->failed || w->finished) {
        return hi_fail(err, HIST_EINTERNAL, "%s: the writer failed before", w->temp);
    }
    w->finished = true;
    if (w->summary.rows == 0) {
        return HIST_OK; /* close() removes the file. */
    }
    w->footer.seq_low = seq_low;
    w->footer.seq_high = seq_high;
    hi_part_span *spans = hi_mem_alloc(w->config.mem, w->summary.span_count * sizeof(hi_part_span));
    if (spans == NULL) {
        return hi_no_memory(err, "summary of a part");
    }
    const hist_status status = write_publish(w, err);
    if (status != HIST_OK) {
        hi_mem_free(w->config.mem, spans, w->summary.span_count * sizeof(hi_part_span));
        return status;
    }
    memcpy(spans, w->summary.spans, w->summary.span_count * sizeof(hi_part_span));
    *summary_out = w->summary;
    summary_out->spans = spans;
    summary_out->seq_low = seq_low;
    summary_out->seq_high = seq_high;
    summary_out->size_bytes = w->flushed;
    return HIST_OK;
}
