/*
 * ingest.c -- hist_append_lp(): line protocol to rows.
 *
 * A line whose key and shape are known goes one way only: one probe for the key, one comparison
 * a field, values straight into columns. The first thing that is not known sends
 * the line to ingest_new.c, which checks the whole line before it defines
 * anything, and then the line goes the known way after all.
 */
#include "api/ingest.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/timefmt.h"

enum {
    INGEST_NAMES_MAX = 8192, /* Spellings of field names kept a table. */
};

/* 2000-01-01 and 2100-01-01, ns. */
#define INGEST_YEAR_2000 (INT64_C(946684800) * HI_NS_PER_S)
#define INGEST_YEAR_2100 (INT64_C(4102444800) * HI_NS_PER_S)

/* ---- refusing ---- */

hist_status hi_ingest_refuse(ingest_call *call, hist_status status, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(call->reason, sizeof(call->reason), fmt, args);
    va_end(args);
    call->reason_status = status;
    return INGEST_REFUSED;
}

hist_status hi_ingest_refuse_type(ingest_call *call, hist_str field, hist_type has,
                                  const lp_field *given)
{
    static const char *const names[] = {"",     "real",  "long (integer)", "long (unsigned)",
                                        "bool", "string"};
    const char *known = hi_catalog_table_name(call->w->catalog, call->table);
    const hist_str table = call->table == 0 ? call->measurement : (hist_str){known, strlen(known)};

    if (given->type == LP_ULONG && has == HIST_TYPE_LONG) {
        return hi_ingest_refuse(call, HIST_ETYPE,
                                "field '%.*s' of table '%.*s': %lluu does not fit a long, which "
                                "ends at 9223372036854775807",
                                (int)field.size, field.data, (int)table.size, table.data,
                                (unsigned long long)(uint64_t)given->integer);
    }
    if ((given->type == LP_LONG || given->type == LP_ULONG) && has == HIST_TYPE_REAL) {
        return hi_ingest_refuse(
            call, HIST_ETYPE,
            "field '%.*s' of table '%.*s' is real, and this integer has no exact "
            "real value",
            (int)field.size, field.data, (int)table.size, table.data);
    }
    return hi_ingest_refuse(
        call, HIST_ETYPE, "field '%.*s' of table '%.*s' is %s, this value is %s", (int)field.size,
        field.data, (int)table.size, table.data, hist_type_name(has), names[given->type]);
}

static void ingest_report(ingest_call *call, uint64_t line, hist_status status, const char *reason)
{
    call->result->refused++;
    if (call->options->on_error != NULL) {
        call->options->on_error(call->options->on_error_arg, line, status, reason);
    }
}

/* ---- names of fields ---- */

writer_op hi_ingest_op(lp_type given, hist_type column)
{
    switch (given) {
    case LP_REAL:
        return column == HIST_TYPE_REAL ? WRITER_REAL : WRITER_CONFLICT;
    case LP_LONG:
        return column == HIST_TYPE_LONG   ? WRITER_LONG
               : column == HIST_TYPE_REAL ? WRITER_LONG_REAL
                                          : WRITER_CONFLICT;
    case LP_ULONG:
        return column == HIST_TYPE_LONG   ? WRITER_ULONG
               : column == HIST_TYPE_REAL ? WRITER_ULONG_REAL
                                          : WRITER_CONFLICT;
    case LP_BOOL:
        return column == HIST_TYPE_BOOL ? WRITER_BOOL : WRITER_CONFLICT;
    case LP_STRING:
        return column == HIST_TYPE_STRING ? WRITER_TEXT : WRITER_CONFLICT;
    }
    return WRITER_CONFLICT;
}

static uint32_t ingest_hash(hist_str key)
{
    return (uint32_t)hi_hash(key.data, key.size, 0);
}

