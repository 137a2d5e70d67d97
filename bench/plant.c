/*
 * plant.c -- a plant of machines as line protocol, with faults put in on purpose.
 *
 *   plant [--machines N] [--days D] [--end UNIX_SECONDS] [--seed S] [--faults FILE]
 *         [--tcp ADDR:PORT] [--quiet]
 *
 * One line a machine and minute: DeviceTelemetry,DeviceId=...,DeviceType=... with Temperature,
 * Vibration and Pressure: a daily rhythm, an offset an hour, noise a minute. Faults are a few hours
 * long, lie in the last six days, one at least in the last, and are listed in FILE as CSV. Without
 * --tcp the lines go to stdout; with it they are streamed to histd and its final answer is printed.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PLANT_BUFFER (1U << 20)
enum { PLANT_FAULTS_MAX = 64, PLANT_LINE_MAX = 256 };

static const char *const plant_types[] = {"CNC-Machine", "Press", "Conveyor", "Pump", "Furnace"};
enum { PLANT_TYPES = sizeof(plant_types) / sizeof(plant_types[0]) };

typedef struct plant_fault {
    int machine;
    int64_t from_s;
    int64_t to_s;
    const char *field;
    double temperature; /* Added. */
    double vibration;   /* Factor. */
} plant_fault;

typedef struct plant {
    int machines;
    int days;
    int64_t end_s;
    uint64_t seed;
    const char *faults_path;
    const char *tcp;
    bool quiet;
    int out; /* File descriptor. */
    plant_fault faults[PLANT_FAULTS_MAX];
    int fault_count;
    char *buffer;
    size_t used;
    uint64_t lines;
    uint64_t bytes;
} plant;

/* splitmix64: a value for a key, the same on every machine. */
static uint64_t plant_hash(uint64_t key)
{
    uint64_t z = key + UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Uniform in [-1, 1), by seed, machine, time and purpose. */
static double plant_noise(const plant *p, int machine, int64_t when, int purpose)
{
    const uint64_t key =
        plant_hash(p->seed ^ plant_hash((uint64_t)machine * 16 + (uint64_t)purpose)) ^
        (uint64_t)when;

    return (double)(plant_hash(key) >> 11) / 4503599627370496.0 - 1.0;
}

static void plant_name(const plant *p, int machine, char *name, size_t size)
{
    static const char *const short_names[] = {"cnc", "press", "conveyor", "pump", "furnace"};

    (void)p;
    (void)snprintf(name, size, "%s-%03d", short_names[machine % PLANT_TYPES],
                   machine / PLANT_TYPES + 1);
}

/* ---- output ---- */

static bool plant_write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        const ssize_t n = write(fd, data, size);

        if (n <= 0) {
            perror("plant: write");
            return false;
        }
        data += n;
        size -= (size_t)n;
    }
    return true;
}

static bool plant_flush(plant *p)
{
    const bool ok = plant_write_all(p->out, p->buffer, p->used);

    p->bytes += p->used;
    p->used = 0;
    return ok;
}

/* value with `decimals` digits, without the cost of printf */
static char *plant_number(char *to, double value, int decimals)
{
    static const double scales[] = {1, 10, 100, 1000};
    char digits[24];
    int count = 0;
    int64_t n = llround(fabs(value) * scales[decimals]);

    if (value < 0 && n != 0) {
        *to++ = '-';
    }
    do {
        digits[count++] = (char)('0' + n % 10);
        n /= 10;
        if (count == decimals) {
            digits[count++] = '.';
        }
    } while (n > 0 || count < decimals + 2);
    while (count > 0) {
        *to++ = digits[--count];
    }
    return to;
}

static char *plant_text(char *to, const char *text)
{
    const size_t size = strlen(text);

    memcpy(to, text, size);
    return to + size;
}

/* ---- values ---- */

