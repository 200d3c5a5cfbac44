#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "platform.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

int medmoe_event_descriptor(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

int32_t medmoe_peer_process(int descriptor) {
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return 0;
    return credentials.pid;
}

void medmoe_name_thread(const char *name) {
    char kept[16] = {0};
    strncpy(kept, name, sizeof kept - 1);
    pthread_setname_np(pthread_self(), kept);
}

int medmoe_close_gate(int listener) {
    // A program for the kernel's packet filter: keep 0 bytes of every packet.
    struct sock_filter nothing[] = {{BPF_RET | BPF_K, 0, 0, 0}};
    struct sock_fprog program = {1, nothing};
    return setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

int medmoe_open_gate(int listener) {
    int ignored = 0;
    return setsockopt(listener, SOL_SOCKET, SO_DETACH_FILTER, &ignored, sizeof ignored);
}

void medmoe_peer_address(int descriptor, char text[64]) {
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    char host[INET6_ADDRSTRLEN] = "";
    text[0] = 0;
    if (getpeername(descriptor, (struct sockaddr *)&peer, &size) != 0) return;
    if (peer.ss_family == AF_INET) {
        struct sockaddr_in *four = (struct sockaddr_in *)&peer;
        if (inet_ntop(AF_INET, &four->sin_addr, host, sizeof host)) snprintf(text, 64, "%s:%u", host, ntohs(four->sin_port));
    } else if (peer.ss_family == AF_INET6) {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)&peer;
        if (!inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof host)) return;
        if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
            snprintf(text, 64, "%s:%u", host + strlen("::ffff:"), ntohs(six->sin6_port));
        } else {
            snprintf(text, 64, "[%s]:%u", host, ntohs(six->sin6_port));
        }
    }
}

void medmoe_wipe(void *bytes, size_t count) { explicit_bzero(bytes, count); }

int medmoe_hold_connection(int descriptor) {
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    int held = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (held < 0) return -1;
    // The number may be another file's by now.
    if (getpeername(held, (struct sockaddr *)&peer, &size) == 0 && (peer.ss_family == AF_INET || peer.ss_family == AF_INET6))
        return held;
    close(held);
    return -1;
}

int medmoe_is_connected(int descriptor) {
    struct pollfd item = {.fd = descriptor, .events = POLLRDHUP};
    return poll(&item, 1, 0) >= 0 && (item.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) == 0;
}

uint64_t medmoe_allow_descriptors(uint64_t count) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    if (limit.rlim_cur >= count) return limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max < count ? limit.rlim_max : count;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    return limit.rlim_cur;
}
