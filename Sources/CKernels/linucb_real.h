// The kernels over one number type. Included by linucb_body.h with REAL, NAME(x) and SQRT set; TARGET is the variant's.

#define V NAME(v16)
#define VU NAME(v16u)
typedef REAL V __attribute__((vector_size(16 * sizeof(REAL))));
typedef REAL VU __attribute__((vector_size(16 * sizeof(REAL)), aligned(sizeof(REAL))));

static inline __attribute__((always_inline)) TARGET V NAME(load)(const REAL *p) { return *(const VU *)p; }
static inline __attribute__((always_inline)) TARGET void NAME(store)(REAL *p, V a) { *(VU *)p = a; }
static inline __attribute__((always_inline)) TARGET V NAME(fma)(V a, V b, V c) { return __builtin_elementwise_fma(a, b, c); }
static inline __attribute__((always_inline)) TARGET V NAME(all)(REAL x) { return (V){0} + x; }

// Sixteen vectors to one whose lane r is the sum of vector r, always ((0+2)+(1+3)) in fours, then the fours alike.
static inline __attribute__((always_inline)) TARGET V NAME(sums)(const V *a) {
  V t[8], u[4];
  for (int i = 0; i < 8; i++)
    t[i] = __builtin_shufflevector(a[2 * i], a[2 * i + 1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29) +
           __builtin_shufflevector(a[2 * i], a[2 * i + 1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
  for (int i = 0; i < 4; i++)
    u[i] = __builtin_shufflevector(t[2 * i], t[2 * i + 1], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
           __builtin_shufflevector(t[2 * i], t[2 * i + 1], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
#define FOURS(p, q)                                                                                            \
  (__builtin_shufflevector(p, q, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +                   \
   __builtin_shufflevector(p, q, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31))
  V w0 = FOURS(u[0], u[1]), w1 = FOURS(u[2], u[3]);
  return FOURS(w0, w1);
#undef FOURS
}

static inline __attribute__((always_inline)) TARGET REAL NAME(sum)(V a) {
  REAL g[4];
  for (int i = 0; i < 4; i++) g[i] = (a[4 * i] + a[4 * i + 2]) + (a[4 * i + 1] + a[4 * i + 3]);
  return (g[0] + g[1]) + (g[2] + g[3]);
}

// One block row: what is wanted of it is constant where it is inlined.
static inline __attribute__((always_inline)) TARGET void NAME(block)(
    const int updating, const int multiplying, const int prefetching, const size_t I, const size_t rows, REAL *a,
    const V *y, const REAL *s, const REAL *x, V *z, const REAL *next) {
  V d[16];
  REAL *row = a + 128 * I * (I + 1);
  for (size_t q = 0; q < rows; q++, row += 16 * (I + 1)) {
    V si = updating ? NAME(all)(s[16 * I + q]) : (V){0};
    V xi = multiplying ? NAME(all)(x[16 * I + q]) : (V){0};
    V dd = (V){0};
    _Pragma("clang loop unroll(full)") for (size_t k = 0; k <= I; k++) {
      V m = NAME(load)(row + 16 * k);
      if (updating) {
        m = NAME(fma)(si, y[k], m);
        NAME(store)(row + 16 * k, m);
      }
      if (prefetching) __builtin_prefetch(next + (row - a) + 16 * k, 1, 2);
      if (multiplying) {
        z[k] = NAME(fma)(xi, m, z[k]);
        if (k < I) dd = NAME(fma)(m, NAME(load)(x + 16 * k), dd);
      }
    }
    d[q] = dd;
  }
  if (multiplying && I > 0) {
    for (size_t q = rows; q < 16; q++) d[q] = (V){0};
    z[I] += NAME(sums)(d);
  }
}

#define MOST 64
static inline __attribute__((always_inline)) TARGET void NAME(sweep)(
    const int updating, const int multiplying, const int prefetching, const size_t d, REAL *a, const V *y, const REAL *s,
    const REAL *x, V *z, const REAL *next) {
#define BLOCK(I, R) NAME(block)(updating, multiplying, prefetching, I, R, a, y, s, x, z, next)
  if (d == 100) {
    BLOCK(0, 16);
    BLOCK(1, 16);
    BLOCK(2, 16);
    BLOCK(3, 16);
    BLOCK(4, 16);
    BLOCK(5, 16);
    BLOCK(6, 4);
  } else {
    for (size_t I = 0; 16 * I < d; I++) BLOCK(I, d - 16 * I < 16 ? d - 16 * I : 16);
  }
#undef BLOCK
}

// Gain and scale of one event; 0 when the inverse is no longer one.
static inline __attribute__((always_inline)) TARGET int NAME(gain)(const size_t n, const V *y, const REAL *x, REAL r,
                                                                   REAL *theta, REAL *s) {
  V dx = y[0] * NAME(load)(x), dt = NAME(load)(theta) * NAME(load)(x);
  for (size_t k = 1; k < n; k++) {
    V xk = NAME(load)(x + 16 * k);
    dx = NAME(fma)(y[k], xk, dx);
    dt = NAME(fma)(NAME(load)(theta + 16 * k), xk, dt);
  }
  REAL den = (REAL)1 + NAME(sum)(dx);
  if (!(den >= (REAL)1 && den < (REAL)1e30)) return 0;
  REAL inv = (REAL)1 / den, g = (r - NAME(sum)(dt)) * inv;
  V vg = NAME(all)(g), vs = NAME(all)(-inv);
  for (size_t k = 0; k < n; k++) {
    NAME(store)(theta + 16 * k, NAME(fma)(vg, y[k], NAME(load)(theta + 16 * k)));
    NAME(store)(s + 16 * k, vs * y[k]);
  }
  return 1;
}

static inline __attribute__((always_inline)) TARGET size_t NAME(fold)(const size_t d, REAL *a, REAL *theta,
                                                                      const REAL *const *xs, const REAL *r, size_t n,
                                                                      const REAL *next, REAL *last, const int fused) {
  const size_t blocks = (d + 15) / 16;
  V y[MOST], z[MOST];
  REAL s[16 * MOST] __attribute__((aligned(64)));
  if (n == 0) return 0;
  for (size_t k = 0; k < blocks; k++) y[k] = (V){0};
  NAME(sweep)(0, 1, 0, d, a, 0, 0, xs[0], y, 0);
  for (size_t e = 0;; e++) {
    if (!NAME(gain)(blocks, y, xs[e], r[e], theta, s)) return e;
    if (e + 1 == n) {
      if (next)
        NAME(sweep)(1, 0, 1, d, a, y, s, 0, 0, next);
      else
        NAME(sweep)(1, 0, 0, d, a, y, s, 0, 0, 0);
      for (size_t k = 0; k < blocks; k++) NAME(store)(last + 16 * k, -NAME(load)(s + 16 * k));
      return n;
    }
    for (size_t k = 0; k < blocks; k++) z[k] = (V){0};
    if (fused) {
      NAME(sweep)(1, 1, 0, d, a, y, s, xs[e + 1], z, 0);
    } else {
      NAME(sweep)(1, 0, 0, d, a, y, s, 0, 0, 0);
      NAME(sweep)(0, 1, 0, d, a, 0, 0, xs[e + 1], z, 0);
    }
    for (size_t k = 0; k < blocks; k++) y[k] = z[k];
  }
}

static TARGET size_t NAME(learn)(size_t d, REAL *a, REAL *theta, const REAL *const *xs, const REAL *r, size_t n,
                                 const REAL *next, REAL *last) {
  return d == 100 ? NAME(fold)(100, a, theta, xs, r, n, next, last, 1) : NAME(fold)(d, a, theta, xs, r, n, next, last, 1);
}

static TARGET void NAME(multiply)(size_t d, const REAL *a, const REAL *x, REAL *out) {
  const size_t blocks = (d + 15) / 16;
  V z[MOST];
  for (size_t k = 0; k < blocks; k++) z[k] = (V){0};
  NAME(sweep)(0, 1, 0, d, (REAL *)a, 0, 0, x, z, 0);
  for (size_t k = 0; k < blocks; k++) NAME(store)(out + 16 * k, z[k]);
}
#undef MOST
#undef V
#undef VU
