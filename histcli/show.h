/* show.h -- values as text for people: widths, blanks, what is safe to show on a terminal. */
#ifndef SHOW_H
#define SHOW_H

#include "base/buf.h"
#include "formats/cells.h"

/* The value's text, control bytes as escapes; false: it is null and the text says "null". */
bool show_cell(hi_buf *to, cell_cursor *cursor, uint32_t row);
/* The same with what Markdown would take for syntax escaped. */
void show_cell_markdown(hi_buf *to, cell_cursor *cursor, uint32_t row);
void show_markdown(hi_buf *to, hist_str text);
/* Text with control bytes (and bytes that are no UTF-8) as escapes. */
void show_text(hi_buf *to, hist_str text);

bool show_is_number(hist_type type);

/* Columns on the terminal; bytes that are no UTF-8 count as one. */
size_t show_width(const char *text, size_t size);
/* Bytes of the longest beginning that fits into `width` columns. */
size_t show_fit(const char *text, size_t size, size_t width);
void show_pad(hi_buf *to, size_t count);

#endif
