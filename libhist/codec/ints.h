/*
 * ints.h -- a stream of integers, warm (stream.h) or cold (cold.h): which of the two
 * is told by its first byte. Models of numbers are made of these.
 */
#ifndef HI_CODEC_INTS_H
#define HI_CODEC_INTS_H

#include "codec/cold.h"

/* ---- decoding --------------------------------------------------------------------------- */

/* Must not be moved. */
typedef struct hi_ints_view {
    bool is_cold; /* Decodes as a whole only. */
    union {
        hi_stream_view warm;
        hi_cold_view cold;
    };
} hi_ints_view;

/* Takes a stream of `count` (1 to HI_BLOCK_ROWS_MAX) values from the reader. set: of the page, or NULL. */
hist_status hi_ints_open(hi_reader *r, uint32_t count, const hi_cold_set *set,
                         hi_ints_view *view_out);
/* All values; out has room for whole vectors and HI_CODEC_PAD bytes. */
hist_status hi_ints_all(const hi_codec_kernels *kern, const hi_ints_view *view, uint64_t *out);

/* ---- encoding --------------------------------------------------------------------------- */

typedef enum hi_ints_mode {
    HI_INTS_WARM = 0,
    HI_INTS_PLAN =
        1, /* Streams are noted, and sizes are what they would have cold; bytes are not. */
    HI_INTS_COLD = 2,
} hi_ints_mode;

enum {
    HI_COLD_NOTES_ROWS = 1 << 17, /* Values of the streams that are noted, */
    HI_COLD_NOTES_MAX = 48,       /* and their number: those of a page and of a block's rivals. */
    HI_COLD_COUNT_MIN = 32,       /* Shorter streams are always warm. */
};

/* What the streams of a page of several blocks are, between planning and writing. */
typedef struct hi_cold_notes {
    uint32_t streams;
    uint32_t next;                             /* Stream that is likely to come. */
    hi_cold_plan plans[HI_COLD_NOTES_MAX + 1]; /* The last for a stream that is not noted. */
    uint32_t from[HI_COLD_NOTES_MAX];          /* Where in x. */
    size_t limit[HI_COLD_NOTES_MAX];           /* Cold they have to be smaller. */
    uint64_t *x;
    uint32_t rows; /* Of x that are used. */
    uint32_t room;
    bool failed; /* There was no memory for x. */
} hi_cold_notes;

typedef struct hi_cold_page {
    hi_mem *mem;
    hi_cold_scratch scratch;
    hi_cold_set set;
    hi_cold_notes *notes; /* NULL: no page had several blocks yet. */
    hi_cold_notes *rival; /* Of another plan of the same page. NULL: none was ever made. */
    bool rivals;          /* Of this page: what it has noted need not be planned again. */
    uint8_t out[HI_STREAM_BYTES_MAX];
} hi_cold_page;

typedef struct hi_ints_scratch {
    hi_stream_scratch warm;
    hi_ints_mode mode;
    hi_cold_page *cold; /* Not NULL unless WARM. */
} hi_ints_scratch;

hi_cold_page *hi_cold_page_new(hi_mem *mem); /* NULL: no memory. */
void hi_cold_page_free(hi_cold_page *page);
/* A page of so many blocks begins: forgets what was noted. HIST_ENOMEM. */
hist_status hi_cold_page_begin(hi_cold_page *page, uint32_t block_count);
/* Another plan of the page begins; what was noted is kept aside. HIST_ENOMEM. */
hist_status hi_cold_page_rival(hi_cold_page *page);
/* Back to the notes of the first plan. */
void hi_cold_page_swap(hi_cold_page *page);
/* Two candidates were written after `from` streams were noted, the second after `mid`: forgets the
   streams of the one that will not be used. Does nothing unless planning. */
void hi_ints_keep(hi_ints_scratch *scratch, uint32_t from, uint32_t mid, bool second);
/* Streams noted so far. */
static inline uint32_t hi_ints_noted(const hi_ints_scratch *scratch)
{
    return scratch->mode == HI_INTS_PLAN ? scratch->cold->notes->streams : 0;
}
/* Ends planning: forms for the streams noted, in page->set. HIST_ENOMEM. */
hist_status hi_cold_page_share(const hi_codec_kernels *kern, hi_cold_page *page);

/* Writes a stream of count (1 to HI_BLOCK_ROWS_MAX) values to `to` (room: HI_STREAM_BYTES_MAX) and
   returns its size. try_line: also lines (clocks with jitter). */
size_t hi_ints_encode(const hi_codec_kernels *kern, hi_ints_scratch *scratch, const uint64_t *x,
                      uint32_t count, bool try_line, uint8_t *to);

#endif
