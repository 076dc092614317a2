#pragma once
#include <stddef.h>
#include <stdint.h>

/// One instruction-set variant of the float kernels. All variants and the plain loop agree bit for bit:
/// element-wise steps are multiply then add (never fused); sums run in 16 partial sums, lane = index mod 16,
/// then one tree (8, 4, 2, 1).
typedef struct {
  const char *name;
  /// u = decay * u + scale * c.
  void (*ema)(float *u, const float *c, float decay, float scale, size_t n);
  /// The same, then u / |u|; zeros stay zeros. Returns |u| before the division.
  float (*ema_unit)(float *u, const float *c, float decay, float scale, size_t n);
  /// u += scale * c.
  void (*add)(float *u, const float *c, float scale, size_t n);
  /// u += scales[k] * vectors[k], one k after another.
  void (*add_all)(float *u, const float *const *vectors, const float *scales, size_t count, size_t n);
  /// u *= scale.
  void (*scale)(float *u, float scale, size_t n);
  float (*dot)(const float *a, const float *b, size_t n);
  /// x = e to the (x - from) / tau, by the steps of Swift's `Elementary.exp`; within 700 tau of `from`.
  void (*decays)(double *x, double from, double tau, size_t n);
} ck_vector_table;

/// Variants this machine can run, best first; the last one is the plain loop.
size_t ck_vector_variants(void);
const ck_vector_table *ck_vector_variant(size_t index);

/// Index of the last `value` in `list`, -1 if there is none.
ptrdiff_t ck_find_u32(const uint32_t *list, size_t n, uint32_t value);
/// Index of the last cell with cell >> shift == value, -1 if there is none.
ptrdiff_t ck_find_u64(const uint64_t *list, size_t n, unsigned shift, uint64_t value);

/// Asks for `lines` cache lines from `from` on, to be changed.
static inline void ck_prefetch_lines(const void *from, size_t lines) {
  for (size_t k = 0; k < lines; k++) __builtin_prefetch((const char *)from + 64 * k, 1, 3);
}
/// The same for lines that are only read, so that several cores can hold them.
static inline void ck_prefetch_lines_shared(const void *from, size_t lines) {
  for (size_t k = 0; k < lines; k++) __builtin_prefetch((const char *)from + 64 * k, 0, 3);
}

/// Tells the core that it waits for another one.
static inline void ck_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}