static void plant_values(const plant *p, int machine, int64_t t, double values[3])
{
    const double day = 2 * M_PI * (double)(t % 86400) / 86400.0;
    const int64_t hour = t / 3600;
    const int type = machine % PLANT_TYPES;
    const double level = 40 + 12 * type + 5 * plant_noise(p, machine, 0, 0);

    values[0] = level + 6 * sin(day) + 0.8 * plant_noise(p, machine, hour, 1) +
                0.3 * plant_noise(p, machine, t, 2);
    values[1] = 0.8 + 0.2 * sin(day + 1) + 0.04 * plant_noise(p, machine, hour, 3) +
                0.02 * plant_noise(p, machine, t, 4);
    values[2] = 4.5 + 0.3 * cos(day) + 0.05 * plant_noise(p, machine, hour, 5) +
                0.02 * plant_noise(p, machine, t, 6);
    for (int i = 0; i < p->fault_count; i++) {
        const plant_fault *f = &p->faults[i];

        if (f->machine == machine && t >= f->from_s && t < f->to_s) {
            /* What is wrong is also restless: the deviation of such an hour is several times that
               of any other. */
            values[0] += f->temperature * (1 + 0.3 * plant_noise(p, machine, t, 7));
            values[1] *= f->vibration;
        }
    }
}

/* Faults of CNC machines, hours long, on hour bounds, spread over the last six days. */
static void plant_make_faults(plant *p)
{
    const int count = p->machines >= 100 ? 12 : p->machines / PLANT_TYPES;
    const int64_t last_hour = p->end_s / 3600;

    for (int i = 0; i < count && i < PLANT_FAULTS_MAX; i++) {
        plant_fault *f = &p->faults[p->fault_count++];
        const int cnc = (int)(plant_hash(p->seed * 31 + (uint64_t)i) %
                              (uint64_t)((p->machines + PLANT_TYPES - 1) / PLANT_TYPES));
        const int64_t from = last_hour - 6 - 11 * i;
        const bool hot = i % 2 == 0;

        *f = (plant_fault){.machine = cnc * PLANT_TYPES,
                           .from_s = from * 3600,
                           .to_s = (from + 2 + i % 3) * 3600,
                           .field = hot ? "Temperature" : "Vibration",
                           .temperature = hot ? (i % 4 == 0 ? 18.0 : -15.0) : 0.0,
                           .vibration = hot ? 1.0 : 2.5};
    }
}

static bool plant_list_faults(const plant *p)
{
    FILE *file = p->faults_path == NULL ? NULL : fopen(p->faults_path, "w");

    if (p->faults_path == NULL) {
        return true;
    }
    if (file == NULL) {
        perror(p->faults_path);
        return false;
    }
    (void)fprintf(file, "DeviceId,Field,From,To\n");
    for (int i = 0; i < p->fault_count; i++) {
        char name[32];
        char from[32];
        char to[32];
        struct tm tm;

        plant_name(p, p->faults[i].machine, name, sizeof(name));
        (void)strftime(from, sizeof(from), "%Y-%m-%dT%H:%M:%SZ",
                       gmtime_r(&(time_t){(time_t)p->faults[i].from_s}, &tm));
        (void)strftime(to, sizeof(to), "%Y-%m-%dT%H:%M:%SZ",
                       gmtime_r(&(time_t){(time_t)p->faults[i].to_s}, &tm));
        (void)fprintf(file, "%s,%s,%s,%s\n", name, p->faults[i].field, from, to);
    }
    return fclose(file) == 0;
}

/* ---- the stream ---- */

static double plant_seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void plant_progress(const plant *p, int64_t done, int64_t all, double since)
{
    const double seconds = plant_seconds() - since;

    if (!p->quiet) {
        (void)fprintf(stderr, "\r  %3d %%  %" PRIu64 " lines, %.0f lines/s ",
                      (int)(done * 100 / all), p->lines,
                      seconds > 0 ? (double)p->lines / seconds : 0.0);
    }
}

