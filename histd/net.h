/* net.h -- addresses and listening sockets. */
#ifndef HISTD_NET_H
#define HISTD_NET_H

#include <stdbool.h>
#include <stddef.h>

enum { NET_NAME_SIZE = 128 };

typedef struct net_listener {
    int fd;                   /* -1: off. */
    char name[NET_NAME_SIZE]; /* "127.0.0.1:9009", the port that was really taken; "off". */
} net_listener;

/*
 * net_check -- "127.0.0.1:9009", "[::1]:9009" or "localhost:9009": numbers, and the one name.
 *   remote_ok   An address that other machines reach is fine.
 * False, with a sentence in why, when it is no address or may not be used.
 */
bool net_check(const char *address, bool remote_ok, char *why, size_t why_size);

/* Listens there. False: a sentence in why. */
bool net_listen(const char *address, net_listener *listener_out, char *why, size_t why_size);

/* "127.0.0.1:41234" of the peer of a socket. */
void net_peer(int fd, char *name, size_t size);

#endif
