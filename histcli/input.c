/* input.c -- files, packed or not; see input.h. */
#include "histcli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>
#ifdef HIST_WITH_ZLIB
#include <zlib.h>
#endif

#include "histcli/interrupt.h"

#include "base/err.h"

enum { INPUT_BYTES = 256 << 10, INPUT_PATH_MAX = 4096 };

typedef enum input_kind { INPUT_PLAIN, INPUT_GZIP, INPUT_ZSTD } input_kind;

struct input {
    cli *c;
    const char *path;
    int fd;
    input_kind kind;
    bool at_end;     /* Of the file. */
    bool unfinished; /* Inside of a packed member. */
    size_t from, to; /* What of the buffer is not used yet. */
    uint64_t done;
    uint64_t size;
    bool regular; /* Can be read again from its beginning, which is `start`. */
    off_t start;
    ZSTD_DStream *zstd;
#ifdef HIST_WITH_ZLIB
    z_stream gzip;
    bool gzip_open;
#endif
    char data[INPUT_BYTES];
};

/* Reads on until the buffer has `least` bytes that are not used yet, or the file ends. */
static hist_status input_fill_to(input *in, size_t least, hist_error *err)
{
    if (in->from == in->to) {
        in->from = 0;
        in->to = 0;
    }
    while (in->to - in->from < least && !in->at_end) {
        const ssize_t got = read(in->fd, in->data + in->to, sizeof(in->data) - in->to);

        if (got < 0 && errno != EINTR) {
            return hi_fail_os(err, errno, "cannot read %s", in->path);
        }
        in->to += got > 0 ? (size_t)got : 0;
        in->done += got > 0 ? (uint64_t)got : 0;
        in->at_end = got == 0;
    }
    return HIST_OK;
}

static hist_status input_fill(input *in, hist_error *err)
{
    return input_fill_to(in, 1, err);
}

static hist_status input_start(input *in, hist_error *err)
{
    static const unsigned char gzip[] = {0x1f, 0x8b};
    static const unsigned char zstd[] = {0x28, 0xb5, 0x2f, 0xfd};

    HI_TRY(input_fill_to(in, sizeof(zstd), err));
    if (in->to >= 2 && memcmp(in->data, gzip, 2) == 0) {
        in->kind = INPUT_GZIP;
#ifdef HIST_WITH_ZLIB
        if (inflateInit2(&in->gzip, 15 + 16) != Z_OK) {
            return hi_no_memory(err, "gzip");
        }
        in->gzip_open = true;
#else
        return hi_fail(err, HIST_EINVAL, "%s is gzip; this histcli was built without zlib",
                       in->path);
#endif
    } else if (in->to >= 4 && memcmp(in->data, zstd, 4) == 0) {
        in->kind = INPUT_ZSTD;
        in->zstd = ZSTD_createDStream();
        if (in->zstd == NULL) {
            return hi_no_memory(err, "zstd");
        }
    }
    return HIST_OK;
}

hist_status input_open(cli *c, const char *path, input **out, hist_error *err)
{
    input *in = HI_MEM_NEW(&c->mem, input);
    struct stat info;

    *out = NULL;
    if (in == NULL) {
        return hi_no_memory(err, "a file");
    }
    in->c = c;
    in->path = strcmp(path, "-") == 0 ? "standard input" : path;
    in->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    hist_status status =
        in->fd < 0 ? hi_fail_os(err, errno, "cannot read %s", path) : input_start(in, err);

    if (status == HIST_OK && fstat(in->fd, &info) == 0 && S_ISREG(info.st_mode)) {
        in->size = (uint64_t)info.st_size;
        in->start = lseek(in->fd, 0, SEEK_CUR) - (off_t)in->to;
        in->regular = in->start >= 0;
    }
    if (status != HIST_OK) {
        input_close(in);
        return status;
    }
    *out = in;
    return HIST_OK;
}

