/* agg_kern.h -- the loops of aggregates over many rows of one group, built once for each CPU variant (agg_body.c). */
#ifndef HI_QUERY_AGG_KERN_H
#define HI_QUERY_AGG_KERN_H

#include <stdbool.h>
#include <stdint.h>

/* A sum of reals is kept in lanes: value i of a group is added to lane i mod HI_SUM_LANES, in order,
   and the lanes are added up at the end. So sums depend neither on batches nor on the CPU, and four
   additions run at a time. */
enum { HI_SUM_LANES = 4 };

typedef struct hi_agg_kernels {
    uint64_t (*sum_i64)(const int64_t *v, uint32_t n); /* Wrapping. */
    /* Sums of the low 32 bits and of what is above. */
    void (*sums_i64)(const int64_t *v, uint32_t n, uint64_t *low, int64_t *high);
    /* n > 0 */
    int64_t (*min_i64)(const int64_t *v, uint32_t n);
    int64_t (*max_i64)(const int64_t *v, uint32_t n);
    /* n is a multiple of HI_SUM_LANES. */
    void (*sum_f64)(const double *v, uint32_t n, double *lanes);
    /* No worse than `best`; false: there is a NaN, and *best was left. Which zero it is, is not said. */
    bool (*min_f64)(const double *v, uint32_t n, double *best);
    bool (*max_f64)(const double *v, uint32_t n, double *best);
} hi_agg_kernels;

extern const hi_agg_kernels hi_agg_kernels_base;
#if defined(__x86_64__)
extern const hi_agg_kernels hi_agg_kernels_avx2;
extern const hi_agg_kernels hi_agg_kernels_avx512;
#endif

/* The best variant this machine can run. */
const hi_agg_kernels *hi_agg_kernels_get(void);

#endif
