#pragma once
#include <stddef.h>
#include <stdint.h>

/// Kernels of the *Inverse* form: a packed A^-1 of dimension d kept by rank-one updates.
///
/// Packed: rows of 16 x 16 blocks, block row I holds I + 1 blocks per row, diagonal blocks whole; d is padded to a
/// multiple of 16. Contexts and theta are padded likewise, zeros behind d. Every variant computes the same bits:
/// 16 partial sums, one tree, every product-and-add fused.

/// Padded length of a context or theta.
static inline size_t ck_padded(size_t d) { return (d + 15) & ~(size_t)15; }

/// Where row i of a packed inverse begins.
static inline size_t ck_packed_row(size_t i) {
  size_t block = i >> 4;
  return 128 * block * (block + 1) + (i & 15) * 16 * (block + 1);
}

/// Numbers of a packed inverse.
static inline size_t ck_packed_count(size_t d) { return d == 0 ? 0 : ck_packed_row(d - 1) + 16 * ((d - 1) / 16 + 1); }

typedef struct {
  const char *name;
  /// Whether this machine can run it.
  int (*available)(void);
  /// Folds n events of one arm: v = A^-1 x, den = 1 + x.v, theta += v (r - x.theta)/den, A^-1 -= v v'/den.
  /// The update by one event and the product for the next are one sweep over the triangle. `next` (may be null) is
  /// the inverse wanted after this one; it is prefetched. `last` (padded d) receives the last v / den.
  /// Returns how many events were folded: fewer than n when den was below 1 or not finite.
  size_t (*learn_f32)(size_t d, float *inverse, float *theta, const float *const *x, const float *reward, size_t n,
                      const float *next, float *last);
  /// The same, event by event, in two sweeps each.
  size_t (*learn_plainly_f32)(size_t d, float *inverse, float *theta, const float *const *x, const float *reward,
                              size_t n, float *last);
  size_t (*learn_f64)(size_t d, double *inverse, double *theta, const double *const *x, const double *reward, size_t n,
                      const double *next, double *last);
  /// y = A^-1 x.
  void (*multiply_f32)(size_t d, const float *inverse, const float *x, float *y);
  void (*multiply_f64)(size_t d, const double *inverse, const double *x, double *y);
  /// theta.x and sqrt(x' A^-1 x) of n candidates, each with its own inverse (or all with one).
  void (*score_f32)(size_t d, const float *const *inverse, const float *const *theta, const float *const *x, size_t n,
                    float *mean, float *width);
} ck_bandit_kernels;

/// The plain loop first, then baseline, v3, v4.
const ck_bandit_kernels *ck_bandit_variant(size_t index);
size_t ck_bandit_variants(void);
/// The fastest this machine runs; never the plain loop.
const ck_bandit_kernels *ck_bandit_best(void);
