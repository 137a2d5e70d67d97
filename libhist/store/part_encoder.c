/* part_encoder.c -- one encoder for all writers of parts of a store; see part_encoder.h. */
#include "store/part_encoder.h"

#include <assert.h>

void hi_part_encoder_init(hi_part_encoder *shared, hi_mem *mem)
{
    *shared = (hi_part_encoder){.mem = mem};
    (void)pthread_mutex_init(&shared->lock, NULL);
}

void hi_part_encoder_destroy(hi_part_encoder *shared)
{
    assert(shared->writers == 0);
    (void)pthread_mutex_destroy(&shared->lock);
}

bool hi_part_encoder_join(hi_part_encoder *shared)
{
    (void)pthread_mutex_lock(&shared->lock);
    if (shared->encoder == NULL) {
        shared->encoder = hi_encoder_new(shared->mem);
        shared->user = shared->mem;
    }
    const bool good = shared->encoder != NULL;
    shared->writers += good ? 1 : 0;
    (void)pthread_mutex_unlock(&shared->lock);
    return good;
}

void hi_part_encoder_leave(hi_part_encoder *shared, const hi_mem *mem)
{
    (void)pthread_mutex_lock(&shared->lock);
    assert(shared->writers > 0);
    shared->writers--;
    if (shared->writers == 0) {
        hi_encoder_free(shared->encoder);
        shared->encoder = NULL;
    } else if (shared->user == mem) {
        hi_encoder_use_mem(shared->encoder, shared->mem); /* Nothing stays charged to the leaver. */
        shared->user = shared->mem;
    }
    (void)pthread_mutex_unlock(&shared->lock);
}

hi_encoder *hi_part_encoder_lend(hi_part_encoder *shared, hi_mem *mem)
{
    (void)pthread_mutex_lock(&shared->lock);
    assert(shared->encoder != NULL);
    if (shared->user != mem) {
        hi_encoder_use_mem(shared->encoder, mem);
        shared->user = mem;
    }
    return shared->encoder;
}

void hi_part_encoder_return(hi_part_encoder *shared)
{
    (void)pthread_mutex_unlock(&shared->lock);
}
