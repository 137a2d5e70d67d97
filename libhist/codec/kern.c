/* kern.c -- choice of the kernel table for the CPU that runs. */
#include "codec/kern.h"

const hi_codec_kernels *hi_codec_kernels_pick(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
        return &hi_codec_kernels_avx512;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")) {
        return &hi_codec_kernels_avx2;
    }
#endif
    return &hi_codec_kernels_base;
}
