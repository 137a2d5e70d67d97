/* test_codec_bounds.c -- what decoders need: no memory, and no more stack than codec.h says. */
/* cmocka.h wants the four before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/codec_columns.h"
#include "tests/support/fuzz_codec.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BOUNDS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define BOUNDS_SANITIZED 1
#endif
#endif
#ifndef BOUNDS_SANITIZED
#define BOUNDS_SANITIZED 0
#endif

enum { STACK_BYTES = 1 << 20, STACK_PAINT = 0xa5, TEXT_BYTES_MAX = 1 << 18 };

/* ---- allocations, counted --------------------------------------------------------------- */

static atomic_uint_fast64_t bounds_allocations;

#if defined(__GLIBC__) && !BOUNDS_SANITIZED
enum { ALLOCATIONS_ARE_SEEN = 1 };

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *ptr, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

/* These take the place of the library's in every library of the program. */
void *malloc(size_t size)
{
    bounds_allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    bounds_allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *ptr, size_t size)
{
    bounds_allocations++;
    return __libc_realloc(ptr, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    bounds_allocations++;
    return __libc_memalign(alignment, size);
}
#else
enum { ALLOCATIONS_ARE_SEEN = 0 };
#endif

/* ---- a block to decode ------------------------------------------------------------------ */

typedef struct victim {
    hist_type type;
    const uint8_t *source;
    size_t size;
    uint32_t rows;
    const hi_page_shared *shared;
    const hi_room *room;
    const hi_codec_kernels *kern;
    hist_status status;
} victim;

static void *victim_decode(void *arg)
{
    victim *v = arg;
    hi_decoded d;

    v->status =
        hi_block_decode_with(v->kern, v->type, v->source, v->size, v->rows, v->shared, v->room, &d);
    return NULL;
}

static void *victim_vectors(void *arg)
{
    victim *v = arg;
    hi_decoded d;

    v->status =
        hi_block_decode_vectors(v->type, v->source, v->size, v->rows, v->shared, 0, 1, v->room, &d);
    return NULL;
}

static void *victim_nothing(void *arg)
{
    return arg;
}

/* Calls for each block of a page of every type and shape. */
typedef void block_fn(victim *v, void *arg);

static void page_each_block(cc_page *p, const hi_room *room, block_fn *fn, void *arg)
{
    hi_page_shared shared;
    uint8_t *section = cc_padded_copy((const uint8_t *)p->bytes.data, p->shared_size);

    assert_int_equal(
        hi_page_shared_open(&cc_mem, cc.v.type, section, p->shared_size, TEXT_BYTES_MAX, &shared),
        HIST_OK);
    for (uint32_t b = 0; b < p->block_count; b++) {
        const hi_block_info *info = &p->blocks[b];
        uint8_t *source = cc_padded_copy((const uint8_t *)p->bytes.data + info->offset, info->size);
        victim v = {.type = cc.v.type,
                    .source = source,
                    .size = info->size,
                    .rows = info->rows,
                    .shared = &shared,
                    .room = room,
                    .kern = hi_codec_kernels_pick()};

        fn(&v, arg);
        free(source);
    }
    hi_page_shared_free(&cc_mem, &shared);
    free(section);
}

static void each_block(hist_type type, hi_profile profile, block_fn *fn, void *arg)
{
    cc_room room = cc_room_new(TEXT_BYTES_MAX);

    for (int shape = 0; shape < SHAPE_COUNT; shape++) {
        cc_page p;

        cc_fill(type, shape, shape % 3 == 0 ? NULLS_FEW : NULLS_NONE, 2 * HI_BLOCK_ROWS_MAX);
        cc_page_cut(&p, cc.v.rows, HI_BLOCK_ROWS_MAX);
        cc_page_encode(&p, profile);
        page_each_block(&p, &room.r, fn, arg);
        hi_buf_free(&p.bytes);
    }
    cc_room_free(&room);
}

/* ---- the block that needs most ------------------------------------------------------------ */

enum { WORST_RUNS = HI_RUNS_MAX, WORST_ROWS = HI_BLOCK_ROWS_MAX };

static size_t worst_cold(const uint64_t *x, uint32_t count, uint8_t *to)
{
    static hi_cold_scratch scratch;
    const size_t size =
        hi_cold_encode(hi_codec_kernels_pick(), &scratch, NULL, x, count, HI_STREAM_BYTES_MAX, to);

    assert_true(size > 0);
    return size;
}

/* Runs of the values of a dictionary of scaled integers with differences, all four streams cold. */
static size_t worst_block(uint32_t runs, uint8_t *to)
{
    static uint64_t x[WORST_RUNS];
    uint8_t *at = to;

    *at++ = HI_ENC_RLE;
    at += hi_put_varint(at, runs);
    for (uint32_t i = 0; i + 2 < runs; i += 3) {
        x[i] = x[i + 1] = x[i + 2] = 0;
        x[i + cc_noise() % 3] = 1; /* Together with the ones that lengths lack: 4 rows. */
    }
    at += worst_cold(x, runs, at);
    *at++ = HI_ENC_DICT;
    at += hi_put_varint(at, runs);
    for (uint32_t i = 0; i < runs; i++) {
        x[i] = cc_noise() % runs;
    }
    at += worst_cold(x, runs, at);
    *at++ = HI_ENC_NUM;
    *at++ = HI_NUM_DECIMAL | HI_FORM_OFF;
    *at++ = 2;
    for (uint32_t i = 0; i < runs; i++) {
        x[i] = cc_noise() % 3;
    }
    at += worst_cold(x, runs, at);
    for (uint32_t i = 0; i < runs; i++) {
        x[i] = cc_noise() >> 44;
    }
    at += worst_cold(x, runs, at);
    return (size_t)(at - to);
}

/* ---- no memory ---------------------------------------------------------------------------- */

static void count_allocations(victim *v, void *arg)
{
    const uint64_t before = bounds_allocations;

    (void)arg;
    (void)victim_decode(v);
    assert_int_equal(v->status, HIST_OK);
    if (v->type != HIST_TYPE_STRING && v->type != HIST_TYPE_BOOL) {
        (void)victim_vectors(v);
        assert_int_equal(v->status, HIST_OK);
    }
    assert_int_equal(bounds_allocations - before, 0);
}

static void decoding_a_block_allocates_nothing(void **state)
{
    const uint64_t before = bounds_allocations;
    void *volatile probe = malloc(1);

    (void)state;
    free(probe);
    if (!ALLOCATIONS_ARE_SEEN) {
        skip();
    }
    assert_true(bounds_allocations > before);
    cc_seed = 5;
    for (size_t t = 0; t < CC_TYPES; t++) {
        each_block(cc_types[t], HI_PROFILE_WARM, count_allocations, NULL);
        each_block(cc_types[t], HI_PROFILE_COLD, count_allocations, NULL);
    }
}

/* ---- stack -------------------------------------------------------------------------------- */

/* Bytes of a painted stack that a thread changes. */
static size_t stack_of(void *(*run)(void *), void *arg)
{
    uint8_t *stack = aligned_alloc(1 << 16, STACK_BYTES);
    size_t untouched = 0;
    pthread_attr_t attr;
    pthread_t thread;

    assert_non_null(stack);
    memset(stack, STACK_PAINT, STACK_BYTES);
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstack(&attr, stack, STACK_BYTES), 0);
    assert_int_equal(pthread_create(&thread, &attr, run, arg), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)pthread_attr_destroy(&attr);
    while (untouched < STACK_BYTES && stack[untouched] == STACK_PAINT) {
        untouched++;
    }
    free(stack);
    return STACK_BYTES - untouched;
}

