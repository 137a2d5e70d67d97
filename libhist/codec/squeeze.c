/*
 * squeeze.c -- the only place that knows zstd. Contexts for compressing come
 * from hi_mem and are reused; expanding builds its context on the stack, so that
 * a decoder needs no allocator and cannot fail for lack of memory.
 */
#define ZSTD_STATIC_LINKING_ONLY
#include "codec/squeeze.h"

#include <zstd.h>

#include "base/err.h"

enum {
    LEVEL_WARM = 1,
    LEVEL_COLD = 3,
    SIZE_PREFIX = 16, /* zstd frees without a size, hi_mem wants one: it is kept in front. */
    CONTEXT_BYTES = 128 << 10,
};

static void *squeeze_alloc(void *arg, size_t size)
{
    if (size > SIZE_MAX - SIZE_PREFIX) {
        return NULL;
    }
    size_t *at = hi_mem_alloc(arg, size + SIZE_PREFIX);
    if (at == NULL) {
        return NULL;
    }
    *at = size + SIZE_PREFIX;
    return (char *)at + SIZE_PREFIX;
}

static void squeeze_dealloc(void *arg, void *ptr)
{
    if (ptr != NULL) {
        size_t *at = (size_t *)(void *)((char *)ptr - SIZE_PREFIX);
        hi_mem_free(arg, at, *at);
    }
}

void hi_squeezer_free(hi_squeezer *squeezer)
{
    ZSTD_freeCCtx(squeezer->context);
    squeezer->context = NULL;
}

size_t hi_squeeze_bound(size_t size)
{
    return ZSTD_compressBound(size);
}

static ZSTD_CCtx *squeezer_context(hi_squeezer *squeezer)
{
    if (squeezer->context == NULL) {
        const ZSTD_customMem door = {squeeze_alloc, squeeze_dealloc, squeezer->mem};
        squeezer->context = ZSTD_createCCtx_advanced(door);
    }
    return squeezer->context;
}

/* Size of the frame, 0: out of memory. `to` has all the room it might need: where that is tight, what
   zstd writes depends on the size of a word. */
static size_t squeeze_at(ZSTD_CCtx *context, int level, const void *data, size_t size, void *to)
{
    (void)ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_format, ZSTD_f_zstd1_magicless);
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    const size_t made = ZSTD_compress2(context, to, ZSTD_compressBound(size), data, size);
    return ZSTD_isError(made) ? 0 : made;
}

hist_status hi_squeeze(hi_squeezer *squeezer, hi_profile profile, const void *data, size_t size,
                       void *to, size_t goal, size_t *size_out)
{
    ZSTD_CCtx *context = squeezer_context(squeezer);
    const bool cold = profile == HI_PROFILE_COLD;

    *size_out = 0;
    if (context == NULL) {
        return HIST_ENOMEM;
    }
    size_t made = squeeze_at(context, LEVEL_WARM, data, size, to);
    const size_t warm = made;
    if (cold && made != 0) { /* A higher level is not always the smaller one. */
        made = squeeze_at(context, LEVEL_COLD, data, size, to);
        made = made > warm ? squeeze_at(context, LEVEL_WARM, data, size, to) : made;
    }
    if (made == 0) {
        return HIST_ENOMEM;
    }
    *size_out = made <= goal ? made : 0;
    return HIST_OK;
}

hist_status hi_unsqueeze(const void *data, size_t size, void *to, size_t room)
{
    uint64_t memory[CONTEXT_BYTES / 8];
    ZSTD_DCtx *context = ZSTD_initStaticDCtx(memory, sizeof(memory));

    if (context == NULL) {
        return HIST_ENOMEM; /* A zstd whose context does not fit; a test sees it first. */
    }
    (void)ZSTD_DCtx_setParameter(context, ZSTD_d_format, ZSTD_f_zstd1_magicless);
    return ZSTD_decompressDCtx(context, to, room, data, size) == room ? HIST_OK : HIST_ECORRUPT;
}