static bool plant_stream(plant *p)
{
    char(*heads)[96] = calloc((size_t)p->machines, sizeof(*heads));
    const int64_t minutes = (int64_t)p->days * 1440;
    const int64_t first = p->end_s / 60 * 60 - (minutes - 1) * 60;
    const double since = plant_seconds();
    bool ok = heads != NULL;

    for (int m = 0; ok && m < p->machines; m++) {
        char name[32];

        plant_name(p, m, name, sizeof(name));
        (void)snprintf(heads[m], sizeof(heads[m]),
                       "DeviceTelemetry,DeviceId=%s,DeviceType=%s Temperature=", name,
                       plant_types[m % PLANT_TYPES]);
    }
    for (int64_t minute = 0; ok && minute < minutes; minute++) {
        char stamp[32];

        (void)snprintf(stamp, sizeof(stamp), " %" PRId64 "000000000\n", first + minute * 60);
        for (int m = 0; ok && m < p->machines; m++) {
            double values[3];
            char *to = p->buffer + p->used;

            plant_values(p, m, first + minute * 60, values);
            to = plant_number(plant_text(to, heads[m]), values[0], 2);
            to = plant_number(plant_text(to, ",Vibration="), values[1], 3);
            to = plant_number(plant_text(to, ",Pressure="), values[2], 2);
            to = plant_text(to, stamp);
            p->used = (size_t)(to - p->buffer);
            p->lines++;
            ok = p->used < PLANT_BUFFER || plant_flush(p);
        }
        if (minute % 256 == 0) {
            plant_progress(p, minute, minutes, since);
        }
    }
    ok = ok && plant_flush(p);
    plant_progress(p, minutes, minutes, since);
    if (!p->quiet) {
        (void)fprintf(stderr, "\n");
    }
    free(heads);
    return ok;
}

/* ---- the connection ---- */

static int plant_connect(const char *where)
{
    char host[64];
    const char *colon = strrchr(where, ':');
    struct sockaddr_in address = {.sin_family = AF_INET};

    if (colon == NULL || (size_t)(colon - where) >= sizeof(host)) {
        (void)fprintf(stderr, "plant: --tcp wants ADDR:PORT, not '%s'\n", where);
        return -1;
    }
    memcpy(host, where, (size_t)(colon - where));
    host[colon - where] = '\0';
    address.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        (void)fprintf(stderr, "plant: '%s' is not an IPv4 address\n", host);
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
static bool plant_finish(const plant *p)
{
    char answer[4096];
    ssize_t n = 0;
    bool any = false;

    if (p->tcp == NULL) {
        return true;
    }
    (void)shutdown(p->out, SHUT_WR);
    while ((n = read(p->out, answer, sizeof(answer))) > 0) {
        any = true;
        (void)fwrite(answer, 1, (size_t)n, stdout);
    }
    (void)close(p->out);
    if (!any) {
        (void)fprintf(stderr, "plant: the daemon closed without an answer\n");
    }
    return any;
}

static int plant_usage(void)
{
    (void)fprintf(stderr, "usage: plant [--machines N] [--days D] [--end UNIX_SECONDS] [--seed S] "
                          "[--faults FILE] [--tcp ADDR:PORT] [--quiet]\n");
    return 2;
}

static bool plant_options(plant *p, int argc, char **argv)
{
    static const struct option options[] = {{"machines", 1, NULL, 'm'}, {"days", 1, NULL, 'd'},
                                            {"end", 1, NULL, 'e'},      {"seed", 1, NULL, 's'},
                                            {"faults", 1, NULL, 'f'},   {"tcp", 1, NULL, 't'},
                                            {"quiet", 0, NULL, 'q'},    {NULL, 0, NULL, 0}};
    int c = 0;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'm':
            p->machines = (int)strtol(optarg, NULL, 10);
            break;
        case 'd':
            p->days = (int)strtol(optarg, NULL, 10);
            break;
        case 'e':
            p->end_s = strtoll(optarg, NULL, 10);
            break;
        case 's':
            p->seed = strtoull(optarg, NULL, 10);
            break;
        case 'f':
            p->faults_path = optarg;
            break;
        case 't':
            p->tcp = optarg;
            break;
        case 'q':
            p->quiet = true;
            break;
        default:
            return false;
        }
    }
    return optind == argc && p->machines > 0 && p->machines <= 100000 && p->days > 0 &&
           p->days <= 3660;
}

int main(int argc, char **argv)
{
    plant p = {.machines = 500, .days = 14, .end_s = (int64_t)time(NULL), .seed = 1, .out = 1};

    if (!plant_options(&p, argc, argv)) {
        return plant_usage();
    }
    p.buffer = malloc(PLANT_BUFFER + PLANT_LINE_MAX);
    if (p.buffer == NULL) {
        return 1;
    }
    plant_make_faults(&p);
    if (p.tcp != NULL) {
        p.out = plant_connect(p.tcp);
        if (p.out < 0) {
            return 3;
        }
    }
    const bool ok = plant_list_faults(&p) && plant_stream(&p) && plant_finish(&p);
    free(p.buffer);
    return ok ? 0 : 1;
}
