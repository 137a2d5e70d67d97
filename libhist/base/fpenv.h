/*
 * fpenv.h -- the floating-point modes of the caller put aside while we compute.
 *
 * A program may run with a directed rounding mode, with denormals flushed to zero or with
 * exceptions that trap. Code whose results are stored is written for IEEE 754 as it starts out:
 *
 *     const hi_fp_modes modes = hi_fp_enter();
 *     status = work(...);       a function that is not inlined (HI_FP_GUARDED)
 *     hi_fp_leave(modes);
 *
 * Costs a read of the control register, and two writes of it only where the caller's modes differ.
 * The exception flags that work raises are seen by a caller with the usual modes, as after any
 * arithmetic of its own; other callers find the flags they had.
 *
 * Why no -frounding-math: the compiler believes that the mode never changes. It may compute
 * constants beforehand, rounding to nearest, which is what we want; and it may move arithmetic over
 * the writes of the register, but not out of a function that it does not inline, and not over a
 * call of one that writes memory. So all arithmetic is in such a function, between the two.
 */
#ifndef HI_FPENV_H
#define HI_FPENV_H

#include <stdint.h>

#define HI_FP_GUARDED __attribute__((noinline))

#if defined(__x86_64__) || defined(__aarch64__) || (defined(__arm__) && defined(__ARM_FP))

typedef struct hi_fp_modes {
    uint64_t word; /* The control register at entry. */
} hi_fp_modes;

#if defined(__x86_64__)

/* MXCSR: rounding 0x6000, flush to zero 0x8000, denormals are zero 0x40, masks 0x1f80 (set: no
   trap); the rest are flags. The x87 register is not asked: only long double depends on it. */
enum { HI_FP_CONTROL = 0xffc0, HI_FP_USUAL = 0x1f80 };

static inline uint64_t hi_fp_read(void)
{
    uint32_t word = 0;

    __asm__ volatile("stmxcsr %0" : "=m"(word) : : "memory");
    return word;
}

static inline void hi_fp_write(uint64_t word)
{
    const uint32_t value = (uint32_t)word;

    __asm__ volatile("ldmxcsr %0" : : "m"(value) : "memory");
}

#elif defined(__aarch64__)

/* FPCR has no flags: rounding, flush to zero, default NaN, traps; all zero at the start. */
#define HI_FP_CONTROL UINT64_MAX
enum { HI_FP_USUAL = 0 };

static inline uint64_t hi_fp_read(void)
{
    uint64_t word = 0;

    __asm__ volatile("mrs %0, fpcr" : "=r"(word) : : "memory");
    return word;
}

static inline void hi_fp_write(uint64_t word)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(word) : "memory");
}

#else

/* FPSCR: default NaN, flush to zero, rounding, traps and the lengths of old vectors; the rest are
   flags. NEON flushes always, but has no doubles. */
enum { HI_FP_CONTROL = 0x07f79f00, HI_FP_USUAL = 0 };

static inline uint64_t hi_fp_read(void)
{
    uint32_t word = 0;

    __asm__ volatile("vmrs %0, fpscr" : "=r"(word) : : "memory");
    return word;
}

static inline void hi_fp_write(uint64_t word)
{
    __asm__ volatile("vmsr fpscr, %0" : : "r"((uint32_t)word) : "memory");
}

#endif

static inline hi_fp_modes hi_fp_enter(void)
{
    const hi_fp_modes modes = {hi_fp_read()};

    if ((modes.word & HI_FP_CONTROL) != HI_FP_USUAL) {
        hi_fp_write((modes.word & ~(uint64_t)HI_FP_CONTROL) | HI_FP_USUAL);
    }
    return modes;
}

static inline void hi_fp_leave(hi_fp_modes modes)
{
    if ((modes.word & HI_FP_CONTROL) != HI_FP_USUAL) {
        hi_fp_write(modes.word);
    }
}

#else

/* What C says; there is no flushing to zero in it. */
#include <fenv.h>

typedef struct hi_fp_modes {
    fenv_t all;
} hi_fp_modes;

static inline hi_fp_modes hi_fp_enter(void)
{
    hi_fp_modes modes;

    (void)feholdexcept(&modes.all);
    if (fegetround() != FE_TONEAREST) {
        (void)fesetround(FE_TONEAREST);
    }
    return modes;
}

static inline void hi_fp_leave(hi_fp_modes modes)
{
    (void)fesetenv(&modes.all);
}

#endif
#endif
