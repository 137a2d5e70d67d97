/*
 * lineproto.h -- line protocol ("v2 strict"), zero-copy and resumable.
 *
 * Bytes in, lines out; no I/O, no allocation. The parser works in two stages so
 * that a known series costs no parsing of tags: lp_next() cuts a line into its
 * raw key (measurement and tags, as written), its fields and its time;
 * lp_parse_key() takes a raw key apart. A key is the same series whenever its
 * raw bytes are the same, so a caller may remember what lp_parse_key() said of
 * them. A line is good only if lp_next() and lp_parse_key() both say so; what
 * lp_parse_key() refuses does not change where the next line begins.
 *
 * The dialect is stated in README.md of this folder.
 */
#ifndef HIST_LINEPROTO_H
#define HIST_LINEPROTO_H

#include "hist_batch.h"

enum {
    LP_LINE_BYTES_MAX = 65536, /* Default of lp_limits.line_bytes. */
    LP_NAME_BYTES_MAX = 1024,
    LP_TAGS_MAX = 64,
    LP_FIELDS_MAX = 512,
    LP_STRING_BYTES_MAX = 65536,
};

typedef enum lp_type {
    LP_REAL = 1,
    LP_LONG = 2,  /* 1i */
    LP_ULONG = 3, /* 1u; fits a long when `integer` is not negative */
    LP_BOOL = 4,
    LP_STRING = 5,
} lp_type;

typedef struct lp_field {
    hist_str key; /* Raw: escapes kept when key_escaped. lp_unescape_key() takes them away. */
    lp_type type;
    bool key_escaped;
    bool text_escaped; /* STRING: value holds escapes; lp_unescape_string(). */
    bool integral;     /* REAL: written without point and exponent. */
    double real;
    int64_t integer; /* LONG, BOOL (0, 1); ULONG: the bits of the uint64. */
    hist_str text;   /* STRING: between the quotes. */
} lp_field;

typedef struct lp_tag {
    hist_str key; /* Unescaped. */
    hist_str value;
} lp_tag;

/* Why a line was refused; names as in the conformance set's error classes where it has one. */
typedef enum lp_error {
    LP_OK = 0,
    LP_ERR_MEASUREMENT, /* measurement missing or not valid */
    LP_ERR_TAG_KEY,
    LP_ERR_TAG_VALUE, /* empty */
    LP_ERR_TAG_DUPLICATE,
    LP_ERR_FIELD_KEY,
    LP_ERR_FIELD_VALUE,
    LP_ERR_NUMBER, /* not a number, or out of range */
    LP_ERR_STRING, /* unterminated string */
    LP_ERR_TIME,
    LP_ERR_TIME_RANGE,
    LP_ERR_UTF8,
    LP_ERR_CONTROL,  /* a control byte */
    LP_ERR_COMMENT,  /* a control byte in a comment */
    LP_ERR_TRAILING, /* something after the timestamp or a value */
    LP_ERR_LINE_LIMIT,
    LP_ERR_NAME_LIMIT,
    LP_ERR_TAG_LIMIT,
    LP_ERR_FIELD_LIMIT,
    LP_ERR_STRING_LIMIT,
} lp_error;

typedef enum lp_status {
    LP_LINE,    /* `line` describes a good line (its key not yet parsed). */
    LP_BAD,     /* A bad line was skipped: parser->error, error_at, error_text. */
    LP_COMMENT, /* A good comment: `line->comment` is the text after '#'. */
    LP_MORE,    /* No complete line is left: give the rest again with more, or with final. */
} lp_status;

typedef struct lp_line {
    hist_str key;     /* Raw measurement and tags. */
    hist_str comment; /* LP_COMMENT only. */
    lp_field *fields; /* In the order written, duplicates included. Points into the parser. */
    uint32_t field_count;
    bool has_time;
    int64_t time_ns;      /* Scaled to ns by the precision. */
    int64_t time_raw;     /* As written. */
    uint64_t line_number; /* 1-based, of the line's first byte. */
} lp_line;

typedef struct lp_limits {
    size_t line_bytes; /* 0: LP_LINE_BYTES_MAX. Strings may contain newlines; they count too. */
} lp_limits;

/* The caller's; about 40 KiB. Fields below `state` are private. */
typedef struct lp_parser {
    int precision; /* hist_precision: 0 ns, 1 us, 2 ms, 3 s. May change between lines. */
    lp_limits limits;
    uint64_t lines;  /* Newlines consumed so far. */
    lp_error error;  /* After LP_BAD. */
    size_t error_at; /* Byte in the line. */
    char error_text
        [160]; /* "column 12: not a number: "1x""; ASCII and UTF-8, control bytes escaped. */
    /* state */
    const char *data; /* What lp_feed() gave. */
    size_t size;
    size_t at; /* Consumed. */
    bool final;
    bool skipping; /* In a line that was refused for its length: up to the next newline. */
    size_t indent; /* Spaces before the line's first byte, consumed already. */
    size_t
        scanned; /* How far the incomplete line was searched, so that bytes are not read twice. */
    unsigned scan_state;
    lp_field fields[LP_FIELDS_MAX];
} lp_parser;

void lp_init(lp_parser *parser, int precision, const lp_limits *limits);

/*
 * Gives the parser a buffer that starts where the last one was consumed up to (parser->at after
 * LP_MORE). The buffer must stay until lp_next() returned LP_MORE. final: nothing follows, a last
 * line without newline is complete. A line longer than the limit gives LP_BAD once, as soon as that
 * is known, and the rest of it is skipped over any number of buffers.
 */
void lp_feed(lp_parser *parser, const char *data, size_t size, bool final);

/* The next line. Empty lines are passed over. Never reads a byte outside the buffer. */
lp_status lp_next(lp_parser *parser, lp_line *line);

/*
 * lp_parse_key -- take a raw key apart: unescaped measurement, tags sorted by key bytes, duplicates
 * refused, UTF-8 and control bytes checked.
 *   scratch   At least key.size bytes; names without escapes point into the key itself.
 *   tags      LP_TAGS_MAX entries.
 * LP_OK, or the reason with parser->error, error_at (from the key's start) and error_text set.
 */
lp_error lp_parse_key(lp_parser *parser, hist_str key, char *scratch, hist_str *measurement_out,
                      lp_tag *tags, uint32_t *tag_count_out);

/* Take escapes away; `to` has room for text.size bytes. Returns the size written. */
size_t lp_unescape_key(hist_str text, char *to);
size_t lp_unescape_string(hist_str text, char *to);

/* Short stable name of an error, such as "tag-key-missing". */
const char *lp_error_name(lp_error error);

/* True when `size` bytes are valid UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool lp_utf8_valid(const char *data, size_t size);

#endif
