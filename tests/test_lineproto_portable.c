/*
 * test_lineproto_portable.c -- the random tests again over the loops without SSE2, which other
 * machines run: the parser's own sources are compiled into this program.
 */
#define _GNU_SOURCE
#define LP_PORTABLE
#include "../formats/lineproto.c"
#include "../formats/lineproto_error.c"
#include "../formats/lineproto_key.c"
#include "../formats/lineproto_tail.c"
#include "test_lineproto_random.c"
