#include "include/ckvectors.h"

#include <string.h>

typedef float f16 __attribute__((vector_size(64)));
typedef double f64 __attribute__((vector_size(64)));
typedef uint64_t u64 __attribute__((vector_size(64)));

// out = exp(value) for one number or a vector of them, where the result is a normal number: fdlibm's steps. A number
// below 2^51 added to 1.5 x 2^52 leaves the nearest whole one in the lowest bits, and moved up there it is the exponent.
#define EXP_STEPS(real, whole, out, value)                                                                         \
  {                                                                                                                \
    real x_ = (value);                                                                                             \
    real shifted = x_ * 1.44269504088896338700 + 0x1.8p52;                                                         \
    real k = shifted - 0x1.8p52;                                                                                   \
    real high = x_ - k * 6.93147180369123816490e-01;                                                               \
    real low = k * 1.90821492927058770002e-10;                                                                     \
    real r = high - low;                                                                                           \
    real t = r * r;                                                                                                \
    real tail = t * (-1.65339022054652515390e-06 + t * 4.13813679705723846039e-08);                                \
    real c = r - t * (1.66666666666666019037e-01 +                                                                 \
                      t * (-2.77777777770155933842e-03 + t * (6.61375632143793436117e-05 + tail)));                \
    real y = 1 - ((low - (r * c) / (2 - c)) - high);                                                               \
    whole bits;                                                                                                    \
    memcpy(&bits, &shifted, sizeof bits);                                                                          \
    bits = (bits + 1023) << 52;                                                                                    \
    real power;                                                                                                    \
    memcpy(&power, &bits, sizeof power);                                                                           \
    out = y * power;                                                                                               \
  }

static void decays_plain(double *x, double from, double tau, size_t n) {
  for (size_t i = 0; i < n; i++) EXP_STEPS(double, uint64_t, x[i], (x[i] - from) / tau)
}

#define CK_TARGET
#define CK_SUFFIX base
#define CK_NAME "baseline"
#include "vector_body.inc"

#if defined(__x86_64__)
#define CK_TARGET __attribute__((target("arch=x86-64-v3")))
#define CK_SUFFIX v3
#define CK_NAME "x86-64-v3"
#include "vector_body.inc"

#define CK_TARGET __attribute__((target("arch=x86-64-v4")))
#define CK_SUFFIX v4
#define CK_NAME "x86-64-v4"
#include "vector_body.inc"
#endif

// The plain loop: what every variant must equal.
static void ema_plain(float *u, const float *c, float decay, float scale, size_t n) {
  for (size_t i = 0; i < n; i++) {
    float kept = u[i] * decay;
    float added = c[i] * scale;
    u[i] = kept + added;
  }
}

static void add_plain(float *u, const float *c, float scale, size_t n) {
  for (size_t i = 0; i < n; i++) {
    float added = c[i] * scale;
    u[i] = u[i] + added;
  }
}

static void add_all_plain(float *u, const float *const *vectors, const float *scales, size_t count, size_t n) {
  for (size_t k = 0; k < count; k++) add_plain(u, vectors[k], scales[k], n);
}

static void scale_plain(float *u, float scale, size_t n) {
  for (size_t i = 0; i < n; i++) u[i] = u[i] * scale;
}

static float dot_plain(const float *x, const float *y, size_t n) {
  float s[16] = {0};
  for (size_t i = 0; i < n; i++) {
    float product = x[i] * y[i];
    s[i % 16] = s[i % 16] + product;
  }
  for (int width = 8; width > 0; width /= 2)
    for (int k = 0; k < width; k++) s[k] = s[k] + s[k + width];
  return s[0];
}

static float ema_unit_plain(float *u, const float *c, float decay, float scale, size_t n) {
  ema_plain(u, c, decay, scale, n);
  float norm = __builtin_sqrtf(dot_plain(u, u, n));
  if (norm > 0) scale_plain(u, 1.0f / norm, n);
  return norm;
}

static const ck_vector_table table_plain = {"plain",       ema_plain,   ema_unit_plain, add_plain,
                                            add_all_plain, scale_plain, dot_plain,      decays_plain};

static size_t runnable(const ck_vector_table **list) {
  size_t n = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) list[n++] = &table_v4;
  if (__builtin_cpu_supports("x86-64-v3")) list[n++] = &table_v3;
#endif
  list[n++] = &table_base;
  list[n++] = &table_plain;
  return n;
}

size_t ck_vector_variants(void) {
  const ck_vector_table *list[4];
  return runnable(list);
}

const ck_vector_table *ck_vector_variant(size_t index) {
  const ck_vector_table *list[4];
  return index < runnable(list) ? list[index] : &table_plain;
}

ptrdiff_t ck_find_u32(const uint32_t *list, size_t n, uint32_t value) {
  size_t end = n;
  while (end >= 16) {  // blocks from the back: what was used last is met first
    const uint32_t *block = list + end - 16;
    uint32_t any = 0;
    for (int k = 0; k < 16; k++) any |= block[k] == value;
    if (any) break;
    end -= 16;
  }
  while (end-- > 0)
    if (list[end] == value) return (ptrdiff_t)end;
  return -1;
}

static inline __attribute__((always_inline)) ptrdiff_t find_u64(const uint64_t *list, size_t n, unsigned shift,
                                                                uint64_t value) {
  size_t end = n;
  while (end >= 8) {
    const uint64_t *block = list + end - 8;
    uint64_t any = 0;
    for (int k = 0; k < 8; k++) any |= (block[k] >> shift) == value;
    if (any) break;
    end -= 8;
  }
  while (end-- > 0)
    if ((list[end] >> shift) == value) return (ptrdiff_t)end;
  return -1;
}

#if defined(__x86_64__)
/// The oldest x86-64 cannot compare 8 bytes at once; lists of some hundred cells are looked through at every event.
__attribute__((target("arch=x86-64-v3"))) static ptrdiff_t find_u64_v3(const uint64_t *list, size_t n, unsigned shift,
                                                                       uint64_t value) {
  return find_u64(list, n, shift, value);
}
#endif

ptrdiff_t ck_find_u64(const uint64_t *list, size_t n, unsigned shift, uint64_t value) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("x86-64-v3")) return find_u64_v3(list, n, shift, value);
#endif
  return find_u64(list, n, shift, value);
}