static const writer_name *ingest_find_name(const writer_table *t, hist_str key)
{
    if (t->name_room == 0) {
        return NULL;
    }
    const uint32_t mask = t->name_room * 2 - 1;
    const uint32_t hash = ingest_hash(key);

    for (uint32_t at = hash & mask; t->name_slots[at] != 0; at = (at + 1) & mask) {
        const writer_name *n = &t->names[t->name_slots[at] - 1];

        if (n->hash == hash && n->key_size == key.size && memcmp(n->key, key.data, key.size) == 0) {
            return n;
        }
    }
    return NULL;
}

static bool ingest_grow_names(hi_mem *mem, writer_table *t)
{
    const uint32_t room = t->name_room == 0 ? 16 : t->name_room * 2;
    writer_name *names = hi_mem_alloc(mem, room * sizeof(*names));
    uint32_t *slots = hi_mem_calloc(mem, (size_t)room * 2, sizeof(*slots));

    if (names == NULL || slots == NULL) {
        hi_mem_free(mem, names, room * sizeof(*names));
        hi_mem_free(mem, slots, (size_t)room * 2 * sizeof(*slots));
        return false;
    }
    for (uint32_t i = 0; i < t->name_count; i++) {
        uint32_t at = t->names[i].hash & (room * 2 - 1);

        names[i] = t->names[i];
        while (slots[at] != 0) {
            at = (at + 1) & (room * 2 - 1);
        }
        slots[at] = i + 1;
    }
    hi_mem_free(mem, t->names, t->name_room * sizeof(*names));
    hi_mem_free(mem, t->name_slots, (size_t)t->name_room * 2 * sizeof(*slots));
    t->names = names;
    t->name_slots = slots;
    t->name_room = room;
    return true;
}

/* Remembers a spelling of a field; NULL: no memory, or there are too many. */
static const writer_name *ingest_add_name(hist_writer *w, writer_table *t, hist_str key,
                                          uint32_t slot, hist_type type)
{
    if (t->name_count == INGEST_NAMES_MAX ||
        (t->name_count == t->name_room && !ingest_grow_names(&w->mem, t))) {
        return NULL;
    }
    const char *text = hi_arena_strdup(&w->text, key.data, key.size);
    if (text == NULL) {
        return NULL;
    }
    const uint32_t hash = ingest_hash(key);
    uint32_t at = hash & (t->name_room * 2 - 1);
    while (t->name_slots[at] != 0) {
        at = (at + 1) & (t->name_room * 2 - 1);
    }
    t->names[t->name_count] = (writer_name){
        .key = text, .key_size = (uint32_t)key.size, .hash = hash, .slot = slot, .type = type};
    t->name_slots[at] = ++t->name_count;
    return &t->names[t->name_count - 1];
}

/* Too many spellings: forget all of the table's, and the shape, which points to them. */
static void ingest_forget_names(writer_table *t)
{
    memset(t->name_slots, 0, (size_t)t->name_room * 2 * sizeof(*t->name_slots));
    t->name_count = 0;
    t->shape_count = 0;
}

hist_str hi_ingest_field_name(ingest_call *call, const lp_field *field)
{
    if (!field->key_escaped) {
        return field->key;
    }
    return (hist_str){call->w->scratch, lp_unescape_key(field->key, call->w->scratch)};
}

/* A field that is known to the store, but not yet to this writer. */
static hist_status ingest_learn(ingest_call *call, uint32_t slot, const lp_field *field,
                                writer_name *out)
{
    hist_writer *w = call->w;
    hi_column_def def = {0};
    const hist_str name = hi_ingest_field_name(call, field);

    if (!hi_catalog_find_column(w->catalog, call->table, name, &def)) {
        return INGEST_UNKNOWN;
    }
    if (def.kind != HIST_COLUMN_FIELD) {
        return hi_ingest_refuse(
            call, HIST_EINVAL, "field '%.*s' of table '%s' has the name of a tag of that table",
            (int)name.size, name.data, hi_catalog_table_name(w->catalog, call->table));
    }
    const uint32_t column = hi_rows_column_slot(&w->rows, slot, def.id, def.type);
    if (column == HI_ROWS_NONE) {
        return HIST_ENOMEM;
    }
    writer_table *t = &w->tables[slot];
    const writer_name *added = ingest_add_name(w, t, field->key, column, def.type);
    if (added == NULL && t->name_count == INGEST_NAMES_MAX) {
        ingest_forget_names(t);
        added = ingest_add_name(w, t, field->key, column, def.type);
    }
    if (added == NULL) {
        return HIST_ENOMEM;
    }
    *out = *added;
    return HIST_OK;
}

