/* decimal.h -- arithmetic of hist_decimal: a 128-bit integer scaled by 10^18. Overflow gives false. */
#ifndef HI_QUERY_DECIMAL_H
#define HI_QUERY_DECIMAL_H

#include "hist_batch.h"

#define HI_DECIMAL_ONE INT64_C(1000000000000000000)

int hi_decimal_compare(hist_decimal a, hist_decimal b);
hist_decimal hi_decimal_of_i64(int64_t v);
/* Rounded to 18 digits of fraction; false: not finite or too large. */
bool hi_decimal_of_real(double v, hist_decimal *out);
double hi_decimal_to_real(hist_decimal v);
/* Cut towards zero; false: outside of int64. */
bool hi_decimal_to_i64(hist_decimal v, int64_t *out);
/* [+-]digits[.digits][e[+-]digits], blanks around allowed; digits past the 18th of the fraction are rounded. */
bool hi_decimal_parse(const char *text, size_t size, hist_decimal *out);
bool hi_decimal_add(hist_decimal a, hist_decimal b, hist_decimal *out);
bool hi_decimal_sub(hist_decimal a, hist_decimal b, hist_decimal *out);
bool hi_decimal_mul(hist_decimal a, hist_decimal b, hist_decimal *out);
/* false for a zero divisor too. */
bool hi_decimal_div(hist_decimal a, hist_decimal b, hist_decimal *out);
/* Result in [0, |b|). */
bool hi_decimal_mod(hist_decimal a, hist_decimal b, hist_decimal *out);

#endif
