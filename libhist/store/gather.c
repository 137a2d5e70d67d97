/*
 * gather.c -- hi_gather: one column of a run list as a batch column; see runlist.h.
 *
 * Pieces are copied view by view, whole stretches at a time. The last view of
 * each fragment is kept, so rows that alternate between fragments cost no call.
 */
#include <assert.h>
#include <string.h>

#include "store/runlist.h"

enum {
    GATHER_SPARSE_ROWS = HI_VECTOR_ROWS, /* Asked for where a list uses few rows of a fragment. */
    GATHER_DENSE_SHARE = 8,              /* One row of so many is dense. */
};

/* One fragment of the list. */
typedef struct gather_source {
    hi_view view;
    uint32_t first; /* Fragment row of view row 0; view.rows 0: none. */
    uint32_t low;   /* Rows [low, end) of the fragment are in use, `rows` of them. */
    uint32_t end;
    uint64_t rows;
    bool absent; /* Has no value of the column. */
} gather_source;

typedef struct gather {
    hi_arena *arena;
    hi_frag **frags;
    const hi_runlist *list;
    uint32_t column;
    hist_type type;
    gather_source *sources; /* Of fragments first_frag... */
    uint32_t first_frag;
    uint32_t frag_count;
    /* Output. */
    uint32_t at; /* Rows made. */
    uint64_t *valid;
    bool nulls;
    uint32_t ones_at; /* Rows [ones_at, at) have values; their bits are written when needed. */
    void *data;
    int32_t *offsets;
    hi_buf *text;
    const hi_dict *dict;
    bool mixed; /* More than one dictionary, or text: codes are no use. */
} gather;

/* ---- bits ---- */

/* 64 bits (fewer at the end) from bit `at`; bits from `at + count` on are unspecified. */
static uint64_t gather_bits_load(const uint64_t *bits, size_t at, uint32_t count)
{
    const size_t word = at / 64;
    const unsigned shift = at % 64;
    uint64_t v = bits[word] >> shift;

    if (shift != 0 && count > 64 - shift) {
        v |= bits[word + 1] << (64 - shift);
    }
    return v;
}

static void gather_bits_or(uint64_t *bits, size_t at, uint32_t count, uint64_t v)
{
    const unsigned shift = at % 64;

    v &= count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
    bits[at / 64] |= v << shift;
    if (shift != 0 && count > 64 - shift) {
        bits[at / 64 + 1] |= v >> (64 - shift);
    }
}

/* ORs `count` bits into zeroed ones; from NULL: ones. */
static void gather_bits(uint64_t *to, size_t to_at, const uint64_t *from, size_t from_at,
                        uint32_t count)
{
    while (count > 0) {
        const uint32_t n = count < 64 ? count : 64;

        gather_bits_or(to, to_at, n,
                       from == NULL ? UINT64_MAX : gather_bits_load(from, from_at, n));
        to_at += n;
        from_at += n;
        count -= n;
    }
}

/* ---- sources ---- */

static hist_status gather_open(gather *g, hist_error *err)
{
    uint32_t low = UINT32_MAX;
    uint32_t high = 0;

    for (uint32_t i = 0; i < g->list->piece_count; i++) {
        low = g->list->pieces[i].frag < low ? g->list->pieces[i].frag : low;
        high = g->list->pieces[i].frag > high ? g->list->pieces[i].frag : high;
    }
    g->first_frag = low;
    g->frag_count = high - low + 1;
    g->sources = hi_mem_calloc(g->arena->mem, g->frag_count, sizeof(gather_source));
    if (g->sources == NULL) {
        return hi_no_memory(err, "gathering a column");
    }
    for (uint32_t i = 0; i < g->list->piece_count; i++) {
        const hi_piece *p = &g->list->pieces[i];
        gather_source *s = &g->sources[p->frag - low];

        if (s->rows == 0 || p->row < s->low) {
            s->low = p->row;
        }
        s->end = p->row + p->rows > s->end ? p->row + p->rows : s->end;
        s->rows += p->rows;
    }
    return HIST_OK;
}