static bool ingest_grow_shape(hi_mem *mem, writer_table *t, uint32_t fields)
{
    uint32_t room = t->shape_room == 0 ? 8 : t->shape_room;

    while (room < fields) {
        room *= 2;
    }
    if (room == t->shape_room) {
        return true;
    }
    writer_shape *fresh =
        hi_mem_realloc(mem, t->shape, t->shape_room * sizeof(*fresh), room * sizeof(*fresh));
    if (fresh == NULL) {
        return false;
    }
    t->shape = fresh;
    t->shape_room = room;
    return true;
}

/* Field `i` of the line is not what the shape has there: look it up and put it there. */
static hist_status ingest_reshape(ingest_call *call, uint32_t slot, uint32_t i,
                                  const lp_field *field)
{
    writer_table *t = &call->w->tables[slot];
    const writer_name *known = ingest_find_name(t, field->key);
    writer_name learned = {0};

    if (known == NULL) {
        HI_TRY(ingest_learn(call, slot, field, &learned));
        known = &learned;
    }
    const writer_op op = hi_ingest_op(field->type, known->type);
    if (op == WRITER_CONFLICT) {
        return hi_ingest_refuse_type(call, hi_ingest_field_name(call, field), known->type, field);
    }
    if (!ingest_grow_shape(&call->w->mem, t, i + 1)) {
        return HIST_ENOMEM;
    }
    t->shape[i] = (writer_shape){.key = known->key,
                                 .key_size = known->key_size,
                                 .lp_type = (uint8_t)field->type,
                                 .op = (uint8_t)op,
                                 .slot = known->slot};
    /* A table's names may just have been forgotten, with the shape before i. */
    t->shape_count = t->shape_count > i ? t->shape_count : i + 1;
    return HIST_OK;
}

/* ---- values ---- */

bool hi_ingest_exact(const lp_field *field, double *out)
{
    if (field->type == LP_LONG) {
        *out = (double)field->integer;
        return *out < 9223372036854775808.0 && (int64_t)*out == field->integer;
    }
    *out = (double)(uint64_t)field->integer;
    return *out < 18446744073709551616.0 && (uint64_t)*out == (uint64_t)field->integer;
}

static hist_status ingest_put_text(hist_writer *w, hi_rows_table *t, uint32_t slot,
                                   const lp_field *field)
{
    hist_str text = field->text;

    if (field->text_escaped) {
        text = (hist_str){w->scratch, lp_unescape_string(field->text, w->scratch)};
    }
    return hi_rows_set_text(&w->rows, t, slot, text.data, text.size) ? HIST_OK : HIST_ENOMEM;
}

static hist_status ingest_put_odd(ingest_call *call, hi_rows_table *t, const writer_shape *s,
                                  const lp_field *field)
{
    hi_rows *rows = &call->w->rows;
    double real = 0;

    if (s->op == WRITER_TEXT) {
        return ingest_put_text(call->w, t, s->slot, field);
    }
    if (s->op == WRITER_ULONG) {
        if (field->integer < 0) {
            return hi_ingest_refuse_type(call, hi_ingest_field_name(call, field), HIST_TYPE_LONG,
                                         field);
        }
        return hi_rows_set_i64(rows, t, s->slot, field->integer) ? HIST_OK : HIST_ENOMEM;
    }
    if (!hi_ingest_exact(field, &real)) {
        return hi_ingest_refuse_type(call, hi_ingest_field_name(call, field), HIST_TYPE_REAL,
                                     field);
    }
    return hi_rows_set_real(rows, t, s->slot, real) ? HIST_OK : HIST_ENOMEM;
}

