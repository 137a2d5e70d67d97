/*
 * load.c -- the measured workloads (bench/workload.h) to stdout, or over TCP to histd.
 *
 *   load A|B|C|E [--scale S] [--days D] [--shuffle] [--seed N] [--start UNIX_SECONDS]
 *        [--tcp ADDR:PORT]
 *
 *   --scale    shortens the workload: 0.1 is 2.4 of its 24 hours; C: a tenth of the series
 *   --days     length of E (365)
 *   --shuffle  lines in random order within each million
 *
 * With --tcp the daemon's final answer goes to stdout. What was made goes to stderr:
 * `LINES lines BYTES bytes SECONDS seconds`.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/workload.h"

#define LOAD_BUFFER  ((size_t)256 << 10)
#define LOAD_SHUFFLE ((size_t)1 << 20) /* Lines. */

typedef struct load {
    workload work;
    char kind;
    double scale;
    uint32_t days;
    bool shuffle;
    uint64_t seed;
    int64_t start_s;
    const char *tcp;
    int out;
    uint64_t bytes;
} load;

static double load_seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool load_write(load *l, const char *data, size_t size)
{
    l->bytes += size;
    while (size > 0) {
        const ssize_t n = write(l->out, data, size);

        if (n <= 0) {
            perror("load: write");
            return false;
        }
        data += n;
        size -= (size_t)n;
    }
    return true;
}

static bool load_ordered(load *l)
{
    char *buffer = malloc(LOAD_BUFFER);
    bool ok = buffer != NULL;
    size_t size = 0;

    while (ok && (size = workload_fill(&l->work, buffer, LOAD_BUFFER)) > 0) {
        ok = load_write(l, buffer, size);
    }
    free(buffer);
    return ok;
}

/* Makes up to a million lines, then writes them in random order. */
static bool load_block(load *l, char *text, size_t *offsets)
{
    char *out = malloc(LOAD_BUFFER);
    size_t count = 0;
    size_t used = 0;
    bool ok = out != NULL;

    offsets[0] = 0;
    while (count < LOAD_SHUFFLE && l->work.next < l->work.lines) {
        offsets[count + 1] = (size_t)(workload_line(&l->work, text + offsets[count]) - text);
        count++;
    }
    uint32_t *order = malloc(count * sizeof(uint32_t));
    ok = ok && order != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        const size_t k = (size_t)(workload_random(&l->work) % (i + 1));

        order[i] = order[k];
        order[k] = (uint32_t)i;
    }
    for (size_t i = 0; ok && i < count; i++) {
        const size_t size = offsets[order[i] + 1] - offsets[order[i]];

        if (used + size > LOAD_BUFFER) {
            ok = load_write(l, out, used);
            used = 0;
        }
        memcpy(out + used, text + offsets[order[i]], size);
        used += size;
    }
    ok = ok && load_write(l, out, used);
    free(order);
    free(out);
    return ok;
}

static bool load_shuffled(load *l)
{
    char *text = malloc(LOAD_SHUFFLE * WORKLOAD_LINE_MAX); /* Touched only as far as needed. */
    size_t *offsets = malloc((LOAD_SHUFFLE + 1) * sizeof(size_t));
    bool ok = text != NULL && offsets != NULL;

    while (ok && l->work.next < l->work.lines) {
        ok = load_block(l, text, offsets);
    }
    free(offsets);
    free(text);
    return ok;
}

static int load_connect(const char *where)
{
    char host[64];
    const char *colon = strrchr(where, ':');
    struct sockaddr_in address = {.sin_family = AF_INET};

    if (colon == NULL || (size_t)(colon - where) >= sizeof(host)) {
        (void)fprintf(stderr, "load: --tcp wants ADDR:PORT, not '%s'\n", where);
        return -1;
    }
    memcpy(host, where, (size_t)(colon - where));
    host[colon - where] = '\0';
    address.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        (void)fprintf(stderr, "load: '%s' is not an IPv4 address\n", host);
        return -1;
    }
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        perror(where);
        return -1;
    }
    return fd;
}

/* Ends the stream and prints what the daemon says of it. */
static bool load_finish(const load *l)
{
    char answer[4096];
    ssize_t n = 0;
    bool any = false;

    if (l->tcp == NULL) {
        return true;
    }
    (void)shutdown(l->out, SHUT_WR);
    while ((n = read(l->out, answer, sizeof(answer))) > 0) {
        any = true;
        (void)fwrite(answer, 1, (size_t)n, stdout);
    }
    (void)close(l->out);
    if (!any) {
        (void)fprintf(stderr, "load: the daemon closed without an answer\n");
    }
    return any;
}

static bool load_option(load *l, int c)
{
    switch (c) {
    case 's':
        l->scale = strtod(optarg, NULL);
        return l->scale > 0 && l->scale <= 100;
    case 'd':
        l->days = (uint32_t)strtoul(optarg, NULL, 10);
        return l->days > 0 && l->days <= 3660;
    case 'x':
        l->shuffle = true;
        return true;
    case 'r':
        l->seed = strtoull(optarg, NULL, 10);
        return true;
    case 'b':
        l->start_s = strtoll(optarg, NULL, 10);
        return l->start_s >= 0;
    case 't':
        l->tcp = optarg;
        return true;
    default:
        return false;
    }
}

static bool load_options(load *l, int argc, char **argv)
{
    static const struct option options[] = {{"scale", 1, NULL, 's'},   {"days", 1, NULL, 'd'},
                                            {"shuffle", 0, NULL, 'x'}, {"seed", 1, NULL, 'r'},
                                            {"start", 1, NULL, 'b'},   {"tcp", 1, NULL, 't'},
                                            {NULL, 0, NULL, 0}};
    int c = 0;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (!load_option(l, c)) {
            return false;
        }
    }
    if (optind + 1 != argc || strlen(argv[optind]) != 1 ||
        strchr("ABCE", argv[optind][0]) == NULL) {
        return false;
    }
    l->kind = argv[optind][0];
    return true;
}

int main(int argc, char **argv)
{
    static load l = {.scale = 1, .days = 365, .seed = 1, .start_s = WORKLOAD_START_S, .out = 1};

    if (!load_options(&l, argc, argv)) {
        (void)fprintf(stderr, "usage: load A|B|C|E [--scale S] [--days D] [--shuffle] [--seed N] "
                              "[--start UNIX_SECONDS] [--tcp ADDR:PORT]\n");
        return 2;
    }
    if (!workload_open(&l.work, l.kind, l.scale, l.days)) {
        (void)fprintf(stderr, "load: out of memory\n");
        return 1;
    }
    l.work.random = l.seed;
    l.work.start_ns = l.start_s * INT64_C(1000000000);
    if (l.tcp != NULL && (l.out = load_connect(l.tcp)) < 0) {
        return 3;
    }
    const double since = load_seconds();
    bool ok = l.shuffle ? load_shuffled(&l) : load_ordered(&l);
    ok = load_finish(&l) && ok;
    (void)fprintf(stderr, "%" PRIu64 " lines %" PRIu64 " bytes %.3f seconds\n", l.work.next,
                  l.bytes, load_seconds() - since);
    workload_close(&l.work);
    return ok ? 0 : 1;
}