void input_close(input *in)
{
    if (in == NULL) {
        return;
    }
#ifdef HIST_WITH_ZLIB
    if (in->gzip_open) {
        (void)inflateEnd(&in->gzip);
    }
#endif
    (void)ZSTD_freeDStream(in->zstd);
    if (in->fd > STDIN_FILENO) {
        (void)close(in->fd);
    }
    HI_MEM_DELETE(&in->c->mem, in);
}

static hist_status input_cut(const input *in, hist_error *err)
{
    return in->unfinished
               ? hi_fail(err, HIST_ECORRUPT, "%s is cut off: its packed data has no end", in->path)
               : HIST_OK;
}

#ifdef HIST_WITH_ZLIB
/* Members follow each other in one file, as cat makes them. */
static hist_status input_gzip(input *in, char *data, size_t size, size_t *got_out, hist_error *err)
{
    in->gzip.next_out = (Bytef *)data;
    in->gzip.avail_out = (uInt)(size < INT32_MAX ? size : INT32_MAX);
    while (in->gzip.avail_out == size) {
        HI_TRY(input_fill(in, err));
        if (in->from == in->to) {
            return input_cut(in, err);
        }
        in->gzip.next_in = (Bytef *)in->data + in->from;
        in->gzip.avail_in = (uInt)(in->to - in->from);
        const int code = inflate(&in->gzip, Z_NO_FLUSH);

        in->from = in->to - in->gzip.avail_in;
        in->unfinished = code != Z_STREAM_END;
        if (code == Z_STREAM_END) {
            (void)inflateReset(&in->gzip);
        } else if (code != Z_OK && code != Z_BUF_ERROR) {
            return hi_fail(err, HIST_ECORRUPT, "%s is no good gzip near byte %llu: %s", in->path,
                           (unsigned long long)(in->done - (in->to - in->from)),
                           in->gzip.msg == NULL ? "damaged" : in->gzip.msg);
        }
    }
    *got_out = size - in->gzip.avail_out;
    return HIST_OK;
}
#endif

static hist_status input_zstd(input *in, char *data, size_t size, size_t *got_out, hist_error *err)
{
    ZSTD_outBuffer out = {data, size, 0};

    while (out.pos == 0) {
        HI_TRY(input_fill(in, err));
        if (in->from == in->to) {
            return input_cut(in, err);
        }
        ZSTD_inBuffer from = {in->data + in->from, in->to - in->from, 0};
        const size_t code = ZSTD_decompressStream(in->zstd, &out, &from);

        in->from += from.pos;
        if (ZSTD_isError(code)) {
            return hi_fail(err, HIST_ECORRUPT, "%s is no good zstd near byte %llu: %s", in->path,
                           (unsigned long long)(in->done - (in->to - in->from)),
                           ZSTD_getErrorName(code));
        }
        in->unfinished = code != 0;
    }
    *got_out = out.pos;
    return HIST_OK;
}

hist_status input_read(input *in, char *data, size_t size, size_t *got_out, hist_error *err)
{
    *got_out = 0;
    switch (in->kind) {
#ifdef HIST_WITH_ZLIB
    case INPUT_GZIP:
        return input_gzip(in, data, size, got_out, err);
#endif
    case INPUT_ZSTD:
        return input_zstd(in, data, size, got_out, err);
    default:
        break;
    }
    HI_TRY(input_fill(in, err));
    const size_t left = in->to - in->from;

    *got_out = left < size ? left : size;
    memcpy(data, in->data + in->from, *got_out);
    in->from += *got_out;
    return HIST_OK;
}

/* ---- checking ---- */

bool input_is_packed(const input *in)
{
    return in->kind != INPUT_PLAIN;
}

static bool input_is_named(const input *in, const char *end)
{
    const size_t size = strlen(in->path);

    return size > strlen(end) && strcmp(in->path + size - strlen(end), end) == 0;
}

