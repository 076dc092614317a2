#include "bandit.h"

#define REAL float
#define FMA __builtin_fmaf
#define NAME(x) f32_##x
#include "linucb_plain_real.h"
#undef REAL
#undef FMA
#undef NAME
#define REAL double
#define FMA __builtin_fma
#define NAME(x) f64_##x
#include "linucb_plain_real.h"

static size_t learn_plainly(size_t d, float *a, float *theta, const float *const *xs, const float *r, size_t n,
                            float *last) {
  return f32_learn(d, a, theta, xs, r, n, 0, last);
}

static void score(size_t d, const float *const *inverse, const float *const *theta, const float *const *xs, size_t n,
                  float *mean, float *width) {
  for (size_t c = 0; c < n; c++) {
    const float *a = inverse[c], *x = xs[c], *t = theta[c];
    float dot[16], acc[16] = {0};
    for (size_t l = 0; l < 16; l++) dot[l] = t[l] * x[l];
    for (size_t j = 16; j < ck_padded(d); j++) dot[j & 15] = __builtin_fmaf(t[j], x[j], dot[j & 15]);
    for (size_t i = 0; i < d; i++) {
      const float *row = a + ck_packed_row(i);
      size_t block = i / 16;
      for (size_t l = 0; l < 16; l++) {
        float s = 0;
        for (size_t k = 0; k < block; k++) s = __builtin_fmaf(row[16 * k + l], x[16 * k + l], s);
        s = __builtin_fmaf(row[16 * block + l], x[16 * block + l], s + s);
        acc[l] = __builtin_fmaf(x[i], s, acc[l]);
      }
    }
    float q = f32_tree(acc);
    mean[c] = f32_tree(dot);
    width[c] = q > 0 ? __builtin_sqrtf(q) : 0;
  }
}

static int available(void) { return 1; }

const ck_bandit_kernels ck_bandit_plain = {"plain",       available,    f32_learn, learn_plainly, f64_learn,
                                           f32_multiply, f64_multiply, score};
