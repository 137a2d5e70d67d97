/* kern.c -- choice of the kernel variant for the CPU the program runs on; see kern.h. */
#include "query/kern.h"

extern const hi_query_kernels hi_query_kernels_base;
#if defined(__x86_64__)
extern const hi_query_kernels hi_query_kernels_avx2;
extern const hi_query_kernels hi_query_kernels_avx512;
#endif

const hi_query_kernels *hi_query_kernels_get(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
        return &hi_query_kernels_avx512;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("bmi2")) {
        return &hi_query_kernels_avx2;
    }
#endif
    return &hi_query_kernels_base;
}