/* Which fragments have the column; any_out false: none. */
static hist_status gather_look(gather *g, bool *any_out, hist_error *err)
{
    *any_out = g->column == HI_COLUMN_TIME;
    for (uint32_t i = 0; i < g->frag_count && g->column != HI_COLUMN_TIME; i++) {
        gather_source *s = &g->sources[i];
        hi_frag *frag = g->frags[g->first_frag + i];

        if (s->rows == 0) {
            continue;
        }
        const hist_type type = frag->ops->column(frag, g->column);
        if (type == 0) {
            s->absent = true;
        } else if (type != g->type) {
            const hi_run *runs = NULL;
            uint32_t count = 0;

            /* A fragment that cannot be read knows no types: let it say why. */
            HI_TRY(frag->ops->runs(frag, &runs, &count, err));
            return hi_fail(err, HIST_EINTERNAL,
                           "column %u of table %u is stored as %s, but the catalog says %s",
                           g->column, frag->table, hist_type_name(type), hist_type_name(g->type));
        } else {
            *any_out = true;
        }
    }
    return HIST_OK;
}

/* The view that holds `row` of a source. */
static hist_status gather_view(gather *g, const hi_piece *piece, uint32_t row,
                               gather_source **source_out, hist_error *err)
{
    gather_source *s = &g->sources[piece->frag - g->first_frag];
    hi_frag *frag = g->frags[piece->frag];

    *source_out = s;
    if (row >= s->first && row - s->first < s->view.rows) {
        return HIST_OK;
    }
    const uint32_t left = s->end - row;
    const uint32_t need = piece->row + piece->rows - row;
    uint32_t ask = left;
    if ((uint64_t)(s->end - s->low) > s->rows * GATHER_DENSE_SHARE) {
        ask = need > GATHER_SPARSE_ROWS ? need : GATHER_SPARSE_ROWS;
        ask = ask < left ? ask : left;
    }
    HI_TRY(frag->ops->view(frag, g->column, row, ask, &s->view, err));
    if (s->view.rows == 0) {
        return hi_fail(err, HIST_EINTERNAL, "a fragment of table %u shows no rows", frag->table);
    }
    s->first = row;
    return HIST_OK;
}

/* ---- copying views ---- */

/* Takes rows [i, i + n) of a view to the end of the output. false: text does not fit. */
typedef bool (*gather_take_fn)(gather *g, const hi_view *view, uint32_t i, uint32_t n);

static void gather_write_ones(gather *g)
{
    gather_bits(g->valid, g->ones_at, NULL, 0, g->at - g->ones_at);
    g->ones_at = g->at;
}

/* Counts rows [i, i + n) of a view as taken. */
static void gather_take_valid(gather *g, const hi_view *view, uint32_t i, uint32_t n)
{
    if (view->valid != NULL) {
        gather_write_ones(g);
        g->nulls = true;
        gather_bits(g->valid, g->at, view->valid, (size_t)view->valid_bit + i, n);
        g->ones_at += n;
    }
    g->at += n;
}

static bool gather_take_words(gather *g, const hi_view *view, uint32_t i, uint32_t n)
{
    memcpy((char *)g->data + (size_t)g->at * 8, (const char *)view->data + (size_t)i * 8,
           (size_t)n * 8);
    return true;
}

static bool gather_take_bits(gather *g, const hi_view *view, uint32_t i, uint32_t n)
{
    gather_bits(g->data, g->at, view->data, (size_t)view->data_bit + i, n);
    return true;
}

static bool gather_take_codes(gather *g, const hi_view *view, uint32_t i, uint32_t n)
{
    if (view->dict == NULL || (g->dict != NULL && g->dict != view->dict)) {
        g->mixed = true;
        return false;
    }
    g->dict = view->dict;
    memcpy((int32_t *)g->data + g->at, (const int32_t *)view->data + i, (size_t)n * 4);
    return true;
}

static bool gather_take_dict_text(gather *g, const hi_view *view, uint32_t i, uint32_t n)
{
    const int32_t *codes = (const int32_t *)view->data + i;

    for (uint32_t k = 0; k < n; k++) {
        const size_t bit = (size_t)view->valid_bit + i + k;

        if (view->valid == NULL || ((view->valid[bit / 64] >> (bit % 64)) & 1)) {
            const int32_t from = view->dict->offsets[codes[k]];

            hi_buf_append(g->text, view->dict->bytes + from,
                          (size_t)(view->dict->offsets[codes[k] + 1] - from));
        }
        g->offsets[g->at + k + 1] = (int32_t)g->text->size;
    }
    return hi_buf_ok(g->text);
}

