/*
 * config.h -- settings of the daemon: defaults, then the file, then the environment, then flags.
 *
 * A setting has one name everywhere: --tcp-idle, HISTD_TCP_IDLE, and tcp-idle in the file.
 */
#ifndef HISTD_CONFIG_H
#define HISTD_CONFIG_H

#include "hist.h"
#include "histd/log.h"

enum { CONFIG_PATH_SIZE = 4096, CONFIG_ADDRESS_SIZE = 128, CONFIG_NAME_SIZE = 256 };

typedef struct histd_config {
    char data[CONFIG_PATH_SIZE];
    char file[CONFIG_PATH_SIZE]; /* --config; "": none. */
    char tcp[CONFIG_ADDRESS_SIZE];
    char http[CONFIG_ADDRESS_SIZE];
    char tcp_database[CONFIG_NAME_SIZE];
    int64_t tcp_precision; /* hist_precision */
    int64_t tcp_connections;
    int64_t tcp_idle_ms;
    int64_t http_connections;
    int64_t http_body;
    int64_t threads; /* Of the TCP listener. */
    int64_t upkeep_threads;
    int64_t commit_ms;
    int64_t memory;
    int64_t query_memory;
    int64_t query_time_ms;
    int64_t partition_ms;
    int64_t retention_ms;
    int64_t cold_after_ms;
    int64_t max_age_ms;
    int64_t max_future_ms;
    int64_t log_level;
    int64_t allow_remote;
    int64_t any_filesystem;
    int64_t check_only;
    bool http_given; /* Asked for, not only the default. */
} histd_config;

typedef enum config_verdict {
    CONFIG_RUN,
    CONFIG_DONE, /* --help or --version was answered. */
    CONFIG_WRONG /* A sentence is in why. */
} config_verdict;

enum { CONFIG_WHY_SIZE = 1024 };

config_verdict config_load(int argc, char **argv, histd_config *config_out, char *why);

#endif