static inline hist_status ingest_put(ingest_call *call, hi_rows_table *t, const writer_shape *s,
                                     const lp_field *field)
{
    hi_rows *rows = &call->w->rows;

    switch ((writer_op)s->op) {
    case WRITER_REAL:
        return hi_rows_set_real(rows, t, s->slot, field->real) ? HIST_OK : HIST_ENOMEM;
    case WRITER_LONG:
        return hi_rows_set_i64(rows, t, s->slot, field->integer) ? HIST_OK : HIST_ENOMEM;
    case WRITER_BOOL:
        return hi_rows_set_bool(rows, t, s->slot, field->integer != 0) ? HIST_OK : HIST_ENOMEM;
    default:
        return ingest_put_odd(call, t, s, field);
    }
}

static inline bool ingest_fits(const writer_table *t, uint32_t i, const lp_field *field)
{
    return i < t->shape_count && t->shape[i].key_size == field->key.size &&
           t->shape[i].lp_type == field->type &&
           memcmp(t->shape[i].key, field->key.data, field->key.size) == 0;
}

/* All values of the line into the row being built. INGEST_UNKNOWN: a field is new to the store. */
static hist_status ingest_fields(ingest_call *call, uint32_t slot, const lp_line *line)
{
    for (uint32_t i = 0; i < line->field_count; i++) {
        const lp_field *field = &line->fields[i];

        if (!ingest_fits(&call->w->tables[slot], i, field)) {
            HI_TRY(ingest_reshape(call, slot, i, field));
        }
        HI_TRY(
            ingest_put(call, &call->w->rows.tables[slot], &call->w->tables[slot].shape[i], field));
    }
    return HIST_OK;
}

static hist_status ingest_row(ingest_call *call, uint32_t slot, uint32_t series, int64_t time_ns,
                              const lp_line *line)
{
    hist_writer *w = call->w;

    call->table = w->tables[slot].table;
    if (!hi_rows_begin(&w->rows, &w->rows.tables[slot])) {
        return HIST_ENOMEM;
    }
    const hist_status status = ingest_fields(call, slot, line);
    if (status != HIST_OK) {
        hi_rows_abandon(&w->rows, &w->rows.tables[slot]);
        return status;
    }
    hi_rows_end(&w->rows, &w->rows.tables[slot], series, time_ns);
    return HIST_OK;
}

/* ---- time ---- */

/* As written, before 2000; as a coarser unit, in this century: probably that was meant. */
static bool ingest_suspicious(const lp_line *line, int precision)
{
    static const int64_t units[] = {1, HI_NS_PER_US, HI_NS_PER_MS, HI_NS_PER_S};

    if (line->time_ns >= INGEST_YEAR_2000 || line->time_raw <= 0) {
        return false;
    }
    for (int unit = precision + 1; unit <= HIST_S; unit++) {
        if (line->time_raw >= INGEST_YEAR_2000 / units[unit] &&
            line->time_raw < INGEST_YEAR_2100 / units[unit]) {
            return true;
        }
    }
    return false;
}

static hist_status ingest_limits(ingest_call *call, int64_t time_ns)
{
    const hi_store_limits *limits = call->limits;
    char when[HI_TIME_SIZE];
    int64_t edge = 0;

    if (time_ns < HIST_TIME_MIN) {
        return hi_ingest_refuse(call, HIST_EINVAL,
                                "the time %lld ns is one of the two reserved ones",
                                (long long)time_ns);
    }
    if (limits->max_age_ns > 0 &&
        !__builtin_sub_overflow(call->now_ns, limits->max_age_ns, &edge) && time_ns < edge) {
        const size_t n = hi_time_print(when, time_ns, HI_TIME_MIN);

        return hi_ingest_refuse(call, HIST_ELIMIT,
                                "the time %.*s is older than max_age allows (%lld s)", (int)n, when,
                                (long long)(limits->max_age_ns / HI_NS_PER_S));
    }
    if (limits->max_future_ns > 0 &&
        !__builtin_add_overflow(call->now_ns, limits->max_future_ns, &edge) && time_ns > edge) {
        const size_t n = hi_time_print(when, time_ns, HI_TIME_MIN);

        return hi_ingest_refuse(call, HIST_ELIMIT,
                                "the time %.*s is further ahead than max_future allows (%lld s)",
                                (int)n, when, (long long)(limits->max_future_ns / HI_NS_PER_S));
    }
    return HIST_OK;
}