static bool gather_take_text(gather *g, const hi_view *view, uint32_t i, uint32_t n)
{
    if (view->dict != NULL) {
        return gather_take_dict_text(g, view, i, n);
    }
    const int32_t from = view->offsets[i];
    const int64_t shift = (int64_t)g->text->size - from;

    hi_buf_append(g->text, view->bytes + from, (size_t)(view->offsets[i + n] - from));
    if (!hi_buf_ok(g->text)) {
        return false;
    }
    for (uint32_t k = 1; k <= n; k++) {
        g->offsets[g->at + k] = (int32_t)(view->offsets[i + k] + shift);
    }
    return true;
}

/* `n` null rows. Data and validity are zero already, offsets are not. */
static void gather_nulls(gather *g, uint32_t n)
{
    g->nulls = true;
    gather_write_ones(g);
    if (g->offsets != NULL) {
        for (uint32_t k = 1; k <= n; k++) {
            g->offsets[g->at + k] = (int32_t)g->text->size;
        }
    } else if (g->type != HIST_TYPE_BOOL) {
        const size_t width = g->type == HIST_TYPE_STRING ? 4 : 8;

        memset((char *)g->data + g->at * width, 0, n * width);
    }
    g->at += n;
    g->ones_at = g->at;
}

static hist_status gather_text_failed(const gather *g, hist_error *err)
{
    if (g->mixed) {
        return HIST_OK;
    }
    if (g->text->size > g->text->max / 2) {
        return hi_fail(
            err, HIST_ELIMIT,
            "column %u: more than 2 GiB of text in %u rows; ask for fewer rows at a time",
            g->column, g->list->rows);
    }
    return hi_no_memory(err, "gathering a column of text");
}

/* A piece that stands alone. */
static hist_status gather_piece(gather *g, const hi_piece *piece, gather_take_fn take,
                                hist_error *err)
{
    uint32_t row = piece->row;
    const uint32_t end = piece->row + piece->rows;

    if (g->sources[piece->frag - g->first_frag].absent) {
        gather_nulls(g, piece->rows);
        return HIST_OK;
    }
    while (row < end) {
        gather_source *s = NULL;

        HI_TRY(gather_view(g, piece, row, &s, err));
        const uint32_t i = row - s->first;
        const uint32_t n = s->view.rows - i < end - row ? s->view.rows - i : end - row;
        row += n;
        if (s->view.all_null) {
            gather_nulls(g, n);
            continue;
        }
        if (!take(g, &s->view, i, n)) {
            return gather_text_failed(g, err);
        }
        gather_take_valid(g, &s->view, i, n);
    }
    return HIST_OK;
}

static bool gather_has_value(const hi_view *view, uint32_t i)
{
    const size_t bit = (size_t)view->valid_bit + i;

    return !view->all_null && (view->valid == NULL || ((view->valid[bit / 64] >> (bit % 64)) & 1));
}

/* A chain of pieces with one key: the newest value. Moves *at to its last piece. */
static hist_status gather_chain(gather *g, uint32_t *at, gather_take_fn take, hist_error *err)
{
    bool found = false;

    for (;; ++*at) {
        const hi_piece *piece = &g->list->pieces[*at];

        if (!found && !g->sources[piece->frag - g->first_frag].absent) {
            gather_source *s = NULL;

            HI_TRY(gather_view(g, piece, piece->row, &s, err));
            if (gather_has_value(&s->view, piece->row - s->first)) {
                if (!take(g, &s->view, piece->row - s->first, 1)) {
                    return gather_text_failed(g, err);
                }
                g->at++;
                found = true;
            }
        }
        if (!piece->older) {
            break;
        }
    }
    if (!found) {
        gather_nulls(g, 1);
    }
    return HIST_OK;
}

/* Takes pieces of numbers from `i` on as long as they lie in views at hand without nulls; where rows
   of fragments alternate, that is all of them. Returns the first one it did not take. */