/* A file that nobody else finds and that is gone when it is closed. */
static hist_status input_temporary(const char *folder, int *fd_out, hist_error *err)
{
    char path[INPUT_PATH_MAX];
    const int size = snprintf(path, sizeof(path), "%s/histcli-XXXXXX", folder);

    *fd_out = -1;
    if (size < 0 || (size_t)size >= sizeof(path)) {
        return hi_fail(err, HIST_EINVAL, "TMPDIR has too long a name");
    }
    *fd_out = mkstemp(path);
    if (*fd_out < 0) {
        return hi_fail_os(err, errno, "cannot create a temporary file in %s", folder);
    }
    (void)unlink(path);
    return HIST_OK;
}

static hist_status input_write(const input *in, int fd, const char *folder, hist_error *err)
{
    size_t at = in->from;

    while (at < in->to) {
        const ssize_t wrote = write(fd, in->data + at, in->to - at);

        if (wrote < 0 && errno != EINTR) {
            return hi_fail_os(err, errno,
                              "cannot write a temporary copy of %s in %s (TMPDIR names another "
                              "folder)",
                              in->path, folder);
        }
        at += wrote > 0 ? (size_t)wrote : 0;
    }
    return HIST_OK;
}

/* A packed stream can be read but once: its bytes go to a file first. */
static hist_status input_spool(input *in, hist_error *err)
{
    const char *given = getenv("TMPDIR");
    const char *folder = given == NULL || given[0] == '\0' ? "/tmp" : given;
    hist_status status = HIST_OK;
    int fd = -1;

    HI_TRY(input_temporary(folder, &fd, err));
    while (status == HIST_OK && in->from < in->to) {
        status = input_write(in, fd, folder, err);
        in->from = in->to;
        if (status == HIST_OK && interrupt_seen()) {
            status = hi_fail(err, HIST_ECANCELLED, "interrupted");
        }
        if (status == HIST_OK) {
            status = input_fill(in, err);
        }
    }
    if (status != HIST_OK) {
        (void)close(fd);
        return status;
    }
    if (in->fd > STDIN_FILENO) {
        (void)close(in->fd);
    }
    in->fd = fd;
    in->size = in->done;
    in->start = 0;
    return HIST_OK;
}

static hist_status input_rewind(input *in, hist_error *err)
{
    if (lseek(in->fd, in->start, SEEK_SET) != in->start) {
        return hi_fail_os(err, errno, "cannot read %s again", in->path);
    }
    in->from = 0;
    in->to = 0;
    in->done = 0;
    in->at_end = false;
    in->unfinished = false;
#ifdef HIST_WITH_ZLIB
    if (in->gzip_open) {
        (void)inflateReset(&in->gzip);
    }
#endif
    if (in->zstd != NULL) {
        (void)ZSTD_initDStream(in->zstd);
    }
    return HIST_OK;
}

static hist_status input_read_through(input *in, hist_error *err)
{
    char *data = hi_mem_alloc(&in->c->mem, INPUT_BYTES);
    hist_status status = data == NULL ? hi_no_memory(err, "a file") : HIST_OK;
    size_t got = 1;

    while (status == HIST_OK && got > 0) {
        status = interrupt_seen() ? hi_fail(err, HIST_ECANCELLED, "interrupted")
                                  : input_read(in, data, INPUT_BYTES, &got, err);
    }
    hi_mem_free(&in->c->mem, data, INPUT_BYTES);
    return status;
}

hist_status input_check(input *in, hist_error *err)
{
    if ((in->kind != INPUT_GZIP && input_is_named(in, ".gz")) ||
        (in->kind != INPUT_ZSTD && input_is_named(in, ".zst"))) {
        return hi_fail(err, HIST_ECORRUPT, "%s does not begin as its name says", in->path);
    }
    if (!input_is_packed(in)) {
        return HIST_OK;
    }
    if (!in->regular) {
        HI_TRY(input_spool(in, err));
        HI_TRY(input_rewind(in, err));
    }
    HI_TRY(input_read_through(in, err));
    return input_rewind(in, err);
}

void input_progress(const input *in, uint64_t *read_out, uint64_t *size_out)
{
    *read_out = in->done;
    *size_out = in->size;
}
