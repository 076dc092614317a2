// Stands before the C library's allocator in the test program: every request of a thread that counts is counted, and
// passed on. Swift's objects, arrays and boxes all end here.
#include "count_allocations.h"
#include <errno.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static __thread int counting;
static __thread unsigned long count;

void count_allocations_begin(void) {
  count = 0;
  counting = 1;
}

unsigned long count_allocations_end(void) {
  counting = 0;
  return count;
}

#ifdef SANITIZED
int count_allocations_works(void) { return 0; }
#else
int count_allocations_works(void) { return 1; }

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t bytes) {
  if (counting) count++;
  return __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes) {
  if (counting) count++;
  return __libc_calloc(n, bytes);
}

void *realloc(void *old, size_t bytes) {
  if (counting) count++;
  return __libc_realloc(old, bytes);
}

int posix_memalign(void **place, size_t alignment, size_t bytes) {
  if (counting) count++;
  void *made = __libc_memalign(alignment, bytes);
  if (!made) return ENOMEM;
  *place = made;
  return 0;
}

void *aligned_alloc(size_t alignment, size_t bytes) {
  if (counting) count++;
  return __libc_memalign(alignment, bytes);
}
#endif