static uint32_t gather_words_at_hand(gather *g, uint32_t i)
{
    uint64_t *data = g->data;

    for (; i < g->list->piece_count; i++) {
        const hi_piece *p = &g->list->pieces[i];
        const gather_source *s = &g->sources[p->frag - g->first_frag];
        const uint32_t at = p->row - s->first;

        if (p->older || p->row < s->first || at >= s->view.rows || p->rows > s->view.rows - at ||
            s->view.valid != NULL || s->view.all_null) {
            break;
        }
        if (p->rows == 1) {
            data[g->at] = ((const uint64_t *)s->view.data)[at];
        } else {
            memcpy(data + g->at, (const uint64_t *)s->view.data + at, (size_t)p->rows * 8);
        }
        g->at += p->rows;
    }
    return i;
}

static hist_status gather_all(gather *g, gather_take_fn take, hist_error *err)
{
    for (uint32_t i = 0; i < g->list->piece_count && !g->mixed; i++) {
        if (take == gather_take_words) {
            i = gather_words_at_hand(g, i);
            if (i == g->list->piece_count) {
                break;
            }
        }
        if (g->list->pieces[i].older) {
            HI_TRY(gather_chain(g, &i, take, err));
        } else {
            HI_TRY(gather_piece(g, &g->list->pieces[i], take, err));
        }
    }
    assert(g->mixed || g->at == g->list->rows);
    if (g->nulls) {
        gather_write_ones(g);
    }
    return HIST_OK;
}

/* ---- columns ---- */

static hist_status gather_start(gather *g, hist_error *err)
{
    const size_t words = ((size_t)g->list->rows + 63) / 64;

    g->at = 0;
    g->ones_at = 0;
    g->nulls = false;
    g->valid = hi_arena_vector(g->arena, words * 8);
    if (g->valid == NULL) {
        return hi_no_memory(err, "gathering a column");
    }
    memset(g->valid, 0, words * 8);
    return HIST_OK;
}

static hist_status gather_data(gather *g, size_t size, hist_error *err)
{
    g->data = hi_arena_vector(g->arena, size);
    return g->data == NULL ? hi_no_memory(err, "gathering a column") : HIST_OK;
}

static void gather_finish(const gather *g, hist_column *out)
{
    out->type = g->type;
    out->stored = g->type;
    out->layout = HIST_LAYOUT_FLAT;
    out->length = g->list->rows;
    out->data_count = g->list->rows;
    out->valid = g->nulls ? g->valid : NULL;
    out->data = g->data;
}

static hist_status gather_fixed(gather *g, hist_column *out, hist_error *err)
{
    const size_t rows = g->list->rows;
    const bool bits = g->type == HIST_TYPE_BOOL;

    HI_TRY(gather_start(g, err));
    HI_TRY(gather_data(g, bits ? (rows + 63) / 64 * 8 : rows * 8, err));
    if (bits) {
        memset(g->data, 0, (rows + 63) / 64 * 8);
    }
    HI_TRY(gather_all(g, bits ? gather_take_bits : gather_take_words, err));
    gather_finish(g, out);
    return HIST_OK;
}

static void gather_free_text(void *arg)
{
    hi_buf_free(arg);
}

static hist_status gather_strings(gather *g, hist_column *out, hist_error *err)
{
    HI_TRY(gather_start(g, err));
    g->mixed = false;
    g->text = HI_NEW(g->arena, hi_buf);
    g->offsets = hi_arena_vector(g->arena, ((size_t)g->list->rows + 1) * 4);
    if (g->text == NULL || g->offsets == NULL) {
        return hi_no_memory(err, "gathering a column of text");
    }
    hi_buf_init(g->text, g->arena->mem, INT32_MAX);
    if (!hi_arena_defer(g->arena, gather_free_text, g->text)) {
        return hi_no_memory(err, "gathering a column of text");
    }
    g->offsets[0] = 0;
    HI_TRY(gather_all(g, gather_take_text, err));
    gather_finish(g, out);
    out->data = NULL;
    out->offsets = g->offsets;
    out->bytes = g->text->data == NULL ? "" : g->text->data;
    return HIST_OK;
}

