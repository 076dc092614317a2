// One instruction set's kernels. Included once per variant with VARIANT(x), TARGET, LABEL and AVAILABLE set; SCORE names another
// variant's scoring where that is the faster one.

#define REAL float
#define NAME(x) VARIANT(f32_##x)
#include "linucb_real.h"

static TARGET size_t VARIANT(learn_plainly)(size_t d, float *a, float *theta, const float *const *xs, const float *r,
                                            size_t n, float *last) {
  return NAME(fold)(d, a, theta, xs, r, n, 0, last, 0);
}

#ifndef SCORE
#define SCORE VARIANT(score)
#define V NAME(v16)
static inline __attribute__((always_inline)) TARGET void VARIANT(form)(const size_t I, const size_t rows, const float *a,
                                                                       const float *x, V *acc) {
  const float *row = a + 128 * I * (I + 1);
  for (size_t q = 0; q < rows; q++, row += 16 * (I + 1)) {
    V s = (V){0};
    _Pragma("clang loop unroll(full)") for (size_t k = 0; k < I; k++) s =
        NAME(fma)(NAME(load)(row + 16 * k), NAME(load)(x + 16 * k), s);
    s = NAME(fma)(NAME(load)(row + 16 * I), NAME(load)(x + 16 * I), s + s);
    *acc = NAME(fma)(NAME(all)(x[16 * I + q]), s, *acc);
  }
}

static TARGET void VARIANT(score)(size_t d, const float *const *inverse, const float *const *theta,
                                  const float *const *xs, size_t n, float *mean, float *width) {
  const size_t blocks = (d + 15) / 16;
  for (size_t c = 0; c < n; c++) {
    const float *a = inverse[c], *x = xs[c], *t = theta[c];
    V dot = NAME(load)(t) * NAME(load)(x), acc = (V){0};
    for (size_t k = 1; k < blocks; k++) dot = NAME(fma)(NAME(load)(t + 16 * k), NAME(load)(x + 16 * k), dot);
    if (d == 100) {
      VARIANT(form)(0, 16, a, x, &acc);
      VARIANT(form)(1, 16, a, x, &acc);
      VARIANT(form)(2, 16, a, x, &acc);
      VARIANT(form)(3, 16, a, x, &acc);
      VARIANT(form)(4, 16, a, x, &acc);
      VARIANT(form)(5, 16, a, x, &acc);
      VARIANT(form)(6, 4, a, x, &acc);
    } else {
      for (size_t I = 0; I < blocks; I++) VARIANT(form)(I, d - 16 * I < 16 ? d - 16 * I : 16, a, x, &acc);
    }
    float q = NAME(sum)(acc);
    mean[c] = NAME(sum)(dot);
    width[c] = q > 0 ? __builtin_sqrtf(q) : 0;
  }
}
#undef V
#endif
#undef NAME
#undef REAL

#define REAL double
#define NAME(x) VARIANT(f64_##x)
#include "linucb_real.h"
#undef NAME
#undef REAL

static int VARIANT(available)(void) { return AVAILABLE; }
static const ck_bandit_kernels VARIANT(table) = {LABEL,
                                                 VARIANT(available),
                                                 VARIANT(f32_learn),
                                                 VARIANT(learn_plainly),
                                                 VARIANT(f64_learn),
                                                 VARIANT(f32_multiply),
                                                 VARIANT(f64_multiply),
                                                 SCORE};
#undef VARIANT
#undef TARGET
#undef LABEL
#undef SCORE
#undef AVAILABLE
