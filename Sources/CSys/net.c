#define _GNU_SOURCE
#include "csys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

typedef union {
  struct sockaddr any;
  struct sockaddr_in four;
  struct sockaddr_in6 six;
} address;

static int parse(const char *text, uint16_t port, address *out, socklen_t *size) {
  memset(out, 0, sizeof *out);
  if (inet_pton(AF_INET, text, &out->four.sin_addr) == 1) {
    out->four.sin_family = AF_INET;
    out->four.sin_port = htons(port);
    *size = sizeof out->four;
    return 0;
  }
  if (inet_pton(AF_INET6, text, &out->six.sin6_addr) == 1) {
    out->six.sin6_family = AF_INET6;
    out->six.sin6_port = htons(port);
    *size = sizeof out->six;
    return 0;
  }
  return -EINVAL;
}

static int fail(int fd) {
  int e = errno;
  if (fd >= 0) close(fd);
  return -e;
}

int csys_listen(const char *text, uint16_t port, int backlog) {
  address a;
  socklen_t size;
  int rc = parse(text, port, &a, &size);
  if (rc < 0) return rc;
  int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(fd);
  int on = 1, off = 0;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (a.any.sa_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (bind(fd, &a.any, size) < 0 || listen(fd, backlog) < 0) return fail(fd);
  return fd;
}

int csys_bound_port(int fd) {
  address a;
  socklen_t size = sizeof a;
  if (getsockname(fd, &a.any, &size) < 0) return -errno;
  return ntohs(a.any.sa_family == AF_INET ? a.four.sin_port : a.six.sin6_port);
}

int csys_accept(int listener, uint8_t *peer) {
  address a;
  socklen_t size = sizeof a;
  int fd = accept4(listener, &a.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return -errno;
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  memset(peer, 0, 16);
  if (a.any.sa_family == AF_INET) {
    memcpy(peer, &a.four.sin_addr, 4);
  } else if (IN6_IS_ADDR_V4MAPPED(&a.six.sin6_addr)) {
    memcpy(peer, a.six.sin6_addr.s6_addr + 12, 4);
  } else {
    memcpy(peer, a.six.sin6_addr.s6_addr, 8);
    peer[15] = 6;
  }
  return fd;
}

int csys_connect(const char *text, uint16_t port, int timeout_ms) {
  address a;
  socklen_t size;
  int rc = parse(text, port, &a, &size);
  if (rc < 0) return rc;
  int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(fd);
  if (connect(fd, &a.any, size) < 0) {
    if (errno != EINPROGRESS) return fail(fd);
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int n = poll(&p, 1, timeout_ms);
    int e = 0;
    socklen_t width = sizeof e;
    if (n == 0) errno = ETIMEDOUT;
    if (n <= 0) return fail(fd);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &width) < 0) return fail(fd);
    if (e != 0) {
      errno = e;
      return fail(fd);
    }
  }
  if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) < 0) return fail(fd);
  struct timeval t = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
  return fd;
}

int csys_epoll_create(void) {
  int fd = epoll_create1(EPOLL_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int csys_epoll_set(int epoll, int fd, uint32_t events, uint64_t data, int is_new) {
  struct epoll_event e = {.events = events, .data.u64 = data};
  return epoll_ctl(epoll, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &e) < 0 ? -errno : 0;
}

int csys_epoll_remove(int epoll, int fd) {
  return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL) < 0 ? -errno : 0;
}

int csys_epoll_wait(int epoll, csys_event *events, int capacity, int timeout_ms) {
  struct epoll_event raw[256];
  if (capacity > 256) capacity = 256;
  int n = epoll_wait(epoll, raw, capacity, timeout_ms);
  if (n < 0) return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < n; i++) {
    events[i].data = raw[i].data.u64;
    events[i].events = raw[i].events;
  }
  return n;
}

int csys_eventfd(void) {
  int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

void csys_eventfd_signal(int fd) {
  uint64_t one = 1;
  ssize_t n = write(fd, &one, sizeof one);
  (void)n;  // full means signalled already
}

void csys_eventfd_clear(int fd) {
  uint64_t count;
  ssize_t n = read(fd, &count, sizeof count);
  (void)n;
}

void csys_reset_on_close(int fd) {
  struct linger l = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
}

int csys_notify(const char *name, const char *text, int count) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  size_t length = strlen(name);
  if (length < 2 || length >= sizeof a.sun_path || (name[0] != '/' && name[0] != '@')) return -EINVAL;
  memcpy(a.sun_path, name, length);
  if (name[0] == '@') a.sun_path[0] = 0;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
  ssize_t n = sendto(fd, text, (size_t)count, MSG_NOSIGNAL, (struct sockaddr *)&a, size);
  int rc = n < 0 ? -errno : 0;
  close(fd);
  return rc;
}

void csys_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