/* Codes into g->dict, whose text stays with the fragment. */
static hist_status gather_show_codes(gather *g, const void *codes, hist_column *out,
                                     hist_error *err)
{
    hist_column *values = HI_NEW(g->arena, hist_column);

    if (values == NULL) {
        return hi_no_memory(err, "gathering a column of text");
    }
    *values = (hist_column){.type = HIST_TYPE_STRING,
                            .stored = HIST_TYPE_STRING,
                            .layout = HIST_LAYOUT_FLAT,
                            .length = g->dict->count,
                            .data_count = g->dict->count,
                            .offsets = g->dict->offsets,
                            .bytes = g->dict->bytes};
    gather_finish(g, out);
    out->layout = HIST_LAYOUT_DICT;
    out->data = codes;
    out->child = values;
    return HIST_OK;
}

/* As codes; g->mixed when that cannot be done. */
static hist_status gather_codes(gather *g, hist_column *out, hist_error *err)
{
    HI_TRY(gather_start(g, err));
    HI_TRY(gather_data(g, (size_t)g->list->rows * 4, err));
    HI_TRY(gather_all(g, gather_take_codes, err));
    if (g->mixed || g->dict == NULL) {
        g->mixed = true;
        return HIST_OK;
    }
    return gather_show_codes(g, g->data, out, err);
}

static hist_status gather_null_column(const gather *g, hist_column *out, hist_error *err)
{
    uint64_t *zeroes = hi_arena_vector(g->arena, 64);

    if (zeroes == NULL) {
        return hi_no_memory(err, "gathering a column");
    }
    memset(zeroes, 0, 64);
    *out = (hist_column){.type = g->type,
                         .stored = g->type,
                         .layout = HIST_LAYOUT_CONST,
                         .length = g->list->rows,
                         .data_count = 1,
                         .valid = zeroes};
    if (g->type == HIST_TYPE_STRING) {
        out->offsets = (const int32_t *)(const void *)(zeroes + 1);
        out->bytes = "";
    } else {
        out->data = zeroes + 2;
    }
    return HIST_OK;
}

/* The whole list inside one decoded block: no copy. */
static hist_status gather_in_place(gather *g, hist_column *out, bool *done_out, hist_error *err)
{
    const hi_piece *piece = &g->list->pieces[0];
    gather_source *s = NULL;

    *done_out = false;
    HI_TRY(gather_view(g, piece, piece->row, &s, err));
    const hi_view *v = &s->view;
    if (v->rows < piece->rows || v->all_null || (v->valid != NULL && v->valid_bit % 64 != 0) ||
        (g->type == HIST_TYPE_BOOL && v->data_bit % 64 != 0)) {
        return HIST_OK;
    }
    if (v->dict != NULL) {
        g->dict = v->dict;
        HI_TRY(gather_show_codes(g, v->data, out, err));
    } else {
        gather_finish(g, out);
    }
    out->valid = v->valid == NULL ? NULL : v->valid + v->valid_bit / 64;
    out->data = v->data;
    if (g->type == HIST_TYPE_BOOL) {
        out->data = (const uint64_t *)v->data + v->data_bit / 64;
    } else if (g->type == HIST_TYPE_STRING && v->dict == NULL) {
        out->data = NULL;
        out->offsets = v->offsets;
        out->bytes = v->bytes;
    }
    *done_out = true;
    return HIST_OK;
}

static hist_status gather_column(gather *g, hist_column *out, hist_error *err)
{
    bool any = false;
    bool done = false;

    HI_TRY(gather_look(g, &any, err));
    if (!any) {
        return gather_null_column(g, out, err);
    }
    if (g->list->piece_count == 1) {
        HI_TRY(gather_in_place(g, out, &done, err));
    }
    if (done) {
        return HIST_OK;
    }
    if (g->type != HIST_TYPE_STRING) {
        return gather_fixed(g, out, err);
    }
    HI_TRY(gather_codes(g, out, err));
    return g->mixed ? gather_strings(g, out, err) : HIST_OK;
}

hist_status hi_gather(hi_arena *arena, hi_frag **frags, const hi_runlist *list, uint32_t column,
                      hist_type type, hist_column *out, hist_error *err)
{
    gather g = {.arena = arena, .frags = frags, .list = list, .column = column, .type = type};

    *out = (hist_column){0};
    if (list->rows == 0) {
        return gather_null_column(&g, out, err);
    }
    hist_status status = gather_open(&g, err);
    if (status == HIST_OK) {
        status = gather_column(&g, out, err);
    }
    hi_mem_free(arena->mem, g.sources, g.frag_count * sizeof(gather_source));
    return status;
}
