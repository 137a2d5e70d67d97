/*
 * kill_writer.c -- writes numbered batches until it is killed, and checks what is left.
 *
 *   kill_writer api DIR ACKS [MEMORY]         through the C API
 *   kill_writer tcp ADDR:PORT ACKS            over TCP: `# sync`, and each 8th batch as a stream of
 *                                             its own with the final `ok`
 *   kill_writer http ADDR:PORT ACKS           POST /api/v2/write, 204
 *   kill_writer check DIR ACKS [--pieces]     every acknowledged row is there, every value is right,
 *                                             and what survives is a prefix of the batches
 *
 * ACKS is the oracle outside the store: the number of a batch is appended to it, with one write(),
 * after the batch was acknowledged and before the next one starts. A writer goes on with the number
 * after the last acknowledged one; that batch may be there already: writing it again changes nothing.
 * --pieces: a batch that was not acknowledged may be there in part (TCP commits what it has).
 * Used by test_kill.sh. Exit 0: right, 1: wrong, 3: cannot reach the daemon or open the store.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hist.h"

enum { KILL_ROWS = 40, KILL_SERIES = 4, KILL_TEXT = KILL_ROWS * 128, KILL_BATCHES_MAX = 4000000 };

#define KILL_START_NS INT64_C(1767225600000000000)

/* ---- what is written: all of a row follows from its batch and its place in it ---- */

static hist_time kill_time(uint64_t batch, int row)
{
    return KILL_START_NS + (int64_t)(batch * KILL_ROWS + (uint64_t)row) * 1000000;
}

static double kill_value(uint64_t batch, int row)
{
    return (double)((batch * 7919 + (uint64_t)row * 104729) % 100000) / 100.0;
}

static size_t kill_text(char *text, uint64_t batch)
{
    size_t size = 0;

    for (int row = 0; row < KILL_ROWS; row++) {
        size += (size_t)snprintf(
            text + size, KILL_TEXT - size,
            "Kill,w=%d n=%" PRIu64 "i,v=%.2f,s=\"batch %" PRIu64 "\" %" PRId64 "\n",
            row % KILL_SERIES, batch, kill_value(batch, row), batch, kill_time(batch, row));
    }
    return size;
}

/* ---- the oracle ---- */

static uint64_t kill_last_ack(const char *path)
{
    FILE *file = fopen(path, "r");
    uint64_t last = 0;
    char line[32];

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        last = strtoull(line, NULL, 10);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return last;
}

static bool kill_ack(int fd, uint64_t batch)
{
    char line[32];
    const int size = snprintf(line, sizeof(line), "%" PRIu64 "\n", batch);

    return write(fd, line, (size_t)size) == size;
}

/* ---- the C API ---- */

static int kill_failed(const char *what, const hist_error *err)
{
    (void)fprintf(stderr, "kill_writer: %s: %s: %s\n", what, hist_status_name(err->code),
                  err->message);
    return 1;
}

/* Both kinds of commit survive kill -9. busy: each 16th batch is preceded by a flush and a merge. */
static hist_status kill_commit(hist_db *db, hist_writer *writer, uint64_t batch, bool busy,
                               hist_error *err)
{
    const bool durable = batch % 8 == 0;
    hist_status status = HIST_OK;

    if (busy && batch % 16 == 0) {
        status = hist_maintain(db, HIST_MAINTAIN_FLUSH | HIST_MAINTAIN_MERGE, err);
    }
    return status == HIST_OK
               ? hist_commit(writer, durable ? HIST_COMMIT_DURABLE : HIST_COMMIT_WRITTEN, NULL, err)
               : status;
}

static int kill_api(const char *dir, const char *acks, uint64_t memory)
{
    static char text[KILL_TEXT];
    const int fd = open(acks, O_WRONLY | O_CREAT | O_APPEND, 0666);
    hist_open_options options = HIST_OPEN_OPTIONS;
    hist_writer *writer = NULL;
    hist_db *db = NULL;
    hist_error err = {.code = HIST_OK};

    options.memory_bytes_max = memory;
    options.wal_segment_bytes = memory == 0 ? 0 : UINT64_C(64) << 10;
    if (fd < 0 || hist_open(dir, &options, &db, &err) != HIST_OK ||
        hist_writer_open(db, NULL, &writer, &err) != HIST_OK) {
        (void)kill_failed("open", &err);
        return 3;
    }
    for (uint64_t batch = kill_last_ack(acks) + 1;; batch++) {
        hist_lp_options lp = HIST_LP_OPTIONS;
        hist_lp_result result;

        if (hist_append_lp(writer, text, kill_text(text, batch), &lp, &result, &err) != HIST_OK ||
            kill_commit(db, writer, batch, memory != 0, &err) != HIST_OK) {
            return kill_failed("write", &err);
        }
        if (result.refused != 0 || !kill_ack(fd, batch)) {
            return 1;
        }
    }
}

/* ---- the network ---- */