static void stack_most(victim *v, void *arg)
{
    const fz_variants *here = fz_variants_here();
    const size_t idle = stack_of(victim_nothing, NULL);
    size_t *most = arg;

    for (uint32_t i = 0; i < here->count; i++) {
        v->kern = here->kern[i];
        const size_t whole = stack_of(victim_decode, v) - idle;
        assert_int_equal(v->status, HIST_OK);
        *most = whole > *most ? whole : *most;
    }
    if (v->type != HIST_TYPE_STRING && v->type != HIST_TYPE_BOOL) {
        const size_t vectors = stack_of(victim_vectors, v) - idle;

        assert_int_equal(v->status, HIST_OK);
        *most = vectors > *most ? vectors : *most;
    }
}

/* Not above, and so much that the figure is not idle talk. */
static void stack_check(const char *what, size_t most, size_t promised)
{
    print_message("# %s: %zu bytes of stack, %zu promised\n", what, most, promised);
    assert_true(most <= promised);
    assert_true(most >= promised / 2);
}

static void decoders_keep_to_the_stack_that_is_promised(void **state)
{
    size_t warm = 0;
    size_t text = 0;
    size_t cold = 0;

    (void)state;
    if (BOUNDS_SANITIZED) {
        skip();
    }
    cc_seed = 6;
    for (size_t t = 0; t < CC_TYPES; t++) {
        each_block(cc_types[t], HI_PROFILE_WARM, stack_most,
                   cc_types[t] == HIST_TYPE_STRING ? &text : &warm);
    }
    stack_check("warm", warm, HI_DECODE_STACK_WARM);
    stack_check("text", text, HI_DECODE_STACK_TEXT);
    each_block(HIST_TYPE_STRING, HI_PROFILE_COLD, stack_most, &cold);
    print_message("# cold strings: %zu bytes of stack\n", cold);
    assert_true(cold > text && cold <= HI_DECODE_STACK_COLD);
}