/* The time of a line that has none: the call's, or when the series had that already a later one. */
static int64_t ingest_server_time(ingest_call *call, int64_t last_ns)
{
    if (call->base_ns == INT64_MIN) {
        call->base_ns = call->options->default_time_ns != 0
                            ? call->options->default_time_ns
                            : hi_catalog_stamp(call->w->catalog, call->now_ns);
    }
    if (last_ns < call->base_ns) {
        return call->base_ns;
    }
    return call->options->default_time_ns != 0 ? last_ns + 1
                                               : hi_catalog_stamp(call->w->catalog, last_ns + 1);
}

static hist_status ingest_time(ingest_call *call, const lp_line *line, int64_t last_ns,
                               int64_t *time_out)
{
    if (!line->has_time) {
        *time_out = ingest_server_time(call, last_ns);
        return HIST_OK;
    }
    *time_out = line->time_ns;
    if (line->time_ns < INGEST_YEAR_2000 &&
        ingest_suspicious(line, (int)call->options->precision)) {
        call->result->suspicious_precision = true;
    }
    if (line->time_ns < HIST_TIME_MIN || call->limited) {
        return ingest_limits(call, line->time_ns);
    }
    return HIST_OK;
}

/* ---- lines ---- */

/* A line whose series and fields are all known to the writer. INGEST_UNKNOWN: they are not. */
static hist_status ingest_known(ingest_call *call, const lp_line *line)
{
    hi_key_entry *entry = hi_keycache_find(&call->w->keys, line->key);
    int64_t time_ns = 0;

    if (entry == NULL) {
        return INGEST_UNKNOWN;
    }
    HI_TRY(ingest_time(call, line, entry->last_ns, &time_ns));
    HI_TRY(ingest_row(call, entry->slot, entry->series, time_ns, line));
    if (!line->has_time) {
        entry->last_ns = time_ns;
    }
    return HIST_OK;
}

/* A line with something new in it. */
static hist_status ingest_unknown(ingest_call *call, const lp_line *line)
{
    hist_writer *w = call->w;
    ingest_series series = {0};
    int64_t time_ns = 0;

    HI_TRY(ingest_time(call, line, w->keys.floor_ns, &time_ns));
    HI_TRY(hi_ingest_define(call, line, &series));
    hi_key_entry *entry = hi_keycache_find(&w->keys, line->key);
    if (entry == NULL) {
        entry = hi_keycache_add(&w->keys, line->key, series.slot, series.series);
    }
    if (!line->has_time && entry != NULL) {
        time_ns = ingest_server_time(call, entry->last_ns);
    } else if (!line->has_time) { /* The cache has no memory: a time nobody else has. */
        time_ns = ingest_server_time(call, call->base_ns);
    }
    HI_TRY(ingest_row(call, series.slot, series.series, time_ns, line));
    if (!line->has_time && entry != NULL) {
        entry->last_ns = time_ns;
    }
    return HIST_OK;
}

/* HIST_OK, INGEST_REFUSED (with call->reason), or an error of the call. */
static hist_status ingest_line(ingest_call *call, const lp_line *line)
{
    hist_status status = ingest_known(call, line);

    if (status == INGEST_UNKNOWN) {
        status = ingest_unknown(call, line);
    }
    return status == INGEST_UNKNOWN
               ? hi_fail(call->err, HIST_EINTERNAL, "a field is missing right after it was defined")
               : status;
}

