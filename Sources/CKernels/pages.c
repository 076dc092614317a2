#define _GNU_SOURCE
#include "ck_pages.h"
#include <stdint.h>
#include <sys/mman.h>

enum { HUGE = 2 << 20 };

static size_t rounded(size_t bytes) { return (bytes + HUGE - 1) & ~(size_t)(HUGE - 1); }

void *ck_pages(size_t bytes) {
  bytes = rounded(bytes);
  uint8_t *start = mmap(0, bytes + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return 0;
  uint8_t *border = (uint8_t *)rounded((uintptr_t)start);
  if (border > start) munmap(start, (size_t)(border - start));
  size_t behind = (size_t)(start + HUGE - border);
  if (behind > 0) munmap(border + bytes, behind);
  madvise(border, bytes, MADV_HUGEPAGE);
  return border;
}

void ck_pages_free(void *start, size_t bytes) { munmap(start, rounded(bytes)); }
