/*
 * num.h -- numbers as text and back: exact, locale-independent, fast.
 *
 * A double is printed as the shortest text that reads back to the same value
 * and is read with correct rounding always. Nothing here allocates, nothing
 * writes a NUL.
 */
#ifndef HI_NUM_H
#define HI_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room that each print call needs at most. */
#define HI_NUM_DOUBLE_SIZE 32
#define HI_NUM_INT_SIZE    20

/*
 * Returns the bytes written. Plain from 1e-4 to below 1e16 and always with a
 * fraction ("1.0", "100000000000.0", "-0.0"), else "1e+20", "1.5e-07". Not
 * finite: "NaN", "inf", "-inf"; who spells these otherwise asks isfinite() first.
 */
size_t hi_num_print_double(char *to, double v);
size_t hi_num_print_i64(char *to, int64_t v);
size_t hi_num_print_u64(char *to, uint64_t v);
/* Exactly `width` (1..19) digits with leading zeroes; higher digits of v are dropped. */
void hi_num_print_fixed(char *to, uint64_t v, int width);

/*
 * The whole text must be [+-]digits[.digits][e[+-]digits]; "1." and ".5" are
 * fine; no blanks, hex, inf or nan. Too large a number gives +-inf, too small a one +-0.
 */
bool hi_num_parse_double(const char *text, size_t size, double *out);
/* The whole text must be [+-]digits (u64: [+]digits) and fit. */
bool hi_num_parse_i64(const char *text, size_t size, int64_t *out);
bool hi_num_parse_u64(const char *text, size_t size, uint64_t *out);

/* Shortest decimal of a finite v > 0: v is 0.d1d2d3... * 10^*point; returns the count of digits (1..17). */
int hi_num_digits(double v, char digits[17], int *point);

#endif
