/* part_page.h -- the details of a page in the directory of its row group. part.md specifies them. */
#ifndef HI_PART_PAGE_H
#define HI_PART_PAGE_H

#include "store/part_dir.h"

/* Appends them, tiny blocks included; returns how many bytes the page takes in the file, with checksums. */
uint64_t hi_page_details_put(hi_buf *to, const hi_dir_page *page);

#endif
