#define _GNU_SOURCE
#include "csys.h"
#include <sched.h>
#include <time.h>
#include <unistd.h>

int64_t csys_wall_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t csys_monotonic_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int csys_processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

/// Read by jemalloc, where it is linked. Messages are allocated in librdkafka's thread and freed in ours by the million,
/// and the first touch of a page costs more than what is then done with it: memory that is let go of is kept for half a
/// minute, blocks of up to 16 MiB (fetch answers) too; and what those left is split for messages as well, where by
/// default only runs up to 64 times what is asked for are. It halves the page faults of a catch-up.
const char *malloc_conf = "dirty_decay_ms:30000,lg_extent_max_active_fit:16,oversize_threshold:16777216";
