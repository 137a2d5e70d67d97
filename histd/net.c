/* net.c -- addresses are numbers (no name server is asked); see net.h. */
#include "histd/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NET_BACKLOG = 512 };

typedef union net_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} net_address;

static socklen_t net_size(const net_address *a)
{
    return a->any.sa_family == AF_INET6 ? (socklen_t)sizeof(a->v6) : (socklen_t)sizeof(a->v4);
}

static bool net_port(const char *text, in_port_t *port_out)
{
    char *end = NULL;
    const long port = text[0] >= '0' && text[0] <= '9' ? strtol(text, &end, 10) : -1;

    if (port < 0 || port > 65535 || *end != '\0') {
        return false;
    }
    *port_out = htons((uint16_t)port);
    return true;
}

/* The part before the last colon, without brackets. */
static bool net_host(const char *text, const char *colon, char *host, size_t size)
{
    size_t length = (size_t)(colon - text);

    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
    } else if (memchr(text, ':', length) != NULL) {
        return false; /* IPv6 needs brackets. */
    }
    if (length >= size) {
        return false;
    }
    memcpy(host, text, length);
    host[length] = '\0';
    return true;
}

static bool net_parse(const char *text, net_address *out, char *why, size_t why_size)
{
    const char *colon = strrchr(text, ':');
    char host[64];
    in_port_t port = 0;

    memset(out, 0, sizeof(*out));
    if (colon == NULL || !net_port(colon + 1, &port) ||
        !net_host(text, colon, host, sizeof(host))) {
        (void)snprintf(why, why_size,
                       "'%s' is not ADDR:PORT, such as 127.0.0.1:9009 or [::1]:9009, with a port "
                       "from 0 to 65535",
                       text);
        return false;
    }
    if (strcmp(host, "localhost") == 0 || inet_pton(AF_INET, host, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = port;
        if (strcmp(host, "localhost") == 0) {
            out->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        }
        return true;
    }
    if (inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = port;
        return true;
    }
    (void)snprintf(why, why_size, "'%s' is not an IPv4 or IPv6 address (names are not looked up)",
                   host);
    return false;
}

static bool net_is_loopback(const net_address *a)
{
    return a->any.sa_family == AF_INET6 ? IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr)
                                        : (ntohl(a->v4.sin_addr.s_addr) >> 24) == 127;
}

bool net_check(const char *address, bool remote_ok, char *why, size_t why_size)
{
    net_address parsed;

    if (!net_parse(address, &parsed, why, why_size)) {
        return false;
    }
    if (!remote_ok && !net_is_loopback(&parsed)) {
        (void)snprintf(why, why_size,
                       "%s can be reached by other machines, and this daemon has neither TLS nor "
                       "credentials: use a loopback address, or say --allow-remote when the "
                       "network is trusted",
                       address);
        return false;
    }
    return true;
}

static void net_print(const net_address *a, char *name, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "?";

    if (a->any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof(host));
        (void)snprintf(name, size, "[%s]:%u", host, (unsigned)ntohs(a->v6.sin6_port));
    } else {
        (void)inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof(host));
        (void)snprintf(name, size, "%s:%u", host, (unsigned)ntohs(a->v4.sin_port));
    }
}

/* The socket, or -1 with errno. */
static int net_bind(const net_address *a)
{
    const int on = 1;
    const int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (a->any.sa_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    if (bind(fd, &a->any, net_size(a)) != 0 || listen(fd, NET_BACKLOG) != 0) {
        const int saved = errno;

        (void)close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

bool net_listen(const char *address, net_listener *listener_out, char *why, size_t why_size)
{
    net_address wanted;
    net_address got = {0};
    socklen_t size = sizeof(got);

    if (!net_parse(address, &wanted, why, why_size)) {
        return false;
    }
    listener_out->fd = net_bind(&wanted);
    if (listener_out->fd < 0) {
        (void)snprintf(why, why_size, "cannot listen on %s: %s%s", address, strerror(errno),
                       errno == EADDRINUSE ? " (another process has it; port 0 takes a free one)"
                                           : "");
        return false;
    }
    (void)getsockname(listener_out->fd, &got.any, &size);
    net_print(&got, listener_out->name, sizeof(listener_out->name));
    return true;
}

void net_peer(int fd, char *name, size_t size)
{
    net_address peer = {0};
    socklen_t length = sizeof(peer);

    if (getpeername(fd, &peer.any, &length) != 0) {
        (void)snprintf(name, size, "a peer that is gone");
        return;
    }
    net_print(&peer, name, size);
}
