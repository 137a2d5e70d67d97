/*
 * part_bits.h -- lines of numbers in as many bits as the longest of them needs, for directories.
 *
 * A line says in 6 bits how many bits a number of it has (0 to 62, 63 stands for 64), then come the
 * numbers, lowest bit first; after HI_LINE_NUMBERS of them it says so anew. A line of zeroes costs 6
 * bits however many they are. Nothing is aligned but the end of a section.
 */
#ifndef HI_PART_BITS_H
#define HI_PART_BITS_H

#include "base/buf.h"
#include "codec/bitio.h"

enum { HI_LINE_NUMBERS = 128, HI_LINE_WIDTH_BITS = 6 };

typedef struct hi_line_writer {
    hi_buf *to; /* A failure shows there. */
    size_t start;
    size_t bits; /* Since start. */
} hi_line_writer;

/* Begins at the end of `to`, which nobody else appends to until the last line is written. */
hi_line_writer hi_lines_begin(hi_buf *to);
void hi_line_bits(hi_line_writer *w, uint64_t v, unsigned count);
void hi_line_put(hi_line_writer *w, const uint64_t *numbers, uint32_t count);
/* Bits of hi_line_put(). */
size_t hi_line_cost(const uint64_t *numbers, uint32_t count);

/* Numbers of a line; zeroes (and failed) when they are not there. Bits alone: hi_get_bits(). */
void hi_line_get(hi_bit_reader *r, uint64_t *numbers, uint32_t count);

/* 10^power, up to 18. */
enum { HI_TENS_MAX = 18, HI_TENS_BITS = 5 };
int64_t hi_tens(unsigned power);
/* The largest power up to `power` such that 10^power divides v. */
unsigned hi_tens_of(int64_t v, unsigned power);

#endif
