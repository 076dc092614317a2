// The kernels as plain loops over one number type: what every variant must equal, bit for bit.

static REAL NAME(tree)(const REAL *a) {
  REAL g[4];
  for (int i = 0; i < 4; i++) g[i] = (a[4 * i] + a[4 * i + 2]) + (a[4 * i + 1] + a[4 * i + 3]);
  return (g[0] + g[1]) + (g[2] + g[3]);
}

static void NAME(multiply)(size_t d, const REAL *a, const REAL *x, REAL *y) {
  for (size_t j = 0; j < ck_padded(d); j++) y[j] = 0;
  for (size_t block = 0; 16 * block < d; block++) {
    REAL below[16] = {0};
    for (size_t i = 16 * block; i < d && i < 16 * (block + 1); i++) {
      const REAL *row = a + ck_packed_row(i);
      REAL sums[16] = {0};
      for (size_t k = 0; k <= block; k++)
        for (size_t l = 0; l < 16; l++) {
          size_t j = 16 * k + l;
          y[j] = FMA(x[i], row[j], y[j]);
          if (k < block) sums[l] = FMA(row[j], x[j], sums[l]);
        }
      below[i & 15] = NAME(tree)(sums);
    }
    if (block > 0)
      for (size_t l = 0; l < 16; l++) y[16 * block + l] += below[l];
  }
}

static size_t NAME(learn)(size_t d, REAL *a, REAL *theta, const REAL *const *xs, const REAL *r, size_t n,
                          const REAL *next, REAL *last) {
  (void)next;
  REAL y[1024], s[1024];
  for (size_t e = 0; e < n; e++) {
    const REAL *x = xs[e];
    NAME(multiply)(d, a, x, y);
    REAL dx[16], dt[16];
    for (size_t l = 0; l < 16; l++) {
      dx[l] = y[l] * x[l];
      dt[l] = theta[l] * x[l];
    }
    for (size_t j = 16; j < ck_padded(d); j++) {
      dx[j & 15] = FMA(y[j], x[j], dx[j & 15]);
      dt[j & 15] = FMA(theta[j], x[j], dt[j & 15]);
    }
    REAL den = (REAL)1 + NAME(tree)(dx);
    if (!(den >= (REAL)1 && den < (REAL)1e30)) return e;
    REAL inv = (REAL)1 / den, g = (r[e] - NAME(tree)(dt)) * inv;
    for (size_t j = 0; j < ck_padded(d); j++) {
      theta[j] = FMA(g, y[j], theta[j]);
      s[j] = -inv * y[j];
      last[j] = -s[j];
    }
    for (size_t i = 0; i < d; i++) {
      REAL *row = a + ck_packed_row(i);
      for (size_t j = 0; j < 16 * (i / 16 + 1); j++) row[j] = FMA(s[i], y[j], row[j]);
    }
  }
  return n;
}
