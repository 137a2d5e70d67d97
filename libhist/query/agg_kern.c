/* agg_kern.c -- which variant of the loops of aggregates this machine runs. */
#include "query/agg_kern.h"

const hi_agg_kernels *hi_agg_kernels_get(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
        return &hi_agg_kernels_avx512;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("bmi2")) {
        return &hi_agg_kernels_avx2;
    }
#endif
    return &hi_agg_kernels_base;
}
