#pragma once
#include <stdint.h>
/// Milliseconds of the wall clock since 1970.
int64_t csys_wall_ms(void);
/// Nanoseconds of the monotonic clock.
int64_t csys_monotonic_ns(void);
/// Processors this process may run on.
int csys_processors(void);

/// One readiness notice of an epoll set.
typedef struct {
  uint64_t data;
  uint32_t events;
} csys_event;

enum { CSYS_IN = 0x001, CSYS_OUT = 0x004, CSYS_ERR = 0x008, CSYS_HUP = 0x010, CSYS_RDHUP = 0x2000 };

// All of these return -errno on failure.

/// Listens on a numeric address ("127.0.0.1", "::1", "::" for both families); non-blocking.
int csys_listen(const char *address, uint16_t port, int backlog);
/// Port a listening socket got, when 0 was asked for.
int csys_bound_port(int fd);
/// Takes one connection, non-blocking, without delay; `peer` gets 16 bytes that stand for the client (an IPv6
/// client by its /64).
int csys_accept(int fd, uint8_t *peer);
/// Connects to a numeric address within a time and sets that time on reads and writes.
int csys_connect(const char *address, uint16_t port, int timeout_ms);
int csys_epoll_create(void);
/// Sets what is waited for on `fd`; adds it when new. `events` 0 keeps only errors and hang-ups.
int csys_epoll_set(int epoll, int fd, uint32_t events, uint64_t data, int is_new);
int csys_epoll_remove(int epoll, int fd);
/// Waits for at most `capacity` (<= 256) notices; 0 after the time or a signal.
int csys_epoll_wait(int epoll, csys_event *events, int capacity, int timeout_ms);
/// A wake-up counter other threads may signal.
int csys_eventfd(void);
void csys_eventfd_signal(int fd);
void csys_eventfd_clear(int fd);
/// The next close of this socket resets the connection.
void csys_reset_on_close(int fd);
/// Sends one datagram to the supervisor's socket (a path, or an abstract name that begins with '@').
int csys_notify(const char *socket, const char *text, int count);
/// Names the calling thread, at most 15 bytes.
void csys_name_thread(const char *name);