static int kill_connect(const char *where)
{
    char host[64] = "";
    const char *colon = strrchr(where, ':');
    struct sockaddr_in address = {.sin_family = AF_INET};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (colon == NULL || (size_t)(colon - where) >= sizeof(host) || fd < 0) {
        return -1;
    }
    memcpy(host, where, (size_t)(colon - where));
    address.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        (void)close(fd);
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

static bool kill_send(int fd, const char *data, size_t size)
{
    while (size > 0) {
        const ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

        if (n <= 0) {
            return false;
        }
        data += n;
        size -= (size_t)n;
    }
    return true;
}

/* Reads up to and with the end `until`; what was read stays in answer. */
static bool kill_read(int fd, const char *until, char *answer, size_t size)
{
    size_t used = 0;

    while (used + 1 < size) {
        const ssize_t n = recv(fd, answer + used, size - used - 1, 0);

        if (n <= 0) {
            return false;
        }
        used += (size_t)n;
        answer[used] = '\0';
        const size_t end = strlen(until);
        if (used >= end && memcmp(answer + used - end, until, end) == 0) {
            return true;
        }
    }
    return false;
}

/* 1: acknowledged, 0: the daemon is gone, -1: it answered something else. */
static int kill_tcp_batch(const char *where, int *fd, uint64_t batch)
{
    static char text[KILL_TEXT + 64];
    char answer[4096] = "";
    char expected[64];
    size_t size = kill_text(text, batch);
    const bool alone = batch % 8 == 0;

    if (*fd < 0 && (*fd = kill_connect(where)) < 0) {
        return 0;
    }
    if (alone) {
        (void)snprintf(expected, sizeof(expected), "ok %d rejected 0\n", KILL_ROWS);
    } else {
        size += (size_t)snprintf(text + size, 64, "# sync b%" PRIu64 "\n", batch);
        (void)snprintf(expected, sizeof(expected), "synced b%" PRIu64 "\n", batch);
    }
    if (!kill_send(*fd, text, size) || (alone && shutdown(*fd, SHUT_WR) != 0) ||
        !kill_read(*fd, "\n", answer, sizeof(answer))) {
        return 0;
    }
    if (strcmp(answer, expected) != 0) {
        (void)fprintf(stderr, "kill_writer: batch %" PRIu64 ": wanted %sgot %s", batch, expected,
                      answer);
        return -1;
    }
    if (alone || batch % 8 == 7) { /* The next one is a stream of its own. */
        (void)close(*fd);
        *fd = -1;
    }
    return 1;
}

static int kill_http_batch(const char *where, int *fd, uint64_t batch)
{
    static char text[KILL_TEXT];
    static char request[KILL_TEXT + 256];
    char answer[8192] = "";
    const size_t size = kill_text(text, batch);
    const int head = snprintf(request, sizeof(request),
                              "POST /api/v2/write?bucket=default&precision=ns HTTP/1.1\r\n"
                              "Host: %s\r\nContent-Length: %zu\r\n\r\n",
                              where, size);

    memcpy(request + head, text, size);
    if ((*fd < 0 && (*fd = kill_connect(where)) < 0) ||
        !kill_send(*fd, request, (size_t)head + size) ||
        !kill_read(*fd, "\r\n\r\n", answer, sizeof(answer))) {
        return 0;
    }
    if (strncmp(answer, "HTTP/1.1 204 ", 13) != 0) {
        (void)fprintf(stderr, "kill_writer: batch %" PRIu64 ": %s\n", batch, answer);
        return -1;
    }
    return 1;
}

static int kill_network(const char *where, const char *acks, bool http)
{
    const int acks_fd = open(acks, O_WRONLY | O_CREAT | O_APPEND, 0666);
    int fd = -1;

    for (uint64_t batch = kill_last_ack(acks) + 1; acks_fd >= 0; batch++) {
        const int done =
            http ? kill_http_batch(where, &fd, batch) : kill_tcp_batch(where, &fd, batch);

        if (done <= 0) {
            return done == 0 ? 0 : 1;
        }
        if (!kill_ack(acks_fd, batch)) {
            return 1;
        }
    }
    return 3;
}

/* ---- checking ---- */

typedef struct kill_found {
    uint64_t *rows; /* By batch: bit i says row i is there. */
    uint64_t highest;
    uint64_t wrong;
} kill_found;

static void kill_wrong(kill_found *found, const char *what, uint64_t batch)
{
    if (found->wrong++ < 10) {
        (void)printf("wrong: batch %" PRIu64 ": %s\n", batch, what);
    }
}

/* Columns: Timestamp, w, n, v, s. */
static void kill_row(kill_found *found, const hist_batch *rows, uint32_t i)
{
    const hist_column *c = rows->columns;
    const int64_t place = (hist_column_i64(&c[0], i) - KILL_START_NS) / 1000000;
    const uint64_t batch = place < 0 ? 0 : (uint64_t)place / KILL_ROWS;
    const int row = (int)(place % KILL_ROWS);
    char tag[16];
    char text[64];

    if (batch == 0 || batch >= KILL_BATCHES_MAX ||
        hist_column_i64(&c[0], i) != kill_time(batch, row)) {
        kill_wrong(found, "a time nobody wrote", batch);
        return;
    }
    const int tag_size = snprintf(tag, sizeof(tag), "%d", row % KILL_SERIES);
    const int text_size = snprintf(text, sizeof(text), "batch %" PRIu64, batch);
    const hist_str w = hist_column_str(&c[1], i);
    const bool valid =
        hist_column_valid(&c[2], i) && hist_column_valid(&c[3], i) && hist_column_valid(&c[4], i);
    const hist_str s = valid ? hist_column_str(&c[4], i) : (hist_str){"", 0};

    if (!valid || hist_column_i64(&c[2], i) != (int64_t)batch ||
        hist_column_f64(&c[3], i) != kill_value(batch, row) || w.size != (size_t)tag_size ||
        memcmp(w.data, tag, w.size) != 0 || s.size != (size_t)text_size ||
        memcmp(s.data, text, s.size) != 0) {
        kill_wrong(found, "a value nobody wrote", batch);
    }
    if (found->rows[batch] >> row & 1) {
        kill_wrong(found, "a row twice", batch);
    }
    found->rows[batch] |= UINT64_C(1) << row;
    found->highest = batch > found->highest ? batch : found->highest;
}

static hist_status kill_scan(hist_db *db, kill_found *found, hist_error *err)
{
    static const char *const columns[] = {"Timestamp", "w", "n", "v", "s"};
    hist_scan_options options = HIST_SCAN_OPTIONS;
    hist_scan *scan = NULL;
    hist_batch batch;
    hist_status status = HIST_OK;

    options.table = "Kill";
    options.columns = columns;
    options.column_count = 5;
    status = hist_scan_open(db, &options, &scan, err);
    while (status == HIST_OK && (status = hist_scan_next(scan, &batch, err)) == HIST_OK &&
           batch.row_count > 0) {
        for (uint32_t i = 0; i < batch.sel_count; i++) {
            kill_row(found, &batch, batch.sel == NULL ? i : batch.sel[i]);
        }
    }
    hist_scan_close(scan);
    return status;
}

/* All acknowledged whole; beyond them at most a prefix, and no half batch unless `pieces`. */
static void kill_judge(kill_found *found, uint64_t acked, bool pieces)
{
    const uint64_t whole = (UINT64_C(1) << KILL_ROWS) - 1;
    uint64_t last = found->highest > acked ? found->highest : acked;

    for (uint64_t batch = 1; batch <= last; batch++) {
        const uint64_t rows = found->rows[batch];

        if (batch <= acked && rows != whole) {
            kill_wrong(found,
                       rows == 0 ? "acknowledged and gone" : "acknowledged, rows are missing",
                       batch);
        } else if (batch > acked + 1 && rows != 0) {
            kill_wrong(found, "nobody can have written this yet", batch);
        } else if (batch > acked && rows != 0 && rows != whole && !pieces) {
            kill_wrong(found, "half a batch", batch);
        } else if (batch > acked && (rows & (rows + 1)) != 0) {
            kill_wrong(found, "rows with a hole between them", batch);
        }
    }
}

static int kill_check(const char *dir, const char *acks, bool pieces)
{
    kill_found found = {.rows = calloc(KILL_BATCHES_MAX, sizeof(uint64_t))};
    const uint64_t acked = kill_last_ack(acks);
    hist_open_options options = HIST_OPEN_OPTIONS;
    hist_db *db = NULL;
    hist_error err = {.code = HIST_OK};

    options.flags = HIST_FLAG_READONLY;
    if (found.rows == NULL || hist_open(dir, &options, &db, &err) != HIST_OK) {
        (void)kill_failed("open", &err);
        free(found.rows);
        return acked == 0 ? 0 : 3; /* Killed before there was a store: nothing to lose. */
    }
    const hist_status status = kill_scan(db, &found, &err);
    if (status != HIST_OK && !(status == HIST_ENOTFOUND && acked == 0)) {
        (void)kill_failed("scan", &err);
        found.wrong++;
    }
    kill_judge(&found, acked, pieces);
    (void)printf("acknowledged %" PRIu64 " batches of %d rows, highest found %" PRIu64
                 ", wrong %" PRIu64 "\n",
                 acked, KILL_ROWS, found.highest, found.wrong);
    if (hist_close(db, &err) != HIST_OK) {
        found.wrong++;
    }
    free(found.rows);
    return found.wrong == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    const char *what = argc > 3 ? argv[1] : "";

    if (strcmp(what, "api") == 0) {
        return kill_api(argv[2], argv[3], argc > 4 ? strtoull(argv[4], NULL, 10) : 0);
    }
    if (strcmp(what, "tcp") == 0 || strcmp(what, "http") == 0) {
        return kill_network(argv[2], argv[3], what[0] == 'h');
    }
    if (strcmp(what, "check") == 0) {
        return kill_check(argv[2], argv[3], argc > 4 && strcmp(argv[4], "--pieces") == 0);
    }
    (void)fprintf(stderr, "usage: kill_writer api|tcp|http|check WHERE ACKS [MEMORY|--pieces]\n");
    return 2;
}
