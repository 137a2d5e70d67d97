/* lineproto_tail.c -- lines cut by the end of a buffer: waits for a newline outside of strings. */
#include "formats/lineproto_scan.h"

enum tail_state {
    TAIL_START = LP_TAIL_START,
    TAIL_KEY,
    TAIL_KEY_ESCAPE,
    TAIL_GAP, /* Behind the key's space. */
    TAIL_FIELD_FIRST,
    TAIL_FIELD,
    TAIL_FIELD_ESCAPE,
    TAIL_VALUE_FIRST,
    TAIL_VALUE,
    TAIL_STRING,
    TAIL_STRING_ESCAPE,
    TAIL_STRING_END,
    TAIL_REST, /* No string can begin any more: the next newline ends the line. */
};

static unsigned tail_key(char c)
{
    if (c == ' ') {
        return TAIL_GAP;
    }
    return c == '\\' ? TAIL_KEY_ESCAPE : TAIL_KEY;
}

static unsigned tail_field(unsigned state, char c)
{
    if (c == ' ' && state == TAIL_GAP) {
        return TAIL_GAP;
    }
    if (c == '\\') {
        return TAIL_FIELD_ESCAPE;
    }
    if (state == TAIL_FIELD_ESCAPE) {
        return TAIL_FIELD;
    }
    if (c == '=') {
        return state == TAIL_FIELD ? TAIL_VALUE_FIRST : TAIL_REST;
    }
    return c == ' ' || c == ',' ? TAIL_REST : TAIL_FIELD;
}

/* The state behind c, which is not a newline unless in a string. */
static unsigned tail_next(unsigned state, char c)
{
    if (state == TAIL_STRING_ESCAPE || state == TAIL_STRING) {
        if (state == TAIL_STRING_ESCAPE || (c != '"' && c != '\\')) {
            return TAIL_STRING;
        }
        return c == '"' ? TAIL_STRING_END : TAIL_STRING_ESCAPE;
    }
    if (lp_is_control(c)) {
        return TAIL_REST;
    }
    switch (state) {
    case TAIL_START:
        return c == '#' ? TAIL_REST : tail_key(c);
    case TAIL_KEY:
        return tail_key(c);
    case TAIL_KEY_ESCAPE:
        return c == '\\' ? TAIL_KEY_ESCAPE : TAIL_KEY;
    case TAIL_VALUE_FIRST:
        return c == '"' ? TAIL_STRING : c == ',' || c == ' ' ? TAIL_REST : TAIL_VALUE;
    case TAIL_VALUE:
        return c == ',' ? TAIL_FIELD_FIRST : c == ' ' ? TAIL_REST : TAIL_VALUE;
    case TAIL_STRING_END:
        return c == ',' ? TAIL_FIELD_FIRST : TAIL_REST;
    case TAIL_REST:
        return TAIL_REST;
    default:
        return tail_field(state, c);
    }
}

bool lp_tail_ended(lp_parser *parser, const char *line, const char *end)
{
    const char *p = line + parser->scanned;
    unsigned state = parser->scan_state;

    for (; p < end; p++) {
        if (*p == '\n' && state != TAIL_STRING && state != TAIL_STRING_ESCAPE) {
            break;
        }
        state = tail_next(state, *p);
    }
    parser->scanned = (size_t)(p - line);
    parser->scan_state = state;
    return p < end;
}