static hist_status ingest_full(const hist_writer *w, hist_error *err)
{
    return hi_fail(err, HIST_ELIMIT,
                   "the batch has %llu bytes, at most %llu are allowed: commit, then give the rest",
                   (unsigned long long)w->rows.bytes, (unsigned long long)HIST_BATCH_BYTES_MAX);
}

/* Lines until the buffer or the batch is full. On failure the line at hand counts as not read. */
static hist_status ingest_lines(ingest_call *call)
{
    hist_writer *w = call->w;
    lp_parser *p = w->parser;
    lp_line line;

    for (;;) {
        const size_t at = p->at;
        const uint64_t lines = p->lines;

        if (w->rows.bytes > WRITER_BYTES_MAX) {
            return ingest_full(w, call->err);
        }
        const lp_status found = lp_next(p, &line);
        if (found == LP_MORE) {
            return HIST_OK;
        }
        if (found == LP_BAD) {
            ingest_report(call, line.line_number, HIST_ESYNTAX, p->error_text);
            continue;
        }
        if (found == LP_COMMENT) {
            continue;
        }
        const hist_status status = ingest_line(call, &line);
        if (status == HIST_OK) {
            call->result->accepted++;
        } else if (status == INGEST_REFUSED) {
            ingest_report(call, line.line_number, call->reason_status, call->reason);
        } else {
            p->at = at;
            p->lines = lines;
            return status == HIST_ENOMEM ? hi_no_memory(call->err, "a row") : status;
        }
    }
}

static hist_status ingest_prepare(hist_writer *w, hist_error *err)
{
    if (w->parser == NULL) {
        w->parser = hi_mem_alloc(&w->mem, sizeof(*w->parser));
        if (w->parser == NULL) {
            return hi_no_memory(err, "a line-protocol parser");
        }
        lp_init(w->parser, HIST_NS, NULL);
    }
    if (w->scratch == NULL) {
        w->scratch = hi_mem_alloc(&w->mem, WRITER_SCRATCH);
    }
    if (w->tags == NULL) {
        w->tags = hi_mem_alloc(&w->mem, LP_TAGS_MAX * sizeof(*w->tags));
    }
    return w->scratch != NULL && w->tags != NULL ? HIST_OK
                                                 : hi_no_memory(err, "a line-protocol parser");
}

hist_status hist_append_lp(hist_writer *w, const char *data, size_t size,
                           const hist_lp_options *options, hist_lp_result *result_out,
                           hist_error *err)
{
    const hist_lp_options defaults = HIST_LP_OPTIONS;
    hist_lp_result ignored = {0};
    ingest_call call = {.w = w,
                        .options = options == NULL ? &defaults : options,
                        .result = result_out == NULL ? &ignored : result_out,
                        .limits = hi_store_get_limits(w->store),
                        .base_ns = INT64_MIN,
                        .err = err};

    *call.result = (hist_lp_result){0};
    if (call.options->precision > HIST_S) {
        return hi_fail(err, HIST_EINVAL, "%d is not a precision", (int)call.options->precision);
    }
    HI_TRY(ingest_prepare(w, err));
    hist_vfs *vfs = hi_store_vfs(w->store);
    call.now_ns = vfs->now_ns(vfs);
    call.limited = call.limits->max_age_ns > 0 || call.limits->max_future_ns > 0;
    const uint64_t lines = w->parser->lines;
    w->parser->precision = (int)call.options->precision;
    lp_feed(w->parser, data, size, call.options->final);
    const hist_status status = ingest_lines(&call);
    call.result->consumed = w->parser->at;
    call.result->lines = w->parser->lines - lines;
    if (call.options->final && w->parser->at == size && size > 0 && data[size - 1] != '\n') {
        w->parser->lines++; /* The last line ends with the data. */
        call.result->lines++;
    }
    return status;
}

void hist_writer_reset_lines(hist_writer *w)
{
    if (w->parser != NULL) {
        w->parser->lines = 0;
    }
}