static void the_worst_cold_block_keeps_to_it_too(void **state)
{
    static uint8_t block[4 * HI_STREAM_BYTES_MAX];
    size_t most = 0;

    (void)state;
    if (BOUNDS_SANITIZED) {
        skip();
    }
    cc_room room = cc_room_new(0);
    victim v = {.type = HIST_TYPE_REAL, .rows = WORST_ROWS, .room = &room.r};
    cc_seed = 7;
    v.size = worst_block(WORST_RUNS, block);
    v.source = block;
    stack_most(&v, &most);
    stack_check("cold", most, HI_DECODE_STACK_COLD);
    cc_room_free(&room);
}

static void *victim_open(void *arg)
{
    victim *v = arg;
    hi_page_shared shared;

    v->status = hi_page_shared_open(&cc_mem, v->type, v->source, v->size, 0, &shared);
    hi_page_shared_free(&cc_mem, &shared);
    return NULL;
}

/* Its bytes are like those of a block of runs. */
static void the_worst_runs_of_a_page_keep_to_it_too(void **state)
{
    static uint8_t section[4 * HI_STREAM_BYTES_MAX];

    (void)state;
    if (BOUNDS_SANITIZED) {
        skip();
    }
    victim v = {.type = HIST_TYPE_REAL};
    cc_seed = 7;
    v.size = worst_block(HI_PAGE_RUNS_MAX, section);
    section[0] = HI_SHARED_RUNS;
    v.source = section;
    const size_t most = stack_of(victim_open, &v) - stack_of(victim_nothing, NULL);
    assert_int_equal(v.status, HIST_OK);
    stack_check("runs of a page", most, HI_DECODE_STACK_COLD);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(decoding_a_block_allocates_nothing),
    cmocka_unit_test(decoders_keep_to_the_stack_that_is_promised),
    cmocka_unit_test(the_worst_cold_block_keeps_to_it_too),
    cmocka_unit_test(the_worst_runs_of_a_page_keep_to_it_too),
};

CC_MAIN(tests)
