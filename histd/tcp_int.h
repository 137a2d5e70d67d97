/*
 * tcp_int.h -- shared by the files of the TCP listener.
 *
 * Threads: one takes connections and deals them out; N loops read, parse and commit, each with
 * connections of its own; one makes commits durable. A connection belongs to its loop.
 *
 * Writers belong to the loop, not to connections: whoever has whole lines uses loop->current, so
 * one commit serves many clients and an idle client costs a few hundred bytes. A connection holds
 * a writer of its own only while the parser stands in the middle of one of its lines (a string
 * with line breaks, an overlong line). Other unfinished lines wait in conn->tail, not in a parser.
 *
 * Rounds: a loop commits all its writers in one go and counts these rounds. An answer that promises
 * durability waits until the loop's durable_round has reached the round that took its rows.
 */
#ifndef HISTD_TCP_INT_H
#define HISTD_TCP_INT_H

#include <pthread.h>

#include "histd/tcp.h"

#include "base/buf.h"

enum {
    TCP_READ_BYTES = 128 << 10,     /* Of one read. */
    TCP_TAIL_BYTES_MAX = 256 << 10, /* An unfinished line; the parser refuses longer than 64 KiB. */
    TCP_ERRORS_MAX = 100,
    TCP_REASON_MAX = 480,
    TCP_TOKEN_MAX = 256,
    TCP_SYNCS_MAX = 256,         /* Waiting on one connection, before the loop syncs itself. */
    TCP_REPORTS_KEPT = 32 << 10, /* Of a peer that does not read; the rest is dropped. */
    TCP_OUT_PAUSE = 64 << 10,    /* A peer that does not read so much is not read either. */
    TCP_OUT_MAX = 1 << 20,
    TCP_WRITERS_KEPT = 2,
    TCP_SWEEP_MS = 5000,
    TCP_DISCARD_MS = 5000,
    TCP_NO_ROUND = 0,
};

typedef struct tcp_loop tcp_loop;
typedef struct tcp_conn tcp_conn;

typedef struct tcp_writer {
    struct tcp_writer *next;
    hist_writer *writer;
    tcp_conn *holder; /* In the middle of a line of this connection. */
    bool retired;     /* Its parser was left inside a line: close it when its rows are committed. */
} tcp_writer;

/* An answered # sync that is not durable yet. */
typedef struct tcp_sync {
    struct tcp_sync *next;
    uint64_t round; /* TCP_NO_ROUND: its rows are not committed yet. */
    size_t size;
    char token[];
} tcp_sync;

struct tcp_conn {
    tcp_conn *prev;
    tcp_conn *next;
    tcp_loop *loop;
    int fd;
    uint32_t events; /* Asked of epoll. */
    tcp_writer *writer;
    char *tail; /* The start of a line. */
    size_t tail_size;
    size_t tail_room;
    uint64_t lines;
    uint64_t accepted;
    uint64_t refused;
    int64_t heard_ms;
    hist_precision precision;
    bool started; /* The first line was looked at. */
    bool report;
    bool ended;      /* The peer has said all; the answer waits for end_round. */
    bool discard;    /* Refused as a whole: what it still sends is thrown away. */
    bool suspicious; /* Its times look like another precision. */
    bool dead;       /* Close it after this event. */
    uint64_t end_round;
    unsigned error_count;
    hi_buf errors;
    unsigned sync_count;
    tcp_sync *syncs;
    tcp_sync **syncs_end;
    hi_buf out;
    size_t out_sent;
};

struct tcp_loop {
    tcp_server *server;
    pthread_t thread;
    int epoll_fd;
    int wake_fd;
    pthread_mutex_t lock; /* inbox */
    tcp_conn *inbox;
    tcp_conn *conns;
    atomic_uint conn_count;
    tcp_writer *writers;
    tcp_writer *current;
    char *buffer; /* TCP_TAIL_BYTES_MAX + TCP_READ_BYTES. */
    _Atomic uint64_t committed_round;
    _Atomic uint64_t durable_round;
    uint64_t delivered_round;
    int64_t dirty_ms;  /* Since when rows wait for a commit; 0: none do. */
    int64_t synced_ms; /* When durability was last asked for. */
    int64_t sweep_ms;
    bool answers_due; /* Somebody waits for a commit. */
    bool failing;     /* Commits fail; said in the log. */
    _Atomic uint64_t accepted;
    _Atomic uint64_t refused;
    _Atomic uint64_t bytes;
};

struct tcp_server {
    tcp_options options;
    char database[1025];
    char http_name[128];
    hi_mem mem;
    pthread_t acceptor;
    pthread_t syncer;
    bool acceptor_runs;
    bool syncer_runs;
    int stop_fd;  /* Wakes the acceptor. */
    int spare_fd; /* Given up for a moment when there are no descriptors left. */
    atomic_bool stopping;
    pthread_mutex_t sync_lock;
    pthread_cond_t sync_wake;
    bool sync_wanted;
    bool sync_stop;
    unsigned loop_count; /* That run. */
    tcp_loop *loops;
};

/* tcp_feed.c: bytes of a connection into rows. */
/* data are the bytes the parser has not had; `final`: nothing follows. The rest becomes the tail. */
void tcp_take(tcp_conn *conn, const char *data, size_t size, bool final);

/* tcp_conn.c */
tcp_conn *tcp_conn_new(tcp_loop *loop, int fd);
void tcp_conn_free(tcp_conn *conn); /* Closes; takes it off its loop. */
void tcp_conn_event(tcp_conn *conn, uint32_t events);
void tcp_conn_read(tcp_conn *conn);
void tcp_conn_flush(tcp_conn *conn);
/* Refuses the whole connection with a line. */
void tcp_conn_turn_away(tcp_conn *conn, const char *reason);
/* Its last line has come, or will not: it is answered with the next durable round. */
void tcp_conn_end(tcp_conn *conn);
/* Sends what the durable round allows. */
void tcp_conn_deliver(tcp_conn *conn, uint64_t durable_round);
/* Its rows are in this round. */
void tcp_conn_committed(tcp_conn *conn, uint64_t round);

/* tcp_loop.c */
void *tcp_loop_run(void *loop);
bool tcp_loop_open(tcp_loop *loop, tcp_server *server);
void tcp_loop_close(tcp_loop *loop);
/* The writer for whole lines; NULL: it cannot be opened now (err says why). */
tcp_writer *tcp_loop_writer(tcp_loop *loop, hist_error *err);
/* Commits what waits; false: not now. */
bool tcp_loop_commit(tcp_loop *loop);
/* Waits for what made `err`, in steps; false: the daemon is being stopped. */
bool tcp_loop_relieve(tcp_loop *loop, const hist_error *err);
void tcp_loop_dirty(tcp_loop *loop);
void tcp_loop_wake(tcp_loop *loop);

/* tcp.c */
void tcp_want_sync(tcp_server *server);

#endif
